/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of manyhart bench, and what follows from it for each workload.  One thread.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/engines.h"
#include "bench/table.h"

/* Exit codes. */
enum bench_exit { BENCH_OK = 0, BENCH_FAILED = 1, BENCH_USAGE = 2, BENCH_INTERRUPTED = 130 };

enum { COUNTS_MAX = 8 };

struct options {
    unsigned rounds;
    unsigned iterations, timeout_s;      /* 0: as the group has them */
    unsigned harts[COUNTS_MAX], n_harts; /* likewise; the first is for workloads of one hart */
    unsigned processors;                 /* of the host */
    bool quick, linux_too;
    uint64_t seed;
    unsigned part, parts; /* of the sweep; parts 0: all of it */
    const char *engines, *out, *compare, *peer;
    const char *peer_cmd[ENGINES_MAX];
    unsigned peer_cmds;
    const char *counters; /* events of the host, or NULL: none */
    const char *slurm;    /* words for sbatch, or NULL */
    const char *slow;     /* a workload to be made slower on manyhart, or NULL */
    unsigned slow_percent;
    bool all, overhead;
    bool *wanted; /* by place in the table */
};

/* One line on standard error; returns BENCH_USAGE. */
int bench_complain(const char *what);

/*
 * Reads the words into o, which is zero.  -1: go on, with the words that are neither options nor
 * their values from argv[*rest] on; else an exit code, after a message, or after what was asked for
 * (--help, --list).  options_clear() in each case.
 */
int options_take(struct options *o, int argc, char **argv, int *rest);
void options_clear(struct options *o);

/* Of what is not compared: which workloads are wanted, and whether all fits together.  The same
 * codes. */
int options_check(struct options *o, char *const *names, int n);

/* The jobs of a sweep are its workloads; a part has every N-th.  Returns how many jobs there are.
 */
unsigned options_cut_sweep(struct options *o);

bool options_is_linux(const struct table_line *w);
unsigned options_iterations(const struct options *o, const struct table_line *w);
uint64_t options_timeout_ns(const struct options *o, const struct table_line *w);
/* On how many numbers of harts it runs: only what is for several on more than one. */
unsigned options_counts(const struct options *o, const struct table_line *w);

#endif
