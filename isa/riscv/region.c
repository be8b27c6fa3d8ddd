/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a place in a page to a region: first the places where blocks begin, by
 * following jumps and branches, then the IR of each block.
 *
 * A call's way back is part of the region and an entry of it.  What a call leads
 * to is not, unless it is the region's own beginning (recursion).
 *
 * Where code can be entered already the region jumps to it.
 *
 * Some instructions are left to the interpreter: those that go on in the next
 * page, and floating point while FS is not dirty.  A region ends behind
 * instructions that may change what code may be used (system instructions).
 */
#include "isa/riscv/region.h"
#include "isa/riscv/fp.h"

#include <string.h>

#include "sim/base/atomic.h"
#include "sim/base/log.h"

#define BLOCK_INSNS 128

/* A region of so few blocks, one of them so long, has a register map of its own. */
#define LONG_BLOCKS 4
#define LONG_INSNS  48

struct walk {
    struct rv_region_builder *b;
    const struct rv_guest *g;
    const struct rv_assume *assume;
    const struct rv_op *ops;
    const uint8_t *code;
    const struct rv_region_limits *limits;
    unsigned start;
    unsigned work, leaders;
};

static bool bit_get(const uint64_t *bits, unsigned offset)
{
    return bits[offset / 128] >> (offset / 2 % 64) & 1;
}

static void bit_put(uint64_t *bits, unsigned offset)
{
    bits[offset / 128] |= 1ull << (offset / 2 % 64);
}

/* Decodes at offset, once; false: the instruction goes on in the next page. */
static bool decode(const struct walk *w, unsigned offset, struct rv_insn *insn)
{
    const uint16_t *p = (const uint16_t *)(const void *)(w->code + offset);
    uint32_t raw = load_relaxed(p);
    if (bit_get(w->b->seen, offset)) {
        *insn = w->b->insn[offset / 2];
        return true;
    }
    if ((raw & 3) == 3) {
        if (offset == PAGE_SIZE - 2)
            return false;
        raw |= (uint32_t)load_relaxed(p + 1) << 16;
    }
    rv_decode(raw, &w->g->exts, insn);
    return true;
}

static bool is_fp(const struct rv_insn *insn)
{
    return rv_op_info(insn->op)->flags & RV_IS_FP;
}

/* What is translated under an assumption, or left to the interpreter for want of it, is FP. */
static bool for_interpreter(const struct walk *w, const struct rv_insn *insn)
{
    bool fp = is_fp(insn);
    w->b->any_mode &= !fp;
    return fp && !w->assume->fp_dirty;
}

/* Sets or clears bits of a status register, which bits its rs1 still says behind it. */
static bool is_status_by_bits(const struct rv_insn *insn)
{
    unsigned csr = insn->imm & 0xfff;
    return (insn->op == RV_OP_csrrs || insn->op == RV_OP_csrrc) && insn->rs1 &&
           insn->rs1 != insn->rd && (csr == 0x100 || csr == 0x300);
}

/*
 * A CSR instruction behind which the same code may go on: what it changes no code relies on (of
 * one that is_status_by_bits, if FS is not among the bits).
 */
static bool is_tame_csr(const struct rv_insn *insn)
{
    bool writes = insn->rs1, imm = false;
    switch (insn->op) {
    case RV_OP_csrrw:
        writes = true;
        break;
    case RV_OP_csrrwi:
        writes = imm = true;
        break;
    case RV_OP_csrrsi:
    case RV_OP_csrrci:
        imm = true;
        break;
    case RV_OP_csrrs:
    case RV_OP_csrrc:
        break;
    default:
        return false;
    }
    if (!writes)
        return true;
    switch (insn->imm & 0xfff) {
    case 0x100: /* sstatus */
    case 0x300: /* mstatus: five bits do not reach FS, but a write of them all clears it */
        return imm ? insn->op != RV_OP_csrrwi : is_status_by_bits(insn);
    case 0x105: /* stvec */
    case 0x140: /* sscratch */
    case 0x141: /* sepc */
    case 0x142: /* scause */
    case 0x143: /* stval */
    case 0x305: /* mtvec */
    case 0x340: /* mscratch */
    case 0x341: /* mepc */
    case 0x342: /* mcause */
    case 0x343: /* mtval */
        return true;
    default:
        return false;
    }
}

static bool ends_block(const struct rv_insn *insn)
{
    return rv_op_info(insn->op)->flags & RV_ENDS_BLOCK && !is_tame_csr(insn);
}

/* --- pairs of LR and SC --- */

/* As many as a constrained loop may have (Zalrsc, "Eventual Success"). */
#define PAIR_INSNS 16

static bool is_lr(const struct rv_insn *insn)
{
    return insn->op == RV_OP_lr_w || insn->op == RV_OP_lr_d;
}

/* Whether what comes between LR and SC does no more than compute, or leave by a branch. */
static bool fits_between(const struct rv_insn *insn, unsigned address)
{
    uint32_t flags = rv_op_info(insn->op)->flags;
    uint32_t bad = RV_IS_JUMP | RV_IS_LOAD | RV_IS_STORE | RV_IS_AMO | RV_IS_FP | RV_IS_FENCE |
                   RV_IS_CSR | RV_IS_SYSTEM;
    bool ends = flags & RV_ENDS_BLOCK && !(flags & RV_IS_BRANCH);
    bool moves = address && flags & RV_WRITES_RD && insn->rd == address;
    return insn->op != RV_OP_illegal && !(flags & bad) && !ends && !moves;
}

/*
 * The place behind the SC that makes a pair with the LR at `at`, or 0; *count: instructions from LR
 * to SC.  The two are one action of the hart (sim/doc/translation.md, "LR and SC"): it reads no
 * other memory and writes none in between, and control comes to the SC from the LR only, unless it
 * comes from outside the block, which is another translation.
 */
static unsigned pair_end(const struct walk *w, unsigned at, unsigned *count)
{
    struct rv_insn lr, insn;
    int64_t nearest = INT64_MAX; /* target of a branch, behind the LR */
    if (!decode(w, at, &lr) || !is_lr(&lr) || (lr.rs1 && lr.rd == lr.rs1))
        return 0;
    unsigned sc = lr.op == RV_OP_lr_w ? RV_OP_sc_w : RV_OP_sc_d, next = at + lr.len;
    for (unsigned n = 2; n <= PAIR_INSNS && next < PAGE_SIZE && decode(w, next, &insn); n++) {
        if (insn.op == sc && insn.rs1 == lr.rs1 && nearest > next) {
            *count = n;
            return next + insn.len;
        }
        if (!fits_between(&insn, lr.rs1))
            return 0;
        int64_t target = (int64_t)next + insn.imm;
        bool branch = rv_op_info(insn.op)->flags & RV_IS_BRANCH;
        if (branch && target > (int64_t)at && target < nearest)
            nearest = target;
        next += insn.len;
    }
    return 0;
}

/* --- where blocks begin --- */

static bool has_code(const struct walk *w, unsigned offset)
{
    for (unsigned i = 0; i < ARRAY_LEN(w->limits->known); i++)
        if (rv_entries_get(w->limits->known[i], offset / 2))
            return true;
    return false;
}

static bool worth(const struct walk *w, unsigned offset)
{
    if (has_code(w, offset))
        return false;
    return !w->limits->executed_only ||
           (bit_test(w->limits->executed, offset / (PAGE_SIZE / 8)) &&
            load_relaxed(&w->ops[offset / 2].fn) != rv_handlers.decode);
}

static bool add_leader(struct walk *w, int64_t offset, bool outside)
{
    if (offset < 0 || offset >= (int64_t)PAGE_SIZE)
        return false;
    unsigned at = (unsigned)offset;
    if (!bit_get(w->b->leaders, at)) {
        if (w->leaders == w->limits->blocks || !worth(w, at))
            return false;
        bit_put(w->b->leaders, at);
        w->b->work[w->leaders++] = (uint16_t)at;
    }
    if (outside)
        bit_put(w->b->outside, at);
    return true;
}

/* Where control goes after the last instruction of a block, at `at`. */
static void follow(struct walk *w, unsigned at, const struct rv_insn *insn)
{
    uint32_t flags = rv_op_info(insn->op)->flags;
    int64_t next = (int64_t)at + insn->len, target = (int64_t)at + insn->imm;
    if (flags & RV_IS_BRANCH) {
        add_leader(w, next, false);
        add_leader(w, target, false);
        return;
    }
    if (!(flags & RV_IS_JUMP))
        return;
    if (insn->op == RV_OP_jal && !insn->rd)
        add_leader(w, target, false);
    if (insn->rd)
        add_leader(w, next, true);
}

/* Goes through one block; returns the number of its instructions that were not seen before. */
static unsigned scan(struct walk *w, unsigned at, unsigned room)
{
    unsigned n = 0, pair = 0, length;
    struct rv_insn insn;
    while (at < PAGE_SIZE && n < room && !bit_get(w->b->seen, at) && !(n && has_code(w, at)) &&
           decode(w, at, &insn) && !for_interpreter(w, &insn)) {
        bit_put(w->b->seen, at);
        w->b->insn[at / 2] = insn;
        n++;
        if (insn.op == RV_OP_illegal)
            break;
        if (is_lr(&insn))
            pair = pair_end(w, at, &length);
        if (at < pair && rv_op_info(insn.op)->flags & RV_IS_BRANCH) {
            add_leader(w, (int64_t)at + insn.imm, false);
        } else if (ends_block(&insn)) {
            follow(w, at, &insn);
            break;
        }
        at += insn.len;
    }
    return n;
}

static void find_leaders(struct walk *w)
{
    unsigned insns = 0;
    memset(w->b->leaders, 0, sizeof(w->b->leaders));
    memset(w->b->outside, 0, sizeof(w->b->outside));
    memset(w->b->seen, 0, sizeof(w->b->seen));
    bit_put(w->b->leaders, w->start);
    bit_put(w->b->outside, w->start);
    w->b->work[w->leaders++] = (uint16_t)w->start;
    while (w->work < w->leaders && insns < w->limits->insns)
        insns += scan(w, w->b->work[w->work++], w->limits->insns - insns);
    /* What was not looked at for lack of room is not in the region. */
    for (; w->work < w->leaders; w->work++) {
        unsigned at = w->b->work[w->work];
        w->b->leaders[at / 128] &= ~(1ull << (at / 2 % 64));
    }
}

/* --- their IR --- */

struct tail {
    enum ir_exit_kind kind;
    unsigned retired, at;
    unsigned pair_end; /* behind the pair in hand */
    struct rv_pair pair;
};

/* A rounding mode that is not the dynamic one may have to be set in the host; C casts need not. */
static bool sets_rounding(const struct rv_insn *insn)
{
    const struct rv_op_info *info = rv_op_info(insn->op);
    bool cast = info->format == RV_FORMAT_FTOX && insn->rm == FP_RTZ;
    return info->flags & RV_HAS_RM && insn->rm != FP_RNE && insn->rm != FP_DYN && !cast;
}

/* After these the mode may be another. */
static bool changes_mode(const struct walk *w, const struct rv_insn *insn)
{
    uint32_t flags = rv_op_info(insn->op)->flags;
    /* What rounds leaves the host ready for it: better code may be used from then on. */
    bool readies = flags & RV_HAS_RM && !w->assume->fp_rne;
    return (flags & RV_IS_SYSTEM && !is_tame_csr(insn)) || readies || sets_rounding(insn);
}

/*
 * If a pair begins with the LR at t->at, makes it the pair in hand.  False: the block is to end
 * before it, so that LR and SC are in one block.
 */
static bool begin_pair(const struct walk *w, const struct ir_block *b, struct tail *t)
{
    unsigned count, end = pair_end(w, t->at, &count);
    if (!end)
        return true;
    bool room = t->retired + count <= min_u64(w->limits->insns, BLOCK_INSNS) &&
                ir_room(b) > count * RV_IR_PER_INSN;
    t->pair_end = room ? end : 0;
    return room || !t->retired;
}

/* On with other code if rs1 has bits of FS. */
static void leave_if_fs(struct ir_block *b, const struct rv_insn *insn, const struct tail *t)
{
    ir_ref fs = ir_pure(b, IR_and, ir_slot_get(b, insn->rs1), ir_const(b, MSTATUS_FS), IR_NONE);
    ir_exit_if(b, IR_EXIT_FIND, t->retired, (int32_t)t->at, fs);
}

static void translate_block(struct walk *w, struct jit_block *jb, struct ir_insn *ir,
                            unsigned capacity)
{
    struct tail t = {.kind = IR_EXIT_CHAIN, .at = jb->disp};
    struct rv_insn insn;
    bool goes_on = true;
    ir_begin(&jb->ir, &rv_ir_guest, ir, capacity);
    while (
        goes_on && t.retired < w->limits->insns && t.retired < BLOCK_INSNS &&
        ir_room(&jb->ir) > RV_IR_PER_INSN && t.at < PAGE_SIZE &&
        (!t.retired || t.at < t.pair_end || !(bit_get(w->b->leaders, t.at) || has_code(w, t.at)))) {
        if (!decode(w, t.at, &insn) || for_interpreter(w, &insn)) {
            t.kind = IR_EXIT_INTERP;
            break;
        }
        if (is_lr(&insn) && !begin_pair(w, &jb->ir, &t))
            break;
        goes_on =
            rv_translate_insn(&jb->ir, &w->g->exts, w->assume, t.at < t.pair_end ? &t.pair : NULL,
                              &insn, (int32_t)t.at, t.retired) ||
            (is_tame_csr(&insn) && !ir_ended(&jb->ir));
        t.at += insn.len;
        goes_on |= t.at < t.pair_end;
        t.retired++;
        if (is_status_by_bits(&insn) && !ir_ended(&jb->ir))
            leave_if_fs(&jb->ir, &insn, &t);
        if (changes_mode(w, &insn)) {
            t.kind = IR_EXIT_FIND;
            goes_on = false;
        }
    }
    if (!ir_ended(&jb->ir))
        ir_exit(&jb->ir, t.kind, t.retired, (int32_t)t.at);
    w->b->insns += t.retired;
}

/* The first place from offset on where a block begins, or PAGE_SIZE. */
static unsigned next_leader(const struct rv_region_builder *b, unsigned offset)
{
    while (offset < PAGE_SIZE) {
        uint64_t rest = b->leaders[offset / 128] >> (offset / 2 % 64);
        if (rest)
            return offset + 2 * (unsigned)__builtin_ctzll(rest);
        offset = (offset / 128 + 1) * 128;
    }
    return PAGE_SIZE;
}

static void translate(struct walk *w)
{
    struct jit_region *r = &w->b->region;
    unsigned used = 0;
    for (unsigned at = next_leader(w->b, 0); at < PAGE_SIZE; at = next_leader(w->b, at + 2)) {
        struct jit_block *jb = &w->b->blocks[r->count];
        *jb = (struct jit_block){.disp = (uint16_t)at, .entry = bit_get(w->b->outside, at)};
        unsigned room = ARRAY_LEN(w->b->ir) - used;
        if (room <= RV_IR_PER_INSN + 1)
            break;
        translate_block(w, jb, &w->b->ir[used], room);
        used += jb->ir.count;
        r->count++;
    }
}

/* --- loops --- */

/* A jump back makes a loop of all blocks between: compilers lay loops out so. */
static void mark_loop(struct jit_region *r, unsigned from, int32_t target)
{
    for (unsigned k = 0; k <= from; k++) {
        struct jit_block *jb = &r->blocks[k];
        if (jb->disp < target)
            continue;
        jb->header |= jb->disp == target;
        if (jb->depth < 3)
            jb->depth++;
    }
}

static bool is_block(const struct jit_region *r, int32_t disp)
{
    for (unsigned k = 0; k < r->count; k++)
        if (r->blocks[k].disp == disp)
            return true;
    return false;
}

/* Straight code with much to do between its borders, as in ciphers. */
static bool is_long(const struct jit_region *r)
{
    unsigned longest = 0;
    for (unsigned k = 0; k < r->count; k++) {
        const struct ir_block *b = &r->blocks[k].ir;
        unsigned n = b->insns[b->count - 1].index; /* of its last exit: instructions retired */
        if (n > longest)
            longest = n;
    }
    return r->count <= LONG_BLOCKS && longest >= LONG_INSNS;
}

static bool is_call(const struct ir_insn *i)
{
    return (i->op == IR_exit || i->op == IR_exit_to) && i->link && i->link != IR_LINK_RETURN;
}

static void find_loops(const struct walk *w)
{
    struct jit_region *r = &w->b->region;
    bool loops = false, calls = false;
    for (unsigned k = 0; k < r->count; k++) {
        const struct jit_block *jb = &r->blocks[k];
        calls |= jb->entry && jb->disp != w->start;
        for (unsigned n = 1; n < jb->ir.count; n++) {
            const struct ir_insn *i = &jb->ir.insns[n];
            bool jumps = (i->op == IR_exit && !is_call(i)) || i->op == IR_exit_if;
            calls |= is_call(i);
            if (!jumps || i->sub != IR_EXIT_CHAIN || i->disp > jb->disp || !is_block(r, i->disp))
                continue;
            mark_loop(r, k, i->disp);
            loops = true;
        }
    }
    r->own_map = w->limits->own_map && !calls && (loops || is_long(r));
    /* With the border's map a block is an entry for nothing. */
    for (unsigned k = 0; k < r->count && !r->own_map; k++)
        r->blocks[k].entry = true;
}

void rv_region_build(struct rv_region_builder *b, const struct rv_guest *g,
                     const struct rv_assume *assume, const struct rv_op *ops, const uint8_t *code,
                     unsigned offset, const struct rv_region_limits *limits)
{
    struct walk w = {.b = b,
                     .g = g,
                     .assume = assume,
                     .ops = ops,
                     .code = code,
                     .limits = limits,
                     .start = offset};
    b->insns = 0;
    b->any_mode = true;
    b->region = (struct jit_region){.blocks = b->blocks,
                                    .strict_align = load_relaxed(&g->cfg.strict_align),
                                    .alone = g->cfg.harts == 1,
                                    .fp_inline = assume->fp_rne};
    find_leaders(&w);
    translate(&w);
    find_loops(&w);
    b->region.any_mode = b->any_mode;
}
