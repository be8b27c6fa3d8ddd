/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2,4
 *
 * The runtime of the guest programs themselves: formatting, arguments, traps, privilege
 * switches, starting harts, locks, barriers and time.
 */
#include "guest.h"

static int format(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = guest_vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}

static void test_format(void)
{
    char b[64];

    CHECK_EQ(format(b, sizeof(b), "%d|%5d|%-5d|%05d", -7, 42, 42, -42), 20);
    CHECK(strcmp(b, "-7|   42|42   |-0042") == 0);
    format(b, sizeof(b), "%lx %X %lu %c%s%%", 0x123456789abcdef0UL, 0xbeefU, ~0UL, 'a', "bc");
    CHECK(strcmp(b, "123456789abcdef0 BEEF 18446744073709551615 abc%") == 0);
    CHECK_EQ(format(b, 4, "%s", "truncated"), 9);
    CHECK(strcmp(b, "tru") == 0);
}

static void test_memory_functions(void)
{
    char b[16] = "0123456789";

    memmove(b + 2, b, 8);
    CHECK(memcmp(b, "0101234567", 10) == 0);
    memmove(b, b + 2, 8);
    CHECK(memcmp(b, "0123456767", 10) == 0);
    CHECK(memcmp("a\xff", "a\x01", 2) > 0);
}

/* A tree of one node with bootargs, in the words of the Devicetree Specification 5: header, then
 * the structure block at 40 and the strings behind it. */
#define BE(v) __builtin_bswap32(v)
static struct {
    uint32_t head[10], root[2], prop[3];
    char args[48];
    uint32_t end[2];
    char strings[12];
} tree = {
    {BE(0xd00dfeed), BE(sizeof(tree)), BE(40), BE(40 + 4 * 7 + 48), 0, BE(17), BE(16)},
    {BE(1), 0},
    {BE(3), BE(48), 0},
    "n=7 name=first text=ab.c-d mm=x name=last empty",
    {BE(2), BE(9)},
    "bootargs",
};

static void test_arguments(void)
{
    const void *fdt = guest_fdt();
    char b[16], cut[4];

    guest_set_fdt(&tree);
    CHECK_EQ(guest_argument("n", 1), 7);
    CHECK_EQ(guest_argument("m", 5), 5);
    CHECK_EQ(guest_argument("text", 5), 0);
    CHECK(guest_argument_text("text", b, sizeof(b)) && strcmp(b, "ab.c-d") == 0);
    CHECK(guest_argument_text("name", b, sizeof(b)) && strcmp(b, "last") == 0);
    CHECK(guest_argument_text("text", cut, sizeof(cut)) && strcmp(cut, "ab.") == 0);
    CHECK(!guest_argument_text("m", b, sizeof(b)) && b[0] == 0);
    CHECK(!guest_argument_text("empty", b, sizeof(b)));
    guest_set_fdt(fdt);
}

static void test_catch(void)
{
    struct guest_caught c;

    guest_catch(&c);
    __asm__ volatile("unimp" : : : "memory");
    CHECK_EQ(c.cause, CAUSE_ILLEGAL);
    guest_catch(&c);
    __asm__ volatile("li a7, 0; ecall" : : : "a7", "memory");
    CHECK_EQ(c.cause, CAUSE_ECALL_M);
    CHECK(c.epc > VIRT_RAM);
}

static unsigned long read_mstatus(unsigned long x)
{
    return csr_read(mstatus) + x;
}

static unsigned long add_one(unsigned long x)
{
    return x + 1;
}

static void test_modes(void)
{
    struct guest_caught c;

    CHECK_EQ(guest_run_in(PRIV_M, add_one, 41), 42);
    CHECK_EQ(guest_run_in(PRIV_S, add_one, 42), 43);
    CHECK_EQ(guest_run_in(PRIV_U, add_one, 43), 44);
    CHECK_EQ(csr_read(mstatus) & MSTATUS_MIE, 0);
    guest_catch(&c);
    guest_run_in(PRIV_U, read_mstatus, 0);
    CHECK_EQ(c.cause, CAUSE_ILLEGAL);
}

static unsigned hook_count;

static void count_hook(struct guest_trap *t)
{
    hook_count++;
    t->x[10] = 99;
    guest_trap_skip(t);
}

static void nested_hook(struct guest_trap *t)
{
    struct guest_caught c;

    guest_catch(&c);
    __asm__ volatile("unimp" : : : "memory");
    hook_count += c.cause == CAUSE_ILLEGAL;
    guest_trap_skip(t);
}

static void test_hook(void)
{
    register unsigned long a0 __asm__("a0") = 1;

    hook_count = 0;
    guest_trap_hook(count_hook);
    __asm__ volatile("ebreak" : "+r"(a0) : : "memory");
    CHECK_EQ(a0, 99);
    guest_trap_hook(nested_hook);
    __asm__ volatile("ebreak" : : : "memory");
    __asm__ volatile("ebreak" : : : "memory");
    guest_trap_hook(NULL);
    CHECK_EQ(hook_count, 3);
}

#define ROUNDS 500
static struct guest_lock lock;
static struct guest_barrier barrier;
static unsigned long shared[2]; /* both under lock */

static void work(void *arg)
{
    unsigned n = *(unsigned *)arg;

    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ROUNDS; i++) {
        guest_lock(&lock);
        unsigned long v = shared[0];
        shared[0] = v + 1;
        shared[1] = shared[1] + 1;
        guest_unlock(&lock);
    }
    guest_barrier_wait(&barrier, n);
}

static void test_harts(void)
{
    unsigned n = guest_hart_count();

    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned h = 1; h < n; h++)
            guest_hart_start(h, work, &n);
        work(&n);
        for (unsigned h = 1; h < n; h++)
            guest_hart_join(h);
        CHECK_EQ(shared[0], (unsigned long)n * ROUNDS * round);
        CHECK_EQ(shared[1], shared[0]);
    }
}

static void test_time(void)
{
    uint64_t t = guest_mtime();

    for (unsigned i = 0; i < 1000; i++) {
        uint64_t now = guest_mtime();
        CHECK(now >= t);
        t = now;
    }
    while (guest_mtime() < t + VIRT_MTIME_HZ / 1000)
        guest_pause();
}

/* Timer and software interrupt, taken in M-mode. */
static volatile unsigned long irq_causes;

static void irq_hook(struct guest_trap *t)
{
    irq_causes |= 1UL << (t->cause & 63);
    if (t->cause == (CAUSE_INTERRUPT | 7))
        mmio_write64(CLINT_MTIMECMP(0), ~0UL);
    if (t->cause == (CAUSE_INTERRUPT | 3))
        guest_ipi_clear(0);
}

static void test_interrupts(void)
{
    irq_causes = 0;
    guest_trap_hook(irq_hook);
    mmio_write64(CLINT_MTIMECMP(0), guest_mtime() + VIRT_MTIME_HZ / 1000);
    csr_write(mie, MIP_MTIP | MIP_MSIP);
    csr_set(mstatus, MSTATUS_MIE);
    guest_ipi_send(0);
    while (irq_causes != (1UL << 7 | 1UL << 3))
        guest_pause();
    csr_clear(mstatus, MSTATUS_MIE);
    csr_write(mie, 0);
    guest_trap_hook(NULL);
}

static const struct guest_case cases[] = {
    {"format", test_format},         {"memory functions", test_memory_functions},
    {"arguments", test_arguments},   {"catch", test_catch},
    {"modes", test_modes},           {"hook", test_hook},
    {"harts", test_harts},           {"time", test_time},
    {"interrupts", test_interrupts},
};

int main(void)
{
    return GUEST_RUN(cases);
}
