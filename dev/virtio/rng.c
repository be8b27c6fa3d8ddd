/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio entropy device (virtio 1.2, section 5.4): one queue, each chain of
 * writable buffers is filled with random bytes from the host's getrandom, on
 * the I/O thread.  A chain gets at most 4 KiB, which the specification allows,
 * so that a round of requests does not keep the thread for long; by way of a
 * buffer of ours, so that reservations in the guest's die as the bytes arrive.
 */
#include "dev/virtio/rng.h"

#include <errno.h>
#include <sys/random.h>

#include "dev/virtio/virtio.h"

enum { RNG_DEVICE_ID = 4, RNG_CHAIN_MAX = 4096 };

/* Bytes written; less than len when the host fails. */
static uint64_t rng_fill(void *buf, uint64_t len)
{
    uint64_t done = 0;
    while (done < len) {
        ssize_t n = getrandom((uint8_t *)buf + done, len - done, 0);
        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (uint64_t)n : 0;
    }
    return done;
}

static uint32_t rng_fill_chain(struct virtio *v, const struct ring_chain *c)
{
    uint8_t bytes[RNG_CHAIN_MAX];
    uint64_t len = rng_fill(bytes, min_u64(iov_bytes(c->iov, c->n_in), sizeof(bytes)));
    return (uint32_t)iov_write(v->dev.env->pm, c->iov, c->n_in, 0, bytes, len);
}

static void rng_serve(struct virtio *v, unsigned q)
{
    struct ring_chain c;
    while (virtio_pop(v, q, &c)) {
        if (c.n_out || !c.n_in) {
            virtio_broken(v, "a buffer that the entropy device cannot write");
            return;
        }
        virtio_push(v, q, c.head, rng_fill_chain(v, &c));
    }
    virtio_signal(v, q);
}

static const struct virtio_ops rng_ops = {.device_id = RNG_DEVICE_ID, .serve = rng_serve};

static int rng_init(struct dev *d, const void *config)
{
    struct virtio *v = virtio_of(d);
    (void)config;
    v->ops = &rng_ops;
    v->queue_count = 1;
    return virtio_init(v);
}

static void rng_fini(struct dev *d)
{
    virtio_fini(virtio_of(d));
}

const struct dev_type virtio_rng_type = {
    .name = "virtio-rng",
    .device_type = MH_DEVICE_CUSTOM,
    .size = sizeof(struct virtio),
    .mmio_size = VIRTIO_MMIO_SIZE,
    .init = rng_init,
    .reset = virtio_mmio_reset,
    .fini = rng_fini,
    .read = virtio_mmio_read,
    .write = virtio_mmio_write,
    .fdt = virtio_mmio_fdt,
    .save = virtio_mmio_save,
    .load = virtio_mmio_load,
};
