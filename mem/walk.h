/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RISC-V page-table walk (Privileged, "Virtual Address Translation
 * Process"): Bare, Sv39, Sv48, Sv57, with Svnapot, Svpbmt, and A/D bits either
 * faulted on (Svade) or updated by compare-and-swap (Svadu).  Reads page
 * tables straight from guest RAM.  Called by a hart's TLB miss path, the
 * debugger and the tests; any thread.
 */
#ifndef MEM_WALK_H
#define MEM_WALK_H

#include "mem/physmem.h"

enum paging_mode {
    PAGING_BARE = 0,
    PAGING_SV39 = 8,
    PAGING_SV48 = 9,
    PAGING_SV57 = 10
};                                                            /* satp.MODE */
enum access_type { ACCESS_FETCH, ACCESS_LOAD, ACCESS_STORE }; /* same order as enum tlb_kind */
enum walk_status { WALK_OK, WALK_PAGE_FAULT, WALK_ACCESS_FAULT };

/* PTE bits (Privileged, Sv39). */
#define PTE_V       (1ull << 0)
#define PTE_R       (1ull << 1)
#define PTE_W       (1ull << 2)
#define PTE_X       (1ull << 3)
#define PTE_U       (1ull << 4)
#define PTE_G       (1ull << 5)
#define PTE_A       (1ull << 6)
#define PTE_D       (1ull << 7)
#define PTE_PPN(x)  (((x) >> 10) & 0xfffffffffffull)
#define PTE_PBMT(x) (((x) >> 61) & 3)
#define PTE_N       (1ull << 63)

struct walk_env {
    struct physmem *pm;
    struct reservation *self; /* of the hart, for A/D updates on reserved pages; may be NULL */
    enum paging_mode mode;
    gpa_t root;    /* satp.PPN << 12 */
    bool user;     /* effective privilege U (else S) */
    bool sum, mxr; /* mstatus */
    bool adue;     /* menvcfg.ADUE: update A/D, else fault */
    bool pbmte;    /* menvcfg.PBMTE */
    bool svnapot;
    /* PMP check of an implicit access to a page table; NULL: all allowed. */
    bool (*allowed)(void *opaque, gpa_t gpa, unsigned size, enum access_type access);
    void *opaque;
};

struct walk_result {
    gpa_t gpa;           /* of va itself */
    unsigned page_shift; /* leaf size: 12, 16 (NAPOT), 21, 30, 39, 48; 63 for Bare */
    bool writable;       /* a write entry may be made: W allowed by all rules and D set */
    bool readable;       /* a read entry may be made */
    bool executable;
    bool global;
    bool user;     /* the leaf's U */
    unsigned pbmt; /* 0 PMA, 1 NC, 2 IO */
};

/* Translates va for an access.  Fills *out on WALK_OK only. */
enum walk_status walk_translate(const struct walk_env *env, gva_t va, enum access_type access,
                                struct walk_result *out);

/* Whether va is canonical for the mode. */
bool walk_canonical(enum paging_mode mode, gva_t va);

#endif
