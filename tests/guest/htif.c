/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2 exit=42 oracle=no
 *
 * HTIF: console by 64-bit stores and by two 32-bit ones, low word first, from
 * several harts; the write call and its answers; the exit code, here 42.  The
 * virt build has no tohost and only ends.
 */
#include "guest.h"

#if GUEST_HTIF
extern volatile uint64_t tohost, fromhost;

#define CONSOLE   (0x0101UL << 48)
#define SYS_WRITE 64
#define EFAULT    14
#define EBADF     9
#define ENOSYS    38

static struct guest_lock lock;

static void await_taken(void)
{
    uint64_t until = guest_mtime() + 10 * VIRT_MTIME_HZ;
    while (tohost)
        CHECK(guest_mtime() < until);
}

static void put_whole(char c)
{
    tohost = CONSOLE | (uint8_t)c;
    await_taken();
}

/* Two 32-bit stores, low word first. */
static void store_split(uint64_t v)
{
    volatile uint32_t *half = (volatile uint32_t *)&tohost;
    half[0] = (uint32_t)v;
    half[1] = (uint32_t)(v >> 32);
}

static void put_split(char c)
{
    store_split(CONSOLE | (uint8_t)c);
    await_taken();
}

static void put_line(const char *s, void (*put)(char))
{
    guest_lock(&lock);
    while (*s)
        put(*s++);
    guest_unlock(&lock);
}

static void test_console(void)
{
    put_line("# whole words\n", put_whole);
    put_line("# split words\n", put_split);
}

static void test_amo(void)
{
    const char *s = "# atomic swap\n";
    for (; *s; s++) {
        __atomic_exchange_n(&tohost, CONSOLE | (uint8_t)*s, __ATOMIC_SEQ_CST);
        await_taken();
    }
}

/* ---- system calls: tohost points to number and arguments, the result replaces the number ---- */

static volatile uint64_t call[8] __attribute__((aligned(64)));

static uint64_t system_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, bool split)
{
    uint64_t until = guest_mtime() + 10 * VIRT_MTIME_HZ;
    call[0] = number;
    call[1] = a;
    call[2] = b;
    call[3] = c;
    fromhost = 0;
    __asm__ volatile("fence" : : : "memory");
    if (split) {
        store_split((unsigned long)call);
    } else {
        tohost = (unsigned long)call;
    }
    while (!fromhost)
        CHECK(guest_mtime() < until);
    fromhost = 0;
    return call[0];
}

static void test_write(void)
{
    static const char text[] = "# by the write call\n";
    for (unsigned split = 0; split < 2; split++) {
        CHECK_EQ(system_call(SYS_WRITE, 1, (unsigned long)text, sizeof(text) - 1, split),
                 sizeof(text) - 1);
        CHECK_EQ(system_call(SYS_WRITE, 1, (unsigned long)text, 0, split), 0);
    }
}

static void test_write_errors(void)
{
    static const char text[] = "x";
    CHECK_EQ(system_call(SYS_WRITE, 77, (unsigned long)text, 1, false), -(uint64_t)EBADF);
    CHECK_EQ(system_call(SYS_WRITE, 1, 0x10, 1, false), -(uint64_t)EFAULT);
    CHECK_EQ(system_call(SYS_WRITE, 1, (unsigned long)text, 1UL << 60, false), -(uint64_t)EFAULT);
    CHECK_EQ(system_call(SYS_WRITE, 1, ~0UL, 2, false), -(uint64_t)EFAULT);
    CHECK_EQ(system_call(12345, 0, 0, 0, false), -(uint64_t)ENOSYS);
}

/* ---- several harts, one line each ---- */

static void other_hart(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 5; i++) {
        put_line("# hart 1, whole\n", put_whole);
        put_line("# hart 1, split\n", put_split);
    }
}

static void test_harts(void)
{
    if (guest_hart_count() < 2)
        return;
    guest_hart_start(1, other_hart, NULL);
    for (unsigned i = 0; i < 5; i++) {
        put_line("# hart 0, split\n", put_split);
        put_line("# hart 0, whole\n", put_whole);
    }
    guest_hart_join(1);
}

static const struct guest_case cases[] = {
    {"console", test_console},     {"console by amo", test_amo},
    {"write call", test_write},    {"errors of the write call", test_write_errors},
    {"several harts", test_harts},
};
#endif

int main(void)
{
#if GUEST_HTIF
    GUEST_RUN(cases);
    store_split(42 << 1 | 1);
    for (;;)
        guest_wfi();
#else
    return 42;
#endif
}
