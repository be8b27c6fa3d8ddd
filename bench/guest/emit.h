/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that workloads write at run time: encodings (Unprivileged, RV32/64G Instruction Set
 * Listings; sh2add is of Zba), and blocks that leave their mark in a0.  A mark is
 *
 *     a0 = 5 * a0 + a number from 0 to 2047
 *
 * so that a0 tells which were passed, and in which order; mix() is the same in C.  Rounds come in
 * odd numbers: after a power of two of them nothing would be left of a mark's low bits.
 */
#ifndef BENCH_EMIT_H
#define BENCH_EMIT_H

#include "workload.h"

enum { ZERO = 0, RA = 1, T0 = 5, A0 = 10, A1 = 11 };

#define INSN_SIZE 4u
#define INSN_RET  0x00008067u

/* rd, rs1, rs2 and immediates in range; offsets in bytes. */
static inline uint32_t insn_i(uint32_t opcode, unsigned rd, unsigned rs1, int imm)
{
    return opcode | rd << 7 | rs1 << 15 | (uint32_t)imm << 20;
}

static inline uint32_t insn_addi(unsigned rd, unsigned rs1, int imm)
{
    return insn_i(0x13, rd, rs1, imm);
}

static inline uint32_t insn_sh2add(unsigned rd, unsigned rs1, unsigned rs2)
{
    return 0x20004033 | rd << 7 | rs1 << 15 | rs2 << 20;
}

static inline uint32_t insn_ld(unsigned rd, unsigned rs1, int offset)
{
    return insn_i(0x3003, rd, rs1, offset);
}

static inline uint32_t insn_sd(unsigned rs2, unsigned rs1, unsigned offset)
{
    return 0x3023 | (offset & 31) << 7 | rs1 << 15 | rs2 << 20 | (offset >> 5) << 25;
}

static inline uint32_t insn_jr(unsigned rs1)
{
    return insn_i(0x67, ZERO, rs1, 0);
}

static inline uint32_t insn_jal(unsigned rd, long offset)
{
    uint32_t o = (uint32_t)offset;
    return 0x6f | rd << 7 | (o & 0xff000) | (o >> 11 & 1) << 20 | (o >> 1 & 0x3ff) << 21 |
           (o >> 20 & 1) << 31;
}

/* Branches not taken forward only: offset from 0 to 4094. */
static inline uint32_t insn_branch(uint32_t funct3, unsigned rs1, unsigned rs2, unsigned offset)
{
    return 0x63 | funct3 << 12 | rs1 << 15 | rs2 << 20 | (offset >> 11 & 1) << 7 |
           (offset >> 1 & 15) << 8 | (offset >> 5 & 63) << 25;
}

static inline uint32_t insn_beqz(unsigned rs1, unsigned offset)
{
    return insn_branch(0, rs1, ZERO, offset);
}

static inline uint32_t *emit(uint32_t *at, uint32_t insn)
{
    *at = insn;
    return at + 1;
}

static inline uint32_t *emit_mark(uint32_t *at, unsigned number)
{
    at = emit(at, insn_sh2add(A0, A0, A0));
    return emit(at, insn_addi(A0, A0, (int)number));
}

/* A number for a mark; those of neighbours differ. */
static inline unsigned mark_number(size_t i)
{
    return (uint32_t)(i * 0x9e3779b9u) >> 21;
}

static inline uint64_t mix(uint64_t a0, unsigned number)
{
    return 5 * a0 + number;
}

/* jal rd from AT to TO, less than 1 MiB apart. */
static inline uint32_t *emit_jal(uint32_t *at, unsigned rd, const void *to)
{
    return emit(at, insn_jal(rd, (const char *)to - (const char *)at));
}

/* What was written before is what runs afterwards. */
static inline void code_fence(void)
{
    __asm__ volatile("fence.i" : : : "memory");
}

/* Calls code that changes a0, a1 and t0 only. */
static inline uint64_t code_call(const void *code, uint64_t a0, uint64_t a1)
{
    return ((uint64_t(*)(uint64_t, uint64_t))code)(a0, a1);
}

/* A random order of n things. */
static inline void order_fill(uint32_t *order, size_t n, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = random_below(seed, i + 1);
        order[i] = order[k];
        order[k] = (uint32_t)i;
    }
}

#endif
