/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating point in integers: every rounding operation of fp_ops.def in all five
 * rounding modes, for what the host's unit cannot do (round to nearest, ties to
 * max magnitude), does otherwise (conversions to unsigned integers that do not
 * fit) or may lack (fused multiply-add).  Called by fp.c alone; pure functions,
 * any thread.
 *
 * The width is data, a struct soft_format.
 * Operands and results are the raw bits of that width, not NaN-boxed.
 */
#ifndef ISA_RISCV_FP_SOFT_H
#define ISA_RISCV_FP_SOFT_H

#include <stdbool.h>
#include <stdint.h>

#include "isa/riscv/fp_host.h"

struct soft_format {
    uint8_t exp_bits, frac_bits; /* frac_bits without the implicit one */
};

extern const struct soft_format soft_h, soft_s, soft_d;

/* What an operation runs in. */
struct soft_env {
    enum fp_mode mode; /* not FP_DYN */
    uint8_t flags;     /* enum fp_flag, accumulates */
};

uint64_t soft_add(const struct soft_format *f, uint64_t a, uint64_t b, struct soft_env *env);
uint64_t soft_sub(const struct soft_format *f, uint64_t a, uint64_t b, struct soft_env *env);
uint64_t soft_mul(const struct soft_format *f, uint64_t a, uint64_t b, struct soft_env *env);
uint64_t soft_div(const struct soft_format *f, uint64_t a, uint64_t b, struct soft_env *env);
uint64_t soft_sqrt(const struct soft_format *f, uint64_t a, struct soft_env *env);
/* a * b + c, rounded once. */
uint64_t soft_fma(const struct soft_format *f, uint64_t a, uint64_t b, uint64_t c,
                  struct soft_env *env);
uint64_t soft_convert(const struct soft_format *to, const struct soft_format *from, uint64_t a,
                      struct soft_env *env);
/* To an integer in the same format; NX for what that changes only if inexact says so. */
uint64_t soft_round(const struct soft_format *f, uint64_t a, bool inexact, struct soft_env *env);
uint64_t soft_from_int(const struct soft_format *f, int64_t a, struct soft_env *env);
uint64_t soft_from_uint(const struct soft_format *f, uint64_t a, struct soft_env *env);
/*
 * To an integer of 32 or 64 bits.  What does not fit saturates and raises NV
 * alone; a NaN counts as +infinity.  32-bit results are sign-extended, the
 * unsigned ones too.
 */
uint64_t soft_to_int(const struct soft_format *f, uint64_t a, unsigned bits, bool is_signed,
                     struct soft_env *env);

#endif
