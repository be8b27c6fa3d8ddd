/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disassembler: a form's operand string (insns.def) with the fields of a
 * decoded instruction put in.  Used by the debugger, traces, the disasm verb
 * and tests; any thread.  The text is that of GNU objdump with -M no-aliases,
 * so that the two can be compared line by line.
 */
#include "isa/riscv/decode.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "isa/riscv/forms.h"
#include "sim/base/bits.h"

const char *const rv_xreg_names[32] = {
    "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
    "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
    "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

const char *const rv_freg_names[32] = {
    "ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1",  "fa0",
    "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4",  "fs5",
    "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};

const char *const rv_rm_names[8] = {"rne", "rtz", "rdn", "rup", "rmm", NULL, NULL, "dyn"};

const char *const rv_fp_const_names[32] = {
#define FP_CONST(text, d, s, h) text,
#include "isa/riscv/fp_consts.def"
};

enum { RM_RNE = 0, RM_RTZ = 1, RM_DYN = 7 };

/* The CSRs of this machine; others are printed as numbers. */
static const struct csr_name {
    uint16_t number;
    const char *name;
} csr_names[] = {
#define CSR(number, name, ext, check, get, set) {number, #name},
#define FIELD(number, name, ext, member, mask)  {number, #name},
#include "isa/riscv/csrs.def"
    {0, NULL},
};

static const char *csr_name(unsigned number)
{
    for (const struct csr_name *c = csr_names; c->name; c++)
        if (c->number == number)
            return c->name;
    return NULL;
}

int rv_csr_number(const char *name)
{
    for (const struct csr_name *c = csr_names; c->name; c++)
        if (!strcmp(c->name, name))
            return c->number;
    return -1;
}

/* Text that is cut at the buffer's end while its full length is counted. */
struct text {
    char *buf;
    size_t size, len;
};

static void MH_PRINTF(2, 3) put(struct text *t, const char *fmt, ...)
{
    size_t room = t->len < t->size ? t->size - t->len : 0;
    va_list ap;

    va_start(ap, fmt);
    t->len += (size_t)vsnprintf(room ? t->buf + t->len : NULL, room, fmt, ap);
    va_end(ap);
}

static void put_fence_set(struct text *t, unsigned set)
{
    if (!set) {
        put(t, "unknown");
        return;
    }
    for (unsigned i = 0; i < 4; i++)
        if (set & (8u >> i))
            put(t, "%c", "iorw"[i]);
}

/* A mode other than 0 is not in objdump's vocabulary; it follows as a number. */
static void put_fence(struct text *t, uint32_t imm)
{
    put_fence_set(t, (imm >> 4) & 15);
    put(t, ",");
    put_fence_set(t, imm & 15);
    if (imm >> 8)
        put(t, ",0x%" PRIx32, imm >> 8);
}

static void put_csr(struct text *t, unsigned number)
{
    const char *name = csr_name(number);

    if (name)
        put(t, "%s", name);
    else
        put(t, "0x%x", number);
}

static void put_mnemonic(struct text *t, const struct rv_form *f, const struct rv_insn *i)
{
    put(t, "%s%s%s%s", f->name, i->aq || i->rl ? "." : "", i->aq ? "aq" : "", i->rl ? "rl" : "");
}

static void put_operand(struct text *t, char letter, const struct rv_insn *i, uint64_t pc)
{
    switch (letter) {
    case 'd':
        put(t, "%s", rv_xreg_names[i->rd]);
        break;
    case 's':
        put(t, "%s", rv_xreg_names[i->rs1]);
        break;
    case 't':
        put(t, "%s", rv_xreg_names[i->rs2]);
        break;
    case 'D':
        put(t, "%s", rv_freg_names[i->rd]);
        break;
    case 'S':
        put(t, "%s", rv_freg_names[i->rs1]);
        break;
    case 'T':
        put(t, "%s", rv_freg_names[i->rs2]);
        break;
    case 'R':
        put(t, "%s", rv_freg_names[i->rs3]);
        break;
    case 'i':
        put(t, "%" PRId32, i->imm);
        break;
    case 'h':
        put(t, "0x%" PRIx32, (uint32_t)i->imm);
        break;
    case 'u':
        put(t, "0x%" PRIx32, (uint32_t)i->imm >> 12);
        break;
    case 'p':
        put(t, "0x%" PRIx64, pc + (uint64_t)(int64_t)i->imm);
        break;
    case 'c':
        put_csr(t, (unsigned)i->imm);
        break;
    case 'z':
        put(t, "%u", i->rs1);
        break;
    case 'm':
    case 'n':
        put(t, "%s", rv_rm_names[i->rm]);
        break;
    case 'r':
        put(t, "%s", rv_rm_names[RM_RTZ]);
        break;
    case 'k':
        put(t, "%s", rv_fp_const_names[i->imm]);
        break;
    case 'f':
        put_fence(t, (uint32_t)i->imm);
        break;
    default:
        put(t, "%c", letter);
        break;
    }
}

size_t rv_disasm(const struct rv_insn *insn, uint64_t pc, char *buf, size_t size)
{
    const struct rv_form *f = &rv_forms()[insn->form];
    struct text t = {buf, size, 0};

    if (insn->op == RV_OP_illegal) {
        put(&t, insn->len == 2 ? ".2byte\t0x%" PRIx32 : ".4byte\t0x%" PRIx32, insn->raw);
        return t.len;
    }
    put_mnemonic(&t, f, insn);
    for (const char *p = f->operands; *p; p++) {
        if (p == f->operands)
            put(&t, "\t");
        if ((!strcmp(p, ",m") && insn->rm == RM_DYN) || (!strcmp(p, ",n") && insn->rm == RM_RNE))
            break;
        put_operand(&t, *p, insn, pc);
    }
    return t.len;
}
