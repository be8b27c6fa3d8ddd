/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What executes instructions.  engines.def names the engines there are; each
 * guest has a struct engine for each of them, which says what it cannot do.  A
 * hart holds a pointer to the one it is with, and its run loop calls through
 * it: one indirect call a round, and a round is some thousand instructions.
 *
 * A hart may change engines between two rounds: the old one gives its state
 * back (sync_from), the new one takes it over (sync_to).  Between the two the
 * architectural state is that in the guest's hart structure and nowhere else.
 *
 * All functions run on the hart's thread, or on any one thread while the hart
 * has none.
 */
#ifndef ISA_ENGINE_H
#define ISA_ENGINE_H

#include "smp/hart.h"

enum guest_engine {
#define ENGINE(id, name, summary) ENGINE_##id,
#include "isa/engines.def"
#undef ENGINE
    ENGINE_COUNT
};

struct engine {
    enum guest_engine id;
    const char *missing; /* why this guest has no such engine; NULL: it has, and all below is set */
    unsigned overrun;    /* run executes at most so many instructions after the alarm is raised */
    /* Executes until the alarm is raised, or something needs the run loop: attention, exception. */
    void (*run)(struct hart *h);
    /* Executes one instruction at most; hart.limit must be one instruction ahead. */
    void (*step)(struct hart *h);
    /* Whether some of the state is elsewhere than in the hart structure. */
    bool (*needs_sync)(const struct hart *h);
    void (*sync_from)(struct hart *h); /* brings the state back into it */
    void (*sync_to)(struct hart *h);   /* derives from it what the engine needs */
};

/* The word for --engine, and what it does; NULL beyond the last. */
const char *engine_name(unsigned id);
const char *engine_summary(unsigned id);

#endif
