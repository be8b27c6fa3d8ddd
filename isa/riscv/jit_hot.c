/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others may ask of the translating engines: thresholds, translating ahead,
 * forgetting (guest_hot_ops), and whether there is code.  Threads as said in
 * isa/guest.h.
 */
#include <errno.h>

#include "isa/riscv/jit_inside.h"

uintptr_t rv_jit_lookup(const struct rv_hart *h, const struct rv_op *ops, unsigned slot)
{
    const struct rv_jit *j = h->guest->jit;
    const struct rv_jit_page *p = load_acquire(rv_code_jit(j->g->code, ops));
    bool any;
    uint32_t at = p ? rv_jit_entry(p, rv_jit_mode_now(h), slot, &any) : 0;
    return at ? codemem_base(j->mem) + at - 1 : 0;
}

uint64_t rv_jit_evictions(const struct rv_jit *j)
{
    return load_relaxed(&j->evictions);
}

static bool has_translations(void *opaque, struct rv_jit_page *p)
{
    (void)opaque;
    return p;
}

void rv_jit_clear(struct rv_jit *j)
{
    (void)rv_code_give_up_if(j->g->code, has_translations, NULL);
    rv_code_reclaim(j->g->code);
    /* Those that are inside go on in what is given up until they look. */
    for (unsigned i = 0; i < j->g->cfg.harts; i++)
        hart_kick(&j->g->harts[i]->hart, 0);
}

static struct rv_jit *hot_jit(struct guest *g)
{
    return ((struct rv_guest *)g)->jit;
}

static int hot_threshold_get(struct guest *g, unsigned *min, unsigned *max)
{
    const struct rv_jit *j = hot_jit(g);
    if (!j)
        return -ENOTSUP;
    *min = load_relaxed(&j->threshold_min);
    *max = load_relaxed(&j->threshold_max);
    return 0;
}

static int hot_threshold_set(struct guest *g, unsigned min, unsigned max)
{
    struct rv_jit *j = hot_jit(g);
    if (!j)
        return -ENOTSUP;
    store_relaxed(&j->threshold_min, min);
    store_relaxed(&j->threshold_max, max);
    return 0;
}

static int hot_clear(struct guest *g)
{
    if (!hot_jit(g))
        return -ENOTSUP;
    rv_jit_clear(hot_jit(g));
    return 0;
}

/* Inside the code cache. */
static int precompile(struct rv_jit *j, struct rv_hart *h, gva_t va, gpa_t gpa)
{
    const struct rv_op *ops = NULL;
    /* Another page that is given up at the same time makes it begin again. */
    for (unsigned tries = 0; !ops && tries < 100; tries++)
        ops = rv_code_page(j->g->code, h, gpa);
    struct rv_jit_page *p = ops ? rv_jit_page_of(j, ops) : NULL;
    h->jit.mode = rv_jit_mode_now(h);
    bool any;
    if (p && rv_jit_entry(p, h->jit.mode, (unsigned)(va & ~PAGE_MASK) / 2, &any))
        return 0;
    struct rv_jit_job job = {ops, p, va, h->jit.mode, false};
    if (!p || rv_jit_translate(j, &h->jit.maker, &job))
        return -ENOSPC;
    h->jit.stats.ahead++;
    return 0;
}

static int hot_precompile(struct guest *g, unsigned hart, gva_t va)
{
    struct rv_jit *j = hot_jit(g);
    struct walk_result at;
    if (!j)
        return -ENOTSUP;
    struct rv_hart *h = j->g->harts[hart];
    if (va & 1 || va & h->fetch_mask & ~PAGE_MASK ||
        rv_mmu_ops.translate(g, hart, va, ACCESS_FETCH, -1, &at) != WALK_OK ||
        !physmem_contains(j->g->env->pm, at.gpa, 2))
        return -EFAULT;
    rv_code_enter(j->g->code, h);
    int rc = precompile(j, h, va, at.gpa);
    rv_code_leave(j->g->code, h);
    return rc;
}

static void hot_announce(struct guest *g, unsigned processors)
{
    if (hot_jit(g))
        rv_jit_announce(hot_jit(g), processors);
}

static void hot_serve(struct guest *g)
{
    if (hot_jit(g))
        rv_jit_serve(hot_jit(g));
}

static void hot_retire(struct guest *g)
{
    if (hot_jit(g))
        rv_jit_retire(hot_jit(g));
}

const struct guest_hot_ops rv_hot_ops = {
    .threshold_get = hot_threshold_get,
    .threshold_set = hot_threshold_set,
    .clear = hot_clear,
    .precompile = hot_precompile,
    .announce = hot_announce,
    .serve = hot_serve,
    .retire = hot_retire,
};
