/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass bits: extensions, masks and the like that change nothing (known bits) or
 * nothing that anybody looks at (demanded bits).
 *
 * Forward, for each value: which bits are 0 for certain, and how many of the
 * highest bits are equal for certain.  What follows from that is exact: an
 * instruction becomes an equal value.
 *
 * Backward, for each value: which bits its users look at.  An instruction that
 * leaves those alone becomes its operand, which may differ in the others.  Facts
 * of the first walk need not hold any more then, so this one uses none.
 */
#include "jit/pass.h"

#include <string.h>

#define HIGH_HALF 0xffffffff00000000

struct bits {
    struct ir_block *b;
    uint64_t mask[IR_PASS_MAX]; /* known zeros, then demanded bits */
    uint8_t sign[IR_PASS_MAX];  /* highest bits that are equal: 1 to 64 */
};

struct fact {
    uint64_t zero;
    unsigned sign;
};

/* --- masks --- */

static uint64_t low(unsigned n)
{
    return n >= 64 ? ~0ull : (1ull << n) - 1;
}

static uint64_t high(unsigned n)
{
    return ~low(64 - n);
}

/* Known zeros at the top and at the bottom. */
static unsigned leading(uint64_t zero)
{
    return ~zero ? (unsigned)__builtin_clzll(~zero) : 64;
}

static unsigned trailing(uint64_t zero)
{
    return ~zero ? (unsigned)__builtin_ctzll(~zero) : 64;
}

/* Everything up to the highest bit of m: what carries into it. */
static uint64_t up_to(uint64_t m)
{
    return m ? ~0ull >> __builtin_clzll(m) : 0;
}

static unsigned min_u(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned max_u(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* All ones in each byte where m has a bit. */
static uint64_t whole_bytes(uint64_t m)
{
    return ir_fold(IR_bytemask, m, 0, 0);
}

/* The bits that an extension keeps, or 0. */
static unsigned extension_width(enum ir_op op)
{
    switch (op) {
    case IR_sx8:
    case IR_zx8:
        return 8;
    case IR_sx16:
    case IR_zx16:
        return 16;
    case IR_sx32:
    case IR_zx32:
        return 32;
    default:
        return 0;
    }
}

static bool is_const(const struct bits *s, ir_ref ref, uint64_t *k)
{
    const struct ir_insn *i = &s->b->insns[ref];
    *k = i->op == IR_const ? i->imm : 0;
    return i->op == IR_const;
}

/* --- forward: what is known --- */

static struct fact fact_of_sum(struct fact a, struct fact b, bool sum)
{
    unsigned top = min_u(leading(a.zero), leading(b.zero));
    struct fact r = {low(min_u(trailing(a.zero), trailing(b.zero))), min_u(a.sign, b.sign) - 1};
    if (sum && top)
        r.zero |= high(top - 1);
    return r;
}

static struct fact fact_of_product(struct fact a, struct fact b)
{
    unsigned top = leading(a.zero) + leading(b.zero), sign = a.sign + b.sign;
    struct fact r = {low(min_u(trailing(a.zero) + trailing(b.zero), 64)), 1};
    if (top > 64)
        r.zero |= high(min_u(top - 64, 64));
    if (sign > 65)
        r.sign = sign - 65;
    return r;
}

/* A shift of a by k. */
static struct fact fact_of_shift(enum ir_op op, struct fact a, unsigned k)
{
    uint32_t a32 = (uint32_t)a.zero;
    switch (op) {
    case IR_shl:
        return (struct fact){a.zero << k | low(k), a.sign > k ? a.sign - k : 1};
    case IR_shr:
        return (struct fact){a.zero >> k | high(k), 1};
    case IR_sar:
        return (struct fact){(uint64_t)((int64_t)a.zero >> k), min_u(a.sign + k, 64)};
    case IR_shl32:
        return (struct fact){HIGH_HALF | (uint32_t)(a32 << (k & 31) | low(k & 31)), 1};
    case IR_shr32:
        return (struct fact){HIGH_HALF | ~(uint64_t)(UINT32_MAX >> (k & 31)) | a32 >> (k & 31), 1};
    default: /* sar32 */
        return (struct fact){HIGH_HALF | (uint32_t)((int32_t)a32 >> (k & 31)), 1};
    }
}

/* A shift of a by what is not known. */
static struct fact fact_of_any_shift(enum ir_op op, struct fact a)
{
    switch (op) {
    case IR_shl:
        return (struct fact){low(trailing(a.zero)), 1};
    case IR_shr:
        return (struct fact){high(leading(a.zero)), 1};
    case IR_sar:
        return (struct fact){high(leading(a.zero)), a.sign};
    default:
        return (struct fact){HIGH_HALF, 1};
    }
}

static struct fact fact_of_sx(struct fact a, unsigned width)
{
    uint64_t below = low(width - 1);
    bool positive = a.zero >> (width - 1) & 1;
    return (struct fact){(a.zero & below) | (positive ? ~below : 0), max_u(a.sign, 65 - width)};
}

static struct fact fact_of_load(unsigned size)
{
    return (struct fact){~low(8 * size), 1};
}

static struct fact fact_of(const struct bits *s, const struct ir_insn *i)
{
    struct fact a = {s->mask[i->a], s->sign[i->a]};
    struct fact b = {s->mask[i->b], s->sign[i->b]};
    uint64_t both = a.zero & b.zero, k;
    unsigned sign = min_u(a.sign, b.sign);
    switch (i->op) {
    case IR_const:
        return (struct fact){~i->imm, (unsigned)__builtin_clrsbll((long long)i->imm) + 1};
    case IR_slot_get:
        return fact_of_load(s->b->guest->slots[i->index].size);
    case IR_load:
    case IR_cas:
    case IR_lr:
        return fact_of_load(i->sub);
    case IR_amo:
        return fact_of_load(ir_amo_size(i->sub));
    case IR_sc:
        return (struct fact){~1ull, 1};
    case IR_add:
    case IR_sub:
        return fact_of_sum(a, b, i->op == IR_add);
    case IR_mul:
        return fact_of_product(a, b);
    case IR_mulhu:
        return (struct fact){high(min_u(leading(a.zero) + leading(b.zero), 64)), 1};
    case IR_remu:
        return (struct fact){high(leading(a.zero)), 1};
    case IR_and:
        return (struct fact){a.zero | b.zero, sign};
    case IR_or:
    case IR_xor:
    case IR_mins:
    case IR_maxs:
    case IR_maxu:
        return (struct fact){both, sign};
    case IR_minu:
        return (struct fact){both | high(max_u(leading(a.zero), leading(b.zero))), sign};
    case IR_shl:
    case IR_shr:
    case IR_sar:
    case IR_shl32:
    case IR_shr32:
    case IR_sar32:
        return is_const(s, i->b, &k) ? fact_of_shift((enum ir_op)i->op, a, k & 63)
                                     : fact_of_any_shift((enum ir_op)i->op, a);
    case IR_rotl32:
    case IR_rotr32:
    case IR_divu32:
    case IR_remu32:
    case IR_divs32:
    case IR_rems32:
        return (struct fact){HIGH_HALF, 1};
    case IR_rotrs32:
        return (struct fact){0, 33};
    case IR_sx8:
    case IR_sx16:
    case IR_sx32:
        return fact_of_sx(a, extension_width((enum ir_op)i->op));
    case IR_zx8:
    case IR_zx16:
    case IR_zx32:
        return (struct fact){a.zero | ~low(extension_width((enum ir_op)i->op)), 1};
    case IR_clz:
    case IR_ctz:
    case IR_popcnt:
        return (struct fact){~127ull, 1};
    case IR_clz32:
    case IR_ctz32:
        return (struct fact){~63ull, 1};
    case IR_bswap:
        return (struct fact){__builtin_bswap64(a.zero), 1};
    case IR_bytemask:
        return (struct fact){~whole_bytes(~a.zero), 8};
    case IR_eq:
    case IR_ne:
    case IR_lts:
    case IR_ges:
    case IR_ltu:
    case IR_geu:
        return (struct fact){~1ull, 1};
    case IR_select:
        return (struct fact){b.zero & s->mask[i->c], min_u(b.sign, s->sign[i->c])};
    default:
        return (struct fact){0, 1};
    }
}

/* Zeros at the top are equal bits, and bits equal to a zero are zeros. */
static void learn(struct bits *s, unsigned at)
{
    struct fact f = fact_of(s, &s->b->insns[at]);
    unsigned sign = max_u(max_u(f.sign, leading(f.zero)), 1);
    s->mask[at] = f.zero >> 63 ? f.zero | high(sign) : f.zero;
    s->sign[at] = (uint8_t)sign;
}

/* --- forward: what follows --- */

static bool known_unchanged(const struct bits *s, const struct ir_insn *i)
{
    uint64_t zero = s->mask[i->a], k;
    unsigned width = extension_width((enum ir_op)i->op);
    switch (i->op) {
    case IR_zx8:
    case IR_zx16:
    case IR_zx32:
        return !~(zero | low(width));
    case IR_sx8:
    case IR_sx16:
    case IR_sx32:
        return s->sign[i->a] >= 65 - width;
    case IR_and:
        return is_const(s, i->b, &k) && !~(zero | k);
    case IR_ne: /* of 0 or 1 */
        return is_const(s, i->b, &k) && !k && !~(zero | 1);
    case IR_eq:
        return is_const(s, i->b, &k) && k == 1 && !~(zero | 1);
    default:
        return false;
    }
}

/* A sign that is known to be 0 is no sign. */
static void drop_sign(const struct bits *s, struct ir_insn *i)
{
    unsigned width = extension_width((enum ir_op)i->op);
    if (!width || !(s->mask[i->a] >> (width - 1) & 1))
        return;
    i->op = width == 8 ? IR_zx8 : width == 16 ? IR_zx16 : IR_zx32;
}

static void forward(struct bits *s)
{
    s->mask[0] = 0;
    s->sign[0] = 1;
    for (unsigned at = 1; at < s->b->count; at++) {
        struct ir_insn *i = &s->b->insns[at];
        ir_resolve_operands(s->b, i);
        if (ir_ops[i->op].result != IR_TYPE_I64)
            continue;
        if (known_unchanged(s, i)) {
            ir_replace(s->b, at, i->a);
            continue;
        }
        drop_sign(s, i);
        learn(s, at);
        if (!~s->mask[at] && ir_computes((enum ir_op)i->op)) {
            ir_forget_others(s->b, i, IR_NONE);
            *i = (struct ir_insn){.op = IR_const};
        }
    }
}

/* --- backward: who looks at what --- */

/* Whether the bits d of the result are those of operand a. */
static bool demand_unchanged(const struct bits *s, const struct ir_insn *i, uint64_t d)
{
    unsigned width = extension_width((enum ir_op)i->op);
    uint64_t k;
    if (width)
        return !(d & ~low(width));
    if (!is_const(s, i->b, &k))
        return false;
    switch (i->op) {
    case IR_and:
        return !(d & ~k);
    case IR_or:
    case IR_xor:
        return !(d & k);
    case IR_add:
    case IR_sub:
        return !(up_to(d) & k);
    default:
        return false;
    }
}

static uint64_t demand_of_sx(uint64_t d, unsigned width)
{
    return (d & low(width)) | (d & ~low(width) ? 1ull << (width - 1) : 0);
}

/* What a shift by k looks at, if d of its result is looked at. */
static uint64_t demand_of_shift(enum ir_op op, uint64_t d, unsigned k)
{
    uint32_t d32 = (uint32_t)d;
    switch (op) {
    case IR_shl:
        return d >> k;
    case IR_shr:
        return d << k;
    case IR_sar:
        return d << k | (d & high(k) ? 1ull << 63 : 0);
    case IR_shl32:
        return d32 >> (k & 31);
    case IR_shr32:
        return (uint32_t)(d32 << (k & 31));
    case IR_sar32:
        return (uint32_t)(d32 << (k & 31)) | (k & 31 ? 1ull << 31 : 0);
    case IR_rotl:
        return ir_fold(IR_rotr, d, k, 0);
    case IR_rotr:
        return ir_fold(IR_rotl, d, k, 0);
    case IR_rotl32:
        return ir_fold(IR_rotr32, d, k, 0);
    default: /* rotr32 */
        return ir_fold(IR_rotl32, d, k, 0);
    }
}

static void look_at(struct bits *s, ir_ref ref, uint64_t d)
{
    if (ref) /* no operand: one would wait for the other */
        s->mask[ref] |= d;
}

static void shift_looks(struct bits *s, const struct ir_insn *i, uint64_t d)
{
    enum ir_op op = (enum ir_op)i->op;
    bool narrow = op >= IR_shl32;
    uint64_t all = narrow ? UINT32_MAX : ~0ull, k;
    if (is_const(s, i->b, &k))
        look_at(s, i->a, demand_of_shift(op, d, k & 63));
    else
        look_at(s, i->a, op == IR_shl || op == IR_shl32 ? up_to(d & all) : all);
    look_at(s, i->b, narrow ? 31 : 63);
}

/* The operands of a pure operation of whose result d is looked at. */
static void pure_looks(struct bits *s, const struct ir_insn *i, uint64_t d)
{
    uint64_t a = ~0ull, b = ~0ull, c = ~0ull, k;
    switch (i->op) {
    case IR_add:
    case IR_sub:
    case IR_mul:
        a = b = up_to(d);
        break;
    case IR_and:
        a = is_const(s, i->b, &k) ? d & k : d;
        b = d;
        break;
    case IR_or:
        a = is_const(s, i->b, &k) ? d & ~k : d;
        b = d;
        break;
    case IR_xor:
        a = b = d;
        break;
    case IR_shl:
    case IR_shr:
    case IR_sar:
    case IR_rotl:
    case IR_rotr:
    case IR_shl32:
    case IR_shr32:
    case IR_sar32:
    case IR_rotl32:
    case IR_rotr32:
        shift_looks(s, i, d);
        return;
    case IR_rotrs32:
    case IR_divu32:
    case IR_remu32:
    case IR_divs32:
    case IR_rems32:
    case IR_clz32:
    case IR_ctz32:
        a = b = UINT32_MAX;
        break;
    case IR_sx8:
    case IR_sx16:
    case IR_sx32:
        a = demand_of_sx(d, extension_width((enum ir_op)i->op));
        break;
    case IR_zx8:
    case IR_zx16:
    case IR_zx32:
        a = d & low(extension_width((enum ir_op)i->op));
        break;
    case IR_bswap:
        a = __builtin_bswap64(d);
        break;
    case IR_bytemask:
        a = whole_bytes(d);
        break;
    case IR_select:
        b = c = d;
        break;
    default:
        break;
    }
    look_at(s, i->a, a);
    look_at(s, i->b, b);
    look_at(s, i->c, c);
}

/* The operands of what has an effect; addresses, conditions and arguments count as a whole. */
static void effect_looks(struct bits *s, const struct ir_insn *i)
{
    uint64_t a = ~0ull, b = ~0ull;
    switch (i->op) {
    case IR_slot_set:
        a = low(8u * s->b->guest->slots[i->index].size);
        break;
    case IR_store:
    case IR_cas:
    case IR_sc:
        b = low(8u * i->sub);
        break;
    case IR_amo:
        b = low(8 * ir_amo_size(i->sub));
        break;
    case IR_exit_to:
        a = ir_pc_mask(s->b->guest);
        break;
    default:
        break;
    }
    look_at(s, i->a, a);
    look_at(s, i->b, b);
    look_at(s, i->c, b);
}

static void backward(struct bits *s)
{
    memset(s->mask, 0, s->b->count * sizeof(s->mask[0]));
    for (unsigned at = s->b->count; at-- > 1;) {
        const struct ir_insn *i = &s->b->insns[at];
        ir_ref a = i->a;
        uint64_t d = s->mask[at];
        if (i->op == IR_nop) /* since the walk before, which left it no user */
            continue;
        if (!ir_computes((enum ir_op)i->op)) {
            effect_looks(s, i);
        } else if (d && demand_unchanged(s, i, d)) {
            ir_replace(s->b, at, a);
            look_at(s, a, d);
        } else if (d) {
            pure_looks(s, i, d);
        }
    }
}

void ir_pass_bits(struct ir_block *b)
{
    struct bits s;
    s.b = b;
    forward(&s);
    backward(&s);
}
