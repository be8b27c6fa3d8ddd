/* SPDX-License-Identifier: Apache-2.0 */
/* Quicksort with a comparison callback: indirect calls and branches nobody predicts. */
#include "workload.h"

enum { COUNT = 16 * 1024 };

typedef int compare_fn(const uint32_t *a, const uint32_t *b);

struct sort {
    compare_fn *compare;
    uint32_t input[COUNT], sorted[COUNT];
};

static NOINLINE int compare_words(const uint32_t *a, const uint32_t *b)
{
    return *a < *b ? -1 : *a > *b;
}

static void swap_words(uint32_t *a, uint32_t *b)
{
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

/* Recursion into the smaller part, so that the stack stays small. */
static NOINLINE void sort_words(uint32_t *a, long n, compare_fn *compare)
{
    while (n > 1) {
        uint32_t pivot = a[n / 2];
        long i = 0, j = n - 1;
        while (i <= j) {
            while (compare(&a[i], &pivot) < 0)
                i++;
            while (compare(&a[j], &pivot) > 0)
                j--;
            if (i <= j)
                swap_words(&a[i++], &a[j--]);
        }
        if (j + 1 < n - i) {
            sort_words(a, j + 1, compare);
            a += i;
            n -= i;
        } else {
            sort_words(a + i, n - i, compare);
            n = j + 1;
        }
    }
}

void *qsort_setup(struct arena *a)
{
    struct sort *s = ARENA_NEW(a, struct sort, 1);
    uint64_t seed = 12345, in = 0, out = 0;
    bool ordered = true;

    s->compare = compare_words;
    for (unsigned i = 0; i < COUNT; i++)
        s->input[i] = (uint32_t)random_next(&seed);
    qsort_run(s);
    for (unsigned i = 0; i < COUNT; i++) {
        ordered = ordered && (i == 0 || s->sorted[i - 1] <= s->sorted[i]);
        in += (uint64_t)s->input[i] * s->input[i];
        out += (uint64_t)s->sorted[i] * s->sorted[i];
    }
    workload_require(ordered && in == out, "order of the sorted words");
    return s;
}

uint64_t qsort_run(void *state)
{
    struct sort *s = state;
    uint64_t sum = 0;

    for (unsigned i = 0; i < COUNT; i++)
        s->sorted[i] = s->input[i];
    sort_words(s->sorted, COUNT, s->compare);
    for (unsigned i = 0; i < COUNT; i++)
        sum = checksum_add(sum, s->sorted[i]);
    return sum;
}
