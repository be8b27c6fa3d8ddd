/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One word that all harts add to, as fast as they can: by an atomic addition, and by LR/SC (by
 * compare-and-swap on the host).  Each addition returns another number; all of them together are
 * the range that the iteration counts through, or the checksum differs.
 */
#include "smp.h"

#define AMO_TOTAL  131072u
#define LRSC_TOTAL 65536u

/* Iterations go on counting: each through another total numbers, a power of two. */
struct state {
    unsigned harts;
    uint64_t word OWN_LINE;
};

static void *counter_setup(struct arena *a, unsigned harts)
{
    struct state *s = ARENA_NEW(a, struct state, 1);

    s->harts = harts;
    s->word = 0;
    return s;
}

void *amo_setup(struct arena *a, unsigned harts)
{
    return counter_setup(a, harts);
}

void *lrsc_setup(struct arena *a, unsigned harts)
{
    return counter_setup(a, harts);
}

uint64_t amo_run(void *state, unsigned hart)
{
    struct state *s = state;
    uint64_t n = part_size(AMO_TOTAL, s->harts, hart), sum = 0;

    for (uint64_t i = 0; i < n; i++)
        sum += piece_sum(__atomic_fetch_add(&s->word, 1, __ATOMIC_RELAXED) % AMO_TOTAL);
    return sum;
}

#ifdef BENCH_HOST
static inline uint64_t add_by_retry(uint64_t *word)
{
    uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

    while (
        !__atomic_compare_exchange_n(word, &old, old + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    return old;
}
#else
/* A loop of the form that the Zalrsc chapter says must succeed in the end. */
static inline uint64_t add_by_retry(uint64_t *word)
{
    uint64_t old, failed;

    __asm__ volatile("1: lr.d %0, (%2)\n"
                     "   addi %1, %0, 1\n"
                     "   sc.d %1, %1, (%2)\n"
                     "   bnez %1, 1b"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(word)
                     : "memory");
    return old;
}
#endif

uint64_t lrsc_run(void *state, unsigned hart)
{
    struct state *s = state;
    uint64_t n = part_size(LRSC_TOTAL, s->harts, hart), sum = 0;

    for (uint64_t i = 0; i < n; i++)
        sum += piece_sum(add_by_retry(&s->word) % LRSC_TOTAL);
    return sum;
}
