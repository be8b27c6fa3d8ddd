/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=2,4 timeout=60
 *
 * Misaligned and aligned accesses of several harts to the same bytes.  Nothing
 * is promised but that each byte is one that somebody wrote and that bytes
 * beside the written ones stay; under ThreadSanitizer the guest's race must not
 * be one of the simulator's.
 */
#include "guest.h"

#define ROUNDS 3000
#define SPAN   16 /* bytes shared on both sides of the border */

static uint8_t area[2 * 4096] __attribute__((aligned(4096)));
static struct guest_barrier barrier;
static unsigned n;

static void store(uint8_t *p, unsigned round, uint64_t v)
{
    switch (round % 4) {
    case 0:
        __asm__ volatile("sh %1, 0(%0)" : : "r"(p), "r"(v) : "memory");
        break;
    case 1:
        __asm__ volatile("sw %1, 0(%0)" : : "r"(p), "r"(v) : "memory");
        break;
    default:
        __asm__ volatile("sd %1, 0(%0)" : : "r"(p), "r"(v) : "memory");
    }
}

/* Each byte must be one hart's pattern: 0x10 + its number, or the first. */
static void check_bytes(uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        CHECK((v >> (8 * i) & 0xff) - 0x10 < n);
}

static void hammer(void *arg)
{
    uint8_t *middle = arg;
    uint64_t mine = 0x1010101010101010 + guest_hart_id() * 0x0101010101010101;
    guest_barrier_wait(&barrier, n);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint8_t *p = middle - SPAN + (round * 7 + guest_hart_id()) % (2 * SPAN - 7);
        uint64_t v;
        store(p, round, mine);
        p = middle - SPAN + (round * 5) % (2 * SPAN - 7);
        __asm__ volatile("ld %0, 0(%1)" : "=r"(v) : "r"(p) : "memory");
        check_bytes(v);
    }
}

static void run_around(uint8_t *middle)
{
    memset(area, 0x77, sizeof(area));
    memset(middle - SPAN, 0x10, 2 * SPAN);
    for (unsigned h = 1; h < n; h++)
        guest_hart_start(h, hammer, middle);
    hammer(middle);
    for (unsigned h = 1; h < n; h++)
        guest_hart_join(h);
    CHECK_EQ(middle[-SPAN - 1], 0x77);
    CHECK_EQ(middle[SPAN], 0x77);
}

static void test_in_a_line(void)
{
    run_around(area + 32);
}

static void test_across_lines(void)
{
    run_around(area + 1024);
}

static void test_across_pages(void)
{
    run_around(area + 4096);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"misaligned accesses of several harts inside a cache line", test_in_a_line},
        {"the same across cache lines", test_across_lines},
        {"the same across pages", test_across_pages},
    };
    n = guest_hart_count();
    return GUEST_RUN(cases);
}
