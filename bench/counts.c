/* SPDX-License-Identifier: Apache-2.0 */
/* See counts.h. */
#include "bench/counts.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/base/bits.h"
#include "sim/base/error.h"

/* A number, or NaN where there is none: null says that nothing could be counted. */
static double number_of(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static int add(struct sample *s, const char *name, double value)
{
    return sample_counter_add(
        s, &(struct sample_counter){.source = "simulator", .value = value, .io = NAN, .share = 1},
        name);
}

static int add_all(struct sample *s, const json_t *total)
{
    const char *name;
    json_t *v;
    int rc = 0;
    json_object_foreach((json_t *)(uintptr_t)total, name, v) if (!rc) rc =
        add(s, name, number_of(v));
    return rc;
}

/* Over the harts; NaN if one of them has none. */
static double sum_of(const json_t *harts, const char *name)
{
    double sum = 0;
    for (size_t i = 0; i < json_array_size(harts); i++)
        sum += number_of(json_object_get(json_array_get(harts, i), name));
    return sum;
}

/* The hart that has least, or most, of it. */
static double extreme_of(const json_t *harts, const char *name, bool most)
{
    double found = NAN;
    for (size_t i = 0; i < json_array_size(harts); i++) {
        double v = number_of(json_object_get(json_array_get(harts, i), name));
        if (isnan(found) || (most ? v > found : v < found))
            found = v;
    }
    return found;
}

static int add_event(struct sample *s, const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "name"));
    const char *source = json_string_value(json_object_get(event, "source"));
    struct sample_counter c = {.value = number_of(json_object_get(event, "harts")),
                               .io = number_of(json_object_get(event, "io")),
                               .share = number_of(json_object_get(event, "share"))};
    if (!name || !source)
        return -EINVAL;
    snprintf(c.source, sizeof(c.source), "%s", source);
    return sample_counter_add(s, &c, name);
}

static int add_region(struct sample *s, const json_t *r)
{
    const json_t *harts = json_object_get(r, "harts"), *events = json_object_get(r, "counters");
    const json_t *total = json_object_get(r, "total");
    if (!json_array_size(harts) || !json_is_object(total) || !json_is_array(events))
        return -EINVAL;
    const struct {
        const char *name;
        double value;
    } own[] = {
        {"periods", number_of(json_object_get(r, "periods"))},
        {"time_ns", number_of(json_object_get(r, "time_ns"))},
        {"cpu_ns", sum_of(harts, "cpu_ns")},
        {"io_cpu_ns", number_of(json_object_get(r, "io_cpu_ns"))},
        {"insns_least", extreme_of(harts, "insns", false)},
        {"insns_most", extreme_of(harts, "insns", true)},
    };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(own) && !rc; i++)
        rc = add(s, own[i].name, own[i].value);
    if (!rc)
        rc = add_all(s, total);
    for (size_t i = 0; i < json_array_size(events) && !rc; i++)
        rc = add_event(s, json_array_get(events, i));
    return rc;
}

static void name_processors(const json_t *harts, char *to, size_t size)
{
    size_t used = 0;
    to[0] = 0;
    for (size_t i = 0; i < json_array_size(harts) && used < size; i++) {
        json_int_t p = json_integer_value(json_object_get(json_array_get(harts, i), "processor"));
        char text[24] = "-";
        if (p >= 0)
            snprintf(text, sizeof(text), "%lld", (long long)p);
        used += (size_t)snprintf(to + used, size - used, "%s%s", used ? "," : "", text);
    }
}

int counts_from_stats(struct sample *s, const char *path, char *processors, size_t size)
{
    json_error_t where;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return error_set(MH_ERROR_CORE, -EINVAL, "counts", path, "statistics: %s", where.text);
    const json_t *region = json_object_get(root, "region");
    int rc = region ? add_region(s, region) : -EINVAL;
    if (rc)
        error_set(MH_ERROR_CORE, rc, "counts", path,
                  region ? "statistics: the measured region is damaged"
                         : "statistics: no measured region");
    else if (processors)
        name_processors(json_object_get(root, "harts"), processors, size);
    json_decref(root);
    return rc;
}

int counts_from_process(struct sample *s, const struct child_result *r)
{
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {
        {"task-clock", r->user_ns + r->system_ns},
        {"page-faults", r->faults},
        {"context-switches", r->switches},
    };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(all) && !rc; i++) {
        struct sample_counter c = {
            .source = "process", .value = (double)all[i].value, .io = NAN, .share = 1};
        rc = sample_counter_add(s, &c, all[i].name);
    }
    return rc;
}
