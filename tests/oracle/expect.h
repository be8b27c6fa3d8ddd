/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a case must leave behind where QEMU has no answer to compare with:
 * computed from the case (its code, registers, memory and page tables before)
 * by what the manual says, with nothing of manyhart's but the table of cases.
 *
 * Each function makes of QEMU's result, which is that of another outcome in
 * the same mode, the result that is due: what the instruction under test
 * changes is computed, all other registers and the window are as before the
 * case, and what follows from the mode alone (mstatus, CSRs) stays QEMU's.
 */
#ifndef TESTS_ORACLE_EXPECT_H
#define TESTS_ORACLE_EXPECT_H

#include "tests/oracle/known.h"

/* The case's address of the instruction under test; it is physical in the note. */
uint64_t expect_insn_pc(const struct comparison *cmp);

/* The AMO or compare-and-swap is done, or faults; false: its place is not in the window. */
bool expect_amo(const struct comparison *cmp, struct guest_result *r);
/* The AMO is a misaligned one. */
void expect_amo_misaligned(const struct comparison *cmp, struct guest_result *r);
/* The SC, with or without a reservation, faults; false: it may store there. */
bool expect_sc_fault(const struct comparison *cmp, struct guest_result *r);

/* The first instruction of the case is illegal in M, or in another mode without delegation. */
void expect_illegal(const struct comparison *cmp, struct guest_result *r);
/* Likewise in S or U, delegated: the handler in S is a c.ebreak. */
void expect_illegal_delegated(const struct comparison *cmp, struct guest_result *r);

/*
 * The CSR of a case of part csrs exists, holds 0 before, and of what is written
 * the bits of mask.
 */
void expect_csr(const struct comparison *cmp, uint64_t mask, struct guest_result *r);

/*
 * S wrote satp and went on under the translations from before; QEMU's satp is
 * what was written.  False: the write takes effect at once.
 */
bool expect_satp_unfenced(const struct comparison *cmp, struct guest_result *r);

#endif
