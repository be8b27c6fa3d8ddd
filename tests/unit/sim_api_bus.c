/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/api_bus.c: further windows, overlaps, who answers, devices that go. */
#include "tests/unit/sim_program.h"

#include <errno.h>

#define AT(x) ((mh_gpa){x})
#define MINE  0x40000000ull
#define CLINT 0x2000000ull

static const char *const endless[] = {"jal zero,0x80000000", NULL};
/* Reads the word that a0 points to into a1. */
static const char *const reading[] = {"lw a1,4(a0)", "jal zero,0x80000000", NULL};

static int scratch_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)opaque;
    *value = offset * 256 + size;
    return 0;
}

static const struct mh_device_ops scratch = {.type = MH_DEVICE_CUSTOM, .read = scratch_read};

static struct mh_machine *make(const char *const *lines)
{
    static struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    program_make(&p, lines);
    program_config(&cfg, &p);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_devices_register(m, "scratch", &scratch, NULL, AT(MINE), 0x100, 0), 0);
    return m;
}

static void test_window(void **state)
{
    struct mh_machine *m = make(endless);
    struct mh_bus_place p;
    uint64_t v;
    (void)state;
    assert_int_equal(mh_bus_translate(m, AT(MINE + 8), &p), 0);
    assert_string_equal(p.device, "scratch");
    assert_int_equal(p.offset, 8);
    assert_int_equal(p.size, 0x100);
    assert_int_equal(mh_bus_translate(m, AT(0x50000010), &p), -ENOENT);
    assert_int_equal(mh_bus_map(m, "scratch", AT(0x50000000), 0x40), 0);
    assert_int_equal(mh_bus_translate(m, AT(0x50000010), &p), 0);
    assert_string_equal(p.device, "scratch");
    assert_int_equal(p.base.v, 0x50000000);
    assert_int_equal(p.offset, 0x10);
    assert_int_equal(mh_devices_read(m, AT(0x50000010), 4, &v), 0);
    assert_int_equal(v, 0x1004);
    assert_int_equal(mh_devices_read(m, AT(0x50000040), 4, &v), -EFAULT);
    assert_int_equal(mh_bus_unmap(m, AT(0x50000000)), 0);
    assert_int_equal(mh_devices_read(m, AT(0x50000010), 4, &v), -EFAULT);
    assert_int_equal(mh_devices_read(m, AT(MINE + 0x10), 4, &v), 0);
    mh_machine_destroy(m);
}

static void test_refusals(void **state)
{
    struct mh_machine *m = make(endless);
    (void)state;
    assert_int_equal(mh_bus_map(m, "scratch", AT(CLINT + 0x100), 0x10), -EEXIST);
    assert_non_null(strstr(mh_last_error()->message, "clint0"));
    assert_non_null(strstr(mh_last_error()->message, "scratch"));
    assert_int_equal(mh_bus_map(m, "scratch", AT(PROGRAM_BASE), 0x10), -EEXIST);
    assert_non_null(strstr(mh_last_error()->message, "RAM"));
    assert_int_equal(mh_bus_map(m, "scratch", AT(0x50000000), 0x101), -EINVAL);
    assert_int_equal(mh_bus_map(m, "scratch", AT(0x50000000), 0), -EINVAL);
    assert_int_equal(mh_bus_map(m, "scratch", AT(UINT64_MAX - 3), 0x10), -EINVAL);
    assert_int_equal(mh_bus_map(m, "teapot", AT(0x50000000), 0x10), -ENOENT);
    assert_int_equal(mh_bus_unmap(m, AT(CLINT)), -EPERM);
    assert_int_equal(mh_bus_unmap(m, AT(0x50000000)), -ENOENT);
    mh_machine_destroy(m);
}

/* A window goes with its device, and with the machine. */
static void test_device_goes(void **state)
{
    struct mh_machine *m = make(endless);
    struct mh_bus_place p;
    (void)state;
    assert_int_equal(mh_bus_map(m, "scratch", AT(0x50000000), 0x100), 0);
    assert_int_equal(mh_bus_map(m, "clint0", AT(0x60000000), 0x100), 0);
    assert_int_equal(mh_devices_unregister(m, "scratch"), 0);
    assert_int_equal(mh_bus_translate(m, AT(0x50000000), &p), -ENOENT);
    assert_int_equal(mh_bus_translate(m, AT(0x60000000), &p), 0);
    mh_machine_destroy(m);
}

/* A hart that runs sees the window as soon as it is there, and can be stopped from. */
static void test_while_running(void **state)
{
    struct mh_machine *m = make(reading);
    struct mh_engine *e;
    uint64_t v;
    (void)state;
    assert_int_equal(mh_engine_create(&e, m, 0, NULL), 0);
    assert_int_equal(mh_engine_set_register(e, 10, MINE), 0);
    assert_int_equal(mh_machine_start(m), 0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(mh_bus_map(m, "scratch", AT(0x50000000), 0x100), 0);
        assert_int_equal(mh_bus_unmap(m, AT(0x50000000)), 0);
    }
    assert_int_equal(mh_bus_map(m, "scratch", AT(0x50000000), 0x100), 0);
    assert_int_equal(mh_machine_stop(m), 0);
    assert_int_equal(mh_engine_set_pc(e, (mh_gva){PROGRAM_BASE}), 0);
    assert_int_equal(mh_engine_set_register(e, 10, 0x50000020), 0);
    assert_int_equal(mh_engine_execute(e, 2, NULL), 0);
    assert_int_equal(mh_engine_get_register(e, 11, &v), 0);
    assert_int_equal(v, 0x2404);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_device_goes),
        cmocka_unit_test(test_while_running),
    };
    return cmocka_run_group_tests_name("sim_api_bus", tests, NULL, NULL);
}
