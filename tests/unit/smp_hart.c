/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests smp/hart.c: the alarm word, the mailbox, sleeping and interrupt inputs.
 * Where a hart's thread is needed, the test's own thread is hart 0's; others
 * kick, raise and post.  A lost alarm shows as a test that does not end.
 */
#include "smp/smp.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/base/clock.h"
#include "sim/base/futex.h"

#define ROUNDS 20000

struct world {
    struct hart *hart[2];
    struct smp *smp;
    uint32_t asked, answered; /* atomic */
};

static const struct hart_ops no_ops;

static struct hart *hart_new(unsigned index)
{
    struct hart *h = aligned_alloc(CACHE_LINE, align_up(sizeof(*h), CACHE_LINE));
    assert_non_null(h);
    memset(h, 0, sizeof(*h));
    assert_int_equal(hart_init(h, index, 0), 0);
    return h;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    for (unsigned i = 0; i < 2; i++)
        w->hart[i] = hart_new(i);
    assert_int_equal(smp_create(&w->smp, w->hart, 2, &no_ops), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    smp_destroy(w->smp);
    for (unsigned i = 0; i < 2; i++) {
        hart_fini(w->hart[i]);
        free(w->hart[i]);
    }
    free(w);
    return 0;
}

static pthread_t start(void *(*fn)(void *), struct world *w)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, fn, w), 0);
    return t;
}

static void await_answer(struct world *w, uint32_t round)
{
    while (load_acquire(&w->answered) != round)
        sched_yield();
}

/* ---- requests and the alarm word ---- */

static void test_poll(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    assert_true(hart_enter(h));
    assert_int_equal(h->shared.place, HART_IN);
    assert_int_equal(hart_poll(h), 0);
    assert_true(h->shared.until == UINT64_MAX);
    hart_kick(h, REQUEST_GUEST);
    hart_kick(h, REQUEST_IRQ);
    assert_true(h->shared.until == 0);
    assert_int_equal(hart_poll(h), REQUEST_GUEST | REQUEST_IRQ);
    assert_int_equal(hart_poll(h), 0);
    hart_kick(h, REQUEST_MAIL | REQUEST_PARK); /* not for the guest to see */
    assert_int_equal(hart_poll(h), 0);
    hart_leave(h);
    assert_int_equal(h->shared.place, HART_OUT);
}

static void test_limit(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    h->limit = 12345;
    assert_true(hart_enter(h));
    hart_kick(h, REQUEST_IRQ);
    assert_int_equal(hart_poll(h), REQUEST_IRQ);
    assert_true(h->shared.until == 12345); /* re-armed with the limit */
    hart_leave(h);
}

static void *kicker(void *arg)
{
    struct world *w = arg;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        store_release(&w->asked, i);
        hart_kick(w->hart[0], REQUEST_GUEST);
        await_answer(w, i);
    }
    return NULL;
}

/* The hart looks at what is asked only when the alarm is up, as the interpreter does. */
static void test_no_alarm_lost(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    assert_true(hart_enter(h));
    pthread_t t = start(kicker, w);
    while (w->answered != ROUNDS) {
        if (load_relaxed(&h->shared.until) != 0) {
            sched_yield();
            continue;
        }
        if (hart_poll(h) & REQUEST_GUEST)
            store_release(&w->answered, load_acquire(&w->asked));
    }
    pthread_join(t, NULL);
    hart_leave(h);
}

/* Two kickers with a request of their own each: neither may swallow the other's. */
static void *kick_irq(void *arg)
{
    struct world *w = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        hart_irq_raise(w->hart[0], 1);
        while (hart_irqs(w->hart[0]) & 1)
            sched_yield();
    }
    fetch_add_seq_cst(&w->asked, 1);
    return NULL;
}

static void *kick_guest(void *arg)
{
    struct world *w = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t before = load_acquire(&w->answered);
        hart_kick(w->hart[0], REQUEST_GUEST);
        while (load_acquire(&w->answered) == before)
            sched_yield();
    }
    fetch_add_seq_cst(&w->asked, 1);
    return NULL;
}

static void test_two_kickers(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    assert_true(hart_enter(h));
    pthread_t a = start(kick_irq, w), b = start(kick_guest, w);
    while (load_acquire(&w->asked) != 2) {
        if (load_relaxed(&h->shared.until) != 0) {
            sched_yield();
            continue;
        }
        uint32_t requests = hart_poll(h);
        if (requests & REQUEST_IRQ)
            hart_irq_lower(h, 1);
        if (requests & REQUEST_GUEST)
            fetch_add_seq_cst(&w->answered, 1);
    }
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    hart_leave(h);
}

/* ---- sleeping ---- */

static void test_wait_no_lost_wake(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    assert_true(hart_enter(h));
    pthread_t t = start(kicker, w);
    while (w->answered != ROUNDS) {
        assert_true(hart_wait(h, 0, FUTEX_NO_DEADLINE));
        assert_int_equal(h->shared.place, HART_IN);
        if (hart_poll(h) & REQUEST_GUEST)
            store_release(&w->answered, load_acquire(&w->asked));
    }
    pthread_join(t, NULL);
    assert_true(h->waits >= ROUNDS);
    hart_leave(h);
}

static void *raiser(void *arg)
{
    struct world *w = arg;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        hart_irq_raise(w->hart[0], 1 << 3);
        await_answer(w, i);
    }
    return NULL;
}

/* Who asks from outside sees time pass while the hart waits, and none while it does not. */
static void *asker(void *arg)
{
    struct world *w = arg;
    struct hart *h = w->hart[0];
    uint64_t last = hart_waited_ns(h), first = last;
    while (last < first + 2000000) {
        uint64_t now = hart_waited_ns(h);
        if (now < last)
            store_release(&w->answered, 1); /* it went back */
        last = now;
    }
    hart_kick(h, REQUEST_GUEST);
    return NULL;
}

static void test_waited_time(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    assert_true(hart_enter(h));
    assert_int_equal(hart_waited_ns(h), 0);
    pthread_t t = start(asker, w);
    while (!(hart_poll(h) & REQUEST_GUEST))
        assert_true(hart_wait(h, 0, FUTEX_NO_DEADLINE));
    pthread_join(t, NULL);
    assert_int_equal(w->answered, 0);
    uint64_t waited = hart_waited_ns(h);
    assert_true(waited >= 2000000);
    assert_int_equal(hart_waited_ns(h), waited);
    hart_leave(h);
}

/* By interrupt input alone; the request bit is consumed at a moment of its own. */
static void test_wait_for_irq(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    assert_true(hart_enter(h));
    pthread_t t = start(raiser, w);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        while (!(hart_irqs(h) & 1 << 3)) {
            assert_true(hart_wait(h, 1 << 3, FUTEX_NO_DEADLINE));
            hart_poll(h);
        }
        hart_irq_lower(h, 1 << 3);
        store_release(&w->answered, i);
    }
    pthread_join(t, NULL);
    hart_leave(h);
}

static void test_wait_ends(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    uint64_t begin = clock_now_ns();
    assert_true(hart_enter(h));
    assert_true(hart_wait(h, 0, begin + 3000000));
    assert_true(clock_now_ns() >= begin + 3000000);
    /* an input that is high already */
    hart_irq_raise(h, 1 << 7);
    assert_int_equal(hart_poll(h), REQUEST_IRQ);
    assert_true(hart_wait(h, 1 << 7, FUTEX_NO_DEADLINE));
    /* one that is not waited for does not end it */
    begin = clock_now_ns();
    assert_true(hart_wait(h, 1 << 5, begin + 2000000));
    assert_true(clock_now_ns() >= begin + 2000000);
    smp_stop(w->smp);
    assert_false(hart_wait(h, 0, FUTEX_NO_DEADLINE));
    assert_int_equal(h->shared.place, HART_OUT);
    assert_false(hart_enter(h));
}

/* ---- interrupt inputs ---- */

static void count_due(void *opaque, struct hart *h)
{
    (*(unsigned *)opaque)++;
    h->shared.due_ns = UINT64_MAX;
    hart_irq_raise(h, 1 << 7);
}

/* A wait ends when a device said so, whose business is done then; not before, and only then. */
static void test_due(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    unsigned calls = 0;
    assert_true(hart_enter(h));
    assert_int_equal(h->shared.due_ns, UINT64_MAX);
    w->smp->hooks.opaque = &calls;
    w->smp->hooks.due = count_due;
    uint64_t begin = clock_now_ns();
    h->shared.due_ns = begin + 3600ull * NS_PER_SEC;
    assert_true(hart_wait(h, 1 << 7, begin + 2000000));
    assert_int_equal(calls, 0);
    begin = clock_now_ns();
    h->shared.due_ns = begin + 3000000;
    assert_true(hart_wait(h, 1 << 7, FUTEX_NO_DEADLINE));
    assert_true(clock_now_ns() >= begin + 3000000);
    assert_int_equal(calls, 1);
    assert_int_equal(hart_irqs(h), 1 << 7);
    hart_leave(h);
}

static void test_irq(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    assert_true(hart_enter(h));
    hart_irq_raise(h, 0x88);
    assert_true(hart_irqs(h) == 0x88);
    assert_int_equal(hart_poll(h), REQUEST_IRQ);
    hart_irq_raise(h, 0x80); /* high already: no alarm */
    assert_true(h->shared.until != 0);
    assert_int_equal(hart_poll(h), 0);
    hart_irq_raise(h, 0x81);
    assert_int_equal(hart_poll(h), REQUEST_IRQ);
    hart_irq_lower(h, 0x80);
    assert_true(hart_irqs(h) == 0x09);
    assert_int_equal(hart_poll(h), 0); /* lowering is no alarm */
    hart_leave(h);
}

/* ---- letters ---- */

struct log {
    uint64_t next; /* target's thread only */
    uint64_t errors;
};

static void letter(struct hart *h, uint64_t log, uint64_t number, uint64_t check)
{
    struct log *l = (struct log *)(uintptr_t)log;
    l->errors += number != l->next || check != ~number || h->index != 0;
    l->next++;
}

struct poster {
    struct world *w;
    struct log *log;
    unsigned letters;
};

static void *post_many(void *arg)
{
    struct poster *p = arg;
    for (uint64_t i = 0; i < p->letters; i++)
        smp_post(p->w->smp, p->w->hart[1], NULL, letter, (uintptr_t)p->log, i, ~i);
    store_release(&p->w->asked, 1);
    return NULL;
}

/* Many more than fit: none is lost, none comes twice, the order stays. */
static void test_mailbox_overflow(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    struct log log = {0};
    struct poster p = {w, &log, 100 * MAILBOX_SLOTS};
    pthread_t t;
    assert_true(hart_enter(h));
    assert_int_equal(pthread_create(&t, NULL, post_many, &p), 0);
    while (!load_acquire(&w->asked) || h->shared.mail_count) {
        if (load_relaxed(&h->shared.until) == 0)
            hart_poll(h);
        sched_yield();
    }
    pthread_join(t, NULL);
    hart_serve(h);
    assert_true(log.next == p.letters);
    assert_true(log.errors == 0);
    assert_true(h->served == p.letters);
    assert_true(h->shared.mail_oldest == UINT64_MAX);
    hart_leave(h);
}

/* A full mailbox of a hart that sleeps wakes it. */
static void test_overflow_wakes(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    struct log log = {0};
    struct poster p = {w, &log, 3 * MAILBOX_SLOTS};
    pthread_t t;
    assert_true(hart_enter(h));
    assert_int_equal(pthread_create(&t, NULL, post_many, &p), 0);
    while (!load_acquire(&w->asked)) {
        assert_true(hart_wait(h, 0, clock_now_ns() + NS_PER_SEC));
        hart_poll(h);
    }
    pthread_join(t, NULL);
    hart_serve(h);
    assert_true(log.next == p.letters && !log.errors);
    hart_leave(h);
}

/* To a hart that is out: complete for the sender at once, executed before the hart is in. */
static void test_letter_to_out(void **state)
{
    struct world *w = *state;
    struct hart *h = w->hart[0];
    struct log log = {0};
    uint64_t ticket =
        smp_post(w->smp, NULL, &(struct hart_set){{1}}, letter, (uintptr_t)&log, 0, ~0ull);
    assert_true(smp_done(w->smp, ticket));
    smp_wait(w->smp, NULL, ticket);
    assert_true(log.next == 0);
    assert_true(hart_enter(h));
    assert_true(log.next == 1 && !log.errors);
    /* To one that is in: not before its poll. */
    ticket = smp_post(w->smp, NULL, &(struct hart_set){{1}}, letter, (uintptr_t)&log, 1, ~1ull);
    assert_false(smp_done(w->smp, ticket));
    assert_true(h->shared.until == 0);
    hart_poll(h);
    assert_true(smp_done(w->smp, ticket));
    assert_true(log.next == 2 && !log.errors);
    hart_leave(h);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_poll),
        TEST(test_limit),
        TEST(test_no_alarm_lost),
        TEST(test_two_kickers),
        TEST(test_wait_no_lost_wake),
        TEST(test_waited_time),
        TEST(test_wait_for_irq),
        TEST(test_wait_ends),
        TEST(test_due),
        TEST(test_irq),
        TEST(test_mailbox_overflow),
        TEST(test_overflow_wakes),
        TEST(test_letter_to_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
