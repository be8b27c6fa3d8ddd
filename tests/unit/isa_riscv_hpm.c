/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/hpm.c: what counters count, filters by privilege at every
 * change of it, overflow and when it is looked for.  The test moves the words
 * that the hart would.
 */
#include "isa_riscv_fixture.h"

#define MHPMEVENT(n)   (0x320u + (n))
#define MHPMCOUNTER(n) (0xb00u + (n))

enum {
    CSR_MIP = 0x344,
    CSR_MIE = 0x304,
    CSR_MIDELEG = 0x303,
    CSR_SIP = 0x144,
    CSR_MCOUNTEREN = 0x306,
    CSR_MCOUNTINHIBIT = 0x320,
    CSR_MCYCLECFG,
    CSR_MINSTRETCFG,
    CSR_MCYCLE = 0xb00,
    CSR_MINSTRET = 0xb02,
    CSR_SCOUNTOVF = 0xda0
};

#define OF    (1ull << 63)
#define MINH  (1ull << 62)
#define SINH  (1ull << 61)
#define UINH  (1ull << 60)
#define LCOFI (1ull << 13)
#define NEVER UINT64_MAX

static struct fixture fix;

/* As an instruction of the guest would, which retires. */
static void csrw(struct rv_hart *h, unsigned csr, uint64_t v)
{
    uint64_t old;
    assert_true(rv_csr_access(h, csr, CSR_WRITE, v, false, true, 0, &old));
    h->insns++;
}

static uint64_t csrr(struct rv_hart *h, unsigned csr)
{
    uint64_t v = 0;
    assert_true(rv_csr_access(h, csr, CSR_SET, 0, true, false, 0, &v));
    return v;
}

static struct rv_hart *open_hart(void)
{
    struct rv_hart *h = fixture_hart(&fix, NULL);
    h->stop_at = h->pause_at = NEVER;
    rv_set_limit(h);
    return h;
}

/* --- events --- */

static const struct {
    uint64_t selector;
    size_t offset;
} events[] = {
    {0x10019, offsetof(struct rv_hart, hart.tlb.stats.misses[TLB_READ])},
    {0x1001b, offsetof(struct rv_hart, hart.tlb.stats.misses[TLB_WRITE])},
    {0x10021, offsetof(struct rv_hart, hart.tlb.stats.misses[TLB_FETCH])},
    {0x20001, offsetof(struct rv_hart, stats.traps)},
    {0x20002, offsetof(struct rv_hart, stats.interrupts)},
    {0x20003, offsetof(struct rv_hart, stats.page_walks)},
    {0x20006, offsetof(struct rv_hart, stats.mmio)},
    {0x20009, offsetof(struct rv_hart, stats.sc_fail)},
    {0x2000f, offsetof(struct rv_hart, hart.tlb.stats.flush_page)},
};

/* Each counter counts its event from the write on, keeps its value between, stops when inhibited.
 */
static void test_events(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    for (unsigned i = 0; i < ARRAY_LEN(events); i++) {
        unsigned n = 3 + i * 3;
        uint64_t *word = (uint64_t *)(void *)((char *)h + events[i].offset);
        *word += 1000;
        csrw(h, MHPMCOUNTER(n), 7);
        csrw(h, MHPMEVENT(n), events[i].selector);
        assert_int_equal(csrr(h, MHPMEVENT(n)), events[i].selector);
        assert_int_equal(csrr(h, MHPMCOUNTER(n)), 7);
        *word += 5;
        h->insns += 100;
        assert_int_equal(csrr(h, MHPMCOUNTER(n)), 12);
        csrw(h, CSR_MCOUNTINHIBIT, 1u << n);
        *word += 5;
        assert_int_equal(csrr(h, MHPMCOUNTER(n)), 12);
        csrw(h, MHPMCOUNTER(n), 20);
        *word += 5;
        assert_int_equal(csrr(h, MHPMCOUNTER(n)), 20);
        csrw(h, CSR_MCOUNTINHIBIT, 0);
        *word += 5;
        assert_int_equal(csrr(h, MHPMCOUNTER(n)), 25);
        csrw(h, MHPMEVENT(n), 0);
        *word += 5;
        assert_int_equal(csrr(h, MHPMCOUNTER(n)), 25);
    }
    fixture_close(&fix);
}

/* Instructions are counted as by minstret: a write is what the next instruction reads. */
static void test_instructions(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    for (unsigned selector = 1; selector <= 2; selector++) {
        csrw(h, MHPMEVENT(9), selector);
        csrw(h, MHPMCOUNTER(9), 100);
        assert_int_equal(csrr(h, MHPMCOUNTER(9)), 100);
        h->insns += 10;
        assert_int_equal(csrr(h, MHPMCOUNTER(9)), 110);
        csrw(h, CSR_MCOUNTINHIBIT, 1u << 9); /* counted itself */
        h->insns += 10;
        assert_int_equal(csrr(h, MHPMCOUNTER(9)), 111);
        csrw(h, CSR_MCOUNTINHIBIT, 0); /* not counted */
        assert_int_equal(csrr(h, MHPMCOUNTER(9)), 111);
    }
    fixture_close(&fix);
}

/* --- filters --- */

/* To priv by MRET, which retires in M. */
static void mret_to(struct rv_hart *h, enum rv_priv priv)
{
    uint64_t pc;
    h->csr.mstatus = (h->csr.mstatus & ~MSTATUS_MPP) | (uint64_t)priv << 11;
    assert_true(rv_mret(h, &pc));
    h->insns++;
    assert_int_equal(h->priv, priv);
}

static void trap_to_m(struct rv_hart *h)
{
    rv_raise(h, CAUSE_ILLEGAL, 0);
    rv_trap_take(h);
    assert_int_equal(h->priv, PRIV_M);
}

/* M 10 and the MRET, S 20, U 40, each with the trap that ends it (which retires nothing). */
static void go_round(struct rv_hart *h)
{
    h->insns += 5;
    mret_to(h, PRIV_S);
    h->insns += 20;
    trap_to_m(h);
    h->insns += 5;
    mret_to(h, PRIV_U);
    h->insns += 40;
    trap_to_m(h);
}

static void test_filters(void **state)
{
    (void)state;
    static const unsigned configs[] = {CSR_MCYCLECFG, CSR_MINSTRETCFG, MHPMEVENT(3), MHPMEVENT(31)};
    static const unsigned counters[] = {CSR_MCYCLE, CSR_MINSTRET, MHPMCOUNTER(3), MHPMCOUNTER(31)};
    for (unsigned c = 0; c < ARRAY_LEN(configs); c++) {
        struct rv_hart *h = open_hart();
        for (unsigned f = 0; f < 8; f++) {
            uint64_t filter = (f & 1 ? MINH : 0) | (f & 2 ? SINH : 0) | (f & 4 ? UINH : 0);
            csrw(h, configs[c], filter | (c < 2 ? 0 : 2));
            assert_int_equal(csrr(h, configs[c]), filter | (c < 2 ? 0 : 2));
            csrw(h, counters[c], 0);
            go_round(h);
            assert_int_equal(csrr(h, counters[c]),
                             (f & 1 ? 0 : 12) + (f & 2 ? 0 : 20) + (f & 4 ? 0 : 40));
        }
        fixture_close(&fix);
    }
}

/* SRET counts for S. */
static void test_filter_sret(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    uint64_t pc;
    csrw(h, CSR_MINSTRETCFG, MINH | UINH);
    csrw(h, CSR_MINSTRET, 0);
    mret_to(h, PRIV_S);
    assert_true(rv_sret(h, &pc));
    h->insns++;
    assert_int_equal(h->priv, PRIV_U);
    h->insns += 7;
    trap_to_m(h);
    assert_int_equal(csrr(h, CSR_MINSTRET), 1);
    fixture_close(&fix);
}

static void test_filter_inhibited(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    csrw(h, MHPMEVENT(4), SINH | 2);
    csrw(h, CSR_MCOUNTINHIBIT, 1u << 4);
    csrw(h, MHPMCOUNTER(4), 3);
    go_round(h);
    assert_int_equal(csrr(h, MHPMCOUNTER(4)), 3);
    fixture_close(&fix);
}

/* --- overflow --- */

/* The alarm word brings the hart to the very instruction at which a counter of them wraps. */
static void test_overflow(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    csrw(h, CSR_MIE, LCOFI);
    csrw(h, MHPMEVENT(5), 2);
    csrw(h, MHPMCOUNTER(5), -1000ull);
    uint64_t wraps = h->insns + 1000;
    assert_int_equal(h->hpm.look_at, wraps);
    assert_true(h->hart.limit <= wraps);
    assert_int_equal(h->hart.shared.until, 0); /* re-armed at the next poll */
    h->insns = wraps - 1;
    rv_hpm_look(h);
    assert_false(rv_interrupt_pending(h));
    h->insns = wraps;
    rv_hpm_look(h);
    assert_true(rv_interrupt_pending(h));
    assert_true(h->attention & RV_ATTEND_IRQ);
    assert_int_equal(csrr(h, MHPMEVENT(5)), OF | 2);
    assert_int_equal(csrr(h, CSR_SCOUNTOVF), 1u << 5);
    assert_int_equal(h->hpm.look_at, NEVER);
    /* OF is a disable, too: it counts on, and wraps in silence. */
    csrw(h, CSR_MIP, 0);
    assert_int_equal(csrr(h, CSR_MIP) & LCOFI, 0);
    assert_int_equal(csrr(h, MHPMCOUNTER(5)), 1);
    csrw(h, MHPMCOUNTER(5), -2ull);
    h->insns += 10;
    assert_int_equal(csrr(h, CSR_MIP) & LCOFI, 0);
    assert_int_equal(csrr(h, MHPMCOUNTER(5)), 8);
    /* Cleared, the next one counts again. */
    csrw(h, MHPMEVENT(5), 2);
    assert_int_equal(csrr(h, CSR_SCOUNTOVF), 0);
    csrw(h, MHPMCOUNTER(5), -2ull);
    h->insns += 1;
    assert_int_equal(csrr(h, CSR_MIP) & LCOFI, 0);
    h->insns += 1;
    assert_int_equal(csrr(h, CSR_MIP) & LCOFI, LCOFI); /* a reader need not wait for the alarm */
    fixture_close(&fix);
}

/* Other events are looked for ever more often. */
static void test_overflow_events(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    csrw(h, MHPMEVENT(7), 0x20003);
    csrw(h, MHPMCOUNTER(7), -1000000ull);
    unsigned looks = 0;
    /* A walk for every second instruction. */
    for (uint64_t done = 0; !(h->csr.mip_soft & LCOFI); looks++) {
        assert_true(looks < 1000);
        assert_true(h->hpm.look_at > h->insns);
        uint64_t step = h->hpm.look_at - h->insns;
        h->insns += step;
        h->stats.page_walks += step / 2;
        done += step / 2;
        assert_true(done < 1000000 + 10000); /* bounded */
        rv_hpm_look(h);
        assert_int_equal(!!(h->csr.mip_soft & LCOFI), done >= 1000000);
    }
    assert_true(looks < 200);
    fixture_close(&fix);
}

/* "Count overflow never results from writes"; and none is lost by a write or a stop. */
static void test_overflow_edges(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    csrw(h, MHPMEVENT(3), 2);
    csrw(h, MHPMCOUNTER(3), -1ull << 1);
    csrw(h, MHPMCOUNTER(3), 0);
    csrw(h, MHPMCOUNTER(3), -1ull << 8);
    csrw(h, MHPMCOUNTER(3), 5);
    assert_int_equal(csrr(h, CSR_SCOUNTOVF), 0);
    /* Wrapped, then written before anybody looked. */
    csrw(h, MHPMCOUNTER(3), -3ull);
    h->insns += 10;
    csrw(h, MHPMCOUNTER(3), 0);
    assert_int_equal(csrr(h, CSR_SCOUNTOVF), 8);
    /* Wrapped, then stopped, by each thing that stops. */
    for (unsigned how = 0; how < 3; how++) {
        csrw(h, MHPMEVENT(3), UINH | 2);
        csrw(h, MHPMCOUNTER(3), -3ull);
        h->insns += 2; /* the last one is the instruction that stops it */
        if (how == 0)
            csrw(h, CSR_MCOUNTINHIBIT, 8);
        else if (how == 1)
            csrw(h, MHPMEVENT(3), OF);
        else
            mret_to(h, PRIV_U);
        h->priv = PRIV_M;
        assert_int_equal(csrr(h, CSR_MIP) & LCOFI, LCOFI);
        assert_int_equal(csrr(h, MHPMCOUNTER(3)), 0);
        csrw(h, CSR_MIP, 0);
        csrw(h, CSR_MCOUNTINHIBIT, 0);
        csrw(h, MHPMEVENT(3), 0);
    }
    fixture_close(&fix);
}

/* A filtered counter has its alarm only while it runs. */
static void test_overflow_filtered(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    csrw(h, MHPMEVENT(6), MINH | 2);
    csrw(h, MHPMCOUNTER(6), -100ull);
    assert_int_equal(h->hpm.look_at, NEVER);
    mret_to(h, PRIV_U);
    assert_int_equal(h->hpm.look_at, h->insns - 1 + 1 + 100);
    h->insns += 60;
    trap_to_m(h);
    assert_int_equal(h->hpm.look_at, NEVER);
    h->insns += 1000;
    mret_to(h, PRIV_U);
    assert_int_equal(h->hpm.look_at, h->insns + 40);
    assert_true(h->hart.limit <= h->insns + 40);
    fixture_close(&fix);
}

/* LCOFI to S: sip and scountovf, which shows what mcounteren admits. */
static void test_delegation(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    uint64_t old;
    csrw(h, CSR_MIDELEG, LCOFI);
    csrw(h, CSR_MIE, LCOFI);
    csrw(h, CSR_MCOUNTEREN, 1u << 8);
    csrw(h, MHPMEVENT(8), 2);
    csrw(h, MHPMEVENT(12), OF);
    csrw(h, MHPMCOUNTER(8), -3ull);
    assert_int_equal(csrr(h, CSR_SCOUNTOVF), 1u << 12);
    mret_to(h, PRIV_S);
    h->csr.mstatus |= MSTATUS_SIE;
    h->csr.stvec = RAM_BASE;
    assert_false(rv_interrupt_take(h));
    h->insns += 3;
    assert_int_equal(csrr(h, CSR_SCOUNTOVF), 1u << 8);
    assert_int_equal(csrr(h, CSR_SIP), LCOFI);
    assert_true(rv_interrupt_take(h));
    assert_int_equal(h->priv, PRIV_S);
    assert_true(h->csr.scause == (1ull << 63 | 13));
    assert_true(rv_csr_access(h, CSR_SIP, CSR_CLEAR, LCOFI, false, true, 0, &old));
    assert_int_equal(csrr(h, CSR_SIP), 0);
    fixture_close(&fix);
}

/* Without the extensions there are neither filters nor overflow, but counters. */
static void test_reduced(void **state)
{
    (void)state;
    uint64_t v;
    struct rv_hart *h = fixture_hart(&fix, "rv64i_zicsr_sv39");
    csrw(h, MHPMEVENT(3), OF | MINH | 2);
    assert_int_equal(csrr(h, MHPMEVENT(3)), 2);
    csrw(h, MHPMCOUNTER(3), -1ull);
    h->insns += 10;
    assert_int_equal(csrr(h, MHPMCOUNTER(3)), 9);
    assert_int_equal(csrr(h, MHPMEVENT(3)), 2);
    csrw(h, CSR_MIE, UINT64_MAX);
    assert_int_equal(csrr(h, CSR_MIE) & LCOFI, 0);
    csrw(h, CSR_MIP, UINT64_MAX);
    assert_int_equal(csrr(h, CSR_MIP) & LCOFI, 0);
    assert_int_equal(rv_csr_peek(h, CSR_SCOUNTOVF, &v), -22);
    assert_int_equal(rv_csr_peek(h, CSR_MCYCLECFG, &v), -22);
    fixture_close(&fix);
}

static void test_reset(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    csrw(h, MHPMEVENT(3), SINH | 2);
    csrw(h, MHPMCOUNTER(3), -50ull);
    csrw(h, CSR_MINSTRETCFG, MINH);
    rv_reset(h);
    assert_int_equal(h->hpm.look_at, NEVER);
    assert_int_equal(csrr(h, MHPMEVENT(3)), 0);
    assert_int_equal(csrr(h, CSR_MINSTRETCFG), 0);
    h->insns += 100;
    assert_int_equal(csrr(h, MHPMCOUNTER(3)), 0);
    assert_int_equal(csrr(h, CSR_MINSTRET), 100);
    assert_int_equal(csrr(h, CSR_MCYCLE), 100);
    fixture_close(&fix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_instructions),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_filter_sret),
        cmocka_unit_test(test_filter_inhibited),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_overflow_events),
        cmocka_unit_test(test_overflow_edges),
        cmocka_unit_test(test_overflow_filtered),
        cmocka_unit_test(test_delegation),
        cmocka_unit_test(test_reduced),
        cmocka_unit_test(test_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
