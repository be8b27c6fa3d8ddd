/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of a set of samples: tables in Markdown, and one HTML file with charts that
 * needs no network.  Both show the same figures, against the first engine of the set
 * that is called "native" where there is one; what failed, never became steady or is
 * missing is said.  Any thread; no state.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "bench/summary.h"

/* Both leave out to the caller, who looks for its errors. */
void report_markdown(FILE *out, const struct sample_set *set, const struct summary *s);

/* Returns the number of charts. */
unsigned report_html(FILE *out, const struct sample_set *set, const struct summary *s);

/*
 * The groups' geometric means against native as one SVG, for a page elsewhere.  Returns the number
 * of marks: 0, and nothing is written, where nothing runs natively or there is no memory.
 */
size_t report_overview(FILE *out, const struct summary *s);

#endif
