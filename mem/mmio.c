/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MMIO map.  Readers are hart threads, writers whoever plugs devices.
 *
 * A reader costs an atomic addition and a store on a line that its thread has to
 * itself (all but the first threads of a process share a line, and need two
 * additions), one load of the array's address and a binary search.  Against a
 * read-write lock: no line is shared by all harts.  Against hazard pointers or
 * an epoch per hart: no thread registers, so the debugger and tests may read.
 *
 * Grace periods follow Sleepable RCU (McKenney, "Sleepable Read-Copy Update",
 * 2006): each stripe has two counters, readers use the one that m->phase names,
 * and a writer makes readers change over, waits for the old counter to drain,
 * and does both a second time.  New readers never keep a writer waiting, and
 * the second round catches a reader that read m->phase, was delayed through a
 * whole earlier grace period, and then used the counter that is now the new
 * one.
 */
#include "mem/mmio.h"

#include "sim/base/atomic.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/lock.h"
#include "sim/base/log.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define STRIPES 64

struct region_array {
    unsigned count;
    struct mmio_region region[]; /* by address, disjoint */
};

struct stripe {
    CACHE_ALIGNED uint64_t readers[2]; /* atomic: readers inside, by phase */
};

struct mmio_map {
    struct region_array *array; /* atomic; what it points to never changes */
    uint32_t phase;             /* atomic: 0 or 1; written under lock */
    struct lock lock;           /* RANK_MMIO_MAP: writers */
    struct stripe stripe[STRIPES];
};

/* A number for each thread of the process, dense. */
static unsigned thread_number(void)
{
    static unsigned last; /* process-wide as threads are; atomic */
    static _Thread_local unsigned mine;

    if (unlikely(!mine))
        mine = fetch_add_relaxed(&last, 1) + 1;
    return mine;
}

/* The stripe that the thread has to itself, or 0: the one of all others. */
static unsigned stripe_number(void)
{
    unsigned n = thread_number();
    return n < STRIPES ? n : 0;
}

/* Counts the thread in; returns the counter to count out of. */
static uint64_t *reader_enter(struct mmio_map *m)
{
    struct stripe *s = &m->stripe[stripe_number()];
    uint64_t *counter = &s->readers[load_relaxed(&m->phase)];

    /*
     * Pairs with the seq_cst load in phase_drain.  Either that load sees this
     * addition, and the writer waits; or it comes first in the order of all
     * seq_cst operations, and then the load of m->array after this addition
     * sees the array that the writer stored before.
     */
    fetch_add_seq_cst(counter, 1);
    return counter;
}

static void reader_leave(uint64_t *counter)
{
    /* Releases the reader's use of the array to phase_drain. */
    if (stripe_number())
        store_release(counter, load_relaxed(counter) - 1); /* nobody else writes it */
    else
        fetch_sub_acq_rel(counter, 1);
}

static const struct mmio_region *region_find(const struct region_array *a, gpa_t gpa)
{
    unsigned low = 0, high = a->count;

    while (low < high) {
        unsigned mid = (low + high) / 2;
        const struct mmio_region *r = &a->region[mid];
        if (gpa < r->base)
            high = mid;
        else if (gpa - r->base < r->size)
            return r;
        else
            low = mid + 1;
    }
    return NULL;
}

/* The region that holds all of [gpa, gpa + size); the caller is counted in. */
static const struct mmio_region *region_for(struct mmio_map *m, gpa_t gpa, unsigned size)
{
    const struct mmio_region *r = region_find(load_seq_cst(&m->array), gpa);

    return r && r->size - (gpa - r->base) >= size ? r : NULL;
}

/* A hart stores a whole register, a device may answer with more than it was asked for. */
static uint64_t low_bytes(uint64_t value, unsigned size)
{
    return size < 8 ? value & ((1ull << 8 * size) - 1) : value;
}

bool mmio_read(struct mmio_map *m, gpa_t gpa, unsigned size, uint64_t *value)
{
    uint64_t *counter = reader_enter(m);
    const struct mmio_region *r = region_for(m, gpa, size);
    bool ok = r && r->ops->read && r->ops->read(r->opaque, gpa - r->base, size, value);

    reader_leave(counter);
    if (ok)
        *value = low_bytes(*value, size);
    return ok;
}

bool mmio_write(struct mmio_map *m, gpa_t gpa, unsigned size, uint64_t value)
{
    uint64_t *counter = reader_enter(m);
    const struct mmio_region *r = region_for(m, gpa, size);
    bool ok =
        r && r->ops->write && r->ops->write(r->opaque, gpa - r->base, size, low_bytes(value, size));

    reader_leave(counter);
    return ok;
}

bool mmio_find(struct mmio_map *m, gpa_t gpa, struct mmio_region *out)
{
    uint64_t *counter = reader_enter(m);
    const struct mmio_region *r = region_for(m, gpa, 1);

    if (r)
        *out = *r;
    reader_leave(counter);
    return r;
}

void mmio_each(struct mmio_map *m, void (*fn)(const struct mmio_region *r, void *opaque),
               void *opaque)
{
    uint64_t *counter = reader_enter(m);
    const struct region_array *a = load_seq_cst(&m->array);

    for (unsigned i = 0; i < a->count; i++)
        fn(&a->region[i], opaque);
    reader_leave(counter);
}

/* ---- writers ------------------------------------------------------------- */

static bool phase_empty(struct mmio_map *m, uint32_t phase)
{
    for (unsigned i = 0; i < STRIPES; i++)
        if (load_seq_cst(&m->stripe[i].readers[phase]))
            return false;
    return true;
}

/* Sends new readers to the other counters and waits until the present ones are empty. */
static void phase_drain(struct mmio_map *m)
{
    uint32_t phase = load_relaxed(&m->phase);
#ifdef MH_DEBUG
    uint64_t deadline_ns = clock_now_ns() + WAIT_BOUND_NS;
#endif

    store_seq_cst(&m->phase, phase ^ 1);
    while (!phase_empty(m, phase)) {
        sched_yield();
#ifdef MH_DEBUG
        if (clock_now_ns() > deadline_ns)
            BUG("an MMIO access has not returned for 10 s; is the map changed from inside one?");
#endif
    }
}

/* Publishes a and frees the array before it once nobody reads it; lock held. */
static void array_replace_locked(struct mmio_map *m, struct region_array *a)
{
    struct region_array *old = exchange_seq_cst(&m->array, a);

    phase_drain(m);
    phase_drain(m);
    free(old);
}

static struct region_array *array_alloc(unsigned count)
{
    struct region_array *a = malloc(sizeof(*a) + count * sizeof(a->region[0]));

    if (a)
        a->count = count;
    else
        error_set(MH_ERROR_DEVICE, -ENOMEM, NULL, NULL, "out of memory for the MMIO map");
    return a;
}

/* A copy of a with r put in at index pos. */
static struct region_array *array_with(const struct region_array *a, unsigned pos,
                                       const struct mmio_region *r)
{
    struct region_array *n = array_alloc(a->count + 1);

    if (!n)
        return NULL;
    memcpy(n->region, a->region, pos * sizeof(*r));
    n->region[pos] = *r;
    memcpy(n->region + pos + 1, a->region + pos, (a->count - pos) * sizeof(*r));
    return n;
}

static struct region_array *array_without(const struct region_array *a, unsigned pos)
{
    struct region_array *n = array_alloc(a->count - 1);

    if (!n)
        return NULL;
    memcpy(n->region, a->region, pos * sizeof(a->region[0]));
    memcpy(n->region + pos, a->region + pos + 1, (n->count - pos) * sizeof(a->region[0]));
    return n;
}

static int region_invalid(const struct mmio_region *r)
{
    return error_set(MH_ERROR_DEVICE, -EINVAL, "region", r->name,
                     "the I/O region of %s at 0x%llx, 0x%llx bytes, is empty or wraps", r->name,
                     (unsigned long long)r->base, (unsigned long long)r->size);
}

static int region_overlap(const struct mmio_region *r, const struct mmio_region *o)
{
    return error_set(MH_ERROR_DEVICE, -EEXIST, "region", r->name,
                     "the I/O region of %s at 0x%llx, 0x%llx bytes, overlaps that of %s at 0x%llx, "
                     "0x%llx bytes",
                     r->name, (unsigned long long)r->base, (unsigned long long)r->size, o->name,
                     (unsigned long long)o->base, (unsigned long long)o->size);
}

static int map_add_locked(struct mmio_map *m, const struct mmio_region *r)
{
    const struct region_array *a = load_relaxed(&m->array);
    unsigned pos = 0;

    for (unsigned i = 0; i < a->count; i++) {
        if (ranges_overlap(a->region[i].base, a->region[i].size, r->base, r->size))
            return region_overlap(r, &a->region[i]);
        if (a->region[i].base < r->base)
            pos = i + 1;
    }
    struct region_array *n = array_with(a, pos, r);
    if (!n)
        return -ENOMEM;
    array_replace_locked(m, n);
    return 0;
}

int mmio_map_add(struct mmio_map *m, const struct mmio_region *r)
{
    if (!r->size || r->size - 1 > UINT64_MAX - r->base)
        return region_invalid(r);
    lock_take(&m->lock);
    int rc = map_add_locked(m, r);
    lock_drop(&m->lock);
    return rc;
}

static int map_remove_locked(struct mmio_map *m, gpa_t base)
{
    const struct region_array *a = load_relaxed(&m->array);
    unsigned pos = 0;

    while (pos < a->count && a->region[pos].base != base)
        pos++;
    if (pos == a->count)
        return error_set(MH_ERROR_DEVICE, -ENOENT, NULL, NULL, "no I/O region begins at 0x%llx",
                         (unsigned long long)base);
    struct region_array *n = array_without(a, pos);
    if (!n)
        return -ENOMEM;
    array_replace_locked(m, n);
    return 0;
}

int mmio_map_remove(struct mmio_map *m, gpa_t base)
{
    lock_take(&m->lock);
    int rc = map_remove_locked(m, base);
    lock_drop(&m->lock);
    return rc;
}

int mmio_map_create(struct mmio_map **out)
{
    struct mmio_map *m = aligned_alloc(CACHE_LINE, sizeof(*m));
    struct region_array *a = array_alloc(0);

    if (!m || !a) {
        free(m);
        free(a);
        return error_set(MH_ERROR_DEVICE, -ENOMEM, NULL, NULL, "out of memory for the MMIO map");
    }
    memset(m, 0, sizeof(*m));
    lock_init(&m->lock, RANK_MMIO_MAP);
    m->array = a;
    *out = m;
    return 0;
}

void mmio_map_destroy(struct mmio_map *m)
{
    if (!m)
        return;
    free(m->array);
    free(m);
}
