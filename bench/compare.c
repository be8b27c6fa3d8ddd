/* SPDX-License-Identifier: Apache-2.0 */
/* See compare.h. */
#include "bench/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/engines.h"

enum { SEED = 2 };

/* Times of a cell, or parts of native ones; room for c->n. */
static size_t values_of(const struct summary_cell *c, const struct summary_cell *native, double *to)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (!native) {
            to[n++] = c->ns[i];
            continue;
        }
        for (size_t j = 0; j < native->n; j++)
            if (native->round[j] == c->round[i])
                to[n++] = c->ns[i] / native->ns[j];
    }
    return n;
}

static const struct summary_cell *native_of(const struct summary *s, const struct summary_cell *c)
{
    if (!strcmp(c->first->engine, "native"))
        return NULL;
    return summary_base(s, c->first->workload, "native", c->first->harts);
}

static bool compare_cells(const struct summary_cell *before, const struct summary_cell *base_before,
                          const struct summary_cell *now, const struct summary_cell *base_now,
                          struct stats_change *out)
{
    double *a = malloc(now->n * sizeof(*a)), *b = malloc(before->n * sizeof(*b));
    size_t n_a = a ? values_of(now, base_now, a) : 0,
           n_b = b ? values_of(before, base_before, b) : 0;
    if (n_a && n_b)
        *out = stats_compare(a, n_a, b, n_b, COMPARE_THRESHOLD, COMPARE_CONFIDENCE, SEED);
    free(a);
    free(b);
    return n_a && n_b;
}

/* Of two measures of a change, both must show it; the one that shows less is told. */
static struct stats_change lesser_of(struct stats_change x, struct stats_change y)
{
    struct stats_change c = x;
    if (x.verdict != y.verdict)
        c = x.verdict == STATS_SAME ? x : y;
    if (x.verdict != y.verdict || x.verdict == STATS_SAME)
        c.verdict = STATS_SAME;
    else if (fabs(log(y.ratio.mid)) < fabs(log(x.ratio.mid)))
        c = y;
    c.detectable = x.detectable > y.detectable ? x.detectable : y.detectable;
    return c;
}

static bool change_of(const struct summary *s_before, const struct summary_cell *before,
                      const struct summary *s_now, const struct summary_cell *now,
                      struct stats_change *out)
{
    const struct summary_cell *base_before = native_of(s_before, before);
    const struct summary_cell *base_now = native_of(s_now, now);
    struct stats_change parts;
    if (!compare_cells(before, NULL, now, NULL, out))
        return false;
    if (base_before && base_now && compare_cells(before, base_before, now, base_now, &parts))
        *out = lesser_of(*out, parts);
    return true;
}

static void put_change(FILE *out, const struct sample *f, const struct stats_change *c)
{
    static const char *const words[] = {
        [STATS_SAME] = "no change", [STATS_FASTER] = "faster", [STATS_SLOWER] = "slower"};
    fprintf(out, "%s on %s, %u harts: %s: %.3f times as long (%.3f to %.3f)", f->workload,
            f->engine, f->harts, words[c->verdict], c->ratio.mid, c->ratio.low, c->ratio.high);
    if (c->verdict == STATS_SAME)
        fprintf(out, "; less than %.1f %% would not have shown", 100 * c->detectable);
    else if (!engine_is_ours(f->engine))
        fputs("; the host or a peer, not manyhart", out);
    fputc('\n', out);
}

struct comparison compare_write(FILE *out, const struct summary *before, const struct summary *now,
                                bool all)
{
    struct comparison r = {0};
    unsigned *counts[] = {
        [STATS_SAME] = &r.same, [STATS_FASTER] = &r.faster, [STATS_SLOWER] = &r.slower};
    double worst = 0;
    for (size_t i = 0; i < now->n; i++) {
        const struct summary_cell *c = &now->cells[i];
        const struct summary_cell *old =
            summary_find(before, c->first->workload, c->first->engine, c->first->harts);
        struct stats_change change = {0};
        if (!old || !c->n || !old->n || !change_of(before, old, now, c, &change)) {
            r.alone++;
            continue;
        }
        if (engine_is_ours(c->first->engine)) {
            ++*counts[change.verdict];
            worst = change.detectable > worst ? change.detectable : worst;
        } else {
            r.elsewhere += change.verdict != STATS_SAME;
        }
        if (all || change.verdict != STATS_SAME)
            put_change(out, c->first, &change);
    }
    fprintf(out, "%u slower, %u faster, %u without a change", r.slower, r.faster, r.same);
    if (r.elsewhere)
        fprintf(out, "; %u changed natively or on peers", r.elsewhere);
    if (r.alone)
        fprintf(out, "; %u in one set only", r.alone);
    if (r.same)
        fprintf(out, "; changes below %.1f %% could have gone unseen somewhere", 100 * worst);
    fputc('\n', out);
    return r;
}
