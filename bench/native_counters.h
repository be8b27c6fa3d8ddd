/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host events of a native program, around the iterations only, by the code that manyhart counts
 * with (sim/counters.h).  Threads that the program starts after native_counters_open() are counted
 * with it.  One thread.
 */
#ifndef BENCH_NATIVE_COUNTERS_H
#define BENCH_NATIVE_COUNTERS_H

#include <stdbool.h>

/* list: names as `manyhart run --counters` takes them.  False after one line on stderr. */
bool native_counters_open(const char *list);

/* A period begins or ends; nothing if they are not open. */
void native_counters_mark(bool begin);

/* Prints a line for each counter (sim/doc/bench.md, Output); nothing if they are not open. */
void native_counters_print(void);

#endif
