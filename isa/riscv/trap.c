/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps and returns from them: delegation, the privilege stacks of mstatus,
 * vectoring, interrupt priorities, and the privileged instructions whose checks
 * hang together with them.  On the hart's thread; rv_reset while it is stopped.
 *
 * None of this touches the reservation: it survives traps (Unprivileged, "A"
 * allows both, and exactness demands that only writes kill it).
 */
#include "isa/riscv/rv.h"

#include <string.h>

#include "isa/riscv/fp.h"
#include "sim/base/log.h"

#define CAUSE_INTERRUPT (1ull << 63)

#define MIP_STIP (1ull << 5)

/* Encodings, for tval. */
#define RAW_SRET  0x10200073u
#define RAW_MRET  0x30200073u
#define RAW_MNRET 0x70200073u
#define RAW_WFI   0x10500073u

/* --- entry --- */

static gva_t vector_pc(uint64_t tvec, uint64_t cause)
{
    gva_t base = tvec & ~3ull;
    if ((tvec & 3) == 1 && cause & CAUSE_INTERRUPT)
        base += 4 * (cause & ~CAUSE_INTERRUPT);
    return base;
}

/* Moves flag bit `from` to bit `to` (both single-bit masks) and clears the former. */
static uint64_t stack_enable(uint64_t status, uint64_t from, uint64_t to)
{
    status = status & from ? status | to : status & ~to;
    return status & ~from;
}

/* Where an RNMI goes, and an exception in its handler: the implementation's own choice. */
static gva_t rnmi_vector(const struct rv_hart *h)
{
    const struct rv_guest *g = h->guest;
    return g->cfg.rnmi_vector ? g->cfg.rnmi_vector : g->boot.entry;
}

static gva_t rnmi_exception_vector(const struct rv_hart *h)
{
    uint64_t given = h->guest->cfg.rnmi_exception_vector;
    return given ? given : h->csr.mtvec & ~3ull;
}

static void enter_m(struct rv_hart *h, uint64_t cause, uint64_t tval, uint64_t tval2)
{
    struct rv_csrs *c = &h->csr;
    bool in_rnmi = h->priv == PRIV_M && !(c->mnstatus & MNSTATUS_NMIE);
    c->mepc = h->pc;
    c->mcause = cause;
    c->mtval = tval;
    c->mtval2 = tval2;
    c->mstatus = stack_enable(c->mstatus, MSTATUS_MIE, MSTATUS_MPIE);
    c->mstatus = (c->mstatus & ~MSTATUS_MPP) | (uint64_t)h->priv << 11;
    if (rv_has(h, RV_EXT_Smdbltrp))
        c->mstatus |= MSTATUS_MDT;
    h->pc = in_rnmi ? rnmi_exception_vector(h) : vector_pc(c->mtvec, cause);
}

static void enter_s(struct rv_hart *h, uint64_t cause, uint64_t tval)
{
    struct rv_csrs *c = &h->csr;
    c->sepc = h->pc;
    c->scause = cause;
    c->stval = tval;
    c->mstatus = stack_enable(c->mstatus, MSTATUS_SIE, MSTATUS_SPIE);
    c->mstatus = h->priv == PRIV_S ? c->mstatus | MSTATUS_SPP : c->mstatus & ~MSTATUS_SPP;
    if (c->menvcfg & ENVCFG_DTE)
        c->mstatus |= MSTATUS_SDT;
    h->pc = vector_pc(c->stvec, cause);
}

/* An RNMI, or what Smdbltrp makes one; mstatus, MDT among it, stays (Smrnmi, "RNMI Operation"). */
static void enter_rnmi(struct rv_hart *h, uint64_t cause)
{
    struct rv_csrs *c = &h->csr;
    c->mnepc = h->pc;
    c->mncause = cause;
    c->mnstatus = (uint64_t)h->priv << 11; /* and NMIE = 0 */
    h->pc = rnmi_vector(h);
    h->priv = PRIV_M;
    rv_hpm_privilege(h, 0);
    h->attention |= RV_ATTEND_MMU;
}

/*
 * Smdbltrp: whether a trap to M would overwrite what the handler of another has not saved yet
 * (Privileged, "Double Trap Control in mstatus Register").
 */
static bool unexpected_in_m(const struct rv_hart *h)
{
    if (!rv_has(h, RV_EXT_Smdbltrp))
        return false;
    return h->csr.mstatus & MSTATUS_MDT ||
           (h->priv == PRIV_M && !(h->csr.mnstatus & MNSTATUS_NMIE));
}

/*
 * The critical-error state: the hart ceases execution with all its state as it is.  What the
 * platform does about the signal is its own affair; this one ends the run.
 */
static void critical_error(struct rv_hart *h, uint64_t cause, uint64_t tval)
{
    log_at(LOG_ISA, LOG_ERROR,
           "hart %u: critical error: trap %llu (tval 0x%llx) at pc 0x%llx while traps to M-mode "
           "are disabled, that of before is %llu at 0x%llx",
           h->hart.index, (unsigned long long)cause, (unsigned long long)tval,
           (unsigned long long)h->pc, (unsigned long long)h->csr.mcause,
           (unsigned long long)h->csr.mepc);
    store_release(&h->hsm_state, HSM_STOPPED);
    h->guest->env->exit(h->guest->env->opaque, GUEST_CRITICAL, 0);
}

/* With MPRV set, a new MPP changes how data is translated. */
static void entered(struct rv_hart *h, enum rv_priv to)
{
    if (h->priv != to || h->csr.mstatus & MSTATUS_MPRV)
        h->attention |= RV_ATTEND_MMU;
    h->priv = (uint8_t)to;
    rv_hpm_privilege(h, 0);
}

static void trap_to_m(struct rv_hart *h, uint64_t cause, uint64_t tval, uint64_t tval2)
{
    if (!unexpected_in_m(h)) {
        enter_m(h, cause, tval, tval2);
        entered(h, PRIV_M);
    } else if (rv_has(h, RV_EXT_Smrnmi) && h->csr.mnstatus & MNSTATUS_NMIE) {
        enter_rnmi(h, cause);
    } else {
        critical_error(h, cause, tval);
    }
}

/* SDT: S-mode takes no trap now; what would have come there is a double trap, which M takes. */
static void trap_enter(struct rv_hart *h, enum rv_priv to, uint64_t cause, uint64_t tval)
{
    if (to == PRIV_M) {
        trap_to_m(h, cause, tval, 0);
    } else if (h->csr.mstatus & MSTATUS_SDT) {
        trap_to_m(h, CAUSE_DOUBLE_TRAP, tval, cause);
    } else {
        enter_s(h, cause, tval);
        entered(h, PRIV_S);
    }
}

static void take_exception(struct rv_hart *h)
{
    struct rv_trap trap = h->trap;
    h->trap.pending = false;
    h->stats.traps++;
    bool delegated = h->priv <= PRIV_S && bit_test(h->csr.medeleg, trap.cause & 63);
    trap_enter(h, delegated ? PRIV_S : PRIV_M, trap.cause, trap.tval);
}

/* Triggers on traps: the breakpoint is taken before the first instruction of the handler. */
static void trap_taken(struct rv_hart *h, enum rv_priv from, uint64_t cause)
{
    bool interrupt = cause & CAUSE_INTERRUPT;
    if (unlikely(h->triggers & RV_TRIGGER_TRAP) &&
        rv_trigger_trap_slow(h, from, interrupt, (unsigned)(cause & ~CAUSE_INTERRUPT)))
        take_exception(h);
}

void rv_trap_take(struct rv_hart *h)
{
    enum rv_priv from = (enum rv_priv)h->priv;
    uint64_t cause = h->trap.cause;
    take_exception(h);
    trap_taken(h, from, cause);
}

/* --- interrupts --- */

uint64_t rv_mip(const struct rv_hart *h)
{
    uint64_t soft = h->csr.mip_soft;
    if (h->csr.menvcfg & ENVCFG_STCE) /* STIP then follows stimecmp alone */
        soft &= ~MIP_STIP;
    return (hart_irqs(&h->hart) & ~RV_IRQ_RNMI) | soft;
}

static bool rnmi_pending(const struct rv_hart *h)
{
    return hart_irqs(&h->hart) & RV_IRQ_RNMI;
}

/* NMIE is a global enable: it has no say in this. */
bool rv_interrupt_pending(const struct rv_hart *h)
{
    return rv_mip(h) & h->csr.mie || rnmi_pending(h);
}

/* Of those in set (not 0), the first in MEI, MSI, MTI, SEI, SSI, STI, LCOFI. */
static unsigned highest_priority(uint64_t set)
{
    static const uint8_t order[] = {11, 3, 7, 9, 1, 5, 13};
    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        if (bit_test(set, order[i]))
            return order[i];
    return (unsigned)__builtin_ctzll(set);
}

/* What of the pending set may trap to M, or S, now.  M comes first. */
static uint64_t takable(const struct rv_hart *h, uint64_t pending, enum rv_priv to)
{
    uint64_t enable = to == PRIV_M ? MSTATUS_MIE : MSTATUS_SIE;
    if (h->priv > to || (h->priv == to && !(h->csr.mstatus & enable)))
        return 0;
    return to == PRIV_M ? pending & ~h->csr.mideleg : pending & h->csr.mideleg;
}

/* "RNMI causes are not supported": zero in the code. */
static bool rnmi_take(struct rv_hart *h)
{
    hart_irq_lower(&h->hart, RV_IRQ_RNMI);
    h->stats.interrupts++;
    enter_rnmi(h, CAUSE_INTERRUPT);
    return true;
}

bool rv_interrupt_take(struct rv_hart *h)
{
    uint64_t pending = rv_mip(h) & h->csr.mie;
    if (unlikely(rnmi_pending(h)) && h->csr.mnstatus & MNSTATUS_NMIE)
        return rnmi_take(h);
    if (!pending || !(h->csr.mnstatus & MNSTATUS_NMIE))
        return false;
    enum rv_priv to = PRIV_M;
    uint64_t set = takable(h, pending, PRIV_M);
    if (!set) {
        to = PRIV_S;
        set = takable(h, pending, PRIV_S);
    }
    if (!set)
        return false;
    enum rv_priv from = (enum rv_priv)h->priv;
    uint64_t cause = CAUSE_INTERRUPT | highest_priority(set);
    h->stats.interrupts++;
    trap_enter(h, to, cause, 0);
    trap_taken(h, from, cause);
    return true;
}

/* --- returns --- */

static bool illegal(struct rv_hart *h, uint32_t raw)
{
    rv_raise(h, CAUSE_ILLEGAL, raw);
    return false;
}

/* After a return: privilege and enables changed.  Going to U, S takes traps again. */
static void returned(struct rv_hart *h, enum rv_priv to)
{
    if (to == PRIV_U)
        h->csr.mstatus &= ~MSTATUS_SDT;
    if (to != PRIV_M)
        h->csr.mstatus &= ~MSTATUS_MPRV;
    h->priv = (uint8_t)to;
    rv_hpm_privilege(h, 1);
    h->attention |= RV_ATTEND_MMU | RV_ATTEND_IRQ;
}

bool rv_mret(struct rv_hart *h, uint64_t *pc)
{
    struct rv_csrs *c = &h->csr;
    if (h->priv < PRIV_M)
        return illegal(h, RAW_MRET);
    enum rv_priv to = (enum rv_priv)bits_get(c->mstatus, 12, 11);
    c->mstatus = stack_enable(c->mstatus, MSTATUS_MPIE, MSTATUS_MIE) | MSTATUS_MPIE;
    c->mstatus &= ~(MSTATUS_MPP | MSTATUS_MDT);
    *pc = c->mepc;
    returned(h, to);
    return true;
}

bool rv_sret(struct rv_hart *h, uint64_t *pc)
{
    struct rv_csrs *c = &h->csr;
    if (h->priv < PRIV_S || (h->priv == PRIV_S && c->mstatus & MSTATUS_TSR))
        return illegal(h, RAW_SRET);
    enum rv_priv to = c->mstatus & MSTATUS_SPP ? PRIV_S : PRIV_U;
    c->mstatus = stack_enable(c->mstatus, MSTATUS_SPIE, MSTATUS_SIE) | MSTATUS_SPIE;
    c->mstatus &= ~(MSTATUS_SPP | MSTATUS_SDT);
    if (h->priv == PRIV_M)
        c->mstatus &= ~MSTATUS_MDT;
    *pc = c->sepc;
    returned(h, to);
    return true;
}

bool rv_mnret(struct rv_hart *h, uint64_t *pc)
{
    struct rv_csrs *c = &h->csr;
    if (h->priv < PRIV_M)
        return illegal(h, RAW_MNRET);
    enum rv_priv to = (enum rv_priv)bits_get(c->mnstatus, 12, 11);
    c->mnstatus |= MNSTATUS_NMIE;
    if (to != PRIV_M)
        c->mstatus &= ~MSTATUS_MDT;
    *pc = c->mnepc;
    returned(h, to);
    return true;
}

/* In U the bounded time that the manual allows (mstatus, TW) is none. */
bool rv_wfi(struct rv_hart *h)
{
    if (h->priv == PRIV_U || (h->priv == PRIV_S && h->csr.mstatus & MSTATUS_TW))
        return illegal(h, RAW_WFI);
    h->attention |= RV_ATTEND_WFI;
    return true;
}

/* --- translation fences --- */

bool rv_sfence_vma(struct rv_hart *h, bool by_va, gva_t va, bool by_asid, uint64_t asid)
{
    if (h->priv == PRIV_U || (h->priv == PRIV_S && h->csr.mstatus & MSTATUS_TVM))
        return illegal(h, 0);
    struct tlb *t = &h->hart.tlb;
    uint64_t fetch = t->fetch_epoch;
    bool contexts = true; /* have to be found anew */
    if (by_va)
        contexts = tlb_flush_page(t, va); /* of all address spaces: more than asked is allowed */
    else if (by_asid)
        tlb_flush_asid(t, (uint16_t)asid);
    else
        tlb_flush_all(t);
    if (contexts || t->fetch_epoch != fetch)
        h->attention |= RV_ATTEND_MMU;
    return true;
}

bool rv_sfence_order(struct rv_hart *h)
{
    return h->priv == PRIV_U ? illegal(h, 0) : true;
}

/* --- reset --- */

static void reset_csrs(struct rv_hart *h)
{
    struct rv_csrs *c = &h->csr;
    memset(c, 0, sizeof(*c));
    c->stimecmp = UINT64_MAX;
    if (rv_has(h, RV_EXT_Smdbltrp))
        c->mstatus = MSTATUS_MDT;
    if (!rv_has(h, RV_EXT_Smrnmi))
        c->mnstatus = MNSTATUS_NMIE;
    rv_pmp_update(h);
    rv_trigger_reset(h);
}

void rv_reset(struct rv_hart *h)
{
    memset(h->x, 0, sizeof(h->x));
    memset(h->f, 0, sizeof(h->f));
    reset_csrs(h);
    memset(&h->sbi, 0, sizeof(h->sbi));
    h->entropy = (struct rv_entropy){0};
    rv_fp_flags_set(h, 0);
    rv_fp_rm_set(h, 0);
    h->pc = 0;
    h->priv = PRIV_M;
    rv_hpm_reset(h);
    h->trap = (struct rv_trap){0};
    h->attention = RV_ATTEND_MMU | RV_ATTEND_IRQ;
    hart_irq_lower(&h->hart, 1ull << 1 | RV_IRQ_RNMI); /* the other inputs are their sources' */
    rv_timer_update(h);
    rv_reservation_drop(h);
    tlb_flush_all(&h->hart.tlb);
}
