/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the examples share: a machine without devices to speak of, a program of
 * a few instruction words put into its memory, and an end with a message when a
 * call fails.  Only the public header is used.
 */
#ifndef TESTS_EXAMPLES_PROGRAM_H
#define TESTS_EXAMPLES_PROGRAM_H

#include "sim/include/manyhart.h"

#include <stdio.h>
#include <stdlib.h>

#define RAM 0x80000000ull

/* Ends the example unless rc is 0. */
static inline void must(int rc, const char *what)
{
    if (!rc)
        return;
    fprintf(stderr, "%s: %d %s %s: %s\n", what, rc, mh_last_error()->param, mh_last_error()->value,
            mh_last_error()->message);
    exit(1);
}

/* Ends the example unless it holds. */
static inline void expect(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "not so: %s\n", what);
    exit(1);
}

/* An initialised machine whose harts begin at RAM with the words given. */
static inline struct mh_machine *machine_with(const uint32_t *words, size_t count, unsigned harts)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    mh_config_default(&cfg);
    cfg.harts = harts;
    cfg.memory_size = 4 << 20;
    cfg.console = "none";
    cfg.pin = "none";
    must(mh_machine_create(&m, &cfg), "create");
    must(mh_machine_init(m), "init");
    must(mh_memory_write(m, (mh_gpa){RAM}, words, count * sizeof(*words)), "write");
    for (unsigned i = 0; i < harts; i++) {
        struct mh_hart_state s = {.pc = RAM};
        must(mh_hart_set_state(m, i, &s), "set state");
    }
    return m;
}

#endif
