/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies and fills, written out so that host and guest execute the same loop.  The checksum takes a
 * word of each page (4 KiB: of each copy); the words it takes are spoiled first, so that it tells
 * whether this iteration wrote them.
 */
#include "workload.h"

enum { SMALL_WORDS = 4096 / 8, LARGE_WORDS = 16 * 1024 * 1024 / 8, SMALL_ROUNDS = 4096 };
enum { PAGE_WORDS = 4096 / 8, SAMPLE_STRIDE = PAGE_WORDS + 1, SHIFT_PAGES = 37 };

struct buffers {
    uint64_t *src, *dst;
};

/* n is a multiple of 4. */
static NOINLINE void copy_words(uint64_t *restrict dst, const uint64_t *restrict src, size_t n)
{
    for (size_t i = 0; i < n; i += 4) {
        uint64_t a = src[i], b = src[i + 1], c = src[i + 2], d = src[i + 3];
        dst[i] = a;
        dst[i + 1] = b;
        dst[i + 2] = c;
        dst[i + 3] = d;
    }
}

static NOINLINE void fill_words(uint64_t *dst, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i += 4) {
        dst[i] = v;
        dst[i + 1] = v;
        dst[i + 2] = v;
        dst[i + 3] = v;
    }
}

/* 4 KiB and the next destination GAP bytes behind the source. */
static struct buffers *buffers_new(struct arena *a, size_t words, size_t gap)
{
    struct buffers *b = ARENA_NEW(a, struct buffers, 1);
    uint64_t seed = 21;

    b->src = arena_alloc(a, words, sizeof(uint64_t), 4096);
    arena_alloc(a, gap, 1, 4096);
    b->dst = arena_alloc(a, words, sizeof(uint64_t), 4096);
    for (size_t i = 0; i < words; i++)
        b->src[i] = random_next(&seed);
    return b;
}

/* ---- 4 KiB ---- */
void *memcpy_4k_setup(struct arena *a)
{
    struct buffers *b = buffers_new(a, SMALL_WORDS, 0);
    memcpy_4k_run(b);
    for (size_t i = 0; i < SMALL_WORDS; i++)
        workload_require(b->dst[i] == b->src[i], "the copy");
    return b;
}

/* Before each copy another word of the source changes. */
uint64_t memcpy_4k_run(void *state)
{
    struct buffers *b = state;
    uint64_t sum = 0;

    for (unsigned r = 0; r < SMALL_ROUNDS; r++) {
        b->src[r % SMALL_WORDS] = r;
        copy_words(b->dst, b->src, SMALL_WORDS);
        sum = sum * 31 + b->dst[r % SMALL_WORDS];
    }
    return sum;
}

void *memset_4k_setup(struct arena *a)
{
    struct buffers *b = buffers_new(a, SMALL_WORDS, 0);
    memset_4k_run(b);
    for (size_t i = 0; i < SMALL_WORDS; i++)
        workload_require(b->dst[i] == SMALL_ROUNDS - 1, "the fill");
    return b;
}

uint64_t memset_4k_run(void *state)
{
    struct buffers *b = state;
    uint64_t sum = 0;

    for (unsigned r = 0; r < SMALL_ROUNDS; r++) {
        fill_words(b->dst, r, SMALL_WORDS);
        sum = sum * 31 + b->dst[r % SMALL_WORDS];
    }
    return sum;
}

/* ---- 16 MiB ---- */
static void samples_spoil(uint64_t *p)
{
    for (size_t i = 0; i < LARGE_WORDS; i += SAMPLE_STRIDE)
        p[i] = ~i;
}

static uint64_t samples_sum(const uint64_t *p)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < LARGE_WORDS; i += SAMPLE_STRIDE)
        sum = checksum_add(sum, p[i]);
    return sum;
}

static uint64_t copy_large(const struct buffers *b)
{
    samples_spoil(b->dst);
    copy_words(b->dst, b->src, LARGE_WORDS);
    return samples_sum(b->dst);
}

static void *copy_setup(struct arena *a, size_t gap)
{
    struct buffers *b = buffers_new(a, LARGE_WORDS, gap);
    copy_large(b);
    for (size_t i = 0; i < LARGE_WORDS; i++)
        workload_require(b->dst[i] == b->src[i], "the copy");
    return b;
}

void *memcpy_16m_setup(struct arena *a)
{
    return copy_setup(a, SHIFT_PAGES * 4096);
}

uint64_t memcpy_16m_run(void *state)
{
    return copy_large(state);
}

void *memcpy_16m_apart_setup(struct arena *a)
{
    struct buffers *b = copy_setup(a, 0);
    workload_require((uintptr_t)b->dst - (uintptr_t)b->src == 16 * MIB, "distance of the buffers");
    return b;
}

uint64_t memcpy_16m_apart_run(void *state)
{
    return copy_large(state);
}

#define FILL 0x5a5a5a5a5a5a5a5au

void *memset_16m_setup(struct arena *a)
{
    uint64_t *p = arena_alloc(a, LARGE_WORDS, sizeof(uint64_t), 4096);
    memset_16m_run(p);
    for (size_t i = 0; i < LARGE_WORDS; i++)
        workload_require(p[i] == FILL, "the fill");
    return p;
}

uint64_t memset_16m_run(void *state)
{
    samples_spoil(state);
    fill_words(state, FILL, LARGE_WORDS);
    return samples_sum(state);
}
