/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest tests fp_vectors*.c share: a part of fp_vectors.def in every
 * rounding mode on some of the vectors, a hash for each instruction against
 * QEMU's.  The unit test isa_riscv_fp has more of them for the functions below;
 * these tests go through fetch, decode and the handlers.  The hashes are those that
 * the programs print where they differ, run under QEMU.
 */
#ifndef FP_CHECK_H
#define FP_CHECK_H

#include "guest.h"

#include "fp_run.h"

enum { CHECK_COUNT = 1000, CHECK_STEP = 11 };

static inline uint32_t check_hash_of(enum vector_op op)
{
    uint32_t hash = 0;

    for (unsigned mode = 0; mode < VECTOR_MODES; mode++)
        for (uint64_t i = 0; i < CHECK_COUNT; i++)
            hash = vector_hash(hash, vector_run(op, mode, i * CHECK_STEP));
    return hash;
}

/* Checks the operations from first to last; returns what main does. */
static inline int check_vectors(unsigned first, unsigned last, const uint32_t *wanted)
{
    unsigned bad = 0;

    guest_printf("1..%u\n", last - first + 1);
    for (unsigned op = first; op <= last; op++) {
        uint32_t hash = check_hash_of(op), want = wanted[op - first];

        guest_printf("%s %u - %s\n", hash == want ? "ok" : "not ok", op - first + 1,
                     vector_ops[op].name);
        if (hash != want)
            guest_printf("# got 0x%08x\n", hash);
        bad += hash != want;
    }
    return bad != 0;
}

#endif
