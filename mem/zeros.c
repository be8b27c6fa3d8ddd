/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/zeros.h"

#include <string.h>
#include <sys/mman.h>

#define CHUNK_PAGES (ZEROS_CHUNK / PAGE_SIZE)

/* What a chunk's pages are, a bit each. */
struct chunk_pages {
    uint64_t zero[CHUNK_PAGES / 64]; /* in host memory and zero */
    unsigned zeros, used;            /* so many are, so many hold something */
};

static uint64_t first_offset(const struct physmem *pm)
{
    return -(uintptr_t)pm->host & (ZEROS_CHUNK - 1);
}

uint64_t zeros_chunks(const struct physmem *pm)
{
    uint64_t first = first_offset(pm);
    return pm->size < first ? 0 : (pm->size - first) / ZEROS_CHUNK;
}

static uint8_t *chunk_host(const struct physmem *pm, uint64_t chunk)
{
    return pm->host + first_offset(pm) + chunk * ZEROS_CHUNK;
}

/* A cache line at a time; others may be writing. */
static bool is_zero(const uint8_t *page)
{
    const uint64_t *p = (const uint64_t *)(const void *)page;
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*p); i += 8) {
        uint64_t any = 0;
        for (unsigned k = 0; k < 8; k++)
            any |= load_relaxed(&p[i + k]);
        if (any)
            return false;
    }
    return true;
}

/* False: it is not worth it, and not all of it was looked at. */
static bool look(const uint8_t *at, struct chunk_pages *c)
{
    unsigned char there[CHUNK_PAGES];
    memset(c, 0, sizeof(*c));
    if (mincore((void *)(uintptr_t)at, ZEROS_CHUNK, there))
        return false;
    for (unsigned i = 0; i < CHUNK_PAGES && c->used <= ZEROS_USED; i++) {
        if (!(there[i] & 1))
            continue;
        bool zero = is_zero(at + i * PAGE_SIZE);
        c->zero[i / 64] |= (uint64_t)zero << i % 64;
        c->zeros += zero;
        c->used += !zero;
    }
    return c->used <= ZEROS_USED && c->zeros >= CHUNK_PAGES / 2;
}

bool zeros_worth(const struct physmem *pm, uint64_t chunk)
{
    struct chunk_pages c;
    return look(chunk_host(pm, chunk), &c);
}

static bool page_is_zero(const struct chunk_pages *c, unsigned page)
{
    return page < CHUNK_PAGES && c->zero[page / 64] >> page % 64 & 1;
}

/* Each run of zero pages; returns the bytes. */
static uint64_t drop_runs(uint8_t *at, const struct chunk_pages *c)
{
    uint64_t bytes = 0;
    for (unsigned page = 0, end; page < CHUNK_PAGES; page = end) {
        for (end = page; page_is_zero(c, end);)
            end++;
        uint64_t len = (end - page) * PAGE_SIZE;
        if (len && madvise(at + page * PAGE_SIZE, len, MADV_DONTNEED) == 0)
            bytes += len;
        end += !len;
    }
    return bytes;
}

uint64_t zeros_drop(struct physmem *pm, uint64_t chunk)
{
    struct chunk_pages c;
    uint64_t bytes = 0;
    uint8_t *at = chunk_host(pm, chunk);
    /* Pairs with physmem_lend: it counts itself, then looks; we say it, then look. */
    store_seq_cst(&pm->dropping, true);
    if (!load_seq_cst(&pm->lent) && look(at, &c))
        bytes = drop_runs(at, &c);
    store_release(&pm->dropping, false);
    return bytes;
}
