/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The integer kernels as a bare-metal program.  For each round and kernel it
 * prints, on one hart,
 *     kernel NAME CHECK NANOSECONDS INSTRUCTIONS
 * and on two or more
 *     pair NAME ONE_HART_NS TWO_HARTS_NS
 * where the first is hart 0 running the kernel twice and the second harts 0 and
 * 1 running it once each; which of the two comes first alternates.  A pair is a
 * kernel and not all of them, because on a shared host the noise of a second
 * drowns what one looks for.  bench/kernels.sh reads it.
 */
#include "guest.h"
#include "kernels.h"

#define NS_PER_TICK (1000000000 / VIRT_MTIME_HZ)
#define ROUNDS      5

static struct kernel_memory memory[2];

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

static void run_second(void *kernel)
{
    ((const struct kernel *)kernel)->run(&memory[1]);
}

/* Both copies of a kernel on hart 0, or one on each of harts 0 and 1; ns. */
static uint64_t time_copies(const struct kernel *k, unsigned harts)
{
    uint64_t t0 = guest_mtime();
    if (harts > 1)
        guest_hart_start(1, run_second, (void *)k);
    k->run(&memory[0]);
    if (harts > 1)
        guest_hart_join(1);
    else
        run_second((void *)k);
    return (guest_mtime() - t0) * NS_PER_TICK;
}

static void measure_pairs(unsigned round)
{
    for (unsigned i = 0; i < kernel_count; i++) {
        unsigned first = 1 + (round + i) % 2;
        uint64_t ns[3];
        ns[first] = time_copies(&kernels[i], first);
        ns[3 - first] = time_copies(&kernels[i], 3 - first);
        guest_printf("pair %s %lu %lu\n", kernels[i].name, ns[1], ns[2]);
    }
}

int main(void)
{
    for (unsigned r = 0; r < ROUNDS; r++) {
        if (guest_hart_count() > 1)
            measure_pairs(r);
        else
            measure_kernels();
    }
    return 0;
}
