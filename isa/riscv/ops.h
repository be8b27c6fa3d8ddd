/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoded code, as the interpreter runs it.
 *
 * A page of guest code has an array of 2048 slots, one per halfword, so that a
 * jump inside the page is an addition and needs no look-up.  A slot holds the
 * address of its handler; slots that were never executed hold that of the
 * decoder.  The array is aligned to its size: the low bits of a slot's address
 * give the offset of its instruction in the page, so a slot need not store it.
 *
 * Slot 2048 holds the handler that goes on in the next page.
 *
 * Arrays are shared by all harts.  A slot is written once (under the page's
 * lock): operands first, then the handler with release order.  It never changes
 * again; when the guest writes code, the whole array is given up (codecache.c).
 * The exception is an array that only one hart has been in.
 */
#ifndef ISA_RISCV_OPS_H
#define ISA_RISCV_OPS_H

#include "isa/riscv/rv.h"

#define RV_SLOTS      (PAGE_SIZE / 2)
#define RV_OPS_BYTES  (RV_SLOTS * sizeof(struct rv_op)) /* 32 KiB */
#define RV_SLOT_SHIFT 4

/*
 * Executes the instruction of slot d, the n-th of the hart.  Threaded, it goes on from there and
 * returns NULL in the end; otherwise it returns the next slot, with the count in h->insns.
 */
typedef const struct rv_op *rv_handler(struct rv_hart *h, const struct rv_op *d, uint64_t n);

struct rv_op {
    rv_handler *fn; /* atomic */
    int32_t imm;    /* immediate; rounding mode of floating-point operations */
    uint8_t rd;     /* 32 for x0 */
    uint8_t rs1, rs2, rs3;
};
_Static_assert(sizeof(struct rv_op) == 1 << RV_SLOT_SHIFT, "a slot's address gives its offset");

static inline const struct rv_op *rv_slot(const struct rv_op *ops, gva_t va)
{
    return (const struct rv_op *)((const char *)ops +
                                  ((va & (PAGE_SIZE - 2)) << (RV_SLOT_SHIFT - 1)));
}

/* The slot of the instruction offset bytes (even) from d's, in the same page. */
static inline const struct rv_op *rv_slot_beside(const struct rv_op *d, intptr_t offset)
{
    return (const struct rv_op *)((const char *)d + offset * (1 << (RV_SLOT_SHIFT - 1)));
}

/* Offset of the slot's instruction in its page, bytes. */
static inline uint64_t rv_slot_offset(const struct rv_op *d)
{
    return ((uintptr_t)d & (RV_OPS_BYTES - 1)) >> (RV_SLOT_SHIFT - 1);
}

/* --- the code cache: codecache.c --- */

/* The handlers that the cache writes into slots; given by interp.c. */
struct rv_handlers {
    rv_handler *decode;   /* fresh slots */
    rv_handler *page_end; /* slot 2048 */
    rv_handler *straddle; /* an instruction that goes on in the next page */
};
extern const struct rv_handlers rv_handlers;
/* The handler of op: four says the length is 4, far that a branch leaves the page (or may be
 * misaligned). */
rv_handler *rv_handler_of(unsigned op, bool four, bool far);
/* Fills *op but for fn, which is returned.  offset: of the instruction in its page, or
 * PAGE_SIZE: that of an aligned one in slots where it can branch to none beside it. */
rv_handler *rv_op_build(const struct rv_guest *g, const struct rv_insn *insn, unsigned offset,
                        struct rv_op *op);

struct rv_code_cache;

struct rv_code_stats {
    uint64_t decodes, pages_made, invalidations, evictions, live_pages, resident_limit;
};

int rv_code_create(struct rv_code_cache **out, struct rv_guest *g);
void rv_code_destroy(struct rv_code_cache *c);

/*
 * The slots of the RAM page that holds gpa; made if need be, which may serve h's letters.  NULL:
 * not at once, try again.  h is the caller, inside the interpreter or about to be.
 */
const struct rv_op *rv_code_page(struct rv_code_cache *c, struct rv_hart *h, gpa_t gpa);
/* The same, NULL if there is none yet. */
const struct rv_op *rv_code_peek(const struct rv_code_cache *c, gpa_t gpa);
/*
 * From now on the slots of d's page that are decoded stay as they are until the page is given up:
 * before anything is made from them, or who is not the hart that made the page reads them.
 */
void rv_code_share(struct rv_code_cache *c, const struct rv_op *d);
/* The guest address of an array's page. */
gpa_t rv_code_gpa(const struct rv_code_cache *c, const struct rv_op *d);
/* That of the decoded page, which no other has or had; 0: it got none. */
#define RV_CODE_NUMBER_MAX (UINT32_MAX - 1)
uint32_t rv_code_number(const struct rv_code_cache *c, const struct rv_op *d);
/*
 * d's eighth of the page is about to be used: what makes that cheap, if it was not yet.  Returns
 * those that were, a bit each; rv_code_parts does nothing else.  What is none of them has nothing
 * decoded, and is better not read.
 */
unsigned rv_code_touch(struct rv_code_cache *c, const struct rv_op *d);
unsigned rv_code_parts(const struct rv_code_cache *c, const struct rv_op *d);
/* Decodes the instruction of d and those after it up to the block's end; d->fn is not the decoder's
 * afterwards. */
void rv_code_decode(struct rv_code_cache *c, struct rv_hart *h, const struct rv_op *d);
/* The hook of mem: bytes of a code page were written. */
void rv_code_written(struct rv_code_cache *c, gpa_t gpa, uint64_t len);
/* FENCE.I on h. */
void rv_code_fence_i(struct rv_code_cache *c, struct rv_hart *h);
/* Around rv_interp's loop: between them the hart may hold slot addresses. */
void rv_code_enter(struct rv_code_cache *c, struct rv_hart *h);
void rv_code_leave(struct rv_code_cache *c, struct rv_hart *h);
/* The same for one thread that is no hart's: what it peeks at between them stays. */
void rv_code_visit(struct rv_code_cache *c);
void rv_code_visit_end(struct rv_code_cache *c);
/* The place for the translations of an array's page; who makes them owns them until they are freed
 * with the array.  Inside rv_code_enter only. */
struct rv_jit_page **rv_code_jit(struct rv_code_cache *c, const struct rv_op *d);
/* Gives up the pages with translations that the function picks. */
unsigned rv_code_give_up_if(struct rv_code_cache *c,
                            bool (*pick)(void *opaque, struct rv_jit_page *p), void *opaque);
/* Frees what was given up and no hart is in any more. */
void rv_code_reclaim(struct rv_code_cache *c);
void rv_code_stats(struct rv_code_cache *c, struct rv_code_stats *out);

#endif
