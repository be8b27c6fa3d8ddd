/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 cpu=rv64,ssdbltrp=true
 *
 * Ssdbltrp: a trap to S-mode while sstatus.SDT is set goes to M-mode as cause 16.
 */
#include "guest.h"

#define CAUSE_DOUBLE_TRAP 16
#define SDT               (1UL << 24)
#define DTE               (1UL << 59)
#define UNMAPPED          0x50000UL

/* What the S-mode handler saw; it ends with the ecall that goes back to M. */
static unsigned long s_status, s_cause, s_epc, s_tval;
static unsigned long s_then; /* 0: go back, 1: trap again, 2: clear SDT and trap again */

void s_entry(void);
void s_handler(void);
unsigned long s_trap(unsigned long addr);

__asm__(".text\n.balign 4\n.globl s_entry\ns_entry:\n"
        "la sp, s_stack_top\ncall s_handler\n"
        "li a7, 0x6d68\necall\n"
        ".globl s_trap\n.option push\n.option norvc\ns_trap:\nlb a0, 0(a0)\nret\n.option pop\n"
        ".bss\n.balign 16\n.skip 4096\ns_stack_top:\n.text\n");

__attribute__((used)) void s_handler(void)
{
    s_status = csr_read(sstatus);
    s_cause = csr_read(scause);
    s_epc = csr_read(sepc);
    s_tval = csr_read(stval);
    if (!s_then)
        return;
    if (s_then-- == 2)
        csr_clear(sstatus, SDT);
    s_trap(UNMAPPED + 8);
}

/* The double trap as M sees it. */
static unsigned long m_cause, m_epc, m_tval, m_tval2, m_status, m_count;

static void hook(struct guest_trap *t)
{
    m_cause = t->cause;
    m_epc = t->epc;
    m_tval = t->tval;
    m_status = t->status;
    m_tval2 = csr_read(0x34b /* mtval2 */);
    m_count++;
    guest_trap_skip(t);
}

static void run(unsigned long then)
{
    s_then = then;
    m_count = 0;
    s_cause = ~0UL;
    guest_run_in(PRIV_U, s_trap, UNMAPPED);
}

static void test_off(void)
{
    csr_clear(menvcfg, DTE);
    csr_set(sstatus, SDT);
    CHECK_EQ(csr_read(sstatus) & SDT, 0);
    run(1); /* the second comes to S as well */
    CHECK_EQ(m_count, 0);
    CHECK_EQ(s_tval, UNMAPPED + 8);
    CHECK_EQ(s_status & SDT, 0);
}

static void test_bit(void)
{
    csr_set(menvcfg, DTE);
    CHECK_EQ(csr_read(menvcfg) & DTE, DTE);
    csr_set(sstatus, MSTATUS_SIE);
    csr_set(sstatus, SDT); /* clears SIE */
    CHECK_EQ(csr_read(sstatus) & (SDT | MSTATUS_SIE), SDT);
    csr_set(sstatus, MSTATUS_SIE);
    CHECK_EQ(csr_read(sstatus) & (SDT | MSTATUS_SIE), SDT);
    csr_write(sstatus, MSTATUS_SIE);
    CHECK_EQ(csr_read(sstatus) & (SDT | MSTATUS_SIE), MSTATUS_SIE);
    csr_write(sstatus, 0);
}

static void test_set_by_trap(void)
{
    run(0);
    CHECK_EQ(m_count, 0);
    CHECK_EQ(s_cause, CAUSE_LOAD_ACCESS);
    CHECK_EQ(s_tval, UNMAPPED);
    CHECK_EQ(s_status & SDT, SDT);
}

static void test_double(void)
{
    run(1);
    CHECK_EQ(m_count, 1);
    CHECK_EQ(m_cause, CAUSE_DOUBLE_TRAP);
    CHECK_EQ(m_tval2, CAUSE_LOAD_ACCESS);
    CHECK_EQ(m_tval, UNMAPPED + 8);
    CHECK_EQ(m_epc, (unsigned long)s_trap);
    CHECK_EQ(m_status & MSTATUS_MPP, 1UL << 11);
    CHECK_EQ(m_status & SDT, SDT);
    CHECK_EQ(s_tval, UNMAPPED); /* S's registers are those of the first */
}

static void test_cleared_by_software(void)
{
    csr_clear(sstatus, SDT);
    run(2);
    CHECK_EQ(s_tval, UNMAPPED + 8);
    CHECK_EQ(m_count, 1); /* its own handler then traps once more */
}

static unsigned long nothing(unsigned long unused)
{
    return unused;
}

/* MRET to U clears SDT, MRET to S does not; SRET does. */
static unsigned long read_sdt(unsigned long unused)
{
    (void)unused;
    return csr_read(sstatus) & SDT;
}

static void test_returns(void)
{
    csr_set(sstatus, SDT);
    CHECK_EQ(guest_run_in(PRIV_S, read_sdt, 0), SDT);
    guest_run_in(PRIV_U, nothing, 0);
    CHECK_EQ(csr_read(sstatus) & SDT, 0);
}

static unsigned long after_sret(unsigned long unused)
{
    unsigned long v;
    (void)unused;
    __asm__ volatile("la t0, 1f\ncsrw sepc, t0\nsret\n.balign 4\n1: csrr %0, sstatus"
                     : "=r"(v)
                     :
                     : "t0");
    return v & SDT;
}

static void test_sret(void)
{
    csr_set(sstatus, SDT | MSTATUS_SPP);
    CHECK_EQ(guest_run_in(PRIV_S, after_sret, 0), 0);
}

static const struct guest_case cases[] = {
    {"off by default", test_off},
    {"SDT and SIE", test_bit},
    {"a trap sets SDT", test_set_by_trap},
    {"a double trap goes to M", test_double},
    {"a handler that cleared SDT", test_cleared_by_software},
    {"MRET", test_returns},
    {"SRET", test_sret},
};

int main(void)
{
    csr_write(stvec, s_entry);
    csr_write(medeleg, 1UL << CAUSE_LOAD_ACCESS);
    guest_trap_hook(hook);
    return GUEST_RUN(cases);
}
