/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops of one block whose addresses move by the same distance in each turn.
 *
 * Such a block is made twice: as always, and once more with those accesses
 * unlooked at.  The jump back of the first leads to code that sees how many turns
 * the ranges of the streams are good for, and whether that is worth while; if so
 * it goes on in the second, until so many turns are over, and does the next turn
 * in the first again.  What a stream says holds meanwhile: it is forgotten only by
 * the hart itself, where C is called that serves requests, or between two pieces
 * of code, and the second version has neither.
 *
 * The second version looks at the count of instructions in the place of the
 * alarm, so that an instruction costs no more than it must: the limit is the
 * alarm's if that is nearer.  Who raises the alarm meanwhile waits for TURNS_MAX
 * turns at most.
 */
#include "jit/x64/lower.h"

#include <limits.h>

#define TURNS_MAX     128
#define TURNS_MIN     3
#define STEP_MAX      2048
#define STEP_SLOT_MAX (1 << 18)
#define INSNS_MAX     256 /* of the IR */

/* --- which blocks, and which accesses --- */

/* The instruction that leads back to the block's start; 0: none, or several. */
static unsigned jump_back(const struct lower *l, unsigned k)
{
    const struct ir_block *b = &l->r->blocks[k].ir;
    unsigned at = 0;
    for (unsigned n = 1; n < b->count; n++) {
        const struct ir_insn *i = &b->insns[n];
        if ((i->op != IR_exit && i->op != IR_exit_if) || exits_inside(l, k, i) != (int)k)
            continue;
        if (at || exits_is_call(l, i))
            return 0;
        at = n;
    }
    return at;
}

/* Whether no host address found at the block's start gets lost in it. */
static bool keeps_addresses(const struct lower *l)
{
    const struct ir_block *b = l->b;
    for (unsigned n = 1; n < b->count; n++) {
        if (access_loses_places(l, &b->insns[n]))
            return false;
    }
    return true;
}

/* The last write of the slot before the jump back, or 0; *first: the first of all. */
static unsigned last_write(const struct lower *l, unsigned slot, unsigned back, unsigned *first)
{
    unsigned last = 0;
    *first = UINT_MAX;
    for (unsigned n = 1; n < l->b->count; n++) {
        const struct ir_insn *i = &l->b->insns[n];
        if (i->op != IR_slot_set || i->index != slot)
            continue;
        if (*first == UINT_MAX)
            *first = n;
        if (n < back)
            last = n;
    }
    return last;
}

/* Whether the value is the slot as it was at the block's start. */
static bool is_start_of(const struct lower *l, ir_ref v, unsigned slot, unsigned first)
{
    const struct ir_insn *i = &l->b->insns[v];
    return i->op == IR_slot_get && i->index == slot && v < first;
}

/* Whether the value is a slot that the block does not write. */
static bool is_steady(const struct lower *l, ir_ref v, unsigned back)
{
    const struct ir_insn *i = &l->b->insns[v];
    unsigned first;
    return i->op == IR_slot_get && !last_write(l, i->index, back, &first) && first == UINT_MAX &&
           i->index < 64 && !slot_is_fp(l, i->index);
}

/* By what the slot has moved at the jump back; false: nobody knows. */
static bool find_step(const struct lower *l, struct stride_term *t, unsigned back)
{
    const struct ir_insn *insns = l->b->insns;
    unsigned first, last = last_write(l, t->slot, back, &first);
    t->step = t->step_slot = 0;
    if (!last)
        return true;
    ir_ref v = insns[last].a;
    if (insns[v].op == IR_sx32) {
        t->narrow = true;
        v = insns[v].a;
    }
    const struct ir_insn *add = &insns[v];
    if (add->op != IR_add)
        return false;
    bool swapped = is_start_of(l, add->b, t->slot, first);
    ir_ref other = swapped ? add->a : add->b;
    if ((swapped || is_start_of(l, add->a, t->slot, first)) && is_steady(l, other, back)) {
        t->step_slot = (uint8_t)insns[other].index;
        return true;
    }
    int64_t sum = 0;
    for (; insns[v].op == IR_add && insns[insns[v].b].op == IR_const; v = insns[v].a) {
        int64_t k = (int64_t)insns[insns[v].b].imm;
        if (k > STEP_MAX || k < -STEP_MAX)
            return false;
        sum += k;
    }
    t->step = (int32_t)sum;
    return is_start_of(l, v, t->slot, first) && sum <= STEP_MAX && sum >= -STEP_MAX;
}

/* A slot as it is at the block's start, its lower half perhaps, moved up by up to three bits. */
static bool find_term(const struct lower *l, ir_ref v, unsigned back, struct stride_term *t)
{
    const struct ir_insn *insns = l->b->insns;
    *t = (struct stride_term){0};
    if (insns[v].op == IR_shl && insns[insns[v].b].op == IR_const && insns[insns[v].b].imm <= 3) {
        t->shift = (uint8_t)insns[insns[v].b].imm;
        v = insns[v].a;
    }
    if (insns[v].op == IR_zx32 || insns[v].op == IR_sx32) {
        t->extend = insns[v].op;
        v = insns[v].a;
    }
    const struct ir_insn *get = &insns[v];
    if (get->op != IR_slot_get || get->index >= 64 || slot_is_fp(l, get->index))
        return false;
    t->slot = (uint8_t)get->index;
    unsigned first;
    (void)last_write(l, t->slot, back, &first);
    t->narrow = t->extend;
    return v < first && find_step(l, t, back);
}

static bool moves(const struct stride_term *t)
{
    return t->step || t->step_slot;
}

/* The address as one or two terms, of which one at most moves; that is the first. */
static bool find_terms(const struct lower *l, unsigned back, struct stride_group *g)
{
    const struct ir_insn *root = &l->b->insns[g->root];
    g->terms = 1;
    if (root->op != IR_add)
        return find_term(l, g->root, back, &g->term[0]);
    g->terms = 2;
    if (!find_term(l, root->a, back, &g->term[0]) || !find_term(l, root->b, back, &g->term[1]))
        return false;
    if (moves(&g->term[1])) {
        struct stride_term first = g->term[0];
        g->term[0] = g->term[1];
        g->term[1] = first;
    }
    return !moves(&g->term[1]);
}

int stride_takes(struct lower *l, const struct stride_group *access)
{
    struct stride_group g = *access;
    if (!l->striding || !find_terms(l, l->stride_now->back_at, &g))
        return -1;
    const struct stride_term *t = &g.term[0];
    if (g.align > 1 && (t->step_slot || t->step * (1 << t->shift) & (int32_t)(g.align - 1)))
        return -1;
    if (l->groups == STRIDE_GROUPS)
        return -1;
    l->group[l->groups] = g;
    return (int)l->groups++;
}

static bool any_access(const struct lower *l, unsigned back)
{
    const struct ir_block *b = l->b;
    for (unsigned n = 1; n < b->count; n++) {
        const struct ir_insn *i = &b->insns[n];
        int64_t rel;
        if (i->op != IR_load && i->op != IR_store)
            continue;
        struct stride_group g = {.root = access_root(l, i, &rel)};
        if (find_terms(l, back, &g))
            return true;
    }
    return false;
}

void stride_plan(struct lower *l, unsigned k)
{
    const struct jit_block *jb = &l->r->blocks[k];
    l->stride_now = NULL;
    if (!jb->header || jb->ir.count > INSNS_MAX || l->strides == STRIDES_MAX)
        return;
    unsigned back = jump_back(l, k);
    l->b = &jb->ir;
    if (!back || !keeps_addresses(l) || !any_access(l, back))
        return;
    l->stride_now = &l->stride[l->strides++];
    *l->stride_now = (struct stride){.block = (uint8_t)k, .back_at = back, .streams = l->streams};
}

bool stride_jump(struct lower *l, uint8_t *from)
{
    if (!l->stride_now)
        return false;
    l->stride_now->from = from;
    return true;
}

/* --- how many turns --- */

static void load_slot(struct lower *l, enum x64_reg d, unsigned slot)
{
    if (l->map.home[slot] != X64_NO_REG)
        x64_mov(&l->e, d, (enum x64_reg)l->map.home[slot]);
    else
        x64_load(&l->e, d, at_slot(l, slot));
}

static void to_block(struct lower *l, enum x64_cond cc, unsigned block)
{
    lower_jump_block(l, x64_jcc(&l->e, cc, 0), block);
}

/* rcx is a number of turns that may be the least. */
static void limit_turns(struct lower *l)
{
    struct x64_buf *e = &l->e;
    x64_alu_mem(e, ALU_CMP, X64_W, RCX, at_stride(l, STRIDE_LIMIT));
    uint8_t *over = x64_jcc8(e, CC_AE);
    x64_store(e, at_stride(l, STRIDE_LIMIT), RCX);
    x64_patch8(e, over);
}

/*
 * A lower half, or a slot that is a sign-extended one, moves as far as whole numbers do while it is
 * neither negative nor near its end.
 */
static void look_at_half(struct lower *l, const struct stride_term *t, unsigned block)
{
    struct x64_buf *e = &l->e;
    load_slot(l, RCX, t->slot);
    x64_alu_imm(e, ALU_CMP, X64_W, RCX, 1 << 30);
    to_block(l, CC_AE, block);
    if (t->step >= 0)
        return;
    x64_shift_imm(e, SH_SHR, X64_W, RCX, x64_log2_up((unsigned)-t->step));
    limit_turns(l);
}

/* By what is in a slot: a step that is negative, none or large is not what this is for. */
static void turns_by_slot(struct lower *l, const struct stride_group *g, unsigned block)
{
    struct x64_buf *e = &l->e;
    const struct stride_term *t = &g->term[0];
    load_slot(l, RCX, t->step_slot);
    range_limit(l, RDX, &g->range);
    x64_alu(e, ALU_SUB, X64_W, RDX, RAX);
    x64_lea(e, RAX, x64_at(RCX, -1));
    x64_alu_imm(e, ALU_CMP, X64_W, RAX, STEP_SLOT_MAX);
    to_block(l, CC_AE, block);
    if (t->shift)
        x64_shift_imm(e, SH_SHL, X64_W, RCX, t->shift);
    x64_mov_imm(e, RAX, 8 * STEP_SLOT_MAX * TURNS_MAX);
    x64_alu(e, ALU_CMP, X64_W, RDX, RAX);
    x64_cmov(e, CC_B, RAX, RDX);
    x64_zero(e, RDX);
    x64_unary(e, UN_DIV, 0, RCX);
    x64_mov(e, RCX, RAX);
}

/* rax is the distance in the range: until when that is left. */
static void look_at_turns(struct lower *l, const struct stride_group *g, unsigned block)
{
    struct x64_buf *e = &l->e;
    const struct stride_term *t = &g->term[0];
    if (!moves(t))
        return;
    if (t->step_slot) {
        turns_by_slot(l, g, block);
    } else if (t->step > 0) {
        range_limit(l, RCX, &g->range);
        x64_alu(e, ALU_SUB, X64_W, RCX, RAX);
    } else {
        x64_mov(e, RCX, RAX);
    }
    unsigned shift = x64_log2_up((unsigned)(t->step < 0 ? -t->step : t->step)) + t->shift;
    if (!t->step_slot && shift)
        x64_shift_imm(e, SH_SHR, X64_W, RCX, shift);
    limit_turns(l);
}

static void load_term(struct lower *l, enum x64_reg d, const struct stride_term *t)
{
    load_slot(l, d, t->slot);
    if (t->extend == IR_zx32)
        x64_mov32(&l->e, d, d);
    else if (t->extend == IR_sx32)
        x64_sx(&l->e, d, d, 4);
    if (t->shift)
        x64_shift_imm(&l->e, SH_SHL, X64_W, d, t->shift);
}

/* To the block if the group's next access is not in its stream's range. */
static void look_at(struct lower *l, unsigned n, unsigned block)
{
    struct x64_buf *e = &l->e;
    const struct stride_group *g = &l->group[n];
    if (g->term[0].narrow && moves(&g->term[0]))
        look_at_half(l, &g->term[0], block);
    load_term(l, RAX, &g->term[0]);
    if (g->terms > 1) {
        load_term(l, RCX, &g->term[1]);
        x64_alu(e, ALU_ADD, X64_W, RAX, RCX);
    }
    if (g->rel)
        x64_lea(e, RAX, x64_at(RAX, g->rel));
    if (g->align > 1) {
        x64_test8_imm(e, RAX, g->align - 1);
        to_block(l, CC_NE, block);
    }
    range_sub(l, RAX, &g->range);
    range_cmp(l, RAX, &g->range);
    to_block(l, CC_AE, block);
    look_at_turns(l, g, block);
    if (l->r->flat)
        return;
    x64_load(e, RAX,
             stream_word(l, g->range.kind, g->range.stream, offsetof(struct tlb_stream, addend)));
    x64_store(e, at_stride(l, n), RAX);
}

static void look_at_all(struct lower *l, const struct stride *s, const uint8_t *fast)
{
    struct x64_buf *e = &l->e;
    unsigned retired = l->r->blocks[s->block].ir.insns[s->back_at].index;
    x64_store_imm(e, at_stride(l, STRIDE_LIMIT), TURNS_MAX, 8);
    for (unsigned n = 0; n < l->groups; n++)
        look_at(l, n, s->block);
    x64_load(e, RCX, at_stride(l, STRIDE_LIMIT));
    x64_alu_imm(e, ALU_CMP, X64_W, RCX, TURNS_MIN);
    to_block(l, CC_B, s->block);
    x64_imul_imm(e, X64_W, RCX, RCX, (int32_t)retired);
    x64_alu(e, ALU_ADD, X64_W, RCX, NOW);
    x64_load(e, RAX, at_hart(l, l->g->until));
    x64_alu(e, ALU_CMP, X64_W, RCX, RAX);
    x64_cmov(e, CC_A, RCX, RAX);
    x64_store(e, at_stride(l, STRIDE_LIMIT), RCX);
    x64_patch_to(e, x64_jmp(e, 0), fast);
}

void stride_make(struct lower *l)
{
    struct x64_buf *e = &l->e;
    for (unsigned n = 0; n < l->strides && !l->too_much && !e->full; n++) {
        struct stride slow = l->stride[n];
        const uint8_t *fast = e->p;
        unsigned streams = l->streams;
        l->stride_now = &l->stride[n];
        l->striding = true;
        l->groups = 0;
        l->streams = slow.streams; /* what is looked at has the streams of the first version */
        x64_alu_mem(e, ALU_CMP, X64_W, NOW, at_stride(l, STRIDE_LIMIT));
        to_block(l, CC_AE, slow.block);
        lower_insns(l, slow.block);
        l->streams = streams;
        x64_patch_to(e, l->stride[n].from, fast);
        x64_patch(e, slow.from);
        look_at_all(l, &slow, fast);
    }
    l->striding = false;
    l->stride_now = NULL;
}
