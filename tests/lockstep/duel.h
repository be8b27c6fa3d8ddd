/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two machines that execute the same program piece by piece, and what differs
 * between them after a piece.
 */
#ifndef TESTS_LOCKSTEP_DUEL_H
#define TESTS_LOCKSTEP_DUEL_H

#include "sim/include/manyhart.h"
#include "tests/lockstep/program.h"

enum { OPTIONS_MAX = 16, REPORT_BYTES = 8192 };

struct duel_setup {
    const char *engine[2];
    bool step;         /* the first machine executes instruction by instruction */
    bool change;       /* the second one changes between both engines */
    unsigned reuse;    /* so many programs run on the same machines; 0, 1: each has its own */
    bool memory_often; /* memory is compared after each piece */
    const char *options[OPTIONS_MAX], *second_options[OPTIONS_MAX]; /* KEY=VALUE */
    unsigned option_count, second_option_count;
    unsigned flaw, flawed; /* operations: the second machine's program has the one for the other */
};

struct duel_result {
    bool differs;
    unsigned piece;  /* after which it was seen */
    uint64_t before; /* instructions and traps of the pieces before */
    uint64_t insns, traps, irqs;
    bool ended;                /* the program came to its end */
    char report[REPORT_BYTES]; /* the differences, a line each */
};

/*
 * Exits with the reason when a machine or an engine cannot be had.  With reuse, machines are new
 * for a program whose number is a multiple of it, or when there are none yet.
 */
void duel_run(const struct duel_setup *s, const struct program *p, struct duel_result *out);
/* Steps through the piece that differs and tells what the first machine executed in it. */
void duel_explain(const struct duel_setup *s, const struct program *p,
                  const struct duel_result *found, FILE *out);
/* A machine that is built, with the setup's options; second ones if the engine is the second. */
struct mh_machine *duel_machine(const struct duel_setup *s, const char *engine, unsigned harts);
/* Exits with the library's last error unless rc is 0. */
void duel_must(int rc, const char *what);
/* 0, or -ENOTSUP: there is no such engine; the reason was printed. */
int duel_check(const struct duel_setup *s);

#endif
