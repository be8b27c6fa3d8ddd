/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests smp/smp.c with eight harts whose "guest" is a loop in C: letters that
 * must have taken effect when the wait for them ends (as TLB shootdowns must),
 * stopping the world from harts and other threads at once, and the end.
 */
#include "smp/smp.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/base/clock.h"
#include "sim/base/futex.h"

#define HARTS 8

struct world;

struct mini {
    struct world *w;
    uint64_t cached; /* owner only: version it may use, 0 none */
    uint64_t steps;  /* owner only */
    uint64_t random;
    struct hart hart;
};

struct world {
    struct mini *mini[HARTS];
    struct smp *smp;
    bool (*step)(struct mini *m); /* false: the machine ends; constant while harts run */
    uint64_t version;             /* atomic: the newest */
    uint64_t committed;           /* atomic: no hart may use an older one */
    uint32_t stopper;             /* atomic: 1 + who has stopped the world, 0 nobody */
    uint64_t errors;              /* atomic */
    uint64_t posts, pauses;
    uint32_t begun, ended; /* atomic: threads */
};

static struct mini *mini_of(struct hart *h)
{
    return container_of(h, struct mini, hart);
}

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    return *x ^= *x << 17;
}

static void complain(struct world *w)
{
    fetch_add_relaxed(&w->errors, 1);
}

/* ---- the harts' loop ---- */

static void run(struct hart *h)
{
    struct mini *m = mini_of(h);
    if (!hart_enter(h))
        return;
    for (;;) {
        if (load_relaxed(&h->shared.until) == 0 && hart_poll(h) & REQUEST_STOP)
            break;
        m->steps++;
        if (!m->w->step(m))
            break;
    }
    hart_leave(h);
}

static const struct hart_ops ops = {.run = run};

static void begin(void *opaque, struct hart *h)
{
    struct world *w = opaque;
    if (smp_self() != h)
        complain(w);
    fetch_add_seq_cst(&w->begun, 1);
}

static void end(void *opaque, struct hart *h)
{
    struct world *w = opaque;
    (void)h;
    fetch_add_seq_cst(&w->ended, 1);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct hart *harts[HARTS];
    for (unsigned i = 0; i < HARTS; i++) {
        struct mini *m = aligned_alloc(CACHE_LINE, align_up(sizeof(*m), CACHE_LINE));
        memset(m, 0, sizeof(*m));
        m->w = w;
        m->random = 88172645463325252ull + i * 7919;
        assert_int_equal(hart_init(&m->hart, i, 0), 0);
        w->mini[i] = m;
        harts[i] = &m->hart;
    }
    assert_int_equal(smp_create(&w->smp, harts, HARTS, &ops), 0);
    w->smp->hooks.opaque = w;
    w->smp->hooks.thread_begin = begin;
    w->smp->hooks.thread_end = end;
    w->version = 1;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    smp_destroy(w->smp);
    for (unsigned i = 0; i < HARTS; i++) {
        hart_fini(&w->mini[i]->hart);
        free(w->mini[i]);
    }
    free(w);
    return 0;
}

static void run_for(struct world *w, bool (*step)(struct mini *m), unsigned ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000l};
    w->step = step;
    assert_int_equal(smp_start(w->smp, NULL), 0);
    nanosleep(&t, NULL);
    smp_stop(w->smp);
    smp_join(w->smp);
    assert_int_equal(w->begun, HARTS);
    assert_int_equal(w->ended, HARTS);
    assert_true(w->errors == 0);
    for (unsigned i = 0; i < HARTS; i++)
        assert_true(w->mini[i]->steps > 0);
}

/* ---- letters ---- */

static void forget(struct hart *h, uint64_t version, uint64_t b, uint64_t c)
{
    struct mini *m = mini_of(h);
    (void)b;
    (void)c;
    if (m->cached < version)
        m->cached = 0;
}

/* Uses what is cached; a version that was withdrawn may not be seen. */
static void use(struct mini *m)
{
    uint64_t committed = load_acquire(&m->w->committed);
    if (!m->cached)
        m->cached = load_acquire(&m->w->version);
    if (m->cached < committed)
        complain(m->w);
}

static void withdraw(struct world *w, struct hart *self)
{
    uint64_t version = fetch_add_seq_cst(&w->version, 1) + 1;
    if (self)
        forget(self, version, 0, 0);
    smp_wait(w->smp, self, smp_post(w->smp, self, NULL, forget, version, 0, 0));
    uint64_t old = load_acquire(&w->committed);
    while (old < version && !cas_acq_rel(&w->committed, &old, version))
        ;
    fetch_add_relaxed(&w->posts, 1);
}

static bool step_post(struct mini *m)
{
    use(m);
    switch (next_random(&m->random) % 64) {
    case 0:
        withdraw(m->w, &m->hart);
        break;
    case 1:
        return hart_wait(&m->hart, 0, clock_now_ns() + 20000);
    case 2:
        return hart_yield(&m->hart);
    }
    return true;
}

/* Also before harts have begun and after they have ended. */
static void *outside_posts(void *arg)
{
    struct world *w = arg;
    for (unsigned i = 0; i < 200; i++)
        withdraw(w, NULL);
    return NULL;
}

static void test_shootdown(void **state)
{
    struct world *w = *state;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, outside_posts, w), 0);
    run_for(w, step_post, 400);
    pthread_join(t, NULL);
    assert_true(w->posts > 20);
}

/* Only those in the set get it, never the sender. */
static void count_letter(struct hart *h, uint64_t a, uint64_t b, uint64_t c)
{
    (void)b;
    (void)c;
    mini_of(h)->cached += a;
}

static void test_set(void **state)
{
    struct world *w = *state;
    struct hart_set set = {{0}};
    hart_set_add(&set, 1);
    hart_set_add(&set, 3);
    hart_set_add(&set, 5);
    uint64_t first = smp_post(w->smp, &w->mini[3]->hart, &set, count_letter, 10, 0, 0);
    uint64_t second = smp_post(w->smp, NULL, NULL, count_letter, 1, 0, 0);
    assert_true(second > first);
    for (unsigned i = 0; i < HARTS; i++) {
        assert_true(hart_enter(&w->mini[i]->hart));
        assert_true(w->mini[i]->cached == (i == 1 || i == 5 ? 11 : 1));
        hart_leave(&w->mini[i]->hart);
    }
}

/* ---- stop the world ---- */

static void hold_world(struct world *w, struct hart *self, uint32_t who)
{
    smp_pause(w->smp, self);
    if (exchange_seq_cst(&w->stopper, who))
        complain(w); /* two at once */
    /* A hart may be IN for the moment that it takes to see that it may not; so place says nothing.
     */
    if (who & 1)
        sched_yield();
    if (exchange_seq_cst(&w->stopper, 0) != who)
        complain(w);
    smp_resume(w->smp);
    fetch_add_relaxed(&w->pauses, 1);
}

static bool step_pause(struct mini *m)
{
    if (load_seq_cst(&m->w->stopper))
        complain(m->w); /* we run though the world stands */
    switch (next_random(&m->random) % 256) {
    case 0:
    case 1:
        hold_world(m->w, &m->hart, 1 + m->hart.index);
        break;
    case 2:
        withdraw(m->w, &m->hart);
        break;
    case 3:
        if (!hart_wait(&m->hart, 0, clock_now_ns() + 20000))
            return false; /* out: others need not wait for us any more */
        break;
    }
    use(m);
    return true;
}

static void *outside_pauses(void *arg)
{
    struct world *w = arg;
    for (unsigned i = 0; i < 100; i++) /* also while the harts end */
        hold_world(w, NULL, 100 + (i & 1));
    return NULL;
}

static void test_pause(void **state)
{
    struct world *w = *state;
    pthread_t t[2];
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, outside_pauses, w), 0);
    run_for(w, step_pause, 400);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    assert_true(w->errors == 0);
    assert_true(w->pauses > 20);
}

/* A world that stands still does not step. */
static bool step_idle(struct mini *m)
{
    store_relaxed(&m->cached, m->cached + 1);
    return true;
}

static void test_pause_stands(void **state)
{
    struct world *w = *state;
    uint64_t before[HARTS];
    struct timespec t = {.tv_nsec = 20000000};
    w->step = step_idle;
    assert_int_equal(smp_start(w->smp, NULL), 0);
    for (unsigned round = 0; round < 3; round++) {
        nanosleep(&t, NULL);
        smp_pause(w->smp, NULL);
        for (unsigned i = 0; i < HARTS; i++)
            before[i] = load_relaxed(&w->mini[i]->cached);
        nanosleep(&t, NULL);
        for (unsigned i = 0; i < HARTS; i++)
            assert_true(load_relaxed(&w->mini[i]->cached) == before[i]);
        smp_resume(w->smp);
    }
    smp_stop(w->smp);
    smp_join(w->smp);
}

/* Hart 0 goes on for as long as it is told to, and answers nobody. */
static uint32_t busy;

static bool step_busy(struct mini *m)
{
    while (m->hart.index == 0 && load_acquire(&busy))
        sched_yield();
    store_relaxed(&m->cached, m->cached + 1);
    return true;
}

static void test_pause_within(void **state)
{
    struct world *w = *state;
    w->step = step_busy;
    store_release(&busy, 1);
    assert_int_equal(smp_start(w->smp, NULL), 0);
    while (load_acquire(&w->begun) != HARTS)
        sched_yield();
    while (!load_relaxed(&w->mini[1]->cached))
        sched_yield();
    for (unsigned i = 0; i < 5; i++)
        assert_false(smp_pause_within(w->smp, 1000000));
    /* The others run on. */
    uint64_t before = load_relaxed(&w->mini[1]->cached);
    while (load_relaxed(&w->mini[1]->cached) == before)
        sched_yield();
    store_release(&busy, 0);
    assert_true(smp_pause_within(w->smp, UINT64_MAX));
    before = load_relaxed(&w->mini[0]->cached);
    assert_false(smp_pause_within(w->smp, 0)); /* it is someone else's turn */
    sched_yield();
    assert_true(load_relaxed(&w->mini[0]->cached) == before);
    smp_resume(w->smp);
    smp_stop(w->smp);
    smp_join(w->smp);
}

/* What waits is stopped already, and goes on waiting. */
static bool step_wait(struct mini *m)
{
    uint64_t deadline = clock_now_ns() + 20000000;
    bool on = hart_wait(&m->hart, 0, deadline);
    if (clock_now_ns() < deadline && !load_acquire(&m->hart.smp->stopping))
        complain(m->w);
    return on;
}

static void test_pause_lets_wait(void **state)
{
    struct world *w = *state;
    struct timespec t = {.tv_nsec = 200000};
    w->step = step_wait;
    assert_int_equal(smp_start(w->smp, NULL), 0);
    for (unsigned i = 0; i < 500; i++) {
        smp_pause(w->smp, NULL);
        smp_resume(w->smp);
        nanosleep(&t, NULL);
    }
    smp_stop(w->smp);
    smp_join(w->smp);
    assert_int_equal(w->errors, 0);
    for (unsigned i = 0; i < HARTS; i++)
        assert_true(w->mini[i]->hart.waits > 0);
}

/* ---- the end ---- */

static bool step_sleep(struct mini *m)
{
    return hart_wait(&m->hart, 0, FUTEX_NO_DEADLINE);
}

static void test_stop_while_waiting(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 20; i++) {
        w->begun = w->ended = 0;
        w->step = step_sleep;
        assert_int_equal(smp_start(w->smp, NULL), 0);
        if (i & 1)
            while (load_acquire(&w->begun) != HARTS)
                sched_yield();
        smp_stop(w->smp);
        smp_join(w->smp);
        assert_int_equal(w->ended, HARTS);
    }
}

/* Stopped while the world stands still. */
static void test_stop_while_paused(void **state)
{
    struct world *w = *state;
    w->step = step_idle;
    assert_int_equal(smp_start(w->smp, NULL), 0);
    smp_pause(w->smp, NULL);
    smp_stop(w->smp);
    smp_resume(w->smp);
    smp_join(w->smp);
    assert_int_equal(w->ended, HARTS);
    assert_null(smp_self());
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_shootdown),
        TEST(test_set),
        TEST(test_pause),
        TEST(test_pause_stands),
        TEST(test_pause_within),
        TEST(test_pause_lets_wait),
        TEST(test_stop_while_waiting),
        TEST(test_stop_while_paused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
