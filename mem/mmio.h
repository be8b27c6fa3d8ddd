/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device answers at a guest physical address.  Readers (hart threads)
 * take no lock: they count themselves in, load one pointer to an immutable
 * sorted array and search it.  Writers copy the array, publish the copy, wait
 * until every reader that may hold the old one has left, and free it; so add
 * and remove must not be called from inside a region's ops.
 */
#ifndef MEM_MMIO_H
#define MEM_MMIO_H

#include "sim/base/bits.h"

struct mmio_map;

/*
 * Register access of size 1, 2, 4 or 8.  Called on hart threads; takes the device's own lock; never
 * blocks.  False: the device does not decode this offset or width (the guest gets an access fault).
 * A value that is written has no bits above size; what is read is cut to size by the map.
 */
struct mmio_ops {
    bool (*read)(void *opaque, uint64_t offset, unsigned size, uint64_t *value);
    bool (*write)(void *opaque, uint64_t offset, unsigned size, uint64_t value);
};

struct mmio_region {
    gpa_t base;
    uint64_t size;
    const struct mmio_ops *ops;
    void *opaque;
    const char *name; /* owned by the device */
};

int mmio_map_create(struct mmio_map **out);
void mmio_map_destroy(struct mmio_map *m);

/* -EEXIST when it overlaps another region (the text names both), -EINVAL when empty or wrapping. */
int mmio_map_add(struct mmio_map *m, const struct mmio_region *r);
/* Removes the region at base.  After it returned no reader is inside its ops any more.  -ENOENT. */
int mmio_map_remove(struct mmio_map *m, gpa_t base);

/*
 * One access.  False when nothing answers (access fault).  An access that crosses a region's end is
 * refused.
 */
bool mmio_read(struct mmio_map *m, gpa_t gpa, unsigned size, uint64_t *value);
bool mmio_write(struct mmio_map *m, gpa_t gpa, unsigned size, uint64_t value);

/* Copies the region that holds gpa; false if none.  For buses, the debugger, `info`. */
bool mmio_find(struct mmio_map *m, gpa_t gpa, struct mmio_region *out);
/* Calls fn for each region in address order. */
void mmio_each(struct mmio_map *m, void (*fn)(const struct mmio_region *r, void *opaque),
               void *opaque);

#endif
