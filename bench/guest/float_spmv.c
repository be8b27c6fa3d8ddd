/* SPDX-License-Identifier: Apache-2.0 */
/* A sparse matrix, stored by rows, times a vector: loads at random places of 32 KiB. */
#include "workload.h"

enum { N = 4096, PER_ROW = 16, ROUNDS = 8 };

struct sparse {
    uint32_t begin[N + 1]; /* of each row in the next two */
    uint32_t column[N * PER_ROW];
    double value[N * PER_ROW];
    double x[N], y[N];
};

static NOINLINE void multiply(const struct sparse *m, double *y, const double *x)
{
    for (unsigned i = 0; i < N; i++) {
        double sum = 0;
        for (uint32_t k = m->begin[i]; k < m->begin[i + 1]; k++)
            sum += m->value[k] * x[m->column[k]];
        y[i] = sum;
    }
}

static void vector_begin(struct sparse *m)
{
    for (unsigned i = 0; i < N; i++)
        m->x[i] = (double)i / N;
}

/* With 1/16 everywhere each result is the mean of 16 of the i/N: exact, so the order is all the
 * same. */
static bool means_are_right(struct sparse *m)
{
    bool right = true;

    multiply(m, m->y, m->x);
    for (unsigned i = 0; i < N; i++) {
        uint64_t sum = 0;
        for (unsigned k = 0; k < PER_ROW; k++)
            sum += m->column[i * PER_ROW + k];
        right = right && m->y[i] * (PER_ROW * N) == (double)sum;
    }
    return right;
}

void *spmv_setup(struct arena *a)
{
    struct sparse *m = ARENA_NEW(a, struct sparse, 1);
    uint64_t seed = 11;

    for (unsigned i = 0; i < N * PER_ROW; i++) {
        m->column[i] = (uint32_t)random_below(&seed, N);
        m->value[i] = 1.0 / PER_ROW;
    }
    for (unsigned i = 0; i <= N; i++)
        m->begin[i] = i * PER_ROW;
    vector_begin(m);
    workload_require(means_are_right(m), "rows that are means");
    for (unsigned i = 0; i < N * PER_ROW; i++)
        m->value[i] = random_unit(&seed) * 2 / PER_ROW;
    return m;
}

uint64_t spmv_run(void *state)
{
    struct sparse *m = state;
    uint64_t sum = 0;

    vector_begin(m);
    for (unsigned r = 0; r < ROUNDS / 2; r++) {
        multiply(m, m->y, m->x);
        multiply(m, m->x, m->y);
    }
    for (unsigned i = 0; i < N; i++)
        sum = checksum_add(sum, bits_of_double(m->x[i]));
    return sum;
}
