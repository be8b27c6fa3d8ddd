/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_hart_*: architectural state of harts that do not run, for users of the
 * library.  Registers have the psABI's DWARF numbers.
 */
#include "sim/machine.h"

#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>

enum { REG_F0 = 32, REG_PC = 64 };

static int check(struct mh_machine *m, unsigned hart)
{
    char value[16];
    enum mh_state state = mh_component_status(&m->component);
    if (state != MH_INITIALIZED && state != MH_STOPPED)
        return error_set(MH_ERROR_EXECUTION, state == MH_UNINITIALIZED ? -EINVAL : -EBUSY,
                         "machine", mh_state_name(state), "its harts must be there and not run");
    if (hart < m->cfg.harts)
        return 0;
    snprintf(value, sizeof(value), "%u", hart);
    return error_set(MH_ERROR_EXECUTION, -ENOENT, "hart", value, "the machine has harts 0 to %u",
                     m->cfg.harts - 1);
}

int mh_hart_get_state(struct mh_machine *m, unsigned hart, struct mh_hart_state *out)
{
    int rc = check(m, hart);
    if (rc)
        return rc;
    *out = (struct mh_hart_state){0};
    rc = m->gt->reg_get(m->guest, hart, REG_PC, &out->pc);
    for (unsigned i = 1; !rc && i < 32; i++)
        rc = m->gt->reg_get(m->guest, hart, i, &out->x[i]);
    for (unsigned i = 0; !rc && i < 32; i++)
        if (m->gt->reg_get(m->guest, hart, REG_F0 + i, &out->f[i]))
            out->f[i] = 0;
    return rc;
}

int mh_hart_set_state(struct mh_machine *m, unsigned hart, const struct mh_hart_state *in)
{
    int rc = check(m, hart);
    if (rc)
        return rc;
    rc = m->gt->reg_set(m->guest, hart, REG_PC, in->pc);
    for (unsigned i = 1; !rc && i < 32; i++)
        rc = m->gt->reg_set(m->guest, hart, i, in->x[i]);
    for (unsigned i = 0; !rc && i < 32; i++)
        (void)m->gt->reg_set(m->guest, hart, REG_F0 + i, in->f[i]);
    return rc;
}
