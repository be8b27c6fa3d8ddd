/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The /cpus part of the device tree, as QEMU's virt machine writes it (bindings:
 * Linux, Documentation/devicetree/bindings/riscv/).  Called by the machine while
 * no hart runs, on a tree opened for writing in place (libfdt, fdt_open_into).
 *
 * libfdt puts each new subnode first, so nodes are added from the last to the
 * first.
 */
#include "isa/riscv/rv.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>

#include "isa/riscv/isa_string.h"

/*
 * The interrupt controller of hart n has phandle PHANDLE_INTC + n: devices name
 * it by that number (dev_phandle_hart).  The cpu nodes' own follow after them.
 */
#define PHANDLE_INTC 16u
#define PHANDLE_CPU  (PHANDLE_INTC + SMP_MAX_HARTS)

#define CACHE_BLOCK 64

static int fdt_errno(int err)
{
    if (err >= 0)
        return 0;
    return err == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL;
}

static const char *mmu_type(const struct rv_guest *g)
{
    if (rv_ext_has(&g->exts, RV_EXT_Sv57))
        return "riscv,sv57";
    if (rv_ext_has(&g->exts, RV_EXT_Sv48))
        return "riscv,sv48";
    if (rv_ext_has(&g->exts, RV_EXT_Sv39))
        return "riscv,sv39";
    return "riscv,none";
}

static int add_block_sizes(const struct rv_guest *g, void *fdt, int node)
{
    static const struct {
        uint8_t ext;
        const char *property;
    } blocks[] = {
        {RV_EXT_Zicbom, "riscv,cbom-block-size"},
        {RV_EXT_Zicbop, "riscv,cbop-block-size"},
        {RV_EXT_Zicboz, "riscv,cboz-block-size"},
    };
    int err = 0;
    for (unsigned i = 0; i < ARRAY_LEN(blocks) && !err; i++)
        if (rv_ext_has(&g->exts, blocks[i].ext))
            err = fdt_setprop_u32(fdt, node, blocks[i].property, CACHE_BLOCK);
    return err;
}

/*
 * The binding says of zkr that the privilege level which gets the tree may access seed.  A kernel
 * believes that of the tree its firmware passes on, and OpenSBI 1.1, for one, neither sets
 * mseccfg.SSEED nor takes the name away; so only a kernel that starts without firmware is told.
 */
static struct rv_ext_set told_exts(const struct rv_guest *g)
{
    struct rv_ext_set exts = g->exts;
    if (!g->cfg.builtin_sbi)
        rv_ext_del(&exts, RV_EXT_Zkr);
    return exts;
}

static int add_isa(const struct rv_guest *g, void *fdt, int node)
{
    char list[1024], isa[sizeof(g->isa)];
    struct rv_ext_set exts = told_exts(g);
    size_t len = isa_string_list(&exts, list, sizeof(list));
    isa_string_format(&exts, isa, sizeof(isa));
    int err = fdt_setprop_string(fdt, node, "riscv,isa", isa);
    err = err ?: fdt_setprop_string(fdt, node, "riscv,isa-base", "rv64i");
    err = err
              ?: len <= sizeof(list)
                 ? fdt_setprop(fdt, node, "riscv,isa-extensions", list, (int)len)
                 : -FDT_ERR_NOSPACE;
    err = err ?: fdt_setprop_string(fdt, node, "mmu-type", mmu_type(g));
    err = err ?: add_block_sizes(g, fdt, node);
    return err;
}

static int add_intc(void *fdt, int cpu, unsigned hart)
{
    int node = fdt_add_subnode(fdt, cpu, "interrupt-controller");
    if (node < 0)
        return node;
    int err = fdt_setprop_u32(fdt, node, "#interrupt-cells", 1);
    err = err ?: fdt_setprop(fdt, node, "interrupt-controller", NULL, 0);
    err = err ?: fdt_setprop_string(fdt, node, "compatible", "riscv,cpu-intc");
    err = err ?: fdt_setprop_u32(fdt, node, "phandle", PHANDLE_INTC + hart);
    return err;
}

static int add_cpu(const struct rv_guest *g, void *fdt, int cpus, unsigned hart)
{
    char name[16];
    snprintf(name, sizeof(name), "cpu@%x", hart);
    int node = fdt_add_subnode(fdt, cpus, name);
    if (node < 0)
        return node;
    int err = fdt_setprop_u32(fdt, node, "phandle", PHANDLE_CPU + hart);
    err = err ?: fdt_setprop_string(fdt, node, "device_type", "cpu");
    err = err ?: fdt_setprop_u32(fdt, node, "reg", hart);
    err = err ?: fdt_setprop_string(fdt, node, "status", "okay");
    err = err ?: fdt_setprop_string(fdt, node, "compatible", "riscv");
    err = err ?: add_isa(g, fdt, node);
    err = err ?: add_intc(fdt, node, hart);
    return err;
}

/* One cluster of one-thread cores. */
static int add_cpu_map(const struct rv_guest *g, void *fdt, int cpus)
{
    char name[16];
    int map = fdt_add_subnode(fdt, cpus, "cpu-map");
    if (map < 0)
        return map;
    int cluster = fdt_add_subnode(fdt, map, "cluster0");
    if (cluster < 0)
        return cluster;
    for (unsigned i = g->cfg.harts; i-- > 0;) {
        snprintf(name, sizeof(name), "core%u", i);
        int core = fdt_add_subnode(fdt, cluster, name);
        if (core < 0)
            return core;
        int err = fdt_setprop_u32(fdt, core, "cpu", PHANDLE_CPU + i);
        if (err)
            return err;
    }
    return 0;
}

#define PMU_PROGRAMMABLE 0xfffffff8u /* counters 3 to 31 */

/*
 * For firmware: which counters count what (binding riscv,pmu).  An event without another selector
 * in the tree has its event_idx as selector, as hpm_events.def has them.
 */
static int add_pmu(const struct rv_guest *g, void *fdt)
{
    /* clang-format off */
    static const uint32_t events[] = {
        0x00001, 0x00001, PMU_PROGRAMMABLE | 1 << 0, /* first, last, counters */
        0x00002, 0x00002, PMU_PROGRAMMABLE | 1 << 2,
        0x10019, 0x10019, PMU_PROGRAMMABLE,
        0x1001b, 0x1001b, PMU_PROGRAMMABLE,
        0x10021, 0x10021, PMU_PROGRAMMABLE,
    };
    static const uint32_t raw[] = {
        0, 0x20000, 0xffffffff, 0xfffffff0, PMU_PROGRAMMABLE, /* selector, its mask, counters */
    };
    /* clang-format on */
    uint32_t cells[ARRAY_LEN(events)], raw_cells[ARRAY_LEN(raw)];
    if (g->cfg.builtin_sbi)
        return 0;
    for (unsigned i = 0; i < ARRAY_LEN(events); i++)
        cells[i] = cpu_to_fdt32(events[i]);
    for (unsigned i = 0; i < ARRAY_LEN(raw); i++)
        raw_cells[i] = cpu_to_fdt32(raw[i]);
    int node = fdt_add_subnode(fdt, 0, "pmu");
    if (node < 0)
        return node;
    int err = fdt_setprop_string(fdt, node, "compatible", "riscv,pmu");
    err = err ?: fdt_setprop(fdt, node, "riscv,event-to-mhpmcounters", cells, sizeof(cells));
    err = err
              ?: fdt_setprop(fdt, node, "riscv,raw-event-to-mhpmcounters", raw_cells,
                             sizeof(raw_cells));
    return err;
}

int rv_fdt_cpus(struct guest *guest, void *fdt, uint32_t *phandle)
{
    const struct rv_guest *g = (const struct rv_guest *)(const void *)guest;
    int cpus = fdt_add_subnode(fdt, 0, "cpus");
    if (cpus < 0)
        return fdt_errno(cpus);
    int err = fdt_setprop_u32(fdt, cpus, "#address-cells", 1);
    err = err ?: fdt_setprop_u32(fdt, cpus, "#size-cells", 0);
    err = err ?: fdt_setprop_u32(fdt, cpus, "timebase-frequency", (uint32_t)g->env->clock->freq_hz);
    err = err ?: add_cpu_map(g, fdt, cpus);
    for (unsigned i = g->cfg.harts; i-- > 0 && !err;) {
        err = add_cpu(g, fdt, cpus, i);
        phandle[i] = PHANDLE_INTC + i;
    }
    err = err ?: add_pmu(g, fdt);
    return fdt_errno(err);
}
