/* SPDX-License-Identifier: Apache-2.0 */
/* bench/summary.c: warm-up left out, failures counted and not used, ratios pair by pair. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/summary.h"

enum { ITERATIONS = 40, WARM_UP = 8 };

/* Slow at first; a little noise that repeats. */
static struct sample sample(const char *engine, unsigned harts, unsigned round, double ns)
{
    struct sample s = {.workload = "fib",
                       .group = "integer",
                       .unit = "calls",
                       .outcome = "ok",
                       .harts = harts,
                       .round = round,
                       .operations = 10,
                       .n = ITERATIONS};
    snprintf(s.engine, sizeof(s.engine), "%s", engine);
    s.ns = calloc(ITERATIONS, sizeof(double));
    for (unsigned i = 0; i < ITERATIONS; i++)
        s.ns[i] = ns * (i < WARM_UP ? 3 : 1) * (1 + 0.001 * (i % 3));
    return s;
}

static void add(struct sample_set *set, struct sample s)
{
    assert_int_equal(samples_add(set, &s), 0);
}

/* The machine is slower in each round than in the one before. */
static void make(struct sample_set *set)
{
    for (unsigned round = 6; round-- > 0;) {
        add(set, sample("native", 1, round, 100 * (1 + round)));
        add(set, sample("interp", 1, round, 1000 * (1 + round)));
    }
    struct sample bad = sample("interp", 1, 6, 5);
    strcpy(bad.outcome, "killed by signal 11 (Segmentation fault)");
    add(set, bad);
    struct sample counted = sample("interp", 2, 0, 500);
    counted.instructions = calloc(ITERATIONS, sizeof(double));
    for (unsigned i = 0; i < ITERATIONS; i++)
        counted.instructions[i] = i < WARM_UP ? 9999 : 1234;
    add(set, counted);
}

static void test_cells(void **state)
{
    struct sample_set set = {0};
    struct summary s;
    (void)state;
    make(&set);
    assert_int_equal(summary_make(&s, &set, 0.95), 0);
    assert_int_equal(s.n, 3);
    const struct summary_cell *native = summary_find(&s, "fib", "native", 1),
                              *interp = summary_find(&s, "fib", "interp", 1),
                              *two = summary_find(&s, "fib", "interp", 2);
    assert_non_null(native);
    assert_null(summary_find(&s, "fib", "jit", 1));
    assert_null(summary_find(&s, "lz", "interp", 1));
    assert_ptr_equal(summary_base(&s, "fib", "interp", 2), two);
    assert_ptr_equal(summary_base(&s, "fib", "interp", 4), interp);
    assert_ptr_equal(summary_base(&s, "fib", "native", 2), native);
    assert_null(summary_base(&s, "fib", "jit", 2));
    assert_int_equal(interp->n, 6);
    assert_int_equal(interp->failed, 1);
    assert_int_equal(interp->unsteady, 0);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(interp->round[i], i);
        assert_true(fabs(interp->ns[i] / (1001 * (1 + i)) - 1) < 1e-9);
    }
    assert_true(fabs(interp->time.mid - 3503.5) < 1e-6);
    assert_true(interp->time.low < 3503 && interp->time.high > 3504);
    assert_true(isnan(interp->instructions));
    assert_true(two->instructions == 1234);
    summary_clear(&s);
    samples_clear(&set);
}

static void test_ratio(void **state)
{
    struct sample_set set = {0};
    struct summary s;
    (void)state;
    make(&set);
    assert_int_equal(summary_make(&s, &set, 0.95), 0);
    const struct summary_cell *native = summary_find(&s, "fib", "native", 1),
                              *interp = summary_find(&s, "fib", "interp", 1),
                              *two = summary_find(&s, "fib", "interp", 2);
    struct stats_interval pairs = summary_ratio(&s, interp, native);
    assert_true(fabs(pairs.mid - 10) < 1e-9);
    assert_true(fabs(pairs.high - pairs.low) < 1e-9); /* the drift is in both */
    struct stats_interval medians = summary_ratio(&s, interp, two);
    assert_true(fabs(medians.mid - 7) < 1e-9); /* one common round only */
    assert_true(medians.low < 4 && medians.high > 10);
    summary_clear(&s);
    samples_clear(&set);
}

static void test_unsteady(void **state)
{
    struct sample_set set = {0};
    struct summary s;
    struct sample grows = sample("interp", 1, 0, 10);
    (void)state;
    for (unsigned i = 0; i < ITERATIONS; i++)
        grows.ns[i] = 10 * (1 + i);
    add(&set, grows);
    struct sample bad = sample("native", 1, 0, 5);
    strcpy(bad.outcome, "stopped after 60 s");
    add(&set, bad);
    assert_int_equal(summary_make(&s, &set, 0.95), 0);
    assert_int_equal(s.cells[0].unsteady, 1);
    assert_true(fabs(s.cells[0].ns[0] - 205) < 1e-9);
    assert_int_equal(s.cells[1].n, 0);
    assert_true(isnan(s.cells[1].time.mid));
    assert_true(isnan(summary_ratio(&s, &s.cells[0], &s.cells[1]).mid));
    summary_clear(&s);
    samples_clear(&set);
    assert_int_equal(summary_make(&s, &set, 0.95), 0); /* of nothing */
    assert_int_equal(s.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_unsteady),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
