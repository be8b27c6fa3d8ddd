/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SiFive's test finisher as in QEMU's virt machine (hw/misc/sifive_test).  One
 * register at 0, write only (reads 0), 16 or 32 bits:
 *
 *   0x5555              pass: power off, exit code 0
 *   0x3333 | code << 16 fail: ends with code
 *   0x7777              reset
 *
 *   0x00014d48          a measured period begins (manyhart's own; see env->measure)
 *   0x00024d48          and ends
 *
 * Other values are ignored, as QEMU and the hardware ignore the last two.  The node is also a
 * "syscon", through which the nodes /poweroff and /reboot let a kernel without SBI end the machine.
 */
#include "dev/finisher.h"

#include <libfdt.h>

#include "dev/fdt.h"
#include "dev/snap.h"

enum { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777 };
enum { FINISHER_MEASURE = FINISHER_MEASURE_BEGIN & 0xffff };

/* What a 16-bit write says has no upper half, so it is neither. */
static void finisher_measure(const struct dev_env *env, uint64_t value)
{
    if (env->measure && (value == FINISHER_MEASURE_BEGIN || value == FINISHER_MEASURE_END))
        env->measure(env->opaque, value == FINISHER_MEASURE_BEGIN);
}

static bool finisher_read(struct dev *d, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)d;
    *value = 0;
    return (size == 2 || size == 4) && !(offset & (size - 1));
}

static bool finisher_write(struct dev *d, uint64_t offset, unsigned size, uint64_t value)
{
    if ((size != 2 && size != 4) || offset & (size - 1))
        return false;
    if (offset)
        return true;
    const struct dev_env *env = d->env;
    switch (value & 0xffff) {
    case FINISHER_PASS:
        env->machine_exit(env->opaque, MACHINE_POWEROFF, 0);
        break;
    case FINISHER_FAIL:
        env->machine_exit(env->opaque, MACHINE_FAIL, (int)(value >> 16 & 0xffff));
        break;
    case FINISHER_RESET:
        env->machine_exit(env->opaque, MACHINE_REBOOT, 0);
        break;
    case FINISHER_MEASURE:
        finisher_measure(env, value);
        break;
    }
    return true;
}

static int finisher_fdt_syscon(void *fdt, const char *name, const char *compatible, uint32_t value)
{
    int node = fdt_add_subnode(fdt, 0, name);
    if (node < 0)
        return dev_fdt_errno(node);
    int err = fdt_setprop_string(fdt, node, "compatible", compatible);
    if (!err)
        err = fdt_setprop_u32(fdt, node, "regmap", DEV_PHANDLE_FINISHER);
    if (!err)
        err = fdt_setprop_u32(fdt, node, "offset", 0);
    if (!err)
        err = fdt_setprop_u32(fdt, node, "value", value);
    return dev_fdt_errno(err);
}

static int finisher_fdt(struct dev *d, void *fdt, int soc)
{
    static const char compatible[] = "sifive,test1\0sifive,test0\0syscon";
    int node = dev_fdt_node(d, fdt, soc, "test", compatible, sizeof(compatible));
    if (node < 0)
        return node;
    int err = dev_fdt_errno(fdt_setprop_u32(fdt, node, "phandle", DEV_PHANDLE_FINISHER));
    if (!err)
        err = finisher_fdt_syscon(fdt, "reboot", "syscon-reboot", FINISHER_RESET);
    if (!err)
        err = finisher_fdt_syscon(fdt, "poweroff", "syscon-poweroff", FINISHER_PASS);
    return err;
}

static int finisher_save(struct dev *d, void *buf, size_t size)
{
    return snap_save(d, 1, "", 0, buf, size);
}

static int finisher_load(struct dev *d, const void *buf, size_t size)
{
    char nothing[1];
    return snap_load(d, 1, nothing, 0, buf, size);
}

const struct dev_type finisher_type = {
    .name = "finisher",
    .device_type = MH_DEVICE_CUSTOM,
    .size = sizeof(struct dev),
    .mmio_size = 0x1000,
    .read = finisher_read,
    .write = finisher_write,
    .fdt = finisher_fdt,
    .save = finisher_save,
    .load = finisher_load,
};
