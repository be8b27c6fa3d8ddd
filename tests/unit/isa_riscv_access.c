/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/access.c in Bare mode: the slow paths of loads and stores,
 * what enters the TLB, misaligned accesses and page borders, MMIO, flagged
 * pages, atomics.  Translation is tested by tests/guest/mmu.c.
 */
#include "tests/unit/isa_riscv_fixture.h"

#include "isa/riscv/ops.h"

#define RAM_END (RAM_BASE + RAM_SIZE)
#define NOWHERE 0x4000ull
#define MMIO_AT 0x10000000ull

struct access {
    struct fixture f;
    struct rv_hart *h;
    uint64_t off, value; /* the last device access */
    unsigned size;
    bool refuse;
};

static bool dev_read(void *opaque, uint64_t off, unsigned size, uint64_t *value)
{
    struct access *a = opaque;
    a->off = off;
    a->size = size;
    *value = 0x1122334455667788;
    return !a->refuse;
}

static bool dev_write(void *opaque, uint64_t off, unsigned size, uint64_t value)
{
    struct access *a = opaque;
    a->off = off;
    a->size = size;
    a->value = value;
    return !a->refuse;
}

static const struct mmio_ops dev_ops = {dev_read, dev_write};

static void open_access(struct access *a, bool strict)
{
    const struct guest_config cfg = {.harts = 2, .engine = ENGINE_INTERP, .strict_align = strict};
    struct mmio_region r = {MMIO_AT, 0x100, &dev_ops, a, "test"};
    memset(a, 0, sizeof(*a));
    fixture_open(&a->f, &cfg, NULL);
    assert_int_equal(mmio_map_add(a->f.mmio, &r), 0);
    a->h = a->f.g->harts[0];
    rv_reset(a->h);
    rv_mmu_update(a->h);
    for (unsigned i = 0; i < 64; i++)
        physmem_host(a->f.pm, RAM_BASE + PAGE_SIZE - 32)[i] = (uint8_t)(i + 1);
}

static void expect_trap(struct access *a, bool ok, enum rv_cause cause, uint64_t tval)
{
    assert_false(ok);
    assert_true(a->h->trap.pending);
    assert_int_equal(a->h->trap.cause, cause);
    assert_true(a->h->trap.tval == tval);
    a->h->trap.pending = false;
}

static uint64_t bytes(struct access *a, gpa_t gpa, unsigned size)
{
    uint64_t v = 0;
    assert_int_equal(physmem_read(a->f.pm, gpa, &v, size), 0);
    return v;
}

/* ---- plain ---- */

static void test_fills_tlb(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    gva_t va = RAM_BASE + 0x3008;
    assert_null(tlb_lookup(&a.h->hart.tlb, TLB_READ, va, 8));
    assert_true(rv_store_slow(a.h, va, 8, 0x123456789abcdef0));
    assert_non_null(tlb_lookup(&a.h->hart.tlb, TLB_WRITE, va, 8));
    assert_true(physmem_page_flags(a.f.pm, va) & PAGE_DIRTY);
    struct rv_load r = rv_load_slow(a.h, va, 4);
    assert_true(r.ok && r.value == 0x9abcdef0);
    const struct tlb_entry *e = tlb_lookup(&a.h->hart.tlb, TLB_READ, va, 4);
    assert_non_null(e);
    assert_ptr_equal((void *)(uintptr_t)(e->addend + va), physmem_host(a.f.pm, va));
    assert_null(tlb_lookup(&a.h->hart.tlb, TLB_READ, va + 1, 4)); /* misaligned ones miss */
    fixture_close(&a.f);
}

static void test_nothing_there(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    expect_trap(&a, rv_load_slow(a.h, NOWHERE, 8).ok, CAUSE_LOAD_ACCESS, NOWHERE);
    expect_trap(&a, rv_store_slow(a.h, NOWHERE, 1, 0), CAUSE_STORE_ACCESS, NOWHERE);
    expect_trap(&a, rv_load_slow(a.h, RAM_END, 8).ok, CAUSE_LOAD_ACCESS, RAM_END);
    expect_trap(&a, rv_load_slow(a.h, ~0ull, 1).ok, CAUSE_LOAD_ACCESS, ~0ull);
    assert_true(rv_load_slow(a.h, RAM_END - 8, 8).ok);
    expect_trap(&a, rv_fetch(a.h, NOWHERE) != NULL, CAUSE_FETCH_ACCESS, NOWHERE);
    expect_trap(&a, rv_fetch(a.h, RAM_BASE + 1) != NULL, CAUSE_FETCH_MISALIGNED, RAM_BASE + 1);
    fixture_close(&a.f);
}

/* ---- misaligned ---- */

static void test_misaligned(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    for (unsigned size = 2; size <= 8; size *= 2)
        for (gva_t va = RAM_BASE + PAGE_SIZE - 20; va < RAM_BASE + PAGE_SIZE + 12; va++) {
            struct rv_load r = rv_load_slow(a.h, va, size);
            assert_true(r.ok && r.value == bytes(&a, va, size));
            uint64_t v = 0x8877665544332211 * (va & 7), before = bytes(&a, va - 1, 1),
                     after = bytes(&a, va + size, 1);
            assert_true(rv_store_slow(a.h, va, size, v));
            uint64_t mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;
            assert_true(bytes(&a, va, size) == (v & mask));
            assert_true(bytes(&a, va - 1, 1) == before && bytes(&a, va + size, 1) == after);
        }
    fixture_close(&a.f);
}

/* The end of RAM: the second part traps with its own address, the first stays unwritten. */
static void test_across_end(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    for (unsigned first = 1; first < 8; first++) {
        uint64_t before = bytes(&a, RAM_END - 8, 8);
        expect_trap(&a, rv_store_slow(a.h, RAM_END - first, 8, ~0ull), CAUSE_STORE_ACCESS, RAM_END);
        assert_true(bytes(&a, RAM_END - 8, 8) == before);
        expect_trap(&a, rv_load_slow(a.h, RAM_END - first, 8).ok, CAUSE_LOAD_ACCESS, RAM_END);
        expect_trap(&a, rv_load_slow(a.h, RAM_BASE - first, 8).ok, CAUSE_LOAD_ACCESS,
                    RAM_BASE - first);
    }
    fixture_close(&a.f);
}

static void test_strict(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, true);
    gva_t va = RAM_BASE + PAGE_SIZE - 3;
    uint64_t before = bytes(&a, va, 8);
    expect_trap(&a, rv_load_slow(a.h, va, 8).ok, CAUSE_LOAD_MISALIGNED, va);
    expect_trap(&a, rv_store_slow(a.h, va, 2, 0), CAUSE_STORE_MISALIGNED, va);
    assert_true(bytes(&a, va, 8) == before);
    assert_true(rv_load_slow(a.h, va, 1).ok);
    assert_true(rv_store_slow(a.h, va + 1, 2, 0));
    expect_trap(&a, rv_amo_slow(a.h, RAM_BASE + 4, 8, AMO_ADD, 1).ok, CAUSE_STORE_MISALIGNED,
                RAM_BASE + 4);
    assert_false(rv_has(a.h, RV_EXT_Zicclsm) || rv_has(a.h, RV_EXT_Zama16b));
    fixture_close(&a.f);
}

/* ---- devices ---- */

static void test_mmio(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    struct rv_load r = rv_load_slow(a.h, MMIO_AT + 0x10, 4);
    assert_true(r.ok && a.off == 0x10 && a.size == 4);
    assert_null(tlb_lookup(&a.h->hart.tlb, TLB_READ, MMIO_AT + 0x10, 4));
    assert_true(rv_store_slow(a.h, MMIO_AT + 0x18, 8, 77));
    assert_true(a.off == 0x18 && a.size == 8 && a.value == 77);
    expect_trap(&a, rv_load_slow(a.h, MMIO_AT + 1, 2).ok, CAUSE_LOAD_ACCESS, MMIO_AT + 1);
    expect_trap(&a, rv_amo_slow(a.h, MMIO_AT, 4, AMO_ADD, 1).ok, CAUSE_STORE_ACCESS, MMIO_AT);
    expect_trap(&a, rv_lr(a.h, MMIO_AT, 4).ok, CAUSE_LOAD_ACCESS, MMIO_AT);
    a.refuse = true;
    expect_trap(&a, rv_load_slow(a.h, MMIO_AT, 4).ok, CAUSE_LOAD_ACCESS, MMIO_AT);
    expect_trap(&a, rv_store_slow(a.h, MMIO_AT, 4, 0), CAUSE_STORE_ACCESS, MMIO_AT);
    fixture_close(&a.f);
}

/* ---- pages with flags ---- */

static void test_code_page(void **state)
{
    struct access a;
    struct rv_code_stats s;
    (void)state;
    open_access(&a, false);
    gva_t va = RAM_BASE + 0x5000;
    assert_true(rv_store_slow(a.h, va, 4, 0x13));
    assert_non_null(rv_fetch(a.h, va));
    /* Making it code took the write entry away, and none comes while it is code. */
    assert_null(tlb_lookup(&a.h->hart.tlb, TLB_WRITE, va, 4));
    assert_true(rv_store_slow(a.h, va + 8, 4, 0x13));
    rv_code_stats(a.f.g->code, &s);
    assert_true(s.invalidations == 1);
    assert_true(rv_store_slow(a.h, va + 8, 4, 0x13)); /* plain memory again */
    assert_non_null(tlb_lookup(&a.h->hart.tlb, TLB_WRITE, va, 4));
    rv_code_stats(a.f.g->code, &s);
    assert_true(s.invalidations == 1);
    fixture_close(&a.f);
}

/* ---- requests of other harts in the middle of a fetch ---- */

#define FETCH_VA 0x40000000ull
#define TABLES   (RAM_BASE + 0x10000)
#define CODE_OLD (RAM_BASE + 0x20000)
#define CODE_NEW (RAM_BASE + 0x21000)

static void map_fetch_va(struct fixture *f, gpa_t gpa)
{
    uint64_t pointer = 1, leaf = gpa >> PAGE_SHIFT << 10 | 0x4b; /* V; V, R, X, A */
    pointer |= (TABLES + PAGE_SIZE) >> PAGE_SHIFT << 10;
    assert_int_equal(physmem_write(f->pm, TABLES + (FETCH_VA >> 30) * 8, &pointer, 8), 0);
    pointer += 1 << 10;
    assert_int_equal(physmem_write(f->pm, TABLES + PAGE_SIZE, &pointer, 8), 0);
    assert_int_equal(physmem_write(f->pm, TABLES + 2 * PAGE_SIZE, &leaf, 8), 0);
}

/* As another hart would: maps the page elsewhere, then SFENCE.VMA here. */
static void letter_remap(struct hart *hart, uint64_t fixture, uint64_t b, uint64_t c)
{
    struct rv_hart *h = rv_hart(hart);
    (void)b, (void)c;
    map_fetch_va((struct fixture *)(uintptr_t)fixture, CODE_NEW);
    tlb_flush_all(&hart->tlb);
    rv_mmu_update(h);
    h->attention |= RV_ATTEND_MMU;
}

/*
 * Making a code page waits for the other harts, which serves their requests.  One that changes the
 * translation must not leave the old one in the TLB.
 */
static void test_fetch_shootdown(void **state)
{
    struct access a;
    struct hart_set self = {{1}};
    (void)state;
    open_access(&a, false);
    struct rv_hart *h = a.h;
    assert_int_equal(rv_csr_poke(h, 0x3b0, UINT64_MAX), 0);
    assert_int_equal(rv_csr_poke(h, 0x3a0, 0x1f), 0);
    h->priv = PRIV_S;
    h->csr.satp = 8ull << 60 | TABLES >> PAGE_SHIFT;
    rv_mmu_update(h);
    map_fetch_va(&a.f, CODE_OLD);
    assert_true(hart_enter(&a.f.g->harts[1]->hart)); /* it will not answer */
    assert_true(hart_enter(&h->hart));
    smp_post(a.f.g->smp, NULL, &self, letter_remap, (uintptr_t)&a.f, 0, 0);
    rv_code_enter(a.f.g->code, h);
    const struct rv_op *ops = rv_fetch(h, FETCH_VA);
    assert_int_equal(h->hart.served, 1);
    assert_true(!ops || rv_code_gpa(a.f.g->code, ops) == CODE_NEW);
    h->attention = 0;
    while (!ops && !h->trap.pending)
        ops = rv_fetch(h, FETCH_VA);
    assert_false(h->trap.pending);
    assert_true(rv_code_gpa(a.f.g->code, ops) == CODE_NEW);
    rv_code_leave(a.f.g->code, h);
    hart_leave(&h->hart);
    hart_leave(&a.f.g->harts[1]->hart);
    fixture_close(&a.f);
}

/* A store as its hart's thread makes it: after what waits in the mailbox. */
static bool store_of(struct rv_hart *h, gva_t va, unsigned size, uint64_t v)
{
    assert_true(hart_enter(&h->hart));
    bool ok = rv_store_slow(h, va, size, v);
    hart_leave(&h->hart);
    return ok;
}

static void test_reserved_page(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    struct rv_hart *other = a.f.g->harts[1];
    gva_t va = RAM_BASE + 0x6000;
    rv_reset(other);
    rv_mmu_update(other);
    assert_true(store_of(other, va, 8, 5));
    assert_true(rv_lr(a.h, va, 8).value == 5);
    assert_true(store_of(other, va, 8, 6));
    assert_true(store_of(other, va, 8, 5)); /* ABA */
    assert_null(tlb_lookup(&other->hart.tlb, TLB_WRITE, va, 8));
    assert_true(rv_sc(a.h, va, 8, 7).value == 1);
    assert_true(bytes(&a, va, 8) == 5);
    assert_true(rv_lr(a.h, va, 8).value == 5);
    assert_true(store_of(other, va + 64, 8, 1)); /* another granule */
    assert_true(store_of(other, va + 61, 2, 1)); /* misaligned, in this one */
    assert_true(rv_sc(a.h, va, 8, 7).value == 1);
    assert_true(rv_lr(a.h, va, 8).ok);
    assert_true(store_of(other, va + 64, 8, 1));
    assert_true(rv_sc(a.h, va, 8, 7).value == 0);
    assert_true(bytes(&a, va, 8) == 7);
    assert_true(a.h->stats.sc_success == 1 && a.h->stats.sc_fail == 2);
    fixture_close(&a.f);
}

/* LR and SC of pairs off the fast path, and SCs that come without their own LR. */
static void test_pairs(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    struct rv_hart *h = a.h;
    gva_t va = RAM_BASE + 0x6000;
    a.f.pm->single_writer = true;
    assert_true(rv_store_slow(h, va, 8, 5));
    assert_true(rv_pair_lr(h, va, 8).value == 5);
    assert_false(reservation_alive(&h->hart.reservation));
    assert_true(rv_pair_sc(h, va, 8, 5, 6).value == 0);
    assert_true(rv_pair_lr(h, va, 8).value == 6);
    assert_true(rv_store_slow(h, va, 8, 7));
    assert_true(rv_pair_sc(h, va, 8, 6, 8).value == 1);
    assert_true(bytes(&a, va, 8) == 7);
    assert_true(rv_sc(h, va, 8, 8).value == 1); /* the note is used up */
    /* Left in the middle, also by a fault of the SC. */
    assert_true(rv_pair_lr(h, va, 8).ok);
    expect_trap(&a, rv_pair_sc(h, va + 4, 8, 7, 8).ok, CAUSE_STORE_MISALIGNED, va + 4);
    assert_true(rv_sc(h, va, 8, 9).value == 0);
    assert_true(bytes(&a, va, 8) == 9);
    /* A pair takes the place of a reservation, and the other way round. */
    assert_true(rv_lr(h, va, 8).ok);
    assert_true(rv_pair_lr(h, va + 64, 8).ok);
    assert_true(rv_sc(h, va, 8, 1).value == 1);
    assert_false(reservation_alive(&h->hart.reservation));
    assert_true(rv_pair_lr(h, va + 64, 8).ok);
    assert_true(rv_lr(h, va, 8).ok);
    assert_true(rv_sc(h, va + 64, 8, 1).value == 1);
    assert_true(h->stats.lr == 7 && h->stats.sc_success == 2 && h->stats.sc_fail == 4);
    assert_false(h->run.lr_exact);
    fixture_close(&a.f);
}

/* Several harts: an SC elsewhere fails once, then reservations are made until one is used. */
static void test_pair_exact(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    struct rv_hart *h = a.h, *other = a.f.g->harts[1];
    gva_t va = RAM_BASE + 0x6000;
    rv_reset(other);
    rv_mmu_update(other);
    assert_true(rv_pair_lr(h, va, 8).ok);
    assert_true(rv_sc(h, va + 64, 8, 1).value == 1); /* it would have failed anyway */
    assert_false(h->run.lr_exact);
    assert_true(rv_pair_lr(h, va, 8).ok);
    assert_true(rv_sc(h, va, 8, 1).value == 1);
    assert_true(h->run.lr_exact);
    assert_true(rv_pair_lr(h, va, 8).ok);
    assert_true(reservation_alive(&h->hart.reservation));
    assert_true(store_of(other, va, 8, 0)); /* as it was */
    assert_true(rv_sc(h, va, 8, 1).value == 1);
    assert_true(h->run.lr_exact);
    assert_true(rv_pair_lr(h, va, 8).ok);
    assert_true(rv_sc(h, va, 8, 1).value == 0);
    assert_true(bytes(&a, va, 8) == 1);
    assert_false(h->run.lr_exact);
    /* What a pair stores breaks the reservations of others. */
    assert_true(rv_lr(other, va, 8).value == 1);
    assert_true(rv_pair_lr(h, va, 8).value == 1);
    assert_true(rv_pair_sc(h, va, 8, 1, 1).value == 0);
    assert_true(rv_sc(other, va, 8, 2).value == 1);
    assert_true(rv_lr(other, va, 8).value == 1);
    assert_true(rv_pair_lr(h, va, 8).value == 1);
    assert_true(rv_pair_sc(h, va, 8, 2, 3).value == 1);
    assert_true(rv_sc(other, va, 8, 2).value == 0);
    fixture_close(&a.f);
}

/* ---- atomics ---- */

static void test_atomics(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    gva_t va = RAM_BASE + 0x7000;
    assert_true(rv_store_slow(a.h, va, 8, 0xffffffff80000000));
    assert_true(rv_amo_slow(a.h, va, 4, AMO_MAX, 1).value == 0x80000000);
    assert_true(bytes(&a, va, 8) == 0xffffffff00000001);
    assert_true(rv_amo_slow(a.h, va, 8, AMO_ADD, ~0ull).value == 0xffffffff00000001);
    assert_true(rv_cas_slow(a.h, va, 8, 1, 2).value == 0xffffffff00000000);
    assert_true(bytes(&a, va, 8) == 0xffffffff00000000);
    assert_true(rv_cas_slow(a.h, va, 4, 0, 9).value == 0);
    assert_true(bytes(&a, va, 8) == 0xffffffff00000009);
    uint64_t expect[2] = {0xffffffff00000009, 0}, desired[2] = {1, 2};
    assert_true(rv_cas16(a.h, va, expect, desired));
    assert_true(bytes(&a, va, 8) == 1 && bytes(&a, va + 8, 8) == 2);
    assert_true(rv_cas16(a.h, va, expect, (uint64_t[2]){3, 4}) || expect[0] == 1);
    expect_trap(&a, rv_amo_slow(a.h, va + 14, 4, AMO_ADD, 1).ok, CAUSE_STORE_MISALIGNED, va + 14);
    expect_trap(&a, rv_cas_slow(a.h, va + 9, 8, 1, 1).ok, CAUSE_STORE_MISALIGNED, va + 9);
    expect_trap(&a, rv_cas16(a.h, va + 8, expect, desired), CAUSE_STORE_MISALIGNED, va + 8);
    expect_trap(&a, rv_lr(a.h, va + 4, 8).ok, CAUSE_LOAD_MISALIGNED, va + 4);
    expect_trap(&a, rv_sc(a.h, va + 4, 8, 0).ok, CAUSE_STORE_MISALIGNED, va + 4);
    fixture_close(&a.f);
}

/* Inside an aligned 16 bytes AMOs may be misaligned where there is Zama16b, LR and SC never. */
static void test_misaligned_atomics(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    gva_t va = RAM_BASE + 0x7000;
    for (unsigned with = 2; with-- > 0;) {
        if (!with)
            rv_ext_del(&a.f.g->exts, RV_EXT_Zama16b);
        for (unsigned at = 0; at < 20; at++)
            for (unsigned size = 2; size <= 8; size *= 2) {
                uint64_t mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;
                bool ok = !(at & (size - 1)) || (with && (at & 15) + size <= 16);
                assert_true(rv_store_slow(a.h, va + at, size, 0x8877665544332211));
                if (!ok) {
                    expect_trap(&a, rv_amo_slow(a.h, va + at, size, AMO_ADD, 1).ok,
                                CAUSE_STORE_MISALIGNED, va + at);
                    expect_trap(&a, rv_cas_slow(a.h, va + at, size, 0, 0).ok,
                                CAUSE_STORE_MISALIGNED, va + at);
                    assert_true(bytes(&a, va + at, size) == (0x8877665544332211 & mask));
                    continue;
                }
                struct rv_load r = rv_amo_slow(a.h, va + at, size, AMO_ADD, 0xf0);
                assert_true(r.ok && r.value == (0x8877665544332211 & mask));
                r = rv_cas_slow(a.h, va + at, size, 0x8877665544332301 & mask, 0x99);
                assert_true(r.ok && r.value == (0x8877665544332301 & mask));
                assert_true(bytes(&a, va + at, size) == 0x99);
            }
    }
    fixture_close(&a.f);
}

static void test_cbo_zero(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    gva_t va = RAM_BASE + PAGE_SIZE - 64;
    assert_true(bytes(&a, RAM_BASE + PAGE_SIZE - 1, 1) != 0);
    assert_true(rv_cbo_zero(a.h, va + 37));
    for (unsigned i = 0; i < 64; i += 8)
        assert_true(bytes(&a, va + i, 8) == 0);
    assert_true(bytes(&a, RAM_BASE + PAGE_SIZE, 1) == 33); /* not beyond the line */
    expect_trap(&a, rv_cbo_zero(a.h, NOWHERE + 5), CAUSE_STORE_ACCESS, NOWHERE + 5);
    fixture_close(&a.f);
}

/* ---- pointer masking ---- */

/*
 * A tagged address hits the fast path like any other, in its own context: no entry that was made
 * with one masking is found under another.
 */
static void test_masking(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, false);
    struct tlb *t = &a.h->hart.tlb;
    const gva_t plain = RAM_BASE + 0x3008, tagged = plain | 0xa5ull << 56;
    a.h->csr.mseccfg = 3ull << 32;
    rv_mmu_update(a.h);
    assert_true(rv_store_slow(a.h, tagged, 8, 77));
    assert_int_equal(bytes(&a, plain, 8), 77);
    assert_true(rv_load_slow(a.h, tagged, 8).value == 77);
    assert_non_null(tlb_lookup(t, TLB_WRITE, tagged, 8));
    const struct tlb_entry *e = tlb_lookup(t, TLB_READ, tagged, 8);
    assert_non_null(e);
    assert_ptr_equal((void *)(uintptr_t)(e->addend + tagged), physmem_host(a.f.pm, plain));
    assert_null(tlb_lookup(t, TLB_READ, plain, 8)); /* another spelling */
    assert_true(t->aliased);
    /* Seven bits, then none: what the other masking made is not seen. */
    a.h->csr.mseccfg = 2ull << 32;
    rv_mmu_update(a.h);
    assert_null(tlb_lookup(t, TLB_READ, tagged, 8));
    gva_t less = plain | 1ull << 56; /* no longer of the tag */
    expect_trap(&a, rv_load_slow(a.h, less | 0xa4ull << 56, 8).ok, CAUSE_LOAD_ACCESS, less);
    a.h->csr.mseccfg = 0;
    rv_mmu_update(a.h);
    assert_null(tlb_lookup(t, TLB_WRITE, tagged, 8));
    expect_trap(&a, rv_store_slow(a.h, tagged, 8, 0), CAUSE_STORE_ACCESS, tagged);
    fixture_close(&a.f);
    /* Without tags nothing is different. */
    open_access(&a, false);
    a.h->csr.mseccfg = 3ull << 32;
    rv_mmu_update(a.h);
    assert_true(rv_load_slow(a.h, plain, 8).ok);
    assert_false(a.h->hart.tlb.aliased);
    fixture_close(&a.f);
}

/* stval and mtval have the address without its tag, whatever is wrong with it. */
static void test_masking_tval(void **state)
{
    struct access a;
    (void)state;
    open_access(&a, true);
    a.h->csr.mseccfg = 3ull << 32;
    rv_mmu_update(a.h);
    const gva_t tag = 0xbeefull << 48, odd = RAM_BASE + 0x1001;
    expect_trap(&a, rv_load_slow(a.h, tag | odd, 8).ok, CAUSE_LOAD_MISALIGNED, odd);
    expect_trap(&a, rv_store_slow(a.h, tag | odd, 8, 0), CAUSE_STORE_MISALIGNED, odd);
    expect_trap(&a, rv_lr(a.h, tag | odd, 8).ok, CAUSE_LOAD_MISALIGNED, odd);
    expect_trap(&a, rv_sc(a.h, tag | odd, 8, 0).ok, CAUSE_STORE_MISALIGNED, odd);
    expect_trap(&a, rv_cbo_zero(a.h, tag | (NOWHERE + 9)), CAUSE_STORE_ACCESS, NOWHERE + 9);
    expect_trap(&a, rv_fetch(a.h, tag | RAM_BASE) != NULL, CAUSE_FETCH_ACCESS, tag | RAM_BASE);
    a.h->priv = PRIV_S; /* to which PMP is closed */
    a.h->csr.menvcfg = 3ull << 32 | ENVCFG_CBCFE;
    rv_mmu_update(a.h);
    expect_trap(&a, rv_cbo_manage(a.h, tag | odd, false), CAUSE_STORE_ACCESS, odd);
    fixture_close(&a.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_tlb),
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_misaligned),
        cmocka_unit_test(test_across_end),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_mmio),
        cmocka_unit_test(test_code_page),
        cmocka_unit_test(test_fetch_shootdown),
        cmocka_unit_test(test_reserved_page),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_pair_exact),
        cmocka_unit_test(test_atomics),
        cmocka_unit_test(test_misaligned_atomics),
        cmocka_unit_test(test_cbo_zero),
        cmocka_unit_test(test_masking),
        cmocka_unit_test(test_masking_tval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
