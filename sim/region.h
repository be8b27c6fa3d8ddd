/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured region: what a guest wants counted by itself.  A guest says by the test finisher
 * (dev/finisher.h) when it begins and when it ends; the differences of all counters between the
 * two, of the simulator and of the host, are added up over all such periods.  A guest that never
 * says so costs nothing and has no region.
 *
 * A begin in a period begins it anew, an end outside of one says nothing; what has not ended when
 * the machine does is not in the sums.
 *
 * The counts of the hart that says so are exact.  The others are asked to bring theirs up to date
 * and given a moment for it: one that the host does not run just then is as old as its last look
 * at the alarm word.
 */
#ifndef SIM_REGION_H
#define SIM_REGION_H

#include "isa/guest.h"
#include "sim/counters.h"

struct mh_machine;
struct region;

/* Of one thread: a hart's, or the I/O thread's. */
struct region_thread {
    struct guest_stats stats; /* zero for the I/O thread */
    uint64_t cpu_ns;          /* processor time */
    bool has_cpu;             /* cpu_ns is known for all periods */
    struct counter_reading host[COUNTERS_MAX];
};

struct region_sums {
    uint64_t periods, time_ns;
    struct guest_stats total;     /* of all harts, with what they share */
    struct region_thread *thread; /* one per hart, then the I/O thread's */
};

int region_create(struct region **out, struct mh_machine *m);
void region_destroy(struct region *r);

/* The calling thread is a hart's (its index), or the I/O thread (the number of harts). */
void region_thread_begin(struct region *r, unsigned thread);
void region_thread_end(struct region *r, unsigned thread);

/* A period begins or ends.  On a hart's thread; locks up to RANK_DEVICE may be held. */
void region_mark(struct region *r, bool begin);

/* The machine has stopped; NULL: no period has ended.  Valid as long as the region. */
const struct region_sums *region_sums(const struct region *r);

#endif
