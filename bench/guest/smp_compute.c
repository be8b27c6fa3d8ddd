/* SPDX-License-Identifier: Apache-2.0 */
/* Work that shares nothing: how much faster more harts are where nothing of the guest is in the
 * way. */
#include "smp.h"

#define PIECES 256
#define STEPS  4096 /* of a piece */

struct state {
    unsigned harts;
};

void *compute_setup(struct arena *a, unsigned harts)
{
    struct state *s = ARENA_NEW(a, struct state, 1);

    s->harts = harts;
    return s;
}

static uint64_t piece(uint64_t i)
{
    uint64_t x = i + 1;

    for (unsigned k = 0; k < STEPS; k++)
        random_next(&x);
    return x;
}

uint64_t compute_run(void *state, unsigned hart)
{
    const struct state *s = state;
    uint64_t end = part_begin(PIECES, s->harts, hart + 1), sum = 0;

    for (uint64_t i = part_begin(PIECES, s->harts, hart); i < end; i++)
        sum += piece(i);
    return sum;
}
