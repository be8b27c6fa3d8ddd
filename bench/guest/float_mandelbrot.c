/* SPDX-License-Identifier: Apache-2.0 */
/* The Mandelbrot set: short dependent chains, a branch on each step's comparison. */
#include "workload.h"

enum { SIDE = 128, LIMIT = 100 };

/* The square of side 2.5 that has its corner here. */
struct view {
    double x, y, step;
};

static NOINLINE unsigned steps_at(double cx, double cy)
{
    double x = 0, y = 0, xx = 0, yy = 0;
    unsigned n = 0;

    while (n < LIMIT && xx + yy <= 4) {
        y = 2 * x * y + cy;
        x = xx - yy + cx;
        xx = x * x;
        yy = y * y;
        n++;
    }
    return n;
}

/* Middles of the cells of the grid. */
static unsigned steps_of(const struct view *v, unsigned i, unsigned j)
{
    return steps_at(v->x + (j + 0.5) * v->step, v->y + (i + 0.5) * v->step);
}

/* The area of the set is 1.5066; few steps make it look a little larger. */
void *mandelbrot_setup(struct arena *a)
{
    struct view *v = ARENA_NEW(a, struct view, 1);
    unsigned inside = 0;

    v->x = -2;
    v->y = -1.25;
    v->step = 2.5 / SIDE;
    for (unsigned i = 0; i < SIDE; i++)
        for (unsigned j = 0; j < SIDE; j++)
            inside += steps_of(v, i, j) == LIMIT;
    double area = inside * v->step * v->step;
    workload_require(area > 1.5 && area < 1.6, "area of the set");
    return v;
}

uint64_t mandelbrot_run(void *state)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < SIDE; i++)
        for (unsigned j = 0; j < SIDE; j++)
            sum = checksum_add(sum, steps_of(state, i, j));
    return sum;
}
