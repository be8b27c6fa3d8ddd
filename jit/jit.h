/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From blocks of the intermediate representation to host code, and into it and
 * out again: what a guest's engine (isa/<guest>/) and a host back end
 * (jit/<host>/) agree on.  Knows neither.
 *
 * A region is some blocks of one page of guest code that are translated as one
 * piece; it is entered at some of its blocks.  Its code keeps guest registers
 * in homes: for the whole region a register is either in one host register or
 * in its slot.  Which ones at a region's borders is fixed for all code (the
 * border map), so that one piece can jump to another; inside, a region with a
 * loop has a map of its own.
 *
 * Addresses: code knows its offset in the page, and finds the page's virtual
 * address in the hart (page_va), so one translation serves all mappings.
 *
 * Running code talks to the engine through struct jit_hart, which the guest
 * embeds in its hart structure.  Owner thread only.
 */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include "jit/ir.h"
#include "mem/tlb.h"

/* --- what running code shares with the engine --- */

/* Why code came back (jit_enter's result). */
enum jit_left {
    JIT_LEFT_FAULT,  /* an exception was recorded at the point */
    JIT_LEFT_LEAVE,  /* the run loop must look at the hart; pc is in place */
    JIT_LEFT_ALARM,  /* the alarm is due; pc is in place */
    JIT_LEFT_FIND,   /* go on at pc, which is to be looked up */
    JIT_LEFT_CHAIN,  /* the same, in the same page; the jump at exit_site may be led there */
    JIT_LEFT_INTERP, /* the instruction at pc is not for translated code */
    JIT_LEFT_NEAR,   /* the same, in another page, which the jump at near_site knows by distance */
    JIT_LEFT_TRAP,   /* the exception `site` with the value `value` at the point */
};

/* A place of the jump cache: where code for a virtual address is.  Never-matching: va 1. */
struct jit_jump {
    uint64_t va;
    uintptr_t code;
};

#define JIT_JUMPS 32768 /* of a bank */

/*
 * Behind them a bank has places for pages that jumps know by distance: va is the page's, and code
 * the number of what its bytes were translated from, which is never given twice.  Such a jump is
 * linked to code of one number.  It asks whether at that distance still is what has it; who finds
 * it there may jump straight to the code.
 */
#define JIT_NEAR 4096

/* Where in a bank va belongs. */
static inline unsigned jit_jump_index(uint64_t va)
{
    return (unsigned)((va ^ va >> 11) >> 1) & (JIT_JUMPS - 1);
}

/* How an access off the fast path ended. */
enum jit_slow { JIT_SLOW_FAULT, JIT_SLOW_DONE, JIT_SLOW_RETRY };

/* From JIT_AMO on what is misaligned is for the slow path. */
enum jit_access { JIT_LOAD, JIT_STORE, JIT_AMO, JIT_CAS, JIT_LR, JIT_SC };

#define JIT_FRAME_WORDS 160

/* The first members are what host code names most; JIT_HART_NEAR bytes of them. */
#define JIT_HART_NEAR 48

/* What host code and those around it share, of one hart. */
struct jit_hart {
    uint64_t value;
    uint32_t span;          /* jit_span() of an access that stands for several, else 0 */
    uint32_t point;         /* jit_point() */
    uint64_t rsp;           /* of the running code's frame: the bottom of its stack of calls */
    uint64_t calls_end;     /* where that stack is full; the host code's own */
    struct jit_jump *jumps; /* the bank in force */
    uint64_t va;
    uint64_t desired;
    uint64_t room;    /* the host code's own */
    uintptr_t missed; /* the host code's own: where a miss goes on that the TLB has no answer to */
    uint32_t site;    /* jit_site() of an access; or which helper is called */
    uint64_t args[IR_ARGS_MAX];
    uint64_t nan[2];              /* the guest's canonical NaN, as a double and as a boxed single */
    _Alignas(16) uint64_t box[2]; /* the upper half of a single, for host code: 16 bytes, aligned */
    _Alignas(16) uint8_t wide[16]; /* what a misaligned load is part of; the host code's own */
    uintptr_t exit_site; /* JIT_LEFT_CHAIN: address of the jump's distance, a multiple of 4; plus 1
                            if it is in a region for any mode */
    uintptr_t near_site; /* JIT_LEFT_NEAR: the same; */
    uintptr_t near_number; /* address of the number that it is linked for, a multiple of 4, 0 in it:
                              none yet; */
    uint64_t near_place;   /* and offset of the page's place from where the bank begins */
    /*
     * An `lr` reserves nothing; it leaves here where in host memory it read, for store-conditionals
     * that are no `sc`.  0: there was none, or its `sc` is done.
     */
    uint64_t lr_host;
    uint64_t lr_foreign;     /* *foreign before it read */
    const uint64_t *foreign; /* counts the writes of who is no hart; for all harts to read */
    uint8_t lr_exact; /* not 0: every `lr` is for the slow path, which may make a reservation */
    /* Loads and stores that find their page in the TLB, but not by their stream, until one of them
     * is for the slow path all the same: it wants to see what they do. */
    int32_t looks;
    uint32_t watched; /* those whose jit_site() this is go there each time; 0: none */
    uint64_t frame[JIT_FRAME_WORDS]; /* values that live across a call of C, or have no register */
};

static inline bool jit_access_reads(enum jit_access what)
{
    return what == JIT_LOAD || what == JIT_LR;
}

/* A point of the region: offset in the page, and instructions retired since the block began. */
static inline uint32_t jit_point(unsigned disp, unsigned retired)
{
    return disp | retired << 12;
}

static inline unsigned jit_point_disp(uint32_t point)
{
    return point & 0xfff;
}

static inline unsigned jit_point_retired(uint32_t point)
{
    return point >> 12;
}

/*
 * An access: what, how many bytes, which stream; an AMO's operation, of a load or store some of:
 * JIT_SITE_WRITES, it goes by a stream of writes (a load does whose span has stores);
 * JIT_SITE_SETTLED, it has no choice between its stream and the TLB (jit_region.scattered);
 * from JIT_SITE_ALIGN_SHIFT on, log2 of what its address, or its span's, must be a multiple of:
 * what is not may not be tried again; nor what is JIT_SITE_FLAT, outside of jit_region.flat.
 */
#define JIT_SITE_WRITES      1
#define JIT_SITE_SETTLED     2
#define JIT_SITE_ALIGN_SHIFT 2
#define JIT_SITE_STREAM      0x7fff /* above bit 15: which stream */
#define JIT_SITE_FLAT        0x80000000u

static inline uint32_t jit_site(enum jit_access access, unsigned size, unsigned stream, unsigned op)
{
    return (uint32_t)access | size << 4 | op << 8 | stream << 16;
}

static inline bool jit_site_writes(uint32_t site)
{
    return !jit_access_reads((enum jit_access)(site & 15)) || site >> 8 & JIT_SITE_WRITES;
}

static inline bool jit_site_settled(uint32_t site)
{
    return (site & 15) >= JIT_AMO || site >> 8 & JIT_SITE_SETTLED;
}

/* Of a load or store. */
static inline unsigned jit_site_align(uint32_t site)
{
    return 1u << (site >> 8 >> JIT_SITE_ALIGN_SHIFT & 3);
}

/*
 * What a helper computes, for back ends that know a host instruction for it; the helper itself is
 * for the rest (NaN results, operands that are no singles).  Operands and results as raw bits of
 * doubles, or of singles whose upper half is all ones.  Those that round have the rounding mode as
 * an argument before the others.
 */
enum jit_inline_as {
    JIT_INLINE_NONE,
    JIT_INLINE_ADD,
    JIT_INLINE_SUB,
    JIT_INLINE_MUL,
    JIT_INLINE_DIV,
    JIT_INLINE_SQRT,
    JIT_INLINE_MADD,                        /* a * b + c */
    JIT_INLINE_MSUB,                        /* a * b - c */
    JIT_INLINE_NMSUB,                       /* -(a * b) + c */
    JIT_INLINE_NMADD,                       /* -(a * b) - c */
    JIT_INLINE_NARROW,                      /* a double to a single */
    JIT_INLINE_FROM_64,                     /* of a signed integer */
    JIT_INLINE_FROM_32,                     /* a single rounds, a double does not */
    JIT_INLINE_NO_ROUNDING,                 /* from here on there is no rounding mode */
    JIT_INLINE_EQ = JIT_INLINE_NO_ROUNDING, /* 0 or 1; quiet */
    JIT_INLINE_LT,                          /* signals all NaNs */
    JIT_INLINE_LE,
    JIT_INLINE_WIDEN,    /* a single to a double */
    JIT_INLINE_TRUNC_32, /* towards zero, sign-extended; what does not fit is for the helper */
    JIT_INLINE_TRUNC_64,
    JIT_INLINE_FROM_32_EXACT, /* to a double */
};

struct jit_inline {
    uint8_t as;  /* enum jit_inline_as */
    bool single; /* of singles: operands, or the result of a conversion from an integer */
};

/*
 * va is where a span of so many bytes begins; the access itself is `offset` further on.  So many
 * have to be left behind va in the range of a stream, for all accesses that use it.
 */
static inline uint32_t jit_span(unsigned offset, unsigned bytes)
{
    return offset | bytes << 16;
}

/* --- a guest, as far as host code knows it; offsets in its hart structure --- */

struct jit_guest {
    const struct ir_guest *ir;
    int32_t insns;   /* retired instructions: uint64_t */
    int32_t until;   /* the alarm word */
    int32_t page_va; /* virtual address of the page whose code runs */
    int32_t pc;
    int32_t tlb;           /* struct tlb */
    int32_t jit;           /* struct jit_hart */
    int32_t bias;          /* the base register points so far into the structure */
    const uint8_t *border; /* slots by falling use: the border map takes as many as the host has
                              registers; ends with 0 */
    uint8_t link;          /* slot of the way back of calls (IR_LINK_*); 0: there is none */
    int32_t paged;         /* a byte, not 0: data addresses are translated page by page */
    int32_t reserved;      /* uint64_t, all ones: the hart holds no reservation */
    int32_t lr_count;      /* uint64_t: `lr`s so far */
    int32_t sc_count;      /* uint64_t [2]: `sc`s so far that wrote, and others */
    uint64_t fp_slots;     /* floating-point registers, a bit each */
    uint64_t steady;       /* those that lead to one page for long, in all code; a bit each */
    /*
     * By helper.  Such helpers serve nobody's requests, do not fault, and neither see the hart's
     * registers nor tell one quiet NaN from another: an operand may be one that is not canonical.
     */
    const struct jit_inline *inlines;
    /*
     * An access that no stream led to, described by struct jit_hart.  Registers are in their slots;
     * insns is that of the block's start.  Of an `sc` value is what its `lr` read, and then the
     * result; lr_host, if not 0, is that of its `lr`.  After an `amo`, a `cas` or an `sc` no store
     * of the hart waits to be seen by others.
     */
    int (*slow)(void *hart);
};

/* --- regions --- */

struct jit_block {
    struct ir_block ir; /* disp: from the page's start */
    uint16_t disp;      /* where it begins */
    bool entry;         /* the region is entered here from outside */
    bool header;        /* a jump inside the region leads back to it */
    uint8_t depth;      /* loops around it */
};

#define JIT_BLOCKS_MAX 64

/*
 * By halfword of the page, a bit each: the instruction's accesses are to another page most times,
 * so its place looks in the TLB first and not in its stream; and the pages are those of the TLB's
 * global context.
 */
struct jit_scattered {
    uint64_t here[PAGE_SIZE / 2 / 64], global[PAGE_SIZE / 2 / 64];
};

/*
 * RAM that the guest reads by its physical addresses: size bytes at base, in host memory so much
 * further on.  -base, size and addend fit a signed 32-bit number.
 */
struct jit_flat {
    uint64_t base;
    uint32_t size;
    int32_t addend;
};

struct jit_region {
    const struct jit_guest *guest;
    struct jit_block *blocks; /* by rising disp */
    unsigned count;
    unsigned stream_bank; /* of mem/tlb.h */
    unsigned stream_base; /* where its streams begin in it, any number */
    bool by_page;         /* none of the bank's streams reaches over more than a page */
    unsigned near_base;   /* the same for the places of pages: the place of its own page */
    bool strict_align;    /* misaligned accesses are for the slow path */
    bool alone;           /* no other hart sees whether an access was one */
    bool fp_inline;       /* the host rounds as the guest in its dynamic mode and in mode 0 */
    bool own_map;         /* worth a register map of its own */
    bool any_mode;        /* exit_site gets its lowest bit set: see there */
    const struct jit_scattered *scattered; /* or NULL */
    const struct jit_flat *flat; /* or NULL: reads may be anywhere in it, and all of RAM is there */
};

/* What compiling gave. */
struct jit_code {
    uintptr_t start;
    unsigned size;                   /* bytes */
    uintptr_t entry[JIT_BLOCKS_MAX]; /* by block, where its entry is set */
    uintptr_t block[JIT_BLOCKS_MAX]; /* where each begins, in their order */
    uintptr_t rest;                  /* where what belongs to none begins */
    uintptr_t routines;              /* where those of its own begin, behind the rest */
};

/* --- hosts --- */

/* The stack below translated code, for debuggers; registers are numbered as DWARF does. */
struct jit_frame {
    uint16_t machine; /* EM_* */
    uint8_t stack_reg, return_reg, hart_reg;
    uint8_t saved_count;
    int32_t hart_offset;    /* from the hart's register to jit_hart.rsp */
    unsigned bytes;         /* from what that says to what was there before the call of `enter` */
    unsigned routine_bytes; /* in a routine that calls C: to what was there before it was called */
    const uint8_t *saved;   /* by falling address, below the return address */
};

/* Room for code: a piece of code memory that one thread fills. */
struct jit_room {
    uint8_t *rw;  /* writable view */
    uintptr_t rx; /* the same bytes where they run */
    size_t size, used;
};

#define JIT_ROUTINES 5

/* The code that all regions share, made once per code cache. */
struct jit_stubs {
    uintptr_t enter, fault, trap, chain, find, find_at, leave, leave_at, alarm, alarm_at, interp;
    uintptr_t chain_here;            /* the host's own: as chain, for the jump before the call */
    uintptr_t by_address;            /* looks in the jump cache */
    uintptr_t near;                  /* the host's own: a jump by distance that goes not straight */
    uintptr_t stray_return;          /* the host's own */
    uintptr_t slow;                  /* the host's own: the part of routines that asks C */
    uintptr_t probe[2];              /* the host's own: look in the TLB, for reads and for writes */
    uintptr_t routine[JIT_ROUTINES]; /* the host's own: what regions with the border map call */
};

struct jit_host {
    const struct jit_frame *frame; /* without hart_offset, which is the guest's */
    const char *name;
    /* -ENOSPC: too small a room. */
    int (*stubs)(struct jit_stubs *out, const struct jit_guest *g, struct jit_room *room);
    /* Appends the region's code to the room.  -ENOSPC: no room; -E2BIG: it is too much for any. */
    int (*compile)(const struct jit_region *r, const struct jit_stubs *s, struct jit_room *room,
                   struct jit_code *out);
    /* Makes code that looks in the jump cache for a place of the page; 0: no room. */
    uintptr_t (*bridge)(const struct jit_stubs *s, struct jit_room *room, unsigned disp);
    /* Leads the jump whose distance is at site (running view) to code; atomic. */
    void (*chain)(uint8_t *site_rw, uintptr_t site_rx, uintptr_t code);
};

/* The back end for the machine that this runs on, or NULL. */
const struct jit_host *jit_host(void);

/* Runs code (an entry) of the hart until it comes back. */
typedef uint64_t jit_enter_fn(void *hart, uintptr_t code);

static inline enum jit_left jit_enter(const struct jit_stubs *s, void *hart, uintptr_t code)
{
    return (enum jit_left)((jit_enter_fn *)s->enter)(hart, code);
}

#endif
