/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What measuring costs: the time of an empty region against the shortest iteration that
 * is measured, and the times of workloads with counters against those without, in turn.
 * One thread.
 */
#ifndef BENCH_OVERHEAD_H
#define BENCH_OVERHEAD_H

#include <stdint.h>
#include <stdio.h>

#include "bench/engines.h"

struct overhead_spec {
    const char *folder; /* of the programs */
    const char *const *workloads;
    unsigned n_workloads;
    const char *counters; /* events, as for --counters; NULL: none but the simulator's */
    unsigned rounds;
    uint64_t timeout_ns;
    const uint32_t *interrupted; /* atomic */
};

/*
 * Measures on each engine that it can (not peers) and writes what it found.  Returns how many
 * engines spend more than a part of limit of an iteration on measuring; -EINTR; or -EINVAL: a run
 * failed, with one line in mh_last_error().
 */
int overhead_write(FILE *out, const struct overhead_spec *spec, const struct engine_list *engines,
                   double limit);

#endif
