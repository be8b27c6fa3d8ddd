/* SPDX-License-Identifier: Apache-2.0 */
/* Recursive Fibonacci number: calls and returns, 2 fib(n + 1) - 1 of them. */
#include "workload.h"

enum { N = 27, VALUE = 196418 };

/* The second call's result is hidden: else the compiler makes a loop of it. */
static NOINLINE uint64_t fib_of(unsigned n)
{
    if (n < 2)
        return n;
    uint64_t a = fib_of(n - 1), b = fib_of(n - 2);
    OPAQUE(b);
    return a + b;
}

void *fib_setup(struct arena *a)
{
    unsigned *n = ARENA_NEW(a, unsigned, 1);
    *n = N;
    workload_require(fib_run(n) == VALUE, "the Fibonacci number");
    return n;
}

uint64_t fib_run(void *state)
{
    return fib_of(*(unsigned *)state);
}
