/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engines jit and hybrid: finding translated code and running it.  On the
 * harts' threads.
 *
 * Code of one page jumps to code of the same page and mode directly; all else
 * goes through the hart's jump cache, which has a bank for each fetch context
 * and mode.  A kernel's pages are global: they are the same in all address
 * spaces, and so S-mode has one bank for all, as long as it runs no other pages.
 * Where there is no code the interpreter runs a block.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/jit_inside.h"
#include "isa/riscv/sem_calls.h"

/* --- finding --- */

/* The decoded page of pc as the TLB has it, or NULL. */
static const struct rv_op *page_known(struct rv_hart *h, gva_t pc)
{
    if (unlikely(h->triggers) || pc & 1 || pc & h->fetch_mask & ~PAGE_MASK)
        return NULL;
    const struct tlb_entry *e = tlb_lookup_slow(&h->hart.tlb, TLB_FETCH, pc);
    return e ? (const struct rv_op *)(uintptr_t)e->addend : NULL;
}

/*
 * The same, fetched if need be; NULL: the interpreter is to fetch there, and an exception may have
 * been recorded.
 */
static const struct rv_op *page_at(struct rv_hart *h, gva_t pc)
{
    const struct rv_op *ops = page_known(h, pc);
    if (unlikely(!ops) && !h->triggers && rv_fetch(h, pc) && !h->attention)
        ops = page_known(h, pc);
    return ops;
}

/* Fills *f with the code for a slot of f->page; false: there is none. */
static bool found(const struct rv_jit *j, const struct rv_hart *h, unsigned slot,
                  struct rv_jit_found *f)
{
    uint32_t at = rv_jit_entry(f->page, h->jit.mode, slot, &f->any);
    f->code = codemem_base(j->mem) + at - 1;
    return at;
}

/* On the hart's own thread; false: there is no room now, or no memory. */
static bool translate(struct rv_jit *j, struct rv_hart *h, const struct rv_op *ops,
                      struct rv_jit_page *p, gva_t pc, bool executed_only)
{
    if (!rv_jit_may_look(h))
        return false;
    h->jit.stats.hot++;
    struct rv_jit_job job = {ops, p, pc, h->jit.mode, executed_only};
    int rc = rv_jit_translate(j, &h->jit.maker, &job);
    if (rc == -ENOSPC)
        rv_jit_starve(h);
    return !rc;
}

/* Code for pc; false: it is not warm, or there is none to be had. */
static bool find(struct rv_jit *j, struct rv_hart *h, gva_t pc, bool everything,
                 struct rv_jit_found *f)
{
    const struct rv_op *ops = page_at(h, pc);
    struct rv_jit_page *p = ops ? rv_jit_page_of(j, ops) : NULL;
    f->page = p;
    f->ops = ops;
    if (!p)
        return false;
    unsigned slot = (unsigned)(pc & ~PAGE_MASK) / 2;
    __builtin_prefetch(&p->count[slot]);
    if (found(j, h, slot, f))
        return true;
    if (!bit_test(load_relaxed(&p->parts), slot / (RV_SLOTS / 8)))
        store_relaxed(&p->parts, (uint8_t)rv_code_touch(h->guest->code, &ops[slot]));
    uint8_t count = load_relaxed(&p->count[slot]);
    if (count == RV_JIT_ASKED && !everything)
        return false;
    bool warm =
        load_relaxed(&p->entry[h->jit.mode | RV_JIT_ANY]) || load_relaxed(&p->entry[h->jit.mode]);
    unsigned threshold = everything ? 1
                         : warm     ? load_relaxed(&j->threshold_min)
                                    : load_relaxed(&j->threshold_max);
    if (count + 1u < threshold) {
        store_relaxed(&p->count[slot], (uint8_t)(count + 1));
        return false;
    }
    if (threshold > 1) {
        /* First the mark, which the spare thread takes away when it is done. */
        store_relaxed(&p->count[slot], RV_JIT_ASKED);
        if (rv_jit_ask(j, h, ops))
            return false;
        store_relaxed(&p->count[slot], count);
    }
    return translate(j, h, ops, p, pc, threshold > 1) && found(j, h, slot, f);
}

/* --- the jump cache --- */

/* One of the bank's two bits for a page, which is named as by fetch_gone of the TLB. */
static unsigned page_bit(uint64_t page, unsigned which)
{
    return (unsigned)((page >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull >> (47 - 17 * which)) %
           RV_JIT_PAGES;
}
_Static_assert(RV_JIT_PAGES == 1 << 17, "page_bit takes so many bits of the hash");

static bool has_page(const struct rv_jit_bank *b, uint64_t page)
{
    unsigned first = page_bit(page, 0), second = page_bit(page, 1);
    return bit_test(b->pages[first / 64], first % 64) &&
           bit_test(b->pages[second / 64], second % 64);
}

static void note_page(struct rv_jit_bank *b, uint64_t page)
{
    for (unsigned which = 0; which < 2; which++)
        sparse_set(b->pages, &b->page_words, page_bit(page, which));
}

/* Which bank the hart needs: above the mode the fetch context, or what S-mode has in its place. */
#define GLOBAL_KEY (1ull << 32)

static uint64_t bank_key(const struct rv_hart *h)
{
    if (h->priv != PRIV_S || !h->mmu_fetch_on || h->jit.local_code)
        return h->hart.tlb.ctx[TLB_FETCH] << 1 | h->jit.mode; /* the first above the four bits */
    return GLOBAL_KEY | h->csr.satp >> 60 << 8 | h->jit.mode;
}

/*
 * Whether the page of pc, which the TLB has, is global.  Where the page table says so no more, and
 * nobody told the TLB yet, it is not for the bank, but no reason to give the bank up.
 */
static bool page_global(struct rv_hart *h, struct rv_jit_bank *b)
{
    gva_t page = h->pc & PAGE_MASK;
    gva_t *known = &b->global[(page >> PAGE_SHIFT) % RV_JIT_KNOWN];
    if (*known == page + 1)
        return true;
    struct walk_env env = rv_walk_env(h, PRIV_S);
    struct walk_result w;
    env.adue = false;
    if (walk_translate(&env, h->pc, ACCESS_FETCH, &w) != WALK_OK)
        return false;
    h->jit.local_code |= !w.global;
    if (w.global)
        *known = page + 1;
    return w.global;
}

static void bank_clear(struct rv_hart *h, struct rv_jit_bank *b)
{
    bool few = b->filled <= RV_JIT_FILLED;
    for (unsigned i = 0; i < (few ? b->filled : JIT_JUMPS + JIT_NEAR); i++)
        b->jumps[few ? b->place[i] : i].va = 1;
    b->filled = 0;
    sparse_clear(b->pages, ARRAY_LEN(b->pages), &b->page_words);
    memset(b->global, 0, sizeof(b->global));
    h->jit.stats.jumps_cleared++;
}

/* Whether none of the mappings that went since the bank was good led to what is in it. */
static bool bank_good(const struct tlb *t, const struct rv_jit_bank *b)
{
    if (b->epoch < t->fetch_epoch_all || t->fetch_epoch - b->epoch > TLB_FETCH_GONE)
        return false;
    for (uint64_t e = b->epoch + 1; e <= t->fetch_epoch; e++) {
        if (has_page(b, t->fetch_gone[e % TLB_FETCH_GONE]))
            return false;
    }
    return true;
}

static struct rv_jit_bank *bank_of(struct rv_jit_hart *j, uint64_t key)
{
    if (key & GLOBAL_KEY)
        return &j->bank[key & 3];
    for (unsigned i = RV_JIT_GLOBALS; i < RV_JIT_BANKS; i++)
        if (j->bank[i].jumps && j->bank[i].key == key)
            return &j->bank[i];
    return &j->bank[RV_JIT_GLOBALS + j->next_bank++ % (RV_JIT_BANKS - RV_JIT_GLOBALS)];
}

/* The bank for the key; false: no memory. */
static bool bank_select(struct rv_hart *h, uint64_t key)
{
    struct rv_jit_hart *j = &h->jit;
    struct rv_jit_bank *b = bank_of(j, key);
    bool known = b->jumps && b->key == key;
    if (!b->jumps) {
        b->jumps = aligned_alloc(CACHE_LINE, (JIT_JUMPS + JIT_NEAR) * sizeof(*b->jumps));
        b->filled = JIT_JUMPS + JIT_NEAR;
    }
    if (!b->jumps)
        return false;
    if (!known || !bank_good(&h->hart.tlb, b))
        bank_clear(h, b);
    b->key = key;
    b->epoch = h->hart.tlb.fetch_epoch;
    j->now = b;
    h->run.jumps = b->jumps;
    return true;
}

/* Makes mode and bank those that fit the hart's state. */
static bool settle(struct rv_hart *h)
{
    h->jit.mode = rv_jit_mode_now(h);
    uint64_t key = bank_key(h);
    struct rv_jit_bank *b = h->jit.now;
    if (likely(b && b->key == key && b->epoch == h->hart.tlb.fetch_epoch))
        return true;
    return bank_select(h, key);
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
    h->pc = h->page_va + jit_point_disp(h->run.point);
}

static void record_trap(struct rv_hart *h)
{
    h->insns += jit_point_retired(h->run.point);
    rv_raise(h, (enum rv_cause)h->run.site, h->run.value);
    take_point(h);
}

/*
 * Where the instruction at pc, whose code runs, is in RAM.  The TLB need not have its page any
 * more, but another exception must not come of that: false.
 */
static bool where_code_is(struct rv_hart *h, gpa_t *gpa)
{
    const struct rv_op *ops = page_known(h, h->pc);
    struct walk_result w = {.gpa = h->pc};
    if (ops)
        w.gpa = rv_code_gpa(h->guest->code, ops) | (h->pc & ~PAGE_MASK);
    if (!ops && h->mmu_fetch_on) {
        struct walk_env env = rv_walk_env(h, h->priv);
        env.adue = false;
        if (walk_translate(&env, h->pc, ACCESS_FETCH, &w) != WALK_OK)
            return false;
    }
    *gpa = w.gpa;
    return physmem_contains(h->guest->env->pm, w.gpa, 2);
}

/* The encoding of an instruction that a helper found illegal. */
static void name_illegal(struct rv_hart *h)
{
    gpa_t gpa;
    if (h->trap.cause == CAUSE_ILLEGAL && !h->trap.tval && where_code_is(h, &gpa))
        h->trap.tval = rv_raw_at(h, gpa);
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
    case JIT_LEFT_NEAR:
        h->jit.near = true;
        break;
    case JIT_LEFT_FIND:
    case JIT_LEFT_CHAIN:
        break;
    }
    return !h->attention;
}

static void bank_set(struct rv_jit_bank *b, unsigned i, uint64_t va, uintptr_t code)
{
    if (b->filled < RV_JIT_FILLED)
        b->place[b->filled] = (uint16_t)i;
    if (b->filled <= RV_JIT_FILLED)
        b->filled++;
    b->jumps[i] = (struct jit_jump){va, code};
}

/* Enters what was found for pc; near: the hart came from a jump that knows pc by distance. */
static void jump_fill(struct rv_hart *h, const struct rv_jit_found *f, bool near)
{
    struct rv_jit_bank *b = h->jit.now;
    if (b->key & GLOBAL_KEY && !page_global(h, b))
        return;
    note_page(b, h->pc);
    note_page(b, (uintptr_t)f->ops);
    bank_set(b, jit_jump_index(h->pc), h->pc, f->code);
    if (near)
        bank_set(b, h->run.near_place / (unsigned)sizeof(struct jit_jump), h->pc & PAGE_MASK,
                 rv_code_number(h->guest->code, f->ops));
    h->jit.stats.finds++;
}

/* Before the hart's first run: what host code finds in it. */
static void prepare(const struct rv_jit *j, struct rv_hart *h)
{
    struct jit_hart *r = &h->run;
    r->foreign = &h->guest->env->pm->foreign_writes;
    r->nan[0] = 0x7ff8000000000000;
    r->nan[1] = 0xffffffff7fc00000;
    r->box[0] = r->box[1] = 0xffffffff00000000;
    r->looks = (int32_t)j->cfg.looks;
}

void rv_jit_run(struct rv_hart *h, bool everything)
{
    struct rv_jit *j = h->guest->jit;
    if (unlikely(!h->run.foreign))
        prepare(j, h);
    rv_code_enter(h->guest->code, h);
    bool goes_on = true;
    h->run.exit_site = 0;
    h->jit.near = h->jit.leaves = false;
    while (h->insns < load_relaxed(&h->hart.shared.until)) {
        if (!goes_on && (h->jit.leaves || !rv_go_on(h)))
            break;
        if (unlikely(!settle(h)))
            break;
        if (!goes_on) {
            h->run.exit_site = 0; /* it led elsewhere */
            h->jit.near = false;
        }
        goes_on = true;
        const struct jit_jump *jump = &h->run.jumps[jit_jump_index(h->pc)];
        struct rv_jit_found f;
        if (jump->va == h->pc && !h->run.exit_site && !h->jit.near && likely(!h->triggers)) {
            goes_on = run_code(j, h, jump->code);
            continue;
        }
        bool has_code = find(j, h, h->pc, everything, &f);
        uintptr_t site = h->run.exit_site;
        bool near = h->jit.near;
        h->run.exit_site = 0;
        h->jit.near = false;
        if (!has_code) {
            goes_on = !h->trap.pending && !h->attention && interpret_block(h) && !h->jit.leaves;
            continue;
        }
        if (near)
            rv_jit_link(j, h, &f);
        if (site && j->cfg.chain)
            rv_jit_chain(j, h, site, &f);
        else
            jump_fill(h, &f, near);
        goes_on = run_code(j, h, f.code) && !h->jit.leaves;
    }
    rv_code_leave(h->guest->code, h);
}
