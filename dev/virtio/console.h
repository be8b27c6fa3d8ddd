/* SPDX-License-Identifier: Apache-2.0 */
/* virtio console with one port.  config is a struct virtio_console_config. */
#ifndef DEV_VIRTIO_CONSOLE_H
#define DEV_VIRTIO_CONSOLE_H

#include "dev/dev.h"

struct chardev;

struct virtio_console_config {
    struct chardev *chardev; /* must outlive the device */
};

extern const struct dev_type virtio_console_type;

/* The terminal's size changed; tells the driver.  Any thread. */
void virtio_console_resize(struct dev *d, unsigned cols, unsigned rows);

#endif
