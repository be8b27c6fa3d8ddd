/* SPDX-License-Identifier: Apache-2.0 */
/* bench/samples.c: outputs good and bad, the file and back, damaged files, merging. */
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
#include <sys/stat.h>
#include <unistd.h>

#include "bench/samples.h"
#include "sim/base/error.h"

#define HEAD "workload qsort group integer unit elements operations 16384 clock_ns 100\n"

static char dir[] = "/tmp/mh-samples-XXXXXX", file[64], other[64];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/mh-samples-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof(file), "%s/samples.json", dir);
    snprintf(other, sizeof(other), "%s/samples.json.part", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(dir);
}

static void test_output(void **state)
{
    struct sample s = {.engine = "interp"};
    (void)state;
    assert_int_equal(sample_parse(&s,
                                  "manyhart: warn: something\n" HEAD
                                  "iteration 0 ns 10437300 instructions 4902144 checksum ab12\n"
                                  "noise\n"
                                  "iteration 1 ns 9000000.5 instructions 4902144 checksum ab12\n"
                                  "iteration 2 ns 8 instructions 4902145 checksum ab12"),
                     0);
    assert_string_equal(s.workload, "qsort");
    assert_string_equal(s.group, "integer");
    assert_string_equal(s.unit, "elements");
    assert_string_equal(s.engine, "interp");
    assert_string_equal(s.checksum, "ab12");
    assert_true(s.operations == 16384 && s.clock_ns == 100);
    assert_int_equal(s.n, 3);
    assert_true(s.ns[0] == 10437300 && s.ns[1] == 9000000.5 && s.ns[2] == 8);
    assert_true(s.instructions[2] == 4902145);
    sample_clear(&s);
    assert_int_equal(sample_parse(&s, HEAD "iteration 0 ns 5 instructions - checksum 0\n"), 0);
    assert_null(s.instructions);
    assert_int_equal(s.n_counters, 0);
    sample_clear(&s);
    assert_int_equal(sample_parse(&s, HEAD "iteration 0 ns 5 instructions - checksum 0\n"
                                           "counter time_ns source clock value 1234 share 1\n"
                                           "counter cycles source hardware value 77 share 0.2500\n"
                                           "counter misses source hardware value - share 0\n"),
                     0);
    assert_int_equal(s.n_counters, 3);
    assert_true(sample_counter(&s, "time_ns")->value == 1234);
    assert_string_equal(sample_counter(&s, "time_ns")->source, "clock");
    assert_true(sample_counter(&s, "cycles")->share == 0.25);
    assert_true(isnan(sample_counter(&s, "cycles")->io));
    assert_true(isnan(sample_counter(&s, "misses")->value));
    assert_null(sample_counter(&s, "cycle"));
    sample_clear(&s);
}

static void test_bad_output(void **state)
{
    static const char *const bad[] = {
        "",
        "Segmentation fault\n",
        HEAD,
        HEAD HEAD "iteration 0 ns 5 instructions - checksum 0\n",
        "iteration 0 ns 5 instructions - checksum 0\n",
        "workload qsort group integer\niteration 0 ns 5 instructions - checksum 0\n",
        "workload q group i unit e operations 0 clock_ns 100\niteration 0 ns 5 instructions - "
        "checksum 0",
        HEAD "iteration 1 ns 5 instructions - checksum 0\n",
        HEAD "iteration 0 ns -5 instructions - checksum 0\n",
        HEAD "iteration 0 ns nan instructions - checksum 0\n",
        HEAD "iteration 0 ns 5 instructions - check\n",
        HEAD "iteration 0 ns 5 instructions - checksum 0\ncounter cycles value 5 share 1\n",
        HEAD
        "iteration 0 ns 5 instructions - checksum 0\niteration 1 ns 5 instructions - checksum 1\n",
    };
    struct sample s = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(sample_parse(&s, bad[i]), -EINVAL);
        assert_null(s.ns);
        assert_null(s.instructions);
        assert_true(strlen(mh_last_error()->message) > 0);
    }
}

static void add(struct sample_set *set, const char *workload, const char *engine, unsigned round,
                double ns)
{
    struct sample s = {.harts = 2, .round = round, .operations = 10, .clock_ns = 1};
    snprintf(s.workload, sizeof(s.workload), "%s", workload);
    snprintf(s.engine, sizeof(s.engine), "%s", engine);
    snprintf(s.group, sizeof(s.group), "integer");
    snprintf(s.unit, sizeof(s.unit), "calls");
    snprintf(s.outcome, sizeof(s.outcome), ns > 0 ? "ok" : "killed by signal 11");
    snprintf(s.checksum, sizeof(s.checksum), "%x", round + 1);
    s.wall_ns = 12345678901234567;
    s.n = ns > 0 ? 3 : 0;
    s.ns = calloc(3, sizeof(double));
    for (size_t i = 0; i < s.n; i++)
        s.ns[i] = ns + (double)i / 3;
    if (round == 1) {
        s.instructions = calloc(3, sizeof(double));
        s.instructions[2] = 4e15 + 1;
    }
    if (round == 2) {
        static const struct sample_counter all[] = {
            {"insns", "simulator", 1e15 + 1, NAN, 1},     {"cpu_ns", "simulator", NAN, NAN, 1},
            {"cycles", "hardware", 1e9 / 3, 17, 1.0 / 3}, {"misses", "hardware", NAN, 5, 0},
            {"page-faults", "process", 12, NAN, 1},
        };
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
            assert_int_equal(sample_counter_add(&s, &all[i], all[i].name), 0);
    }
    assert_int_equal(samples_add(set, &s), 0);
    assert_null(s.ns);
    assert_null(s.counters);
}

/* NaN, which is nothing that was counted, comes back as such. */
static bool same_number(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b;
}

static void check_same_counters(const struct sample *a, const struct sample *b)
{
    assert_int_equal(a->n_counters, b->n_counters);
    for (size_t i = 0; i < a->n_counters; i++) {
        const struct sample_counter *x = &a->counters[i], *y = sample_counter(b, x->name);
        assert_non_null(y);
        assert_string_equal(x->source, y->source);
        assert_true(same_number(x->value, y->value) && same_number(x->io, y->io));
        assert_true(x->share == y->share);
    }
}

static void check_same(const struct sample_set *a, const struct sample_set *b)
{
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->n_facts, b->n_facts);
    for (size_t i = 0; i < a->n_facts; i++)
        assert_string_equal(samples_fact_of(b, a->facts[i].name), a->facts[i].value);
    for (size_t i = 0; i < a->n; i++) {
        struct sample x = a->samples[i], y = b->samples[i];
        assert_int_equal(x.n, y.n);
        for (size_t j = 0; j < x.n; j++)
            assert_true(x.ns[j] == y.ns[j]); /* to the last bit */
        assert_int_equal(x.instructions != NULL, y.instructions != NULL);
        for (size_t j = 0; x.instructions && j < x.n; j++)
            assert_true(x.instructions[j] == y.instructions[j]);
        check_same_counters(&x, &y);
        x.ns = y.ns = x.instructions = y.instructions = NULL;
        x.counters = y.counters = NULL;
        assert_memory_equal(&x, &y, sizeof(x));
    }
}

static void test_file(void **state)
{
    struct sample_set set = {0}, back;
    (void)state;
    assert_int_equal(samples_fact(&set, "cpu", "a \"quoted\" name \xc3\xa9"), 0);
    assert_int_equal(samples_fact(&set, "kernel", "old"), 0);
    assert_int_equal(samples_fact(&set, "kernel", "6.1"), 0);
    assert_null(samples_fact_of(&set, "other"));
    for (unsigned i = 0; i < 5; i++)
        add(&set, "fib", "interp", i, 1e6 / 7 * i);
    assert_int_equal(samples_write(&set, file), 0);
    assert_int_equal(access(other, F_OK), -1);
    assert_int_equal(samples_read(&back, file), 0);
    check_same(&set, &back);
    assert_string_equal(samples_fact_of(&back, "kernel"), "6.1");
    samples_clear(&back);
    assert_int_equal(samples_write(&set, "/nonexistent/samples.json"), -ENOENT);
    assert_non_null(strstr(mh_last_error()->message, "/nonexistent/samples.json"));
    samples_clear(&set);
}

/* What was there stays when the new one cannot be put in its place. */
static void test_failed_write(void **state)
{
    struct sample_set set = {0}, back;
    (void)state;
    add(&set, "fib", "interp", 0, 1);
    assert_int_equal(samples_write(&set, file), 0);
    assert_int_equal(mkdir(other, 0700), 0); /* in the way of the part */
    add(&set, "fib", "interp", 1, 1);
    assert_int_equal(samples_write(&set, file), -EISDIR);
    rmdir(other);
    assert_int_equal(samples_read(&back, file), 0);
    assert_int_equal(back.n, 1);
    samples_clear(&back);
    samples_clear(&set);
}

static void put(const char *text, size_t n)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

static void test_damaged(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"format\": \"other\", \"version\": 1, \"facts\": {}, \"samples\": []}",
        "{\"format\": \"manyhart-bench\", \"version\": 3, \"facts\": {}, \"samples\": []}",
        "{\"format\": \"manyhart-bench\", \"version\": 0, \"facts\": {}, \"samples\": []}",
        "{\"format\": \"manyhart-bench\", \"version\": \"2\", \"facts\": {}, \"samples\": []}",
        "{\"format\": \"manyhart-bench\", \"version\": 1, \"facts\": {\"a\": 1}, \"samples\": []}",
        "{\"format\": \"manyhart-bench\", \"version\": 1, \"facts\": {}, \"samples\": [{}]}",
        "{\"format\": \"manyhart-bench\", \"version\": 1, \"facts\": {}, \"samples\": [7]}",
        "{\"format\": \"manyhart-bench\", \"version\": 1, \"facts\": {}}",
    };
    struct sample_set set = {0};
    char text[8192];
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put(bad[i], strlen(bad[i]));
        assert_int_equal(samples_read(&set, file), -EINVAL);
        assert_int_equal(set.n + set.n_facts, 0);
        assert_non_null(strstr(mh_last_error()->message, file));
    }
    unlink(file);
    assert_int_equal(samples_read(&set, file), -ENOENT);

    /* Cut anywhere: refused; a byte changed anywhere: refused or read, and no crash. */
    add(&set, "fib", "interp", 2, 5);
    assert_int_equal(samples_write(&set, file), 0);
    samples_clear(&set);
    FILE *f = fopen(file, "r");
    size_t size = fread(text, 1, sizeof(text), f);
    fclose(f);
    assert_in_range(size, 200, sizeof(text) - 1);
    for (size_t cut = 0; cut + 2 < size; cut += 7) {
        put(text, cut);
        assert_int_equal(samples_read(&set, file), -EINVAL);
    }
    srand(5);
    for (unsigned i = 0; i < 500; i++) {
        size_t at = (size_t)rand() % size;
        char old = text[at];
        text[at] = (char)rand();
        put(text, size);
        if (samples_read(&set, file) == 0)
            samples_clear(&set);
        text[at] = old;
    }
}

#define SAMPLE_1                                                                                   \
    "\"workload\": \"fib\", \"group\": \"integer\", \"unit\": \"calls\", \"engine\": \"native\","  \
    "\"outcome\": \"ok\", \"harts\": 1, \"round\": 0, \"operations\": 5.0, \"clock_ns\": 1.0,"     \
    "\"checksum\": \"ab\", \"wall_ns\": 1, \"user_ns\": 1, \"system_ns\": 1, \"resident_bytes\": " \
    "1,"                                                                                           \
    "\"ns\": [5.0, 6.0]"

/* A file of before there were counters; and counters that are none. */
static void test_versions(void **state)
{
    static const char *const bad[] = {
        "\"simulator\": 5",
        "\"simulator\": {\"insns\": \"5\"}",
        "\"simulator\": {\"insns\": -5}",
        "\"counters\": {}",
        "\"counters\": [7]",
        "\"counters\": [{\"name\": \"a\", \"source\": \"b\", \"value\": 1, \"io\": null}]",
        "\"counters\": [{\"name\": \"a\", \"source\": \"b\", \"io\": null, \"share\": 1}]",
    };
    struct sample_set set = {0};
    char text[2048];
    (void)state;
    put("{\"format\": \"manyhart-bench\", \"version\": 1, \"facts\": {}, \"samples\": [{" SAMPLE_1
        "}]}",
        strlen("{\"format\": \"manyhart-bench\", \"version\": 1, \"facts\": {}, \"samples\": "
               "[{" SAMPLE_1 "}]}"));
    assert_int_equal(samples_read(&set, file), 0);
    assert_int_equal(set.n, 1);
    assert_int_equal(set.samples[0].n_counters, 0);
    samples_clear(&set);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int n = snprintf(text, sizeof(text),
                         "{\"format\": \"manyhart-bench\", \"version\": 2, \"facts\": {}, "
                         "\"samples\": [{" SAMPLE_1 ", %s}]}",
                         bad[i]);
        put(text, (size_t)n);
        assert_int_equal(samples_read(&set, file), -EINVAL);
        assert_non_null(strstr(mh_last_error()->message, "sample 0 is damaged"));
    }
}

static void test_merge(void **state)
{
    struct sample_set to = {0}, from = {0};
    (void)state;
    samples_fact(&to, "cpu", "one");
    samples_fact(&from, "cpu", "two");
    samples_fact(&from, "part", "7");
    add(&to, "fib", "interp", 0, 1);
    add(&to, "fib", "interp", 1, 1);
    add(&from, "fib", "interp", 1, 9); /* repeated */
    add(&from, "fib", "interp", 2, 1);
    add(&from, "fib", "native", 1, 1);
    add(&from, "crc32", "interp", 1, 1);
    assert_int_equal(samples_merge(&to, &from), 1);
    assert_int_equal(from.n, 0);
    assert_int_equal(to.n, 5);
    assert_true(to.samples[1].ns[0] == 1);
    assert_string_equal(samples_fact_of(&to, "cpu"), "one");
    assert_string_equal(samples_fact_of(&to, "part"), "7");
    samples_clear(&to);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A workload for several harts says on how many it ran: the sample must be of as many. */
static void test_parse_harts(void **state)
{
    static const char team[] =
        "workload amo group smp unit additions operations 8 clock_ns 1 harts 2\n"
        "iteration 0 ns 5 instructions - checksum ab\n";
    (void)state;
    for (unsigned harts = 0; harts < 4; harts++) {
        struct sample s = {.harts = harts};
        assert_int_equal(sample_parse(&s, team), harts == 0 || harts == 2 ? 0 : -EINVAL);
        assert_int_equal(s.harts, harts);
        sample_clear(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_harts),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_bad_output),
        T(test_file),
        T(test_versions),
        T(test_failed_write),
        T(test_damaged),
        cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
