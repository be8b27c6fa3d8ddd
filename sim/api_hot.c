/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_hot_*: when the engine hybrid translates, what it has, making translations
 * ahead and forgetting them.  Thresholds, counts and forgetting: any thread, at
 * any time; precompiling takes the hart.
 */
#include "sim/hart_hold.h"

#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>

#define THRESHOLD_MAX 255

static int check(const struct mh_machine *m)
{
    if (!m->guest)
        return error_set(MH_ERROR_EXECUTION, -EINVAL, "machine", NULL,
                         "is not initialised: it has no translator yet");
    if (!m->gt->hot)
        return error_set(MH_ERROR_EXECUTION, -ENOTSUP, "guest", m->gt->name,
                         "there is no translator for it");
    return 0;
}

static int check_thresholds(unsigned min, unsigned max)
{
    char value[32];
    bool bad_min = min < 1 || min > THRESHOLD_MAX;
    snprintf(value, sizeof(value), "%u", bad_min ? min : max);
    if (bad_min)
        return error_set(MH_ERROR_EXECUTION, -EINVAL, "min", value, "out of range; give 1 to %d",
                         THRESHOLD_MAX);
    if (max < min || max > THRESHOLD_MAX)
        return error_set(MH_ERROR_EXECUTION, -EINVAL, "max", value,
                         "out of range; give %u (min) to %d", min, THRESHOLD_MAX);
    return 0;
}

int mh_hot_set_threshold(struct mh_machine *m, unsigned min, unsigned max)
{
    int rc = check(m);
    if (!rc)
        rc = check_thresholds(min, max);
    return rc ? rc : m->gt->hot->threshold_set(m->guest, min, max);
}

int mh_hot_get_threshold(struct mh_machine *m, unsigned *min, unsigned *max)
{
    int rc = check(m);
    return rc ? rc : m->gt->hot->threshold_get(m->guest, min, max);
}

int mh_hot_stats(struct mh_machine *m, struct mh_hot_stats *out)
{
    struct guest_stats s;
    int rc = check(m);
    if (rc)
        return rc;
    m->gt->stats(m->guest, -1, &s);
    *out = (struct mh_hot_stats){
        .total_executions = s.jit_cold + s.jit_enters,
        .hot_blocks = s.jit_hot,
        .compiled_blocks = s.jit_blocks,
    };
    return 0;
}

int mh_hot_clear(struct mh_machine *m)
{
    int rc = check(m);
    return rc ? rc : m->gt->hot->clear(m->guest);
}

static int explain(int rc, mh_gva addr)
{
    char value[32];
    const char *why = rc == -EFAULT   ? "no instruction can be fetched there as the hart is now"
                      : rc == -ENOSPC ? "there is no room for its translation now"
                                      : "there is no translator for this processor";
    snprintf(value, sizeof(value), "0x%llx", (unsigned long long)addr.v);
    return rc ? error_set(MH_ERROR_EXECUTION, rc, "addr", value, "%s", why) : 0;
}

int mh_hot_precompile(struct mh_machine *m, unsigned hart, mh_gva addr)
{
    int rc = check(m);
    if (!rc && smp_self())
        rc = error_set(MH_ERROR_EXECUTION, -EDEADLK, "hart", NULL,
                       "the calling thread executes a hart already");
    if (!rc)
        rc = hart_hold(m, hart);
    if (rc)
        return rc;
    struct smp *smp = m->gt->smp(m->guest);
    smp_attach(smp, smp->harts[hart]);
    rc = m->gt->hot->precompile(m->guest, hart, addr.v);
    smp_detach();
    hart_let_go(m, hart);
    return explain(rc, addr);
}
