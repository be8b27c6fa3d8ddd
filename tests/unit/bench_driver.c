/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the workloads, with workloads of its own: what it selects and prints, and that what
 * is wrong ends it: a check that does not hold, a checksum that changes, an arena that is too
 * small.
 */
#include "bench/guest/driver.c"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char output[16384], errors[1024];
static jmp_buf left;
static uint64_t now; /* atomic */
static bool counts, measuring;
static unsigned measured;

static void add_text(char *to, size_t size, const char *fmt, va_list ap)
{
    size_t n = strlen(to);
    vsnprintf(to + n, size - n, fmt, ap);
}

void platform_print(const char *fmt, ...)
{
    va_list ap;

    assert_false(measuring);

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
    return __atomic_load_n(&now, __ATOMIC_RELAXED);
}

void platform_measure(bool begin)
{
    assert_true(begin != measuring);
    measuring = begin;
    measured += begin;
}

uint64_t platform_clock_ns(void)
{
    return 7;
}

bool platform_instructions(uint64_t *n)
{
    *n = 2 * platform_now_ns();
    return counts;
}

void harts_relax(unsigned *spins)
{
    ++*spins;
    sched_yield();
}

struct member {
    pthread_t thread;
    void (*fn)(void *arg, unsigned hart);
    void *arg;
    unsigned hart;
};

static void *member_main(void *arg)
{
    struct member *m = arg;
    m->fn(m->arg, m->hart);
    return NULL;
}

void platform_harts_run(unsigned harts, void (*fn)(void *arg, unsigned hart), void *arg)
{
    struct member m[WORKLOAD_HARTS_MAX];
    for (unsigned h = 1; h < harts; h++) {
        m[h] = (struct member){0, fn, arg, h};
        assert_int_equal(pthread_create(&m[h].thread, NULL, member_main, &m[h]), 0);
    }
    fn(arg, 0);
    for (unsigned h = 1; h < harts; h++)
        assert_int_equal(pthread_join(m[h].thread, NULL), 0);
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
    assert_true(measuring);
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

/* ---- for several harts ---- */

struct shared {
    unsigned harts, turns[WORKLOAD_HARTS_MAX];
    unsigned inside; /* atomic: harts that are in the iteration; all of them meet there */
};

static void *team_setup(struct arena *a, unsigned harts)
{
    struct shared *s = ARENA_NEW(a, struct shared, 1);
    memset(s, 0, sizeof(*s));
    s->harts = harts;
    return s;
}

/* Ends only when all harts are in their iteration of the same number. */
static void meet(struct shared *s, unsigned hart)
{
    unsigned turn = ++s->turns[hart];
    __atomic_fetch_add(&s->inside, 1, __ATOMIC_RELEASE);
    for (unsigned spins = 0; __atomic_load_n(&s->inside, __ATOMIC_ACQUIRE) < turn * s->harts;)
        harts_relax(&spins);
    for (unsigned h = 0; h < s->harts; h++)
        if (__atomic_load_n(&s->turns[h], __ATOMIC_RELAXED) < turn)
            workload_require(false, "a hart is behind");
}

/* Each hart takes as long as its number says, one after the other. */
static uint64_t team_run(void *state, unsigned hart)
{
    struct shared *s = state;
    workload_require(measuring, "an iteration outside of what is measured");
    meet(s, hart);
    __atomic_fetch_add(&now, 100, __ATOMIC_RELAXED);
    return hart + 1;
}

static uint64_t team_changing_run(void *state, unsigned hart)
{
    struct shared *s = state;
    meet(s, hart);
    return hart == 1 ? s->turns[hart] / 3 : 0;
}

#define ONE(name_, group_, description_, operations_, setup_, run_)                                \
    {                                                                                              \
        .name = name_, .group = group_, .unit = "things", .description = description_,             \
        .operations = operations_, .setup = setup_, .run = run_, .where = WORKLOAD_ANYWHERE        \
    }
#define TEAM(name_, run_, where_)                                                                  \
    {                                                                                              \
        .name = name_, .group = "teams", .unit = "turns", .description = "all harts",              \
        .operations = 3, .setup_harts = team_setup, .run_harts = run_, .where = where_             \
    }

static const struct workload table[] = {
    ONE("good", "some", "does well", 5, good_setup, good_run),
    ONE("goods", "some", "does well, too", 6, good_setup, good_run),
    ONE("wrong", "other", "does not hold", 1, wrong_setup, good_run),
    ONE("changing", "other", "changes", 1, good_setup, changing_run),
    ONE("large", "other", "needs too much", 1, large_setup, good_run),
    ONE("huge", "other", "needs more than that", 1, huge_setup, good_run),
    TEAM("team", team_run, WORKLOAD_HARTS),
    TEAM("team_changing", team_changing_run, WORKLOAD_GUEST_HARTS),
};

/* The code that driver_run() returns, or 100 more than that with which it ended the program. */
static int run_on(unsigned harts, const char *selection, uint64_t iterations)
{
    static _Alignas(64) unsigned char memory[960];

    output[0] = errors[0] = 0;
    now = measured = 0;
    measuring = false;
    int code = setjmp(left);
    return code ? code
                : driver_run(table, sizeof(table) / sizeof(table[0]), selection, iterations, harts,
                             memory, sizeof(memory));
}

static int run(const char *selection, uint64_t iterations)
{
    return run_on(1, selection, iterations);
}

static void test_iterations(void **state)
{
    (void)state;
    counts = true;
    assert_int_equal(run("good", 2), DRIVER_OK);
    assert_string_equal(output, "workload good group some unit things operations 5 clock_ns 7\n"
                                "iteration 0 ns 1000 instructions 2000 checksum abc\n"
                                "iteration 1 ns 1001 instructions 2002 checksum abc\n");
    assert_int_equal(measured, 2);
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
        strstr(output, "goods            some               6 things      does well, too\n"));
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

/* Is in no group, not in the list, and not in all. */
static void test_empty(void **state)
{
    (void)state;
    counts = false;
    assert_int_equal(run("empty", 2), DRIVER_OK);
    assert_string_equal(output, "workload empty group none unit nothing operations 1 clock_ns 7\n"
                                "iteration 0 ns 0 instructions - checksum 0\n"
                                "iteration 1 ns 0 instructions - checksum 0\n");
    assert_int_equal(measured, 2);
    assert_int_equal(run("list", 0), DRIVER_OK);
    assert_null(strstr(output, "empty"));
    assert_int_equal(run("none", 1), DRIVER_USAGE);
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

/* Whatever was first: time is up to the end of the last, checksums and instructions of all. */
static void test_team(void **state)
{
    (void)state;
    counts = false;
    for (unsigned harts = 1; harts <= 8; harts++) {
        char line[128];
        assert_int_equal(run_on(harts, "team", 50), DRIVER_OK);
        snprintf(line, sizeof(line),
                 "workload team group teams unit turns operations 3 clock_ns 7 harts %u\n", harts);
        assert_ptr_equal(strstr(output, line), output);
        for (unsigned i = 0; i < 50; i++) {
            snprintf(line, sizeof(line), "iteration %u ns %u instructions - checksum %x\n", i,
                     100 * harts, harts * (harts + 1) / 2);
            assert_non_null(strstr(output, line));
        }
        assert_string_equal(errors, "");
    }
}

static void test_team_counts(void **state)
{
    (void)state;
    counts = true;
    assert_int_equal(run_on(1, "team", 1), DRIVER_OK);
    assert_non_null(strstr(output, "iteration 0 ns 100 instructions 200 checksum 1\n"));
}

/* The others do not stay behind. */
static void test_team_wrong(void **state)
{
    (void)state;
    for (unsigned harts = 2; harts <= 8; harts++) {
        assert_int_equal(run_on(harts, "team_changing", 6), DRIVER_FAILED);
        assert_string_equal(
            errors,
            "bench: team_changing: wrong: iteration 2 has another checksum than the first\n");
        assert_null(strstr(output, "iteration 3"));
    }
}

/* One for a single hart is the same on any number of them. */
static void test_team_size(void **state)
{
    (void)state;
    assert_int_equal(run_on(0, "team", 1), DRIVER_USAGE);
    assert_string_equal(errors, "bench: team: harts: a number from 1 to 64\n");
    assert_int_equal(run_on(65, "team", 1), DRIVER_USAGE);
    assert_string_equal(output, "");
    assert_int_equal(run_on(65, "good", 1), DRIVER_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_iterations),
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_number_of_iterations),
        cmocka_unit_test(test_wrong_results),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_team),
        cmocka_unit_test(test_team_counts),
        cmocka_unit_test(test_team_wrong),
        cmocka_unit_test(test_team_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
