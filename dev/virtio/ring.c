/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split virtqueues, device side; ring.h explains them.  Called under the
 * device's lock, mostly on the I/O thread.
 *
 * The ring's own words are written with physmem_store_slow, which takes the
 * page's shard: a reservation or decoded code on the same page is then honoured
 * exactly, for some 20 ns per word that a host I/O outweighs a hundredfold.
 */
#include "dev/virtio/ring.h"

#include <errno.h>
#include <string.h>

enum { RING_QUIET = 1 };

struct ring_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

_Static_assert(sizeof(struct ring_desc) == 16, "virtio 2.7.5");

/* ---- words of the rings -------------------------------------------------- */

static uint16_t ring_load16(const struct ring *r, gpa_t gpa)
{
    const uint16_t *p = (const uint16_t *)(const void *)physmem_host(r->pm, gpa);
    return load_acquire(p);
}

static uint16_t ring_avail_idx(const struct ring *r)
{
    return ring_load16(r, r->avail + 2);
}

static gpa_t ring_used_event(const struct ring *r)
{
    return r->avail + 4 + 2ull * r->num;
}

static gpa_t ring_avail_event(const struct ring *r)
{
    return r->used + 4 + 8ull * r->num;
}

/* ---- start and stop ------------------------------------------------------ */

static bool ring_area_ok(const struct physmem *pm, gpa_t gpa, uint64_t len, uint64_t align)
{
    return !(gpa & (align - 1)) && physmem_contains(pm, gpa, len);
}

int ring_start(struct ring *r, struct physmem *pm)
{
    if (!is_pow2(r->num) || r->num > 32768)
        return -EINVAL;
    if (!ring_area_ok(pm, r->desc, 16ull * r->num, 16) ||
        !ring_area_ok(pm, r->avail, 6 + 2ull * r->num, 2) ||
        !ring_area_ok(pm, r->used, 6 + 8ull * r->num, 4))
        return -EINVAL;
    r->pm = pm;
    r->avail_seen = r->used_idx = r->signalled = r->out = 0;
    r->ready = true;
    return 0;
}

void ring_stop(struct ring *r)
{
    r->ready = false;
    r->out = 0;
}

/* ---- taking chains ------------------------------------------------------- */

/* Where descriptors come from: the ring's table or an indirect one. */
struct ring_table {
    const uint8_t *host;
    uint32_t entries;
};

/* A copy that the guest cannot change any more.  The compiler may not read the table again. */
static struct ring_desc ring_desc_at(const struct ring_table *t, uint32_t i)
{
    struct ring_desc d;
    const uint8_t *p = t->host + 16ull * i;
    if ((uintptr_t)p & 7) {
        copy_relaxed(&d, p, sizeof(d));
        __asm__ volatile("" ::: "memory");
        return d;
    }
    const uint64_t *words = (const uint64_t *)(const void *)p;
    uint64_t copy[2] = {load_relaxed(&words[0]), load_relaxed(&words[1])};
    memcpy(&d, copy, sizeof(d));
    return d;
}

static bool ring_add_buffer(struct ring *r, struct ring_chain *c, const struct ring_desc *d)
{
    bool write = d->flags & RING_DESC_WRITE;
    unsigned n = c->n_out + c->n_in;
    if (!d->len || n == RING_SEGS_MAX || !physmem_contains(r->pm, d->addr, d->len))
        return false;
    if (!write && c->n_in)
        return false;
    r->segs[n] = (struct iovec){physmem_host(r->pm, d->addr), d->len};
    *(write ? &c->n_in : &c->n_out) += 1;
    *(write ? &c->in_bytes : &c->out_bytes) += d->len;
    return c->in_bytes + c->out_bytes <= UINT32_MAX;
}

/* Makes *t the table that d describes. */
static bool ring_enter_indirect(struct ring *r, const struct ring_desc *d, struct ring_table *t)
{
    if (!r->indirect || d->flags & RING_DESC_NEXT)
        return false;
    if (!d->len || d->len % 16 || !physmem_contains(r->pm, d->addr, d->len))
        return false;
    *t = (struct ring_table){physmem_host(r->pm, d->addr), d->len / 16};
    return true;
}

/* Follows the chain from head; false when it breaks a rule. */
static bool ring_walk(struct ring *r, struct ring_chain *c)
{
    struct ring_table t = {physmem_host(r->pm, r->desc), r->num};
    bool in_indirect = false;
    uint32_t i = c->head, steps = 0;
    for (;;) {
        if (i >= t.entries || steps++ >= t.entries)
            return false;
        struct ring_desc d = ring_desc_at(&t, i);
        i = d.next;
        if (d.flags & RING_DESC_INDIRECT) {
            if (in_indirect || !ring_enter_indirect(r, &d, &t))
                return false;
            in_indirect = true;
            i = steps = 0;
            continue;
        }
        if (!ring_add_buffer(r, c, &d))
            return false;
        if (!(d.flags & RING_DESC_NEXT))
            return true;
    }
}

/* Chains waiting; when none, asks for the doorbell and looks once more. */
static uint16_t ring_waiting(struct ring *r)
{
    uint16_t n = (uint16_t)(ring_avail_idx(r) - r->avail_seen);
    if (n || !r->event_idx)
        return n;
    physmem_store_slow(r->pm, NULL, ring_avail_event(r), 2, r->avail_seen);
    fence_seq_cst(); /* pairs with the driver's barrier between avail.idx and avail_event */
    return (uint16_t)(ring_avail_idx(r) - r->avail_seen);
}

int ring_pop(struct ring *r, struct ring_chain *c)
{
    if (!r->ready)
        return 0;
    uint16_t waiting = ring_waiting(r);
    if (!waiting)
        return 0;
    if (waiting > r->num || r->out >= r->num)
        return -EPROTO;
    *c = (struct ring_chain){.iov = r->segs};
    c->head = ring_load16(r, r->avail + 4 + 2ull * (r->avail_seen & (r->num - 1u)));
    if (!ring_walk(r, c))
        return -EPROTO;
    r->avail_seen++;
    r->out++;
    return 1;
}

void ring_unpop(struct ring *r)
{
    r->avail_seen--;
    r->out--;
}

/* ---- giving chains back -------------------------------------------------- */

void ring_push(struct ring *r, uint16_t head, uint32_t written)
{
    if (!r->ready)
        return;
    gpa_t elem = r->used + 4 + 8ull * (r->used_idx & (r->num - 1u));
    physmem_store_slow(r->pm, NULL, elem, 4, head);
    physmem_store_slow(r->pm, NULL, elem + 4, 4, written);
    fence_release(); /* the element before the index; the store itself is a release too */
    physmem_store_slow(r->pm, NULL, r->used + 2, 2, ++r->used_idx);
    r->out--;
}

bool ring_wants_interrupt(struct ring *r)
{
    uint16_t from = r->signalled, to = r->used_idx;
    if (!r->ready || from == to)
        return false;
    fence_seq_cst(); /* pairs with the driver's barrier between used_event and used.idx */
    r->signalled = to;
    if (!r->event_idx)
        return !(ring_load16(r, r->avail) & RING_QUIET);
    uint16_t event = ring_load16(r, ring_used_event(r));
    return (uint16_t)(to - event - 1) < (uint16_t)(to - from);
}

/* ---- lists of buffers ---------------------------------------------------- */

unsigned iov_slice(const struct iovec *iov, unsigned n, uint64_t offset, uint64_t len,
                   struct iovec *out)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n && len; i++) {
        if (offset >= iov[i].iov_len) {
            offset -= iov[i].iov_len;
            continue;
        }
        uint64_t part = min_u64(iov[i].iov_len - offset, len);
        out[count++] = (struct iovec){(uint8_t *)iov[i].iov_base + offset, part};
        offset = 0;
        len -= part;
    }
    return count;
}

uint64_t iov_bytes(const struct iovec *iov, unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += iov[i].iov_len;
    return sum;
}

size_t iov_read(const struct iovec *iov, unsigned n, uint64_t offset, void *buf, size_t len)
{
    size_t done = 0;
    for (unsigned i = 0; i < n && done < len; i++) {
        if (offset >= iov[i].iov_len) {
            offset -= iov[i].iov_len;
            continue;
        }
        size_t part = (size_t)min_u64(iov[i].iov_len - offset, len - done);
        copy_relaxed((uint8_t *)buf + done, (const uint8_t *)iov[i].iov_base + offset, part);
        done += part;
        offset = 0;
    }
    return done;
}

static gpa_t iov_gpa(const struct physmem *pm, const void *host)
{
    return pm->base + (uint64_t)((const uint8_t *)host - pm->host);
}

size_t iov_write(struct physmem *pm, const struct iovec *iov, unsigned n, uint64_t offset,
                 const void *buf, size_t len)
{
    size_t done = 0;
    for (unsigned i = 0; i < n && done < len; i++) {
        if (offset >= iov[i].iov_len) {
            offset -= iov[i].iov_len;
            continue;
        }
        size_t part = (size_t)min_u64(iov[i].iov_len - offset, len - done);
        physmem_write(pm, iov_gpa(pm, (uint8_t *)iov[i].iov_base + offset),
                      (const uint8_t *)buf + done, part);
        done += part;
        offset = 0;
    }
    return done;
}

void iov_written(struct physmem *pm, const struct iovec *iov, unsigned n, uint64_t len)
{
    for (unsigned i = 0; i < n && len; i++) {
        uint64_t part = min_u64(iov[i].iov_len, len);
        physmem_written(pm, iov_gpa(pm, iov[i].iov_base), part);
        len -= part;
    }
}
