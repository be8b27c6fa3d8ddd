/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hand-made virtio driver for the tests of dev/virtio: it speaks to the
 * registers through the MMIO map and writes rings into RAM as a guest would,
 * rightly or wrongly.  Queue q has its areas at RAM + 0x10000 * q; buffers are
 * the test's, from DRV_BUFFERS on.
 */
#ifndef TESTS_UNIT_DEV_VIRTIO_DRIVER_H
#define TESTS_UNIT_DEV_VIRTIO_DRIVER_H

#include "tests/unit/dev_double.h"

#include "dev/virtio/virtio.h"

enum { DRV_IRQ = 1 };
#define DRV_BASE    VIRTIO_MMIO_BASE
#define DRV_BUFFERS (DOUBLE_RAM_BASE + 0x100000)

enum {
    DRV_ACK_DRIVER = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER,
    DRV_LIVE = DRV_ACK_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK,
};

struct drv {
    struct machine_double *m;
    struct dev *d;
    uint16_t num;
    uint16_t avail[4], used[4]; /* what the driver has made available, and has seen used */
};

static inline uint32_t drv_get(struct drv *v, unsigned reg)
{
    return (uint32_t)double_read(v->m, DRV_BASE + reg, 4);
}

static inline void drv_set(struct drv *v, unsigned reg, uint32_t value)
{
    double_write(v->m, DRV_BASE + reg, 4, value);
}

static inline gpa_t drv_desc_gpa(unsigned q)
{
    return DOUBLE_RAM_BASE + 0x10000 * q;
}

static inline gpa_t drv_avail_gpa(unsigned q)
{
    return drv_desc_gpa(q) + 0x4000;
}

static inline gpa_t drv_used_gpa(unsigned q)
{
    return drv_desc_gpa(q) + 0x8000;
}

static inline void *drv_ptr(struct drv *v, gpa_t gpa)
{
    return physmem_host(v->m->env.pm, gpa);
}

static inline void drv_put16(struct drv *v, gpa_t gpa, uint16_t value)
{
    store_release((uint16_t *)drv_ptr(v, gpa), value);
}

static inline uint16_t drv_get16(struct drv *v, gpa_t gpa)
{
    return load_acquire((uint16_t *)drv_ptr(v, gpa));
}

static inline void drv_put_desc(struct drv *v, gpa_t table, unsigned i, uint64_t addr, uint32_t len,
                                unsigned flags, unsigned next)
{
    uint64_t *p = drv_ptr(v, table + 16 * i);
    store_relaxed(&p[0], addr);
    store_relaxed(&p[1], len | (uint64_t)flags << 32 | (uint64_t)next << 48);
}

static inline void drv_desc(struct drv *v, unsigned q, unsigned i, uint64_t addr, uint32_t len,
                            unsigned flags, unsigned next)
{
    drv_put_desc(v, drv_desc_gpa(q), i, addr, len, flags, next);
}

/* Makes the chain at head available, and notifies. */
static inline void drv_offer(struct drv *v, unsigned q, unsigned head)
{
    drv_put16(v, drv_avail_gpa(q) + 4 + 2 * (v->avail[q] % v->num), (uint16_t)head);
    drv_put16(v, drv_avail_gpa(q) + 2, ++v->avail[q]);
}

static inline void drv_notify(struct drv *v, unsigned q)
{
    drv_set(v, 0x50, q);
}

static inline bool drv_has_used(struct drv *v, unsigned q)
{
    return drv_get16(v, drv_used_gpa(q) + 2) != v->used[q];
}

/* Waits for the next used element; returns its length and, if asked, its head. */
static inline uint32_t drv_wait_used(struct drv *v, unsigned q, uint32_t *head)
{
    DOUBLE_WAIT_FOR(drv_has_used(v, q));
    uint32_t *elem = drv_ptr(v, drv_used_gpa(q) + 4 + 8 * (v->used[q]++ % v->num));
    if (head)
        *head = load_relaxed(&elem[0]);
    return load_relaxed(&elem[1]);
}

static inline void drv_features(struct drv *v, uint64_t features)
{
    drv_set(v, 0x70, 0);
    drv_set(v, 0x70, VIRTIO_ACKNOWLEDGE);
    drv_set(v, 0x70, DRV_ACK_DRIVER);
    for (unsigned i = 0; i < 2; i++) {
        drv_set(v, 0x24, i);
        drv_set(v, 0x20, (uint32_t)(features >> 32 * i));
    }
    drv_set(v, 0x70, DRV_ACK_DRIVER | VIRTIO_FEATURES_OK);
}

static inline void drv_queue(struct drv *v, unsigned q, uint16_t num)
{
    v->num = num;
    v->avail[q] = v->used[q] = 0;
    memset(drv_ptr(v, drv_desc_gpa(q)), 0, 0x10000);
    drv_set(v, 0x30, q);
    drv_set(v, 0x38, num);
    drv_set(v, 0x80, (uint32_t)drv_desc_gpa(q));
    drv_set(v, 0x84, (uint32_t)(drv_desc_gpa(q) >> 32));
    drv_set(v, 0x90, (uint32_t)drv_avail_gpa(q));
    drv_set(v, 0x94, (uint32_t)(drv_avail_gpa(q) >> 32));
    drv_set(v, 0xa0, (uint32_t)drv_used_gpa(q));
    drv_set(v, 0xa4, (uint32_t)(drv_used_gpa(q) >> 32));
    drv_set(v, 0x44, 1);
}

static inline uint64_t drv_offered(struct drv *v)
{
    drv_set(v, 0x14, 1);
    uint64_t high = drv_get(v, 0x10);
    drv_set(v, 0x14, 0);
    return high << 32 | drv_get(v, 0x10);
}

/* The whole handshake, with queues of num entries. */
static inline void drv_start(struct drv *v, uint64_t features, unsigned queues, uint16_t num)
{
    drv_features(v, features);
    assert_true(drv_get(v, 0x70) & VIRTIO_FEATURES_OK);
    for (unsigned q = 0; q < queues; q++)
        drv_queue(v, q, num);
    drv_set(v, 0x70, DRV_LIVE);
    assert_int_equal(drv_get(v, 0x70), DRV_LIVE);
}

static inline void drv_create(struct drv *v, const struct dev_type *type, const void *config)
{
    *v = (struct drv){.m = double_create()};
    struct irq_line line = double_line(v->m, DRV_IRQ);
    assert_int_equal(
        dev_create(&v->d, type, &v->m->env, "virtio0", DRV_BASE, &line, DRV_IRQ, config), 0);
}

static inline void drv_destroy(struct drv *v)
{
    dev_destroy(v->d);
    double_destroy(v->m);
}

/* Acknowledges what is pending; returns it. */
static inline uint32_t drv_ack(struct drv *v)
{
    uint32_t isr = drv_get(v, 0x60);
    drv_set(v, 0x64, isr);
    return isr;
}

#define DRV_F_VERSION_1 (1ull << VIRTIO_F_VERSION_1)
#define DRV_F_INDIRECT  (1ull << VIRTIO_F_INDIRECT_DESC)
#define DRV_F_EVENT_IDX (1ull << VIRTIO_F_EVENT_IDX)

#endif
