/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that one hart each adds to, side by side in one line or in a line each: what the host's
 * caches do with what no two harts share, and what a simulator adds to it.
 */
#include "smp.h"

#define TOTAL 524288u

struct state {
    unsigned harts, stride;
    uint64_t word[WORKLOAD_HARTS_MAX * 8] OWN_LINE; /* hart's: atomic, so that each addition is one
                                                       load and one store */
};

static void *words_setup(struct arena *a, unsigned harts, unsigned stride)
{
    struct state *s = ARENA_NEW(a, struct state, 1);

    *s = (struct state){.harts = harts, .stride = stride};
    return s;
}

void *false_sharing_setup(struct arena *a, unsigned harts)
{
    return words_setup(a, harts, 1);
}

void *own_lines_setup(struct arena *a, unsigned harts)
{
    return words_setup(a, harts, 8);
}

static uint64_t words_run(struct state *s, unsigned hart)
{
    uint64_t *word = &s->word[hart * s->stride];
    uint64_t n = part_size(TOTAL, s->harts, hart), before = *word;

    for (uint64_t i = 0; i < n; i++)
        __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
    return *word - before;
}

uint64_t false_sharing_run(void *state, unsigned hart)
{
    return words_run(state, hart);
}

uint64_t own_lines_run(void *state, unsigned hart)
{
    return words_run(state, hart);
}
