/* SPDX-License-Identifier: Apache-2.0 */
/* bench/report.c: the tables' figures, what failed is said, the page has a chart per group. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"

static char *text;

static void add(struct sample_set *set, const char *workload, const char *group, const char *engine,
                unsigned harts, unsigned round, double ns)
{
    struct sample s = {.harts = harts, .round = round, .operations = 10, .n = 4};
    snprintf(s.workload, sizeof(s.workload), "%s", workload);
    snprintf(s.group, sizeof(s.group), "%s", group);
    snprintf(s.engine, sizeof(s.engine), "%s", engine);
    snprintf(s.outcome, sizeof(s.outcome), ns > 0 ? "ok" : "exit code 1");
    s.ns = malloc(4 * sizeof(double));
    for (unsigned i = 0; i < 4; i++)
        s.ns[i] = ns;
    assert_int_equal(samples_add(set, &s), 0);
}

static void make(struct sample_set *set)
{
    samples_fact(set, "cpu", "<Some> & processor");
    for (unsigned round = 0; round < 5; round++) {
        add(set, "fib", "integer", "native", 1, round, 2e6);
        add(set, "fib", "integer", "interp", 1, round, 20e6);
        add(set, "fib", "integer", "interp", 2, round, 10e6);
        add(set, "lz", "integer", "native", 1, round, 1e6);
        add(set, "lz", "integer", "interp", 1, round, 40e6);
        add(set, "fft", "float", "native", 1, round, 1e6);
        add(set, "fft", "float", "interp", 1, round, -1);
    }
}

static void check(const char *line, bool there)
{
    if (there != (strstr(text, line) != NULL))
        fail_msg("%s: %s\n%s", there ? "not there" : "there", line, text);
}

static size_t count(const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

static void test_markdown(void **state)
{
    struct sample_set set = {0};
    struct summary s;
    size_t size;
    (void)state;
    make(&set);
    assert_int_equal(summary_make(&s, &set, 0.95), 0);
    FILE *out = open_memstream(&text, &size);
    report_markdown(out, &set, &s);
    fclose(out);
    check("- cpu: <Some> & processor\n", true);
    check("- 35 samples;", true);
    check("## integer\n\n| workload | native | interp |\n|---|---:|---:|\n", true);
    check("\n| fib | 2 ms (2 to 2) | 10 x (10 to 10) |\n", true);
    check("\n| lz | 1 ms (1 to 1) | 40 x (40 to 40) |\n", true);
    check("\n| geometric mean | | 20 x of 2 |\n", true);
    /* On two harts only where something ran on them; against one native thread, as there are no
     * two. */
    check("\n| workload | native | interp, 2 harts |\n|---|---:|---:|\n"
          "| fib | 2 ms (2 to 2) | 5 x (5 to 5) |\n"
          "| geometric mean | | 5 x of 1 |\n",
          true);
    check("\n| fft | 1 ms (1 to 1) | failed |\n", true);
    check("QEMU", false);
    check("- fft on interp, 1 harts: 5 of 5 samples failed\n", true);
    check("Resident", false);
    check("nan", false);
    free(text);
    summary_clear(&s);
    samples_clear(&set);
}

/* Two peers, each faster in one workload: the faster one counts. */
static void test_peers(void **state)
{
    struct sample_set set = {0};
    struct summary s;
    size_t size;
    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        add(&set, "fib", "integer", "interp", 1, round, 20e6);
        add(&set, "fib", "integer", "QEMU 7.2", 1, round, 10e6);
        add(&set, "fib", "integer", "QEMU 10.0", 1, round, 40e6);
        add(&set, "lz", "integer", "interp", 1, round, 10e6);
        add(&set, "lz", "integer", "QEMU 7.2", 1, round, 40e6);
        add(&set, "lz", "integer", "QEMU 10.0", 1, round, 20e6);
        add(&set, "crc32", "integer", "interp", 1, round, 10e6);
        add(&set, "sieve", "integer", "QEMU 7.2", 1, round, -1);
        add(&set, "sieve", "integer", "interp", 1, round, 10e6);
    }
    assert_int_equal(summary_make(&s, &set, 0.95), 0);
    assert_null(summary_best_peer(&s, "fib", 2));
    assert_null(summary_best_peer(&s, "crc32", 1));
    assert_null(summary_best_peer(&s, "sieve", 1));
    FILE *out = open_memstream(&text, &size);
    report_markdown(out, &set, &s);
    fclose(out);
    check("\n| fib | 2 (2 to 2) | QEMU 7.2 |\n", true);
    check("\n| lz | 0.5 (0.5 to 0.5) | QEMU 10.0 |\n", true);
    check("\n| geometric mean | 1 of 2 | |\n", true);
    check("nan", false);
    free(text);
    summary_clear(&s);
    samples_clear(&set);
}

static void test_overview(void **state)
{
    struct sample_set set = {0};
    struct summary s;
    size_t size;
    (void)state;
    make(&set);
    assert_int_equal(summary_make(&s, &set, 0.95), 0);
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(report_overview(out, &s), 2); /* float failed */
    fclose(out);
    check("<title>integer: 20 x", true); /* one series needs no name */
    check("<title>integer, 2 harts: 5 x", true);
    check("float", false);
    check("nan", false);
    check("xmlns=", true);
    free(text);
    summary_clear(&s);
    samples_clear(&set);
}

/* Without native there is nothing to divide by: times. */
static void test_no_base(void **state)
{
    struct sample_set set = {0};
    struct summary s;
    size_t size;
    (void)state;
    add(&set, "fib", "integer", "interp", 1, 0, 3e6);
    assert_int_equal(summary_make(&s, &set, 0.95), 0);
    FILE *out = open_memstream(&text, &size);
    report_markdown(out, &set, &s);
    assert_int_equal(report_html(out, &set, &s), 2);
    fclose(out);
    check("\n| fib | 3 ms (3 to 3) |\n", true);
    check("geometric mean", false);
    check("natively", false);
    check("integer: time<", true);
    free(text);
    summary_clear(&s);
    samples_clear(&set);
}

/* The memory of the simulators that have booted, in the group of the boot only. */
static void test_memory(void **state)
{
    struct sample_set set = {0};
    struct summary s;
    size_t size;
    (void)state;
    add(&set, "fib", "integer", "interp", 2, 0, 3e6);
    add(&set, "boot", "linux", "interp", 2, 0, 2e9);
    add(&set, "boot", "linux", "interp", 2, 1, 2e9);
    add(&set, "boot", "linux", "QEMU 9", 2, 0, 2e9);
    add(&set, "boot", "linux", "QEMU 9", 2, 1, -1); /* failed */
    for (size_t i = 0; i < set.n; i++)
        set.samples[i].resident_bytes = (100 + i) << 20;
    assert_int_equal(summary_make(&s, &set, 0.95), 0);
    FILE *out = open_memstream(&text, &size);
    report_markdown(out, &set, &s);
    fclose(out);
    check("Resident memory of the simulator with a booted guest, at most: interp, 2 harts 102 MiB; "
          "QEMU 9, 2 harts 103 MiB.\n",
          true);
    assert_int_equal(count("Resident"), 1);
    free(text);
    summary_clear(&s);
    samples_clear(&set);
}

/* What does not run natively is drawn against the fastest peer, or without one as times. */
static void test_not_native(void **state)
{
    struct sample_set set = {0};
    struct summary s;
    size_t size;
    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        add(&set, "amo", "smp", "native", 2, round, 1e6);
        add(&set, "amo", "smp", "interp", 2, round, 3e6);
        add(&set, "ipi", "smp", "interp", 2, round, 10e6);
        add(&set, "ipi", "smp", "QEMU 7.2", 2, round, 40e6);
        add(&set, "ipi", "smp", "QEMU 10.0", 2, round, 20e6);
        add(&set, "tlb", "paging", "interp", 1, round, 5e6);
        add(&set, "tlb", "paging", "QEMU 10.0", 1, round, 20e6);
        add(&set, "csr", "io", "interp", 1, round, 7e6);
    }
    assert_int_equal(summary_make(&s, &set, 0.95), 0);
    FILE *out = open_memstream(&text, &size);
    report_html(out, &set, &s);
    fclose(out);
    check("smp, 2 harts: times as long as natively<", true);
    check("<title>amo, interp, 2 harts: 3 x (3 to 3)</title>", true);
    check("smp, 2 harts: times as long as on the fastest peer<", true);
    check("<title>ipi, interp, 2 harts: 0.5 x (0.5 to 0.5)</title>", true);
    check("<title>ipi, QEMU 7.2, 2 harts: 2 x (2 to 2)</title>", true);
    check("paging: times as long as on the fastest peer<", true);
    check("<title>tlb, interp: 0.25 x (0.25 to 0.25)</title>", true);
    check("io: time<", true);
    check("io: times", false);
    assert_int_equal(count("data-marks=\"0\""), 0);
    check("nan", false);
    free(text);
    summary_clear(&s);
    samples_clear(&set);
}

static void test_html(void **state)
{
    struct sample_set set = {0};
    struct summary s;
    size_t size;
    (void)state;
    make(&set);
    assert_int_equal(summary_make(&s, &set, 0.95), 0);
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(report_html(out, &set, &s), 7);
    fclose(out);
    /* Two groups and one of them on two harts, a gain by harts, three columns of samples. */
    assert_int_equal(count("<figure"), 7);
    assert_int_equal(count("times as long as natively</figcaption>"), 3);
    check("integer, 2 harts: times as long as natively", true);
    assert_int_equal(count("data-marks=\"0\""), 0);
    check("<dd>&lt;Some&gt; &amp; processor</dd>", true);
    check("<title>lz, interp: 40 x (40 to 40)</title>", true);
    check("http://", false); /* nothing is fetched */
    check("https://", false);
    check("src=", false);
    check("nan", false);
    assert_int_equal(count("<body"), count("</body>"));
    free(text);
    summary_clear(&s);
    samples_clear(&set);
}

/* Each number of harts against as many threads; QEMU's atomics on one hart against nothing. */
static void test_harts(void **state)
{
    struct sample_set set = {0};
    struct summary s;
    size_t size;
    (void)state;
    for (unsigned round = 0; round < 5; round++)
        for (unsigned harts = 1; harts <= 4; harts *= 2) {
            add(&set, "amo", "smp", "native", harts, round, 1e6 * harts);
            add(&set, "amo", "smp", "interp", harts, round, 20e6 / harts);
            add(&set, "amo", "smp", "QEMU 10.0.2", harts, round, 5e6 * harts);
            add(&set, "ipi", "smp", "interp", harts, round, 1e6);
        }
    assert_int_equal(summary_make(&s, &set, 0.95), 0);
    FILE *out = open_memstream(&text, &size);
    report_markdown(out, &set, &s);
    fclose(out);
    check("\n## smp\n\n| workload | native | interp | QEMU 10.0.2 |\n|---|---:|---:|---:|\n"
          "| amo | 1 ms (1 to 1) | 20 x (20 to 20) | 5 ms (5 to 5) |\n"
          "| ipi | | 1 ms (1 to 1) | |\n"
          "| geometric mean | | 20 x of 1 | |\n",
          true);
    check("\n| workload | native, 2 harts | interp, 2 harts | QEMU 10.0.2, 2 harts |\n", true);
    check("\n| amo | 2 ms (2 to 2) | 5 x (5 to 5) | 5 x (5 to 5) |\n", true);
    check("\n| amo | 4 ms (4 to 4) | 1.25 x (1.25 to 1.25) | 5 x (5 to 5) |\n", true);
    check("- smp on one hart: peers are shown and not compared;", true);
    assert_null(summary_best_peer(&s, "amo", 1));
    check("\n| smp | time on interp, 2 harts, as parts of the time on the fastest peer | which |\n"
          "|---|---:|---|\n"
          "| amo | 1 (1 to 1) | QEMU 10.0.2 |\n",
          true);
    check("| smp | time on interp, as parts", false);
    check("\n## Scaling\n\nTimes as fast as on 1 hart, with the same work in total.\n\n"
          "| workload | engine | 2 harts | 4 harts |\n|---|---|---:|---:|\n"
          "| amo | native | 0.5 x (0.5 to 0.5) | 0.25 x (0.25 to 0.25) |\n",
          true);
    check("\n| ipi | interp | 1 x (1 to 1) | 1 x (1 to 1) |\n", true);
    free(text);
    out = open_memstream(&text, &size);
    /* Three numbers of harts, ratios and what has none; the gain of two workloads; three engines on
     * three numbers. */
    assert_int_equal(report_html(out, &set, &s), 2 * 3 + 2 + 9);
    fclose(out);
    check("peers are shown and not compared", true);
    assert_int_equal(count(">ipi</text>"), 6); /* times and samples, and in no empty row */
    check("amo: times as fast as on 1 hart", true);
    assert_int_equal(count("data-marks=\"0\""), 0);
    check("nan", false);
    free(text);
    summary_clear(&s);
    samples_clear(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markdown), cmocka_unit_test(test_peers),
        cmocka_unit_test(test_overview), cmocka_unit_test(test_no_base),
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_not_native),
        cmocka_unit_test(test_html),     cmocka_unit_test(test_harts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
