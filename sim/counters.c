/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host event counters; see counters.h.
 *
 * Hardware events of one thread form a group, so that they count over the same
 * time; software events are always there and stand alone.  A group that the
 * PMU has no room for is never scheduled, so an event that cannot join the
 * group is opened alone; the kernel then gives it a share of the time
 * (multiplexing), and its value is scaled by enabled/running time.
 */
#include "sim/counters.h"

#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/lock.h"
#include "sim/parse.h"

#include <errno.h>
#include <perfmon/pfmlib_perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum source { SOURCE_HARDWARE, SOURCE_SOFTWARE, SOURCE_RUSAGE };
enum rusage_event { RUSAGE_TASK_CLOCK, RUSAGE_FAULTS, RUSAGE_SWITCHES, RUSAGE_EVENTS };

struct event {
    char name[64];
    enum source source;
    enum rusage_event rusage;
    struct perf_event_attr attr;
};

/* One counted thread. */
struct slot {
    CACHE_ALIGNED struct lock lock; /* RANK_LEAF, of all that follows */
    bool open;                      /* its thread is being counted */
    pthread_t thread;
    clockid_t clock; /* its processor time */
    int fd[COUNTERS_MAX];
    struct counter_reading start[COUNTERS_MAX]; /* of the period under way */
    struct counter_reading sum[COUNTERS_MAX];   /* of the periods that have ended */
};

struct counters {
    struct event event[COUNTERS_MAX];
    unsigned count;
    unsigned slots;
    struct slot *slot;
    bool follow;
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
    for (unsigned i = 0; i < slots; i++)
        lock_init(&c->slot[i].lock, RANK_LEAF);
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

/* ---- figures ------------------------------------------------------------------------------- */

struct counter_figure counter_scale(const struct counter_reading *r)
{
    if (r->missing || (r->wanted_ns && !r->counted_ns))
        return (struct counter_figure){.known = false};
    if (r->counted_ns >= r->wanted_ns)
        return (struct counter_figure){true, r->value, 1};
    double share = (double)r->counted_ns / (double)r->wanted_ns;
    return (struct counter_figure){true, (uint64_t)((double)r->value / share + 0.5), share};
}

struct counter_reading counter_between(const struct counter_reading *from,
                                       const struct counter_reading *to)
{
    return (struct counter_reading){to->value - from->value, to->wanted_ns - from->wanted_ns,
                                    to->counted_ns - from->counted_ns,
                                    from->missing || to->missing};
}

void counter_add(struct counter_reading *sum, const struct counter_reading *r)
{
    sum->value += r->value;
    sum->wanted_ns += r->wanted_ns;
    sum->counted_ns += r->counted_ns;
    sum->missing |= r->missing;
}

/* ---- counting ------------------------------------------------------------------------------ */

void counters_follow(struct counters *c)
{
    c->follow = true;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    return clock_gettime(clock, &t) ? 0 : (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static struct counter_reading read_rusage(const struct counters *c, const struct slot *s,
                                          enum rusage_event e)
{
    struct counter_reading r = {0};
    struct rusage u;
    if (e == RUSAGE_TASK_CLOCK) {
        r.value = clock_ns(c->follow ? CLOCK_PROCESS_CPUTIME_ID : s->clock);
        return r;
    }
    r.missing = !c->follow && !pthread_equal(pthread_self(), s->thread);
    if (r.missing || getrusage(c->follow ? RUSAGE_SELF : RUSAGE_THREAD, &u))
        return r;
    r.value = e == RUSAGE_FAULTS ? (uint64_t)(u.ru_minflt + u.ru_majflt)
                                 : (uint64_t)(u.ru_nvcsw + u.ru_nivcsw);
    return r;
}

static struct counter_reading read_perf(int fd)
{
    struct counter_reading r = {.missing = true};
    uint64_t v[3];
    if (fd >= 0 && read(fd, v, sizeof(v)) == sizeof(v))
        r = (struct counter_reading){v[0], v[1], v[2], false};
    return r;
}

static struct counter_reading read_raw(const struct counters *c, const struct slot *s, unsigned i)
{
    const struct event *e = &c->event[i];
    return e->source == SOURCE_RUSAGE ? read_rusage(c, s, e->rusage) : read_perf(s->fd[i]);
}

/* Of the period under way. */
static struct counter_reading read_event(const struct counters *c, const struct slot *s, unsigned i)
{
    struct counter_reading now = read_raw(c, s, i);
    return counter_between(&s->start[i], &now);
}

static int open_for_thread(const struct counters *c, const struct event *e, int *leader)
{
    struct perf_event_attr attr = e->attr;
    attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    attr.inherit = c->follow;
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
    lock_take(&s->lock);
    s->open = true;
    s->thread = pthread_self();
    s->clock = CLOCK_THREAD_CPUTIME_ID;
    pthread_getcpuclockid(s->thread, &s->clock);
    for (unsigned i = 0; i < c->count; i++) {
        struct event *e = &c->event[i];
        bool rusage = e->source == SOURCE_RUSAGE;
        s->fd[i] = rusage ? -1 : open_for_thread(c, e, &leader);
        s->start[i] = rusage ? read_raw(c, s, i) : (struct counter_reading){0};
    }
    lock_drop(&s->lock);
}

/* The events stay open: a thread that has entered its sandbox could not open them again. */
void counters_thread_next(struct counters *c, unsigned slot)
{
    struct slot *s = &c->slot[slot];
    lock_take(&s->lock);
    for (unsigned i = 0; i < c->count; i++) {
        struct counter_reading now = read_raw(c, s, i);
        struct counter_reading d = counter_between(&s->start[i], &now);
        counter_add(&s->sum[i], &d);
        s->start[i] = now;
    }
    lock_drop(&s->lock);
}

void counters_thread_end(struct counters *c, unsigned slot)
{
    struct slot *s = &c->slot[slot];
    struct counter_reading now[COUNTERS_MAX];
    lock_take(&s->lock);
    for (unsigned i = 0; i < c->count; i++)
        now[i] = read_event(c, s, i);
    for (unsigned i = 0; i < c->count; i++) {
        counter_add(&s->sum[i], &now[i]);
        if (c->event[i].source != SOURCE_RUSAGE && s->fd[i] >= 0)
            close(s->fd[i]);
    }
    s->open = false;
    lock_drop(&s->lock);
}

void counters_read(struct counters *c, unsigned slot, struct counter_reading out[COUNTERS_MAX])
{
    struct slot *s = &c->slot[slot];
    lock_take(&s->lock);
    for (unsigned i = 0; i < c->count; i++) {
        out[i] = s->sum[i];
        if (!s->open)
            continue;
        struct counter_reading now = read_event(c, s, i);
        counter_add(&out[i], &now);
    }
    lock_drop(&s->lock);
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

struct counter_figure counters_value(const struct counters *c, unsigned slot, unsigned event)
{
    struct slot *s = &c->slot[slot];
    lock_take(&s->lock);
    struct counter_reading sum = s->sum[event];
    lock_drop(&s->lock);
    return counter_scale(&sum);
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
