/* SPDX-License-Identifier: Apache-2.0 */
/* bench/load.c: the arithmetic on texts of /proc/stat, and that this host has one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "bench/load.h"

static void test_parse(void **state)
{
    struct load_point p = {.own = 3};
    (void)state;
    assert_true(load_parse("cpu  100 20 30 4000 50 6 7 8 90 10\ncpu0 1 2 3\n", 100, &p));
    assert_true(fabs(p.all - 42.21) < 1e-9);
    assert_true(fabs(p.busy - 1.71) < 1e-9); /* guest time (90, 10) is in user and nice */
    assert_true(p.own == 3);
    assert_false(load_parse("", 100, &p));
    assert_false(load_parse("cpu 1 2 3\n", 100, &p));
    assert_false(load_parse("intr 1 2 3 4 5 6 7 8\n", 100, &p));
}

static void test_others(void **state)
{
    const struct load_point from = {100, 40, 10};
    static const struct {
        struct load_point to;
        double part;
    } t[] = {
        {{110, 48, 15}, 0.3}, /* 8 busy, of which 5 our own, of 10 */
        {{110, 45, 15}, 0},
        {{110, 45, 16}, 0}, /* our own is known finer */
        {{110, 55, 10}, 1},
    };
    struct load_point unknown = {NAN, NAN, 20};
    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
        assert_true(fabs(load_of_others(&from, &t[i].to) - t[i].part) < 1e-12);
    assert_true(isnan(load_of_others(&from, &from)));
    assert_true(isnan(load_of_others(&from, &unknown)));
}

static void test_watch(void **state)
{
    struct sample_set set = {0};
    struct load_watch w;
    (void)state;
    w = (struct load_watch){.sum = 0.9, .most = 0.75, .rounds = 3};
    assert_int_equal(load_watch_fact(&w, &set, "load during"), 0);
    assert_string_equal(samples_fact_of(&set, "load during"),
                        "others used 30 % of the processors, at most 75 % in a round (of 3)");
    w.rounds = 0;
    load_watch_fact(&w, &set, "load during");
    assert_string_equal(samples_fact_of(&set, "load during"), "unknown here");
    load_watch_begin(&w);
    assert_true(w.last.own >= 0);
    assert_true(w.last.all > w.last.busy && w.last.busy > 0);
    while (!w.rounds) /* until the kernel's ticks have moved */
        load_watch_round(&w);
    assert_true(w.most >= 0 && w.most <= 1);
    samples_clear(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
