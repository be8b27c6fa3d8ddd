/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translator: the texts of sem_*.inc under the reading of sem_ir.h, one
 * function each, and the loop that goes through a basic block.
 *
 * A block reads no state while it is translated: what may change from one
 * execution to the next (FS, frm) is tested by the block itself, unless the
 * caller lets it assume it.  So a block depends on its bytes, the extensions and
 * what it may assume.
 */
#include "isa/riscv/translate.h"

#include "isa/riscv/sem_ir.h"
#include "sim/base/log.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
/* clang-format off */
#include "isa/riscv/sem_i.inc"
#include "isa/riscv/sem_m.inc"
#include "isa/riscv/sem_a.inc"
#include "isa/riscv/sem_b.inc"
#include "isa/riscv/sem_k.inc"
#include "isa/riscv/sem_f.inc"
#include "isa/riscv/sem_d.inc"
#include "isa/riscv/sem_zfh.inc"
#include "isa/riscv/sem_zfa.inc"

SEM(illegal) { ILLEGAL(); }
/* clang-format on */
#pragma GCC diagnostic pop

typedef void tr_fn(struct rv_tr *t, int32_t imm, unsigned rd, unsigned rs1, unsigned rs2,
                   unsigned rs3, unsigned rm);

static tr_fn *const texts[RV_OP_COUNT] = {
    [RV_OP_illegal] = sem_illegal,
#define INSN(name, ext, format, picture) [RV_OP_##name] = sem_##name,
#include "isa/riscv/insns.def"
};

/* The text of jal writes rd before it jumps; where it cannot jump it is the exception alone. */
static bool jal_misaligned(struct rv_tr *t)
{
    if (t->insn->op != RV_OP_jal || !tr_misaligned(t))
        return false;
    ir_trap(t->b, t->point, CAUSE_FETCH_MISALIGNED, ir_pc(t->b, t->disp + t->insn->imm));
    return true;
}

bool rv_translate_insn(struct ir_block *b, const struct rv_ext_set *exts,
                       const struct rv_assume *assume, struct rv_pair *pair,
                       const struct rv_insn *insn, int32_t disp, unsigned retired)
{
    unsigned before = b->count;
    struct rv_tr t = {.b = b,
                      .insn = insn,
                      .assume = *assume,
                      .pair = pair,
                      .disp = disp,
                      .retired = retired,
                      .ialign_32 = !rv_ext_has(exts, RV_EXT_Zca)};
    t.point = ir_point(b, disp, retired);
    if (!jal_misaligned(&t))
        texts[insn->op](&t, insn->imm, insn->rd, insn->rs1, insn->rs2, insn->rs3, insn->rm);
    if (unlikely(b->count - before > RV_IR_PER_INSN))
        BUG("%s became %u IR instructions", rv_op_info(insn->op)->name, b->count - before);
    return !ir_ended(b) && !(rv_op_info(insn->op)->flags & RV_ENDS_BLOCK);
}

static void check(const struct ir_block *b)
{
#if defined(MH_DEBUG)
    struct ir_fault fault;
    if (ir_check(b, &fault))
        BUG("translated block: %%%u (%s): %s", fault.at, ir_ops[b->insns[fault.at].op].name,
            fault.what);
#else
    (void)b;
#endif
}

/* The word at code; false if the code ends in the middle of it. */
static bool code_word(const uint8_t *code, size_t len, uint32_t *word)
{
    if (len < 2)
        return false;
    *word = code[0] | (uint32_t)code[1] << 8;
    if ((*word & 3) != 3)
        return true;
    if (len < 4)
        return false;
    *word |= (uint32_t)code[2] << 16 | (uint32_t)code[3] << 24;
    return true;
}

unsigned rv_translate_block(struct ir_block *b, const struct rv_ext_set *exts, const uint8_t *code,
                            size_t len, unsigned max)
{
    static const struct rv_assume nothing;
    unsigned n = 0;
    size_t at = 0;
    uint32_t word;
    bool goes_on = true;
    while (goes_on && n < max && ir_room(b) > RV_IR_PER_INSN &&
           code_word(code + at, len - at, &word)) {
        struct rv_insn insn;
        rv_decode(word, exts, &insn);
        goes_on = rv_translate_insn(b, exts, &nothing, NULL, &insn, (int32_t)at, n);
        at += insn.len;
        n++;
    }
    if (n && !ir_ended(b))
        ir_exit(b, IR_EXIT_CHAIN, n, (int32_t)at);
    if (n)
        check(b);
    return n;
}
