/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manyhart bench: runs workloads on engines, natively and on peers, in turn and in random
 * order, a fresh process per sample; keeps samples.json after each round, and writes the
 * report at the end.  An interruption keeps the samples that were taken.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/compare.h"
#include "bench/counts.h"
#include "bench/engines.h"
#include "bench/host.h"
#include "bench/linux.h"
#include "bench/load.h"
#include "bench/merge.h"
#include "bench/overhead.h"
#include "bench/results.h"
#include "bench/samples.h"
#include "bench/slurm.h"
#include "bench/summary.h"
#include "bench/table.h"
#include "sim/base/atomic.h"
#include "sim/base/bits.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/counters.h"
#include "sim/parse.h"
#include "smp/pin.h"

enum { ITERATIONS = 20, ITERATIONS_QUICK = 8, TIMEOUT_S = 120 };

enum { OK = 0, FAILED = 1, USAGE = 2, INTERRUPTED = 130 };

#define OVERHEAD_LIMIT 0.001 /* of an iteration */

/* What --counters auto stands for. */
#define HARDWARE_EVENTS "cycles,instructions,branch-misses,cache-misses"
#define KERNEL_EVENTS   "task-clock,page-faults,context-switches,cpu-migrations"

static uint32_t interrupted; /* atomic */

enum { COUNTS_MAX = 8, HARTS_MOST = 1024 };

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
    bool all, overhead;
    bool *wanted; /* by place in the table */
};

static int complain(const char *what)
{
    fprintf(stderr, "manyhart: bench: %s\n", what);
    return USAGE;
}

/* ---- running ------------------------------------------------------------- */

struct bench {
    const struct options *o;
    struct engine_list engines;
    struct linux_files files;
    struct sample_set set;
    char folder[512], out[512], file[600], stats[640];
    uint64_t random, begin_ns;
    unsigned done, all; /* samples */
    unsigned *order;    /* of a round; room for the table */
};

static void shuffle(struct bench *b, unsigned *v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        v[i] = i;
    for (unsigned i = n; i > 1; i--) {
        unsigned j = (unsigned)(stats_random(&b->random) % i), keep = v[i - 1];
        v[i - 1] = v[j];
        v[j] = keep;
    }
}

static void progress(const struct bench *b, unsigned round, const char *workload,
                     const struct engine *e)
{
    double used = (double)(clock_now_ns() - b->begin_ns) / 1e9;
    fprintf(stderr, "%sround %u of %u, %u of %u: %s on %s", isatty(2) ? "\r\033[K" : "", round + 1,
            b->o->rounds, b->done + 1, b->all, workload, e->name);
    if (e->harts > 1)
        fprintf(stderr, ", %u harts", e->harts);
    if (b->done >= b->engines.n)
        fprintf(stderr, ", about %.0f s left", used / b->done * (b->all - b->done));
    fputs(isatty(2) ? "" : "\n", stderr);
}

/* The checksum that the first good sample of the workload had. */
static const char *checksum_of(const struct sample_set *set, const char *workload)
{
    for (size_t i = 0; i < set->n; i++)
        if (!strcmp(set->samples[i].workload, workload) && !strcmp(set->samples[i].outcome, "ok"))
            return set->samples[i].checksum;
    return NULL;
}

static bool is_linux(const struct table_line *w)
{
    return w->where == WORKLOAD_LINUX;
}

static unsigned iterations_of(const struct options *o, const struct table_line *w)
{
    return o->iterations ? o->iterations
           : is_linux(w) ? o->quick ? LINUX_ITERATIONS_QUICK : LINUX_ITERATIONS
           : o->quick    ? ITERATIONS_QUICK
                         : ITERATIONS;
}

static uint64_t timeout_ns_of(const struct options *o, const struct table_line *w)
{
    unsigned s = o->timeout_s ? o->timeout_s : is_linux(w) ? LINUX_TIMEOUT_S : TIMEOUT_S;
    return s * (uint64_t)NS_PER_SEC;
}

/* On how many numbers of harts it runs: only what is for several on more than one. */
static unsigned counts_of(const struct options *o, const struct table_line *w)
{
    if (!workload_has_harts(w->where))
        return 1;
    return o->n_harts ? o->n_harts : o->processors > 1 ? 2 : 1;
}

/* The engine as it runs the workload on the count-th of them; natively what is for one hart is one
 * thread. */
static struct engine engine_for(const struct options *o, const struct table_line *w,
                                const struct engine *as_listed, unsigned count)
{
    struct engine e = *as_listed;
    e.team = workload_has_harts(w->where);
    e.harts = e.kind == ENGINE_NATIVE && !e.team ? 1
              : o->n_harts                       ? o->harts[count]
              : is_linux(w)                      ? LINUX_HARTS
                                                 : count + 1;
    return e;
}

/* The counters that the program's output does not have. */
static int count_more(struct bench *b, const struct table_line *w, const struct engine *e,
                      const struct child_result *r, struct sample *s)
{
    char processors[128], name[SAMPLE_NAME_MAX + 32];
    if (!is_linux(w) && e->kind == ENGINE_NATIVE)
        return 0;
    if (is_linux(w) || e->kind != ENGINE_MANYHART)
        return b->o->counters ? counts_from_process(s, r) : 0;
    int rc = counts_from_stats(s, b->stats, processors, sizeof(processors));
    snprintf(name, sizeof(name), "processors of %s", e->name);
    return rc ? rc : samples_fact(&b->set, name, processors);
}

/* What the run was: fills the sample, "ok" only for one that can be used. */
static void judge(struct bench *b, const struct table_line *w, const struct engine *e,
                  const struct child_result *r, struct sample *s)
{
    const char *sum;
    s->wall_ns = r->wall_ns;
    s->user_ns = r->user_ns;
    s->system_ns = r->system_ns;
    s->resident_bytes = r->resident_bytes;
    if (r->end != CHILD_EXITED || r->code) {
        child_describe(r, s->outcome, sizeof(s->outcome));
    } else if (w->where == WORKLOAD_LINUX ? linux_parse(s, e, r, iterations_of(b->o, w))
                                          : sample_parse(s, r->output)) {
        snprintf(s->outcome, sizeof(s->outcome), "%.95s", mh_last_error()->message);
    } else if ((sum = checksum_of(&b->set, s->workload)) && strcmp(sum, s->checksum)) {
        snprintf(s->outcome, sizeof(s->outcome), "checksum %s, not %s", s->checksum, sum);
    } else if (count_more(b, w, e, r, s)) {
        snprintf(s->outcome, sizeof(s->outcome), "%.95s", mh_last_error()->message);
    } else {
        snprintf(s->outcome, sizeof(s->outcome), "ok");
    }
    if (e->kind == ENGINE_QEMU) { /* its minstret is the host's clock */
        free(s->instructions);
        s->instructions = NULL;
    }
}

/* One sample; false: no more. */
static bool take(struct bench *b, const struct table_line *w, const struct engine *as_listed,
                 unsigned count, unsigned round)
{
    struct engine mine = engine_for(b->o, w, as_listed, count), *e = &mine;
    struct command c;
    struct child_result r;
    struct sample s = {.harts = e->harts, .round = round};
    struct child_spec spec = {
        .argv = c.argv, .timeout_ns = timeout_ns_of(b->o, w), .interrupted = &interrupted};
    snprintf(s.workload, sizeof(s.workload), "%s", w->name);
    snprintf(s.group, sizeof(s.group), "%s", w->group);
    snprintf(s.unit, sizeof(s.unit), "%s", w->unit);
    snprintf(s.engine, sizeof(s.engine), "%.*s", SAMPLE_NAME_MAX, e->name);
    s.operations = w->operations;
    if (is_linux(w)) {
        linux_command(&b->files, e, b->folder, w->name, iterations_of(b->o, w), &c);
        spec.mark = LINUX_MARK;
    } else {
        engine_command(e, b->folder, w->name, iterations_of(b->o, w), &c);
        engine_command_count(e, b->o->counters, b->stats, &c);
    }
    progress(b, round, w->name, e);
    int err = child_run(&spec, &r);
    if (err) {
        snprintf(s.outcome, sizeof(s.outcome), "does not start: %s", error_text(err));
    } else {
        if (r.end == CHILD_INTERRUPTED) {
            free(r.output);
            unlink(b->stats);
            return false;
        }
        judge(b, w, e, &r, &s);
        free(r.output);
        unlink(b->stats);
    }
    if (strcmp(s.outcome, "ok"))
        fprintf(stderr, "%s%s on %s: %s\n", isatty(2) ? "\n" : "", w->name, e->name, s.outcome);
    b->done++;
    if (samples_add(&b->set, &s)) {
        sample_clear(&s);
        return false;
    }
    return true;
}

static bool runs_on(const struct table_line *w, const struct engine *e)
{
    return is_linux(w) ? linux_runs_on(w->name, e)
                       : e->kind != ENGINE_NATIVE ||
                             (w->where != WORKLOAD_GUEST && w->where != WORKLOAD_GUEST_HARTS);
}

/* A workload on all engines, and each on all numbers of harts, one after the other, so that a pair
 * is near in time. */
static bool run_line(struct bench *b, const struct table_line *w, unsigned round)
{
    unsigned turn[ENGINES_MAX * COUNTS_MAX], counts = counts_of(b->o, w);
    shuffle(b, turn, b->engines.n * counts);
    for (unsigned i = 0; i < b->engines.n * counts; i++) {
        const struct engine *e = &b->engines.engine[turn[i] / counts];
        if (runs_on(w, e) && !take(b, w, e, turn[i] % counts, round))
            return false;
    }
    return true;
}

static bool run_round(struct bench *b, unsigned round)
{
    unsigned *order = b->order;
    shuffle(b, order, (unsigned)table_size);
    for (unsigned i = 0; i < table_size; i++)
        if (b->o->wanted[order[i]] && !run_line(b, &table[order[i]], round))
            return false;
    return true;
}

/* ---- results ------------------------------------------------------------- */

/* Where they go, and that they are not there yet. */
static int open_results(struct bench *b)
{
    char name[128];
    if (b->o->out)
        snprintf(b->out, sizeof(b->out), "%s", b->o->out);
    else
        snprintf(b->out, sizeof(b->out), "results/%s", host_folder(&b->set, name, sizeof(name)));
    if (b->o->parts)
        merge_part_name(b->file, sizeof(b->file), b->out, b->o->part, b->o->parts);
    else
        snprintf(b->file, sizeof(b->file), "%s/samples.json", b->out);
    snprintf(b->stats, sizeof(b->stats), "%s.stats", b->file);
    return results_begin(&b->set, b->file);
}

static void on_signal(int sig)
{
    (void)sig;
    store_release(&interrupted, 1);
}

static int run(struct bench *b)
{
    struct sigaction sa = {.sa_handler = on_signal};
    char text[64];
    sigaction(SIGTERM, &sa, NULL); /* which timeout(1) sends twice: to the process, to its group */
    sa.sa_flags = (int)SA_RESETHAND; /* the second Ctrl-C ends it at once */
    sigaction(SIGINT, &sa, NULL);
    b->begin_ns = clock_now_ns();
    bool more = true;
    struct load_watch load;
    load_watch_begin(&load);
    for (unsigned i = 0; i < b->o->rounds && more; i++) {
        more = run_round(b, i);
        load_watch_round(&load);
        if (samples_write(&b->set, b->file)) {
            fprintf(stderr, "\nmanyhart: bench: %s\n", mh_last_error()->message);
            return FAILED;
        }
    }
    load_watch_fact(&load, &b->set, "load during");
    host_load(&b->set, "load after");
    snprintf(text, sizeof(text), "%.0f s", (double)(clock_now_ns() - b->begin_ns) / 1e9);
    samples_fact(&b->set, "took", text);
    if (!more)
        samples_fact(&b->set, "interrupted", "yes: some samples are missing");
    if (b->o->parts ? results_write_samples(&b->set, b->file) : results_write(&b->set, b->out))
        return FAILED;
    fprintf(stderr, "%s%u samples%s are in %s%s\n", isatty(2) ? "\r\033[K" : "", b->done,
            b->o->parts ? "" : " and the report", b->o->parts ? b->file : b->out,
            more ? "" : " (interrupted)");
    if (!more)
        return INTERRUPTED;
    for (size_t i = 0; i < b->set.n; i++)
        if (strcmp(b->set.samples[i].outcome, "ok"))
            return FAILED;
    return OK;
}

static int add_engines(struct bench *b)
{
    char names[256];
    snprintf(names, sizeof(names), "%s", b->o->engines);
    for (char *save, *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
        int n = engines_add(&b->engines, b->folder, name, 1);
        if (n < 0)
            return complain(mh_last_error()->message);
        if (!n)
            fprintf(stderr, "manyhart: bench: no %s on this machine\n", name);
    }
    for (unsigned i = 0; i < b->o->peer_cmds; i++)
        if (engines_add_command(&b->engines, b->o->peer_cmd[i], 1) < 0)
            return complain(mh_last_error()->message);
    return b->engines.n ? OK : complain("no engine to run on");
}

/* The files of the group linux, if anything of it is wanted; what cannot run natively is said. */
static int prepare_linux(struct bench *b)
{
    bool any = false, native = false, guest = false;
    for (unsigned i = 0; i < b->engines.n; i++) {
        native |= b->engines.engine[i].kind == ENGINE_NATIVE;
        guest |= b->engines.engine[i].kind != ENGINE_NATIVE;
    }
    for (unsigned i = 0; i < table_size; i++) {
        if (!b->o->wanted[i] || !is_linux(&table[i]))
            continue;
        any = true;
        if (native && linux_lacks(table[i].name))
            fprintf(stderr, "manyhart: bench: no %s on this machine: not natively\n",
                    linux_lacks(table[i].name));
    }
    return any && linux_find(&b->files, b->folder, guest) ? complain(mh_last_error()->message) : OK;
}

/* Iterations of the first workload of each kind, which others of it share. */
static void put_method(struct bench *b)
{
    char text[128];
    const struct table_line *plain = NULL, *linux_one = NULL;
    for (unsigned i = 0; i < table_size; i++)
        if (b->o->wanted[i])
            *(is_linux(&table[i]) ? &linux_one : &plain) = &table[i];
    int n = snprintf(text, sizeof(text), "%u rounds of", b->o->rounds);
    if (plain)
        n += snprintf(text + n, sizeof(text) - (size_t)n, " %u iterations",
                      iterations_of(b->o, plain));
    if (linux_one)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %u iterations in Linux",
                      plain ? "," : "", iterations_of(b->o, linux_one));
    snprintf(text + n, sizeof(text) - (size_t)n, ", seed %llu", (unsigned long long)b->o->seed);
    samples_fact(&b->set, "method", text);
}

static int bench(const struct options *o, unsigned *order)
{
    struct bench b = {.o = o, .random = o->seed, .order = order};
    char text[64];
    int rc = USAGE;
    if (engines_folder(b.folder, sizeof(b.folder)))
        return complain("cannot find the program's own folder");
    if (add_engines(&b))
        return USAGE;
    if (prepare_linux(&b))
        return USAGE;
    host_facts(&b.set, b.folder);
    put_method(&b);
    snprintf(text, sizeof(text), "%u of %u", o->part, o->parts);
    if (o->parts)
        samples_fact(&b.set, MERGE_PART_FACT, text);
    samples_fact(&b.set, "counters", o->counters ? o->counters : "none but the simulator's");
    for (unsigned i = 0; i < table_size; i++)
        for (unsigned j = 0; j < b.engines.n; j++)
            b.all += o->wanted[i] * runs_on(&table[i], &b.engines.engine[j]) *
                     counts_of(o, &table[i]) * o->rounds;
    if (!open_results(&b))
        rc = run(&b);
    samples_clear(&b.set);
    return rc;
}

/* ---- what it costs ------------------------------------------------------- */

static int write_overhead(const struct overhead_spec *spec, const struct engine_list *engines)
{
    int above = overhead_write(stdout, spec, engines, OVERHEAD_LIMIT);
    if (above < 0 && above != -EINTR)
        complain(mh_last_error()->message);
    return above == -EINTR ? INTERRUPTED : above ? FAILED : OK;
}

static int overhead(const struct options *o)
{
    struct bench b = {.o = o};
    const char **names = calloc(table_size, sizeof(*names));
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    int rc = USAGE;
    sigaction(SIGINT, &sa, NULL);
    if (!names || engines_folder(b.folder, sizeof(b.folder)))
        complain("cannot find the program's own folder");
    else if (!add_engines(&b)) {
        struct overhead_spec spec = {.folder = b.folder,
                                     .workloads = names,
                                     .counters = o->counters,
                                     .rounds = o->rounds,
                                     .timeout_ns = (o->timeout_s ? o->timeout_s : TIMEOUT_S) *
                                                   (uint64_t)NS_PER_SEC,
                                     .interrupted = &interrupted};
        for (size_t i = 0; i < table_size; i++)
            if (o->wanted[i] && table[i].where == WORKLOAD_ANYWHERE)
                names[spec.n_workloads++] = table[i].name;
        rc = spec.n_workloads ? write_overhead(&spec, &b.engines)
                              : complain("--overhead: none of these runs natively and in a guest");
    }
    free(names);
    return rc;
}

/* ---- comparing ----------------------------------------------------------- */

static int compare(const char *old, const char *new, bool all)
{
    struct sample_set a = {0}, b = {0};
    struct summary x = {0}, y = {0};
    int rc = USAGE;
    if (samples_read(&a, old) || samples_read(&b, new)) {
        complain(mh_last_error()->message);
    } else if (summary_make(&x, &a, RESULTS_CONFIDENCE) ||
               summary_make(&y, &b, RESULTS_CONFIDENCE)) {
        complain("not enough host memory");
    } else {
        rc = compare_write(stdout, &x, &y, all).slower ? FAILED : OK;
    }
    summary_clear(&x);
    summary_clear(&y);
    samples_clear(&a);
    samples_clear(&b);
    return rc;
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
        "  --engines LIST     native, interp, qemu (each QEMU for RISC-V that is here); default\n"
        "                     native,interp\n"
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
    return OK;
}

static int want(struct options *o, const char *name)
{
    char text[256];
    bool any = false;
    for (size_t i = 0; i < table_size; i++) {
        if (!strcmp(table[i].name, name) || !strcmp(table[i].group, name) ||
            (!strcmp(name, "all") && !is_linux(&table[i])))
            any = o->wanted[i] = true;
    }
    if (any)
        return OK;
    const char *near = parse_nearest_in(name, table_names);
    snprintf(text, sizeof(text), "%s: unknown workload%s%s%s; --list shows them", name,
             near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return complain(text);
}

static int number(const char *name, const char *text, unsigned least, unsigned most, unsigned *to)
{
    char *end, line[256];
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (!errno && end != text && !*end && *text != '-' && v >= least && v <= most) {
        *to = (unsigned)v;
        return OK;
    }
    snprintf(line, sizeof(line), "--%s %s: a number from %u to %u is needed", name, text, least,
             most);
    return complain(line);
}

/* "1,2,4": numbers in rising order, so that none comes twice. */
static int hart_list(struct options *o, const char *text)
{
    char copy[64], *save;
    o->n_harts = 0;
    if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
        return complain("--harts: the list is too long");
    for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        unsigned n;
        if (o->n_harts == COUNTS_MAX)
            return complain("--harts: at most 8 numbers");
        if (number("harts", word, 1, HARTS_MOST, &n))
            return USAGE;
        if (o->n_harts && n <= o->harts[o->n_harts - 1])
            return complain("--harts: smaller numbers come first, and each once");
        o->harts[o->n_harts++] = n;
    }
    return o->n_harts ? OK : complain("--harts: a list of numbers is needed");
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
    {"list", no_argument, NULL, O_LIST},
    {"part", required_argument, NULL, O_PART},
    {"slurm", optional_argument, NULL, O_SLURM},
    {"linux", no_argument, NULL, O_LINUX},
    {"compare", required_argument, NULL, O_COMPARE},
    {"all", no_argument, NULL, O_ALL},
    {"help", no_argument, NULL, O_HELP},
    {0},
};

/* "K/N" */
static int take_part(struct options *o, const char *text)
{
    int end = 0;
    if (*text >= '0' && *text <= '9' && sscanf(text, "%6u/%6u%n", &o->part, &o->parts, &end) == 2 &&
        !text[end] && o->part < o->parts)
        return OK;
    return complain("--part: K/N is needed, K from 0 to N - 1");
}

/* -1: go on; else the program's exit code. */
static int take_option(struct options *o, int option)
{
    static char engines[256];
    unsigned seed;
    int rc = OK;
    switch (option) {
    case O_ENGINES:
        o->engines = optarg;
        break;
    case O_PEER:
        o->peer = optarg;
        if (strcmp(optarg, "qemu"))
            rc = complain("--peer: qemu is the only one");
        break;
    case O_PEER_CMD:
        if (o->peer_cmds == ENGINES_MAX)
            rc = complain("--peer-cmd: too many of them");
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
        return OK;
    default:
        return complain("--help shows the options");
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
        return OK;
    if (counters_create(&c, o->counters, 1)) {
        snprintf(text, sizeof(text), "--counters: %s: %s", mh_last_error()->value,
                 mh_last_error()->message);
        return complain(text);
    }
    if (counters_note(c)[0])
        fprintf(stderr, "manyhart: bench: %s\n", counters_note(c));
    counters_destroy(c);
    return OK;
}

/* The jobs of a sweep are its workloads; a part has every N-th. Returns how many jobs there are. */
static unsigned cut_sweep(struct options *o)
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

static int submit(const struct options *o, char **argv, int argc, unsigned jobs)
{
    struct sample_set facts = {0};
    char folder[512], name[128], dir[512];
    if (o->parts)
        return complain("--part and --slurm exclude each other");
    if (engines_folder(dir, sizeof(dir)) || host_facts(&facts, dir))
        return complain("cannot find the program's own folder");
    if (o->out)
        snprintf(folder, sizeof(folder), "%s", o->out);
    else
        snprintf(folder, sizeof(folder), "results/%s", host_folder(&facts, name, sizeof(name)));
    samples_clear(&facts);
    results_make_folder(folder);
    return slurm_submit(argv, argc, o->slurm, folder, jobs);
}

static bool harts_fit(const struct options *o)
{
    _Static_assert(WORKLOAD_HARTS_MAX == 64, "the message of the caller");
    for (size_t i = 0; i < table_size; i++)
        if (o->n_harts && o->wanted[i] && workload_has_harts(table[i].where))
            return o->harts[o->n_harts - 1] <= WORKLOAD_HARTS_MAX;
    return true;
}

static int run_command(struct options *o, int argc, char **argv, char **given)
{
    int option, rc = -1;
    while (rc < 0 && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        rc = take_option(o, option);
    if (rc >= 0)
        return rc;
    if (o->compare) {
        if (argc - optind != 1)
            return complain("--compare needs two files of samples, OLD and NEW");
        return compare(o->compare, argv[optind], o->all);
    }
    for (int i = optind; i < argc; i++)
        if (want(o, argv[i]))
            return USAGE;
    if (optind == argc && want(o, "all"))
        return USAGE;
    if (o->linux_too && want(o, "linux"))
        return USAGE;
    if (!harts_fit(o))
        return complain("--harts: the workloads for several harts run on at most 64");
    if (check_counters(o))
        return USAGE;
    if (o->overhead)
        return overhead(o);
    unsigned jobs = cut_sweep(o);
    if (o->slurm)
        return submit(o, given, argc, jobs);
    unsigned *order = malloc(table_size * sizeof(*order));
    if (!order)
        return complain("not enough host memory");
    rc = bench(o, order);
    free(order);
    return rc;
}

int main(int argc, char **argv)
{
    struct options o = {.rounds = 10,
                        .processors = pin_processors(),
                        .seed = clock_now_ns() & UINT32_MAX,
                        .counters = "auto",
                        .engines = "native,interp"};
    if (argc > 1 && !strcmp(argv[1], "merge"))
        return argc > 2 && argv[2][0] != '-' ? merge_folder(argv[2], argv + 3, (unsigned)argc - 3)
                                             : complain("merge needs the folder of the parts");
    /* getopt_long() moves the words; a submission hands them on as they were. */
    char **given = malloc(((size_t)argc + 1) * sizeof(*given));
    o.wanted = calloc(table_size, sizeof(*o.wanted));
    int rc = FAILED;
    if (given && o.wanted) {
        memcpy(given, argv, ((size_t)argc + 1) * sizeof(*given));
        rc = run_command(&o, argc, argv, given);
    }
    free(given);
    free(o.wanted);
    return rc;
}
