/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/layout.c: claims, overlaps, placement from the top. */
#include "sim/layout.h"

#include "sim/include/manyhart.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct physmem ram = {.base = 0x80000000, .size = 16 << 20};

static void test_claim(void **state)
{
    struct layout l;
    (void)state;
    layout_init(&l, &ram);
    assert_int_equal(layout_claim(&l, "kernel", "k", 0x80200000, 0x100000), 0);
    assert_int_equal(layout_claim(&l, "firmware", "f", 0x80000000, 0x200000), 0);
    assert_int_equal(layout_claim(&l, "firmware", "f", 0x801fffff, 2), -EEXIST);
    assert_non_null(strstr(mh_last_error()->message, "overlaps the kernel"));
    assert_int_equal(layout_claim(&l, "image", "i", 0x7fffffff, 2), -EFAULT);
    assert_int_equal(layout_claim(&l, "image", "i", 0x80ffffff, 2), -EFAULT);
    assert_int_equal(layout_claim(&l, "image", "i", 0x1000, 1), -EFAULT);
    assert_int_equal(layout_claim(&l, "image", "i", 0x90000000, UINT64_MAX), -EFAULT);
    assert_non_null(strstr(mh_last_error()->message, "16M"));
}

static void test_place(void **state)
{
    struct layout l;
    gpa_t at;
    (void)state;
    layout_init(&l, &ram);
    assert_int_equal(layout_claim(&l, "kernel", "k", 0x80200000, 0x100000), 0);
    assert_true(layout_place(&l, "initrd", 0x1001, 0x1000, UINT64_MAX, &at));
    assert_int_equal(at, 0x80ffe000);
    assert_true(layout_place(&l, "tree", 0x1000, 0x200000, UINT64_MAX, &at));
    assert_int_equal(at, 0x80e00000);
    assert_true(layout_place(&l, "low", 0x1000, 0x1000, 0x80300000, &at));
    assert_int_equal(at, 0x801ff000);
    assert_false(layout_place(&l, "big", 16 << 20, 0x1000, UINT64_MAX, &at));
    assert_false(layout_place(&l, "below", 0x1000, 0x1000, 0x80000000, &at));
}

static void test_full(void **state)
{
    struct layout l;
    (void)state;
    layout_init(&l, &ram);
    for (unsigned i = 0; i < LAYOUT_MAX; i++)
        assert_int_equal(layout_claim(&l, "image", "i", 0x80000000 + i * 16, 16), 0);
    assert_int_equal(layout_claim(&l, "image", "i", 0x80800000, 16), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
