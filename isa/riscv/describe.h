/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder for users of the library: the functions of guest_type that
 * isa/riscv/guest.c lists.  Any thread; a decoder is constant once made.
 */
#ifndef ISA_RISCV_DESCRIBE_H
#define ISA_RISCV_DESCRIBE_H

#include "isa/guest.h"

int rv_decoder_create(struct guest_decoder **out, const char *isa);
void rv_decoder_destroy(struct guest_decoder *d);
size_t rv_decoder_decode(const struct guest_decoder *d, const void *bytes, size_t len, uint64_t pc,
                         struct mh_insn *out);

#endif
