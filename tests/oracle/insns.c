/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part insns: every line of insns.def that the machine has, with random and
 * corner operands, in every mode.  A case is one instruction, perhaps behind a
 * few that prepare it (an LR before an SC, a write of mstatus before an MRET),
 * and ends by its trap or that of the c.ebreak behind it or at its target.
 */
#include "tests/oracle/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "isa/riscv/forms.h"
#include "isa/riscv/rv.h"
#include "tests/oracle/encode.h"
#include "tests/oracle/values.h"

/* One form at work. */
struct work {
    struct oracle *o;
    struct batch *b;
    struct rng rng;
    unsigned form;
    uint32_t flags;
    struct encode_uses uses;
    const struct fp_format *formats[4]; /* of its operands, by its name */
    unsigned format_count;
};

/* A placed site with the instruction under test. */
struct placed {
    struct rv_insn in;
    uint64_t pc, insn_pc; /* physical */
    uint64_t target;      /* physical, of jumps through a register */
    int helper;           /* a register that the prefix uses, or -1 */
    uint64_t elsewhere;   /* the address in it */
};

/* --- cases --- */

static const uint8_t modes[] = {PRIV_M, PRIV_S, PRIV_U};

static uint64_t random_status(struct rng *r, unsigned mode)
{
    static const uint64_t fs[] = {3, 3, 3, 3, 3, 3, 1, 2, 0};
    uint64_t status = (uint64_t)mode << 11 | RNG_PICK(r, fs) << 13;
    if (rng_one_in(r, 4))
        status |= rng_next(r) & (MSTATUS_SUM | MSTATUS_MXR);
    return status;
}

static uint64_t random_fcsr(struct rng *r)
{
    static const uint8_t frm[] = {0, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7};
    uint64_t flags = rng_one_in(r, 2) ? 0 : rng_below(r, 32);
    return (uint64_t)RNG_PICK(r, frm) << 5 | flags;
}

/* A case of the placed site in a mode; NULL: the batch is full. */
static struct guest_case *new_case(struct work *w, const struct placed *p, unsigned mode)
{
    struct case_note *note;
    struct guest_case *c = batch_case(w->b, &note);
    if (!c)
        return NULL;
    c->mstatus = random_status(&w->rng, mode);
    c->fcsr = random_fcsr(&w->rng);
    c->pc = batch_code_address(c, p->pc);
    note->form = (uint16_t)w->form;
    note->rm = rv_forms()[w->form].rm.width ? p->in.raw >> rv_forms()[w->form].rm.shift & 7 : 8;
    note->mode = (uint8_t)mode;
    note->insn_pc = p->insn_pc;
    note->raw = p->in.raw;
    return c;
}

static const struct fp_format *any_format(struct work *w)
{
    return w->formats[rng_below(&w->rng, w->format_count)];
}

static uint64_t fp_operand(struct work *w, struct guest_case *c, const struct placed *p,
                           unsigned which)
{
    const struct fp_format *f = any_format(w);
    uint64_t a = case_reg(w->b, c, 32 + p->in.rs1), b = case_reg(w->b, c, 32 + p->in.rs2);
    if (which == 2 && rng_one_in(&w->rng, 4))
        return value_fp_near(&w->rng, f, a);
    if (which == 3 && rng_one_in(&w->rng, 2))
        return value_fp_minus_product(&w->rng, f, a, b);
    return value_fp(&w->rng, f);
}

/* Gives the source registers values of their own; the destination too, as it must not change on a
 * trap. */
static void patch_operands(struct work *w, struct guest_case *c, const struct placed *p)
{
    const struct encode_uses *u = &w->uses;
    if (u->frs1)
        case_patch(c, 32u + p->in.rs1, fp_operand(w, c, p, 1));
    if (u->frs2)
        case_patch(c, 32u + p->in.rs2, fp_operand(w, c, p, 2));
    if (u->frs3)
        case_patch(c, 32u + p->in.rs3, fp_operand(w, c, p, 3));
    if (u->rs1)
        case_patch(c, p->in.rs1, value_int(&w->rng));
    if (u->rs2)
        case_patch(c, p->in.rs2,
                   rng_one_in(&w->rng, 8) ? case_reg(w->b, c, p->in.rs1) : value_int(&w->rng));
}

/* --- plain instructions --- */

static bool place(struct work *w, struct site *s, struct placed *p)
{
    p->pc = batch_place(w->b, s);
    p->insn_pc = p->pc + site_prefix_bytes(s);
    return p->pc;
}

/* Now and then with a reserved rounding mode, which no encoder gives. */
static void spoil_rounding(struct work *w, struct rv_insn *in)
{
    struct rv_field rm = rv_forms()[w->form].rm;
    if (rm.width && rng_one_in(&w->rng, 24))
        in->raw = (in->raw & ~(7u << rm.shift)) | (5u + rng_below(&w->rng, 2)) << rm.shift;
}

static bool make_plain(struct work *w, struct placed *p, unsigned turn)
{
    static const int8_t turns[] = {0, 1, 2, 3, 4, 7};
    struct encode_fix fix = ENCODE_FREE;
    struct site s = {0};
    fix.rm = turns[turn % sizeof(turns)];
    if (!encode_random(&w->rng, w->form, &w->o->machines.exts, &fix, &p->in))
        return false;
    spoil_rounding(w, &p->in);
    /* A WRS that finds a reservation waits for it to go: an SC takes it away first. */
    if (rv_op_info(p->in.op)->ext == RV_EXT_Zawrs) {
        site_asm(&s, "auipc x5,0");
        site_asm(&s, "sc.w x0,x0,(x5)");
    }
    site_add(&s, p->in.raw, p->in.len);
    return place(w, &s, p);
}

static bool case_plain(struct work *w, const struct placed *p)
{
    struct guest_case *c = new_case(w, p, RNG_PICK(&w->rng, modes));
    if (c)
        patch_operands(w, c, p);
    return c;
}

/* --- jumps and branches --- */

static bool through_register(const struct work *w)
{
    return rv_forms()[w->form].op == RV_OP_jalr;
}

static bool make_jump(struct work *w, struct placed *p, unsigned turn)
{
    struct encode_fix fix = ENCODE_FREE;
    struct site s = {0};
    (void)turn;
    if (!encode_random(&w->rng, w->form, &w->o->machines.exts, &fix, &p->in))
        return false;
    site_add(&s, p->in.raw, p->in.len);
    if (through_register(w))
        return place(w, &s, p);
    p->pc = batch_place_jump(w->b, &s, p->in.imm);
    p->insn_pc = p->pc;
    return p->pc;
}

/* An address that a jump through a register goes to: code, or nowhere. */
static uint64_t jump_target(struct work *w, const struct guest_case *c)
{
    static const uint64_t nowhere[] = {0xa0000000,         0xb0000000,       1ull << 40,
                                       1ull << 55,         1ull << 56,       1ull << 63,
                                       0xffffffff80000000, UINT64_MAX - 4095};
    if (rng_one_in(&w->rng, 12))
        return RNG_PICK(&w->rng, nowhere) + 2 * rng_below(&w->rng, 64);
    return batch_code_address(c, batch_landing(&w->rng)) + rng_one_in(&w->rng, 4);
}

static bool case_jump(struct work *w, const struct placed *p)
{
    struct guest_case *c = new_case(w, p, RNG_PICK(&w->rng, modes));
    if (!c)
        return false;
    if (through_register(w)) {
        case_patch(c, p->in.rs1, jump_target(w, c) - (uint64_t)(int64_t)p->in.imm);
        return true;
    }
    case_patch(c, p->in.rs1, value_int(&w->rng));
    if (rng_one_in(&w->rng, 3))
        case_patch(c, p->in.rs2, case_reg(w->b, c, p->in.rs1) + rng_below(&w->rng, 3) - 1);
    patch_operands(w, c, p);
    return true;
}

/* --- memory --- */

static unsigned width_of_lr(unsigned op)
{
    return op == RV_OP_sc_w || op == RV_OP_lr_w ? 4 : 8;
}

static bool is_sc(unsigned op)
{
    return op == RV_OP_sc_w || op == RV_OP_sc_d;
}

/* An x register that the instruction does not name. */
static int spare_reg(struct work *w, const struct rv_insn *in, int but)
{
    for (;;) {
        int n = 1 + (int)rng_below(&w->rng, 31);
        if (n != in->rd && n != in->rs1 && n != in->rs2 && n != in->rd + 1 && n != in->rs2 + 1 &&
            n != but)
            return n;
    }
}

/*
 * What precedes an SC: an LR of the same address, or of another one (the SC
 * then fails), or an SC that fails and leaves no reservation.
 */
static void add_reservation(struct work *w, struct site *s, struct placed *p)
{
    char width = width_of_lr(p->in.op) == 4 ? 'w' : 'd';
    int scratch = spare_reg(w, &p->in, -1);
    p->helper = spare_reg(w, &p->in, scratch);
    p->elsewhere = ORACLE_DATA + 0x9000;
    switch (rng_below(&w->rng, 4)) {
    case 0: /* of what no LR reserves: one may be left over from an earlier case */
        p->elsewhere = ORACLE_DATA + 0xa000;
        site_asm(s, "sc.%c x%d,x0,(x%d)", width, scratch, p->helper);
        break;
    case 1:
        site_asm(s, "lr.%c x%d,(x%d)", width, scratch, p->helper);
        break;
    default:
        site_asm(s, "lr.%c x%d,(x%d)", width, scratch, p->in.rs1);
        p->helper = -1;
    }
}

/* Cases whose data is translated in M-mode through MPRV write mstatus in their own code. */
enum { KIND_DIRECT, KIND_MPRV };

static bool make_memory(struct work *w, struct placed *p, unsigned turn)
{
    struct encode_fix fix = ENCODE_FREE;
    struct site s = {0};
    (void)turn;
    if (rng_one_in(&w->rng, 2)) /* more often an address than x0 */
        fix.rs1 = 1 + (int)rng_below(&w->rng, 31);
    if (!encode_random(&w->rng, w->form, &w->o->machines.exts, &fix, &p->in)) {
        fix.rs1 = -1;
        if (!encode_random(&w->rng, w->form, &w->o->machines.exts, &fix, &p->in))
            return false;
    }
    p->helper = -1;
    if (is_sc(p->in.op))
        add_reservation(w, &s, p);
    site_add(&s, p->in.raw, p->in.len);
    return place(w, &s, p);
}

static uint64_t align_sometimes(struct rng *r, uint64_t addr)
{
    return addr & ~((1ull << rng_below(r, 5)) - 1);
}

/* A window in RAM, and an address in its middle: inside a line, across lines, across pages. */
static uint64_t window_address(struct work *w, struct guest_case *c)
{
    uint64_t page = ORACLE_DATA + 0x1000 * rng_below(&w->rng, 8);
    if (rng_one_in(&w->rng, 3))
        c->mem = page + 0x1000 - 64;
    else
        c->mem = page + 8 * rng_below(&w->rng, (0x1000 - 128) / 8);
    return align_sometimes(&w->rng, c->mem + 40 + rng_below(&w->rng, 32));
}

/* Through the page tables, at the border of two pages of random kinds. */
static uint64_t pair_window_address(struct work *w, struct guest_case *c, bool user)
{
    enum page_kind first = rng_below(&w->rng, KIND_KINDS), second = rng_below(&w->rng, KIND_KINDS);
    if (rng_one_in(&w->rng, 3))
        first = KIND_RW;
    if (rng_one_in(&w->rng, 3))
        second = KIND_RW;
    c->mem = PAIR_PA + 0x1000 - 64;
    return align_sometimes(&w->rng, pair_address(user, first, second) + 0x1000 - 24 +
                                        rng_below(&w->rng, 40));
}

#define RAM_LAST 0x8fffffe0ull /* the last bytes of RAM */

static uint64_t nowhere_address(struct work *w, struct guest_case *c)
{
    static const uint64_t nowhere[] = {
        0,          0xa0000000, 0xa0000ff8, 1ull << 38, 1ull << 39,         1ull << 55,
        1ull << 56, 1ull << 63, UINT64_MAX, 0x8ffffff8, 0xffffffff80000000, 0xffffffc000000000};
    uint64_t at = RNG_PICK(&w->rng, nowhere) + rng_below(&w->rng, 16);
    at -= rng_one_in(&w->rng, 2) ? 8 : 0;
    if (at == (RAM_LAST | (at & 31))) /* what a store before it left there must not matter */
        c->mem = RAM_LAST + 32 - MEM_DWORDS * 8;
    return at;
}

/* In U, RAM is seen through the alias. */
static uint64_t data_address(struct work *w, struct guest_case *c)
{
    bool user = !(c->mstatus & MSTATUS_MPP), machine = (c->mstatus & MSTATUS_MPP) == MSTATUS_MPP;
    unsigned what = rng_below(&w->rng, 10);
    if (what == 0)
        return nowhere_address(w, c);
    if (what < 5 && !machine)
        return pair_window_address(w, c, user);
    uint64_t at = window_address(w, c);
    return user ? at + USER_ALIAS : at;
}

/* For a compare-and-swap: what memory holds, so that it succeeds. */
static void patch_expected(struct work *w, struct guest_case *c, const struct placed *p,
                           uint64_t address)
{
    const uint8_t *image = batch_host(w->b, c->mem_image);
    uint64_t offset = (address & 0xfff) - (c->mem & 0xfff), v;
    if (!c->mem || offset > MEM_DWORDS * 8 - 16 || rng_one_in(&w->rng, 3)) {
        case_patch(c, p->in.rd, value_int(&w->rng));
        return;
    }
    memcpy(&v, image + offset, 8);
    if (rng_one_in(&w->rng, 4))
        v ^= 1ull << rng_below(&w->rng, 64);
    case_patch(c, p->in.rd, v);
    memcpy(&v, image + offset + 8, 8);
    if (w->uses.pairs && p->in.rd)
        case_patch(c, p->in.rd + 1u, v);
}

static bool case_memory(struct work *w, const struct placed *p)
{
    struct guest_case *c = new_case(w, p, RNG_PICK(&w->rng, modes));
    if (!c)
        return false;
    uint64_t at = data_address(w, c);
    case_patch(c, p->in.rs1, at - (uint64_t)(int64_t)p->in.imm);
    if (p->helper >= 0) /* somewhere else, where access is allowed */
        case_patch(c, (unsigned)p->helper, batch_code_address(c, p->elsewhere));
    if (w->flags & RV_IS_AMO && !is_sc(p->in.op))
        patch_expected(w, c, p, at);
    if (w->uses.pairs && p->in.rs2)
        case_patch(c, p->in.rs2 + 1u, value_int(&w->rng));
    patch_operands(w, c, p);
    return true;
}

/* --- system instructions --- */

/*
 * CSRs that any value may be written to without the runtime noticing, and some
 * that are read-only or do not exist.  Part csrs has all numbers.
 */
static const uint16_t tame_csrs[] = {0x001, 0x002, 0x003, 0x140, 0x141, 0x142, 0x143, 0x341, 0x342,
                                     0x343, 0xf11, 0xf12, 0xf14, 0x106, 0x306, 0x5ff, 0x9ff, 0x000};

static bool make_csr(struct work *w, struct placed *p, unsigned turn)
{
    struct encode_fix fix = ENCODE_FREE;
    struct site s = {0};
    (void)turn;
    fix.has_imm = true;
    fix.imm = RNG_PICK(&w->rng, tame_csrs);
    if (!encode_random(&w->rng, w->form, &w->o->machines.exts, &fix, &p->in))
        return false;
    site_add(&s, p->in.raw, p->in.len);
    return place(w, &s, p);
}

static bool case_csr(struct work *w, const struct placed *p)
{
    struct csr_block csrs = batch_default_csrs();
    struct guest_case *c = new_case(w, p, RNG_PICK(&w->rng, modes));
    if (!c)
        return false;
    c->csrs = batch_csrs(w->b, &csrs);
    patch_operands(w, c, p);
    return true;
}

/* Prefixes that only M can execute; case_system patches the registers. */
enum { REG_STATUS = 6, REG_EPC = 7 };

static bool make_system(struct work *w, struct placed *p, unsigned turn)
{
    struct encode_fix fix = ENCODE_FREE;
    struct site s = {0};
    (void)turn;
    if (!encode_random(&w->rng, w->form, &w->o->machines.exts, &fix, &p->in))
        return false;
    p->helper = p->in.op == RV_OP_mret || (p->in.op == RV_OP_sret && rng_one_in(&w->rng, 2));
    if (p->helper) {
        site_asm(&s, "csrrw x0,mstatus,x%d", REG_STATUS);
        site_asm(&s, "csrrw x0,mepc,x%d", REG_EPC);
    }
    site_add(&s, p->in.raw, p->in.len);
    return place(w, &s, p);
}

static uint64_t status_bits(struct rng *r)
{
    return rng_next(r) & (MSTATUS_SIE | MSTATUS_MIE | MSTATUS_SPIE | MSTATUS_MPIE | MSTATUS_SPP |
                          MSTATUS_MPP | MSTATUS_FS | MSTATUS_MPRV | MSTATUS_SUM | MSTATUS_MXR |
                          MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR);
}

/* What traps, returns and fences look at; sip is set where a WFI must not sleep. */
static struct csr_block system_csrs(struct work *w, unsigned op)
{
    static const uint16_t medelegs[] = {0, 0x100, 0x4, 0xb100, 0xb3f7};
    struct csr_block v = batch_default_csrs();
    uint64_t landing = batch_landing(&w->rng);
    v.v[SLOT_MEDELEG] = RNG_PICK(&w->rng, medelegs);
    v.v[SLOT_STVEC] =
        ((rng_one_in(&w->rng, 2) ? landing : ORACLE_ARENA + 64) & ~3ull) | rng_one_in(&w->rng, 2);
    v.v[SLOT_SEPC] = landing + (rng_one_in(&w->rng, 2) ? USER_ALIAS : 0);
    if (op == RV_OP_wfi) {
        v.v[SLOT_MIDELEG] = v.v[SLOT_MIE] = v.v[SLOT_MIP] = 2;
        v.v[SLOT_MEDELEG] = 0;
    }
    return v;
}

static bool case_system(struct work *w, const struct placed *p)
{
    struct csr_block csrs = system_csrs(w, p->in.op);
    unsigned mode = p->helper && !rng_one_in(&w->rng, 4) ? PRIV_M : RNG_PICK(&w->rng, modes);
    struct guest_case *c = new_case(w, p, mode);
    if (!c)
        return false;
    uint64_t bits = status_bits(&w->rng) &
                    ~(MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_SIE | MSTATUS_MIE | MSTATUS_MPIE);
    c->mstatus |= bits & ~MSTATUS_FS;
    c->csrs = batch_csrs(w->b, &csrs);
    if (p->helper) {
        case_patch(c, REG_STATUS, status_bits(&w->rng));
        case_patch(c, REG_EPC, csrs.v[SLOT_SEPC]);
    }
    patch_operands(w, c, p);
    return true;
}

/* --- all forms --- */

struct method {
    bool (*make)(struct work *w, struct placed *p, unsigned turn);
    bool (*add)(struct work *w, const struct placed *p);
    unsigned sites, cases; /* cases of each site */
};

static const struct method plain = {make_plain, case_plain, 108, 12};
static const struct method rounding = {make_plain, case_plain, 240, 12};
static const struct method jump = {make_jump, case_jump, 220, 6};
static const struct method memory = {make_memory, case_memory, 180, 12};
static const struct method csr = {make_csr, case_csr, 180, 8};
static const struct method system_ = {make_system, case_system, 96, 16};

static const struct method *method_of(const struct work *w)
{
    if (w->flags & (RV_IS_BRANCH | RV_IS_JUMP))
        return &jump;
    if (w->flags & RV_IS_CSR)
        return &csr;
    if (rv_op_info(rv_forms()[w->form].op)->ext != RV_EXT_Zawrs && w->flags & RV_IS_SYSTEM)
        return &system_;
    if (w->flags & (RV_IS_LOAD | RV_IS_STORE | RV_IS_AMO))
        return &memory;
    return rv_forms()[w->form].rm.width ? &rounding : &plain;
}

/* Formats by the letters after the dots of the name: "fcvt.s.d" has both. */
static void find_formats(struct work *w)
{
    for (const char *p = rv_forms()[w->form].name; *p; p++) {
        const struct fp_format *f = *p == '.' ? fp_format_of(p[1]) : NULL;
        if (f && (!p[2] || p[2] == '.') && w->format_count < 4)
            w->formats[w->format_count++] = f;
    }
    if (!w->format_count)
        w->formats[w->format_count++] = fp_format_of('d');
}

/* Adds one site with its cases; false: there is no room left. */
static bool add_site(struct work *w, const struct method *m, unsigned turn)
{
    struct placed p = {.helper = -1};
    if (w->b->case_count + m->cases > BATCH_CASES || w->b->csr_blocks + m->cases > BATCH_CSR_BLOCKS)
        return false;
    if (!m->make(w, &p, turn))
        return p.in.raw != 0 && w->b->site_next + 4096 < ORACLE_SITES_END;
    for (unsigned i = 0; i < m->cases; i++)
        m->add(w, &p);
    return true;
}

static int add_form(struct oracle *o, unsigned form)
{
    struct work w = {.o = o, .b = &o->batch, .form = form};
    int bad = 0, rc;
    w.rng = rng_make(o->seed, rv_forms()[form].name);
    w.flags = encode_flags(form);
    w.uses = encode_uses(form);
    find_formats(&w);
    const struct method *m = method_of(&w);
    for (unsigned i = 0; i < m->sites * o->scale; i++) {
        if (add_site(&w, m, i))
            continue;
        rc = oracle_run_batch(o, NULL, 0);
        if (rc < 0)
            return rc;
        bad += rc;
        add_site(&w, m, i);
    }
    return bad;
}

static bool wanted(const struct oracle *o, unsigned form)
{
    const struct rv_form *f = &rv_forms()[form];
    if (!rv_ext_has(&o->machines.exts, f->ext) || !rv_ext_has(&o->machines.exts, f->base_ext))
        return false;
    return o->machines.in_qemu[f->ext] && (!o->filter || !strcmp(o->filter, f->name));
}

int oracle_insns(struct oracle *o)
{
    int bad = 0, rc;
    o->compare.part = "insns";
    batch_reset(&o->batch, o->seed);
    for (unsigned form = 1; form < RV_FORM_COUNT; form++) {
        rc = wanted(o, form) ? add_form(o, form) : 0;
        if (rc < 0)
            return rc;
        bad += rc;
    }
    rc = oracle_run_batch(o, NULL, 0);
    return rc < 0 ? rc : bad + rc;
}
