/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests jit/text.c and the builders of jit/ir.c: each builder's instruction as
 * text, the text read back, and what is wrong with bad text.
 */
#include "jit/ir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct ir_slot slots[] = {{"r0", 0, 8, IR_SLOT_REG}, {"r1", 8, 8, IR_SLOT_REG}};
static const struct ir_helper helpers[] = {{"none", NULL, 0, IR_CALL_MEMORY},
                                           {"two", NULL, 2, IR_CALL_FAULTS | IR_CALL_STATE}};
static const struct ir_guest guest = {slots, helpers, ARRAY_LEN(slots), ARRAY_LEN(helpers), 0};

static const char everything[] = "%1 point disp=-2 retired=3\n"
                                 "%2 const imm=0xffffffffffffffff\n"
                                 "%3 pc disp=-2147483648\n"
                                 "%4 slot_get slot=1 ; r1\n"
                                 "%5 select %2 %3 %4\n"
                                 "%6 clz %5\n"
                                 "%7 load %6 size=4 disp=0 at=1\n"
                                 "%8 store %6 %7 size=8 disp=0 at=1\n"
                                 "%9 amo %6 %7 amo=132 disp=0 at=1\n"
                                 "%10 cas %6 %7 %9 size=8 disp=0 at=1\n"
                                 "%11 lr %6 size=4 disp=0 at=1\n"
                                 "%12 sc %6 %11 %9 size=4 disp=0 at=1\n"
                                 "%13 fence order=15\n"
                                 "%14 call - helper=0 flags=8 at=1 ; none\n"
                                 "%15 arg %2 -\n"
                                 "%16 arg %3 %15\n"
                                 "%17 call %16 helper=1 flags=5 at=1 ; two\n"
                                 "%18 trap_if %2 %4 cause=13 at=1\n"
                                 "%19 slot_set %17 slot=0 ; r0\n"
                                 "%20 exit_if %4 kind=0 disp=16 retired=4\n"
                                 "%21 exit_if %4 kind=1 disp=20 retired=4\n"
                                 "%22 exit_to %4 kind=1 disp=0 retired=4\n";

static void build_everything(struct ir_block *b)
{
    ir_ref point = ir_point(b, -2, 3);
    ir_ref c = ir_const(b, ~0ull), pc = ir_pc(b, INT32_MIN), r1 = ir_slot_get(b, 1);
    ir_ref addr = ir_pure(b, IR_clz, ir_pure(b, IR_select, c, pc, r1), IR_NONE, IR_NONE);
    ir_ref v = ir_load(b, point, 4, addr);
    ir_store(b, point, 8, addr, v);
    ir_ref old = ir_amo(b, point, 4, AMO_MAXU, addr, v);
    ir_cas(b, point, 8, addr, v, old);
    ir_sc(b, point, 4, addr, ir_lr(b, point, 4, addr), old);
    ir_fence(b, IR_BEFORE_R | IR_BEFORE_W | IR_AFTER_R | IR_AFTER_W);
    ir_call(b, point, 0, 0, NULL);
    ir_ref r = ir_call(b, point, 1, 2, (ir_ref[]){c, pc});
    ir_trap_if(b, point, 13, c, r1);
    ir_slot_set(b, 0, r);
    ir_exit_if(b, IR_EXIT_CHAIN, 4, 16, r1);
    ir_exit_if(b, IR_EXIT_LEAVE, 4, 20, r1);
    assert_false(ir_ended(b));
    ir_exit_to(b, IR_EXIT_LEAVE, 4, r1);
    assert_true(ir_ended(b));
}

static char *dump(const struct ir_block *b)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ir_dump(b, out);
    fclose(out);
    return text;
}

static void builders_write_this_text(void **state)
{
    (void)state;
    struct ir_insn insns[32];
    struct ir_block b;
    struct ir_fault fault;
    ir_begin(&b, &guest, insns, ARRAY_LEN(insns));
    build_everything(&b);
    char *text = dump(&b);
    assert_string_equal(text, everything);
    free(text);
    assert_int_equal(ir_check(&b, &fault), 0);
    assert_int_equal(ir_room(&b), 32 - 23);
}

static void text_reads_back(void **state)
{
    (void)state;
    struct ir_insn built[32], read[32];
    struct ir_block a, b;
    struct ir_fault fault;
    ir_begin(&a, &guest, built, ARRAY_LEN(built));
    build_everything(&a);
    ir_begin(&b, &guest, read, ARRAY_LEN(read));
    assert_int_equal(ir_parse(&b, everything, &fault), 0);
    assert_int_equal(b.count, a.count);
    assert_memory_equal(read, built, b.count * sizeof(read[0]));
}

static void space_and_comments_are_free(void **state)
{
    (void)state;
    struct ir_insn insns[4];
    struct ir_block b;
    struct ir_fault fault;
    ir_begin(&b, &guest, insns, ARRAY_LEN(insns));
    assert_int_equal(ir_parse(&b, "\n; nothing\n  %1\tconst   imm=-5;five\r\n\n%2 sx8 %1", &fault),
                     0);
    assert_int_equal(b.count, 3);
    assert_int_equal(insns[1].imm, (uint64_t)-5);
    assert_int_equal(insns[2].a, 1);
}

static const struct {
    const char *text;
    unsigned line;
    const char *what;
} wrong[] = {
    {"%2 const imm=1", 1, "not the next instruction's number"},
    {"const imm=1", 1, "not the next instruction's number"},
    {"%1 const imm=1\n%1 const imm=1", 2, "not the next instruction's number"},
    {"%1", 1, "no such operation"},
    {"%1 frobnicate %1", 1, "no such operation"},
    {"%1 add %1", 1, "a bad operand"},
    {"%1 add 1 2", 1, "a bad operand"},
    {"%1 sx8 %65536", 1, "a bad operand"},
    {"%1 sx8 %x", 1, "a bad operand"},
    {"%1 const", 1, "a bad field"},
    {"%1 const imm=", 1, "a bad field"},
    {"%1 const imm=0x10000000000000000", 1, "a bad field"},
    {"%1 const disp=1", 1, "a bad field"},
    {"%1 pc disp=2147483648", 1, "a bad field"},
    {"%1 pc disp=-2147483649", 1, "a bad field"},
    {"%1 slot_get slot=65536", 1, "a bad field"},
    {"%1 slot_get slot=-1", 1, "a bad field"},
    {"%1 fence order=256", 1, "a bad field"},
    {"%1 const imm=1 2", 1, "more than the operation takes"},
    {"%1 const imm=1\n\n%2 sx8 %1 %1", 3, "more than the operation takes"},
    {"%1 const imm=1\n%2 const imm=1\n%3 const imm=1\n%4 const imm=1", 4, "too many instructions"},
};

static void bad_text_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct ir_insn insns[4];
        struct ir_block b;
        struct ir_fault fault = {0};
        ir_begin(&b, &guest, insns, ARRAY_LEN(insns));
        if (ir_parse(&b, wrong[i].text, &fault) != -EINVAL || strcmp(fault.what, wrong[i].what) ||
            fault.at != wrong[i].line)
            fail_msg("%s\nline %u: %s", wrong[i].text, fault.at, fault.what);
    }
}

/* A broken block can be looked at. */
static void anything_can_be_dumped(void **state)
{
    (void)state;
    struct ir_insn insns[4];
    struct ir_block b;
    ir_begin(&b, &guest, insns, ARRAY_LEN(insns));
    ir_emit(&b, (struct ir_insn){.op = 255});
    ir_emit(&b, (struct ir_insn){.op = IR_slot_get, .index = 999});
    ir_emit(&b, (struct ir_insn){.op = IR_call, .index = 999});
    char *text = dump(&b);
    assert_string_equal(text,
                        "%1 op 255?\n%2 slot_get slot=999\n%3 call - helper=999 flags=0 at=0\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builders_write_this_text),    cmocka_unit_test(text_reads_back),
        cmocka_unit_test(space_and_comments_are_free), cmocka_unit_test(bad_text_is_named),
        cmocka_unit_test(anything_can_be_dumped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
