/* SPDX-License-Identifier: Apache-2.0 */
/* Platform-level interrupt controller: interrupt sources to harts.  No config. */
#ifndef DEV_PLIC_H
#define DEV_PLIC_H

#include "dev/dev.h"

#define PLIC_BASE 0xc000000ull

extern const struct dev_type plic_type;

/* The wire of source n (1..env->irqs) of this PLIC; lives as long as the PLIC. */
struct irq_line plic_line(struct dev *plic, unsigned n);

#endif
