/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/api_hot.c and what is below it (the end of isa/riscv/jit.c):
 * thresholds, counts, translations made ahead and forgotten.
 */
#include "jit/jit.h"
#include "tests/unit/sim_program.h"

#include <errno.h>
#include <stdio.h>

/* Rounds without end; every eighth calls a function. */
static const char *const loop[] = {"addi a0,a0,1",           "andi a2,a0,7",
                                   "bne a2,zero,0x80000010", "jal ra,0x8000001c",
                                   "add a4,a4,a0", /* 0x80000010 */
                                   "bne a4,zero,0x80000000", "jal zero,0x80000000",
                                   "add a5,a5,a0", /* 0x8000001c */
                                   "jalr zero,0(ra)",        NULL};

static struct mh_machine *make(const char *threshold)
{
    static struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    program_make(&p, loop);
    program_config(&cfg, &p);
    assert_int_equal(mh_config_set(&cfg, "jit-threshold", threshold), 0);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    return m;
}

static void execute(struct mh_machine *m, uint64_t insns)
{
    struct mh_engine *e;
    struct mh_engine_result r;
    assert_int_equal(mh_engine_create(&e, m, 0, "hybrid"), 0);
    assert_int_equal(mh_engine_execute(e, insns, &r), 0);
    assert_int_equal(r.insns, insns);
    mh_engine_destroy(e);
}

static struct mh_hot_stats stats(struct mh_machine *m)
{
    struct mh_hot_stats s;
    assert_int_equal(mh_hot_stats(m, &s), 0);
    return s;
}

static void test_threshold(void **state)
{
    static const struct {
        unsigned min, max;
        const char *param;
    } bad[] = {{0, 1, "min"}, {256, 256, "min"}, {1, 256, "max"}, {3, 2, "max"}};
    struct mh_machine *m = make("9");
    unsigned min, max;
    (void)state;
    assert_int_equal(mh_hot_get_threshold(m, &min, &max), 0);
    assert_int_equal(min, 9);
    assert_int_equal(max, 9);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(mh_hot_set_threshold(m, bad[i].min, bad[i].max), -EINVAL);
        assert_string_equal(mh_last_error()->param, bad[i].param);
    }
    assert_int_equal(mh_hot_set_threshold(m, 1, 255), 0);
    assert_int_equal(mh_hot_get_threshold(m, &min, &max), 0);
    assert_int_equal(min, 1);
    assert_int_equal(max, 255);
    mh_machine_destroy(m);
}

/* Interpreted until the threshold; where the page has translations already, min holds. */
static void test_thresholds_hold(void **state)
{
    static const unsigned rows[][2] = {{1, 1}, {1, 100}, {100, 100}};
    uint64_t executions[ARRAY_LEN(rows)];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mh_machine *m = make("8");
        assert_int_equal(mh_hot_set_threshold(m, rows[i][0], rows[i][1]), 0);
        execute(m, 100000);
        struct mh_hot_stats s = stats(m);
        executions[i] = s.total_executions;
        assert_true(s.hot_blocks >= 1 && s.compiled_blocks >= s.hot_blocks);
        mh_machine_destroy(m);
    }
    assert_true(executions[0] < 50);
    assert_in_range(executions[1], 99, executions[2] - 1);
}

static void test_precompile(void **state)
{
    struct mh_machine *m = make("255");
    struct mh_hot_stats before, after;
    (void)state;
    assert_int_equal(mh_hot_precompile(m, 0, (mh_gva){PROGRAM_BASE}), 0);
    assert_int_equal(mh_hot_precompile(m, 0, (mh_gva){PROGRAM_BASE + 0x1c}), 0);
    before = stats(m);
    assert_true(before.compiled_blocks >= 3);
    assert_int_equal(before.hot_blocks, 0);
    assert_int_equal(before.total_executions, 0);
    assert_int_equal(mh_hot_precompile(m, 0, (mh_gva){PROGRAM_BASE}), 0);
    after = stats(m);
    assert_int_equal(after.compiled_blocks, before.compiled_blocks);
    execute(m, 100000);
    after = stats(m);
    /* Almost nothing was interpreted on the way. */
    assert_true(after.total_executions > 0 && after.total_executions < 50);
    mh_machine_destroy(m);
}

static void test_precompile_refusals(void **state)
{
    static const uint64_t nowhere[] = {PROGRAM_BASE + 1, 0, PROGRAM_BASE + (64ull << 20)};
    struct mh_machine *m = make("8");
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nowhere); i++) {
        assert_int_equal(mh_hot_precompile(m, 0, (mh_gva){nowhere[i]}), -EFAULT);
        assert_string_equal(mh_last_error()->param, "addr");
    }
    assert_int_equal(mh_hot_precompile(m, 1, (mh_gva){PROGRAM_BASE}), -ENOENT);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_hot_precompile(m, 0, (mh_gva){PROGRAM_BASE}), -EBUSY);
    assert_int_equal(mh_hot_set_threshold(m, 2, 3), 0);
    assert_int_equal(mh_machine_stop(m), 0);
    mh_machine_destroy(m);
}

static void test_clear(void **state)
{
    struct mh_machine *m = make("2");
    struct mh_hart_state want, got;
    (void)state;
    execute(m, 50000);
    struct mh_hot_stats first = stats(m);
    execute(m, 50000);
    struct mh_hot_stats second = stats(m);
    /* Where a piece went on in the middle of a block there may be one more. */
    assert_in_range(second.compiled_blocks, first.compiled_blocks, first.compiled_blocks + 1);
    assert_int_equal(mh_hart_get_state(m, 0, &want), 0);
    mh_machine_destroy(m);

    m = make("2");
    execute(m, 50000);
    assert_int_equal(mh_hot_clear(m), 0);
    execute(m, 50000);
    struct mh_hot_stats cleared = stats(m);
    assert_true(cleared.compiled_blocks > second.compiled_blocks);
    assert_int_equal(mh_hart_get_state(m, 0, &got), 0);
    assert_memory_equal(&want, &got, sizeof(want));
    mh_machine_destroy(m);
}

/* Again and again while the hart runs. */
static void test_clear_running(void **state)
{
    struct mh_machine *m = make("1");
    (void)state;
    assert_int_equal(mh_machine_start(m), 0);
    struct mh_hot_stats s = stats(m);
    for (unsigned i = 0; s.compiled_blocks < 100; i++) {
        assert_int_equal(mh_hot_clear(m), 0);
        assert_int_equal(mh_machine_wait(m, 1000000, NULL), -ETIMEDOUT);
        s = stats(m);
    }
    assert_int_equal(mh_machine_stop(m), 0);
    mh_machine_destroy(m);
}

static void test_before_init(void **state)
{
    static struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_hot_stats s;
    (void)state;
    program_make(&p, loop);
    program_config(&cfg, &p);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_hot_stats(m, &s), -EINVAL);
    assert_int_equal(mh_hot_clear(m), -EINVAL);
    assert_int_equal(mh_hot_set_threshold(m, 1, 1), -EINVAL);
    assert_int_equal(mh_hot_precompile(m, 0, (mh_gva){PROGRAM_BASE}), -EINVAL);
    mh_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threshold),   cmocka_unit_test(test_thresholds_hold),
        cmocka_unit_test(test_precompile),  cmocka_unit_test(test_precompile_refusals),
        cmocka_unit_test(test_clear),       cmocka_unit_test(test_clear_running),
        cmocka_unit_test(test_before_init),
    };
    if (!jit_host()) {
        puts("there is no back end for this host");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
