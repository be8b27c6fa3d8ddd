/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run counted, as JSON and as a table.  Counters are lines of
 * sim/stats.def.  Called when the machine has stopped.
 */
#ifndef SIM_STATS_H
#define SIM_STATS_H

#include "sim/machine.h"

#include <stdio.h>

void stats_write_json(struct mh_machine *m, FILE *f);
void stats_write_table(struct mh_machine *m, FILE *f);
const char *stats_end_name(enum mh_end end);

#endif
