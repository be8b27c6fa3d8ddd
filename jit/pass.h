/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The passes: what makes a checked block of the intermediate representation
 * shorter without changing what it does.  A pass is a file, pass_NAME.c, with
 * one function, and a line in passes.def, which is also the order they run in.
 *
 * What a pass may not change: outcome, slots at every way out, the sequence of
 * memory accesses, fences and calls, and what a fault or a helper finds in the
 * slots (ir.h, "Precise faults"); nor on which values another depends, without saying so
 * (ir_block.forgot).  tests/unit/jit_pass.c holds every pass and
 * every choice of passes to that, on random blocks.
 *
 * A pass works in place, in time linear in the block, and calls no allocator.
 * Its scratch lies on the stack, since every thread that translates has one
 * anyway and no memory has to be owned, passed around or given back; so that
 * it is bounded, larger blocks than IR_PASS_MAX are left as they are.  Any
 * thread; the block is the caller's.
 */
#ifndef JIT_PASS_H
#define JIT_PASS_H

#include "jit/ir.h"

#define IR_PASS_MAX 8192 /* instructions; 17 bytes of stack for each in the hungriest pass */

struct ir_pass {
    const char *name, *summary;
    unsigned level; /* optimisation level, 1 to 3, from which on it runs unless told otherwise */
    void (*run)(struct ir_block *b);
};

/* In the order they run; NULL behind the last one. */
const struct ir_pass *ir_pass_at(unsigned i);

/* The passes of an optimisation level; pass i is bit i. */
uint32_t ir_passes_of_level(unsigned level);

/*
 * Reads "all", "none", or names with commas between them; a - before a word takes away.  A list
 * that begins with a - changes *mask as it is ("-bits"), any other one begins with no pass
 * ("fold,dead", "all,-bits").  -EINVAL with error_set for a word that is no pass; *mask is then
 * as before.
 */
int ir_passes_parse(const char *list, uint32_t *mask);

/* Sees the block after a pass. */
typedef void ir_pass_hook(const struct ir_block *b, const char *pass, void *opaque);

/*
 * Runs the passes of the mask over a complete block; hook may be NULL.  Afterwards the block has
 * no nops, not even with an empty mask; they go at the end, or after every pass where a hook or a
 * debug build's check looks at the block.
 */
void ir_optimize(struct ir_block *b, uint32_t mask, ir_pass_hook *hook, void *opaque);

/* --- for passes --- */

#define PASS(name, level, summary) void ir_pass_##name(struct ir_block *b);
#include "jit/passes.def"

/*
 * The value of instruction `at` is that of an earlier one, or nobody needs it (IR_NONE).  Leaves a
 * nop that stands for the other until users take the other one: those that the same walk has yet
 * to reach or, where it goes backward, in the next pass.  Nops go when all passes are over, so a
 * pass meets those of the ones before it; walks forward resolve the operands of all instructions,
 * nops included.
 */
static inline void ir_replace(struct ir_block *b, unsigned at, ir_ref by)
{
    b->insns[at] = (struct ir_insn){.op = IR_nop, .a = by};
}

/*
 * Before the instruction becomes one that has `kept` (or IR_NONE) as its only operand that is no
 * constant, or that is it: notes whether it forgets another.
 */
static inline void ir_forget_others(struct ir_block *b, const struct ir_insn *i, ir_ref kept)
{
    const ir_ref operands[] = {i->a, i->b, i->c};
    for (unsigned n = 0; n < 3; n++)
        b->forgot |= operands[n] && operands[n] != kept && b->insns[operands[n]].op != IR_const;
}

/* What the reference stands for by now. */
static inline ir_ref ir_resolve(const struct ir_block *b, ir_ref ref)
{
    const struct ir_insn *i = &b->insns[ref];
    return i->op == IR_nop ? i->a : ref;
}

static inline void ir_resolve_operands(const struct ir_block *b, struct ir_insn *i)
{
    i->a = ir_resolve(b, i->a);
    i->b = ir_resolve(b, i->b);
    i->c = ir_resolve(b, i->c);
}

/* A PURE_OP: a value made of values alone, which ir_fold can compute. */
static inline bool ir_computes(enum ir_op op)
{
    const struct ir_op_info *info = &ir_ops[op];
    return info->flags & IR_PURE && info->result == IR_TYPE_I64 && info->operand[0] == IR_TYPE_I64;
}

/* Exchanging a and b changes nothing. */
static inline bool ir_commutes(enum ir_op op)
{
    switch (op) {
    case IR_add:
    case IR_mul:
    case IR_mulhu:
    case IR_mulhs:
    case IR_and:
    case IR_or:
    case IR_xor:
    case IR_eq:
    case IR_ne:
    case IR_mins:
    case IR_maxs:
    case IR_minu:
    case IR_maxu:
        return true;
    default:
        return false;
    }
}

/* Whether the instruction's outcome may show register slots to others: a fault, an exit, a call. */
static inline bool ir_shows_registers(const struct ir_insn *i)
{
    if (i->op == IR_call)
        return i->sub & (IR_CALL_FAULTS | IR_CALL_REGS);
    return ir_ops[i->op].flags & IR_FAULTS || ir_ops[i->op].extra == IR_EXTRA_EXIT;
}

/*
 * What is known to be in the slots at a point of a forward walk: for each the value that a
 * slot_get there would give, or IR_NONE.  Slots from IR_HELD_MAX on are never known.
 */
#define IR_HELD_MAX 256

struct ir_held {
    ir_ref value[IR_HELD_MAX];
};

static inline ir_ref ir_held_get(const struct ir_held *h, unsigned slot)
{
    return slot < IR_HELD_MAX ? h->value[slot] : IR_NONE;
}

void ir_held_step_slow(struct ir_held *h, const struct ir_block *b, unsigned at);

/* Takes instruction `at` into account, whose operands are resolved. */
static inline void ir_held_step(struct ir_held *h, const struct ir_block *b, unsigned at)
{
    uint8_t op = b->insns[at].op;
    if (op == IR_slot_get || op == IR_slot_set || op == IR_call)
        ir_held_step_slow(h, b, at);
}

#endif
