/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2,4,8 timeout=120
 *
 * Shared data of several harts: counters by AMO and LR/SC must be exact, and
 * messages passed with fences, or with acquire and release, arrive whole.
 */
#include "guest.h"

#if GUEST_HTIF
#define ADDS     20000
#define MESSAGES 20000
#else /* QEMU's spinning harts do not make room for each other */
#define ADDS     200
#define MESSAGES 16
#endif

static unsigned n;
static struct guest_barrier barrier;
static struct {
    uint64_t amo_d, amo_w, lrsc_d, lrsc_w, swap_sum;
    uint64_t xor_d, max_d;
} c __attribute__((aligned(64)));

static void run_all(void (*fn)(void *))
{
    for (unsigned h = 1; h < n; h++)
        guest_hart_start(h, fn, NULL);
    fn(NULL);
    for (unsigned h = 1; h < n; h++)
        guest_hart_join(h);
}

/* ---- counters ---- */

static void add_amo(void *arg)
{
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ADDS; i++) {
        __asm__ volatile("amoadd.d zero, %1, (%0)" : : "r"(&c.amo_d), "r"(3UL) : "memory");
        __asm__ volatile("amoadd.w zero, %1, (%0)" : : "r"(&c.amo_w), "r"(1UL) : "memory");
    }
}

static void test_amo(void)
{
    c.amo_d = c.amo_w = 0;
    run_all(add_amo);
    CHECK_EQ(c.amo_d, 3UL * n * ADDS);
    CHECK_EQ(c.amo_w, 1UL * n * ADDS);
}

static void add_lrsc(void *arg)
{
    uint64_t old, failed;
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ADDS; i++) {
        __asm__ volatile("1: lr.d %0, (%2); addi %0, %0, 1; sc.d %1, %0, (%2); bnez %1, 1b"
                         : "=&r"(old), "=&r"(failed)
                         : "r"(&c.lrsc_d)
                         : "memory");
        __asm__ volatile("1: lr.w %0, (%2); addi %0, %0, 2; sc.w %1, %0, (%2); bnez %1, 1b"
                         : "=&r"(old), "=&r"(failed)
                         : "r"(&c.lrsc_w)
                         : "memory");
    }
}

static void test_lrsc(void)
{
    c.lrsc_d = c.lrsc_w = 0;
    run_all(add_lrsc);
    CHECK_EQ(c.lrsc_d, 1UL * n * ADDS);
    CHECK_EQ(c.lrsc_w, 2UL * n * ADDS);
}

/* One word by AMO from even harts and by LR/SC from odd ones. */
static void add_mixed(void *arg)
{
    uint64_t old, failed;
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ADDS; i++) {
        if (guest_hart_id() & 1)
            __asm__ volatile("1: lr.d %0, (%2); addi %0, %0, 1; sc.d %1, %0, (%2); bnez %1, 1b"
                             : "=&r"(old), "=&r"(failed)
                             : "r"(&c.lrsc_d)
                             : "memory");
        else
            __asm__ volatile("amoadd.d zero, %1, (%0)" : : "r"(&c.lrsc_d), "r"(1UL) : "memory");
    }
}

static void test_mixed(void)
{
    c.lrsc_d = 0;
    run_all(add_mixed);
    CHECK_EQ(c.lrsc_d, 1UL * n * ADDS);
}

/* Each value that is swapped in comes out once, or stays. */
static void swap_all(void *arg)
{
    uint64_t sum = 0, old;
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 1; i <= ADDS; i++) {
        __asm__ volatile("amoswap.d %0, %1, (%2)"
                         : "=r"(old)
                         : "r"((uint64_t)i), "r"(&c.amo_d)
                         : "memory");
        sum += old;
        __asm__ volatile("amoxor.d zero, %1, (%0)"
                         :
                         : "r"(&c.xor_d), "r"(1UL << (i % 63))
                         : "memory");
        __asm__ volatile("amomaxu.d zero, %1, (%0)" : : "r"(&c.max_d), "r"((uint64_t)i) : "memory");
    }
    __atomic_fetch_add(&c.swap_sum, sum, __ATOMIC_RELAXED);
}

static void test_swap(void)
{
    uint64_t flips = 0;
    c.amo_d = c.swap_sum = c.xor_d = c.max_d = 0;
    run_all(swap_all);
    for (unsigned i = 1; i <= ADDS; i++)
        flips ^= 1UL << (i % 63);
    CHECK_EQ(c.swap_sum + c.amo_d, (uint64_t)n * ADDS * (ADDS + 1) / 2);
    CHECK_EQ(c.xor_d, n & 1 ? flips : 0);
    CHECK_EQ(c.max_d, ADDS);
}

/* ---- messages: a ring through all harts, each hart hands on what it got ---- */

static struct {
    uint64_t text[7];
    uint64_t number; /* of the message, written last */
} box[GUEST_MAX_HARTS] __attribute__((aligned(64)));

static void put_fenced(unsigned to, uint64_t number, uint64_t v)
{
    for (unsigned i = 0; i < 7; i++)
        *(volatile uint64_t *)&box[to].text[i] = v + i;
    __asm__ volatile("fence w, w" : : : "memory");
    *(volatile uint64_t *)&box[to].number = number;
}

static uint64_t get_fenced(unsigned from, uint64_t number)
{
    while (*(volatile uint64_t *)&box[from].number != number)
        guest_pause();
    __asm__ volatile("fence r, r" : : : "memory");
    uint64_t v = *(volatile uint64_t *)&box[from].text[0];
    for (unsigned i = 1; i < 7; i++)
        CHECK_EQ(*(volatile uint64_t *)&box[from].text[i], v + i);
    return v;
}

static void pass_on(void *arg)
{
    unsigned self = guest_hart_id(), next = (self + 1) % n;
    (void)arg;
    for (uint64_t m = 1; m <= MESSAGES / n; m++) {
        if (self == 0)
            put_fenced(next, m, m << 8);
        uint64_t v = get_fenced(self, m);
        if (self == 0)
            CHECK_EQ(v, (m << 8) + n - 1);
        else
            put_fenced(next, m, v + 1);
    }
}

static void test_messages(void)
{
    memset(box, 0, sizeof(box));
    run_all(pass_on);
}

/* Store buffering: with full fences, both harts cannot read 0. */
static struct {
    uint64_t x __attribute__((aligned(64)));
    uint64_t y __attribute__((aligned(64)));
    uint64_t saw[2];
    unsigned go __attribute__((aligned(64))), done;
} sb;

static uint64_t sb_side(uint64_t *mine, uint64_t *other)
{
    *(volatile uint64_t *)mine = 1;
    __asm__ volatile("fence rw, rw" : : : "memory");
    return *(volatile uint64_t *)other;
}

static void sb_other(void *arg)
{
    (void)arg;
    for (unsigned i = 1; i <= MESSAGES; i++) {
        while (__atomic_load_n(&sb.go, __ATOMIC_ACQUIRE) != i)
            guest_pause();
        sb.saw[1] = sb_side(&sb.y, &sb.x);
        __atomic_store_n(&sb.done, i, __ATOMIC_RELEASE);
    }
}

static void test_store_buffering(void)
{
    if (n < 2)
        return;
    sb.go = sb.done = 0;
    guest_hart_start(1, sb_other, NULL);
    for (unsigned i = 1; i <= MESSAGES; i++) {
        sb.x = sb.y = 0;
        __atomic_store_n(&sb.go, i, __ATOMIC_RELEASE);
        sb.saw[0] = sb_side(&sb.x, &sb.y);
        while (__atomic_load_n(&sb.done, __ATOMIC_ACQUIRE) != i)
            guest_pause();
        CHECK(sb.saw[0] + sb.saw[1] > 0);
    }
    guest_hart_join(1);
}

static const struct guest_case cases[] = {
    {"amo", test_amo},
    {"lr/sc", test_lrsc},
    {"amo and lr/sc", test_mixed},
    {"swap, xor, max", test_swap},
    {"messages", test_messages},
    {"store buffering", test_store_buffering},
};

int main(void)
{
    n = guest_hart_count();
    return GUEST_RUN(cases);
}
