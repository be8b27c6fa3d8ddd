/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What surrounds a program in the guest's memory: the start that sets CSRs and
 * enters the program, trap handlers of M and S that log what happened and go on
 * behind it, page tables, pages of functions.
 *
 * A handler passes over the instruction that trapped; a fetch that failed goes
 * on at x30.  The M handler serves ecalls (x17 is an enum service).
 */
#ifndef TESTS_LOCKSTEP_IMAGE_H
#define TESTS_LOCKSTEP_IMAGE_H

#include "tests/lockstep/program.h"

enum service {
    SERVICE_END,    /* the program is at its end: WFI for ever */
    SERVICE_ENTRY,  /* page-table entry at x10 = x11, SFENCE.VMA */
    SERVICE_STATUS, /* mstatus: clears x10, sets x11 */
    SERVICE_NOTHING,
};

enum { IMAGE_ROOTS = 4 }; /* values of satp behind the literals */

/* The page-table entry of a window, as an offset in RAM: of the first or the second root. */
uint32_t image_entry_offset(unsigned window, bool second);
/* Random entries for a window of code and of data. */
uint32_t image_code_entry(const struct program *p, struct rng *r);
uint32_t image_data_entry(const struct program *p, struct rng *r);
/* Fills p->literals. */
void image_literals(struct program *p, struct rng *r);

/* Everything from RAM to AT_LOW_END, and the pages of the windows. */
struct image {
    uint8_t low[AT_LOW_END];
    uint8_t windows[WINDOWS * PAGE];
    uint64_t end; /* address of the loop at the end */
    struct code code;
};
void image_make(struct image *m, const struct program *p);

#endif
