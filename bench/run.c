/* SPDX-License-Identifier: Apache-2.0 */
/* See run.h. */
#include "bench/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/counts.h"
#include "bench/guest/workload.h"
#include "bench/host.h"
#include "bench/linux.h"
#include "bench/load.h"
#include "bench/merge.h"
#include "bench/overhead.h"
#include "bench/results.h"
#include "bench/samples.h"
#include "bench/stats.h"
#include "sim/base/atomic.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "smp/pin.h"

#define OVERHEAD_LIMIT 0.001 /* of an iteration */

static uint32_t interrupted; /* atomic */

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

/* The engine as it runs the workload on the count-th of them; natively what is for one hart is one
 * thread. */
static struct engine engine_for(const struct options *o, const struct table_line *w,
                                const struct engine *as_listed, unsigned count)
{
    struct engine e = *as_listed;
    e.team = workload_has_harts(w->where);
    e.slow_percent = o->slow && !strcmp(o->slow, w->name) ? o->slow_percent : 0;
    e.harts = e.kind == ENGINE_NATIVE && !e.team ? 1
              : o->n_harts                       ? o->harts[count]
              : options_is_linux(w)              ? LINUX_HARTS
                                                 : count + 1;
    return e;
}

/* The counters that the program's output does not have. */
static int count_more(struct bench *b, const struct table_line *w, const struct engine *e,
                      const struct child_result *r, struct sample *s)
{
    char processors[128], name[SAMPLE_NAME_MAX + 32];
    if (!options_is_linux(w) && e->kind == ENGINE_NATIVE)
        return 0;
    if (options_is_linux(w) || e->kind != ENGINE_MANYHART)
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
    } else if (w->where == WORKLOAD_LINUX ? linux_parse(s, e, r, options_iterations(b->o, w))
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

/*
 * The harts of QEMU go where manyhart and the native threads have theirs.  Left alone they begin on
 * one processor, and stay there for some ten iterations: a team that never meets itself.
 */
static void pin_harts(const struct engine *e, int *pin, struct child_spec *spec)
{
    char why[128];
    int io;
    if (e->kind == ENGINE_QEMU && e->team && e->harts > 1 &&
        pin_plan(e->harts, pin, &io, why, sizeof(why)) > 0)
        spec->pins = (struct child_pins){ENGINE_QEMU_THREAD, pin, e->harts};
}

/* One sample; false: no more. */
static bool take(struct bench *b, const struct table_line *w, const struct engine *as_listed,
                 unsigned count, unsigned round)
{
    struct engine mine = engine_for(b->o, w, as_listed, count), *e = &mine;
    struct command c;
    struct child_result r;
    struct sample s = {.harts = e->harts, .round = round};
    int pin[WORKLOAD_HARTS_MAX];
    struct child_spec spec = {
        .argv = c.argv, .timeout_ns = options_timeout_ns(b->o, w), .interrupted = &interrupted};
    snprintf(s.workload, sizeof(s.workload), "%s", w->name);
    snprintf(s.group, sizeof(s.group), "%s", w->group);
    snprintf(s.unit, sizeof(s.unit), "%s", w->unit);
    snprintf(s.engine, sizeof(s.engine), "%.*s", SAMPLE_NAME_MAX, e->name);
    s.operations = w->operations;
    if (options_is_linux(w)) {
        linux_command(&b->files, e, b->folder, w->name, options_iterations(b->o, w), &c);
        spec.mark = LINUX_MARK;
    } else {
        engine_command(e, b->folder, w->name, options_iterations(b->o, w), &c);
        engine_command_count(e, b->o->counters, b->stats, &c);
        pin_harts(e, pin, &spec);
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
        if (r.pinned < spec.pins.n)
            fprintf(stderr, "%s%s on %s: its harts ran where they liked\n", isatty(2) ? "\n" : "",
                    w->name, e->name);
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
    return options_is_linux(w) ? linux_runs_on(w->name, e)
                               : e->kind != ENGINE_NATIVE || (w->where != WORKLOAD_GUEST &&
                                                              w->where != WORKLOAD_GUEST_HARTS);
}

/* A workload on all engines, and each on all numbers of harts, one after the other, so that a pair
 * is near in time. */
static bool run_line(struct bench *b, const struct table_line *w, unsigned round)
{
    unsigned turn[ENGINES_MAX * COUNTS_MAX], counts = options_counts(b->o, w);
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
            return BENCH_FAILED;
        }
    }
    load_watch_fact(&load, &b->set, "load during");
    host_load(&b->set, "load after");
    snprintf(text, sizeof(text), "%.0f s", (double)(clock_now_ns() - b->begin_ns) / 1e9);
    samples_fact(&b->set, "took", text);
    if (!more)
        samples_fact(&b->set, "interrupted", "yes: some samples are missing");
    if (b->o->parts ? results_write_samples(&b->set, b->file) : results_write(&b->set, b->out))
        return BENCH_FAILED;
    fprintf(stderr, "%s%u samples%s are in %s%s\n", isatty(2) ? "\r\033[K" : "", b->done,
            b->o->parts ? "" : " and the report", b->o->parts ? b->file : b->out,
            more ? "" : " (interrupted)");
    if (!more)
        return BENCH_INTERRUPTED;
    for (size_t i = 0; i < b->set.n; i++)
        if (strcmp(b->set.samples[i].outcome, "ok"))
            return BENCH_FAILED;
    return BENCH_OK;
}

static int add_engines(struct bench *b)
{
    char names[256];
    snprintf(names, sizeof(names), "%s", b->o->engines);
    for (char *save, *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
        int n = engines_add(&b->engines, b->folder, name, 1);
        if (n < 0)
            return bench_complain(mh_last_error()->message);
        if (!n)
            fprintf(stderr, "manyhart: bench: no %s on this machine\n", name);
    }
    for (unsigned i = 0; i < b->o->peer_cmds; i++)
        if (engines_add_command(&b->engines, b->o->peer_cmd[i], 1) < 0)
            return bench_complain(mh_last_error()->message);
    return b->engines.n ? BENCH_OK : bench_complain("no engine to run on");
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
        if (!b->o->wanted[i] || !options_is_linux(&table[i]))
            continue;
        any = true;
        if (native && linux_lacks(table[i].name))
            fprintf(stderr, "manyhart: bench: no %s on this machine: not natively\n",
                    linux_lacks(table[i].name));
    }
    return any && linux_find(&b->files, b->folder, guest) ? bench_complain(mh_last_error()->message)
                                                          : BENCH_OK;
}

/* Iterations of the first workload of each kind, which others of it share. */
static void put_method(struct bench *b)
{
    char text[128];
    const struct table_line *plain = NULL, *linux_one = NULL;
    for (unsigned i = 0; i < table_size; i++)
        if (b->o->wanted[i])
            *(options_is_linux(&table[i]) ? &linux_one : &plain) = &table[i];
    int n = snprintf(text, sizeof(text), "%u rounds of", b->o->rounds);
    if (plain)
        n += snprintf(text + n, sizeof(text) - (size_t)n, " %u iterations",
                      options_iterations(b->o, plain));
    if (linux_one)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %u iterations in Linux",
                      plain ? "," : "", options_iterations(b->o, linux_one));
    snprintf(text + n, sizeof(text) - (size_t)n, ", seed %llu", (unsigned long long)b->o->seed);
    samples_fact(&b->set, "method", text);
}

static int prepare_and_run(struct bench *b)
{
    const struct options *o = b->o;
    char text[64];
    if (engines_folder(b->folder, sizeof(b->folder)))
        return bench_complain("cannot find the program's own folder");
    if (add_engines(b))
        return BENCH_USAGE;
    if (prepare_linux(b))
        return BENCH_USAGE;
    host_facts(&b->set, b->folder);
    put_method(b);
    snprintf(text, sizeof(text), "%u of %u", o->part, o->parts);
    if (o->parts)
        samples_fact(&b->set, MERGE_PART_FACT, text);
    snprintf(text, sizeof(text), "%.31s on manyhart by %u %%", o->slow ? o->slow : "",
             o->slow_percent);
    if (o->slow)
        samples_fact(&b->set, "made slower on purpose", text);
    samples_fact(&b->set, "counters", o->counters ? o->counters : "none but the simulator's");
    for (unsigned i = 0; i < table_size; i++)
        for (unsigned j = 0; j < b->engines.n; j++)
            b->all += o->wanted[i] * runs_on(&table[i], &b->engines.engine[j]) *
                      options_counts(o, &table[i]) * o->rounds;
    return open_results(b) ? BENCH_USAGE : run(b);
}

int run_bench(const struct options *o)
{
    struct bench b = {.o = o, .random = o->seed, .order = malloc(table_size * sizeof(*b.order))};
    int rc = b.order ? prepare_and_run(&b) : bench_complain("not enough host memory");
    samples_clear(&b.set);
    free(b.order);
    return rc;
}

/* ---- what it costs ------------------------------------------------------- */

static int write_overhead(const struct overhead_spec *spec, const struct engine_list *engines)
{
    int above = overhead_write(stdout, spec, engines, OVERHEAD_LIMIT);
    if (above < 0 && above != -EINTR)
        bench_complain(mh_last_error()->message);
    return above == -EINTR ? BENCH_INTERRUPTED : above ? BENCH_FAILED : BENCH_OK;
}

int run_overhead(const struct options *o)
{
    struct bench b = {.o = o};
    const char **names = calloc(table_size, sizeof(*names));
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    int rc = BENCH_USAGE;
    sigaction(SIGINT, &sa, NULL);
    if (!names || engines_folder(b.folder, sizeof(b.folder)))
        bench_complain("cannot find the program's own folder");
    else if (!add_engines(&b)) {
        struct overhead_spec spec = {.folder = b.folder,
                                     .workloads = names,
                                     .counters = o->counters,
                                     .rounds = o->rounds,
                                     .timeout_ns = options_timeout_ns(o, &table[0]),
                                     .interrupted = &interrupted};
        for (size_t i = 0; i < table_size; i++)
            if (o->wanted[i] && table[i].where == WORKLOAD_ANYWHERE)
                names[spec.n_workloads++] = table[i].name;
        rc = spec.n_workloads
                 ? write_overhead(&spec, &b.engines)
                 : bench_complain("--overhead: none of these runs natively and in a guest");
    }
    free(names);
    return rc;
}
