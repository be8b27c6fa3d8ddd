/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct mh_engine inside sim/: a hart of a machine joined to one of its
 * guest's engines.  Executions hold the hart (hart_hold.h), so that of several
 * objects for one hart only one executes.
 */
#ifndef SIM_ENGINE_H
#define SIM_ENGINE_H

#include "sim/hart_hold.h"

struct mh_engine {
    struct mh_component component;
    struct mh_machine *m;
    unsigned hart;
    enum guest_engine id;
    pthread_mutex_t lock; /* of the two below */
    bool executing;       /* the hart is attached to a thread */
    struct mh_engine_stats stats;
};

/* mh_engine_execute; task NULL, or whose cancelling ends it. */
int engine_execute(struct mh_engine *e, uint64_t max, const struct mh_task *task,
                   struct mh_engine_result *out);

#endif
