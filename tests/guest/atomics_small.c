/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2 oracle=no
 *
 * Zabha: each atomic of a byte and of a halfword at each place of a doubleword
 * against plain arithmetic, on an ordinary page, on one that carries a
 * reservation and on one that holds code; and that several harts lose nothing
 * of each other.  binutils 2.40 does not know them, so they are written as .insn;
 * QEMU before 10 does not either (10 runs this with -cpu max).
 */
#include "guest.h"

#define ROUNDS 4000

enum { AQ = 2, RL = 1 };

/* funct3 0: byte, 1: halfword; funct7: the operation, aq, rl. */
#define AMO_FN(name, funct3, funct7)                                                               \
    static uint64_t name(void *p, uint64_t v)                                                      \
    {                                                                                              \
        uint64_t old;                                                                              \
        __asm__ volatile(".insn r 0x2f, %3, %4, %0, %1, %2"                                        \
                         : "=r"(old)                                                               \
                         : "r"(p), "r"(v), "i"(funct3), "i"(funct7)                                \
                         : "memory");                                                              \
        return old;                                                                                \
    }
#define AMO(op, funct5, order)                                                                     \
    AMO_FN(op##_b, 0, (funct5) << 2 | (order))                                                     \
    AMO_FN(op##_h, 1, (funct5) << 2 | (order))
AMO(swap, 0x01, 0)
AMO(add, 0x00, AQ)
AMO(xor, 0x04, RL)
AMO(and, 0x0c, AQ | RL)
AMO(or, 0x08, 0)
AMO(min, 0x10, AQ)
AMO(max, 0x14, RL)
AMO(minu, 0x18, AQ | RL)
AMO(maxu, 0x1c, 0)

static uint64_t cas_b(void *p, uint64_t expected, uint64_t v)
{
    __asm__ volatile(".insn r 0x2f, 0, 0x14, %0, %1, %2"
                     : "+r"(expected)
                     : "r"(p), "r"(v)
                     : "memory");
    return expected;
}

static uint64_t cas_h(void *p, uint64_t expected, uint64_t v)
{
    __asm__ volatile(".insn r 0x2f, 1, 0x14, %0, %1, %2"
                     : "+r"(expected)
                     : "r"(p), "r"(v)
                     : "memory");
    return expected;
}

enum op { SWAP, ADD, XOR, AND, OR, MIN, MAX, MINU, MAXU, OPS };

static const struct {
    uint64_t (*fn[2])(void *, uint64_t);
} amos[OPS] = {
    [SWAP] = {{swap_b, swap_h}}, [ADD] = {{add_b, add_h}},    [XOR] = {{xor_b, xor_h}},
    [AND] = {{and_b, and_h}},    [OR] = {{or_b, or_h}},       [MIN] = {{min_b, min_h}},
    [MAX] = {{max_b, max_h}},    [MINU] = {{minu_b, minu_h}}, [MAXU] = {{maxu_b, maxu_h}},
};

static int64_t extend(uint64_t v, unsigned bits)
{
    return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

static uint64_t arithmetic(enum op op, uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t mask = ~0UL >> (64 - bits), ua = a & mask, ub = b & mask;
    int64_t sa = extend(a, bits), sb = extend(b, bits);
    switch (op) {
    case SWAP:
        return ub;
    case ADD:
        return (ua + ub) & mask;
    case XOR:
        return ua ^ ub;
    case AND:
        return ua & ub;
    case OR:
        return ua | ub;
    case MIN:
        return sa < sb ? ua : ub;
    case MAX:
        return sa > sb ? ua : ub;
    case MINU:
        return ua < ub ? ua : ub;
    default:
        return ua > ub ? ua : ub;
    }
}

static uint8_t area[3 * 4096] __attribute__((aligned(4096)));

static const uint64_t values[] = {0,      1,      0x7f,   0x80,   0xff,           0x100,
                                  0x7fff, 0x8000, 0xffff, 0x1234, 0xdeadbeef00f0, ~0UL};
enum { VALUES = sizeof(values) / sizeof(values[0]) };

/* One operation at byte `at` of the doubleword: the result, and no other byte changes. */
static void check_one(uint64_t *word, enum op op, unsigned half, unsigned at, uint64_t a,
                      uint64_t b)
{
    unsigned bits = half ? 16 : 8, shift = 8 * at;
    uint64_t mask = (~0UL >> (64 - bits)) << shift, before = 0x1122334455667788;
    before = (before & ~mask) | (a << shift & mask);
    *(volatile uint64_t *)word = before;
    CHECK_EQ(amos[op].fn[half]((char *)word + at, b), extend(a, bits));
    CHECK_EQ(*(volatile uint64_t *)word, (before & ~mask) | arithmetic(op, a, b, bits) << shift);
}

static void check_all(uint64_t *word, unsigned step)
{
    unsigned n = 0;
    for (enum op op = 0; op < OPS; op++)
        for (unsigned half = 0; half < 2; half++)
            for (unsigned at = 0; at < 8; at += 1 + half)
                for (unsigned i = 0; i < VALUES; i++)
                    for (unsigned j = 0; j < VALUES; j++)
                        if (n++ % step == 0)
                            check_one(word, op, half, at, values[i], values[j]);
}

static void check_cas(uint64_t *word)
{
    *(volatile uint64_t *)word = 0x80ff7f0188776655;
    /* The low part of the comparand counts, and what comes back is sign-extended. */
    CHECK_EQ(cas_b((char *)word + 7, 0xabcd80, 0x1ff), ~0x7fUL);
    CHECK_EQ(*(volatile uint64_t *)word, 0xffff7f0188776655);
    CHECK_EQ(cas_b((char *)word + 5, 0x7e, 0), 0x7f);
    CHECK_EQ(*(volatile uint64_t *)word, 0xffff7f0188776655);
    CHECK_EQ(cas_h((char *)word + 6, ~0UL, 0x51234), ~0UL);
    CHECK_EQ(*(volatile uint64_t *)word, 0x12347f0188776655);
    CHECK_EQ(cas_h((char *)word + 2, 0x8876, 0), 0xffffffffffff8877);
    CHECK_EQ(*(volatile uint64_t *)word, 0x12347f0188776655);
    CHECK_EQ(cas_h((char *)word + 4, 0x7f01, 0x8000), 0x7f01);
    CHECK_EQ(*(volatile uint64_t *)word, 0x1234800088776655);
}

static void test_plain(void)
{
    check_all((uint64_t *)(area + 64), 1);
    check_cas((uint64_t *)(area + 64));
}

static void test_reserved_page(void)
{
    uint64_t v;
    __asm__ volatile("lr.d %0, (%1)" : "=r"(v) : "r"(area + 4096) : "memory");
    check_all((uint64_t *)(area + 4096 + 128), 7);
    check_cas((uint64_t *)(area + 4096 + 128));
}

static void test_code_page(void)
{
    uint32_t *code = (uint32_t *)(area + 8192 + 2048);
    for (unsigned i = 0; i < 3; i++) {
        *(volatile uint32_t *)code = 0x8082; /* ret */
        __asm__ volatile("fence.i" : : : "memory");
        ((void (*)(void))code)();
        check_all((uint64_t *)(area + 8192), 11);
        check_cas((uint64_t *)(area + 8192));
    }
}

/* Code that an AMO of a byte or a halfword writes is executed after a fence.i. */
static void test_code(void)
{
    static uint32_t code[2] __attribute__((aligned(8)));
    unsigned long (*fn)(void) = (unsigned long (*)(void))code;
    code[0] = 0x00000513; /* li a0, 0 */
    code[1] = 0x00008067; /* ret */
    __asm__ volatile("fence.i" : : : "memory");
    CHECK_EQ(fn(), 0);
    (void)or_h((char *)code + 2, 0x7ff0); /* the immediate */
    __asm__ volatile("fence.i" : : : "memory");
    CHECK_EQ(fn(), 0x7ff);
    (void)and_b((char *)code + 3, 0x3f);
    __asm__ volatile("fence.i" : : : "memory");
    CHECK_EQ(fn(), 0x3ff);
}

/* rd = x0 does the operation all the same; x0 as operand is zero. */
static void test_zero(void)
{
    *(volatile uint64_t *)area = ~0UL;
    __asm__ volatile(".insn r 0x2f, 0, 0x04, zero, %0, zero" : : "r"(area + 1) : "memory");
    CHECK_EQ(*(volatile uint64_t *)area, 0xffffffffffff00ff);
    __asm__ volatile(".insn r 0x2f, 1, 0x00, zero, %0, %1" : : "r"(area + 2), "r"(2) : "memory");
    CHECK_EQ(*(volatile uint64_t *)area, 0xffffffff000100ff);
}

static void test_traps(void)
{
    struct guest_caught c;
    guest_catch(&c);
    (void)add_b((void *)0x8000000, 0); /* nothing is there */
    CHECK_EQ(c.cause, CAUSE_STORE_ACCESS);
    CHECK_EQ(c.tval, 0x8000000);
    guest_catch(&c);
    (void)cas_h((void *)0x8000002, 0, 0);
    CHECK_EQ(c.cause, CAUSE_STORE_ACCESS);
    guest_catch(&c);
    (void)swap_h(area + 15, 0); /* across 16 bytes */
    CHECK_EQ(c.cause, CAUSE_STORE_MISALIGNED);
    CHECK_EQ(c.tval, (unsigned long)area + 15);
    guest_catch(NULL);
}

/* ---- several harts ---- */

static struct guest_barrier barrier;
static unsigned n;

struct shared {
    uint8_t byte;   /* all add */
    uint8_t own[3]; /* of one hart each */
    uint16_t half;
    uint16_t cas;
    uint64_t lr; /* counted by LR/SC, in the same granule */
} __attribute__((aligned(64)));
static struct shared shared;

static void hammer(void *arg)
{
    unsigned me = guest_hart_id() % 3;
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)add_b(&shared.byte, 1);
        (void)add_b(&shared.own[me], 3);
        (void)add_h(&shared.half, 5);
        uint64_t seen = *(volatile uint16_t *)&shared.cas, found;
        while ((uint16_t)(found = cas_h(&shared.cas, seen, seen + 1)) != (uint16_t)seen)
            seen = found;
        if (i % 8 == 0) {
            uint64_t v, failed;
            __asm__ volatile("1: lr.d %0, (%2)\naddi %0, %0, 1\nsc.d %1, %0, (%2)\nbnez %1, 1b"
                             : "=&r"(v), "=&r"(failed)
                             : "r"(&shared.lr)
                             : "memory");
        }
    }
}

static void test_harts(void)
{
    n = guest_hart_count();
    for (unsigned h = 1; h < n; h++)
        guest_hart_start(h, hammer, NULL);
    hammer(NULL);
    for (unsigned h = 1; h < n; h++)
        guest_hart_join(h);
    CHECK_EQ(shared.byte, (uint8_t)(n * ROUNDS));
    CHECK_EQ(shared.half, (uint16_t)(n * ROUNDS * 5));
    CHECK_EQ(shared.cas, (uint16_t)(n * ROUNDS));
    CHECK_EQ(shared.lr, n * ((ROUNDS + 7) / 8));
    for (unsigned h = 0; h < 3; h++)
        CHECK_EQ(shared.own[h], h < n ? (uint8_t)(ROUNDS * 3) : 0);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"plain page", test_plain},
        {"reserved page", test_reserved_page},
        {"code page", test_code_page},
        {"code", test_code},
        {"x0", test_zero},
        {"traps", test_traps},
        {"several harts", test_harts},
    };
    return GUEST_RUN(cases);
}
