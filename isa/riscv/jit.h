/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translating engines of the RISC-V guest: translations of a machine and
 * what each hart keeps for running them.
 */
#ifndef ISA_RISCV_JIT_H
#define ISA_RISCV_JIT_H

#include <stdio.h>

#include "jit/codemem.h"
#include "jit/jit.h"

struct rv_guest;
struct rv_hart;
struct rv_jit;
struct rv_op;
struct rv_jit_page; /* the translations of a decoded page */

#define RV_JIT_GLOBALS 3  /* banks for global pages of S-mode, one for each way FS and frm are */
#define RV_JIT_BANKS   11 /* with them */
#define RV_JIT_KNOWN   64
#define RV_JIT_FILLED  2048
#define RV_JIT_RANGES  8
#define RV_JIT_PAGES   131072

/* What a thread that translates has for itself: a hart's, or the spare one. */
struct rv_jit_maker {
    struct jit_room room; /* the chunk it fills; size 0: none */
    int chunk;
    struct rv_region_builder *builder;
    struct {
        uint64_t translations, blocks, insns, bytes, ns, longer; /* than RV_JIT_PAUSE_NS */
    } stats;
};

#define RV_JIT_PAUSE_NS 10000000

/* Owner hart only. */
struct rv_jit_hart {
    struct rv_jit_maker maker;
    struct rv_jit_bank {
        struct jit_jump *jumps;
        uint64_t key;                      /* what it is for: bank_key() */
        gva_t global[RV_JIT_KNOWN];        /* pages known to be global, plus 1 */
        uint64_t epoch;                    /* of the TLB's fetch mappings, when it was good last */
        uint64_t pages[RV_JIT_PAGES / 64]; /* two bits by hash for each page filled in, by its
                                              address and by its decoded page */
        struct sparse page_words;
        unsigned filled; /* places filled since it was empty; above RV_JIT_FILLED not all listed */
        uint16_t place[RV_JIT_FILLED];
    } bank[RV_JIT_BANKS];
    struct rv_jit_bank *now;
    unsigned next_bank;
    unsigned mode; /* index of the assumptions that code may rely on now */
    /* There was no room for a translation when insns was starved_at. */
    bool starved, leaves;
    bool near;       /* code was left by JIT_LEFT_NEAR */
    bool local_code; /* S-mode runs pages that are not global: it has banks as U-mode has */
    uint64_t starved_at;
    struct rv_jit_range {
        uint64_t first, end, epoch; /* pages, and the TLB's write_epoch plus 1 */
    } writable[RV_JIT_RANGES];      /* RAM pages that streams of writes may reach over */
    unsigned next_range;
    struct rv_jit_watch {
        gva_t pc;                /* of the place in view */
        gpa_t insn;              /* the same */
        const struct rv_op *ops; /* its page */
        uint64_t page;           /* of its last access */
        unsigned seen, same;
    } watch; /* jit_scatter.c; while jit_hart.watched is not 0 */
    struct {
        uint64_t enters, chains, finds, interp_blocks, slow_accesses, jumps_cleared, hot, ahead,
            asks, scattered;
    } stats;
};

struct rv_jit_config {
    size_t cache_bytes;
    unsigned threshold;    /* executions of a block by the interpreter before it is translated;
                              rv_hot_ops may change it */
    unsigned level;        /* 0 to 3 */
    uint32_t passes;       /* jit/pass.h */
    bool chain;            /* jumps are led straight to their target */
    unsigned region_insns; /* 1 to RV_REGION_INSNS */
    unsigned looks; /* misses of streams from one that is looked at to the next, 1 to INT32_MAX */
    FILE *dump, *perf_map; /* the caller's; NULL: none */
    bool gdb;              /* is told of code */
};

/* What host code knows of the guest; for tests. */
extern const struct jit_guest rv_jit_guest;

/* -ENOTSUP: there is no back end for this host. */
int rv_jit_create(struct rv_jit **out, struct rv_guest *g, const struct rv_jit_config *cfg);
void rv_jit_destroy(struct rv_jit *j);
void rv_jit_hart_fini(struct rv_hart *h);

/* No hart can be in the page's code any more. */
void rv_jit_page_free(struct rv_jit *j, struct rv_jit_page *p);

/* Code was written where the page's slots from first to before end are: it is not warm. */
void rv_jit_page_cool(struct rv_jit_page *p, unsigned first, unsigned end);

/* The engines' run (isa/engine.h): translates everything, or what is warm. */
void rv_jit_run(struct rv_hart *h, bool everything);

/* The spare thread comes: harts may leave translating to it, while fewer than processors are awake.
 */
void rv_jit_announce(struct rv_jit *j, unsigned processors);
/* It is here: translates what hybrid's harts ask for while they go on, until rv_jit_retire. */
void rv_jit_serve(struct rv_jit *j);
/* Ends rv_jit_serve, before or after it begins.  Harts translate for themselves again.  Any thread.
 */
void rv_jit_retire(struct rv_jit *j);
/* What that thread has. */
const struct rv_jit_maker *rv_jit_spare(const struct rv_jit *j);

/* Gives all translations up, and the counts of executions with them.  Any thread. */
void rv_jit_clear(struct rv_jit *j);

/* Code for a slot of a decoded page as the hart is now, or 0. */
uintptr_t rv_jit_lookup(const struct rv_hart *h, const struct rv_op *ops, unsigned slot);
/* Pages given up to make room. */
uint64_t rv_jit_evictions(const struct rv_jit *j);

extern const struct guest_hot_ops rv_hot_ops;

#endif
