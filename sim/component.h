/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every part of a machine has in common: a name, the life cycle and
 * observers (enum mh_state in the public header).  The part embeds struct
 * mh_component as its first member.  Any thread may call; a component's own
 * operations never run two at a time.
 */
#ifndef SIM_COMPONENT_H
#define SIM_COMPONENT_H

#include "sim/base/bits.h"
#include "sim/include/manyhart.h"

#include <pthread.h>

struct mh_component_ops {
    const char *name;
    int (*init)(struct mh_component *c); /* 0 or -errno with the error set */
    int (*start)(struct mh_component *c);
    int (*stop)(struct mh_component *c); /* may find that the component has ended by itself */
};

struct subscription;

struct mh_component {
    const struct mh_component_ops *ops;
    pthread_mutex_t lock; /* fields below; never held while an operation or a callback runs */
    pthread_cond_t idle;  /* a callback returned or an operation ended */
    enum mh_state state;
    bool busy;        /* an operation is under way, or somebody holds the state */
    unsigned holders; /* how many do */
    int next_id;
    struct subscription *subscriptions;
    uint32_t observers; /* how many subscriptions, atomic: so that an event nobody wants is cheap */
};

void component_setup(struct mh_component *c, const struct mh_component_ops *ops);
void component_teardown(struct mh_component *c);

/*
 * Keeps the component in one of the states of the mask (1 << state) until it is let go; operations
 * are refused meanwhile as in a wrong state.  Several may hold it: returns how many do now.
 * -EINVAL: it is in another state or an operation is under way; error_set is the caller's.
 */
int component_hold(struct mh_component *c, unsigned allowed);
void component_let_go(struct mh_component *c);

/* Running -> Stopping by the component itself; false when somebody else has done so. */
bool component_begin_stop(struct mh_component *c);
/* Stopping -> Stopped, and tells observers. */
void component_finish_stop(struct mh_component *c);

/* Delivers an event on the calling thread, which holds no lock. */
void component_emit(struct mh_component *c, struct mh_event *event);

#endif
