/* SPDX-License-Identifier: Apache-2.0 */
/* bench/stats.c: published values, how often intervals cover the truth, warm-ups of every shape. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "bench/stats.h"

#define CLOSE(a, b) assert_true(fabs((a) - (b)) < 1e-9)

/* Quantiles of 1..4 and of 1..9 by the rule that R calls type 7. */
static void test_quantiles(void **state)
{
    static const double four[] = {1, 2, 3, 4}, nine[] = {9, 1, 8, 2, 7, 3, 6, 4, 5};
    (void)state;
    CLOSE(stats_quantile(four, 4, 0), 1);
    CLOSE(stats_quantile(four, 4, 0.25), 1.75);
    CLOSE(stats_quantile(four, 4, 0.9), 3.7);
    CLOSE(stats_quantile(four, 4, 1), 4);
    CLOSE(stats_quantile(four, 1, 0.3), 1);
    CLOSE(stats_median(nine, 9), 5);
    CLOSE(stats_quartiles(nine, 9).low, 3);
    CLOSE(stats_quartiles(nine, 9).high, 7);
    CLOSE(stats_geomean(four, 4), pow(24, 0.25));
}

/* Uniform in (0, 1), and times around a level with a tail upwards, as those of programs are. */
static double uniform(void)
{
    return (rand() + 0.5) / ((double)RAND_MAX + 1);
}

static double noisy(double level, double noise)
{
    double normal = sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
    return level * exp(noise * normal) * (uniform() < 0.05 ? 1.3 : 1);
}

static void fill(double *v, size_t n, double level, double noise)
{
    for (size_t i = 0; i < n; i++)
        v[i] = noisy(level, noise);
}

/* The median of uniform values is 1/2: how many of the intervals say so. */
static void test_coverage(void **state)
{
    unsigned covered = 0, ordered = 0;
    double v[25];
    (void)state;
    srand(1);
    for (unsigned i = 0; i < 100; i++) {
        for (size_t j = 0; j < 25; j++)
            v[j] = uniform();
        struct stats_interval b = stats_bootstrap(v, 25, 0.95, i);
        covered += b.low <= 0.5 && 0.5 <= b.high;
        ordered += b.low <= b.mid && b.mid <= b.high;
    }
    assert_int_equal(ordered, 100);
    assert_in_range(covered, 89, 99);
    struct stats_interval one = stats_bootstrap(v, 1, 0.95, 1),
                          again = stats_bootstrap(v, 25, 0.9, 7),
                          same = stats_bootstrap(v, 25, 0.9, 7);
    CLOSE(one.low, v[0]);
    CLOSE(one.high, v[0]);
    CLOSE(again.low, same.low);
    CLOSE(again.high, same.high);
}

/* A machine that slows down while both run changes the pairs not, the medians much. */
static void test_pairs(void **state)
{
    double v[20], base[20];
    (void)state;
    srand(2);
    for (size_t i = 0; i < 20; i++) {
        double drift = 1 + (double)i / 10;
        base[i] = noisy(10, 0.005) * drift;
        v[i] = noisy(20, 0.005) * drift;
    }
    struct stats_interval p = stats_pairs(v, base, 20, 0.95, 3);
    struct stats_interval r = stats_ratio(v, 20, base, 20, 0.95, 3);
    assert_true(p.low > 1.95 && p.high < 2.05);
    assert_true(r.high - r.low > 4 * (p.high - p.low));
}

static void test_compare(void **state)
{
    double before[20], now[20];
    unsigned verdicts[3][3] = {{0}};
    static const double levels[] = {1, 1 / 1.1, 1.1};
    (void)state;
    srand(3);
    for (unsigned i = 0; i < 50; i++)
        for (unsigned k = 0; k < 3; k++) {
            fill(before, 20, 1, 0.02);
            fill(now, 20, levels[k], 0.02);
            struct stats_change c = stats_compare(now, 20, before, 20, 1, 0.03, 0.999);
            assert_true(c.detectable >= 0.03 && c.detectable < 0.3);
            verdicts[k][c.verdict]++;
        }
    assert_int_equal(verdicts[0][STATS_SAME], 50);
    assert_in_range(verdicts[1][STATS_FASTER], 49, 50);
    assert_in_range(verdicts[2][STATS_SLOWER], 49, 50);
    assert_int_equal(verdicts[1][STATS_SLOWER] + verdicts[2][STATS_FASTER], 0);
}

/* Against the table of the Mann-Whitney test: seven of ten are compared with seven. */
static void test_pairwise_interval(void **state)
{
    double now[10], before[10];
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        before[i] = i < 7 ? 1 : 100; /* the longest do not count */
        now[i] = 10 - i;
    }
    struct stats_change c = stats_compare(now, 10, before, 10, 1, 0.03, 0.95);
    CLOSE(c.ratio.mid, 4);
    CLOSE(c.ratio.low, 2); /* 8 of the 49 pairs at each end are left out */
    CLOSE(c.ratio.high, 6);
    assert_int_equal(c.verdict, STATS_SLOWER);
    c = stats_compare(now, 10, before, 10, 1, 0.03, 0.999);
    CLOSE(c.ratio.low, 1); /* so few values cannot say so much */
    CLOSE(c.ratio.high, 7);
    assert_int_equal(c.verdict, STATS_SAME);
    c = stats_compare(now, 2, before, 1, 1, 0.03, 0.95);
    CLOSE(c.ratio.low, 9);
    CLOSE(c.ratio.high, 10);
}

/* What takes twice as long on a host that takes twice as long has not changed. */
static void test_host(void **state)
{
    static const struct {
        double level, host;
        enum stats_verdict verdict;
    } cases[] = {{2, 1, STATS_SLOWER},   {2, 2, STATS_SAME},    {2, 1.5, STATS_SLOWER},
                 {1, 0.5, STATS_SAME},   {1, 2, STATS_SAME},    {0.5, 0.5, STATS_SAME},
                 {0.5, 1, STATS_FASTER}, {0.5, 2, STATS_FASTER}};
    double now[10], before[10];
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned j = 0; j < 10; j++) {
            before[j] = 1 + 0.001 * j;
            now[j] = cases[i].level * before[j];
        }
        struct stats_change c = stats_compare(now, 10, before, 10, cases[i].host, 0.03, 0.999);
        assert_int_equal(c.verdict, cases[i].verdict);
    }
}

static void test_steady(void **state)
{
    double v[200];
    (void)state;
    srand(4);
    for (unsigned round = 0; round < 20; round++) {
        fill(v, 200, 1, 0.01); /* steady from the start, with outliers */
        assert_int_equal(stats_steady(v, 200), 0);
        fill(v, 30, 2, 0.01); /* slow at first */
        assert_in_range(stats_steady(v, 200), 27, 33);
        fill(v + 30, 40, 0.9, 0.01); /* then fast, then in between */
        assert_in_range(stats_steady(v, 200), 67, 73);
        fill(v + 180, 20, 1.5, 0.01); /* changes at the end once more: never steady */
        assert_int_equal(stats_steady(v, 200), 200);
        for (size_t i = 0; i < 200; i++)
            v[i] = noisy(1 + 3 * exp(-(double)i / 10), 0.005); /* decays */
        assert_in_range(stats_steady(v, 200), 20, 80);
        for (size_t i = 0; i < 200; i++)
            v[i] = noisy(1 + (double)i / 50, 0.005); /* grows without end */
        assert_int_equal(stats_steady(v, 200), 200);
    }
    for (size_t i = 0; i < 200; i++)
        v[i] = 5; /* a clock that is too coarse */
    assert_int_equal(stats_steady(v, 200), 0);
    assert_int_equal(stats_steady(v, 1), 0);
    assert_int_equal(stats_steady(v, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles), cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_pairs),     cmocka_unit_test(test_pairwise_interval),
        cmocka_unit_test(test_host),      cmocka_unit_test(test_compare),
        cmocka_unit_test(test_steady),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
