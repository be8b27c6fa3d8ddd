/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop.  One epoll set holds the callers' descriptors, one eventfd
 * for all doorbells (and for loop_stop), and one timerfd for all timers.
 *
 * A doorbell is rung without a lock: the ringer that turns b->rung from 0 to 1
 * pushes the bell on a stack, and the ringer that turns l->awake from 0 to 1
 * pays for the write to the eventfd; everybody else returns after one atomic
 * exchange.  Timers are a binary heap under the loop's lock; the timerfd is
 * only touched when the earliest deadline becomes earlier than the one it is
 * armed for.  A deadline that moves away leaves it armed: the loop then wakes
 * once for nothing, which is cheaper than a system call at each change (a
 * guest sets its timer far more often than the timer fires).
 *
 * Removal.  epoll_wait hands out pointers that were put in earlier, so a source
 * may not be freed while a batch is being worked on.  A removed source is
 * marked dead under the lock, callbacks are started only after a look at the
 * mark under the same lock, and the loop's thread frees the dead between two
 * batches.  Off the loop's thread the remover waits while l->running is the
 * source.
 */
#include "sim/base/loop.h"

#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/futex.h"
#include "sim/base/lock.h"
#include "sim/base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BATCH 64
#define NEVER UINT64_MAX

/* What fds, bells and timers have in common. */
struct source {
    struct loop *loop;        /* constant */
    void *opaque;             /* constant */
    bool dead;                /* under the lock; set once */
    struct source *next_dead; /* under the lock */
    const uint32_t *busy;     /* constant; while *busy the source may not be freed, or NULL */
};

struct loop_fd {
    struct source src;
    loop_fd_fn *fn; /* constant */
    int fd;         /* constant */
};

struct loop_bell {
    struct source src;
    loop_fn *fn;   /* constant */
    uint32_t rung; /* atomic: on the stack, or about to be */
    struct loop_bell
        *next; /* in the stack: owned by who turned rung to 1, then the loop's thread */
};

struct loop_timer {
    struct source src;
    loop_fn *fn;          /* constant */
    uint64_t deadline_ns; /* under the lock */
    unsigned pos;         /* under the lock: index in the heap, NOT_QUEUED if disarmed */
};

#define NOT_QUEUED UINT_MAX

struct loop {
    int epoll_fd, event_fd, timer_fd; /* constant */
    const void *thread;               /* atomic: the mark of the thread in loop_run, or NULL */
    uint32_t stop;                    /* atomic */
    uint32_t awake;                   /* atomic: the eventfd is or will be written */
    struct loop_bell *stack;          /* atomic: rung bells, last one first */

    CACHE_ALIGNED struct lock lock; /* RANK_LOOP */
    struct source *running;         /* under lock: whose callback runs now */
    uint32_t run_seq;               /* changed under lock when a callback ended; a futex */
    unsigned waiters;               /* under lock: removers that wait for run_seq */
    struct source *dead;            /* under lock: removed, not yet freed */
    unsigned sources;               /* under lock: added, not yet removed */

    struct loop_timer **heap;      /* under lock: the armed timers */
    unsigned heap_used, heap_size; /* under lock; size counts all timers, so a push never fails */
    unsigned timers;               /* under lock: timers that exist */
    uint64_t armed_ns;             /* under lock: what the timerfd is armed for, or NEVER */
};

/* Its address tells threads apart. */
static _Thread_local char thread_mark;

bool loop_is_current(const struct loop *l)
{
    return load_relaxed(&l->thread) == &thread_mark;
}

/* ---- life of a source ---------------------------------------------------- */

static void source_init(struct source *s, struct loop *l, void *opaque)
{
    s->loop = l;
    s->opaque = opaque;
    lock_take(&l->lock);
    l->sources++;
    lock_drop(&l->lock);
}

/* Marks s as running; false when it was removed meanwhile and must not run. */
static bool source_begin(struct source *s)
{
    struct loop *l = s->loop;

    lock_take(&l->lock);
    bool alive = !s->dead;
    if (alive)
        l->running = s;
    lock_drop(&l->lock);
    return alive;
}

static void source_end(struct loop *l)
{
    lock_take(&l->lock);
    l->running = NULL;
    store_relaxed(&l->run_seq, l->run_seq + 1);
    bool wake = l->waiters > 0;
    lock_drop(&l->lock);
    if (wake)
        futex_wake(&l->run_seq, INT_MAX);
}

/* Entered and left with the lock held; a callback runs.  Returns when one has ended, or earlier. */
static void wait_for_end_locked(struct loop *l)
{
#ifdef MH_DEBUG
    uint64_t deadline_ns = clock_now_ns() + WAIT_BOUND_NS;
#else
    uint64_t deadline_ns = FUTEX_NO_DEADLINE;
#endif
    uint32_t seq = l->run_seq;

    l->waiters++;
    lock_drop(&l->lock);
    if (futex_wait(&l->run_seq, seq, deadline_ns) == -ETIMEDOUT)
        BUG("a source is waited for, but its callback has not returned for 10 s");
    lock_take(&l->lock);
    l->waiters--;
}

/* The common end of the remove functions; entered with the lock held, drops it. */
static void source_retire_locked(struct source *s)
{
    struct loop *l = s->loop;

    BUG_ON(s->dead);
    s->dead = true;
    while (!loop_is_current(l) && l->running == s)
        wait_for_end_locked(l);
    s->next_dead = l->dead;
    l->dead = s;
    l->sources--;
    lock_drop(&l->lock);
}

void loop_settle(struct loop *l)
{
    if (loop_is_current(l))
        return;
    lock_take(&l->lock);
    for (uint32_t first = l->run_seq; l->running && l->run_seq == first;)
        wait_for_end_locked(l);
    lock_drop(&l->lock);
}

/*
 * Frees the dead, between two batches.  A bell that is on the stack, or about
 * to be pushed by a ring that raced with its removal, stays until it was popped.
 */
static void reap(struct loop *l)
{
    struct source *s, *next, *keep = NULL;

    lock_take(&l->lock);
    for (s = l->dead; s; s = next) {
        next = s->next_dead;
        if (s->busy && load_acquire(s->busy)) {
            s->next_dead = keep;
            keep = s;
        } else {
            free(s);
        }
    }
    l->dead = keep;
    lock_drop(&l->lock);
}

/* ---- descriptors --------------------------------------------------------- */

int loop_fd_add(struct loop *l, int fd, uint32_t epoll_events, loop_fd_fn *fn, void *opaque,
                struct loop_fd **out)
{
    struct loop_fd *f = calloc(1, sizeof(*f));
    struct epoll_event ev = {.events = epoll_events, .data.ptr = f};

    if (!f)
        return error_set(MH_ERROR_PLATFORM, -ENOMEM, NULL, NULL, "out of memory");
    f->fn = fn;
    f->fd = fd;
    source_init(&f->src, l, opaque);
    /* The callback may run from here on; *out is set first so that it can find its handle. */
    *out = f;
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0)
        return 0;

    int rc = -errno;
    *out = NULL;
    lock_take(&l->lock);
    source_retire_locked(&f->src);
    return error_set(MH_ERROR_PLATFORM, rc, NULL, NULL, "cannot watch file descriptor %d: %s", fd,
                     error_text(rc));
}

int loop_fd_modify(struct loop_fd *f, uint32_t epoll_events)
{
    struct epoll_event ev = {.events = epoll_events, .data.ptr = f};

    if (epoll_ctl(f->src.loop->epoll_fd, EPOLL_CTL_MOD, f->fd, &ev) == 0)
        return 0;
    int rc = -errno;
    return error_set(MH_ERROR_PLATFORM, rc, NULL, NULL, "cannot watch file descriptor %d: %s",
                     f->fd, error_text(rc));
}

void loop_fd_remove(struct loop_fd *f)
{
    struct loop *l = f->src.loop;

    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, f->fd, NULL);
    lock_take(&l->lock);
    source_retire_locked(&f->src);
}

static void fd_serve(struct loop_fd *f, uint32_t events)
{
    struct loop *l = f->src.loop;

    if (!source_begin(&f->src))
        return;
    f->fn(f->src.opaque, events);
    source_end(l);
}

/* ---- doorbells ----------------------------------------------------------- */

/* Makes the loop look at its bells and its stop flag. */
static void loop_wake(struct loop *l)
{
    const uint64_t one = 1;

    /* Pairs with the exchange in bells_serve: what was published before this call is seen there. */
    if (exchange_acq_rel(&l->awake, 1))
        return;
    /* Cannot fail: the counter is far from its end and the descriptor is ours. */
    ssize_t n = write(l->event_fd, &one, sizeof(one));
    (void)n;
}

int loop_bell_add(struct loop *l, loop_fn *fn, void *opaque, struct loop_bell **out)
{
    struct loop_bell *b = calloc(1, sizeof(*b));

    if (!b)
        return error_set(MH_ERROR_PLATFORM, -ENOMEM, NULL, NULL, "out of memory");
    b->fn = fn;
    b->src.busy = &b->rung;
    source_init(&b->src, l, opaque);
    *out = b;
    return 0;
}

void loop_bell_ring(struct loop_bell *b)
{
    struct loop *l = b->src.loop;

    /* Pairs with the exchange in bell_serve: the callback sees what the ringer wrote before. */
    if (exchange_acq_rel(&b->rung, 1))
        return;
    struct loop_bell *top = load_relaxed(&l->stack);
    do
        b->next = top;
    while (!cas_acq_rel(&l->stack, &top, b));
    /* b may be freed from here on. */
    loop_wake(l);
}

void loop_bell_remove(struct loop_bell *b)
{
    struct loop *l = b->src.loop;

    lock_take(&l->lock);
    source_retire_locked(&b->src);
}

static void bell_serve(struct loop_bell *b)
{
    struct loop *l = b->src.loop;

    bool alive = source_begin(&b->src);
    /* Before the callback: a ring that comes while it runs counts again.  Pairs with the ring. */
    exchange_acq_rel(&b->rung, 0);
    if (!alive)
        return;
    b->fn(b->src.opaque);
    source_end(l);
}

static struct loop_bell *bells_reverse(struct loop_bell *b)
{
    struct loop_bell *done = NULL;

    while (b) {
        struct loop_bell *next = b->next;
        b->next = done;
        done = b;
        b = next;
    }
    return done;
}

static void bells_serve(struct loop *l)
{
    uint64_t count;
    ssize_t n = read(l->event_fd, &count, sizeof(count));
    (void)n; /* EAGAIN only if somebody else read our descriptor; harmless */

    /* Before the stack is taken: who pushes later finds awake 0 and writes again. */
    exchange_acq_rel(&l->awake, 0);
    struct loop_bell *b = bells_reverse(exchange_acq_rel(&l->stack, NULL));
    while (b) {
        struct loop_bell *next = b->next; /* once it is served, a ring may reuse it */
        bell_serve(b);
        b = next;
    }
}

/* ---- timers -------------------------------------------------------------- */

static void heap_place(struct loop *l, struct loop_timer *t, unsigned pos)
{
    l->heap[pos] = t;
    t->pos = pos;
}

static void heap_up(struct loop *l, struct loop_timer *t, unsigned pos)
{
    while (pos > 0) {
        unsigned parent = (pos - 1) / 2;
        if (l->heap[parent]->deadline_ns <= t->deadline_ns)
            break;
        heap_place(l, l->heap[parent], pos);
        pos = parent;
    }
    heap_place(l, t, pos);
}

static void heap_down(struct loop *l, struct loop_timer *t, unsigned pos)
{
    for (;;) {
        unsigned child = 2 * pos + 1;
        if (child >= l->heap_used)
            break;
        if (child + 1 < l->heap_used &&
            l->heap[child + 1]->deadline_ns < l->heap[child]->deadline_ns)
            child++;
        if (t->deadline_ns <= l->heap[child]->deadline_ns)
            break;
        heap_place(l, l->heap[child], pos);
        pos = child;
    }
    heap_place(l, t, pos);
}

/* Moves t, whose deadline changed, from pos to where it belongs. */
static void heap_fix(struct loop *l, struct loop_timer *t, unsigned pos)
{
    heap_up(l, t, pos);
    heap_down(l, t, t->pos);
}

static void heap_remove(struct loop *l, struct loop_timer *t)
{
    unsigned pos = t->pos;

    if (pos == NOT_QUEUED)
        return;
    t->pos = NOT_QUEUED;
    struct loop_timer *last = l->heap[--l->heap_used];
    if (last != t)
        heap_fix(l, last, pos);
}

/* Arms the timerfd for the earliest deadline if it would fire later than that. */
static void timerfd_arm_locked(struct loop *l)
{
    uint64_t ns = l->heap_used ? l->heap[0]->deadline_ns : NEVER;

    if (ns >= l->armed_ns)
        return;
    l->armed_ns = ns;
    if (ns == 0)
        ns = 1; /* 0 would disarm; any time that has passed fires at once */
    struct itimerspec its = {
        .it_value = {.tv_sec = (time_t)(ns / NS_PER_SEC), .tv_nsec = (long)(ns % NS_PER_SEC)},
    };
    if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &its, NULL))
        BUG("timerfd_settime for %llu ns: %s", (unsigned long long)ns, error_text(-errno));
}

/* Room in the heap for one more timer, so that arming it never fails. */
static int heap_reserve_locked(struct loop *l)
{
    if (l->timers == l->heap_size) {
        unsigned size = l->heap_size ? 2 * l->heap_size : 16;
        struct loop_timer **heap = realloc(l->heap, size * sizeof(struct loop_timer *));
        if (!heap)
            return -ENOMEM;
        l->heap = heap;
        l->heap_size = size;
    }
    l->timers++;
    return 0;
}

int loop_timer_add(struct loop *l, loop_fn *fn, void *opaque, struct loop_timer **out)
{
    struct loop_timer *t = calloc(1, sizeof(*t));

    if (!t)
        goto no_memory;
    t->fn = fn;
    t->deadline_ns = NEVER;
    t->pos = NOT_QUEUED;
    lock_take(&l->lock);
    int rc = heap_reserve_locked(l);
    lock_drop(&l->lock);
    if (rc)
        goto no_memory;
    source_init(&t->src, l, opaque);
    *out = t;
    return 0;

no_memory:
    free(t);
    return error_set(MH_ERROR_PLATFORM, -ENOMEM, NULL, NULL, "out of memory");
}

void loop_timer_set(struct loop_timer *t, uint64_t deadline_ns)
{
    struct loop *l = t->src.loop;

    lock_take(&l->lock);
    t->deadline_ns = deadline_ns;
    if (deadline_ns == NEVER)
        heap_remove(l, t);
    else if (!t->src.dead)
        heap_fix(l, t, t->pos == NOT_QUEUED ? l->heap_used++ : t->pos);
    timerfd_arm_locked(l);
    lock_drop(&l->lock);
}

void loop_timer_remove(struct loop_timer *t)
{
    struct loop *l = t->src.loop;

    lock_take(&l->lock);
    heap_remove(l, t);
    l->timers--;
    source_retire_locked(&t->src);
}

/* Takes the earliest timer out of the heap, marked as running, if it is due. */
static struct loop_timer *timer_pop_due(struct loop *l, uint64_t now_ns)
{
    struct loop_timer *t = NULL;

    lock_take(&l->lock);
    if (l->heap_used && l->heap[0]->deadline_ns <= now_ns) {
        t = l->heap[0];
        heap_remove(l, t);
        l->running = &t->src;
    }
    lock_drop(&l->lock);
    return t;
}

static void timers_serve(struct loop *l)
{
    uint64_t expirations, now_ns = clock_now_ns();
    ssize_t n = read(l->timer_fd, &expirations, sizeof(expirations));
    (void)n; /* EAGAIN: another thread set it anew after epoll_wait returned; harmless */

    lock_take(&l->lock);
    l->armed_ns = NEVER;
    unsigned rounds =
        l->heap_used; /* a timer that its callback sets to the past must not keep us */
    lock_drop(&l->lock);

    struct loop_timer *t;
    while (rounds-- > 0 && (t = timer_pop_due(l, now_ns))) {
        t->fn(t->src.opaque);
        source_end(l);
    }

    lock_take(&l->lock);
    timerfd_arm_locked(l);
    lock_drop(&l->lock);
}

/* ---- the loop ------------------------------------------------------------ */

static int watch(struct loop *l, int *fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = fd};

    if (*fd < 0)
        return -errno;
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, *fd, &ev) ? -errno : 0;
}

static void loop_close(struct loop *l)
{
    if (l->timer_fd >= 0)
        close(l->timer_fd);
    if (l->event_fd >= 0)
        close(l->event_fd);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    free(l->heap);
    free(l);
}

int loop_create(struct loop **out)
{
    struct loop *l = aligned_alloc(CACHE_LINE, sizeof(*l));

    if (!l)
        return error_set(MH_ERROR_PLATFORM, -ENOMEM, NULL, NULL, "out of memory");
    memset(l, 0, sizeof(*l));
    lock_init(&l->lock, RANK_LOOP);
    l->armed_ns = NEVER;
    l->event_fd = l->timer_fd = -1;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int rc = l->epoll_fd < 0 ? -errno : 0;
    if (!rc) {
        l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        rc = watch(l, &l->event_fd);
    }
    if (!rc) {
        l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        rc = watch(l, &l->timer_fd);
    }
    if (rc) {
        loop_close(l);
        return error_set(MH_ERROR_PLATFORM, rc, NULL, NULL, "cannot make an event loop: %s",
                         error_text(rc));
    }
    *out = l;
    return 0;
}

void loop_destroy(struct loop *l)
{
    if (!l)
        return;
    BUG_ON(load_relaxed(&l->thread));
    /* Bells that were rung and not served would never be reaped. */
    for (struct loop_bell *b = exchange_acq_rel(&l->stack, NULL); b; b = b->next)
        store_release(&b->rung, 0);
    reap(l);
    if (l->sources)
        log_at(LOG_BASE, LOG_WARN, "event loop destroyed with %u sources left", l->sources);
    loop_close(l);
}

void loop_stop(struct loop *l)
{
    store_release(&l->stop, 1);
    loop_wake(l);
}

static void event_serve(struct loop *l, const struct epoll_event *ev)
{
    if (ev->data.ptr == &l->event_fd)
        bells_serve(l);
    else if (ev->data.ptr == &l->timer_fd)
        timers_serve(l);
    else
        fd_serve(ev->data.ptr, ev->events);
}

int loop_run(struct loop *l)
{
    struct epoll_event batch[BATCH];
    int rc = 0;

    store_release(&l->thread, &thread_mark);
    while (!exchange_acq_rel(&l->stop, 0)) {
        reap(l);
        int n = epoll_wait(l->epoll_fd, batch, BATCH, -1);
        if (n < 0 && errno != EINTR) {
            rc = -errno;
            error_set(MH_ERROR_PLATFORM, rc, NULL, NULL, "epoll_wait: %s", error_text(rc));
            break;
        }
        for (int i = 0; i < n; i++)
            event_serve(l, &batch[i]);
    }
    store_release(&l->thread, NULL);
    return rc;
}
