/* SPDX-License-Identifier: Apache-2.0 */
/* bench/host.c and bench/engines.c: facts that are always there, names of folders, command lines.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "bench/engines.h"
#include "bench/host.h"
#include "sim/base/error.h"

static void test_facts(void **state)
{
    static const char *const names[] = {"date",       "commit",      "cpu",
                                        "processors", "kernel",      "governor",
                                        "compiler",   "load before", "hardware counters"};
    struct sample_set set = {0};
    (void)state;
    assert_int_equal(host_facts(&set, NULL), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_non_null(samples_fact_of(&set, names[i]));
        assert_true(strlen(samples_fact_of(&set, names[i])) > 0);
    }
    assert_string_equal(samples_fact_of(&set, "commit"), "unknown here");
    samples_clear(&set);
}

static void test_folder(void **state)
{
    struct sample_set set = {0};
    char buf[128];
    (void)state;
    samples_fact(&set, "date", "2026-11-25T10:00Z");
    samples_fact(&set, "cpu", "Intel(R) Xeon(R) Gold");
    samples_fact(&set, "commit", "abc1234-dirty");
    assert_string_equal(host_folder(&set, buf, sizeof(buf)), "2026-11-25-xeon-abc1234-dirty");
    samples_fact(&set, "cpu", "Odd/../Name x");
    samples_fact(&set, "commit", "unknown here");
    assert_string_equal(host_folder(&set, buf, sizeof(buf)), "2026-11-25-odd----name-unknown-here");
    samples_clear(&set);
    assert_string_equal(host_folder(&set, buf, sizeof(buf)), "undated-host-unknown");
}

static void join(const struct command *c, char *buf, size_t size)
{
    size_t n = 0;
    for (unsigned i = 0; c->argv[i]; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s|", c->argv[i]);
}

static void test_commands(void **state)
{
    struct engine_list list = {0};
    struct command c;
    char text[1024];
    (void)state;
    assert_int_equal(engines_add(&list, "/b", "native", 4), 1);
    assert_int_equal(engines_add(&list, "/b", "interp", 4), 1);
    assert_int_equal(list.engine[0].harts, 1);
    engine_command(&list.engine[0], "/b", "fib", 7, &c);
    join(&c, text, sizeof(text));
    assert_string_equal(text, "/b/bench_workloads|fib|7|1|");
    engine_command(&list.engine[1], "/b", "fib", 7, &c);
    join(&c, text, sizeof(text));
    assert_string_equal(text, "/b/../manyhart|run|--engine|interp|--harts|4|--append|"
                              "workload=fib iterations=7|/b/bench_workloads.elf|");
    struct engine qemu = {.kind = ENGINE_QEMU, .name = "QEMU 7", .program = "q", .harts = 2};
    engine_command(&qemu, "/b", "lz", 3, &c);
    join(&c, text, sizeof(text));
    assert_string_equal(text, "q|-machine|virt|-smp|2|-m|256M|-nographic|-bios|none|-kernel|"
                              "/b/bench_workloads.virt.elf|-append|workload=lz iterations=3|"
                              "-name|debug-threads=on|");
}

/* Threads of the host; and atomics of QEMU are atomic on one hart only if there could be a second.
 */
static void test_teams(void **state)
{
    static const struct {
        enum engine_kind kind;
        unsigned harts;
        bool team;
        const char *has;
    } cases[] = {
        {ENGINE_NATIVE, 4, true, "|amo|3|4|"},     {ENGINE_QEMU, 1, true, "|-smp|1,maxcpus=2|"},
        {ENGINE_QEMU, 2, true, "|-smp|2|"},        {ENGINE_QEMU, 1, false, "|-smp|1|"},
        {ENGINE_MANYHART, 1, true, "|--harts|1|"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct engine e = {
            .kind = cases[i].kind, .program = "p", .harts = cases[i].harts, .team = cases[i].team};
        struct command c;
        char text[1024];
        engine_command(&e, "/b", "amo", 3, &c);
        join(&c, text, sizeof(text));
        assert_non_null(strstr(text, cases[i].has));
    }
}

static void test_peer_command(void **state)
{
    static const char *const wrong[] = {"no command",       "=a {image}",    "native=a {image}",
                                        "interp=a {image}", "other=a image", "fast=b {image}"};
    struct engine_list list = {0};
    struct command c;
    char text[1024];
    (void)state;
    assert_int_equal(engines_add_command(
                         &list, "fast=sim  -n {harts} --k={image} -append {words} {words}{ {h}", 2),
                     1);
    engine_command(&list.engine[0], "/b", "lz", 3, &c);
    join(&c, text, sizeof(text));
    assert_string_equal(text, "sim|-n|2|--k=/b/bench_workloads.virt.elf|-append|"
                              "workload=lz iterations=3|workload=lz iterations=3{|{h}|");
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(engines_add_command(&list, wrong[i], 1), -EINVAL);
    assert_int_equal(list.n, 1);
}

static void test_refused(void **state)
{
    struct engine_list list = {0};
    (void)state;
    assert_int_equal(engines_add(&list, "/b", "nativ", 1), -EINVAL);
    assert_non_null(strstr(mh_last_error()->message, "did you mean native?"));
    for (unsigned i = 0; i < ENGINES_MAX; i++)
        assert_int_equal(engines_add(&list, "/b", "interp", i + 1), 1);
    assert_int_equal(engines_add(&list, "/b", "native", 1), -EINVAL);
    assert_int_equal(list.n, ENGINES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),    cmocka_unit_test(test_folder),
        cmocka_unit_test(test_commands), cmocka_unit_test(test_peer_command),
        cmocka_unit_test(test_teams),    cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
