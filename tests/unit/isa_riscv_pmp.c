/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/pmp.c: matching of every mode, priorities, locks, and the
 * ready answers, which must never differ from a plain reading of the manual
 * (model_allowed, which walks the registers bit by bit); Smepmp.
 */
#include "isa_riscv_fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { OFF = 0, TOR = 1 << 3, NA4 = 2 << 3, NAPOT = 3 << 3, L = 0x80, R = 1, W = 2, X = 4 };

enum { CSR_MSECCFG = 0x747, MML = 1, MMWP = 2, RLB = 4 };

static struct fixture fix;

static void set_entry(struct rv_hart *h, unsigned i, uint8_t cfg, uint64_t addr)
{
    rv_pmp_addr_write(h, i, addr);
    uint64_t all = rv_pmp_cfg_read(h, i & 8);
    unsigned shift = (i & 7) * 8;
    rv_pmp_cfg_write(h, i & 8, (all & ~(0xffull << shift)) | (uint64_t)cfg << shift);
}

/* pmpaddr of a naturally aligned power of two. */
static uint64_t napot(gpa_t base, uint64_t size)
{
    return base >> 2 | (size / 8 - 1);
}

static bool can(struct rv_hart *h, gpa_t gpa, uint64_t size, enum access_type access,
                enum rv_priv priv)
{
    return rv_pmp_allowed(h, gpa, size, access, priv);
}

/* "If no PMP entry matches": M may, S and U may not. */
static void test_none(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    for (int a = ACCESS_FETCH; a <= ACCESS_STORE; a++) {
        assert_true(can(h, RAM_BASE, 8, a, PRIV_M));
        assert_false(can(h, RAM_BASE, 8, a, PRIV_S));
        assert_false(can(h, RAM_BASE, 8, a, PRIV_U));
    }
    assert_true(rv_pmp_page_uniform(h, RAM_BASE, PRIV_M));
    assert_true(rv_pmp_page_uniform(h, RAM_BASE, PRIV_S));
    fixture_close(&fix);
}

static void test_permissions(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    for (unsigned rwx = 0; rwx < 8; rwx++) {
        if ((rwx & (R | W)) == W)
            continue; /* reserved */
        set_entry(h, 0, NAPOT | rwx, UINT64_MAX);
        for (int p = PRIV_U; p <= PRIV_S; p++) {
            assert_int_equal(can(h, RAM_BASE, 4, ACCESS_LOAD, p), !!(rwx & R));
            assert_int_equal(can(h, RAM_BASE, 4, ACCESS_STORE, p), !!(rwx & W));
            assert_int_equal(can(h, RAM_BASE, 4, ACCESS_FETCH, p), !!(rwx & X));
        }
        assert_true(can(h, RAM_BASE, 4, ACCESS_STORE, PRIV_M)); /* not locked */
    }
    fixture_close(&fix);
}

/* First and last bytes of each range, and the bytes around them. */
static void check_range(struct rv_hart *h, gpa_t first, gpa_t last)
{
    assert_true(can(h, first, 1, ACCESS_LOAD, PRIV_S));
    assert_true(can(h, last, 1, ACCESS_LOAD, PRIV_S));
    assert_true(can(h, first, 4, ACCESS_LOAD, PRIV_S));
    assert_true(can(h, last - 3, 4, ACCESS_LOAD, PRIV_S));
    assert_false(can(h, first - 1, 1, ACCESS_LOAD, PRIV_S));
    assert_false(can(h, last + 1, 1, ACCESS_LOAD, PRIV_S));
    assert_false(can(h, first - 2, 4, ACCESS_LOAD, PRIV_S)); /* in part */
    assert_false(can(h, last - 1, 4, ACCESS_LOAD, PRIV_S));
}

static void test_modes(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    set_entry(h, 3, NA4 | R, 0x80001004 >> 2);
    check_range(h, 0x80001004, 0x80001007);
    for (uint64_t size = 8; size <= 1ull << 40; size *= 2) {
        gpa_t base = align_up(0x80000000, size) + size;
        set_entry(h, 3, NAPOT | R, napot(base, size));
        check_range(h, base, base + size - 1);
    }
    set_entry(h, 2, OFF, 0x80000104 >> 2); /* TOR's bottom, whatever the mode of that entry */
    set_entry(h, 3, TOR | R, 0x80000ffc >> 2);
    check_range(h, 0x80000104, 0x80000ffb);
    set_entry(h, 3, TOR | R, 0x80000104 >> 2); /* empty */
    assert_false(can(h, 0x80000104, 1, ACCESS_LOAD, PRIV_S));
    set_entry(h, 3, TOR | R, 0x80000100 >> 2); /* top below bottom */
    assert_false(can(h, 0x80000100, 1, ACCESS_LOAD, PRIV_S));
    set_entry(h, 3, OFF, 0);
    set_entry(h, 0, TOR | R, 0x1000 >> 2); /* entry 0 begins at 0 */
    assert_true(can(h, 0, 8, ACCESS_LOAD, PRIV_S));
    assert_true(can(h, 0xff8, 8, ACCESS_LOAD, PRIV_S));
    assert_false(can(h, 0x1000, 1, ACCESS_LOAD, PRIV_S));
    fixture_close(&fix);
}

/* The example of the manual: 0xC-0xF matches an 8-byte access to 0x8-0xF in part, so it fails. */
static void test_partial_match(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    set_entry(h, 0, NA4 | R | W | X, 0xc >> 2);
    set_entry(h, 1, NAPOT | R | W | X, UINT64_MAX);
    for (int p = PRIV_U; p <= PRIV_M; p += p ? 2 : 1) {
        assert_false(can(h, 8, 8, ACCESS_LOAD, p));
        assert_true(can(h, 8, 4, ACCESS_LOAD, p));
        assert_true(can(h, 0xc, 4, ACCESS_LOAD, p));
        assert_true(can(h, 0x10, 8, ACCESS_LOAD, p));
    }
    fixture_close(&fix);
}

static void test_priority(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    set_entry(h, 4, NAPOT | R, napot(0x80001000, 0x1000));
    set_entry(h, 5, NAPOT | R | W, napot(0x80000000, 0x10000));
    assert_false(can(h, 0x80001000, 8, ACCESS_STORE, PRIV_S));
    assert_true(can(h, 0x80002000, 8, ACCESS_STORE, PRIV_S));
    set_entry(h, 1, NAPOT, napot(0x80001000, 0x10)); /* no permission at all comes first */
    assert_false(can(h, 0x80001008, 8, ACCESS_LOAD, PRIV_S));
    assert_true(can(h, 0x80001010, 8, ACCESS_LOAD, PRIV_S));
    fixture_close(&fix);
}

static void test_lock(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    set_entry(h, 1, OFF, 0x80000000 >> 2);
    set_entry(h, 2, TOR | R | L, 0x80001000 >> 2);
    /* Locked: the configuration, the address, and the bottom of the TOR range. */
    set_entry(h, 2, NAPOT | R | W, 0);
    set_entry(h, 1, OFF, 0);
    assert_int_equal(h->csr.pmpaddr[2], 0x80001000 >> 2);
    assert_int_equal(h->csr.pmpaddr[1], 0x80000000 >> 2);
    assert_int_equal(h->csr.pmpcfg[2], TOR | R | L);
    /* Entry 1's configuration is not locked, only its address. */
    set_entry(h, 1, NA4 | R, 0);
    assert_int_equal(h->csr.pmpcfg[1], NA4 | R);
    set_entry(h, 1, OFF, 0);
    /* M is bound by it. */
    assert_true(can(h, 0x80000ff8, 8, ACCESS_LOAD, PRIV_M));
    assert_false(can(h, 0x80000ff8, 8, ACCESS_STORE, PRIV_M));
    assert_true(can(h, 0x80001000, 8, ACCESS_STORE, PRIV_M));
    /* "Setting the L bit locks the PMP entry even when the A field is set to OFF." */
    set_entry(h, 9, OFF | L, 0x1234);
    set_entry(h, 9, NAPOT | R, 0x5678);
    assert_int_equal(h->csr.pmpaddr[9], 0x1234);
    assert_int_equal(h->csr.pmpcfg[9], OFF | L);
    /* A locked entry that is not TOR leaves the address before it free. */
    set_entry(h, 8, OFF, 0x4321);
    assert_int_equal(h->csr.pmpaddr[8], 0x4321);
    rv_reset(h);
    assert_int_equal(h->csr.pmpcfg[9], 0);
    assert_true(can(h, 0x80000ff8, 8, ACCESS_STORE, PRIV_M));
    fixture_close(&fix);
}

static void test_page_uniform(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    set_entry(h, 1, NAPOT | R, napot(0x80002000, 0x800));
    set_entry(h, 2, NAPOT | R | W | X, UINT64_MAX);
    for (int p = PRIV_U; p <= PRIV_M; p += p ? 2 : 1) {
        assert_false(rv_pmp_page_uniform(h, 0x80002000, p));
        assert_true(rv_pmp_page_uniform(h, 0x80001000, p));
        assert_true(rv_pmp_page_uniform(h, 0x80003000, p));
    }
    /* An entry in front that covers the page hides the edge inside it. */
    set_entry(h, 0, NAPOT | R, napot(0x80002000, 0x1000));
    assert_true(rv_pmp_page_uniform(h, 0x80002000, PRIV_S));
    fixture_close(&fix);
}

/* Changes take effect at once: what the TLB stood for is dropped. */
static void test_flush(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    uint64_t flushes = h->hart.tlb.stats.flush_all;
    rv_pmp_cfg_write(h, 0, NAPOT | R);
    assert_int_equal(h->hart.tlb.stats.flush_all, flushes + 1);
    assert_true(h->attention & RV_ATTEND_MMU);
    fixture_close(&fix);
}

/* --- Smepmp --- */

static uint64_t seccfg(struct rv_hart *h, uint64_t value)
{
    assert_int_equal(rv_csr_poke(h, CSR_MSECCFG, value), 0);
    return h->csr.mseccfg & (MML | MMWP | RLB);
}

/* MML and MMWP are never unset; RLB neither comes back while an entry is locked. */
static void test_seccfg(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    assert_int_equal(seccfg(h, UINT64_MAX & ~(MML | MMWP | RLB)), 0);
    assert_int_equal(seccfg(h, RLB), RLB);
    assert_int_equal(seccfg(h, 0), 0);
    assert_int_equal(seccfg(h, MMWP), MMWP);
    assert_int_equal(seccfg(h, RLB), MMWP | RLB);
    set_entry(h, 5, OFF | L, 0x1234); /* "including disabled entries" */
    assert_int_equal(seccfg(h, MML | RLB), MML | MMWP | RLB);
    assert_int_equal(seccfg(h, 0), MML | MMWP);
    assert_int_equal(seccfg(h, RLB), MML | MMWP);
    rv_reset(h);
    assert_int_equal(h->csr.mseccfg, 0);
    fixture_close(&fix);
}

/* What no entry matches: MML takes code from M, MMWP all. */
static void test_seccfg_default(void **state)
{
    (void)state;
    static const bool allowed[4][3] = {{1, 1, 1}, {0, 1, 1}, {0, 0, 0}, {0, 0, 0}};
    for (unsigned v = 0; v < 4; v++) {
        struct rv_hart *h = fixture_hart(&fix, NULL);
        uint64_t flushes = h->hart.tlb.stats.flush_all;
        seccfg(h, v);
        assert_int_equal(h->hart.tlb.stats.flush_all, flushes + !!v); /* seen at once */
        for (int a = ACCESS_FETCH; a <= ACCESS_STORE; a++) {
            assert_int_equal(can(h, RAM_BASE, 4, a, PRIV_M), allowed[v][a]);
            assert_false(can(h, RAM_BASE, 4, a, PRIV_S));
        }
        fixture_close(&fix);
    }
}

static void test_rule_locking_bypass(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    seccfg(h, RLB);
    set_entry(h, 1, OFF, 0x80000000 >> 2);
    set_entry(h, 2, TOR | R | L, 0x80001000 >> 2);
    assert_false(can(h, 0x80000000, 4, ACCESS_STORE, PRIV_M)); /* enforced all the same */
    set_entry(h, 1, OFF, 0x80000800 >> 2);
    set_entry(h, 2, TOR | R | W | L, 0x80002000 >> 2);
    assert_int_equal(h->csr.pmpcfg[2], TOR | R | W | L);
    assert_int_equal(h->csr.pmpaddr[2], 0x80002000 >> 2);
    assert_int_equal(h->csr.pmpaddr[1], 0x80000800 >> 2);
    seccfg(h, 0);
    set_entry(h, 2, OFF, 0);
    set_entry(h, 1, OFF, 0);
    assert_int_equal(h->csr.pmpcfg[2], TOR | R | W | L);
    assert_int_equal(h->csr.pmpaddr[1], 0x80000800 >> 2);
    fixture_close(&fix);
}

/* With MML no rule by which M executes can be added, unless RLB is set; W alone is legal. */
static void test_mml_writes(void **state)
{
    (void)state;
    for (unsigned rwx = 0; rwx < 8; rwx++) {
        struct rv_hart *h = fixture_hart(&fix, NULL);
        bool m_executes = rwx == X || rwx == (R | X) || rwx == W || rwx == (W | X);
        seccfg(h, MML);
        set_entry(h, 0, NAPOT | rwx, UINT64_MAX);
        assert_int_equal(h->csr.pmpcfg[0], NAPOT | rwx);
        set_entry(h, 1, NAPOT | L | rwx, UINT64_MAX);
        assert_int_equal(h->csr.pmpcfg[1], m_executes ? 0 : NAPOT | L | rwx);
        fixture_close(&fix);
        h = fixture_hart(&fix, NULL);
        seccfg(h, MML | RLB);
        set_entry(h, 1, NAPOT | L | rwx, UINT64_MAX);
        assert_int_equal(h->csr.pmpcfg[1], NAPOT | L | rwx);
        fixture_close(&fix);
    }
}

/* Without the extension the register is not there. */
static void test_no_smepmp(void **state)
{
    (void)state;
    uint64_t old;
    struct rv_hart *h = fixture_hart(&fix, "rv64i_zicsr_sv39");
    assert_false(rv_csr_access(h, CSR_MSECCFG, CSR_SET, 0, true, false, 0x1234, &old));
    assert_int_equal(h->trap.cause, CAUSE_ILLEGAL);
    fixture_close(&fix);
}

/* --- against the manual, at random --- */

/* Smepmp's truth table, as the manual prints it: LRWX, M, S and U. */
static const struct mml_row {
    const char *lrwx, *m, *su;
} mml_rows[] = {
    {"0000", "", ""},  {"0001", "", "x"},  {"0010", "rw", "r"}, {"0011", "rw", "rw"},
    {"0100", "", "r"}, {"0101", "", "rx"}, {"0110", "", "rw"},  {"0111", "", "rwx"},
    {"1000", "", ""},  {"1001", "x", ""},  {"1010", "x", "x"},  {"1011", "rx", "x"},
    {"1100", "r", ""}, {"1101", "rx", ""}, {"1110", "rw", ""},  {"1111", "r", "r"},
};

static bool model_mml(uint8_t cfg, enum access_type access, enum rv_priv priv)
{
    char lrwx[5] = {cfg & L ? '1' : '0', cfg & R ? '1' : '0', cfg & W ? '1' : '0',
                    cfg & X ? '1' : '0', 0};
    for (unsigned i = 0; i < ARRAY_LEN(mml_rows); i++)
        if (!strcmp(mml_rows[i].lrwx, lrwx))
            return strchr(priv == PRIV_M ? mml_rows[i].m : mml_rows[i].su, "xrw"[access]);
    fail();
    return false;
}

static bool model_default(const struct rv_csrs *c, enum access_type access, enum rv_priv priv)
{
    if (priv != PRIV_M || c->mseccfg & MMWP)
        return false;
    return !(c->mseccfg & MML) || access != ACCESS_FETCH;
}

/* Whether entry i matches one byte: Privileged, "Address Matching", bit by bit. */
static bool model_match(const struct rv_csrs *c, unsigned i, gpa_t byte)
{
    uint64_t word = byte >> 2;
    if (byte >> 56)
        return false;
    switch (c->pmpcfg[i] & (3 << 3)) {
    case TOR:
        return (i ? c->pmpaddr[i - 1] : 0) <= word && word < c->pmpaddr[i];
    case NA4:
        return word == c->pmpaddr[i];
    case NAPOT:
        for (unsigned b = 0; b < 54; b++) {
            if (!(c->pmpaddr[i] >> b & 1))
                return word >> (b + 1) == c->pmpaddr[i] >> (b + 1);
        }
        return true;
    }
    return false;
}

static bool model_allowed(const struct rv_csrs *c, gpa_t gpa, unsigned size,
                          enum access_type access, enum rv_priv priv)
{
    static const uint8_t bit[] = {X, R, W};
    for (unsigned i = 0; i < RV_PMP_ENTRIES; i++) {
        unsigned matched = 0;
        for (unsigned b = 0; b < size; b++)
            matched += model_match(c, i, gpa + b);
        if (!matched)
            continue;
        if (matched < size)
            return false;
        if (c->mseccfg & MML)
            return model_mml(c->pmpcfg[i], access, priv);
        if (priv == PRIV_M && !(c->pmpcfg[i] & L))
            return true;
        return c->pmpcfg[i] & bit[access];
    }
    return model_default(c, access, priv);
}

static uint64_t rng_state;

static uint64_t rng(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    return rng_state ^= rng_state << 17;
}

static void random_entries(struct rv_hart *h)
{
    unsigned used = (unsigned)(rng() % 6);
    rv_reset(h);
    if (rng() % 2)
        seccfg(h, rng() % 8);
    for (unsigned n = 0; n < used; n++) {
        uint64_t addr = (RAM_BASE + rng() % 0x4000) >> 2;
        if (rng() % 3 == 0)
            addr |= 0x3ff; /* whole pages and more */
        if (rng() % 8 == 0)
            addr = UINT64_MAX;
        set_entry(h, (unsigned)(rng() % RV_PMP_ENTRIES), (uint8_t)rng(), addr);
    }
}

static void check_random_access(struct rv_hart *h)
{
    static const enum rv_priv privs[] = {PRIV_U, PRIV_S, PRIV_M};
    unsigned size = 1u << rng() % 4;
    gpa_t gpa = RAM_BASE - 0x1000 + rng() % 0x6000;
    enum access_type access = (enum access_type)(rng() % 3);
    enum rv_priv priv = privs[rng() % 3];
    bool expect = model_allowed(&h->csr, gpa, size, access, priv);
    if (can(h, gpa, size, access, priv) != expect)
        fail_msg("%#lx size %u access %d priv %d: expected %d", gpa, size, access, priv, expect);
    /* Uniform: any access inside the page has the answer of any other. */
    gpa_t page = gpa & PAGE_MASK;
    if (rv_pmp_page_uniform(h, page, priv)) {
        bool first = model_allowed(&h->csr, page, 1, access, priv);
        gpa = page + rng() % (PAGE_SIZE - size);
        if (model_allowed(&h->csr, gpa, size, access, priv) != first)
            fail_msg("page %#lx is not uniform at %#lx size %u", page, gpa, size);
    }
}

static void test_random(void **state)
{
    (void)state;
    const char *seed = getenv("MH_SEED");
    rng_state = seed ? strtoull(seed, NULL, 0) : 0x9e3779b97f4a7c15;
    print_message("seed %#lx (MH_SEED)\n", rng_state);
    struct rv_hart *h = fixture_hart(&fix, NULL);
    for (unsigned i = 0; i < 4000; i++) {
        random_entries(h);
        for (unsigned n = 0; n < 40; n++)
            check_random_access(h);
    }
    fixture_close(&fix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_partial_match),
        cmocka_unit_test(test_priority),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_page_uniform),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_seccfg),
        cmocka_unit_test(test_seccfg_default),
        cmocka_unit_test(test_rule_locking_bypass),
        cmocka_unit_test(test_mml_writes),
        cmocka_unit_test(test_no_smepmp),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
