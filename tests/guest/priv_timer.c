/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2 timeout=60
 *
 * The supervisor timer (Sstc): STIP follows stimecmp, at once when it moves to
 * the future; it ends WFI and is taken in S; who may access it.
 */
#include "guest.h"

#define STCE (1UL << 63)
#define TM   2UL

/* By number: assemblers of 2022 do not know the names. */
#define STIMECMP 0x14d
#define MENVCFG  0x30a
#define STR2(x)  #x
#define STR(x)   STR2(x)
#define SET_STIMECMP(v)                                                                            \
    __asm__ volatile("csrw " STR(STIMECMP) ", %0" : : "r"((unsigned long)(v)) : "memory")

static unsigned long stip(void)
{
    return !!(csr_read(mip) & MIP_STIP);
}

static void enable(unsigned long stce, unsigned long tm)
{
    __asm__ volatile("csrw " STR(MENVCFG) ", %0" : : "r"(stce));
    csr_write(mcounteren, tm);
}

static unsigned long touch(unsigned long a)
{
    __asm__ volatile("csrr zero, " STR(STIMECMP));
    return a;
}

static unsigned long cause_in(int mode)
{
    struct guest_caught c;
    guest_catch(&c);
    guest_run_in(mode, touch, 0);
    guest_catch(NULL);
    return ((volatile struct guest_caught *)&c)->cause;
}

static void test_access(void)
{
    for (unsigned i = 0; i < 4; i++) {
        enable(i & 1 ? STCE : 0, i & 2 ? TM : 0);
        SET_STIMECMP(~0UL);
        CHECK_EQ(cause_in(PRIV_S), i == 3 ? ~0UL : CAUSE_ILLEGAL);
        CHECK_EQ(cause_in(PRIV_U), CAUSE_ILLEGAL);
    }
}

static void test_level(void)
{
    enable(STCE, TM);
    SET_STIMECMP(0);
    CHECK_EQ(stip(), 1);
    csr_clear(mip, MIP_STIP); /* read-only */
    CHECK_EQ(stip(), 1);
    SET_STIMECMP(~0UL);
    CHECK_EQ(stip(), 0);
    for (unsigned i = 0; i < 100; i++) {
        unsigned long when = csr_read(time) + 100;
        SET_STIMECMP(when);
        while (!stip())
            ;
        CHECK(csr_read(time) >= when);
    }
}

/* WFI with interrupts off: it ends when STIP rises, and not for a disabled one. */
static void test_wfi(void)
{
    csr_clear(mstatus, MSTATUS_MIE | MSTATUS_SIE);
    csr_write(mie, MIP_STIP);
    for (unsigned i = 0; i < 50; i++) {
        unsigned long when = csr_read(time) + 2000;
        SET_STIMECMP(when);
        while (!stip())
            guest_wfi();
        CHECK(csr_read(time) >= when);
    }
    SET_STIMECMP(~0UL);
    csr_write(mie, 0);
}

static volatile unsigned long taken, cause;

extern char timer_handler[];
__asm__(
    ".text\n.balign 4\n.globl timer_handler\ntimer_handler:\n"
    "csrw sscratch, t0\naddi sp, sp, -16\nsd t1, 0(sp)\n"
    "la t0, taken\nld t1, 0(t0)\naddi t1, t1, 1\nsd t1, 0(t0)\n"
    "csrr t1, scause\nla t0, cause\nsd t1, 0(t0)\n"
    "li t1, -1\ncsrw " STR(STIMECMP) ", t1\n"
                                     "ld t1, 0(sp)\naddi sp, sp, 16\ncsrr t0, sscratch\nsret\n");

static unsigned long sleep_in_s(unsigned long rounds)
{
    csr_write(stvec, timer_handler);
    csr_write(sie, MIP_STIP);
    csr_set(sstatus, MSTATUS_SIE);
    for (unsigned long i = 1; i <= rounds; i++) {
        SET_STIMECMP(csr_read(time) + 1000);
        while (taken < i)
            guest_wfi();
    }
    csr_clear(sstatus, MSTATUS_SIE);
    return taken;
}

static void test_taken(void)
{
    taken = 0;
    csr_write(mideleg, MIP_STIP);
    CHECK_EQ(guest_run_in(PRIV_S, sleep_in_s, 100), 100);
    CHECK_EQ(cause, CAUSE_INTERRUPT | 5);
    csr_write(mideleg, 0);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"who may access stimecmp", test_access},
        {"STIP follows it", test_level},
        {"WFI", test_wfi},
        {"taken in S", test_taken},
    };
    return GUEST_RUN(cases);
}
