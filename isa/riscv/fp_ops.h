/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of F, D and Zfa on raw register values, by the host's unit.
 * Inlined into the interpreter's handlers (fp_interp.h) and into fp.c; run on
 * the hart's thread between rv_fp_enter and rv_fp_leave.
 *
 * What they keep: operands of single width that are not NaN-boxed count as the
 * canonical NaN, results of single width are boxed, NaN results are canonical
 * (Unprivileged, F, "NaN Generation and Propagation"; D, "NaN Boxing"), and all
 * flags end up among the host's sticky ones.
 *
 * bool fp_*(&r, operands) round as the host is set to and store the result; or
 * they return false, and the operation is to be done in software, with at most
 * flags raised that it raises too.  NaN results and operands that are not boxed
 * go that way.  Half width is in fp_half.h.  None of this calls a function, so that the
 * interpreter's handlers need no stack.  v_* do not depend on the rounding mode.
 */
#ifndef ISA_RISCV_FP_OPS_H
#define ISA_RISCV_FP_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "isa/riscv/fp_host.h"
#include "sim/base/bits.h"

#define FP_BOX    0xffffffff00000000ull
#define FP_SIGN_S 0x80000000ull
#define FP_SIGN_D 0x8000000000000000ull
#define FP_INF_S  0x7f800000ull
#define FP_INF_D  0x7ff0000000000000ull
#define FP_NAN_S  0x7fc00000ull
#define FP_NAN_D  0x7ff8000000000000ull

/* ---- boxes, bits and values ---- */

static ALWAYS_INLINE uint64_t v_box_s(uint64_t a)
{
    return a | FP_BOX;
}

/* The 32 bits of a single, zero-extended; the canonical NaN if it is not boxed. */
static ALWAYS_INLINE uint64_t v_unbox_s(uint64_t a)
{
    return likely(a >= FP_BOX) ? (uint32_t)a : FP_NAN_S;
}

/* Whether a and b are boxed both. */
static ALWAYS_INLINE bool fp_boxed2(uint64_t a, uint64_t b)
{
    return (a & b) >= FP_BOX;
}

/* On unboxed bits. */
static ALWAYS_INLINE bool fp_is_nan_s(uint64_t a)
{
    return (a & ~FP_SIGN_S) > FP_INF_S;
}

static ALWAYS_INLINE bool fp_is_nan_d(uint64_t a)
{
    return (a & ~FP_SIGN_D) > FP_INF_D;
}

/* Results that are no NaNs. */
static ALWAYS_INLINE bool fp_done_s(uint64_t *r, fpu_reg v)
{
    *r = v_box_s(fpu_bits_s(v));
    return likely(!fpu_is_nan_s(v));
}

static ALWAYS_INLINE bool fp_done_d(uint64_t *r, fpu_reg v)
{
    *r = fpu_bits_d(v);
    return likely(!fpu_is_nan_d(v));
}

/* ---- arithmetic ---- */

#define FP_ARITH(op)                                                                               \
    static ALWAYS_INLINE bool fp_f##op##_s(uint64_t *r, uint64_t a, uint64_t b)                    \
    {                                                                                              \
        if (unlikely(!fp_boxed2(a, b)))                                                            \
            return false;                                                                          \
        return fp_done_s(r, fpu_##op##_s(fpu_reg_of(a), fpu_reg_of(b)));                           \
    }                                                                                              \
    static ALWAYS_INLINE bool fp_f##op##_d(uint64_t *r, uint64_t a, uint64_t b)                    \
    {                                                                                              \
        return fp_done_d(r, fpu_##op##_d(fpu_reg_of(a), fpu_reg_of(b)));                           \
    }
FP_ARITH(add)
FP_ARITH(sub)
FP_ARITH(mul)
FP_ARITH(div)
#undef FP_ARITH

static ALWAYS_INLINE bool fp_fsqrt_s(uint64_t *r, uint64_t a)
{
    if (unlikely(a < FP_BOX))
        return false;
    return fp_done_s(r, fpu_sqrt_s(fpu_reg_of(a)));
}

static ALWAYS_INLINE bool fp_fsqrt_d(uint64_t *r, uint64_t a)
{
    return fp_done_d(r, fpu_sqrt_d(fpu_reg_of(a)));
}

/*
 * Only if fpu_has_fma().  Infinity times zero plus a quiet NaN is invalid, which x86 does not flag:
 * like all NaNs it is left to software.
 */
static ALWAYS_INLINE bool fp_fma_s(uint64_t *r, uint64_t a, uint64_t b, uint64_t c)
{
    if (unlikely(!fp_boxed2(a & b, c)))
        return false;
    return fp_done_s(r, fpu_fma_s(fpu_reg_of(a), fpu_reg_of(b), fpu_reg_of(c)));
}

static ALWAYS_INLINE bool fp_fma_d(uint64_t *r, uint64_t a, uint64_t b, uint64_t c)
{
    return fp_done_d(r, fpu_fma_d(fpu_reg_of(a), fpu_reg_of(b), fpu_reg_of(c)));
}

/* Changing a sign bit leaves a box, a NaN and a missing box what they are. */
#define FP_FMA(name, w, flip_a, flip_c)                                                            \
    static ALWAYS_INLINE bool fp_##name(uint64_t *r, uint64_t a, uint64_t b, uint64_t c)           \
    {                                                                                              \
        return fp_fma_##w(r, a ^ (flip_a), b, c ^ (flip_c));                                       \
    }
FP_FMA(fmadd_s, s, 0, 0)
FP_FMA(fmsub_s, s, 0, FP_SIGN_S)
FP_FMA(fnmsub_s, s, FP_SIGN_S, 0)
FP_FMA(fnmadd_s, s, FP_SIGN_S, FP_SIGN_S)
FP_FMA(fmadd_d, d, 0, 0)
FP_FMA(fmsub_d, d, 0, FP_SIGN_D)
FP_FMA(fnmsub_d, d, FP_SIGN_D, 0)
FP_FMA(fnmadd_d, d, FP_SIGN_D, FP_SIGN_D)
#undef FP_FMA

/* ---- to integers of the same width ---- */

#define FP_ROUND(op)                                                                               \
    static ALWAYS_INLINE bool fp_f##op##_s(uint64_t *r, uint64_t a)                                \
    {                                                                                              \
        if (unlikely(a < FP_BOX || !fpu_has_round()))                                              \
            return false;                                                                          \
        return fp_done_s(r, fpu_##op##_s(fpu_reg_of(a)));                                          \
    }                                                                                              \
    static ALWAYS_INLINE bool fp_f##op##_d(uint64_t *r, uint64_t a)                                \
    {                                                                                              \
        if (unlikely(!fpu_has_round()))                                                            \
            return false;                                                                          \
        return fp_done_d(r, fpu_##op##_d(fpu_reg_of(a)));                                          \
    }
FP_ROUND(round)
FP_ROUND(roundnx)
#undef FP_ROUND

/* ---- to integers ---- */

/* For what does not fit the host raises NV and gives the most negative integer. */
#define FP_TO_SIGNED(name, raw, host, type, min)                                                   \
    static ALWAYS_INLINE bool fp_##name(uint64_t *r, uint64_t a)                                   \
    {                                                                                              \
        type v = host(fpu_reg_of(raw(a)));                                                         \
                                                                                                   \
        *r = (uint64_t)(int64_t)v;                                                                 \
        return likely(v != (min));                                                                 \
    }
#define FP_RAW_D(a) (a)
FP_TO_SIGNED(fcvt_w_s, v_unbox_s, fpu_s_to_w, int32_t, INT32_MIN)
FP_TO_SIGNED(fcvt_l_s, v_unbox_s, fpu_s_to_l, int64_t, INT64_MIN)
FP_TO_SIGNED(fcvt_w_d, FP_RAW_D, fpu_d_to_w, int32_t, INT32_MIN)
FP_TO_SIGNED(fcvt_l_d, FP_RAW_D, fpu_d_to_l, int64_t, INT64_MIN)
FP_TO_SIGNED(fcvt_w_s_rtz, v_unbox_s, fpu_s_to_w_rtz, int32_t, INT32_MIN)
FP_TO_SIGNED(fcvt_l_s_rtz, v_unbox_s, fpu_s_to_l_rtz, int64_t, INT64_MIN)
FP_TO_SIGNED(fcvt_w_d_rtz, FP_RAW_D, fpu_d_to_w_rtz, int32_t, INT32_MIN)
FP_TO_SIGNED(fcvt_l_d_rtz, FP_RAW_D, fpu_d_to_l_rtz, int64_t, INT64_MIN)
#undef FP_TO_SIGNED

/*
 * Unsigned: positive values that fit whichever way they round, and fit a signed
 * 64-bit integer, are the host's; the bits of positive numbers compare as the
 * numbers do.
 */
#define FP_TO_UNSIGNED(name, raw, host, bits, limit)                                               \
    static ALWAYS_INLINE bool fp_##name(uint64_t *r, uint64_t a)                                   \
    {                                                                                              \
        if (unlikely(raw(a) >= (limit)))                                                           \
            return false;                                                                          \
        *r = (uint64_t)sext((uint64_t)host(fpu_reg_of(a)), bits);                                  \
        return true;                                                                               \
    }
#define FP_TWO_TO_63_S 0x5f000000ull
#define FP_TWO_TO_63_D 0x43e0000000000000ull
#define FP_END_OF_32_S 0x4f800000ull         /* one step above 2^32 - 2^8 */
#define FP_END_OF_32_D 0x41efffffffe00001ull /* one step above 2^32 - 1 */
FP_TO_UNSIGNED(fcvt_wu_s, v_unbox_s, fpu_s_to_l, 32, FP_END_OF_32_S)
FP_TO_UNSIGNED(fcvt_lu_s, v_unbox_s, fpu_s_to_l, 64, FP_TWO_TO_63_S)
FP_TO_UNSIGNED(fcvt_wu_d, FP_RAW_D, fpu_d_to_l, 32, FP_END_OF_32_D)
FP_TO_UNSIGNED(fcvt_lu_d, FP_RAW_D, fpu_d_to_l, 64, FP_TWO_TO_63_D)
FP_TO_UNSIGNED(fcvt_wu_s_rtz, v_unbox_s, fpu_s_to_l_rtz, 32, FP_END_OF_32_S)
FP_TO_UNSIGNED(fcvt_lu_s_rtz, v_unbox_s, fpu_s_to_l_rtz, 64, FP_TWO_TO_63_S)
FP_TO_UNSIGNED(fcvt_wu_d_rtz, FP_RAW_D, fpu_d_to_l_rtz, 32, FP_END_OF_32_D)
FP_TO_UNSIGNED(fcvt_lu_d_rtz, FP_RAW_D, fpu_d_to_l_rtz, 64, FP_TWO_TO_63_D)
#undef FP_TO_UNSIGNED
#undef FP_RAW_D

/* ---- from integers, and between widths ---- */

#define FP_FROM_INT(name, w, host, type)                                                           \
    static ALWAYS_INLINE bool fp_##name(uint64_t *r, uint64_t a)                                   \
    {                                                                                              \
        return fp_done_##w(r, host((type)a));                                                      \
    }
FP_FROM_INT(fcvt_s_w, s, fpu_w_to_s, int32_t)
FP_FROM_INT(fcvt_s_wu, s, fpu_l_to_s, uint32_t)
FP_FROM_INT(fcvt_s_l, s, fpu_l_to_s, int64_t)
FP_FROM_INT(fcvt_d_l, d, fpu_l_to_d, int64_t)
#undef FP_FROM_INT

/*
 * Towards zero, and of an integer that does not fit the low 32 bits; infinities and NaNs give 0.
 * The flags are those of the conversion that saturates, so the host's.
 */
static inline uint64_t fp_modular(uint64_t a)
{
    int shift = (int)bits_get(a, 62, 52) - 1075;
    uint64_t sig = bits_get(a, 51, 0) | 1ull << 52;

    if (shift <= -64 || shift >= 32)
        return 0;
    sig = shift < 0 ? sig >> -shift : sig << shift;
    return (uint64_t)(int32_t)(bit_test(a, 63) ? -sig : sig);
}

static ALWAYS_INLINE uint64_t v_fcvtmod_w_d(uint64_t a)
{
    int32_t v = fpu_d_to_w_rtz(fpu_reg_of(a));

    return likely(v != INT32_MIN) ? (uint64_t)(int64_t)v : fp_modular(a);
}

/* Half of a, its last bit standing for both that went: rounds as a does, and doubling is exact. */
static ALWAYS_INLINE int64_t fp_half(uint64_t a)
{
    return (int64_t)(a >> 1 | (a & 1));
}

static ALWAYS_INLINE bool fp_fcvt_s_lu(uint64_t *r, uint64_t a)
{
    fpu_reg v;

    if (likely((int64_t)a >= 0))
        return fp_fcvt_s_l(r, a);
    v = fpu_l_to_s(fp_half(a));
    return fp_done_s(r, fpu_add_s(v, v));
}

static ALWAYS_INLINE bool fp_fcvt_d_lu(uint64_t *r, uint64_t a)
{
    fpu_reg v;

    if (likely((int64_t)a >= 0))
        return fp_fcvt_d_l(r, a);
    v = fpu_l_to_d(fp_half(a));
    return fp_done_d(r, fpu_add_d(v, v));
}

static ALWAYS_INLINE bool fp_fcvt_s_d(uint64_t *r, uint64_t a)
{
    return fp_done_s(r, fpu_d_to_s(fpu_reg_of(a)));
}

static ALWAYS_INLINE uint64_t v_fcvt_d_s(uint64_t a)
{
    fpu_reg v = fpu_s_to_d(fpu_reg_of(v_unbox_s(a)));

    return likely(!fpu_is_nan_d(v)) ? fpu_bits_d(v) : FP_NAN_D;
}

static ALWAYS_INLINE uint64_t v_fcvt_d_w(uint64_t a)
{
    return fpu_bits_d(fpu_w_to_d((int32_t)a));
}

static ALWAYS_INLINE uint64_t v_fcvt_d_wu(uint64_t a)
{
    return fpu_bits_d(fpu_l_to_d((uint32_t)a));
}

/* ---- comparisons ---- */

#define FP_COMPARE(op)                                                                             \
    static ALWAYS_INLINE uint64_t v_f##op##_s(uint64_t a, uint64_t b)                              \
    {                                                                                              \
        return fpu_bits_s(fpu_##op##_s(fpu_reg_of(v_unbox_s(a)), fpu_reg_of(v_unbox_s(b)))) & 1;   \
    }                                                                                              \
    static ALWAYS_INLINE uint64_t v_f##op##_d(uint64_t a, uint64_t b)                              \
    {                                                                                              \
        return fpu_bits_d(fpu_##op##_d(fpu_reg_of(a), fpu_reg_of(b))) & 1;                         \
    }
FP_COMPARE(eq)
FP_COMPARE(lt)
FP_COMPARE(le)
#undef FP_COMPARE

#define FP_COMPARE_QUIET(op)                                                                       \
    static ALWAYS_INLINE uint64_t v_f##op##_s(uint64_t a, uint64_t b)                              \
    {                                                                                              \
        return fpu_##op##_s(fpu_reg_of(v_unbox_s(a)), fpu_reg_of(v_unbox_s(b)));                   \
    }                                                                                              \
    static ALWAYS_INLINE uint64_t v_f##op##_d(uint64_t a, uint64_t b)                              \
    {                                                                                              \
        return fpu_##op##_d(fpu_reg_of(a), fpu_reg_of(b));                                         \
    }
FP_COMPARE_QUIET(ltq)
FP_COMPARE_QUIET(leq)
#undef FP_COMPARE_QUIET

/* Integers in the order of the numbers, -0 below +0. */
static ALWAYS_INLINE int64_t fp_order_d(uint64_t a)
{
    return (int64_t)(a ^ (uint64_t)((int64_t)a >> 63) >> 1);
}

static ALWAYS_INLINE int64_t fp_order_s(uint64_t a)
{
    return fp_order_d(a << 32);
}

/* One of two unboxed operands is a NaN: the result is the other. */
static ALWAYS_INLINE uint64_t fp_not_nan_s(uint64_t x, uint64_t y)
{
    if (!fp_is_nan_s(x))
        return x;
    return fp_is_nan_s(y) ? FP_NAN_S : y;
}

static ALWAYS_INLINE uint64_t fp_not_nan_d(uint64_t x, uint64_t y)
{
    if (!fp_is_nan_d(x))
        return x;
    return fp_is_nan_d(y) ? FP_NAN_D : y;
}

/* The result is a NaN. */
static ALWAYS_INLINE uint64_t fp_any_nan_s(uint64_t x, uint64_t y)
{
    (void)x, (void)y;
    return FP_NAN_S;
}

static ALWAYS_INLINE uint64_t fp_any_nan_d(uint64_t x, uint64_t y)
{
    (void)x, (void)y;
    return FP_NAN_D;
}

/*
 * minimumNumber, maximumNumber, minimum and maximum of IEEE 754-2019; the comparison raises NV for
 * signaling NaNs.
 */
#define FP_MINMAX(name, op, nan)                                                                   \
    static ALWAYS_INLINE uint64_t v_##name##_s(uint64_t a, uint64_t b)                             \
    {                                                                                              \
        uint64_t x = v_unbox_s(a), y = v_unbox_s(b);                                               \
                                                                                                   \
        if (likely(!fp_is_nan_s(x) && !fp_is_nan_s(y)))                                            \
            return v_box_s(fp_order_s(x) op fp_order_s(y) ? x : y);                                \
        (void)fpu_eq_s(fpu_reg_of(x), fpu_reg_of(y));                                              \
        return v_box_s(nan##_s(x, y));                                                             \
    }                                                                                              \
    static ALWAYS_INLINE uint64_t v_##name##_d(uint64_t a, uint64_t b)                             \
    {                                                                                              \
        if (likely(!fp_is_nan_d(a) && !fp_is_nan_d(b)))                                            \
            return fp_order_d(a) op fp_order_d(b) ? a : b;                                         \
        (void)fpu_eq_d(fpu_reg_of(a), fpu_reg_of(b));                                              \
        return nan##_d(a, b);                                                                      \
    }
FP_MINMAX(fmin, <, fp_not_nan)
FP_MINMAX(fmax, >, fp_not_nan)
FP_MINMAX(fminm, <, fp_any_nan)
FP_MINMAX(fmaxm, >, fp_any_nan)
#undef FP_MINMAX

/* ---- classes ---- */

/*
 * The bit of rd that FCLASS sets: 0 -inf, 1 negative normal, 2 negative subnormal,
 * 3 -0, 4 +0, 5 positive subnormal, 6 positive normal, 7 +inf, 8 signaling, 9 quiet NaN.
 */
static inline uint64_t fp_classify(bool negative, uint64_t exp, uint64_t exp_max, uint64_t frac,
                                   bool quiet)
{
    unsigned positive_class;

    if (exp == exp_max && frac)
        return quiet ? 1u << 9 : 1u << 8;
    if (exp == exp_max)
        positive_class = 7;
    else if (exp)
        positive_class = 6;
    else
        positive_class = frac ? 5 : 4;
    return 1ull << (negative ? 7 - positive_class : positive_class);
}

static inline uint64_t v_fclass_s(uint64_t a)
{
    uint64_t u = v_unbox_s(a);

    return fp_classify(bit_test(u, 31), bits_get(u, 30, 23), 0xff, bits_get(u, 22, 0),
                       bit_test(u, 22));
}

static inline uint64_t v_fclass_d(uint64_t a)
{
    return fp_classify(bit_test(a, 63), bits_get(a, 62, 52), 0x7ff, bits_get(a, 51, 0),
                       bit_test(a, 51));
}

#endif
