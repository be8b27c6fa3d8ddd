/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host event counters; see counters.h.
 *
 * Hardware events of one thread form a group, so that they count over the same
 * time; software events are always there and stand alone.  A group that the
 * PMU has no room for is never scheduled, so an event that cannot join the
 * group is opened alone; its value is scaled by enabled/running time then.
 */
#include "sim/counters.h"

#include "sim/base/atomic.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/parse.h"

#include <errno.h>
#include <perfmon/pfmlib_perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum source { SOURCE_HARDWARE, SOURCE_SOFTWARE, SOURCE_RUSAGE };
enum rusage_event { RUSAGE_TASK_CLOCK, RUSAGE_FAULTS, RUSAGE_SWITCHES, RUSAGE_EVENTS };

struct event {
    char name[64];
    enum source source;
    enum rusage_event rusage;
    struct perf_event_attr attr;
};

/* One counted thread; written by that thread only, read when it has ended. */
struct slot {
    CACHE_ALIGNED int fd[COUNTERS_MAX];
    uint64_t start[COUNTERS_MAX]; /* of rusage events */
    uint64_t value[COUNTERS_MAX]; /* atomic */
};

struct counters {
    struct event event[COUNTERS_MAX];
    unsigned count;
    unsigned slots;
    struct slot *slot;
    char note[256];
};

static const char *const source_names[] = {"hardware", "software", "getrusage"};

/* What stands in where hardware is missing. */
static const struct {
    const char *name, *label;
    enum rusage_event rusage;
} stand_ins[] = {
    {"perf::PERF_COUNT_SW_TASK_CLOCK", "task-clock", RUSAGE_TASK_CLOCK},
    {"perf::PERF_COUNT_SW_PAGE_FAULTS", "page-faults", RUSAGE_FAULTS},
    {"perf::PERF_COUNT_SW_CONTEXT_SWITCHES", "context-switches", RUSAGE_SWITCHES},
    {"perf::PERF_COUNT_SW_CPU_MIGRATIONS", "cpu-migrations", RUSAGE_EVENTS},
};

static int perf_open(struct perf_event_attr *attr, int group)
{
    return (int)syscall(SYS_perf_event_open, attr, 0, -1, group, PERF_FLAG_FD_CLOEXEC);
}

/* ---- names --------------------------------------------------------------------------------- */

static int encode(const char *name, struct perf_event_attr *attr)
{
    pfm_perf_encode_arg_t arg = {.attr = attr, .size = sizeof(arg)};
    memset(attr, 0, sizeof(*attr));
    attr->size = sizeof(*attr);
    return pfm_get_os_event_encoding(name, PFM_PLM3, PFM_OS_PERF_EVENT, &arg);
}

struct name_walk {
    int pmu, event;
    char name[128];
};

/* The next event name of the present PMUs; NULL at the end.  Names come in order, i is not used. */
static const char *event_next(const void *opaque, size_t i)
{
    struct name_walk *w = (struct name_walk *)opaque;
    (void)i;
    for (; w->pmu < PFM_PMU_MAX; w->pmu++, w->event = -1) {
        pfm_pmu_info_t pmu = {.size = sizeof(pmu)};
        pfm_event_info_t info = {.size = sizeof(info)};
        if (pfm_get_pmu_info((pfm_pmu_t)w->pmu, &pmu) != PFM_SUCCESS || !pmu.is_present)
            continue;
        w->event = w->event < 0 ? pmu.first_event : pfm_get_event_next(w->event);
        if (w->event < 0 || pfm_get_event_info(w->event, PFM_OS_PERF_EVENT, &info) != PFM_SUCCESS)
            continue;
        snprintf(w->name, sizeof(w->name), "%s", info.name);
        return w->name;
    }
    return NULL;
}

/* parse_nearest keeps the pointer it was given; so each name is compared by itself here. */
static void nearest_event(const char *text, char *near, size_t size)
{
    struct name_walk w = {.pmu = 0, .event = -1};
    const char *name, *hit;
    const char *pair[3] = {NULL};
    char best[128] = "";
    while ((name = event_next(&w, 0))) {
        pair[0] = best[0] ? best : name;
        pair[1] = best[0] ? name : NULL;
        hit = parse_nearest_in(text, pair);
        if (hit == name)
            snprintf(best, sizeof(best), "%s", name);
    }
    snprintf(near, size, "%s", best);
}

static int unknown_event(const char *name)
{
    char near[128];
    nearest_event(name, near, sizeof(near));
    return error_set(MH_ERROR_PLATFORM, -ENOENT, "counters", name,
                     "unknown event of this host%s%s%s", near[0] ? "; did you mean '" : "", near,
                     near[0] ? "'?" : "; manyhart info names some");
}

/* ---- which events ---------------------------------------------------------------------------- */

static bool is_software(const struct perf_event_attr *attr)
{
    return attr->type == PERF_TYPE_SOFTWARE;
}

/* Tries an event on this thread; the kernel's share is left out where it is not allowed. */
static int try_event(struct perf_event_attr *attr)
{
    int fd;
    if (is_software(attr))
        attr->exclude_kernel = attr->exclude_hv = 0;
    fd = perf_open(attr, -1);
    if (fd < 0 && (errno == EACCES || errno == EPERM) && !attr->exclude_kernel) {
        attr->exclude_kernel = attr->exclude_hv = 1;
        fd = perf_open(attr, -1);
    }
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static bool has_event(const struct counters *c, const char *name)
{
    for (unsigned i = 0; i < c->count; i++)
        if (!strcmp(c->event[i].name, name))
            return true;
    return false;
}

static void add_event(struct counters *c, const char *name, enum source source,
                      enum rusage_event rusage, const struct perf_event_attr *attr)
{
    if (c->count == COUNTERS_MAX || has_event(c, name))
        return;
    struct event *e = &c->event[c->count++];
    snprintf(e->name, sizeof(e->name), "%s", name);
    e->source = source;
    e->rusage = rusage;
    if (attr)
        e->attr = *attr;
}

static void add_stand_ins(struct counters *c)
{
    for (size_t i = 0; i < ARRAY_LEN(stand_ins); i++) {
        struct perf_event_attr attr;
        if (encode(stand_ins[i].name, &attr) == PFM_SUCCESS && try_event(&attr) == 0)
            add_event(c, stand_ins[i].label, SOURCE_SOFTWARE, RUSAGE_EVENTS, &attr);
        else if (stand_ins[i].rusage != RUSAGE_EVENTS)
            add_event(c, stand_ins[i].label, SOURCE_RUSAGE, stand_ins[i].rusage, NULL);
    }
}

static void note_missing(struct counters *c, const char *name, int rc)
{
    size_t used = strlen(c->note);
    snprintf(c->note + used, sizeof(c->note) - used, "%s%s cannot be counted here (%s)",
             used ? ", " : "", name, strerror(-rc));
}

static int add_named(struct counters *c, const char *name)
{
    struct perf_event_attr attr;
    if (encode(name, &attr) != PFM_SUCCESS)
        return unknown_event(name);
    int rc = try_event(&attr);
    if (!rc)
        add_event(c, name, is_software(&attr) ? SOURCE_SOFTWARE : SOURCE_HARDWARE, RUSAGE_EVENTS,
                  &attr);
    else
        note_missing(c, name, rc);
    return 0;
}

static int add_list(struct counters *c, const char *list)
{
    char *copy = strdup(list), *rest = copy;
    const char *name;
    unsigned asked = 0;
    int rc = copy ? 0 : -ENOMEM;
    while (!rc && (name = strsep(&rest, ","))) {
        if (++asked > COUNTERS_MAX - ARRAY_LEN(stand_ins))
            rc = error_set(MH_ERROR_PLATFORM, -E2BIG, "counters", list,
                           "too many events; at most %zu", COUNTERS_MAX - ARRAY_LEN(stand_ins));
        else
            rc = add_named(c, name);
    }
    free(copy);
    return rc;
}

int counters_create(struct counters **out, const char *list, unsigned slots)
{
    struct counters *c = calloc(1, sizeof(*c));
    *out = NULL;
    if (!c || !(c->slot = aligned_alloc(CACHE_LINE, slots * sizeof(*c->slot)))) {
        free(c);
        return error_set(MH_ERROR_PLATFORM, -ENOMEM, "counters", list, "not enough host memory");
    }
    memset(c->slot, 0, slots * sizeof(*c->slot));
    c->slots = slots;
    int rc = pfm_initialize() == PFM_SUCCESS
                 ? add_list(c, list)
                 : error_set(MH_ERROR_PLATFORM, -ENOTSUP, "counters", list,
                             "libpfm4 does not know this host's processor");
    if (rc) {
        counters_destroy(c);
        return rc;
    }
    if (c->note[0]) {
        add_stand_ins(c);
        size_t used = strlen(c->note);
        snprintf(c->note + used, sizeof(c->note) - used, "; software events stand in");
    }
    *out = c;
    return 0;
}

void counters_destroy(struct counters *c)
{
    if (!c)
        return;
    free(c->slot);
    free(c);
}

/* ---- counting ------------------------------------------------------------------------------ */

static uint64_t rusage_now(enum rusage_event e)
{
    struct rusage u;
    if (e == RUSAGE_TASK_CLOCK)
        return clock_thread_ns();
    getrusage(RUSAGE_THREAD, &u);
    return e == RUSAGE_FAULTS ? (uint64_t)(u.ru_minflt + u.ru_majflt)
                              : (uint64_t)(u.ru_nvcsw + u.ru_nivcsw);
}

static int open_for_thread(struct event *e, int *leader)
{
    struct perf_event_attr attr = e->attr;
    attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    if (e->source == SOURCE_SOFTWARE)
        return perf_open(&attr, -1);
    int fd = perf_open(&attr, *leader);
    if (fd < 0 && *leader >= 0)
        fd = perf_open(&attr, -1);
    if (*leader < 0)
        *leader = fd;
    return fd;
}

void counters_thread_begin(struct counters *c, unsigned slot)
{
    struct slot *s = &c->slot[slot];
    int leader = -1;
    for (unsigned i = 0; i < c->count; i++) {
        struct event *e = &c->event[i];
        s->fd[i] = -1;
        if (e->source == SOURCE_RUSAGE)
            s->start[i] = rusage_now(e->rusage);
        else
            s->fd[i] = open_for_thread(e, &leader);
    }
}

/* Value scaled to the whole time, for events that shared the PMU with others. */
static uint64_t read_scaled(int fd)
{
    uint64_t v[3];
    if (read(fd, v, sizeof(v)) != sizeof(v) || !v[2])
        return 0;
    return v[1] == v[2] ? v[0] : (uint64_t)((double)v[0] * (double)v[1] / (double)v[2]);
}

void counters_thread_end(struct counters *c, unsigned slot)
{
    struct slot *s = &c->slot[slot];
    uint64_t now[COUNTERS_MAX];
    for (unsigned i = 0; i < c->count; i++) {
        struct event *e = &c->event[i];
        if (e->source == SOURCE_RUSAGE)
            now[i] = rusage_now(e->rusage) - s->start[i];
        else
            now[i] = s->fd[i] >= 0 ? read_scaled(s->fd[i]) : 0;
    }
    for (unsigned i = 0; i < c->count; i++) {
        store_relaxed(&s->value[i], s->value[i] + now[i]);
        if (c->event[i].source != SOURCE_RUSAGE && s->fd[i] >= 0)
            close(s->fd[i]);
    }
}

const char *counters_note(const struct counters *c)
{
    return c->note;
}

unsigned counters_count(const struct counters *c)
{
    return c->count;
}

const char *counters_name(const struct counters *c, unsigned event)
{
    return c->event[event].name;
}

const char *counters_source(const struct counters *c, unsigned event)
{
    return source_names[c->event[event].source];
}

uint64_t counters_value(const struct counters *c, unsigned slot, unsigned event)
{
    return load_relaxed(&c->slot[slot].value[event]);
}

/* ---- for info ----------------------------------------------------------------------------------
 */

void counters_each_pmu(void (*fn)(void *opaque, const char *pmu, const char *text, unsigned events),
                       void *opaque)
{
    if (pfm_initialize() != PFM_SUCCESS)
        return;
    for (int i = 0; i < PFM_PMU_MAX; i++) {
        pfm_pmu_info_t pmu = {.size = sizeof(pmu)};
        if (pfm_get_pmu_info((pfm_pmu_t)i, &pmu) == PFM_SUCCESS && pmu.is_present)
            fn(opaque, pmu.name, pmu.desc, (unsigned)pmu.nevents);
    }
}

bool counters_hardware(char *why, size_t size)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof(attr),
                                   .config = PERF_COUNT_HW_INSTRUCTIONS,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};
    int rc = try_event(&attr);
    snprintf(why, size, "%s", rc ? strerror(-rc) : "");
    return rc == 0;
}
