/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which fences the host gives already, and which atomics are stores.
 *
 * On x86 only a load may come before what precedes it, and only before stores (SDM 3A, 9.2.2).
 * An instruction with a lock prefix waits until all stores before it are to be seen, so a fence
 * that follows one with no store in between is nothing.  `cas`, `sc`, an `amo` that is none of
 * those below, and the fences that stay, are such instructions, whether C made them or not
 * (jit_guest.slow).  The hart's state and what is spilled is stored, too, but nobody else looks
 * at it.
 *
 * What holds where a block begins is what holds on all ways to it.  Where a region is entered
 * stores may wait; so that this does not spoil a loop that has a fence for each round and begins
 * where the region is entered, such an entry can have a fence of its own.
 *
 * Compilers write an atomic store as a swap whose result nobody takes.  It may be a plain store of
 * the host's as long as nobody can tell, and what could tell is a load after it that is made
 * before the store is to be seen ("RVWMO Memory Consistency Model"):
 *   - a load that a fence of reads, or the swap's own acquire (an ir_fence), keeps behind it, as it
 *     is a read as well (rules 4 and 5);
 *   - a load whose address depends on a load that got what the swap wrote (rules 3 and 9), through
 *     values and registers, or through memory (rule 12: then a load in between gives it); what the
 *     guest computes it from counts, even if that makes no difference, so where a pass has
 *     forgotten something of it no swap becomes a store.
 * All other rules end at a store, and those the host keeps in order.  So the store *owes* an
 * instruction with a lock prefix until one comes, which mostly is a fence that is there anyway;
 * where one of these loads would come first, or code is left for what this page does not know of,
 * it is paid before.  Which swaps become stores is settled block by block, by what a loop's turn
 * costs.
 */
#include "jit/x64/lower.h"

#include <string.h>

/* x86: what a fence has to do that plain accesses do not. */
static bool is_fence(const struct ir_insn *i)
{
    return i->op == IR_fence && i->sub & IR_BEFORE_W && i->sub & IR_AFTER_R;
}

static bool keeps_reads(const struct ir_insn *i)
{
    return i->op == IR_fence && i->sub & IR_BEFORE_R && i->sub & IR_AFTER_R;
}

/* Whether what comes next may be another's code; where a call comes back nothing is known. */
static bool leaves(const struct lower *l, unsigned block, const struct ir_insn *i)
{
    return flow_is_call(l, i) || flow_target(l, block, i) < 0;
}

/* A swap whose result nobody takes; operations that nobody needs count as well. */
static bool could_be_store(const struct ir_block *b, unsigned at)
{
    const struct ir_insn *i = &b->insns[at];
    if (i->op != IR_amo || ir_amo_op(i->sub) != AMO_SWAP)
        return false;
    for (unsigned n = at + 1; n < b->count; n++)
        if (b->insns[n].a == at || b->insns[n].b == at || b->insns[n].c == at)
            return false;
    return true;
}

bool order_is_store(const struct order *o, const struct ir_block *b, unsigned block, unsigned at)
{
    return o->stores[block] && could_be_store(b, at);
}

/* --- a walk through a block --- */

void order_begin(struct order_walk *w, const struct order *o, unsigned block)
{
    w->block = block;
    w->now = o->start[block];
    w->follows[IR_NONE] = false;
}

static bool owing_wants_fence(const struct lower *l, const struct order_walk *w,
                              const struct ir_insn *i)
{
    switch (i->op) {
    case IR_fence:
        return keeps_reads(i);
    case IR_load:
        return w->follows[i->a];
    case IR_lr:
        return true;
    case IR_call:
        return i->sub & (IR_CALL_MEMORY | IR_CALL_FAULTS | IR_CALL_REGS);
    case IR_exit:
    case IR_exit_to:
        return leaves(l, w->block, i);
    default:
        return false;
    }
}

bool order_wants_fence(const struct lower *l, const struct order_walk *w, const struct ir_insn *i)
{
    return (is_fence(i) && !w->now.drained) || (w->now.owes && owing_wants_fence(l, w, i));
}

void order_fenced(struct order_walk *w)
{
    w->now = (struct order_state){.drained = true};
}

/* Registers from 64 on share a bit. */
static uint64_t slot_bit(const struct ir_insn *i)
{
    return 1ull << (i->index < 64 ? i->index : 0);
}

/* Whether what the instruction makes depends on a load since the store that owes. */
static bool depends(const struct order_walk *w, const struct ir_insn *i)
{
    if (i->op == IR_load)
        return true;
    if (i->op == IR_slot_get)
        return w->now.slots & slot_bit(i);
    return w->follows[i->a] || w->follows[i->b] || w->follows[i->c];
}

static void owe(struct order_walk *w, unsigned at)
{
    w->now.drained = false;
    if (w->now.owes)
        return;
    w->now.owes = true;
    memset(w->follows, 0, at + 1);
}

void order_step(struct order_walk *w, const struct order *o, const struct ir_block *b, unsigned at)
{
    const struct ir_insn *i = &b->insns[at];
    if (w->now.owes) {
        w->follows[at] = depends(w, i);
        if (i->op == IR_slot_set && w->follows[at])
            w->now.slots |= slot_bit(i);
        else if (i->op == IR_slot_set && i->index < 64)
            w->now.slots &= ~slot_bit(i);
    }
    if (i->op == IR_store || i->op == IR_call)
        w->now.drained = false;
    else if (order_is_store(o, b, w->block, at))
        owe(w, at);
    else if (i->op == IR_amo || i->op == IR_cas || i->op == IR_sc)
        order_fenced(w);
}

/* --- the region --- */

/* Carries what holds at the block's end to those it leads to; whether that was news. */
static bool arrive(struct order_state *to, const struct order_state *from)
{
    struct order_state was = *to;
    to->drained = was.drained && from->drained;
    to->owes = was.owes || from->owes;
    to->slots = was.slots | from->slots;
    return to->drained != was.drained || to->owes != was.owes || to->slots != was.slots;
}

static void walk_on(const struct lower *l, struct order_walk *w, const struct order *o,
                    const struct ir_block *b, unsigned at)
{
    if (order_wants_fence(l, w, &b->insns[at]))
        order_fenced(w);
    order_step(w, o, b, at);
}

static bool flow(struct lower *l, struct order *o, unsigned block)
{
    struct order_walk *w = &l->walk;
    const struct ir_block *b = &l->r->blocks[block].ir;
    bool news = false;
    order_begin(w, o, block);
    for (unsigned at = 1; at < b->count; at++) {
        const struct ir_insn *i = &b->insns[at];
        walk_on(l, w, o, b, at);
        int to = flow_target(l, block, i);
        if (to >= 0)
            news |= arrive(&o->start[to], &w->now);
    }
    return news;
}

static void solve(struct lower *l, struct order *o, bool fenced_entries)
{
    const struct jit_region *r = l->r;
    for (unsigned k = 0; k < r->count; k++) {
        const struct jit_block *jb = &r->blocks[k];
        o->start[k] = (struct order_state){.drained = !jb->entry || (fenced_entries && jb->header)};
    }
    for (bool news = true; news;) {
        news = false;
        for (unsigned k = 0; k < r->count; k++)
            news |= flow(l, o, k);
    }
    for (unsigned k = 0; k < r->count; k++)
        o->fenced_entry[k] = r->blocks[k].entry && o->start[k].drained;
}

/* How often: by the loops around it.  A jump out of them leaves them once. */
static unsigned weight(const struct jit_block *jb, const struct ir_insn *i)
{
    bool out = i->op == IR_exit_if || (i->op == IR_exit && i->sub == IR_EXIT_CHAIN && !i->link);
    return out ? 1 : 1u << 4 * lower_depth(jb);
}

/* Of the fences that are left, those that are paid, and the swaps that are no stores. */
static unsigned block_cost(struct lower *l, const struct order *o, unsigned block)
{
    struct order_walk *w = &l->walk;
    const struct jit_block *jb = &l->r->blocks[block];
    unsigned n = 0;
    order_begin(w, o, block);
    for (unsigned at = 1; at < jb->ir.count; at++) {
        const struct ir_insn *i = &jb->ir.insns[at];
        bool pays_outside = i->op == IR_exit_if && w->now.owes && leaves(l, block, i);
        if (pays_outside || order_wants_fence(l, w, i) ||
            (!o->stores[block] && could_be_store(&jb->ir, at)))
            n += weight(jb, i);
        walk_on(l, w, o, &jb->ir, at);
    }
    return n;
}

static unsigned cost(struct lower *l, const struct order *o)
{
    unsigned n = 0;
    for (unsigned k = 0; k < l->r->count; k++)
        n += block_cost(l, o, k);
    return n;
}

/* Solves for these stores, with fenced entries if that is cheaper; the cost. */
static unsigned solve_best(struct lower *l, struct order *o)
{
    struct order fenced = *o;
    solve(l, o, false);
    solve(l, &fenced, true);
    unsigned n = cost(l, o), m = cost(l, &fenced);
    if (m >= n)
        return n;
    *o = fenced;
    return m;
}

static bool has_candidate(const struct ir_block *b)
{
    for (unsigned at = 1; at < b->count; at++)
        if (could_be_store(b, at))
            return true;
    return false;
}

/* Blocks of more values than there is room for are refused later. */
static bool walkable(const struct jit_region *r)
{
    for (unsigned k = 0; k < r->count; k++)
        if (r->blocks[k].ir.count > VALUES_MAX)
            return false;
    return true;
}

/* Most regions have nothing to plan. */
static bool has_orders(const struct jit_region *r)
{
    for (unsigned k = 0; k < r->count; k++)
        for (unsigned at = 1; at < r->blocks[k].ir.count; at++)
            if (is_fence(&r->blocks[k].ir.insns[at]) || could_be_store(&r->blocks[k].ir, at))
                return true;
    return false;
}

static bool shows_dependencies(const struct jit_region *r)
{
    for (unsigned k = 0; k < r->count; k++)
        if (r->blocks[k].ir.forgot)
            return false;
    return true;
}

/* Each costs as much as the plan without: in more blocks swaps stay what they are. */
#define TRIES_MAX 8

void order_plan(struct lower *l)
{
    static const struct order none;
    l->order = none;
    if (!walkable(l->r) || !has_orders(l->r))
        return;
    unsigned least = solve_best(l, &l->order);
    if (!shows_dependencies(l->r))
        return;
    unsigned tries = 0;
    for (unsigned k = 0; k < l->r->count && tries < TRIES_MAX; k++) {
        if (!has_candidate(&l->r->blocks[k].ir))
            continue;
        tries++;
        struct order with = l->order;
        with.stores[k] = true;
        unsigned n = solve_best(l, &with);
        if (n >= least)
            continue;
        least = n;
        l->order = with;
    }
}
