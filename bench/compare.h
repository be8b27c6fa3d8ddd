/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sets of samples, before and now: what became slower or faster, told from noise.
 * Where both have native samples of a workload, an engine must have changed by more than
 * nothing and by more than the native program: a machine that was slower on one day is no
 * regression, nor is one whose memory natively was faster.
 * Native programs and peers are not ours: what changed there is said and not counted.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include <stdio.h>

#include "bench/summary.h"

/* A change below this is nobody's concern, and how sure the whole interval beyond it must be. */
#define COMPARE_THRESHOLD  0.03
#define COMPARE_CONFIDENCE 0.999

struct comparison {
    unsigned slower, faster, same; /* cells of manyhart's engines */
    unsigned elsewhere;            /* cells of the host and of peers that changed */
    unsigned alone;                /* cells that only one of the two has */
};

/* Writes one line for each change and a last one with the numbers; the lines of all cells if all.
 */
struct comparison compare_write(FILE *out, const struct summary *before, const struct summary *now,
                                bool all);

#endif
