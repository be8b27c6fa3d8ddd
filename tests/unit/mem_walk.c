/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests mem/walk.c: every mode and page size, every fault of the translation
 * process, permissions, A and D bits, and their race with other threads.
 */
#include "mem/walk.h"

#include "mem/reserve.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE 0x80000000ull
#define RAM_SIZE (4ull << 20)
#define ROOT     (RAM_BASE + 0x100000)
#define RW       (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define RWX      (RW | PTE_X)
#define RWXU     (RWX | PTE_U)

struct world {
    struct physmem *pm;
    struct walk_env env;
    gpa_t next_table; /* the next free page for tables */
};

static uint64_t *pte_at(struct world *w, gpa_t gpa)
{
    return (uint64_t *)(void *)physmem_host(w->pm, gpa);
}

static unsigned levels_of(enum paging_mode mode)
{
    return mode - PAGING_SV39 + 3;
}

/* The place of va's PTE at the level, making the tables above it. */
static uint64_t *pte_slot(struct world *w, gva_t va, unsigned level)
{
    gpa_t table = w->env.root;

    for (unsigned l = levels_of(w->env.mode) - 1;; l--) {
        uint64_t *pte = pte_at(w, table + bits_get(va, 12 + 9 * l + 8, 12 + 9 * l) * 8);
        if (l == level)
            return pte;
        if (!*pte) {
            *pte = (w->next_table >> 12) << 10 | PTE_V;
            w->next_table += PAGE_SIZE;
        }
        table = PTE_PPN(*pte) << 12;
    }
}

static uint64_t *map(struct world *w, gva_t va, gpa_t gpa, unsigned level, uint64_t flags)
{
    uint64_t *pte = pte_slot(w, va, level);

    *pte = (gpa >> 12) << 10 | flags;
    return pte;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct physmem_config cfg = {.base = RAM_BASE, .size = RAM_SIZE, .numa_node = -1};

    assert_int_equal(physmem_create(&w->pm, &cfg), 0);
    w->env = (struct walk_env){.pm = w->pm, .mode = PAGING_SV39, .root = ROOT};
    w->next_table = ROOT + PAGE_SIZE;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    physmem_destroy(w->pm);
    free(w);
    return 0;
}

static void expect(struct world *w, gva_t va, enum access_type access, enum walk_status want)
{
    struct walk_result r;

    assert_int_equal(walk_translate(&w->env, va, access, &r), want);
}

static void expect_all(struct world *w, gva_t va, enum walk_status want)
{
    expect(w, va, ACCESS_FETCH, want);
    expect(w, va, ACCESS_LOAD, want);
    expect(w, va, ACCESS_STORE, want);
}

static struct walk_result walk(struct world *w, gva_t va, enum access_type access)
{
    struct walk_result r;

    assert_int_equal(walk_translate(&w->env, va, access, &r), WALK_OK);
    return r;
}

/* ---- success ------------------------------------------------------------- */

static void test_bare(void **state)
{
    struct world *w = *state;

    w->env.mode = PAGING_BARE;
    struct walk_result r = walk(w, 0xfedcba9876543210, ACCESS_STORE);
    assert_int_equal(r.gpa, 0xfedcba9876543210);
    assert_int_equal(r.page_shift, 63);
    assert_true(r.readable && r.writable && r.executable && !r.global);
    assert_true(walk_canonical(PAGING_BARE, 0xfedcba9876543210));
}

/* Every level of every mode as a leaf; the gpa takes the offset from va. */
static void test_page_sizes(void **state)
{
    struct world *w = *state;

    for (enum paging_mode mode = PAGING_SV39; mode <= PAGING_SV57; mode++) {
        w->env.mode = mode;
        for (unsigned level = 0; level < levels_of(mode); level++) {
            memset(physmem_host(w->pm, ROOT), 0, RAM_SIZE - (ROOT - RAM_BASE));
            w->next_table = ROOT + PAGE_SIZE;
            unsigned shift = 12 + 9 * level;
            gva_t va = 0x12345ull << shift;
            va = (gva_t)sext(va | ((1ull << shift) - 8), 12 + 9 * levels_of(mode));
            gpa_t page = 3ull << shift;
            map(w, va, page, level, RWX);
            struct walk_result r = walk(w, va, ACCESS_LOAD);
            assert_int_equal(r.gpa, page | (va & ((1ull << shift) - 1)));
            assert_int_equal(r.page_shift, shift);
            assert_true(r.readable && r.writable && r.executable);
            assert_int_equal(r.pbmt, 0);
        }
    }
}

/* The upper half of the address space, and a PPN of 44 bits. */
static void test_high_addresses(void **state)
{
    struct world *w = *state;

    map(w, 0xffffffffffffe000, 0xfffffffffff000, 0, RW);
    assert_int_equal(walk(w, 0xffffffffffffe123, ACCESS_STORE).gpa, 0xfffffffffff123);
}

static void test_global(void **state)
{
    struct world *w = *state;

    map(w, 0x1000, RAM_BASE, 0, RW);
    map(w, 0x2000, RAM_BASE, 0, RW | PTE_G);
    map(w, 0x40000000, RAM_BASE, 0, RW);
    *pte_slot(w, 0x40000000, 2) |= PTE_G; /* a pointer makes all below it global */
    assert_false(walk(w, 0x1000, ACCESS_LOAD).global);
    assert_true(walk(w, 0x2000, ACCESS_LOAD).global);
    assert_true(walk(w, 0x40000000, ACCESS_LOAD).global);
}

static void test_napot(void **state)
{
    struct world *w = *state;

    w->env.svnapot = true;
    for (unsigned i = 0; i < 16; i++)
        map(w, 0x30000 + i * PAGE_SIZE, 0x80010000 | 8 << 12, 0, RW | PTE_N);
    for (unsigned i = 0; i < 16; i++) {
        struct walk_result r = walk(w, 0x30000 + i * PAGE_SIZE + 0x123, ACCESS_LOAD);
        assert_int_equal(r.gpa, 0x80010123 + i * PAGE_SIZE);
        assert_int_equal(r.page_shift, 16);
    }
}

static void test_pbmt(void **state)
{
    struct world *w = *state;

    w->env.pbmte = true;
    for (uint64_t pbmt = 0; pbmt < 3; pbmt++) {
        map(w, 0x1000, RAM_BASE, 0, RW | pbmt << 61);
        assert_int_equal(walk(w, 0x1000, ACCESS_LOAD).pbmt, pbmt);
    }
}

/* ---- faults -------------------------------------------------------------- */

static void test_canonical(void **state)
{
    struct world *w = *state;

    for (enum paging_mode mode = PAGING_SV39; mode <= PAGING_SV57; mode++) {
        unsigned bits = 12 + 9 * levels_of(mode);
        w->env.mode = mode;
        memset(physmem_host(w->pm, ROOT), 0, PAGE_SIZE);
        /* All root entries are leaves, so only the canonical check can fault. */
        for (unsigned i = 0; i < 512; i++)
            *pte_at(w, ROOT + i * 8) = RW;
        assert_true(walk_canonical(mode, (1ull << (bits - 1)) - 1));
        assert_false(walk_canonical(mode, 1ull << (bits - 1)));
        expect(w, (1ull << (bits - 1)) - 1, ACCESS_LOAD, WALK_OK);
        expect(w, -(1ull << (bits - 1)), ACCESS_LOAD, WALK_OK);
        expect(w, 1ull << (bits - 1), ACCESS_LOAD, WALK_PAGE_FAULT);
        expect(w, -(1ull << (bits - 1)) - 1, ACCESS_LOAD, WALK_PAGE_FAULT);
        for (unsigned b = bits; b < 64; b++)
            expect_all(w, 1ull << b, WALK_PAGE_FAULT);
    }
}

static void test_invalid(void **state)
{
    struct world *w = *state;

    map(w, 0x1000, RAM_BASE, 0, RWX & ~PTE_V);
    expect_all(w, 0x1000, WALK_PAGE_FAULT);
    *pte_slot(w, 0x1000, 1) &= ~PTE_V; /* the pointer above */
    expect_all(w, 0x1000, WALK_PAGE_FAULT);
}

/* Bits 60:54, each alone, in leaves and pointers. */
static void test_reserved_bits(void **state)
{
    struct world *w = *state;
    uint64_t *leaf = map(w, 0x1000, RAM_BASE, 0, RWX);
    uint64_t *pointer = pte_slot(w, 0x1000, 1);

    for (unsigned b = 54; b <= 60; b++) {
        *leaf ^= 1ull << b;
        expect_all(w, 0x1000, WALK_PAGE_FAULT);
        *leaf ^= 1ull << b;
        *pointer ^= 1ull << b;
        expect_all(w, 0x1000, WALK_PAGE_FAULT);
        *pointer ^= 1ull << b;
    }
    expect_all(w, 0x1000, WALK_OK);
    *leaf |= 3 << 8; /* RSW is software's */
    *pointer |= 3 << 8;
    expect_all(w, 0x1000, WALK_OK);
}

static void test_write_without_read(void **state)
{
    struct world *w = *state;

    map(w, 0x1000, RAM_BASE, 0, PTE_V | PTE_W | PTE_A | PTE_D);
    expect_all(w, 0x1000, WALK_PAGE_FAULT);
    map(w, 0x1000, RAM_BASE, 0, PTE_V | PTE_W | PTE_X | PTE_A | PTE_D);
    expect_all(w, 0x1000, WALK_PAGE_FAULT);
    /* Not a pointer either. */
    map(w, 0x40000000, ROOT + PAGE_SIZE, 2, PTE_V | PTE_W);
    expect_all(w, 0x40000000, WALK_PAGE_FAULT);
}

static void test_pointer_at_last_level(void **state)
{
    struct world *w = *state;

    map(w, 0x1000, RAM_BASE, 0, PTE_V);
    /* Where a walk that went on would look are leaves. */
    for (unsigned i = 0; i < 512; i++)
        *pte_at(w, RAM_BASE + i * 8) = RWX;
    expect_all(w, 0x1000, WALK_PAGE_FAULT);
}

/* D, A, U, N and both PBMT bits are reserved in pointers, whatever is enabled. */
static void test_pointer_reserved(void **state)
{
    static const uint64_t bits[] = {PTE_D, PTE_A, PTE_U, PTE_N, 1ull << 61, 1ull << 62};
    struct world *w = *state;

    w->env.pbmte = w->env.svnapot = true;
    map(w, 0x1000, RAM_BASE, 0, RWX);
    for (unsigned level = 1; level <= 2; level++)
        for (unsigned i = 0; i < ARRAY_LEN(bits); i++) {
            *pte_slot(w, 0x1000, level) |= bits[i];
            expect_all(w, 0x1000, WALK_PAGE_FAULT);
            *pte_at(w, level == 2 ? ROOT : PTE_PPN(*pte_at(w, ROOT)) << 12) &= ~bits[i];
            expect_all(w, 0x1000, WALK_OK);
        }
}

static void test_misaligned_superpage(void **state)
{
    struct world *w = *state;

    w->env.mode = PAGING_SV57;
    for (unsigned level = 1; level < 5; level++) {
        gva_t va = (uint64_t)(level + 1) << 49; /* apart from each other at the top */
        for (unsigned b = 0; b < 9 * level && b < 44; b++) {
            map(w, va, PAGE_SIZE << b, level, RW);
            expect(w, va, ACCESS_LOAD, WALK_PAGE_FAULT);
        }
        map(w, va, 0, level, RW);
        expect(w, va, ACCESS_LOAD, WALK_OK);
        memset(physmem_host(w->pm, ROOT), 0, RAM_SIZE - (ROOT - RAM_BASE));
        w->next_table = ROOT + PAGE_SIZE;
    }
}

static void test_napot_faults(void **state)
{
    struct world *w = *state;

    map(w, 0x1000, RAM_BASE | 8 << 12, 0, RWX | PTE_N);
    expect_all(w, 0x1000, WALK_PAGE_FAULT); /* not implemented */
    w->env.svnapot = true;
    expect_all(w, 0x1000, WALK_OK);
    for (unsigned low = 0; low < 16; low++) {
        map(w, 0x1000, RAM_BASE | low << 12, 0, RWX | PTE_N);
        expect_all(w, 0x1000, low == 8 ? WALK_OK : WALK_PAGE_FAULT);
    }
    map(w, 0x40200000, 0, 1, RWX | PTE_N); /* superpages have no NAPOT encoding */
    expect_all(w, 0x40200000, WALK_PAGE_FAULT);
    map(w, 0x40200000, 8ull << 21, 1, RWX | PTE_N);
    expect_all(w, 0x40200000, WALK_PAGE_FAULT);
    map(w, 0x40200000, 8ull << 12, 1, RWX | PTE_N);
    expect_all(w, 0x40200000, WALK_PAGE_FAULT);
}

static void test_pbmt_faults(void **state)
{
    struct world *w = *state;

    for (uint64_t pbmt = 1; pbmt <= 3; pbmt++) {
        map(w, 0x1000, RAM_BASE, 0, RWX | pbmt << 61);
        w->env.pbmte = false;
        expect_all(w, 0x1000, WALK_PAGE_FAULT);
        w->env.pbmte = true;
        expect_all(w, 0x1000, pbmt == 3 ? WALK_PAGE_FAULT : WALK_OK);
    }
}

static void test_tables_outside_ram(void **state)
{
    struct world *w = *state;
    uint64_t *top;

    map(w, 0x1000, RAM_BASE, 0, RWX);
    top = pte_at(w, ROOT);
    *top = (RAM_BASE - PAGE_SIZE) >> 12 << 10 | PTE_V;
    expect_all(w, 0x1000, WALK_ACCESS_FAULT);
    *top = (RAM_BASE + RAM_SIZE) >> 12 << 10 | PTE_V;
    expect_all(w, 0x1000, WALK_ACCESS_FAULT);
    *top = 0xfffffffffffull << 10 | PTE_V;
    expect_all(w, 0x1000, WALK_ACCESS_FAULT);
    w->env.root = 0x1000;
    expect_all(w, 0x1000, WALK_ACCESS_FAULT);
    /* The canonical check comes first. */
    expect_all(w, 1ull << 50, WALK_PAGE_FAULT);
}

/* ---- permissions --------------------------------------------------------- */

/* The rules of Privileged, steps 6 and 8, said in another way. */
static bool may(uint64_t pte, bool user, bool sum, bool mxr, enum access_type access)
{
    bool r = pte & PTE_R, wr = pte & PTE_W, x = pte & PTE_X, u = pte & PTE_U;
    bool mine = user ? u : !u || (sum && access != ACCESS_FETCH);

    if (access == ACCESS_FETCH)
        return mine && x;
    return mine && (access == ACCESS_STORE ? wr : r || (mxr && x));
}

static void test_permissions(void **state)
{
    static const uint64_t rwx[] = {PTE_R, PTE_R | PTE_W, PTE_X, PTE_R | PTE_X,
                                   PTE_R | PTE_W | PTE_X};
    struct world *w = *state;

    for (unsigned i = 0; i < ARRAY_LEN(rwx) * 2 * 8; i++) {
        uint64_t pte = rwx[i / 16] | (i & 8 ? PTE_U : 0);
        map(w, 0x1000, RAM_BASE, 0, pte | PTE_V | PTE_A | PTE_D);
        w->env.user = i & 1;
        w->env.sum = i & 2;
        w->env.mxr = i & 4;
        for (enum access_type a = ACCESS_FETCH; a <= ACCESS_STORE; a++) {
            if (!may(pte, i & 1, i & 2, i & 4, a)) {
                expect(w, 0x1000, a, WALK_PAGE_FAULT);
                continue;
            }
            /* Each allowed access also tells what else would be. */
            struct walk_result r = walk(w, 0x1000, a);
            assert_int_equal(r.executable, may(pte, i & 1, i & 2, i & 4, ACCESS_FETCH));
            assert_int_equal(r.readable, may(pte, i & 1, i & 2, i & 4, ACCESS_LOAD));
            assert_int_equal(r.writable, may(pte, i & 1, i & 2, i & 4, ACCESS_STORE));
        }
    }
}

/* ---- PMP ----------------------------------------------------------------- */

struct pmp {
    gpa_t denied;
    enum access_type access;
    unsigned calls;
};

static bool pmp_allowed(void *opaque, gpa_t gpa, unsigned size, enum access_type access)
{
    struct pmp *p = opaque;

    p->calls++;
    assert_int_equal(size, 8);
    return gpa != p->denied || access != p->access;
}

static void test_pmp(void **state)
{
    struct world *w = *state;
    uint64_t *leaf = map(w, 0x1000, RAM_BASE, 0, RWX & ~PTE_D);
    gpa_t leaf_gpa = RAM_BASE + (gpa_t)((uint8_t *)leaf - w->pm->host);
    struct pmp p = {0};

    w->env.allowed = pmp_allowed;
    w->env.opaque = &p;
    w->env.adue = true;
    expect(w, 0x1000, ACCESS_LOAD, WALK_OK);
    assert_int_equal(p.calls, 3);
    p = (struct pmp){.denied = ROOT, .access = ACCESS_LOAD};
    expect_all(w, 0x1000, WALK_ACCESS_FAULT);
    p = (struct pmp){.denied = leaf_gpa, .access = ACCESS_LOAD};
    expect_all(w, 0x1000, WALK_ACCESS_FAULT);
    /* Only the update of D needs the right to write the PTE. */
    p = (struct pmp){.denied = leaf_gpa, .access = ACCESS_STORE};
    expect(w, 0x1000, ACCESS_LOAD, WALK_OK);
    expect(w, 0x1000, ACCESS_FETCH, WALK_OK);
    expect(w, 0x1000, ACCESS_STORE, WALK_ACCESS_FAULT);
    assert_false(*leaf & PTE_D);
    /* A page fault of the page itself wins over PMP at its update. */
    *leaf &= ~PTE_W;
    expect(w, 0x1000, ACCESS_STORE, WALK_PAGE_FAULT);
}

/* ---- A and D ------------------------------------------------------------- */

static void test_svade(void **state)
{
    struct world *w = *state;
    uint64_t *pte = map(w, 0x1000, RAM_BASE, 0, RWX & ~(PTE_A | PTE_D));

    expect_all(w, 0x1000, WALK_PAGE_FAULT);
    *pte |= PTE_D; /* D without A: still not accessed */
    expect_all(w, 0x1000, WALK_PAGE_FAULT);
    *pte = (*pte | PTE_A) & ~PTE_D;
    expect(w, 0x1000, ACCESS_FETCH, WALK_OK);
    expect(w, 0x1000, ACCESS_STORE, WALK_PAGE_FAULT);
    assert_false(walk(w, 0x1000, ACCESS_LOAD).writable); /* so that the first store comes here */
    assert_int_equal(*pte & (PTE_A | PTE_D), PTE_A);
}

static void test_svadu(void **state)
{
    struct world *w = *state;
    uint64_t *pte = map(w, 0x1000, RAM_BASE, 0, RWX & ~(PTE_A | PTE_D));

    w->env.adue = true;
    struct walk_result r = walk(w, 0x1000, ACCESS_LOAD);
    assert_true(r.readable && !r.writable);
    assert_int_equal(*pte & (PTE_A | PTE_D), PTE_A);
    r = walk(w, 0x1000, ACCESS_STORE);
    assert_true(r.readable && r.writable);
    assert_int_equal(*pte & (PTE_A | PTE_D), PTE_A | PTE_D);
    assert_true(physmem_page_flags(w->pm, RAM_BASE + (gpa_t)((uint8_t *)pte - w->pm->host)) &
                PAGE_DIRTY);

    *pte &= ~(PTE_A | PTE_D);
    walk(w, 0x1000, ACCESS_FETCH);
    assert_int_equal(*pte & (PTE_A | PTE_D), PTE_A);
    /* A store that is not allowed changes nothing. */
    *pte &= ~(PTE_A | PTE_D | PTE_W);
    expect(w, 0x1000, ACCESS_STORE, WALK_PAGE_FAULT);
    assert_int_equal(*pte & (PTE_A | PTE_D), 0);
}

/* The PTE changes between the checks and the update, once: the walk starts again from it. */
struct change {
    uint64_t *pte, next;
    unsigned updates;
};

static bool change_on_update(void *opaque, gpa_t gpa, unsigned size, enum access_type access)
{
    struct change *c = opaque;

    (void)gpa;
    (void)size;
    if (access == ACCESS_STORE && c->updates++ == 0)
        *c->pte = c->next;
    return true;
}

static enum walk_status walk_with_change(struct world *w, uint64_t next, struct walk_result *r)
{
    uint64_t *pte = map(w, 0x1000, RAM_BASE, 0, RW & ~(PTE_A | PTE_D));
    struct change c = {.pte = pte, .next = next};

    w->env.adue = true;
    w->env.allowed = change_on_update;
    w->env.opaque = &c;
    enum walk_status status = walk_translate(&w->env, 0x1000, ACCESS_STORE, r);
    assert_int_equal(*pte, status == WALK_OK ? next | PTE_A | PTE_D : next);
    return status;
}

static void test_update_starts_again(void **state)
{
    const uint64_t page = (RAM_BASE + PAGE_SIZE) >> 12 << 10;
    struct walk_result r;

    /* Another page; the same page with A and D set by another hart; read-only; gone; a pointer. */
    assert_int_equal(walk_with_change(*state, page | PTE_V | PTE_R | PTE_W, &r), WALK_OK);
    assert_int_equal(r.gpa, RAM_BASE + PAGE_SIZE);
    assert_int_equal(walk_with_change(*state, page | RW, &r), WALK_OK);
    assert_int_equal(walk_with_change(*state, page | PTE_V | PTE_R, &r), WALK_PAGE_FAULT);
    assert_int_equal(walk_with_change(*state, 0, &r), WALK_PAGE_FAULT);
    assert_int_equal(walk_with_change(*state, page | PTE_V, &r), WALK_PAGE_FAULT);
}

/* An update is a store: it kills another hart's reservation on the PTE, not the walker's own. */
static void test_update_kills_reservation(void **state)
{
    struct world *w = *state;
    uint64_t *pte = map(w, 0x1000, RAM_BASE, 0, RWX & ~PTE_D);
    gpa_t gpa = RAM_BASE + (gpa_t)((uint8_t *)pte - w->pm->host);
    struct reservation other, self;

    reservation_init(&other);
    reservation_init(&self);
    reservation_load(w->pm, &other, gpa, 8);
    reservation_load(w->pm, &self, gpa, 8);
    w->env.adue = true;
    w->env.self = &self;
    walk(w, 0x1000, ACCESS_LOAD); /* nothing to update, nothing killed */
    assert_true(reservation_alive(&other));
    walk(w, 0x1000, ACCESS_STORE);
    assert_false(reservation_alive(&other));
    assert_true(reservation_alive(&self));
    reservation_drop(w->pm, &self);
}

static gpa_t code_gpa;

static void code_written(void *opaque, gpa_t gpa, uint64_t len)
{
    *(unsigned *)opaque += len == 8;
    code_gpa = gpa;
}

static void test_update_reports_code(void **state)
{
    struct world *w = *state;
    uint64_t *pte = map(w, 0x1000, RAM_BASE, 0, RWX & ~PTE_D);
    gpa_t gpa = RAM_BASE + (gpa_t)((uint8_t *)pte - w->pm->host);
    unsigned reports = 0;

    w->pm->hooks = (struct physmem_hooks){.opaque = &reports, .code_written = code_written};
    physmem_flag_sync(w->pm, gpa, PAGE_CODE);
    w->env.adue = true;
    walk(w, 0x1000, ACCESS_STORE);
    assert_int_equal(reports, 1);
    assert_int_equal(code_gpa, gpa);
}

/*
 * Another thread changes the PTE all the time: it clears A and D, and now and
 * then points it to another page.  No walk may lose such a change (the writer's
 * compare-and-swap would find a PTE it never wrote) or return a mix.
 */
#define RACE_ROUNDS 100000

struct race {
    struct world *w;
    uint64_t *pte;
    uint32_t done;
    unsigned wrong;
};

static void *race_writer(void *opaque)
{
    struct race *r = opaque;

    for (unsigned i = 0; i < RACE_ROUNDS; i++) {
        uint64_t old = load_acquire(r->pte);
        uint64_t page = i % 2 ? RAM_BASE : RAM_BASE + PAGE_SIZE;
        uint64_t next = page >> 12 << 10 | (RW & ~(PTE_A | PTE_D));
        /* Between here and there the walkers may only have set A and D. */
        while (!cas_acq_rel(r->pte, &old, next))
            ;
        uint64_t now = load_acquire(r->pte);
        if ((now & ~(PTE_A | PTE_D)) != next)
            r->wrong++;
    }
    store_release(&r->done, 1);
    return NULL;
}

static void *race_walker(void *opaque)
{
    struct race *r = opaque;
    unsigned wrong = 0;

    while (!load_acquire(&r->done)) {
        struct walk_result res;
        if (walk_translate(&r->w->env, 0x1234, ACCESS_STORE, &res) != WALK_OK || !res.writable ||
            (res.gpa != RAM_BASE + 0x234 && res.gpa != RAM_BASE + PAGE_SIZE + 0x234))
            wrong++;
    }
    fetch_add_relaxed(&r->wrong, wrong);
    return NULL;
}

static void test_update_race(void **state)
{
    struct world *w = *state;
    struct race r = {.w = w, .pte = map(w, 0x1000, RAM_BASE, 0, RW & ~(PTE_A | PTE_D))};
    pthread_t walker[2], writer;

    w->env.adue = true;
    for (int i = 0; i < 2; i++)
        pthread_create(&walker[i], NULL, race_walker, &r);
    pthread_create(&writer, NULL, race_writer, &r);
    pthread_join(writer, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(walker[i], NULL);
    assert_int_equal(r.wrong, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bare),
        TEST(test_page_sizes),
        TEST(test_high_addresses),
        TEST(test_global),
        TEST(test_napot),
        TEST(test_pbmt),
        TEST(test_canonical),
        TEST(test_invalid),
        TEST(test_reserved_bits),
        TEST(test_write_without_read),
        TEST(test_pointer_at_last_level),
        TEST(test_pointer_reserved),
        TEST(test_misaligned_superpage),
        TEST(test_napot_faults),
        TEST(test_pbmt_faults),
        TEST(test_tables_outside_ram),
        TEST(test_permissions),
        TEST(test_pmp),
        TEST(test_svade),
        TEST(test_svadu),
        TEST(test_update_starts_again),
        TEST(test_update_kills_reservation),
        TEST(test_update_reports_code),
        TEST(test_update_race),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
