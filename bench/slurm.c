/* SPDX-License-Identifier: Apache-2.0 */
/* See slurm.h. */
#include "bench/slurm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/child.h"
#include "sim/base/bits.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"

enum { OK = 0, FAILED = 1, USAGE = 2 };
enum { WORDS_MAX = 64 };

#define SUBMIT_TIMEOUT_S 120

/* As one word of a shell. */
static void put_quoted(FILE *out, const char *word)
{
    fputs(" '", out);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){*word, 0}, out);
    fputc('\'', out);
}

static bool is_ours(const char *word)
{
    return !strcmp(word, "--slurm") || !strncmp(word, "--slurm=", 8);
}

/* The script of the tasks, on sbatch's standard input. */
static void put_script(FILE *out, const char *program, char *const *argv, int argc,
                       const char *folder, unsigned parts)
{
    char here[4096];
    fputs("#!/bin/sh\n", out);
    if (getcwd(here, sizeof(here))) {
        fputs("cd", out);
        put_quoted(out, here);
        fputs(" || exit 1\n", out);
    }
    fputs("exec", out);
    put_quoted(out, program);
    fprintf(out, " --part \"$SLURM_ARRAY_TASK_ID/%u\"", parts);
    fputs(" --out", out);
    put_quoted(out, folder);
    for (int i = 1; i < argc; i++)
        if (!is_ours(argv[i]))
            put_quoted(out, argv[i]);
    fputc('\n', out);
}

static int write_script(char *path, const char *program, char *const *argv, int argc,
                        const char *folder, unsigned parts)
{
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f)
        return -errno;
    put_script(f, program, argv, argc, folder, parts);
    bool bad = ferror(f);
    return fclose(f) || bad ? -EIO : 0;
}

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "manyhart: bench: --slurm: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    return USAGE;
}

/* Runs sbatch; the number of the job into job. */
static int sbatch(const char *script, char *words, const char *folder, unsigned parts, char *job,
                  size_t size)
{
    char array[32], log[1100];
    const char *argv[WORDS_MAX];
    unsigned n = 0;
    struct child_spec spec = {.argv = argv, .timeout_ns = SUBMIT_TIMEOUT_S * (uint64_t)NS_PER_SEC};
    struct child_result r;

    snprintf(array, sizeof(array), "--array=0-%u", parts - 1);
    snprintf(log, sizeof(log), "--output=%s/part-%%a.log", folder);
    const char *const fixed[] = {
        "sbatch", "--parsable", "--job-name=manyhart-bench", "--exclusive", "--nodes=1",
        array,    log};
    for (; n < ARRAY_LEN(fixed); n++)
        argv[n] = fixed[n];
    for (char *save, *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        if (n == WORDS_MAX - 2)
            return complain("more words for sbatch than it takes", NULL);
        argv[n++] = w;
    }
    argv[n++] = script;
    argv[n] = NULL;
    int err = child_run(&spec, &r);
    if (err)
        return complain("sbatch does not start", error_text(err));
    r.output[strcspn(r.output, "\n")] = 0;
    bool good = r.end == CHILD_EXITED && !r.code;
    if (good)
        snprintf(job, size, "%.*s", (int)strcspn(r.output, ";"), r.output);
    else
        complain("sbatch refuses", r.output);
    free(r.output);
    return good ? OK : USAGE;
}

int slurm_submit(char *const *argv, int argc, const char *words, const char *out, unsigned parts)
{
    char script[] = "/tmp/manyhart-bench-XXXXXX", program[4096], job[64], *copy;
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (n < 0)
        return complain("cannot find the program itself", error_text(-errno));
    program[n] = 0;
    int err = write_script(script, program, argv, argc, out, parts);
    if (err)
        return complain("cannot write the script", error_text(err));
    copy = strdup(words ? words : "");
    int rc = copy ? sbatch(script, copy, out, parts, job, sizeof(job)) : USAGE;
    free(copy);
    unlink(script);
    if (!rc)
        fprintf(stderr,
                "manyhart: bench: job %s with %u parts; when they are done: manyhart bench merge "
                "%s\n",
                job, parts, out);
    return rc;
}
