/* SPDX-License-Identifier: Apache-2.0 */
/* See report.h. */
#include "bench/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/chart.h"
#include "bench/engines.h"
#include "bench/report_counts.h"
#include "bench/scaling.h"
#include "sim/base/bits.h"

#define BASE "native"

enum { COLUMNS_MAX = CHART_SERIES_MAX };

#define NO_INTERVAL ((struct stats_interval){NAN, NAN, NAN})

/* ---- what there is ------------------------------------------------------- */

/* An engine with a number of harts: a column. */
struct column {
    const char *engine;
    unsigned harts;
    char name[SAMPLE_NAME_MAX + 16];
};

/* A group on one number of harts: a table or a chart. */
struct view {
    const struct summary *s;
    const char *group;
    unsigned harts;
    struct column columns[COLUMNS_MAX];
    unsigned n_columns, left_out; /* columns that do not fit */
    unsigned base;                /* the column of BASE; n_columns: none */
};

static bool has_column(const struct view *v, const struct sample *f)
{
    for (unsigned i = 0; i < v->n_columns; i++)
        if (v->columns[i].harts == f->harts && !strcmp(v->columns[i].engine, f->engine))
            return true;
    return false;
}

static bool in_group(const struct summary_cell *c, const char *group)
{
    return !strcmp(c->first->group, group);
}

static bool is_base(const struct summary_cell *c)
{
    return !strcmp(c->first->engine, BASE);
}

/* What a group's engines are compared with on so many harts: BASE on as many, or else on one. */
static unsigned base_harts(const struct summary *s, const char *group, unsigned harts)
{
    for (size_t i = 0; i < s->n; i++)
        if (in_group(&s->cells[i], group) && is_base(&s->cells[i]) &&
            s->cells[i].first->harts == harts)
            return harts;
    return 1;
}

static void add_column(struct view *v, const struct sample *f)
{
    if (has_column(v, f))
        return;
    if (v->n_columns == COLUMNS_MAX) {
        v->left_out++;
        return;
    }
    struct column *c = &v->columns[v->n_columns++];
    *c = (struct column){.engine = f->engine, .harts = f->harts};
    snprintf(c->name, sizeof(c->name), f->harts == 1 ? "%s" : "%s, %u harts", f->engine, f->harts);
}

static struct view view_of(const struct summary *s, const char *group, unsigned harts)
{
    struct view v = {.s = s, .group = group, .harts = harts};
    unsigned base = base_harts(s, group, harts);
    for (size_t i = 0; i < s->n; i++) {
        const struct summary_cell *c = &s->cells[i];
        if (in_group(c, group) && c->first->harts == (is_base(c) ? base : harts))
            add_column(&v, c->first);
    }
    while (v.base < v.n_columns && strcmp(v.columns[v.base].engine, BASE))
        v.base++;
    return v;
}

/* Whether the i-th cell is the first of its group on its number of harts: each such has a view,
 * but for BASE alone beside others that are compared with it. */
static bool first_of_view(const struct summary *s, size_t i)
{
    const struct sample *f = s->cells[i].first;
    bool others = false, others_here = false;
    for (size_t j = 0; j < s->n; j++) {
        const struct summary_cell *c = &s->cells[j];
        if (!in_group(c, f->group))
            continue;
        if (j < i && c->first->harts == f->harts)
            return false;
        others |= !is_base(c);
        others_here |= !is_base(c) && c->first->harts == f->harts;
    }
    return others_here || !others;
}

static const struct summary_cell *cell_in(const struct view *v, const char *workload,
                                          unsigned column)
{
    return summary_find(v->s, workload, v->columns[column].engine, v->columns[column].harts);
}

static bool all_comparable(const struct summary *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (!summary_comparable(s->cells[i].first))
            return false;
    return true;
}

static const char not_compared[] =
    "smp on one hart: peers are shown and not compared; QEMU drops atomicity where its machine can "
    "have no second hart, so that of these samples could have two";

/* How many times as long as natively. */
static struct stats_interval against_base(const struct view *v, const char *workload,
                                          unsigned column)
{
    if (v->base == v->n_columns)
        return NO_INTERVAL;
    const struct summary_cell *c = cell_in(v, workload, column), *b = cell_in(v, workload, v->base);
    return c && b && summary_comparable(c->first) ? summary_ratio(v->s, c, b) : NO_INTERVAL;
}

/* How many times as long as on the peer that is the fastest for this workload. */
static struct stats_interval against_best(const struct view *v, const char *workload,
                                          unsigned column)
{
    const struct summary_cell *c = cell_in(v, workload, column);
    const struct summary_cell *peer = summary_best_peer(v->s, workload, v->columns[column].harts);
    return c && peer && summary_comparable(c->first) ? summary_ratio(v->s, c, peer) : NO_INTERVAL;
}

/* The same for engines of manyhart only. */
static struct stats_interval against_peer(const struct view *v, const char *workload,
                                          unsigned column)
{
    return engine_is_ours(v->columns[column].engine) ? against_best(v, workload, column)
                                                     : NO_INTERVAL;
}

/* What bars show of a workload: its times as parts of native ones; where it does not run natively,
 * of those on the fastest peer; where none can be compared with, the times. */
enum scale { SCALE_BASE, SCALE_PEER, SCALE_TIME, SCALES };

static enum scale scale_of(const struct view *v, const char *workload)
{
    if (v->base < v->n_columns && cell_in(v, workload, v->base))
        return SCALE_BASE;
    return summary_best_peer(v->s, workload, v->harts) ? SCALE_PEER : SCALE_TIME;
}

static struct stats_interval value_on(enum scale scale, const struct view *v, const char *workload,
                                      unsigned column)
{
    const struct summary_cell *c = cell_in(v, workload, column);
    switch (scale) {
    case SCALE_BASE:
        return against_base(v, workload, column);
    case SCALE_PEER:
        return against_best(v, workload, column);
    default:
        return c ? c->time : NO_INTERVAL;
    }
}

/* The i-th cell is the first of its workload, or of its group. */
static bool first_of_workload(const struct summary *s, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (!strcmp(s->cells[j].first->workload, s->cells[i].first->workload))
            return false;
    return true;
}

static bool first_of_group(const struct summary *s, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (!strcmp(s->cells[j].first->group, s->cells[i].first->group))
            return false;
    return true;
}

/* A workload's first cell, and the workload ran on the view's number of harts. */
static bool row_of(const struct view *v, size_t i)
{
    const struct summary *s = v->s;
    if (!in_group(&s->cells[i], v->group) || !first_of_workload(s, i))
        return false;
    for (size_t j = i; j < s->n; j++)
        if (s->cells[j].first->harts == v->harts &&
            !strcmp(s->cells[j].first->workload, s->cells[i].first->workload))
            return true;
    return false;
}

typedef struct stats_interval ratio_fn(const struct view *v, const char *workload, unsigned column);

/* Geometric mean over the workloads of a group that have both; *n says how many. */
static double group_mean(const struct view *v, unsigned column, ratio_fn *ratio, size_t *n)
{
    double sum = 0;
    *n = 0;
    for (size_t i = 0; i < v->s->n; i++) {
        if (!row_of(v, i))
            continue;
        double r = ratio(v, v->s->cells[i].first->workload, column).mid;
        if (isnan(r))
            continue;
        sum += log(r);
        ++*n;
    }
    return *n ? exp(sum / (double)*n) : NAN;
}

static double share(size_t part, size_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* ---- Markdown ------------------------------------------------------------ */

static void put_cell(FILE *out, const struct view *v, const char *workload, unsigned column)
{
    const struct summary_cell *c = cell_in(v, workload, column);
    struct stats_interval r = against_base(v, workload, column);
    if (!c || !c->n) {
        fputs(c ? " failed |" : " |", out);
        return;
    }
    if (column == v->base || isnan(r.mid))
        fprintf(out, " %.4g ms (%.4g to %.4g) |", c->time.mid / 1e6, c->time.low / 1e6,
                c->time.high / 1e6);
    else
        fprintf(out, " %.3g x (%.3g to %.3g) |", r.mid, r.low, r.high);
}

/* What a booted guest costs; natively there is none. */
static void put_memory(FILE *out, const struct view *v)
{
    const char *before = "\nResident memory of the simulator with a booted guest, at most: ";
    for (unsigned c = 0; c < v->n_columns; c++) {
        const struct summary_cell *boot = cell_in(v, "boot", c);
        if (!boot || !boot->n || !in_group(boot, v->group))
            continue;
        fprintf(out, "%s%s %.0f MiB", before, v->columns[c].name,
                (double)boot->resident_bytes / 0x1p20);
        before = "; ";
    }
    if (*before == ';')
        fputs(".\n", out);
}

static void put_table(FILE *out, const struct view *v)
{
    fputs("\n| workload |", out);
    for (unsigned c = 0; c < v->n_columns; c++)
        fprintf(out, " %s |", v->columns[c].name);
    fputs("\n|---|", out);
    for (unsigned c = 0; c < v->n_columns; c++)
        fputs("---:|", out);
    for (size_t i = 0; i < v->s->n; i++) {
        if (!row_of(v, i))
            continue;
        fprintf(out, "\n| %s |", v->s->cells[i].first->workload);
        for (unsigned c = 0; c < v->n_columns; c++)
            put_cell(out, v, v->s->cells[i].first->workload, c);
    }
    if (v->base < v->n_columns) {
        fputs("\n| geometric mean |", out);
        for (unsigned c = 0; c < v->n_columns; c++) {
            size_t n;
            double mean = group_mean(v, c, against_base, &n);
            if (c == v->base || isnan(mean))
                fputs(" |", out);
            else
                fprintf(out, " %.3g x of %zu |", mean, n);
        }
    }
    fputc('\n', out);
    put_memory(out, v);
    if (v->left_out)
        fprintf(out, "\n%u more columns are in the samples only.\n", v->left_out);
}

static void put_group(FILE *out, const struct summary *s, const char *group)
{
    fprintf(out, "\n## %s\n", group);
    for (size_t i = 0; i < s->n; i++) {
        if (!in_group(&s->cells[i], group) || !first_of_view(s, i))
            continue;
        struct view v = view_of(s, group, s->cells[i].first->harts);
        put_table(out, &v);
    }
}

/* Of each engine of manyhart against the peers, one column; of the view of the first-th cell. */
static void put_against_peers(FILE *out, const struct summary *s, size_t first)
{
    const char *group = s->cells[first].first->group;
    struct view view = view_of(s, group, s->cells[first].first->harts), *v = &view;
    for (unsigned c = 0; c < v->n_columns; c++) {
        size_t n;
        double mean = group_mean(v, c, against_peer, &n);
        if (!n)
            continue;
        fprintf(out, "\n| %s | time on %s, as parts of the time on the fastest peer | which |\n",
                group, v->columns[c].name);
        fputs("|---|---:|---|\n", out);
        for (size_t i = 0; i < v->s->n; i++) {
            const char *workload = v->s->cells[i].first->workload;
            struct stats_interval r = row_of(v, i) ? against_peer(v, workload, c) : NO_INTERVAL;
            if (!isnan(r.mid))
                fprintf(out, "| %s | %.3g (%.3g to %.3g) | %s |\n", workload, r.mid, r.low, r.high,
                        summary_best_peer(v->s, workload, v->columns[c].harts)->first->engine);
        }
        fprintf(out, "| geometric mean | %.3g of %zu | |\n", mean, n);
    }
}

static void put_troubles(FILE *out, const struct summary *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct summary_cell *c = &s->cells[i];
        size_t all = c->n + c->failed;
        if (c->failed)
            fprintf(out, "- %s on %s, %u harts: %zu of %zu samples failed\n", c->first->workload,
                    c->first->engine, c->first->harts, c->failed, all);
        if (c->unsteady)
            fprintf(out, "- %s on %s, %u harts: %.0f %% of the samples never became steady\n",
                    c->first->workload, c->first->engine, c->first->harts,
                    share(c->unsteady, c->n));
    }
}

void report_markdown(FILE *out, const struct sample_set *set, const struct summary *s)
{
    bool based = false;
    fputs("# Measured\n\n", out);
    for (size_t i = 0; i < set->n_facts; i++)
        fprintf(out, "- %s: %s\n", set->facts[i].name, set->facts[i].value);
    fprintf(out, "- %zu samples; times are of one iteration, ranges hold with %.0f %% confidence\n",
            set->n, 100 * s->confidence);
    for (size_t i = 0; i < s->n; i++)
        based |= is_base(&s->cells[i]);
    if (based)
        fputs(
            "- \"x\": times as long as natively, on as many harts where both ran on them, pairs of "
            "the same round; less is faster\n",
            out);
    if (!all_comparable(s))
        fprintf(out, "- %s\n", not_compared);
    for (size_t i = 0; i < s->n; i++)
        if (first_of_group(s, i))
            put_group(out, s, s->cells[i].first->group);
    for (size_t i = 0; i < s->n; i++)
        if (first_of_view(s, i))
            put_against_peers(out, s, i);
    scaling_markdown(out, s);
    bool any = false;
    for (size_t i = 0; i < s->n; i++)
        any |= s->cells[i].failed || s->cells[i].unsteady;
    if (any) {
        fputs("\n## Not as they should be\n\n", out);
        put_troubles(out, s);
    }
    report_counts_markdown(out, set, s);
}

/* ---- HTML ---------------------------------------------------------------- */

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>manyhart: measured</title>\n<style>\n"
    "body{background:var(--page);color:var(--ink);font:16px/1.4 system-ui,sans-serif;"
    "max-width:42em;margin:1em auto;padding:0 1em}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em;font-size:.9em}\n"
    "dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}\n"
    "figure{margin:1.5em 0}figcaption{font-weight:600}\n"
    "svg{width:100%;height:auto;overflow:visible}\n"
    ".legend{margin:.3em 0;font-size:.9em}.legend span{white-space:nowrap;margin-right:1em}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.8em}\n"
    "th,td{padding:.15em .6em;text-align:right;white-space:nowrap}\n"
    "tr{border-bottom:1px solid var(--rule)}th:first-child{text-align:left}\n"
    ".legend i{display:inline-block;width:.8em;height:.8em;margin-right:.3em}\n";

static const char page_body[] = "</style></head><body>\n<h1>Measured</h1>\n";

static void put_facts(FILE *out, const struct sample_set *set)
{
    fputs("<dl>\n", out);
    for (size_t i = 0; i < set->n_facts; i++) {
        fputs("<dt>", out);
        chart_text(out, set->facts[i].name);
        fputs("</dt><dd>", out);
        chart_text(out, set->facts[i].value);
        fputs("</dd>\n", out);
    }
    fputs("</dl>\n", out);
}

/* Rows of one group on one scale: intervals in one piece, per row one of each column. */
struct grid {
    struct chart_row *rows;
    struct stats_interval *values;
    size_t n;
};

static bool grid_make(struct grid *g, const struct view *v, enum scale scale)
{
    *g = (struct grid){calloc(v->s->n, sizeof(*g->rows)),
                       calloc(v->s->n * v->n_columns, sizeof(*g->values)), 0};
    if (!g->rows || !g->values)
        return false;
    for (size_t i = 0; i < v->s->n; i++) {
        const char *workload = v->s->cells[i].first->workload;
        if (!row_of(v, i) || scale_of(v, workload) != scale)
            continue;
        struct stats_interval *row = g->values + g->n * v->n_columns;
        bool any = false;
        for (unsigned c = 0; c < v->n_columns; c++) {
            row[c] = value_on(scale, v, workload, c);
            any |= !isnan(row[c].mid);
        }
        if (any) /* not what ran on none that can be compared */
            g->rows[g->n++] = (struct chart_row){workload, row};
    }
    return true;
}

/* A chart, if the view has workloads on the scale. */
static unsigned put_bars(FILE *out, const struct view *v, enum scale scale)
{
    static const char *const what[] = {[SCALE_BASE] = "times as long as natively",
                                       [SCALE_PEER] = "times as long as on the fastest peer",
                                       [SCALE_TIME] = "time"};
    char caption[128], harts[24] = "";
    const char *names[COLUMNS_MAX];
    struct grid g;
    unsigned charts = 0;
    if (v->harts != 1)
        snprintf(harts, sizeof(harts), ", %u harts", v->harts);
    snprintf(caption, sizeof(caption), "%s%s: %s", v->group, harts, what[scale]);
    for (unsigned c = 0; c < v->n_columns; c++)
        names[c] = v->columns[c].name;
    if (grid_make(&g, v, scale) && g.n) {
        struct chart_style style = {caption, scale == SCALE_TIME ? "ns" : "x", names, v->n_columns,
                                    CHART_LOGARITHMIC};
        chart_bars(out, &style, g.rows, g.n);
        charts = 1;
    }
    free(g.rows);
    free(g.values);
    return charts;
}

/* The samples of one engine on one number of harts, those of the cell. */
static unsigned put_strips(FILE *out, const struct summary *s, const struct sample *which)
{
    static const char *const names[] = {"samples"};
    char caption[128], harts[24] = "";
    size_t n = 0;
    struct chart_samples *rows = calloc(s->n, sizeof(*rows));
    if (!rows)
        return 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct summary_cell *c = &s->cells[i];
        if (c->n && c->first->harts == which->harts && !strcmp(c->first->engine, which->engine))
            rows[n++] = (struct chart_samples){c->first->workload, c->ns, c->n};
    }
    if (which->harts != 1)
        snprintf(harts, sizeof(harts), ", %u harts", which->harts);
    snprintf(caption, sizeof(caption), "Samples on %s%s, as parts of the median", which->engine,
             harts);
    if (n)
        chart_strips(out, &(struct chart_style){caption, "ns", names, 1, 0}, rows, n);
    free(rows);
    return n != 0;
}

static bool first_of_column(const struct summary *s, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (s->cells[j].first->harts == s->cells[i].first->harts &&
            !strcmp(s->cells[j].first->engine, s->cells[i].first->engine))
            return false;
    return true;
}

static unsigned put_all_bars(FILE *out, const struct summary *s)
{
    unsigned charts = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!first_of_view(s, i))
            continue;
        struct view v = view_of(s, s->cells[i].first->group, s->cells[i].first->harts);
        for (unsigned scale = 0; scale < SCALES; scale++)
            charts += put_bars(out, &v, (enum scale)scale);
    }
    return charts;
}

unsigned report_html(FILE *out, const struct sample_set *set, const struct summary *s)
{
    unsigned charts = 0;
    fputs(page_head, out);
    fputs(chart_css, out);
    fputs(page_body, out);
    put_facts(out, set);
    charts += put_all_bars(out, s);
    if (!all_comparable(s))
        fprintf(out, "<p>%s.</p>\n", not_compared);
    charts += scaling_html(out, s);
    for (size_t i = 0; i < s->n; i++)
        if (first_of_column(s, i))
            charts += put_strips(out, s, s->cells[i].first);
    charts += report_counts_html(out, set, s);
    fprintf(out, "<p>%zu samples; ranges hold with %.0f %% confidence.</p>\n", set->n,
            100 * s->confidence);
    fputs("</body></html>\n", out);
    return charts;
}

/* ---- one chart of all ---------------------------------------------------- */

static unsigned add_series(const char **names, unsigned n, const char *engine)
{
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(names[i], engine))
            return n;
    if (n < CHART_SERIES_MAX && strcmp(engine, BASE))
        names[n++] = engine;
    return n;
}

/* A group's means, by engine; false if nothing of it runs natively. */
static bool overview_row(const struct view *v, const char *const *names, unsigned n_names,
                         struct stats_interval *row)
{
    bool any = false;
    for (unsigned i = 0; i < n_names; i++) {
        row[i] = NO_INTERVAL;
        for (unsigned c = 0; c < v->n_columns; c++) {
            size_t n;
            if (c != v->base && !strcmp(v->columns[c].engine, names[i]))
                row[i].mid = group_mean(v, c, against_base, &n);
        }
        any |= !isnan(row[i].mid);
    }
    return any;
}

size_t report_overview(FILE *out, const struct summary *s)
{
    const char *names[CHART_SERIES_MAX];
    char(*labels)[SAMPLE_NAME_MAX + 16] = calloc(s->n + 1, sizeof(*labels));
    struct chart_row *rows = calloc(s->n + 1, sizeof(*rows));
    struct stats_interval *values = calloc((s->n + 1) * CHART_SERIES_MAX, sizeof(*values));
    unsigned n_names = 0;
    size_t n = 0, marks = 0;
    for (size_t i = 0; i < s->n; i++)
        n_names = add_series(names, n_names, s->cells[i].first->engine);
    for (size_t i = 0; labels && rows && values && i < s->n; i++) {
        const struct sample *f = s->cells[i].first;
        if (!first_of_view(s, i))
            continue;
        struct view v = view_of(s, f->group, f->harts);
        rows[n] = (struct chart_row){labels[n], values + n * CHART_SERIES_MAX};
        snprintf(labels[n], sizeof(labels[n]), f->harts > 1 ? "%s, %u harts" : "%s", f->group,
                 f->harts);
        n += overview_row(&v, names, n_names, values + n * CHART_SERIES_MAX);
    }
    if (n)
        marks = chart_bars(out,
                           &(struct chart_style){"Times as long as natively, geometric means", "x",
                                                 names, n_names, CHART_LOGARITHMIC | CHART_ALONE},
                           rows, n);
    free(labels);
    free(rows);
    free(values);
    return marks;
}
