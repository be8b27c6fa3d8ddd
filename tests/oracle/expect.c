/* SPDX-License-Identifier: Apache-2.0 */
/* What is due where QEMU does not say; see expect.h. */
#include "tests/oracle/expect.h"

#include <string.h>

enum { MODE_U, MODE_S, MODE_M = 3 };
enum {
    ILLEGAL = 2,
    BREAKPOINT = 3,
    AMO_MISALIGNED = 6,
    AMO_ACCESS = 7,
    AMO_PAGE = 15,
};

#define RAM_END 0x90000000ull /* the machines have 256 MiB */

static unsigned mode_of(const struct comparison *cmp)
{
    return cmp->c->mstatus >> 11 & 3;
}

uint64_t expect_insn_pc(const struct comparison *cmp)
{
    bool alias = mode_of(cmp) == MODE_U && cmp->c->pc >= ORACLE_RAM + USER_ALIAS;
    return cmp->note->insn_pc + (alias ? USER_ALIAS : 0);
}

/* Registers and window as they were when the case's code began. */
static void nothing_changed(const struct comparison *cmp, struct guest_result *r)
{
    for (unsigned i = 0; i < 32; i++) {
        r->x[i] = case_reg(cmp->b, cmp->c, i);
        r->f[i] = case_reg(cmp->b, cmp->c, 32 + i);
    }
    r->fcsr = cmp->c->fcsr;
    if (cmp->c->mem)
        memcpy(r->mem, batch_host(cmp->b, cmp->c->mem_image), sizeof(r->mem));
}

static void traps(struct guest_result *r, uint64_t cause, uint64_t epc, uint64_t tval)
{
    r->cause = cause;
    r->epc = epc;
    r->tval = tval;
}

/* Code is followed by c.ebreak; mtval of that is its address. */
static void runs_into_ebreak(struct guest_result *r, uint64_t pc)
{
    traps(r, BREAKPOINT, pc, pc);
}

/* --- translation of an AMO: Privileged, Virtual Address Translation Process --- */

#define BIT(pte, n) ((pte) >> (n)&1)
enum { V, R, W, X, U, G, A, D, PBMT = 61, N = 63 };

/* A leaf gives an address to what loads and stores, or 0.  Neither A nor D is set by hardware. */
static bool leaf_permits(const struct comparison *cmp, uint64_t pte)
{
    bool user = mode_of(cmp) == MODE_U, sum = cmp->c->mstatus >> 18 & 1;
    if (!BIT(pte, R) || !BIT(pte, W) || !BIT(pte, A) || !BIT(pte, D))
        return false;
    return user ? BIT(pte, U) : !BIT(pte, U) || sum;
}

/* Bits that have no meaning, or none here: steps 3 and 4, Svpbmt, Svnapot. */
static bool reserved(uint64_t pte, unsigned level)
{
    bool pointer = !BIT(pte, R) && !BIT(pte, X);
    if (!BIT(pte, V) || (!BIT(pte, R) && BIT(pte, W)) || (pte >> 54 & 0x7f) ||
        (pte >> PBMT & 3) == 3)
        return true;
    if (pointer)
        return BIT(pte, A) || BIT(pte, D) || BIT(pte, U) || pte >> PBMT;
    return BIT(pte, N) && (level || (pte >> 10 & 15) != 8);
}

/* Returns 0 and the physical address, or the exception's cause. */
static uint64_t sv39(const struct comparison *cmp, uint64_t va, uint64_t *pa)
{
    uint64_t table = (batch_default_csrs().v[SLOT_SATP] & ((1ull << 44) - 1)) << 12, pte, low;
    if ((uint64_t)((int64_t)(va << 25) >> 25) != va)
        return AMO_PAGE;
    for (unsigned level = 2;; level--) {
        if (table < ORACLE_RAM || table >= ORACLE_RESULTS)
            return AMO_ACCESS;
        memcpy(&pte, batch_host(cmp->b, table + (va >> (12 + 9 * level) & 511) * 8), 8);
        if (reserved(pte, level))
            return AMO_PAGE;
        table = (pte >> 10 & ((1ull << 44) - 1)) << 12;
        low = (1ull << (12 + 9 * level)) - 1;
        if (BIT(pte, R) || BIT(pte, X))
            break;
        if (!level)
            return AMO_PAGE;
    }
    if (!leaf_permits(cmp, pte) || (low > 0xfff && table & low))
        return AMO_PAGE;
    if (BIT(pte, N))
        low = 0xffff;
    *pa = (table & ~low) | (va & low);
    return 0;
}

/* Likewise in the case's mode; where there is no RAM there is nothing. */
static uint64_t translate(const struct comparison *cmp, uint64_t va, uint64_t *pa)
{
    uint64_t cause = 0;
    *pa = va;
    if (mode_of(cmp) != MODE_M)
        cause = sv39(cmp, va, pa);
    if (!cause && (*pa < ORACLE_RAM || *pa >= RAM_END))
        cause = AMO_ACCESS;
    return cause;
}

/* --- Atomic Memory Operations; Zacas, Zabha --- */

struct amo {
    unsigned rd, rs1, rs2, bytes, funct5;
};

static struct amo amo_of(uint32_t raw)
{
    return (struct amo){.rd = raw >> 7 & 31,
                        .rs1 = raw >> 15 & 31,
                        .rs2 = raw >> 20 & 31,
                        .bytes = 1u << (raw >> 12 & 7),
                        .funct5 = raw >> 27};
}

static uint64_t extend(uint64_t v, unsigned bytes)
{
    unsigned up = 64 - 8 * bytes;
    return (uint64_t)((int64_t)(v << up) >> up);
}

/* What memory holds afterwards; all values sign-extended, which keeps unsigned order, too. */
static uint64_t amo_result(unsigned funct5, uint64_t old, uint64_t v, uint64_t expected)
{
    switch (funct5) {
    case 0x00:
        return old + v;
    case 0x01:
        return v;
    case 0x04:
        return old ^ v;
    case 0x05: /* AMOCAS */
        return old == expected ? v : old;
    case 0x08:
        return old | v;
    case 0x0c:
        return old & v;
    case 0x10:
        return (int64_t)old < (int64_t)v ? old : v;
    case 0x14:
        return (int64_t)old > (int64_t)v ? old : v;
    case 0x18:
        return old < v ? old : v;
    default:
        return old > v ? old : v;
    }
}

bool expect_amo(const struct comparison *cmp, struct guest_result *r)
{
    struct amo amo = amo_of(cmp->note->raw);
    uint64_t va = case_reg(cmp->b, cmp->c, amo.rs1), pa, old = 0, new;
    uint64_t pc = expect_insn_pc(cmp), cause = translate(cmp, va, &pa);
    nothing_changed(cmp, r);
    traps(r, cause, pc, va);
    if (cause)
        return true;
    if (!cmp->c->mem || pa < cmp->c->mem || pa + amo.bytes > cmp->c->mem + sizeof(r->mem) ||
        amo.bytes > 8)
        return false;
    uint8_t *at = (uint8_t *)r->mem + (pa - cmp->c->mem);
    memcpy(&old, at, amo.bytes);
    old = extend(old, amo.bytes);
    new = amo_result(amo.funct5, old, extend(case_reg(cmp->b, cmp->c, amo.rs2), amo.bytes),
                     extend(case_reg(cmp->b, cmp->c, amo.rd), amo.bytes));
    memcpy(at, &new, amo.bytes);
    if (amo.rd)
        r->x[amo.rd] = old;
    runs_into_ebreak(r, pc + 4);
    return true;
}

void expect_amo_misaligned(const struct comparison *cmp, struct guest_result *r)
{
    nothing_changed(cmp, r);
    traps(r, AMO_MISALIGNED, expect_insn_pc(cmp),
          case_reg(cmp->b, cmp->c, amo_of(cmp->note->raw).rs1));
}

bool expect_sc_fault(const struct comparison *cmp, struct guest_result *r)
{
    struct amo sc = amo_of(cmp->note->raw);
    uint64_t va = case_reg(cmp->b, cmp->c, sc.rs1), pa, cause = translate(cmp, va, &pa);
    r->x[sc.rd] = case_reg(cmp->b, cmp->c, sc.rd); /* the LR before it has another rd */
    traps(r, cause, expect_insn_pc(cmp), va);
    return cause;
}

/* --- illegal instructions --- */

static uint32_t first_insn(const struct comparison *cmp)
{
    uint64_t pa = cmp->note->insn_pc - (expect_insn_pc(cmp) - cmp->c->pc);
    uint32_t raw;
    memcpy(&raw, batch_host(cmp->b, pa), 4);
    return raw;
}

void expect_illegal(const struct comparison *cmp, struct guest_result *r)
{
    nothing_changed(cmp, r);
    traps(r, ILLEGAL, cmp->c->pc, first_insn(cmp));
}

void expect_illegal_delegated(const struct comparison *cmp, struct guest_result *r)
{
    const struct csr_block *csrs = batch_host(cmp->b, cmp->c->csrs);
    const uint64_t sie = 1 << 1, spie = 1 << 5, spp = 1 << 8, mpp = 3 << 11;
    uint64_t status = r->mstatus & ~(sie | spie | spp | mpp);
    nothing_changed(cmp, r);
    r->csrs[SLOT_SCAUSE] = ILLEGAL;
    r->csrs[SLOT_SEPC] = cmp->c->pc;
    r->csrs[SLOT_STVAL] = first_insn(cmp);
    r->mstatus = status | (cmp->c->mstatus & sie ? spie : 0) | (mode_of(cmp) == MODE_S ? spp : 0) |
                 (uint64_t)MODE_S << 11;
    runs_into_ebreak(r, csrs->v[SLOT_STVEC] & ~3ull);
}

/* --- CSRs: Unprivileged, Zicsr --- */

/* The code of part csrs: the instruction under test, then (but for a read) two more. */
static bool only_reads(uint32_t raw)
{
    return (raw >> 12 & 7) == 2 && !(raw >> 15 & 31);
}

static uint64_t csr_end(const struct comparison *cmp)
{
    return expect_insn_pc(cmp) + (only_reads(cmp->note->raw) ? 4 : 12);
}

static uint64_t csr_result(const struct comparison *cmp, uint64_t old)
{
    uint32_t raw = cmp->note->raw, rs1 = raw >> 15 & 31;
    uint64_t v = raw >> 14 & 1 ? rs1 : case_reg(cmp->b, cmp->c, rs1);
    switch (raw >> 12 & 3) {
    case 1:
        return v;
    case 2:
        return old | v;
    default:
        return old & ~v;
    }
}

/* What was read before, behind the instruction, and by what set the old value back. */
static void csr_is_read(const struct comparison *cmp, uint64_t old, uint64_t new,
                        struct guest_result *r)
{
    nothing_changed(cmp, r);
    r->x[CSR_REG_OLD] = old;
    if (!only_reads(cmp->note->raw))
        r->x[CSR_REG_NEW] = r->x[CSR_REG_RESTORED] = new;
    runs_into_ebreak(r, csr_end(cmp));
}

void expect_csr(const struct comparison *cmp, uint64_t mask, struct guest_result *r)
{
    csr_is_read(cmp, 0, csr_result(cmp, 0) & mask, r);
}

bool expect_satp_unfenced(const struct comparison *cmp, struct guest_result *r)
{
    const struct csr_block *csrs = batch_host(cmp->b, cmp->c->csrs);
    uint64_t old = csrs->v[SLOT_SATP], new = r->csrs[SLOT_SATP];
    const uint64_t asid = 0xffffull << 44;
    /* "Changing satp.MODE from Bare to other modes and vice versa also takes effect immediately
     * [...] Likewise, changes to satp.ASID take effect immediately." */
    if (new != csr_result(cmp, old) || !(new >> 60) || ((new ^ old) & asid))
        return false;
    csr_is_read(cmp, old, new, r);
    r->csrs[SLOT_SATP] = old;
    return true;
}
