/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floating-point words of the semantics in the interpreter's reading
 * (sem.h lists them, sem_interp.h has the others).  The v_* words are functions
 * of fp_ops.h; these are the ones that look at the rounding mode.  What the
 * host's unit cannot do at once is left to the handler's slow variant.
 */
#ifndef ISA_RISCV_FP_INTERP_H
#define ISA_RISCV_FP_INTERP_H

#include "isa/riscv/fp.h"
#include "isa/riscv/fp_consts.h"
#include "isa/riscv/fp_half.h"
#include "isa/riscv/fp_ops.h"

/* done is the operation by the host's unit, stored in v; false: not possible, or not yet. */
#define FP_DO(v, done, slow_call)                                                                  \
    val v;                                                                                         \
    do {                                                                                           \
        if (!slow) {                                                                               \
            if (unlikely(!(done)))                                                                 \
                GO_SLOW();                                                                         \
        } else {                                                                                   \
            struct rv_load fp_slow_ = (slow_call);                                                 \
            if (unlikely(!fp_slow_.ok))                                                            \
                ILLEGAL();                                                                         \
            (v) = fp_slow_.value;                                                                  \
        }                                                                                          \
    } while (0)

#define FP_READY()     likely(rv_fp_ready(h, ARG(rm)))
#define FP_READY_FMA() likely(rv_fp_ready_fma(h, ARG(rm)))

#define FP_OP1(v, op, a)                                                                           \
    FP_DO(v, FP_READY() && fp_##op(&(v), a), rv_fp_slow(h, RV_FP_##op, ARG(rm), a, 0, 0))

#define FP_OP2(v, op, a, b)                                                                        \
    FP_DO(v, FP_READY() && fp_##op(&(v), a, b), rv_fp_slow(h, RV_FP_##op, ARG(rm), a, b, 0))

#define FP_OP3(v, op, a, b, c)                                                                     \
    FP_DO(v, FP_READY_FMA() && fp_##op(&(v), a, b, c), rv_fp_slow(h, RV_FP_##op, ARG(rm), a, b, c))

/* The host truncates in any mode: what C casts need. */
#define FP_TO_INT(v, op, a)                                                                        \
    FP_DO(v,                                                                                       \
          ARG(rm) == FP_RTZ ? fp_##op##_rtz(&(v), a)                                               \
                            : rv_fp_ready(h, ARG(rm)) && fp_##op(&(v), a),                         \
          ARG(rm) == FP_RTZ ? rv_fp_soft(h, RV_FP_##op, FP_RTZ, a, 0, 0)                           \
                            : rv_fp_slow(h, RV_FP_##op, ARG(rm), a, 0, 0))

#define FP_EXACT()                                                                                 \
    do {                                                                                           \
        if (unlikely(!rv_fp_mode_legal(h, ARG(rm))))                                               \
            ILLEGAL();                                                                             \
    } while (0)

#endif
