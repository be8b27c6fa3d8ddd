/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/timer.c without an event loop: STIP follows stimecmp and time
 * when either is written.
 */
#include "tests/unit/isa_riscv_fixture.h"

#define CSR_MENVCFG  0x30a
#define CSR_STIMECMP 0x14d
#define MIP_STIP     (1ull << 5)
#define LATER        (1ull << 40) /* ticks: 30 hours */

static struct rv_hart *timer_hart(struct fixture *f)
{
    struct rv_hart *h = fixture_hart(f, NULL);
    assert_int_equal(rv_csr_poke(h, CSR_MENVCFG, ENVCFG_STCE), 0);
    return h;
}

static bool stip(const struct rv_hart *h)
{
    return rv_mip(h) & MIP_STIP;
}

static void set_stimecmp(struct rv_hart *h, uint64_t when)
{
    assert_int_equal(rv_csr_poke(h, CSR_STIMECMP, when), 0);
}

static void test_comparand(void **state)
{
    struct fixture f;
    struct rv_hart *h = timer_hart(&f);
    (void)state;
    assert_false(stip(h));
    set_stimecmp(h, 0);
    assert_true(stip(h));
    set_stimecmp(h, LATER);
    assert_false(stip(h));
    set_stimecmp(h, UINT64_MAX);
    assert_false(stip(h));
    fixture_close(&f);
}

/* A write to mtime moves time past stimecmp, or back before it. */
static void test_clock_set(void **state)
{
    struct fixture f;
    struct rv_hart *h = timer_hart(&f);
    (void)state;
    set_stimecmp(h, LATER);
    gclock_set(&f.clock, LATER - 1000000000);
    assert_false(stip(h));
    gclock_set(&f.clock, LATER);
    assert_true(stip(h));
    gclock_set(&f.clock, 0);
    assert_false(stip(h));
    fixture_close(&f);
}

/* What WFI sleeps until: only with the interrupt enabled. */
static void test_deadline(void **state)
{
    struct fixture f;
    struct rv_hart *h = timer_hart(&f);
    (void)state;
    set_stimecmp(h, LATER);
    assert_true(rv_timer_deadline_ns(h) == UINT64_MAX);
    h->csr.mie = MIP_STIP;
    uint64_t ns = rv_timer_deadline_ns(h);
    assert_true(ns > clock_now_ns() && ns != UINT64_MAX);
    gclock_set(&f.clock, LATER - 10);
    assert_true(rv_timer_deadline_ns(h) < ns);
    set_stimecmp(h, UINT64_MAX);
    assert_true(rv_timer_deadline_ns(h) == UINT64_MAX);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparand),
        cmocka_unit_test(test_clock_set),
        cmocka_unit_test(test_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
