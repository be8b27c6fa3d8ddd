/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests sim/base/futex.c: no sleep on another value, deadlines, waking.
 */
#include "sim/base/futex.h"

#include "sim/base/atomic.h"
#include "sim/base/clock.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_other_value(void **state)
{
    uint32_t word = 1;

    (void)state;
    assert_int_equal(futex_wait(&word, 0, FUTEX_NO_DEADLINE), 0);
}

static void test_deadline(void **state)
{
    uint32_t word = 0;
    uint64_t deadline_ns = clock_now_ns() + 2000000;
    int rc;

    (void)state;
    do
        rc = futex_wait(&word, 0, deadline_ns);
    while (rc == 0);
    assert_int_equal(rc, -ETIMEDOUT);
    assert_true(clock_now_ns() >= deadline_ns);
    assert_int_equal(futex_wait(&word, 0, 1), -ETIMEDOUT); /* long past */
}

struct sleeper {
    uint32_t word, awake; /* atomic */
};

static void *sleeper_main(void *opaque)
{
    struct sleeper *s = opaque;

    while (load_acquire(&s->word) == 0)
        futex_wait(&s->word, 0, FUTEX_NO_DEADLINE);
    fetch_add_acq_rel(&s->awake, 1);
    return NULL;
}

static void test_wake(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct sleeper s = {0};
        pthread_t thread[2];
        for (int t = 0; t < 2; t++)
            pthread_create(&thread[t], NULL, sleeper_main, &s);
        if (i % 2)
            sched_yield();
        store_release(&s.word, 1);
        futex_wake(&s.word, INT_MAX);
        for (int t = 0; t < 2; t++)
            pthread_join(thread[t], NULL);
        assert_int_equal(s.awake, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_value),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_wake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
