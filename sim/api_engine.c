/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_engine_*: executing harts of a machine that does not run, piece by piece,
 * with the engine of one's choice.  See engine.h.
 */
#include "sim/engine.h"

#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct mh_component_ops engine_component_ops = {.name = "engine"};

/* ---- which there are ---------------------------------------------------------------- */

int mh_engine_describe(const char *guest, unsigned i, struct mh_engine_info *out)
{
    const struct guest_type *gt = guest_find(guest);
    if (!gt || !engine_name(i))
        return error_set(MH_ERROR_EXECUTION, -ENOENT, "guest", guest,
                         "no such guest, or it has not so many engines");
    *out = (struct mh_engine_info){
        .name = engine_name(i),
        .summary = engine_summary(i),
        .missing = gt->engine((enum guest_engine)i)->missing,
    };
    return 0;
}

static int find(const struct mh_machine *m, const char *name, enum guest_engine *id)
{
    unsigned i = 0;
    *id = config_engine(m->cfg.exec_mode);
    if (!name)
        return 0;
    while (engine_name(i) && strcmp(engine_name(i), name))
        i++;
    if (!engine_name(i))
        return error_set(MH_ERROR_EXECUTION, -EINVAL, "engine", name,
                         "unknown engine; give interp, jit or hybrid");
    *id = (enum guest_engine)i;
    const char *missing = m->gt->engine(*id)->missing;
    return missing ? error_set(MH_ERROR_EXECUTION, -ENOTSUP, "engine", name, "%s", missing) : 0;
}

/* ---- life ------------------------------------------------------------------------------ */

static struct mh_engine_stats no_stats(void)
{
    return (struct mh_engine_stats){.memory_accesses = MH_UNKNOWN, .tlb_hits = MH_UNKNOWN};
}

int mh_engine_create(struct mh_engine **out, struct mh_machine *m, unsigned hart, const char *name)
{
    enum guest_engine id;
    *out = NULL;
    int rc = hart_hold(m, hart); /* is the machine built, and is there such a hart */
    if (rc)
        return rc;
    hart_let_go(m, hart);
    rc = find(m, name, &id);
    if (rc)
        return rc;
    struct mh_engine *e = malloc(sizeof(*e));
    if (!e)
        return error_set(MH_ERROR_EXECUTION, -ENOMEM, NULL, NULL, "not enough host memory");
    *e = (struct mh_engine){.m = m, .hart = hart, .id = id, .stats = no_stats()};
    pthread_mutex_init(&e->lock, NULL);
    component_setup(&e->component, &engine_component_ops);
    *out = e;
    return mh_component_init(&e->component);
}

void mh_engine_destroy(struct mh_engine *e)
{
    if (!e)
        return;
    component_teardown(&e->component);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

const char *mh_engine_name(const struct mh_engine *e)
{
    return engine_name(e->id);
}

struct mh_component *mh_engine_component(struct mh_engine *e)
{
    return &e->component;
}

/* ---- executing --------------------------------------------------------------------------- */

static struct hart *hart_of(const struct mh_engine *e)
{
    return e->m->gt->smp(e->m->guest)->harts[e->hart];
}

static void set_executing(struct mh_engine *e, bool executing)
{
    pthread_mutex_lock(&e->lock);
    e->executing = executing;
    pthread_mutex_unlock(&e->lock);
}

void mh_engine_stop(struct mh_engine *e)
{
    pthread_mutex_lock(&e->lock);
    if (e->executing)
        hart_kick(hart_of(e), REQUEST_STOP);
    pthread_mutex_unlock(&e->lock);
}

static int move_here(struct mh_engine *e)
{
    const struct mh_machine *m = e->m;
    if (m->gt->engine_get(m->guest, e->hart)->id == e->id)
        return 0;
    return m->gt->engine_set(m->guest, e->hart, e->id);
}

static enum guest_pause execute_attached(struct mh_engine *e, uint64_t max,
                                         const struct mh_task *task)
{
    struct mh_machine *m = e->m;
    smp_attach(m->gt->smp(m->guest), hart_of(e));
    set_executing(e, true);
    /* Pairs with mh_task_cancel: it says so, then stops whoever executes. */
    if (task && mh_task_cancelled(task))
        mh_engine_stop(e);
    enum guest_pause why = m->gt->execute(m->guest, e->hart, max);
    set_executing(e, false);
    smp_detach();
    return why;
}

/* Somebody's request to the machine comes before whatever else made the hart stop. */
static void explain(const struct mh_engine *e, enum guest_pause why, struct mh_engine_result *out)
{
    static const enum mh_stop stops[] = {
        [PAUSE_LIMIT] = MH_STOP_LIMIT,
        [PAUSE_WAITING] = MH_STOP_WAITING,
        [PAUSE_STOPPED] = MH_STOP_CANCELLED,
    };
    uint64_t request = load_seq_cst(&e->m->request);
    out->why = stops[why];
    machine_request_unpack(request, out);
}

static uint64_t tlb_misses(const struct guest_stats *s)
{
    uint64_t sum = 0;
    for (int k = 0; k < TLB_KINDS; k++)
        sum += s->tlb.misses[k] - s->tlb.victim_hits[k];
    return sum;
}

static void account(struct mh_engine *e, const struct guest_stats *before,
                    struct mh_engine_result *out)
{
    struct guest_stats after;
    e->m->gt->stats(e->m->guest, (int)e->hart, &after);
    out->insns = after.insns - before->insns;
    pthread_mutex_lock(&e->lock);
    e->stats.insns += out->insns;
    e->stats.time_ns += out->time_ns;
    e->stats.tlb_misses += tlb_misses(&after) - tlb_misses(before);
    e->stats.traps += after.traps + after.interrupts - before->traps - before->interrupts;
    pthread_mutex_unlock(&e->lock);
}

static void execute_held(struct mh_engine *e, uint64_t max, const struct mh_task *task,
                         struct mh_engine_result *out)
{
    struct mh_machine *m = e->m;
    struct guest_stats before;
    m->gt->stats(m->guest, (int)e->hart, &before);
    uint64_t start = clock_now_ns();
    enum guest_pause why = execute_attached(e, max, task);
    *out = (struct mh_engine_result){.time_ns = clock_now_ns() - start};
    explain(e, why, out);
    account(e, &before, out);
    m->gt->reg_get(m->guest, e->hart, GUEST_REG_PC, &out->pc.v);
}

static void tell_completed(struct mh_engine *e, const struct mh_engine_result *r)
{
    struct mh_event event = {.kind = MH_EVENT_COMPLETED};
    event.u.completed.insns = r->insns;
    event.u.completed.time_ns = r->time_ns;
    event.u.completed.exit_code = r->exit_code;
    component_emit(&e->component, &event);
}

int engine_execute(struct mh_engine *e, uint64_t max, const struct mh_task *task,
                   struct mh_engine_result *out)
{
    struct mh_engine_result result;
    if (smp_self())
        return error_set(MH_ERROR_EXECUTION, -EDEADLK, "engine", mh_engine_name(e),
                         "the calling thread executes a hart already");
    int rc = hart_hold(e->m, e->hart);
    if (rc)
        return rc;
    rc = move_here(e);
    if (!rc)
        rc = mh_component_start(&e->component);
    if (!rc) {
        execute_held(e, max, task, &result);
        tell_completed(e, &result);
        rc = mh_component_stop(&e->component);
    }
    hart_let_go(e->m, e->hart);
    if (!rc && out)
        *out = result;
    return rc;
}

int mh_engine_execute(struct mh_engine *e, uint64_t max, struct mh_engine_result *out)
{
    return engine_execute(e, max, NULL, out);
}

/* ---- state ------------------------------------------------------------------------------ */

static int bad_register(int rc, unsigned reg)
{
    char value[16];
    snprintf(value, sizeof(value), "%u", reg);
    return rc ? error_set(MH_ERROR_EXECUTION, rc, "register", value, "there is no such register")
              : 0;
}

static int get(struct mh_engine *e, unsigned reg, uint64_t *value)
{
    int rc = hart_hold(e->m, e->hart);
    if (rc)
        return rc;
    rc = e->m->gt->reg_get(e->m->guest, e->hart, reg, value);
    hart_let_go(e->m, e->hart);
    return bad_register(rc, reg);
}

static int set(struct mh_engine *e, unsigned reg, uint64_t value)
{
    int rc = hart_hold(e->m, e->hart);
    if (rc)
        return rc;
    rc = e->m->gt->reg_set(e->m->guest, e->hart, reg, value);
    hart_let_go(e->m, e->hart);
    return bad_register(rc, reg);
}

int mh_engine_get_register(struct mh_engine *e, unsigned reg, uint64_t *value)
{
    return reg < GUEST_REG_PC ? get(e, reg, value) : bad_register(-EINVAL, reg);
}

int mh_engine_set_register(struct mh_engine *e, unsigned reg, uint64_t value)
{
    return reg < GUEST_REG_PC ? set(e, reg, value) : bad_register(-EINVAL, reg);
}

int mh_engine_get_pc(struct mh_engine *e, mh_gva *pc)
{
    return get(e, GUEST_REG_PC, &pc->v);
}

int mh_engine_set_pc(struct mh_engine *e, mh_gva pc)
{
    return set(e, GUEST_REG_PC, pc.v);
}

void mh_engine_stats(struct mh_engine *e, struct mh_engine_stats *out)
{
    pthread_mutex_lock(&e->lock);
    *out = e->stats;
    pthread_mutex_unlock(&e->lock);
}

int mh_engine_reset(struct mh_engine *e)
{
    int rc = hart_hold(e->m, e->hart);
    if (rc)
        return rc;
    e->m->gt->reset(e->m->guest, e->hart);
    pthread_mutex_lock(&e->lock);
    e->stats = no_stats();
    pthread_mutex_unlock(&e->lock);
    hart_let_go(e->m, e->hart);
    return 0;
}

int mh_engine_sync_to(struct mh_engine *e, struct mh_engine *target)
{
    if (e->m != target->m || e->hart != target->hart)
        return error_set(MH_ERROR_EXECUTION, -EINVAL, "engine", mh_engine_name(target),
                         "is that of another hart");
    int rc = hart_hold(e->m, e->hart);
    if (rc)
        return rc;
    rc = move_here(target);
    hart_let_go(e->m, e->hart);
    return rc;
}

int mh_engine_sync_from(struct mh_engine *e, struct mh_engine *source)
{
    return mh_engine_sync_to(source, e);
}

int mh_engine_needs_sync(struct mh_engine *e, bool *needed)
{
    int rc = hart_hold(e->m, e->hart);
    if (rc)
        return rc;
    const struct engine *now = e->m->gt->engine_get(e->m->guest, e->hart);
    *needed = now->id != e->id || now->needs_sync(hart_of(e));
    hart_let_go(e->m, e->hart);
    return 0;
}
