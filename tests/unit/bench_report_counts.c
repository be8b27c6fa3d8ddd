/* SPDX-License-Identifier: Apache-2.0 */
/* bench/report_counts.c: rates and shares of known counts; what was not counted is "-". */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report_counts.h"

static char *text;

static void count(struct sample *s, const char *name, const char *source, double value, double io,
                  double share)
{
    struct sample_counter c = {.value = value, .io = io, .share = share};
    snprintf(c.source, sizeof(c.source), "%s", source);
    assert_int_equal(sample_counter_add(s, &c, name), 0);
}

/* Iterations: the first slow ones take three times as long. */
static struct sample make(const char *workload, const char *engine, unsigned harts, unsigned round,
                          unsigned slow)
{
    struct sample s = {.harts = harts, .round = round, .operations = 10, .n = 20};
    snprintf(s.workload, sizeof(s.workload), "%s", workload);
    snprintf(s.group, sizeof(s.group), "integer");
    snprintf(s.engine, sizeof(s.engine), "%s", engine);
    snprintf(s.outcome, sizeof(s.outcome), "ok");
    s.ns = malloc(20 * sizeof(double));
    for (unsigned i = 0; i < 20; i++)
        s.ns[i] = (i < slow ? 3e6 : 1e6) + 10 * (i % 3);
    return s;
}

/* Twenty iterations of 1 ms in all: of two harts, 10 ms each wait, 4 ms are not run. */
static void add_interp(struct sample_set *set, unsigned round)
{
    static const struct {
        const char *name;
        double value;
    } all[] = {
        {"periods", 20},
        {"time_ns", 20e6},
        {"cpu_ns", 16e6},
        {"io_cpu_ns", 1e6},
        {"insns", 8e6},
        {"insns_least", 2e6},
        {"insns_most", 6e6},
        {"wait_ns", 20e6},
        {"tlb_fetch_misses", 0},
        {"tlb_read_misses", 16e3},
        {"tlb_write_misses", 4000},
        {"page_walks", 8000},
        {"exit_trap", 16},
        {"exit_wait", 8},
        {"exit_mode", 0},
        {"exit_alarm", 4},
        {"exit_target", 80},
        {"shootdowns", 10},
        {"decodes", 200},
    };
    struct sample s = make("fib", "interp", 2, round, 8);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        count(&s, all[i].name, "simulator", all[i].value, NAN, 1);
    count(&s, "cycles", "hardware", 4e6, 2000, 0.25);
    count(&s, "misses", "hardware", NAN, NAN, 0);
    assert_int_equal(samples_add(set, &s), 0);
}

static void check(const char *line, bool there)
{
    if (there != (strstr(text, line) != NULL))
        fail_msg("%s: %s\n%s", there ? "not there" : "there", line, text);
}

static unsigned report(const struct sample_set *set, bool html)
{
    struct summary s;
    size_t size;
    unsigned charts = 0;
    assert_int_equal(summary_make(&s, set, 0.95), 0);
    FILE *out = open_memstream(&text, &size);
    if (html)
        charts = report_counts_html(out, set, &s);
    else
        report_counts_markdown(out, set, &s);
    fclose(out);
    summary_clear(&s);
    return charts;
}

static void make_set(struct sample_set *set)
{
    for (unsigned round = 0; round < 3; round++) {
        struct sample s = make("fib", "native", 1, round, 6 * round);
        count(&s, "periods", "clock", 20, NAN, 1);
        count(&s, "time_ns", "clock", 20e6, NAN, 1);
        count(&s, "cpu_ns", "clock", 15e6, NAN, 1);
        count(&s, "cycles", "hardware", 40e6, NAN, 1);
        assert_int_equal(samples_add(set, &s), 0);
        add_interp(set, round);
        s = make("fib", "QEMU <7>", 2, round, 0);
        count(&s, "page-faults", "process", 5000, NAN, 1);
        assert_int_equal(samples_add(set, &s), 0);
    }
}

static void test_figures(void **state)
{
    struct sample_set set = {0};
    (void)state;
    make_set(&set);
    report(&set, false);
    check("## Counted by the simulator: interp, 2 harts\n", true);
    check("## Counted by the simulator: native", false);
    /* 8e6 in 20 ms on two harts: 200 million a second each; 16e3 misses in 8000 thousands. */
    check("\n| fib | 200 (100 to 300) | 0 | 2 | 0.5 | 1 | 2 | 1 | 0 | 0.5 | 10 | 0.5 | 10 | - | 5 "
          "|\n",
          true);
    check("## Counted by the host\n", true);
    check("No hardware counters here", false);
    check("\n| fib on native | 2e+06 | - | - |\n", true);
    check("\n| fib on interp, 2 harts | 2e+05 + 100 (25 %) | - | - |\n", true);
    check("\n| fib on QEMU <7>, 2 harts | - | - | 5000 * |\n", true);
    check("* of the whole process", true);
    check("the share of the time", true);
    /* Of 2 ms (two harts): 0.8 executing, 1 waiting, 0.2 not run. */
    check("\n| fib on interp, 2 harts | 0.8 | 1 | 0.2 | 0.05 |\n", true);
    check("\n| fib on native | 0.75 | - | 0.25 | - |\n", true);
    check("fib on QEMU <7>, 2 harts | 0", false);
    check("| workload | native | interp, 2 harts | QEMU <7>, 2 harts |", true);
    check("\n| fib | 0 (at most 12 of 20) | 8 (at most 8 of 20) | 0 (at most 0 of 20) |\n", true);
    check("nan", false);
    free(text);
    samples_clear(&set);
}

static void test_page(void **state)
{
    struct sample_set set = {0};
    (void)state;
    make_set(&set);
    assert_int_equal(report(&set, true), 2); /* native and interp; a peer says nothing */
    check("<th>fib</th><td>200 (100 to 300)</td><td>0</td><td>2</td>", true);
    check("<td>5000 *</td>", true);
    check("fib on QEMU &lt;7&gt;, 2 harts", true);
    check("QEMU <7>", false);
    check("Where time goes on interp, 2 harts", true);
    check("<title>fib, waiting (WFI): 1 ms</title>", true);
    check("data-marks=\"4\"", true);
    check("data-marks=\"2\"", true); /* native neither waits nor has an I/O thread */
    check("nan", false);
    free(text);
    samples_clear(&set);
}

/* Never a zero that looks like a count. */
static void test_no_hardware(void **state)
{
    struct sample_set set = {0};
    (void)state;
    struct sample s = make("fib", "native", 1, 0, 0);
    assert_int_equal(samples_add(&set, &s), 0);
    samples_fact(&set, "hardware counters", "none: No such file or directory");
    report(&set, false);
    check("No hardware counters here (none: No such file or directory), and no others were asked "
          "for.",
          true);
    check("## Counted by the simulator", false);
    check("| fib on native | 0", false);
    check("Where time goes", false);
    free(text);
    count(&set.samples[0], "task-clock", "software", 5e6, NAN, 1);
    count(&set.samples[0], "cycles", "hardware", NAN, NAN, 0);
    count(&set.samples[0], "periods", "clock", 20, NAN, 1);
    report(&set, false);
    check("these are events of its kernel", true);
    check("\n| fib on native | 2.5e+05 | - |\n", true);
    free(text);
    samples_clear(&set);
}

static void test_never_steady(void **state)
{
    struct sample_set set = {0};
    struct sample s = make("fib", "native", 1, 0, 16);
    (void)state;
    assert_int_equal(samples_add(&set, &s), 0);
    report(&set, false);
    check("\n| fib | never in 20 |\n", true);
    free(text);
    samples_clear(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_no_hardware),
        cmocka_unit_test(test_never_steady),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
