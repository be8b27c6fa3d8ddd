/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints statistics; see stats.h.
 */
#include "sim/stats.h"

#include "sim/base/clock.h"
#include "sim/config.h"

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
                                        "limit", "console", "error", "critical"};
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

static json_t *json_counters(const struct counters *c, unsigned slot)
{
    json_t *o = json_object();
    for (unsigned i = 0; i < counters_count(c); i++)
        set_u64(o, counters_name(c, i), counters_value(c, slot, i));
    return o;
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
    for (size_t i = 0; i < ARRAY_LEN(stat_table); i++)
        set_u64(o, stat_table[i].name, stat_value(&s, &stat_table[i]));
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

static json_t *json_all(struct mh_machine *m)
{
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
    json_object_set_new(o, "total", json_hart(m, -1));
    for (unsigned i = 0; i < m->cfg.harts; i++)
        json_array_append_new(harts, json_hart(m, (int)i));
    json_object_set_new(o, "harts", harts);
    if (m->counters) {
        json_object_set_new(o, "io_counters", json_counters(m->counters, m->cfg.harts));
        json_object_set_new(o, "counter_sources", json_sources(m->counters));
        json_object_set_new(o, "counter_note", json_string(counters_note(m->counters)));
    }
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

static void table_counters(struct mh_machine *m, FILE *f)
{
    const struct counters *c = m->counters;
    for (unsigned e = 0; e < counters_count(c); e++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i <= m->cfg.harts; i++)
            sum += counters_value(c, i, e);
        fprintf(f, "%-21s %-12s %15llu", counters_name(c, e), counters_source(c, e),
                (unsigned long long)sum);
        for (unsigned i = 0; i < columns(m); i++)
            fprintf(f, " %13llu", (unsigned long long)counters_value(c, i, e));
        fprintf(f, "  I/O %llu\n", (unsigned long long)counters_value(c, m->cfg.harts, e));
    }
    if (counters_note(c)[0])
        fprintf(f, "%s\n", counters_note(c));
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
}
