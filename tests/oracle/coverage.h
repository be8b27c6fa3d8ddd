/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many comparisons each instruction and each CSR had, and the reports of
 * it: a text for people, JSON for programs.
 */
#ifndef TESTS_ORACLE_COVERAGE_H
#define TESTS_ORACLE_COVERAGE_H

#include "tests/oracle/known.h"
#include "tests/oracle/machines.h"

enum { RM_NONE = 8, RM_COUNT = 9, CSRS = 4096, MODES = 4 };

struct coverage {
    uint64_t insns[RV_FORM_COUNT][RM_COUNT]; /* by rounding mode of the encoding, 8: it has none */
    uint64_t traps[RV_FORM_COUNT];           /* of those, that ended in a trap of the instruction */
    uint64_t csrs[CSRS][MODES];              /* by privilege */
    uint64_t streams, stream_insns;
    uint64_t known[KNOWN_COUNT];
    uint64_t unexplained;
};

uint64_t coverage_insn(const struct coverage *c, unsigned form);
/* Instructions of the machine that have fewer than min comparisons, in one of their modes. */
unsigned coverage_short(const struct coverage *c, const struct machines *m, unsigned min);
/* Writes PREFIX.txt and PREFIX.json.  0 or -1. */
int coverage_write(const struct coverage *c, const struct machines *m, const char *prefix,
                   uint64_t seed);

#endif
