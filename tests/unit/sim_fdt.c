/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/fdt.c on the trees of whole machines: what a kernel looks for
 * is there, phandles resolve, a given tree is checked and amended.
 */
#include "sim/fdt.h"
#include "sim/machine.h"

#include "tests/unit/sim_program.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const endless[] = {"jal zero,0x80000000", NULL};

static struct mh_machine *make(unsigned harts, uint64_t seed)
{
    static struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    program_make(&p, endless);
    program_config(&cfg, &p);
    cfg.harts = harts;
    cfg.memory_size = 64 << 20;
    cfg.seed = seed;
    cfg.has_seed = true;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    return m;
}

static const char *text(const void *fdt, const char *path, const char *prop)
{
    int len, node = fdt_path_offset(fdt, path);
    const char *s = node < 0 ? NULL : fdt_getprop(fdt, node, prop, &len);
    if (!s)
        fail_msg("no %s of %s", prop, path);
    return s;
}

static uint64_t cells(const void *fdt, const char *path, const char *prop, unsigned at, unsigned n)
{
    const fdt32_t *p = (const fdt32_t *)(const void *)text(fdt, path, prop);
    uint64_t v = 0;
    while (n--)
        v = v << 32 | fdt32_ld(p + at++);
    return v;
}

static void check_phandle(const void *fdt, uint32_t phandle, const char *compatible)
{
    int node = fdt_node_offset_by_phandle(fdt, phandle);
    assert_true(node >= 0);
    assert_int_equal(fdt_node_check_compatible(fdt, node, compatible), 0);
}

static void test_tree(void **state)
{
    static const unsigned harts[] = {1, 2, 5, 64};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(harts); i++) {
        struct mh_machine *m = make(harts[i], 1);
        const void *fdt = m->dtb;
        assert_int_equal(fdt_check_full(fdt, m->dtb_size), 0);
        assert_string_equal(text(fdt, "/", "compatible"), "riscv-virtio");
        assert_int_equal(cells(fdt, "/memory@80000000", "reg", 0, 2), 0x80000000);
        assert_int_equal(cells(fdt, "/memory@80000000", "reg", 2, 2), 64 << 20);
        assert_int_equal(cells(fdt, "/cpus", "timebase-frequency", 0, 1), 10000000);
        assert_string_equal(text(fdt, "/chosen", "stdout-path"), "/soc/serial@10000000");
        assert_int_equal(fdt_path_offset(fdt, text(fdt, "/chosen", "stdout-path")) >= 0, 1);
        for (unsigned h = 0; h < harts[i]; h++) {
            char path[64];
            snprintf(path, sizeof(path), "/cpus/cpu@%x", h);
            assert_int_equal(cells(fdt, path, "reg", 0, 1), h);
            uint32_t plic =
                (uint32_t)cells(fdt, "/soc/plic@c000000", "interrupts-extended", 4 * h + 2, 1);
            check_phandle(fdt, plic, "riscv,cpu-intc");
            assert_int_equal(fdt_parent_offset(fdt, fdt_node_offset_by_phandle(fdt, plic)),
                             fdt_path_offset(fdt, path));
        }
        check_phandle(fdt, (uint32_t)cells(fdt, "/soc/serial@10000000", "interrupt-parent", 0, 1),
                      "riscv,plic0");
        mh_machine_destroy(m);
    }
}

/* Kernels number disks in the order of nodes: the lowest slot comes first. */
static void test_order_of_slots(void **state)
{
    struct mh_machine *m = make(1, 1);
    int node, previous = -1, count = 0;
    uint64_t last = 0;
    (void)state;
    for (node = fdt_node_offset_by_compatible(m->dtb, previous, "virtio,mmio"); node >= 0;
         node = fdt_node_offset_by_compatible(m->dtb, node, "virtio,mmio")) {
        int len;
        const fdt32_t *reg = fdt_getprop(m->dtb, node, "reg", &len);
        uint64_t base = fdt32_ld(reg + 1);
        assert_true(base > last);
        last = base;
        count++;
    }
    assert_int_equal(count, 8);
    mh_machine_destroy(m);
}

static void test_seed(void **state)
{
    struct mh_machine *a = make(1, 5), *b = make(1, 5), *c = make(1, 6);
    (void)state;
    assert_memory_equal(text(a->dtb, "/chosen", "rng-seed"), text(b->dtb, "/chosen", "rng-seed"),
                        32);
    assert_memory_not_equal(text(a->dtb, "/chosen", "rng-seed"),
                            text(c->dtb, "/chosen", "rng-seed"), 32);
    mh_machine_destroy(a);
    mh_machine_destroy(b);
    mh_machine_destroy(c);
}

/* The machine's own tree, given back as a file, is taken; spoiled it is refused. */
static void test_from_file(void **state)
{
    struct fdt_params p = {.bootargs = "root=/dev/vda", .initrd_start = 4096, .initrd_end = 8192};
    struct mh_machine *m = make(2, 1);
    uint8_t *copy = malloc(m->dtb_size);
    struct file f;
    void *out;
    size_t size;
    (void)state;
    memcpy(copy, m->dtb, m->dtb_size);
    file_borrow(&f, "dtb", "t.dtb", copy, m->dtb_size);
    assert_int_equal(fdt_from_file(&p, &f, &out, &size), 0);
    assert_string_equal(text(out, "/chosen", "bootargs"), "root=/dev/vda");
    assert_int_equal(cells(out, "/chosen", "linux,initrd-start", 0, 2), 4096);
    assert_int_equal(cells(out, "/chosen", "linux,initrd-end", 0, 2), 8192);
    free(out);
    for (size_t cut = 1; cut < m->dtb_size; cut += 61) {
        file_borrow(&f, "dtb", "t.dtb", copy, cut);
        assert_int_equal(fdt_from_file(&p, &f, &out, &size), -EINVAL);
        assert_string_equal(mh_last_error()->param, "dtb");
    }
    srand(1);
    for (int round = 0; round < 2000; round++) { /* refused or taken, but no crash */
        memcpy(copy, m->dtb, m->dtb_size);
        for (int i = 0; i < 4; i++)
            copy[(size_t)rand() % m->dtb_size] = (uint8_t)rand();
        file_borrow(&f, "dtb", "t.dtb", copy, m->dtb_size);
        if (fdt_from_file(&p, &f, &out, &size) == 0)
            free(out);
    }
    free(copy);
    mh_machine_destroy(m);
}

/*
 * Version 4, and a property whose name lies past the string block: libfdt 1.6.1 knows no length of
 * that block in a version below 17 and looks for the name's end beyond the file.
 */
static void test_old_version(void **state)
{
    static const uint32_t head[] = {0xd00dfeed, 0x71, 0x38, 0x68, 0x28, 4, 0, 0x61626300, 0, 2};
    static const uint32_t tree[] = {0,          0, 0, 0,          1, 0, 1, 0x63686f73,
                                    0x656e0000, 3, 4, 0x61626300, 0, 2, 2, 9};
    uint32_t blob[32] = {0};
    struct fdt_params p = {0};
    struct file f;
    void *out;
    size_t size;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(head); i++)
        blob[i] = __builtin_bswap32(head[i]);
    for (size_t i = 0; i < ARRAY_LEN(tree); i++)
        blob[ARRAY_LEN(head) + i] = __builtin_bswap32(tree[i]);
    file_borrow(&f, "dtb", "old.dtb", (const uint8_t *)blob, sizeof(blob));
    assert_int_equal(fdt_from_file(&p, &f, &out, &size), -EINVAL);
    assert_non_null(strstr(mh_last_error()->message, "old version 4"));
}

/* Lengths of a property that lead back to itself and before, where libfdt 1.6.1 stays for ever. */
static void test_length_that_wraps(void **state)
{
    static const uint32_t lengths[] = {0xfffffff4, 0xfffffff0, 0xffffffec, 0xffffffff, 0x80000000};
    struct fdt_params p = {0};
    struct mh_machine *m = make(1, 1);
    uint32_t *copy = malloc(m->dtb_size);
    struct file f;
    void *out;
    size_t size;
    (void)state;
    memcpy(copy, m->dtb, m->dtb_size);
    uint32_t *root = copy + fdt_off_dt_struct(copy) / 4; /* BEGIN_NODE, "", PROP, length */
    assert_int_equal(__builtin_bswap32(root[2]), FDT_PROP);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        root[3] = __builtin_bswap32(lengths[i]);
        file_borrow(&f, "dtb", "t.dtb", (const uint8_t *)copy, m->dtb_size);
        assert_int_equal(fdt_from_file(&p, &f, &out, &size), -EINVAL);
        assert_non_null(strstr(mh_last_error()->message, "damaged"));
    }
    free(copy);
    mh_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),        cmocka_unit_test(test_order_of_slots),
        cmocka_unit_test(test_seed),        cmocka_unit_test(test_from_file),
        cmocka_unit_test(test_old_version), cmocka_unit_test(test_length_that_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
