/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where accesses may go without C: the ranges of streams (mem/tlb.h), and which
 * stream a place has; or RAM as a whole, where addresses are physical
 * (jit_region.flat).
 */
#include "jit/x64/lower.h"

/*
 * A stream ends so many bytes before its range that the accesses it is for stay inside.  Places
 * that share a stream must agree on how many: streams are divided by size, spans rounded up.  Two
 * of three places are of 8 bytes.
 */
static const struct {
    uint16_t first, count;
} stream_parts[] = {
    {0, 112},   {112, 48},  {160, 288}, {448, 1232}, {1680, 112},
    {1792, 96}, {1888, 80}, {1968, 48}, {2016, 16},  {2032, 16},
};
_Static_assert(SPAN_BYTES_MAX == 1 << (ARRAY_LEN(stream_parts) - 1), "a part for each size");
_Static_assert(TLB_BANK_STREAMS == 2048, "as the parts say");

/* The first of a part are kept for registers that lead to the same page in all code. */
#define STEADY_STREAMS 8

static unsigned stream_number(const struct lower *l, bool steady, unsigned n, unsigned bytes)
{
    unsigned c = x64_log2_up(bytes), first = stream_parts[c].first, count = stream_parts[c].count;
    n = steady ? n % STEADY_STREAMS : STEADY_STREAMS + n % (count - STEADY_STREAMS);
    return l->r->stream_bank * TLB_BANK_STREAMS + first + n;
}

unsigned stream_new(struct lower *l, unsigned bytes)
{
    return stream_number(l, false, l->r->stream_base + SLOTS_MAX + l->streams++, bytes);
}

/*
 * What is accessed through one register is mostly in one page, all over a region: fewer streams
 * stay in the cache and get into each other's way.
 */
unsigned stream_for(struct lower *l, ir_ref root, unsigned bytes)
{
    const struct ir_insn *i = &l->b->insns[root];
    if (i->op != IR_slot_get)
        return stream_new(l, bytes);
    if (i->index < 64 && l->g->steady >> i->index & 1)
        return stream_number(l, true, i->index, bytes);
    return stream_number(l, false, l->r->stream_base + i->index, bytes);
}

enum tlb_kind stream_tlb_kind(enum tlb_stream_kind kind)
{
    return kind == TLB_STREAM_READ ? TLB_READ : TLB_WRITE;
}

struct x64_mem stream_word(const struct lower *l, enum tlb_stream_kind kind, unsigned i,
                           size_t member)
{
    size_t offset = offsetof(struct tlb, stream) +
                    (kind * TLB_STREAMS + i) * sizeof(struct tlb_stream) + member;
    return at_hart(l, l->g->tlb + (int32_t)offset);
}

static struct x64_mem word_of(const struct lower *l, const struct range *r, size_t member)
{
    return stream_word(l, r->kind, r->stream, member);
}

void range_cmp_page(struct lower *l, enum x64_reg d, const struct range *r)
{
    x64_alu_imm(&l->e, ALU_AND, X64_W, d, (int32_t)PAGE_MASK | (int32_t)(r->bytes - 1));
    x64_alu_mem(&l->e, ALU_CMP, X64_W, d, word_of(l, r, offsetof(struct tlb_stream, start)));
}

/* What is added to an address to have the distance from flat RAM's start. */
static int32_t flat_start(const struct lower *l)
{
    return (int32_t)(0 - l->r->flat->base);
}

static int32_t flat_limit(const struct lower *l, const struct range *r)
{
    return (int32_t)(l->r->flat->size - r->bytes + 1);
}

void range_sub(struct lower *l, enum x64_reg d, const struct range *r)
{
    if (r->flat)
        x64_alu_imm(&l->e, ALU_ADD, X64_W, d, flat_start(l));
    else
        x64_alu_mem(&l->e, ALU_SUB, X64_W, d, word_of(l, r, offsetof(struct tlb_stream, start)));
}

void range_add(struct lower *l, enum x64_reg d, const struct range *r)
{
    if (r->flat)
        x64_alu_imm(&l->e, ALU_SUB, X64_W, d, flat_start(l));
    else
        x64_alu_mem(&l->e, ALU_ADD, X64_W, d, word_of(l, r, offsetof(struct tlb_stream, start)));
}

void range_cmp(struct lower *l, enum x64_reg d, const struct range *r)
{
    if (r->flat)
        x64_alu_imm(&l->e, ALU_CMP, X64_W, d, flat_limit(l, r));
    else
        x64_alu_mem(&l->e, ALU_CMP, X64_W, d, word_of(l, r, offsetof(struct tlb_stream, limit)));
}

void range_limit(struct lower *l, enum x64_reg d, const struct range *r)
{
    if (r->flat)
        x64_mov_imm(&l->e, d, (uint64_t)flat_limit(l, r));
    else
        x64_load(&l->e, d, word_of(l, r, offsetof(struct tlb_stream, limit)));
}

void range_to_host(struct lower *l, enum x64_reg d, const struct range *r)
{
    if (r->flat)
        x64_alu_imm(&l->e, ALU_ADD, X64_W, d, l->r->flat->addend);
    else
        x64_alu_mem(&l->e, ALU_ADD, X64_W, d, word_of(l, r, offsetof(struct tlb_stream, addend)));
}
