/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix multiplication, row by column: doubles, floats, and doubles that are denormal throughout.
 */
#include "workload.h"

enum { N = 96, N_DENORMAL = 32 };

struct matrices_f64 {
    double a[N * N], b[N * N], c[N * N];
};

struct matrices_f32 {
    float a[N * N], b[N * N], c[N * N];
};

#define MULTIPLY(name, type)                                                                       \
    static NOINLINE void name(type *c, const type *a, const type *b, unsigned n)                   \
    {                                                                                              \
        for (unsigned i = 0; i < n; i++)                                                           \
            for (unsigned j = 0; j < n; j++) {                                                     \
                type sum = 0;                                                                      \
                for (unsigned k = 0; k < n; k++)                                                   \
                    sum += a[i * n + k] * b[k * n + j];                                            \
                c[i * n + j] = sum;                                                                \
            }                                                                                      \
    }
MULTIPLY(multiply_f64, double)
MULTIPLY(multiply_f32, float)

/* a[i][k] = i + k and b[k][j] = k - j + N, so c[i][j] is a sum of integers; in closed form
 * s2 + (i + d) s1 + i d N with d = N - j and s1, s2 the sums of k and k^2 below N.  All exact, also
 * in floats: below 2^24. */
static int64_t product_at(int64_t i, int64_t j)
{
    const int64_t n = N, s1 = n * (n - 1) / 2, s2 = (n - 1) * n * (2 * n - 1) / 6;
    return s2 + (i + n - j) * s1 + i * (n - j) * n;
}

void *matmul_f64_setup(struct arena *a)
{
    struct matrices_f64 *m = ARENA_NEW(a, struct matrices_f64, 1);
    uint64_t seed = 3;
    bool right = true;

    for (int i = 0; i < N * N; i++) {
        m->a[i] = i / N + i % N;
        m->b[i] = i / N - i % N + N;
    }
    multiply_f64(m->c, m->a, m->b, N);
    for (int i = 0; i < N * N; i++)
        right = right && m->c[i] == (double)product_at(i / N, i % N);
    workload_require(right, "product of two matrices of integers");
    for (unsigned i = 0; i < N * N; i++) {
        m->a[i] = random_unit(&seed) - 0.5;
        m->b[i] = random_unit(&seed) - 0.5;
    }
    return m;
}

static uint64_t sum_f64(const double *c, unsigned count)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum = checksum_add(sum, bits_of_double(c[i]));
    return sum;
}

uint64_t matmul_f64_run(void *state)
{
    struct matrices_f64 *m = state;
    multiply_f64(m->c, m->a, m->b, N);
    return sum_f64(m->c, N * N);
}

void *matmul_f32_setup(struct arena *a)
{
    struct matrices_f32 *m = ARENA_NEW(a, struct matrices_f32, 1);
    uint64_t seed = 4;
    bool right = true;

    for (int i = 0; i < N * N; i++) {
        m->a[i] = (float)(i / N + i % N);
        m->b[i] = (float)(i / N - i % N + N);
    }
    multiply_f32(m->c, m->a, m->b, N);
    for (int i = 0; i < N * N; i++)
        right = right && m->c[i] == (float)product_at(i / N, i % N);
    workload_require(right, "product of two matrices of integers");
    for (unsigned i = 0; i < N * N; i++) {
        m->a[i] = (float)random_unit(&seed) - 0.5f;
        m->b[i] = (float)random_unit(&seed) - 0.5f;
    }
    return m;
}

uint64_t matmul_f32_run(void *state)
{
    struct matrices_f32 *m = state;
    uint64_t sum = 0;

    multiply_f32(m->c, m->a, m->b, N);
    for (unsigned i = 0; i < N * N; i++)
        sum = checksum_add(sum, bits_of_float(m->c[i]));
    return sum;
}

/* Factors from 2^-530 to 2^-529: products from 2^-1060 and sums below 2^-1053, where doubles are
 * denormal below 2^-1022. */
void *matmul_denormal_setup(struct arena *a)
{
    struct matrices_f64 *m = ARENA_NEW(a, struct matrices_f64, 1);
    uint64_t seed = 6;
    bool denormal = true;

    for (unsigned i = 0; i < N_DENORMAL * N_DENORMAL; i++) {
        m->a[i] = (1 + random_unit(&seed)) * 0x1p-530;
        m->b[i] = (1 + random_unit(&seed)) * 0x1p-530;
    }
    matmul_denormal_run(m);
    for (unsigned i = 0; i < N_DENORMAL * N_DENORMAL; i++)
        denormal = denormal && m->c[i] >= N_DENORMAL * 0x1p-1060 && m->c[i] < 0x1p-1053;
    workload_require(denormal, "size of the denormal sums");
    return m;
}

uint64_t matmul_denormal_run(void *state)
{
    struct matrices_f64 *m = state;
    multiply_f64(m->c, m->a, m->b, N_DENORMAL);
    return sum_f64(m->c, N_DENORMAL * N_DENORMAL);
}
