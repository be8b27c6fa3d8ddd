/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests sim/base/lock.c: exclusion with more threads than processors, trying,
 * and in debug builds the witness.
 */
#include "sim/base/lock.h"

#include "sim/base/log.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 6
#define ROUNDS  20000

struct shared {
    struct lock lock;
    uint64_t count;  /* under lock, not atomic: lost updates would show */
    uint32_t inside; /* under lock */
    uint32_t errors; /* atomic */
};

static void *hammer(void *opaque)
{
    struct shared *s = opaque;

    for (unsigned i = 0; i < ROUNDS; i++) {
        if (i % 8 == 0)
            while (!lock_try(&s->lock))
                sched_yield();
        else
            lock_take(&s->lock);
        if (s->inside++)
            fetch_add_relaxed(&s->errors, 1);
        s->count++;
        if (i % 512 == 0)
            sched_yield(); /* so that others have to sleep */
        s->inside--;
        lock_drop(&s->lock);
    }
    return NULL;
}

static void test_exclusion(void **state)
{
    struct shared s = {.lock = LOCK_INIT(RANK_LEAF)};
    pthread_t thread[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, hammer, &s);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(s.count, THREADS * ROUNDS);
    assert_int_equal(s.errors, 0);
    assert_int_equal(s.lock.word, 0);
}

static void *take_it(void *opaque)
{
    struct shared *s = opaque;

    lock_take(&s->lock);
    s->count++;
    lock_drop(&s->lock);
    return NULL;
}

/* Threads that went to sleep are woken, each in turn. */
static void test_sleepers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct shared s = {.lock = LOCK_INIT(RANK_LEAF)};
        pthread_t thread[3];
        lock_take(&s.lock);
        for (int t = 0; t < 3; t++)
            pthread_create(&thread[t], NULL, take_it, &s);
        while (load_acquire(&s.lock.word) != 2)
            sched_yield();
        for (unsigned y = 0; y < i % 8; y++)
            sched_yield();
        lock_drop(&s.lock);
        for (int t = 0; t < 3; t++)
            pthread_join(thread[t], NULL);
        assert_int_equal(s.count, 3);
    }
}

static void *try_it(void *opaque)
{
    return (void *)(uintptr_t)lock_try(opaque);
}

static void test_try(void **state)
{
    struct lock l;
    pthread_t thread;
    void *got;

    (void)state;
    lock_init(&l, RANK_LEAF);
    assert_true(lock_try(&l));
    pthread_create(&thread, NULL, try_it, &l);
    pthread_join(thread, &got);
    assert_null(got);
    lock_drop(&l);
    assert_int_equal(l.word, 0);
}

static void test_right_order(void **state)
{
    struct lock low = LOCK_INIT(RANK_DEVICE), high = LOCK_INIT(RANK_SHARD);
    struct lock a = LOCK_INIT(RANK_NONE), b = LOCK_INIT(RANK_NONE);

    (void)state;
    lock_take(&low);
    lock_take(&high);
    lock_take(&a);
    lock_take(&b);
    lock_drop(&low); /* dropped in any order */
    lock_drop(&a);
    lock_drop(&high);
    lock_drop(&b);
    lock_take(&low);
    lock_drop(&low);
}

#ifdef MH_DEBUG

static void wrong_order(void)
{
    struct lock low = LOCK_INIT(RANK_DEVICE), high = LOCK_INIT(RANK_SHARD);

    lock_take(&high);
    lock_take(&low);
}

static void same_rank(void)
{
    struct lock a = LOCK_INIT(RANK_SHARD), b = LOCK_INIT(RANK_SHARD);

    lock_take(&a);
    lock_take(&b);
}

static void twice(void)
{
    struct lock a = LOCK_INIT(RANK_NONE);

    lock_take(&a);
    lock_take(&a);
}

static void not_held(void)
{
    struct lock a = LOCK_INIT(RANK_SHARD);

    lock_drop(&a);
}

static void tried_in_wrong_order(void)
{
    struct lock low = LOCK_INIT(RANK_DEVICE), high = LOCK_INIT(RANK_SHARD);

    lock_take(&high);
    (void)!lock_try(&low);
}

/* Whether fn ends by abort, in a child with stderr closed. */
static bool aborts(void (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_witness(void **state)
{
    (void)state;
    assert_true(aborts(wrong_order));
    assert_true(aborts(same_rank));
    assert_true(aborts(twice));
    assert_true(aborts(not_held));
    assert_true(aborts(tried_in_wrong_order));
}

static void test_holder(void **state)
{
    struct lock a = LOCK_INIT(RANK_SHARD);

    (void)state;
    lock_take(&a);
    assert_int_equal(a.holder, (uint16_t)getpid()); /* the main thread's id */
    lock_drop(&a);
    assert_int_equal(a.holder, 0);
}

#else

static void test_witness(void **state)
{
    (void)state;
    skip(); /* built without MH_DEBUG */
}

static void test_holder(void **state)
{
    (void)state;
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exclusion), cmocka_unit_test(test_sleepers),
        cmocka_unit_test(test_try),       cmocka_unit_test(test_right_order),
        cmocka_unit_test(test_witness),   cmocka_unit_test(test_holder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
