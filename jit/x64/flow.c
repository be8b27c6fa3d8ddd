/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ways between the blocks of a region spare.
 *
 * Each loop must look for the alarm in each turn, and all jumps back lead to blocks that could.
 * Where loops share blocks one look does for several: it stays where turns are fewer.  Calls look
 * themselves.  What leaves the region may come back to any entry without having looked.
 *
 * A block that is entered by one jump alone knows how many instructions have retired since NOW was
 * brought up to date, so that the jump need not (count_before()).
 */
#include "jit/x64/lower.h"

#define BLOCK_BIT(k) (1ull << (k))
_Static_assert(JIT_BLOCKS_MAX <= 64, "a bit for each block");

bool flow_is_call(const struct lower *l, const struct ir_insn *i)
{
    return i->op == IR_exit && exits_is_call(l, i);
}

int flow_target(const struct lower *l, unsigned block, const struct ir_insn *i)
{
    if (i->op != IR_exit_if && i->op != IR_exit)
        return -1;
    if (flow_is_call(l, i))
        return l->r->own_map ? -1 : lower_find_block(l, i->disp);
    return exits_inside(l, block, i);
}

struct ways {
    uint64_t to[JIT_BLOCKS_MAX]; /* by block: where it leads to without a look */
    uint64_t entries;
    uint64_t once, more; /* entered from the region: by a jump; by others, too */
};

static bool loops_without(const struct flow *f, const uint64_t *to, unsigned header)
{
    uint64_t blind = ~f->looks | BLOCK_BIT(header), seen = 0;
    for (uint64_t next = to[header] & blind; next; next &= ~seen) {
        unsigned k = (unsigned)__builtin_ctzll(next);
        seen |= BLOCK_BIT(k);
        next |= to[k] & blind;
    }
    return seen & BLOCK_BIT(header);
}

/* Those in the most loops go first. */
static void drop_looks(const struct lower *l, struct flow *f, const uint64_t *to)
{
    for (unsigned depth = DEPTH_MAX + 1; depth-- > 0;)
        for (unsigned k = 0; k < l->r->count; k++)
            if (l->r->blocks[k].header && lower_depth(&l->r->blocks[k]) == depth &&
                !loops_without(f, to, k))
                f->looks &= ~BLOCK_BIT(k);
}

/* An exit of block k, if it is one. */
static void take_exit(const struct lower *l, struct ways *w, unsigned k, const struct ir_insn *i)
{
    int target = flow_target(l, k, i);
    bool call = flow_is_call(l, i);
    if (target >= 0) {
        w->more |= (w->once | (call ? ~0ull : 0)) & BLOCK_BIT(target);
        w->once |= BLOCK_BIT(target);
    }
    if (call)
        return;
    if (target >= 0)
        w->to[k] |= BLOCK_BIT(target);
    else if (ir_ops[i->op].extra == IR_EXTRA_EXIT)
        w->to[k] |= w->entries;
}

void flow_plan(struct lower *l)
{
    const struct jit_region *r = l->r;
    struct flow *f = &l->flow;
    struct ways w = {.entries = 0};
    *f = (struct flow){.looks = 0};
    for (unsigned k = 0; k < r->count; k++) {
        f->looks |= r->blocks[k].header ? BLOCK_BIT(k) : 0;
        w.entries |= r->blocks[k].entry ? BLOCK_BIT(k) : 0;
    }
    for (unsigned k = 0; k < r->count; k++)
        for (unsigned at = 1; at < r->blocks[k].ir.count; at++)
            take_exit(l, &w, k, &r->blocks[k].ir.insns[at]);
    f->goes_on = w.once & ~w.more & ~w.entries & ~f->looks;
    drop_looks(l, f, w.to);
}
