/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass dead: pure operations and slot_gets whose value nobody uses.  One walk
 * from the end: users come after what they use.
 */
#include "jit/pass.h"

#include <string.h>

static bool droppable(const struct ir_insn *i)
{
    return ir_ops[i->op].flags & IR_PURE || i->op == IR_slot_get;
}

void ir_pass_dead(struct ir_block *b)
{
    bool used[IR_PASS_MAX];
    memset(used, 0, b->count);
    for (unsigned at = b->count; at-- > 1;) {
        const struct ir_insn *i = &b->insns[at];
        if (i->op == IR_nop)
            used[i->a] |= used[at];
        else if (droppable(i) && !used[at])
            ir_replace(b, at, IR_NONE);
        else
            used[i->a] = used[i->b] = used[i->c] = true;
    }
}
