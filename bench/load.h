/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How busy others kept the host while something was measured: the processor time that
 * neither this process nor those that it started and waited for have used, as a part of
 * all processors' time, from /proc/stat.  One thread.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdio.h>

#include "bench/samples.h"

struct load_point {
    double all, busy, own; /* seconds of processor time since the host started; NaN: unknown */
};

/* From the text of /proc/stat, with ticks_per_s of the host; own is left alone.  False: malformed.
 */
bool load_parse(const char *text, double ticks_per_s, struct load_point *out);

struct load_point load_now(void);

/* The part of all processors, 0 to 1, that others used between the two; NaN: unknown. */
double load_of_others(const struct load_point *from, const struct load_point *to);

/* What rounds had of it. */
struct load_watch {
    struct load_point last;
    double sum, most;
    unsigned rounds; /* that it is known of */
};

void load_watch_begin(struct load_watch *w);
void load_watch_round(struct load_watch *w); /* a round has ended */
/* As a fact of that name. 0 or -ENOMEM. */
int load_watch_fact(const struct load_watch *w, struct sample_set *set, const char *name);

#endif
