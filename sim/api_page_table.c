/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_page_table_*: page tables in a machine's RAM (mem/pagetable.h), for users
 * of the library.  One thread at a time for each table.
 */
#include "sim/hart_hold.h"

#include "mem/pagetable.h"
#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct mh_page_table {
    struct mh_machine *m;
    enum mh_paging mode;
    struct page_table table;
    uint64_t flushes;
};

static int bad(int rc, const char *param, uint64_t addr)
{
    static const struct {
        int code;
        const char *why;
    } rows[] = {
        {-EINVAL, "not aligned, not canonical, not in RAM, or flags that make no page"},
        {-EEXIST, "something is mapped there"},
        {-ENOENT, "nothing is mapped there"},
        {-ENOSPC, "the area for tables is used up"},
    };
    char value[32];
    const char *why = "failed";
    if (!rc)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].code == rc)
            why = rows[i].why;
    snprintf(value, sizeof(value), "0x%llx", (unsigned long long)addr);
    return error_set(MH_ERROR_MEMORY, rc, param, value, "%s", why);
}

int mh_page_table_create(struct mh_page_table **out, struct mh_machine *m, enum mh_paging mode,
                         mh_gpa area, uint64_t size)
{
    static const enum paging_mode modes[] = {PAGING_BARE, PAGING_SV39, PAGING_SV48, PAGING_SV57};
    *out = NULL;
    if (mode == MH_PAGING_ARM64 || mode == MH_PAGING_X86_64)
        return error_set(MH_ERROR_MEMORY, -ENOTSUP, "mode", NULL,
                         "there is no guest with such tables yet; give Sv39, Sv48 or Sv57");
    if ((unsigned)mode >= ARRAY_LEN(modes) || !m->pm)
        return error_set(MH_ERROR_MEMORY, -EINVAL, "mode", NULL,
                         "no such mode, or the machine is not initialised");
    struct mh_page_table *t = calloc(1, sizeof(*t));
    if (!t)
        return error_set(MH_ERROR_MEMORY, -ENOMEM, NULL, NULL, "not enough host memory");
    t->m = m;
    t->mode = mode;
    int rc = page_table_init(&t->table, m->pm, modes[mode], area.v, size);
    if (rc) {
        free(t);
        return bad(rc, "area", area.v);
    }
    *out = t;
    return 0;
}

void mh_page_table_destroy(struct mh_page_table *t)
{
    free(t);
}

mh_gpa mh_page_table_root(const struct mh_page_table *t)
{
    return (mh_gpa){t->table.root};
}

int mh_page_table_alloc(struct mh_page_table *t, mh_gpa *page)
{
    return bad(page_table_alloc(&t->table, &page->v), "area", t->table.end);
}

int mh_page_table_map(struct mh_page_table *t, mh_gva va, mh_gpa pa, unsigned page_shift,
                      unsigned flags)
{
    return bad(page_table_map(&t->table, va.v, pa.v, page_shift, flags), "va", va.v);
}

int mh_page_table_update(struct mh_page_table *t, mh_gva va, mh_gpa pa, unsigned flags)
{
    return bad(page_table_update(&t->table, va.v, pa.v, flags), "va", va.v);
}

int mh_page_table_translate(struct mh_page_table *t, mh_gva va, enum mh_access access, bool user,
                            mh_gpa *pa)
{
    static const enum access_type types[] = {ACCESS_FETCH, ACCESS_LOAD, ACCESS_STORE};
    struct walk_result w;
    if ((unsigned)access >= ARRAY_LEN(types))
        return bad(-EINVAL, "access", va.v);
    if (page_table_translate(&t->table, va.v, types[access], user, &w) != WALK_OK)
        return error_set(MH_ERROR_MEMORY, -EFAULT, "va", NULL, "the access faults");
    *pa = (mh_gpa){w.gpa};
    return 0;
}

int mh_page_table_activate(struct mh_page_table *t, unsigned hart, uint16_t asid)
{
    return mh_mmu_set_root(t->m, hart, t->mode, asid, mh_page_table_root(t));
}

int mh_page_table_flush(struct mh_page_table *t, unsigned hart, const mh_gva *va)
{
    int rc = va ? mh_mmu_flush_page(t->m, hart, *va) : mh_mmu_flush_all(t->m, hart);
    if (!rc)
        t->flushes++;
    return rc;
}

void mh_page_table_stats(const struct mh_page_table *t, struct mh_page_stats *out)
{
    *out = (struct mh_page_stats){t->table.translations, t->table.faults, t->flushes};
}
