/* SPDX-License-Identifier: Apache-2.0 */
/* dev/rtc_goldfish.c: the latch, setting the time, alarm and interrupt. */
#include "tests/unit/dev_double.h"

#include "dev/rtc_goldfish.h"

enum { TIME_LOW = 0, TIME_HIGH = 4, ALARM_LOW = 8, ALARM_HIGH = 12, IRQ_ENABLED = 16 };
enum { CLEAR_ALARM = 20, ALARM_STATUS = 24, CLEAR_INTERRUPT = 28 };
enum { IRQ = RTC_GOLDFISH_IRQ };

struct fixture {
    struct machine_double *m;
    struct dev *d;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->m = double_create();
    struct irq_line line = double_line(f->m, IRQ);
    assert_int_equal(dev_create(&f->d, &rtc_goldfish_type, &f->m->env, "rtc0", RTC_GOLDFISH_BASE,
                                &line, IRQ, NULL),
                     0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dev_destroy(f->d);
    double_destroy(f->m);
    free(f);
    return 0;
}

static uint64_t rd(struct fixture *f, unsigned reg)
{
    return double_read(f->m, RTC_GOLDFISH_BASE + reg, 4);
}

static void wr(struct fixture *f, unsigned reg, uint64_t value)
{
    double_write(f->m, RTC_GOLDFISH_BASE + reg, 4, (uint32_t)value);
}

static uint64_t now_ns(struct fixture *f)
{
    uint64_t low = rd(f, TIME_LOW);
    return low | rd(f, TIME_HIGH) << 32;
}

static void set_alarm(struct fixture *f, uint64_t ns)
{
    wr(f, ALARM_HIGH, ns >> 32);
    wr(f, ALARM_LOW, ns);
}

static void tells_the_wall_clock(void **state)
{
    struct fixture *f = *state;
    uint64_t before = clock_wall_ns(), t = now_ns(f), after = clock_wall_ns();
    assert_in_range(t, before, after);
    uint64_t high = rd(f, TIME_HIGH); /* latched: stays though time goes on */
    usleep(1000);
    assert_int_equal(rd(f, TIME_HIGH), high);
}

static void time_can_be_set(void **state)
{
    struct fixture *f = *state;
    uint64_t t = 1000000000ull * NS_PER_SEC;
    wr(f, TIME_HIGH, t >> 32);
    wr(f, TIME_LOW, t);
    assert_in_range(now_ns(f), t, t + 5 * NS_PER_SEC);
    dev_reset(f->d);
    assert_in_range(now_ns(f), t, t + 5 * NS_PER_SEC);
}

static void alarm_fires_once_and_clears(void **state)
{
    struct fixture *f = *state;
    wr(f, IRQ_ENABLED, 1);
    set_alarm(f, now_ns(f) + 20000000);
    assert_int_equal(rd(f, ALARM_STATUS), 1);
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 0);
    DOUBLE_WAIT_FOR(DOUBLE_LINE(f->m, IRQ));
    assert_int_equal(rd(f, ALARM_STATUS), 0);
    wr(f, CLEAR_INTERRUPT, 1);
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 0);
    assert_int_equal(load_acquire(&f->m->line_rises[IRQ]), 1);
}

static void alarm_in_the_past_waits_for_enable(void **state)
{
    struct fixture *f = *state;
    set_alarm(f, 1);
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 0);
    wr(f, IRQ_ENABLED, 1);
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 1);
    wr(f, IRQ_ENABLED, 0);
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 0);
}

static void cleared_alarm_is_silent(void **state)
{
    struct fixture *f = *state;
    wr(f, IRQ_ENABLED, 1);
    set_alarm(f, now_ns(f) + 10000000);
    wr(f, CLEAR_ALARM, 1);
    usleep(30000);
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 0);
    assert_int_equal(rd(f, ALARM_STATUS), 0);
    set_alarm(f, UINT64_MAX); /* never, and no overflow */
    usleep(1000);
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 0);
}

static void only_words_are_decoded(void **state)
{
    struct fixture *f = *state;
    uint64_t v;
    assert_false(mmio_read(f->m->env.mmio, RTC_GOLDFISH_BASE, 8, &v));
    assert_false(mmio_read(f->m->env.mmio, RTC_GOLDFISH_BASE + 1, 1, &v));
    assert_int_equal(rd(f, 0xffc), 0);
}

static void save_and_load(void **state)
{
    struct fixture *f = *state;
    char buf[256];
    wr(f, IRQ_ENABLED, 1);
    set_alarm(f, 1);
    int n = f->d->type->save(f->d, buf, sizeof(buf));
    assert_true(n > 0);
    dev_reset(f->d);
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 0);
    assert_int_equal(f->d->type->load(f->d, buf, (size_t)n), 0);
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_the_wall_clock, setup, teardown),
        cmocka_unit_test_setup_teardown(time_can_be_set, setup, teardown),
        cmocka_unit_test_setup_teardown(alarm_fires_once_and_clears, setup, teardown),
        cmocka_unit_test_setup_teardown(alarm_in_the_past_waits_for_enable, setup, teardown),
        cmocka_unit_test_setup_teardown(cleared_alarm_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(only_words_are_decoded, setup, teardown),
        cmocka_unit_test_setup_teardown(save_and_load, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
