/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass fold: what constants decide.  One walk forward; each instruction is
 * rewritten by the rule that fits until none does.
 *
 * An instruction becomes a constant, an earlier value or another operation;
 * none is inserted, for there is no room between them.  So a rule that needs a
 * constant which the block lacks changes the constant operand itself, where
 * this instruction is its only user, as it is in what translators write;
 * otherwise the rule does not apply.  That is why this pass runs before equal
 * constants become one (cse).
 *
 * A constant operand of an operation that commutes is b.  Subtractions of
 * constants are additions.
 *
 * Rules that look through an operand at what it is made of are good for nothing
 * if the operand has other users and what it is made of lives on for this one
 * only: after `addi sp, sp, -64` an address is better a distance from the new sp
 * than from the old one, which would need a register of its own.  See at_hand().
 */
#include "jit/pass.h"

#include <string.h>

struct fold {
    struct ir_block *b;
    struct ir_insn *i; /* the instruction looked at */
    unsigned at;       /* its index */
    struct ir_held held;
    uint16_t uses[IR_PASS_MAX];
};

/* --- looking --- */

static const struct ir_insn *insn_of(const struct fold *f, ir_ref ref)
{
    return &f->b->insns[ref];
}

static bool is_const(const struct fold *f, ir_ref ref, uint64_t *k)
{
    const struct ir_insn *i = insn_of(f, ref);
    if (i->op != IR_const)
        return false;
    *k = i->imm;
    return true;
}

/* Whether ref is op(x, k). */
static bool is_op_k(const struct fold *f, ir_ref ref, enum ir_op op, ir_ref *x, uint64_t *k)
{
    const struct ir_insn *i = insn_of(f, ref);
    if (i->op != op || !is_const(f, i->b, k))
        return false;
    *x = i->a;
    return true;
}

/* Whether a value needs no register for being used here: it is still in its slot, or no variable.
 */
static bool is_home(const struct fold *f, ir_ref ref)
{
    const struct ir_insn *i = insn_of(f, ref);
    return !ref || i->op == IR_const ||
           (i->op == IR_slot_get && ir_held_get(&f->held, i->index) == ref);
}

/* Whether the operands of ref are as good as ref itself: only the current instruction uses it, or
 * they are there anyway. */
static bool at_hand(const struct fold *f, ir_ref ref)
{
    const struct ir_insn *i = insn_of(f, ref);
    return f->uses[ref] == 1 || (is_home(f, i->a) && is_home(f, i->b));
}

static bool is_comparison(enum ir_op op)
{
    return op >= IR_eq && op <= IR_geu;
}

/* Shifts and rotations, first those of 64 bits. */
static bool is_shift(enum ir_op op)
{
    return op >= IR_shl && op <= IR_rotr32;
}

static unsigned shift_width(enum ir_op op)
{
    return op >= IR_shl32 ? 32 : 64;
}

/* Whether ref is the shift or rotation op(x, k); k is below its width. */
static bool is_shift_k(const struct fold *f, ir_ref ref, enum ir_op op, ir_ref *x, uint64_t *k)
{
    if (!is_op_k(f, ref, op, x, k))
        return false;
    *k &= shift_width(op) - 1;
    return true;
}

/* --- rewriting; all return true --- */

/* The instruction becomes this pure one. */
static bool become(struct fold *f, struct ir_insn new)
{
    f->uses[new.a]++;
    f->uses[new.b]++;
    f->uses[new.c]++;
    f->uses[f->i->a]--;
    f->uses[f->i->b]--;
    f->uses[f->i->c]--;
    *f->i = new;
    return true;
}

static bool become_op(struct fold *f, enum ir_op op, ir_ref a, ir_ref b)
{
    return become(f, (struct ir_insn){.op = (uint8_t)op, .a = a, .b = b});
}

static bool become_const(struct fold *f, uint64_t k)
{
    ir_forget_others(f->b, f->i, IR_NONE);
    return become(f, (struct ir_insn){.op = IR_const, .imm = k});
}

static bool become_value(struct fold *f, ir_ref ref)
{
    ir_forget_others(f->b, f->i, ref);
    f->uses[ref] = (uint16_t)(f->uses[ref] + f->uses[f->at]);
    become(f, (struct ir_insn){.op = IR_nop});
    ir_replace(f->b, f->at, ref);
    return true;
}

/* An operand becomes another one. */
static bool take(struct fold *f, ir_ref *operand, ir_ref ref)
{
    f->uses[ref]++;
    f->uses[*operand]--;
    *operand = ref;
    return true;
}

/* op(x, k), if the constant operand can be k: false if it is another and others use it. */
static bool become_op_k(struct fold *f, enum ir_op op, ir_ref x, ir_ref constant, uint64_t k)
{
    struct ir_insn *c = &f->b->insns[constant];
    if (c->imm != k && f->uses[constant] != 1)
        return false;
    c->imm = k;
    return become_op(f, op, x, constant);
}

/* --- arithmetic --- */

static bool fold_add(struct fold *f, uint64_t k)
{
    const struct ir_insn *i = f->i, *a = insn_of(f, i->a);
    ir_ref x;
    uint64_t k1;
    if (!k)
        return become_value(f, i->a);
    if (is_op_k(f, i->a, IR_add, &x, &k1) && at_hand(f, i->a))
        return become_op_k(f, IR_add, x, i->b, k1 + k);
    if (a->op == IR_sub && is_const(f, a->a, &k1) && f->uses[i->b] == 1 &&
        at_hand(f, i->a)) { /* (k1 - y) + k */
        ir_ref y = a->b;
        f->b->insns[i->b].imm = k1 + k;
        return become_op(f, IR_sub, i->b, y);
    }
    int64_t disp = (int64_t)((uint64_t)(int64_t)a->disp + k);
    if (a->op == IR_pc && disp == (int32_t)disp)
        return become(f, (struct ir_insn){.op = IR_pc, .disp = (int32_t)disp});
    return false;
}

static bool fold_mul(struct fold *f, uint64_t k)
{
    ir_ref a = f->i->a, constant = f->i->b;
    if (!k)
        return become_value(f, constant);
    if (k == 1)
        return become_value(f, a);
    return is_pow2(k) && become_op_k(f, IR_shl, a, constant, (uint64_t)__builtin_ctzll(k));
}

/* Unsigned, by a constant; 32: of the low halves. */
static bool fold_div(struct fold *f, uint64_t k, bool narrow)
{
    ir_ref a = f->i->a, constant = f->i->b;
    if (narrow)
        k = (uint32_t)k;
    return is_pow2(k) &&
           become_op_k(f, narrow ? IR_shr32 : IR_shr, a, constant, (uint64_t)__builtin_ctzll(k));
}

static bool fold_rem(struct fold *f, uint64_t k, bool narrow)
{
    ir_ref a = f->i->a, constant = f->i->b;
    if (narrow)
        k = (uint32_t)k;
    return is_pow2(k) && become_op_k(f, IR_and, a, constant, k - 1);
}

/* --- bits --- */

/* The extension from below that keeps just the bits of mask, or IR_nop. */
static enum ir_op zx_of(uint64_t mask)
{
    return mask == 0xff ? IR_zx8 : mask == 0xffff ? IR_zx16 : mask == 0xffffffff ? IR_zx32 : IR_nop;
}

static uint64_t zx_mask(enum ir_op op)
{
    switch (op) {
    case IR_zx8:
        return 0xff;
    case IR_zx16:
        return 0xffff;
    case IR_zx32:
        return 0xffffffff;
    default:
        return 0;
    }
}

/* A mask of address bits that every block's address has 0. */
static bool fold_and_pc(struct fold *f, int32_t disp, uint64_t k)
{
    uint64_t below_align = f->b->guest->pc_align ? f->b->guest->pc_align - 1 : 0;
    if (~k & ~below_align)
        return false;
    return become(f, (struct ir_insn){.op = IR_pc, .disp = disp & (int32_t)k});
}

static bool fold_and(struct fold *f, uint64_t k)
{
    ir_ref a = f->i->a, constant = f->i->b, x;
    uint64_t k1, narrow = zx_mask((enum ir_op)insn_of(f, a)->op);
    if (!k)
        return become_value(f, constant);
    if (!~k)
        return become_value(f, a);
    if (narrow && !(narrow & ~k))
        return become_value(f, a);
    if (narrow)
        return become_op_k(f, IR_and, insn_of(f, a)->a, constant, k & narrow);
    if (is_op_k(f, a, IR_and, &x, &k1))
        return become_op_k(f, IR_and, x, constant, k1 & k);
    if (is_op_k(f, a, IR_or, &x, &k1)) {
        if ((k1 & k) == k)
            return become_value(f, constant);
        if (!(k1 & k))
            return take(f, &f->i->a, x);
    }
    if (insn_of(f, a)->op == IR_pc)
        return fold_and_pc(f, insn_of(f, a)->disp, k);
    return zx_of(k) != IR_nop && become_op(f, zx_of(k), a, IR_NONE);
}

static bool fold_or(struct fold *f, uint64_t k)
{
    ir_ref a = f->i->a, constant = f->i->b, x;
    uint64_t k1;
    if (!k)
        return become_value(f, a);
    if (!~k)
        return become_value(f, constant);
    if (is_op_k(f, a, IR_or, &x, &k1)) {
        if ((k1 | k) == k1)
            return become_value(f, a);
        return become_op_k(f, IR_or, x, constant, k1 | k);
    }
    if (is_op_k(f, a, IR_and, &x, &k1) && !~(k1 | k))
        return take(f, &f->i->a, x);
    return false;
}

/* The comparison that holds where op does not. */
static enum ir_op inverse(enum ir_op op)
{
    switch (op) {
    case IR_eq:
        return IR_ne;
    case IR_ne:
        return IR_eq;
    case IR_lts:
        return IR_ges;
    case IR_ges:
        return IR_lts;
    case IR_ltu:
        return IR_geu;
    default:
        return IR_ltu;
    }
}

/* The instruction becomes the opposite of the comparison ref. */
static bool become_inverse(struct fold *f, ir_ref ref)
{
    const struct ir_insn *cmp = insn_of(f, ref);
    return become_op(f, inverse((enum ir_op)cmp->op), cmp->a, cmp->b);
}

static bool fold_xor(struct fold *f, uint64_t k)
{
    ir_ref a = f->i->a, constant = f->i->b, x;
    uint64_t k1;
    if (!k)
        return become_value(f, a);
    if (is_op_k(f, a, IR_xor, &x, &k1) && at_hand(f, a))
        return become_op_k(f, IR_xor, x, constant, k1 ^ k);
    return k == 1 && is_comparison((enum ir_op)insn_of(f, a)->op) && at_hand(f, a) &&
           become_inverse(f, a);
}

/* --- shifts; k is below the width --- */

static bool fold_shl(struct fold *f, uint64_t k)
{
    ir_ref a = f->i->a, constant = f->i->b, x;
    uint64_t k1;
    if (is_shift_k(f, a, IR_shl, &x, &k1) && k1 + k > 63)
        return become_const(f, 0);
    if (is_shift_k(f, a, IR_shl, &x, &k1))
        return become_op_k(f, IR_shl, x, constant, k1 + k);
    if (is_shift_k(f, a, IR_shr, &x, &k1) && k1 == k)
        return become_op_k(f, IR_and, x, constant, ~0ull << k);
    return false;
}

static bool fold_shr(struct fold *f, uint64_t k)
{
    ir_ref a = f->i->a, constant = f->i->b, x;
    uint64_t k1;
    if (is_shift_k(f, a, IR_shr, &x, &k1) && k1 + k > 63)
        return become_const(f, 0);
    if (is_shift_k(f, a, IR_shr, &x, &k1))
        return become_op_k(f, IR_shr, x, constant, k1 + k);
    if (is_shift_k(f, a, IR_shl, &x, &k1) && k1 == k)
        return zx_of(~0ull >> k) != IR_nop ? become_op(f, zx_of(~0ull >> k), x, IR_NONE)
                                           : become_op_k(f, IR_and, x, constant, ~0ull >> k);
    if (is_shift_k(f, a, IR_shl, &x, &k1) && k1 == 32 && k > 32)
        return become_op_k(f, IR_shr32, x, constant, k - 32);
    if (insn_of(f, a)->op == IR_zx32)
        return k < 32 ? become_op(f, IR_shr32, insn_of(f, a)->a, constant) : become_const(f, 0);
    return false;
}

static bool fold_sar(struct fold *f, uint64_t k)
{
    ir_ref a = f->i->a, constant = f->i->b, x;
    uint64_t k1;
    if (is_shift_k(f, a, IR_sar, &x, &k1))
        return become_op_k(f, IR_sar, x, constant, min_u64(k1 + k, 63));
    if (!is_shift_k(f, a, IR_shl, &x, &k1) || k1 != k)
        return false;
    return k == 32   ? become_op(f, IR_sx32, x, IR_NONE)
           : k == 48 ? become_op(f, IR_sx16, x, IR_NONE)
           : k == 56 ? become_op(f, IR_sx8, x, IR_NONE)
                     : false;
}

/* What ref is made of, if only its low 32 bits count. */
static ir_ref low_of(const struct fold *f, ir_ref ref)
{
    const struct ir_insn *i = insn_of(f, ref);
    return i->op == IR_sx32 || i->op == IR_zx32 ? i->a : ref;
}

static bool fold_shr32(struct fold *f, uint64_t k)
{
    ir_ref x;
    uint64_t k1;
    if (!is_shift_k(f, low_of(f, f->i->a), IR_shl32, &x, &k1) || k1 != k)
        return false;
    uint64_t mask = UINT32_MAX >> k;
    return zx_of(mask) != IR_nop ? become_op(f, zx_of(mask), x, IR_NONE)
                                 : become_op_k(f, IR_and, x, f->i->b, mask);
}

/* sx32 of a left and then a right shift by 16 or 24. */
static bool fold_sx32(struct fold *f)
{
    ir_ref shifted, x;
    uint64_t k, k1;
    if (!is_shift_k(f, f->i->a, IR_sar32, &shifted, &k) ||
        !is_shift_k(f, low_of(f, shifted), IR_shl32, &x, &k1) || k != k1)
        return false;
    return k == 16   ? become_op(f, IR_sx16, x, IR_NONE)
           : k == 24 ? become_op(f, IR_sx8, x, IR_NONE)
                     : false;
}

/* A shift or rotation by k, whatever k is. */
static bool fold_shift(struct fold *f, uint64_t k)
{
    enum ir_op op = (enum ir_op)f->i->op;
    unsigned width = shift_width(op);
    if (!(k & (width - 1)))
        return width == 32 ? become_op(f, IR_zx32, f->i->a, IR_NONE) : become_value(f, f->i->a);
    if (k >= width)
        return become_op_k(f, op, f->i->a, f->i->b, k & (width - 1));
    switch (op) {
    case IR_shl:
        return fold_shl(f, k);
    case IR_shr:
        return fold_shr(f, k);
    case IR_sar:
        return fold_sar(f, k);
    case IR_shr32:
        return fold_shr32(f, k);
    default:
        return false;
    }
}

/* --- comparisons --- */

/* eq (or ne, if not equal) of x and k. */
static bool fold_eq(struct fold *f, uint64_t k, bool equal)
{
    ir_ref a = f->i->a, constant = f->i->b, x;
    const struct ir_insn *i = insn_of(f, a);
    enum ir_op op = (enum ir_op)f->i->op;
    uint64_t k1;
    if (is_comparison((enum ir_op)i->op)) {
        if (k > 1)
            return become_const(f, !equal);
        if (equal == (k == 1))
            return become_value(f, a);
        return at_hand(f, a) && become_inverse(f, a);
    }
    if (!at_hand(f, a))
        return false;
    if (!k && (i->op == IR_xor || i->op == IR_sub))
        return become_op(f, op, i->a, i->b);
    if (is_op_k(f, a, IR_add, &x, &k1))
        return become_op_k(f, op, x, constant, k - k1);
    if (is_op_k(f, a, IR_xor, &x, &k1))
        return become_op_k(f, op, x, constant, k ^ k1);
    return false;
}

static bool fold_ltu(struct fold *f, uint64_t k, bool less)
{
    if (!k)
        return become_const(f, !less);
    return k == 1 && become_op_k(f, less ? IR_eq : IR_ne, f->i->a, f->i->b, 0);
}

/* k < x and k >= x: the constant goes to the other side. */
static bool fold_k_below(struct fold *f, uint64_t k)
{
    enum ir_op op = (enum ir_op)f->i->op;
    ir_ref constant = f->i->a, x = f->i->b;
    bool is_signed = op == IR_lts || op == IR_ges;
    bool less = op == IR_lts || op == IR_ltu;
    if (!k && !is_signed)
        return become_op(f, less ? IR_ne : IR_eq, x, constant);
    if (k == (is_signed ? (uint64_t)INT64_MAX : UINT64_MAX))
        return become_const(f, !less);
    return become_op_k(f, inverse(op), x, constant, k + 1);
}

static bool fold_select(struct fold *f)
{
    const struct ir_insn *i = f->i, *cond = insn_of(f, i->a);
    uint64_t k, kb, kc;
    if (i->b == i->c)
        return become_value(f, i->b);
    if (cond->op == IR_const)
        return become_value(f, cond->imm ? i->b : i->c);
    if (is_op_k(f, i->a, IR_ne, &(ir_ref){0}, &k) && !k)
        return take(f, &f->i->a, cond->a);
    if (is_op_k(f, i->a, IR_eq, &(ir_ref){0}, &k) && !k)
        return become(f, (struct ir_insn){.op = IR_select, .a = cond->a, .b = i->c, .c = i->b});
    if (is_const(f, i->b, &kb) && is_const(f, i->c, &kc) && kb + kc == 1 && kb <= 1)
        return become_op(f, kb ? IR_ne : IR_eq, i->a, kb ? i->c : i->b);
    return false;
}

/* --- pure operations --- */

static bool fold_with_k(struct fold *f, uint64_t k)
{
    enum ir_op op = (enum ir_op)f->i->op;
    if (is_shift(op))
        return fold_shift(f, k);
    switch (op) {
    case IR_add:
        return fold_add(f, k);
    case IR_sub:
        return become_op_k(f, IR_add, f->i->a, f->i->b, 0 - k);
    case IR_mul:
        return fold_mul(f, k);
    case IR_divu:
    case IR_divu32:
        return fold_div(f, k, op == IR_divu32);
    case IR_remu:
    case IR_remu32:
        return fold_rem(f, k, op == IR_remu32);
    case IR_and:
        return fold_and(f, k);
    case IR_or:
        return fold_or(f, k);
    case IR_xor:
        return fold_xor(f, k);
    case IR_eq:
    case IR_ne:
        return fold_eq(f, k, op == IR_eq);
    case IR_ltu:
    case IR_geu:
        return fold_ltu(f, k, op == IR_ltu);
    default:
        return false;
    }
}

/* Both operands are the same value. */
static bool fold_same(struct fold *f)
{
    switch (f->i->op) {
    case IR_sub:
    case IR_xor:
    case IR_ne:
    case IR_lts:
    case IR_ltu:
        return become_const(f, 0);
    case IR_eq:
    case IR_ges:
    case IR_geu:
        return become_const(f, 1);
    case IR_and:
    case IR_or:
    case IR_mins:
    case IR_maxs:
    case IR_minu:
    case IR_maxu:
        return become_value(f, f->i->a);
    default:
        return false;
    }
}

/* The first operand alone is a constant, of an operation that does not commute. */
static bool fold_k_first(struct fold *f, uint64_t k)
{
    enum ir_op op = (enum ir_op)f->i->op;
    if (is_comparison(op))
        return fold_k_below(f, k);
    return !k && is_shift(op) && become_const(f, 0);
}

/*
 * Two shifts in opposite directions whose distances add up to the width, and what is shifted out of
 * one is shifted in by the other: a rotation, as compilers write it for processors without.  up is
 * the shift to the left; of 32 bits it is sign-extended, or not, and so is the result.
 */
static bool fold_rotation(struct fold *f, ir_ref up, ir_ref down)
{
    ir_ref x, y;
    uint64_t k, j;
    if (is_shift_k(f, up, IR_shl, &x, &k) && is_shift_k(f, down, IR_shr, &y, &j))
        return x == y && k + j == 64 && become_op(f, IR_rotr, x, insn_of(f, down)->b);
    bool sx = insn_of(f, up)->op == IR_sx32;
    if (sx)
        up = insn_of(f, up)->a;
    if (insn_of(f, down)->op == IR_sx32) /* bit 31 is 0: j is not */
        down = insn_of(f, down)->a;
    return is_shift_k(f, up, IR_shl32, &x, &k) && is_shift_k(f, down, IR_shr32, &y, &j) && x == y &&
           k + j == 32 && become_op(f, sx ? IR_rotrs32 : IR_rotr32, x, insn_of(f, down)->b);
}

static bool is_union(enum ir_op op)
{
    return op == IR_or || op == IR_xor || op == IR_add;
}

static bool fold_2(struct fold *f)
{
    const struct ir_insn *i = f->i;
    uint64_t ka, kb;
    bool a = is_const(f, i->a, &ka), b = is_const(f, i->b, &kb);
    if (a && b)
        return become_const(f, ir_fold((enum ir_op)i->op, ka, kb, 0));
    if (i->a == i->b)
        return fold_same(f);
    if (a && ir_commutes((enum ir_op)i->op))
        return become_op(f, (enum ir_op)i->op, i->b, i->a);
    if (a)
        return fold_k_first(f, ka);
    if (b)
        return fold_with_k(f, kb);
    return is_union((enum ir_op)i->op) &&
           (fold_rotation(f, i->a, i->b) || fold_rotation(f, i->b, i->a));
}

static bool fold_1(struct fold *f)
{
    uint64_t k;
    if (is_const(f, f->i->a, &k))
        return become_const(f, ir_fold((enum ir_op)f->i->op, k, 0, 0));
    return f->i->op == IR_sx32 && fold_sx32(f);
}

/* --- what is not pure --- */

static bool fold_address(struct fold *f)
{
    ir_ref x;
    uint64_t k;
    if (!is_op_k(f, f->i->a, IR_add, &x, &k) || !at_hand(f, f->i->a))
        return false;
    int64_t disp = (int64_t)((uint64_t)(int64_t)f->i->disp + k);
    if (disp != (int32_t)disp)
        return false;
    f->i->disp = (int32_t)disp;
    return take(f, &f->i->a, x);
}

/* A condition counts only as zero or not. */
static bool fold_condition(struct fold *f, ir_ref *cond)
{
    ir_ref x;
    uint64_t k;
    return is_op_k(f, *cond, IR_ne, &x, &k) && !k && take(f, cond, x);
}

/* The block ends here. */
static bool end_with(struct fold *f, enum ir_op op)
{
    f->i->op = (uint8_t)op;
    f->b->count = f->at + 1;
    return false;
}

static bool fold_exit_if(struct fold *f)
{
    uint64_t k;
    if (!is_const(f, f->i->a, &k))
        return fold_condition(f, &f->i->a);
    if (!k)
        return become_value(f, IR_NONE);
    take(f, &f->i->a, IR_NONE);
    return end_with(f, IR_exit);
}

static bool fold_trap_if(struct fold *f)
{
    uint64_t k;
    if (!is_const(f, f->i->b, &k))
        return fold_condition(f, &f->i->b);
    if (!k)
        return become_value(f, IR_NONE);
    take(f, &f->i->b, IR_NONE);
    return end_with(f, IR_trap);
}

/* A target whose distance is known. */
static bool fold_exit_to(struct fold *f)
{
    const struct ir_insn *target = insn_of(f, f->i->a);
    if (target->op != IR_pc)
        return false;
    f->i->disp = target->disp & (int32_t)(int64_t)ir_pc_mask(f->b->guest);
    if (f->i->link == IR_LINK_RETURN)
        f->i->link = IR_LINK_NONE;
    take(f, &f->i->a, IR_NONE);
    return end_with(f, IR_exit);
}

/* --- the walk --- */

static bool fold_insn(struct fold *f)
{
    switch (f->i->op) {
    case IR_load:
    case IR_store:
    case IR_amo:
    case IR_cas:
    case IR_lr:
    case IR_sc:
        return fold_address(f);
    case IR_exit_if:
        return fold_exit_if(f);
    case IR_trap_if:
        return fold_trap_if(f);
    case IR_exit_to:
        return fold_exit_to(f);
    case IR_select:
        return fold_select(f);
    default:
        break;
    }
    if (!ir_computes((enum ir_op)f->i->op))
        return false;
    return f->i->b ? fold_2(f) : fold_1(f);
}

static void count_uses(struct fold *f)
{
    memset(f->uses, 0, f->b->count * sizeof(f->uses[0]));
    for (unsigned at = 1; at < f->b->count; at++) {
        const struct ir_insn *i = &f->b->insns[at];
        if (i->op == IR_nop)
            continue;
        /* Not the uses of no operand: one would wait for the other. */
        if (i->a)
            f->uses[i->a]++;
        if (i->b)
            f->uses[i->b]++;
        if (i->c)
            f->uses[i->c]++;
    }
}

void ir_pass_fold(struct ir_block *b)
{
    struct fold f;
    f.b = b;
    f.held = (struct ir_held){{IR_NONE}};
    count_uses(&f);
    for (unsigned at = 1; at < b->count; at++) {
        f.at = at;
        f.i = &b->insns[at];
        ir_resolve_operands(b, f.i);
        while (fold_insn(&f))
            ;
        ir_held_step(&f.held, b, at);
    }
}
