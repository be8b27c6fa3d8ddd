/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What most accesses off the fast path need is another page, which the TLB has:
 * it is probed in host code, in about forty instructions, before C is asked.
 */
#include "jit/x64/lower.h"

#define SITE_CLASS_SHIFT 12
#define SITE_CLASS_MASK  15

uint32_t probe_site_class(unsigned bytes)
{
    return x64_log2_up(bytes) << SITE_CLASS_SHIFT;
}

/* Jumps on if the entry at rcx is not that of the page in rax under the context. */
static uint8_t *probe_tag(struct lower *l, enum tlb_kind kind, size_t ctx)
{
    struct x64_buf *e = &l->e;
    x64_mov(e, RDX, RAX);
    x64_alu_mem(e, ALU_OR, X64_W, RDX, at_hart(l, l->g->tlb + (int32_t)(ctx + 8 * kind)));
    x64_alu_mem(e, ALU_CMP, X64_W, RDX, x64_at(RCX, offsetof(struct tlb_entry, tag)));
    return x64_jcc(e, CC_NE, 0);
}

/* Which stream: its number in rdx, three times; where it is. */
static struct x64_mem probe_stream(struct lower *l, enum tlb_stream_kind kind)
{
    struct x64_mem index = AT_JIT(l, site), stream = stream_word(l, kind, 0, 0);
    index.disp += 2;
    x64_load_zx(&l->e, RDX, index, 2);
    x64_lea(&l->e, RDX, (struct x64_mem){.base = RDX, .index = RDX, .scale = 1});
    stream.index = RDX;
    stream.scale = 3;
    return stream;
}

/* Marks the stream as used for the page in rax, which is lost as rdx is. */
static void probe_mark(struct lower *l, enum tlb_stream_kind kind, bool own)
{
    struct x64_buf *e = &l->e;
    struct x64_mem index = AT_JIT(l, site);
    struct x64_mem used =
        at_hart(l, l->g->tlb + (int32_t)(offsetof(struct tlb, stream_used) + kind * TLB_STREAMS));
    struct x64_mem group =
        at_hart(l, l->g->tlb + (int32_t)(offsetof(struct tlb, stream_group) +
                                         (2 * kind + own) * (TLB_STREAMS / TLB_STREAM_GROUP)));
    index.disp += 2;
    x64_load_zx(e, RDX, index, 2);
    x64_shift_imm(e, SH_SHR, 0, RAX, TLB_STREAM_PAGE_BITS);
    x64_alu_imm(e, ALU_AND, 0, RAX, TLB_STREAM_PAGE);
    x64_alu_imm(e, ALU_OR, 0, RAX, TLB_STREAM_USED | (own ? TLB_STREAM_OWN : 0));
    used.index = RDX;
    x64_store_size(e, used, RAX, 1);
    x64_shift_imm(e, SH_SHR, 0, RDX, 6);
    group.index = RDX;
    x64_store_imm(e, group, 1, 1);
}

/*
 * And gives the site's stream the page, which is that of the entry; returns from the routine with
 * the host address.  (To look in the stream again at once would wait for what was just stored.)
 */
static void probe_fill(struct lower *l, enum tlb_stream_kind kind, bool own)
{
    struct x64_buf *e = &l->e;
    x64_load(e, RCX, x64_at(RCX, offsetof(struct tlb_entry, addend)));
    struct x64_mem stream = probe_stream(l, kind);
    int32_t base = stream.disp;
    x64_store(e, stream, RAX);
    stream.disp = base + (int32_t)offsetof(struct tlb_stream, addend);
    x64_store(e, stream, RCX);
    stream.disp = base + (int32_t)offsetof(struct tlb_stream, limit);
    x64_load(e, RAX, AT_JIT(l, room));
    x64_store(e, stream, RAX);
    x64_load(e, RAX, AT_JIT(l, va));
    x64_alu(e, ALU_ADD, X64_W, RCX, RAX);
    probe_mark(l, kind, own);
    x64_mov(e, RAX, RCX);
    x64_alu_imm(e, ALU_CMP, X64_W, RSP, -1); /* below */
    x64_ret(e);
}
_Static_assert(TLB_STREAM_GROUP == 1 << 6, "an index becomes its group's");
_Static_assert(sizeof(struct tlb_stream) == 24, "an index becomes an offset by * 3 * 8");
_Static_assert(sizeof(((struct tlb *)0)->stream_used[0]) == TLB_STREAMS, "a byte each");

/* Gives the site's stream the run at rcx, and returns with the host address. */
static void run_fill(struct lower *l)
{
    static const uint8_t words[] = {offsetof(struct tlb_stream, limit),
                                    offsetof(struct tlb_stream, addend),
                                    offsetof(struct tlb_stream, start)};
    struct x64_buf *e = &l->e;
    struct x64_mem stream = probe_stream(l, TLB_STREAM_READ);
    int32_t base = stream.disp;
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        x64_load(e, RAX, x64_at(RCX, words[i]));
        stream.disp = base + words[i];
        x64_store(e, stream, RAX);
    }
    probe_mark(l, TLB_STREAM_READ, false);
    x64_load(e, RAX, AT_JIT(l, va));
    x64_alu_mem(e, ALU_ADD, X64_W, RAX, x64_at(RCX, offsetof(struct tlb_stream, addend)));
    x64_alu_imm(e, ALU_CMP, X64_W, RSP, -1); /* below */
    x64_ret(e);
}

/* Jumps on if the address in rax is in the run; rcx is lost. */
static uint8_t *probe_run(struct lower *l, unsigned i)
{
    struct x64_buf *e = &l->e;
    int32_t run = l->g->tlb + (int32_t)(offsetof(struct tlb, run) + i * sizeof(struct tlb_stream));
    x64_mov(e, RCX, RAX);
    x64_alu_mem(e, ALU_SUB, X64_W, RCX,
                at_hart(l, run + (int32_t)offsetof(struct tlb_stream, start)));
    x64_alu_mem(e, ALU_CMP, X64_W, RCX,
                at_hart(l, run + (int32_t)offsetof(struct tlb_stream, limit)));
    return x64_jcc(e, CC_B, 0);
}

/*
 * Gives the site's stream the run that rax is in, if there is one, and returns from the routine as
 * probe_fill does.  Else rax and rdx are as they were.
 */
static void probe_runs(struct lower *l)
{
    struct x64_buf *e = &l->e;
    int32_t tlb = l->g->tlb;
    uint8_t *hit[TLB_RUNS];
    x64_load(e, RCX, at_hart(l, tlb + (int32_t)(offsetof(struct tlb, global) + 8 * TLB_READ)));
    x64_alu_mem(e, ALU_CMP, X64_W, RCX, at_hart(l, tlb + (int32_t)offsetof(struct tlb, run_ctx)));
    uint8_t *none = x64_jcc(e, CC_NE, 0);
    for (unsigned i = 0; i < TLB_RUNS; i++)
        hit[i] = probe_run(l, i);
    uint8_t *miss = x64_jmp(e, 0);
    uint8_t *found[TLB_RUNS];
    for (unsigned i = 0; i < TLB_RUNS; i++) {
        x64_patch(e, hit[i]);
        x64_lea(
            e, RCX,
            at_hart(l, tlb + (int32_t)(offsetof(struct tlb, run) + i * sizeof(struct tlb_stream))));
        found[i] = x64_jmp(e, 0);
    }
    for (unsigned i = 0; i < TLB_RUNS; i++)
        x64_patch(e, found[i]);
    run_fill(l);
    x64_patch(e, none);
    x64_patch(e, miss);
}

void probe_routine(struct lower *l, enum tlb_stream_kind kind)
{
    struct x64_buf *e = &l->e;
    int32_t table = l->g->tlb + (int32_t)(offsetof(struct tlb, table) +
                                          stream_tlb_kind(kind) * sizeof(struct tlb_table));
    uint8_t *no[5];
    x64_alu_mem_imm8(e, ALU_CMP, at_hart(l, l->g->paged), 0);
    no[0] = x64_jcc(e, CC_E, 0);
    x64_alu_mem_imm(e, ALU_SUB, 0, AT_JIT(l, looks), 1);
    no[3] = x64_jcc(e, CC_S, 0);
    x64_alu_mem(e, ALU_CMP, 0, RDX, AT_JIT(l, watched));
    no[4] = x64_jcc(e, CC_E, 0);
    if (kind == TLB_STREAM_READ)
        probe_runs(l);
    /* At how many distances in a page it fits. */
    x64_mov32(e, RCX, RDX);
    x64_shift_imm(e, SH_SHR, 0, RCX, SITE_CLASS_SHIFT);
    x64_alu_imm(e, ALU_AND, 0, RCX, SITE_CLASS_MASK);
    x64_mov_imm(e, RDX, UINT32_MAX);
    x64_shift_cl(e, SH_SHL, 0, RDX);
    x64_alu_imm(e, ALU_ADD, 0, RDX, (int32_t)PAGE_SIZE + 1);
    x64_store(e, AT_JIT(l, room), RDX);
    /* rax the page, rcx the distance in it */
    x64_mov32(e, RCX, RAX);
    x64_alu_imm(e, ALU_AND, 0, RCX, (int32_t)(PAGE_SIZE - 1));
    x64_alu(e, ALU_CMP, 0, RCX, RDX);
    no[1] = x64_jcc(e, CC_AE, 0);
    x64_alu(e, ALU_SUB, X64_W, RAX, RCX);
    /* rcx the entry: as tlb_slot() */
    x64_mov(e, RCX, RAX);
    x64_mov(e, RDX, RAX);
    x64_shift_imm(e, SH_SHR, X64_W, RCX, PAGE_SHIFT - 4);
    x64_shift_imm(e, SH_SHR, X64_W, RDX, PAGE_SHIFT + 4);
    x64_alu(e, ALU_XOR, X64_W, RCX, RDX);
    x64_alu_mem(e, ALU_AND, X64_W, RCX,
                at_hart(l, table + (int32_t)offsetof(struct tlb_table, mask)));
    x64_alu_mem(e, ALU_ADD, X64_W, RCX,
                at_hart(l, table + (int32_t)offsetof(struct tlb_table, entries)));
    uint8_t *global = probe_tag(l, stream_tlb_kind(kind), offsetof(struct tlb, ctx));
    probe_fill(l, kind, true);
    x64_patch(e, global);
    no[2] = probe_tag(l, stream_tlb_kind(kind), offsetof(struct tlb, global));
    probe_fill(l, kind, false);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        x64_patch(e, no[i]);
}
