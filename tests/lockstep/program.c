/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs; see program.h. */
#include "tests/lockstep/program.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "isa/riscv/forms.h"
#include "isa/riscv/isa_string.h"
#include "isa/riscv/rv.h"
#include "tests/lockstep/image.h"
#include "tests/oracle/encode.h"
#include "tests/oracle/values.h"

enum {
    REACH = 10, /* items that a jump goes over at most */
    ROUNDS_MAX = 600,
    SLOTS_NEAR = 12,
};

/* Kinds of functions. */
enum shape { SHAPE_MAIN, SHAPE_FRAME, SHAPE_RECURSIVE, SHAPE_LEAF };

struct gen {
    struct program *p;
    struct rng r;
    struct rv_ext_set exts;
    uint16_t plain[RV_FORM_COUNT], memory[RV_FORM_COUNT], fp[RV_FORM_COUNT], jumps[RV_FORM_COUNT];
    unsigned plain_count, memory_count, fp_count, jump_count;
    unsigned weights[ITEM_KINDS], weight_sum;
    enum shape shapes[FUNCTIONS_MAX + 1]; /* of function i; the last: main */
    int begins[FUNCTIONS_MAX + 1];
    int functions, function; /* how many; the present one, `functions`: main */
    unsigned loops, rounds;  /* nested around here; how often the item runs */
    unsigned skips;
    uint32_t masks[ITEMS_MAX]; /* of slots: what changes between the two instructions */
};

/* --- which instructions --- */

/* Those that wait, leave the mode, or are made by items of their own. */
static bool unfit(const struct gen *g, unsigned form)
{
    const struct rv_form *f = &rv_forms()[form];
    const struct rv_op_info *op = rv_op_info(f->op);
    if (!rv_ext_has(&g->exts, f->ext) || !rv_ext_has(&g->exts, f->base_ext))
        return true;
    if (op->ext == RV_EXT_Zawrs || op->flags & RV_IS_CSR)
        return true;
    switch (f->op) {
    case RV_OP_mret:
    case RV_OP_sret:
    case RV_OP_mnret:
    case RV_OP_wfi:
    case RV_OP_ecall:
    case RV_OP_ebreak:
        return true;
    }
    return false;
}

static void sort_form(struct gen *g, unsigned form)
{
    uint32_t flags = encode_flags(form);
    if (flags & (RV_IS_BRANCH | RV_IS_JUMP))
        g->jumps[g->jump_count++] = (uint16_t)form;
    else if (flags & (RV_IS_LOAD | RV_IS_STORE | RV_IS_AMO))
        g->memory[g->memory_count++] = (uint16_t)form;
    else if (flags & RV_IS_FP)
        g->fp[g->fp_count++] = (uint16_t)form;
    else
        g->plain[g->plain_count++] = (uint16_t)form;
}

static void sort_forms(struct gen *g)
{
    isa_set_default(&g->exts);
    for (unsigned form = 1; form < RV_FORM_COUNT; form++)
        if (!unfit(g, form))
            sort_form(g, form);
}

static bool reserved_reg(unsigned reg)
{
    return reg == REG_SP || reg == REG_LINK || reg == REG_A || reg == REG_B ||
           (reg >= REG_DEPTH && reg <= REG_RESUME);
}

static bool writes_well(const struct rv_insn *in)
{
    struct encode_uses u = encode_uses(in->form);
    if (!u.rd)
        return true;
    return !reserved_reg(in->rd) && !(u.pairs && in->rd && reserved_reg(in->rd + 1u));
}

/* Whether it traps in most places: seldom in loops, where the handlers would be all that runs. */
static bool likes_to_trap(const struct gen *g, const struct rv_insn *in)
{
    const struct rv_op_info *op = rv_op_info(in->op);
    if (op->flags & RV_IS_AMO && in->rs1 == REG_B)
        return true;
    if (in->op == RV_OP_cbo_clean || in->op == RV_OP_cbo_flush || in->op == RV_OP_cbo_inval ||
        in->op == RV_OP_cbo_zero || op->flags & RV_IS_SYSTEM)
        return g->p->mode != PRIV_M && !(op->flags & RV_IS_CSR);
    return false;
}

static bool random_insn(struct gen *g, unsigned form, const struct encode_fix *fix,
                        struct rv_insn *in)
{
    for (unsigned i = 0; i < 16; i++)
        if (encode_random(&g->r, form, &g->exts, fix, in) && writes_well(in))
            return !likes_to_trap(g, in) || rng_one_in(&g->r, g->rounds > 4 ? 40 : 4);
    return false;
}

/* --- putting items together --- */

static struct item_insn *add(struct item *it, uint32_t raw, unsigned form, unsigned len)
{
    struct item_insn *n = &it->insns[it->count++];
    *n = (struct item_insn){.raw = raw, .form = (uint16_t)form, .len = (uint8_t)len, .target = -1};
    return n;
}

static struct item_insn *add_insn(struct item *it, const struct rv_insn *in)
{
    return add(it, in->raw, in->form, in->len);
}

/* A full-size instruction from its fields. */
static struct item_insn *put(struct item *it, unsigned form, unsigned rd, unsigned rs1,
                             unsigned rs2, int32_t imm)
{
    struct rv_insn in = {.rd = (uint8_t)rd, .rs1 = (uint8_t)rs1, .rs2 = (uint8_t)rs2, .imm = imm};
    uint32_t raw = 0;
    int len = rv_encode(form, &in, &raw);
    return add(it, raw, form, len < 0 ? 4 : (unsigned)len);
}

static void put_rel(struct item *it, unsigned form, unsigned rd, unsigned rs1, unsigned rs2,
                    int target)
{
    struct item_insn *n = put(it, form, rd, rs1, rs2, 0);
    n->fix = FIX_REL;
    n->target = (int16_t)target;
}

/* auipc and the instruction with the rest (addi, jalr) of an item's address. */
static void put_far(struct item *it, unsigned reg, unsigned form, unsigned rd, int target,
                    int aliased)
{
    struct item_insn *n = put(it, RV_FORM_auipc, reg, 0, 0, 0);
    n->fix = FIX_HIGH;
    n->target = (int16_t)target;
    n->aliased = (int8_t)aliased;
    n = put(it, form, rd, reg, 0, 0);
    n->fix = FIX_LOW;
    n->target = (int16_t)target;
    n->aliased = (int8_t)aliased;
}

/* reg = the address of that offset in RAM. */
static void put_address(struct item *it, unsigned reg, uint32_t offset)
{
    put_far(it, reg, RV_FORM_addi, reg, -1, 0);
    it->insns[it->count - 1].absolute = it->insns[it->count - 2].absolute = offset;
}

/* reg = a 32-bit number, sign-extended. */
static void put_number(struct item *it, unsigned reg, int32_t value)
{
    int32_t high = (int32_t)(((uint32_t)value + 0x800) & 0xfffff000);
    put(it, RV_FORM_lui, reg, 0, 0, high);
    put(it, RV_FORM_addiw, reg, reg, 0, (int32_t)((uint32_t)value - (uint32_t)high));
}

/* --- operands --- */

static unsigned any_reg(struct gen *g)
{
    return rng_below(&g->r, 32);
}

static unsigned free_reg(struct gen *g)
{
    unsigned reg;
    do
        reg = 1 + rng_below(&g->r, 31);
    while (reserved_reg(reg));
    return reg;
}

/* One that changes from round to round, if there is a loop around here. */
static unsigned changing_reg(struct gen *g)
{
    return g->loops && !rng_one_in(&g->r, 4) ? REG_COUNT + rng_below(&g->r, g->loops) : any_reg(g);
}

static unsigned here(const struct gen *g)
{
    return g->p->count;
}

static bool in_leaf(const struct gen *g)
{
    return g->shapes[g->function] == SHAPE_LEAF;
}

static bool translated(const struct gen *g)
{
    return g->p->paging && g->p->mode != PRIV_M;
}

/* There are more forms of AMOs than of all else, and misaligned ones trap. */
static unsigned memory_form(struct gen *g, bool odd)
{
    for (;;) {
        unsigned form = g->memory[rng_below(&g->r, g->memory_count)];
        if (!(encode_flags(form) & RV_IS_AMO) || rng_one_in(&g->r, odd && g->rounds > 4 ? 80 : 4))
            return form;
    }
}

/* Any load, store or AMO relative to base; imm: below 0 for any. */
static bool put_access(struct gen *g, struct item *it, unsigned base, int imm)
{
    for (unsigned i = 0; i < 32; i++) {
        unsigned form = memory_form(g, base != REG_A);
        struct rv_field rs1 = rv_forms()[form].rs1;
        struct encode_fix fix = ENCODE_FREE;
        struct rv_insn in;
        if (rs1.width != 5)
            continue;
        fix.rs1 = (int)base;
        if (imm >= 0 && !(encode_flags(form) & RV_IS_AMO)) {
            fix.has_imm = true;
            fix.imm = imm;
        }
        if (random_insn(g, form, &fix, &in)) {
            add_insn(it, &in);
            return true;
        }
    }
    return false;
}

static bool put_plain(struct gen *g, struct item *it, const uint16_t *forms, unsigned count)
{
    struct encode_fix fix = ENCODE_FREE;
    struct rv_insn in;
    if (!random_insn(g, forms[rng_below(&g->r, count)], &fix, &in))
        return false;
    add_insn(it, &in);
    return true;
}

/* Any integer instruction of four bytes. */
static bool plain4(struct gen *g, struct rv_insn *in)
{
    struct encode_fix fix = ENCODE_FREE;
    for (unsigned i = 0; i < 64; i++) {
        unsigned form = g->plain[rng_below(&g->r, g->plain_count)];
        if (rv_forms()[form].len == 4 && random_insn(g, form, &fix, in))
            return true;
    }
    return false;
}

/* What is behind a call: some functions return behind it. */
static void put_filler(struct gen *g, struct item *it)
{
    unsigned reg = free_reg(g);
    put(it, RV_FORM_addi, reg, reg, 0, 1 + (int32_t)rng_below(&g->r, 100));
}

static void put_resume(struct gen *g, struct item *it)
{
    put_far(it, REG_RESUME, RV_FORM_addi, REG_RESUME, (int)here(g) + 1, 0);
}

static void put_service(struct item *it, int service)
{
    put(it, RV_FORM_addi, 17, 0, 0, service);
    put(it, RV_FORM_ecall, 0, 0, 0, 0);
}

/* --- items --- */

static bool make_memory(struct gen *g, struct item *it)
{
    static const uint8_t bases[] = {REG_A, REG_A, REG_A, REG_B, REG_B, REG_STREAM};
    for (unsigned i = 0; i < 8; i++) {
        unsigned form = memory_form(g, false);
        struct encode_fix fix = ENCODE_FREE;
        struct rv_field rs1 = rv_forms()[form].rs1;
        struct rv_insn in;
        if (rs1.width == 5) {
            fix.rs1 = RNG_PICK(&g->r, bases);
        } else if (rs1.width == 3) {
            fix.rs1 = rng_one_in(&g->r, 3) ? REG_B : REG_A;
        } else { /* relative to sp: only what is the item's own */
            fix.has_imm = true;
            fix.imm = 8 * (int32_t)rng_below(&g->r, 8);
        }
        if (random_insn(g, form, &fix, &in)) {
            add_insn(it, &in);
            return true;
        }
    }
    return false;
}

static bool make_stack(struct gen *g, struct item *it)
{
    static const uint16_t forms[] = {
        RV_FORM_c_ldsp,  RV_FORM_c_sdsp, RV_FORM_c_lwsp, RV_FORM_c_swsp, RV_FORM_c_fldsp,
        RV_FORM_c_fsdsp, RV_FORM_ld,     RV_FORM_sd,     RV_FORM_lbu,    RV_FORM_sh};
    struct encode_fix fix = ENCODE_FREE;
    struct rv_insn in;
    fix.rs1 = REG_SP;
    fix.has_imm = true;
    fix.imm = 8 * (int32_t)rng_below(&g->r, 8);
    if (!random_insn(g, RNG_PICK(&g->r, forms), &fix, &in))
        return false;
    add_insn(it, &in);
    return true;
}

static bool make_constant(struct gen *g, struct item *it)
{
    unsigned reg = free_reg(g);
    put_number(it, reg, (int32_t)value_int(&g->r));
    if (rng_one_in(&g->r, 2))
        put(it, RV_FORM_slli, reg, reg, 0, (int32_t)rng_below(&g->r, 64));
    return true;
}

static bool make_indexed(struct gen *g, struct item *it)
{
    static const int32_t masks[] = {0x7f8, 0x7ff, 0x3fe, 0x7fc};
    put(it, RV_FORM_andi, REG_TMP, changing_reg(g), 0, RNG_PICK(&g->r, masks));
    put(it, RV_FORM_add, REG_TMP, REG_TMP, rng_one_in(&g->r, 4) ? REG_B : REG_A, 0);
    return put_access(g, it, REG_TMP, -1);
}

static bool make_far(struct gen *g, struct item *it)
{
    static const uint8_t powers[] = {20, 20, 21, 22, 24, 24, 30, 32};
    int imm = rng_one_in(&g->r, 3) ? -1 : 8 * (int)rng_below(&g->r, 64);
    put(it, RV_FORM_addi, REG_TMP, 0, 0, 1);
    put(it, RV_FORM_slli, REG_TMP, REG_TMP, 0, RNG_PICK(&g->r, powers));
    put(it, RV_FORM_add, REG_TMP, REG_TMP, REG_A, 0);
    unsigned n = 1 + rng_below(&g->r, 2);
    bool ok = put_access(g, it, REG_A, imm);
    while (ok && n--)
        ok = put_access(g, it, rng_one_in(&g->r, 2) ? REG_TMP : REG_A, imm);
    return ok;
}

/* An access, then the stream goes on by a step, and back when it is at its end. */
static bool make_stream(struct gen *g, struct item *it)
{
    static const int32_t steps[] = {1, 2, 4, 8, 8, 16, 64, 1024, 2040};
    unsigned n = 1 + rng_below(&g->r, 3);
    while (n--)
        if (!put_access(g, it, REG_STREAM, rng_one_in(&g->r, 4) ? -1 : (int)rng_below(&g->r, 64)))
            return false;
    if (rng_one_in(&g->r, 4)) { /* from page to page */
        put(it, RV_FORM_lui, REG_TMP, 0, 0, 0x1000 << rng_below(&g->r, 4));
        put(it, RV_FORM_add, REG_STREAM, REG_STREAM, REG_TMP, 0);
    } else {
        put(it, RV_FORM_addi, REG_STREAM, REG_STREAM, 0, RNG_PICK(&g->r, steps));
    }
    put(it, RV_FORM_bltu, 0, REG_STREAM, REG_LIMIT, 12);
    put(it, RV_FORM_lui, REG_TMP, 0, 0, 0x1000 << rng_below(&g->r, 7));
    put(it, RV_FORM_sub, REG_STREAM, REG_LIMIT, REG_TMP, 0);
    return true;
}

/* Makes the branch or jump at `from` lead to the instruction that is put next. */
static void lead_here(struct item *it, unsigned from, unsigned form, unsigned rs1, unsigned rs2)
{
    struct rv_insn in = {.rs1 = (uint8_t)rs1, .rs2 = (uint8_t)rs2};
    for (unsigned i = from; i < it->count; i++)
        in.imm += it->insns[i].len;
    (void)rv_encode(form, &in, &it->insns[from].raw);
}

enum { ORDER_BITS = 25 }; /* aq and rl */

static bool put_between(struct gen *g, struct item *it)
{
    for (unsigned n = rng_one_in(&g->r, 8) ? 5 : rng_below(&g->r, 3); n; n--)
        if (!put_plain(g, it, g->plain, g->plain_count))
            return false;
    return true;
}

static void put_bad_address(struct gen *g, struct item *it);

/* LR and SC with a way out between them: behind the SC, or to another SC. */
static bool make_pair(struct gen *g, struct item *it)
{
    static const uint16_t branches[] = {RV_FORM_bne, RV_FORM_beq, RV_FORM_blt, RV_FORM_bgeu};
    bool wide = rng_one_in(&g->r, 2), other = rng_one_in(&g->r, 2);
    unsigned base = rng_one_in(&g->r, 8) ? REG_B : REG_A, form = RNG_PICK(&g->r, branches);
    unsigned old = free_reg(g), with = any_reg(g), sc = wide ? RV_FORM_sc_d : RV_FORM_sc_w;
    if (rng_one_in(&g->r, 12)) {
        put_bad_address(g, it);
        base = REG_TMP;
    }
    put(it, wide ? RV_FORM_lr_d : RV_FORM_lr_w, old, base, 0, 0)->raw |= rng_below(&g->r, 4)
                                                                         << ORDER_BITS;
    if (!put_between(g, it))
        return false;
    unsigned out = it->count;
    put(it, form, 0, old, with, 0);
    if (!put_between(g, it))
        return false;
    put(it, sc, free_reg(g), base, any_reg(g), 0)->raw |= rng_below(&g->r, 4) << ORDER_BITS;
    unsigned over = it->count;
    if (other)
        put(it, RV_FORM_jal, 0, 0, 0, 0);
    lead_here(it, out, form, old, with);
    if (!other)
        return true;
    put(it, sc, free_reg(g), base, any_reg(g), 0);
    lead_here(it, over, RV_FORM_jal, 0, 0);
    return true;
}

static bool make_reserve(struct gen *g, struct item *it)
{
    if (rng_one_in(&g->r, 2))
        return make_pair(g, it);
    bool wide = rng_one_in(&g->r, 2);
    unsigned base = rng_one_in(&g->r, 8) ? REG_B : REG_A, n = rng_below(&g->r, 3);
    put(it, wide ? RV_FORM_lr_d : RV_FORM_lr_w, free_reg(g), base, 0, 0);
    while (n--)
        if (!put_plain(g, it, g->plain, g->plain_count))
            return false;
    if (rng_one_in(&g->r, 8)) /* an atomic of somebody else, as it were */
        put(it, RV_FORM_amoadd_w, 0, base, any_reg(g), 0);
    unsigned result = free_reg(g);
    put(it, wide ? RV_FORM_sc_d : RV_FORM_sc_w, result, base, any_reg(g), 0);
    if (base == REG_A && rng_one_in(&g->r, 3)) { /* again until it succeeds */
        unsigned bytes = 0;
        for (unsigned i = 0; i < it->count; i++)
            bytes += it->insns[i].len;
        put(it, RV_FORM_bne, 0, result, 0, -(int32_t)bytes);
    }
    return true;
}

static bool make_csr(struct gen *g, struct item *it)
{
    static const uint16_t csrs[] = {0x001, 0x002, 0x002, 0x003, 0x003, 0x002, 0x143, 0xf14, 0x001};
    static const uint16_t forms[] = {RV_FORM_csrrw,  RV_FORM_csrrs,  RV_FORM_csrrc,
                                     RV_FORM_csrrwi, RV_FORM_csrrsi, RV_FORM_csrrci};
    struct encode_fix fix = ENCODE_FREE;
    struct rv_insn in;
    fix.has_imm = true;
    fix.imm = RNG_PICK(&g->r, csrs);
    if (!random_insn(g, RNG_PICK(&g->r, forms), &fix, &in))
        return false;
    add_insn(it, &in);
    return true;
}

enum { CSR_MINSTRET = 0xb02, CSR_INSTRET = 0xc02, CSR_MSTATUS = 0x300, CSR_SSTATUS = 0x100 };

static bool make_count(struct gen *g, struct item *it)
{
    bool machine = g->p->mode == PRIV_M && rng_one_in(&g->r, 2);
    if (machine && rng_one_in(&g->r, 4))
        put(it, RV_FORM_csrrw, free_reg(g), any_reg(g), 0, CSR_MINSTRET);
    else
        put(it, RV_FORM_csrrs, free_reg(g), 0, 0, machine ? CSR_MINSTRET : CSR_INSTRET);
    return true;
}

/* FS off, on and in between; SUM and MXR. */
static bool make_status(struct gen *g, struct item *it)
{
    static const int32_t bits[] = {0x6000, 0x6000, 0x2000, 0x4000, 0x40000, 0x80000, 0xc0000};
    int32_t mask = RNG_PICK(&g->r, bits);
    bool set = !rng_one_in(&g->r, 3);
    if (g->p->mode == PRIV_U) {
        put(it, RV_FORM_lui, 10, 0, 0, set ? 0 : mask);
        put(it, RV_FORM_lui, 11, 0, 0, set ? mask : 0);
        put_service(it, SERVICE_STATUS);
        return true;
    }
    put(it, RV_FORM_lui, REG_TMP, 0, 0, mask);
    put(it, set ? RV_FORM_csrrs : RV_FORM_csrrc, rng_one_in(&g->r, 2) ? 0 : free_reg(g), REG_TMP, 0,
        g->p->mode == PRIV_M ? CSR_MSTATUS : CSR_SSTATUS);
    return true;
}

static bool make_mprv(struct gen *g, struct item *it)
{
    if (g->p->mode != PRIV_M)
        return false;
    put_number(it, REG_TMP, 0x21800); /* MPRV and MPP */
    put(it, RV_FORM_csrrc, 0, REG_TMP, 0, CSR_MSTATUS);
    if (rng_one_in(&g->r, 3))
        return true;
    put_number(it, REG_TMP, rng_one_in(&g->r, 2) ? 0x20800 : 0x20000);
    put(it, RV_FORM_csrrs, 0, REG_TMP, 0, CSR_MSTATUS);
    for (unsigned n = 1 + rng_below(&g->r, 3); n; n--)
        if (!put_access(g, it, rng_one_in(&g->r, 3) ? REG_B : REG_A, -1))
            return false;
    if (!rng_one_in(&g->r, 4)) {
        put_number(it, REG_TMP, 0x20000);
        put(it, RV_FORM_csrrc, 0, REG_TMP, 0, CSR_MSTATUS);
    }
    return true;
}

static bool make_trap(struct gen *g, struct item *it)
{
    const struct rv_form *f = &rv_forms()[1 + rng_below(&g->r, RV_FORM_COUNT - 1)];
    uint32_t raw = (uint32_t)rng_next(&g->r);
    struct rv_insn in;
    switch (rng_below(&g->r, 4)) {
    case 0:
        put_service(it, SERVICE_NOTHING);
        return true;
    case 1:
        put(it, rng_one_in(&g->r, 2) ? RV_FORM_ebreak : RV_FORM_c_ebreak, 0, 0, 0, 0);
        return true;
    case 2: /* near one that is */
        raw = f->match ^ (1u << rng_below(&g->r, f->len * 8));
    }
    if ((raw & 3) != 3)
        raw &= 0xffff;
    rv_decode(raw, &g->exts, &in);
    if (in.op != RV_OP_illegal)
        return false;
    add(it, raw, RV_FORM_illegal, in.len);
    return true;
}

/* REG_TMP = an address where an access faults, in some mode. */
static void put_bad_address(struct gen *g, struct item *it)
{
    static const uint16_t offsets[] = {0, 8, 0x100, 0x7f8, 0x401, 0x5f7};
    switch (rng_below(&g->r, 8)) {
    case 0:
        put(it, RV_FORM_lui, REG_TMP, 0, 0, NOWHERE);
        break;
    case 1: /* not canonical */
        put(it, RV_FORM_addi, REG_TMP, 0, 0, 1);
        put(it, RV_FORM_slli, REG_TMP, REG_TMP, 0, 38 + (int32_t)rng_below(&g->r, 26));
        put(it, RV_FORM_add, REG_TMP, REG_TMP, REG_A, 0);
        break;
    case 2: /* the end of RAM */
        put_address(it, REG_TMP, RAM_BYTES - rng_below(&g->r, 12));
        break;
    case 3:
        put_address(it, REG_TMP, AT_HOLE + RNG_PICK(&g->r, offsets) + 0x100);
        break;
    case 4: /* from a page that is there into one that is not */
        put_address(it, REG_TMP, AT_SPECIAL + 10 * PAGE - 1 - rng_below(&g->r, 7));
        break;
    default:
        put_address(it, REG_TMP,
                    AT_SPECIAL + rng_below(&g->r, SPECIALS) * PAGE + RNG_PICK(&g->r, offsets));
    }
}

static bool make_fault(struct gen *g, struct item *it)
{
    put_bad_address(g, it);
    return put_access(g, it, REG_TMP, 0);
}

static bool make_device(struct gen *g, struct item *it)
{
    static const uint16_t forms[] = {RV_FORM_lw, RV_FORM_ld, RV_FORM_lwu};
    put(it, RV_FORM_lui, REG_TMP, 0, 0, CLINT + (rng_one_in(&g->r, 2) ? 0x4000 : 0));
    put(it, RNG_PICK(&g->r, forms), free_reg(g), REG_TMP, 0, 0);
    return true;
}

static bool make_bad_jump(struct gen *g, struct item *it)
{
    unsigned back = 2 + 2 * rng_below(&g->r, 8);
    put_resume(g, it);
    switch (rng_below(&g->r, 6)) {
    case 0:
        put(it, RV_FORM_lui, REG_TMP, 0, 0, rng_one_in(&g->r, 2) ? CLINT : NOWHERE);
        break;
    case 1:
        put_address(it, REG_TMP, RAM_BYTES);
        break;
    case 2:
        put_address(it, REG_TMP, AT_HOLE + 0x800);
        break;
    case 3:
        put_address(it, REG_TMP, AT_HOLE - back);
        break;
    default:
        put_address(it, REG_TMP, AT_SPECIAL + rng_below(&g->r, SPECIALS) * PAGE + 0xa00);
    }
    put(it, RV_FORM_jalr, rng_one_in(&g->r, 2) ? 0 : REG_RA, REG_TMP, 0, 0);
    return true;
}

/* To the next item through the alias: the same code elsewhere. */
static bool make_alias_jump(struct gen *g, struct item *it)
{
    put_resume(g, it);
    put_far(it, REG_TMP, RV_FORM_jalr, 0, (int)here(g) + 1, rng_one_in(&g->r, 2) ? 1 : -1);
    return true;
}

static bool make_branch(struct gen *g, struct item *it)
{
    unsigned form = g->jumps[rng_below(&g->r, g->jump_count)];
    int target = (int)(here(g) + 1 + rng_below(&g->r, REACH));
    struct encode_fix fix = ENCODE_FREE;
    struct rv_insn in;
    if (translated(g) && rng_one_in(&g->r, 12))
        return make_alias_jump(g, it);
    if (rv_forms()[form].op == RV_OP_jalr) {
        unsigned reg = free_reg(g);
        if (rv_forms()[form].len == 2 || rng_one_in(&g->r, 4)) {
            put_far(it, reg, RV_FORM_addi, reg, target, 0);
            if (rng_one_in(&g->r, 3)) { /* through memory */
                put(it, RV_FORM_sd, 0, REG_SP, reg, 0);
                put(it, RV_FORM_ld, reg, REG_SP, 0, 0);
            }
            fix.rs1 = (int)reg;
            fix.has_imm = true;
            if (!random_insn(g, form, &fix, &in))
                return false;
            add_insn(it, &in);
        } else {
            put_far(it, reg, RV_FORM_jalr, rng_one_in(&g->r, 2) ? 0 : free_reg(g), target, 0);
        }
        return true;
    }
    if (encode_flags(form) & RV_IS_BRANCH && g->loops && rng_one_in(&g->r, 2))
        fix.rs1 = REG_COUNT + (int)rng_below(&g->r, g->loops);
    fix.has_imm = true;
    fix.imm = 16;
    if (!random_insn(g, form, &fix, &in)) {
        fix.rs1 = -1;
        if (!random_insn(g, form, &fix, &in))
            return false;
    }
    struct item_insn *n = add_insn(it, &in);
    n->fix = FIX_REL;
    n->target = (int16_t)target;
    return true;
}

static bool make_switch(struct gen *g, struct item *it)
{
    unsigned reg = free_reg(g);
    if (reg == REG_TMP)
        return false;
    put(it, RV_FORM_andi, reg, changing_reg(g), 0, 3);
    put(it, RV_FORM_slli, reg, reg, 0, 2);
    put(it, RV_FORM_auipc, REG_TMP, 0, 0, 0);
    put(it, RV_FORM_add, REG_TMP, REG_TMP, reg, 0);
    put(it, RV_FORM_jalr, rng_one_in(&g->r, 3) ? reg : 0, REG_TMP, 0, 12);
    for (unsigned i = 0; i < 4; i++)
        put_rel(it, RV_FORM_jal, 0, 0, 0, (int)(here(g) + 1 + rng_below(&g->r, REACH)));
    return true;
}

/* Functions have the targets -2, -3, ... until it is known where they are. */
static bool make_call(struct gen *g, struct item *it)
{
    int first = g->function == g->functions ? 0 : g->function + 1;
    if (in_leaf(g) || first == g->functions)
        return false;
    int f = first + (int)rng_below(&g->r, (unsigned)(g->functions - first));
    int target = -2 - f;
    unsigned link = g->shapes[f] == SHAPE_LEAF ? REG_LINK : REG_RA;
    if (g->shapes[f] == SHAPE_RECURSIVE)
        put(it, RV_FORM_addi, REG_DEPTH, 0, 0,
            (int32_t)(g->rounds > 20 ? rng_below(&g->r, 6) : rng_below(&g->r, 70)));
    switch (rng_below(&g->r, 4)) {
    case 0:
        put_far(it, REG_TMP, RV_FORM_jalr, link, target, 0);
        break;
    case 1:
        put_far(it, REG_TMP, RV_FORM_addi, REG_TMP, target, 0);
        if (link == REG_RA && rng_one_in(&g->r, 2))
            put(it, RV_FORM_c_jalr, REG_RA, REG_TMP, 0, 0);
        else
            put(it, RV_FORM_jalr, link, REG_TMP, 0, 0);
        break;
    default:
        put_rel(it, RV_FORM_jal, link, 0, 0, target);
    }
    put_filler(g, it);
    it->needs = (int16_t)target;
    return true;
}

/* --- code that changes --- */

static bool make_slot(struct gen *g, struct item *it)
{
    struct rv_insn a, b;
    uint32_t other;
    if (!plain4(g, &a) || !plain4(g, &b))
        return false;
    switch (rng_below(&g->r, 8)) {
    case 0: /* traps twice */
        other = 0;
        break;
    case 1: /* two short ones: c.addi x11,1 and c.addi x12,-1 */
        other = 0x167d0585;
        break;
    case 2: /* only in the immediate or the registers */
        other = a.raw ^ (1u << 20);
        rv_decode(other, &g->exts, &b);
        if (b.op != a.op)
            return false;
        break;
    default:
        other = b.raw;
    }
    g->masks[here(g)] = a.raw ^ other;
    add_insn(it, &a);
    return true;
}

/* Where the mask is in a PATCH: filled in when the slot is known. */
static bool make_patch(struct gen *g, struct item *it)
{
    bool halves = rng_one_in(&g->r, 3), aliased = translated(g) && rng_one_in(&g->r, 3);
    unsigned over = 0;
    if (g->rounds > 8 && rng_one_in(&g->r, 2)) {
        static const int32_t masks[] = {1, 3, 7, 15, 63, 127};
        put(it, RV_FORM_andi, 6, changing_reg(g), 0, RNG_PICK(&g->r, masks));
        over = it->count;
        put(it, RV_FORM_bne, 0, 6, 0, 0);
    }
    put_far(it, REG_TMP, RV_FORM_addi, REG_TMP, -1, aliased ? -1 : 0);
    put_number(it, 7, 0);
    put(it, halves ? RV_FORM_lhu : RV_FORM_lw, 6, REG_TMP, 0, 0);
    put(it, RV_FORM_xor, 6, 6, 7, 0);
    put(it, halves ? RV_FORM_sh : RV_FORM_sw, 0, REG_TMP, 6, 0);
    if (halves) {
        put(it, RV_FORM_srli, 7, 7, 0, 16);
        put(it, RV_FORM_lhu, 6, REG_TMP, 0, 2);
        put(it, RV_FORM_xor, 6, 6, 7, 0);
        put(it, RV_FORM_sh, 0, REG_TMP, 6, 2);
    }
    put(it, RV_FORM_fence_i, 0, 0, 0, 0);
    if (over) {
        unsigned count = it->count;
        it->count = (uint8_t)over;
        put(it, RV_FORM_bne, 0, 6, 0, (int32_t)(4 * (count - over)));
        it->count = (uint8_t)count;
    }
    return true;
}

static bool make_copy(struct gen *g, struct item *it)
{
    uint32_t to = AT_BUFFER + TEMPLATE_BYTES * rng_below(&g->r, 32);
    if (in_leaf(g))
        return false;
    if (rng_one_in(&g->r, 4)) /* over the page's end */
        to = AT_BUFFER + PAGE - 8;
    put_address(it, REG_TMP, to);
    put(it, RV_FORM_andi, 6, changing_reg(g), 0, TEMPLATES - 1);
    put(it, RV_FORM_slli, 6, 6, 0, 4);
    put_address(it, 7, AT_TEMPLATES);
    put(it, RV_FORM_add, 7, 7, 6, 0);
    for (int i = 0; i < TEMPLATE_BYTES; i += 8) {
        put(it, RV_FORM_ld, 6, 7, 0, i);
        put(it, RV_FORM_sd, 0, REG_TMP, 6, i);
    }
    put(it, RV_FORM_fence_i, 0, 0, 0, 0);
    put(it, RV_FORM_jalr, REG_RA, REG_TMP, 0, 0);
    return true;
}

/* Data in a page that code runs in: what is written is not code, so no FENCE.I. */
static bool make_beside(struct gen *g, struct item *it)
{
    uint32_t page = POOL_PAGES * PAGE + POOL_STEP * rng_below(&g->r, POOL_FUNCTIONS);
    uint32_t at = AT_POOL - PAGE * (1 + rng_below(&g->r, POOL_PAGES)) + page;
    bool own = g->p->start >= 256 && rng_one_in(&g->r, 2);
    if (own) /* before the program, in its first page */
        put_address(it, REG_TMP, AT_CODE + rng_below(&g->r, g->p->start / 8 - 16) * 8);
    else
        put_address(it, REG_TMP, at + POOL_STEP / 2 + 8 * rng_below(&g->r, 16));
    if (!put_access(g, it, REG_TMP, 0))
        return false;
    if (!own && !in_leaf(g)) {
        put_address(it, REG_TMP, at);
        put(it, RV_FORM_jalr, REG_RA, REG_TMP, 0, 0);
    }
    return true;
}

/* --- pages that change --- */

/* Writes the entry of a window; its lowest number of the page alternates with reg if it is not 0.
 */
static void put_entry(struct gen *g, struct item *it, unsigned window, uint32_t entry, unsigned reg)
{
    put_address(it, 10, image_entry_offset(window, rng_one_in(&g->r, 4)));
    put_number(it, 11, (int32_t)entry);
    if (reg) {
        put(it, RV_FORM_andi, REG_TMP, reg, 0, 1);
        put(it, RV_FORM_slli, REG_TMP, REG_TMP, 0, 10);
        put(it, RV_FORM_xor, 11, 11, REG_TMP, 0);
    }
    if (g->p->mode != PRIV_S) {
        put_service(it, SERVICE_ENTRY);
        return;
    }
    put(it, RV_FORM_sd, 0, 10, 11, 0);
    if (rng_one_in(&g->r, 2)) {
        put_address(it, REG_TMP, AT_WINDOWS + window * PAGE);
        put(it, RV_FORM_sfence_vma, 0, REG_TMP, 0, 0);
    } else {
        put(it, RV_FORM_sfence_vma, 0, 0, 0, 0);
    }
}

static bool make_remap_code(struct gen *g, struct item *it)
{
    unsigned window = CODE_WINDOW + rng_below(&g->r, WINDOWS - CODE_WINDOW);
    if (in_leaf(g))
        return false;
    put_resume(g, it);
    if (g->p->paging && !rng_one_in(&g->r, 4))
        put_entry(g, it, window, image_code_entry(g->p, &g->r),
                  rng_one_in(&g->r, 2) ? changing_reg(g) : 0);
    put_address(it, REG_TMP,
                AT_WINDOWS + window * PAGE + POOL_STEP * rng_below(&g->r, POOL_FUNCTIONS));
    put(it, RV_FORM_jalr, REG_RA, REG_TMP, 0, 0);
    return true;
}

static uint32_t window_offset(struct gen *g, unsigned window)
{
    static const uint16_t offsets[] = {0, 8, 0x7f8, 0xff0, 0xffc, 0xfff};
    return AT_WINDOWS + window * PAGE + RNG_PICK(&g->r, offsets);
}

static bool make_remap_data(struct gen *g, struct item *it)
{
    unsigned window = rng_below(&g->r, CODE_WINDOW);
    if (!g->p->paging)
        return false;
    put_entry(g, it, window, image_data_entry(g->p, &g->r),
              rng_one_in(&g->r, 2) ? changing_reg(g) : 0);
    put_address(it, REG_TMP, window_offset(g, window));
    return put_access(g, it, REG_TMP, 0);
}

static bool make_window(struct gen *g, struct item *it)
{
    /* The last window of data has one of code behind it. */
    unsigned window = rng_below(&g->r, CODE_WINDOW - 1);
    put_address(it, REG_TMP, window_offset(g, window));
    for (unsigned n = 1 + rng_below(&g->r, 3); n; n--) {
        if (!put_access(g, it, REG_TMP, 0))
            return false;
        if (it->insns[it->count - 1].form &&
            it->count < 4) /* it may have loaded the address away */
            put_address(it, REG_TMP, window_offset(g, window));
        else
            break;
    }
    return true;
}

static bool make_fence(struct gen *g, struct item *it)
{
    static const uint16_t forms[] = {RV_FORM_fence_i, RV_FORM_sfence_vma, RV_FORM_sinval_vma,
                                     RV_FORM_sfence_w_inval, RV_FORM_fence};
    static const uint8_t regs[] = {0, 0, REG_A, REG_B, REG_STREAM};
    put(it, RNG_PICK(&g->r, forms), 0, RNG_PICK(&g->r, regs), rng_one_in(&g->r, 3) ? any_reg(g) : 0,
        0);
    return true;
}

static bool make_root(struct gen *g, struct item *it)
{
    if (!g->p->paging || g->p->mode == PRIV_U)
        return false;
    put_address(it, REG_TMP, AT_LITERALS + 8 * (LITERALS + rng_below(&g->r, IMAGE_ROOTS)));
    put(it, RV_FORM_ld, REG_TMP, REG_TMP, 0, 0);
    put(it, RV_FORM_csrrw, 0, REG_TMP, 0, 0x180);
    return true;
}

static bool make_item(struct gen *g, enum item_kind kind, struct item *it)
{
    *it = (struct item){.kind = (uint8_t)kind, .needs = -1, .function = -1};
    switch (kind) {
    case ITEM_PLAIN:
        return put_plain(g, it, g->plain, g->plain_count);
    case ITEM_FP:
        return put_plain(g, it, g->fp, g->fp_count);
    case ITEM_MEMORY:
        return make_memory(g, it);
    case ITEM_BRANCH:
        return make_branch(g, it);
    case ITEM_CONSTANT:
        return make_constant(g, it);
    case ITEM_INDEXED:
        return make_indexed(g, it);
    case ITEM_FAR:
        return make_far(g, it);
    case ITEM_STACK:
        return make_stack(g, it);
    case ITEM_STREAM:
        return make_stream(g, it);
    case ITEM_RESERVE:
        return make_reserve(g, it);
    case ITEM_CSR:
        return make_csr(g, it);
    case ITEM_COUNT:
        return make_count(g, it);
    case ITEM_STATUS:
        return make_status(g, it);
    case ITEM_MPRV:
        return make_mprv(g, it);
    case ITEM_TRAP:
        return make_trap(g, it);
    case ITEM_FAULT:
        return make_fault(g, it);
    case ITEM_DEVICE:
        return make_device(g, it);
    case ITEM_BAD_JUMP:
        return make_bad_jump(g, it);
    case ITEM_CALL:
        return make_call(g, it);
    case ITEM_SWITCH:
        return make_switch(g, it);
    case ITEM_SLOT:
        return make_slot(g, it);
    case ITEM_PATCH:
        return make_patch(g, it);
    case ITEM_COPY:
        return make_copy(g, it);
    case ITEM_BESIDE:
        return make_beside(g, it);
    case ITEM_REMAP_CODE:
        return make_remap_code(g, it);
    case ITEM_REMAP_DATA:
        return make_remap_data(g, it);
    case ITEM_WINDOW:
        return make_window(g, it);
    case ITEM_FENCE:
        return make_fence(g, it);
    case ITEM_ROOT:
        return make_root(g, it);
    case ITEM_WAIT:
        put(it, RV_FORM_wfi, 0, 0, 0, 0);
        return g->p->mode != PRIV_U;
    case ITEM_SKIP:
        it->skip = (uint8_t)(2 + 2 * rng_below(&g->r, 20));
        put_rel(it, RV_FORM_jal, 0, 0, 0, (int)here(g) + 1);
        return g->skips++ < 8;
    default:
        return false;
    }
}

/* --- the shape of a program --- */

static struct item *next_item(struct gen *g)
{
    return &g->p->items[g->p->count];
}

/* Leaves room for the ends of what is open and for the functions. */
static bool full(const struct gen *g)
{
    return here(g) + 40 > ITEMS_MAX;
}

static void finish_item(struct gen *g)
{
    next_item(g)->function = (int16_t)(g->function == g->functions ? -1 : g->begins[g->function]);
    g->p->count++;
}

static enum item_kind pick_kind(struct gen *g)
{
    unsigned n = rng_below(&g->r, g->weight_sum), kind = 0;
    while (n >= g->weights[kind])
        n -= g->weights[kind++];
    return (enum item_kind)kind;
}

/* The handlers take some eighty instructions each time. */
static bool traps_too_often(struct gen *g, enum item_kind kind)
{
    static const bool traps[ITEM_KINDS] = {
        [ITEM_TRAP] = true,       [ITEM_FAULT] = true,      [ITEM_BAD_JUMP] = true,
        [ITEM_REMAP_DATA] = true, [ITEM_REMAP_CODE] = true, [ITEM_MPRV] = true,
        [ITEM_STATUS] = true,     [ITEM_CSR] = true,        [ITEM_WAIT] = true,
        [ITEM_DEVICE] = true,
    };
    return traps[kind] && g->rounds > 4 && !rng_one_in(&g->r, g->rounds > 100 ? 12 : 4);
}

static void generate_item(struct gen *g)
{
    enum item_kind kind = pick_kind(g);
    if (traps_too_often(g, kind))
        return;
    if (kind == ITEM_PATCH && rng_one_in(&g->r, 2) && make_item(g, ITEM_SLOT, next_item(g)))
        finish_item(g);
    if (make_item(g, kind, next_item(g)))
        finish_item(g);
}

static void begin_item(struct gen *g, enum item_kind kind)
{
    *next_item(g) = (struct item){.kind = (uint8_t)kind, .needs = -1};
}

static unsigned pick_rounds(struct gen *g)
{
    unsigned most = ROUNDS_MAX / (g->rounds ? g->rounds : 1), n;
    switch (rng_below(&g->r, 4)) {
    case 0:
        n = 1 + rng_below(&g->r, 6);
        break;
    case 1:
        n = 8 + rng_below(&g->r, 60);
        break;
    default:
        n = 60 + rng_below(&g->r, 400);
    }
    return n < most ? n : most ? most : 1;
}

static void generate_body(struct gen *g, unsigned count);

static void generate_loop(struct gen *g, unsigned count)
{
    unsigned begin = here(g), rounds = pick_rounds(g), before = g->rounds,
             reg = REG_COUNT + g->loops, skips = g->skips;
    begin_item(g, ITEM_LOOP);
    put(next_item(g), RV_FORM_addi, reg, 0, 0, (int32_t)rounds);
    finish_item(g);
    g->loops++;
    g->rounds = (before ? before : 1) * rounds;
    generate_body(g, count);
    g->loops--;
    g->rounds = before;
    begin_item(g, ITEM_LOOP_END);
    put(next_item(g), RV_FORM_addi, reg, reg, 0, -1);
    if (g->skips != skips || rng_one_in(&g->r, 3)) {
        put(next_item(g), RV_FORM_bge, 0, 0, reg, 8);
        put_rel(next_item(g), RV_FORM_jal, 0, 0, 0, (int)begin + 1);
    } else {
        put_rel(next_item(g), RV_FORM_blt, 0, 0, reg, (int)begin + 1);
    }
    next_item(g)->needs = (int16_t)begin;
    g->p->items[begin].needs = (int16_t)here(g);
    finish_item(g);
}

static void generate_body(struct gen *g, unsigned count)
{
    for (unsigned i = 0; i < count && !full(g); i++) {
        if (g->loops < LOOPS_MAX && !in_leaf(g) && rng_one_in(&g->r, 10))
            generate_loop(g, 1 + rng_below(&g->r, rng_one_in(&g->r, 3) ? 24 : 8));
        else
            generate_item(g);
    }
}

/* Jumps stay in the function. */
static void clamp_targets(struct gen *g, unsigned from)
{
    int last = (int)here(g) - 1;
    for (unsigned i = from; i < here(g); i++)
        for (unsigned k = 0; k < g->p->items[i].count; k++)
            if (g->p->items[i].insns[k].target > last)
                g->p->items[i].insns[k].target = (int16_t)last;
}

enum { FRAME = 96, FRAME_RA = 88, FRAME_COUNT = 64 };

/*
 * A counter ends recursion, unless what a function calls sets it again.  In the last page of the
 * stack a function returns at once: below are page tables.
 */
static void enter_frame(struct item *it)
{
    put(it, RV_FORM_slli, REG_TMP, REG_SP, 0, 64 - 15); /* AT_STACK_END - AT_STACK is 1 << 15 */
    put(it, RV_FORM_srli, REG_TMP, REG_TMP, 0, 64 - 3);
    put(it, RV_FORM_bne, 0, REG_TMP, 0, 8);
    put(it, RV_FORM_jalr, 0, REG_RA, 0, 0);
    put(it, RV_FORM_addi, REG_SP, REG_SP, 0, -FRAME);
    put(it, RV_FORM_sd, 0, REG_SP, REG_RA, FRAME_RA);
    for (int i = 0; i < LOOPS_MAX; i++)
        put(it, RV_FORM_sd, 0, REG_SP, REG_COUNT + (unsigned)i, FRAME_COUNT + 8 * i);
}

static void leave_frame(struct item *it)
{
    put(it, RV_FORM_ld, REG_RA, REG_SP, 0, FRAME_RA);
    for (int i = 0; i < LOOPS_MAX; i++)
        put(it, RV_FORM_ld, REG_COUNT + (unsigned)i, REG_SP, 0, FRAME_COUNT + 8 * i);
    put(it, RV_FORM_addi, REG_SP, REG_SP, 0, FRAME);
}

static void generate_return(struct gen *g)
{
    struct item *it = next_item(g);
    begin_item(g, ITEM_RETURN);
    if (in_leaf(g)) {
        put(it, RV_FORM_jalr, 0, REG_LINK, 0, rng_one_in(&g->r, 6) ? 4 : 0);
    } else {
        leave_frame(it);
        if (rng_one_in(&g->r, 6)) /* behind what is behind the call */
            put(it, RV_FORM_addi, REG_RA, REG_RA, 0, 4);
        put(it, rng_one_in(&g->r, 2) ? RV_FORM_jalr : RV_FORM_c_jr, 0, REG_RA, 0, 0);
    }
    finish_item(g);
}

static void generate_recursion(struct gen *g)
{
    struct item *it = next_item(g);
    begin_item(g, ITEM_CALL);
    put(it, RV_FORM_addi, REG_DEPTH, REG_DEPTH, 0, -1);
    put(it, RV_FORM_blt, 0, REG_DEPTH, 0, 12);
    put_rel(it, RV_FORM_jal, REG_RA, 0, 0, -2 - g->function);
    put_filler(g, it);
    finish_item(g);
}

static void generate_function(struct gen *g, int f)
{
    unsigned from = here(g);
    g->function = f;
    g->begins[f] = (int)from;
    g->rounds = 60;
    begin_item(g, ITEM_FUNCTION);
    if (!in_leaf(g))
        enter_frame(next_item(g));
    finish_item(g);
    generate_body(g, 1 + rng_below(&g->r, 8));
    if (g->shapes[f] == SHAPE_RECURSIVE) {
        generate_recursion(g);
        generate_body(g, rng_below(&g->r, 5));
    }
    generate_return(g);
    clamp_targets(g, from);
}

static void generate_end(struct gen *g)
{
    begin_item(g, ITEM_END);
    put_service(next_item(g), SERVICE_END);
    finish_item(g);
}

/* --- what could not be known before --- */

static void resolve_functions(struct gen *g)
{
    for (unsigned i = 0; i < here(g); i++) {
        struct item *it = &g->p->items[i];
        if (it->needs < -1)
            it->needs = (int16_t)g->begins[-2 - it->needs];
        for (unsigned k = 0; k < it->count; k++)
            if (it->insns[k].target < -1)
                it->insns[k].target = (int16_t)g->begins[-2 - it->insns[k].target];
    }
}

static int find_slot(struct gen *g, unsigned from, unsigned reach)
{
    int found[ITEMS_MAX], n = 0;
    for (unsigned i = from > reach ? from - reach : 0; i < here(g) && i < from + reach; i++)
        if (g->p->items[i].kind == ITEM_SLOT)
            found[n++] = (int)i;
    return n ? found[rng_below(&g->r, (unsigned)n)] : -1;
}

static void resolve_patch(struct gen *g, unsigned i)
{
    struct item *it = &g->p->items[i], number = {.count = 0};
    int slot = rng_one_in(&g->r, 4) ? -1 : find_slot(g, i, SLOTS_NEAR);
    unsigned k = 0;
    if (slot < 0)
        slot = find_slot(g, i, ITEMS_MAX);
    if (slot < 0) { /* there is none */
        it->count = 0;
        return;
    }
    it->needs = (int16_t)slot;
    while (it->insns[k].fix != FIX_HIGH)
        k++;
    it->insns[k].target = it->insns[k + 1].target = (int16_t)slot;
    put_number(&number, 7, (int32_t)g->masks[slot]);
    it->insns[k + 2].raw = number.insns[0].raw;
    it->insns[k + 3].raw = number.insns[1].raw;
}

static void resolve(struct gen *g)
{
    resolve_functions(g);
    for (unsigned i = 0; i < here(g); i++)
        if (g->p->items[i].kind == ITEM_PATCH)
            resolve_patch(g, i);
}

/* --- state and pieces --- */

/* Some kinds come more often in a program, some not at all. */
static void pick_weights(struct gen *g)
{
    static const unsigned base[] = {
#define ITEM(id, weight, text) weight,
#include "tests/lockstep/items.def"
    };
    g->weight_sum = 0;
    for (unsigned i = 0; i < ITEM_KINDS; i++) {
        g->weights[i] = base[i];
        if (rng_one_in(&g->r, 6))
            g->weights[i] *= 5;
        else if (i != ITEM_PLAIN && rng_one_in(&g->r, 4))
            g->weights[i] = 0;
        g->weight_sum += g->weights[i];
    }
}

static void pick_registers(struct gen *g)
{
    struct program *p = g->p;
    static const char suffixes[] = "hssddd";
    for (unsigned i = 1; i < 32; i++)
        p->x[i] = value_int(&g->r);
    for (unsigned i = 0; i < 32; i++)
        p->f[i] = value_fp(&g->r, fp_format_of(suffixes[rng_below(&g->r, 6)]));
    p->x[REG_SP] = RAM + AT_STACK_END - 1024;
    p->x[REG_A] = RAM + AT_DATA + 0x8000 + 16 * rng_below(&g->r, 256);
    p->x[REG_B] = RAM + AT_DATA + 0x2000 + PAGE * rng_below(&g->r, 4) - rng_below(&g->r, 16);
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        p->x[REG_COUNT + i] = 0;
    p->x[REG_DEPTH] = 0;
    p->x[REG_LIMIT] = RAM + AT_STREAM_END - 0x10000 - rng_below(&g->r, 0x1000);
    p->x[REG_STREAM] = p->x[REG_LIMIT] - 0x1000 - rng_below(&g->r, 0x8000);
}

static uint32_t pick_length(struct gen *g, unsigned style)
{
    switch (style) {
    case 0: /* as long as it may be */
        return g->p->insns_max;
    case 1: /* short ones */
        return 1 + rng_below(&g->r, rng_one_in(&g->r, 8) ? 3000 : 40);
    case 2:
        return 2000 + rng_below(&g->r, 4000);
    default:
        return rng_one_in(&g->r, 4) ? 1 + rng_below(&g->r, 64) : 2000 + rng_below(&g->r, 20000);
    }
}

static void pick_pieces(struct gen *g)
{
    struct program *p = g->p;
    unsigned style = rng_below(&g->r, 5), irqs = rng_below(&g->r, 3);
    p->insns_max = 10000 + rng_below(&g->r, 50000);
    p->piece_count = 0;
    for (uint32_t sum = 0; sum < p->insns_max && p->piece_count < PIECES_MAX;) {
        struct piece *q = &p->pieces[p->piece_count++];
        q->insns = pick_length(g, style == 1 && sum > 8000 ? 3 : style);
        q->irq = irqs && rng_one_in(&g->r, 1 + irqs);
        q->change = rng_one_in(&g->r, 2);
        sum += q->insns;
    }
}

static void pick_state(struct gen *g)
{
    static const uint8_t modes[] = {PRIV_M, PRIV_S, PRIV_S, PRIV_U, PRIV_U};
    struct program *p = g->p;
    p->mode = RNG_PICK(&g->r, modes);
    p->paging = !rng_one_in(&g->r, 3);
    p->strict_align = rng_one_in(&g->r, 10);
    p->user_data = p->mode == PRIV_M ? rng_one_in(&g->r, 2) : p->mode == PRIV_U;
    p->start =
        rng_one_in(&g->r, 4) ? 2 * rng_below(&g->r, PAGE / 2) : PAGE - 2 * rng_below(&g->r, 300);
    p->global = p->mode == PRIV_S && rng_one_in(&g->r, 2);
    p->data_seed = rng_next(&g->r);
    pick_registers(g);
    image_literals(p, &g->r);
}

void program_make(struct program *p, uint64_t seed, unsigned index)
{
    static struct gen g;
    char tag[32];
    if (!g.plain_count)
        sort_forms(&g);
    snprintf(tag, sizeof(tag), "lockstep %u", index);
    g.r = rng_make(seed, tag);
    g.p = p;
    memset(p, 0, sizeof(*p));
    p->seed = seed;
    p->index = index;
    g.loops = g.rounds = g.skips = 0;
    pick_state(&g);
    pick_weights(&g);
    pick_pieces(&g);
    g.functions = (int)rng_below(&g.r, FUNCTIONS_MAX + 1);
    for (int f = 0; f < g.functions; f++)
        g.shapes[f] = (enum shape)(SHAPE_FRAME + rng_below(&g.r, 3));
    g.function = g.functions;
    g.shapes[g.functions] = SHAPE_MAIN;
    generate_body(&g, 10 + rng_below(&g.r, rng_one_in(&g.r, 3) ? 200 : 60));
    generate_end(&g);
    clamp_targets(&g, 0);
    for (int f = 0; f < g.functions; f++)
        generate_function(&g, f);
    resolve(&g);
}
