/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operands worth trying: random ones, and the corners where implementations
 * err.  Pure functions of the generator.
 */
#ifndef TESTS_ORACLE_VALUES_H
#define TESTS_ORACLE_VALUES_H

#include "tests/oracle/random.h"

/* A floating-point format as the bits of its exponent and fraction. */
struct fp_format {
    char suffix; /* of mnemonics: h, s, d */
    uint8_t exponent, fraction;
};

/* The format of a mnemonic's suffix, e.g. 's'; NULL if there is none. */
const struct fp_format *fp_format_of(char suffix);

uint64_t value_int(struct rng *r);
/* The value of an f register that is to hold format f: mostly NaN-boxed. */
uint64_t value_fp(struct rng *r, const struct fp_format *f);
/* One that is close to v but for its sign: sums cancel, comparisons are close. */
uint64_t value_fp_near(struct rng *r, const struct fp_format *f, uint64_t v);
/* One that nearly cancels a * b, for fused operations. */
uint64_t value_fp_minus_product(struct rng *r, const struct fp_format *f, uint64_t a, uint64_t b);

#endif
