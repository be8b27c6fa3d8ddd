/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The integer kernels on the host: the same lines as bench/guest/kernels_main.c
 * prints, without instruction counts.  With OpenMP and two processors also the
 * pairs, harts being threads.
 */
#include "guest/kernels.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#define ROUNDS 5

static struct kernel_memory memory[2];

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void measure_kernels(void)
{
    for (unsigned i = 0; i < kernel_count; i++) {
        uint64_t t0 = now_ns();
        uint64_t check = kernels[i].run(&memory[0]);
        printf("kernel %s %" PRIx64 " %" PRIu64 " 0\n", kernels[i].name, check, now_ns() - t0);
    }
}

#ifdef _OPENMP
static uint64_t time_copies(const struct kernel *k, unsigned threads)
{
    uint64_t t0 = now_ns();
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int copy = 0; copy < 2; copy++)
        k->run(&memory[copy]);
    return now_ns() - t0;
}

static void measure_pairs(unsigned round)
{
    for (unsigned i = 0; i < kernel_count; i++) {
        unsigned first = 1 + (round + i) % 2;
        uint64_t ns[3];
        ns[first] = time_copies(&kernels[i], first);
        ns[3 - first] = time_copies(&kernels[i], 3 - first);
        printf("pair %s %" PRIu64 " %" PRIu64 "\n", kernels[i].name, ns[1], ns[2]);
    }
}
#endif

int main(void)
{
    for (unsigned r = 0; r < ROUNDS; r++) {
        measure_kernels();
#ifdef _OPENMP
        if (omp_get_num_procs() > 1)
            measure_pairs(r);
#endif
    }
    return 0;
}
