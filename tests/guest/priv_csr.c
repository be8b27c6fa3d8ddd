/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 timeout=60
 *
 * Control and status registers through the instructions: the six forms, what
 * registers make of illegal values, who may read counters, and the exact counts
 * of minstret (on the simulator; QEMU without icount counts host time).
 */
#include "guest.h"

/* ---- the six forms ---- */

static void test_forms(void)
{
    unsigned long old;
    csr_write(mscratch, 0xf0f0);
    __asm__ volatile("csrrs %0, mscratch, %1" : "=r"(old) : "r"(0x0f0fUL));
    CHECK_EQ(old, 0xf0f0);
    __asm__ volatile("csrrc %0, mscratch, %1" : "=r"(old) : "r"(0x00ffUL));
    CHECK_EQ(old, 0xffff);
    __asm__ volatile("csrrwi %0, mscratch, 21" : "=r"(old));
    CHECK_EQ(old, 0xff00);
    __asm__ volatile("csrrsi %0, mscratch, 10" : "=r"(old));
    CHECK_EQ(old, 21);
    __asm__ volatile("csrrci %0, mscratch, 3" : "=r"(old));
    CHECK_EQ(old, 31);
    CHECK_EQ(csr_read(mscratch), 28);
    /* The same register as source and destination. */
    old = 0x1234;
    __asm__ volatile("csrrw %0, mscratch, %0" : "+r"(old));
    CHECK_EQ(old, 28);
    CHECK_EQ(csr_read(mscratch), 0x1234);
    __asm__ volatile("csrrw zero, mscratch, zero");
    CHECK_EQ(csr_read(mscratch), 0);
}

/* ---- illegal values ---- */

#define SWAPPED(name, value)                                                                       \
    ({                                                                                             \
        unsigned long saved_ = csr_swap(name, value);                                              \
        csr_swap(name, saved_);                                                                    \
    })

static void test_warl(void)
{
#if GUEST_HTIF /* QEMU 7.2 keeps bit 0 of these, and lets ecall from M be delegated */
    CHECK_EQ(SWAPPED(mepc, 0x80000003UL), 0x80000002UL); /* C: IALIGN is 16 */
    CHECK_EQ(SWAPPED(sepc, 0x80000001UL), 0x80000000UL);
    CHECK_EQ(SWAPPED(medeleg, ~0UL) >> CAUSE_ECALL_M & 1, 0);
#endif
    CHECK_EQ(SWAPPED(mideleg, ~0UL) & (MIP_MSIP | MIP_MTIP | MIP_MEIP), 0);
    CHECK_EQ(SWAPPED(medeleg, 0xb1ffUL), 0xb1ffUL);
    CHECK_EQ(SWAPPED(satp, 11UL << 60 | 0x80000), 0); /* modes that do not exist */
    CHECK_EQ(SWAPPED(satp, 1UL << 60 | 0x80000), 0);
    CHECK_EQ(SWAPPED(satp, SATP_SV39 | 0x80000), SATP_SV39 | 0x80000);
    CHECK_EQ(SWAPPED(satp, SATP_SV48 | 0x80000), SATP_SV48 | 0x80000);
    CHECK_EQ(SWAPPED(satp, SATP_SV39 | 0xffffUL << 44), SATP_SV39 | 0xffffUL << 44); /* ASID */
    csr_write(stvec, 0x80000000);
    csr_write(stvec, 0x80001002); /* MODE 2 is reserved */
    CHECK((csr_read(stvec) & 3) < 2);
    csr_write(stvec, 0x80001001);
    CHECK_EQ(csr_read(stvec), 0x80001001);
    CHECK_EQ(csr_read(mstatus) >> 32 & 15, 10); /* UXL, SXL: 64 bits */
    CHECK_EQ(csr_read(mhartid), guest_hart_id());
    CHECK_EQ(csr_read(misa) >> 62, 2);
    CHECK_EQ(csr_read(misa) & 0x14112d, 0x14112d); /* A C D F I M S U */
#if GUEST_HTIF                                     /* QEMU 7.2 keeps all 64 bits */
    CHECK_EQ(SWAPPED(pmpaddr3, ~0UL), (1UL << 54) - 1);
#endif
}

#if GUEST_HTIF
/* MPP = 2 is no mode. */
static void test_mpp(void)
{
    for (unsigned long mpp = 0; mpp < 4; mpp++) {
        csr_clear(mstatus, MSTATUS_MPP);
        csr_write(mstatus, (csr_read(mstatus) & ~MSTATUS_MPP) | mpp << 11);
        CHECK_EQ((csr_read(mstatus) & MSTATUS_MPP) >> 11, mpp == 2 ? 0 : mpp);
    }
}
#endif

/* SD and FS; floating-point CSRs are hidden while FS is off. */
static void test_fs(void)
{
    struct guest_caught c;
    csr_clear(mstatus, MSTATUS_FS);
    CHECK_EQ(csr_read(mstatus) >> 63, 0);
    guest_catch(&c);
    __asm__ volatile("csrr zero, fcsr");
    guest_catch(NULL);
    CHECK_EQ(((volatile struct guest_caught *)&c)->cause, CAUSE_ILLEGAL);
    csr_set(mstatus, 1UL << 13);
    csr_write(fcsr, 0x45);
    CHECK_EQ(csr_read(mstatus) & MSTATUS_FS, MSTATUS_FS); /* written: dirty */
    CHECK_EQ(csr_read(mstatus) >> 63, 1);
    CHECK_EQ(csr_read(frm), 2);
    CHECK_EQ(csr_read(fflags), 5);
    csr_write(frm, 0);
    CHECK_EQ(csr_read(fcsr), 5);
    csr_write(fcsr, 0);
}

/* ---- numbers that cannot be accessed ---- */

#define CAUGHT(text)                                                                               \
    ({                                                                                             \
        struct guest_caught c_;                                                                    \
        guest_catch(&c_);                                                                          \
        __asm__ volatile(text : : : "t0", "memory");                                               \
        guest_catch(NULL);                                                                         \
        ((volatile struct guest_caught *)&c_)->cause;                                              \
    })

static void test_illegal(void)
{
    CHECK_EQ(CAUGHT("csrw mhartid, zero"), CAUSE_ILLEGAL);
    CHECK_EQ(CAUGHT("csrrs t0, mvendorid, t0"), CAUSE_ILLEGAL); /* t0 is not x0: a write */
    CHECK_EQ(CAUGHT("csrrs t0, mvendorid, zero"), ~0UL);
    CHECK_EQ(CAUGHT("csrrsi t0, mvendorid, 0"), ~0UL);
    CHECK_EQ(CAUGHT("csrrci t0, mvendorid, 1"), CAUSE_ILLEGAL);
    CHECK_EQ(CAUGHT("csrrwi t0, cycle, 0"), CAUSE_ILLEGAL);
    CHECK_EQ(CAUGHT("csrr t0, 0x3a1"), CAUSE_ILLEGAL); /* odd pmpcfg in RV64 */
    CHECK_EQ(CAUGHT("csrr t0, 0x7ff"), CAUSE_ILLEGAL);
    CHECK_EQ(CAUGHT("csrr t0, 0xc80"), CAUSE_ILLEGAL); /* cycleh */
}

/* ---- counters ---- */

static unsigned long read_time(unsigned long a)
{
    (void)a;
    return csr_read(time);
}

static unsigned long read_cycle(unsigned long a)
{
    (void)a;
    return csr_read(cycle);
}

static unsigned long read_instret(unsigned long a)
{
    (void)a;
    return csr_read(instret);
}

static bool may_read(int mode, unsigned long (*fn)(unsigned long))
{
    struct guest_caught c;
    guest_catch(&c);
    guest_run_in(mode, fn, 0);
    guest_catch(NULL);
    return ((volatile struct guest_caught *)&c)->cause == ~0UL;
}

static void test_counter_enables(void)
{
    static unsigned long (*const fn[])(unsigned long) = {read_cycle, read_time, read_instret};
    for (unsigned n = 0; n < 3; n++) {
        for (unsigned i = 0; i < 4; i++) {
            csr_write(mcounteren, i & 1 ? 1UL << n : 7UL & ~(1UL << n));
            csr_write(scounteren, i & 2 ? 1UL << n : 7UL & ~(1UL << n));
            CHECK_EQ(may_read(PRIV_M, fn[n]), 1);
            CHECK_EQ(may_read(PRIV_S, fn[n]), i & 1);
            CHECK_EQ(may_read(PRIV_U, fn[n]), i == 3);
        }
    }
}

static void test_time(void)
{
    unsigned long before = guest_mtime(), now = csr_read(time), after = guest_mtime();
    CHECK(before <= now && now <= after);
}

static void test_monotonic(void)
{
    unsigned long last = csr_read(instret);
    for (unsigned i = 0; i < 1000; i++) {
        unsigned long now = csr_read(instret);
        CHECK(now >= last);
        last = now;
    }
}

#if GUEST_HTIF
static void test_minstret(void)
{
    unsigned long a, b;
    __asm__ volatile("csrr %0, minstret\nnop\nnop\ncsrr %1, minstret" : "=r"(a), "=r"(b));
    CHECK_EQ(b - a, 3);
    /* What is written is what the next instruction reads. */
    __asm__ volatile("csrw minstret, %1\ncsrr %0, minstret" : "=&r"(a) : "r"(1000UL));
    CHECK_EQ(a, 1000);
    __asm__ volatile("csrw minstret, %1\nnop\nnop\ncsrr %0, minstret" : "=&r"(a) : "r"(~0UL));
    CHECK_EQ(a, 1);
    /* An ecall does not retire, a taken branch does. */
    __asm__ volatile("csrr %0, minstret\nj 1f\nnop\n1: csrr %1, minstret" : "=r"(a), "=r"(b));
    CHECK_EQ(b - a, 2);
    /* Inhibited: it stands; the write that stops it is counted, that which starts it is not. */
    __asm__ volatile("csrw minstret, zero\ncsrsi mcountinhibit, 4\nnop\nnop\n"
                     "csrci mcountinhibit, 4\nnop\ncsrr %0, minstret"
                     : "=r"(a));
    CHECK_EQ(a, 2);
}
#endif

int main(void)
{
    static const struct guest_case cases[] = {
        {"the six forms", test_forms},
        {"illegal values", test_warl},
#if GUEST_HTIF
        {"MPP", test_mpp},
#endif
        {"FS", test_fs},
        {"illegal accesses", test_illegal},
        {"counter enables", test_counter_enables},
        {"time", test_time},
        {"instret goes on", test_monotonic},
#if GUEST_HTIF
        {"minstret, exactly", test_minstret},
#endif
    };
    return GUEST_RUN(cases);
}
