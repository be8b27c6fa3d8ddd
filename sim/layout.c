/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims of ranges in guest RAM; see layout.h.  A handful of ranges, so a
 * linear search each time.
 */
#include "sim/layout.h"

#include "sim/base/error.h"
#include "sim/parse.h"

#include <errno.h>

void layout_init(struct layout *l, struct physmem *pm)
{
    *l = (struct layout){.pm = pm};
}

static const struct layout_range *layout_overlap(const struct layout *l, gpa_t base, uint64_t size)
{
    for (unsigned i = 0; i < l->count; i++)
        if (ranges_overlap(base, size, l->range[i].base, l->range[i].size))
            return &l->range[i];
    return NULL;
}

static bool layout_push(struct layout *l, const char *param, gpa_t base, uint64_t size)
{
    if (l->count == LAYOUT_MAX)
        return false;
    l->range[l->count++] = (struct layout_range){base, size, param};
    return true;
}

int layout_claim(struct layout *l, const char *param, const char *path, gpa_t base, uint64_t size)
{
    const struct physmem *pm = l->pm;
    char text[32];
    if (!physmem_contains(pm, base, size)) {
        parse_format_size(pm->size, text, sizeof(text));
        return error_set(
            MH_ERROR_CORE, -EFAULT, param, path,
            "needs 0x%llx to 0x%llx, but RAM is 0x%llx to 0x%llx (%s); link it for RAM "
            "or give more --memory",
            (unsigned long long)base, (unsigned long long)(base + size),
            (unsigned long long)pm->base, (unsigned long long)(pm->base + pm->size), text);
    }
    const struct layout_range *r = layout_overlap(l, base, size);
    if (r)
        return error_set(MH_ERROR_CORE, -EEXIST, param, path,
                         "0x%llx to 0x%llx overlaps the %s at 0x%llx to 0x%llx",
                         (unsigned long long)base, (unsigned long long)(base + size), r->name,
                         (unsigned long long)r->base, (unsigned long long)(r->base + r->size));
    if (!layout_push(l, param, base, size))
        return error_set(MH_ERROR_CORE, -E2BIG, param, path,
                         "has more than %d separate pieces to load", LAYOUT_MAX);
    return 0;
}

bool layout_place(struct layout *l, const char *param, uint64_t size, uint64_t align, gpa_t limit,
                  gpa_t *base)
{
    gpa_t low = l->pm->base;
    gpa_t top = min_u64(limit, low + l->pm->size);
    while (top > low && top - low >= size) {
        gpa_t at = align_down(top - size, align);
        if (at < low)
            break;
        const struct layout_range *r = layout_overlap(l, at, size);
        if (!r) {
            *base = at;
            return layout_push(l, param, at, size);
        }
        top = r->base;
    }
    return false;
}
