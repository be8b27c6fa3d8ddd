/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of Zfh on raw register values, by the host's unit; the rules
 * and the two kinds of functions are those of fp_ops.h.
 *
 * The host converts between half and single (F16C) and computes in single.  What
 * has no F16C leaves all that rounds to a half to software; conversions from
 * half are exact and need a multiplication only.
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

/* To a single by rounding to odd: the last bit stands for all that went, so it rounds to a half as
 * the double does.  Where singles end or get coarser, the half overflows or underflows too. */
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

#endif
