/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part streams: programs of a few hundred random instructions that touch each
 * other's results, run from start to end in M, S or U.  Traps are passed over;
 * their causes, addresses and values go into a hash and the first ones into a
 * log.  Registers, fcsr, traps and the program's own memory are compared.
 *
 * What keeps a program in bounds: x2, x8 and x9 hold the addresses that loads
 * and stores are relative to, and nothing writes them; jumps and branches go
 * forward over a few instructions, backward only by the counter in x27.
 *
 * A program is a list of items, each some instructions that belong together, so
 * an item can be taken out.  That is how a program that differs is made small:
 * all ways to leave out a piece are tried in one batch, the smallest one that
 * still differs is tried again, until no piece can go.
 */
#include "tests/oracle/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/forms.h"
#include "isa/riscv/rv.h"
#include "tests/oracle/encode.h"
#include "tests/oracle/values.h"

enum {
    ITEMS_MAX = 320,
    ITEM_INSNS = 3,
    PROGRAM_BYTES = ITEMS_MAX * (ITEM_INSNS * 4 + 2) + 4,
    PROGRAMS = 2000, /* of a batch */
    AREA_BYTES = 0x2000,
    REACH = 10, /* items that a jump goes over at most */
    CANDIDATES = 1500,
};
#define AREAS 0x88000000ull

enum { REG_SP = 2, REG_A = 8, REG_B = 9, REG_COUNT = 27 };

enum target_kind {
    TARGET_NONE,
    TARGET_PC,  /* the last instruction goes to it */
    TARGET_REG, /* auipc, then jalr or addi with the distance; then perhaps a jump */
};

struct item {
    uint32_t raw[ITEM_INSNS];
    uint8_t len[ITEM_INSNS], count;
    uint8_t target;   /* enum target_kind */
    int16_t distance; /* items from this one to the target */
    uint16_t form;    /* of the one that jumps */
};

struct program {
    struct item items[ITEMS_MAX];
    unsigned count, index; /* index: its number under the seed */
    struct rng start;      /* state from which its registers follow */
    unsigned mode;
};

struct stream_work {
    struct oracle *o;
    struct batch *b;
    struct rng rng;
    uint16_t plain[RV_FORM_COUNT], memory[RV_FORM_COUNT], fp[RV_FORM_COUNT], jumps[RV_FORM_COUNT];
    unsigned plain_count, memory_count, fp_count, jump_count;
};

/* --- which instructions --- */

static bool is_fp(unsigned form)
{
    return rv_op_info(rv_forms()[form].op)->flags & RV_IS_FP;
}

/* Those whose outcome is left open, that wait, that leave the mode, or that QEMU has wrong. */
static bool unfit(const struct stream_work *w, unsigned form)
{
    const struct rv_form *f = &rv_forms()[form];
    const struct rv_op_info *op = rv_op_info(f->op);
    const struct rv_ext_set *exts = &w->o->machines.exts;
    if (!rv_ext_has(exts, f->ext) || !rv_ext_has(exts, f->base_ext) ||
        !w->o->machines.in_qemu[f->ext])
        return true;
    if (op->ext == RV_EXT_Zawrs || op->ext == RV_EXT_Svinval || op->flags & RV_IS_CSR)
        return true;
    switch (f->op) {
    case RV_OP_mret:
    case RV_OP_sret:
    case RV_OP_wfi:
    case RV_OP_sc_w:
    case RV_OP_sc_d:
        return true;
    }
    return false;
}

static void sort_form(struct stream_work *w, unsigned form)
{
    uint32_t flags = encode_flags(form);
    if (flags & (RV_IS_BRANCH | RV_IS_JUMP))
        w->jumps[w->jump_count++] = (uint16_t)form;
    else if (flags & (RV_IS_LOAD | RV_IS_STORE | RV_IS_AMO))
        w->memory[w->memory_count++] = (uint16_t)form;
    else if (is_fp(form))
        w->fp[w->fp_count++] = (uint16_t)form;
    else
        w->plain[w->plain_count++] = (uint16_t)form;
}

static void sort_forms(struct stream_work *w)
{
    for (unsigned form = 1; form < RV_FORM_COUNT; form++)
        if (!unfit(w, form))
            sort_form(w, form);
}

/* --- items --- */

static bool reserved_reg(unsigned reg)
{
    return reg == REG_SP || reg == REG_A || reg == REG_B || reg == REG_COUNT;
}

/* A compare-and-swap into x0 makes QEMU 10.0 take the old value for zero in what follows. */
static bool spoils_qemu(const struct rv_insn *in)
{
    return !in->rd && rv_op_info(in->op)->flags & RV_IS_AMO &&
           strstr(rv_op_info(in->op)->name, "amocas");
}

/* Whether the instruction leaves the reserved registers alone. */
static bool writes_well(const struct rv_insn *in)
{
    struct encode_uses u = encode_uses(in->form);
    if (spoils_qemu(in))
        return false;
    if (!u.rd)
        return true;
    return !reserved_reg(in->rd) && !(u.pairs && in->rd && reserved_reg(in->rd + 1u));
}

static void item_add(struct item *it, uint32_t raw, unsigned len)
{
    it->raw[it->count] = raw;
    it->len[it->count++] = (uint8_t)len;
}

static void item_asm(struct item *it, const char *fmt, unsigned a, unsigned b, unsigned c)
{
    char text[64];
    uint32_t raw;
    snprintf(text, sizeof(text), fmt, a, b, c);
    int len = rv_asm(text, 0, &raw);
    item_add(it, raw, (unsigned)len);
}

static bool random_insn(struct stream_work *w, unsigned form, const struct encode_fix *fix,
                        struct rv_insn *in)
{
    for (unsigned i = 0; i < 16; i++)
        if (encode_random(&w->rng, form, &w->o->machines.exts, fix, in) && writes_well(in))
            return true;
    return false;
}

/* QEMU 10.0 leaves out an FROUND or FROUNDNX whose result nobody reads, and with it its flags. */
static bool qemu_leaves_out(const struct rv_insn *in)
{
    return !strncmp(rv_op_info(in->op)->name, "fround", 6);
}

static bool make_plain(struct stream_work *w, struct item *it, unsigned form)
{
    struct encode_fix fix = ENCODE_FREE;
    struct rv_insn in;
    if (!random_insn(w, form, &fix, &in))
        return false;
    item_add(it, in.raw, in.len);
    if (qemu_leaves_out(&in))
        item_asm(it, "fsd f%u,0(x%u)", in.rd, REG_SP, 0);
    return true;
}

static bool make_memory(struct stream_work *w, struct item *it, unsigned form)
{
    static const uint8_t bases[] = {REG_SP, REG_A, REG_A, REG_B}, aligned[] = {REG_SP, REG_A};
    struct encode_fix fix = ENCODE_FREE;
    struct rv_insn in;
    struct rv_field rs1 = rv_forms()[form].rs1;
    if (encode_flags(form) & RV_IS_AMO) /* a misaligned one may be done or not */
        fix.rs1 = RNG_PICK(&w->rng, aligned);
    else if (rs1.width == 5)
        fix.rs1 = RNG_PICK(&w->rng, bases);
    else if (rs1.width == 3)
        fix.rs1 = rng_one_in(&w->rng, 3) ? REG_B : REG_A;
    if (!random_insn(w, form, &fix, &in))
        return false;
    item_add(it, in.raw, in.len);
    return true;
}

/* An SC is compared right behind its LR only. */
static void make_reservation(struct stream_work *w, struct item *it)
{
    char width = rng_one_in(&w->rng, 2) ? 'w' : 'd';
    unsigned a = 10 + rng_below(&w->rng, 16), b = rng_below(&w->rng, 32);
    unsigned base = rng_one_in(&w->rng, 2) ? REG_SP : REG_A;
    item_asm(it, width == 'w' ? "lr.w x%u,(x%u)" : "lr.d x%u,(x%u)", a, base, 0);
    item_asm(it, width == 'w' ? "sc.w x%u,x%u,(x%u)" : "sc.d x%u,x%u,(x%u)", a, b, base);
}

static void make_csr(struct stream_work *w, struct item *it)
{
    static const uint16_t csrs[] = {0x001, 0x001, 0x002, 0x003, 0x003, 0x140, 0x142,
                                    0x143, 0x106, 0x306, 0xf14, 0x5ff, 0x9ff};
    static const uint16_t forms[] = {RV_FORM_csrrw,  RV_FORM_csrrs,  RV_FORM_csrrc,
                                     RV_FORM_csrrwi, RV_FORM_csrrsi, RV_FORM_csrrci};
    struct encode_fix fix = ENCODE_FREE;
    struct rv_insn in;
    fix.has_imm = true;
    fix.imm = RNG_PICK(&w->rng, csrs);
    if (random_insn(w, RNG_PICK(&w->rng, forms), &fix, &in))
        item_add(it, in.raw, in.len);
}

/* A word that no line of the table takes: must trap. */
static void make_illegal(struct stream_work *w, struct item *it)
{
    const struct rv_form *f = &rv_forms()[1 + rng_below(&w->rng, RV_FORM_COUNT - 1)];
    uint32_t raw = (uint32_t)rng_next(&w->rng);
    struct rv_insn in;
    if (rng_one_in(&w->rng, 2)) /* near one that is */
        raw = f->match ^ (1u << rng_below(&w->rng, f->len * 8));
    if ((raw & 3) != 3)
        raw &= 0xffff;
    rv_decode(raw, &w->o->machines.exts, &in);
    if (in.op == RV_OP_illegal)
        item_add(it, raw, in.len);
}

/* A jump through a register gets its address from an auipc before it. */
static bool make_jump(struct stream_work *w, struct item *it, unsigned form)
{
    struct encode_fix fix = ENCODE_FREE;
    struct rv_insn in;
    unsigned reg = 1;
    it->form = (uint16_t)form;
    it->distance = (int16_t)(1 + rng_below(&w->rng, REACH));
    it->target = TARGET_PC;
    if (rv_forms()[form].op == RV_OP_jalr) {
        it->target = TARGET_REG;
        do
            reg = 1 + rng_below(&w->rng, 31);
        while (reserved_reg(reg));
        fix.rs1 = (int)reg;
        fix.has_imm = true;
        item_asm(it, "auipc x%u,0", reg, 0, 0);
        if (rv_forms()[form].len == 2)
            item_asm(it, "addi x%u,x%u,0", reg, reg, 0);
    } else {
        fix.has_imm = true;
        fix.imm = 16;
    }
    if (!random_insn(w, form, &fix, &in))
        return false;
    item_add(it, in.raw, in.len);
    return true;
}

/* Opens a loop around the items from here to its end. */
static void make_loop(struct program *p, unsigned from, unsigned rounds)
{
    struct item *first = &p->items[from], *last = &p->items[p->count++];
    *first = (struct item){0};
    *last = (struct item){.target = TARGET_PC, .form = RV_FORM_blt};
    item_asm(first, "addi x%u,x0,%u", REG_COUNT, rounds, 0);
    item_asm(last, "addi x%u,x%u,-1", REG_COUNT, REG_COUNT, 0);
    item_asm(last, "blt x0,x%u,16", REG_COUNT, 0, 0);
    last->distance = (int16_t)((int)from + 1 - (int)(p->count - 1));
}

static bool make_item(struct stream_work *w, struct item *it)
{
    unsigned what = rng_below(&w->rng, 100);
    *it = (struct item){0};
    if (what < 36)
        return make_plain(w, it, w->plain[rng_below(&w->rng, w->plain_count)]);
    if (what < 58)
        return make_memory(w, it, w->memory[rng_below(&w->rng, w->memory_count)]);
    if (what < 82)
        return w->fp_count && make_plain(w, it, w->fp[rng_below(&w->rng, w->fp_count)]);
    if (what < 92)
        return make_jump(w, it, w->jumps[rng_below(&w->rng, w->jump_count)]);
    if (what < 94)
        make_reservation(w, it);
    else if (what < 97)
        make_csr(w, it);
    else
        make_illegal(w, it);
    return it->count;
}

static void make_program(struct stream_work *w, struct program *p, unsigned index)
{
    static const uint8_t modes[] = {PRIV_M, PRIV_S, PRIV_U};
    char tag[32];
    unsigned want, loop = 0;
    snprintf(tag, sizeof(tag), "stream %u", index);
    w->rng = rng_make(w->o->seed, tag);
    p->index = index;
    p->count = 0;
    p->mode = RNG_PICK(&w->rng, modes);
    p->start = w->rng;
    want = 200 + rng_below(&w->rng, ITEMS_MAX - 220);
    while (p->count < want) {
        if (!loop && rng_one_in(&w->rng, 40)) {
            loop = p->count + 1;
            p->count++;
        } else if (loop && p->count > loop + 3 && rng_one_in(&w->rng, 12)) {
            make_loop(p, loop - 1, 1 + rng_below(&w->rng, 12));
            loop = 0;
        } else if (make_item(w, &p->items[p->count])) {
            p->count++;
        }
    }
    if (loop)
        make_loop(p, loop - 1, 2);
}

/* --- code --- */

struct code {
    uint8_t bytes[PROGRAM_BYTES];
    unsigned size;
    unsigned at[ITEMS_MAX + 1]; /* of each item, and the end */
    unsigned insns;
};

/* A nop where an instruction would lie across two pages: QEMU's mepc of such is known to be wrong.
 */
static unsigned padding(uint64_t pc, unsigned len)
{
    return len == 4 && (pc & 0xfff) == 0xffe ? 2 : 0;
}

static void lay_out(const struct program *p, uint64_t base, struct code *c)
{
    unsigned size = 0;
    c->insns = 0;
    for (unsigned i = 0; i < p->count; i++) {
        unsigned bytes = 0;
        for (unsigned k = 0; k < p->items[i].count; k++)
            bytes += p->items[i].len[k];
        if (((base + size) & 0xfff) + bytes > 0x1000) /* items are not torn either */
            size = (unsigned)(((base + size + 0xfff) & ~0xfffull) - base);
        c->at[i] = size;
        size += bytes;
        c->insns += p->items[i].count;
    }
    c->at[p->count] = size + padding(base + size, 4);
    c->size = c->at[p->count] + 4;
}

static uint32_t with_imm(uint32_t raw, unsigned form, int32_t imm)
{
    struct rv_insn in;
    uint32_t word;
    rv_form_extract(&rv_forms()[form], raw, &in);
    in.imm = imm;
    return rv_encode(form, &in, &word) < 0 ? raw : word;
}

/* Distances become offsets. */
static void link_item(const struct program *p, const struct code *c, unsigned i, struct item *it)
{
    int target = (int)i + it->distance;
    unsigned last = it->count - 1u, before = 0;
    if (!it->target)
        return;
    if (target > (int)p->count)
        target = (int)p->count;
    if (target < 0)
        target = (int)i + 1;
    for (unsigned k = 0; k < last; k++)
        before += it->len[k];
    int from_item = (int)c->at[target] - (int)c->at[i];
    if (it->target == TARGET_PC)
        it->raw[last] = with_imm(it->raw[last], it->form, from_item - (int)before);
    else if (last == 1)
        it->raw[1] = with_imm(it->raw[1], it->form, from_item);
    else
        it->raw[1] = with_imm(it->raw[1], RV_FORM_addi, from_item);
}

/* The program at base: c.nop in gaps, an ebreak at the end. */
static void write_code(const struct program *p, uint64_t base, struct code *c)
{
    const uint16_t c_nop = 1;
    const uint32_t ebreak = 0x00100073;
    lay_out(p, base, c);
    for (unsigned i = 0; i + 1 < c->size; i += 2)
        memcpy(c->bytes + i, &c_nop, 2);
    for (unsigned i = 0; i < p->count; i++) {
        struct item it = p->items[i];
        unsigned at = c->at[i];
        link_item(p, c, i, &it);
        for (unsigned k = 0; k < it.count; at += it.len[k], k++)
            memcpy(c->bytes + at, &it.raw[k], it.len[k]);
    }
    memcpy(c->bytes + c->at[p->count], &ebreak, 4);
}

/* --- cases --- */

static bool add_program(struct stream_work *w, const struct program *p)
{
    static struct code code;
    struct csr_block csrs = batch_default_csrs();
    struct rng r = p->start;
    struct case_note *note;
    uint64_t base = (w->b->site_next + 3) & ~3ull, area;
    if (w->b->case_count == PROGRAMS || base + PROGRAM_BYTES > ORACLE_SITES_END)
        return false;
    area = AREAS + (uint64_t)w->b->case_count * AREA_BYTES;
    struct guest_case *c = batch_case(w->b, &note);
    write_code(p, base, &code);
    memcpy(batch_host(w->b, base), code.bytes, code.size);
    w->b->site_next = base + code.size;
    c->csrs = batch_csrs(w->b, &csrs);
    c->image = ORACLE_IMAGES + 512 * rng_below(&r, BATCH_IMAGES);
    c->mstatus = (uint64_t)p->mode << 11 | MSTATUS_FS;
    c->fcsr = rng_below(&r, 5) << 5;
    c->mem = area + AREA_BYTES / 2 - MEM_DWORDS * 4;
    c->pc = batch_code_address(c, base);
    c->end_pc = c->pc + code.at[p->count];
    uint64_t middle = batch_code_address(c, area + AREA_BYTES / 2);
    case_patch(c, REG_SP, middle - 64 + 16 * rng_below(&r, 8));
    case_patch(c, REG_A, middle - 64 + 16 * rng_below(&r, 8));
    case_patch(c, REG_B, middle - 32 + rng_below(&r, 64));
    case_patch(c, REG_COUNT, 1);
    note->insn_pc = base;
    note->mode = (uint8_t)p->mode;
    note->area = area;
    note->area_bytes = AREA_BYTES;
    note->tag = p->index;
    return true;
}

/* --- shrinking --- */

/* p without the items from first on. */
static void leave_out(const struct program *p, unsigned first, unsigned count, struct program *out)
{
    *out = *p;
    memmove(&out->items[first], &p->items[first + count],
            (p->count - first - count) * sizeof(p->items[0]));
    out->count -= count;
    for (unsigned i = 0; i < out->count; i++) {
        struct item *it = &out->items[i];
        int was = (int)(i < first ? i : i + count), target = was + it->distance;
        if (!it->target)
            continue;
        if (target > (int)first)
            target = target < (int)(first + count) ? (int)first : target - (int)count;
        it->distance = (int16_t)(target - (int)i);
        if (it->distance <= 0 && p->items[was].distance > 0)
            it->distance = 1;
    }
}

/* The smallest program with a piece left out that still differs; false: none does. */
static bool shrink_once(struct stream_work *w, struct program *p)
{
    static struct program tried[CANDIDATES];
    unsigned count = 0, bad[1], found;
    batch_reset(w->b, w->o->seed);
    for (unsigned piece = p->count / 2; piece && count < CANDIDATES; piece /= 2)
        for (unsigned at = 0; at + piece <= p->count && count < CANDIDATES; at += piece) {
            leave_out(p, at, piece, &tried[count]);
            if (!add_program(w, &tried[count]))
                break;
            count++;
        }
    found = count ? (unsigned)oracle_run_batch(w->o, bad, 1) : 0;
    if ((int)found <= 0)
        return false;
    *p = tried[bad[0]]; /* larger pieces come first */
    return true;
}

/* Makes it small, then tells all about it. */
static void shrink(struct stream_work *w, struct program *p)
{
    unsigned reports = w->o->compare.report_max, bad[1];
    struct coverage kept = w->o->coverage;
    w->o->compare.report_max = w->o->compare.reported;
    while (p->count > 1 && shrink_once(w, p))
        ;
    w->o->compare.report_max = reports;
    memset(w->o->compare.told, 0, sizeof(w->o->compare.told));
    printf("stream %u of seed %" PRIu64 ", made small (%u items):\n", p->index, w->o->seed,
           p->count);
    batch_reset(w->b, w->o->seed);
    add_program(w, p);
    oracle_run_batch(w->o, bad, 1);
    w->o->coverage = kept;
}

/* --- the part --- */

/* Runs what the batch holds, programs first to first + count. */
static int run_programs(struct stream_work *w, unsigned first)
{
    static struct program p;
    unsigned bad[4], reports = w->o->compare.report_max, count = w->b->case_count;
    int rc;
    w->o->compare.report_max = w->o->compare.reported; /* told when small */
    rc = count ? oracle_run_batch(w->o, bad, 4) : 0;
    w->o->compare.report_max = reports;
    for (int i = 0; i < rc && i < 4 && w->o->compare.reported < reports; i++) {
        make_program(w, &p, first + bad[i]);
        shrink(w, &p);
    }
    batch_reset(w->b, w->o->seed);
    return rc;
}

int oracle_streams(struct oracle *o)
{
    static struct stream_work w;
    static struct program p;
    unsigned first = o->stream_first, index = first;
    int bad = 0, rc;
    uint64_t done = 0;
    w = (struct stream_work){.o = o, .b = &o->batch};
    o->compare.part = "streams";
    sort_forms(&w);
    batch_reset(w.b, o->seed);
    while (done < o->stream_insns) {
        make_program(&w, &p, index);
        if (!add_program(&w, &p)) {
            if ((rc = run_programs(&w, first)) < 0)
                return rc;
            bad += rc;
            first = index;
            continue;
        }
        for (unsigned i = 0; i < p.count; i++)
            done += p.items[i].count;
        index++;
    }
    o->coverage.streams += index - o->stream_first;
    o->coverage.stream_insns += done;
    rc = run_programs(&w, first);
    return rc < 0 ? rc : bad + rc;
}
