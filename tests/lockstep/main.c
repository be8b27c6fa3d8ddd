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
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/clock.h"
#include "tests/lockstep/harts.h"
#include "tests/lockstep/shrink.h"

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
    struct harts_counts counts;
    char **argv;
    int argc;
    uint64_t insns, traps, irqs;
    unsigned done, ended, failures;
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

/* --- a program that kills this process is told as well --- */

static volatile sig_atomic_t running_index;
static uint64_t running_seed;

static void died(int sig)
{
    char text[96];
    int n = snprintf(text, sizeof(text), "lockstep: signal %d in program %d of seed %" PRIu64 "\n",
                     sig, (int)running_index, running_seed);
    ssize_t rc = write(2, text, (size_t)n);
    (void)rc;
    signal(sig, SIG_DFL);
    raise(sig);
}

static void watch_signals(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTERM, SIGALRM};
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction a = {.sa_handler = died, .sa_flags = SA_NODEFER};
        sigaction(signals[i], &a, NULL);
    }
}

/* --- failures --- */

/* The command line without what chooses the programs. */
static void print_command(const struct lockstep *l, unsigned index)
{
    printf("repeat: %s --seed %" PRIu64 " --only %u --engine-a %s --engine-b %s", l->argv[0],
           l->seed, index, l->setup.engine[0], l->setup.engine[1]);
    if (l->harts)
        printf(" --harts");
    if (l->setup.step)
        printf(" --step");
    if (l->setup.change)
        printf(" --switch");
    if (l->setup.memory_often)
        printf(" --memory");
    for (unsigned i = 0; i < l->setup.option_count; i++)
        printf(" --option %s", l->setup.options[i]);
    for (unsigned i = 0; i < l->setup.second_option_count; i++)
        printf(" --option-b %s", l->setup.second_options[i]);
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

static void fail(struct lockstep *l, struct program *p, struct duel_result *r)
{
    printf("\nprogram %u of seed %" PRIu64 " differs between %s and %s%s\n", p->index, p->seed,
           l->setup.engine[0], l->setup.engine[1], l->setup.step ? " (A stepped)" : "");
    print_found(l, p, r);
    print_command(l, p->index);
    if (!l->no_shrink) {
        unsigned items = program_items(p);
        shrink(&l->setup, p, l->runs, r);
        printf("shrunken from %u items to %u:\n", items, program_items(p));
        print_found(l, p, r);
    }
    duel_explain(&l->setup, p, r, stdout);
    print_pieces(l, p);
    program_print(p, stdout);
    print_command(l, p->index);
    fflush(stdout);
}

/* --- all of it --- */

static void run_program(struct lockstep *l, unsigned index)
{
    static struct program p;
    static struct duel_result r;
    running_index = (sig_atomic_t)index;
    program_make(&p, l->seed, index);
    if (l->only)
        program_print(&p, stdout);
    duel_run(&l->setup, &p, &r);
    l->insns += r.insns;
    l->traps += r.traps;
    l->irqs += r.irqs;
    l->done++;
    l->ended += r.ended;
    if (l->verbose || l->only)
        printf("program %u: %u items, %u pieces, %" PRIu64 " instructions, %" PRIu64
               " exceptions, %" PRIu64 " interrupts%s%s\n",
               index, program_items(&p), r.piece + 1, r.insns, r.traps, r.irqs,
               r.ended ? "" : ", not ended", r.differs ? ", differs" : "");
    if (r.differs) {
        l->failures++;
        fail(l, &p, &r);
    }
}

static void run_harts(struct lockstep *l, unsigned index)
{
    running_index = (sig_atomic_t)index;
    l->done++;
    if (harts_run(&l->setup, l->setup.engine[1], l->seed, index, l->runs, &l->counts))
        return;
    l->failures++;
    print_command(l, index);
}

static void print_summary(const struct lockstep *l, double seconds)
{
    printf("lockstep: seed %" PRIu64 ", ", l->seed);
    if (l->harts)
        printf("harts on %s: %u programs, %" PRIu64 " calls, %" PRIu64
               " instructions written, %" PRIu64 " rounds of interrupts",
               l->setup.engine[1], l->done, l->counts.calls, l->counts.patches, l->counts.ipis);
    else
        printf("%s and %s%s%s: %u programs (%u came to their end), %" PRIu64
               " instructions, %" PRIu64 " exceptions, %" PRIu64 " interrupts",
               l->setup.engine[0], l->setup.engine[1], l->setup.step ? ", stepped" : "",
               l->setup.change ? ", changing" : "", l->done, l->ended, l->insns, l->traps, l->irqs);
    printf(", %u %s (%.1f s)\n", l->failures, l->harts ? "went wrong" : "differ", seconds);
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
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (duel_check(&l.setup))
        return 77;
    running_seed = l.seed;
    watch_signals();
    uint64_t begin = clock_now_ns();
    for (unsigned i = 0; i < l.programs && l.failures < l.max_failures; i++) {
        if (l.seconds && clock_now_ns() - begin > l.seconds * 1000000000ull)
            break;
        (l.harts ? run_harts : run_program)(&l, l.first + i);
    }
    print_summary(&l, (double)(clock_now_ns() - begin) / 1e9);
    return l.failures ? 1 : 0;
}
