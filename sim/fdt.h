/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree that the guest gets: built from the machine's parts, or read
 * from --dtb.  Called by the thread that initialises the machine.
 */
#ifndef SIM_FDT_H
#define SIM_FDT_H

#include "dev/dev.h"
#include "isa/guest.h"
#include "sim/file.h"

#define FDT_SEED_BYTES 32

struct fdt_params {
    const struct guest_type *gt;
    struct guest *guest;
    unsigned harts;
    const struct physmem *pm;
    struct dev *devices;            /* linked by next, lowest address first */
    const char *stdout_path;        /* "/soc/serial@10000000", or NULL */
    const char *bootargs;           /* NULL: none */
    gpa_t initrd_start, initrd_end; /* equal: none */
    bool has_seed;
    uint64_t seed; /* of /chosen/rng-seed; without it the host's random source */
};

/* Builds a packed tree; the caller frees *out.  0 or -errno with the error set. */
int fdt_build(const struct fdt_params *p, void **out, size_t *size);

/*
 * Checks the file and copies it, with p's bootargs and initrd in /chosen where p has them; the
 * caller frees *out.
 */
int fdt_from_file(const struct fdt_params *p, const struct file *f, void **out, size_t *size);

#endif
