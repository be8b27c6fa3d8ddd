/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_hart_*: architectural state of harts that do not run, for users of the
 * library.  Registers have the psABI's DWARF numbers.
 */
#include "sim/hart_hold.h"

#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>

int mh_hart_get_state(struct mh_machine *m, unsigned hart, struct mh_hart_state *out)
{
    int rc = hart_hold(m, hart);
    if (rc)
        return rc;
    *out = (struct mh_hart_state){0};
    rc = m->gt->reg_get(m->guest, hart, GUEST_REG_PC, &out->pc);
    for (unsigned i = 1; !rc && i < 32; i++)
        rc = m->gt->reg_get(m->guest, hart, i, &out->x[i]);
    for (unsigned i = 0; !rc && i < 32; i++)
        if (m->gt->reg_get(m->guest, hart, GUEST_REG_F0 + i, &out->f[i]))
            out->f[i] = 0;
    hart_let_go(m, hart);
    return rc;
}

int mh_hart_set_state(struct mh_machine *m, unsigned hart, const struct mh_hart_state *in)
{
    int rc = hart_hold(m, hart);
    if (rc)
        return rc;
    rc = m->gt->reg_set(m->guest, hart, GUEST_REG_PC, in->pc);
    for (unsigned i = 1; !rc && i < 32; i++)
        rc = m->gt->reg_set(m->guest, hart, i, in->x[i]);
    for (unsigned i = 0; !rc && i < 32; i++)
        (void)m->gt->reg_set(m->guest, hart, GUEST_REG_F0 + i, in->f[i]);
    hart_let_go(m, hart);
    return rc;
}

int mh_hart_nmi(struct mh_machine *m, unsigned hart)
{
    char value[16];
    enum mh_state state = mh_component_status(&m->component);
    if (state == MH_UNINITIALIZED || !m->guest)
        return error_set(MH_ERROR_EXECUTION, -EINVAL, "machine", mh_state_name(state),
                         "its harts must be there");
    if (hart < m->cfg.harts)
        return m->gt->nmi(m->guest, hart);
    snprintf(value, sizeof(value), "%u", hart);
    return error_set(MH_ERROR_EXECUTION, -ENOENT, "hart", value, "the machine has harts 0 to %u",
                     m->cfg.harts - 1);
}
