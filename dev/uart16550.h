/* SPDX-License-Identifier: Apache-2.0 */
/* NS16550A UART.  config is a struct uart16550_config. */
#ifndef DEV_UART16550_H
#define DEV_UART16550_H

#include "dev/dev.h"

#define UART16550_BASE 0x10000000ull
#define UART16550_IRQ  10

struct chardev;

struct uart16550_config {
    struct chardev *chardev; /* must outlive the device */
};

extern const struct dev_type uart16550_type;

#endif
