/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device is, and what it may ask of the machine.
 *
 * A device is one file with one `const struct dev_type`.  Register access runs
 * on the hart's thread under the device's lock and never blocks; what takes
 * long is done on the I/O thread (env->loop), woken by a bell.  A device knows
 * guest RAM, the MMIO map, its interrupt line, the guest clock and the loop,
 * nothing else: no hart, no machine.
 *
 * Everything the guest can write is hostile: an answer is what the
 * specification says, never an exit and never an assert.
 */
#ifndef DEV_DEV_H
#define DEV_DEV_H

#include "mem/mmio.h"
#include "mem/physmem.h"
#include "sim/base/gclock.h"
#include "sim/base/lock.h"
#include "sim/base/loop.h"
#include "sim/include/manyhart.h"

struct dev;

/* A wire.  set is idempotent, any thread, takes locks of RANK_IRQCHIP and above only. */
struct irq_line {
    void (*set)(void *opaque, unsigned n, bool level);
    void *opaque;
    unsigned n;
};

static inline void irq_set(const struct irq_line *line, bool level)
{
    if (line->set)
        line->set(line->opaque, line->n, level);
}

/* Interrupt inputs of a hart, as bit numbers of mip (Privileged, mip/mie). */
enum hart_irq {
    HART_IRQ_SSIP = 1,
    HART_IRQ_MSIP = 3,
    HART_IRQ_STIP = 5,
    HART_IRQ_MTIP = 7,
    HART_IRQ_SEIP = 9,
    HART_IRQ_MEIP = 11,
};

enum machine_exit { MACHINE_POWEROFF, MACHINE_REBOOT, MACHINE_FAIL };

/* What the machine gives its devices; one per machine, constant while devices live. */
struct dev_env {
    struct physmem *pm;
    struct mmio_map *mmio;
    struct loop *loop; /* the I/O thread's */
    struct gclock *clock;
    unsigned harts;
    unsigned irqs; /* PLIC sources, 1..irqs */
    void *opaque;
    /*
     * Raises or lowers an interrupt input of a hart (from CLINT and PLIC).  Any thread; called with
     * a lock of RANK_IRQCHIP held, so that levels arrive in order.
     */
    void (*hart_irq)(void *opaque, unsigned hart, enum hart_irq irq, bool level);
    /*
     * When the CLINT's timer of a hart will be due (clock_now_ns; UINT64_MAX: never): a hart that
     * waits needs nobody to wake it then, if it calls clint_look.  Any thread, device lock held.
     * NULL: nobody wants to know.
     */
    void (*hart_due)(void *opaque, unsigned hart, uint64_t at_ns);
    /* The guest asked for the end of the machine; returns at once.  Any thread, device lock held.
     */
    void (*machine_exit)(void *opaque, enum machine_exit kind, int code);
    /* The guest says that what it wants measured begins or ends.  A hart's thread, device lock
     * held.  NULL: nobody measures. */
    void (*measure)(void *opaque, bool begin);
};

struct dev_type {
    const char *name;                /* "uart16550": as in --help, device list, snapshot */
    enum mh_device_type device_type; /* for the public interface */
    size_t size;                     /* of the state struct, whose first member is struct dev */
    uint64_t mmio_size;              /* register window in bytes, 0 if none */
    /* config points to the type's own struct (declared in its header) or NULL.  0 or -errno
     * (error_set). */
    int (*init)(struct dev *d, const void *config);
    void (*reset)(struct dev *d); /* to power-on state; harts are stopped or the guest asked */
    void (*fini)(struct dev *d);  /* harts stopped; waits for host I/O in flight */
    bool (*read)(struct dev *d, uint64_t offset, unsigned size, uint64_t *value); /* d->lock held */
    bool (*write)(struct dev *d, uint64_t offset, unsigned size, uint64_t value); /* d->lock held */
    /* Reads what is one word that changes at once, without the lock, which costs more than all
     * else. False: read is to be asked.  NULL: always. */
    bool (*peek)(const struct dev *d, uint64_t offset, unsigned size, uint64_t *value);
    /*
     * Adds its node below soc (libfdt); 0 or -errno.  May also add nodes at the root, so the offset
     * of soc is stale afterwards: the caller looks it up again for each device.
     */
    int (*fdt)(struct dev *d, void *fdt, int soc);
    int (*save)(struct dev *d, void *buf, size_t size); /* returns bytes needed; NULL buf asks */
    int (*load)(struct dev *d, const void *buf, size_t size); /* -EINVAL when it is not ours */
};

struct dev {
    const struct dev_type *type;
    const struct dev_env *env;
    struct lock lock; /* RANK_DEVICE: registers and ring state */
    char name[32];    /* unique in the machine: "uart0", "virtio-blk1" */
    gpa_t base;       /* 0 when not mapped */
    struct irq_line irq;
    unsigned irq_number;          /* PLIC source, 0 if none */
    enum mh_device_status status; /* atomic */
    struct dev *next;
};

/*
 * Makes a device and maps its window at base (if the type has one).  irq is its wire, or NULL.
 * On failure nothing stays behind.
 */
int dev_create(struct dev **out, const struct dev_type *type, const struct dev_env *env,
               const char *name, gpa_t base, const struct irq_line *irq, unsigned irq_number,
               const void *config);
/*
 * Device-tree phandles by which nodes refer to each other.  The machine gives the interrupt
 * controller below /cpus/cpu@N the phandle dev_phandle_hart(N).
 */
enum { DEV_PHANDLE_PLIC = 1, DEV_PHANDLE_FINISHER = 2, DEV_PHANDLE_HART0 = 16 };

static inline uint32_t dev_phandle_hart(unsigned hart)
{
    return DEV_PHANDLE_HART0 + hart;
}

/*
 * Unmaps (no access is inside it any more after that), stops, lowers the line and frees.  So the
 * PLIC is destroyed after the devices that are wired to it.
 */
void dev_destroy(struct dev *d);
/* Calls type->reset under d->lock. */
void dev_reset(struct dev *d);
static inline enum mh_device_status dev_status(struct dev *d)
{
    return load_acquire(&d->status);
}

/* Types known by name, from dev/devs.def. */
const struct dev_type *dev_type_find(const char *name);
const struct dev_type *dev_type_at(size_t i); /* NULL past the end */

#endif
