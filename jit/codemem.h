/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for code: one memfd mapped twice, once to write and once to run; no
 * mapping is both.  It is handed out in chunks; a thread fills a chunk of its
 * own, so writing code takes no lock.  A chunk is given back as a whole.
 *
 * Taking and giving back: any thread.
 */
#ifndef JIT_CODEMEM_H
#define JIT_CODEMEM_H

#include "jit/jit.h"

#define CODEMEM_CHUNK_MIN (16u << 10)
#define CODEMEM_CHUNK_MAX (256u << 10)
#define CODEMEM_MIN       (256u << 10) /* the least a cache may have, bytes */

struct codemem;

/* About so many bytes: a whole number of chunks, at least CODEMEM_MIN.  -ENOMEM, -errno. */
int codemem_create(struct codemem **out, size_t bytes);
void codemem_destroy(struct codemem *m);

/* A chunk's number, or -1: all are taken. */
int codemem_take(struct codemem *m);
/* The chunk is full, and seldom written from now on: its memory is mapped once, where it runs. */
void codemem_settle(struct codemem *m, int chunk);
/* Nobody runs or writes the chunk any more.  Its memory goes back to the host. */
void codemem_give_back(struct codemem *m, int chunk);

struct jit_room codemem_room(const struct codemem *m, int chunk);
unsigned codemem_chunks(const struct codemem *m);
size_t codemem_chunk_bytes(const struct codemem *m);
/* Which chunk the address (running view) is in. */
int codemem_chunk_of(const struct codemem *m, uintptr_t rx);

/* Code as 32 bits: its distance from the running view's start. */
uintptr_t codemem_base(const struct codemem *m);
/* The writable view of a place in the running one. */
uint8_t *codemem_rw(const struct codemem *m, uintptr_t rx);

#endif
