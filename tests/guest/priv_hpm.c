/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 timeout=60 cpu=rv64,sscofpmf=on,smcntrpmf=on
 *
 * Performance counters: their registers, exact counts of instructions and of
 * other events, filters by privilege, overflow with its interrupt (Sscofpmf,
 * Smcntrpmf).  Counts are exact on the simulator; QEMU derives them from time,
 * and raised no interrupt for this program, so with it only the registers and
 * what filters hold back are compared.
 */
#include "guest.h"

#define OF    (1UL << 63)
#define MINH  (1UL << 62)
#define SINH  (1UL << 61)
#define UINH  (1UL << 60)
#define LCOFI (1UL << 13)

#define INSTRUCTIONS 2
#define EXCEPTIONS   0x20001
#define INTERRUPTS   0x20002
#define MMIO         0x20006
#define SC_SUCCESS   0x20008
#define SC_FAIL      0x20009

/* ---- registers ---- */

static unsigned long read_scountovf(unsigned long x)
{
    __asm__ volatile("csrr %0, 0xda0" : "=r"(x));
    return x;
}

static unsigned long read_sip(unsigned long x)
{
    (void)x;
    return csr_read(sip);
}

static unsigned long clear_sip(unsigned long bits)
{
    csr_clear(sip, bits);
    return csr_read(sip);
}

static void test_registers(void)
{
    csr_write(mcountinhibit, ~0UL); /* all stand */
    CHECK_EQ(csr_read(mcountinhibit) & 0xf, 0xd);
    csr_write(mhpmevent3, OF | MINH | SINH | UINH | INSTRUCTIONS);
    CHECK_EQ(csr_read(mhpmevent3), OF | MINH | SINH | UINH | INSTRUCTIONS);
    csr_write(mhpmcounter3, 0x123456789abcdef0);
    CHECK_EQ(csr_read(mhpmcounter3), 0x123456789abcdef0);
    CHECK_EQ(csr_read(hpmcounter3), 0x123456789abcdef0);
    csr_write(0x321, ~0UL); /* mcyclecfg, minstretcfg */
    CHECK_EQ(csr_read(0x321) & (MINH | SINH | UINH), MINH | SINH | UINH);
#if GUEST_HTIF /* QEMU 10 keeps bit 63, which is zero: these have no OF */
    CHECK_EQ(csr_read(0x321) & OF, 0);
#endif
    csr_write(0x321, 0);
    csr_write(0x322, SINH);
    CHECK_EQ(csr_read(0x322), SINH);
    csr_write(0x322, 0);
    csr_write(mhpmevent3, 0);
    csr_write(mcountinhibit, 0);
}

/* The OF bits; S sees those that mcounteren admits. */
static void test_scountovf(void)
{
    struct guest_caught c;
    csr_write(mhpmevent3, OF);
    csr_write(mhpmevent5, OF);
    csr_write(mhpmevent6, 0);
#if GUEST_HTIF /* mcounteren is not for M; QEMU 10 asks it there as well */
    csr_write(mcounteren, 0);
    CHECK_EQ(read_scountovf(0), 0x28);
#endif
    csr_write(mcounteren, ~0UL);
    CHECK_EQ(read_scountovf(0), 0x28);
    csr_write(mcounteren, 1 << 5);
    CHECK_EQ(guest_run_in(PRIV_S, read_scountovf, 0), 0x20);
    csr_write(mcounteren, 0);
    CHECK_EQ(guest_run_in(PRIV_S, read_scountovf, 0), 0);
    guest_catch(&c);
    guest_run_in(PRIV_U, read_scountovf, 0);
    guest_catch(NULL);
    CHECK_EQ(((volatile struct guest_caught *)&c)->cause, CAUSE_ILLEGAL);
    csr_write(mhpmevent3, 0);
    csr_write(mhpmevent5, 0);
    csr_write(mcounteren, ~0UL);
    CHECK_EQ(read_scountovf(0), 0);
}

/* LCOFIP is software's to clear, in S only if it is delegated. */
static void test_pending(void)
{
    csr_write(mideleg, 0);
    csr_set(mip, LCOFI);
    CHECK_EQ(csr_read(mip) & LCOFI, LCOFI);
    CHECK_EQ(guest_run_in(PRIV_S, read_sip, 0) & LCOFI, 0);
    guest_run_in(PRIV_S, clear_sip, LCOFI);
    CHECK_EQ(csr_read(mip) & LCOFI, LCOFI);
    csr_write(mideleg, LCOFI);
    CHECK_EQ(csr_read(mideleg) & LCOFI, LCOFI);
#if GUEST_HTIF /* sip of QEMU 10 does not have the bit */
    CHECK_EQ(guest_run_in(PRIV_S, read_sip, 0) & LCOFI, LCOFI);
    CHECK_EQ(guest_run_in(PRIV_S, clear_sip, LCOFI) & LCOFI, 0);
    CHECK_EQ(csr_read(mip) & LCOFI, 0);
#endif
    csr_clear(mip, LCOFI);
    CHECK_EQ(csr_read(mip) & LCOFI, 0);
    csr_write(mideleg, 0);
}

/* ---- filters ---- */

static unsigned long spin(unsigned long n)
{
    for (unsigned long i = 0; i < n; i++)
        __asm__ volatile("nop");
    return 0;
}

#define SPINS 20000UL

/* Counters of U alone, of S alone, of M alone and of all, over a run in a mode. */
static void check_filters(int mode)
{
    unsigned long v[4];
    csr_write(mcountinhibit, ~0UL);
    csr_write(mhpmevent3, MINH | SINH | INSTRUCTIONS);
    csr_write(mhpmevent4, MINH | UINH | INSTRUCTIONS);
    csr_write(mhpmevent5, SINH | UINH | INSTRUCTIONS);
    csr_write(mhpmevent6, INSTRUCTIONS);
    csr_write(mhpmcounter3, 0);
    csr_write(mhpmcounter4, 0);
    csr_write(mhpmcounter5, 0);
    csr_write(mhpmcounter6, 0);
    csr_write(mcountinhibit, 0);
    guest_run_in(mode, spin, SPINS);
    csr_write(mcountinhibit, ~0UL);
    v[0] = csr_read(mhpmcounter3);
    v[1] = csr_read(mhpmcounter4);
    v[2] = csr_read(mhpmcounter5);
    v[3] = csr_read(mhpmcounter6);
    csr_write(mcountinhibit, 0);
    if (mode != PRIV_U)
        CHECK_EQ(v[0], 0);
    if (mode != PRIV_S)
        CHECK_EQ(v[1], 0);
#if GUEST_HTIF
    CHECK_EQ(v[0] + v[1] + v[2], v[3]);
    CHECK(v[mode == PRIV_U ? 0 : mode == PRIV_S ? 1 : 2] >= 2 * SPINS);
    if (mode != PRIV_M)
        CHECK(v[2] < SPINS);
#endif
}

static void test_filters(void)
{
    check_filters(PRIV_U);
    check_filters(PRIV_S);
    check_filters(PRIV_M);
}

#if GUEST_HTIF
/* ---- overflow ---- */

static volatile unsigned long interrupts, interrupt_cause, counter_seen;

static void note_interrupt(struct guest_trap *t)
{
    interrupt_cause = t->cause;
    counter_seen = csr_read(mhpmcounter7);
    interrupts++;
    csr_clear(mip, LCOFI);
}

static void test_overflow(void)
{
    guest_trap_hook(note_interrupt);
    csr_write(mie, LCOFI);
    csr_write(mhpmevent7, INSTRUCTIONS);
    csr_write(mhpmcounter7, -100000UL);
    csr_set(mstatus, MSTATUS_MIE);
    for (unsigned long i = 0; i < 1000000 && !interrupts; i++)
        spin(100);
    CHECK_EQ(interrupts, 1);
    CHECK_EQ(interrupt_cause, CAUSE_INTERRUPT | 13);
    CHECK_EQ(csr_read(mhpmevent7), OF | INSTRUCTIONS);
    CHECK_EQ(read_scountovf(0), 1 << 7);
    CHECK(counter_seen < 4096); /* the alarm comes at a branch */
    /* OF is set: no more interrupts. */
    csr_write(mhpmcounter7, -1000UL);
    spin(100000);
    CHECK_EQ(interrupts, 1);
    /* Cleared and set again: the next. */
    csr_write(mhpmcounter7, -100000UL);
    csr_write(mhpmevent7, INSTRUCTIONS);
    csr_write(mhpmcounter7, -100000UL);
    for (unsigned long i = 0; i < 1000000 && interrupts < 2; i++)
        spin(100);
    CHECK_EQ(interrupts, 2);
    csr_clear(mstatus, MSTATUS_MIE);
    csr_write(mhpmevent7, 0);
    csr_write(mie, 0);
    guest_trap_hook(NULL);
}

/* ---- exact counts ---- */

static void test_instructions(void)
{
    unsigned long a, b;
    csr_write(mhpmevent9, INSTRUCTIONS);
    __asm__ volatile("csrr %0, mhpmcounter9\n"
                     "nop\nnop\nnop\nnop\nnop\nnop\nnop\n"
                     "csrr %1, mhpmcounter9"
                     : "=&r"(a), "=r"(b));
    CHECK_EQ(b - a, 8);
    __asm__ volatile("csrw mhpmcounter9, %2\n"
                     "csrr %0, mhpmcounter9\n"
                     "nop\n"
                     "csrr %1, hpmcounter9"
                     : "=&r"(a), "=r"(b)
                     : "r"(500UL));
    CHECK_EQ(a, 500);
    CHECK_EQ(b, 502);
    csr_write(mhpmevent9, 0);
}

static unsigned long event_count(unsigned long event, unsigned long (*fn)(unsigned long), int mode,
                                 unsigned long arg)
{
    csr_write(mhpmevent10, event);
    unsigned long before = csr_read(mhpmcounter10);
    guest_run_in(mode, fn, arg);
    unsigned long after = csr_read(mhpmcounter10);
    csr_write(mhpmevent10, 0);
    return after - before;
}

static void skip_ecall(struct guest_trap *t)
{
    t->epc += 4;
}

static unsigned long ecalls(unsigned long n)
{
    for (; n; n--)
        __asm__ volatile("li a7, 0\necall" : : : "a7", "memory");
    return 0;
}

static unsigned long mtime_reads(unsigned long n)
{
    unsigned long sum = 0;
    for (; n; n--)
        sum += guest_mtime();
    return sum;
}

static unsigned long word;

static unsigned long store_conditionals(unsigned long n)
{
    unsigned long v, failed = 0;
    for (; n; n--)
        __asm__ volatile("lr.d %0, (%2)\nsc.d %1, %0, (%2)\nsc.d %1, %0, (%2)"
                         : "=&r"(v), "=&r"(failed)
                         : "r"(&word)
                         : "memory");
    return failed;
}

static void test_events(void)
{
    guest_trap_hook(skip_ecall);
    /* The ecall that ends guest_run_in is one more. */
    CHECK_EQ(event_count(EXCEPTIONS, ecalls, PRIV_U, 25), 26);
    CHECK_EQ(event_count(EXCEPTIONS | UINH, ecalls, PRIV_U, 25), 0);
    CHECK_EQ(event_count(EXCEPTIONS | MINH, ecalls, PRIV_U, 25), 26);
    guest_trap_hook(NULL);
    CHECK_EQ(event_count(MMIO, mtime_reads, PRIV_M, 40), 40);
    CHECK_EQ(event_count(SC_SUCCESS, store_conditionals, PRIV_S, 7), 7);
    CHECK_EQ(event_count(SC_FAIL, store_conditionals, PRIV_S, 7), 7);
}

/* An event that is not of instructions overflows in bounded time as well. */
static void test_event_overflow(void)
{
    interrupts = 0;
    guest_trap_hook(note_interrupt);
    csr_write(mie, LCOFI);
    csr_write(mhpmcounter7, -100UL);
    csr_write(mhpmevent7, MMIO);
    csr_set(mstatus, MSTATUS_MIE);
    mtime_reads(99);
    spin(100000);
    CHECK_EQ(interrupts, 0);
    mtime_reads(1);
    spin(100000);
    CHECK_EQ(interrupts, 1);
    CHECK_EQ(csr_read(mhpmcounter7), 0);
    csr_clear(mstatus, MSTATUS_MIE);
    csr_write(mhpmevent7, 0);
    csr_write(mie, 0);
    guest_trap_hook(NULL);
}

/* minstret by privilege: what U does between two reads in M. */
static void test_instretcfg(void)
{
    csr_write(0x322, MINH);
    unsigned long before = csr_read(minstret);
    spin(1000);
    CHECK_EQ(csr_read(minstret), before);
    guest_run_in(PRIV_U, ecalls, 0);
    /* ecalls(0) and the return: a few instructions, none of M's hundreds. */
    unsigned long user = csr_read(minstret) - before;
    CHECK(user >= 3 && user < 16);
    csr_write(0x322, 0);
}
#endif

int main(void)
{
    static const struct guest_case cases[] = {
        {"registers", test_registers},
        {"scountovf", test_scountovf},
        {"LCOFIP", test_pending},
        {"filters", test_filters},
#if GUEST_HTIF
        {"overflow", test_overflow},
        {"instructions", test_instructions},
        {"events", test_events},
        {"overflow of events", test_event_overflow},
        {"minstretcfg", test_instretcfg},
#endif
    };
    return GUEST_RUN(cases);
}
