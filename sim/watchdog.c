/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See watchdog.h.  Three things are worth a word:
 *
 *   - a hart that takes traps and retires next to nothing for three seconds
 *     (a trap handler that itself traps) while no other hart makes progress;
 *   - a machine that has printed nothing and whose harts all sleep for good,
 *     ten seconds after its start;
 *   - a kernel that has printed nothing for thirty seconds.
 */
#include "sim/watchdog.h"

#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/log.h"
#include "sim/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRAP_LOOP_SECONDS = 3, ASLEEP_SECONDS = 10, SILENT_SECONDS = 30 };
enum { INSNS_PER_TRAP = 4 }; /* fewer instructions per trap than this is no progress */

struct watched {
    uint64_t insns, traps;
};

struct watchdog {
    struct mh_machine *m;
    struct loop_timer *timer;
    struct watched *hart;
    unsigned looping; /* seconds in a row */
    unsigned asleep;  /* seconds in a row */
    unsigned age;     /* seconds since the start */
    bool said;
    bool has_console;
};

/* What the harts did in the last second. */
struct second {
    unsigned looping, asleep, working;
};

static void look_at(struct watchdog *w, unsigned i, struct second *s)
{
    struct mh_machine *m = w->m;
    struct guest_hart_info info;
    struct guest_stats stats;
    m->gt->hart_info(m->guest, i, &info);
    m->gt->stats(m->guest, (int)i, &stats);
    uint64_t insns = info.insns - w->hart[i].insns, traps = stats.traps - w->hart[i].traps;
    w->hart[i] = (struct watched){info.insns, stats.traps};
    if (info.stopped || info.waiting)
        s->asleep++;
    else if (traps && insns / traps < INSNS_PER_TRAP)
        s->looping++;
    else
        s->working++;
}

static void describe_harts(const struct watchdog *w, const char *why)
{
    struct mh_machine *m = w->m;
    char text[1024];
    size_t used = 0;
    text[0] = 0;
    for (unsigned i = 0; i < m->cfg.harts && used < sizeof(text) - 64; i++) {
        struct guest_hart_info info;
        m->gt->hart_info(m->guest, i, &info);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s hart %u %s in %s at 0x%llx",
                                 i ? "," : "", i,
                                 info.stopped   ? "stopped"
                                 : info.waiting ? "waits"
                                                : "runs",
                                 info.mode, (unsigned long long)info.pc);
    }
    log_at(LOG_SIM, LOG_WARN, "%s:%s", why, text);
}

static const char *verdict(struct watchdog *w, const struct second *s)
{
    bool silent = w->has_console && chardev_written(w->m->console) == 0;
    w->looping = s->looping && !s->working ? w->looping + 1 : 0;
    w->asleep = !s->looping && !s->working ? w->asleep + 1 : 0;
    if (w->looping >= TRAP_LOOP_SECONDS)
        return "the guest only takes traps (is the image one for this machine?)";
    if (silent && w->asleep >= ASLEEP_SECONDS)
        return "all harts sleep and nothing was printed";
    if (silent && w->m->cfg.kernel && w->age >= SILENT_SECONDS)
        return "the kernel has printed nothing yet (console=ttyS0 or earlycon=sbi missing?)";
    return NULL;
}

static void watchdog_due(void *opaque)
{
    struct watchdog *w = opaque;
    struct second s = {0};
    if (w->said || mh_component_status(&w->m->component) != MH_RUNNING)
        return;
    w->age++;
    for (unsigned i = 0; i < w->m->cfg.harts; i++)
        look_at(w, i, &s);
    const char *why = verdict(w, &s);
    w->said = why != NULL;
    if (why)
        describe_harts(w, why);
    loop_timer_set(w->timer, clock_now_ns() + NS_PER_SEC);
}

int watchdog_create(struct watchdog **out, struct mh_machine *m)
{
    struct watchdog *w = calloc(1, sizeof(*w));
    if (w)
        w->hart = calloc(m->cfg.harts, sizeof(*w->hart));
    if (!w || !w->hart) {
        free(w);
        return error_set(MH_ERROR_CORE, -ENOMEM, "harts", NULL, "not enough host memory");
    }
    w->m = m;
    w->has_console = m->cfg.console && strcmp(m->cfg.console, "none");
    int rc = loop_timer_add(m->loop, watchdog_due, w, &w->timer);
    if (rc) {
        watchdog_destroy(w);
        return rc;
    }
    *out = w;
    return 0;
}

void watchdog_destroy(struct watchdog *w)
{
    if (!w)
        return;
    if (w->timer)
        loop_timer_remove(w->timer);
    free(w->hart);
    free(w);
}

void watchdog_start(struct watchdog *w)
{
    loop_timer_set(w->timer, clock_now_ns() + NS_PER_SEC);
}
