/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The integer kernels as a bare-metal program.  For each round and kernel it
 * prints one line
 *     kernel NAME CHECK NANOSECONDS INSTRUCTIONS
 * and, with two harts or more, pairs of
 *     pair ONE_HART_NS TWO_HARTS_NS
 * where the first is hart 0 running all kernels twice and the second harts 0
 * and 1 running them once each, in turn.  bench/kernels.sh reads it.
 */
#include "guest.h"
#include "kernels.h"

#define NS_PER_TICK (1000000000 / VIRT_MTIME_HZ)
#define ROUNDS      5

static struct kernel_memory memory[2];

static void run_all(void *arg)
{
    for (unsigned i = 0; i < kernel_count; i++)
        kernels[i].run(arg);
}

static void measure_kernels(void)
{
    for (unsigned i = 0; i < kernel_count; i++) {
        uint64_t t0 = guest_mtime(), n0 = csr_read(minstret);
        uint64_t check = kernels[i].run(&memory[0]);
        uint64_t n1 = csr_read(minstret), t1 = guest_mtime();
        guest_printf("kernel %s %lx %lu %lu\n", kernels[i].name, check, (t1 - t0) * NS_PER_TICK,
                     n1 - n0);
    }
}

static void measure_pair(void)
{
    uint64_t t0 = guest_mtime();
    run_all(&memory[0]);
    run_all(&memory[1]);
    uint64_t t1 = guest_mtime();
    guest_hart_start(1, run_all, &memory[1]);
    run_all(&memory[0]);
    guest_hart_join(1);
    uint64_t t2 = guest_mtime();
    guest_printf("pair %lu %lu\n", (t1 - t0) * NS_PER_TICK, (t2 - t1) * NS_PER_TICK);
}

int main(void)
{
    for (int r = 0; r < ROUNDS; r++) {
        measure_kernels();
        if (guest_hart_count() > 1)
            measure_pair();
    }
    return 0;
}
