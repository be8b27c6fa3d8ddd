/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translator's reading of the semantics: a val names an IR instruction,
 * v_add appends one.  Included by translate.c before the texts.  Each text
 * becomes a function that appends its instruction to a block.
 *
 * A val is a struct, so that what would be C's work in the interpreter's reading
 * and forgotten here (an operator or an `if` on a value) does not compile;
 * tests/unit/compile/isa_riscv_sem_ir.c holds it to that.
 *
 * A text that jumps, traps or asks for attention appends the exit at once and
 * goes on; so these words come last in their texts, and the block's checker
 * complains if one does not.
 */
#ifndef ISA_RISCV_SEM_IR_H
#define ISA_RISCV_SEM_IR_H

#include "isa/riscv/fp_consts.h"
#include "isa/riscv/fp_host.h"
#include "isa/riscv/rv.h"
#include "isa/riscv/translate.h"

struct val {
    ir_ref ref;
};
typedef struct val val;

/* The instruction being translated. */
struct rv_tr {
    struct ir_block *b;
    const struct rv_insn *insn;
    ir_ref point;
    int32_t disp;
    unsigned retired; /* before it */
    bool ialign_32;   /* instructions are aligned to 4 */
    struct rv_assume assume;
    struct rv_pair *pair; /* of an LR and SC that are translated as one; or NULL */
};

#define SEM(name)                                                                                  \
    static void sem_##name(struct rv_tr *const t, const int32_t imm, const unsigned rd,            \
                           const unsigned rs1, const unsigned rs2, const unsigned rs3,             \
                           const unsigned rm)

/* --- operands --- */

static inline val tr_k(struct rv_tr *t, int64_t c)
{
    return (val){ir_const(t->b, (uint64_t)c)};
}

static inline val tr_x(struct rv_tr *t, unsigned r)
{
    return r ? (val){ir_slot_get(t->b, r)} : tr_k(t, 0);
}

static inline void tr_w(struct rv_tr *t, unsigned r, val v)
{
    if (r)
        ir_slot_set(t->b, r, v.ref);
}

static inline val tr_slot(struct rv_tr *t, unsigned slot)
{
    return (val){ir_slot_get(t->b, slot)};
}

static inline val tr_pc(struct rv_tr *t, unsigned offset)
{
    return (val){ir_pc(t->b, t->disp + (int32_t)offset)};
}

#define X(r)      tr_x(t, r)
#define W(r, v)   tr_w(t, r, v)
#define F(r)      tr_slot(t, RV_SLOT_F0 + (r))
#define WF(r, v)  ir_slot_set(t->b, RV_SLOT_F0 + (r), (v).ref)
#define K(c)      tr_k(t, c)
#define ARG(f)    (f)
#define X_RD()    tr_x(t, rd)
#define ARG_RD()  (rd)
#define RD_USED() (rd != 0)
#define PC()      tr_pc(t, 0)
#define PC_NEXT() tr_pc(t, t->insn->len)
#define raw()     (t->insn->raw)

/* --- values --- */

static inline val tr_1(struct rv_tr *t, enum ir_op op, val a)
{
    return (val){ir_pure(t->b, op, a.ref, IR_NONE, IR_NONE)};
}

static inline val tr_2(struct rv_tr *t, enum ir_op op, val a, val b)
{
    return (val){ir_pure(t->b, op, a.ref, b.ref, IR_NONE)};
}

static inline val tr_3(struct rv_tr *t, enum ir_op op, val a, val b, val c)
{
    return (val){ir_pure(t->b, op, a.ref, b.ref, c.ref)};
}

/* A 32-bit result, which registers hold sign-extended. */
static inline val tr_2w(struct rv_tr *t, enum ir_op op, val a, val b)
{
    return tr_1(t, IR_sx32, tr_2(t, op, a, b));
}

#define v_add(a, b)       tr_2(t, IR_add, a, b)
#define v_sub(a, b)       tr_2(t, IR_sub, a, b)
#define v_and(a, b)       tr_2(t, IR_and, a, b)
#define v_or(a, b)        tr_2(t, IR_or, a, b)
#define v_xor(a, b)       tr_2(t, IR_xor, a, b)
#define v_not(a)          tr_2(t, IR_xor, a, K(-1))
#define v_sll(a, b)       tr_2(t, IR_shl, a, b)
#define v_srl(a, b)       tr_2(t, IR_shr, a, b)
#define v_sra(a, b)       tr_2(t, IR_sar, a, b)
#define v_sllw(a, b)      tr_2w(t, IR_shl32, a, b)
#define v_srlw(a, b)      tr_2w(t, IR_shr32, a, b)
#define v_sraw(a, b)      tr_2w(t, IR_sar32, a, b)
#define v_addw(a, b)      tr_2w(t, IR_add, a, b)
#define v_subw(a, b)      tr_2w(t, IR_sub, a, b)
#define v_mulw(a, b)      tr_2w(t, IR_mul, a, b)
#define v_mul(a, b)       tr_2(t, IR_mul, a, b)
#define v_mulh(a, b)      tr_2(t, IR_mulhs, a, b)
#define v_mulhu(a, b)     tr_2(t, IR_mulhu, a, b)
#define v_mulhsu(a, b)    tr_2(t, IR_mulhsu, a, b)
#define v_div(a, b)       tr_2(t, IR_divs, a, b)
#define v_divu(a, b)      tr_2(t, IR_divu, a, b)
#define v_rem(a, b)       tr_2(t, IR_rems, a, b)
#define v_remu(a, b)      tr_2(t, IR_remu, a, b)
#define v_divw(a, b)      tr_2w(t, IR_divs32, a, b)
#define v_divuw(a, b)     tr_2w(t, IR_divu32, a, b)
#define v_remw(a, b)      tr_2w(t, IR_rems32, a, b)
#define v_remuw(a, b)     tr_2w(t, IR_remu32, a, b)
#define v_eq(a, b)        tr_2(t, IR_eq, a, b)
#define v_ne(a, b)        tr_2(t, IR_ne, a, b)
#define v_lt(a, b)        tr_2(t, IR_lts, a, b)
#define v_ltu(a, b)       tr_2(t, IR_ltu, a, b)
#define v_ge(a, b)        tr_2(t, IR_ges, a, b)
#define v_geu(a, b)       tr_2(t, IR_geu, a, b)
#define v_select(c, a, b) tr_3(t, IR_select, c, a, b)
#define v_sx8(a)          tr_1(t, IR_sx8, a)
#define v_sx16(a)         tr_1(t, IR_sx16, a)
#define v_sx32(a)         tr_1(t, IR_sx32, a)
#define v_zx8(a)          tr_1(t, IR_zx8, a)
#define v_zx16(a)         tr_1(t, IR_zx16, a)
#define v_zx32(a)         tr_1(t, IR_zx32, a)
#define v_clz(a)          tr_1(t, IR_clz, a)
#define v_ctz(a)          tr_1(t, IR_ctz, a)
#define v_pop(a)          tr_1(t, IR_popcnt, a)
#define v_clzw(a)         tr_1(t, IR_clz32, a)
#define v_ctzw(a)         tr_1(t, IR_ctz32, a)
#define v_popw(a)         tr_1(t, IR_popcnt, tr_1(t, IR_zx32, a))
#define v_rev8(a)         tr_1(t, IR_bswap, a)
#define v_orcb(a)         tr_1(t, IR_bytemask, a)
#define v_min(a, b)       tr_2(t, IR_mins, a, b)
#define v_max(a, b)       tr_2(t, IR_maxs, a, b)
#define v_minu(a, b)      tr_2(t, IR_minu, a, b)
#define v_maxu(a, b)      tr_2(t, IR_maxu, a, b)
#define v_rol(a, b)       tr_2(t, IR_rotl, a, b)
#define v_ror(a, b)       tr_2(t, IR_rotr, a, b)
#define v_rolw(a, b)      tr_2w(t, IR_rotl32, a, b)
#define v_rorw(a, b)      tr_2w(t, IR_rotr32, a, b)

/* --- memory --- */

#define LOAD(v, size, addr)           const val v = {ir_load(t->b, t->point, size, (addr).ref)}
#define STORE(size, addr, value)      tr_store(t, size, addr, value)
#define AMO(v, size, op, addr, value) const val v = tr_amo(t, size, AMO_##op, addr, value)
#define CAS(v, size, addr, old, new)  const val v = tr_cas(t, size, addr, old, new)
#define LR(v, size, addr)             const val v = tr_lr(t, size, addr)
#define SC(v, size, addr, value)      const val v = tr_sc(t, size, addr, value)
#define FENCE(pred, succ)             tr_fence(t, pred, succ)

static inline void tr_store(struct rv_tr *t, unsigned size, val addr, val value)
{
    ir_store(t->b, t->point, size, addr.ref, value.ref);
}

static inline val tr_amo(struct rv_tr *t, unsigned size, enum amo_op op, val addr, val value)
{
    ir_ref old = ir_amo(t->b, t->point, size, op, addr.ref, value.ref);
    if (t->insn->aq)
        ir_fence(t->b, IR_BEFORE_R | IR_AFTER_R | IR_AFTER_W);
    return (val){old};
}

static inline val tr_cas(struct rv_tr *t, unsigned size, val addr, val expected, val desired)
{
    return (val){ir_cas(t->b, t->point, size, addr.ref, expected.ref, desired.ref)};
}

/* Device input counts as a read, device output as a write: bits I O R W. */
static inline void tr_fence(struct rv_tr *t, unsigned pred, unsigned succ)
{
    ir_fence(t->b, (pred & 10 ? IR_BEFORE_R : 0u) | (pred & 5 ? IR_BEFORE_W : 0u) |
                       (succ & 10 ? IR_AFTER_R : 0u) | (succ & 5 ? IR_AFTER_W : 0u));
}

/* --- control --- */

#define BRANCH_IF(c)      tr_branch_if(t, c)
#define JUMP_REL()        tr_jump_rel(t)
#define CHECK_TARGET(v)   tr_check_target(t, v)
#define JUMP_TO(v)        tr_exit_to(t, IR_EXIT_CHAIN, v)
#define LEAVE_TO(v)       tr_exit_to(t, IR_EXIT_LEAVE, v)
#define ATTEND()          tr_attend(t)
#define TRAP(cause, tval) ir_trap(t->b, t->point, cause, (tval).ref)
#define ILLEGAL()         TRAP(CAUSE_ILLEGAL, K(raw()))

/* A block of a guest with IALIGN 32 begins at a multiple of 4: distances say enough. */
static inline bool tr_misaligned(const struct rv_tr *t)
{
    return t->ialign_32 && (t->disp + t->insn->imm) & 2;
}

/* To a place where no instruction may begin, if c holds. */
static inline void tr_misaligned_if(struct rv_tr *t, val target, val c)
{
    ir_trap_if(t->b, t->point, CAUSE_FETCH_MISALIGNED, target.ref, c.ref);
}

static inline void tr_branch_if(struct rv_tr *t, val c)
{
    int32_t target = t->disp + t->insn->imm;
    if (tr_misaligned(t))
        tr_misaligned_if(t, (val){ir_pc(t->b, target)}, c);
    else
        ir_exit_if(t->b, IR_EXIT_CHAIN, t->retired + 1, target, c.ref);
}

static inline void tr_check_target(struct rv_tr *t, val target)
{
    if (t->ialign_32)
        tr_misaligned_if(t, target, v_and(target, K(2)));
}

/*
 * Which jumps are calls and which returns: as implementations are to predict them (Unprivileged,
 * "Unconditional Jumps", the table of return-address stack actions), for x1 alone.
 */
static inline uint16_t tr_link(const struct rv_tr *t)
{
    int32_t back = t->disp + t->insn->len;
    if (t->insn->rd == 1)
        return back > 0 && back <= IR_LINK_MAX ? (uint16_t)back : IR_LINK_NONE;
    return t->insn->op == RV_OP_jalr && !t->insn->rd && t->insn->rs1 == 1 ? IR_LINK_RETURN
                                                                          : IR_LINK_NONE;
}

static inline void tr_jump_rel(struct rv_tr *t)
{
    ir_exit(t->b, IR_EXIT_CHAIN, t->retired + 1, t->disp + t->insn->imm);
    ir_link(t->b, tr_link(t));
}

static inline void tr_exit_to(struct rv_tr *t, enum ir_exit_kind kind, val target)
{
    ir_exit_to(t->b, kind, t->retired + 1, target.ref);
    if (kind == IR_EXIT_CHAIN)
        ir_link(t->b, tr_link(t));
}

/* The LR of a pair that waited makes the alarm due instead (jit_access.c). */
static inline void tr_attend(struct rv_tr *t)
{
    if (t->pair)
        return;
    ir_exit_if(t->b, IR_EXIT_LEAVE, t->retired + 1, t->disp + t->insn->len,
               tr_slot(t, RV_SLOT_ATTENTION).ref);
}

/* Illegal where c holds. */
static inline void tr_illegal_if(struct rv_tr *t, val c)
{
    ir_trap_if(t->b, t->point, CAUSE_ILLEGAL, K(raw()).ref, c.ref);
}

/* --- C functions --- */

/* Arguments are vals or C integers. */
static inline val tr_val(struct rv_tr *t, val v)
{
    (void)t;
    return v;
}

/* args[0] is not one, so that the array is never empty. */
static inline val tr_call(struct rv_tr *t, enum rv_helper helper, unsigned count, const val *args)
{
    ir_ref refs[IR_ARGS_MAX] = {IR_NONE};
    for (unsigned i = 0; i < count; i++)
        refs[i] = args[i + 1].ref;
    return (val){ir_call(t->b, t->point, helper, count, refs)};
}

#define TR_PICK(p0, p1, p2, p3, p4, p5, n, ...) n
#define TR_COUNT(...)                           TR_PICK(_, ##__VA_ARGS__, 5, 4, 3, 2, 1, 0)
#define TR_CAT_(x, y)                           x##y
#define TR_CAT(x, y)                            TR_CAT_(x, y)
#define TR_ARG(x)                               _Generic((x), struct val : tr_val, default : tr_k)(t, x)
#define TR_ARGS_0()
#define TR_ARGS_1(a)      , TR_ARG(a)
#define TR_ARGS_2(a, ...) , TR_ARG(a) TR_ARGS_1(__VA_ARGS__)
#define TR_ARGS_3(a, ...) , TR_ARG(a) TR_ARGS_2(__VA_ARGS__)
#define TR_ARGS_4(a, ...) , TR_ARG(a) TR_ARGS_3(__VA_ARGS__)
#define TR_ARGS(...)      TR_CAT(TR_ARGS_, TR_COUNT(__VA_ARGS__))(__VA_ARGS__)
#define TR_CALL(fn, ...)                                                                           \
    tr_call(t, RV_HELPER_##fn, TR_COUNT(__VA_ARGS__), (const val[]){{IR_NONE} TR_ARGS(__VA_ARGS__)})

/* The helper's own record (helpers.def) says whether it may trap. */
#define CALL(v, fn, ...)       const val v = TR_CALL(fn, ##__VA_ARGS__)
#define CALL_LOAD(v, fn, ...)  CALL(v, fn, ##__VA_ARGS__)
#define CALL_MAY_TRAP(fn, ...) ((void)TR_CALL(fn, ##__VA_ARGS__))
#define PAUSE()                ((void)TR_CALL(rv_sem_pause))

/* --- LR and SC --- */

/*
 * The load of a pair is no barrier, and its SC, which is one, may not come.  An acquire needs
 * nothing more, a release and acquire must not pass the stores before it.
 */
static inline val tr_lr(struct rv_tr *t, unsigned size, val addr)
{
    if (!t->pair)
        return TR_CALL(rv_lr, addr, size);
    if (t->insn->rl)
        ir_fence(t->b, IR_BEFORE_W | IR_AFTER_R);
    t->pair->lr = ir_lr(t->b, t->point, size, addr.ref);
    return (val){t->pair->lr};
}

static inline val tr_sc(struct rv_tr *t, unsigned size, val addr, val value)
{
    if (!t->pair)
        return TR_CALL(rv_sc, addr, size, value);
    return (val){ir_sc(t->b, t->point, size, addr.ref, t->pair->lr, value.ref)};
}

/* --- bit manipulation and cryptography: crypto.h --- */

#define v_brev8(a)        TR_CALL(v_brev8, a)
#define v_aes64im(a)      TR_CALL(v_aes64im, a)
#define v_clmul(a, b)     TR_CALL(v_clmul, a, b)
#define v_clmulh(a, b)    TR_CALL(v_clmulh, a, b)
#define v_clmulr(a, b)    TR_CALL(v_clmulr, a, b)
#define v_xperm4(a, b)    TR_CALL(v_xperm4, a, b)
#define v_xperm8(a, b)    TR_CALL(v_xperm8, a, b)
#define v_aes64es(a, b)   TR_CALL(v_aes64es, a, b)
#define v_aes64esm(a, b)  TR_CALL(v_aes64esm, a, b)
#define v_aes64ds(a, b)   TR_CALL(v_aes64ds, a, b)
#define v_aes64dsm(a, b)  TR_CALL(v_aes64dsm, a, b)
#define v_aes64ks1i(a, b) TR_CALL(v_aes64ks1i, a, b)
#define v_sm4ed(a, b, c)  TR_CALL(v_sm4ed, a, b, c)
#define v_sm4ks(a, b, c)  TR_CALL(v_sm4ks, a, b, c)

/* --- floating point --- */

/* Returns FS as it is. */
static inline val tr_fp_need(struct rv_tr *t)
{
    if (t->assume.fp_dirty)
        return (val){IR_NONE};
    val status = tr_slot(t, RV_SLOT_MSTATUS);
    val fs = v_and(status, K(MSTATUS_FS));
    tr_illegal_if(t, v_eq(fs, K(0)));
    return status;
}

static inline void tr_fp_dirty(struct rv_tr *t)
{
    val status = tr_fp_need(t);
    if (t->assume.fp_dirty)
        return;
    ir_slot_set(t->b, RV_SLOT_MSTATUS, v_or(status, K((int64_t)(MSTATUS_FS | MSTATUS_SD))).ref);
}

/* Only frm may name a mode that does not exist; the decoder refuses the others. */
static inline void tr_fp_exact(struct rv_tr *t, unsigned rm)
{
    if (rm == FP_DYN && !t->assume.fp_rne)
        tr_illegal_if(t, v_ltu(K(FP_RMM), tr_slot(t, RV_SLOT_FRM)));
}

static inline val tr_box_s(struct rv_tr *t, val a)
{
    return v_or(a, K(-(1ll << 32)));
}

static inline val tr_unbox_s(struct rv_tr *t, val a)
{
    return v_select(v_geu(a, K(-(1ll << 32))), v_zx32(a), K(0x7fc00000));
}

static inline val tr_box_h(struct rv_tr *t, val a)
{
    return v_or(a, K(-(1ll << 16)));
}

static inline val tr_unbox_h(struct rv_tr *t, val a)
{
    return v_select(v_geu(a, K(-(1ll << 16))), v_zx16(a), K(0x7e00));
}

#define FP_NEED()              ((void)tr_fp_need(t))
#define FP_DIRTY()             tr_fp_dirty(t)
#define FP_EXACT()             tr_fp_exact(t, ARG(rm))
#define FP_OP1(v, op, a)       CALL(v, op, ARG(rm), a)
#define FP_OP2(v, op, a, b)    CALL(v, op, ARG(rm), a, b)
#define FP_OP3(v, op, a, b, c) CALL(v, op, ARG(rm), a, b, c)
/* Which of the two is known now. */
#define FP_TO_INT(v, op, a)                                                                        \
    val v;                                                                                         \
    if (ARG(rm) == FP_RTZ)                                                                         \
        v = TR_CALL(op##_rtz, a);                                                                  \
    else                                                                                           \
        v = TR_CALL(op, ARG(rm), a)

#define v_box_s(a)     tr_box_s(t, a)
#define v_unbox_s(a)   tr_unbox_s(t, a)
#define v_fmin_s(a, b) TR_CALL(v_fmin_s, a, b)
#define v_fmax_s(a, b) TR_CALL(v_fmax_s, a, b)
#define v_feq_s(a, b)  TR_CALL(v_feq_s, a, b)
#define v_flt_s(a, b)  TR_CALL(v_flt_s, a, b)
#define v_fle_s(a, b)  TR_CALL(v_fle_s, a, b)
#define v_fclass_s(a)  TR_CALL(v_fclass_s, a)
#define v_fmin_d(a, b) TR_CALL(v_fmin_d, a, b)
#define v_fmax_d(a, b) TR_CALL(v_fmax_d, a, b)
#define v_feq_d(a, b)  TR_CALL(v_feq_d, a, b)
#define v_flt_d(a, b)  TR_CALL(v_flt_d, a, b)
#define v_fle_d(a, b)  TR_CALL(v_fle_d, a, b)
#define v_fclass_d(a)  TR_CALL(v_fclass_d, a)
#define v_fcvt_d_s(a)  TR_CALL(v_fcvt_d_s, a)
#define v_fcvt_d_w(a)  TR_CALL(v_fcvt_d_w, a)
#define v_fcvt_d_wu(a) TR_CALL(v_fcvt_d_wu, a)

#define v_box_h(a)     tr_box_h(t, a)
#define v_unbox_h(a)   tr_unbox_h(t, a)
#define v_fcvt_s_h(a)  TR_CALL(v_fcvt_s_h, a)
#define v_fcvt_d_h(a)  TR_CALL(v_fcvt_d_h, a)
#define v_fmin_h(a, b) TR_CALL(v_fmin_h, a, b)
#define v_fmax_h(a, b) TR_CALL(v_fmax_h, a, b)
#define v_feq_h(a, b)  TR_CALL(v_feq_h, a, b)
#define v_flt_h(a, b)  TR_CALL(v_flt_h, a, b)
#define v_fle_h(a, b)  TR_CALL(v_fle_h, a, b)
#define v_fclass_h(a)  TR_CALL(v_fclass_h, a)

#define v_fminm_s(a, b)  TR_CALL(v_fminm_s, a, b)
#define v_fmaxm_s(a, b)  TR_CALL(v_fmaxm_s, a, b)
#define v_fleq_s(a, b)   TR_CALL(v_fleq_s, a, b)
#define v_fltq_s(a, b)   TR_CALL(v_fltq_s, a, b)
#define v_fminm_d(a, b)  TR_CALL(v_fminm_d, a, b)
#define v_fmaxm_d(a, b)  TR_CALL(v_fmaxm_d, a, b)
#define v_fleq_d(a, b)   TR_CALL(v_fleq_d, a, b)
#define v_fltq_d(a, b)   TR_CALL(v_fltq_d, a, b)
#define v_fminm_h(a, b)  TR_CALL(v_fminm_h, a, b)
#define v_fmaxm_h(a, b)  TR_CALL(v_fmaxm_h, a, b)
#define v_fleq_h(a, b)   TR_CALL(v_fleq_h, a, b)
#define v_fltq_h(a, b)   TR_CALL(v_fltq_h, a, b)
#define v_fcvtmod_w_d(a) TR_CALL(v_fcvtmod_w_d, a)

#endif
