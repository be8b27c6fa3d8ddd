/* SPDX-License-Identifier: Apache-2.0 */
/* bench/child.c: programs that end well, fail, crash, hang, talk too much or leave others behind.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/child.h"
#include "sim/base/atomic.h"
#include "sim/base/clock.h"

static struct child_result shell(const char *script, const struct child_spec *more)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct child_spec spec = more ? *more : (struct child_spec){0};
    struct child_result r;
    spec.argv = argv;
    assert_int_equal(child_run(&spec, &r), 0);
    return r;
}

static void test_ends(void **state)
{
    char text[64];
    (void)state;
    struct child_result r = shell("echo out; echo err >&2; cat; exit 3", NULL);
    assert_int_equal(r.end, CHILD_EXITED);
    assert_int_equal(r.code, 3);
    assert_string_equal(r.output, "out\nerr\n");
    assert_int_equal(r.output_size, 8);
    assert_false(r.output_cut);
    assert_true(r.wall_ns > 0 && r.resident_bytes > 100000);
    assert_string_equal(child_describe(&r, text, sizeof(text)), "exit code 3");
    free(r.output);

    r = shell("echo before; kill -SEGV $$", NULL);
    assert_int_equal(r.end, CHILD_KILLED);
    assert_int_equal(r.code, SIGSEGV);
    assert_string_equal(r.output, "before\n");
    assert_non_null(strstr(child_describe(&r, text, sizeof(text)), "killed by signal 11"));
    free(r.output);
}

static void test_no_program(void **state)
{
    const char *argv[] = {"/nonexistent/program", NULL};
    struct child_spec spec = {.argv = argv};
    struct child_result r;
    (void)state;
    assert_int_equal(child_run(&spec, &r), -ENOENT);
    assert_null(r.output);
    argv[0] = "/dev/null";
    assert_int_equal(child_run(&spec, &r), -EACCES);
}

/* No such process, or one that nobody has reaped yet. */
static bool is_gone(pid_t pid)
{
    char name[64], text[256] = "";
    snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(name, "r");
    if (!f)
        return true;
    char *got = fgets(text, sizeof(text), f);
    fclose(f);
    const char *state = got ? strrchr(text, ')') : NULL;
    return !state || state[2] == 'Z';
}

/* It ignores what it can, and so does what it started; both are gone afterwards. */
static void test_hang(void **state)
{
    char text[64];
    (void)state;
    struct child_result r =
        shell("trap '' TERM INT; sleep 1000 & echo $!; while :; do sleep 1; done",
              &(struct child_spec){.timeout_ns = 300000000});
    assert_int_equal(r.end, CHILD_TIMEOUT);
    assert_true(r.wall_ns >= 300000000);
    pid_t left = (pid_t)atoi(r.output);
    assert_true(left > 1);
    for (unsigned i = 0; i < 5000 && !is_gone(left); i++)
        usleep(1000);
    assert_true(is_gone(left));
    assert_non_null(strstr(child_describe(&r, text, sizeof(text)), "stopped after"));
    free(r.output);
}

/* What it leaves behind holds the output open; the run ends all the same. */
static void test_orphan(void **state)
{
    (void)state;
    struct child_result r = shell("sleep 1000 & echo done", NULL);
    assert_int_equal(r.end, CHILD_EXITED);
    assert_int_equal(r.code, 0);
    assert_string_equal(r.output, "done\n");
    free(r.output);
}

static void test_output(void **state)
{
    (void)state;
    struct child_result r = shell("seq 100000", NULL);
    assert_int_equal(r.output_size, 588895);
    assert_string_equal(r.output + r.output_size - 7, "100000\n");
    free(r.output);
    r = shell("seq 100000; exit 5", &(struct child_spec){.output_max = 1000});
    assert_int_equal(r.output_size, 1000);
    assert_true(r.output_cut);
    assert_int_equal(r.code, 5); /* it was not stopped by that */
    free(r.output);
}

static void test_times(void **state)
{
    (void)state;
    struct child_result r = shell("i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done", NULL);
    assert_true(r.user_ns > 1000000);
    assert_true(r.user_ns + r.system_ns < 20 * r.wall_ns);
    free(r.output);
}

/* The time of a text in the output, also one that comes in two pieces. */
static void test_mark(void **state)
{
    (void)state;
    const struct child_spec ready = {.mark = "ready 1"};
    struct child_result r =
        shell("echo not yet; sleep 0.2; printf rea; sleep 0.2; echo dy 1", &ready);
    assert_true(r.mark_ns >= 400000000);
    free(r.output);
    r = shell("echo ready; echo ready 2", &ready);
    assert_int_equal(r.mark_ns, 0);
    free(r.output);
}

/* A shell whose name says number 1 says itself where it may run; others stay free. */
static void test_pins(void **state)
{
    cpu_set_t mine;
    int to[2] = {-1, 0};
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(mine), &mine), 0);
    while (!CPU_ISSET(to[1], &mine))
        to[1]++;
    const struct child_spec spec = {.pins = {"pin ", to, 2}, .timeout_ns = 20000000000};
    static const char script[] =
        "free=$(grep Cpus_allowed_list /proc/$$/status); printf 'pin 1' >/proc/$$/comm;"
        "while [ \"$(grep Cpus_allowed_list /proc/$$/status)\" = \"$free\" ] && [ $((i += 1)) -lt "
        "$1 ];"
        "do sleep 0.01; done; grep Cpus_allowed_list /proc/$$/status";
    const char *argv[] = {"sh", "-c", script, "sh", CPU_COUNT(&mine) > 1 ? "1000" : "1", NULL};
    struct child_spec with = spec;
    struct child_result r;
    with.argv = argv;
    assert_int_equal(child_run(&with, &r), 0);
    const char *list = strpbrk(r.output, "0123456789");
    assert_non_null(list);
    if (CPU_COUNT(&mine) > 1) {
        assert_int_equal(atoi(list), to[1]);
        assert_null(strpbrk(list, "-,"));
        assert_int_equal(r.pinned, 1);
    }
    free(r.output);
    cpu_set_t still; /* the caller's own threads stay where they were */
    assert_int_equal(sched_getaffinity(0, sizeof(still), &still), 0);
    assert_true(CPU_EQUAL(&still, &mine));
}

static uint32_t flag; /* atomic */

static void *raise_flag(void *arg)
{
    (void)arg;
    usleep(100000);
    store_release(&flag, 1);
    return NULL;
}

static void test_interrupted(void **state)
{
    pthread_t thread;
    (void)state;
    pthread_create(&thread, NULL, raise_flag, NULL);
    struct child_result r =
        shell("echo kept; sleep 1000", &(struct child_spec){.interrupted = &flag});
    pthread_join(thread, NULL);
    assert_int_equal(r.end, CHILD_INTERRUPTED);
    assert_string_equal(r.output, "kept\n");
    free(r.output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),        cmocka_unit_test(test_no_program),
        cmocka_unit_test(test_hang),        cmocka_unit_test(test_orphan),
        cmocka_unit_test(test_output),      cmocka_unit_test(test_times),
        cmocka_unit_test(test_interrupted), cmocka_unit_test(test_mark),
        cmocka_unit_test(test_pins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
