/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From samples to figures: one cell per workload, engine and number of harts, with one
 * time per sample, the median of its steady iterations, and the interval of all of them;
 * and the ratio of two cells, pair by pair of the same round.  A summary points into its
 * set of samples, which must outlive it.  Any thread; no state.
 */
#ifndef BENCH_SUMMARY_H
#define BENCH_SUMMARY_H

#include <stdbool.h>

#include "bench/samples.h"
#include "bench/stats.h"

struct summary_cell {
    const struct sample *first; /* the names, unit, operations, harts */
    size_t n;                   /* samples that ended well, in order of their rounds */
    unsigned *round;
    double *ns;                 /* of one steady iteration, by sample */
    double instructions;        /* of one iteration; NaN where nothing counts them */
    uint64_t resident_bytes;    /* the most of those that ended well */
    size_t failed;              /* samples that ended otherwise: in none of the figures */
    size_t unsteady;            /* of n, those that never became steady: all iterations count */
    struct stats_interval time; /* of ns; NaN if n is 0 */
};

struct summary {
    struct summary_cell *cells; /* in the order in which the samples came */
    size_t n;
    double confidence;
};

/* 0 or -ENOMEM, then *s is empty. */
int summary_make(struct summary *s, const struct sample_set *set, double confidence);
void summary_clear(struct summary *s);

/* NULL: there is none. */
const struct summary_cell *summary_find(const struct summary *s, const char *workload,
                                        const char *engine, unsigned harts);

/*
 * Whether the sample's time says something about its engine.  On one hart QEMU makes plain loads
 * and stores of atomics unless its machine could have more harts, as users' machines of one cannot;
 * so a peer's time there for workloads for several harts is none to compare with
 * (sim/doc/bench.md).
 */
bool summary_comparable(const struct sample *f);

/* Of the peers that ran the workload on so many harts, the one with the least
 * comparable time.  NULL: none. */
const struct summary_cell *summary_best_peer(const struct summary *s, const char *workload,
                                             unsigned harts);
/* What to compare with on so many harts: the engine on as many, or else on one. NULL: neither. */
const struct summary_cell *summary_base(const struct summary *s, const char *workload,
                                        const char *engine, unsigned harts);

/*
 * Times of a over times of b, over the rounds that both have; where they share fewer than three,
 * median over median.  NaN if one has no samples.
 */
struct stats_interval summary_ratio(const struct summary *s, const struct summary_cell *a,
                                    const struct summary_cell *b);

#endif
