/* SPDX-License-Identifier: Apache-2.0 */
/* Core-local interruptor: software interrupts and the machine timer of every hart.  No config. */
#ifndef DEV_CLINT_H
#define DEV_CLINT_H

#include "dev/dev.h"

#define CLINT_BASE 0x2000000ull

extern const struct dev_type clint_type;

/* Makes MTIP of a hart what it should be by now.  Any thread. */
void clint_look(struct dev *clint, unsigned hart);

#endif
