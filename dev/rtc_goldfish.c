/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goldfish real-time clock (Android's "Goldfish virtual hardware", section
 * "Goldfish real-time clock"), as in QEMU's virt machine.  Times are ns since
 * 1970; registers are 32 bits:
 *
 *   0x00 TIME_LOW         R  low half of now; latches the high half
 *                         W  low half of a new time (with the high half written before)
 *   0x04 TIME_HIGH        R  the latched high half    W  high half of a new time
 *   0x08 ALARM_LOW        RW low half; a write arms the alarm with the high half written before
 *   0x0c ALARM_HIGH       RW
 *   0x10 IRQ_ENABLED      RW bit 0 lets a pending interrupt through to the line
 *   0x14 CLEAR_ALARM      W  disarms
 *   0x18 ALARM_STATUS     R  1 while armed
 *   0x1c CLEAR_INTERRUPT  W  acknowledges
 *
 * An alarm in the past fires at once.  It is a loop timer; when the host's wall
 * clock is stepped meanwhile the timer looks again and sleeps on.
 */
#include "dev/rtc_goldfish.h"

#include <libfdt.h>

#include "dev/fdt.h"
#include "dev/snap.h"
#include "sim/base/clock.h"

enum rtc_reg {
    RTC_TIME_LOW = 0x00,
    RTC_TIME_HIGH = 0x04,
    RTC_ALARM_LOW = 0x08,
    RTC_ALARM_HIGH = 0x0c,
    RTC_IRQ_ENABLED = 0x10,
    RTC_CLEAR_ALARM = 0x14,
    RTC_ALARM_STATUS = 0x18,
    RTC_CLEAR_INTERRUPT = 0x1c,
};

struct rtc_regs {
    int64_t offset_ns; /* guest time minus host wall time */
    uint64_t alarm_ns;
    uint32_t time_high; /* latch of TIME_HIGH */
    uint32_t alarm_armed;
    uint32_t irq_pending;
    uint32_t irq_enabled;
};

struct rtc {
    struct dev dev;
    struct rtc_regs r; /* under d->lock */
    struct loop_timer *timer;
};

static struct rtc *rtc_of(struct dev *d)
{
    return container_of(d, struct rtc, dev);
}

static uint64_t rtc_now_ns(const struct rtc *c)
{
    return clock_wall_ns() + (uint64_t)c->r.offset_ns;
}

static void rtc_update_irq_locked(struct rtc *c)
{
    irq_set(&c->dev.irq, c->r.irq_pending && c->r.irq_enabled);
}

/* Fires the alarm if it is due, else sets the timer for it. */
static void rtc_update_alarm_locked(struct rtc *c)
{
    uint64_t now = rtc_now_ns(c), deadline_ns = UINT64_MAX;
    if (c->r.alarm_armed && c->r.alarm_ns <= now) {
        c->r.alarm_armed = 0;
        c->r.irq_pending = 1;
    }
    if (c->r.alarm_armed && c->r.alarm_ns - now < INT64_MAX / 2)
        deadline_ns = clock_now_ns() + (c->r.alarm_ns - now);
    loop_timer_set(c->timer, deadline_ns);
    rtc_update_irq_locked(c);
}

static void rtc_timer_fired(void *opaque)
{
    struct rtc *c = opaque;
    lock_take(&c->dev.lock);
    rtc_update_alarm_locked(c);
    lock_drop(&c->dev.lock);
}

static int rtc_init(struct dev *d, const void *config)
{
    (void)config;
    struct rtc *c = rtc_of(d);
    return loop_timer_add(d->env->loop, rtc_timer_fired, c, &c->timer);
}

static void rtc_fini(struct dev *d)
{
    loop_timer_remove(rtc_of(d)->timer);
}

/* The time survives, as in a clock with a battery. */
static void rtc_reset(struct dev *d)
{
    struct rtc *c = rtc_of(d);
    c->r = (struct rtc_regs){.offset_ns = c->r.offset_ns};
    rtc_update_alarm_locked(c);
}

static bool rtc_decodes(uint64_t offset, unsigned size)
{
    return size == 4 && !(offset & 3);
}

static uint32_t rtc_read_time_low(struct rtc *c)
{
    uint64_t now = rtc_now_ns(c);
    c->r.time_high = (uint32_t)(now >> 32);
    return (uint32_t)now;
}

static bool rtc_read(struct dev *d, uint64_t offset, unsigned size, uint64_t *value)
{
    struct rtc *c = rtc_of(d);
    if (!rtc_decodes(offset, size))
        return false;
    *value = 0;
    switch (offset) {
    case RTC_TIME_LOW:
        *value = rtc_read_time_low(c);
        break;
    case RTC_TIME_HIGH:
        *value = c->r.time_high;
        break;
    case RTC_ALARM_LOW:
        *value = (uint32_t)c->r.alarm_ns;
        break;
    case RTC_ALARM_HIGH:
        *value = c->r.alarm_ns >> 32;
        break;
    case RTC_IRQ_ENABLED:
        *value = c->r.irq_enabled;
        break;
    case RTC_ALARM_STATUS:
        *value = c->r.alarm_armed;
        break;
    }
    return true;
}

/* Replaces one half of the running time. */
static void rtc_write_time(struct rtc *c, uint64_t mask, uint64_t bits)
{
    uint64_t time_ns = (rtc_now_ns(c) & ~mask) | bits;
    c->r.offset_ns = (int64_t)(time_ns - clock_wall_ns());
    rtc_update_alarm_locked(c);
}

static void rtc_write_reg(struct rtc *c, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case RTC_TIME_LOW:
        rtc_write_time(c, 0xffffffff, value);
        break;
    case RTC_TIME_HIGH:
        rtc_write_time(c, ~0xffffffffull, (uint64_t)value << 32);
        break;
    case RTC_ALARM_LOW:
        c->r.alarm_ns = (c->r.alarm_ns & ~0xffffffffull) | value;
        c->r.alarm_armed = 1;
        rtc_update_alarm_locked(c);
        break;
    case RTC_ALARM_HIGH:
        c->r.alarm_ns = (uint32_t)c->r.alarm_ns | (uint64_t)value << 32;
        break;
    case RTC_IRQ_ENABLED:
        c->r.irq_enabled = value & 1;
        rtc_update_irq_locked(c);
        break;
    case RTC_CLEAR_ALARM:
        c->r.alarm_armed = 0;
        rtc_update_alarm_locked(c);
        break;
    case RTC_CLEAR_INTERRUPT:
        c->r.irq_pending = 0;
        rtc_update_irq_locked(c);
        break;
    }
}

static bool rtc_write(struct dev *d, uint64_t offset, unsigned size, uint64_t value)
{
    if (!rtc_decodes(offset, size))
        return false;
    rtc_write_reg(rtc_of(d), offset, (uint32_t)value);
    return true;
}

static int rtc_fdt(struct dev *d, void *fdt, int soc)
{
    static const char compatible[] = "google,goldfish-rtc";
    int node = dev_fdt_node(d, fdt, soc, "rtc", compatible, sizeof(compatible));
    return node < 0 ? node : 0;
}

static int rtc_save(struct dev *d, void *buf, size_t size)
{
    lock_take(&d->lock);
    struct rtc_regs r = rtc_of(d)->r;
    lock_drop(&d->lock);
    return snap_save(d, 1, &r, sizeof(r), buf, size);
}

static int rtc_load(struct dev *d, const void *buf, size_t size)
{
    struct rtc *c = rtc_of(d);
    struct rtc_regs r;
    int err = snap_load(d, 1, &r, sizeof(r), buf, size);
    if (err)
        return err;
    lock_take(&d->lock);
    c->r = r;
    rtc_update_alarm_locked(c);
    lock_drop(&d->lock);
    return 0;
}

const struct dev_type rtc_goldfish_type = {
    .name = "rtc-goldfish",
    .device_type = MH_DEVICE_CUSTOM,
    .size = sizeof(struct rtc),
    .mmio_size = 0x1000,
    .init = rtc_init,
    .reset = rtc_reset,
    .fini = rtc_fini,
    .read = rtc_read,
    .write = rtc_write,
    .fdt = rtc_fdt,
    .save = rtc_save,
    .load = rtc_load,
};
