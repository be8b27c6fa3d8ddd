/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a machine: addresses and interrupts of QEMU's virt machine,
 * the console behind them, and the wires to the harts.  Called while a machine
 * is built, taken apart or rebooted; the wires run on any thread.
 */
#include "sim/machine.h"
#include "sim/region.h"
#include "sim/sandbox.h"

#include "dev/clint.h"
#include "dev/finisher.h"
#include "dev/plic.h"
#include "dev/rtc_goldfish.h"
#include "dev/uart16550.h"
#include "dev/virtio/blk.h"
#include "dev/virtio/console.h"
#include "dev/virtio/rng.h"
#include "dev/virtio/virtio.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/futex.h"
#include "sim/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- what devices ask of the machine ------------------------------------------------ */

static void wire_hart_irq(void *opaque, unsigned hart, enum hart_irq irq, bool level)
{
    struct mh_machine *m = opaque;
    m->gt->irq(m->guest, hart, (unsigned)irq, level);
}

static void wire_hart_due(void *opaque, unsigned hart, uint64_t at_ns)
{
    struct mh_machine *m = opaque;
    store_release(&m->gt->smp(m->guest)->harts[hart]->shared.due_ns, at_ns);
}

void machine_hart_due(void *opaque, struct hart *h)
{
    clint_look(((struct mh_machine *)opaque)->clint, h->index);
}

static void wire_machine_exit(void *opaque, enum machine_exit kind, int code)
{
    struct mh_machine *m = opaque;
    if (kind == MACHINE_REBOOT)
        machine_request(m, REQUEST_RESTART, MH_END_NONE, 0);
    else
        machine_request(m, REQUEST_END, MH_END_GUEST, code);
}

static void wire_measure(void *opaque, bool begin)
{
    region_mark(((struct mh_machine *)opaque)->region, begin);
}

/* ---- the console --------------------------------------------------------------------- */

static void console_quit(void *opaque)
{
    machine_request(opaque, REQUEST_END, MH_END_CONSOLE, 0);
}

static void console_error(void *opaque, int err)
{
    log_at(LOG_SIM, LOG_ERROR, "console: output failed: %s", strerror(-err));
    store_release(&((struct mh_machine *)opaque)->console_failed, true);
    machine_request(opaque, REQUEST_END, MH_END_ERROR, 0);
}

static void console_pty(void *opaque, const char *name)
{
    (void)opaque;
    log_at(LOG_SIM, LOG_WARN, "console: pseudo terminal %s", name);
}

static enum chardev_kind console_kind(const char *text)
{
    static const struct {
        const char *text;
        enum chardev_kind kind;
    } names[] = {{"stdio", CHARDEV_STDIO}, {"pty", CHARDEV_PTY}, {"none", CHARDEV_NONE}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(text, names[i].text))
            return names[i].kind;
    return CHARDEV_FILE;
}

static int console_create(struct mh_machine *m, const char *text, struct chardev **out)
{
    struct chardev_config cfg = {
        .kind = console_kind(text),
        .path = text,
        .opaque = m,
        .on_quit = console_quit,
        .on_pty = console_pty,
        .on_error = console_error,
    };
    return chardev_create(out, m->loop, &cfg);
}

static void loop_came_round(void *opaque)
{
    struct mh_machine *m = opaque;
    if (m->counters) /* this thread runs on, its counts so far are wanted now */
        counters_thread_next(m->counters, m->cfg.harts);
    store_release(&m->synced, 1);
    futex_wake(&m->synced, 1);
}

/* A reader that takes nothing for this long is not waited for. */
#define CONSOLE_STALL_NS (5 * NS_PER_SEC)

bool machine_console_sync(struct mh_machine *m)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    uint64_t since = clock_now_ns();
    size_t left, before = SIZE_MAX;
    while ((left = chardev_pending(m->console)) && clock_now_ns() - since < CONSOLE_STALL_NS) {
        if (left != before)
            since = clock_now_ns();
        before = left;
        nanosleep(&pause, NULL);
    }
    /* The callback that reports a failure may still be under way; the bell comes after it. */
    store_release(&m->synced, 0);
    loop_bell_ring(m->sync_bell);
    uint64_t deadline = clock_now_ns() + NS_PER_SEC;
    while (!load_acquire(&m->synced) && clock_now_ns() < deadline)
        futex_wait(&m->synced, 0, deadline);
    return !load_acquire(&m->console_failed);
}

/* What a full buffer does not take is the caller's to repeat. */
size_t machine_console_write(void *machine, const void *buf, size_t len)
{
    struct mh_machine *m = machine;
    return chardev_write(m->console, buf, len);
}

/* On a hart's thread: a program that prints faster than its console is read waits here. */
size_t machine_console_write_all(void *machine, const void *buf, size_t len)
{
    const struct timespec pause = {.tv_nsec = 100000};
    struct mh_machine *m = machine;
    size_t done = 0;
    while (done < len) {
        size_t n = machine_console_write(m, (const char *)buf + done, len - done);
        done += n;
        if (!n && load_acquire(&m->request))
            break;
        if (!n)
            nanosleep(&pause, NULL);
    }
    return done;
}

size_t machine_console_read(void *machine, void *buf, size_t len)
{
    struct mh_machine *m = machine;
    return chardev_read(m->console, buf, len);
}

/* ---- devices -------------------------------------------------------------------------- */

/* A device's line: to the PLIC, and to whoever observes the machine. */
static void wire_device_irq(void *opaque, unsigned n, bool level)
{
    struct mh_machine *m = opaque;
    irq_set(&m->plic_line[n], level);
    if (level && load_relaxed(&m->component.observers)) {
        fetch_or_acq_rel(&m->irq_seen[n / 64], 1ull << (n % 64));
        loop_bell_ring(m->irq_bell);
    }
}

/* On the loop's thread: callbacks may not run under a device's lock. */
static void tell_irqs(void *opaque)
{
    struct mh_machine *m = opaque;
    for (unsigned word = 0; word < ARRAY_LEN(m->irq_seen); word++) {
        uint64_t seen = exchange_acq_rel(&m->irq_seen[word], 0);
        for (; seen; seen &= seen - 1) {
            struct mh_event e = {.kind = MH_EVENT_INTERRUPT};
            e.u.interrupt.id = word * 64 + (unsigned)__builtin_ctzll(seen);
            component_emit(&m->component, &e);
        }
    }
}

int machine_device_add(struct mh_machine *m, const struct dev_type *type, const char *name,
                       gpa_t base, unsigned irq, const void *config)
{
    struct irq_line line = {.set = wire_device_irq, .opaque = m, .n = irq};
    struct dev *d, **at = &m->devices;
    int rc = dev_create(&d, type, &m->dev_env, name, base, irq ? &line : NULL, irq, config);
    if (rc)
        return rc;
    while (*at && (*at)->base < d->base)
        at = &(*at)->next;
    d->next = *at;
    *at = d;
    return 0;
}

/* The PLIC comes before all that have an interrupt. */
static int add_plic(struct mh_machine *m)
{
    int rc = machine_device_add(m, &plic_type, "plic0", PLIC_BASE, 0, NULL);
    for (unsigned n = 1; !rc && n <= MACHINE_IRQS; n++)
        m->plic_line[n] = plic_line(m->devices, n);
    return rc;
}

static int add_virtio(struct mh_machine *m, unsigned slot, const struct dev_type *type,
                      const char *name, const void *config)
{
    return machine_device_add(m, type, name, VIRTIO_MMIO_BASE + slot * VIRTIO_MMIO_STRIDE,
                              VIRTIO_MMIO_IRQ + slot, config);
}

/* Splits F[,ro][,snapshot]; the words are looked for at the end, so a name may hold commas. */
static void disk_parse(const char *text, char *path, size_t size, struct virtio_blk_config *cfg)
{
    snprintf(path, size, "%s", text);
    for (;;) {
        char *comma = strrchr(path, ',');
        bool ro = comma && !strcmp(comma, ",ro"), snap = comma && !strcmp(comma, ",snapshot");
        if (!ro && !snap)
            break;
        *comma = 0;
        cfg->file.read_only |= ro;
        cfg->file.snapshot |= snap;
    }
    cfg->file.path = path;
}

static void confine_disk_worker(void)
{
    sandbox_enter(SANDBOX_DISK, false);
}

static int add_disk(struct mh_machine *m, unsigned slot)
{
    char path[4096], name[32];
    struct virtio_blk_config cfg = {
        .file.thread_begin = m->cfg.sandbox ? confine_disk_worker : NULL,
    };
    disk_parse(m->cfg.disk[slot], path, sizeof(path), &cfg);
    snprintf(name, sizeof(name), "virtio-blk%u", slot);
    return add_virtio(m, slot, &virtio_blk_type, name, &cfg);
}

/* Disks from slot 0 on, so that the first is vda; the others from the last slot down. */
static int add_slots(struct mh_machine *m)
{
    struct virtio_console_config console = {.chardev = m->virtio_console};
    int rc = 0;
    for (unsigned slot = 0; !rc && slot < VIRTIO_MMIO_SLOTS; slot++) {
        char name[32];
        snprintf(name, sizeof(name), "virtio-mmio%u", slot);
        if (slot < m->cfg.disks)
            rc = add_disk(m, slot);
        else if (slot == VIRTIO_MMIO_SLOTS - 1)
            rc = add_virtio(m, slot, &virtio_rng_type, "virtio-rng0", NULL);
        else if (slot == VIRTIO_MMIO_SLOTS - 2 && m->virtio_console)
            rc = add_virtio(m, slot, &virtio_console_type, "virtio-console0", &console);
        else
            rc = add_virtio(m, slot, &virtio_empty_type, name, NULL);
    }
    return rc;
}

static int add_all(struct mh_machine *m)
{
    struct uart16550_config uart = {.chardev = m->console};
    int rc = add_plic(m);
    if (!rc)
        rc = machine_device_add(m, &clint_type, "clint0", CLINT_BASE, 0, NULL);
    for (m->clint = m->devices; !rc && m->clint->type != &clint_type;)
        m->clint = m->clint->next;
    if (!rc)
        rc = machine_device_add(m, &uart16550_type, "uart0", UART16550_BASE, UART16550_IRQ, &uart);
    if (!rc)
        rc = machine_device_add(m, &rtc_goldfish_type, "rtc0", RTC_GOLDFISH_BASE, RTC_GOLDFISH_IRQ,
                                NULL);
    if (!rc)
        rc = machine_device_add(m, &finisher_type, "finisher0", FINISHER_BASE, 0, NULL);
    return rc ? rc : add_slots(m);
}

int machine_devices_create(struct mh_machine *m)
{
    m->dev_env = (struct dev_env){
        .pm = m->pm,
        .mmio = m->mmio,
        .loop = m->loop,
        .clock = &m->clock,
        .harts = m->cfg.harts,
        .irqs = MACHINE_IRQS,
        .opaque = m,
        .hart_irq = wire_hart_irq,
        .hart_due = wire_hart_due,
        .machine_exit = wire_machine_exit,
        .measure = wire_measure,
    };
    int rc = loop_bell_add(m->loop, tell_irqs, m, &m->irq_bell);
    if (!rc)
        rc = loop_bell_add(m->loop, loop_came_round, m, &m->sync_bell);
    if (!rc)
        rc = console_create(m, m->cfg.console ? m->cfg.console : "none", &m->console);
    if (!rc && m->cfg.virtio_console)
        rc = console_create(m, m->cfg.virtio_console, &m->virtio_console);
    return rc ? rc : add_all(m);
}

/* The interrupt controllers last: until then the others may still lower their lines. */
void machine_devices_destroy(struct mh_machine *m)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        struct dev **at = &m->devices;
        while (*at) {
            struct dev *d = *at;
            if (pass == 0 && (d->type == &plic_type || d->type == &clint_type)) {
                at = &d->next;
                continue;
            }
            const struct dev_type *type = d->type;
            *at = d->next;
            dev_destroy(d);
            machine_device_type_free(type);
        }
    }
    if (m->virtio_console)
        chardev_destroy(m->virtio_console);
    if (m->console)
        chardev_destroy(m->console);
    m->console = m->virtio_console = NULL;
    if (m->irq_bell)
        loop_bell_remove(m->irq_bell);
    if (m->sync_bell)
        loop_bell_remove(m->sync_bell);
    m->irq_bell = m->sync_bell = NULL;
}

void machine_devices_reset(struct mh_machine *m)
{
    for (struct dev *d = m->devices; d; d = d->next)
        dev_reset(d);
}
