/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_devices_*: looking at a machine's devices, and devices of the library's
 * user.  Such a device is one of dev/'s like any other: a struct dev whose
 * type is made here, one per device because the size of the window is its.
 */
#include "sim/hart_hold.h"

#include "dev/fdt.h"
#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct user_dev {
    struct dev dev;
    const struct mh_device_ops *ops;
    void *opaque;
};

/* What registration passes to init; the dev_type lives as long as the device. */
struct user_config {
    struct dev_type type;
    const struct mh_device_ops *ops;
    void *opaque;
};

static struct user_dev *user_of(struct dev *d)
{
    return container_of(d, struct user_dev, dev);
}

static int user_init(struct dev *d, const void *config)
{
    const struct user_config *c = config;
    user_of(d)->ops = c->ops;
    user_of(d)->opaque = c->opaque;
    return 0;
}

static void user_reset(struct dev *d)
{
    struct user_dev *u = user_of(d);
    if (u->ops->reset)
        u->ops->reset(u->opaque);
}

static bool user_read(struct dev *d, uint64_t offset, unsigned size, uint64_t *value)
{
    struct user_dev *u = user_of(d);
    *value = 0;
    return u->ops->read && u->ops->read(u->opaque, offset, size, value) == 0;
}

static bool user_write(struct dev *d, uint64_t offset, unsigned size, uint64_t value)
{
    struct user_dev *u = user_of(d);
    return u->ops->write && u->ops->write(u->opaque, offset, size, value) == 0;
}

static int user_fdt(struct dev *d, void *fdt, int soc)
{
    const char *compatible = user_of(d)->ops->compatible;
    if (!compatible)
        return 0;
    int node = dev_fdt_node(d, fdt, soc, d->name, compatible, strlen(compatible) + 1);
    return node < 0 ? node : 0;
}

static const struct dev_type user_type = {
    .name = "user",
    .size = sizeof(struct user_dev),
    .init = user_init,
    .reset = user_reset,
    .read = user_read,
    .write = user_write,
    .fdt = user_fdt,
};

static bool is_user(const struct dev *d)
{
    return d->type->init == user_init;
}

static struct dev *find(const struct mh_machine *m, const char *name)
{
    struct dev *d = m->devices;
    while (d && strcmp(d->name, name))
        d = d->next;
    return d;
}

/* ---- registering --------------------------------------------------------------------------- */

static int check_irq(const struct mh_machine *m, unsigned irq)
{
    char value[16];
    snprintf(value, sizeof(value), "%u", irq);
    if (irq > MACHINE_IRQS)
        return error_set(MH_ERROR_DEVICE, -EINVAL, "irq", value, "give 1 to %d, or 0 for none",
                         MACHINE_IRQS);
    for (const struct dev *d = m->devices; irq && d; d = d->next)
        if (d->irq_number == irq)
            return error_set(MH_ERROR_DEVICE, -EEXIST, "irq", value, "is that of %s", d->name);
    return 0;
}

static int check_new(struct mh_machine *m, const char *name, gpa_t base, uint64_t size,
                     unsigned irq)
{
    enum mh_state state = mh_component_status(&m->component);
    if (state != MH_INITIALIZED)
        return error_set(MH_ERROR_DEVICE, -EBUSY, "machine", mh_state_name(state),
                         "devices come and go between init and start");
    if (!name[0] || strlen(name) >= sizeof(((struct dev *)NULL)->name) || strchr(name, '/'))
        return error_set(MH_ERROR_DEVICE, -EINVAL, "name", name, "must have 1 to 31 letters, no /");
    if (find(m, name))
        return error_set(MH_ERROR_DEVICE, -EEXIST, "name", name, "there is a device of that name");
    if (!size || ranges_overlap(base, size, m->pm->base, m->pm->size) || base + size < base)
        return error_set(MH_ERROR_DEVICE, -EINVAL, "base", name,
                         "its window is empty, wraps or lies over RAM");
    return check_irq(m, irq);
}

static int register_held(struct mh_machine *m, const char *name, const struct mh_device_ops *ops,
                         void *opaque, gpa_t base, uint64_t size, unsigned irq)
{
    struct user_config *c = malloc(sizeof(*c));
    if (!c)
        return error_set(MH_ERROR_DEVICE, -ENOMEM, "name", name, "not enough host memory");
    *c = (struct user_config){.type = user_type, .ops = ops, .opaque = opaque};
    c->type.mmio_size = size;
    c->type.device_type = ops->type;
    int rc = machine_device_add(m, &c->type, name, base, irq, c);
    if (rc) {
        free(c);
        return rc;
    }
    return machine_load(m); /* the device tree has one more node */
}

int mh_devices_register(struct mh_machine *m, const char *name, const struct mh_device_ops *ops,
                        void *opaque, mh_gpa base, uint64_t size, unsigned irq)
{
    int rc = check_new(m, name, base.v, size, irq);
    if (!rc)
        rc = hart_hold_all(m);
    if (rc)
        return rc;
    rc = register_held(m, name, ops, opaque, base.v, size, irq);
    hart_let_go_all(m);
    return rc;
}

void machine_device_type_free(const struct dev_type *type)
{
    if (type->init == user_init)
        free((void *)container_of(type, struct user_config, type));
}

int mh_devices_unregister(struct mh_machine *m, const char *name)
{
    struct dev *d = find(m, name), **at = &m->devices;
    if (!d)
        return error_set(MH_ERROR_DEVICE, -ENOENT, "name", name, "no such device");
    if (!is_user(d))
        return error_set(MH_ERROR_DEVICE, -EPERM, "name", name, "is the machine's own");
    if (mh_component_status(&m->component) != MH_INITIALIZED)
        return error_set(MH_ERROR_DEVICE, -EBUSY, "name", name,
                         "devices come and go between init and start");
    int rc = hart_hold_all(m);
    if (rc)
        return rc;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    const struct dev_type *type = d->type;
    irq_set(&d->irq, false);
    machine_windows_remove(m, d);
    dev_destroy(d);
    machine_device_type_free(type);
    rc = machine_load(m);
    hart_let_go_all(m);
    return rc;
}

int mh_devices_interrupt(struct mh_machine *m, const char *name, bool level)
{
    struct dev *d = find(m, name);
    if (!d || !d->irq_number)
        return error_set(MH_ERROR_DEVICE, -ENOENT, "name", name,
                         "no such device, or it has no interrupt");
    irq_set(&d->irq, level);
    return 0;
}

/* ---- looking --------------------------------------------------------------------------------- */

static void describe(struct dev *d, struct mh_device_info *out)
{
    *out = (struct mh_device_info){
        .type = d->type->device_type,
        .status = dev_status(d),
        .base = {d->base},
        .size = d->type->mmio_size,
        .irq = d->irq_number,
    };
    snprintf(out->name, sizeof(out->name), "%s", d->name);
}

size_t mh_devices_list(struct mh_machine *m, struct mh_device_info *out, size_t max)
{
    size_t n = 0;
    for (struct dev *d = m->devices; d; d = d->next, n++)
        if (n < max)
            describe(d, &out[n]);
    return n;
}

int mh_devices_find(struct mh_machine *m, const char *name, struct mh_device_info *out)
{
    struct dev *d = find(m, name);
    if (!d)
        return error_set(MH_ERROR_DEVICE, -ENOENT, "name", name, "no such device");
    describe(d, out);
    return 0;
}

static int check_access(const struct mh_machine *m, unsigned size)
{
    if (!m->mmio)
        return error_set(MH_ERROR_DEVICE, -EINVAL, "machine", NULL, "is not initialised");
    if (!is_pow2(size) || size > 8)
        return error_set(MH_ERROR_DEVICE, -EINVAL, "size", NULL, "must be 1, 2, 4 or 8 bytes");
    return 0;
}

static int no_answer(mh_gpa addr)
{
    char value[32];
    snprintf(value, sizeof(value), "0x%llx", (unsigned long long)addr.v);
    return error_set(MH_ERROR_DEVICE, -EFAULT, "addr", value, "no device answers there");
}

int mh_devices_read(struct mh_machine *m, mh_gpa addr, unsigned size, uint64_t *value)
{
    int rc = check_access(m, size);
    if (rc)
        return rc;
    return mmio_read(m->mmio, addr.v, size, value) ? 0 : no_answer(addr);
}

int mh_devices_write(struct mh_machine *m, mh_gpa addr, unsigned size, uint64_t value)
{
    int rc = check_access(m, size);
    if (rc)
        return rc;
    return mmio_write(m->mmio, addr.v, size, value) ? 0 : no_answer(addr);
}
