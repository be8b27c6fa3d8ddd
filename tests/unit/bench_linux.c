/* SPDX-License-Identifier: Apache-2.0 */
/* bench/linux.c: command lines, and what a run in the guest must have said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "bench/linux.h"
#include "sim/base/bits.h"
#include "sim/base/error.h"

static const struct linux_files files = {.top = "/top", .kernels = "/k", .bench = "/b"};
static const struct engine native = {.kind = ENGINE_NATIVE, .name = "native", .harts = 1};
static const struct engine interp = {
    .kind = ENGINE_MANYHART, .name = "interp", .program = "/x/manyhart", .harts = 3};
static const struct engine qemu = {
    .kind = ENGINE_QEMU, .name = "QEMU 9", .program = "qemu", .harts = 2};
static const struct engine other = {
    .kind = ENGINE_COMMAND, .name = "other", .program = "x {image}"};

static void check_words(const struct command *c, const char *const *words)
{
    unsigned i = 0;
    for (; words[i]; i++) {
        assert_non_null(c->argv[i]);
        assert_string_equal(c->argv[i], words[i]);
    }
    assert_null(c->argv[i]);
}

static void test_commands(void **state)
{
    struct command c;
    (void)state;
    linux_command(&files, &native, "/build/bench", "pipe", 4, &c);
    check_words(&c, (const char *[]){"/build/bench/bench_linux", "pipe", "4", "/top", NULL});
    linux_command(&files, &interp, "/build/bench", "gcc", 2, &c);
    check_words(&c, (const char *[]){"/x/manyhart", "run", "--engine", "interp", "--harts", "3",
                                     "--memory", "1G", "--kernel", "/k/kernel", "--initrd",
                                     "/b/initrd-gcc", "--append",
                                     "console=ttyS0 quiet bench=gcc iterations=2", NULL});
    linux_command(&files, &qemu, "/build/bench", "boot", 7, &c);
    check_words(&c,
                (const char *[]){"qemu", "-machine", "virt", "-smp", "2", "-m", "1G", "-nographic",
                                 "-kernel", "/k/kernel", "-initrd", "/b/initrd-base", "-append",
                                 "console=ttyS0 quiet bench=boot iterations=1", NULL});
}

static void test_where(void **state)
{
    (void)state;
    assert_false(linux_runs_on("boot", &native));
    assert_true(linux_runs_on("boot", &qemu));
    assert_true(linux_runs_on("fork", &native));
    assert_null(linux_lacks("fork"));
    /* Whatever this host has, the two agree, and the guest has all. */
    assert_int_equal(linux_runs_on("sqlite3", &native), !linux_lacks("sqlite3"));
    assert_true(linux_runs_on("sqlite3", &interp));
    assert_false(linux_runs_on("fork", &other));
}

#define HEAD                                                                                       \
    "manyhart: init on 2 harts\r\nworkload pipe group linux unit exchanges operations 9 clock_ns " \
    "1\r\n"
#define ITERATION(i) "iteration " #i " ns 5 instructions - checksum ab\r\n"

static int parse(struct sample *s, const char *workload, const struct engine *e, char *output,
                 unsigned iterations)
{
    struct child_result r = {.output = output, .mark_ns = 77};
    *s = (struct sample){0};
    strcpy(s->workload, workload);
    return linux_parse(s, e, &r, iterations);
}

static void test_output(void **state)
{
    static char good[] = HEAD ITERATION(0) ITERATION(1) "manyhart: exit 0\r\n";
    static char hung[] = HEAD ITERATION(0) ITERATION(1);
    static char failed[] = HEAD ITERATION(0) "bench: pipe: write: No space\r\nmanyhart: exit 1\r\n";
    static char on_host[] = HEAD ITERATION(0) ITERATION(1);
    struct sample s;
    (void)state;
    assert_int_equal(parse(&s, "pipe", &interp, good, 2), 0);
    assert_int_equal(s.n, 2);
    assert_string_equal(s.checksum, "ab");
    assert_true(s.ns[0] == 5);
    sample_clear(&s);
    assert_true(parse(&s, "pipe", &interp, good, 3) < 0);
    assert_string_equal(mh_last_error()->message, "some iterations are missing");
    assert_int_equal(s.n, 0);
    assert_true(parse(&s, "pipe", &interp, hung, 2) < 0);
    assert_string_equal(mh_last_error()->message, "the guest has not ended well");
    assert_true(parse(&s, "pipe", &qemu, failed, 1) < 0);
    assert_string_equal(mh_last_error()->message, "bench: pipe: write: No space");
    assert_int_equal(parse(&s, "pipe", &native, on_host, 2), 0);
    sample_clear(&s);
}

/* Its time is what the host has seen, however many iterations the others have. */
static void test_boot(void **state)
{
    static char output[] =
        "manyhart: init on 2 harts\nworkload boot group linux unit boots operations 1 "
        "clock_ns 1\n" ITERATION(0) "manyhart: exit 0\n";
    struct sample s;
    (void)state;
    assert_int_equal(parse(&s, "boot", &interp, output, 5), 0);
    assert_int_equal(s.n, 1);
    assert_true(s.ns[0] == 77);
    sample_clear(&s);
}

static void test_no_checkout(void **state)
{
    struct linux_files f;
    (void)state;
    assert_true(linux_find(&f, "/usr/bin", false) < 0);
    assert_non_null(strstr(mh_last_error()->message, "needs the checkout"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),    cmocka_unit_test(test_where),
        cmocka_unit_test(test_output),      cmocka_unit_test(test_boot),
        cmocka_unit_test(test_no_checkout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
