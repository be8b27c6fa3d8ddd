/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests jit/check.c: a block that keeps every rule passes, and each rule, when
 * broken, is named at the instruction that breaks it.
 */
#include "jit/ir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct ir_slot slots[] = {
    {NULL, 0, 0, IR_SLOT_ABSENT}, {"r1", 8, 8, IR_SLOT_REG}, {"state", 16, 8, IR_SLOT_STATE}};
static const struct ir_helper helpers[] = {{"none", NULL, 0, 0},
                                           {"two", NULL, 2, IR_CALL_FAULTS},
                                           {"regs", NULL, 0, IR_CALL_REGS | IR_CALL_FAULTS},
                                           {"memory", NULL, 0, IR_CALL_MEMORY}};
static const struct ir_guest guest = {slots, helpers, ARRAY_LEN(slots), ARRAY_LEN(helpers), 0};

/* Checks the text; NULL where it passes. */
static const char *check(const char *text, unsigned *at)
{
    struct ir_insn insns[32];
    struct ir_block b;
    struct ir_fault fault;
    ir_begin(&b, &guest, insns, ARRAY_LEN(insns));
    if (ir_parse(&b, text, &fault))
        fail_msg("line %u: %s\n%s", fault.at, fault.what, text);
    if (!ir_check(&b, &fault))
        return NULL;
    *at = fault.at;
    return fault.what;
}

#define END(n) "%" #n " exit kind=0 disp=4 retired=1\n"

static const struct {
    const char *text;
    unsigned at;
    const char *what; /* NULL: nothing is wrong */
} cases[] = {
    {"%1 exit kind=0 disp=0 retired=0\n", 0, NULL},
    {"%1 point disp=0 retired=0\n%2 const imm=1\n%3 arg %2 -\n%4 arg %2 %3\n"
     "%5 call %4 helper=1 flags=1 at=1\n%6 slot_set %5 slot=2\n%7 load %5 size=8 disp=1 at=1\n"
     "%8 slot_set %7 slot=1\n" END(9),
     0, NULL},
    /* A call that cannot fault may follow the write. */
    {"%1 point disp=0 retired=0\n%2 const imm=1\n%3 slot_set %2 slot=1\n"
     "%4 call - helper=0 flags=0 at=1\n" END(5),
     0, NULL},
    {"%1 const imm=1\n", 1, "the block does not end"},
    {END(1) END(2), 1, "code after the end"},
    {"%1 start\n" END(2), 1, "start is the first instruction and no other"},
    {"%1 sx8 %1\n" END(2), 1, "an operand that is not earlier"},
    {"%1 sx8 %2\n%2 const imm=0\n" END(3), 1, "an operand that is not earlier"},
    {"%1 sx8 -\n" END(2), 1, "an operand is missing"},
    {"%1 exit_if - kind=0 disp=0 retired=0\n" END(2), 1, "an operand is missing"},
    {"%1 const imm=0\n%2 arg %1 -\n%3 add %1 %2\n" END(4), 3, "an operand of the wrong type"},
    {"%1 const imm=0\n%2 arg %1 %1\n" END(3), 2, "an operand of the wrong type"},
    {"%1 point disp=0 retired=0\n%2 sx8 %1\n" END(3), 2, "an operand of the wrong type"},
    {"%1 slot_get slot=3\n" END(2), 1, "no such slot"},
    {"%1 slot_get slot=0\n" END(2), 1, "no such slot"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 load %2 size=3 disp=0 at=1\n" END(4), 3,
     "an invalid size"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 load %2 size=16 disp=0 at=1\n" END(4), 3,
     "an invalid size"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 load %2 size=0 disp=0 at=1\n" END(4), 3,
     "an invalid size"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 amo %2 %2 amo=7 disp=0 at=1\n" END(4), 3,
     "an invalid size"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 amo %2 %2 amo=152 disp=0 at=1\n" END(4), 3,
     "an invalid atomic operation"},
    /* Between a load-reserved and its store-conditional is a way out, but no memory. */
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 lr %2 size=4 disp=0 at=1\n"
     "%4 slot_set %3 slot=1\n%5 exit_if %3 kind=0 disp=40 retired=1\n%6 point disp=4 retired=1\n"
     "%7 sc %2 %3 %2 size=4 disp=0 at=6\n%8 exit kind=0 disp=8 retired=2\n",
     0, NULL},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 lr %2 size=4 disp=0 at=1\n"
     "%4 load %2 size=4 disp=0 at=1\n%5 sc %2 %3 %2 size=4 disp=0 at=1\n" END(6),
     5, "its load-reserved is not the access before it"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 lr %2 size=4 disp=0 at=1\n"
     "%4 call - helper=3 flags=8 at=1\n%5 sc %2 %3 %2 size=4 disp=0 at=1\n" END(6),
     5, "its load-reserved is not the access before it"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 lr %2 size=4 disp=0 at=1\n"
     "%4 sc %2 %3 %2 size=4 disp=0 at=1\n%5 sc %2 %3 %2 size=4 disp=0 at=1\n" END(6),
     5, "its load-reserved is not the access before it"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 lr %2 size=4 disp=0 at=1\n"
     "%4 sc %2 %2 %2 size=4 disp=0 at=1\n" END(5),
     4, "its load-reserved is not the access before it"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 lr %2 size=4 disp=0 at=1\n"
     "%4 sc %2 %3 %2 size=8 disp=0 at=1\n" END(5),
     4, "not the size of its load-reserved"},
    {"%1 fence order=16\n" END(2), 1, "an invalid order"},
    {"%1 exit kind=4 disp=0 retired=0\n", 1, "an invalid kind of exit"},
    {"%1 exit kind=3 disp=0 retired=0\n", 0, NULL},
    {"%1 const imm=0\n%2 exit_to %1 kind=0 disp=4 retired=0\n", 2,
     "a field that the operation does not use"},
    {"%1 point disp=0 retired=0\n%2 call - helper=4 flags=0 at=1\n" END(3), 2, "no such helper"},
    {"%1 point disp=0 retired=0\n%2 call - helper=1 flags=1 at=1\n" END(3), 2,
     "wrong number of arguments"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 arg %2 -\n%4 call %3 helper=0 flags=0 "
     "at=1\n" END(5),
     4, "wrong number of arguments"},
    {"%1 point disp=0 retired=0\n%2 call - helper=0 flags=1 at=1\n" END(3), 2,
     "flags that are not the helper's"},
    {"%1 const imm=0\n%2 load %1 size=8 disp=0 at=0\n" END(3), 2,
     "its point is not the current one"},
    {"%1 const imm=0\n%2 load %1 size=8 disp=0 at=1\n" END(3), 2,
     "its point is not the current one"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 point disp=4 retired=1\n"
     "%4 load %2 size=8 disp=0 at=1\n" END(5),
     4, "its point is not the current one"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 slot_set %2 slot=1\n"
     "%4 load %2 size=8 disp=0 at=1\n" END(5),
     4, "may fault after its instruction wrote a register"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 slot_set %2 slot=1\n"
     "%4 trap_if %2 %2 cause=0 at=1\n" END(5),
     4, "may fault after its instruction wrote a register"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 call - helper=2 flags=3 at=1\n"
     "%4 load %2 size=8 disp=0 at=1\n" END(5),
     4, "may fault after its instruction wrote a register"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 exit_if %2 kind=0 disp=4 retired=1\n"
     "%4 slot_set %2 slot=1\n" END(5),
     4, "an effect of an instruction that is retired"},
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 exit_if %2 kind=0 disp=4 retired=1\n"
     "%4 fence order=15\n" END(5),
     4, "an effect of an instruction that is retired"},
    /* One that is left before it did anything goes on freely, and so does the next one. */
    {"%1 point disp=0 retired=0\n%2 const imm=0\n%3 exit_if %2 kind=0 disp=0 retired=0\n"
     "%4 slot_set %2 slot=1\n%5 exit_if %2 kind=0 disp=9 retired=1\n%6 point disp=4 retired=1\n"
     "%7 slot_set %2 slot=1\n%8 exit kind=0 disp=8 retired=2\n",
     0, NULL},
    {"%1 point disp=0 retired=1\n%2 exit kind=0 disp=8 retired=3\n", 2,
     "an exit that retires what was not executed"},
    {"%1 point disp=0 retired=1\n%2 exit kind=0 disp=8 retired=0\n", 2,
     "an exit that retires what was not executed"},
    {"%1 exit kind=0 disp=8 retired=1\n", 1, "an exit that retires what was not executed"},
    {"%1 point disp=0 retired=1\n%2 point disp=4 retired=1\n" END(3), 2,
     "points retire out of order"},
};

static void each_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned at = 0;
        const char *what = check(cases[i].text, &at);
        if (!what != !cases[i].what || (what && strcmp(what, cases[i].what)))
            fail_msg("%s\nis \"%s\", not \"%s\"", cases[i].text,
                     cases[i].what ? cases[i].what : "right", what ? what : "right");
        assert_int_equal(at, cases[i].at);
    }
}

/* What text cannot express. */
static void fields_out_of_range(void **state)
{
    (void)state;
    struct ir_insn insns[4];
    struct ir_block b;
    struct ir_fault fault;
    ir_begin(&b, &guest, insns, ARRAY_LEN(insns));
    ir_const(&b, 1);
    ir_exit(&b, IR_EXIT_CHAIN, 0, 0);
    assert_int_equal(ir_check(&b, &fault), 0);
    insns[1].op = IR_OP_COUNT;
    assert_int_equal(ir_check(&b, &fault), -EINVAL);
    assert_string_equal(fault.what, "no such operation");
    insns[1].op = IR_const;
    insns[1].sub = 1;
    assert_int_equal(ir_check(&b, &fault), -EINVAL);
    assert_string_equal(fault.what, "a field that the operation does not use");
    insns[1].sub = 0;
    insns[1].b = 1;
    assert_int_equal(ir_check(&b, &fault), -EINVAL);
    assert_string_equal(fault.what, "an operand that the operation does not take");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule),
        cmocka_unit_test(fields_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
