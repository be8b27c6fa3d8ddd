/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a workload is.  The same source is built for the host and, bare-metal, for the guest, with
 * the same optimisation (bench/CMakeLists.txt); the driver calls it.
 *
 *   void *NAME_setup(struct arena *a);   inputs, made deterministically; returns what run gets
 *   uint64_t NAME_run(void *state);      one iteration
 *
 * - An iteration is a fixed piece of work: at most some milliseconds on the host, so that an
 *   interpreter at a tenth of it stays below 100 ms.
 * - It returns a checksum that needs all of the work, the same in each iteration and on host and
 *   guest bit for bit.  So what it changes it makes anew itself.
 * - No library and no state but what setup returned: several harts may run one workload, each with
 *   an arena of its own.
 * - Floating point is + - * / and __builtin_sqrt(), which IEEE 754 defines to the bit; no NaN,
 * whose bits the hosts choose differently; no conversion out of range.
 * - Where the answer is known from elsewhere, setup asks workload_require() for it.
 *
 * One for several harts has instead
 *
 *   void *NAME_setup(struct arena *a, unsigned harts);    on hart 0, while the others wait
 *   uint64_t NAME_run(void *state, unsigned hart);        on each hart from 0 to harts - 1
 *
 * - All harts share the state; what they share is atomic or guarded, so that ThreadSanitizer has
 *   nothing to say on the host.
 * - The work of an iteration is fixed in total, however many harts share it: the same operations in
 *   half the time is a gain of 2.  The checksum of an iteration is the sum over its harts, and the
 *   same on any number of them: each sums over the pieces that it happened to get.
 * - Who waits for another hart calls harts_relax().
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KIB 1024u
#define MIB (1024u * KIB)

#define NOINLINE __attribute__((noinline))

/* The compiler must have v ready here and know nothing about it afterwards. */
#define OPAQUE(v) __asm__ volatile("" : "+r"(v))

/* What was read from memory before must be read again: the same call twice is two calls. */
#define FORGET_MEMORY() __asm__ volatile("" : : : "memory")

#define WORKLOAD_NAME_MAX 31

/* Memory of one run.  A workload starts with an empty one, in which anything may stand. */
struct arena {
    unsigned char *base;
    size_t size, used;
};

/* count * size bytes aligned to align, a power of two, at most a page.  Ends the program if there
 * is no room. */
void *arena_alloc(struct arena *a, size_t count, size_t size, size_t align);
#define ARENA_NEW(a, type, count) ((type *)arena_alloc(a, count, sizeof(type), 64))

/* Ends the program with one line that has WHAT, unless HOLDS. */
void workload_require(bool holds, const char *what);

/* What a workload can run on: the macro of its line in workloads.def; or it is of linux.def. */
enum workload_where {
    WORKLOAD_ANYWHERE,
    WORKLOAD_GUEST,
    WORKLOAD_HARTS,
    WORKLOAD_GUEST_HARTS,
    WORKLOAD_LINUX,
};

/* Whether it runs on all harts, and then has the second pair of functions. */
static inline bool workload_has_harts(enum workload_where where)
{
    return where == WORKLOAD_HARTS || where == WORKLOAD_GUEST_HARTS;
}

enum { WORKLOAD_HARTS_MAX = 64 };

/* One round of waiting for another hart, which may need this one's processor to go on: *spins, 0 at
 * first, counts how long the wait has been. */
void harts_relax(unsigned *spins);

struct workload {
    const char *name, *group, *unit, *description;
    uint64_t operations; /* of one iteration */
    union {
        void *(*setup)(struct arena *a);
        void *(*setup_harts)(struct arena *a, unsigned harts);
    };
    union {
        uint64_t (*run)(void *state);
        uint64_t (*run_harts)(void *state, unsigned hart);
    };
    enum workload_where where;
};

extern const struct workload workloads[];
extern const unsigned workload_count;

#define DECLARE_ONE(name)                                                                          \
    void *name##_setup(struct arena *a);                                                           \
    uint64_t name##_run(void *state);
#define DECLARE_HARTS(name)                                                                        \
    void *name##_setup(struct arena *a, unsigned harts);                                           \
    uint64_t name##_run(void *state, unsigned hart);
#define DECLARE_ANYWHERE                                               DECLARE_ONE
#define DECLARE_GUEST                                                  DECLARE_ONE
#define DECLARE_GUEST_HARTS                                            DECLARE_HARTS
#define WORKLOAD_AT(where, name, group, operations, unit, description) DECLARE_##where(name)
#include "bench/workloads.def"
#undef WORKLOAD_AT

/* ---- inputs ---- */

/* xorshift64; a state of 0 stays 0. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* From 0 to n - 1; n is small enough that the remainder's bias does not matter. */
static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
    return (random_next(state) >> 16) % n;
}

/* One of 2^20 doubles from 0 to below 1. */
static inline double random_unit(uint64_t *state)
{
    return (double)(random_next(state) >> 44) * 0x1p-20;
}

/* A checksum of a sequence: begin with any sum and mix in each value. */
static inline uint64_t checksum_add(uint64_t sum, uint64_t v)
{
    sum = (sum ^ v) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 29;
}

static inline uint64_t bits_of_double(double v)
{
    union {
        double f;
        uint64_t u;
    } x = {v};
    return x.u;
}

static inline uint32_t bits_of_float(float v)
{
    union {
        float f;
        uint32_t u;
    } x = {v};
    return x.u;
}

/* Text that repeats itself as prose does: words of which some are far more frequent than others,
 * numbers, quoted strings, punctuation and lines.  Always the same for a size. */
void text_fill(unsigned char *text, size_t size);

#endif
