/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests mem/amo.h and mem/amo.c: each operation against plain arithmetic, and
 * that they are atomic.
 */
#include "mem/amo.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t values[] = {0,
                                  1,
                                  2,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  0x100000000,
                                  0x7fffffffffffffff,
                                  0x8000000000000000,
                                  0xffffffffffffffff,
                                  0x123456789abcdef0};

static uint64_t reference(enum amo_op op, int64_t sa, int64_t sb, uint64_t a, uint64_t b)
{
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
    case AMO_MIN:
        return sa < sb ? a : b;
    case AMO_MAX:
        return sa > sb ? a : b;
    case AMO_MINU:
        return a < b ? a : b;
    default:
        return a > b ? a : b;
    }
}

static int64_t extend(uint64_t v, unsigned size)
{
    return sext(v, 8 * size);
}

/* Only the size's bytes change, and what is above them in the operand does not count. */
static void check_sized(enum amo_op op, unsigned size, uint64_t a, uint64_t b)
{
    uint64_t mask = UINT64_MAX >> (64 - 8 * size), m[2] = {a, 0x5555555555555555}, old = a & mask;
    uint64_t want = reference(op, extend(a, size), extend(b, size), a & mask, b & mask) & mask;

    assert_int_equal(amo_sized(m, size, op, b), old);
    assert_int_equal(m[0], (a & ~mask) | want);
    assert_int_equal(amo_cas_sized(m, size, want ^ 1, b), want);
    assert_int_equal(m[0], (a & ~mask) | want);
    assert_int_equal(amo_cas_sized(m, size, want, b), want);
    assert_int_equal(m[0], (a & ~mask) | (b & mask));
    assert_int_equal(m[1], 0x5555555555555555);
}

static void test_operations(void **state)
{
    (void)state;
    for (enum amo_op op = AMO_SWAP; op <= AMO_MAXU; op++)
        for (unsigned i = 0; i < ARRAY_LEN(values); i++)
            for (unsigned j = 0; j < ARRAY_LEN(values); j++) {
                uint64_t a = values[i], b = values[j], m64 = a;
                uint32_t a32 = (uint32_t)a, b32 = (uint32_t)b, m32[2] = {a32, 0x55555555};
                assert_int_equal(amo_64(&m64, op, b), a);
                assert_int_equal(m64, reference(op, (int64_t)a, (int64_t)b, a, b));
                assert_int_equal(amo_32(m32, op, b32), a32);
                assert_int_equal(m32[0],
                                 (uint32_t)reference(op, (int32_t)a32, (int32_t)b32, a32, b32));
                assert_int_equal(m32[1], 0x55555555);
                for (unsigned size = 1; size <= 8; size *= 2)
                    check_sized(op, size, a, b);
            }
}

static void test_cas128(void **state)
{
    _Alignas(16) uint64_t m[2] = {1, 2};
    uint64_t expected[2] = {1, 3}, desired[2] = {8, 9};

    (void)state;
    assert_false(amo_cas128(m, expected, desired)); /* the high half differs */
    assert_true(expected[0] == 1 && expected[1] == 2 && m[0] == 1 && m[1] == 2);
    expected[0] = 0;
    assert_false(amo_cas128(m, expected, desired)); /* the low half differs */
    assert_true(expected[0] == 1 && expected[1] == 2);
    assert_true(amo_cas128(m, expected, desired));
    assert_true(expected[0] == 1 && expected[1] == 2 && m[0] == 8 && m[1] == 9);
}

#define ROUNDS 50000

struct shared {
    _Alignas(16) uint64_t pair[2];
    uint64_t sum, max;
};

static void *hammer(void *opaque)
{
    struct shared *s = opaque;

    for (uint64_t i = 0; i < ROUNDS; i++) {
        amo_64(&s->sum, AMO_ADD, 3);
        amo_64(&s->max, AMO_MAXU, i);
        uint64_t old[2] = {load_relaxed(&s->pair[0]), load_relaxed(&s->pair[1])}, next[2];
        do {
            next[0] = old[0] + 1;
            next[1] = old[1] + 2;
        } while (!amo_cas128(s->pair, old, next));
    }
    return NULL;
}

static void test_atomic(void **state)
{
    struct shared s = {.pair = {0, 0}};
    pthread_t thread[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, hammer, &s);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(s.sum, 3 * 3 * ROUNDS);
    assert_int_equal(s.max, ROUNDS - 1);
    assert_int_equal(s.pair[0], 3 * ROUNDS);
    assert_int_equal(s.pair[1], 6 * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_cas128),
        cmocka_unit_test(test_atomic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
