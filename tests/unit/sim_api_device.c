/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/api_device.c: looking at devices, and a device of one's own that a guest uses. */
#include "tests/unit/sim_program.h"

#include "sim/base/atomic.h"
#include "sim/base/bits.h"
#include "sim/machine.h"

#include <errno.h>
#include <libfdt.h>

#define BASE 0x20000000ull

/* Writes 21 to the device, reads it back doubled and ends with that; a read of offset 8 faults. */
static const char *const lines[] = {"lui t0,0x20000", "addi t1,zero,21",     "sw t1,4(t0)",
                                    "lw a5,4(t0)",    "lui t0,0x80001",      "slli t0,t0,32",
                                    "srli t0,t0,32",  "slli a5,a5,1",        "addi a5,a5,1",
                                    "sd a5,0(t0)",    "jal zero,0x80000028", NULL};

struct doubler {
    uint64_t value;
    unsigned resets;
};

static int doubler_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct doubler *d = opaque;
    if (offset != 4 || size != 4)
        return -EINVAL;
    *value = d->value * 2;
    return 0;
}

static int doubler_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct doubler *d = opaque;
    if (offset != 4 || size != 4)
        return -EINVAL;
    d->value = value;
    return 0;
}

static void doubler_reset(void *opaque)
{
    ((struct doubler *)opaque)->resets++;
}

static const struct mh_device_ops ops = {MH_DEVICE_CUSTOM, "acme,doubler", doubler_read,
                                         doubler_write, doubler_reset};

static struct mh_machine *make(void)
{
    static struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    program_make(&p, lines);
    program_config(&cfg, &p);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    return m;
}

static void test_list(void **state)
{
    struct mh_machine *m = make();
    struct mh_device_info all[32], one;
    (void)state;
    size_t n = mh_devices_list(m, all, ARRAY_LEN(all));
    assert_int_equal(n, 13);
    assert_int_equal(mh_devices_list(m, NULL, 0), n);
    for (size_t i = 1; i < n; i++)
        assert_true(all[i].base.v > all[i - 1].base.v);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(mh_devices_find(m, all[i].name, &one), 0);
        assert_memory_equal(&one, &all[i], sizeof(one));
        assert_int_equal(one.status, MH_DEVICE_RUNNING);
    }
    assert_int_equal(mh_devices_find(m, "uart0", &one), 0);
    assert_int_equal(one.base.v, 0x10000000);
    assert_int_equal(one.irq, 10);
    assert_int_equal(one.type, MH_DEVICE_SERIAL);
    assert_int_equal(mh_devices_find(m, "uart1", &one), -ENOENT);
    mh_machine_destroy(m);
}

static void test_route(void **state)
{
    struct mh_machine *m = make();
    uint64_t v;
    (void)state;
    assert_int_equal(mh_devices_read(m, (mh_gpa){0x10001000}, 4, &v), 0);
    assert_int_equal(v, 0x74726976);                                         /* virtio's magic */
    assert_int_equal(mh_devices_write(m, (mh_gpa){0x10000007}, 1, 0x5a), 0); /* UART scratch */
    assert_int_equal(mh_devices_read(m, (mh_gpa){0x10000007}, 1, &v), 0);
    assert_int_equal(v, 0x5a);
    assert_int_equal(mh_devices_read(m, (mh_gpa){0x30000000}, 4, &v), -EFAULT);
    assert_int_equal(mh_devices_read(m, (mh_gpa){0x10001000}, 3, &v), -EINVAL);
    mh_machine_destroy(m);
}

static void test_own_device(void **state)
{
    struct mh_machine *m = make();
    struct doubler d = {0};
    struct mh_device_info info;
    struct mh_result r;
    (void)state;
    assert_int_equal(mh_devices_register(m, "doubler0", &ops, &d, (mh_gpa){BASE}, 0x1000, 40), 0);
    assert_int_equal(mh_devices_find(m, "doubler0", &info), 0);
    assert_int_equal(info.size, 0x1000);
    assert_int_equal(info.irq, 40);
    int node = fdt_path_offset(m->dtb, "/soc/doubler0@20000000");
    assert_true(node >= 0);
    assert_int_equal(fdt_node_check_compatible(m->dtb, node, "acme,doubler"), 0);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_devices_unregister(m, "doubler0"), -EBUSY);
    assert_int_equal(mh_machine_wait(m, UINT64_MAX, &r), 0);
    assert_int_equal(r.exit_code, 42);
    assert_int_equal(d.value, 21);
    uint64_t v;
    assert_int_equal(mh_devices_read(m, (mh_gpa){BASE + 8}, 4, &v), -EFAULT);
    mh_machine_destroy(m);
}

static void test_register_refuses(void **state)
{
    static const struct {
        const char *name;
        uint64_t base, size;
        unsigned irq;
        int rc;
        const char *says;
    } rows[] = {
        {"", BASE, 16, 0, -EINVAL, "letters"},
        {"a/b", BASE, 16, 0, -EINVAL, "letters"},
        {"a-name-that-is-longer-than-any-may-be", BASE, 16, 0, -EINVAL, "letters"},
        {"uart0", BASE, 16, 0, -EEXIST, "of that name"},
        {"x", BASE, 0, 0, -EINVAL, "window"},
        {"x", UINT64_MAX - 4, 16, 0, -EINVAL, "window"},
        {"x", 0x80000000, 16, 0, -EINVAL, "RAM"},
        {"x", 0x10000000, 16, 0, -EEXIST, "uart0"},
        {"x", BASE, 16, 96, -EINVAL, "1 to 95"},
        {"x", BASE, 16, 10, -EEXIST, "uart0"},
    };
    struct mh_machine *m = make();
    struct doubler d;
    size_t before = mh_devices_list(m, NULL, 0);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int rc = mh_devices_register(m, rows[i].name, &ops, &d, (mh_gpa){rows[i].base},
                                     rows[i].size, rows[i].irq);
        if (rc != rows[i].rc || !strstr(mh_last_error()->message, rows[i].says))
            fail_msg("row %zu: %d %s", i, rc, mh_last_error()->message);
    }
    assert_int_equal(mh_devices_list(m, NULL, 0), before);
    assert_int_equal(mh_devices_unregister(m, "uart0"), -EPERM);
    assert_int_equal(mh_devices_unregister(m, "x"), -ENOENT);
    mh_machine_destroy(m);
}

static void test_unregister(void **state)
{
    struct mh_machine *m = make();
    struct doubler d = {0};
    uint64_t v;
    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_int_equal(mh_devices_register(m, "d", &ops, &d, (mh_gpa){BASE}, 0x100, 0), 0);
        assert_int_equal(mh_devices_read(m, (mh_gpa){BASE + 4}, 4, &v), 0);
        assert_int_equal(mh_devices_interrupt(m, "d", true), -ENOENT);
        assert_int_equal(mh_devices_unregister(m, "d"), 0);
        assert_int_equal(mh_devices_read(m, (mh_gpa){BASE + 4}, 4, &v), -EFAULT);
        assert_int_equal(fdt_path_offset(m->dtb, "/soc/d@20000000"), -FDT_ERR_NOTFOUND);
    }
    mh_machine_destroy(m);
}

static void on_event(void *opaque, const struct mh_event *e)
{
    if (e->kind == MH_EVENT_INTERRUPT)
        store_release((unsigned *)opaque, e->u.interrupt.id);
}

/* The line reaches the PLIC's pending bits, and an observer. */
static void test_interrupt(void **state)
{
    struct mh_machine *m = make();
    struct doubler d = {0};
    unsigned seen = 0;
    uint64_t v;
    (void)state;
    assert_int_equal(mh_devices_register(m, "d", &ops, &d, (mh_gpa){BASE}, 0x100, 40), 0);
    assert_true(mh_subscribe(mh_machine_component(m), on_event, &seen) > 0);
    assert_int_equal(mh_devices_interrupt(m, "d", true), 0);
    assert_int_equal(mh_devices_read(m, (mh_gpa){0xc001004}, 4, &v), 0);
    assert_int_equal(v, 1u << (40 - 32));
    while (load_acquire(&seen) != 40)
        ;
    mh_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),       cmocka_unit_test(test_route),
        cmocka_unit_test(test_own_device), cmocka_unit_test(test_register_refuses),
        cmocka_unit_test(test_unregister), cmocka_unit_test(test_interrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
