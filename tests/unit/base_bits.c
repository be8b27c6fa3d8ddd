/* SPDX-License-Identifier: Apache-2.0 */
/* Tests sim/base/bits.h: sets of bits that are cleared in the time of what is set in them. */
#include "sim/base/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define WORDS 512

/* After a clear nothing is left, whether all words with bits were listed or not, time and again. */
static void test_sparse(void **state)
{
    static uint64_t bits[WORDS];
    struct sparse s = {0};
    (void)state;
    srand(1);
    for (unsigned round = 0; round < 400; round++) {
        unsigned n = (unsigned)rand() % (round % 2 ? 2 * SPARSE_LISTED : 4 * WORDS);
        for (unsigned i = 0; i < n; i++) {
            unsigned bit = (unsigned)rand() % (64 * WORDS);
            sparse_set(bits, &s, bit);
            assert_true(bit_test(bits[bit / 64], bit % 64));
        }
        assert_int_equal(s.count != 0, n != 0);
        sparse_clear(bits, WORDS, &s);
        assert_int_equal(s.count, 0);
        for (unsigned i = 0; i < WORDS; i++)
            assert_true(bits[i] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sparse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
