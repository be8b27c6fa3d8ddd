/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ISA strings and profile names: what is accepted, what comes along, what is
 * printed back, and that each refusal names what it refuses.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "isa/riscv/isa_string.h"
#include "sim/base/bits.h"
#include "sim/include/manyhart.h"

static struct rv_ext_set parse(const char *text)
{
    struct rv_ext_set set;
    int err = isa_string_parse(text, &set);

    if (err)
        fail_msg("'%s': %d, %s", text, err, mh_last_error()->message);
    return set;
}

static void assert_has(const struct rv_ext_set *set, const enum rv_ext *exts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!rv_ext_has(set, exts[i]))
            fail_msg("%s is missing", isa_ext_name(exts[i]));
}

static bool same(const struct rv_ext_set *a, const struct rv_ext_set *b)
{
    return !memcmp(a, b, sizeof(*a));
}

static void test_default_has_all_that_is_supported(void **state)
{
    struct rv_ext_set set;

    (void)state;
    isa_set_default(&set);
    for (unsigned i = 0; i < RV_EXT_COUNT; i++)
        if (!isa_ext_supported((enum rv_ext)i))
            assert_false(rv_ext_has(&set, (enum rv_ext)i));
    assert_has(
        &set,
        (const enum rv_ext[]){RV_EXT_I,       RV_EXT_M,       RV_EXT_A,      RV_EXT_F,
                              RV_EXT_D,       RV_EXT_C,       RV_EXT_Zicsr,  RV_EXT_Zifencei,
                              RV_EXT_Zicntr,  RV_EXT_Zihpm,   RV_EXT_Zba,    RV_EXT_Zbb,
                              RV_EXT_Zbs,     RV_EXT_Zicond,  RV_EXT_Zicbom, RV_EXT_Zicbop,
                              RV_EXT_Zicboz,  RV_EXT_Zawrs,   RV_EXT_Zacas,  RV_EXT_Zihintpause,
                              RV_EXT_Svinval, RV_EXT_Svnapot, RV_EXT_Svpbmt, RV_EXT_Sstc,
                              RV_EXT_Svade,   RV_EXT_Svadu,   RV_EXT_Sv57,   RV_EXT_Zmmul,
                              RV_EXT_Zaamo,   RV_EXT_Zalrsc,  RV_EXT_Zca,    RV_EXT_Zcd},
        32);
    assert_false(rv_ext_has(&set, RV_EXT_V));
    assert_false(rv_ext_has(&set, RV_EXT_Smrnmi)); /* only when named */
    assert_true(isa_ext_only_named(RV_EXT_Smrnmi) && !isa_ext_only_named(RV_EXT_Ssdbltrp));
    isa_set_all(&set);
    assert_true(rv_ext_has(&set, RV_EXT_Smrnmi) && rv_ext_has(&set, RV_EXT_I));
    assert_false(rv_ext_has(&set, RV_EXT_V));
}

static void test_closure(void **state)
{
    struct rv_ext_set set = parse("rv64id_sv39");

    (void)state;
    assert_has(&set, (const enum rv_ext[]){RV_EXT_F, RV_EXT_Zicsr, RV_EXT_Svbare}, 3);
    assert_false(rv_ext_has(&set, RV_EXT_C));
    set = parse("rv64iac_sv39");
    assert_has(&set, (const enum rv_ext[]){RV_EXT_Zaamo, RV_EXT_Zalrsc, RV_EXT_Zca}, 3);
    assert_false(rv_ext_has(&set, RV_EXT_Zcd));
    set = parse("rv64icd_sv39");
    assert_true(rv_ext_has(&set, RV_EXT_Zcd));
    set = parse("rv64ib_sv39");
    assert_has(&set, (const enum rv_ext[]){RV_EXT_Zba, RV_EXT_Zbb, RV_EXT_Zbs}, 3);
    set = parse("rv64i_zmmul_sv39");
    assert_false(rv_ext_has(&set, RV_EXT_M));
    set = parse("rv64i_zk_sv39");
    assert_has(&set,
               (const enum rv_ext[]){RV_EXT_Zbkb, RV_EXT_Zbkc, RV_EXT_Zbkx, RV_EXT_Zknd,
                                     RV_EXT_Zkne, RV_EXT_Zknh, RV_EXT_Zkr, RV_EXT_Zkt},
               8);
    assert_false(rv_ext_has(&set, RV_EXT_Zbb) || rv_ext_has(&set, RV_EXT_Zksed));
    set = parse("rv64i_zks_sv39");
    assert_has(
        &set,
        (const enum rv_ext[]){RV_EXT_Zbkb, RV_EXT_Zbkc, RV_EXT_Zbkx, RV_EXT_Zksed, RV_EXT_Zksh}, 5);
    assert_false(rv_ext_has(&set, RV_EXT_Zkt) || rv_ext_has(&set, RV_EXT_Zknh));
    set = parse("rv64i_zcd_sv39");
    assert_has(&set, (const enum rv_ext[]){RV_EXT_Zca, RV_EXT_D, RV_EXT_F}, 3);
}

static void test_spellings_of_one_set(void **state)
{
    static const char *const spellings[] = {
        "rv64gc_zba_sv39",
        "RV64GC_Zba_Sv39",
        "rv64imafdc_zicsr_zifencei_zba_sv39",
        "rv64imafdc_sv39_zba_zifencei_zicsr",
        "rv64icdfam_zifencei_sv39_zba",
        "rv64i2p1m2p0a2p1f2p2d2p2c2p0_zicsr2p0_zifencei2p0_zba1p0_sv39",
        "rv64i2m2a2f2d2c2_zicsr2_zifencei_zba1_sv391p0",
        "rv64gczba_sv39",
        "rv64g_c_zba_sv39",
        "rv64gc_zba_sv39_sv39_zba",
    };
    struct rv_ext_set first = parse(spellings[0]), set;

    (void)state;
    for (size_t i = 1; i < ARRAY_LEN(spellings); i++) {
        set = parse(spellings[i]);
        if (!same(&set, &first))
            fail_msg("'%s' is another set", spellings[i]);
    }
}

static void test_environment_stays_unless_named(void **state)
{
    struct rv_ext_set set = parse("rv64gc");

    (void)state;
    assert_has(&set,
               (const enum rv_ext[]){RV_EXT_Sv39, RV_EXT_Sv57, RV_EXT_Sstc, RV_EXT_Svadu,
                                     RV_EXT_Zicntr, RV_EXT_Ziccif},
               6);
    assert_false(rv_ext_has(&set, RV_EXT_Zba));
    assert_false(rv_ext_has(&set, RV_EXT_Zicbom));
    set = parse("rv64gc_smrnmi"); /* adds to the environment */
    assert_has(&set, (const enum rv_ext[]){RV_EXT_Smrnmi, RV_EXT_Sv57, RV_EXT_Zicntr}, 3);
    set = parse("rv64gc_sstc");
    assert_false(rv_ext_has(&set, RV_EXT_Sv39));
    assert_false(rv_ext_has(&set, RV_EXT_Zicntr));
}

static void test_profiles(void **state)
{
    struct rv_ext_set set = parse("rva20u64");

    (void)state;
    assert_has(&set, (const enum rv_ext[]){RV_EXT_D, RV_EXT_C, RV_EXT_Zicntr, RV_EXT_Za128rs}, 4);
    assert_false(rv_ext_has(&set, RV_EXT_Zba));
    set = parse("RVA20S64_zba");
    assert_has(&set, (const enum rv_ext[]){RV_EXT_Sv39, RV_EXT_Svade, RV_EXT_Zba}, 3);
    assert_false(rv_ext_has(&set, RV_EXT_Sstc));
    assert_false(rv_ext_has(&set, RV_EXT_Sv48));
    set = parse("rva22u64");
    assert_has(&set,
               (const enum rv_ext[]){RV_EXT_Zicntr, RV_EXT_Zihpm, RV_EXT_Zfhmin, RV_EXT_Zkt,
                                     RV_EXT_Za64rs},
               5);
    assert_false(rv_ext_has(&set, RV_EXT_Zicond));
    set = parse("rva22s64");
    assert_has(&set,
               (const enum rv_ext[]){RV_EXT_Zicbom, RV_EXT_Svpbmt, RV_EXT_Svinval,
                                     RV_EXT_Sscounterenw, RV_EXT_Zkt},
               5);
    assert_false(rv_ext_has(&set, RV_EXT_Sstc) || rv_ext_has(&set, RV_EXT_Svadu));
}

static void test_profile_names_what_is_missing(void **state)
{
    static const char *const names[] = {"rva23u64", "rva23s64_zbc"};
    struct rv_ext_set set;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(isa_string_parse(names[i], &set), -ENOTSUP);
        assert_non_null(strstr(mh_last_error()->message, " v, "));
        assert_non_null(strstr(mh_last_error()->message, "zvbb, zvfhmin, zvkt"));
        assert_null(strstr(mh_last_error()->message, ", zkt"));
        assert_string_equal(mh_last_error()->value, names[i]);
    }
    assert_non_null(strstr(mh_last_error()->message, "sha"));
}

/* What is listed as complete is accepted, and the other way round. */
static void test_profile_list(void **state)
{
    char missing[256];
    const char *name;
    size_t n = 0;

    (void)state;
    for (; (name = isa_profile_at(n, missing, sizeof(missing))); n++) {
        struct rv_ext_set set;
        int err = isa_string_parse(name, &set);

        assert_int_equal(err, *missing ? -ENOTSUP : 0);
        if (err)
            assert_non_null(strstr(mh_last_error()->message, missing));
    }
    assert_in_range(n, 4, 20);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *text;
        int err;
        const char *names;
    } cases[] = {
        {"", -EINVAL, "rv64"},
        {"rv", -EINVAL, "rv64"},
        {"rv32imac", -EINVAL, "rv64"},
        {"rv64", -EINVAL, "base"},
        {"rv64m", -EINVAL, "base"},
        {"x86-64", -EINVAL, "rv64"},
        {"rva99u64", -EINVAL, "profile"},
        {"rv64gc_", -EINVAL, "underscore"},
        {"rv64gc__zba", -EINVAL, "underscore"},
        {"rv64gc zba", -EINVAL, "character"},
        {"rv64gc,zba", -EINVAL, "character"},
        {"rv64g\xff", -EINVAL, "character"},
        {"rv64gk", -EINVAL, "unknown extension k"},
        {"rv64gc_zbx", -EINVAL, "zbx; did you mean zba, zbb or zbc?"},
        {"rv64gc_zicbo", -EINVAL, "zicbom"},
        {"rv64gc_xtheadba", -EINVAL, "xtheadba"},
        {"rv64gc_zaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -EINVAL, "zaaaaaaa"},
        {"rv64gcv", -ENOTSUP, "extension v;"},
        {"rv64gch", -ENOTSUP, "extension h;"},
        {"rv64e", -ENOTSUP, "extension e;"},
        {"rv64gc_zfbfmin", -ENOTSUP, "zfbfmin"},
        {"rv64gc_ztso1p0", -ENOTSUP, "ztso"},
        {"rv64gc_zbap", -EINVAL, "zbap"},
        {"rv64gc_zba1p2p3", -EINVAL, "zba1p2p3"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rv_ext_set set, before;
        int err;

        memset(&set, 0x5a, sizeof(set));
        before = set;
        err = isa_string_parse(cases[i].text, &set);
        if (err != cases[i].err || !strstr(mh_last_error()->message, cases[i].names))
            fail_msg("'%s': %d, %s", cases[i].text, err, mh_last_error()->message);
        assert_true(same(&set, &before));
        assert_string_equal(mh_last_error()->param, "isa");
    }
}

static void test_first_unknown_is_named(void **state)
{
    struct rv_ext_set set;

    (void)state;
    assert_int_equal(isa_string_parse("rv64gc_zba_zqqq_zrrr", &set), -EINVAL);
    assert_non_null(strstr(mh_last_error()->message, "zqqq"));
    assert_null(strstr(mh_last_error()->message, "zrrr"));
}

static void test_format(void **state)
{
    struct rv_ext_set set = parse("rv64gcb_sv39");
    char text[512], cut[8];
    size_t len = isa_string_format(&set, text, sizeof(text));

    (void)state;
    assert_int_equal(len, strlen(text));
    assert_string_equal(text, "rv64imafdc_zicsr_zifencei_zmmul_zaamo_zalrsc_zca_zcd_zba_zbb_zbs_"
                              "sv39_svbare");
    assert_int_equal(isa_string_format(&set, cut, sizeof(cut)), strlen(text));
    assert_string_equal(cut, "rv64ima");
    assert_int_equal(isa_string_format(&set, NULL, 0), strlen(text));
}

static void test_format_parses_back(void **state)
{
    struct rv_ext_set set, back;
    char text[1024];

    (void)state;
    isa_set_default(&set);
    assert_in_range(isa_string_format(&set, text, sizeof(text)), 10, sizeof(text) - 1);
    back = parse(text);
    assert_true(same(&set, &back));
}

static void test_list(void **state)
{
    struct rv_ext_set set = parse("rv64i_zicsr_sv39");
    char list[64];

    (void)state;
    memset(list, 'x', sizeof(list));
    assert_int_equal(isa_string_list(&set, list, sizeof(list)), 20);
    assert_memory_equal(list, "i\0zicsr\0sv39\0svbare\0x", 21);
    memset(list, 'x', sizeof(list));
    assert_int_equal(isa_string_list(&set, list, 4), 20);
    assert_memory_equal(list, "i\0xx", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_has_all_that_is_supported),
        cmocka_unit_test(test_closure),
        cmocka_unit_test(test_spellings_of_one_set),
        cmocka_unit_test(test_environment_stays_unless_named),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_profile_names_what_is_missing),
        cmocka_unit_test(test_profile_list),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_first_unknown_is_named),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_format_parses_back),
        cmocka_unit_test(test_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
