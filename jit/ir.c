/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building blocks of the intermediate representation (ir.h): the table of
 * operations and a function for each shape of instruction.  Called by the
 * guests' translators, by passes and by tests.
 */
#include "jit/ir.h"

#include "sim/base/log.h"

#define OPERAND_1                                                                                  \
    {                                                                                              \
        IR_TYPE_I64                                                                                \
    }
#define OPERAND_2                                                                                  \
    {                                                                                              \
        IR_TYPE_I64, IR_TYPE_I64                                                                   \
    }
#define OPERAND_3                                                                                  \
    {                                                                                              \
        IR_TYPE_I64, IR_TYPE_I64, IR_TYPE_I64                                                      \
    }

enum { PURE = IR_PURE, EFFECT = IR_EFFECT, FAULTS = IR_FAULTS, ENDS = IR_ENDS };

const struct ir_op_info ir_ops[IR_OP_COUNT] = {
#define OP(name, result, a, b, c, extra, flags)                                                    \
    [IR_##name] = {#name,                                                                          \
                   IR_TYPE_##result,                                                               \
                   {IR_TYPE_##a, IR_TYPE_##b, IR_TYPE_##c},                                        \
                   IR_EXTRA_##extra,                                                               \
                   flags},
#define PURE_OP(name, operands, expression)                                                        \
    [IR_##name] = {#name, IR_TYPE_I64, OPERAND_##operands, IR_EXTRA_NOTHING, IR_PURE},
#include "jit/ops.def"
};

void ir_begin(struct ir_block *b, const struct ir_guest *guest, struct ir_insn *insns,
              unsigned capacity)
{
    BUG_ON(capacity < 2 || capacity > IR_MAX);
    *b = (struct ir_block){.insns = insns, .capacity = capacity, .guest = guest};
    ir_emit(b, (struct ir_insn){.op = IR_start});
}

ir_ref ir_emit(struct ir_block *b, struct ir_insn insn)
{
    if (unlikely(b->count == b->capacity))
        BUG("IR block is full: %u instructions, adding %s", b->count, ir_ops[insn.op].name);
    b->insns[b->count] = insn;
    return (ir_ref)b->count++;
}

ir_ref ir_const(struct ir_block *b, uint64_t value)
{
    return ir_emit(b, (struct ir_insn){.op = IR_const, .imm = value});
}

ir_ref ir_pc(struct ir_block *b, int32_t disp)
{
    return ir_emit(b, (struct ir_insn){.op = IR_pc, .disp = disp});
}

ir_ref ir_pure(struct ir_block *b, enum ir_op op, ir_ref a, ir_ref b2, ir_ref c)
{
    return ir_emit(b, (struct ir_insn){.op = (uint8_t)op, .a = a, .b = b2, .c = c});
}

ir_ref ir_slot_get(struct ir_block *b, unsigned slot)
{
    return ir_emit(b, (struct ir_insn){.op = IR_slot_get, .index = (uint16_t)slot});
}

void ir_slot_set(struct ir_block *b, unsigned slot, ir_ref value)
{
    ir_emit(b, (struct ir_insn){.op = IR_slot_set, .index = (uint16_t)slot, .a = value});
}

ir_ref ir_load(struct ir_block *b, ir_ref point, unsigned size, ir_ref addr)
{
    return ir_emit(
        b, (struct ir_insn){.op = IR_load, .sub = (uint8_t)size, .a = addr, .point = point});
}

void ir_store(struct ir_block *b, ir_ref point, unsigned size, ir_ref addr, ir_ref value)
{
    ir_emit(b, (struct ir_insn){
                   .op = IR_store, .sub = (uint8_t)size, .a = addr, .b = value, .point = point});
}

ir_ref ir_amo(struct ir_block *b, ir_ref point, unsigned size, enum amo_op op, ir_ref addr,
              ir_ref value)
{
    return ir_emit(
        b, (struct ir_insn){
               .op = IR_amo, .sub = ir_amo_sub(size, op), .a = addr, .b = value, .point = point});
}

ir_ref ir_cas(struct ir_block *b, ir_ref point, unsigned size, ir_ref addr, ir_ref expected,
              ir_ref desired)
{
    return ir_emit(b, (struct ir_insn){.op = IR_cas,
                                       .sub = (uint8_t)size,
                                       .a = addr,
                                       .b = expected,
                                       .c = desired,
                                       .point = point});
}

ir_ref ir_lr(struct ir_block *b, ir_ref point, unsigned size, ir_ref addr)
{
    return ir_emit(b,
                   (struct ir_insn){.op = IR_lr, .sub = (uint8_t)size, .a = addr, .point = point});
}

ir_ref ir_sc(struct ir_block *b, ir_ref point, unsigned size, ir_ref addr, ir_ref lr, ir_ref value)
{
    return ir_emit(
        b, (struct ir_insn){
               .op = IR_sc, .sub = (uint8_t)size, .a = addr, .b = lr, .c = value, .point = point});
}

void ir_fence(struct ir_block *b, unsigned order)
{
    ir_emit(b, (struct ir_insn){.op = IR_fence, .sub = (uint8_t)order});
}

ir_ref ir_call(struct ir_block *b, ir_ref point, unsigned helper, unsigned count,
               const ir_ref *args)
{
    ir_ref list = IR_NONE;
    for (unsigned i = 0; i < count; i++)
        list = ir_emit(b, (struct ir_insn){.op = IR_arg, .a = args[i], .b = list});
    return ir_emit(b, (struct ir_insn){.op = IR_call,
                                       .sub = b->guest->helpers[helper].flags,
                                       .index = (uint16_t)helper,
                                       .a = list,
                                       .point = point});
}

ir_ref ir_point(struct ir_block *b, int32_t disp, unsigned retired)
{
    return ir_emit(b, (struct ir_insn){.op = IR_point, .disp = disp, .index = (uint16_t)retired});
}

void ir_trap_if(struct ir_block *b, ir_ref point, unsigned cause, ir_ref tval, ir_ref cond)
{
    ir_emit(b,
            (struct ir_insn){
                .op = IR_trap_if, .index = (uint16_t)cause, .a = tval, .b = cond, .point = point});
}

void ir_trap(struct ir_block *b, ir_ref point, unsigned cause, ir_ref tval)
{
    ir_emit(b,
            (struct ir_insn){.op = IR_trap, .index = (uint16_t)cause, .a = tval, .point = point});
}

static struct ir_insn exit_insn(enum ir_op op, enum ir_exit_kind kind, unsigned retired,
                                int32_t disp, ir_ref a)
{
    return (struct ir_insn){
        .op = (uint8_t)op, .sub = (uint8_t)kind, .a = a, .index = (uint16_t)retired, .disp = disp};
}

void ir_exit_if(struct ir_block *b, enum ir_exit_kind kind, unsigned retired, int32_t disp,
                ir_ref cond)
{
    ir_emit(b, exit_insn(IR_exit_if, kind, retired, disp, cond));
}

void ir_exit(struct ir_block *b, enum ir_exit_kind kind, unsigned retired, int32_t disp)
{
    ir_emit(b, exit_insn(IR_exit, kind, retired, disp, IR_NONE));
}

void ir_exit_to(struct ir_block *b, enum ir_exit_kind kind, unsigned retired, ir_ref target)
{
    ir_emit(b, exit_insn(IR_exit_to, kind, retired, 0, target));
}

void ir_link(struct ir_block *b, uint16_t link)
{
    b->insns[b->count - 1].link = link;
}
