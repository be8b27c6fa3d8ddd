/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parsed lines of insns.def, shared by the decoder, the disassembler, the
 * assembler and the tests.  Built once by decode.c, constant afterwards; any
 * thread.
 */
#ifndef ISA_RISCV_FORMS_H
#define ISA_RISCV_FORMS_H

#include "isa/riscv/decode.h"

/* Rules that the fields of a form must satisfy; the last column of CINSN. */
enum rv_rule {
    RV_RULE_I_NZ = 1 << 0,   /* the immediate is not 0 */
    RV_RULE_D_NZ = 1 << 1,   /* rd is not x0 */
    RV_RULE_D_NOT2 = 1 << 2, /* rd is not sp */
    RV_RULE_S_NZ = 1 << 3,
    RV_RULE_T_NZ = 1 << 4,
    RV_RULE_D_EVEN = 1 << 5,
    RV_RULE_T_EVEN = 1 << 6,
    RV_RULE_RM = 1 << 7,     /* the rounding mode is not 5 or 6 */
    RV_RULE_I_LE10 = 1 << 8, /* the immediate is at most 10 */
};

#define RV_FORM_MAX_RUNS 8

/* width bits of the word from bit `word` up are bits of the immediate from `imm` up. */
struct rv_imm_run {
    uint8_t word, width, imm;
};

/* A register field; width is 0 where the form has none. */
struct rv_field {
    uint8_t shift, width;
};

enum { RV_FILL_NONE = -1, RV_FILL_RD = -2 };

struct rv_form {
    char name[20];        /* mnemonic, dots in place */
    const char *operands; /* see insns.def */
    uint32_t mask, match;
    uint32_t flags;
    uint16_t op;
    uint8_t ext, also;           /* one of them must be enabled (the same if there is one only), */
    uint8_t base_ext, base_also; /* and one of these: the base's, or the second of INSN2 */
    uint8_t format, len;
    uint16_t rules;
    uint8_t imm_sign; /* number of bits if the immediate is sign-extended, else 0 */
    uint8_t run_count;
    struct rv_imm_run runs[RV_FORM_MAX_RUNS];
    struct rv_field rd, rs1, rs2, rs3, rm, aq, rl;
    int8_t rd_fill, rs1_fill, rs2_fill; /* a register number or RV_FILL_* */
    bool has_imm_fill;
    int16_t imm_fill;
};

/* All forms, indexed by enum rv_form_id. */
const struct rv_form *rv_forms(void);

/* Takes the fields of raw as f pictures them, without looking at the fixed
 * bits.  Returns whether they satisfy the form's rules. */
bool rv_form_extract(const struct rv_form *f, uint32_t raw, struct rv_insn *out);

/* Register names of the ABI, and "x" or "f" number to name and back. */
extern const char *const rv_xreg_names[32];
extern const char *const rv_freg_names[32];
extern const char *const rv_rm_names[8]; /* NULL where reserved */

/* The constants of FLI as text: min, inf, nan, or a number in hexadecimal as %a prints it. */
extern const char *const rv_fp_const_names[32];

/* The number of the CSR of that name, or -1. */
int rv_csr_number(const char *name);

#endif
