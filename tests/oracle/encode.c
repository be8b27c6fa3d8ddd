/* SPDX-License-Identifier: Apache-2.0 */
/* Random encodings; see encode.h. */
#include "tests/oracle/encode.h"

#include <string.h>

#include "isa/riscv/forms.h"

enum { TRIES = 200 };

uint32_t encode_flags(unsigned form)
{
    const struct rv_form *f = &rv_forms()[form];
    return f->flags | rv_op_info(f->op)->flags;
}

struct encode_uses encode_uses(unsigned form)
{
    const struct rv_form *f = &rv_forms()[form];
    uint32_t flags = rv_op_info(f->op)->flags;
    struct encode_uses u = {
        .frd = flags & RV_WRITES_FRD,
        .frs1 = flags & RV_READS_FRS1,
        .frs2 = flags & RV_READS_FRS2,
        .frs3 = flags & RV_READS_FRS3,
        .pairs = f->rules & RV_RULE_T_EVEN,
    };
    u.rd = !u.frd && (f->rd.width || f->rd_fill >= 0);
    u.rs1 = !u.frs1 && (f->rs1.width || f->rs1_fill != RV_FILL_NONE);
    u.rs2 = !u.frs2 && (f->rs2.width || f->rs2_fill != RV_FILL_NONE);
    return u;
}

/* --- fields --- */

static uint8_t pick_reg(struct rng *r, struct rv_field field, int fixed, const struct rv_insn *in)
{
    unsigned n;
    if (fixed >= 0)
        return (uint8_t)fixed;
    if (!field.width)
        return 0;
    switch (rng_below(r, 8)) {
    case 0:
        n = in->rs1;
        break;
    case 1:
        n = in->rs2;
        break;
    case 2:
        n = 0;
        break;
    default:
        n = rng_below(r, 32);
    }
    return (uint8_t)(field.width == 3 ? 8 + n % 8 : n);
}

static uint32_t imm_bits(const struct rv_form *f)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < f->run_count; i++)
        bits |= ((1u << f->runs[i].width) - 1) << f->runs[i].imm;
    return bits;
}

static int32_t pick_imm(struct rng *r, const struct rv_form *f)
{
    uint32_t bits = imm_bits(f), sign = f->imm_sign ? 1u << (f->imm_sign - 1) : 0, v;
    switch (rng_below(r, 8)) {
    case 0:
        v = 0;
        break;
    case 1:
        v = bits;
        break;
    case 2:
        v = bits & ~sign;
        break;
    case 3:
        v = sign;
        break;
    case 4:
        v = 1u << rng_below(r, 32);
        break;
    case 5:
        v = ~(1u << rng_below(r, 32));
        break;
    default:
        v = (uint32_t)rng_next(r);
    }
    v &= bits;
    if (v & sign)
        v |= 0u - sign;
    return (int32_t)v;
}

static void pick_fields(struct rng *r, const struct rv_form *f, const struct encode_fix *fix,
                        struct rv_insn *in)
{
    static const uint8_t modes[] = {0, 1, 2, 3, 4, 7};
    *in = (struct rv_insn){0};
    in->rs1 = pick_reg(r, f->rs1, fix->rs1, in);
    in->rs2 = pick_reg(r, f->rs2, fix->rs2, in);
    in->rs3 = pick_reg(r, f->rs3, -1, in);
    in->rd = pick_reg(r, f->rd, fix->rd, in);
    if (f->rules & RV_RULE_T_EVEN)
        in->rs2 &= 0x1e;
    if (f->rules & RV_RULE_D_EVEN)
        in->rd &= 0x1e;
    in->rm = fix->rm >= 0 ? (uint8_t)fix->rm : RNG_PICK(r, modes);
    in->aq = rng_one_in(r, 2);
    in->rl = rng_one_in(r, 2);
    in->imm = fix->has_imm ? fix->imm : pick_imm(r, f);
}

/* --- words --- */

static uint32_t field_bits(struct rv_field f)
{
    return ((1u << f.width) - 1) << f.shift;
}

/* The bits that the form's picture marks as of any value. */
static uint32_t free_bits(const struct rv_form *f)
{
    uint32_t used = f->mask | field_bits(f->rd) | field_bits(f->rs1) | field_bits(f->rs2) |
                    field_bits(f->rs3) | field_bits(f->rm) | field_bits(f->aq) | field_bits(f->rl);
    for (unsigned i = 0; i < f->run_count; i++)
        used |= ((1u << f->runs[i].width) - 1) << f->runs[i].word;
    return f->len == 2 ? ~used & 0xffff : ~used;
}

bool encode_random(struct rng *r, unsigned form, const struct rv_ext_set *exts,
                   const struct encode_fix *fix, struct rv_insn *in)
{
    const struct rv_form *f = &rv_forms()[form];
    for (unsigned i = 0; i < TRIES; i++) {
        struct rv_insn want;
        uint32_t raw;
        pick_fields(r, f, fix, &want);
        if (rv_encode(form, &want, &raw) < 0)
            continue;
        if (rng_one_in(r, 2))
            raw |= (uint32_t)rng_next(r) & free_bits(f);
        rv_decode(raw, exts, in);
        if (in->form == form)
            return true;
    }
    return false;
}
