/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2 oracle=no
 *
 * minstret counts each retired instruction, and no other: sequences of known
 * length, traps, writes of the counter, mcountinhibit; mcycle and time rise,
 * time is the same on all harts.  QEMU without -icount counts host time.
 */
#include "guest.h"

/* Instructions between two reads of minstret, the first read counted. */
#define COUNT(body)                                                                                \
    ({                                                                                             \
        unsigned long a_, b_;                                                                      \
        __asm__ volatile(".option push; .option norvc; .option norelax\n"                          \
                         "csrr %0, minstret\n" body "\ncsrr %1, minstret\n"                        \
                         ".option pop"                                                             \
                         : "=&r"(a_), "=&r"(b_)                                                    \
                         :                                                                         \
                         : "t0", "t1", "t2", "memory");                                            \
        b_ - a_;                                                                                   \
    })

static void test_straight(void)
{
    CHECK_EQ(COUNT(""), 1);
    CHECK_EQ(COUNT("nop"), 2);
    CHECK_EQ(COUNT(".rept 1000\n nop\n .endr"), 1001);
    CHECK_EQ(COUNT(".option rvc\n c.nop\n c.nop\n .option norvc\n nop"), 4);
    CHECK_EQ(COUNT("mul t0, t1, t2\n div t0, t1, t2\n fence\n fence.i\n nop"), 6);
    CHECK_EQ(COUNT("csrr t0, mscratch\n csrr t0, mstatus\n csrr t0, mcycle"), 4);
}

/* Through two pages, and more. */
static void test_pages(void)
{
    CHECK_EQ(COUNT(".rept 3000\n nop\n .endr"), 3001);
}

static void test_branches(void)
{
    CHECK_EQ(COUNT("li t0, 1000\n 1: addi t0, t0, -1\n bnez t0, 1b"), 2002);
    CHECK_EQ(COUNT("j 1f\n nop\n nop\n 1: nop"), 3);
    CHECK_EQ(COUNT("la t0, 1f\n jr t0\n nop\n 1: nop"), 5); /* la is two */
    CHECK_EQ(COUNT("li t0, 5\n beqz t0, 1f\n nop\n 1: nop"), 5);
}

static uint64_t words[8] __attribute__((aligned(64), used));

static void test_memory(void)
{
    CHECK_EQ(COUNT("la t0, words\n ld t1, 0(t0)\n sd t1, 8(t0)\n ld t1, 3(t0)\n sd t1, 3(t0)"), 7);
    CHECK_EQ(COUNT("la t0, words\n amoadd.d t1, t2, (t0)\n lr.d t1, (t0)\n sc.d t2, t1, (t0)"), 6);
    CHECK_EQ(COUNT("li t0, 0x2000000\n lw t1, 0(t0)"), 3);
}

/* An instruction that traps is not retired: the distance does not count it. */
unsigned long counters_at_trap;
void counters_entry(void);
__asm__(".text\n"
        ".balign 4\n"
        "counters_entry:\n"
        "  csrrw t0, mscratch, t0\n"
        "  csrr t0, mepc\n"
        "  addi t0, t0, 4\n"
        "  csrw mepc, t0\n"
        "  csrr t0, minstret\n"
        "  sd t0, counters_at_trap, t1\n"
        "  csrrw t0, mscratch, t0\n"
        "  mret\n");

#define HANDLER_BEFORE 4 /* before its read of minstret */
#define HANDLER        9 /* in all: sd with a symbol is two */

#define COUNT_TRAP(before, insn)                                                                   \
    do {                                                                                           \
        unsigned long a_, b_;                                                                      \
        __asm__ volatile(".option push; .option norvc\n" before "\ncsrr %0, minstret\n" insn       \
                         "\ncsrr %1, minstret\n.option pop"                                        \
                         : "=&r"(a_), "=&r"(b_)                                                    \
                         :                                                                         \
                         : "t0", "t1", "a7", "memory");                                            \
        CHECK_EQ(counters_at_trap - a_, 1 + HANDLER_BEFORE);                                       \
        CHECK_EQ(b_ - a_, 1 + HANDLER);                                                            \
    } while (0)

static void test_traps(void)
{
    unsigned long vec = csr_read(mtvec), scratch = csr_read(mscratch);
    csr_write(mtvec, counters_entry);
    COUNT_TRAP("", ".word 0xffffffff");
    COUNT_TRAP("", "ecall");
    COUNT_TRAP("", "ebreak");
    COUNT_TRAP("li t0, 0x8000000", "ld t1, 0(t0)");
    COUNT_TRAP("li t0, 0x8000000", "sd t1, 0(t0)");
    COUNT_TRAP("la t0, words + 1", "lr.d t1, (t0)");
    csr_write(mtvec, vec);
    csr_write(mscratch, scratch);
}

/* What is written is what the next instruction reads (Zicsr: the write wins over the count). */
static void test_write(void)
{
    unsigned long v, w;
    __asm__ volatile("csrw minstret, %2; csrr %0, minstret; csrr %1, minstret"
                     : "=&r"(v), "=&r"(w)
                     : "r"(1000UL)
                     : "memory");
    CHECK_EQ(v, 1000);
    CHECK_EQ(w, 1001);
    __asm__ volatile("csrw minstret, %2; nop; nop; csrr %0, minstret; csrrw %1, minstret, zero"
                     : "=&r"(v), "=&r"(w)
                     : "r"(~0UL)
                     : "memory");
    CHECK_EQ(v, 1);
    CHECK_EQ(w, 2);
    CHECK(csr_read(minstret) < 100);
    __asm__ volatile("csrw mcycle, %1; csrr %0, mcycle" : "=&r"(v) : "r"(5000UL) : "memory");
    CHECK(v >= 5000 && v < 6000);
}

static void test_inhibit(void)
{
    unsigned long v, w;
    __asm__ volatile("csrwi mcountinhibit, 4; csrw minstret, %2; nop; nop; csrr %0, minstret\n"
                     "csrwi mcountinhibit, 0; nop; csrr %1, minstret"
                     : "=&r"(v), "=&r"(w)
                     : "r"(500UL)
                     : "memory");
    CHECK_EQ(v, 500);
    CHECK(w >= 501 && w <= 502); /* whether the csrwi itself counts is left open */
}

/* A mirror: user counters show the machine's. */
static void test_mirrors(void)
{
    unsigned long a, b, c;
    __asm__ volatile("csrr %0, minstret; rdinstret %1; csrr %2, minstret"
                     : "=&r"(a), "=&r"(b), "=&r"(c));
    CHECK_EQ(b, a + 1);
    CHECK_EQ(c, b + 1);
    __asm__ volatile("csrr %0, mcycle; rdcycle %1" : "=&r"(a), "=&r"(b));
    CHECK(b > a);
}

/* ---- time ---- */

static uint64_t now(void)
{
    uint64_t t;
    __asm__ volatile("rdtime %0" : "=r"(t) : : "memory");
    return t;
}

static void test_time(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t a = now(), b = guest_mtime(), c = now();
        CHECK(a <= b && b <= c);
    }
    uint64_t cycles = csr_read(mcycle);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t c = csr_read(mcycle);
        CHECK(c > cycles);
        cycles = c;
    }
}

/* The other hart answers with its time, which lies between ours. */
static struct {
    unsigned asked __attribute__((aligned(64)));
    unsigned answered __attribute__((aligned(64)));
    uint64_t time;
} remote;

#define ROUNDS 5000

static void tell_time(void *arg)
{
    (void)arg;
    for (unsigned i = 1; i <= ROUNDS; i++) {
        while (__atomic_load_n(&remote.asked, __ATOMIC_ACQUIRE) != i)
            guest_pause();
        remote.time = now();
        __atomic_store_n(&remote.answered, i, __ATOMIC_RELEASE);
    }
}

static void test_time_across(void)
{
    if (guest_hart_count() < 2)
        return;
    guest_hart_start(1, tell_time, NULL);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        uint64_t a = now();
        __atomic_store_n(&remote.asked, i, __ATOMIC_RELEASE);
        while (__atomic_load_n(&remote.answered, __ATOMIC_ACQUIRE) != i)
            guest_pause();
        CHECK(a <= remote.time && remote.time <= now());
    }
    guest_hart_join(1);
}

static const struct guest_case cases[] = {
    {"straight", test_straight}, {"pages", test_pages},
    {"branches", test_branches}, {"memory", test_memory},
    {"traps", test_traps},       {"write", test_write},
    {"inhibit", test_inhibit},   {"mirrors", test_mirrors},
    {"time", test_time},         {"time across harts", test_time_across},
};

int main(void)
{
    return GUEST_RUN(cases);
}
