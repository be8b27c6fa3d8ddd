/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of the I/O thread: file descriptors by epoll, doorbells that
 * any thread rings, timers with a deadline, and work handed over by other
 * threads.  Devices and hart timers share one loop per machine; all callbacks
 * run on the loop's thread, one at a time, with no lock held.
 *
 * Life: loop_create, add sources, loop_run on the I/O thread, loop_stop from
 * anywhere, loop_destroy when the thread has returned and every source has
 * been removed.
 *
 * Removal.  Once a source's remove function has returned, its callback runs no
 * more.  Called off the loop's thread it waits for a callback that is running,
 * so the caller may hold no lock that the callback takes.  Called on the loop's
 * thread, by the source's own callback or another's, it does not wait.  Nobody
 * else may use the handle any more once its removal has begun; a ring that was
 * not served by then is forgotten.
 */
#ifndef SIM_BASE_LOOP_H
#define SIM_BASE_LOOP_H

#include "sim/base/bits.h"

struct loop;
struct loop_fd;
struct loop_bell;
struct loop_timer;

typedef void loop_fn(void *opaque);
typedef void loop_fd_fn(void *opaque, uint32_t epoll_events);

int loop_create(struct loop **out);
void loop_destroy(struct loop *l);

/* Serves events until loop_stop; returns 0 or -errno. */
int loop_run(struct loop *l);
/* Any thread.  Stops the loop_run that is under way, or the next one. */
void loop_stop(struct loop *l);
bool loop_is_current(const struct loop *l); /* called on the loop's thread? */

/*
 * Returns when the callback that runs now, if any, has returned.  For an owner of several sources
 * whose callbacks add and remove the others: it first makes them do nothing any more, then waits
 * here, then removes what is left.  On the loop's thread it returns at once.  The caller holds no
 * lock that a callback takes.
 */
void loop_settle(struct loop *l);

/* Watches fd (level triggered).  -EPERM for regular files, as epoll says. */
int loop_fd_add(struct loop *l, int fd, uint32_t epoll_events, loop_fd_fn *fn, void *opaque,
                struct loop_fd **out);
int loop_fd_modify(struct loop_fd *f, uint32_t epoll_events);
void loop_fd_remove(struct loop_fd *f);

/* A doorbell: rings coalesce; cheap when it is already rung.  Any thread may ring. */
int loop_bell_add(struct loop *l, loop_fn *fn, void *opaque, struct loop_bell **out);
void loop_bell_ring(struct loop_bell *b);
void loop_bell_remove(struct loop_bell *b);

/*
 * A timer at an absolute CLOCK_MONOTONIC time.  loop_timer_set is cheap when
 * the new deadline is not earlier than the one the loop already waits for (the
 * loop then wakes early once and sleeps on).  UINT64_MAX disarms.  One shot.
 * Any thread may set.
 */
int loop_timer_add(struct loop *l, loop_fn *fn, void *opaque, struct loop_timer **out);
void loop_timer_set(struct loop_timer *t, uint64_t deadline_ns);
void loop_timer_remove(struct loop_timer *t);

#endif
