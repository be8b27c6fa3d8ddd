/* SPDX-License-Identifier: Apache-2.0 */
/* bench/counts.c: statistics good and damaged, sums over harts, what could not be counted. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/counts.h"
#include "sim/include/manyhart.h"

static char file[] = "/tmp/mh-counts-XXXXXX";

static int setup(void **state)
{
    (void)state;
    strcpy(file, "/tmp/mh-counts-XXXXXX");
    int fd = mkstemp(file);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(file);
}

static void put(const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static double value(const struct sample *s, const char *name, const char *source)
{
    const struct sample_counter *c = sample_counter(s, name);
    if (!c)
        fail_msg("no %s", name);
    assert_string_equal(c->source, source);
    return c->value;
}

#define HARTS_2 "\"harts\": [{\"hart\": 0, \"processor\": 3}, {\"hart\": 1, \"processor\": -1}],"

static void test_region(void **state)
{
    struct sample s = {0};
    char processors[32];
    (void)state;
    put("{" HARTS_2 "\"region\": {\"periods\": 4, \"time_ns\": 1000, \"io_cpu_ns\": 50,"
        "\"total\": {\"insns\": 900, \"traps\": 0},"
        "\"harts\": [{\"cpu_ns\": 700, \"insns\": 600}, {\"cpu_ns\": 200, \"insns\": 300}],"
        "\"counters\": ["
        "{\"name\": \"cycles\", \"source\": \"hardware\", \"harts\": 5000, \"io\": null, "
        "\"share\": "
        "0.5},"
        "{\"name\": \"misses\", \"source\": \"hardware\", \"harts\": null, \"io\": 3, \"share\": 0}"
        "]}}");
    assert_int_equal(counts_from_stats(&s, file, processors, sizeof(processors)), 0);
    assert_string_equal(processors, "3,-");
    assert_true(value(&s, "periods", "simulator") == 4);
    assert_true(value(&s, "time_ns", "simulator") == 1000);
    assert_true(value(&s, "cpu_ns", "simulator") == 900);
    assert_true(value(&s, "io_cpu_ns", "simulator") == 50);
    assert_true(value(&s, "insns", "simulator") == 900);
    assert_true(value(&s, "insns_least", "simulator") == 300);
    assert_true(value(&s, "insns_most", "simulator") == 600);
    assert_true(value(&s, "traps", "simulator") == 0);
    assert_true(value(&s, "cycles", "hardware") == 5000);
    assert_true(sample_counter(&s, "cycles")->share == 0.5);
    assert_true(isnan(sample_counter(&s, "cycles")->io));
    assert_true(isnan(value(&s, "misses", "hardware")));
    assert_true(sample_counter(&s, "misses")->io == 3);
    assert_null(sample_counter(&s, "translate_ns"));
    sample_clear(&s);
}

/* One hart's time that is not known makes the sum unknown. */
static void test_unknown(void **state)
{
    struct sample s = {0};
    (void)state;
    put("{" HARTS_2 "\"region\": {\"periods\": 4, \"time_ns\": 1000, \"io_cpu_ns\": null,"
        "\"total\": {\"insns\": 900},"
        "\"harts\": [{\"cpu_ns\": 700, \"insns\": 600}, {\"cpu_ns\": null, \"insns\": 300}],"
        "\"counters\": []}}");
    assert_int_equal(counts_from_stats(&s, file, NULL, 0), 0);
    assert_true(isnan(value(&s, "cpu_ns", "simulator")));
    assert_true(isnan(value(&s, "io_cpu_ns", "simulator")));
    assert_true(value(&s, "insns", "simulator") == 900);
    sample_clear(&s);
}

static void test_damaged(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"harts\": []}",
        "{\"region\": 7}",
        "{\"region\": {\"total\": {}, \"harts\": [], \"counters\": []}}",
        "{\"region\": {\"total\": {}, \"harts\": [{}], \"counters\": 5}}",
        "{\"region\": {\"total\": 1, \"harts\": [{}], \"counters\": []}}",
        "{\"region\": {\"total\": {}, \"harts\": [{}], \"counters\": [{}]}}",
        "{\"region\": {\"total\": {}, \"harts\": [{}], \"counters\": []}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sample s = {0};
        put(bad[i]);
        assert_int_equal(counts_from_stats(&s, file, NULL, 0), -EINVAL);
        assert_non_null(strstr(mh_last_error()->message, "statistics: "));
        sample_clear(&s);
    }
    struct sample s = {0};
    assert_int_equal(counts_from_stats(&s, "/nonexistent/stats", NULL, 0), -EINVAL);
    sample_clear(&s);
}

static void test_process(void **state)
{
    struct child_result r = {.user_ns = 70, .system_ns = 5, .faults = 12, .switches = 3};
    struct sample s = {0};
    (void)state;
    assert_int_equal(counts_from_process(&s, &r), 0);
    assert_true(value(&s, "task-clock", "process") == 75);
    assert_true(value(&s, "page-faults", "process") == 12);
    assert_true(value(&s, "context-switches", "process") == 3);
    assert_true(isnan(sample_counter(&s, "page-faults")->io));
    sample_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_region, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
        cmocka_unit_test(test_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
