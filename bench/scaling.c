/* SPDX-License-Identifier: Apache-2.0 */
/* See scaling.h. */
#include "bench/scaling.h"

#include <math.h>
#include <string.h>

#include "bench/chart.h"

enum { COUNTS_MAX = 16, ENGINES_MAX = CHART_SERIES_MAX };

#define NO_INTERVAL ((struct stats_interval){NAN, NAN, NAN})

/* Numbers of harts, rising, and engines in the order in which they came. */
struct axes {
    unsigned harts[COUNTS_MAX], n_harts;
    const char *engine[ENGINES_MAX];
    unsigned n_engines;
};

static void add_harts(struct axes *a, unsigned harts)
{
    unsigned at = 0;
    while (at < a->n_harts && a->harts[at] < harts)
        at++;
    if ((at < a->n_harts && a->harts[at] == harts) || a->n_harts == COUNTS_MAX)
        return;
    memmove(a->harts + at + 1, a->harts + at, (a->n_harts - at) * sizeof(*a->harts));
    a->harts[at] = harts;
    a->n_harts++;
}

static void add_engine(struct axes *a, const char *engine)
{
    for (unsigned i = 0; i < a->n_engines; i++)
        if (!strcmp(a->engine[i], engine))
            return;
    if (a->n_engines < ENGINES_MAX)
        a->engine[a->n_engines++] = engine;
}

/* On how many numbers of harts the engine ran the workload well. */
static unsigned counts_of(const struct summary *s, const char *workload, const char *engine)
{
    unsigned n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct summary_cell *c = &s->cells[i];
        n += c->n && !strcmp(c->first->workload, workload) && !strcmp(c->first->engine, engine);
    }
    return n;
}

/* Whether the i-th cell is the first of its workload, and that one has something to show. */
static bool shown(const struct summary *s, size_t i)
{
    const char *workload = s->cells[i].first->workload;
    bool any = false;
    for (size_t j = 0; j < s->n; j++) {
        const struct sample *f = s->cells[j].first;
        if (strcmp(f->workload, workload))
            continue;
        if (j < i)
            return false;
        any |= counts_of(s, workload, f->engine) > 1;
    }
    return any;
}

/* Engines of all workloads that are shown, so that each has one colour; harts of one workload, or
 * of all for NULL. */
static struct axes axes_of(const struct summary *s, const char *workload)
{
    struct axes a = {0};
    for (size_t i = 0; i < s->n; i++) {
        const struct sample *f = s->cells[i].first;
        if (!s->cells[i].n || counts_of(s, f->workload, f->engine) < 2)
            continue;
        add_engine(&a, f->engine);
        if (!workload || !strcmp(f->workload, workload))
            add_harts(&a, f->harts);
    }
    return a;
}

/* Times as fast as on the least number of harts that the workload ran on. */
static struct stats_interval gain(const struct summary *s, const char *workload, const char *engine,
                                  unsigned least, unsigned harts)
{
    const struct summary_cell *base = summary_find(s, workload, engine, least);
    const struct summary_cell *c = summary_find(s, workload, engine, harts);
    return base && c ? summary_ratio(s, base, c) : NO_INTERVAL;
}

static void put_row(FILE *out, const struct summary *s, const char *workload, const char *engine,
                    const struct axes *all)
{
    unsigned least = axes_of(s, workload).harts[0];
    fprintf(out, "\n| %s | %s |", workload, engine);
    for (unsigned i = 1; i < all->n_harts; i++) {
        struct stats_interval g = gain(s, workload, engine, least, all->harts[i]);
        if (isnan(g.mid) || all->harts[i] == least)
            fputs(" |", out);
        else
            fprintf(out, " %.3g x (%.3g to %.3g) |", g.mid, g.low, g.high);
    }
}

void scaling_markdown(FILE *out, const struct summary *s)
{
    struct axes all = axes_of(s, NULL);
    if (all.n_harts < 2)
        return;
    fprintf(out,
            "\n## Scaling\n\nTimes as fast as on %u hart%s, with the same work in total.\n\n"
            "| workload | engine |",
            all.harts[0], all.harts[0] == 1 ? "" : "s");
    for (unsigned i = 1; i < all.n_harts; i++)
        fprintf(out, " %u harts |", all.harts[i]);
    fputs("\n|---|---|", out);
    for (unsigned i = 1; i < all.n_harts; i++)
        fputs("---:|", out);
    for (size_t i = 0; i < s->n; i++) {
        const char *workload = s->cells[i].first->workload;
        if (!shown(s, i))
            continue;
        for (unsigned e = 0; e < all.n_engines; e++)
            if (counts_of(s, workload, all.engine[e]) > 1)
                put_row(out, s, workload, all.engine[e], &all);
    }
    fputc('\n', out);
}

static unsigned put_chart(FILE *out, const struct summary *s, const char *workload)
{
    struct axes a = axes_of(s, workload);
    struct stats_interval value[ENGINES_MAX][COUNTS_MAX];
    struct chart_line line[ENGINES_MAX];
    double position[COUNTS_MAX];
    char caption[128];
    for (unsigned i = 0; i < a.n_harts; i++)
        position[i] = a.harts[i];
    for (unsigned e = 0; e < a.n_engines; e++) {
        for (unsigned i = 0; i < a.n_harts; i++)
            value[e][i] = gain(s, workload, a.engine[e], a.harts[0], a.harts[i]);
        line[e].value = value[e];
    }
    snprintf(caption, sizeof(caption), "%s: times as fast as on %u hart%s", workload, a.harts[0],
             a.harts[0] == 1 ? "" : "s");
    struct chart_style style = {caption, "x", a.engine, a.n_engines, 0};
    chart_lines(out, &style, "harts", position, a.n_harts, line);
    return 1;
}

unsigned scaling_html(FILE *out, const struct summary *s)
{
    unsigned charts = 0;
    for (size_t i = 0; i < s->n; i++)
        if (shown(s, i))
            charts += put_chart(out, s, s->cells[i].first->workload);
    return charts;
}
