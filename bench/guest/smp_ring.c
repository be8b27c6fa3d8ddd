/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of harts with a ring between them: the even one puts items in, the odd one takes them out.
 * A hart without a partner fills and empties its ring in turn.
 */
#include "smp.h"

#define TOTAL 32768u
#define SLOTS 64u

/* Numbers of items put and taken since the start; the difference is what the ring holds. */
struct ring {
    uint64_t put OWN_LINE;   /* producer, atomic */
    uint64_t taken OWN_LINE; /* consumer, atomic */
    uint64_t slot[SLOTS] OWN_LINE;
};

struct state {
    unsigned harts;
    struct ring ring[(WORKLOAD_HARTS_MAX + 1) / 2];
};

void *ring_setup(struct arena *a, unsigned harts)
{
    struct state *s = ARENA_NEW(a, struct state, 1);

    s->harts = harts;
    for (unsigned i = 0; i < (harts + 1) / 2; i++)
        s->ring[i].put = s->ring[i].taken = 0;
    return s;
}

static bool ring_put(struct ring *r, uint64_t item)
{
    uint64_t put = r->put;

    /* Pairs with the release in ring_take(): the slot was read before it is written again. */
    if (put - __atomic_load_n(&r->taken, __ATOMIC_ACQUIRE) == SLOTS)
        return false;
    r->slot[put % SLOTS] = item;
    __atomic_store_n(&r->put, put + 1, __ATOMIC_RELEASE);
    return true;
}

static bool ring_take(struct ring *r, uint64_t *item)
{
    uint64_t taken = r->taken;

    /* Pairs with the release in ring_put(): the slot was written before it is read. */
    if (__atomic_load_n(&r->put, __ATOMIC_ACQUIRE) == taken)
        return false;
    *item = r->slot[taken % SLOTS];
    __atomic_store_n(&r->taken, taken + 1, __ATOMIC_RELEASE);
    return true;
}

static void produce(struct ring *r, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        for (unsigned spins = 0; !ring_put(r, i);)
            harts_relax(&spins);
}

static uint64_t consume(struct ring *r, uint64_t n)
{
    uint64_t sum = 0, item;

    for (uint64_t i = 0; i < n; i++) {
        for (unsigned spins = 0; !ring_take(r, &item);)
            harts_relax(&spins);
        sum += piece_sum(item);
    }
    return sum;
}

static uint64_t both(struct ring *r, uint64_t from, uint64_t to)
{
    uint64_t sum = 0, item;

    while (from < to) {
        while (from < to && ring_put(r, from))
            from++;
        while (ring_take(r, &item))
            sum += piece_sum(item);
    }
    return sum;
}

uint64_t ring_run(void *state, unsigned hart)
{
    struct state *s = state;
    unsigned rings = (s->harts + 1) / 2, mine = hart / 2;
    uint64_t from = part_begin(TOTAL, rings, mine), to = part_begin(TOTAL, rings, mine + 1);

    if (hart % 2)
        return consume(&s->ring[mine], to - from);
    if (hart + 1 == s->harts)
        return both(&s->ring[mine], from, to);
    produce(&s->ring[mine], from, to);
    return 0;
}
