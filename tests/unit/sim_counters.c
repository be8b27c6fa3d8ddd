/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/counters.c: names, what stands in for hardware, values per thread. */
#include "sim/counters.h"

#include "sim/base/atomic.h"
#include "sim/include/manyhart.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void test_unknown_name(void **state)
{
    struct counters *c;
    (void)state;
    assert_int_equal(counters_create(&c, "cycels", 1), -ENOENT);
    assert_null(c);
    assert_string_equal(mh_last_error()->param, "counters");
    assert_string_equal(mh_last_error()->value, "cycels");
    assert_non_null(strstr(mh_last_error()->message, "CYCLES"));
    assert_int_equal(counters_create(&c, "", 1), -ENOENT);
    assert_int_equal(counters_create(&c, "cycles,,cycles", 1), -ENOENT);
    assert_int_equal(counters_create(&c,
                                     "cycles,cycles,cycles,cycles,cycles,cycles,cycles,cycles,"
                                     "cycles,cycles,cycles,cycles,cycles",
                                     1),
                     -E2BIG);
}

struct worker {
    struct counters *c;
    unsigned slot;
    unsigned pages;
};

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    counters_thread_begin(w->c, w->slot);
    uint64_t until = cpu_ns() + 5000000;
    volatile char *p = malloc((size_t)w->pages * 4096);
    for (unsigned i = 0; i < w->pages; i++)
        p[(size_t)i * 4096] = 1;
    while (cpu_ns() < until)
        ;
    free((void *)p);
    counters_thread_end(w->c, w->slot);
    return NULL;
}

static unsigned find(const struct counters *c, const char *part)
{
    for (unsigned i = 0; i < counters_count(c); i++)
        if (strcasestr(counters_name(c, i), part))
            return i;
    fail_msg("no counter like %s", part);
    return 0;
}

/* Software events exist everywhere; where they do not, getrusage stands in, or a note says so. */
static void test_values_are_per_thread(void **state)
{
    struct counters *c;
    pthread_t t[2];
    struct worker w[2];
    (void)state;
    assert_int_equal(counters_create(&c, "PERF_COUNT_SW_TASK_CLOCK,PERF_COUNT_SW_PAGE_FAULTS", 3),
                     0);
    for (unsigned i = 0; i < 2; i++) {
        w[i] = (struct worker){c, i, 64};
        assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    unsigned clock = find(c, "TASK");
    for (unsigned i = 0; i < 2; i++)
        assert_true(counters_value(c, i, clock).value >= 4000000);
    assert_int_equal(counters_value(c, 2, clock).value, 0);
    uint64_t before = counters_value(c, 0, clock).value;
    work(&w[0]); /* a second period adds up */
    assert_true(counters_value(c, 0, clock).value >= before + 4000000);
    counters_destroy(c);
}

struct spinner {
    struct counters *c;
    uint32_t begun, enough; /* atomic */
};

static void *spin(void *arg)
{
    struct spinner *s = arg;
    counters_thread_begin(s->c, 0);
    store_release(&s->begun, 1);
    while (!load_acquire(&s->enough))
        ;
    counters_thread_end(s->c, 0);
    return NULL;
}

/* This thread reads what the other counts, while it runs and afterwards. */
static void test_read_from_outside(void **state)
{
    struct spinner s = {0};
    struct counter_reading first[COUNTERS_MAX], now[COUNTERS_MAX];
    pthread_t t;
    (void)state;
    assert_int_equal(counters_create(&s.c, "PERF_COUNT_SW_TASK_CLOCK", 1), 0);
    counters_read(s.c, 0, now);
    unsigned clock = find(s.c, "TASK");
    assert_int_equal(now[clock].value, 0);
    assert_int_equal(pthread_create(&t, NULL, spin, &s), 0);
    while (!load_acquire(&s.begun))
        ;
    counters_read(s.c, 0, first);
    do
        counters_read(s.c, 0, now);
    while (!now[clock].missing && now[clock].value < first[clock].value + 1000000);
    store_release(&s.enough, 1);
    pthread_join(t, NULL);
    assert_false(now[clock].missing);
    assert_true(counters_value(s.c, 0, clock).value >= now[clock].value);
    counters_destroy(s.c);
}

static void test_stand_ins(void **state)
{
    struct counters *c;
    char why[64];
    (void)state;
    assert_int_equal(counters_create(&c, "instructions", 1), 0);
    if (counters_hardware(why, sizeof(why))) {
        assert_int_equal(counters_count(c), 1);
        assert_string_equal(counters_note(c), "");
        assert_string_equal(counters_source(c, 0), "hardware");
    } else {
        assert_non_null(strstr(counters_note(c), "instructions"));
        assert_non_null(strstr(counters_note(c), "stand in"));
        assert_true(counters_count(c) >= 3);
        for (unsigned i = 0; i < counters_count(c); i++)
            assert_string_not_equal(counters_source(c, i), "hardware");
    }
    counters_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_name),
        cmocka_unit_test(test_values_are_per_thread),
        cmocka_unit_test(test_read_from_outside),
        cmocka_unit_test(test_stand_ins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
