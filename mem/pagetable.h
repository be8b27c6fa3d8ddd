/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and changing page tables in guest RAM: Sv39, Sv48, Sv57, as a guest's
 * own code would, for tests, loaders and users of the library.  Table pages
 * come from an area that the caller gives.  One thread at a time; entries are
 * written as single atomic stores, so harts may walk the tables meanwhile (and
 * must be told to flush, as always).
 */
#ifndef MEM_PAGETABLE_H
#define MEM_PAGETABLE_H

#include "mem/walk.h"

struct page_table {
    struct physmem *pm;
    enum paging_mode mode;
    gpa_t root;
    gpa_t next, end; /* what is left of the area */
    uint64_t translations, faults;
};

/*
 * Begins an empty table.  -EINVAL: Bare, an area that is not of whole pages in RAM; -ENOSPC: no
 * page in it for the root.
 */
int page_table_init(struct page_table *t, struct physmem *pm, enum paging_mode mode, gpa_t area,
                    uint64_t size);

/* A zeroed page of the area.  -ENOSPC. */
int page_table_alloc(struct page_table *t, gpa_t *page);

/*
 * Maps the page of 1 << shift bytes (12, 21, 30, 39, 48) at va to gpa, with the PTE's low bits in
 * flags (PTE_V is added).  -EINVAL: not aligned, not canonical, no such size in the mode, or flags
 * that make no leaf; -EEXIST: something is mapped there; -ENOSPC.
 */
int page_table_map(struct page_table *t, gva_t va, gpa_t gpa, unsigned shift, uint64_t flags);

/* Changes the leaf for va, whatever its size; flags 0 removes it.  -ENOENT, -EINVAL as above. */
int page_table_update(struct page_table *t, gva_t va, gpa_t gpa, uint64_t flags);

/* Walks the tables, without setting A and D.  WALK_PAGE_FAULT counts as a fault. */
enum walk_status page_table_translate(struct page_table *t, gva_t va, enum access_type access,
                                      bool user, struct walk_result *out);

#endif
