/* SPDX-License-Identifier: Apache-2.0 */
/* Making a program that differs small. */
#ifndef TESTS_LOCKSTEP_SHRINK_H
#define TESTS_LOCKSTEP_SHRINK_H

#include "tests/lockstep/duel.h"

/*
 * Leaves out of p what can be left out while it still differs: items, interrupts, pieces.  runs:
 * how often a difference is looked for before it counts as gone (an engine with a thread of its own
 * may not show it each time).  *found is the last difference seen, of p as it is now.
 */
void shrink(const struct duel_setup *s, struct program *p, unsigned runs,
            struct duel_result *found);

#endif
