/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives memory of the guest that holds nothing but zeros back to the host (mem/zeros.h), a little
 * at a time.  Runs on the loop's thread, which is the one that devices run on.
 */
#ifndef SIM_RECLAIM_H
#define SIM_RECLAIM_H

#include "mem/physmem.h"
#include "sim/base/loop.h"
#include "smp/smp.h"

#define RECLAIM_PERIOD_NS 50000000

struct reclaim;

struct reclaim_config {
    struct physmem *pm;
    struct smp *smp;
    struct loop *loop;
    uint64_t period_ns; /* between two passes, at least */
};

int reclaim_create(struct reclaim **out, const struct reclaim_config *cfg);
/* The loop's thread has ended, or this is it. */
void reclaim_destroy(struct reclaim *r);
/* Begins (again) to look: harts start. */
void reclaim_start(struct reclaim *r);
/* Bytes given back so far; any thread. */
uint64_t reclaim_bytes(const struct reclaim *r);

#endif
