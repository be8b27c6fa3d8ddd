/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instruction as data and as text for users of the library
 * (guest_type.decode).  Any thread.
 */
#include "isa/riscv/decode.h"
#include "isa/riscv/describe.h"
#include "isa/riscv/isa_string.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/error.h"

struct guest_decoder {
    struct rv_ext_set exts;
};

int rv_decoder_create(struct guest_decoder **out, const char *isa)
{
    struct guest_decoder *d = calloc(1, sizeof(*d));
    *out = NULL;
    if (!d)
        return error_set(MH_ERROR_EXECUTION, -ENOMEM, NULL, NULL, "not enough host memory");
    isa_set_all(&d->exts);
    int rc = isa ? isa_string_parse(isa, &d->exts) : 0;
    if (rc) {
        free(d);
        return rc;
    }
    *out = d;
    return 0;
}

void rv_decoder_destroy(struct guest_decoder *d)
{
    free(d);
}

static uint32_t flags_of(uint32_t f)
{
    static const struct {
        uint32_t from, to;
    } rows[] = {
        {RV_IS_BRANCH, MH_INSN_BRANCH}, {RV_IS_JUMP, MH_INSN_JUMP},
        {RV_IS_LOAD, MH_INSN_LOAD},     {RV_IS_STORE, MH_INSN_STORE},
        {RV_IS_AMO, MH_INSN_ATOMIC},    {RV_IS_FP, MH_INSN_FLOAT},
        {RV_IS_FENCE, MH_INSN_FENCE},   {RV_IS_CSR, MH_INSN_CSR},
        {RV_IS_SYSTEM, MH_INSN_SYSTEM}, {RV_ENDS_BLOCK, MH_INSN_ENDS_BLOCK},
    };
    uint32_t flags = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (f & rows[i].from)
            flags |= rows[i].to;
    if (f & (RV_IS_BRANCH | RV_IS_JUMP))
        flags |= MH_INSN_ENDS_BLOCK;
    return flags;
}

static int8_t reg(uint32_t flags, uint32_t x, uint32_t f, uint8_t number)
{
    if (flags & f)
        return (int8_t)(32 + number);
    return flags & x ? (int8_t)number : -1;
}

static void fill_operands(const struct rv_insn *in, const struct rv_op_info *info,
                          struct mh_insn *out)
{
    uint32_t f = info->flags;
    out->flags = flags_of(f);
    out->imm = in->imm;
    out->rd = reg(f, RV_WRITES_RD, RV_WRITES_FRD, in->rd);
    out->rs1 = reg(f, RV_READS_RS1, RV_READS_FRS1, in->rs1);
    out->rs2 = reg(f, RV_READS_RS2, RV_READS_FRS2, in->rs2);
    out->rs3 = reg(f, 0, RV_READS_FRS3, in->rs3);
    out->has_target = f & RV_IS_BRANCH || in->op == RV_OP_jal;
    if (out->has_target)
        out->target.v = out->pc.v + (uint64_t)(int64_t)in->imm;
    snprintf(out->name, sizeof(out->name), "%s", info->name);
}

static void fill(const struct rv_insn *in, uint64_t pc, struct mh_insn *out)
{
    *out = (struct mh_insn){
        .pc = {pc},
        .raw = in->raw,
        .size = in->len,
        .legal = in->op != RV_OP_illegal,
        .flags = MH_INSN_ENDS_BLOCK,
        .rd = -1,
        .rs1 = -1,
        .rs2 = -1,
        .rs3 = -1,
    };
    if (out->legal)
        fill_operands(in, rv_op_info(in->op), out);
    rv_disasm(in, pc, out->text, sizeof(out->text));
}

size_t rv_decoder_decode(const struct guest_decoder *d, const void *bytes, size_t len, uint64_t pc,
                         struct mh_insn *out)
{
    struct rv_insn insn;
    uint32_t raw = 0;
    if (len < 2)
        return 0;
    memcpy(&raw, bytes, len < 4 ? len : 4);
    rv_decode(raw, &d->exts, &insn);
    if (insn.len > len)
        return 0;
    fill(&insn, pc, out);
    return insn.len;
}
