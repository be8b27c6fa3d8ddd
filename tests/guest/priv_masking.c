/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 timeout=60 cpu=rv64,smmpm=on,smnpm=on,ssnpm=on
 *
 * Pointer masking (Smmpm, Smnpm, Ssnpm): the three PMM fields, what they do to
 * physical and to virtual addresses of M, S and U, which accesses they are for,
 * MPRV and MXR, stval, and that what was found by a tagged address is dropped
 * by a fence for the plain one.
 */
#include "guest.h"
#include "paging.h"

#define PMM(v) ((unsigned long)(v) << 32)
#define PMM_7  PMM(2)
#define PMM_16 PMM(3)

static union {
    uint64_t word[2][512];
    unsigned char byte[2 * PAGE];
} area __attribute__((aligned(8192)));

static void set_pmm(int mode, unsigned long pmm)
{
    if (mode == PRIV_M)
        csr_write(0x747, pmm); /* mseccfg */
    else if (mode == PRIV_S)
        csr_write(0x30a, (csr_read(0x30a) & ~PMM(3)) | pmm); /* menvcfg */
    else
        csr_write(0x10a, (csr_read(0x10a) & ~PMM(3)) | pmm); /* senvcfg */
}

static unsigned long get_pmm(int mode)
{
    unsigned long v = mode == PRIV_M   ? csr_read(0x747)
                      : mode == PRIV_S ? csr_read(0x30a)
                                       : csr_read(0x10a);
    return v & PMM(3);
}

static const int modes[] = {PRIV_U, PRIV_S, PRIV_M};
/* QEMU 10 keeps mseccfg.PMM zero, or for ever if there is Smepmp. */
#if GUEST_HTIF
#define MODES 3u
#else
#define MODES 2u
#endif

static const struct {
    unsigned long pmm;
    unsigned bits;
} lengths[] = {{0, 0}, {PMM_7, 7}, {PMM_16, 16}};

#define FINE ~0UL

static unsigned long tagged(unsigned long va, unsigned bits, unsigned long tag)
{
    return bits ? va << bits >> bits | tag << (64 - bits) : va;
}

static void fill_area(void)
{
    for (unsigned i = 0; i < 512; i++) {
        area.word[0][i] = 0x1000 + i;
        area.word[1][i] = 0x2000 + i;
    }
}

static void test_fields(void)
{
    for (unsigned m = 0; m < MODES; m++) {
        CHECK_EQ(get_pmm(modes[m]), 0);
        set_pmm(modes[m], PMM_16);
        for (unsigned o = 0; o < 3; o++)
            CHECK_EQ(get_pmm(modes[o]), o == m ? PMM_16 : 0);
        set_pmm(modes[m], PMM_7);
        CHECK_EQ(get_pmm(modes[m]), PMM_7);
        set_pmm(modes[m], PMM(1)); /* reserved: any legal value may be read */
        CHECK(get_pmm(modes[m]) != PMM(1));
        set_pmm(modes[m], 0);
        CHECK_EQ(get_pmm(modes[m]), 0);
    }
}

/* Each bit of a physical address is ignored or not. */
static void test_physical(void)
{
    unsigned long va = (unsigned long)&area.word[0][5];
    fill_area();
    for (unsigned m = 0; m < MODES; m++)
        for (unsigned l = 0; l < 3; l++) {
            set_pmm(modes[m], lengths[l].pmm);
            for (unsigned b = 40; b < 64; b++) {
                uint64_t v;
                unsigned long a = va | 1UL << b;
                bool masked = b >= 64 - lengths[l].bits;
                CHECK_EQ(probe_load(a, modes[m], 0, &v), masked ? FINE : CAUSE_LOAD_ACCESS);
                if (masked)
                    CHECK_EQ(v, 0x1005);
                else
                    CHECK_EQ(probed.tval, a);
                CHECK_EQ(probe_store(a, modes[m], 0, 0x1005), masked ? FINE : CAUSE_STORE_ACCESS);
            }
            /* tval has the address without its tag. */
            unsigned long bad = va | 1UL << 46;
            CHECK_EQ(probe_load(tagged(bad, lengths[l].bits, 0x55), modes[m], 0, NULL),
                     CAUSE_LOAD_ACCESS);
            CHECK_EQ(probed.tval, bad);
            set_pmm(modes[m], 0);
        }
}

static void check_virtual(int mode, unsigned bits, unsigned long va, uint64_t value)
{
    for (unsigned long tag = 0; tag<1UL << bits; tag += bits> 7 ? 0x1111 : 3) {
        uint64_t v;
        CHECK_EQ(probe_load(tagged(va, bits, tag), mode, MSTATUS_SUM, &v), FINE);
        CHECK_EQ(v, value);
        CHECK_EQ(probe_store(tagged(va, bits, tag), mode, MSTATUS_SUM, value), FINE);
    }
    /* The bit below the tag counts: page faults, with an address that is sign-extended. */
    unsigned long bad = va ^ 1UL << (63 - bits);
    unsigned long expect = bits ? (unsigned long)((long)(bad << bits) >> bits) : bad;
    CHECK_EQ(probe_load(tagged(bad, bits, 0x2a), mode, MSTATUS_SUM, NULL), CAUSE_LOAD_PAGE);
    CHECK_EQ(probed.tval, expect);
    CHECK_EQ(probe_store(tagged(bad, bits, 0x2a), mode, MSTATUS_SUM, 0), CAUSE_STORE_PAGE);
    CHECK_EQ(probed.tval, expect);
}

#define LOW  0x1000000000UL
#define HIGH 0xffffffc000002000UL

static void test_virtual(void)
{
    fill_area();
    for (unsigned levels = 3; levels <= 5; levels++) {
        CHECK(paging_begin(levels));
        for (unsigned m = 0; m < 2; m++) {
            uint64_t flags = PTE_V | PTE_RWX | PTE_AD | (modes[m] == PRIV_U ? PTE_U : 0);
            paging_map(LOW, (unsigned long)area.word[0], 0, flags);
            paging_map(HIGH, (unsigned long)area.word[1], 0, flags);
            for (unsigned l = 0; l < 3; l++) {
                set_pmm(modes[m], lengths[l].pmm);
                check_virtual(modes[m], lengths[l].bits, LOW + 8, 0x1001);
                check_virtual(modes[m], lengths[l].bits, HIGH + 16, 0x2002);
                set_pmm(modes[m], 0);
            }
        }
        paging_end();
    }
}

/* Sv57 has more bits than PMLEN 16 leaves; then these do not count either. */
static void test_vbits(void)
{
    uint64_t v;
    fill_area();
    CHECK(paging_begin(5));
    paging_map(LOW, (unsigned long)area.word[0], 0, PTE_V | PTE_RWX | PTE_AD);
    set_pmm(PRIV_S, PMM_7);
    CHECK_EQ(probe_load(LOW | 1UL << 50, PRIV_S, 0, NULL), CAUSE_LOAD_PAGE);
    set_pmm(PRIV_S, PMM_16);
    CHECK_EQ(probe_load(LOW | 1UL << 50, PRIV_S, 0, &v), FINE);
    CHECK_EQ(v, 0x1000);
    set_pmm(PRIV_S, 0);
    paging_end();
}

/* The field of the effective privilege alone; changes need no fence. */
static void test_modes(void)
{
    unsigned long a = tagged((unsigned long)&area, 7, 0x7f);
    for (unsigned m = 0; m < MODES; m++)
        for (unsigned round = 0; round < 3; round++) {
            set_pmm(modes[m], PMM_7);
            for (unsigned o = 0; o < 3; o++)
                CHECK_EQ(probe_load(a, modes[o], 0, NULL), o == m ? FINE : CAUSE_LOAD_ACCESS);
            set_pmm(modes[m], 0);
            CHECK_EQ(probe_load(a, modes[m], 0, NULL), CAUSE_LOAD_ACCESS);
        }
}

static unsigned long load8(unsigned long a)
{
    return *(volatile unsigned long *)a;
}

/* MXR switches masking off below M, also where there is no translation; not in M. */
static void test_mxr(void)
{
    unsigned long a = tagged((unsigned long)&area, 16, 0xffff);
    for (unsigned m = 0; m < 2; m++) {
        set_pmm(modes[m], PMM_16);
        CHECK_EQ(probe_load(a, modes[m], MSTATUS_MXR, NULL), CAUSE_LOAD_ACCESS);
        CHECK_EQ(probed.tval, a);
        CHECK_EQ(probe_load(a, modes[m], 0, NULL), FINE);
        set_pmm(modes[m], 0);
    }
    if (MODES < 3)
        return;
    set_pmm(PRIV_M, PMM_16);
    csr_set(mstatus, MSTATUS_MXR);
    CHECK_EQ(load8(a), area.word[0][0]);
    csr_clear(mstatus, MSTATUS_MXR);
    set_pmm(PRIV_M, 0);
}

static unsigned long jump(unsigned long a)
{
    return ((unsigned long (*)(unsigned long))a)(a);
}

/* Fetches are not masked. */
static void test_fetch(void)
{
    unsigned long a = tagged((unsigned long)load8, 7, 0x41);
    for (unsigned m = 0; m < MODES; m++) {
        set_pmm(modes[m], PMM_7);
        CHECK_EQ(probe_call((unsigned long)jump, (unsigned)modes[m], a, NULL), CAUSE_FETCH_ACCESS);
        CHECK_EQ(probed.tval, a);
        set_pmm(modes[m], 0);
    }
}

/* Every kind of access, natively. */
static unsigned long kinds(unsigned long unused)
{
    (void)unused;
    unsigned long plain = (unsigned long)&area.word[0][16], a = tagged(plain, 16, 0xbeef);
    unsigned long v, failed;
    double d;
    fill_area();
    __asm__ volatile("amoadd.d %0, %1, (%2)" : "=r"(v) : "r"(3UL), "r"(a) : "memory");
    CHECK_EQ(v, 0x1010);
    CHECK_EQ(area.word[0][16], 0x1013);
    /* A reservation is one of memory, whatever the tags. */
    __asm__ volatile("lr.d %0, (%3)\nsc.d %1, %2, (%4)"
                     : "=&r"(v), "=&r"(failed)
                     : "r"(7UL), "r"(a), "r"(plain)
                     : "memory");
    CHECK_EQ(v, 0x1013);
    CHECK_EQ(failed, 0);
    CHECK_EQ(area.word[0][16], 7);
    area.word[0][17] = 0x4000000000000000; /* 2.0 */
    __asm__ volatile("fld %0, 8(%1)\nfsd %0, 16(%1)" : "=f"(d) : "r"(a) : "memory");
    CHECK_EQ(area.word[0][18], 0x4000000000000000);
    __asm__ volatile(".insn i 0x0f, 2, x0, %0, 4" : : "r"(a + 64) : "memory"); /* cbo.zero */
    for (unsigned i = 23; i < 33; i++)
        CHECK_EQ(area.word[0][i], i >= 24 && i < 32 ? 0 : 0x1000 + i);
    /* Many times, so that it is not the first access only. */
    for (unsigned i = 0; i < 1000; i++) {
        *(volatile unsigned *)(a + 4 * (i & 7)) = i;
        CHECK_EQ(*(volatile unsigned *)(plain + 4 * (i & 7)), i);
        CHECK_EQ(load8(tagged(plain, 16, i) + 256), 0x1030);
    }
    /* Across a page. */
    a = tagged((unsigned long)area.word[1] - 4, 16, 0x1234);
    CHECK_EQ(load8(a), 0x2000UL << 32);
    *(volatile unsigned long *)a = 0x1122334455667788;
    CHECK_EQ(area.word[0][511] >> 32, 0x55667788);
    CHECK_EQ(area.word[1][0] & 0xffffffff, 0x11223344);
    return 0;
}

static void test_kinds(void)
{
    csr_set(0x30a, 1UL << 7); /* menvcfg.CBZE, senvcfg.CBZE */
    csr_set(0x10a, 1UL << 7);
    for (unsigned m = 0; m < MODES; m++) {
        set_pmm(modes[m], PMM_16);
        guest_run_in(modes[m], kinds, 0);
        set_pmm(modes[m], 0);
    }
}

/* A fence for an address reaches what was found by any spelling of it. */
static void test_fence(void)
{
    uint64_t v;
    fill_area();
    CHECK(paging_begin(3));
    set_pmm(PRIV_S, PMM_7);
    for (unsigned i = 0; i < 64; i++) {
        unsigned long a = tagged(LOW, 7, i & 3 ? i : 0), page = (unsigned long)area.word[i & 1];
        *paging_entry(LOW, 0) = pte_make(page, PTE_V | PTE_RWX | PTE_AD);
        __asm__ volatile("sfence.vma %0, zero" : : "r"(LOW) : "memory");
        for (unsigned n = 0; n < 4; n++) {
            CHECK_EQ(probe_load(tagged(a, 7, n * 5), PRIV_S, 0, &v), FINE);
            CHECK_EQ(v, i & 1 ? 0x2000 : 0x1000);
            CHECK_EQ(probe_store(tagged(a, 7, n * 5) + 8, PRIV_S, 0, i), FINE);
        }
        CHECK_EQ(area.word[i & 1][1], i);
    }
    set_pmm(PRIV_S, 0);
    paging_end();
}

#if GUEST_HTIF /* QEMU masks an access once, not byte by byte */
/* The last byte below the sign bit is followed by the first of the upper half. */
static void test_wrap(void)
{
    uint64_t v;
    fill_area();
    CHECK(paging_begin(4));
    paging_map(0x7ffffffff000, (unsigned long)area.word[0], 0, PTE_V | PTE_RWX | PTE_AD);
    paging_map(0xffff800000000000, (unsigned long)area.word[1], 0, PTE_V | PTE_RWX | PTE_AD);
    set_pmm(PRIV_S, PMM_16);
    CHECK_EQ(probe_load(0x7ffffffffffc, PRIV_S, 0, &v), FINE);
    CHECK_EQ(v, 0x2000UL << 32);
    set_pmm(PRIV_S, 0);
    CHECK_EQ(probe_load(0x7ffffffffffc, PRIV_S, 0, &v), CAUSE_LOAD_PAGE);
    paging_end();
}
#endif

int main(void)
{
    static const struct guest_case cases[] = {
        {"fields", test_fields},
        {"physical addresses", test_physical},
        {"virtual addresses", test_virtual},
        {"PMLEN beyond the unused bits", test_vbits},
        {"privilege", test_modes},
        {"MXR", test_mxr},
        {"fetches are not masked", test_fetch},
        {"kinds of accesses", test_kinds},
        {"fences", test_fence},
#if GUEST_HTIF
        {"across the sign", test_wrap},
#endif
    };
    return GUEST_RUN(cases);
}
