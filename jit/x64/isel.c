/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction selection: host instructions for each operation of the IR but
 * memory accesses and exits.  ir_fold (jit/eval.c) says what each must compute.
 */
#include "jit/x64/lower.h"

#include "sim/base/log.h"

static const struct ir_insn *insn(const struct lower *l)
{
    return &l->b->insns[l->at];
}

/* The slot in whose home the result may be made, or 0. */
static unsigned gpr_hint(const struct lower *l)
{
    unsigned slot = l->val[l->at].hint;
    return slot && l->map.home[slot] != X64_NO_REG ? slot : 0;
}

/* --- two operands --- */

static void alu_operand(struct lower *l, enum x64_alu op, unsigned w, enum x64_reg d,
                        const struct opnd *o)
{
    switch (o->kind) {
    case OPND_REG:
        x64_alu(&l->e, op, w, d, o->reg);
        break;
    case OPND_MEM:
        x64_alu_mem(&l->e, op, w, d, o->mem);
        break;
    case OPND_IMM:
        x64_alu_imm(&l->e, op, w, d, o->imm);
        break;
    }
}

static bool in_reg(const struct lower *l, ir_ref v, enum x64_reg r)
{
    const struct val *val = &l->val[v];
    return (val->kind == LOC_REG && val->reg == r) ||
           (val->kind == LOC_HOME && l->map.home[val->slot] == r);
}

/*
 * The result's register with a's value in it; b's is not it.  Where a dies in a temporary, that
 * register is taken over.
 */
static enum x64_reg dst_of(struct lower *l, ir_ref a, struct opnd *b)
{
    enum x64_reg ra = X64_NO_REG;
    if (!gpr_hint(l) && l->val[a].kind == LOC_REG && l->val[a].last == l->at)
        return alloc_take_over(l, a);
    if (l->val[a].kind == LOC_REG || l->val[a].kind == LOC_HOME)
        ra = alloc_use(l, a);
    enum x64_reg d = alloc_dst(l);
    if (b && b->kind == OPND_REG && b->reg == d && ra != d) {
        /* The result replaces b: b goes to a register of its own first. */
        enum x64_reg t = alloc_scratch(l);
        x64_mov(&l->e, t, b->reg);
        b->reg = t;
    }
    if (ra != X64_NO_REG)
        x64_mov(&l->e, d, ra);
    else
        alloc_copy(l, d, a);
    return d;
}

static bool commutes(unsigned op)
{
    return op == IR_add || op == IR_and || op == IR_or || op == IR_xor || op == IR_mul;
}

static void swap_refs(ir_ref *a, ir_ref *b)
{
    ir_ref t = *a;
    *a = *b;
    *b = t;
}

/* Better order of a commutative operation: constants second; what is in the result's place first.
 */
static void order(const struct lower *l, ir_ref *a, ir_ref *b)
{
    int64_t k;
    unsigned slot = gpr_hint(l);
    if (alloc_const(l, *a, &k))
        swap_refs(a, b);
    else if (slot && in_reg(l, *b, (enum x64_reg)l->map.home[slot]))
        swap_refs(a, b);
}

static bool register_now(const struct lower *l, ir_ref v)
{
    return l->val[v].kind == LOC_REG || l->val[v].kind == LOC_HOME;
}

/* An addition into a third register. */
static bool add_by_lea(struct lower *l, ir_ref a, ir_ref b)
{
    int64_t k = 0;
    bool is_const = alloc_const(l, b, &k);
    unsigned slot = gpr_hint(l);
    enum x64_reg home = slot ? (enum x64_reg)l->map.home[slot] : X64_NO_REG;
    if (!register_now(l, a) || (is_const ? !x64_fits32(k) : !register_now(l, b)))
        return false;
    if (slot && (in_reg(l, a, home) || in_reg(l, b, home)))
        return false;
    enum x64_reg ra = alloc_use(l, a);
    enum x64_reg rb = is_const ? X64_NO_REG : alloc_use(l, b);
    enum x64_reg d = alloc_dst(l);
    x64_lea(&l->e, d, is_const ? x64_at(ra, (int32_t)k) : x64_at_index(ra, rb, 0));
    return true;
}

static void alu(struct lower *l, enum x64_alu op)
{
    const struct ir_insn *i = insn(l);
    if (l->val[l->at].fp && l->val[i->a].box) {
        alloc_rename(l, i->a); /* loaded boxed */
        return;
    }
    ir_ref a = i->a, b = i->b;
    if (commutes(i->op))
        order(l, &a, &b);
    if (op == ALU_ADD && add_by_lea(l, a, b))
        return;
    struct opnd o = alloc_operand(l, b);
    enum x64_reg d = dst_of(l, a, &o);
    alu_operand(l, op, X64_W, d, &o);
}

#define MATES_APART 16 /* a register waits for so many instructions at most */

static bool is_high(const struct ir_insn *i)
{
    return i->op == IR_mulhu || i->op == IR_mulhs;
}

static bool is_mate(const struct ir_insn *i, const struct ir_insn *k)
{
    bool same = (i->a == k->a && i->b == k->b) || (i->a == k->b && i->b == k->a);
    return same && ((i->op == IR_mul && is_high(k)) || (is_high(i) && k->op == IR_mul));
}

void isel_find_mates(struct lower *l)
{
    const struct ir_insn *insns = l->b->insns;
    for (unsigned n = 1; n < l->b->count; n++) {
        if ((insns[n].op != IR_mul && !is_high(&insns[n])) || !l->val[n].uses || l->val[n].mate)
            continue;
        for (unsigned k = n + 1; k < l->b->count && k <= n + MATES_APART; k++) {
            if (!l->val[k].uses || l->val[k].mate || !is_mate(&insns[n], &insns[k]))
                continue;
            l->val[n].mate = (uint16_t)k;
            l->val[k].mate = (uint16_t)n;
            break;
        }
    }
}

/* Both halves, at the first of the two; false: it has no mate. */
static bool mul_both(struct lower *l)
{
    const struct ir_insn *i = insn(l);
    ir_ref mate = l->val[l->at].mate;
    if (!mate)
        return false;
    if (mate < l->at)
        return true; /* made there */
    bool high = is_high(i);
    bool is_signed = i->op == IR_mulhs || l->b->insns[mate].op == IR_mulhs;
    alloc_take(l, RAX);
    alloc_take(l, RDX);
    enum x64_reg b = alloc_use(l, i->b);
    alloc_copy(l, RAX, i->a);
    x64_unary(&l->e, is_signed ? UN_IMUL : UN_MUL, X64_W, b);
    alloc_result_of(l, high ? RAX : RDX, mate);
    alloc_result(l, high ? RDX : RAX);
    return true;
}

static void mul(struct lower *l)
{
    const struct ir_insn *i = insn(l);
    if (mul_both(l))
        return;
    ir_ref a = i->a, b = i->b;
    order(l, &a, &b);
    struct opnd o = alloc_operand(l, b);
    if (o.kind == OPND_IMM) {
        enum x64_reg ra = alloc_use(l, a);
        x64_imul_imm(&l->e, X64_W, alloc_dst(l), ra, o.imm);
        return;
    }
    enum x64_reg d = dst_of(l, a, &o);
    if (o.kind == OPND_MEM)
        x64_imul_mem(&l->e, X64_W, d, o.mem);
    else
        x64_imul(&l->e, X64_W, d, o.reg);
}

/* rdx:rax = a * b; the upper half is the result. */
static void mul_high(struct lower *l, bool is_signed, bool correct)
{
    const struct ir_insn *i = insn(l);
    if (mul_both(l))
        return;
    alloc_take(l, RAX);
    alloc_take(l, RDX);
    enum x64_reg b = alloc_use(l, i->b);
    alloc_copy(l, RAX, i->a);
    x64_unary(&l->e, is_signed ? UN_IMUL : UN_MUL, X64_W, b);
    if (correct) { /* a is signed: less b where it is negative */
        alloc_copy(l, RAX, i->a);
        x64_shift_imm(&l->e, SH_SAR, X64_W, RAX, 63);
        x64_alu(&l->e, ALU_AND, X64_W, RAX, b);
        x64_alu(&l->e, ALU_SUB, X64_W, RDX, RAX);
    }
    alloc_result(l, RDX);
}

/*
 * Division: rax and rdx are the host's.  By zero: all ones, or the dividend as
 * remainder.  By -1: the dividend negated, or 0; the host would trap on the most
 * negative one.
 */
static void divide(struct lower *l, bool is_signed, bool remainder, unsigned w)
{
    const struct ir_insn *i = insn(l);
    struct x64_buf *e = &l->e;
    alloc_take(l, RAX);
    alloc_take(l, RDX);
    enum x64_reg b = alloc_use(l, i->b);
    uint8_t *minus_one = NULL, *done2 = NULL;
    alloc_copy(l, RAX, i->a);
    if (!w)
        x64_mov32(e, RAX, RAX);
    x64_test(e, w, b, b);
    uint8_t *by_zero = x64_jcc8(e, CC_E);
    if (is_signed) {
        x64_alu_imm(e, ALU_CMP, w, b, -1);
        minus_one = x64_jcc8(e, CC_E);
        x64_cqo(e, w);
    } else {
        x64_zero(e, RDX);
    }
    x64_unary(e, is_signed ? UN_IDIV : UN_DIV, w, b);
    uint8_t *done = x64_jmp8(e);
    if (is_signed) {
        x64_patch8(e, minus_one);
        x64_unary(e, UN_NEG, w, RAX);
        x64_zero(e, RDX);
        done2 = x64_jmp8(e);
    }
    x64_patch8(e, by_zero);
    if (remainder)
        x64_mov(e, RDX, RAX);
    else if (w)
        x64_mov_imm(e, RAX, UINT64_MAX);
    else
        x64_mov_imm(e, RAX, UINT32_MAX);
    x64_patch8(e, done);
    if (done2)
        x64_patch8(e, done2);
    alloc_result(l, remainder ? RDX : RAX);
}

/* --- shifts --- */

static void shift(struct lower *l, enum x64_shift op, unsigned w)
{
    const struct ir_insn *i = insn(l);
    struct x64_buf *e = &l->e;
    bool sx = i->op == IR_rotrs32;
    int64_t k;
    if (alloc_const(l, i->b, &k)) {
        unsigned n = (unsigned)k & (w ? 63 : 31);
        enum x64_reg d = dst_of(l, i->a, NULL);
        if (n)
            x64_shift_imm(e, op, w, d, n);
        else if (!w && !sx)
            x64_mov32(e, d, d);
        if (sx)
            x64_sx(e, d, d, 4);
        return;
    }
    if (x64_cpu()->bmi2 && op >= SH_SHL) {
        enum x64_reg a = alloc_use(l, i->a), n = alloc_use(l, i->b);
        x64_shx(e, op, w, alloc_dst(l), a, n);
        return;
    }
    alloc_take(l, RCX);
    alloc_copy(l, RCX, i->b);
    enum x64_reg t = alloc_scratch(l);
    alloc_copy(l, t, i->a);
    x64_shift_cl(e, op, w, t);
    if (sx)
        x64_sx(e, t, t, 4);
    alloc_result(l, t);
}

/* --- one operand --- */

static void extend(struct lower *l, bool is_signed, unsigned size)
{
    const struct ir_insn *i = insn(l);
    if (is_signed && l->val[i->a].sign) {
        alloc_rename(l, i->a);
        return;
    }
    if (l->val[i->a].kind == LOC_SLOT && l->val[i->a].last == l->at) {
        struct x64_mem m = at_slot(l, l->val[i->a].slot);
        enum x64_reg d = alloc_dst(l);
        if (is_signed)
            x64_load_sx(&l->e, d, m, size);
        else
            x64_load_zx(&l->e, d, m, size);
        return;
    }
    enum x64_reg a = alloc_use(l, i->a);
    enum x64_reg d = alloc_dst(l);
    if (is_signed)
        x64_sx(&l->e, d, a, size);
    else
        x64_zx(&l->e, d, a, size);
}

/* Counts: by their own instruction, or by a scan that leaves 0 to a constant. */
static void count_zeros(struct lower *l, bool leading, unsigned w)
{
    const struct ir_insn *i = insn(l);
    struct x64_buf *e = &l->e;
    unsigned width = w ? 64 : 32;
    enum x64_reg a = alloc_use(l, i->a);
    if (leading ? x64_cpu()->lzcnt : x64_cpu()->bmi1) {
        x64_bits(e, leading ? X64_LZCNT : X64_TZCNT, w, alloc_dst(l), a);
        return;
    }
    enum x64_reg t = alloc_scratch(l);
    x64_mov_imm(e, t, leading ? 2 * width - 1 : width);
    x64_test(e, w, a, a);
    uint8_t *zero = x64_jcc8(e, CC_E);
    x64_bits(e, leading ? X64_BSR : X64_BSF, w, t, a);
    x64_patch8(e, zero);
    if (leading)
        x64_alu_imm(e, ALU_XOR, 0, t, (int32_t)width - 1);
    alloc_result(l, t);
}

/* Adding neighbouring fields of 1, 2, 4 bits, then all bytes by a multiplication. */
static void popcnt(struct lower *l)
{
    struct x64_buf *e = &l->e;
    const struct ir_insn *i = insn(l);
    if (x64_cpu()->popcnt) {
        enum x64_reg a = alloc_use(l, i->a);
        x64_bits(e, X64_POPCNT, X64_W, alloc_dst(l), a);
        return;
    }
    static const uint64_t masks[3] = {0x5555555555555555, 0x3333333333333333, 0x0f0f0f0f0f0f0f0f};
    enum x64_reg t = alloc_scratch(l), u = alloc_scratch(l), m = alloc_scratch(l);
    alloc_copy(l, t, i->a);
    for (unsigned n = 0; n < 3; n++) {
        x64_mov_imm(e, m, masks[n]);
        x64_mov(e, u, t);
        x64_shift_imm(e, SH_SHR, X64_W, u, 1u << n);
        x64_alu(e, ALU_AND, X64_W, u, m);
        x64_alu(e, ALU_AND, X64_W, t, m);
        x64_alu(e, ALU_ADD, X64_W, t, u);
    }
    x64_mov_imm(e, m, 0x0101010101010101);
    x64_imul(e, X64_W, t, m);
    x64_shift_imm(e, SH_SHR, X64_W, t, 56);
    alloc_result(l, t);
}

/* xmm14 and xmm15 are nobody's. */
static void bytemask(struct lower *l)
{
    struct x64_buf *e = &l->e;
    enum x64_reg a = alloc_use(l, insn(l)->a);
    x64_movq_to_xmm(e, 14, a);
    x64_sse(e, 0x66000fefu, 15, 15); /* pxor */
    x64_sse(e, 0x66000f74u, 14, 15); /* pcmpeqb */
    enum x64_reg d = alloc_dst(l);
    x64_movq_from_xmm(e, d, 14);
    x64_unary(e, UN_NOT, X64_W, d);
}

static void bswap(struct lower *l)
{
    enum x64_reg d = dst_of(l, insn(l)->a, NULL);
    x64_bswap(&l->e, d);
}

/* --- comparisons --- */

static enum x64_cond condition_of(unsigned op)
{
    switch (op) {
    case IR_eq:
        return CC_E;
    case IR_ne:
        return CC_NE;
    case IR_lts:
        return CC_L;
    case IR_ges:
        return CC_GE;
    case IR_ltu:
        return CC_B;
    default:
        return CC_AE;
    }
}

static enum x64_cond condition_swapped(enum x64_cond cc)
{
    switch (cc) {
    case CC_L:
        return CC_G;
    case CC_GE:
        return CC_LE;
    case CC_B:
        return CC_A;
    case CC_AE:
        return CC_BE;
    default:
        return cc;
    }
}

/* Flags of a comparison; which condition says that it holds. */
static enum x64_cond compare(struct lower *l, const struct ir_insn *i)
{
    enum x64_cond cc = condition_of(i->op);
    ir_ref a = i->a, b = i->b;
    int64_t k;
    bool small = alloc_const(l, b, &k) && x64_fits32(k);
    if (alloc_const(l, a, &k) || (alloc_from_memory(l, a) && !small)) {
        swap_refs(&a, &b);
        cc = condition_swapped(cc);
        small = alloc_const(l, b, &k) && x64_fits32(k);
    }
    if (alloc_from_memory(l, a) && small) {
        x64_alu_mem_imm(&l->e, ALU_CMP, X64_W, alloc_operand(l, a).mem, (int32_t)k);
        return cc;
    }
    if (small && k == 0 && (cc == CC_E || cc == CC_NE || cc == CC_L || cc == CC_GE)) {
        enum x64_reg r = alloc_use(l, a);
        x64_test(&l->e, X64_W, r, r);
        return cc == CC_L ? CC_S : cc == CC_GE ? CC_NS : cc;
    }
    enum x64_reg r = alloc_use(l, a);
    struct opnd o = alloc_operand(l, b);
    alu_operand(l, ALU_CMP, X64_W, r, &o);
    return cc;
}

enum x64_cond isel_condition(struct lower *l, ir_ref v)
{
    if (l->val[v].kind == LOC_FUSED)
        return compare(l, &l->b->insns[v]);
    enum x64_reg r = alloc_use(l, v);
    x64_test(&l->e, X64_W, r, r);
    return CC_NE;
}

static void set_condition(struct lower *l)
{
    enum x64_cond cc = compare(l, insn(l));
    enum x64_reg d = alloc_dst(l);
    x64_setcc(&l->e, cc, d);
    x64_zx(&l->e, d, d, 1);
}

static void select_value(struct lower *l)
{
    const struct ir_insn *i = insn(l);
    enum x64_cond cc = isel_condition(l, i->a);
    alloc_release(l); /* what follows moves and loads, which keep the flags */
    enum x64_reg yes = alloc_use(l, i->b);
    enum x64_reg t = alloc_scratch(l);
    alloc_copy(l, t, i->c);
    x64_cmov(&l->e, cc, t, yes);
    alloc_result(l, t);
}

static void min_max(struct lower *l, enum x64_cond cc)
{
    const struct ir_insn *i = insn(l);
    enum x64_reg a = alloc_use(l, i->a), b = alloc_use(l, i->b);
    enum x64_reg t = alloc_scratch(l);
    x64_mov(&l->e, t, b);
    x64_alu(&l->e, ALU_CMP, X64_W, a, b);
    x64_cmov(&l->e, cc, t, a);
    alloc_result(l, t);
}

/* --- C functions --- */

/*
 * Arguments go through struct jit_hart; a routine saves homes, calls, and brings
 * back what C may have destroyed.
 */
static void call(struct lower *l)
{
    const struct ir_insn *i = insn(l);
    const struct ir_helper *fn = &l->g->ir->helpers[i->index];
    const struct ir_insn *point = &l->b->insns[i->point];
    unsigned n = fn->args;
    for (ir_ref a = i->a; a; a = l->b->insns[a].b) {
        struct x64_mem to = at_jit(l, offsetof(struct jit_hart, args) + 8 * --n);
        struct opnd o = alloc_operand(l, l->b->insns[a].a);
        if (o.kind == OPND_IMM) {
            x64_store_imm(&l->e, to, o.imm, 8);
            continue;
        }
        x64_store(&l->e, to, o.kind == OPND_REG ? o.reg : alloc_use(l, l->b->insns[a].a));
        alloc_release(l);
    }
    if (fn->flags & IR_CALL_REGS)
        alloc_clobber_all(l);
    alloc_spill_temps(l);
    lower_call(l, fn->flags & IR_CALL_REGS ? CALL_HELPER_REGS : CALL_HELPER, lower_point(l, point),
               i->index);
    l->free &= ~X64_BIT(RAX);
    l->scratch |= X64_BIT(RAX);
    if (l->val[l->at].uses)
        alloc_result(l, RAX);
}

/* --- all of them --- */

static void set_kind(struct lower *l, enum loc_kind kind)
{
    l->val[l->at].kind = (uint8_t)kind;
}

/*
 * Whether the instruction sees no bits of floating-point registers but those that it asks for; a
 * select asks while the host's flags are in use.
 */
static bool sees_no_bits(const struct lower *l, const struct ir_insn *i)
{
    if (i->op == IR_call)
        return fp_is_inline(l, i);
    if (i->op == IR_point || i->op == IR_arg || i->op == IR_load || i->op == IR_store)
        return true;
    return (ir_ops[i->op].flags & IR_PURE && i->op != IR_select) || i->op == IR_slot_get ||
           i->op == IR_slot_set;
}

void isel_insn(struct lower *l)
{
    const struct ir_insn *i = insn(l);
    if (l->val[l->at].kind == LOC_FUSED)
        return;
    if ((ir_ops[i->op].flags & IR_PURE || i->op == IR_slot_get) && !l->val[l->at].uses)
        return;
    if (l->unsettled.is && !sees_no_bits(l, i))
        fp_settle(l);
    switch ((enum ir_op)i->op) {
    case IR_start:
    case IR_nop:
    case IR_point:
    case IR_arg:
        return; /* took nothing, so there is nothing to release */
    case IR_const:
        set_kind(l, LOC_CONST);
        return;
    case IR_pc:
        set_kind(l, LOC_PC);
        return;
    case IR_slot_get:
        alloc_slot_get(l, i->index);
        break;
    case IR_slot_set:
        alloc_slot_set(l, i->index, i->a);
        break;
    case IR_add:
        alu(l, ALU_ADD);
        break;
    case IR_sub:
        alu(l, ALU_SUB);
        break;
    case IR_and:
        alu(l, ALU_AND);
        break;
    case IR_or:
        alu(l, ALU_OR);
        break;
    case IR_xor:
        alu(l, ALU_XOR);
        break;
    case IR_mul:
        mul(l);
        break;
    case IR_mulhu:
        mul_high(l, false, false);
        break;
    case IR_mulhs:
        mul_high(l, true, false);
        break;
    case IR_mulhsu:
        mul_high(l, false, true);
        break;
    case IR_divu:
        divide(l, false, false, X64_W);
        break;
    case IR_remu:
        divide(l, false, true, X64_W);
        break;
    case IR_divs:
        divide(l, true, false, X64_W);
        break;
    case IR_rems:
        divide(l, true, true, X64_W);
        break;
    case IR_divu32:
        divide(l, false, false, 0);
        break;
    case IR_remu32:
        divide(l, false, true, 0);
        break;
    case IR_divs32:
        divide(l, true, false, 0);
        break;
    case IR_rems32:
        divide(l, true, true, 0);
        break;
    case IR_shl:
        shift(l, SH_SHL, X64_W);
        break;
    case IR_shr:
        shift(l, SH_SHR, X64_W);
        break;
    case IR_sar:
        shift(l, SH_SAR, X64_W);
        break;
    case IR_rotl:
        shift(l, SH_ROL, X64_W);
        break;
    case IR_rotr:
        shift(l, SH_ROR, X64_W);
        break;
    case IR_shl32:
        shift(l, SH_SHL, 0);
        break;
    case IR_shr32:
        shift(l, SH_SHR, 0);
        break;
    case IR_sar32:
        shift(l, SH_SAR, 0);
        break;
    case IR_rotl32:
        shift(l, SH_ROL, 0);
        break;
    case IR_rotr32:
    case IR_rotrs32:
        shift(l, SH_ROR, 0);
        break;
    case IR_sx8:
        extend(l, true, 1);
        break;
    case IR_sx16:
        extend(l, true, 2);
        break;
    case IR_sx32:
        extend(l, true, 4);
        break;
    case IR_zx8:
        extend(l, false, 1);
        break;
    case IR_zx16:
        extend(l, false, 2);
        break;
    case IR_zx32:
        extend(l, false, 4);
        break;
    case IR_clz:
        count_zeros(l, true, X64_W);
        break;
    case IR_ctz:
        count_zeros(l, false, X64_W);
        break;
    case IR_clz32:
        count_zeros(l, true, 0);
        break;
    case IR_ctz32:
        count_zeros(l, false, 0);
        break;
    case IR_popcnt:
        popcnt(l);
        break;
    case IR_bswap:
        bswap(l);
        break;
    case IR_bytemask:
        bytemask(l);
        break;
    case IR_eq:
    case IR_ne:
    case IR_lts:
    case IR_ges:
    case IR_ltu:
    case IR_geu:
        set_condition(l);
        break;
    case IR_mins:
        min_max(l, CC_L);
        break;
    case IR_maxs:
        min_max(l, CC_G);
        break;
    case IR_minu:
        min_max(l, CC_B);
        break;
    case IR_maxu:
        min_max(l, CC_A);
        break;
    case IR_select:
        select_value(l);
        break;
    case IR_load:
    case IR_store:
    case IR_amo:
    case IR_cas:
    case IR_lr:
    case IR_sc:
        access_insn(l, i);
        break;
    case IR_fence: /* lower_insns() */
        break;
    case IR_call:
        if (!fp_inline(l, i))
            call(l);
        break;
    case IR_trap_if:
    case IR_trap:
    case IR_exit_if:
    case IR_exit:
    case IR_exit_to:
        exits_insn(l, i);
        break;
    default:
        BUG("no code for operation %u", i->op);
    }
    alloc_end_insn(l);
}
