/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_task_*, mh_scheduler_*; see task.h.  A task's status only moves forward:
 * Pending, Running, and one of the three ends.  It moves under the scheduler's
 * lock but for the last step, which only the thread that runs it takes; from
 * then on status, result and error are constant and are read without a lock.
 */
#include "sim/task.h"

#include "sim/base/arena.h"
#include "sim/base/atomic.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/futex.h"
#include "sim/machine.h"
#include "sim/sandbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mh_task {
    struct mh_task_spec spec;       /* constant */
    char description[64];           /* constant */
    struct mh_scheduler *scheduler; /* not to be used once the task is over */
    uint32_t status;                /* enum mh_task_status, futex word, atomic */
    uint32_t cancelled;             /* somebody wants its end, atomic */
    uint32_t refs;                  /* owner and scheduler, atomic */
    int result;                     /* written before the final status, and the error */
    struct mh_error error;
    int event_fd;
    struct mh_task *next; /* in a queue, or among the running; under the scheduler's lock */
};

struct queue {
    struct mh_task *first, **last;
};

struct mh_scheduler {
    pthread_mutex_t lock;    /* of all below */
    pthread_cond_t work;     /* there is some for the workers, or the end */
    pthread_cond_t quiet;    /* a task ended */
    struct queue waiting[2]; /* by enum mh_task_place */
    struct mh_task *running;
    pthread_t workers[SCHEDULER_WORKERS];
    unsigned worker_count, idle;
    bool ending;
    struct loop_bell *bell; /* constant, as what follows */
    bool sandbox;
};

/* ---- queues, under the lock --------------------------------------------------------------- */

static void queue_clear(struct queue *q)
{
    q->first = NULL;
    q->last = &q->first;
}

static void queue_put(struct queue *q, struct mh_task *t)
{
    t->next = NULL;
    *q->last = t;
    q->last = &t->next;
}

static bool queue_remove(struct queue *q, struct mh_task *t)
{
    struct mh_task **at = &q->first;
    while (*at && *at != t)
        at = &(*at)->next;
    if (!*at)
        return false;
    *at = t->next;
    if (!*at)
        q->last = at;
    return true;
}

static void running_remove(struct mh_scheduler *s, struct mh_task *t)
{
    struct mh_task **at = &s->running;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
}

/* ---- life of a task ------------------------------------------------------------------------- */

static bool is_over(uint32_t status)
{
    return status > MH_TASK_RUNNING;
}

static void unref(struct mh_task *t)
{
    if (fetch_sub_acq_rel(&t->refs, 1) != 1)
        return;
    if (t->spec.destroy)
        t->spec.destroy(t->spec.opaque);
    close(t->event_fd);
    free(t);
}

/* The scheduler's part ends; takes its reference. */
static void finish(struct mh_task *t, enum mh_task_status status, int result)
{
    uint64_t one = 1;
    t->result = result;
    store_release(&t->status, (uint32_t)status);
    futex_wake(&t->status, INT32_MAX);
    (void)!write(t->event_fd, &one, sizeof(one));
    unref(t);
}

static void keep_error(struct mh_task *t, int result)
{
    if (mh_last_error()->code != result)
        error_set(MH_ERROR_EXECUTION, result, "task", t->description, "%s", error_text(result));
    t->error = *mh_last_error();
}

static enum mh_task_status end_of(const struct mh_task *t, int result)
{
    if (!result)
        return MH_TASK_COMPLETED;
    return result == -ECANCELED && load_acquire(&t->cancelled) ? MH_TASK_CANCELLED : MH_TASK_FAILED;
}

static void run(struct mh_scheduler *s, struct mh_task *t)
{
    int result = t->spec.run(t, t->spec.opaque);
    if (result)
        keep_error(t, result);
    pthread_mutex_lock(&s->lock);
    running_remove(s, t);
    pthread_cond_broadcast(&s->quiet);
    pthread_mutex_unlock(&s->lock);
    finish(t, end_of(t, result), result);
}

/* The next task of a queue becomes a running one; NULL: none. */
static struct mh_task *take_locked(struct mh_scheduler *s, enum mh_task_place place)
{
    struct mh_task *t = s->waiting[place].first;
    if (!t || s->ending)
        return NULL;
    queue_remove(&s->waiting[place], t);
    t->next = s->running;
    s->running = t;
    store_release(&t->status, MH_TASK_RUNNING);
    return t;
}

/* ---- those who run them -------------------------------------------------------------- */

static void *worker_thread(void *arg)
{
    struct mh_scheduler *s = arg;
    pthread_setname_np(pthread_self(), "worker");
    arena_bind_thread();
    if (s->sandbox)
        sandbox_enter(SANDBOX_WORKER, false);
    pthread_mutex_lock(&s->lock);
    while (!s->ending) {
        struct mh_task *t = take_locked(s, MH_TASK_WORKER);
        if (!t) {
            s->idle++;
            pthread_cond_wait(&s->work, &s->lock);
            s->idle--;
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        run(s, t);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    arena_unbind_thread();
    return NULL;
}

/* The bell: one task a time, so that devices get their turn. */
static void io_run(void *opaque)
{
    struct mh_scheduler *s = opaque;
    pthread_mutex_lock(&s->lock);
    struct mh_task *t = take_locked(s, MH_TASK_IO);
    bool more = s->waiting[MH_TASK_IO].first;
    pthread_mutex_unlock(&s->lock);
    if (more)
        loop_bell_ring(s->bell);
    if (t)
        run(s, t);
}

static unsigned waiting_locked(const struct mh_scheduler *s)
{
    unsigned n = 0;
    for (const struct mh_task *t = s->waiting[MH_TASK_WORKER].first; t; t = t->next)
        n++;
    return n;
}

/* One more worker if the idle ones do not suffice.  Without any it is an error. */
static int hire_locked(struct mh_scheduler *s)
{
    if (waiting_locked(s) < s->idle || s->worker_count == SCHEDULER_WORKERS)
        return 0;
    int err = pthread_create(&s->workers[s->worker_count], NULL, worker_thread, s);
    if (!err)
        s->worker_count++;
    return s->worker_count ? 0 : -err;
}

/* ---- the scheduler --------------------------------------------------------------------- */

int scheduler_create(struct mh_scheduler **out, struct loop *loop, bool sandbox)
{
    struct mh_scheduler *s = calloc(1, sizeof(*s));
    *out = NULL;
    if (!s)
        return error_set(MH_ERROR_CORE, -ENOMEM, NULL, NULL, "not enough host memory");
    s->sandbox = sandbox;
    int rc = loop_bell_add(loop, io_run, s, &s->bell);
    if (rc) {
        free(s);
        return rc;
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->quiet, NULL);
    queue_clear(&s->waiting[MH_TASK_IO]);
    queue_clear(&s->waiting[MH_TASK_WORKER]);
    *out = s;
    return 0;
}

static void ask_to_end(struct mh_task *t)
{
    store_seq_cst(&t->cancelled, 1);
    if (t->spec.cancel)
        t->spec.cancel(t->spec.opaque);
}

static void drop_waiting(struct mh_scheduler *s, enum mh_task_place place)
{
    for (;;) {
        pthread_mutex_lock(&s->lock);
        struct mh_task *t = s->waiting[place].first;
        if (t)
            queue_remove(&s->waiting[place], t);
        pthread_mutex_unlock(&s->lock);
        if (!t)
            return;
        finish(t, MH_TASK_CANCELLED, -ECANCELED);
    }
}

static void await_running(struct mh_scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    for (struct mh_task *t = s->running; t; t = t->next)
        ask_to_end(t);
    pthread_cond_broadcast(&s->work);
    while (s->running)
        pthread_cond_wait(&s->quiet, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void scheduler_destroy(struct mh_scheduler *s)
{
    if (!s)
        return;
    await_running(s);
    drop_waiting(s, MH_TASK_IO);
    drop_waiting(s, MH_TASK_WORKER);
    for (unsigned i = 0; i < s->worker_count; i++)
        pthread_join(s->workers[i], NULL);
    loop_bell_remove(s->bell);
    pthread_cond_destroy(&s->quiet);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static int task_make(struct mh_task **out, struct mh_scheduler *s, const struct mh_task_spec *spec)
{
    struct mh_task *t = calloc(1, sizeof(*t));
    if (!t)
        return error_set(MH_ERROR_CORE, -ENOMEM, NULL, NULL, "not enough host memory");
    t->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->event_fd < 0) {
        free(t);
        return error_set(MH_ERROR_PLATFORM, -errno, NULL, NULL, "eventfd: %s", strerror(errno));
    }
    t->spec = *spec;
    t->scheduler = s;
    t->refs = 2;
    snprintf(t->description, sizeof(t->description), "%s",
             spec->description ? spec->description : "");
    *out = t;
    return 0;
}

/* Undoes task_make; what the caller gave stays the caller's. */
static int task_unmake(struct mh_task *t, int rc)
{
    close(t->event_fd);
    free(t);
    return error_set(MH_ERROR_PLATFORM, rc, NULL, NULL,
                     "the machine is being destroyed, or the host gave no thread");
}

int scheduler_submit(struct mh_scheduler *s, const struct mh_task_spec *spec, struct mh_task **out)
{
    struct mh_task *t = NULL;
    *out = NULL;
    if (!spec->run || (unsigned)spec->place > MH_TASK_WORKER)
        return error_set(MH_ERROR_CORE, -EINVAL, "spec", NULL, "has no function or no such place");
    int rc = task_make(&t, s, spec);
    if (rc)
        return rc;
    pthread_mutex_lock(&s->lock);
    rc = s->ending ? -ESHUTDOWN : spec->place == MH_TASK_WORKER ? hire_locked(s) : 0;
    if (!rc) {
        queue_put(&s->waiting[spec->place], t);
        *out = t; /* before it can run, and end, and be looked at by its own function */
        pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
    if (rc)
        return task_unmake(t, rc);
    if (spec->place == MH_TASK_IO)
        loop_bell_ring(s->bell);
    return 0;
}

int mh_scheduler_submit(struct mh_machine *m, const struct mh_task_spec *spec, struct mh_task **out)
{
    *out = NULL;
    if (!m->scheduler)
        return error_set(MH_ERROR_CORE, -EINVAL, "machine", NULL, "is not initialised");
    return scheduler_submit(m->scheduler, spec, out);
}

/* ---- looking at tasks ----------------------------------------------------------------- */

enum mh_task_status mh_task_status(const struct mh_task *t)
{
    return (enum mh_task_status)load_acquire(&t->status);
}

const char *mh_task_description(const struct mh_task *t)
{
    return t->description;
}

int mh_task_fd(const struct mh_task *t)
{
    return t->event_fd;
}

int mh_task_wait(struct mh_task *t, uint64_t timeout_ns)
{
    uint64_t now = clock_now_ns();
    uint64_t deadline = timeout_ns > UINT64_MAX - 1 - now ? FUTEX_NO_DEADLINE : now + timeout_ns;
    uint32_t status;
    while (!is_over(status = load_acquire(&t->status)))
        if (futex_wait(&t->status, status, deadline) == -ETIMEDOUT &&
            !is_over(load_acquire(&t->status)))
            return -ETIMEDOUT;
    return 0;
}

int mh_task_result(const struct mh_task *t, const struct mh_error **error)
{
    if (!is_over(load_acquire(&t->status)))
        return -EINPROGRESS;
    if (error)
        *error = &t->error;
    return t->result;
}

bool mh_task_cancelled(const struct mh_task *t)
{
    return load_seq_cst(&t->cancelled);
}

/* Takes a task that still waits out of its queue. */
static bool withdraw_locked(struct mh_task *t)
{
    return load_acquire(&t->status) == MH_TASK_PENDING &&
           queue_remove(&t->scheduler->waiting[t->spec.place], t);
}

/* Among the running it cannot end without the lock, so the scheduler and what it uses are there. */
static bool running_locked(const struct mh_task *t)
{
    const struct mh_task *r = t->scheduler->running;
    while (r && r != t)
        r = r->next;
    return r;
}

int mh_task_cancel(struct mh_task *t)
{
    if (is_over(load_acquire(&t->status)))
        return -EALREADY;
    struct mh_scheduler *s = t->scheduler;
    pthread_mutex_lock(&s->lock);
    bool withdrawn = withdraw_locked(t), running = !withdrawn && running_locked(t);
    if (running)
        ask_to_end(t);
    pthread_mutex_unlock(&s->lock);
    if (withdrawn)
        finish(t, MH_TASK_CANCELLED, -ECANCELED);
    return withdrawn || running ? 0 : -EALREADY;
}

void mh_task_destroy(struct mh_task *t)
{
    if (t)
        unref(t);
}
