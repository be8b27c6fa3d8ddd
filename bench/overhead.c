/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See overhead.h.
 *
 * The empty region is taken by a mean: the guest's clock has steps of 100 ns, which many
 * iterations average out.  The slowest one in a hundred is left out of it: there the host
 * ran something else.  A workload is taken by its fastest sample, which makes the share
 * look larger rather than smaller.
 */
#include "bench/overhead.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/stats.h"
#include "sim/base/error.h"

enum { EMPTY_ITERATIONS = 20000, ITERATIONS = 10, SEED = 1 };

#define CONFIDENCE 0.95

static int by_value(const void *x, const void *y)
{
    const double *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* Without the slowest hundredth; sorts. */
static double trimmed_mean(double *v, size_t n)
{
    size_t used = n - n / 100;
    double sum = 0;
    qsort(v, n, sizeof(*v), by_value);
    for (size_t i = 0; i < used; i++)
        sum += v[i];
    return sum / (double)used;
}

/* One run; *ns is its figure: the mean of the empty region, or the median of steady iterations. */
static int run(const struct overhead_spec *spec, const struct engine *e, const char *workload,
               unsigned iterations, bool counted, double *ns)
{
    char stats[] = "/tmp/manyhart-overhead-XXXXXX";
    int fd = counted ? mkstemp(stats) : -1;
    struct command c;
    struct child_result r;
    struct child_spec child = {
        .argv = c.argv, .timeout_ns = spec->timeout_ns, .interrupted = spec->interrupted};
    struct sample s = {0};
    engine_command(e, spec->folder, workload, iterations, &c);
    if (counted)
        engine_command_count(e, spec->counters, stats, &c);
    int rc = child_run(&child, &r);
    if (!rc && r.end == CHILD_INTERRUPTED)
        rc = -EINTR;
    else if (!rc && (r.end != CHILD_EXITED || r.code))
        rc = error_set(MH_ERROR_CORE, -EINVAL, "overhead", workload, "%s on %s failed", workload,
                       e->name);
    else if (!rc)
        rc = sample_parse(&s, r.output);
    if (fd >= 0) {
        close(fd);
        unlink(stats);
    }
    free(r.output);
    if (rc)
        return rc;
    size_t from = stats_steady(s.ns, s.n);
    from = from == s.n ? 0 : from;
    *ns = stats_median(s.ns + from, s.n - from);
    if (iterations == EMPTY_ITERATIONS)
        *ns = trimmed_mean(s.ns, s.n);
    sample_clear(&s);
    return 0;
}

/* The fastest of the rounds. */
static int fastest(const struct overhead_spec *spec, const struct engine *e, const char *workload,
                   double *ns)
{
    int rc = 0;
    *ns = INFINITY;
    for (unsigned i = 0; i < spec->rounds && !rc; i++) {
        double one = INFINITY;
        rc = run(spec, e, workload, ITERATIONS, true, &one);
        *ns = fmin(*ns, one);
    }
    return rc;
}

/* In turn, each first in every other round. */
static int pairs(const struct overhead_spec *spec, const struct engine *e, const char *workload,
                 struct stats_interval *ratio)
{
    double *v = calloc(spec->rounds, 2 * sizeof(*v)), *base = v + spec->rounds;
    int rc = v ? 0 : -ENOMEM;
    for (unsigned i = 0; i < spec->rounds && !rc; i++) {
        for (unsigned turn = 0; turn < 2 && !rc; turn++) {
            bool counted = (i + turn) % 2;
            rc = run(spec, e, workload, ITERATIONS, counted, counted ? &v[i] : &base[i]);
        }
    }
    if (!rc)
        *ratio = stats_pairs(v, base, spec->rounds, CONFIDENCE, SEED);
    free(v);
    return rc;
}

struct finding {
    double empty_ns, shortest_ns;
    const char *shortest;
    double *ratios;
};

static int measure(FILE *out, const struct overhead_spec *spec, const struct engine *e,
                   struct finding *f)
{
    f->shortest_ns = INFINITY;
    int rc = run(spec, e, "empty", EMPTY_ITERATIONS, true, &f->empty_ns);
    for (unsigned i = 0; i < spec->n_workloads && !rc; i++) {
        struct stats_interval ratio;
        double ns;
        rc = fastest(spec, e, spec->workloads[i], &ns);
        if (!rc)
            rc = pairs(spec, e, spec->workloads[i], &ratio);
        if (rc)
            break;
        fprintf(out,
                "%-18s %-8s %12.1f us an iteration, %.4f %% of it measuring; with counters "
                "%.4f times as long (%.4f to %.4f)\n",
                spec->workloads[i], e->name, ns / 1e3, 100 * f->empty_ns / ns, ratio.mid, ratio.low,
                ratio.high);
        fflush(out);
        f->ratios[i] = ratio.mid;
        if (ns < f->shortest_ns) {
            f->shortest_ns = ns;
            f->shortest = spec->workloads[i];
        }
    }
    return rc;
}

int overhead_write(FILE *out, const struct overhead_spec *spec, const struct engine_list *engines,
                   double limit)
{
    int above = 0, rc = 0;
    double *ratios = calloc(spec->n_workloads, sizeof(*ratios));
    if (!ratios)
        return error_set(MH_ERROR_CORE, -ENOMEM, "overhead", NULL, "not enough host memory");
    for (unsigned i = 0; i < engines->n && !rc; i++) {
        const struct engine *e = &engines->engine[i];
        struct finding f = {.ratios = ratios};
        if (e->kind != ENGINE_NATIVE && e->kind != ENGINE_MANYHART)
            continue;
        rc = measure(out, spec, e, &f);
        if (rc)
            break;
        double share = f.empty_ns / f.shortest_ns;
        fprintf(out,
                "%s: an empty region takes %.1f ns, %.4f %% of the shortest iteration (%s, "
                "%.1f us); with counters %.4f times as long, median of %u workloads\n",
                e->name, f.empty_ns, 100 * share, f.shortest, f.shortest_ns / 1e3,
                stats_median(ratios, spec->n_workloads), spec->n_workloads);
        above += !(share <= limit);
    }
    free(ratios);
    return rc ? rc : above;
}
