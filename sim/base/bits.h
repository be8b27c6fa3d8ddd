/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small helpers on integers and pointers that every folder uses.  Pure
 * functions and macros; any thread.
 */
#ifndef SIM_BASE_BITS_H
#define SIM_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define likely(x)                       __builtin_expect(!!(x), 1)
#define unlikely(x)                     __builtin_expect(!!(x), 0)
#define ALWAYS_INLINE                   inline __attribute__((always_inline))
#define NOINLINE                        __attribute__((noinline))
#define COLD                            __attribute__((cold, noinline))
#define CACHE_LINE                      64
#define CACHE_ALIGNED                   _Alignas(CACHE_LINE)
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define MH_PRINTF(f, a)                 __attribute__((format(printf, f, a)))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ull << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

/* Physical and virtual addresses of the guest, in bytes. */
typedef uint64_t gpa_t;
typedef uint64_t gva_t;

/* Bits [hi:lo] of x, right-aligned. */
static inline uint64_t bits_get(uint64_t x, unsigned hi, unsigned lo)
{
    return (x >> lo) & (~0ull >> (63 - (hi - lo)));
}

static inline bool bit_test(uint64_t x, unsigned n)
{
    return (x >> n) & 1;
}

/*
 * Which words of a set of bits are not 0, as long as they are few: for sets that are large and
 * cleared often.  More than SPARSE_LISTED: not all are listed.  Zeroed, it is that of no bits.
 */
#define SPARSE_LISTED 60
struct sparse {
    unsigned count;
    uint16_t word[SPARSE_LISTED];
};

static inline void sparse_set(uint64_t *bits, struct sparse *s, unsigned n)
{
    uint64_t *word = &bits[n / 64];
    if (!*word && s->count < SPARSE_LISTED)
        s->word[s->count++] = (uint16_t)(n / 64);
    else if (!*word)
        s->count = SPARSE_LISTED + 1;
    *word |= 1ull << (n % 64);
}

static inline void sparse_clear(uint64_t *bits, size_t words, struct sparse *s)
{
    if (s->count > SPARSE_LISTED)
        memset(bits, 0, words * sizeof(*bits));
    else
        for (unsigned i = 0; i < s->count; i++)
            bits[s->word[i]] = 0;
    s->count = 0;
}

/* The low n bits of x (1..64) as a signed number. */
static inline int64_t sext(uint64_t x, unsigned n)
{
    return (int64_t)(x << (64 - n)) >> (64 - n);
}

static inline uint64_t align_down(uint64_t x, uint64_t a)
{
    return x & ~(a - 1);
}

static inline uint64_t align_up(uint64_t x, uint64_t a)
{
    return (x + a - 1) & ~(a - 1);
}

static inline bool is_pow2(uint64_t x)
{
    return x && !(x & (x - 1));
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Whether [a, a+alen) and [b, b+blen) share a byte; no overflow for ranges that end at 2^64. */
static inline bool ranges_overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
    if (!alen || !blen)
        return false;
    return a <= b ? b - a < alen : a - b < blen;
}

#endif
