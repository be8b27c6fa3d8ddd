/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engines jit and hybrid: finding translated code, making it, running it.
 * On the harts' threads.
 *
 * Translations hang on the decoded page (codecache.c) of their bytes and live as
 * long: a write to the page gives it up, and the memory of its code is used
 * again when no hart can be inside.  In a page code is found by offset and by
 * mode, which is what it may assume (struct rv_assume).  Code of one page jumps
 * to code of the same page and mode directly; all else goes through the hart's
 * jump cache, which has a bank for each fetch context and mode.
 *
 * Making code takes no lock: a hart fills a chunk of its own and enters what it
 * made with one compare-and-swap; who comes second throws its own away.
 *
 * When all chunks are taken, the pages that have code in the oldest one are
 * given up, and the harts are asked to look up; until the chunk is free the
 * interpreter goes on.
 */
#include "isa/riscv/jit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/fp.h"
#include "isa/riscv/jit_dump.h"
#include "isa/riscv/ops.h"
#include "isa/riscv/region.h"
#include "isa/riscv/sem_calls.h"
#include "jit/pass.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/log.h"

#define MODES 3 /* of struct rv_assume */

/*
 * How many instructions a hart that found no room interprets before it looks again.  A look costs
 * as much as translating and some locks; with one per block Linux in a cache of 256 KiB ran at less
 * than a million instructions a second.
 */
#define STARVED_INSNS 16384

struct rv_jit_page {
    uint32_t *entry[MODES];  /* by halfword: distance of its code plus 1, 0: none; atomic */
    uint8_t count[RV_SLOTS]; /* executions by the interpreter; atomic, may miss some */
    uint64_t *chunks;        /* a bit for each that has code of it; atomic */
};

struct rv_jit {
    struct rv_guest *g;
    const struct jit_host *host;
    struct codemem *mem;
    struct jit_stubs stubs;
    struct jit_guest guest;
    struct rv_jit_config cfg;
    unsigned chunk_words;
    /* Executions before code is translated, in a page that has translations and in one that has
     * none.  Any thread, atomic. */
    unsigned threshold_min, threshold_max;
    uint64_t evictions; /* pages given up to make room; atomic */

    CACHE_ALIGNED struct lock lock; /* RANK_TRANSLATION: what follows */
    struct chunk {
        unsigned pages; /* that have code in it */
        uint64_t age;   /* when it was taken; 0: free */
        bool filling;   /* a hart writes to it */
        bool evicted;   /* its pages were given up */
    } * chunk;
    uint64_t taken;
};

/* --- the machine's part --- */

/* Slots by falling use in compiled code: sp, s0, a0, a5, a4, a1, a2, a3, s1, ra. */
static const uint8_t border[] = {2, 8, 10, 15, 14, 11, 12, 13, 9, 1, 0};

static int slow_access(void *hart);

const struct jit_guest rv_jit_guest = {
    .ir = &rv_ir_guest,
    .insns = offsetof(struct rv_hart, insns),
    .until = offsetof(struct rv_hart, hart.shared.until),
    .page_va = offsetof(struct rv_hart, page_va),
    .pc = offsetof(struct rv_hart, pc),
    .tlb = offsetof(struct rv_hart, hart.tlb),
    .jit = offsetof(struct rv_hart, jit.run),
    .bias = offsetof(struct rv_hart, x[16]),
    .border = border,
    .paged = offsetof(struct rv_hart, mmu_data_on),
    .fp_slots = 0xffffffffull << RV_SLOT_F0,
    .inlines = rv_jit_inlines,
    .slow = slow_access,
};

static int make_stubs(struct rv_jit *j)
{
    int chunk = codemem_take(j->mem);
    struct jit_room room = codemem_room(j->mem, chunk);
    j->chunk[chunk].age = ++j->taken;
    j->chunk[chunk].filling = true; /* for ever: the stubs are in it */
    int rc = j->host->stubs(&j->stubs, &j->guest, &room);
    if (!rc)
        rv_jit_dump_begin(j->cfg.dump, j->cfg.perf_map, j->host->name, &room);
    return rc;
}

int rv_jit_create(struct rv_jit **out, struct rv_guest *g, const struct rv_jit_config *cfg)
{
    const struct jit_host *host = jit_host();
    if (!host)
        return error_set(MH_ERROR_EXECUTION, -ENOTSUP, "engine", "jit",
                         "there is no translator for this processor");
    struct rv_jit *j = aligned_alloc(CACHE_LINE, align_up(sizeof(*j), CACHE_LINE));
    if (!j)
        return -ENOMEM;
    memset(j, 0, sizeof(*j));
    *j = (struct rv_jit){.g = g,
                         .host = host,
                         .guest = rv_jit_guest,
                         .cfg = *cfg,
                         .threshold_min = cfg->threshold,
                         .threshold_max = cfg->threshold};
    lock_init(&j->lock, RANK_TRANSLATION);
    int rc = codemem_create(&j->mem, cfg->cache_bytes);
    if (!rc) {
        j->chunk_words = (codemem_chunks(j->mem) + 63) / 64;
        j->chunk = calloc(codemem_chunks(j->mem), sizeof(*j->chunk));
        rc = j->chunk ? make_stubs(j) : -ENOMEM;
    }
    if (rc) {
        rv_jit_destroy(j);
        return rc;
    }
    *out = j;
    return 0;
}

void rv_jit_destroy(struct rv_jit *j)
{
    if (!j)
        return;
    codemem_destroy(j->mem);
    free(j->chunk);
    free(j);
}

void rv_jit_hart_fini(struct rv_hart *h)
{
    for (unsigned i = 0; i < RV_JIT_BANKS; i++)
        free(h->jit.bank[i].jumps);
    free(h->jit.builder);
}

/* --- chunks --- */

static void chunk_settle_locked(struct rv_jit *j, unsigned i)
{
    struct chunk *c = &j->chunk[i];
    if (c->pages || c->filling || !c->age)
        return;
    *c = (struct chunk){0};
    codemem_give_back(j->mem, (int)i);
}

/* The hart fills its chunk no more. */
static void chunk_leave(struct rv_jit *j, struct rv_hart *h)
{
    if (!h->jit.room.size)
        return;
    lock_take(&j->lock);
    j->chunk[h->jit.chunk].filling = false;
    chunk_settle_locked(j, (unsigned)h->jit.chunk);
    lock_drop(&j->lock);
    h->jit.room.size = 0;
}

/* The chunk taken longest ago that nobody fills and that was not evicted yet, or -1. */
static int chunk_oldest_locked(const struct rv_jit *j)
{
    int oldest = -1;
    for (unsigned i = 0; i < codemem_chunks(j->mem); i++) {
        const struct chunk *c = &j->chunk[i];
        if (c->age && !c->filling && !c->evicted && (oldest < 0 || c->age < j->chunk[oldest].age))
            oldest = (int)i;
    }
    return oldest;
}

static bool page_in_chunk(void *opaque, struct rv_jit_page *p)
{
    int chunk = *(const int *)opaque;
    return p && load_relaxed(&p->chunks[chunk / 64]) >> (chunk % 64) & 1;
}

/* The chunk to be emptied next, or -1: one is being emptied, or there is none. */
static int chunk_evict_locked(struct rv_jit *j)
{
    for (unsigned i = 0; i < codemem_chunks(j->mem); i++)
        if (j->chunk[i].evicted)
            return -1;
    int chunk = chunk_oldest_locked(j);
    if (chunk >= 0)
        j->chunk[chunk].evicted = true;
    return chunk;
}

/* Makes room: not at once, but when all harts have looked up. */
static void evict(struct rv_jit *j)
{
    lock_take(&j->lock);
    int chunk = chunk_evict_locked(j);
    lock_drop(&j->lock);
    if (chunk >= 0)
        fetch_add_acq_rel(&j->evictions, rv_code_give_up_if(j->g->code, page_in_chunk, &chunk));
    for (unsigned i = 0; i < j->g->cfg.harts; i++)
        hart_kick(&j->g->harts[i]->hart, 0);
}

/* A fresh chunk for the hart; false: there is none now. */
static bool chunk_next(struct rv_jit *j, struct rv_hart *h)
{
    chunk_leave(j, h);
    int chunk = codemem_take(j->mem);
    if (chunk < 0) {
        rv_code_reclaim(j->g->code);
        chunk = codemem_take(j->mem);
    }
    if (chunk < 0) {
        evict(j);
        /* As long as we are inside, what is given up is not free. */
        h->jit.starved = h->jit.leaves = true;
        h->jit.starved_at = h->insns;
        return false;
    }
    lock_take(&j->lock);
    j->chunk[chunk] = (struct chunk){.age = ++j->taken, .filling = true};
    lock_drop(&j->lock);
    h->jit.chunk = chunk;
    h->jit.room = codemem_room(j->mem, chunk);
    return true;
}

/* --- pages --- */

static struct rv_jit_page *page_make(struct rv_jit *j)
{
    struct rv_jit_page *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->chunks = calloc(j->chunk_words, sizeof(*p->chunks));
    if (!p->chunks) {
        free(p);
        return NULL;
    }
    return p;
}

static void page_discard(struct rv_jit_page *p)
{
    for (unsigned m = 0; m < MODES; m++)
        free(p->entry[m]);
    free(p->chunks);
    free(p);
}

void rv_jit_page_free(struct rv_jit *j, struct rv_jit_page *p)
{
    if (!p)
        return;
    lock_take(&j->lock);
    for (unsigned i = 0; i < codemem_chunks(j->mem); i++)
        if (p->chunks[i / 64] >> (i % 64) & 1) {
            j->chunk[i].pages--;
            chunk_settle_locked(j, i);
        }
    lock_drop(&j->lock);
    page_discard(p);
}

/* The page's translations; NULL: no memory. */
static struct rv_jit_page *page_of(struct rv_jit *j, const struct rv_op *ops)
{
    struct rv_jit_page **place = rv_code_jit(j->g->code, ops);
    struct rv_jit_page *p = load_acquire(place);
    if (likely(p))
        return p;
    struct rv_jit_page *fresh = page_make(j);
    if (fresh && cas_seq_cst(place, &p, fresh))
        return fresh;
    if (fresh)
        page_discard(fresh);
    return p;
}

static uint32_t *entries_of(struct rv_jit_page *p, unsigned mode)
{
    uint32_t *e = load_acquire(&p->entry[mode]);
    if (likely(e))
        return e;
    uint32_t *fresh = calloc(RV_SLOTS, sizeof(*fresh));
    if (fresh && cas_seq_cst(&p->entry[mode], &e, fresh))
        return fresh;
    free(fresh);
    return e;
}

static void page_note_chunk(struct rv_jit *j, struct rv_jit_page *p, unsigned chunk)
{
    uint64_t bit = 1ull << (chunk % 64);
    if (fetch_or_seq_cst(&p->chunks[chunk / 64], bit) & bit)
        return;
    lock_take(&j->lock);
    j->chunk[chunk].pages++;
    lock_drop(&j->lock);
}

/* --- translating --- */

static struct rv_assume assume_of(unsigned mode)
{
    return (struct rv_assume){.fp_dirty = mode >= 1, .fp_rne = mode == 2};
}

static unsigned mode_now(const struct rv_hart *h)
{
    if ((h->csr.mstatus & MSTATUS_FS) != MSTATUS_FS)
        return 0;
    return h->csr.frm == FP_RNE && rv_fp_ready(h, FP_RNE) ? 2 : 1;
}

/* Enters what was compiled; true if the region's own beginning is new. */
static bool publish(struct rv_jit *j, uint32_t *entries, const struct jit_region *r,
                    const struct jit_code *code, unsigned offset)
{
    bool ours = false;
    for (unsigned k = 0; k < r->count; k++) {
        if (!code->entry[k])
            continue;
        uint32_t none = 0;
        bool won = cas_seq_cst(&entries[r->blocks[k].disp / 2], &none,
                               (uint32_t)(code->entry[k] - codemem_base(j->mem)) + 1);
        ours |= won && r->blocks[k].disp == offset;
    }
    return ours;
}

static void optimize(const struct rv_jit *j, struct rv_region_builder *b)
{
    for (unsigned k = 0; k < b->region.count; k++)
        ir_optimize(&b->blocks[k].ir, j->cfg.passes, NULL, NULL);
}

static struct rv_region_limits limits_of(const struct rv_jit *j, bool executed_only)
{
    return (struct rv_region_limits){
        .blocks = j->cfg.level < 2 ? 1 : JIT_BLOCKS_MAX,
        .insns = j->cfg.region_insns,
        .executed_only = executed_only,
        .own_map = j->cfg.level > 2,
    };
}

/* Compiles, in a fresh chunk if this one is full; smaller and smaller regions if it is too much. */
static int compile(struct rv_jit *j, struct rv_hart *h, const struct rv_op *ops, unsigned offset,
                   bool executed_only, struct jit_code *code)
{
    struct rv_region_builder *b = h->jit.builder;
    struct rv_assume assume = assume_of(h->jit.mode);
    gpa_t gpa = rv_code_gpa(j->g->code, ops);
    struct rv_region_limits limits = limits_of(j, executed_only);
    bool fresh = false;
    for (;;) {
        rv_region_build(b, j->g, &assume, ops, physmem_host(j->g->env->pm, gpa), offset, &limits);
        optimize(j, b);
        b->region.guest = &j->guest;
        b->region.stream_base = (unsigned)(gpa >> PAGE_SHIFT) * 64 + offset / 16;
        int rc = h->jit.room.size ? j->host->compile(&b->region, &j->stubs, &h->jit.room, code)
                                  : -ENOSPC;
        if (!rc || rc == -ENOMEM)
            return rc;
        if (rc == -ENOSPC && !fresh) {
            if (!chunk_next(j, h))
                return -ENOSPC;
            fresh = true;
            continue;
        }
        if (limits.insns == 1)
            return rc;
        limits.insns /= 4;
        limits.blocks = limits.blocks / 4 ? limits.blocks / 4 : 1;
        limits.insns = limits.insns ? limits.insns : 1;
    }
}

static void tell(const struct rv_jit *j, const struct rv_hart *h, const struct rv_op *ops, gva_t pc,
                 const struct jit_code *code)
{
    gpa_t page = rv_code_gpa(j->g->code, ops);
    struct rv_jit_dump d = {
        .builder = h->jit.builder,
        .exts = &j->g->exts,
        .page_va = pc & PAGE_MASK,
        .page = page,
        .code = physmem_host(j->g->env->pm, page),
        .host = code,
        .bytes = codemem_rw(j->mem, code->start),
        .offset = (unsigned)(pc & ~PAGE_MASK),
    };
    if (j->cfg.dump)
        rv_jit_dump(j->cfg.dump, &d);
    if (j->cfg.perf_map)
        rv_jit_map(j->cfg.perf_map, &d);
}

static uintptr_t translate(struct rv_jit *j, struct rv_hart *h, const struct rv_op *ops,
                           struct rv_jit_page *p, gva_t pc, bool executed_only)
{
    struct jit_code code;
    unsigned offset = (unsigned)(pc & ~PAGE_MASK);
    uint32_t *entries = entries_of(p, h->jit.mode);
    uint64_t start = clock_now_ns();
    if (!h->jit.builder)
        h->jit.builder = malloc(sizeof(*h->jit.builder));
    if (!entries || !h->jit.builder)
        return 0;
    if (compile(j, h, ops, offset, executed_only, &code))
        return 0;
    if (unlikely(j->cfg.dump || j->cfg.perf_map))
        tell(j, h, ops, pc, &code);
    page_note_chunk(j, p, (unsigned)h->jit.chunk);
    (void)publish(j, entries, &h->jit.builder->region, &code, offset);
    h->jit.stats.translations++;
    h->jit.stats.blocks += h->jit.builder->region.count;
    h->jit.stats.translated_insns += h->jit.builder->insns;
    h->jit.stats.code_bytes += code.size;
    h->jit.stats.translate_ns += clock_now_ns() - start;
    return codemem_base(j->mem) + load_acquire(&entries[offset / 2]) - 1;
}

/* --- finding --- */

/* The decoded page of pc as the TLB has it; NULL: the interpreter is to fetch there. */
static const struct rv_op *page_at(struct rv_hart *h, gva_t pc)
{
    if (unlikely(h->triggers) || pc & 1 || pc & h->fetch_mask & ~PAGE_MASK)
        return NULL;
    const struct tlb_entry *e = tlb_lookup_slow(&h->hart.tlb, TLB_FETCH, pc);
    return e ? (const struct rv_op *)(uintptr_t)e->addend : NULL;
}

/* Code for pc, or 0: it is not warm, or there is none to be had. */
static uintptr_t find(struct rv_jit *j, struct rv_hart *h, gva_t pc, bool everything)
{
    const struct rv_op *ops = page_at(h, pc);
    struct rv_jit_page *p = ops ? page_of(j, ops) : NULL;
    if (!p)
        return 0;
    unsigned slot = (unsigned)(pc & ~PAGE_MASK) / 2;
    const uint32_t *entries = load_acquire(&p->entry[h->jit.mode]);
    uint32_t at = entries ? load_acquire(&entries[slot]) : 0;
    if (at)
        return codemem_base(j->mem) + at - 1;
    uint8_t count = load_relaxed(&p->count[slot]);
    unsigned threshold = everything ? 1
                         : entries  ? load_relaxed(&j->threshold_min)
                                    : load_relaxed(&j->threshold_max);
    if (count + 1u < threshold) {
        store_relaxed(&p->count[slot], (uint8_t)(count + 1));
        return 0;
    }
    if (unlikely(h->jit.starved)) {
        if (h->insns - h->jit.starved_at < STARVED_INSNS)
            return 0;
        h->jit.starved = false;
    }
    h->jit.stats.hot++;
    return translate(j, h, ops, p, pc, threshold > 1);
}

/* --- the jump cache --- */

static void bank_clear(struct rv_hart *h, struct rv_jit_bank *b)
{
    bool few = b->filled <= RV_JIT_FILLED;
    for (unsigned i = 0; i < (few ? b->filled : JIT_JUMPS); i++)
        b->jumps[few ? b->place[i] : i].va = 1;
    b->filled = 0;
    h->jit.stats.jumps_cleared++;
}

/* The bank for the key; false: no memory. */
static bool bank_select(struct rv_hart *h, uint64_t key)
{
    struct rv_jit_hart *j = &h->jit;
    struct rv_jit_bank *b = NULL;
    for (unsigned i = 0; i < RV_JIT_BANKS && !b; i++)
        if (j->bank[i].jumps && j->bank[i].key == key)
            b = &j->bank[i];
    bool known = b;
    if (!b)
        b = &j->bank[j->next_bank++ % RV_JIT_BANKS];
    if (!b->jumps) {
        b->jumps = aligned_alloc(CACHE_LINE, JIT_JUMPS * sizeof(*b->jumps));
        b->filled = JIT_JUMPS;
    }
    if (!b->jumps)
        return false;
    if (!known || b->epoch != h->hart.tlb.fetch_epoch)
        bank_clear(h, b);
    b->key = key;
    b->epoch = h->hart.tlb.fetch_epoch;
    j->now = b;
    j->run.jumps = b->jumps;
    return true;
}

/* Makes mode and bank those that fit the hart's state. */
static bool settle(struct rv_hart *h)
{
    unsigned mode = mode_now(h);
    uint64_t key = h->hart.tlb.ctx[TLB_FETCH] | mode;
    struct rv_jit_bank *b = h->jit.now;
    h->jit.mode = mode;
    if (likely(b && b->key == key && b->epoch == h->hart.tlb.fetch_epoch))
        return true;
    return bank_select(h, key);
}

/* --- accesses off the fast path --- */

static enum tlb_stream_kind stream_kind(enum jit_access what)
{
    return what == JIT_LOAD ? TLB_STREAM_READ : TLB_STREAM_WRITE;
}

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

/* Where addresses are physical and PMP is open a stream may reach over all of RAM. */
static bool stream_is_bare(const struct rv_hart *h)
{
    bool open = rv_data_priv(h) == PRIV_M ? h->csr.pmp_m_open : h->csr.pmp_su_open;
    return !h->mmu_data_on && !h->masked_bits && !h->triggers && open;
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

static bool stream_fill_bare(struct rv_hart *h, enum jit_access what, unsigned stream,
                             unsigned size, gpa_t gpa)
{
    struct physmem *pm = h->guest->env->pm;
    uint64_t first = 0, end = pm->size >> PAGE_SHIFT, page = (gpa - pm->base) >> PAGE_SHIFT;
    if (what != JIT_LOAD) {
        const struct rv_jit_range *r = range_of(h, page);
        first = r->first;
        end = r->end;
        if (page < first || page >= end)
            return false; /* flagged just now: the request to drop it waits */
    }
    struct tlb_stream s = {pm->base + (first << PAGE_SHIFT),
                           ((end - first) << PAGE_SHIFT) - size + 1,
                           (uintptr_t)pm->host + (first << PAGE_SHIFT)};
    tlb_stream_set(&h->hart.tlb, stream_kind(what), stream, &s);
    return true;
}

/* Gives the site's stream the page of va, if the TLB has it.  False: it has not. */
static bool stream_fill(struct rv_hart *h, enum jit_access what, unsigned stream, unsigned size,
                        gva_t va)
{
    struct tlb *t = &h->hart.tlb;
    const struct tlb_entry *e = tlb_slot(t, what == JIT_LOAD ? TLB_READ : TLB_WRITE, va);
    gva_t page = va & PAGE_MASK;
    if (e->tag != (page | t->ctx[what == JIT_LOAD ? TLB_READ : TLB_WRITE]) ||
        va - page > PAGE_SIZE - size)
        return false;
    if (stream_is_bare(h))
        return stream_fill_bare(h, what, stream, size, va);
    struct tlb_stream s = {page, PAGE_SIZE - size + 1, page + e->addend};
    tlb_stream_set(t, stream_kind(what), stream, &s);
    return true;
}

static bool access_c(struct rv_hart *h, enum jit_access what, unsigned size, unsigned op)
{
    struct jit_hart *r = &h->jit.run;
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
    }
    r->value = v.value;
    return v.ok;
}

static int slow_access(void *hart)
{
    struct rv_hart *h = hart;
    struct jit_hart *r = &h->jit.run;
    enum jit_access what = (enum jit_access)(r->site & 15);
    unsigned size = r->site >> 4 & 15, op = r->site >> 8 & 15, stream = r->site >> 16;
    unsigned bytes = r->span ? r->span >> 16 : size;
    bool plain = !(r->va & (size - 1)) || (what < JIT_AMO && !h->guest->cfg.strict_align);
    h->insns += jit_point_retired(r->point);
    h->jit.stats.slow_accesses++;
    if (stream != JIT_NO_STREAM && plain && stream_fill(h, what, stream, bytes, r->va) &&
        (r->span || !(r->va & (size - 1))))
        return JIT_SLOW_RETRY;
    r->va += r->span & 0xffff;
    return access_c(h, what, size, op) ? JIT_SLOW_DONE : JIT_SLOW_FAULT;
}

/* --- running --- */

/*
 * The interpreter from pc to the next taken branch: the alarm is due from the start.  False: the
 * run loop is wanted.  A kick without a request (evict) may be lost: it only asks for hurry.
 */
static bool interpret_block(struct rv_hart *h)
{
    h->jit.stats.interp_blocks++;
    store_seq_cst(&h->hart.shared.until, 0);
    rv_interp_inside(h);
    store_seq_cst(&h->hart.shared.until, h->hart.limit);
    /* Pairs with hart_kick: whose alarm we have overwritten, whose request we see. */
    if (unlikely(load_seq_cst(&h->hart.shared.requests)))
        store_seq_cst(&h->hart.shared.until, 0);
    return !h->trap.pending && !h->attention;
}

/* A fault, at its point. */
static void take_point(struct rv_hart *h)
{
    h->pc = h->page_va + jit_point_disp(h->jit.run.point);
}

static void record_trap(struct rv_hart *h)
{
    h->insns += jit_point_retired(h->jit.run.point);
    rv_raise(h, (enum rv_cause)h->jit.run.site, h->jit.run.value);
    take_point(h);
}

/* The encoding of an instruction that a helper found illegal. */
static void name_illegal(struct rv_hart *h)
{
    if (h->trap.cause != CAUSE_ILLEGAL || h->trap.tval)
        return;
    const struct rv_op *ops = page_at(h, h->pc);
    if (ops)
        h->trap.tval = rv_sem_raw(h, rv_slot(ops, h->pc));
}

/* Runs code until it comes back; false: the run loop is wanted. */
static bool run_code(struct rv_jit *j, struct rv_hart *h, uintptr_t code)
{
    h->page_va = h->pc & PAGE_MASK;
    h->jit.stats.enters++;
    switch (jit_enter(&j->stubs, h, code)) {
    case JIT_LEFT_FAULT:
        take_point(h);
        name_illegal(h);
        return false;
    case JIT_LEFT_TRAP:
        record_trap(h);
        return false;
    case JIT_LEFT_LEAVE:
    case JIT_LEFT_ALARM:
        return false;
    case JIT_LEFT_INTERP:
        return !h->attention && interpret_block(h);
    case JIT_LEFT_FIND:
    case JIT_LEFT_CHAIN:
        break;
    }
    return !h->attention;
}

/* Leads the jump that code came back through to where it wanted to go. */
static void chain(struct rv_jit *j, struct rv_hart *h, uintptr_t site, uintptr_t code)
{
    j->host->chain(codemem_rw(j->mem, site), site, code);
    h->jit.stats.chains++;
}

static void jump_fill(struct rv_hart *h, uintptr_t code)
{
    struct rv_jit_bank *b = h->jit.now;
    unsigned i = jit_jump_index(h->pc);
    if (b->filled < RV_JIT_FILLED)
        b->place[b->filled] = (uint16_t)i;
    if (b->filled <= RV_JIT_FILLED)
        b->filled++;
    b->jumps[i] = (struct jit_jump){h->pc, code};
    h->jit.stats.finds++;
}

void rv_jit_run(struct rv_hart *h, bool everything)
{
    struct rv_jit *j = h->guest->jit;
    rv_code_enter(h->guest->code, h);
    bool goes_on = true;
    h->jit.run.exit_site = 0;
    h->jit.leaves = false;
    h->jit.run.box[0] = h->jit.run.box[1] = 0xffffffff00000000;
    while (goes_on && h->insns < load_relaxed(&h->hart.shared.until)) {
        if (unlikely(!settle(h)))
            break;
        uintptr_t code = find(j, h, h->pc, everything);
        uintptr_t site = h->jit.run.exit_site;
        h->jit.run.exit_site = 0;
        if (!code) {
            goes_on = interpret_block(h) && !h->jit.leaves;
            continue;
        }
        if (site && j->cfg.chain) {
            chain(j, h, site, code);
        } else {
            jump_fill(h, code);
        }
        goes_on = run_code(j, h, code);
    }
    rv_code_leave(h->guest->code, h);
}

/* --- hot code in the hands of others --- */

uintptr_t rv_jit_lookup(const struct rv_hart *h, const struct rv_op *ops, unsigned slot)
{
    const struct rv_jit *j = h->guest->jit;
    const struct rv_jit_page *p = load_acquire(rv_code_jit(j->g->code, ops));
    const uint32_t *entries = p ? load_acquire(&p->entry[mode_now(h)]) : NULL;
    uint32_t at = entries ? load_acquire(&entries[slot]) : 0;
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
    struct rv_jit_page *p = ops ? page_of(j, ops) : NULL;
    h->jit.mode = mode_now(h);
    const uint32_t *entries = p ? load_acquire(&p->entry[h->jit.mode]) : NULL;
    if (entries && load_acquire(&entries[(va & ~PAGE_MASK) / 2]))
        return 0;
    if (!p || !translate(j, h, ops, p, va, false))
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

const struct guest_hot_ops rv_hot_ops = {
    .threshold_get = hot_threshold_get,
    .threshold_set = hot_threshold_set,
    .clear = hot_clear,
    .precompile = hot_precompile,
};
