/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 timeout=60 cpu=rv64
 *
 * Interrupts and returns against a model of the manual's sentences, from random
 * states: which interrupt is taken by which mode under every delegation, enable and
 * mode, what sip and sie show of it, and what MRET and SRET make of mstatus.  (QEMU
 * 7.2 does not clear MPRV on SRET.)
 */
#include "guest.h"

static unsigned long seed = 0x2545f4914f6cdd1d;

static unsigned long random_bits(unsigned long mask)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed & mask;
}

/* ---- interrupts ---- */

#define SOFT (MIP_SSIP | MIP_STIP | MIP_SEIP) /* what mip takes from a program */

/* The status and cause that each mode's handler found; cause 0: none came. */
static volatile unsigned long m_cause, m_status;
volatile unsigned long s_cause, s_status;

static void hook(struct guest_trap *t)
{
    if (!(t->cause & CAUSE_INTERRUPT))
        guest_fail(__FILE__, __LINE__, "exception", t->cause, 0);
    m_cause = t->cause;
    m_status = t->status;
    csr_write(mie, 0);
}

/* Goes back to M as guest_run_in's function would. */
void s_handler(void);
__asm__(".text\n.balign 4\n.globl s_handler\ns_handler:\n"
        "csrr a0, scause\nla a1, s_cause\nsd a0, 0(a1)\n"
        "csrr a0, sstatus\nla a1, s_status\nsd a0, 0(a1)\n"
        "csrw sie, zero\nli a7, 0x6d68\necall\n");

static unsigned long nothing(unsigned long unused)
{
    return unused;
}

/* "MEI, MSI, MTI, SEI, SSI, STI" */
static unsigned long first_of(unsigned long set)
{
#if GUEST_HTIF
    static const unsigned char order[] = {11, 3, 7, 9, 1, 5};
    for (unsigned i = 0; i < sizeof(order); i++)
        if (set >> order[i] & 1)
            return order[i];
#endif
    return (unsigned long)__builtin_ctzl(set); /* as QEMU orders them without AIA */
}

struct state {
    unsigned long deleg, enable, pending, status;
    int mode;
};

static void check_views(const struct state *s)
{
    CHECK_EQ(csr_read(mip) & ~MIP_MTIP, s->pending);
    CHECK_EQ(csr_read(sip), s->pending & s->deleg);
    CHECK_EQ(csr_read(sie), s->enable & s->deleg);
}

static void check_taken(const struct state *s)
{
    unsigned long ready = s->pending & s->enable, to_m = ready & ~s->deleg, to_s = ready & s->deleg;
    if (s->mode == PRIV_M && !(s->status & MSTATUS_MIE))
        to_m = 0;
    if (s->mode == PRIV_M || (s->mode == PRIV_S && !(s->status & MSTATUS_SIE)) || to_m)
        to_s = 0;
    CHECK_EQ(m_cause, to_m ? CAUSE_INTERRUPT | first_of(to_m) : 0);
    CHECK_EQ(s_cause, to_s ? CAUSE_INTERRUPT | first_of(to_s) : 0);
    if (to_m) {
        unsigned long from = s->status & MSTATUS_MIE ? PRIV_M : (unsigned long)s->mode;
        CHECK_EQ(m_status & MSTATUS_MPP, from << 11); /* with MIE it came before the mode changed */
        CHECK_EQ(m_status & MSTATUS_MIE, 0);
        CHECK_EQ(!!(m_status & MSTATUS_MPIE), !!(s->status & MSTATUS_MIE));
        CHECK_EQ(m_status & MSTATUS_SIE, s->status & MSTATUS_SIE);
    }
    if (to_s) {
        CHECK_EQ(s_status & MSTATUS_SPP, s->mode == PRIV_S ? MSTATUS_SPP : 0);
        CHECK_EQ(s_status & MSTATUS_SIE, 0);
        CHECK_EQ(!!(s_status & MSTATUS_SPIE), !!(s->status & MSTATUS_SIE));
    }
}

static void quiet(void)
{
    csr_clear(mstatus, MSTATUS_SIE | MSTATUS_MIE);
    csr_write(mie, 0);
    csr_write(mip, 0);
    guest_ipi_clear(0);
}

static void one_interrupt(void)
{
    static const int modes[] = {PRIV_U, PRIV_S, PRIV_M};
    struct state s = {
        .deleg = random_bits(SOFT),
        .enable = random_bits(SOFT | MIP_MSIP),
        .pending = random_bits(SOFT | MIP_MSIP),
        .status = random_bits(MSTATUS_SIE | MSTATUS_MIE),
        .mode = modes[(seed >> 20) % 3],
    };
    if (s.pending & MIP_MSIP)
        guest_ipi_send(0);
    csr_write(mideleg, s.deleg);
    csr_write(mip, s.pending);
    while (!(csr_read(mip) & MIP_MSIP) != !(s.pending & MIP_MSIP))
        guest_pause();
    m_cause = s_cause = 0;
    csr_write(mie, s.enable);
    check_views(&s);
    csr_set(mstatus, s.status);
    guest_run_in(s.mode, nothing, 0);
    quiet();
    check_taken(&s);
}

static void test_interrupts(void)
{
    csr_write(stvec, s_handler);
    guest_trap_hook(hook);
    quiet();
    for (unsigned i = 0; i < 20000; i++)
        one_interrupt();
    csr_write(mideleg, 0);
    guest_trap_hook(NULL);
}

/* ---- returns ---- */

#define BITS                                                                                       \
    (MSTATUS_SIE | MSTATUS_MIE | MSTATUS_SPIE | MSTATUS_MPIE | MSTATUS_SPP | MSTATUS_MPP |         \
     MSTATUS_MPRV | MSTATUS_SUM | MSTATUS_MXR | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR)

/* The ecall behind a return: its status in a0, and back to M. */
static void ecall_hook(struct guest_trap *t)
{
    t->x[10] = t->status;
    t->epc += 4;
    t->status = MSTATUS_MPP | MSTATUS_FS;
}

#define RETURN(name, epc)                                                                          \
    static unsigned long run_##name(unsigned long status)                                          \
    {                                                                                              \
        __asm__ volatile("la t0, 1f\ncsrw " #epc ", t0\ncsrw mstatus, %0\n" #name                  \
                         "\n.balign 4\n1: li a7, 0\necall\nmv %0, a0"                              \
                         : "+r"(status)                                                            \
                         :                                                                         \
                         : "t0", "a0", "a7", "memory");                                            \
        return status & BITS;                                                                      \
    }
RETURN(mret, mepc)
RETURN(sret, sepc)

/* What the ecall from that mode makes of mstatus. */
static unsigned long after_ecall(unsigned long status, unsigned long mode)
{
    status = status & MSTATUS_MIE ? status | MSTATUS_MPIE : status & ~MSTATUS_MPIE;
    return (status & ~(MSTATUS_MIE | MSTATUS_MPP)) | mode << 11;
}

static unsigned long expect_mret(unsigned long s)
{
    unsigned long to = s >> 11 & 3;
    s = s & MSTATUS_MPIE ? s | MSTATUS_MIE : s & ~MSTATUS_MIE;
    s = (s | MSTATUS_MPIE) & ~MSTATUS_MPP;
    return after_ecall(to == PRIV_M ? s : s & ~MSTATUS_MPRV, to);
}

static unsigned long expect_sret(unsigned long s)
{
    unsigned long to = s & MSTATUS_SPP ? PRIV_S : PRIV_U;
    s = s & MSTATUS_SPIE ? s | MSTATUS_SIE : s & ~MSTATUS_SIE;
    s = (s | MSTATUS_SPIE) & ~(MSTATUS_SPP | MSTATUS_MPRV);
    return after_ecall(s, to);
}

static void test_returns(void)
{
    guest_trap_hook(ecall_hook);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned long s = random_bits(BITS);
        if ((s & MSTATUS_MPP) == 2UL << 11)
            s |= MSTATUS_MPP;
        if (s & MSTATUS_MPRV) /* the program's own stack goes through it */
            s |= MSTATUS_MPP;
        CHECK_EQ(run_mret(s), expect_mret(s));
        CHECK_EQ(run_sret(s), expect_sret(s));
    }
    guest_trap_hook(NULL);
}

static const struct guest_case cases[] = {
    {"interrupts", test_interrupts},
    {"returns", test_returns},
};

int main(void)
{
    return GUEST_RUN(cases);
}
