/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device-tree nodes of devices by libfdt: the properties that every node has.
 * Called by device types while the machine is built; one thread.
 */
#include "dev/fdt.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>

int dev_fdt_errno(int fdt_err)
{
    if (fdt_err >= 0)
        return 0;
    return fdt_err == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL;
}

static int dev_fdt_interrupt(const struct dev *d, void *fdt, int node)
{
    if (!d->irq_number)
        return 0;
    int err = fdt_setprop_u32(fdt, node, "interrupts", d->irq_number);
    return err ? err : fdt_setprop_u32(fdt, node, "interrupt-parent", DEV_PHANDLE_PLIC);
}

int dev_fdt_node(const struct dev *d, void *fdt, int parent, const char *kind,
                 const char *compatible, size_t len)
{
    char name[64];
    snprintf(name, sizeof(name), "%s@%llx", kind, (unsigned long long)d->base);
    int node = fdt_add_subnode(fdt, parent, name);
    if (node < 0)
        return dev_fdt_errno(node);
    int err = fdt_setprop(fdt, node, "compatible", compatible, (int)len);
    if (!err)
        err = fdt_setprop_u64(fdt, node, "reg", d->base);
    if (!err)
        err = fdt_appendprop_u64(fdt, node, "reg", d->type->mmio_size);
    if (!err)
        err = dev_fdt_interrupt(d, fdt, node);
    return err ? dev_fdt_errno(err) : node;
}
