/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floating-point unit of the host: its operations, its rounding mode and
 * its sticky flags, as small inline functions.  Included by fp.h and fp.c
 * alone; runs on the hart's thread.  A further host is a further branch of the
 * one #if below.
 *
 * Operations are volatile assembler and not C expressions: a compiler may fold,
 * move or drop a C addition whose result is known or unused, and with it the
 * flags it would raise (clang also turns the _mm_add_sd kind of intrinsic into
 * such expressions).  Volatile assembler keeps its place between the reads and
 * writes of the control register.
 *
 * x86-64: SSE detects tininess after rounding, as RISC-V demands (Unprivileged,
 * F, "Subnormal Arithmetic").  Denormals are not flushed, all exceptions are
 * masked.  A host that detects tininess before rounding (AArch64 without
 * FEAT_AFP) cannot take UF from its own flags.
 */
#ifndef ISA_RISCV_FP_HOST_H
#define ISA_RISCV_FP_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/bits.h"

/* Rounding modes, as in frm and in the rm field. */
enum fp_mode { FP_RNE = 0, FP_RTZ = 1, FP_RDN = 2, FP_RUP = 3, FP_RMM = 4, FP_DYN = 7 };

/* Bits of fflags. */
enum fp_flag { FP_NX = 1, FP_UF = 2, FP_OF = 4, FP_DZ = 8, FP_NV = 16 };

#if defined(__x86_64__)

#include <emmintrin.h>

enum {
    MXCSR_IE = 0x01,
    MXCSR_ZE = 0x04,
    MXCSR_OE = 0x08,
    MXCSR_UE = 0x10,
    MXCSR_PE = 0x20,
    MXCSR_FLAGS = 0x3f,
    MXCSR_MASKS = 0x1f80,
    MXCSR_RC_SHIFT = 13,
    MXCSR_RC = 3 << MXCSR_RC_SHIFT,
};

/* The whole control and status register. */
static ALWAYS_INLINE uint32_t fpu_control_get(void)
{
    uint32_t v;

    __asm__ volatile("stmxcsr %0" : "=m"(v));
    return v;
}

static ALWAYS_INLINE void fpu_control_set(uint32_t v)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(v));
}

/* A control word: exceptions masked, no flags, rounding as mode says (not RMM). */
static ALWAYS_INLINE uint32_t fpu_control(enum fp_mode mode)
{
    /* Two bits each: RNE 0, RTZ 3, RDN 1, RUP 2. */
    return MXCSR_MASKS | ((0x9cu >> (2 * mode)) & 3) << MXCSR_RC_SHIFT;
}

static ALWAYS_INLINE enum fp_mode fpu_round_get(void)
{
    unsigned rc = (fpu_control_get() & MXCSR_RC) >> MXCSR_RC_SHIFT;

    return (enum fp_mode)((0x78u >> (2 * rc)) & 3);
}

/* Keeps the flags. */
static ALWAYS_INLINE void fpu_round_set(enum fp_mode mode)
{
    fpu_control_set((fpu_control_get() & MXCSR_FLAGS) | fpu_control(mode));
}

/* The flags raised since they were cleared, as enum fp_flag. */
static ALWAYS_INLINE uint8_t fpu_flags_get(void)
{
    uint32_t v = fpu_control_get();

    return (uint8_t)((v & MXCSR_IE) << 4 | (v & MXCSR_ZE) << 1 | (v & MXCSR_OE) >> 1 |
                     (v & MXCSR_UE) >> 3 | (v & MXCSR_PE) >> 5);
}

static ALWAYS_INLINE void fpu_flags_clear(void)
{
    fpu_control_set(fpu_control_get() & ~(uint32_t)MXCSR_FLAGS);
}

/* Adds flags, as enum fp_flag. */
static ALWAYS_INLINE void fpu_flags_raise(uint8_t flags)
{
    uint32_t v = (flags & FP_NV) >> 4 | (flags & FP_DZ) >> 1 | (flags & FP_OF) << 1 |
                 (flags & FP_UF) << 3 | (flags & FP_NX) << 5;

    fpu_control_set(fpu_control_get() | v);
}

/*
 * A register of the unit; a narrower value is at its low end, what lies above
 * is arbitrary.  A vector type, because gcc 12 moves a uint64_t from memory to
 * a double by way of an integer register, and a vector directly.
 */
typedef __m128i fpu_reg;

static ALWAYS_INLINE fpu_reg fpu_reg_of(uint64_t bits)
{
    return _mm_cvtsi64_si128((long long)bits);
}

static ALWAYS_INLINE uint64_t fpu_bits_d(fpu_reg a)
{
    return (uint64_t)_mm_cvtsi128_si64(a);
}

/* Zero-extended. */
static ALWAYS_INLINE uint64_t fpu_bits_s(fpu_reg a)
{
    return (uint32_t)_mm_cvtsi128_si32(a);
}

/* For results: they are never signaling NaNs, so comparing them raises nothing. */
static ALWAYS_INLINE bool fpu_is_nan_d(fpu_reg a)
{
    double v = _mm_cvtsd_f64(_mm_castsi128_pd(a));

    return v != v;
}

static ALWAYS_INLINE bool fpu_is_nan_s(fpu_reg a)
{
    float v = _mm_cvtss_f32(_mm_castsi128_ps(a));

    return v != v;
}

#define FPU_OP2(name, insn)                                                                        \
    static ALWAYS_INLINE fpu_reg fpu_##name(fpu_reg a, fpu_reg b)                                  \
    {                                                                                              \
        __asm__ volatile(insn " %1, %0" : "+x"(a) : "x"(b));                                       \
        return a;                                                                                  \
    }
FPU_OP2(add_d, "addsd")
FPU_OP2(sub_d, "subsd")
FPU_OP2(mul_d, "mulsd")
FPU_OP2(div_d, "divsd")
FPU_OP2(add_s, "addss")
FPU_OP2(sub_s, "subss")
FPU_OP2(mul_s, "mulss")
FPU_OP2(div_s, "divss")
/* Comparisons: all bits set if true.  eq is quiet, lt and le raise NV for any NaN. */
FPU_OP2(eq_d, "cmpeqsd")
FPU_OP2(lt_d, "cmpltsd")
FPU_OP2(le_d, "cmplesd")
FPU_OP2(eq_s, "cmpeqss")
FPU_OP2(lt_s, "cmpltss")
FPU_OP2(le_s, "cmpless")
#undef FPU_OP2

/* In place, so that the part of the register that stays makes nothing wait. */
#define FPU_OP1(name, insn)                                                                        \
    static ALWAYS_INLINE fpu_reg fpu_##name(fpu_reg a)                                             \
    {                                                                                              \
        __asm__ volatile(insn " %0, %0" : "+x"(a));                                                \
        return a;                                                                                  \
    }
FPU_OP1(sqrt_d, "sqrtsd")
FPU_OP1(sqrt_s, "sqrtss")
FPU_OP1(s_to_d, "cvtss2sd")
FPU_OP1(d_to_s, "cvtsd2ss")
#undef FPU_OP1

/* Quiet comparisons, as integers; NV for signaling NaNs alone. */
#define FPU_QUIET(name, insn, condition)                                                           \
    static ALWAYS_INLINE uint64_t fpu_##name(fpu_reg a, fpu_reg b)                                 \
    {                                                                                              \
        bool r;                                                                                    \
                                                                                                   \
        __asm__ volatile(insn " %2, %1" : "=@cc" condition(r) : "x"(b), "x"(a));                   \
        return r;                                                                                  \
    }
FPU_QUIET(ltq_d, "ucomisd", "a")
FPU_QUIET(leq_d, "ucomisd", "ae")
FPU_QUIET(ltq_s, "ucomiss", "a")
FPU_QUIET(leq_s, "ucomiss", "ae")
#undef FPU_QUIET

/* Whether fpu_round_* may be used. */
static ALWAYS_INLINE bool fpu_has_round(void)
{
    return __builtin_cpu_supports("sse4.1");
}

/* To an integer of the same width, as the control register rounds; roundnx raises NX, round not. */
#define FPU_ROUND(name, insn)                                                                      \
    static ALWAYS_INLINE fpu_reg fpu_##name(fpu_reg a)                                             \
    {                                                                                              \
        __asm__ volatile(insn ", %0, %0" : "+x"(a));                                               \
        return a;                                                                                  \
    }
FPU_ROUND(round_d, "roundsd $12")
FPU_ROUND(round_s, "roundss $12")
FPU_ROUND(roundnx_d, "roundsd $4")
FPU_ROUND(roundnx_s, "roundss $4")
#undef FPU_ROUND

/* Whether fpu_fma_* may be used.  A load and a test: libgcc reads CPUID before main. */
static ALWAYS_INLINE bool fpu_has_fma(void)
{
    return __builtin_cpu_supports("fma");
}

/* a * b + c */
static ALWAYS_INLINE fpu_reg fpu_fma_d(fpu_reg a, fpu_reg b, fpu_reg c)
{
    __asm__ volatile("vfmadd213sd %2, %1, %0" : "+x"(a) : "x"(b), "x"(c));
    return a;
}

static ALWAYS_INLINE fpu_reg fpu_fma_s(fpu_reg a, fpu_reg b, fpu_reg c)
{
    __asm__ volatile("vfmadd213ss %2, %1, %0" : "+x"(a) : "x"(b), "x"(c));
    return a;
}

/* Whether fpu_h_to_s and fpu_s_to_h may be used (F16C); constant once main runs. */
extern bool fpu_half;

/* The half in the low bits of a, of which the others are 0. */
static ALWAYS_INLINE fpu_reg fpu_h_to_s(uint64_t a)
{
    fpu_reg r = fpu_reg_of(a);

    __asm__ volatile("vcvtph2ps %0, %0" : "+x"(r));
    return r;
}

/* The bits of the half.  Converts four: the other three must be nothing that raises a flag. */
static ALWAYS_INLINE uint64_t fpu_s_to_h(fpu_reg a)
{
    fpu_reg r = _mm_castps_si128(_mm_move_ss(_mm_setzero_ps(), _mm_castsi128_ps(a)));

    __asm__ volatile("vcvtps2ph $4, %0, %0" : "+x"(r)); /* as the control register rounds */
    return (uint16_t)_mm_cvtsi128_si32(r);
}

/* These write part of a register; starting from 0 keeps chains of them independent. */
#define FPU_FROM_INT(name, from, insn)                                                             \
    static ALWAYS_INLINE fpu_reg fpu_##name(from a)                                                \
    {                                                                                              \
        fpu_reg r = _mm_setzero_si128();                                                           \
                                                                                                   \
        __asm__ volatile(insn " %1, %0" : "+x"(r) : "r"(a));                                       \
        return r;                                                                                  \
    }
FPU_FROM_INT(w_to_d, int32_t, "cvtsi2sdl")
FPU_FROM_INT(l_to_d, int64_t, "cvtsi2sdq")
FPU_FROM_INT(w_to_s, int32_t, "cvtsi2ssl")
FPU_FROM_INT(l_to_s, int64_t, "cvtsi2ssq")
#undef FPU_FROM_INT

/* What does not fit raises NV alone and gives the most negative integer. */
#define FPU_TO_INT(name, to, insn)                                                                 \
    static ALWAYS_INLINE to fpu_##name(fpu_reg a)                                                  \
    {                                                                                              \
        to r;                                                                                      \
                                                                                                   \
        __asm__ volatile(insn " %1, %0" : "=r"(r) : "x"(a));                                       \
        return r;                                                                                  \
    }
FPU_TO_INT(d_to_w, int32_t, "cvtsd2si")
FPU_TO_INT(d_to_l, int64_t, "cvtsd2si")
FPU_TO_INT(s_to_w, int32_t, "cvtss2si")
FPU_TO_INT(s_to_l, int64_t, "cvtss2si")
FPU_TO_INT(d_to_w_rtz, int32_t, "cvttsd2si")
FPU_TO_INT(d_to_l_rtz, int64_t, "cvttsd2si")
FPU_TO_INT(s_to_w_rtz, int32_t, "cvttss2si")
FPU_TO_INT(s_to_l_rtz, int64_t, "cvttss2si")
#undef FPU_TO_INT

#else
#error "fp_host.h: no floating-point unit described for this host"
#endif

#endif
