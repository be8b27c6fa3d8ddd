/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words to numbers, exactly: the whole text must be the number.  Used by the
 * configuration and by the verbs.  Pure functions; any thread.
 */
#ifndef SIM_PARSE_H
#define SIM_PARSE_H

#include "sim/base/bits.h"

/* Decimal, 0x hexadecimal or 0 octal, no sign.  -EINVAL: no number; -ERANGE: beyond 64 bits. */
int parse_u64(const char *text, uint64_t *out);

/* A number with one suffix of K, M, G, T (powers of 1024).  -EINVAL, -ERANGE. */
int parse_size(const char *text, uint64_t *out);

/* Seconds, with a fraction if need be, as nanoseconds; more than 0.  -EINVAL, -ERANGE. */
int parse_seconds(const char *text, uint64_t *out_ns);

/* Bytes as the shortest exact text: 128M, 4097. */
void parse_format_size(uint64_t bytes, char *buf, size_t size);

/*
 * The name of a list that is nearest to text by edit distance, ignoring case, or NULL if none is
 * near (more than a third of the letters differ).  next(opaque, i) gives the i-th name, NULL ends.
 */
const char *parse_nearest(const char *text, const char *(*next)(const void *opaque, size_t i),
                          const void *opaque);
/* The same over a NULL-terminated array. */
const char *parse_nearest_in(const char *text, const char *const *names);

#endif
