/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the translating engines share: jit.c (finding and running
 * code), jit_code.c (making it), jit_access.c (accesses off its fast path),
 * jit_scatter.c (which of them are to another page each time),
 * jit_hot.c (what others may ask), jit_spare.c (the thread that translates while
 * harts run).
 *
 * Translations hang on the decoded page (codecache.c) of their bytes and live as
 * long: a write to the page gives it up, and the memory of its code is used
 * again when no hart can be inside.  In a page code is found by offset and by
 * mode, which is what it may assume (struct rv_assume).
 */
#ifndef ISA_RISCV_JIT_INSIDE_H
#define ISA_RISCV_JIT_INSIDE_H

#include "isa/riscv/fp.h"
#include "isa/riscv/jit.h"
#include "isa/riscv/ops.h"
#include "isa/riscv/region.h"

/*
 * What a mode says: what may be assumed (struct rv_assume; or nothing: code that is right under
 * every assumption), which bank of streams (mem/tlb.h) the code uses, and whether data addresses
 * are physical (jit_region.flat).
 */
#define RV_JIT_ANY   3 /* of bits 1:0 */
#define RV_JIT_BANK  4
#define RV_JIT_FLAT  8
#define RV_JIT_MODES 16

struct rv_jit_page {
    struct rv_entries *entry[RV_JIT_MODES]; /* NULL: none; atomic */
    uint8_t parts;    /* rv_code_parts() as it was when it last mattered; atomic */
    uint32_t heat;    /* how often jit_scatter.c found it wrong; atomic */
    uint64_t *chunks; /* a bit for each that has code of it; atomic */
    /* Executions by the interpreter, or one of the two below; atomic, may miss some. */
    uint8_t count[RV_SLOTS];
};

#define RV_JIT_HOT   254 /* hot enough for every threshold */
#define RV_JIT_ASKED 255 /* the spare thread was asked */

#define RV_JIT_PLACES 16384

/* What the spare thread is asked for. */
#define RV_JIT_ASKS 64 /* at a time */
struct rv_jit_ask {
    gpa_t gpa; /* of the first instruction */
    gva_t va;
    unsigned mode;
};

struct rv_jit_queue {
    CACHE_ALIGNED struct lock lock; /* RANK_LEAF: ring, head, tail */
    unsigned head, tail;            /* any numbers; their difference is what waits */
    struct rv_jit_ask ask[RV_JIT_ASKS];
    uint32_t state;      /* enum in jit_spare.c; atomic, a futex */
    unsigned processors; /* set before the state is AWAKE */
    struct rv_jit_maker maker;
    uint64_t starved_until; /* there was no room; clock_now_ns() */
};

struct rv_jit {
    struct rv_guest *g;
    const struct jit_host *host;
    struct codemem *mem;
    struct jit_stubs stubs;
    struct jit_guest guest;
    struct jit_flat flat; /* size 0: RAM is not where it would have to be */
    struct jit_frame frame;
    struct rv_jit_config cfg;
    unsigned chunk_words;
    /* Executions before code is translated, in a page that has translations and in one that has
     * none.  Any thread, atomic. */
    unsigned threshold_min, threshold_max;
    uint64_t evictions;            /* pages given up to make room; atomic */
    uint32_t place[RV_JIT_PLACES]; /* verdicts of jit_scatter.c; atomic */
    struct rv_jit_queue queue;

    CACHE_ALIGNED struct lock lock; /* RANK_TRANSLATION: what follows */
    struct rv_jit_chunk {
        unsigned pages; /* that have code in it */
        uint64_t age;   /* when it was taken; 0: free */
        bool filling;   /* a hart writes to it */
        bool evicted;   /* its pages were given up */
        struct jit_gdb *names;
    } * chunk;
    uint64_t taken;
};

/*
 * How many instructions a hart that found no room interprets before it looks again.  A look costs
 * as much as translating and some locks; with one per block Linux in a cache of 256 KiB ran at less
 * than a million instructions a second.
 */
#define RV_JIT_STARVED_INSNS 16384

static inline bool rv_jit_may_look(struct rv_hart *h)
{
    if (unlikely(h->jit.starved) && h->insns - h->jit.starved_at < RV_JIT_STARVED_INSNS)
        return false;
    h->jit.starved = false;
    return true;
}

/* There is no room.  As long as the hart is inside, what is given up is not free. */
static inline void rv_jit_starve(struct rv_hart *h)
{
    h->jit.starved = h->jit.leaves = true;
    h->jit.starved_at = h->insns;
}

/* --- jit_code.c --- */

struct rv_jit_found {
    uintptr_t code;          /* where there is any: find() says so */
    const struct rv_op *ops; /* the decoded page */
    struct rv_jit_page *page;
    bool any; /* it is right in all modes */
};

/* Code for a slot in the mode: its distance plus 1, or 0; *any: it is right in all modes. */
static inline uint32_t rv_jit_entry(const struct rv_jit_page *p, unsigned mode, unsigned slot,
                                    bool *any)
{
    uint32_t at = rv_entries_get(load_acquire(&p->entry[mode | RV_JIT_ANY]), slot);
    *any = at;
    return at ? at : rv_entries_get(load_acquire(&p->entry[mode]), slot);
}

/* The page's translations; made if need be.  NULL: no memory. */
struct rv_jit_page *rv_jit_page_of(struct rv_jit *j, const struct rv_op *ops);
struct rv_jit_job {
    const struct rv_op *ops; /* the decoded page */
    struct rv_jit_page *page;
    gva_t va;
    unsigned mode;
    bool executed_only; /* follows only what the interpreter has decoded */
};
/*
 * Translates from va on, and enters the code, where no other thread was first.  0; -ENOSPC: room is
 * being made, and will be there when the harts have looked up; -ENOMEM.
 */
int rv_jit_translate(struct rv_jit *j, struct rv_jit_maker *m, const struct rv_jit_job *job);
/* Leads the jump at site (exit_site of struct jit_hart) to what was found for the hart's pc. */
void rv_jit_chain(struct rv_jit *j, struct rv_hart *h, uintptr_t site,
                  const struct rv_jit_found *to);

/* Links the jump at near_site (of struct jit_hart) to what was found for the hart's pc, if it was
 * never tried before. */
void rv_jit_link(struct rv_jit *j, struct rv_hart *h, const struct rv_jit_found *to);

/* What code for the hart may assume now. */
static inline unsigned rv_jit_mode_now(const struct rv_hart *h)
{
    unsigned bank = (rv_stream_bank(h) ? RV_JIT_BANK : 0) |
                    (h->data_flat && h->guest->jit->flat.size ? RV_JIT_FLAT : 0);
    if ((h->csr.mstatus & MSTATUS_FS) != MSTATUS_FS)
        return bank;
    return bank | (h->csr.frm == FP_RNE && rv_fp_ready(h, FP_RNE) ? 2 : 1);
}

static inline struct rv_assume rv_jit_assume(unsigned mode)
{
    unsigned assume = mode & 3;
    return (struct rv_assume){.fp_dirty = assume >= 1, .fp_rne = assume == 2};
}

/* --- jit_spare.c --- */

/* Asks for a translation at the hart's pc; false: nobody is there who could, or too much waits. */
bool rv_jit_ask(struct rv_jit *j, struct rv_hart *h, const struct rv_op *ops);

/* --- jit_scatter.c --- */

/*
 * For a load or store off the fast path that is watched, or when jit_hart.looks is below 0 (it is
 * set anew).  True: it is to be made as it is, without a stream.
 */
bool rv_jit_look(struct rv_hart *h);
/* Fills *out for a region of the page. */
void rv_jit_scattered(struct rv_jit *j, gpa_t page, const struct jit_region *r,
                      struct jit_scattered *out);

/* --- jit_access.c --- */

/* struct jit_guest.slow */
int rv_jit_access(void *hart);

#endif
