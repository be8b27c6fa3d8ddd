/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2
 *
 * Svvptc: a page-table entry that becomes valid is seen without an SFENCE.VMA: at
 * once by the hart that wrote it, and by another in bounded time.  For loads,
 * stores, atomics and fetches, for leaves and for entries that point to a table.
 */
#include "paging.h"

#define NONE  (~0UL)
#define PAGES 40

#if GUEST_HTIF
#define AMO_FAULTS 1
#else /* QEMU 7.2 reports the faults of an AMO as a load's */
#define AMO_FAULTS 0
#endif

static struct page data __attribute__((aligned(4096)));
static struct page code __attribute__((aligned(4096)));

/* An address whose entry at no level is the program's. */
static unsigned long va_base(void)
{
    return pg.levels == 3 ? 8 * GIGA : pg.levels == 4 ? 1UL << 40 : 1UL << 50;
}

/* The entry without a fence, as a compiler may not reorder it. */
static void make_valid(uint64_t *entry, uint64_t pte)
{
    CHECK_EQ(*(volatile uint64_t *)entry & PTE_V, 0);
    *(volatile uint64_t *)entry = pte;
}

static unsigned long try_access(unsigned kind, unsigned long va)
{
    uint64_t v;
    unsigned long cause, got;
    switch (kind) {
    case 0:
        cause = probe_load(va + 8, PRIV_S, 0, &v);
        CHECK(cause != NONE || v == 88);
        return cause;
    case 1:
        return probe_store(va + 16, PRIV_S, 0, va);
    case 2:
        return probe_amo(va + 24, PRIV_S, 0);
    default:
        cause = probe_call(va, PRIV_S, 5, &got);
        CHECK(cause != NONE || got == 6);
        return cause;
    }
}

static const unsigned long page_fault[] = {CAUSE_LOAD_PAGE, CAUSE_STORE_PAGE, CAUSE_STORE_PAGE,
                                           CAUSE_FETCH_PAGE};

static uint64_t leaf(unsigned kind)
{
    unsigned long pa = (unsigned long)(kind == 3 ? &code : &data);
    return pte_make(pa, PTE_V | PTE_RWX | PTE_AD);
}

static void check_fault(unsigned kind, unsigned long cause)
{
    if (kind != 2 || AMO_FAULTS || cause != CAUSE_LOAD_PAGE)
        CHECK_EQ(cause, page_fault[kind]);
}

static void test_leaves(void)
{
    for (unsigned levels = 3; levels <= 5; levels++) {
        if (!paging_begin(levels))
            continue;
        for (unsigned i = 0; i < PAGES; i++) {
            unsigned kind = i % 4;
            unsigned long va = va_base() + i * PAGE;
            uint64_t *entry = paging_entry(va, 0);
            if (!i)
                sfence_all(); /* the tables above are new */
            check_fault(kind, try_access(kind, va));
            check_fault(kind, try_access(kind, va));
            make_valid(entry, leaf(kind));
            CHECK_EQ(try_access(kind, va), NONE);
        }
        paging_end();
    }
}

static void test_tables(void)
{
    for (unsigned levels = 3; levels <= 5; levels++) {
        for (unsigned level = 1; level < levels; level++) {
            for (unsigned kind = 0; kind < 4; kind++) {
                struct page *table;
                if (!paging_begin(levels))
                    continue;
                unsigned long va = va_base();
                uint64_t *entry = paging_entry(va, level);
                sfence_all();
                check_fault(kind, try_access(kind, va));
                /* A chain of tables down to the leaf, whole before its first entry is valid. */
                table = paging_table();
                uint64_t pointer = pte_make((unsigned long)table, PTE_V);
                for (unsigned l = level - 1; l; l--) {
                    struct page *next = paging_table();
                    table->word[va >> (12 + 9 * l) & 511] = pte_make((unsigned long)next, PTE_V);
                    table = next;
                }
                table->word[va >> 12 & 511] = leaf(kind);
                make_valid(entry, pointer);
                CHECK_EQ(try_access(kind, va), NONE);
                paging_end();
            }
        }
    }
}

/* ---- another hart writes the entry ---- */

static volatile unsigned asked;
static unsigned long other_va;

static void writer(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < PAGES; i++) {
        while (asked <= i)
            guest_pause();
        make_valid(paging_entry(other_va + i * PAGE, 0), leaf(i % 4));
    }
}

static void test_other_hart(void)
{
    if (guest_hart_count() < 2)
        return;
    CHECK(paging_begin(3));
    other_va = va_base();
    (void)paging_entry(other_va, 0);
    sfence_all();
    asked = 0;
    guest_hart_start(1, writer, NULL);
    for (unsigned i = 0; i < PAGES; i++) {
        unsigned long va = other_va + i * PAGE, cause;
        check_fault(i % 4, try_access(i % 4, va));
        asked = i + 1;
        while ((cause = try_access(i % 4, va)) != NONE)
            check_fault(i % 4, cause);
    }
    guest_hart_join(1);
    paging_end();
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"leaves", test_leaves},
        {"tables", test_tables},
        {"another hart's store", test_other_hart},
    };
    uint32_t *insn = (uint32_t *)&code;
    data.word[1] = 88;
    insn[0] = 0x00150513; /* addi a0, a0, 1 */
    insn[1] = 0x00008067; /* ret */
    __asm__ volatile("fence.i" : : : "memory");
    return GUEST_RUN(cases);
}
