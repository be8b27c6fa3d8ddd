/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim/counters.c with a host of its own: perf_event_open() and read() are this file's, which has
 * a PMU with two counters.  Groups, multiplexing, events that are never scheduled or cannot be
 * opened for a thread, on machines that have no PMU, too.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>

static long fake_syscall(long number, ...);
static ssize_t fake_read(int fd, void *buf, size_t size);
static int fake_close(int fd);

#define syscall fake_syscall
#define read    fake_read
#define close   fake_close
#include "sim/counters.c"
#undef syscall
#undef read
#undef close

#include <setjmp.h>

#include <cmocka.h>

enum { FD0 = 1000, FDS = 64, ROOM = 2 };

static struct {
    bool open, software, inherit;
    int leader;
    uint64_t triple[3]; /* value, enabled, running */
} fds[FDS];
static unsigned opened;
static bool pmu, refuse_late; /* there is one; it refuses events that join no probe */
static int fail_read;         /* fd whose read fails */

static unsigned members(int leader)
{
    unsigned n = 0;
    for (unsigned i = 0; i < opened; i++)
        n += fds[i].open && !fds[i].software && (fds[i].leader == leader || (int)i + FD0 == leader);
    return n;
}

static long fake_syscall(long number, ...)
{
    va_list ap;
    va_start(ap, number);
    struct perf_event_attr *attr = va_arg(ap, struct perf_event_attr *);
    va_arg(ap, int);
    va_arg(ap, int);
    int group = va_arg(ap, int);
    va_end(ap);
    assert_int_equal(number, SYS_perf_event_open);
    bool software = attr->type == PERF_TYPE_SOFTWARE;
    bool late = attr->read_format; /* not a probe */
    if (!software && (!pmu || (late && refuse_late))) {
        errno = late ? EMFILE : ENOENT;
        return -1;
    }
    if (group >= 0 && members(group) >= ROOM) {
        errno = EINVAL;
        return -1;
    }
    assert_true(opened < FDS);
    fds[opened].open = true;
    fds[opened].software = software;
    fds[opened].inherit = attr->inherit;
    fds[opened].leader = group;
    return FD0 + (long)opened++;
}

static ssize_t fake_read(int fd, void *buf, size_t size)
{
    assert_true(fd >= FD0 && fds[fd - FD0].open);
    assert_int_equal(size, sizeof(fds[0].triple));
    if (fd == fail_read)
        return -1;
    memcpy(buf, fds[fd - FD0].triple, size);
    return (ssize_t)size;
}

static int fake_close(int fd)
{
    assert_true(fd >= FD0 && fds[fd - FD0].open);
    fds[fd - FD0].open = false;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    memset(fds, 0, sizeof(fds));
    opened = 0;
    pmu = true;
    refuse_late = false;
    fail_read = -1;
    return 0;
}

static unsigned still_open(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < opened; i++)
        n += fds[i].open;
    return n;
}

/* The descriptors of slot 0's events are the last ones. */
static void set(unsigned event, unsigned of, uint64_t value, uint64_t enabled, uint64_t running)
{
    uint64_t *t = fds[opened - of + event].triple;
    t[0] = value;
    t[1] = enabled;
    t[2] = running;
}

static void test_scale(void **state)
{
    static const struct {
        struct counter_reading r;
        struct counter_figure f;
    } t[] = {
        {{1000, 50, 50, false}, {true, 1000, 1}},
        {{0, 50, 50, false}, {true, 0, 1}},    /* counted, and there was none */
        {{0, 0, 0, false}, {true, 0, 1}},      /* the thread did not run */
        {{0, 50, 0, false}, {false, 0, 0}},    /* never scheduled: no figure */
        {{1000, 50, 50, true}, {false, 0, 0}}, /* not to be had */
        {{1000, 80, 20, false}, {true, 4000, 0.25}},
        {{1, 3, 1, false}, {true, 3, 1.0 / 3}},
        {{7, 20, 21, false}, {true, 7, 1}}, /* read at slightly different moments */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct counter_figure f = counter_scale(&t[i].r);
        assert_int_equal(f.known, t[i].f.known);
        assert_int_equal(f.value, t[i].f.value);
        assert_true(f.share == t[i].f.share);
    }
}

static void test_difference_and_sum(void **state)
{
    struct counter_reading a = {100, 10, 10, false}, b = {600, 110, 60, false}, gone = {0};
    (void)state;
    struct counter_reading d = counter_between(&a, &b), sum = d;
    struct counter_figure f = counter_scale(&d);
    assert_int_equal(f.value, 1000); /* 500 in half of the time; the first 10 ns have no say */
    assert_true(f.share == 0.5);
    counter_add(&sum, &a);
    assert_int_equal(sum.value, 600);
    assert_int_equal(sum.wanted_ns, 110);
    assert_int_equal(sum.counted_ns, 60);
    gone.missing = true;
    counter_add(&sum, &gone);
    assert_false(counter_scale(&sum).known);
    d = counter_between(&gone, &b);
    assert_false(counter_scale(&d).known);
}

/* Two events share a group, the third has no room there and stands alone, software by itself. */
static void test_groups(void **state)
{
    struct counters *c;
    (void)state;
    assert_int_equal(counters_create(&c,
                                     "PERF_COUNT_HW_CPU_CYCLES,PERF_COUNT_HW_INSTRUCTIONS,"
                                     "PERF_COUNT_HW_BRANCH_MISSES,PERF_COUNT_SW_TASK_CLOCK",
                                     1),
                     0);
    assert_string_equal(counters_note(c), "");
    assert_int_equal(counters_count(c), 4);
    assert_string_equal(counters_source(c, 0), "hardware");
    assert_string_equal(counters_source(c, 3), "software");
    assert_int_equal(still_open(), 0); /* the probes are closed */
    counters_thread_begin(c, 0);
    assert_int_equal(fds[opened - 4].leader, -1);
    assert_int_equal(fds[opened - 3].leader, FD0 + (int)opened - 4);
    assert_int_equal(fds[opened - 2].leader, -1);
    assert_int_equal(fds[opened - 1].leader, -1);
    assert_false(fds[opened - 4].inherit);
    counters_thread_end(c, 0);
    assert_int_equal(still_open(), 0);
    counters_follow(c);
    counters_thread_begin(c, 0);
    assert_true(fds[opened - 4].inherit && fds[opened - 1].inherit);
    counters_thread_end(c, 0);
    counters_destroy(c);
}

static void test_multiplexed(void **state)
{
    struct counters *c;
    struct counter_reading from[COUNTERS_MAX], to[COUNTERS_MAX], d;
    struct counter_figure f;
    (void)state;
    assert_int_equal(counters_create(&c, "PERF_COUNT_HW_CPU_CYCLES,PERF_COUNT_HW_INSTRUCTIONS", 1),
                     0);
    counters_thread_begin(c, 0);
    set(0, 2, 5000, 1000, 1000);
    set(1, 2, 700, 1000, 0);
    counters_read(c, 0, from);
    set(0, 2, 8000, 2000, 1500);
    set(1, 2, 700, 2000, 0);
    counters_read(c, 0, to);
    d = counter_between(&from[0], &to[0]);
    f = counter_scale(&d);
    assert_int_equal(f.value, 6000); /* 3000 in 500 of 1000 ns */
    assert_true(f.share == 0.5);
    d = counter_between(&from[1], &to[1]);
    assert_false(counter_scale(&d).known);

    /* Two periods of a slot add up raw. */
    counters_thread_end(c, 0);
    f = counters_value(c, 0, 0);
    assert_int_equal(f.value, 10667); /* 8000 in 1500 of 2000 */
    counters_thread_begin(c, 0);
    set(0, 2, 2000, 1000, 1000);
    set(1, 2, 4, 1000, 250);
    counters_read(c, 0, to);
    assert_int_equal(to[0].value, 10000);
    assert_int_equal(to[0].counted_ns, 2500);
    counters_thread_end(c, 0);
    f = counters_value(c, 0, 1);
    assert_true(f.known);
    assert_int_equal(f.value, 8448); /* 704 in 250 of 3000 */
    counters_destroy(c);
}

/* A period ends and the next begins without opening anything anew. */
static void test_next_period(void **state)
{
    struct counters *c;
    struct counter_reading r[COUNTERS_MAX];
    (void)state;
    assert_int_equal(counters_create(&c, "PERF_COUNT_HW_CPU_CYCLES", 1), 0);
    counters_thread_begin(c, 0);
    unsigned before = opened;
    set(0, 1, 100, 10, 10);
    counters_thread_next(c, 0);
    assert_int_equal(counters_value(c, 0, 0).value, 100);
    set(0, 1, 180, 30, 20);
    counters_read(c, 0, r);
    assert_int_equal(r[0].value, 180);
    assert_int_equal(r[0].counted_ns, 20);
    assert_int_equal(counters_value(c, 0, 0).value, 100);
    counters_thread_end(c, 0);
    assert_int_equal(counters_value(c, 0, 0).value, 270); /* 180 in 20 of 30 */
    assert_int_equal(opened, before);
    assert_int_equal(still_open(), 0);
    counters_destroy(c);
}

/* What cannot be opened or read for one thread has no figure there, and none in a sum. */
static void test_missing_for_a_thread(void **state)
{
    struct counters *c;
    struct counter_reading r[COUNTERS_MAX];
    (void)state;
    assert_int_equal(counters_create(&c, "PERF_COUNT_HW_CPU_CYCLES,PERF_COUNT_SW_TASK_CLOCK", 2),
                     0);
    refuse_late = true;
    counters_thread_begin(c, 0);
    counters_read(c, 0, r);
    assert_true(r[0].missing);
    assert_false(r[1].missing);
    counters_thread_end(c, 0);
    assert_false(counters_value(c, 0, 0).known);
    assert_true(counters_value(c, 0, 1).known);
    refuse_late = false;
    counters_thread_begin(c, 1);
    fail_read = FD0 + (int)opened - 2;
    counters_thread_end(c, 1);
    assert_false(counters_value(c, 1, 0).known);
    counters_destroy(c);
}

static void test_no_pmu(void **state)
{
    struct counters *c;
    char why[64];
    (void)state;
    pmu = false;
    assert_int_equal(counters_create(&c, "PERF_COUNT_HW_CPU_CYCLES", 1), 0);
    assert_non_null(strstr(counters_note(c), "PERF_COUNT_HW_CPU_CYCLES cannot be counted here"));
    for (unsigned i = 0; i < counters_count(c); i++)
        assert_string_equal(counters_source(c, i), "software");
    counters_destroy(c);
    assert_false(counters_hardware(why, sizeof(why)));
    assert_string_not_equal(why, "");
    pmu = true;
    assert_true(counters_hardware(why, sizeof(why)));
    assert_string_equal(why, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_difference_and_sum),
        cmocka_unit_test_setup(test_groups, setup),
        cmocka_unit_test_setup(test_multiplexed, setup),
        cmocka_unit_test_setup(test_next_period, setup),
        cmocka_unit_test_setup(test_missing_for_a_thread, setup),
        cmocka_unit_test_setup(test_no_pmu, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
