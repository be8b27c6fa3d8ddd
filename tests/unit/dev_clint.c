/* SPDX-License-Identifier: Apache-2.0 */
/* dev/clint.c: registers of every width, software interrupts, the timer's firing and clearing. */
#include "tests/unit/dev_double.h"

#include "dev/clint.h"

struct fixture {
    struct machine_double *m;
    struct dev *d;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->m = double_create();
    assert_int_equal(
        dev_create(&f->d, &clint_type, &f->m->env, "clint0", CLINT_BASE, NULL, 0, NULL), 0);
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

static void software_interrupt_of_each_hart(void **state)
{
    struct fixture *f = *state;
    for (unsigned h = 0; h < DOUBLE_HARTS; h++) {
        double_write(f->m, CLINT_BASE + 4 * h, 4, 0xffffffff);
        assert_int_equal(double_read(f->m, CLINT_BASE + 4 * h, 4), 1);
        for (unsigned i = 0; i < DOUBLE_HARTS; i++)
            assert_int_equal(DOUBLE_HART(f->m, i, HART_IRQ_MSIP), i == h);
        double_write(f->m, CLINT_BASE + 4 * h, 4, 0xfffffffe);
        assert_int_equal(DOUBLE_HART(f->m, h, HART_IRQ_MSIP), 0);
    }
}

static void registers_of_absent_harts_read_zero(void **state)
{
    struct fixture *f = *state;
    double_write(f->m, CLINT_BASE + 4 * DOUBLE_HARTS, 4, 1);
    double_write(f->m, CLINT_BASE + 0x4000 + 8 * DOUBLE_HARTS, 8, 1);
    assert_int_equal(double_read(f->m, CLINT_BASE + 4 * DOUBLE_HARTS, 4), 0);
    assert_int_equal(double_read(f->m, CLINT_BASE + 0x4000 + 8 * DOUBLE_HARTS, 8), 0);
    assert_int_equal(double_read(f->m, CLINT_BASE + 0xc000, 8), 0);
}

static void odd_widths_are_not_decoded(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t offset;
        unsigned size;
    } bad[] = {{0, 1}, {0, 2}, {0, 8}, {2, 4}, {0x4000, 2}, {0x4004, 8}, {0xbff8, 1}};
    uint64_t v;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(mmio_read(f->m->env.mmio, CLINT_BASE + bad[i].offset, bad[i].size, &v));
        assert_false(mmio_write(f->m->env.mmio, CLINT_BASE + bad[i].offset, bad[i].size, 0));
    }
}

static void halves_of_mtimecmp(void **state)
{
    struct fixture *f = *state;
    gpa_t cmp = CLINT_BASE + 0x4008;
    assert_int_equal(double_read(f->m, cmp, 8), UINT64_MAX);
    double_write(f->m, cmp + 4, 4, 0x7fffffff);
    double_write(f->m, cmp, 4, 0x12345678);
    assert_int_equal(double_read(f->m, cmp, 8), 0x7fffffff12345678);
    assert_int_equal(double_read(f->m, cmp, 4), 0x12345678);
    assert_int_equal(double_read(f->m, cmp + 4, 4), 0x7fffffff);
}

static void timer_fires_and_clears(void **state)
{
    struct fixture *f = *state;
    gpa_t cmp = CLINT_BASE + 0x4000 + 8 * 2;
    uint64_t now = double_read(f->m, CLINT_BASE + 0xbff8, 8), now_ns = clock_now_ns();
    double_write(f->m, cmp, 8, now + 1000000); /* 100 ms */
    assert_int_equal(DOUBLE_HART(f->m, 2, HART_IRQ_MTIP), 0);
    /* Who waits for it knows when; looking too early changes nothing. */
    clint_look(f->d, 2);
    assert_int_equal(DOUBLE_HART(f->m, 2, HART_IRQ_MTIP), 0);
    assert_in_range(load_acquire(&f->m->due_ns[2]), now_ns + 50000000, now_ns + 150000000);
    assert_int_equal(load_acquire(&f->m->due_ns[1]), UINT64_MAX);
    DOUBLE_WAIT_FOR(DOUBLE_HART(f->m, 2, HART_IRQ_MTIP));
    DOUBLE_WAIT_FOR(load_acquire(&f->m->due_ns[2]) == UINT64_MAX);
    assert_true(double_read(f->m, CLINT_BASE + 0xbff8, 8) >= now + 1000000);
    assert_int_equal(DOUBLE_HART(f->m, 1, HART_IRQ_MTIP), 0);
    double_write(f->m, cmp, 8, UINT64_MAX);
    assert_int_equal(DOUBLE_HART(f->m, 2, HART_IRQ_MTIP), 0);
}

static void timer_in_the_past_fires_at_once(void **state)
{
    struct fixture *f = *state;
    double_write(f->m, CLINT_BASE + 0x4000, 8, 0);
    assert_int_equal(DOUBLE_HART(f->m, 0, HART_IRQ_MTIP), 1);
}

static void timer_put_off_does_not_fire(void **state)
{
    struct fixture *f = *state;
    gpa_t cmp = CLINT_BASE + 0x4000;
    uint64_t now = double_read(f->m, CLINT_BASE + 0xbff8, 8);
    double_write(f->m, cmp, 8, now + 100000);
    double_write(f->m, cmp, 8, now + 10000000000ull);
    usleep(30000);
    assert_int_equal(DOUBLE_HART(f->m, 0, HART_IRQ_MTIP), 0);
}

static void writing_mtime_moves_the_deadline(void **state)
{
    struct fixture *f = *state;
    double_write(f->m, CLINT_BASE + 0x4000, 8, 5000000000000ull);
    assert_int_equal(DOUBLE_HART(f->m, 0, HART_IRQ_MTIP), 0);
    double_write(f->m, CLINT_BASE + 0xbff8, 8, 5000000000000ull);
    assert_int_equal(DOUBLE_HART(f->m, 0, HART_IRQ_MTIP), 1);
    double_write(f->m, CLINT_BASE + 0xbff8, 8, 0);
    assert_int_equal(DOUBLE_HART(f->m, 0, HART_IRQ_MTIP), 0);
    assert_true(double_read(f->m, CLINT_BASE + 0xbff8, 8) < 100000000);
}

static void save_and_load(void **state)
{
    struct fixture *f = *state;
    int need = f->d->type->save(f->d, NULL, 0);
    assert_true(need > 0);
    void *buf = malloc((size_t)need);
    double_write(f->m, CLINT_BASE + 0x4008, 8, 77ull << 40);
    double_write(f->m, CLINT_BASE + 12, 4, 1);
    assert_int_equal(f->d->type->save(f->d, buf, (size_t)need - 1), -ENOSPC);
    assert_int_equal(f->d->type->save(f->d, buf, (size_t)need), need);
    dev_reset(f->d);
    assert_int_equal(DOUBLE_HART(f->m, 3, HART_IRQ_MSIP), 0);
    assert_int_equal(double_read(f->m, CLINT_BASE + 0x4008, 8), UINT64_MAX);
    assert_int_equal(f->d->type->load(f->d, buf, (size_t)need), 0);
    assert_int_equal(double_read(f->m, CLINT_BASE + 0x4008, 8), 77ull << 40);
    assert_int_equal(DOUBLE_HART(f->m, 3, HART_IRQ_MSIP), 1);
    assert_int_equal(f->d->type->load(f->d, buf, 10), -EINVAL);
    memset(buf, 'x', 8);
    assert_int_equal(f->d->type->load(f->d, buf, (size_t)need), -EINVAL);
    free(buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(software_interrupt_of_each_hart, setup, teardown),
        cmocka_unit_test_setup_teardown(registers_of_absent_harts_read_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_widths_are_not_decoded, setup, teardown),
        cmocka_unit_test_setup_teardown(halves_of_mtimecmp, setup, teardown),
        cmocka_unit_test_setup_teardown(timer_fires_and_clears, setup, teardown),
        cmocka_unit_test_setup_teardown(timer_in_the_past_fires_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(timer_put_off_does_not_fire, setup, teardown),
        cmocka_unit_test_setup_teardown(writing_mtime_moves_the_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(save_and_load, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
