/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder and its table: no two lines claim the same word unless one is the
 * named special case of the other, each line decodes to itself whatever its
 * operands are, immediates and implied registers come out as the manual says,
 * reserved encodings and disabled extensions are illegal.  One thread, and one
 * test with two that race for the first call.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/decode.h"
#include "isa/riscv/forms.h"
#include "isa/riscv/isa_string.h"
#include "sim/base/bits.h"

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
    printf("MH_SEED=0x%llx\n", (unsigned long long)seed);
    isa_set_all(&all);
    return 0;
}

static struct rv_insn decode(uint32_t raw)
{
    struct rv_insn i;

    memset(&i, 0xa5, sizeof(i));
    rv_decode(raw, &all, &i);
    return i;
}

/* ---- the table ---- */

static const uint8_t form_is_hint[RV_FORM_COUNT] = {
#define HINT(name, base, ext, format, picture) [RV_FORM_##name] = 1,
#include "isa/riscv/insns.def"
};

/* Lines that are the special case of another line. */
static bool is_special_case(unsigned form)
{
    return (form_is_hint[form] && rv_forms()[form].ext != RV_EXT_Zimop) || form == RV_FORM_pause ||
           form == RV_FORM_zext_h;
}

/* Rules of a 16-bit form divide what its picture alone shares with another. */
static bool overlap_is_ruled_out(const struct rv_form *a, const struct rv_form *b)
{
    struct rv_insn i;
    uint32_t fixed = a->mask | b->mask, match = a->match | b->match;

    for (uint32_t w = 0; w < 0x10000; w++)
        if ((w & fixed) == match && rv_form_extract(a, w, &i) && rv_form_extract(b, w, &i))
            return false;
    return true;
}

static void test_no_overlap(void **state)
{
    const struct rv_form *forms = rv_forms();
    unsigned special = 0;

    (void)state;
    for (unsigned a = 1; a < RV_FORM_COUNT; a++)
        for (unsigned b = a + 1; b < RV_FORM_COUNT; b++) {
            const struct rv_form *fa = &forms[a], *fb = &forms[b];

            if (fa->len != fb->len || ((fa->match ^ fb->match) & fa->mask & fb->mask))
                continue;
            if (fa->len == 2 && overlap_is_ruled_out(fa, fb))
                continue;
            if (!is_special_case(a) && !is_special_case(b))
                fail_msg("%s and %s overlap", fa->name, fb->name);
            assert_int_not_equal(fa->mask, fb->mask);
            special++;
        }
    /* fence: fence.tso, pause; add: four ntl; ori: three prefetches; packw: zext.h. */
    assert_int_equal(special, 10);
}

static void test_names_are_unique(void **state)
{
    const struct rv_form *forms = rv_forms();

    (void)state;
    for (unsigned a = 0; a < RV_FORM_COUNT; a++)
        for (unsigned b = a + 1; b < RV_FORM_COUNT; b++)
            assert_string_not_equal(forms[a].name, forms[b].name);
}

static void test_lengths_match_low_bits(void **state)
{
    const struct rv_form *forms = rv_forms();

    (void)state;
    for (unsigned i = 1; i < RV_FORM_COUNT; i++) {
        bool low = (forms[i].match & 3) == 3 && (forms[i].mask & 3) == 3;

        assert_int_equal(forms[i].mask & 3, 3);
        assert_int_equal(forms[i].len, low ? 4 : 2);
    }
}

/* A random word of the form that satisfies its rules. */
static uint32_t random_word_of(const struct rv_form *f)
{
    for (;;) {
        uint32_t w = (random_word() & ~f->mask) | f->match;
        struct rv_insn i;

        if (f->len == 2)
            w &= 0xffff;
        if (rv_form_extract(f, w, &i))
            return w;
    }
}

/* Another form that owns the word because it is more specific. */
static bool is_owned_by_special_case(unsigned form, const struct rv_insn *i)
{
    const struct rv_form *f = &rv_forms()[form];

    return i->form != form && is_special_case(i->form) &&
           __builtin_popcount(rv_forms()[i->form].mask) > __builtin_popcount(f->mask);
}

static void test_each_line_decodes_to_itself(void **state)
{
    const struct rv_form *forms = rv_forms();

    (void)state;
    for (unsigned form = 1; form < RV_FORM_COUNT; form++)
        for (int k = 0; k < 300; k++) {
            uint32_t w = random_word_of(&forms[form]);
            struct rv_insn i = decode(w);

            if (is_owned_by_special_case(form, &i))
                continue;
            if (i.form != form)
                fail_msg("%08x is %s, decoded as %s", w, forms[form].name, forms[i.form].name);
            assert_int_equal(i.op, forms[form].op);
            assert_int_equal(i.len, forms[form].len);
            assert_int_equal(i.raw, w);
        }
}

/* Bits of the word that no field of f shows. */
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

static void test_encode_is_the_inverse(void **state)
{
    const struct rv_form *forms = rv_forms();

    (void)state;
    for (unsigned form = 1; form < RV_FORM_COUNT; form++)
        for (int k = 0; k < 100; k++) {
            uint32_t w = random_word_of(&forms[form]) & ~dont_care_bits(&forms[form]), back = 0;
            struct rv_insn i = decode(w);

            assert_int_equal(rv_encode(i.form, &i, &back), forms[form].len);
            assert_int_equal(back, w);
        }
}

static void test_encode_refuses_what_does_not_fit(void **state)
{
    static const struct {
        unsigned form;
        struct rv_insn in;
    } bad[] = {
        {RV_FORM_addi, {.imm = 2048}},
        {RV_FORM_addi, {.imm = -2049}},
        {RV_FORM_slli, {.imm = 64}},
        {RV_FORM_slliw, {.imm = 32}},
        {RV_FORM_beq, {.imm = 3}},
        {RV_FORM_beq, {.imm = 4096}},
        {RV_FORM_lui, {.imm = 0x1001}},
        {RV_FORM_fadd_s, {.rm = 5}},
        {RV_FORM_amocas_q, {.rd = 1}},
        {RV_FORM_c_lw, {.rd = 1, .rs1 = 8}},
        {RV_FORM_c_addi4spn, {.rd = 8, .imm = 0}},
        {RV_FORM_c_lui, {.rd = 2, .imm = 0x1000}},
        {RV_FORM_c_lwsp, {.rd = 0}},
        {RV_FORM_illegal, {.rd = 0}},
        {RV_FORM_COUNT, {.rd = 0}},
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        uint32_t raw = 0;

        assert_int_equal(rv_encode(bad[k].form, &bad[k].in, &raw), -EINVAL);
    }
}

/* The buckets must not change what a look through the whole table finds. */
static void test_buckets_agree_with_linear_search(void **state)
{
    const struct rv_form *forms = rv_forms();

    (void)state;
    for (int k = 0; k < 60000; k++) {
        uint32_t w = random_word();
        struct rv_insn i, got;
        int best = -1;

        if (k & 1)
            w |= 3;
        if ((w & 3) != 3)
            w &= 0xffff;
        for (unsigned form = 1; form < RV_FORM_COUNT; form++)
            if (forms[form].len == ((w & 3) == 3 ? 4 : 2) &&
                (w & forms[form].mask) == forms[form].match &&
                rv_form_extract(&forms[form], w, &i) &&
                (best < 0 ||
                 __builtin_popcount(forms[form].mask) > __builtin_popcount(forms[best].mask)))
                best = (int)form;
        got = decode(w);
        assert_int_equal(got.form, best < 0 ? RV_FORM_illegal : best);
    }
}

/* ---- fields ---- */

struct field_case {
    uint32_t raw;
    unsigned op;
    uint8_t len, rd, rs1, rs2, rs3;
    int32_t imm;
};

static void test_fields(void **state)
{
    static const struct field_case cases[] = {
        {0xfff50593, RV_OP_addi, 4, 11, 10, 0, 0, -1},
        {0x80000537, RV_OP_lui, 4, 10, 0, 0, 0, INT32_MIN},
        {0x7ffff517, RV_OP_auipc, 4, 10, 0, 0, 0, 0x7ffff000},
        {0x8000006f, RV_OP_jal, 4, 0, 0, 0, 0, -1048576},
        {0x7ffff0ef, RV_OP_jal, 4, 1, 0, 0, 0, 1048574},
        {0x80000063, RV_OP_beq, 4, 0, 0, 0, 0, -4096},
        {0x7eb50fe3, RV_OP_beq, 4, 0, 10, 11, 0, 4094},
        {0x80a5a023, RV_OP_sw, 4, 0, 11, 10, 0, -2048},
        {0x03f51513, RV_OP_slli, 4, 10, 10, 0, 0, 63},
        {0x43f55513, RV_OP_srai, 4, 10, 10, 0, 0, 63},
        {0x41f5551b, RV_OP_sraiw, 4, 10, 10, 0, 0, 31},
        {0x3002f573, RV_OP_csrrci, 4, 10, 5, 0, 0, 0x300},
        {0xc0102573, RV_OP_csrrs, 4, 10, 0, 0, 0, 0xc01},
        {0x0330000f, RV_OP_fence, 4, 0, 0, 0, 0, 0x033},
        {0x8330000f, RV_OP_fence, 4, 0, 0, 0, 0, 0x833},
        {0xff00800f, RV_OP_fence, 4, 0, 0, 0, 0, 0xff0},
        {0x0100000f, RV_OP_pause, 4, 0, 0, 0, 0, 0x010},
        {0xfe056013, RV_OP_ori, 4, 0, 10, 0, 0, -32},
        {0xc1c5c573, RV_OP_andi, 4, 10, 11, 0, 0, 0},  /* mop.r.16 */
        {0x8ec5c573, RV_OP_andi, 4, 10, 11, 12, 0, 0}, /* mop.rr.3 */
        {0x68c5f543, RV_OP_fmadd_s, 4, 10, 11, 12, 13, 0},
        {0x0ec5f533, RV_OP_czero_nez, 4, 10, 11, 12, 0, 0},
        {0x0ec5d533, RV_OP_czero_eqz, 4, 10, 11, 12, 0, 0},
        {0x28c5a52f, RV_OP_amocas_w, 4, 10, 11, 12, 0, 0},
        {0x28c5b52f, RV_OP_amocas_d, 4, 10, 11, 12, 0, 0},
        {0x28c5c52f, RV_OP_amocas_q, 4, 10, 11, 12, 0, 0},
        {0x00400033, RV_OP_add, 4, 0, 0, 0, 0, 0}, /* ntl.s1 */
        /* 16 bits. */
        {0x0001, RV_OP_addi, 2, 0, 0, 0, 0, 0},
        {0x1141, RV_OP_addi, 2, 2, 2, 0, 0, -16},
        {0x1ffc, RV_OP_addi, 2, 15, 2, 0, 0, 1020},
        {0x7139, RV_OP_addi, 2, 2, 2, 0, 0, -64},
        {0x617d, RV_OP_addi, 2, 2, 2, 0, 0, 496},
        {0x757d, RV_OP_lui, 2, 10, 0, 0, 0, -4096},
        {0x6505, RV_OP_lui, 2, 10, 0, 0, 0, 0x1000},
        {0x557d, RV_OP_addi, 2, 10, 0, 0, 0, -1},
        {0x357d, RV_OP_addiw, 2, 10, 10, 0, 0, -1},
        {0x157e, RV_OP_slli, 2, 10, 10, 0, 0, 63},
        {0x857d, RV_OP_srai, 2, 10, 10, 0, 0, 31},
        {0x8d0d, RV_OP_sub, 2, 10, 10, 11, 0, 0},
        {0x852e, RV_OP_add, 2, 10, 0, 11, 0, 0},
        {0x952e, RV_OP_add, 2, 10, 10, 11, 0, 0},
        {0x8082, RV_OP_jalr, 2, 0, 1, 0, 0, 0},
        {0x9502, RV_OP_jalr, 2, 1, 10, 0, 0, 0},
        {0x9002, RV_OP_ebreak, 2, 0, 0, 0, 0, 0},
        {0xb001, RV_OP_jal, 2, 0, 0, 0, 0, -2048},
        {0xaffd, RV_OP_jal, 2, 0, 0, 0, 0, 2046},
        {0xd101, RV_OP_beq, 2, 0, 10, 0, 0, -256},
        {0xed7d, RV_OP_bne, 2, 0, 10, 0, 0, 254},
        {0x5d7c, RV_OP_lw, 2, 15, 10, 0, 0, 124},
        {0x7d7c, RV_OP_ld, 2, 15, 10, 0, 0, 248},
        {0x50fe, RV_OP_lw, 2, 1, 2, 0, 0, 252},
        {0x70fe, RV_OP_ld, 2, 1, 2, 0, 0, 504},
        {0xdf86, RV_OP_sw, 2, 0, 2, 1, 0, 252},
        {0xff86, RV_OP_sd, 2, 0, 2, 1, 0, 504},
        {0xbf82, RV_OP_fsd, 2, 0, 2, 0, 0, 504},
        {0x9d61, RV_OP_andi, 2, 10, 10, 0, 0, 255},
        {0x9d75, RV_OP_xori, 2, 10, 10, 0, 0, -1},
        {0x9d71, RV_OP_add_uw, 2, 10, 10, 0, 0, 0},
        {0x8168, RV_OP_lbu, 2, 10, 10, 0, 0, 3},
        {0x6781, RV_OP_addi, 2, 0, 0, 0, 0, 0}, /* c.mop.15 */
        {0x81c8, RV_OP_lbu, 2, 10, 11, 0, 0, 1},
        {0x8588, RV_OP_lhu, 2, 10, 11, 0, 0, 0},
        {0x85c8, RV_OP_lh, 2, 10, 11, 0, 0, 0},
        {0x8988, RV_OP_sb, 2, 0, 11, 10, 0, 0},
        {0x8d28, RV_OP_sh, 2, 0, 10, 10, 0, 2},
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        const struct field_case *c = &cases[k];
        struct rv_insn i = decode(c->raw);

        if (i.op != c->op || i.len != c->len || i.rd != c->rd || i.rs1 != c->rs1 ||
            i.rs2 != c->rs2 || i.rs3 != c->rs3 || i.imm != c->imm)
            fail_msg("%08x: %s len %d rd %d rs1 %d rs2 %d rs3 %d imm %d", c->raw,
                     rv_op_info(i.op)->name, i.len, i.rd, i.rs1, i.rs2, i.rs3, i.imm);
    }
}

static void test_upper_half_is_ignored(void **state)
{
    struct rv_insn i = decode(0xffff1141);

    (void)state;
    assert_int_equal(i.op, RV_OP_addi);
    assert_int_equal(i.raw, 0x1141);
    i = decode(0xabcd0000);
    assert_int_equal(i.op, RV_OP_illegal);
    assert_int_equal(i.len, 2);
    assert_int_equal(i.raw, 0);
}

static void test_reserved_is_illegal(void **state)
{
    static const uint32_t words[] = {
        0x0000,           /* the defined illegal instruction */
        0x0004,           /* c.addi4spn with 0 */
        0x6101,           /* c.addi16sp with 0 */
        0x6501,           /* c.lui with 0 */
        0x6881,           /* c.lui x17 with 0, beyond c.mop.15 */
        0x2001,           /* c.addiw x0 */
        0x4002,           /* c.lwsp x0 */
        0x6002,           /* c.ldsp x0 */
        0x8002,           /* c.jr x0 */
        0x9c79,           /* Zcb row, reserved */
        0x8c60,           /* Zcb store row, reserved */
        0x8000 | 7 << 10, /* quadrant 0, funct3 100, above Zcb */
        0xffffffff,
        0x0000001f,
        0x0000007f,
        0x00c5d553,            /* fadd.s with rm 5 */
        0x00c5e553,            /* rm 6 */
        0xd2055553,            /* fcvt.d.w with rm 5 */
        0x402555d3,            /* fcvt.s.h with rm 5 */
        0x440565d3,            /* fcvt.h.s with rm 6 */
        0x442575d3,            /* fcvt.h.h */
        0x04b555d3,            /* fadd.h with rm 5 */
        0x5c1575d3,            /* fsqrt.h with rs2 */
        0x24b535d3,            /* fsgnj.h row, reserved */
        0xc28505d3,            /* fcvtmod.w.d with rm 0 */
        0xc28575d3,            /* rm 7 */
        0xc08515d3,            /* fcvtmod.w.s */
        0xf0101553,            /* fli.s with funct3 1 */
        0xf6100553,            /* fli.q */
        0x40455553,            /* fround.s with rm 5 */
        0x40655553,            /* between widths, rs2 6 */
        0xe2150553,            /* fmvh.x.d, of RV32 */
        0xb2b50553,            /* fmvp.d.x, of RV32 */
        0xe41505d3,            /* fmv.x.h with rs2 */
        0xf42505d3,            /* fmv.h.x with rs2 */
        0x02051513 | 1u << 26, /* slli with bit 26 */
        0x0205151b,            /* slliw with shamt[5] */
        0x31b51513,            /* aes64ks1i with round 11 */
        0x31f51513,            /* and 15 */
        0x28b6452f | 1 << 7,   /* amocas.q with odd rd */
        0x1010b52f,            /* lr.d with rs2 */
        0x10200073 | 1 << 7,   /* sret with rd */
        0x00200073,            /* uret */
        0x30200073 | 1 << 15,  /* mret with rs1 */
        0x0005200f | 1 << 7,   /* cbo.inval with rd */
        0x0035200f,            /* cbo with an unknown number */
        0x0000300f,            /* MISC-MEM funct3 3 */
        0x00004073,            /* SYSTEM funct3 4, rd, rs1 as hlv */
        0xfe000053,            /* OP-FP, quad */
        0x02000057,            /* vector */
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(words); k++) {
        struct rv_insn i = decode(words[k]);

        if (i.op != RV_OP_illegal)
            fail_msg("%08x decodes as %s", words[k], rv_forms()[i.form].name);
        assert_int_equal(i.form, RV_FORM_illegal);
        assert_int_equal(i.len, (words[k] & 3) == 3 ? 4 : 2);
        assert_int_equal(i.raw, words[k]);
        assert_true(!i.rd && !i.rs1 && !i.rs2 && !i.rs3 && !i.imm && !i.rm && !i.aq && !i.rl);
    }
}

static void test_hints_are_legal(void **state)
{
    static const uint16_t words[] = {
        0x0005, /* c.nop with an immediate */
        0x0501, /* c.addi a0, 0 */
        0x4005, /* c.li x0 */
        0x6005, /* c.lui x0 */
        0x0006, /* c.slli x0 */
        0x0502, /* c.slli by 0 */
        0x8101, /* c.srli by 0 */
        0x800a, /* c.mv x0 */
        0x900a, /* c.add x0 (ntl.p1) */
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(words); k++)
        assert_int_not_equal(decode(words[k]).op, RV_OP_illegal);
}

/* ---- extensions ---- */

static void test_disabled_extension_is_illegal(void **state)
{
    const struct rv_form *forms = rv_forms();

    (void)state;
    for (unsigned form = 1; form < RV_FORM_COUNT; form++) {
        const struct rv_form *f = &forms[form];
        struct rv_ext_set without = all;
        struct rv_insn i;

        rv_ext_del(&without, (enum rv_ext)f->ext);
        rv_ext_del(&without, (enum rv_ext)f->also);
        rv_decode(random_word_of(f), &without, &i);
        assert_int_not_equal(i.form, form);
        /* A hint falls back to what it is a case of, pause to fence, zext.h to packw. */
        if (form_is_hint[form] && is_special_case(form))
            assert_int_equal(i.op, f->ext == RV_EXT_I ? RV_OP_illegal : f->op);
        else if (form == RV_FORM_zext_h)
            assert_int_equal(i.op, RV_OP_packw);
        else
            assert_int_equal(i.op, form == RV_FORM_pause ? RV_OP_fence : RV_OP_illegal);
    }
}

/* A line with two extensions needs both. */
static void test_second_extension(void **state)
{
    const struct rv_form *forms = rv_forms();
    unsigned count = 0;

    (void)state;
    for (unsigned form = 1; form < RV_FORM_COUNT; form++) {
        const struct rv_form *f = &forms[form];
        struct rv_ext_set without = all;
        struct rv_insn i;

        if (f->len == 2 || form_is_hint[form] || f->base_ext == f->ext)
            continue;
        rv_ext_del(&without, (enum rv_ext)f->base_ext);
        rv_decode(random_word_of(f), &without, &i);
        assert_int_equal(i.op, RV_OP_illegal);
        count++;
    }
    assert_in_range(count, 2, 100);
}

/* What an ALSO line names is there with either extension; other lines of both are not. */
static void test_either_extension(void **state)
{
    static const struct {
        const char *isa, *has, *lacks;
    } cases[] = {
        {"rv64i_zbb", "andn orn xnor rol ror rolw rorw rori roriw rev8 zext.h clz",
         "brev8 pack packh packw"},
        {"rv64i_zbkb", "andn orn xnor rol ror rolw rorw rori roriw rev8 brev8 pack packh packw",
         "zext.h clz max sext.b orc.b"},
        {"rv64i_zbc", "clmul clmulh clmulr", "xperm4"},
        {"rv64i_zbkc", "clmul clmulh", "clmulr"},
        {"rv64i_zbkx", "xperm4 xperm8", "clmul"},
        {"rv64i_zknd", "aes64ds aes64dsm aes64im aes64ks1i aes64ks2", "aes64es aes64esm"},
        {"rv64i_zkne", "aes64es aes64esm aes64ks1i aes64ks2", "aes64ds aes64dsm aes64im"},
    };
    const struct rv_form *forms = rv_forms();

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct rv_ext_set set;
        struct rv_insn i;
        unsigned found = 0, wanted = 1;
        char has[128], lacks[128], name[32];

        assert_int_equal(isa_string_parse(cases[c].isa, &set), 0);
        snprintf(has, sizeof(has), " %s ", cases[c].has);
        snprintf(lacks, sizeof(lacks), " %s ", cases[c].lacks);
        for (const char *p = strchr(cases[c].has, ' '); p; p = strchr(p + 1, ' '))
            wanted++;
        for (unsigned form = 1; form < RV_FORM_COUNT; form++) {
            snprintf(name, sizeof(name), " %s ", forms[form].name);
            rv_decode(random_word_of(&forms[form]), &set, &i);
            if (strstr(has, name)) {
                assert_string_equal(forms[i.form].name, forms[form].name);
                found++;
            } else if (strstr(lacks, name)) {
                assert_int_not_equal(i.form, form);
            }
        }
        assert_int_equal(found, wanted);
    }
    /* Without Zbb, zext.h is packw. */
    struct rv_ext_set set;
    struct rv_insn i;
    assert_int_equal(isa_string_parse("rv64i_zbkb", &set), 0);
    rv_decode(0x0805453b, &set, &i);
    assert_int_equal(i.op, RV_OP_packw);
    assert_int_equal(i.rs2, 0);
    assert_int_equal(isa_string_parse("rv64i_zbb_zbkb", &set), 0);
    rv_decode(0x0805453b, &set, &i);
    assert_int_equal(i.op, RV_OP_zext_h);
}

static void test_compressed_needs_its_base(void **state)
{
    struct rv_ext_set set;
    struct rv_insn i;

    (void)state;
    assert_int_equal(isa_string_parse("rv64imac_zcb", &set), 0);
    rv_decode(0x9d71, &set, &i); /* c.zext.w needs Zba */
    assert_int_equal(i.op, RV_OP_illegal);
    rv_decode(0x9d4d, &set, &i); /* c.mul */
    assert_int_equal(i.op, RV_OP_mul);
    rv_decode(0x2108, &set, &i); /* c.fld needs D */
    assert_int_equal(i.op, RV_OP_illegal);
}

/* ---- op info ---- */

static void test_op_info(void **state)
{
    (void)state;
    assert_string_equal(rv_op_info(RV_OP_illegal)->name, "illegal");
    assert_string_equal(rv_op_info(RV_OP_fadd_d)->name, "fadd.d");
    assert_string_equal(rv_op_info(RV_OP_sfence_inval_ir)->name, "sfence.inval.ir");
    assert_int_equal(rv_op_info(RV_OP_fadd_d)->ext, RV_EXT_D);
    assert_int_equal(rv_op_info(RV_OP_addi)->mask, 0x707f);
    assert_int_equal(rv_op_info(RV_OP_addi)->match, 0x13);
    assert_int_equal(rv_op_info(RV_OP_addi)->flags, RV_READS_RS1 | RV_WRITES_RD);
    assert_int_equal(rv_op_info(RV_OP_beq)->flags,
                     RV_IS_BRANCH | RV_ENDS_BLOCK | RV_READS_RS1 | RV_READS_RS2);
    assert_int_equal(rv_op_info(RV_OP_fsd)->flags,
                     RV_IS_STORE | RV_IS_FP | RV_READS_RS1 | RV_READS_FRS2);
    assert_int_equal(rv_op_info(RV_OP_fmadd_s)->flags, RV_IS_FP | RV_HAS_RM | RV_WRITES_FRD |
                                                           RV_READS_FRS1 | RV_READS_FRS2 |
                                                           RV_READS_FRS3);
    assert_int_equal(rv_op_info(RV_OP_amoadd_w)->flags, RV_IS_AMO | RV_IS_LOAD | RV_IS_STORE |
                                                            RV_READS_RS1 | RV_READS_RS2 |
                                                            RV_WRITES_RD);
    assert_int_equal(rv_op_info(RV_OP_csrrwi)->flags,
                     RV_IS_CSR | RV_IS_SYSTEM | RV_ENDS_BLOCK | RV_WRITES_RD);
}

static void test_block_ends(void **state)
{
    static const uint16_t ends[] = {
        RV_OP_illegal, RV_OP_jal,     RV_OP_jalr,       RV_OP_beq,
        RV_OP_ecall,   RV_OP_ebreak,  RV_OP_mret,       RV_OP_mnret,
        RV_OP_sret,    RV_OP_wfi,     RV_OP_fence_i,    RV_OP_csrrw,
        RV_OP_wrs_nto, RV_OP_wrs_sto, RV_OP_sfence_vma, RV_OP_sinval_vma,
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(ends); k++)
        assert_true(rv_op_info(ends[k])->flags & RV_ENDS_BLOCK);
    assert_false(rv_op_info(RV_OP_addi)->flags & RV_ENDS_BLOCK);
    assert_false(rv_op_info(RV_OP_fence)->flags & RV_ENDS_BLOCK);
}

/* ---- expansion ---- */

/* What a 16-bit form that is not named after its base expands to. */
static const struct {
    const char *form, *base;
} renamed[] = {
    {"c.addi4spn", "addi"}, {"c.addi16sp", "addi"}, {"c.li", "addi"},     {"c.mv", "add"},
    {"c.j", "jal"},         {"c.jr", "jalr"},       {"c.beqz", "beq"},    {"c.bnez", "bne"},
    {"c.fldsp", "fld"},     {"c.lwsp", "lw"},       {"c.ldsp", "ld"},     {"c.fsdsp", "fsd"},
    {"c.swsp", "sw"},       {"c.sdsp", "sd"},       {"c.not", "xori"},    {"c.zext.b", "andi"},
    {"c.zext.w", "add.uw"}, {"c.mop.1", "addi"},    {"c.mop.3", "addi"},  {"c.mop.5", "addi"},
    {"c.mop.7", "addi"},    {"c.mop.9", "addi"},    {"c.mop.11", "addi"}, {"c.mop.13", "addi"},
    {"c.mop.15", "addi"},
};

static const char *base_name(const char *form)
{
    for (size_t k = 0; k < ARRAY_LEN(renamed); k++)
        if (!strcmp(renamed[k].form, form))
            return renamed[k].base;
    return form + 2;
}

static void test_compressed_expand_to_their_base(void **state)
{
    const struct rv_form *forms = rv_forms();

    (void)state;
    for (unsigned form = 1; form < RV_FORM_COUNT; form++)
        if (forms[form].len == 2)
            assert_string_equal(rv_op_info(forms[form].op)->name, base_name(forms[form].name));
}

/* The engines must see what the 32-bit instruction with the same operands gives. */
static void test_expansion_has_the_operands_of_its_base(void **state)
{
    (void)state;
    for (uint32_t w = 0; w < 0x10000; w++) {
        struct rv_insn c = decode(w), full;
        uint32_t raw;

        if ((w & 3) == 3 || c.op == RV_OP_illegal)
            continue;
        full = c;
        /* The op's own form: forms of INSN lines have the op's name. */
        for (unsigned form = 1; form < RV_FORM_COUNT; form++)
            if (!strcmp(rv_forms()[form].name, rv_op_info(c.op)->name))
                full.form = (uint16_t)form;
        assert_int_equal(rv_encode(full.form, &full, &raw), 4);
        full = decode(raw);
        if (is_special_case(full.form)) /* a hint that writes nothing, with fields of its own */
            continue;
        if (full.op != c.op || full.rd != c.rd || full.rs1 != c.rs1 || full.rs2 != c.rs2 ||
            full.imm != c.imm)
            fail_msg("%04x: %s is not %08x", w, rv_forms()[c.form].name, raw);
    }
}

/* ---- threads ---- */

static void *decode_thread(void *arg)
{
    struct rv_insn i;

    rv_decode(0x00c58533, &all, &i);
    *(unsigned *)arg = i.op;
    return NULL;
}

static void test_first_call_from_two_threads(void **state)
{
    pthread_t thread[2];
    unsigned op[2] = {0, 0};

    (void)state;
    for (int k = 0; k < 2; k++)
        assert_int_equal(pthread_create(&thread[k], NULL, decode_thread, &op[k]), 0);
    for (int k = 0; k < 2; k++)
        assert_int_equal(pthread_join(thread[k], NULL), 0);
    assert_int_equal(op[0], RV_OP_add);
    assert_int_equal(op[1], RV_OP_add);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_call_from_two_threads),
        cmocka_unit_test(test_no_overlap),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_lengths_match_low_bits),
        cmocka_unit_test(test_each_line_decodes_to_itself),
        cmocka_unit_test(test_encode_is_the_inverse),
        cmocka_unit_test(test_encode_refuses_what_does_not_fit),
        cmocka_unit_test(test_buckets_agree_with_linear_search),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_upper_half_is_ignored),
        cmocka_unit_test(test_reserved_is_illegal),
        cmocka_unit_test(test_hints_are_legal),
        cmocka_unit_test(test_disabled_extension_is_illegal),
        cmocka_unit_test(test_second_extension),
        cmocka_unit_test(test_either_extension),
        cmocka_unit_test(test_compressed_needs_its_base),
        cmocka_unit_test(test_compressed_expand_to_their_base),
        cmocka_unit_test(test_expansion_has_the_operands_of_its_base),
        cmocka_unit_test(test_op_info),
        cmocka_unit_test(test_block_ends),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
