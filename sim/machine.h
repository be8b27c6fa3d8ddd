/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine inside sim/: what it is made of, and the steps that assemble it.
 * There may be several in one process; nothing here is at file scope.
 *
 * Threads.  The owner's thread creates, initialises and destroys.  The I/O
 * thread runs the loop from init to destroy.  Hart threads run between start
 * and stop.  A supervisor thread sleeps until somebody asks for the end or for
 * a reboot (machine_request, any thread), and carries it out: so a guest may
 * end or reboot while its owner does something else.
 *
 * Order of building: memory, bus, loop, guest, console, devices, images, I/O
 * thread; of taking apart: supervisor, harts, I/O thread, then the reverse.
 * Devices go while the loop still exists but no longer runs, so none of their
 * callbacks can be under way.
 */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include "dev/chardev.h"
#include "dev/dev.h"
#include "isa/guest.h"
#include "sim/component.h"
#include "sim/counters.h"
#include "sim/htif.h"
#include "sim/layout.h"
#include "sim/load_elf.h"
#include "sim/outfile.h"

struct bus_window;
struct mh_scheduler;
struct region;
struct watchdog;

enum { MACHINE_IRQS = 95 }; /* PLIC sources of QEMU's virt */

/* What somebody asked the supervisor for. */
enum machine_request {
    REQUEST_NONE,
    REQUEST_END, /* with an enum mh_end and the guest's exit code */
    REQUEST_RESTART,
};

struct mh_machine {
    struct mh_component component;
    struct mh_vm_config cfg; /* owned copy; constant once initialised */

    /* made by init, constant while harts run */
    struct physmem *pm;
    struct mmio_map *mmio;
    struct loop *loop;
    struct gclock clock;
    const struct guest_type *gt;
    struct guest_env guest_env; /* the guest keeps a pointer to it */
    struct guest *guest;
    struct dev_env dev_env;
    struct dev *devices; /* linked by next, lowest address first */
    struct dev *clint;   /* of those; constant */
    struct bus_window *windows; /* api_bus.c: further windows of devices */
    struct irq_line plic_line[MACHINE_IRQS + 1];
    uint64_t irq_seen[2]; /* raised since the observers were last told, atomic bits */
    struct loop_bell *irq_bell;
    struct loop_bell *sync_bell; /* says that the loop has come round */
    uint32_t synced;             /* futex word, atomic */
    bool console_failed;         /* atomic */
    struct chardev *console;        /* of the UART and the SBI */
    struct chardev *virtio_console; /* or NULL */
    struct htif *htif;
    struct outfile *signature;
    FILE *jit_dump, *perf_map; /* or NULL */
    struct counters *counters;
    struct region *region; /* what the guest had measured */
    struct watchdog *watchdog;
    struct reclaim *reclaim;
    struct mh_scheduler *scheduler;
    struct loop_timer *timeout;
    int *pin; /* processor per hart or -1 */
    int io_pin;
    char pin_why[160];
    void *dtb; /* the tree of the last boot, for --dump-dtb */
    size_t dtb_size;

    struct elf_image elf; /* of the bare-metal program or ELF kernel, if has_elf */
    bool has_elf;
    struct guest_boot boot;

    pthread_t io, supervisor;
    bool has_io, has_supervisor;
    pthread_t translator;
    bool has_translator;
    uint32_t io_ready; /* atomic: the I/O thread is set up; a futex */

    uint64_t taken[MH_MAX_HARTS / 64]; /* harts in a user's hands (hart_hold.c); atomic */

    uint64_t request; /* enum machine_request, enum mh_end and code packed; atomic, first wins */
    uint32_t bell;    /* futex word of the supervisor */
    uint32_t ended;   /* futex word: 1 once result is complete, atomic */
    struct mh_result result; /* written before ended */
    int event_fd;            /* readable once ended */
    uint64_t started_ns;
};

/* Asks for the end or a reboot; the first wins, and the end over a reboot.  Any thread, any lock.
 */
void machine_request(struct mh_machine *m, enum machine_request what, enum mh_end end, int code);

/* What a request in m->request says to somebody who executes a hart; 0 says nothing. */
void machine_request_unpack(uint64_t request, struct mh_engine_result *out);

/* machine_devices.c: console, devices, and the wires between them and the harts. */
int machine_devices_create(struct mh_machine *m);
/* struct smp_hooks.due of a machine. */
void machine_hart_due(void *opaque, struct hart *h);
void machine_devices_destroy(struct mh_machine *m);
void machine_devices_reset(struct mh_machine *m);
/* dev_create for this machine, linked in by address; irq 0: none. */
int machine_device_add(struct mh_machine *m, const struct dev_type *type, const char *name,
                       gpa_t base, unsigned irq, const void *config);
/* Waits until the console's output is written out; false when it could not be.  I/O thread runs. */
bool machine_console_sync(struct mh_machine *m);
size_t machine_console_write(void *machine, const void *buf, size_t len);
size_t machine_console_write_all(void *machine, const void *buf, size_t len); /* waits */
size_t machine_console_read(void *machine, void *buf, size_t len);

/* api_device.c: frees the type of a user's device that is gone; does nothing for others. */
void machine_device_type_free(const struct dev_type *type);

/* api_bus.c: takes away further windows of a device, or of all if d is NULL. */
void machine_windows_remove(struct mh_machine *m, const struct dev *d);

/* boot.c: loads the images and sets the harts to their start; also for a reboot.  Harts stopped. */
int machine_load(struct mh_machine *m);

#endif
