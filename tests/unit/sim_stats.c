/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/stats.c: the JSON parses and adds up, the table names what was counted. */
#include "sim/stats.h"

#include "tests/unit/sim_program.h"

#include <jansson.h>
#include <stdlib.h>

/* Ten times around, then exit code 5; hart 1 spins. */
static const char *const lines[] = {"bne a0,zero,0x80000000",
                                    "addi t2,zero,10",
                                    "addi t2,t2,-1",
                                    "bne t2,zero,0x80000008",
                                    "lui t0,0x80001",
                                    "slli t0,t0,32",
                                    "srli t0,t0,32",
                                    "addi t1,zero,11",
                                    "sd t1,0(t0)",
                                    "jal zero,0x80000024",
                                    NULL};

static char *text_of(void (*write)(struct mh_machine *, FILE *), struct mh_machine *m)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    write(m, f);
    fclose(f);
    return text;
}

static json_int_t integer(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    if (!json_is_integer(v))
        fail_msg("no integer %s", name);
    return json_integer_value(v);
}

static void check_sums(const json_t *root)
{
    const json_t *total = json_object_get(root, "total"), *harts = json_object_get(root, "harts");
    static const char *const names[] = {"insns", "traps", "mmio", "wfi"};
    assert_int_equal(json_array_size(harts), 2);
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        json_int_t sum = 0;
        for (size_t i = 0; i < 2; i++)
            sum += integer(json_array_get(harts, i), names[n]);
        assert_int_equal(sum, integer(total, names[n]));
    }
}

static void test_report(void **state)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct program p;
    json_error_t e;
    (void)state;
    program_make(&p, lines);
    program_config(&cfg, &p);
    cfg.harts = 2;
    cfg.counters = "PERF_COUNT_SW_TASK_CLOCK";
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, UINT64_MAX, NULL), 0);
    char *json = text_of(stats_write_json, m), *table = text_of(stats_write_table, m);
    json_t *root = json_loads(json, 0, &e);
    if (!root)
        fail_msg("line %d: %s", e.line, e.text);
    assert_int_equal(integer(root, "exit_code"), 5);
    assert_string_equal(json_string_value(json_object_get(root, "end")), "guest");
    assert_int_equal(integer(json_object_get(root, "config"), "harts"), 2);
    assert_true(integer(root, "time_ns") > 0);
    assert_true(integer(json_object_get(root, "total"), "insns") >= 26);
    assert_non_null(json_object_get(root, "counter_sources"));
    assert_true(integer(json_object_get(root, "io_counters"), cfg.counters) > 0);
    check_sums(root);
    assert_non_null(strstr(table, "instructions retired"));
    assert_non_null(strstr(table, "end: guest"));
    json_decref(root);
    free(json);
    free(table);
    mh_machine_destroy(m);
}

/* Three calls to a handler that returns. */
static const char *const exits[] = {"lui t0,0x80000",
                                    "slli t0,t0,32",
                                    "srli t0,t0,32",
                                    "addi t1,t0,64",
                                    "csrrw zero,mtvec,t1",
                                    "ecall",
                                    "ecall",
                                    "ecall",
                                    "addi zero,zero,0",
                                    "addi zero,zero,0",
                                    "lui t0,0x80001",
                                    "slli t0,t0,32",
                                    "srli t0,t0,32",
                                    "addi t1,zero,11",
                                    "sd t1,0(t0)",
                                    "jal zero,0x8000003c",
                                    "csrrs t2,mepc,zero", /* 0x80000040 */
                                    "addi t2,t2,4",
                                    "csrrw zero,mepc,t2",
                                    "mret",
                                    NULL};

static void test_exits(void **state)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct program p;
    (void)state;
    program_make(&p, exits);
    program_config(&cfg, &p);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, UINT64_MAX, NULL), 0);
    char *json = text_of(stats_write_json, m);
    json_t *root = json_loads(json, 0, NULL), *total = json_object_get(root, "total");
    assert_int_equal(integer(root, "exit_code"), 5);
    assert_int_equal(integer(total, "traps"), 3);
    assert_int_equal(integer(total, "exit_trap"), 3);
    assert_int_equal(integer(total, "exit_wait"), 0);
    assert_int_equal(integer(total, "wait_ns"), 0);
    json_decref(root);
    free(json);
    mh_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_report), cmocka_unit_test(test_exits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
