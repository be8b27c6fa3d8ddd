/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/api_mmu.c, sim/api_page_table.c and isa/riscv/mmu.c: translation
 * by mode and privilege, what a hart sees after a flush, TLB sizes.
 */
#include "tests/unit/sim_program.h"

#include "sim/base/bits.h"

#include <errno.h>

#define AREA ((mh_gpa){0x80100000})
#define DATA 0x80200000ull
#define VA   ((mh_gva){0x40000000})
#define RW   (MH_PAGE_READ | MH_PAGE_WRITE | MH_PAGE_ACCESSED | MH_PAGE_DIRTY)

static const char *const endless[] = {"jal zero,0x80000000", NULL};
/* Reads what t0 points to with the privilege of S, for ever. */
static const char *const reading[] = {
    "lui t1,0x21",           "addi t1,t1,-2048", /* MPRV, MPP = S */
    "csrrs zero,mstatus,t1", "addi t3,zero,-1",  "csrrw zero,pmpaddr0,t3", "addi t3,zero,31",
    "csrrw zero,pmpcfg0,t3", "ld a0,0(t0)",      "jal zero,0x8000001c",    NULL};

static struct mh_machine *make(const char *const *lines, unsigned harts)
{
    static struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    program_make(&p, lines);
    program_config(&cfg, &p);
    cfg.harts = harts;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    return m;
}

/* Opens PMP for S and U as the program does, by executing it. */
static struct mh_engine *opened(struct mh_machine *m)
{
    struct mh_engine *e;
    assert_int_equal(mh_engine_create(&e, m, 0, NULL), 0);
    assert_int_equal(mh_engine_execute(e, 7, NULL), 0);
    return e;
}

static void test_modes(void **state)
{
    static const enum mh_paging modes[] = {MH_PAGING_SV39, MH_PAGING_SV48, MH_PAGING_SV57};
    struct mh_machine *m = make(reading, 1);
    struct mh_engine *e = opened(m);
    struct mh_fault fault;
    mh_gpa pa;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct mh_page_table *t;
        enum mh_paging mode;
        uint16_t asid;
        mh_gpa root;
        assert_int_equal(mh_page_table_create(&t, m, modes[i], AREA, 16 << 12), 0);
        assert_int_equal(mh_page_table_map(t, VA, (mh_gpa){DATA}, 12, RW), 0);
        assert_int_equal(mh_page_table_activate(t, 0, 7), 0);
        assert_int_equal(mh_mmu_get_root(m, 0, &mode, &asid, &root), 0);
        assert_int_equal(mode, modes[i]);
        assert_int_equal(asid, 7);
        assert_int_equal(root.v, mh_page_table_root(t).v);
        assert_int_equal(mh_mmu_translate(m, 0, (mh_gva){VA.v + 8}, MH_ACCESS_WRITE,
                                          MH_PRIV_SUPERVISOR, &pa, NULL),
                         0);
        assert_int_equal(pa.v, DATA + 8);
        assert_int_equal(mh_mmu_translate(m, 0, VA, MH_ACCESS_READ, MH_PRIV_USER, &pa, &fault),
                         -EFAULT);
        assert_int_equal(fault.kind, MH_FAULT_PAGE);
        assert_int_equal(fault.addr.v, VA.v);
        assert_true(fault.is_user && !fault.is_write);
        assert_int_equal(
            mh_mmu_translate(m, 0, VA, MH_ACCESS_FETCH, MH_PRIV_SUPERVISOR, &pa, &fault), -EFAULT);
        assert_int_equal(mh_mmu_translate(m, 0, VA, MH_ACCESS_FETCH, MH_PRIV_MACHINE, &pa, NULL),
                         0);
        assert_int_equal(pa.v, VA.v); /* M-mode has no paging */
        mh_page_table_destroy(t);
    }
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

/* The hart reads through its TLB: a changed entry is seen after the flush of its page. */
static void test_flush(void **state)
{
    struct mh_machine *m = make(reading, 1);
    struct mh_engine *e = opened(m);
    struct mh_page_table *t;
    struct mh_tlb_stats before, after;
    struct mh_page_stats stats;
    uint64_t a0;
    mh_gva va = VA;
    (void)state;
    assert_int_equal(mh_memory_store(m, (mh_gpa){DATA}, 8, MH_ORDER_RELAXED, 11), 0);
    assert_int_equal(mh_memory_store(m, (mh_gpa){DATA + 4096}, 8, MH_ORDER_RELAXED, 22), 0);
    assert_int_equal(mh_page_table_create(&t, m, MH_PAGING_SV39, AREA, 16 << 12), 0);
    assert_int_equal(mh_page_table_map(t, VA, (mh_gpa){DATA}, 12, RW), 0);
    assert_int_equal(mh_page_table_activate(t, 0, 1), 0);
    assert_int_equal(mh_engine_set_register(e, 5, VA.v), 0);
    assert_int_equal(mh_engine_execute(e, 100, NULL), 0);
    assert_int_equal(mh_engine_get_register(e, 10, &a0), 0);
    assert_int_equal(a0, 11);
    assert_int_equal(mh_mmu_tlb_stats(m, 0, &before), 0);
    assert_int_equal(mh_engine_execute(e, 100, NULL), 0);
    assert_int_equal(mh_mmu_tlb_stats(m, 0, &after), 0);
    assert_int_equal(before.misses[MH_ACCESS_READ], after.misses[MH_ACCESS_READ]);
    static const struct {
        unsigned page;
        uint64_t want;
    } rows[] = {{1, 22}, {0, 11}, {1, 22}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(mh_page_table_update(t, VA, (mh_gpa){DATA + 4096 * rows[i].page}, RW), 0);
        assert_int_equal(i == 0   ? mh_page_table_flush(t, 0, &va)
                         : i == 1 ? mh_page_table_flush(t, 0, NULL)
                                  : mh_mmu_flush_asid(m, 0, 1),
                         0);
        assert_int_equal(mh_engine_execute(e, 100, NULL), 0);
        assert_int_equal(mh_engine_get_register(e, 10, &a0), 0);
        assert_int_equal(a0, rows[i].want);
    }
    mh_page_table_stats(t, &stats);
    assert_int_equal(stats.flushes, 2);
    assert_int_equal(mh_mmu_tlb_stats(m, 0, &after), 0);
    assert_int_equal(after.misses[MH_ACCESS_READ], before.misses[MH_ACCESS_READ] + 3);
    assert_true(after.flush_page > before.flush_page && after.flush_asid > before.flush_asid);
    mh_page_table_destroy(t);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

static void test_tlb_sizes(void **state)
{
    struct mh_machine *m = make(endless, 1);
    unsigned n;
    (void)state;
    assert_int_equal(mh_mmu_tlb_capacity(m, 0, MH_ACCESS_READ, &n), 0);
    assert_int_equal(n, 1024);
    assert_int_equal(mh_mmu_tlb_resize(m, 0, MH_ACCESS_READ, 4096), 0);
    assert_int_equal(mh_mmu_tlb_capacity(m, 0, MH_ACCESS_READ, &n), 0);
    assert_int_equal(n, 4096);
    assert_int_equal(mh_mmu_tlb_capacity(m, 0, MH_ACCESS_WRITE, &n), 0);
    assert_int_equal(n, 1024);
    assert_int_equal(mh_mmu_tlb_resize(m, 0, MH_ACCESS_READ, 1000), -EINVAL);
    assert_int_equal(mh_mmu_tlb_resize(m, 0, MH_ACCESS_READ, 32768), -EINVAL);
    assert_int_equal(mh_mmu_tlb_resize(m, 0, (enum mh_access)3, 1024), -EINVAL);
    assert_int_equal(mh_mmu_tlb_capacity(m, 1, MH_ACCESS_READ, &n), -ENOENT);
    mh_machine_destroy(m);
}

static void test_strict(void **state)
{
    struct mh_machine *m = make(reading, 1);
    struct mh_engine *e = opened(m);
    struct mh_engine_stats stats;
    bool strict;
    (void)state;
    assert_int_equal(mh_mmu_get_strict_align(m, &strict), 0);
    assert_false(strict);
    assert_int_equal(mh_engine_set_register(e, 5, DATA + 1), 0);
    assert_int_equal(mh_engine_execute(e, 10, NULL), 0);
    mh_engine_stats(e, &stats);
    assert_int_equal(stats.traps, 0);
    assert_int_equal(mh_mmu_set_strict_align(m, true), 0);
    assert_int_equal(mh_engine_execute(e, 10, NULL), 0);
    mh_engine_stats(e, &stats);
    assert_true(stats.traps > 0);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

static void test_refusals(void **state)
{
    struct mh_machine *m = make(endless, 1);
    struct mh_page_table *t;
    mh_gpa pa;
    (void)state;
    assert_int_equal(mh_mmu_set_root(m, 0, MH_PAGING_ARM64, 0, AREA), -ENOTSUP);
    assert_int_equal(mh_mmu_set_root(m, 0, MH_PAGING_SV39, 0, (mh_gpa){1}), -EINVAL);
    assert_int_equal(mh_page_table_create(&t, m, MH_PAGING_X86_64, AREA, 4096), -ENOTSUP);
    assert_int_equal(mh_page_table_create(&t, m, MH_PAGING_BARE, AREA, 4096), -EINVAL);
    assert_int_equal(mh_page_table_create(&t, m, MH_PAGING_SV39, (mh_gpa){0}, 4096), -EINVAL);
    assert_int_equal(mh_mmu_translate(m, 0, VA, (enum mh_access)7, MH_PRIV_USER, &pa, NULL),
                     -EINVAL);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_mmu_flush_all(m, 0), -EBUSY);
    assert_int_equal(mh_mmu_translate(m, 0, VA, MH_ACCESS_READ, MH_PRIV_MACHINE, &pa, NULL),
                     -EBUSY);
    mh_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),    cmocka_unit_test(test_flush),
        cmocka_unit_test(test_strict),   cmocka_unit_test(test_tlb_sizes),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("sim_api_mmu", tests, NULL, NULL);
}
