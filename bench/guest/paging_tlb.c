/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads in S-mode through Sv39, one from each page of 4 KiB, and what makes the translations of
 * pages be forgotten: nothing (tlb_hot), more pages than fit (tlb_evict), SFENCE.VMA, another
 * address space.  All pages lie on 64 physical ones (256 KiB), each load takes another word of
 * them, and every word has another number: so a cache has the data, and the sum tells which
 * translations were used.
 */
#define POOL 96
#include "traps.h"
#include "workload.h"

enum {
    FRAMES = 64,
    WORDS = FRAMES * 512,
    HOT_PAGES = 64,
    HOT_ROUNDS = 16384,
    COLD_PAGES = 512,
    COLD_ROUNDS = 64,
    EVICT_PAGES = WORDS, /* twice what manyhart's TLB can grow to */
    EVICT_ROUNDS = 2,
    FLUSHES = 16384,
    SWITCHES = 16384,
};

#define VA (16 * GIGA)

struct tlb {
    unsigned long satp[2]; /* the second only for satp_switch */
    struct page *frame;    /* the word w of all has the value w + 1 */
};

/* Page I of the address space N: frame I + N, so the same page differs between spaces. */
static void map_pages(struct page *root, const struct tlb *t, size_t pages, size_t n)
{
    for (size_t i = 0; i < pages; i++)
        *paging_entry_in(root, VA + i * PAGE, 0) =
            pte_make((unsigned long)&t->frame[(i + n) % FRAMES], PTE_V | PTE_R | PTE_W | PTE_AD);
}

static struct tlb *tlb_new(struct arena *a, size_t pages)
{
    struct tlb *t = ARENA_NEW(a, struct tlb, 1);

    t->frame = arena_alloc(a, FRAMES, sizeof(*t->frame), PAGE);
    for (size_t w = 0; w < WORDS; w++)
        t->frame[w / 512].word[w % 512] = w + 1;
    workload_require(paging_begin(3), "Sv39");
    map_pages(pg.root, t, pages, 0);
    paging_set(pg.root, 1);
    t->satp[0] = csr_read(satp);
    workload_require(t->satp[0] >> 44 == (SATP_SV39 >> 44 | 1), "an ASID");
    paging_end();
    return t;
}

/* The word in page I that is loaded: all words of all frames before one twice. */
static inline size_t word_in(size_t i)
{
    return i / FRAMES % 512;
}

static inline uint64_t load_page(size_t i)
{
    return *(const volatile uint64_t *)(VA + i * PAGE + word_in(i) * sizeof(uint64_t));
}

/* What load_page(i) returns in the address space n. */
static uint64_t value_of(size_t i, size_t n)
{
    return (i + n) % FRAMES * 512 + word_in(i) + 1;
}

static uint64_t sum_of_values(size_t pages)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < pages; i++)
        sum += value_of(i, 0);
    return sum;
}

static inline uint64_t load_pages(size_t pages)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < pages; i++)
        sum += load_page(i);
    return sum;
}

static inline void fence_page(size_t i)
{
    __asm__ volatile("sfence.vma %0" : : "r"(VA + i * PAGE) : "memory");
}

static uint64_t tlb_run(const struct tlb *t, unsigned long (*fn)(unsigned long))
{
    return supervisor_run(t->satp[0], 0, fn, (unsigned long)t);
}

/* ---- the same pages again and again ---- */
static unsigned long load_hot(unsigned long unused)
{
    uint64_t sum = 0;

    (void)unused;
    for (unsigned r = 0; r < HOT_ROUNDS; r++)
        sum += load_pages(HOT_PAGES);
    return sum;
}

void *tlb_hot_setup(struct arena *a)
{
    struct tlb *t = tlb_new(a, HOT_PAGES);

    workload_require(tlb_hot_run(t) == HOT_ROUNDS * sum_of_values(HOT_PAGES), "sum of the words");
    return t;
}

uint64_t tlb_hot_run(void *state)
{
    return tlb_run(state, load_hot);
}

/* ---- the first access to each page after a flush ---- */
static unsigned long load_cold(unsigned long unused)
{
    uint64_t sum = 0;

    (void)unused;
    for (unsigned r = 0; r < COLD_ROUNDS; r++) {
        sfence_all();
        sum += load_pages(COLD_PAGES);
    }
    return sum;
}

void *tlb_cold_setup(struct arena *a)
{
    struct tlb *t = tlb_new(a, COLD_PAGES);

    workload_require(tlb_cold_run(t) == COLD_ROUNDS * sum_of_values(COLD_PAGES),
                     "sum of the words");
    return t;
}

uint64_t tlb_cold_run(void *state)
{
    return tlb_run(state, load_cold);
}

/* ---- more pages than a TLB holds ---- */
static unsigned long load_many(unsigned long unused)
{
    uint64_t sum = 0;

    (void)unused;
    for (unsigned r = 0; r < EVICT_ROUNDS; r++)
        sum += load_pages(EVICT_PAGES);
    return sum;
}

void *tlb_evict_setup(struct arena *a)
{
    struct tlb *t = tlb_new(a, EVICT_PAGES);

    workload_require(tlb_evict_run(t) == EVICT_ROUNDS * ((uint64_t)WORDS * (WORDS + 1) / 2),
                     "sum of the words");
    return t;
}

uint64_t tlb_evict_run(void *state)
{
    return tlb_run(state, load_many);
}

/* ---- one page forgotten, and loaded from ---- */
static unsigned long load_flushed_page(unsigned long unused)
{
    uint64_t sum = 0;

    (void)unused;
    for (size_t i = 0; i < FLUSHES; i++) {
        fence_page(i % HOT_PAGES);
        sum += load_page(i % HOT_PAGES);
    }
    return sum;
}

void *flush_page_setup(struct arena *a)
{
    struct tlb *t = tlb_new(a, HOT_PAGES);

    workload_require(flush_page_run(t) == FLUSHES / HOT_PAGES * sum_of_values(HOT_PAGES),
                     "sum of the words");
    return t;
}

uint64_t flush_page_run(void *state)
{
    return tlb_run(state, load_flushed_page);
}

/* ---- all pages forgotten, and one loaded from ---- */
static unsigned long load_flushed(unsigned long unused)
{
    uint64_t sum = 0;

    (void)unused;
    for (size_t i = 0; i < FLUSHES; i++) {
        sfence_all();
        sum += load_page(i % HOT_PAGES);
    }
    return sum;
}

void *flush_all_setup(struct arena *a)
{
    struct tlb *t = tlb_new(a, HOT_PAGES);

    workload_require(flush_all_run(t) == FLUSHES / HOT_PAGES * sum_of_values(HOT_PAGES),
                     "sum of the words");
    return t;
}

uint64_t flush_all_run(void *state)
{
    return tlb_run(state, load_flushed);
}

/* ---- two address spaces in turn, told apart by their ASIDs: nothing needs to be flushed ---- */
static unsigned long load_switched(unsigned long arg)
{
    const struct tlb *t = (const struct tlb *)arg;
    uint64_t sum = 0;

    for (size_t i = 0; i < SWITCHES; i++) {
        csr_write(satp, t->satp[i % 2]);
        sum = checksum_add(sum, load_page(i / 2 % HOT_PAGES));
    }
    return sum;
}

void *satp_switch_setup(struct arena *a)
{
    struct tlb *t = tlb_new(a, HOT_PAGES);
    struct page *root = paging_table();
    uint64_t expected = 0;

    paging_map_program(root, 0);
    map_pages(root, t, HOT_PAGES, 1);
    paging_set(root, 2);
    t->satp[1] = csr_read(satp);
    paging_end();
    workload_require(t->satp[1] >> 44 == (SATP_SV39 >> 44 | 2), "a second ASID");
    for (size_t i = 0; i < SWITCHES; i++)
        expected = checksum_add(expected, value_of(i / 2 % HOT_PAGES, i % 2));
    workload_require(satp_switch_run(t) == expected, "the words in turn");
    return t;
}

uint64_t satp_switch_run(void *state)
{
    return tlb_run(state, load_switched);
}
