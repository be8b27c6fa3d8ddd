/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The triad of McCalpin's STREAM on three arrays of 4 MiB: a third of a page is in the checksum's
 * samples, spoiled first.
 */
#include "workload.h"

enum { N = 512 * 1024, SAMPLE_STRIDE = 171 };

struct triad {
    double a[N], b[N], c[N], scale;
};

static NOINLINE void triad(double *restrict a, const double *restrict b, const double *restrict c,
                           double scale)
{
    for (size_t i = 0; i < N; i++)
        a[i] = b[i] + scale * c[i];
}

void *triad_setup(struct arena *a)
{
    struct triad *t = ARENA_NEW(a, struct triad, 1);

    t->scale = 3;
    for (unsigned i = 0; i < N; i++) {
        t->b[i] = i;
        t->c[i] = N - i;
    }
    triad_run(t);
    for (unsigned i = 0; i < N; i++)
        workload_require(t->a[i] == 3.0 * N - 2.0 * i, "the sums");
    return t;
}

uint64_t triad_run(void *state)
{
    struct triad *t = state;
    uint64_t sum = 0;

    for (size_t i = 0; i < N; i += SAMPLE_STRIDE)
        t->a[i] = -1;
    triad(t->a, t->b, t->c, t->scale);
    for (size_t i = 0; i < N; i += SAMPLE_STRIDE)
        sum = checksum_add(sum, bits_of_double(t->a[i]));
    return sum;
}
