/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=2 timeout=900 oracle=no
 *
 * lrsc_aba with a million rounds of B then A.
 */
#define ROUNDS 1000000
#include "lrsc_aba.c"
