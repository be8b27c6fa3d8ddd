/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_mmu_*: address translation of harts that do not run, for users of the
 * library.  Each function holds the hart while it works.
 */
#include "sim/hart_hold.h"

#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>

static const enum paging_mode modes[] = {
    [MH_PAGING_BARE] = PAGING_BARE,
    [MH_PAGING_SV39] = PAGING_SV39,
    [MH_PAGING_SV48] = PAGING_SV48,
    [MH_PAGING_SV57] = PAGING_SV57,
};

static const enum access_type accesses[] = {
    [MH_ACCESS_FETCH] = ACCESS_FETCH,
    [MH_ACCESS_READ] = ACCESS_LOAD,
    [MH_ACCESS_WRITE] = ACCESS_STORE,
};

static int bad(int code, const char *param, const char *why)
{
    return error_set(MH_ERROR_MEMORY, code, param, NULL, "%s", why);
}

static struct tlb *tlb_of(const struct mh_machine *m, unsigned hart)
{
    return &m->gt->smp(m->guest)->harts[hart]->tlb;
}

/* ---- translating ------------------------------------------------------------------------ */

static int faulted(const struct mh_machine *m, unsigned hart, const struct mh_fault *f,
                   struct mh_fault *out)
{
    char value[32];
    if (out) {
        *out = *f;
        m->gt->reg_get(m->guest, hart, GUEST_REG_PC, &out->pc.v);
    }
    snprintf(value, sizeof(value), "0x%llx", (unsigned long long)f->addr.v);
    return error_set(MH_ERROR_MEMORY, -EFAULT, "va", value,
                     f->kind == MH_FAULT_PAGE ? "page fault" : "access fault");
}

static int translate_held(struct mh_machine *m, unsigned hart, mh_gva va, enum mh_access access,
                          enum mh_privilege priv, mh_gpa *pa, struct mh_fault *fault)
{
    static const int numbers[] = {-1, 0, 1, 3};
    struct guest_hart_info info;
    struct walk_result w;
    enum walk_status status =
        m->gt->mmu->translate(m->guest, hart, va.v, accesses[access], numbers[priv], &w);
    if (status == WALK_OK) {
        *pa = (mh_gpa){w.gpa};
        return 0;
    }
    m->gt->hart_info(m->guest, hart, &info);
    struct mh_fault f = {
        .kind = status == WALK_PAGE_FAULT ? MH_FAULT_PAGE : MH_FAULT_BUS,
        .addr = va,
        .access = access,
        .is_write = access == MH_ACCESS_WRITE,
        .is_user = priv == MH_PRIV_CURRENT ? info.mode[0] == 'U' : priv == MH_PRIV_USER,
    };
    return faulted(m, hart, &f, fault);
}

int mh_mmu_translate(struct mh_machine *m, unsigned hart, mh_gva va, enum mh_access access,
                     enum mh_privilege priv, mh_gpa *pa, struct mh_fault *fault)
{
    if ((unsigned)access > MH_ACCESS_WRITE || (unsigned)priv > MH_PRIV_MACHINE)
        return bad(-EINVAL, "access", "there is no such access or privilege");
    int rc = hart_hold(m, hart);
    if (rc)
        return rc;
    rc = translate_held(m, hart, va, access, priv, pa, fault);
    hart_let_go(m, hart);
    return rc;
}

/* ---- mode and root --------------------------------------------------------------------------- */

static enum mh_paging paging_of(enum paging_mode mode)
{
    for (unsigned i = 0; i < ARRAY_LEN(modes); i++)
        if (modes[i] == mode)
            return (enum mh_paging)i;
    return MH_PAGING_BARE;
}

int mh_mmu_get_root(struct mh_machine *m, unsigned hart, enum mh_paging *mode, uint16_t *asid,
                    mh_gpa *root)
{
    struct guest_root r;
    int rc = hart_hold(m, hart);
    if (rc)
        return rc;
    m->gt->mmu->root_get(m->guest, hart, &r);
    hart_let_go(m, hart);
    *mode = paging_of(r.mode);
    *asid = r.asid;
    *root = (mh_gpa){r.table};
    return 0;
}

int mh_mmu_set_root(struct mh_machine *m, unsigned hart, enum mh_paging mode, uint16_t asid,
                    mh_gpa root)
{
    if ((unsigned)mode >= ARRAY_LEN(modes))
        return bad(-ENOTSUP, "mode", "riscv64 has bare, Sv39, Sv48 and Sv57");
    if (root.v & ~PAGE_MASK || root.v >> 56)
        return bad(-EINVAL, "root", "must be the address of a page below 2^56");
    int rc = hart_hold(m, hart);
    if (rc)
        return rc;
    struct guest_root r = {modes[mode], asid, root.v};
    rc = m->gt->mmu->root_set(m->guest, hart, &r);
    hart_let_go(m, hart);
    return rc ? bad(rc, "mode", "this hart has no such paging mode") : 0;
}

int mh_mmu_set_strict_align(struct mh_machine *m, bool strict)
{
    int rc = hart_hold_all(m);
    if (rc)
        return rc;
    m->gt->mmu->strict_set(m->guest, strict);
    hart_let_go_all(m);
    return 0;
}

int mh_mmu_get_strict_align(struct mh_machine *m, bool *strict)
{
    int rc = hart_hold(m, 0);
    if (rc)
        return rc;
    *strict = m->gt->mmu->strict_get(m->guest);
    hart_let_go(m, 0);
    return 0;
}

/* ---- flushing ------------------------------------------------------------------------------ */

int mh_mmu_flush_all(struct mh_machine *m, unsigned hart)
{
    int rc = hart_hold(m, hart);
    if (rc)
        return rc;
    m->gt->mmu->flush_all(m->guest, hart);
    hart_let_go(m, hart);
    return 0;
}

int mh_mmu_flush_asid(struct mh_machine *m, unsigned hart, uint16_t asid)
{
    int rc = hart_hold(m, hart);
    if (rc)
        return rc;
    m->gt->mmu->flush_asid(m->guest, hart, asid);
    hart_let_go(m, hart);
    return 0;
}

int mh_mmu_flush_page(struct mh_machine *m, unsigned hart, mh_gva va)
{
    int rc = hart_hold(m, hart);
    if (rc)
        return rc;
    m->gt->mmu->flush_page(m->guest, hart, va.v);
    hart_let_go(m, hart);
    return 0;
}

/* ---- the TLBs -------------------------------------------------------------------------------- */

static void fill_stats(const struct tlb_stats *s, struct mh_tlb_stats *out)
{
    *out = (struct mh_tlb_stats){
        .flush_all = s->flush_all,
        .flush_asid = s->flush_asid,
        .flush_page = s->flush_page,
        .resizes = s->resizes,
    };
    for (unsigned i = 0; i < ARRAY_LEN(accesses); i++) {
        out->misses[i] = s->misses[i] - s->victim_hits[i];
        out->victim_hits[i] = s->victim_hits[i];
    }
}

int mh_mmu_tlb_stats(struct mh_machine *m, unsigned hart, struct mh_tlb_stats *out)
{
    int rc = hart_hold(m, hart);
    if (rc)
        return rc;
    fill_stats(&tlb_of(m, hart)->stats, out);
    hart_let_go(m, hart);
    return 0;
}

static int hold_table(struct mh_machine *m, unsigned hart, enum mh_access kind)
{
    if ((unsigned)kind > MH_ACCESS_WRITE)
        return bad(-EINVAL, "kind", "there is no such TLB");
    return hart_hold(m, hart);
}

int mh_mmu_tlb_capacity(struct mh_machine *m, unsigned hart, enum mh_access kind, unsigned *entries)
{
    int rc = hold_table(m, hart, kind);
    if (rc)
        return rc;
    *entries = tlb_capacity(tlb_of(m, hart), (enum tlb_kind)accesses[kind]);
    hart_let_go(m, hart);
    return 0;
}

int mh_mmu_tlb_resize(struct mh_machine *m, unsigned hart, enum mh_access kind, unsigned entries)
{
    int rc = hold_table(m, hart, kind);
    if (rc)
        return rc;
    rc = tlb_resize(tlb_of(m, hart), (enum tlb_kind)accesses[kind], entries);
    hart_let_go(m, hart);
    return rc ? bad(rc, "entries", "must be a power of two from 256 to 16384") : 0;
}
