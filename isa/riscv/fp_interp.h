/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floating-point words of the semantics in the interpreter's reading
 * (sem.h lists them, sem_interp.h has the others).  The v_* words are functions
 * of fp_ops.h; these are the ones that look at the rounding mode.
 */
#ifndef ISA_RISCV_FP_INTERP_H
#define ISA_RISCV_FP_INTERP_H

#include "isa/riscv/fp.h"
#include "isa/riscv/fp_ops.h"

#define FP_SLOW(v, op, a, b, c)                                                                    \
    do {                                                                                           \
        struct rv_load fp_slow_ = rv_fp_slow(h, RV_FP_##op, ARG(rm), a, b, c);                     \
        if (unlikely(!fp_slow_.ok))                                                                \
            ILLEGAL();                                                                             \
        (v) = fp_slow_.value;                                                                      \
    } while (0)

#define FP_OP1(v, op, a)                                                                           \
    val v;                                                                                         \
    do {                                                                                           \
        if (likely(rv_fp_ready(h, ARG(rm))))                                                       \
            (v) = fp_##op(a);                                                                      \
        else                                                                                       \
            FP_SLOW(v, op, a, 0, 0);                                                               \
    } while (0)

#define FP_OP2(v, op, a, b)                                                                        \
    val v;                                                                                         \
    do {                                                                                           \
        if (likely(rv_fp_ready(h, ARG(rm))))                                                       \
            (v) = fp_##op(a, b);                                                                   \
        else                                                                                       \
            FP_SLOW(v, op, a, b, 0);                                                               \
    } while (0)

#define FP_OP3(v, op, a, b, c)                                                                     \
    val v;                                                                                         \
    do {                                                                                           \
        if (likely(rv_fp_ready(h, ARG(rm))))                                                       \
            (v) = fp_##op(a, b, c);                                                                \
        else                                                                                       \
            FP_SLOW(v, op, a, b, c);                                                               \
    } while (0)

/* The host truncates in any mode: what C casts need. */
#define FP_TO_INT(v, op, a)                                                                        \
    val v;                                                                                         \
    do {                                                                                           \
        if (likely(ARG(rm) == FP_RTZ))                                                             \
            (v) = fp_##op##_rtz(a);                                                                \
        else if (rv_fp_ready(h, ARG(rm)))                                                          \
            (v) = fp_##op(a);                                                                      \
        else                                                                                       \
            FP_SLOW(v, op, a, 0, 0);                                                               \
    } while (0)

#define FP_EXACT()                                                                                 \
    do {                                                                                           \
        if (unlikely(!rv_fp_mode_legal(h, ARG(rm))))                                               \
            ILLEGAL();                                                                             \
    } while (0)

#endif
