/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carry-less products, permutations, AES and SM4 (crypto.h).  Called by both
 * readings of the semantics; any thread.
 *
 * Eight bytes are worked on at once inside a 64-bit word.  The S-boxes are
 * computed by their definition, an inverse in GF(2^8) between two affine maps,
 * because a table is a read at an address that depends on the data: it would
 * take its time from the cache and give the key away (Zkt).  That costs some
 * 600 host operations.  So AES uses the host's instructions where there are
 * any; those are as independent of the data, and each is one or two of them.
 * What is portable stays as their test, and for other hosts.
 */
#include "isa/riscv/crypto.h"

#include "sim/base/bits.h"

#define EACH_BYTE(c) ((c)*0x0101010101010101ull)

static uint32_t rol32(uint32_t a, unsigned n)
{
    return a << (n & 31) | a >> (-n & 31);
}

static uint32_t ror32(uint32_t a, unsigned n)
{
    return rol32(a, -n);
}

/* ---- bits ---- */

/*
 * A carry-less product by ordinary ones: the operands' bits i, i + 4, i + 8 ... leave room for the
 * carries of sums below 16, and a sum of 16 occurs in the top column only, where it falls out.
 */
uint64_t v_clmul(uint64_t a, uint64_t b)
{
    const uint64_t every_4th = 0x1111111111111111ull;
    uint64_t product = 0;

    for (unsigned column = 0; column < 4; column++) {
        uint64_t sum = 0;

        for (unsigned i = 0; i < 4; i++)
            sum ^= (a & every_4th << i) * (b & every_4th << ((column - i) & 3));
        product |= sum & every_4th << column;
    }
    return product;
}

uint64_t v_brev8(uint64_t a)
{
    a = (a >> 1 & EACH_BYTE(0x55)) | (a & EACH_BYTE(0x55)) << 1;
    a = (a >> 2 & EACH_BYTE(0x33)) | (a & EACH_BYTE(0x33)) << 2;
    return (a >> 4 & EACH_BYTE(0x0f)) | (a & EACH_BYTE(0x0f)) << 4;
}

static uint64_t reverse(uint64_t a)
{
    return __builtin_bswap64(v_brev8(a));
}

/* The product's bits from the top down are the product of the operands' bits from the top down. */
uint64_t v_clmulr(uint64_t a, uint64_t b)
{
    return reverse(v_clmul(reverse(a), reverse(b)));
}

uint64_t v_clmulh(uint64_t a, uint64_t b)
{
    return v_clmulr(a, b) >> 1;
}

uint64_t v_xperm4(uint64_t table, uint64_t index)
{
    uint64_t r = 0;

    for (unsigned i = 0; i < 64; i += 4)
        r |= (table >> 4 * (index >> i & 15) & 15) << i;
    return r;
}

uint64_t v_xperm8(uint64_t table, uint64_t index)
{
    /* 0x80 where the element is there, then 0xff. */
    uint64_t outside = index | index << 1 | index << 2 | index << 3 | index << 4;
    uint64_t there = (~outside >> 7 & EACH_BYTE(1)) * 0xff, r = 0;

    for (unsigned i = 0; i < 64; i += 8)
        r |= (table >> 8 * (index >> i & 7) & 0xff) << i;
    return r & there;
}

/* ---- GF(2^8) on eight bytes ---- */

/* Bit i of each byte as a byte of zeros or ones. */
static uint64_t spread(uint64_t a, unsigned i)
{
    return (a >> i & EACH_BYTE(1)) * 0xff;
}

/* Times x; poly is the field's polynomial without x^8. */
static ALWAYS_INLINE uint64_t times_x(uint64_t a, uint8_t poly)
{
    return (a & EACH_BYTE(0x7f)) << 1 ^ (a >> 7 & EACH_BYTE(1)) * poly;
}

static ALWAYS_INLINE uint64_t times(uint64_t a, uint64_t b, uint8_t poly)
{
    uint64_t r = 0;

    for (unsigned i = 0; i < 8; i++) {
        r ^= a & spread(b, i);
        a = times_x(a, poly);
    }
    return r;
}

/* A linear map: column i is what bit i contributes. */
static ALWAYS_INLINE uint64_t linear(uint64_t a, const uint8_t column[8])
{
    uint64_t r = 0;

    for (unsigned i = 0; i < 8; i++)
        r ^= (a >> i & EACH_BYTE(1)) * column[i];
    return r;
}

/* a^254: the inverse, and 0 for 0.  square: the field's squaring, which is linear. */
static ALWAYS_INLINE uint64_t inverse(uint64_t a, uint8_t poly, const uint8_t square[8])
{
    uint64_t a2 = linear(a, square), a3 = times(a2, a, poly);
    uint64_t a12 = linear(linear(a3, square), square), a240 = times(a12, a3, poly);

    for (unsigned i = 0; i < 4; i++) /* a^15 to a^240 */
        a240 = linear(a240, square);
    return times(times(a240, a12, poly), a2, poly);
}

/* ---- AES, portable ---- */

enum { AES_POLY = 0x1b, AES_AFFINE = 0x63 };

static const uint8_t aes_square[8] = {0x01, 0x04, 0x10, 0x40, 0x1b, 0x6c, 0xab, 0x9a};
static const uint8_t aes_affine[8] = {0x1f, 0x3e, 0x7c, 0xf8, 0xf1, 0xe3, 0xc7, 0x8f};
static const uint8_t aes_affine_inverse[8] = {0x4a, 0x94, 0x29, 0x52, 0xa4, 0x49, 0x92, 0x25};

static NOINLINE uint64_t aes_sub(uint64_t a)
{
    return linear(inverse(a, AES_POLY, aes_square), aes_affine) ^ EACH_BYTE(AES_AFFINE);
}

static NOINLINE uint64_t aes_sub_inverse(uint64_t a)
{
    return inverse(linear(a ^ EACH_BYTE(AES_AFFINE), aes_affine_inverse), AES_POLY, aes_square);
}

/* Columns 0 and 1 of the state after row r moved by `step` r columns to the left. */
static uint64_t aes_shift_rows(uint64_t low, uint64_t high, unsigned step)
{
    const uint64_t halves[2] = {low, high};
    uint64_t r = 0;

    for (unsigned i = 0; i < 8; i++) {
        unsigned column = i / 4 + step * (i % 4), from = 4 * (column & 3) + i % 4;

        r |= (halves[from / 8] >> 8 * (from % 8) & 0xff) << 8 * i;
    }
    return r;
}

/* Each column rotated by n rows. */
static uint64_t aes_rows(uint64_t a, unsigned n)
{
    return (uint64_t)ror32((uint32_t)(a >> 32), 8 * n) << 32 | ror32((uint32_t)a, 8 * n);
}

/* FIPS-197, 5.1.3: each row times 2, the next times 3, the others as they are. */
static uint64_t aes_mix(uint64_t a)
{
    uint64_t next = aes_rows(a, 1);

    return times_x(a ^ next, AES_POLY) ^ next ^ aes_rows(a, 2) ^ aes_rows(a, 3);
}

/* 5.3.3: {0b}x^3 + {0d}x^2 + {09}x + {0e} is MixColumns' polynomial times {04}x^2 + {05}. */
uint64_t aes_portable_im(uint64_t columns)
{
    uint64_t both = columns ^ aes_rows(columns, 2);

    return aes_mix(columns ^ times_x(times_x(both, AES_POLY), AES_POLY));
}

uint64_t aes_portable_es(uint64_t low, uint64_t high)
{
    return aes_sub(aes_shift_rows(low, high, 1));
}

uint64_t aes_portable_esm(uint64_t low, uint64_t high)
{
    return aes_mix(aes_portable_es(low, high));
}

uint64_t aes_portable_ds(uint64_t low, uint64_t high)
{
    return aes_sub_inverse(aes_shift_rows(low, high, 3));
}

uint64_t aes_portable_dsm(uint64_t low, uint64_t high)
{
    return aes_portable_im(aes_portable_ds(low, high));
}

/* The key schedule's word (5.2) of the substituted one: rotated, with the constant, twice. */
static uint64_t aes_key_word(uint32_t sub, uint64_t rnum)
{
    static const uint8_t round[16] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36};
    uint32_t word = (rnum == 10 ? sub : ror32(sub, 8)) ^ round[rnum & 15];

    return (uint64_t)word << 32 | word;
}

uint64_t aes_portable_ks1i(uint64_t a, uint64_t rnum)
{
    return aes_key_word((uint32_t)aes_sub(a >> 32), rnum);
}

/* ---- AES, with the host's instructions ---- */

#if defined(__x86_64__)
#include <wmmintrin.h>

#define HOST_AES              __attribute__((target("aes,sse2")))
#define HOST_STATE(low, high) _mm_set_epi64x((int64_t)(high), (int64_t)(low))
#define HOST_LOW(state)       ((uint64_t)_mm_cvtsi128_si64(state))
#define USE_HOST_AES()        __builtin_cpu_supports("aes")
#define HOST_ROUND(name, round)                                                                    \
    HOST_AES static uint64_t host_##name(uint64_t low, uint64_t high)                              \
    {                                                                                              \
        return HOST_LOW(round(HOST_STATE(low, high), _mm_setzero_si128()));                        \
    }
HOST_ROUND(es, _mm_aesenclast_si128)
HOST_ROUND(esm, _mm_aesenc_si128)
HOST_ROUND(ds, _mm_aesdeclast_si128)
HOST_ROUND(dsm, _mm_aesdec_si128)

HOST_AES static uint64_t host_im(uint64_t columns)
{
    return HOST_LOW(_mm_aesimc_si128(HOST_STATE(columns, 0)));
}

/* Its low word is the substituted word 1. */
HOST_AES static uint64_t host_ks1i(uint64_t a, uint64_t rnum)
{
    return aes_key_word((uint32_t)HOST_LOW(_mm_aeskeygenassist_si128(HOST_STATE(a, 0), 0)), rnum);
}
#else
#define USE_HOST_AES()      false
#define host_es(low, high)  0
#define host_esm(low, high) 0
#define host_ds(low, high)  0
#define host_dsm(low, high) 0
#define host_im(columns)    0
#define host_ks1i(a, rnum)  0
#endif

uint64_t v_aes64es(uint64_t low, uint64_t high)
{
    return USE_HOST_AES() ? host_es(low, high) : aes_portable_es(low, high);
}

uint64_t v_aes64esm(uint64_t low, uint64_t high)
{
    return USE_HOST_AES() ? host_esm(low, high) : aes_portable_esm(low, high);
}

uint64_t v_aes64ds(uint64_t low, uint64_t high)
{
    return USE_HOST_AES() ? host_ds(low, high) : aes_portable_ds(low, high);
}

uint64_t v_aes64dsm(uint64_t low, uint64_t high)
{
    return USE_HOST_AES() ? host_dsm(low, high) : aes_portable_dsm(low, high);
}

uint64_t v_aes64im(uint64_t columns)
{
    return USE_HOST_AES() ? host_im(columns) : aes_portable_im(columns);
}

uint64_t v_aes64ks1i(uint64_t a, uint64_t rnum)
{
    return USE_HOST_AES() ? host_ks1i(a, rnum) : aes_portable_ks1i(a, rnum);
}

/* ---- SM4 ---- */

enum { SM4_POLY = 0xf5, SM4_AFFINE = 0xd3 };

static const uint8_t sm4_square[8] = {0x01, 0x04, 0x10, 0x40, 0xf5, 0x3e, 0xf8, 0x0a};
static const uint8_t sm4_affine[8] = {0xcb, 0x97, 0x2f, 0x5e, 0xbc, 0x79, 0xf2, 0xe5};

/* The same affine map before and after the inverse. */
static uint32_t sm4_sub(uint8_t a)
{
    uint64_t x = linear(a, sm4_affine) ^ SM4_AFFINE;

    return (uint8_t)(linear(inverse(x, SM4_POLY, sm4_square), sm4_affine) ^ SM4_AFFINE);
}

/* The standard's words have their first byte on top, those in registers at the bottom. */
static uint32_t sm4_byte(uint64_t b, uint64_t bs)
{
    return sm4_sub((uint8_t)(b >> 8 * bs)) << 8 * (3 - bs);
}

static uint64_t sm4_result(uint64_t a, uint32_t word)
{
    return (uint64_t)(int32_t)((uint32_t)a ^ __builtin_bswap32(word));
}

/* L of the round function. */
uint64_t v_sm4ed(uint64_t a, uint64_t b, uint64_t bs)
{
    uint32_t x = sm4_byte(b, bs);

    return sm4_result(a, x ^ rol32(x, 2) ^ rol32(x, 10) ^ rol32(x, 18) ^ rol32(x, 24));
}

/* L' of the key schedule. */
uint64_t v_sm4ks(uint64_t a, uint64_t b, uint64_t bs)
{
    uint32_t x = sm4_byte(b, bs);

    return sm4_result(a, x ^ rol32(x, 13) ^ rol32(x, 23));
}
