/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host time in nanoseconds.  Any thread.
 */
#ifndef SIM_BASE_CLOCK_H
#define SIM_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_SEC 1000000000ull

/* CLOCK_MONOTONIC in ns. */
uint64_t clock_now_ns(void);

/* CLOCK_REALTIME in ns since 1970. */
uint64_t clock_wall_ns(void);

/* CPU time of the calling thread in ns. */
uint64_t clock_thread_ns(void);

#endif
