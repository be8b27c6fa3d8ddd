/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions: which blocks of a page are translated as one piece, and their IR.
 * Keeps no state between calls; any thread, with a builder of its own.
 */
#ifndef ISA_RISCV_REGION_H
#define ISA_RISCV_REGION_H

#include "isa/riscv/entries.h"
#include "isa/riscv/ops.h"
#include "isa/riscv/translate.h"
#include "jit/jit.h"

#define RV_REGION_INSNS 512 /* guest instructions at most */

/* How much a region may take in. */
struct rv_region_limits {
    unsigned blocks, insns;
    bool executed_only; /* follows only what the interpreter has decoded */
    uint8_t executed;   /* then: eighths of the page that have something decoded, a bit each */
    bool own_map;       /* a region with a loop may have a register map of its own */
    const struct rv_entries *known[2]; /* where code is entered already: it is jumped to; or NULL */
};

struct rv_region_builder {
    struct jit_region region;
    unsigned insns; /* guest instructions in it */
    bool any_mode;  /* it is right under any assumption */

    struct jit_block blocks[JIT_BLOCKS_MAX];
    struct ir_insn ir[RV_REGION_INSNS * 24];
    uint16_t work[JIT_BLOCKS_MAX];
    uint64_t leaders[RV_SLOTS / 64]; /* a bit per halfword: a block begins */
    uint64_t outside[RV_SLOTS / 64]; /* it is entered from outside the region */
    uint64_t seen[RV_SLOTS / 64];    /* an instruction begins, found while looking for leaders */
    struct rv_insn insn[RV_SLOTS];   /* where seen */
    struct jit_scattered scattered;  /* room for that of the region */
};

/*
 * Builds the region that begins at offset (even) of the page whose decoded slots
 * are ops; code is its bytes.  At least one instruction.
 */
void rv_region_build(struct rv_region_builder *b, const struct rv_guest *g,
                     const struct rv_assume *assume, const struct rv_op *ops, const uint8_t *code,
                     unsigned offset, const struct rv_region_limits *limits);

#endif
