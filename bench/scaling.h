/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the report about numbers of harts: for each workload that an engine ran on
 * more than one, how many times as fast as on the least of them, as the work of an
 * iteration is the same on all.  Any thread; no state.
 */
#ifndef BENCH_SCALING_H
#define BENCH_SCALING_H

#include <stdio.h>

#include "bench/summary.h"

/* A section with one table; nothing if no engine ran a workload on two numbers of harts. */
void scaling_markdown(FILE *out, const struct summary *s);

/* A chart for each such workload; returns how many. */
unsigned scaling_html(FILE *out, const struct summary *s);

#endif
