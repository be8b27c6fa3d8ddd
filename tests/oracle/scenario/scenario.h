/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random scenarios whose outcome is compared between simulators: a program makes
 * each from a number of its own, does it, and notes everything that may be seen
 * of it.  What was noted becomes a hash, printed for every CHUNK scenarios; where
 * two simulators differ, scenario.sh runs the chunk again with tell=1, and each
 * scenario prints its notes.
 *
 * Where a scenario goes on from what the one before left (SCENARIO_GOES_ON), all
 * before the first are done, too.
 *
 * Arguments (--append, -append): seed=N first=N count=N tell=1.
 * M-mode drives.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "common/paging.h"

#define CHUNK 32
#ifndef SCENARIO_GOES_ON
#define SCENARIO_GOES_ON 0
#endif

static uint64_t scenario_random, scenario_hash;
static bool scenario_tells;

static inline uint64_t scenario_mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdUL;
    x ^= x >> 29;
    x *= 0xc4ceb9fe1a85ec53UL;
    return x ^ x >> 32;
}

static inline uint64_t any(void)
{
    return scenario_mix(scenario_random += 0x9e3779b97f4a7c15UL);
}

/* 0 .. n - 1 */
static inline unsigned any_of(unsigned n)
{
    return (unsigned)(any() >> 11) % n;
}

static inline bool percent(unsigned p)
{
    return any_of(100) < p;
}

static inline void note(const char *what, uint64_t v)
{
    scenario_hash = scenario_mix(scenario_hash * 31 + v + 1);
    if (scenario_tells)
        guest_printf(" %s=%lx", what, v);
}

/* What the scenario is made of: told, but the same everywhere, so not part of the outcome. */
static inline void setting(const char *what, uint64_t v)
{
    if (scenario_tells)
        guest_printf(" %s:%lx", what, v);
}

static inline int scenario_run(void (*scenario)(void))
{
    uint64_t seed = guest_argument("seed", 1), first = guest_argument("first", 0);
    uint64_t count = guest_argument("count", 320);
    bool tell = guest_argument("tell", 0);
    for (uint64_t i = SCENARIO_GOES_ON ? 0 : first; i < first + count; i++) {
        scenario_tells = tell && i >= first;
        scenario_random = scenario_mix(seed * 1000003 + i + 1);
        if (scenario_tells)
            guest_printf("scenario %lu:", i);
        scenario();
        if (scenario_tells)
            guest_printf("\n");
        if (i % CHUNK == CHUNK - 1 && i >= first)
            guest_printf("chunk %lu %lx\n", i / CHUNK * CHUNK, scenario_hash);
        if (i % CHUNK == CHUNK - 1)
            scenario_hash = 0;
    }
    guest_printf("scenarios %lu\n", count);
    return 0;
}

#endif
