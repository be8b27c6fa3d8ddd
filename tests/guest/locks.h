/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks and a stack for guest programs that test them (not for the programs' own
 * use: guest_lock() is that).  Each is one of the classic shapes: what matters is
 * which atomic instructions it is made of.  A lock is state in shared memory and
 * functions on it; any hart, no traps inside.
 */
#ifndef LOCKS_H
#define LOCKS_H

#include "guest.h"

/* ---- ticket lock: AMO and plain accesses, fair ---- */

struct ticket_lock {
    uint32_t next, serving;
} __attribute__((aligned(64)));

static inline void ticket_lock(struct ticket_lock *l)
{
    uint32_t mine = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != mine)
        guest_pause();
}

/* Only the holder writes serving. */
static inline void ticket_unlock(struct ticket_lock *l)
{
    __atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}

/* ---- MCS lock: AMO and LR/SC, fair ---- */

struct mcs_node {
    struct mcs_node *next;
    uint32_t locked;
} __attribute__((aligned(64)));

static inline void mcs_lock(struct mcs_node **tail, struct mcs_node *m)
{
    m->next = NULL;
    m->locked = 1;
    struct mcs_node *before = __atomic_exchange_n(tail, m, __ATOMIC_ACQ_REL);
    if (!before)
        return;
    __atomic_store_n(&before->next, m, __ATOMIC_RELEASE);
    while (__atomic_load_n(&m->locked, __ATOMIC_ACQUIRE))
        guest_pause();
}

static inline void mcs_unlock(struct mcs_node **tail, struct mcs_node *m)
{
    struct mcs_node *self = m;
    if (!__atomic_load_n(&m->next, __ATOMIC_ACQUIRE)) {
        if (__atomic_compare_exchange_n(tail, &self, NULL, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            return;
        while (!__atomic_load_n(&m->next, __ATOMIC_ACQUIRE))
            guest_pause();
    }
    __atomic_store_n(&m->next->locked, 0, __ATOMIC_RELEASE);
}

/* ---- a lock by LR/SC alone, as the manual shows it; not fair ---- */

static inline void word_lock(uint32_t *l)
{
    uint64_t old, failed;
    for (;;) {
        __asm__ volatile("   lr.w.aq %0, (%2)\n"
                         "   li %1, 1\n"
                         "   bnez %0, 2f\n"
                         "   sc.w %1, %3, (%2)\n"
                         "2:"
                         : "=&r"(old), "=&r"(failed)
                         : "r"(l), "r"(1UL)
                         : "memory");
        if (!failed)
            return;
        guest_pause();
    }
}

static inline void word_unlock(uint32_t *l)
{
    __asm__ volatile("amoswap.w.rl zero, zero, (%0)" : : "r"(l) : "memory");
}

/* ---- a stack whose pop is safe only because SC sees an ABA ---- */

struct stack_node {
    struct stack_node *next;
    uint64_t owner; /* 0 on the stack; else 1 + hart that has it */
};

/* The load of next lies between LR and SC: ABA would put a stale one on top. */
static inline struct stack_node *stack_pop(struct stack_node **top)
{
    struct stack_node *x, *next;
    uint64_t failed;
    __asm__ volatile("1: lr.d.aq %0, (%3)\n"
                     "   beqz %0, 2f\n"
                     "   ld %1, 0(%0)\n"
                     "   sc.d.rl %2, %1, (%3)\n"
                     "   bnez %2, 1b\n"
                     "2:"
                     : "=&r"(x), "=&r"(next), "=&r"(failed)
                     : "r"(top)
                     : "memory");
    return x;
}

static inline void stack_push(struct stack_node **top, struct stack_node *x)
{
    struct stack_node *old;
    uint64_t failed;
    __asm__ volatile("1: lr.d.aq %0, (%2)\n"
                     "   sd %0, 0(%3)\n"
                     "   fence w, w\n"
                     "   sc.d.rl %1, %3, (%2)\n"
                     "   bnez %1, 1b\n"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(top), "r"(x)
                     : "memory");
}

/* Takes two nodes, checks that nobody else has them, puts them back. */
static inline void stack_use(struct stack_node **top, unsigned hart)
{
    struct stack_node *held[2] = {stack_pop(top), stack_pop(top)};
    for (unsigned k = 0; k < 2; k++)
        if (held[k])
            CHECK_EQ(__atomic_exchange_n(&held[k]->owner, hart + 1, __ATOMIC_RELAXED), 0);
    for (unsigned k = 0; k < 2; k++)
        if (held[k]) {
            CHECK_EQ(__atomic_exchange_n(&held[k]->owner, 0, __ATOMIC_RELAXED), hart + 1);
            stack_push(top, held[k]);
        }
}

/* Empties the stack; how many nodes it had, each once. */
static inline unsigned stack_drain(struct stack_node **top)
{
    unsigned count = 0;
    for (struct stack_node *x; (x = stack_pop(top)); count++)
        CHECK(x->owner++ == 0);
    return count;
}

#endif
