/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the vectors of fp_vectors.h on a RISC-V machine: each instruction of F
 * and D in assembler, between clearing and reading the flags.  For RISC-V
 * programs alone: the oracle fp_oracle.c and the guest test fp_vectors.c.
 */
#ifndef FP_RUN_H
#define FP_RUN_H

#include "fp_vectors.h"

typedef struct vector_result vector_fn(struct vector v);

#define TAKE_F "fmv.x.d %0, ft3"
#define TAKE_X "mv %0, t0"
#define DEST_F "ft3"
#define DEST_X "t0"

#define V(name, mnemonic, dest, args, kind, operands)                                              \
    static struct vector_result vector_run_##name(struct vector v)                                 \
    {                                                                                              \
        struct vector_result r;                                                                    \
        uint64_t flags;                                                                            \
                                                                                                   \
        __asm__ volatile(".option push\n\t.option arch, +zfh\n\t"                                  \
                         "fmv.d.x ft0, %2\n\tfmv.d.x ft1, %3\n\tfmv.d.x ft2, %4\n\t"               \
                         "mv t1, %2\n\tfsflags zero\n\t" mnemonic " " DEST_##dest                  \
                         "," args "\n\tfrflags %1\n\t" TAKE_##dest "\n\t.option pop"               \
                         : "=r"(r.value), "=&r"(flags)                                             \
                         : "r"(v.a), "r"(v.b), "r"(v.c)                                            \
                         : "t0", "t1", "t2", "ft0", "ft1", "ft2", "ft3");                          \
        r.flags = (uint8_t)flags;                                                                  \
        return r;                                                                                  \
    }
#include "fp_vectors.def"

static vector_fn *const vector_fns[VECTOR_OPS] = {
#define V(name, mnemonic, dest, args, kind, operands) vector_run_##name,
#include "fp_vectors.def"
};

static inline struct vector_result vector_run(enum vector_op op, unsigned mode, uint64_t i)
{
    struct vector v = vector_make(op, i);
    struct vector_result r;

    __asm__ volatile("fsrm %0" : : "r"(mode));
    r = vector_fns[op](v);
    __asm__ volatile("fsrm zero");
    return r;
}

#undef TAKE_F
#undef TAKE_X
#undef DEST_F
#undef DEST_X

#endif
