/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses to guest memory.
 *
 * Each access has a stream (mem/tlb.h): a range of guest addresses and where it
 * is in host memory, as the last access found it.  The check costs a
 * subtraction and a comparison with memory that is always in the cache.  The
 * access itself waits for neither: its address is the guest's register and the
 * stream's distance to host memory.  A probe of the TLB
 * itself has a chain of seven dependent steps.  An access outside its stream's
 * range goes through C (struct jit_guest.slow), which finds the stream a new
 * range and lets the code try again, or makes the access itself.
 *
 * Accesses whose addresses are the same value plus constants make a span, and look
 * once.  One with a store in it looks for a page to write: such a page can be read
 * (RISC-V has no writable page that is not readable; a PMP entry neither).
 *
 * Where a place's accesses go to another page most times (jit_region.scattered) it looks in the TLB
 * right away, and has a stream for what is not aligned, or of the other context, alone.
 *
 * Misaligned accesses inside the range are the host's own.  That is right where
 * the host makes those inside an aligned 16 bytes atomic, or nobody sees it.  Else
 * of those that the host may make in two, which cross 8 bytes inside 16, loads take
 * a part of an aligned move, and stores go through C.
 */
#include "jit/x64/lower.h"

/* Whether nobody sees in how many steps the host makes a misaligned access. */
static bool host_is_whole(const struct lower *l)
{
    return l->r->alone || x64_cpu()->line_atomic;
}

/* What the address of an access of so many bytes must be a multiple of. */
static unsigned align_of(const struct lower *l, enum jit_access what, unsigned size)
{
    return what >= JIT_AMO || l->r->strict_align || !host_is_whole(l) ? size : 1;
}

/* --- spans --- */

#define ROOT_REACH (1 << 20)

ir_ref access_root(const struct lower *l, const struct ir_insn *i, int64_t *rel)
{
    const struct ir_insn *insns = l->b->insns;
    ir_ref root = i->a;
    int64_t off = 0;
    while (insns[root].op == IR_add && insns[insns[root].b].op == IR_const) {
        int64_t k = (int64_t)insns[insns[root].b].imm;
        if (k > ROOT_REACH || k < -ROOT_REACH || off + k > ROOT_REACH || off + k < -ROOT_REACH)
            break;
        off += k;
        root = insns[root].a;
    }
    *rel = off + i->disp;
    return root;
}

/* Makes room in the span; false: the access is too far from the others, or aligned otherwise. */
static bool span_takes(struct span *s, int32_t rel, unsigned size, unsigned align)
{
    unsigned both = align < s->align ? align : s->align, all = align ^ s->align ^ both;
    int32_t end = rel + (int32_t)size;
    int32_t min = rel < s->min ? rel : s->min;
    int32_t max = end > s->max ? end : s->max;
    /* s->min is where the widest is, but for a multiple of its size. */
    if ((rel - s->min) & (int32_t)(both - 1))
        return false;
    min -= (min - (align > s->align ? rel : s->min)) & (int32_t)(all - 1);
    if (max - min > SPAN_BYTES_MAX)
        return false;
    s->min = min;
    s->max = max;
    s->align = all;
    return true;
}

static struct span *span_open(struct lower *l, ir_ref root, int32_t rel, unsigned size,
                              unsigned since)
{
    unsigned align = align_of(l, JIT_LOAD, size);
    for (unsigned n = since; n <= l->spans; n++)
        if (l->span[n].base == root && span_takes(&l->span[n], rel, size, align))
            return &l->span[n];
    if (l->spans == SPANS_MAX)
        return NULL;
    struct span *s = &l->span[++l->spans];
    *s = (struct span){.base = root,
                       .id = (ir_ref)(l->b->count + l->spans),
                       .kind = TLB_STREAM_READ,
                       .min = rel,
                       .max = rel + (int32_t)size,
                       .align = align,
                       .first = 0};
    l->val[s->id] = (struct val){0};
    return s;
}

static void span_add(struct lower *l, unsigned n, unsigned since)
{
    const struct ir_insn *i = &l->b->insns[n];
    int64_t rel;
    ir_ref root = access_root(l, i, &rel);
    bool far = rel > INT32_MAX / 2 || rel < INT32_MIN / 2;
    struct span *s = far ? NULL : span_open(l, root, (int32_t)rel, i->sub, since);
    if (!s)
        return;
    if (!s->members++)
        s->first = (uint16_t)n;
    s->last = (uint16_t)n;
    if (i->op == IR_store)
        s->kind = TLB_STREAM_WRITE;
    l->val[n].span = (uint8_t)(s - l->span);
}

/*
 * A call may serve requests of other harts, after which no host address is good, and so may an `lr`
 * off the fast path; other accesses cannot, nor what is made inline (jit_guest.inlines).
 */
bool access_loses_places(const struct lower *l, const struct ir_insn *i)
{
    return (i->op == IR_call && !fp_is_inline(l, i)) || i->op == IR_amo || i->op == IR_cas ||
           i->op == IR_lr || i->op == IR_sc;
}

void access_find_spans(struct lower *l)
{
    unsigned since = 1;
    l->spans = 0;
    for (unsigned n = 1; n < l->b->count; n++) {
        const struct ir_insn *i = &l->b->insns[n];
        if (i->op == IR_load || i->op == IR_store)
            span_add(l, n, since);
        else if (access_loses_places(l, i))
            since = l->spans + 1;
    }
    for (unsigned k = 1; k <= l->spans; k++)
        l->val[l->span[k].id].last = l->span[k].last;
}

/* The access in hand, hot part. */
struct access {
    const struct ir_insn *i;
    enum jit_access what;
    unsigned size;
    struct range range; /* its own, or the span's */
    unsigned align;     /* what the address, or the span's, must be a multiple of */
    int32_t rel;        /* distance from the span's start */
    struct cold *cold;
    enum x64_reg t;    /* the address, then what the check or the access needs */
    enum x64_reg from; /* of a lone load or store by its stream: the address is this and disp */
    int32_t disp;
    struct span *span;
    enum x64_reg host; /* the span's host address */
    int group;         /* of stride.c, or -1: it is looked at */
    bool scattered, global;
};

#define STREAM(l, a, member)                                                                       \
    stream_word(l, (a)->range.kind, (a)->range.stream, offsetof(struct tlb_stream, member))

/* The address in a register that may be written. */
static enum x64_reg address(struct lower *l, const struct ir_insn *i, int32_t disp)
{
    enum x64_reg t = alloc_scratch(l);
    const struct val *val = &l->val[i->a];
    if (disp && (val->kind == LOC_REG || val->kind == LOC_HOME)) {
        enum x64_reg a = alloc_use(l, i->a);
        x64_lea(&l->e, t, x64_at(a, disp));
        l->pinned &= ~X64_BIT(a); /* there may be no more than three temporaries */
        return t;
    }
    alloc_copy(l, t, i->a);
    if (disp)
        x64_lea(&l->e, t, x64_at(t, disp));
    return t;
}

/* The address: in t, and of a lone load or store by its stream as a register that stays and disp.
 */
static void place(struct lower *l, struct access *a, int32_t disp)
{
    const struct val *val = &l->val[a->i->a];
    if (a->what >= JIT_AMO || a->scattered || a->span) {
        a->t = address(l, a->i, disp);
        return;
    }
    if (l->r->flat && !x64_fits32((int64_t)disp + l->r->flat->addend)) {
        a->from = address(l, a->i, disp);
        disp = 0;
    } else if (val->kind == LOC_REG || val->kind == LOC_HOME) {
        a->from = alloc_use(l, a->i->a);
    } else {
        a->from = alloc_scratch(l);
        alloc_copy(l, a->from, a->i->a);
    }
    a->disp = disp;
    a->t = alloc_scratch(l);
    if (a->group >= 0)
        return;
    int64_t moved = disp - (a->range.flat ? (int64_t)l->r->flat->base : 0);
    bool once = x64_fits32(moved);
    if (once ? moved : disp)
        x64_lea(&l->e, a->t, x64_at(a->from, once ? (int32_t)moved : disp));
    else
        x64_mov(&l->e, a->t, a->from);
    if (!once)
        range_sub(l, a->t, &a->range);
    a->cold->base_reg = (uint8_t)a->from;
    a->cold->disp = disp;
}

/* One more access of a span: its address is only needed off the fast path. */
static void again(struct lower *l, struct access *a)
{
    struct cold *c = a->cold;
    const struct val *base = &l->val[a->i->a];
    a->host = alloc_use(l, a->span->id);
    a->group = a->span->group;
    a->scattered = false;
    a->range.kind = jit_access_reads(a->what) ? TLB_STREAM_READ : TLB_STREAM_WRITE;
    a->range.stream = stream_new(l, a->size);
    a->range.flat = false;
    c->again = true;
    c->disp = a->i->disp;
    c->base_in_reg = base->kind != LOC_SLOT && base->kind != LOC_FRAME;
    if (c->base_in_reg)
        c->base_reg = (uint8_t)alloc_use(l, a->i->a);
    else
        c->base_mem = base->kind == LOC_SLOT ? at_slot(l, base->slot) : at_frame(l, base->slot);
}

/* Whether the access looks in the TLB. */
static void find_scattered(const struct lower *l, struct access *a)
{
    const struct jit_scattered *s = l->r->scattered;
    unsigned slot = (unsigned)l->b->insns[a->i->point].disp / 2;
    if (!s || a->what >= JIT_AMO || l->r->flat)
        return;
    a->scattered = bit_test(s->here[slot / 64], slot % 64);
    a->global = bit_test(s->global[slot / 64], slot % 64);
}

/* Whether stride.c has looked at it already; rel: of the first byte. */
static int group_of(struct lower *l, const struct access *a, ir_ref root, int64_t rel)
{
    if (a->what >= JIT_AMO || a->scattered || rel > INT32_MAX / 2 || rel < INT32_MIN / 2)
        return -1;
    return stride_takes(
        l, &(struct stride_group){
               .root = root, .rel = (int32_t)rel, .align = a->align, .range = a->range});
}

/* Whether one comparison will do, of the page and the alignment. */
static bool is_by_page(const struct lower *l, const struct access *a)
{
    return l->r->by_page && (a->size == 1 || !host_is_whole(l)) && a->what < JIT_AMO &&
           !a->range.flat && !a->scattered && a->group < 0;
}

static void begin(struct lower *l, struct access *a, const struct ir_insn *i, enum jit_access what,
                  unsigned size)
{
    *a = (struct access){
        .i = i, .what = what, .size = size, .align = align_of(l, what, size), .group = -1};
    find_scattered(l, a);
    a->range.kind = jit_access_reads(what) ? TLB_STREAM_READ : TLB_STREAM_WRITE;
    a->range.bytes = size;
    a->range.flat = l->r->flat && what == JIT_LOAD;
    a->cold = lower_cold(l);
    a->host = a->t = a->from = X64_NO_REG;
    unsigned span = l->val[l->at].span;
    int64_t rel;
    ir_ref root = access_root(l, i, &rel);
    if (!span || l->span[span].members < 2) {
        a->range.stream = stream_for(l, root, size);
        a->group = group_of(l, a, root, rel);
        a->range.by_page = is_by_page(l, a);
        if (a->range.by_page)
            a->align = size;
        place(l, a, i->disp);
        return;
    }
    a->span = &l->span[span];
    a->rel = (int32_t)rel - a->span->min;
    if (a->span->first != l->at) {
        again(l, a);
        return;
    }
    unsigned bytes = (unsigned)(a->span->max - a->span->min);
    a->range.kind = a->span->kind;
    a->align = a->span->align;
    a->range.stream = stream_for(l, root, bytes);
    a->range.bytes = 1u << x64_log2_up(bytes);
    a->range.flat = l->r->flat && a->range.kind == TLB_STREAM_READ;
    a->group = a->span->group = (int8_t)group_of(l, a, root, a->span->min);
    place(l, a, i->disp - a->rel);
    a->host = alloc_new(l, a->span->id);
    a->cold->host = (uint8_t)a->host;
    a->cold->span = jit_span((unsigned)a->rel, a->range.bytes);
}

/* The jump to the cold code if the TLB's entry at base is not for the address in t: see check_tlb.
 */
static void check_entry(struct lower *l, struct access *a, enum x64_reg base, unsigned bytes)
{
    struct x64_buf *e = &l->e;
    size_t ctx = (a->global ? offsetof(struct tlb, global) : offsetof(struct tlb, ctx)) +
                 8 * stream_tlb_kind(a->range.kind);
    /* A span's accesses are aligned or not; it must be in the page.  A single one is aligned. */
    x64_alu_imm(e, ALU_AND, X64_W, a->t, (int32_t)PAGE_MASK | (int32_t)(a->span ? 0 : bytes - 1));
    x64_alu_mem(e, ALU_OR, X64_W, a->t, at_hart(l, l->g->tlb + (int32_t)ctx));
    x64_alu_mem(e, ALU_CMP, X64_W, a->t, x64_at(base, offsetof(struct tlb_entry, tag)));
    a->cold->from[0] = x64_jcc(e, CC_NE, 0);
}

/*
 * Instead of the stream's check: base becomes the host address of the place, or of its span's
 * start.  t is lost, so the address is made again from the register it came from, where that has a
 * home, or from where it was put aside.
 */
static void check_tlb(struct lower *l, struct access *a, enum x64_reg base)
{
    struct x64_buf *e = &l->e;
    struct cold *c = a->cold;
    const struct val *from = &l->val[a->i->a];
    unsigned bytes = a->span ? (unsigned)(a->span->max - a->span->min) : a->size;
    int32_t table =
        l->g->tlb + (int32_t)(offsetof(struct tlb, table) +
                              stream_tlb_kind(a->range.kind) * sizeof(struct tlb_table));
    c->scattered = true;
    c->base_in_reg = from->kind == LOC_HOME;
    c->disp = a->i->disp - a->rel;
    if (c->base_in_reg)
        c->base_reg = (uint8_t)alloc_use(l, a->i->a);
    else
        x64_store(e, AT_JIT(l, va), a->t);
    if (a->span) {
        x64_mov32(e, base, a->t);
        x64_alu_imm(e, ALU_AND, 0, base, (int32_t)(PAGE_SIZE - 1));
        x64_alu_imm(e, ALU_CMP, 0, base, (int32_t)(PAGE_SIZE - bytes));
        c->from[1] = x64_jcc(e, CC_A, 0);
    }
    /* as tlb_slot() */
    x64_mov(e, base, a->t);
    x64_shift_imm(e, SH_SHR, X64_W, base, 8);
    x64_alu(e, ALU_XOR, X64_W, base, a->t);
    x64_shift_imm(e, SH_SHR, X64_W, base, PAGE_SHIFT - 4);
    x64_alu_mem(e, ALU_AND, X64_W, base,
                at_hart(l, table + (int32_t)offsetof(struct tlb_table, mask)));
    x64_alu_mem(e, ALU_ADD, X64_W, base,
                at_hart(l, table + (int32_t)offsetof(struct tlb_table, entries)));
    check_entry(l, a, base, bytes);
    x64_load(e, base, x64_at(base, offsetof(struct tlb_entry, addend)));
    if (c->base_in_reg)
        x64_lea(e, base, x64_at_index(base, (enum x64_reg)c->base_reg, c->disp));
    else
        x64_alu_mem(e, ALU_ADD, X64_W, base, AT_JIT(l, va));
}

/* What the site says of the operation. */
static unsigned site_op(const struct access *a)
{
    if (a->what == JIT_AMO)
        return ir_amo_op(a->i->sub);
    if (a->what > JIT_AMO)
        return 0;
    return (a->what == JIT_LOAD && a->range.kind == TLB_STREAM_WRITE ? JIT_SITE_WRITES : 0) |
           (a->scattered || a->cold->again || a->range.flat ? JIT_SITE_SETTLED : 0) |
           x64_log2_up(a->align) << JIT_SITE_ALIGN_SHIFT;
}

/*
 * From here on the access may be tried again: nothing before it may be skipped by the cold code.
 * base: the register for the host address, if the place looks in the TLB.
 */
static void check(struct lower *l, struct access *a, enum x64_reg base)
{
    const struct ir_insn *point = &l->b->insns[a->i->point];
    struct cold *c = a->cold;
    unsigned op = site_op(a);
    if (a->group >= 0) {
        c->kind = COLD_NONE;
        if (a->span && !c->again)
            x64_mov(&l->e, a->host, a->t);
        return;
    }
    c->kind = COLD_ACCESS;
    c->point = lower_point(l, point);
    if (c->again) {
        c->site = jit_site(a->what, a->size, a->range.stream, op);
        x64_test(&l->e, X64_W, a->host, a->host);
        c->from[0] = x64_jcc(&l->e, CC_E, 0);
        return;
    }
    c->retry = x64_here(&l->e);
    c->addr = (uint8_t)a->t;
    c->site = jit_site(a->what, a->size, a->range.stream, op) | (a->range.flat ? JIT_SITE_FLAT : 0);
    if (a->range.by_page) {
        range_cmp_page(l, a->t, &a->range);
        c->from[0] = x64_jcc(&l->e, CC_NE, 0);
        c->by_page = true;
        return;
    }
    if (a->span && !a->scattered)
        x64_mov(&l->e, a->host, a->t);
    if (a->span && a->range.flat)
        range_sub(l, a->t, &a->range);
    if (a->align > 1 && (a->span || !a->scattered)) {
        x64_test8_imm(&l->e, a->t, a->align - 1);
        c->from[3] = x64_jcc(&l->e, CC_NE, 0);
    }
    if (a->scattered) {
        check_tlb(l, a, base);
        return;
    }
    if (a->range.flat && !a->span && !l->r->strict_align)
        c->aligned = x64_here(&l->e);
    if (a->what == JIT_LR) {
        x64_alu_mem_imm8(&l->e, ALU_CMP, AT_JIT(l, lr_exact), 0);
        c->from[2] = x64_jcc(&l->e, CC_NE, 0);
    } else if (a->what == JIT_SC) {
        x64_alu_mem_imm(&l->e, ALU_CMP, X64_W, at_hart(l, l->g->reserved), -1);
        c->from[2] = x64_jcc(&l->e, CC_NE, 0);
    }
    if (!a->range.flat)
        range_sub(l, a->t, &a->range);
    range_cmp(l, a->t, &a->range);
    c->from[0] = x64_jcc(&l->e, CC_AE, 0);
}

static struct x64_mem addend(const struct lower *l, const struct access *a)
{
    return a->group >= 0 ? at_stride(l, (unsigned)a->group) : STREAM(l, a, addend);
}

/* Where the access is in host memory. */
static struct x64_mem host_place(struct lower *l, struct access *a, enum x64_reg base)
{
    const struct jit_flat *flat = l->r->flat;
    if (a->scattered && !a->span)
        return x64_at(base, 0);
    if (a->span) {
        if (!a->cold->again && !a->scattered && !flat)
            x64_alu_mem(&l->e, ALU_ADD, X64_W, a->host, addend(l, a));
        return x64_at(a->host, a->rel + (flat ? flat->addend : 0));
    }
    if (flat)
        return x64_at(a->from, a->disp + flat->addend);
    x64_load(&l->e, a->t, addend(l, a));
    return x64_at_index(a->t, a->from, a->disp);
}

static void end(struct lower *l, struct access *a)
{
    a->cold->after = x64_here(&l->e);
}

/*
 * For the host address, or what becomes it: d, the result's or none, will do if the TLB is looked
 * in, unless a fault must find what d has now.
 */
static enum x64_reg host_register(struct lower *l, const struct access *a, enum x64_reg d)
{
    if (a->span)
        return a->host;
    if (!a->scattered)
        return a->t;
    return d == X64_NO_REG || l->map.homes & X64_BIT(d) ? alloc_scratch(l) : d;
}

/*
 * What the cold code must keep, the routine for misses keeps but for some xmm registers.  An access
 * that has no register for its address gets one that is not in use, or the result's if no fault
 * must find what that has now; else rax, which is kept then.
 */
static void keep(struct lower *l, struct access *a, enum x64_reg dst)
{
    struct cold *c = a->cold;
    c->xsaved = alloc_live_xtemps(l);
    if (!c->again)
        return;
    uint32_t free = l->free;
    if (dst != X64_NO_REG)
        free |= X64_BIT(dst) & ~l->map.homes;
    c->addr = (uint8_t)(free ? (unsigned)__builtin_ctz(free) : RAX);
    c->saved = free ? 0 : X64_BIT(RAX);
}

/* The operand in a register or as a constant; the cold code gives it to C. */
static void operand_for(struct lower *l, struct cold *c, ir_ref v)
{
    int64_t k;
    c->gives = true;
    if (alloc_const(l, v, &k) && x64_fits32(k))
        c->value_imm = (int32_t)k;
    else
        c->value = (uint8_t)alloc_use(l, v);
}

/* --- loads --- */

/* Into an xmm register; a box takes the place of what is above 4 bytes. */
static void load_fp(struct lower *l, const struct ir_insn *i)
{
    struct access a;
    bool box = l->val[l->at].box;
    begin(l, &a, i, JIT_LOAD, i->sub);
    unsigned x = alloc_xdst(l);
    enum x64_reg base = host_register(l, &a, X64_NO_REG);
    keep(l, &a, a.span ? X64_NO_REG : base);
    check(l, &a, base);
    a.cold->xsaved &= ~X64_BIT(x);
    a.cold->dst = (uint8_t)x;
    a.cold->dst_x = true;
    a.cold->box = box;
    struct x64_mem m = host_place(l, &a, base);
    x64_load_xmm(&l->e, x, m, i->sub);
    if (box)
        x64_rm(&l->e, 0x0f56, 0, x, AT_JIT(l, box)); /* orps */
    end(l, &a);
}

static void load(struct lower *l, const struct ir_insn *i)
{
    if (l->val[l->at].fp && l->val[l->at].uses && (i->sub == 8 || l->val[l->at].box)) {
        load_fp(l, i);
        return;
    }
    struct access a;
    bool used = l->val[l->at].uses;
    unsigned sign = l->val[l->at].sign;
    begin(l, &a, i, JIT_LOAD, i->sub);
    enum x64_reg d = used ? alloc_dst(l) : alloc_scratch(l);
    enum x64_reg base = host_register(l, &a, d);
    keep(l, &a, d);
    check(l, &a, base);
    a.cold->dst = (uint8_t)(used ? d : X64_NO_REG);
    a.cold->sign = (uint8_t)sign;
    struct x64_mem m = host_place(l, &a, base);
    if (sign)
        x64_load_sx(&l->e, d, m, i->sub);
    else
        x64_load_zx(&l->e, d, m, i->sub);
    end(l, &a);
}

/* --- stores --- */

static void store_operand(struct lower *l, const struct cold *c, struct x64_mem m, unsigned size)
{
    if (c->value_x)
        x64_store_xmm(&l->e, m, c->value, size);
    else if (c->value == X64_NO_REG)
        x64_store_imm(&l->e, m, c->value_imm, size);
    else
        x64_store_size(&l->e, m, (enum x64_reg)c->value, size);
}

static void store(struct lower *l, const struct ir_insn *i)
{
    struct access a;
    begin(l, &a, i, JIT_STORE, i->sub);
    struct cold *c = a.cold;
    unsigned x;
    c->value_x = i->sub >= 4 && alloc_in_xmm(l, i->b, &x);
    if (c->value_x) {
        fp_settle_x(l, x);
        c->value = (uint8_t)x;
    } else {
        operand_for(l, c, i->b);
    }
    enum x64_reg base = host_register(l, &a, X64_NO_REG);
    keep(l, &a, a.span ? X64_NO_REG : base);
    check(l, &a, base);
    store_operand(l, c, host_place(l, &a, base), i->sub);
    end(l, &a);
}

/*
 * --- atomics ---
 *
 * The operands go to struct jit_hart first, where the code off the fast path wants them as well:
 * three registers must do.
 */

static void operand_to(struct lower *l, struct x64_mem to, ir_ref v)
{
    int64_t k;
    if (alloc_const(l, v, &k) && x64_fits32(k))
        x64_store_imm(&l->e, to, (int32_t)k, 8);
    else
        x64_store(&l->e, to, alloc_use(l, v));
    alloc_release(l);
}

static void zero_extend(struct lower *l, enum x64_reg r, unsigned size)
{
    if (size < 4)
        x64_zx(&l->e, r, r, size);
    else if (size == 4)
        x64_mov32(&l->e, r, r);
}

/* The host address in base; t is free afterwards. */
static struct x64_mem host_address(struct lower *l, struct access *a, enum x64_reg base)
{
    x64_load(&l->e, base, STREAM(l, a, addend));
    x64_alu_mem(&l->e, ALU_ADD, X64_W, base, STREAM(l, a, start));
    x64_alu(&l->e, ALU_ADD, X64_W, base, a->t);
    return x64_at(base, 0);
}

static enum x64_alu alu_of(enum amo_op op)
{
    static const enum x64_alu alus[] = {
        [AMO_ADD] = ALU_ADD, [AMO_XOR] = ALU_XOR, [AMO_AND] = ALU_AND, [AMO_OR] = ALU_OR};
    return alus[op];
}

/* What memory shall hold, in t, from the old value in rax. */
static void combine(struct lower *l, enum amo_op op, unsigned size, enum x64_reg t)
{
    struct x64_buf *e = &l->e;
    static const enum x64_cond replaces[] = {
        [AMO_MIN] = CC_G, [AMO_MAX] = CC_L, [AMO_MINU] = CC_A, [AMO_MAXU] = CC_B};
    x64_mov(e, t, RAX);
    if (op <= AMO_OR) {
        x64_alu_mem(e, alu_of(op), X64_W, t, AT_JIT(l, value));
        return;
    }
    /* Both moved up, so that the host compares what counts. */
    if (size < 8)
        x64_shift_imm(e, SH_SHL, X64_W, t, 64 - 8 * size);
    x64_alu_mem(e, ALU_CMP, X64_W, t, AT_JIT(l, desired));
    x64_rm(e, 0x0f40u | replaces[op], X64_W, t, AT_JIT(l, desired)); /* cmov */
    if (size < 8)
        x64_shift_imm(e, SH_SHR, X64_W, t, 64 - 8 * size);
}

/* A compare-and-swap loop.  rax: the old value, and the result. */
static void amo_loop(struct lower *l, struct access *a, enum x64_reg base)
{
    struct x64_buf *e = &l->e;
    enum amo_op op = ir_amo_op(a->i->sub);
    check(l, a, X64_NO_REG);
    struct x64_mem m = host_address(l, a, base);
    if (op >= AMO_MIN) {
        x64_load(e, RAX, AT_JIT(l, value));
        if (a->size < 8)
            x64_shift_imm(e, SH_SHL, X64_W, RAX, 64 - 8 * a->size);
        x64_store(e, AT_JIT(l, desired), RAX);
    }
    x64_load_zx(e, RAX, m, a->size);
    uint8_t *again = e->p;
    combine(l, op, a->size, a->t);
    x64_cmpxchg(e, a->size, m, a->t);
    uint8_t *back = x64_jcc8(e, CC_NE);
    if (!e->full)
        back[-1] = (uint8_t)(again - back);
    zero_extend(l, RAX, a->size);
}

/* Swaps and additions have host instructions that give the old value; more have some that do not.
 */
static bool amo_is_plain(enum amo_op op, bool used)
{
    return op == AMO_SWAP || op == AMO_ADD || (!used && op <= AMO_OR);
}

static void amo_plain(struct lower *l, struct access *a, enum x64_reg base)
{
    enum amo_op op = ir_amo_op(a->i->sub);
    const struct cold *c = a->cold;
    bool used = l->val[l->at].uses, by_alu = op != AMO_SWAP && !used;
    check(l, a, X64_NO_REG);
    struct x64_mem m = host_address(l, a, base);
    if (order_is_store(&l->order, l->b, l->block, l->at)) {
        store_operand(l, c, m, a->size);
        return;
    }
    enum x64_reg v = a->t;
    if (c->value == X64_NO_REG)
        x64_mov_imm(&l->e, v, (uint64_t)(int64_t)c->value_imm);
    else if (by_alu)
        v = (enum x64_reg)c->value;
    else
        x64_mov(&l->e, v, (enum x64_reg)c->value);
    if (by_alu)
        x64_lock_alu(&l->e, alu_of(op), a->size, m, v);
    else if (op == AMO_SWAP)
        x64_xchg_mem(&l->e, a->size, m, v);
    else
        x64_xadd(&l->e, a->size, m, v);
    if (used)
        zero_extend(l, v, a->size);
}

static void amo(struct lower *l, const struct ir_insn *i)
{
    struct access a;
    enum amo_op op = ir_amo_op(i->sub);
    bool plain = amo_is_plain(op, l->val[l->at].uses);
    if (!plain) {
        operand_to(l, AT_JIT(l, value), i->b);
        alloc_take(l, RAX);
    }
    begin(l, &a, i, JIT_AMO, ir_amo_size(i->sub));
    if (plain)
        operand_for(l, a.cold, i->b);
    enum x64_reg result = plain ? a.t : RAX;
    enum x64_reg base = alloc_scratch(l);
    keep(l, &a, result);
    a.cold->dst = (uint8_t)result;
    if (plain)
        amo_plain(l, &a, base);
    else
        amo_loop(l, &a, base);
    end(l, &a);
    if (l->val[l->at].uses)
        alloc_result(l, result);
}

static void cas(struct lower *l, const struct ir_insn *i)
{
    struct access a;
    operand_to(l, AT_JIT(l, value), i->b);
    operand_to(l, AT_JIT(l, desired), i->c);
    alloc_take(l, RAX);
    begin(l, &a, i, JIT_CAS, i->sub);
    enum x64_reg base = alloc_scratch(l);
    keep(l, &a, RAX);
    a.cold->dst = RAX;
    check(l, &a, X64_NO_REG);
    struct x64_mem m = host_address(l, &a, base);
    x64_load(&l->e, RAX, AT_JIT(l, value));
    x64_load(&l->e, a.t, AT_JIT(l, desired));
    x64_cmpxchg(&l->e, i->sub, m, a.t);
    zero_extend(l, RAX, i->sub);
    end(l, &a);
    if (l->val[l->at].uses)
        alloc_result(l, RAX);
}

/* The operation on memory is all that others see; the rest is the hart's own. */
static void load_reserved(struct lower *l, const struct ir_insn *i)
{
    struct access a;
    bool used = l->val[l->at].uses;
    begin(l, &a, i, JIT_LR, i->sub);
    enum x64_reg d = used ? alloc_dst(l) : alloc_scratch(l);
    keep(l, &a, d);
    check(l, &a, X64_NO_REG);
    a.cold->dst = (uint8_t)(used ? d : X64_NO_REG);
    x64_alu_mem_imm(&l->e, ALU_ADD, X64_W, at_hart(l, l->g->lr_count), 1);
    x64_load(&l->e, d, AT_JIT(l, foreign));
    x64_load(&l->e, d, x64_at(d, 0));
    x64_store(&l->e, AT_JIT(l, lr_foreign), d);
    struct x64_mem m = host_address(l, &a, d);
    x64_store(&l->e, AT_JIT(l, lr_host), d);
    x64_load_zx(&l->e, d, m, i->sub);
    end(l, &a);
}

static void store_conditional(struct lower *l, const struct ir_insn *i)
{
    struct access a;
    struct x64_mem counter = at_hart(l, l->g->sc_count);
    operand_to(l, AT_JIT(l, value), i->b);
    operand_to(l, AT_JIT(l, desired), i->c);
    alloc_take(l, RAX);
    begin(l, &a, i, JIT_SC, i->sub);
    enum x64_reg base = alloc_scratch(l);
    keep(l, &a, RAX);
    a.cold->dst = RAX;
    check(l, &a, X64_NO_REG);
    struct x64_mem m = host_address(l, &a, base);
    x64_load(&l->e, RAX, AT_JIT(l, value));
    x64_load(&l->e, a.t, AT_JIT(l, desired));
    x64_store_imm(&l->e, AT_JIT(l, lr_host), 0, 8);
    x64_cmpxchg(&l->e, i->sub, m, a.t);
    x64_setcc(&l->e, CC_NE, RAX);
    x64_zx(&l->e, RAX, RAX, 1);
    counter.index = RAX;
    counter.scale = 3;
    x64_alu_mem_imm(&l->e, ALU_ADD, X64_W, counter, 1);
    end(l, &a);
    if (l->val[l->at].uses)
        alloc_result(l, RAX);
}

void access_insn(struct lower *l, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_load:
        load(l, i);
        break;
    case IR_store:
        store(l, i);
        break;
    case IR_amo:
        amo(l, i);
        break;
    case IR_lr:
        load_reserved(l, i);
        break;
    case IR_sc:
        store_conditional(l, i);
        break;
    default:
        cas(l, i);
    }
}

/* --- off the fast path --- */

static void save_xmm(struct lower *l, const struct cold *c, bool back)
{
    for (uint32_t xs = c->xsaved; xs; xs &= xs - 1) {
        unsigned x = (unsigned)__builtin_ctz(xs);
        if (back)
            x64_load_xmm(&l->e, x, at_xsave(l, x), 8);
        else
            x64_store_xmm(&l->e, at_xsave(l, x), x, 8);
    }
}

static void save_regs(struct lower *l, const struct cold *c, bool back)
{
    for (uint32_t regs = c->saved; regs; regs &= regs - 1) {
        enum x64_reg r = (enum x64_reg)__builtin_ctz(regs);
        if (back)
            x64_load(&l->e, r, at_save(l, r));
        else
            x64_store(&l->e, at_save(l, r), r);
    }
}

void access_save(struct lower *l, const struct cold *c, bool back)
{
    save_xmm(l, c, back);
    save_regs(l, c, back);
}

static void give_value(struct lower *l, struct x64_mem to, uint8_t reg, int32_t imm)
{
    if (reg == X64_NO_REG)
        x64_store_imm(&l->e, to, imm, 8);
    else
        x64_store(&l->e, to, (enum x64_reg)reg);
}

static enum tlb_stream_kind stream_kind(uint32_t site)
{
    return jit_site_writes(site) ? TLB_STREAM_WRITE : TLB_STREAM_READ;
}

/* The operand, where C looks for it, and what must be kept. */
static void set_aside(struct lower *l, const struct cold *c)
{
    struct x64_buf *e = &l->e;
    fp_settle_cold(l, &c->unsettled);
    if (c->value_x)
        x64_store_xmm(e, AT_JIT(l, value), c->value, 8);
    else if (c->gives)
        give_value(l, AT_JIT(l, value), c->value, c->value_imm);
    access_save(l, c, false);
}

static struct range range_of(const struct cold *c)
{
    return (struct range){.kind = stream_kind(c->site),
                          .flat = c->site & JIT_SITE_FLAT,
                          .stream = c->site >> 16 & JIT_SITE_STREAM,
                          .bytes = c->span ? c->span >> 16 : c->site >> 4 & 15};
}

/* Calls for the access at the address in rax.  The probe would make a misaligned one where it must
 * not be made. */
static void call_miss(struct lower *l, const struct cold *c)
{
    struct x64_buf *e = &l->e;
    enum jit_access what = (enum jit_access)(c->site & 15);
    unsigned bytes = c->span ? c->span >> 16 : c->site >> 4 & 15;
    uint32_t point = c->point | (c->span ? POINT_SPAN : 0),
             site = c->site | probe_site_class(bytes);
    uint8_t *aligned = NULL, *done = NULL;
    struct x64_mem made = AT_JIT(l, value);
    if (c->owes)
        x64_lock_fence(e);
    if (c->span)
        x64_store_imm(e, AT_JIT(l, span), (int32_t)c->span, 4);
    if (site & JIT_SITE_FLAT) {
        lower_miss(l, CALL_MISS, point, site);
        return;
    }
    if (what < JIT_AMO && l->r->strict_align && jit_site_align(site) > 1) {
        x64_test8_imm(e, RAX, jit_site_align(site) - 1);
        aligned = x64_jcc8(e, CC_E);
    }
    if (what >= JIT_AMO || aligned)
        lower_miss(l, CALL_MISS, point, site);
    if (aligned) {
        made.disp -= (int32_t)(c->span & 0xffff);
        x64_lea(e, RAX, made);
        done = x64_jmp8(e);
        x64_patch8(e, aligned);
    }
    if (what < JIT_AMO)
        lower_miss(l, jit_site_writes(site) ? CALL_MISS_WRITE : CALL_MISS_READ, point, site);
    if (done)
        x64_patch8(e, done);
}

/* The result, from so many bytes. */
static void take_loaded(struct lower *l, const struct cold *c, struct x64_mem m, unsigned size)
{
    struct x64_buf *e = &l->e;
    if (c->dst == X64_NO_REG)
        return;
    if (c->dst_x) {
        x64_load_xmm(e, c->dst, m, size);
        if (c->box)
            x64_rm(e, 0x0f56, 0, c->dst, AT_JIT(l, box));
    } else if (c->sign) {
        x64_load_sx(e, (enum x64_reg)c->dst, m, c->sign);
    } else {
        x64_load_zx(e, (enum x64_reg)c->dst, m, size);
    }
}

static void take_value(struct lower *l, const struct cold *c, enum jit_access what)
{
    if (what != JIT_STORE)
        take_loaded(l, c, AT_JIT(l, value), what == JIT_LOAD ? c->site >> 4 & 15 : 8);
}

/* The access itself. */
static void make_at(struct lower *l, const struct cold *c, enum jit_access what, struct x64_mem m)
{
    if (what == JIT_LOAD)
        take_loaded(l, c, m, c->site >> 4 & 15);
    else
        store_operand(l, c, m, c->site >> 4 & 15);
}

/*
 * The span has no host address, often because it reaches over a page's end: the access is made
 * here, by a stream of its own, or by C.
 */
static void again_cold(struct lower *l, struct cold *c, enum jit_access what)
{
    struct x64_buf *e = &l->e;
    enum x64_reg t = (enum x64_reg)c->addr;
    set_aside(l, c);
    if (c->base_in_reg) {
        x64_lea(e, t, x64_at((enum x64_reg)c->base_reg, c->disp));
    } else {
        x64_load(e, t, c->base_mem);
        if (c->disp)
            x64_alu_imm(e, ALU_ADD, X64_W, t, c->disp);
    }
    x64_xchg_rax(e, t);
    call_miss(l, c);
    x64_xchg_rax(e, t);
    save_xmm(l, c, true);
    if (what == JIT_STORE && !c->value_x && c->value == t) {
        x64_push(e, RCX);
        x64_load(e, RCX, AT_JIT(l, value));
        x64_store_size(e, x64_at(t, 0), RCX, c->site >> 4 & 15);
        x64_pop(e, RCX);
    } else {
        make_at(l, c, what, x64_at(t, 0));
    }
    save_regs(l, c, true);
    x64_jmp(e, c->after);
}

/*
 * The load at the address in t, in jit_region.flat, lies inside 16 bytes, which an aligned move of
 * them all reads at once (mem/mag16.c).  Returns the jump with t as it was where it is elsewhere.
 */
static uint8_t *load_wide(struct lower *l, const struct cold *c, enum x64_reg t)
{
    struct x64_buf *e = &l->e;
    struct range range = range_of(c);
    struct x64_mem part = AT_JIT(l, wide);
    range_cmp(l, t, &range);
    uint8_t *out = x64_jcc8(e, CC_AE);
    range_add(l, t, &range);
    range_to_host(l, t, &range);
    x64_store(e, AT_JIT(l, va), t);
    x64_alu_imm(e, ALU_AND, X64_W, t, -16);
    x64_rm(e, 0x66000f6f, 0, WIDE, x64_at(t, 0)); /* movdqa */
    x64_rm(e, 0x0f29, 0, WIDE, part);             /* movaps */
    x64_load(e, t, AT_JIT(l, va));
    x64_alu_imm(e, ALU_AND, 0, t, 15);
    part.index = t;
    take_loaded(l, c, part, c->site >> 4 & 15);
    x64_jmp(e, c->after);
    return out;
}

/*
 * The address in t is misaligned.  What lies inside 8 bytes, or over a border of 16, may be made by
 * the host as it is.  Returns a jump for what is left, or NULL.
 */
static uint8_t *misaligned(struct lower *l, const struct cold *c, enum x64_reg t)
{
    unsigned bit = c->site >> 4 & 15;
    for (; bit < 8; bit *= 2) {
        x64_test8_imm(&l->e, t, bit);
        x64_jcc(&l->e, CC_E, c->aligned);
    }
    x64_test8_imm(&l->e, t, bit);
    x64_jcc(&l->e, CC_NE, c->aligned);
    return (c->site & 15) == JIT_LOAD && x64_cpu()->avx ? load_wide(l, c, t) : NULL;
}

/* Makes the address in t what it was.  A misaligned load from flat RAM is made here, or goes back.
 */
static void off_range(struct lower *l, struct cold *c, enum x64_reg t)
{
    struct x64_buf *e = &l->e;
    struct range range = range_of(c);
    if (c->by_page || (c->scattered && c->base_in_reg))
        x64_lea(e, t, x64_at((enum x64_reg)c->base_reg, c->disp));
    else if (c->scattered)
        x64_load(e, t, AT_JIT(l, va));
    else if (!range.flat)
        range_add(l, t, &range);
    uint8_t *slow = c->from[3] && c->aligned ? x64_jmp(e, 0) : NULL;
    for (unsigned n = 1; n < ARRAY_LEN(c->from); n++)
        if (c->from[n])
            x64_patch(e, c->from[n]);
    if (slow) {
        uint8_t *left = misaligned(l, c, t);
        if (left)
            x64_patch8(e, left);
        x64_patch(e, slow);
    }
    if (range.flat)
        range_add(l, t, &range);
}

/* C has made the access. */
static void made_by_c(struct lower *l, const struct cold *c, enum jit_access what)
{
    take_value(l, c, what);
    if (c->host != X64_NO_REG)
        x64_mov_imm(&l->e, (enum x64_reg)c->host, 0);
    x64_jmp(&l->e, c->after);
}

/* The first access of a span, with the span's host address in t, or where it finds what C did. */
static void make_first(struct lower *l, const struct cold *c, enum jit_access what, enum x64_reg t)
{
    struct x64_buf *e = &l->e;
    int32_t addend = l->r->flat ? l->r->flat->addend : 0;
    enum x64_reg host = (enum x64_reg)c->host;
    if (addend)
        x64_lea(e, host, x64_at(t, -addend));
    else
        x64_mov(e, host, t);
    make_at(l, c, what, x64_at(host, (int32_t)(c->span & 0xffff) + addend));
    x64_jcc(e, CC_NE, c->after);
    x64_mov_imm(e, host, 0);
    x64_jmp(e, c->after);
}

void access_cold(struct lower *l, struct cold *c)
{
    struct x64_buf *e = &l->e;
    enum jit_access what = (enum jit_access)(c->site & 15);
    bool flat = c->site & JIT_SITE_FLAT;
    enum x64_reg t = (enum x64_reg)c->addr;
    x64_patch(e, c->from[0]);
    if (c->again) {
        again_cold(l, c, what);
        return;
    }
    off_range(l, c, t);
    set_aside(l, c);
    x64_xchg_rax(e, t);
    call_miss(l, c);
    x64_xchg_rax(e, t);
    access_save(l, c, true);
    if (what >= JIT_AMO || flat) {
        if (!flat) {
            uint8_t *made = x64_jcc8(e, CC_E);
            x64_load(e, t, AT_JIT(l, va));
            x64_jmp(e, c->retry);
            x64_patch8(e, made);
        }
        made_by_c(l, c, what);
    } else if (c->host != X64_NO_REG) {
        make_first(l, c, what, t);
    } else {
        make_at(l, c, what, x64_at(t, 0));
        x64_jmp(e, c->after);
    }
}
