/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was translated, for people and for perf: called by isa/riscv/jit.c after
 * each translation, on the hart's thread.
 */
#ifndef ISA_RISCV_JIT_DUMP_H
#define ISA_RISCV_JIT_DUMP_H

#include "isa/riscv/region.h"
#include "jit/gdb.h"

/* A region and where it is. */
struct rv_jit_dump {
    const struct rv_region_builder *builder; /* as the passes left it */
    const struct rv_ext_set *exts;
    gva_t page_va; /* as the hart that translated it has the page */
    gpa_t page;
    const uint8_t *code; /* the page's bytes */
    const struct jit_code *host;
    const uint8_t *bytes; /* of the host code, readable */
    unsigned offset;      /* in the page, where the region was asked for */
};

/*
 * Before the first: what stands at the head of each file (NULL: there is none).  The room is that
 * of the stubs.  The C library asks at the first write what kind of file it is, which threads that
 * are confined may not.
 */
void rv_jit_dump_begin(FILE *dump, FILE *map, const char *host, const struct jit_room *stubs);

/*
 * Appends the region to the file: for each block guest instructions, IR and host code, then what
 * belongs to no block.  Other threads' regions do not come in between.
 */
void rv_jit_dump(FILE *file, const struct rv_jit_dump *d);

/* Appends a line of a perf map: where code is, and the guest address that is its name. */
void rv_jit_map(FILE *file, const struct rv_jit_dump *d);

/* Tells GDB of the region: blocks by their guest addresses, and the rest. */
void rv_jit_tell_gdb(struct jit_gdb **list, const struct jit_frame *frame,
                     const struct rv_jit_dump *d);

#endif
