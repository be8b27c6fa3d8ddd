/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio driver that means no good: what the targets virtio_blk, virtio_console
 * and virtio_rng share.  The input is a list of steps; most do something that a
 * driver does, with numbers that are right, nearly right or anything.  So chains
 * get loops, wraps and tables in tables, point at MMIO, at the rings, past the end
 * of RAM, and sizes and addresses change while the device is live.
 *
 * Queue q has its areas at RAM + 0x4000 * q, buffers are anywhere.
 */
#ifndef TESTS_FUZZ_VIRTIO_H
#define TESTS_FUZZ_VIRTIO_H

#include <unistd.h>

#include "dev/virtio/virtio.h"
#include "tests/fuzz/fuzz.h"

enum { DRV_QUEUES = 2, DRV_NUM = 8, DRV_IRQ = 1 };
enum { DRV_DESC = 0, DRV_AVAIL = 0x2000, DRV_USED = 0x3000, DRV_STRIDE = 0x4000 };
#define DRV_BUFFERS (FUZZ_RAM + 0x10000)

struct drv {
    struct fuzz_machine *m;
    struct dev *d;
    gpa_t base;
    uint16_t num;
    uint16_t avail[DRV_QUEUES];
};

static inline void drv_set(struct drv *v, unsigned reg, uint32_t value)
{
    FUZZ_CHECK(mmio_write(v->m->env.mmio, v->base + reg, 4, value));
}

static inline uint32_t drv_get(struct drv *v, unsigned reg)
{
    uint64_t value = 0;
    FUZZ_CHECK(mmio_read(v->m->env.mmio, v->base + reg, 4, &value));
    return (uint32_t)value;
}

static inline gpa_t drv_area(unsigned q, unsigned area)
{
    return FUZZ_RAM + (gpa_t)DRV_STRIDE * q + area;
}

static inline void *drv_ptr(struct drv *v, gpa_t gpa)
{
    return physmem_host(v->m->env.pm, gpa);
}

static inline void drv_queue(struct drv *v, unsigned q, uint16_t num, gpa_t desc, gpa_t avail,
                             gpa_t used)
{
    const gpa_t at[] = {desc, avail, used};
    v->avail[q] = 0;
    drv_set(v, 0x30, q);
    drv_set(v, 0x38, num);
    for (unsigned i = 0; i < 3; i++) {
        drv_set(v, 0x80 + 0x10 * i, (uint32_t)at[i]);
        drv_set(v, 0x84 + 0x10 * i, (uint32_t)(at[i] >> 32));
    }
    drv_set(v, 0x44, 1);
}

static inline void drv_features(struct drv *v, uint64_t features)
{
    drv_set(v, 0x70, 0);
    drv_set(v, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    for (unsigned i = 0; i < 2; i++) {
        drv_set(v, 0x24, i);
        drv_set(v, 0x20, (uint32_t)(features >> 32 * i));
    }
    drv_set(v, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
}

static inline uint64_t drv_offered(struct drv *v)
{
    drv_set(v, 0x14, 1);
    uint64_t high = drv_get(v, 0x10);
    drv_set(v, 0x14, 0);
    return high << 32 | drv_get(v, 0x10);
}

/* The whole handshake; rings are empty. */
static inline void drv_start(struct drv *v, uint64_t features, uint16_t num)
{
    drv_features(v, features);
    physmem_fill(v->m->env.pm, FUZZ_RAM, 0, DRV_STRIDE * DRV_QUEUES);
    v->num = num;
    for (unsigned q = 0; q < DRV_QUEUES; q++)
        drv_queue(v, q, num, drv_area(q, DRV_DESC), drv_area(q, DRV_AVAIL), drv_area(q, DRV_USED));
    drv_set(v, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

static inline void drv_put_desc(struct drv *v, gpa_t at, uint64_t addr, uint32_t len,
                                unsigned flags, unsigned next)
{
    uint64_t words[2] = {addr, len | (uint64_t)flags << 32 | (uint64_t)next << 48};
    memcpy(drv_ptr(v, at), words, sizeof(words));
}

static inline void drv_offer(struct drv *v, unsigned q, uint16_t head)
{
    uint8_t *avail = drv_ptr(v, drv_area(q, DRV_AVAIL));
    memcpy(avail + 4 + 2 * (v->avail[q] % DRV_NUM), &head, 2);
    v->avail[q]++;
    memcpy(avail + 2, &v->avail[q], 2);
}

static inline uint16_t drv_used(struct drv *v, unsigned q)
{
    uint16_t idx;
    memcpy(&idx, (uint8_t *)drv_ptr(v, drv_area(q, DRV_USED)) + 2, 2);
    return idx;
}

/* ---- steps ---- */

static inline uint64_t drv_address(struct fuzz_in *in)
{
    uint8_t kind = fuzz_u8(in);
    uint16_t x = fuzz_u16(in);
    switch (kind % 10) {
    case 0:
        return FUZZ_RAM + x; /* the rings themselves */
    case 1:
        return FUZZ_RAM + FUZZ_RAM_SIZE - (x & 0xff);
    case 2:
        return VIRTIO_MMIO_BASE + x; /* registers, perhaps its own */
    case 3:
        return fuzz_u64(in);
    case 4:
        return FUZZ_RAM - (x & 0xff);
    case 5:
        return 0ull - (x & 0xff);
    default:
        return DRV_BUFFERS + x;
    }
}

static inline uint32_t drv_length(struct fuzz_in *in)
{
    uint8_t kind = fuzz_u8(in);
    switch (kind % 8) {
    case 0:
        return fuzz_u32(in);
    case 1:
        return 0xffffffffu - kind / 8; /* nearly 2^32 */
    case 2:
        return 0;
    case 3:
        return 16;
    case 4:
        return 512u << kind / 8 % 8;
    case 5:
        return 16u * fuzz_u8(in);
    default:
        return 1u + fuzz_u8(in);
    }
}

/* A descriptor in a queue's table or anywhere (for indirect tables). */
static inline void drv_step_desc(struct drv *v, struct fuzz_in *in)
{
    uint8_t where = fuzz_u8(in), flags = fuzz_u8(in);
    gpa_t at = where & 0x80 ? DRV_BUFFERS + 16 * (where & 0x7f)
                            : drv_area(where >> 6, DRV_DESC) + 16 * (where % DRV_NUM);
    unsigned next = flags & 0x80 ? fuzz_u16(in) : (unsigned)(flags >> 3) % DRV_NUM;
    uint64_t addr = drv_address(in);
    drv_put_desc(v, at, addr, drv_length(in), flags & 7, next);
}

static inline void drv_step_start(struct drv *v, struct fuzz_in *in)
{
    uint8_t how = fuzz_u8(in);
    uint64_t features = drv_offered(v);
    if (how & 1)
        features &= fuzz_u64(in) | 1ull << VIRTIO_F_VERSION_1;
    if (how & 2)
        features = fuzz_u64(in);
    drv_start(v, features, how & 4 ? (uint16_t)(1u << (how >> 4)) : DRV_NUM);
}

static inline void drv_step_queue(struct drv *v, struct fuzz_in *in)
{
    uint8_t how = fuzz_u8(in);
    unsigned q = how & 1;
    if (how & 2) { /* the driver stops it first, as it should */
        drv_set(v, 0x30, q);
        drv_set(v, 0x44, 0);
    }
    uint16_t num = how & 4 ? DRV_NUM : fuzz_u16(in);
    gpa_t desc = how & 8 ? drv_area(q, DRV_DESC) : drv_address(in);
    gpa_t avail = how & 16 ? drv_area(q, DRV_AVAIL) : drv_address(in);
    drv_queue(v, q, num, desc, avail, how & 32 ? drv_area(q, DRV_USED) : drv_address(in));
}

static inline void drv_step_ram(struct drv *v, struct fuzz_in *in)
{
    size_t n, at = fuzz_u16(in) & 0x1ffff;
    const uint8_t *p = fuzz_bytes(in, 1 + fuzz_u8(in) % 32, &n);
    memcpy(drv_ptr(v, FUZZ_RAM + at), p, n);
}

static inline void drv_step(struct drv *v, struct fuzz_in *in, uint8_t op)
{
    static const uint8_t regs[] = {0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64,
                                   0x70, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0xfc};
    switch (op % 16) {
    case 0:
        drv_step_start(v, in);
        break;
    case 1:
    case 2:
    case 3:
        drv_step_desc(v, in);
        break;
    case 4:
    case 5:
        drv_offer(v, op >> 4 & 1, fuzz_u8(in) % DRV_NUM);
        break;
    case 6:
        v->avail[op >> 4 & 1] = fuzz_u16(in);
        drv_offer(v, op >> 4 & 1, fuzz_u16(in));
        break;
    case 7:
    case 8:
        drv_set(v, 0x50, op >> 4 & 1);
        break;
    case 9:
        fuzz_pump(v->m);
        break;
    case 10:
        drv_step_queue(v, in);
        break;
    case 11:
        drv_set(v, regs[op >> 4], op & 1 ? fuzz_u32(in) : fuzz_u8(in));
        break;
    case 12:
        fuzz_access(v->m, in, v->base, op & 0x80 ? 0x1000 : 0x180, fuzz_u64(in), op & 0x40);
        break;
    case 13:
        drv_step_ram(v, in);
        break;
    case 14:
        drv_set(v, 0x70, op & 0x80 ? fuzz_u8(in) : 0); /* a reset in flight */
        break;
    case 15:
        drv_set(v, 0x50, op >> 4 & 1);
        fuzz_pump(v->m);
        drv_set(v, 0x64, drv_get(v, 0x60));
        break;
    }
}

/* To the state after power-on; what the device did for the last input is over. */
static inline void drv_reset(struct drv *v)
{
    dev_reset(v->d);
    fuzz_pump(v->m);
    physmem_fill(v->m->env.pm, FUZZ_RAM, 0, FUZZ_RAM_SIZE);
    v->avail[0] = v->avail[1] = 0;
    v->num = DRV_NUM;
    FUZZ_CHECK(drv_get(v, 0x70) == 0 && drv_get(v, 0x60) == 0);
    FUZZ_CHECK(!v->m->line[DRV_IRQ]);
}

/* Serves until queue q has handed back n chains; workers may take their time. */
static inline void drv_expect_used(struct drv *v, unsigned q, uint16_t n)
{
    drv_set(v, 0x50, q);
    for (unsigned i = 0; i < 50000 && drv_used(v, q) != n; i++) {
        fuzz_pump(v->m);
        if (i > 10)
            usleep(100);
    }
    FUZZ_CHECK(drv_used(v, q) == n);
}

#endif
