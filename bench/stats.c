/* SPDX-License-Identifier: Apache-2.0 */
/* See stats.h. */
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 4000 };

#define DISTURBED 0.3 /* the part of samples that a comparison leaves out, the longest */
enum { COMPARE_LEAST = 3 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *sorted_copy(const double *v, size_t n)
{
    double *s = malloc(n * sizeof(*s));
    if (!s)
        return NULL;
    memcpy(s, v, n * sizeof(*s));
    qsort(s, n, sizeof(*s), by_value);
    return s;
}

double stats_quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n)
        return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

struct stats_interval stats_quartiles(const double *v, size_t n)
{
    struct stats_interval q = {NAN, NAN, NAN};
    double *s = sorted_copy(v, n);
    if (s)
        q = (struct stats_interval){stats_quantile(s, n, 0.25), stats_quantile(s, n, 0.5),
                                    stats_quantile(s, n, 0.75)};
    free(s);
    return q;
}

double stats_median(const double *v, size_t n)
{
    return stats_quartiles(v, n).mid;
}

double stats_geomean(const double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += log(v[i]);
    return exp(sum / (double)n);
}

/* ---- resampling ---------------------------------------------------------- */

/* SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators). */
uint64_t stats_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* Median of n values drawn from v with replacement; draw has room for them. */
static double median_of_draw(const double *v, size_t n, double *draw, uint64_t *state)
{
    for (size_t i = 0; i < n; i++)
        draw[i] = v[stats_random(state) % n];
    qsort(draw, n, sizeof(*draw), by_value);
    return stats_quantile(draw, n, 0.5);
}

/* The middle part of the resampled statistics. */
static struct stats_interval interval_of(double *resampled, double mid, double confidence)
{
    qsort(resampled, RESAMPLES, sizeof(*resampled), by_value);
    return (struct stats_interval){stats_quantile(resampled, RESAMPLES, (1 - confidence) / 2), mid,
                                   stats_quantile(resampled, RESAMPLES, (1 + confidence) / 2)};
}

/* base NULL: of v alone. */
static struct stats_interval resample(const double *v, size_t n, const double *base, size_t n_base,
                                      double confidence, uint64_t seed)
{
    struct stats_interval out = {NAN, NAN, NAN};
    double *draw = malloc((n > n_base ? n : n_base) * sizeof(*draw));
    double *got = malloc(RESAMPLES * sizeof(*got));
    if (draw && got) {
        for (size_t i = 0; i < RESAMPLES; i++) {
            got[i] = median_of_draw(v, n, draw, &seed);
            if (base)
                got[i] /= median_of_draw(base, n_base, draw, &seed);
        }
        double mid = stats_median(v, n);
        out = interval_of(got, base ? mid / stats_median(base, n_base) : mid, confidence);
    }
    free(draw);
    free(got);
    return out;
}

struct stats_interval stats_bootstrap(const double *v, size_t n, double confidence, uint64_t seed)
{
    return resample(v, n, NULL, 0, confidence, seed);
}

struct stats_interval stats_ratio(const double *v, size_t n, const double *base, size_t n_base,
                                  double confidence, uint64_t seed)
{
    return resample(v, n, base, n_base, confidence, seed);
}

struct stats_interval stats_pairs(const double *v, const double *base, size_t n, double confidence,
                                  uint64_t seed)
{
    struct stats_interval out = {NAN, NAN, NAN};
    double *ratio = malloc(n * sizeof(*ratio));
    if (ratio) {
        for (size_t i = 0; i < n; i++)
            ratio[i] = v[i] / base[i];
        out = stats_bootstrap(ratio, n, confidence, seed);
    }
    free(ratio);
    return out;
}

/* How many of n sorted values count: the longest are left out. */
static size_t undisturbed(size_t n)
{
    size_t least = n < COMPARE_LEAST ? n : COMPARE_LEAST;
    size_t kept = n - (size_t)((double)n * DISTURBED);
    return kept > least ? kept : least;
}

/* How far from the middle, in standard deviations, a normal distribution has confidence within. */
static double normal_bound(double confidence)
{
    double low = 0, high = 10;
    for (unsigned i = 0; i < 60; i++) {
        double mid = (low + high) / 2;
        if (erf(mid / sqrt(2)) < confidence)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* Of the ratios of all pairs. */
static struct stats_interval all_pairs(const double *v, size_t n, const double *base, size_t n_base,
                                       double confidence)
{
    struct stats_interval out = {NAN, NAN, NAN};
    size_t all = n * n_base, k = 0;
    double *ratio = malloc(all * sizeof(*ratio));
    if (!ratio)
        return out;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n_base; j++)
            ratio[k++] = v[i] / base[j];
    qsort(ratio, all, sizeof(*ratio), by_value);
    double sigma = sqrt((double)all * (double)(n + n_base + 1) / 12);
    double cut = floor((double)all / 2 - normal_bound(confidence) * sigma);
    size_t end = cut > 1 ? (size_t)cut - 1 : 0;
    out =
        (struct stats_interval){ratio[end], stats_quantile(ratio, all, 0.5), ratio[all - 1 - end]};
    free(ratio);
    return out;
}

static struct stats_change judge_change(struct stats_interval ratio, double host, double threshold)
{
    struct stats_change c = {.ratio = ratio};
    double slower = (1 + threshold) * (host > 1 ? host : 1);
    double faster = (host < 1 ? host : 1) / (1 + threshold);
    double up = slower * ratio.mid / ratio.low, down = ratio.high / ratio.mid / faster;
    c.detectable = (up > down ? up : down) - 1;
    if (ratio.low > slower)
        c.verdict = STATS_SLOWER;
    else if (ratio.high < faster)
        c.verdict = STATS_FASTER;
    return c;
}

struct stats_change stats_compare(const double *now, size_t n_now, const double *before,
                                  size_t n_before, double host, double threshold, double confidence)
{
    struct stats_interval ratio = {NAN, NAN, NAN};
    double *a = sorted_copy(now, n_now), *b = sorted_copy(before, n_before);
    if (a && b)
        ratio = all_pairs(a, undisturbed(n_now), b, undisturbed(n_before), confidence);
    free(a);
    free(b);
    return judge_change(ratio, host, threshold);
}

/* ---- steadiness ---------------------------------------------------------- */

enum { WINDOW = 15 };         /* of the running median that outliers are held against */
#define OUTLIER_SIGMA  3.0    /* beyond it a value counts as no more than that */
#define CUT_PENALTY    15.0   /* per cut, times the logarithm of the length, as in the paper */
#define EQUAL_MEANS    0.02   /* pieces whose means differ by less are alike */
#define MAD_TO_SIGMA   1.4826 /* of a normal distribution */
#define STEADY_AT_LAST 4      /* the last piece is at least one in so many */

/* Noise of a series whose level may change: from the differences of neighbours. */
static double noise_of(const double *v, size_t n, double *scratch)
{
    for (size_t i = 0; i + 1 < n; i++)
        scratch[i] = fabs(v[i + 1] - v[i]);
    qsort(scratch, n - 1, sizeof(*scratch), by_value);
    double sigma = MAD_TO_SIGMA * stats_quantile(scratch, n - 1, 0.5) / sqrt(2);
    double least = 1e-3 * fabs(v[n / 2]); /* what no clock could tell */
    return sigma > least ? sigma : least;
}

/* Values far from those around them are pulled to the limit. */
static void tame_outliers(const double *v, size_t n, double sigma, double *out)
{
    double near[WINDOW];
    for (size_t i = 0; i < n; i++) {
        size_t from = i > WINDOW / 2 ? i - WINDOW / 2 : 0;
        size_t count = n - from < WINDOW ? n - from : WINDOW;
        memcpy(near, v + from, count * sizeof(*near));
        qsort(near, count, sizeof(*near), by_value);
        double mid = stats_quantile(near, count, 0.5), room = OUTLIER_SIGMA * sigma;
        out[i] = v[i] > mid + room ? mid + room : v[i] < mid - room ? mid - room : v[i];
    }
}

/* Sums of values less a base, and of their squares, before each index: a piece costs O(1). */
struct sums {
    double base; /* one of the values, so that the squares keep their digits */
    double *value, *square;
};

static double cost_of(const struct sums *s, size_t from, size_t to, double sigma)
{
    double n = (double)(to - from), sum = s->value[to] - s->value[from];
    double around = s->square[to] - s->square[from] - sum * sum / n;
    return around > 0 ? around / (sigma * sigma) : 0;
}

/*
 * Optimal partitioning: best[i] is the least cost of the first i values, last[i] where its last
 * piece begins.  O(n^2), which thousands of iterations allow.
 */
static void partition(const struct sums *s, size_t n, double sigma, double *best, size_t *last)
{
    double penalty = CUT_PENALTY * log((double)n);
    best[0] = -penalty;
    for (size_t to = 1; to <= n; to++) {
        best[to] = INFINITY;
        for (size_t from = 0; from < to; from++) {
            double c = best[from] + cost_of(s, from, to, sigma) + penalty;
            if (c < best[to]) {
                best[to] = c;
                last[to] = from;
            }
        }
    }
}

static double mean_of(const struct sums *s, size_t from, size_t to)
{
    return s->base + (s->value[to] - s->value[from]) / (double)(to - from);
}

static size_t steady_from(const struct sums *s, size_t n, const size_t *last)
{
    size_t from = last[n];
    double level = mean_of(s, from, n);
    while (from && fabs(mean_of(s, last[from], from) - level) < EQUAL_MEANS * fabs(level))
        from = last[from];
    return n - from < (n + STEADY_AT_LAST - 1) / STEADY_AT_LAST ? n : from;
}

size_t stats_steady(const double *v, size_t n)
{
    size_t result = n;
    if (n < 2)
        return 0;
    double *tamed = malloc(n * sizeof(double)), *best = malloc((n + 1) * sizeof(double));
    size_t *last = malloc((n + 1) * sizeof(*last));
    struct sums s = {0, calloc(n + 1, sizeof(double)), calloc(n + 1, sizeof(double))};
    if (tamed && best && last && s.value && s.square) {
        double sigma = noise_of(v, n, best);
        tame_outliers(v, n, sigma, tamed);
        s.base = tamed[n - 1];
        for (size_t i = 0; i < n; i++) {
            double d = tamed[i] - s.base;
            s.value[i + 1] = s.value[i] + d;
            s.square[i + 1] = s.square[i] + d * d;
        }
        partition(&s, n, sigma, best, last);
        result = steady_from(&s, n, last);
    }
    free(tamed);
    free(best);
    free(last);
    free(s.value);
    free(s.square);
    return result;
}
