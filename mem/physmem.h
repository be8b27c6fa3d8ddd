/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM: one mapping, one flag byte per 4 KiB page, and lock shards.
 *
 * Ordinary loads and stores of harts reach the mapping through their TLBs with
 * no lock and never come here.  Here comes what must be ordered:
 *
 *   - LR/SC: a reservation lives in the hart's struct reservation and is
 *     registered with the shard of its page;
 *   - stores and AMOs to a page that carries PAGE_RESERVED or PAGE_CODE (the
 *     TLB never holds a fast write entry for such a page);
 *   - bulk access by devices, the loader and the debugger.
 *
 * Rules.
 *   1. A page belongs to exactly one shard (hash of its page number).
 *   2. PAGE_RESERVED is set outside the shard's lock, then hooks.sync_page is
 *      called: when it returns, no hart holds a fast write entry for the page
 *      any more.  Only then may a reservation be registered; PAGE_READY says
 *      that it is so.  The other half is the hart's: between its look at the
 *      flags and its tlb_fill of a write entry it serves no sync_page request.
 *   3. PAGE_RESERVED is cleared under the shard's lock, and only when no
 *      reservation is live in the page; pages that see many slow stores and no
 *      LR lose it (see reserve.c), so that a lock that was once there does not
 *      slow the page for ever.
 *   4. Every write to a page with PAGE_RESERVED is done under the shard's lock
 *      and kills the reservations of others on the 64-byte granules it touches,
 *      whatever value it writes.  (A thread cannot know that a page will not
 *      get the flag while it writes, so the functions here always lock.)
 *   5. A write to a page with PAGE_CODE calls hooks.code_written after the
 *      bytes are stored (outside the shard's lock); PAGE_WATCH likewise
 *      hooks.watch_written.
 *
 * Threads: everything here may be called from any thread unless said.
 */
#ifndef MEM_PHYSMEM_H
#define MEM_PHYSMEM_H

#include "mem/amo.h"
#include "sim/base/atomic.h"
#include "sim/base/bits.h"
#include "sim/base/lock.h"

#define GRANULE_SIZE 64ull /* reservation granule, bytes: the cache line (Za64rs) */

enum page_flag {
    PAGE_DIRTY = 1 << 0, /* written since the flag was cleared (set when a write entry is made) */
    PAGE_CODE = 1 << 1,  /* decoded or translated code was made from it */
    PAGE_RESERVED = 1 << 2, /* a reservation is or lately was live in it */
    PAGE_WATCH = 1 << 3,    /* somebody above wants to see each write (HTIF's tohost) */
    PAGE_READY = 1 << 4,    /* with PAGE_RESERVED: sync_page is done; under the shard's lock */
    PAGE_SLOW_WRITE = PAGE_CODE | PAGE_RESERVED | PAGE_WATCH,
};

/* Filled by the folders above; opaque is theirs.  NULL functions are skipped. */
struct physmem_hooks {
    void *opaque;
    /*
     * Makes every hart drop its fast write entries for the page and waits until all have.
     * Called with no lock held, on a hart thread (which serves its own mailbox while it waits)
     * or on another thread.
     */
    void (*sync_page)(void *opaque, gpa_t page);
    /* Bytes of a PAGE_CODE page were written. */
    void (*code_written)(void *opaque, gpa_t gpa, uint64_t len);
    /*
     * Bytes of a PAGE_WATCH page were written, by a hart or by physmem_write or physmem_written.
     * Has an opaque of its own.
     */
    void *watch_opaque;
    void (*watch_written)(void *watch_opaque, gpa_t gpa, uint64_t len);
};

/* RAM below 2 GiB is mapped so near to its guest addresses, if the process has the room. */
#define PHYSMEM_NEAR (1 << 30)

struct physmem_config {
    gpa_t base;         /* page aligned */
    uint64_t size;      /* bytes, page aligned, not 0 */
    unsigned shards;    /* power of two, 1..4096; 0 means 16 */
    bool huge_pages;    /* advise transparent huge pages */
    int numa_node;      /* bind to this node, or -1 */
    bool single_writer; /* one hart only: no page need carry PAGE_RESERVED */
};

struct reservation; /* mem/reserve.h */

struct shard {
    CACHE_ALIGNED struct lock lock;   /* RANK_SHARD */
    struct reservation *reservations; /* under lock: live ones in pages of this shard */
    uint64_t slow_stores;             /* under lock; statistics */
    uint64_t decays;                  /* under lock: pages that lost PAGE_RESERVED */
};

struct physmem {
    uint8_t *host;  /* constant after creation: host address of base */
    gpa_t base;     /* constant */
    uint64_t size;  /* constant, bytes */
    uint8_t *flags; /* one byte per page, atomic */
    uint8_t *heat;  /* one byte per page: slow stores since the last LR, under the shard's lock */
    struct shard *shards;
    unsigned shard_mask;
    bool single_writer;         /* atomic; may become false, never true */
    uint64_t foreign_writes;    /* atomic: writes so far by who is no hart; raised under the shard's
                                   lock, after the bytes */
    uint32_t lent;              /* atomic: physmem_lend */
    bool dropping;              /* atomic: zeros_drop looks */
    struct physmem_hooks hooks; /* set before harts run */
};

int physmem_create(struct physmem **out, const struct physmem_config *cfg);
void physmem_destroy(struct physmem *pm);

/* Whether [gpa, gpa+len) lies in RAM. */
static inline bool physmem_contains(const struct physmem *pm, gpa_t gpa, uint64_t len)
{
    uint64_t off = gpa - pm->base;
    return off < pm->size && len <= pm->size - off;
}

/* Host address of a guest physical address that physmem_contains. */
static inline uint8_t *physmem_host(const struct physmem *pm, gpa_t gpa)
{
    return pm->host + (gpa - pm->base);
}

static inline uint8_t physmem_page_flags(const struct physmem *pm, gpa_t gpa)
{
    return load_acquire(&pm->flags[(gpa - pm->base) >> PAGE_SHIFT]);
}

/* Sets flag bits without any synchronisation (PAGE_DIRTY). */
static inline void physmem_flag_set(struct physmem *pm, gpa_t gpa, uint8_t bits)
{
    uint8_t *f = &pm->flags[(gpa - pm->base) >> PAGE_SHIFT];
    if ((load_relaxed(f) & bits) != bits)
        fetch_or_seq_cst(f, bits);
}

static inline void physmem_flag_clear(struct physmem *pm, gpa_t gpa, uint8_t bits)
{
    fetch_and_seq_cst(&pm->flags[(gpa - pm->base) >> PAGE_SHIFT], (uint8_t)~bits);
}

/*
 * Rule 2: sets PAGE_RESERVED, PAGE_CODE or PAGE_WATCH and waits until no hart holds a fast write
 * entry.  It waits also when the bit was set already, because who set it may still be waiting.
 * After it has returned for PAGE_CODE, a read of the page's bytes sees every store that will not be
 * reported to hooks.code_written.
 */
void physmem_flag_sync(struct physmem *pm, gpa_t gpa, uint8_t bit);

/*
 * A hart's store of size 1, 2, 4 or 8 bytes, naturally aligned or not but inside one page, in RAM,
 * for a page that may carry slow-write flags.  self is the storing hart's reservation (survives) or
 * NULL.  One atomic store to the guest when aligned or inside an aligned 16 bytes.
 */
void physmem_store_slow(struct physmem *pm, struct reservation *self, gpa_t gpa, unsigned size,
                        uint64_t value);

/*
 * An AMO or CAS of 1, 2, 4 or 8 bytes (aligned, or inside an aligned 16) on a page that may carry
 * slow-write flags; returns the old value, zero-extended.  A CAS that finds another value writes
 * nothing and kills nothing.
 */
uint64_t physmem_amo_slow(struct physmem *pm, struct reservation *self, gpa_t gpa, unsigned size,
                          enum amo_op op, uint64_t value);
uint64_t physmem_cas_slow(struct physmem *pm, struct reservation *self, gpa_t gpa, unsigned size,
                          uint64_t expected, uint64_t desired);
/* 16-byte CAS (aligned to 16); expected receives the old value. */
void physmem_cas16_slow(struct physmem *pm, struct reservation *self, gpa_t gpa,
                        uint64_t expected[2], const uint64_t desired[2]);

/*
 * The end of a write of bytes inside one page, after the shard's lock was dropped: marks the page
 * dirty, reports code and tells who watches.  For mem/ itself.
 */
void physmem_write_finish(struct physmem *pm, gpa_t gpa, uint64_t len);

/*
 * Bulk access by devices, loader, debugger: any length, across pages and shards.  -EFAULT when a
 * byte is outside RAM (nothing is written then).  Writes follow rules 4 and 5 and set PAGE_DIRTY.
 * An aligned access of 1, 2, 4 or 8 bytes is one atomic access, a longer one is not.
 */
int physmem_read(struct physmem *pm, gpa_t gpa, void *buf, uint64_t len);
int physmem_write(struct physmem *pm, gpa_t gpa, const void *buf, uint64_t len);
int physmem_fill(struct physmem *pm, gpa_t gpa, uint8_t byte, uint64_t len);

/*
 * For bytes that a device (or the host kernel for it) wrote in place through physmem_host: kills
 * reservations, reports code, marks dirty.  Called after the bytes are in memory and before the
 * guest is told.
 */
void physmem_written(struct physmem *pm, gpa_t gpa, uint64_t len);

/*
 * Around writes in place that neither a hart makes nor the thread that devices run on, as those of
 * the host kernel for a request: between the two no memory goes back to the host (zeros_drop).  Any
 * thread; lending waits for a drop under way.  What this file writes for others is so guarded.
 */
void physmem_lend(struct physmem *pm);
void physmem_lend_end(struct physmem *pm);

/* Bytes of host memory that back the guest's RAM (pages that were touched and are not swapped out).
 */
uint64_t physmem_resident(const struct physmem *pm);

static inline struct shard *physmem_shard(struct physmem *pm, gpa_t gpa)
{
    uint64_t page = gpa >> PAGE_SHIFT;
    return &pm->shards[(page ^ page >> 7) & pm->shard_mask];
}

#endif
