/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What most accesses off the fast path need is another page, which the TLB has:
 * it is probed in host code, in about fifty instructions, before C is asked.  So
 * are misaligned accesses, which host code can make where their stream leads.
 */
#include "jit/x64/lower.h"

#define SITE_CLASS_SHIFT 12
#define SITE_CLASS_MASK  15

uint32_t probe_site_class(unsigned bytes)
{
    return x64_log2_up(bytes) << SITE_CLASS_SHIFT;
}

void probe_enter(struct lower *l)
{
    struct x64_buf *e = &l->e;
    x64_push(e, RDX);
    x64_store(e, AT_JIT(l, va), RAX);
    /* rdx, rcx, the return address, the site, the point */
    x64_load_zx(e, RDX, x64_at(RSP, 4 * 8), 4);
    x64_store_size(e, AT_JIT(l, point), RDX, 4);
    x64_load_zx(e, RDX, x64_at(RSP, 3 * 8), 4);
    x64_store_size(e, AT_JIT(l, site), RDX, 4);
}

static void say_below(struct lower *l)
{
    x64_alu_imm(&l->e, ALU_CMP, X64_W, RSP, -1);
}

/* Returns from the routine with the host address in rax. */
static void return_host(struct lower *l)
{
    say_below(l);
    x64_pop(&l->e, RDX);
    x64_pop(&l->e, RCX);
    x64_ret_drop(&l->e, MISS_BYTES);
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
    return_host(l);
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
    return_host(l);
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

/* Jumps on if rax is not as aligned as the site in rdx says; rcx is lost. */
static uint8_t *probe_align(struct lower *l)
{
    struct x64_buf *e = &l->e;
    x64_mov32(e, RCX, RDX);
    x64_shift_imm(e, SH_SHR, 0, RCX, 8 + JIT_SITE_ALIGN_SHIFT);
    x64_alu_imm(e, ALU_AND, 0, RCX, 3);
    x64_mov32(e, RDX, RAX);
    x64_shift_cl(e, SH_SHR, 0, RDX);
    x64_shift_cl(e, SH_SHL, 0, RDX);
    x64_alu(e, ALU_CMP, 0, RDX, RAX);
    uint8_t *misaligned = x64_jcc(e, CC_NE, 0);
    x64_load_zx(e, RDX, AT_JIT(l, site), 4);
    return misaligned;
}

/*
 * The load at the host address in rax lies inside 16 bytes, which an aligned move of them all reads
 * at once (mem/mag16.c).  Returns with where it is in a copy.
 */
static void load_wide(struct lower *l)
{
    struct x64_buf *e = &l->e;
    struct x64_mem part = AT_JIT(l, wide);
    x64_mov32(e, RDX, RAX);
    x64_alu_imm(e, ALU_AND, 0, RDX, 15);
    x64_alu_imm(e, ALU_AND, X64_W, RAX, -16);
    x64_rm(e, 0x66000f6f, 0, WIDE, x64_at(RAX, 0)); /* movdqa */
    x64_rm(e, 0x0f29, 0, WIDE, part);               /* movaps */
    part.index = RDX;
    x64_lea(e, RAX, part);
    return_host(l);
}

/* Jumps on if the access at rax, of ecx bytes, ends so many behind a multiple of `unit` at most, or
 * if not.  rdx is lost. */
static uint8_t *ends_inside(struct lower *l, unsigned unit, enum x64_cond cc)
{
    struct x64_buf *e = &l->e;
    x64_mov32(e, RDX, RAX);
    x64_alu_imm(e, ALU_AND, 0, RDX, (int32_t)unit - 1);
    x64_alu(e, ALU_ADD, 0, RDX, RCX);
    x64_alu_imm(e, ALU_CMP, 0, RDX, (int32_t)unit);
    return x64_jcc(e, cc, 0);
}

/*
 * Misaligned, on a host that may make it in two steps which another hart sees.  One in the stream's
 * range that lies inside 8 bytes, or over a border of 16, may be made by the host as it is; of the
 * rest loads have a way of their own.  Jumps to no[] are for C.
 */
static void probe_misaligned(struct lower *l, enum tlb_stream_kind kind, uint8_t *no[3])
{
    struct x64_buf *e = &l->e;
    x64_alu_mem_imm(e, ALU_CMP, 0, AT_JIT(l, point), 0); /* POINT_SPAN is its sign */
    no[0] = x64_jcc(e, CC_S, 0);
    struct x64_mem stream = probe_stream(l, kind);
    int32_t base = stream.disp;
    x64_mov(e, RCX, RAX);
    stream.disp = base + (int32_t)offsetof(struct tlb_stream, start);
    x64_alu_mem(e, ALU_SUB, X64_W, RCX, stream);
    stream.disp = base + (int32_t)offsetof(struct tlb_stream, limit);
    x64_alu_mem(e, ALU_CMP, X64_W, RCX, stream);
    no[1] = x64_jcc(e, CC_AE, 0);
    stream.disp = base + (int32_t)offsetof(struct tlb_stream, addend);
    x64_alu_mem(e, ALU_ADD, X64_W, RAX, stream);
    x64_load_zx(e, RCX, AT_JIT(l, site), 4);
    x64_shift_imm(e, SH_SHR, 0, RCX, 4);
    x64_alu_imm(e, ALU_AND, 0, RCX, 15);
    uint8_t *inside = ends_inside(l, 8, CC_BE), *over = ends_inside(l, 16, CC_A);
    if (kind == TLB_STREAM_READ && x64_cpu()->avx)
        load_wide(l);
    else
        no[2] = x64_jmp(e, 0);
    x64_patch(e, inside);
    x64_patch(e, over);
    return_host(l);
}

void probe_after_c(struct lower *l)
{
    struct x64_buf *e = &l->e;
    uint8_t *done = x64_jcc8(e, CC_E);
    x64_load(e, RAX, AT_JIT(l, va));
    x64_load_zx(e, RCX, AT_JIT(l, site), 4);
    struct x64_mem stream = probe_stream(l, TLB_STREAM_READ);
    stream.disp += (int32_t)offsetof(struct tlb_stream, addend);
    _Static_assert(!JIT_LOAD, "what is not 0, or has JIT_SITE_WRITES, goes by a stream of writes");
    x64_alu_imm(e, ALU_AND, 0, RCX, 15 | JIT_SITE_WRITES << 8);
    uint8_t *reads = x64_jcc8(e, CC_E);
    stream.disp += (int32_t)(TLB_STREAM_WRITE * TLB_STREAMS * sizeof(struct tlb_stream));
    x64_alu_mem(e, ALU_ADD, X64_W, RAX, stream);
    stream.disp -= (int32_t)(TLB_STREAM_WRITE * TLB_STREAMS * sizeof(struct tlb_stream));
    uint8_t *wrote = x64_jmp8(e);
    x64_patch8(e, reads);
    x64_alu_mem(e, ALU_ADD, X64_W, RAX, stream);
    x64_patch8(e, wrote);
    say_below(l);
    uint8_t *end = x64_jmp8(e);
    x64_patch8(e, done);
    x64_lea(e, RAX, AT_JIT(l, value));
    x64_load_zx(e, RCX, AT_JIT(l, span), 2);
    x64_alu(e, ALU_SUB, X64_W, RAX, RCX);
    x64_alu(e, ALU_CMP, 0, RAX, RAX);
    x64_patch8(e, end);
}

uintptr_t probe_routine(struct lower *l, enum tlb_stream_kind kind)
{
    struct x64_buf *e = &l->e;
    uintptr_t start = x64_here(e);
    int32_t table = l->g->tlb + (int32_t)(offsetof(struct tlb, table) +
                                          stream_tlb_kind(kind) * sizeof(struct tlb_table));
    uint8_t *no[8] = {NULL};
    x64_store(e, AT_JIT(l, missed), RCX);
    probe_enter(l);
    uint8_t *misaligned = probe_align(l);
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
    x64_patch(e, misaligned);
    probe_misaligned(l, kind, no + 5);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (no[i])
            x64_patch(e, no[i]);
    x64_jmp_mem(e, AT_JIT(l, missed));
    return start;
}
