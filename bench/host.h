/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reader must know of the machine and the moment to trust a figure: facts of the
 * host, from /proc and /sys.  What this host does not say is said to be unknown.
 */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include "bench/samples.h"

/*
 * Adds: date, commit, cpu, processors, kernel, governor, compiler, hardware counters,
 * pinning, load before.  tree: a folder of the checkout, for the commit; NULL: unknown.  0 or
 * -ENOMEM.
 */
int host_facts(struct sample_set *set, const char *tree);

/* The load averages now as a fact of that name. 0 or -ENOMEM. */
int host_load(struct sample_set *set, const char *name);

/* DATE-CPU-COMMIT as a folder's name, of the facts that host_facts() added; returns buf. */
const char *host_folder(const struct sample_set *set, char *buf, size_t size);

#endif
