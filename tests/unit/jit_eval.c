/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests jit/eval.c: what each pure operation means, on cases worked out by hand
 * from the text of jit/ops.def, and how a block leaves.
 */
#include "jit/ir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MIN64 0x8000000000000000ull
#define MAX64 0x7fffffffffffffffull
#define ALL   0xffffffffffffffffull

/* --- pure operations --- */

static const struct fold_case {
    enum ir_op op;
    uint64_t a, b, c, result;
} fold_cases[] = {
    {IR_add, ALL, 1, 0, 0},
    {IR_sub, 0, 1, 0, ALL},
    {IR_mul, 0x100000001, 0x100000001, 0, 0x200000001},
    {IR_mulhu, ALL, ALL, 0, 0xfffffffffffffffe},
    {IR_mulhs, ALL, ALL, 0, 0},
    {IR_mulhs, MIN64, MIN64, 0, 0x4000000000000000},
    {IR_mulhsu, ALL, ALL, 0, ALL},
    {IR_mulhsu, 2, ALL, 0, 1},
    {IR_divu, 7, 0, 0, ALL},
    {IR_divu, ALL, 2, 0, MAX64},
    {IR_remu, 7, 0, 0, 7},
    {IR_remu, ALL, 16, 0, 15},
    {IR_divs, 7, 0, 0, ALL},
    {IR_divs, MIN64, ALL, 0, MIN64},
    {IR_divs, (uint64_t)-7, 2, 0, (uint64_t)-3},
    {IR_divs, 7, ALL, 0, (uint64_t)-7},
    {IR_rems, 7, 0, 0, 7},
    {IR_rems, MIN64, ALL, 0, 0},
    {IR_rems, (uint64_t)-7, 2, 0, ALL},
    {IR_divu32, 0xdead00000007, 0xbeef00000000, 0, 0xffffffff},
    {IR_divu32, 0xffffffffffffffff, 2, 0, 0x7fffffff},
    {IR_remu32, 0xdead00000007, 0xbeef00000000, 0, 7},
    {IR_remu32, ALL, 16, 0, 15},
    {IR_divs32, 7, 0xbeef00000000, 0, 0xffffffff},
    {IR_divs32, 0x80000000, 0xffffffff, 0, 0x80000000},
    {IR_divs32, 0xfffffff9, 2, 0, 0xfffffffd},
    {IR_rems32, 0x80000000, 0xffffffff, 0, 0},
    {IR_rems32, 0xdeadfffffff9, 0, 0, 0xfffffff9},
    {IR_and, 0xff0f, 0x0ff0, 0, 0x0f00},
    {IR_or, 0xff00, 0x00f0, 0, 0xfff0},
    {IR_xor, 0xff0f, 0x0ff0, 0, 0xf0ff},
    {IR_shl, 1, 63, 0, MIN64},
    {IR_shl, 1, 65, 0, 2},
    {IR_shr, MIN64, 63, 0, 1},
    {IR_shr, MIN64, 64, 0, MIN64},
    {IR_sar, MIN64, 63, 0, ALL},
    {IR_sar, MIN64, 0, 0, MIN64},
    {IR_rotl, MIN64 | 2, 1, 0, 5},
    {IR_rotl, 5, 64, 0, 5},
    {IR_rotr, 5, 1, 0, MIN64 | 2},
    {IR_rotr, 5, 0, 0, 5},
    {IR_shl32, 0xf80000001, 33, 0, 2},
    {IR_shr32, 0xf80000000, 31, 0, 1},
    {IR_shr32, 0xf80000000, 32, 0, 0x80000000},
    {IR_sar32, 0xf80000000, 31, 0, 0xffffffff},
    {IR_sar32, 0x780000000, 4, 0, 0xf8000000},
    {IR_rotl32, 0xf80000001, 1, 0, 3},
    {IR_rotl32, 0xf80000001, 32, 0, 0x80000001},
    {IR_rotr32, 0xf00000003, 1, 0, 0x80000001},
    {IR_rotr32, 0xf00000003, 0, 0, 3},
    {IR_rotrs32, 0xf00000003, 1, 0, 0xffffffff80000001},
    {IR_rotrs32, 0xf00000004, 33, 0, 2},
    {IR_rotrs32, 0xf80000000, 0, 0, 0xffffffff80000000},
    {IR_sx8, 0x1280, 0, 0, 0xffffffffffffff80},
    {IR_sx8, 0xff7f, 0, 0, 0x7f},
    {IR_sx16, 0x128000, 0, 0, 0xffffffffffff8000},
    {IR_sx32, 0x1280000000, 0, 0, 0xffffffff80000000},
    {IR_zx8, ALL, 0, 0, 0xff},
    {IR_zx16, ALL, 0, 0, 0xffff},
    {IR_zx32, ALL, 0, 0, 0xffffffff},
    {IR_clz, 0, 0, 0, 64},
    {IR_clz, 1, 0, 0, 63},
    {IR_clz, MIN64, 0, 0, 0},
    {IR_ctz, 0, 0, 0, 64},
    {IR_ctz, MIN64, 0, 0, 63},
    {IR_clz32, 0xf00000000, 0, 0, 32},
    {IR_clz32, 0xf00000001, 0, 0, 31},
    {IR_ctz32, 0xf00000000, 0, 0, 32},
    {IR_ctz32, 0x80000000, 0, 0, 31},
    {IR_popcnt, 0, 0, 0, 0},
    {IR_popcnt, ALL, 0, 0, 64},
    {IR_bswap, 0x0102030405060708, 0, 0, 0x0807060504030201},
    {IR_bytemask, 0x8000010000ff0010, 0, 0, 0xff00ff0000ff00ff},
    {IR_eq, 5, 5, 0, 1},
    {IR_eq, 5, 0x100000005, 0, 0},
    {IR_ne, 5, 5, 0, 0},
    {IR_ne, 5, 6, 0, 1},
    {IR_lts, ALL, 0, 0, 1},
    {IR_lts, 0, 0, 0, 0},
    {IR_ges, ALL, 0, 0, 0},
    {IR_ges, 0, 0, 0, 1},
    {IR_ltu, ALL, 0, 0, 0},
    {IR_ltu, 0, ALL, 0, 1},
    {IR_geu, ALL, 0, 0, 1},
    {IR_geu, 0, ALL, 0, 0},
    {IR_mins, ALL, 1, 0, ALL},
    {IR_maxs, ALL, 1, 0, 1},
    {IR_minu, ALL, 1, 0, 1},
    {IR_maxu, ALL, 1, 0, ALL},
    {IR_select, MIN64, 10, 20, 10},
    {IR_select, 0, 10, 20, 20},
};

static void folds_as_defined(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fold_cases); i++) {
        const struct fold_case *f = &fold_cases[i];
        uint64_t r = ir_fold(f->op, f->a, f->b, f->c);
        if (r != f->result)
            fail_msg("%s %#lx %#lx %#lx is %#lx, not %#lx", ir_ops[f->op].name, f->a, f->b, f->c,
                     f->result, r);
    }
}

/* No operation without a case. */
static void every_pure_operation_has_a_case(void **state)
{
    (void)state;
    static const uint8_t pure[] = {
#define PURE_OP(name, operands, expression) IR_##name,
#include "jit/ops.def"
    };
    for (size_t i = 0; i < ARRAY_LEN(pure); i++) {
        bool found = false;
        for (size_t k = 0; k < ARRAY_LEN(fold_cases); k++)
            found |= fold_cases[k].op == pure[i];
        if (!found)
            fail_msg("%s", ir_ops[pure[i]].name);
    }
}

/* --- a machine of four registers and 64 bytes --- */

struct toy {
    uint64_t slot[4];
    uint8_t memory[64];
    struct ir_place at;
    uint64_t args[IR_ARGS_MAX];
    unsigned fences;
    bool refuse; /* calls record an exception */
};

static uint64_t toy_get(void *opaque, unsigned slot)
{
    return ((struct toy *)opaque)->slot[slot];
}

static void toy_set(void *opaque, unsigned slot, uint64_t value)
{
    ((struct toy *)opaque)->slot[slot] = value;
}

static bool toy_reach(struct toy *t, const struct ir_place *at, unsigned size, uint64_t addr)
{
    t->at = *at;
    return addr + size <= sizeof(t->memory);
}

static bool toy_load(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                     uint64_t *value)
{
    struct toy *t = opaque;
    *value = 0;
    if (!toy_reach(t, at, size, addr))
        return false;
    memcpy(value, t->memory + addr, size);
    return true;
}

static bool toy_store(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                      uint64_t value)
{
    struct toy *t = opaque;
    if (!toy_reach(t, at, size, addr))
        return false;
    memcpy(t->memory + addr, &value, size);
    return true;
}

static bool toy_amo(void *opaque, const struct ir_place *at, unsigned size, enum amo_op op,
                    uint64_t addr, uint64_t value, uint64_t *old)
{
    assert_int_equal(op, AMO_ADD);
    return toy_load(opaque, at, size, addr, old) && toy_store(opaque, at, size, addr, *old + value);
}

static bool toy_cas(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                    uint64_t expected, uint64_t desired, uint64_t *old)
{
    if (!toy_load(opaque, at, size, addr, old))
        return false;
    return *old != expected || toy_store(opaque, at, size, addr, desired);
}

static void toy_fence(void *opaque, unsigned order)
{
    assert_int_equal(order, IR_BEFORE_W | IR_AFTER_R);
    ((struct toy *)opaque)->fences++;
}

static struct ir_result toy_call(void *opaque, const struct ir_place *at,
                                 const struct ir_helper *fn, const uint64_t args[IR_ARGS_MAX])
{
    struct toy *t = opaque;
    t->at = *at;
    memcpy(t->args, args, sizeof(t->args));
    return fn->fn(opaque, args[0], args[1], args[2], args[3], args[4]);
}

static const struct ir_env toy_env = {
    .slot_get = toy_get,
    .slot_set = toy_set,
    .load = toy_load,
    .store = toy_store,
    .amo = toy_amo,
    .cas = toy_cas,
    .fence = toy_fence,
    .call = toy_call,
};

static struct ir_result digits(void *hart, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                               uint64_t e)
{
    const struct toy *t = hart;
    return (struct ir_result){a * 10000 + b * 1000 + c * 100 + d * 10 + e, !t->refuse};
}

static const struct ir_slot toy_slots[] = {{"r0", 0, 8, IR_SLOT_REG},
                                           {"r1", 8, 8, IR_SLOT_REG},
                                           {"r2", 16, 8, IR_SLOT_REG},
                                           {"state", 24, 8, IR_SLOT_STATE}};
static const struct ir_helper toy_helpers[] = {{"digits", digits, 5, IR_CALL_FAULTS},
                                               {"sure", digits, 2, 0}};
static const struct ir_guest toy_guest = {toy_slots, toy_helpers, ARRAY_LEN(toy_slots),
                                          ARRAY_LEN(toy_helpers), 0};

/* Runs the text at 0x1000. */
static struct ir_outcome run(struct toy *t, const char *text)
{
    struct ir_insn insns[64];
    uint64_t values[64];
    struct ir_block b;
    struct ir_fault fault;
    struct ir_outcome out;
    ir_begin(&b, &toy_guest, insns, ARRAY_LEN(insns));
    if (ir_parse(&b, text, &fault) || ir_check(&b, &fault))
        fail_msg("%u: %s", fault.at, fault.what);
    ir_eval(&b, 0x1000, &toy_env, t, values, &out);
    return out;
}

static void memory_operations(void **state)
{
    (void)state;
    struct toy t = {.slot = {8, 0x1122334455667788, 3}};
    struct ir_outcome out = run(&t, "%1 point disp=0 retired=0\n"
                                    "%2 slot_get slot=0\n"
                                    "%3 slot_get slot=1\n"
                                    "%4 slot_get slot=2\n"
                                    "%5 store %2 %3 size=8 disp=0 at=1\n"
                                    "%6 point disp=4 retired=1\n"
                                    "%7 load %2 size=2 disp=6 at=6\n"
                                    "%8 amo %2 %4 amo=20 disp=0 at=6\n" /* 4 bytes, ADD */
                                    "%9 const imm=0x88\n"
                                    "%10 const imm=0x8b\n"
                                    "%11 const imm=0xee\n"
                                    "%12 cas %2 %9 %11 size=1 disp=0 at=6\n"
                                    "%13 cas %2 %10 %11 size=1 disp=0 at=6\n"
                                    "%14 fence order=6\n"
                                    "%15 slot_set %7 slot=1\n"
                                    "%16 slot_set %8 slot=2\n"
                                    "%17 slot_set %12 slot=3\n"
                                    "%18 exit kind=0 disp=-8 retired=2\n");
    assert_int_equal(out.how, IR_WENT_ON);
    assert_int_equal(out.exit_kind, IR_EXIT_CHAIN);
    assert_int_equal(out.pc, 0xff8);
    assert_int_equal(out.retired, 2);
    assert_int_equal(t.slot[1], 0x1122);
    assert_int_equal(t.slot[2], 0x55667788);
    assert_int_equal(t.slot[3], 0x8b);
    assert_int_equal(t.memory[8], 0xee);
    assert_int_equal(t.memory[15], 0x11);
    assert_int_equal(t.fences, 1);
}

/* The second store-conditional finds another value than its load-reserved read. */
static void load_reserved_and_store_conditional(void **state)
{
    (void)state;
    struct toy t = {.slot = {8, 0x1122334455667788, 3}};
    struct ir_outcome out = run(&t, "%1 point disp=0 retired=0\n"
                                    "%2 slot_get slot=0\n"
                                    "%3 slot_get slot=2\n"
                                    "%4 lr %2 size=4 disp=0 at=1\n"
                                    "%5 sc %2 %4 %3 size=4 disp=0 at=1\n"
                                    "%6 lr %2 size=4 disp=0 at=1\n"
                                    "%7 sc %2 %6 %2 size=4 disp=4 at=1\n"
                                    "%8 slot_set %6 slot=0\n"
                                    "%9 slot_set %5 slot=1\n"
                                    "%10 slot_set %7 slot=2\n"
                                    "%11 exit kind=0 disp=8 retired=1\n");
    assert_int_equal(out.how, IR_WENT_ON);
    assert_int_equal(t.slot[0], 3);
    assert_int_equal(t.slot[1], 0);
    assert_int_equal(t.slot[2], 1);
    assert_int_equal(t.memory[8], 3);
    assert_int_equal(t.memory[12], 0);
}

/* The third instruction faults: the first two are done, nothing of the third. */
static void a_fault_is_precise(void **state)
{
    (void)state;
    struct toy t = {.slot = {1, 2, 3}};
    struct ir_outcome out = run(&t, "%1 point disp=0 retired=0\n"
                                    "%2 const imm=40\n"
                                    "%3 slot_set %2 slot=0\n"
                                    "%4 point disp=2 retired=1\n"
                                    "%5 slot_set %2 slot=3\n"
                                    "%6 point disp=6 retired=2\n"
                                    "%7 load %2 size=8 disp=17 at=6\n"
                                    "%8 slot_set %7 slot=2\n"
                                    "%9 exit kind=0 disp=10 retired=3\n");
    assert_int_equal(out.how, IR_FAULTED);
    assert_int_equal(out.pc, 0x1006);
    assert_int_equal(out.retired, 2);
    assert_int_equal(out.at, 7);
    assert_int_equal(t.at.pc, 0x1006);
    assert_int_equal(t.at.retired, 2);
    assert_int_equal(t.slot[0], 40);
    assert_int_equal(t.slot[3], 40);
    assert_int_equal(t.slot[2], 3);
}

static void calls_take_arguments_in_order(void **state)
{
    (void)state;
    struct toy t = {.slot = {0}};
    struct ir_outcome out = run(&t, "%1 point disp=12 retired=0\n"
                                    "%2 const imm=1\n"
                                    "%3 const imm=2\n"
                                    "%4 const imm=3\n"
                                    "%5 arg %2 -\n"
                                    "%6 arg %3 %5\n"
                                    "%7 arg %4 %6\n"
                                    "%8 arg %3 %7\n"
                                    "%9 arg %2 %8\n"
                                    "%10 call %6 helper=1 flags=0 at=1\n"
                                    "%11 call %9 helper=0 flags=1 at=1\n"
                                    "%12 slot_set %11 slot=0\n"
                                    "%13 slot_set %10 slot=1\n"
                                    "%14 exit_to %4 kind=1 disp=0 retired=1\n");
    assert_int_equal(out.how, IR_WENT_ON);
    assert_int_equal(out.exit_kind, IR_EXIT_LEAVE);
    assert_int_equal(out.pc, 3);
    assert_int_equal(t.slot[0], 12321);
    assert_int_equal(t.slot[1], 12000);
    assert_int_equal(t.at.pc, 0x100c);
}

/* Only a helper that may fault is asked whether it did. */
static void a_refusing_helper_faults(void **state)
{
    (void)state;
    struct toy t = {.refuse = true};
    struct ir_outcome out = run(&t, "%1 point disp=4 retired=7\n"
                                    "%2 const imm=1\n"
                                    "%3 arg %2 -\n"
                                    "%4 arg %2 %3\n"
                                    "%5 call %4 helper=1 flags=0 at=1\n"
                                    "%6 arg %2 %4\n"
                                    "%7 arg %2 %6\n"
                                    "%8 arg %2 %7\n"
                                    "%9 call %8 helper=0 flags=1 at=1\n"
                                    "%10 slot_set %9 slot=0\n"
                                    "%11 exit kind=0 disp=8 retired=8\n");
    assert_int_equal(out.how, IR_FAULTED);
    assert_int_equal(out.at, 9);
    assert_int_equal(out.retired, 7);
    assert_int_equal(t.slot[0], 0);
}

static void conditional_ways_out(void **state)
{
    (void)state;
    static const char text[] = "%1 point disp=0 retired=0\n"
                               "%2 slot_get slot=0\n"
                               "%3 slot_get slot=1\n"
                               "%4 trap_if %3 %2 cause=5 at=1\n"
                               "%5 exit_if %3 kind=1 disp=64 retired=1\n"
                               "%6 point disp=4 retired=1\n"
                               "%7 pc disp=100\n"
                               "%8 trap %7 cause=9 at=6\n";
    struct toy t = {.slot = {1, 77}};
    struct ir_outcome out = run(&t, text);
    assert_int_equal(out.how, IR_TRAPPED);
    assert_int_equal(out.cause, 5);
    assert_int_equal(out.tval, 77);
    assert_int_equal(out.pc, 0x1000);
    assert_int_equal(out.retired, 0);
    t.slot[0] = 0;
    out = run(&t, text);
    assert_int_equal(out.how, IR_WENT_ON);
    assert_int_equal(out.exit_kind, IR_EXIT_LEAVE);
    assert_int_equal(out.pc, 0x1040);
    assert_int_equal(out.retired, 1);
    t.slot[1] = 0;
    out = run(&t, text);
    assert_int_equal(out.how, IR_TRAPPED);
    assert_int_equal(out.cause, 9);
    assert_int_equal(out.tval, 0x1064);
    assert_int_equal(out.pc, 0x1004);
    assert_int_equal(out.retired, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_as_defined),
        cmocka_unit_test(every_pure_operation_has_a_case),
        cmocka_unit_test(memory_operations),
        cmocka_unit_test(load_reserved_and_store_conditional),
        cmocka_unit_test(a_fault_is_precise),
        cmocka_unit_test(calls_take_arguments_in_order),
        cmocka_unit_test(a_refusing_helper_faults),
        cmocka_unit_test(conditional_ways_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
