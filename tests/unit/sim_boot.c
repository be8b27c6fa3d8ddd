/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/boot.c: where kernel, initrd, firmware and device tree come to
 * lie, what harts find in their registers, and that nothing overlaps.
 */
#include "sim/machine.h"

#include "tests/unit/sim_program.h"

#include <fcntl.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/mh-boot-XXXXXX";

static void write_file(const char *name, size_t size, uint8_t byte)
{
    uint8_t *data = malloc(size);
    memset(data, byte, size);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
    free(data);
}

static struct mh_machine *make(struct mh_vm_config *cfg)
{
    struct mh_machine *m;
    assert_int_equal(mh_machine_create(&m, cfg), 0);
    if (mh_machine_init(m))
        fail_msg("%s: %s", mh_last_error()->param, mh_last_error()->message);
    return m;
}

static void config(struct mh_vm_config *cfg, uint64_t memory)
{
    mh_config_default(cfg);
    cfg->harts = 2;
    cfg->memory_size = memory;
    cfg->console = "none";
    cfg->kernel = "kernel,raw";
}

static uint64_t chosen(const struct mh_machine *m, const char *prop)
{
    int len, node = fdt_path_offset(m->dtb, "/chosen");
    const fdt64_t *p = fdt_getprop(m->dtb, node, prop, &len);
    if (!p || len != 8)
        fail_msg("no /chosen/%s", prop);
    return fdt64_ld(p);
}

static void check_bytes(struct mh_machine *m, gpa_t at, size_t size, uint8_t byte)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(physmem_host(m->pm, at)[i], byte);
}

static void check_tree(struct mh_machine *m, uint64_t at)
{
    assert_true(physmem_contains(m->pm, at, m->dtb_size));
    assert_memory_equal(physmem_host(m->pm, at), m->dtb, m->dtb_size);
}

/* Kernel and initrd in memories from tight to beyond 3 GiB; all bytes are where they are said to
 * be. */
static void test_kernel_and_initrd(void **state)
{
    static const uint64_t sizes[] = {4ull << 20, 16ull << 20, 1ull << 30, 4ull << 30};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct mh_vm_config cfg;
        struct mh_hart_state h;
        config(&cfg, sizes[i]);
        cfg.initrd = "initrd";
        cfg.append = "quiet";
        struct mh_machine *m = make(&cfg);
        assert_int_equal(mh_hart_get_state(m, 0, &h), 0);
        assert_int_equal(h.pc, 0x80200000);
        assert_int_equal(h.x[10], 0);
        check_bytes(m, 0x80200000, 5000, 0x11);
        uint64_t start = chosen(m, "linux,initrd-start"), end = chosen(m, "linux,initrd-end");
        assert_int_equal(end - start, 70000);
        assert_true(end <= 0xc0000000);
        check_bytes(m, start, 70000, 0x22);
        check_tree(m, h.x[11]);
        assert_true(h.x[11] < 0xc0000000);
        mh_machine_destroy(m);
    }
}

/* OpenSBI, docs/firmware/fw_dynamic.md: a2 points to what firmware must know of the kernel. */
static void test_firmware(void **state)
{
    struct mh_vm_config cfg;
    struct mh_hart_state h;
    uint64_t info[6];
    (void)state;
    config(&cfg, 64 << 20);
    cfg.firmware = "firmware";
    struct mh_machine *m = make(&cfg);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(mh_hart_get_state(m, i, &h), 0);
        assert_int_equal(h.pc, 0x80000000);
        assert_int_equal(h.x[10], i);
        check_tree(m, h.x[11]);
    }
    check_bytes(m, 0x80000000, 3000, 0x33);
    check_bytes(m, 0x80200000, 5000, 0x11);
    assert_int_equal(physmem_read(m->pm, h.x[12], info, sizeof(info)), 0);
    assert_int_equal(info[0], 0x4942534f);
    assert_int_equal(info[1], 2);
    assert_int_equal(info[2], 0x80200000);
    assert_int_equal(info[3], 1);
    mh_machine_destroy(m);
}

static void test_too_small(void **state)
{
    static const struct {
        uint64_t memory;
        const char *initrd, *firmware, *param;
    } rows[] = {
        {1 << 20, NULL, NULL, "kernel"},
        {(2 << 20) + 8192, NULL, NULL, "memory"}, /* the device tree has no room */
        {4 << 20, "kernel-big", NULL, "initrd"},
        {16 << 20, NULL, "kernel-big", "firmware"}, /* reaches into the kernel */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mh_vm_config cfg;
        struct mh_machine *m;
        config(&cfg, rows[i].memory);
        cfg.initrd = rows[i].initrd;
        cfg.firmware = rows[i].firmware;
        if (i == 1)
            cfg.firmware = "firmware-full";
        assert_int_equal(mh_machine_create(&m, &cfg), 0);
        assert_true(mh_machine_init(m) < 0);
        assert_string_equal(mh_last_error()->param, rows[i].param);
        mh_machine_destroy(m);
    }
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir) || chdir(dir))
        return -1;
    write_file("kernel", 5000, 0x11);
    write_file("kernel-big", 3 << 20, 0x11);
    write_file("initrd", 70000, 0x22);
    write_file("firmware", 3000, 0x33);
    write_file("firmware-full", 2 << 20, 0x33);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernel_and_initrd),
        cmocka_unit_test(test_firmware),
        cmocka_unit_test(test_too_small),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
