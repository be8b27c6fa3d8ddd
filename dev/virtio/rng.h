/* SPDX-License-Identifier: Apache-2.0 */
/* virtio entropy device: the host's getrandom.  No config. */
#ifndef DEV_VIRTIO_RNG_H
#define DEV_VIRTIO_RNG_H

#include "dev/dev.h"

extern const struct dev_type virtio_rng_type;

#endif
