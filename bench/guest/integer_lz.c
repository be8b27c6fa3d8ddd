/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LZ77: the nearest earlier place with the same hash of four bytes, greedily.  A packed text is a
 * list of
 *     L < 128           L + 1 bytes follow, as they are
 *     M >= 128, d, d'   copy M - 124 bytes from d + 256 d' bytes before
 */
#include "workload.h"

enum {
    SIZE = 256 * 1024,
    HASH_BITS = 14,
    SHORTEST = 4,
    LONGEST = 131,
    FARTHEST = 65535,
    RUN = 128
};

struct lz {
    uint32_t last[1 << HASH_BITS]; /* place + 1 of the last four bytes with this hash */
    uint8_t text[SIZE], packed[SIZE + SIZE / RUN + 1], unpacked[SIZE];
};

static unsigned hash_at(const uint8_t *p)
{
    uint32_t v = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return v * 0x9e3779b1u >> (32 - HASH_BITS);
}

static size_t match_length(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
    size_t n = 0;
    while (n < LONGEST && b + n < end && a[n] == b[n])
        n++;
    return n;
}

static uint8_t *put_literals(uint8_t *out, const uint8_t *from, const uint8_t *to)
{
    while (from < to) {
        size_t n = (size_t)(to - from) < RUN ? (size_t)(to - from) : RUN;
        *out++ = (uint8_t)(n - 1);
        while (n--)
            *out++ = *from++;
    }
    return out;
}

static NOINLINE size_t pack(struct lz *z)
{
    const uint8_t *p = z->text, *end = p + SIZE, *literal = p;
    uint8_t *out = z->packed;

    for (unsigned i = 0; i < 1u << HASH_BITS; i++)
        z->last[i] = 0;
    while (p + SHORTEST <= end) {
        uint32_t *last = &z->last[hash_at(p)];
        const uint8_t *from = z->text + *last - 1;
        size_t n = *last && p - from <= FARTHEST ? match_length(from, p, end) : 0;
        *last = (uint32_t)(p - z->text) + 1;
        if (n < SHORTEST) {
            p++;
            continue;
        }
        out = put_literals(out, literal, p);
        *out++ = (uint8_t)(n - SHORTEST + 128);
        *out++ = (uint8_t)(p - from);
        *out++ = (uint8_t)((p - from) >> 8);
        literal = p += n;
    }
    return (size_t)(put_literals(out, literal, end) - z->packed);
}

static NOINLINE size_t unpack(struct lz *z, size_t size)
{
    const uint8_t *p = z->packed, *end = p + size;
    uint8_t *out = z->unpacked;

    while (p < end) {
        unsigned n = *p++;
        if (n < 128) {
            for (unsigned i = 0; i <= n; i++)
                *out++ = *p++;
        } else {
            const uint8_t *from = out - (p[0] | (unsigned)p[1] << 8);
            for (p += 2, n -= 128 - SHORTEST; n; n--)
                *out++ = *from++;
        }
    }
    return (size_t)(out - z->unpacked);
}

void *lz_setup(struct arena *a)
{
    struct lz *z = ARENA_NEW(a, struct lz, 1);
    bool same = true;

    text_fill(z->text, SIZE);
    size_t packed = pack(z), unpacked = unpack(z, packed);
    for (size_t i = 0; i < SIZE; i++)
        same = same && z->text[i] == z->unpacked[i];
    workload_require(same && unpacked == SIZE, "what was packed and unpacked again");
    workload_require(packed < SIZE * 3 / 4, "size of the packed text");
    return z;
}

uint64_t lz_run(void *state)
{
    struct lz *z = state;
    size_t packed = pack(z);
    uint64_t sum = checksum_add(unpack(z, packed), packed);

    for (size_t i = 0; i < packed; i += 16)
        sum = checksum_add(sum, z->packed[i]);
    for (size_t i = 0; i < SIZE; i += 16)
        sum = checksum_add(sum, z->unpacked[i]);
    return sum;
}
