/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests mem/zeros.c: what is worth giving back, what goes and what stays, and
 * that who lends memory keeps it.
 */
#include "mem/zeros.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE    0x80000000ull
#define RAM_SIZE    (8 * ZEROS_CHUNK)
#define CHUNK_PAGES (ZEROS_CHUNK / PAGE_SIZE)

static int setup(void **state)
{
    /* Without huge pages: what is not touched is not there. */
    struct physmem_config cfg = {.base = RAM_BASE, .size = RAM_SIZE, .numa_node = -1};
    struct physmem *pm;
    assert_int_equal(physmem_create(&pm, &cfg), 0);
    *state = pm;
    return 0;
}

static int teardown(void **state)
{
    physmem_destroy(*state);
    return 0;
}

static gpa_t chunk_gpa(const struct physmem *pm, uint64_t chunk)
{
    return pm->base + (-(uintptr_t)pm->host & (ZEROS_CHUNK - 1)) + chunk * ZEROS_CHUNK;
}

/* The guest clears pages, which puts them in host memory. */
static void clear(struct physmem *pm, uint64_t chunk, uint64_t pages)
{
    memset(physmem_host(pm, chunk_gpa(pm, chunk)), 0, pages * PAGE_SIZE);
}

static void use(struct physmem *pm, uint64_t chunk, uint64_t page, uint8_t value)
{
    /* The page's last byte: all of it is looked at. */
    *physmem_host(pm, chunk_gpa(pm, chunk) + (page + 1) * PAGE_SIZE - 1) = value;
}

static uint8_t used(struct physmem *pm, uint64_t chunk, uint64_t page)
{
    return *physmem_host(pm, chunk_gpa(pm, chunk) + (page + 1) * PAGE_SIZE - 1);
}

static void test_chunks(void **state)
{
    const struct physmem *pm = *state;
    uint64_t n = zeros_chunks(pm);
    assert_in_range(n, RAM_SIZE / ZEROS_CHUNK - 1, RAM_SIZE / ZEROS_CHUNK);
    assert_true(physmem_contains(pm, chunk_gpa(pm, n - 1), ZEROS_CHUNK));
    assert_false(physmem_contains(pm, chunk_gpa(pm, n), ZEROS_CHUNK));

    struct physmem_config small = {.base = RAM_BASE, .size = PAGE_SIZE, .numa_node = -1};
    struct physmem *page;
    assert_int_equal(physmem_create(&page, &small), 0);
    assert_int_equal(zeros_chunks(page), 0);
    physmem_destroy(page);
}

static void test_whole_chunk(void **state)
{
    struct physmem *pm = *state;
    assert_false(zeros_worth(pm, 2)); /* it is not there */
    assert_int_equal(zeros_drop(pm, 2), 0);
    clear(pm, 2, CHUNK_PAGES);
    uint64_t before = physmem_resident(pm);
    assert_true(zeros_worth(pm, 2));
    assert_false(zeros_worth(pm, 1));
    assert_false(zeros_worth(pm, 3));
    assert_int_equal(zeros_drop(pm, 2), ZEROS_CHUNK);
    assert_int_equal(before - physmem_resident(pm), ZEROS_CHUNK);
    assert_false(zeros_worth(pm, 2));
    assert_int_equal(used(pm, 2, 7), 0);
    use(pm, 2, 7, 42);
    assert_int_equal(zeros_drop(pm, 2), 0);
    assert_int_equal(used(pm, 2, 7), 42);
}

/* Half of a chunk has to be there. */
static void test_part(void **state)
{
    struct physmem *pm = *state;
    clear(pm, 1, CHUNK_PAGES / 2 - 1);
    assert_false(zeros_worth(pm, 1));
    clear(pm, 1, CHUNK_PAGES / 2);
    assert_true(zeros_worth(pm, 1));
    assert_int_equal(zeros_drop(pm, 1), ZEROS_CHUNK / 2);
}

static void test_some_used(void **state)
{
    struct physmem *pm = *state;
    uint64_t page[ZEROS_USED + 1];
    clear(pm, 1, CHUNK_PAGES);
    for (unsigned i = 0; i < ARRAY_LEN(page); i++) {
        page[i] = (uint64_t)i * 151 % CHUNK_PAGES; /* 151 has no factor of 512 */
        use(pm, 1, page[i], (uint8_t)(i + 1));
    }
    assert_false(zeros_worth(pm, 1));
    assert_int_equal(zeros_drop(pm, 1), 0);
    use(pm, 1, page[ZEROS_USED], 0);
    assert_true(zeros_worth(pm, 1));
    assert_int_equal(zeros_drop(pm, 1), ZEROS_CHUNK - ZEROS_USED * PAGE_SIZE);
    for (unsigned i = 0; i < ZEROS_USED; i++)
        assert_int_equal(used(pm, 1, page[i]), i + 1);
    assert_int_equal(used(pm, 1, page[ZEROS_USED]), 0);
}

static void test_lent(void **state)
{
    struct physmem *pm = *state;
    clear(pm, 1, CHUNK_PAGES);
    physmem_lend(pm);
    physmem_lend(pm);
    physmem_lend_end(pm);
    assert_true(zeros_worth(pm, 1));
    assert_int_equal(zeros_drop(pm, 1), 0);
    physmem_lend_end(pm);
    assert_int_equal(zeros_drop(pm, 1), ZEROS_CHUNK);
}

/* ---- others write meanwhile ---- */

#define WRITERS 3
#define WRITES  3000

struct writer {
    struct physmem *pm;
    unsigned index;
    uint64_t lost;
    uint32_t *running; /* atomic */
    pthread_t thread;
};

/* How a thread may write that is neither a hart nor the one that drops. */
static void write_word(struct writer *w, gpa_t gpa, uint64_t value)
{
    switch (w->index) {
    case 0:
        physmem_write(w->pm, gpa, &value, sizeof(value));
        break;
    case 1:
        physmem_cas_slow(w->pm, NULL, gpa, 8, 0, value);
        break;
    default:
        physmem_lend(w->pm);
        store_relaxed((uint64_t *)(void *)physmem_host(w->pm, gpa), value);
        physmem_lend_end(w->pm);
    }
}

static void *writer_thread(void *arg)
{
    struct writer *w = arg;
    for (uint64_t i = 1; i <= WRITES; i++) {
        gpa_t gpa = chunk_gpa(w->pm, 1) + (i * 151 % CHUNK_PAGES) * PAGE_SIZE + w->index * 64;
        uint64_t value = 0;
        write_word(w, gpa, i);
        sched_yield();
        physmem_read(w->pm, gpa, &value, sizeof(value));
        w->lost += value != i;
        physmem_fill(w->pm, gpa, 0, sizeof(value));
    }
    fetch_sub_acq_rel(w->running, 1);
    return NULL;
}

static void test_others_write(void **state)
{
    struct physmem *pm = *state;
    uint32_t running = WRITERS;
    uint64_t dropped = 0;
    struct writer w[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){.pm = pm, .index = i, .running = &running};
        assert_int_equal(pthread_create(&w[i].thread, NULL, writer_thread, &w[i]), 0);
    }
    while (load_acquire(&running)) {
        /* Half of it has to be there: touched, and nobody writes to these bytes. */
        gpa_t upper = chunk_gpa(pm, 1) + ZEROS_CHUNK / 2;
        for (uint64_t at = 0; at < ZEROS_CHUNK / 2; at += PAGE_SIZE)
            fetch_add_relaxed((uint64_t *)(void *)(physmem_host(pm, upper) + at + 2048), 0);
        dropped += zeros_drop(pm, 1);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(w[i].thread, NULL);
        assert_int_equal(w[i].lost, 0);
    }
    assert_true(dropped > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whole_chunk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_part, setup, teardown),
        cmocka_unit_test_setup_teardown(test_some_used, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others_write, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
