/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dumps of translations; see jit_dump.h.  The form is for reading and for
 * tests/tools/jit_disasm.sh, which replaces the lines of host code by their
 * disassembly:
 *
 *   region VA: physical ADDR, N blocks, N instructions, N bytes of host code
 *   block VA: entry, loop header, depth N
 *     guest
 *       ADDR: ENCODING  instruction
 *     ir
 *   %N ...
 *     host ADDR
 *       16 bytes a line
 *   rest
 *     host ADDR
 *       ...
 */
#include "isa/riscv/jit_dump.h"

#include <inttypes.h>

#include "isa/riscv/decode.h"
#include "sim/base/atomic.h"

void rv_jit_dump_begin(FILE *dump, FILE *map, const char *host, const struct jit_room *stubs)
{
    if (dump) {
        fprintf(dump, "# translations of riscv64 to %s; addresses in hexadecimal\n\n", host);
        fflush(dump);
    }
    if (map) {
        fprintf(map, "%" PRIxPTR " %zx manyhart:stubs\n", stubs->rx, stubs->used);
        fflush(map);
    }
}

static void dump_guest_insn(FILE *f, const struct rv_jit_dump *d, unsigned at, struct rv_insn *insn)
{
    char text[96];
    const uint16_t *p = (const uint16_t *)(const void *)(d->code + at);
    uint32_t raw = load_relaxed(p);
    /* What goes on in the next page is in no block. */
    if ((raw & 3) == 3 && at + 4 <= PAGE_SIZE)
        raw |= (uint32_t)load_relaxed(p + 1) << 16;
    rv_decode(raw, d->exts, insn);
    rv_disasm(insn, d->page_va + at, text, sizeof(text));
    fprintf(f, "    %" PRIx64 ": %0*" PRIx32 "%*s %s\n", d->page_va + at, insn->len * 2, raw,
            insn->len == 2 ? 5 : 1, "", text);
}

/* How many guest instructions a block has: its last instruction knows. */
static unsigned guest_insns(const struct ir_block *b)
{
    const struct ir_insn *last = &b->insns[b->count - 1];
    return last->op == IR_trap ? b->insns[last->point].index + 1u : last->index;
}

static void dump_guest(FILE *f, const struct rv_jit_dump *d, const struct jit_block *b)
{
    struct rv_insn insn;
    unsigned at = b->disp;
    fputs("  guest\n", f);
    for (unsigned n = guest_insns(&b->ir); n && at < PAGE_SIZE; n--, at += insn.len)
        dump_guest_insn(f, d, at, &insn);
}

static void dump_host(FILE *f, const struct rv_jit_dump *d, uintptr_t from, uintptr_t to)
{
    const uint8_t *bytes = d->bytes + (from - d->host->start);
    fprintf(f, "  host %" PRIxPTR "\n", from);
    for (size_t i = 0; i < to - from; i++)
        fprintf(f, "%s%02x%s", i % 16 ? " " : "    ", bytes[i],
                i % 16 == 15 || i + 1 == to - from ? "\n" : "");
}

static void dump_block(FILE *f, const struct rv_jit_dump *d, unsigned k)
{
    const struct jit_region *r = &d->builder->region;
    const struct jit_block *b = &r->blocks[k];
    fprintf(f, "block %" PRIx64 ":%s%s depth %u\n", d->page_va + b->disp, b->entry ? " entry," : "",
            b->header ? " loop header," : "", b->depth);
    dump_guest(f, d, b);
    fputs("  ir\n", f);
    ir_dump(&b->ir, f);
    dump_host(f, d, d->host->block[k], k + 1 < r->count ? d->host->block[k + 1] : d->host->rest);
}

void rv_jit_dump(FILE *f, const struct rv_jit_dump *d)
{
    const struct jit_region *r = &d->builder->region;
    flockfile(f);
    fprintf(f,
            "region %" PRIx64 ": physical %" PRIx64 ", %u blocks, %u instructions, %u bytes of "
            "host code%s\n",
            d->page_va + d->offset, d->page + d->offset, r->count, d->builder->insns, d->host->size,
            r->own_map ? ", registers of its own" : "");
    for (unsigned k = 0; k < r->count; k++)
        dump_block(f, d, k);
    fputs("rest\n", f);
    dump_host(f, d, d->host->rest, d->host->start + d->host->size);
    fputc('\n', f);
    fflush(f);
    funlockfile(f);
}

static void part(struct jit_gdb_part *p, uintptr_t start, uintptr_t end, gva_t va, const char *what)
{
    snprintf(p->name, sizeof(p->name), "riscv64:%" PRIx64 "%s", va, what);
    p->start = start;
    p->size = end - start;
    p->routine = false;
}

void rv_jit_tell_gdb(struct jit_gdb **list, const struct jit_frame *frame,
                     const struct rv_jit_dump *d)
{
    struct jit_gdb_part parts[JIT_BLOCKS_MAX + 2];
    const struct jit_region *r = &d->builder->region;
    const struct jit_code *host = d->host;
    unsigned n = 0;
    for (; n < r->count; n++)
        part(&parts[n], host->block[n], n + 1 < r->count ? host->block[n + 1] : host->rest,
             d->page_va + r->blocks[n].disp, "");
    part(&parts[n++], host->rest, host->routines, d->page_va + d->offset, "-rest");
    part(&parts[n], host->routines, host->start + host->size, d->page_va + d->offset, "-calls");
    parts[n].routine = true;
    n += parts[n].size != 0;
    jit_gdb_add(list, frame, parts, n);
}

void rv_jit_map(FILE *f, const struct rv_jit_dump *d)
{
    flockfile(f);
    fprintf(f, "%" PRIxPTR " %x riscv64:%" PRIx64 "\n", d->host->start, d->host->size,
            d->page_va + d->offset);
    fflush(f);
    funlockfile(f);
}
