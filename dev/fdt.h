/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What device-tree nodes of devices have in common.  Used by the fdt functions
 * of device types, on the thread that builds the machine.
 */
#ifndef DEV_FDT_H
#define DEV_FDT_H

#include "dev/dev.h"

/*
 * Adds "kind@base" below parent (whose cells are 2 and 2) with reg and, when the device has an
 * interrupt, interrupts and interrupt-parent (the PLIC).  compatible is one or more NUL-terminated
 * strings, len bytes with all NULs.  Returns the node's offset or -errno.
 */
int dev_fdt_node(const struct dev *d, void *fdt, int parent, const char *kind,
                 const char *compatible, size_t len);

/* libfdt's error as -errno: no space is -ENOSPC (make the buffer larger), else -EINVAL. */
int dev_fdt_errno(int fdt_err);

#endif
