/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slow half of struct lock, and in debug builds the witness: each thread
 * keeps the list of locks it holds and stops the program when it is about to
 * take one out of order.  The order is checked before the wait, so a wrong
 * order is found the first time it is tried, not when it happens to deadlock.
 *
 * The word follows Drepper's third mutex ("Futexes Are Tricky", 2011): 0 free,
 * 1 held, 2 held and perhaps waited for.  Who had to wait takes the lock with
 * 2, because others may sleep as well; that costs at most one idle wake.
 */
#include "sim/base/lock.h"

#include "sim/base/clock.h"
#include "sim/base/futex.h"
#include "sim/base/log.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Looks at the word this often before sleeping: about a microsecond, more than most sections take.
 */
#define SPIN_LIMIT 100

void lock_init(struct lock *l, enum lock_rank rank)
{
    *l = (struct lock)LOCK_INIT(rank);
}

static bool lock_spin(struct lock *l)
{
    for (int i = 0; i < SPIN_LIMIT; i++) {
        uint32_t expected = 0;
        if (load_relaxed(&l->word) == 0 &&
            __atomic_compare_exchange_n(&l->word, &expected, 1, 0, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return true;
        cpu_relax();
    }
    return false;
}

#ifdef MH_DEBUG
static uint64_t wait_deadline_ns(void)
{
    return clock_now_ns() + WAIT_BOUND_NS;
}

static void wait_too_long(const struct lock *l)
{
    BUG("waited %llu s for lock %p of rank %u, held by thread %u (low 16 bits of its id)",
        WAIT_BOUND_NS / NS_PER_SEC, (const void *)l, l->rank, load_relaxed(&l->holder));
}
#else
static uint64_t wait_deadline_ns(void)
{
    return FUTEX_NO_DEADLINE;
}

static void wait_too_long(const struct lock *l)
{
    (void)l;
}
#endif

void lock_take_slow(struct lock *l)
{
    if (lock_spin(l))
        return;
    uint64_t deadline_ns = wait_deadline_ns();
    while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE) != 0)
        if (futex_wait(&l->word, 2, deadline_ns) == -ETIMEDOUT)
            wait_too_long(l);
}

void lock_drop_slow(struct lock *l)
{
    futex_wake(&l->word, 1);
}

#ifdef MH_DEBUG

#define HELD_MAX 16

static _Thread_local struct {
    const struct lock *lock[HELD_MAX];
    unsigned count;
} held;

static void witness_complain(const struct lock *l, const char *what)
{
    for (unsigned i = 0; i < held.count; i++)
        log_write(LOG_BASE, LOG_ERROR, "holds lock %p of rank %u", (const void *)held.lock[i],
                  held.lock[i]->rank);
    BUG("%s lock %p of rank %u", what, (const void *)l, l->rank);
}

void lock_witness_take(struct lock *l)
{
    for (unsigned i = 0; i < held.count; i++) {
        if (held.lock[i] == l)
            witness_complain(l, "takes again");
        if (l->rank != RANK_NONE && held.lock[i]->rank >= l->rank)
            witness_complain(l, "takes out of order");
    }
    if (held.count == HELD_MAX)
        witness_complain(l, "holds too many to take");
    held.lock[held.count++] = l;
}

void lock_witness_held(struct lock *l)
{
    static _Thread_local uint16_t id;

    if (!id)
        id = (uint16_t)syscall(SYS_gettid);
    store_relaxed(&l->holder, id);
}

void lock_witness_drop(struct lock *l)
{
    unsigned i = held.count;

    while (i > 0 && held.lock[i - 1] != l)
        i--;
    if (i == 0)
        witness_complain(l, "drops, but does not hold,");
    held.lock[i - 1] = held.lock[--held.count];
    store_relaxed(&l->holder, 0);
}

#endif
