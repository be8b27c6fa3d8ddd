/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that the translator's reading must refuse, although the interpreter's
 * takes them: C's work on a value would be done while translating.  Compiled
 * only, once for each case (tests/unit/CMakeLists.txt has what the compiler is
 * to say); case 0 is right and must compile.
 */
#include "isa/riscv/sem_ir.h"

void use(struct rv_tr *t);

SEM(text)
{
    (void)imm, (void)rs2, (void)rs3, (void)rm;
#if CASE == 0
    W(rd, v_add(X(rs1), K(1)));
#elif CASE == 1
    W(rd, X(rs1) + K(1));
#elif CASE == 2
    W(rd, X(rs1) + 1);
#elif CASE == 3
    if (X(rs1))
        W(rd, K(0));
#elif CASE == 4
    W(rd, X(rs1) ? K(0) : K(1));
#elif CASE == 5
    W(rd, v_add(X(rs1), 1));
#elif CASE == 6
    W(rd, K(X(rs1)));
#elif CASE == 7
    W(rd, !X(rs1));
#elif CASE == 8
    LOAD(v, 8, X(rs1));
    W(rd, (uint8_t)v);
#elif CASE == 9
    W(rd, X(rs1) == X(rs2));
#endif
}

void use(struct rv_tr *t)
{
    sem_text(t, 0, 0, 0, 0, 0, 0);
}
