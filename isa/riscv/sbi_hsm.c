/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI, Hart State Management: starting, stopping and suspending harts, and the
 * state in which the built-in SBI hands a hart to the kernel.
 *
 * hsm_state moves STOPPED -> CLAIMED -> START_PENDING by the starter, whoever
 * wins the compare-and-swap; START_PENDING -> STARTED by the started hart;
 * STARTED -> STOPPED by the hart itself.  The start address is written while
 * the state is CLAIMED, which to others looks like START_PENDING.
 *
 * A suspended hart is one in WFI: the specification lets it resume for any
 * reason, so the state SUSPENDED is passed through without being seen.
 */
#include "isa/riscv/sbi.h"

#include <string.h>

#define MIP_SSIP (1ull << 1)
#define MIDELEG  0x2222ull /* SSI, STI, SEI, LCOFI */
#define MEDELEG  (~0ull & ~(1ull << CAUSE_ECALL_S))

enum {
    CSR_MEDELEG = 0x302,
    CSR_MIDELEG = 0x303,
    CSR_MCOUNTEREN = 0x306,
    CSR_MENVCFG = 0x30a,
    CSR_MCOUNTINHIBIT = 0x320,
    CSR_MHPMEVENTS = 0x320,
    CSR_MCYCLECFG = 0x321,
    CSR_MINSTRETCFG = 0x322,
    CSR_PMPCFG0 = 0x3a0,
    CSR_PMPADDR0 = 0x3b0,
    CSR_MSTATEEN0 = 0x30c,
    CSR_MSECCFG = 0x747,
};

enum { REG_A0 = 10, REG_A1 = 11 };

/*
 * A/D bits: with both Svade and Svadu in the device tree, the kernel expects
 * page faults until it asks for the other (Linux: riscv_ext_svadu_validate).
 */
static uint64_t menvcfg_for(const struct rv_hart *h)
{
    uint64_t v = ENVCFG_STCE | ENVCFG_PBMTE | ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE;
    return rv_has(h, RV_EXT_Svade) ? v : v | ENVCFG_ADUE;
}

/* What the kernel finds: MMU and interrupts off, timer and IPI quiet, FS on (Initial). */
static void prepare_s(struct rv_hart *h)
{
    struct rv_csrs *c = &h->csr;
    c->mstatus = rv_has(h, RV_EXT_F) ? 1ull << 13 : 0;
    c->mnstatus |= MNSTATUS_NMIE;
    c->mie = 0;
    c->mip_soft = 0;
    c->satp = 0;
    c->scounteren = 7;
    store_relaxed(&c->stimecmp, UINT64_MAX);
    hart_irq_lower(&h->hart, MIP_SSIP);
    rv_timer_update(h);
    h->priv = PRIV_S;
}

void rv_sbi_prepare(struct rv_hart *h)
{
    prepare_s(h);
    rv_csr_poke(h, CSR_MEDELEG, MEDELEG);
    rv_csr_poke(h, CSR_MIDELEG, MIDELEG);
    rv_csr_poke(h, CSR_MENVCFG, menvcfg_for(h));
    rv_csr_poke(h, CSR_MCOUNTEREN, UINT64_MAX);
    memset(h->sbi.pmu, 0, sizeof(h->sbi.pmu)); /* a hart that was stopped forgets its counters */
    for (unsigned i = RV_HPM_FIRST; i <= RV_HPM_LAST; i++)
        rv_csr_poke(h, CSR_MHPMEVENTS + i, 0);
    rv_csr_poke(h, CSR_MCYCLECFG, 0);
    rv_csr_poke(h, CSR_MINSTRETCFG, 0);
    rv_csr_poke(h, CSR_MCOUNTINHIBIT, ~7ull); /* cycle and instret run, the others when started */
    rv_csr_poke(h, CSR_MSECCFG, MSECCFG_SSEED);
    for (unsigned i = 0; i < 4; i++)
        rv_csr_poke(h, CSR_MSTATEEN0 + i, UINT64_MAX);
    rv_csr_poke(h, CSR_PMPADDR0, UINT64_MAX);
    rv_csr_poke(h, CSR_PMPCFG0, 0x1f); /* NAPOT, RWX */
    rv_hpm_privilege(h, 0);
    h->attention |= RV_ATTEND_MMU | RV_ATTEND_IRQ | RV_ATTEND_FETCH;
}

void rv_sbi_begin(struct rv_hart *h)
{
    tlb_flush_all(&h->hart.tlb);
    rv_sbi_prepare(h);
    h->pc = h->hsm_pc;
    h->x[REG_A0] = h->hart.index;
    h->x[REG_A1] = h->hsm_opaque;
    store_seq_cst(&h->hsm_state, HSM_STARTED);
}

/* A pc in RAM to which a jump is possible. */
static bool start_address_valid(const struct rv_hart *h, uint64_t addr)
{
    unsigned align = rv_has(h, RV_EXT_Zca) ? 2 : 4;
    return !(addr % align) && physmem_contains(h->guest->env->pm, addr, align);
}

static struct sbi_ret hart_start(struct rv_hart *h, uint64_t id, uint64_t addr, uint64_t opaque)
{
    uint32_t expected = HSM_STOPPED;
    if (id >= h->guest->cfg.harts)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (!start_address_valid(h, addr))
        return sbi_error(SBI_ERR_INVALID_ADDRESS);
    struct rv_hart *to = h->guest->harts[id];
    if (!cas_acq_rel(&to->hsm_state, &expected, HSM_CLAIMED))
        return sbi_error(SBI_ERR_ALREADY_AVAILABLE);
    to->hsm_pc = addr;
    to->hsm_opaque = opaque;
    /* Pairs with the acquire of the run loop that finds the state: address before state. */
    store_release(&to->hsm_state, HSM_START_PENDING);
    rv_hart_wake(to);
    return sbi_error(SBI_SUCCESS);
}

static struct sbi_ret hart_stop(struct rv_hart *h)
{
    store_seq_cst(&h->hsm_state, HSM_STOPPED);
    return (struct sbi_ret){.then = SBI_REDIRECTED};
}

static struct sbi_ret hart_status(const struct rv_hart *h, uint64_t id)
{
    static const uint8_t state_id[] = {
        [HSM_STARTED] = 0,   [HSM_STOPPED] = 1, [HSM_START_PENDING] = 2,
        [HSM_SUSPENDED] = 4, [HSM_CLAIMED] = 2,
    };
    if (id >= h->guest->cfg.harts)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    return sbi_value(state_id[load_acquire(&h->guest->harts[id]->hsm_state)]);
}

/* Resuming looks like a start, apart from what ends the sleep: mie and the timer stay. */
static struct sbi_ret suspend_non_retentive(struct rv_hart *h, uint64_t resume, uint64_t opaque)
{
    if (!start_address_valid(h, resume))
        return sbi_error(SBI_ERR_INVALID_ADDRESS);
    h->csr.satp = 0;
    h->csr.mstatus &= ~MSTATUS_SIE;
    h->x[REG_A0] = h->hart.index;
    h->x[REG_A1] = opaque;
    h->pc = resume;
    h->attention |= RV_ATTEND_MMU | RV_ATTEND_WFI;
    return (struct sbi_ret){.then = SBI_REDIRECTED};
}

enum { SUSPEND_RETENTIVE = 0, SUSPEND_NON_RETENTIVE = 0x80000000 };

static struct sbi_ret hart_suspend(struct rv_hart *h, uint32_t type, uint64_t resume,
                                   uint64_t opaque)
{
    if (type == SUSPEND_NON_RETENTIVE)
        return suspend_non_retentive(h, resume, opaque);
    if (type != SUSPEND_RETENTIVE)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    h->attention |= RV_ATTEND_WFI;
    return sbi_error(SBI_SUCCESS);
}

struct sbi_ret sbi_hsm_call(struct rv_hart *h, uint64_t fid, const uint64_t *a)
{
    switch (fid) {
    case 0:
        return hart_start(h, a[0], a[1], a[2]);
    case 1:
        return hart_stop(h);
    case 2:
        return hart_status(h, a[0]);
    case 3:
        return hart_suspend(h, (uint32_t)a[0], a[1], a[2]);
    }
    return sbi_error(SBI_ERR_NOT_SUPPORTED);
}
