/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of decoded pages, shared by all harts of a machine.
 *
 * Finding a page is one load from an array indexed by RAM page.  Making,
 * giving up and decoding happen under one lock; they are rare.
 *
 * Memory.  Arrays come from a reserved range of addresses.  Fresh slots must
 * hold the decoder's address, so each array is a private mapping of one
 * template file: what is never executed stays the template's (shared) page, and
 * only 4 KiB of slots (512 bytes of guest code) at a time become private.
 * Filling 32 KiB with the decoder's address instead would cost 36 MiB for a
 * Linux boot's thousand code pages, most of it never read.  A part is best
 * written before it is read: the host replaces a page that it has mapped for
 * reading only after it has told all processors.
 *
 * Where one hart alone has been in an array, and nothing was translated from it,
 * a store of that hart only makes the slots of what it stored fresh again: code
 * that a hart writes for itself concerns nobody else.
 *
 * Otherwise a page is given up (its bytes were written, or it is evicted): it is unlinked,
 * the generation rises, and PAGE_CODE goes.  Harts go on in the old array until
 * they leave the interpreter: the architecture asks for no more before FENCE.I,
 * and FENCE.I leaves when the generation has risen.  On its way in a hart
 * publishes the generation it saw and drops its fetch entries for pages given
 * up since; an array is used again when no hart is inside with an older one.
 *
 * Flagging a page as code is not waited for without bound: other harts are told
 * to drop their write entries, and if one does not answer soon (it may not be
 * running), the page is marked suspect: a write to it may have gone unseen, so
 * the next FENCE.I of any hart gives it up.
 */
#include "isa/riscv/ops.h"
#include "isa/riscv/jit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/log.h"

#define ARRAY_BYTES                                                                                \
    (RV_OPS_BYTES + PAGE_SIZE) /* the page-end slot has a page of its own, never private */
#define ARRAY_STRIDE  (2 * RV_OPS_BYTES) /* keeps arrays aligned to their size */
#define LIVE_MAX      8192               /* pages of guest code: 32 MiB */
#define PARTS_MAX     (8 * 4096)         /* and what of them is decoded, in host pages: 128 MiB */
#define ARRAYS_MAX    (2 * LIVE_MAX)     /* given-up arrays that harts may still be in */
#define GIVEN_UP_MAX  64                 /* above so many it is worth a look at all harts */
#define DECODE_AHEAD  32                 /* instructions per visit of the decoder */
#define FLAG_WAIT_NS  20000
#define RESET_MAX     512 /* slots: 8 KiB; more are cheaper to give back */
#define WRITTEN_OFTEN 3
#define STORES_MAX    200 /* of a page that keeps its flag; then it is data */
#define RENEWED_MAX   64  /* stores of an array's owner with no decoding between */
#define DROP_EACH_MAX                                                                              \
    4 /* fetch entries of so many pages are dropped one by one, of more all at once */

#define SHARED UINT16_MAX

struct array {
    CACHE_ALIGNED struct lock lock; /* RANK_CODE_PAGE: the slots, and the five members below */
    /* Index of the hart that alone has been in it, or SHARED, which it stays; atomic. */
    uint16_t owner;
    uint16_t first, end; /* slots decoded lie between */
    uint8_t renewed;     /* stores of the owner since it decoded something */
    uint8_t parts;       /* those that are private, a bit each; atomic */

    bool used; /* since the clock's hand was here; atomic */
    bool mapped, suspect;
    uint32_t number; /* rv_code_number */
    int next;        /* in the free or given-up list */
    gpa_t gpa;
    uint64_t given_up;       /* generation at which it was given up, 0 while live */
    struct rv_jit_page *jit; /* its translations; atomic */
};

struct rv_code_cache {
    struct rv_guest *g;
    struct physmem *pm;
    struct rv_op **page; /* by RAM page; atomic */
    struct written {
        uint8_t times; /* that the page was given up because it was written */
        /* 0, or the page keeps PAGE_CODE without an array, and the generation has risen since it
         * had one; stores since then, plus 1.  Atomic: rises from other values than 0 without the
         * lock. */
        uint8_t stores;
    } * written;         /* by RAM page; under the lock but for that */
    struct array *array; /* ARRAYS_MAX, the first "made" of them in use at some time */
    char *base;          /* of their slots */
    int template_fd;

    CACHE_ALIGNED uint64_t generation; /* atomic; rises when an array is given up */
    uint32_t suspects;                 /* atomic */
    uint32_t parts;                    /* that are private, of all arrays; atomic */
    /* With which generation the thread that is no hart's is inside; UINT64_MAX: not.  Atomic. */
    CACHE_ALIGNED uint64_t visitor;

    CACHE_ALIGNED struct lock lock; /* RANK_CODE: everything below */
    uint64_t flag_clears;           /* how often PAGE_CODE was cleared on any page */
    int made, free, given_up, hand; /* arrays ever mapped; list heads, -1 empty; clock hand */
    unsigned live, given_up_count;
    int recent[DROP_EACH_MAX]; /* arrays given up at generation g: recent[g % DROP_EACH_MAX] */
    uint32_t numbers;          /* given so far */
    struct rv_code_stats stats;
};

static struct rv_op *array_ops(const struct rv_code_cache *c, int i)
{
    return (struct rv_op *)(void *)(c->base + (size_t)i * ARRAY_STRIDE);
}

static int array_of(const struct rv_code_cache *c, const struct rv_op *d)
{
    return (int)(((const char *)d - c->base) / (ptrdiff_t)ARRAY_STRIDE);
}

static size_t page_index(const struct rv_code_cache *c, gpa_t gpa)
{
    return (gpa - c->pm->base) >> PAGE_SHIFT;
}

/* --- creation --- */

static int template_make(void)
{
    int fd = memfd_create("manyhart-slots", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct rv_op slots[RV_SLOTS + 1];
    for (size_t i = 0; i < RV_SLOTS; i++)
        slots[i] = (struct rv_op){.fn = rv_handlers.decode};
    slots[RV_SLOTS] = (struct rv_op){.fn = rv_handlers.page_end};
    if (ftruncate(fd, ARRAY_BYTES) || write(fd, slots, sizeof(slots)) != (ssize_t)sizeof(slots)) {
        int err = errno ? -errno : -EIO;
        close(fd);
        return err;
    }
    return fd;
}

/* Reserves the arrays' addresses, aligned to an array's size. */
static char *arrays_reserve(void)
{
    size_t size = (size_t)ARRAYS_MAX * ARRAY_STRIDE + ARRAY_STRIDE;
    char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    char *aligned = (char *)align_up((uintptr_t)p, ARRAY_STRIDE);
    if (aligned != p)
        munmap(p, (size_t)(aligned - p));
    munmap(aligned + (size_t)ARRAYS_MAX * ARRAY_STRIDE, (size_t)(p + ARRAY_STRIDE - aligned));
    return aligned;
}

int rv_code_create(struct rv_code_cache **out, struct rv_guest *g)
{
    struct rv_code_cache *c = aligned_alloc(CACHE_LINE, align_up(sizeof(*c), CACHE_LINE));
    if (!c)
        return -ENOMEM;
    memset(c, 0, sizeof(*c));
    c->g = g;
    c->pm = g->env->pm;
    c->generation = 1;
    c->visitor = UINT64_MAX;
    c->free = c->given_up = -1;
    lock_init(&c->lock, RANK_CODE);
    c->page = calloc(c->pm->size >> PAGE_SHIFT, sizeof(*c->page));
    c->written = calloc(c->pm->size >> PAGE_SHIFT, sizeof(*c->written));
    c->array = mmap(NULL, ARRAYS_MAX * sizeof(*c->array), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (c->array == MAP_FAILED)
        c->array = NULL;
    c->base = arrays_reserve();
    c->template_fd = template_make();
    if (!c->page || !c->written || !c->array || !c->base || c->template_fd < 0) {
        rv_code_destroy(c);
        return error_set(MH_ERROR_MEMORY, -ENOMEM, "memory", NULL, "no room for the code cache");
    }
    *out = c;
    return 0;
}

void rv_code_destroy(struct rv_code_cache *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->made; i++)
        rv_jit_page_free(c->g->jit, c->array[i].jit);
    if (c->base)
        munmap(c->base, (size_t)ARRAYS_MAX * ARRAY_STRIDE);
    if (c->array)
        munmap(c->array, ARRAYS_MAX * sizeof(*c->array));
    if (c->template_fd >= 0)
        close(c->template_fd);
    free(c->page);
    free(c->written);
    free(c);
}

/* --- giving up --- */

static void flag_drop_locked(struct rv_code_cache *c, gpa_t gpa)
{
    physmem_flag_clear(c->pm, gpa, PAGE_CODE);
    c->flag_clears++;
}

/*
 * Where code is written again and again the flag stays: stores there are slow, but the page is
 * made again without an answer of every hart.
 */
static bool keeps_flag_locked(struct rv_code_cache *c, const struct array *a)
{
    struct written *w = &c->written[page_index(c, a->gpa)];
    if (c->g->cfg.harts == 1 || a->suspect)
        return false;
    if (w->times < WRITTEN_OFTEN)
        w->times++;
    return w->times >= WRITTEN_OFTEN;
}

/* A store to a page that keeps its flag and has no array.  Data gets the fast way back. */
static void cool_locked(struct rv_code_cache *c, gpa_t gpa)
{
    struct written *w = &c->written[page_index(c, gpa)];
    uint8_t stores = load_relaxed(&w->stores);
    if (!stores || (stores < STORES_MAX && cas_seq_cst(&w->stores, &stores, (uint8_t)(stores + 1))))
        return;
    if (load_relaxed(&w->stores) < STORES_MAX)
        return; /* somebody else counted at the same time */
    w->times = 0;
    store_relaxed(&w->stores, 0);
    flag_drop_locked(c, gpa);
}

/*
 * The same without the lock, which all harts would fight for that write code at the same time: a
 * function's worth of stores follows each that gave a page up.  False: it is wanted.
 */
static bool cools(struct rv_code_cache *c, gpa_t page)
{
    struct written *w = &c->written[page_index(c, page)];
    if (load_acquire(&c->page[page_index(c, page)]))
        return false;
    /* Pairs with give_up_locked: who counts here finds the new generation at its FENCE.I. */
    uint8_t stores = load_acquire(&w->stores);
    return stores && stores < STORES_MAX && cas_seq_cst(&w->stores, &stores, (uint8_t)(stores + 1));
}

static void give_up_locked(struct rv_code_cache *c, int i, bool written)
{
    struct array *a = &c->array[i];
    gpa_t gpa = a->gpa;
    bool keeps_flag = written && keeps_flag_locked(c, a);
    store_release(&c->page[page_index(c, gpa)], NULL);
    /* Pairs with rv_code_enter: unlinked before the generation is seen to rise. */
    a->given_up = c->generation + 1;
    c->recent[a->given_up % DROP_EACH_MAX] = i;
    a->next = c->given_up;
    c->given_up = i;
    c->given_up_count++;
    c->live--;
    store_seq_cst(&c->generation, a->given_up);
    /*
     * Only now: a hart whose store finds no flag, and so tells nobody, or whose FENCE.I finds no
     * suspect, must find the new generation there.  Pairs with rv_code_fence_i.
     */
    if (a->suspect)
        fetch_sub_acq_rel(&c->suspects, 1);
    a->suspect = false;
    if (keeps_flag)
        store_release(&c->written[page_index(c, gpa)].stores, 1);
    else
        flag_drop_locked(c, gpa);
}

/* The oldest generation that a hart inside the interpreter, or the visitor, entered with. */
static uint64_t oldest_inside(const struct rv_code_cache *c)
{
    uint64_t oldest = load_seq_cst(&c->visitor);
    for (unsigned i = 0; i < c->g->cfg.harts; i++)
        oldest = min_u64(oldest, load_seq_cst(&c->g->harts[i]->code_epoch));
    return oldest;
}

/* Makes all slots such that they decode when they run.  A few are written, many go to the host. */
static void array_reset(struct rv_code_cache *c, int i)
{
    const struct array *a = &c->array[i];
    struct rv_op *ops = array_ops(c, i);
    if (a->first < a->end && a->end - a->first > RESET_MAX) {
        madvise(ops, ARRAY_BYTES, MADV_DONTNEED); /* back to the template */
        return;
    }
    for (unsigned slot = a->first; slot < a->end; slot++)
        ops[slot] = (struct rv_op){.fn = rv_handlers.decode};
}

/* Moves given-up arrays that no hart can be in to the free list. */
static void reclaim_locked(struct rv_code_cache *c)
{
    uint64_t oldest = oldest_inside(c);
    int *link = &c->given_up;
    while (*link >= 0) {
        int i = *link;
        struct array *a = &c->array[i];
        if (a->given_up > oldest) {
            link = &a->next;
            continue;
        }
        *link = a->next;
        c->given_up_count--;
        array_reset(c, i);
        fetch_sub_acq_rel(&c->parts, (unsigned)__builtin_popcount(a->parts));
        rv_jit_page_free(c->g->jit, a->jit);
        a->jit = NULL;
        a->next = c->free;
        c->free = i;
    }
}

static void evict_one_locked(struct rv_code_cache *c)
{
    for (int tries = 0; tries < 2 * c->made; tries++) {
        c->hand = (c->hand + 1) % c->made;
        struct array *a = &c->array[c->hand];
        if (a->given_up || !a->mapped)
            continue;
        if (load_relaxed(&a->used)) {
            store_relaxed(&a->used, false);
            continue;
        }
        c->stats.evictions++;
        give_up_locked(c, c->hand, false);
        return;
    }
}

/* An array for a new page, or -1: all are given up but still in use. */
static int array_take_locked(struct rv_code_cache *c)
{
    if (c->live >= LIVE_MAX)
        evict_one_locked(c);
    /* Two for each new one: it may have more parts than one of them had. */
    for (int n = 0; n < 2 && load_relaxed(&c->parts) > PARTS_MAX; n++)
        evict_one_locked(c);
    if (c->given_up_count > (c->free < 0 ? 0 : GIVEN_UP_MAX))
        reclaim_locked(c);
    if (c->free >= 0) {
        int i = c->free;
        c->free = c->array[i].next;
        return i;
    }
    if (c->made == ARRAYS_MAX)
        return -1;
    if (mmap(array_ops(c, c->made), ARRAY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
             c->template_fd, 0) == MAP_FAILED)
        return -1;
    lock_init(&c->array[c->made].lock, RANK_CODE_PAGE);
    return c->made++;
}

/* --- making --- */

/* Sets PAGE_CODE and tells all harts; true when every hart is known to have seen it. */
static bool flag_page(struct rv_code_cache *c, struct rv_hart *h, gpa_t gpa)
{
    struct smp *smp = c->g->smp;
    uint64_t host = (uintptr_t)physmem_host(c->pm, gpa);
    physmem_flag_set(c->pm, gpa, PAGE_CODE);
    tlb_drop_host_page(&h->hart.tlb, (const void *)(uintptr_t)host);
    if (smp->count == 1)
        return true;
    uint64_t ticket = smp_post(smp, &h->hart, NULL, rv_letter_drop_write, host, 0, 0);
    uint64_t until = clock_now_ns() + FLAG_WAIT_NS;
    while (!smp_done(smp, ticket)) {
        if (clock_now_ns() >= until)
            return false;
        hart_serve(&h->hart);
        cpu_relax();
    }
    return true;
}

/* 0 when they are used up. */
static uint32_t number_locked(struct rv_code_cache *c)
{
    return c->numbers < RV_CODE_NUMBER_MAX ? ++c->numbers : 0;
}

static void array_begin_locked(struct rv_code_cache *c, struct array *a, const struct rv_hart *h,
                               gpa_t page)
{
    a->used = a->mapped = true;
    a->number = number_locked(c);
    a->gpa = page;
    a->given_up = 0;
    a->jit = NULL;
    lock_take(&a->lock);
    store_relaxed(&a->owner, (uint16_t)h->hart.index);
    a->first = RV_SLOTS;
    a->end = 0;
    a->renewed = a->parts = 0;
    lock_drop(&a->lock);
}

static const struct rv_op *page_make(struct rv_code_cache *c, struct rv_hart *h, gpa_t page)
{
    lock_take(&c->lock);
    uint64_t clears = c->flag_clears;
    bool kept = load_relaxed(&c->written[page_index(c, page)].stores);
    lock_drop(&c->lock);
    bool seen = kept || flag_page(c, h, page);

    const struct rv_op *ops = NULL;
    lock_take(&c->lock);
    ops = c->page[page_index(c, page)];
    /* Somebody cleared a flag meanwhile: it may have been this one.  The caller tries again. */
    int i = ops || clears != c->flag_clears ? -1 : array_take_locked(c);
    if (i >= 0 && clears == c->flag_clears) {
        array_begin_locked(c, &c->array[i], h, page);
        c->array[i].suspect = !seen;
        if (!seen)
            fetch_add_acq_rel(&c->suspects, 1);
        store_relaxed(&c->written[page_index(c, page)].stores, 0);
        c->live++;
        c->stats.pages_made++;
        ops = array_ops(c, i);
        store_release(&c->page[page_index(c, page)], array_ops(c, i));
    } else if (i >= 0) {
        /* An eviction of our own cleared a flag, not this page's. */
        c->array[i].next = c->free;
        c->free = i;
    }
    lock_drop(&c->lock);
    return ops;
}

const struct rv_op *rv_code_page(struct rv_code_cache *c, struct rv_hart *h, gpa_t gpa)
{
    gpa_t page = gpa & PAGE_MASK;
    const struct rv_op *ops = load_acquire(&c->page[page_index(c, page)]);
    if (!ops)
        ops = page_make(c, h, page); /* or another hart has, meanwhile */
    if (!ops)
        return NULL;
    struct array *a = &c->array[array_of(c, ops)];
    if (!load_relaxed(&a->used))
        store_relaxed(&a->used, true);
    if (load_relaxed(&a->owner) != h->hart.index)
        rv_code_share(c, ops);
    return ops;
}

void rv_code_share(struct rv_code_cache *c, const struct rv_op *d)
{
    struct array *a = &c->array[array_of(c, d)];
    if (load_acquire(&a->owner) == SHARED)
        return;
    lock_take(&a->lock); /* waits for the owner's store */
    store_release(&a->owner, SHARED);
    lock_drop(&a->lock);
}

const struct rv_op *rv_code_peek(const struct rv_code_cache *c, gpa_t gpa)
{
    return load_acquire(&c->page[page_index(c, gpa)]);
}

gpa_t rv_code_gpa(const struct rv_code_cache *c, const struct rv_op *d)
{
    return load_relaxed(&c->array[array_of(c, d)].gpa);
}

/* --- decoding --- */

#define PART_SLOTS (PAGE_SIZE / sizeof(struct rv_op))
_Static_assert(RV_SLOTS / PART_SLOTS == 8, "a bit each in a byte");

/* Makes the slot's part private, if it is not known to be: writes what stands there. */
static void part_touch(struct rv_code_cache *c, int i, size_t slot)
{
    struct array *a = &c->array[i];
    struct rv_op *ops = array_ops(c, i);
    unsigned bit = 1u << (slot / PART_SLOTS);
    rv_handler *expected = rv_handlers.decode;
    if (load_relaxed(&a->parts) & bit)
        return;
    (void)cas_seq_cst(&ops[slot].fn, &expected, rv_handlers.decode);
    if (!(fetch_or_seq_cst(&a->parts, (uint8_t)bit) & bit))
        fetch_add_acq_rel(&c->parts, 1);
}

unsigned rv_code_touch(struct rv_code_cache *c, const struct rv_op *d)
{
    int i = array_of(c, d);
    part_touch(c, i, (size_t)rv_slot_offset(d) / 2);
    return load_relaxed(&c->array[i].parts);
}

uint32_t rv_code_number(const struct rv_code_cache *c, const struct rv_op *d)
{
    return c->array[array_of(c, d)].number;
}

unsigned rv_code_parts(const struct rv_code_cache *c, const struct rv_op *d)
{
    return load_relaxed(&c->array[array_of(c, d)].parts);
}

static uint32_t code_word(const struct rv_code_cache *c, gpa_t page, unsigned offset)
{
    const uint16_t *p = (const uint16_t *)(const void *)(physmem_host(c->pm, page) + offset);
    uint32_t raw = load_relaxed(p);
    if ((raw & 3) == 3 && offset < PAGE_SIZE - 2)
        raw |= (uint32_t)load_relaxed(p + 1) << 16;
    return raw;
}

/* Decodes one slot; returns the instruction's length, or 0 when decoding should stop after it. */
static unsigned decode_slot(struct rv_code_cache *c, gpa_t page, unsigned offset,
                            struct rv_op *slot)
{
    uint32_t raw = code_word(c, page, offset);
    struct rv_op op = {0};
    struct rv_insn insn;
    rv_handler *fn;
    unsigned len = 0;
    if ((raw & 3) == 3 && offset == PAGE_SIZE - 2) {
        op.imm = (int32_t)raw;
        fn = rv_handlers.straddle;
    } else {
        rv_decode(raw, &c->g->exts, &insn);
        fn = rv_op_build(c->g, &insn, offset, &op);
        if (insn.op != RV_OP_illegal && !(rv_op_info(insn.op)->flags & RV_ENDS_BLOCK))
            len = insn.len;
    }
    slot->imm = op.imm;
    slot->rd = op.rd;
    slot->rs1 = op.rs1;
    slot->rs2 = op.rs2;
    slot->rs3 = op.rs3;
    /* Pairs with the dispatch's load of fn, which the operands' loads depend on. */
    store_release(&slot->fn, fn);
    return len;
}

void rv_code_decode(struct rv_code_cache *c, struct rv_hart *h, const struct rv_op *d)
{
    int i = array_of(c, d);
    struct rv_op *ops = array_ops(c, i);
    unsigned offset = (unsigned)rv_slot_offset(d);
    uint64_t decodes = 0;
    struct array *a = &c->array[i];
    gpa_t page = load_relaxed(&a->gpa);
    lock_take(&a->lock);
    fence_seq_cst(); /* pairs with rv_code_written: the array is there for all to see */
    a->renewed = 0;
    if (offset / 2 < a->first)
        a->first = (uint16_t)(offset / 2);
    for (int n = 0; n < DECODE_AHEAD && offset < PAGE_SIZE; n++) {
        struct rv_op *slot = &ops[offset / 2];
        part_touch(c, i, offset / 2);
        if (load_relaxed(&slot->fn) != rv_handlers.decode)
            break;
        unsigned len = decode_slot(c, page, offset, slot);
        decodes++;
        if (offset / 2 >= a->end)
            a->end = (uint16_t)(offset / 2 + 1);
        if (!len)
            break;
        offset += len;
    }
    lock_drop(&a->lock);
    store_relaxed(&h->decodes, h->decodes + decodes);
}

/* --- writes to code, fence.i --- */

/*
 * A store inside a page by the hart whose array it is, or by another: false then, and when giving
 * the page up is cheaper than to be told of each store.
 */
static bool renewed(struct rv_code_cache *c, gpa_t gpa, uint64_t len)
{
    struct hart *self = smp_self();
    struct rv_op **page = &c->page[page_index(c, gpa)], *ops = load_acquire(page);
    struct array *a = ops ? &c->array[array_of(c, ops)] : NULL;
    /* Who is not inside holds no array. */
    if (!a || !self || load_relaxed(&a->owner) != self->index ||
        load_relaxed(&rv_hart(self)->code_epoch) == UINT64_MAX)
        return false;
    lock_take(&a->lock);
    bool may = a->owner == self->index && load_relaxed(page) == ops && a->renewed < RENEWED_MAX;
    if (may) {
        unsigned offset = (unsigned)(gpa & ~PAGE_MASK);
        unsigned first = offset < 2 ? 0 : offset / 2 - 1; /* which may reach into what is stored */
        unsigned end = (offset + (unsigned)len + 1) / 2;
        a->renewed++;
        for (unsigned slot = first; slot < end; slot++)
            if (slot >= a->first && slot < a->end && bit_test(a->parts, slot / PART_SLOTS))
                store_relaxed(&ops[slot].fn, rv_handlers.decode);
        struct rv_jit_page *jit = load_acquire(&a->jit);
        if (jit)
            rv_jit_page_cool(jit, first, end);
    }
    lock_drop(&a->lock);
    return may;
}

void rv_code_written(struct rv_code_cache *c, gpa_t gpa, uint64_t len)
{
    if (!len)
        return;
    gpa_t first = gpa & PAGE_MASK, last = (gpa + len - 1) & PAGE_MASK;
    /* Pairs with rv_code_decode: we see the page's array, or it reads what was written. */
    fence_seq_cst();
    if (first == last && (renewed(c, gpa, len) || cools(c, first)))
        return;
    lock_take(&c->lock);
    for (gpa_t page = first; page <= last; page += PAGE_SIZE) {
        struct rv_op *ops = c->page[page_index(c, page)];
        if (!ops) {
            cool_locked(c, page);
            continue;
        }
        c->stats.invalidations++;
        give_up_locked(c, array_of(c, ops), true);
    }
    lock_drop(&c->lock);
}

static void give_up_suspects(struct rv_code_cache *c)
{
    lock_take(&c->lock);
    for (int i = 0; i < c->made; i++)
        if (c->array[i].suspect)
            give_up_locked(c, i, false);
    lock_drop(&c->lock);
}

void rv_code_fence_i(struct rv_code_cache *c, struct rv_hart *h)
{
    /*
     * Pairs with page_make, which counts its suspect before anybody decodes: either the decoder
     * reads what we stored, or we see the suspect.
     */
    fence_seq_cst();
    if (unlikely(load_acquire(&c->suspects)))
        give_up_suspects(c);
    if (load_acquire(&c->generation) != h->code_seen)
        h->attention |= RV_ATTEND_FETCH;
}

/* Forgets where the pages given up since the hart last looked were. */
static void drop_fetch_entries(struct rv_code_cache *c, struct rv_hart *h, uint64_t generation)
{
    uint64_t missed = generation - h->code_seen;
    if (missed < DROP_EACH_MAX) {
        int recent[DROP_EACH_MAX];
        lock_take(&c->lock);
        bool overrun = c->generation - h->code_seen >= DROP_EACH_MAX;
        memcpy(recent, c->recent, sizeof(recent));
        lock_drop(&c->lock);
        for (uint64_t g = h->code_seen + 1; !overrun && g <= generation; g++)
            tlb_drop_fetch(&h->hart.tlb, (uintptr_t)array_ops(c, recent[g % DROP_EACH_MAX]));
        if (!overrun)
            return;
    }
    tlb_drop_fetch(&h->hart.tlb, 0);
}

static uint64_t enter(struct rv_code_cache *c, uint64_t *epoch)
{
    uint64_t g;
    do {
        g = load_seq_cst(&c->generation);
        /* Pairs with oldest_inside: either it sees us, or we see what it gave up. */
        store_seq_cst(epoch, g);
    } while (unlikely(load_seq_cst(&c->generation) != g));
    return g;
}

void rv_code_enter(struct rv_code_cache *c, struct rv_hart *h)
{
    uint64_t g = enter(c, &h->code_epoch);
    if (unlikely(g != h->code_seen)) {
        drop_fetch_entries(c, h, g);
        h->code_seen = g;
    }
}

void rv_code_leave(struct rv_code_cache *c, struct rv_hart *h)
{
    (void)c;
    store_release(&h->code_epoch, UINT64_MAX);
}

void rv_code_visit(struct rv_code_cache *c)
{
    (void)enter(c, &c->visitor);
}

void rv_code_visit_end(struct rv_code_cache *c)
{
    store_release(&c->visitor, UINT64_MAX);
}

/* --- translations --- */

struct rv_jit_page **rv_code_jit(struct rv_code_cache *c, const struct rv_op *d)
{
    struct array *a = &c->array[array_of(c, d)];
    if (!load_relaxed(&a->used))
        store_relaxed(&a->used, true);
    return &a->jit;
}

unsigned rv_code_give_up_if(struct rv_code_cache *c,
                            bool (*pick)(void *opaque, struct rv_jit_page *p), void *opaque)
{
    unsigned n = 0;
    lock_take(&c->lock);
    for (int i = 0; i < c->made; i++) {
        const struct array *a = &c->array[i];
        if (a->mapped && !a->given_up && pick(opaque, load_acquire(&a->jit))) {
            give_up_locked(c, i, false);
            n++;
        }
    }
    lock_drop(&c->lock);
    return n;
}

void rv_code_reclaim(struct rv_code_cache *c)
{
    lock_take(&c->lock);
    reclaim_locked(c);
    lock_drop(&c->lock);
}

void rv_code_stats(struct rv_code_cache *c, struct rv_code_stats *out)
{
    lock_take(&c->lock);
    *out = c->stats;
    for (unsigned i = 0; i < c->g->cfg.harts; i++)
        out->decodes += load_relaxed(&c->g->harts[i]->decodes);
    out->live_pages = c->live;
    out->resident_limit = LIVE_MAX;
    lock_drop(&c->lock);
}
