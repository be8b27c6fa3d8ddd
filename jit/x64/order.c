/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which fences the host gives already.
 *
 * On x86 only a load may come before what precedes it, and only before stores (SDM 3A, 9.2.2).
 * An instruction with a lock prefix waits until all stores before it are to be seen, so a fence
 * that follows one with no store in between is nothing.  `amo`, `cas`, `sc`, and the fences that
 * stay, are such instructions, whether C made them or not (jit_guest.slow).  The hart's state
 * and what is spilled is stored, too, but nobody else looks at it.
 *
 * What holds where a block begins is what holds on all ways to it.  Where a region is entered
 * stores may wait; so that this does not spoil a loop that has a fence for each round and begins
 * where the region is entered, such an entry can have a fence of its own.
 */
#include "jit/x64/lower.h"

#include <string.h>

/* x86: what a fence has to do that plain accesses do not. */
static bool is_fence(const struct ir_insn *i)
{
    return i->op == IR_fence && i->sub & IR_BEFORE_W && i->sub & IR_AFTER_R;
}

bool order_drained_after(const struct ir_insn *i, bool drained)
{
    switch (i->op) {
    case IR_amo:
    case IR_cas:
    case IR_sc:
        return true;
    case IR_store:
    case IR_call:
        return false;
    default:
        return drained || is_fence(i);
    }
}

bool order_needs_fence(const struct ir_insn *i, bool drained)
{
    return is_fence(i) && !drained;
}

/* Carries what holds at the block's start to those it leads to; whether that was news. */
static bool flow(const struct lower *l, struct order *o, unsigned block)
{
    const struct ir_block *b = &l->r->blocks[block].ir;
    bool drained = o->drained[block], news = false;
    for (unsigned at = 1; at < b->count; at++) {
        const struct ir_insn *i = &b->insns[at];
        drained = order_drained_after(i, drained);
        int to = i->op == IR_exit_if || i->op == IR_exit ? exits_inside(l, block, i) : -1;
        if (to < 0 || drained || !o->drained[to])
            continue;
        o->drained[to] = false;
        news = true;
    }
    return news;
}

static void solve(const struct lower *l, struct order *o, bool fenced_entries)
{
    const struct jit_region *r = l->r;
    for (unsigned k = 0; k < r->count; k++) {
        const struct jit_block *jb = &r->blocks[k];
        o->drained[k] = !jb->entry || (fenced_entries && jb->header);
    }
    for (bool news = true; news;) {
        news = false;
        for (unsigned k = 0; k < r->count; k++)
            news |= flow(l, o, k);
    }
    for (unsigned k = 0; k < r->count; k++)
        o->fenced_entry[k] = r->blocks[k].entry && o->drained[k];
}

/* How many are left. */
static unsigned fences(const struct lower *l, const struct order *o)
{
    unsigned n = 0;
    for (unsigned k = 0; k < l->r->count; k++) {
        const struct ir_block *b = &l->r->blocks[k].ir;
        bool drained = o->drained[k];
        for (unsigned at = 1; at < b->count; at++) {
            n += order_needs_fence(&b->insns[at], drained);
            drained = order_drained_after(&b->insns[at], drained);
        }
    }
    return n;
}

void order_plan(struct lower *l)
{
    static const struct order none;
    l->order = none;
    if (!fences(l, &none))
        return;
    struct order fenced;
    solve(l, &l->order, false);
    solve(l, &fenced, true);
    if (fences(l, &fenced) < fences(l, &l->order))
        l->order = fenced;
}
