/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A four-byte futex lock with a rank, for everything that more than one
 * thread takes.  Ranks must rise: a thread that holds rank r may take only
 * ranks above r (checked when MH_DEBUG is set, with the holder's list printed;
 * a wait of more than 10 s stops the program there too).  It spins shortly
 * before it sleeps, because most sections are tens of nanoseconds, and it
 * sleeps rather than spins on because harts may outnumber processors.
 */
#ifndef SIM_BASE_LOCK_H
#define SIM_BASE_LOCK_H

#include "sim/base/atomic.h"
#include "sim/base/bits.h"

enum lock_rank {
    RANK_NONE,        /* several may be held, in no order: only leaf statistics */
    RANK_MACHINE,     /* life cycle of a machine */
    RANK_WORLD,       /* stop-the-world */
    RANK_DEVICE,      /* one device's registers; devices never call each other under it */
    RANK_BACKEND,     /* host side of a device */
    RANK_IRQCHIP,     /* PLIC, CLINT: taken by a device that raises a line */
    RANK_LOOP,        /* event loop's lists */
    RANK_CODE,        /* code caches */
    RANK_CODE_PAGE,   /* a decoded page */
    RANK_TRANSLATION, /* chunks of translated code */
    RANK_MMIO_MAP,    /* writers of the MMIO map */
    RANK_SHARD,       /* one memory shard */
    RANK_MAILBOX,     /* a hart's mailbox */
    RANK_LEAF,        /* nothing is taken under it */
};

struct lock {
    uint32_t word;   /* 0 free, 1 held, 2 held and somebody sleeps; atomic */
    uint16_t rank;   /* constant */
    uint16_t holder; /* debug builds: low 16 bits of the holder's thread id, else 0; atomic */
};

#define LOCK_INIT(r)                                                                               \
    {                                                                                              \
        .rank = (r)                                                                                \
    }

/* In debug builds nothing waits longer than this for another thread, ns. */
#define WAIT_BOUND_NS (10 * 1000000000ull)

void lock_init(struct lock *l, enum lock_rank rank);
void lock_take_slow(struct lock *l);
void lock_drop_slow(struct lock *l);

/*
 * The witness: before a lock is waited for, when it is held, before it is
 * given up.  Called by the functions below only.
 */
#ifdef MH_DEBUG
void lock_witness_take(struct lock *l);
void lock_witness_held(struct lock *l);
void lock_witness_drop(struct lock *l);
#else
static inline void lock_witness_take(struct lock *l)
{
    (void)l;
}
static inline void lock_witness_held(struct lock *l)
{
    (void)l;
}
static inline void lock_witness_drop(struct lock *l)
{
    (void)l;
}
#endif

static inline bool lock_try(struct lock *l)
{
    uint32_t expected = 0;
    if (!__atomic_compare_exchange_n(&l->word, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    lock_witness_take(l);
    lock_witness_held(l);
    return true;
}

static inline void lock_take(struct lock *l)
{
    uint32_t expected = 0;
    lock_witness_take(l);
    if (unlikely(!__atomic_compare_exchange_n(&l->word, &expected, 1, 0, __ATOMIC_ACQUIRE,
                                              __ATOMIC_RELAXED)))
        lock_take_slow(l);
    lock_witness_held(l);
}

static inline void lock_drop(struct lock *l)
{
    lock_witness_drop(l);
    if (unlikely(__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) == 2))
        lock_drop_slow(l);
}

#endif
