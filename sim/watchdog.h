/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says why a machine is silent.  A guest that was loaded wrongly mostly ends
 * in a loop of traps, or with all harts asleep; neither prints anything.  The
 * watchdog looks at the harts once a second and writes one warning, once per
 * boot, with what every hart does.  Runs on the loop's thread.
 */
#ifndef SIM_WATCHDOG_H
#define SIM_WATCHDOG_H

struct mh_machine;
struct watchdog;

int watchdog_create(struct watchdog **out, struct mh_machine *m);
void watchdog_destroy(struct watchdog *w);
/* Begins (again) to look; harts start. */
void watchdog_start(struct watchdog *w);

#endif
