/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a virtio device (blk, console, rng) and the transport (mmio.c) owe each
 * other.  A device type's struct begins with struct virtio, its init fills the
 * constant part and calls virtio_init; its dev_type uses the virtio_mmio_*
 * functions for everything the transport does.
 *
 * Threads and locks: register accesses come from harts, under dev.lock.  A
 * notified queue is served on the I/O thread, also under dev.lock, so a device
 * never needs another lock for its rings.  Interrupts are raised under it too.
 *
 * Reset.  The write of 0 to Status is complete when it returns, as drivers
 * expect: the transport stops the rings and increments v->generation, and the
 * device's quiesce() waits until the host has finished with guest memory.  The
 * wait does not need the I/O thread (which may be waiting for dev.lock).  What
 * completes later carries the old generation and is dropped.
 */
#ifndef DEV_VIRTIO_VIRTIO_H
#define DEV_VIRTIO_VIRTIO_H

#include "dev/dev.h"
#include "dev/virtio/ring.h"

#define VIRTIO_MMIO_BASE   0x10001000ull
#define VIRTIO_MMIO_STRIDE 0x1000ull
enum { VIRTIO_MMIO_SLOTS = 8, VIRTIO_MMIO_IRQ = 1 /* of slot 0 */ };

enum { VIRTIO_QUEUES_MAX = 16, VIRTIO_QUEUE_SIZE = 256 };

enum virtio_feature {
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32,
};

enum virtio_status {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
    VIRTIO_FAILED = 128,
};

struct virtio;

struct virtio_ops {
    uint32_t device_id;
    /* Device configuration space; offset and len are inside config_size.  NULL: none. */
    void (*config_read)(struct virtio *v, unsigned offset, void *buf, unsigned len);
    void (*config_write)(struct virtio *v, unsigned offset, const void *buf, unsigned len);
    /* The driver has buffers in queue q.  I/O thread, lock held, queue ready, driver OK. */
    void (*serve)(struct virtio *v, unsigned q);
    /* After a round of serve(), I/O thread, no lock held: host system calls belong here.  May be
     * NULL. */
    void (*served)(struct virtio *v);
    /* Returns when the host touches guest memory no more.  Lock held, any thread.  NULL: never
     * does. */
    void (*quiesce)(struct virtio *v);
    /* Forgets what is in progress, after quiesce.  NULL: nothing is. */
    void (*reset)(struct virtio *v);
};

struct virtio_queue {
    struct ring ring;
    uint32_t generation; /* counts stops of this queue */
    bool notified;
};

/* All but the constant part under dev.lock. */
struct virtio {
    struct dev dev;
    const struct virtio_ops *ops; /* constant, as up to queue_count */
    uint64_t offered;             /* features of the device; the transport adds its own */
    unsigned config_size;         /* bytes */
    unsigned queue_count;
    struct virtio_queue *queues; /* virtio_init makes them */
    struct loop_bell *bell;

    uint64_t accepted; /* features the driver took; fixed by FEATURES_OK */
    uint32_t status;
    uint32_t isr;
    uint32_t features_sel, driver_sel, queue_sel;
    uint32_t config_generation;
    uint32_t generation; /* counts resets */
    unsigned budget;     /* chains that serve() may still pop in this round */
    bool warned;         /* the user was told about a broken driver */
};

/* ops, offered, config_size and queue_count are set. */
int virtio_init(struct virtio *v);
/* After it no serve() runs and all queues are stopped; takes the lock. */
void virtio_fini(struct virtio *v);

static inline struct virtio *virtio_of(struct dev *d)
{
    return container_of(d, struct virtio, dev);
}

static inline bool virtio_has(const struct virtio *v, unsigned feature)
{
    return v->accepted >> feature & 1;
}

/* The driver may be served: DRIVER_OK and no reset needed. */
bool virtio_is_live(const struct virtio *v);
/*
 * Pops from queue q, in serve() only: 1 or 0.  A broken ring makes the device need a reset and
 * counts as 0.  So does the end of the round's budget (a driver that refills the ring as fast as it
 * is emptied must not keep the I/O thread); serve() is called again then.
 */
int virtio_pop(struct virtio *v, unsigned q, struct ring_chain *c);
/* ring_push, for chains of this generation of the queue. */
void virtio_push(struct virtio *v, unsigned q, uint16_t head, uint32_t written);
/* Interrupts the driver if it wants to hear of what was pushed to q. */
void virtio_signal(struct virtio *v, unsigned q);
/* The driver broke the rules beyond repair: DEVICE_NEEDS_RESET and a configuration interrupt. */
void virtio_broken(struct virtio *v, const char *why);
/* The configuration space changed. */
void virtio_config_changed(struct virtio *v);
/* Serves queue q soon on the I/O thread, as if the driver had notified it. */
void virtio_kick(struct virtio *v, unsigned q);

/* For the dev_type of each device. */
bool virtio_mmio_read(struct dev *d, uint64_t offset, unsigned size, uint64_t *value);
bool virtio_mmio_write(struct dev *d, uint64_t offset, unsigned size, uint64_t value);
void virtio_mmio_reset(struct dev *d);
int virtio_mmio_fdt(struct dev *d, void *fdt, int soc);
/* -ENOTSUP: queues in flight are not saved yet. */
int virtio_mmio_save(struct dev *d, void *buf, size_t size);
int virtio_mmio_load(struct dev *d, const void *buf, size_t size);

enum { VIRTIO_MMIO_SIZE = 0x1000 };

/* A slot without a device: DeviceID 0, which drivers pass over. */
extern const struct dev_type virtio_empty_type;

#endif
