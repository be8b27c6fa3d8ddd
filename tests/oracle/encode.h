/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random encodings of a line of insns.def, and what its operands are.  All from
 * the table: an instruction that is added there is found here.
 */
#ifndef TESTS_ORACLE_ENCODE_H
#define TESTS_ORACLE_ENCODE_H

#include "isa/riscv/decode.h"
#include "tests/oracle/random.h"

/*
 * Fills the fields of in that the form has: registers with frequent collisions,
 * corner immediates, any rounding mode that decodes.  Fields that the caller
 * wants to hold are given in *fix, -1 for free.
 */
struct encode_fix {
    int rd, rs1, rs2, rm;
    bool has_imm;
    int32_t imm;
};
#define ENCODE_FREE                                                                                \
    {                                                                                              \
        .rd = -1, .rs1 = -1, .rs2 = -1, .rm = -1                                                   \
    }

/*
 * A random encoding that exts decodes as the form; *in is the decoded
 * instruction.  False: none was found with what is fixed.
 */
bool encode_random(struct rng *r, unsigned form, const struct rv_ext_set *exts,
                   const struct encode_fix *fix, struct rv_insn *in);

/* What the instruction does with memory and control flow: of its form and its operation. */
uint32_t encode_flags(unsigned form);

/* Whether the form's rd, rs1, rs2, rs3 exist at all (as a field or implied). */
struct encode_uses {
    bool rd, rs1, rs2, rs3;     /* x registers */
    bool frd, frs1, frs2, frs3; /* f registers */
    bool pairs;                 /* rd and rs2 name even-odd pairs */
};
struct encode_uses encode_uses(unsigned form);

#endif
