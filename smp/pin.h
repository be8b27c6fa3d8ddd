/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processor each hart's thread runs on, from hwloc's topology.
 */
#ifndef SMP_PIN_H
#define SMP_PIN_H

#include <stddef.h>

/*
 * The automatic plan: cores first, then further hardware threads of the same cores; one processor
 * is left for the I/O thread where there is one to spare.  With more harts than processors nothing
 * is pinned, since the host's scheduler then balances better than any fixed map.
 * pin[harts] and *io receive processor numbers or -1; why receives one line for people.
 * Returns the number of processors that may be used, or -errno.
 */
int pin_plan(unsigned harts, int *pin, int *io, char *why, size_t why_size);

/*
 * "0,2,4-7": the i-th hart goes to the i-th processor of the list, starting over at its end.
 * -EINVAL with error_set: bad syntax, or a processor that this process may not use.
 */
int pin_parse(const char *list, unsigned harts, int *pin);

/* Processors this process may use. */
unsigned pin_processors(void);

#endif
