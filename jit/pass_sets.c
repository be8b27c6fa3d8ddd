/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass sets: writes of slots that change nothing.
 *
 * Forward: a slot_set of the value that the slot holds already (the second
 * "FS is dirty" of a floating-point block).  In memory nothing changes, so this
 * is right for state slots too.
 *
 * Backward: a slot_set of a register that is written again before anything can
 * see it.  A slot_get sees it, and so does whatever may leave the block or
 * calls a helper that reads registers.  State slots are in memory at once, for
 * any C code: none of their other writes goes.
 */
#include "jit/pass.h"

static void drop_repeated(struct ir_block *b)
{
    struct ir_held held = {{IR_NONE}};
    for (unsigned at = 1; at < b->count; at++) {
        const struct ir_insn *i = &b->insns[at];
        if (i->op == IR_slot_set && i->a == ir_held_get(&held, i->index))
            ir_replace(b, at, IR_NONE);
        else
            ir_held_step(&held, b, at);
    }
}

/* A set of slots, as bits. */
struct slot_set {
    uint64_t word[IR_HELD_MAX / 64];
};

static bool slot_in(const struct slot_set *s, unsigned slot)
{
    return slot < IR_HELD_MAX && s->word[slot / 64] >> slot % 64 & 1;
}

static void slot_put(struct slot_set *s, unsigned slot, bool in)
{
    if (slot >= IR_HELD_MAX)
        return;
    s->word[slot / 64] &= ~(1ull << slot % 64);
    s->word[slot / 64] |= (uint64_t)in << slot % 64;
}

static void drop_overwritten(struct ir_block *b)
{
    struct slot_set overwritten = {{0}};
    for (unsigned at = b->count; at-- > 1;) {
        const struct ir_insn *i = &b->insns[at];
        if (i->op == IR_slot_get) {
            slot_put(&overwritten, i->index, false);
        } else if (i->op == IR_slot_set && b->guest->slots[i->index].kind == IR_SLOT_REG) {
            if (slot_in(&overwritten, i->index))
                ir_replace(b, at, IR_NONE);
            slot_put(&overwritten, i->index, true);
        } else if (ir_shows_registers(i)) {
            overwritten = (struct slot_set){{0}};
        }
    }
}

void ir_pass_sets(struct ir_block *b)
{
    drop_repeated(b);
    drop_overwritten(b);
}
