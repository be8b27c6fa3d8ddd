/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The integer kernels: the same source is built for the host and, bare-metal,
 * for the guest.  A kernel does a fixed amount of work from fixed inputs and
 * returns a check value that both builds must agree on.
 */
#ifndef BENCH_KERNELS_H
#define BENCH_KERNELS_H

#include <stdint.h>

/* Memory of one run; each hart (or thread) has its own. */
struct kernel_memory {
    _Alignas(64) uint8_t bytes[256 * 1024];
    uint32_t words[64 * 1024];
};

struct kernel {
    const char *name;
    uint64_t (*run)(struct kernel_memory *m);
};

extern const struct kernel kernels[];
extern const unsigned kernel_count;

#endif
