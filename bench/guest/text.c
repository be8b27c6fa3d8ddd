/* SPDX-License-Identifier: Apache-2.0 */
/* The text that workloads over text work on. */
#include "workload.h"

enum { WORDS = 512, LONGEST = 12 };

/* Word number i, always the same: syllables. */
static size_t word_make(unsigned i, unsigned char *out)
{
    static const char first[] = "bcdfghlmnprstvwy", second[] = "aeiou";
    uint64_t seed = 0x5851f42d4c957f2du * (i + 1);
    size_t n = 0, length = 2 + random_below(&seed, 5) + random_below(&seed, 5);

    while (n < length) {
        out[n] = (unsigned char)(n & 1 ? second[random_below(&seed, 5)]
                                       : first[random_below(&seed, 16)]);
        n++;
    }
    return n;
}

static size_t number_make(uint64_t *seed, unsigned char *out)
{
    size_t n = 0, length = 1 + random_below(seed, 5);

    while (n < length)
        out[n++] = (unsigned char)('0' + random_below(seed, 10));
    return n;
}

/* A word, or in one of 16 cases a number; the product of two random numbers prefers low words. */
static size_t item_make(uint64_t *seed, unsigned char *out)
{
    uint64_t what = random_below(seed, 16);
    size_t n = 0;

    if (what == 0)
        return number_make(seed, out);
    if (what == 1)
        out[n++] = '"';
    n += word_make((unsigned)(random_below(seed, WORDS) * random_below(seed, WORDS) / WORDS),
                   out + n);
    if (what == 1)
        out[n++] = '"';
    return n;
}

void text_fill(unsigned char *text, size_t size)
{
    unsigned char item[LONGEST + 4];
    uint64_t seed = 0x2545f4914f6cdd1du;
    size_t at = 0;

    while (at < size) {
        size_t n = item_make(&seed, item);
        uint64_t end = random_below(&seed, 12);

        if (end == 0)
            item[n++] = ',';
        else if (end == 1)
            item[n++] = '.';
        item[n++] = end == 1 ? '\n' : ' ';
        for (size_t i = 0; i < n && at < size; i++)
            text[at++] = item[i];
    }
}
