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

#define CAUSE_INTERRUPT (1ull << 63)

#define MIP_STIP (1ull << 5)

/* Encodings, for tval. */
#define RAW_SRET 0x10200073u
#define RAW_MRET 0x30200073u
#define RAW_WFI  0x10500073u

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

static void enter_m(struct rv_hart *h, uint64_t cause, uint64_t tval)
{
    struct rv_csrs *c = &h->csr;
    c->mepc = h->pc;
    c->mcause = cause;
    c->mtval = tval;
    c->mstatus = stack_enable(c->mstatus, MSTATUS_MIE, MSTATUS_MPIE);
    c->mstatus = (c->mstatus & ~MSTATUS_MPP) | (uint64_t)h->priv << 11;
    h->pc = vector_pc(c->mtvec, cause);
}

static void enter_s(struct rv_hart *h, uint64_t cause, uint64_t tval)
{
    struct rv_csrs *c = &h->csr;
    c->sepc = h->pc;
    c->scause = cause;
    c->stval = tval;
    c->mstatus = stack_enable(c->mstatus, MSTATUS_SIE, MSTATUS_SPIE);
    c->mstatus = h->priv == PRIV_S ? c->mstatus | MSTATUS_SPP : c->mstatus & ~MSTATUS_SPP;
    h->pc = vector_pc(c->stvec, cause);
}

static void trap_enter(struct rv_hart *h, enum rv_priv to, uint64_t cause, uint64_t tval)
{
    enum rv_priv from = h->priv;
    if (to == PRIV_M)
        enter_m(h, cause, tval);
    else
        enter_s(h, cause, tval);
    h->priv = (uint8_t)to;
    /* With MPRV set, a new MPP changes how data is translated. */
    if (from != to || h->csr.mstatus & MSTATUS_MPRV)
        h->attention |= RV_ATTEND_MMU;
}

void rv_trap_take(struct rv_hart *h)
{
    struct rv_trap trap = h->trap;
    h->trap.pending = false;
    h->stats.traps++;
    bool delegated = h->priv <= PRIV_S && bit_test(h->csr.medeleg, trap.cause & 63);
    trap_enter(h, delegated ? PRIV_S : PRIV_M, trap.cause, trap.tval);
}

/* --- interrupts --- */

uint64_t rv_mip(const struct rv_hart *h)
{
    uint64_t soft = h->csr.mip_soft;
    if (h->csr.menvcfg & ENVCFG_STCE) /* STIP then follows stimecmp alone */
        soft &= ~MIP_STIP;
    return hart_irqs(&h->hart) | soft;
}

bool rv_interrupt_pending(const struct rv_hart *h)
{
    return rv_mip(h) & h->csr.mie;
}

/* Of those in set (not 0), the first in MEI, MSI, MTI, SEI, SSI, STI. */
static unsigned highest_priority(uint64_t set)
{
    static const uint8_t order[] = {11, 3, 7, 9, 1, 5};
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

bool rv_interrupt_take(struct rv_hart *h)
{
    uint64_t pending = rv_mip(h) & h->csr.mie;
    if (!pending)
        return false;
    enum rv_priv to = PRIV_M;
    uint64_t set = takable(h, pending, PRIV_M);
    if (!set) {
        to = PRIV_S;
        set = takable(h, pending, PRIV_S);
    }
    if (!set)
        return false;
    h->stats.interrupts++;
    trap_enter(h, to, CAUSE_INTERRUPT | highest_priority(set), 0);
    return true;
}

/* --- returns --- */

static bool illegal(struct rv_hart *h, uint32_t raw)
{
    rv_raise(h, CAUSE_ILLEGAL, raw);
    return false;
}

/* After a return: privilege and enables changed. */
static void returned(struct rv_hart *h, enum rv_priv to)
{
    if (to != PRIV_M)
        h->csr.mstatus &= ~MSTATUS_MPRV;
    h->priv = (uint8_t)to;
    h->attention |= RV_ATTEND_MMU | RV_ATTEND_IRQ;
}

bool rv_mret(struct rv_hart *h, uint64_t *pc)
{
    struct rv_csrs *c = &h->csr;
    if (h->priv < PRIV_M)
        return illegal(h, RAW_MRET);
    enum rv_priv to = (enum rv_priv)bits_get(c->mstatus, 12, 11);
    c->mstatus = stack_enable(c->mstatus, MSTATUS_MPIE, MSTATUS_MIE) | MSTATUS_MPIE;
    c->mstatus &= ~MSTATUS_MPP;
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
    c->mstatus &= ~MSTATUS_SPP;
    *pc = c->sepc;
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
    if (by_va)
        tlb_flush_page(t, va); /* of all address spaces: more than asked is allowed */
    else if (by_asid)
        tlb_flush_asid(t, (uint16_t)asid);
    else
        tlb_flush_all(t);
    h->attention |= RV_ATTEND_MMU;
    return true;
}

bool rv_sfence_order(struct rv_hart *h)
{
    return h->priv == PRIV_U ? illegal(h, 0) : true;
}

/* --- reset --- */

/* The counters start at zero though h->insns goes on (it is the hart's statistic and limit). */
static void reset_csrs(struct rv_hart *h)
{
    struct rv_csrs *c = &h->csr;
    memset(c, 0, sizeof(*c));
    c->stimecmp = UINT64_MAX;
    c->instret_base = c->cycle_base = -h->insns;
    rv_pmp_update(h);
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
    h->trap = (struct rv_trap){0};
    h->attention = RV_ATTEND_MMU | RV_ATTEND_IRQ;
    hart_irq_lower(&h->hart, 1ull << 1); /* SSIP; the other inputs are their sources' */
    rv_timer_update(h);
    reservation_drop(h->guest->env->pm, &h->hart.reservation);
    tlb_flush_all(&h->hart.tlb);
}
