/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LR/SC, exact: a store-conditional succeeds only if no other hart and no
 * device wrote the 64-byte granule since the load-reserved, whatever value was
 * written.  Rules in mem/physmem.h.
 */
#ifndef MEM_RESERVE_H
#define MEM_RESERVE_H

#include "mem/physmem.h"

#define RESERVATION_NONE UINT64_MAX

/*
 * So many slow stores to a page, with no LR to it in between and no reservation live in it, take
 * PAGE_RESERVED away.  A slow store costs tens of ns, giving the flag back with the next LR costs
 * some us (every hart must answer), so the two are about even at a hundred.
 */
#define HEAT_DECAY 128

/* One per hart, zeroed then reservation_init. */
struct reservation {
    uint64_t granule; /* its gpa, or RESERVATION_NONE; atomic, written under the shard's lock */
    unsigned size;    /* bytes the LR read; owner only */
    gpa_t gpa;        /* address the LR read; owner only */
    struct reservation *next, **link; /* under the shard's lock */
};

void reservation_init(struct reservation *r);

/*
 * LR of 4 or 8 bytes, aligned, in RAM.  Registers r (dropping what it held) and returns the value,
 * zero-extended.  On the page's first LR it waits for all harts to drop their write entries, so the
 * caller holds no lock.
 */
uint64_t reservation_load(struct physmem *pm, struct reservation *r, gpa_t gpa, unsigned size);

/*
 * SC of 4 or 8 bytes, aligned, in RAM.  True when it stored; r is empty afterwards in any case.
 * The bytes must lie in the granule of the LR, not in those it read: the granule is the
 * reservation set.
 */
bool reservation_store(struct physmem *pm, struct reservation *r, gpa_t gpa, unsigned size,
                       uint64_t value);

/*
 * An SC whose LR registered nothing but noted where it read (read_gpa) and, before that,
 * physmem.foreign_writes (foreign).  True when it stored: only in a machine of one hart, whose
 * other writers are counted.
 */
bool reservation_store_noted(struct physmem *pm, gpa_t read_gpa, uint64_t foreign, gpa_t gpa,
                             unsigned size, uint64_t value);

/* Whether both lie in one granule. */
static inline bool reservation_same_granule(gpa_t a, gpa_t b)
{
    return !((a ^ b) & ~(GRANULE_SIZE - 1));
}

/* Drops the reservation, if any (owner thread, or the hart is stopped). */
void reservation_drop(struct physmem *pm, struct reservation *r);

/* Whether r is still intact; one relaxed load, for WRS. */
static inline bool reservation_alive(const struct reservation *r)
{
    return load_relaxed(&r->granule) != RESERVATION_NONE;
}

/*
 * Kills the reservations of others (all but self) that touch [gpa, gpa+len), which lies in one
 * page; shard lock held.
 */
void reservation_kill_locked(struct shard *s, const struct reservation *self, gpa_t gpa,
                             uint64_t len);

/*
 * Counts a slow store to gpa's page and, by the rule at HEAT_DECAY, lets the page be written fast
 * again; shard lock held.
 */
void reservation_cool_locked(struct physmem *pm, struct shard *s, gpa_t gpa);

#endif
