/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 timeout=60
 *
 * Traps: causes and values in each mode, delegation to an S-mode handler,
 * vectoring, priorities, the returns, and what the lower modes may not execute.
 */
#include "guest.h"

#define UNMAPPED 0x50000UL

/* Each instruction as a function, four bytes long at its first byte. */
#define INSN(name, text)                                                                           \
    unsigned long name(unsigned long a);                                                           \
    __asm__(".text\n.balign 4\n.option push\n.option norvc\n.globl " #name "\n" #name ":\n" text   \
            "\n.option pop\nret\n");

INSN(do_illegal, ".word 0xffffffff")
INSN(do_ebreak, "ebreak")
INSN(do_ecall, "li a7, 0\necall") /* any a7 but the runtime's own */
INSN(do_load, "lb a0, 0(a0)")
INSN(do_store, "sb zero, 0(a0)")
INSN(do_mret, "mret")
INSN(do_sret, "sret")
INSN(do_wfi, "wfi")
INSN(do_sfence, "sfence.vma a0, zero")
INSN(do_satp_read, "csrr a0, satp")
INSN(do_satp_write, "csrw satp, zero")
INSN(do_sstatus, "csrr a0, sstatus")
INSN(do_mstatus, "csrr a0, mstatus")
INSN(do_ssip_clear, "csrc sip, 2")
INSN(do_nothing, "nop")

typedef unsigned long insn_fn(unsigned long);

static const int modes[] = {PRIV_U, PRIV_S, PRIV_M};

/* Runs fn in the mode and catches what it raises; cause ~0 if nothing. */
static struct guest_caught catch_in(int mode, insn_fn *fn, unsigned long arg)
{
    struct guest_caught c;
    guest_catch(&c);
    guest_run_in(mode, fn, arg);
    guest_catch(NULL);
    return *(volatile struct guest_caught *)&c;
}

/* ---- exceptions into M ---- */

static void test_causes(void)
{
    static const unsigned long ecalls[] = {CAUSE_ECALL_U, CAUSE_ECALL_S, CAUSE_ECALL_M};
    for (unsigned i = 0; i < 3; i++) {
        struct guest_caught c = catch_in(modes[i], do_illegal, 0);
        CHECK_EQ(c.cause, CAUSE_ILLEGAL);
        CHECK_EQ(c.tval, 0xffffffff);
        CHECK_EQ(c.epc, (unsigned long)do_illegal);
        c = catch_in(modes[i], do_ecall, 0);
        CHECK_EQ(c.cause, ecalls[i]);
        CHECK_EQ(c.tval, 0);
        CHECK_EQ(c.epc, (unsigned long)do_ecall + 4);
        c = catch_in(modes[i], do_ebreak, 0);
        CHECK_EQ(c.cause, CAUSE_BREAKPOINT);
        CHECK_EQ(c.epc, (unsigned long)do_ebreak);
        c = catch_in(modes[i], do_load, UNMAPPED + 3);
        CHECK_EQ(c.cause, CAUSE_LOAD_ACCESS);
        CHECK_EQ(c.tval, UNMAPPED + 3);
        c = catch_in(modes[i], do_store, UNMAPPED + 5);
        CHECK_EQ(c.cause, CAUSE_STORE_ACCESS);
        CHECK_EQ(c.tval, UNMAPPED + 5);
        c = catch_in(modes[i], do_nothing, 0);
        CHECK_EQ(c.cause, ~0UL);
    }
}

/* ---- who may execute what ---- */

struct rule {
    insn_fn *fn;
    unsigned long arg, mstatus; /* bits set meanwhile */
    unsigned u, s;              /* whether U, S may */
    unsigned long tval;
};

static const struct rule rules[] = {
    {do_mret, 0, 0, 0, 0, 0x30200073},
    {do_sret, 0, MSTATUS_TSR, 0, 0, 0x10200073},
    {do_wfi, 0, MSTATUS_TW, 0, 0, 0x10500073},
    {do_wfi, 0, 0, 0, 1, 0x10500073},
    {do_sfence, 0, 0, 0, 1, 0x12050073},
    {do_sfence, 0, MSTATUS_TVM, 0, 0, 0x12050073},
    {do_satp_read, 0, 0, 0, 1, 0x18002573},
    {do_satp_read, 0, MSTATUS_TVM, 0, 0, 0x18002573},
    {do_satp_write, 0, MSTATUS_TVM, 0, 0, 0x18001073},
    {do_sstatus, 0, 0, 0, 1, 0x10002573},
    {do_mstatus, 0, 0, 0, 0, 0x30002573},
};

static void check_rule(const struct rule *r, int mode, unsigned may)
{
    /* What ends a WFI: a pending interrupt that is enabled in mie, but not globally. */
    csr_write(mideleg, MIP_SSIP);
    csr_set(mie, MIP_SSIP);
    csr_set(mip, MIP_SSIP);
    csr_clear(mstatus, MSTATUS_SIE);
    csr_set(mstatus, r->mstatus);
    if (mode == PRIV_U)
        csr_clear(mie, MIP_SSIP);
    struct guest_caught c = catch_in(mode, r->fn, r->arg);
    csr_clear(mstatus, r->mstatus);
    csr_clear(mip, MIP_SSIP);
    csr_clear(mie, MIP_SSIP);
    csr_write(mideleg, 0);
    CHECK_EQ(c.cause, may ? ~0UL : CAUSE_ILLEGAL);
    if (!may)
        CHECK_EQ(c.tval, r->tval);
}

static void test_forbidden(void)
{
    for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        check_rule(&rules[i], PRIV_U, rules[i].u);
        check_rule(&rules[i], PRIV_S, rules[i].s);
    }
}

/* ---- the S-mode handler ---- */

static volatile struct {
    unsigned long t0, t1, cause, epc, tval, status, count, vector;
    unsigned long order[8]; /* causes, in the order taken */
} s_trap;

extern char s_handler[], s_table[];

/*
 * Notes what it finds, steps over an exception's instruction, and disables an
 * interrupt before it goes back.  The table has an entry per interrupt cause.
 */
__asm__(".text\n.balign 4\n.option push\n.option norvc\n"
        ".globl s_table\ns_table:\n"
        "j s_handler\nj 1f\nj .\nj .\nj .\nj 5f\nj .\nj .\nj .\nj 9f\n"
        "1: csrrw t0, sscratch, t0\nsd t1, 8(t0)\nli t1, 1\nj 2f\n"
        "5: csrrw t0, sscratch, t0\nsd t1, 8(t0)\nli t1, 5\nj 2f\n"
        "9: csrrw t0, sscratch, t0\nsd t1, 8(t0)\nli t1, 9\n"
        "2: sd t1, 56(t0)\nj 3f\n"
        ".balign 4\n.globl s_handler\ns_handler:\n"
        "csrrw t0, sscratch, t0\nsd t1, 8(t0)\n"
        "3: csrr t1, sepc\nsd t1, 24(t0)\n"
        "csrr t1, stval\nsd t1, 32(t0)\n"
        "csrr t1, sstatus\nsd t1, 40(t0)\n"
        "ld t1, 48(t0)\naddi t1, t1, 1\nsd t1, 48(t0)\n"
        "csrr t1, scause\nsd t1, 16(t0)\n"
        "bltz t1, 4f\n"
        "csrr t1, sepc\naddi t1, t1, 4\ncsrw sepc, t1\nj 6f\n"
        "4: sd t2, 0(t0)\n" /* order[count - 1] = cause; sie &= ~(1 << cause) */
        "ld t2, 48(t0)\nslli t2, t2, 3\nadd t2, t2, t0\nsd t1, 56(t2)\n"
        "li t2, 1\nsll t2, t2, t1\ncsrc sie, t2\nld t2, 0(t0)\n"
        "6: ld t1, 8(t0)\ncsrrw t0, sscratch, t0\nsret\n"
        ".option pop\n");

static void s_open(unsigned long medeleg_bits, unsigned long mideleg_bits, unsigned long tvec)
{
    memset((void *)&s_trap, 0, sizeof(s_trap));
    csr_write(sscratch, &s_trap);
    csr_write(stvec, tvec);
    csr_write(medeleg, medeleg_bits);
    csr_write(mideleg, mideleg_bits);
}

static void s_close(void)
{
    csr_write(medeleg, 0);
    csr_write(mideleg, 0);
    csr_write(mie, 0);
    csr_clear(mip, MIP_SSIP | MIP_STIP | MIP_SEIP);
    csr_clear(mstatus, MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP);
}

static void test_delegation(void)
{
    for (unsigned sie = 0; sie < 2; sie++) {
        for (unsigned i = 0; i < 2; i++) {
            s_open(1UL << CAUSE_ILLEGAL | 1UL << CAUSE_LOAD_ACCESS, 0, (unsigned long)s_handler);
            if (sie)
                csr_set(mstatus, MSTATUS_SIE);
            guest_run_in(modes[i], do_illegal, 0);
            CHECK_EQ(s_trap.count, 1);
            CHECK_EQ(s_trap.cause, CAUSE_ILLEGAL);
            CHECK_EQ(s_trap.epc, (unsigned long)do_illegal);
            CHECK_EQ(s_trap.tval, 0xffffffff);
            CHECK_EQ(s_trap.status & (MSTATUS_SPP | MSTATUS_SIE | MSTATUS_SPIE),
                     (modes[i] == PRIV_S ? MSTATUS_SPP : 0) | (sie ? MSTATUS_SPIE : 0));
            /* SRET: SIE = SPIE, SPIE = 1, SPP = U. */
            CHECK_EQ(csr_read(sstatus) & (MSTATUS_SPP | MSTATUS_SIE | MSTATUS_SPIE),
                     MSTATUS_SPIE | (sie ? MSTATUS_SIE : 0));
            guest_run_in(modes[i], do_load, UNMAPPED);
            CHECK_EQ(s_trap.count, 2);
            CHECK_EQ(s_trap.tval, UNMAPPED);
            /* What is not delegated, and what happens in M, goes to M. */
            CHECK_EQ(catch_in(modes[i], do_store, UNMAPPED).cause, CAUSE_STORE_ACCESS);
            CHECK_EQ(catch_in(PRIV_M, do_illegal, 0).cause, CAUSE_ILLEGAL);
            CHECK_EQ(s_trap.count, 2);
            s_close();
        }
    }
}

/* ---- interrupts ---- */

/* QEMU 7.2 takes the lowest number first (ctz64), which is not the manual's order. */
#if GUEST_HTIF
static const unsigned long s_order[] = {9, 1, 5}, m_order[] = {3, 7, 9, 1, 5};
#else
static const unsigned long s_order[] = {1, 5, 9}, m_order[] = {1, 3, 5, 7, 9};
#endif

/* All three at once: SEI, SSI, STI, each at its place in the table. */
static void test_s_priorities(void)
{
    s_open(0, MIP_SSIP | MIP_STIP | MIP_SEIP, (unsigned long)s_table | 1);
    csr_write(mie, MIP_SSIP | MIP_STIP | MIP_SEIP);
    csr_set(mip, MIP_SSIP | MIP_STIP | MIP_SEIP);
    CHECK_EQ(s_trap.count, 0); /* not in M, even with MIE */
    csr_set(mstatus, MSTATUS_MIE);
    CHECK_EQ(s_trap.count, 0);
    csr_clear(mstatus, MSTATUS_MIE);
    guest_run_in(PRIV_S, do_nothing, 0); /* SIE is clear */
    CHECK_EQ(s_trap.count, 0);
    csr_set(mstatus, MSTATUS_SIE);
    guest_run_in(PRIV_S, do_nothing, 0);
    CHECK_EQ(s_trap.count, 3);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(s_trap.order[i], CAUSE_INTERRUPT | s_order[i]);
    CHECK_EQ(s_trap.vector, s_order[2]);
    CHECK_EQ(s_trap.tval, 0);
    s_close();
}

/* In U they are taken whatever SIE says; the pc is that of the next instruction. */
static void test_s_from_u(void)
{
    s_open(0, MIP_SSIP, (unsigned long)s_handler);
    csr_write(mie, MIP_SSIP);
    csr_set(mip, MIP_SSIP);
    guest_run_in(PRIV_U, do_nothing, 0);
    CHECK_EQ(s_trap.count, 1);
    CHECK_EQ(s_trap.cause, CAUSE_INTERRUPT | 1);
    CHECK_EQ(s_trap.epc, (unsigned long)do_nothing);
    CHECK_EQ(s_trap.status & MSTATUS_SPP, 0);
    s_close();
}

/* S may clear SSIP if it is delegated, and sees no more of mip than that. */
static void test_sip(void)
{
    s_open(0, MIP_SSIP, (unsigned long)s_handler);
    csr_set(mip, MIP_SSIP | MIP_STIP | MIP_SEIP);
    CHECK_EQ(csr_read(sip), MIP_SSIP);
    guest_run_in(PRIV_S, do_ssip_clear, 0);
    CHECK_EQ(csr_read(mip) & (MIP_SSIP | MIP_STIP | MIP_SEIP), MIP_STIP | MIP_SEIP);
    s_close();
}

static struct {
    unsigned long cause[8];
    unsigned count;
} m_taken;

/* Notes the cause and disables it. */
static void m_hook(struct guest_trap *t)
{
    if (m_taken.count < 8)
        m_taken.cause[m_taken.count] = t->cause;
    m_taken.count++;
    csr_clear(mie, 1UL << (t->cause & 63));
}

/* MSI, MTI, SEI, SSI, STI, when nothing is delegated: all go to M. */
static void test_m_priorities(void)
{
    unsigned self = guest_hart_id();
    m_taken.count = 0;
    guest_trap_hook(m_hook);
    guest_ipi_send(self);
    mmio_write64(CLINT_MTIMECMP(self), 0);
    while ((csr_read(mip) & (MIP_MSIP | MIP_MTIP)) != (MIP_MSIP | MIP_MTIP))
        ;
    csr_set(mip, MIP_SSIP | MIP_STIP | MIP_SEIP);
    csr_write(mie, MIP_MSIP | MIP_MTIP | MIP_SSIP | MIP_STIP | MIP_SEIP);
    CHECK_EQ(m_taken.count, 0);
    csr_set(mstatus, MSTATUS_MIE);
    csr_clear(mstatus, MSTATUS_MIE);
    CHECK_EQ(m_taken.count, 5);
    for (unsigned i = 0; i < 5; i++)
        CHECK_EQ(m_taken.cause[i], CAUSE_INTERRUPT | m_order[i]);
    /* Below M they are taken whatever MIE says. */
    m_taken.count = 0;
    csr_write(mie, MIP_SSIP);
    guest_run_in(PRIV_U, do_nothing, 0);
    CHECK_EQ(m_taken.count, 1);
    CHECK_EQ(m_taken.cause[0], CAUSE_INTERRUPT | 1);
    guest_ipi_clear(self);
    mmio_write64(CLINT_MTIMECMP(self), ~0UL);
    guest_trap_hook(NULL);
    s_close();
}

/* ---- returns ---- */

static void test_mret(void)
{
    csr_set(mstatus, MSTATUS_MPRV);
    guest_run_in(PRIV_S, do_nothing, 0);
#if GUEST_HTIF                                     /* QEMU 7.2 keeps it */
    CHECK_EQ(csr_read(mstatus) & MSTATUS_MPRV, 0); /* left M: cleared */
#endif
    csr_clear(mstatus, MSTATUS_MPRV);
    guest_run_in(PRIV_M, do_nothing, 0);
    /* The last mret left MPP = U and MPIE = 1. */
    CHECK_EQ(csr_read(mstatus) & (MSTATUS_MPP | MSTATUS_MPIE), MSTATUS_MPIE);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"causes and values", test_causes},
        {"what lower modes may not do", test_forbidden},
        {"delegation", test_delegation},
        {"priorities and vectors in S", test_s_priorities},
        {"interrupt from U to S", test_s_from_u},
        {"sip", test_sip},
        {"priorities in M", test_m_priorities},
        {"mret and MPRV", test_mret},
    };
    return GUEST_RUN(cases);
}
