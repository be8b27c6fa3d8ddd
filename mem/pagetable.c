/* SPDX-License-Identifier: Apache-2.0 */
/* See pagetable.h. */
#include "mem/pagetable.h"

#include <errno.h>

#define LEVEL_BITS 9u
#define PTE_SIZE   8u
#define FLAGS_MASK 0x3ffull

static unsigned levels(enum paging_mode mode)
{
    return mode == PAGING_SV39 ? 3 : mode == PAGING_SV48 ? 4 : 5;
}

static unsigned level_shift(unsigned level)
{
    return PAGE_SHIFT + LEVEL_BITS * level;
}

int page_table_init(struct page_table *t, struct physmem *pm, enum paging_mode mode, gpa_t area,
                    uint64_t size)
{
    if (mode != PAGING_SV39 && mode != PAGING_SV48 && mode != PAGING_SV57)
        return -EINVAL;
    if ((area | size) & ~PAGE_MASK || !physmem_contains(pm, area, size))
        return -EINVAL;
    *t = (struct page_table){.pm = pm, .mode = mode, .next = area, .end = area + size};
    return page_table_alloc(t, &t->root);
}

int page_table_alloc(struct page_table *t, gpa_t *page)
{
    if (t->next == t->end)
        return -ENOSPC;
    *page = t->next;
    t->next += PAGE_SIZE;
    return physmem_fill(t->pm, *page, 0, PAGE_SIZE);
}

static gpa_t entry_at(gpa_t table, gva_t va, unsigned level)
{
    unsigned shift = level_shift(level);
    return table + bits_get(va, shift + LEVEL_BITS - 1, shift) * PTE_SIZE;
}

static uint64_t entry_read(const struct page_table *t, gpa_t gpa)
{
    return load_acquire((const uint64_t *)(const void *)physmem_host(t->pm, gpa));
}

static int entry_write(const struct page_table *t, gpa_t gpa, uint64_t pte)
{
    return physmem_write(t->pm, gpa, &pte, sizeof(pte));
}

static uint64_t entry_make(gpa_t gpa, uint64_t flags)
{
    return gpa >> PAGE_SHIFT << 10 | flags | PTE_V;
}

static bool is_leaf(uint64_t pte)
{
    return pte & PTE_V && pte & (PTE_R | PTE_W | PTE_X);
}

/* The table below an entry, made if there is none. */
static int descend(struct page_table *t, gpa_t at, gpa_t *table)
{
    uint64_t pte = entry_read(t, at);
    if (is_leaf(pte))
        return -EEXIST;
    *table = PTE_PPN(pte) << PAGE_SHIFT;
    if (pte & PTE_V)
        return physmem_contains(t->pm, *table, PAGE_SIZE) ? 0 : -EINVAL;
    int rc = page_table_alloc(t, table);
    return rc ? rc : entry_write(t, at, entry_make(*table, 0));
}

/* The level whose leaves have that size, or -EINVAL. */
static int level_of(const struct page_table *t, unsigned shift)
{
    for (unsigned level = 0; level < levels(t->mode); level++)
        if (level_shift(level) == shift)
            return (int)level;
    return -EINVAL;
}

static bool leaf_ok(gva_t va, gpa_t gpa, unsigned shift, uint64_t flags)
{
    bool readable = flags & PTE_R, writable = flags & PTE_W;
    uint64_t inside = (1ull << shift) - 1;
    return !((va | gpa) & inside) && gpa >> 56 == 0 && !(flags & ~FLAGS_MASK) &&
           flags & (PTE_R | PTE_X) && (readable || !writable);
}

int page_table_map(struct page_table *t, gva_t va, gpa_t gpa, unsigned shift, uint64_t flags)
{
    int leaf = level_of(t, shift);
    gpa_t table = t->root;
    if (leaf < 0 || !leaf_ok(va, gpa, shift, flags) || !walk_canonical(t->mode, va))
        return -EINVAL;
    for (unsigned level = levels(t->mode) - 1; level > (unsigned)leaf; level--) {
        int rc = descend(t, entry_at(table, va, level), &table);
        if (rc)
            return rc;
    }
    gpa_t at = entry_at(table, va, (unsigned)leaf);
    if (entry_read(t, at) & PTE_V)
        return -EEXIST;
    return entry_write(t, at, entry_make(gpa, flags));
}

/* The entry of the leaf for va and its level. */
static int find_leaf(const struct page_table *t, gva_t va, gpa_t *at, unsigned *level)
{
    gpa_t table = t->root;
    if (!walk_canonical(t->mode, va))
        return -EINVAL;
    for (*level = levels(t->mode); (*level)--;) {
        *at = entry_at(table, va, *level);
        uint64_t pte = entry_read(t, *at);
        if (is_leaf(pte))
            return 0;
        table = PTE_PPN(pte) << PAGE_SHIFT;
        if (!(pte & PTE_V) || !physmem_contains(t->pm, table, PAGE_SIZE))
            break;
    }
    return -ENOENT;
}

int page_table_update(struct page_table *t, gva_t va, gpa_t gpa, uint64_t flags)
{
    unsigned level;
    gpa_t at;
    int rc = find_leaf(t, va, &at, &level);
    if (rc)
        return rc;
    if (!flags)
        return entry_write(t, at, 0);
    va = align_down(va, 1ull << level_shift(level));
    if (!leaf_ok(va, gpa, level_shift(level), flags))
        return -EINVAL;
    return entry_write(t, at, entry_make(gpa, flags));
}

enum walk_status page_table_translate(struct page_table *t, gva_t va, enum access_type access,
                                      bool user, struct walk_result *out)
{
    struct walk_env env = {.pm = t->pm, .mode = t->mode, .root = t->root, .user = user};
    enum walk_status status = walk_translate(&env, va, access, out);
    t->translations++;
    t->faults += status != WALK_OK;
    return status;
}
