/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floating-point state of a hart.  While a hart's thread runs guest code,
 * the host's control register holds the guest's rounding mode, and the host's
 * sticky flags are the newer part of fflags:
 *
 *   fflags of the guest = csr.fflags | flags of the host
 *
 * so an operation costs what the host's own costs, and flags are gathered only
 * when a guest reads them.  The rounding mode is changed lazily: h->fp_ready
 * has a bit for each value of an instruction's rm field, set if the host is in
 * that mode now.  An instruction that finds its bit clear takes rv_fp_slow,
 * which switches (and leaves it switched), computes in software (RMM), or finds
 * the mode reserved.  Static modes that alternate pay for the switches; those
 * of C casts (round towards zero) have host instructions of their own.
 *
 * Called by the interpreter, the CSRs and the run loop, on the hart's thread.
 * C code that itself computes in floating point or cares for the rounding mode
 * must not run between rv_fp_enter and rv_fp_leave.
 * Flags of a hart that has entered are visible to its own thread only: before it
 * stops where others may look at its state, it leaves.
 */
#ifndef ISA_RISCV_FP_H
#define ISA_RISCV_FP_H

#include <stdbool.h>
#include <stdint.h>

#include "isa/riscv/fp_host.h"
#include "isa/riscv/rv.h"

/* The operations that round, as FP_OP1 and its kind name them (sem.h). */
enum rv_fp_op {
#define FP_ROUNDS(name, operands, soft) RV_FP_##name,
#include "isa/riscv/fp_ops.def"
    RV_FP_COUNT
};

/* Begins to run guest code: saves the host's control register, sets the guest's. */
void rv_fp_enter(struct rv_hart *h);
/* Ends it: folds the flags into csr.fflags, restores the host's.  Nothing if not entered. */
void rv_fp_leave(struct rv_hart *h);

/* fflags, frm.  Between enter and leave on the hart's thread only; else on any one thread. */
uint8_t rv_fp_flags_get(const struct rv_hart *h);
void rv_fp_flags_set(struct rv_hart *h, uint8_t flags);
void rv_fp_rm_set(struct rv_hart *h, uint8_t frm); /* 0 to 7, reserved ones too */

/* Whether the host is in the mode that the rm field asks for. */
static ALWAYS_INLINE bool rv_fp_ready(const struct rv_hart *h, unsigned rm)
{
    return (h->fp_ready >> rm) & 1;
}

static ALWAYS_INLINE bool rv_fp_ready_fma(const struct rv_hart *h, unsigned rm)
{
    return (h->fp_ready_fma >> rm) & 1;
}

/* Whether rm names a rounding mode: frm may hold a reserved one. */
static ALWAYS_INLINE bool rv_fp_mode_legal(const struct rv_hart *h, unsigned rm)
{
    return rm != FP_DYN || h->csr.frm <= FP_RMM;
}

/*
 * An operation that the host's unit could not do at once, the mode not being
 * ready or the operands being uncommon; unused operands are ignored.  Not ok:
 * the mode is reserved; no exception was recorded.
 */
struct rv_load rv_fp_slow(struct rv_hart *h, enum rv_fp_op op, unsigned rm, uint64_t a, uint64_t b,
                          uint64_t c);
/* The same in software, without touching the host's mode; always ok. */
struct rv_load rv_fp_soft(struct rv_hart *h, enum rv_fp_op op, enum fp_mode mode, uint64_t a,
                          uint64_t b, uint64_t c);

#endif
