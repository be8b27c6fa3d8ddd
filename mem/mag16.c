/* SPDX-License-Identifier: Apache-2.0 */
/* Atomic accesses inside an aligned 16 bytes: see mag16.h.  Any thread. */
#include "mem/mag16.h"

typedef unsigned __int128 u128;

static uint64_t low_bytes(uint64_t v, unsigned size)
{
    return v & UINT64_MAX >> (64 - 8 * size);
}

/* ---- an aligned 16 bytes ---- */

static u128 join(const uint64_t half[2])
{
    return (u128)half[1] << 64 | half[0];
}

/* *found is what was there; true when it was replaced. */
static bool swap_whole(void *base, u128 *found, u128 desired)
{
    uint64_t old[2] = {(uint64_t)*found, (uint64_t)(*found >> 64)};
    const uint64_t new[2] = {(uint64_t)desired, (uint64_t)(desired >> 64)};
    bool swapped = amo_cas128(base, old, new);

    *found = join(old);
    return swapped;
}

/* Zero for zero changes nothing, and tells what is there. */
static u128 load_by_swap(void *base)
{
    u128 found = 0;

    (void)swap_whole(base, &found, 0);
    return found;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* An aligned 16-byte move is atomic where there is AVX (SDM 3A, 9.1.1; AMD manual 2, 7.3.2). */
static u128 load_whole(void *base)
{
    __m128i v;
    uint64_t half[2];

    if (unlikely(!__builtin_cpu_supports("avx")))
        return load_by_swap(base);
    __asm__ volatile("movdqa %1, %0" : "=x"(v) : "m"(*(const __m128i *)base));
    _mm_storeu_si128((__m128i *)(void *)half, v);
    return join(half);
}
#else
static u128 load_whole(void *base)
{
    return load_by_swap(base);
}
#endif

/* ---- a part of it ---- */

struct part {
    void *base;     /* aligned to 16 */
    unsigned shift; /* bits below the part */
    unsigned size;
};

static struct part part_of(const void *p, unsigned size)
{
    uintptr_t addr = (uintptr_t)p;

    return (struct part){(char *)p - (addr & 15), 8 * (unsigned)(addr & 15), size};
}

static uint64_t part_get(const struct part *part, u128 whole)
{
    return low_bytes((uint64_t)(whole >> part->shift), part->size);
}

static u128 part_set(const struct part *part, u128 whole, uint64_t v)
{
    u128 mask = (u128)low_bytes(UINT64_MAX, part->size) << part->shift;

    return (whole & ~mask) | ((u128)v << part->shift & mask);
}

static bool in_8(const void *p, unsigned size)
{
    return ((uintptr_t)p & 7) + size <= 8;
}

uint64_t mag16_load(const void *p, unsigned size)
{
    struct part part = part_of(p, size);

    if (in_8(p, size)) {
        const uint64_t *word = (const uint64_t *)part.base + part.shift / 64;

        return low_bytes(load_relaxed(word) >> part.shift % 64, size);
    }
    return part_get(&part, load_whole(part.base));
}

void mag16_store(void *p, unsigned size, uint64_t value)
{
    (void)mag16_amo(p, size, AMO_SWAP, value);
}

/* Moved to the top, the values compare as 64-bit ones. */
static uint64_t amo_result(enum amo_op op, unsigned size, uint64_t a, uint64_t b)
{
    unsigned up = 64 - 8 * size;

    switch (op) {
    case AMO_SWAP:
        return b;
    case AMO_ADD:
        return a + b;
    case AMO_XOR:
        return a ^ b;
    case AMO_AND:
        return a & b;
    case AMO_OR:
        return a | b;
    default:
        return amo_minmax_64(op, a << up, b << up) >> up;
    }
}

uint64_t mag16_amo(void *p, unsigned size, enum amo_op op, uint64_t v)
{
    struct part part = part_of(p, size);
    u128 whole = load_whole(part.base);

    while (!swap_whole(part.base, &whole,
                       part_set(&part, whole, amo_result(op, size, part_get(&part, whole), v))))
        ;
    return part_get(&part, whole);
}

uint64_t mag16_cas(void *p, unsigned size, uint64_t expected, uint64_t desired)
{
    struct part part = part_of(p, size);
    u128 whole = load_whole(part.base);

    expected = low_bytes(expected, size);
    while (part_get(&part, whole) == expected &&
           !swap_whole(part.base, &whole, part_set(&part, whole, desired)))
        ;
    return part_get(&part, whole);
}
