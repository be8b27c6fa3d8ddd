/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lockstep: random programs on two engines, compared after each piece.  See
 * sim/doc/lockstep.md.
 *
 * Exit codes: 0 nothing differs, 1 something does, 2 it could not run, 77 there
 * is no such engine.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/clock.h"
#include "tests/lockstep/harts.h"
#include "tests/lockstep/shrink.h"
#include "tests/lockstep/trial.h"

static const char usage[] =
    "usage: lockstep [option...]\n"
    "  --seed S           of everything random (default 1)\n"
    "  --programs N       how many (default 1000)\n"
    "  --seconds N        begin no more programs after so long\n"
    "  --first N          number of the first program (default 0)\n"
    "  --only N           program N alone, and print it\n"
    "  --engine-a NAME    the engine that is right (default interp)\n"
    "  --engine-b NAME    the other (default hybrid)\n"
    "  --step             A executes instruction by instruction\n"
    "  --switch           B's hart moves between both engines\n"
    "  --harts            programs for 2 to 4 harts that write each other's code, on B alone\n"
    "  --reuse N          N programs in turn on the same machines\n"
    "  --memory           compare memory after each piece\n"
    "  --option K=V       a parameter of both machines' configuration; again for more\n"
    "  --option-b K=V     of the second machine alone\n"
    "  --flaw OP=OTHER    B's program has OTHER for each OP (full size): must be found\n"
    "  --max-failures N   stop after so many (default 1)\n"
    "  --no-shrink        do not make a program that differs small\n"
    "  --runs N           how often to look for a difference while shrinking (default 1)\n"
    "  --verbose          a line for each program\n";

enum {
    OPT_SEED = 256,
    OPT_PROGRAMS,
    OPT_SECONDS,
    OPT_FIRST,
    OPT_ONLY,
    OPT_ENGINE_A,
    OPT_ENGINE_B,
    OPT_STEP,
    OPT_SWITCH,
    OPT_HARTS,
    OPT_REUSE,
    OPT_MEMORY,
    OPT_OPTION,
    OPT_OPTION_B,
    OPT_FLAW,
    OPT_MAX_FAILURES,
    OPT_NO_SHRINK,
    OPT_RUNS,
    OPT_VERBOSE,
};

static const struct option long_options[] = {
    {"seed", required_argument, NULL, OPT_SEED},
    {"programs", required_argument, NULL, OPT_PROGRAMS},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"first", required_argument, NULL, OPT_FIRST},
    {"only", required_argument, NULL, OPT_ONLY},
    {"engine-a", required_argument, NULL, OPT_ENGINE_A},
    {"engine-b", required_argument, NULL, OPT_ENGINE_B},
    {"step", no_argument, NULL, OPT_STEP},
    {"switch", no_argument, NULL, OPT_SWITCH},
    {"harts", no_argument, NULL, OPT_HARTS},
    {"reuse", required_argument, NULL, OPT_REUSE},
    {"memory", no_argument, NULL, OPT_MEMORY},
    {"option", required_argument, NULL, OPT_OPTION},
    {"option-b", required_argument, NULL, OPT_OPTION_B},
    {"flaw", required_argument, NULL, OPT_FLAW},
    {"max-failures", required_argument, NULL, OPT_MAX_FAILURES},
    {"no-shrink", no_argument, NULL, OPT_NO_SHRINK},
    {"runs", required_argument, NULL, OPT_RUNS},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    {0}};

struct lockstep {
    struct duel_setup setup;
    uint64_t seed;
    unsigned programs, first, max_failures, runs, seconds;
    bool only, no_shrink, verbose, harts;
    char **argv;
    uint64_t begin_ns;
    unsigned failures;
    struct progress *progress;
};

/* What the process that runs the programs has done; its parent reads it. */
struct progress {
    unsigned next; /* program */
    unsigned done, ended;
    uint64_t insns, traps, irqs;
    struct harts_counts counts;
    bool found;                /* program `next` is the one */
    struct duel_result result; /* its difference */
};

static bool take_number(struct lockstep *l, int id, uint64_t number)
{
    switch (id) {
    case OPT_SEED:
        l->seed = number;
        return true;
    case OPT_PROGRAMS:
        l->programs = (unsigned)number;
        return true;
    case OPT_SECONDS:
        l->seconds = (unsigned)number;
        l->programs = UINT32_MAX;
        return true;
    case OPT_ONLY:
        l->only = true;
        l->programs = 1;
        l->first = (unsigned)number;
        return true;
    case OPT_FIRST:
        l->first = (unsigned)number;
        return true;
    case OPT_MAX_FAILURES:
        l->max_failures = (unsigned)number;
        return number;
    case OPT_REUSE:
        l->setup.reuse = (unsigned)number;
        return number;
    case OPT_RUNS:
        l->runs = (unsigned)number;
        return number;
    }
    return false;
}

static unsigned op_by_name(const char *name, size_t len)
{
    for (unsigned op = 1; op < RV_OP_COUNT; op++)
        if (strlen(rv_op_info(op)->name) == len && !memcmp(rv_op_info(op)->name, name, len))
            return op;
    return 0;
}

static bool take_flaw(struct duel_setup *s, const char *value)
{
    size_t len = strcspn(value, "=");
    s->flaw = op_by_name(value, len);
    s->flawed = value[len] ? op_by_name(value + len + 1, strlen(value + len + 1)) : 0;
    return s->flaw && s->flawed && rv_op_info(s->flaw)->mask == rv_op_info(s->flawed)->mask;
}

static bool take_option(struct lockstep *l, int id, const char *value)
{
    struct duel_setup *s = &l->setup;
    char *end = NULL;
    switch (id) {
    case OPT_ENGINE_A:
        s->engine[0] = value;
        return true;
    case OPT_ENGINE_B:
        s->engine[1] = value;
        return true;
    case OPT_STEP:
        return s->step = true;
    case OPT_SWITCH:
        return s->change = true;
    case OPT_HARTS:
        return l->harts = true;
    case OPT_MEMORY:
        return s->memory_often = true;
    case OPT_NO_SHRINK:
        return l->no_shrink = true;
    case OPT_VERBOSE:
        return l->verbose = true;
    case OPT_FLAW:
        return take_flaw(s, value);
    case OPT_OPTION:
        return s->option_count < OPTIONS_MAX && (s->options[s->option_count++] = value);
    case OPT_OPTION_B:
        return s->second_option_count < OPTIONS_MAX &&
               (s->second_options[s->second_option_count++] = value);
    }
    uint64_t number = value ? strtoull(value, &end, 0) : 0;
    return end && end != value && !*end && take_number(l, id, number);
}

static bool take_options(struct lockstep *l, int argc, char **argv)
{
    int id;
    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (id == '?' || !take_option(l, id, optarg)) {
            if (id != '?')
                fprintf(stderr, "lockstep: bad value of %s\n", argv[optind - 1]);
            return false;
        }
    }
    return optind == argc;
}

/* --- failures --- */

/* A command line that repeats the programs from first to last. */
static void print_command(const struct lockstep *l, unsigned first, unsigned last)
{
    const struct duel_setup *s = &l->setup;
    printf("repeat: %s --seed %" PRIu64, l->argv[0], l->seed);
    if (first == last)
        printf(" --only %u", first);
    else
        printf(" --first %u --programs %u --reuse %u", first, last - first + 1, s->reuse);
    printf(" --engine-a %s --engine-b %s%s%s%s%s", s->engine[0], s->engine[1],
           l->harts ? " --harts" : "", s->step ? " --step" : "", s->change ? " --switch" : "",
           s->memory_often ? " --memory" : "");
    for (unsigned i = 0; i < s->option_count; i++)
        printf(" --option %s", s->options[i]);
    for (unsigned i = 0; i < s->second_option_count; i++)
        printf(" --option-b %s", s->second_options[i]);
    if (l->runs != 1)
        printf(" --runs %u", l->runs);
    putchar('\n');
}

static void print_found(const struct lockstep *l, const struct program *p,
                        const struct duel_result *r)
{
    printf("first seen after piece %u (of %u instructions%s%s), which began at instruction %" PRIu64
           "\n",
           r->piece, p->pieces[r->piece].insns, p->pieces[r->piece].irq ? ", interrupt" : "",
           p->pieces[r->piece].change && l->setup.change ? ", change of engine" : "", r->before);
    printf("  %-8s %-18s  %s%s\n%s", "", l->setup.engine[0], l->setup.engine[1],
           l->setup.change ? " (changing)" : "", r->report);
}

static void print_pieces(const struct lockstep *l, const struct program *p)
{
    printf("pieces:");
    for (unsigned i = 0; i < p->piece_count && i < 64; i++)
        printf(" %s%s%u", p->pieces[i].irq ? "irq+" : "",
               p->pieces[i].change && l->setup.change ? "change+" : "", p->pieces[i].insns);
    puts(p->piece_count > 64 ? " ..." : "");
}

/* False: it takes the programs before, on the same machines. */
static bool differs_alone(struct lockstep *l, struct program *p, struct duel_result *r)
{
    static struct duel_result again;
    unsigned reuse = l->setup.reuse;
    if (reuse < 2)
        return true;
    l->setup.reuse = 0;
    again.differs = false;
    for (unsigned i = 0; i < l->runs && !again.differs; i++)
        trial_run(&l->setup, p, &again);
    if (again.differs)
        *r = again;
    else
        l->setup.reuse = reuse;
    return again.differs;
}

static void fail(struct lockstep *l, struct program *p, struct duel_result *r)
{
    unsigned reuse = l->setup.reuse;
    printf("\nprogram %u of seed %" PRIu64 " differs between %s and %s%s\n", p->index, p->seed,
           l->setup.engine[0], l->setup.engine[1], l->setup.step ? " (A stepped)" : "");
    print_found(l, p, r);
    if (differs_alone(l, p, r)) {
        print_command(l, p->index, p->index);
        if (!l->no_shrink) {
            unsigned items = program_items(p);
            shrink(&l->setup, p, l->runs, r);
            printf("shrunken from %u items to %u:\n", items, program_items(p));
            print_found(l, p, r);
        }
    } else {
        puts("it does not differ on machines of its own; the whole program:");
    }
    duel_explain(&l->setup, p, r, stdout);
    print_pieces(l, p);
    program_print(p, stdout);
    print_command(l, p->index - (l->setup.reuse ? p->index % l->setup.reuse : 0), p->index);
    l->setup.reuse = reuse;
    fflush(stdout);
}

/* --- all of it --- */

static void count(struct lockstep *l, const struct program *p)
{
    struct progress *g = l->progress;
    const struct duel_result *r = &g->result;
    g->insns += r->insns;
    g->traps += r->traps;
    g->irqs += r->irqs;
    g->ended += r->ended;
    g->done++;
    if (l->verbose || l->only)
        printf("program %u: %u items, %u pieces, %" PRIu64 " instructions, %" PRIu64
               " exceptions, %" PRIu64 " interrupts%s%s\n",
               p->index, program_items(p), r->piece + 1, r->insns, r->traps, r->irqs,
               r->ended ? "" : ", not ended", r->differs ? ", differs" : "");
}

/* True: it differs. */
static bool run_program(struct lockstep *l)
{
    static struct program p;
    program_make(&p, l->seed, l->progress->next);
    if (l->only)
        program_print(&p, stdout);
    duel_run(&l->setup, &p, &l->progress->result);
    count(l, &p);
    return l->progress->result.differs;
}

static bool run_harts(struct lockstep *l)
{
    l->progress->done++;
    return !harts_run(&l->setup, l->setup.engine[1], l->seed, l->progress->next, l->runs,
                      &l->progress->counts);
}

static bool more(const struct lockstep *l)
{
    return l->progress->next - l->first < l->programs &&
           (!l->seconds || clock_now_ns() - l->begin_ns < l->seconds * 1000000000ull);
}

/* In a process of its own: until one is found, or there are no more. */
static void run_programs(void *opaque)
{
    struct lockstep *l = opaque;
    for (; more(l); l->progress->next++) {
        trial_alive();
        if (l->harts ? run_harts(l) : run_program(l)) {
            l->progress->found = true;
            return;
        }
    }
}

static void tell_failure(struct lockstep *l, const char *death)
{
    static struct program p;
    struct progress *g = l->progress;
    if (death && l->harts)
        printf("program %u of seed %" PRIu64 " for several harts on %s:\n%s", g->next, l->seed,
               l->setup.engine[1], death);
    if (l->harts) {
        print_command(l, g->next, g->next);
        return;
    }
    if (death)
        snprintf(g->result.report, sizeof(g->result.report), "%s", death);
    program_make(&p, l->seed, g->next);
    fail(l, &p, &g->result);
}

static void run_all(struct lockstep *l)
{
    struct progress *g = l->progress;
    g->next = l->first;
    while (more(l) && l->failures < l->max_failures) {
        char death[128];
        g->found = false;
        memset(&g->result, 0, sizeof(g->result));
        int rc = trial_call(run_programs, l, TRIAL_SECONDS, death, sizeof(death));
        if (!rc && !g->found)
            return;
        l->failures++;
        tell_failure(l, g->found ? NULL : death);
        g->next++;
    }
}

static void print_summary(const struct lockstep *l)
{
    const struct progress *g = l->progress;
    printf("lockstep: seed %" PRIu64 ", ", l->seed);
    if (l->harts)
        printf("harts on %s: %u programs, %" PRIu64 " calls, %" PRIu64
               " instructions written, %" PRIu64 " rounds of interrupts, %" PRIu64 " mappings",
               l->setup.engine[1], g->done, g->counts.calls, g->counts.patches, g->counts.ipis,
               g->counts.maps);
    else
        printf("%s and %s%s%s: %u programs (%u came to their end), %" PRIu64
               " instructions, %" PRIu64 " exceptions, %" PRIu64 " interrupts",
               l->setup.engine[0], l->setup.engine[1], l->setup.step ? ", stepped" : "",
               l->setup.change ? ", changing" : "", g->done, g->ended, g->insns, g->traps, g->irqs);
    printf(", %u %s (%.1f s)\n", l->failures, l->harts ? "went wrong" : "differ",
           (double)(clock_now_ns() - l->begin_ns) / 1e9);
}

int main(int argc, char **argv)
{
    static struct lockstep l = {
        .setup = {.engine = {"interp", "hybrid"}},
        .seed = 1,
        .programs = 1000,
        .max_failures = 1,
        .runs = 1,
    };
    if (!take_options(&l, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    l.argv = argv;
    l.progress = trial_shared(sizeof(*l.progress));
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (duel_check(&l.setup))
        return 77;
    l.begin_ns = clock_now_ns();
    run_all(&l);
    print_summary(&l);
    return l.failures ? 1 : 0;
}
