/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life cycle and observers; see component.h.
 *
 * Delivery walks the list of subscriptions and calls each with the lock
 * dropped.  The one being called is kept by its `calls` count: whoever removes
 * it marks it dead and waits until no call of another thread is left; the last
 * one out unlinks it.  So the walker's own place in the list stays valid and a
 * callback may subscribe, unsubscribe (also itself) and emit.
 */
#include "sim/component.h"

#include "sim/base/atomic.h"
#include "sim/base/error.h"

#include <errno.h>
#include <stdlib.h>

struct subscription {
    int id;
    mh_event_fn *fn;
    void *opaque;
    unsigned calls; /* under the component's lock */
    bool dead;      /* under the component's lock */
    struct subscription *next;
};

/* Callbacks the thread is inside of, innermost first. */
struct delivery {
    const struct subscription *s;
    struct delivery *outer;
};

static __thread struct delivery *delivering;

void component_setup(struct mh_component *c, const struct mh_component_ops *ops)
{
    *c = (struct mh_component){.ops = ops, .next_id = 1};
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->idle, NULL);
}

void component_teardown(struct mh_component *c)
{
    while (c->subscriptions) {
        struct subscription *s = c->subscriptions;
        c->subscriptions = s->next;
        free(s);
    }
    pthread_cond_destroy(&c->idle);
    pthread_mutex_destroy(&c->lock);
}

const char *mh_component_name(const struct mh_component *c)
{
    return c->ops->name;
}

enum mh_state mh_component_status(struct mh_component *c)
{
    return load_acquire(&c->state);
}

const char *mh_state_name(enum mh_state state)
{
    static const char *const names[] = {"Uninitialized", "Initialized", "Starting", "Running",
                                        "Stopping",      "Stopped",     "Error"};
    return (unsigned)state < ARRAY_LEN(names) ? names[state] : "?";
}

/* ---- life cycle ------------------------------------------------------------- */

static int illegal(const struct mh_component *c, const char *verb, enum mh_state state)
{
    return error_set(MH_ERROR_CORE, -EINVAL, c->ops->name, mh_state_name(state),
                     "cannot %s in this state", verb);
}

/* Claims the component for an operation if its state is one of those in the mask. */
static int operation_begin(struct mh_component *c, const char *verb, unsigned allowed,
                           enum mh_state during)
{
    pthread_mutex_lock(&c->lock);
    enum mh_state state = c->state;
    bool ok = !c->busy && (allowed >> state & 1);
    if (ok) {
        c->busy = true;
        store_release(&c->state, during);
    }
    pthread_mutex_unlock(&c->lock);
    return ok ? 0 : illegal(c, verb, state);
}

/* The component may have moved on by itself meanwhile (from Running): then its state stands. */
static void operation_end(struct mh_component *c, enum mh_state during, enum mh_state state)
{
    pthread_mutex_lock(&c->lock);
    c->busy = false;
    if (c->state == during)
        store_release(&c->state, state);
    pthread_cond_broadcast(&c->idle);
    pthread_mutex_unlock(&c->lock);
}

int component_hold(struct mh_component *c, unsigned allowed)
{
    pthread_mutex_lock(&c->lock);
    bool ok = (!c->busy || c->holders) && (allowed >> c->state & 1);
    if (ok) {
        c->holders++;
        c->busy = true;
    }
    int rc = ok ? (int)c->holders : -EINVAL;
    pthread_mutex_unlock(&c->lock);
    return rc;
}

void component_let_go(struct mh_component *c)
{
    pthread_mutex_lock(&c->lock);
    c->busy = --c->holders;
    pthread_mutex_unlock(&c->lock);
}

static void emit_kind(struct mh_component *c, enum mh_event_kind kind)
{
    struct mh_event e = {.kind = kind};
    if (kind == MH_EVENT_ERROR)
        e.u.error.error = mh_last_error();
    component_emit(c, &e);
}

int mh_component_init(struct mh_component *c)
{
    int rc = operation_begin(c, "initialise", 1u << MH_UNINITIALIZED, MH_UNINITIALIZED);
    if (rc)
        return rc;
    rc = c->ops->init ? c->ops->init(c) : 0;
    operation_end(c, MH_UNINITIALIZED, rc ? MH_STATE_ERROR : MH_INITIALIZED);
    if (rc)
        emit_kind(c, MH_EVENT_ERROR);
    return rc;
}

int mh_component_start(struct mh_component *c)
{
    int rc = operation_begin(c, "start", 1u << MH_INITIALIZED | 1u << MH_STOPPED, MH_STARTING);
    if (rc)
        return rc;
    rc = c->ops->start ? c->ops->start(c) : 0;
    operation_end(c, MH_STARTING, rc ? MH_STATE_ERROR : MH_RUNNING);
    emit_kind(c, rc ? MH_EVENT_ERROR : MH_EVENT_STARTED);
    return rc;
}

int mh_component_stop(struct mh_component *c)
{
    int rc = operation_begin(c, "stop", 1u << MH_RUNNING, MH_STOPPING);
    if (rc)
        return rc;
    rc = c->ops->stop ? c->ops->stop(c) : 0;
    pthread_mutex_lock(&c->lock);
    bool by_us = c->state == MH_STOPPING;
    pthread_mutex_unlock(&c->lock);
    operation_end(c, MH_STOPPING, rc ? MH_STATE_ERROR : MH_STOPPED);
    if (by_us)
        emit_kind(c, rc ? MH_EVENT_ERROR : MH_EVENT_STOPPED);
    return rc;
}

bool component_begin_stop(struct mh_component *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->state == MH_STARTING)
        pthread_cond_wait(&c->idle, &c->lock);
    bool ok = c->state == MH_RUNNING;
    if (ok)
        store_release(&c->state, MH_STOPPING);
    pthread_mutex_unlock(&c->lock);
    return ok;
}

void component_finish_stop(struct mh_component *c)
{
    pthread_mutex_lock(&c->lock);
    store_release(&c->state, MH_STOPPED);
    pthread_mutex_unlock(&c->lock);
    emit_kind(c, MH_EVENT_STOPPED);
}

/* ---- observers ------------------------------------------------------------------ */

int mh_subscribe(struct mh_component *c, mh_event_fn *fn, void *opaque)
{
    struct subscription *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->fn = fn;
    s->opaque = opaque;
    pthread_mutex_lock(&c->lock);
    int id = s->id = c->next_id++;
    struct subscription **at = &c->subscriptions;
    while (*at)
        at = &(*at)->next;
    *at = s;
    fetch_add_relaxed(&c->observers, 1);
    pthread_mutex_unlock(&c->lock);
    return id;
}

/* Lock held, s->calls is 0. */
static void unlink_locked(struct mh_component *c, struct subscription *s)
{
    struct subscription **at = &c->subscriptions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    free(s);
}

static unsigned own_calls(const struct subscription *s)
{
    unsigned n = 0;
    for (const struct delivery *d = delivering; d; d = d->outer)
        n += d->s == s;
    return n;
}

static struct subscription *find_locked(struct mh_component *c, int id)
{
    struct subscription *s = c->subscriptions;
    while (s && (s->id != id || s->dead))
        s = s->next;
    return s;
}

int mh_unsubscribe(struct mh_component *c, int id)
{
    pthread_mutex_lock(&c->lock);
    struct subscription *s = find_locked(c, id);
    if (!s) {
        pthread_mutex_unlock(&c->lock);
        return -ENOENT;
    }
    s->dead = true;
    __atomic_fetch_sub(&c->observers, 1, __ATOMIC_RELAXED);
    unsigned own = own_calls(s);
    s->calls++; /* keeps it while we wait */
    while (s->calls > own + 1)
        pthread_cond_wait(&c->idle, &c->lock);
    if (--s->calls == 0)
        unlink_locked(c, s);
    pthread_mutex_unlock(&c->lock);
    return 0;
}

static void deliver_locked(struct mh_component *c, struct subscription *s,
                           const struct mh_event *event)
{
    struct delivery here = {s, delivering};
    s->calls++;
    pthread_mutex_unlock(&c->lock);
    delivering = &here;
    s->fn(s->opaque, event);
    delivering = here.outer;
    pthread_mutex_lock(&c->lock);
    s->calls--;
    pthread_cond_broadcast(&c->idle);
}

void component_emit(struct mh_component *c, struct mh_event *event)
{
    if (!load_relaxed(&c->observers))
        return;
    event->component = c->ops->name;
    pthread_mutex_lock(&c->lock);
    int last = c->next_id; /* whoever subscribes from now on waits for the next event */
    struct subscription *s = c->subscriptions;
    while (s) {
        if (!s->dead && s->id < last)
            deliver_locked(c, s, event);
        struct subscription *next = s->next;
        if (s->dead && s->calls == 0)
            unlink_locked(c, s);
        s = next;
    }
    pthread_mutex_unlock(&c->lock);
}
