/* SPDX-License-Identifier: Apache-2.0 */
/* bench/merge.c: parts that are all there, missing, repeated, of another sweep, damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/merge.h"
#include "bench/samples.h"

static char folder[64];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/mh-merge-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

/* A part with one sample, of a workload and a host of its own. */
static void write_part(unsigned k, unsigned n, const char *workload, const char *cpu)
{
    struct sample_set set = {0};
    struct sample s = {.operations = 1, .clock_ns = 1, .harts = 1, .n = 2};
    char path[128], text[32];
    s.ns = malloc(2 * sizeof(*s.ns));
    s.ns[0] = s.ns[1] = 5;
    snprintf(s.workload, sizeof(s.workload), "%s", workload);
    strcpy(s.group, "some"), strcpy(s.unit, "things"), strcpy(s.engine, "native");
    strcpy(s.outcome, "ok"), strcpy(s.checksum, "1");
    assert_int_equal(samples_add(&set, &s), 0);
    snprintf(text, sizeof(text), "%u of %u", k, n);
    samples_fact(&set, MERGE_PART_FACT, text);
    samples_fact(&set, "cpu", cpu);
    samples_fact(&set, "date", workload);
    assert_int_equal(samples_write(&set, merge_part_name(path, sizeof(path), folder, k, n)), 0);
    samples_clear(&set);
}

static char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* What was joined: the number of samples, and a fact. */
static size_t joined(const char *fact, char *value, size_t size)
{
    struct sample_set set = {0};
    assert_int_equal(samples_read(&set, in_folder("samples.json")), 0);
    const char *v = samples_fact_of(&set, fact);
    snprintf(value, size, "%s", v ? v : "(none)");
    size_t n = set.n;
    samples_clear(&set);
    return n;
}

static void test_missing_then_complete(void **state)
{
    char text[256];
    (void)state;
    write_part(0, 5, "a", "one");
    write_part(1, 5, "b", "two");
    write_part(2, 5, "c", "one");
    write_part(4, 5, "e", "one");
    assert_int_equal(merge_folder(folder, NULL, 0), 0);
    assert_int_equal(joined(MERGE_PART_FACT, text, sizeof(text)), 4);
    assert_string_equal(text, "0-2, 4 of 5");
    joined("cpu", text, sizeof(text));
    assert_string_equal(text, "one; two"); /* hosts that differ are all named */
    joined("date", text, sizeof(text));
    assert_string_equal(text, "a"); /* of the rest the first */
    assert_int_equal(access(in_folder("README.md"), F_OK), 0);
    assert_int_equal(access(in_folder("report.html"), F_OK), 0);

    /* The last one comes; one that was joined is gone from the folder. */
    write_part(3, 5, "d", "one");
    unlink(in_folder("part-1-of-5.json"));
    assert_int_equal(merge_folder(folder, NULL, 0), 0);
    assert_int_equal(joined(MERGE_PART_FACT, text, sizeof(text)), 5);
    assert_string_equal(text, "0-4 of 5");
}

static void test_repeated(void **state)
{
    char text[256], file[128], *files[] = {file, file};
    (void)state;
    write_part(0, 2, "a", "one");
    write_part(1, 2, "a", "one"); /* the same sample in another part */
    snprintf(file, sizeof(file), "%s", in_folder("part-0-of-2.json"));
    assert_int_equal(merge_folder(folder, files, 2), 0);
    assert_int_equal(joined(MERGE_PART_FACT, text, sizeof(text)), 1);
    assert_string_equal(text, "0-1 of 2");
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    fputs(text, f);
    fclose(f);
}

static void test_refused(void **state)
{
    static const char *const wrong[] = {"2 of 2",    "0-5 of 2", "1-0 of 2", "0 of 0",
                                        "some of 2", "0 x of 2", "-1 of 2",  "0"};
    char text[512];
    (void)state;
    assert_int_equal(merge_folder(folder, NULL, 0), 2); /* nothing there */
    write_part(0, 2, "a", "one");
    write_part(1, 3, "b", "one"); /* of another sweep */
    assert_int_equal(merge_folder(folder, NULL, 0), 2);
    unlink(in_folder("part-1-of-3.json"));
    put("part-1-of-2.json", "{\"format\": \"manyhart-bench\", \"vers");
    assert_int_equal(merge_folder(folder, NULL, 0), 2);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(
            text, sizeof(text),
            "{\"format\": \"manyhart-bench\", \"version\": %d, \"facts\": {\"parts\": \"%s\"}, "
            "\"samples\": []}",
            SAMPLES_VERSION, wrong[i]);
        put("part-1-of-2.json", text);
        assert_int_equal(merge_folder(folder, NULL, 0), 2);
    }
    assert_int_equal(access(in_folder("samples.json"), F_OK), -1); /* nothing was written */
    unlink(in_folder("part-1-of-2.json"));
    assert_int_equal(merge_folder(folder, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_missing_then_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
