/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels for S-mode in every form distributions ship (Linux:
 * Documentation/arch/riscv/boot-image-header.rst, drivers/firmware/efi/libstub/
 * zboot-header.S), and the initrd.  Called by the thread that initialises the
 * machine.
 */
#ifndef SIM_LOAD_IMAGE_H
#define SIM_LOAD_IMAGE_H

#include "sim/file.h"
#include "sim/layout.h"

#define KERNEL_OFFSET (2ull << 20) /* where a kernel that does not say goes, from the base of RAM  \
                                    */

struct kernel_image {
    gpa_t entry;
    gpa_t low, high;  /* range it needs, with its bss */
    const char *form; /* "Image", "EFI zboot, gzip", ...; static */
};

/* How --kernel says it: F, or F,raw[@ADDR]. */
struct kernel_spec {
    char *path; /* owned */
    bool raw;
    bool has_address;
    gpa_t address;
};

/* -EINVAL with the error set; the caller frees spec->path. */
int kernel_spec_parse(const char *text, struct kernel_spec *spec);

/*
 * Recognises the kernel in f, decompresses it and loads it.  What has no known header is refused,
 * unless spec->raw.
 */
int kernel_load(const struct file *f, const struct kernel_spec *spec, uint16_t machine,
                struct layout *l, struct kernel_image *out);

#endif
