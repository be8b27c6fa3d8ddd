/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the workloads for several harts share: how the work is split, the value that a piece of it
 * adds to the checksum, and a barrier.  Whoever does which piece, the sum over all is the same.
 */
#ifndef BENCH_SMP_H
#define BENCH_SMP_H

#include "workload.h"

/* What several harts write has a line of its own. */
#define OWN_LINE __attribute__((aligned(64)))

/* Where the part of number i of n begins, out of total; that of number n is the end. */
static inline uint64_t part_begin(uint64_t total, unsigned n, unsigned i)
{
    return total * i / n;
}

static inline uint64_t part_size(uint64_t total, unsigned n, unsigned i)
{
    return part_begin(total, n, i + 1) - part_begin(total, n, i);
}

/* What piece number i adds to the checksum: a permutation of i, so that the sum over a range shows
 * one that was done twice or left out. */
static inline uint64_t piece_sum(uint64_t i)
{
    return checksum_add(0x5bd1e995, i);
}

/* All of n harts wait for each other; may be used again at once. */
struct barrier {
    unsigned arrived OWN_LINE;
    unsigned turn OWN_LINE;
};

static inline void barrier_await(struct barrier *b, unsigned n)
{
    unsigned turn = __atomic_load_n(&b->turn, __ATOMIC_RELAXED), spins = 0;

    if (__atomic_add_fetch(&b->arrived, 1, __ATOMIC_ACQ_REL) == n) {
        __atomic_store_n(&b->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&b->turn, turn + 1, __ATOMIC_RELEASE);
        return;
    }
    while (__atomic_load_n(&b->turn, __ATOMIC_ACQUIRE) == turn)
        harts_relax(&spins);
}

#endif
