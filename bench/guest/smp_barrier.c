/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A barrier after every small step: a ring of cells, each made from its two neighbours of the step
 * before.  A hart that goes on too early reads a cell that is too old, and the sum differs.
 */
#include "smp.h"

#define CELLS 16 /* with more harts some only wait */
#define STEPS 4096

struct state {
    unsigned harts;
    uint64_t cell[2][CELLS];
    struct barrier barrier;
};

void *barrier_setup(struct arena *a, unsigned harts)
{
    struct state *s = ARENA_NEW(a, struct state, 1);

    s->harts = harts;
    s->barrier = (struct barrier){0};
    return s;
}

static void step(struct state *s, unsigned from, unsigned to, unsigned which)
{
    const uint64_t *old = s->cell[which];

    for (unsigned i = from; i < to; i++)
        s->cell[!which][i] = checksum_add(old[(i + 1) % CELLS], old[(i + CELLS - 1) % CELLS]);
}

uint64_t barrier_run(void *state, unsigned hart)
{
    struct state *s = state;
    unsigned from = (unsigned)part_begin(CELLS, s->harts, hart);
    unsigned to = (unsigned)part_begin(CELLS, s->harts, hart + 1);
    uint64_t sum = 0;

    for (unsigned i = from; i < to; i++)
        s->cell[0][i] = i + 1;
    for (unsigned k = 0; k < STEPS; k++) {
        barrier_await(&s->barrier, s->harts);
        step(s, from, to, k % 2);
    }
    for (unsigned i = from; i < to; i++)
        sum += s->cell[STEPS % 2][i];
    return sum;
}
