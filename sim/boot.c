/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to harts that are ready to run: loads program or kernel,
 * firmware and initrd, makes the device tree and tells the guest where each
 * is.  Runs on the thread that initialises a machine, and again on its
 * supervisor when the guest reboots.  Harts do not run.
 *
 *   base of RAM              firmware
 *   + 2 MiB                  kernel
 *   top (below 3 GiB)        initrd, below it the device tree and, for
 *                            firmware, struct fw_dynamic_info
 */
#include "sim/config.h"
#include "sim/fdt.h"
#include "sim/file.h"
#include "sim/load_image.h"
#include "sim/machine.h"

#include "dev/uart16550.h"
#include "sim/base/error.h"
#include "sim/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_TOP   (3ull << 30) /* firmware of old and 32-bit loaders want the tree below */
#define BOOT_ALIGN (2ull << 20)
#define FDT_SLACK  (64ull << 10) /* firmware adds nodes in place */
#define FW_MAGIC   0x4942534full /* OpenSBI, include/sbi/fw_dynamic.h */
#define FW_VERSION 2
#define FW_MODE_S  1

struct boot {
    struct mh_machine *m;
    struct layout layout;
    gpa_t initrd, initrd_end;
    gpa_t next; /* where firmware goes on: the kernel's entry, or 0 */
};

static bool is_word(const char *firmware, const char *word)
{
    return firmware && !strcmp(firmware, word);
}

/* Whether a real firmware is to be loaded. */
static bool has_firmware(const struct mh_vm_config *cfg)
{
    return cfg->firmware && !is_word(cfg->firmware, "builtin") && !is_word(cfg->firmware, "none");
}

/* ---- program, kernel, firmware, initrd -------------------------------------------------- */

static int open_image(const struct mh_machine *m, struct file *f)
{
    if (!m->cfg.image_data)
        return file_read(f, "image", m->cfg.image, m->pm->size + (64ull << 20), "guest memory");
    file_borrow(f, "image", m->cfg.image ? m->cfg.image : "(in memory)", m->cfg.image_data,
                m->cfg.image_size);
    return 0;
}

static int load_program(struct boot *b)
{
    struct mh_machine *m = b->m;
    struct file f;
    int rc = open_image(m, &f);
    if (rc)
        return rc;
    rc = elf_load(&f, m->gt->elf_machine, m->pm->base, &b->layout, &m->elf);
    file_release(&f);
    m->has_elf = rc == 0;
    m->boot = (struct guest_boot){.start = START_ALL, .entry = m->elf.entry};
    return rc;
}

/* An ELF kernel may be a test program too: it then has tohost or a signature. */
static int kernel_symbols(struct boot *b, const struct file *f)
{
    struct layout scratch;
    layout_init(&scratch, b->m->pm);
    if (!elf_is(f))
        return 0;
    int rc =
        elf_load(f, b->m->gt->elf_machine, b->m->pm->base + KERNEL_OFFSET, &scratch, &b->m->elf);
    b->m->has_elf = rc == 0;
    return rc;
}

static int load_kernel_file(struct boot *b, const struct kernel_spec *spec)
{
    struct mh_machine *m = b->m;
    struct kernel_image k;
    struct file f;
    int rc = file_read(&f, "kernel", spec->path, m->pm->size, "guest memory; give more --memory");
    if (rc)
        return rc;
    rc = kernel_load(&f, spec, m->gt->elf_machine, &b->layout, &k);
    if (!rc && !spec->raw)
        rc = kernel_symbols(b, &f);
    file_release(&f);
    if (rc)
        return rc;
    b->next = k.entry;
    log_at(LOG_SIM, LOG_INFO, "kernel %s: %s at 0x%llx to 0x%llx", spec->path, k.form,
           (unsigned long long)k.low, (unsigned long long)k.high);
    return 0;
}

static int load_kernel(struct boot *b)
{
    struct kernel_spec spec;
    int rc = kernel_spec_parse(b->m->cfg.kernel, &spec);
    if (rc)
        return rc;
    rc = load_kernel_file(b, &spec);
    free(spec.path);
    b->m->boot = (struct guest_boot){
        .start = is_word(b->m->cfg.firmware, "none") ? START_ALL : START_BOOT,
        .entry = b->next,
    };
    return rc;
}

static int load_firmware_file(struct boot *b, const struct file *f)
{
    struct mh_machine *m = b->m;
    gpa_t base = m->pm->base;
    struct elf_image elf;
    int rc;
    if (elf_is(f)) {
        rc = elf_load(f, m->gt->elf_machine, base, &b->layout, &elf);
        m->boot = (struct guest_boot){.start = START_ALL, .entry = elf.entry};
        return rc;
    }
    rc = layout_claim(&b->layout, f->option, f->path, base, f->size);
    if (!rc)
        rc = physmem_write(m->pm, base, f->data, f->size);
    m->boot = (struct guest_boot){.start = START_ALL, .entry = base};
    return rc;
}

static int load_firmware(struct boot *b)
{
    struct file f;
    int rc = file_read(&f, "firmware", b->m->cfg.firmware, b->m->pm->size, "guest memory");
    if (rc)
        return rc;
    rc = load_firmware_file(b, &f);
    file_release(&f);
    return rc;
}

static int place_initrd(struct boot *b, const struct file *f)
{
    bool ok = layout_place(&b->layout, "initrd", f->size, PAGE_SIZE, BOOT_TOP, &b->initrd) ||
              layout_place(&b->layout, "initrd", f->size, PAGE_SIZE, UINT64_MAX, &b->initrd);
    if (!ok)
        return file_error(f, -EFBIG, "%llu KiB do not fit beside the kernel; give more --memory",
                          (unsigned long long)(f->size >> 10));
    b->initrd_end = b->initrd + f->size;
    return physmem_write(b->m->pm, b->initrd, f->data, f->size);
}

static int load_initrd(struct boot *b)
{
    struct file f;
    int rc = file_read(&f, "initrd", b->m->cfg.initrd, b->m->pm->size,
                       "guest memory; give more --memory");
    if (rc)
        return rc;
    rc = place_initrd(b, &f);
    file_release(&f);
    return rc;
}

/* ---- device tree and firmware information ------------------------------------------------- */

static int make_dtb(struct boot *b)
{
    struct mh_machine *m = b->m;
    char path[64];
    struct fdt_params p = {
        .gt = m->gt,
        .guest = m->guest,
        .harts = m->cfg.harts,
        .pm = m->pm,
        .devices = m->devices,
        .stdout_path = path,
        .bootargs = m->cfg.append,
        .initrd_start = b->initrd,
        .initrd_end = b->initrd_end,
        .has_seed = m->cfg.has_seed,
        .seed = m->cfg.seed,
    };
    struct file f;
    int rc;
    snprintf(path, sizeof(path), "/soc/serial@%llx", UART16550_BASE);
    free(m->dtb);
    m->dtb = NULL;
    if (!m->cfg.dtb)
        return fdt_build(&p, &m->dtb, &m->dtb_size);
    rc = file_read(&f, "dtb", m->cfg.dtb, m->pm->size, "guest memory");
    if (rc)
        return rc;
    rc = fdt_from_file(&p, &f, &m->dtb, &m->dtb_size);
    file_release(&f);
    return rc;
}

static int place_dtb(struct boot *b)
{
    struct mh_machine *m = b->m;
    uint64_t size = m->dtb_size + FDT_SLACK;
    gpa_t at;
    bool ok = layout_place(&b->layout, "device tree", size, BOOT_ALIGN, BOOT_TOP, &at) ||
              layout_place(&b->layout, "device tree", m->dtb_size, 8, UINT64_MAX, &at);
    if (ok) {
        m->boot.dtb = at;
        return physmem_write(m->pm, at, m->dtb, m->dtb_size);
    }
    if (m->boot.start == START_ALL && m->cfg.image) {
        log_at(LOG_SIM, LOG_WARN, "no room for a device tree: a1 is 0");
        return 0;
    }
    return error_set(MH_ERROR_CORE, -ENOSPC, "memory", NULL,
                     "too small: kernel and device tree do not fit");
}

/* The kernel as fw_dynamic wants it told (OpenSBI, docs/firmware/fw_dynamic.md). */
static int place_fw_info(struct boot *b)
{
    struct mh_machine *m = b->m;
    uint64_t info[6] = {FW_MAGIC, FW_VERSION, b->next, FW_MODE_S, 0, 0};
    gpa_t at;
    if (!layout_place(&b->layout, "firmware information", sizeof(info), PAGE_SIZE, BOOT_TOP, &at))
        return error_set(MH_ERROR_CORE, -ENOSPC, "memory", NULL, "too small for the firmware");
    m->boot.a2 = at;
    return physmem_write(m->pm, at, info, sizeof(info));
}

/* ---- all together ---------------------------------------------------------------------------- */

static int load_files(struct boot *b)
{
    const struct mh_vm_config *cfg = &b->m->cfg;
    int rc = 0;
    if (cfg->image || cfg->image_data)
        rc = load_program(b);
    if (!rc && cfg->kernel)
        rc = load_kernel(b);
    if (!rc && has_firmware(cfg))
        rc = load_firmware(b);
    if (!rc && cfg->initrd)
        rc = load_initrd(b);
    return rc;
}

static int serve_htif(struct mh_machine *m)
{
    if (!m->has_elf || m->elf.tohost == ELF_NO_SYMBOL)
        return 0;
    if (htif_set(m->htif, m->elf.tohost, m->elf.fromhost))
        return error_set(MH_ERROR_CORE, -EINVAL, "image", m->cfg.image,
                         "tohost and fromhost must be in RAM and 8-byte aligned");
    return 0;
}

int machine_load(struct mh_machine *m)
{
    struct boot b = {.m = m};
    m->has_elf = false;
    layout_init(&b.layout, m->pm);
    int rc = load_files(&b);
    if (!rc)
        rc = make_dtb(&b);
    if (!rc)
        rc = place_dtb(&b);
    if (!rc && has_firmware(&m->cfg))
        rc = place_fw_info(&b);
    if (!rc)
        rc = serve_htif(m);
    if (!rc)
        m->gt->boot(m->guest, &m->boot);
    return rc;
}
