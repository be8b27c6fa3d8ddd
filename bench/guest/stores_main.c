/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reservations of one hart cost the stores of another.  Hart 1 stores to a
 * page of its own, a fixed number of times; meanwhile hart 0
 *     quiet   spins on registers,
 *     other   does LR/SC on another page,
 *     same    does LR/SC on another granule of the page that hart 1 stores to.
 * Prints for each round one line
 *     stores QUIET_NS OTHER_NS SAME_NS
 * taken in turn.  Two harts.
 */
#include "guest.h"

#define NS_PER_TICK (1000000000 / VIRT_MTIME_HZ)
#define STORES      4000000
#define ROUNDS      7

enum what { QUIET, OTHER, SAME };

static volatile uint64_t store_page[512] __attribute__((aligned(4096)));
static volatile uint64_t lrsc_page[512] __attribute__((aligned(4096)));
static volatile unsigned done;
static uint64_t store_ns;

static void store_many(void *arg)
{
    (void)arg;
    uint64_t t0 = guest_mtime();
    for (unsigned i = 0; i < STORES / 8; i++)
        for (unsigned k = 0; k < 8; k++)
            store_page[k * 8] = i;
    store_ns = (guest_mtime() - t0) * NS_PER_TICK;
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
}

static void lrsc_add(volatile uint64_t *p)
{
    uint64_t v, failed;
    __asm__ volatile("1: lr.d %0, (%2)\n"
                     "addi %0, %0, 1\n"
                     "sc.d %1, %0, (%2)\n"
                     "bnez %1, 1b"
                     : "=&r"(v), "=&r"(failed)
                     : "r"(p)
                     : "memory");
}

static uint64_t round_of(enum what what)
{
    done = 0;
    guest_hart_start(1, store_many, NULL);
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        if (what == QUIET)
            for (unsigned i = 0; i < 100; i++)
                __asm__ volatile("");
        else
            lrsc_add(what == OTHER ? &lrsc_page[0] : &store_page[256]);
    }
    guest_hart_join(1);
    return store_ns;
}

int main(void)
{
    CHECK(guest_hart_count() >= 2);
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t quiet = round_of(QUIET), other = round_of(OTHER), same = round_of(SAME);
        guest_printf("stores %lu %lu %lu\n", quiet, other, same);
    }
    return 0;
}
