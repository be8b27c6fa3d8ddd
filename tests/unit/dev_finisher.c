/* SPDX-License-Identifier: Apache-2.0 */
/* dev/finisher.c: what each value asks of the machine. */
#include "tests/unit/dev_double.h"

#include "dev/finisher.h"

struct fixture {
    struct machine_double *m;
    struct dev *d;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->m = double_create();
    assert_int_equal(
        dev_create(&f->d, &finisher_type, &f->m->env, "test0", FINISHER_BASE, NULL, 0, NULL), 0);
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

static void values_and_their_exits(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t offset, value;
        unsigned size;
        int kind, code;
    } t[] = {
        {0, 0x5555, 4, MACHINE_POWEROFF, 0},
        {0, 0x5555, 2, MACHINE_POWEROFF, 0},
        {0, 0x7777, 4, MACHINE_REBOOT, 0},
        {0, 0x00013333, 4, MACHINE_FAIL, 1},
        {0, 0xffff3333, 4, MACHINE_FAIL, 0xffff},
        {0, 0x3333, 2, MACHINE_FAIL, 0},
        {0, 0, 4, -1, -1},
        {0, 0x1234, 4, -1, -1},
        {4, 0x5555, 4, -1, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        f->m->exit_kind = f->m->exit_code = -1;
        double_write(f->m, FINISHER_BASE + t[i].offset, t[i].size, t[i].value);
        assert_int_equal(f->m->exit_kind, t[i].kind);
        assert_int_equal(f->m->exit_code, t[i].code);
    }
    assert_int_equal(double_read(f->m, FINISHER_BASE, 4), 0);
    assert_false(mmio_write(f->m->env.mmio, FINISHER_BASE, 1, 0x55));
    assert_false(mmio_write(f->m->env.mmio, FINISHER_BASE, 8, 0x5555));
}

/* Only the whole words say so, and they ask for nothing else. */
static void measured_periods(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t offset, value;
        unsigned size;
        int begins, ends;
    } t[] = {
        {0, FINISHER_MEASURE_BEGIN, 4, 1, 0},
        {0, FINISHER_MEASURE_END, 4, 1, 1},
        {0, FINISHER_MEASURE_BEGIN & 0xffff, 2, 1, 1},
        {0, 0x00034d48, 4, 1, 1},
        {0, 0x00004d48, 4, 1, 1},
        {4, FINISHER_MEASURE_BEGIN, 4, 1, 1},
        {0, FINISHER_MEASURE_END, 4, 1, 2},
    };
    f->m->exit_kind = -1;
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        double_write(f->m, FINISHER_BASE + t[i].offset, t[i].size, t[i].value);
        assert_int_equal(f->m->begins, t[i].begins);
        assert_int_equal(f->m->ends, t[i].ends);
    }
    assert_int_equal(f->m->exit_kind, -1);
    f->m->env.measure = NULL;
    double_write(f->m, FINISHER_BASE, 4, FINISHER_MEASURE_BEGIN);
    assert_int_equal(f->m->begins, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_and_their_exits, setup, teardown),
        cmocka_unit_test_setup_teardown(measured_periods, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
