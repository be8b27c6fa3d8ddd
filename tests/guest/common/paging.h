/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables for guest programs: a small pool of tables, mapping at any level
 * of Sv39, Sv48 and Sv57, probes of single accesses under MPRV and fetches in S
 * or U.  Included by the tests and workloads of translation; one hart builds,
 * M-mode runs untranslated all the while.  Define POOL first for more tables.
 */
#ifndef PAGING_H
#define PAGING_H

#include "guest.h"

#define PTE_N   (1UL << 63)
#define PTE_RWX (PTE_R | PTE_W | PTE_X)
#define PTE_AD  (PTE_A | PTE_D)
#define PAGE    4096UL
#define MEGA    (1UL << 21)
#define GIGA    (1UL << 30)
#ifndef POOL
#define POOL 64
#endif

struct page {
    uint64_t word[512];
} __attribute__((aligned(4096)));

struct paging {
    unsigned levels; /* 3, 4, 5; 0: bare */
    unsigned long mode;
    struct page *root;
};

static struct page paging_pool[POOL];
static unsigned paging_used;
static struct paging pg;

static inline void sfence_all(void)
{
    __asm__ volatile("sfence.vma" : : : "memory");
}

static inline struct page *paging_table(void)
{
    CHECK(paging_used < POOL);
    struct page *p = &paging_pool[paging_used++];
    memset(p, 0, sizeof(*p));
    return p;
}

/* The entry for va at a level (0: 4 KiB), tables above it made as needed. */
static inline uint64_t *paging_entry_in(struct page *root, unsigned long va, unsigned level)
{
    struct page *t = root;
    for (unsigned l = pg.levels - 1;; l--) {
        uint64_t *e = &t->word[va >> (12 + 9 * l) & 511];
        if (l == level)
            return e;
        if (!(*e & PTE_V))
            *e = (unsigned long)paging_table() >> 12 << 10 | PTE_V;
        CHECK(!(*e & PTE_RWX));
        t = (struct page *)(*e >> 10 << 12);
    }
}

static inline uint64_t *paging_entry(unsigned long va, unsigned level)
{
    return paging_entry_in(pg.root, va, level);
}

static inline uint64_t pte_make(unsigned long pa, uint64_t flags)
{
    return pa >> 12 << 10 | flags;
}

static inline void paging_map(unsigned long va, unsigned long pa, unsigned level, uint64_t flags)
{
    *paging_entry(va, level) = pte_make(pa, flags);
    sfence_all();
}

/* The gigabyte with the program one to one; flags U for programs in U-mode. */
static inline void paging_map_program(struct page *root, uint64_t user)
{
    *paging_entry_in(root, VIRT_RAM, 2) = pte_make(VIRT_RAM, PTE_V | PTE_RWX | PTE_AD | user);
}

static inline void paging_set(struct page *root, unsigned asid)
{
    csr_write(satp, pg.mode | (unsigned long)asid << 44 | (unsigned long)root >> 12);
}

/* Fresh tables with the program mapped for S; false: the machine lacks the mode. */
static inline bool paging_begin(unsigned levels)
{
    paging_used = 0;
    pg = (struct paging){levels, (levels + 5UL) << 60, NULL};
    pg.root = paging_table();
    paging_map_program(pg.root, 0);
    paging_set(pg.root, 0);
    sfence_all();
    return csr_read(satp) >> 60 == levels + 5;
}

static inline void paging_end(void)
{
    csr_write(satp, 0);
    sfence_all();
}

/* ---- probes: the cause of one access, ~0 for none ---- */

static struct guest_caught probed;

/* mstatus for data accesses as the mode would make them. */
static inline unsigned long probe_status(unsigned mode, unsigned long more)
{
    return MSTATUS_MPRV | (unsigned long)mode << 11 | more;
}

static inline unsigned long probe_end(unsigned long cause)
{
    csr_clear(mstatus, MSTATUS_MPRV | MSTATUS_MPP | MSTATUS_SUM | MSTATUS_MXR);
    return cause;
}

#define PROBE(insn, va, status, ...)                                                               \
    do {                                                                                           \
        guest_catch(&probed);                                                                      \
        csr_clear(mstatus, MSTATUS_MPP);                                                           \
        __asm__ volatile("csrs mstatus, %1\n" insn "\ncsrc mstatus, %3"                            \
                         : __VA_ARGS__                                                             \
                         : "r"(status), "r"(va), "r"(MSTATUS_MPRV)                                 \
                         : "memory");                                                              \
        guest_catch_end();                                                                         \
    } while (0)

static inline void guest_catch_end(void)
{
    struct guest_caught keep = *(volatile struct guest_caught *)&probed;
    guest_catch(NULL);
    probed = keep;
}

static inline unsigned long probe_load(unsigned long va, unsigned mode, unsigned long more,
                                       uint64_t *value)
{
    uint64_t v = 0;
    PROBE("ld %0, 0(%2)", va, probe_status(mode, more), "+&r"(v));
    if (value)
        *value = v;
    return probe_end(probed.cause);
}

static inline unsigned long probe_store(unsigned long va, unsigned mode, unsigned long more,
                                        uint64_t value)
{
    PROBE("sd %0, 0(%2)", va, probe_status(mode, more), "+&r"(value));
    return probe_end(probed.cause);
}

static inline unsigned long probe_amo(unsigned long va, unsigned mode, unsigned long more)
{
    uint64_t v = 0;
    PROBE("amoadd.d %0, zero, (%2)", va, probe_status(mode, more), "+&r"(v));
    return probe_end(probed.cause);
}

/* Calls the code at va in S or U; returns to the program, so that must be mapped for the mode. */
static inline unsigned long probe_call(unsigned long va, unsigned mode, unsigned long arg,
                                       unsigned long *result)
{
    guest_catch(&probed);
    unsigned long v = guest_run_in((int)mode, (unsigned long (*)(unsigned long))va, arg);
    guest_catch_end();
    if (result)
        *result = v;
    return probed.cause;
}

#endif
