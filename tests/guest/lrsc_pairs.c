/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2,4 timeout=120 oracle=1
 *
 * LR and SC that a translator may make one action of (nothing but arithmetic and
 * branches between them), and what must stay as if it did not: sums of several
 * harts are exact, an SC whose LR was left behind by a branch works, and one
 * that has no reservation fails.  With one hart for the oracle, because QEMU's
 * SC compares values.
 */
#include "guest.h"

#define ROUNDS 3000

struct granule {
    uint64_t word[8];
} __attribute__((aligned(64)));

/* A page of their own. */
static struct {
    struct granule a, b, rest[62];
} page __attribute__((aligned(4096)));

static struct guest_barrier barrier;
static unsigned n;
static void (*work)(void);

static void work_together(void *arg)
{
    (void)arg;
    guest_barrier_wait(&barrier, n);
    work();
}

static void run_all(void (*fn)(void))
{
    work = fn;
    for (unsigned i = 0; i < 8; i++)
        page.a.word[i] = page.b.word[i] = 0;
    for (unsigned h = 1; h < n; h++)
        guest_hart_start(h, work_together, NULL);
    work_together(NULL);
    for (unsigned h = 1; h < n; h++)
        guest_hart_join(h);
}

/* ---- sums ---- */

static void add_pair(uint64_t *p)
{
    uint64_t old, failed;
    __asm__ volatile("1: lr.d %0, (%2)\n"
                     "   addi %0, %0, 1\n"
                     "   sc.d %1, %0, (%2)\n"
                     "   bnez %1, 1b"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(p)
                     : "memory");
}

/* A load between the two. */
static void add_apart(uint64_t *p)
{
    uint64_t old, failed;
    __asm__ volatile("1: lr.d %0, (%2)\n"
                     "   ld zero, 128(%2)\n"
                     "   addi %0, %0, 1\n"
                     "   sc.d %1, %0, (%2)\n"
                     "   bnez %1, 1b"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(p)
                     : "memory");
}

/* Compare and exchange, as compilers write it; whether it was exchanged. */
static bool exchange(uint32_t *p, uint32_t expected, uint32_t desired)
{
    uint64_t old, failed;
    __asm__ volatile("1: lr.w.aqrl %0, (%2)\n"
                     "   bne %0, %3, 2f\n"
                     "   sc.w.rl %1, %4, (%2)\n"
                     "   bnez %1, 1b\n"
                     "2:"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(p), "r"((int64_t)(int32_t)expected), "r"(desired)
                     : "memory");
    return (uint32_t)old == expected;
}

static void add_exchange(uint32_t *p)
{
    uint32_t old;
    do
        old = __atomic_load_n(p, __ATOMIC_RELAXED);
    while (!exchange(p, old, old + 1));
}

/*
 * The SC that counts is not the one behind the LR: a branch leads there.  Returns how many times it
 * was tried.
 */
static unsigned add_odd(uint64_t *p, uint64_t step)
{
    uint64_t old, failed, tries = 0;
    __asm__ volatile("1: addi %2, %2, 1\n"
                     "   lr.d %0, (%3)\n"
                     "   bnez %4, 2f\n"
                     "   sc.d %1, zero, (%3)\n"
                     "   j 3f\n"
                     "2: add %0, %0, %4\n"
                     "   sc.d %1, %0, (%3)\n"
                     "3: bnez %1, 1b"
                     : "=&r"(old), "=&r"(failed), "+&r"(tries)
                     : "r"(p), "r"(step)
                     : "memory");
    return (unsigned)tries;
}

static void work_pairs(void)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        add_pair(&page.a.word[0]);
}

static void work_exchanges(void)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        add_exchange((uint32_t *)&page.a.word[1] + 1);
}

static void work_mixed(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        add_pair(&page.a.word[2]);
        add_apart(&page.a.word[2]);
        add_odd(&page.a.word[2], 1);
        __atomic_fetch_add(&page.a.word[2], 1, __ATOMIC_RELAXED);
        page.a.word[3 + guest_hart_id() % 4]++;
    }
}

static void test_pairs(void)
{
    run_all(work_pairs);
    CHECK_EQ(page.a.word[0], (uint64_t)n * ROUNDS);
}

static void test_exchanges(void)
{
    run_all(work_exchanges);
    CHECK_EQ(page.a.word[1], (uint64_t)n * ROUNDS << 32);
}

static void test_mixed(void)
{
    run_all(work_mixed);
    CHECK_EQ(page.a.word[2], (uint64_t)n * ROUNDS * 4);
    for (unsigned h = 0; h < n; h++)
        CHECK_EQ(page.a.word[3 + h], ROUNDS);
}

/* ---- an SC elsewhere ---- */

/* Nobody else is about: with one hart it works at once, with several sooner or later. */
static void test_odd(void)
{
    uint64_t tries = 0;
    page.b.word[0] = 0;
    for (unsigned i = 0; i < ROUNDS; i++)
        tries += add_odd(&page.b.word[0], 2);
    CHECK_EQ(page.b.word[0], 2 * ROUNDS);
    if (n == 1)
        CHECK_EQ(tries, ROUNDS);
    CHECK(tries <= 4 * ROUNDS);
}

/* ---- no reservation ---- */

static uint64_t sc(uint64_t *p, uint64_t value)
{
    uint64_t failed;
    __asm__ volatile("sc.d %0, %1, (%2)" : "=r"(failed) : "r"(value), "r"(p) : "memory");
    return failed;
}

static void test_without_lr(void)
{
    page.a.word[0] = 5;
    for (unsigned i = 0; i < ROUNDS; i++) {
        sc(&page.a.word[0], 5);
        CHECK_EQ(sc(&page.a.word[0], 6), 1);
        add_pair(&page.b.word[0]); /* its SC has used what its LR reserved */
        CHECK_EQ(sc(&page.b.word[0], 6), 1);
    }
    CHECK_EQ(page.a.word[0], 5);
}

/* LR a, a pair on b, SC a. */
static void test_pair_between(void)
{
    page.a.word[0] = 5;
    page.b.word[0] = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t old, failed, pair;
        __asm__ volatile("lr.d %0, (%3)\n"
                         "ld zero, 128(%3)\n"
                         "1: lr.d %0, (%4)\n"
                         "addi %0, %0, 1\n"
                         "sc.d %2, %0, (%4)\n"
                         "bnez %2, 1b\n"
                         "sc.d %1, zero, (%3)"
                         : "=&r"(old), "=&r"(failed), "=&r"(pair)
                         : "r"(&page.a), "r"(&page.b)
                         : "memory");
        CHECK_EQ(failed, 1);
    }
    CHECK_EQ(page.a.word[0], 5);
    CHECK_EQ(page.b.word[0], ROUNDS);
}

/* LR a as that of a pair that is left at once. */
static uint64_t lr_and_leave(uint64_t *p)
{
    uint64_t old, failed;
    __asm__ volatile("   lr.d %0, (%2)\n"
                     "   bnez %3, 1f\n"
                     "   sc.d %1, zero, (%2)\n"
                     "1:"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(p), "r"(1UL)
                     : "memory");
    return old;
}

/* An LR that came last counts, an SC elsewhere fails and uses it up. */
static void test_left(void)
{
    uint64_t old;
    page.a.word[0] = page.b.word[0] = 5;
    for (unsigned i = 0; i < ROUNDS; i++) {
        lr_and_leave(&page.a.word[0]);
        CHECK_EQ(sc(&page.b.word[0], 6), 1);
        CHECK_EQ(sc(&page.a.word[0], 6), 1);
        __asm__ volatile("lr.d %0, (%1)" : "=r"(old) : "r"(&page.a) : "memory");
        lr_and_leave(&page.b.word[0]);
        CHECK_EQ(sc(&page.a.word[0], 6), 1);
        lr_and_leave(&page.b.word[0]);
        __asm__ volatile("lr.d %0, (%1)" : "=r"(old) : "r"(&page.a) : "memory");
        CHECK_EQ(sc(&page.b.word[0], 6), 1);
    }
    CHECK_EQ(page.a.word[0], 5);
    CHECK_EQ(page.b.word[0], 5);
}

#if GUEST_HTIF /* QEMU's SC wants the very address */
/* The reservation is that of the granule, also where the LR was left behind. */
static void test_granule(void)
{
    unsigned stored = 0;
    page.a.word[1] = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        lr_and_leave(&page.a.word[1]);
        if (sc(&page.a.word[6], i))
            continue;
        stored++;
        CHECK_EQ(page.a.word[6], i);
    }
    CHECK_EQ(page.a.word[1], 0);
    CHECK(n == 1 ? stored == ROUNDS : stored >= ROUNDS / 4);
}
#endif

/* ---- another hart writes in between ---- */

static struct granule turn __attribute__((aligned(4096))); /* word 0: rounds asked, 1: answered */
static void (*writer)(void);

static void answer(void *arg)
{
    (void)arg;
    for (uint64_t round = 1;; round++) {
        while (__atomic_load_n(&turn.word[0], __ATOMIC_ACQUIRE) != round)
            guest_pause();
        if (!writer)
            break;
        writer();
        __atomic_store_n(&turn.word[1], round, __ATOMIC_RELEASE);
    }
}

static void ask(void)
{
    uint64_t round = turn.word[0] + 1;
    __atomic_store_n(&turn.word[0], round, __ATOMIC_RELEASE);
    while (writer && __atomic_load_n(&turn.word[1], __ATOMIC_ACQUIRE) != round)
        guest_pause();
}

static void write_stores(void)
{
    volatile uint64_t *p = &page.a.word[0];
    *p = 7;
    *p = 5;
}

static void write_apart(void)
{
    uint64_t *p = &page.a.word[0];
    add_apart(p);
    *(volatile uint64_t *)p = 5;
}

static void write_pair(void)
{
    add_pair(&page.a.word[1]);
}

static void never(void (*fn)(void))
{
    page.a.word[0] = 5;
    writer = fn;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t old = lr_and_leave(&page.a.word[0]);
        ask();
        CHECK_EQ(old, 5);
        CHECK_EQ(sc(&page.a.word[0], 6), 1);
        CHECK_EQ(page.a.word[0], 5);
    }
}

static void test_aba(void)
{
    if (n == 1)
        return;
    turn.word[0] = turn.word[1] = 0;
    guest_hart_start(1, answer, NULL);
    never(write_stores);
    never(write_apart);
    never(write_pair);
    writer = NULL;
    ask();
    guest_hart_join(1);
}

static const struct guest_case cases[] = {
    {"pairs", test_pairs},
    {"compare and exchange", test_exchanges},
    {"pairs, LR and SC apart, AMOs, stores", test_mixed},
    {"an SC elsewhere", test_odd},
    {"an SC without an LR", test_without_lr},
    {"a pair between LR and SC", test_pair_between},
    {"pairs left in the middle", test_left},
#if GUEST_HTIF
    {"granule", test_granule},
#endif
    {"another hart's writes", test_aba},
};

int main(void)
{
    n = guest_hart_count();
    return GUEST_RUN(cases);
}
