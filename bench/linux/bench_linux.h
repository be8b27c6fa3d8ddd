/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a workload of the group linux is (bench/linux.def).  The same source is built for the host
 * and, against Debian's libc, for the guest.
 *
 *   void linux_NAME_setup(void)        inputs in the working directory, warm caches
 *   void linux_NAME_run(void)          one iteration: what is measured
 *   uint64_t linux_NAME_check(void)    what it computed; not in the time
 *
 * The checksum is the same in each iteration, on the host and on each engine; where the program
 * measured has a version, it is of what no version may change (what was packed and unpacked again,
 * the answer of a query, the output of what was compiled).  What fails ends the program with one
 * line.
 */
#ifndef BENCH_LINUX_H
#define BENCH_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where bench/ is: the checkout, or its copy in the initramfs. */
extern const char *bench_top;

/* Ends the program: "bench: WHAT", with errno's text if that is set. */
void bench_fail(const char *what) __attribute__((noreturn));

/* Unless HOLDS. */
void bench_require(bool holds, const char *what);

/* The i-th of the processors this process may use, counted around. */
unsigned bench_cpu(unsigned i);

/* This thread on the i-th of them, or on all. */
void bench_pin(unsigned i);
void bench_unpin(void);

/* The argument that makes this program end at once, with the exit code that follows it. */
#define BENCH_NOTHING "--nothing"

#define LINUX_WORKLOAD(name, ...)                                                                  \
    void linux_##name##_setup(void);                                                               \
    void linux_##name##_run(void);                                                                 \
    uint64_t linux_##name##_check(void);
#include "bench/linux.def"

#endif
