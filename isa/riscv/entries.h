/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the code of a page is entered in one mode.  Few halfwords of a page are: a part of the
 * table is memory only when the first of its slots has code.  Any thread at any time; whoever
 * frees it is alone with it.
 */
#ifndef ISA_RISCV_ENTRIES_H
#define ISA_RISCV_ENTRIES_H

#include "isa/riscv/ops.h"
#include "sim/base/atomic.h"

#define RV_ENTRIES_PART 32 /* slots */

/* By halfword: the distance of its code plus 1, 0: none.  All of it atomic. */
struct rv_entries {
    uint32_t *part[RV_SLOTS / RV_ENTRIES_PART];
};

/* What stands in the slot; e may be NULL. */
static inline uint32_t rv_entries_get(const struct rv_entries *e, unsigned slot)
{
    const uint32_t *part = e ? load_acquire(&e->part[slot / RV_ENTRIES_PART]) : NULL;
    return part ? load_acquire(&part[slot % RV_ENTRIES_PART]) : 0;
}

#endif
