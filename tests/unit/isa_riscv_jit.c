/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of isa/riscv/jit.c: what each part of the translator's configuration
 * does, seen in its counts, and that the program comes to the same under each.
 * That results are right under all of them is what tests/lockstep looks for.
 */
#include "jit/jit.h"
#include "sim/machine.h"
#include "tests/unit/sim_program.h"

#include <stdio.h>

#define LOOP_INSNS  15 /* of a round, about */
#define LOOP_ROUNDS 2000

/* A loop of several blocks, with work for the passes and more registers than any border has. */
static const char *const loop[] = {"lui t0,0x80001",
                                   "slli t0,t0,32",
                                   "srli t0,t0,32",
                                   "addi a0,zero,1000",
                                   "addiw a0,a0,1000", /* LOOP_ROUNDS */
                                   "andi a2,a0,1",     /* 0x80000014 */
                                   "beq a2,zero,0x80000020",
                                   "addi t3,t3,7",
                                   "addw t4,t4,a0", /* 0x80000020 */
                                   "addiw t4,t4,3",
                                   "slli t5,t4,32",
                                   "srli t5,t5,32",
                                   "addiw a6,zero,5",
                                   "add a7,a6,t5",
                                   "blt a7,zero,0x80000014",
                                   "sd t5,256(t0)",
                                   "ld t6,256(t0)",
                                   "add s5,s5,t6",
                                   "addi a0,a0,-1",
                                   "bne a0,zero,0x80000014",
                                   "jal zero,0x80000050",
                                   NULL};

/* M-mode whose data goes through Sv39; a load and a store, each to another page than before. */
static const char *const pages[] = {"auipc t0,0",
                                    "lui t1,0x4",
                                    "add t1,t0,t1", /* the root: a page of 1 GiB at t0 */
                                    "lui t2,0x20000",
                                    "addi t2,t2,199", /* V, R, W, A, D */
                                    "sd t2,16(t1)",
                                    "srli t3,t1,12",
                                    "addi t4,zero,1",
                                    "slli t4,t4,63",
                                    "add t3,t3,t4",
                                    "csrrw zero,satp,t3",
                                    "lui t4,0x1",
                                    "csrrc zero,mstatus,t4",
                                    "lui t4,0x21",
                                    "addi t4,t4,-2048", /* MPRV, MPP is S */
                                    "csrrs zero,mstatus,t4",
                                    "addi t4,zero,-1",
                                    "csrrw zero,pmpaddr0,t4",
                                    "addi t4,zero,31", /* all of it: R, W, X */
                                    "csrrw zero,pmpcfg0,t4",
                                    "lui t6,0x8",
                                    "add t6,t0,t6",
                                    "lui a0,0x1",    /* PAGES_ROUNDS */
                                    "andi a1,a0,15", /* 0x8000005c */
                                    "slli a1,a1,12",
                                    "add a1,a1,t6",
                                    "ld a2,8(a1)",
                                    "add s5,s5,a2",
                                    "sd a0,8(a1)",
                                    "ld a3,8(a1)",
                                    "add s5,s5,a3",
                                    "addi a0,a0,-1",
                                    "bne a0,zero,0x8000005c",
                                    "jal zero,0x80000084",
                                    NULL};
#define PAGES_INSNS  10
#define PAGES_ROUNDS 4096

/*
 * Recursion deeper than the host's stack of calls, calls that nobody returns from, and returns past
 * a caller, every other time.
 */
static const char *const calls[] = {"lui a0,0x3",
                                    "auipc sp,0x100",
                                    "jal ra,0x80000028",
                                    "lui a0,0x100",
                                    "jal ra,0x80000014", /* 0x80000010: to the next */
                                    "addi a0,a0,-1",
                                    "bne a0,zero,0x80000010",
                                    "jal ra,0x8000004c",
                                    "addi s5,s5,1",
                                    "jal zero,0x80000024",
                                    "addi s5,s5,3", /* 0x80000028: calls itself a0 times */
                                    "beq a0,zero,0x80000048",
                                    "addi sp,sp,-16",
                                    "sd ra,0(sp)",
                                    "addi a0,a0,-1",
                                    "jal ra,0x80000028",
                                    "ld ra,0(sp)",
                                    "addi sp,sp,16",
                                    "jalr zero,0(ra)",
                                    "add s1,ra,zero", /* 0x8000004c */
                                    "addi a1,zero,1000",
                                    "jal ra,0x80000068",
                                    "addi s5,s5,7",
                                    "addi a1,a1,-1",
                                    "bne a1,zero,0x80000054",
                                    "jalr zero,0(s1)",
                                    "add s2,ra,zero", /* 0x80000068: in between */
                                    "jal ra,0x8000007c",
                                    "addi s5,s5,5",
                                    "add ra,s2,zero",
                                    "jalr zero,0(ra)",
                                    "andi a2,a1,1", /* 0x8000007c: returns past it if a1 is odd */
                                    "beq a2,zero,0x8000008c",
                                    "addi ra,s2,1", /* bit 0 does not count */
                                    "addi s5,s5,9",
                                    "jalr zero,0(ra)",
                                    NULL};
#define CALLS_INSNS 4000000

/* A block that calls itself, and that a loop would lead back to. */
static const char *const call_itself[] = {"auipc t0,0x10",
                                          "addi a0,zero,0",
                                          "sd t0,0(t0)", /* 0x80000008 */
                                          "addi t0,t0,8",
                                          "jal ra,0x80000008",
                                          "bne t0,zero,0x80000008",
                                          NULL};
#define CALL_ITSELF_INSNS 30000

struct seen {
    struct guest_stats stats;
    struct mh_hart_state state;
};

/* Executes the program on the engine with "key=value" words, ended by NULL. */
static struct seen run_program(const char *const *lines, uint64_t insns, const char *engine,
                               const char *const *options)
{
    struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_engine *e;
    struct mh_engine_result r;
    struct seen s;
    program_make(&p, lines);
    program_config(&cfg, &p);
    for (; *options; options += 2)
        assert_int_equal(mh_config_set(&cfg, options[0], options[1]), 0);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_engine_create(&e, m, 0, engine), 0);
    assert_int_equal(mh_engine_execute(e, insns, &r), 0);
    assert_int_equal(mh_hart_get_state(m, 0, &s.state), 0);
    m->gt->stats(m->guest, -1, &s.stats);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
    return s;
}

#define RUN_PROGRAM(lines, insns, engine, ...)                                                     \
    run_program(lines, insns, engine, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define RUN(...)       RUN_PROGRAM(loop, 2 * LOOP_INSNS * LOOP_ROUNDS, __VA_ARGS__)
#define RUN_PAGES(...) RUN_PROGRAM(pages, 2 * PAGES_INSNS * PAGES_ROUNDS, __VA_ARGS__)

static void assert_same(const struct seen *a, const struct seen *b)
{
    assert_int_equal(a->state.x[10], 0); /* came to its end */
    assert_memory_equal(&a->state, &b->state, sizeof(a->state));
    assert_int_equal(a->stats.insns, b->stats.insns);
}

static void test_levels(void **state)
{
    static const char *const names[] = {"0", "1", "2", "3"};
    struct seen want = RUN("interp"), level[4];
    (void)state;
    assert_int_equal(want.stats.translations, 0);
    for (unsigned i = 0; i < 4; i++) {
        level[i] = RUN("jit", "jit-level", names[i]);
        assert_same(&want, &level[i]);
    }
    /* 1: the same blocks, in less code; 2: fewer pieces; 3: another register map. */
    assert_int_equal(level[0].stats.translations, level[1].stats.translations);
    assert_int_equal(level[0].stats.translated_insns, level[1].stats.translated_insns);
    assert_true(level[1].stats.translated_bytes < level[0].stats.translated_bytes);
    assert_true(level[2].stats.translations < level[1].stats.translations);
    assert_int_equal(level[3].stats.translations, level[2].stats.translations);
    assert_int_not_equal(level[3].stats.translated_bytes, level[2].stats.translated_bytes);
}

static void test_calls(void **state)
{
    struct seen want = RUN_PROGRAM(calls, CALLS_INSNS, "interp"), one;
    (void)state;
    assert_int_equal(want.state.x[21], 3 * 12289 + 500 * (9 + 7) + 500 * (5 + 7) + 1);
    one = RUN_PROGRAM(calls, CALLS_INSNS, "jit", "jit-level", "0");
    assert_same(&want, &one);
    one = RUN_PROGRAM(calls, CALLS_INSNS, "jit");
    assert_same(&want, &one);
    one = RUN_PROGRAM(calls, CALLS_INSNS, "jit", "jit-chain", "off");
    assert_same(&want, &one);
    one = RUN_PROGRAM(calls, CALLS_INSNS, "hybrid");
    assert_same(&want, &one);
    want = RUN_PROGRAM(call_itself, CALL_ITSELF_INSNS, "interp");
    assert_int_equal(want.state.x[5], PROGRAM_BASE + 0x10000 + (CALL_ITSELF_INSNS - 2) / 3 * 8);
    one = RUN_PROGRAM(call_itself, CALL_ITSELF_INSNS, "jit");
    assert_same(&want, &one);
}

static void test_passes(void **state)
{
    struct seen all = RUN("jit"), none = RUN("jit", "jit-passes", "none"),
                one_less = RUN("jit", "jit-passes", "-bits");
    (void)state;
    assert_same(&all, &none);
    assert_same(&all, &one_less);
    assert_true(all.stats.translated_bytes < one_less.stats.translated_bytes);
    /* Of the loop, whose addresses are physical, none makes less code (1266 bytes for 1856). */
    struct seen paged = RUN_PAGES("jit"), paged_none = RUN_PAGES("jit", "jit-passes", "none");
    assert_same(&paged, &paged_none);
    assert_true(paged.stats.translated_bytes < paged_none.stats.translated_bytes);
}

static void test_chain(void **state)
{
    struct seen on = RUN("jit", "jit-level", "1"),
                off = RUN("jit", "jit-level", "1", "jit-chain", "off");
    (void)state;
    assert_same(&on, &off);
    assert_true(on.stats.jit_chains > 0);
    assert_int_equal(off.stats.jit_chains, 0);
    /* Each block's end comes back. */
    assert_true(off.stats.jit_enters > 2 * LOOP_ROUNDS);
    assert_true(on.stats.jit_enters < LOOP_ROUNDS / 10);
}

static void test_threshold(void **state)
{
    struct seen one = RUN("hybrid", "jit-threshold", "1"),
                many = RUN("hybrid", "jit-threshold", "255");
    (void)state;
    assert_same(&one, &many);
    assert_true(one.stats.jit_cold < 20);
    assert_in_range(many.stats.jit_cold, 254, 5 * 254);
}

/* What is hot is left to the spare thread, which comes to it sooner or later. */
static void test_thread(void **state)
{
    struct seen off = RUN("hybrid"), on = RUN("hybrid", "jit-thread", "on");
    (void)state;
    assert_same(&off, &on);
    assert_int_equal(off.stats.jit_asks, 0);
    assert_true(off.stats.translations > 0);
    assert_true(on.stats.jit_asks > 0);
    struct mh_machine *m;
    struct mh_engine *e;
    struct program p;
    struct mh_vm_config cfg;
    struct guest_stats all, hart;
    program_make(&p, (const char *const[]){"addi a0,a0,1", "jal zero,0x80000000", NULL});
    program_config(&cfg, &p);
    assert_int_equal(mh_config_set(&cfg, "jit-thread", "on"), 0);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_engine_create(&e, m, 0, "hybrid"), 0);
    for (unsigned tries = 0; tries < 10000; tries++) {
        assert_int_equal(mh_engine_execute(e, 100000, NULL), 0);
        m->gt->stats(m->guest, -1, &all);
        if (all.translations)
            break;
    }
    assert_true(all.translations > 0);
    m->gt->stats(m->guest, 0, &hart);
    assert_int_equal(hart.translations, 0);
    assert_true(hart.jit_asks > 0);
    uint64_t cold = hart.jit_cold;
    assert_int_equal(mh_engine_execute(e, 100000, NULL), 0);
    m->gt->stats(m->guest, 0, &hart);
    assert_true(hart.jit_cold - cold < 10);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

/* Which places are never twice in a page is found out, and they go to C no more. */
static void test_scattered(void **state)
{
    (void)state;
    struct seen want = RUN_PAGES("interp"), often = RUN_PAGES("jit", "jit-looks", "100"),
                never = RUN_PAGES("jit", "jit-looks", "1000000"),
                level1 = RUN_PAGES("jit", "jit-looks", "100", "jit-level", "1");
    assert_same(&want, &often);
    assert_same(&want, &never);
    assert_same(&want, &level1);
    assert_int_equal(never.stats.jit_scattered, 0);
    assert_int_equal(level1.stats.jit_scattered, 0);
    assert_in_range(often.stats.jit_scattered, 1, 2); /* the two loads share a look, or do not */
    assert_true(often.stats.translations > never.stats.translations);
    assert_in_range(often.stats.jit_accesses, never.stats.jit_accesses + 16, PAGES_ROUNDS / 8);
}

static void test_region(void **state)
{
    struct seen small = RUN("jit", "jit-region", "1"), large = RUN("jit");
    (void)state;
    assert_same(&small, &large);
    assert_int_equal(small.stats.translations, small.stats.translated_insns);
    assert_true(large.stats.translations < large.stats.translated_insns);
}

#define LONG_PAGES 200
#define LONG_START (PROGRAM_BASE + 0x2000)

/* More code than fits, in one round through all of it, with a jump every ten instructions. */
static struct seen run_long(const char *engine)
{
    static const char *const jump[] = {"lui t0,0x2", "auipc t1,0", "add t1,t1,t0",
                                       "jalr zero,-4(t1)", NULL};
    static uint32_t code[LONG_PAGES * 1024];
    struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_engine *e;
    struct seen s;
    program_make(&p, jump);
    program_config(&cfg, &p);
    cfg.jit_cache = 256 << 10;
    for (unsigned i = 0; i < ARRAY_LEN(code); i++)
        code[i] = i % 2 ? 0x00150513 : 0x00a585b3; /* addi a0,a0,1; add a1,a1,a0 */
    for (unsigned i = 8; i + 2 < ARRAY_LEN(code); i += 10)
        code[i] = 0x0080006f; /* jal zero,+8 */
    uint32_t back = (uint32_t) - (int32_t)(sizeof(code) - 4);
    code[ARRAY_LEN(code) - 1] =
        0x6f | (back & 0xff000) | (back & 0x800) << 9 | (back & 0x7fe) << 20 | 1u << 31;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_memory_write(m, (mh_gpa){LONG_START}, code, sizeof(code)), 0);
    assert_int_equal(mh_engine_create(&e, m, 0, engine), 0);
    assert_int_equal(mh_engine_execute(e, 2000000, NULL), 0);
    assert_int_equal(mh_hart_get_state(m, 0, &s.state), 0);
    m->gt->stats(m->guest, -1, &s.stats);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
    return s;
}

/* The cache is full all the time: code goes, code comes, and no look for room at each block. */
static void test_full(void **state)
{
    struct seen want = run_long("interp"), got = run_long("jit");
    (void)state;
    assert_memory_equal(&got.state, &want.state, sizeof(want.state));
    assert_in_range(want.state.pc, LONG_START, LONG_START + LONG_PAGES * PAGE_SIZE);
    assert_true(got.stats.jit_evictions > 0);
    assert_true(got.stats.translations > 100);
    assert_in_range(got.stats.jit_hot - got.stats.translations, 1, got.stats.insns / 4096);
}

/* Misaligned loads succeed, and from one piece to the next they trap, in code translated before. */
static struct seen run_strict(const char *engine)
{
    static const char *const misaligned[] = {"lui t0,0x80001",
                                             "slli t0,t0,32",
                                             "srli t0,t0,32",
                                             "ld t6,257(t0)",
                                             "addi a0,a0,1",
                                             "jal zero,0x8000000c",
                                             NULL};
    struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_engine *e;
    struct seen s;
    program_make(&p, misaligned);
    program_config(&cfg, &p);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_engine_create(&e, m, 0, engine), 0);
    assert_int_equal(mh_engine_execute(e, 9000, NULL), 0);
    m->gt->stats(m->guest, -1, &s.stats);
    assert_int_equal(s.stats.traps, 0);
    assert_int_equal(mh_mmu_set_strict_align(m, true), 0);
    assert_int_equal(mh_engine_execute(e, 9000, NULL), 0);
    assert_int_equal(mh_hart_get_state(m, 0, &s.state), 0);
    m->gt->stats(m->guest, -1, &s.stats);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
    return s;
}

static void test_strict(void **state)
{
    struct seen want = run_strict("interp"), got = run_strict("jit");
    (void)state;
    assert_true(want.stats.traps > 0);
    assert_true(got.stats.translations > 0);
    assert_int_equal(got.stats.insns, want.stats.insns);
    assert_int_equal(got.stats.traps, want.stats.traps);
    assert_memory_equal(&got.state, &want.state, sizeof(want.state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),    cmocka_unit_test(test_calls),
        cmocka_unit_test(test_passes),    cmocka_unit_test(test_chain),
        cmocka_unit_test(test_threshold), cmocka_unit_test(test_region),
        cmocka_unit_test(test_strict),    cmocka_unit_test(test_full),
        cmocka_unit_test(test_thread),    cmocka_unit_test(test_scattered),
    };
    if (!jit_host()) {
        puts("there is no back end for this host");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
