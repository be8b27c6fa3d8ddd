/* SPDX-License-Identifier: Apache-2.0 */
/* Sieve of Eratosthenes, one byte a number: stores with a stride. */
#include "workload.h"

enum { LIMIT = 256 * 1024 };

void *sieve_setup(struct arena *a)
{
    uint8_t *composite = ARENA_NEW(a, uint8_t, LIMIT);
    /* OEIS A007053: primes up to 2^18 */
    workload_require(sieve_run(composite) == 23000, "number of primes below 2^18");
    return composite;
}

uint64_t sieve_run(void *state)
{
    uint8_t *composite = state;
    uint64_t primes = 0;

    for (unsigned i = 0; i < LIMIT; i++)
        composite[i] = 0;
    for (unsigned i = 2; i < LIMIT; i++) {
        if (composite[i])
            continue;
        primes++;
        for (unsigned j = 2 * i; j < LIMIT; j += i)
            composite[j] = 1;
    }
    return primes;
}
