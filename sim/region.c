/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums over what a guest had measured; see region.h.
 *
 * At a begin the host's side is read last, at an end first, and the clock next to the guest: so
 * reading disturbs the figures least.
 */
#include "sim/region.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/lock.h"
#include "sim/machine.h"

/* What harts get to bring their counts up to date, all together. */
#define PATIENCE_NS 50000

#define STATS_WORDS (sizeof(struct guest_stats) / sizeof(uint64_t))
_Static_assert(sizeof(struct guest_stats) % sizeof(uint64_t) == 0, "a row of words");

/* Everything there is to count, at one moment. */
struct point {
    uint64_t now_ns;
    struct guest_stats total;
    struct region_thread *thread;
};

struct region {
    struct mh_machine *m;
    unsigned threads; /* harts and the I/O thread */
    struct lock lock; /* RANK_BACKEND, of all that follows */
    clockid_t *clock;
    bool *alive; /* clock is that of a thread that runs */
    bool open;   /* begin holds the begin of a period */
    struct point begin, end;
    struct region_sums sums;
};

static bool point_alloc(struct point *p, unsigned threads)
{
    p->thread = calloc(threads, sizeof(*p->thread));
    return p->thread;
}

int region_create(struct region **out, struct mh_machine *m)
{
    struct region *r = calloc(1, sizeof(*r));
    unsigned threads = m->cfg.harts + 1;
    *out = r;
    if (r) {
        r->m = m;
        r->threads = threads;
        lock_init(&r->lock, RANK_BACKEND);
        r->clock = calloc(threads, sizeof(*r->clock));
        r->alive = calloc(threads, sizeof(*r->alive));
        r->sums.thread = calloc(threads, sizeof(*r->sums.thread));
        if (r->clock && r->alive && r->sums.thread && point_alloc(&r->begin, threads) &&
            point_alloc(&r->end, threads))
            return 0;
    }
    region_destroy(r);
    *out = NULL;
    return error_set(MH_ERROR_CORE, -ENOMEM, "harts", NULL, "not enough host memory");
}

void region_destroy(struct region *r)
{
    if (!r)
        return;
    free(r->clock);
    free(r->alive);
    free(r->begin.thread);
    free(r->end.thread);
    free(r->sums.thread);
    free(r);
}

void region_thread_begin(struct region *r, unsigned thread)
{
    lock_take(&r->lock);
    r->alive[thread] = !pthread_getcpuclockid(pthread_self(), &r->clock[thread]);
    lock_drop(&r->lock);
}

void region_thread_end(struct region *r, unsigned thread)
{
    lock_take(&r->lock);
    r->alive[thread] = false;
    lock_drop(&r->lock);
}

/* ---- a moment ------------------------------------------------------------------------------ */

/* A hart in the middle of a loop keeps its count in a register until it looks at the alarm word. */
static void bring_up_to_date(struct smp *smp)
{
    uint64_t until = clock_now_ns() + PATIENCE_NS;
    for (unsigned i = 0; i < smp->count; i++)
        if (smp->harts[i] != smp_self() && load_seq_cst(&smp->harts[i]->shared.place) == HART_IN)
            hart_kick(smp->harts[i], 0);
    for (unsigned i = 0; i < smp->count; i++) {
        const struct hart_shared *s = &smp->harts[i]->shared;
        while (smp->harts[i] != smp_self() && !load_seq_cst(&s->until) &&
               load_seq_cst(&s->place) == HART_IN && clock_now_ns() < until)
            cpu_relax();
    }
}

static void read_guest(struct region *r, struct point *p)
{
    struct mh_machine *m = r->m;
    m->gt->stats(m->guest, -1, &p->total);
    for (unsigned i = 0; i < m->cfg.harts; i++)
        m->gt->stats(m->guest, (int)i, &p->thread[i].stats);
}

static void read_host(struct region *r, struct point *p)
{
    for (unsigned i = 0; i < r->threads; i++) {
        struct region_thread *t = &p->thread[i];
        struct timespec cpu;
        if (r->m->counters)
            counters_read(r->m->counters, i, t->host);
        t->has_cpu = r->alive[i] && !clock_gettime(r->clock[i], &cpu);
        t->cpu_ns = t->has_cpu ? (uint64_t)cpu.tv_sec * NS_PER_SEC + (uint64_t)cpu.tv_nsec : 0;
    }
}

/* ---- sums ---------------------------------------------------------------------------------- */

/* Counts of other harts are from about the same moment only: none may seem to go back. */
static void add_stats(struct guest_stats *sum, const struct guest_stats *from,
                      const struct guest_stats *to)
{
    uint64_t s[STATS_WORDS], a[STATS_WORDS], b[STATS_WORDS];
    memcpy(s, sum, sizeof(s));
    memcpy(a, from, sizeof(a));
    memcpy(b, to, sizeof(b));
    for (size_t i = 0; i < STATS_WORDS; i++)
        s[i] += b[i] > a[i] ? b[i] - a[i] : 0;
    memcpy(sum, s, sizeof(s));
}

static void add_thread(const struct region *r, unsigned i)
{
    struct region_thread *sum = &r->sums.thread[i];
    const struct region_thread *from = &r->begin.thread[i], *to = &r->end.thread[i];
    add_stats(&sum->stats, &from->stats, &to->stats);
    sum->cpu_ns += to->cpu_ns - from->cpu_ns;
    sum->has_cpu = (sum->has_cpu || !r->sums.periods) && from->has_cpu && to->has_cpu;
    for (unsigned e = 0; e < COUNTERS_MAX; e++) {
        struct counter_reading d = counter_between(&from->host[e], &to->host[e]);
        counter_add(&sum->host[e], &d);
    }
}

static void add_period(struct region *r)
{
    add_stats(&r->sums.total, &r->begin.total, &r->end.total);
    for (unsigned i = 0; i < r->threads; i++)
        add_thread(r, i);
    r->sums.time_ns += r->end.now_ns - r->begin.now_ns;
    r->sums.periods++;
}

void region_mark(struct region *r, bool begin)
{
    lock_take(&r->lock);
    if (begin) {
        bring_up_to_date(r->m->gt->smp(r->m->guest));
        read_guest(r, &r->begin);
        read_host(r, &r->begin);
        r->begin.now_ns = clock_now_ns();
    } else if (r->open) {
        r->end.now_ns = clock_now_ns();
        read_host(r, &r->end);
        bring_up_to_date(r->m->gt->smp(r->m->guest));
        read_guest(r, &r->end);
        add_period(r);
    }
    r->open = begin;
    lock_drop(&r->lock);
}

const struct region_sums *region_sums(const struct region *r)
{
    return r && r->sums.periods ? &r->sums : NULL;
}
