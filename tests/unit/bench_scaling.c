/* SPDX-License-Identifier: Apache-2.0 */
/* bench/scaling.c: gains over the least number of harts, pair by pair; what has none is left out.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/scaling.h"

static char *text;
static unsigned charts;

static void add(struct sample_set *set, const char *workload, const char *engine, unsigned harts,
                unsigned round, double ns)
{
    struct sample s = {.harts = harts, .round = round, .operations = 10, .n = 1};
    snprintf(s.workload, sizeof(s.workload), "%s", workload);
    snprintf(s.engine, sizeof(s.engine), "%s", engine);
    snprintf(s.outcome, sizeof(s.outcome), ns > 0 ? "ok" : "exit code 1");
    s.ns = malloc(sizeof(double));
    s.ns[0] = ns;
    assert_int_equal(samples_add(set, &s), 0);
}

/* Both parts of the report, one after the other. */
static void write_both(struct sample_set *set)
{
    struct summary s;
    size_t size;
    assert_int_equal(summary_make(&s, set, 0.95), 0);
    FILE *out = open_memstream(&text, &size);
    scaling_markdown(out, &s);
    charts = scaling_html(out, &s);
    fclose(out);
    summary_clear(&s);
    samples_clear(set);
}

static void check(const char *line, bool there)
{
    if (there != (strstr(text, line) != NULL))
        fail_msg("%s: %s\n%s", there ? "not there" : "there", line, text);
}

/* A machine that gets slower does not change the gain, since pairs are of one round. */
static void test_gain(void **state)
{
    struct sample_set set = {0};
    (void)state;
    for (unsigned round = 0; round < 6; round++) {
        double slow = 1 + round;
        add(&set, "amo", "interp", 4, round, 25e6 * slow);
        add(&set, "amo", "interp", 1, round, 100e6 * slow);
        add(&set, "amo", "interp", 2, round, 50e6 * slow);
        add(&set, "amo", "native", 1, round, 1e6 * slow);
        add(&set, "amo", "native", 2, round, 2e6 * slow);
        add(&set, "fib", "native", 1, round, 2e6 * slow);
    }
    write_both(&set);
    check("Times as fast as on 1 hart,", true);
    check("| workload | engine | 2 harts | 4 harts |\n|---|---|---:|---:|\n"
          "| amo | interp | 2 x (2 to 2) | 4 x (4 to 4) |\n"
          "| amo | native | 0.5 x (0.5 to 0.5) | |\n",
          true);
    check("fib", false);
    check("<title>4, interp: 4 x (4 to 4)</title>", true);
    check("nan", false);
    assert_int_equal(charts, 1);
    free(text);
}

/* Against the least that there is; an engine without it has no gain, and failed samples none. */
static void test_least(void **state)
{
    struct sample_set set = {0};
    (void)state;
    add(&set, "ring", "interp", 2, 0, 30e6);
    add(&set, "ring", "interp", 8, 0, 10e6);
    add(&set, "ring", "native", 4, 0, 1e6);
    add(&set, "ring", "native", 8, 0, 1e6);
    add(&set, "lrsc", "interp", 2, 0, 1e6);
    add(&set, "lrsc", "interp", 4, 0, -1);
    write_both(&set);
    check("Times as fast as on 2 harts,", true);
    check("| workload | engine | 4 harts | 8 harts |\n|---|---|---:|---:|\n"
          "| ring | interp | | 3 x (3 to 3) |\n"
          "| ring | native | | |\n",
          true);
    check("lrsc", false);
    assert_int_equal(charts, 1);
    free(text);
}

static void test_none(void **state)
{
    struct sample_set set = {0};
    (void)state;
    add(&set, "fib", "interp", 1, 0, 30e6);
    add(&set, "fib", "native", 1, 0, 3e6);
    write_both(&set);
    assert_string_equal(text, "");
    assert_int_equal(charts, 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gain),
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
