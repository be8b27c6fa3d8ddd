/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test vectors for the floating-point instructions: what the oracle (a RISC-V
 * program, fp_oracle.c) and the unit test (isa_riscv_fp.c) both compute, so
 * that operands need not be stored.  Vector i of an operation is a function of
 * the operation and i alone.  The first ones are all pairs of corner values;
 * then corners are mixed with random numbers of the shapes that round awkwardly
 * (few bits set, runs of ones, exponents close to each other's, products and
 * their neighbours).
 *
 * The caller's rounding mode must be to nearest even while it makes vectors.
 */
#ifndef FP_VECTORS_H
#define FP_VECTORS_H

#include <stdint.h>

/* SH, DH and IH are singles, doubles and integers that are about to become halves; DW is a double
 * that is about to become an integer modulo 2^32. */
enum vector_kind { KIND_S, KIND_D, KIND_I, KIND_H, KIND_SH, KIND_DH, KIND_IH, KIND_DW };

enum vector_op {
#define V(name, mnemonic, dest, args, kind, operands) VECTOR_##name,
#include "fp_vectors.def"
    VECTOR_OPS
};

struct vector_op_info {
    const char *name;
    enum vector_kind kind;
    int operands;
};

static const struct vector_op_info vector_ops[VECTOR_OPS] = {
#define V(name, mnemonic, dest, args, kind, operands) {#name, KIND_##kind, operands},
#include "fp_vectors.def"
};

enum { VECTOR_MODES = 5, VECTOR_GROUP = 256 };

struct vector {
    uint64_t a, b, c;
};

struct vector_result {
    uint64_t value;
    uint8_t flags;
};

#define VECTOR_BOXED(x)   (0xffffffff00000000u | (x))
#define VECTOR_BOXED_H(x) (0xffffffffffff0000u | (x))

static const uint64_t vector_corners_s[] = {
#define S(x) VECTOR_BOXED(x##u), VECTOR_BOXED(x##u | 0x80000000u)
    S(0x00000000),      S(0x00000001),      S(0x00000002),      S(0x00400000),      S(0x007fffff),
    S(0x00800000),      S(0x00800001),      S(0x00ffffff),      S(0x01000000),      S(0x33800000),
    S(0x33800001),      S(0x3effffff),      S(0x3f000000),      S(0x3f7fffff),      S(0x3f800000),
    S(0x3f800001),      S(0x3fc00000),      S(0x40200000),      S(0x4affffff),      S(0x4b000001),
    S(0x4effffff),      S(0x4f000000),      S(0x4f7fffff),      S(0x4f800000),      S(0x5effffff),
    S(0x5f000000),      S(0x5f7fffff),      S(0x5f800000),      S(0x7e800000),      S(0x7f000000),
    S(0x7f7fffff),      S(0x7f800000),      S(0x7f800001),      S(0x7fbfffff),      S(0x7fc00000),
    S(0x7fffffff),
#undef S
    0x000000003f800000, 0xfffffffe3f800000, 0x7fffffff00000000, 0x3ff0000000000000,
};

static const uint64_t vector_corners_d[] = {
#define D(x) x##u, x##u | 1ull << 63
    D(0x0000000000000000), D(0x0000000000000001), D(0x0000000000000002), D(0x0008000000000000),
    D(0x000fffffffffffff), D(0x0010000000000000), D(0x0010000000000001), D(0x001fffffffffffff),
    D(0x0020000000000000), D(0x3690000000000000), D(0x36a0000000000000), D(0x380fffffe0000000),
    D(0x380fffffffffffff), D(0x3810000000000000), D(0x3ca0000000000000), D(0x3fdfffffffffffff),
    D(0x3fe0000000000000), D(0x3fefffffffffffff), D(0x3ff0000000000000), D(0x3ff0000000000001),
    D(0x3ff8000000000000), D(0x4004000000000000), D(0x41dfffffffc00000), D(0x41dfffffffe00000),
    D(0x41e0000000000000), D(0x41e0000000100000), D(0x41efffffffe00000), D(0x41effffffff00000),
    D(0x41f0000000000000), D(0x432fffffffffffff), D(0x43dfffffffffffff), D(0x43e0000000000000),
    D(0x43efffffffffffff), D(0x43f0000000000000), D(0x47efffffe0000000), D(0x47efffffefffffff),
    D(0x47effffff0000000), D(0x7fe0000000000000), D(0x7fefffffffffffff), D(0x7ff0000000000000),
    D(0x7ff0000000000001), D(0x7ff7ffffffffffff), D(0x7ff8000000000000), D(0x7fffffffffffffff),
#undef D
};

static const uint64_t vector_corners_i[] = {
    0,
    1,
    2,
    3,
    ~0ull,
    ~1ull,
    0x7fffffff,
    0x80000000,
    0x80000001,
    0xffffffff,
    0x100000000,
    0xffffffff80000000,
    0xffffffff7fffffff,
    0x00ffffff,
    0x01000000,
    0x01000001,
    0x01000003,
    0x7fffff40,
    0x7fffffbf,
    0x7fffffc0,
    0xffffff7f,
    0xffffff80,
    0xffffff81,
    0x1fffffffffffff,
    0x20000000000000,
    0x20000000000001,
    0x20000000000003,
    0x7fffffffffffffff,
    0x8000000000000000,
    0x8000000000000001,
    0x7ffffffffffffdff,
    0x7ffffffffffffe00,
    0xfffffffffffffbff,
    0xfffffffffffffc00,
    0xffffff7fffffffff,
    0xffffff8000000000,
    0x7fffffbfffffffff,
    0x7fffffc000000000,
    0x8000000000000400,
    0x8000008000000000,
    0x8000008000000001,
};

static const uint64_t vector_corners_h[] = {
#define H(x) VECTOR_BOXED_H(x##u), VECTOR_BOXED_H(x##u | 0x8000u)
    H(0x0000),          H(0x0001),          H(0x0002),          H(0x0200),
    H(0x03ff),          H(0x0400),          H(0x0401),          H(0x07ff),
    H(0x0800),          H(0x1400),          H(0x1401),          H(0x37ff),
    H(0x3800),          H(0x3801),          H(0x3bff),          H(0x3c00),
    H(0x3c01),          H(0x3e00),          H(0x4100),          H(0x63ff),
    H(0x6400),          H(0x67ff),          H(0x6800),          H(0x77ff),
    H(0x7800),          H(0x7bfe),          H(0x7bff),          H(0x7c00),
    H(0x7c01),          H(0x7dff),          H(0x7e00),          H(0x7fff),
#undef H
    0xffffffff00003c00, 0x0000000000003c00, 0xfffffffffffe3c00, 0x7fffffffffff3c00,
    0xffffffff3f800000,
};

/* clang-format off */

/* The ends of the halves, normal and subnormal, and places between two halves, as singles. */
#define VECTOR_NEAR_HALF(m)                                                              \
    m(0x00000000) m(0x32ffffff) m(0x33000000) m(0x33000001) m(0x33800000) m(0x33bfffff)  \
    m(0x33c00000) m(0x33c00001) m(0x37fff000) m(0x387fbfff) m(0x387fc000) m(0x387fc001)  \
    m(0x387fdfff) m(0x387fe000) m(0x387fe001) m(0x387fefff) m(0x387ff000) m(0x387ff001)  \
    m(0x387fffff) m(0x38800000) m(0x38800001) m(0x38801000) m(0x38803000) m(0x3f7fffff)  \
    m(0x3f800000) m(0x3f800fff) m(0x3f801000) m(0x3f801001) m(0x3f801fff) m(0x3f802000)  \
    m(0x3f803000) m(0x3ffff000) m(0x477fdfff) m(0x477fe000) m(0x477fe001) m(0x477fefff)  \
    m(0x477ff000) m(0x477ff001) m(0x47800000) m(0x7f7fffff)

static const uint64_t vector_corners_sh[] = {
#define S(x) VECTOR_BOXED(x##u), VECTOR_BOXED(x##u | 0x80000000u),
    VECTOR_NEAR_HALF(S)
    S(0x00000001) S(0x007fffff) S(0x00800000)
    S(0x7f800000) S(0x7f800001) S(0x7fbfffff) S(0x7fc00000) S(0x7fffffff)
#undef S
    0x000000003f800000, 0xfffffffe3f800000, 0x7fffffff00000000, 0x3ff0000000000000,
};

static const uint64_t vector_corners_dh[] = {
#define D(x)         (x), (x) | 1ull << 63,
#define WIDENED(x)   (((uint64_t)x##u << 29) + (896ull << 52))
#define D_FROM_S(x)  D(WIDENED(x)) D(WIDENED(x) - 1) D(WIDENED(x) + 1)
    VECTOR_NEAR_HALF(D_FROM_S)
    D(0x0000000000000000u) D(0x0000000000000001u) D(0x000fffffffffffffu) D(0x0010000000000000u)
    D(0x3690000000000000u) D(0x36a0000000000000u) D(0x7fefffffffffffffu) D(0x7ff0000000000000u)
    D(0x7ff0000000000001u) D(0x7ff7ffffffffffffu) D(0x7ff8000000000000u) D(0x7fffffffffffffffu)
#undef D
#undef WIDENED
#undef D_FROM_S
};

static const uint64_t vector_corners_ih[] = {
#define I(x) x##u, -(uint64_t)x##u
    I(0), I(1), I(2), I(2047), I(2048), I(2049), I(2050), I(2051), I(4097), I(4098), I(4099),
    I(32767), I(32768), I(65471), I(65472), I(65488), I(65503), I(65504), I(65505), I(65519),
    I(65520), I(65521), I(65535), I(65536), I(1048575), I(1048576), I(1048577), I(0x7fffffff),
    I(0x80000000), I(0x80000001), I(0xffffffff), I(0x100000000), I(0x10000ffe0),
    I(0x7fffffffffffffff), I(0x8000000000000000),
#undef I
};

/* clang-format on */

static const struct {
    const uint64_t *values;
    uint64_t count;
} vector_corners[] = {
    {vector_corners_s, sizeof(vector_corners_s) / 8},
    {vector_corners_d, sizeof(vector_corners_d) / 8},
    {vector_corners_i, sizeof(vector_corners_i) / 8},
    {vector_corners_h, sizeof(vector_corners_h) / 8},
    {vector_corners_sh, sizeof(vector_corners_sh) / 8},
    {vector_corners_dh, sizeof(vector_corners_dh) / 8},
    {vector_corners_ih, sizeof(vector_corners_ih) / 8},
    {vector_corners_d, sizeof(vector_corners_d) / 8},
};

/* splitmix64 */
static inline uint64_t vector_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* bits of an awkward pattern. */
static inline uint64_t vector_pattern(uint64_t *state, unsigned bits)
{
    uint64_t mask = ~0ull >> (64 - bits), r = vector_random(state), shape = r >> 61;
    uint64_t one = 1ull << (r % bits), other = 1ull << ((r >> 8) % bits);

    switch (shape) {
    case 0:
        return 0;
    case 1:
        return one;
    case 2:
        return (one | other) & mask;
    case 3:
        return (one - 1) & mask;
    case 4:
        return mask & ~(one - 1);
    case 5:
        return mask & ~(one | other);
    default:
        return vector_random(state) & mask;
    }
}

/* An exponent field; near is that of the operand before. */
static inline uint64_t vector_exponent(uint64_t *state, unsigned bits, uint64_t near)
{
    uint64_t mask = ~0ull >> (64 - bits), bias = mask >> 1, r = vector_random(state);

    switch (r >> 61) {
    case 0:
        return (near + (r & 63) - 32) & mask;
    case 1:
        return (near + (r & 3) - 2) & mask;
    case 2:
        return (bias + r % 68 - 2) & mask;
    case 3:
        return (bias + (r & 7) - 4) & mask;
    case 4:
        return r & 3;
    case 5:
        return (r >> 8 & 1)                        ? mask - (r & 3)
               : mask - near + (r & 15) - 8 > mask ? bias
                                                   : mask - near;
    default:
        return r & mask;
    }
}

/* As it may be in a register: rarely without its box. */
static inline uint64_t vector_box(uint64_t v, unsigned bits, uint64_t r)
{
    v |= ~0ull << bits;
    return (r >> 8 & 31) ? v : v ^ 1ull << (bits + (r >> 16) % (64 - bits));
}

/* A fraction of so many bits, of which a half keeps 10. */
static inline uint64_t vector_half_fraction(uint64_t *state, unsigned bits)
{
    uint64_t high = vector_pattern(state, 10);

    return high << (bits - 10) | vector_pattern(state, bits - 10);
}

static inline uint64_t vector_operand(uint64_t *state, enum vector_kind kind, uint64_t near)
{
    uint64_t r = vector_random(state), v;

    if ((r & 7) < 2)
        return vector_corners[kind].values[(r >> 8) % vector_corners[kind].count];
    if (kind == KIND_I || kind == KIND_IH) {
        v = kind == KIND_IH && (r >> 6 & 3) ? 18 : 64;
        v = vector_pattern(state, 1 + (r >> 8) % (unsigned)v) + (r >> 3 & 3) - 1;
        return r >> 5 & 1 ? -v : v;
    }
    /* One step each: C leaves open which operand of | comes first. */
    if (kind == KIND_H) {
        v = (r & 8) << 12 | vector_exponent(state, 5, near >> 10 & 31) << 10;
        return vector_box(v | vector_pattern(state, 10), 16, r);
    }
    if (kind == KIND_SH && (r >> 5 & 3)) {
        v = (r & 8) << 28 | (127 - 28 + (r >> 24) % 48) << 23;
        return vector_box(v | vector_half_fraction(state, 23), 32, r);
    }
    if (kind == KIND_DH && (r >> 5 & 3))
        return (r & 8) << 60 | (1023 - 28 + (r >> 24) % 48) << 52 | vector_half_fraction(state, 52);
    if (kind == KIND_DW && (r >> 5 & 3))
        return (r & 8) << 60 | (1023 - 2 + (r >> 24) % 90) << 52 | vector_pattern(state, 52);
    if (kind == KIND_D || kind == KIND_DH || kind == KIND_DW) {
        v = (r & 8) << 60 | vector_exponent(state, 11, near >> 52 & 0x7ff) << 52;
        return v | vector_pattern(state, 52);
    }
    v = (r & 8) << 28 | vector_exponent(state, 8, near >> 23 & 0xff) << 23;
    return vector_box(v | vector_pattern(state, 23), 32, r);
}

/* A half that is a number, and a double cut to a half. */
static inline double vector_from_half(uint64_t h)
{
    double v, step = 0x1p-24;

    if (!(h & 0x7c00))
        return (h & 0x8000 ? -step : step) * (double)(h & 0x3ff);
    h = (h & 0x8000) << 48 | ((h >> 10 & 31) + 1008) << 52 | (h & 0x3ff) << 42;
    __builtin_memcpy(&v, &h, 8);
    return v;
}

static inline uint64_t vector_to_half(double v)
{
    uint64_t bits, sign, exp;

    __builtin_memcpy(&bits, &v, 8);
    sign = bits >> 48 & 0x8000;
    exp = bits >> 52 & 0x7ff;
    if (exp < 1009)
        return sign | (uint64_t)(v * (sign ? -0x1p24 : 0x1p24));
    if (exp > 1038)
        return sign | 0x7c00;
    return sign | (exp - 1008) << 10 | (bits >> 42 & 0x3ff);
}

/* The product or its neighbour; anything if that is not a number. */
static inline uint64_t vector_product(enum vector_kind kind, uint64_t a, uint64_t b, uint64_t step)
{
    uint64_t bits = 0;

    if (kind == KIND_D) {
        double x, y;

        __builtin_memcpy(&x, &a, 8);
        __builtin_memcpy(&y, &b, 8);
        x *= y;
        if (x != x)
            return a;
        __builtin_memcpy(&bits, &x, 8);
    } else if (kind == KIND_H) {
        if ((a & 0x7c00) == 0x7c00 || (b & 0x7c00) == 0x7c00)
            return a;
        bits = VECTOR_BOXED_H(vector_to_half(vector_from_half(a) * vector_from_half(b)));
    } else {
        float x, y;

        __builtin_memcpy(&x, &a, 4);
        __builtin_memcpy(&y, &b, 4);
        x *= y;
        if (x != x)
            return a;
        __builtin_memcpy(&bits, &x, 4);
        bits = VECTOR_BOXED(bits);
    }
    return step == 3 ? bits : bits + step - 1;
}

static inline struct vector vector_make(enum vector_op op, uint64_t i)
{
    enum vector_kind kind = vector_ops[op].kind;
    uint64_t n = vector_corners[kind].count, state = i * 0x100 + op, r;
    uint64_t sign = kind == KIND_D ? 1ull << 63 : kind == KIND_H ? 1ull << 15 : 1ull << 31;
    int takes_product = kind == KIND_S || kind == KIND_D || kind == KIND_H;
    struct vector v;

    vector_random(&state);
    r = vector_random(&state);
    v.a = vector_operand(&state, kind, r);
    v.b = vector_operand(&state, kind, v.a);
    v.c = vector_operand(&state, kind, (r & 16) ? v.a : v.b);
    if (i < (vector_ops[op].operands == 1 ? n : n * n)) {
        v.a = vector_corners[kind].values[i % n];
        v.b = vector_corners[kind].values[i / n];
    } else if (kind == KIND_H && vector_ops[op].operands == 1) {
        v.a = VECTOR_BOXED_H((i - n) * 0x9e37 & 0xffff); /* in time each of them */
    } else if (takes_product && (r & 7) == 0) {
        v.c = vector_product(kind, v.a, v.b, r >> 8 & 3) ^ (r & 8 ? sign : 0);
    } else if (takes_product && (r & 7) == 1) {
        v.a = vector_product(kind, v.a, r & 8 ? v.a : v.b, r >> 8 & 3);
    }
    return v;
}

static inline uint32_t vector_hash(uint32_t hash, struct vector_result r)
{
    uint64_t x = (hash ^ r.value) * 0x9e3779b97f4a7c15;

    x = (x ^ x >> 32 ^ r.flags) * 0xbf58476d1ce4e5b9;
    return (uint32_t)(x ^ x >> 32);
}

#endif
