/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the results of a batch's two runs against each other and reports what
 * differs: instruction, operands, both results.
 */
#ifndef TESTS_ORACLE_COMPARE_H
#define TESTS_ORACLE_COMPARE_H

#include "tests/oracle/coverage.h"

struct compare {
    struct coverage *coverage;
    const char *part; /* for messages */
    uint64_t seed;
    unsigned report_max, reported; /* in all, and of one instruction or CSR: */
    unsigned report_each;
    uint8_t told[RV_FORM_COUNT + CSRS];
    int flaw; /* a form whose results are falsified to see that this is found, or -1 */
};

/*
 * Compares all cases of the batch, and the memory besides.  Returns the number
 * of cases with a difference that nothing explains; their numbers are in bad[],
 * at most max.
 */
unsigned compare_batch(struct compare *cmp, struct machines *m, struct batch *b, unsigned *bad,
                       unsigned max);

#endif
