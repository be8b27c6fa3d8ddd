/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmark says of its samples: quantiles, intervals by resampling, where
 * a series of iterations becomes steady, and whether two sets of samples differ.
 * Everything is computed from the values and a seed alone, so a report can be made
 * again from its samples.  Functions of any thread; no state.
 *
 * Intervals are percentile intervals of the bootstrap (Efron and Tibshirani, An
 * Introduction to the Bootstrap, chapter 13).  Steadiness follows Barrett,
 * Bolz-Tereick, Killick, Mount and Tratt, Virtual Machine Warmup Blows Hot and
 * Cold (OOPSLA 2017): outliers are set aside, the series is cut where its mean
 * changes, and the steady part is the last piece with those before it that equal it.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

struct stats_interval {
    double low, mid, high;
};

/* The next number of a sequence that the state's first value determines: SplitMix64. */
uint64_t stats_random(uint64_t *state);

/* The q-quantile (0 to 1) of n >= 1 values in ascending order, between neighbours by proportion. */
double stats_quantile(const double *sorted, size_t n, double q);

/* Median, or quartiles and median, of n >= 1 values in any order; NaN without memory. */
double stats_median(const double *v, size_t n);
struct stats_interval stats_quartiles(const double *v, size_t n);

/* Geometric mean of n >= 1 positive values. */
double stats_geomean(const double *v, size_t n);

/*
 * Median of n >= 1 values with the interval that covers it with the given confidence (0 to 1).
 * With few values it is as wide as they are: n values cannot say more than their extremes.
 */
struct stats_interval stats_bootstrap(const double *v, size_t n, double confidence, uint64_t seed);

/* Median of v[i] / base[i] over n >= 1 pairs that were measured in turn, with its interval. */
struct stats_interval stats_pairs(const double *v, const double *base, size_t n, double confidence,
                                  uint64_t seed);

/* Median of v over median of base, each of its own number of values, with its interval. */
struct stats_interval stats_ratio(const double *v, size_t n, const double *base, size_t n_base,
                                  double confidence, uint64_t seed);

/*
 * Index of the first iteration of the steady state in n times of iterations, in order; n if there
 * is none: a last piece shorter than a quarter is still changing.
 */
size_t stats_steady(const double *v, size_t n);

enum stats_verdict { STATS_SAME, STATS_FASTER, STATS_SLOWER };

struct stats_change {
    struct stats_interval ratio; /* of times, now to before */
    double detectable;           /* the smallest change, as a part of 1, that would have shown */
    enum stats_verdict verdict;
};

/*
 * Compares times now with times before: a change is one whose whole interval lies beyond threshold
 * (0.03: three per cent), so that neither noise nor what nobody minds is called one; and beyond
 * host, too: how many times as long something took that has not changed (1: nothing is known).
 *
 * What else runs on a host only makes samples longer, so the longest three of ten on each side are
 * left out.  The interval is that of Hodges and Lehmann: the ratios of all pairs, without as many
 * at each end as the Mann-Whitney test allows; it needs no shape of the noise.
 */
struct stats_change stats_compare(const double *now, size_t n_now, const double *before,
                                  size_t n_before, double host, double threshold,
                                  double confidence);

#endif
