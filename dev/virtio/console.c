/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio console (virtio 1.2, section 5.3), one port.  Queue 0 takes input to
 * the guest, queue 1 its output.  Configuration space: cols (16 bits), rows
 * (16), max_nr_ports (32, unused), emerg_wr (32, one character on any write).
 *
 * Output goes from the guest's buffers to the stream; when that is full the
 * chain stays with us (tx) until the stream has room.  Input is read straight
 * into the guest's buffers, and only when both input and a buffer are there:
 * what the guest does not take stays in the stream.
 *
 * Everything runs on the I/O thread under dev.lock.
 */
#include "dev/virtio/console.h"

#include <errno.h>
#include <string.h>

#include "dev/chardev.h"
#include "dev/virtio/virtio.h"
#include "sim/base/error.h"

enum { CONSOLE_DEVICE_ID = 3, CONSOLE_RX = 0, CONSOLE_TX = 1 };
enum { CONSOLE_F_SIZE = 0, CONSOLE_F_EMERG_WRITE = 2 };
enum { CONSOLE_EMERG_WR = 8 };

struct console_config_space {
    uint16_t cols, rows;
    uint32_t max_nr_ports;
    uint32_t emerg_wr;
};

struct console {
    struct virtio virtio;
    struct chardev *chardev; /* constant */
    struct chardev_listener listener;
    struct console_config_space space; /* under dev.lock, as the rest */
    bool tx_waits;                     /* a chain is held, tx_done bytes of it are out */
    struct ring_chain tx;
    uint64_t tx_done;
};

static struct console *console_of(struct virtio *v)
{
    return container_of(v, struct console, virtio);
}

/* Sends the chain from where it stopped; true when all of it is out. */
static bool console_send(struct console *c)
{
    const struct ring_chain *tx = &c->tx;
    uint64_t skip = c->tx_done;
    for (unsigned i = 0; i < tx->n_out; i++) {
        if (skip >= tx->iov[i].iov_len) {
            skip -= tx->iov[i].iov_len;
            continue;
        }
        uint64_t len = tx->iov[i].iov_len - skip;
        size_t n = chardev_write(c->chardev, (const uint8_t *)tx->iov[i].iov_base + skip, len);
        c->tx_done += n;
        if (n < len)
            return false;
        skip = 0;
    }
    return true;
}

static void console_serve_tx(struct console *c)
{
    struct virtio *v = &c->virtio;
    while (c->tx_waits || virtio_pop(v, CONSOLE_TX, &c->tx)) {
        if (!c->tx_waits)
            c->tx_done = 0;
        c->tx_waits = !console_send(c);
        if (c->tx_waits)
            break;
        virtio_push(v, CONSOLE_TX, c->tx.head, 0);
    }
    virtio_signal(v, CONSOLE_TX);
}

static uint32_t console_receive(struct console *c, const struct ring_chain *rx)
{
    uint32_t done = 0;
    for (unsigned i = 0; i < rx->n_in; i++) {
        size_t n = chardev_read(c->chardev, rx->iov[i].iov_base, rx->iov[i].iov_len);
        done += (uint32_t)n;
        if (n < rx->iov[i].iov_len)
            break;
    }
    iov_written(c->virtio.dev.env->pm, rx->iov, rx->n_in, done);
    return done;
}

static void console_serve_rx(struct console *c)
{
    struct virtio *v = &c->virtio;
    struct ring_chain rx;
    while (chardev_readable(c->chardev) && virtio_pop(v, CONSOLE_RX, &rx)) {
        if (rx.n_out || !rx.n_in) {
            virtio_broken(v, "a receive buffer that the console cannot write");
            return;
        }
        uint32_t n = console_receive(c, &rx);
        if (!n) { /* another listener was faster */
            ring_unpop(&v->queues[CONSOLE_RX].ring);
            break;
        }
        virtio_push(v, CONSOLE_RX, rx.head, n);
    }
    virtio_signal(v, CONSOLE_RX);
}

static void console_serve(struct virtio *v, unsigned q)
{
    if (q == CONSOLE_TX)
        console_serve_tx(console_of(v));
    else
        console_serve_rx(console_of(v));
}

static void console_readable(void *opaque)
{
    struct console *c = opaque;
    lock_take(&c->virtio.dev.lock);
    virtio_kick(&c->virtio, CONSOLE_RX);
    lock_drop(&c->virtio.dev.lock);
}

static void console_writable(void *opaque)
{
    struct console *c = opaque;
    lock_take(&c->virtio.dev.lock);
    virtio_kick(&c->virtio, CONSOLE_TX);
    lock_drop(&c->virtio.dev.lock);
}

/* Also when the queue alone was stopped: the chain held belongs to the driver again. */
static void console_quiesce(struct virtio *v)
{
    if (!v->queues[CONSOLE_TX].ring.ready)
        console_of(v)->tx_waits = false;
}

static void console_config_read(struct virtio *v, unsigned offset, void *buf, unsigned len)
{
    memcpy(buf, (const uint8_t *)&console_of(v)->space + offset, len);
}

static void console_config_write(struct virtio *v, unsigned offset, const void *buf, unsigned len)
{
    if (offset == CONSOLE_EMERG_WR && len)
        chardev_write(console_of(v)->chardev, buf, 1);
}

static const struct virtio_ops console_ops = {
    .device_id = CONSOLE_DEVICE_ID,
    .config_read = console_config_read,
    .config_write = console_config_write,
    .serve = console_serve,
    .quiesce = console_quiesce,
};

void virtio_console_resize(struct dev *d, unsigned cols, unsigned rows)
{
    struct console *c = console_of(virtio_of(d));
    lock_take(&d->lock);
    c->space.cols = (uint16_t)cols;
    c->space.rows = (uint16_t)rows;
    virtio_config_changed(&c->virtio);
    lock_drop(&d->lock);
}

static int console_init(struct dev *d, const void *config)
{
    const struct virtio_console_config *cfg = config;
    struct virtio *v = virtio_of(d);
    struct console *c = console_of(v);
    unsigned cols = 80, rows = 25;
    if (!cfg || !cfg->chardev)
        return error_set(MH_ERROR_DEVICE, -EINVAL, "chardev", NULL, "%s: needs a character stream",
                         d->name);
    c->chardev = cfg->chardev;
    chardev_window_size(c->chardev, &cols, &rows);
    c->space = (struct console_config_space){(uint16_t)cols, (uint16_t)rows, 1, 0};
    v->ops = &console_ops;
    v->offered = 1ull << CONSOLE_F_SIZE | 1ull << CONSOLE_F_EMERG_WRITE;
    v->config_size = sizeof(c->space);
    v->queue_count = 2;
    int err = virtio_init(v);
    if (err)
        return err;
    c->listener = (struct chardev_listener){console_readable, console_writable, c, NULL};
    chardev_listen(c->chardev, &c->listener);
    return 0;
}

static void console_fini(struct dev *d)
{
    struct console *c = console_of(virtio_of(d));
    chardev_unlisten(c->chardev, &c->listener);
    virtio_fini(&c->virtio);
}

const struct dev_type virtio_console_type = {
    .name = "virtio-console",
    .device_type = MH_DEVICE_SERIAL,
    .size = sizeof(struct console),
    .mmio_size = VIRTIO_MMIO_SIZE,
    .init = console_init,
    .reset = virtio_mmio_reset,
    .fini = console_fini,
    .read = virtio_mmio_read,
    .write = virtio_mmio_write,
    .fdt = virtio_mmio_fdt,
    .save = virtio_mmio_save,
    .load = virtio_mmio_load,
};
