/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=2,4 timeout=240 oracle=no
 *
 * The last case of torture, code that all harts rewrite in one page and call, often enough that a
 * FENCE.I which misses one change in 20,000 is found.
 */
#define REPEAT 20
#define FIRST  6
#include "torture.c"
