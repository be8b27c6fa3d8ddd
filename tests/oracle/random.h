/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle's random numbers: the same on every host, from a seed that is
 * printed.  Streams with different tags from one seed are independent, so that
 * one instruction's cases do not depend on which others are tested.
 */
#ifndef TESTS_ORACLE_RANDOM_H
#define TESTS_ORACLE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static inline struct rng rng_make(uint64_t seed, const char *tag)
{
    struct rng r = {seed * 0x9e3779b97f4a7c15ull + 1};
    for (; *tag; tag++)
        r.state = (r.state ^ (uint8_t)*tag) * 0x100000001b3ull;
    rng_next(&r);
    return r;
}

/* Below n, which is above 0. */
static inline unsigned rng_below(struct rng *r, unsigned n)
{
    return (unsigned)((rng_next(r) >> 32) * n >> 32);
}

/* True once in n times. */
static inline bool rng_one_in(struct rng *r, unsigned n)
{
    return rng_below(r, n) == 0;
}

#define RNG_PICK(r, array) ((array)[rng_below((r), (unsigned)(sizeof(array) / sizeof((array)[0])))])

#endif
