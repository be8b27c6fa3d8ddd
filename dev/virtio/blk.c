/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio block device (virtio 1.2, section 5.2) on a disk image.
 *
 * A request is a chain: 16 bytes { type, reserved, sector } that we read, data
 * in one of the two directions, one status byte that we write.  Where these lie
 * in the chain's buffers is the driver's choice.  A chain that has no place for
 * header or status breaks the protocol; anything else that is wrong with a
 * request is answered in its status byte.
 *
 * Data moves between the image and guest memory in place.  The request struct
 * carries the generations of device and queue: what completes after a reset, or
 * after its queue was stopped, is dropped.  Requests in flight are in a list,
 * so that the reset can report what the host wrote on their behalf before it
 * returns.
 *
 * Without VIRTIO_BLK_F_FLUSH negotiated the driver may believe that a completed
 * write is safe (5.2.6.2), so a flush follows each write then.
 *
 * Runs on the I/O thread under dev.lock; reset on any hart's.
 */
#include "dev/virtio/blk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/virtio/virtio.h"
#include "sim/base/error.h"

enum {
    BLK_DEVICE_ID = 2,
    BLK_SECTOR = 512,
    BLK_SEG_MAX = VIRTIO_QUEUE_SIZE - 2,
    BLK_ID_BYTES = 20
};
enum { BLK_DISCARD_MAX_SECTORS = 1 << 22, BLK_UNMAP = 1 /* flag of a range */ };

enum blk_feature {
    BLK_F_SEG_MAX = 2,
    BLK_F_RO = 5,
    BLK_F_BLK_SIZE = 6,
    BLK_F_FLUSH = 9,
    BLK_F_MQ = 12,
    BLK_F_DISCARD = 13,
    BLK_F_WRITE_ZEROES = 14,
};

enum blk_type {
    BLK_T_IN = 0,
    BLK_T_OUT = 1,
    BLK_T_FLUSH = 4,
    BLK_T_GET_ID = 8,
    BLK_T_DISCARD = 11,
    BLK_T_WRITE_ZEROES = 13,
};

enum blk_status { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };

struct blk_config_space {
    uint64_t capacity; /* sectors */
    uint32_t size_max, seg_max;
    uint16_t cylinders;
    uint8_t heads, sectors;
    uint32_t blk_size;
    uint8_t physical_block_exp, alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap, unused1[3];
};

_Static_assert(sizeof(struct blk_config_space) == 64, "5.2.4, up to write_zeroes_may_unmap");

struct blk_header {
    uint32_t type, reserved;
    uint64_t sector;
};

struct blk_range {
    uint64_t sector;
    uint32_t num_sectors, flags;
};

struct blk {
    struct virtio virtio;
    struct hostfile *file;         /* constant */
    char id[BLK_ID_BYTES];         /* constant */
    struct blk_config_space space; /* constant */
    struct blk_request *in_flight; /* under dev.lock */
};

struct blk_request {
    struct hostfile_request io;
    struct blk *blk;
    struct blk_request *prev, *next; /* in blk->in_flight */
    uint32_t generation, queue_generation;
    uint16_t queue, head;
    bool flushing;       /* the flush after a write-through write */
    struct iovec status; /* one byte */
    unsigned n_data;
    struct iovec data[]; /* of the data part */
};

static struct blk *blk_of(struct virtio *v)
{
    return container_of(v, struct blk, virtio);
}

/* ---- requests in flight -------------------------------------------------- */

static void blk_link(struct blk *b, struct blk_request *r)
{
    r->prev = NULL;
    r->next = b->in_flight;
    if (r->next)
        r->next->prev = r;
    b->in_flight = r;
    physmem_lend(b->virtio.dev.env->pm);
}

static void blk_unlink(struct blk *b, struct blk_request *r)
{
    physmem_lend_end(b->virtio.dev.env->pm);
    if (r->prev)
        r->prev->next = r->next;
    else
        b->in_flight = r->next;
    if (r->next)
        r->next->prev = r->prev;
}

static bool blk_is_current(const struct blk_request *r)
{
    const struct virtio *v = &r->blk->virtio;
    /* In this order: after virtio_fini there are no queues, but the first comparison fails. */
    return r->generation == v->generation && r->queue_generation == v->queues[r->queue].generation;
}

/* Tells the memory what the host wrote into the request's buffers. */
static void blk_report_written(struct blk_request *r)
{
    if (r->io.op == HOSTFILE_READ && !r->flushing)
        iov_written(r->blk->virtio.dev.env->pm, r->data, r->n_data, r->io.len);
}

/* ---- answers ------------------------------------------------------------- */

static void blk_answer(struct virtio *v, unsigned q, uint16_t head, const struct iovec *status,
                       enum blk_status code, uint32_t written)
{
    uint8_t byte = (uint8_t)code;
    iov_write(v->dev.env->pm, status, 1, 0, &byte, 1);
    virtio_push(v, q, head, written + 1);
}

/* A write is not done before its flush, where the driver counts on that. */
static bool blk_flush_after(struct blk_request *r)
{
    if (r->io.op == HOSTFILE_READ || r->io.op == HOSTFILE_FLUSH ||
        virtio_has(&r->blk->virtio, BLK_F_FLUSH))
        return false;
    r->flushing = true;
    r->io.op = HOSTFILE_FLUSH;
    hostfile_submit(r->blk->file, &r->io);
    hostfile_kick(r->blk->file);
    return true;
}

static void blk_complete_locked(struct blk_request *r, int err)
{
    struct virtio *v = &r->blk->virtio;
    uint32_t written = r->io.op == HOSTFILE_READ && !err ? (uint32_t)r->io.len : 0;
    blk_report_written(r);
    blk_answer(v, r->queue, r->head, &r->status, err ? BLK_S_IOERR : BLK_S_OK, written);
    virtio_signal(v, r->queue);
}

/* I/O thread. */
static void blk_done(struct hostfile_request *io, int err)
{
    struct blk_request *r = container_of(io, struct blk_request, io);
    struct blk *b = r->blk;
    lock_take(&b->virtio.dev.lock);
    bool current = blk_is_current(r);
    bool more = current && !err && blk_flush_after(r);
    if (current && !more)
        blk_complete_locked(r, err);
    if (!more)
        blk_unlink(b, r);
    lock_drop(&b->virtio.dev.lock);
    if (!more)
        free(r);
}

/* ---- requests ------------------------------------------------------------ */

static struct blk_request *blk_request_new(struct blk *b, unsigned q, const struct ring_chain *c,
                                           const struct iovec *status)
{
    struct blk_request *r = malloc(sizeof(*r) + (c->n_out + c->n_in) * sizeof(struct iovec));
    if (!r)
        return NULL;
    *r = (struct blk_request){.blk = b, .queue = (uint16_t)q, .head = c->head, .status = *status};
    r->generation = b->virtio.generation;
    r->queue_generation = b->virtio.queues[q].generation;
    r->io.done = blk_done;
    return r;
}

static void blk_start(struct blk_request *r, enum hostfile_op op, uint64_t offset, uint64_t len)
{
    r->io.op = op;
    r->io.iov = r->data;
    r->io.n_iov = r->n_data;
    r->io.offset = offset;
    r->io.len = len;
    blk_link(r->blk, r);
    hostfile_submit(r->blk->file, &r->io);
}

static bool blk_range_ok(const struct blk *b, uint64_t sector, uint64_t sectors)
{
    return sector <= b->space.capacity && sectors <= b->space.capacity - sector;
}

/* Reads and writes: the data part lies in the chain at byte offset skip, len bytes long. */
static enum blk_status blk_transfer(struct blk *b, unsigned q, const struct ring_chain *c,
                                    const struct iovec *status, const struct blk_header *h)
{
    bool read = h->type == BLK_T_IN;
    uint64_t skip = read ? c->out_bytes : sizeof(*h);
    uint64_t len = read ? c->in_bytes - 1 : c->out_bytes - sizeof(*h);
    if (len % BLK_SECTOR || !blk_range_ok(b, h->sector, len / BLK_SECTOR))
        return BLK_S_IOERR;
    if (!read && hostfile_is_read_only(b->file))
        return BLK_S_IOERR;
    struct blk_request *r = blk_request_new(b, q, c, status);
    if (!r)
        return BLK_S_IOERR;
    r->n_data = iov_slice(c->iov, c->n_out + c->n_in, skip, len, r->data);
    blk_start(r, read ? HOSTFILE_READ : HOSTFILE_WRITE, h->sector * BLK_SECTOR, len);
    return BLK_S_OK;
}

static enum blk_status blk_flush(struct blk *b, unsigned q, const struct ring_chain *c,
                                 const struct iovec *status)
{
    struct blk_request *r = blk_request_new(b, q, c, status);
    if (!r)
        return BLK_S_IOERR;
    blk_start(r, HOSTFILE_FLUSH, 0, 0);
    return BLK_S_OK;
}

/* Discard and write zeroes; one range a request, as the configuration says. */
static enum blk_status blk_erase(struct blk *b, unsigned q, const struct ring_chain *c,
                                 const struct iovec *status, const struct blk_header *h)
{
    bool zero = h->type == BLK_T_WRITE_ZEROES;
    enum hostfile_op op = HOSTFILE_DISCARD;
    struct blk_range range;
    if (c->out_bytes != sizeof(*h) + sizeof(range) || hostfile_is_read_only(b->file))
        return BLK_S_IOERR;
    iov_read(c->iov, c->n_out, sizeof(*h), &range, sizeof(range));
    if (range.flags & (zero ? ~(uint32_t)BLK_UNMAP : ~0u))
        return BLK_S_UNSUPP;
    if (range.num_sectors > BLK_DISCARD_MAX_SECTORS ||
        !blk_range_ok(b, range.sector, range.num_sectors))
        return BLK_S_IOERR;
    struct blk_request *r = blk_request_new(b, q, c, status);
    if (!r)
        return BLK_S_IOERR;
    if (zero)
        op = range.flags & BLK_UNMAP ? HOSTFILE_ZERO_UNMAP : HOSTFILE_ZERO;
    blk_start(r, op, range.sector * BLK_SECTOR, (uint64_t)range.num_sectors * BLK_SECTOR);
    return BLK_S_OK;
}

static uint32_t blk_get_id(struct blk *b, const struct ring_chain *c)
{
    uint64_t n = min_u64(c->in_bytes - 1, BLK_ID_BYTES);
    iov_write(b->virtio.dev.env->pm, c->iov + c->n_out, c->n_in, 0, b->id, n);
    return (uint32_t)n;
}

/* Begins the request, or answers it when there is nothing to wait for. */
static void blk_request(struct blk *b, unsigned q, const struct ring_chain *c)
{
    struct blk_header h;
    struct iovec status;
    uint32_t written = 0;
    enum blk_status code;
    bool waits = false;
    iov_read(c->iov, c->n_out, 0, &h, sizeof(h));
    iov_slice(c->iov + c->n_out, c->n_in, c->in_bytes - 1, 1, &status);
    switch (h.type) {
    case BLK_T_IN:
    case BLK_T_OUT:
        code = blk_transfer(b, q, c, &status, &h);
        waits = code == BLK_S_OK;
        break;
    case BLK_T_FLUSH:
        code = blk_flush(b, q, c, &status);
        waits = code == BLK_S_OK;
        break;
    case BLK_T_DISCARD:
    case BLK_T_WRITE_ZEROES:
        code = blk_erase(b, q, c, &status, &h);
        waits = code == BLK_S_OK;
        break;
    case BLK_T_GET_ID:
        written = blk_get_id(b, c);
        code = BLK_S_OK;
        break;
    default:
        code = BLK_S_UNSUPP;
    }
    if (!waits)
        blk_answer(&b->virtio, q, c->head, &status, code, written);
}

static void blk_serve(struct virtio *v, unsigned q)
{
    struct blk *b = blk_of(v);
    struct ring_chain c;
    while (virtio_pop(v, q, &c)) {
        if (c.out_bytes < sizeof(struct blk_header) || !c.in_bytes) {
            virtio_broken(v, "a block request without header or status");
            break;
        }
        blk_request(b, q, &c);
    }
    virtio_signal(v, q);
}

static void blk_served(struct virtio *v)
{
    /* What the page cache held is done by now: no need to go through epoll for it. */
    hostfile_kick(blk_of(v)->file);
    hostfile_poll(blk_of(v)->file);
}

static void blk_quiesce(struct virtio *v)
{
    struct blk *b = blk_of(v);
    hostfile_drain(b->file);
    for (struct blk_request *r = b->in_flight; r; r = r->next)
        if (!blk_is_current(r))
            blk_report_written(r);
}

static void blk_config_read(struct virtio *v, unsigned offset, void *buf, unsigned len)
{
    memcpy(buf, (const uint8_t *)&blk_of(v)->space + offset, len);
}

static const struct virtio_ops blk_ops = {
    .device_id = BLK_DEVICE_ID,
    .config_read = blk_config_read,
    .serve = blk_serve,
    .served = blk_served,
    .quiesce = blk_quiesce,
};

/* ---- life ---------------------------------------------------------------- */

static void blk_fill_space(struct blk *b)
{
    b->space = (struct blk_config_space){
        .capacity = hostfile_size(b->file) / BLK_SECTOR,
        .seg_max = BLK_SEG_MAX,
        .blk_size = BLK_SECTOR,
        .num_queues = (uint16_t)b->virtio.queue_count,
        .max_discard_sectors = BLK_DISCARD_MAX_SECTORS,
        .max_discard_seg = 1,
        .discard_sector_alignment = 8,
        .max_write_zeroes_sectors = BLK_DISCARD_MAX_SECTORS,
        .max_write_zeroes_seg = 1,
        .write_zeroes_may_unmap = 1,
    };
}

static uint64_t blk_features(const struct blk *b)
{
    uint64_t f = 1ull << BLK_F_SEG_MAX | 1ull << BLK_F_BLK_SIZE | 1ull << BLK_F_FLUSH;
    if (hostfile_is_read_only(b->file))
        f |= 1ull << BLK_F_RO;
    else
        f |= 1ull << BLK_F_DISCARD | 1ull << BLK_F_WRITE_ZEROES;
    return b->virtio.queue_count > 1 ? f | 1ull << BLK_F_MQ : f;
}

static int blk_init(struct dev *d, const void *config)
{
    const struct virtio_blk_config *cfg = config;
    struct virtio *v = virtio_of(d);
    struct blk *b = blk_of(v);
    if (!cfg || !cfg->file.path || cfg->queues > VIRTIO_QUEUES_MAX)
        return error_set(MH_ERROR_DEVICE, -EINVAL, "disk", d->name,
                         "%s: needs an image, and at most %d queues", d->name, VIRTIO_QUEUES_MAX);
    int err = hostfile_open(&b->file, d->env->loop, &cfg->file);
    if (err)
        return err;
    v->ops = &blk_ops;
    v->queue_count = cfg->queues ? cfg->queues : 1;
    v->config_size = sizeof(b->space);
    v->offered = blk_features(b);
    memcpy(b->id, cfg->serial ? cfg->serial : d->name,
           strnlen(cfg->serial ? cfg->serial : d->name, BLK_ID_BYTES));
    blk_fill_space(b);
    err = virtio_init(v);
    if (err)
        hostfile_close(b->file);
    return err;
}

/*
 * The reset in virtio_fini makes all that is in flight old; hostfile_close then waits for the last
 * done(), which looks at the device's generation before anything that is gone.
 */
static void blk_fini(struct dev *d)
{
    virtio_fini(virtio_of(d));
    hostfile_close(blk_of(virtio_of(d))->file);
}

const struct dev_type virtio_blk_type = {
    .name = "virtio-blk",
    .device_type = MH_DEVICE_BLOCK,
    .size = sizeof(struct blk),
    .mmio_size = VIRTIO_MMIO_SIZE,
    .init = blk_init,
    .reset = virtio_mmio_reset,
    .fini = blk_fini,
    .read = virtio_mmio_read,
    .write = virtio_mmio_write,
    .fdt = virtio_mmio_fdt,
    .save = virtio_mmio_save,
    .load = virtio_mmio_load,
};
