/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the workloads, with workloads of its own: what it selects and prints, and that what
 * is wrong ends it: a check that does not hold, a checksum that changes, an arena that is too
 * small.
 */
#include "bench/guest/driver.c"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char output[4096], errors[1024];
static jmp_buf left;
static uint64_t now;
static bool counts;

static void add_text(char *to, size_t size, const char *fmt, va_list ap)
{
    size_t n = strlen(to);
    vsnprintf(to + n, size - n, fmt, ap);
}

void platform_print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_text(output, sizeof(output), fmt, ap);
    va_end(ap);
}

void platform_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_text(errors, sizeof(errors), fmt, ap);
    va_end(ap);
}

void platform_exit(int code)
{
    longjmp(left, code + 100);
}

uint64_t platform_now_ns(void)
{
    return now;
}

uint64_t platform_clock_ns(void)
{
    return 7;
}

bool platform_instructions(uint64_t *n)
{
    *n = 2 * now;
    return counts;
}

static void *good_setup(struct arena *a)
{
    unsigned *n = ARENA_NEW(a, unsigned, 16);
    *n = 0;
    workload_require(true, "nothing");
    return n;
}

static uint64_t good_run(void *state)
{
    now += 1000 + *(unsigned *)state;
    ++*(unsigned *)state;
    return 0xabc;
}

static void *wrong_setup(struct arena *a)
{
    workload_require(false, "the answer");
    return a;
}

static uint64_t changing_run(void *state)
{
    return ++*(unsigned *)state / 3;
}

static void *large_setup(struct arena *a)
{
    ARENA_NEW(a, uint64_t, 100);
    return arena_alloc(a, 200, 1, 1);
}

/* Larger than any memory: the product of count and size wraps. */
static void *huge_setup(struct arena *a)
{
    return arena_alloc(a, SIZE_MAX / 8 + 2, 8, 64);
}

static const struct workload table[] = {
    {"good", "some", "things", "does well", 5, good_setup, good_run, WORKLOAD_ANYWHERE},
    {"goods", "some", "things", "does well, too", 6, good_setup, good_run, WORKLOAD_ANYWHERE},
    {"wrong", "other", "things", "does not hold", 1, wrong_setup, good_run, WORKLOAD_ANYWHERE},
    {"changing", "other", "things", "changes", 1, good_setup, changing_run, WORKLOAD_ANYWHERE},
    {"large", "other", "things", "needs too much", 1, large_setup, good_run, WORKLOAD_ANYWHERE},
    {"huge", "other", "things", "needs more than that", 1, huge_setup, good_run, WORKLOAD_ANYWHERE},
};

/* The code that driver_run() returns, or 100 more than that with which it ended the program. */
static int run(const char *selection, uint64_t iterations)
{
    static _Alignas(64) unsigned char memory[960];

    output[0] = errors[0] = 0;
    now = 0;
    int code = setjmp(left);
    return code ? code
                : driver_run(table, sizeof(table) / sizeof(table[0]), selection, iterations, memory,
                             sizeof(memory));
}

static void test_iterations(void **state)
{
    (void)state;
    counts = true;
    assert_int_equal(run("good", 2), DRIVER_OK);
    assert_string_equal(output, "workload good group some unit things operations 5 clock_ns 7\n"
                                "iteration 0 ns 1000 instructions 2000 checksum abc\n"
                                "iteration 1 ns 1001 instructions 2002 checksum abc\n");
    counts = false;
    assert_int_equal(run("good", 1), DRIVER_OK);
    assert_non_null(strstr(output, "iteration 0 ns 1000 instructions - checksum abc\n"));
    assert_string_equal(errors, "");
}

static void test_selection(void **state)
{
    (void)state;
    assert_int_equal(run("some", 1), DRIVER_OK);
    assert_non_null(strstr(output, "workload good "));
    assert_non_null(strstr(output, "workload goods "));
    assert_int_equal(run("list", 0), DRIVER_OK);
    assert_non_null(
        strstr(output, "goods            some             6 things      does well, too\n"));
    assert_null(strstr(output, "iteration"));
    assert_int_equal(run("all", 1), DRIVER_FAILED + 100);
    assert_non_null(strstr(output, "workload goods "));
    assert_string_equal(errors, "bench: wrong: wrong: the answer\n");
}

static void test_unknown(void **state)
{
    static const struct {
        const char *given, *says;
    } cases[] = {
        {"god", "bench: no workload 'god'; nearest: good; 'list' shows all\n"},
        {"goo", "bench: no workload 'goo'; nearest: good, goods; 'list' shows all\n"},
        {"chang", "bench: no workload 'chang'; nearest: changing; 'list' shows all\n"},
        {"larger", "bench: no workload 'larger'; nearest: large; 'list' shows all\n"},
        {"hgue", "bench: no workload 'hgue'; nearest: huge; 'list' shows all\n"},
        {"something else", "bench: no workload 'something else'; 'list' shows all\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(run(cases[i].given, 1), DRIVER_USAGE);
        assert_string_equal(errors, cases[i].says);
        assert_string_equal(output, "");
    }
}

static void test_number_of_iterations(void **state)
{
    (void)state;
    assert_int_equal(run("good", 0), DRIVER_USAGE);
    assert_string_equal(errors, "bench: iterations: a number from 1 to 1000000000\n");
    assert_int_equal(run("good", 1000000001), DRIVER_USAGE);
    assert_string_equal(output, "");
}

static void test_wrong_results(void **state)
{
    (void)state;
    assert_int_equal(run("changing", 2), DRIVER_OK);
    assert_int_equal(run("changing", 4), DRIVER_FAILED);
    assert_string_equal(
        errors, "bench: changing: wrong: iteration 2 has another checksum than the first\n");
    assert_null(strstr(output, "iteration 3"));
}

static void test_arena(void **state)
{
    (void)state;
    assert_int_equal(run("large", 1), DRIVER_FAILED + 100);
    assert_string_equal(errors, "bench: large: needs 1000 bytes, of which there are 960\n");
    assert_int_equal(run("huge", 1), DRIVER_FAILED + 100);
    assert_non_null(strstr(errors, "bench: huge: needs "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iterations),    cmocka_unit_test(test_selection),
        cmocka_unit_test(test_unknown),       cmocka_unit_test(test_number_of_iterations),
        cmocka_unit_test(test_wrong_results), cmocka_unit_test(test_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
