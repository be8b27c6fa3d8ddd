/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part csrs: every CSR number in M, S and U, read, written, set and cleared,
 * with registers and immediates; what comes back then is read again.  Numbers
 * that have a register get many values under several settings of what enables
 * them (counter enables, environment configuration, TVM, FS, delegation).
 *
 * In M a case sets back what it changed before it ends, since the runtime uses
 * some of the registers itself.  What cannot be set back (locks) is not set.
 */
#include "tests/oracle/parts.h"

#include "isa/riscv/rv.h"
#include "tests/oracle/values.h"

enum csr_test {
    TEST_READ,
    TEST_WRITE,
    TEST_SET,
    TEST_CLEAR,
    TEST_WRITE_I,
    TEST_SET_I,
    TEST_CLEAR_I,
    TEST_WRITE_ONLY, /* rd = x0: does not read */
    CSR_TESTS
};

/* Registers of the sites. */
enum {
    REG_VALUE = 6,
    REG_OLD = CSR_REG_OLD,
    REG_NEW = CSR_REG_NEW,
    REG_RESTORED = CSR_REG_RESTORED
};

enum {
    CSR_SATP = 0x180,
    CSR_MSECCFG = 0x747,
    CSR_PMPCFG0 = 0x3a0,
    CSR_PMPCFG_LAST = 0x3af,
    CSR_TDATA1 = 0x7a1
};

struct csr_work {
    struct oracle *o;
    struct batch *b;
    struct rng rng;
    unsigned csr;
    int bad;
};

/* --- what may be written --- */

/* Bits that stay once they are set, or that make a trigger fire. */
static uint64_t sticky_bits(unsigned csr)
{
    if (csr >= CSR_PMPCFG0 && csr <= CSR_PMPCFG_LAST)
        return 0x8080808080808080;
    if (csr == CSR_TDATA1)
        return UINT64_MAX >> 4;
    /* With PMM = 1, which is reserved, QEMU 10.0 ends. */
    return csr == CSR_MSECCFG ? 3ull << 32 | 7 : 0;
}

static uint64_t csr_value(struct csr_work *w, unsigned turn)
{
    static const uint64_t first[] = {UINT64_MAX, 0, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa};
    static const uint64_t types[] = {0, 2ull << 60, 6ull << 60, 15ull << 60};
    uint64_t v = turn < sizeof(first) / sizeof(first[0]) ? first[turn] : value_int(&w->rng);
    if (w->csr == CSR_TDATA1) /* no other type: QEMU 10.0 hangs at reserved ones */
        return types[turn % 4];
    return v & ~sticky_bits(w->csr);
}

static unsigned csr_immediate(struct csr_work *w)
{
    static const uint8_t imms[] = {0, 1, 2, 16, 31};
    unsigned v = rng_one_in(&w->rng, 2) ? RNG_PICK(&w->rng, imms) : rng_below(&w->rng, 32);
    return v & ~(unsigned)sticky_bits(w->csr) & 31;
}

/* --- code --- */

static void add_test(struct csr_work *w, struct site *s, enum csr_test test)
{
    static const char *const names[] = {"csrrs",  "csrrw",  "csrrs", "csrrc",
                                        "csrrwi", "csrrsi", "csrrci"};
    switch (test) {
    case TEST_READ:
        site_asm(s, "csrrs x%d,%u,x0", REG_OLD, w->csr);
        break;
    case TEST_WRITE:
    case TEST_SET:
    case TEST_CLEAR:
        site_asm(s, "%s x%d,%u,x%d", names[test], REG_OLD, w->csr, REG_VALUE);
        break;
    case TEST_WRITE_ONLY:
        site_asm(s, "csrrs x%d,%u,x0", REG_OLD, w->csr);
        site_asm(s, "csrrw x0,%u,x%d", w->csr, REG_VALUE);
        break;
    default:
        site_asm(s, "%s x%d,%u,%u", names[test], REG_OLD, w->csr, csr_immediate(w));
    }
}

/* The instruction, then what it left there, then the old value again. */
static uint64_t place_test(struct csr_work *w, enum csr_test test, uint64_t *insn_pc, uint32_t *raw)
{
    struct site s = {0};
    unsigned at = 0;
    add_test(w, &s, test);
    *raw = s.raw[s.count - 1];
    for (unsigned i = 0; i + 1 < s.count; i++)
        at += s.len[i];
    if (test != TEST_READ) {
        site_asm(&s, "csrrs x%d,%u,x0", REG_NEW, w->csr);
        site_asm(&s, "csrrw x%d,%u,x%d", REG_RESTORED, w->csr, REG_OLD);
    }
    uint64_t pc = batch_place(w->b, &s);
    /* Behind a write of satp the page it is in may still be known, but not the next. */
    while (w->csr == CSR_SATP && (pc & 0xfff) + 4 * s.count + 2 > 0x1000)
        pc = batch_place(w->b, &s);
    *insn_pc = pc + at;
    return pc;
}

/* --- settings --- */

struct setting {
    uint64_t status;
    struct csr_block csrs;
};
enum { SETTINGS = 4 };

static struct setting setting_of(unsigned i)
{
    struct setting s = {MSTATUS_FS, batch_default_csrs()};
    uint64_t *v = s.csrs.v;
    switch (i) {
    case 0: /* all counters, Sstc */
        v[SLOT_MCOUNTEREN] = v[SLOT_SCOUNTEREN] = 0xffffffff;
        v[SLOT_MENVCFG] |= ENVCFG_STCE | 1;
        v[SLOT_SENVCFG] |= 1;
        v[SLOT_MIDELEG] = 0x222;
        break;
    case 1: /* as after reset */
        break;
    case 2: /* counters for S alone; nothing that S can switch off */
        s.status = MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR;
        v[SLOT_MCOUNTEREN] = 0xffffffff;
        v[SLOT_MIE] = 0;
        v[SLOT_MIP] = 0x222;
        break;
    case 3: /* values to be seen through the views of S */
        s.status = 1ull << 13 | MSTATUS_SUM | MSTATUS_MXR | MSTATUS_SPP | MSTATUS_SPIE;
        v[SLOT_MCOUNTEREN] = 5;
        v[SLOT_SCOUNTEREN] = 0xffffffff;
        v[SLOT_MENVCFG] |= ENVCFG_STCE;
        v[SLOT_MIDELEG] = 0x2;
        v[SLOT_MIP] = 0x202;
        break;
    }
    return s;
}

static void add_case(struct csr_work *w, enum csr_test test, uint64_t pc, uint64_t insn_pc,
                     uint32_t raw, unsigned mode, unsigned which, unsigned turn)
{
    struct setting s = setting_of(which);
    struct case_note *note;
    struct guest_case *c = batch_case(w->b, &note);
    c->mstatus = s.status | (uint64_t)mode << 11;
    c->fcsr = 0x25;
    c->csrs = batch_csrs(w->b, &s.csrs);
    c->pc = batch_code_address(c, pc);
    case_patch(c, REG_VALUE, csr_value(w, turn));
    *note = (struct case_note){.csr = (int16_t)w->csr,
                               .rm = 8,
                               .mode = (uint8_t)mode,
                               .kind = (uint8_t)test,
                               .insn_pc = insn_pc,
                               .raw = raw};
}

/* --- numbers --- */

static const uint8_t modes[] = {PRIV_M, PRIV_S, PRIV_U};

/* Room for all that one number needs, in a new batch if need be. */
static bool make_room(struct csr_work *w)
{
    if (w->b->case_count + 2000 < BATCH_CASES && w->b->csr_blocks + 2000 < BATCH_CSR_BLOCKS &&
        w->b->site_next + 0x10000 < ORACLE_SITES_END)
        return true;
    int rc = oracle_run_batch(w->o, NULL, 0);
    w->bad = rc < 0 ? rc : w->bad + rc;
    return rc >= 0;
}

/* A number without a register: illegal in every way. */
static void add_absent(struct csr_work *w)
{
    static const uint8_t tests[] = {TEST_READ, TEST_WRITE, TEST_SET_I, TEST_CLEAR};
    uint64_t insn_pc;
    uint32_t raw;
    for (unsigned i = 0; i < sizeof(tests); i++) {
        uint64_t pc = place_test(w, tests[i], &insn_pc, &raw);
        for (unsigned m = 0; m < sizeof(modes); m++)
            add_case(w, tests[i], pc, insn_pc, raw, modes[m], 0, 0);
    }
}

static void add_present(struct csr_work *w)
{
    uint64_t insn_pc;
    uint32_t raw;
    unsigned turns = 6 * w->o->scale;
    for (unsigned test = 0; test < CSR_TESTS; test++) {
        uint64_t pc = place_test(w, test, &insn_pc, &raw);
        for (unsigned turn = 0; turn < (test == TEST_READ ? 1 : turns); turn++)
            for (unsigned i = 0; i < sizeof(modes) * SETTINGS; i++)
                add_case(w, test, pc, insn_pc, raw, modes[i / SETTINGS], i % SETTINGS, turn);
    }
}

int oracle_csrs(struct oracle *o)
{
    struct csr_work w = {.o = o, .b = &o->batch};
    o->compare.part = "csrs";
    batch_reset(&o->batch, o->seed);
    w.rng = rng_make(o->seed, "csrs");
    for (w.csr = 0; w.csr < CSRS; w.csr++) {
        if (!make_room(&w))
            return w.bad;
        if (rv_csr_name(w.csr))
            add_present(&w);
        else
            add_absent(&w);
    }
    int rc = oracle_run_batch(o, NULL, 0);
    return rc < 0 ? rc : w.bad + rc;
}
