/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 (ISO-HDLC), a byte at a time: a chain of dependent table look-ups. */
#include "workload.h"

enum { SIZE = 512 * 1024 };

struct crc {
    uint32_t table[256];
    uint8_t bytes[SIZE];
};

static NOINLINE uint32_t crc_of(const struct crc *c, const uint8_t *bytes, size_t n)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++)
        crc = c->table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
    return ~crc;
}

void *crc32_setup(struct arena *a)
{
    struct crc *c = ARENA_NEW(a, struct crc, 1);

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t v = i;
        for (int k = 0; k < 8; k++)
            v = v & 1 ? v >> 1 ^ 0xedb88320u : v >> 1;
        c->table[i] = v;
    }
    for (unsigned i = 0; i < SIZE; i++)
        c->bytes[i] = (uint8_t)(i * 7 + (i >> 8));
    workload_require(crc_of(c, (const uint8_t *)"123456789", 9) == 0xcbf43926, "CRC of 123456789");
    return c;
}

uint64_t crc32_run(void *state)
{
    struct crc *c = state;
    return crc_of(c, c->bytes, SIZE);
}
