/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operands for the bit-manipulation and cryptography instructions, and their
 * results by the processor that runs this: shared by the oracle's program
 * (tests/tools/crypto_oracle.c) and the guest test (crypto_vectors.c), so that
 * operands need not be stored.  Operands i of an instruction are a function of
 * i alone: all pairs of corner values, then words in which every byte takes
 * every value (the S-boxes are functions of a byte), then random ones.
 */
#ifndef CRYPTO_VECTORS_H
#define CRYPTO_VECTORS_H

#include <stdint.h>

enum { CRYPTO_GROUP = 256, CRYPTO_GROUPS = 8, CRYPTO_VECTORS = CRYPTO_GROUP * CRYPTO_GROUPS };

struct crypto_operands {
    uint64_t a, b;
};

static const uint64_t crypto_corners[] = {
    0x0000000000000000, 0x0000000000000001, 0xffffffffffffffff, 0x8000000000000000,
    0x7fffffffffffffff, 0x0000000080000000, 0x000000007fffffff, 0x00000000ffffffff,
    0xffffffff00000000, 0xffffffff80000000, 0x0000000100000000, 0x5555555555555555,
    0xaaaaaaaaaaaaaaaa, 0x0123456789abcdef, 0xfedcba9876543210, 0x0706050403020100,
    0x0f0e0d0c0b0a0908, 0x8080808080808080, 0x6363636363636363, 0x00000000ffff8000,
    0x00000000000080ff,
};
enum { CRYPTO_CORNERS = sizeof(crypto_corners) / sizeof(crypto_corners[0]) };

/* splitmix64 */
static inline uint64_t crypto_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline struct crypto_operands crypto_operands(uint64_t i)
{
    const uint64_t pairs = CRYPTO_CORNERS * CRYPTO_CORNERS;
    uint64_t state = i;
    struct crypto_operands v = {crypto_random(&state), crypto_random(&state)};

    if (i < pairs) {
        v.a = crypto_corners[i % CRYPTO_CORNERS];
        v.b = crypto_corners[i / CRYPTO_CORNERS];
    } else if (i < pairs + 256) {
        v.a = v.b = 0;
        for (unsigned byte = 0; byte < 8; byte++) {
            v.a |= ((i - pairs + 37 * byte) & 0xff) << 8 * byte;
            v.b |= ((i - pairs + 101 * byte + 5) & 0xff) << 8 * byte;
        }
    }
    return v;
}

static inline uint32_t crypto_hash(uint32_t hash, uint64_t result)
{
    uint64_t x = (hash ^ result) * 0x9e3779b97f4a7c15;

    x = (x ^ x >> 32) * 0xbf58476d1ce4e5b9;
    return (uint32_t)(x ^ x >> 32);
}

enum crypto_op {
#define R1(name)      CRYPTO_##name,
#define R2(name)      CRYPTO_##name,
#define I1(name, imm) CRYPTO_##name##_##imm,
#define I2(name, imm) CRYPTO_##name##_##imm,
#include "crypto_vectors.def"
#undef R1
#undef R2
#undef I1
#undef I2
    CRYPTO_OPS
};

static const char *const crypto_names[CRYPTO_OPS] = {
#define R1(name)      #name,
#define R2(name)      #name,
#define I1(name, imm) #name " " #imm,
#define I2(name, imm) #name " " #imm,
#include "crypto_vectors.def"
#undef R1
#undef R2
#undef I1
#undef I2
};

#if defined(__riscv)
static inline uint64_t crypto_execute(enum crypto_op op, struct crypto_operands v)
{
    uint64_t r = 0;

    switch (op) {
#define R1(name)                                                                                   \
    case CRYPTO_##name:                                                                            \
        __asm__(#name " %0, %1" : "=r"(r) : "r"(v.a));                                             \
        break;
#define R2(name)                                                                                   \
    case CRYPTO_##name:                                                                            \
        __asm__(#name " %0, %1, %2" : "=r"(r) : "r"(v.a), "r"(v.b));                               \
        break;
#define I1(name, imm)                                                                              \
    case CRYPTO_##name##_##imm:                                                                    \
        __asm__(#name " %0, %1, " #imm : "=r"(r) : "r"(v.a));                                      \
        break;
#define I2(name, imm)                                                                              \
    case CRYPTO_##name##_##imm:                                                                    \
        __asm__(#name " %0, %1, %2, " #imm : "=r"(r) : "r"(v.a), "r"(v.b));                        \
        break;
#include "crypto_vectors.def"
#undef R1
#undef R2
#undef I1
#undef I2
    case CRYPTO_OPS:
        break;
    }
    return r;
}

static inline uint32_t crypto_hash_group(enum crypto_op op, unsigned group)
{
    uint32_t hash = 0;

    for (uint64_t i = group * CRYPTO_GROUP; i < (group + 1) * CRYPTO_GROUP; i++)
        hash = crypto_hash(hash, crypto_execute(op, crypto_operands(i)));
    return hash;
}
#endif

#endif
