/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/fdt.c: the /cpus node, read back with libfdt, for one hart and
 * for many, with all extensions and with few.
 */
#include "isa_riscv_fixture.h"

#include <libfdt.h>
#include <stdio.h>

#define TREE_BYTES (1 << 20)

static struct fixture fix;
static char tree[TREE_BYTES];
static uint32_t phandle[SMP_MAX_HARTS];

static void make_tree(unsigned harts, const char *isa, int room)
{
    const struct guest_config cfg = {
        .harts = harts, .isa = isa, .engine = ENGINE_INTERP, .builtin_sbi = true};
    fixture_open(&fix, &cfg, NULL);
    assert_int_equal(fdt_create_empty_tree(tree, room), 0);
}

static uint32_t prop_u32(int node, const char *name)
{
    int len;
    const fdt32_t *p = fdt_getprop(tree, node, name, &len);
    if (!p || len != 4)
        fail_msg("%s: no such cell", name);
    return fdt32_to_cpu(*p);
}

static void check_string(int node, const char *name, const char *expect)
{
    const char *s = fdt_getprop(tree, node, name, NULL);
    if (!s)
        fail_msg("%s is missing", name);
    assert_string_equal(s, expect);
}

static void check_cpu(unsigned hart)
{
    char path[64];
    snprintf(path, sizeof(path), "/cpus/cpu@%x", hart);
    int node = fdt_path_offset(tree, path);
    assert_true(node >= 0);
    assert_int_equal(prop_u32(node, "reg"), hart);
    check_string(node, "device_type", "cpu");
    check_string(node, "status", "okay");
    check_string(node, "compatible", "riscv");
    check_string(node, "riscv,isa", fix.g->isa);
    check_string(node, "riscv,isa-base", "rv64i");
    uint32_t cpu = prop_u32(node, "phandle");
    snprintf(path, sizeof(path), "/cpus/cpu-map/cluster0/core%u", hart);
    assert_int_equal(prop_u32(fdt_path_offset(tree, path), "cpu"), cpu);
    snprintf(path, sizeof(path), "/cpus/cpu@%x/interrupt-controller", hart);
    node = fdt_path_offset(tree, path);
    check_string(node, "compatible", "riscv,cpu-intc");
    assert_int_equal(prop_u32(node, "#interrupt-cells"), 1);
    assert_non_null(fdt_getprop(tree, node, "interrupt-controller", NULL));
    assert_int_equal(prop_u32(node, "phandle"), phandle[hart]);
    assert_int_equal(fdt_node_offset_by_phandle(tree, phandle[hart]), node);
}

static void test_harts(void **state)
{
    (void)state;
    static const unsigned counts[] = {1, 2, 17};
    for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
        make_tree(counts[i], NULL, TREE_BYTES);
        assert_int_equal(rv_fdt_cpus(fix.guest, tree, phandle), 0);
        int cpus = fdt_path_offset(tree, "/cpus");
        assert_int_equal(prop_u32(cpus, "#address-cells"), 1);
        assert_int_equal(prop_u32(cpus, "#size-cells"), 0);
        assert_int_equal(prop_u32(cpus, "timebase-frequency"), 10000000);
        for (unsigned h = 0; h < counts[i]; h++) {
            assert_int_equal(phandle[h], 16 + h); /* devices count on it */
            check_cpu(h);
        }
        /* In order of their numbers: the kernel numbers processors by it. */
        int node = fdt_first_subnode(tree, cpus);
        for (unsigned h = 0; h < counts[i]; h++, node = fdt_next_subnode(tree, node)) {
            const char *name = fdt_get_name(tree, node, NULL);
            assert_int_equal(strncmp(name, "cpu@", 4), 0);
            assert_int_equal(prop_u32(node, "reg"), h);
        }
        fixture_close(&fix);
    }
}

static bool has_name(int node, const char *ext)
{
    int len;
    const char *list = fdt_getprop(tree, node, "riscv,isa-extensions", &len);
    return list && fdt_stringlist_contains(list, len, ext);
}

static void test_extensions(void **state)
{
    (void)state;
    make_tree(1, NULL, TREE_BYTES);
    assert_int_equal(rv_fdt_cpus(fix.guest, tree, phandle), 0);
    int cpu = fdt_path_offset(tree, "/cpus/cpu@0");
    check_string(cpu, "mmu-type", "riscv,sv57");
    assert_int_equal(prop_u32(cpu, "riscv,cbom-block-size"), 64);
    assert_int_equal(prop_u32(cpu, "riscv,cboz-block-size"), 64);
    assert_true(has_name(cpu, "i") && has_name(cpu, "c") && has_name(cpu, "sstc"));
    assert_true(has_name(cpu, "svadu") && has_name(cpu, "zicsr"));
    fixture_close(&fix);
    make_tree(1, "rv64imac_zicsr_zifencei_sv39_svade", TREE_BYTES);
    assert_int_equal(rv_fdt_cpus(fix.guest, tree, phandle), 0);
    cpu = fdt_path_offset(tree, "/cpus/cpu@0");
    check_string(cpu, "mmu-type", "riscv,sv39");
    assert_null(fdt_getprop(tree, cpu, "riscv,cboz-block-size", NULL));
    assert_false(has_name(cpu, "d") || has_name(cpu, "sstc"));
    fixture_close(&fix);
}

/* A kernel may read seed only if who starts it allowed that: the built-in SBI does. */
static void test_zkr(void **state)
{
    (void)state;
    static const char isa[] = "rv64i_zkr_sv39";
    for (unsigned sbi = 0; sbi < 2; sbi++) {
        make_tree(1, isa, TREE_BYTES);
        fix.g->cfg.builtin_sbi = sbi;
        assert_int_equal(rv_fdt_cpus(fix.guest, tree, phandle), 0);
        int cpu = fdt_path_offset(tree, "/cpus/cpu@0");
        assert_int_equal(has_name(cpu, "zkr"), sbi);
        check_string(cpu, "riscv,isa",
                     sbi ? "rv64i_zicsr_zkr_sv39_svbare" : "rv64i_zicsr_sv39_svbare");
        fixture_close(&fix);
    }
}

/* Firmware learns which counters count what; the built-in SBI need not. */
static void test_pmu(void **state)
{
    (void)state;
    for (unsigned sbi = 0; sbi < 2; sbi++) {
        make_tree(1, NULL, TREE_BYTES);
        fix.g->cfg.builtin_sbi = sbi;
        assert_int_equal(rv_fdt_cpus(fix.guest, tree, phandle), 0);
        int node = fdt_path_offset(tree, "/pmu"), len;
        assert_int_equal(node >= 0, !sbi);
        if (node >= 0) {
            check_string(node, "compatible", "riscv,pmu");
            const fdt32_t *cell = fdt_getprop(tree, node, "riscv,event-to-mhpmcounters", &len);
            assert_int_equal(len % 12, 0);
            for (int i = 0; i < len / 4; i += 3) {
                uint32_t event = fdt32_to_cpu(cell[i]), mask = fdt32_to_cpu(cell[i + 2]);
                assert_true(event == fdt32_to_cpu(cell[i + 1]) && rv_hpm_has_event(event));
                assert_int_equal(mask, 0xfffffff8 | (event == 1 ? 1 : event == 2 ? 4 : 0));
            }
            cell = fdt_getprop(tree, node, "riscv,raw-event-to-mhpmcounters", &len);
            assert_int_equal(len, 20);
            assert_int_equal(fdt32_to_cpu(cell[1]) & ~fdt32_to_cpu(cell[3]), 0);
        }
        fixture_close(&fix);
    }
}

/* A tree without room is an error, not a crash. */
static void test_no_room(void **state)
{
    (void)state;
    for (int room = 128; room < 2048; room += 64) {
        make_tree(4, NULL, room);
        int err = rv_fdt_cpus(fix.guest, tree, phandle);
        assert_int_equal(err, -28); /* ENOSPC */
        fixture_close(&fix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_harts), cmocka_unit_test(test_extensions), cmocka_unit_test(test_zkr),
        cmocka_unit_test(test_pmu),   cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
