/* SPDX-License-Identifier: Apache-2.0 */
/* bench/chart.c: every value becomes one mark inside the drawing, missing ones none, texts
 * harmless. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "bench/chart.h"

static char *text;
static size_t size;
static FILE *out;

static int setup(void **state)
{
    (void)state;
    out = open_memstream(&text, &size);
    return out ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(text);
    return 0;
}

static size_t count(const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

/* Number of marks as drawn, as returned and as the figure says; everything open is closed. */
static void check_marks(size_t returned, size_t want)
{
    char says[64];
    fclose(out);
    assert_int_equal(returned, want);
    assert_int_equal(count("class=\"mark"), want);
    assert_int_equal(count("<title>"), want);
    snprintf(says, sizeof(says), "data-marks=\"%zu\"", want);
    assert_int_equal(count(says), 1);
    assert_int_equal(count("<figure"), count("</figure>"));
    assert_int_equal(count("<svg"), count("</svg>"));
    assert_int_equal(count("<g "), count("</g>"));
    assert_int_equal(count("<rect"), count("</rect>"));
    assert_int_equal(count("<circle"), count("</circle>"));
    assert_int_equal(count("<text"), count("</text>"));
    assert_int_equal(count("nan") + count("inf"), 0);
}

/* All numbers of an attribute, in ascending order of appearance, lie in [low, high]. */
static void check_attribute(const char *name, double low, double high)
{
    char key[32];
    size_t n = 0;
    snprintf(key, sizeof(key), " %s=\"", name);
    for (const char *p = text; (p = strstr(p, key)); n++) {
        double v = strtod(p += strlen(key), NULL);
        assert_true(v >= low && v <= high);
    }
    assert_true(n > 0);
}

#define NONE                                                                                       \
    {                                                                                              \
        NAN, NAN, NAN                                                                              \
    }

static void test_bars(void **state)
{
    static const char *const series[] = {"interp", "QEMU <10>"};
    struct chart_style style = {"Share of \"native\" & more", "%", series, 2, CHART_LOGARITHMIC};
    struct stats_interval v[3][2] = {
        {{0.08, 0.09, 0.1}, {0.2, 0.3, 0.5}}, {NONE, {NAN, 1.5, NAN}}, {{0.001, 0.002, 9}, NONE}};
    struct chart_row rows[] = {{"sieve", v[0]}, {"a<b", v[1]}, {"last", v[2]}};
    (void)state;
    check_marks(chart_bars(out, &style, rows, 3), 4);
    check_attribute("x", 0, 400);
    check_attribute("width", 1, 400);
    assert_int_equal(count("class=\"whisker\""), 3);
    assert_int_equal(count("<10>"), 0);
    assert_non_null(strstr(text, "<title>sieve, QEMU &lt;10&gt;: 0.3 % (0.2 to 0.5)</title>"));
    assert_non_null(strstr(text, "<title>a&lt;b, QEMU &lt;10&gt;: 1.5 %</title>"));
    assert_non_null(
        strstr(text, "<figcaption>Share of &quot;native&quot; &amp; more</figcaption>"));
}

/* A bar twice as long for twice the value, on an axis from 0. */
static void test_lengths(void **state)
{
    static const char *const series[] = {"only"};
    struct chart_style style = {"linear", "ms", series, 1, 0};
    struct stats_interval v[2] = {{NAN, 2, NAN}, {NAN, 4, NAN}};
    struct chart_row rows[] = {{"two", &v[0]}, {"four", &v[1]}};
    (void)state;
    check_marks(chart_bars(out, &style, rows, 2), 2);
    const char *first = strstr(text, " width=\""), *second = strstr(first + 1, " width=\"");
    double w1 = strtod(first + 8, NULL), w2 = strtod(second + 8, NULL);
    assert_true(fabs(w2 / w1 - 2) < 0.01);
    assert_int_equal(count("class=\"legend\""), 0);
}

static void test_lines(void **state)
{
    static const char *const series[] = {"compute", "lock"};
    static const double harts[] = {1, 2, 4, 8};
    struct chart_style style = {"Speed-up", "x", series, 2, 0};
    struct stats_interval compute[] = {{1, 1, 1}, {1.9, 1.95, 2}, {3, 3.5, 4}, NONE},
                          lock[] = {{1, 1, 1}, NONE, {0.2, 0.3, 0.4}, {0.1, 0.1, 0.1}};
    struct chart_line lines[] = {{compute}, {lock}};
    (void)state;
    check_marks(chart_lines(out, &style, "harts", harts, 4, lines), 6);
    check_attribute("cx", 40, 400);
    check_attribute("cy", 8, 228);
    assert_non_null(strstr(text, "<title>2, compute: 1.95 x (1.9 to 2)</title>"));
}

static void test_strips(void **state)
{
    static const char *const series[] = {"samples"};
    static const double a[] = {10, 11, 9, 30}, b[] = {5};
    struct chart_style style = {"Samples", "ms", series, 1, 0};
    struct chart_samples rows[] = {{"a", a, 4}, {"b", b, 1}};
    (void)state;
    check_marks(chart_strips(out, &style, rows, 2), 5);
    check_attribute("cx", 104, 390);
}

static void test_parts(void **state)
{
    static const char *const series[] = {"user", "system", "rest"};
    struct chart_style style = {"Time", "s", series, 3, 0};
    struct stats_interval v[2][3] = {{{NAN, 1, NAN}, {NAN, 3, NAN}, NONE},
                                     {{NAN, 0, NAN}, NONE, {NAN, 2, NAN}}};
    struct chart_row rows[] = {{"a", v[0]}, {"b", v[1]}};
    (void)state;
    check_marks(chart_parts(out, &style, rows, 2), 3);
    check_attribute("width", 1, 286);
}

/* A part too small to see still has a size and a value to show. */
static void test_small_part(void **state)
{
    static const char *const series[] = {"large", "small"};
    struct chart_style style = {"Time", "s", series, 2, 0};
    struct stats_interval v[2] = {{NAN, 1, NAN}, {NAN, 1e-9, NAN}};
    struct chart_row rows[] = {{"a", v}};
    (void)state;
    check_marks(chart_parts(out, &style, rows, 1), 2);
    check_attribute("width", 0.5, 287);
}

/* Nothing to draw is a figure without marks, not a crash. */
static void test_empty(void **state)
{
    static const char *const series[] = {"only"};
    struct chart_style style = {"empty", "", series, 1, CHART_LOGARITHMIC};
    struct stats_interval none = NONE;
    struct chart_row row = {"none", &none};
    struct chart_line line = {&none};
    double one = 1;
    (void)state;
    size_t n = chart_bars(out, &style, &row, 1) + chart_bars(out, &style, NULL, 0) +
               chart_lines(out, &style, "harts", &one, 1, &line) +
               chart_strips(out, &style, NULL, 0) + chart_parts(out, &style, &row, 1);
    fclose(out);
    assert_int_equal(n, 0);
    assert_int_equal(count("data-marks=\"0\""), 5);
    assert_int_equal(count("nan") + count("inf"), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_bars),  T(test_lengths),    T(test_lines), T(test_strips),
        T(test_parts), T(test_small_part), T(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
