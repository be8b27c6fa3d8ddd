/* SPDX-License-Identifier: Apache-2.0 */
/* Goldfish real-time clock: the host's wall clock, and an alarm.  No config. */
#ifndef DEV_RTC_GOLDFISH_H
#define DEV_RTC_GOLDFISH_H

#include "dev/dev.h"

#define RTC_GOLDFISH_BASE 0x101000ull
#define RTC_GOLDFISH_IRQ  11

extern const struct dev_type rtc_goldfish_type;

#endif
