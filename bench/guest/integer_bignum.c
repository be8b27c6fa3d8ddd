/* SPDX-License-Identifier: Apache-2.0 */
/* Schoolbook multiplication of 128 by 128 words: wide products and carries. */
#include "workload.h"

enum { WORDS = 128, ROUNDS = 64 };

__extension__ typedef unsigned __int128 wide_t;

struct numbers {
    uint64_t first[WORDS], a[WORDS], b[WORDS], product[2 * WORDS];
};

static NOINLINE void multiply(uint64_t *product, const uint64_t *a, const uint64_t *b)
{
    for (unsigned i = 0; i < WORDS; i++)
        product[i] = 0;
    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t carry = 0;
        for (unsigned j = 0; j < WORDS; j++) {
            wide_t v = (wide_t)a[i] * b[j] + product[i + j] + carry;
            product[i + j] = (uint64_t)v;
            carry = (uint64_t)(v >> 64);
        }
        product[i + WORDS] = carry;
    }
}

/* (B - 1)^2 = B^2 - 2 B + 1 with B = 2^8192: all carries there are. */
static bool square_is_right(struct numbers *x)
{
    bool right = true;

    for (unsigned i = 0; i < WORDS; i++)
        x->a[i] = ~(uint64_t)0;
    multiply(x->product, x->a, x->a);
    for (unsigned i = 0; i < 2 * WORDS; i++) {
        uint64_t want = i == 0 ? 1 : i < WORDS ? 0 : i == WORDS ? ~(uint64_t)1 : ~(uint64_t)0;
        right = right && x->product[i] == want;
    }
    return right;
}

void *bignum_setup(struct arena *a)
{
    struct numbers *x = ARENA_NEW(a, struct numbers, 1);
    uint64_t seed = 99;

    workload_require(square_is_right(x), "the square of 2^8192 - 1");
    for (unsigned i = 0; i < WORDS; i++) {
        x->first[i] = random_next(&seed);
        x->b[i] = random_next(&seed) | 1;
    }
    return x;
}

/* Each product's middle is the next factor. */
uint64_t bignum_run(void *state)
{
    struct numbers *x = state;
    uint64_t sum = 0;

    for (unsigned i = 0; i < WORDS; i++)
        x->a[i] = x->first[i];
    for (unsigned r = 0; r < ROUNDS; r++) {
        multiply(x->product, x->a, x->b);
        for (unsigned i = 0; i < WORDS; i++)
            x->a[i] = x->product[i + WORDS / 2];
    }
    for (unsigned i = 0; i < 2 * WORDS; i++)
        sum = checksum_add(sum, x->product[i]);
    return sum;
}
