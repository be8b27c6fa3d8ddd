/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass slots: a slot_get whose slot's content is known by then, from a slot_get
 * or slot_set before it, is that value.  A call that may write slots of a kind
 * makes those unknown.  A slot_set of a slot with less than 8 bytes makes it
 * unknown too: what it keeps of the value is no value of the block.
 *
 * The same holds for state slots: nothing but the block's own slot_sets and
 * calls with IR_CALL_STATE writes them (ir.md, "What a back end must provide").
 *
 * A back end keeps registers in registers, and a value in the one of the slot
 * that it was read from or first written to.  So after `mv a5, a4` and a write
 * of a4 a read of a5 stays: in the value's name a4 would have to be copied once
 * more before it is written, although a5 has it.
 */
#include "jit/pass.h"

#include <string.h>

struct homes {
    struct ir_held held;
    uint16_t home[IR_PASS_MAX]; /* of values: the slot + 1; 0: none yet */
};

/* Whether the value that the slot holds is best taken in its own name. */
static bool in_its_home(const struct homes *h, const struct ir_block *b, ir_ref v, unsigned slot)
{
    unsigned home = h->home[v];
    if (b->insns[v].op == IR_const || b->insns[v].op == IR_pc)
        return true;
    return !home || home - 1 == slot || ir_held_get(&h->held, home - 1) == v;
}

static void settle(struct homes *h, ir_ref v, unsigned slot)
{
    if (!h->home[v])
        h->home[v] = (uint16_t)(slot + 1);
}

static void visit(struct homes *h, struct ir_block *b, unsigned at)
{
    struct ir_insn *i = &b->insns[at];
    ir_resolve_operands(b, i);
    ir_ref known = i->op == IR_slot_get ? ir_held_get(&h->held, i->index) : IR_NONE;
    if (known && in_its_home(h, b, known, i->index)) {
        ir_replace(b, at, known);
        return;
    }
    ir_held_step(&h->held, b, at);
    if (i->op == IR_slot_get)
        settle(h, (ir_ref)at, i->index);
    if (i->op == IR_slot_set)
        settle(h, i->a, i->index);
}

void ir_pass_slots(struct ir_block *b)
{
    struct homes h;
    h.held = (struct ir_held){{IR_NONE}};
    memset(h.home, 0, b->count * sizeof(h.home[0]));
    for (unsigned at = 1; at < b->count; at++)
        visit(&h, b, at);
}
