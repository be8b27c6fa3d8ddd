/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers for tests, from MH_SEED or the clock (splitmix64).
 */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed, rng;

static inline uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static inline uint64_t random_64(void)
{
    return mix(rng += 0x9e3779b97f4a7c15ull);
}

static inline unsigned below(unsigned n)
{
    return (unsigned)(random_64() % n);
}

static inline bool one_in(unsigned n)
{
    return !below(n);
}

static inline int open_seed(void **state)
{
    (void)state;
    const char *given = getenv("MH_SEED");
    seed = rng = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("MH_SEED=%#lx\n", (unsigned long)seed);
    return 0;
}

#endif
