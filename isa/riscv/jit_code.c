/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making translated code: the machine's part, chunks of code memory, the
 * translations of a page.  On the harts' threads and the spare one, creation and
 * end on others.
 *
 * It takes no lock: a thread fills a chunk of its own and enters what it made with
 * one compare-and-swap; what comes second stays unused until its chunk goes.
 *
 * When all chunks are taken, the pages that have code in the oldest one are
 * given up, and the harts are asked to look up; until the chunk is free the
 * interpreter goes on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/jit_dump.h"
#include "isa/riscv/jit_inside.h"
#include "jit/pass.h"
#include "mem/reserve.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"

/* --- the machine's part --- */

/* Slots by falling use in compiled code: sp, s0, a0, a5, a4, a1, a2, a3, s1, ra. */
static const uint8_t border[] = {2, 8, 10, 15, 14, 11, 12, 13, 9, 1, 0};

/* Distances of a byte reach from the registers that compiled code seldom has without a home to what
 * host code names most. */
#define NEAR_END (offsetof(struct rv_hart, run) + JIT_HART_NEAR)
_Static_assert(offsetof(struct rv_hart, x[8]) == NEAR_END - 256, "what is near is together");

const struct jit_guest rv_jit_guest = {
    .ir = &rv_ir_guest,
    .insns = offsetof(struct rv_hart, insns),
    .until = offsetof(struct rv_hart, hart.shared.until),
    .page_va = offsetof(struct rv_hart, page_va),
    .pc = offsetof(struct rv_hart, pc),
    .tlb = offsetof(struct rv_hart, hart.tlb),
    .jit = offsetof(struct rv_hart, run),
    .bias = NEAR_END - 128,
    .border = border,
    .link = 1,
    .paged = offsetof(struct rv_hart, mmu_data_on),
    .reserved = offsetof(struct rv_hart, hart.reservation.granule),
    .lr_count = offsetof(struct rv_hart, stats.lr),
    .sc_count = offsetof(struct rv_hart, stats.sc_success),
    .steady = 1 << 2 | 1 << 3 | 1 << 4, /* sp, gp, tp */
    .fp_slots = 0xffffffffull << RV_SLOT_F0,
    .inlines = rv_jit_inlines,
    .slow = rv_jit_access,
};

_Static_assert(offsetof(struct rv_hart, stats.sc_fail) ==
                   offsetof(struct rv_hart, stats.sc_success) + 8,
               "an array for host code");
_Static_assert(RESERVATION_NONE == UINT64_MAX, "as host code has it");

static void stubs_tell_gdb(struct rv_jit *j, const struct jit_room *room, int chunk)
{
    const uintptr_t routines = j->stubs.slow; /* and behind it those that go on there */
    const struct jit_gdb_part parts[] = {
        {"manyhart:stubs", room->rx, routines - room->rx, false},
        {"manyhart:calls", routines, room->rx + room->used - routines, true}};
    jit_gdb_add(&j->chunk[chunk].names, &j->frame, parts, ARRAY_LEN(parts));
}

static int make_stubs(struct rv_jit *j)
{
    int chunk = codemem_take(j->mem);
    struct jit_room room = codemem_room(j->mem, chunk);
    j->chunk[chunk].age = ++j->taken;
    j->chunk[chunk].filling = true; /* for ever: the stubs are in it */
    int rc = j->host->stubs(&j->stubs, &j->guest, &room);
    if (rc)
        return rc;
    rv_jit_dump_begin(j->cfg.dump, j->cfg.perf_map, j->host->name, &room);
    if (j->cfg.gdb)
        stubs_tell_gdb(j, &room, chunk);
    return 0;
}

/* Whether RAM is as struct jit_flat wants it. */
static void find_flat(struct rv_jit *j)
{
    const struct physmem *pm = j->g->env->pm;
    int64_t addend = (int64_t)((uintptr_t)pm->host - pm->base);
    if (addend >= -PHYSMEM_NEAR && addend <= PHYSMEM_NEAR && pm->base <= (uint64_t)INT32_MAX + 1 &&
        pm->size <= INT32_MAX)
        j->flat = (struct jit_flat){pm->base, (uint32_t)pm->size, (int32_t)addend};
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
                         .frame = *host->frame,
                         .cfg = *cfg,
                         .threshold_min = cfg->threshold,
                         .threshold_max = cfg->threshold};
    j->frame.hart_offset =
        rv_jit_guest.jit - rv_jit_guest.bias + (int32_t)offsetof(struct jit_hart, rsp);
    if (cfg->level > 1)
        find_flat(j);
    lock_init(&j->lock, RANK_TRANSLATION);
    lock_init(&j->queue.lock, RANK_LEAF);
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
    for (unsigned i = 0; j->chunk && i < codemem_chunks(j->mem); i++)
        jit_gdb_drop(&j->chunk[i].names);
    codemem_destroy(j->mem);
    free(j->queue.maker.builder);
    free(j->chunk);
    free(j);
}

void rv_jit_hart_fini(struct rv_hart *h)
{
    for (unsigned i = 0; i < RV_JIT_BANKS; i++)
        free(h->jit.bank[i].jumps);
    free(h->jit.maker.builder);
}

/* --- chunks --- */

static void chunk_settle_locked(struct rv_jit *j, unsigned i)
{
    struct rv_jit_chunk *c = &j->chunk[i];
    if (c->pages || c->filling || !c->age)
        return;
    jit_gdb_drop(&c->names);
    *c = (struct rv_jit_chunk){0};
    codemem_give_back(j->mem, (int)i);
}

/* The maker fills its chunk no more. */
static void chunk_leave(struct rv_jit *j, struct rv_jit_maker *m)
{
    if (!m->room.size)
        return;
    codemem_settle(j->mem, m->chunk);
    lock_take(&j->lock);
    j->chunk[m->chunk].filling = false;
    chunk_settle_locked(j, (unsigned)m->chunk);
    lock_drop(&j->lock);
    m->room.size = 0;
}

/* The chunk taken longest ago that nobody fills and that was not evicted yet, or -1. */
static int chunk_oldest_locked(const struct rv_jit *j)
{
    int oldest = -1;
    for (unsigned i = 0; i < codemem_chunks(j->mem); i++) {
        const struct rv_jit_chunk *c = &j->chunk[i];
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

/* A fresh chunk for the maker; false: there is none now. */
static bool chunk_next(struct rv_jit *j, struct rv_jit_maker *m)
{
    chunk_leave(j, m);
    int chunk = codemem_take(j->mem);
    if (chunk < 0) {
        rv_code_reclaim(j->g->code);
        chunk = codemem_take(j->mem);
    }
    if (chunk < 0) {
        evict(j);
        return false;
    }
    lock_take(&j->lock);
    j->chunk[chunk] = (struct rv_jit_chunk){.age = ++j->taken, .filling = true};
    lock_drop(&j->lock);
    m->chunk = chunk;
    m->room = codemem_room(j->mem, chunk);
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

static void entries_discard(struct rv_entries *e)
{
    for (unsigned i = 0; e && i < ARRAY_LEN(e->part); i++)
        free(e->part[i]);
    free(e);
}

static void page_discard(struct rv_jit_page *p)
{
    for (unsigned m = 0; m < ARRAY_LEN(p->entry); m++)
        entries_discard(p->entry[m]);
    free(p->chunks);
    free(p);
}

void rv_jit_page_free(struct rv_jit *j, struct rv_jit_page *p)
{
    if (!p)
        return;
    lock_take(&j->lock);
    for (unsigned w = 0; w < j->chunk_words; w++)
        for (uint64_t bits = p->chunks[w]; bits; bits &= bits - 1) {
            unsigned i = w * 64 + (unsigned)__builtin_ctzll(bits);
            j->chunk[i].pages--;
            chunk_settle_locked(j, i);
        }
    lock_drop(&j->lock);
    page_discard(p);
}

void rv_jit_page_cool(struct rv_jit_page *p, unsigned first, unsigned end)
{
    for (unsigned slot = first; slot < end; slot++)
        store_relaxed(&p->count[slot], 0);
}

/* The page's translations; NULL: no memory. */
struct rv_jit_page *rv_jit_page_of(struct rv_jit *j, const struct rv_op *ops)
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

/* The page's entries in the mode; made if need be.  NULL: no memory. */
static struct rv_entries *entries_of(struct rv_jit_page *p, unsigned mode)
{
    struct rv_entries *e = load_acquire(&p->entry[mode]);
    if (likely(e))
        return e;
    struct rv_entries *fresh = calloc(1, sizeof(*fresh));
    if (fresh && cas_seq_cst(&p->entry[mode], &e, fresh))
        return fresh;
    free(fresh);
    return e;
}

/* The slot's place, made if need be.  NULL: no memory. */
static uint32_t *entry_of(struct rv_entries *e, unsigned slot)
{
    uint32_t **place = &e->part[slot / RV_ENTRIES_PART], *part = load_acquire(place);
    if (!part) {
        uint32_t *fresh = calloc(RV_ENTRIES_PART, sizeof(*fresh));
        if (fresh && cas_seq_cst(place, &part, fresh))
            part = fresh;
        else
            free(fresh);
    }
    return part ? &part[slot % RV_ENTRIES_PART] : NULL;
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

/* --- chaining --- */

/* Code in a chunk of the hart's own that looks in the jump cache for its pc; 0: no room. */
static uintptr_t bridge_make(struct rv_jit *j, struct rv_hart *h)
{
    struct rv_jit_maker *m = &h->jit.maker;
    unsigned disp = (unsigned)(h->pc & ~PAGE_MASK);
    uintptr_t code = m->room.size ? j->host->bridge(&j->stubs, &m->room, disp) : 0;
    if (code || !rv_jit_may_look(h))
        return code;
    if (!chunk_next(j, m)) {
        rv_jit_starve(h);
        return 0;
    }
    return j->host->bridge(&j->stubs, &m->room, disp);
}

void rv_jit_chain(struct rv_jit *j, struct rv_hart *h, uintptr_t site,
                  const struct rv_jit_found *to)
{
    uintptr_t code = to->code;
    bool from_any = site & 1;
    site &= ~(uintptr_t)1;
    /* In another mode the jump leads elsewhere: the jump cache knows. */
    if (from_any && !to->any) {
        code = bridge_make(j, h);
        if (!code)
            return;
        page_note_chunk(j, to->page, (unsigned)h->jit.maker.chunk);
    }
    /* The code around the site may have been entered by jumps alone, which another hart chained. */
    tsan_acquire(j);
    j->host->chain(codemem_rw(j->mem, site), site, code);
    h->jit.stats.chains++;
}

/*
 * Once for each site: the distance and the number cannot be written together, and who compared with
 * the old number may not have jumped yet.  In between no page has the number that stands there.
 */
void rv_jit_link(struct rv_jit *j, struct rv_hart *h, const struct rv_jit_found *to)
{
    uint32_t *place = (uint32_t *)(void *)codemem_rw(j->mem, h->run.near_number);
    uint32_t none = 0, number = rv_code_number(j->g->code, to->ops);
    uintptr_t site = h->run.near_site;
    bool from_any = site & 1;
    site &= ~(uintptr_t)1;
    /* As in rv_jit_chain. */
    tsan_acquire(j);
    if (!cas_seq_cst(place, &none, RV_CODE_NUMBER_MAX + 1))
        return;
    if (!number || (from_any && !to->any) || !j->cfg.chain)
        return;
    j->host->chain(codemem_rw(j->mem, site), site, to->code);
    store_release(place, number);
    h->jit.stats.chains++;
}

/* --- translating --- */

/* Enters what was compiled, where nobody was first.  -ENOMEM: not all of it. */
static int publish(struct rv_jit *j, struct rv_entries *entries, const struct jit_region *r,
                   const struct jit_code *code)
{
    tsan_release(j); /* rv_jit_chain */
    for (unsigned k = 0; k < r->count; k++) {
        if (!code->entry[k])
            continue;
        uint32_t *entry = entry_of(entries, r->blocks[k].disp / 2), none = 0;
        if (!entry)
            return -ENOMEM;
        (void)cas_seq_cst(entry, &none, (uint32_t)(code->entry[k] - codemem_base(j->mem)) + 1);
    }
    return 0;
}

static void optimize(const struct rv_jit *j, struct rv_region_builder *b)
{
    for (unsigned k = 0; k < b->region.count; k++)
        ir_optimize(&b->blocks[k].ir, j->cfg.passes, NULL, NULL);
}

static struct rv_region_limits limits_of(const struct rv_jit *j, bool executed_only, unsigned parts)
{
    return (struct rv_region_limits){
        .blocks = j->cfg.level < 2 ? 1 : JIT_BLOCKS_MAX,
        .insns = j->cfg.region_insns,
        .executed_only = executed_only,
        .executed = (uint8_t)parts,
        .own_map = j->cfg.level > 2,
    };
}

/* Compiles, in a fresh chunk if this one is full; smaller and smaller regions if it is too much. */
static int compile(struct rv_jit *j, struct rv_jit_maker *m, const struct rv_jit_job *job,
                   struct jit_code *code)
{
    struct rv_region_builder *b = m->builder;
    struct rv_assume assume = rv_jit_assume(job->mode);
    unsigned offset = (unsigned)(job->va & ~PAGE_MASK);
    gpa_t gpa = rv_code_gpa(j->g->code, job->ops);
    struct rv_region_limits limits =
        limits_of(j, job->executed_only, rv_code_parts(j->g->code, job->ops));
    limits.known[0] = load_acquire(&job->page->entry[job->mode]);
    limits.known[1] = load_acquire(&job->page->entry[job->mode | RV_JIT_ANY]);
    bool fresh = false;
    for (;;) {
        rv_region_build(b, j->g, &assume, job->ops, physmem_host(j->g->env->pm, gpa), offset,
                        &limits);
        optimize(j, b);
        b->region.guest = &j->guest;
        b->region.stream_bank = job->mode & RV_JIT_BANK ? 1 : 0;
        b->region.by_page = !b->region.stream_bank;
        b->region.stream_base = (unsigned)(gpa >> PAGE_SHIFT) * 64 + offset / 16;
        b->region.near_base = (unsigned)(gpa >> PAGE_SHIFT);
        b->region.flat = job->mode & RV_JIT_FLAT ? &j->flat : NULL;
        b->region.scattered = j->cfg.level < 2 ? NULL : &b->scattered;
        if (b->region.scattered)
            rv_jit_scattered(j, gpa, &b->region, &b->scattered);
        int rc = m->room.size ? j->host->compile(&b->region, &j->stubs, &m->room, code) : -ENOSPC;
        if (!rc || rc == -ENOMEM)
            return rc;
        if (rc == -ENOSPC && !fresh) {
            if (!chunk_next(j, m))
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

static void tell(struct rv_jit *j, const struct rv_jit_maker *m, const struct rv_jit_job *job,
                 const struct jit_code *code)
{
    gpa_t page = rv_code_gpa(j->g->code, job->ops);
    struct rv_jit_dump d = {
        .builder = m->builder,
        .exts = &j->g->exts,
        .page_va = job->va & PAGE_MASK,
        .page = page,
        .code = physmem_host(j->g->env->pm, page),
        .host = code,
        .bytes = codemem_rw(j->mem, code->start),
        .offset = (unsigned)(job->va & ~PAGE_MASK),
    };
    if (j->cfg.dump)
        rv_jit_dump(j->cfg.dump, &d);
    if (j->cfg.perf_map)
        rv_jit_map(j->cfg.perf_map, &d);
    if (j->cfg.gdb) {
        lock_take(&j->lock);
        rv_jit_tell_gdb(&j->chunk[m->chunk].names, &j->frame, &d);
        lock_drop(&j->lock);
    }
}

static void count(struct rv_jit_maker *m, const struct jit_code *code, uint64_t ns)
{
    m->stats.translations++;
    m->stats.blocks += m->builder->region.count;
    m->stats.insns += m->builder->insns;
    m->stats.bytes += code->size;
    m->stats.ns += ns;
    m->stats.longer += ns > RV_JIT_PAUSE_NS;
}

int rv_jit_translate(struct rv_jit *j, struct rv_jit_maker *m, const struct rv_jit_job *job)
{
    struct jit_code code;
    uint64_t start = clock_now_ns();
    if (!m->builder)
        m->builder = malloc(sizeof(*m->builder));
    if (!m->builder)
        return -ENOMEM;
    rv_code_share(j->g->code, job->ops);
    int rc = compile(j, m, job, &code);
    if (rc)
        return rc;
    struct rv_entries *entries =
        entries_of(job->page, job->mode | (m->builder->any_mode ? RV_JIT_ANY : 0));
    if (!entries)
        return -ENOMEM;
    if (unlikely(j->cfg.dump || j->cfg.perf_map || j->cfg.gdb))
        tell(j, m, job, &code);
    page_note_chunk(j, job->page, (unsigned)m->chunk);
    rc = publish(j, entries, &m->builder->region, &code);
    count(m, &code, clock_now_ns() - start);
    return rc;
}
