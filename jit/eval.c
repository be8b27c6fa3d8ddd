/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluator of the intermediate representation: what each operation means,
 * executably.  Serves tests as an oracle and passes as a constant folder.  A
 * switch over an array; speed is no aim.
 */
#include "jit/ir.h"

#include "sim/base/log.h"

/* --- pure operations --- */

static uint64_t sx32(uint64_t a)
{
    return (uint64_t)(int32_t)a;
}

static uint64_t mulhsu(uint64_t a, uint64_t b)
{
    return (uint64_t)((__int128)(int64_t)a * (__int128)(unsigned __int128)b >> 64);
}

/* b + 1 <= 1 catches 0 and -1, the two divisors that the host would trap on. */
static uint64_t divs(uint64_t a, uint64_t b)
{
    if (b + 1 <= 1)
        return b ? 0 - a : ~0ull;
    return (uint64_t)((int64_t)a / (int64_t)b);
}

static uint64_t rems(uint64_t a, uint64_t b)
{
    if (b + 1 <= 1)
        return b ? 0 : a;
    return (uint64_t)((int64_t)a % (int64_t)b);
}

static uint32_t rotl32(uint64_t a, uint64_t b)
{
    return (uint32_t)a << (b & 31) | (uint32_t)a >> (-b & 31);
}

static uint64_t bytemask(uint64_t a)
{
    uint64_t r = 0;
    for (int shift = 0; shift < 64; shift += 8)
        if (a >> shift & 0xff)
            r |= 0xffull << shift;
    return r;
}

uint64_t ir_fold(enum ir_op op, uint64_t a, uint64_t b, uint64_t c)
{
    switch (op) {
#define PURE_OP(name, operands, expression)                                                        \
    case IR_##name:                                                                                \
        return expression;
#include "jit/ops.def"
    default:
        BUG("%s is not a pure operation on values", ir_ops[op].name);
    }
}

/* --- blocks --- */

struct eval {
    const struct ir_block *b;
    uint64_t pc;
    const struct ir_env *env;
    void *opaque;
    uint64_t *values;
    struct ir_outcome *out;
};

static struct ir_place place_of(const struct eval *e, ir_ref point)
{
    const struct ir_insn *p = &e->b->insns[point];
    return (struct ir_place){.pc = e->pc + (uint64_t)(int64_t)p->disp, .retired = p->index};
}

static bool left(const struct eval *e, const struct ir_insn *i, uint64_t target)
{
    e->out->how = IR_WENT_ON;
    e->out->exit_kind = (enum ir_exit_kind)i->sub;
    e->out->pc = target;
    e->out->retired = i->index;
    return false;
}

/* ok, or leaves at the instruction's point. */
static bool faulted(const struct eval *e, const struct ir_insn *i, enum ir_how how, bool ok)
{
    if (ok)
        return true;
    struct ir_place at = place_of(e, i->point);
    e->out->how = how;
    e->out->pc = at.pc;
    e->out->retired = at.retired;
    return false;
}

static bool trapped(const struct eval *e, const struct ir_insn *i)
{
    e->out->cause = i->index;
    e->out->tval = e->values[i->a];
    return faulted(e, i, IR_TRAPPED, false);
}

static bool do_call(const struct eval *e, const struct ir_insn *i, uint64_t *value)
{
    const struct ir_helper *fn = &e->b->guest->helpers[i->index];
    struct ir_place at = place_of(e, i->point);
    uint64_t args[IR_ARGS_MAX] = {0};
    unsigned n = fn->args;
    for (ir_ref list = i->a; list; list = e->b->insns[list].b)
        args[--n] = e->values[e->b->insns[list].a];
    struct ir_result r = e->env->call(e->opaque, &at, fn, args);
    *value = r.value;
    return r.ok || !(fn->flags & IR_CALL_FAULTS);
}

static bool do_memory(const struct eval *e, const struct ir_insn *i, uint64_t *value)
{
    const struct ir_env *env = e->env;
    struct ir_place at = place_of(e, i->point);
    uint64_t addr = e->values[i->a] + (uint64_t)(int64_t)i->disp;
    uint64_t b = e->values[i->b];
    switch (i->op) {
    case IR_load:
    case IR_lr:
        return env->load(e->opaque, &at, i->sub, addr, value);
    case IR_store:
        return env->store(e->opaque, &at, i->sub, addr, b);
    case IR_amo:
        return env->amo(e->opaque, &at, ir_amo_size(i->sub), ir_amo_op(i->sub), addr, b, value);
    case IR_sc:
        if (!env->cas(e->opaque, &at, i->sub, addr, b, e->values[i->c], value))
            return false;
        *value = *value != b; /* a load's: there is nothing above its bytes */
        return true;
    default:
        return env->cas(e->opaque, &at, i->sub, addr, b, e->values[i->c], value);
    }
}

/* False: the block was left. */
static bool step(const struct eval *e, const struct ir_insn *i, uint64_t *value)
{
    uint64_t a = e->values[i->a];
    switch (i->op) {
    case IR_start:
    case IR_nop:
    case IR_arg:
    case IR_point:
        return true;
    case IR_const:
        *value = i->imm;
        return true;
    case IR_pc:
        *value = e->pc + (uint64_t)(int64_t)i->disp;
        return true;
    case IR_slot_get:
        *value = e->env->slot_get(e->opaque, i->index);
        return true;
    case IR_slot_set:
        e->env->slot_set(e->opaque, i->index, a);
        return true;
    case IR_load:
    case IR_store:
    case IR_amo:
    case IR_cas:
    case IR_lr:
    case IR_sc:
        return faulted(e, i, IR_FAULTED, do_memory(e, i, value));
    case IR_fence:
        e->env->fence(e->opaque, i->sub);
        return true;
    case IR_call:
        return faulted(e, i, IR_FAULTED, do_call(e, i, value));
    case IR_trap_if:
        return e->values[i->b] ? trapped(e, i) : true;
    case IR_trap:
        return trapped(e, i);
    case IR_exit_if:
        return a ? left(e, i, e->pc + (uint64_t)(int64_t)i->disp) : true;
    case IR_exit:
        return left(e, i, e->pc + (uint64_t)(int64_t)i->disp);
    case IR_exit_to:
        return left(e, i, a & ir_pc_mask(e->b->guest));
    default:
        *value = ir_fold((enum ir_op)i->op, a, e->values[i->b], e->values[i->c]);
        return true;
    }
}

void ir_eval(const struct ir_block *b, uint64_t pc, const struct ir_env *env, void *opaque,
             uint64_t *values, struct ir_outcome *out)
{
    const struct eval e = {b, pc, env, opaque, values, out};
    *out = (struct ir_outcome){0};
    for (unsigned at = 0; at < b->count; at++) {
        values[at] = 0;
        out->at = at;
        if (!step(&e, &b->insns[at], &values[at]))
            return;
    }
    BUG("IR block without an end");
}
