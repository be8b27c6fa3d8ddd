/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle's parts: what they generate, run and compare.  Each returns the
 * number of cases that differ unexplained, or -1 when a machine did not run.
 */
#ifndef TESTS_ORACLE_PARTS_H
#define TESTS_ORACLE_PARTS_H

#include "tests/oracle/compare.h"

struct oracle {
    struct machines machines;
    struct batch batch;
    struct coverage coverage;
    struct compare compare;
    uint64_t seed;
    const char *filter;    /* instruction, or NULL for all */
    const char *keep;      /* file for the ELF of a batch that differs, or NULL */
    unsigned scale;        /* multiplies the cases of insns and csrs */
    uint64_t stream_insns; /* how many instructions of streams */
    unsigned stream_first; /* number of the first stream */
};

int oracle_insns(struct oracle *o);
int oracle_csrs(struct oracle *o);
int oracle_streams(struct oracle *o);

/* Runs and compares the batch; then it may be emptied.  As the parts' result. */
int oracle_run_batch(struct oracle *o, unsigned *bad, unsigned max);

#endif
