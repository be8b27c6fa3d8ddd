/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of a saved device: a head that names the type, its version and the
 * length, then the bytes of the device's own saved struct (fixed-width fields,
 * host order; a snapshot is read on a host of the same byte order).  Used by
 * save and load of device types; harts are stopped.
 */
#ifndef DEV_SNAP_H
#define DEV_SNAP_H

#include <errno.h>
#include <string.h>

#include "dev/dev.h"

struct snap_head {
    char type[24];
    uint32_t version;
    uint32_t size; /* of what follows, bytes */
};

/* Returns the bytes needed; writes them when buf is not NULL.  -ENOSPC when size is too small. */
static inline int snap_save(const struct dev *d, uint32_t version, const void *state,
                            uint32_t state_size, void *buf, size_t size)
{
    struct snap_head h = {.version = version, .size = state_size};
    int need = (int)(sizeof(h) + state_size);
    if (!buf)
        return need;
    if (size < (size_t)need)
        return -ENOSPC;
    strncpy(h.type, d->type->name, sizeof(h.type) - 1);
    memcpy(buf, &h, sizeof(h));
    memcpy((char *)buf + sizeof(h), state, state_size);
    return need;
}

/* Copies the saved struct out; 0, or -EINVAL when it is of another type, version or length. */
static inline int snap_load(const struct dev *d, uint32_t version, void *state, uint32_t state_size,
                            const void *buf, size_t size)
{
    struct snap_head h;
    if (size != sizeof(h) + state_size)
        return -EINVAL;
    memcpy(&h, buf, sizeof(h));
    h.type[sizeof(h.type) - 1] = 0;
    if (strcmp(h.type, d->type->name) || h.version != version || h.size != state_size)
        return -EINVAL;
    memcpy(state, (const char *)buf + sizeof(h), state_size);
    return 0;
}

#endif
