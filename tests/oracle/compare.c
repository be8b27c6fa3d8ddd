/* SPDX-License-Identifier: Apache-2.0 */
/* Results against each other; see compare.h. */
#include "tests/oracle/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "isa/riscv/forms.h"
#include "isa/riscv/isa_string.h"

static const char *const csr_slots[CSR_DWORDS] = {
    "medeleg",    "mideleg", "mie",           "menvcfg", "mip",    "mcounteren",
    "scounteren", "senvcfg", "stvec",         "sepc",    "scause", "stval",
    "sscratch",   "satp",    "mcountinhibit", "stimecmp"};

/* --- reports --- */

static void print_pair(const char *name, uint64_t qemu, uint64_t ours)
{
    if (qemu != ours)
        printf("    %-12s qemu %016" PRIx64 "  manyhart %016" PRIx64 "\n", name, qemu, ours);
}

static void print_array(const char *prefix, const uint64_t *qemu, const uint64_t *ours,
                        unsigned count)
{
    char name[32];
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s%u", prefix, i);
        print_pair(name, qemu[i], ours[i]);
    }
}

static void print_results(const struct guest_result *q, const struct guest_result *o)
{
    print_pair("done", q->done, o->done);
    print_pair("mcause", q->cause, o->cause);
    print_pair("mepc", q->epc, o->epc);
    print_pair("mtval", q->tval, o->tval);
    print_pair("mstatus", q->mstatus, o->mstatus);
    print_pair("fcsr", q->fcsr, o->fcsr);
    print_pair("traps", q->traps, o->traps);
    print_pair("traps' hash", q->hash, o->hash);
    print_array("x", q->x, o->x, 32);
    print_array("f", q->f, o->f, 32);
    print_array("mem", q->mem, o->mem, MEM_DWORDS);
    for (unsigned i = 0; i < CSR_DWORDS; i++)
        print_pair(csr_slots[i], q->csrs[i], o->csrs[i]);
}

static void print_insn(const struct batch *b, const char *lead, uint64_t pc, unsigned *len)
{
    struct rv_ext_set all;
    struct rv_insn in;
    char text[80];
    uint32_t raw;
    isa_set_default(&all);
    memcpy(&raw, b->ram + (pc - ORACLE_RAM), 4);
    rv_decode(raw, &all, &in);
    rv_disasm(&in, pc, text, sizeof(text));
    printf("  %s %" PRIx64 ": %s\n", lead, pc, text);
    *len = in.len;
}

/* The code of a case; of others than streams up to the instruction under test. */
static void print_code(const struct comparison *cmp, const struct batch *b)
{
    uint64_t pc = cmp->c->pc, end = cmp->c->end_pc, alias = 0;
    unsigned len;
    if (!(cmp->c->mstatus >> 11 & 3) && pc >= ORACLE_RAM + USER_ALIAS)
        alias = USER_ALIAS;
    for (pc -= alias; pc < (end ? end - alias : cmp->note->insn_pc); pc += len)
        print_insn(b, " ", pc, &len);
    if (!end)
        print_insn(b, ">", pc, &len);
}

static void print_comparison(const struct compare *ctx, const struct comparison *cmp,
                             struct batch *b, unsigned index)
{
    const struct guest_case *c = cmp->c;
    printf("difference: part %s seed %" PRIu64 " case %u mode %c pc %" PRIx64 " mstatus %" PRIx64
           " fcsr %" PRIx64 "\n",
           ctx->part, ctx->seed, index, "US?M"[c->mstatus >> 11 & 3], c -> pc, c -> mstatus,
           c -> fcsr);
    print_code(cmp, b);
    for (unsigned i = 0; i < CASE_PATCHES && c->patched[i]; i++)
        printf("    %c%-11u %016" PRIx64 "\n", c->patched[i] < 32 ? 'x' : 'f', c->patched[i] & 31,
               c->values[i]);
    if (c->mem)
        printf("    window at %" PRIx64 "\n", c->mem);
    for (unsigned i = 0; c->csrs && i < CSR_DWORDS; i++) {
        const struct csr_block *block = (const void *)(b->ram + (c->csrs - ORACLE_RAM));
        struct csr_block usual = batch_default_csrs();
        if (block->v[i] != usual.v[i])
            printf("    %-12s %016" PRIx64 "\n", csr_slots[i], block->v[i]);
    }
    print_results(&cmp->qemu, &cmp->ours);
}

/* --- comparison --- */

static bool same(const struct comparison *cmp)
{
    return !memcmp(&cmp->qemu, &cmp->ours, sizeof(cmp->qemu));
}

/* Whether the code of a case holds the form (streams: anywhere up to its end). */
static bool holds_form(struct batch *b, const struct guest_case *c, const struct case_note *note,
                       unsigned form)
{
    struct rv_ext_set all;
    struct rv_insn in;
    uint64_t pc = c->pc, end = c->end_pc, alias = 0;
    if (!end)
        return note->form == form;
    if (pc >= ORACLE_RAM + USER_ALIAS)
        alias = USER_ALIAS;
    isa_set_default(&all);
    for (; pc < end; pc += in.len) {
        uint32_t raw;
        memcpy(&raw, batch_host(b, pc - alias), 4);
        rv_decode(raw, &all, &in);
        if (in.form == form)
            return true;
    }
    return false;
}

static void count_case(struct coverage *cov, const struct comparison *cmp)
{
    const struct case_note *n = cmp->note;
    if (n->csr >= 0)
        cov->csrs[n->csr][n->mode]++;
    if (!n->form)
        return;
    cov->insns[n->form][n->rm]++;
    if ((cmp->ours.epc & ~USER_ALIAS) == (n->insn_pc & ~USER_ALIAS))
        cov->traps[n->form]++;
}

/* A case's own memory; true: it differs. */
static bool compare_area(const struct machines *m, const struct case_note *n, bool tell)
{
    const uint8_t *q = m->ram[MACHINE_QEMU] + (n->area - ORACLE_RAM);
    const uint8_t *o = m->ram[MACHINE_MANYHART] + (n->area - ORACLE_RAM);
    uint64_t at = 0, a, b;
    if (!n->area || !memcmp(q, o, n->area_bytes))
        return false;
    while (!memcmp(q + at, o + at, 8))
        at += 8;
    memcpy(&a, q + at, 8);
    memcpy(&b, o + at, 8);
    if (tell)
        printf("    memory at %" PRIx64 ": qemu %016" PRIx64 "  manyhart %016" PRIx64 "\n",
               n->area + at, a, b);
    return true;
}

static bool to_tell(struct compare *ctx, const struct case_note *n)
{
    uint8_t *told = &ctx->told[n->csr >= 0 ? RV_FORM_COUNT + n->csr : n->form];
    if (ctx->reported == ctx->report_max || (ctx->report_each && *told == ctx->report_each))
        return false;
    ctx->reported++;
    ++*told;
    return true;
}

/* Returns whether something is unexplained. */
static bool compare_case(struct compare *ctx, struct machines *m, struct batch *b, unsigned i)
{
    struct comparison cmp = {.c = batch_case_at(b, i),
                             .note = &b->notes[i],
                             .b = b,
                             .qemu = *machine_result(m, MACHINE_QEMU, i),
                             .ours = *machine_result(m, MACHINE_MANYHART, i)};
    rv_decode(cmp.note->raw, &m->exts, &cmp.insn);
    if (ctx->flaw >= 0 && holds_form(b, cmp.c, cmp.note, (unsigned)ctx->flaw))
        cmp.ours.x[31] ^= 1;
    bool area = compare_area(m, cmp.note, false);
    count_case(ctx->coverage, &cmp);
    if (!same(&cmp))
        known_forgive(&cmp, ctx->coverage->known);
    if (cmp.qemu.done == i + 1 && same(&cmp) && !area)
        return false;
    ctx->coverage->unexplained++;
    if (to_tell(ctx, cmp.note)) {
        print_comparison(ctx, &cmp, b, i);
        compare_area(m, cmp.note, true);
    }
    return true;
}

/* What cases stored where nobody looked: all memory but the runtime's variables and the results. */
static bool compare_memory(struct compare *ctx, struct machines *m)
{
    const uint64_t *q = (const void *)m->ram[MACHINE_QEMU],
                   *o = (const void *)m->ram[MACHINE_MANYHART];
    bool differs = false;
    for (size_t i = (ORACLE_TABLES - ORACLE_RAM) / 8; i < (ORACLE_RESULTS - ORACLE_RAM) / 8; i++) {
        if (q[i] == o[i])
            continue;
        if (!differs && ctx->reported < ctx->report_max)
            printf("difference: part %s seed %" PRIu64 " memory at %" PRIx64 ": qemu %016" PRIx64
                   "  manyhart %016" PRIx64 "\n",
                   ctx->part, ctx->seed, (uint64_t)(ORACLE_RAM + i * 8), q[i], o[i]);
        differs = true;
    }
    return differs;
}

/* Cases that neither machine came to. */
static bool given_up(const struct machines *m, unsigned i)
{
    return !machine_result(m, MACHINE_QEMU, i)->done &&
           !machine_result(m, MACHINE_MANYHART, i)->done;
}

unsigned compare_batch(struct compare *ctx, struct machines *m, struct batch *b, unsigned *bad,
                       unsigned max)
{
    unsigned count = 0;
    for (unsigned i = 0; i < b->case_count && !given_up(m, i); i++)
        if (compare_case(ctx, m, b, i)) {
            if (count < max)
                bad[count] = i;
            count++;
        }
    if (!count && compare_memory(ctx, m)) {
        ctx->coverage->unexplained++;
        count++;
    }
    return count;
}
