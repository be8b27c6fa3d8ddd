/* SPDX-License-Identifier: Apache-2.0 */
/* bench/compare.c: noise is no change, a slower machine is none, a slower engine is one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/compare.h"

enum { ROUNDS = 15 };

static double noisy(double level)
{
    double sum = 0;
    for (unsigned i = 0; i < 12; i++)
        sum += rand() / (double)RAND_MAX;
    return level * (1 + 0.02 * (sum - 6));
}

static void add_harts(struct sample_set *set, const char *workload, const char *engine,
                      unsigned harts, double level)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct sample s = {
            .harts = harts, .round = round, .operations = 1, .n = 1, .outcome = "ok"};
        snprintf(s.workload, sizeof(s.workload), "%s", workload);
        snprintf(s.engine, sizeof(s.engine), "%s", engine);
        s.ns = malloc(sizeof(double));
        s.ns[0] = noisy(level);
        assert_int_equal(samples_add(set, &s), 0);
    }
}

static void add(struct sample_set *set, const char *workload, const char *engine, double level)
{
    add_harts(set, workload, engine, 1, level);
}

/* Native and interpreter of one workload each; native 0: only the interpreter. */
static void make(struct sample_set *set, double native, double engine)
{
    if (native > 0)
        add(set, "fib", "native", 100 * native);
    add(set, "fib", "interp", 1000 * engine);
}

static struct comparison compared(struct sample_set *before, struct sample_set *now, char **text)
{
    struct summary x, y;
    size_t size;
    assert_int_equal(summary_make(&x, before, 0.95), 0);
    assert_int_equal(summary_make(&y, now, 0.95), 0);
    FILE *out = open_memstream(text, &size);
    struct comparison c = compare_write(out, &x, &y, true);
    fclose(out);
    summary_clear(&x);
    summary_clear(&y);
    samples_clear(before);
    samples_clear(now);
    return c;
}

static void test_verdicts(void **state)
{
    static const struct {
        double native, engine; /* times as long as before */
        unsigned slower, faster, elsewhere;
    } cases[] = {
        {1, 1, 0, 0, 0},      {1, 1.1, 1, 0, 0},
        {1, 0.9, 0, 1, 0},    {1.5, 1.5, 0, 0, 1}, /* a slower machine */
        {1.5, 1.65, 1, 0, 1},                      /* and a slower engine, too */
        {0.7, 1, 0, 0, 1},                         /* only what is natively done got faster */
        {1.5, 1, 0, 0, 1},                         /* or slower */
        {0.8, 0.72, 0, 1, 1},                      /* a faster machine and engine */
        {0, 1.5, 1, 0, 0},                         /* nothing to tell the machine by */
    };
    (void)state;
    srand(1);
    for (unsigned repeat = 0; repeat < 3; repeat++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct sample_set before = {0}, now = {0};
            char *text;
            make(&before, cases[i].native > 0, 1);
            make(&now, cases[i].native, cases[i].engine);
            struct comparison c = compared(&before, &now, &text);
            assert_int_equal(c.slower, cases[i].slower);
            assert_int_equal(c.faster, cases[i].faster);
            assert_int_equal(c.elsewhere, cases[i].elsewhere);
            assert_int_equal(c.slower + c.faster + c.same, 1);
            assert_int_equal(c.alone, 0);
            free(text);
        }
    }
}

static void test_words(void **state)
{
    struct sample_set before = {0}, now = {0};
    char *text;
    (void)state;
    srand(2);
    add(&before, "fib", "interp", 100);
    add(&before, "lz", "interp", 100);
    add(&now, "fib", "interp", 200);
    add(&now, "lz", "interp", 100);
    add(&now, "fft", "interp", 100);
    struct comparison c = compared(&before, &now, &text);
    assert_int_equal(c.alone, 1);
    assert_non_null(strstr(text, "fib on interp, 1 harts: slower: "));
    assert_non_null(strstr(text, "lz on interp, 1 harts: no change: "));
    assert_non_null(strstr(text, "would not have shown"));
    assert_non_null(strstr(text, "1 slower, 0 faster, 1 without a change; 1 in one set only"));
    assert_non_null(strstr(text, "could have gone unseen somewhere"));
    assert_null(strstr(text, "nan"));
    free(text);
}

/* On two harts the native time on two counts: here contention got worse for all. */
static void test_harts(void **state)
{
    struct sample_set before = {0}, now = {0};
    char *text;
    (void)state;
    srand(3);
    for (unsigned i = 0; i < 2; i++) {
        struct sample_set *set = i ? &now : &before;
        add_harts(set, "amo", "native", 1, 100);
        add_harts(set, "amo", "native", 2, i ? 600 : 200);
        add_harts(set, "amo", "interp", 2, i ? 3000 : 1000);
    }
    struct comparison c = compared(&before, &now, &text);
    assert_int_equal(c.slower, 0);
    assert_non_null(strstr(text, "amo on interp, 2 harts: no change: "));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_harts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
