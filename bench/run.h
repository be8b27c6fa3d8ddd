/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs what the options say: workloads on engines in turn and in random order, a fresh process per
 * sample; keeps the samples after each round, and writes the report at the end.  An interruption
 * keeps the samples that were taken.  Each returns an exit code.  One thread; handlers of SIGINT
 * and SIGTERM are installed.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench/options.h"

int run_bench(const struct options *o);

/* Instead: what measuring costs, as a table on standard output. */
int run_overhead(const struct options *o);

#endif
