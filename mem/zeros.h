/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM that holds nothing but zeros and costs host memory all the same: a kernel clears tables
 * that it never fills.  Such memory can go back to the host, which gives zeros when it is touched
 * again; the guest sees no difference.  By chunks of the size of the host's huge pages; one that is
 * not nearly empty stays as it is, since without some of it the rest were no huge page any more.
 */
#ifndef MEM_ZEROS_H
#define MEM_ZEROS_H

#include "mem/physmem.h"

#define ZEROS_CHUNK ((uint64_t)2 << 20)
/* Pages in use that a chunk may have and still be worth it. */
#define ZEROS_USED 64

/* Whole chunks that the RAM has, aligned as the host's huge pages are. */
uint64_t zeros_chunks(const struct physmem *pm);

/*
 * Whether most of the chunk is in host memory and all but ZEROS_USED pages of it are zero or not
 * there.  Any thread while the guest runs: then it is a guess, of a moment that has passed.
 */
bool zeros_worth(const struct physmem *pm, uint64_t chunk);

/*
 * Gives the chunk's zero pages back, where it is still worth it; returns their bytes.  Every hart
 * is stopped (smp_pause), and the caller's is the thread on which devices write memory in place;
 * other writers wait or make it give nothing (physmem_lend).
 */
uint64_t zeros_drop(struct physmem *pm, uint64_t chunk);

#endif
