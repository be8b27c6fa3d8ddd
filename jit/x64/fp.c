/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating point by the host's unit: helpers that the guest declared to be such
 * operations (struct jit_inline), where the host rounds as they ask.
 *
 * The host's sticky flags are the guest's, and a NaN result is replaced by the
 * guest's canonical one, before anybody can see its bits: other operations cannot
 * (struct unsettled).  What the host does otherwise is left to the helper,
 * which does the operation anew: singles whose upper half is not all ones, NaNs
 * of fused operations, integers that do not fit.
 *
 * The upper half of a single goes through an operation with its first operand.
 */
#include "jit/x64/lower.h"

enum {
    OP_ADD = 0x58,
    OP_MUL = 0x59,
    OP_SUB = 0x5c,
    OP_DIV = 0x5e,
    OP_SQRT = 0x51,
};
#define SD(op) (0xf2000f00u | (op))
#define SS(op) (0xf3000f00u | (op))

#define WORK 14

/*
 * All registers are taken before the first jump to the cold code: what the allocator does after it
 * would not have happened where that comes back.
 */
struct op {
    const struct ir_insn *i;
    const struct jit_inline *in;
    ir_ref arg[3];        /* operands without the rounding mode */
    unsigned x[3];        /* and the xmm registers they are in */
    enum x64_reg integer; /* the operand, if it is one */
    unsigned args;
    unsigned dst_x;   /* the result's register */
    enum x64_reg dst; /* or this one */
    enum x64_reg t;   /* a temporary */
    struct cold *cold;
    unsigned jumps; /* that lead to cold */
};

static uint32_t scalar(const struct op *o, unsigned op)
{
    return o->in->single ? SS(op) : SD(op);
}

/* Operands in order; the list is linked from the last one. */
static void find_args(const struct lower *l, struct op *o, unsigned count)
{
    bool rounds = o->in->as < JIT_INLINE_NO_ROUNDING;
    for (ir_ref a = o->i->a; a; a = l->b->insns[a].b) {
        count--;
        if (count >= rounds)
            o->arg[count - rounds] = l->b->insns[a].a;
    }
}

/* The rounding mode, where there is one, must be known, and one that the host is in. */
static bool mode_is_ours(const struct lower *l, const struct ir_insn *i,
                         const struct jit_inline *in)
{
    int64_t mode = 0;
    if (in->as >= JIT_INLINE_NO_ROUNDING)
        return true;
    ir_ref first = IR_NONE;
    for (ir_ref a = i->a; a; a = l->b->insns[a].b)
        first = l->b->insns[a].a;
    return alloc_const(l, first, &mode) && (mode == 0 || mode == 7);
}

static void to_cold(struct lower *l, struct op *o, enum x64_cond cc)
{
    o->cold->from[o->jumps++] = x64_jcc(&l->e, cc, 0);
}

/* --- NaNs --- */

static struct x64_mem nan_of(const struct lower *l, bool single)
{
    return at_jit(l, offsetof(struct jit_hart, nan) + 8 * single);
}

/* The parity flag says whether there is a NaN in a or b, which are no signalling ones. */
static void compare(struct lower *l, bool single, unsigned a, unsigned b)
{
    x64_sse(&l->e, single ? 0x0f2eu : 0x66000f2eu, a, b); /* ucomis */
}

/* Both registers, or one that is both, become the guest's NaN if they are some other. */
static void nans_to_cold(struct lower *l, bool single, unsigned a, unsigned b)
{
    compare(l, single, a, b);
    uint8_t *from = x64_jcc(&l->e, CC_P, 0);
    struct cold *c = lower_cold(l);
    c->kind = COLD_NAN;
    c->from[0] = from;
    c->dst = (uint8_t)a;
    c->value = (uint8_t)b;
    c->box = single;
    c->after = x64_here(&l->e);
}

void fp_settle(struct lower *l)
{
    const struct unsettled u = l->unsettled;
    l->unsettled.is = false;
    if (u.is)
        nans_to_cold(l, u.single, u.x, u.x);
}

void fp_settle_x(struct lower *l, unsigned x)
{
    if (l->unsettled.is && l->unsettled.x == x)
        fp_settle(l);
}

void fp_forget_x(struct lower *l, unsigned x)
{
    if (l->unsettled.x == x)
        l->unsettled.is = false;
}

void fp_settle_cold(struct lower *l, const struct unsettled *u)
{
    if (!u->is)
        return;
    compare(l, u->single, u->x, u->x);
    uint8_t *none = x64_jcc8(&l->e, CC_NP);
    x64_load_xmm(&l->e, u->x, nan_of(l, u->single), 8);
    x64_patch8(&l->e, none);
}

static void nan_cold(struct lower *l, const struct cold *c)
{
    const struct unsettled a = {true, c->box, c->dst}, b = {true, c->box, c->value};
    x64_patch(&l->e, c->from[0]);
    if (a.x == b.x) {
        x64_load_xmm(&l->e, a.x, nan_of(l, c->box), 8);
    } else {
        fp_settle_cold(l, &a);
        fp_settle_cold(l, &b);
    }
    x64_jmp(&l->e, c->after);
}

/*
 * A result, or the helper's: the look may be at another one as well.  Whatever flags it deserves
 * are raised.
 */
static void result_in(struct lower *l, const struct op *o, unsigned x, bool single)
{
    const struct unsettled u = l->unsettled;
    o->cold->after = x64_here(&l->e);
    l->val[l->at].boxed = single;
    if (u.is && u.single == single) {
        l->unsettled.is = false;
        nans_to_cold(l, single, u.x, x);
        return;
    }
    fp_settle(l);
    l->unsettled = (struct unsettled){true, single, (uint8_t)x};
}

/* A single that is not known to be boxed goes to the helper if it is not. */
static void need_boxed(struct lower *l, struct op *o, unsigned k)
{
    if (l->val[o->arg[k]].boxed)
        return;
    x64_movq_from_xmm(&l->e, o->t, o->x[k]);
    x64_shift_imm(&l->e, SH_SAR, X64_W, o->t, 32);
    x64_alu_imm(&l->e, ALU_CMP, 0, o->t, -1);
    to_cold(l, o, CC_NE);
}

/* From the work register. */
static void result(struct lower *l, struct op *o, bool single)
{
    if (!l->val[l->at].uses)
        return;
    x64_movaps(&l->e, o->dst_x, WORK);
    result_in(l, o, o->dst_x, single);
}

/* --- the operations --- */

/* In the result's place, unless the second operand is there and must come second. */
static void arithmetic(struct lower *l, struct op *o, unsigned op)
{
    unsigned a = o->x[0], b = o->x[o->args - 1];
    bool used = l->val[l->at].uses;
    unsigned d = used ? o->dst_x : WORK;
    if (d != a && x64_cpu()->avx) {
        x64_vscalar(&l->e, op, o->in->single ? 0 : X64_W, d, a, b);
        if (used)
            result_in(l, o, d, o->in->single);
        return;
    }
    if (d == b && d != a && (op == OP_ADD || op == OP_MUL)) {
        b = a;
        a = d;
    }
    if (d == b && d != a)
        d = WORK;
    x64_movaps(&l->e, d, a);
    x64_sse(&l->e, scalar(o, op), d, b);
    if (d == WORK) {
        result(l, o, o->in->single);
        return;
    }
    result_in(l, o, d, o->in->single);
}

/*
 * Infinity times zero plus a quiet NaN is invalid, which the host does not say: a NaN is for the
 * helper, which wants the operands.
 */
static void fused(struct lower *l, struct op *o, unsigned op)
{
    bool single = o->in->single;
    x64_movaps(&l->e, WORK, o->x[0]);
    x64_fma213(&l->e, op, single ? 0 : X64_W, WORK, o->x[1], o->x[2]);
    compare(l, single, WORK, WORK);
    to_cold(l, o, CC_P);
    if (!l->val[l->at].uses)
        return;
    x64_movaps(&l->e, o->dst_x, WORK);
    l->val[l->at].boxed = single;
}

/* comis b, a: "above" is a < b, and false for NaNs. */
static void order(struct lower *l, struct op *o, enum x64_cond cc)
{
    x64_sse(&l->e, o->in->single ? 0x0f2fu : 0x66000f2fu, o->x[1], o->x[0]);
    x64_setcc(&l->e, cc, o->dst);
    x64_zx(&l->e, o->dst, o->dst, 1);
}

static void equal(struct lower *l, struct op *o)
{
    x64_zero(&l->e, o->t);
    x64_mov_imm(&l->e, o->dst, 0);
    x64_sse(&l->e, o->in->single ? 0x0f2eu : 0x66000f2eu, o->x[0], o->x[1]);
    x64_setcc(&l->e, CC_NP, o->dst);
    x64_cmov(&l->e, CC_NE, o->dst, o->t);
}

/* The most negative integer stands for what does not fit: it alone overflows when 1 goes. */
static void truncate_to(struct lower *l, struct op *o, unsigned w)
{
    x64_rr(&l->e, scalar(o, 0x2c), w, o->t, o->x[0]);
    x64_alu_imm(&l->e, ALU_CMP, w, o->t, 1);
    to_cold(l, o, CC_O);
    if (w)
        x64_mov(&l->e, o->dst, o->t);
    else
        x64_sx(&l->e, o->dst, o->t, 4);
}

static void from_integer(struct lower *l, struct op *o, unsigned w)
{
    unsigned d = l->val[l->at].uses ? o->dst_x : WORK;
    if (o->in->single)
        x64_rm(&l->e, 0x0f28, 0, d, AT_JIT(l, box)); /* movaps */
    else
        x64_sse(&l->e, 0x0f57, d, d); /* xorps */
    x64_rr(&l->e, scalar(o, 0x2a), w, d, o->integer);
    l->val[l->at].boxed = o->in->single;
}

static void narrow(struct lower *l, struct op *o)
{
    x64_rm(&l->e, 0x0f28, 0, WORK, AT_JIT(l, box));
    x64_sse(&l->e, SD(0x5a), WORK, o->x[0]);
    result(l, o, true);
}

static void widen(struct lower *l, struct op *o)
{
    x64_sse(&l->e, 0x0f57, WORK, WORK);
    x64_sse(&l->e, SS(0x5a), WORK, o->x[0]);
    result(l, o, false);
}

static void select_op(struct lower *l, struct op *o)
{
    switch ((enum jit_inline_as)o->in->as) {
    case JIT_INLINE_ADD:
        arithmetic(l, o, OP_ADD);
        break;
    case JIT_INLINE_SUB:
        arithmetic(l, o, OP_SUB);
        break;
    case JIT_INLINE_MUL:
        arithmetic(l, o, OP_MUL);
        break;
    case JIT_INLINE_DIV:
        arithmetic(l, o, OP_DIV);
        break;
    case JIT_INLINE_SQRT:
        arithmetic(l, o, OP_SQRT);
        break;
    case JIT_INLINE_MADD:
        fused(l, o, 0xa9);
        break;
    case JIT_INLINE_MSUB:
        fused(l, o, 0xab);
        break;
    case JIT_INLINE_NMSUB:
        fused(l, o, 0xad);
        break;
    case JIT_INLINE_NMADD:
        fused(l, o, 0xaf);
        break;
    case JIT_INLINE_EQ:
        equal(l, o);
        break;
    case JIT_INLINE_LT:
        order(l, o, CC_A);
        break;
    case JIT_INLINE_LE:
        order(l, o, CC_AE);
        break;
    case JIT_INLINE_TRUNC_32:
        truncate_to(l, o, 0);
        break;
    case JIT_INLINE_TRUNC_64:
        truncate_to(l, o, X64_W);
        break;
    case JIT_INLINE_FROM_64:
        from_integer(l, o, X64_W);
        break;
    case JIT_INLINE_FROM_32:
    case JIT_INLINE_FROM_32_EXACT:
        from_integer(l, o, 0);
        break;
    case JIT_INLINE_NARROW:
        narrow(l, o);
        break;
    case JIT_INLINE_WIDEN:
        widen(l, o);
        break;
    case JIT_INLINE_NONE:
        break;
    }
}

static bool takes_integer(const struct op *o)
{
    return o->in->as == JIT_INLINE_FROM_64 || o->in->as == JIT_INLINE_FROM_32 ||
           o->in->as == JIT_INLINE_FROM_32_EXACT;
}

static bool gives_integer(const struct op *o)
{
    return o->in->as >= JIT_INLINE_EQ && o->in->as != JIT_INLINE_WIDEN &&
           o->in->as != JIT_INLINE_FROM_32_EXACT;
}

static bool is_fma(const struct jit_inline *in)
{
    return in->as >= JIT_INLINE_MADD && in->as <= JIT_INLINE_NMADD;
}

bool fp_is_inline(const struct lower *l, const struct ir_insn *i)
{
    const struct jit_inline *in = l->g->inlines ? &l->g->inlines[i->index] : NULL;
    return in && in->as != JIT_INLINE_NONE && l->r->fp_inline && mode_is_ours(l, i, in) &&
           (x64_cpu()->fma || !is_fma(in));
}

static void take_operands(struct lower *l, struct op *o)
{
    for (unsigned k = 0; k < o->args; k++) {
        struct fp_arg *a = &o->cold->arg[k];
        if (takes_integer(o)) {
            o->integer = alloc_use(l, o->arg[k]);
            *a = (struct fp_arg){false, (uint8_t)o->integer};
        } else {
            o->x[k] = alloc_xuse(l, o->arg[k]);
            *a = (struct fp_arg){true, (uint8_t)o->x[k]};
        }
    }
    o->t = alloc_scratch(l);
}

static void take_result(struct lower *l, struct op *o)
{
    bool used = l->val[l->at].uses;
    struct cold *c = o->cold;
    if (gives_integer(o)) {
        o->dst = used ? alloc_dst(l) : alloc_scratch(l);
        c->dst = (uint8_t)o->dst;
    } else if (used) {
        o->dst_x = alloc_xdst(l);
        c->dst = (uint8_t)o->dst_x;
        c->dst_x = true;
    }
    c->saved = alloc_live_temps(l);
    c->xsaved = alloc_live_xtemps(l);
    if (c->dst_x)
        c->xsaved &= ~X64_BIT(c->dst);
    else if (c->dst != X64_NO_REG)
        c->saved &= ~X64_BIT(c->dst);
}

bool fp_inline(struct lower *l, const struct ir_insn *i)
{
    if (!fp_is_inline(l, i))
        return false;
    const struct jit_inline *in = &l->g->inlines[i->index];
    struct op o = {.i = i, .in = in};
    unsigned count = l->g->ir->helpers[i->index].args;
    o.args = count - (in->as < JIT_INLINE_NO_ROUNDING);
    find_args(l, &o, count);
    const struct ir_insn *point = &l->b->insns[i->point];
    o.cold = lower_cold(l);
    o.cold->kind = COLD_FP;
    o.cold->site = i->index;
    o.cold->point = lower_point(l, point);
    o.cold->args = (uint8_t)o.args;
    o.cold->rounds = in->as < JIT_INLINE_NO_ROUNDING;
    take_operands(l, &o);
    bool singles = in->single && !takes_integer(&o);
    /* Before the result takes a register, and before a jump to code that would skip it. */
    for (unsigned k = 0; k < o.args && singles; k++)
        if (!l->val[o.arg[k]].boxed)
            fp_settle_x(l, o.x[k]);
    take_result(l, &o);
    for (unsigned k = 0; k < o.args && singles; k++)
        need_boxed(l, &o, k);
    select_op(l, &o);
    if (!o.cold->after)
        o.cold->after = x64_here(&l->e);
    if (!o.jumps)
        o.cold->kind = COLD_NONE; /* nothing leads there */
    return true;
}

/* The helper, with the operands as they were; a rounding mode of 7 is what the host is in. */
void fp_cold(struct lower *l, struct cold *c)
{
    struct x64_buf *e = &l->e;
    if (c->kind == COLD_NAN) {
        nan_cold(l, c);
        return;
    }
    for (unsigned k = 0; k < ARRAY_LEN(c->from) && c->from[k]; k++)
        x64_patch(e, c->from[k]);
    access_save(l, c, false);
    if (c->rounds)
        x64_store_imm(e, AT_JIT(l, args[0]), 7, 8);
    for (unsigned k = 0; k < c->args; k++) {
        struct x64_mem to = at_jit(l, offsetof(struct jit_hart, args) + 8 * (k + c->rounds));
        if (c->arg[k].xmm)
            x64_store_xmm(e, to, c->arg[k].reg, 8);
        else
            x64_store(e, to, (enum x64_reg)c->arg[k].reg);
    }
    lower_call(l, CALL_HELPER, c->point, c->site);
    if (c->dst_x)
        x64_movq_to_xmm(e, c->dst, RAX);
    else if (c->dst != X64_NO_REG)
        x64_mov(e, (enum x64_reg)c->dst, RAX);
    access_save(l, c, true); /* rax may be among them */
    x64_jmp(e, c->after);
}
