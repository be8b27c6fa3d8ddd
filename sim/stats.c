/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints statistics; see stats.h.
 */
#include "sim/stats.h"

#include "sim/base/clock.h"
#include "sim/config.h"
#include "sim/reclaim.h"
#include "sim/region.h"

#include <jansson.h>
#include <string.h>

struct stat {
    const char *name, *text;
    size_t offset;
};

static const struct stat stat_table[] = {
#define STAT(name, field, text) {#name, text, offsetof(struct guest_stats, field)},
#include "sim/stats.def"
#undef STAT
};

static uint64_t stat_value(const struct guest_stats *s, const struct stat *t)
{
    return *(const uint64_t *)((const char *)s + t->offset);
}

const char *stats_end_name(enum mh_end end)
{
    static const char *const names[] = {"none",  "guest",   "stopped", "timeout",
                                        "limit", "console", "error",   "critical"};
    return (unsigned)end < ARRAY_LEN(names) ? names[end] : "?";
}

static double rate(uint64_t insns, uint64_t ns)
{
    return ns ? (double)insns * 1e3 / (double)ns : 0; /* million per second */
}

/* ---- JSON ------------------------------------------------------------------------------ */

static void set_u64(json_t *o, const char *name, uint64_t v)
{
    json_object_set_new(o, name, json_integer((json_int_t)v));
}

/* What was not counted is null, never 0. */
static json_t *json_figure(const struct counter_figure *f)
{
    return f->known ? json_integer((json_int_t)f->value) : json_null();
}

static json_t *json_counters(const struct counters *c, unsigned slot)
{
    json_t *o = json_object();
    for (unsigned i = 0; i < counters_count(c); i++) {
        struct counter_figure f = counters_value(c, slot, i);
        json_object_set_new(o, counters_name(c, i), json_figure(&f));
    }
    return o;
}

static void set_stats(json_t *o, const struct guest_stats *s)
{
    for (size_t i = 0; i < ARRAY_LEN(stat_table); i++)
        set_u64(o, stat_table[i].name, stat_value(s, &stat_table[i]));
}

static json_t *json_hart(struct mh_machine *m, int hart)
{
    struct guest_stats s;
    json_t *o = json_object();
    m->gt->stats(m->guest, hart, &s);
    if (hart >= 0) {
        set_u64(o, "hart", (uint64_t)hart);
        json_object_set_new(o, "processor", json_integer(m->pin[hart]));
    }
    set_stats(o, &s);
    if (hart >= 0 && m->counters)
        json_object_set_new(o, "counters", json_counters(m->counters, (unsigned)hart));
    return o;
}

static json_t *json_config(const struct mh_vm_config *cfg)
{
    json_t *o = json_object();
    json_object_set_new(o, "guest", json_string(cfg->guest));
    set_u64(o, "harts", cfg->harts);
    set_u64(o, "memory", cfg->memory_size);
    json_object_set_new(o, "engine", json_string(config_exec_mode_name(cfg->exec_mode)));
    return o;
}

static json_t *json_sources(const struct counters *c)
{
    json_t *o = json_object();
    for (unsigned i = 0; i < counters_count(c); i++)
        json_object_set_new(o, counters_name(c, i), json_string(counters_source(c, i)));
    return o;
}

/* The lowest share of the time that an event had a counter, of those that were counted. */
static double lowest_share(const struct counters *c, unsigned threads, unsigned event)
{
    double share = 1;
    for (unsigned i = 0; i < threads; i++) {
        struct counter_figure f = counters_value(c, i, event);
        if (f.known && f.share < share)
            share = f.share;
    }
    return share;
}

static json_t *json_shares(const struct counters *c, unsigned threads)
{
    json_t *o = json_object();
    for (unsigned i = 0; i < counters_count(c); i++)
        json_object_set_new(o, counters_name(c, i), json_real(lowest_share(c, threads, i)));
    return o;
}

static json_t *json_cpu(const struct region_thread *t)
{
    return t->has_cpu ? json_integer((json_int_t)t->cpu_ns) : json_null();
}

/* One event in the region: over all harts, of the I/O thread. */
static json_t *json_region_event(const struct counters *c, const struct region_sums *r,
                                 unsigned harts, unsigned event)
{
    struct counter_reading sum = {0};
    for (unsigned i = 0; i < harts; i++)
        counter_add(&sum, &r->thread[i].host[event]);
    struct counter_figure f = counter_scale(&sum),
                          io = counter_scale(&r->thread[harts].host[event]);
    return json_pack("{ss ss so so sf}", "name", counters_name(c, event), "source",
                     counters_source(c, event), "harts", json_figure(&f), "io", json_figure(&io),
                     "share", f.known ? f.share : 0.0);
}

static json_t *json_region(const struct mh_machine *m, const struct region_sums *r)
{
    json_t *o = json_object(), *total = json_object();
    json_t *harts = json_array(), *events = json_array();
    set_u64(o, "periods", r->periods);
    set_u64(o, "time_ns", r->time_ns);
    set_stats(total, &r->total);
    for (unsigned i = 0; i < m->cfg.harts; i++) {
        json_t *h = json_object();
        set_u64(h, "hart", i);
        json_object_set_new(h, "cpu_ns", json_cpu(&r->thread[i]));
        set_stats(h, &r->thread[i].stats);
        json_array_append_new(harts, h);
    }
    for (unsigned i = 0; m->counters && i < counters_count(m->counters); i++)
        json_array_append_new(events, json_region_event(m->counters, r, m->cfg.harts, i));
    json_object_set_new(o, "io_cpu_ns", json_cpu(&r->thread[m->cfg.harts]));
    json_object_set_new(o, "total", total);
    json_object_set_new(o, "harts", harts);
    json_object_set_new(o, "counters", events);
    return o;
}

static json_t *json_all(struct mh_machine *m)
{
    const struct region_sums *region = region_sums(m->region);
    json_t *o = json_object(), *harts = json_array();
    json_object_set_new(
        o, "manyhart",
        json_sprintf("%d.%d.%d", MH_VERSION_MAJOR, MH_VERSION_MINOR, MH_VERSION_PATCH));
    json_object_set_new(o, "config", json_config(&m->cfg));
    json_object_set_new(o, "end", json_string(stats_end_name(m->result.end)));
    json_object_set_new(o, "exit_code", json_integer(m->result.exit_code));
    set_u64(o, "time_ns", m->result.time_ns);
    json_object_set_new(o, "minsns_per_s", json_real(rate(m->result.insns, m->result.time_ns)));
    set_u64(o, "ram_resident_bytes", physmem_resident(m->pm));
    set_u64(o, "ram_returned_bytes", reclaim_bytes(m->reclaim));
    json_object_set_new(o, "total", json_hart(m, -1));
    for (unsigned i = 0; i < m->cfg.harts; i++)
        json_array_append_new(harts, json_hart(m, (int)i));
    json_object_set_new(o, "harts", harts);
    if (m->counters) {
        json_object_set_new(o, "io_counters", json_counters(m->counters, m->cfg.harts));
        json_object_set_new(o, "counter_sources", json_sources(m->counters));
        json_object_set_new(o, "counter_shares", json_shares(m->counters, m->cfg.harts + 1));
        json_object_set_new(o, "counter_note", json_string(counters_note(m->counters)));
    }
    if (region)
        json_object_set_new(o, "region", json_region(m, region));
    return o;
}

void stats_write_json(struct mh_machine *m, FILE *f)
{
    json_t *o = json_all(m);
    json_dumpf(o, f, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    fputc('\n', f);
    json_decref(o);
}

/* ---- table ------------------------------------------------------------------------------- */

enum { COLUMNS_MAX = 8 }; /* harts shown one by one; the sum is always there */

static unsigned columns(const struct mh_machine *m)
{
    return m->cfg.harts <= COLUMNS_MAX ? m->cfg.harts : 0;
}

static void table_row(struct mh_machine *m, const struct stat *t, FILE *f)
{
    struct guest_stats s;
    m->gt->stats(m->guest, -1, &s);
    if (!stat_value(&s, t))
        return;
    fprintf(f, "%-34s %15llu", t->text, (unsigned long long)stat_value(&s, t));
    for (unsigned i = 0; i < columns(m); i++) {
        m->gt->stats(m->guest, (int)i, &s);
        fprintf(f, " %13llu", (unsigned long long)stat_value(&s, t));
    }
    fputc('\n', f);
}

/* Right-aligned; "-" for what was not counted. */
static void put_figure(FILE *f, int width, const struct counter_figure *v)
{
    if (v->known)
        fprintf(f, " %*llu", width, (unsigned long long)v->value);
    else
        fprintf(f, " %*s", width, "-");
}

/* Known only if it is of every thread. */
static struct counter_figure sum_of(const struct counters *c, unsigned threads, unsigned event)
{
    struct counter_figure sum = {.known = true};
    for (unsigned i = 0; i < threads; i++) {
        struct counter_figure v = counters_value(c, i, event);
        sum.known &= v.known;
        sum.value += v.value;
    }
    return sum;
}

static void table_counters(struct mh_machine *m, FILE *f)
{
    const struct counters *c = m->counters;
    unsigned threads = m->cfg.harts + 1;
    for (unsigned e = 0; e < counters_count(c); e++) {
        struct counter_figure v = sum_of(c, threads, e);
        double share = lowest_share(c, threads, e);
        fprintf(f, "%-21s %-12s", counters_name(c, e), counters_source(c, e));
        put_figure(f, 15, &v);
        for (unsigned i = 0; i < columns(m); i++) {
            v = counters_value(c, i, e);
            put_figure(f, 13, &v);
        }
        v = counters_value(c, m->cfg.harts, e);
        fputs("  I/O", f);
        put_figure(f, 0, &v);
        if (share < 1)
            fprintf(f, "  (counted %.0f %% of the time)", 100 * share);
        fputc('\n', f);
    }
    if (counters_note(c)[0])
        fprintf(f, "%s\n", counters_note(c));
}

static void table_region(const struct region_sums *r, FILE *f)
{
    if (r)
        fprintf(f,
                "measured by the guest: %llu periods, %.6f s, %llu instructions, %.1f million/s\n",
                (unsigned long long)r->periods, (double)r->time_ns / 1e9,
                (unsigned long long)r->total.insns, rate(r->total.insns, r->time_ns));
}

void stats_write_table(struct mh_machine *m, FILE *f)
{
    const struct mh_result *r = &m->result;
    fprintf(f, "%.3f s, %llu instructions, %.1f million/s, end: %s, RAM in use %llu MiB\n",
            (double)r->time_ns / 1e9, (unsigned long long)r->insns, rate(r->insns, r->time_ns),
            stats_end_name(r->end), (unsigned long long)(physmem_resident(m->pm) >> 20));
    fprintf(f, "%-34s %15s", "", "all");
    for (unsigned i = 0; i < columns(m); i++)
        fprintf(f, " %8s %4u", "hart", i);
    fputc('\n', f);
    for (size_t i = 0; i < ARRAY_LEN(stat_table); i++)
        table_row(m, &stat_table[i], f);
    if (m->counters)
        table_counters(m, f);
    table_region(region_sums(m->region), f);
}
