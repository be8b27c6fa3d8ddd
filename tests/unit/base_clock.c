/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests sim/base/clock.c and sim/base/gclock.h: that the clocks run forward and
 * the units are right.
 */
#include "sim/base/clock.h"

#include "sim/base/gclock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void test_monotonic(void **state)
{
    uint64_t last = clock_now_ns();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_now_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void test_units(void **state)
{
    struct timespec ts;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    assert_true(clock_now_ns() >= (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec);
    clock_gettime(CLOCK_REALTIME, &ts);
    assert_true(clock_wall_ns() / NS_PER_SEC >= (uint64_t)ts.tv_sec - 60);
}

static void test_thread_time_grows_with_work(void **state)
{
    uint64_t start = clock_thread_ns();

    (void)state;
    for (volatile int i = 0; i < 1000000; i++)
        ;
    assert_true(clock_thread_ns() > start);
}

static void test_guest_clock(void **state)
{
    struct gclock c;

    (void)state;
    gclock_init(&c, 10000000);
    uint64_t a = gclock_now(&c), b = gclock_now(&c);
    assert_true(b >= a);
    /* A deadline is where the counter reaches the value. */
    uint64_t ticks = gclock_now(&c) + 1000;
    uint64_t deadline_ns = gclock_deadline_ns(&c, ticks);
    assert_int_equal(deadline_ns % 100, 0);
    assert_int_equal(gclock_deadline_ns(&c, ticks + 1) - deadline_ns, 100);
    gclock_set(&c, 5000000000);
    assert_true(gclock_now(&c) >= 5000000000);
    assert_int_equal(gclock_deadline_ns(&c, UINT64_MAX), UINT64_MAX);
    assert_int_equal(gclock_deadline_ns(&c, 4999999999), 0);
}

/* The guest may write any value to mtime: a second ahead is a second ahead. */
static void test_far_settings(void **state)
{
    static const uint64_t settings[] = {
        1, 1ull << 56, 1ull << 57, INT64_MAX - 5000000, 1ull << 63, UINT64_MAX - 20000000};
    struct gclock c;

    (void)state;
    gclock_init(&c, 10000000);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        uint64_t before_ns = clock_now_ns();
        gclock_set(&c, settings[i]);
        uint64_t deadline_ns = gclock_deadline_ns(&c, settings[i] + 10000000);
        assert_true(deadline_ns >= before_ns + NS_PER_SEC - 100);
        assert_true(deadline_ns <= clock_now_ns() + NS_PER_SEC + 100);
        assert_int_equal(gclock_deadline_ns(&c, settings[i]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_thread_time_grows_with_work),
        cmocka_unit_test(test_guest_clock),
        cmocka_unit_test(test_far_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
