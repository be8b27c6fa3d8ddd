/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a workload can run on: the host itself, an engine of manyhart, a peer.  Each
 * becomes a command line for one workload.  One thread.
 */
#ifndef BENCH_ENGINES_H
#define BENCH_ENGINES_H

#include <stdbool.h>

#include "bench/samples.h"

enum engine_kind { ENGINE_NATIVE, ENGINE_MANYHART, ENGINE_QEMU, ENGINE_COMMAND };

struct engine {
    enum engine_kind kind;
    char name[SAMPLE_NAME_MAX + 1]; /* of the samples: "native", "interp", "QEMU 10.0.2" */
    char program[512];              /* a path, or a name for PATH; a whole command for COMMAND */
    unsigned harts;
    bool team;             /* what it runs is for several harts */
    unsigned slow_percent; /* manyhart's engines: iterations take so much longer (driver.h) */
};

enum { ENGINES_MAX = 8, COMMAND_WORDS = 24 };

struct engine_list {
    struct engine engine[ENGINES_MAX];
    unsigned n;
};

/* Where the build put the programs: the folder of the running one. 0 or -errno. */
int engines_folder(char *buf, size_t size);

/*
 * Adds an engine by name: "native", an engine of manyhart, or "qemu", which adds each QEMU for
 * RISC-V that is here (in PATH, and the newest one that tests/tools/fetch-qemu.sh has fetched).
 * Returns how many it added; 0 if none is here; -EINVAL: unknown or too many, with the reason in
 * mh_last_error().
 */
int engines_add(struct engine_list *list, const char *folder, const char *name, unsigned harts);

/*
 * Adds any other simulator: "NAME=COMMAND".  In the words of COMMAND, which spaces separate,
 * {image} stands for the program for QEMU's virt machine, {htif} for the one that ends by HTIF,
 * {words} for what goes into its command line (one word), {harts} for their number.  Returns 1;
 * -EINVAL: no name, no command, or neither image in it, with the reason in mh_last_error().
 */
int engines_add_command(struct engine_list *list, const char *text, unsigned harts);

/* Whether it is an engine of manyhart, by the name in a sample. */
bool engine_is_ours(const char *name);

/* The command of one run; text holds what argv points to. */
struct command {
    const char *argv[COMMAND_WORDS];
    char text[COMMAND_WORDS][1024];
};

/*
 * Adds to a command what is to be counted: events of the host as for `manyhart run --counters`
 * (NULL: none), and the file for manyhart's statistics.  A peer counts nothing.
 */
void engine_command_count(const struct engine *e, const char *counters, const char *stats,
                          struct command *c);

/* What the threads of a QEMU's harts are called, up to the hart's number. */
#define ENGINE_QEMU_THREAD "CPU "

void engine_command(const struct engine *e, const char *folder, const char *workload,
                    unsigned iterations, struct command *c);

#endif
