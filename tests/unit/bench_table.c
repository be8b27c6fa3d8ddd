/* SPDX-License-Identifier: Apache-2.0 */
/* bench/workloads.def: names that can be told apart, from each other and from what else they are
 * given beside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/table.h"

static void test_names(void **state)
{
    static const char *const taken[] = {"all", "list", "merge"};
    (void)state;
    assert_true(table_size > 0);
    for (size_t i = 0; i < table_size; i++) {
        assert_int_equal(table_find(table[i].name), i); /* no other before it has the name */
        assert_string_equal(table_names[i], table[i].name);
        for (size_t j = 0; j < sizeof(taken) / sizeof(taken[0]); j++)
            assert_string_not_equal(table[i].name, taken[j]);
        for (size_t j = 0; j < table_size; j++)
            assert_string_not_equal(table[i].name, table[j].group);
        assert_null(strpbrk(table[i].name, " ,/'\""));
        assert_null(strpbrk(table[i].unit, " ,/'\""));
        assert_true(table[i].operations > 0);
    }
    assert_null(table_names[table_size]);
    assert_int_equal(table_find("no such workload"), table_size);
}

/* The lines of a group stand together: a report shows a group once. */
static void test_groups_together(void **state)
{
    (void)state;
    for (size_t i = 1; i < table_size; i++)
        if (strcmp(table[i].group, table[i - 1].group))
            for (size_t j = 0; j < i; j++)
                assert_string_not_equal(table[i].group, table[j].group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_groups_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
