/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 args=--strict-align oracle=no
 *
 * With --strict-align every misaligned load and store traps, and changes nothing.
 */
#define STRICT 1
#include "misaligned.c"
