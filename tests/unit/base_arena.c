/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests sim/base/arena.c: threads get arenas of their own and give them back,
 * and memory outlives the thread that allocated it.
 */
#include "sim/base/arena.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(MH_JEMALLOC) && MH_JEMALLOC
#include <jemalloc/jemalloc.h>

static unsigned arena_number(void)
{
    unsigned arena = 0;
    size_t size = sizeof(arena);

    mallctl("thread.arena", &arena, &size, NULL, 0);
    return arena;
}

static unsigned arena_count(void)
{
    unsigned count = 0;
    size_t size = sizeof(count);

    mallctl("arenas.narenas", &count, &size, NULL, 0);
    return count;
}

static const bool have_arenas = true;
#else
static const bool have_arenas;

static unsigned arena_number(void)
{
    return 0;
}

static unsigned arena_count(void)
{
    return 0;
}
#endif

static void test_name(void **state)
{
    (void)state;
    if (have_arenas)
        assert_memory_equal(arena_name(), "jemalloc ", 9);
    else
        assert_string_equal(arena_name(), "libc");
}

struct worker {
    pthread_barrier_t *all_bound;
    unsigned before, bound, after;
    int rc;
    char *memory;
};

static void *worker_main(void *opaque)
{
    struct worker *w = opaque;

    w->before = arena_number();
    w->rc = arena_bind_thread();
    w->rc |= arena_bind_thread(); /* again changes nothing */
    w->bound = arena_number();
    w->memory = malloc(1000);
    strcpy(w->memory, "lives on");
    pthread_barrier_wait(w->all_bound);
    arena_unbind_thread();
    arena_unbind_thread();
    w->after = arena_number();
    return NULL;
}

static void run_workers(struct worker *w, unsigned count)
{
    pthread_barrier_t all_bound;
    pthread_t thread[8];

    pthread_barrier_init(&all_bound, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        w[i] = (struct worker){.all_bound = &all_bound};
        pthread_create(&thread[i], NULL, worker_main, &w[i]);
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(thread[i], NULL);
    pthread_barrier_destroy(&all_bound);
}

static void test_own_arenas(void **state)
{
    struct worker w[4];

    (void)state;
    run_workers(w, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(w[i].rc, 0);
        assert_string_equal(w[i].memory, "lives on");
        free(w[i].memory);
        assert_int_equal(w[i].after, w[i].before);
        for (unsigned j = 0; have_arenas && j < i; j++)
            assert_int_not_equal(w[i].bound, w[j].bound);
    }
}

/* Thousands of threads one after the other use the same few arenas. */
static void test_arenas_reused(void **state)
{
    struct worker w[4];

    (void)state;
    run_workers(w, 4);
    for (unsigned i = 0; i < 4; i++)
        free(w[i].memory);
    unsigned count = arena_count();
    for (unsigned round = 0; round < 1500; round++) {
        run_workers(w, 4);
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(w[i].rc, 0);
            free(w[i].memory);
        }
    }
    assert_int_equal(arena_count(), count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_own_arenas),
        cmocka_unit_test(test_arenas_reused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
