/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What translated RISC-V code knows of struct rv_hart: its slots, and an adapter
 * for each C function that the semantics call (helpers.def), so that a back end
 * needs one calling sequence only.  Adapters run on the hart's thread.
 */
#include "isa/riscv/translate.h"

#include "isa/riscv/crypto.h"
#include "isa/riscv/fp.h"
#include "isa/riscv/fp_half.h"
#include "isa/riscv/fp_ops.h"
#include "isa/riscv/sem_calls.h"
#include "jit/jit.h"

#define ADAPTER(name)                                                                              \
    static struct ir_result call_##name(void *hart, uint64_t a, uint64_t b, uint64_t c,            \
                                        uint64_t d, uint64_t e)

/* ARGS(types...): the adapter's first arguments, as those types; HART_ARGS: the hart before them.
 */
#define PICK(p0, p1, p2, p3, p4, p5, n, ...) n
#define COUNT(...)                           PICK(_, ##__VA_ARGS__, 5, 4, 3, 2, 1, 0)
#define CAT_(x, y)                           x##y
#define CAT(x, y)                            CAT_(x, y)
#define ARGS_0()
#define ARGS_1(t0)             (t0) a
#define ARGS_2(t0, t1)         (t0) a, (t1)b
#define ARGS_3(t0, t1, t2)     (t0) a, (t1)b, (t2)c
#define ARGS_4(t0, t1, t2, t3) (t0) a, (t1)b, (t2)c, (t3)d
#define ARGS(...)              CAT(ARGS_, COUNT(__VA_ARGS__))(__VA_ARGS__)
#define COMMA_0
#define COMMA_1        ,
#define COMMA_2        ,
#define COMMA_3        ,
#define COMMA_4        ,
#define HART_ARGS(...) hart CAT(COMMA_, COUNT(__VA_ARGS__)) ARGS(__VA_ARGS__)

static inline struct ir_result of_load(struct rv_load r)
{
    return (struct ir_result){r.value, r.ok};
}

static inline struct ir_result of_bool(bool ok)
{
    return (struct ir_result){0, ok};
}

static inline struct ir_result of_value(uint64_t v)
{
    return (struct ir_result){v, 1};
}

/* An operation whose rounding mode is reserved: nobody has recorded that yet. */
static struct ir_result of_fp(struct rv_hart *h, struct rv_load r)
{
    if (unlikely(!r.ok))
        rv_raise(h, CAUSE_ILLEGAL, 0);
    return of_load(r);
}

#define RUN_LOAD(name, ...)  of_load(name(HART_ARGS(__VA_ARGS__)))
#define RUN_BOOL(name, ...)  of_bool(name(HART_ARGS(__VA_ARGS__)))
#define RUN_VOID(name, ...)  (name(HART_ARGS(__VA_ARGS__)), of_value(0))
#define RUN_VALUE(name, ...) of_value(name(ARGS(__VA_ARGS__)))

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define HELPER(name, kind, flags, ...)                                                             \
    ADAPTER(name)                                                                                  \
    {                                                                                              \
        return RUN_##kind(name, ##__VA_ARGS__);                                                    \
    }
#define FP_HELPER(name, operands)                                                                  \
    ADAPTER(name)                                                                                  \
    {                                                                                              \
        return of_fp(hart, rv_fp_slow(hart, RV_FP_##name, (unsigned)a, b, c, d));                  \
    }
#define RTZ_HELPER(name)                                                                           \
    ADAPTER(name##_rtz)                                                                            \
    {                                                                                              \
        struct rv_load r = {.ok = true};                                                           \
        if (!fp_##name##_rtz(&r.value, a))                                                         \
            r = rv_fp_soft(hart, RV_FP_##name, FP_RTZ, a, 0, 0);                                   \
        return of_load(r);                                                                         \
    }
#include "isa/riscv/helpers.def"
#pragma GCC diagnostic pop

enum {
    REGS = IR_CALL_REGS,
    STATE = IR_CALL_STATE,
    MEMORY = IR_CALL_MEMORY,
    KIND_LOAD = IR_CALL_FAULTS,
    KIND_BOOL = IR_CALL_FAULTS,
    KIND_VOID = 0,
    KIND_VALUE = 0,
};

/* Which of them a host may have an instruction for. */
const struct jit_inline rv_jit_inlines[RV_HELPER_COUNT] = {
#define BOTH(name, as)                                                                             \
    [RV_HELPER_##name##_d] = {JIT_INLINE_##as, false},                                             \
    [RV_HELPER_##name##_s] = {JIT_INLINE_##as, true}
    BOTH(fadd, ADD),
    BOTH(fsub, SUB),
    BOTH(fmul, MUL),
    BOTH(fdiv, DIV),
    BOTH(fsqrt, SQRT),
    BOTH(fmadd, MADD),
    BOTH(fmsub, MSUB),
    BOTH(fnmsub, NMSUB),
    BOTH(fnmadd, NMADD),
    BOTH(v_feq, EQ),
    BOTH(v_flt, LT),
    BOTH(v_fle, LE),
#undef BOTH
    [RV_HELPER_fcvt_s_d] = {JIT_INLINE_NARROW, false},
    [RV_HELPER_v_fcvt_d_s] = {JIT_INLINE_WIDEN, true},
    [RV_HELPER_fcvt_d_l] = {JIT_INLINE_FROM_64, false},
    [RV_HELPER_fcvt_s_l] = {JIT_INLINE_FROM_64, true},
    [RV_HELPER_fcvt_s_w] = {JIT_INLINE_FROM_32, true},
    [RV_HELPER_v_fcvt_d_w] = {JIT_INLINE_FROM_32_EXACT, false},
    [RV_HELPER_fcvt_w_d_rtz] = {JIT_INLINE_TRUNC_32, false},
    [RV_HELPER_fcvt_l_d_rtz] = {JIT_INLINE_TRUNC_64, false},
    [RV_HELPER_fcvt_w_s_rtz] = {JIT_INLINE_TRUNC_32, true},
    [RV_HELPER_fcvt_l_s_rtz] = {JIT_INLINE_TRUNC_64, true},
};

static const struct ir_helper helpers[RV_HELPER_COUNT] = {
#define HELPER(name, kind, flags, ...)                                                             \
    [RV_HELPER_##name] = {#name, call_##name, COUNT(__VA_ARGS__), KIND_##kind | (flags)},
#define FP_HELPER(name, operands)                                                                  \
    [RV_HELPER_##name] = {#name, call_##name, 1 + (operands), IR_CALL_FAULTS},
#define RTZ_HELPER(name) [RV_HELPER_##name##_rtz] = {#name "_rtz", call_##name##_rtz, 1, 0},
#include "isa/riscv/helpers.def"
};

#define SLOT(member, slot_kind, text)                                                              \
    {                                                                                              \
        .name = (text), .offset = offsetof(struct rv_hart, member),                                \
        .size = sizeof(((struct rv_hart *)0)->member), .kind = (slot_kind)                         \
    }
#define X1(n) [n] = SLOT(x[n], IR_SLOT_REG, "x" #n)
#define F1(n) [RV_SLOT_F0 + (n)] = SLOT(f[n], IR_SLOT_REG, "f" #n)
#define ALL_BUT_0(m)                                                                               \
    m(1), m(2), m(3), m(4), m(5), m(6), m(7), m(8), m(9), m(10), m(11), m(12), m(13), m(14),       \
        m(15), m(16), m(17), m(18), m(19), m(20), m(21), m(22), m(23), m(24), m(25), m(26), m(27), \
        m(28), m(29), m(30), m(31)

static const struct ir_slot slots[RV_IR_SLOTS] = {
    ALL_BUT_0(X1),
    F1(0),
    ALL_BUT_0(F1),
    [RV_SLOT_MSTATUS] = SLOT(csr.mstatus, IR_SLOT_STATE, "mstatus"),
    [RV_SLOT_FRM] = SLOT(csr.frm, IR_SLOT_STATE, "frm"),
    [RV_SLOT_ATTENTION] = SLOT(attention, IR_SLOT_STATE, "attention"),
};

const struct ir_guest rv_ir_guest = {
    .slots = slots,
    .helpers = helpers,
    .slot_count = RV_IR_SLOTS,
    .helper_count = RV_HELPER_COUNT,
    .pc_align = 2,
};
