/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which places access another page most times.  Their streams (mem/tlb.h) lead
 * nowhere: each access goes through the routine that gives the stream its new
 * page, at three times the price of looking in the TLB right away.
 *
 * Only the place knows what it does, and counting all accesses would cost more
 * than it tells.  So one in some thousand misses is looked at: for the next few
 * accesses of its place the stream stays empty, all of them come here, and it is
 * seen how many were to the page of the one before.  A place that scatters is
 * kept in mind by its physical address; others may do so later and are looked at
 * again.  When some were found in a page of code its translations are given up,
 * and the next ones look in the TLB at these places (jit_region.scattered).
 *
 * On the harts' threads, in the middle of a block.  What is forgotten, or about
 * other bytes by now, is only slow.
 */
#include "isa/riscv/jit_inside.h"

#define WATCHED  16 /* accesses of the place until the verdict */
#define SAME_MAX 7  /* so many to the page of the one before are still few */
#define HEAT_MAX 4  /* looks that found scattered places in a page's translations */

/* --- verdicts --- */

enum verdict { NONE, SCATTERS, SCATTERS_GLOBAL };

/*
 * A place has the choice of two words.  In one is its address, but for the upper bits, above the
 * verdict; 0: nobody's.
 */
static uint32_t *word_of(struct rv_jit *j, gpa_t insn, unsigned which)
{
    uint64_t place = insn >> 1;
    return &j->place[((place ^ place >> 13) % RV_JIT_PLACES) ^ which];
}

static uint32_t address_of(gpa_t insn)
{
    return (uint32_t)(insn >> 1) << 2;
}

static enum verdict verdict_of(struct rv_jit *j, gpa_t insn)
{
    for (unsigned which = 0; which < 2; which++) {
        uint32_t word = load_relaxed(word_of(j, insn, which));
        if ((word & ~3u) == address_of(insn))
            return (enum verdict)(word & 3);
    }
    return NONE;
}

static void give_verdict(struct rv_jit *j, gpa_t insn, enum verdict v)
{
    bool taken = load_relaxed(word_of(j, insn, 0));
    store_relaxed(word_of(j, insn, taken), address_of(insn) | v);
}

void rv_jit_scattered(struct rv_jit *j, gpa_t page, const struct jit_region *r,
                      struct jit_scattered *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned k = 0; k < r->count; k++) {
        const struct ir_block *b = &r->blocks[k].ir;
        for (unsigned n = 1; n < b->count; n++) {
            const struct ir_insn *i = &b->insns[n];
            if (i->op != IR_load && i->op != IR_store)
                continue;
            unsigned disp = (unsigned)b->insns[i->point].disp, slot = disp / 2;
            enum verdict v = verdict_of(j, page + disp);
            out->here[slot / 64] |= (uint64_t)(v != NONE) << (slot % 64);
            out->global[slot / 64] |= (uint64_t)(v == SCATTERS_GLOBAL) << (slot % 64);
        }
    }
}

/* --- looking --- */

static bool is_page(void *page, struct rv_jit_page *p)
{
    return p == page;
}

/* A place that should look in the TLB does not. */
static void heat(struct rv_jit *j, const struct rv_op *ops)
{
    struct rv_jit_page *p = load_acquire(rv_code_jit(j->g->code, ops));
    if (!p || fetch_add_acq_rel(&p->heat, 1) + 1 != HEAT_MAX)
        return;
    if (!rv_code_give_up_if(j->g->code, is_page, p))
        return;
    for (unsigned i = 0; i < j->g->cfg.harts; i++)
        hart_kick(&j->g->harts[i]->hart, 0);
}

/* The decoded page that runs, if the TLB still has it. */
static const struct rv_op *running_page(struct rv_hart *h)
{
    const struct tlb_entry *e = tlb_lookup_slow(&h->hart.tlb, TLB_FETCH, h->page_va);
    return e ? (const struct rv_op *)(uintptr_t)e->addend : NULL;
}

static gva_t running_pc(const struct rv_hart *h)
{
    return h->page_va | jit_point_disp(h->run.point);
}

/* Takes the place of the access in view; false: there is no need. */
static bool begin(struct rv_jit *j, struct rv_hart *h)
{
    const struct rv_op *ops = running_page(h);
    if (!ops || jit_site_settled(h->run.site) || j->cfg.level < 2)
        return false;
    gpa_t insn = rv_code_gpa(j->g->code, ops) | jit_point_disp(h->run.point);
    if (verdict_of(j, insn) != NONE) {
        heat(j, ops);
        return false;
    }
    h->jit.watch = (struct rv_jit_watch){.pc = running_pc(h), .insn = insn, .ops = ops};
    return true;
}

/* Whether the TLB has the page of the access in its global context. */
static bool is_global(const struct rv_hart *h)
{
    const struct tlb *t = &h->hart.tlb;
    gva_t va = h->run.va;
    enum tlb_kind kind = jit_site_writes(h->run.site) ? TLB_WRITE : TLB_READ;
    return tlb_slot(t, kind, va)->tag == ((va & PAGE_MASK) | t->global[kind]);
}

static void judge(struct rv_jit *j, struct rv_hart *h, const struct rv_jit_watch *w)
{
    if (w->same > SAME_MAX)
        return;
    give_verdict(j, w->insn, is_global(h) ? SCATTERS_GLOBAL : SCATTERS);
    h->jit.stats.scattered++;
    if (running_page(h) == w->ops)
        heat(j, w->ops);
}

/* One more access of the place in view; true: it was the last one. */
static bool is_last(struct rv_hart *h, struct rv_jit_watch *w)
{
    gva_t va = h->run.va, page = va >> PAGE_SHIFT;
    unsigned size = h->run.site >> 4 & 15;
    /* What is misaligned is for the stream. */
    w->same += page == w->page || va & (size - 1);
    w->page = page;
    return ++w->seen == WATCHED;
}

bool rv_jit_look(struct rv_hart *h)
{
    struct rv_jit *j = h->guest->jit;
    struct rv_jit_watch *w = &h->jit.watch;
    struct jit_hart *r = &h->run;
    if (r->looks < 0) {
        r->looks = (int32_t)j->cfg.looks;
        r->watched = begin(j, h) ? r->site : 0;
    }
    if (r->site != r->watched)
        return false;
    if (w->pc == running_pc(h) && is_last(h, w)) {
        judge(j, h, w);
        r->watched = 0;
        return false;
    }
    tlb_stream_forget(&h->hart.tlb, jit_site_writes(r->site) ? TLB_STREAM_WRITE : TLB_STREAM_READ,
                      r->site >> 16 & JIT_SITE_STREAM);
    return true;
}
