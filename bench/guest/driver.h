/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver: runs workloads and prints what each iteration took.  It is the same on host and
 * guest; what differs is the functions below that the main program defines.  sim/doc/bench.md has
 * the format of the output.
 */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include "workload.h"

#include <stdarg.h>

/* What the largest workload needs, with some room. */
#define ARENA_SIZE ((size_t)48 * MIB)

enum { DRIVER_OK = 0, DRIVER_FAILED = 1, DRIVER_USAGE = 2 };

/* Runs what SELECTION names, a workload, a group or "all", ITERATIONS times each, all in MEMORY of
 * SIZE bytes, those for several harts on HARTS; "list" prints the table; "empty" is an iteration in
 * which nothing is done, to see what measuring costs.  Returns one of the codes above, after one
 * line that says why it is not 0. */
int driver_run(const struct workload *table, unsigned count, const char *selection,
               uint64_t iterations, unsigned harts, void *memory, size_t size);

/* Each iteration of a workload for one hart is made to take so many per cent longer, by waiting: for
 * trying whether a comparison finds it.  0 at first. */
extern unsigned driver_slow_percent;

/* ---- what the main program defines, besides harts_relax() of workload.h ---- */

uint64_t platform_now_ns(void);

/* What the clock above counts in. */
uint64_t platform_clock_ns(void);

/* What is to be counted begins or ends; outside of what the clock measures. */
void platform_measure(bool begin);

/* Instructions of this hart so far; false if nothing counts them. */
bool platform_instructions(uint64_t *n);

/* Runs fn(arg, hart) on harts 0, which is the caller, to harts - 1; returns when all have. */
void platform_harts_run(unsigned harts, void (*fn)(void *arg, unsigned hart), void *arg);

/* printf() with 64-bit numbers as %lu and %lx, at most 255 characters; errors may go elsewhere. */
void platform_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void platform_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void platform_exit(int code) __attribute__((noreturn));

#endif
