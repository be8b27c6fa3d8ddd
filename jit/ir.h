/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intermediate representation: what a guest's translator writes and what
 * passes and host back ends read.  Knows no guest; a guest describes itself by
 * its slots (where registers lie) and its helpers (C functions).
 *
 * A block is an array of 16-byte instructions.  An operand is the index of an
 * earlier instruction; index 0 is none.  Values are 64 bits wide and live
 * inside the block only; between blocks everything is in slots.  Every
 * operation is total.  The first instruction is `start`, the last one an exit,
 * and control only goes forward: to the next instruction or out of the block.
 *
 * Guest addresses in a block are distances from its start, so one block serves
 * every mapping of its page.
 *
 * Precise faults.  What may fault names the point (the guest instruction) that
 * it belongs to.  When it does fault, the guest's state is what the slot_sets
 * before it left, the pc is the point's and as many instructions are retired as
 * it says.  So a point's faulting operations come before its writes of register
 * slots; the checker holds every block to that.
 *
 * Used by one thread at a time; a block has no locks and allocates nothing.
 */
#ifndef JIT_IR_H
#define JIT_IR_H

#include <stdio.h>

#include "mem/amo.h"
#include "sim/base/bits.h"

typedef uint16_t ir_ref;

#define IR_NONE     ((ir_ref)0)
#define IR_MAX      UINT16_MAX /* instructions of a block */
#define IR_ARGS_MAX 5          /* of a call, besides the hart: six registers of the System V ABI */

enum ir_op {
#define OP(name, result, a, b, c, extra, flags) IR_##name,
#define PURE_OP(name, operands, expression)     IR_##name,
#include "jit/ops.def"
    IR_OP_COUNT
};

enum ir_type { IR_TYPE_NONE, IR_TYPE_I64, IR_TYPE_ARGS, IR_TYPE_ARGS0 };

enum ir_flag {
    IR_PURE = 1 << 0,   /* depends on operands and fields alone; may be dropped, doubled, moved */
    IR_EFFECT = 1 << 1, /* must stay, and in its order among effects */
    IR_FAULTS = 1 << 2, /* may leave the block by an exception at its point */
    IR_ENDS = 1 << 3,   /* control does not go on */
};

/* Which fields besides a, b and c an operation uses. */
enum ir_extra {
    IR_EXTRA_NOTHING,
    IR_EXTRA_IMM,   /* imm */
    IR_EXTRA_DISP,  /* disp */
    IR_EXTRA_SLOT,  /* index: the slot */
    IR_EXTRA_MEM,   /* sub: bytes; point, disp */
    IR_EXTRA_AMO,   /* sub: ir_amo_sub(); point, disp */
    IR_EXTRA_ORDER, /* sub: enum ir_order */
    IR_EXTRA_CALL,  /* sub: enum ir_call_flag, index: the helper; point */
    IR_EXTRA_POINT, /* disp, index: instructions retired before it */
    IR_EXTRA_TRAP,  /* index: the cause; point */
    IR_EXTRA_EXIT,  /* sub: enum ir_exit_kind, disp, index: instructions retired; link */
};

/* A fence: accesses of the kinds before it stay before those of the kinds after it. */
enum ir_order {
    IR_BEFORE_R = 1 << 0,
    IR_BEFORE_W = 1 << 1,
    IR_AFTER_R = 1 << 2,
    IR_AFTER_W = 1 << 3,
};

/* What a helper may touch besides its arguments.  Calls keep their order among each other. */
enum ir_call_flag {
    IR_CALL_FAULTS = 1 << 0, /* its result says whether it recorded an exception */
    IR_CALL_REGS = 1 << 1,   /* reads and writes register slots */
    IR_CALL_STATE = 1 << 2,  /* writes state slots; all may read them */
    IR_CALL_MEMORY = 1 << 3, /* reads and writes guest memory */
};

enum ir_exit_kind {
    IR_EXIT_CHAIN,  /* may go straight on in the next block */
    IR_EXIT_LEAVE,  /* the run loop must look at the hart first */
    IR_EXIT_FIND,   /* to be looked up anew: what code may be used may have changed */
    IR_EXIT_INTERP, /* the instruction there is for the interpreter */
};

/*
 * What an exit or exit_to is besides: a call, and its way back is so far from the block's start; or
 * a return.  For back ends that keep calls and returns together; the block has written the address
 * of the way back to the slot that the guest keeps it in (struct jit_guest).
 */
#define IR_LINK_NONE   0
#define IR_LINK_MAX    (UINT16_MAX - 1)
#define IR_LINK_RETURN UINT16_MAX /* of an exit_to */

struct ir_insn {
    uint8_t op;  /* enum ir_op */
    uint8_t sub; /* see enum ir_extra; unused fields are 0 */
    ir_ref a, b, c;
    union {
        uint64_t imm;
        struct {
            union {
                ir_ref point;
                uint16_t link; /* of an exit */
            };
            uint16_t index;
            int32_t disp;
        };
    };
};
_Static_assert(sizeof(struct ir_insn) == 16, "four to a cache line");

struct ir_op_info {
    const char *name;
    uint8_t result, operand[3]; /* enum ir_type */
    uint8_t extra;              /* enum ir_extra */
    uint8_t flags;              /* enum ir_flag */
};
extern const struct ir_op_info ir_ops[IR_OP_COUNT];

/* --- a guest, as far as blocks speak of it --- */

enum ir_slot_kind {
    IR_SLOT_ABSENT, /* a number that no block may use */
    IR_SLOT_REG,    /* a register; a fault finds it as the last instruction left it */
    IR_SLOT_STATE, /* control state: a slot_set is in memory at once, for whatever C code follows */
};

struct ir_slot {
    const char *name;
    uint32_t offset; /* in the guest's hart structure */
    uint8_t size;    /* bytes: 1, 2, 4, 8 */
    uint8_t kind;    /* enum ir_slot_kind */
};

struct ir_result {
    uint64_t value;
    uint64_t ok; /* 0: an exception was recorded */
};

/* What a call calls; ignores the arguments that it does not have. */
typedef struct ir_result ir_helper_fn(void *hart, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                                      uint64_t e);

struct ir_helper {
    const char *name;
    ir_helper_fn *fn;
    uint8_t args;  /* 0 to IR_ARGS_MAX */
    uint8_t flags; /* enum ir_call_flag */
};

struct ir_guest {
    const struct ir_slot *slots;
    const struct ir_helper *helpers;
    unsigned slot_count, helper_count;
    unsigned pc_align; /* blocks begin at multiples of it, a power of 2; 0: anywhere.  An exit_to
                          ignores the bits below */
};

/* --- building --- */

struct ir_block {
    struct ir_insn *insns; /* the caller's */
    unsigned count, capacity;
    const struct ir_guest *guest;
    bool forgot; /* a pass made a value of fewer others than the guest did: its dependencies on the
                    rest, which memory models speak of, are not to be seen any more */
};

/* Begins a block in the caller's array of 2 to IR_MAX instructions. */
void ir_begin(struct ir_block *b, const struct ir_guest *guest, struct ir_insn *insns,
              unsigned capacity);

/* How many instructions still fit.  Appending more is a mistake of ours: BUG(). */
static inline unsigned ir_room(const struct ir_block *b)
{
    return b->capacity - b->count;
}

/* Appends any instruction; the others are this with the fields named. */
ir_ref ir_emit(struct ir_block *b, struct ir_insn insn);

ir_ref ir_const(struct ir_block *b, uint64_t value);
ir_ref ir_pc(struct ir_block *b, int32_t disp);
ir_ref ir_pure(struct ir_block *b, enum ir_op op, ir_ref a, ir_ref b2, ir_ref c);
ir_ref ir_slot_get(struct ir_block *b, unsigned slot);
void ir_slot_set(struct ir_block *b, unsigned slot, ir_ref value);
ir_ref ir_load(struct ir_block *b, ir_ref point, unsigned size, ir_ref addr);
void ir_store(struct ir_block *b, ir_ref point, unsigned size, ir_ref addr, ir_ref value);
ir_ref ir_amo(struct ir_block *b, ir_ref point, unsigned size, enum amo_op op, ir_ref addr,
              ir_ref value);
ir_ref ir_cas(struct ir_block *b, ir_ref point, unsigned size, ir_ref addr, ir_ref expected,
              ir_ref desired);
ir_ref ir_lr(struct ir_block *b, ir_ref point, unsigned size, ir_ref addr);
ir_ref ir_sc(struct ir_block *b, ir_ref point, unsigned size, ir_ref addr, ir_ref lr, ir_ref value);
void ir_fence(struct ir_block *b, unsigned order);
/* The helper's flags are copied into the instruction. */
ir_ref ir_call(struct ir_block *b, ir_ref point, unsigned helper, unsigned count,
               const ir_ref *args);
ir_ref ir_point(struct ir_block *b, int32_t disp, unsigned retired);
void ir_trap_if(struct ir_block *b, ir_ref point, unsigned cause, ir_ref tval, ir_ref cond);
void ir_trap(struct ir_block *b, ir_ref point, unsigned cause, ir_ref tval);
void ir_exit_if(struct ir_block *b, enum ir_exit_kind kind, unsigned retired, int32_t disp,
                ir_ref cond);
void ir_exit(struct ir_block *b, enum ir_exit_kind kind, unsigned retired, int32_t disp);
void ir_exit_to(struct ir_block *b, enum ir_exit_kind kind, unsigned retired, ir_ref target);
/* The exit that was appended last is a call or a return: IR_LINK_*. */
void ir_link(struct ir_block *b, uint16_t link);

/* The bits of an address that say where a block begins. */
static inline uint64_t ir_pc_mask(const struct ir_guest *g)
{
    return g->pc_align ? -(uint64_t)g->pc_align : UINT64_MAX;
}

static inline uint8_t ir_amo_sub(unsigned size, enum amo_op op)
{
    return (uint8_t)(size | (unsigned)op << 4);
}

static inline unsigned ir_amo_size(uint8_t sub)
{
    return sub & 15;
}

static inline enum amo_op ir_amo_op(uint8_t sub)
{
    return (enum amo_op)(sub >> 4);
}

/* Whether the block is complete: its last instruction ends it. */
static inline bool ir_ended(const struct ir_block *b)
{
    return ir_ops[b->insns[b->count - 1].op].flags & IR_ENDS;
}

/* --- checking: check.c --- */

struct ir_fault {
    unsigned at;      /* index of the instruction */
    const char *what; /* constant text */
};

/* 0, or -EINVAL with *fault filled: the first instruction that breaks a rule of this page. */
int ir_check(const struct ir_block *b, struct ir_fault *fault);

/* --- text: text.c --- */

/* One instruction a line, as ir_parse takes it; what follows a ; is for people. */
void ir_dump(const struct ir_block *b, FILE *out);
/*
 * Appends the lines of text to a block just begun.  -EINVAL with *fault: at is the line, from 1.
 * Does not check what ir_check does.
 */
int ir_parse(struct ir_block *b, const char *text, struct ir_fault *fault);

/* --- evaluating: eval.c --- */

/* The value of a pure operation of one to three operands; the others are ignored. */
uint64_t ir_fold(enum ir_op op, uint64_t a, uint64_t b, uint64_t c);

/* Where a helper or a memory access finds itself. */
struct ir_place {
    uint64_t pc;
    unsigned retired; /* instructions of the block before this one */
};

/* How the evaluator reaches the guest; false: an exception was recorded. */
struct ir_env {
    uint64_t (*slot_get)(void *opaque, unsigned slot);
    void (*slot_set)(void *opaque, unsigned slot, uint64_t value);
    bool (*load)(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                 uint64_t *value);
    bool (*store)(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                  uint64_t value);
    bool (*amo)(void *opaque, const struct ir_place *at, unsigned size, enum amo_op op,
                uint64_t addr, uint64_t value, uint64_t *old);
    bool (*cas)(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                uint64_t expected, uint64_t desired, uint64_t *old);
    void (*fence)(void *opaque, unsigned order);
    /* Unused arguments are 0. */
    struct ir_result (*call)(void *opaque, const struct ir_place *at, const struct ir_helper *fn,
                             const uint64_t args[IR_ARGS_MAX]);
};

enum ir_how {
    IR_WENT_ON, /* to pc; exit_kind says how */
    IR_TRAPPED, /* by trap or trap_if: cause and tval; pc is the point's */
    IR_FAULTED, /* what faulted recorded the exception; pc is the point's */
};

struct ir_outcome {
    enum ir_how how;
    enum ir_exit_kind exit_kind;
    uint64_t pc;
    unsigned retired;
    unsigned cause;
    uint64_t tval;
    unsigned at; /* index of the instruction that left */
};

/*
 * Runs a checked block that starts at guest address pc.  values has room for b->count values and
 * holds them afterwards.  An oracle and a tool for tests, not an engine.
 */
void ir_eval(const struct ir_block *b, uint64_t pc, const struct ir_env *env, void *opaque,
             uint64_t *values, struct ir_outcome *out);

#endif
