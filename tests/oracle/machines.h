/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two machines that run a batch: QEMU as a process whose RAM is a memory
 * file of ours, and a machine of the library.  Same ELF, same addresses.
 */
#ifndef TESTS_ORACLE_MACHINES_H
#define TESTS_ORACLE_MACHINES_H

#include "isa/riscv/decode.h"
#include "tests/oracle/batch.h"

enum { MACHINE_QEMU, MACHINE_MANYHART, MACHINES };

/* The RAM of both from ORACLE_RAM on, after a run. */
struct machines {
    const char *qemu;           /* program */
    const char *isa, *engine;   /* of manyhart, NULL: its own */
    struct rv_ext_set exts;     /* what isa means */
    char qemu_cpu[2048];        /* -cpu for the same */
    bool in_qemu[RV_EXT_COUNT]; /* which extensions QEMU can be asked for */
    unsigned timeout_s;
    int ram_fd;
    uint8_t *ram[MACHINES];
    double seconds[MACHINES]; /* of all runs */
};

/* -1 and a message on stderr: no QEMU that can be had, or bad ISA string. */
int machines_init(struct machines *m);
void machines_fini(struct machines *m);
/* Runs the batch in both at the same time.  0, or a bit for each that did not end by itself. */
unsigned machines_run(struct machines *m, const struct batch *b);
/* Writes the batch's ELF to a file. */
int machines_save(const struct batch *b, const char *path);

static inline const struct guest_result *machine_result(const struct machines *m, unsigned which,
                                                        unsigned i)
{
    return (const struct guest_result *)(const void *)(m->ram[which] + ORACLE_RESULTS -
                                                       ORACLE_RAM) +
           i;
}

#endif
