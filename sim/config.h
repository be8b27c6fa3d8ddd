/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's configuration inside sim/: owned copies and names.  The checks
 * and the text forms are public (mh_config_*).
 */
#ifndef SIM_CONFIG_H
#define SIM_CONFIG_H

#include "isa/engine.h"
#include "sim/base/bits.h"
#include "sim/include/manyhart.h"

/* Copies cfg and all its strings.  -ENOMEM leaves *out empty. */
int config_copy(struct mh_vm_config *out, const struct mh_vm_config *cfg);
void config_free(struct mh_vm_config *cfg);

/* Parameter names in the order of the table, NULL past the end. */
const char *config_name_at(size_t i);
const char *config_exec_mode_name(enum mh_exec_mode mode);
/* The processors that this process may use. */
unsigned config_host_processors(void);
enum guest_engine config_engine(enum mh_exec_mode mode);

#endif
