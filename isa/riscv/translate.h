/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From RISC-V instructions to blocks of the intermediate representation
 * (jit/ir.h).  Keeps no state; any thread.
 */
#ifndef ISA_RISCV_TRANSLATE_H
#define ISA_RISCV_TRANSLATE_H

#include "isa/riscv/decode.h"
#include "jit/jit.h"

/* Slots.  1 to 31 are the integer registers; x0 has none. */
enum rv_ir_slot {
    RV_SLOT_F0 = 32,
    RV_SLOT_MSTATUS = 64,
    RV_SLOT_FRM,
    RV_SLOT_ATTENTION,
    RV_IR_SLOTS,
};

enum rv_helper {
#define HELPER(name, kind, flags, ...) RV_HELPER_##name,
#define FP_HELPER(name, operands)      RV_HELPER_##name,
#define RTZ_HELPER(name)               RV_HELPER_##name##_rtz,
#include "isa/riscv/helpers.def"
    RV_HELPER_COUNT
};

/* Slots of struct rv_hart, and the helpers: helpers.c. */
extern const struct ir_guest rv_ir_guest;

extern const struct jit_inline rv_jit_inlines[RV_HELPER_COUNT];

/* An instruction becomes at most so many; a block's last exit is one more. */
#define RV_IR_PER_INSN 48

/*
 * What the translation may rely on, because whoever runs it has looked: it is
 * part of what a piece of code is found by.
 */
struct rv_assume {
    bool fp_dirty; /* FS is 3 */
    bool fp_rne;   /* and frm is 0, and the host rounds so */
};

/*
 * An LR and its SC with nothing in between that touches memory (region.c says what makes a pair):
 * they become `lr` and `sc`.
 */
struct rv_pair {
    ir_ref lr; /* once it is translated */
};

/*
 * Appends one instruction, disp bytes from the block's start and after `retired` others of the
 * block; pair: of the pair that it belongs to, or NULL.  False: the block ends with it, unless it
 * is a branch inside a pair (it may lack its last exit: ir_ended).
 */
bool rv_translate_insn(struct ir_block *b, const struct rv_ext_set *exts,
                       const struct rv_assume *assume, struct rv_pair *pair,
                       const struct rv_insn *insn, int32_t disp, unsigned retired);

/*
 * Translates code (len bytes that follow each other in guest memory) to the end of its first basic
 * block, or max instructions, or where room or code ends; b was begun with rv_ir_guest.  Returns
 * the number of guest instructions, and with it a complete block; 0: not even one fits (the first
 * one is cut off, or less than RV_IR_PER_INSN + 1 room).
 */
unsigned rv_translate_block(struct ir_block *b, const struct rv_ext_set *exts, const uint8_t *code,
                            size_t len, unsigned max);

#endif
