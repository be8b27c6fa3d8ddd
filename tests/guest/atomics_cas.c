/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 oracle=no
 *
 * Zacas: amocas.w, .d and .q.  QEMU 7.2 and binutils 2.40 do not know it, so
 * the instructions are written as .insn.
 */
#include "guest.h"

static uint64_t words[4] __attribute__((aligned(64)));

static uint64_t cas_w(void *p, uint64_t expect, uint64_t v)
{
    __asm__ volatile(".insn r 0x2f, 2, 0x14, %0, %1, %2"
                     : "+r"(expect)
                     : "r"(p), "r"(v)
                     : "memory");
    return expect;
}

static uint64_t cas_d(void *p, uint64_t expect, uint64_t v)
{
    __asm__ volatile(".insn r 0x2f, 3, 0x14, %0, %1, %2"
                     : "+r"(expect)
                     : "r"(p), "r"(v)
                     : "memory");
    return expect;
}

struct pair {
    uint64_t lo, hi;
};

static struct pair cas_q(void *p, struct pair expect, struct pair v)
{
    register uint64_t a2 __asm__("a2") = expect.lo, a3 __asm__("a3") = expect.hi;
    register uint64_t a4 __asm__("a4") = v.lo, a5 __asm__("a5") = v.hi;
    __asm__ volatile(".insn r 0x2f, 4, 0x14, %0, %2, %3"
                     : "+r"(a2), "+r"(a3)
                     : "r"(p), "r"(a4), "r"(a5)
                     : "memory");
    return (struct pair){a2, a3};
}

static void test_w(void)
{
    uint32_t *w = (uint32_t *)words + 1;
    words[0] = 0x8000000111111111;
    /* Only the low half of the comparand counts, and the result is sign-extended. */
    CHECK_EQ(cas_w(w, 0x80000001, 5), 0xffffffff80000001);
    CHECK_EQ(words[0], 0x0000000511111111);
    CHECK_EQ(cas_w(w, 0xabcd00000005, 0x7fffffff), 5);
    CHECK_EQ(words[0], 0x7fffffff11111111);
    CHECK_EQ(cas_w(w, 6, 9), 0x7fffffff);
    CHECK_EQ(words[0], 0x7fffffff11111111);
}

static void test_d(void)
{
    words[1] = ~0UL;
    CHECK_EQ(cas_d(&words[1], ~0UL, 1UL << 63), ~0UL);
    CHECK_EQ(words[1], 1UL << 63);
    CHECK_EQ(cas_d(&words[1], 0, 7), 1UL << 63);
    CHECK_EQ(words[1], 1UL << 63);
}

static void test_q(void)
{
    struct pair got;
    words[2] = 1;
    words[3] = 2;
    got = cas_q(&words[2], (struct pair){1, 3}, (struct pair){8, 9});
    CHECK(got.lo == 1 && got.hi == 2 && words[2] == 1 && words[3] == 2);
    got = cas_q(&words[2], (struct pair){1, 2}, (struct pair){8, 9});
    CHECK(got.lo == 1 && got.hi == 2 && words[2] == 8 && words[3] == 9);
}

/* x0 as a pair is zero, and takes nothing. */
static void test_q_zero(void)
{
    words[2] = words[3] = 0;
    __asm__ volatile(".insn r 0x2f, 4, 0x14, zero, %0, zero" : : "r"(&words[2]) : "memory");
    CHECK(words[2] == 0 && words[3] == 0);
    register uint64_t a4 __asm__("a4") = 5, a5 __asm__("a5") = 6;
    __asm__ volatile(".insn r 0x2f, 4, 0x14, zero, %0, %1"
                     :
                     : "r"(&words[2]), "r"(a4), "r"(a5)
                     : "memory");
    CHECK(words[2] == 5 && words[3] == 6);
}

static void test_traps(void)
{
    struct guest_caught c;
    struct pair z = {0, 0};
    char *p = (char *)words;
    guest_catch(&c);
    (void)cas_q(p + 8, z, z);
    CHECK_EQ(c.cause, CAUSE_STORE_MISALIGNED);
    CHECK_EQ(c.tval, (unsigned long)p + 8);
    guest_catch(&c);
    (void)cas_d(p + 12, 0, 0); /* across 16 bytes */
    CHECK_EQ(c.cause, CAUSE_STORE_MISALIGNED);
    guest_catch(&c);
    (void)cas_w(p + 14, 0, 0);
    CHECK_EQ(c.cause, CAUSE_STORE_MISALIGNED);
    guest_catch(&c);
    (void)cas_d((void *)0x8000000, 0, 0);
    CHECK_EQ(c.cause, CAUSE_STORE_ACCESS);
    /* Odd registers name no pair: reserved. */
    guest_catch(&c);
    __asm__ volatile(".insn r 0x2f, 4, 0x14, a3, %0, a4" : : "r"(p) : "a3", "memory");
    CHECK_EQ(c.cause, CAUSE_ILLEGAL);
    guest_catch(&c);
    __asm__ volatile(".insn r 0x2f, 4, 0x14, a2, %0, a5" : : "r"(p) : "a2", "a3", "memory");
    CHECK_EQ(c.cause, CAUSE_ILLEGAL);
}

/* A successful CAS of another width on a reserved granule breaks the reservation. */
static void test_with_reservation(void)
{
    uint64_t old, failed;
    words[0] = 1;
    __asm__ volatile("lr.d %0, (%2)\n"
                     ".insn r 0x2f, 3, 0x14, %0, %2, %3\n"
                     "sc.d %1, zero, (%2)"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(&words[0]), "r"(2UL)
                     : "memory");
    CHECK_EQ(words[0], failed ? 2 : 0); /* own stores may or may not break it */
}

static const struct guest_case cases[] = {
    {"amocas.w", test_w},  {"amocas.d", test_d},
    {"amocas.q", test_q},  {"amocas.q and x0", test_q_zero},
    {"traps", test_traps}, {"with a reservation", test_with_reservation},
};

int main(void)
{
    return GUEST_RUN(cases);
}
