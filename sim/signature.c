/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the signature; see signature.h.
 */
#include "sim/signature.h"

void signature_write(FILE *f, struct physmem *pm, gpa_t begin, gpa_t end)
{
    for (gpa_t at = begin; at < end; at += 4) {
        uint32_t word = 0;
        physmem_read(pm, at, &word, sizeof(word));
        fprintf(f, "%08x\n", word);
    }
}
