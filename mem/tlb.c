/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slow half of the TLB: contexts, fills, flushes, resizing.  Owner hart
 * only, or while the hart is stopped.
 *
 * A flush never touches the tables: it forgets context numbers, and entries
 * that carry a forgotten number can match no more, because a number is given
 * out once between two hard clears.  With 511 numbers a hard clear (some 50
 * KiB of stores) comes once in 511 flushes at most.
 */
#include "mem/tlb.h"

#include "sim/base/error.h"
#include "sim/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CTX_MASK ((1ull << PAGE_SHIFT) - (1ull << TLB_CTX_SHIFT)) /* of a tag */

/* Pages of a large page that tlb_flush_page looks for one by one; above this it flushes all. */
#define FLUSH_PAGES_MAX 512

/* Leaves above this have no page table behind them (Bare). */
#define LEAF_SHIFT_MAX 48

static const struct tlb_entry invalid_entry = {.tag = TLB_TAG_INVALID};

/* ---- tables -------------------------------------------------------------- */

static uint64_t table_count(const struct tlb_table *tab)
{
    return (tab->mask >> 4) + 1;
}

static void entries_clear(struct tlb_entry *e, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        e[i] = invalid_entry;
}

static int table_alloc(struct tlb_table *tab, uint64_t count)
{
    struct tlb_entry *entries = aligned_alloc(CACHE_LINE, count * sizeof(*entries));

    if (!entries)
        return -ENOMEM;
    entries_clear(entries, count);
    tab->entries = entries;
    tab->mask = (count - 1) << 4;
    return 0;
}

static unsigned page_hash(gva_t va)
{
    return (unsigned)((va >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull >> 48);
}
_Static_assert(TLB_FETCH_SEEN == 1 << (64 - 48), "page_hash makes an index");

/* which: as in fetch_gone, or 0: any. */
static void fetch_goes(struct tlb *t, uint64_t which)
{
    t->fetch_epoch++;
    t->fetch_gone[t->fetch_epoch % TLB_FETCH_GONE] = which;
    if (!which)
        t->fetch_epoch_all = t->fetch_epoch;
}

static void runs_forget(struct tlb *t)
{
    for (unsigned i = 0; i < TLB_RUNS; i++)
        t->run[i].limit = 0;
}

static void no_context(struct tlb *t)
{
    for (int k = 0; k < TLB_KINDS; k++)
        t->ctx[k] = t->global[k] = TLB_CTX_NOWHERE;
    for (unsigned i = 0; i < TLB_CTX_RECENT; i++)
        t->ctx_recent[i].ctx = TLB_CTX_NOWHERE;
}

/* Whatever was known of the current contexts is known no more. */
static void ctx_nowhere(struct tlb *t)
{
    runs_forget(t);
    tlb_streams_forget(t);
    no_context(t);
}

int tlb_init(struct tlb *t, unsigned entries)
{
    _Static_assert(sizeof(struct tlb_entry) == 16, "tlb_slot makes byte offsets of 16");
    memset(t, 0, sizeof(*t));
    if (!entries)
        entries = TLB_DEF_ENTRIES;
    BUG_ON(!is_pow2(entries) || entries < TLB_MIN_ENTRIES || entries > TLB_MAX_ENTRIES);
    for (int k = 0; k < TLB_KINDS; k++) {
        entries_clear(t->victim[k], TLB_VICTIMS);
        if (table_alloc(&t->table[k], entries)) {
            tlb_fini(t);
            return error_set(MH_ERROR_MEMORY, -ENOMEM, NULL, NULL, "out of memory for a TLB");
        }
    }
    for (int k = 0; k < TLB_STREAM_KINDS; k++)
        for (unsigned i = 0; i < TLB_STREAMS; i++)
            tlb_stream_forget(t, (enum tlb_stream_kind)k, i);
    ctx_nowhere(t);
    fetch_goes(t, 0);
    return 0;
}

void tlb_fini(struct tlb *t)
{
    for (int k = 0; k < TLB_KINDS; k++) {
        free(t->table[k].entries);
        t->table[k].entries = NULL;
    }
}

unsigned tlb_capacity(const struct tlb *t, enum tlb_kind kind)
{
    return (unsigned)table_count(&t->table[kind]);
}

/* ---- streams ------------------------------------------------------------- */

void tlb_stream_set(struct tlb *t, enum tlb_stream_kind kind, unsigned i, bool own,
                    const struct tlb_stream *s)
{
    t->stream[kind][i] = *s;
    t->stream_used[kind][i] =
        (uint8_t)(TLB_STREAM_USED | (s->start >> TLB_STREAM_PAGE_BITS & TLB_STREAM_PAGE) |
                  (own ? TLB_STREAM_OWN : 0));
    t->stream_group[kind][own][i / TLB_STREAM_GROUP] = 1;
    t->stream_wide |= s->limit > PAGE_SIZE;
}

/* Which streams go: all, all but global ones, those that hold a guest's page, or a host's. */
enum streams_that { STREAMS_ALL, STREAMS_OWN, STREAMS_OF_PAGE, STREAMS_OF_HOST_PAGE };

static bool stream_goes(const struct tlb_stream *s, enum streams_that that, uint64_t page)
{
    uint64_t start = that == STREAMS_OF_PAGE ? s->start : s->start + s->addend;
    return that <= STREAMS_OWN || page - start < s->limit;
}

#define EIGHT(v) (0x0101010101010101ull * (v))

/* Of eight uses: a bit in each byte that may be meant; none in those that are not. */
static ALWAYS_INLINE uint64_t streams_meant(uint64_t uses, enum streams_that that, uint64_t mark)
{
    if (that == STREAMS_OWN)
        return uses & EIGHT(TLB_STREAM_OWN);
    if (that != STREAMS_OF_PAGE)
        return uses & EIGHT(TLB_STREAM_USED);
    uint64_t differs = (uses & EIGHT(TLB_STREAM_USED | TLB_STREAM_PAGE)) ^ EIGHT(mark);
    return (differs - EIGHT(1)) & ~differs & EIGHT(0x80); /* bytes that are zero, and a few more */
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* Whether one of a group's uses may be of the page that the mark is of. */
static ALWAYS_INLINE bool group_has(const uint8_t *used, uint8_t mark)
{
    bytes16 found = {0}, bits = {0}, marks = {0};
    bits += (uint8_t)(TLB_STREAM_USED | TLB_STREAM_PAGE);
    marks += mark;
    for (unsigned i = 0; i < TLB_STREAM_GROUP; i += sizeof(found)) {
        bytes16 some;
        memcpy(&some, used + i, sizeof(some));
        found |= (bytes16)((some & bits) == marks);
    }
    uint64_t halves[2];
    memcpy(halves, &found, sizeof(halves));
    return halves[0] | halves[1];
}

/* Of one group. */
static ALWAYS_INLINE void group_drop(struct tlb *t, enum tlb_stream_kind kind, unsigned group,
                                     enum streams_that that, uint64_t page)
{
    unsigned first = group * TLB_STREAM_GROUP;
    uint8_t *used = t->stream_used[kind] + first;
    struct tlb_stream *s = t->stream[kind] + first;
    uint64_t mark = TLB_STREAM_USED | (page >> TLB_STREAM_PAGE_BITS & TLB_STREAM_PAGE);
    if (that == STREAMS_OF_PAGE && !group_has(used, (uint8_t)mark))
        return;
    uint64_t uses[TLB_STREAM_GROUP / 8], own = 0, global = 0;
    memcpy(uses, used, sizeof(uses));
    for (unsigned w = 0; w < ARRAY_LEN(uses); w++)
        for (uint64_t meant = streams_meant(uses[w], that, mark); meant; meant &= meant - 1) {
            unsigned i = 8 * w + (unsigned)__builtin_ctzll(meant) / 8;
            if (!stream_goes(&s[i], that, page))
                continue;
            tlb_stream_forget(t, kind, first + i);
            used[i] = 0;
        }
    memcpy(uses, used, sizeof(uses));
    for (unsigned w = 0; w < ARRAY_LEN(uses); w++) {
        uint64_t owns = uses[w] & EIGHT(TLB_STREAM_OWN);
        own |= owns;
        global |= (uses[w] & EIGHT(TLB_STREAM_USED)) ^ owns >> 7;
    }
    t->stream_group[kind][true][group] = own != 0;
    t->stream_group[kind][false][group] = global != 0;
}

/* From first to end, multiples of TLB_STREAM_GROUP. */
static ALWAYS_INLINE void streams_drop(struct tlb *t, enum tlb_stream_kind kind, unsigned first,
                                       unsigned end, enum streams_that that, uint64_t page)
{
    for (unsigned g = first / TLB_STREAM_GROUP; g < end / TLB_STREAM_GROUP; g++)
        if (t->stream_group[kind][true][g] ||
            (that != STREAMS_OWN && t->stream_group[kind][false][g]))
            group_drop(t, kind, g, that, page);
}

static void streams_forget(struct tlb *t, unsigned first, unsigned end, enum streams_that that)
{
    streams_drop(t, TLB_STREAM_READ, first, end, that, 0);
    streams_drop(t, TLB_STREAM_WRITE, first, end, that, 0);
}

static void streams_forget_page(struct tlb *t, gva_t page)
{
    if (unlikely(t->stream_wide)) {
        tlb_streams_forget(t);
        return;
    }
    streams_drop(t, TLB_STREAM_READ, 0, TLB_STREAMS, STREAMS_OF_PAGE, page);
    streams_drop(t, TLB_STREAM_WRITE, 0, TLB_STREAMS, STREAMS_OF_PAGE, page);
}

void tlb_streams_forget(struct tlb *t)
{
    streams_forget(t, 0, TLB_STREAMS, STREAMS_ALL);
    t->stream_wide = false;
}

/* ---- runs ---------------------------------------------------------------- */

static uint64_t run_bytes(const struct tlb_stream *r)
{
    return r->limit ? r->limit + PAGE_SIZE : 0;
}

/* Whether the two have a byte in common. */
static bool runs_meet(const struct tlb_stream *a, const struct tlb_stream *b)
{
    return a->start - b->start < run_bytes(b) || b->start - a->start < run_bytes(a);
}

void tlb_run_set(struct tlb *t, gva_t first, gva_t last, uint64_t host)
{
    struct tlb_stream r = {first, last - first + 1 - PAGE_SIZE, host - first};
    struct tlb_stream *place = NULL;

    BUG_ON(last - first + 1 < 2 * PAGE_SIZE || t->global[TLB_READ] == TLB_CTX_NOWHERE);
    if (t->run_ctx != t->global[TLB_READ])
        runs_forget(t);
    t->run_ctx = t->global[TLB_READ];
    for (unsigned i = 0; i < TLB_RUNS; i++) {
        if (!runs_meet(&t->run[i], &r))
            continue;
        /* Flushes find the streams that were set to it by what comes in its place, or not. */
        bool inside = t->run[i].start >= first &&
                      t->run[i].start - first + run_bytes(&t->run[i]) <= run_bytes(&r);
        if (!inside)
            tlb_streams_forget(t);
        t->run[i].limit = 0;
    }
    for (unsigned i = 0; i < TLB_RUNS && !place; i++)
        if (!t->run[i].limit)
            place = &t->run[i];
    if (place)
        *place = r;
}

bool tlb_run_wanted(const struct tlb *t, gva_t va)
{
    bool room = false;

    if (t->run_ctx != t->global[TLB_READ])
        return true;
    for (unsigned i = 0; i < TLB_RUNS; i++) {
        if (va - t->run[i].start < run_bytes(&t->run[i]))
            return false;
        room |= !t->run[i].limit;
    }
    return room;
}

const struct tlb_stream *tlb_run(const struct tlb *t, gva_t va)
{
    if (t->run_ctx != t->global[TLB_READ])
        return NULL;
    for (unsigned i = 0; i < TLB_RUNS; i++)
        if (va - t->run[i].start < t->run[i].limit)
            return &t->run[i];
    return NULL;
}

void tlb_stream_set_run(struct tlb *t, unsigned i, const struct tlb_stream *run)
{
    bool wide = t->stream_wide;

    tlb_stream_set(t, TLB_STREAM_READ, i, false, run);
    t->stream_wide = wide;
}

/* The page's mapping goes, and with it the run that it is part of: true if there was one. */
static bool run_drop(struct tlb *t, gva_t page)
{
    for (unsigned i = 0; i < TLB_RUNS; i++)
        if (page - t->run[i].start < run_bytes(&t->run[i])) {
            t->run[i].limit = 0;
            return true;
        }
    return false;
}

void tlb_streams_enter(struct tlb *t, unsigned bank)
{
    unsigned first = bank * TLB_BANK_STREAMS;
    bool global = t->stream_global[bank] == t->global[TLB_READ];
    if (t->stream_ctx[bank] == t->ctx[TLB_READ] && global)
        return;
    streams_forget(t, first, first + TLB_BANK_STREAMS, global ? STREAMS_OWN : STREAMS_ALL);
    t->stream_ctx[bank] = t->ctx[TLB_READ];
    t->stream_global[bank] = t->global[TLB_READ];
}

/* ---- contexts ------------------------------------------------------------ */

/* Whether number n was given out and not forgotten since. */
static bool ctx_valid(const struct tlb *t, unsigned n)
{
    return n >= t->ctx_oldest && n < t->ctx_used && !bit_test(t->ctx_forgotten[n / 64], n % 64);
}

/* Whether the entry can still match under some context. */
static bool entry_valid(const struct tlb *t, const struct tlb_entry *e)
{
    return e->tag != TLB_TAG_INVALID &&
           ctx_valid(t, (unsigned)((e->tag & CTX_MASK) >> TLB_CTX_SHIFT));
}

static unsigned key_hash(uint64_t key)
{
    return (unsigned)((key * 0x9e3779b97f4a7c15ull) >> 54);
}
_Static_assert(TLB_CTX_HASH == 1 << (64 - 54), "key_hash makes an index");

/*
 * The place in ctx_hash of the last number for key, forgotten or not, or the
 * empty place where the search ended.  Numbers stay in their places until the
 * hard clear, which comes before the table is more than half full.
 */
static uint16_t *ctx_find(struct tlb *t, uint64_t key)
{
    unsigned i = key_hash(key);

    for (;; i = (i + 1) % TLB_CTX_HASH) {
        unsigned n = t->ctx_hash[i];
        if (n == 0 || t->key[n - 1] == key)
            return &t->ctx_hash[i];
    }
}

static void hard_clear(struct tlb *t)
{
    for (int k = 0; k < TLB_KINDS; k++) {
        entries_clear(t->table[k].entries, table_count(&t->table[k]));
        entries_clear(t->victim[k], TLB_VICTIMS);
    }
    memset(t->ctx_hash, 0, sizeof(t->ctx_hash));
    memset(t->ctx_forgotten, 0, sizeof(t->ctx_forgotten));
    sparse_clear(t->fetch_seen, ARRAY_LEN(t->fetch_seen), &t->fetch_words);
    t->ctx_used = t->ctx_oldest = 0;
    t->large_count = 0;
    t->aliased = false;
    ctx_nowhere(t);
    fetch_goes(t, 0);
    t->stats.hard_clears++;
}

/* Makes the number for key, if there is none. */
static uint64_t context_find(struct tlb *t, uint64_t key, bool *cleared)
{
    uint16_t *place = ctx_find(t, key);

    if (!*place || !ctx_valid(t, *place - 1u)) {
        if (t->ctx_used > TLB_CTX_MAX) {
            hard_clear(t);
            *cleared = true;
            place = ctx_find(t, key);
        }
        t->key[t->ctx_used] = key;
        *place = (uint16_t)++t->ctx_used;
    }
    return (uint64_t)(*place - 1u) << TLB_CTX_SHIFT;
}

uint64_t tlb_context(struct tlb *t, uint64_t key, bool *cleared)
{
    unsigned i = key_hash(key) / (TLB_CTX_HASH / TLB_CTX_RECENT);

    *cleared = false;
    if (unlikely(t->ctx_recent[i].key != key || t->ctx_recent[i].ctx == TLB_CTX_NOWHERE)) {
        uint64_t ctx = context_find(t, key, cleared);
        t->ctx_recent[i].key = key;
        t->ctx_recent[i].ctx = ctx;
    }
    return t->ctx_recent[i].ctx;
}

/* ---- lookup and fill ----------------------------------------------------- */

/* Moves victim v to its slot, and what stood there to v's place. */
static struct tlb_entry *victim_restore(struct tlb *t, enum tlb_kind kind, struct tlb_entry *v,
                                        struct tlb_entry *slot)
{
    struct tlb_entry e = *slot;

    *slot = *v;
    *v = entry_valid(t, &e) ? e : invalid_entry;
    t->stats.victim_hits[kind]++;
    return slot;
}

struct tlb_entry *tlb_lookup_slow(struct tlb *t, enum tlb_kind kind, gva_t va)
{
    struct tlb_entry *slot = tlb_slot(t, kind, va);

    if (tlb_matches(t, kind, slot->tag, va & PAGE_MASK))
        return slot;
    t->stats.misses[kind]++;
    for (unsigned i = 0; i < TLB_VICTIMS; i++)
        if (tlb_matches(t, kind, t->victim[kind][i].tag, va & PAGE_MASK))
            return victim_restore(t, kind, &t->victim[kind][i], slot);
    return NULL;
}

static void victim_put(struct tlb *t, enum tlb_kind kind, const struct tlb_entry *e)
{
    t->victim[kind][t->victim_next[kind]++ % TLB_VICTIMS] = *e;
}

/* Forgets the victims for this page: the table gets a newer entry for it. */
static void victim_drop(struct tlb *t, enum tlb_kind kind, gva_t page)
{
    for (unsigned i = 0; i < TLB_VICTIMS; i++)
        if (tlb_matches(t, kind, t->victim[kind][i].tag, page))
            t->victim[kind][i] = invalid_entry;
}

static void large_note(struct tlb *t, gva_t va, unsigned shift, bool fetched);

static void fill(struct tlb *t, enum tlb_kind kind, gva_t va, uint64_t ctx, uint64_t addend,
                 unsigned page_shift)
{
    struct tlb_entry *slot = tlb_slot(t, kind, va);
    gva_t page = va & PAGE_MASK;

    BUG_ON(ctx & ~CTX_MASK);
    victim_drop(t, kind, page);
    if (!tlb_matches(t, kind, slot->tag, page) && entry_valid(t, slot)) {
        victim_put(t, kind, slot);
        t->evictions_since_resize[kind]++;
    }
    slot->tag = page | ctx;
    slot->addend = addend;
    if (kind == TLB_FETCH)
        sparse_set(t->fetch_seen, &t->fetch_words, page_hash(va));
    t->fills_since_resize[kind]++;
    if (page_shift > PAGE_SHIFT && page_shift <= LEAF_SHIFT_MAX)
        large_note(t, va, page_shift, kind == TLB_FETCH);
}

void tlb_fill(struct tlb *t, enum tlb_kind kind, gva_t va, uint64_t addend, unsigned page_shift)
{
    fill(t, kind, va, t->ctx[kind], addend, page_shift);
}

void tlb_fill_global(struct tlb *t, enum tlb_kind kind, gva_t va, uint64_t addend,
                     unsigned page_shift)
{
    fill(t, kind, va, t->global[kind], addend, page_shift);
}

/* ---- large pages --------------------------------------------------------- */

static bool range_holds(const struct tlb_range *r, gva_t va)
{
    return va >= r->first && va <= r->last;
}

/* Makes r the hull of itself and o. */
static void range_join(struct tlb_range *r, const struct tlb_range *o)
{
    r->first = min_u64(r->first, o->first);
    r->last = max_u64(r->last, o->last);
    if (o->shift > r->shift)
        r->shift = o->shift;
    r->fetched |= o->fetched;
}

/* Bytes between two ranges; 0 if they touch or overlap. */
static uint64_t range_gap(const struct tlb_range *a, const struct tlb_range *b)
{
    if (a->last < b->first)
        return b->first - a->last - 1;
    if (b->last < a->first)
        return a->first - b->last - 1;
    return 0;
}

/* Makes two of the ranges, those with the smallest gap between them, one. */
static void large_join(struct tlb *t)
{
    unsigned a = 0, b = 1;

    for (unsigned i = 0; i < t->large_count; i++)
        for (unsigned k = i + 1; k < t->large_count; k++)
            if (range_gap(&t->large[i], &t->large[k]) < range_gap(&t->large[a], &t->large[b])) {
                a = i;
                b = k;
            }
    range_join(&t->large[a], &t->large[b]);
    t->large[b] = t->large[--t->large_count];
}

/*
 * Remembers that a page of 1 << shift bytes around va was entered.  Touching
 * pages of one size become one range, so that a kernel's linear map, hundreds
 * of large pages, takes one place and single-page flushes elsewhere stay cheap.
 */
static void large_note(struct tlb *t, gva_t va, unsigned shift, bool fetched)
{
    gva_t first = align_down(va, 1ull << shift);
    struct tlb_range page = {first, first + (1ull << shift) - 1, shift, fetched};

    for (unsigned i = 0; i < t->large_count; i++)
        if (range_holds(&t->large[i], va) && t->large[i].shift >= shift) {
            t->large[i].fetched |= fetched;
            return;
        }
    for (unsigned i = 0; i < t->large_count; i++)
        if (t->large[i].shift == shift && range_gap(&t->large[i], &page) == 0) {
            range_join(&t->large[i], &page);
            return;
        }
    if (t->large_count == TLB_LARGE_RANGES)
        large_join(t);
    t->large[t->large_count++] = page;
}

/* Size, as a shift, of the largest page that may hold va, and whether one that does was fetched
 * from.
 */
static unsigned large_shift(const struct tlb *t, gva_t va, bool *fetched)
{
    unsigned shift = PAGE_SHIFT;

    *fetched = false;
    for (unsigned i = 0; i < t->large_count; i++) {
        if (!range_holds(&t->large[i], va))
            continue;
        *fetched |= t->large[i].fetched;
        if (t->large[i].shift > shift)
            shift = t->large[i].shift;
    }
    return shift;
}

/* ---- flushes ------------------------------------------------------------- */

static void forget_all(struct tlb *t)
{
    t->ctx_oldest = t->ctx_used;
    sparse_clear(t->fetch_seen, ARRAY_LEN(t->fetch_seen), &t->fetch_words);
    t->large_count = 0;
    t->aliased = false;
    ctx_nowhere(t);
    fetch_goes(t, 0);
}

void tlb_flush_all(struct tlb *t)
{
    forget_all(t);
    t->stats.flush_all++;
}

void tlb_flush_asid(struct tlb *t, uint16_t asid)
{
    for (unsigned n = t->ctx_oldest; n < t->ctx_used; n++)
        if ((uint16_t)t->key[n] == asid)
            t->ctx_forgotten[n / 64] |= 1ull << (n % 64);
    streams_forget(t, 0, TLB_STREAMS, STREAMS_OWN);
    no_context(t);
    t->stats.flush_asid++;
}

/* Whether e is for a page in [first, last] in whatever context. */
static bool entry_in(const struct tlb_entry *e, gva_t first, gva_t last)
{
    gva_t page = e->tag & PAGE_MASK;

    return e->tag != TLB_TAG_INVALID && page >= first && page <= last;
}

static void drop_range(struct tlb *t, enum tlb_kind kind, gva_t first, uint64_t pages)
{
    gva_t last = first + (pages << PAGE_SHIFT) - 1;

    for (uint64_t i = 0; i < pages; i++) {
        struct tlb_entry *e = tlb_slot(t, kind, first + (i << PAGE_SHIFT));
        if (entry_in(e, first, last))
            *e = invalid_entry;
    }
    for (unsigned i = 0; i < TLB_VICTIMS; i++)
        if (entry_in(&t->victim[kind][i], first, last))
            t->victim[kind][i] = invalid_entry;
}

bool tlb_flush_page(struct tlb *t, gva_t va)
{
    bool large_fetched;
    unsigned shift = large_shift(t, va, &large_fetched);
    uint64_t pages = 1ull << (shift - PAGE_SHIFT);

    t->stats.flush_page++;
    if (pages > FLUSH_PAGES_MAX || t->aliased) {
        forget_all(t);
        return true;
    }
    for (int k = 0; k < TLB_KINDS; k++)
        drop_range(t, k, align_down(va, 1ull << shift), pages);
    gva_t page = va & PAGE_MASK;
    if (run_drop(t, page) || pages > 1)
        tlb_streams_forget(t);
    else
        streams_forget_page(t, page);
    if (large_fetched)
        fetch_goes(t, 0);
    else if (bit_test(t->fetch_seen[page_hash(page) / 64], page_hash(page) % 64))
        fetch_goes(t, page | 1);
    return false;
}

static void drop_host_page(struct tlb_entry *e, uint64_t count, uint64_t page)
{
    for (uint64_t i = 0; i < count; i++)
        if ((e[i].tag & PAGE_MASK) + e[i].addend == page && e[i].tag != TLB_TAG_INVALID)
            e[i] = invalid_entry;
}

void tlb_drop_host_page(struct tlb *t, const void *host)
{
    uint64_t page = (uintptr_t)host & PAGE_MASK;
    const struct tlb_table *tab = &t->table[TLB_WRITE];

    drop_host_page(tab->entries, table_count(tab), page);
    drop_host_page(t->victim[TLB_WRITE], TLB_VICTIMS, page);
    streams_drop(t, TLB_STREAM_WRITE, 0, TLB_STREAMS, STREAMS_OF_HOST_PAGE, page);
    t->write_epoch++;
}

static void drop_addend(struct tlb_entry *e, uint64_t count, uint64_t addend)
{
    for (uint64_t i = 0; i < count; i++)
        if (!addend || e[i].addend == addend)
            e[i] = invalid_entry;
}

void tlb_drop_fetch(struct tlb *t, uint64_t addend)
{
    const struct tlb_table *tab = &t->table[TLB_FETCH];

    drop_addend(tab->entries, table_count(tab), addend);
    drop_addend(t->victim[TLB_FETCH], TLB_VICTIMS, addend);
    fetch_goes(t, addend);
}

/* ---- resizing ------------------------------------------------------------ */

static uint64_t table_used(const struct tlb *t, const struct tlb_table *tab)
{
    uint64_t used = 0;

    for (uint64_t i = 0; i < table_count(tab); i++)
        used += entry_valid(t, &tab->entries[i]);
    return used;
}

/* Out of memory: the table stays as it is. */
static int table_resize(struct tlb *t, enum tlb_kind kind, uint64_t count)
{
    struct tlb_table old = t->table[kind];

    int rc = table_alloc(&t->table[kind], count);
    if (rc) {
        t->table[kind] = old;
        return rc;
    }
    for (uint64_t i = 0; i < table_count(&old); i++)
        if (entry_valid(t, &old.entries[i]))
            *tlb_slot(t, kind, old.entries[i].tag) = old.entries[i];
    free(old.entries);
    t->stats.resizes++;
    return 0;
}

int tlb_resize(struct tlb *t, enum tlb_kind kind, unsigned entries)
{
    if (!is_pow2(entries) || entries < TLB_MIN_ENTRIES || entries > TLB_MAX_ENTRIES)
        return -EINVAL;
    t->fills_since_resize[kind] = 0;
    t->evictions_since_resize[kind] = 0;
    return table_resize(t, kind, entries);
}

/*
 * The load is looked at once the table was filled as often as it has entries,
 * so the scan costs a fill only an entry's worth.  Every second fill displaced
 * an entry of use: too small.  Under an eighth in use: too large (a large table
 * makes tlb_drop_host_page and hard clears dear).
 */
void tlb_adapt(struct tlb *t, enum tlb_kind kind)
{
    uint64_t count = table_count(&t->table[kind]);

    if (t->fills_since_resize[kind] < count)
        return;
    if (t->evictions_since_resize[kind] > count / 2) {
        if (count < TLB_MAX_ENTRIES)
            (void)table_resize(t, kind, count * 2); /* without memory it is only slower */
    } else if (count > TLB_MIN_ENTRIES && table_used(t, &t->table[kind]) < count / 8) {
        (void)table_resize(t, kind, count / 2);
    }
    t->fills_since_resize[kind] = 0;
    t->evictions_since_resize[kind] = 0;
}
