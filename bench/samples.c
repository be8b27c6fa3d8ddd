/* SPDX-License-Identifier: Apache-2.0 */
/* See samples.h. */
#include "bench/samples.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/bits.h"
#include "sim/base/error.h"

#define FORMAT_NAME "manyhart-bench"
#define SIMULATOR   "simulator" /* a source */

static int fail(const char *what, const char *where)
{
    return error_set(MH_ERROR_CORE, -EINVAL, "samples", where, "%s", what);
}

void sample_clear(struct sample *s)
{
    free(s->ns);
    free(s->instructions);
    free(s->counters);
    s->ns = s->instructions = NULL;
    s->counters = NULL;
    s->n = s->n_counters = 0;
}

int sample_counter_add(struct sample *s, const struct sample_counter *c, const char *name)
{
    struct sample_counter *bigger =
        realloc(s->counters, (s->n_counters + 1) * sizeof(*s->counters));
    if (!bigger)
        return error_set(MH_ERROR_CORE, -ENOMEM, "samples", NULL, "not enough host memory");
    s->counters = bigger;
    bigger += s->n_counters++;
    *bigger = *c;
    snprintf(bigger->name, sizeof(bigger->name), "%s", name);
    return 0;
}

const struct sample_counter *sample_counter(const struct sample *s, const char *name)
{
    for (size_t i = 0; i < s->n_counters; i++)
        if (!strcmp(s->counters[i].name, name))
            return &s->counters[i];
    return NULL;
}

/* ---- the output of a run ------------------------------------------------- */

/* One for several harts says how many it has: those that the sample is for, if that is known. */
static bool parse_head(struct sample *s, const char *line)
{
    unsigned harts;
    int n = sscanf(line, "workload %47s group %47s unit %47s operations %lf clock_ns %lf harts %u",
                   s->workload, s->group, s->unit, &s->operations, &s->clock_ns, &harts);
    return n >= 5 && s->operations > 0 && s->clock_ns > 0 &&
           (n == 5 || !s->harts || harts == s->harts);
}

static bool grow(double **v, size_t n)
{
    if (n & (n - 1)) /* room for a power of two of them */
        return true;
    double *bigger = realloc(*v, (n ? 2 * n : 1) * sizeof(**v));
    if (bigger)
        *v = bigger;
    return bigger;
}

static int parse_iteration(struct sample *s, const char *line)
{
    size_t i;
    double ns;
    char instructions[32], checksum[17];
    if (sscanf(line, "iteration %zu ns %lf instructions %31s checksum %16[0-9a-f]", &i, &ns,
               instructions, checksum) != 4 ||
        !(ns >= 0) || i != s->n)
        return fail("an iteration is malformed or out of order", s->workload);
    if (s->n && strcmp(checksum, s->checksum))
        return fail("the checksums of the iterations differ", s->workload);
    if (!grow(&s->ns, s->n) || !grow(&s->instructions, s->n))
        return error_set(MH_ERROR_CORE, -ENOMEM, "samples", NULL, "not enough host memory");
    snprintf(s->checksum, sizeof(s->checksum), "%s", checksum);
    s->ns[s->n] = ns;
    s->instructions[s->n++] = strcmp(instructions, "-") ? strtod(instructions, NULL) : NAN;
    return 0;
}

static int parse_counter(struct sample *s, const char *line)
{
    struct sample_counter c = {.io = NAN};
    char name[COUNTER_NAME_MAX + 1], value[32];
    if (sscanf(line, "counter %63s source %15s value %31s share %lf", name, c.source, value,
               &c.share) != 4)
        return fail("a counter is malformed", s->workload);
    c.value = strcmp(value, "-") ? strtod(value, NULL) : NAN;
    return sample_counter_add(s, &c, name);
}

static bool begins(const char *line, const char *word)
{
    return !strncmp(line, word, strlen(word));
}

int sample_parse(struct sample *s, const char *output)
{
    bool head = false;
    int rc = 0;
    s->ns = s->instructions = NULL;
    s->counters = NULL;
    s->n = s->n_counters = 0;
    for (const char *line = output; line && !rc;) {
        if (begins(line, "workload ")) {
            if (head || !parse_head(s, line))
                rc = fail(head ? "more than one workload" : "the workload's line is malformed",
                          NULL);
            head = true;
        } else if (begins(line, "iteration ")) {
            rc = head ? parse_iteration(s, line) : fail("an iteration before its workload", NULL);
        } else if (begins(line, "counter ")) {
            rc = parse_counter(s, line);
        }
        line = strchr(line, '\n');
        line += line ? 1 : 0;
    }
    if (!rc && !s->n)
        rc = fail(head ? "no iteration" : "no workload", NULL);
    if (rc) {
        sample_clear(s);
    } else if (isnan(s->instructions[0])) {
        free(s->instructions);
        s->instructions = NULL;
    }
    return rc;
}

/* ---- a set --------------------------------------------------------------- */

static struct sample_fact *find_fact(const struct sample_set *set, const char *name)
{
    for (size_t i = 0; i < set->n_facts; i++)
        if (!strcmp(set->facts[i].name, name))
            return &set->facts[i];
    return NULL;
}

const char *samples_fact_of(const struct sample_set *set, const char *name)
{
    const struct sample_fact *f = find_fact(set, name);
    return f ? f->value : NULL;
}

int samples_fact(struct sample_set *set, const char *name, const char *value)
{
    struct sample_fact *f = find_fact(set, name);
    char *copy = strdup(value);
    if (f && copy) {
        free(f->value);
        f->value = copy;
        return 0;
    }
    char *key = strdup(name);
    f = realloc(set->facts, (set->n_facts + 1) * sizeof(*f));
    if (f)
        set->facts = f;
    if (!copy || !key || !f) {
        free(copy);
        free(key);
        return -ENOMEM;
    }
    set->facts[set->n_facts++] = (struct sample_fact){key, copy};
    return 0;
}

int samples_add(struct sample_set *set, struct sample *s)
{
    if (!(set->n & (set->n - 1))) {
        struct sample *bigger = realloc(set->samples, (set->n ? 2 * set->n : 1) * sizeof(*bigger));
        if (!bigger)
            return -ENOMEM;
        set->samples = bigger;
    }
    set->samples[set->n++] = *s;
    s->ns = s->instructions = NULL;
    s->counters = NULL;
    s->n = s->n_counters = 0;
    return 0;
}

void samples_clear(struct sample_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        sample_clear(&set->samples[i]);
    for (size_t i = 0; i < set->n_facts; i++) {
        free(set->facts[i].name);
        free(set->facts[i].value);
    }
    free(set->samples);
    free(set->facts);
    *set = (struct sample_set){0};
}

static bool same_run(const struct sample *a, const struct sample *b)
{
    return a->harts == b->harts && a->round == b->round && !strcmp(a->workload, b->workload) &&
           !strcmp(a->engine, b->engine);
}

static bool has_run(const struct sample_set *set, size_t n, const struct sample *s)
{
    for (size_t i = 0; i < n; i++)
        if (same_run(&set->samples[i], s))
            return true;
    return false;
}

long samples_merge(struct sample_set *to, struct sample_set *from)
{
    long repeated = 0;
    int rc = 0;
    for (size_t i = 0; i < from->n_facts && !rc; i++)
        if (!find_fact(to, from->facts[i].name))
            rc = samples_fact(to, from->facts[i].name, from->facts[i].value);
    for (size_t i = 0; i < from->n && !rc; i++) {
        if (has_run(to, to->n, &from->samples[i]))
            repeated++;
        else
            rc = samples_add(to, &from->samples[i]);
    }
    samples_clear(from);
    return rc ? rc : repeated;
}

/* ---- the file ------------------------------------------------------------ */

static json_t *numbers(const double *v, size_t n)
{
    json_t *a = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(a, json_real(v[i]));
    return a;
}

/* null: it was not counted. */
static json_t *number_or_null(double v)
{
    return isnan(v) ? json_null() : json_real(v);
}

/* The simulator's, name and value: there are many of them, and nothing else to say of each. */
static json_t *json_of_simulator(const struct sample *s)
{
    json_t *o = NULL;
    for (size_t i = 0; i < s->n_counters; i++) {
        const struct sample_counter *c = &s->counters[i];
        if (strcmp(c->source, SIMULATOR))
            continue;
        o = o ? o : json_object();
        json_object_set_new(o, c->name, number_or_null(c->value));
    }
    return o;
}

static json_t *json_of_counters(const struct sample *s)
{
    json_t *a = NULL;
    for (size_t i = 0; i < s->n_counters; i++) {
        const struct sample_counter *c = &s->counters[i];
        if (!strcmp(c->source, SIMULATOR))
            continue;
        a = a ? a : json_array();
        json_array_append_new(a, json_pack("{ss ss so so sf}", "name", c->name, "source", c->source,
                                           "value", number_or_null(c->value), "io",
                                           number_or_null(c->io), "share", c->share));
    }
    return a;
}

static json_t *json_of(const struct sample *s)
{
    return json_pack("{ss ss ss ss ss si si sf sf ss sI sI sI sI so so* so* so*}", "workload",
                     s->workload, "group", s->group, "unit", s->unit, "engine", s->engine,
                     "outcome", s->outcome, "harts", (int)s->harts, "round", (int)s->round,
                     "operations", s->operations, "clock_ns", s->clock_ns, "checksum", s->checksum,
                     "wall_ns", (json_int_t)s->wall_ns, "user_ns", (json_int_t)s->user_ns,
                     "system_ns", (json_int_t)s->system_ns, "resident_bytes",
                     (json_int_t)s->resident_bytes, "ns", numbers(s->ns, s->n), "instructions",
                     s->instructions ? numbers(s->instructions, s->n) : NULL, "simulator",
                     json_of_simulator(s), "counters", json_of_counters(s));
}

static json_t *json_of_set(const struct sample_set *set)
{
    json_t *facts = json_object(), *samples = json_array();
    for (size_t i = 0; i < set->n_facts; i++)
        json_object_set_new(facts, set->facts[i].name, json_string(set->facts[i].value));
    for (size_t i = 0; i < set->n; i++)
        json_array_append_new(samples, json_of(&set->samples[i]));
    return json_pack("{ss si so so}", "format", FORMAT_NAME, "version", SAMPLES_VERSION, "facts",
                     facts, "samples", samples);
}

/* Writes and syncs; 0 or -errno. */
static int dump(const json_t *root, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return -errno;
    int bad = json_dumpf(root, f, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    bad |= fputc('\n', f) == EOF;
    bad |= fflush(f) || fsync(fileno(f));
    int err = bad ? errno ? -errno : -EIO : 0;
    if (fclose(f) && !err)
        err = -errno;
    return err;
}

int samples_write(const struct sample_set *set, const char *path)
{
    char part[4096];
    json_t *root = json_of_set(set);
    if (!root)
        return error_set(MH_ERROR_CORE, -ENOMEM, "samples", path, "not enough host memory");
    int err = -ENAMETOOLONG;
    if ((size_t)snprintf(part, sizeof(part), "%s.part", path) < sizeof(part)) {
        err = dump(root, part);
        if (!err && rename(part, path))
            err = -errno;
        if (err)
            unlink(part);
    }
    json_decref(root);
    return err ? error_set(MH_ERROR_CORE, err, "samples", path, "%s: cannot be written: %s", path,
                           error_text(err))
               : 0;
}

static bool take_text(const json_t *o, const char *name, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text && (size_t)snprintf(to, size, "%s", text) < size;
}

static bool take_number(const json_t *o, const char *name, double *to)
{
    const json_t *v = json_object_get(o, name);
    *to = json_number_value(v);
    return json_is_number(v) && *to >= 0;
}

static bool take_integer(const json_t *o, const char *name, uint64_t most, uint64_t *to)
{
    const json_t *v = json_object_get(o, name);
    *to = (uint64_t)json_integer_value(v);
    return json_is_integer(v) && json_integer_value(v) >= 0 && *to <= most;
}

/* An array of n numbers; n 0: of any length, which it sets. */
static bool take_numbers(const json_t *o, const char *name, size_t *n, double **to)
{
    const json_t *a = json_object_get(o, name);
    size_t have = json_array_size(a);
    if (!json_is_array(a) || (*n && have != *n))
        return false;
    double *v = malloc((have ? have : 1) * sizeof(*v));
    if (!v)
        return false;
    *to = v;
    *n = have;
    for (size_t i = 0; i < have; i++) {
        v[i] = json_number_value(json_array_get(a, i));
        if (!json_is_number(json_array_get(a, i)) || !(v[i] >= 0))
            return false;
    }
    return true;
}

#define TAKE_TEXT(o, s, field) take_text(o, #field, (s)->field, sizeof((s)->field))
#define TAKE_U64(o, s, field)  take_integer(o, #field, INT64_MAX, &(s)->field)

/* A number, or null, which is NaN. */
static bool take_number_or_null(const json_t *o, const char *name, double *to)
{
    *to = NAN;
    return json_is_null(json_object_get(o, name)) || take_number(o, name, to);
}

static bool take_simulator(const json_t *all, struct sample *s)
{
    struct sample_counter c = {.source = SIMULATOR, .io = NAN, .share = 1};
    for (void *i = json_object_iter((json_t *)(uintptr_t)all); i;
         i = json_object_iter_next((json_t *)(uintptr_t)all, i)) {
        const char *name = json_object_iter_key(i);
        if (!take_number_or_null(all, name, &c.value) || sample_counter_add(s, &c, name))
            return false;
    }
    return !all || json_is_object(all);
}

static bool take_counters(const json_t *all, struct sample *s)
{
    struct sample_counter c;
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *o = json_array_get(all, i);
        if (!TAKE_TEXT(o, &c, name) || !TAKE_TEXT(o, &c, source) ||
            !take_number_or_null(o, "value", &c.value) || !take_number_or_null(o, "io", &c.io) ||
            !take_number(o, "share", &c.share) || sample_counter_add(s, &c, c.name))
            return false;
    }
    return !all || json_is_array(all);
}

/* On failure s may have arrays. */
static bool sample_from(const json_t *o, struct sample *s)
{
    uint64_t harts, round;
    *s = (struct sample){0};
    if (!TAKE_TEXT(o, s, workload) || !TAKE_TEXT(o, s, group) || !TAKE_TEXT(o, s, unit) ||
        !TAKE_TEXT(o, s, engine) || !TAKE_TEXT(o, s, outcome) || !TAKE_TEXT(o, s, checksum) ||
        !take_integer(o, "harts", UINT32_MAX, &harts) ||
        !take_integer(o, "round", UINT32_MAX, &round) || !TAKE_U64(o, s, wall_ns) ||
        !TAKE_U64(o, s, user_ns) || !TAKE_U64(o, s, system_ns) || !TAKE_U64(o, s, resident_bytes) ||
        !take_number(o, "operations", &s->operations) ||
        !take_number(o, "clock_ns", &s->clock_ns) || !take_numbers(o, "ns", &s->n, &s->ns))
        return false;
    s->harts = (unsigned)harts;
    s->round = (unsigned)round;
    return (!json_object_get(o, "instructions") ||
            take_numbers(o, "instructions", &s->n, &s->instructions)) &&
           take_simulator(json_object_get(o, "simulator"), s) &&
           take_counters(json_object_get(o, "counters"), s);
}

static int set_from(struct sample_set *set, const json_t *root, const char *path)
{
    const char *key, *format = json_string_value(json_object_get(root, "format"));
    json_t *value, *facts = json_object_get(root, "facts"),
                   *list = json_object_get(root, "samples");
    json_int_t version = json_integer_value(json_object_get(root, "version"));
    size_t i;
    if (!format || strcmp(format, FORMAT_NAME))
        return error_set(MH_ERROR_CORE, -EINVAL, "samples", path, "%s: is no file of samples",
                         path);
    if (version < 1 || version > SAMPLES_VERSION)
        return error_set(MH_ERROR_CORE, -EINVAL, "samples", path,
                         "%s: has version %lld, this program reads 1 to %d", path,
                         (long long)version, SAMPLES_VERSION);
    json_object_foreach(facts, key, value)
    {
        if (!json_is_string(value) || samples_fact(set, key, json_string_value(value)))
            return error_set(MH_ERROR_CORE, -EINVAL, "samples", path, "%s: fact %s is damaged",
                             path, key);
    }
    if (!json_is_array(list))
        return error_set(MH_ERROR_CORE, -EINVAL, "samples", path, "%s: has no samples", path);
    json_array_foreach(list, i, value)
    {
        struct sample s;
        if (!sample_from(value, &s) || samples_add(set, &s)) {
            sample_clear(&s);
            return error_set(MH_ERROR_CORE, -EINVAL, "samples", path, "%s: sample %zu is damaged",
                             path, i);
        }
    }
    return 0;
}

int samples_read(struct sample_set *set, const char *path)
{
    json_error_t where;
    *set = (struct sample_set){0};
    if (access(path, R_OK)) {
        int err = -errno;
        return error_set(MH_ERROR_CORE, err, "samples", path, "%s: %s", path, error_text(err));
    }
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return error_set(MH_ERROR_CORE, -EINVAL, "samples", path, "%s: is damaged in line %d: %s",
                         path, where.line, where.text);
    int rc = set_from(set, root, path);
    json_decref(root);
    if (rc)
        samples_clear(set);
    return rc;
}
