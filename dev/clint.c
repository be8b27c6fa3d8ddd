/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SiFive's core-local interruptor (FU540-C000 manual, chapter 9), as in QEMU's
 * virt machine:
 *
 *   0x0000 + 4*hart   msip       RW 32  bit 0 is the hart's MSIP, others read 0
 *   0x4000 + 8*hart   mtimecmp   RW 64  MTIP is high while mtime >= mtimecmp
 *   0xbff8            mtime      RW 64  the machine's clock, shared by all harts
 *
 * msip takes 32-bit accesses, the 64-bit registers also halves.  Registers of
 * harts that do not exist read 0 and ignore writes.
 *
 * mtime is the machine's gclock.  Each hart has one loop timer which fires on
 * the I/O thread when mtimecmp is reached; both it and the register write set
 * the level under d->lock (RANK_IRQCHIP), so the last one to look decides on
 * the newest mtimecmp.  A hart that waits looks for itself when the time has come
 * (clint_look): the I/O thread may have no processor to itself.
 */
#include "dev/clint.h"

#include <libfdt.h>
#include <stdlib.h>

#include "dev/fdt.h"
#include "dev/snap.h"
#include "sim/base/error.h"

enum clint_reg {
    CLINT_MSIP = 0x0000,
    CLINT_MTIMECMP = 0x4000,
    CLINT_MTIME = 0xbff8,
    CLINT_SIZE = 0x10000,
    CLINT_HARTS_MAX = 4095,
};

struct clint;

struct clint_hart {
    struct clint *clint;      /* constant */
    struct loop_timer *timer; /* constant */
    uint64_t mtimecmp;        /* under d->lock */
    uint32_t msip;            /* under d->lock */
    unsigned index;           /* constant */
};

struct clint {
    struct dev dev;
    struct clint_hart *harts;
};

static struct clint *clint_of(struct dev *d)
{
    return container_of(d, struct clint, dev);
}

static void clint_raise(struct clint_hart *ch, enum hart_irq irq, bool level)
{
    const struct dev_env *env = ch->clint->dev.env;
    env->hart_irq(env->opaque, ch->index, irq, level);
}

/* Sets MTIP for the present time, and the timer for the next change. */
static void clint_timer_update_locked(struct clint_hart *ch)
{
    const struct dev_env *env = ch->clint->dev.env;
    bool reached = gclock_now(env->clock) >= ch->mtimecmp;
    uint64_t due_ns = reached ? UINT64_MAX : gclock_deadline_ns(env->clock, ch->mtimecmp);
    clint_raise(ch, HART_IRQ_MTIP, reached);
    loop_timer_set(ch->timer, due_ns);
    if (env->hart_due)
        env->hart_due(env->opaque, ch->index, due_ns);
}

static void clint_timer_fired(void *opaque)
{
    struct clint_hart *ch = opaque;
    lock_take(&ch->clint->dev.lock);
    clint_timer_update_locked(ch);
    lock_drop(&ch->clint->dev.lock);
}

void clint_look(struct dev *clint, unsigned hart)
{
    clint_timer_fired(&clint_of(clint)->harts[hart]);
}

static void clint_update_all_locked(struct clint *c)
{
    for (unsigned i = 0; i < c->dev.env->harts; i++)
        clint_timer_update_locked(&c->harts[i]);
}

static void clint_fini(struct dev *d)
{
    struct clint *c = clint_of(d);
    for (unsigned i = 0; c->harts && i < d->env->harts; i++)
        if (c->harts[i].timer)
            loop_timer_remove(c->harts[i].timer);
    free(c->harts);
}

static int clint_init(struct dev *d, const void *config)
{
    (void)config;
    struct clint *c = clint_of(d);
    lock_init(&d->lock, RANK_IRQCHIP);
    if (d->env->harts > CLINT_HARTS_MAX)
        return error_set(MH_ERROR_DEVICE, -EINVAL, "harts", NULL, "%s: serves at most %d harts",
                         d->name, CLINT_HARTS_MAX);
    c->harts = calloc(d->env->harts, sizeof(*c->harts));
    if (!c->harts)
        return -ENOMEM;
    for (unsigned i = 0; i < d->env->harts; i++) {
        struct clint_hart *ch = &c->harts[i];
        ch->clint = c;
        ch->index = i;
        ch->mtimecmp = UINT64_MAX;
        int err = loop_timer_add(d->env->loop, clint_timer_fired, ch, &ch->timer);
        if (err) {
            clint_fini(d);
            return err;
        }
    }
    return 0;
}

static void clint_reset(struct dev *d)
{
    struct clint *c = clint_of(d);
    for (unsigned i = 0; i < d->env->harts; i++) {
        c->harts[i].mtimecmp = UINT64_MAX;
        c->harts[i].msip = 0;
        clint_raise(&c->harts[i], HART_IRQ_MSIP, false);
    }
    clint_update_all_locked(c);
}

/* Which hart's register the offset is in, or NULL. */
static struct clint_hart *clint_hart_at(struct clint *c, uint64_t offset, uint64_t base,
                                        unsigned stride)
{
    uint64_t i = (offset - base) / stride;
    return i < c->dev.env->harts ? &c->harts[i] : NULL;
}

/* The part of a 64-bit register that an access of size bytes at offset sees. */
static uint64_t clint_part(uint64_t reg, uint64_t offset, unsigned size)
{
    return size == 8 ? reg : (uint32_t)(reg >> (offset & 4) * 8);
}

static uint64_t clint_merge(uint64_t reg, uint64_t offset, unsigned size, uint64_t value)
{
    if (size == 8)
        return value;
    unsigned shift = (offset & 4) * 8;
    return (reg & ~(0xffffffffull << shift)) | (value & 0xffffffff) << shift;
}

static bool clint_decodes(uint64_t offset, unsigned size)
{
    if (offset < CLINT_MTIMECMP)
        return size == 4 && !(offset & 3);
    return (size == 4 || size == 8) && !(offset & (size - 1));
}

static bool clint_read(struct dev *d, uint64_t offset, unsigned size, uint64_t *value)
{
    struct clint *c = clint_of(d);
    struct clint_hart *ch;
    if (!clint_decodes(offset, size))
        return false;
    *value = 0;
    if (offset < CLINT_MTIMECMP) {
        ch = clint_hart_at(c, offset, CLINT_MSIP, 4);
        *value = ch ? ch->msip : 0;
    } else if (offset < CLINT_MTIME) {
        ch = clint_hart_at(c, offset, CLINT_MTIMECMP, 8);
        *value = ch ? clint_part(ch->mtimecmp, offset, size) : 0;
    } else if (offset < CLINT_MTIME + 8) {
        *value = clint_part(gclock_now(d->env->clock), offset, size);
    }
    return true;
}

static void clint_write_msip(struct clint_hart *ch, uint64_t value)
{
    ch->msip = value & 1;
    clint_raise(ch, HART_IRQ_MSIP, ch->msip);
}

static void clint_write_mtimecmp(struct clint_hart *ch, uint64_t offset, unsigned size,
                                 uint64_t value)
{
    ch->mtimecmp = clint_merge(ch->mtimecmp, offset, size, value);
    clint_timer_update_locked(ch);
}

static bool clint_write(struct dev *d, uint64_t offset, unsigned size, uint64_t value)
{
    struct clint *c = clint_of(d);
    struct clint_hart *ch;
    if (!clint_decodes(offset, size))
        return false;
    if (offset < CLINT_MTIMECMP) {
        ch = clint_hart_at(c, offset, CLINT_MSIP, 4);
        if (ch)
            clint_write_msip(ch, value);
    } else if (offset < CLINT_MTIME) {
        ch = clint_hart_at(c, offset, CLINT_MTIMECMP, 8);
        if (ch)
            clint_write_mtimecmp(ch, offset, size, value);
    } else if (offset < CLINT_MTIME + 8) {
        gclock_set(d->env->clock, clint_merge(gclock_now(d->env->clock), offset, size, value));
        clint_update_all_locked(c);
    }
    return true;
}

static int clint_fdt(struct dev *d, void *fdt, int soc)
{
    static const char compatible[] = "sifive,clint0\0riscv,clint0";
    int node = dev_fdt_node(d, fdt, soc, "clint", compatible, sizeof(compatible));
    int err = node < 0 ? node : 0;
    for (unsigned h = 0; !err && h < d->env->harts; h++) {
        static const enum hart_irq wires[] = {HART_IRQ_MSIP, HART_IRQ_MTIP};
        for (unsigned i = 0; !err && i < ARRAY_LEN(wires); i++) {
            err = fdt_appendprop_u32(fdt, node, "interrupts-extended", dev_phandle_hart(h));
            if (!err)
                err = fdt_appendprop_u32(fdt, node, "interrupts-extended", wires[i]);
            err = dev_fdt_errno(err);
        }
    }
    return err;
}

/* Saved: mtime, then mtimecmp and msip of each hart. */
static int clint_save(struct dev *d, void *buf, size_t size)
{
    struct clint *c = clint_of(d);
    uint32_t words = 1 + 2 * d->env->harts;
    uint64_t *state = calloc(words, sizeof(*state));
    if (!state)
        return -ENOMEM;
    state[0] = gclock_now(d->env->clock);
    for (unsigned i = 0; i < d->env->harts; i++) {
        state[1 + 2 * i] = c->harts[i].mtimecmp;
        state[2 + 2 * i] = c->harts[i].msip;
    }
    int ret = snap_save(d, 1, state, words * (uint32_t)sizeof(*state), buf, size);
    free(state);
    return ret;
}

static int clint_load(struct dev *d, const void *buf, size_t size)
{
    struct clint *c = clint_of(d);
    uint32_t words = 1 + 2 * d->env->harts;
    uint64_t *state = calloc(words, sizeof(*state));
    if (!state)
        return -ENOMEM;
    int err = snap_load(d, 1, state, words * (uint32_t)sizeof(*state), buf, size);
    if (!err) {
        lock_take(&d->lock);
        gclock_set(d->env->clock, state[0]);
        for (unsigned i = 0; i < d->env->harts; i++) {
            c->harts[i].mtimecmp = state[1 + 2 * i];
            clint_write_msip(&c->harts[i], state[2 + 2 * i]);
        }
        clint_update_all_locked(c);
        lock_drop(&d->lock);
    }
    free(state);
    return err;
}

const struct dev_type clint_type = {
    .name = "clint",
    .device_type = MH_DEVICE_CUSTOM,
    .size = sizeof(struct clint),
    .mmio_size = CLINT_SIZE,
    .init = clint_init,
    .reset = clint_reset,
    .fini = clint_fini,
    .read = clint_read,
    .write = clint_write,
    .fdt = clint_fdt,
    .save = clint_save,
    .load = clint_load,
};
