/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation for users of the library (guest_mmu_ops): on any thread
 * that has the hart, which does not run.  Translating is what the hardware
 * would do short of writing A and D bits; it neither uses nor fills the TLB.
 */
#include "isa/riscv/rv.h"

#include <errno.h>

#define RV_GUEST(g) ((struct rv_guest *)(g))

enum { CSR_SATP = 0x180 };

static struct rv_hart *hart_at(struct guest *g, unsigned hart)
{
    return RV_GUEST(g)->harts[hart];
}

static enum rv_priv effective_priv(const struct rv_hart *h, enum access_type access, int priv)
{
    if (priv >= 0)
        return (enum rv_priv)priv;
    return access == ACCESS_FETCH ? (enum rv_priv)h->priv : rv_data_priv(h);
}

static enum walk_status mmu_translate(struct guest *g, unsigned hart, gva_t va,
                                      enum access_type access, int priv, struct walk_result *out)
{
    struct rv_hart *h = hart_at(g, hart);
    enum rv_priv p = effective_priv(h, access, priv);
    struct walk_env env = rv_walk_env(h, p);
    if (p == PRIV_M)
        env.mode = PAGING_BARE;
    env.adue = false;
    enum walk_status status = walk_translate(&env, va, access, out);
    if (status == WALK_OK && !rv_pmp_allowed(h, out->gpa, 1, access, p))
        return WALK_ACCESS_FAULT;
    return status;
}

static void mmu_root_get(struct guest *g, unsigned hart, struct guest_root *out)
{
    uint64_t satp = hart_at(g, hart)->csr.satp;
    out->mode = (enum paging_mode)(satp >> 60);
    out->asid = (uint16_t)bits_get(satp, 59, 44);
    out->table = bits_get(satp, 43, 0) << PAGE_SHIFT;
}

/* As a write of satp: it flushes nothing. */
static int mmu_root_set(struct guest *g, unsigned hart, const struct guest_root *in)
{
    struct rv_hart *h = hart_at(g, hart);
    uint64_t satp = (uint64_t)in->mode << 60 | (uint64_t)in->asid << 44 | in->table >> PAGE_SHIFT;
    int rc = rv_csr_poke(h, CSR_SATP, satp);
    rv_mmu_update(h);
    return rc ? rc : h->csr.satp == satp ? 0 : -ENOTSUP;
}

static void mmu_flush_all(struct guest *g, unsigned hart)
{
    tlb_flush_all(&hart_at(g, hart)->hart.tlb);
    rv_mmu_update(hart_at(g, hart));
}

static void mmu_flush_asid(struct guest *g, unsigned hart, uint16_t asid)
{
    tlb_flush_asid(&hart_at(g, hart)->hart.tlb, asid);
    rv_mmu_update(hart_at(g, hart));
}

static void mmu_flush_page(struct guest *g, unsigned hart, gva_t va)
{
    if (tlb_flush_page(&hart_at(g, hart)->hart.tlb, va))
        rv_mmu_update(hart_at(g, hart));
}

static bool mmu_strict_get(struct guest *g)
{
    return RV_GUEST(g)->cfg.strict_align;
}

static void mmu_strict_set(struct guest *g, bool strict)
{
    struct rv_guest *rv = RV_GUEST(g);
    /* Translations know it. */
    if (rv->jit && strict != rv->cfg.strict_align)
        rv_jit_clear(rv->jit);
    store_relaxed(&rv->cfg.strict_align, strict); /* the spare thread may look */
}

const struct guest_mmu_ops rv_mmu_ops = {
    .translate = mmu_translate,
    .root_get = mmu_root_get,
    .root_set = mmu_root_set,
    .flush_all = mmu_flush_all,
    .flush_asid = mmu_flush_asid,
    .flush_page = mmu_flush_page,
    .strict_get = mmu_strict_get,
    .strict_set = mmu_strict_set,
};
