/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM: creation, the slow stores of harts and the bulk access of
 * devices.  Any thread; the rules are in physmem.h.
 *
 * Every write here has the same shape: under the shard's lock kill the
 * reservations and write the bytes, then, with the lock dropped,
 * physmem_write_finish.  That learns, after a fence, whether code was made from
 * the page, and marks it dirty if it is not.  A decoder sets PAGE_CODE and then
 * reads the bytes, who wants to know of writes takes PAGE_DIRTY away and then
 * reads them: whichever comes second sees what the other did.
 */
#include "mem/physmem.h"

#include "mem/mag16.h"
#include "mem/reserve.h"
#include "sim/base/error.h"
#include "sim/base/log.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest and host share the byte order");

#define DEFAULT_SHARDS 16
#define MAX_SHARDS     4096
#define MAX_NUMA_NODES 1024
#define NEAR_STEP      (2u << 20) /* a huge page */
#define NEAR_TRIES     16
#define MPOL_BIND_MODE 2 /* MPOL_BIND of <numaif.h>, which would need libnuma */

/* ---- creation ------------------------------------------------------------ */

static int config_check(const struct physmem_config *cfg)
{
    char value[32];

    snprintf(value, sizeof(value), "%llu", (unsigned long long)cfg->size);
    if (!cfg->size || cfg->size & ~PAGE_MASK || cfg->base & ~PAGE_MASK ||
        cfg->size - 1 > UINT64_MAX - cfg->base)
        return error_set(MH_ERROR_MEMORY, -EINVAL, "memory", value,
                         "guest memory must be a whole number of 4 KiB pages, at least one");
    snprintf(value, sizeof(value), "%u", cfg->shards);
    if (cfg->shards && (!is_pow2(cfg->shards) || cfg->shards > MAX_SHARDS))
        return error_set(MH_ERROR_MEMORY, -EINVAL, "shards", value,
                         "the number of memory shards must be a power of two up to %d", MAX_SHARDS);
    snprintf(value, sizeof(value), "%d", cfg->numa_node);
    if (cfg->numa_node < -1 || cfg->numa_node >= MAX_NUMA_NODES)
        return error_set(MH_ERROR_MEMORY, -EINVAL, "numa node", value,
                         "there is no such NUMA node");
    return 0;
}

static int too_large(const struct physmem_config *cfg)
{
    char value[32];

    snprintf(value, sizeof(value), "%llu", (unsigned long long)cfg->size);
    return error_set(MH_ERROR_MEMORY, -ENOMEM, "memory", value,
                     "the host cannot provide %llu MiB of guest memory",
                     (unsigned long long)(cfg->size >> 20));
}

/* Binds the mapping to one NUMA node, before its first page is touched. */
static int numa_bind(struct physmem *pm, int node)
{
    unsigned long mask[MAX_NUMA_NODES / (8 * sizeof(long))] = {0};
    const unsigned bits = 8 * sizeof(long);
    char value[16];

    mask[(unsigned)node / bits] = 1ul << ((unsigned)node % bits);
    /* The kernel takes one bit less than it is told (mbind(2), maxnode). */
    if (syscall(SYS_mbind, pm->host, pm->size, MPOL_BIND_MODE, mask, MAX_NUMA_NODES + 1ul, 0) == 0)
        return 0;
    int rc = -errno;
    snprintf(value, sizeof(value), "%d", node);
    return error_set(MH_ERROR_MEMORY, rc, "numa node", value,
                     "cannot bind guest memory to the NUMA node: %s", error_text(rc));
}

/* MAP_NORESERVE: a page costs host memory when the guest touches it. */
static void *map_at(uint64_t host, uint64_t size, int flags)
{
    return mmap((void *)(uintptr_t)host, size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
}

/* Where host addresses are the guest's, or a little more or less, as others are there already. */
static void *map_near(const struct physmem_config *cfg)
{
    uint64_t step = (cfg->size + NEAR_STEP - 1) & ~(uint64_t)(NEAR_STEP - 1);
    for (int64_t k = 0; cfg->size <= INT32_MAX && k <= NEAR_TRIES; k = k > 0 ? -k : 1 - k) {
        int64_t add = k * (int64_t)step;
        uint64_t host = cfg->base + (uint64_t)add;
        bool below = add < 0 && cfg->base < (uint64_t)-add;
        if (add > PHYSMEM_NEAR || add < -PHYSMEM_NEAR || below || host < NEAR_STEP)
            continue;
        void *at = map_at(host, cfg->size, MAP_FIXED_NOREPLACE);
        if (at == (void *)(uintptr_t)host)
            return at;
        if (at != MAP_FAILED)
            munmap(at, cfg->size); /* a kernel that does not know the flag */
    }
    return MAP_FAILED;
}

static int map_ram(struct physmem *pm, const struct physmem_config *cfg)
{
    if (cfg->size > INT64_MAX)
        return too_large(cfg);
    void *host = map_near(cfg);
    if (host == MAP_FAILED)
        host = map_at(0, cfg->size, 0);
    if (host == MAP_FAILED)
        return too_large(cfg);
    pm->host = host;
    return 0;
}

static void advise_huge(struct physmem *pm)
{
    if (madvise(pm->host, pm->size, MADV_HUGEPAGE))
        log_at(LOG_MEM, LOG_INFO, "the host gives no huge pages: %s", error_text(-errno));
}

static int alloc_tables(struct physmem *pm, const struct physmem_config *cfg)
{
    unsigned shards = cfg->shards ? cfg->shards : DEFAULT_SHARDS;
    uint64_t pages = cfg->size >> PAGE_SHIFT;

    pm->flags = calloc(pages, 1);
    pm->heat = calloc(pages, 1);
    pm->shards = aligned_alloc(CACHE_LINE, shards * sizeof(struct shard));
    if (!pm->flags || !pm->heat || !pm->shards)
        return too_large(cfg);
    pm->shard_mask = shards - 1;
    memset(pm->shards, 0, shards * sizeof(struct shard));
    for (unsigned i = 0; i < shards; i++)
        lock_init(&pm->shards[i].lock, RANK_SHARD);
    return 0;
}

int physmem_create(struct physmem **out, const struct physmem_config *cfg)
{
    int rc = config_check(cfg);
    if (rc)
        return rc;
    struct physmem *pm = calloc(1, sizeof(*pm));
    if (!pm)
        return too_large(cfg);
    pm->base = cfg->base;
    pm->size = cfg->size;
    pm->single_writer = cfg->single_writer;
    rc = map_ram(pm, cfg);
    if (rc)
        goto fail;
    rc = alloc_tables(pm, cfg);
    if (rc)
        goto fail;
    if (cfg->numa_node >= 0) {
        rc = numa_bind(pm, cfg->numa_node);
        if (rc)
            goto fail;
    }
    if (cfg->huge_pages)
        advise_huge(pm);
    *out = pm;
    return 0;

fail:
    physmem_destroy(pm);
    return rc;
}

void physmem_destroy(struct physmem *pm)
{
    if (!pm)
        return;
    free(pm->shards);
    free(pm->heat);
    free(pm->flags);
    if (pm->host)
        munmap(pm->host, pm->size);
    free(pm);
}

uint64_t physmem_resident(const struct physmem *pm)
{
    unsigned char there[4096];
    uint64_t step = ARRAY_LEN(there) * PAGE_SIZE, pages = 0;
    for (uint64_t at = 0; at < pm->size; at += step) {
        uint64_t len = min_u64(step, pm->size - at);
        if (mincore(pm->host + at, len, there))
            return 0;
        for (uint64_t i = 0; i < len / PAGE_SIZE; i++)
            pages += there[i] & 1;
    }
    return pages * PAGE_SIZE;
}

/* ---- flags --------------------------------------------------------------- */

void physmem_flag_sync(struct physmem *pm, gpa_t gpa, uint8_t bit)
{
    /* Pairs with physmem_write_finish, and through the hart's answer to sync_page with
     * physmem_page_flags in a hart that makes a write entry. */
    fetch_or_seq_cst(&pm->flags[(gpa - pm->base) >> PAGE_SHIFT], bit);
    if (pm->hooks.sync_page)
        pm->hooks.sync_page(pm->hooks.opaque, gpa & PAGE_MASK);
}

void physmem_write_finish(struct physmem *pm, gpa_t gpa, uint64_t len)
{
    const struct physmem_hooks *hooks = &pm->hooks;
    /*
     * Pairs with the one in physmem_flag_sync: see the head of the file.  Mostly the page is dirty
     * long since; flags of pages that others write stand beside.
     */
    fence_seq_cst();
    uint8_t old = physmem_page_flags(pm, gpa);
    if (unlikely(!(old & PAGE_DIRTY)))
        physmem_flag_set(pm, gpa, PAGE_DIRTY);

    if (unlikely(old & PAGE_CODE) && hooks->code_written)
        hooks->code_written(hooks->opaque, gpa, len);
    if (unlikely(old & PAGE_WATCH) && hooks->watch_written)
        hooks->watch_written(hooks->watch_opaque, gpa, len);
}

/* ---- foreign writers ------------------------------------------------------ */

void physmem_lend(struct physmem *pm)
{
    fetch_add_seq_cst(&pm->lent, 1);
    while (unlikely(load_seq_cst(&pm->dropping)))
        sched_yield();
}

void physmem_lend_end(struct physmem *pm)
{
    fetch_sub_acq_rel(&pm->lent, 1);
}

/* ---- single accesses ----------------------------------------------------- */

/*
 * One atomic access if it is aligned; else byte by byte in what order the
 * compiler likes, as accesses across an aligned 16 bytes promise no atomicity.
 */
static void host_store(uint8_t *p, const void *bytes, uint64_t size)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;

    if (size > 8 || !is_pow2(size) || (uintptr_t)p & (size - 1)) {
        copy_relaxed(p, bytes, size);
        return;
    }
    switch (size) {
    case 1:
        store_release(p, *(const uint8_t *)bytes);
        break;
    case 2:
        memcpy(&v16, bytes, 2);
        store_release((uint16_t *)(void *)p, v16);
        break;
    case 4:
        memcpy(&v32, bytes, 4);
        store_release((uint32_t *)(void *)p, v32);
        break;
    default:
        memcpy(&v64, bytes, 8);
        store_release((uint64_t *)(void *)p, v64);
    }
}

static void host_load(void *bytes, const uint8_t *p, uint64_t size)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;

    if (size > 8 || !is_pow2(size) || (uintptr_t)p & (size - 1)) {
        copy_relaxed(bytes, p, size);
        return;
    }
    switch (size) {
    case 1:
        *(uint8_t *)bytes = load_acquire(p);
        break;
    case 2:
        v16 = load_acquire((const uint16_t *)(const void *)p);
        memcpy(bytes, &v16, 2);
        break;
    case 4:
        v32 = load_acquire((const uint32_t *)(const void *)p);
        memcpy(bytes, &v32, 4);
        break;
    default:
        v64 = load_acquire((const uint64_t *)(const void *)p);
        memcpy(bytes, &v64, 8);
    }
}

/* Notes a write by who is no hart.  Pairs with the acquires of who asks: bytes before count. */
static void count_foreign_locked(struct physmem *pm)
{
    fetch_add_acq_rel(&pm->foreign_writes, 1);
}

/* The end of a hart's or a device's write, the bytes are in memory. */
static void wrote_locked(struct physmem *pm, struct shard *s, const struct reservation *self,
                         gpa_t gpa)
{
    if (!self)
        count_foreign_locked(pm);
    reservation_cool_locked(pm, s, gpa);
}

void physmem_store_slow(struct physmem *pm, struct reservation *self, gpa_t gpa, unsigned size,
                        uint64_t value)
{
    struct shard *s = physmem_shard(pm, gpa);

    lock_take(&s->lock);
    reservation_kill_locked(s, self, gpa, size);
    if (unlikely(gpa & (size - 1)) && mag16_contains(gpa, size))
        mag16_store(physmem_host(pm, gpa), size, value);
    else
        host_store(physmem_host(pm, gpa), &value, size);
    wrote_locked(pm, s, self, gpa);
    lock_drop(&s->lock);
    physmem_write_finish(pm, gpa, size);
}

uint64_t physmem_amo_slow(struct physmem *pm, struct reservation *self, gpa_t gpa, unsigned size,
                          enum amo_op op, uint64_t value)
{
    struct shard *s = physmem_shard(pm, gpa);
    uint64_t old;

    lock_take(&s->lock);
    reservation_kill_locked(s, self, gpa, size);
    old = amo_sized(physmem_host(pm, gpa), size, op, value);
    wrote_locked(pm, s, self, gpa);
    lock_drop(&s->lock);
    physmem_write_finish(pm, gpa, size);
    return old;
}

uint64_t physmem_cas_slow(struct physmem *pm, struct reservation *self, gpa_t gpa, unsigned size,
                          uint64_t expected, uint64_t desired)
{
    struct shard *s = physmem_shard(pm, gpa);

    if (!self)
        physmem_lend(pm);
    lock_take(&s->lock);
    uint64_t old = amo_cas_sized(physmem_host(pm, gpa), size, expected, desired);
    bool swapped = old == (expected & (UINT64_MAX >> (64 - 8 * size)));
    if (swapped) {
        reservation_kill_locked(s, self, gpa, size);
        wrote_locked(pm, s, self, gpa);
    }
    lock_drop(&s->lock);
    if (!self)
        physmem_lend_end(pm);
    if (swapped)
        physmem_write_finish(pm, gpa, size);
    return old;
}

void physmem_cas16_slow(struct physmem *pm, struct reservation *self, gpa_t gpa,
                        uint64_t expected[2], const uint64_t desired[2])
{
    struct shard *s = physmem_shard(pm, gpa);

    lock_take(&s->lock);
    bool swapped = amo_cas128(physmem_host(pm, gpa), expected, desired);
    if (swapped) {
        reservation_kill_locked(s, self, gpa, 16);
        wrote_locked(pm, s, self, gpa);
    }
    lock_drop(&s->lock);
    if (swapped)
        physmem_write_finish(pm, gpa, 16);
}

/* ---- bulk access --------------------------------------------------------- */

static int outside(gpa_t gpa, uint64_t len)
{
    return error_set(MH_ERROR_MEMORY, -EFAULT, NULL, NULL,
                     "guest physical range 0x%llx + 0x%llx is not all in RAM",
                     (unsigned long long)gpa, (unsigned long long)len);
}

/* Bytes from gpa to the end of its page, at most len. */
static uint64_t page_part(gpa_t gpa, uint64_t len)
{
    return min_u64(len, PAGE_SIZE - (gpa & ~PAGE_MASK));
}

int physmem_read(struct physmem *pm, gpa_t gpa, void *buf, uint64_t len)
{
    if (!len)
        return 0;
    if (!physmem_contains(pm, gpa, len))
        return outside(gpa, len);
    host_load(buf, physmem_host(pm, gpa), len);
    return 0;
}

/* Writes inside one page: bytes from src, or the byte fill if src is NULL. */
static void write_part(struct physmem *pm, gpa_t gpa, const uint8_t *src, uint8_t fill,
                       uint64_t len)
{
    struct shard *s = physmem_shard(pm, gpa);

    lock_take(&s->lock);
    reservation_kill_locked(s, NULL, gpa, len);
    if (src)
        host_store(physmem_host(pm, gpa), src, len);
    else
        fill_relaxed(physmem_host(pm, gpa), fill, len);
    count_foreign_locked(pm);
    lock_drop(&s->lock);
    physmem_write_finish(pm, gpa, len);
}

static int write_parts(struct physmem *pm, gpa_t gpa, const uint8_t *src, uint8_t fill,
                       uint64_t len)
{
    if (len && !physmem_contains(pm, gpa, len))
        return outside(gpa, len);
    physmem_lend(pm);
    while (len) {
        uint64_t n = page_part(gpa, len);
        write_part(pm, gpa, src, fill, n);
        gpa += n;
        len -= n;
        if (src)
            src += n;
    }
    physmem_lend_end(pm);
    return 0;
}

int physmem_write(struct physmem *pm, gpa_t gpa, const void *buf, uint64_t len)
{
    return write_parts(pm, gpa, buf, 0, len);
}

int physmem_fill(struct physmem *pm, gpa_t gpa, uint8_t byte, uint64_t len)
{
    return write_parts(pm, gpa, NULL, byte, len);
}

void physmem_written(struct physmem *pm, gpa_t gpa, uint64_t len)
{
    while (len) {
        uint64_t n = page_part(gpa, len);
        struct shard *s = physmem_shard(pm, gpa);

        lock_take(&s->lock);
        reservation_kill_locked(s, NULL, gpa, n);
        count_foreign_locked(pm);
        lock_drop(&s->lock);
        physmem_write_finish(pm, gpa, n);
        gpa += n;
        len -= n;
    }
}
