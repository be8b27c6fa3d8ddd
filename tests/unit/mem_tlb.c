/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests mem/tlb.c: the index, contexts, the victim array, every kind of flush,
 * resizing, and random operations against a model.
 */
#include "mem/tlb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY(asid, rest) ((uint64_t)(rest) << 16 | (asid))

static void use_key(struct tlb *t, uint64_t key)
{
    bool cleared;

    for (int k = 0; k < TLB_KINDS; k++)
        t->ctx[k] = tlb_context(t, key, &cleared);
}

static int setup(void **state)
{
    struct tlb *t = malloc(sizeof(*t));

    assert_int_equal(tlb_init(t, 0), 0);
    use_key(t, KEY(1, 0));
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    tlb_fini(*state);
    free(*state);
    return 0;
}

static bool hit(struct tlb *t, enum tlb_kind kind, gva_t va)
{
    return tlb_lookup(t, kind, va, 1) != NULL;
}

/* ---- the index ----------------------------------------------------------- */

static uint64_t slot_index(const struct tlb *t, uint64_t vpn)
{
    return (uint64_t)(tlb_slot(t, TLB_READ, vpn << PAGE_SHIFT) - t->table[TLB_READ].entries);
}

static void test_index_ignores_offset(void **state)
{
    for (unsigned off = 0; off < PAGE_SIZE; off++)
        assert_ptr_equal(tlb_slot(*state, TLB_READ, 0x12345000 + off),
                         tlb_slot(*state, TLB_READ, 0x12345000));
}

/* All pages of an aligned run of the table's size have slots of their own, wherever the run is. */
static void test_index_contiguous(void **state)
{
    static const uint64_t starts[] = {0, 1024, 0x80000, 0xffc00, 0x7fffffc00, 0xfffffffffc00};
    bool seen[TLB_DEF_ENTRIES];

    for (unsigned s = 0; s < ARRAY_LEN(starts); s++) {
        memset(seen, 0, sizeof(seen));
        for (uint64_t i = 0; i < TLB_DEF_ENTRIES; i++) {
            uint64_t slot = slot_index(*state, starts[s] + i);
            assert_true(slot < TLB_DEF_ENTRIES);
            assert_false(seen[slot]);
            seen[slot] = true;
        }
    }
}

/* Pages base, base + 2^k, base + 2*2^k, ... count of them. */
static bool streams_collide(const struct tlb *t, uint64_t base, unsigned k, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < i; j++)
            if (slot_index(t, base + ((uint64_t)i << k)) ==
                slot_index(t, base + ((uint64_t)j << k)))
                return true;
    return false;
}

/* Two and four streams, 2^k pages apart, walked through 4096 pages from aligned and odd places. */
static void test_index_streams(void **state)
{
    static const uint64_t starts[] = {0, 0x80000, 0x1234567, 0x3fff12345};

    for (unsigned s = 0; s < ARRAY_LEN(starts); s++)
        for (unsigned k = 0; k <= 16; k++)
            for (uint64_t step = 0; step < 4096; step++) {
                assert_false(streams_collide(*state, starts[s] + step, k, 2));
                assert_false(streams_collide(*state, starts[s] + step, k, 4));
            }
    assert_false(streams_collide(*state, 0, 17, 2));
}

/* ---- lookup and fill ----------------------------------------------------- */

static void test_new_is_empty(void **state)
{
    struct tlb t;

    assert_int_equal(tlb_init(&t, TLB_MIN_ENTRIES), 0);
    assert_int_equal(tlb_capacity(&t, TLB_FETCH), TLB_MIN_ENTRIES);
    /* The address that comes closest to the invalid tag, in the highest context. */
    for (int k = 0; k < TLB_KINDS; k++) {
        assert_null(tlb_lookup(&t, k, 0, 8)); /* TLB_CTX_NOWHERE */
        t.ctx[k] = (uint64_t)TLB_CTX_MAX << TLB_CTX_SHIFT;
        for (unsigned size = 1; size <= 8; size *= 2)
            for (uint64_t va = UINT64_MAX; va > UINT64_MAX - PAGE_SIZE; va--)
                assert_null(tlb_lookup(&t, k, va, size));
    }
    tlb_fini(&t);
    (void)state;
}

static void test_alignment(void **state)
{
    struct tlb *t = *state;

    tlb_fill(t, TLB_READ, 0x5123, 77, PAGE_SHIFT);
    for (unsigned off = 0; off < 64; off++)
        for (unsigned size = 1; size <= 8; size *= 2) {
            struct tlb_entry *e = tlb_lookup(t, TLB_READ, 0x5000 + off, size);
            if (off % size)
                assert_null(e);
            else
                assert_true(e && e->addend == 77);
        }
    /* A misaligned access finds its page off the fast path, and that is no miss. */
    assert_non_null(tlb_lookup_slow(t, TLB_READ, 0x5003));
    assert_int_equal(t->stats.misses[TLB_READ], 0);
    assert_null(tlb_lookup_slow(t, TLB_READ, 0x6003));
    assert_int_equal(t->stats.misses[TLB_READ], 1);
}

static void test_kinds_and_contexts_apart(void **state)
{
    struct tlb *t = *state;

    tlb_fill(t, TLB_WRITE, 0x5000, 1, PAGE_SHIFT);
    assert_true(hit(t, TLB_WRITE, 0x5000));
    assert_false(hit(t, TLB_READ, 0x5000));
    assert_false(hit(t, TLB_FETCH, 0x5000));
    use_key(t, KEY(1, 1)); /* same ASID, another privilege */
    assert_false(hit(t, TLB_WRITE, 0x5000));
    use_key(t, KEY(1, 0));
    assert_true(hit(t, TLB_WRITE, 0x5000));
}

static void test_refill_replaces(void **state)
{
    struct tlb *t = *state;

    tlb_fill(t, TLB_READ, 0x5000, 1, PAGE_SHIFT);
    tlb_fill(t, TLB_READ, 0x5000, 2, PAGE_SHIFT);
    assert_int_equal(tlb_lookup(t, TLB_READ, 0x5000, 8)->addend, 2);
    assert_int_equal(t->evictions_since_resize[TLB_READ], 0);
}

/* Pages that share a slot: bit 10 of the page number alone changes slot bit 2, so undo it there. */
static gva_t rival(unsigned i)
{
    return ((uint64_t)i << 10 ^ (uint64_t)i << 2) << PAGE_SHIFT;
}

static void test_victims(void **state)
{
    struct tlb *t = *state;

    for (unsigned i = 0; i <= TLB_VICTIMS; i++) {
        assert_ptr_equal(tlb_slot(t, TLB_READ, rival(i)), tlb_slot(t, TLB_READ, 0));
        tlb_fill(t, TLB_READ, rival(i), 100 + i, PAGE_SHIFT);
    }
    for (unsigned i = 0; i < TLB_VICTIMS; i++) {
        assert_false(hit(t, TLB_READ, rival(i)));
        struct tlb_entry *e = tlb_lookup_slow(t, TLB_READ, rival(i));
        assert_true(e && e->addend == 100 + i);
        assert_true(hit(t, TLB_READ, rival(i))); /* it is back in the table */
    }
    assert_int_equal(t->stats.victim_hits[TLB_READ], TLB_VICTIMS);
    assert_int_equal(t->stats.misses[TLB_READ], TLB_VICTIMS);
    /* All nine are still here: a hit swaps. */
    assert_non_null(tlb_lookup_slow(t, TLB_READ, rival(TLB_VICTIMS)));
}

static void test_refill_of_victim(void **state)
{
    struct tlb *t = *state;

    tlb_fill(t, TLB_READ, rival(0), 1, PAGE_SHIFT);
    tlb_fill(t, TLB_READ, rival(1), 2, PAGE_SHIFT); /* rival 0 is a victim */
    tlb_fill(t, TLB_READ, rival(0), 3, PAGE_SHIFT); /* and is entered anew */
    tlb_fill(t, TLB_READ, rival(2), 4, PAGE_SHIFT);
    assert_int_equal(tlb_lookup_slow(t, TLB_READ, rival(0))->addend, 3);
}

/* ---- contexts ------------------------------------------------------------ */

static void test_context_numbers(void **state)
{
    struct tlb *t = *state;
    bool cleared = true;
    uint64_t a = tlb_context(t, KEY(7, 1), &cleared);

    assert_false(cleared);
    assert_int_equal(a & ~0xff8ull, 0);
    assert_int_equal(tlb_context(t, KEY(7, 1), &cleared), a);
    assert_int_not_equal(tlb_context(t, KEY(7, 2), &cleared), a);
    assert_int_not_equal(tlb_context(t, UINT64_MAX, &cleared), tlb_context(t, 0, &cleared));
}

static void test_contexts_used_up(void **state)
{
    struct tlb *t = *state; /* one context is in use */
    bool cleared;

    tlb_fill(t, TLB_READ, 0x5000, 1, PAGE_SHIFT);
    for (unsigned i = 1; i <= TLB_CTX_MAX; i++) {
        uint64_t ctx = tlb_context(t, KEY(i, 99), &cleared);
        assert_false(cleared);
        assert_int_equal(ctx, (uint64_t)i << TLB_CTX_SHIFT);
    }
    assert_int_equal(tlb_context(t, KEY(1, 0), &cleared), 0);
    assert_false(cleared);
    assert_true(hit(t, TLB_READ, 0x5000));

    assert_int_equal(tlb_context(t, KEY(999, 99), &cleared), 0);
    assert_true(cleared);
    assert_int_equal(t->stats.hard_clears, 1);
    assert_false(hit(t, TLB_READ, 0x5000)); /* ctx[] is nowhere */
    use_key(t, KEY(999, 99));
    assert_false(hit(t, TLB_READ, 0x5000)); /* the number is reused, the entry is gone */
    use_key(t, KEY(1, 0));
    assert_false(hit(t, TLB_READ, 0x5000));
}

/* ---- flushes ------------------------------------------------------------- */

static void test_flush_all(void **state)
{
    struct tlb *t = *state;

    for (int k = 0; k < TLB_KINDS; k++)
        tlb_fill(t, k, 0x5000, 1, PAGE_SHIFT);
    tlb_flush_all(t);
    for (int k = 0; k < TLB_KINDS; k++) {
        assert_int_equal(t->ctx[k], TLB_CTX_NOWHERE);
        assert_false(hit(t, k, 0x5000));
        assert_null(tlb_lookup_slow(t, k, 0x5000));
    }
    use_key(t, KEY(1, 0));
    for (int k = 0; k < TLB_KINDS; k++)
        assert_false(hit(t, k, 0x5000));
    assert_int_equal(t->stats.flush_all, 1);
}

/* Across several hard clears no entry of before a flush is ever seen again. */
static void test_flush_all_many(void **state)
{
    struct tlb *t = *state;

    for (uint64_t i = 0; i < 5000; i++) {
        assert_false(hit(t, TLB_READ, 0x5000));
        assert_null(tlb_lookup_slow(t, TLB_READ, 0x5000));
        tlb_fill(t, TLB_READ, 0x5000, i, PAGE_SHIFT);
        assert_int_equal(tlb_lookup(t, TLB_READ, 0x5000, 8)->addend, i);
        tlb_flush_all(t);
        use_key(t, KEY(1, 0));
        if (t->ctx[TLB_FETCH] == TLB_CTX_NOWHERE)
            use_key(t, KEY(1, 0)); /* a hard clear came in the middle */
    }
    assert_int_equal(t->stats.hard_clears, 5000 / (TLB_CTX_MAX + 1));
}

static void test_flush_asid(void **state)
{
    struct tlb *t = *state;

    for (unsigned asid = 1; asid <= 3; asid++)
        for (unsigned rest = 0; rest < 2; rest++) {
            use_key(t, KEY(asid, rest));
            tlb_fill(t, TLB_READ, 0x5000, asid * 10 + rest, PAGE_SHIFT);
        }
    tlb_flush_asid(t, 2);
    assert_false(hit(t, TLB_READ, 0x5000));
    for (unsigned asid = 1; asid <= 3; asid++)
        for (unsigned rest = 0; rest < 2; rest++) {
            use_key(t, KEY(asid, rest));
            struct tlb_entry *e = tlb_lookup_slow(t, TLB_READ, 0x5000);
            if (asid == 2)
                assert_null(e);
            else
                assert_true(e && e->addend == asid * 10 + rest);
        }
}

static void test_flush_page(void **state)
{
    struct tlb *t = *state;

    for (unsigned rest = 0; rest < 2; rest++) {
        use_key(t, KEY(1, rest));
        for (int k = 0; k < TLB_KINDS; k++) {
            tlb_fill(t, k, 0x5000, 1, PAGE_SHIFT);
            tlb_fill(t, k, 0x6000, 2, PAGE_SHIFT);
        }
    }
    assert_false(tlb_flush_page(t, 0x5fff));
    for (unsigned rest = 0; rest < 2; rest++) {
        use_key(t, KEY(1, rest));
        for (int k = 0; k < TLB_KINDS; k++) {
            assert_null(tlb_lookup_slow(t, k, 0x5000));
            assert_non_null(tlb_lookup_slow(t, k, 0x6000));
        }
    }
}

static void test_flush_page_in_victims(void **state)
{
    struct tlb *t = *state;

    tlb_fill(t, TLB_WRITE, rival(0), 1, PAGE_SHIFT);
    tlb_fill(t, TLB_WRITE, rival(1), 2, PAGE_SHIFT);
    assert_false(tlb_flush_page(t, rival(0)));
    assert_null(tlb_lookup_slow(t, TLB_WRITE, rival(0)));
    assert_non_null(tlb_lookup_slow(t, TLB_WRITE, rival(1)));
}

/* A flush at any address of a large page drops all its 4 KiB entries and no others. */
static void flush_large(struct tlb *t, gva_t base, unsigned shift)
{
    uint64_t pages = 1ull << (shift - PAGE_SHIFT);

    for (uint64_t i = 0; i < pages; i += 1 + pages / 16)
        tlb_fill(t, TLB_READ, base + (i << PAGE_SHIFT), i, shift);
    tlb_fill(t, TLB_READ, base - PAGE_SIZE, 1, PAGE_SHIFT);
    tlb_fill(t, TLB_READ, base + (pages << PAGE_SHIFT), 1, PAGE_SHIFT);
    assert_false(tlb_flush_page(t, base + (pages << PAGE_SHIFT) - 1));
    for (uint64_t i = 0; i < pages; i++)
        assert_null(tlb_lookup_slow(t, TLB_READ, base + (i << PAGE_SHIFT)));
    assert_non_null(tlb_lookup_slow(t, TLB_READ, base - PAGE_SIZE));
    assert_non_null(tlb_lookup_slow(t, TLB_READ, base + (pages << PAGE_SHIFT)));
}

static void test_flush_large(void **state)
{
    flush_large(*state, 0x7fff00010000, 16);
    flush_large(*state, 0x7fff00200000, 21);
    flush_large(*state, 0xffffffff80200000, 21);
}

static void test_flush_giga(void **state)
{
    struct tlb *t = *state;

    tlb_fill(t, TLB_READ, 0x40000000, 1, 30);
    tlb_fill(t, TLB_READ, 0x5000, 1, PAGE_SHIFT);
    assert_false(tlb_flush_page(t, 0x6000)); /* outside: an ordinary flush */
    assert_true(tlb_flush_page(t, 0x7ffff000));
    assert_int_equal(t->ctx[TLB_READ], TLB_CTX_NOWHERE);
    use_key(t, KEY(1, 0));
    assert_null(tlb_lookup_slow(t, TLB_READ, 0x40000000));
    /* The full flush forgot the range too. */
    assert_false(tlb_flush_page(t, 0x7ffff000));
}

/* A linear map of many 2 MiB pages is one range; 4 KiB flushes elsewhere stay ordinary ones. */
static void test_large_neighbours_join(void **state)
{
    struct tlb *t = *state;

    for (uint64_t i = 0; i < 200; i++)
        tlb_fill(t, TLB_READ, 0xffffffc000000000 + (i << 21), 1, 21);
    assert_int_equal(t->large_count, 1);
    assert_false(tlb_flush_page(t, 0x5000));
    assert_null(tlb_lookup_slow(t, TLB_READ, 0x5000));
    assert_non_null(tlb_lookup_slow(t, TLB_READ, 0xffffffc000000000 + (100ull << 21)));
    assert_false(tlb_flush_page(t, 0xffffffc000000000 + (100ull << 21) + 0x3000));
    assert_null(tlb_lookup_slow(t, TLB_READ, 0xffffffc000000000 + (100ull << 21)));
}

/* More ranges than places: each large page is still flushed whole. */
static void test_large_overflow(void **state)
{
    struct tlb *t = *state;

    for (uint64_t i = 0; i < 100; i++)
        tlb_fill(t, TLB_READ, i << 32 | i << 22, 1, 21);
    assert_int_equal(t->large_count, TLB_LARGE_RANGES);
    for (uint64_t i = 0; i < 100; i++) {
        assert_false(tlb_flush_page(t, (i << 32 | i << 22) + 0x1ff000));
        assert_null(tlb_lookup_slow(t, TLB_READ, i << 32 | i << 22));
    }
}

/* A range made of pages of two sizes is flushed by the larger. */
static void test_large_sizes_join(void **state)
{
    const uint64_t apart = 1ull << 32 | 1 << 16; /* in slots of their own */
    struct tlb *t = *state;

    for (uint64_t i = 0; i < TLB_LARGE_RANGES; i++)
        tlb_fill(t, TLB_READ, i * apart, 1, 16);
    tlb_fill(t, TLB_READ, 5ull << 32 | 0x200000, 1, 21); /* joined to the sixth */
    assert_int_equal(t->large_count, TLB_LARGE_RANGES);
    assert_false(tlb_flush_page(t, 5ull << 32 | 0x3ff000));
    assert_null(tlb_lookup_slow(t, TLB_READ, 5ull << 32 | 0x200000));
    assert_non_null(tlb_lookup_slow(t, TLB_READ, 6 * apart));
}

/* Bare translations are of no page, so they make no range. */
static void test_bare_is_not_large(void **state)
{
    struct tlb *t = *state;

    tlb_fill(t, TLB_READ, 0x80000000, 1, 63);
    assert_int_equal(t->large_count, 0);
    assert_false(tlb_flush_page(t, 0x80001000));
    assert_true(hit(t, TLB_READ, 0x80000000));
}

static void test_drop_host_page(void **state)
{
    static uint8_t ram[4 * 4096] __attribute__((aligned(4096)));
    struct tlb *t = *state;
    uint64_t host = (uintptr_t)ram;

    tlb_fill(t, TLB_WRITE, 0x5000, host - 0x5000, PAGE_SHIFT);
    tlb_fill(t, TLB_WRITE, 0x9000, host - 0x9000, PAGE_SHIFT); /* an alias */
    tlb_fill(t, TLB_WRITE, 0x9000 + rival(1), 0, PAGE_SHIFT);  /* which is a victim now */
    tlb_fill(t, TLB_WRITE, 0x6000, host + 0x1000 - 0x6000, PAGE_SHIFT);
    tlb_fill(t, TLB_READ, 0x5000, host - 0x5000, PAGE_SHIFT);
    tlb_fill(t, TLB_SLOW_WRITE, 0x5000, host - 0x5000, PAGE_SHIFT);
    tlb_drop_host_page(t, ram + 0x123);
    assert_null(tlb_lookup_slow(t, TLB_WRITE, 0x5000));
    assert_null(tlb_lookup_slow(t, TLB_WRITE, 0x9000));
    assert_non_null(tlb_lookup_slow(t, TLB_WRITE, 0x6000));
    assert_non_null(tlb_lookup_slow(t, TLB_READ, 0x5000));
    assert_non_null(tlb_lookup_slow(t, TLB_SLOW_WRITE, 0x5000)); /* it goes by the shard's lock */
}

static void test_drop_fetch(void **state)
{
    struct tlb *t = *state;

    tlb_fill(t, TLB_FETCH, 0x5000, 111, PAGE_SHIFT);
    tlb_fill(t, TLB_FETCH, 0x6000, 222, PAGE_SHIFT);
    tlb_fill(t, TLB_FETCH, 0x7000, 111, PAGE_SHIFT);
    tlb_fill(t, TLB_READ, 0x5000, 111, PAGE_SHIFT);
    tlb_drop_fetch(t, 111);
    assert_false(hit(t, TLB_FETCH, 0x5000));
    assert_true(hit(t, TLB_FETCH, 0x6000));
    assert_false(hit(t, TLB_FETCH, 0x7000));
    assert_true(hit(t, TLB_READ, 0x5000));
    tlb_drop_fetch(t, 0);
    assert_false(hit(t, TLB_FETCH, 0x6000));
}

/* ---- resizing ------------------------------------------------------------ */

static void test_grow_and_shrink(void **state)
{
    struct tlb *t = *state;

    /* Thrash: twice as many pages as entries, over and over. */
    for (unsigned round = 0; round < 100; round++)
        for (uint64_t p = 0; p < 2 * TLB_MAX_ENTRIES; p++) {
            tlb_adapt(t, TLB_READ);
            if (!tlb_lookup_slow(t, TLB_READ, p << PAGE_SHIFT))
                tlb_fill(t, TLB_READ, p << PAGE_SHIFT, p, PAGE_SHIFT);
        }
    assert_int_equal(tlb_capacity(t, TLB_READ), TLB_MAX_ENTRIES);
    assert_int_equal(tlb_capacity(t, TLB_WRITE), TLB_DEF_ENTRIES);

    /* Few pages, flushed again and again. */
    for (unsigned round = 0; round < 20000; round++) {
        tlb_flush_all(t);
        use_key(t, KEY(1, 0));
        use_key(t, KEY(1, 0));
        for (uint64_t p = 0; p < 8; p++) {
            tlb_adapt(t, TLB_READ);
            tlb_fill(t, TLB_READ, p << PAGE_SHIFT, p, PAGE_SHIFT);
        }
    }
    assert_int_equal(tlb_capacity(t, TLB_READ), TLB_MIN_ENTRIES);
    for (uint64_t p = 0; p < 8; p++)
        assert_int_equal(tlb_lookup(t, TLB_READ, p << PAGE_SHIFT, 8)->addend, p);
}

/* Growing keeps every entry. */
static void test_grow_keeps(void **state)
{
    struct tlb *t = *state;
    uint64_t n = tlb_capacity(t, TLB_READ);

    for (uint64_t p = 0; p < n; p++)
        tlb_fill(t, TLB_READ, p << PAGE_SHIFT, p, PAGE_SHIFT);
    t->evictions_since_resize[TLB_READ] = n; /* as if they had fought */
    tlb_adapt(t, TLB_READ);
    assert_int_equal(tlb_capacity(t, TLB_READ), 2 * n);
    for (uint64_t p = 0; p < n; p++)
        assert_int_equal(tlb_lookup(t, TLB_READ, p << PAGE_SHIFT, 1)->addend, p);
    assert_int_equal(t->stats.resizes, 1);
}

/* ---- a model ------------------------------------------------------------- */

#define MODEL_PAGES 64
#define MODEL_KEYS  6

/* What the guest's page tables were when the entry was made; 0: must not hit. */
struct model {
    uint64_t addend[MODEL_KEYS][TLB_KINDS][MODEL_PAGES];
};

static uint64_t rnd(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* 64 pages: two 2 MiB regions of 16 touched pages, and rivals for one slot. */
static gva_t model_va(unsigned page)
{
    if (page < 32)
        return (page < 16 ? 0x40000000ull : 0x7f00000000ull) + (page % 16) * 0x7000;
    return rival(page - 32);
}

static bool same_large(unsigned a, unsigned b)
{
    return a == b || (a < 32 && b < 32 && a / 16 == b / 16);
}

static uint64_t model_key(unsigned k)
{
    return KEY(k / 2, k % 2);
}

static void model_forget(struct model *m, int asid, int page)
{
    for (unsigned k = 0; k < MODEL_KEYS; k++)
        for (unsigned kind = 0; kind < TLB_KINDS; kind++)
            for (unsigned p = 0; p < MODEL_PAGES; p++)
                if ((asid < 0 || (int)k / 2 == asid) && (page < 0 || same_large(p, (unsigned)page)))
                    m->addend[k][kind][p] = 0;
}

static void test_random_against_model(void **state)
{
    struct tlb *t = *state;
    struct model *m = calloc(1, sizeof(*m));
    uint64_t seed = 0x5eed, hits = 0;
    unsigned key = 0;

    print_message("seed 0x%llx\n", (unsigned long long)seed);
    for (unsigned i = 0; i < 300000; i++) {
        unsigned page = (unsigned)(rnd(&seed) % MODEL_PAGES);
        enum tlb_kind kind = (enum tlb_kind)(rnd(&seed) % TLB_KINDS);
        unsigned op = (unsigned)(rnd(&seed) % 10000);
        if (op < 3) {
            tlb_flush_all(t);
            model_forget(m, -1, -1);
        } else if (op < 10) {
            unsigned asid = (unsigned)(rnd(&seed) % (MODEL_KEYS / 2));
            tlb_flush_asid(t, (uint16_t)asid);
            model_forget(m, (int)asid, -1);
        } else if (op < 40) {
            assert_false(tlb_flush_page(t, model_va(page)));
            model_forget(m, -1, (int)page);
        } else if (op < 100) {
            key = (unsigned)(rnd(&seed) % MODEL_KEYS);
        }
        use_key(t, model_key(key));
        use_key(t, model_key(key));
        struct tlb_entry *e = tlb_lookup_slow(t, kind, model_va(page));
        if (e) {
            assert_int_equal(e->addend, m->addend[key][kind][page]);
            assert_int_not_equal(e->addend, 0);
            hits++;
        } else {
            m->addend[key][kind][page] = i + 1;
            tlb_adapt(t, kind);
            tlb_fill(t, kind, model_va(page), i + 1, page < 32 ? 21 : PAGE_SHIFT);
        }
    }
    assert_true(hits > 100000); /* the test is not about misses only */
    free(m);
}

/* Entries under addresses that are not their own: a page flush must not look for them by address.
 */
static void test_alias(void **state)
{
    struct tlb *t = *state;
    const gva_t plain = 0x5000, tagged = plain | 0xabull << 56;

    tlb_fill(t, TLB_READ, tagged, 0, PAGE_SHIFT);
    tlb_alias(t);
    assert_true(hit(t, TLB_READ, tagged));
    assert_true(tlb_flush_page(t, plain));
    use_key(t, KEY(1, 0));
    assert_false(hit(t, TLB_READ, tagged));
    tlb_fill(t, TLB_READ, plain, 0, PAGE_SHIFT); /* all gone: flushed by address again */
    tlb_fill(t, TLB_READ, 0x6000, 0, PAGE_SHIFT);
    assert_false(tlb_flush_page(t, plain));
    assert_false(hit(t, TLB_READ, plain));
    assert_true(hit(t, TLB_READ, 0x6000));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A page that is to be written fast no more: streams of writes may reach over it, of reads stay. */
static void test_drop_host_page_forgets_write_streams(void **state)
{
    struct tlb *t = *state;
    struct tlb_stream s = {.start = 0x1000, .limit = 0x5000, .addend = 0x7000000 - 0x1000};
    tlb_stream_set(t, TLB_STREAM_READ, 3, true, &s);
    tlb_stream_set(t, TLB_STREAM_WRITE, 3, true, &s);
    uint64_t epoch = t->write_epoch;
    tlb_drop_host_page(t, (const void *)0x7002000);
    assert_int_equal(t->stream[TLB_STREAM_READ][3].limit, 0x5000);
    assert_int_equal(t->stream[TLB_STREAM_WRITE][3].limit, 0);
    assert_true(t->write_epoch > epoch);
    tlb_stream_set(t, TLB_STREAM_WRITE, 3, true, &s);
    tlb_drop_host_page(t, (const void *)0x7005000);
    tlb_drop_host_page(t, (const void *)0x6fff000);
    assert_int_equal(t->stream[TLB_STREAM_WRITE][3].limit, 0x5000);
    tlb_streams_forget(t);
    assert_int_equal(t->stream[TLB_STREAM_READ][3].limit, 0);
}

/* Each bank keeps its streams as long as it is entered under the context that they are of. */
static void test_stream_banks(void **state)
{
    struct tlb *t = *state;
    const struct tlb_stream s = {.start = 0x1000, .limit = 0x5000, .addend = 0x7000000 - 0x1000};
    const unsigned second = TLB_BANK_STREAMS + 3;
    t->ctx[TLB_READ] = 8;
    tlb_streams_enter(t, 0);
    tlb_stream_set(t, TLB_STREAM_READ, 3, true, &s);
    t->ctx[TLB_READ] = 16;
    tlb_streams_enter(t, 1);
    tlb_stream_set(t, TLB_STREAM_WRITE, second, true, &s);
    t->ctx[TLB_READ] = 8;
    tlb_streams_enter(t, 0);
    assert_int_equal(t->stream[TLB_STREAM_READ][3].limit, 0x5000);
    assert_int_equal(t->stream[TLB_STREAM_WRITE][second].limit, 0x5000);
    tlb_streams_enter(t, 1);
    assert_int_equal(t->stream[TLB_STREAM_READ][3].limit, 0x5000);
    assert_int_equal(t->stream[TLB_STREAM_WRITE][second].limit, 0);
}

/* A page's flush forgets the streams of the page, of all places, and no others. */
static void test_flush_page_forgets_its_streams(void **state)
{
    struct tlb *t = *state;
    for (unsigned i = 0; i < TLB_STREAMS; i++) {
        struct tlb_stream s = {0x1000 * (1 + i % 100), 0x1000 - 7,
                               0x7000000 - 0x1000 * (1 + i % 100)};
        tlb_stream_set(t, TLB_STREAM_READ, i, i % 3, &s);
        tlb_stream_set(t, TLB_STREAM_WRITE, TLB_STREAMS - 1 - i, i % 2, &s);
    }
    assert_false(tlb_flush_page(t, 0x3ff8));
    for (unsigned i = 0; i < TLB_STREAMS; i++) {
        uint64_t limit = i % 100 == 2 ? 0 : 0x1000 - 7;
        assert_int_equal(t->stream[TLB_STREAM_READ][i].limit, limit);
        assert_int_equal(t->stream[TLB_STREAM_WRITE][TLB_STREAMS - 1 - i].limit, limit);
    }
}

/* One that reaches over more than a page goes with any of them. */
static void test_flush_page_in_wide_stream(void **state)
{
    struct tlb *t = *state;
    const struct tlb_stream s = {
        .start = 0x1000, .limit = 0x5000 - 7, .addend = 0x7000000 - 0x1000};
    const gva_t inside[] = {0x1000, 0x3ff8, 0x5fff};
    for (unsigned i = 0; i < ARRAY_LEN(inside); i++) {
        tlb_stream_set(t, TLB_STREAM_READ, 3, true, &s);
        tlb_stream_set(t, TLB_STREAM_WRITE, TLB_STREAMS - 1, true, &s);
        assert_false(tlb_flush_page(t, inside[i]));
        assert_int_equal(t->stream[TLB_STREAM_READ][3].limit, 0);
        assert_int_equal(t->stream[TLB_STREAM_WRITE][TLB_STREAMS - 1].limit, 0);
    }
}

/* What is entered as global is found from every address space; the others' pages are not. */
static void test_global(void **state)
{
    struct tlb *t = *state;
    bool cleared;
    uint64_t one = t->ctx[TLB_READ], global = tlb_context(t, 0xffff | 1ull << 32, &cleared);
    for (int k = 0; k < TLB_KINDS; k++)
        t->global[k] = global;
    tlb_fill_global(t, TLB_READ, 0x5000, 1, PAGE_SHIFT);
    tlb_fill(t, TLB_READ, 0x6000, 2, PAGE_SHIFT);
    use_key(t, KEY(2, 0));
    assert_true(t->ctx[TLB_READ] != one);
    assert_non_null(tlb_lookup(t, TLB_READ, 0x5008, 8));
    assert_null(tlb_lookup(t, TLB_READ, 0x5001, 8));
    assert_true(hit(t, TLB_READ, 0x5000));
    assert_false(hit(t, TLB_READ, 0x6000));
    /* without a global context, as in U-mode */
    t->global[TLB_READ] = TLB_CTX_NOWHERE;
    assert_null(tlb_lookup(t, TLB_READ, 0x5000, 8));
    assert_null(tlb_lookup(t, TLB_READ, 0x5001, 8));
    assert_false(hit(t, TLB_READ, 0x5000));
    t->global[TLB_READ] = global;
    /* a page that stopped being global, and was walked to again */
    tlb_fill(t, TLB_READ, 0x5000, 3, PAGE_SHIFT);
    assert_int_equal(tlb_lookup(t, TLB_READ, 0x5000, 8)->addend, 3);
    tlb_fill_global(t, TLB_READ, 0x5000, 4, PAGE_SHIFT);
    assert_int_equal(tlb_lookup(t, TLB_READ, 0x5000, 8)->addend, 4);
    /* fences */
    tlb_flush_asid(t, 2);
    use_key(t, KEY(2, 0));
    t->global[TLB_READ] = global;
    assert_true(hit(t, TLB_READ, 0x5000));
    assert_false(tlb_flush_page(t, 0x5000));
    assert_false(hit(t, TLB_READ, 0x5000));
    tlb_fill_global(t, TLB_READ, 0x5000, 5, PAGE_SHIFT);
    tlb_flush_all(t);
    use_key(t, KEY(2, 0));
    t->global[TLB_READ] = tlb_context(t, 0xffff | 1ull << 32, &cleared);
    assert_false(hit(t, TLB_READ, 0x5000));
}

/* Streams of global pages stay from one address space to the next, others do not. */
static void test_global_streams(void **state)
{
    struct tlb *t = *state;
    const struct tlb_stream s = {
        .start = 0x1000, .limit = 0x1000 - 7, .addend = 0x7000000 - 0x1000};
    t->ctx[TLB_READ] = 8;
    t->global[TLB_READ] = 16;
    tlb_streams_enter(t, 1);
    tlb_stream_set(t, TLB_STREAM_READ, TLB_BANK_STREAMS, false, &s);
    tlb_stream_set(t, TLB_STREAM_READ, TLB_BANK_STREAMS + 1, true, &s);
    t->ctx[TLB_READ] = 24;
    tlb_streams_enter(t, 1);
    assert_int_equal(t->stream[TLB_STREAM_READ][TLB_BANK_STREAMS].limit, s.limit);
    assert_int_equal(t->stream[TLB_STREAM_READ][TLB_BANK_STREAMS + 1].limit, 0);
    t->global[TLB_READ] = TLB_CTX_NOWHERE;
    tlb_streams_enter(t, 1);
    assert_int_equal(t->stream[TLB_STREAM_READ][TLB_BANK_STREAMS].limit, 0);
}

/* More large pages than places to note them, far apart: what lies between them stays small. */
static void test_large_far_apart(void **state)
{
    struct tlb *t = *state;
    const gva_t between = 0x7fff00000000;
    for (unsigned i = 0; i <= TLB_LARGE_RANGES; i++) {
        gva_t at = i % 2 ? 0xff60000000000000 + i * 0x800000ul : 0x3600000 + i * 0x800000ul;
        tlb_fill(t, TLB_READ, at, 0, 21);
    }
    tlb_fill(t, TLB_READ, between, 0, PAGE_SHIFT);
    tlb_fill(t, TLB_READ, between + PAGE_SIZE, 0, PAGE_SHIFT);
    assert_false(tlb_flush_page(t, between));
    assert_false(hit(t, TLB_READ, between));
    assert_true(hit(t, TLB_READ, between + PAGE_SIZE));
    /* and each is still known: a flush inside drops what was entered elsewhere in it */
    for (unsigned i = 0; i <= TLB_LARGE_RANGES; i++) {
        gva_t at = i % 2 ? 0xff60000000000000 + i * 0x800000ul : 0x3600000 + i * 0x800000ul;
        tlb_flush_page(t, at + 0x1000);
        use_key(t, KEY(1, 0));
        assert_false(hit(t, TLB_READ, at));
    }
}

/* Only pages that were fetched from are said to have gone; after a flush of all they were not. */
static void test_flush_page_names_fetched_pages(void **state)
{
    struct tlb *t = *state;
    uint64_t epoch = t->fetch_epoch;
    tlb_fill(t, TLB_READ, 0x5000, 0, PAGE_SHIFT);
    assert_false(tlb_flush_page(t, 0x5000));
    assert_true(t->fetch_epoch == epoch);
    tlb_fill(t, TLB_FETCH, 0x5000, 0, PAGE_SHIFT);
    assert_false(tlb_flush_page(t, 0x5123));
    assert_int_equal(t->fetch_epoch, epoch + 1);
    assert_int_equal(t->fetch_gone[t->fetch_epoch % TLB_FETCH_GONE], 0x5001);
    tlb_flush_all(t);
    epoch = t->fetch_epoch;
    assert_false(tlb_flush_page(t, 0x5000));
    assert_true(t->fetch_epoch == epoch);
}

/* --- runs --- */

#define RUN_AT   0xff60000000000000ull
#define RUN_SIZE 0x800000ull
#define RUN_HOST 0x100000000ull

static void use_global(struct tlb *t, uint64_t key)
{
    bool cleared;
    use_key(t, KEY(1, 0));
    t->global[TLB_READ] = tlb_context(t, key, &cleared);
    assert_false(cleared);
}

static void run_make(struct tlb *t)
{
    use_global(t, KEY(0xffff, 1));
    assert_true(tlb_run_wanted(t, RUN_AT));
    tlb_run_set(t, RUN_AT, RUN_AT + RUN_SIZE - 1, RUN_HOST);
    tlb_stream_set_run(t, 3, tlb_run(t, RUN_AT));
}

static bool stream_is_set(const struct tlb *t, unsigned i)
{
    return t->stream[TLB_STREAM_READ][i].limit;
}

/* Reads of up to a page are inside; the last page is left out, and needs no other run. */
static void test_run_reach(void **state)
{
    struct tlb *t = *state;
    run_make(t);
    const struct tlb_stream *run = tlb_run(t, RUN_AT + 0x1234);
    assert_non_null(run);
    assert_true(run->start == RUN_AT && run->addend == RUN_HOST - RUN_AT);
    assert_non_null(tlb_run(t, RUN_AT + RUN_SIZE - PAGE_SIZE - 1));
    assert_null(tlb_run(t, RUN_AT + RUN_SIZE - PAGE_SIZE));
    assert_null(tlb_run(t, RUN_AT - 1));
    assert_false(tlb_run_wanted(t, RUN_AT + RUN_SIZE - 1));
    assert_true(tlb_run_wanted(t, RUN_AT + RUN_SIZE));
    assert_false(t->stream_wide);
    use_global(t, KEY(0xffff, 2));
    assert_null(tlb_run(t, RUN_AT));
    t->global[TLB_READ] = TLB_CTX_NOWHERE;
    assert_null(tlb_run(t, RUN_AT));
}

/* A flush inside it ends it, and what streams have of it; one elsewhere neither. */
static void test_run_flush(void **state)
{
    static const gva_t inside[] = {RUN_AT, RUN_AT + 0x123456, RUN_AT + RUN_SIZE - 1};
    struct tlb *t = *state;
    for (unsigned i = 0; i < ARRAY_LEN(inside); i++) {
        run_make(t);
        tlb_flush_page(t, RUN_AT - 1);
        tlb_flush_page(t, RUN_AT + RUN_SIZE);
        assert_non_null(tlb_run(t, RUN_AT));
        assert_true(stream_is_set(t, 3));
        tlb_flush_page(t, inside[i]);
        assert_null(tlb_run(t, RUN_AT));
        assert_false(stream_is_set(t, 3));
    }
    run_make(t);
    tlb_flush_all(t);
    use_global(t, KEY(0xffff, 1));
    assert_null(tlb_run(t, RUN_AT));
    assert_false(stream_is_set(t, 3));
    run_make(t);
    tlb_flush_asid(t, 0xffff);
    use_global(t, KEY(0xffff, 1));
    assert_null(tlb_run(t, RUN_AT));
}

/* A larger one takes the place of what is in it; one that overlaps it ends its streams, too. */
static void test_run_replaced(void **state)
{
    struct tlb *t = *state;
    run_make(t);
    tlb_run_set(t, RUN_AT - RUN_SIZE, RUN_AT + RUN_SIZE - 1, RUN_HOST - RUN_SIZE);
    assert_true(stream_is_set(t, 3));
    assert_true(tlb_run(t, RUN_AT)->start == RUN_AT - RUN_SIZE);
    tlb_run_set(t, RUN_AT, RUN_AT + 2 * RUN_SIZE - 1, 2 * RUN_HOST);
    assert_false(stream_is_set(t, 3));
    assert_true(tlb_run(t, RUN_AT)->addend == 2 * RUN_HOST - RUN_AT);
    assert_null(tlb_run(t, RUN_AT - RUN_SIZE));
    for (unsigned i = 1; i < TLB_RUNS; i++) {
        gva_t at = RUN_AT + 16 * i * RUN_SIZE;
        assert_true(tlb_run_wanted(t, at));
        tlb_run_set(t, at, at + RUN_SIZE - 1, RUN_HOST);
        assert_non_null(tlb_run(t, at));
    }
    assert_false(tlb_run_wanted(t, RUN_AT - 16 * RUN_SIZE));
    tlb_run_set(t, RUN_AT - 16 * RUN_SIZE, RUN_AT - 15 * RUN_SIZE - 1, RUN_HOST);
    assert_null(tlb_run(t, RUN_AT - 16 * RUN_SIZE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_run_reach),
        TEST(test_run_flush),
        TEST(test_run_replaced),
        TEST(test_stream_banks),
        TEST(test_flush_page_forgets_its_streams),
        TEST(test_flush_page_in_wide_stream),
        TEST(test_flush_page_names_fetched_pages),
        TEST(test_large_far_apart),
        TEST(test_global),
        TEST(test_global_streams),
        TEST(test_alias),
        TEST(test_index_ignores_offset),
        TEST(test_index_contiguous),
        TEST(test_index_streams),
        TEST(test_new_is_empty),
        TEST(test_alignment),
        TEST(test_kinds_and_contexts_apart),
        TEST(test_refill_replaces),
        TEST(test_victims),
        TEST(test_refill_of_victim),
        TEST(test_context_numbers),
        TEST(test_contexts_used_up),
        TEST(test_flush_all),
        TEST(test_flush_all_many),
        TEST(test_flush_asid),
        TEST(test_flush_page),
        TEST(test_flush_page_in_victims),
        TEST(test_flush_large),
        TEST(test_flush_giga),
        TEST(test_large_neighbours_join),
        TEST(test_large_overflow),
        TEST(test_large_sizes_join),
        TEST(test_bare_is_not_large),
        TEST(test_drop_host_page),
        TEST(test_drop_host_page_forgets_write_streams),
        TEST(test_drop_fetch),
        TEST(test_grow_and_shrink),
        TEST(test_grow_keeps),
        TEST(test_random_against_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
