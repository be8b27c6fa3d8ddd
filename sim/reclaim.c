/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pass goes through all of RAM.  What two passes in a row find zero goes: memory that was cleared
 * to be used is used soon.  For each chunk that goes the harts stop, for about the tenth of a
 * millisecond that it takes to read the chunk again.  While there is something to give back passes
 * follow each other quickly, else more and more slowly.
 */
#include "sim/reclaim.h"

#include <errno.h>
#include <stdlib.h>

#include "mem/zeros.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"

#define PERIOD_MAX_NS (4 * NS_PER_SEC)
#define PERIOD_PART   4 /* of the time since something was found */

#define LOOK_NS  (NS_PER_SEC / 1000) /* at a time; */
#define REST_NS  (4 * LOOK_NS)       /* then devices have the thread, and harts run */
#define PAUSE_NS (NS_PER_SEC / 2000) /* that harts may take to stop */

struct reclaim {
    struct reclaim_config cfg;
    struct loop_timer *timer;
    uint64_t chunks, at; /* the next to look at */
    uint64_t *was_zero;  /* a bit for each chunk: in the last pass */
    uint64_t found_ns;   /* when something was zero, or the start; atomic */
    uint64_t bytes;      /* atomic */
};

/* Whether some of it went. */
static bool drop(struct reclaim *r, uint64_t chunk)
{
    if (!smp_pause_within(r->cfg.smp, PAUSE_NS))
        return false;
    uint64_t bytes = zeros_drop(r->cfg.pm, chunk);
    smp_resume(r->cfg.smp);
    fetch_add_relaxed(&r->bytes, bytes);
    return bytes;
}

static void look_at(struct reclaim *r, uint64_t chunk)
{
    uint64_t *word = &r->was_zero[chunk / 64], bit = 1ull << (chunk % 64);
    bool was = *word & bit;
    *word &= ~bit;
    if (!zeros_worth(r->cfg.pm, chunk))
        return;
    store_relaxed(&r->found_ns, clock_now_ns());
    if (!was || !drop(r, chunk))
        *word |= bit;
}

static uint64_t period(const struct reclaim *r)
{
    uint64_t part = (clock_now_ns() - load_relaxed(&r->found_ns)) / PERIOD_PART;
    return max_u64(r->cfg.period_ns, min_u64(part, PERIOD_MAX_NS));
}

static void reclaim_due(void *opaque)
{
    struct reclaim *r = opaque;
    uint64_t until = clock_now_ns() + LOOK_NS;
    while (r->at < r->chunks && clock_now_ns() < until)
        look_at(r, r->at++);
    bool all = r->at == r->chunks;
    if (all)
        r->at = 0;
    loop_timer_set(r->timer, clock_now_ns() + (all ? period(r) : REST_NS));
}

int reclaim_create(struct reclaim **out, const struct reclaim_config *cfg)
{
    struct reclaim *r = calloc(1, sizeof(*r));
    if (!r)
        return error_set(MH_ERROR_CORE, -ENOMEM, "memory", NULL, "not enough host memory");
    r->cfg = *cfg;
    r->chunks = zeros_chunks(cfg->pm);
    r->was_zero = calloc(r->chunks / 64 + 1, sizeof(*r->was_zero));
    int rc = r->was_zero
                 ? loop_timer_add(cfg->loop, reclaim_due, r, &r->timer)
                 : error_set(MH_ERROR_CORE, -ENOMEM, "memory", NULL, "not enough host memory");
    if (rc) {
        reclaim_destroy(r);
        return rc;
    }
    *out = r;
    return 0;
}

void reclaim_destroy(struct reclaim *r)
{
    if (!r)
        return;
    if (r->timer)
        loop_timer_remove(r->timer);
    free(r->was_zero);
    free(r);
}

void reclaim_start(struct reclaim *r)
{
    uint64_t now = clock_now_ns();
    store_relaxed(&r->found_ns, now);
    loop_timer_set(r->timer, now + r->cfg.period_ns);
}

uint64_t reclaim_bytes(const struct reclaim *r)
{
    return load_relaxed(&r->bytes);
}
