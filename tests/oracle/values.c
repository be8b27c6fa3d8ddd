/* SPDX-License-Identifier: Apache-2.0 */
/* Operands; see values.h. */
#include "tests/oracle/values.h"

#include <stddef.h>
#include <string.h>

static const struct fp_format formats[] = {{'h', 5, 10}, {'s', 8, 23}, {'d', 11, 52}};

const struct fp_format *fp_format_of(char suffix)
{
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (formats[i].suffix == suffix)
            return &formats[i];
    return NULL;
}

/* --- integers --- */

static uint64_t one_bit(struct rng *r)
{
    return 1ull << rng_below(r, 64);
}

/* Bytes of one kind each: what byte-wise operations (orc.b, rev8) look at. */
static uint64_t bytes_mixed(struct rng *r)
{
    static const uint8_t kinds[] = {0, 0, 1, 0x7f, 0x80, 0xff, 0x55, 0x10};
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v = v << 8 | (rng_one_in(r, 4) ? rng_next(r) & 0xff : RNG_PICK(r, kinds));
    return v;
}

uint64_t value_int(struct rng *r)
{
    static const uint64_t corners[] = {
        0,
        1,
        2,
        UINT64_MAX,
        UINT64_MAX - 1,
        INT64_MAX,
        (uint64_t)INT64_MIN,
        (uint64_t)INT64_MIN + 1,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x100000000,
        0xffffffff80000000,
        0xffffffff7fffffff,
        0x8000000080000000,
        0x7fffffff7fffffff,
        0xffffffff00000000,
        0x5555555555555555,
        0xaaaaaaaaaaaaaaaa,
        0x7fff,
        0x8000,
        0xffff,
        0x80,
        0x7f,
        0xff,
        0xfffffffffffffff0,
    };
    switch (rng_below(r, 12)) {
    case 0:
    case 1:
    case 2:
        return RNG_PICK(r, corners);
    case 3:
        return one_bit(r);
    case 4:
        return one_bit(r) - 1;
    case 5:
        return ~one_bit(r);
    case 6:
        return 0 - one_bit(r);
    case 7:
        return rng_below(r, 128);
    case 8:
        return (uint64_t)(int64_t)(int32_t)rng_next(r);
    case 9:
        return bytes_mixed(r);
    case 10:
        return rng_next(r) >> rng_below(r, 64);
    default:
        return rng_next(r);
    }
}

/* --- floating point --- */

static uint64_t fraction_mask(const struct fp_format *f)
{
    return (1ull << f->fraction) - 1;
}

static uint64_t exponent_max(const struct fp_format *f)
{
    return (1ull << f->exponent) - 1;
}

/* A fraction with few ones, few zeros, or anything. */
static uint64_t fraction_any(struct rng *r, const struct fp_format *f)
{
    uint64_t v = rng_next(r);
    switch (rng_below(r, 6)) {
    case 0:
        v = 0;
        break;
    case 1:
        v = one_bit(r);
        break;
    case 2:
        v = 0 - one_bit(r);
        break;
    case 3:
        v = rng_below(r, 4) - 2ull;
        break;
    case 4:
        v &= rng_next(r) & rng_next(r);
        break;
    }
    return v & fraction_mask(f);
}

/* Exponents where integers of some width end, as seen from the bias. */
static int integer_limit(struct rng *r)
{
    static const int limits[] = {-2, -1, 0, 1, 7, 8, 15, 16, 30, 31, 32, 33, 52, 53, 62, 63, 64};
    return RNG_PICK(r, limits);
}

/* The exponent field, never that of infinities. */
static uint64_t exponent_any(struct rng *r, const struct fp_format *f)
{
    int max = (int)exponent_max(f), bias = max / 2, e;
    switch (rng_below(r, 7)) {
    case 0:
        e = (int)rng_below(r, 3);
        break;
    case 1:
        e = max - 1 - (int)rng_below(r, 2);
        break;
    case 2:
        e = bias + integer_limit(r);
        break;
    case 3:
        e = bias + (int)rng_below(r, 7) - 3;
        break;
    case 4: /* products and quotients of two such are near the ends */
        e = bias / 2 + (int)rng_below(r, 5) - 2 + (rng_one_in(r, 2) ? bias : 0);
        break;
    case 5:
        e = (int)rng_below(r, f->fraction + 2u);
        break;
    default:
        e = (int)rng_below(r, (unsigned)max);
    }
    return (uint64_t)(e < 0 ? 0 : e >= max ? max - 1 : e);
}

static uint64_t not_finite(struct rng *r, const struct fp_format *f)
{
    uint64_t quiet = 1ull << (f->fraction - 1), fraction = fraction_any(r, f);
    switch (rng_below(r, 4)) {
    case 0:
        fraction = 0;
        break;
    case 1:
        fraction = quiet;
        break;
    case 2:
        fraction |= quiet;
        break;
    default: /* signalling */
        fraction = (fraction & ~quiet) ? (fraction & ~quiet) : 1;
    }
    return exponent_max(f) << f->fraction | fraction;
}

static uint64_t magnitude(struct rng *r, const struct fp_format *f)
{
    switch (rng_below(r, 8)) {
    case 0:
        return not_finite(r, f);
    case 1: /* zero and the smallest */
        return rng_below(r, 3);
    case 2: /* subnormal */
        return fraction_any(r, f);
    default:
        return exponent_any(r, f) << f->fraction | fraction_any(r, f);
    }
}

static uint64_t sign_bit(const struct fp_format *f)
{
    return 1ull << (f->exponent + f->fraction);
}

static unsigned width_of(const struct fp_format *f)
{
    return 1u + f->exponent + f->fraction;
}

/* As an f register holds it; seldom not boxed as it should be. */
static uint64_t box(struct rng *r, const struct fp_format *f, uint64_t v)
{
    unsigned width = width_of(f);
    uint64_t upper;
    if (width == 64)
        return v;
    upper = UINT64_MAX << width;
    if (rng_one_in(r, 24))
        upper = rng_one_in(r, 2) ? upper & ~one_bit(r) : rng_next(r) << width;
    return upper | (v & ~(UINT64_MAX << width));
}

uint64_t value_fp(struct rng *r, const struct fp_format *f)
{
    uint64_t v = magnitude(r, f);
    if (rng_one_in(r, 64))
        return rng_next(r);
    return box(r, f, v | (rng_one_in(r, 2) ? sign_bit(f) : 0));
}

uint64_t value_fp_near(struct rng *r, const struct fp_format *f, uint64_t v)
{
    v += rng_below(r, 5) - 2ull;
    if (rng_one_in(r, 2))
        v ^= sign_bit(f);
    if (rng_one_in(r, 4)) /* half or double */
        v += 1ull << f->fraction;
    return box(r, f, v);
}

uint64_t value_fp_minus_product(struct rng *r, const struct fp_format *f, uint64_t a, uint64_t b)
{
    uint64_t v = 0;
    if (f->suffix == 'd') {
        double x, y, p;
        memcpy(&x, &a, sizeof(x));
        memcpy(&y, &b, sizeof(y));
        p = -(x * y);
        memcpy(&v, &p, sizeof(v));
    } else if (f->suffix == 's') {
        float x, y, p;
        memcpy(&x, &a, sizeof(x));
        memcpy(&y, &b, sizeof(y));
        p = -(x * y);
        memcpy(&v, &p, sizeof(p));
    } else {
        return value_fp(r, f);
    }
    return value_fp_near(r, f, v);
}
