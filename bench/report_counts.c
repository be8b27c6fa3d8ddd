/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See report_counts.h.  Tables are written once, through a struct table that knows
 * Markdown and HTML.
 */
#include "bench/report_counts.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench/chart.h"
#include "sim/base/bits.h"

enum { EVENTS_MAX = 16 };

/* ---- tables --------------------------------------------------------------- */

struct table {
    FILE *out;
    bool html;
};

static void put_heading(const struct table *t, const char *text)
{
    fputs(t->html ? "<h2>" : "\n## ", t->out);
    if (t->html)
        chart_text(t->out, text);
    else
        fputs(text, t->out);
    fputs(t->html ? "</h2>\n" : "\n\n", t->out);
}

static void put_paragraph(const struct table *t, const char *text)
{
    fputs(t->html ? "<p>" : "", t->out);
    if (t->html)
        chart_text(t->out, text);
    else
        fputs(text, t->out);
    fputs(t->html ? "</p>\n" : "\n\n", t->out);
}

static void table_begin(const struct table *t, const char *const *titles, size_t n)
{
    fputs(t->html ? "<div class=\"wide\"><table>\n<tr>" : "|", t->out);
    for (size_t i = 0; i < n; i++) {
        fputs(t->html ? "<th>" : " ", t->out);
        if (t->html)
            chart_text(t->out, titles[i]);
        else
            fputs(titles[i], t->out);
        fputs(t->html ? "</th>" : " |", t->out);
    }
    fputs(t->html ? "</tr>\n" : "\n|---|", t->out);
    for (size_t i = 1; i < n && !t->html; i++)
        fputs("---:|", t->out);
    fputs(t->html ? "" : "\n", t->out);
}

static void row_begin(const struct table *t, const char *name)
{
    fputs(t->html ? "<tr><th>" : "| ", t->out);
    if (t->html)
        chart_text(t->out, name);
    else
        fputs(name, t->out);
    fputs(t->html ? "</th>" : " |", t->out);
}

__attribute__((format(printf, 2, 3))) static void put_cell(const struct table *t, const char *fmt,
                                                           ...)
{
    char text[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    fputs(t->html ? "<td>" : " ", t->out);
    if (t->html)
        chart_text(t->out, text);
    else
        fputs(text, t->out);
    fputs(t->html ? "</td>" : " |", t->out);
}

static void put_number(const struct table *t, double v)
{
    if (isnan(v))
        put_cell(t, "-");
    else
        put_cell(t, "%.4g", v);
}

static void row_end(const struct table *t)
{
    fputs(t->html ? "</tr>\n" : "\n", t->out);
}

static void table_end(const struct table *t)
{
    fputs(t->html ? "</table></div>\n" : "", t->out);
}

/* ---- figures of a sample -------------------------------------------------- */

static double count(const struct sample *s, const char *name)
{
    const struct sample_counter *c = sample_counter(s, name);
    return c ? c->value : NAN;
}

static double of_simulator(const struct sample *s, const char *name)
{
    const struct sample_counter *c = sample_counter(s, name);
    return c && !strcmp(c->source, "simulator") ? c->value : NAN;
}

/* Parts of a whole that is 0 have no figure. */
static double over(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static double mips(const struct sample *s)
{
    return over(of_simulator(s, "insns") * 1e3, of_simulator(s, "time_ns") * s->harts);
}

static double mips_least(const struct sample *s)
{
    return over(of_simulator(s, "insns_least") * 1e3, of_simulator(s, "time_ns"));
}

static double mips_most(const struct sample *s)
{
    return over(of_simulator(s, "insns_most") * 1e3, of_simulator(s, "time_ns"));
}

static double per_insns(const struct sample *s, const char *name, double insns)
{
    return over(of_simulator(s, name) * insns, of_simulator(s, "insns"));
}

static double per_iteration(const struct sample *s, const char *name)
{
    return over(of_simulator(s, name), of_simulator(s, "periods"));
}

#define PER(function, name, insns)                                                                 \
    static double function(const struct sample *s)                                                 \
    {                                                                                              \
        return per_insns(s, name, insns);                                                          \
    }
PER(tlb_fetch, "tlb_fetch_misses", 1e3)
PER(tlb_read, "tlb_read_misses", 1e3)
PER(tlb_write, "tlb_write_misses", 1e3)
PER(page_walks, "page_walks", 1e3)
PER(exit_trap, "exit_trap", 1e6)
PER(exit_wait, "exit_wait", 1e6)
PER(exit_mode, "exit_mode", 1e6)
PER(exit_alarm, "exit_alarm", 1e6)
PER(exit_target, "exit_target", 1e6)
#undef PER

static double shootdowns(const struct sample *s)
{
    return per_iteration(s, "shootdowns");
}

static double decodes(const struct sample *s)
{
    return per_iteration(s, "decodes");
}

/* Engines that translate say how long it took; the interpreter does not translate. */
static double translating(const struct sample *s)
{
    return 100 * over(of_simulator(s, "translate_ns"), of_simulator(s, "time_ns") * s->harts);
}

static double io_load(const struct sample *s)
{
    return 100 * over(of_simulator(s, "io_cpu_ns"), of_simulator(s, "time_ns"));
}

/* ---- figures of a cell ----------------------------------------------------- */

typedef double figure_fn(const struct sample *s);

static bool in_cell(const struct summary_cell *c, const struct sample *s)
{
    return !strcmp(s->outcome, "ok") && s->harts == c->first->harts &&
           !strcmp(s->workload, c->first->workload) && !strcmp(s->engine, c->first->engine);
}

/* Over the samples that have it; NaN: none has. */
static double median_of(const struct sample_set *set, const struct summary_cell *c, figure_fn *fn)
{
    double *v = malloc((set->n + 1) * sizeof(*v)), median = NAN;
    size_t n = 0;
    for (size_t i = 0; v && i < set->n; i++) {
        double x = in_cell(c, &set->samples[i]) ? fn(&set->samples[i]) : NAN;
        if (!isnan(x))
            v[n++] = x;
    }
    if (n)
        median = stats_median(v, n);
    free(v);
    return median;
}

static bool has(const struct sample_set *set, const struct summary_cell *c, figure_fn *fn)
{
    return !isnan(median_of(set, c, fn));
}

/* Cells are grouped by engine and harts: whether cell i is the first of its column. */
static bool same_column(const struct summary_cell *a, const struct summary_cell *b)
{
    return a->first->harts == b->first->harts && !strcmp(a->first->engine, b->first->engine);
}

static bool first_of_column(const struct summary *s, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_column(&s->cells[i], &s->cells[j]))
            return false;
    return true;
}

static bool column_has(const struct sample_set *set, const struct summary *s, size_t column,
                       figure_fn *fn)
{
    for (size_t i = column; i < s->n; i++)
        if (same_column(&s->cells[column], &s->cells[i]) && has(set, &s->cells[i], fn))
            return true;
    return false;
}

static const char *column_name(const struct summary_cell *c, char *buf, size_t size)
{
    snprintf(buf, size, c->first->harts == 1 ? "%s" : "%s, %u harts", c->first->engine,
             c->first->harts);
    return buf;
}

/* ---- the simulator's counters ---------------------------------------------- */

static const struct {
    const char *title;
    figure_fn *fn;
} figures[] = {
    {"TLB misses: fetch", tlb_fetch},
    {"read", tlb_read},
    {"write", tlb_write},
    {"page walks", page_walks},
    {"exits: exception", exit_trap},
    {"WFI", exit_wait},
    {"mode", exit_mode},
    {"alarm", exit_alarm},
    {"target", exit_target},
    {"shootdowns", shootdowns},
    {"decoded", decodes},
    {"translating %", translating},
    {"I/O thread %", io_load},
};

static void put_mips(const struct table *t, const struct sample_set *set,
                     const struct summary_cell *c)
{
    double all = median_of(set, c, mips);
    if (c->first->harts == 1 || isnan(all))
        put_number(t, all);
    else
        put_cell(t, "%.4g (%.4g to %.4g)", all, median_of(set, c, mips_least),
                 median_of(set, c, mips_most));
}

static void put_simulator(const struct table *t, const struct sample_set *set,
                          const struct summary *s, size_t column)
{
    const char *titles[ARRAY_LEN(figures) + 2] = {"workload", "million insns/s per hart"};
    char name[SAMPLE_NAME_MAX + 16], text[128];
    for (size_t i = 0; i < ARRAY_LEN(figures); i++)
        titles[i + 2] = figures[i].title;
    snprintf(text, sizeof(text), "Counted by the simulator: %s",
             column_name(&s->cells[column], name, sizeof(name)));
    put_heading(t, text);
    put_paragraph(t, "TLB misses and page walks per 1000 instructions; exits of the engine by "
                     "reason per million instructions; shootdowns and instructions decoded per "
                     "iteration; shares are of the measured time.");
    table_begin(t, titles, ARRAY_LEN(titles));
    for (size_t i = column; i < s->n; i++) {
        const struct summary_cell *c = &s->cells[i];
        if (!same_column(&s->cells[column], c) || !c->n)
            continue;
        row_begin(t, c->first->workload);
        put_mips(t, set, c);
        for (size_t f = 0; f < ARRAY_LEN(figures); f++)
            put_number(t, median_of(set, c, figures[f].fn));
        row_end(t);
    }
    table_end(t);
}

/* ---- the host's counters ---------------------------------------------------- */

static bool of_host(const struct sample_counter *c)
{
    return strcmp(c->source, "simulator") && strcmp(c->source, "clock");
}

struct event_list {
    const char *name[EVENTS_MAX];
    size_t n;
    bool hardware, process, shared;
};

static void note_event(struct event_list *e, const struct sample_counter *c)
{
    e->hardware |= !strcmp(c->source, "hardware") && !isnan(c->value);
    e->process |= !strcmp(c->source, "process");
    e->shared |= c->share > 0 && c->share < 1;
    for (size_t i = 0; i < e->n; i++)
        if (!strcmp(e->name[i], c->name))
            return;
    if (e->n < EVENTS_MAX)
        e->name[e->n++] = c->name;
}

static void find_events(struct event_list *e, const struct sample_set *set)
{
    *e = (struct event_list){.n = 0};
    for (size_t i = 0; i < set->n; i++)
        for (size_t j = 0; j < set->samples[i].n_counters; j++)
            if (of_host(&set->samples[i].counters[j]))
                note_event(e, &set->samples[i].counters[j]);
}

/* One event in a cell: per iteration, or of the whole process. */
struct event_figure {
    double value, io, share;
    bool process;
};

static double median_or_nan(const double *v, size_t n)
{
    return n ? stats_median(v, n) : NAN;
}

static struct event_figure event_in(const struct sample_set *set, const struct summary_cell *c,
                                    const char *event)
{
    struct event_figure f = {NAN, NAN, NAN, false};
    double *v = malloc((set->n + 1) * 2 * sizeof(*v)), *io = v + set->n + 1;
    size_t n = 0, n_io = 0;
    for (size_t i = 0; v && i < set->n; i++) {
        const struct sample *s = &set->samples[i];
        const struct sample_counter *x = in_cell(c, s) ? sample_counter(s, event) : NULL;
        if (!x || !of_host(x))
            continue;
        f.process = !strcmp(x->source, "process");
        double each = f.process ? 1 : count(s, "periods");
        if (!isnan(over(x->value, each)))
            v[n++] = over(x->value, each);
        if (!isnan(over(x->io, each)))
            io[n_io++] = over(x->io, each);
        if (!isnan(x->value) && !(f.share <= x->share))
            f.share = x->share;
    }
    if (v) {
        f.value = median_or_nan(v, n);
        f.io = median_or_nan(io, n_io);
    }
    free(v);
    return f;
}

static void put_event(const struct table *t, const struct event_figure *f)
{
    char io[48] = "", share[48] = "";
    if (isnan(f->value)) {
        put_cell(t, "-");
        return;
    }
    if (!isnan(f->io))
        snprintf(io, sizeof(io), " + %.4g", f->io);
    if (f->share < 1)
        snprintf(share, sizeof(share), " (%.0f %%)", 100 * f->share);
    put_cell(t, "%.4g%s%s%s", f->value, io, share, f->process ? " *" : "");
}

static void put_host_rows(const struct table *t, const struct sample_set *set,
                          const struct summary *s, const struct event_list *e)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct summary_cell *c = &s->cells[i];
        char name[SAMPLE_NAME_MAX + 16], row[2 * SAMPLE_NAME_MAX + 32];
        if (!c->n)
            continue;
        snprintf(row, sizeof(row), "%s on %s", c->first->workload,
                 column_name(c, name, sizeof(name)));
        row_begin(t, row);
        for (size_t j = 0; j < e->n; j++) {
            struct event_figure f = event_in(set, c, e->name[j]);
            put_event(t, &f);
        }
        row_end(t);
    }
}

static void put_host(const struct table *t, const struct sample_set *set, const struct summary *s)
{
    const char *titles[EVENTS_MAX + 1] = {"workload"};
    const char *why = samples_fact_of(set, "hardware counters");
    char text[256];
    struct event_list e;
    find_events(&e, set);
    put_heading(t, "Counted by the host");
    if (!e.hardware) {
        snprintf(text, sizeof(text), "No hardware counters here%s%s%s%s.", why ? " (" : "",
                 why ? why : "", why ? ")" : "",
                 e.n ? "; these are events of its kernel" : ", and no others were asked for");
        put_paragraph(t, text);
    }
    if (!e.n)
        return;
    snprintf(text, sizeof(text),
             "Per iteration, of the program's or the harts' threads + the I/O thread%s%s; \"-\": "
             "not counted.",
             e.process ? "; * of the whole process, with its start" : "",
             e.shared ? "; (%): the share of the time that an event was counted, from which it is "
                        "scaled"
                      : "");
    put_paragraph(t, text);
    for (size_t i = 0; i < e.n; i++)
        titles[i + 1] = e.name[i];
    table_begin(t, titles, e.n + 1);
    put_host_rows(t, set, s, &e);
    table_end(t);
}

/* ---- where time goes -------------------------------------------------------- */

/* Milliseconds of an iteration, over all harts: they add up to harts times its time. */
static double whole_ms(const struct sample *s)
{
    return over(count(s, "time_ns") * s->harts / 1e6, count(s, "periods"));
}

static double waiting_ms(const struct sample *s)
{
    return per_iteration(s, "wait_ns") / 1e6;
}

/* A hart that waits looks around for a while before it sleeps: waiting, though it uses time. */
static double executing_ms(const struct sample *s)
{
    double cpu = over(count(s, "cpu_ns"), count(s, "periods")) / 1e6, wait = waiting_ms(s);
    double most = whole_ms(s) - (isnan(wait) ? 0 : wait);
    return cpu > most ? most : cpu; /* NaN stays */
}

/* Ready, but the host's processors did something else. */
static double elsewhere_ms(const struct sample *s)
{
    double wait = waiting_ms(s), left = whole_ms(s) - executing_ms(s) - (isnan(wait) ? 0 : wait);
    return left < 0 ? 0 : left;
}

static double io_ms(const struct sample *s)
{
    return per_iteration(s, "io_cpu_ns") / 1e6;
}

static const struct {
    const char *title;
    figure_fn *fn;
} parts[] = {
    {"executing", executing_ms},
    {"waiting (WFI)", waiting_ms},
    {"not running", elsewhere_ms},
    {"I/O thread", io_ms},
};

static void put_split(const struct table *t, const struct sample_set *set, const struct summary *s)
{
    const char *titles[ARRAY_LEN(parts) + 1] = {"ms per iteration"};
    bool any = false;
    for (size_t i = 0; i < s->n; i++)
        any |= has(set, &s->cells[i], executing_ms);
    if (!any)
        return;
    put_heading(t, "Where time goes");
    put_paragraph(t, "All harts together: on a processor, in WFI, and ready but not run by the "
                     "host; beside them the I/O thread.");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        titles[i + 1] = parts[i].title;
    table_begin(t, titles, ARRAY_LEN(titles));
    for (size_t i = 0; i < s->n; i++) {
        const struct summary_cell *c = &s->cells[i];
        char name[SAMPLE_NAME_MAX + 16], row[2 * SAMPLE_NAME_MAX + 32];
        if (!has(set, c, executing_ms))
            continue;
        snprintf(row, sizeof(row), "%s on %s", c->first->workload,
                 column_name(c, name, sizeof(name)));
        row_begin(t, row);
        for (size_t j = 0; j < ARRAY_LEN(parts); j++)
            put_number(t, median_of(set, c, parts[j].fn));
        row_end(t);
    }
    table_end(t);
}

static unsigned put_split_chart(FILE *out, const struct sample_set *set, const struct summary *s,
                                size_t column)
{
    struct chart_row *rows = calloc(s->n, sizeof(*rows));
    struct stats_interval *values = calloc(s->n * ARRAY_LEN(parts), sizeof(*values));
    const char *names[ARRAY_LEN(parts)];
    char name[SAMPLE_NAME_MAX + 16], caption[128];
    size_t n = 0;
    for (size_t j = 0; j < ARRAY_LEN(parts); j++)
        names[j] = parts[j].title;
    for (size_t i = column; rows && values && i < s->n; i++) {
        const struct summary_cell *c = &s->cells[i];
        if (!same_column(&s->cells[column], c) || !has(set, c, executing_ms))
            continue;
        struct stats_interval *v = values + n * ARRAY_LEN(parts);
        for (size_t j = 0; j < ARRAY_LEN(parts); j++)
            v[j] = (struct stats_interval){NAN, median_of(set, c, parts[j].fn), NAN};
        rows[n++] = (struct chart_row){c->first->workload, v};
    }
    snprintf(caption, sizeof(caption), "Where time goes on %s",
             column_name(&s->cells[column], name, sizeof(name)));
    if (n)
        chart_parts(out, &(struct chart_style){caption, "ms", names, ARRAY_LEN(parts), 0}, rows, n);
    free(rows);
    free(values);
    return n != 0;
}

/* ---- warm-up ------------------------------------------------------------------ */

enum { COLUMNS_MAX = CHART_SERIES_MAX };

/* Iterations before the steady ones; NaN: it never became steady. */
static double warm_up(const struct sample *s)
{
    size_t from = s->n ? stats_steady(s->ns, s->n) : 0;
    return from < s->n ? (double)from : NAN;
}

struct warm_up {
    double median, most; /* NaN: no sample became steady */
    size_t iterations;   /* of the longest sample; 0: there is none */
};

static struct warm_up warm_up_of(const struct sample_set *set, const struct summary_cell *c)
{
    struct warm_up w = {median_of(set, c, warm_up), NAN, 0};
    for (size_t i = 0; i < set->n; i++) {
        const struct sample *s = &set->samples[i];
        if (!in_cell(c, s))
            continue;
        w.most = fmax(w.most, warm_up(s)); /* of a number and NaN it is the number */
        w.iterations = s->n > w.iterations ? s->n : w.iterations;
    }
    return w;
}

static void put_warm_up_cell(const struct table *t, const struct sample_set *set,
                             const struct summary_cell *c)
{
    struct warm_up w = c ? warm_up_of(set, c) : (struct warm_up){NAN, NAN, 0};
    if (!w.iterations)
        put_cell(t, "-");
    else if (isnan(w.median))
        put_cell(t, "never in %zu", w.iterations);
    else
        put_cell(t, "%.4g (at most %.4g of %zu)", w.median, w.most, w.iterations);
}

static bool first_of_workload(const struct summary *s, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (!strcmp(s->cells[i].first->workload, s->cells[j].first->workload))
            return false;
    return true;
}

static void put_warm_up(const struct table *t, const struct sample_set *set,
                        const struct summary *s)
{
    char names[COLUMNS_MAX][SAMPLE_NAME_MAX + 16];
    const char *titles[COLUMNS_MAX + 1] = {"workload"};
    const struct sample *column[COLUMNS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < s->n && n < COLUMNS_MAX; i++) {
        if (!first_of_column(s, i))
            continue;
        column[n] = s->cells[i].first;
        titles[n + 1] = column_name(&s->cells[i], names[n], sizeof(names[n]));
        n++;
    }
    put_heading(t, "Iterations until steady");
    table_begin(t, titles, n + 1);
    for (size_t i = 0; i < s->n; i++) {
        const char *workload = s->cells[i].first->workload;
        if (!first_of_workload(s, i))
            continue;
        row_begin(t, workload);
        for (size_t j = 0; j < n; j++)
            put_warm_up_cell(t, set,
                             summary_find(s, workload, column[j]->engine, column[j]->harts));
        row_end(t);
    }
    table_end(t);
}

/* ---- both ---------------------------------------------------------------------- */

static void put_tables(const struct table *t, const struct sample_set *set, const struct summary *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (first_of_column(s, i) && column_has(set, s, i, mips))
            put_simulator(t, set, s, i);
    put_host(t, set, s);
    put_split(t, set, s);
    put_warm_up(t, set, s);
}

void report_counts_markdown(FILE *out, const struct sample_set *set, const struct summary *s)
{
    put_tables(&(struct table){out, false}, set, s);
}

unsigned report_counts_html(FILE *out, const struct sample_set *set, const struct summary *s)
{
    unsigned charts = 0;
    for (size_t i = 0; i < s->n; i++)
        if (first_of_column(s, i))
            charts += put_split_chart(out, set, s, i);
    put_tables(&(struct table){out, true}, set, s);
    return charts;
}
