/* SPDX-License-Identifier: Apache-2.0 */
/* virtio block device.  config is a struct virtio_blk_config. */
#ifndef DEV_VIRTIO_BLK_H
#define DEV_VIRTIO_BLK_H

#include "dev/dev.h"
#include "dev/hostfile.h"

struct virtio_blk_config {
    struct hostfile_config file;
    unsigned queues;    /* request queues; 0 means 1 */
    const char *serial; /* up to 20 bytes, or NULL for the device's name */
};

extern const struct dev_type virtio_blk_type;

#endif
