/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests mem/mag16.c: each access at each place inside an aligned 16 bytes against
 * bytes and plain arithmetic, and that nobody sees a part of one or loses one.
 */
#include "mem/mag16.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static _Alignas(16) uint8_t area[48], copy[48];

static const uint64_t values[] = {
    0,     1,          0x7f,      0x80, 0xffff, 0x8000, 0x7fffffff, 0x80000000, 0x123456789abcdef0,
    ~0ull, 1ull << 63, ~0ull >> 1};

/* Calls fn for each size and place. */
static void each_place(void (*fn)(unsigned at, unsigned size))
{
    for (unsigned size = 1; size <= 8; size *= 2)
        for (unsigned at = 16; at + size <= 32; at++) {
            assert_true(mag16_contains((uintptr_t)area + at, size));
            for (unsigned i = 0; i < sizeof(area); i++)
                area[i] = copy[i] = (uint8_t)(37 * i + 11 * at + size);
            fn(at, size);
            assert_memory_equal(area, copy, sizeof(area));
        }
}

static uint64_t bytes_at(unsigned at, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, copy + at, size);
    return v;
}

static void check_load(unsigned at, unsigned size)
{
    assert_int_equal(mag16_load(area + at, size), bytes_at(at, size));
}

static void check_store(unsigned at, unsigned size)
{
    const uint64_t v = 0xf1e2d3c4b5a69788;

    mag16_store(area + at, size, v);
    memcpy(copy + at, &v, size);
}

static void check_cas(unsigned at, unsigned size)
{
    uint64_t old = bytes_at(at, size), v = ~old + 1, above = size < 8 ? 1ull << 8 * size : 0;

    assert_int_equal(mag16_cas(area + at, size, old ^ 1, v), old);
    assert_memory_equal(area, copy, sizeof(area));
    assert_int_equal(mag16_cas(area + at, size, old + above, v), old);
    memcpy(copy + at, &v, size);
    assert_int_equal(mag16_load(area + at, size), bytes_at(at, size));
}

/* The same operation on an aligned word of that size says what comes out. */
static void check_amo(unsigned at, unsigned size)
{
    for (enum amo_op op = AMO_SWAP; op <= AMO_MAXU; op++)
        for (unsigned i = 0; i < ARRAY_LEN(values); i++)
            for (unsigned j = 0; j < ARRAY_LEN(values); j++) {
                uint64_t word = values[i];

                memcpy(area + at, &word, size);
                assert_int_equal(mag16_amo(area + at, size, op, values[j]),
                                 amo_sized(&word, size, op, values[j]));
                memcpy(copy + at, &word, size);
                assert_memory_equal(area, copy, sizeof(area));
            }
}

/* The functions for any size come here for what is not aligned. */
static void check_sized(unsigned at, unsigned size)
{
    uint64_t old = bytes_at(at, size), sum = old + 0x0102030405060708;

    assert_int_equal(amo_sized(area + at, size, AMO_ADD, 0x0102030405060708), old);
    memcpy(copy + at, &sum, size);
    sum = bytes_at(at, size);
    assert_int_equal(amo_cas_sized(area + at, size, sum, old), sum);
    memcpy(copy + at, &old, size);
}

static void test_places(void **state)
{
    (void)state;
    each_place(check_load);
    each_place(check_store);
    each_place(check_cas);
    each_place(check_amo);
    each_place(check_sized);
    assert_false(mag16_contains(9, 8));
    assert_false(mag16_contains(15, 2));
    assert_true(mag16_contains(15, 1));
    assert_true(mag16_contains(24, 8));
}

/* ---- several threads ---- */

#define ROUNDS 30000

/* A word across the two doublewords, and bytes of its 16 that are others'. */
static struct {
    _Alignas(16) uint8_t bytes[16];
} shared;
static uint32_t torn;

enum { WORD_AT = 5, CAS_AT = 3 };

static void *writer(void *opaque)
{
    uint64_t pattern = (uint64_t)(uintptr_t)opaque * 0x0101010101010101;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t v;

        mag16_store(shared.bytes + WORD_AT, 8, pattern);
        v = mag16_load(shared.bytes + WORD_AT, 8);
        if (v != (v & 0xff) * 0x0101010101010101)
            store_relaxed(&torn, 1);
        (void)amo_8(&shared.bytes[15], AMO_ADD, 1); /* a neighbour, aligned */
        (void)mag16_amo(shared.bytes + 1, 2, AMO_ADD, 3);
    }
    return NULL;
}

static void test_atomic(void **state)
{
    enum { THREADS = 3 };
    pthread_t thread[THREADS];
    uint16_t sum;

    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, writer, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    memcpy(&sum, shared.bytes + 1, 2);
    assert_int_equal(torn, 0);
    assert_int_equal(sum, (uint16_t)(THREADS * ROUNDS * 3));
    assert_int_equal(shared.bytes[15], (uint8_t)(THREADS * ROUNDS));
    assert_int_equal(shared.bytes[0] | shared.bytes[3] | shared.bytes[4] | shared.bytes[13] |
                         shared.bytes[14],
                     0);
}

static void *counter(void *opaque)
{
    void *p = opaque;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t seen = mag16_load(p, 8), found;

        while ((found = mag16_cas(p, 8, seen, seen + 1)) != seen)
            seen = found;
    }
    return NULL;
}

static void test_cas_counts(void **state)
{
    pthread_t thread[2];

    (void)state;
    memset(&shared, 0, sizeof(shared));
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, counter, shared.bytes + CAS_AT);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(mag16_load(shared.bytes + CAS_AT, 8), 2 * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_atomic),
        cmocka_unit_test(test_cas_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
