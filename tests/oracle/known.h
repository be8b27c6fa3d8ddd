/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences between QEMU and manyhart that are explained: QEMU errs, or the
 * specification leaves the choice open.  The list is known.def, for people
 * sim/doc/qemu-differences.md.
 */
#ifndef TESTS_ORACLE_KNOWN_H
#define TESTS_ORACLE_KNOWN_H

#include "tests/oracle/batch.h"

enum known_id {
#define KNOWN(id, kind, section, text) KNOWN_##id,
#include "tests/oracle/known.def"
    KNOWN_COUNT
};

enum known_kind {
    QEMU_ERRS, /* what manyhart does is what the section says */
    CHOICE,    /* both are what the section says */
};

struct known {
    const char *name;
    enum known_kind kind;
    const char *section, *text;
};
extern const struct known known_differences[KNOWN_COUNT];

/* One comparison: the case and what came out of it. */
struct comparison {
    const struct guest_case *c;
    const struct case_note *note;
    struct batch *b;     /* that it is of: registers and memory before */
    struct rv_insn insn; /* under test, decoded */
    struct guest_result qemu, ours;
};

/*
 * Makes QEMU's result what ours is where a known difference explains that;
 * counts it in used.  Equal results afterwards: nothing is unexplained.
 */
void known_forgive(struct comparison *cmp, uint64_t used[KNOWN_COUNT]);

#endif
