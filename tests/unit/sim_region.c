/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/region.c, and of what sim/stats.c says of a region: the periods that a guest names
 * by the finisher are counted to the instruction, what is outside of them is not.
 */
#include "sim/region.h"

#include "sim/stats.h"
#include "tests/unit/sim_program.h"

#include <jansson.h>
#include <stdlib.h>

#define FINISHER "lui t3,0x100"
#define BEGIN    "lui t4,0x15", "addi t4,t4,-696" /* 0x14d48 */
#define END      "lui t5,0x25", "addi t5,t5,-696"

/* Hart 0: before, two periods with five loads between, after.  The others spin. */
static const char *const two_periods[] = {"bne a0,zero,0x80000000",
                                          FINISHER,
                                          BEGIN,
                                          END,
                                          "addi t2,zero,100",
                                          "sw t4,0(t3)", /* at 0x8000001c; counted from here on */
                                          "addi t2,t2,-1",
                                          "bne t2,zero,0x80000020",
                                          "sw t5,0(t3)", /* 201 instructions up to this one */
                                          "lw zero,0(t3)",
                                          "lw zero,0(t3)",
                                          "lw zero,0(t3)",
                                          "lw zero,0(t3)",
                                          "lw zero,0(t3)",
                                          "sw t4,0(t3)",
                                          "lw zero,0(t3)",
                                          "lw zero,0(t3)",
                                          "sw t5,0(t3)", /* 3 */
                                          "sw t5,0(t3)", /* no period to end */
                                          "sw t4,0(t3)", /* one that never ends */
                                          "lui t0,0x80001",
                                          "slli t0,t0,32",
                                          "srli t0,t0,32",
                                          "addi t1,zero,11",
                                          "sd t1,0(t0)",
                                          "jal zero,0x80000064",
                                          NULL};

enum { INSNS = 201 + 3, MMIO = 1 + 1 + 2 };

/* A period that never ends is none. */
static const char *const no_period[] = {"bne a0,zero,0x80000000",
                                        FINISHER,
                                        BEGIN,
                                        "sw t4,0(t3)",
                                        "lui t0,0x80001",
                                        "slli t0,t0,32",
                                        "srli t0,t0,32",
                                        "addi t1,zero,11",
                                        "sd t1,0(t0)",
                                        "jal zero,0x80000024",
                                        NULL};

static json_int_t integer(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    if (!json_is_integer(v))
        fail_msg("no integer %s", name);
    return json_integer_value(v);
}

/* Runs it to its end; the statistics as JSON, and as a table in *table. */
static json_t *run(const char *const *lines, unsigned harts, const char *counters, char **table)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct program p;
    json_error_t e;
    char *text[2];
    size_t size;
    program_make(&p, lines);
    program_config(&cfg, &p);
    cfg.harts = harts;
    cfg.counters = counters;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, UINT64_MAX, NULL), 0);
    for (unsigned i = 0; i < 2; i++) {
        FILE *f = open_memstream(&text[i], &size);
        (i ? stats_write_table : stats_write_json)(m, f);
        fclose(f);
    }
    mh_machine_destroy(m);
    json_t *root = json_loads(text[0], 0, &e);
    if (!root)
        fail_msg("line %d: %s", e.line, e.text);
    assert_string_equal(json_string_value(json_object_get(root, "end")), "guest");
    free(text[0]);
    *table = text[1];
    return root;
}

static void test_periods(void **state)
{
    char *table;
    json_t *root = run(two_periods, 1, NULL, &table);
    const json_t *r = json_object_get(root, "region"), *total = json_object_get(r, "total");
    const json_t *hart = json_array_get(json_object_get(r, "harts"), 0);
    (void)state;
    assert_int_equal(integer(r, "periods"), 2);
    assert_true(integer(r, "time_ns") > 0);
    assert_true(integer(r, "time_ns") < integer(root, "time_ns"));
    assert_int_equal(integer(total, "insns"), INSNS);
    assert_int_equal(integer(hart, "insns"), INSNS);
    assert_int_equal(integer(total, "mmio"), MMIO);
    assert_int_equal(integer(total, "traps"), 0);
    assert_true(integer(hart, "cpu_ns") > 0);
    assert_true(integer(r, "io_cpu_ns") >= 0);
    assert_int_equal(json_array_size(json_object_get(r, "counters")), 0);
    assert_non_null(strstr(table, "measured by the guest: 2 periods, "));
    assert_non_null(strstr(table, " 204 instructions"));
    json_decref(root);
    free(table);
}

/* The second hart spins all the while. */
static void test_harts_add_up(void **state)
{
    char *table;
    json_t *root = run(two_periods, 2, NULL, &table);
    const json_t *r = json_object_get(root, "region"), *harts = json_object_get(r, "harts");
    json_int_t a = integer(json_array_get(harts, 0), "insns");
    json_int_t b = integer(json_array_get(harts, 1), "insns");
    (void)state;
    assert_int_equal(json_array_size(harts), 2);
    assert_int_equal(a, INSNS);
    assert_true(b >= 0);
    assert_true(integer(json_object_get(r, "total"), "insns") >= INSNS);
    json_decref(root);
    free(table);
}

static void test_host_counters(void **state)
{
    static const char clock[] = "PERF_COUNT_SW_TASK_CLOCK";
    char *table;
    json_t *root = run(two_periods, 2, clock, &table);
    const json_t *list = json_object_get(json_object_get(root, "region"), "counters");
    const json_t *whole = json_array_get(json_object_get(root, "harts"), 0), *event = NULL;
    (void)state;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcasestr(json_string_value(json_object_get(json_array_get(list, i), "name")), "task"))
            event = json_array_get(list, i);
    assert_non_null(event);
    assert_true(integer(event, "harts") > 0);
    assert_true(integer(event, "io") >= 0);
    assert_true(json_real_value(json_object_get(event, "share")) == 1);
    assert_string_not_equal(json_string_value(json_object_get(event, "source")), "hardware");
    const char *name = json_string_value(json_object_get(event, "name"));
    assert_true(integer(json_object_get(whole, "counters"), name) > 0);
    assert_true(json_real_value(json_object_get(json_object_get(root, "counter_shares"), name)) ==
                1);
    json_decref(root);
    free(table);
}

static void test_no_region(void **state)
{
    char *table;
    json_t *root = run(no_period, 1, NULL, &table);
    (void)state;
    assert_null(json_object_get(root, "region"));
    assert_null(strstr(table, "measured by the guest"));
    json_decref(root);
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_periods),
        cmocka_unit_test(test_harts_add_up),
        cmocka_unit_test(test_host_counters),
        cmocka_unit_test(test_no_region),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
