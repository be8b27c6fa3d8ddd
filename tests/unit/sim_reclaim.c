/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests sim/reclaim.c: memory goes back while harts that are loops in C write
 * to it, and no store is lost; what they still use stays.
 */
#include "sim/reclaim.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "mem/zeros.h"
#include "sim/base/clock.h"

#define HARTS    2
#define RAM_BASE 0x80000000ull
#define RAM_SIZE (8 * ZEROS_CHUNK)
#define WORDS    (RAM_SIZE / PAGE_SIZE) /* one a page for each hart */

struct mini {
    struct world *w;
    uint64_t lost, steps; /* owner only */
    struct hart hart;
};

struct world {
    struct physmem *pm;
    struct smp *smp;
    struct loop *loop;
    struct reclaim *reclaim;
    struct mini *mini[HARTS];
    pthread_t io;
    void (*step)(struct mini *m);
};

static uint64_t *word(struct mini *m, uint64_t page)
{
    return (uint64_t *)(void *)(m->w->pm->host + page * PAGE_SIZE) + 8 * m->hart.index;
}

/* Writes a few words, lets the world stop, looks whether they are there, clears them. */
static void step_write(struct mini *m)
{
    uint64_t value = ++m->steps;
    for (unsigned i = 0; i < 16; i++)
        store_relaxed(word(m, (value * 16 + i) * 151 % WORDS), value + i);
    if (load_relaxed(&m->hart.shared.until) == 0)
        (void)hart_poll(&m->hart);
    for (unsigned i = 0; i < 16; i++) {
        m->lost += load_relaxed(word(m, (value * 16 + i) * 151 % WORDS)) != value + i;
        store_relaxed(word(m, (value * 16 + i) * 151 % WORDS), 0);
    }
}

static void step_idle(struct mini *m)
{
    m->steps++;
}

static void run(struct hart *h)
{
    struct mini *m = container_of(h, struct mini, hart);
    if (!hart_enter(h))
        return;
    while (!load_acquire(&h->smp->stopping)) {
        if (load_relaxed(&h->shared.until) == 0)
            (void)hart_poll(h);
        m->w->step(m);
    }
    hart_leave(h);
}

static const struct hart_ops ops = {.run = run};

static void *io_thread(void *arg)
{
    loop_run(arg);
    return NULL;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct hart *harts[HARTS];
    struct physmem_config mem = {.base = RAM_BASE, .size = RAM_SIZE, .numa_node = -1};
    assert_int_equal(physmem_create(&w->pm, &mem), 0);
    assert_int_equal(loop_create(&w->loop), 0);
    for (unsigned i = 0; i < HARTS; i++) {
        struct mini *m = aligned_alloc(CACHE_LINE, align_up(sizeof(*m), CACHE_LINE));
        memset(m, 0, sizeof(*m));
        m->w = w;
        assert_int_equal(hart_init(&m->hart, i, 0), 0);
        w->mini[i] = m;
        harts[i] = &m->hart;
    }
    assert_int_equal(smp_create(&w->smp, harts, HARTS, &ops), 0);
    struct reclaim_config cfg = {.pm = w->pm, .smp = w->smp, .loop = w->loop, .period_ns = 100000};
    assert_int_equal(reclaim_create(&w->reclaim, &cfg), 0);
    assert_int_equal(pthread_create(&w->io, NULL, io_thread, w->loop), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    loop_stop(w->loop);
    pthread_join(w->io, NULL);
    reclaim_destroy(w->reclaim);
    loop_destroy(w->loop);
    smp_destroy(w->smp);
    for (unsigned i = 0; i < HARTS; i++) {
        hart_fini(&w->mini[i]->hart);
        free(w->mini[i]);
    }
    physmem_destroy(w->pm);
    free(w);
    return 0;
}

/* The guest runs until so much has come back; false: it has not within a minute. */
static bool run_until(struct world *w, uint64_t bytes)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    uint64_t end = clock_now_ns() + 60 * NS_PER_SEC;
    assert_int_equal(smp_start(w->smp, NULL), 0);
    reclaim_start(w->reclaim);
    while (reclaim_bytes(w->reclaim) < bytes && clock_now_ns() < end)
        nanosleep(&pause, NULL);
    smp_stop(w->smp);
    smp_join(w->smp);
    return reclaim_bytes(w->reclaim) >= bytes;
}

static void test_no_store_is_lost(void **state)
{
    struct world *w = *state;
    w->step = step_write;
    /* Each time all of it: harts put it back into host memory as they go. */
    assert_true(run_until(w, 20 * RAM_SIZE));
    for (unsigned i = 0; i < HARTS; i++) {
        assert_true(w->mini[i]->steps > 0);
        assert_int_equal(w->mini[i]->lost, 0);
    }
}

static void test_only_zeros_go(void **state)
{
    struct world *w = *state;
    uint64_t chunks = zeros_chunks(w->pm);
    uint8_t *first = w->pm->host + (-(uintptr_t)w->pm->host & (ZEROS_CHUNK - 1));
    w->step = step_idle;
    memset(first, 0, chunks * ZEROS_CHUNK);
    memset(first + ZEROS_CHUNK, 1, ZEROS_CHUNK);
    assert_true(run_until(w, (chunks - 1) * ZEROS_CHUNK));
    assert_int_equal(reclaim_bytes(w->reclaim), (chunks - 1) * ZEROS_CHUNK);
    assert_true(physmem_resident(w->pm) <= 2 * ZEROS_CHUNK);
    for (uint64_t i = 0; i < ZEROS_CHUNK; i++)
        assert_int_equal(first[ZEROS_CHUNK + i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_store_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_zeros_go, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
