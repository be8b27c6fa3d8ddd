/* SPDX-License-Identifier: Apache-2.0 */
/* Tests mem/pagetable.c: every page size of every mode, against the walker; refusals; updates. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem/pagetable.h"

#define BASE 0x80000000ull
#define AREA (BASE + 0x10000)
#define RWAD (PTE_R | PTE_W | PTE_A | PTE_D)

static struct physmem *memory(void)
{
    const struct physmem_config cfg = {.base = BASE, .size = 1 << 20, .numa_node = -1};
    struct physmem *pm;
    assert_int_equal(physmem_create(&pm, &cfg), 0);
    return pm;
}

static void test_sizes(void **state)
{
    static const struct {
        enum paging_mode mode;
        unsigned levels;
    } modes[] = {{PAGING_SV39, 3}, {PAGING_SV48, 4}, {PAGING_SV57, 5}};
    struct physmem *pm = memory();
    struct walk_result w;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct page_table t;
        assert_int_equal(page_table_init(&t, pm, modes[i].mode, AREA, 32 * PAGE_SIZE), 0);
        for (unsigned level = 0; level < modes[i].levels; level++) {
            unsigned shift = PAGE_SHIFT + 9 * level;
            gva_t va = 1ull << shift; /* index 1 at its level */
            gpa_t gpa = 3ull << shift;
            assert_int_equal(page_table_map(&t, va, gpa, shift, RWAD), 0);
            assert_int_equal(page_table_translate(&t, va + 0x123, ACCESS_STORE, false, &w),
                             WALK_OK);
            assert_int_equal(w.gpa, gpa + 0x123);
            assert_int_equal(w.page_shift, shift);
            assert_int_equal(page_table_translate(&t, va, ACCESS_FETCH, false, &w),
                             WALK_PAGE_FAULT);
        }
        assert_int_equal(page_table_map(&t, 0, 0, PAGE_SHIFT + 9 * modes[i].levels, RWAD), -EINVAL);
        assert_int_equal(t.translations, 2 * modes[i].levels);
        assert_int_equal(t.faults, modes[i].levels);
    }
    physmem_destroy(pm);
}

static void test_refusals(void **state)
{
    struct physmem *pm = memory();
    struct page_table t;
    gpa_t page;
    (void)state;
    assert_int_equal(page_table_init(&t, pm, PAGING_BARE, AREA, PAGE_SIZE), -EINVAL);
    assert_int_equal(page_table_init(&t, pm, PAGING_SV39, AREA + 8, PAGE_SIZE), -EINVAL);
    assert_int_equal(page_table_init(&t, pm, PAGING_SV39, 0, PAGE_SIZE), -EINVAL);
    assert_int_equal(page_table_init(&t, pm, PAGING_SV39, AREA, 0), -ENOSPC);
    assert_int_equal(page_table_init(&t, pm, PAGING_SV39, AREA, 3 * PAGE_SIZE), 0);
    assert_int_equal(page_table_map(&t, 0x1001, 0, 12, RWAD), -EINVAL);
    assert_int_equal(page_table_map(&t, 0x1000, 0x1000, 21, RWAD), -EINVAL);
    assert_int_equal(page_table_map(&t, 0x1000, 0, 16, RWAD), -EINVAL);
    assert_int_equal(page_table_map(&t, 1ull << 40, 0, 12, RWAD), -EINVAL); /* not canonical */
    assert_int_equal(page_table_map(&t, 0x1000, 0, 12, PTE_W), -EINVAL);
    assert_int_equal(page_table_map(&t, 0x1000, 0, 12, PTE_A), -EINVAL);
    assert_int_equal(page_table_map(&t, 0x1000, BASE, 12, RWAD), 0);
    assert_int_equal(page_table_map(&t, 0x1000, BASE, 12, RWAD), -EEXIST);
    assert_int_equal(page_table_map(&t, 0, 0, 21, RWAD), -EEXIST); /* a table is there */
    assert_int_equal(page_table_map(&t, 1 << 30, 0, 30, RWAD), 0);
    assert_int_equal(page_table_map(&t, (1 << 30) + 0x1000, 0, 12, RWAD), -EEXIST);
    assert_int_equal(page_table_map(&t, 2ull << 30, 0, 12, RWAD), -ENOSPC);
    assert_int_equal(page_table_alloc(&t, &page), -ENOSPC);
    physmem_destroy(pm);
}

static void test_update(void **state)
{
    struct physmem *pm = memory();
    struct page_table t;
    struct walk_result w;
    (void)state;
    assert_int_equal(page_table_init(&t, pm, PAGING_SV48, AREA, 8 * PAGE_SIZE), 0);
    assert_int_equal(page_table_update(&t, 0x5000, BASE, RWAD), -ENOENT);
    assert_int_equal(page_table_map(&t, 0x5000, BASE, 12, RWAD), 0);
    assert_int_equal(page_table_update(&t, 0x5004, BASE + 0x3000, PTE_R | PTE_U | PTE_A), 0);
    assert_int_equal(page_table_translate(&t, 0x5008, ACCESS_LOAD, true, &w), WALK_OK);
    assert_int_equal(w.gpa, BASE + 0x3008);
    assert_int_equal(page_table_translate(&t, 0x5008, ACCESS_STORE, true, &w), WALK_PAGE_FAULT);
    assert_int_equal(page_table_update(&t, 0x5000, BASE + 1, PTE_R), -EINVAL);
    assert_int_equal(page_table_update(&t, 0x5000, 0, 0), 0);
    assert_int_equal(page_table_translate(&t, 0x5008, ACCESS_LOAD, true, &w), WALK_PAGE_FAULT);
    assert_int_equal(page_table_update(&t, 0x5000, 0, 0), -ENOENT);
    physmem_destroy(pm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_update),
    };
    return cmocka_run_group_tests_name("mem_pagetable", tests, NULL, NULL);
}
