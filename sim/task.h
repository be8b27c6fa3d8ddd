/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks of a machine: functions run by its I/O thread or by a few workers, for
 * the library's asynchronous calls and its users.  Workers are threads made
 * when a task finds none free, at most SCHEDULER_WORKERS.
 *
 * A task lives as long as its owner or the scheduler needs it.  Once it is over
 * nothing of it changes, and the scheduler may be gone.
 */
#ifndef SIM_TASK_H
#define SIM_TASK_H

#include "sim/base/bits.h"
#include "sim/base/loop.h"
#include "sim/include/manyhart.h"

struct mh_scheduler;

enum { SCHEDULER_WORKERS = 8 };

/* The loop must outlive it.  -errno with the error set. */
int scheduler_create(struct mh_scheduler **out, struct loop *loop, bool sandbox);
/*
 * Cancels what waits, asks what runs to end, and waits for it.  The loop's thread still runs, and
 * is not the caller.  NULL is allowed.
 */
void scheduler_destroy(struct mh_scheduler *s);
int scheduler_submit(struct mh_scheduler *s, const struct mh_task_spec *spec, struct mh_task **out);

#endif
