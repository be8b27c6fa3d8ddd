/* SPDX-License-Identifier: Apache-2.0 */
/* Test finisher: how a guest ends the machine.  No config. */
#ifndef DEV_FINISHER_H
#define DEV_FINISHER_H

#include "dev/dev.h"

#define FINISHER_BASE 0x100000ull

/* manyhart's own: the low half is no command of the finisher, which ignores such values. */
#define FINISHER_MEASURE_BEGIN 0x00014d48u
#define FINISHER_MEASURE_END   0x00024d48u

extern const struct dev_type finisher_type;

#endif
