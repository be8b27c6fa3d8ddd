/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/crypto.c against plain definitions written here: products bit by
 * bit, S-boxes by the search for an inverse, tables of elements by arrays; and the
 * host's AES instructions against the portable functions.  The instructions
 * themselves are held against QEMU and published answers by tests/guest/crypto_*.c.
 */
#include "isa/riscv/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/guest/common/crypto_vectors.h"

enum { N = CRYPTO_VECTORS };

static void test_clmul(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < N; n++) {
        struct crypto_operands v = crypto_operands(n);
        unsigned __int128 product = 0;

        for (unsigned i = 0; i < 64; i++)
            if (v.b >> i & 1)
                product ^= (unsigned __int128)v.a << i;
        assert_int_equal(v_clmul(v.a, v.b), (uint64_t)product);
        assert_int_equal(v_clmulh(v.a, v.b), (uint64_t)(product >> 64));
        assert_int_equal(v_clmulr(v.a, v.b), (uint64_t)(product >> 63));
    }
}

static void test_brev8(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < N; n++) {
        struct crypto_operands v = crypto_operands(n);
        uint64_t want = 0;

        for (unsigned i = 0; i < 64; i++)
            want |= (v.a >> i & 1) << (i ^ 7);
        assert_int_equal(v_brev8(v.a), want);
    }
}

static void test_xperm(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < N; n++) {
        struct crypto_operands v = crypto_operands(n);
        uint64_t want4 = 0, want8 = 0;

        for (unsigned i = 0; i < 16; i++)
            want4 |= (v.a >> 4 * (v.b >> 4 * i & 15) & 15) << 4 * i;
        for (unsigned i = 0; i < 8; i++) {
            uint64_t at = v.b >> 8 * i & 0xff;

            want8 |= (at < 8 ? v.a >> 8 * at & 0xff : 0) << 8 * i;
        }
        assert_int_equal(v_xperm4(v.a, v.b), want4);
        assert_int_equal(v_xperm8(v.a, v.b), want8);
    }
}

/* ---- S-boxes ---- */

static uint8_t field_times(uint8_t a, uint8_t b, unsigned poly)
{
    unsigned r = 0;

    for (unsigned i = 0; i < 8; i++)
        r ^= (b >> i & 1) * (unsigned)a << i;
    for (unsigned i = 15; i > 7; i--)
        r ^= (r >> i & 1) * poly << (i - 8);
    return (uint8_t)r;
}

static uint8_t field_inverse(uint8_t a, unsigned poly)
{
    for (unsigned b = 0; b < 256; b++)
        if (field_times(a, (uint8_t)b, poly) == 1)
            return (uint8_t)b;
    return 0;
}

/* FIPS-197, 5.1.1: bit i of b plus bits i+4 to i+7, plus 0x63. */
static uint8_t aes_sbox(uint8_t a)
{
    unsigned b = field_inverse(a, 0x11b), r = 0;

    for (unsigned i = 0; i < 8; i++)
        r |= ((b >> i ^ b >> (i + 4) % 8 ^ b >> (i + 5) % 8 ^ b >> (i + 6) % 8 ^ b >> (i + 7) % 8 ^
               0x63 >> i) &
              1)
             << i;
    return (uint8_t)r;
}

/* All values, in all four words of the state: rows of the first column do not move. */
static void test_aes_sbox(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        uint64_t word = 0x01010101ull * v, s = aes_sbox((uint8_t)v),
                 sub = s * 0x0101010101010101ull;

        assert_int_equal(aes_portable_es(word << 32 | word, word << 32 | word), sub);
        assert_int_equal(aes_portable_ds(sub, sub), word << 32 | word);
        assert_int_equal((uint32_t)aes_portable_ks1i(word << 32, 10) ^ (uint32_t)sub, 0);
    }
}

/* The first and the last line of the table in GB/T 32907, and that it is a permutation. */
static void test_sm4_sbox(void **state)
{
    static const uint8_t first[16] = {0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7,
                                      0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb, 0x2c, 0x05};
    static const uint8_t last[16] = {0x18, 0xf0, 0x7d, 0xec, 0x3a, 0xdc, 0x4d, 0x20,
                                     0x79, 0xee, 0x5f, 0x3e, 0xd7, 0xcb, 0x39, 0x48};
    uint8_t table[256], seen[256] = {0};

    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        /* sm4ks is L'(s) = s + (s <<< 13) + (s <<< 23), bytes reversed: one s gives it. */
        uint32_t ks = __builtin_bswap32((uint32_t)v_sm4ks(0, (uint64_t)v << 24, 3));

        table[v] = 0;
        for (uint32_t s = 0; s < 256; s++)
            if ((s ^ s << 13 ^ s << 23 ^ s >> 9) == ks)
                table[v] = (uint8_t)s;
        seen[table[v]]++;
    }
    assert_memory_equal(table, first, 16);
    assert_memory_equal(table + 240, last, 16);
    for (unsigned v = 0; v < 256; v++)
        assert_int_equal(seen[v], 1);
}

/* ---- the host's instructions ---- */

static void test_host_aes_is_portable(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < N; n++) {
        struct crypto_operands v = crypto_operands(n);

        assert_int_equal(v_aes64es(v.a, v.b), aes_portable_es(v.a, v.b));
        assert_int_equal(v_aes64esm(v.a, v.b), aes_portable_esm(v.a, v.b));
        assert_int_equal(v_aes64ds(v.a, v.b), aes_portable_ds(v.a, v.b));
        assert_int_equal(v_aes64dsm(v.a, v.b), aes_portable_dsm(v.a, v.b));
        assert_int_equal(v_aes64im(v.a), aes_portable_im(v.a));
        assert_int_equal(v_aes64ks1i(v.a, n % 11), aes_portable_ks1i(v.a, n % 11));
    }
}

/* InvMixColumns undoes MixColumns: a round and its reverse are the identity. */
static void test_aes_rounds_undo(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < N; n++) {
        struct crypto_operands v = crypto_operands(n);
        uint64_t low = aes_portable_esm(v.a, v.b), high = aes_portable_esm(v.b, v.a);

        assert_int_equal(aes_portable_ds(aes_portable_im(low), aes_portable_im(high)), v.a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clmul),           cmocka_unit_test(test_brev8),
        cmocka_unit_test(test_xperm),           cmocka_unit_test(test_aes_sbox),
        cmocka_unit_test(test_sm4_sbox),        cmocka_unit_test(test_host_aes_is_portable),
        cmocka_unit_test(test_aes_rounds_undo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
