/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the oracle's guest (runtime.S) and its host side agree on: where things
 * lie in the guest's RAM, and the fields of a case and of a result.  Read by
 * the C compiler and by the guest's assembler.
 */
#ifndef TESTS_ORACLE_LAYOUT_H
#define TESTS_ORACLE_LAYOUT_H

#ifdef __ASSEMBLER__
#define ORACLE_NUM(x) x
#else
#define ORACLE_NUM(x) x##ull
#endif

/* The map.  The device tree lies above ORACLE_END. */
#define ORACLE_RAM       ORACLE_NUM(0x80000000)
#define ORACLE_CTX       ORACLE_NUM(0x80008000) /* struct of CTX_ fields */
#define ORACLE_TABLES    ORACLE_NUM(0x80010000) /* page tables, CSR blocks */
#define ORACLE_DATA      ORACLE_NUM(0x80100000) /* what cases load and store */
#define ORACLE_ARENA     ORACLE_NUM(0x80200000) /* c.ebreak, and in the middle the code of cases */
#define ORACLE_SITES     ORACLE_NUM(0x80310000)
#define ORACLE_SITES_END ORACLE_NUM(0x80bf0000)
#define ORACLE_ARENA_END ORACLE_NUM(0x80d00000)
#define ORACLE_IMAGES    ORACLE_NUM(0x80d00000) /* register images, memory images */
#define ORACLE_CASES     ORACLE_NUM(0x81000000)
#define ORACLE_RESULTS   ORACLE_NUM(0x82000000)
#define ORACLE_END       ORACLE_NUM(0x8fe00000)
#define USER_ALIAS       ORACLE_NUM(0x40000000) /* U finds RAM that much higher */
#define ORACLE_FINISHER  ORACLE_NUM(0x100000)

/* The runtime's variables. */
#define CTX_TMP      0
#define CTX_CASE     8  /* the present one; the host writes the first */
#define CTX_RESULT   16 /* likewise */
#define CTX_CASE_END 24
#define CTX_CSRS     32 /* CSR block that holds between cases that have one of their own */
#define CTX_INDEX    40
#define CTX_SAVED    48 /* what patches replaced */
#define CTX_SIZE     128

/* A case: what is executed, in which state. */
#define CASE_PC        0
#define CASE_MSTATUS   8 /* MPP is the mode */
#define CASE_FCSR      16
#define CASE_IMAGE     24 /* x0 to x31, f0 to f31 */
#define CASE_MEM       32 /* window that is set before and read after, or 0 */
#define CASE_MEM_IMAGE 40
#define CASE_CSRS      48 /* CSR block, or 0 for the default one */
#define CASE_END_PC    56 /* 0: the first trap ends the case; else traps elsewhere are passed over */
#define CASE_PATCHED                                                                               \
    64 /* bytes: registers that differ from the image (x 1 to 31, f 32 to 63), 0 ends */
#define CASE_VALUES  72
#define CASE_SIZE    128
#define CASE_PATCHES 7

/* A result. */
#define RESULT_DONE    0 /* number of the case + 1 */
#define RESULT_CAUSE   8 /* of the trap that ended it */
#define RESULT_EPC     16
#define RESULT_TVAL    24
#define RESULT_MSTATUS 32
#define RESULT_FCSR    40
#define RESULT_TRAPS   48 /* traps passed over */
#define RESULT_HASH    56 /* of all those */
#define RESULT_X       64
#define RESULT_F       320
#define RESULT_MEM     576 /* the window; or the first traps: cause, epc, tval, mstatus of each */
#define RESULT_CSRS    704
#define RESULT_SIZE    832

#define MEM_DWORDS   16
#define CSR_DWORDS   16
#define TRAPS_LOGGED 4
#define TRAPS_MAX    4096 /* a case that traps more often is ended */

#endif
