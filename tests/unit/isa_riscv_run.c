/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/run.c with harts on threads of their own: the limit, WFI, WRS,
 * and that all of them end when they are told.
 */
#include "tests/unit/isa_riscv_fixture.h"

#include <sched.h>
#include <time.h>

#include "sim/base/clock.h"

#define HARTS 3

#define WFI     0x10500073u
#define WRS_NTO 0x00d00073u
#define J_SELF  0x0000006fu

/* On any hart's thread. */
static void exit_from_hart(void *opaque, enum guest_exit kind, int code)
{
    struct fixture *f = opaque;
    (void)code;
    __atomic_store_n(&f->exit_kind, kind, __ATOMIC_RELAXED);
    __atomic_fetch_add(&f->exits, 1, __ATOMIC_RELEASE);
}

/* Runs the words on all harts from RAM_BASE until stopped. */
static void start(struct fixture *f, const uint32_t *words, unsigned count, uint64_t max_insns)
{
    const struct guest_config cfg = {
        .harts = HARTS, .engine = ENGINE_INTERP, .max_insns = max_insns};
    const struct guest_boot boot = {.start = START_ALL, .entry = RAM_BASE};
    const struct guest_type *type = guest_find("riscv64");
    fixture_open(f, &cfg, NULL);
    f->g->machine.exit = exit_from_hart;
    assert_int_equal(physmem_write(f->pm, RAM_BASE, words, 4ull * count), 0);
    type->boot(f->guest, &boot);
    assert_int_equal(smp_start(f->g->smp, NULL), 0);
}

static void stop(struct fixture *f)
{
    smp_stop(f->g->smp);
    smp_join(f->g->smp);
}

static void await(uint64_t *counter, uint64_t value)
{
    uint64_t until = clock_now_ns() + 20 * NS_PER_SEC;
    while (load_acquire(counter) < value) {
        assert_true(clock_now_ns() < until);
        sched_yield();
    }
}

static uint64_t *word(struct fixture *f, unsigned i)
{
    return (uint64_t *)(void *)physmem_host(f->pm, RAM_BASE + 0x10000 + 64 * i);
}

/* Until the hart has retired something; the count is written when an alarm is heeded. */
static void await_running(struct rv_hart *h)
{
    uint64_t until = clock_now_ns() + 20 * NS_PER_SEC;
    while (!__atomic_load_n(&h->insns, __ATOMIC_RELAXED)) {
        assert_true(clock_now_ns() < until);
        hart_kick(&h->hart, 0);
        sched_yield();
    }
}

static void test_stop_loop(void **state)
{
    static const uint32_t words[] = {J_SELF};
    struct fixture f;
    (void)state;
    start(&f, words, 1, 0);
    for (unsigned i = 0; i < HARTS; i++)
        await_running(f.g->harts[i]);
    stop(&f);
    for (unsigned i = 0; i < HARTS; i++)
        assert_true(f.g->harts[i]->insns > 0 && f.g->harts[i]->pc == RAM_BASE);
    fixture_close(&f);
}

static void test_limit(void **state)
{
    static const uint32_t words[] = {J_SELF};
    struct fixture f;
    (void)state;
    start(&f, words, 1, 100000);
    uint64_t until = clock_now_ns() + 20 * NS_PER_SEC;
    while (!__atomic_load_n(&f.exits, __ATOMIC_ACQUIRE) && clock_now_ns() < until)
        sched_yield();
    stop(&f);
    assert_true(f.exits >= 1 && f.exit_kind == GUEST_LIMIT);
    /* The first that gets there ends the machine; others may not even have begun. */
    uint64_t most = 0;
    for (unsigned i = 0; i < HARTS; i++)
        most = max_u64(most, f.g->harts[i]->insns);
    assert_true(most >= 100000);
    fixture_close(&f);
}

/* After reset mtvec is 0, where no memory is: the handler traps, and nothing is ever retired. */
static void test_limit_traps(void **state)
{
    static const uint32_t words[] = {0 /* illegal */};
    struct fixture f;
    (void)state;
    start(&f, words, 1, 100000);
    uint64_t until = clock_now_ns() + 20 * NS_PER_SEC;
    while (!__atomic_load_n(&f.exits, __ATOMIC_ACQUIRE) && clock_now_ns() < until)
        sched_yield();
    stop(&f);
    assert_true(f.exits >= 1 && f.exit_kind == GUEST_LIMIT);
    for (unsigned i = 0; i < HARTS; i++)
        assert_int_equal(f.g->harts[i]->insns, 0);
    fixture_close(&f);
}

/* a0 is the hart; each counts in its own line at 0x10000 from here how often it was woken. */
static const uint32_t wfi_loop[] = {
    0x00010317,             /* auipc x6, 0x10 */
    0x00651393,             /* slli x7, x10, 6 */
    0x00730333,             /* add x6, x6, x7 */
    0x00100293,             /* li x5, 1 */
    0x0053302f,             /* amoadd.d x0, x5, (x6) */
    WFI,        0xff9ff06f, /* j -8 */
};

/* mie is 0 after reset: nothing but the end wakes it. */
static void test_stop_wfi(void **state)
{
    struct fixture f;
    (void)state;
    start(&f, wfi_loop, 7, 0);
    for (unsigned i = 0; i < HARTS; i++)
        await(word(&f, i), 1);
    stop(&f);
    for (unsigned i = 0; i < HARTS; i++)
        assert_true(load_acquire(word(&f, i)) == 1);
    fixture_close(&f);
}

/* With MSIE set, an interrupt line ends each WFI, though mstatus.MIE is off. */
static void test_wake_wfi(void **state)
{
    const struct guest_type *type = guest_find("riscv64");
    uint32_t words[8];
    struct fixture f;
    (void)state;
    memcpy(words, wfi_loop, sizeof(wfi_loop));
    words[3] = 0x30446073; /* csrsi mie, 8; x5 is set by the test */
    start(&f, words, 7, 0);
    stop(&f);
    for (unsigned i = 0; i < HARTS; i++) {
        f.g->harts[i]->x[5] = 1;
        f.g->harts[i]->pc = RAM_BASE;
    }
    assert_int_equal(smp_start(f.g->smp, NULL), 0);
    for (unsigned round = 0; round < 200; round++)
        for (unsigned i = 0; i < HARTS; i++) {
            /* One more may come of the line that was just lowered, no more. */
            uint64_t count = load_acquire(word(&f, i));
            type->irq(f.guest, i, 3, true);
            await(word(&f, i), count + 3);
            type->irq(f.guest, i, 3, false);
        }
    stop(&f);
    for (unsigned i = 0; i < HARTS; i++)
        assert_true(f.g->harts[i]->stats.wfi >= 200);
    fixture_close(&f);
}

/* WRS.NTO ends by itself, so that a loop around it goes on. */
static void test_wrs(void **state)
{
    uint32_t words[7];
    struct fixture f;
    (void)state;
    memcpy(words, wfi_loop, sizeof(wfi_loop));
    words[5] = WRS_NTO;
    start(&f, words, 7, 0);
    for (unsigned i = 0; i < HARTS; i++)
        await(word(&f, i), 5);
    stop(&f);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_loop),   cmocka_unit_test(test_limit),
        cmocka_unit_test(test_limit_traps), cmocka_unit_test(test_stop_wfi),
        cmocka_unit_test(test_wake_wfi),    cmocka_unit_test(test_wrs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
