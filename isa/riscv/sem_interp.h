/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter's reading of the semantics: a val is a number, v_add is +.
 * Included by interp.c only, before the texts.  Each text becomes an inline
 * function; what the text decides about control flow goes into *o, which the
 * handler around it turns into a jump (the compiler sees through it).
 *
 * Each text is compiled fast and slow.  Where the fast variant finds that it
 * needs a function call (a TLB miss), it gives up before it changed anything
 * and jumps to the slow one, which begins anew.  So the fast variant contains
 * no call and needs no stack frame: with the call in it, gcc saved and restored
 * three registers on every load.
 */
#ifndef ISA_RISCV_SEM_INTERP_H
#define ISA_RISCV_SEM_INTERP_H

#include "isa/riscv/crypto.h"
#include "isa/riscv/fp_interp.h"
#include "isa/riscv/ops.h"
#include "isa/riscv/sem_calls.h"
#include "mem/amo.h"

enum flow_kind {
    FLOW_NEXT,   /* the following instruction */
    FLOW_BRANCH, /* pc + imm */
    FLOW_JUMP,   /* target */
    FLOW_TRAP,   /* an exception was recorded; nothing was retired */
    FLOW_ATTEND, /* as FLOW_NEXT, but leave the interpreter */
    FLOW_LEAVE,  /* to target, and leave the interpreter */
    FLOW_SLOW,   /* execute it anew in its slow variant; nothing was done yet */
};

struct flow {
    enum flow_kind kind;
    gva_t target;
};

typedef uint64_t val;

#define SEM(name)                                                                                  \
    static ALWAYS_INLINE void sem_##name(struct rv_hart *const h, const struct rv_op *const d,     \
                                         const uint64_t n, struct flow *const o, const bool slow,  \
                                         const unsigned len, const int32_t imm, const unsigned rd, \
                                         const unsigned rs1, const unsigned rs2,                   \
                                         const unsigned rs3, const unsigned rm)

#define X(r)      (h->x[r])
#define W(r, v)   ((void)(h->x[r] = (v)))
#define F(r)      (h->f[r])
#define WF(r, v)  ((void)(h->f[r] = (v)))
#define K(c)      ((val)(int64_t)(c))
#define ARG(f)    (f)
#define X_RD()    (rd == 32 ? 0 : h->x[rd])
#define ARG_RD()  (rd & 31)
#define RD_USED() (rd != 32)
#define PC()      (h->page_va + rv_slot_offset(d))
#define PC_NEXT() (PC() + len)

/* clang-format off */
static inline val v_add(val a, val b) { return a + b; }
static inline val v_sub(val a, val b) { return a - b; }
static inline val v_and(val a, val b) { return a & b; }
static inline val v_or(val a, val b) { return a | b; }
static inline val v_xor(val a, val b) { return a ^ b; }
static inline val v_not(val a) { return ~a; }
static inline val v_sll(val a, val b) { return a << (b & 63); }
static inline val v_srl(val a, val b) { return a >> (b & 63); }
static inline val v_sra(val a, val b) { return (val)((int64_t)a >> (b & 63)); }
static inline val v_sx8(val a) { return (val)(int8_t)a; }
static inline val v_sx16(val a) { return (val)(int16_t)a; }
static inline val v_sx32(val a) { return (val)(int32_t)a; }
static inline val v_zx8(val a) { return (uint8_t)a; }
static inline val v_zx16(val a) { return (uint16_t)a; }
static inline val v_zx32(val a) { return (uint32_t)a; }
static inline val v_addw(val a, val b) { return v_sx32(a + b); }
static inline val v_subw(val a, val b) { return v_sx32(a - b); }
static inline val v_sllw(val a, val b) { return v_sx32((uint32_t)a << (b & 31)); }
static inline val v_srlw(val a, val b) { return v_sx32((uint32_t)a >> (b & 31)); }
static inline val v_sraw(val a, val b) { return (val)((int32_t)a >> (b & 31)); }
static inline val v_eq(val a, val b) { return a == b; }
static inline val v_ne(val a, val b) { return a != b; }
static inline val v_lt(val a, val b) { return (int64_t)a < (int64_t)b; }
static inline val v_ge(val a, val b) { return (int64_t)a >= (int64_t)b; }
static inline val v_ltu(val a, val b) { return a < b; }
static inline val v_geu(val a, val b) { return a >= b; }
static inline val v_select(val c, val a, val b) { return c ? a : b; }
static inline val v_mul(val a, val b) { return a * b; }
static inline val v_mulw(val a, val b) { return v_sx32(a * b); }
static inline val v_mulhu(val a, val b) { return (val)((unsigned __int128)a * b >> 64); }
static inline val v_mulh(val a, val b) { return (val)((__int128)(int64_t)a * (int64_t)b >> 64); }
static inline val v_mulhsu(val a, val b)
{
    return (val)((__int128)(int64_t)a * (__int128)(unsigned __int128)b >> 64);
}
/* Division: by zero gives all ones and the dividend; the overflow gives the dividend and 0. */
static inline val v_divu(val a, val b) { return b ? a / b : ~0ull; }
static inline val v_remu(val a, val b) { return b ? a % b : a; }
static inline val v_div(val a, val b)
{
    if (b + 1 <= 1)
        return b ? 0 - a : ~0ull;
    return (val)((int64_t)a / (int64_t)b);
}
static inline val v_rem(val a, val b)
{
    if (b + 1 <= 1)
        return b ? 0 : a;
    return (val)((int64_t)a % (int64_t)b);
}
static inline val v_divuw(val a, val b)
{
    return (uint32_t)b ? v_sx32((uint32_t)a / (uint32_t)b) : ~0ull;
}
static inline val v_remuw(val a, val b)
{
    return v_sx32((uint32_t)b ? (uint32_t)a % (uint32_t)b : (uint32_t)a);
}
static inline val v_divw(val a, val b) { return v_sx32(v_div(v_sx32(a), v_sx32(b))); }
static inline val v_remw(val a, val b) { return v_sx32(v_rem(v_sx32(a), v_sx32(b))); }
static inline val v_clz(val a) { return a ? (val)__builtin_clzll(a) : 64; }
static inline val v_ctz(val a) { return a ? (val)__builtin_ctzll(a) : 64; }
static inline val v_pop(val a) { return (val)__builtin_popcountll(a); }
static inline val v_clzw(val a) { return (uint32_t)a ? (val)__builtin_clz((uint32_t)a) : 32; }
static inline val v_ctzw(val a) { return (uint32_t)a ? (val)__builtin_ctz((uint32_t)a) : 32; }
static inline val v_popw(val a) { return (val)__builtin_popcount((uint32_t)a); }
static inline val v_rev8(val a) { return __builtin_bswap64(a); }
/* Each byte becomes 0xff if any of its bits is set. */
static inline val v_orcb(val a)
{
    a |= a >> 1 & 0x7f7f7f7f7f7f7f7full;
    a |= a >> 2 & 0x3f3f3f3f3f3f3f3full;
    a |= a >> 4 & 0x0f0f0f0f0f0f0f0full;
    return (a & 0x0101010101010101ull) * 0xff;
}
static inline val v_min(val a, val b) { return (int64_t)a < (int64_t)b ? a : b; }
static inline val v_max(val a, val b) { return (int64_t)a > (int64_t)b ? a : b; }
static inline val v_minu(val a, val b) { return a < b ? a : b; }
static inline val v_maxu(val a, val b) { return a > b ? a : b; }
static inline val v_rol(val a, val b) { return a << (b & 63) | a >> (-b & 63); }
static inline val v_ror(val a, val b) { return a >> (b & 63) | a << (-b & 63); }
static inline val v_rolw(val a, val b)
{
    uint32_t x = (uint32_t)a;
    return v_sx32(x << (b & 31) | x >> (-b & 31));
}
static inline val v_rorw(val a, val b) { return v_rolw(a, -b); }

/* clang-format on */

/* Guest memory is read and written by several threads at once: each access is one atomic one. */
#define HOST_PTR(type, e, va) ((type *)(uintptr_t)((e)->addend + (va)))
#define HOST_TYPE_1           uint8_t
#define HOST_TYPE_2           uint16_t
#define HOST_TYPE_4           uint32_t
#define HOST_TYPE_8           uint64_t

#define TRAPPED()                                                                                  \
    do {                                                                                           \
        o->kind = FLOW_TRAP;                                                                       \
        return;                                                                                    \
    } while (0)

/* From a fast variant to the slow one. */
#define GO_SLOW()                                                                                  \
    do {                                                                                           \
        o->kind = FLOW_SLOW;                                                                       \
        return;                                                                                    \
    } while (0)

#define TAKE_LOAD(v, call)                                                                         \
    do {                                                                                           \
        struct rv_load slow_ = (call);                                                             \
        if (unlikely(!slow_.ok))                                                                   \
            TRAPPED();                                                                             \
        (v) = slow_.value;                                                                         \
    } while (0)

#define LOAD(v, size, addr)                                                                        \
    val v;                                                                                         \
    do {                                                                                           \
        const gva_t va_ = (addr);                                                                  \
        const struct tlb_entry *e_ = tlb_lookup(&h->hart.tlb, TLB_READ, va_, size);                \
        if (likely(e_))                                                                            \
            (v) = load_relaxed(HOST_PTR(HOST_TYPE_##size, e_, va_));                               \
        else if (!slow)                                                                            \
            GO_SLOW();                                                                             \
        else                                                                                       \
            TAKE_LOAD(v, rv_load_slow(h, va_, size));                                              \
    } while (0)

#define STORE(size, addr, value)                                                                   \
    do {                                                                                           \
        const gva_t va_ = (addr);                                                                  \
        const val sv_ = (value);                                                                   \
        const struct tlb_entry *e_ = tlb_lookup(&h->hart.tlb, TLB_WRITE, va_, size);               \
        if (likely(e_))                                                                            \
            store_relaxed(HOST_PTR(HOST_TYPE_##size, e_, va_), (HOST_TYPE_##size)sv_);             \
        else if (!slow)                                                                            \
            GO_SLOW();                                                                             \
        else if (unlikely(!rv_store_slow(h, va_, size, sv_)))                                      \
            TRAPPED();                                                                             \
    } while (0)

#define AMO_FN_1 amo_8
#define AMO_FN_2 amo_16
#define AMO_FN_4 amo_32
#define AMO_FN_8 amo_64
/* An AMO needs write permission only to report a store fault; a write entry implies a readable
 * page. */
#define AMO(v, size, op, addr, value)                                                              \
    val v;                                                                                         \
    do {                                                                                           \
        const gva_t va_ = (addr);                                                                  \
        const val sv_ = (value);                                                                   \
        const struct tlb_entry *e_ = tlb_lookup(&h->hart.tlb, TLB_WRITE, va_, size);               \
        if (likely(e_))                                                                            \
            (v) = AMO_FN_##size(HOST_PTR(HOST_TYPE_##size, e_, va_), AMO_##op,                     \
                                (HOST_TYPE_##size)sv_);                                            \
        else if (!slow)                                                                            \
            GO_SLOW();                                                                             \
        else                                                                                       \
            TAKE_LOAD(v, rv_amo_slow(h, va_, size, AMO_##op, sv_));                                \
    } while (0)

#define CAS(v, size, addr, expected, desired)                                                      \
    val v;                                                                                         \
    do {                                                                                           \
        const gva_t va_ = (addr);                                                                  \
        HOST_TYPE_##size ex_ = (HOST_TYPE_##size)(expected);                                       \
        const HOST_TYPE_##size de_ = (HOST_TYPE_##size)(desired);                                  \
        const struct tlb_entry *e_ = tlb_lookup(&h->hart.tlb, TLB_WRITE, va_, size);               \
        if (likely(e_)) {                                                                          \
            (void)cas_seq_cst(HOST_PTR(HOST_TYPE_##size, e_, va_), &ex_, de_);                     \
            (v) = ex_;                                                                             \
        } else if (!slow) {                                                                        \
            GO_SLOW();                                                                             \
        } else {                                                                                   \
            TAKE_LOAD(v, rv_cas_slow(h, va_, size, ex_, de_));                                     \
        }                                                                                          \
    } while (0)

#define LR(v, size, addr)                                                                          \
    val v;                                                                                         \
    TAKE_LOAD(v, rv_lr(h, (addr), size))
#define SC(v, size, addr, value)                                                                   \
    val v;                                                                                         \
    do {                                                                                           \
        const gva_t va_ = (addr);                                                                  \
        TAKE_LOAD(v, rv_sc(h, va_, size, (value)));                                                \
    } while (0)

/*
 * RVWMO on the host.  Plain x86 moves keep all orders but a write before a later read (device
 * output and input count as write and read); other hosts get a full fence.
 */
#if defined(__x86_64__)
#define FENCE_IS_FREE(pred, succ) (!((pred)&5) || !((succ)&10))
#else
#define FENCE_IS_FREE(pred, succ) false
#endif
#define FENCE(pred, succ)                                                                          \
    do {                                                                                           \
        if (FENCE_IS_FREE(pred, succ))                                                             \
            __atomic_signal_fence(__ATOMIC_SEQ_CST);                                               \
        else                                                                                       \
            fence_seq_cst();                                                                       \
    } while (0)
#define PAUSE() rv_sem_pause(h)

#define BRANCH_IF(c)                                                                               \
    do {                                                                                           \
        if (c)                                                                                     \
            o->kind = FLOW_BRANCH;                                                                 \
    } while (0)
#define JUMP_REL() ((void)(o->kind = FLOW_BRANCH))
#define JUMP_TO(v)                                                                                 \
    do {                                                                                           \
        o->target = (v);                                                                           \
        o->kind = FLOW_JUMP;                                                                       \
    } while (0)
#define CHECK_TARGET(v)                                                                            \
    do {                                                                                           \
        if (unlikely((v)&h->fetch_mask & ~PAGE_MASK))                                              \
            TRAP(CAUSE_FETCH_MISALIGNED, (v));                                                     \
    } while (0)
#define LEAVE_TO(v)                                                                                \
    do {                                                                                           \
        o->target = (v);                                                                           \
        o->kind = FLOW_LEAVE;                                                                      \
    } while (0)
#define ATTEND()                                                                                   \
    do {                                                                                           \
        if (unlikely(h->attention))                                                                \
            o->kind = FLOW_ATTEND;                                                                 \
    } while (0)

#define TRAP(cause, tval)                                                                          \
    do {                                                                                           \
        rv_raise(h, (cause), (tval));                                                              \
        TRAPPED();                                                                                 \
    } while (0)
/* The encoding is filled in on the way out. */
#define ILLEGAL() TRAP(CAUSE_ILLEGAL, 0)

/* FS is 3 (dirty) nearly always once a program uses floating point. */
#define FP_NEED()                                                                                  \
    do {                                                                                           \
        if (unlikely(!(h->csr.mstatus & MSTATUS_FS)))                                              \
            ILLEGAL();                                                                             \
    } while (0)
#define FP_DIRTY()                                                                                 \
    do {                                                                                           \
        if (unlikely((h->csr.mstatus & MSTATUS_FS) != MSTATUS_FS)) {                               \
            if (!slow)                                                                             \
                GO_SLOW();                                                                         \
            FP_NEED();                                                                             \
            h->csr.mstatus |= MSTATUS_FS | MSTATUS_SD;                                             \
        }                                                                                          \
    } while (0)

#define CALL(v, fn, ...) const val v = fn(h, ##__VA_ARGS__)
#define CALL_MAY_TRAP(fn, ...)                                                                     \
    do {                                                                                           \
        h->insns = n;                                                                              \
        if (unlikely(!fn(h, ##__VA_ARGS__)))                                                       \
            TRAPPED();                                                                             \
    } while (0)
#define CALL_LOAD(v, fn, ...)                                                                      \
    val v;                                                                                         \
    h->insns = n;                                                                                  \
    TAKE_LOAD(v, fn(h, ##__VA_ARGS__))

#include "isa/riscv/fp_interp.h"

#endif
