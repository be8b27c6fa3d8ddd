/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_bus_*: at which addresses devices answer.  Each has the window it was made
 * with; more can be mapped to it here (a window for the same registers, as
 * boards have for older software).  They are regions of the MMIO map like any
 * other; the machine keeps a list of them so that they go before their device.
 */
#include "sim/machine.h"

#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bus_window {
    struct dev *d;
    gpa_t base;
    struct bus_window *next;
};

static int bad(int rc, const char *param, uint64_t addr, const char *why)
{
    char value[32];
    snprintf(value, sizeof(value), "0x%llx", (unsigned long long)addr);
    return error_set(MH_ERROR_DEVICE, rc, param, value, "%s", why);
}

static int check_range(const struct mh_machine *m, const struct dev *d, gpa_t base, uint64_t size)
{
    char value[32];
    if (size > d->type->mmio_size)
        return bad(-EINVAL, "size", size, "is more than the device has registers");
    if (!size || base + size < base)
        return bad(-EINVAL, "base", base, "the window is empty or wraps");
    if (!ranges_overlap(base, size, m->pm->base, m->pm->size))
        return 0;
    snprintf(value, sizeof(value), "0x%llx", (unsigned long long)base);
    return error_set(MH_ERROR_DEVICE, -EEXIST, "base", value, "the window of %s overlaps RAM",
                     d->name);
}

/* The device's own region at another place. */
static int add_region(const struct mh_machine *m, const struct dev *d, gpa_t base, uint64_t size)
{
    struct mmio_region r;
    if (!mmio_find(m->mmio, d->base, &r))
        return bad(-EINVAL, "device", d->base, "has no registers");
    r.base = base;
    r.size = size;
    return mmio_map_add(m->mmio, &r);
}

static struct dev *find_device(const struct mh_machine *m, const char *name)
{
    struct dev *d = m->devices;
    while (d && strcmp(d->name, name))
        d = d->next;
    return d;
}

int mh_bus_map(struct mh_machine *m, const char *device, mh_gpa base, uint64_t size)
{
    struct dev *d = find_device(m, device);
    if (!d)
        return error_set(MH_ERROR_DEVICE, -ENOENT, "device", device, "no such device");
    int rc = check_range(m, d, base.v, size);
    if (rc)
        return rc;
    struct bus_window *w = malloc(sizeof(*w));
    if (!w)
        return bad(-ENOMEM, "base", base.v, "not enough host memory");
    rc = add_region(m, d, base.v, size);
    if (rc) {
        free(w);
        return rc;
    }
    *w = (struct bus_window){d, base.v, m->windows};
    m->windows = w;
    return 0;
}

static void remove_at(struct mh_machine *m, struct bus_window **at)
{
    struct bus_window *w = *at;
    *at = w->next;
    mmio_map_remove(m->mmio, w->base);
    free(w);
}

int mh_bus_unmap(struct mh_machine *m, mh_gpa base)
{
    struct bus_window **at = &m->windows;
    struct mmio_region r;
    while (*at && (*at)->base != base.v)
        at = &(*at)->next;
    if (*at) {
        remove_at(m, at);
        return 0;
    }
    if (m->mmio && mmio_find(m->mmio, base.v, &r) && r.base == base.v)
        return bad(-EPERM, "base", base.v, "is the device's own window, which it keeps");
    return bad(-ENOENT, "base", base.v, "no window begins there");
}

void machine_windows_remove(struct mh_machine *m, const struct dev *d)
{
    struct bus_window **at = &m->windows;
    while (*at)
        if (!d || (*at)->d == d)
            remove_at(m, at);
        else
            at = &(*at)->next;
}

int mh_bus_translate(struct mh_machine *m, mh_gpa addr, struct mh_bus_place *out)
{
    struct mmio_region r;
    if (!m->mmio || !mmio_find(m->mmio, addr.v, &r))
        return bad(-ENOENT, "addr", addr.v, "no device answers there");
    *out = (struct mh_bus_place){.base = {r.base}, .size = r.size, .offset = addr.v - r.base};
    snprintf(out->device, sizeof(out->device), "%s", r.name);
    return 0;
}
