/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker of the intermediate representation: whether a block keeps the
 * rules of ir.h.  Run after translation and between passes in debug builds, and
 * by tests.  One pass from first to last instruction.
 */
#include "jit/ir.h"

#include <errno.h>

struct check {
    const struct ir_block *b;
    ir_ref point;     /* the last one */
    ir_ref lr;        /* the last one, if no access to memory followed */
    bool reg_written; /* since then */
    bool retired;     /* since then an exit counted its instruction as done */
    const char *what; /* the rule broken, or NULL */
};

/* Keeps the first complaint. */
static void demand(struct check *k, bool holds, const char *what)
{
    if (!holds && !k->what)
        k->what = what;
}

static void check_operand(struct check *k, unsigned at, ir_ref ref, enum ir_type type)
{
    if (type == IR_TYPE_NONE) {
        demand(k, !ref, "an operand that the operation does not take");
        return;
    }
    if (type == IR_TYPE_ARGS0) {
        if (!ref)
            return;
        type = IR_TYPE_ARGS;
    }
    if (!ref || ref >= at) {
        demand(k, false, ref ? "an operand that is not earlier" : "an operand is missing");
        return;
    }
    demand(k, ir_ops[k->b->insns[ref].op].result == type, "an operand of the wrong type");
}

static bool size_valid(unsigned size)
{
    return size <= 8 && is_pow2(size);
}

static unsigned list_length(const struct ir_block *b, ir_ref list)
{
    unsigned n = 0;
    for (; list; list = b->insns[list].b)
        n++;
    return n;
}

static void check_call(struct check *k, const struct ir_insn *i)
{
    const struct ir_guest *g = k->b->guest;
    if (i->index >= g->helper_count) {
        demand(k, false, "no such helper");
        return;
    }
    const struct ir_helper *fn = &g->helpers[i->index];
    demand(k, list_length(k->b, i->a) == fn->args, "wrong number of arguments");
    demand(k, i->sub == fn->flags, "flags that are not the helper's");
}

static void check_slot(struct check *k, const struct ir_insn *i)
{
    const struct ir_guest *g = k->b->guest;
    if (i->index >= g->slot_count || g->slots[i->index].kind == IR_SLOT_ABSENT) {
        demand(k, false, "no such slot");
        return;
    }
    if (i->op == IR_slot_set && g->slots[i->index].kind == IR_SLOT_REG)
        k->reg_written = true;
}

/* The fields that an operation does not use are 0, so that equal instructions have equal bytes. */
static void check_unused(struct check *k, const struct ir_insn *i, bool sub, bool point, bool index,
                         bool disp)
{
    demand(k,
           (sub || !i->sub) && (point || !i->point) && (index || !i->index) && (disp || !i->disp),
           "a field that the operation does not use");
}

static void check_fields(struct check *k, const struct ir_insn *i)
{
    switch (ir_ops[i->op].extra) {
    case IR_EXTRA_NOTHING:
        check_unused(k, i, false, false, false, false);
        break;
    case IR_EXTRA_IMM:
        demand(k, !i->sub, "a field that the operation does not use");
        break;
    case IR_EXTRA_DISP:
        check_unused(k, i, false, false, false, true);
        break;
    case IR_EXTRA_SLOT:
        check_unused(k, i, false, false, true, false);
        check_slot(k, i);
        break;
    case IR_EXTRA_MEM:
        check_unused(k, i, true, true, false, true);
        demand(k, size_valid(i->sub), "an invalid size");
        break;
    case IR_EXTRA_AMO:
        check_unused(k, i, true, true, false, true);
        demand(k, size_valid(ir_amo_size(i->sub)), "an invalid size");
        demand(k, ir_amo_op(i->sub) <= AMO_MAXU, "an invalid atomic operation");
        break;
    case IR_EXTRA_ORDER:
        check_unused(k, i, true, false, false, false);
        demand(k, i->sub < 16, "an invalid order");
        break;
    case IR_EXTRA_CALL:
        check_unused(k, i, true, true, true, false);
        check_call(k, i);
        break;
    case IR_EXTRA_POINT:
        check_unused(k, i, false, false, true, true);
        break;
    case IR_EXTRA_TRAP:
        check_unused(k, i, false, true, true, false);
        break;
    case IR_EXTRA_EXIT:
        check_unused(k, i, true, i->op != IR_exit_if, true, i->op != IR_exit_to);
        demand(k, i->sub <= IR_EXIT_INTERP, "an invalid kind of exit");
        demand(k, i->link != IR_LINK_RETURN || i->op == IR_exit_to, "a return to a known place");
        break;
    }
}

/* A fault leaves the registers as they were at its point. */
static void check_fault(struct check *k, const struct ir_insn *i)
{
    demand(k, i->point && i->point == k->point, "its point is not the current one");
    if (i->op != IR_call || i->sub & IR_CALL_FAULTS)
        demand(k, !k->reg_written, "may fault after its instruction wrote a register");
    if (i->op == IR_call && i->sub & IR_CALL_REGS)
        k->reg_written = true;
}

/* Exits before the end may be taken or not; what is done by then must be the same. */
static void check_exit(struct check *k, const struct ir_insn *i)
{
    unsigned before = k->point ? k->b->insns[k->point].index : 0;
    demand(k, i->index == before || (k->point && i->index == before + 1),
           "an exit that retires what was not executed");
    k->retired |= i->index != before;
}

static void check_point(struct check *k, unsigned at)
{
    const struct ir_insn *i = &k->b->insns[at];
    if (k->point)
        demand(k, i->index > k->b->insns[k->point].index, "points retire out of order");
    k->point = (ir_ref)at;
    k->reg_written = false;
    k->retired = false;
}

/* Nothing comes between a load-reserved and its store-conditional. */
static void check_pair(struct check *k, unsigned at)
{
    const struct ir_insn *i = &k->b->insns[at];
    switch (i->op) {
    case IR_sc:
        demand(k, i->b == k->lr, "its load-reserved is not the access before it");
        demand(k, i->sub == k->b->insns[i->b].sub, "not the size of its load-reserved");
        k->lr = IR_NONE;
        break;
    case IR_lr:
        k->lr = (ir_ref)at;
        break;
    case IR_load:
    case IR_store:
    case IR_amo:
    case IR_cas:
        k->lr = IR_NONE;
        break;
    case IR_call:
        if (i->sub & IR_CALL_MEMORY)
            k->lr = IR_NONE;
        break;
    default:
        break;
    }
}

static void check_insn(struct check *k, unsigned at)
{
    const struct ir_insn *i = &k->b->insns[at];
    const ir_ref refs[3] = {i->a, i->b, i->c};
    if (i->op >= IR_OP_COUNT) {
        demand(k, false, "no such operation");
        return;
    }
    const struct ir_op_info *info = &ir_ops[i->op];
    bool last = at == k->b->count - 1;
    demand(k, (i->op == IR_start) == !at, "start is the first instruction and no other");
    demand(k, last == !!(info->flags & IR_ENDS),
           last ? "the block does not end" : "code after the end");
    for (int n = 0; n < 3; n++)
        check_operand(k, at, refs[n], (enum ir_type)info->operand[n]);
    if (k->what)
        return; /* what follows walks along operands */
    check_fields(k, i);
    demand(k,
           !k->retired || info->extra == IR_EXTRA_EXIT || info->extra == IR_EXTRA_POINT ||
               !(info->flags & IR_EFFECT),
           "an effect of an instruction that is retired");
    if (info->extra == IR_EXTRA_EXIT)
        check_exit(k, i);
    if (info->flags & IR_FAULTS)
        check_fault(k, i);
    check_pair(k, at);
    if (i->op == IR_point)
        check_point(k, at);
}

int ir_check(const struct ir_block *b, struct ir_fault *fault)
{
    struct check k = {.b = b};
    for (unsigned at = 0; at < b->count; at++) {
        check_insn(&k, at);
        if (k.what) {
            *fault = (struct ir_fault){.at = at, .what = k.what};
            return -EINVAL;
        }
    }
    return 0;
}
