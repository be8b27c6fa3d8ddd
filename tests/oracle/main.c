/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle: generates bare-metal programs from the table of instructions,
 * runs each under QEMU and under manyhart, and compares all that came out.
 * Exit codes: 0 no difference that is not explained, 1 some, 2 bad usage or a
 * machine that does not run.  sim/doc/oracle.md has the whole story.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/forms.h"
#include "tests/oracle/parts.h"

static const char usage[] =
    "usage: oracle --qemu PROGRAM --runtime ELF [option...] PART...\n"
    "  PART               insns, csrs, streams\n"
    "  --seed N           of everything random (default 1)\n"
    "  --scale N          N times as many cases of insns and csrs (default 1)\n"
    "  --stream-insns N   instructions of streams, in all (default 200000)\n"
    "  --stream N         begin with stream number N of the seed\n"
    "  --filter NAME      only this instruction (insns)\n"
    "  --isa ISA          the processor of both (default: all that manyhart has)\n"
    "  --engine ENGINE    of manyhart\n"
    "  --report PREFIX    write PREFIX.txt and PREFIX.json: comparisons of each instruction and "
    "CSR\n"
    "  --min N            fail if an instruction had fewer comparisons (with all of part insns)\n"
    "  --max-reports N    differences told in full (default 10)\n"
    "  --keep FILE        write the ELF of a batch that differs\n"
    "  --timeout SECONDS  for one run of a machine (default 60)\n"
    "  --flaw NAME        falsify manyhart's results of that instruction: must be found\n";

enum {
    OPT_QEMU = 256,
    OPT_RUNTIME,
    OPT_SEED,
    OPT_SCALE,
    OPT_STREAM_INSNS,
    OPT_STREAM,
    OPT_FILTER,
    OPT_ISA,
    OPT_ENGINE,
    OPT_REPORT,
    OPT_MIN,
    OPT_MAX_REPORTS,
    OPT_KEEP,
    OPT_TIMEOUT,
    OPT_FLAW,
};

static const struct option long_options[] = {
    {"qemu", required_argument, NULL, OPT_QEMU},
    {"runtime", required_argument, NULL, OPT_RUNTIME},
    {"seed", required_argument, NULL, OPT_SEED},
    {"scale", required_argument, NULL, OPT_SCALE},
    {"stream-insns", required_argument, NULL, OPT_STREAM_INSNS},
    {"stream", required_argument, NULL, OPT_STREAM},
    {"filter", required_argument, NULL, OPT_FILTER},
    {"isa", required_argument, NULL, OPT_ISA},
    {"engine", required_argument, NULL, OPT_ENGINE},
    {"report", required_argument, NULL, OPT_REPORT},
    {"min", required_argument, NULL, OPT_MIN},
    {"max-reports", required_argument, NULL, OPT_MAX_REPORTS},
    {"keep", required_argument, NULL, OPT_KEEP},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"flaw", required_argument, NULL, OPT_FLAW},
    {0}};

struct options {
    const char *runtime, *report;
    unsigned min;
};

static int form_by_name(const char *name)
{
    for (int form = 1; form < RV_FORM_COUNT; form++)
        if (!strcmp(rv_forms()[form].name, name))
            return form;
    return -1;
}

static bool take_option(struct oracle *o, struct options *opt, int id, const char *value)
{
    char *end = NULL;
    uint64_t number = strtoull(value, &end, 0);
    bool is_number = *value && !*end;
    switch (id) {
    case OPT_QEMU:
        o->machines.qemu = value;
        return true;
    case OPT_RUNTIME:
        opt->runtime = value;
        return true;
    case OPT_SEED:
        o->seed = number;
        return is_number;
    case OPT_SCALE:
        o->scale = (unsigned)number;
        return is_number && number;
    case OPT_STREAM_INSNS:
        o->stream_insns = number;
        return is_number;
    case OPT_STREAM:
        o->stream_first = (unsigned)number;
        return is_number;
    case OPT_FILTER:
        o->filter = value;
        return form_by_name(value) > 0;
    case OPT_ISA:
        o->machines.isa = value;
        return true;
    case OPT_ENGINE:
        o->machines.engine = value;
        return true;
    case OPT_REPORT:
        opt->report = value;
        return true;
    case OPT_MIN:
        opt->min = (unsigned)number;
        return is_number;
    case OPT_MAX_REPORTS:
        o->compare.report_max = (unsigned)number;
        return is_number;
    case OPT_KEEP:
        o->keep = value;
        return true;
    case OPT_TIMEOUT:
        o->machines.timeout_s = (unsigned)number;
        return is_number && number;
    case OPT_FLAW:
        o->compare.flaw = form_by_name(value);
        return o->compare.flaw > 0;
    }
    return false;
}

static bool take_options(struct oracle *o, struct options *opt, int argc, char **argv)
{
    int id;
    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (id == '?' || !take_option(o, opt, id, optarg)) {
            if (id != '?')
                fprintf(stderr, "oracle: bad value '%s' of %s\n", optarg, argv[optind - 2]);
            return false;
        }
    }
    return o->machines.qemu && opt->runtime && optind < argc;
}

int oracle_run_batch(struct oracle *o, unsigned *bad, unsigned max)
{
    unsigned failed, count;
    if (!o->batch.case_count)
        return 0;
    failed = machines_run(&o->machines, &o->batch);
    count = compare_batch(&o->compare, &o->machines, &o->batch, bad, max);
    if ((failed || count) && o->keep)
        machines_save(&o->batch, o->keep);
    for (unsigned i = 0; i < MACHINES; i++)
        if (failed & 1u << i)
            printf("%s did not come to the end of the batch: case %" PRIu64 " of %u\n",
                   i == MACHINE_QEMU ? "qemu" : "manyhart",
                   ((const uint64_t *)(const void *)(o->machines.ram[i] + ORACLE_CTX -
                                                     ORACLE_RAM))[CTX_INDEX / 8],
                   o->batch.case_count);
    if (!bad)
        batch_reset(&o->batch, o->seed);
    return failed ? -1 : (int)count;
}

static int run_part(struct oracle *o, const char *name)
{
    static const struct {
        const char *name;
        int (*run)(struct oracle *o);
    } parts[] = {{"insns", oracle_insns}, {"csrs", oracle_csrs}, {"streams", oracle_streams}};
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (!strcmp(name, parts[i].name))
            return parts[i].run(o);
    fprintf(stderr, "oracle: no part '%s'\n", name);
    return -1;
}

static void print_summary(const struct oracle *o)
{
    uint64_t insns = 0, csrs = 0, known = 0;
    for (unsigned form = 1; form < RV_FORM_COUNT; form++)
        insns += coverage_insn(&o->coverage, form);
    for (unsigned i = 0; i < CSRS; i++)
        for (unsigned mode = 0; mode < MODES; mode++)
            csrs += o->coverage.csrs[i][mode];
    for (unsigned i = 0; i < KNOWN_COUNT; i++)
        known += o->coverage.known[i];
    printf("oracle: seed %" PRIu64 ", %" PRIu64 " comparisons of instructions, %" PRIu64
           " of CSRs, %" PRIu64 " streams of %" PRIu64 " instructions; %" PRIu64
           " differences explained, %" PRIu64 " not (qemu %.1f s, manyhart %.1f s)\n",
           o->seed, insns, csrs, o->coverage.streams, o->coverage.stream_insns, known,
           o->coverage.unexplained, o->machines.seconds[MACHINE_QEMU],
           o->machines.seconds[MACHINE_MANYHART]);
}

static int run_parts(struct oracle *o, const struct options *opt, char **parts)
{
    int code = 0;
    for (; *parts; parts++) {
        int rc = run_part(o, *parts);
        if (rc)
            code = rc < 0 ? 2 : code ? code : 1;
    }
    if (opt->min && coverage_short(&o->coverage, &o->machines, opt->min) && !code)
        code = 1;
    if (opt->report && coverage_write(&o->coverage, &o->machines, opt->report, o->seed)) {
        fprintf(stderr, "oracle: cannot write %s.txt and .json\n", opt->report);
        code = 2;
    }
    print_summary(o);
    return code;
}

int main(int argc, char **argv)
{
    static struct oracle o = {.machines = {.timeout_s = 60, .ram_fd = -1},
                              .compare = {.report_max = 10, .report_each = 2, .flaw = -1},
                              .seed = 1,
                              .scale = 1,
                              .stream_insns = 200000};
    struct options opt = {0};
    int code = 2;
    o.compare.coverage = &o.coverage;
    if (!take_options(&o, &opt, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    o.compare.seed = o.seed;
    if (!batch_init(&o.batch, opt.runtime) && !machines_init(&o.machines))
        code = run_parts(&o, &opt, argv + optind);
    machines_fini(&o.machines);
    batch_fini(&o.batch);
    return code;
}
