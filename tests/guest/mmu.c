/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1
 *
 * Translation of Sv39, Sv48 and Sv57 (Privileged, 12.3 to 12.6): page sizes,
 * every combination of permissions, A and D, canonical addresses, SFENCE.VMA,
 * ASIDs, global pages, NAPOT, accesses across pages, and what traps report.
 */
#include "paging.h"

#define VA   0x8000000UL /* nothing is there physically either */
#define NONE (~0UL)

#if GUEST_HTIF
#define AMO_FAULTS 1
#else /* QEMU 7.2 reports the faults of an AMO as a load's */
#define AMO_FAULTS 0
#endif

static struct page data[4] __attribute__((aligned(65536)));
static unsigned long levels; /* of the present run */

static unsigned long pa_of(unsigned i)
{
    return (unsigned long)&data[i];
}

/* ---- page sizes ---- */

static void test_sizes(void)
{
    uint64_t v;
    data[0].word[5] = 55;
    for (unsigned level = 0; level < levels; level++) {
        unsigned long size = PAGE << (9 * level);
        unsigned long va = size > VA ? size : VA; /* not slot 0 */
        if (level == 2)
            va = 5 * GIGA; /* not the program's */
        unsigned long pa = pa_of(0) & ~(size - 1), off = pa_of(0) & (size - 1);
        if (level >= 3)
            pa = 0; /* RAM lies in the first terabytes */
        if (level >= 3)
            off = pa_of(0);
        paging_begin((unsigned)levels);
        if (level == 4 || (level == 3 && levels == 4))
            paging_map_program(pg.root, 0);
        paging_map(va, pa, level, PTE_V | PTE_R | PTE_W | PTE_AD);
        CHECK_EQ(probe_load(va + off + 40, PRIV_S, 0, &v), NONE);
        CHECK_EQ(v, 55);
        CHECK_EQ(probe_store(va + off + 48, PRIV_S, 0, level + 100), NONE);
        CHECK_EQ(data[0].word[6], level + 100);
        if (level) { /* a superpage must be aligned */
            paging_map(va, pa + PAGE, level, PTE_V | PTE_R | PTE_W | PTE_AD);
            CHECK_EQ(probe_load(va + off, PRIV_S, 0, NULL), CAUSE_LOAD_PAGE);
            CHECK_EQ(probed.tval, va + off);
        }
    }
}

/* ---- permissions ---- */

static unsigned long want_data(uint64_t flags, unsigned mode, unsigned long status, bool store)
{
    unsigned long fault = store ? CAUSE_STORE_PAGE : CAUSE_LOAD_PAGE;
    if (!(flags & PTE_R) && flags & PTE_W)
        return fault; /* reserved */
    if (!(flags & PTE_RWX))
        return fault; /* a pointer at the last level */
    if (mode == PRIV_U ? !(flags & PTE_U) : flags & PTE_U && !(status & MSTATUS_SUM))
        return fault;
    if (store)
        return flags & PTE_W ? NONE : fault;
    return flags & PTE_R || (flags & PTE_X && status & MSTATUS_MXR) ? NONE : fault;
}

static void check_data(uint64_t flags, unsigned mode, unsigned long status)
{
    uint64_t v;
    unsigned long want = want_data(flags, mode, status, false);
    data[1].word[0] = 0x77;
    CHECK_EQ(probe_load(VA, mode, status, &v), want);
    if (want == NONE)
        CHECK_EQ(v, 0x77);
    else
        CHECK_EQ(probed.tval, VA);
    want = want_data(flags, mode, status, true);
    if (AMO_FAULTS || want == NONE)
        CHECK_EQ(probe_amo(VA, mode, status), want); /* W comes with R */
    CHECK_EQ(probe_store(VA, mode, status, 0x88), want);
    CHECK_EQ(data[1].word[0], want == NONE ? 0x88 : 0x77);
}

static void test_permissions(void)
{
    for (uint64_t rwxu = 0; rwxu < 16; rwxu++) {
        uint64_t flags = rwxu << 1 | PTE_V | PTE_AD;
        paging_map(VA, pa_of(1), 0, flags);
        for (unsigned status = 0; status < 4; status++) {
            unsigned long bits = (unsigned long)status << 18; /* SUM, MXR */
            check_data(flags, PRIV_S, bits);
            check_data(flags, PRIV_U, bits);
        }
    }
}

/* Code that returns its argument plus one: addi a0, a0, 1; ret. */
static void put_code(unsigned i)
{
    *(volatile uint64_t *)&data[i].word[0] = 0x0000806700150513;
    __asm__ volatile("fence.i" : : : "memory");
}

static unsigned long want_fetch(uint64_t flags, unsigned mode)
{
    if (!(flags & PTE_R) && flags & PTE_W)
        return CAUSE_FETCH_PAGE;
    if (!(flags & PTE_X) || (mode == PRIV_U) != !!(flags & PTE_U))
        return CAUSE_FETCH_PAGE;
    return NONE;
}

static void check_fetch(unsigned mode)
{
    unsigned long r;
    for (uint64_t rwxu = 0; rwxu < 16; rwxu++) {
        uint64_t flags = rwxu << 1 | PTE_V | PTE_AD;
        paging_map(VA, pa_of(2), 0, flags);
        unsigned long want = want_fetch(flags, mode);
        csr_set(mstatus, MSTATUS_SUM); /* must not matter */
        CHECK_EQ(probe_call(VA, mode, 41, &r), want);
        csr_clear(mstatus, MSTATUS_SUM);
        if (want == NONE) {
            CHECK_EQ(r, 42);
        } else {
            CHECK_EQ(probed.tval, VA);
            CHECK_EQ(probed.epc, VA);
        }
    }
}

static void test_fetch(void)
{
    put_code(2);
    check_fetch(PRIV_S);
    paging_map_program(pg.root, PTE_U);
    sfence_all();
    check_fetch(PRIV_U);
    paging_map_program(pg.root, 0);
    sfence_all();
}

/* Not valid, reserved bits, levels that end nowhere. */
static void test_reserved(void)
{
    uint64_t good = pte_make(pa_of(0), PTE_V | PTE_R | PTE_W | PTE_AD);
    uint64_t *e = paging_entry(VA, 0);
    static const unsigned bits[] = {54, 55, 56, 57, 58, 59, 60};
    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        *e = good | 1UL << bits[i];
        sfence_all();
        CHECK_EQ(probe_load(VA, PRIV_S, 0, NULL), CAUSE_LOAD_PAGE);
    }
    *e = good & ~PTE_V;
    sfence_all();
    CHECK_EQ(probe_load(VA, PRIV_S, 0, NULL), CAUSE_LOAD_PAGE);
    *e = good;
    sfence_all();
    CHECK_EQ(probe_load(VA, PRIV_S, 0, NULL), NONE);
#if GUEST_HTIF /* D, A and U are reserved in pointers; QEMU 7.2 looks at few of them */
    uint64_t *upper = paging_entry(VA, 1), pointer = *upper;
    static const uint64_t pointer_bits[] = {PTE_A, PTE_D, PTE_U};
    for (unsigned i = 0; i < 3; i++) {
        *upper = pointer | pointer_bits[i];
        sfence_all();
        CHECK_EQ(probe_load(VA, PRIV_S, 0, NULL), CAUSE_LOAD_PAGE);
    }
    *upper = pointer;
    sfence_all();
#endif
}

/* A page whose frame or whose tables lie outside memory. */
static void test_no_memory(void)
{
    uint64_t *upper = paging_entry(VA, 1), pointer = *upper;
    paging_map(VA, 0x8000000, 0, PTE_V | PTE_R | PTE_W | PTE_AD);
    CHECK_EQ(probe_load(VA, PRIV_S, 0, NULL), CAUSE_LOAD_ACCESS);
    CHECK_EQ(probed.tval, VA);
    CHECK_EQ(probe_store(VA + 8, PRIV_S, 0, 1), CAUSE_STORE_ACCESS);
    CHECK_EQ(probed.tval, VA + 8);
#if GUEST_HTIF /* QEMU 7.2: a page fault */
    *upper = pte_make(0x8000000, PTE_V);
    sfence_all();
    CHECK_EQ(probe_load(VA, PRIV_S, 0, NULL), CAUSE_LOAD_ACCESS);
    CHECK_EQ(probe_store(VA, PRIV_S, 0, 1), CAUSE_STORE_ACCESS);
    CHECK_EQ(probe_call(VA, PRIV_S, 1, NULL), CAUSE_FETCH_ACCESS);
#endif
    *upper = pointer;
    sfence_all();
}

/* ---- A and D ---- */

#define MENVCFG_ADUE (1UL << 61)

static void check_svade(void)
{
    static const uint64_t cases[] = {0, PTE_A, PTE_D, PTE_AD};
    put_code(2);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t ad = cases[i];
        paging_map(VA, pa_of(2), 0, PTE_V | PTE_RWX | ad);
        CHECK_EQ(probe_load(VA, PRIV_S, 0, NULL), ad & PTE_A ? NONE : CAUSE_LOAD_PAGE);
        CHECK_EQ(probe_call(VA, PRIV_S, 1, NULL), ad & PTE_A ? NONE : CAUSE_FETCH_PAGE);
        CHECK_EQ(probe_amo(VA, PRIV_S, 0), ad == PTE_AD ? NONE : CAUSE_STORE_PAGE);
        CHECK_EQ(*paging_entry(VA, 0), pte_make(pa_of(2), PTE_V | PTE_RWX | ad));
    }
}

static void check_update(void)
{
    uint64_t base = pte_make(pa_of(2), PTE_V | PTE_RWX);
    paging_map(VA, pa_of(2), 0, PTE_V | PTE_RWX);
    CHECK_EQ(probe_load(VA, PRIV_S, 0, NULL), NONE);
    CHECK_EQ(*paging_entry(VA, 0), base | PTE_A);
    CHECK_EQ(probe_amo(VA, PRIV_S, 0), NONE);
    CHECK_EQ(*paging_entry(VA, 0), base | PTE_AD);
    paging_map(VA, pa_of(2), 0, PTE_V | PTE_RWX);
    CHECK_EQ(probe_store(VA + 64, PRIV_S, 0, 1), NONE);
    CHECK_EQ(*paging_entry(VA, 0), base | PTE_AD);
    paging_map(VA, pa_of(2), 0, PTE_V | PTE_RWX);
    CHECK_EQ(probe_call(VA, PRIV_S, 1, NULL), NONE);
    CHECK_EQ(*paging_entry(VA, 0), base | PTE_A);
    /* A load's entry must not let a later store pass without setting D. */
    paging_map(VA, pa_of(2), 0, PTE_V | PTE_R | PTE_W);
    CHECK_EQ(probe_load(VA, PRIV_S, 0, NULL), NONE);
    CHECK_EQ(probe_store(VA + 64, PRIV_S, 0, 1), NONE);
    CHECK_EQ(*paging_entry(VA, 0), pte_make(pa_of(2), PTE_V | PTE_R | PTE_W | PTE_AD));
    /* A store that is not permitted leaves A and D alone. */
    paging_map(VA, pa_of(2), 0, PTE_V | PTE_R);
    CHECK_EQ(probe_store(VA, PRIV_S, 0, 1), CAUSE_STORE_PAGE);
    CHECK_EQ(*paging_entry(VA, 0), pte_make(pa_of(2), PTE_V | PTE_R));
}

static void test_ad(void)
{
#if GUEST_HTIF /* QEMU 7.2 always updates */
    csr_clear(0x30a, MENVCFG_ADUE);
    check_svade();
    csr_set(0x30a, MENVCFG_ADUE);
    CHECK(csr_read(0x30a) & MENVCFG_ADUE);
    sfence_all();
#else
    (void)check_svade;
#endif
    put_code(2);
    check_update();
#if GUEST_HTIF
    csr_clear(0x30a, MENVCFG_ADUE);
    sfence_all();
#endif
}

/* ---- addresses ---- */

static void test_canonical(void)
{
    unsigned bits = 12 + 9 * (unsigned)levels;
    unsigned long top = ~0UL << (bits - 1); /* the lowest of the upper half */
    unsigned long r;
    paging_map(top, pa_of(2), 0, PTE_V | PTE_RWX | PTE_AD);
    put_code(2);
    CHECK_EQ(probe_load(top, PRIV_S, 0, NULL), NONE);
    CHECK_EQ(probe_call(top, PRIV_S, 6, &r), NONE);
    CHECK_EQ(r, 7);
    for (unsigned bit = bits; bit < 64; bit++) {
        unsigned long bad = top ^ 1UL << bit;
        CHECK_EQ(probe_load(bad, PRIV_S, 0, NULL), CAUSE_LOAD_PAGE);
        CHECK_EQ(probed.tval, bad);
        CHECK_EQ(probe_store(bad + 8, PRIV_S, 0, 0), CAUSE_STORE_PAGE);
        CHECK_EQ(probed.tval, bad + 8);
        CHECK_EQ(probe_call(bad, PRIV_S, 1, NULL), CAUSE_FETCH_PAGE);
        CHECK_EQ(probed.tval, bad);
        CHECK_EQ(probe_load(VA ^ 1UL << bit, PRIV_S, 0, NULL), CAUSE_LOAD_PAGE);
    }
    *paging_entry(top, levels - 1) = 0;
    sfence_all();
}

/* ---- SFENCE.VMA, ASIDs ---- */

static void expect_word(uint64_t want)
{
    uint64_t v;
    CHECK_EQ(probe_load(VA, PRIV_S, 0, &v), NONE);
    CHECK_EQ(v, want);
}

static void test_sfence(void)
{
    uint64_t *e = paging_entry(VA, 0);
    uint64_t pte[2];
    for (unsigned i = 0; i < 2; i++) {
        data[i].word[0] = 1000 + i;
        pte[i] = pte_make(pa_of(i), PTE_V | PTE_R | PTE_W | PTE_AD);
    }
    paging_set(pg.root, 3);
    *e = pte[0];
    sfence_all();
    for (unsigned round = 0; round < 8; round++) {
        expect_word(1000 + (round & 1));
        *e = pte[!(round & 1)];
        switch (round >> 1) {
        case 0:
            sfence_all();
            break;
        case 1:
            __asm__ volatile("sfence.vma %0" : : "r"(VA + 8) : "memory");
            break;
        case 2:
            __asm__ volatile("sfence.vma zero, %0" : : "r"(3UL) : "memory");
            break;
        default:
            __asm__ volatile("sfence.vma %0, %1" : : "r"(VA), "r"(3UL) : "memory");
        }
    }
    expect_word(1000);
    /* A change of a table above. */
    struct page *other = paging_table();
    other->word[VA >> 12 & 511] = pte[1];
    uint64_t *upper = paging_entry(VA, 1);
    *upper = pte_make((unsigned long)other, PTE_V);
    __asm__ volatile("sfence.vma zero, %0" : : "r"(3UL) : "memory");
    expect_word(1001);
    paging_set(pg.root, 0);
    sfence_all();
}

/* Two address spaces; switching needs no fence. */
static void test_asid(void)
{
    struct page *root[2];
    for (unsigned i = 0; i < 2; i++) {
        root[i] = paging_table();
        paging_map_program(root[i], 0);
        *paging_entry_in(root[i], VA, 0) = pte_make(pa_of(i), PTE_V | PTE_R | PTE_W | PTE_AD);
        *paging_entry_in(root[i], VA + PAGE, 0) =
            pte_make(pa_of(2), PTE_V | PTE_R | PTE_W | PTE_AD | PTE_G);
        data[i].word[0] = 2000 + i;
    }
    data[2].word[0] = 3000;
    sfence_all();
    for (unsigned round = 0; round < 100; round++) {
        uint64_t v;
        paging_set(root[round & 1], 1 + (round & 1));
        expect_word(2000 + (round & 1));
        CHECK_EQ(probe_load(VA + PAGE, PRIV_S, 0, &v), NONE);
        CHECK_EQ(v, 3000);
    }
    /* A fence for one ASID concerns that one. */
    *paging_entry_in(root[0], VA, 0) = pte_make(pa_of(1), PTE_V | PTE_R | PTE_AD);
    __asm__ volatile("sfence.vma zero, %0" : : "r"(1UL) : "memory");
    paging_set(root[0], 1);
    expect_word(2001);
    /* Global pages go only with a fence for all. */
    for (unsigned i = 0; i < 2; i++)
        *paging_entry_in(root[i], VA + PAGE, 0) =
            pte_make(pa_of(0), PTE_V | PTE_R | PTE_AD | PTE_G);
    sfence_all();
    for (unsigned i = 0; i < 2; i++) {
        uint64_t v;
        paging_set(root[i], 1 + i);
        CHECK_EQ(probe_load(VA + PAGE, PRIV_S, 0, &v), NONE);
        CHECK_EQ(v, 2000);
    }
    paging_set(pg.root, 0);
    sfence_all();
}

/*
 * A global page belongs to all address spaces, but its rights depend on privilege, SUM and MXR as
 * those of any other.  What was allowed before each refusal may have been kept.
 */
static void test_global_rights(void)
{
    static const struct {
        uint64_t rights;
        unsigned mode;
        unsigned long yes, no; /* bits of mstatus under which a load is allowed, and not */
    } loads[] = {
        {PTE_R | PTE_U, PRIV_S, MSTATUS_SUM, 0},
        {PTE_R | PTE_U, PRIV_S, MSTATUS_SUM, MSTATUS_MXR},
        {PTE_X, PRIV_S, MSTATUS_MXR, 0},
        {PTE_X, PRIV_S, MSTATUS_MXR, MSTATUS_SUM},
        {PTE_X | PTE_U, PRIV_S, MSTATUS_SUM | MSTATUS_MXR, MSTATUS_MXR},
        {PTE_X | PTE_U, PRIV_U, MSTATUS_MXR, 0},
    };
    put_code(2);
    for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        paging_map(VA, pa_of(2), 0, PTE_V | PTE_AD | PTE_G | loads[i].rights);
        for (unsigned round = 0; round < 3; round++) {
            CHECK_EQ(probe_load(VA, loads[i].mode, loads[i].yes, NULL), NONE);
            CHECK_EQ(probe_load(VA, loads[i].mode, loads[i].no, NULL), CAUSE_LOAD_PAGE);
        }
    }
    paging_map(VA, pa_of(2), 0, PTE_V | PTE_R | PTE_X | PTE_AD | PTE_G);
    for (unsigned round = 0; round < 3; round++) {
        CHECK_EQ(probe_load(VA, PRIV_S, 0, NULL), NONE);
        CHECK_EQ(probe_load(VA, PRIV_S, MSTATUS_SUM, NULL), NONE);
        CHECK_EQ(probe_call(VA, PRIV_S, 1, NULL), NONE);
        CHECK_EQ(probe_load(VA, PRIV_U, MSTATUS_SUM, NULL), CAUSE_LOAD_PAGE);
        CHECK_EQ(probe_store(VA, PRIV_S, 0, 1), CAUSE_STORE_PAGE);
    }
    paging_map(VA, pa_of(2), 0, PTE_V | PTE_R | PTE_W | PTE_AD | PTE_G);
    for (unsigned round = 0; round < 3; round++) {
        CHECK_EQ(probe_store(VA, PRIV_S, 0, round), NONE);
        CHECK_EQ(probe_store(VA, PRIV_U, 0, round), CAUSE_STORE_PAGE);
    }
}

/* Calls the code at VA so often that a simulator may keep where it is. */
static unsigned long call_there(unsigned long x)
{
    unsigned long (*volatile there)(unsigned long) = (unsigned long (*)(unsigned long))VA;
    for (unsigned i = 0; i < 64; i++)
        x = there(x);
    return x;
}

/* Code at one address in two address spaces, called by global code, and global code elsewhere. */
static void test_asid_code(void)
{
    struct page *root[2];
    put_code(2);
    *(volatile uint64_t *)&data[3].word[0] = 0x0000806700250513; /* addi a0, a0, 2; ret */
    __asm__ volatile("fence.i" : : : "memory");
    for (unsigned i = 0; i < 2; i++) {
        root[i] = paging_table();
        paging_map_program(root[i], PTE_G);
        *paging_entry_in(root[i], VA, 0) = pte_make(pa_of(2 + i), PTE_V | PTE_RWX | PTE_AD);
        *paging_entry_in(root[i], VA + PAGE, 0) =
            pte_make(pa_of(3), PTE_V | PTE_RWX | PTE_AD | PTE_G);
    }
    sfence_all();
    for (unsigned round = 0; round < 300; round++) {
        unsigned long r;
        paging_set(root[round & 1], 1 + (round & 1));
        CHECK_EQ(probe_call(VA + PAGE, PRIV_S, round, &r), NONE);
        CHECK_EQ(r, round + 2);
        CHECK_EQ(probe_call(VA, PRIV_S, round, &r), NONE);
        CHECK_EQ(r, round + 1 + (round & 1));
        CHECK_EQ(guest_run_in(PRIV_S, call_there, round), round + 64 * (1 + (round & 1)));
    }
    /* A fence for the page concerns all address spaces. */
    for (unsigned i = 0; i < 2; i++)
        *paging_entry_in(root[i], VA + PAGE, 0) =
            pte_make(pa_of(2), PTE_V | PTE_RWX | PTE_AD | PTE_G);
    __asm__ volatile("sfence.vma %0" : : "r"(VA + PAGE) : "memory");
    for (unsigned i = 0; i < 2; i++) {
        unsigned long r;
        paging_set(root[i], 1 + i);
        CHECK_EQ(probe_call(VA + PAGE, PRIV_S, 5, &r), NONE);
        CHECK_EQ(r, 6);
    }
    paging_set(pg.root, 0);
    sfence_all();
}

/* Bare and back, without a fence in between for pages not changed. */
static void test_bare(void)
{
    paging_map(VA, pa_of(1), 0, PTE_V | PTE_R | PTE_W | PTE_AD);
    data[1].word[0] = 4001;
    for (unsigned i = 0; i < 10; i++) {
        uint64_t v;
        expect_word(4001);
        csr_write(satp, 0);
        CHECK_EQ(probe_load(pa_of(1), PRIV_S, 0, &v), NONE);
        CHECK_EQ(v, 4001);
        paging_set(pg.root, 0);
    }
}

/* ---- NAPOT ---- */

static void test_napot(void)
{
#if GUEST_HTIF /* QEMU's default CPU lacks Svnapot */
    uint64_t v;
    unsigned long va = VA + 0x100000;
    for (unsigned i = 0; i < 4; i++)
        data[i].word[7] = 70 + i;
    /* The frame's low bits 1000 say 64 KiB; all 16 entries are alike. */
    uint64_t pte = pte_make(pa_of(0) | 0x8000, PTE_V | PTE_R | PTE_W | PTE_AD) | PTE_N;
    for (unsigned i = 0; i < 16; i++)
        *paging_entry(va + i * PAGE, 0) = pte;
    sfence_all();
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(probe_load(va + i * PAGE + 56, PRIV_S, 0, &v), NONE);
        CHECK_EQ(v, 70 + i);
    }
    CHECK_EQ(probe_store(va + 3 * PAGE, PRIV_S, 0, 99), NONE);
    CHECK_EQ(data[3].word[0], 99);
    for (unsigned i = 0; i < 16; i++) { /* any other pattern is reserved */
        uint64_t bad = pte_make((pa_of(0) & ~0xffffUL) | (i << 12), PTE_V | PTE_R | PTE_AD) | PTE_N;
        *paging_entry(va, 0) = bad;
        sfence_all();
        CHECK_EQ(probe_load(va, PRIV_S, 0, NULL), i == 8 ? NONE : CAUSE_LOAD_PAGE);
    }
    /* Reserved in superpages. */
    paging_map(VA + 8 * MEGA, 0x80000000, 1, PTE_V | PTE_R | PTE_AD | PTE_N);
    CHECK_EQ(probe_load(VA + 8 * MEGA, PRIV_S, 0, NULL), CAUSE_LOAD_PAGE);
#endif
}

/* ---- across pages ---- */

/* The second page lies elsewhere, or is missing, or may not be written. */
static void test_across(void)
{
    uint64_t v, bytes = 0x8877665544332211;
    paging_map(VA, pa_of(2), 0, PTE_V | PTE_R | PTE_W | PTE_AD);
    for (unsigned first = 1; first < 8; first++) {
        unsigned long at = VA + PAGE - first;
        uint8_t *end = (uint8_t *)pa_of(2) + PAGE - first;
        paging_map(VA + PAGE, pa_of(0), 0, PTE_V | PTE_R | PTE_W | PTE_AD);
        CHECK_EQ(probe_store(at, PRIV_S, 0, bytes), NONE);
        CHECK(memcmp(end, &bytes, first) == 0);
        CHECK(memcmp((void *)pa_of(0), (uint8_t *)&bytes + first, 8 - first) == 0);
        CHECK_EQ(probe_load(at, PRIV_S, 0, &v), NONE);
        CHECK_EQ(v, bytes);

        paging_map(VA + PAGE, pa_of(0), 0, PTE_V | PTE_R | PTE_AD);
        CHECK_EQ(probe_store(at, PRIV_S, 0, 0), CAUSE_STORE_PAGE);
        CHECK_EQ(probed.tval, VA + PAGE);
        CHECK_EQ(probe_load(at, PRIV_S, 0, &v), NONE);
        CHECK_EQ(v, bytes); /* the first page was not written either */

        paging_map(VA + PAGE, 0, 0, 0);
        CHECK_EQ(probe_store(at, PRIV_S, 0, 0), CAUSE_STORE_PAGE);
        CHECK_EQ(probed.tval, VA + PAGE);
        CHECK_EQ(probe_load(at, PRIV_S, 0, NULL), CAUSE_LOAD_PAGE);
        CHECK_EQ(probed.tval, VA + PAGE);
        CHECK(memcmp(end, &bytes, first) == 0);
    }
    /* The first page missing: the address is the access's own. */
    paging_map(VA, 0, 0, 0);
    CHECK_EQ(probe_load(VA + PAGE - 3, PRIV_S, 0, NULL), CAUSE_LOAD_PAGE);
    CHECK_EQ(probed.tval, VA + PAGE - 3);
}

/* Instructions across pages; the second page missing: epc is theirs, tval the page. */
static void test_fetch_across(void)
{
    unsigned long r, at = VA + PAGE - 2;
    volatile uint16_t *end = (volatile uint16_t *)(pa_of(2) + PAGE - 2);
    volatile uint16_t *start = (volatile uint16_t *)pa_of(0);
    volatile uint16_t *start2 = (volatile uint16_t *)pa_of(1);
    *end = 0x0513; /* addi a0, a0, 1, its low half */
    start[0] = 0x0015;
    start[1] = start2[1] = 0x8082; /* ret */
    start2[0] = 0x0025;            /* addi a0, a0, 2 */
    __asm__ volatile("fence.i" : : : "memory");
    paging_map(VA, pa_of(2), 0, PTE_V | PTE_R | PTE_X | PTE_AD);
    for (unsigned round = 0; round < 3; round++) {
        paging_map(VA + PAGE, pa_of(0), 0, PTE_V | PTE_R | PTE_X | PTE_AD);
        CHECK_EQ(probe_call(at, PRIV_S, 10, &r), NONE);
        CHECK_EQ(r, 11);
        paging_map(VA + PAGE, pa_of(1), 0, PTE_V | PTE_R | PTE_X | PTE_AD);
        CHECK_EQ(probe_call(at, PRIV_S, 10, &r), NONE);
        CHECK_EQ(r, 12);
        paging_map(VA + PAGE, pa_of(1), 0, PTE_V | PTE_R | PTE_AD);
        CHECK_EQ(probe_call(at, PRIV_S, 10, &r), CAUSE_FETCH_PAGE);
        CHECK_EQ(probed.epc, at);
        CHECK_EQ(probed.tval, VA + PAGE);
        paging_map(VA + PAGE, 0, 0, 0);
        CHECK_EQ(probe_call(at, PRIV_S, 10, &r), CAUSE_FETCH_PAGE);
        CHECK_EQ(probed.epc, at);
        CHECK_EQ(probed.tval, VA + PAGE);
    }
    /* Code that runs off the end of a page into a missing one. */
    *end = 0x0505; /* c.addi a0, 1 */
    __asm__ volatile("fence.i" : : : "memory");
    CHECK_EQ(probe_call(at, PRIV_S, 10, &r), CAUSE_FETCH_PAGE);
    CHECK_EQ(probed.epc, VA + PAGE);
    CHECK_EQ(probed.tval, VA + PAGE);
    CHECK_EQ(r, 11);
    paging_map(VA + PAGE, pa_of(0), 0, PTE_V | PTE_R | PTE_X | PTE_AD);
    start[0] = 0x0505;
    __asm__ volatile("fence.i" : : : "memory");
    CHECK_EQ(probe_call(at, PRIV_S, 10, &r), NONE);
    CHECK_EQ(r, 12);
}

/* MPRV ends with a return to a lower mode, and does not concern fetches. */
static void test_mprv(void)
{
    paging_map(VA, pa_of(2), 0, PTE_V | PTE_R | PTE_X | PTE_AD);
#if GUEST_HTIF /* QEMU 7.2 keeps MPRV */
    unsigned long r;
    put_code(2);
    csr_set(mstatus, 1UL << 11); /* S may use the program's pages */
    csr_set(mstatus, MSTATUS_MPRV);
    CHECK_EQ(probe_call(VA, PRIV_S, 1, &r), NONE);
    CHECK_EQ(csr_read(mstatus) & MSTATUS_MPRV, 0);
    csr_clear(mstatus, MSTATUS_MPRV);
#endif
    /* MPP = M: no translation. */
    CHECK_EQ(probe_load(VA, PRIV_M, 0, NULL), CAUSE_LOAD_ACCESS);
}

/* ---- all, for each mode ---- */

struct part {
    const char *name;
    void (*fn)(void);
};

static const struct part parts[] = {
    {"page sizes", test_sizes},    {"permissions", test_permissions},
    {"fetch", test_fetch},         {"reserved bits", test_reserved},
    {"no memory", test_no_memory}, {"A and D", test_ad},
    {"canonical", test_canonical}, {"sfence.vma", test_sfence},
    {"ASID", test_asid},           {"ASID, code", test_asid_code},
    {"bare", test_bare},           {"NAPOT", test_napot},
    {"across pages", test_across}, {"fetch across pages", test_fetch_across},
    {"MPRV", test_mprv},           {"global, rights", test_global_rights},
};

static void run_mode(void)
{
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!paging_begin((unsigned)levels)) {
            guest_printf("# Sv%lu is not there\n", 12 + 9 * levels);
            return;
        }
        guest_printf("# Sv%lu: %s\n", 12 + 9 * levels, parts[i].name);
        parts[i].fn();
        paging_end();
    }
}

static void test_sv39(void)
{
    levels = 3;
    run_mode();
}

static void test_sv48(void)
{
    levels = 4;
    run_mode();
}

static void test_sv57(void)
{
    levels = 5;
    run_mode();
}

static const struct guest_case cases[] = {
    {"Sv39", test_sv39}, {"Sv48", test_sv48}, {"Sv57", test_sv57}};

int main(void)
{
    return GUEST_RUN(cases);
}
