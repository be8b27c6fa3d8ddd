/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=2 timeout=120 oracle=no
 *
 * A reservation is broken by another hart's write, whatever value it leaves:
 * hart 0 loads A with LR, hart 1 writes B and then A (or in one of the other
 * ways below), hart 0's SC must fail, every time.  Not for the oracle: QEMU,
 * 10.0 too, compares values, and its SC succeeds in the first case.
 * lrsc_aba_million.c is this with more rounds.
 */
#include "guest.h"

#ifndef ROUNDS
#define ROUNDS 20000
#endif

struct granule {
    uint64_t word[8];
} __attribute__((aligned(64)));

/* The target has a page of its own, so that the handshake does not write it. */
static struct {
    struct granule before, target, other;
    uint8_t rest[4096 - 3 * 64];
} page __attribute__((aligned(4096)));

static struct granule turn __attribute__((aligned(4096))); /* word 0: rounds asked, 1: answered */
static uint64_t *asked = &turn.word[0], *answered = &turn.word[1];

#define A 0x1111111111111111UL
#define B 0x2222222222222222UL

/* ---- the other hart ---- */

typedef void writer_fn(void);
static writer_fn *writer; /* NULL: the other hart is to go home */

static void write_aba(void)
{
    volatile uint64_t *p = &page.target.word[0];
    *p = B;
    *p = A;
}

static void write_same(void)
{
    *(volatile uint64_t *)&page.target.word[0] = A;
}

static void write_byte(void)
{
    *((volatile uint8_t *)&page.target.word[0] + 7) = 0x11;
}

/* LR/SC reserves 64 bytes. */
static void write_granule(void)
{
    *((volatile uint8_t *)&page.target + 63) = 0;
}

static void write_across(void)
{
    volatile uint64_t *p = (volatile uint64_t *)((uint8_t *)&page.target - 1);
    *p = A << 8;
    *((volatile uint8_t *)&page.target + 0) = 0x11; /* as it was */
}

static void write_amo(void)
{
    __asm__ volatile("amoor.d zero, zero, (%0)" : : "r"(&page.target) : "memory");
}

static void write_amo_word(void)
{
    __asm__ volatile("amoadd.w zero, zero, (%0)" : : "r"(&page.target.word[7]) : "memory");
}

static void write_sc(void)
{
    uint64_t old, failed;
    __asm__ volatile("1: lr.d %0, (%2); sc.d %1, %0, (%2); bnez %1, 1b"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(&page.target)
                     : "memory");
}

static void write_fp(void)
{
    __asm__ volatile("fld ft0, (%0); fsd ft0, (%0)" : : "r"(&page.target) : "ft0", "memory");
}

static void write_elsewhere(void)
{
    *(volatile uint64_t *)&page.other.word[0] = A;
    *(volatile uint64_t *)&page.before.word[7] = B;
}

static void other_hart(void *arg)
{
    (void)arg;
    for (uint64_t round = 1;; round++) {
        while (__atomic_load_n(asked, __ATOMIC_ACQUIRE) != round)
            guest_pause();
        writer_fn *fn = writer;
        if (!fn)
            break;
        fn();
        __atomic_store_n(answered, round, __ATOMIC_RELEASE);
    }
}

/* ---- hart 0 ---- */

static uint64_t ask(void)
{
    uint64_t round = *asked + 1;
    __atomic_store_n(asked, round, __ATOMIC_RELEASE);
    return round;
}

static void call_other(void)
{
    uint64_t round = ask();
    while (__atomic_load_n(answered, __ATOMIC_ACQUIRE) != round)
        guest_pause();
}

/* One LR, the other hart's writes, one SC; whether it succeeded. */
static bool attempt(uint64_t *seen)
{
    uint64_t old, failed;
    __asm__ volatile("lr.d %0, (%1)" : "=r"(old) : "r"(&page.target) : "memory");
    call_other();
    __asm__ volatile("sc.d %0, %2, (%1)" : "=r"(failed) : "r"(&page.target), "r"(B) : "memory");
    *seen = old;
    return !failed;
}

static void never_succeeds(writer_fn *fn, unsigned rounds)
{
    uint64_t seen;
    page.target.word[0] = A;
    writer = fn;
    for (unsigned i = 0; i < rounds; i++) {
        CHECK(!attempt(&seen));
        CHECK_EQ(seen, A);
        CHECK_EQ(page.target.word[0], A);
    }
}

static void test_aba(void)
{
    never_succeeds(write_aba, ROUNDS);
}

static void test_same_value(void)
{
    never_succeeds(write_same, ROUNDS / 8);
}

static void test_parts(void)
{
    never_succeeds(write_byte, ROUNDS / 16);
    never_succeeds(write_granule, ROUNDS / 16);
    never_succeeds(write_across, ROUNDS / 16);
}

static void test_atomics(void)
{
    never_succeeds(write_amo, ROUNDS / 16);
    never_succeeds(write_amo_word, ROUNDS / 16);
    never_succeeds(write_sc, ROUNDS / 16);
    never_succeeds(write_fp, ROUNDS / 16);
}

/* Another granule of the page is not reserved: an SC must come through in the end. */
static void test_elsewhere(void)
{
    uint64_t seen;
    unsigned succeeded = 0;
    page.target.word[0] = A;
    writer = write_elsewhere;
    for (unsigned i = 0; i < ROUNDS / 16; i++) {
        uint64_t want = succeeded ? B : A;
        succeeded += attempt(&seen);
        CHECK_EQ(seen, want);
        CHECK_EQ(page.target.word[0], succeeded ? B : A);
    }
    CHECK(succeeded > 0);
}

/* An own store between LR and SC may break it; a plain loop afterwards must work. */
static void test_own_store(void)
{
    for (unsigned i = 0; i < ROUNDS / 16; i++) {
        uint64_t old, failed;
        page.target.word[0] = A;
        __asm__ volatile("lr.d %0, (%2); sd %3, (%2); sc.d %1, %4, (%2)"
                         : "=&r"(old), "=&r"(failed)
                         : "r"(&page.target), "r"(i + 5UL), "r"(B)
                         : "memory");
        CHECK_EQ(page.target.word[0], failed ? i + 5UL : B);
        unsigned tries = 0;
        do {
            __asm__ volatile("lr.d %0, (%2); sc.d %1, %3, (%2)"
                             : "=&r"(old), "=&r"(failed)
                             : "r"(&page.target), "r"(A)
                             : "memory");
        } while (failed && ++tries < 1000);
        CHECK(!failed);
        CHECK_EQ(page.target.word[0], A);
    }
}

/* While the other hart keeps writing other granules of the page, constrained loops get through. */
static void test_progress(void)
{
    page.target.word[0] = 0;
    writer = write_elsewhere;
    for (unsigned i = 0; i < ROUNDS / 16; i++) {
        uint64_t old, failed, round = ask();
        __asm__ volatile("1: lr.d %0, (%2); addi %0, %0, 1; sc.d %1, %0, (%2); bnez %1, 1b"
                         : "=&r"(old), "=&r"(failed)
                         : "r"(&page.target)
                         : "memory");
        while (__atomic_load_n(answered, __ATOMIC_ACQUIRE) != round)
            guest_pause();
    }
    CHECK_EQ(page.target.word[0], ROUNDS / 16);
}

static const struct guest_case cases[] = {
    {"B then A", test_aba},
    {"the same value", test_same_value},
    {"parts of the granule", test_parts},
    {"atomics and FP", test_atomics},
    {"another granule", test_elsewhere},
    {"own store", test_own_store},
    {"progress", test_progress},
};

int main(void)
{
    guest_hart_start(1, other_hart, NULL);
    int code = GUEST_RUN(cases);
    writer = NULL;
    ask();
    guest_hart_join(1);
    return code;
}
