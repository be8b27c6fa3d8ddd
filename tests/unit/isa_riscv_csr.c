/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/csr.c: what each CSR makes of a value, who may touch it, and
 * what a write asks of the run loop.  The expected values are the manual's.
 */
#include "isa_riscv_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#define RAW 0x12345073u

static struct fixture fix;

static bool access_csr(struct rv_hart *h, unsigned csr, enum rv_csr_op op, uint64_t operand,
                       bool write, uint64_t *old)
{
    uint64_t dummy;
    h->trap.pending = false;
    bool ok = rv_csr_access(h, csr, op, operand, true, write, RAW, old ? old : &dummy);
    assert_int_equal(ok, !h->trap.pending);
    if (!ok) {
        assert_int_equal(h->trap.cause, CAUSE_ILLEGAL);
        assert_int_equal(h->trap.tval, RAW);
    }
    return ok;
}

static uint64_t csrr(struct rv_hart *h, unsigned csr)
{
    uint64_t v = 0;
    if (!access_csr(h, csr, CSR_SET, 0, false, &v))
        fail_msg("read of CSR %#x", csr);
    return v;
}

static void csrw(struct rv_hart *h, unsigned csr, uint64_t v)
{
    if (!access_csr(h, csr, CSR_WRITE, v, true, NULL))
        fail_msg("write of CSR %#x", csr);
}

/* --- WARL --- */

static const struct {
    unsigned csr;
    uint64_t before, write, expect;
} warl[] = {
    /* mstatus: SXL = UXL = 2 fixed; SD follows FS */
    {0x300, 0, 0, 0xa00000000},
    {0x300, 0, UINT64_MAX, 0x8000000a007e79aa},
    {0x300, 0, 3ull << 13, 0x8000000a00006000},
    {0x300, 0, 2ull << 13, 0xa00004000},
    {0x300, 0, 1ull << 11, 0xa00000800},
    {0x300, 3ull << 11, 2ull << 11, 0xa00001800}, /* MPP = 2 is reserved: keeps M */
    {0x300, 1ull << 11, 2ull << 11, 0xa00000800},
    {0x300, 0, 3ull << 32, 0xa00000000},   /* UXL */
    {0x300, 0, 0x600, 0xa00000000},        /* VS: no vector extension */
    {0x300, 0, 0x18000, 0xa00000000},      /* XS */
    {0x300, 0, 0x3000000040, 0xa00000000}, /* SBE, MBE, UBE: little-endian only */
    {0x100, 0, UINT64_MAX, 0x80000002000c6122},
    {0x301, 0, 0, 0x800000000014112f}, /* misa: RV64 ABCDFIMSU, read-only */
    {0x302, 0, UINT64_MAX, 0xb3ff},    /* medeleg: no ecall from M */
    {0x303, 0, UINT64_MAX, 0x2222},
    {0x304, 0, UINT64_MAX, 0x2aaa},
    {0x305, 0, 0x80000001, 0x80000001},
    {0x305, 0x80000000, 0x90000002, 0x80000000}, /* reserved modes */
    {0x305, 0x80000001, 0x90000003, 0x80000001},
    {0x105, 0, 0xffffffc000000101, 0xffffffc000000101},
    {0x105, 0x100, 0x203, 0x100},
    {0x306, 0, UINT64_MAX, 0xffffffff},
    {0x106, 0, UINT64_MAX, 0xffffffff},
    {0x320, 0, UINT64_MAX, 0xfffffffd},
    {0x30a, 0, UINT64_MAX, 0xe8000003000000f1},
    {0x30a, 2ull << 32, 1ull << 32, 2ull << 32}, /* PMM = 1 is reserved */
    {0x30a, 0x10, 0x20, 0x10},                   /* CBIE = 2 is reserved */
    {0x34b, 0, UINT64_MAX, UINT64_MAX},
    {0x30a, 0x30, 0x61, 0x71},
    {0x10a, 0, UINT64_MAX, 0x3000000f1},
    {0x10a, 3ull << 32, 1ull << 32, 3ull << 32},
    {0x10a, 0x30, 0x20, 0x30},
    /* mstateen: what is behind sstateen0-3 and senvcfg; sstateen has nothing to admit U to */
    {0x30c, 0, UINT64_MAX, 3ull << 62 | 1ull << 57},
    {0x30d, 0, UINT64_MAX, 1ull << 63},
    {0x30f, 0, UINT64_MAX, 1ull << 63},
    {0x10c, 0, UINT64_MAX, 0},
    {0x10f, 0, UINT64_MAX, 0},
    {0x340, 0, UINT64_MAX, UINT64_MAX},
    {0x140, 5, 0xdeadbeefcafebabe, 0xdeadbeefcafebabe},
    {0x341, 0, 0xfffffffffffffff7, 0xfffffffffffffff6}, /* IALIGN 16 */
    {0x141, 0, 3, 2},
    {0x342, 0, 0x800000000000000b, 0x800000000000000b},
    {0x142, 0, 15, 15},
    {0x343, 0, UINT64_MAX, UINT64_MAX},
    {0x143, 0, 0xffffffc000000000, 0xffffffc000000000},
    /* satp: 16 ASID bits; unsupported modes change nothing */
    {0x180, 0, 0x8fffffffffffffff, 0x8fffffffffffffff},
    {0x180, 0, 0x9000000000080000, 0x9000000000080000},
    {0x180, 0, 0xa000000000080000, 0xa000000000080000},
    {0x180, 0x8000000000080000, 0xb000000000090000, 0x8000000000080000},
    {0x180, 0x8000000000080000, 0x1000000000090000, 0x8000000000080000},
    {0x180, 0x8000000000080000, 0xf000000000090000, 0x8000000000080000},
    {0x180, 0x8000000000080000, 0, 0},
    {0x14d, 0, 0x123456789abcdef0, 0x123456789abcdef0},
    /* mip: MSIP, MTIP, MEIP are read-only */
    {0x344, 0, UINT64_MAX, 0x2222},
    {0x344, UINT64_MAX, 0, 0},
    /* mhpmevent: OF, MINH, SINH, UINH, and selectors that there are; the counters are whole */
    {0x323, 0, UINT64_MAX, 0xful << 60},
    {0x323, 0, 0x0c00000000000001, 1}, /* VSINH, VUINH: no such modes */
    {0x33f, 2, 0x7fff, 0},
    {0x33f, 0, 0xa000000000010019, 0xa000000000010019},
    {0x321, 0, UINT64_MAX, 7ull << 60},
    {0x322, 0, UINT64_MAX, 7ull << 60},
    {0xb03, 0, UINT64_MAX, UINT64_MAX},
    {0xb1f, 0, 0x123456789abcdef0, 0x123456789abcdef0},
    /* pmpcfg: bits 6:5 are zero, W without R is not kept */
    {0x3a0, 0, 0x7f, 0x1f},
    {0x3a0, 0, 0x0000000000040200, 0x0000000000040000},
    {0x3a0, 0, 0x070f171f01030504, 0x070f171f01030504},
    {0x3a2, 0, 0x1b1c1d1e1f181908, 0x1b1c1d1c1f181908},
    {0x3b0, 0, UINT64_MAX, (1ull << 54) - 1},
    {0x3bf, 0, 0x20000000, 0x20000000},
    {0x747, 0, UINT64_MAX, 0x300000307}, /* mseccfg: MML and MMWP stay */
    {0x747, 7, 0, 3},
    {0x747, 2ull << 32, 1ull << 32, 2ull << 32},
    {0x747, 2ull << 32, 0, 0},
    /* floating point */
    {0x001, 0, UINT64_MAX, 0x1f},
    {0x002, 0, UINT64_MAX, 7},
    {0x003, 0, UINT64_MAX, 0xff},
    {0x003, 0, 0x25, 0x25},
};

static void test_warl(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(warl); i++) {
        struct rv_hart *h = fixture_hart(&fix, NULL);
        if (warl[i].csr < 4)
            h->csr.mstatus |= MSTATUS_FS;
        if (warl[i].before)
            csrw(h, warl[i].csr, warl[i].before);
        csrw(h, warl[i].csr, warl[i].write);
        uint64_t got = csrr(h, warl[i].csr);
        if (got != warl[i].expect)
            fail_msg("%s: %#lx then %#lx reads %#lx, expected %#lx", rv_csr_name(warl[i].csr),
                     warl[i].before, warl[i].write, got, warl[i].expect);
        fixture_close(&fix);
    }
}

/* What an extension brings is gone without it. */
static void test_warl_reduced(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, "rv64ima_zicsr_zifencei_sv39_svade");
    csrw(h, 0x300, UINT64_MAX);
    assert_int_equal(csrr(h, 0x300) & (MSTATUS_FS | MSTATUS_SD), 0);
    csrw(h, 0x30a, UINT64_MAX);
    assert_int_equal(csrr(h, 0x30a), ENVCFG_FIOM);
    csrw(h, 0x341, UINT64_MAX); /* IALIGN 32 */
    assert_int_equal(csrr(h, 0x341), ~3ull);
    csrw(h, 0x180, 9ull << 60 | 5);
    assert_int_equal(csrr(h, 0x180), 0);
    csrw(h, 0x180, 8ull << 60 | 5);
    assert_int_equal(csrr(h, 0x180), 8ull << 60 | 5);
    assert_false(access_csr(h, 0x001, CSR_SET, 0, false, NULL));
    assert_false(access_csr(h, 0x14d, CSR_SET, 0, false, NULL));
    assert_int_equal(csrr(h, 0x301), 0x8000000000141101);
    fixture_close(&fix);
}

/* "If satp.MODE is read-only 0", then so are SUM, MXR and TVM (Privileged, "mstatus"). */
static void test_warl_bare(void **state)
{
    (void)state;
    const uint64_t paging = MSTATUS_SUM | MSTATUS_MXR | MSTATUS_TVM;
    struct rv_hart *h = fixture_hart(&fix, "rv64i_zicsr_svbare");
    csrw(h, 0x180, 8ull << 60);
    assert_int_equal(csrr(h, 0x180), 0);
    csrw(h, 0x300, UINT64_MAX);
    assert_int_equal(csrr(h, 0x300) & (paging | MSTATUS_TW | MSTATUS_TSR | MSTATUS_MPRV),
                     MSTATUS_TW | MSTATUS_TSR | MSTATUS_MPRV);
    csrw(h, 0x100, UINT64_MAX);
    assert_int_equal(csrr(h, 0x100) & paging, 0);
    fixture_close(&fix);
    h = fixture_hart(&fix, "rv64i_zicsr_sv39");
    csrw(h, 0x300, UINT64_MAX);
    assert_int_equal(csrr(h, 0x300) & paging, paging);
    fixture_close(&fix);
}

/* Double traps: MIE and SIE cannot be set while MDT and SDT are, whatever else is written. */
static void test_double_trap_bits(void **state)
{
    (void)state;
    const uint64_t xl = 0xa00000000;
    struct rv_hart *h = fixture_hart(&fix, "rv64gc_smdbltrp");
    assert_int_equal(csrr(h, 0x300), xl | MSTATUS_MDT); /* reset */
    assert_true(access_csr(h, 0x300, CSR_SET, MSTATUS_MIE, true, NULL));
    assert_int_equal(csrr(h, 0x300), xl | MSTATUS_MDT);
    csrw(h, 0x300, MSTATUS_MIE); /* MDT is being cleared by the same write */
    assert_int_equal(csrr(h, 0x300), xl | MSTATUS_MIE);
    csrw(h, 0x300, MSTATUS_MIE | MSTATUS_MDT);
    assert_int_equal(csrr(h, 0x300), xl | MSTATUS_MDT);
    csrw(h, 0x300, MSTATUS_SDT); /* needs menvcfg.DTE */
    assert_int_equal(csrr(h, 0x300), xl);
    csrw(h, 0x30a, ENVCFG_DTE);
    csrw(h, 0x100, MSTATUS_SIE);
    csrw(h, 0x100, MSTATUS_SIE | MSTATUS_SDT);
    assert_int_equal(csrr(h, 0x100), 0x200000000 | MSTATUS_SDT);
    assert_true(access_csr(h, 0x100, CSR_SET, MSTATUS_SIE, true, NULL));
    assert_int_equal(csrr(h, 0x100) & MSTATUS_SIE, 0);
    csrw(h, 0x300, MSTATUS_MIE | MSTATUS_SDT); /* one does not concern the other */
    assert_int_equal(csrr(h, 0x300), xl | MSTATUS_SDT | MSTATUS_MIE);
    csrw(h, 0x30a, 0);
    assert_int_equal(csrr(h, 0x300), xl | MSTATUS_MIE);
    csrw(h, 0x30a, ENVCFG_DTE);
    assert_int_equal(csrr(h, 0x300), xl | MSTATUS_MIE);
    fixture_close(&fix);
    h = fixture_hart(&fix, "rv64gc_sv39");
    csrw(h, 0x30a, UINT64_MAX);
    csrw(h, 0x300, UINT64_MAX);
    assert_int_equal(csrr(h, 0x300) & (MSTATUS_MDT | MSTATUS_SDT), 0);
    assert_int_equal(csrr(h, 0x30a) & ENVCFG_DTE, 0);
    assert_false(access_csr(h, 0x34b, CSR_SET, 0, false, NULL));
    fixture_close(&fix);
}

static void test_rnmi_registers(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, "rv64gc_smrnmi");
    assert_int_equal(csrr(h, 0x744), 0); /* reset: NMIE = 0 */
    csrw(h, 0x740, UINT64_MAX);
    assert_int_equal(csrr(h, 0x740), UINT64_MAX);
    csrw(h, 0x741, UINT64_MAX);
    assert_int_equal(csrr(h, 0x741), ~1ull);
    csrw(h, 0x742, 1ull << 63 | 5);
    assert_int_equal(csrr(h, 0x742), 1ull << 63 | 5);
    csrw(h, 0x744, 2ull << 11); /* MNPP = 2 is reserved */
    assert_int_equal(csrr(h, 0x744), 0);
    csrw(h, 0x744, UINT64_MAX);
    assert_int_equal(csrr(h, 0x744), MNSTATUS_MNPP | MNSTATUS_NMIE);
    csrw(h, 0x744, 1ull << 11); /* NMIE cannot be cleared */
    assert_int_equal(csrr(h, 0x744), 1ull << 11 | MNSTATUS_NMIE);
    for (unsigned csr = 0x740; csr <= 0x744; csr++) {
        h->priv = PRIV_M;
        assert_int_equal(access_csr(h, csr, CSR_SET, 0, false, NULL), csr != 0x743);
        h->priv = PRIV_S;
        assert_false(access_csr(h, csr, CSR_SET, 0, false, NULL));
    }
    fixture_close(&fix);
    h = fixture_hart(&fix, "rv64ima_smrnmi"); /* IALIGN 32 */
    csrw(h, 0x741, UINT64_MAX);
    assert_int_equal(csrr(h, 0x741), ~3ull);
    fixture_close(&fix);
}

/* --- privilege --- */

struct rights {
    unsigned csr;
    const char *read, *write; /* the modes that may, of "USM" */
};

static const struct rights matrix[] = {
    {0x001, "USM", "USM"}, {0x002, "USM", "USM"}, {0x003, "USM", "USM"}, {0x100, "SM", "SM"},
    {0x104, "SM", "SM"},   {0x105, "SM", "SM"},   {0x106, "SM", "SM"},   {0x10a, "SM", "SM"},
    {0x140, "SM", "SM"},   {0x141, "SM", "SM"},   {0x142, "SM", "SM"},   {0x143, "SM", "SM"},
    {0x144, "SM", "SM"},   {0x14d, "SM", "SM"},   {0x180, "SM", "SM"},   {0x300, "M", "M"},
    {0x301, "M", "M"},     {0x302, "M", "M"},     {0x303, "M", "M"},     {0x304, "M", "M"},
    {0x305, "M", "M"},     {0x306, "M", "M"},     {0x30a, "M", "M"},     {0x320, "M", "M"},
    {0x323, "M", "M"},     {0x340, "M", "M"},     {0x341, "M", "M"},     {0x342, "M", "M"},
    {0x343, "M", "M"},     {0x344, "M", "M"},     {0x3a0, "M", "M"},     {0x3a1, "", ""},
    {0x3a2, "M", "M"},     {0x3a3, "", ""},       {0x3a4, "", ""},       {0x3b0, "M", "M"},
    {0x3bf, "M", "M"},     {0x3c0, "", ""},       {0xb00, "M", "M"},     {0xb01, "", ""},
    {0xb02, "M", "M"},     {0xb1f, "M", "M"},     {0xc00, "USM", ""},    {0xc01, "USM", ""},
    {0xc02, "USM", ""},    {0xc1f, "USM", ""},    {0xc80, "", ""},       {0xf11, "M", ""},
    {0x321, "M", "M"},     {0x322, "M", "M"},     {0x33f, "M", "M"},     {0xda0, "SM", ""},
    {0xf12, "M", ""},      {0xf13, "M", ""},      {0xf14, "M", ""},      {0xf15, "M", ""},
    {0x600, "", ""},       {0x200, "", ""},       {0x747, "M", "M"},     {0x008, "", ""},
    {0x30c, "M", "M"},     {0x30f, "M", "M"},     {0x10c, "SM", "SM"},   {0x10f, "SM", "SM"},
    {0x310, "", ""},       {0x000, "", ""},       {0xfff, "", ""},
};

static void check_rights(struct rv_hart *h, const struct rights *r, char mode, enum rv_priv priv)
{
    bool may_read = strchr(r->read, mode), may_write = strchr(r->write, mode);
    uint64_t old = 0;
    h->priv = (uint8_t)priv;
    if (access_csr(h, r->csr, CSR_SET, 0, false, &old) != may_read)
        fail_msg("read of CSR %#x in %c", r->csr, mode);
    if (access_csr(h, r->csr, CSR_SET, 0, true, NULL) != may_write)
        fail_msg("csrrs with a written zero of CSR %#x in %c", r->csr, mode);
    if (access_csr(h, r->csr, CSR_WRITE, old, true, NULL) != may_write)
        fail_msg("write of CSR %#x in %c", r->csr, mode);
}

static void test_privilege(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(matrix); i++) {
        struct rv_hart *h = fixture_hart(&fix, NULL);
        h->csr.mstatus |= MSTATUS_FS;
        h->csr.mcounteren = h->csr.scounteren = 0xffffffff;
        h->csr.menvcfg = ENVCFG_STCE;
        for (unsigned n = 0; n < 4; n++)
            csrw(h, 0x30c + n, UINT64_MAX);
        check_rights(h, &matrix[i], 'U', PRIV_U);
        check_rights(h, &matrix[i], 'S', PRIV_S);
        check_rights(h, &matrix[i], 'M', PRIV_M);
        fixture_close(&fix);
    }
}

enum {
    CSRS_DEFINED = 0
#define CSR(number, name, ext, check, get, set) +1
#define FIELD(number, name, ext, member, mask)  +1
#include "isa/riscv/csrs.def"
};

/* Every number that the table does not name is illegal even in M. */
static void test_unknown_numbers(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    unsigned known = 0;
    h->csr.mstatus |= MSTATUS_FS;
    for (unsigned csr = 0; csr < 4096; csr++) {
        uint64_t v;
        bool ok = access_csr(h, csr, CSR_SET, 0, csr == 0x015, NULL); /* seed is always written */
        bool rnmi = csr >= 0x740 && csr <= 0x744;                     /* not there by themselves */
        assert_int_equal(ok, rv_csr_name(csr) != NULL && !rnmi);
        assert_int_equal(rv_csr_peek(h, csr, &v), ok ? 0 : -22);
        known += ok;
    }
    assert_int_equal(known, CSRS_DEFINED - 4);
    assert_null(rv_csr_name(4096));
    fixture_close(&fix);
}

static void test_conditions(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    /* FS = Off hides the floating-point CSRs in every mode. */
    for (unsigned csr = 1; csr <= 3; csr++)
        assert_false(access_csr(h, csr, CSR_SET, 0, false, NULL));
    /* TVM: satp in S but not in M. */
    h->csr.mstatus |= MSTATUS_TVM;
    assert_true(access_csr(h, 0x180, CSR_SET, 0, false, NULL));
    h->priv = PRIV_S;
    assert_false(access_csr(h, 0x180, CSR_SET, 0, false, NULL));
    /* stimecmp below M needs both bits; M needs none. */
    for (unsigned i = 0; i < 4; i++) {
        h->csr.mcounteren = i & 1 ? 2 : ~2u;
        h->csr.menvcfg = i & 2 ? ENVCFG_STCE : 0;
        h->priv = PRIV_S;
        assert_int_equal(access_csr(h, 0x14d, CSR_SET, 0, false, NULL), i == 3);
        h->priv = PRIV_M;
        assert_true(access_csr(h, 0x14d, CSR_SET, 0, false, NULL));
    }
    fixture_close(&fix);
}

/* --- seed (Zkr) --- */

#define OPST(v) ((v) >> 30)

static struct rv_hart *seeded_hart(uint64_t seed)
{
    const struct guest_config cfg = {
        .harts = 2, .engine = ENGINE_INTERP, .seed = seed, .has_seed = true};
    fixture_open(&fix, &cfg, NULL);
    rv_reset(fix.g->harts[0]);
    rv_reset(fix.g->harts[1]);
    return fix.g->harts[0];
}

/* M may always; S and U by their bits; a form that would only read is illegal everywhere. */
static void test_seed_rights(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    assert_int_equal(csrr(h, 0x747), 0);
    for (unsigned i = 0; i < 4; i++) {
        static const enum rv_priv modes[] = {PRIV_U, PRIV_S, PRIV_M};
        const bool may[] = {i & 1, i & 2, true};
        h->priv = PRIV_M;
        csrw(h, 0x747, (uint64_t)i << 8);
        assert_int_equal(csrr(h, 0x747), (uint64_t)i << 8);
        for (unsigned m = 0; m < 3; m++) {
            uint64_t v;
            h->priv = (uint8_t)modes[m];
            assert_int_equal(access_csr(h, 0x015, CSR_WRITE, 0, true, &v), may[m]);
            assert_int_equal(access_csr(h, 0x015, CSR_SET, 0, true, &v), may[m]);
            assert_int_equal(access_csr(h, 0x015, CSR_CLEAR, ~0ull, true, &v), may[m]);
            assert_false(access_csr(h, 0x015, CSR_SET, 0, false, &v));
            assert_false(access_csr(h, 0x015, CSR_CLEAR, 0, false, &v));
        }
    }
    fixture_close(&fix);
}

/* No other bit of mseccfg is there; a guest without Zkr has neither register. */
static void test_seed_exists(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, "rv64i_zkr_sv39");
    csrw(h, 0x747, UINT64_MAX);
    assert_int_equal(csrr(h, 0x747), MSECCFG_SSEED | MSECCFG_USEED);
    fixture_close(&fix);
    h = fixture_hart(&fix, "rv64i_zicsr_sv39");
    assert_false(access_csr(h, 0x747, CSR_SET, 0, false, NULL));
    assert_false(access_csr(h, 0x015, CSR_WRITE, 0, true, NULL));
    fixture_close(&fix);
}

/* Host entropy: ES16 with nothing in the reserved bits, and samples that differ. */
static void test_seed_of_host(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    uint64_t ones = 0, zeros = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint64_t v;
        assert_true(access_csr(h, 0x015, CSR_WRITE, 0, true, &v));
        assert_int_equal(v >> 16, 0x8000);
        ones |= v & 0xffff;
        zeros |= ~v & 0xffff;
    }
    assert_int_equal(ones, 0xffff); /* fails by chance once in 2^60 */
    assert_int_equal(zeros, 0xffff);
    fixture_close(&fix);
}

/* With a seed samples repeat from reset on, differ by hart and by seed, and none comes twice. */
static void test_seed_repeats(void **state)
{
    (void)state;
    enum { N = 32 };
    uint64_t v[4][N];
    struct rv_hart *h = seeded_hart(7);
    for (unsigned i = 0; i < N; i++)
        assert_true(access_csr(h, 0x015, CSR_SET, 0, true, &v[0][i]));
    rv_reset(h);
    for (unsigned i = 0; i < N; i++) {
        uint64_t look;
        assert_int_equal(rv_csr_peek(h, 0x015, &look), 0); /* a look takes nothing */
        assert_true(access_csr(h, 0x015, CSR_WRITE, i, true, &v[1][i]));
        assert_int_equal(look, v[1][i]);
        assert_true(access_csr(fix.g->harts[1], 0x015, CSR_WRITE, i, true, &v[2][i]));
    }
    fixture_close(&fix);
    h = seeded_hart(8);
    for (unsigned i = 0; i < N; i++)
        assert_true(access_csr(h, 0x015, CSR_WRITE, 0, true, &v[3][i]));
    fixture_close(&fix);
    assert_memory_equal(v[0], v[1], sizeof(v[0]));
    assert_memory_not_equal(v[0], v[2], sizeof(v[0]));
    assert_memory_not_equal(v[0], v[3], sizeof(v[0]));
    for (unsigned i = 1; i < N; i++)
        assert_int_not_equal(v[0][i], v[0][i - 1]);
}

/* csrrw with rd = x0 does not read, but takes the sample all the same. */
static void test_seed_flush(void **state)
{
    (void)state;
    uint64_t first, second, v;
    struct rv_hart *h = seeded_hart(7);
    assert_true(access_csr(h, 0x015, CSR_WRITE, 0, true, &first));
    assert_true(access_csr(h, 0x015, CSR_WRITE, 0, true, &second));
    rv_reset(h);
    assert_true(rv_csr_access(h, 0x015, CSR_WRITE, 0, false, true, RAW, &v));
    assert_true(access_csr(h, 0x015, CSR_WRITE, 0, true, &v));
    assert_int_equal(v, second);
    assert_int_equal(OPST(v), 2);
    assert_int_not_equal(first, second);
    fixture_close(&fix);
}

/* Smstateen: each bit of mstateen0-3 takes what is behind it from S, not from M. */
static void test_stateen(void **state)
{
    (void)state;
    static const unsigned csrs[] = {0x10a, 0x10c, 0x10d, 0x10e, 0x10f, 0x5a8};
    static const unsigned of[] = {0, 0, 1, 2, 3, 0}, bits[] = {62, 63, 63, 63, 63, 57};
    struct rv_hart *h = fixture_hart(&fix, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(csrs); i++) {
        for (unsigned n = 0; n < 4; n++)
            assert_int_equal(csrr(h, 0x30c + n), 0); /* reset, and put back */
        unsigned n = of[i];
        uint64_t bit = 1ull << bits[i];
        for (unsigned on = 0; on < 2; on++) {
            csrw(h, 0x30c + n, on ? bit : 0);
            assert_true(access_csr(h, csrs[i], CSR_WRITE, 0, true, NULL));
            for (unsigned k = 0; k < ARRAY_LEN(csrs); k++) {
                h->priv = PRIV_S;
                assert_int_equal(access_csr(h, csrs[k], CSR_SET, 0, false, NULL), on && k == i);
                assert_int_equal(access_csr(h, csrs[k], CSR_WRITE, 0, true, NULL), on && k == i);
                h->priv = PRIV_M;
            }
        }
        csrw(h, 0x30c + n, 0);
    }
    fixture_close(&fix);
    /* Ssstateen alone: nothing is held back, and there is no mstateen. */
    h = fixture_hart(&fix, "rv64i_zicsr_sv39_ssstateen");
    assert_false(access_csr(h, 0x30c, CSR_SET, 0, false, NULL));
    h->priv = PRIV_S;
    assert_int_equal(csrr(h, 0x10c), 0);
    csrw(h, 0x10a, ENVCFG_FIOM);
    fixture_close(&fix);
    h = fixture_hart(&fix, "rv64i_zicsr_sv39");
    assert_false(access_csr(h, 0x10c, CSR_SET, 0, false, NULL));
    assert_false(access_csr(h, 0x5a8, CSR_SET, 0, false, NULL));
    fixture_close(&fix);
    h = fixture_hart(&fix, "rv64i_zicsr_sv39_smstateen");
    csrw(h, 0x30c, UINT64_MAX);
    assert_int_equal(csrr(h, 0x30c), 3ull << 62);
    fixture_close(&fix);
}

/* Each counter by its own bit; U needs it in both registers. */
static void test_counter_enables(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    for (unsigned n = 0; n < 32; n++) {
        for (unsigned i = 0; i < 4; i++) {
            h->csr.mcounteren = i & 1 ? 1ull << n : ~(1ull << n);
            h->csr.scounteren = i & 2 ? 1ull << n : ~(1ull << n);
            h->priv = PRIV_M;
            assert_true(access_csr(h, 0xc00 + n, CSR_SET, 0, false, NULL));
            h->priv = PRIV_S;
            assert_int_equal(access_csr(h, 0xc00 + n, CSR_SET, 0, false, NULL), i & 1);
            h->priv = PRIV_U;
            assert_int_equal(access_csr(h, 0xc00 + n, CSR_SET, 0, false, NULL), i == 3);
        }
    }
    fixture_close(&fix);
}

/* --- read-modify-write --- */

static void test_set_clear(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    uint64_t old;
    csrw(h, 0x340, 0xf0);
    assert_true(access_csr(h, 0x340, CSR_SET, 0x0f, true, &old));
    assert_int_equal(old, 0xf0);
    assert_true(access_csr(h, 0x340, CSR_CLEAR, 0x81, true, &old));
    assert_int_equal(old, 0xff);
    assert_int_equal(csrr(h, 0x340), 0x7e);
    /* MPP is set by bits that are legal together with those that are there. */
    csrw(h, 0x300, 1ull << 11);
    assert_true(access_csr(h, 0x300, CSR_SET, 2ull << 11, true, NULL));
    assert_int_equal(bits_get(csrr(h, 0x300), 12, 11), 3);
    fixture_close(&fix);
}

/* The example of the manual at mip: B the software bit, E the wire. */
static void test_seip(void **state)
{
    (void)state;
    const uint64_t seip = 1 << 9;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    uint64_t old;
    hart_irq_raise(&h->hart, seip);
    assert_true(access_csr(h, 0x344, CSR_SET, 1 << 5, true, &old)); /* STIP; E must not enter B */
    assert_int_equal(old & seip, seip);
    hart_irq_lower(&h->hart, seip);
    assert_int_equal(csrr(h, 0x344), 1 << 5);
    assert_true(access_csr(h, 0x344, CSR_SET, seip, true, &old));
    assert_int_equal(old & seip, 0);
    assert_int_equal(csrr(h, 0x344) & seip, seip);
    hart_irq_raise(&h->hart, seip);
    assert_true(access_csr(h, 0x344, CSR_CLEAR, seip, true, &old));
    assert_int_equal(csrr(h, 0x344) & seip, seip); /* E still */
    hart_irq_lower(&h->hart, seip);
    assert_int_equal(csrr(h, 0x344) & seip, 0);
    fixture_close(&fix);
}

/* Another hart raises SSIP between the read and the write of a csrrc that does not name it. */
static void test_ssip_not_lost(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    csrw(h, 0x303, 0x222);
    h->priv = PRIV_S;
    hart_irq_raise(&h->hart, 2);
    assert_true(access_csr(h, 0x144, CSR_CLEAR, 0x20, true, NULL));
    assert_int_equal(hart_irqs(&h->hart), 2);
    assert_true(access_csr(h, 0x144, CSR_SET, 0x20, true, NULL));
    assert_int_equal(hart_irqs(&h->hart), 2);
    assert_true(access_csr(h, 0x144, CSR_CLEAR, 2, true, NULL));
    assert_int_equal(hart_irqs(&h->hart), 0);
    assert_true(access_csr(h, 0x144, CSR_SET, 2, true, NULL));
    assert_int_equal(hart_irqs(&h->hart), 2);
    fixture_close(&fix);
}

#define RAISES 3000

struct raiser {
    struct rv_hart *h;
    unsigned round, done;
};

static void *raiser_thread(void *arg)
{
    struct raiser *r = arg;
    for (unsigned i = 1; i <= RAISES; i++) {
        while (load_acquire(&r->round) < i)
            sched_yield();
        hart_irq_raise(&r->h->hart, 2);
        store_release(&r->done, i);
    }
    return NULL;
}

/* The same with a thread that raises it at any moment of the csrrc. */
static void test_ssip_race(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    struct raiser r = {.h = h};
    pthread_t thread;
    csrw(h, 0x303, 0x222);
    assert_int_equal(pthread_create(&thread, NULL, raiser_thread, &r), 0);
    for (unsigned i = 1; i <= RAISES; i++) {
        csrw(h, 0x144, 0);
        store_release(&r.round, i);
        do
            assert_true(access_csr(h, 0x144, CSR_CLEAR, 0x20, true, NULL));
        while (load_acquire(&r.done) < i);
        assert_int_equal(hart_irqs(&h->hart), 2);
    }
    pthread_join(thread, NULL);
    fixture_close(&fix);
}

/* sie and sip show and change what mideleg gives to S, no more. */
static void test_supervisor_views(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    csrw(h, 0x304, 0xaaa);
    csrw(h, 0x344, 0x222);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t deleg = (i & 1 ? 2 : 0) | (i & 2 ? 0x20 : 0) | (i & 4 ? 0x200 : 0);
        csrw(h, 0x303, deleg);
        csrw(h, 0x304, 0xaaa);
        assert_int_equal(csrr(h, 0x104), deleg);
        assert_int_equal(csrr(h, 0x144), deleg);
        csrw(h, 0x104, 0);
        assert_int_equal(csrr(h, 0x304), 0xaaa & ~deleg);
        csrw(h, 0x144, 0); /* only SSIP can be cleared, and only if delegated */
        assert_int_equal(csrr(h, 0x344), deleg & 2 ? 0x220 : 0x222);
        csrw(h, 0x344, 0x222);
    }
    fixture_close(&fix);
}

static void test_sstatus_view(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    csrw(h, 0x300, UINT64_MAX);
    csrw(h, 0x100, 0);
    assert_int_equal(csrr(h, 0x300), 0xa00721888); /* M's own fields stay */
    csrw(h, 0x300, 0);
    csrw(h, 0x100, UINT64_MAX);
    assert_int_equal(csrr(h, 0x300), 0x8000000a000c6122);
    fixture_close(&fix);
}

/* --- counters --- */

static void retire(struct rv_hart *h, uint64_t n)
{
    h->insns += n;
}

/* The value written is the value that the next instruction reads. */
static void test_minstret(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    for (unsigned csr = 0xb00; csr <= 0xb02; csr += 2) {
        retire(h, 1000);
        csrw(h, csr, 5);
        retire(h, 1);
        assert_int_equal(csrr(h, csr), 5);
        retire(h, 1);
        assert_int_equal(csrr(h, csr), 6);
        assert_int_equal(csrr(h, csr + 0x100), 6); /* its unprivileged shadow */
        csrw(h, csr, UINT64_MAX);
        retire(h, 2);
        assert_int_equal(csrr(h, csr), 0);
    }
    fixture_close(&fix);
}

static void test_inhibit(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    csrw(h, 0xb02, 100);
    retire(h, 1);
    csrw(h, 0x320, 4); /* counts itself, then stands */
    retire(h, 1);
    assert_int_equal(csrr(h, 0xb02), 101);
    retire(h, 50);
    assert_int_equal(csrr(h, 0xb02), 101);
    csrw(h, 0xb02, 7);
    retire(h, 1);
    assert_int_equal(csrr(h, 0xb02), 7);
    csrw(h, 0x320, 1); /* instret runs after this one, cycle stands */
    retire(h, 1);
    uint64_t cycle = csrr(h, 0xb00);
    assert_int_equal(csrr(h, 0xb02), 7);
    retire(h, 3);
    assert_int_equal(csrr(h, 0xb02), 10);
    assert_int_equal(csrr(h, 0xb00), cycle);
    fixture_close(&fix);
}

static void test_time(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    uint64_t before = gclock_now(&fix.clock), now = csrr(h, 0xc01);
    assert_true(before <= now && now <= gclock_now(&fix.clock));
    fixture_close(&fix);
}

/* --- the debugger's way --- */

static void test_peek_poke(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    uint64_t v;
    h->priv = PRIV_U;
    assert_int_equal(rv_csr_poke(h, 0x300, 8), 0);
    assert_int_equal(rv_csr_peek(h, 0x300, &v), 0);
    assert_int_equal(v, 0xa00000008);
    retire(h, 77);
    assert_int_equal(rv_csr_poke(h, 0xb02, 1000), 0);
    assert_int_equal(rv_csr_peek(h, 0xb02, &v), 0);
    assert_int_equal(v, 1000);
    assert_int_equal(h->insns, 77);
    assert_int_equal(rv_csr_poke(h, 0x7c0, 0), -22);
    assert_string_equal(rv_csr_name(0x14d), "stimecmp");
    assert_string_equal(rv_csr_name(0xc1f), "hpmcounter31");
    assert_null(rv_csr_name(0x3a1));
    fixture_close(&fix);
}

/* --- what the run loop is asked for --- */

static const struct {
    unsigned csr;
    uint64_t mstatus, value;
    uint32_t expect;  /* attention */
    uint64_t pending; /* interrupts, enabled in mie */
} attention[] = {
    {0x140, 0, 1, 0, 0},
    {0x141, 0, 2, 0, 0},
    {0x142, 0, 5, 0, 0},
    {0x143, 0, 5, 0, 0},
    {0x340, 0, 5, 0, 0},
    {0x106, 0, 5, 0, 0},
    {0x105, 0, 0x100, 0, 0},
    {0x100, 0, MSTATUS_SIE, 0, 0},
    {0x100, 0, MSTATUS_SIE, RV_ATTEND_IRQ, 2},
    {0x100, MSTATUS_SIE, 0, 0, 0}, /* interrupts off: nothing to look for */
    {0x100, MSTATUS_SIE, 0, 0, 2},
    {0x100, 0, MSTATUS_SUM, 0, 0}, /* done at once: test_sum_at_once */
    {0x100, MSTATUS_SUM, MSTATUS_SUM, 0, 0},
    {0x100, 0, MSTATUS_MXR, RV_ATTEND_MMU, 0},
    {0x100, 0, MSTATUS_FS, 0, 0},
    {0x300, 0, MSTATUS_MIE, 0, 0},
    {0x300, 0, MSTATUS_MIE, RV_ATTEND_IRQ, 2},
    {0x300, 0, MSTATUS_MPRV, RV_ATTEND_MMU, 0},
    {0x300, 0, MSTATUS_MPP, 0, 0},
    {0x300, MSTATUS_MPRV, MSTATUS_MPRV | MSTATUS_MPP, RV_ATTEND_MMU, 0},
    {0x180, 0, 8ull << 60 | 1, RV_ATTEND_MMU, 0},
    {0x180, 0, 0, 0, 0},
    {0x180, 0, 1ull << 60, 0, 0},
    {0x304, 0, 0x20, RV_ATTEND_IRQ, 0},
    {0x104, 0, 0x20, RV_ATTEND_IRQ, 0},
    {0x303, 0, 0x20, RV_ATTEND_IRQ, 0},
    {0x344, 0, 0x200, RV_ATTEND_IRQ, 0},
    {0x30a, 0, ENVCFG_ADUE, RV_ATTEND_MMU, 0},
    {0x30a, 0, ENVCFG_PBMTE, RV_ATTEND_MMU, 0},
    {0x30a, 0, ENVCFG_CBZE, 0, 0},
    {0x3a0, 0, 0x1f, RV_ATTEND_MMU, 0},
    {0x3b0, 0, 0x1f, RV_ATTEND_MMU, 0},
};

static void test_attention(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(attention); i++) {
        struct rv_hart *h = fixture_hart(&fix, NULL);
        h->csr.mstatus = attention[i].mstatus;
        h->csr.mip_soft = h->csr.mie = attention[i].pending;
        csrw(h, attention[i].csr, attention[i].value);
        if (h->attention != attention[i].expect)
            fail_msg("row %u: attention %#x, expected %#x", i, h->attention, attention[i].expect);
        fixture_close(&fix);
    }
}

/* SUM alone: data accesses have another context at once, and the old one again afterwards. */
static void test_sum_at_once(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    h->priv = PRIV_S;
    csrw(h, 0x180, 8ull << 60 | 1);
    rv_mmu_update(h);
    uint64_t without = h->hart.tlb.ctx[TLB_READ], fetch = h->hart.tlb.ctx[TLB_FETCH];
    h->attention = 0;
    csrw(h, 0x100, MSTATUS_SUM);
    assert_true(h->hart.tlb.ctx[TLB_READ] != without);
    assert_true(h->hart.tlb.ctx[TLB_FETCH] == fetch);
    csrw(h, 0x100, 0);
    assert_true(h->hart.tlb.ctx[TLB_READ] == without);
    assert_int_equal(h->attention, 0);
    fixture_close(&fix);
}

/* Writes of the floating-point CSRs make FS dirty, reads do not. */
static void test_fs_dirty(void **state)
{
    (void)state;
    struct rv_hart *h = fixture_hart(&fix, NULL);
    for (unsigned csr = 1; csr <= 3; csr++) {
        csrw(h, 0x300, 1ull << 13);
        csrr(h, csr);
        assert_int_equal(csrr(h, 0x300) & MSTATUS_FS, 1ull << 13);
        csrw(h, csr, 0);
        assert_int_equal(csrr(h, 0x300) & (MSTATUS_FS | MSTATUS_SD), MSTATUS_FS | MSTATUS_SD);
    }
    csrw(h, 0x003, 0x6b);
    assert_int_equal(csrr(h, 0x001), 0x0b);
    assert_int_equal(csrr(h, 0x002), 3);
    fixture_close(&fix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warl),
        cmocka_unit_test(test_warl_reduced),
        cmocka_unit_test(test_privilege),
        cmocka_unit_test(test_unknown_numbers),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_counter_enables),
        cmocka_unit_test(test_stateen),
        cmocka_unit_test(test_seed_rights),
        cmocka_unit_test(test_seed_exists),
        cmocka_unit_test(test_seed_of_host),
        cmocka_unit_test(test_seed_repeats),
        cmocka_unit_test(test_seed_flush),
        cmocka_unit_test(test_set_clear),
        cmocka_unit_test(test_seip),
        cmocka_unit_test(test_ssip_not_lost),
        cmocka_unit_test(test_ssip_race),
        cmocka_unit_test(test_supervisor_views),
        cmocka_unit_test(test_sstatus_view),
        cmocka_unit_test(test_minstret),
        cmocka_unit_test(test_inhibit),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_warl_bare),
        cmocka_unit_test(test_double_trap_bits),
        cmocka_unit_test(test_rnmi_registers),
        cmocka_unit_test(test_peek_poke),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_sum_at_once),
        cmocka_unit_test(test_fs_dirty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
