/* SPDX-License-Identifier: Apache-2.0 */
/* Explained differences; see known.h. */
#include "tests/oracle/known.h"

#include <string.h>

#include "isa/riscv/forms.h"
#include "isa/riscv/rv.h"
#include "tests/oracle/expect.h"

const struct known known_differences[KNOWN_COUNT] = {
#define KNOWN(id, kind, section, text) {#id, kind, section, text},
#include "tests/oracle/known.def"
};

/* Takes over a field of ours; true if that changed something. */
#define TAKE(cmp, field)                                                                           \
    ((cmp)->qemu.field != (cmp)->ours.field ? ((cmp)->qemu.field = (cmp)->ours.field, true) : false)

/* csrrs, csrrc and their like on fflags, frm, fcsr: with a value of 0 they write what was there. */
static bool is_fcsr_access(const struct comparison *cmp)
{
    return rv_op_info(cmp->insn.op)->flags & RV_IS_CSR && cmp->insn.imm >= 1 && cmp->insn.imm <= 3;
}

static bool forgive_fs_dirty(struct comparison *cmp)
{
    const uint64_t fs = MSTATUS_FS | MSTATUS_SD;
    if ((cmp->ours.mstatus & fs) != fs || !(cmp->qemu.mstatus & MSTATUS_FS) ||
        (cmp->qemu.mstatus & ~fs) != (cmp->ours.mstatus & ~fs))
        return false;
    if (!(rv_op_info(cmp->insn.op)->flags & RV_IS_FP) && !is_fcsr_access(cmp))
        return false;
    return TAKE(cmp, mstatus);
}

/* --- exceptions --- */

static bool is_memory(const struct comparison *cmp)
{
    return rv_op_info(cmp->insn.op)->flags & (RV_IS_LOAD | RV_IS_STORE | RV_IS_AMO);
}

static bool traps_itself(const struct comparison *cmp, const struct guest_result *r)
{
    return r->epc == expect_insn_pc(cmp) && r->cause != CAUSE_BREAKPOINT;
}

static bool forgive_straddle_epc(struct comparison *cmp)
{
    return cmp->insn.len == 4 && (expect_insn_pc(cmp) & 0xfff) == 0xffe &&
           traps_itself(cmp, &cmp->ours) && cmp->qemu.cause == cmp->ours.cause &&
           cmp->qemu.epc == cmp->ours.epc + 0x1000 && TAKE(cmp, epc);
}

static bool is_data_fault(uint64_t cause)
{
    return cause == CAUSE_LOAD_ACCESS || cause == CAUSE_STORE_ACCESS || cause == CAUSE_LOAD_PAGE ||
           cause == CAUSE_STORE_PAGE;
}

/* The fault of ours is at the access's first byte, that of QEMU at its second page. */
static bool forgive_misaligned_order(struct comparison *cmp)
{
    uint64_t first = cmp->ours.tval, second = cmp->qemu.tval;
    if (!is_memory(cmp) || !traps_itself(cmp, &cmp->ours) || !traps_itself(cmp, &cmp->qemu) ||
        !is_data_fault(cmp->ours.cause) || !is_data_fault(cmp->qemu.cause))
        return false;
    if (second & 0xfff || second - first >= 8 || second == first)
        return false;
    TAKE(cmp, cause);
    return TAKE(cmp, tval);
}

/* Nothing but bytes right below the page's border, which ours must have left alone. */
static bool forgive_partial_store(struct comparison *cmp)
{
    const uint64_t *before = batch_host(cmp->b, cmp->c->mem_image);
    uint64_t border = (0x1000 - (cmp->c->mem & 0xfff)) / 8;
    if (border > MEM_DWORDS || !is_memory(cmp) || !traps_itself(cmp, &cmp->ours) ||
        !is_data_fault(cmp->ours.cause) || cmp->ours.tval & 0xfff ||
        cmp->qemu.tval != cmp->ours.tval)
        return false;
    if (cmp->qemu.mem[border - 1] == before[border - 1])
        return false;
    cmp->qemu.mem[border - 1] = before[border - 1];
    return true;
}

/* Makes QEMU's result what is due; true if that changed something. */
static bool take_expected(struct comparison *cmp, const struct guest_result *due)
{
    bool changed = memcmp(&cmp->qemu, due, sizeof(*due)) != 0;
    cmp->qemu = *due;
    return changed;
}

static unsigned atomic_bytes(const struct comparison *cmp)
{
    return 1u << (cmp->note->raw >> 12 & 7);
}

static bool forgive_amo_across_16(struct comparison *cmp)
{
    struct guest_result due = cmp->qemu;
    const uint32_t amo = RV_IS_AMO | RV_IS_LOAD | RV_IS_STORE;
    if ((rv_op_info(cmp->insn.op)->flags & amo) != amo || !traps_itself(cmp, &cmp->ours) ||
        cmp->ours.cause != CAUSE_STORE_MISALIGNED ||
        (cmp->ours.tval & 15) + atomic_bytes(cmp) <= 16)
        return false;
    expect_amo_misaligned(cmp, &due);
    return take_expected(cmp, &due);
}

static bool forgive_amo_in_16(struct comparison *cmp)
{
    struct guest_result due = cmp->qemu;
    bool cas = cmp->note->raw >> 27 == 5;
    if (!(rv_op_info(cmp->insn.op)->flags & RV_IS_AMO) || (atomic_bytes(cmp) > 2 && !cas) ||
        !traps_itself(cmp, &cmp->qemu) || cmp->qemu.cause != CAUSE_STORE_MISALIGNED ||
        (cmp->qemu.tval & 15) + atomic_bytes(cmp) > 16)
        return false;
    return expect_amo(cmp, &due) && take_expected(cmp, &due);
}

static bool forgive_sc_unreserved(struct comparison *cmp)
{
    struct guest_result due = cmp->qemu;
    unsigned rd = cmp->insn.rd;
    if ((cmp->insn.op != RV_OP_sc_w && cmp->insn.op != RV_OP_sc_d) ||
        !traps_itself(cmp, &cmp->ours) || !is_data_fault(cmp->ours.cause) ||
        cmp->qemu.cause != CAUSE_BREAKPOINT ||
        cmp->qemu.epc != expect_insn_pc(cmp) + cmp->insn.len || (rd && cmp->qemu.x[rd] != 1))
        return false;
    return expect_sc_fault(cmp, &due) && take_expected(cmp, &due);
}

/* No reservation is kept as the address of all ones. */
static bool forgive_sc_minus_one(struct comparison *cmp)
{
    bool sc = cmp->insn.op == RV_OP_sc_w || cmp->insn.op == RV_OP_sc_d;
    return sc && cmp->ours.tval == UINT64_MAX && cmp->ours.cause == CAUSE_STORE_MISALIGNED &&
           cmp->qemu.cause == CAUSE_LOAD_MISALIGNED && TAKE(cmp, cause);
}

static bool forgive_cbo_tval(struct comparison *cmp)
{
    enum rv_ext ext = rv_op_info(cmp->insn.op)->ext;
    if ((ext != RV_EXT_Zicbom && ext != RV_EXT_Zicboz) || !is_data_fault(cmp->ours.cause) ||
        cmp->qemu.tval != (cmp->ours.tval & ~63ull) || cmp->ours.tval != cmp->ours.x[cmp->insn.rs1])
        return false;
    return TAKE(cmp, tval);
}

static bool forgive_svinval_user(struct comparison *cmp)
{
    struct guest_result due = cmp->qemu;
    const struct csr_block *csrs;
    if ((cmp->insn.op != RV_OP_sfence_w_inval && cmp->insn.op != RV_OP_sfence_inval_ir) ||
        cmp->note->mode != PRIV_U || !cmp->c->csrs)
        return false;
    csrs = batch_host(cmp->b, cmp->c->csrs);
    if (csrs->v[SLOT_MEDELEG] >> CAUSE_ILLEGAL & 1)
        expect_illegal_delegated(cmp, &due);
    else
        expect_illegal(cmp, &due);
    return take_expected(cmp, &due);
}

static bool forgive_sepc_bit_0(struct comparison *cmp)
{
    return (cmp->qemu.csrs[SLOT_SEPC] & ~1ull) == cmp->ours.csrs[SLOT_SEPC] &&
           TAKE(cmp, csrs[SLOT_SEPC]);
}

/* --- CSRs --- */

/* Only the bits of mask; what differs besides stays. */
static bool take_csr_bits(struct comparison *cmp, uint64_t mask)
{
    bool taken = false;
    if (cmp->qemu.cause != cmp->ours.cause || cmp->qemu.epc != cmp->ours.epc)
        return false;
    for (unsigned i = CSR_REG_OLD; i <= CSR_REG_RESTORED; i++) {
        uint64_t differ = (cmp->qemu.x[i] ^ cmp->ours.x[i]) & mask;
        cmp->qemu.x[i] ^= differ;
        taken |= differ != 0;
    }
    return taken;
}

static const struct {
    uint16_t first, last;
    uint64_t mask;
    enum known_kind kind;
} csr_bit_rows[] = {
#define CSR_BITS(first, last, mask, kind, section, text) {first, last, mask, kind},
#include "tests/oracle/known_csrs.def"
};

static bool forgive_csr_rows(struct comparison *cmp, enum known_kind kind)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < ARRAY_LEN(csr_bit_rows); i++)
        if (csr_bit_rows[i].first <= cmp->note->csr && cmp->note->csr <= csr_bit_rows[i].last &&
            csr_bit_rows[i].kind == kind)
            mask |= csr_bit_rows[i].mask;
    return mask && take_csr_bits(cmp, mask);
}

static bool forgive_csr_choice(struct comparison *cmp)
{
    return forgive_csr_rows(cmp, CHOICE);
}

static bool forgive_csr_bits(struct comparison *cmp)
{
    return forgive_csr_rows(cmp, QEMU_ERRS);
}

static bool pmpcfg_explained(uint64_t qemu, uint64_t ours)
{
    for (; qemu | ours; qemu >>= 8, ours >>= 8) {
        bool reserved = (qemu & 3) == 2 && (ours & 3) != 2;
        if (((qemu ^ ours) & (reserved ? 0x98 : 0x9f)) || ours & 0x60)
            return false;
    }
    return true;
}

static bool forgive_pmpcfg(struct comparison *cmp)
{
    bool taken = false;
    if (cmp->note->csr < 0x3a0 || cmp->note->csr > 0x3af)
        return false;
    for (unsigned i = CSR_REG_OLD; i <= CSR_REG_RESTORED; i++)
        if (cmp->qemu.x[i] != cmp->ours.x[i] && pmpcfg_explained(cmp->qemu.x[i], cmp->ours.x[i]))
            taken |= TAKE(cmp, x[i]);
    return taken;
}

static bool forgive_csr_runs(struct comparison *cmp)
{
#define CSR_RUNS(first, last, section, text)                                                       \
    if (cmp->note->csr >= (first) && cmp->note->csr <= (last))                                     \
        return take_csr_bits(cmp, UINT64_MAX);
#include "tests/oracle/known_csrs.def"
    return false;
}

static bool forgive_csr_extra(struct comparison *cmp)
{
    struct guest_result due = cmp->qemu;
    bool extra = false;
#define CSR_EXTRA(first, last, kind, section, text)                                                \
    extra |= cmp->note->csr >= (first) && cmp->note->csr <= (last);
#include "tests/oracle/known_csrs.def"
    if (!extra)
        return false;
    expect_illegal(cmp, &due);
    return take_expected(cmp, &due);
}

static bool forgive_csr_ours(struct comparison *cmp)
{
    struct guest_result due = cmp->qemu;
    uint64_t mask = 0;
#define CSR_OURS(number, bits, section, text)                                                      \
    if (cmp->note->csr == (number))                                                                \
        mask = (bits);
#include "tests/oracle/known_csrs.def"
    if (!mask || cmp->qemu.cause != CAUSE_ILLEGAL ||
        (cmp->qemu.epc != cmp->c->pc && cmp->qemu.epc != expect_insn_pc(cmp)))
        return false;
    expect_csr(cmp, mask, &due);
    return take_expected(cmp, &due);
}

/* Ours went on with what the TLB holds, QEMU found no code by the new tables. */
static bool forgive_satp_unfenced(struct comparison *cmp)
{
    struct guest_result due = cmp->qemu;
    uint64_t next = expect_insn_pc(cmp) + cmp->insn.len;
    if (cmp->note->csr != 0x180 || cmp->note->mode != PRIV_S || cmp->qemu.epc != next ||
        (cmp->qemu.cause != CAUSE_FETCH_PAGE && cmp->qemu.cause != CAUSE_FETCH_ACCESS) ||
        cmp->ours.cause != CAUSE_BREAKPOINT)
        return false;
    return expect_satp_unfenced(cmp, &due) && take_expected(cmp, &due);
}

static bool forgive_stip_stimecmp(struct comparison *cmp)
{
    const uint64_t stip = 1 << 5;
    if (cmp->note->csr != 0x14d || !cmp->c->csrs ||
        cmp->qemu.csrs[SLOT_MIP] != (cmp->ours.csrs[SLOT_MIP] & ~stip) ||
        cmp->ours.csrs[SLOT_MENVCFG] & ENVCFG_STCE)
        return false;
    return TAKE(cmp, csrs[SLOT_MIP]);
}

static bool (*const rules[KNOWN_COUNT])(struct comparison *cmp) = {
#define KNOWN(id, kind, section, text) forgive_##id,
#include "tests/oracle/known.def"
};

void known_forgive(struct comparison *cmp, uint64_t used[KNOWN_COUNT])
{
    for (unsigned i = 0; i < KNOWN_COUNT; i++)
        if (rules[i](cmp))
            used[i]++;
}
