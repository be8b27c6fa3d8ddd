/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the device tree with libfdt; see fdt.h.  Nodes and properties are
 * those of QEMU's virt machine (hw/riscv/virt.c), because common images were
 * tried there; each device writes its own node.
 *
 * The buffer grows by doubling: the tree is built anew when a step runs out of
 * room, which is simpler than asking for room at each step.
 */
#include "sim/fdt.h"

#include "sim/base/error.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FDT_VERSION     17 /* of the blob; libfdt 1.6.1 reads beyond the end of older ones */
#define FDT_FIRST_BYTES (64u << 10)
#define FDT_LAST_BYTES  (8u << 20)

/* libfdt's error as -errno. */
static int errno_of(int err)
{
    if (err >= 0)
        return 0;
    return err == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL;
}

static int add_root(void *fdt, size_t size)
{
    int err = fdt_create_empty_tree(fdt, (int)size);
    if (!err)
        err = fdt_setprop_string(fdt, 0, "model", "riscv-virtio,manyhart");
    if (!err)
        err = fdt_setprop_string(fdt, 0, "compatible", "riscv-virtio");
    if (!err)
        err = fdt_setprop_u32(fdt, 0, "#size-cells", 2);
    if (!err)
        err = fdt_setprop_u32(fdt, 0, "#address-cells", 2);
    return errno_of(err);
}

static int add_memory(void *fdt, const struct physmem *pm)
{
    char name[40];
    snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)pm->base);
    int node = fdt_add_subnode(fdt, 0, name);
    if (node < 0)
        return errno_of(node);
    int err = fdt_setprop_string(fdt, node, "device_type", "memory");
    if (!err)
        err = fdt_setprop_u64(fdt, node, "reg", pm->base);
    if (!err)
        err = fdt_appendprop_u64(fdt, node, "reg", pm->size);
    return errno_of(err);
}

/* ---- /cpus -------------------------------------------------------------------------- */

/* Gives the node that has phandle `from` the phandle `to`. */
static int phandle_move(void *fdt, uint32_t from, uint32_t to)
{
    int node = fdt_node_offset_by_phandle(fdt, from);
    if (node < 0)
        return errno_of(node);
    return errno_of(fdt_setprop_inplace_u32(fdt, node, "phandle", to));
}

/*
 * The guest chooses phandles for its interrupt controllers; devices refer to hart N's as
 * dev_phandle_hart(N).  Where they differ the guest's are renumbered, through numbers nobody uses.
 */
static int add_cpus(const struct fdt_params *p, void *fdt)
{
    enum { APART = 0x10000 };
    uint32_t *phandle = calloc(p->harts, sizeof(*phandle));
    int rc = -ENOMEM;
    if (!phandle)
        return rc;
    for (unsigned i = 0; i < p->harts; i++)
        phandle[i] = dev_phandle_hart(i);
    rc = p->gt->fdt_cpus(p->guest, fdt, phandle);
    for (unsigned i = 0; !rc && i < p->harts; i++)
        if (phandle[i] != dev_phandle_hart(i))
            rc = phandle_move(fdt, phandle[i], APART + i);
    for (unsigned i = 0; !rc && i < p->harts; i++)
        if (phandle[i] != dev_phandle_hart(i))
            rc = phandle_move(fdt, APART + i, dev_phandle_hart(i));
    free(phandle);
    return rc;
}

/* ---- /soc ----------------------------------------------------------------------------- */

/* libfdt puts a new node in front of its siblings; so the last device comes first. */
static int add_devices_backwards(struct dev *d, void *fdt)
{
    if (!d)
        return 0;
    int rc = add_devices_backwards(d->next, fdt);
    if (rc || !d->type->fdt)
        return rc;
    int soc = fdt_path_offset(fdt, "/soc");
    return soc < 0 ? errno_of(soc) : d->type->fdt(d, fdt, soc);
}

static int add_soc(const struct fdt_params *p, void *fdt)
{
    int soc = fdt_add_subnode(fdt, 0, "soc");
    if (soc < 0)
        return errno_of(soc);
    int err = fdt_setprop_empty(fdt, soc, "ranges");
    if (!err)
        err = fdt_setprop_string(fdt, soc, "compatible", "simple-bus");
    if (!err)
        err = fdt_setprop_u32(fdt, soc, "#size-cells", 2);
    if (!err)
        err = fdt_setprop_u32(fdt, soc, "#address-cells", 2);
    return err ? errno_of(err) : add_devices_backwards(p->devices, fdt);
}

/* ---- /chosen -------------------------------------------------------------------------- */

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static void seed_bytes(const struct fdt_params *p, uint8_t seed[FDT_SEED_BYTES])
{
    uint64_t state = p->seed;
    if (!p->has_seed && getrandom(seed, FDT_SEED_BYTES, 0) == FDT_SEED_BYTES)
        return;
    for (unsigned i = 0; i < FDT_SEED_BYTES; i += 8) {
        uint64_t word = splitmix64(&state);
        memcpy(seed + i, &word, 8);
    }
}

static int set_initrd(const struct fdt_params *p, void *fdt, int chosen)
{
    if (p->initrd_start == p->initrd_end)
        return 0;
    int err = fdt_setprop_u64(fdt, chosen, "linux,initrd-end", p->initrd_end);
    if (!err)
        err = fdt_setprop_u64(fdt, chosen, "linux,initrd-start", p->initrd_start);
    return errno_of(err);
}

static int set_bootargs(const struct fdt_params *p, void *fdt, int chosen)
{
    if (!p->bootargs)
        return 0;
    return errno_of(fdt_setprop_string(fdt, chosen, "bootargs", p->bootargs));
}

static int add_chosen(const struct fdt_params *p, void *fdt)
{
    uint8_t seed[FDT_SEED_BYTES];
    int chosen = fdt_add_subnode(fdt, 0, "chosen");
    if (chosen < 0)
        return errno_of(chosen);
    seed_bytes(p, seed);
    int err = fdt_setprop(fdt, chosen, "rng-seed", seed, sizeof(seed));
    if (!err && p->stdout_path)
        err = fdt_setprop_string(fdt, chosen, "stdout-path", p->stdout_path);
    int rc = errno_of(err);
    if (!rc)
        rc = set_initrd(p, fdt, chosen);
    return rc ? rc : set_bootargs(p, fdt, chosen);
}

/* ---- whole trees ------------------------------------------------------------------------ */

static int build_once(const struct fdt_params *p, void *fdt, size_t size)
{
    int rc = add_root(fdt, size);
    if (!rc)
        rc = add_soc(p, fdt);
    if (!rc)
        rc = add_cpus(p, fdt);
    if (!rc)
        rc = add_memory(fdt, p->pm);
    if (!rc)
        rc = add_chosen(p, fdt);
    return rc ? rc : errno_of(fdt_pack(fdt));
}

int fdt_build(const struct fdt_params *p, void **out, size_t *size)
{
    int rc = -ENOSPC;
    for (size_t room = FDT_FIRST_BYTES; rc == -ENOSPC && room <= FDT_LAST_BYTES; room *= 2) {
        void *fdt = malloc(room);
        rc = fdt ? build_once(p, fdt, room) : -ENOMEM;
        if (!rc) {
            *out = fdt;
            *size = fdt_totalsize(fdt);
            return 0;
        }
        free(fdt);
    }
    return error_set(MH_ERROR_CORE, rc, "dtb", NULL, "cannot build the device tree: %s",
                     strerror(-rc));
}

static int chosen_of(void *fdt)
{
    int node = fdt_path_offset(fdt, "/chosen");
    return node == -FDT_ERR_NOTFOUND ? fdt_add_subnode(fdt, 0, "chosen") : node;
}

static int edit_chosen(const struct fdt_params *p, void *fdt)
{
    int chosen = chosen_of(fdt);
    if (chosen < 0)
        return errno_of(chosen);
    int rc = set_initrd(p, fdt, chosen);
    if (!rc) {
        chosen = chosen_of(fdt);
        rc = set_bootargs(p, fdt, chosen);
    }
    return rc ? rc : errno_of(fdt_pack(fdt));
}

/* The bytes of the token at p behind its word, unaligned; UINT64_MAX if they do not end. */
static uint64_t token_length(uint32_t token, const uint8_t *p, uint64_t left)
{
    const uint8_t *end;
    switch (token) {
    case FDT_BEGIN_NODE:
        end = memchr(p, 0, left);
        return end ? (uint64_t)(end - p) + 1 : UINT64_MAX;
    case FDT_PROP:
        return left < 8 ? UINT64_MAX : 8ull + fdt32_ld((const fdt32_t *)p);
    default:
        return 0;
    }
}

/*
 * Each token of the structure block ends inside it.  Comes before libfdt looks: 1.6.1 adds the
 * length of a property in 32 bits and goes round for ever where that wraps.
 */
static bool tokens_end(const void *fdt)
{
    const uint8_t *p = (const uint8_t *)fdt + fdt_off_dt_struct(fdt);
    uint64_t left = fdt_size_dt_struct(fdt) & ~3u;
    while (left >= 4) {
        uint32_t token = fdt32_ld((const fdt32_t *)p);
        if (token == FDT_END)
            return true;
        uint64_t n = token_length(token, p + 4, left - 4);
        if (n > left - 4)
            return false;
        n = 4 + ((n + 3) & ~3ull);
        p += n;
        left -= n;
    }
    return false;
}

int fdt_from_file(const struct fdt_params *p, const struct file *f, void **out, size_t *size)
{
    if (f->size < sizeof(struct fdt_header) || fdt_check_header(f->data))
        return file_error(f, -EINVAL, "is not a device tree blob; make one with dtc -O dtb");
    if (fdt_totalsize(f->data) > f->size)
        return file_error(f, -EINVAL, "is a truncated device tree: %llu of %u bytes",
                          (unsigned long long)f->size, fdt_totalsize(f->data));
    if (fdt_version(f->data) < FDT_VERSION)
        return file_error(f, -EINVAL,
                          "is a device tree of the old version %u; version %d is needed, as dtc "
                          "writes it",
                          fdt_version(f->data), FDT_VERSION);
    int err = tokens_end(f->data) ? fdt_check_full(f->data, f->size) : -FDT_ERR_TRUNCATED;
    if (err)
        return file_error(f, -EINVAL, "is a damaged device tree: %s", fdt_strerror(err));
    size_t room = f->size + (p->bootargs ? strlen(p->bootargs) : 0) + 1024;
    void *fdt = malloc(room);
    if (!fdt)
        return file_error(f, -ENOMEM, "not enough host memory");
    int rc = errno_of(fdt_open_into(f->data, fdt, (int)room));
    if (!rc)
        rc = edit_chosen(p, fdt);
    if (rc) {
        free(fdt);
        return file_error(f, rc, "its /chosen node cannot be changed");
    }
    *out = fdt;
    *size = fdt_totalsize(fdt);
    return 0;
}
