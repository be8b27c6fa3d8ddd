/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio driver for guest programs: one device on virtio-mmio (version 2), one
 * split queue, polled (virtio 1.2, sections 2.7, 3.1, 4.2).  A request is a chain
 * of up to three buffers whose descriptors are 3 * slot and the two after it.
 * One hart at a time uses a device.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "guest.h"

#define VIRTIO_SLOTS 8 /* of the machine */
#define VQ_REQUESTS  8
#define VQ_SIZE      32 /* 3 * VQ_REQUESTS, rounded up to a power of two */

#define VQ_NEXT  1
#define VQ_WRITE 2 /* by the device */

#define VIRTIO_RNG 4
#define VIRTIO_BLK 2

#define VIRTIO_BLK_F_FLUSH (1u << 9)
#define VIRTIO_BLK_IN      0
#define VIRTIO_BLK_OUT     1
#define VIRTIO_BLK_FLUSH   4

struct virtio_device {
    unsigned long base;
    struct {
        uint64_t addr;
        uint32_t len;
        uint16_t flags, next;
    } desc[VQ_SIZE] __attribute__((aligned(16)));
    struct {
        uint16_t flags, idx, ring[VQ_SIZE];
    } avail __attribute__((aligned(2)));
    struct {
        uint16_t flags, idx;
        struct {
            uint32_t id, len;
        } ring[VQ_SIZE];
    } used __attribute__((aligned(4)));
    uint16_t seen; /* of used.idx */
} __attribute__((aligned(4096)));

struct virtio_buffer {
    void *p;
    uint32_t len;
    bool device_writes;
};

static inline unsigned long virtio_slot(unsigned slot)
{
    return VIRT_VIRTIO + 0x1000UL * slot;
}

/* The first device of that id, or 0. */
static inline unsigned long virtio_find(unsigned id)
{
    for (unsigned slot = 0; slot < VIRTIO_SLOTS; slot++)
        if (mmio_read32(virtio_slot(slot)) == 0x74726976 &&
            mmio_read32(virtio_slot(slot) + 0x008) == id)
            return virtio_slot(slot);
    return 0;
}

static inline void virtio_set64(unsigned long reg, const void *p)
{
    mmio_write32(reg, (uint32_t)(unsigned long)p);
    mmio_write32(reg + 4, (uint32_t)((unsigned long)p >> 32));
}

/* Reset and everything up to DRIVER_OK, with queue 0 and these low feature bits of those offered.
 */
static inline void virtio_start(struct virtio_device *d, unsigned long base, uint32_t features)
{
    memset(d, 0, sizeof(*d));
    d->base = base;
    mmio_write32(base + 0x070, 0);
    mmio_write32(base + 0x070, 3); /* ACKNOWLEDGE, DRIVER */
    mmio_write32(base + 0x014, 0);
    features &= mmio_read32(base + 0x010);
    mmio_write32(base + 0x024, 0);
    mmio_write32(base + 0x020, features);
    mmio_write32(base + 0x024, 1);
    mmio_write32(base + 0x020, 1);  /* VIRTIO_F_VERSION_1 */
    mmio_write32(base + 0x070, 11); /* FEATURES_OK */
    CHECK(mmio_read32(base + 0x070) & 8);
    mmio_write32(base + 0x030, 0);
    CHECK(mmio_read32(base + 0x034) >= VQ_SIZE);
    mmio_write32(base + 0x038, VQ_SIZE);
    virtio_set64(base + 0x080, d->desc);
    virtio_set64(base + 0x090, &d->avail);
    virtio_set64(base + 0x0a0, &d->used);
    mmio_write32(base + 0x044, 1);
    mmio_write32(base + 0x070, 15); /* DRIVER_OK */
}

/* Makes a chain of n buffers available as request number slot, and tells the device. */
static inline void virtio_submit(struct virtio_device *d, unsigned slot,
                                 const struct virtio_buffer *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned at = 3 * slot + i;
        d->desc[at].addr = (unsigned long)b[i].p;
        d->desc[at].len = b[i].len;
        d->desc[at].flags = (b[i].device_writes ? VQ_WRITE : 0) | (i + 1 < n ? VQ_NEXT : 0);
        d->desc[at].next = (uint16_t)(at + 1);
    }
    d->avail.ring[d->avail.idx % VQ_SIZE] = (uint16_t)(3 * slot);
    __atomic_store_n(&d->avail.idx, (uint16_t)(d->avail.idx + 1), __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    mmio_write32(d->base + 0x050, 0);
}

/* Whether a request has completed since the last time; its slot and the bytes written. */
static inline bool virtio_poll(struct virtio_device *d, unsigned *slot, uint32_t *len)
{
    if (__atomic_load_n(&d->used.idx, __ATOMIC_ACQUIRE) == d->seen)
        return false;
    *slot = d->used.ring[d->seen % VQ_SIZE].id / 3;
    *len = d->used.ring[d->seen % VQ_SIZE].len;
    d->seen++;
    return true;
}

#endif
