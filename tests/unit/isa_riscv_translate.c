/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/translate.c, sem_ir.h and helpers.c: the two readings of the
 * semantics agree.  Two machines start from the same random state; one runs an
 * instruction (or a straight-line program) with the interpreter, the other
 * evaluates its IR; registers, CSRs, traps, pc, counts and memory must be equal
 * afterwards.  The texts themselves are shared by both: what they say is tested
 * elsewhere, against programs that manyhart did not write.  Half of the runs
 * evaluate the block as the passes (jit/pass.h) left it, all of them or some.
 *
 * MH_SEED repeats a run; the seed is printed.
 */
#include "isa/riscv/translate.h"

#include <stdlib.h>
#include <time.h>

#include "tests/unit/isa_riscv_fixture.h"

#include "isa/riscv/forms.h"
#include "isa/riscv/fp.h"
#include "isa/riscv/isa_string.h"
#include "isa/riscv/ops.h"
#include "jit/pass.h"

#define CODE       (RAM_BASE + 0x10000)
#define DATA       (RAM_BASE + 0x20000)
#define DATA_BYTES (4 * PAGE_SIZE)
#define MIDDLE     (DATA + 2 * PAGE_SIZE) /* a page border, with room on both sides */
#define CODE_MAX   256

#if defined(MH_SANITIZE)
#define ENCODINGS 8 /* of each form */
#define TRIALS    32
#define PROGRAMS  500
#else
#define ENCODINGS 16
#define TRIALS    64 /* operand sets of each encoding */
#define PROGRAMS  4000
#endif
#define PROGRAM_MAX 24

struct pair {
    struct fixture fa, fb;
    struct rv_hart *a, *b; /* interpreter, IR */
    struct rv_ext_set exts;
    struct rv_csrs csr; /* as both start with */
    uint64_t rng;
    uint64_t insns; /* count at the start */
    uint8_t code[CODE_MAX];
    size_t code_len;
    gva_t pc;
    unsigned count; /* guest instructions of the code */
    bool ran_on;    /* the interpreter reached the breakpoint behind the code */
    struct ir_block block, optimized;
    const struct ir_block *run; /* one of the two */
    struct ir_insn ir[4096], optimized_ir[4096];
    uint64_t values[4096];
    uint32_t passes; /* of optimized */
    /* What was seen. */
    unsigned traps, faults, exits, leaves;
};

static struct pair *pair;
static uint64_t seed;

/* --- random numbers (splitmix64) --- */

static uint64_t random_64(void)
{
    uint64_t z = pair->rng += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
    return random_64() % n;
}

static bool one_in(unsigned n)
{
    return !below(n);
}

static uint64_t random_integer(void)
{
    static const uint64_t corners[] = {
        0,
        1,
        2,
        ~0ull,
        1ull << 63,
        (1ull << 63) - 1,
        0x80000000,
        0x7fffffff,
        0xffffffff80000000,
        0xffffffff,
        1ull << 32,
        31,
        32,
        63,
        64,
        0x8000,
        0x7f,
        0x80,
        0xff00ff0000ff0001,
    };
    switch (below(4)) {
    case 0:
        return corners[below(ARRAY_LEN(corners))];
    case 1:
        return random_64() >> below(64);
    case 2:
        return (uint64_t)((int64_t)random_64() >> below(64));
    default:
        return random_64();
    }
}

/* Halves and singles (boxed or not), doubles and what lies near their limits. */
static uint64_t random_float(void)
{
    static const uint64_t corners[] = {
        0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000,
        0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001,
        0x0000000000000001, 0x000fffffffffffff, 0x7fefffffffffffff, 0x41dfffffffc00000,
        0x41e0000000000000, 0x43e0000000000000, 0xc1e0000000000000, 0x3fe0000000000000,
        0xffffffff00000000, 0xffffffff80000000, 0xffffffff3f800000, 0xffffffffbf800000,
        0xffffffff7f800000, 0xffffffffff800000, 0xffffffff7fc00000, 0xffffffff7f800001,
        0xffffffff00000001, 0xffffffff7f7fffff, 0xffffffff4f000000, 0xffffffff5f000000,
        0xffffffff3f000000, 0x000000003f800000, 0xffffffffffff3c00, 0xffffffffffffbc00,
        0xffffffffffff0001, 0xffffffffffff83ff, 0xffffffffffff7bff, 0xffffffffffff7c00,
        0xffffffffffff7d01, 0xffffffffffff7e01, 0xffffffffffff0000, 0xffffffffffff8000,
        0xffffffff00003c00, 0xffffffff477ff000, 0x40effe0000000000, 0x3f0ffe0000000000,
    };
    switch (below(5)) {
    case 0:
        return corners[below(ARRAY_LEN(corners))];
    case 1:
        return 0xffffffff00000000 | random_64();
    case 3:
        return 0xffffffffffff0000 | random_64();
    case 2: /* a number of ordinary size */
        return (random_64() & 0x800fffffffffffff) | (1023 - 40 + below(80)) << 52;
    default:
        return 0xffffffff00000000 | (random_64() & 0x807fffff) | (127 - 20 + below(40)) << 23;
    }
}

/* --- the evaluator's way to its machine --- */

static void arrive(struct rv_hart *h, const struct ir_place *at)
{
    h->pc = at->pc;
    h->insns = pair->insns + at->retired;
}

static uint64_t env_slot_get(void *opaque, unsigned slot)
{
    const struct ir_slot *s = &rv_ir_guest.slots[slot];
    uint64_t v = 0;
    memcpy(&v, (const char *)opaque + s->offset, s->size);
    return v;
}

static void env_slot_set(void *opaque, unsigned slot, uint64_t value)
{
    const struct ir_slot *s = &rv_ir_guest.slots[slot];
    memcpy((char *)opaque + s->offset, &value, s->size);
}

static bool env_load(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                     uint64_t *value)
{
    arrive(opaque, at);
    struct rv_load r = rv_load_slow(opaque, addr, size);
    *value = r.value;
    return r.ok;
}

static bool env_store(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                      uint64_t value)
{
    arrive(opaque, at);
    return rv_store_slow(opaque, addr, size, value);
}

static bool env_amo(void *opaque, const struct ir_place *at, unsigned size, enum amo_op op,
                    uint64_t addr, uint64_t value, uint64_t *old)
{
    arrive(opaque, at);
    struct rv_load r = rv_amo_slow(opaque, addr, size, op, value);
    *old = r.value;
    return r.ok;
}

static bool env_cas(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                    uint64_t expected, uint64_t desired, uint64_t *old)
{
    uint64_t mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;
    arrive(opaque, at);
    struct rv_load r = rv_cas_slow(opaque, addr, size, expected & mask, desired & mask);
    *old = r.value;
    return r.ok;
}

static void env_fence(void *opaque, unsigned order)
{
    (void)opaque;
    assert_true(order < 16);
}

#define WINDOW 512 /* bytes on both sides of MIDDLE that single instructions may write */

/* What a helper that does not declare it must leave alone. */
struct untouched {
    uint64_t x[32], f[32], state[3];
    uint8_t memory[2 * WINDOW];
};

static void look(const struct rv_hart *h, struct untouched *u)
{
    memcpy(u->x, h->x, sizeof(u->x));
    memcpy(u->f, h->f, sizeof(u->f));
    u->state[0] = h->csr.mstatus;
    u->state[1] = h->csr.frm;
    u->state[2] = h->attention;
    memcpy(u->memory, physmem_host(h->guest->env->pm, MIDDLE - WINDOW), sizeof(u->memory));
}

static void noise(struct rv_hart *h)
{
    for (unsigned i = 1; i < 32; i++)
        h->x[i] = random_64();
    for (unsigned i = 0; i < 32; i++)
        h->f[i] = random_64();
}

static void check_flags(const struct ir_helper *fn, const struct rv_hart *h,
                        const struct untouched *u, bool ok)
{
    struct untouched now;
    look(h, &now);
    bool regs = memcmp(now.x, u->x, sizeof(u->x)) || memcmp(now.f, u->f, sizeof(u->f));
    if (regs && !(fn->flags & IR_CALL_REGS))
        fail_msg("%s writes registers", fn->name);
    if (memcmp(now.state, u->state, sizeof(u->state)) && !(fn->flags & IR_CALL_STATE))
        fail_msg("%s writes state", fn->name);
    if (memcmp(now.memory, u->memory, sizeof(u->memory)) && !(fn->flags & IR_CALL_MEMORY))
        fail_msg("%s writes memory", fn->name);
    if ((!ok || h->trap.pending) && !(fn->flags & IR_CALL_FAULTS))
        fail_msg("%s faults", fn->name);
}

/* Calls the helper with noise in the registers that it does not declare. */
static struct ir_result env_call(void *opaque, const struct ir_place *at,
                                 const struct ir_helper *fn, const uint64_t args[IR_ARGS_MAX])
{
    struct rv_hart *h = opaque;
    struct untouched before, u;
    arrive(h, at);
    look(h, &before);
    if (!(fn->flags & IR_CALL_REGS))
        noise(h);
    look(h, &u);
    struct ir_result r = fn->fn(h, args[0], args[1], args[2], args[3], args[4]);
    check_flags(fn, h, &u, r.ok);
    if (!(fn->flags & IR_CALL_REGS)) {
        memcpy(h->x, before.x, sizeof(before.x));
        memcpy(h->f, before.f, sizeof(before.f));
    }
    return r;
}

static const struct ir_env env = {
    .slot_get = env_slot_get,
    .slot_set = env_slot_set,
    .load = env_load,
    .store = env_store,
    .amo = env_amo,
    .cas = env_cas,
    .fence = env_fence,
    .call = env_call,
};

/* --- state --- */

static void both_write(gpa_t gpa, const void *bytes, size_t len)
{
    assert_int_equal(physmem_write(pair->fa.pm, gpa, bytes, len), 0);
    assert_int_equal(physmem_write(pair->fb.pm, gpa, bytes, len), 0);
}

static void fill_data(void)
{
    for (gpa_t p = DATA; p < DATA + DATA_BYTES; p += 8) {
        uint64_t v = one_in(2) ? random_integer() : random_float();
        *(uint64_t *)(void *)physmem_host(pair->fa.pm, p) = v;
        *(uint64_t *)(void *)physmem_host(pair->fb.pm, p) = v;
    }
}

static void reset_hart(struct rv_hart *h)
{
    h->csr = pair->csr;
    h->priv = PRIV_M;
    h->attention = 0;
    h->trap = (struct rv_trap){0};
    h->pc = pair->pc;
    h->insns = pair->insns;
    h->hart.shared.until = pair->insns + pair->count;
    rv_mmu_update(h);
}

/* Both machines to the same random state; registers that the caller wants otherwise come after. */
static void reset_pair(void)
{
    struct rv_hart *a = pair->a, *b = pair->b;
    pair->insns = random_64() >> 20;
    pair->csr.mstatus &= ~(MSTATUS_FS | MSTATUS_SD);
    pair->csr.mstatus |= one_in(8) ? below(4) << 13 : MSTATUS_FS;
    if ((pair->csr.mstatus & MSTATUS_FS) == MSTATUS_FS)
        pair->csr.mstatus |= MSTATUS_SD;
    pair->csr.frm = (uint8_t)(one_in(8) ? below(8) : below(5));
    pair->csr.fflags = (uint8_t)below(32);
    for (unsigned i = 1; i < 32; i++)
        a->x[i] = b->x[i] = one_in(8) ? random_float() : random_integer();
    for (unsigned i = 0; i < 32; i++)
        a->f[i] = b->f[i] = one_in(8) ? random_integer() : random_float();
    reset_hart(a);
    reset_hart(b);
}

static void both_x(unsigned reg, uint64_t value)
{
    if (reg)
        pair->a->x[reg] = pair->b->x[reg] = value;
}

/* --- running --- */

static void run_interp(void)
{
    struct rv_hart *h = pair->a;
    rv_fp_enter(h);
    do /* it leaves at a page it has not fetched from yet */
        rv_interp(h);
    while (!h->trap.pending && !h->attention && h->insns < pair->insns + pair->count);
    rv_fp_leave(h);
    pair->ran_on = h->trap.pending && h->pc == pair->pc + pair->code_len;
    if (pair->ran_on) {
        assert_int_equal(h->trap.cause, CAUSE_BREAKPOINT);
        h->trap = (struct rv_trap){0};
    }
    if (h->attention & RV_ATTEND_MMU)
        rv_mmu_update(h);
}

static void print_case(void)
{
    char text[80];
    size_t at = 0;
    while (at < pair->code_len) {
        struct rv_insn insn;
        uint32_t raw;
        memcpy(&raw, pair->code + at, 4);
        rv_decode(raw, &pair->exts, &insn);
        rv_disasm(&insn, pair->pc + at, text, sizeof(text));
        print_error("%#lx: %s\n", (unsigned long)(pair->pc + at), text);
        at += insn.len;
    }
    ir_dump(&pair->block, stderr);
    if (pair->run == &pair->optimized) {
        print_error("passes %#x:\n", pair->passes);
        ir_dump(pair->run, stderr);
    }
    print_error("MH_SEED=%#lx\n", (unsigned long)seed);
}

/* The instruction that failed, as the engine fills it in where nobody else knew it. */
static uint32_t raw_at(gva_t pc)
{
    struct rv_insn insn;
    uint32_t raw = 0;
    memcpy(&raw, pair->code + (pc - pair->pc), 4);
    rv_decode(raw, &pair->exts, &insn);
    return insn.raw;
}

/* What the interpreter fetched from is in its fetch TLB, where SFENCE.VMA finds it. */
static void fetch_for_ir(gva_t va)
{
    while (!rv_fetch_rest(pair->b, va))
        assert_false(pair->b->trap.pending);
}

static void run_ir(void)
{
    struct rv_hart *h = pair->b;
    struct ir_outcome out;
    rv_code_enter(h->guest->code, h);
    fetch_for_ir(pair->pc);
    fetch_for_ir(pair->pc + pair->code_len - 2);
    rv_fp_enter(h);
    pair->run = one_in(2) ? &pair->optimized : &pair->block;
    ir_eval(pair->run, pair->pc, &env, h, pair->values, &out);
    rv_fp_leave(h);
    if (pair->ran_on)
        fetch_for_ir(pair->pc + pair->code_len);
    rv_code_leave(h->guest->code, h);
    h->pc = out.pc;
    h->insns = pair->insns + out.retired;
    if (out.how == IR_TRAPPED)
        rv_raise(h, (enum rv_cause)out.cause, out.tval);
    if (out.how == IR_FAULTED && h->trap.cause == CAUSE_ILLEGAL && !h->trap.tval)
        h->trap.tval = raw_at(h->pc);
    if (pair->ran_on && (out.how != IR_WENT_ON || out.exit_kind != IR_EXIT_CHAIN)) {
        print_case();
        fail_msg("the interpreter went on, the IR did not");
    }
    if (h->attention && out.how == IR_WENT_ON && out.exit_kind != IR_EXIT_LEAVE) {
        print_case();
        fail_msg("the run loop would not see the attention");
    }
    if (h->attention & RV_ATTEND_MMU)
        rv_mmu_update(h);
    pair->traps += out.how == IR_TRAPPED;
    pair->faults += out.how == IR_FAULTED;
    pair->exits += out.how == IR_WENT_ON;
    pair->leaves += out.how == IR_WENT_ON && out.exit_kind == IR_EXIT_LEAVE;
}

static void expect_equal(const char *what, unsigned n, uint64_t a, uint64_t b)
{
    if (a == b)
        return;
    print_case();
    fail_msg("%s %u: interpreter %#lx, IR %#lx", what, n, (unsigned long)a, (unsigned long)b);
}

static void compare_csrs(void)
{
    const struct rv_csrs *a = &pair->a->csr, *b = &pair->b->csr;
    expect_equal("mstatus", 0, a->mstatus, b->mstatus);
    expect_equal("frm", 0, a->frm, b->frm);
    expect_equal("fflags", 0, a->fflags, b->fflags);
    for (unsigned i = 0; i < sizeof(*a); i++)
        expect_equal("byte of struct rv_csrs", i, ((const uint8_t *)a)[i], ((const uint8_t *)b)[i]);
}

static void compare(void)
{
    const struct rv_hart *a = pair->a, *b = pair->b;
    expect_equal("pc", 0, a->pc, b->pc);
    expect_equal("trap pending", 0, a->trap.pending, b->trap.pending);
    expect_equal("cause", 0, a->trap.cause, b->trap.cause);
    expect_equal("tval", 0, a->trap.tval, b->trap.tval);
    expect_equal("instructions", 0, a->insns, b->insns);
    expect_equal("attention", 0, a->attention, b->attention);
    expect_equal("privilege", 0, a->priv, b->priv);
    for (unsigned i = 1; i < 32; i++)
        expect_equal("x", i, a->x[i], b->x[i]);
    for (unsigned i = 0; i < 32; i++)
        expect_equal("f", i, a->f[i], b->f[i]);
    if (memcmp(&a->csr, &b->csr, sizeof(a->csr)))
        compare_csrs();
}

static void compare_memory(gpa_t from, gpa_t to)
{
    const uint8_t *a = physmem_host(pair->fa.pm, from), *b = physmem_host(pair->fb.pm, from);
    if (!memcmp(a, b, to - from))
        return;
    for (gpa_t i = 0; i < to - from; i++)
        expect_equal("byte of memory", (unsigned)(from + i - DATA), a[i], b[i]);
}

/* --- code --- */

static void check_block(const struct ir_block *b)
{
    struct ir_fault fault;
    if (!ir_check(b, &fault))
        return;
    pair->run = b;
    print_case();
    fail_msg("%%%u: %s", fault.at, fault.what);
}

static void optimize(void)
{
    pair->passes = ir_passes_of_level(3);
    if (one_in(2))
        pair->passes &= (uint32_t)random_64();
    pair->optimized = pair->block;
    pair->optimized.insns = pair->optimized_ir;
    memcpy(pair->optimized_ir, pair->ir, pair->block.count * sizeof(pair->ir[0]));
    ir_optimize(&pair->optimized, pair->passes, NULL, NULL);
    check_block(&pair->optimized);
}

/* Puts the code, which pair->code holds, where both machines fetch it, and translates it. */
static void place_code(void)
{
    static const uint16_t c_ebreak = 0x9002;
    static const uint32_t ebreak = 0x00100073;
    bool short_forms = rv_ext_has(&pair->exts, RV_EXT_Zca);
    size_t after = short_forms ? 2 : 4;
    pair->pc = CODE + 2 * below(PAGE_SIZE / 2);
    if (one_in(16))
        pair->pc = CODE + PAGE_SIZE - 2;
    if (!short_forms)
        pair->pc &= ~2ull;
    memcpy(pair->code + pair->code_len, short_forms ? (const void *)&c_ebreak : &ebreak, after);
    both_write(pair->pc, pair->code, pair->code_len + after);
    ir_begin(&pair->block, &rv_ir_guest, pair->ir, ARRAY_LEN(pair->ir));
    unsigned n =
        rv_translate_block(&pair->block, &pair->exts, pair->code, pair->code_len, PROGRAM_MAX + 1);
    assert_int_equal(n, pair->count);
    check_block(&pair->block);
    optimize();
}

/* CSRs that hold still and need nothing around the hart. */
static uint32_t random_csr(void)
{
    static const uint16_t csrs[] = {
        0x001, 0x002, 0x003, 0x300, 0x302, 0x303, 0x304, 0x305, 0x306, 0x340,
        0x341, 0x342, 0x343, 0x100, 0x105, 0x140, 0x141, 0x142, 0x143, 0x180,
        0x3a0, 0x3b0, 0xb00, 0xb02, 0xc00, 0xc02, 0xf14, 0x7c0, 0x000,
    };
    return csrs[below(ARRAY_LEN(csrs))];
}

/* A random word of the form; it may decode as a more special one. */
static bool random_word(const struct rv_form *f, struct rv_insn *insn)
{
    uint32_t raw = f->match | ((uint32_t)random_64() & ~f->mask);
    if (f->len == 2)
        raw &= 0xffff;
    if (f->flags & RV_IS_CSR)
        raw = (raw & 0xfffff) | random_csr() << 20;
    rv_decode(raw, &pair->exts, insn);
    /* A jump to what follows could not be told from going on. */
    bool jump = rv_op_info(insn->op)->flags & (RV_IS_BRANCH | RV_IS_JUMP);
    return insn->op == f->op && !(jump && insn->imm == insn->len);
}

static void random_insn(unsigned form, struct rv_insn *insn)
{
    const struct rv_form *f = &rv_forms()[form];
    for (int tries = 0; tries < 10000; tries++)
        if (random_word(f, insn))
            return;
    fail_msg("no encoding of %s", f->name);
}

static uint64_t random_address(unsigned flags)
{
    uint64_t near = MIDDLE + below(512) - 256;
    if (one_in(16))
        return random_64();
    if (one_in(16))
        return RAM_BASE - below(16);
    return flags & RV_IS_AMO || !one_in(4) ? near & ~15ull : near;
}

/* Operands that let the instruction do something. */
static void aim(const struct rv_insn *insn)
{
    unsigned flags = rv_op_info(insn->op)->flags;
    if (!(flags & (RV_IS_LOAD | RV_IS_STORE)))
        return;
    gva_t va = random_address(flags);
    int32_t imm = flags & RV_IS_AMO ? 0 : insn->imm;
    both_x(insn->rs1, va - (uint64_t)(int64_t)imm);
    bool in_data = va >= DATA && va < DATA + DATA_BYTES - 16;
    if (flags & RV_IS_AMO && in_data && one_in(2)) { /* comparands of a CAS that succeeds */
        const uint64_t *p = (const uint64_t *)(const void *)physmem_host(pair->fa.pm, va & ~7ull);
        if (insn->rd != insn->rs1)
            both_x(insn->rd, p[0]);
        if (insn->rd && insn->rd < 31 && insn->rd + 1 != insn->rs1)
            both_x(insn->rd + 1u, p[1]);
    }
    if (flags & RV_IS_AMO && one_in(2)) { /* an SC that succeeds */
        rv_lr(pair->a, va, 4);
        rv_lr(pair->b, va, 4);
        pair->a->trap = pair->b->trap = (struct rv_trap){0};
    }
}

static void try_encoding(unsigned form)
{
    struct rv_insn insn;
    random_insn(form, &insn);
    memcpy(pair->code, &insn.raw, 4);
    pair->code_len = insn.len;
    pair->count = 1;
    place_code();
    for (int i = 0; i < TRIALS; i++) {
        reset_pair();
        aim(&insn);
        run_interp();
        run_ir();
        compare();
        compare_memory(MIDDLE - WINDOW, MIDDLE + WINDOW);
        if (rv_op_info(insn.op)->flags & (RV_IS_SYSTEM | RV_IS_CSR)) {
            tlb_flush_all(&pair->a->hart.tlb);
            tlb_flush_all(&pair->b->hart.tlb);
        }
    }
}

static void each_instruction_agrees(void **state)
{
    (void)state;
    for (unsigned form = 1; form < RV_FORM_COUNT; form++) {
        fill_data();
        for (int i = 0; i < ENCODINGS; i++)
            try_encoding(form);
    }
    compare_memory(RAM_BASE, RAM_BASE + RAM_SIZE);
    /* All ways out of a block were taken. */
    assert_true(pair->traps > 100);
    assert_true(pair->faults > 100);
    assert_true(pair->exits > 10000);
    assert_true(pair->leaves > 100);
}

/* Every jump, where instructions are aligned to 4: half of all targets trap. */
static void jumps_agree_without_c(void **state)
{
    (void)state;
    static const uint16_t forms[] = {RV_FORM_jal, RV_FORM_jalr, RV_FORM_beq,  RV_FORM_bne,
                                     RV_FORM_blt, RV_FORM_bge,  RV_FORM_bltu, RV_FORM_bgeu};
    unsigned traps = pair->traps;
    for (unsigned i = 0; i < ARRAY_LEN(forms); i++)
        for (int k = 0; k < ENCODINGS; k++)
            try_encoding(forms[i]);
    assert_true(pair->traps - traps > ENCODINGS * TRIALS);
}

static void illegal_words_trap(void **state)
{
    (void)state;
    static const uint32_t words[] = {0x00000000, 0xffffffff, 0x0000707f, 0x00009c79};
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        struct rv_insn insn;
        rv_decode(words[i], &pair->exts, &insn);
        assert_int_equal(insn.op, RV_OP_illegal);
        assert_true(insn.len == 2 || insn.raw == words[i]);
        memcpy(pair->code, &words[i], 4);
        pair->code_len = insn.len;
        pair->count = 1;
        place_code();
        reset_pair();
        run_interp();
        run_ir();
        compare();
        assert_int_equal(pair->b->trap.cause, CAUSE_ILLEGAL);
        assert_int_equal(pair->b->trap.tval, insn.raw);
    }
}

/* --- programs --- */

#define POINTER_1 8 /* both in reach of the short forms */
#define POINTER_2 9

/* Whether a program may hold it before its end. */
static bool fits_inside(const struct rv_insn *insn)
{
    unsigned flags = rv_op_info(insn->op)->flags;
    bool writes_pointer = flags & RV_WRITES_RD && (insn->rd == POINTER_1 || insn->rd == POINTER_2);
    bool through_pointer = insn->rs1 == POINTER_1 || insn->rs1 == POINTER_2;
    if (insn->op == RV_OP_illegal || flags & RV_ENDS_BLOCK || writes_pointer)
        return false;
    return !(flags & (RV_IS_LOAD | RV_IS_STORE)) || through_pointer;
}

static void random_program_insn(struct rv_insn *insn)
{
    do {
        if (one_in(3))
            rv_decode((uint32_t)random_64() & 0xffff, &pair->exts, insn);
        else
            random_insn(1 + (unsigned)below(RV_FORM_COUNT - 1), insn);
        if (insn->len == 4 && rv_op_info(insn->op)->flags & (RV_IS_LOAD | RV_IS_STORE)) {
            uint32_t raw = (insn->raw & ~(31u << 15)) | (POINTER_1 + (uint32_t)below(2)) << 15;
            rv_decode(raw, &pair->exts, insn);
        }
    } while (!fits_inside(insn));
}

/* Ends blocks, and can follow what fits inside. */
static void random_last_insn(struct rv_insn *insn)
{
    static const uint16_t forms[] = {RV_FORM_jal,    RV_FORM_jalr,    RV_FORM_beq,    RV_FORM_bne,
                                     RV_FORM_blt,    RV_FORM_bge,     RV_FORM_bltu,   RV_FORM_bgeu,
                                     RV_FORM_csrrw,  RV_FORM_csrrs,   RV_FORM_csrrc,  RV_FORM_ecall,
                                     RV_FORM_ebreak, RV_FORM_fence_i, RV_FORM_c_jalr, RV_FORM_c_jr,
                                     RV_FORM_c_beqz, RV_FORM_c_j};
    random_insn(forms[below(ARRAY_LEN(forms))], insn);
}

static void append_code(const struct rv_insn *insn)
{
    memcpy(pair->code + pair->code_len, &insn->raw, insn->len);
    pair->code_len += insn->len;
    pair->count++;
}

static void random_program(void)
{
    struct rv_insn insn;
    unsigned n = 1 + (unsigned)below(PROGRAM_MAX);
    pair->code_len = 0;
    pair->count = 0;
    for (unsigned i = 0; i < n; i++) {
        random_program_insn(&insn);
        append_code(&insn);
    }
    if (one_in(2)) {
        random_last_insn(&insn);
        append_code(&insn);
    }
}

static uint64_t program_pointer(void)
{
    if (one_in(16))
        return random_address(0);
    return (MIDDLE + below(512) - 256) & (one_in(4) ? ~0ull : ~15ull);
}

static void programs_agree(void **state)
{
    (void)state;
    fill_data();
    for (int i = 0; i < PROGRAMS; i++) {
        random_program();
        place_code();
        for (int k = 0; k < 8; k++) {
            reset_pair();
            both_x(POINTER_1, program_pointer());
            both_x(POINTER_2, program_pointer());
            run_interp();
            run_ir();
            compare();
            compare_memory(DATA, DATA + DATA_BYTES);
        }
        tlb_flush_all(&pair->a->hart.tlb);
        tlb_flush_all(&pair->b->hart.tlb);
    }
    compare_memory(RAM_BASE, RAM_BASE + RAM_SIZE);
}

/* --- the block loop --- */

static unsigned translate(const void *code, size_t len, unsigned max, unsigned room)
{
    struct ir_fault fault;
    ir_begin(&pair->block, &rv_ir_guest, pair->ir, room);
    unsigned n = rv_translate_block(&pair->block, &pair->exts, code, len, max);
    if (n)
        assert_int_equal(ir_check(&pair->block, &fault), 0);
    return n;
}

static const struct ir_insn *last(void)
{
    return &pair->block.insns[pair->block.count - 1];
}

static void blocks_end_where_they_must(void **state)
{
    (void)state;
    static const uint32_t code[] = {0x00158593 /* addi a1,a1,1 */, 0x00158593, 0x0000006f /* j . */,
                                    0x00158593};
    assert_int_equal(translate(code, sizeof(code), 100, 4096), 3);
    assert_int_equal(last()->op, IR_exit);
    assert_int_equal(last()->disp, 8);
    assert_int_equal(last()->index, 3);
    /* By number. */
    assert_int_equal(translate(code, sizeof(code), 1, 4096), 1);
    assert_int_equal(last()->disp, 4);
    assert_int_equal(last()->index, 1);
    /* By the code's end, in the middle of an instruction. */
    assert_int_equal(translate(code, 7, 100, 4096), 1);
    assert_int_equal(last()->disp, 4);
    assert_int_equal(translate(code, 3, 100, 4096), 0);
    assert_int_equal(translate(code, 1, 100, 4096), 0);
    assert_int_equal(translate(code, 0, 100, 4096), 0);
    /* By what may change privilege, mapping or pending interrupts. */
    static const char *const ends[] = {"csrrw a0,mscratch,a1",
                                       "sfence.vma zero,zero",
                                       "wfi",
                                       "fence.i",
                                       "pause",
                                       "wrs.nto",
                                       "mret",
                                       "ebreak"};
    for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
        uint32_t pair_of[2] = {0, 0x00158593};
        assert_int_equal(rv_asm(ends[i], 0, &pair_of[0]), 4);
        assert_int_equal(translate(pair_of, sizeof(pair_of), 100, 4096), 1);
    }
    /* By room. */
    assert_int_equal(translate(code, sizeof(code), 100, RV_IR_PER_INSN), 0);
    assert_int_equal(translate(code, sizeof(code), 100, RV_IR_PER_INSN + 2), 1);
}

/* Assembles and translates one instruction; the last IR instruction of the operation, or NULL. */
static const struct ir_insn *find_op(const char *text, enum ir_op op)
{
    const struct ir_insn *found = NULL;
    uint32_t raw;
    assert_true(rv_asm(text, 0, &raw) > 0);
    assert_int_equal(translate(&raw, 4, 1, 4096), 1);
    for (unsigned i = 0; i < pair->block.count; i++)
        if (pair->ir[i].op == op)
            found = &pair->ir[i];
    return found;
}

/* The last argument of the call in it, which is a constant. */
static uint64_t last_argument(const char *text)
{
    const struct ir_insn *call = find_op(text, IR_call);
    assert_non_null(call);
    const struct ir_insn *value = &pair->ir[pair->ir[call->a].a];
    assert_int_equal(value->op, IR_const);
    return value->imm;
}

/* What no comparison of results shows: reads and writes of CSRs that are left out. */
static void csr_calls_say_what_they_need(void **state)
{
    (void)state;
    assert_int_equal(last_argument("csrrw zero,mscratch,a0"), false);
    assert_int_equal(last_argument("csrrw a1,mscratch,a0"), true);
    assert_int_equal(last_argument("csrrwi zero,mscratch,0"), false);
    assert_int_equal(last_argument("csrrs a1,mscratch,zero"), false);
    assert_int_equal(last_argument("csrrs zero,mscratch,a0"), true);
    assert_int_equal(last_argument("csrrci a1,mscratch,0"), false);
    assert_int_equal(last_argument("csrrsi a1,mscratch,1"), true);
}

/* Ordinary accesses may move across what is no fence. */
static void fences_order_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned order;
    } cases[] = {
        {"fence rw,rw", IR_BEFORE_R | IR_BEFORE_W | IR_AFTER_R | IR_AFTER_W},
        {"fence r,rw", IR_BEFORE_R | IR_AFTER_R | IR_AFTER_W},
        {"fence w,r", IR_BEFORE_W | IR_AFTER_R},
        {"fence o,i", IR_BEFORE_W | IR_AFTER_R},
        {"fence i,o", IR_BEFORE_R | IR_AFTER_W},
        {"fence.tso", IR_BEFORE_R | IR_BEFORE_W | IR_AFTER_R | IR_AFTER_W},
    };
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        const struct ir_insn *fence = find_op(cases[i].text, IR_fence);
        assert_non_null(fence);
        assert_int_equal(fence->sub, cases[i].order);
    }
}

/* Where the privilege may have changed the run loop looks first. */
static void returns_leave(void **state)
{
    (void)state;
    static const char *const texts[] = {"mret", "sret", "ecall"};
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(find_op(texts[i], IR_exit_to)->sub, IR_EXIT_LEAVE);
    assert_int_equal(find_op("jalr zero,0(ra)", IR_exit_to)->sub, IR_EXIT_CHAIN);
}

/* Once the passes have put the two halves of the distance together. */
static void a_far_call_goes_to_a_known_place(void **state)
{
    (void)state;
    uint32_t code[2];
    assert_int_equal(rv_asm("auipc ra,16", 0, &code[0]), 4);
    assert_int_equal(rv_asm("jalr ra,-8(ra)", 4, &code[1]), 4);
    assert_int_equal(translate(code, sizeof(code), 100, 4096), 2);
    assert_int_equal(last()->op, IR_exit_to);
    ir_optimize(&pair->block, ir_passes_of_level(1), NULL, NULL);
    assert_int_equal(last()->op, IR_exit);
    assert_int_equal(last()->disp, (16 << 12) - 8);
    assert_int_equal(last()->index, 2);
}

static unsigned count_of(enum ir_op op)
{
    unsigned n = 0;
    for (unsigned i = 0; i < pair->block.count; i++)
        n += pair->ir[i].op == op;
    return n;
}

/* Each instruction tests FS and sets it dirty; the passes leave one of each. */
static void a_block_tests_fs_once(void **state)
{
    (void)state;
    static const char *const texts[] = {"fsd fa0,0(sp)", "fsd fa1,8(sp)", "fadd.d fa0,fa1,fa2",
                                        "fmul.d fa0,fa0,fa2", "fsd fa0,0(sp)"};
    uint32_t code[ARRAY_LEN(texts)];
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(rv_asm(texts[i], 4 * i, &code[i]), 4);
    assert_int_equal(translate(code, sizeof(code), 100, 4096), ARRAY_LEN(texts));
    assert_int_equal(count_of(IR_trap_if), 5);
    assert_int_equal(count_of(IR_slot_set), 4);
    ir_optimize(&pair->block, ir_passes_of_level(2), NULL, NULL);
    assert_int_equal(count_of(IR_trap_if), 1);
    assert_int_equal(count_of(IR_slot_set), 3); /* FS, fa0 twice: a store between might fault */
}

static void text_of_programs_round_trips(void **state)
{
    (void)state;
    static struct ir_insn again[4096];
    for (int i = 0; i < 200; i++) {
        struct ir_block copy;
        struct ir_fault fault = {0};
        char *text;
        size_t size;
        random_program();
        place_code();
        FILE *out = open_memstream(&text, &size);
        ir_dump(&pair->block, out);
        fclose(out);
        ir_begin(&copy, &rv_ir_guest, again, ARRAY_LEN(again));
        if (ir_parse(&copy, text, &fault))
            fail_msg("line %u: %s", fault.at, fault.what);
        assert_int_equal(copy.count, pair->block.count);
        assert_memory_equal(again, pair->ir, copy.count * sizeof(again[0]));
        free(text);
    }
}

/* --- setting up --- */

static int open_pair_of(const char *isa)
{
    const char *given = getenv("MH_SEED");
    pair = calloc(1, sizeof(*pair));
    assert_non_null(pair);
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("MH_SEED=%#lx\n", (unsigned long)seed);
    pair->rng = seed;
    pair->a = fixture_hart(&pair->fa, isa);
    pair->b = fixture_hart(&pair->fb, isa);
    pair->exts = pair->a->guest->exts;
    /* One hart each: nobody is to be told of reservations. */
    pair->fa.pm->single_writer = pair->fb.pm->single_writer = true;
    pair->fa.g->cfg.has_seed = pair->fb.g->cfg.has_seed = true; /* both see the same entropy */
    pair->csr = pair->a->csr;
    fill_data();
    return 0;
}

static int open_pair(void **state)
{
    (void)state;
    static char isa[1024];
    struct rv_ext_set all;
    isa_set_all(&all);
    isa_string_format(&all, isa, sizeof(isa));
    return open_pair_of(isa);
}

static int open_pair_without_c(void **state)
{
    (void)state;
    return open_pair_of("rv64ima_zicsr");
}

static int close_pair(void **state)
{
    (void)state;
    fixture_close(&pair->fa);
    fixture_close(&pair->fb);
    free(pair);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_instruction_agrees),
        cmocka_unit_test(illegal_words_trap),
        cmocka_unit_test(programs_agree),
        cmocka_unit_test(blocks_end_where_they_must),
        cmocka_unit_test(csr_calls_say_what_they_need),
        cmocka_unit_test(fences_order_what_they_say),
        cmocka_unit_test(returns_leave),
        cmocka_unit_test(a_far_call_goes_to_a_known_place),
        cmocka_unit_test(a_block_tests_fs_once),
        cmocka_unit_test(text_of_programs_round_trips),
    };
    const struct CMUnitTest without_c[] = {
        cmocka_unit_test(jumps_agree_without_c),
    };
    return cmocka_run_group_tests(tests, open_pair, close_pair) |
           cmocka_run_group_tests(without_c, open_pair_without_c, close_pair);
}
