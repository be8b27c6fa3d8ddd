/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The integer kernels on the host: the same lines as bench/guest/kernels_main.c
 * prints, without instruction counts.
 */
#include "guest/kernels.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(void)
{
    static struct kernel_memory memory;
    for (int r = 0; r < 5; r++) {
        for (unsigned i = 0; i < kernel_count; i++) {
            uint64_t t0 = now_ns();
            uint64_t check = kernels[i].run(&memory);
            printf("kernel %s %" PRIx64 " %" PRIu64 " 0\n", kernels[i].name, check, now_ns() - t0);
        }
    }
    return 0;
}
