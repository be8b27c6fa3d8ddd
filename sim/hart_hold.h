/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a hart of a machine that does not run into one's hands: to look at
 * it, to change it, to let it execute on the calling thread.  Any thread; one
 * at a time has a hart, several harts may be taken at once.  While one is, the
 * machine cannot be started.
 */
#ifndef SIM_HART_HOLD_H
#define SIM_HART_HOLD_H

#include "sim/machine.h"

/*
 * 0, or with the error set: -EINVAL the machine is not initialised, -EBUSY it runs or somebody else
 * has the hart, -ENOENT there is no such hart.
 */
int hart_hold(struct mh_machine *m, unsigned hart);
void hart_let_go(struct mh_machine *m, unsigned hart);

/* All of them, for what concerns the whole machine.  Errors as above. */
int hart_hold_all(struct mh_machine *m);
void hart_let_go_all(struct mh_machine *m);

/* The machine was asked for something (machine_request): stops the harts that execute now. */
void hart_hold_stop_all(struct mh_machine *m);

#endif
