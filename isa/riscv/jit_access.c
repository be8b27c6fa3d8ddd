/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses of translated code that its streams and the TLB did not lead to
 * (struct jit_guest.slow).  On the hart's thread, in the middle of a block:
 * registers are in their slots.
 *
 * An access that the TLB can stand for gives its stream a new range, and is
 * tried again; all others are made here (access.c).
 */
#include "isa/riscv/jit_inside.h"
#include "mem/reserve.h"

#define WRITE_REACH 1024 /* pages to each side that a stream of writes may cover */

#define ALL_BYTES(v) (0x0101010101010101ull * (v))

/* The flags of eight pages from one whose number is a multiple of eight. */
static uint64_t flags_of_8(const struct physmem *pm, uint64_t page)
{
    return load_relaxed((const uint64_t *)(const void *)&pm->flags[page]);
}

static bool is_writable(const struct physmem *pm, uint64_t page)
{
    return !(load_relaxed(&pm->flags[page]) & PAGE_SLOW_WRITE);
}

/* How far the flags allow fast writes from page on: the page behind the last one. */
static uint64_t writable_up(const struct physmem *pm, uint64_t page, uint64_t end)
{
    uint64_t last = min_u64(end, page + WRITE_REACH);
    while (page < last && is_writable(pm, page))
        if (page % 8 == 0 && last - page >= 8 &&
            !(flags_of_8(pm, page) & ALL_BYTES(PAGE_SLOW_WRITE)))
            page += 8;
        else
            page++;
    return page;
}

/* And downwards: the first page. */
static uint64_t writable_down(const struct physmem *pm, uint64_t page)
{
    uint64_t first = page > WRITE_REACH ? page - WRITE_REACH : 0;
    while (page > first && is_writable(pm, page - 1))
        if (page % 8 == 0 && page - first >= 8 &&
            !(flags_of_8(pm, page - 8) & ALL_BYTES(PAGE_SLOW_WRITE)))
            page -= 8;
        else
            page--;
    return page;
}

static void mark_dirty(struct physmem *pm, uint64_t first, uint64_t end)
{
    for (uint64_t page = first; page < end;) {
        bool eight = page % 8 == 0 && end - page >= 8;
        if (eight && (flags_of_8(pm, page) & ALL_BYTES(PAGE_DIRTY)) == ALL_BYTES(PAGE_DIRTY)) {
            page += 8;
            continue;
        }
        physmem_flag_set(pm, pm->base + (page << PAGE_SHIFT), PAGE_DIRTY);
        page++;
    }
}

/* Where addresses are physical and PMP is open a stream may reach over all of RAM; those of U-mode
 * are of a page each (jit_region.by_page). */
static bool stream_is_bare(const struct rv_hart *h)
{
    return h->data_flat && !h->triggers && rv_stream_bank(h);
}

static const struct rv_jit_range *range_make(struct rv_hart *h, uint64_t page)
{
    struct physmem *pm = h->guest->env->pm;
    struct rv_jit_range *r = &h->jit.writable[h->jit.next_range++ % RV_JIT_RANGES];
    *r = (struct rv_jit_range){writable_down(pm, page),
                               writable_up(pm, page, pm->size >> PAGE_SHIFT),
                               h->hart.tlb.write_epoch + 1};
    mark_dirty(pm, r->first, r->end);
    return r;
}

/* The pages around one that may be written fast, of which the same holds. */
static const struct rv_jit_range *range_of(struct rv_hart *h, uint64_t page)
{
    for (unsigned i = 0; i < RV_JIT_RANGES; i++) {
        const struct rv_jit_range *r = &h->jit.writable[i];
        if (r->epoch == h->hart.tlb.write_epoch + 1 && page >= r->first && page < r->end)
            return r;
    }
    return range_make(h, page);
}

static bool stream_fill_bare(struct rv_hart *h, bool writes, unsigned stream, unsigned size,
                             gpa_t gpa)
{
    struct physmem *pm = h->guest->env->pm;
    uint64_t first = 0, end = pm->size >> PAGE_SHIFT, page = (gpa - pm->base) >> PAGE_SHIFT;
    if (writes) {
        const struct rv_jit_range *r = range_of(h, page);
        first = r->first;
        end = r->end;
        if (page < first || page >= end)
            return false; /* flagged just now: the request to drop it waits */
    }
    struct tlb_stream s = {pm->base + (first << PAGE_SHIFT),
                           ((end - first) << PAGE_SHIFT) - size + 1,
                           (uintptr_t)pm->host - pm->base};
    tlb_stream_set(&h->hart.tlb, writes ? TLB_STREAM_WRITE : TLB_STREAM_READ, stream, true, &s);
    return true;
}

/* Gives the site's stream the page of va, if the TLB has it.  False: it has not. */
static bool stream_fill(struct rv_hart *h, bool writes, unsigned stream, unsigned size, gva_t va)
{
    struct tlb *t = &h->hart.tlb;
    enum tlb_kind kind = writes ? TLB_WRITE : TLB_READ;
    const struct tlb_stream *run =
        writes ? NULL : tlb_run(t, va); /* never under U-mode's contexts */
    if (run) {
        tlb_stream_set_run(t, stream, run);
        return true;
    }
    const struct tlb_entry *e = tlb_slot(t, kind, va);
    gva_t page = va & PAGE_MASK;
    bool own = e->tag == (page | t->ctx[kind]);
    if (!tlb_matches(t, kind, e->tag, page) || va - page > PAGE_SIZE - size)
        return false;
    if (stream_is_bare(h))
        return stream_fill_bare(h, writes, stream, size, va);
    struct tlb_stream s = {page, PAGE_SIZE - size + 1, e->addend};
    tlb_stream_set(t, writes ? TLB_STREAM_WRITE : TLB_STREAM_READ, stream, own, &s);
    return true;
}

static bool access_c(struct rv_hart *h, enum jit_access what, unsigned size, unsigned op)
{
    struct jit_hart *r = &h->run;
    struct rv_load v = {0};
    switch (what) {
    case JIT_LOAD:
        v = rv_load_slow(h, r->va, size);
        break;
    case JIT_STORE:
        return rv_store_slow(h, r->va, size, r->value);
    case JIT_AMO:
        v = rv_amo_slow(h, r->va, size, (enum amo_op)op, r->value);
        break;
    case JIT_CAS:
        v = rv_cas_slow(h, r->va, size, r->value, r->desired);
        break;
    case JIT_LR:
        v = rv_pair_lr(h, r->va, size);
        break;
    case JIT_SC:
        v = rv_pair_sc(h, r->va, size, r->value, r->desired);
        fence_seq_cst(); /* one that wrote nothing may have taken no lock: jit_guest.slow */
        break;
    }
    r->value = v.value;
    return v.ok;
}

/* Whether the code makes the access itself once its stream has the page. */
static bool is_for_code(const struct jit_hart *r, unsigned size)
{
    return !(r->va & ((r->span ? jit_site_align(r->site) : size) - 1));
}

/* Whether the code would come back at once: reservations are C's business. */
static bool is_for_c(const struct rv_hart *h, enum jit_access what)
{
    return (what == JIT_LR && h->run.lr_exact) ||
           (what == JIT_SC && reservation_alive(&h->hart.reservation));
}

int rv_jit_access(void *hart)
{
    struct rv_hart *h = hart;
    struct jit_hart *r = &h->run;
    enum jit_access what = (enum jit_access)(r->site & 15);
    unsigned size = r->site >> 4 & 15, op = r->site >> 8 & 15;
    unsigned stream = r->site >> 16 & JIT_SITE_STREAM;
    unsigned bytes = r->span ? r->span >> 16 : size;
    h->insns += jit_point_retired(r->point);
    h->jit.stats.slow_accesses++;
    bool as_it_is =
        unlikely(r->looks < 0 || r->site == r->watched) && what < JIT_AMO && rv_jit_look(h);
    bool flat = r->site & JIT_SITE_FLAT;
    if (!as_it_is && !flat && !is_for_c(h, what) &&
        stream_fill(h, jit_site_writes(r->site), stream, bytes, r->va) && is_for_code(r, size))
        return JIT_SLOW_RETRY;
    r->va += r->span & 0xffff;
    bool ok = access_c(h, what, size, op);
    /* An LR may have served requests of other harts, which ask for attention. */
    if (what == JIT_LR && unlikely(h->attention))
        store_seq_cst(&h->hart.shared.until, 0);
    return ok ? JIT_SLOW_DONE : JIT_SLOW_FAULT;
}
