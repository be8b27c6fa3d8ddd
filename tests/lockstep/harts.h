/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Harts that write each other's code, on a machine that runs on threads.  What
 * comes out does not depend on who is faster, so it is known beforehand.
 */
#ifndef TESTS_LOCKSTEP_HARTS_H
#define TESTS_LOCKSTEP_HARTS_H

#include "tests/lockstep/duel.h"

struct harts_counts {
    uint64_t calls, patches, ipis, maps;
};

/*
 * Makes program number index of the seed and runs it on the engine; adds up what it did.  False:
 * something came out wrong; then it was told, and the program was made small and printed.
 */
bool harts_run(const struct duel_setup *setup, const char *engine, uint64_t seed, unsigned index,
               unsigned runs, struct harts_counts *counts);

#endif
