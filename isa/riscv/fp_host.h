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

#define FPU_OP2(name, type, insn)                                                                  \
    static ALWAYS_INLINE type fpu_##name(type a, type b)                                           \
    {                                                                                              \
        __asm__ volatile(insn " %1, %0" : "+x"(a) : "x"(b));                                       \
        return a;                                                                                  \
    }
FPU_OP2(add_d, double, "addsd")
FPU_OP2(sub_d, double, "subsd")
FPU_OP2(mul_d, double, "mulsd")
FPU_OP2(div_d, double, "divsd")
FPU_OP2(add_s, float, "addss")
FPU_OP2(sub_s, float, "subss")
FPU_OP2(mul_s, float, "mulss")
FPU_OP2(div_s, float, "divss")
/* Comparisons: all bits set if true.  eq is quiet, lt and le raise NV for any NaN. */
FPU_OP2(eq_d, double, "cmpeqsd")
FPU_OP2(lt_d, double, "cmpltsd")
FPU_OP2(le_d, double, "cmplesd")
FPU_OP2(eq_s, float, "cmpeqss")
FPU_OP2(lt_s, float, "cmpltss")
FPU_OP2(le_s, float, "cmpless")
#undef FPU_OP2

static ALWAYS_INLINE double fpu_sqrt_d(double a)
{
    __asm__ volatile("sqrtsd %0, %0" : "+x"(a));
    return a;
}

static ALWAYS_INLINE float fpu_sqrt_s(float a)
{
    __asm__ volatile("sqrtss %0, %0" : "+x"(a));
    return a;
}

/* Whether fpu_fma_* may be used.  A load and a test: libgcc reads CPUID before main. */
static ALWAYS_INLINE bool fpu_has_fma(void)
{
    return __builtin_cpu_supports("fma");
}

static ALWAYS_INLINE double fpu_fma_d(double a, double b, double c)
{
    __asm__ volatile("vfmadd213sd %2, %1, %0" : "+x"(a) : "x"(b), "x"(c));
    return a;
}

static ALWAYS_INLINE float fpu_fma_s(float a, float b, float c)
{
    __asm__ volatile("vfmadd213ss %2, %1, %0" : "+x"(a) : "x"(b), "x"(c));
    return a;
}

/* Conversions write part of the register; starting from 0 keeps chains of them independent. */
#define FPU_CONVERT(name, to, from, class, insn)                                                   \
    static ALWAYS_INLINE to fpu_##name(from a)                                                     \
    {                                                                                              \
        to r = 0;                                                                                  \
                                                                                                   \
        __asm__ volatile(insn " %1, %0" : "+x"(r) : class(a));                                     \
        return r;                                                                                  \
    }
FPU_CONVERT(s_to_d, double, float, "x", "cvtss2sd")
FPU_CONVERT(d_to_s, float, double, "x", "cvtsd2ss")
FPU_CONVERT(w_to_d, double, int32_t, "r", "cvtsi2sdl")
FPU_CONVERT(l_to_d, double, int64_t, "r", "cvtsi2sdq")
FPU_CONVERT(w_to_s, float, int32_t, "r", "cvtsi2ssl")
FPU_CONVERT(l_to_s, float, int64_t, "r", "cvtsi2ssq")
#undef FPU_CONVERT

/* To integers.  What does not fit raises NV alone and gives the most negative integer. */
#define FPU_TO_INT(name, to, from, insn)                                                           \
    static ALWAYS_INLINE to fpu_##name(from a)                                                     \
    {                                                                                              \
        to r;                                                                                      \
                                                                                                   \
        __asm__ volatile(insn " %1, %0" : "=r"(r) : "x"(a));                                       \
        return r;                                                                                  \
    }
FPU_TO_INT(d_to_w, int32_t, double, "cvtsd2si")
FPU_TO_INT(d_to_l, int64_t, double, "cvtsd2si")
FPU_TO_INT(s_to_w, int32_t, float, "cvtss2si")
FPU_TO_INT(s_to_l, int64_t, float, "cvtss2si")
FPU_TO_INT(d_to_w_rtz, int32_t, double, "cvttsd2si")
FPU_TO_INT(d_to_l_rtz, int64_t, double, "cvttsd2si")
FPU_TO_INT(s_to_w_rtz, int32_t, float, "cvttss2si")
FPU_TO_INT(s_to_l_rtz, int64_t, float, "cvttss2si")
#undef FPU_TO_INT

#else
#error "fp_host.h: no floating-point unit described for this host"
#endif

#endif
