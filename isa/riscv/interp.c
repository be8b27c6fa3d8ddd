/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter: threaded code over decoded slots (ops.h).  Each instruction
 * becomes a handler, made from its text in sem_*.inc; a handler ends by jumping
 * to the next one.  Hart, slot and instruction count travel in registers.
 *
 * Handlers are functions that end in calls, which gcc and clang turn into jumps
 * from -O2 on; so the compiler allocates registers for each by itself, and the
 * fast path of a load needs no stack frame.  One big function with computed
 * gotos was slower to compile and left register allocation to chance.  Where
 * tail calls are not sure (no optimisation, sanitizers), each handler returns
 * the next slot to a loop instead: MH_THREADED 0.
 *
 * Each handler exists for both lengths, and for branches that stay in the page
 * and those that may not, so that none of this is decided while running.
 *
 * An interrupt or any other alarm is seen at taken branches and jumps only
 * (smp/hart.h): straight-line code ends at the page's end, which is a jump.
 */
#include "isa/riscv/rv.h"

#include <errno.h>
#include <stdlib.h>

#include "isa/riscv/sem_interp.h"
#include "sim/base/log.h"

#if !defined(MH_THREADED)
#if defined(__OPTIMIZE__) && !defined(MH_SANITIZE) && !defined(MH_DEBUG)
#define MH_THREADED 1
#else
#define MH_THREADED 0
#endif
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
/* clang-format off */
#include "isa/riscv/sem_i.inc"
#include "isa/riscv/sem_m.inc"
#include "isa/riscv/sem_a.inc"
#include "isa/riscv/sem_b.inc"
#include "isa/riscv/sem_k.inc"
#include "isa/riscv/sem_f.inc"
#include "isa/riscv/sem_d.inc"
#include "isa/riscv/sem_zfh.inc"
#include "isa/riscv/sem_zfa.inc"
/* clang-format on */
#pragma GCC diagnostic pop

static ALWAYS_INLINE const struct rv_op *go(struct rv_hart *h, const struct rv_op *d, uint64_t n)
{
#if MH_THREADED
    return d->fn(h, d, n); /* a data-dependent load: ordered on every host */
#else
    h->insns = n;
    return d;
#endif
}

/* Leaves with pc as the next instruction. */
static ALWAYS_INLINE const struct rv_op *leave(struct rv_hart *h, gva_t pc, uint64_t n)
{
    h->pc = pc;
    h->insns = n;
    return NULL;
}

/* The instruction did not complete.  Whoever found it illegal need not know its encoding. */
static COLD const struct rv_op *leave_trapped(struct rv_hart *h, const struct rv_op *d, uint64_t n)
{
    if (h->trap.cause == CAUSE_ILLEGAL && !h->trap.tval)
        h->trap.tval = rv_sem_raw(h, d);
    return leave(h, PC(), n);
}

/* To any address: through the fetch TLB. */
static ALWAYS_INLINE const struct rv_op *go_to(struct rv_hart *h, gva_t target, uint64_t n)
{
    const struct tlb_entry *e = tlb_slot(&h->hart.tlb, TLB_FETCH, target);
    if (unlikely(!tlb_matches(&h->hart.tlb, TLB_FETCH, e->tag, target & h->fetch_mask)) ||
        unlikely(n >= load_relaxed(&h->hart.shared.until)))
        return leave(h, target, n);
    h->page_va = target & PAGE_MASK;
    return go(h, rv_slot((const struct rv_op *)e->addend, target), n);
}

/* Inside the page: the slots lie as the instructions do. */
static ALWAYS_INLINE const struct rv_op *go_near(struct rv_hart *h, const struct rv_op *d,
                                                 int32_t offset, uint64_t n)
{
    if (unlikely(n >= load_relaxed(&h->hart.shared.until)))
        return leave(h, PC() + (gva_t)(int64_t)offset, n);
    return go(h, rv_slot_beside(d, offset), n);
}

/* Where a relative branch leads, known when it is decoded. */
enum reach {
    REACH_NEAR,       /* inside the page */
    REACH_FAR,        /* perhaps out of it */
    REACH_MISALIGNED, /* to where no instruction may begin (IALIGN is 32) */
};

static COLD const struct rv_op *branch_misaligned(struct rv_hart *h, const struct rv_op *d,
                                                  uint64_t n)
{
    rv_raise(h, CAUSE_FETCH_MISALIGNED, PC() + (gva_t)(int64_t)d->imm);
    return leave(h, PC(), n);
}

static ALWAYS_INLINE const struct rv_op *finish(struct rv_hart *h, const struct rv_op *d,
                                                uint64_t n, struct flow o, unsigned len,
                                                enum reach reach)
{
    switch (o.kind) {
    case FLOW_NEXT:
        return go(h, d + len / 2, n + 1);
    case FLOW_BRANCH:
        if (reach == REACH_MISALIGNED)
            return branch_misaligned(h, d, n);
        if (reach == REACH_FAR)
            return go_to(h, PC() + (gva_t)(int64_t)d->imm, n + 1);
        return go_near(h, d, d->imm, n + 1);
    case FLOW_JUMP:
        return go_to(h, o.target, n + 1);
    case FLOW_TRAP:
        return leave_trapped(h, d, n);
    case FLOW_ATTEND:
        return leave(h, PC() + len, n + 1);
    case FLOW_LEAVE:
        return leave(h, o.target, n + 1);
    case FLOW_SLOW:
        break;
    }
    __builtin_unreachable();
}

/*
 * A handler and its slow variant, which the compiler drops where nothing leads to it.  The latter
 * may come to a device that asks how far the hart is (sim/region.c).
 */
#define HANDLER(name, len, reach, suffix)                                                          \
    static COLD const struct rv_op *op_##name##suffix##_slow(struct rv_hart *h,                    \
                                                             const struct rv_op *d, uint64_t n)    \
    {                                                                                              \
        struct flow o = {FLOW_NEXT, 0};                                                            \
        h->insns = n;                                                                              \
        sem_##name(h, d, n, &o, true, len, d->imm, d->rd, d->rs1, d->rs2, d->rs3,                  \
                   (unsigned)d->imm);                                                              \
        return finish(h, d, n, o, len, reach);                                                     \
    }                                                                                              \
    static const struct rv_op *op_##name##suffix(struct rv_hart *h, const struct rv_op *d,         \
                                                 uint64_t n)                                       \
    {                                                                                              \
        struct flow o = {FLOW_NEXT, 0};                                                            \
        sem_##name(h, d, n, &o, false, len, d->imm, d->rd, d->rs1, d->rs2, d->rs3,                 \
                   (unsigned)d->imm);                                                              \
        if (o.kind == FLOW_SLOW)                                                                   \
            return op_##name##suffix##_slow(h, d, n);                                              \
        return finish(h, d, n, o, len, reach);                                                     \
    }

#define INSN(name, ext, format, picture)                                                           \
    HANDLER(name, 2, REACH_NEAR, _2)                                                               \
    HANDLER(name, 4, REACH_NEAR, _4)
#include "isa/riscv/insns.def"

/* What branches relative to the pc, in its far variant. */
#define FAR(name)                                                                                  \
    HANDLER(name, 2, REACH_FAR, _2_far)                                                            \
    HANDLER(name, 4, REACH_FAR, _4_far)
FAR(jal)
FAR(beq)
FAR(bne)
FAR(blt)
FAR(bge)
FAR(bltu)
FAR(bgeu)

/* Only 4-byte branches exist where IALIGN is 32. */
#define MISALIGNED(name) HANDLER(name, 4, REACH_MISALIGNED, _4_misaligned)
MISALIGNED(beq)
MISALIGNED(bne)
MISALIGNED(blt)
MISALIGNED(bge)
MISALIGNED(bltu)
MISALIGNED(bgeu)

static const struct rv_op *op_illegal(struct rv_hart *h, const struct rv_op *d, uint64_t n)
{
    rv_raise(h, CAUSE_ILLEGAL, (uint32_t)d->imm);
    return leave(h, PC(), n);
}

/* A slot that was not executed before. */
static const struct rv_op *op_decode(struct rv_hart *h, const struct rv_op *d, uint64_t n)
{
    rv_code_decode(h->guest->code, h, d);
    return go(h, d, n);
}

/* Slot 2048, and what follows an instruction across two pages. */
static const struct rv_op *op_page_end(struct rv_hart *h, const struct rv_op *d, uint64_t n)
{
    (void)d;
    return go_to(h, h->page_va + PAGE_SIZE, n);
}

/*
 * An instruction whose second half lies in the next page.  Which page that is
 * depends on the mapping, so it is put together each time, in slots of the
 * hart's own; those lie where the page's last slot would.
 *
 * The same slots serve the instructions of a page in which PMP allows fetches in
 * part only, or a trigger could match: one at a time, with page_va such that
 * offset 4094 is its address.
 */
struct rv_straddle {
    _Alignas(RV_OPS_BYTES) struct rv_op unused[RV_SLOTS - 1];
    struct rv_op insn;    /* at offset 4094 of "its page" */
    struct rv_op after_2; /* what follows it, by its length */
    struct rv_op after_4;
    uint32_t raw;
};

static const struct rv_op *op_after_straddle(struct rv_hart *h, const struct rv_op *d, uint64_t n)
{
    (void)d;
    return go_to(h, h->page_va + PAGE_SIZE + 2, n);
}

/* The code bytes at va, which lies in the page of ops. */
static uint16_t code_half(const struct rv_hart *h, const struct rv_op *ops, gva_t va)
{
    const uint8_t *page = physmem_host(h->guest->env->pm, rv_code_gpa(h->guest->code, ops));
    return load_relaxed((const uint16_t *)(const void *)(page + (va & ~PAGE_MASK)));
}

/* The second half of an instruction, at va; false: not now, an exception may be recorded. */
static bool fetch_rest(struct rv_hart *h, gva_t va, uint16_t *half)
{
    const struct rv_op *ops = rv_fetch_rest(h, va);
    if (!ops || h->attention)
        return false;
    *half = code_half(h, ops, va);
    return true;
}

/* Makes the hart's own slot execute raw.  To it all branches lead out of the page. */
static const struct rv_op *straddle_build(struct rv_hart *h, uint32_t raw)
{
    struct rv_straddle *s = h->straddle;
    if (raw != s->raw || !s->insn.fn) {
        struct rv_insn insn;
        rv_decode(raw, &h->guest->exts, &insn);
        s->insn.fn = rv_op_build(h->guest, &insn, PAGE_SIZE, &s->insn);
        s->raw = raw;
    }
    return &s->insn;
}

static const struct rv_op *op_straddle(struct rv_hart *h, const struct rv_op *d, uint64_t n)
{
    uint16_t high;
    h->insns = n;
    if (!fetch_rest(h, h->page_va + PAGE_SIZE, &high))
        return leave(h, PC(), n);
    return go(h, straddle_build(h, (uint32_t)(uint16_t)d->imm | (uint32_t)high << 16), n);
}

/* The instruction at pc alone; ops is its page.  NULL: not now, an exception may be recorded. */
static const struct rv_op *fetch_one(struct rv_hart *h, const struct rv_op *ops)
{
    uint32_t raw = code_half(h, ops, h->pc);
    uint16_t high;
    if ((raw & 3) == 3) {
        if (!fetch_rest(h, h->pc + 2, &high))
            return NULL;
        raw |= (uint32_t)high << 16;
    }
    h->page_va = h->pc - (PAGE_SIZE - 2);
    return straddle_build(h, raw);
}

const struct rv_handlers rv_handlers = {op_decode, op_page_end, op_straddle};

rv_handler *rv_handler_of(unsigned op, bool four, bool far)
{
    static rv_handler *const near_[RV_OP_COUNT][2] = {
        [RV_OP_illegal] = {op_illegal, op_illegal},
#define INSN(name, ext, format, picture) [RV_OP_##name] = {op_##name##_2, op_##name##_4},
#include "isa/riscv/insns.def"
    };
#define FAR_ENTRY(name) [RV_OP_##name] = { op_##name##_2_far, op_##name##_4_far }
    static rv_handler *const far_[RV_OP_COUNT][2] = {
        FAR_ENTRY(jal), FAR_ENTRY(beq),  FAR_ENTRY(bne),  FAR_ENTRY(blt),
        FAR_ENTRY(bge), FAR_ENTRY(bltu), FAR_ENTRY(bgeu),
    };
    return far && far_[op][four] ? far_[op][four] : near_[op][four];
}

/* jal writes rd before it jumps, so its misaligned variant is the exception alone. */
static rv_handler *misaligned_handler_of(unsigned op)
{
    switch (op) {
    case RV_OP_beq:
        return op_beq_4_misaligned;
    case RV_OP_bne:
        return op_bne_4_misaligned;
    case RV_OP_blt:
        return op_blt_4_misaligned;
    case RV_OP_bge:
        return op_bge_4_misaligned;
    case RV_OP_bltu:
        return op_bltu_4_misaligned;
    case RV_OP_bgeu:
        return op_bgeu_4_misaligned;
    default:
        return branch_misaligned;
    }
}

rv_handler *rv_op_build(const struct rv_guest *g, const struct rv_insn *insn, unsigned offset,
                        struct rv_op *op)
{
    uint32_t flags = rv_op_info(insn->op)->flags;
    bool far = false;
    op->imm = flags & RV_HAS_RM ? insn->rm : insn->imm;
    op->rd = flags & RV_WRITES_FRD || insn->rd ? insn->rd : 32;
    op->rs1 = insn->rs1;
    op->rs2 = insn->rs2;
    op->rs3 = insn->rs3;
    if (insn->op == RV_OP_illegal)
        op->imm = (int32_t)insn->raw;
    if (insn->op == RV_OP_jal || flags & RV_IS_BRANCH) {
        int64_t target = (int64_t)offset + insn->imm;
        if (target & 2 && !rv_ext_has(&g->exts, RV_EXT_Zca))
            return misaligned_handler_of(insn->op);
        far = target < 0 || target >= (int64_t)PAGE_SIZE || offset >= PAGE_SIZE;
    }
    return rv_handler_of(insn->op, insn->len == 4, far);
}

uint32_t rv_sem_raw(struct rv_hart *h, const struct rv_op *d)
{
    if (d == &h->straddle->insn)
        return h->straddle->raw;
    return rv_raw_at(h, rv_code_gpa(h->guest->code, d) + rv_slot_offset(d));
}

uint32_t rv_raw_at(const struct rv_hart *h, gpa_t gpa)
{
    const uint16_t *p = (const uint16_t *)(const void *)physmem_host(h->guest->env->pm, gpa);
    uint32_t raw = load_relaxed(p);
    /* What was decoded may have been overwritten since: in the last slot by half an instruction. */
    if ((raw & 3) == 3 && (gpa & ~PAGE_MASK) < PAGE_SIZE - 2)
        raw |= (uint32_t)load_relaxed(p + 1) << 16;
    return raw;
}

int rv_interp_init(struct rv_hart *h)
{
    h->straddle = aligned_alloc(RV_OPS_BYTES, align_up(sizeof(struct rv_straddle), RV_OPS_BYTES));
    if (!h->straddle)
        return -ENOMEM;
    h->straddle->insn = (struct rv_op){0};
    h->straddle->after_2 = (struct rv_op){.fn = op_page_end};
    h->straddle->after_4 = (struct rv_op){.fn = op_after_straddle};
    return 0;
}

void rv_interp_fini(struct rv_hart *h)
{
    free(h->straddle);
    h->straddle = NULL;
}

/* The slot to begin with, for one instruction or for all; NULL: there is something else to do
 * first. */
static const struct rv_op *fetch_step(struct rv_hart *h)
{
    if (rv_trigger_execute(h))
        return NULL;
    const struct rv_op *ops = rv_fetch(h, h->pc);
    return ops && !h->attention ? fetch_one(h, ops) : NULL;
}

static const struct rv_op *fetch_slot(struct rv_hart *h)
{
    if (rv_trigger_execute(h))
        return NULL;
    const struct rv_op *ops = rv_fetch(h, h->pc);
    if (!ops || h->attention)
        return NULL;
    if (unlikely(!rv_pmp_page_uniform(h, rv_code_gpa(h->guest->code, ops), h->priv)) ||
        rv_trigger_page(h, h->pc, RV_TRIGGER_EXECUTE))
        return fetch_one(h, ops);
    h->page_va = h->pc & PAGE_MASK;
    return rv_slot(ops, h->pc);
}

void rv_interp_inside(struct rv_hart *h)
{
    const struct rv_op *d = fetch_slot(h);
    while (d) /* once, where handlers jump to each other */
        d = load_acquire(&d->fn)(h, d, h->insns);
}

void rv_interp(struct rv_hart *h)
{
    rv_code_enter(h->guest->code, h);
    rv_interp_inside(h);
    rv_code_leave(h->guest->code, h);
}

void rv_interp_step(struct rv_hart *h)
{
    rv_code_enter(h->guest->code, h);
    const struct rv_op *d = fetch_step(h);
    while (d)
        d = load_acquire(&d->fn)(h, d, h->insns);
    rv_code_leave(h->guest->code, h);
}
