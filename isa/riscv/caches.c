/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caches of the RISC-V guest under one interface (isa/guest.h): the
 * translations and the decoded code of the machine, the TLB of a hart.  Called
 * by sim/ on a thread that is attached to the hart, which does not run.
 *
 * What is in them follows from the guest's memory and state, so setting an
 * entry means to make it now.  Translations live and die with the decoded page
 * of their bytes: removing one removes the page.
 */
#include "isa/riscv/jit.h"
#include "isa/riscv/ops.h"

#include <errno.h>

/* One fetch at va. */
struct place {
    struct rv_hart *h;
    struct rv_code_cache *code;
    gpa_t gpa;
};

static int place_find(struct guest *g, unsigned hart, gva_t va, struct place *out)
{
    struct rv_guest *rv = (struct rv_guest *)g;
    struct walk_result at;
    if (va & 1 || rv_mmu_ops.translate(g, hart, va, ACCESS_FETCH, -1, &at) != WALK_OK ||
        !physmem_contains(rv->env->pm, at.gpa, 2))
        return -EFAULT;
    *out = (struct place){rv->harts[hart], rv->code, at.gpa};
    return 0;
}

static unsigned place_slot(const struct place *p)
{
    return (unsigned)(p->gpa & ~PAGE_MASK) / 2;
}

/* --- translations --- */

static int code_get(struct guest *g, unsigned hart, gva_t va, uint64_t *value)
{
    struct place p;
    int rc = place_find(g, hart, va, &p);
    const struct rv_op *ops = rc ? NULL : rv_code_peek(p.code, p.gpa);
    *value = ops && p.h->guest->jit ? rv_jit_lookup(p.h, ops, place_slot(&p)) : 0;
    return *value ? 0 : -ENOENT;
}

static int code_set(struct guest *g, unsigned hart, gva_t va)
{
    return rv_hot_ops.precompile(g, hart, va);
}

static int code_clear(struct guest *g, unsigned hart)
{
    (void)hart;
    return rv_hot_ops.clear(g);
}

/* --- decoded code --- */

static int decode_get(struct guest *g, unsigned hart, gva_t va, uint64_t *value)
{
    struct place p;
    int rc = place_find(g, hart, va, &p);
    const struct rv_op *ops = rc ? NULL : rv_code_peek(p.code, p.gpa);
    if (!ops || load_relaxed(&ops[place_slot(&p)].fn) == rv_handlers.decode)
        return -ENOENT;
    *value = p.gpa;
    return 0;
}

static int decode_set(struct guest *g, unsigned hart, gva_t va)
{
    struct place p;
    int rc = place_find(g, hart, va, &p);
    if (rc)
        return rc;
    rv_code_enter(p.code, p.h);
    const struct rv_op *ops = rv_code_page(p.code, p.h, p.gpa);
    if (ops && load_relaxed(&ops[place_slot(&p)].fn) == rv_handlers.decode)
        rv_code_decode(p.code, p.h, &ops[place_slot(&p)]);
    rv_code_leave(p.code, p.h);
    return ops ? 0 : -EAGAIN;
}

static bool every_page(void *opaque, struct rv_jit_page *p)
{
    (void)opaque;
    (void)p;
    return true;
}

static int decode_clear(struct guest *g, unsigned hart)
{
    (void)hart;
    rv_code_give_up_if(((struct rv_guest *)g)->code, every_page, NULL);
    return 0;
}

/* Of both: get says whether it is there, the page goes. */
static int page_remove(struct guest *g, unsigned hart, gva_t va,
                       int (*get)(struct guest *g, unsigned hart, gva_t va, uint64_t *value))
{
    struct place p;
    uint64_t value;
    int rc = get(g, hart, va, &value);
    if (!rc)
        rc = place_find(g, hart, va, &p);
    if (!rc)
        rv_code_written(p.code, p.gpa, 1);
    return rc;
}

static int code_remove(struct guest *g, unsigned hart, gva_t va)
{
    return page_remove(g, hart, va, code_get);
}

static int decode_remove(struct guest *g, unsigned hart, gva_t va)
{
    return page_remove(g, hart, va, decode_get);
}

/* --- the TLB: what loads go through --- */

static int tlb_get(struct guest *g, unsigned hart, gva_t va, uint64_t *value)
{
    struct rv_guest *rv = (struct rv_guest *)g;
    const struct physmem *pm = rv->env->pm;
    const struct tlb_entry *e = tlb_lookup_slow(&rv->harts[hart]->hart.tlb, TLB_READ, va);
    if (!e)
        return -ENOENT;
    *value = (uintptr_t)(va + e->addend) - (uintptr_t)physmem_host(pm, pm->base) + pm->base;
    return 0;
}

static int tlb_set(struct guest *g, unsigned hart, gva_t va)
{
    (void)g;
    (void)hart;
    (void)va;
    return -ENOTSUP;
}

static int tlb_remove(struct guest *g, unsigned hart, gva_t va)
{
    uint64_t value;
    int rc = tlb_get(g, hart, va, &value);
    if (!rc)
        rv_mmu_ops.flush_page(g, hart, va);
    return rc;
}

static int tlb_clear(struct guest *g, unsigned hart)
{
    rv_mmu_ops.flush_all(g, hart);
    return 0;
}

const struct guest_cache_ops rv_cache_ops[GUEST_CACHES] = {
    [GUEST_CACHE_CODE] = {code_get, code_set, code_remove, code_clear},
    [GUEST_CACHE_DECODE] = {decode_get, decode_set, decode_remove, decode_clear},
    [GUEST_CACHE_TLB] = {tlb_get, tlb_set, tlb_remove, tlb_clear},
};
