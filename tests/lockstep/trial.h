/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Duels in processes of their own, so that an engine which crashes or does not
 * come back is a difference like any other.
 */
#ifndef TESTS_LOCKSTEP_TRIAL_H
#define TESTS_LOCKSTEP_TRIAL_H

#include "tests/lockstep/duel.h"

enum { TRIAL_SECONDS = 30, AGAIN_SECONDS = 5 }; /* what takes longer does not come back */

/* Memory that a child process writes and its parent reads; zeroed. */
void *trial_shared(size_t size);

/*
 * Runs fn(opaque) in a child process.  0: it returned; else it ended otherwise, and text says how.
 * It has so many seconds; each call of trial_alive gives it TRIAL_SECONDS again.
 */
int trial_call(void (*fn)(void *opaque), void *opaque, unsigned seconds, char *text, size_t size);
void trial_alive(void);

/* duel_run in a child process, AGAIN_SECONDS at most.  Not coming to an end is a difference, and
 * the report says so. */
void trial_run(const struct duel_setup *s, const struct program *p, struct duel_result *out);

#endif
