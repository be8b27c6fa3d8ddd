/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From instruction words to operations, and back.  Everything comes from
 * insns.def (encodings) and exts.def (extensions).  Called by the interpreter
 * and the translator at the first execution of an instruction, by the
 * debugger, and by the disasm and asm verbs.
 *
 * Two numberings: an op (RV_OP_addi) is what an instruction means, a form
 * (RV_FORM_c_addi) is one encoding of it.  Several forms may share an op; the
 * engines look at the op alone and take the length from the decoded record.
 *
 * All functions may run on any thread.  The look-up tables are built once, at
 * the first call, and never change afterwards.
 */
#ifndef ISA_RISCV_DECODE_H
#define ISA_RISCV_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Extensions, in the order of exts.def. */
enum rv_ext {
#define EXT(id, name, major, minor, support, implied) RV_EXT_##id,
#include "isa/riscv/exts.def"
    RV_EXT_COUNT
};

struct rv_ext_set {
    uint64_t bits[(RV_EXT_COUNT + 63) / 64];
};

static inline bool rv_ext_has(const struct rv_ext_set *set, enum rv_ext ext)
{
    return (set->bits[ext / 64] >> (ext % 64)) & 1;
}

static inline void rv_ext_add(struct rv_ext_set *set, enum rv_ext ext)
{
    set->bits[ext / 64] |= 1ull << (ext % 64);
}

static inline void rv_ext_del(struct rv_ext_set *set, enum rv_ext ext)
{
    set->bits[ext / 64] &= ~(1ull << (ext % 64));
}

/* Operations: one for each INSN line, so one for each SEM text. */
enum rv_op_id {
    RV_OP_illegal = 0,
#define INSN(name, ext, format, picture) RV_OP_##name,
#include "isa/riscv/insns.def"
    RV_OP_COUNT
};

/* Encodings: one for each INSN, HINT and CINSN line. */
enum rv_form_id {
    RV_FORM_illegal = 0,
#define INSN(name, ext, format, picture)              RV_FORM_##name,
#define HINT(name, base, ext, format, picture)        RV_FORM_##name,
#define CINSN(name, base, ext, format, picture, rule) RV_FORM_##name,
#include "isa/riscv/insns.def"
    RV_FORM_COUNT
};

enum rv_format {
#define FORMAT(name, operands, immediate, fill, rule, flags) RV_FORMAT_##name,
#include "isa/riscv/insns.def"
    RV_FORMAT_COUNT
};

/* Flags of an op.  The RV_READS and RV_WRITES ones follow from the operands. */
enum rv_op_flag {
    RV_IS_BRANCH = 1 << 0, /* conditional, target is pc + imm */
    RV_IS_JUMP = 1 << 1,   /* jal, jalr */
    RV_IS_LOAD = 1 << 2,
    RV_IS_STORE = 1 << 3,
    RV_IS_AMO = 1 << 4, /* lr, sc and all atomics; has aq and rl */
    RV_IS_FP = 1 << 5,  /* needs mstatus.FS: touches f registers or fcsr */
    RV_IS_FENCE = 1 << 6,
    RV_IS_CSR = 1 << 7,
    RV_IS_SYSTEM = 1 << 8,
    RV_ENDS_BLOCK = 1 << 9, /* pc, mode, translation or pending interrupts may change */
    RV_READS_RS1 = 1 << 10,
    RV_READS_RS2 = 1 << 11,
    RV_WRITES_RD = 1 << 12,
    RV_READS_FRS1 = 1 << 13,
    RV_READS_FRS2 = 1 << 14,
    RV_READS_FRS3 = 1 << 15,
    RV_WRITES_FRD = 1 << 16,
    RV_HAS_RM = 1 << 17,
};

/*
 * A decoded instruction.  Fields that the encoding lacks are 0.  imm is
 * sign-extended and scaled: lui and auipc have the 32-bit value with its low 12
 * bits clear, shifts the shift amount, CSR instructions the CSR number (and rs1
 * is the 5-bit immediate of csrrwi and its kind), fence its 12 bits
 * fm/pred/succ, branches and jumps the byte offset.
 */
struct rv_insn {
    uint16_t op;   /* enum rv_op_id */
    uint16_t form; /* enum rv_form_id, for text */
    uint8_t len;   /* 2 or 4 bytes */
    uint8_t rd, rs1, rs2, rs3;
    uint8_t rm; /* 0 to 4, or 7 for frm */
    bool aq, rl;
    int32_t imm;
    uint32_t raw; /* the len low bytes of the word */
};

struct rv_op_info {
    const char *name; /* as in assembly: "fadd.d" */
    enum rv_ext ext;
    enum rv_format format;
    uint32_t mask, match; /* the fixed bits of the 32-bit encoding */
    uint32_t flags;       /* enum rv_op_flag */
};

/*
 * Decodes the word at the low end of raw; for a 16-bit instruction the upper
 * half is ignored.  Never fails: what is unknown, reserved or of an extension
 * that is not in exts becomes RV_OP_illegal, with the length that the low two
 * bits say.
 */
void rv_decode(uint32_t raw, const struct rv_ext_set *exts, struct rv_insn *out);

/* The constant facts of an op; op must be below RV_OP_COUNT. */
const struct rv_op_info *rv_op_info(unsigned op);

/* The inverse of rv_decode for one form.  Takes the fields of in that the form
 * has; returns the length, or -EINVAL if a field does not fit the form. */
int rv_encode(unsigned form, const struct rv_insn *in, uint32_t *raw);

/*
 * Writes the instruction as `objdump -M no-aliases` prints it ("addi\ta0,a1,1"),
 * a branch target as an absolute address.  An illegal one becomes ".2byte" or
 * ".4byte" and the word.  Returns the length that the full text has, as snprintf.
 */
size_t rv_disasm(const struct rv_insn *insn, uint64_t pc, char *buf, size_t size);

/*
 * Assembles one instruction at address pc: the mnemonics and operands that
 * rv_disasm writes (spaces are free, x and f register numbers are taken), and
 * nop, mv, li (12 bits), ret, j, beqz, bnez.  Returns the length in bytes, or
 * -EINVAL for text that is no instruction or an operand that does not fit.
 */
int rv_asm(const char *text, uint64_t pc, uint32_t *raw);

#endif
