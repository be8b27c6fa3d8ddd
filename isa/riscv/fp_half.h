/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of Zfh and of Zfa on halves on raw register values, by the host's unit; the rules
 * and the two kinds of functions are those of fp_ops.h.
 *
 * The host converts between half and single (F16C) and computes in single or
 * double.  What has no F16C leaves all that rounds to a half to software;
 * conversions from half are exact and need a multiplication only.
 *
 * Rounding twice gives what rounding once does, flags included:
 *
 * - Towards zero, down and up always, since every half is a single and every
 *   single a double.
 * - To nearest, if the first result lies midway between two halves only where the
 *   exact one does.  Midpoints have 12 bits.  Products of halves are exact in single.
 *   A sum is inexact in single only if one term is below 2^-12 of the other, which is a
 *   half: it does not reach the next midpoint.  A quotient x/y that is not the midpoint
 *   m is |x - m*y| / y away from it, a root |x - m*m| / (m + root); with terms of 11 and
 *   12 bits both exceed half a unit of a single.  (It is known that 2p + 2 bits do.)
 * - Fused: the product is exact in double.  The sum is inexact only if one term is below
 *   2^-31 of the other; the other is the addend, a half, or so large that the result
 *   overflows either way.  From double to single the result is rounded to odd: the
 *   last bit stands for all that went.
 * - NX: what the first step loses, no half has.  OF and tininess depend on the result
 *   with unbounded exponent, of which all this holds too.  UF is left to the second step,
 *   which sees it if its result is inexact; where the result is tiny, sums and products
 *   were exact before it, and a quotient is as far from any half as from a midpoint.
 */
#ifndef ISA_RISCV_FP_HALF_H
#define ISA_RISCV_FP_HALF_H

#include "isa/riscv/fp_ops.h"

#define FP_BOX_H  0xffffffffffff0000ull
#define FP_SIGN_H 0x8000ull
#define FP_INF_H  0x7c00ull
#define FP_NAN_H  0x7e00ull

/* ---- boxes, bits and values ---- */

static ALWAYS_INLINE uint64_t v_box_h(uint64_t a)
{
    return a | FP_BOX_H;
}

/* The 16 bits of a half, zero-extended; the canonical NaN if it is not boxed. */
static ALWAYS_INLINE uint64_t v_unbox_h(uint64_t a)
{
    return likely(a >= FP_BOX_H) ? (uint16_t)a : FP_NAN_H;
}

/* On unboxed bits. */
static ALWAYS_INLINE bool fp_is_nan_h(uint64_t a)
{
    return (a & ~FP_SIGN_H) > FP_INF_H;
}

static ALWAYS_INLINE bool fp_boxed2_h(uint64_t a, uint64_t b)
{
    return (a & b) >= FP_BOX_H;
}

/* A boxed half. */
static ALWAYS_INLINE fpu_reg fp_single(uint64_t a)
{
    return fpu_h_to_s((uint16_t)a);
}

/* Rounds a single to a half that is no NaN. */
static ALWAYS_INLINE bool fp_done_h(uint64_t *r, fpu_reg v)
{
    *r = v_box_h(fpu_s_to_h(v));
    return likely(!fpu_is_nan_s(v));
}

/* ---- between widths ---- */

/* 2^112 as a single: between the exponent biases of the two widths. */
#define FP_BIAS_S_H 0x77800000ull

/*
 * A finite half moved to the place of a single is too small by the difference of the biases, a
 * subnormal one too, and the product is exact.  An infinity or a NaN keeps its fraction, so the
 * comparison raises NV if it is signaling.
 */
static ALWAYS_INLINE uint64_t v_fcvt_s_h(uint64_t a)
{
    uint64_t h = v_unbox_h(a), sign = (h & FP_SIGN_H) << 16, s = (h & ~FP_SIGN_H) << 13;

    if (likely((h & FP_INF_H) != FP_INF_H))
        return v_box_s(sign | fpu_bits_s(fpu_mul_s(fpu_reg_of(s), fpu_reg_of(FP_BIAS_S_H))));
    if (!fp_is_nan_h(h))
        return v_box_s(sign | FP_INF_S);
    (void)fpu_eq_s(fpu_reg_of(s | FP_INF_S), fpu_reg_of(0));
    return v_box_s(FP_NAN_S);
}

static ALWAYS_INLINE uint64_t v_fcvt_d_h(uint64_t a)
{
    return v_fcvt_d_s(v_fcvt_s_h(a));
}

static ALWAYS_INLINE bool fp_fcvt_h_s(uint64_t *r, uint64_t a)
{
    if (unlikely(a < FP_BOX || !fpu_half))
        return false;
    return fp_done_h(r, fpu_reg_of(a));
}

/* A double to a single, rounded to odd.  Where singles end or get coarser, the half overflows or
 * underflows too. */
static ALWAYS_INLINE fpu_reg fp_odd_s(uint64_t a)
{
    const uint64_t tail = (1ull << 29) - 1;

    return fpu_d_to_s(fpu_reg_of((a & ~tail) | (uint64_t)((a & tail) != 0) << 29));
}

static ALWAYS_INLINE bool fp_fcvt_h_d(uint64_t *r, uint64_t a)
{
    if (unlikely(!fpu_half))
        return false;
    return fp_done_h(r, fp_odd_s(a));
}

/* ---- arithmetic ---- */

#define FP_ARITH(op)                                                                               \
    static ALWAYS_INLINE bool fp_f##op##_h(uint64_t *r, uint64_t a, uint64_t b)                    \
    {                                                                                              \
        if (unlikely(!fpu_half || !fp_boxed2_h(a, b)))                                             \
            return false;                                                                          \
        return fp_done_h(r, fpu_##op##_s(fp_single(a), fp_single(b)));                             \
    }
FP_ARITH(add)
FP_ARITH(sub)
FP_ARITH(mul)
FP_ARITH(div)
#undef FP_ARITH

static ALWAYS_INLINE bool fp_fsqrt_h(uint64_t *r, uint64_t a)
{
    if (unlikely(!fpu_half || a < FP_BOX_H))
        return false;
    return fp_done_h(r, fpu_sqrt_s(fp_single(a)));
}

static ALWAYS_INLINE bool fp_fmadd_h(uint64_t *r, uint64_t a, uint64_t b, uint64_t c)
{
    fpu_reg v;

    if (unlikely(!fpu_half || !fp_boxed2_h(a & b, c)))
        return false;
    v = fpu_mul_d(fpu_s_to_d(fp_single(a)), fpu_s_to_d(fp_single(b)));
    v = fpu_add_d(v, fpu_s_to_d(fp_single(c)));
    return fp_done_h(r, fp_odd_s(fpu_bits_d(v)));
}

/* Changing a sign bit leaves a box, a NaN and a missing box what they are. */
static ALWAYS_INLINE bool fp_fmsub_h(uint64_t *r, uint64_t a, uint64_t b, uint64_t c)
{
    return fp_fmadd_h(r, a, b, c ^ FP_SIGN_H);
}

static ALWAYS_INLINE bool fp_fnmsub_h(uint64_t *r, uint64_t a, uint64_t b, uint64_t c)
{
    return fp_fmadd_h(r, a ^ FP_SIGN_H, b, c);
}

static ALWAYS_INLINE bool fp_fnmadd_h(uint64_t *r, uint64_t a, uint64_t b, uint64_t c)
{
    return fp_fmadd_h(r, a ^ FP_SIGN_H, b, c ^ FP_SIGN_H);
}

/* ---- to and from integers ---- */

/* An integer between two halves, or a half itself: exact. */
#define FP_ROUND(op)                                                                               \
    static ALWAYS_INLINE bool fp_f##op##_h(uint64_t *r, uint64_t a)                                \
    {                                                                                              \
        if (unlikely(!fpu_half || !fpu_has_round() || a < FP_BOX_H))                               \
            return false;                                                                          \
        return fp_done_h(r, fpu_##op##_s(fp_single(a)));                                           \
    }
FP_ROUND(round)
FP_ROUND(roundnx)
#undef FP_ROUND

#define FP_TO_INT_H(to)                                                                            \
    static ALWAYS_INLINE bool fp_fcvt_##to##_h(uint64_t *r, uint64_t a)                            \
    {                                                                                              \
        return fp_fcvt_##to##_s(r, v_fcvt_s_h(a));                                                 \
    }                                                                                              \
    static ALWAYS_INLINE bool fp_fcvt_##to##_h_rtz(uint64_t *r, uint64_t a)                        \
    {                                                                                              \
        return fp_fcvt_##to##_s_rtz(r, v_fcvt_s_h(a));                                             \
    }
FP_TO_INT_H(w)
FP_TO_INT_H(wu)
FP_TO_INT_H(l)
FP_TO_INT_H(lu)
#undef FP_TO_INT_H

/* Integers far above the largest half overflow alike; the others are exact as singles. */
#define FP_FAR_H (1 << 20)

static ALWAYS_INLINE bool fp_fcvt_h_l(uint64_t *r, uint64_t a)
{
    int64_t v = (int64_t)a;

    v = v > FP_FAR_H ? FP_FAR_H : v < -FP_FAR_H ? -FP_FAR_H : v;
    return fpu_half && fp_done_h(r, fpu_l_to_s(v));
}

static ALWAYS_INLINE bool fp_fcvt_h_lu(uint64_t *r, uint64_t a)
{
    return fp_fcvt_h_l(r, a > FP_FAR_H ? FP_FAR_H : a);
}

static ALWAYS_INLINE bool fp_fcvt_h_w(uint64_t *r, uint64_t a)
{
    return fp_fcvt_h_l(r, (uint64_t)(int64_t)(int32_t)a);
}

static ALWAYS_INLINE bool fp_fcvt_h_wu(uint64_t *r, uint64_t a)
{
    return fp_fcvt_h_l(r, (uint32_t)a);
}

/* ---- comparisons and classes ---- */

/* A signaling NaN has raised its flag when it is a single. */
#define FP_COMPARE(op)                                                                             \
    static ALWAYS_INLINE uint64_t v_f##op##_h(uint64_t a, uint64_t b)                              \
    {                                                                                              \
        return v_f##op##_s(v_fcvt_s_h(a), v_fcvt_s_h(b));                                          \
    }
FP_COMPARE(eq)
FP_COMPARE(lt)
FP_COMPARE(le)
FP_COMPARE(ltq)
FP_COMPARE(leq)
#undef FP_COMPARE

static ALWAYS_INLINE int64_t fp_order_h(uint64_t a)
{
    return fp_order_d(a << 48);
}

static ALWAYS_INLINE uint64_t fp_not_nan_h(uint64_t x, uint64_t y)
{
    if (!fp_is_nan_h(x))
        return x;
    return fp_is_nan_h(y) ? FP_NAN_H : y;
}

static ALWAYS_INLINE uint64_t fp_any_nan_h(uint64_t x, uint64_t y)
{
    (void)x, (void)y;
    return FP_NAN_H;
}

#define FP_MINMAX(name, op, nan)                                                                   \
    static ALWAYS_INLINE uint64_t v_##name##_h(uint64_t a, uint64_t b)                             \
    {                                                                                              \
        uint64_t x = v_unbox_h(a), y = v_unbox_h(b);                                               \
                                                                                                   \
        if (likely(!fp_is_nan_h(x) && !fp_is_nan_h(y)))                                            \
            return v_box_h(fp_order_h(x) op fp_order_h(y) ? x : y);                                \
        (void)v_feq_h(a, b);                                                                       \
        return v_box_h(nan##_h(x, y));                                                             \
    }
FP_MINMAX(fmin, <, fp_not_nan)
FP_MINMAX(fmax, >, fp_not_nan)
FP_MINMAX(fminm, <, fp_any_nan)
FP_MINMAX(fmaxm, >, fp_any_nan)
#undef FP_MINMAX

static inline uint64_t v_fclass_h(uint64_t a)
{
    uint64_t u = v_unbox_h(a);

    return fp_classify(bit_test(u, 15), bits_get(u, 14, 10), 0x1f, bits_get(u, 9, 0),
                       bit_test(u, 9));
}

#endif
