/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests sim/base/loop.c: descriptors, doorbells and timers one by one, removal
 * from the callback itself, from another callback and from other threads, and
 * threads that add, ring, set and remove at once.  Waiting is for conditions;
 * nothing depends on how long it takes.
 */
#include "sim/base/loop.h"

#include "sim/base/atomic.h"
#include "sim/base/clock.h"
#include "sim/include/manyhart.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- fixture: a loop on a thread of its own -------------------------------- */

struct fixture {
    struct loop *l;
    pthread_t thread;
    bool running;
};

static void *loop_main(void *opaque)
{
    struct fixture *f = opaque;

    return (void *)(intptr_t)loop_run(f->l);
}

static void start(struct fixture *f)
{
    pthread_create(&f->thread, NULL, loop_main, f);
    f->running = true;
}

static void stop(struct fixture *f)
{
    void *rc;

    if (!f->running)
        return;
    loop_stop(f->l);
    pthread_join(f->thread, &rc);
    assert_null(rc);
    f->running = false;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(loop_create(&f->l), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    stop(f);
    loop_destroy(f->l);
    free(f);
    return 0;
}

static void await(const uint32_t *word, uint32_t value)
{
    while (load_acquire(word) != value)
        sched_yield();
}

static void await_at_least(const uint32_t *word, uint32_t value)
{
    while (load_acquire(word) < value)
        sched_yield();
}

static void count(void *opaque)
{
    fetch_add_acq_rel((uint32_t *)opaque, 1);
}

/* ---- run and stop ----------------------------------------------------------- */

static void test_stop_before_run(void **state)
{
    struct fixture *f = *state;

    loop_stop(f->l);
    assert_int_equal(loop_run(f->l), 0); /* returns at once */
    start(f);
    stop(f);
    start(f); /* and it can run again */
    stop(f);
}

static void test_destroy_null(void **state)
{
    (void)state;
    loop_destroy(NULL);
}

struct where {
    struct loop *l;
    uint32_t answer; /* atomic: 0 none, 1 not on the loop's thread, 2 on it */
};

static void ask_where(void *opaque)
{
    struct where *w = opaque;

    store_release(&w->answer, 1 + loop_is_current(w->l));
}

static void test_is_current(void **state)
{
    struct fixture *f = *state;
    struct where w = {.l = f->l};
    struct loop_bell *b;

    assert_false(loop_is_current(f->l));
    assert_int_equal(loop_bell_add(f->l, ask_where, &w, &b), 0);
    loop_bell_ring(b);
    start(f);
    await(&w.answer, 2);
    assert_false(loop_is_current(f->l));
    loop_bell_remove(b);
}

/* ---- doorbells -------------------------------------------------------------- */

static void test_bell(void **state)
{
    struct fixture *f = *state;
    struct loop_bell *b;
    uint32_t calls = 0;

    loop_bell_add(f->l, count, &calls, &b);
    for (int i = 0; i < 10; i++)
        loop_bell_ring(b); /* nobody serves: they are one ring */
    start(f);
    await(&calls, 1);
    loop_bell_ring(b);
    await(&calls, 2);
    loop_bell_remove(b);
    stop(f);
    assert_int_equal(calls, 2);
}

struct order {
    unsigned *seen, *next;
    unsigned id;
    uint32_t *done;
};

static void note_order(void *opaque)
{
    struct order *o = opaque;

    o->seen[(*o->next)++] = o->id;
    count(o->done);
}

static void test_bells_in_order(void **state)
{
    struct fixture *f = *state;
    struct loop_bell *b[5];
    struct order o[5];
    unsigned seen[5], next = 0;
    uint32_t done = 0;

    for (unsigned i = 0; i < 5; i++) {
        o[i] = (struct order){seen, &next, i, &done};
        loop_bell_add(f->l, note_order, &o[i], &b[i]);
    }
    for (unsigned i = 0; i < 5; i++)
        loop_bell_ring(b[i * 2 % 5]);
    start(f);
    await(&done, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(seen[i], i * 2 % 5);
        loop_bell_remove(b[i]);
    }
}

/* What was written before the ring is seen by the callback, and no last ring is lost. */
#define RINGS 50000

struct message {
    struct loop_bell *b;
    uint64_t written; /* by the ringers, atomic */
    uint64_t seen;    /* by the callback, atomic */
};

static void read_message(void *opaque)
{
    struct message *m = opaque;

    store_release(&m->seen, load_relaxed(&m->written));
}

static void *ringer(void *opaque)
{
    struct message *m = opaque;

    for (int i = 0; i < RINGS; i++) {
        fetch_add_relaxed(&m->written, 1);
        loop_bell_ring(m->b);
    }
    return NULL;
}

static void test_no_ring_lost(void **state)
{
    struct fixture *f = *state;
    struct message m = {0};
    pthread_t thread[3];

    loop_bell_add(f->l, read_message, &m, &m.b);
    start(f);
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, ringer, &m);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    while (load_acquire(&m.seen) != 3 * RINGS)
        sched_yield();
    loop_bell_remove(m.b);
}

struct self_ring {
    struct loop_bell *b;
    uint32_t calls;
};

static void ring_again(void *opaque)
{
    struct self_ring *s = opaque;

    if (fetch_add_acq_rel(&s->calls, 1) < 99)
        loop_bell_ring(s->b);
}

static void test_ring_from_callback(void **state)
{
    struct fixture *f = *state;
    struct self_ring s = {0};

    loop_bell_add(f->l, ring_again, &s, &s.b);
    start(f);
    loop_bell_ring(s.b);
    await(&s.calls, 100);
    loop_bell_remove(s.b);
}

/* ---- descriptors ------------------------------------------------------------ */

struct reader {
    int fd;
    uint32_t got;    /* atomic: bytes */
    uint32_t events; /* atomic: of the last call */
};

static void read_fd(void *opaque, uint32_t events)
{
    struct reader *r = opaque;
    char buf[64];
    ssize_t n = events & EPOLLIN ? read(r->fd, buf, 1) : 0;

    store_release(&r->events, events);
    fetch_add_acq_rel(&r->got, n > 0 ? (uint32_t)n : 0);
}

static void test_fd(void **state)
{
    struct fixture *f = *state;
    struct loop_fd *w;
    struct reader r = {0};
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    r.fd = fds[0];
    assert_int_equal(loop_fd_add(f->l, fds[0], EPOLLIN, read_fd, &r, &w), 0);
    start(f);
    assert_int_equal(write(fds[1], "hello", 5), 5);
    await(&r.got, 5); /* level triggered: one byte a call */
    assert_int_equal(loop_fd_modify(w, 0), 0);
    assert_int_equal(write(fds[1], "quiet", 5), 5);
    assert_int_equal(loop_fd_modify(w, EPOLLIN), 0);
    await(&r.got, 10);
    close(fds[1]);
    while (!(load_acquire(&r.events) & EPOLLHUP))
        sched_yield();
    loop_fd_remove(w);
    close(fds[0]);
}

static void test_fd_errors(void **state)
{
    struct fixture *f = *state;
    struct loop_fd *w = (void *)1;
    char path[] = "/tmp/manyhart-test-XXXXXX";
    int fd = mkstemp(path);

    unlink(path);
    assert_int_equal(loop_fd_add(f->l, fd, EPOLLIN, read_fd, NULL, &w), -EPERM);
    assert_int_equal(mh_last_error()->code, -EPERM);
    assert_null(w);
    close(fd);
    assert_int_equal(loop_fd_add(f->l, fd, EPOLLIN, read_fd, NULL, &w), -EBADF);
}

/* ---- timers ----------------------------------------------------------------- */

static void test_timer_fires(void **state)
{
    struct fixture *f = *state;
    struct loop_timer *t;
    uint32_t calls = 0;

    loop_timer_add(f->l, count, &calls, &t);
    start(f);
    loop_timer_set(t, 0); /* the past */
    await(&calls, 1);
    loop_timer_set(t, clock_now_ns() + 1000000);
    await(&calls, 2);
    /* An earlier deadline replaces a later one. */
    loop_timer_set(t, clock_now_ns() + 3600 * NS_PER_SEC);
    loop_timer_set(t, clock_now_ns());
    await(&calls, 3);
    loop_timer_remove(t);
    stop(f);
    assert_int_equal(calls, 3); /* one shot each */
}

struct stamp {
    uint64_t deadline_ns;
    uint32_t early, done; /* atomic */
};

static void check_stamp(void *opaque)
{
    struct stamp *s = opaque;

    if (clock_now_ns() < s->deadline_ns)
        store_relaxed(&s->early, 1);
    store_release(&s->done, 1);
}

/* Many timers set in no order, moved and disarmed: each fires once, never early. */
static void test_many_timers(void **state)
{
    enum { N = 100 };
    struct fixture *f = *state;
    struct loop_timer *t[N];
    struct stamp s[N] = {{0}};
    uint64_t now_ns = clock_now_ns();

    start(f);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(loop_timer_add(f->l, check_stamp, &s[i], &t[i]), 0);
        s[i].deadline_ns = now_ns + 1000000 + i * 37 % N * 100000ull;
        loop_timer_set(t[i], now_ns + 3600 * NS_PER_SEC);
    }
    for (unsigned i = 0; i < N; i++)
        loop_timer_set(t[i], i % 10 == 3 ? UINT64_MAX : s[i].deadline_ns);
    for (unsigned i = 0; i < N; i++)
        if (i % 10 != 3)
            await(&s[i].done, 1);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(load_acquire(&s[i].early), 0);
        assert_int_equal(load_acquire(&s[i].done), i % 10 != 3);
        loop_timer_remove(t[i]);
    }
}

/* With the loop stopped meanwhile, due timers run by deadline. */
static void test_timers_in_order(void **state)
{
    enum { N = 32 };
    struct fixture *f = *state;
    struct loop_timer *t[N];
    struct order o[N];
    unsigned seen[N], next = 0;
    uint32_t done = 0;

    for (unsigned i = 0; i < N; i++) {
        o[i] = (struct order){seen, &next, i, &done};
        loop_timer_add(f->l, note_order, &o[i], &t[i]);
        loop_timer_set(t[i], 1000 + (i * 13 + 5) % N);
    }
    start(f);
    await(&done, N);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal((seen[i] * 13 + 5) % N, i);
    for (unsigned i = 0; i < N; i++)
        loop_timer_remove(t[i]);
}

struct periodic {
    struct loop_timer *t;
    uint32_t calls;
};

static void set_again(void *opaque)
{
    struct periodic *p = opaque;

    fetch_add_acq_rel(&p->calls, 1);
    loop_timer_set(p->t, 1); /* for ever due */
}

/* A timer that is always due does not starve the rest. */
static void test_timer_sets_itself(void **state)
{
    struct fixture *f = *state;
    struct periodic p = {0};
    struct loop_bell *b;
    uint32_t rings = 0;

    loop_timer_add(f->l, set_again, &p, &p.t);
    loop_bell_add(f->l, count, &rings, &b);
    loop_timer_set(p.t, 1);
    start(f);
    for (uint32_t i = 1; i <= 100; i++) {
        loop_bell_ring(b);
        await(&rings, i);
    }
    await_at_least(&p.calls, 100);
    loop_timer_remove(p.t);
    uint32_t calls = load_acquire(&p.calls);
    loop_bell_ring(b);
    await(&rings, 101);
    assert_int_equal(load_acquire(&p.calls), calls);
    loop_bell_remove(b);
}

/* ---- removal ---------------------------------------------------------------- */

struct remover {
    struct loop_fd *fd[2];
    struct loop_bell *bell[2];
    struct loop_timer *timer[2];
    uint32_t calls, done; /* atomic */
};

static void fd_removes_both(void *opaque, uint32_t events)
{
    struct remover *r = opaque;

    (void)events;
    fetch_add_acq_rel(&r->calls, 1);
    loop_fd_remove(r->fd[0]);
    loop_fd_remove(r->fd[1]);
    store_release(&r->done, 1);
}

static void bell_removes_both(void *opaque)
{
    struct remover *r = opaque;

    fetch_add_acq_rel(&r->calls, 1);
    loop_bell_remove(r->bell[0]);
    loop_bell_remove(r->bell[1]);
    store_release(&r->done, 1);
}

static void timer_removes_both(void *opaque)
{
    struct remover *r = opaque;

    fetch_add_acq_rel(&r->calls, 1);
    loop_timer_remove(r->timer[0]);
    loop_timer_remove(r->timer[1]);
    store_release(&r->done, 1);
}

/* Two sources are ready in one batch; whichever runs first removes itself and the other. */
static void test_callback_removes(void **state)
{
    struct fixture *f = *state;

    for (unsigned kind = 0; kind < 3; kind++) {
        struct remover r = {0};
        int fd[2];
        for (unsigned i = 0; i < 2; i++) {
            fd[i] = eventfd(1, EFD_CLOEXEC);
            if (kind == 0) {
                loop_fd_add(f->l, fd[i], EPOLLIN, fd_removes_both, &r, &r.fd[i]);
            } else if (kind == 1) {
                loop_bell_add(f->l, bell_removes_both, &r, &r.bell[i]);
                loop_bell_ring(r.bell[i]);
            } else {
                loop_timer_add(f->l, timer_removes_both, &r, &r.timer[i]);
                loop_timer_set(r.timer[i], 1);
            }
        }
        start(f);
        await(&r.done, 1);
        stop(f);
        assert_int_equal(r.calls, 1);
        close(fd[0]);
        close(fd[1]);
    }
}

struct slow {
    uint32_t entered, leave, left; /* atomic */
};

static void slow_callback(void *opaque)
{
    struct slow *s = opaque;

    store_release(&s->entered, 1);
    await(&s->leave, 1);
    store_release(&s->left, 1);
}

static void *release_later(void *opaque)
{
    struct slow *s = opaque;

    for (int i = 0; i < 1000; i++)
        sched_yield();
    store_release(&s->leave, 1);
    return NULL;
}

static void slow_fd_callback(void *opaque, uint32_t events)
{
    (void)events;
    slow_callback(opaque);
}

/* Runs s's callback as a source of the kind and removes the source while it is inside. */
static void remove_while_inside(struct loop *l, unsigned kind, struct slow *s)
{
    struct loop_fd *f;
    struct loop_bell *b;
    struct loop_timer *t;
    pthread_t thread;
    int fd = eventfd(1, EFD_CLOEXEC);

    if (kind == 0) {
        assert_int_equal(loop_fd_add(l, fd, EPOLLIN, slow_fd_callback, s, &f), 0);
    } else if (kind == 1) {
        assert_int_equal(loop_bell_add(l, slow_callback, s, &b), 0);
        loop_bell_ring(b);
    } else {
        assert_int_equal(loop_timer_add(l, slow_callback, s, &t), 0);
        loop_timer_set(t, 1);
    }
    await(&s->entered, 1);
    pthread_create(&thread, NULL, release_later, s);
    if (kind == 0)
        loop_fd_remove(f);
    else if (kind == 1)
        loop_bell_remove(b);
    else
        loop_timer_remove(t);
    assert_int_equal(load_acquire(&s->left), 1);
    pthread_join(thread, NULL);
    close(fd);
}

/* Off the loop's thread, removal returns when the running callback has. */
static void test_remove_waits(void **state)
{
    struct fixture *f = *state;

    start(f);
    for (unsigned i = 0; i < 60; i++) {
        struct slow s = {0};
        remove_while_inside(f->l, i % 3, &s);
    }
}

struct removed {
    struct slow slow;
    struct loop_bell *bell;
};

/* A callback that removes its own source and is busy for a while after that. */
static void removed_callback(void *opaque)
{
    struct removed *r = opaque;

    loop_bell_remove(r->bell);
    slow_callback(&r->slow);
}

/* Settling waits for what runs, also where nothing is left that a removal could wait for. */
static void test_settle(void **state)
{
    struct fixture *f = *state;

    loop_settle(f->l); /* nothing runs */
    start(f);
    for (unsigned i = 0; i < 20; i++) {
        struct removed r = {0};
        pthread_t thread;
        assert_int_equal(loop_bell_add(f->l, removed_callback, &r, &r.bell), 0);
        loop_bell_ring(r.bell);
        await(&r.slow.entered, 1);
        pthread_create(&thread, NULL, release_later, &r.slow);
        loop_settle(f->l);
        assert_int_equal(load_acquire(&r.slow.left), 1);
        pthread_join(thread, NULL);
    }
    loop_settle(f->l);
}

/* Each of these lives for one cycle: a callback after removal would find it freed. */
struct cell {
    uint64_t magic;
    uint32_t calls; /* atomic */
    uint64_t *errors;
    int fd;
};

#define MAGIC 0x600d600d600d600d

static void touch(void *opaque)
{
    struct cell *c = opaque;

    if (load_relaxed(&c->magic) != MAGIC)
        fetch_add_relaxed(c->errors, 1);
    fetch_add_acq_rel(&c->calls, 1);
}

static void touch_fd(void *opaque, uint32_t events)
{
    (void)events;
    touch(opaque);
}

struct hammer {
    struct loop *l;
    unsigned id;
    uint64_t errors, calls; /* owner only / atomic for errors */
};

#define CYCLES 3000

static void hammer_fd(struct hammer *h, struct cell *c, unsigned i)
{
    struct loop_fd *w;

    c->fd = eventfd(1, EFD_CLOEXEC); /* readable for ever */
    if (loop_fd_add(h->l, c->fd, EPOLLIN, touch_fd, c, &w))
        fetch_add_relaxed(&h->errors, 1);
    if (i % 4 == 0)
        await_at_least(&c->calls, 1);
    if (loop_fd_modify(w, i % 2 ? EPOLLIN : 0))
        fetch_add_relaxed(&h->errors, 1);
    loop_fd_remove(w);
    close(c->fd);
}

static void hammer_bell(struct hammer *h, struct cell *c, unsigned i)
{
    struct loop_bell *b;

    if (loop_bell_add(h->l, touch, c, &b))
        fetch_add_relaxed(&h->errors, 1);
    loop_bell_ring(b);
    if (i % 4 == 0)
        await_at_least(&c->calls, 1);
    loop_bell_ring(b);
    loop_bell_remove(b);
}

static void hammer_timer(struct hammer *h, struct cell *c, unsigned i)
{
    struct loop_timer *t;

    if (loop_timer_add(h->l, touch, c, &t))
        fetch_add_relaxed(&h->errors, 1);
    loop_timer_set(t, i % 2 ? 1 : clock_now_ns() + 20000);
    if (i % 4 == 0)
        await_at_least(&c->calls, 1);
    loop_timer_set(t, i % 3 ? clock_now_ns() : UINT64_MAX);
    loop_timer_remove(t);
}

static void *hammer_main(void *opaque)
{
    struct hammer *h = opaque;

    for (unsigned i = 0; i < CYCLES; i++) {
        struct cell *c = malloc(sizeof(*c));
        *c = (struct cell){.magic = MAGIC, .errors = &h->errors};
        switch ((h->id + i) % 3) {
        case 0:
            hammer_fd(h, c, i);
            break;
        case 1:
            hammer_bell(h, c, i);
            break;
        default:
            hammer_timer(h, c, i);
        }
        h->calls += c->calls;
        store_relaxed(&c->magic, 0);
        free(c);
    }
    return NULL;
}

static void test_hammer(void **state)
{
    enum { N = 4 };
    struct fixture *f = *state;
    struct hammer h[N];
    pthread_t thread[N];

    start(f);
    for (unsigned i = 0; i < N; i++) {
        h[i] = (struct hammer){.l = f->l, .id = i};
        pthread_create(&thread[i], NULL, hammer_main, &h[i]);
    }
    for (unsigned i = 0; i < N; i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(h[i].errors, 0);
        assert_true(h[i].calls >= CYCLES / 4);
    }
}

/* Sources of every kind are added and removed with nobody in loop_run. */
static void test_without_thread(void **state)
{
    struct fixture *f = *state;
    struct hammer h = {.l = f->l};
    struct cell c = {.magic = MAGIC, .errors = &h.errors};

    for (unsigned i = 1; i < 20; i += 2) { /* odd: none of them waits */
        hammer_fd(&h, &c, i);
        hammer_bell(&h, &c, i);
        hammer_timer(&h, &c, i);
    }
    assert_int_equal(h.errors, 0);
    assert_int_equal(c.calls, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stop_before_run),    cmocka_unit_test(test_destroy_null),
        TEST(test_is_current),         TEST(test_bell),
        TEST(test_bells_in_order),     TEST(test_no_ring_lost),
        TEST(test_ring_from_callback), TEST(test_fd),
        TEST(test_fd_errors),          TEST(test_timer_fires),
        TEST(test_many_timers),        TEST(test_timers_in_order),
        TEST(test_timer_sets_itself),  TEST(test_callback_removes),
        TEST(test_remove_waits),       TEST(test_hammer),
        TEST(test_without_thread),     TEST(test_settle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
