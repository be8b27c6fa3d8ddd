/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses at any alignment that lie inside an aligned 16 bytes, each of them one
 * atomic access of host memory: the misaligned atomicity granule of a guest that
 * promises one (RISC-V Zama16b).  For the slow paths of loads, stores and atomics;
 * any thread.
 *
 * What the host gives: a plain misaligned move is atomic on x86 inside an aligned
 * 8 bytes, on Intel's processors inside a cache line (SDM 3A, 9.1.1), on AMD's not
 * across 8 bytes (manual 2, 7.3.2), and a compiler may split what is misaligned.
 * So a load takes the aligned 8 or 16 bytes around it in one access, and all that
 * writes is a compare-and-swap of those.  No lock: other harts' plain accesses
 * take none, and would not see it.
 */
#ifndef MEM_MAG16_H
#define MEM_MAG16_H

#include "mem/amo.h"

static inline bool mag16_contains(uint64_t addr, unsigned size)
{
    return (addr & 15) + size <= 16;
}

/* size is 1, 2, 4 or 8, and mag16_contains the bytes; values are zero-extended. */
uint64_t mag16_load(const void *p, unsigned size);
void mag16_store(void *p, unsigned size, uint64_t value);
/* As amo_sized and amo_cas_sized. */
uint64_t mag16_amo(void *p, unsigned size, enum amo_op op, uint64_t v);
uint64_t mag16_cas(void *p, unsigned size, uint64_t expected, uint64_t desired);

#endif
