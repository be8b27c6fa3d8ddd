/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory protection (Privileged, "Physical Memory Protection" and
 * Smepmp): 16 entries of 4-byte granularity.  Asked once per TLB miss and per
 * page-table access, on the hart's thread.
 *
 * The registers are turned into address ranges when they are written (rare), so
 * that a check compares ranges only, and two answers that cover nearly every
 * machine are kept ready: nothing limits M, and one entry opens all to S and U.
 */
#include "isa/riscv/rv.h"

#define CFG_R       0x01
#define CFG_W       0x02
#define CFG_X       0x04
#define CFG_RW      0x03
#define CFG_RX      0x05
#define CFG_WX      0x06
#define CFG_RWX     0x07
#define CFG_A_SHIFT 3
#define CFG_L       0x80
#define CFG_LEGAL   (CFG_L | 3 << CFG_A_SHIFT | CFG_RWX)

enum { PMP_OFF, PMP_TOR, PMP_NA4, PMP_NAPOT };

#define PMPADDR_MASK ((1ull << 54) - 1) /* address bits 55:2 */
#define PMP_LAST     ((1ull << 56) - 1) /* last byte that an entry can name */

static unsigned cfg_mode(uint8_t cfg)
{
    return bits_get(cfg, 4, 3);
}

/* --- permissions of an entry --- */

/*
 * Smepmp, "Truth table when mseccfg.MML is set": what LRWX allows M, and S and U.  Columns are RWX
 * as the register has them: bit 0 R, bit 1 W, bit 2 X.
 */
static uint8_t mml_permissions(uint8_t cfg, bool m)
{
    static const uint8_t table[2][8][2] = {
        /* S-U-only, and what is shared without L; the last of each: {S and U, M} */
        {{0, 0},
         {CFG_R, 0},
         {CFG_R, CFG_RW}, /* W: data that M shares */
         {CFG_RW, 0},
         {CFG_X, 0},
         {CFG_RX, 0},
         {CFG_RW, CFG_RW}, /* WX: data that both may write */
         {CFG_RWX, 0}},
        /* M-only, and what is shared and locked */
        {{0, 0},
         {0, CFG_R},
         {CFG_X, CFG_X}, /* W: code that both execute */
         {0, CFG_RW},
         {0, CFG_X},
         {0, CFG_RX},
         {CFG_X, CFG_RX}, /* WX: the same, which M may read */
         {CFG_R, CFG_R}}, /* RWX: data that nobody writes */
    };
    return table[!!(cfg & CFG_L)][cfg & CFG_RWX][m];
}

/* What the entry allows: CFG_R, CFG_W, CFG_X. */
static uint8_t cfg_permissions(const struct rv_csrs *c, uint8_t cfg, enum rv_priv priv)
{
    if (c->mseccfg & MSECCFG_MML)
        return mml_permissions(cfg, priv == PRIV_M);
    return priv == PRIV_M && !(cfg & CFG_L) ? CFG_RWX : cfg & CFG_RWX;
}

/* What is allowed where no entry matches.  Smepmp: MMWP denies M all, MML denies it code. */
static uint8_t default_permissions(const struct rv_csrs *c, enum rv_priv priv)
{
    if (priv != PRIV_M || c->mseccfg & MSECCFG_MMWP)
        return 0;
    return c->mseccfg & MSECCFG_MML ? CFG_RW : CFG_RWX;
}

/* --- ranges --- */

/* Bottom of a TOR entry: the address register before it, whatever that entry's mode is. */
static struct rv_pmp_range range_tor(const struct rv_csrs *c, unsigned i)
{
    gpa_t bottom = i ? c->pmpaddr[i - 1] << 2 : 0, top = c->pmpaddr[i] << 2;
    if (bottom >= top)
        return (struct rv_pmp_range){1, 0};
    return (struct rv_pmp_range){bottom, top - 1};
}

/* The number of trailing ones gives the size: none 8 bytes, one 16, ... */
static struct rv_pmp_range range_napot(uint64_t addr)
{
    uint64_t ones = addr ^ (addr + 1); /* the trailing ones and the zero above them */
    if (ones > PMPADDR_MASK)
        return (struct rv_pmp_range){0, UINT64_MAX};
    gpa_t first = (addr & ~ones) << 2;
    return (struct rv_pmp_range){first, first + (ones << 2 | 3)};
}

/* The bytes of entry i; first > last if it matches none. */
static struct rv_pmp_range pmp_range(const struct rv_csrs *c, unsigned i)
{
    switch (cfg_mode(c->pmpcfg[i])) {
    case PMP_TOR:
        return range_tor(c, i);
    case PMP_NA4:
        return (struct rv_pmp_range){c->pmpaddr[i] << 2, c->pmpaddr[i] << 2 | 3};
    case PMP_NAPOT:
        return range_napot(c->pmpaddr[i]);
    }
    return (struct rv_pmp_range){1, 0};
}

static bool range_is_empty(struct rv_pmp_range r)
{
    return r.first > r.last;
}

static bool range_is_pages(struct rv_pmp_range r)
{
    return !(r.first & ~PAGE_MASK) && !((r.last + 1) & ~PAGE_MASK);
}

void rv_pmp_update(struct rv_hart *h)
{
    struct rv_csrs *c = &h->csr;
    bool m_open = !(c->mseccfg & (MSECCFG_MML | MSECCFG_MMWP)), su_open = false;
    c->pmp_count = 0;
    for (unsigned i = 0; i < RV_PMP_ENTRIES; i++) {
        struct rv_pmp_range r = pmp_range(c, i);
        c->pmp_range[i] = r;
        if (range_is_empty(r))
            continue;
        if (!c->pmp_count)
            su_open = cfg_permissions(c, c->pmpcfg[i], PRIV_S) == CFG_RWX && !r.first &&
                      r.last >= PMP_LAST;
        if (c->pmpcfg[i] & CFG_L || !range_is_pages(r))
            m_open = false;
        c->pmp_count = (uint8_t)(i + 1);
    }
    c->pmp_m_open = m_open;
    c->pmp_su_open = su_open;
}

/* --- registers --- */

/* What a write changes is seen by the next access: no fence is waited for. */
static void pmp_changed(struct rv_hart *h)
{
    rv_pmp_update(h);
    tlb_flush_all(&h->hart.tlb);
    h->attention |= RV_ATTEND_MMU;
}

uint64_t rv_pmp_cfg_read(const struct rv_hart *h, unsigned first)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v |= (uint64_t)h->csr.pmpcfg[(first + i) % RV_PMP_ENTRIES] << 8 * i;
    return v;
}

/* Smepmp: RLB lifts the lock. */
static bool cfg_is_locked(const struct rv_csrs *c, unsigned i)
{
    return c->pmpcfg[i] & CFG_L && !(c->mseccfg & MSECCFG_RLB);
}

/*
 * Smepmp: with MML, and RLB clear, no rule that lets M execute (M-only, or locked and shared) can
 * be added.  That an entry is off does not matter: its L would keep it so.
 */
static bool cfg_is_refused(const struct rv_csrs *c, uint8_t cfg)
{
    return (c->mseccfg & (MSECCFG_MML | MSECCFG_RLB)) == MSECCFG_MML && cfg & CFG_L &&
           mml_permissions(cfg, true) & CFG_X;
}

/* Without MML, W without R is reserved: W is dropped. */
static uint8_t cfg_legal(const struct rv_csrs *c, uint8_t cfg)
{
    cfg &= CFG_LEGAL;
    return c->mseccfg & MSECCFG_MML || cfg & CFG_R ? cfg : cfg & (uint8_t)~CFG_W;
}

void rv_pmp_cfg_write(struct rv_hart *h, unsigned first, uint64_t value)
{
    struct rv_csrs *c = &h->csr;
    for (unsigned n = 0; n < 8; n++) {
        unsigned i = (first + n) % RV_PMP_ENTRIES;
        uint8_t cfg = cfg_legal(c, (uint8_t)(value >> 8 * n));
        if (!cfg_is_locked(c, i) && !cfg_is_refused(c, cfg))
            c->pmpcfg[i] = cfg;
    }
    pmp_changed(h);
}

/* A locked entry locks its address, and a locked TOR entry the address before it. */
static bool addr_is_locked(const struct rv_csrs *c, unsigned i)
{
    if (cfg_is_locked(c, i))
        return true;
    return i + 1 < RV_PMP_ENTRIES && cfg_is_locked(c, i + 1) &&
           cfg_mode(c->pmpcfg[i + 1]) == PMP_TOR;
}

void rv_pmp_addr_write(struct rv_hart *h, unsigned i, uint64_t value)
{
    if (addr_is_locked(&h->csr, i))
        return;
    h->csr.pmpaddr[i] = value & PMPADDR_MASK;
    pmp_changed(h);
}

static bool any_entry_locked(const struct rv_csrs *c)
{
    for (unsigned i = 0; i < RV_PMP_ENTRIES; i++)
        if (c->pmpcfg[i] & CFG_L)
            return true;
    return false;
}

/* MML and MMWP can only be set; RLB stays clear once it is while an entry has L. */
uint64_t rv_pmp_seccfg_legal(const struct rv_hart *h, uint64_t value)
{
    const struct rv_csrs *c = &h->csr;
    const uint64_t sticky = MSECCFG_MML | MSECCFG_MMWP;
    uint64_t v = (c->mseccfg | value) & sticky;
    if (c->mseccfg & MSECCFG_RLB || !any_entry_locked(c))
        v |= value & MSECCFG_RLB;
    return v;
}

void rv_pmp_seccfg_changed(struct rv_hart *h)
{
    pmp_changed(h);
}

/* --- checks --- */

static uint8_t access_bit(enum access_type access)
{
    switch (access) {
    case ACCESS_FETCH:
        return CFG_X;
    case ACCESS_LOAD:
        return CFG_R;
    case ACCESS_STORE:
        return CFG_W;
    }
    return 0;
}

/* The lowest-numbered entry that matches any byte of [first, last], or -1. */
static int pmp_match(const struct rv_csrs *c, gpa_t first, gpa_t last)
{
    for (int i = 0; i < c->pmp_count; i++) {
        struct rv_pmp_range r = c->pmp_range[i];
        if (!range_is_empty(r) && first <= r.last && last >= r.first)
            return i;
    }
    return -1;
}

static bool range_covers(struct rv_pmp_range r, gpa_t first, gpa_t last)
{
    return r.first <= first && last <= r.last;
}

/*
 * Ready answers.  M is open where no entry is locked and none has an edge inside
 * a page; an access that spans such an edge fails even in M ("irrespective of
 * the L, R, W, and X bits"), so the answer is for accesses inside one page.
 */
static bool pmp_is_open(const struct rv_csrs *c, gpa_t first, gpa_t last, enum rv_priv priv)
{
    if (priv == PRIV_M)
        return c->pmp_m_open && (first & PAGE_MASK) == (last & PAGE_MASK);
    return c->pmp_su_open && last <= PMP_LAST;
}

bool rv_pmp_allowed(const struct rv_hart *h, gpa_t gpa, uint64_t size, enum access_type access,
                    enum rv_priv priv)
{
    const struct rv_csrs *c = &h->csr;
    gpa_t last = size ? gpa + (size - 1) : gpa;
    if (last < gpa) /* beyond the end of the address space */
        return false;
    if (pmp_is_open(c, gpa, last, priv))
        return true;
    int i = pmp_match(c, gpa, last);
    if (i < 0)
        return default_permissions(c, priv) & access_bit(access);
    if (!range_covers(c->pmp_range[i], gpa, last))
        return false;
    return cfg_permissions(c, c->pmpcfg[i], priv) & access_bit(access);
}

bool rv_pmp_page_uniform(const struct rv_hart *h, gpa_t page, enum rv_priv priv)
{
    const struct rv_csrs *c = &h->csr;
    gpa_t first = page & PAGE_MASK, last = first + (PAGE_SIZE - 1);
    if (pmp_is_open(c, first, last, priv))
        return true;
    int i = pmp_match(c, first, last);
    return i < 0 || range_covers(c->pmp_range[i], first, last);
}
