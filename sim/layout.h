/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies where in guest RAM when a machine starts: each image claims its
 * range, so that two that overlap are told from each other by name, and the
 * device tree, the initrd and the firmware's information find free room.
 * Called by the thread that initialises the machine.
 */
#ifndef SIM_LAYOUT_H
#define SIM_LAYOUT_H

#include "mem/physmem.h"

#define LAYOUT_MAX 40

struct layout_range {
    gpa_t base;
    uint64_t size;
    const char *name; /* borrowed; for messages: "kernel" */
};

struct layout {
    struct physmem *pm;
    struct layout_range range[LAYOUT_MAX];
    unsigned count;
};

void layout_init(struct layout *l, struct physmem *pm);

/*
 * Claims [base, base+size) for the parameter.  -EFAULT outside RAM, -EEXIST over another one; the
 * error names both and the size of RAM.
 */
int layout_claim(struct layout *l, const char *param, const char *path, gpa_t base, uint64_t size);

/* The highest free range below limit, aligned; claims it.  False: no room. */
bool layout_place(struct layout *l, const char *param, uint64_t size, uint64_t align, gpa_t limit,
                  gpa_t *base);

#endif
