/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's wall clock counter (mtime, the `time` CSR): host monotonic time
 * scaled to freq_hz, plus an offset that a write to mtime changes.  One per
 * machine; any thread reads, writes are atomic.  Whoever has turned a tick into
 * a deadline watches the clock, to do it anew when it was set.
 */
#ifndef SIM_BASE_GCLOCK_H
#define SIM_BASE_GCLOCK_H

#include "sim/base/atomic.h"
#include "sim/base/bits.h"
#include "sim/base/clock.h"

#include <stddef.h>

struct gclock_watch {
    void (*moved)(void *opaque); /* on the thread of gclock_set, under its caller's locks */
    void *opaque;
    struct gclock_watch *next;
};

struct gclock {
    uint64_t freq_hz;             /* constant; divides 1e9 */
    int64_t offset;               /* ticks added to the host's, atomic */
    struct gclock_watch *watches; /* changes only while nobody sets the clock */
};

static inline void gclock_init(struct gclock *c, uint64_t freq_hz)
{
    c->freq_hz = freq_hz;
    c->watches = NULL;
    c->offset = -(int64_t)(clock_now_ns() / (NS_PER_SEC / freq_hz));
}

/* Ticks now. */
static inline uint64_t gclock_now(const struct gclock *c)
{
    return clock_now_ns() / (NS_PER_SEC / c->freq_hz) + (uint64_t)load_relaxed(&c->offset);
}

/* Every deadline made of this clock is void then. */
static inline void gclock_set(struct gclock *c, uint64_t ticks)
{
    store_relaxed(&c->offset, (int64_t)(ticks - clock_now_ns() / (NS_PER_SEC / c->freq_hz)));
    for (struct gclock_watch *w = c->watches; w; w = w->next)
        w->moved(w->opaque);
}

/* The caller's w is linked in until gclock_unwatch; neither while the clock may be set. */
static inline void gclock_watch(struct gclock *c, struct gclock_watch *w)
{
    w->next = c->watches;
    c->watches = w;
}

static inline void gclock_unwatch(struct gclock *c, struct gclock_watch *w)
{
    struct gclock_watch **link = &c->watches;
    while (*link && *link != w)
        link = &(*link)->next;
    if (*link)
        *link = w->next;
}

/*
 * CLOCK_MONOTONIC ns at which the counter reaches ticks: 0 if it has, UINT64_MAX if that is beyond
 * any use.  Right for all values of counter and ticks, as a guest may set both.
 */
static inline uint64_t gclock_deadline_ns(const struct gclock *c, uint64_t ticks)
{
    uint64_t per_tick = NS_PER_SEC / c->freq_hz, host = clock_now_ns() / per_tick;
    uint64_t now = host + (uint64_t)load_relaxed(&c->offset);
    if (ticks <= now)
        return 0;
    if (ticks - now > INT64_MAX / per_tick)
        return UINT64_MAX;
    return (host + (ticks - now)) * per_tick;
}

#endif
