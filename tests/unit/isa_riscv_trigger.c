/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/trigger.c: what the registers make of a value, what matches,
 * where it may fire, and that nothing is entered in the TLB that could match.
 * Expected values are the debug specification's.
 */
#include "isa_riscv_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TYPE(n)  ((uint64_t)(n) << 60)
#define DISABLED TYPE(15)
#define LOAD     1ull
#define STORE    2ull
#define EXECUTE  4ull
#define U6       (1ull << 3)
#define S6       (1ull << 4)
#define M6       (1ull << 6)
#define MATCH(n) ((uint64_t)(n) << 7)
#define SIZE(n)  ((uint64_t)(n) << 16)
#define HIT      (1ull << 22)
#define MC6      (TYPE(6) | U6 | S6 | M6)
#define UC       (1ull << 6)
#define SC       (1ull << 7)
#define MC       (1ull << 9)
#define COUNT(n) ((uint64_t)(n) << 10)

enum { TSELECT = 0x7a0, TDATA1, TDATA2, TDATA3, TINFO, MCONTEXT = 0x7a8, SCONTEXT = 0x5a8 };

static struct fixture fix;

static uint64_t peek(struct rv_hart *h, unsigned csr)
{
    uint64_t v = 0;
    assert_int_equal(rv_csr_peek(h, csr, &v), 0);
    return v;
}

static void poke(struct rv_hart *h, unsigned csr, uint64_t v)
{
    assert_int_equal(rv_csr_poke(h, csr, v), 0);
}

static void set(struct rv_hart *h, unsigned i, uint64_t tdata1, uint64_t tdata2)
{
    poke(h, TSELECT, i);
    poke(h, TDATA1, 0);
    poke(h, TDATA2, tdata2);
    poke(h, TDATA1, tdata1);
}

/* A hart in which triggers may fire, its TLB contexts made. */
static struct rv_hart *open_hart(void)
{
    struct rv_hart *h = fixture_hart(&fix, NULL);
    h->csr.mstatus = MSTATUS_MIE;
    rv_mmu_update(h);
    return h;
}

/* --- registers --- */

static const struct {
    uint64_t write, expect;
} tdata1_rows[] = {
    {0, DISABLED},
    {UINT64_MAX, DISABLED},
    {TYPE(1) | 5, DISABLED},
    {TYPE(2) | LOAD | M6, DISABLED}, /* mcontrol is not implemented */
    {TYPE(7), DISABLED},
    {MC6 | LOAD | STORE, MC6 | LOAD | STORE},
    {MC6 | EXECUTE | MATCH(2), MC6 | EXECUTE | MATCH(2)},
    {MC6 | LOAD | SIZE(5) | HIT, MC6 | LOAD | SIZE(5) | HIT},
    {MC6 | LOAD | SIZE(4), MC6 | LOAD},          /* 48 bits */
    {MC6 | EXECUTE | SIZE(2), MC6 | EXECUTE},    /* of instructions any size */
    {MC6 | LOAD | 1 << 11, MC6 | LOAD},          /* chain */
    {MC6 | LOAD | 1 << 12, DISABLED},            /* enter debug mode: there is none */
    {MC6 | LOAD | 1 << 21, DISABLED},            /* data match */
    {MC6 | LOAD | 1ull << 59, MC6 | LOAD},       /* dmode */
    {MC6 | LOAD | 1 << 26 | 1 << 5, MC6 | LOAD}, /* uncertain */
    {MC6 | LOAD | 3 << 23, MC6 | LOAD},          /* vs, vu */
    {MC6 | MATCH(6), MC6},
    {MC6 | MATCH(7), MC6},
    {MC6 | MATCH(10), MC6},
    {MC6 | MATCH(15), MC6},
    {MC6 | MATCH(13), MC6 | MATCH(13)},
    {TYPE(3) | UC | COUNT(1) | 1 << 8 | 1 << 24, TYPE(3) | UC | COUNT(1) | 1 << 8 | 1 << 24},
    {TYPE(3) | MC | SC | COUNT(0x3fff) | 3 << 25, TYPE(3) | MC | SC | COUNT(0x3fff)},
    {TYPE(3) | MC | COUNT(1) | 1, DISABLED},
    {TYPE(4) | MC | SC | UC | 1ull << 58 | 1 << 10 | 3 << 11, TYPE(4) | MC | SC | UC | 1ull << 58},
    {TYPE(5) | SC | 1ull << 58 | 1 << 10, TYPE(5) | SC | 1ull << 58},
    {TYPE(5) | SC | 2, DISABLED},
};

static void test_registers(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    for (unsigned i = 0; i < RV_TRIGGERS; i++) {
        poke(h, TSELECT, i);
        assert_int_equal(peek(h, TSELECT), i);
        assert_int_equal(peek(h, TDATA1), DISABLED);
        assert_int_equal(peek(h, TINFO), 1 << 24 | 1 << 15 | 1 << 6 | 1 << 5 | 1 << 4 | 1 << 3);
        poke(h, TINFO, 0);
        assert_int_equal(peek(h, TINFO) >> 24, 1);
    }
    poke(h, TSELECT, RV_TRIGGERS);
    assert_int_equal(peek(h, TSELECT), RV_TRIGGERS - 1);
    for (unsigned i = 0; i < ARRAY_LEN(tdata1_rows); i++) {
        poke(h, TDATA1, tdata1_rows[i].write);
        if (peek(h, TDATA1) != tdata1_rows[i].expect)
            fail_msg("tdata1 %#lx reads %#lx, expected %#lx", tdata1_rows[i].write, peek(h, TDATA1),
                     tdata1_rows[i].expect);
    }
    poke(h, TDATA3, UINT64_MAX);
    assert_int_equal(peek(h, TDATA3), 0xfff800f3fffffffc & ~(3ull << 0) & ~(7ull << 48));
    poke(h, TDATA3, 4ull << 48 | 2);
    assert_int_equal(peek(h, TDATA3), 4ull << 48 | 2);
    poke(h, SCONTEXT, UINT64_MAX);
    assert_int_equal(peek(h, SCONTEXT), 0xffffffff);
    poke(h, MCONTEXT, UINT64_MAX);
    assert_int_equal(peek(h, MCONTEXT), 0x1fff);
    /* Others' registers are not touched. */
    poke(h, TSELECT, 0);
    assert_int_equal(peek(h, TDATA1), DISABLED);
    assert_int_equal(peek(h, TDATA3), 0);
    uint64_t v;
    assert_int_not_equal(rv_csr_peek(h, 0x7a5, &v), 0); /* tcontrol */
    fixture_close(&fix);
}

/* The debugger's way to find maskmax6: all ones read back with bit maskmax6 - 1 clear. */
static void test_maskmax(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    set(h, 0, TYPE(6) | MATCH(1), 0);
    poke(h, TDATA2, UINT64_MAX);
    assert_int_equal(peek(h, TDATA2), ~(1ull << 62));
    poke(h, TDATA2, INT64_MAX);
    assert_int_equal(peek(h, TDATA2), INT64_MAX & ~(1ull << 62));
    /* The other order: the value stands, the match does not. */
    set(h, 0, MC6 | LOAD | MATCH(1), UINT64_MAX);
    assert_int_equal(peek(h, TDATA1), MC6 | LOAD);
    assert_int_equal(peek(h, TDATA2), UINT64_MAX);
    fixture_close(&fix);
}

/* --- matching --- */

static const struct {
    unsigned match;
    uint64_t tdata2, va;
    unsigned size;
    bool expect;
    uint64_t tval;
} match_rows[] = {
    {0, 0x1000, 0x1000, 4, true, 0x1000},
    {0, 0x1000, 0x1001, 1, false, 0},
    {0, 0x1003, 0x1000, 4, true, 0x1003}, /* each byte is compared */
    {0, 0x1004, 0x1000, 4, false, 0},
    {0, 0x0fff, 0x1000, 8, false, 0},
    {0, 0xffffffc000001000, 0xffffffc000001000, 1, true, 0xffffffc000001000},
    {1, 0x1003, 0x1000, 1, true, 0x1000}, /* 0b011: 8 bytes */
    {1, 0x1003, 0x1007, 1, true, 0x1007},
    {1, 0x1003, 0x1008, 1, false, 0},
    {1, 0x1003, 0x0ffe, 4, true, 0x1000},
    {1, 0x1000, 0x1001, 1, true, 0x1001}, /* 2 bytes */
    {1, 0x1000, 0x1002, 1, false, 0},
    {1, 0x17ff, 0x1fff, 1, true, 0x1fff}, /* 4 KiB */
    {1, 0x17ff, 0x2000, 1, false, 0},
    {1, 0x3fffffffffffffff, 0x7000000000000000, 1, true, 0x7000000000000000},
    {1, 0x3fffffffffffffff, 0x8000000000000000, 1, false, 0},
    {2, 0x1000, 0x1000, 1, true, 0x1000},
    {2, 0x1000, 0x0fff, 1, false, 0},
    {2, 0x1000, 0x0ffe, 4, true, 0x1000},
    {2, 0x1000, UINT64_MAX, 1, true, UINT64_MAX}, /* unsigned */
    {3, 0x1000, 0x0fff, 4, true, 0x0fff},
    {3, 0x1000, 0x1000, 4, false, 0},
    {3, 0, 0, 8, false, 0},
    {4, 0xff000000000012, 0x5555555555551200 | 0x12, 1, false, 0},
    {4, 0x000000ff00000012, 0x5555555555551212, 1, true, 0x5555555555551212},
    {4, 0x000000ff00000012, 0x5555555555551210, 4, true, 0x5555555555551212},
    {4, 0x000000ff00000012, 0x5555555555551213, 1, false, 0},
    {5, 0xffff000000340000, 0x0034123456789abc, 1, true, 0x0034123456789abc},
    {5, 0xffff000000340000, 0x0035123456789abc, 1, false, 0},
    {8, 0x1000, 0x1000, 4, false, 0},
    {8, 0x1000, 0x1001, 4, true, 0x1001},
    {9, 0x1003, 0x1007, 1, false, 0},
    {9, 0x1003, 0x1008, 1, true, 0x1008},
    {12, 0x000000ff00000012, 0x12, 1, false, 0},
    {12, 0x000000ff00000012, 0x13, 1, true, 0x13},
    {13, 0xffff000000340000, 0, 1, true, 0},
};

static void test_matches(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(match_rows); i++) {
        struct rv_hart *h = open_hart();
        set(h, 1, MC6 | LOAD | MATCH(match_rows[i].match), match_rows[i].tdata2);
        bool fired = rv_trigger_access(h, match_rows[i].va, match_rows[i].size, RV_TRIGGER_LOAD);
        if (fired != match_rows[i].expect || h->trap.pending != fired)
            fail_msg("row %u", i);
        if (fired) {
            assert_int_equal(h->trap.cause, CAUSE_BREAKPOINT);
            assert_int_equal(h->trap.tval, match_rows[i].tval);
        }
        assert_int_equal(peek(h, TDATA1) & HIT, fired ? HIT : 0);
        fixture_close(&fix);
    }
}

static uint64_t random_64(void)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 5; i++)
        v = v << 15 ^ (uint64_t)rand();
    return v;
}

/* An address that is near another, or any. */
static uint64_t random_near(uint64_t to)
{
    switch (rand() % 4) {
    case 0:
        return to + (uint64_t)(rand() % 64) - 32;
    case 1:
        return to + ((uint64_t)(rand() % 64) << 12) - (32 << 12);
    case 2:
        return to ^ 1ull << rand() % 64;
    default:
        return random_64();
    }
}

/* What keeps a page out of the TLB must not miss an access that matches. */
static void test_pages_miss_nothing(void **state)
{
    (void)state;
    static const unsigned kinds[] = {0, 1, 2, 3, 4, 5, 8, 9, 12, 13};
    const char *given = getenv("MH_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
    struct rv_hart *h = open_hart();
    unsigned fired = 0, out = 0, n = 200000;
    print_message("MH_SEED=%u\n", seed);
    srand(seed);
    for (unsigned i = 0; i < n; i++) {
        uint64_t v = rand() % 2 ? random_64() : random_64() | ((1ull << rand() % 40) - 1);
        set(h, 0, MC6 | LOAD | MATCH(kinds[(unsigned)rand() % ARRAY_LEN(kinds)]), v);
        gva_t va = random_near(v);
        unsigned size = 1u << rand() % 4;
        bool page = rv_trigger_page(h, va, RV_TRIGGER_DATA);
        if (size > PAGE_SIZE - (va & ~PAGE_MASK))
            continue; /* across pages an access is never a fast one */
        bool hit = rv_trigger_access(h, va, size, RV_TRIGGER_LOAD);
        if (hit && !page)
            fail_msg("tdata1 %#lx tdata2 %#lx: %#lx matches, its page could not", peek(h, TDATA1),
                     peek(h, TDATA2), va);
        fired += hit;
        out += !page;
    }
    assert_true(fired > n / 20 && out > n / 20);
    fixture_close(&fix);
}

static void test_sizes(void **state)
{
    (void)state;
    static const unsigned code[] = {[1] = 1, [2] = 2, [4] = 3, [8] = 5, [16] = 6};
    struct rv_hart *h = open_hart();
    for (unsigned size = 1; size <= 64; size *= 2) {
        for (unsigned of = 1; of <= 16; of *= 2) {
            set(h, 0, MC6 | STORE | SIZE(code[of]), 0x1000);
            assert_int_equal(rv_trigger_access(h, 0x1000, size, RV_TRIGGER_STORE), size == of);
        }
        set(h, 0, MC6 | STORE, 0x1000);
        assert_true(rv_trigger_access(h, 0x1000, size, RV_TRIGGER_STORE));
    }
    fixture_close(&fix);
}

/* All that match have fired; the exception is one. */
static void test_several(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    set(h, 0, MC6 | STORE, 0x1000);
    set(h, 1, MC6 | LOAD | MATCH(2), 0x1002);
    set(h, 3, MC6 | LOAD | STORE, 0x1001);
    assert_true(rv_trigger_access(h, 0x1000, 4, RV_TRIGGER_LOAD));
    assert_int_equal(h->trap.tval, 0x1002);
    static const bool hit[] = {false, true, false, true};
    for (unsigned i = 0; i < 4; i++) {
        poke(h, TSELECT, i);
        assert_int_equal(!!(peek(h, TDATA1) & HIT), hit[i]);
    }
    fixture_close(&fix);
}

/* --- where it may fire --- */

static void test_modes(void **state)
{
    (void)state;
    static const enum rv_priv privs[] = {PRIV_U, PRIV_S, PRIV_M};
    static const uint64_t bits[] = {U6, S6, M6};
    struct rv_hart *h = open_hart();
    for (unsigned enable = 0; enable < 8; enable++) {
        uint64_t modes = 0;
        for (unsigned i = 0; i < 3; i++)
            modes |= enable >> i & 1 ? bits[i] : 0;
        set(h, 0, TYPE(6) | EXECUTE | modes, 0x80000100);
        for (unsigned i = 0; i < 3; i++) {
            h->priv = (uint8_t)privs[i];
            h->pc = 0x80000100;
            assert_int_equal(rv_trigger_execute(h), enable >> i & 1);
            h->pc = 0x800000fe; /* its bytes are no compare values */
            assert_false(rv_trigger_execute(h));
        }
    }
    fixture_close(&fix);
}

static void test_reentrancy(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    set(h, 0, MC6 | LOAD, 0x1000);
    for (unsigned i = 0; i < 16; i++) {
        bool mie = i & 1, sie = i & 2, deleg = i & 4, nmie = i & 8;
        h->csr.mstatus = (mie ? MSTATUS_MIE : 0) | (sie ? MSTATUS_SIE : 0);
        h->csr.medeleg = deleg ? 1 << CAUSE_BREAKPOINT : ~(1ull << CAUSE_BREAKPOINT);
        h->csr.mnstatus = nmie ? MNSTATUS_NMIE : 0;
        h->priv = PRIV_M;
        assert_int_equal(rv_trigger_access(h, 0x1000, 1, RV_TRIGGER_LOAD), mie && nmie);
        h->priv = PRIV_S;
        assert_int_equal(rv_trigger_access(h, 0x1000, 1, RV_TRIGGER_LOAD), sie || !deleg);
        h->priv = PRIV_U;
        assert_true(rv_trigger_access(h, 0x1000, 1, RV_TRIGGER_LOAD));
    }
    fixture_close(&fix);
}

static const struct {
    uint64_t tdata3, satp, scontext, mcontext;
    bool expect;
} context_rows[] = {
    {0, 0, 5, 6, true},
    {1 | 0x12345678ull << 2, 0, 0x12345678, 0, true},
    {1 | 0x12345678ull << 2, 0, 0x12345679, 0, false},
    {1 | 0x12345678ull << 2 | 1ull << 36, 0, 0x12345679, 0, true},
    {1 | 0x12345678ull << 2 | 14ull << 36, 0, 0x99999978, 0, true},
    {1 | 0x12345678ull << 2 | 14ull << 36, 0, 0x99999979, 0, false},
    {2 | 0x77ull << 2, 8ull << 60 | 0x77ull << 44, 0, 0, true},
    {2 | 0x77ull << 2, 8ull << 60 | 0x78ull << 44, 0, 0, false},
    {2 | 0xab0077ull << 2, 8ull << 60 | 0x77ull << 44, 0, 0, true}, /* ASIDMAX bits */
    {4ull << 48 | 0x1234ull << 51, 0, 0, 0x1234, true},
    {4ull << 48 | 0x1234ull << 51, 0, 0, 0x1235, false},
    {0x1234ull << 51, 0, 0, 0x1235, true}, /* mhselect 0 */
};

static void test_contexts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(context_rows); i++) {
        struct rv_hart *h = open_hart();
        set(h, 0, MC6 | LOAD, 0x1000);
        poke(h, TDATA3, context_rows[i].tdata3);
        poke(h, 0x180, context_rows[i].satp);
        poke(h, SCONTEXT, context_rows[i].scontext);
        poke(h, MCONTEXT, context_rows[i].mcontext);
        if (rv_trigger_access(h, 0x1000, 1, RV_TRIGGER_LOAD) != context_rows[i].expect)
            fail_msg("row %u", i);
        fixture_close(&fix);
    }
}

/* --- memory --- */

/* Each access that access.c knows, at va; the kinds of trigger that see it. */
static bool access_by(struct rv_hart *h, unsigned how, gva_t va)
{
    uint64_t pair[2] = {0};
    switch (how) {
    case 0:
        return rv_load_slow(h, va, 8).ok;
    case 1:
        return rv_store_slow(h, va, 8, 1);
    case 2:
        return rv_amo_slow(h, va, 8, AMO_ADD, 1).ok;
    case 3:
        return rv_cas_slow(h, va, 8, 0, 1).ok;
    case 4:
        return rv_cas16(h, va, pair, pair);
    case 5:
        return rv_lr(h, va, 8).ok;
    case 6:
        return rv_sc(h, va, 8, 1).ok;
    case 7:
        return rv_cbo_zero(h, va);
    default:
        return rv_cbo_manage(h, va, false);
    }
}

static void test_accesses(void **state)
{
    (void)state;
    static const uint64_t seen_by[] = {LOAD, STORE, LOAD | STORE, LOAD | STORE, LOAD | STORE,
                                       LOAD, STORE, STORE,        STORE};
    const gva_t va = RAM_BASE + 0x2000;
    for (unsigned how = 0; how < ARRAY_LEN(seen_by); how++) {
        for (uint64_t kind = LOAD; kind <= STORE; kind++) {
            struct rv_hart *h = open_hart();
            set(h, 2, MC6 | kind, va + 1);
            rv_mmu_update(h);
            bool ok = access_by(h, how, va);
            if (ok == !!(seen_by[how] & kind))
                fail_msg("access %u, trigger for %lu", how, kind);
            if (!ok) {
                assert_int_equal(h->trap.cause, CAUSE_BREAKPOINT);
                assert_int_equal(h->trap.tval, va + 1);
                h->trap.pending = false;
            }
            /* The rest of the page is spared. */
            assert_true(access_by(h, how, va + 64));
            fixture_close(&fix);
        }
    }
}

/* Pointer masking: what is matched, and told, is the address without its tag. */
static void test_masked(void **state)
{
    (void)state;
    const gva_t va = RAM_BASE + 0x2000, tag = 0xbeefull << 48;
    for (unsigned how = 0; how < 9; how++) {
        struct rv_hart *h = open_hart();
        h->csr.mseccfg = 3ull << 32;
        set(h, 2, MC6 | LOAD | STORE, va + 1);
        rv_mmu_update(h);
        assert_true(access_by(h, how, tag | (va + 64)));
        assert_null(tlb_lookup_slow(&h->hart.tlb, TLB_READ, tag | va));
        assert_null(tlb_lookup_slow(&h->hart.tlb, TLB_WRITE, tag | va));
        assert_false(access_by(h, how, tag | va));
        assert_int_equal(h->trap.cause, CAUSE_BREAKPOINT);
        assert_int_equal(h->trap.tval, va + 1);
        fixture_close(&fix);
    }
}

/* The page stays out of the TLB while it is watched, whatever the mode, and only this page. */
static void test_tlb(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    struct tlb *t = &h->hart.tlb;
    const gva_t va = RAM_BASE + 0x3000, beside = RAM_BASE + 0x4000;
    assert_true(rv_load_slow(h, va, 8).ok && rv_store_slow(h, va, 8, 5));
    assert_non_null(tlb_lookup_slow(t, TLB_READ, va));
    set(h, 0, TYPE(6) | U6 | LOAD, va + 0x800);
    assert_true(h->attention & RV_ATTEND_MMU);
    rv_mmu_update(h);
    assert_null(tlb_lookup_slow(t, TLB_READ, va));
    assert_null(tlb_lookup_slow(t, TLB_WRITE, va));
    assert_true(rv_load_slow(h, va, 8).ok && rv_store_slow(h, va, 8, 5));
    assert_true(rv_load_slow(h, beside, 8).ok && rv_store_slow(h, beside, 8, 5));
    assert_null(tlb_lookup_slow(t, TLB_READ, va));
    assert_null(tlb_lookup_slow(t, TLB_WRITE, va)); /* an AMO would load through it */
    assert_non_null(tlb_lookup_slow(t, TLB_READ, beside));
    assert_non_null(tlb_lookup_slow(t, TLB_WRITE, beside));
    set(h, 0, 0, 0);
    rv_mmu_update(h);
    assert_true(rv_load_slow(h, va, 8).ok);
    assert_non_null(tlb_lookup_slow(t, TLB_READ, va));
    /* A count or a trap keeps no page out, and flushes nothing. */
    set(h, 1, TYPE(3) | UC | COUNT(1), 0);
    set(h, 2, TYPE(5) | UC, UINT64_MAX);
    assert_non_null(tlb_lookup_slow(t, TLB_READ, va));
    /* Code likewise. */
    assert_non_null(rv_fetch(h, va));
    assert_non_null(tlb_lookup_slow(t, TLB_FETCH, va));
    set(h, 0, MC6 | EXECUTE, va);
    rv_mmu_update(h);
    assert_non_null(rv_fetch(h, va + 2));
    assert_null(tlb_lookup_slow(t, TLB_FETCH, va));
    assert_true(rv_load_slow(h, va, 8).ok);
    assert_non_null(tlb_lookup_slow(t, TLB_READ, va));
    fixture_close(&fix);
}

/* A breakpoint comes before a page or access fault, and before misalignment. */
static void test_priority(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    set(h, 0, MC6 | LOAD | STORE | MATCH(3), 0x1000); /* no memory there */
    assert_false(rv_load_slow(h, 0x101, 4).ok);
    assert_int_equal(h->trap.cause, CAUSE_BREAKPOINT);
    h->guest->cfg.strict_align = true;
    assert_false(rv_store_slow(h, 0x101, 4, 0));
    assert_int_equal(h->trap.cause, CAUSE_BREAKPOINT);
    assert_false(rv_lr(h, 0x101, 4).ok);
    assert_int_equal(h->trap.cause, CAUSE_BREAKPOINT);
    assert_int_equal(h->trap.tval, 0x101);
    h->priv = PRIV_U; /* an illegal instruction comes first */
    assert_false(rv_cbo_zero(h, 0x100));
    assert_int_equal(h->trap.cause, CAUSE_ILLEGAL);
    fixture_close(&fix);
}

/* --- traps --- */

static void test_trap_triggers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        bool interrupt = i & 1, right = i & 2, mode = i & 4, bp_delegated = i & 8;
        struct rv_hart *h = open_hart();
        h->csr.mtvec = 0x80001000;
        h->csr.stvec = 0x80002000;
        h->pc = 0x80000100;
        h->priv = PRIV_U;
        h->csr.medeleg = 1 << CAUSE_ILLEGAL | (bp_delegated ? 1 << CAUSE_BREAKPOINT : 0);
        h->csr.mideleg = h->csr.mie = 2;
        set(h, 0, TYPE(interrupt ? 4 : 5) | (mode ? UC : SC),
            right ? interrupt ? 2 : 1 << CAUSE_ILLEGAL : ~(uint64_t)(2 | 1 << CAUSE_ILLEGAL));
        bool fires = right && mode && !bp_delegated;
        if (interrupt) {
            hart_irq_raise(&h->hart, 2);
            assert_true(rv_interrupt_take(h));
        } else {
            rv_raise(h, CAUSE_ILLEGAL, 7);
            rv_trap_take(h);
        }
        /* The trap itself is complete. */
        assert_int_equal(h->csr.sepc, 0x80000100);
        assert_int_equal(h->csr.scause, interrupt ? 1ull << 63 | 1 : CAUSE_ILLEGAL);
        assert_int_equal(h->priv, fires ? PRIV_M : PRIV_S);
        assert_int_equal(h->pc, fires ? 0x80001000 : 0x80002000);
        assert_int_equal(h->csr.mcause, fires ? CAUSE_BREAKPOINT : 0);
        assert_int_equal(h->csr.mepc, fires ? 0x80002000 : 0);
        assert_int_equal(h->csr.mtval, 0);
        assert_int_equal(peek(h, TDATA1) >> 58 & 1, fires);
        assert_false(h->trap.pending);
        fixture_close(&fix);
    }
}

/* Traps to M: MIE is 0 there. */
static void test_trap_to_m(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    h->csr.mtvec = 0x80001000;
    h->priv = PRIV_U;
    set(h, 0, TYPE(5) | UC | SC | MC, UINT64_MAX);
    rv_raise(h, CAUSE_ILLEGAL, 0);
    rv_trap_take(h);
    assert_int_equal(h->csr.mcause, CAUSE_ILLEGAL);
    assert_int_equal(h->pc, 0x80001000);
    fixture_close(&fix);
}

/* --- counts --- */

static void test_count(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart();
    h->priv = PRIV_U;
    set(h, 0, TYPE(3) | UC | COUNT(2), 0);
    assert_int_equal(h->triggers, RV_TRIGGER_COUNT);
    assert_false(rv_trigger_count_due(h));
    assert_int_equal(rv_trigger_counting(h), 1);
    rv_trigger_counted(h, 1);
    assert_int_equal(peek(h, TDATA1), TYPE(3) | UC | COUNT(1));
    assert_false(rv_trigger_count_due(h));
    assert_int_equal(rv_trigger_counting(h), 1);
    rv_trigger_counted(h, 1);
    assert_int_equal(peek(h, TDATA1), TYPE(3) | UC | 1 << 8); /* pending */
    assert_int_equal(rv_trigger_counting(h), 0);
    h->priv = PRIV_M; /* not here */
    assert_false(rv_trigger_count_due(h));
    assert_int_equal(rv_trigger_counting(h), 0);
    h->priv = PRIV_U;
    assert_true(rv_trigger_count_due(h));
    assert_int_equal(h->trap.cause, CAUSE_BREAKPOINT);
    assert_int_equal(h->trap.tval, 0);
    assert_int_equal(peek(h, TDATA1), TYPE(3) | UC | 1 << 24); /* hit; the count stays 0 */
    assert_int_equal(h->triggers, 0);
    /* An instruction that writes the trigger does not count for it. */
    h->trap.pending = false;
    set(h, 0, TYPE(3) | UC | COUNT(5), 0);
    assert_int_equal(rv_trigger_counting(h), 1);
    set(h, 0, TYPE(3) | UC | COUNT(9), 0);
    rv_trigger_counted(h, 1);
    assert_int_equal(peek(h, TDATA1), TYPE(3) | UC | COUNT(9));
    fixture_close(&fix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers), cmocka_unit_test(test_maskmax),
        cmocka_unit_test(test_matches),   cmocka_unit_test(test_pages_miss_nothing),
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_several),
        cmocka_unit_test(test_modes),     cmocka_unit_test(test_reentrancy),
        cmocka_unit_test(test_contexts),  cmocka_unit_test(test_accesses),
        cmocka_unit_test(test_masked),    cmocka_unit_test(test_tlb),
        cmocka_unit_test(test_priority),  cmocka_unit_test(test_trap_triggers),
        cmocka_unit_test(test_trap_to_m), cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
