/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests sim/base/log.c: the --log words, the lines on stderr, BUG().
 */
#include "sim/base/log.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int reset(void **state)
{
    (void)state;
    return log_configure("warn");
}

static void test_defaults(void **state)
{
    (void)state;
    for (int i = 0; i < LOG_SYS_COUNT; i++)
        assert_int_equal(log_levels[i], LOG_WARN);
}

static void test_configure(void **state)
{
    (void)state;
    assert_int_equal(log_configure("debug"), 0);
    for (int i = 0; i < LOG_SYS_COUNT; i++)
        assert_int_equal(log_levels[i], LOG_DEBUG);
    assert_int_equal(log_configure("error,mem=trace,dev=info"), 0);
    assert_int_equal(log_levels[LOG_MEM], LOG_TRACE);
    assert_int_equal(log_levels[LOG_DEV], LOG_INFO);
    assert_int_equal(log_levels[LOG_ISA], LOG_ERROR);
    assert_int_equal(log_configure("sim=warn"), 0);
    assert_int_equal(log_levels[LOG_SIM], LOG_WARN);
    assert_int_equal(log_levels[LOG_MEM], LOG_TRACE);
}

/* A bad word changes nothing, also when good ones stand before it. */
static void test_configure_bad(void **state)
{
    static const char *const bad[] = {
        "",       "loud",   "mem",       "mem=",       "=debug", "mem=loud",    "xyz=debug",
        "debug,", ",debug", "debug mem", "mem=debug=", "DEBUG",  "debug,mem=x", "memx=debug"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(log_configure(bad[i]), -EINVAL);
        for (int s = 0; s < LOG_SYS_COUNT; s++)
            assert_int_equal(log_levels[s], LOG_WARN);
    }
}

/* What fn writes to stderr, in a child; returns the child's wait status. */
static int capture(void (*fn)(void), char *out, size_t size)
{
    int fds[2], status;
    size_t used = 0;
    ssize_t n;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    close(fds[1]);
    while ((n = read(fds[0], out + used, size - 1 - used)) > 0)
        used += (size_t)n;
    out[used] = 0;
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void say(void)
{
    log_at(LOG_MEM, LOG_WARN, "page %d", 7);
    log_at(LOG_MEM, LOG_INFO, "not this");
    log_configure("mem=trace");
    log_at(LOG_MEM, LOG_TRACE, "this");
    log_at(LOG_DEV, LOG_INFO, "nor this");
}

static void test_lines(void **state)
{
    char out[4096];

    (void)state;
    assert_int_equal(capture(say, out, sizeof(out)), 0);
    assert_string_equal(out, "manyhart: mem: warn: page 7\nmanyhart: mem: trace: this\n");
}

static void say_long(void)
{
    char text[5000];

    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    log_at(LOG_SIM, LOG_ERROR, "%s", text);
    log_at(LOG_SIM, LOG_ERROR, "next");
}

static void test_long_line_is_cut(void **state)
{
    char out[8192];

    (void)state;
    assert_int_equal(capture(say_long, out, sizeof(out)), 0);
    char *end = strchr(out, '\n');
    assert_non_null(end);
    assert_true(end - out > 500 && end - out < 2000);
    assert_string_equal(end, "\nmanyhart: sim: error: next\n");
}

static void bug(void)
{
    BUG_ON(0 == 1);
    BUG("value %d", 42);
}

static void test_bug(void **state)
{
    char out[4096];
    int status;

    (void)state;
    status = capture(bug, out, sizeof(out));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(out, "BUG at "));
    assert_non_null(strstr(out, "base_log.c:"));
    assert_non_null(strstr(out, ": value 42\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test_setup(test_configure, reset),
        cmocka_unit_test_setup(test_configure_bad, reset),
        cmocka_unit_test_setup(test_lines, reset),
        cmocka_unit_test_setup(test_long_line_is_cut, reset),
        cmocka_unit_test_setup(test_bug, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
