/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One load from each of 8192 pages, again and again: more pages than a TLB holds, while the lines
 * touched (512 KiB, each in another place of its page) stay in a cache.
 */
#include "workload.h"

enum { PAGE = 4096, LINE = 64, PAGES = 8192, ROUNDS = 8 };

static size_t place_of(size_t i)
{
    return i * PAGE + i % (PAGE / LINE) * LINE;
}

static NOINLINE uint64_t walk(const unsigned char *memory)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < PAGES; i++)
        sum += *(const uint64_t *)(memory + place_of(i));
    return sum;
}

void *pages_setup(struct arena *a)
{
    unsigned char *memory = arena_alloc(a, PAGES, PAGE, PAGE);

    for (size_t i = 0; i < PAGES; i++)
        *(uint64_t *)(memory + place_of(i)) = i;
    workload_require(walk(memory) == (uint64_t)PAGES * (PAGES - 1) / 2, "sum over the pages");
    return memory;
}

uint64_t pages_run(void *state)
{
    uint64_t sum = 0;
    for (unsigned r = 0; r < ROUNDS; r++) {
        FORGET_MEMORY();
        sum = sum * 31 + walk(state);
    }
    return sum;
}
