/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --signature: guest memory between two symbols, as the RISC-V architecture
 * tests compare it: one 32-bit word a line, 8 lower-case hexadecimal digits.
 */
#ifndef SIM_SIGNATURE_H
#define SIM_SIGNATURE_H

#include "mem/physmem.h"

#include <stdio.h>

/* Writes [begin, end), a number of words in RAM.  Harts do not run.  Errors stay in the stream. */
void signature_write(FILE *f, struct physmem *pm, gpa_t begin, gpa_t end);

#endif
