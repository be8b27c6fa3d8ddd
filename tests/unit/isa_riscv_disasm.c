/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disassembler against GNU objdump (data/riscv_disasm.txt, see
 * tests/tools/gen_disasm_golden.sh), and the assembler against the
 * disassembler: text of any word of any line of the table assembles to the same
 * word again.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/decode.h"
#include "isa/riscv/forms.h"
#include "isa/riscv/isa_string.h"
#include "sim/base/bits.h"

enum { TEXT_SIZE = 96 };

static struct rv_ext_set all;
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t random_word(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

static int setup(void **state)
{
    const char *given = getenv("MH_SEED");

    (void)state;
    if (given)
        seed = strtoull(given, NULL, 0) | 1;
    printf("MH_SEED=0x%" PRIx64 "\n", seed);
    isa_set_all(&all);
    return 0;
}

static void disasm(uint32_t raw, uint64_t pc, char text[TEXT_SIZE])
{
    struct rv_insn i;

    rv_decode(raw, &all, &i);
    assert_in_range(rv_disasm(&i, pc, text, TEXT_SIZE), 1, TEXT_SIZE - 1);
}

/* ---- golden ---- */

/* Where the texts may differ: what ours and objdump's begin with, * for any. */
static struct difference {
    const char *ours, *theirs, *why;
    unsigned seen;
} differences[] = {
    {".2byte", "c.unimp", "objdump names the defined illegal instruction", 0},
    {".2byte\t0x6101", "c.addi16sp\tsp,0", "objdump accepts the reserved immediate 0", 0},
    {"c.slli\t*,0x0", "c.slli64", "shifts by 0 are RV128 encodings, hints in RV64", 0},
    {"c.srli\t*,0x0", "c.srli64", "the same", 0},
    {"c.srai\t*,0x0", "c.srai64", "the same", 0},
    {"c.lbu", ".2byte", "objdump 2.40 does not know Zcb", 0},
    {"c.lhu", ".2byte", "Zcb", 0},
    {"c.lh", ".2byte", "Zcb", 0},
    {"c.sb", ".2byte", "Zcb", 0},
    {"c.sh", ".2byte", "Zcb", 0},
    {"c.mul", ".2byte", "Zcb", 0},
    {"c.not", ".2byte", "Zcb", 0},
    {"c.zext", ".2byte", "Zcb", 0},
    {"c.sext", ".2byte", "Zcb", 0},
    {"c.mop", ".2byte", "objdump 2.40 does not know Zcmop", 0},
    {"mop.r", ".4byte", "objdump 2.40 does not know Zimop", 0},
    {"amo*.b", ".4byte", "objdump 2.40 does not know Zabha", 0},
    {"amo*.h", ".4byte", "the same", 0},
    {"amocas", ".4byte", "objdump 2.40 does not know Zacas", 0},
    {"czero", ".4byte", "objdump 2.40 does not know Zicond", 0},
    {"mnret", ".4byte", "objdump 2.40 does not know Smrnmi", 0},
    {"ntl.", "add\tzero,zero,", "objdump 2.40 does not know Zihintntl", 0},
    {"fence\t", ".4byte", "reserved fields of fence are ignored", 0},
    {"fence.i", ".4byte", "reserved fields of fence.i are ignored", 0},
    {".4byte", "f*,unknown", "objdump prints the reserved rounding modes 5 and 6", 0},
    {"fcvt.d.w\t", ".4byte", "exact conversion: objdump wants rm = 0, the manual takes all", 0},
    {"fcvt.d.wu\t", ".4byte", "the same", 0},
    {"fcvt.d.s\t", ".4byte", "the same", 0},
    {"fcvt.s.h\t", ".4byte", "the same", 0},
    {"fcvt.d.h\t", ".4byte", "the same", 0},
    {"fli.", ".4byte", "objdump 2.40 does not know Zfa", 0},
    {"fminm.", ".4byte", "Zfa", 0},
    {"fmaxm.", ".4byte", "Zfa", 0},
    {"fround", ".4byte", "Zfa", 0},
    {"fcvtmod.", ".4byte", "Zfa", 0},
    {"fleq.", ".4byte", "Zfa", 0},
    {"fltq.", ".4byte", "Zfa", 0},
    {"csrr*,0x", "csrr", "a CSR that this machine does not have", 0},
    {"csrr*,mcyclecfg", "csrr*,0x321", "objdump 2.40 does not know Smcntrpmf", 0},
    {"csrr*,minstretcfg", "csrr*,0x322", "the same", 0},
};

/* Whether text begins with pattern, in which * stands for any characters. */
static bool begins_with(const char *text, const char *pattern)
{
    for (; *pattern && *pattern != '*'; pattern++, text++)
        if (*text != *pattern)
            return false;
    if (!*pattern)
        return true;
    for (; *text; text++)
        if (begins_with(text, pattern + 1))
            return true;
    return false;
}

static bool is_known_difference(const char *ours, const char *theirs)
{
    for (size_t k = 0; k < ARRAY_LEN(differences); k++) {
        struct difference *d = &differences[k];

        if (!begins_with(ours, d->ours) || !begins_with(theirs, d->theirs))
            continue;
        d->seen++;
        return true;
    }
    return false;
}

/* "WORD TEXT" or "WORD@PC TEXT". */
static char *parse_line(char *line, uint32_t *raw, uint64_t *pc)
{
    char *p;

    *raw = (uint32_t)strtoul(line, &p, 16);
    *pc = *p == '@' ? strtoull(p + 1, &p, 16) : 0;
    assert_int_equal(*p, ' ');
    p[strcspn(p, "\n")] = 0;
    return p + 1;
}

static void test_text_is_that_of_objdump(void **state)
{
    unsigned lines = 0, wrong = 0, seen[RV_FORM_COUNT] = {0};
    char line[160], ours[TEXT_SIZE];
    FILE *f = fopen(MH_UNIT_DATA "/riscv_disasm.txt", "r");

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        struct rv_insn i;
        uint32_t raw;
        uint64_t pc;
        char *theirs;

        if (*line == '#')
            continue;
        theirs = parse_line(line, &raw, &pc);
        rv_decode(raw, &all, &i);
        rv_disasm(&i, pc, ours, sizeof(ours));
        seen[i.form]++;
        lines++;
        if (strcmp(ours, theirs) && !is_known_difference(ours, theirs) && wrong++ < 20)
            print_error("%08x: '%s', objdump says '%s'\n", raw, ours, theirs);
    }
    fclose(f);
    assert_int_equal(wrong, 0);
    assert_true(lines > 49152 + 10000);
    for (unsigned form = 1; form < RV_FORM_COUNT; form++)
        if (seen[form] < (rv_forms()[form].len == 4 ? 20 : 1))
            fail_msg("%s: only %u words", rv_forms()[form].name, seen[form]);
    for (size_t k = 0; k < ARRAY_LEN(differences); k++)
        if (!differences[k].seen)
            fail_msg("difference '%s' is no more", differences[k].why);
}

/* ---- round trip ---- */

static uint32_t dont_care_bits(const struct rv_form *f)
{
    uint32_t seen = f->mask;
    const struct rv_field *fields[] = {&f->rd, &f->rs1, &f->rs2, &f->rs3, &f->rm, &f->aq, &f->rl};

    for (size_t k = 0; k < ARRAY_LEN(fields); k++)
        seen |= ((1u << fields[k]->width) - 1) << fields[k]->shift;
    for (unsigned k = 0; k < f->run_count; k++)
        seen |= ((1u << f->runs[k].width) - 1) << f->runs[k].word;
    return f->len == 2 ? ~seen & 0xffff : ~seen;
}

static void check_round_trip(uint32_t word, uint64_t pc)
{
    char text[TEXT_SIZE];
    uint32_t back = 0;
    int len;

    disasm(word, pc, text);
    len = rv_asm(text, pc, &back);
    if (len != ((word & 3) == 3 ? 4 : 2) || back != word)
        fail_msg("%08x is '%s' at %" PRIx64 ", which assembles to %08x, length %d", word, text, pc,
                 back, len);
}

static void test_round_trip(void **state)
{
    const struct rv_form *forms = rv_forms();

    (void)state;
    for (unsigned form = 1; form < RV_FORM_COUNT; form++)
        for (int k = 0; k < 300; k++) {
            const struct rv_form *f = &forms[form];
            uint32_t w = ((random_word() & ~f->mask) | f->match) & ~dont_care_bits(f);
            uint64_t pc = (uint64_t)random_word() << 32 | random_word() << 1;
            struct rv_insn i;

            if (f->len == 2)
                w &= 0xffff;
            if (rv_form_extract(f, w, &i))
                check_round_trip(w, pc);
        }
}

static void test_round_trip_of_all_compressed(void **state)
{
    (void)state;
    for (uint32_t w = 0; w < 0x10000; w++) {
        struct rv_insn i;

        rv_decode(w, &all, &i);
        if ((w & 3) != 3 && i.op != RV_OP_illegal)
            check_round_trip(w, 0x80000000);
    }
}

/* ---- the rest ---- */

static void test_illegal_words(void **state)
{
    char text[TEXT_SIZE];

    (void)state;
    disasm(0, 0, text);
    assert_string_equal(text, ".2byte\t0x0");
    disasm(0xffffffff, 0, text);
    assert_string_equal(text, ".4byte\t0xffffffff");
}

static void test_buffer_is_never_overrun(void **state)
{
    char buf[8] = "xxxxxxx";
    struct rv_insn i;

    (void)state;
    rv_decode(0xfff50593, &all, &i);
    assert_int_equal(rv_disasm(&i, 0, buf, 4), 13);
    assert_string_equal(buf, "add");
    assert_int_equal(buf[4], 'x');
    assert_int_equal(rv_disasm(&i, 0, NULL, 0), 13);
}

static void test_fence_with_mode(void **state)
{
    char text[TEXT_SIZE];

    (void)state;
    disasm(0x8330000f, 0, text);
    assert_string_equal(text, "fence.tso");
    disasm(0x8ff0000f, 0, text);
    assert_string_equal(text, "fence\tiorw,iorw,0x8");
    check_round_trip(0x8ff0000f, 0);
}

/* As objdump 2.44 writes them; the golden texts are of one that does not know Zfa. */
static void test_constants(void **state)
{
    static const char *const texts[] = {
        "-0x1p+0",  "min",      "0x1p-16",  "0x1p-15",  "0x1p-8",   "0x1p-7",   "0x1p-4",
        "0x1p-3",   "0x1p-2",   "0x1.4p-2", "0x1.8p-2", "0x1.cp-2", "0x1p-1",   "0x1.4p-1",
        "0x1.8p-1", "0x1.cp-1", "0x1p+0",   "0x1.4p+0", "0x1.8p+0", "0x1.cp+0", "0x1p+1",
        "0x1.4p+1", "0x1.8p+1", "0x1p+2",   "0x1p+3",   "0x1p+4",   "0x1p+7",   "0x1p+8",
        "0x1p+15",  "0x1p+16",  "inf",      "nan",
    };
    char text[TEXT_SIZE], want[TEXT_SIZE];

    (void)state;
    for (uint32_t i = 0; i < 32; i++) {
        snprintf(want, sizeof(want), "fli.h\tfa0,%s", texts[i]);
        disasm(0xf4100553 | i << 15, 0, text);
        assert_string_equal(text, want);
    }
    disasm(0xc2851553, 0, text);
    assert_string_equal(text, "fcvtmod.w.d\ta0,fa0,rtz");
    disasm(0x40557553, 0, text);
    assert_string_equal(text, "froundnx.s\tfa0,fa0");
    disasm(0x44454553, 0, text);
    assert_string_equal(text, "fround.h\tfa0,fa0,rmm");
    disasm(0x2ab52553, 0, text);
    assert_string_equal(text, "fminm.d\tfa0,fa0,fa1");
    disasm(0xa0b55553, 0, text);
    assert_string_equal(text, "fltq.s\ta0,fa0,fa1");
}

static void test_assembler_accepts(void **state)
{
    static const struct {
        const char *text;
        uint32_t raw;
        int len;
    } cases[] = {
        {"addi a0, a1, -5", 0xffb58513, 4},
        {"  addi\tx10 , x11,0x10  ", 0x01058513, 4},
        {"nop", 0x00000013, 4},
        {"c.nop", 0x0001, 2},
        {"mv a0,a1", 0x00058513, 4},
        {"li a0,-1", 0xfff00513, 4},
        {"ret", 0x00008067, 4},
        {"j 0x1008", 0x0080006f, 4},
        {"beqz a0,0x1010", 0x00050863, 4},
        {"bnez s0,0x0ffe", 0xfe041fe3, 4},
        {"ld fp, 8 ( sp )", 0x00813403, 4},
        {"fadd.s f10,f11,f12", 0x00c5f553, 4},
        {"fadd.s fa0,fa1,fa2,rtz", 0x00c59553, 4},
        {"fcvt.d.w fa0,a0", 0xd2050553, 4},
        {"lr.d.aq a0,(a1)", 0x1405b52f, 4},
        {"amoadd.w.aqrl a0,a2,(a1)", 0x06c5a52f, 4},
        {"csrrw a0,0x300,a1", 0x30059573, 4},
        {"fence rw,w", 0x0310000f, 4},
        {"prefetch.w -32(a0)", 0xfe356013, 4},
        {"ecall", 0x00000073, 4},
        {"fli.s fa0,1.0", 0xf0180553, 4},
        {"fli.d fa0, 0.4375", 0xf2158553, 4},
        {"fli.h fa0,-1", 0xf4100553, 4},
        {"fli.s fa0,65536", 0xf01e8553, 4},
        {"fli.d fa0,min", 0xf2108553, 4},
        {"fcvtmod.w.d a0,fa0,rtz", 0xc2851553, 4},
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        uint32_t raw = 0;
        int len = rv_asm(cases[k].text, 0x1000, &raw);

        if (len != cases[k].len || raw != cases[k].raw)
            fail_msg("'%s' assembles to %08x, length %d", cases[k].text, raw, len);
    }
}

static void test_assembler_refuses(void **state)
{
    static const char *const cases[] = {
        "",
        "  ",
        "addi",
        "addi a0,a1",
        "addi a0,a1,2048",
        "addi a0,a1,-2049",
        "addi a0,a1,1,2",
        "addi a0,a1,4294967296",
        "addi a0,a1,99999999999999999999999",
        "addi a0,fa1,1",
        "addi a0,x32,1",
        "addi a0,x4294967297,1",
        "addi a0,x99999999999999999999,1",
        "addi a0,a1,1x",
        "addi.aq a0,a1,1",
        "lr.d.rlaq a0,(a1)",
        "slli a0,a0,64",
        "slliw a0,a0,32",
        "lui a0,0x100000",
        "lui a0,-1",
        "jal ra,0x1001",
        "jal ra,0x200000",
        "beq a0,a1,0x2000",
        "fadd.s fa0,fa1,fa2,rxx",
        "fli.s fa0,0.1",
        "fli.s fa0,infinity",
        "fli.s fa0,-inf",
        "fli.s fa0,-nan",
        "fli.s fa0,0x1p+0x",
        "fli.s fa0,",
        "fcvtmod.w.d a0,fa0",
        "fcvtmod.w.d a0,fa0,rne",
        "csrrw a0,0x1000,a1",
        "csrrw a0,nosuchcsr,a1",
        "csrrwi a0,0x300,32",
        "fence wr,w",
        "fence rr,w",
        "fence rw",
        "amocas.q a1,a2,(a0)",
        "c.addi4spn a0,s0,16",
        "c.addi4spn a0,sp,0",
        "c.lw a0,0(t0)",
        "c.lwsp a0,4(a0)",
        "c.lwsp zero,4(sp)",
        "c.jr zero",
        "mv a0",
        "mv a0,a1,a2",
        "ret a0",
        "li a0,2048",
        "nosuch a0,a1",
        "illegal",
        "averyveryveryveryverylongmnemonicindeed a0",
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        uint32_t raw = 0x5a5a5a5a;

        if (rv_asm(cases[k], 0x1000, &raw) != -EINVAL)
            fail_msg("'%s' assembles to %08x", cases[k], raw);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_that_of_objdump),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_round_trip_of_all_compressed),
        cmocka_unit_test(test_illegal_words),
        cmocka_unit_test(test_buffer_is_never_overrun),
        cmocka_unit_test(test_fence_with_mode),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_assembler_accepts),
        cmocka_unit_test(test_assembler_refuses),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
