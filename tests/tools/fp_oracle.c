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
#include <stdlib.h>

#include "tests/tools/fp_vectors.h"

typedef struct vector_result vector_fn(struct vector v);

#define TAKE_F "fmv.x.d %0, ft3"
#define TAKE_X "mv %0, t0"
#define DEST_F "ft3"
#define DEST_X "t0"

#define V(name, mnemonic, dest, args, kind, operands)                                              \
    static struct vector_result run_##name(struct vector v)                                        \
    {                                                                                              \
        struct vector_result r;                                                                    \
        uint64_t flags;                                                                            \
                                                                                                   \
        __asm__ volatile("fmv.d.x ft0, %2\n\tfmv.d.x ft1, %3\n\tfmv.d.x ft2, %4\n\t"               \
                         "mv t1, %2\n\tfsflags zero\n\t" mnemonic " " DEST_##dest                  \
                         "," args "\n\tfrflags %1\n\t" TAKE_##dest                                 \
                         : "=r"(r.value), "=&r"(flags)                                             \
                         : "r"(v.a), "r"(v.b), "r"(v.c)                                            \
                         : "t0", "t1", "ft0", "ft1", "ft2", "ft3");                                \
        r.flags = (uint8_t)flags;                                                                  \
        return r;                                                                                  \
    }
#include "tests/tools/fp_vectors.def"

static vector_fn *const fns[VECTOR_OPS] = {
#define V(name, mnemonic, dest, args, kind, operands) run_##name,
#include "tests/tools/fp_vectors.def"
};

static struct vector_result run(enum vector_op op, unsigned mode, uint64_t i)
{
    struct vector v = vector_make(op, i);
    struct vector_result r;

    __asm__ volatile("fsrm %0" : : "r"(mode));
    r = fns[op](v);
    __asm__ volatile("fsrm zero");
    return r;
}

static void print_hashes(enum vector_op op, unsigned mode, uint64_t count)
{
    printf("%s %u", vector_ops[op].name, mode);
    for (uint64_t i = 0; i < count;) {
        uint32_t hash = 0;

        for (uint64_t end = i + VECTOR_GROUP; i < end; i++)
            hash = vector_hash(hash, run(op, mode, i));
        printf(" %08x", (unsigned)hash);
    }
    putchar('\n');
}

static void write_results(enum vector_op op, unsigned mode, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        struct vector_result r = run(op, mode, i);

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
