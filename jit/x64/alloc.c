/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the values of a block are while it is lowered, one instruction after the
 * other.
 *
 * A value read from a slot is that slot's home until the slot is written; so
 * reading a register costs nothing.  A value that becomes a slot is made in the
 * slot's home from the start (its hint) where nothing in between needs the old
 * contents: nothing that may fault or leave, and no read.  Values that live on
 * when their home is overwritten are moved to a temporary.
 *
 * All other values are in temporaries.  When none is free one goes to the frame:
 * the one that is needed last, but rather one whose slot has it in memory still,
 * which costs nothing.
 */
#include "jit/x64/lower.h"

#include "sim/base/log.h"

/* --- before the first instruction: uses, last uses, fusing, hints --- */

static bool is_compare(unsigned op)
{
    return op >= IR_eq && op <= IR_geu;
}

static unsigned sx_bytes(unsigned op)
{
    return op == IR_sx8 ? 1 : op == IR_sx16 ? 2 : op == IR_sx32 ? 4 : 0;
}

static void count_uses(struct lower *l)
{
    const struct ir_block *b = l->b;
    for (unsigned n = 1; n < b->count; n++) {
        const struct ir_insn *i = &b->insns[n];
        if (i->op == IR_arg)
            continue;
        if (i->op == IR_call) {
            for (ir_ref a = i->a; a; a = b->insns[a].b)
                l->val[b->insns[a].a].uses++;
            continue;
        }
        /* Not the uses of no operand: one would wait for the other. */
        if (i->a)
            l->val[i->a].uses++;
        if (i->b)
            l->val[i->b].uses++;
        if (i->c)
            l->val[i->c].uses++;
    }
}

/* Pure instructions that nobody needs, from the end, so that what only they need goes as well. */
static void drop_unused(struct lower *l)
{
    const struct ir_block *b = l->b;
    for (unsigned n = b->count - 1; n > 0; n--) {
        const struct ir_insn *i = &b->insns[n];
        bool droppable = ir_ops[i->op].flags & IR_PURE || i->op == IR_slot_get;
        if (!droppable || i->op == IR_arg || l->val[n].uses)
            continue;
        const ir_ref refs[3] = {i->a, i->b, i->c};
        for (int k = 0; k < 3; k++)
            if (refs[k])
                l->val[refs[k]].uses--;
    }
}

static bool dropped(const struct lower *l, unsigned n)
{
    const struct ir_insn *i = &l->b->insns[n];
    return (ir_ops[i->op].flags & IR_PURE || i->op == IR_slot_get) && !l->val[n].uses;
}

static void fuse(struct lower *l, const struct ir_insn *i)
{
    ir_ref c = i->op == IR_trap_if ? i->b : i->a;
    if (i->op != IR_trap_if && i->op != IR_exit_if && i->op != IR_select)
        return;
    if (is_compare(l->b->insns[c].op) && l->val[c].uses == 1)
        l->val[c].kind = LOC_FUSED;
}

static void need(struct lower *l, ir_ref v, unsigned at)
{
    if (l->val[v].last < at)
        l->val[v].last = (uint16_t)at;
    if (l->val[v].kind != LOC_FUSED)
        return;
    const struct ir_insn *i = &l->b->insns[v];
    need(l, i->a, at);
    need(l, i->b, at);
}

/* A load whose only use extends its sign: one instruction does both. */
static void sign_load(struct lower *l, const struct ir_insn *i)
{
    unsigned bytes = sx_bytes(i->op);
    const struct ir_insn *from = &l->b->insns[i->a];
    if (bytes && from->op == IR_load && from->sub == bytes && l->val[i->a].uses == 1)
        l->val[i->a].sign = (uint8_t)bytes;
}

static void find_last_uses(struct lower *l)
{
    const struct ir_block *b = l->b;
    for (unsigned n = 1; n < b->count; n++) {
        const struct ir_insn *i = &b->insns[n];
        if (i->op == IR_arg || dropped(l, n))
            continue;
        if (i->op == IR_call) {
            for (ir_ref a = i->a; a; a = b->insns[a].b)
                need(l, b->insns[a].a, n);
            continue;
        }
        if (!i->a)
            continue;
        fuse(l, i);
        sign_load(l, i);
        need(l, i->a, n);
        if (i->b)
            need(l, i->b, n);
        if (i->c)
            need(l, i->c, n);
    }
    l->val[IR_NONE] = (struct val){0};
}

static bool is_box(const struct lower *l, ir_ref v)
{
    const struct ir_insn *i = &l->b->insns[v];
    return i->op == IR_const && i->imm == 0xffffffff00000000;
}

/* The load under a box, if v is one: or(load of 4 bytes, ones above). */
static ir_ref boxed_load(const struct lower *l, ir_ref v)
{
    const struct ir_insn *i = &l->b->insns[v];
    if (i->op != IR_or || !is_box(l, i->b))
        return IR_NONE;
    const struct ir_insn *from = &l->b->insns[i->a];
    return from->op == IR_load && from->sub == 4 && l->val[i->a].uses == 1 ? i->a : IR_NONE;
}

static void want_fp(struct lower *l, ir_ref v)
{
    l->val[v].fp = true;
    ir_ref load = boxed_load(l, v);
    if (load) {
        l->val[load].fp = l->val[load].box = true;
        l->val[load].hint = l->val[v].hint;
    }
}

/* Values that become floating-point registers, or are operands of what is done inline. */
static void find_fp(struct lower *l)
{
    const struct ir_block *b = l->b;
    for (unsigned n = 1; n < b->count; n++) {
        const struct ir_insn *i = &b->insns[n];
        if (i->op == IR_slot_set && slot_is_fp(l, i->index))
            want_fp(l, i->a);
        if (i->op == IR_or && is_box(l, i->b))
            l->val[n].boxed = true;
    }
}

/* Whether what the slot holds now may be overwritten at once, though it is set at `set` only. */
static bool may_hint(const struct lower *l, unsigned def, unsigned set, unsigned slot)
{
    if (set - def > 8)
        return false;
    for (unsigned n = def + 1; n < set; n++) {
        const struct ir_insn *i = &l->b->insns[n];
        bool harmless = ir_ops[i->op].flags & IR_PURE;
        if (i->op == IR_slot_set || i->op == IR_slot_get)
            harmless = i->index != slot;
        if (!harmless)
            return false;
    }
    return true;
}

static void find_hints(struct lower *l)
{
    const struct ir_block *b = l->b;
    for (unsigned n = b->count - 1; n > 0; n--) {
        const struct ir_insn *i = &b->insns[n];
        if (i->op == IR_slot_set && i->index < SLOTS_MAX && slot_has_home(&l->map, i->index) &&
            !l->val[i->a].hint && may_hint(l, i->a, n, i->index))
            l->val[i->a].hint = (uint8_t)i->index;
        /* What is only narrowed or widened may be made in the same place. */
        if (l->val[n].hint && l->val[n].uses && ir_ops[i->op].flags & IR_PURE && i->a && !i->b &&
            l->val[i->a].uses == 1 && !l->val[i->a].hint && may_hint(l, i->a, n, l->val[n].hint))
            l->val[i->a].hint = l->val[n].hint;
    }
}

void alloc_block(struct lower *l, const struct ir_block *b)
{
    l->b = b;
    l->val = l->values;
    memset(l->val, 0, b->count * sizeof(l->val[0]));
    memset(l->in_slot, 0, sizeof(l->in_slot));
    memset(l->owner, 0, sizeof(l->owner));
    memset(l->frame, 0, l->frame_top * sizeof(l->frame[0]));
    l->frame_top = 0;
    l->free = X64_ALL_TEMPS & ~l->map.homes;
    l->scratch = l->pinned = 0;
    memset(l->xowner, 0, sizeof(l->xowner));
    l->xfree = X64_XMM_TEMPS & ~l->map.xhomes;
    l->xscratch = l->xpinned = 0;
    count_uses(l);
    drop_unused(l);
    find_last_uses(l);
    find_hints(l);
    find_fp(l);
    access_find_spans(l);
    isel_find_mates(l);
}

/* --- temporaries --- */

static void give(struct lower *l, enum x64_reg r, ir_ref v)
{
    l->owner[r] = v;
    l->free &= ~X64_BIT(r);
    l->val[v].kind = LOC_REG;
    l->val[v].reg = (uint8_t)r;
}

static void let_go(struct lower *l, enum x64_reg r)
{
    l->owner[r] = 0;
    l->free |= X64_BIT(r);
}

/* The value is needed in a register no more, if its slot's memory has it. */
static bool back_to_slot(struct lower *l, ir_ref v)
{
    struct val *val = &l->val[v];
    if (!val->copy)
        return false;
    val->kind = LOC_SLOT;
    val->slot = val->copy;
    return true;
}

static unsigned frame_place(struct lower *l, ir_ref v)
{
    for (unsigned i = 0; i < FRAME_SLOTS; i++)
        if (!l->frame[i]) {
            l->frame[i] = v;
            if (i >= l->frame_top)
                l->frame_top = i + 1;
            return i;
        }
    l->too_much = true;
    return 0;
}

/* The value, which is in r. */
static void to_frame(struct lower *l, ir_ref v, enum x64_reg r)
{
    unsigned place = frame_place(l, v);
    x64_store(&l->e, at_frame(l, place), r);
    l->val[v].kind = LOC_FRAME;
    l->val[v].slot = (uint16_t)place;
}

static void spill(struct lower *l, enum x64_reg r)
{
    ir_ref v = l->owner[r];
    let_go(l, r);
    if (!back_to_slot(l, v))
        to_frame(l, v, r);
}

/* Whether a is better to be spilled than b. */
static bool is_worse(const struct val *a, const struct val *b)
{
    return !a->copy != !b->copy ? a->copy != 0 : a->last > b->last;
}

static enum x64_reg victim(const struct lower *l)
{
    enum x64_reg best = X64_NO_REG;
    for (unsigned r = 0; r < 16; r++)
        if (l->owner[r] && !(l->pinned & X64_BIT(r)) &&
            (best == X64_NO_REG || is_worse(&l->val[l->owner[r]], &l->val[l->owner[best]])))
            best = (enum x64_reg)r;
    return best;
}

static enum x64_reg take_any(struct lower *l)
{
    if (!l->free) {
        enum x64_reg r = victim(l);
        if (r == X64_NO_REG) {
            l->too_much = true;
            return RAX;
        }
        spill(l, r);
    }
    /* rdx and rcx last: divisions and shifts want them. */
    uint32_t easy = l->free & ~(X64_BIT(RCX) | X64_BIT(RDX));
    enum x64_reg r = (enum x64_reg)__builtin_ctz(easy ? easy : l->free);
    l->free &= ~X64_BIT(r);
    return r;
}

enum x64_reg alloc_new(struct lower *l, ir_ref id)
{
    enum x64_reg r = take_any(l);
    give(l, r, id);
    l->pinned |= X64_BIT(r);
    return r;
}

enum x64_reg alloc_scratch(struct lower *l)
{
    enum x64_reg r = take_any(l);
    l->scratch |= X64_BIT(r);
    return r;
}

void alloc_take(struct lower *l, enum x64_reg r)
{
    if (l->scratch & X64_BIT(r)) {
        l->too_much = true;
        return;
    }
    if (l->owner[r]) {
        ir_ref v = l->owner[r];
        bool pinned = l->pinned & X64_BIT(r);
        l->pinned |= X64_BIT(r);
        enum x64_reg to = take_any(l);
        x64_mov(&l->e, to, r);
        let_go(l, r);
        give(l, to, v);
        if (pinned)
            l->pinned |= X64_BIT(to);
    }
    l->free &= ~X64_BIT(r);
    l->scratch |= X64_BIT(r);
}

uint32_t alloc_live_temps(const struct lower *l)
{
    uint32_t live = 0;
    for (unsigned r = 0; r < 16; r++)
        if (l->owner[r])
            live |= X64_BIT(r);
    return live;
}

/* --- xmm registers, likewise --- */

static void xgive(struct lower *l, unsigned x, ir_ref v)
{
    l->xowner[x] = v;
    l->xfree &= ~X64_BIT(x);
    l->val[v].kind = LOC_XMM;
    l->val[v].reg = (uint8_t)x;
}

static void xlet_go(struct lower *l, unsigned x)
{
    fp_forget_x(l, x);
    l->xowner[x] = 0;
    l->xfree |= X64_BIT(x);
}

static void xspill(struct lower *l, unsigned x)
{
    ir_ref v = l->xowner[x];
    if (!l->val[v].copy)
        fp_settle_x(l, x);
    xlet_go(l, x);
    if (back_to_slot(l, v))
        return;
    unsigned place = frame_place(l, v);
    x64_store_xmm(&l->e, at_frame(l, place), x, 8);
    l->val[v].kind = LOC_FRAME;
    l->val[v].slot = (uint16_t)place;
}

static unsigned xtake(struct lower *l)
{
    if (!l->xfree) {
        unsigned best = 16;
        for (unsigned x = 0; x < 16; x++)
            if (l->xowner[x] && !(l->xpinned & X64_BIT(x)) &&
                (best == 16 || is_worse(&l->val[l->xowner[x]], &l->val[l->xowner[best]])))
                best = x;
        if (best == 16) {
            l->too_much = true;
            return 0;
        }
        xspill(l, best);
    }
    unsigned x = (unsigned)__builtin_ctz(l->xfree);
    l->xfree &= ~X64_BIT(x);
    return x;
}

uint32_t alloc_live_xtemps(const struct lower *l)
{
    return X64_XMM_TEMPS & ~l->map.xhomes & ~l->xfree;
}

bool alloc_in_xmm(const struct lower *l, ir_ref v, unsigned *x)
{
    const struct val *val = &l->val[v];
    if (val->kind == LOC_XMM)
        *x = val->reg;
    else if (val->kind == LOC_XHOME)
        *x = l->map.xhome[val->slot];
    return val->kind == LOC_XMM || val->kind == LOC_XHOME;
}

void alloc_xcopy(struct lower *l, unsigned x, ir_ref v)
{
    const struct val *val = &l->val[v];
    unsigned from;
    if (alloc_in_xmm(l, v, &from)) {
        fp_settle_x(l, from);
        x64_movaps(&l->e, x, from);
    } else if (val->kind == LOC_SLOT || val->kind == LOC_FRAME) {
        struct x64_mem m = val->kind == LOC_SLOT ? at_slot(l, val->slot) : at_frame(l, val->slot);
        x64_load_xmm(&l->e, x, m, 8);
    } else if (val->kind == LOC_CONST && !l->b->insns[v].imm) {
        x64_sse(&l->e, 0x0f57, x, x); /* xorps */
    } else {
        x64_movq_to_xmm(&l->e, x, alloc_use(l, v));
    }
    fp_forget_x(l, x);
}

unsigned alloc_xuse(struct lower *l, ir_ref v)
{
    struct val *val = &l->val[v];
    unsigned x;
    if (!alloc_in_xmm(l, v, &x)) {
        bool ours = val->kind == LOC_SLOT || val->kind == LOC_FRAME;
        x = xtake(l);
        alloc_xcopy(l, x, v);
        if (val->kind == LOC_FRAME)
            l->frame[val->slot] = 0;
        if (ours)
            xgive(l, x, v);
        else
            l->xscratch |= X64_BIT(x);
    }
    l->xpinned |= X64_BIT(x);
    return x;
}

/* --- slots --- */

static void unlink_slot(struct lower *l, ir_ref v)
{
    ir_ref before = l->in_slot[l->val[v].list];
    if (before == v) {
        l->in_slot[l->val[v].list] = l->val[v].next;
        return;
    }
    while (l->val[before].next != v)
        before = l->val[before].next;
    l->val[before].next = l->val[v].next;
}

static void link_slot(struct lower *l, ir_ref v, unsigned slot, bool in_memory)
{
    if (l->val[v].list)
        unlink_slot(l, v);
    l->val[v].list = (uint8_t)slot;
    l->val[v].copy = in_memory ? (uint8_t)slot : 0;
    l->val[v].next = l->in_slot[slot];
    l->in_slot[slot] = v;
}

static void enter_slot(struct lower *l, ir_ref v, unsigned slot)
{
    l->val[v].kind = l->map.home[slot] != X64_NO_REG    ? LOC_HOME
                     : l->map.xhome[slot] != X64_NO_REG ? LOC_XHOME
                                                        : LOC_SLOT;
    l->val[v].slot = (uint16_t)slot;
    link_slot(l, v, slot, l->val[v].kind == LOC_SLOT);
}

static void move_out(struct lower *l, ir_ref v)
{
    if (l->val[v].kind == LOC_XHOME ||
        (l->val[v].kind == LOC_SLOT && slot_is_fp(l, l->val[v].slot))) {
        unsigned x = xtake(l);
        alloc_xcopy(l, x, v);
        xgive(l, x, v);
        l->xpinned |= X64_BIT(x);
        return;
    }
    if (l->val[v].kind == LOC_HOME && !l->free && victim(l) == X64_NO_REG) {
        to_frame(l, v, (enum x64_reg)l->map.home[l->val[v].slot]);
        return;
    }
    enum x64_reg r = take_any(l);
    if (l->val[v].kind == LOC_HOME)
        x64_mov(&l->e, r, (enum x64_reg)l->map.home[l->val[v].slot]);
    else
        x64_load(&l->e, r, at_slot(l, l->val[v].slot));
    give(l, r, v);
}

/*
 * The slot is about to be overwritten: what lives on is moved out; on to the frame, if the
 * instruction needs more registers than that leaves.
 */
static void clobber(struct lower *l, unsigned slot)
{
    for (ir_ref v = l->in_slot[slot], next; v; v = next) {
        next = l->val[v].next;
        bool here =
            l->val[v].slot == slot && (l->val[v].kind == LOC_HOME || l->val[v].kind == LOC_SLOT ||
                                       l->val[v].kind == LOC_XHOME);
        l->val[v].list = l->val[v].copy = 0;
        if (here && l->val[v].last > l->at)
            move_out(l, v);
    }
    l->in_slot[slot] = 0;
}

void alloc_clobber_all(struct lower *l)
{
    for (unsigned slot = 1; slot < l->g->ir->slot_count; slot++)
        if (l->g->ir->slots[slot].kind == IR_SLOT_REG)
            clobber(l, slot);
}

void alloc_slot_get(struct lower *l, unsigned slot)
{
    const struct ir_slot *s = &l->g->ir->slots[slot];
    if (s->kind == IR_SLOT_REG && s->size == 8) {
        enter_slot(l, (ir_ref)l->at, slot);
        return;
    }
    enum x64_reg r = take_any(l);
    x64_load_zx(&l->e, r, at_slot(l, slot), s->size);
    give(l, r, (ir_ref)l->at);
}

static void store_slot(struct lower *l, unsigned slot, ir_ref v)
{
    unsigned size = l->g->ir->slots[slot].size;
    int64_t k;
    unsigned x;
    if (alloc_const(l, v, &k) && x64_fits32(k))
        x64_store_imm(&l->e, at_slot(l, slot), (int32_t)k, size);
    else if (size == 8 && alloc_in_xmm(l, v, &x)) {
        fp_settle_x(l, x);
        x64_store_xmm(&l->e, at_slot(l, slot), x, 8);
    } else
        x64_store_size(&l->e, at_slot(l, slot), alloc_use(l, v), size);
}

void alloc_slot_set(struct lower *l, unsigned slot, ir_ref v)
{
    struct val *val = &l->val[v];
    bool inside = (val->kind == LOC_HOME || val->kind == LOC_SLOT || val->kind == LOC_XHOME) &&
                  val->slot == slot;
    if (inside)
        return; /* made there, or it never left */
    if (l->map.xhome[slot] != X64_NO_REG) {
        clobber(l, slot);
        alloc_xcopy(l, l->map.xhome[slot], v);
        if (val->kind == LOC_XMM && val->last > l->at) {
            l->xowner[val->reg] = 0;
            l->xfree |= X64_BIT(val->reg);
            enter_slot(l, v, slot);
        }
        return;
    }
    enum x64_reg home = (enum x64_reg)l->map.home[slot];
    if (home == X64_NO_REG) {
        if (val->kind == LOC_SLOT && slot_is_fp(l, slot))
            (void)alloc_xuse(l, v);
        else if (val->kind == LOC_SLOT)
            (void)alloc_use(l, v);
        clobber(l, slot);
        store_slot(l, slot, v);
        bool in_reg = val->kind == LOC_REG || val->kind == LOC_XMM;
        if (in_reg && !val->copy && l->g->ir->slots[slot].kind == IR_SLOT_REG &&
            l->g->ir->slots[slot].size == 8)
            link_slot(l, v, slot, true);
        return;
    }
    clobber(l, slot);
    alloc_copy(l, home, v);
    if (val->kind == LOC_REG && val->last > l->at) {
        let_go(l, (enum x64_reg)val->reg);
        enter_slot(l, v, slot);
    }
}

/* --- operands --- */

bool alloc_const(const struct lower *l, ir_ref v, int64_t *value)
{
    const struct ir_insn *i = &l->b->insns[v];
    if (i->op != IR_const)
        return false;
    *value = (int64_t)i->imm;
    return true;
}

void alloc_copy(struct lower *l, enum x64_reg d, ir_ref v)
{
    const struct val *val = &l->val[v];
    switch (val->kind) {
    case LOC_REG:
        x64_mov(&l->e, d, (enum x64_reg)val->reg);
        break;
    case LOC_HOME:
        x64_mov(&l->e, d, (enum x64_reg)l->map.home[val->slot]);
        break;
    case LOC_SLOT:
        x64_load(&l->e, d, at_slot(l, val->slot));
        break;
    case LOC_FRAME:
        x64_load(&l->e, d, at_frame(l, val->slot));
        break;
    case LOC_CONST:
        x64_mov_imm(&l->e, d, l->b->insns[v].imm);
        break;
    case LOC_XMM:
        fp_settle_x(l, val->reg);
        x64_movq_from_xmm(&l->e, d, val->reg);
        break;
    case LOC_XHOME:
        fp_settle_x(l, l->map.xhome[val->slot]);
        x64_movq_from_xmm(&l->e, d, l->map.xhome[val->slot]);
        break;
    case LOC_PC:
        x64_load(&l->e, d, at_hart(l, l->g->page_va));
        if (l->b->insns[v].disp)
            x64_lea(&l->e, d, x64_at(d, l->b->insns[v].disp));
        break;
    default:
        BUG("value %u has no place", v);
    }
}

void alloc_last(struct lower *l, enum x64_reg d, ir_ref v)
{
    if (l->val[v].kind == LOC_REG && l->val[v].reg == d)
        return;
    alloc_take(l, d);
    alloc_copy(l, d, v);
}

enum x64_reg alloc_use(struct lower *l, ir_ref v)
{
    struct val *val = &l->val[v];
    enum x64_reg r;
    if (val->kind == LOC_HOME) {
        r = (enum x64_reg)l->map.home[val->slot];
    } else if (val->kind == LOC_REG) {
        r = (enum x64_reg)val->reg;
    } else if (val->kind == LOC_CONST) {
        r = alloc_scratch(l);
        x64_mov_imm(&l->e, r, l->b->insns[v].imm);
    } else if (val->kind == LOC_XMM || val->kind == LOC_XHOME) {
        r = alloc_scratch(l);
        alloc_copy(l, r, v);
    } else {
        r = take_any(l);
        alloc_copy(l, r, v);
        if (val->kind == LOC_FRAME)
            l->frame[val->slot] = 0;
        give(l, r, v);
    }
    l->pinned |= X64_BIT(r);
    return r;
}

bool alloc_from_memory(const struct lower *l, ir_ref v)
{
    const struct val *val = &l->val[v];
    return (val->kind == LOC_SLOT || val->kind == LOC_FRAME) && val->last == l->at;
}

struct opnd alloc_operand(struct lower *l, ir_ref v)
{
    const struct val *val = &l->val[v];
    int64_t k;
    if (alloc_const(l, v, &k) && x64_fits32(k))
        return (struct opnd){.kind = OPND_IMM, .imm = (int32_t)k};
    if (alloc_from_memory(l, v))
        return (struct opnd){.kind = OPND_MEM,
                             .mem = val->kind == LOC_SLOT ? at_slot(l, val->slot)
                                                          : at_frame(l, val->slot)};
    return (struct opnd){.kind = OPND_REG, .reg = alloc_use(l, v)};
}

/* --- results --- */

enum x64_reg alloc_dst_apart(struct lower *l)
{
    enum x64_reg r = take_any(l);
    give(l, r, (ir_ref)l->at);
    l->pinned |= X64_BIT(r);
    return r;
}

unsigned alloc_xdst(struct lower *l)
{
    unsigned slot = l->val[l->at].hint;
    if (slot && l->map.xhome[slot] != X64_NO_REG) {
        clobber(l, slot);
        enter_slot(l, (ir_ref)l->at, slot);
        fp_forget_x(l, l->map.xhome[slot]);
        return l->map.xhome[slot];
    }
    unsigned x = xtake(l);
    xgive(l, x, (ir_ref)l->at);
    l->xpinned |= X64_BIT(x);
    return x;
}

enum x64_reg alloc_dst(struct lower *l)
{
    unsigned slot = l->val[l->at].hint;
    if (slot && l->map.home[slot] == X64_NO_REG)
        slot = l->val[l->at].hint = 0; /* the home is of the other kind */
    if (!slot)
        return alloc_dst_apart(l);
    clobber(l, slot);
    enter_slot(l, (ir_ref)l->at, slot);
    return (enum x64_reg)l->map.home[slot];
}

enum x64_reg alloc_take_over(struct lower *l, ir_ref a)
{
    enum x64_reg r = (enum x64_reg)l->val[a].reg;
    l->val[a].kind = LOC_NONE;
    give(l, r, (ir_ref)l->at);
    l->pinned |= X64_BIT(r);
    return r;
}

void alloc_result(struct lower *l, enum x64_reg r)
{
    unsigned slot = l->val[l->at].hint;
    l->free |= l->scratch & ~X64_BIT(r);
    l->scratch &= X64_BIT(r);
    l->pinned = 0;
    if (slot && l->map.home[slot] != X64_NO_REG) {
        x64_mov(&l->e, alloc_dst(l), r);
        return;
    }
    l->scratch &= ~X64_BIT(r);
    give(l, r, (ir_ref)l->at);
}

void alloc_result_of(struct lower *l, enum x64_reg r, ir_ref n)
{
    l->scratch &= ~X64_BIT(r);
    give(l, r, n);
}

void alloc_rename(struct lower *l, ir_ref from)
{
    struct val *old = &l->val[from], *val = &l->val[l->at];
    if (old->kind == LOC_XMM) {
        unsigned x = old->reg;
        old->kind = LOC_NONE;
        xgive(l, x, (ir_ref)l->at);
        return;
    }
    if (old->kind == LOC_HOME || old->kind == LOC_XHOME) {
        /* Made in the home that it is to have. */
        unsigned slot = old->slot;
        old->kind = LOC_NONE;
        unlink_slot(l, from);
        enter_slot(l, (ir_ref)l->at, slot);
        return;
    }
    if (old->kind == LOC_FRAME)
        (void)alloc_use(l, from);
    enum x64_reg r = (enum x64_reg)old->reg;
    l->pinned |= X64_BIT(r);
    old->kind = LOC_NONE;
    if (val->hint && l->map.home[val->hint] != X64_NO_REG) {
        x64_mov(&l->e, alloc_dst(l), r);
        let_go(l, r);
    } else {
        give(l, r, (ir_ref)l->at);
    }
}

void alloc_spill_temps(struct lower *l)
{
    for (unsigned r = 0; r < 16; r++) {
        if (!l->owner[r])
            continue;
        if (l->val[l->owner[r]].last > l->at)
            spill(l, (enum x64_reg)r);
        else
            let_go(l, (enum x64_reg)r);
    }
    for (unsigned x = 0; x < 16; x++) {
        if (!l->xowner[x])
            continue;
        if (l->val[l->xowner[x]].last > l->at)
            xspill(l, x);
        else
            xlet_go(l, x);
    }
}

void alloc_release(struct lower *l)
{
    l->free |= l->scratch;
    l->scratch = l->pinned = 0;
    l->xfree |= l->xscratch;
    l->xscratch = l->xpinned = 0;
}

/* What was needed here for the last time goes. */
void alloc_end_insn(struct lower *l)
{
    alloc_release(l);
    for (uint32_t held = X64_ALL_TEMPS & ~l->map.homes & ~l->free; held; held &= held - 1) {
        unsigned r = (unsigned)__builtin_ctz(held);
        ir_ref v = l->owner[r];
        if (v && l->val[v].last <= l->at)
            let_go(l, (enum x64_reg)r);
    }
    for (uint32_t held = alloc_live_xtemps(l); held; held &= held - 1) {
        unsigned x = (unsigned)__builtin_ctz(held);
        ir_ref v = l->xowner[x];
        if (v && l->val[v].last <= l->at)
            xlet_go(l, x);
    }
    for (unsigned i = 0; i < l->frame_top; i++)
        if (l->frame[i] && l->val[l->frame[i]].last <= l->at)
            l->frame[i] = 0;
}
