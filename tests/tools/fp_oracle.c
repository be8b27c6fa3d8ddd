/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RISC-V program for Linux that runs every floating-point instruction of F
 * and D on the vectors of fp_vectors.h in every rounding mode.  Run under QEMU
 * (whose soft-float is not ours), or on hardware, it makes what the unit test
 * isa_riscv_fp compares with; gen_fp_golden.sh says how.
 *
 *   fp_oracle hash COUNT           a line for each operation and mode, a hash for each group
 *   fp_oracle stream FIRST COUNT   each result as 8 bytes and its flags as one, for a pipe
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/guest/common/fp_run.h"

static void print_hashes(enum vector_op op, unsigned mode, uint64_t count)
{
    printf("%s %u", vector_ops[op].name, mode);
    for (uint64_t i = 0; i < count;) {
        uint32_t hash = 0;

        for (uint64_t end = i + VECTOR_GROUP; i < end; i++)
            hash = vector_hash(hash, vector_run(op, mode, i));
        printf(" %08x", (unsigned)hash);
    }
    putchar('\n');
}

static void write_results(enum vector_op op, unsigned mode, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        struct vector_result r = vector_run(op, mode, i);

        fwrite(&r.value, 8, 1, stdout);
        fwrite(&r.flags, 1, 1, stdout);
    }
}

int main(int argc, char **argv)
{
    int hash = argc == 3 && !strcmp(argv[1], "hash");

    if (!hash && (argc != 4 || strcmp(argv[1], "stream"))) {
        fprintf(stderr, "usage: fp_oracle hash COUNT | stream FIRST COUNT\n");
        return 2;
    }
    for (unsigned op = 0; op < VECTOR_OPS; op++)
        for (unsigned mode = 0; mode < VECTOR_MODES; mode++)
            if (hash)
                print_hashes(op, mode, strtoull(argv[2], NULL, 0));
            else
                write_results(op, mode, strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
    return fflush(stdout) ? 1 : 0;
}
