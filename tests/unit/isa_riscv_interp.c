/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/interp.c: entering, leaving and being precise about where and
 * after how many instructions.  What instructions do is tested by tests/guest.
 */
#include "tests/unit/isa_riscv_fixture.h"

#include "isa/riscv/ops.h"

#define NOP    0x00000013u
#define EBREAK 0x00100073u

struct program {
    struct fixture f;
    struct rv_hart *h;
};

static void open_program(struct program *p, const uint32_t *words, unsigned count, gpa_t at)
{
    p->h = fixture_hart(&p->f, NULL);
    assert_int_equal(physmem_write(p->f.pm, at, words, 4ull * count), 0);
    assert_true(hart_enter(&p->h->hart));
    rv_mmu_update(p->h);
    hart_poll(&p->h->hart);
    p->h->insns = 0;
    p->h->pc = at;
}

static void close_program(struct program *p)
{
    hart_leave(&p->h->hart);
    fixture_close(&p->f);
}

static void expect_trap(const struct program *p, enum rv_cause cause, uint64_t pc, uint64_t insns)
{
    assert_true(p->h->trap.pending);
    assert_int_equal(p->h->trap.cause, cause);
    assert_true(p->h->pc == pc);
    assert_true(p->h->insns == insns);
    assert_true(p->h->code_epoch == UINT64_MAX); /* it has left */
}

/* addi x5, x5, 1 three times, ebreak: pc at the ebreak, three retired. */
static void test_straight(void **state)
{
    static const uint32_t words[] = {0x00128293, 0x00128293, 0x00128293, EBREAK};
    struct program p;
    (void)state;
    open_program(&p, words, 4, RAM_BASE);
    rv_interp(p.h);
    expect_trap(&p, CAUSE_BREAKPOINT, RAM_BASE + 12, 3);
    assert_true(p.h->x[5] == 3);
    close_program(&p);
}

static void test_loop(void **state)
{
    static const uint32_t words[] = {
        0x06400293, /* li x5, 100 */
        0x00130313, /* addi x6, x6, 1 */
        0xfff28293, /* addi x5, x5, -1 */
        0xfe029ce3, /* bnez x5, -8 */
        EBREAK,
    };
    struct program p;
    (void)state;
    open_program(&p, words, 5, RAM_BASE + 64);
    rv_interp(p.h);
    expect_trap(&p, CAUSE_BREAKPOINT, RAM_BASE + 64 + 16, 1 + 3 * 100);
    assert_true(p.h->x[6] == 100);
    close_program(&p);
}

/* Runs over a page's end, with an instruction of which half lies in each page. */
static void test_straddle(void **state)
{
    static const uint32_t words[] = {0x00128293, 0x00728293, EBREAK};
    struct program p;
    (void)state;
    open_program(&p, words, 3, RAM_BASE + PAGE_SIZE - 6);
    rv_interp(p.h);
    expect_trap(&p, CAUSE_BREAKPOINT, RAM_BASE + PAGE_SIZE + 2, 2);
    assert_true(p.h->x[5] == 8);
    close_program(&p);
}

/* Off the end of RAM: the fault is the next instruction's. */
static void test_end_of_ram(void **state)
{
    static const uint32_t words[] = {NOP, NOP};
    struct program p;
    (void)state;
    open_program(&p, words, 2, RAM_BASE + RAM_SIZE - 8);
    rv_interp(p.h);
    if (!p.h->trap.pending) /* it leaves at the page's end, with pc there */
        rv_interp(p.h);
    expect_trap(&p, CAUSE_FETCH_ACCESS, RAM_BASE + RAM_SIZE, 2);
    assert_true(p.h->trap.tval == RAM_BASE + RAM_SIZE);
    close_program(&p);
}

static void test_illegal(void **state)
{
    static const uint32_t words[] = {NOP, 0xffffffff};
    struct program p;
    (void)state;
    open_program(&p, words, 2, RAM_BASE);
    rv_interp(p.h);
    expect_trap(&p, CAUSE_ILLEGAL, RAM_BASE + 4, 1);
    assert_true(p.h->trap.tval == 0xffffffff);
    close_program(&p);
}

/* A helper that finds its instruction illegal gets the encoding reported as well. */
static void test_illegal_csr(void **state)
{
    static const uint32_t words[] = {NOP, 0x5a0022f3}; /* csrr x5, 0x5a0 */
    struct program p;
    (void)state;
    open_program(&p, words, 2, RAM_BASE);
    rv_interp(p.h);
    expect_trap(&p, CAUSE_ILLEGAL, RAM_BASE + 4, 1);
    assert_true(p.h->trap.tval == 0x5a0022f3);
    close_program(&p);
}

/* A load that faults in the middle leaves pc and count at itself, registers untouched. */
static void test_fault(void **state)
{
    static const uint32_t words[] = {NOP, NOP, 0x00033283}; /* ld x5, 0(x6) */
    struct program p;
    (void)state;
    open_program(&p, words, 3, RAM_BASE);
    p.h->x[5] = 55;
    p.h->x[6] = 0x4000;
    rv_interp(p.h);
    expect_trap(&p, CAUSE_LOAD_ACCESS, RAM_BASE + 8, 2);
    assert_true(p.h->trap.tval == 0x4000 && p.h->x[5] == 55);
    close_program(&p);
}

/* The alarm ends an endless loop, at a taken branch; the limit likewise, to the instruction. */
static void test_alarm(void **state)
{
    static const uint32_t words[] = {0x0000006f}; /* j . */
    struct program p;
    (void)state;
    open_program(&p, words, 1, RAM_BASE);
    hart_kick(&p.h->hart, REQUEST_IRQ);
    rv_interp(p.h);
    assert_false(p.h->trap.pending);
    assert_true(p.h->pc == RAM_BASE && p.h->insns == 1);
    p.h->hart.limit = 1000;
    assert_int_equal(hart_poll(&p.h->hart), REQUEST_IRQ);
    rv_interp(p.h);
    assert_true(p.h->pc == RAM_BASE && p.h->insns == 1000);
    close_program(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_straight), cmocka_unit_test(test_loop),
        cmocka_unit_test(test_straddle), cmocka_unit_test(test_end_of_ram),
        cmocka_unit_test(test_illegal),  cmocka_unit_test(test_illegal_csr),
        cmocka_unit_test(test_fault),    cmocka_unit_test(test_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
