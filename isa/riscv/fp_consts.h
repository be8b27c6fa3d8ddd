/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What FLI loads (fp_consts.def), for the semantics under each reading.
 */
#ifndef ISA_RISCV_FP_CONSTS_H
#define ISA_RISCV_FP_CONSTS_H

#include <stdint.h>

/* The bits of one constant in each width, not boxed. */
struct rv_fp_const {
    uint64_t d;
    uint32_t s;
    uint16_t h;
};

extern const struct rv_fp_const rv_fp_consts[32];

#endif
