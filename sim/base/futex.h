/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping on a word.  Any thread.
 */
#ifndef SIM_BASE_FUTEX_H
#define SIM_BASE_FUTEX_H

#include <stdint.h>

#define FUTEX_NO_DEADLINE UINT64_MAX

/*
 * Sleeps while *word == expected, until woken or until CLOCK_MONOTONIC reaches
 * deadline_ns.  May return early.  Returns -ETIMEDOUT when the deadline passed,
 * else 0.
 */
int futex_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns);

/* Wakes up to n sleepers. */
void futex_wake(uint32_t *word, int n);

#endif
