/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: verbs, their options, help, messages.  One file per verb
 * (verb_*.c); the table of verbs is in cli.c.  main() calls cli_main and
 * nothing else.  One thread.
 */
#ifndef SIM_CLI_H
#define SIM_CLI_H

#include "sim/base/bits.h"

enum cli_exit { CLI_OK = 0, CLI_FAIL = 1, CLI_USAGE = 2, CLI_CRITICAL = 3, CLI_LIMIT = 124, CLI_SIGNAL = 128 };

struct cli_option {
    const char *name; /* without the dashes */
    const char *arg;  /* what follows: "N"; NULL: nothing */
    const char *help; /* with the default in parentheses */
};

struct cli_verb {
    const char *name;
    const char *summary; /* one line for the list of verbs */
    const char *usage;   /* what follows the name */
    const char *details; /* further lines of --help, or NULL */
    const char *example;
    const struct cli_option *options;  /* sorted, ended by a NULL name */
    int (*run)(int argc, char **argv); /* argv[0] is the verb; the exit code */
};

/*
 * Called for each option (name without dashes, value or NULL) and each other word (name NULL).  A
 * value other than 0 ends the parsing and is returned.
 */
typedef int cli_take_fn(void *opaque, const char *name, const char *value);

/*
 * Parses --name VALUE, --name=VALUE, words and "--".  Unknown options and missing or superfluous
 * values are CLI_USAGE with a message.  --help prints and returns -1: the caller then exits with 0.
 */
int cli_parse(const struct cli_verb *verb, int argc, char **argv, cli_take_fn *take, void *opaque);

/* "manyhart: ..." on stderr, one line. */
void cli_message(const char *fmt, ...) MH_PRINTF(1, 2);
/* The calling thread's mh_last_error as such a line; returns CLI_USAGE. */
int cli_error(void);

int cli_main(int argc, char **argv);

extern const struct cli_verb verb_run, verb_info, verb_disasm, verb_asm, verb_bench;

/* linux.c: finds (or fetches) the set of tests/linux/fetch.sh; 0 or CLI_USAGE after a message. */
struct cli_linux {
    char kernel[4096], initrd[4096];
};
int cli_linux_find(struct cli_linux *out);

#endif
