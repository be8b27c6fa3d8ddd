/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of results: samples.json, README.md, report.html and overview.svg.  One thread; what goes wrong is
 * said on standard error.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "bench/samples.h"

/* How sure the intervals of a report are. */
#define RESULTS_CONFIDENCE 0.95

/* Makes a folder and those above it; no harm if they are there. */
void results_make_folder(const char *path);

/*
 * Begins a file of samples: its folder is made, what is there already stays.  0; -EEXIST: the
 * file is there; -EIO: it cannot be written.
 */
int results_begin(const struct sample_set *set, const char *file);

/* Puts the samples in order (workloads as in their table, native, engines, peers, harts, rounds)
 * and writes samples.json and the reports.  0 or -EIO. */
int results_write(struct sample_set *set, const char *folder);

/* The samples alone, in that order.  0 or -EIO. */
int results_write_samples(struct sample_set *set, const char *file);

#endif
