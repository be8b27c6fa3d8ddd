/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ISA strings and profile names, from and to sets of extensions.  Called by the
 * configuration (--isa), the device tree and the info verb; pure functions, any
 * thread.  The names are those of exts.def.
 */
#ifndef ISA_RISCV_ISA_STRING_H
#define ISA_RISCV_ISA_STRING_H

#include "isa/riscv/decode.h"

/* The default machine's, and everything that the simulator implements. */
void isa_set_default(struct rv_ext_set *set);
void isa_set_all(struct rv_ext_set *set);

/*
 * Parses "rv64gc_zba_zbb", "rva22s64" or a profile followed by more names.  Any
 * case, single letters in any order, versions (2p1) accepted and not compared.
 * What an extension implies comes along.  If the text names no extension of the
 * privileged architecture (S...), the environment stays that of the default
 * machine: all S..., the counters, and what is promised of main memory; so
 * "rv64gc" boots a kernel.  (Those that are never there by themselves, OPT in
 * exts.def, do not count: "rv64gc_smrnmi" is "rv64gc" and one more.)  Returns 0; -EINVAL for what
 * is no ISA string or an unknown name; -ENOTSUP for a name that is known and not implemented.  The
 * error says which name, and the nearest known ones; *set is then unchanged.
 */
int isa_string_parse(const char *text, struct rv_ext_set *set);

/* Writes the canonical string, "rv64imafdc_zicbom_...".  Returns its full
 * length without the NUL, as snprintf. */
size_t isa_string_format(const struct rv_ext_set *set, char *buf, size_t size);

/* Writes the names one after the other, each with its NUL: the value of the
 * device tree's riscv,isa-extensions.  Returns the full number of bytes. */
size_t isa_string_list(const struct rv_ext_set *set, char *buf, size_t size);

/* The name in lower case; "zba". */
const char *isa_ext_name(enum rv_ext ext);

/* Whether the simulator implements it. */
bool isa_ext_supported(enum rv_ext ext);
/* Whether it does, but only where the ISA string names it. */
bool isa_ext_only_named(enum rv_ext ext);

/*
 * The i-th profile that isa_string_parse knows by name, or NULL behind the last.  missing (size
 * not 0) receives the names of what the simulator lacks of it: "" where the name is accepted.
 */
const char *isa_profile_at(size_t i, char *missing, size_t size);

#endif
