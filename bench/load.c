/* SPDX-License-Identifier: Apache-2.0 */
/* See load.h. */
#include "bench/load.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sim/base/bits.h"

#define UNKNOWN "unknown here"

/* proc(5): user nice system idle iowait irq softirq steal; guest time is in user. */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };

bool load_parse(const char *text, double ticks_per_s, struct load_point *out)
{
    double v[FIELDS], all = 0;
    if (sscanf(text, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &v[USER], &v[NICE], &v[SYSTEM],
               &v[IDLE], &v[IOWAIT], &v[IRQ], &v[SOFTIRQ], &v[STEAL]) != FIELDS)
        return false;
    for (unsigned i = 0; i < FIELDS; i++)
        all += v[i];
    out->all = all / ticks_per_s;
    out->busy = (all - v[IDLE] - v[IOWAIT]) / ticks_per_s;
    return true;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double own_time(void)
{
    static const int who[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    double sum = 0;
    struct rusage u;
    for (size_t i = 0; i < ARRAY_LEN(who); i++)
        if (!getrusage(who[i], &u))
            sum += seconds(u.ru_utime) + seconds(u.ru_stime);
    return sum;
}

struct load_point load_now(void)
{
    struct load_point p = {NAN, NAN, own_time()};
    char line[512];
    FILE *f = fopen("/proc/stat", "r");
    if (f && fgets(line, sizeof(line), f))
        load_parse(line, (double)sysconf(_SC_CLK_TCK), &p);
    if (f)
        fclose(f);
    return p;
}

double load_of_others(const struct load_point *from, const struct load_point *to)
{
    double all = to->all - from->all, others = to->busy - from->busy - (to->own - from->own);
    if (!(all > 0))
        return NAN;
    return others < 0 ? 0 : others < all ? others / all : 1; /* ticks are coarse */
}

void load_watch_begin(struct load_watch *w)
{
    *w = (struct load_watch){.last = load_now()};
}

void load_watch_round(struct load_watch *w)
{
    struct load_point now = load_now();
    double others = load_of_others(&w->last, &now);
    w->last = now;
    if (isnan(others))
        return;
    w->sum += others;
    w->most = fmax(w->most, others);
    w->rounds++;
}

int load_watch_fact(const struct load_watch *w, struct sample_set *set, const char *name)
{
    char text[128] = UNKNOWN;
    if (w->rounds)
        snprintf(text, sizeof(text),
                 "others used %.0f %% of the processors, at most %.0f %% in a round (of %u)",
                 100 * w->sum / w->rounds, 100 * w->most, w->rounds);
    return samples_fact(set, name, text);
}
