/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/trap.c and timer.c: delegation, stacking, vectoring,
 * priorities, returns, the privileged instructions, reset, and STIP.
 */
#include "isa_riscv_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define INTERRUPT (1ull << 63)
#define M_HANDLER 0x80001000ull
#define S_HANDLER 0x80002000ull
#define PC        0x80000124ull

static struct fixture fix;

static struct rv_hart *open_hart(enum rv_priv priv)
{
    struct rv_hart *h = fixture_hart(&fix, NULL);
    h->csr.mtvec = M_HANDLER;
    h->csr.stvec = S_HANDLER;
    h->pc = PC;
    h->priv = (uint8_t)priv;
    return h;
}

static const enum rv_priv privs[] = {PRIV_U, PRIV_S, PRIV_M};

/* --- exceptions --- */

/* Traps never go down: each cause, from each mode, delegated or not. */
static void test_delegation(void **state)
{
    (void)state;
    for (unsigned cause = 0; cause < 16; cause++) {
        for (unsigned p = 0; p < 3; p++) {
            for (unsigned deleg = 0; deleg < 2; deleg++) {
                struct rv_hart *h = open_hart(privs[p]);
                bool to_s = deleg && privs[p] != PRIV_M;
                h->csr.medeleg = deleg ? 1ull << cause : ~(1ull << cause);
                rv_raise(h, cause, 0xabc);
                rv_trap_take(h);
                assert_false(h->trap.pending);
                assert_int_equal(h->priv, to_s ? PRIV_S : PRIV_M);
                assert_int_equal(h->pc, to_s ? S_HANDLER : M_HANDLER);
                assert_int_equal(to_s ? h->csr.scause : h->csr.mcause, cause);
                assert_int_equal(to_s ? h->csr.sepc : h->csr.mepc, PC);
                assert_int_equal(to_s ? h->csr.stval : h->csr.mtval, 0xabc);
                /* "mcause, mepc, mtval, MPP and MPIE are not written", and the reverse. */
                assert_int_equal(to_s ? h->csr.mcause : h->csr.scause, 0);
                assert_int_equal(to_s ? h->csr.mepc : h->csr.sepc, 0);
                fixture_close(&fix);
            }
        }
    }
}

/* The stacks: xPIE = xIE, xIE = 0, xPP = mode; the other half of mstatus stays. */
static void test_stacking(void **state)
{
    (void)state;
    for (unsigned ie = 0; ie < 4; ie++) {
        for (unsigned p = 0; p < 3; p++) {
            uint64_t status = (ie & 1 ? MSTATUS_SIE : 0) | (ie & 2 ? MSTATUS_MIE : 0);
            struct rv_hart *h = open_hart(privs[p]);
            h->csr.mstatus = status;
            rv_raise(h, CAUSE_ILLEGAL, 0);
            rv_trap_take(h);
            assert_int_equal(h->csr.mstatus, (status & MSTATUS_SIE) | (ie & 2 ? MSTATUS_MPIE : 0) |
                                                 (uint64_t)privs[p] << 11);
            fixture_close(&fix);
            if (privs[p] == PRIV_M)
                continue;
            h = open_hart(privs[p]);
            h->csr.mstatus = status;
            h->csr.medeleg = 1 << CAUSE_ILLEGAL;
            rv_raise(h, CAUSE_ILLEGAL, 0);
            rv_trap_take(h);
            assert_int_equal(h->csr.mstatus, (status & MSTATUS_MIE) | (ie & 1 ? MSTATUS_SPIE : 0) |
                                                 (privs[p] == PRIV_S ? MSTATUS_SPP : 0));
            fixture_close(&fix);
        }
    }
}

/* The context changes with the mode, and with MPP under MPRV; else it does not. */
static void test_trap_attention(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart(PRIV_S);
    h->csr.medeleg = ~0ull;
    rv_raise(h, CAUSE_BREAKPOINT, 0);
    rv_trap_take(h);
    assert_int_equal(h->attention, 0);
    h->priv = PRIV_U;
    rv_raise(h, CAUSE_BREAKPOINT, 0);
    rv_trap_take(h);
    assert_int_equal(h->attention, RV_ATTEND_MMU);
    h->attention = 0;
    h->priv = PRIV_M;
    h->csr.mstatus |= MSTATUS_MPRV;
    rv_raise(h, CAUSE_BREAKPOINT, 0);
    rv_trap_take(h);
    assert_int_equal(h->attention, RV_ATTEND_MMU);
    fixture_close(&fix);
}

/* --- double traps --- */

static struct rv_hart *open_isa(const char *isa, enum rv_priv priv)
{
    struct rv_hart *h = fixture_hart(&fix, isa);
    h->csr.mtvec = M_HANDLER;
    h->csr.stvec = S_HANDLER;
    h->pc = PC;
    h->priv = (uint8_t)priv;
    return h;
}

static void take(struct rv_hart *h, enum rv_cause cause, uint64_t tval)
{
    rv_raise(h, cause, tval);
    rv_trap_take(h);
    assert_false(h->trap.pending);
}

/* Without a handler for it: the end, and nothing has changed. */
static void test_critical_error(void **state)
{
    (void)state;
    struct rv_hart *h = open_isa("rv64gc_smdbltrp", PRIV_M);
    h->csr.mstatus = MSTATUS_MIE;
    take(h, CAUSE_ILLEGAL, 7);
    assert_int_equal(h->csr.mstatus, MSTATUS_MDT | MSTATUS_MPP | MSTATUS_MPIE);
    assert_int_equal(fix.exits, 0);
    struct rv_csrs before = h->csr;
    h->pc = M_HANDLER + 8;
    take(h, CAUSE_LOAD_ACCESS, 0x123);
    assert_int_equal(fix.exits, 1);
    assert_int_equal(fix.exit_kind, GUEST_CRITICAL);
    assert_int_equal(h->hsm_state, HSM_STOPPED);
    assert_int_equal(h->pc, M_HANDLER + 8);
    assert_memory_equal(&before, &h->csr, sizeof(before));
    fixture_close(&fix);
    /* Out of reset traps are off. */
    h = open_isa("rv64gc_smdbltrp", PRIV_M);
    take(h, CAUSE_ILLEGAL, 0);
    assert_int_equal(fix.exits, 1);
    fixture_close(&fix);
    /* What goes to S does not look at MDT. */
    h = open_isa("rv64gc_smdbltrp", PRIV_S);
    h->csr.medeleg = 1 << CAUSE_ILLEGAL;
    take(h, CAUSE_ILLEGAL, 0);
    assert_int_equal(h->pc, S_HANDLER);
    assert_int_equal(fix.exits, 0);
    fixture_close(&fix);
}

/* With Smrnmi the RNMI handler gets it, with the trap's pc and cause; mstatus stays. */
static void test_double_trap_to_rnmi(void **state)
{
    (void)state;
    struct rv_hart *h = open_isa("rv64gc_smdbltrp_smrnmi", PRIV_M);
    uint64_t pc;
    h->guest->cfg.rnmi_vector = 0x80004000;
    h->csr.mnstatus = MNSTATUS_NMIE;
    struct rv_csrs before = h->csr;
    take(h, CAUSE_STORE_ACCESS, 0x99);
    assert_int_equal(h->pc, 0x80004000);
    assert_int_equal(h->csr.mnepc, PC);
    assert_int_equal(h->csr.mncause, CAUSE_STORE_ACCESS);
    assert_int_equal(h->csr.mnstatus, MNSTATUS_MNPP);
    assert_int_equal(h->csr.mstatus, before.mstatus);
    assert_int_equal(h->csr.mtval, 0);
    assert_int_equal(fix.exits, 0);
    /* Back to M: MDT stays as it is.  Then below M. */
    assert_true(rv_mnret(h, &pc));
    assert_int_equal(pc, PC);
    assert_int_equal(h->priv, PRIV_M);
    assert_int_equal(h->csr.mnstatus, MNSTATUS_MNPP | MNSTATUS_NMIE);
    assert_int_equal(h->csr.mstatus, MSTATUS_MDT);
    h->csr.mnstatus = 1ull << 11; /* MNPP = S, NMIE = 0 */
    h->csr.mstatus |= MSTATUS_MPRV | MSTATUS_SDT;
    assert_true(rv_mnret(h, &pc));
    assert_int_equal(h->priv, PRIV_S);
    assert_int_equal(h->csr.mstatus, MSTATUS_SDT);
    assert_int_equal(h->csr.mnstatus, 1ull << 11 | MNSTATUS_NMIE);
    h->priv = PRIV_M;
    h->csr.mnstatus = 0; /* MNPP = U */
    assert_true(rv_mnret(h, &pc));
    assert_int_equal(h->priv, PRIV_U);
    assert_int_equal(h->csr.mstatus, 0);
    assert_false(rv_mnret(h, &pc));
    assert_int_equal(h->trap.tval, 0x70200073);
    h->trap.pending = false;
    /* In the RNMI handler any trap is one too many, also while MDT is 0. */
    h->priv = PRIV_M;
    h->csr.mnstatus = MNSTATUS_MNPP;
    take(h, CAUSE_BREAKPOINT, 0);
    assert_int_equal(fix.exits, 1);
    fixture_close(&fix);
}

/* The returns: MRET clears MDT, and SRET in M; SDT goes with U, and with any SRET. */
static void test_returns_clear(void **state)
{
    (void)state;
    const uint64_t both = MSTATUS_MDT | MSTATUS_SDT;
    for (unsigned i = 0; i < 3; i++) {
        struct rv_hart *h = open_isa("rv64gc_smdbltrp", PRIV_M);
        uint64_t pc;
        h->csr.menvcfg = ENVCFG_DTE;
        h->csr.mstatus = both | (uint64_t)privs[i] << 11;
        assert_true(rv_mret(h, &pc));
        assert_int_equal(h->csr.mstatus & both, privs[i] == PRIV_U ? 0 : MSTATUS_SDT);
        h->priv = privs[i] == PRIV_M ? PRIV_M : PRIV_S;
        h->csr.mstatus = both | MSTATUS_SPP;
        assert_true(rv_sret(h, &pc));
        assert_int_equal(h->csr.mstatus & both, privs[i] == PRIV_M ? 0 : MSTATUS_MDT);
        fixture_close(&fix);
    }
}

/* Ssdbltrp: what would have come to S comes to M as cause 16, and mtval2 says what it was. */
static void test_supervisor_double_trap(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart(PRIV_U);
    h->csr.menvcfg = ENVCFG_DTE;
    h->csr.medeleg = 1 << CAUSE_LOAD_PAGE;
    h->csr.mideleg = h->csr.mie = 2;
    h->csr.mtvec |= 1;
    h->csr.mtval2 = 5;
    take(h, CAUSE_LOAD_PAGE, 0x77);
    assert_int_equal(h->priv, PRIV_S);
    assert_int_equal(h->csr.mstatus, MSTATUS_SDT);
    h->pc = S_HANDLER + 4;
    take(h, CAUSE_LOAD_PAGE, 0x88);
    assert_int_equal(h->priv, PRIV_M);
    assert_int_equal(h->pc, M_HANDLER);
    assert_int_equal(h->csr.mcause, 16);
    assert_int_equal(h->csr.mtval2, CAUSE_LOAD_PAGE);
    assert_int_equal(h->csr.mtval, 0x88);
    assert_int_equal(h->csr.mepc, S_HANDLER + 4);
    assert_int_equal(bits_get(h->csr.mstatus, 12, 11), PRIV_S);
    assert_int_equal(h->csr.scause, CAUSE_LOAD_PAGE); /* of the first */
    assert_int_equal(h->csr.stval, 0x77);
    /* What M takes in any case does not care, and says nothing in mtval2. */
    h->priv = PRIV_S;
    take(h, CAUSE_ILLEGAL, 0);
    assert_int_equal(h->csr.mcause, CAUSE_ILLEGAL);
    assert_int_equal(h->csr.mtval2, 0);
    /* An interrupt of S, which from U nothing holds up; cause 16 is an exception. */
    h->priv = PRIV_U;
    hart_irq_raise(&h->hart, 2);
    assert_true(rv_interrupt_take(h));
    assert_int_equal(h->csr.mcause, 16);
    assert_int_equal(h->csr.mtval2, INTERRUPT | 1);
    assert_int_equal(h->pc, M_HANDLER);
    /* Off, SDT is not set. */
    h->csr.menvcfg = 0;
    h->csr.mstatus = 0;
    h->priv = PRIV_S;
    take(h, CAUSE_LOAD_PAGE, 0);
    take(h, CAUSE_LOAD_PAGE, 0);
    assert_int_equal(h->csr.mstatus & MSTATUS_SDT, 0);
    assert_int_equal(h->priv, PRIV_S);
    fixture_close(&fix);
}

/* --- non-maskable interrupts --- */

static void test_rnmi(void **state)
{
    (void)state;
    const struct guest_type *type = guest_find("riscv64");
    for (unsigned i = 0; i < 3; i++) {
        struct rv_hart *h = open_isa("rv64gc_smrnmi", privs[i]);
        h->guest->boot.entry = 0x80005000;
        h->csr.mie = 8;
        h->csr.mstatus = MSTATUS_MIE;
        hart_irq_raise(&h->hart, 8);
        assert_int_equal(type->nmi(fix.guest, 0), 0);
        assert_int_equal(rv_mip(h), 8); /* not shown */
        /* NMIE = 0, as out of reset: no interrupt at all, but each ends a WFI. */
        assert_false(rv_interrupt_take(h));
        h->csr.mie = 0;
        assert_true(rv_interrupt_pending(h));
        h->csr.mie = 8;
        h->csr.mnstatus = MNSTATUS_NMIE;
        h->attention = 0;
        assert_true(rv_interrupt_take(h));
        assert_int_equal(h->pc, 0x80005000);
        assert_int_equal(h->csr.mnepc, PC);
        assert_int_equal(h->csr.mncause, INTERRUPT);
        assert_int_equal(h->csr.mnstatus, (uint64_t)privs[i] << 11);
        assert_int_equal(h->csr.mstatus, MSTATUS_MIE);
        assert_int_equal(h->csr.mcause, 0);
        assert_int_equal(h->priv, PRIV_M);
        assert_int_equal(h->attention, RV_ATTEND_MMU);
        /* It was one, and the other waits until the handler returns. */
        assert_false(rv_interrupt_take(h));
        uint64_t pc;
        assert_true(rv_mnret(h, &pc));
        assert_true(h->attention & RV_ATTEND_IRQ);
        h->pc = pc;
        assert_true(rv_interrupt_take(h));
        assert_int_equal(h->csr.mcause, INTERRUPT | 3);
        assert_int_equal(h->csr.mepc, PC);
        fixture_close(&fix);
    }
    struct rv_hart *h = open_hart(PRIV_M); /* no Smrnmi */
    assert_int_equal(type->nmi(fix.guest, 0), -ENOTSUP);
    assert_false(rv_interrupt_pending(h));
    fixture_close(&fix);
}

/* In the handler: exceptions go to a vector of their own, MPRV has no effect. */
static void test_rnmi_handler(void **state)
{
    (void)state;
    struct rv_hart *h = open_isa("rv64gc_smrnmi", PRIV_M);
    h->csr.mstatus = MSTATUS_MPRV; /* MPP = U */
    assert_int_equal(rv_data_priv(h), PRIV_M);
    h->csr.mtvec = M_HANDLER | 1;
    take(h, CAUSE_BREAKPOINT, 0);
    assert_int_equal(h->pc, M_HANDLER); /* as mtvec says */
    h->guest->cfg.rnmi_exception_vector = 0x80006000;
    h->pc = PC;
    take(h, CAUSE_BREAKPOINT, 1);
    assert_int_equal(h->pc, 0x80006000);
    assert_int_equal(h->csr.mcause, CAUSE_BREAKPOINT);
    assert_int_equal(h->csr.mepc, PC);
    assert_int_equal(h->csr.mtval, 1);
    h->priv = PRIV_U; /* from below M as ever */
    take(h, CAUSE_BREAKPOINT, 0);
    assert_int_equal(h->pc, M_HANDLER);
    h->csr.mnstatus = MNSTATUS_NMIE;
    h->csr.mstatus = MSTATUS_MPRV;
    assert_int_equal(rv_data_priv(h), PRIV_U);
    fixture_close(&fix);
}

/* --- interrupts --- */

static void test_vectored(void **state)
{
    (void)state;
    static const unsigned m_bits[] = {1, 3, 5, 7, 9, 11}, s_bits[] = {1, 5, 9};
    for (unsigned i = 0; i < ARRAY_LEN(m_bits); i++) {
        struct rv_hart *h = open_hart(PRIV_S);
        h->csr.mtvec |= 1;
        h->csr.mie = 1ull << m_bits[i];
        hart_irq_raise(&h->hart, h->csr.mie);
        assert_true(rv_interrupt_take(h));
        assert_int_equal(h->pc, M_HANDLER + 4 * m_bits[i]);
        assert_int_equal(h->csr.mcause, INTERRUPT | m_bits[i]);
        assert_int_equal(h->csr.mtval, 0);
        assert_int_equal(h->csr.mepc, PC);
        /* Exceptions go to the base in both modes. */
        rv_raise(h, CAUSE_ILLEGAL, 0);
        rv_trap_take(h);
        assert_int_equal(h->pc, M_HANDLER);
        fixture_close(&fix);
    }
    for (unsigned i = 0; i < ARRAY_LEN(s_bits); i++) {
        struct rv_hart *h = open_hart(PRIV_U);
        h->csr.stvec |= 1;
        h->csr.mie = h->csr.mideleg = 1ull << s_bits[i];
        hart_irq_raise(&h->hart, h->csr.mie);
        assert_true(rv_interrupt_take(h));
        assert_int_equal(h->pc, S_HANDLER + 4 * s_bits[i]);
        assert_int_equal(h->csr.scause, INTERRUPT | s_bits[i]);
        fixture_close(&fix);
    }
}

/* MEI, MSI, MTI, SEI, SSI, STI: taken one after the other as each is lowered. */
static void test_priorities(void **state)
{
    (void)state;
    static const unsigned order[] = {11, 3, 7, 9, 1, 5};
    struct rv_hart *h = open_hart(PRIV_U);
    h->csr.mie = 0xaaa;
    hart_irq_raise(&h->hart, 0xaaa);
    for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
        h->priv = PRIV_U;
        assert_true(rv_interrupt_take(h));
        assert_int_equal(h->csr.mcause, INTERRUPT | order[i]);
        hart_irq_lower(&h->hart, 1ull << order[i]);
    }
    assert_false(rv_interrupt_take(h));
    /* Interrupts to M come before those to S, whatever their own order. */
    h->priv = PRIV_U;
    h->csr.mideleg = 0x200; /* SEI to S, STI to M */
    hart_irq_raise(&h->hart, 0x220);
    assert_true(rv_interrupt_take(h));
    assert_int_equal(h->csr.mcause, INTERRUPT | 5);
    assert_int_equal(h->priv, PRIV_M);
    fixture_close(&fix);
}

/* When an interrupt traps: by mode, enables and delegation (Privileged, mip and mie). */
static void test_enables(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 96; i++) {
        enum rv_priv p = privs[i / 32];
        bool mie = i & 1, sie = i & 2, deleg = i & 4, local = i & 8, pending = i & 16;
        struct rv_hart *h = open_hart(p);
        h->csr.mstatus = (mie ? MSTATUS_MIE : 0) | (sie ? MSTATUS_SIE : 0);
        h->csr.mideleg = deleg ? 0x20 : 0;
        h->csr.mie = local ? 0x20 : 0;
        if (pending)
            hart_irq_raise(&h->hart, 0x20);
        bool open = deleg ? p == PRIV_U || (p == PRIV_S && sie) : p != PRIV_M || mie;
        assert_int_equal(rv_interrupt_pending(h), local && pending);
        assert_int_equal(rv_interrupt_take(h), open && local && pending);
        if (open && local && pending)
            assert_int_equal(h->priv, deleg ? PRIV_S : PRIV_M);
        else
            assert_int_equal(h->pc, PC);
        fixture_close(&fix);
    }
}

/* --- returns --- */

static void test_mret(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        enum rv_priv to = privs[i % 3];
        bool pie = (i / 3) & 1, mprv = i / 6;
        struct rv_hart *h = open_hart(PRIV_M);
        uint64_t pc = 0;
        h->csr.mepc = 0x80003000;
        h->csr.mstatus = (uint64_t)to << 11 | (pie ? MSTATUS_MPIE : MSTATUS_MIE) |
                         (mprv ? MSTATUS_MPRV : 0) | MSTATUS_SPP;
        assert_true(rv_mret(h, &pc));
        assert_int_equal(pc, 0x80003000);
        assert_int_equal(h->priv, to);
        /* MIE = MPIE, MPIE = 1, MPP = U, MPRV kept only in M */
        assert_int_equal(h->csr.mstatus, MSTATUS_MPIE | (pie ? MSTATUS_MIE : 0) | MSTATUS_SPP |
                                             (mprv && to == PRIV_M ? MSTATUS_MPRV : 0));
        assert_int_equal(h->attention, RV_ATTEND_MMU | RV_ATTEND_IRQ);
        fixture_close(&fix);
    }
}

static void test_sret(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        bool spp = i & 1, pie = i & 2, from_m = i & 4;
        struct rv_hart *h = open_hart(from_m ? PRIV_M : PRIV_S);
        uint64_t pc = 0;
        h->csr.sepc = 0x80003000;
        h->csr.mstatus = (spp ? MSTATUS_SPP : 0) | (pie ? MSTATUS_SPIE : MSTATUS_SIE) |
                         MSTATUS_MPRV | MSTATUS_MPP;
        assert_true(rv_sret(h, &pc));
        assert_int_equal(pc, 0x80003000);
        assert_int_equal(h->priv, spp ? PRIV_S : PRIV_U);
        assert_int_equal(h->csr.mstatus, MSTATUS_SPIE | (pie ? MSTATUS_SIE : 0) | MSTATUS_MPP);
        fixture_close(&fix);
    }
}

/* --- who may execute what --- */

enum insn { MRET, SRET, WFI, SFENCE, ORDER };

static bool execute(struct rv_hart *h, enum insn insn)
{
    uint64_t pc;
    switch (insn) {
    case MRET:
        return rv_mret(h, &pc);
    case SRET:
        return rv_sret(h, &pc);
    case WFI:
        return rv_wfi(h);
    case SFENCE:
        return rv_sfence_vma(h, false, 0, false, 0);
    case ORDER:
        return rv_sfence_order(h);
    }
    return false;
}

static const struct {
    enum insn insn;
    uint64_t mstatus;
    const char *modes;
    uint32_t tval;
} instructions[] = {
    {MRET, 0, "M", 0x30200073},
    {SRET, 0, "SM", 0x10200073},
    {SRET, MSTATUS_TSR, "M", 0x10200073},
    {SRET, MSTATUS_TVM | MSTATUS_TW, "SM", 0x10200073},
    {WFI, 0, "SM", 0x10500073},
    {WFI, MSTATUS_TW, "M", 0x10500073},
    {WFI, MSTATUS_TSR | MSTATUS_TVM, "SM", 0x10500073},
    {SFENCE, 0, "SM", 0},
    {SFENCE, MSTATUS_TVM, "M", 0},
    {SFENCE, MSTATUS_TSR | MSTATUS_TW, "SM", 0},
    {ORDER, MSTATUS_TVM, "SM", 0},
};

static void test_instructions(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(instructions); i++) {
        for (unsigned p = 0; p < 3; p++) {
            struct rv_hart *h = open_hart(privs[p]);
            h->csr.mstatus = instructions[i].mstatus;
            bool expect = strchr(instructions[i].modes, "USM"[p]);
            if (execute(h, instructions[i].insn) != expect)
                fail_msg("row %u in %c", i, "USM"[p]);
            assert_int_equal(h->trap.pending, !expect);
            if (!expect) {
                assert_int_equal(h->trap.cause, CAUSE_ILLEGAL);
                assert_int_equal(h->trap.tval, instructions[i].tval);
                assert_int_equal(h->csr.mstatus, instructions[i].mstatus);
                assert_int_equal(h->attention, 0);
            }
            fixture_close(&fix);
        }
    }
}

/* SFENCE.VMA drops what it names and asks for the contexts anew. */
static void test_sfence(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart(PRIV_S);
    rv_mmu_update(h);
    struct tlb *t = &h->hart.tlb;
    for (unsigned i = 0; i < 3; i++) {
        tlb_fill(t, TLB_READ, 0x1000, 0, 12);
        tlb_fill(t, TLB_READ, 0x5000, 0, 12);
        assert_non_null(tlb_lookup_slow(t, TLB_READ, 0x1000));
        h->attention = 0;
        assert_true(rv_sfence_vma(h, i == 1, 0x1008, i == 2, 0));
        assert_int_equal(h->attention, i == 1 ? 0 : RV_ATTEND_MMU);
        rv_mmu_update(h);
        assert_null(tlb_lookup_slow(t, TLB_READ, 0x1000));
        assert_int_equal(tlb_lookup_slow(t, TLB_READ, 0x5000) != NULL, i == 1);
    }
    /* Where code may have run from the page, the hart is to look where it is. */
    tlb_fill(t, TLB_FETCH, 0x1000, 0, 12);
    h->attention = 0;
    assert_true(rv_sfence_vma(h, true, 0x1008, false, 0));
    assert_int_equal(h->attention, RV_ATTEND_MMU);
    fixture_close(&fix);
}

/* --- reset --- */

static void test_reset(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart(PRIV_U);
    uint64_t v;
    memset(h->x, 0x55, sizeof(h->x));
    h->csr.mstatus = ~0ull;
    h->csr.satp = 8ull << 60;
    h->csr.menvcfg = ~0ull;
    h->csr.mip_soft = 0x220;
    h->insns = 1000;
    hart_irq_raise(&h->hart, 2);
    rv_raise(h, CAUSE_ILLEGAL, 0);
    rv_reset(h);
    assert_int_equal(h->priv, PRIV_M);
    assert_false(h->trap.pending);
    assert_int_equal(h->x[5], 0);
    assert_int_equal(h->csr.mstatus & (MSTATUS_MIE | MSTATUS_MPRV), 0);
    assert_int_equal(rv_mip(h), 0);
    static const unsigned zero[] = {0x180, 0x342, 0x30a, 0x3a0, 0x3a2, 0xb00, 0xb02};
    for (unsigned i = 0; i < ARRAY_LEN(zero); i++) {
        assert_int_equal(rv_csr_peek(h, zero[i], &v), 0);
        assert_int_equal(v, 0);
    }
    fixture_close(&fix);
}

/* --- the timer --- */

static void set_stimecmp(struct rv_hart *h, uint64_t when)
{
    h->csr.menvcfg = ENVCFG_STCE;
    assert_int_equal(rv_csr_poke(h, 0x14d, when), 0);
}

static bool stip(const struct rv_hart *h)
{
    return rv_mip(h) & 0x20;
}

static void test_stip(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart(PRIV_S);
    set_stimecmp(h, 0);
    assert_true(stip(h));
    set_stimecmp(h, UINT64_MAX);
    assert_false(stip(h));
    set_stimecmp(h, gclock_now(&fix.clock));
    assert_true(stip(h));
    set_stimecmp(h, gclock_now(&fix.clock) + 1000000000);
    assert_false(stip(h)); /* at once */
    set_stimecmp(h, 0);
    /* Read-only while STCE is set; without it STIP is software's. */
    assert_int_equal(rv_csr_poke(h, 0x344, 0), 0);
    assert_true(stip(h));
    assert_int_equal(rv_csr_poke(h, 0x30a, 0), 0);
    assert_false(stip(h));
    assert_int_equal(rv_csr_poke(h, 0x344, 0x20), 0);
    assert_true(stip(h));
    assert_int_equal(rv_csr_poke(h, 0x14d, UINT64_MAX), 0);
    assert_true(stip(h));
    assert_int_equal(rv_csr_poke(h, 0x30a, ENVCFG_STCE), 0);
    assert_false(stip(h));
    /* What was written to it while it was read-only is not remembered. */
    assert_int_equal(rv_csr_poke(h, 0x344, 0), 0);
    assert_int_equal(rv_csr_poke(h, 0x30a, 0), 0);
    assert_int_equal(rv_csr_poke(h, 0x344, 0), 0);
    assert_int_equal(rv_csr_poke(h, 0x30a, ENVCFG_STCE), 0);
    assert_int_equal(rv_csr_poke(h, 0x344, 0x20), 0);
    assert_int_equal(rv_csr_poke(h, 0x30a, 0), 0);
    assert_false(stip(h));
    fixture_close(&fix);
}

static void test_deadline(void **state)
{
    (void)state;
    struct rv_hart *h = open_hart(PRIV_S);
    assert_int_equal(rv_timer_deadline_ns(h), UINT64_MAX);
    set_stimecmp(h, gclock_now(&fix.clock) + 1000);
    assert_int_equal(rv_timer_deadline_ns(h), UINT64_MAX); /* not enabled in mie */
    h->csr.mie = 0x20;
    uint64_t deadline = rv_timer_deadline_ns(h), now = clock_now_ns();
    assert_true(deadline < now + 100000 && deadline + 10000000000 > now);
    set_stimecmp(h, UINT64_MAX);
    assert_int_equal(rv_timer_deadline_ns(h), UINT64_MAX);
    fixture_close(&fix);
}

static void *loop_thread(void *loop)
{
    loop_run(loop);
    return NULL;
}

/* Sleeps until STIP is as wanted; the test's own time limit ends a wait that never does. */
static void wait_stip(const struct rv_hart *h, bool want)
{
    const struct timespec pause = {0, 100000};
    while (stip(h) != want)
        nanosleep(&pause, NULL);
}

/* The loop raises STIP when its time has come, and never for a comparand that was moved away. */
static void test_timer_loop(void **state)
{
    (void)state;
    const struct guest_config cfg = {.harts = 1, .engine = ENGINE_INTERP};
    struct loop *loop;
    pthread_t thread;
    assert_int_equal(loop_create(&loop), 0);
    fixture_open(&fix, &cfg, loop);
    struct rv_hart *h = fix.g->harts[0];
    rv_reset(h);
    assert_int_equal(pthread_create(&thread, NULL, loop_thread, loop), 0);
    for (unsigned i = 0; i < 100; i++) {
        set_stimecmp(h, gclock_now(&fix.clock) + i * 20);
        wait_stip(h, true);
        assert_true(gclock_now(&fix.clock) >= h->csr.stimecmp);
    }
    for (unsigned i = 0; i < 20000; i++) { /* near, then far: the late callback must not raise */
        set_stimecmp(h, gclock_now(&fix.clock) + i % 50);
        set_stimecmp(h, UINT64_MAX - 1);
        assert_false(stip(h));
    }
    const struct timespec pause = {0, 5000000};
    nanosleep(&pause, NULL);
    assert_false(stip(h));
    set_stimecmp(h, gclock_now(&fix.clock) + 100);
    wait_stip(h, true);
    fixture_close(&fix);
    loop_stop(loop);
    pthread_join(thread, NULL);
    loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delegation),     cmocka_unit_test(test_stacking),
        cmocka_unit_test(test_trap_attention), cmocka_unit_test(test_vectored),
        cmocka_unit_test(test_priorities),     cmocka_unit_test(test_enables),
        cmocka_unit_test(test_mret),           cmocka_unit_test(test_sret),
        cmocka_unit_test(test_instructions),   cmocka_unit_test(test_sfence),
        cmocka_unit_test(test_reset),          cmocka_unit_test(test_stip),
        cmocka_unit_test(test_deadline),       cmocka_unit_test(test_timer_loop),
        cmocka_unit_test(test_critical_error), cmocka_unit_test(test_double_trap_to_rnmi),
        cmocka_unit_test(test_returns_clear),  cmocka_unit_test(test_supervisor_double_trap),
        cmocka_unit_test(test_rnmi),           cmocka_unit_test(test_rnmi_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
