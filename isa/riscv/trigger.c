/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triggers (RISC-V Debug Specification 1.0, Sdtrig): breakpoints and watchpoints
 * that a hart's own software sets (action 0, a breakpoint exception), instruction
 * counts, and triggers on traps.  Called by csr.c, by the slow ways of memory
 * accesses, by the interpreter's entry and by the run loop, on the hart's thread.
 *
 * Nothing of this is asked for on fast paths.  A 4 KiB page in which a trigger
 * could match is not entered in the TLB: loads and stores then come the slow way,
 * and code is executed one instruction at a time, each from the interpreter's
 * entry; the exact question is put there.  Whether it could match depends on
 * tdata1 and tdata2 alone, not on privilege, enables or contexts; so writing
 * those two flushes the TLB, and nothing else has to.  While an icount trigger
 * counts in the present mode, the run loop steps.
 *
 * Reentrancy: the first of the specification's two solutions (Sdtrig, "Native
 * Triggers").  In M nothing fires while mstatus.MIE is 0, in S while sstatus.SIE
 * is 0 and breakpoints are delegated.  The second, tcontrol, would tie
 * medeleg[3] to zero.  A handler of RNMIs (NMIE = 0) counts as MIE = 0.
 */
#include "isa/riscv/rv.h"

enum {
    TYPE_ICOUNT = 3,
    TYPE_ITRIGGER = 4,
    TYPE_ETRIGGER = 5,
    TYPE_MCONTROL6 = 6,
    TYPE_DISABLED = 15,
};

/* tdata1 as mcontrol6. */
#define MC6_LOAD    (1ull << 0)
#define MC6_STORE   (1ull << 1)
#define MC6_EXECUTE (1ull << 2)
#define MC6_U       (1ull << 3)
#define MC6_S       (1ull << 4)
#define MC6_M       (1ull << 6)
#define MC6_MATCH   (15ull << 7)
#define MC6_ACTION  (15ull << 12)
#define MC6_SIZE    (7ull << 16)
#define MC6_SELECT  (1ull << 21)
#define MC6_HIT0    (1ull << 22)
#define MC6_HIT1    (1ull << 25)

/* tdata1 as icount, itrigger, etrigger: the modes are at the same place. */
#define CNT_ACTION   (63ull << 0)
#define CNT_U        (1ull << 6)
#define CNT_S        (1ull << 7)
#define CNT_M        (1ull << 9)
#define ICOUNT_PEND  (1ull << 8)
#define ICOUNT_COUNT (0x3fffull << 10)
#define ICOUNT_ONE   (1ull << 10)
#define ICOUNT_HIT   (1ull << 24)
#define TRAP_HIT     (1ull << 58)

/* tdata3 as textra64. */
#define TX_SSELECT  (3ull << 0)
#define TX_SVALUE   (0xffffffffull << 2)
#define TX_SBYTES   (15ull << 36)
#define TX_MHSELECT (7ull << 48)
#define TX_MHVALUE  (0x1fffull << 51)

enum { MATCH_EQUAL, MATCH_NAPOT, MATCH_GE, MATCH_LT, MATCH_MASK_LOW, MATCH_MASK_HIGH };
#define MATCH_NOT 8u

/* CSR numbers. */
enum {
    CSR_SCONTEXT = 0x5a8,
    CSR_TSELECT = 0x7a0,
    CSR_TDATA1,
    CSR_TDATA2,
    CSR_TDATA3,
    CSR_TINFO,
    CSR_MCONTEXT = 0x7a8,
};

#define TINFO                                                                                      \
    (1ull << 24 | 1ull << TYPE_ICOUNT | 1ull << TYPE_ITRIGGER | 1ull << TYPE_ETRIGGER |            \
     1ull << TYPE_MCONTROL6 | 1ull << TYPE_DISABLED)
#define DISABLED ((uint64_t)TYPE_DISABLED << 60)

static unsigned type_of(const struct rv_trigger *t)
{
    return (unsigned)(t->tdata1 >> 60);
}

static unsigned match_of(const struct rv_trigger *t)
{
    return (unsigned)bits_get(t->tdata1, 10, 7);
}

/* --- what a trigger concerns --- */

static uint8_t uses_of(const struct rv_trigger *t)
{
    uint64_t d = t->tdata1;
    switch (type_of(t)) {
    case TYPE_MCONTROL6:
        if (!(d & (MC6_M | MC6_S | MC6_U)))
            return 0;
        return (uint8_t)((d & MC6_EXECUTE ? RV_TRIGGER_EXECUTE : 0) |
                         (d & (MC6_LOAD | MC6_STORE) ? RV_TRIGGER_DATA : 0));
    case TYPE_ICOUNT:
        return d & (CNT_M | CNT_S | CNT_U) && d & (ICOUNT_COUNT | ICOUNT_PEND) ? RV_TRIGGER_COUNT
                                                                               : 0;
    case TYPE_ITRIGGER:
    case TYPE_ETRIGGER:
        return d & (CNT_M | CNT_S | CNT_U) ? RV_TRIGGER_TRAP : 0;
    default:
        return 0;
    }
}

static void update_uses(struct rv_hart *h)
{
    h->triggers = 0;
    for (unsigned i = 0; i < RV_TRIGGERS; i++)
        h->triggers |= uses_of(&h->csr.trigger[i]);
}

/* --- whether it may fire now --- */

/* In the handler of a breakpoint, its state would be overwritten. */
static bool reentrant(const struct rv_hart *h)
{
    const struct rv_csrs *c = &h->csr;
    switch ((enum rv_priv)h->priv) {
    case PRIV_M:
        return c->mstatus & MSTATUS_MIE && c->mnstatus & MNSTATUS_NMIE;
    case PRIV_S:
        return c->mstatus & MSTATUS_SIE || !bit_test(c->medeleg, CAUSE_BREAKPOINT);
    case PRIV_U:
        break;
    }
    return true;
}

static bool mode_enabled(const struct rv_trigger *t, enum rv_priv priv)
{
    static const uint64_t mc6[] = {MC6_U, MC6_S, 0, MC6_M}, others[] = {CNT_U, CNT_S, 0, CNT_M};
    return t->tdata1 & (type_of(t) == TYPE_MCONTROL6 ? mc6 : others)[priv];
}

/* The bits of scontext that the byte mask leaves in the comparison. */
static uint32_t scontext_mask(uint64_t tdata3)
{
    uint32_t ignored = 0;
    for (unsigned i = 0; i < 4; i++)
        ignored |= bit_test(tdata3, 36 + i) ? 0xffu << (8 * i) : 0;
    return ~ignored;
}

static bool context_matches(const struct rv_hart *h, const struct rv_trigger *t)
{
    uint64_t d = t->tdata3, svalue = bits_get(d, 33, 2);
    if (d & TX_MHSELECT && h->csr.mcontext != bits_get(d, 63, 51))
        return false;
    switch (d & TX_SSELECT) {
    case 1:
        return !((h->csr.scontext ^ svalue) & scontext_mask(d));
    case 2:
        return bits_get(h->csr.satp, 59, 44) == (svalue & 0xffff);
    default:
        return true;
    }
}

static bool enabled(const struct rv_hart *h, const struct rv_trigger *t, enum rv_priv from)
{
    return mode_enabled(t, from) && context_matches(h, t);
}

/* --- addresses --- */

/* Bits below and with the least significant 0 of tdata2 do not take part in a NAPOT match. */
static unsigned napot_bits(uint64_t tdata2)
{
    return (unsigned)__builtin_ctzll(~tdata2) + 1;
}

static bool compare(const struct rv_trigger *t, gva_t va)
{
    uint64_t v = t->tdata2;
    switch (match_of(t) & ~MATCH_NOT) {
    case MATCH_EQUAL:
        return va == v;
    case MATCH_NAPOT:
        return !((va ^ v) >> napot_bits(v));
    case MATCH_GE:
        return va >= v;
    case MATCH_LT:
        return va < v;
    case MATCH_MASK_LOW:
        return (uint32_t)(va & v >> 32) == (uint32_t)v;
    default: /* MATCH_MASK_HIGH */
        return (uint32_t)(va >> 32 & v >> 32) == (uint32_t)v;
    }
}

/* Each byte of the access is a compare value.  *hit: the first that matches. */
static bool matches(const struct rv_trigger *t, gva_t va, unsigned size, gva_t *hit)
{
    bool any = false;
    *hit = va;
    for (unsigned i = 0; i < size && !any; i++)
        if (compare(t, va + i)) {
            any = true;
            *hit = va + i;
        }
    return match_of(t) & MATCH_NOT ? !any : any;
}

/* Whether an address of the 4 KiB page could match; rather once too often. */
static bool page_could_match(const struct rv_trigger *t, gva_t first)
{
    gva_t last = first | ~PAGE_MASK;
    uint64_t v = t->tdata2, range;
    switch (match_of(t)) {
    case MATCH_EQUAL:
        return first <= v && v <= last;
    case MATCH_NAPOT:
        range = (2ull << (napot_bits(v) - 1)) - 1;
        return (v & ~range) <= last && first <= (v | range);
    case MATCH_GE:
        return last >= v;
    case MATCH_LT:
        return first < v;
    default:
        return true;
    }
}

bool rv_trigger_page_slow(const struct rv_hart *h, gva_t va, uint8_t use)
{
    for (unsigned i = 0; i < RV_TRIGGERS; i++) {
        const struct rv_trigger *t = &h->csr.trigger[i];
        if (uses_of(t) & use && page_could_match(t, va & PAGE_MASK))
            return true;
    }
    return false;
}

/* --- firing --- */

/* hit = 1: before the instruction. */
static void set_hit(struct rv_trigger *t)
{
    t->tdata1 = (t->tdata1 & ~MC6_HIT1) | MC6_HIT0;
}

static bool size_matches(const struct rv_trigger *t, unsigned size)
{
    static const uint8_t bytes[] = {0, 1, 2, 4, 0, 8, 16, 0};
    unsigned wanted = bytes[bits_get(t->tdata1, 18, 16)];
    return !wanted || wanted == size;
}

/*
 * Puts the question to all mcontrol6 triggers that have one of the kinds.  All that match have
 * fired; tval is the first one's.
 */
static bool fire_matching(struct rv_hart *h, gva_t va, unsigned size, uint64_t kinds)
{
    bool fired = false;
    if (!reentrant(h))
        return false;
    for (unsigned i = 0; i < RV_TRIGGERS; i++) {
        struct rv_trigger *t = &h->csr.trigger[i];
        gva_t hit;
        if (type_of(t) != TYPE_MCONTROL6 || !(t->tdata1 & kinds) ||
            !enabled(h, t, (enum rv_priv)h->priv) || !size_matches(t, size) ||
            !matches(t, va, size, &hit))
            continue;
        set_hit(t);
        if (!fired)
            rv_raise(h, CAUSE_BREAKPOINT, hit);
        fired = true;
    }
    return fired;
}

bool rv_trigger_access_slow(struct rv_hart *h, gva_t va, unsigned size, uint8_t kinds)
{
    uint64_t wanted =
        (kinds & RV_TRIGGER_LOAD ? MC6_LOAD : 0) | (kinds & RV_TRIGGER_STORE ? MC6_STORE : 0);
    return fire_matching(h, va, size, wanted);
}

/* An instruction has one compare value, its address, and legal1 leaves no size. */
bool rv_trigger_execute_slow(struct rv_hart *h)
{
    return fire_matching(h, h->pc, 1, MC6_EXECUTE);
}

/* --- instruction counts --- */

bool rv_trigger_count_due(struct rv_hart *h)
{
    bool due = false;
    if (!reentrant(h))
        return false;
    for (unsigned i = 0; i < RV_TRIGGERS; i++) {
        struct rv_trigger *t = &h->csr.trigger[i];
        if (type_of(t) != TYPE_ICOUNT || !(t->tdata1 & ICOUNT_PEND) ||
            !enabled(h, t, (enum rv_priv)h->priv))
            continue;
        t->tdata1 = (t->tdata1 & ~ICOUNT_PEND) | ICOUNT_HIT;
        due = true;
    }
    if (due) {
        update_uses(h);
        rv_raise(h, CAUSE_BREAKPOINT, 0);
    }
    return due;
}

unsigned rv_trigger_counting(struct rv_hart *h)
{
    unsigned set = 0;
    h->triggers_written = 0;
    if (!reentrant(h))
        return 0;
    for (unsigned i = 0; i < RV_TRIGGERS; i++) {
        const struct rv_trigger *t = &h->csr.trigger[i];
        if (type_of(t) == TYPE_ICOUNT && t->tdata1 & ICOUNT_COUNT &&
            enabled(h, t, (enum rv_priv)h->priv))
            set |= 1u << i;
    }
    return set;
}

/* What was written meanwhile keeps the count that was written. */
void rv_trigger_counted(struct rv_hart *h, unsigned set)
{
    for (unsigned i = 0; i < RV_TRIGGERS; i++) {
        struct rv_trigger *t = &h->csr.trigger[i];
        if (!bit_test(set, i) || bit_test(h->triggers_written, i))
            continue;
        t->tdata1 -= ICOUNT_ONE;
        if (!(t->tdata1 & ICOUNT_COUNT))
            t->tdata1 |= ICOUNT_PEND;
    }
    update_uses(h);
}

/* --- traps --- */

/* It fires before the handler's first instruction, if breakpoints may come there. */
bool rv_trigger_trap_slow(struct rv_hart *h, enum rv_priv from, bool interrupt, unsigned code)
{
    bool fired = false;
    if (!reentrant(h) || code > 63)
        return false;
    for (unsigned i = 0; i < RV_TRIGGERS; i++) {
        struct rv_trigger *t = &h->csr.trigger[i];
        if (type_of(t) != (interrupt ? TYPE_ITRIGGER : TYPE_ETRIGGER) ||
            !bit_test(t->tdata2, code) || !enabled(h, t, from))
            continue;
        t->tdata1 |= TRAP_HIT;
        fired = true;
    }
    if (fired)
        rv_raise(h, CAUSE_BREAKPOINT, 0);
    return fired;
}

/* --- registers --- */

static bool match_legal(unsigned match, uint64_t tdata2)
{
    static const uint16_t known = 0x3f | 3 << 8 | 3 << 12;
    bool napot = (match & ~MATCH_NOT) == MATCH_NAPOT;
    return bit_test(known, match) && !(napot && (tdata2 << 1) + 2 == 0);
}

/* A data match or another action would be something else without it: such a trigger is off. */
static uint64_t mcontrol6_legal(const struct rv_trigger *t, uint64_t value)
{
    uint64_t keep = MC6_LOAD | MC6_STORE | MC6_EXECUTE | MC6_U | MC6_S | MC6_M | MC6_HIT0 |
                    MC6_HIT1 | MC6_MATCH | MC6_SIZE;
    unsigned size = (unsigned)bits_get(value, 18, 16);
    if (value & (MC6_SELECT | MC6_ACTION))
        return DISABLED;
    if (!match_legal((unsigned)bits_get(value, 10, 7), t->tdata2))
        keep &= ~MC6_MATCH;
    if (size == 4 || size == 7 || value & MC6_EXECUTE)
        keep &= ~MC6_SIZE;
    return (uint64_t)TYPE_MCONTROL6 << 60 | (value & keep);
}

static uint64_t legal1(const struct rv_trigger *t, uint64_t value)
{
    const uint64_t modes = CNT_M | CNT_S | CNT_U;
    switch (value >> 60) {
    case TYPE_MCONTROL6:
        return mcontrol6_legal(t, value);
    case TYPE_ICOUNT:
        if (value & CNT_ACTION)
            return DISABLED;
        return (uint64_t)TYPE_ICOUNT << 60 |
               (value & (modes | ICOUNT_COUNT | ICOUNT_PEND | ICOUNT_HIT));
    case TYPE_ITRIGGER:
    case TYPE_ETRIGGER:
        if (value & CNT_ACTION)
            return DISABLED;
        return value & (15ull << 60 | modes | TRAP_HIT);
    default:
        return DISABLED;
    }
}

/* "If bits maskmax6-1:0 are written with all ones then bit maskmax6-1 will be set to 0": 63. */
static uint64_t legal2(const struct rv_trigger *t, uint64_t value)
{
    bool napot = type_of(t) == TYPE_MCONTROL6 && (match_of(t) & ~MATCH_NOT) == MATCH_NAPOT;
    return napot && (value << 1) + 2 == 0 ? value & ~(1ull << 62) : value;
}

static uint64_t legal3(uint64_t value)
{
    uint64_t keep = TX_SVALUE | TX_SBYTES | TX_MHVALUE;
    if ((value & TX_SSELECT) != 3)
        keep |= TX_SSELECT;
    if (bits_get(value, 50, 48) == 4)
        keep |= TX_MHSELECT;
    return value & keep;
}

uint64_t rv_trigger_get(const struct rv_hart *h, unsigned csr)
{
    const struct rv_trigger *t = &h->csr.trigger[h->csr.tselect];
    switch (csr) {
    case CSR_TSELECT:
        return h->csr.tselect;
    case CSR_TDATA1:
        return t->tdata1;
    case CSR_TDATA2:
        return t->tdata2;
    case CSR_TDATA3:
        return t->tdata3;
    case CSR_SCONTEXT:
        return h->csr.scontext;
    case CSR_MCONTEXT:
        return h->csr.mcontext;
    default: /* CSR_TINFO */
        return TINFO;
    }
}

/* tdata1 or tdata2 changed: what the TLB holds was entered for those of before. */
static void changed(struct rv_hart *h, uint8_t before)
{
    uint8_t after = uses_of(&h->csr.trigger[h->csr.tselect]);
    h->triggers_written |= (uint8_t)(1u << h->csr.tselect);
    update_uses(h);
    h->attention |= RV_ATTEND_IRQ; /* to the run loop, which may have to step from now on */
    if ((before | after) & (RV_TRIGGER_EXECUTE | RV_TRIGGER_DATA)) {
        tlb_flush_all(&h->hart.tlb);
        h->attention |= RV_ATTEND_MMU;
    }
}

void rv_trigger_set(struct rv_hart *h, unsigned csr, uint64_t value)
{
    struct rv_trigger *t = &h->csr.trigger[h->csr.tselect];
    uint8_t before = uses_of(t);
    switch (csr) {
    case CSR_TSELECT:
        if (value < RV_TRIGGERS)
            h->csr.tselect = value;
        break;
    case CSR_TDATA1:
        t->tdata1 = legal1(t, value);
        changed(h, before);
        break;
    case CSR_TDATA2:
        t->tdata2 = legal2(t, value);
        changed(h, before);
        break;
    case CSR_TDATA3:
        t->tdata3 = legal3(value);
        h->attention |= RV_ATTEND_IRQ;
        break;
    case CSR_SCONTEXT:
        h->csr.scontext = (uint32_t)value;
        h->attention |= RV_ATTEND_IRQ;
        break;
    case CSR_MCONTEXT:
        h->csr.mcontext = value & 0x1fff;
        h->attention |= RV_ATTEND_IRQ;
        break;
    }
}

void rv_trigger_reset(struct rv_hart *h)
{
    for (unsigned i = 0; i < RV_TRIGGERS; i++)
        h->csr.trigger[i] = (struct rv_trigger){.tdata1 = DISABLED};
    h->triggers = h->triggers_written = 0;
}
