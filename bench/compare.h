/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sets of samples, before and now: what became slower or faster, told from noise.
 * Where both have native samples of a workload, an engine's times are taken as parts of
 * the native time of the same round: a machine that was slower on one day is no
 * regression.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include <stdio.h>

#include "bench/summary.h"

/* A change below this is nobody's concern, and how sure the whole interval beyond it must be. */
#define COMPARE_THRESHOLD  0.03
#define COMPARE_CONFIDENCE 0.999

struct comparison {
    unsigned slower, faster, same, alone; /* cells; alone: only one of the two has it */
};

/* Writes one line for each change and a last one with the numbers; the lines of all cells if all.
 */
struct comparison compare_write(FILE *out, const struct summary *before, const struct summary *now,
                                bool all);

#endif
