/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests smp/pin.c on whatever processors this process may use.
 */
#include "smp/pin.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/include/manyhart.h"

static cpu_set_t usable;

static int group_setup(void **state)
{
    (void)state;
    return sched_getaffinity(0, sizeof(usable), &usable);
}

static int first_usable(void)
{
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET((size_t)i, &usable))
            return i;
    return -1;
}

static void test_count(void **state)
{
    (void)state;
    assert_int_equal(pin_processors(), CPU_COUNT(&usable));
}

/* Each hart gets a processor of its own, one that may be used. */
static void check_distinct(const int *pin, unsigned harts)
{
    for (unsigned i = 0; i < harts; i++) {
        assert_true(pin[i] >= 0 && CPU_ISSET((size_t)pin[i], &usable));
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(pin[i], pin[k]);
    }
}

static void test_plan_fits(void **state)
{
    (void)state;
    unsigned n = pin_processors();
    int *pin = calloc(n, sizeof(*pin)), io;
    for (unsigned harts = 1; harts <= n; harts++) {
        char why[200] = "";
        assert_int_equal(pin_plan(harts, pin, &io, why, sizeof(why)), n);
        check_distinct(pin, harts);
        assert_int_equal(io >= 0, harts < n);
        for (unsigned i = 0; i < harts && io >= 0; i++)
            assert_int_not_equal(pin[i], io);
        assert_true(strlen(why) > 10);
    }
    free(pin);
}

static void test_plan_crowded(void **state)
{
    (void)state;
    unsigned n = pin_processors(), harts = n + 3;
    int *pin = calloc(harts, sizeof(*pin)), io = 5;
    char why[200], shorter[8];
    assert_int_equal(pin_plan(harts, pin, &io, why, sizeof(why)), n);
    for (unsigned i = 0; i < harts; i++)
        assert_int_equal(pin[i], -1);
    assert_int_equal(io, -1);
    assert_non_null(strstr(why, "not pinned"));
    assert_int_equal(pin_plan(harts, pin, &io, shorter, sizeof(shorter)), n);
    assert_true(strlen(shorter) < sizeof(shorter));
    free(pin);
}

static void test_parse(void **state)
{
    (void)state;
    int cpu = first_usable(), pin[4];
    char list[64];
    snprintf(list, sizeof(list), "%d", cpu);
    assert_int_equal(pin_parse(list, 4, pin), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pin[i], cpu);
    snprintf(list, sizeof(list), "%d-%d,%d", cpu, cpu, cpu);
    assert_int_equal(pin_parse(list, 1, pin), 0);
    assert_int_equal(pin[0], cpu);
}

/* The i-th hart goes to the i-th of the list, which starts over at its end. */
static void test_parse_order(void **state)
{
    (void)state;
    int a = first_usable(), pin[5];
    char list[64];
    if (!CPU_ISSET((size_t)a + 1, &usable))
        skip();
    snprintf(list, sizeof(list), "%d,%d", a + 1, a);
    assert_int_equal(pin_parse(list, 5, pin), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(pin[i], i & 1 ? a : a + 1);
    snprintf(list, sizeof(list), "%d-%d", a, a + 1);
    assert_int_equal(pin_parse(list, 3, pin), 0);
    assert_true(pin[0] == a && pin[1] == a + 1 && pin[2] == a);
}

static void test_parse_errors(void **state)
{
    static const char *const bad[] = {
        "",
        ",",
        "0,",
        ",0",
        "0,,0",
        "x",
        "0x1",
        "-1",
        "0-",
        "0--0",
        "1-0",
        "0 ",
        " 0",
        "0;1",
        "65535",
        "0-65535",
        "99999999999999999999",
        "0-99999999999999999999",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int pin[4];
        if (pin_parse(bad[i], 4, pin) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
        assert_string_equal(mh_last_error()->param, "pin");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count),        cmocka_unit_test(test_plan_fits),
        cmocka_unit_test(test_plan_crowded), cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_order),  cmocka_unit_test(test_parse_errors),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
