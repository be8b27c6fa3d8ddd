/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/config.c: defaults, text to value and back, and every refusal by name. */
#include "sim/config.h"

#include "jit/jit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_default(void **state)
{
    struct mh_vm_config c;
    (void)state;
    mh_config_default(&c);
    assert_string_equal(c.guest, "riscv64");
    assert_int_equal(c.memory_size, 128 << 20);
    assert_in_range(c.harts, 1, 8);
    assert_int_equal(c.exec_mode, MH_EXEC_HYBRID);
    assert_int_equal(mh_config_validate(&c), 0);
}

static void test_round_trip(void **state)
{
    static const char *const rows[][2] = {
        {"harts", "4"},
        {"memory", "1G"},
        {"engine", "interp"},
        {"strict-align", "on"},
        {"kernel", "/k,raw"},
        {"disk", "a,ro"},
        {"timeout", "2.5"},
        {"max-insns", "1000"},
        {"seed", "7"},
        {"console", "pty"},
        {"isa", "rv64gc"},
        {"pin", "0,1"},
        {"jit-level", "0"},
        {"jit-cache", "256K"},
        {"jit-threshold", "255"},
        {"jit-passes", "all,-bits"},
        {"jit-chain", "off"},
        {"jit-region", "1"},
    };
    struct mh_vm_config c;
    char buf[64];
    (void)state;
    mh_config_default(&c);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(mh_config_set(&c, rows[i][0], rows[i][1]), 0);
        assert_true(mh_config_get(&c, rows[i][0], buf, sizeof(buf)) > 0);
        assert_string_equal(buf, rows[i][1]);
    }
    assert_true(c.has_seed);
    assert_int_equal(c.harts, 4);
    assert_int_equal(c.timeout_ns, 2500000000);
    assert_int_equal(c.jit_cache, 256 << 10);
    assert_false(c.jit_chain);
}

/* Each refusal names parameter and value, says what would be right, and changes nothing. */
static void test_refusals(void **state)
{
    static const struct {
        const char *name, *value;
        int rc;
        const char *says;
    } rows[] = {
        {"harts", "0", -EINVAL, "1 to 512"},
        {"harts", "-3", -EINVAL, "1 to 512"},
        {"harts", "100000", -EINVAL, "1 to 512"},
        {"harts", "4294967297", -EINVAL, "1 to 512"},
        {"harts", "two", -EINVAL, "not a number"},
        {"harts", "", -EINVAL, "not a number"},
        {"memory", "0", -EINVAL, "64K"},
        {"memory", "1", -EINVAL, "64K"},
        {"memory", "9E", -EINVAL, "such as 128M"},
        {"memory", "17T", -EINVAL, "16T"},
        {"memory", "99999999999999999999", -EINVAL, "out of range"},
        {"memory", "65537", -EINVAL, "multiple of 4K"},
        {"engine", "jti", -EINVAL, "did you mean 'jit'"},
        {"engine", "hardware", -ENOTSUP, "KVM"},
        {"guest", "arm64", -EINVAL, "riscv64"},
        {"strict-align", "yes", -EINVAL, "on or off"},
        {"max-insns", "0", -EINVAL, "at least 1"},
        {"max-insns", "x", -EINVAL, "not a number"},
        {"timeout", "0", -EINVAL, "seconds"},
        {"jit-level", "4", -EINVAL, "0 to 3"},
        {"jit-level", "-1", -EINVAL, "0 to 3"},
        {"jit-level", "fast", -EINVAL, "not a number"},
        {"jit-cache", "0", -EINVAL, "256K"},
        {"jit-cache", "255K", -EINVAL, "256K to 1G"},
        {"jit-cache", "2G", -EINVAL, "256K to 1G"},
        {"jit-cache", "much", -EINVAL, "not a size"},
        {"jit-threshold", "0", -EINVAL, "1 to 255"},
        {"jit-threshold", "256", -EINVAL, "1 to 255"},
        {"jit-passes", "", -EINVAL, "empty"},
        {"jit-passes", "fold,dread", -EINVAL, "dead"},
        {"jit-chain", "yes", -EINVAL, "on or off"},
        {"jit-region", "0", -EINVAL, "1 to 512"},
        {"jit-region", "513", -EINVAL, "1 to 512"},
        {"jit-levels", "1", -ENOENT, "did you mean 'jit-level'"},
        {"kernel", "", -EINVAL, "empty"},
        {"hart", "2", -ENOENT, "did you mean 'harts'"},
    };
    struct mh_vm_config c, before;
    (void)state;
    mh_config_default(&c);
    before = c;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int rc = mh_config_set(&c, rows[i].name, rows[i].value);
        const struct mh_error *e = mh_last_error();
        if (rc != rows[i].rc || e->code != rc || strcmp(e->param, rows[i].name) ||
            !strstr(e->message, rows[i].says) || memcmp(&c, &before, sizeof(c)))
            fail_msg("%s '%s': %d, %s '%s': %s", rows[i].name, rows[i].value, rc, e->param,
                     e->value, e->message);
        if (rc == -EINVAL)
            assert_string_equal(e->value, rows[i].value);
    }
}

/* The translator is there where it has a back end for the host, and refused by name elsewhere. */
static void test_engine_jit(void **state)
{
    struct mh_vm_config c;
    (void)state;
    mh_config_default(&c);
    int rc = mh_config_set(&c, "engine", "jit");
    if (jit_host()) {
        assert_int_equal(rc, 0);
        assert_int_equal(c.exec_mode, MH_EXEC_JIT);
        assert_int_equal(mh_config_validate(&c), 0);
        return;
    }
    assert_int_equal(rc, -ENOTSUP);
    assert_int_equal(c.exec_mode, MH_EXEC_HYBRID);
    assert_string_equal(mh_last_error()->param, "engine");
    assert_non_null(strstr(mh_last_error()->message, "interp or hybrid"));
}

static void test_too_many_disks(void **state)
{
    struct mh_vm_config c;
    (void)state;
    mh_config_default(&c);
    for (int i = 0; i < MH_MAX_DISKS; i++)
        assert_int_equal(mh_config_set(&c, "disk", "d"), 0);
    assert_int_equal(mh_config_set(&c, "disk", "e"), -EINVAL);
    assert_int_equal(c.disks, MH_MAX_DISKS);
}

/* Parameters that need or exclude each other. */
static void test_combinations(void **state)
{
    static const struct {
        struct mh_vm_config set;
        const char *param;
    } rows[] = {
        {{.image = "a", .kernel = "k"}, "image"},
        {{.image = "a", .firmware = "f"}, "firmware"},
        {{.initrd = "i"}, "initrd"},
        {{.append = "a"}, "append"},
        {{.firmware = "builtin"}, "firmware"},
        {{.signature = "s"}, "signature"},
        {{.image = "a", .initrd = "i"}, "initrd"},
        {{.jit_level = 4}, "jit-level"},
        {{.jit_cache = 1}, "jit-cache"},
        {{.jit_threshold = 256}, "jit-threshold"},
        {{.jit_passes = "-fold,cold"}, "jit-passes"},
        {{.jit_region = 513}, "jit-region"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mh_vm_config c = rows[i].set;
        c.guest = "riscv64";
        c.harts = 1;
        c.memory_size = 1 << 20;
        assert_int_equal(mh_config_validate(&c), -EINVAL);
        assert_string_equal(mh_last_error()->param, rows[i].param);
    }
}

/* What is not given is 0, and right. */
static void test_not_given(void **state)
{
    struct mh_vm_config c = {.guest = "riscv64", .harts = 1, .memory_size = 1 << 20};
    (void)state;
    assert_int_equal(mh_config_validate(&c), 0);
}

static void test_copy_is_deep(void **state)
{
    struct mh_vm_config c, copy;
    char kernel[] = "k1", disk[] = "d1", passes[] = "all";
    (void)state;
    mh_config_default(&c);
    c.kernel = kernel;
    c.jit_passes = passes;
    c.disk[c.disks++] = disk;
    assert_int_equal(config_copy(&copy, &c), 0);
    kernel[1] = disk[1] = passes[1] = '2';
    assert_string_equal(copy.kernel, "k1");
    assert_string_equal(copy.disk[0], "d1");
    assert_string_equal(copy.jit_passes, "all");
    config_free(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_engine_jit),
        cmocka_unit_test(test_too_many_disks), cmocka_unit_test(test_combinations),
        cmocka_unit_test(test_not_given),      cmocka_unit_test(test_copy_is_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
