/* SPDX-License-Identifier: Apache-2.0 */
/* manyhart bench: what the command line asks for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/compare.h"
#include "bench/host.h"
#include "bench/merge.h"
#include "bench/options.h"
#include "bench/results.h"
#include "bench/run.h"
#include "bench/samples.h"
#include "bench/slurm.h"
#include "bench/summary.h"
#include "sim/base/error.h"

static int compare(const char *old, const char *new, bool all)
{
    struct sample_set a = {0}, b = {0};
    struct summary x = {0}, y = {0};
    int rc = BENCH_USAGE;
    if (samples_read(&a, old) || samples_read(&b, new)) {
        bench_complain(mh_last_error()->message);
    } else if (summary_make(&x, &a, RESULTS_CONFIDENCE) ||
               summary_make(&y, &b, RESULTS_CONFIDENCE)) {
        bench_complain("not enough host memory");
    } else {
        rc = compare_write(stdout, &x, &y, all).slower ? BENCH_FAILED : BENCH_OK;
    }
    summary_clear(&x);
    summary_clear(&y);
    samples_clear(&a);
    samples_clear(&b);
    return rc;
}

static int submit(const struct options *o, char **argv, int argc, unsigned jobs)
{
    struct sample_set facts = {0};
    char folder[512], name[128], dir[512];
    if (o->parts)
        return bench_complain("--part and --slurm exclude each other");
    if (engines_folder(dir, sizeof(dir)) || host_facts(&facts, dir))
        return bench_complain("cannot find the program's own folder");
    if (o->out)
        snprintf(folder, sizeof(folder), "%s", o->out);
    else
        snprintf(folder, sizeof(folder), "results/%s", host_folder(&facts, name, sizeof(name)));
    samples_clear(&facts);
    results_make_folder(folder);
    return slurm_submit(argv, argc, o->slurm, folder, jobs);
}

static int run_command(struct options *o, int argc, char **argv, char **given)
{
    int rest, rc = options_take(o, argc, argv, &rest);
    if (rc >= 0)
        return rc;
    if (o->compare) {
        if (argc - rest != 1)
            return bench_complain("--compare needs two files of samples, OLD and NEW");
        return compare(o->compare, argv[rest], o->all);
    }
    rc = options_check(o, argv + rest, argc - rest);
    if (rc >= 0)
        return rc;
    if (o->overhead)
        return run_overhead(o);
    unsigned jobs = options_cut_sweep(o);
    return o->slurm ? submit(o, given, argc, jobs) : run_bench(o);
}

int main(int argc, char **argv)
{
    struct options o = {0};
    if (argc > 1 && !strcmp(argv[1], "merge"))
        return argc > 2 && argv[2][0] != '-'
                   ? merge_folder(argv[2], argv + 3, (unsigned)argc - 3)
                   : bench_complain("merge needs the folder of the parts");
    /* getopt_long() moves the words; a submission hands them on as they were. */
    char **given = malloc(((size_t)argc + 1) * sizeof(*given));
    if (!given)
        return bench_complain("not enough host memory");
    memcpy(given, argv, ((size_t)argc + 1) * sizeof(*given));
    int rc = run_command(&o, argc, argv, given);
    options_clear(&o);
    free(given);
    return rc;
}
