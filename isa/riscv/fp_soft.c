/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating point in integers; see fp_soft.h.
 *
 * A finite number is unpacked into a sign, an exponent and 64 bits of
 * significand whose top bit is set: value = sig * 2^(exp - 63).  An operation
 * computes 64 bits of result and whether anything lies below them ("sticky"),
 * and round_pack makes the one rounding.  Sums are aligned in 128 bits; bits
 * that fall off the end are or-ed into the last one, which decides no rounding
 * wrongly because a result loses at most one leading bit when the operands'
 * exponents are two or more apart.
 */
#include "isa/riscv/fp_soft.h"

typedef unsigned __int128 soft_wide;

const struct soft_format soft_h = {.exp_bits = 5, .frac_bits = 10};
const struct soft_format soft_s = {.exp_bits = 8, .frac_bits = 23};
const struct soft_format soft_d = {.exp_bits = 11, .frac_bits = 52};

enum soft_class { SOFT_ZERO, SOFT_FINITE, SOFT_INF, SOFT_NAN };

struct soft_num {
    enum soft_class class;
    bool sign, signaling;
    int exp;
    uint64_t sig;
};

static int bias(const struct soft_format *f)
{
    return (1 << (f->exp_bits - 1)) - 1;
}

static uint64_t exp_max(const struct soft_format *f)
{
    return (1u << f->exp_bits) - 1;
}

/* ---- special results ---- */

static uint64_t pack_sign(const struct soft_format *f, bool sign)
{
    return (uint64_t)sign << (f->exp_bits + f->frac_bits);
}

static uint64_t pack_inf(const struct soft_format *f, bool sign)
{
    return pack_sign(f, sign) | exp_max(f) << f->frac_bits;
}

/* The canonical NaN. */
static uint64_t pack_nan(const struct soft_format *f)
{
    return pack_inf(f, false) | 1ull << (f->frac_bits - 1);
}

static uint64_t pack_invalid(const struct soft_format *f, struct soft_env *env)
{
    env->flags |= FP_NV;
    return pack_nan(f);
}

static uint64_t pack_overflow(const struct soft_format *f, bool sign, struct soft_env *env)
{
    bool to_max = env->mode == FP_RTZ || env->mode == (sign ? FP_RUP : FP_RDN);

    env->flags |= FP_OF | FP_NX;
    return pack_inf(f, sign) - to_max;
}

/* ---- unpacking ---- */

static void normalize(struct soft_num *n)
{
    int shift = __builtin_clzll(n->sig);

    n->sig <<= shift;
    n->exp -= shift;
}

static struct soft_num unpack(const struct soft_format *f, uint64_t a)
{
    uint64_t frac = a & ((1ull << f->frac_bits) - 1);
    uint64_t exp = (a >> f->frac_bits) & exp_max(f);
    struct soft_num n = {.sign = (a >> (f->exp_bits + f->frac_bits)) & 1};

    if (exp == exp_max(f)) {
        n.class = frac ? SOFT_NAN : SOFT_INF;
        n.signaling = frac && !(frac >> (f->frac_bits - 1));
    } else if (exp || frac) {
        n.class = SOFT_FINITE;
        n.sig = (exp ? frac | 1ull << f->frac_bits : frac) << (63 - f->frac_bits);
        n.exp = (int)(exp ? exp : 1) - bias(f);
        normalize(&n);
    }
    return n;
}

/* The result of an operation on a NaN. */
static uint64_t propagate(const struct soft_format *f, bool signaling, struct soft_env *env)
{
    return signaling ? pack_invalid(f, env) : pack_nan(f);
}

/* ---- rounding ---- */

/* sig without its low `shift` bits, rounded; *inexact says whether they or sticky held anything. */
static uint64_t round_shift(uint64_t sig, unsigned shift, bool sticky, bool sign, enum fp_mode mode,
                            bool *inexact)
{
    uint64_t kept = shift < 64 ? sig >> shift : 0;
    bool half = shift && shift <= 64 && (sig >> (shift - 1)) & 1;
    bool below = sticky || (shift > 64 ? sig != 0 : shift > 1 && sig << (65 - shift));

    *inexact = half || below;
    switch (mode) {
    case FP_RNE:
        return kept + (half && (below || (kept & 1)));
    case FP_RMM:
        return kept + half;
    case FP_RDN:
        return kept + (sign && *inexact);
    case FP_RUP:
        return kept + (!sign && *inexact);
    default:
        return kept;
    }
}

/* Whether the number is below the normal ones even after rounding with unbounded exponent. */
static bool is_tiny(const struct soft_format *f, const struct soft_num *n, bool sticky,
                    enum fp_mode mode)
{
    bool inexact;
    int exp_min = 1 - bias(f);

    if (n->exp != exp_min - 1)
        return n->exp < exp_min;
    return round_shift(n->sig, 63u - f->frac_bits, sticky, n->sign, mode, &inexact) >>
               (f->frac_bits + 1) ==
           0;
}

/* Rounds n, whose sig has its top bit set, and packs it. */
static uint64_t round_pack(const struct soft_format *f, const struct soft_num *n, bool sticky,
                           struct soft_env *env)
{
    int exp_min = 1 - bias(f), exp = n->exp < exp_min ? exp_min : n->exp;
    unsigned shift = 63u - f->frac_bits + (unsigned)(exp - n->exp);
    bool inexact;
    uint64_t kept, magnitude;

    if (n->exp > bias(f))
        return pack_overflow(f, n->sign, env);
    kept = round_shift(n->sig, shift, sticky, n->sign, env->mode, &inexact);
    /* The implicit one, and a carry out of the rounding, add to the exponent field. */
    magnitude = ((uint64_t)(exp - exp_min) << f->frac_bits) + kept;
    if (magnitude >= pack_inf(f, false))
        return pack_overflow(f, n->sign, env);
    if (inexact)
        env->flags |= FP_NX | (is_tiny(f, n, sticky, env->mode) ? FP_UF : 0);
    return pack_sign(f, n->sign) | magnitude;
}

/* Rounds wide * 2^(exp - 127). */
static uint64_t round_pack_wide(const struct soft_format *f, bool sign, int exp, soft_wide wide,
                                struct soft_env *env)
{
    struct soft_num n = {.sign = sign};
    int shift = (uint64_t)(wide >> 64) ? __builtin_clzll((uint64_t)(wide >> 64))
                                       : 64 + __builtin_clzll((uint64_t)wide);

    wide <<= shift;
    n.exp = exp - shift;
    n.sig = (uint64_t)(wide >> 64);
    return round_pack(f, &n, (uint64_t)wide != 0, env);
}

/* ---- sums ---- */

static soft_wide shift_right_jam(soft_wide v, unsigned n)
{
    if (n > 127)
        return v != 0;
    return v >> n | (n && (v << (128 - n)) != 0);
}

static uint64_t exact_zero(const struct soft_format *f, struct soft_env *env)
{
    return pack_sign(f, env->mode == FP_RDN);
}

/* A term of a sum: wide * 2^(exp - 127), top bit of wide clear. */
struct soft_term {
    bool sign;
    int exp;
    soft_wide wide;
};

static uint64_t add_terms(const struct soft_format *f, struct soft_term a, struct soft_term b,
                          struct soft_env *env)
{
    if (a.exp < b.exp) {
        struct soft_term t = a;

        a = b;
        b = t;
    }
    b.wide = shift_right_jam(b.wide, (unsigned)(a.exp - b.exp));
    if (a.sign == b.sign)
        return round_pack_wide(f, a.sign, a.exp, a.wide + b.wide, env);
    if (a.wide == b.wide)
        return exact_zero(f, env);
    if (a.wide > b.wide)
        return round_pack_wide(f, a.sign, a.exp, a.wide - b.wide, env);
    return round_pack_wide(f, b.sign, a.exp, b.wide - a.wide, env);
}

static struct soft_term term(const struct soft_num *n)
{
    return (struct soft_term){.sign = n->sign, .exp = n->exp + 1, .wide = (soft_wide)n->sig << 63};
}

uint64_t soft_add(const struct soft_format *f, uint64_t a, uint64_t b, struct soft_env *env)
{
    struct soft_num x = unpack(f, a), y = unpack(f, b);

    if (x.class == SOFT_NAN || y.class == SOFT_NAN)
        return propagate(f, x.signaling || y.signaling, env);
    if (x.class == SOFT_INF && y.class == SOFT_INF && x.sign != y.sign)
        return pack_invalid(f, env);
    if (x.class == SOFT_INF || y.class == SOFT_INF)
        return x.class == SOFT_INF ? a : b;
    if (x.class == SOFT_ZERO && y.class == SOFT_ZERO)
        return x.sign == y.sign ? a : exact_zero(f, env);
    if (x.class == SOFT_ZERO || y.class == SOFT_ZERO)
        return x.class == SOFT_ZERO ? b : a;
    return add_terms(f, term(&x), term(&y), env);
}

uint64_t soft_sub(const struct soft_format *f, uint64_t a, uint64_t b, struct soft_env *env)
{
    return soft_add(f, a, b ^ pack_sign(f, true), env);
}

/* ---- products ---- */

/* Whether one is an infinity and the other a zero. */
static bool is_inf_by_zero(const struct soft_num *x, const struct soft_num *y)
{
    return (x->class == SOFT_INF && y->class == SOFT_ZERO) ||
           (x->class == SOFT_ZERO && y->class == SOFT_INF);
}

uint64_t soft_mul(const struct soft_format *f, uint64_t a, uint64_t b, struct soft_env *env)
{
    struct soft_num x = unpack(f, a), y = unpack(f, b);
    bool sign = x.sign != y.sign;

    if (x.class == SOFT_NAN || y.class == SOFT_NAN)
        return propagate(f, x.signaling || y.signaling, env);
    if (is_inf_by_zero(&x, &y))
        return pack_invalid(f, env);
    if (x.class == SOFT_INF || y.class == SOFT_INF)
        return pack_inf(f, sign);
    if (x.class == SOFT_ZERO || y.class == SOFT_ZERO)
        return pack_sign(f, sign);
    return round_pack_wide(f, sign, x.exp + y.exp + 1, (soft_wide)x.sig * y.sig, env);
}

/* a * b + c for finite a and b, not 0. */
static uint64_t fma_finite(const struct soft_format *f, const struct soft_num *x,
                           const struct soft_num *y, const struct soft_num *z, uint64_t c,
                           struct soft_env *env)
{
    /* The product has at most 106 bits, so halving it loses nothing. */
    struct soft_term product = {
        .sign = x->sign != y->sign,
        .exp = x->exp + y->exp + 2,
        .wide = (soft_wide)x->sig * y->sig >> 1,
    };

    if (z->class == SOFT_INF)
        return c;
    if (z->class == SOFT_ZERO)
        return round_pack_wide(f, product.sign, product.exp, product.wide, env);
    return add_terms(f, product, term(z), env);
}

uint64_t soft_fma(const struct soft_format *f, uint64_t a, uint64_t b, uint64_t c,
                  struct soft_env *env)
{
    struct soft_num x = unpack(f, a), y = unpack(f, b), z = unpack(f, c);
    bool sign = x.sign != y.sign;

    /* NV also when the addend is a quiet NaN (Unprivileged, F, "Computational Instructions"). */
    if (is_inf_by_zero(&x, &y))
        return pack_invalid(f, env);
    if (x.class == SOFT_NAN || y.class == SOFT_NAN || z.class == SOFT_NAN)
        return propagate(f, x.signaling || y.signaling || z.signaling, env);
    if (x.class == SOFT_INF || y.class == SOFT_INF) {
        if (z.class == SOFT_INF && z.sign != sign)
            return pack_invalid(f, env);
        return pack_inf(f, sign);
    }
    if (x.class == SOFT_ZERO || y.class == SOFT_ZERO)
        return soft_add(f, pack_sign(f, sign), c, env);
    return fma_finite(f, &x, &y, &z, c, env);
}

/* ---- quotients and roots ---- */

static uint64_t div_finite(const struct soft_format *f, const struct soft_num *x,
                           const struct soft_num *y, struct soft_env *env)
{
    bool less = x->sig < y->sig; /* the quotient's significand is below 1 */
    soft_wide dividend = (soft_wide)x->sig << (63 + less);
    struct soft_num q = {
        .sign = x->sign != y->sign,
        .exp = x->exp - y->exp - less,
        .sig = (uint64_t)(dividend / y->sig),
    };

    return round_pack(f, &q, dividend % y->sig != 0, env);
}

uint64_t soft_div(const struct soft_format *f, uint64_t a, uint64_t b, struct soft_env *env)
{
    struct soft_num x = unpack(f, a), y = unpack(f, b);
    bool sign = x.sign != y.sign;

    if (x.class == SOFT_NAN || y.class == SOFT_NAN)
        return propagate(f, x.signaling || y.signaling, env);
    if (x.class == y.class && x.class != SOFT_FINITE)
        return pack_invalid(f, env);
    if (x.class == SOFT_ZERO || y.class == SOFT_INF)
        return pack_sign(f, sign);
    if (y.class == SOFT_ZERO && x.class == SOFT_FINITE)
        env->flags |= FP_DZ;
    if (x.class == SOFT_INF || y.class == SOFT_ZERO)
        return pack_inf(f, sign);
    return div_finite(f, &x, &y, env);
}

/* The root of v, at least 2^126, rounded down: 64 bits with the top one set. */
static uint64_t integer_sqrt(soft_wide v)
{
    uint64_t root = 0;

    for (int bit = 63; bit >= 0; bit--) {
        uint64_t next = root | 1ull << bit;

        if ((soft_wide)next * next <= v)
            root = next;
    }
    return root;
}

uint64_t soft_sqrt(const struct soft_format *f, uint64_t a, struct soft_env *env)
{
    struct soft_num x = unpack(f, a), root = {0};
    soft_wide v;

    if (x.class == SOFT_NAN)
        return propagate(f, x.signaling, env);
    if (x.class == SOFT_ZERO)
        return a;
    if (x.sign)
        return pack_invalid(f, env);
    if (x.class == SOFT_INF)
        return a;
    v = (soft_wide)x.sig << (63 + (x.exp & 1));
    root.exp = (x.exp - (x.exp & 1)) / 2;
    root.sig = integer_sqrt(v);
    return round_pack(f, &root, (soft_wide)root.sig * root.sig != v, env);
}

/* ---- conversions ---- */

uint64_t soft_convert(const struct soft_format *to, const struct soft_format *from, uint64_t a,
                      struct soft_env *env)
{
    struct soft_num x = unpack(from, a);

    switch (x.class) {
    case SOFT_NAN:
        return propagate(to, x.signaling, env);
    case SOFT_INF:
        return pack_inf(to, x.sign);
    case SOFT_ZERO:
        return pack_sign(to, x.sign);
    default:
        return round_pack(to, &x, false, env);
    }
}

static uint64_t from_magnitude(const struct soft_format *f, bool sign, uint64_t magnitude,
                               struct soft_env *env)
{
    struct soft_num n = {.sign = sign, .exp = 63, .sig = magnitude};

    if (!magnitude)
        return 0;
    normalize(&n);
    return round_pack(f, &n, false, env);
}

uint64_t soft_from_int(const struct soft_format *f, int64_t a, struct soft_env *env)
{
    return from_magnitude(f, a < 0, a < 0 ? -(uint64_t)a : (uint64_t)a, env);
}

uint64_t soft_from_uint(const struct soft_format *f, uint64_t a, struct soft_env *env)
{
    return from_magnitude(f, false, a, env);
}

uint64_t soft_round(const struct soft_format *f, uint64_t a, bool inexact, struct soft_env *env)
{
    struct soft_num x = unpack(f, a);
    uint64_t magnitude;
    bool changed;

    if (x.class == SOFT_NAN)
        return propagate(f, x.signaling, env);
    if (x.class != SOFT_FINITE || x.exp >= f->frac_bits)
        return a;
    magnitude = round_shift(x.sig, x.exp < -2 ? 65 : 63u - (unsigned)x.exp, false, x.sign,
                            env->mode, &changed);
    env->flags |= changed && inexact ? FP_NX : 0;
    return pack_sign(f, x.sign) | from_magnitude(f, false, magnitude, env);
}

/* The largest magnitude of that sign which fits. */
static uint64_t int_limit(unsigned bits, bool is_signed, bool sign)
{
    if (is_signed)
        return (1ull << (bits - 1)) - !sign;
    return sign ? 0 : ~0ull >> (64 - bits);
}

static uint64_t int_result(unsigned bits, bool sign, uint64_t magnitude)
{
    return (uint64_t)sext(sign ? -magnitude : magnitude, bits);
}

uint64_t soft_to_int(const struct soft_format *f, uint64_t a, unsigned bits, bool is_signed,
                     struct soft_env *env)
{
    struct soft_num x = unpack(f, a);
    bool sign = x.sign && x.class != SOFT_NAN, inexact = false;
    uint64_t limit = int_limit(bits, is_signed, sign), magnitude = 0;
    /* Above 2^63 a significand has no fraction; the product with 2 would not fit 64 bits. */
    bool fits = x.class == SOFT_ZERO || (x.class == SOFT_FINITE && x.exp <= 63);

    if (x.class == SOFT_FINITE && fits)
        magnitude = round_shift(x.sig, x.exp < -2 ? 65 : 63u - (unsigned)x.exp, false, sign,
                                env->mode, &inexact);
    if (!fits || magnitude > limit) {
        env->flags |= FP_NV;
        return int_result(bits, sign, limit);
    }
    env->flags |= inexact ? FP_NX : 0;
    return int_result(bits, sign, magnitude);
}
