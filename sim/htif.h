/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTIF, the host-target interface of the RISC-V test programs, as Spike serves
 * it (riscv-isa-sim, fesvr/): the guest stores a 64-bit word to its variable
 * `tohost`, the host answers in `fromhost`.
 *
 *   bits 63:56  device    0: system calls, 1: character console
 *   bits 55:48  command
 *   bits 47:0   payload
 *
 *   device 0, command 0   payload odd: the program ends with code payload >> 1;
 *                         even: address of eight 64-bit words, a system call
 *                         (number, six arguments) whose result replaces the
 *                         first word
 *   device 1, command 0   read a character; command 1: write payload's low byte
 *
 * The page of tohost carries PAGE_WATCH; htif_written is the hook that runs on
 * the storing hart's thread after each store there.
 */
#ifndef SIM_HTIF_H
#define SIM_HTIF_H

#include "mem/physmem.h"
#include "sim/base/loop.h"

struct htif;

struct htif_env {
    struct physmem *pm;
    struct loop *loop;
    void *opaque;
    void (*exit)(void *opaque, uint64_t code); /* any thread */
    size_t (*console_write)(void *opaque, const void *buf, size_t len);
    size_t (*console_read)(void *opaque, void *buf, size_t len);
};

int htif_create(struct htif **out, const struct htif_env *env);
void htif_destroy(struct htif *h);

/*
 * Serves these two words from now on (fromhost UINT64_MAX: none).  -EFAULT unless both lie in RAM,
 * 8-byte aligned.  Harts do not run.
 */
int htif_set(struct htif *h, gpa_t tohost, gpa_t fromhost);

/* For physmem_hooks.watch_written; opaque is the struct htif. */
void htif_written(void *opaque, gpa_t gpa, uint64_t len);

#endif
