/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for translated code, and how to find who called it, in GDB and whatever
 * else knows GDB's interface for compilers at run time ("JIT Compilation
 * Interface" in its manual).  Each piece of code becomes an ELF file in memory
 * that a list tells of.
 *
 * GDB stops the program for each that comes or goes, and reads it: a translation
 * costs half a millisecond more while it is attached, and else 5 us (`tokens`);
 * with seven blocks 2 KiB.
 */
#ifndef JIT_GDB_H
#define JIT_GDB_H

#include "jit/jit.h"

struct jit_gdb; /* a file */

/* Code of one name: of translations, or a routine that they call. */
struct jit_gdb_part {
    char name[40];
    uintptr_t start;
    size_t size;
    bool routine;
};

/*
 * Tells of parts, by rising address, and adds what that needs to *list, which is the caller's.
 * Without memory nothing is told.  Any thread; one at a time for a list.
 */
void jit_gdb_add(struct jit_gdb **list, const struct jit_frame *frame,
                 const struct jit_gdb_part *parts, unsigned count);
/* The code is gone: takes back all of the list, and frees it. */
void jit_gdb_drop(struct jit_gdb **list);

#endif
