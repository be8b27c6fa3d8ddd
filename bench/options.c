/* SPDX-License-Identifier: Apache-2.0 */
/* See options.h. */
#include "bench/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/linux.h"
#include "sim/base/bits.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/counters.h"
#include "sim/parse.h"
#include "smp/pin.h"

enum { ITERATIONS = 20, ITERATIONS_QUICK = 8, TIMEOUT_S = 120, HARTS_MOST = 1024 };

/* What --counters auto stands for. */
#define HARDWARE_EVENTS "cycles,instructions,branch-misses,cache-misses"
#define KERNEL_EVENTS   "task-clock,page-faults,context-switches,cpu-migrations"

int bench_complain(const char *what)
{
    fprintf(stderr, "manyhart: bench: %s\n", what);
    return BENCH_USAGE;
}

/* ---- what follows for a workload ----------------------------------------- */

bool options_is_linux(const struct table_line *w)
{
    return w->where == WORKLOAD_LINUX;
}

unsigned options_iterations(const struct options *o, const struct table_line *w)
{
    return o->iterations         ? o->iterations
           : options_is_linux(w) ? o->quick ? LINUX_ITERATIONS_QUICK : LINUX_ITERATIONS
           : o->quick            ? ITERATIONS_QUICK
                                 : ITERATIONS;
}

uint64_t options_timeout_ns(const struct options *o, const struct table_line *w)
{
    unsigned s = o->timeout_s ? o->timeout_s : options_is_linux(w) ? LINUX_TIMEOUT_S : TIMEOUT_S;
    return s * (uint64_t)NS_PER_SEC;
}

unsigned options_counts(const struct options *o, const struct table_line *w)
{
    if (!workload_has_harts(w->where))
        return 1;
    return o->n_harts ? o->n_harts : o->processors > 1 ? 2 : 1;
}

/* ---- the command line ---------------------------------------------------- */

static void usage(FILE *out)
{
    fputs(
        "usage: manyhart bench [OPTION...] [WORKLOAD|GROUP...]\n"
        "       manyhart bench --compare OLD NEW [--all]\n"
        "       manyhart bench merge FOLDER [FILE...]\n\n"
        "Runs workloads on engines in turn, a fresh process per sample, and writes samples.json,\n"
        "README.md and report.html.\n\n"
        "  --engines LIST     native, interp, jit, hybrid, qemu (each QEMU for RISC-V that is\n"
        "                     here); default native,interp\n"
        "  --peer qemu        the same as adding qemu to the engines\n"
        "  --peer-cmd TEXT    NAME=COMMAND, another simulator; {image}, {words}, {harts} in "
        "COMMAND\n"
        "                     stand for the program, its command line, the number of harts\n"
        "  --rounds N         samples of each workload on each engine (10)\n"
        "  --iterations N     iterations in a sample (20; of the group linux 3)\n"
        "  --harts LIST       of the guest, as 1,2,4: workloads for several (the group smp, "
        "natively\n"
        "                     as many threads) on each of them, others on the first; without it\n"
        "                     1,2 (1 on a host with one processor), others on 1, linux on 2\n"
        "  --quick            3 rounds of 8 iterations (of the group linux 1)\n"
        "  --linux            the group linux, too: Debian's kernel, a boot per sample\n"
        "  --timeout S        seconds for a sample (120; of the group linux 600)\n"
        "  --seed N           of the random order (from the clock)\n"
        "  --out FOLDER       results/DATE-CPU-COMMIT if left out; never overwritten\n"
        "  --counters LIST    host events by libpfm4 name, none, or auto: some of the hardware, "
        "or\n"
        "                     the kernel's where there is none (auto)\n"
        "  --overhead         instead: what measuring costs, and 1 if it is above 0.1 %\n"
        "  --slow NAME=N      makes a workload N per cent slower on manyhart: does --compare find "
        "it?\n"
        "  --list             what workloads there are\n"
        "  --part K/N         only the K-th (from 0) of N parts of the sweep, into a file "
        "part-K-of-N.json\n"
        "  --slurm[=WORDS]    the sweep as a job array of Slurm, a workload a task; WORDS go to "
        "sbatch\n"
        "  merge FOLDER       joins the parts in it, and files, into samples.json and a report\n"
        "  --compare OLD NEW  two samples.json: what became slower or faster, beyond noise\n"
        "  --all              with it: the lines without a change, too\n\n"
        "Exit code: 0; 1: a sample failed, or something became slower; 2: wrong usage or\n"
        "unusable files; 130: interrupted, with the samples kept.\n",
        out);
}

static int list(void)
{
    for (size_t i = 0; i < table_size; i++)
        printf("%-18s %-10s %10.0f %-12s %s\n", table[i].name, table[i].group, table[i].operations,
               table[i].unit, table[i].description);
    return BENCH_OK;
}

static int want(struct options *o, const char *name)
{
    char text[256];
    bool any = false;
    for (size_t i = 0; i < table_size; i++) {
        if (!strcmp(table[i].name, name) || !strcmp(table[i].group, name) ||
            (!strcmp(name, "all") && !options_is_linux(&table[i])))
            any = o->wanted[i] = true;
    }
    if (any)
        return BENCH_OK;
    const char *near = parse_nearest_in(name, table_names);
    snprintf(text, sizeof(text), "%s: unknown workload%s%s%s; --list shows them", name,
             near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return bench_complain(text);
}

static int number(const char *name, const char *text, unsigned least, unsigned most, unsigned *to)
{
    char *end, line[256];
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (!errno && end != text && !*end && *text != '-' && v >= least && v <= most) {
        *to = (unsigned)v;
        return BENCH_OK;
    }
    snprintf(line, sizeof(line), "--%s %s: a number from %u to %u is needed", name, text, least,
             most);
    return bench_complain(line);
}

/* "1,2,4": numbers in rising order, so that none comes twice. */
static int hart_list(struct options *o, const char *text)
{
    char copy[64], *save;
    o->n_harts = 0;
    if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
        return bench_complain("--harts: the list is too long");
    for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        unsigned n;
        if (o->n_harts == COUNTS_MAX)
            return bench_complain("--harts: at most 8 numbers");
        if (number("harts", word, 1, HARTS_MOST, &n))
            return BENCH_USAGE;
        if (o->n_harts && n <= o->harts[o->n_harts - 1])
            return bench_complain("--harts: smaller numbers come first, and each once");
        o->harts[o->n_harts++] = n;
    }
    return o->n_harts ? BENCH_OK : bench_complain("--harts: a list of numbers is needed");
}

enum {
    O_ENGINES = 1,
    O_PEER,
    O_PEER_CMD,
    O_ROUNDS,
    O_ITERATIONS,
    O_HARTS,
    O_QUICK,
    O_TIMEOUT,
    O_SEED,
    O_OUT,
    O_COUNTERS,
    O_OVERHEAD,
    O_SLOW,
    O_LIST,
    O_PART,
    O_SLURM,
    O_LINUX,
    O_COMPARE,
    O_ALL,
    O_HELP
};

static const struct option long_options[] = {
    {"engines", required_argument, NULL, O_ENGINES},
    {"peer", required_argument, NULL, O_PEER},
    {"peer-cmd", required_argument, NULL, O_PEER_CMD},
    {"rounds", required_argument, NULL, O_ROUNDS},
    {"iterations", required_argument, NULL, O_ITERATIONS},
    {"harts", required_argument, NULL, O_HARTS},
    {"quick", no_argument, NULL, O_QUICK},
    {"timeout", required_argument, NULL, O_TIMEOUT},
    {"seed", required_argument, NULL, O_SEED},
    {"out", required_argument, NULL, O_OUT},
    {"counters", required_argument, NULL, O_COUNTERS},
    {"overhead", no_argument, NULL, O_OVERHEAD},
    {"slow", required_argument, NULL, O_SLOW},
    {"list", no_argument, NULL, O_LIST},
    {"part", required_argument, NULL, O_PART},
    {"slurm", optional_argument, NULL, O_SLURM},
    {"linux", no_argument, NULL, O_LINUX},
    {"compare", required_argument, NULL, O_COMPARE},
    {"all", no_argument, NULL, O_ALL},
    {"help", no_argument, NULL, O_HELP},
    {0},
};

/* "NAME=N", of a workload for one hart */
static int take_slow(struct options *o, const char *text)
{
    static char name[WORKLOAD_NAME_MAX + 1];
    size_t n = strcspn(text, "=");
    snprintf(name, sizeof(name), "%.*s", (int)n, text);
    size_t i = table_find(name);
    if (!text[n] || i == table_size || workload_has_harts(table[i].where) ||
        options_is_linux(&table[i]))
        return bench_complain("--slow: NAME=N is needed, NAME a workload for one hart");
    o->slow = name;
    return number("slow", text + n + 1, 1, 1000, &o->slow_percent);
}

/* "K/N" */
static int take_part(struct options *o, const char *text)
{
    int end = 0;
    if (*text >= '0' && *text <= '9' && sscanf(text, "%6u/%6u%n", &o->part, &o->parts, &end) == 2 &&
        !text[end] && o->part < o->parts)
        return BENCH_OK;
    return bench_complain("--part: K/N is needed, K from 0 to N - 1");
}

/* -1: go on; else the program's exit code. */
static int take_option(struct options *o, int option)
{
    static char engines[256];
    unsigned seed;
    int rc = BENCH_OK;
    switch (option) {
    case O_ENGINES:
        o->engines = optarg;
        break;
    case O_PEER:
        o->peer = optarg;
        if (strcmp(optarg, "qemu"))
            rc = bench_complain("--peer: qemu is the only one");
        break;
    case O_PEER_CMD:
        if (o->peer_cmds == ENGINES_MAX)
            rc = bench_complain("--peer-cmd: too many of them");
        else
            o->peer_cmd[o->peer_cmds++] = optarg;
        break;
    case O_ROUNDS:
        rc = number("rounds", optarg, 1, 100000, &o->rounds);
        break;
    case O_ITERATIONS:
        rc = number("iterations", optarg, 1, 100000, &o->iterations);
        break;
    case O_HARTS:
        rc = hart_list(o, optarg);
        break;
    case O_QUICK:
        o->rounds = 3;
        o->quick = true;
        break;
    case O_TIMEOUT:
        rc = number("timeout", optarg, 1, 86400, &o->timeout_s);
        break;
    case O_SEED:
        rc = number("seed", optarg, 0, UINT32_MAX, &seed);
        o->seed = seed;
        break;
    case O_OUT:
        o->out = optarg;
        break;
    case O_LINUX:
        o->linux_too = true;
        break;
    case O_COUNTERS:
        o->counters = optarg;
        break;
    case O_OVERHEAD:
        o->overhead = true;
        break;
    case O_SLOW:
        rc = take_slow(o, optarg);
        break;
    case O_LIST:
        return list();
    case O_PART:
        rc = take_part(o, optarg);
        break;
    case O_SLURM:
        o->slurm = optarg ? optarg : "";
        break;
    case O_COMPARE:
        o->compare = optarg;
        break;
    case O_ALL:
        o->all = true;
        break;
    case O_HELP:
        usage(stdout);
        return BENCH_OK;
    default:
        return bench_complain("--help shows the options");
    }
    if (o->peer && o->engines != engines) {
        snprintf(engines, sizeof(engines), "%.240s,%s", o->engines, o->peer);
        o->engines = engines;
    }
    return rc ? rc : -1;
}

/* Whether the events are known; "auto" becomes what this host has. */
static int check_counters(struct options *o)
{
    struct counters *c;
    char why[128], text[1024];
    if (!strcmp(o->counters, "none"))
        o->counters = NULL;
    else if (!strcmp(o->counters, "auto"))
        o->counters = counters_hardware(why, sizeof(why)) ? HARDWARE_EVENTS : KERNEL_EVENTS;
    if (!o->counters)
        return BENCH_OK;
    if (counters_create(&c, o->counters, 1)) {
        snprintf(text, sizeof(text), "--counters: %s: %s", mh_last_error()->value,
                 mh_last_error()->message);
        return bench_complain(text);
    }
    if (counters_note(c)[0])
        fprintf(stderr, "manyhart: bench: %s\n", counters_note(c));
    counters_destroy(c);
    return BENCH_OK;
}

unsigned options_cut_sweep(struct options *o)
{
    unsigned jobs = 0;
    for (size_t i = 0; i < table_size; i++) {
        if (!o->wanted[i])
            continue;
        o->wanted[i] = !o->parts || jobs % o->parts == o->part;
        jobs++;
    }
    return jobs;
}

static bool harts_fit(const struct options *o)
{
    _Static_assert(WORKLOAD_HARTS_MAX == 64, "the message of the caller");
    for (size_t i = 0; i < table_size; i++)
        if (o->n_harts && o->wanted[i] && workload_has_harts(table[i].where))
            return o->harts[o->n_harts - 1] <= WORKLOAD_HARTS_MAX;
    return true;
}

int options_take(struct options *o, int argc, char **argv, int *rest)
{
    int option, rc = -1;
    *o = (struct options){.rounds = 10,
                          .processors = pin_processors(),
                          .seed = clock_now_ns() & UINT32_MAX,
                          .counters = "auto",
                          .engines = "native,interp",
                          .wanted = calloc(table_size, sizeof(*o->wanted))};
    if (!o->wanted)
        return bench_complain("not enough host memory");
    while (rc < 0 && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        rc = take_option(o, option);
    *rest = optind;
    return rc;
}

void options_clear(struct options *o)
{
    free(o->wanted);
    o->wanted = NULL;
}

int options_check(struct options *o, char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (want(o, names[i]))
            return BENCH_USAGE;
    if (!n && want(o, "all"))
        return BENCH_USAGE;
    if (o->linux_too && want(o, "linux"))
        return BENCH_USAGE;
    if (!harts_fit(o))
        return bench_complain("--harts: the workloads for several harts run on at most 64");
    return check_counters(o) ? BENCH_USAGE : -1;
}
