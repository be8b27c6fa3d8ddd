/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass cse: a pure operation on the same operands as an earlier one is that
 * one, constants and pc included.  And a condition that was tested is 0 from
 * there on: testing it again cannot leave the block.
 *
 * A hash table over the values, at most half full, of instruction numbers.
 * Reads of slots are the business of pass slots.
 */
#include "jit/pass.h"

#include <string.h>

#define BUCKETS_MAX (2 * IR_PASS_MAX)

struct cse {
    struct ir_block *b;
    unsigned mask;                     /* buckets in use - 1 */
    ir_ref bucket[BUCKETS_MAX];        /* IR_NONE: free */
    uint64_t tested[IR_PASS_MAX / 64]; /* bits: values that are 0 by now */
};

static bool same(const struct ir_insn *x, const struct ir_insn *y)
{
    return x->op == y->op && x->a == y->a && x->b == y->b && x->c == y->c && x->imm == y->imm;
}

/* Few operations have a c. */
static unsigned hash(const struct ir_insn *i)
{
    uint64_t h = i->imm ^ ((uint64_t)i->op << 48 | (uint64_t)i->a << 24 | i->b);
    return (unsigned)(h * 0x9e3779b97f4a7c15ull >> 32);
}

/* The earlier instruction that is the same, or `at`, which is now in the table. */
static ir_ref number(struct cse *c, unsigned at)
{
    const struct ir_insn *i = &c->b->insns[at];
    for (unsigned slot = hash(i);; slot++) {
        ir_ref *known = &c->bucket[slot & c->mask];
        if (!*known)
            *known = (ir_ref)at;
        if (same(&c->b->insns[*known], i))
            return *known;
    }
}

/* Whether the condition is known not to hold; it is known afterwards. */
static bool test(struct cse *c, ir_ref cond)
{
    uint64_t *word = &c->tested[cond / 64], bit = 1ull << cond % 64;
    bool known = *word & bit;
    *word |= bit;
    return known;
}

static bool numbered(const struct ir_insn *i)
{
    return ir_ops[i->op].flags & IR_PURE && i->op != IR_arg;
}

/* Operands whose order does not matter in a fixed order, a constant as b as fold leaves it. */
static void order_operands(const struct ir_block *b, struct ir_insn *i)
{
    bool const_a = b->insns[i->a].op == IR_const, const_b = b->insns[i->b].op == IR_const;
    bool swap = const_a != const_b ? const_a : i->a > i->b;
    if (!ir_commutes((enum ir_op)i->op) || !swap)
        return;
    ir_ref a = i->a;
    i->a = i->b;
    i->b = a;
}

static void visit(struct cse *c, unsigned at)
{
    struct ir_insn *i = &c->b->insns[at];
    if (i->op == IR_exit_if || i->op == IR_trap_if) {
        if (test(c, i->op == IR_exit_if ? i->a : i->b))
            ir_replace(c->b, at, IR_NONE);
    } else if (numbered(i)) {
        order_operands(c->b, i);
        ir_ref first = number(c, at);
        if (first != at)
            ir_replace(c->b, at, first);
    }
}

static void clear(struct cse *c)
{
    unsigned buckets = 2;
    while (buckets < 2 * c->b->count)
        buckets *= 2;
    c->mask = buckets - 1;
    memset(c->bucket, 0, buckets * sizeof(c->bucket[0]));
    memset(c->tested, 0, (c->b->count + 63) / 64 * sizeof(c->tested[0]));
}

void ir_pass_cse(struct ir_block *b)
{
    struct cse c;
    c.b = b;
    clear(&c);
    for (unsigned at = 1; at < b->count; at++) {
        ir_resolve_operands(b, &b->insns[at]);
        visit(&c, at);
    }
}
