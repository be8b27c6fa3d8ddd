/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the report that says where time goes: what the simulator and the host
 * counted in the measured region, how processor time was spent, and how many iterations
 * a run took until it was steady.  A figure is the median over the samples of a cell; one
 * that was not counted is "-", never 0.  Any thread; no state.
 */
#ifndef BENCH_REPORT_COUNTS_H
#define BENCH_REPORT_COUNTS_H

#include <stdio.h>

#include "bench/summary.h"

void report_counts_markdown(FILE *out, const struct sample_set *set, const struct summary *s);

/* Returns the number of charts. */
unsigned report_counts_html(FILE *out, const struct sample_set *set, const struct summary *s);

#endif
