/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slow ways to memory: TLB misses, misaligned accesses, page borders, MMIO,
 * pages that carry flags, atomics that are not a plain host operation; and
 * finding code.  On the hart's thread, in the middle of an instruction.
 *
 * An access is resolved to a place first: host address in RAM, or a physical
 * address outside it; whether the TLB may stand for it next time is decided on
 * the way.  A misaligned access resolves both its ends before it touches
 * anything, so a fault on the second page leaves the first unwritten.
 *
 * Pointer masking costs the fast path nothing: the TLB has a page under the
 * address that the program wrote, tag and all, in a context that stands for the
 * masking as well; the transformation is made here, when the page is looked up.
 */
#include "isa/riscv/fp.h"
#include "isa/riscv/ops.h"
#include "isa/riscv/sem_calls.h"
#include "mem/mag16.h"
#include "mem/reserve.h"

#include "sim/base/log.h"

#define LINE_BYTES 64 /* Zic64b: the block of cbo.* */

struct place {
    uint8_t *host; /* in RAM, else NULL */
    gpa_t gpa;
    bool slow_write; /* RAM whose page must be written under its shard's lock */
};

/* --- contexts --- */

static enum paging_mode satp_mode(const struct rv_hart *h)
{
    return (enum paging_mode)(h->csr.satp >> 60);
}

/* Privilege of loads and stores: MPRV borrows MPP's, but not while mnstatus.NMIE is 0. */
enum rv_priv rv_data_priv(const struct rv_hart *h)
{
    if (h->priv == PRIV_M && h->csr.mstatus & MSTATUS_MPRV && h->csr.mnstatus & MNSTATUS_NMIE)
        return (enum rv_priv)bits_get(h->csr.mstatus, 12, 11);
    return (enum rv_priv)h->priv;
}

/* Everything that decides what a translation means; the ASID lies in bits 15:0 as tlb.h wants. */
static uint64_t context_key(const struct rv_hart *h, enum rv_priv priv, uint64_t status)
{
    if (priv == PRIV_M)
        return 3ull << 20;
    return bits_get(h->csr.satp, 59, 44) | (uint64_t)satp_mode(h) << 16 | (uint64_t)priv << 20 |
           status << 4;
}

/* PMLEN for data accesses of the privilege; MXR switches it off below M. */
static unsigned masked_bits(const struct rv_hart *h, enum rv_priv priv)
{
    const struct rv_csrs *c = &h->csr;
    uint64_t cfg = priv == PRIV_M ? c->mseccfg : priv == PRIV_S ? c->menvcfg : c->senvcfg;
    if (priv != PRIV_M && c->mstatus & MSTATUS_MXR)
        return 0;
    switch (bits_get(cfg, 33, 32)) {
    case 2:
        return 64 - 57;
    case 3:
        return 64 - 48;
    }
    return 0;
}

/*
 * For pages of S-mode that are the same in all address spaces, and do not depend on SUM.  Its ASID
 * is one that no kernel is likely to flush; if one does, the pages are walked to again.
 */
#define GLOBAL_ASID 0xffff

static uint64_t global_key(const struct rv_hart *h, uint64_t status)
{
    return 1ull << 32 | (uint64_t)h->masked_bits << 24 | (uint64_t)PRIV_S << 20 |
           (status & MSTATUS_MXR) << 4 | (uint64_t)satp_mode(h) << 16 | GLOBAL_ASID;
}

/* The contexts of global pages; *cleared: begin again. */
static void update_global(struct rv_hart *h, bool fetch, bool data, uint64_t status, bool *cleared)
{
    struct tlb *t = &h->hart.tlb;
    for (int k = 0; k < TLB_KINDS; k++)
        t->global[k] = TLB_CTX_NOWHERE;
    if (fetch)
        t->global[TLB_FETCH] = tlb_context(t, global_key(h, 0), cleared);
    if (data && !*cleared)
        t->global[TLB_READ] = tlb_context(t, global_key(h, status), cleared);
    t->global[TLB_WRITE] = t->global[TLB_SLOW_WRITE] = t->global[TLB_READ];
}

void rv_mmu_update(struct rv_hart *h)
{
    struct tlb *t = &h->hart.tlb;
    enum rv_priv data = rv_data_priv(h);
    uint64_t status = h->csr.mstatus & (MSTATUS_SUM | MSTATUS_MXR); /* bits 18, 19 */
    bool cleared;
    h->masked_bits = (uint8_t)masked_bits(h, data);
    h->mmu_data_on = data != PRIV_M && satp_mode(h) != PAGING_BARE;
    h->mmu_fetch_on = h->priv != PRIV_M && satp_mode(h) != PAGING_BARE;
    do {
        t->ctx[TLB_FETCH] = tlb_context(t, context_key(h, h->priv, 0), &cleared);
        if (cleared)
            continue;
        t->ctx[TLB_READ] =
            tlb_context(t, context_key(h, data, status) | (uint64_t)h->masked_bits << 24, &cleared);
        if (!cleared)
            update_global(h, h->mmu_fetch_on && h->priv == PRIV_S, h->mmu_data_on && data == PRIV_S,
                          status, &cleared);
    } while (cleared);
    t->ctx[TLB_WRITE] = t->ctx[TLB_SLOW_WRITE] = t->ctx[TLB_READ];
    tlb_streams_enter(t, rv_stream_bank(h));
    h->data_flat = !h->mmu_data_on && !h->masked_bits &&
                   (data == PRIV_M ? h->csr.pmp_m_open : h->csr.pmp_su_open);
}

void rv_letter_drop_write(struct hart *hart, uint64_t host, uint64_t unused_b, uint64_t unused_c)
{
    (void)unused_b;
    (void)unused_c;
    tlb_drop_host_page(&hart->tlb, (const void *)(uintptr_t)host);
}

/* --- translation --- */

static void raise_access(struct rv_hart *h, enum access_type access, bool page_fault, gva_t va)
{
    static const enum rv_cause causes[][2] = {
        [ACCESS_FETCH] = {CAUSE_FETCH_ACCESS, CAUSE_FETCH_PAGE},
        [ACCESS_LOAD] = {CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE},
        [ACCESS_STORE] = {CAUSE_STORE_ACCESS, CAUSE_STORE_PAGE},
    };
    rv_raise(h, causes[access][page_fault], access == ACCESS_FETCH ? va : rv_data_address(h, va));
}

/* A page-table access: as a load or store of S-mode. */
static bool table_allowed(void *opaque, gpa_t gpa, unsigned size, enum access_type access)
{
    return rv_pmp_allowed(opaque, gpa, size, access, PRIV_S);
}

struct walk_env rv_walk_env(struct rv_hart *h, enum rv_priv priv)
{
    return (struct walk_env){
        .pm = h->guest->env->pm,
        .self = &h->hart.reservation,
        .mode = satp_mode(h),
        .root = (h->csr.satp & ((1ull << 44) - 1)) << PAGE_SHIFT,
        .user = priv == PRIV_U,
        .sum = h->csr.mstatus & MSTATUS_SUM,
        .mxr = h->csr.mstatus & MSTATUS_MXR,
        .adue = h->csr.menvcfg & ENVCFG_ADUE,
        .pbmte = h->csr.menvcfg & ENVCFG_PBMTE,
        .svnapot = rv_has(h, RV_EXT_Svnapot),
        .allowed = table_allowed,
        .opaque = h,
    };
}

static bool translate(struct rv_hart *h, gva_t va, enum access_type access, enum rv_priv priv,
                      struct walk_result *out)
{
    bool on = access == ACCESS_FETCH ? h->mmu_fetch_on : h->mmu_data_on;
    if (access != ACCESS_FETCH)
        va = rv_data_address(h, va);
    if (!on) {
        *out = (struct walk_result){.gpa = va,
                                    .page_shift = PAGE_SHIFT,
                                    .writable = true,
                                    .readable = true,
                                    .executable = true};
        return true;
    }
    struct walk_env env = rv_walk_env(h, priv);
    h->stats.page_walks++;
    enum walk_status s = walk_translate(&env, va, access, out);
    if (s != WALK_OK)
        raise_access(h, access, s == WALK_PAGE_FAULT, va);
    return s == WALK_OK;
}

/* What U-mode may use of a global page S-mode may or may not, as SUM says. */
static void fill(struct rv_hart *h, enum tlb_kind kind, gva_t va, uint64_t addend,
                 const struct walk_result *w)
{
    struct tlb *t = &h->hart.tlb;
    if (w->global && !w->user && t->global[kind] != TLB_CTX_NOWHERE)
        tlb_fill_global(t, kind, va, addend, w->page_shift);
    else
        tlb_fill(t, kind, va, addend, w->page_shift);
    tlb_adapt(t, kind);
}

/* Large pages begin runs; how many pages of any size there may be to each side of it. */
#define RUN_SHIFT_MIN 21
#define RUN_SHIFT_MAX 30
#define RUN_PAGES_MAX 4096

/*
 * The next page up from (or, down, the one that ends before) where the run of w is at by now, if
 * the page table maps it alike: so many bytes, or 0.
 */
static uint64_t run_next(const struct walk_env *env, const struct walk_result *w, gva_t va,
                         gva_t at, bool down)
{
    struct walk_result next;
    gva_t edge = down ? at - 1 : at;
    bool alike = walk_translate(env, edge, ACCESS_LOAD, &next) == WALK_OK && next.global &&
                 !next.user && !next.pbmt && next.page_shift <= RUN_SHIFT_MAX &&
                 next.gpa - w->gpa == edge - va;
    return alike ? 1ull << next.page_shift : 0;
}

/*
 * Tells the TLB of the large global page that va was read in, and of the pages beside it that are
 * mapped to where they would be if it were larger.  Any translation may be held that the page table
 * has, whether it was asked for or not (Privileged, "Supervisor Memory-Management Fence
 * Instruction").
 */
static void note_run(struct rv_hart *h, gva_t va, const struct walk_result *w)
{
    struct tlb *t = &h->hart.tlb;
    const struct physmem *pm = h->guest->env->pm;
    bool plain = w->global && !w->user && !w->pbmt && w->page_shift <= RUN_SHIFT_MAX;
    if (!plain || t->global[TLB_READ] == TLB_CTX_NOWHERE || h->masked_bits || h->triggers ||
        !h->csr.pmp_su_open || !tlb_run_wanted(t, va))
        return;
    struct walk_env env = rv_walk_env(h, PRIV_S);
    env.adue = false;
    gva_t first = align_down(va, 1ull << w->page_shift), end = first + (1ull << w->page_shift);
    uint64_t more = 1;
    for (unsigned n = 0; n < RUN_PAGES_MAX && (more = run_next(&env, w, va, end, false)); n++)
        end += more;
    for (unsigned n = 0; n < RUN_PAGES_MAX && (more = run_next(&env, w, va, first, true)); n++)
        first -= more;
    /* What of it is RAM. */
    uint64_t below = w->gpa - pm->base, above = pm->size - below;
    first = va - min_u64(va - first, below);
    end = va + min_u64(end - va, above);
    if (end - first >= 2 * PAGE_SIZE)
        tlb_run_set(t, first, end - 1,
                    (uint64_t)(uintptr_t)physmem_host(pm, w->gpa - (va - first)));
}

/* Makes the TLB stand for the page, if it may. */
static void fill_data(struct rv_hart *h, gva_t va, enum access_type access, enum rv_priv priv,
                      const struct walk_result *w, struct place *p)
{
    struct physmem *pm = h->guest->env->pm;
    bool store = access == ACCESS_STORE;
    if (store) {
        physmem_flag_set(pm, w->gpa, PAGE_DIRTY);
        p->slow_write = physmem_page_flags(pm, w->gpa) & PAGE_SLOW_WRITE;
    }
    if (!(store ? w->writable : w->readable) || !rv_pmp_page_uniform(h, w->gpa & PAGE_MASK, priv) ||
        rv_trigger_page(h, rv_data_address(h, va), RV_TRIGGER_DATA))
        return;
    enum tlb_kind kind = !store ? TLB_READ : p->slow_write ? TLB_SLOW_WRITE : TLB_WRITE;
    if (rv_data_address(h, va) != va)
        tlb_alias(&h->hart.tlb);
    fill(h, kind, va, (uint64_t)(uintptr_t)p->host - va, w);
    if (kind == TLB_READ && w->page_shift >= RUN_SHIFT_MIN && h->guest->jit)
        note_run(h, va, w);
}

/* Without translation what is not RAM, which has no entries, is known by its address. */
static bool may_have_entry(const struct rv_hart *h, gva_t va)
{
    return h->mmu_data_on || physmem_contains(h->guest->env->pm, rv_data_address(h, va), 1);
}

/* The place of va by a TLB entry, if there is one. */
static bool place_by_tlb(struct rv_hart *h, gva_t va, enum tlb_kind kind, struct place *p)
{
    const struct physmem *pm = h->guest->env->pm;
    const struct tlb_entry *e = tlb_lookup_slow(&h->hart.tlb, kind, va);
    if (!e)
        return false;
    p->host = (uint8_t *)(uintptr_t)(e->addend + va);
    p->gpa = pm->base + (uint64_t)(p->host - pm->host);
    p->slow_write = kind == TLB_SLOW_WRITE;
    /* A page that lost its flags is worth a fast entry again. */
    return !p->slow_write || physmem_page_flags(pm, p->gpa) & PAGE_SLOW_WRITE;
}

/*
 * Where size bytes at va lie, all in one page.  False: an exception was recorded,
 * with va as its address.
 */
static bool resolve(struct rv_hart *h, gva_t va, unsigned size, enum access_type access,
                    struct place *p)
{
    struct physmem *pm = h->guest->env->pm;
    bool store = access == ACCESS_STORE;
    if (may_have_entry(h, va) && (place_by_tlb(h, va, store ? TLB_WRITE : TLB_READ, p) ||
                                  (store && place_by_tlb(h, va, TLB_SLOW_WRITE, p))))
        return true;
    enum rv_priv priv = rv_data_priv(h);
    struct walk_result w;
    if (!translate(h, va, access, priv, &w))
        return false;
    *p = (struct place){.gpa = w.gpa};
    if (!rv_pmp_allowed(h, w.gpa, size, access, priv)) {
        raise_access(h, access, false, va);
        return false;
    }
    if (physmem_contains(pm, w.gpa, size)) {
        p->host = physmem_host(pm, w.gpa);
        fill_data(h, va, access, priv, &w, p);
    }
    return true;
}

/* --- plain loads and stores --- */

static uint64_t host_load(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;
    switch (size) {
    case 1:
        return load_relaxed(p);
    case 2:
        return load_relaxed((const uint16_t *)(const void *)p);
    case 4:
        return load_relaxed((const uint32_t *)(const void *)p);
    case 8:
        return load_relaxed((const uint64_t *)(const void *)p);
    default: /* part of a misaligned access */
        copy_relaxed(&v, p, size);
        return v;
    }
}

static void host_store(uint8_t *p, unsigned size, uint64_t v)
{
    switch (size) {
    case 1:
        store_relaxed(p, (uint8_t)v);
        break;
    case 2:
        store_relaxed((uint16_t *)(void *)p, (uint16_t)v);
        break;
    case 4:
        store_relaxed((uint32_t *)(void *)p, (uint32_t)v);
        break;
    case 8:
        store_relaxed((uint64_t *)(void *)p, v);
        break;
    default:
        copy_relaxed(p, &v, size);
    }
}

static struct rv_load load_mmio(struct rv_hart *h, gva_t va, gpa_t gpa, unsigned size)
{
    struct rv_load r = {0};
    h->stats.mmio++;
    r.ok = mmio_read(h->guest->env->mmio, gpa, size, &r.value);
    if (!r.ok)
        raise_access(h, ACCESS_LOAD, false, va);
    return r;
}

static bool store_mmio(struct rv_hart *h, gva_t va, gpa_t gpa, unsigned size, uint64_t value)
{
    h->stats.mmio++;
    if (mmio_write(h->guest->env->mmio, gpa, size, value))
        return true;
    raise_access(h, ACCESS_STORE, false, va);
    return false;
}

static void place_store(struct rv_hart *h, const struct place *p, unsigned size, uint64_t value)
{
    if (p->slow_write) {
        h->stats.stores_slow++;
        physmem_store_slow(h->guest->env->pm, &h->hart.reservation, p->gpa, size, value);
    } else {
        host_store(p->host, size, value);
    }
}

/* Bytes of an access at va that lie in its first page. */
static unsigned first_part(gva_t va, unsigned size)
{
    uint64_t room = PAGE_SIZE - (va & ~PAGE_MASK);
    return room < size ? (unsigned)room : size;
}

/* Both ends of a misaligned access.  Outside RAM it is refused: devices have registers, not bytes.
 */
static bool resolve_misaligned(struct rv_hart *h, gva_t va, unsigned size, enum access_type access,
                               struct place p[2], unsigned *first)
{
    *first = first_part(va, size);
    if (!resolve(h, va, *first, access, &p[0]))
        return false;
    if (!p[0].host) {
        raise_access(h, access, false, va);
        return false;
    }
    if (*first == size)
        return true;
    gva_t second = va + *first;
    if (!resolve(h, second, size - *first, access, &p[1]))
        return false;
    if (!p[1].host)
        raise_access(h, access, false, second);
    return p[1].host;
}

static struct rv_load load_misaligned(struct rv_hart *h, gva_t va, unsigned size)
{
    struct rv_load r = {0};
    struct place p[2];
    unsigned first;
    if (h->guest->cfg.strict_align) {
        rv_raise(h, CAUSE_LOAD_MISALIGNED, rv_data_address(h, va));
        return r;
    }
    if (!resolve_misaligned(h, va, size, ACCESS_LOAD, p, &first))
        return r;
    r.ok = true;
    if (mag16_contains(va, size)) {
        r.value = mag16_load(p[0].host, size);
        return r;
    }
    copy_relaxed(&r.value, p[0].host, first);
    if (first < size)
        r.value |= host_load(p[1].host, size - first) << (8 * first);
    return r;
}

/* Parts of a page-crossing store; a part of 3, 5, 6 or 7 bytes goes byte by byte. */
static void store_part(struct rv_hart *h, const struct place *p, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++) {
        struct place byte = {p->host + i, p->gpa + i, p->slow_write};
        place_store(h, &byte, 1, value >> (8 * i));
    }
}

static bool store_misaligned(struct rv_hart *h, gva_t va, unsigned size, uint64_t value)
{
    struct place p[2];
    unsigned first;
    if (h->guest->cfg.strict_align) {
        rv_raise(h, CAUSE_STORE_MISALIGNED, rv_data_address(h, va));
        return false;
    }
    if (!resolve_misaligned(h, va, size, ACCESS_STORE, p, &first))
        return false;
    if (first == size) {
        if (p[0].slow_write)
            place_store(h, &p[0], size, value);
        else if (mag16_contains(va, size))
            mag16_store(p[0].host, size, value);
        else
            copy_relaxed(p[0].host, &value, size);
        return true;
    }
    store_part(h, &p[0], first, value);
    store_part(h, &p[1], size - first, value >> (8 * first));
    return true;
}

struct rv_load rv_load_slow(struct rv_hart *h, gva_t va, unsigned size)
{
    struct place p;
    h->stats.loads_slow++;
    if (rv_trigger_access(h, rv_data_address(h, va), size, RV_TRIGGER_LOAD))
        return (struct rv_load){0};
    if (unlikely(va & (size - 1)))
        return load_misaligned(h, va, size);
    if (!resolve(h, va, size, ACCESS_LOAD, &p))
        return (struct rv_load){0};
    if (!p.host)
        return load_mmio(h, va, p.gpa, size);
    return (struct rv_load){host_load(p.host, size), true};
}

bool rv_store_slow(struct rv_hart *h, gva_t va, unsigned size, uint64_t value)
{
    struct place p;
    if (rv_trigger_access(h, rv_data_address(h, va), size, RV_TRIGGER_STORE))
        return false;
    if (unlikely(va & (size - 1)))
        return store_misaligned(h, va, size, value);
    if (!resolve(h, va, size, ACCESS_STORE, &p))
        return false;
    if (!p.host)
        return store_mmio(h, va, p.gpa, size, value);
    place_store(h, &p, size, value);
    return true;
}

/* --- atomics --- */

/* For triggers an AMO is a load and a store (Sdtrig, "A Extension"), an SC a store if it fails too.
 */
#define READ_WRITE (RV_TRIGGER_LOAD | RV_TRIGGER_STORE)

/* Resolves an atomic's bytes; atomics are for RAM only, aligned unless said. */
static bool resolve_atomic_any(struct rv_hart *h, gva_t va, unsigned size, enum access_type access,
                               struct place *p)
{
    if (!resolve(h, va, size, access, p))
        return false;
    if (!p->host)
        raise_access(h, access, false, va);
    return p->host;
}

static bool resolve_atomic(struct rv_hart *h, gva_t va, unsigned size, uint8_t kinds,
                           struct place *p)
{
    enum access_type access = kinds & RV_TRIGGER_STORE ? ACCESS_STORE : ACCESS_LOAD;
    if (rv_trigger_access(h, rv_data_address(h, va), size, kinds))
        return false;
    if (!(va & (size - 1)))
        return resolve_atomic_any(h, va, size, access, p);
    rv_raise(h, access == ACCESS_LOAD ? CAUSE_LOAD_MISALIGNED : CAUSE_STORE_MISALIGNED,
             rv_data_address(h, va));
    return false;
}

/* AMOs may be misaligned inside an aligned 16 bytes (Zama16b). */
static bool resolve_amo(struct rv_hart *h, gva_t va, unsigned size, struct place *p)
{
    if (!mag16_contains(va, size) || !rv_has(h, RV_EXT_Zama16b))
        return resolve_atomic(h, va, size, READ_WRITE, p);
    return !rv_trigger_access(h, rv_data_address(h, va), size, READ_WRITE) &&
           resolve_atomic_any(h, va, size, ACCESS_STORE, p);
}

struct rv_load rv_amo_slow(struct rv_hart *h, gva_t va, unsigned size, enum amo_op op, uint64_t v)
{
    struct place p;
    uint64_t old;
    if (!resolve_amo(h, va, size, &p))
        return (struct rv_load){0};
    if (p.slow_write)
        old = physmem_amo_slow(h->guest->env->pm, &h->hart.reservation, p.gpa, size, op, v);
    else
        old = amo_sized(p.host, size, op, v);
    return (struct rv_load){old, true};
}

struct rv_load rv_cas_slow(struct rv_hart *h, gva_t va, unsigned size, uint64_t expected,
                           uint64_t v)
{
    struct place p;
    if (!resolve_amo(h, va, size, &p))
        return (struct rv_load){0};
    /* The shard's lock costs little beside the miss that led here. */
    uint64_t old =
        physmem_cas_slow(h->guest->env->pm, &h->hart.reservation, p.gpa, size, expected, v);
    return (struct rv_load){old, true};
}

bool rv_cas16(struct rv_hart *h, gva_t va, uint64_t expected[2], const uint64_t desired[2])
{
    struct place p;
    if (!resolve_atomic(h, va, 16, READ_WRITE, &p))
        return false;
    physmem_cas16_slow(h->guest->env->pm, &h->hart.reservation, p.gpa, expected, desired);
    return true;
}

/* Zacas: register pairs; x0 as a pair is zero and takes nothing. */
bool rv_sem_amocas_q(struct rv_hart *h, unsigned rd, gva_t va, unsigned rs2)
{
    uint64_t expected[2] = {h->x[rd], rd ? h->x[rd + 1] : 0};
    uint64_t desired[2] = {h->x[rs2], rs2 ? h->x[rs2 + 1] : 0};
    if (!rv_cas16(h, va, expected, desired))
        return false;
    if (rd) {
        h->x[rd] = expected[0];
        h->x[rd + 1] = expected[1];
    }
    return true;
}

struct rv_load rv_lr(struct rv_hart *h, gva_t va, unsigned size)
{
    struct place p;
    uint64_t served, value;
    h->stats.lr++;
    do {
        /* The wait inside may serve a TLB shootdown: then the translation is made again. */
        served = h->hart.served;
        if (!resolve_atomic(h, va, size, RV_TRIGGER_LOAD, &p))
            return (struct rv_load){0};
        value = reservation_load(h->guest->env->pm, &h->hart.reservation, p.gpa, size);
    } while (h->hart.served != served);
    h->run.lr_host = 0;
    return (struct rv_load){value, true};
}

static struct rv_load sc_result(struct rv_hart *h, bool stored)
{
    h->stats.sc_success += stored;
    h->stats.sc_fail += !stored;
    return (struct rv_load){!stored, true};
}

/*
 * The last LR was that of a pair, and the hart has left the pair in between.  If that LR would have
 * reserved this granule and we cannot tell whether the reservation is intact, the LRs of pairs make
 * reservations until one is used, so that a loop of this shape gets on.
 */
static bool sc_noted(struct rv_hart *h, gpa_t gpa, unsigned size, uint64_t v)
{
    struct physmem *pm = h->guest->env->pm;
    gpa_t read = pm->base + (h->run.lr_host - (uintptr_t)pm->host);
    rv_reservation_drop(h);
    bool ok = reservation_store_noted(pm, read, h->run.lr_foreign, gpa, size, v);
    h->run.lr_exact = !ok && reservation_same_granule(read, gpa);
    return ok;
}

static bool sc_reserved(struct rv_hart *h, gpa_t gpa, unsigned size, uint64_t v)
{
    bool ok = reservation_store(h->guest->env->pm, &h->hart.reservation, gpa, size, v);
    if (ok)
        h->run.lr_exact = 0;
    return ok;
}

struct rv_load rv_sc(struct rv_hart *h, gva_t va, unsigned size, uint64_t v)
{
    struct place p;
    if (!resolve_atomic(h, va, size, RV_TRIGGER_STORE, &p))
        return (struct rv_load){0};
    return sc_result(h,
                     h->run.lr_host ? sc_noted(h, p.gpa, size, v) : sc_reserved(h, p.gpa, size, v));
}

void rv_reservation_drop(struct rv_hart *h)
{
    h->run.lr_host = 0;
    reservation_drop(h->guest->env->pm, &h->hart.reservation);
}

struct rv_load rv_pair_lr(struct rv_hart *h, gva_t va, unsigned size)
{
    struct place p;
    if (h->run.lr_exact)
        return rv_lr(h, va, size);
    h->stats.lr++;
    if (!resolve_atomic(h, va, size, RV_TRIGGER_LOAD, &p))
        return (struct rv_load){0};
    h->run.lr_host = (uintptr_t)p.host;
    h->run.lr_foreign = load_acquire(&h->guest->env->pm->foreign_writes);
    return (struct rv_load){host_load(p.host, size), true};
}

struct rv_load rv_pair_sc(struct rv_hart *h, gva_t va, unsigned size, uint64_t expected, uint64_t v)
{
    struct place p;
    if (!h->run.lr_host) { /* its LR made a reservation */
        h->run.lr_exact = 0;
        return rv_sc(h, va, size, v);
    }
    if (!resolve_atomic(h, va, size, RV_TRIGGER_STORE, &p))
        return (struct rv_load){0};
    rv_reservation_drop(h);
    uint64_t old =
        physmem_cas_slow(h->guest->env->pm, &h->hart.reservation, p.gpa, size, expected, v);
    return sc_result(h, old == expected);
}

/* --- cache blocks (CMO) --- */

/* Whether an envcfg field allows an instruction below M, and below S. */
static bool envcfg_allows(const struct rv_hart *h, uint64_t field)
{
    if (h->priv != PRIV_M && !(h->csr.menvcfg & field))
        return false;
    return h->priv != PRIV_U || h->csr.senvcfg & field;
}

bool rv_cbo_zero(struct rv_hart *h, gva_t va)
{
    struct place p;
    gva_t line = align_down(va, LINE_BYTES);
    if (!envcfg_allows(h, ENVCFG_CBZE)) {
        rv_raise(h, CAUSE_ILLEGAL, 0);
        return false;
    }
    if (rv_trigger_access(h, rv_data_address(h, line), LINE_BYTES, RV_TRIGGER_STORE))
        return false;
    if (!resolve(h, line, LINE_BYTES, ACCESS_STORE, &p)) {
        h->trap.tval = rv_data_address(h, va);
        return false;
    }
    if (!p.host) {
        raise_access(h, ACCESS_STORE, false, va);
        return false;
    }
    for (unsigned i = 0; i < LINE_BYTES; i += 8) {
        struct place word = {p.host + i, p.gpa + i, p.slow_write};
        place_store(h, &word, 8, 0);
    }
    return true;
}

/* A block management instruction needs a load or a store to be permitted; faults are store faults.
 */
bool rv_cbo_manage(struct rv_hart *h, gva_t va, bool inval)
{
    struct place p;
    if (!envcfg_allows(h, inval ? ENVCFG_CBIE : ENVCFG_CBCFE)) {
        rv_raise(h, CAUSE_ILLEGAL, 0);
        return false;
    }
    gva_t line = align_down(va, LINE_BYTES);
    if (rv_trigger_access(h, rv_data_address(h, line), LINE_BYTES, RV_TRIGGER_STORE))
        return false;
    if (resolve(h, line, LINE_BYTES, ACCESS_LOAD, &p))
        return true;
    h->trap.pending = false;
    if (resolve(h, line, LINE_BYTES, ACCESS_STORE, &p))
        return true;
    h->trap.tval = rv_data_address(h, va);
    return false;
}

/* --- code --- */

const struct rv_op *rv_fetch_rest(struct rv_hart *h, gva_t va)
{
    struct tlb *t = &h->hart.tlb;
    struct physmem *pm = h->guest->env->pm;
    struct tlb_entry *e = tlb_lookup_slow(t, TLB_FETCH, va);
    if (e)
        return (const struct rv_op *)(uintptr_t)e->addend;
    uint64_t served = h->hart.served;
    struct walk_result w;
    if (!translate(h, va, ACCESS_FETCH, h->priv, &w))
        return NULL;
    if (!rv_pmp_allowed(h, w.gpa, 2, ACCESS_FETCH, h->priv) || !physmem_contains(pm, w.gpa, 2)) {
        raise_access(h, ACCESS_FETCH, false, va);
        return NULL;
    }
    const struct rv_op *ops = rv_code_page(h->guest->code, h, w.gpa);
    /* Making a page waits for other harts; if their requests were served, w may be of the past. */
    if (h->hart.served != served)
        return NULL;
    if (ops && rv_pmp_page_uniform(h, w.gpa & PAGE_MASK, h->priv) &&
        !rv_trigger_page(h, va, RV_TRIGGER_EXECUTE))
        fill(h, TLB_FETCH, va, (uintptr_t)ops, &w);
    return ops;
}

const struct rv_op *rv_fetch(struct rv_hart *h, gva_t va)
{
    if (va & 1 || va & h->fetch_mask & ~PAGE_MASK) {
        rv_raise(h, CAUSE_FETCH_MISALIGNED, va);
        return NULL;
    }
    return rv_fetch_rest(h, va);
}

bool rv_translate_debug(struct rv_hart *h, gva_t va, gpa_t *gpa)
{
    struct walk_result w = {.gpa = va};
    if (h->mmu_data_on) {
        struct walk_env env = rv_walk_env(h, rv_data_priv(h));
        env.adue = false;
        if (walk_translate(&env, va, ACCESS_LOAD, &w) != WALK_OK)
            return false;
    }
    *gpa = w.gpa;
    return true;
}
