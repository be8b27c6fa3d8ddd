/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for code in chunks; see codemem.h.  Chunks that were given back are
 * taken again before fresh ones, so a program with little code touches little.
 */
#include "jit/codemem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/base/error.h"
#include "sim/base/lock.h"

#if !defined(MFD_EXEC)
#define MFD_EXEC 0x10u /* Linux 6.3: says that it is meant to be executed */
#endif

struct codemem {
    uint8_t *rw;
    uintptr_t rx;
    size_t chunk_bytes;
    unsigned chunks;
    int fd;
    struct lock lock; /* RANK_LEAF: the two below */
    unsigned fresh;   /* chunks from here on were never taken */
    unsigned free_count;
    int *free; /* those that came back */
};

static int memory_fd(size_t bytes)
{
    int fd = memfd_create("manyhart-code", MFD_CLOEXEC | MFD_EXEC);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("manyhart-code", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)bytes)) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

static size_t chunk_size(size_t bytes)
{
    size_t chunk = CODEMEM_CHUNK_MIN;
    while (chunk < CODEMEM_CHUNK_MAX && chunk * 64 < bytes)
        chunk *= 2;
    return chunk;
}

int codemem_create(struct codemem **out, size_t bytes)
{
    struct codemem *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    bytes = max_u64(bytes, CODEMEM_MIN);
    lock_init(&m->lock, RANK_LEAF);
    m->chunk_bytes = chunk_size(bytes);
    m->chunks = (unsigned)(bytes / m->chunk_bytes);
    bytes = m->chunks * m->chunk_bytes;
    m->free = malloc(m->chunks * sizeof(*m->free));
    m->fd = memory_fd(bytes);
    void *rw = MAP_FAILED, *rx = MAP_FAILED;
    if (m->free && m->fd >= 0) {
        rw = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
        rx = mmap(NULL, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, m->fd, 0);
    }
    m->rw = rw == MAP_FAILED ? NULL : rw;
    m->rx = rx == MAP_FAILED ? 0 : (uintptr_t)rx;
    if (!m->rw || !m->rx) {
        codemem_destroy(m);
        return error_set(MH_ERROR_MEMORY, -ENOMEM, "jit-cache", NULL,
                         "no executable memory for translated code");
    }
    *out = m;
    return 0;
}

void codemem_destroy(struct codemem *m)
{
    if (!m)
        return;
    if (m->rw)
        munmap(m->rw, m->chunks * m->chunk_bytes);
    if (m->rx)
        munmap((void *)m->rx, m->chunks * m->chunk_bytes);
    if (m->fd >= 0)
        close(m->fd);
    free(m->free);
    free(m);
}

int codemem_take(struct codemem *m)
{
    int chunk = -1;
    lock_take(&m->lock);
    if (m->free_count)
        chunk = m->free[--m->free_count];
    else if (m->fresh < m->chunks)
        chunk = (int)m->fresh++;
    lock_drop(&m->lock);
    return chunk;
}

void codemem_settle(struct codemem *m, int chunk)
{
    (void)madvise(m->rw + (size_t)chunk * m->chunk_bytes, m->chunk_bytes, MADV_DONTNEED);
}

void codemem_give_back(struct codemem *m, int chunk)
{
    (void)madvise(m->rw + (size_t)chunk * m->chunk_bytes, m->chunk_bytes, MADV_REMOVE);
    lock_take(&m->lock);
    m->free[m->free_count++] = chunk;
    lock_drop(&m->lock);
}

struct jit_room codemem_room(const struct codemem *m, int chunk)
{
    size_t offset = (size_t)chunk * m->chunk_bytes;
    return (struct jit_room){.rw = m->rw + offset, .rx = m->rx + offset, .size = m->chunk_bytes};
}

unsigned codemem_chunks(const struct codemem *m)
{
    return m->chunks;
}

size_t codemem_chunk_bytes(const struct codemem *m)
{
    return m->chunk_bytes;
}

int codemem_chunk_of(const struct codemem *m, uintptr_t rx)
{
    return (int)((rx - m->rx) / m->chunk_bytes);
}

uintptr_t codemem_base(const struct codemem *m)
{
    return m->rx;
}

uint8_t *codemem_rw(const struct codemem *m, uintptr_t rx)
{
    return m->rw + (rx - m->rx);
}
