/* SPDX-License-Identifier: Apache-2.0 */
/* Test finisher: how a guest ends the machine.  No config. */
#ifndef DEV_FINISHER_H
#define DEV_FINISHER_H

#include "dev/dev.h"

#define FINISHER_BASE 0x100000ull

extern const struct dev_type finisher_type;

#endif
