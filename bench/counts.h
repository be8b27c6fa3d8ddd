/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the counters of a sample come from: the statistics that manyhart wrote at the end
 * of a run, or what the host's kernel says of the process.  (Native programs print theirs;
 * samples.h reads them.)  One thread.
 */
#ifndef BENCH_COUNTS_H
#define BENCH_COUNTS_H

#include "bench/child.h"
#include "bench/samples.h"

/*
 * Reads the measured region from a file of `manyhart run --stats`: its statistics and the host's
 * events become counters of the sample, and processors, if not NULL, a text with those that the
 * harts are pinned to ("0,1", "-": not pinned).  0; -EINVAL: there is no region, or the file is not
 * what it should be, with the reason in mh_last_error(); -ENOMEM.
 */
int counts_from_stats(struct sample *s, const char *path, char *processors, size_t size);

/* Of the whole process, for what counts nothing itself. 0 or -ENOMEM. */
int counts_from_process(struct sample *s, const struct child_result *r);

#endif
