/* SPDX-License-Identifier: Apache-2.0 */
/* String search by Boyer, Moore and Horspool: a byte load that decides how far the next one is. */
#include "workload.h"

enum { SIZE = 256 * 1024, WORDS = 16, SHORTEST = 4 };

struct search {
    uint8_t text[SIZE];
    struct {
        const uint8_t *at; /* in the text */
        unsigned length;
    } word[WORDS];
};

struct found {
    uint64_t count, places; /* the second is a sum over all places */
};

static bool same(const uint8_t *a, const uint8_t *b, unsigned n)
{
    while (n && a[n - 1] == b[n - 1])
        n--;
    return n == 0;
}

static NOINLINE struct found search(const uint8_t *text, size_t size, const uint8_t *word,
                                    unsigned n)
{
    struct found f = {0, 0};
    uint8_t skip[256];

    for (unsigned c = 0; c < 256; c++)
        skip[c] = (uint8_t)n;
    for (unsigned i = 0; i + 1 < n; i++)
        skip[word[i]] = (uint8_t)(n - 1 - i);
    for (size_t at = 0; at + n <= size; at += skip[text[at + n - 1]])
        if (same(text + at, word, n)) {
            f.count++;
            f.places += at;
        }
    return f;
}

/* The same, place by place. */
static struct found search_plainly(const uint8_t *text, size_t size, const uint8_t *word,
                                   unsigned n)
{
    struct found f = {0, 0};

    for (size_t at = 0; at + n <= size; at++)
        if (text[at] == word[0] && same(text + at, word, n)) {
            f.count++;
            f.places += at;
        }
    return f;
}

void *search_setup(struct arena *a)
{
    struct search *s = ARENA_NEW(a, struct search, 1);
    uint64_t seed = 7;

    text_fill(s->text, SIZE);
    for (unsigned i = 0; i < WORDS; i++) {
        s->word[i].length = SHORTEST + i % 8;
        s->word[i].at = s->text + random_below(&seed, SIZE - 16);
    }
    for (unsigned i = 0; i < WORDS; i += 7) {
        struct found f = search(s->text, SIZE, s->word[i].at, s->word[i].length);
        struct found g = search_plainly(s->text, SIZE, s->word[i].at, s->word[i].length);
        workload_require(f.count && f.count == g.count && f.places == g.places,
                         "where the words were found");
    }
    return s;
}

uint64_t search_run(void *state)
{
    struct search *s = state;
    uint64_t sum = 0;

    for (unsigned i = 0; i < WORDS; i++) {
        struct found f = search(s->text, SIZE, s->word[i].at, s->word[i].length);
        sum = checksum_add(checksum_add(sum, f.count), f.places);
    }
    return sum;
}
