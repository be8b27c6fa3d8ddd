/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering, inside jit/x64: the state of compiling a region, shared by the
 * files that do it.
 *
 *   lower.c   the region: register map, blocks in turn, entries, cold code
 *   alloc.c   where values are: homes, temporaries, spills
 *   isel.c    an instruction for each operation
 *   access.c  loads, stores, atomics
 *   flow.c    ways between blocks: alarms to look for, counts to bring up to date
 *   order.c   fences that the host gives already, atomics that are stores
 *   stride.c  loops whose accesses need not be looked at in each turn
 *   exits.c   ways out of a block
 *   stubs.c   code that all regions share
 *
 * Registers.  rsp is the stack of calls, rbp the hart (plus a bias, so that its
 * registers have one-byte distances), r15 the count of retired instructions at
 * the block's start.  rax, rcx, rdx are always temporaries.  The other ten are
 * homes of guest registers, or temporaries where a region has no use for them.
 *
 * One thread at a time per struct lower; it is large and lives in the thread's
 * own storage.
 */
#ifndef JIT_X64_LOWER_H
#define JIT_X64_LOWER_H

#include "jit/jit.h"
#include "jit/x64/emit.h"
#include "sim/base/atomic.h"

#define HART RBP
#define NOW  R15

#define WIDE 15 /* an xmm register that is nobody's: for moves of 16 bytes */

/* Homes, in the order in which the border map fills them. */
#define X64_HOMES 10
extern const uint8_t x64_homes[X64_HOMES];

#define X64_BIT(r)     (1u << (r))
#define X64_CALL_SAVED (X64_BIT(RBX) | X64_BIT(R12) | X64_BIT(R13) | X64_BIT(R14))
#define X64_ALL_TEMPS                                                                              \
    (0xffffu & ~(X64_BIT(RSP) | X64_BIT(RBP) | X64_BIT(R15))) /* before homes are taken out */

/* What jit_hart.frame has: a place to save each register, then spilled values. */
#define FRAME_SAVE  0
#define FRAME_XSAVE 16
#define FRAME_SPILL 32
#define FRAME_SLOTS (FRAME_STRIDE - FRAME_SPILL)
/* And what loops of one block keep over their turns: stride.c. */
#define STRIDE_GROUPS 8
#define STRIDE_LIMIT  STRIDE_GROUPS
#define FRAME_STRIDE  (JIT_FRAME_WORDS - STRIDE_GROUPS - 1)

/*
 * The host's stack of running code: below what C wants kept a pair of words for a return to 0,
 * then a pair for each call that the guest is in, as far as translated code knows of it: where it
 * returns to in the guest, and, pushed by the host's call, where that is in the host.  Whoever
 * leaves code drops them all.
 */
#define FRAME_BYTES 24 /* the pair, and 8 that keep the stack aligned */
#define FRAME_CALLS 4096
#define CALL_WORDS  2

#define SLOTS_MAX 96

enum loc_kind {
    LOC_NONE,
    LOC_REG,   /* in a temporary of its own: reg */
    LOC_HOME,  /* in the home register of a slot */
    LOC_SLOT,  /* in the slot's memory */
    LOC_FRAME, /* spilled: slot is the frame's */
    LOC_CONST,
    LOC_PC,
    LOC_FUSED, /* a comparison made where it is used */
    LOC_XMM,   /* in an xmm register of its own: reg */
    LOC_XHOME, /* in the xmm register that is a slot's home */
};

struct val {
    uint16_t uses; /* operands that name it */
    uint16_t last; /* index of the last instruction that needs it */
    uint16_t slot;
    uint16_t next; /* in the list of the slot `list` */
    uint8_t list;  /* slot in whose list it is: in its home or memory, or has been; 0: none */
    uint8_t kind, reg;
    uint8_t hint;  /* slot that it becomes, or 0 */
    uint8_t copy;  /* slot whose memory has it as well, or 0 */
    uint8_t sign;  /* a load: bytes from which it is to be sign-extended */
    bool fp;       /* wanted in an xmm register */
    bool boxed;    /* a single: the upper half is all ones */
    bool box;      /* a load of 4 bytes that is only wanted boxed */
    uint8_t span;  /* an access: number of its span, or 0 */
    uint16_t mate; /* half of a product: the instruction that makes the other, or 0 */
};

/*
 * Accesses of one kind in a block that differ by constants: the first one looks for the whole span,
 * the others use the host address that it found, or 0 if it found none.
 */
struct span {
    ir_ref base;
    ir_ref id; /* a value beyond the block's own: the span's host address */
    enum tlb_stream_kind kind;
    int32_t min, max; /* first byte, byte behind the last */
    unsigned align;   /* of the widest that must be aligned, or 1: min + base must be a multiple */
    uint16_t first, last, members;
    int8_t group; /* of stride.c, or -1 */
};

#define SPANS_MAX      63
#define SPAN_BYTES_MAX 512

struct map {
    uint8_t home[SLOTS_MAX];  /* register of a slot, or X64_NO_REG */
    uint8_t slot[16];         /* slot of a register, or 0 */
    uint32_t homes;           /* registers that are homes */
    uint8_t xhome[SLOTS_MAX]; /* xmm register of a slot, or X64_NO_REG */
    uint8_t xslot[16];
    uint32_t xhomes;
    uint64_t written; /* slots up to 63 that the region writes */
};

/*
 * A floating-point result that may yet be a NaN of the host's.  The look waits for the next result,
 * as one comparison tells of two; what needs the very bits before that has it done.
 */
struct unsettled {
    bool is, single;
    uint8_t x; /* its register */
};

/* Where an access of so many bytes may be: as a stream says, or anywhere in jit_region.flat. */
struct range {
    enum tlb_stream_kind kind;
    bool flat;
    bool by_page; /* and the stream is of one page: of a single access, aligned */
    unsigned stream, bytes;
};

/* What code off the fast path is for. */
enum cold_kind {
    COLD_ACCESS,
    COLD_EXIT,
    COLD_TRAP,
    COLD_ALARM,
    COLD_ALARM_OUT, /* registers are as the border map says */
    COLD_CALL,
    COLD_CALLS, /* the stack of calls is full */
    COLD_PAGE,  /* a return from another page */
    COLD_RETURN,
    COLD_NEAR,
    COLD_FP,
    COLD_NAN,
    COLD_NONE
};

/* Code off the fast path, emitted after the blocks. */
struct cold {
    enum cold_kind kind;
    uint8_t *from[4]; /* jumps that lead here */
    uintptr_t retry, after;
    const uint8_t *number; /* of COLD_NEAR: where it stands */
    uintptr_t aligned;     /* behind the look at the alignment that from[3] leads away from; or 0 */
    bool by_page;          /* range.by_page: the address is base_reg and disp */
    uint32_t saved;        /* temporaries that live across it */
    uint32_t xsaved;       /* and xmm registers */
    bool value_x, dst_x;   /* the register is an xmm one */
    bool gives; /* the operand is in `value`, or value_imm, and not where C looks for it */
    bool box;   /* the value loaded is boxed */
    /* an operation done inline: its operands' registers */
    struct fp_arg {
        bool xmm;
        uint8_t reg;
    } arg[3];
    uint8_t args;
    bool rounds; /* the helper takes a rounding mode */
    uint32_t point, site;
    uint8_t addr, dst, value; /* registers; X64_NO_REG: none or constant */
    uint8_t sign;
    int32_t value_imm;
    uint32_t span;              /* jit_span() */
    uint8_t host;               /* register that is to become 0: the span has no host address */
    struct unsettled unsettled; /* an access: what is so where it begins */
    bool owes;                  /* and of order_state; paid before C or other code comes */
    bool again;       /* an access of a span that has none: its address is base and disp */
    bool scattered;   /* the TLB was looked in; the address is base_reg and disp, or in jit_hart */
    bool base_in_reg; /* where base is */
    uint8_t base_reg;
    struct x64_mem base_mem;
    int32_t disp;
    /* exits */
    struct ir_insn exit;
    int uncounted;
};

/* A slot at the start of a block, or what is made of it, as a part of an address. */
struct stride_term {
    uint8_t slot;
    uint8_t extend; /* IR_zx32 or IR_sx32: its lower half; or 0 */
    uint8_t shift;
    bool narrow; /* it is a half, or written as one */
    /* the slot moves by step in each turn, or by what is in step_slot */
    uint8_t step_slot;
    int32_t step;
};

/* An access, or a span, that is not looked at in each turn of a loop: stride.c. */
struct stride_group {
    ir_ref root; /* the address is this and rel */
    int32_t rel;
    unsigned align;
    struct range range;
    unsigned terms; /* the root is the sum of so many */
    struct stride_term term[2];
};

/* A loop of one block. */
struct stride {
    uint8_t *from;    /* the jump back */
    unsigned back_at; /* the instruction that is it */
    unsigned streams; /* how many the region had where the block begins */
    uint8_t block;
};

#define STRIDES_MAX 8

#define COLD_MAX   4096
#define VALUES_MAX 4096
#define FIX_MAX    1024
#define CALLS_MAX  8192

/*
 * The routines through which C is called: a region with a map of its own has its own, the others
 * share those of the stubs.
 *
 * A helper's is told in ecx the point and in edx which; it keeps the homes.
 *
 * Those for misses find the point and the site on the stack and take them from it; rax is the
 * address.  They keep all other registers but those of xmm that are no homes.  An access that
 * stands for a span has left it in struct jit_hart, and POINT_SPAN in its point.  Afterwards rax is
 * the host address where the access is to be made; "equal" in the flags: C has made it, and there
 * is jit_hart.value, which has what was loaded.  After CALL_MISS, where what is not made is to be
 * tried again, rax is nothing.
 */
enum call_kind {
    CALL_MISS_READ,
    CALL_MISS_WRITE,
    CALL_MISS,
    CALL_HELPER,
    CALL_HELPER_REGS,
    CALL_KINDS
};
_Static_assert(CALL_KINDS <= JIT_ROUTINES, "the stubs have them all");

/* What jit_stubs.near is told in ecx: where the bank has the page, and above that how far the
 * number is before what is in rdx. */
#define NEAR_PLACE_BITS 24
_Static_assert((JIT_JUMPS + JIT_NEAR) * sizeof(struct jit_jump) <= 1u << NEAR_PLACE_BITS,
               "all places");

/* From the distance of a jump that may be chained to what the call behind it returns to. */
#define CHAIN_HERE_BYTES 14

#define POINT_SPAN 0x80000000u
#define MISS_BYTES 16 /* of point and site on the stack */

/* By block, a bit each: flow.c. */
struct flow {
    uint64_t looks;   /* it looks for the alarm where it begins */
    uint64_t goes_on; /* it begins with instructions that NOW does not have yet */
};

/* Of the order of accesses, at a place in the code: order.c. */
struct order_state {
    bool drained;   /* no store waits to be seen */
    bool owes;      /* an atomic that is a store may wait to be seen */
    uint64_t slots; /* depend on a load since; bit 0: those from 64 on */
};

/* By block. */
struct order {
    struct order_state start[JIT_BLOCKS_MAX]; /* where it begins */
    bool fenced_entry[JIT_BLOCKS_MAX];        /* its entry sees to `drained` by a fence */
    bool stores[JIT_BLOCKS_MAX];              /* its swaps without result are stores */
};

/* Through a block, instruction by instruction. */
struct order_walk {
    unsigned block;
    struct order_state now;
    bool follows[VALUES_MAX]; /* if it owes: the value depends on a load since */
};

struct lower {
    struct x64_buf e;
    const struct jit_region *r;
    const struct jit_guest *g;
    const struct jit_stubs *s;
    struct map map, border;
    bool too_much;
    unsigned block; /* being lowered */

    /* the block */
    const struct ir_block *b;
    unsigned at;
    struct val *val;
    uint16_t in_slot[SLOTS_MAX]; /* first value that is in the slot or its home */
    uint16_t owner[16];          /* value in a temporary, or 0 */
    uint32_t free;               /* temporaries that hold nothing */
    uint32_t scratch;            /* taken for the instruction */
    uint32_t pinned;             /* not to be spilled by the instruction */
    uint16_t xowner[16];
    uint32_t xfree, xscratch, xpinned;
    uint16_t frame[FRAME_SLOTS]; /* value in each place */
    unsigned frame_top;          /* places above were not used in this block */
    int counted; /* retired instructions that NOW has already; less than 0: of blocks before */
    struct unsettled unsettled;

    /* the region */
    uintptr_t label[JIT_BLOCKS_MAX]; /* 0: not emitted */
    struct {
        uint8_t *from;
        uint8_t block;
    } fix[FIX_MAX];
    unsigned fixes;
    struct cold cold[COLD_MAX];
    unsigned colds;
    struct {
        uint8_t *from;
        uint8_t kind; /* enum call_kind */
    } call[CALLS_MAX];
    unsigned calls;
    const uint8_t
        *missed;      /* where C is asked, for all routines for misses that probe; NULL: not yet */
    unsigned streams; /* given out so far */
    struct flow flow;
    int uncounted[JIT_BLOCKS_MAX]; /* of those that go on: what is retired before */
    struct order order;
    struct order_walk walk;
    struct stride stride[STRIDES_MAX];
    unsigned strides;
    struct stride *stride_now; /* that of the block being lowered, or NULL */
    bool striding;             /* its second version is being lowered */
    struct stride_group group[STRIDE_GROUPS];
    unsigned groups;
    struct span span[SPANS_MAX + 1];
    unsigned spans; /* of the block; from 1 */
    struct val values[VALUES_MAX];
};

/* The least power of two that is not below v, as a shift. */
static inline unsigned x64_log2_up(unsigned v)
{
    unsigned c = 0;
    while (1u << c < v)
        c++;
    return c;
}

/* --- places in memory --- */

static inline struct x64_mem at_hart(const struct lower *l, int32_t offset)
{
    return x64_at(HART, offset - l->g->bias);
}

static inline struct x64_mem at_jit(const struct lower *l, size_t offset)
{
    return at_hart(l, l->g->jit + (int32_t)offset);
}
#define AT_JIT(l, member) at_jit(l, offsetof(struct jit_hart, member))

static inline struct x64_mem at_slot(const struct lower *l, unsigned slot)
{
    return at_hart(l, (int32_t)l->g->ir->slots[slot].offset);
}

static inline struct x64_mem at_frame(const struct lower *l, unsigned i)
{
    return at_jit(l, offsetof(struct jit_hart, frame) + 8 * (FRAME_SPILL + (size_t)i));
}

static inline struct x64_mem at_save(const struct lower *l, unsigned reg)
{
    return at_jit(l, offsetof(struct jit_hart, frame) + 8 * (FRAME_SAVE + (size_t)reg));
}

static inline struct x64_mem at_xsave(const struct lower *l, unsigned reg)
{
    return at_jit(l, offsetof(struct jit_hart, frame) + 8 * (FRAME_XSAVE + (size_t)reg));
}

static inline struct x64_mem at_stride(const struct lower *l, unsigned i)
{
    return at_jit(l, offsetof(struct jit_hart, frame) + 8 * (FRAME_STRIDE + (size_t)i));
}

/* xmm14 and xmm15 are nobody's: for use inside an instruction. */
#define X64_XMM_TEMPS 0x3fffu
#define X64_XHOMES    10

static inline bool slot_is_fp(const struct lower *l, unsigned slot)
{
    return slot < 64 && l->g->fp_slots >> slot & 1;
}

static inline bool slot_has_home(const struct map *m, unsigned slot)
{
    return m->home[slot] != X64_NO_REG || m->xhome[slot] != X64_NO_REG;
}

/* --- alloc.c --- */

/* The same for xmm registers. */
unsigned alloc_xuse(struct lower *l, ir_ref v);
unsigned alloc_xdst(struct lower *l);
void alloc_xcopy(struct lower *l, unsigned x, ir_ref v);
uint32_t alloc_live_xtemps(const struct lower *l);
/* Whether the value is in an xmm register now, and which. */
bool alloc_in_xmm(const struct lower *l, ir_ref v, unsigned *x);

struct opnd {
    enum { OPND_REG, OPND_MEM, OPND_IMM } kind;
    enum x64_reg reg;
    struct x64_mem mem;
    int32_t imm;
};

void alloc_block(struct lower *l, const struct ir_block *b);
/* A temporary for a value that is none of the block's. */
enum x64_reg alloc_new(struct lower *l, ir_ref id);
/* The value in a register, pinned for the instruction; not to be written. */
enum x64_reg alloc_use(struct lower *l, ir_ref v);
/* The value as the second operand of an instruction. */
struct opnd alloc_operand(struct lower *l, ir_ref v);
/* Whether that is a place in memory: it is needed no more. */
bool alloc_from_memory(const struct lower *l, ir_ref v);
bool alloc_const(const struct lower *l, ir_ref v, int64_t *value);
/* A register for the instruction alone. */
enum x64_reg alloc_scratch(struct lower *l);
/* That very register (one of rax, rcx, rdx) for the instruction alone. */
void alloc_take(struct lower *l, enum x64_reg r);
/*
 * The register for the result of the instruction at l->at, which the caller then
 * writes.  Operands that die may still be in it.
 */
enum x64_reg alloc_dst(struct lower *l);
/* The same where it must not be one of the operands' registers. */
enum x64_reg alloc_dst_apart(struct lower *l);
/* The result's register is that of a, a temporary which dies here. */
enum x64_reg alloc_take_over(struct lower *l, ir_ref a);
/* A result that is in r, a register from alloc_scratch or alloc_take; all others are done with. */
void alloc_result(struct lower *l, enum x64_reg r);
/* Before alloc_result: the result of the later instruction n, in r, a register from alloc_take. */
void alloc_result_of(struct lower *l, enum x64_reg r, ir_ref n);
void alloc_slot_get(struct lower *l, unsigned slot);
void alloc_slot_set(struct lower *l, unsigned slot, ir_ref v);
/* The result is the operand's register, which it takes over. */
void alloc_rename(struct lower *l, ir_ref from);
/* All register slots are about to change: moves the values that live on out of them. */
void alloc_clobber_all(struct lower *l);
/* Moves what lives on out of the temporaries: C code is called. */
void alloc_spill_temps(struct lower *l);
/* Temporaries that hold something (not scratch). */
uint32_t alloc_live_temps(const struct lower *l);
void alloc_end_insn(struct lower *l);
/* The registers used so far for the instruction may serve its rest. */
void alloc_release(struct lower *l);
/* Copies a value into a register of the caller's. */
void alloc_copy(struct lower *l, enum x64_reg d, ir_ref v);
/* The same for the last instruction of a block, into d (one of rax, rcx, rdx). */
void alloc_last(struct lower *l, enum x64_reg d, ir_ref v);

/* --- isel.c --- */

void isel_insn(struct lower *l);
/* Before the block is lowered: which multiplications are one (val.mate). */
void isel_find_mates(struct lower *l);
/* Emits a comparison that was fused into its user; which condition says that it holds. */
enum x64_cond isel_condition(struct lower *l, ir_ref v);

/* --- access.c --- */

/* Before a block is lowered: which accesses make spans. */
void access_find_spans(struct lower *l);
/* What the access's base is made of by adding constants; *rel: its distance from that. */
ir_ref access_root(const struct lower *l, const struct ir_insn *i, int64_t *rel);
/* Whether host addresses found before the instruction are not good after it. */
bool access_loses_places(const struct lower *l, const struct ir_insn *i);
void access_insn(struct lower *l, const struct ir_insn *i);
void access_cold(struct lower *l, struct cold *c);
/* Saves what lives across a call of C, or brings it back; keeps the flags. */
void access_save(struct lower *l, const struct cold *c, bool back);

/* --- range.c --- */

/* The stream of a place alone. */
unsigned stream_new(struct lower *l, unsigned bytes);
/* That of an access to so many bytes whose address is made of the root. */
unsigned stream_for(struct lower *l, ir_ref root, unsigned bytes);
enum tlb_kind stream_tlb_kind(enum tlb_stream_kind kind);
struct x64_mem stream_word(const struct lower *l, enum tlb_stream_kind kind, unsigned i,
                           size_t member);
/* Compares the page of an address, and whether it is aligned, with the stream's: equal, if it is in
 * the range; d is lost. */
void range_cmp_page(struct lower *l, enum x64_reg d, const struct range *r);
/* An address less the range's start, and the other way. */
void range_sub(struct lower *l, enum x64_reg d, const struct range *r);
void range_add(struct lower *l, enum x64_reg d, const struct range *r);
/* Compares the difference with the first that is outside; or gets that. */
void range_cmp(struct lower *l, enum x64_reg d, const struct range *r);
void range_limit(struct lower *l, enum x64_reg d, const struct range *r);
/* An address becomes that in host memory. */
void range_to_host(struct lower *l, enum x64_reg d, const struct range *r);

/* --- probe.c --- */

/* What a site has for the probe alone, where jit_site leaves room: what is log2 of the bytes that
 * the access or its span needs. */
uint32_t probe_site_class(unsigned bytes);
/* Ends the routine with "below" in the flags, the stream filled and the host address in rax, or
 * goes on behind. */
uintptr_t probe_routine(struct lower *l, enum tlb_stream_kind kind);
/* Begins a routine for misses, with rcx on the stack: puts rdx there, too, and what it is told into
 * the hart; edx becomes the site. */
void probe_enter(struct lower *l);
/* After C; flags "equal": it has made the access, else the site's stream leads to the place.  Makes
 * what the routine returns; rcx and rdx are lost. */
void probe_after_c(struct lower *l);

/* --- fp.c --- */

/* Whether the host has an instruction for the helper's operation. */
bool fp_is_inline(const struct lower *l, const struct ir_insn *i);
/* Looks now at what waits for it. */
void fp_settle(struct lower *l);
/* If it is this register, whose bits are about to be used. */
void fp_settle_x(struct lower *l, unsigned x);
/* Nobody will ask for this register's bits: what is in it is over. */
void fp_forget_x(struct lower *l, unsigned x);
/* In code off the fast path: the register gets the guest's NaN if it is one. */
void fp_settle_cold(struct lower *l, const struct unsettled *u);
/* Emits it; false: there is none, the helper is to be called. */
bool fp_inline(struct lower *l, const struct ir_insn *i);
void fp_cold(struct lower *l, struct cold *c);

/* --- flow.c --- */

/* Before the region is lowered: l->flow. */
void flow_plan(struct lower *l);
/* Whether the instruction, of any kind, ends the block with a direct call. */
bool flow_is_call(const struct lower *l, const struct ir_insn *i);
/* The region's block that an exit or a call leads to, or -1. */
int flow_target(const struct lower *l, unsigned block, const struct ir_insn *i);
static inline bool flow_has(uint64_t blocks, unsigned block)
{
    return blocks >> block & 1;
}

/* --- order.c --- */

/* Before the region is lowered: finds the fences that are not needed, for l->order. */
void order_plan(struct lower *l);
/* Whether the instruction, of any kind, is a swap that is to be made as a store. */
bool order_is_store(const struct order *o, const struct ir_block *b, unsigned block, unsigned at);
/* A walk from the block's start, over all instructions from 1 on, in turn. */
void order_begin(struct order_walk *w, const struct order *o, unsigned block);
/* Whether a fence of the host's has to be before the instruction, or be it; and one is. */
bool order_wants_fence(const struct lower *l, const struct order_walk *w, const struct ir_insn *i);
void order_fenced(struct order_walk *w);
/* And behind the instruction at `at`. */
void order_step(struct order_walk *w, const struct order *o, const struct ir_block *b, unsigned at);

/* --- stride.c --- */

/* Before the block is lowered: whether it gets a second version (l->stride_now). */
void stride_plan(struct lower *l, unsigned k);
/* The jump from the block back to itself; false: it is as any other. */
bool stride_jump(struct lower *l, uint8_t *from);
/* Whether an access need not be looked at: the number of its word at_stride(), or -1. */
int stride_takes(struct lower *l, const struct stride_group *access);
/* The second versions, after all blocks. */
void stride_make(struct lower *l);

/* --- exits.c --- */

void exits_insn(struct lower *l, const struct ir_insn *i);
/* Whether it is a call of the guest's that is made as one of the host's, not as a jump. */
bool exits_is_call(const struct lower *l, const struct ir_insn *i);
/* The block of the region that an exit of `block` leads to, or -1. */
int exits_inside(const struct lower *l, unsigned block, const struct ir_insn *i);
void exits_cold(struct lower *l, struct cold *c);
/* Between the region's map and the border's. */
/* A jump to the address in rax; registers are as the border map says. */
void exits_by_address(struct lower *l, const struct jit_stubs *s);
void exits_to_border(struct lower *l);
void exits_from_border(struct lower *l);

/* The thread's own; NULL: no memory. */
struct lower *lower_state(void);
struct cold *lower_cold(struct lower *l);
/* The instructions of a block, once more or for the first time. */
void lower_insns(struct lower *l, unsigned k);
/* A jump to a block of the region. */
void lower_jump_block(struct lower *l, uint8_t *from, unsigned block);
int lower_find_block(const struct lower *l, int32_t disp);
/* Leaves if the alarm is due, to go on at disp; registers are in the region's map. */
void lower_look_for_alarm(struct lower *l, int32_t disp);
/* The call of a helper's routine, or one for misses. */
void lower_call(struct lower *l, enum call_kind kind, uint32_t point, uint32_t what);
void lower_miss(struct lower *l, enum call_kind kind, uint32_t point, uint32_t site);
/* The part of routines for misses that all share: C is asked, and it goes on where rcx says. */
uintptr_t lower_slow(struct lower *l);
/* Emits the routine; returns where it begins. */
uintptr_t lower_routine(struct lower *l, enum call_kind kind);

/* Loops around the block; more than DEPTH_MAX are no difference. */
#define DEPTH_MAX 4
static inline unsigned lower_depth(const struct jit_block *jb)
{
    return jb->depth < DEPTH_MAX ? jb->depth : DEPTH_MAX;
}

/* What C is told of the point: jit_point(). */
static inline uint32_t lower_point(const struct lower *l, const struct ir_insn *point)
{
    return jit_point((unsigned)point->disp, (unsigned)(point->index - l->counted));
}

/* The border map. */
void lower_border(const struct jit_guest *g, struct map *m);

extern const struct jit_frame x64_frame;
int x64_stubs(struct jit_stubs *out, const struct jit_guest *g, struct jit_room *room);

/* What the processor has. */
struct x64_cpu {
    bool bmi1, bmi2, lzcnt, popcnt, avx, fma;
    bool line_atomic; /* misaligned accesses inside a cache line are atomic */
};
const struct x64_cpu *x64_cpu(void);
/* For tests: code is made for this processor, which must not have more than there is; NULL: as
 * asked. */
void x64_cpu_force(const struct x64_cpu *cpu);

#endif
