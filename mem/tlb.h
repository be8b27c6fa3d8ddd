/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hart's private TLB: tables of 16-byte entries for fetch, read and
 * write, probed inline by the interpreter and by generated code, and one for
 * slow writes.
 *
 * An entry's tag is the virtual page number, in place, with a 9-bit context
 * number in bits 11:3.  A context stands for one combination of everything
 * that decides what a translation means: satp's ASID and mode, privilege, SUM,
 * MXR, MPRV.  The guest hands such a combination to tlb_context as a 64-bit key
 * and gets the number; so a trap or a context switch only changes the number
 * in `ctx` and flushes nothing.  Pages that are the same in all address spaces
 * (global mappings) can be entered under a second context, `global`, whose key
 * leaves out what they do not depend on.  Flushing all, or an ASID, forgets numbers
 * (O(1)); when all numbers are used up the tables are cleared once.
 *
 * A naturally aligned access of 2^k bytes (k <= 3) hits if
 *     entry.tag == ((va & (PAGE_MASK | (size - 1))) | ctx)
 * or the same with global, so that misaligned accesses miss and are sorted out off the fast path.
 *
 * The index folds higher page-number bits in, so that streams a power of two
 * apart do not fight for one entry: with 1024 entries two streams 2^k pages
 * apart share a slot for no k < 18 (but where one of them crosses a multiple
 * of 1 GiB and k = 0).  The pages of a naturally aligned run of the table's
 * size never collide.
 *
 * addend: host address minus virtual address for read and write entries.  For
 * fetch entries it is whatever the engine registers (the page's decoded code).
 *
 * Threads: owner hart only, or while the hart is stopped.  Other harts send
 * requests (smp/).
 */
#ifndef MEM_TLB_H
#define MEM_TLB_H

#include "sim/base/bits.h"

/*
 * TLB_SLOW_WRITE has the pages that may be written, but only under their shard's lock (they carry
 * PAGE_SLOW_WRITE flags): no fast path looks there, it saves the slow one the page walk.
 */
enum tlb_kind { TLB_FETCH, TLB_READ, TLB_WRITE, TLB_SLOW_WRITE, TLB_KINDS };

#define TLB_TAG_INVALID  UINT64_MAX
#define TLB_CTX_SHIFT    3
#define TLB_CTX_MAX      510  /* 511 would make the invalid tag reachable */
#define TLB_CTX_NOWHERE  1ull /* in ctx[]: no entry matches, as tags have bits 2:0 clear */
#define TLB_VICTIMS      8
#define TLB_MIN_ENTRIES  256
#define TLB_DEF_ENTRIES  1024
#define TLB_MAX_ENTRIES  16384
#define TLB_LARGE_RANGES 16
#define TLB_CTX_HASH     1024 /* at most half full */
#define TLB_CTX_RECENT   16   /* power of two */

struct tlb_entry {
    uint64_t tag;
    uint64_t addend;
};

struct tlb_table {
    struct tlb_entry *entries;
    uint64_t mask; /* (number of entries - 1) << 4: byte offsets */
};

/*
 * What the last access of a place in translated code found: an access at va with
 * va - start < limit lies at va + addend, as one of an entry does.  start is a page's, and the
 * range whole pages but for what an access needs behind its first byte.  One without a range has
 * limit 0 and TLB_STREAM_NOWHERE, which is no page's address, as its start.  Good for the context
 * of its bank; flushes forget all streams, of a page those that hold it.
 */
#define TLB_STREAM_NOWHERE (PAGE_SIZE / 2)
struct tlb_stream {
    uint64_t start, limit, addend;
};

#define TLB_FETCH_GONE 64    /* power of two */
#define TLB_FETCH_SEEN 65536 /* power of two */

/*
 * Streams of reads, and as many of writes.  The banks are for code of different privilege, so that
 * a trap, and the return from it, need forget neither's.
 */
#define TLB_STREAM_BANKS 2
#define TLB_BANK_STREAMS 2048
#define TLB_STREAMS      (TLB_STREAM_BANKS * TLB_BANK_STREAMS)

/*
 * stream_used: of a stream with a limit TLB_STREAM_USED, whether it is of the context itself or of
 * the global one, and some bits of its (first) page's number, by which a page's flush finds it.
 */
#define TLB_STREAM_USED      0x01
#define TLB_STREAM_PAGE      0x7e
#define TLB_STREAM_PAGE_BITS (PAGE_SHIFT - 1) /* so far to the right it is shifted */
#define TLB_STREAM_OWN       0x80
#define TLB_STREAM_GROUP     64

#define TLB_RUNS 4

enum tlb_stream_kind { TLB_STREAM_READ, TLB_STREAM_WRITE, TLB_STREAM_KINDS };

struct tlb_stats {
    uint64_t misses[TLB_KINDS];      /* slow path entered for a translation */
    uint64_t victim_hits[TLB_KINDS]; /* of those, found in the victim array */
    uint64_t flush_all, flush_asid, flush_page, hard_clears, resizes;
};

struct tlb {
    struct tlb_table table[TLB_KINDS];
    uint64_t ctx[TLB_KINDS];    /* current context, already shifted by TLB_CTX_SHIFT */
    uint64_t global[TLB_KINDS]; /* that of pages entered as global; TLB_CTX_NOWHERE: none match */
    struct tlb_entry victim[TLB_KINDS][TLB_VICTIMS];
    unsigned victim_next[TLB_KINDS];

    /* contexts: number n is valid for key[n] */
    uint64_t key[TLB_CTX_MAX + 1];
    unsigned ctx_used;   /* numbers given since the last hard clear */
    unsigned ctx_oldest; /* lower ones were forgotten by a flush */
    uint64_t ctx_forgotten[(TLB_CTX_MAX + 1 + 63) / 64]; /* others that were, one bit each */
    uint16_t ctx_hash[TLB_CTX_HASH];                     /* by key: number + 1, or 0 */
    struct {
        uint64_t key, ctx;
    } ctx_recent[TLB_CTX_RECENT]; /* by key: contexts given out lately; or TLB_CTX_NOWHERE */

    /*
     * Virtual ranges in which a page larger than 4 KiB was entered since the last full flush.  When
     * there are too many, neighbours are joined, gap and all.
     */
    struct tlb_range {
        gva_t first, last;
        unsigned shift; /* of the largest page in it */
        bool fetched;   /* from one of them */
    } large[TLB_LARGE_RANGES];
    unsigned large_count;
    bool aliased; /* tlb_alias since the last full flush */

    struct tlb_stream stream[TLB_STREAM_KINDS][TLB_STREAMS];
    _Alignas(8) uint8_t stream_used[TLB_STREAM_KINDS][TLB_STREAMS]; /* 0 or what is said above */
    /* Not 0 for each group of TLB_STREAM_GROUP that may have some in use; [1]: of the context
     * itself, [0]: of the global one. */
    uint8_t stream_group[TLB_STREAM_KINDS][2][TLB_STREAMS / TLB_STREAM_GROUP];
    bool stream_wide; /* some reach over more than a page, without a run */
    /*
     * Runs: what the page table maps in large pages that lie together in host memory as they do in
     * the guest's, as a kernel's view of all RAM does.  Reads of up to a page under the global
     * context run_ctx may take a run for a stream; limit is 0 or leaves out the last page.
     */
    struct tlb_stream run[TLB_RUNS];
    uint64_t run_ctx;
    uint64_t stream_ctx[TLB_STREAM_BANKS];    /* ctx[TLB_READ] of a bank's streams */
    uint64_t stream_global[TLB_STREAM_BANKS]; /* global[TLB_READ] of them */
    /*
     * How often fetch mappings may have gone (besides with their contexts); the last time that many
     * did; and of the latest times, each at its number modulo the array's size, which one: a page's
     * address plus 1, or the addend.
     */
    uint64_t fetch_epoch, fetch_epoch_all, fetch_gone[TLB_FETCH_GONE];
    /* A bit by hash for each page that a fetch entry was made for since all contexts were
     * forgotten: what has none is no fetch mapping that could go. */
    uint64_t fetch_seen[TLB_FETCH_SEEN / 64];
    struct sparse fetch_words;
    uint64_t write_epoch; /* rises when a host page may be written fast no more */

    /* since the table was last looked at by tlb_adapt */
    uint64_t fills_since_resize[TLB_KINDS];
    uint64_t evictions_since_resize[TLB_KINDS]; /* fills that displaced an entry still of use */
    struct tlb_stats stats;
};

/* entries: power of two in [TLB_MIN_ENTRIES, TLB_MAX_ENTRIES], 0 for the default.  0 or -ENOMEM. */
int tlb_init(struct tlb *t, unsigned entries);
void tlb_fini(struct tlb *t);

static ALWAYS_INLINE struct tlb_entry *tlb_slot(const struct tlb *t, enum tlb_kind kind, gva_t va)
{
    uint64_t off = ((va >> (PAGE_SHIFT - 4)) ^ (va >> (PAGE_SHIFT + 4))) & t->table[kind].mask;
    return (struct tlb_entry *)((char *)t->table[kind].entries + off);
}

/* Whether an entry with the tag stands for va, masked as it is to be. */
static ALWAYS_INLINE bool tlb_matches(const struct tlb *t, enum tlb_kind kind, uint64_t tag,
                                      gva_t va)
{
    return likely(tag == (va | t->ctx[kind])) || tag == (va | t->global[kind]);
}

/* The entry for an aligned access of size bytes (1, 2, 4, 8), or NULL. */
static ALWAYS_INLINE struct tlb_entry *tlb_lookup(const struct tlb *t, enum tlb_kind kind, gva_t va,
                                                  unsigned size)
{
    struct tlb_entry *e = tlb_slot(t, kind, va);
    return likely(tlb_matches(t, kind, e->tag, va & (PAGE_MASK | (size - 1)))) ? e : NULL;
}

/*
 * Off the fast path: looks va's page up in the table, then in the victim array (moving it back).
 * va need not be aligned.  NULL on a miss.
 */
struct tlb_entry *tlb_lookup_slow(struct tlb *t, enum tlb_kind kind, gva_t va);

/*
 * Enters va's page under the current context; what stood there goes to the victims.
 * page_shift is that of the guest's leaf (12, 16, 21, 30, 39, 48), which decides what
 * tlb_flush_page must drop; larger values mean that there is no page table (Bare).
 */
void tlb_fill(struct tlb *t, enum tlb_kind kind, gva_t va, uint64_t addend, unsigned page_shift);
/* The same under the global context, which there must be. */
void tlb_fill_global(struct tlb *t, enum tlb_kind kind, gva_t va, uint64_t addend,
                     unsigned page_shift);

/*
 * Says that pages are entered under addresses that are not their own (pointer masking): until the
 * next full flush, tlb_flush_page cannot find them by address and flushes all.
 */
static inline void tlb_alias(struct tlb *t)
{
    t->aliased = true;
}

/*
 * The context for key, allotting a number if the key is new; already shifted, to be stored in
 * ctx[].  When the numbers are used up it clears all tables and sets *cleared (else *cleared is
 * false); every ctx[] is TLB_CTX_NOWHERE then and the caller computes all three again.  The key's
 * bits 15:0 must be the ASID.
 */
uint64_t tlb_context(struct tlb *t, uint64_t key, bool *cleared);

/*
 * After any of the two below every ctx[] and global[] is TLB_CTX_NOWHERE and the caller recomputes
 * them with tlb_context.
 */
void tlb_flush_all(struct tlb *t);
/*
 * Forgets all contexts of the ASID.  What was entered under other keys stays good, so fetch_epoch
 * stays.
 */
void tlb_flush_asid(struct tlb *t, uint16_t asid);
/*
 * Drops va's page in all contexts, and the whole larger page around it if one was entered.  May
 * flush all instead: returns true, and the caller recomputes ctx[].
 */
bool tlb_flush_page(struct tlb *t, gva_t va);

/* Drops each write entry that leads to the host page (4 KiB) at host. */
void tlb_drop_host_page(struct tlb *t, const void *host);
/* Drops each fetch entry with the addend; all fetch entries if addend is 0. */
void tlb_drop_fetch(struct tlb *t, uint64_t addend);

/*
 * Makes a run of the range, which reads under the global context, which there must be, find from
 * host on; or not, if there are enough of them.
 */
void tlb_run_set(struct tlb *t, gva_t first, gva_t last, uint64_t host);
/* Whether there is no run yet that va is in, and room for another one. */
bool tlb_run_wanted(const struct tlb *t, gva_t va);
/* The run for a read of up to a page in the current global context, or NULL. */
const struct tlb_stream *tlb_run(const struct tlb *t, gva_t va);
/* Sets a stream of reads to the run. */
void tlb_stream_set_run(struct tlb *t, unsigned i, const struct tlb_stream *run);

/* Sets a stream, which has a limit; own: it is of the context itself, not the global one. */
void tlb_stream_set(struct tlb *t, enum tlb_stream_kind kind, unsigned i, bool own,
                    const struct tlb_stream *s);
void tlb_streams_forget(struct tlb *t);
/* The same for one, whose range ends. */
static inline void tlb_stream_forget(struct tlb *t, enum tlb_stream_kind kind, unsigned i)
{
    t->stream[kind][i].start = TLB_STREAM_NOWHERE;
    t->stream[kind][i].limit = 0;
}
/*
 * The data contexts have been set, and code that uses the bank comes next: forgets those of its
 * streams that are another context's.
 */
void tlb_streams_enter(struct tlb *t, unsigned bank);

/*
 * Grows or shrinks a table by its load; called from the slow path, before tlb_fill, as often as
 * the caller likes (it returns at once until the table was filled as often as it has entries).
 * Pointers to entries are stale afterwards.
 */
void tlb_adapt(struct tlb *t, enum tlb_kind kind);

/* Gives a table so many entries, as tlb_init would.  -EINVAL, -ENOMEM: nothing changed. */
int tlb_resize(struct tlb *t, enum tlb_kind kind, unsigned entries);

unsigned tlb_capacity(const struct tlb *t, enum tlb_kind kind);

#endif
