/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group linux: Debian's kernel and programs, a boot per sample.  What there is, the files it
 * needs, the command lines, and what a run of it must have said.  One thread.
 */
#ifndef BENCH_LINUX_GROUP_H
#define BENCH_LINUX_GROUP_H

#include "bench/child.h"
#include "bench/engines.h"
#include "bench/samples.h"

struct linux_files {
    char top[512];     /* the checkout */
    char kernels[512]; /* the set of tests/linux/fetch.sh */
    char bench[512];   /* the set of bench/linux/fetch.sh */
};

enum { LINUX_HARTS = 2, LINUX_ITERATIONS = 3, LINUX_ITERATIONS_QUICK = 1, LINUX_TIMEOUT_S = 600 };

/* What a first line of /init says; the boot's time is until then. */
#define LINUX_MARK "manyhart: init on "

/*
 * Finds the files, or fetches and makes them, which it says on stderr.  folder is that of
 * engines_folder().  0 or -errno with the reason in mh_last_error().  Natively nothing but top is
 * needed: with guest false nothing is fetched.
 */
int linux_find(struct linux_files *f, const char *folder, bool guest);

/* Whether engine e can run the workload: the host has the program; the boot is the guest's; no
 * command of another simulator says where a kernel goes. */
bool linux_runs_on(const char *workload, const struct engine *e);

/* What the host lacks for it: the name of a program, or NULL. */
const char *linux_lacks(const char *workload);

void linux_command(const struct linux_files *f, const struct engine *e, const char *folder,
                   const char *workload, unsigned iterations, struct command *c);

/*
 * sample_parse() of the output r, and the boot's time, which the host has taken.  An error, too,
 * unless all iterations are there and /init says that the program has ended well.
 */
int linux_parse(struct sample *s, const struct engine *e, const struct child_result *r,
                unsigned iterations);

/* Of one sample: a boot has only one. */
unsigned linux_iterations(const char *workload, unsigned iterations);

#endif
