/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit little-endian ELF executables into guest RAM (System V gABI, chapters
 * 4 and 5): bare-metal programs, firmware and vmlinux.  Called by the thread
 * that initialises the machine.
 */
#ifndef SIM_LOAD_ELF_H
#define SIM_LOAD_ELF_H

#include "sim/file.h"
#include "sim/layout.h"

#define ELF_NO_SYMBOL UINT64_MAX

struct elf_image {
    gpa_t entry;
    gpa_t low, high; /* lowest and one past the highest loaded byte */
    /* ELF_NO_SYMBOL where the file has none */
    gpa_t tohost, fromhost, begin_signature, end_signature;
};

/* Whether the file starts with the ELF magic. */
bool elf_is(const struct file *f);

/*
 * Checks the file against machine (e_machine of the guest) and loads its PT_LOAD segments at their
 * physical addresses; bytes past p_filesz are zeroed.  A position-independent executable linked
 * outside RAM is moved to bias.  0 or -errno with the error set.
 */
int elf_load(const struct file *f, uint16_t machine, gpa_t bias, struct layout *l,
             struct elf_image *out);

#endif
