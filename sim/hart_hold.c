/* SPDX-License-Identifier: Apache-2.0 */
/* See hart_hold.h. */
#include "sim/hart_hold.h"

#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>

static int no_such(const struct mh_machine *m, unsigned hart)
{
    char value[16];
    snprintf(value, sizeof(value), "%u", hart);
    return error_set(MH_ERROR_EXECUTION, -ENOENT, "hart", value, "the machine has harts 0 to %u",
                     m->cfg.harts - 1);
}

static int hold_machine(struct mh_machine *m)
{
    enum mh_state state = mh_component_status(&m->component);
    int holders = component_hold(&m->component, 1u << MH_INITIALIZED | 1u << MH_STOPPED);
    if (holders == 1)
        store_seq_cst(&m->request, 0); /* of the last run: nobody will answer it any more */
    if (holders > 0)
        return 0;
    return error_set(MH_ERROR_EXECUTION, state == MH_UNINITIALIZED ? -EINVAL : -EBUSY, "machine",
                     mh_state_name(state), "its harts must be there and not run");
}

int hart_hold(struct mh_machine *m, unsigned hart)
{
    char value[16];
    int rc = hold_machine(m);
    if (rc)
        return rc;
    if (hart >= m->cfg.harts) {
        component_let_go(&m->component);
        return no_such(m, hart);
    }
    if (!(fetch_or_seq_cst(&m->taken[hart / 64], 1ull << hart % 64) >> hart % 64 & 1))
        return 0;
    component_let_go(&m->component);
    snprintf(value, sizeof(value), "%u", hart);
    return error_set(MH_ERROR_EXECUTION, -EBUSY, "hart", value, "executes on another thread");
}

void hart_let_go(struct mh_machine *m, unsigned hart)
{
    fetch_and_seq_cst(&m->taken[hart / 64], ~(1ull << hart % 64));
    component_let_go(&m->component);
}

int hart_hold_all(struct mh_machine *m)
{
    for (unsigned i = 0; i < m->cfg.harts; i++) {
        int rc = hart_hold(m, i);
        while (rc && i--)
            hart_let_go(m, i);
        if (rc)
            return rc;
    }
    return 0;
}

void hart_let_go_all(struct mh_machine *m)
{
    for (unsigned i = 0; i < m->cfg.harts; i++)
        hart_let_go(m, i);
}

void hart_hold_stop_all(struct mh_machine *m)
{
    for (unsigned i = 0; i < m->cfg.harts; i++)
        if (load_seq_cst(&m->taken[i / 64]) >> i % 64 & 1)
            hart_kick(m->gt->smp(m->guest)->harts[i], REQUEST_STOP);
}
