/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio over MMIO, version 2 (virtio 1.2, section 4.2):
 *
 *   0x000 MagicValue R      0x030 QueueSel W      0x080 QueueDescLow/High W
 *   0x004 Version R         0x034 QueueNumMax R   0x090 QueueDriverLow/High W
 *   0x008 DeviceID R        0x038 QueueNum W      0x0a0 QueueDeviceLow/High W
 *   0x00c VendorID R        0x044 QueueReady RW   0x0b0 SHMLenLow/High R
 *   0x010 DeviceFeatures R  0x050 QueueNotify W   0x0b8 SHMBaseLow/High R
 *   0x014 ...Sel W          0x060 InterruptStatus R
 *   0x020 DriverFeatures W  0x064 InterruptACK W  0x0fc ConfigGeneration R
 *   0x024 ...Sel W          0x070 Status RW       0x100 configuration space
 *
 * Control registers are 32 bits wide, others are not decoded (an access fault).
 * The configuration space takes 8, 16, 32 and 64 bits; beyond the device's part
 * it reads 0.
 *
 * What a driver may do in which state (3.1.1) is enforced: features can be
 * written until FEATURES_OK is accepted, a queue's registers while it is not
 * ready, DRIVER_OK only after FEATURES_OK, and no queue is served before
 * DRIVER_OK.  Status bits are only ever added, until a reset.  Writes out of
 * turn are ignored.
 */
#include "dev/virtio/virtio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/fdt.h"
#include "sim/base/error.h"
#include "sim/base/log.h"

enum virtio_reg {
    REG_MAGIC = 0x000,
    REG_VERSION = 0x004,
    REG_DEVICE_ID = 0x008,
    REG_VENDOR_ID = 0x00c,
    REG_DEVICE_FEATURES = 0x010,
    REG_DEVICE_FEATURES_SEL = 0x014,
    REG_DRIVER_FEATURES = 0x020,
    REG_DRIVER_FEATURES_SEL = 0x024,
    REG_QUEUE_SEL = 0x030,
    REG_QUEUE_NUM_MAX = 0x034,
    REG_QUEUE_NUM = 0x038,
    REG_QUEUE_READY = 0x044,
    REG_QUEUE_NOTIFY = 0x050,
    REG_INTERRUPT_STATUS = 0x060,
    REG_INTERRUPT_ACK = 0x064,
    REG_STATUS = 0x070,
    REG_QUEUE_DESC = 0x080,
    REG_QUEUE_DRIVER = 0x090,
    REG_QUEUE_DEVICE = 0x0a0,
    REG_SHM_LEN = 0x0b0,
    REG_SHM_BASE = 0x0b8,
    REG_CONFIG_GENERATION = 0x0fc,
    REG_CONFIG = 0x100,
};

enum { VIRTIO_MAGIC = 0x74726976, VIRTIO_VENDOR = 0x52414d48 /* "HMAR" */ };
enum { ISR_USED = 1, ISR_CONFIG = 2 };

#define VIRTIO_TRANSPORT_FEATURES                                                                  \
    (1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_INDIRECT_DESC | 1ull << VIRTIO_F_EVENT_IDX)

/* ---- interrupts and state ------------------------------------------------ */

static void virtio_update_irq(struct virtio *v)
{
    irq_set(&v->dev.irq, v->isr != 0);
}

static void virtio_interrupt(struct virtio *v, uint32_t cause)
{
    v->isr |= cause;
    virtio_update_irq(v);
}

bool virtio_is_live(const struct virtio *v)
{
    return (v->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
}

void virtio_broken(struct virtio *v, const char *why)
{
    if (v->status & VIRTIO_NEEDS_RESET)
        return;
    /* Once loudly: a guest could fill the user's terminal. */
    log_at(LOG_DEV, v->warned ? LOG_DEBUG : LOG_WARN,
           "%s: the guest's driver broke the protocol: %s", v->dev.name, why);
    v->warned = true;
    v->status |= VIRTIO_NEEDS_RESET;
    if (v->status & VIRTIO_DRIVER_OK)
        virtio_interrupt(v, ISR_CONFIG);
}

void virtio_config_changed(struct virtio *v)
{
    v->config_generation++;
    if (v->status & VIRTIO_DRIVER_OK)
        virtio_interrupt(v, ISR_CONFIG);
}

/* ---- queues -------------------------------------------------------------- */

int virtio_pop(struct virtio *v, unsigned q, struct ring_chain *c)
{
    if (!virtio_is_live(v))
        return 0;
    if (!v->budget) {
        virtio_kick(v, q);
        return 0;
    }
    v->budget--;
    int ret = ring_pop(&v->queues[q].ring, c);
    if (ret >= 0)
        return ret;
    virtio_broken(v, "invalid descriptors");
    return 0;
}

void virtio_push(struct virtio *v, unsigned q, uint16_t head, uint32_t written)
{
    if (virtio_is_live(v))
        ring_push(&v->queues[q].ring, head, written);
}

void virtio_signal(struct virtio *v, unsigned q)
{
    if (virtio_is_live(v) && ring_wants_interrupt(&v->queues[q].ring))
        virtio_interrupt(v, ISR_USED);
}

void virtio_kick(struct virtio *v, unsigned q)
{
    if (q >= v->queue_count || !v->queues[q].ring.ready || !virtio_is_live(v))
        return;
    v->queues[q].notified = true;
    loop_bell_ring(v->bell);
}

/* I/O thread: serves what was notified. */
static void virtio_bell(void *opaque)
{
    struct virtio *v = opaque;
    lock_take(&v->dev.lock);
    for (unsigned q = 0; q < v->queue_count; q++) {
        struct virtio_queue *vq = &v->queues[q];
        if (vq->notified && vq->ring.ready && virtio_is_live(v)) {
            vq->notified = false;
            v->budget = VIRTIO_QUEUE_SIZE;
            v->ops->serve(v, q);
        }
    }
    lock_drop(&v->dev.lock);
    if (v->ops->served)
        v->ops->served(v);
}

static void virtio_quiesce(struct virtio *v)
{
    if (v->ops->quiesce)
        v->ops->quiesce(v);
}

static void virtio_queue_stop(struct virtio *v, struct virtio_queue *vq)
{
    if (!vq->ring.ready)
        return;
    vq->generation++;
    vq->notified = false;
    ring_stop(&vq->ring);
    virtio_quiesce(v);
}

static void virtio_queue_start(struct virtio *v, struct virtio_queue *vq)
{
    vq->ring.indirect = virtio_has(v, VIRTIO_F_INDIRECT_DESC);
    vq->ring.event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX);
    if (vq->ring.num > VIRTIO_QUEUE_SIZE || ring_start(&vq->ring, v->dev.env->pm))
        virtio_broken(v, "a queue's size or addresses cannot be used");
}

static void virtio_queue_clear(struct virtio_queue *vq)
{
    vq->generation++;
    vq->notified = false;
    ring_stop(&vq->ring);
    vq->ring.num = VIRTIO_QUEUE_SIZE;
    vq->ring.desc = vq->ring.avail = vq->ring.used = 0;
}

void virtio_mmio_reset(struct dev *d)
{
    struct virtio *v = virtio_of(d);
    v->generation++;
    v->status = v->isr = 0;
    v->accepted = 0;
    v->features_sel = v->driver_sel = v->queue_sel = 0;
    for (unsigned q = 0; q < v->queue_count; q++)
        virtio_queue_clear(&v->queues[q]);
    virtio_quiesce(v);
    if (v->ops->reset)
        v->ops->reset(v);
    virtio_update_irq(v);
}

/* ---- registers ----------------------------------------------------------- */

static struct virtio_queue *virtio_selected(struct virtio *v)
{
    return v->queue_sel < v->queue_count ? &v->queues[v->queue_sel] : NULL;
}

static uint32_t virtio_read_reg(struct virtio *v, uint64_t offset)
{
    const struct virtio_queue *vq = virtio_selected(v);
    switch (offset) {
    case REG_MAGIC:
        return VIRTIO_MAGIC;
    case REG_VERSION:
        return 2;
    case REG_DEVICE_ID:
        return v->ops->device_id;
    case REG_VENDOR_ID:
        return VIRTIO_VENDOR;
    case REG_DEVICE_FEATURES:
        return v->features_sel < 2 ? (uint32_t)(v->offered >> 32 * v->features_sel) : 0;
    case REG_QUEUE_NUM_MAX:
        return vq ? VIRTIO_QUEUE_SIZE : 0;
    case REG_QUEUE_READY:
        return vq ? vq->ring.ready : 0;
    case REG_INTERRUPT_STATUS:
        return v->isr;
    case REG_STATUS:
        return v->status;
    case REG_SHM_LEN:
    case REG_SHM_LEN + 4:
    case REG_SHM_BASE:
    case REG_SHM_BASE + 4:
        return UINT32_MAX; /* no shared memory regions */
    case REG_CONFIG_GENERATION:
        return v->config_generation;
    }
    return 0;
}

static void virtio_write_features(struct virtio *v, uint32_t value)
{
    if (v->status & VIRTIO_FEATURES_OK || v->driver_sel > 1)
        return;
    unsigned shift = 32 * v->driver_sel;
    v->accepted = (v->accepted & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
}

/* 3.1.1 steps 5 and 6: only a set that was offered, and only a modern driver. */
static bool virtio_features_valid(const struct virtio *v)
{
    return virtio_has(v, VIRTIO_F_VERSION_1) && !(v->accepted & ~v->offered);
}

static void virtio_write_status(struct virtio *v, uint32_t value)
{
    if (!value) {
        virtio_mmio_reset(&v->dev);
        return;
    }
    uint32_t added = value & 0xff & ~(uint32_t)VIRTIO_NEEDS_RESET & ~v->status;
    if (added & VIRTIO_FEATURES_OK && !virtio_features_valid(v))
        added &= ~(uint32_t)VIRTIO_FEATURES_OK;
    if (added & VIRTIO_DRIVER_OK && !((v->status | added) & VIRTIO_FEATURES_OK))
        added &= ~(uint32_t)VIRTIO_DRIVER_OK;
    v->status |= added;
    if (added & VIRTIO_DRIVER_OK && v->status & VIRTIO_NEEDS_RESET)
        virtio_interrupt(v, ISR_CONFIG);
    /* Buffers that were made available before DRIVER_OK. */
    for (unsigned q = 0; added & VIRTIO_DRIVER_OK && q < v->queue_count; q++)
        virtio_kick(v, q);
}

static void virtio_set_half(gpa_t *gpa, uint64_t offset, uint32_t value)
{
    unsigned shift = offset & 4 ? 32 : 0;
    *gpa = (*gpa & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
}

static void virtio_write_queue(struct virtio *v, uint64_t offset, uint32_t value)
{
    struct virtio_queue *vq = virtio_selected(v);
    if (!vq)
        return;
    if (offset == REG_QUEUE_READY) {
        if (!(value & 1))
            virtio_queue_stop(v, vq);
        else if (!vq->ring.ready && v->status & VIRTIO_FEATURES_OK)
            virtio_queue_start(v, vq);
        return;
    }
    if (vq->ring.ready)
        return;
    switch (offset & ~4ull) {
    case REG_QUEUE_NUM & ~4ull:
        vq->ring.num = value <= UINT16_MAX ? (uint16_t)value : 0;
        break;
    case REG_QUEUE_DESC:
        virtio_set_half(&vq->ring.desc, offset, value);
        break;
    case REG_QUEUE_DRIVER:
        virtio_set_half(&vq->ring.avail, offset, value);
        break;
    case REG_QUEUE_DEVICE:
        virtio_set_half(&vq->ring.used, offset, value);
        break;
    }
}

static void virtio_write_reg(struct virtio *v, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case REG_DEVICE_FEATURES_SEL:
        v->features_sel = value;
        break;
    case REG_DRIVER_FEATURES:
        virtio_write_features(v, value);
        break;
    case REG_DRIVER_FEATURES_SEL:
        v->driver_sel = value;
        break;
    case REG_QUEUE_SEL:
        v->queue_sel = value;
        break;
    case REG_QUEUE_NOTIFY:
        virtio_kick(v, value);
        break;
    case REG_INTERRUPT_ACK:
        v->isr &= ~value;
        virtio_update_irq(v);
        break;
    case REG_STATUS:
        virtio_write_status(v, value);
        break;
    case REG_QUEUE_NUM:
    case REG_QUEUE_READY:
    case REG_QUEUE_DESC:
    case REG_QUEUE_DESC + 4:
    case REG_QUEUE_DRIVER:
    case REG_QUEUE_DRIVER + 4:
    case REG_QUEUE_DEVICE:
    case REG_QUEUE_DEVICE + 4:
        virtio_write_queue(v, offset, value);
        break;
    }
}

/* Bytes of an access at offset that lie in the device's configuration space. */
static unsigned virtio_config_part(const struct virtio *v, uint64_t offset, unsigned size)
{
    return offset >= v->config_size ? 0 : (unsigned)min_u64(size, v->config_size - offset);
}

static bool virtio_decodes(uint64_t offset, unsigned size)
{
    if (offset & (size - 1))
        return false;
    return offset >= REG_CONFIG || size == 4;
}

bool virtio_mmio_read(struct dev *d, uint64_t offset, unsigned size, uint64_t *value)
{
    struct virtio *v = virtio_of(d);
    if (!virtio_decodes(offset, size))
        return false;
    if (offset < REG_CONFIG) {
        *value = virtio_read_reg(v, offset);
        return true;
    }
    *value = 0;
    unsigned n = virtio_config_part(v, offset - REG_CONFIG, size);
    if (n && v->ops->config_read)
        v->ops->config_read(v, (unsigned)(offset - REG_CONFIG), value, n);
    return true;
}

bool virtio_mmio_write(struct dev *d, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio *v = virtio_of(d);
    if (!virtio_decodes(offset, size))
        return false;
    if (offset < REG_CONFIG) {
        virtio_write_reg(v, offset, (uint32_t)value);
        return true;
    }
    unsigned n = virtio_config_part(v, offset - REG_CONFIG, size);
    if (n && v->ops->config_write)
        v->ops->config_write(v, (unsigned)(offset - REG_CONFIG), &value, n);
    return true;
}

/* ---- life ---------------------------------------------------------------- */

int virtio_init(struct virtio *v)
{
    v->offered |= VIRTIO_TRANSPORT_FEATURES;
    v->queues = calloc(v->queue_count ? v->queue_count : 1, sizeof(*v->queues));
    if (!v->queues)
        return error_set(MH_ERROR_DEVICE, -ENOMEM, "device", v->dev.name, "%s: out of memory",
                         v->dev.name);
    for (unsigned q = 0; q < v->queue_count; q++)
        virtio_queue_clear(&v->queues[q]);
    int err = loop_bell_add(v->dev.env->loop, virtio_bell, v, &v->bell);
    if (err)
        free(v->queues);
    return err;
}

void virtio_fini(struct virtio *v)
{
    lock_take(&v->dev.lock);
    virtio_mmio_reset(&v->dev);
    lock_drop(&v->dev.lock);
    loop_bell_remove(v->bell);
    free(v->queues);
}

int virtio_mmio_fdt(struct dev *d, void *fdt, int soc)
{
    static const char compatible[] = "virtio,mmio";
    int node = dev_fdt_node(d, fdt, soc, "virtio_mmio", compatible, sizeof(compatible));
    return node < 0 ? node : 0;
}

int virtio_mmio_save(struct dev *d, void *buf, size_t size)
{
    (void)buf;
    (void)size;
    return error_set(MH_ERROR_DEVICE, -ENOTSUP, "device", d->name,
                     "%s: virtio devices cannot be saved yet", d->name);
}

int virtio_mmio_load(struct dev *d, const void *buf, size_t size)
{
    return virtio_mmio_save(d, (void *)(uintptr_t)buf, size);
}

/* ---- the empty slot ------------------------------------------------------ */

static const struct virtio_ops virtio_empty_ops = {.device_id = 0};

static int virtio_empty_init(struct dev *d, const void *config)
{
    struct virtio *v = virtio_of(d);
    (void)config;
    v->ops = &virtio_empty_ops;
    return virtio_init(v);
}

static void virtio_empty_fini(struct dev *d)
{
    virtio_fini(virtio_of(d));
}

const struct dev_type virtio_empty_type = {
    .name = "virtio-empty",
    .device_type = MH_DEVICE_CUSTOM,
    .size = sizeof(struct virtio),
    .mmio_size = VIRTIO_MMIO_SIZE,
    .init = virtio_empty_init,
    .reset = virtio_mmio_reset,
    .fini = virtio_empty_fini,
    .read = virtio_mmio_read,
    .write = virtio_mmio_write,
    .fdt = virtio_mmio_fdt,
    .save = virtio_mmio_save,
    .load = virtio_mmio_load,
};
