/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/parse.c: each text with the number it is, or the error. */
#include "sim/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *text;
    int rc;
    uint64_t value;
};

static void check(int (*parse)(const char *, uint64_t *), const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v = 12345;
        int rc = parse(rows[i].text, &v);
        if (rc != rows[i].rc || v != (rc ? 12345 : rows[i].value))
            fail_msg("'%s': %d, %llu", rows[i].text, rc, (unsigned long long)v);
    }
}

static void test_u64(void **state)
{
    static const struct row rows[] = {
        {"0", 0, 0},
        {"42", 0, 42},
        {"0x80200000", 0, 0x80200000},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"-3", -EINVAL, 0},
        {"+3", -EINVAL, 0},
        {" 3", -EINVAL, 0},
        {"3 ", -EINVAL, 0},
        {"two", -EINVAL, 0},
        {"3harts", -EINVAL, 0},
        {"08", -EINVAL, 0},
    };
    (void)state;
    check(parse_u64, rows, ARRAY_LEN(rows));
}

static void test_size(void **state)
{
    static const struct row rows[] = {
        {"1", 0, 1},
        {"4K", 0, 4096},
        {"128M", 0, 128ull << 20},
        {"1g", 0, 1ull << 30},
        {"2GiB", 0, 2ull << 30},
        {"16T", 0, 16ull << 40},
        {"9E", -EINVAL, 0},
        {"1.5G", -EINVAL, 0},
        {"K", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"128MB", -EINVAL, 0},
        {"99999999999T", -ERANGE, 0},
        {"99999999999999999999", -ERANGE, 0},
    };
    (void)state;
    check(parse_size, rows, ARRAY_LEN(rows));
}

static void test_seconds(void **state)
{
    static const struct row rows[] = {
        {"10", 0, 10000000000ull}, {"0.5", 0, 500000000ull}, {"0", -ERANGE, 0},
        {"-1", -EINVAL, 0},        {"1s", -EINVAL, 0},       {"", -EINVAL, 0},
        {"nan", -EINVAL, 0},       {"1e30", -ERANGE, 0},
    };
    (void)state;
    check(parse_seconds, rows, ARRAY_LEN(rows));
}

static void test_format_size(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {{0, "0"},
                {1, "1"},
                {4096, "4K"},
                {128ull << 20, "128M"},
                {4097, "4097"},
                {16ull << 40, "16T"},
                {2048ull << 40, "2048T"}};
    char buf[32];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        parse_format_size(rows[i].bytes, buf, sizeof(buf));
        assert_string_equal(buf, rows[i].text);
    }
}

static void test_nearest(void **state)
{
    static const char *const names[] = {"harts", "memory", "kernel", "isa", NULL};
    (void)state;
    assert_string_equal(parse_nearest_in("hart", names), "harts");
    assert_string_equal(parse_nearest_in("MEMROY", names), "memory");
    assert_string_equal(parse_nearest_in("kernel", names), "kernel");
    assert_null(parse_nearest_in("console", names));
    assert_null(parse_nearest_in(
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),     cmocka_unit_test(test_size),
        cmocka_unit_test(test_seconds), cmocka_unit_test(test_format_size),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
