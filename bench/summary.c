/* SPDX-License-Identifier: Apache-2.0 */
/* See summary.h. */
#include "bench/summary.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/engines.h"

#define ATOMICS_GROUP "smp"

enum { PAIRS_LEAST = 3, SEED = 1 };

#define NO_INTERVAL ((struct stats_interval){NAN, NAN, NAN})

static bool belongs(const struct summary_cell *c, const struct sample *s)
{
    return c->first->harts == s->harts && !strcmp(c->first->workload, s->workload) &&
           !strcmp(c->first->engine, s->engine);
}

static struct summary_cell *cell_of(struct summary *s, const struct sample *sample)
{
    for (size_t i = 0; i < s->n; i++)
        if (belongs(&s->cells[i], sample))
            return &s->cells[i];
    struct summary_cell *bigger = realloc(s->cells, (s->n + 1) * sizeof(*bigger));
    if (!bigger)
        return NULL;
    s->cells = bigger;
    bigger[s->n] = (struct summary_cell){.first = sample, .instructions = NAN, .time = NO_INTERVAL};
    return &bigger[s->n++];
}

/* Inserts by round, so that pairs are found in one pass. */
static bool insert(struct summary_cell *c, unsigned round, double ns)
{
    double *times = realloc(c->ns, (c->n + 1) * sizeof(*times));
    if (times)
        c->ns = times;
    unsigned *rounds = realloc(c->round, (c->n + 1) * sizeof(*rounds));
    if (rounds)
        c->round = rounds;
    if (!times || !rounds)
        return false;
    size_t i = c->n++;
    for (; i && rounds[i - 1] > round; i--) {
        rounds[i] = rounds[i - 1];
        times[i] = times[i - 1];
    }
    rounds[i] = round;
    times[i] = ns;
    return true;
}

static bool add_sample(struct summary *s, const struct sample *sample)
{
    struct summary_cell *c = cell_of(s, sample);
    if (!c)
        return false;
    if (strcmp(sample->outcome, "ok") || !sample->n) {
        c->failed++;
        return true;
    }
    size_t from = stats_steady(sample->ns, sample->n);
    if (from == sample->n) {
        c->unsteady++;
        from = 0;
    }
    if (sample->resident_bytes > c->resident_bytes)
        c->resident_bytes = sample->resident_bytes;
    if (sample->instructions)
        c->instructions = stats_median(sample->instructions + from, sample->n - from);
    return insert(c, sample->round, stats_median(sample->ns + from, sample->n - from));
}

int summary_make(struct summary *s, const struct sample_set *set, double confidence)
{
    *s = (struct summary){.confidence = confidence};
    for (size_t i = 0; i < set->n; i++) {
        if (!add_sample(s, &set->samples[i])) {
            summary_clear(s);
            return -ENOMEM;
        }
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->cells[i].n)
            s->cells[i].time = stats_bootstrap(s->cells[i].ns, s->cells[i].n, confidence, SEED);
    return 0;
}

void summary_clear(struct summary *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->cells[i].round);
        free(s->cells[i].ns);
    }
    free(s->cells);
    *s = (struct summary){0};
}

const struct summary_cell *summary_find(const struct summary *s, const char *workload,
                                        const char *engine, unsigned harts)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct sample *f = s->cells[i].first;
        if (f->harts == harts && !strcmp(f->workload, workload) && !strcmp(f->engine, engine))
            return &s->cells[i];
    }
    return NULL;
}

static bool is_peer(const struct sample *f)
{
    return strcmp(f->engine, "native") && !engine_is_ours(f->engine);
}

bool summary_comparable(const struct sample *f)
{
    return f->harts > 1 || strcmp(f->group, ATOMICS_GROUP) || !is_peer(f);
}

const struct summary_cell *summary_best_peer(const struct summary *s, const char *workload,
                                             unsigned harts)
{
    const struct summary_cell *best = NULL;
    for (size_t i = 0; i < s->n; i++) {
        const struct summary_cell *c = &s->cells[i];
        if (!is_peer(c->first) || !summary_comparable(c->first) || !c->n ||
            c->first->harts != harts || strcmp(c->first->workload, workload))
            continue;
        if (!best || c->time.mid < best->time.mid)
            best = c;
    }
    return best;
}

const struct summary_cell *summary_base(const struct summary *s, const char *workload,
                                        const char *engine, unsigned harts)
{
    const struct summary_cell *c = summary_find(s, workload, engine, harts);
    return c ? c : summary_find(s, workload, engine, 1);
}

struct stats_interval summary_ratio(const struct summary *s, const struct summary_cell *a,
                                    const struct summary_cell *b)
{
    if (!a->n || !b->n)
        return NO_INTERVAL;
    size_t most = a->n < b->n ? a->n : b->n, n = 0;
    struct stats_interval r = NO_INTERVAL;
    double *x = malloc(most * sizeof(*x)), *y = malloc(most * sizeof(*y));
    for (size_t i = 0, j = 0; x && y && i < a->n && j < b->n;) {
        if (a->round[i] == b->round[j]) {
            x[n] = a->ns[i++];
            y[n++] = b->ns[j++];
        } else if (a->round[i] < b->round[j]) {
            i++;
        } else {
            j++;
        }
    }
    if (x && y)
        r = n >= PAIRS_LEAST ? stats_pairs(x, y, n, s->confidence, SEED)
                             : stats_ratio(a->ns, a->n, b->ns, b->n, s->confidence, SEED);
    free(x);
    free(y);
    return r;
}
