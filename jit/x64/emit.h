/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emitter: x86-64 instructions as bytes.  One inline function per shape of
 * encoding; which instruction is a small number of an enum, as the manual's
 * opcode maps order them.  Knows nothing of guests or of the IR.
 *
 * Code is written through a writable view and runs elsewhere; `x64_here` is a
 * place in the running view.  When the room is used up nothing more is written
 * and `full` is set: whoever emits looks once, at the end.
 *
 * Encodings: Intel SDM volume 2.  tests/unit/jit_x64_emit.c compares each with
 * what the system's assembler makes of the same text.
 */
#ifndef JIT_X64_EMIT_H
#define JIT_X64_EMIT_H

#include <string.h>

#include "sim/base/bits.h"

enum x64_reg {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    X64_NO_REG = 0xff,
};

/* Condition codes, as they stand in the opcode. */
enum x64_cond {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G,
};

/* The eight that share their encodings; the number is the opcode's bits 5:3. */
enum x64_alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
/* Shifts and rotations likewise. */
enum x64_shift { SH_ROL, SH_ROR, SH_SHL = 4, SH_SHR, SH_SAR = 7 };
/* Group 3: one operand. */
enum x64_unary { UN_NOT = 2, UN_NEG, UN_MUL, UN_IMUL, UN_DIV, UN_IDIV };

struct x64_buf {
    uint8_t *p, *end; /* writable view */
    intptr_t delta;   /* running address minus writable address */
    bool full;
};

/* Base plus displacement, plus index (no scale) if there is one. */
struct x64_mem {
    uint8_t base, index;
    uint8_t scale; /* log2 */
    int32_t disp;
};

static inline struct x64_mem x64_at(enum x64_reg base, int32_t disp)
{
    return (struct x64_mem){.base = (uint8_t)base, .index = X64_NO_REG, .disp = disp};
}

static inline struct x64_mem x64_at_index(enum x64_reg base, enum x64_reg index, int32_t disp)
{
    return (struct x64_mem){.base = (uint8_t)base, .index = (uint8_t)index, .disp = disp};
}

/* --- bytes --- */

#define X64_INSN_MAX 16

/* Room for one more instruction; else it is written where the last one was. */
static inline void x64_begin(struct x64_buf *e)
{
    if (unlikely(e->end - e->p < X64_INSN_MAX)) {
        e->full = true;
        e->p = e->end - X64_INSN_MAX;
    }
}

static inline void x64_byte(struct x64_buf *e, unsigned v)
{
    *e->p++ = (uint8_t)v;
}

static inline void x64_dword(struct x64_buf *e, uint32_t v)
{
    memcpy(e->p, &v, 4);
    e->p += 4;
}

static inline void x64_qword(struct x64_buf *e, uint64_t v)
{
    memcpy(e->p, &v, 8);
    e->p += 8;
}

static inline uintptr_t x64_here(const struct x64_buf *e)
{
    return (uintptr_t)e->p + (uintptr_t)e->delta;
}

static inline bool x64_fits8(int64_t v)
{
    return v == (int8_t)v;
}

static inline bool x64_fits32(int64_t v)
{
    return v == (int32_t)v;
}

/*
 * An opcode: the bytes after the prefixes as a number, most significant first (0x0fb6); bits 31:24
 * hold a mandatory prefix (66, f2, f3).  Flags beside it:
 */
enum {
    X64_W = 1,    /* 64-bit operands */
    X64_BYTE = 2, /* the reg operand is a byte register: spl and its kind need a REX */
    X64_BYTE_RM = 4,
};

static inline void x64_opcode(struct x64_buf *e, uint32_t op, unsigned flags, unsigned reg,
                              unsigned index, unsigned base)
{
    unsigned rex = (flags & X64_W ? 8 : 0) | (reg & 8) >> 1 | (index & 8) >> 2 | (base & 8) >> 3;
    x64_begin(e);
    if (op >> 24)
        x64_byte(e, op >> 24);
    if (rex || (flags & X64_BYTE && reg >= RSP) || (flags & X64_BYTE_RM && base >= RSP))
        x64_byte(e, 0x40 | rex);
    if (op & 0xff0000)
        x64_byte(e, op >> 16 & 0xff);
    if (op & 0xffff00)
        x64_byte(e, op >> 8 & 0xff);
    x64_byte(e, op & 0xff);
}

static inline void x64_modrm_mem(struct x64_buf *e, unsigned reg, struct x64_mem m)
{
    unsigned mod = !m.disp && (m.base & 7) != RBP ? 0 : x64_fits8(m.disp) ? 1 : 2;
    bool sib = m.index != X64_NO_REG || (m.base & 7) == RSP;
    x64_byte(e, mod << 6 | (reg & 7) << 3 | (sib ? 4u : m.base & 7u));
    if (sib)
        x64_byte(e, (unsigned)m.scale << 6 | (m.index == X64_NO_REG ? 4u : m.index & 7u) << 3 |
                        (m.base & 7u));
    if (mod == 1)
        x64_byte(e, (unsigned)m.disp);
    else if (mod == 2)
        x64_dword(e, (uint32_t)m.disp);
}

/* op reg, rm with registers. */
static inline void x64_rr(struct x64_buf *e, uint32_t op, unsigned flags, unsigned reg, unsigned rm)
{
    x64_opcode(e, op, flags, reg, 0, rm);
    x64_byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* op reg, [mem] or op [mem], reg. */
static inline void x64_rm(struct x64_buf *e, uint32_t op, unsigned flags, unsigned reg,
                          struct x64_mem m)
{
    x64_opcode(e, op, flags, reg, m.index == X64_NO_REG ? 0 : m.index, m.base);
    x64_modrm_mem(e, reg, m);
}

/* --- moves --- */

static inline void x64_mov(struct x64_buf *e, enum x64_reg d, enum x64_reg s)
{
    if (d != s)
        x64_rr(e, 0x8b, X64_W, d, s);
}

/* Clears the upper half, also where d is s. */
static inline void x64_mov32(struct x64_buf *e, enum x64_reg d, enum x64_reg s)
{
    x64_rr(e, 0x8b, 0, d, s);
}

static inline void x64_load(struct x64_buf *e, enum x64_reg d, struct x64_mem m)
{
    x64_rm(e, 0x8b, X64_W, d, m);
}

static inline void x64_store(struct x64_buf *e, struct x64_mem m, enum x64_reg s)
{
    x64_rm(e, 0x89, X64_W, s, m);
}

/* size bytes, zero-extended. */
static inline void x64_load_zx(struct x64_buf *e, enum x64_reg d, struct x64_mem m, unsigned size)
{
    switch (size) {
    case 1:
        x64_rm(e, 0x0fb6, 0, d, m);
        break;
    case 2:
        x64_rm(e, 0x0fb7, 0, d, m);
        break;
    case 4:
        x64_rm(e, 0x8b, 0, d, m);
        break;
    default:
        x64_load(e, d, m);
    }
}

/* size bytes, sign-extended to 64 bits. */
static inline void x64_load_sx(struct x64_buf *e, enum x64_reg d, struct x64_mem m, unsigned size)
{
    switch (size) {
    case 1:
        x64_rm(e, 0x0fbe, X64_W, d, m);
        break;
    case 2:
        x64_rm(e, 0x0fbf, X64_W, d, m);
        break;
    case 4:
        x64_rm(e, 0x63, X64_W, d, m);
        break;
    default:
        x64_load(e, d, m);
    }
}

static inline void x64_store_size(struct x64_buf *e, struct x64_mem m, enum x64_reg s,
                                  unsigned size)
{
    switch (size) {
    case 1:
        x64_rm(e, 0x88, X64_BYTE, s, m);
        break;
    case 2:
        x64_begin(e);
        x64_byte(e, 0x66);
        x64_rm(e, 0x89, 0, s, m);
        break;
    case 4:
        x64_rm(e, 0x89, 0, s, m);
        break;
    default:
        x64_store(e, m, s);
    }
}

/* size bytes of v; of 8 bytes v is sign-extended from 32. */
static inline void x64_store_imm(struct x64_buf *e, struct x64_mem m, int32_t v, unsigned size)
{
    switch (size) {
    case 1:
        x64_rm(e, 0xc6, 0, 0, m);
        x64_byte(e, (unsigned)v);
        break;
    case 2:
        x64_begin(e);
        x64_byte(e, 0x66);
        x64_rm(e, 0xc7, 0, 0, m);
        x64_byte(e, (unsigned)v);
        x64_byte(e, (unsigned)v >> 8);
        break;
    default:
        x64_rm(e, 0xc7, size == 8 ? X64_W : 0, 0, m);
        x64_dword(e, (uint32_t)v);
    }
}

static inline void x64_zero(struct x64_buf *e, enum x64_reg d)
{
    x64_rr(e, 0x33, 0, d, d);
}

/* Does not touch the flags. */
static inline void x64_mov_imm(struct x64_buf *e, enum x64_reg d, uint64_t v)
{
    if (v <= UINT32_MAX) {
        x64_opcode(e, 0xb8u | (d & 7u), 0, 0, 0, d);
        x64_dword(e, (uint32_t)v);
    } else if (x64_fits32((int64_t)v)) {
        x64_rr(e, 0xc7, X64_W, 0, d);
        x64_dword(e, (uint32_t)v);
    } else {
        x64_opcode(e, 0xb8u | (d & 7u), X64_W, 0, 0, d);
        x64_qword(e, v);
    }
}

/* width 1, 2, 4 bytes of s. */
static inline void x64_zx(struct x64_buf *e, enum x64_reg d, enum x64_reg s, unsigned size)
{
    if (size == 4)
        x64_mov32(e, d, s);
    else
        x64_rr(e, size == 1 ? 0x0fb6 : 0x0fb7, size == 1 ? X64_BYTE_RM : 0, d, s);
}

static inline void x64_sx(struct x64_buf *e, enum x64_reg d, enum x64_reg s, unsigned size)
{
    x64_rr(e, size == 4 ? 0x63 : size == 1 ? 0x0fbe : 0x0fbf, X64_W, d, s);
}

static inline void x64_lea(struct x64_buf *e, enum x64_reg d, struct x64_mem m)
{
    x64_rm(e, 0x8d, X64_W, d, m);
}

static inline void x64_lea32(struct x64_buf *e, enum x64_reg d, struct x64_mem m)
{
    x64_rm(e, 0x8d, 0, d, m);
}

#define LEA_RIP_BYTES 7

/* The address of what is at `to` (of the buffer), and so much. */
static inline void x64_lea_rip(struct x64_buf *e, enum x64_reg r, const uint8_t *to, unsigned plus)
{
    x64_rm(e, 0x8d, X64_W, r, x64_at(RBP, 0)); /* lea r, [rip + ...]: patched below */
    if (!e->full) {
        e->p[-2] = (uint8_t)(0x05 | (r & 7) << 3); /* mod 0, rm 5: relative to rip */
        e->p--;
        x64_dword(e, (uint32_t)(to - (e->p + 4)) + plus);
    }
}

static inline void x64_xchg_rax(struct x64_buf *e, enum x64_reg r)
{
    if (r != RAX)
        x64_opcode(e, 0x90u | (r & 7u), X64_W, 0, 0, r);
}

static inline void x64_xchg(struct x64_buf *e, enum x64_reg a, enum x64_reg b)
{
    x64_rr(e, 0x87, X64_W, a, b);
}

/* --- arithmetic; w is X64_W or 0 for 32 bits --- */

static inline void x64_alu(struct x64_buf *e, enum x64_alu op, unsigned w, enum x64_reg d,
                           enum x64_reg s)
{
    x64_rr(e, (unsigned)op << 3 | 3, w, d, s);
}

static inline void x64_alu_mem(struct x64_buf *e, enum x64_alu op, unsigned w, enum x64_reg d,
                               struct x64_mem m)
{
    x64_rm(e, (unsigned)op << 3 | 3, w, d, m);
}

static inline void x64_alu_imm(struct x64_buf *e, enum x64_alu op, unsigned w, enum x64_reg d,
                               int32_t v)
{
    bool small = x64_fits8(v);
    x64_rr(e, small ? 0x83 : 0x81, w, op, d);
    if (small)
        x64_byte(e, (unsigned)v);
    else
        x64_dword(e, (uint32_t)v);
}

static inline void x64_alu_mem_imm(struct x64_buf *e, enum x64_alu op, unsigned w, struct x64_mem m,
                                   int32_t v)
{
    bool small = x64_fits8(v);
    x64_rm(e, small ? 0x83 : 0x81, w, op, m);
    if (small)
        x64_byte(e, (unsigned)v);
    else
        x64_dword(e, (uint32_t)v);
}

/* With a byte in memory. */
static inline void x64_alu_mem_imm8(struct x64_buf *e, enum x64_alu op, struct x64_mem m, int8_t v)
{
    x64_rm(e, 0x80, 0, op, m);
    x64_byte(e, (uint8_t)v);
}

static inline void x64_test(struct x64_buf *e, unsigned w, enum x64_reg a, enum x64_reg b)
{
    x64_rr(e, 0x85, w, b, a);
}

/* Of the low byte. */
static inline void x64_test8_imm(struct x64_buf *e, enum x64_reg a, unsigned v)
{
    x64_rr(e, 0xf6, X64_BYTE_RM, 0, a);
    x64_byte(e, v);
}

static inline void x64_test_mem8_imm(struct x64_buf *e, struct x64_mem m, unsigned v)
{
    x64_rm(e, 0xf6, 0, 0, m);
    x64_byte(e, v);
}

static inline void x64_unary(struct x64_buf *e, enum x64_unary op, unsigned w, enum x64_reg d)
{
    x64_rr(e, 0xf7, w, op, d);
}

static inline void x64_unary_mem(struct x64_buf *e, enum x64_unary op, unsigned w, struct x64_mem m)
{
    x64_rm(e, 0xf7, w, op, m);
}

static inline void x64_imul(struct x64_buf *e, unsigned w, enum x64_reg d, enum x64_reg s)
{
    x64_rr(e, 0x0faf, w, d, s);
}

static inline void x64_imul_mem(struct x64_buf *e, unsigned w, enum x64_reg d, struct x64_mem m)
{
    x64_rm(e, 0x0faf, w, d, m);
}

static inline void x64_imul_imm(struct x64_buf *e, unsigned w, enum x64_reg d, enum x64_reg s,
                                int32_t v)
{
    bool small = x64_fits8(v);
    x64_rr(e, small ? 0x6b : 0x69, w, d, s);
    if (small)
        x64_byte(e, (unsigned)v);
    else
        x64_dword(e, (uint32_t)v);
}

/* rdx:rax sign-extended from rax (cqo, cdq). */
static inline void x64_cqo(struct x64_buf *e, unsigned w)
{
    x64_opcode(e, 0x99, w, 0, 0, 0);
}

static inline void x64_shift_imm(struct x64_buf *e, enum x64_shift op, unsigned w, enum x64_reg d,
                                 unsigned v)
{
    x64_rr(e, 0xc1, w, op, d);
    x64_byte(e, v);
}

/* By cl. */
static inline void x64_shift_cl(struct x64_buf *e, enum x64_shift op, unsigned w, enum x64_reg d)
{
    x64_rr(e, 0xd3, w, op, d);
}

static inline void x64_setcc(struct x64_buf *e, enum x64_cond cc, enum x64_reg d)
{
    x64_rr(e, 0x0f90u | cc, X64_BYTE_RM, 0, d);
}

static inline void x64_cmov(struct x64_buf *e, enum x64_cond cc, enum x64_reg d, enum x64_reg s)
{
    x64_rr(e, 0x0f40u | cc, X64_W, d, s);
}

static inline void x64_bswap(struct x64_buf *e, enum x64_reg d)
{
    x64_opcode(e, 0x0fc8u | (d & 7u), X64_W, 0, 0, d);
}

/* popcnt, lzcnt, tzcnt, bsr: op is the opcode with its prefix. */
#define X64_POPCNT 0xf3000fb8u
#define X64_LZCNT  0xf3000fbdu
#define X64_TZCNT  0xf3000fbcu
#define X64_BSR    0x0fbdu
#define X64_BSF    0x0fbcu
static inline void x64_bits(struct x64_buf *e, uint32_t op, unsigned w, enum x64_reg d,
                            enum x64_reg s)
{
    x64_rr(e, op, w, d, s);
}

/* --- VEX: BMI --- */

enum x64_pp { PP_NONE, PP_66, PP_F3, PP_F2 };

static inline void x64_vex(struct x64_buf *e, unsigned map, enum x64_pp pp, unsigned w, unsigned op,
                           unsigned reg, unsigned v, unsigned rm)
{
    x64_begin(e);
    x64_byte(e, 0xc4);
    x64_byte(e, (~reg & 8) << 4 | 0x40 | (~rm & 8) << 2 | map);
    x64_byte(e, (w ? 0x80u : 0) | (~v & 15) << 3 | pp);
    x64_byte(e, op);
    x64_byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* d = s shifted by count: shlx, shrx, sarx. */
static inline void x64_shx(struct x64_buf *e, enum x64_shift op, unsigned w, enum x64_reg d,
                           enum x64_reg s, enum x64_reg count)
{
    enum x64_pp pp = op == SH_SHL ? PP_66 : op == SH_SHR ? PP_F2 : PP_F3;
    x64_vex(e, 2, pp, w, 0xf7, d, count, s);
}

static inline void x64_rorx(struct x64_buf *e, unsigned w, enum x64_reg d, enum x64_reg s,
                            unsigned v)
{
    x64_vex(e, 3, PP_F2, w, 0xf0, d, 0, s);
    x64_byte(e, v);
}

/* d = ~a & b. */
static inline void x64_andn(struct x64_buf *e, enum x64_reg d, enum x64_reg a, enum x64_reg b)
{
    x64_vex(e, 2, PP_NONE, X64_W, 0xf2, d, a, b);
}

/* hi:lo = rdx * s; hi and lo differ, or only the upper half stays. */
static inline void x64_mulx(struct x64_buf *e, enum x64_reg hi, enum x64_reg lo, enum x64_reg s)
{
    x64_vex(e, 2, PP_F2, X64_W, 0xf6, hi, lo, s);
}

/* --- control --- */

static inline void x64_push(struct x64_buf *e, enum x64_reg r)
{
    x64_opcode(e, 0x50u | (r & 7u), 0, 0, 0, r);
}

static inline void x64_pop(struct x64_buf *e, enum x64_reg r)
{
    x64_opcode(e, 0x58u | (r & 7u), 0, 0, 0, r);
}

static inline void x64_push_imm32(struct x64_buf *e, int32_t v)
{
    x64_opcode(e, 0x68, 0, 0, 0, 0);
    x64_dword(e, (uint32_t)v);
}

static inline void x64_push_imm(struct x64_buf *e, int32_t v)
{
    if (v < INT8_MIN || v > INT8_MAX) {
        x64_push_imm32(e, v);
        return;
    }
    x64_opcode(e, 0x6a, 0, 0, 0, 0);
    x64_byte(e, (uint8_t)v);
}

static inline void x64_ret(struct x64_buf *e)
{
    x64_opcode(e, 0xc3, 0, 0, 0, 0);
}

/* Takes so many bytes from the stack, besides. */
static inline void x64_ret_drop(struct x64_buf *e, uint8_t bytes)
{
    x64_opcode(e, 0xc2, 0, 0, 0, 0);
    x64_byte(e, bytes);
    x64_byte(e, 0);
}

/* A relative jump or call to a place of the running view, or to be patched (0). */
static inline uint8_t *x64_rel32(struct x64_buf *e, uintptr_t target)
{
    uint8_t *at = e->p;
    x64_dword(e, target ? (uint32_t)(target - (x64_here(e) + 4)) : 0);
    return at;
}

/* They return the place of the distance, for x64_patch. */
static inline uint8_t *x64_jmp(struct x64_buf *e, uintptr_t target)
{
    x64_opcode(e, 0xe9, 0, 0, 0, 0);
    return x64_rel32(e, target);
}

static inline uint8_t *x64_jcc(struct x64_buf *e, enum x64_cond cc, uintptr_t target)
{
    x64_opcode(e, 0x0f80u | cc, 0, 0, 0, 0);
    return x64_rel32(e, target);
}

static inline uint8_t *x64_call(struct x64_buf *e, uintptr_t target)
{
    x64_opcode(e, 0xe8, 0, 0, 0, 0);
    return x64_rel32(e, target);
}

static inline void x64_jmp_reg(struct x64_buf *e, enum x64_reg r)
{
    x64_rr(e, 0xff, 0, 4, r);
}

static inline void x64_jmp_mem(struct x64_buf *e, struct x64_mem m)
{
    x64_rm(e, 0xff, 0, 4, m);
}

static inline void x64_call_reg(struct x64_buf *e, enum x64_reg r)
{
    x64_rr(e, 0xff, 0, 2, r);
}

static inline void x64_call_mem(struct x64_buf *e, struct x64_mem m)
{
    x64_rm(e, 0xff, 0, 2, m);
}

/* Lets a jump emitted before lead to a place of the buffer. */
static inline void x64_patch_to(struct x64_buf *e, uint8_t *at, const uint8_t *to)
{
    uint32_t rel = (uint32_t)(to - (at + 4));
    if (!e->full)
        memcpy(at, &rel, 4);
}

/* To here. */
static inline void x64_patch(struct x64_buf *e, uint8_t *at)
{
    x64_patch_to(e, at, e->p);
}

/* Short forward jumps inside a few instructions. */
static inline uint8_t *x64_jcc8(struct x64_buf *e, enum x64_cond cc)
{
    x64_opcode(e, 0x70u | cc, 0, 0, 0, 0);
    x64_byte(e, 0);
    return e->p;
}

static inline uint8_t *x64_jmp8(struct x64_buf *e)
{
    x64_opcode(e, 0xeb, 0, 0, 0, 0);
    x64_byte(e, 0);
    return e->p;
}

static inline void x64_patch8(struct x64_buf *e, uint8_t *from)
{
    if (!e->full)
        from[-1] = (uint8_t)(e->p - from);
}

/* Up to three bytes that do nothing, as one instruction. */
static inline void x64_nop(struct x64_buf *e, unsigned bytes)
{
    static const uint8_t nops[][3] = {{0}, {0x90}, {0x66, 0x90}, {0x0f, 0x1f, 0x00}};
    if (bytes)
        x64_begin(e);
    for (unsigned i = 0; i < bytes; i++)
        x64_byte(e, nops[bytes][i]);
}

static inline void x64_mfence(struct x64_buf *e)
{
    x64_opcode(e, 0x0fae, 0, 0, 0, 0);
    x64_byte(e, 0xf0);
}

/* lock-prefixed: or [rsp], 0, a full fence cheaper than mfence. */
static inline void x64_lock_fence(struct x64_buf *e)
{
    x64_begin(e);
    x64_byte(e, 0xf0);
    x64_alu_mem_imm(e, ALU_OR, 0, x64_at(RSP, 0), 0);
}

/* --- atomics: size 1, 2, 4, 8; m's old value comes back in r --- */

static inline void x64_locked(struct x64_buf *e, bool lock, uint32_t op8, unsigned size,
                              enum x64_reg r, struct x64_mem m)
{
    x64_begin(e);
    if (lock)
        x64_byte(e, 0xf0);
    if (size == 2)
        x64_byte(e, 0x66);
    x64_rm(e, size == 1 ? op8 : op8 + 1, size == 8 ? X64_W : size == 1 ? X64_BYTE : 0, r, m);
}

static inline void x64_xadd(struct x64_buf *e, unsigned size, struct x64_mem m, enum x64_reg r)
{
    x64_locked(e, true, 0x0fc0, size, r, m);
}

static inline void x64_xchg_mem(struct x64_buf *e, unsigned size, struct x64_mem m, enum x64_reg r)
{
    x64_locked(e, false, 0x86, size, r, m);
}

/* Nothing comes back. */
static inline void x64_lock_alu(struct x64_buf *e, enum x64_alu op, unsigned size, struct x64_mem m,
                                enum x64_reg r)
{
    x64_locked(e, true, (uint32_t)op << 3, size, r, m);
}

/* Compares with rax, which receives what was found. */
static inline void x64_cmpxchg(struct x64_buf *e, unsigned size, struct x64_mem m, enum x64_reg r)
{
    x64_locked(e, true, 0x0fb0, size, r, m);
}

/* --- SSE: scalar, registers xmm0 to xmm15; op with its prefix --- */

static inline void x64_movq_to_xmm(struct x64_buf *e, unsigned x, enum x64_reg s)
{
    x64_rr(e, 0x66000f6eu, X64_W, x, s);
}

static inline void x64_movq_from_xmm(struct x64_buf *e, enum x64_reg d, unsigned x)
{
    x64_rr(e, 0x66000f7eu, X64_W, x, d);
}

static inline void x64_movd_from_xmm(struct x64_buf *e, enum x64_reg d, unsigned x)
{
    x64_rr(e, 0x66000f7eu, 0, x, d);
}

/* The whole register. */
static inline void x64_movaps(struct x64_buf *e, unsigned d, unsigned s)
{
    if (d != s)
        x64_rr(e, 0x0f28, 0, d, s);
}

/* 8 or 4 bytes; a load clears the rest. */
static inline void x64_load_xmm(struct x64_buf *e, unsigned x, struct x64_mem m, unsigned size)
{
    x64_rm(e, size == 8 ? 0xf3000f7eu : 0x66000f6eu, 0, x, m);
}

static inline void x64_store_xmm(struct x64_buf *e, struct x64_mem m, unsigned x, unsigned size)
{
    x64_rm(e, size == 8 ? 0x66000fd6u : 0x66000f7eu, 0, x, m);
}

static inline void x64_sse(struct x64_buf *e, uint32_t op, unsigned d, unsigned s)
{
    x64_rr(e, op, 0, d, s);
}

/* x = x * b + c and its kind: op a9, ab, ad, af; w: doubles. */
static inline void x64_fma213(struct x64_buf *e, unsigned op, unsigned w, unsigned x, unsigned b,
                              unsigned c)
{
    x64_vex(e, 2, PP_66, w, op, x, b, c);
}

/* d = a op b, of the lowest element; the rest is a's. */
static inline void x64_vscalar(struct x64_buf *e, unsigned op, unsigned w, unsigned d, unsigned a,
                               unsigned b)
{
    x64_vex(e, 1, w ? PP_F2 : PP_F3, 0, op, d, a, b);
}

static inline void x64_sse_w(struct x64_buf *e, uint32_t op, unsigned d, unsigned s)
{
    x64_rr(e, op, X64_W, d, s);
}

#endif
