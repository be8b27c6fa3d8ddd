/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/sbi*.c: each call's result and error as the SBI specification
 * has them, on a guest of three harts.  The test acts as hart 0; where another
 * hart must answer, it runs guest code on a thread of its own (rv_run).
 */
#include "isa_riscv_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include "isa/riscv/sbi.h"

#define HARTS 3
#define ENTRY RAM_BASE
#define SPIN  (RAM_BASE + 0x1000)
#define DATA  (RAM_BASE + 0x2000)
#define NEVER UINT64_MAX

static struct fixture fix;

static struct rv_hart *open_harts(void)
{
    const struct guest_config cfg = {.harts = HARTS, .engine = ENGINE_INTERP, .builtin_sbi = true};
    const struct guest_boot boot = {.start = START_BOOT, .entry = ENTRY};
    fixture_open(&fix, &cfg, NULL);
    guest_find("riscv64")->boot(fix.guest, &boot);
    return fix.g->harts[0];
}

/* An ecall with up to five arguments; checks which registers it may change. */
static int64_t call5(struct rv_hart *h, uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1,
                     uint64_t a2, uint64_t a3, uint64_t a4, uint64_t *value)
{
    const uint64_t args[] = {a0, a1, a2, a3, a4, 0x5555, fid, eid};
    uint64_t before[33];
    for (unsigned i = 1; i < 32; i++)
        h->x[i] = 0x1111 * i;
    memcpy(&h->x[10], args, sizeof(args));
    memcpy(before, h->x, sizeof(before));
    h->pc = ENTRY + 0x40;
    rv_sbi_call(h);
    assert_int_equal(h->pc, ENTRY + 0x44);
    for (unsigned i = 0; i < 32; i++)
        if (i != 10 && (i != 11 || eid <= SBI_LEGACY_LAST))
            assert_int_equal(h->x[i], before[i]);
    if (value)
        *value = h->x[11];
    return (int64_t)h->x[10];
}

static int64_t call(struct rv_hart *h, uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1)
{
    return call5(h, eid, fid, a0, a1, 0, 0, 0, NULL);
}

/* --- Base and what is unknown --- */

static void test_base(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    static const uint64_t expect[] = {2u << 24, 0x6d68, 1, 0, 0, 0, 0};
    uint64_t value;
    for (unsigned fid = 0; fid < ARRAY_LEN(expect); fid++) {
        if (fid == 3)
            continue;
        assert_int_equal(call5(h, 0x10, fid, 0, 0, 0, 0, 0, &value), SBI_SUCCESS);
        assert_int_equal(value, expect[fid]);
    }
    assert_int_equal(call(h, 0x10, 7, 0, 0), SBI_ERR_NOT_SUPPORTED);
    fixture_close(&fix);
}

static void test_probe(void **state)
{
    (void)state;
    static const struct {
        uint64_t eid;
        bool there;
    } eids[] = {
        {0, true},           {1, true},           {8, true},          {9, false},
        {0xf, false},        {0x10, true},        {0x54494d45, true}, {0x735049, true},
        {0x52464e43, true},  {0x48534d, true},    {0x53525354, true}, {0x4442434e, true},
        {0x504d55, true},    {0x53555350, false}, /* SUSP */
        {0x46574654, false},                      /* FWFT */
        {0x535441, false},                        /* STA */
        {0x43505043, false},                      /* CPPC */
        {0x0a000000, false}, {NEVER, false},
    };
    struct rv_hart *h = open_harts();
    uint64_t value;
    for (unsigned i = 0; i < ARRAY_LEN(eids); i++) {
        assert_int_equal(call5(h, 0x10, 3, eids[i].eid, 0, 0, 0, 0, &value), SBI_SUCCESS);
        assert_int_equal(value, eids[i].there);
        /* An ecall says the same: unknown extensions and functions are not supported. */
        if (!eids[i].there)
            assert_int_equal(call(h, eids[i].eid, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
        else if (eids[i].eid > 8)
            assert_int_equal(call(h, eids[i].eid, 99, 0, 0), SBI_ERR_NOT_SUPPORTED);
    }
    assert_int_equal(h->stats.sbi_calls, 2 * ARRAY_LEN(eids) - 3);
    fixture_close(&fix);
}

/* --- the state a kernel finds --- */

static uint64_t peek(struct rv_hart *h, unsigned csr)
{
    uint64_t v = 0;
    assert_int_equal(rv_csr_peek(h, csr, &v), 0);
    return v;
}

static void test_prepare(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    assert_int_equal(h->priv, PRIV_S);
    assert_int_equal(peek(h, 0x180), 0);
    assert_int_equal(peek(h, 0x100) & MSTATUS_SIE, 0);
    assert_int_equal(peek(h, 0x302), 0xb1ff); /* all but ecall from S */
    assert_int_equal(peek(h, 0x303), 0x2222);
    assert_int_equal(peek(h, 0x306), 0xffffffff);
    /* STCE, PBMTE, CBZE, CBCFE, CBIE; A/D faults as long as Svade is told. */
    assert_int_equal(peek(h, 0x30a), 0xc0000000000000f0);
    assert_true(rv_pmp_allowed(h, RAM_BASE, 8, ACCESS_FETCH, PRIV_U));
    assert_true(rv_pmp_allowed(h, 0x10000000, 1, ACCESS_STORE, PRIV_S));
    fixture_close(&fix);
}

/* --- TIME --- */

static void test_time(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        uint64_t eid = legacy ? 0 : SBI_EID_TIME;
        assert_int_equal(call(h, eid, 0, 0, 0), 0);
        assert_true(rv_mip(h) & 0x20);
        assert_int_equal(call(h, eid, 0, NEVER, 0), 0);
        assert_false(rv_mip(h) & 0x20);
        assert_int_equal(peek(h, 0x14d), NEVER);
    }
    assert_int_equal(h->sbi.events[FW_SET_TIMER], 4);
    fixture_close(&fix);
}

/* --- hart masks --- */

static const struct {
    uint64_t mask, base;
    int64_t error;
    unsigned harts; /* bits */
} masks[] = {
    {0, 0, 0, 0},
    {1, 0, 0, 1},
    {6, 0, 0, 6},
    {7, 0, 0, 7},
    {8, 0, SBI_ERR_INVALID_PARAM, 0},
    {9, 0, SBI_ERR_INVALID_PARAM, 0},
    {1ull << 63, 0, SBI_ERR_INVALID_PARAM, 0},
    {1, 2, 0, 4},
    {3, 1, 0, 6},
    {2, 2, SBI_ERR_INVALID_PARAM, 0},
    {1, 3, SBI_ERR_INVALID_PARAM, 0},
    {0, 3, SBI_ERR_INVALID_PARAM, 0},
    {1, UINT64_MAX - 1, SBI_ERR_INVALID_PARAM, 0},
    {0, NEVER, 0, 7},
    {5, NEVER, 0, 7}, /* base -1: the mask is ignored */
    {8, NEVER, 0, 7},
};

static void test_ipi(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(masks); i++) {
        struct rv_hart *h = open_harts();
        for (unsigned n = 0; n < HARTS; n++)
            fix.g->harts[n]->hsm_state = HSM_STARTED;
        assert_int_equal(call(h, SBI_EID_IPI, 0, masks[i].mask, masks[i].base), masks[i].error);
        for (unsigned n = 0; n < HARTS; n++)
            assert_int_equal(hart_irqs(&fix.g->harts[n]->hart), masks[i].harts >> n & 1 ? 2 : 0);
        assert_int_equal(h->sbi.events[FW_IPI_SENT], __builtin_popcount(masks[i].harts & 6));
        assert_int_equal(fix.g->harts[2]->sbi.events[FW_IPI_RECEIVED], masks[i].harts >> 2 & 1);
        fixture_close(&fix);
    }
}

/* Legacy: the mask lies in memory, at a virtual address of S; NULL means all. */
static void test_legacy_ipi(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    fix.g->harts[1]->hsm_state = fix.g->harts[2]->hsm_state = HSM_STARTED;
    uint64_t mask = 4;
    assert_int_equal(physmem_write(fix.pm, DATA, &mask, 8), 0);
    assert_int_equal(call(h, SBI_LEGACY_SEND_IPI, 77, DATA, 0), 0);
    assert_int_equal(hart_irqs(&fix.g->harts[0]->hart), 0);
    assert_int_equal(hart_irqs(&fix.g->harts[1]->hart), 0);
    assert_int_equal(hart_irqs(&fix.g->harts[2]->hart), 2);
    assert_int_equal(call(h, SBI_LEGACY_SEND_IPI, 0, 0, 0), 0);
    assert_int_equal(hart_irqs(&fix.g->harts[1]->hart), 2);
    assert_int_equal(call(h, SBI_LEGACY_CLEAR_IPI, 0, 0, 0), 1);
    assert_int_equal(call(h, SBI_LEGACY_CLEAR_IPI, 0, 0, 0), 0);
    assert_int_equal(hart_irqs(&h->hart), 0);
    /* A mask that cannot be read: S gets the fault, at its ecall. */
    h->csr.stvec = 0x80003000;
    h->x[10] = 0x1000;
    h->x[17] = SBI_LEGACY_SEND_IPI;
    h->pc = ENTRY + 0x40;
    rv_sbi_call(h);
    assert_int_equal(h->pc, 0x80003000);
    assert_int_equal(h->csr.sepc, ENTRY + 0x40);
    assert_int_equal(h->csr.scause, CAUSE_LOAD_ACCESS);
    assert_int_equal(h->csr.stval, 0x1000);
    fixture_close(&fix);
}

/* --- HSM --- */

static const uint32_t started_code[] = {
    0x00000297, /* auipc t0, 0 */
    0x10a2b023, /* sd a0, 0x100(t0) */
    0x10b2b423, /* sd a1, 0x108(t0) */
    0x18002373, /* csrr t1, satp */
    0x1062b823, /* sd t1, 0x110(t0) */
    0x10002373, /* csrr t1, sstatus */
    0x00237313, /* andi t1, t1, 2 */
    0x1062bc23, /* sd t1, 0x118(t0) */
    0x004858b7, /* lui a7, 0x485 */
    0x34d8889b, /* addiw a7, a7, 0x34d: HSM */
    0x00100813, /* li a6, 1: hart_stop */
    0x00000073, /* ecall */
    0x0000006f, /* j . */
};

/* Counts at DATA, for ever. */
static const uint32_t spin_code[] = {
    0x00001297, /* auipc t0, 1 */
    0x0002b303, /* 1: ld t1, 0(t0) */
    0x00130313, /* addi t1, t1, 1 */
    0x0062b023, /* sd t1, 0(t0) */
    0xff5ff06f, /* j 1b */
};

static void *hart_thread(void *h)
{
    rv_run(&((struct rv_hart *)h)->hart);
    return NULL;
}

static void load_code(void)
{
    assert_int_equal(physmem_write(fix.pm, ENTRY, started_code, sizeof(started_code)), 0);
    assert_int_equal(physmem_write(fix.pm, SPIN, spin_code, sizeof(spin_code)), 0);
}

static uint64_t hart_status(struct rv_hart *h, unsigned hart)
{
    uint64_t value;
    assert_int_equal(call5(h, SBI_EID_HSM, 2, hart, 0, 0, 0, 0, &value), 0);
    return value;
}

static uint64_t ram_word(gpa_t gpa)
{
    return load_acquire((uint64_t *)(void *)physmem_host(fix.pm, gpa));
}

static void nap(void)
{
    const struct timespec pause = {0, 100000};
    nanosleep(&pause, NULL);
}

static void test_hsm_errors(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    assert_int_equal(hart_status(h, 0), 0); /* STARTED */
    assert_int_equal(hart_status(h, 1), 1); /* STOPPED */
    assert_int_equal(call(h, SBI_EID_HSM, 2, HARTS, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call(h, SBI_EID_HSM, 2, NEVER, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call(h, SBI_EID_HSM, 0, HARTS, ENTRY), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call(h, SBI_EID_HSM, 0, 0, ENTRY), SBI_ERR_ALREADY_AVAILABLE);
    assert_int_equal(call(h, SBI_EID_HSM, 0, 1, 0x1000), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(call(h, SBI_EID_HSM, 0, 1, ENTRY + 1), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(call(h, SBI_EID_HSM, 0, 1, RAM_BASE + RAM_SIZE), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(call(h, SBI_EID_HSM, 0, 1, NEVER - 1), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(hart_status(h, 1), 1);
    assert_int_equal(call(h, SBI_EID_HSM, 3, 1, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call(h, SBI_EID_HSM, 3, 0x10000000, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call(h, SBI_EID_HSM, 3, 0x90000000, ENTRY), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call(h, SBI_EID_HSM, 3, 0x80000000, 0), SBI_ERR_INVALID_ADDRESS);
    fixture_close(&fix);
}

/* A hart is started, looks around, stops itself, and can be started again. */
static void test_hsm_start_stop(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts(), *other = fix.g->harts[1];
    pthread_t thread;
    load_code();
    other->csr.stvec = 0x80001234;
    assert_int_equal(pthread_create(&thread, NULL, hart_thread, other), 0);
    for (uint64_t round = 1; round <= 20; round++) {
        hart_irq_raise(&other->hart, 2); /* an old IPI must not be seen by the new start */
        assert_int_equal(call5(h, SBI_EID_HSM, 0, 1, ENTRY, round, 0, 0, NULL), 0);
        while (hart_status(h, 1) != 1)
            nap();
        assert_int_equal(ram_word(ENTRY + 0x100), 1);
        assert_int_equal(ram_word(ENTRY + 0x108), round);
        assert_int_equal(ram_word(ENTRY + 0x110), 0);
        assert_int_equal(ram_word(ENTRY + 0x118), 0);
        assert_int_equal(hart_irqs(&other->hart), 0);
    }
    /* Letters to a stopped hart are answered, and it sleeps on. */
    assert_int_equal(call(h, SBI_EID_RFENCE, 0, 2, 0), 0);
    for (unsigned i = 0; i < 50; i++)
        nap();
    assert_int_equal(hart_status(h, 1), 1);
    smp_stop(fix.g->smp);
    pthread_join(thread, NULL);
    assert_true(other->hart.waits < 200); /* a few for each start; thousands if it spun */
    fixture_close(&fix);
}

#define RACES 3000

struct starter {
    struct rv_hart *self;
    uint64_t opaque;
    unsigned *round, *done, *won;
};

/* In each round, as soon as it begins. */
static void *starter_thread(void *arg)
{
    struct starter *s = arg;
    for (unsigned i = 1; i <= RACES; i++) {
        for (unsigned spins = 0; load_acquire(s->round) < i; spins++) /* so that both go at once */
            spins < 5000 ? cpu_relax() : (void)sched_yield();
        if (!call5(s->self, SBI_EID_HSM, 0, 1, ENTRY, s->opaque + i, 0, 0, NULL))
            fetch_add_seq_cst(s->won, s->opaque);
        fetch_add_seq_cst(s->done, 1);
    }
    return NULL;
}

/* Two starters at once: one wins, and its opaque arrives. */
static void test_hsm_race(void **state)
{
    (void)state;
    open_harts();
    struct rv_hart *h = fix.g->harts[1];
    unsigned round = 0, done = 0, won = 0;
    struct starter s[2] = {{fix.g->harts[0], 1 << 16, &round, &done, &won},
                           {fix.g->harts[2], 2 << 16, &round, &done, &won}};
    pthread_t thread[2];
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, starter_thread, &s[i]), 0);
    for (unsigned i = 1; i <= RACES; i++) {
        h->hsm_state = HSM_STOPPED;
        won = 0;
        store_release(&round, i);
        while (load_acquire(&done) < 2 * i)
            sched_yield();
        assert_true(won == 1 << 16 || won == 2 << 16);
        assert_int_equal(h->hsm_state, HSM_START_PENDING);
        assert_int_equal(h->hsm_opaque, won + i);
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(hart_status(fix.g->harts[0], 1), 2);
    rv_sbi_begin(h);
    assert_int_equal(h->hsm_state, HSM_STARTED);
    assert_int_equal(h->x[10], 1);
    assert_int_equal(h->pc, ENTRY);
    fixture_close(&fix);
}

static void test_hsm_suspend(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    h->csr.satp = 8ull << 60 | RAM_BASE >> 12;
    h->csr.mstatus |= MSTATUS_SIE;
    h->attention = 0;
    assert_int_equal(call(h, SBI_EID_HSM, 3, 0, 0), 0);
    assert_int_equal(h->attention, RV_ATTEND_WFI);
    assert_int_equal(h->csr.satp >> 60, 8); /* retentive */
    h->attention = 0;
    const uint64_t args[] = {0x80000000, SPIN, 0xabc, 0, 0, 0, 3, SBI_EID_HSM};
    memcpy(&h->x[10], args, sizeof(args));
    rv_sbi_call(h);
    assert_int_equal(h->attention, RV_ATTEND_WFI | RV_ATTEND_MMU);
    assert_int_equal(h->pc, SPIN);
    assert_int_equal(h->x[10], 0);
    assert_int_equal(h->x[11], 0xabc);
    assert_int_equal(h->csr.satp, 0);
    assert_int_equal(h->csr.mstatus & MSTATUS_SIE, 0);
    assert_int_equal(h->priv, PRIV_S);
    fixture_close(&fix);
}

/* --- RFENCE --- */

static void test_rfence_errors(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    for (unsigned fid = 0; fid < 3; fid++) {
        assert_int_equal(call(h, SBI_EID_RFENCE, fid, 8, 0), SBI_ERR_INVALID_PARAM);
        assert_int_equal(call(h, SBI_EID_RFENCE, fid, 1, 3), SBI_ERR_INVALID_PARAM);
    }
    for (unsigned fid = 3; fid < 8; fid++) /* HFENCE */
        assert_int_equal(call(h, SBI_EID_RFENCE, fid, 1, 0), SBI_ERR_NOT_SUPPORTED);
    for (unsigned fid = 1; fid < 3; fid++)
        assert_int_equal(call5(h, SBI_EID_RFENCE, fid, 1, 0, 0x2000, NEVER - 0x1000, 0, NULL),
                         SBI_ERR_INVALID_ADDRESS);
    fixture_close(&fix);
}

/* What a fence of each shape does to the TLB of the hart itself. */
static const struct {
    uint64_t fid, start, size;
    unsigned all, asid, page; /* flushes expected */
} fences[] = {
    {1, 0, 0, 1, 0, 0},
    {1, 0x5000, NEVER, 1, 0, 0},
    {1, 0x5000, 0, 0, 0, 0},
    {1, 0x5000, 1, 0, 0, 1},
    {1, 0x5000, 0x1000, 0, 0, 1},
    {1, 0x5fff, 2, 0, 0, 2},
    {1, 0x5000, 0x1001, 0, 0, 2},
    {1, 0x5000, 64 << 12, 0, 0, 64},
    {1, 0x5000, (64 << 12) + 1, 1, 0, 0},
    {1, 0xfffffffffffff000, 0x1000, 0, 0, 1}, /* up to the top */
    {1, 0xffffffffffff0001, 0xffff, 0, 0, 16},
    {2, 0, 0, 0, 1, 0},
    {2, 0x5000, NEVER, 0, 1, 0},
    {2, 0x5000, 0x2000, 0, 0, 2},
    {2, 0x5000, 1 << 30, 0, 1, 0},
};

static void test_rfence_ranges(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(fences); i++) {
        struct rv_hart *h = open_harts();
        struct tlb_stats before = h->hart.tlb.stats;
        assert_int_equal(
            call5(h, SBI_EID_RFENCE, fences[i].fid, 1, 0, fences[i].start, fences[i].size, 7, NULL),
            0);
        const struct tlb_stats *now = &h->hart.tlb.stats;
        if (now->flush_all - before.flush_all != fences[i].all ||
            now->flush_asid - before.flush_asid != fences[i].asid ||
            now->flush_page - before.flush_page != fences[i].page)
            fail_msg("row %u: %lu all, %lu asid, %lu pages", i, now->flush_all - before.flush_all,
                     now->flush_asid - before.flush_asid, now->flush_page - before.flush_page);
        fixture_close(&fix);
    }
}

/* A hart that is OUT when the call is back serves its letters before it runs on. */
static void wait_count(const uint64_t *counter, uint64_t want)
{
    while (load_relaxed(counter) < want)
        nap();
    assert_int_equal(load_relaxed(counter), want);
}

/* To a hart that runs, and one that is stopped. */
static void test_rfence_remote(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts(), *other = fix.g->harts[1];
    pthread_t thread, stopped;
    uint64_t all = other->hart.tlb.stats.flush_all;
    load_code();
    assert_int_equal(pthread_create(&thread, NULL, hart_thread, other), 0);
    assert_int_equal(pthread_create(&stopped, NULL, hart_thread, fix.g->harts[2]), 0);
    assert_int_equal(call5(h, SBI_EID_HSM, 0, 1, SPIN, 0, 0, 0, NULL), 0);
    while (!ram_word(DATA))
        nap();
    for (uint64_t i = 1; i <= 200; i++) {
        assert_int_equal(call(h, SBI_EID_RFENCE, 0, 3, 0), 0);
        assert_int_equal(call5(h, SBI_EID_RFENCE, 1, 2, 0, 0, 0, 0, NULL), 0);
        assert_int_equal(call5(h, SBI_EID_RFENCE, 2, 0, NEVER, 0, NEVER, 5, NULL), 0);
        wait_count(&other->sbi.events[FW_SFENCE_ASID_RECEIVED], i);
        wait_count(&other->sbi.events[FW_FENCE_I_RECEIVED], i);
        wait_count(&other->sbi.events[FW_SFENCE_RECEIVED], i);
        assert_int_equal(h->sbi.events[FW_FENCE_I_SENT], i);
        assert_int_equal(h->sbi.events[FW_SFENCE_SENT], i);
        assert_int_equal(h->sbi.events[FW_SFENCE_ASID_SENT], 2 * i);
    }
    uint64_t count = ram_word(DATA);
    while (ram_word(DATA) == count) /* it goes on */
        nap();
    smp_stop(fix.g->smp);
    pthread_join(thread, NULL);
    pthread_join(stopped, NULL);
    assert_true(other->hart.tlb.stats.flush_all - all >= 200);
    fixture_close(&fix);
}

/* --- SRST --- */

static const struct {
    uint64_t type, reason;
    int64_t error;
    enum guest_exit kind;
    int code;
} resets[] = {
    {0, 0, 0, GUEST_POWEROFF, 0},
    {0, 1, 0, GUEST_FAIL, 1},
    {1, 0, 0, GUEST_REBOOT, 0},
    {2, 0, 0, GUEST_REBOOT, 0},
    {1, 1, 0, GUEST_REBOOT, 0},
    {1ull << 32, 0, 0, GUEST_POWEROFF, 0}, /* 32-bit parameters */
    {3, 0, SBI_ERR_INVALID_PARAM, 0, 0},
    {0xf0000000, 0, SBI_ERR_INVALID_PARAM, 0, 0},
    {0, 2, SBI_ERR_INVALID_PARAM, 0, 0},
    {0, 0xe0000000, SBI_ERR_INVALID_PARAM, 0, 0},
};

static void test_reset(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(resets); i++) {
        struct rv_hart *h = open_harts();
        if (resets[i].error) {
            assert_int_equal(call(h, SBI_EID_SRST, 0, resets[i].type, resets[i].reason),
                             resets[i].error);
            assert_int_equal(fix.exits, 0);
        } else {
            h->x[10] = resets[i].type;
            h->x[11] = resets[i].reason;
            h->x[16] = 0;
            h->x[17] = SBI_EID_SRST;
            rv_sbi_call(h);
            assert_int_equal(fix.exits, 1);
            assert_int_equal(fix.exit_kind, resets[i].kind);
            assert_int_equal(fix.exit_code, resets[i].code);
            assert_int_equal(h->hsm_state, HSM_STOPPED); /* it does not return */
        }
        fixture_close(&fix);
    }
}

/* --- console --- */

static void test_console_write(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    uint64_t value = 0;
    gpa_t end = RAM_BASE + RAM_SIZE;
    assert_int_equal(physmem_write(fix.pm, end - 5, "hello", 5), 0);
    assert_int_equal(call5(h, SBI_EID_DBCN, 0, 5, end - 5, 0, 0, 0, &value), 0);
    assert_int_equal(value, 5);
    assert_memory_equal(fix.out, "hello", 5);
    assert_int_equal(call5(h, SBI_EID_DBCN, 0, 0, 0, 0, 0, 0, &value), 0);
    assert_int_equal(value, 0);
    for (unsigned fid = 0; fid < 2; fid++) {
        assert_int_equal(call5(h, SBI_EID_DBCN, fid, 6, end - 5, 0, 0, 0, NULL),
                         SBI_ERR_INVALID_PARAM);
        assert_int_equal(call5(h, SBI_EID_DBCN, fid, 1, 0x1000, 0, 0, 0, NULL),
                         SBI_ERR_INVALID_PARAM);
        assert_int_equal(call5(h, SBI_EID_DBCN, fid, 5, end - 5, 1, 0, 0, NULL),
                         SBI_ERR_INVALID_PARAM);
        assert_int_equal(call5(h, SBI_EID_DBCN, fid, NEVER, RAM_BASE, 0, 0, 0, NULL),
                         SBI_ERR_INVALID_PARAM);
    }
    fix.out_room = 2; /* in part */
    assert_int_equal(call5(h, SBI_EID_DBCN, 0, 5, end - 5, 0, 0, 0, &value), 0);
    assert_int_equal(value, 2);
    fixture_close(&fix);
}

static void test_console_byte(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    assert_int_equal(call(h, SBI_EID_DBCN, 2, 0x141, 0), 0);
    assert_int_equal(call(h, SBI_LEGACY_PUTCHAR, 0, 'B', 0), 0);
    assert_memory_equal(fix.out, "AB", 2);
    fix.out_room = 0; /* full: the ecall is repeated with its arguments */
    h->x[10] = 'C';
    h->x[16] = 2;
    h->x[17] = SBI_EID_DBCN;
    h->pc = ENTRY + 0x40;
    rv_sbi_call(h);
    assert_int_equal(h->pc, ENTRY + 0x40);
    assert_int_equal(h->x[10], 'C');
    fix.out_room = 1;
    rv_sbi_call(h);
    assert_int_equal(h->pc, ENTRY + 0x44);
    assert_int_equal(h->x[10], 0);
    assert_memory_equal(fix.out, "ABC", 3);
    fixture_close(&fix);
}

static void test_console_read(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    uint64_t value;
    char buf[8] = {0};
    assert_int_equal(call(h, SBI_LEGACY_GETCHAR, 0, 0, 0), -1);
    assert_int_equal(call5(h, SBI_EID_DBCN, 1, 8, DATA, 0, 0, 0, &value), 0);
    assert_int_equal(value, 0);
    fix.in = "\xffxyz";
    assert_int_equal(call(h, SBI_LEGACY_GETCHAR, 0, 0, 0), 0xff);
    assert_int_equal(call5(h, SBI_EID_DBCN, 1, 2, DATA, 0, 0, 0, &value), 0);
    assert_int_equal(value, 2);
    assert_int_equal(physmem_read(fix.pm, DATA, buf, 8), 0);
    assert_memory_equal(buf, "xy\0\0", 4);
    assert_int_equal(call5(h, SBI_EID_DBCN, 1, 1 << 16, DATA, 0, 0, 0, &value), 0);
    assert_int_equal(value, 1);
    fixture_close(&fix);
}

/* --- PMU --- */

#define PMU SBI_EID_PMU
#define ALL ((1ull << 47) - 1) /* counters */

static void test_pmu_info(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    uint64_t count, info;
    assert_int_equal(call5(h, PMU, 0, 0, 0, 0, 0, 0, &count), 0);
    assert_int_equal(count, 47);
    for (unsigned i = 0; i < 31; i++) {
        assert_int_equal(call5(h, PMU, 1, i, 0, 0, 0, 0, &info), 0);
        assert_int_equal(info, (0xc00 + (i ? i + 1 : 0)) | 63 << 12);
    }
    for (unsigned i = 31; i < count; i++) {
        assert_int_equal(call5(h, PMU, 1, i, 0, 0, 0, 0, &info), 0);
        assert_int_equal(info >> 63, 1);
    }
    assert_int_equal(call(h, PMU, 1, count, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call(h, PMU, 1, NEVER, 0), SBI_ERR_INVALID_PARAM);
    fixture_close(&fix);
}

static const struct {
    uint64_t base, mask, flags, event, data;
    int64_t error;
    uint64_t counter;
} matches[] = {
    /* programmable before fixed; counter 2 is hpmcounter3 */
    {0, ALL, 0, 1, 0, 0, 2},
    {0, ALL, 0, 2, 0, 0, 2},
    {0, 3, 0, 1, 0, 0, 0},
    {0, 3, 0, 2, 0, 0, 1},
    {0, ALL, 1, 1, 0, 0, 0}, /* skip: the set's first, if it can */
    {1, ALL >> 1, 1, 1, 0, SBI_ERR_NOT_SUPPORTED, 0},
    {7, 1, 1, 2, 0, 0, 7},
    {0, ALL, 0, 0x10019, 0, 0, 2},
    {0, ALL, 0, 0x1001b, 0, 0, 2},
    {5, ALL >> 5, 0, 0x10021, 0, 0, 5},
    {0, 3, 0, 0x10019, 0, SBI_ERR_NOT_SUPPORTED, 0},
    {0, ALL, 0, 0x20000, 0x20001, 0, 2}, /* raw: data is the selector */
    {0, ALL, 0, 0x30000, 0x2000f, 0, 2},
    {0, ALL, 0, 0x20000, 0x2ffff, SBI_ERR_NOT_SUPPORTED, 0},
    {0, ALL, 0, 0x20001, 0x20001, SBI_ERR_NOT_SUPPORTED, 0},
    {0, ALL, 0, 0xf0006, 0, 0, 31},
    {33, 0x3, 0, 0xf000d, 0, 0, 33},
    {0, 0x7fffffff, 0, 0xf0006, 0, SBI_ERR_NOT_SUPPORTED, 0},
    {31, 0xffff, 0, 1, 0, SBI_ERR_NOT_SUPPORTED, 0},
    {0, ALL, 0, 0, 0, SBI_ERR_NOT_SUPPORTED, 0},
    {0, ALL, 0, 3, 0, SBI_ERR_NOT_SUPPORTED, 0}, /* cache references */
    {0, ALL, 0, 0x10000, 0, SBI_ERR_NOT_SUPPORTED, 0},
    {0, ALL, 0, 0xf0000, 0, SBI_ERR_NOT_SUPPORTED, 0},
    {0, ALL, 0, 0xf000e, 0, SBI_ERR_NOT_SUPPORTED, 0}, /* HFENCE */
    {0, ALL, 0, 0xfffff, 0, SBI_ERR_NOT_SUPPORTED, 0},
    {0, ALL, 0, 1, 1, SBI_ERR_NOT_SUPPORTED, 0}, /* event data is reserved */
    {0, ALL << 1, 0, 1, 0, SBI_ERR_INVALID_PARAM, 0},
    {47, 1, 0, 1, 0, SBI_ERR_INVALID_PARAM, 0},
    {NEVER, 1, 0, 1, 0, SBI_ERR_INVALID_PARAM, 0},
    {1, 1ull << 46, 0, 1, 0, SBI_ERR_INVALID_PARAM, 0},
    {0, ALL, 0x100, 1, 0, SBI_ERR_INVALID_PARAM, 0},
};

static void test_pmu_match(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(matches); i++) {
        struct rv_hart *h = open_harts();
        uint64_t counter;
        int64_t error = call5(h, PMU, 2, matches[i].base, matches[i].mask, matches[i].flags,
                              matches[i].event, matches[i].data, &counter);
        if (error != matches[i].error || (!error && counter != matches[i].counter))
            fail_msg("row %u: error %ld counter %lu", i, error, counter);
        fixture_close(&fix);
    }
}

static uint64_t fw_read(struct rv_hart *h, unsigned counter)
{
    uint64_t value;
    assert_int_equal(call5(h, PMU, 5, counter, 0, 0, 0, 0, &value), 0);
    return value;
}

/* A firmware counter counts while it is started, from the value it was given. */
static void test_pmu_firmware(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    uint64_t n, m;
    fix.g->harts[1]->hsm_state = HSM_STARTED;
    assert_int_equal(call5(h, PMU, 2, 0, ALL, 0, 0xf0006, 0, &n), 0);
    assert_int_equal(call5(h, PMU, 2, 0, ALL, 0, 0xf0006, 0, &m), 0);
    assert_int_not_equal(n, m); /* the first is taken */
    call(h, SBI_EID_IPI, 0, 2, 0);
    assert_int_equal(fw_read(h, n), 0);
    assert_int_equal(call5(h, PMU, 3, n, 1, 1, 1000, 0, NULL), 0);
    assert_int_equal(call5(h, PMU, 3, n, 1, 1, 5, 0, NULL), SBI_ERR_ALREADY_STARTED);
    call(h, SBI_EID_IPI, 0, 2, 0);
    call(h, SBI_EID_IPI, 0, 2, 0);
    assert_int_equal(fw_read(h, n), 1002);
    assert_int_equal(fw_read(h, m), 0);
    assert_int_equal(call5(h, PMU, 4, n, 1, 0, 0, 0, NULL), 0);
    assert_int_equal(call5(h, PMU, 4, n, 1, 0, 0, 0, NULL), SBI_ERR_ALREADY_STOPPED);
    call(h, SBI_EID_IPI, 0, 2, 0);
    assert_int_equal(fw_read(h, n), 1002);
    assert_int_equal(call5(h, PMU, 3, n, 1, 0, 0, 0, NULL), 0); /* goes on from there */
    call(h, SBI_EID_IPI, 0, 2, 0);
    assert_int_equal(fw_read(h, n), 1003);
    /* Reset frees it. */
    assert_int_equal(call5(h, PMU, 4, n, 1, 1, 0, 0, NULL), 0);
    assert_int_equal(call5(h, PMU, 3, n, 1, 0, 0, 0, NULL), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call5(h, PMU, 2, 0, ALL, 6, 0xf0005, 0, &m), 0); /* clear, auto start */
    assert_int_equal(m, n);
    call(h, SBI_EID_TIME, 0, NEVER, 0);
    assert_int_equal(fw_read(h, n), 1);
    /* Only firmware counters are read so. */
    for (unsigned fid = 5; fid < 7; fid++) {
        assert_int_equal(call(h, PMU, fid, 0, 0), SBI_ERR_INVALID_PARAM);
        assert_int_equal(call(h, PMU, fid, 47, 0), SBI_ERR_INVALID_PARAM);
    }
    assert_int_equal(call5(h, PMU, 6, n, 0, 0, 0, 0, &m), 0);
    assert_int_equal(m, 0);
    /* Snapshots are not there. */
    assert_int_equal(call(h, PMU, 7, DATA, 0), SBI_ERR_NOT_SUPPORTED);
    assert_int_equal(call5(h, PMU, 3, n, 1, 2, 0, 0, NULL), SBI_ERR_NO_SHMEM);
    assert_int_equal(call5(h, PMU, 4, n, 1, 2, 0, 0, NULL), SBI_ERR_NO_SHMEM);
    fixture_close(&fix);
}

/* The fixed counters are the CSRs. */
static void test_pmu_fixed(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    for (unsigned i = 0; i < 2; i++) {
        unsigned csr = 0xc00 + 2 * i;
        uint64_t n;
        assert_int_equal(call5(h, PMU, 4, i, 1, 1, 0, 0, NULL), SBI_ERR_ALREADY_STOPPED);
        uint64_t stood = peek(h, csr);
        h->insns += 10;
        assert_int_equal(peek(h, csr), stood);
        assert_int_equal(call5(h, PMU, 2, 0, 3, 2, i + 1, 0, &n), 0);
        assert_int_equal(n, i);
        assert_int_equal(peek(h, csr), 0);
        assert_int_equal(call5(h, PMU, 3, i, 1, 1, 500, 0, NULL), 0);
        h->insns += 10;
        assert_int_equal(peek(h, csr), 510);
        assert_int_equal(call5(h, PMU, 3, i, 1, 0, 0, 0, NULL), SBI_ERR_ALREADY_STARTED);
        assert_int_equal(call5(h, PMU, 4, i, 1, 0, 0, 0, NULL), 0);
        h->insns += 10;
        assert_int_equal(peek(h, csr), 510);
    }
    fixture_close(&fix);
}

/* A programmable counter through its life; the S-mode caller sees the CSR. */
static void test_pmu_hpm(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    uint64_t n, m;
    /* instructions, not in U; cleared */
    assert_int_equal(call5(h, PMU, 2, 0, ALL, 2 | 1 << 5 | 1 << 7, 2, 0, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(peek(h, 0x323), 13ull << 60 | 2); /* OF, MINH, UINH */
    assert_int_equal(call5(h, PMU, 2, 0, ALL, 0, 2, 0, &m), 0);
    assert_int_equal(m, 3); /* the first is taken */
    h->insns += 10;
    assert_int_equal(peek(h, 0xc03), 0);
    assert_int_equal(call5(h, PMU, 3, n, 1, 1, -5ull, 0, NULL), 0);
    assert_int_equal(peek(h, 0x323), 5ull << 60 | 2); /* its overflow interrupts */
    h->insns += 4;
    assert_int_equal(peek(h, 0xc03), -1ull);
    assert_int_equal(peek(h, 0xda0) & 8, 0);
    h->insns += 2;
    assert_int_equal(peek(h, 0xda0) & 8, 8);
    assert_int_equal(peek(h, 0x144) >> 13 & 1, 1); /* sip: delegated */
    assert_int_equal(call5(h, PMU, 4, n, 1, 0, 0, 0, NULL), 0);
    h->insns += 100;
    assert_int_equal(peek(h, 0xc03), 1);
    assert_int_equal(call5(h, PMU, 3, n, 1, 0, 0, 0, NULL), 0); /* goes on */
    assert_int_equal(peek(h, 0xda0) & 8, 0);
    h->insns += 1;
    assert_int_equal(peek(h, 0xc03), 2);
    assert_int_equal(call5(h, PMU, 4, n, 1, 1, 0, 0, NULL), 0);
    assert_int_equal(call5(h, PMU, 3, n, 1, 0, 0, 0, NULL), SBI_ERR_INVALID_PARAM);
    /* calls of the SBI, by raw number: this one counts the start and the read after it */
    assert_int_equal(call5(h, PMU, 2, 10, 1, 6, 0x20000, 0x2000b, &n), 0);
    assert_int_equal(n, 10);
    uint64_t first = peek(h, 0xc0b);
    call(h, SBI_EID_BASE, 0, 0, 0);
    call(h, SBI_EID_BASE, 0, 0, 0);
    assert_int_equal(peek(h, 0xc0b), first + 2);
    /* Reconfigured to another event it stops. */
    assert_int_equal(call5(h, PMU, 2, 10, 1, 1, 0x20000, 0x20001, &n), 0);
    first = peek(h, 0xc0b);
    h->stats.traps += 5;
    assert_int_equal(peek(h, 0xc0b), first);
    /* A hart that starts again begins without. */
    assert_int_equal(call5(h, PMU, 2, 5, 1, 4 | 1 << 6, 2, 0, &n), 0);
    rv_sbi_prepare(h);
    assert_int_equal(peek(h, 0x326), 0);
    first = peek(h, 0xc06);
    h->insns += 5;
    assert_int_equal(peek(h, 0xc06), first);
    assert_int_equal(call5(h, PMU, 3, 5, 1, 0, 0, 0, NULL), SBI_ERR_INVALID_PARAM);
    fixture_close(&fix);
}

/* Filters of the fixed counters, which Smcntrpmf makes possible. */
static void test_pmu_fixed_filter(void **state)
{
    (void)state;
    struct rv_hart *h = open_harts();
    uint64_t n;
    call5(h, PMU, 4, 0, 3, 1, 0, 0, NULL);
    assert_int_equal(call5(h, PMU, 2, 0, 3, 2 | 1 << 6, 2, 0, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(call5(h, PMU, 3, 1, 1, 1, 500, 0, NULL), 0);
    h->insns += 10; /* in S */
    assert_int_equal(peek(h, 0xc02), 500);
    fixture_close(&fix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_ipi),
        cmocka_unit_test(test_legacy_ipi),
        cmocka_unit_test(test_hsm_errors),
        cmocka_unit_test(test_hsm_start_stop),
        cmocka_unit_test(test_hsm_race),
        cmocka_unit_test(test_hsm_suspend),
        cmocka_unit_test(test_rfence_errors),
        cmocka_unit_test(test_rfence_ranges),
        cmocka_unit_test(test_rfence_remote),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_console_write),
        cmocka_unit_test(test_console_byte),
        cmocka_unit_test(test_console_read),
        cmocka_unit_test(test_pmu_info),
        cmocka_unit_test(test_pmu_match),
        cmocka_unit_test(test_pmu_firmware),
        cmocka_unit_test(test_pmu_fixed),
        cmocka_unit_test(test_pmu_hpm),
        cmocka_unit_test(test_pmu_fixed_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
