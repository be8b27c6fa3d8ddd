/* SPDX-License-Identifier: Apache-2.0 */
/* See compare.h. */
#include "bench/compare.h"

#include <math.h>
#include <string.h>

#include "bench/engines.h"

static const struct summary_cell *native_of(const struct summary *s, const struct summary_cell *c)
{
    if (!strcmp(c->first->engine, "native"))
        return NULL;
    return summary_base(s, c->first->workload, "native", c->first->harts);
}

/* How many times as long the native program took; its lower quartiles, since what else ran made it
 * only longer. 1: not known. */
static double host_change(const struct summary_cell *before, const struct summary_cell *now)
{
    if (!before || !now || !before->n || !now->n)
        return 1;
    double change =
        stats_quartiles(now->ns, now->n).low / stats_quartiles(before->ns, before->n).low;
    return isnan(change) ? 1 : change;
}

static struct stats_change change_of(const struct summary *s_before,
                                     const struct summary_cell *before, const struct summary *s_now,
                                     const struct summary_cell *now)
{
    double host = host_change(native_of(s_before, before), native_of(s_now, now));
    return stats_compare(now->ns, now->n, before->ns, before->n, host, COMPARE_THRESHOLD,
                         COMPARE_CONFIDENCE);
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
        if (!old || !c->n || !old->n) {
            r.alone++;
            continue;
        }
        struct stats_change change = change_of(before, old, now, c);
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
