/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 8-byte loads and stores at odd addresses of 64 KiB: one of eight crosses a line, one of 512 a
 * page.  C leaves such an access open and gcc makes one instruction of it, which is what is wanted;
 * through memcpy() or a packed struct the guest's would be eight byte accesses.
 */
#include "workload.h"

enum { WORDS = 8192, ROUNDS = 64 };

#define UNALIGNED NOINLINE __attribute__((no_sanitize("alignment")))

static UNALIGNED uint64_t load_all(const unsigned char *p)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < WORDS; i++)
        sum += *(const volatile uint64_t *)(p + i * 8);
    return sum;
}

static UNALIGNED void store_all(unsigned char *p, uint64_t v)
{
    for (size_t i = 0; i < WORDS; i++)
        *(volatile uint64_t *)(p + i * 8) = v + i;
}

static unsigned char *bytes_new(struct arena *a)
{
    unsigned char *p = arena_alloc(a, WORDS + 1, 8, 4096);
    for (size_t i = 0; i < (WORDS + 1) * 8; i++)
        p[i] = (unsigned char)(i * 11 + (i >> 8));
    return p;
}

/* The word at p, byte by byte. */
static uint64_t word_at(const unsigned char *p)
{
    uint64_t v = 0;
    for (unsigned k = 8; k--;)
        v = v << 8 | p[k];
    return v;
}

void *unaligned_load_setup(struct arena *a)
{
    unsigned char *p = bytes_new(a);
    uint64_t sum = 0;

    for (size_t i = 0; i < WORDS; i++)
        sum += word_at(p + 3 + i * 8);
    workload_require(load_all(p + 3) == sum, "sum of the words");
    return p;
}

uint64_t unaligned_load_run(void *state)
{
    const unsigned char *p = state;
    uint64_t sum = 0;

    for (unsigned r = 0; r < ROUNDS; r++)
        for (unsigned offset = 1; offset < 8; offset += 2)
            sum = sum * 31 + load_all(p + offset);
    return sum;
}

void *unaligned_store_setup(struct arena *a)
{
    unsigned char *p = bytes_new(a);

    store_all(p + 5, 0x0123456789abcdefu);
    for (size_t i = 0; i < WORDS; i++)
        workload_require(word_at(p + 5 + i * 8) == 0x0123456789abcdefu + i, "words stored");
    return p;
}

uint64_t unaligned_store_run(void *state)
{
    unsigned char *p = state;
    uint64_t sum = 0;

    for (unsigned r = 0; r < ROUNDS; r++)
        for (unsigned offset = 1; offset < 8; offset += 2) {
            store_all(p + offset, (uint64_t)(r + 1) << 32 | offset);
            sum = sum * 31 + ((const uint64_t *)p)[1 + (r * 97 + offset) % (WORDS - 1)];
        }
    for (size_t i = 0; i <= WORDS; i++)
        sum = checksum_add(sum, ((const uint64_t *)p)[i]);
    return sum;
}
