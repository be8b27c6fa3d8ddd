/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The integer kernels on the host: the same lines as bench/guest/kernels_main.c
 * prints, without instruction counts.  With OpenMP and two processors also the
 * pairs: all kernels twice on one thread, then once each on two.
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
static void run_all(struct kernel_memory *m)
{
    for (unsigned i = 0; i < kernel_count; i++)
        kernels[i].run(m);
}

static void measure_pair(void)
{
    uint64_t t0 = now_ns();
    run_all(&memory[0]);
    run_all(&memory[1]);
    uint64_t t1 = now_ns();
#pragma omp parallel num_threads(2)
    run_all(&memory[omp_get_thread_num()]);
    printf("pair %" PRIu64 " %" PRIu64 "\n", t1 - t0, now_ns() - t1);
}
#endif

int main(void)
{
    for (int r = 0; r < ROUNDS; r++) {
        measure_kernels();
#ifdef _OPENMP
        if (omp_get_num_procs() > 1)
            measure_pair();
#endif
    }
    return 0;
}
