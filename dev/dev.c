/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life cycle and registry of devices, and the glue between the MMIO map and a
 * device: every register access runs under d->lock.  The machine creates and
 * destroys devices on one thread; accesses come from any hart.
 */
#include "dev/dev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/error.h"

#define DEV(symbol) extern const struct dev_type symbol;
#include "dev/devs.def"
#undef DEV

static const struct dev_type *const dev_types[] = {
#define DEV(symbol) &symbol,
#include "dev/devs.def"
#undef DEV
};

const struct dev_type *dev_type_at(size_t i)
{
    return i < ARRAY_LEN(dev_types) ? dev_types[i] : NULL;
}

const struct dev_type *dev_type_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(dev_types); i++)
        if (!strcmp(dev_types[i]->name, name))
            return dev_types[i];
    return NULL;
}

static bool dev_mmio_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct dev *d = opaque;
    if (d->type->peek && d->type->peek(d, offset, size, value))
        return true;
    lock_take(&d->lock);
    bool ok = d->type->read(d, offset, size, value);
    lock_drop(&d->lock);
    return ok;
}

static bool dev_mmio_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct dev *d = opaque;
    lock_take(&d->lock);
    bool ok = d->type->write(d, offset, size, value);
    lock_drop(&d->lock);
    return ok;
}

static const struct mmio_ops dev_mmio_ops = {.read = dev_mmio_read, .write = dev_mmio_write};

static int dev_map(struct dev *d)
{
    struct mmio_region r = {
        .base = d->base,
        .size = d->type->mmio_size,
        .ops = &dev_mmio_ops,
        .opaque = d,
        .name = d->name,
    };
    return r.size ? mmio_map_add(d->env->mmio, &r) : 0;
}

int dev_create(struct dev **out, const struct dev_type *type, const struct dev_env *env,
               const char *name, gpa_t base, const struct irq_line *irq, unsigned irq_number,
               const void *config)
{
    *out = NULL;
    struct dev *d = calloc(1, type->size);
    if (!d)
        return error_set(MH_ERROR_DEVICE, -ENOMEM, "device", name, "%s: out of memory", name);
    d->type = type;
    d->env = env;
    d->base = type->mmio_size ? base : 0;
    d->irq_number = irq_number;
    if (irq)
        d->irq = *irq;
    snprintf(d->name, sizeof(d->name), "%s", name);
    lock_init(&d->lock, RANK_DEVICE);
    int err = type->init ? type->init(d, config) : 0;
    if (err)
        goto fail_init;
    store_release(&d->status, MH_DEVICE_INITIALIZED);
    err = dev_map(d);
    if (err)
        goto fail_map;
    store_release(&d->status, MH_DEVICE_RUNNING);
    *out = d;
    return 0;
fail_map:
    if (type->fini)
        type->fini(d);
fail_init:
    free(d);
    return err;
}

void dev_destroy(struct dev *d)
{
    if (!d)
        return;
    if (d->type->mmio_size)
        mmio_map_remove(d->env->mmio, d->base);
    store_release(&d->status, MH_DEVICE_STOPPED);
    if (d->type->fini)
        d->type->fini(d);
    irq_set(&d->irq, false);
    free(d);
}

void dev_reset(struct dev *d)
{
    lock_take(&d->lock);
    if (d->type->reset)
        d->type->reset(d);
    lock_drop(&d->lock);
}
