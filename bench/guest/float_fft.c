/* SPDX-License-Identifier: Apache-2.0 */
/* Complex fast Fourier transform, radix 2, in place: strides that double, bit-reversed order. */
#include "workload.h"

enum { LOG = 12, N = 1 << LOG, ROUNDS = 8 };

struct complex {
    double re, im;
};

struct fft {
    struct complex root[N / 2], input[N], data[N];
};

static struct complex times(struct complex a, struct complex b)
{
    return (struct complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* root[i] = exp(-2 pi i sqrt(-1) / N): halved angles for the powers of two, products for the rest.
 */
static void roots_make(struct complex *root)
{
    struct complex quarter = {0, -1};

    root[0] = (struct complex){1, 0};
    for (unsigned k = N / 4; k; k /= 2) {
        root[k] = quarter;
        double re = __builtin_sqrt((1 + quarter.re) / 2);
        quarter = (struct complex){re, quarter.im / (2 * re)};
    }
    for (unsigned k = 1; k < N / 2; k *= 2)
        for (unsigned i = 1; i < k; i++)
            root[k + i] = times(root[k], root[i]);
}

static void reorder(struct complex *data)
{
    for (unsigned i = 0, j = 0; i < N; i++) {
        if (i < j) {
            struct complex t = data[i];
            data[i] = data[j];
            data[j] = t;
        }
        unsigned bit = N / 2;
        for (; j & bit; bit /= 2)
            j ^= bit;
        j |= bit;
    }
}

/* Forward, or with SIGN -1 back, then N times too large. */
static NOINLINE void transform(struct complex *data, const struct complex *root, double sign)
{
    reorder(data);
    for (unsigned half = 1; half < N; half *= 2)
        for (unsigned base = 0; base < N; base += 2 * half)
            for (unsigned i = 0; i < half; i++) {
                struct complex w = root[i * (N / 2 / half)];
                w.im *= sign;
                struct complex a = data[base + i], b = times(w, data[base + half + i]);
                data[base + i] = (struct complex){a.re + b.re, a.im + b.im};
                data[base + half + i] = (struct complex){a.re - b.re, a.im - b.im};
            }
}

static bool near(struct complex a, double re, double im)
{
    double d = (a.re - re) * (a.re - re) + (a.im - im) * (a.im - im);
    return d < 1e-18;
}

/* An impulse at 1 becomes the roots themselves: an eighth of a turn is known, and each follows from
 * the one before. */
static bool impulse_is_right(struct fft *f)
{
    bool right = true;

    for (unsigned i = 0; i < N; i++)
        f->data[i] = (struct complex){i == 1, 0};
    transform(f->data, f->root, 1);
    for (unsigned i = 0; i < N / 2; i++) {
        right = right && near(f->data[i], f->root[i].re, f->root[i].im);
        right = right && near(f->data[N / 2 + i], -f->root[i].re, -f->root[i].im);
    }
    right = right && near(f->root[N / 8], __builtin_sqrt(0.5), -__builtin_sqrt(0.5));
    for (unsigned i = 0; i + 1 < N / 2; i++)
        right = right && near(times(f->root[i], f->root[1]), f->root[i + 1].re, f->root[i + 1].im);
    return right;
}

static bool round_trip_is_right(struct fft *f)
{
    bool right = true;

    for (unsigned i = 0; i < N; i++)
        f->data[i] = f->input[i];
    transform(f->data, f->root, 1);
    transform(f->data, f->root, -1);
    for (unsigned i = 0; i < N; i++)
        right = right && near((struct complex){f->data[i].re / N, f->data[i].im / N},
                              f->input[i].re, f->input[i].im);
    return right;
}

void *fft_setup(struct arena *a)
{
    struct fft *f = ARENA_NEW(a, struct fft, 1);
    uint64_t seed = 8;

    roots_make(f->root);
    workload_require(impulse_is_right(f), "transform of an impulse");
    for (unsigned i = 0; i < N; i++)
        f->input[i] = (struct complex){random_unit(&seed) - 0.5, random_unit(&seed) - 0.5};
    workload_require(round_trip_is_right(f), "transform there and back");
    return f;
}

uint64_t fft_run(void *state)
{
    struct fft *f = state;
    uint64_t sum = 0;

    for (unsigned i = 0; i < N; i++)
        f->data[i] = f->input[i];
    for (unsigned r = 0; r < ROUNDS; r++) {
        transform(f->data, f->root, 1);
        for (unsigned i = 0; i < N; i++)
            f->data[i] = (struct complex){f->data[i].re / N, f->data[i].im / N};
        transform(f->data, f->root, -1);
    }
    for (unsigned i = 0; i < N; i++)
        sum = checksum_add(checksum_add(sum, bits_of_double(f->data[i].re)),
                           bits_of_double(f->data[i].im));
    return sum;
}
