/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public interface of manyhart.
 *
 * Opaque handles, functions return 0 or -errno, details of the last failure in
 * the calling thread through mh_last_error().  The library never prints (but
 * for what mh_log_configure asked for) and never ends the process (but see
 * mh_vm_config.sandbox).
 */
#ifndef MANYHART_H
#define MANYHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MH_VERSION_MAJOR 0
#define MH_VERSION_MINOR 1
#define MH_VERSION_PATCH 0

#define MH_API __attribute__((visibility("default")))

/* Where an error came from. */
enum mh_error_domain {
    MH_ERROR_MEMORY,
    MH_ERROR_EXECUTION,
    MH_ERROR_CORE,
    MH_ERROR_DEVICE,
    MH_ERROR_PLATFORM,
};

/* The last failure of a library call in the calling thread. */
struct mh_error {
    enum mh_error_domain domain;
    int code;          /* negative errno */
    char param[64];    /* the parameter or file concerned, or "" */
    char value[192];   /* its value, or "" */
    char message[512]; /* one line: what is wrong, and what would be right */
};

/* Never NULL; valid until the thread's next failing call. */
MH_API const struct mh_error *mh_last_error(void);

/* Guest virtual and physical addresses: mixing them does not compile. */
typedef struct mh_gva {
    uint64_t v;
} mh_gva;
typedef struct mh_gpa {
    uint64_t v;
} mh_gpa;

/* What a device is for. */
enum mh_device_type {
    MH_DEVICE_BLOCK,
    MH_DEVICE_NETWORK,
    MH_DEVICE_GPU,
    MH_DEVICE_INPUT,
    MH_DEVICE_AUDIO,
    MH_DEVICE_SERIAL,
    MH_DEVICE_CUSTOM,
};

enum mh_device_status {
    MH_DEVICE_UNINITIALIZED,
    MH_DEVICE_INITIALIZED,
    MH_DEVICE_RUNNING,
    MH_DEVICE_STOPPED,
    MH_DEVICE_ERROR,
};

/* ---- configuration -------------------------------------------------------- */

/* How instructions are executed. */
enum mh_exec_mode {
    MH_EXEC_HYBRID,   /* interpret cold code, translate warm code (the default) */
    MH_EXEC_INTERP,   /* interpreter only */
    MH_EXEC_JIT,      /* translator only */
    MH_EXEC_HARDWARE, /* the host's own virtualisation: -ENOTSUP */
};

#define MH_MAX_HARTS 512
#define MH_MAX_DISKS 6

/*
 * What a machine is made of.  Fields have the meaning and the syntax of the command line's options
 * (manyhart(1)); NULL and 0 mean "not given".  Strings are borrowed: they must live until
 * mh_machine_create, which copies them, has returned.
 */
struct mh_vm_config {
    const char *guest;             /* "riscv64" */
    unsigned harts;                /* 1 .. MH_MAX_HARTS */
    uint64_t memory_size;          /* bytes, a multiple of 4 KiB */
    const char *isa;               /* ISA string or profile; NULL: all there is */
    enum mh_exec_mode exec_mode;
    bool strict_align;             /* misaligned loads and stores trap */
    const char *image;             /* bare-metal ELF */
    const void *image_data;        /* the same in memory, borrowed until mh_machine_destroy */
    size_t image_size;             /* bytes of image_data */
    const char *kernel;            /* F or F,raw[@ADDR] */
    const char *initrd;
    const char *append;            /* bootargs: kernel command line, or a program's words */
    const char *firmware;          /* "builtin", "none" or a file; NULL: builtin for a kernel */
    const char *dtb;               /* replaces the generated device tree */
    const char *disk[MH_MAX_DISKS]; /* F[,ro][,snapshot] */
    unsigned disks;
    const char *console;           /* "stdio", "pty", "none" or a file */
    const char *virtio_console;    /* the same for a virtio console; NULL: no such device */
    const char *pin;               /* "auto", "none" or a list of processors */
    const char *signature;         /* file written at the end */
    const char *counters;          /* libpfm4 event names, comma separated */
    uint64_t max_insns;            /* per hart; 0: no limit */
    uint64_t rnmi_vector;          /* Smrnmi: where an RNMI goes; 0: the program's entry */
    uint64_t rnmi_exception_vector; /* and an exception in its handler; 0: where mtvec points */
    /*
     * The translator (engines hybrid and jit).  Level 0: block by block, as they are; 1: block by
     * block, through the cheap passes; 2: regions of many blocks, with loops inside, through more
     * passes; 3: all passes, and registers of its own for a region with a loop.
     */
    unsigned jit_level;            /* 0 to 3 */
    uint64_t jit_cache;            /* bytes of host code, at least 256 KiB; 0: 128 MiB */
    unsigned jit_threshold;        /* hybrid translates what was executed so often; 0: 24 */
    const char *jit_passes;        /* "all", "none", or names: "fold,dead", "-bits"; NULL: the level's */
    bool jit_chain;                /* translations jump to each other directly */
    unsigned jit_region;           /* guest instructions of a region at most; 0: 512 */
    unsigned jit_looks;            /* of accesses that leave the page of the last one every Nth is looked
                                      at closely, to learn how to translate it; 0: 8192 */
    const char *jit_thread;        /* hybrid translates on a thread of its own: "on", "off", or "auto"
                                      (NULL too): while fewer harts than the host has processors are awake */
    const char *jit_dump;          /* file that gets each translation: guest, IR and host code */
    bool jit_gdb;                  /* tells GDB the names of code, and how to look behind it */
    bool perf_map;                 /* writes /tmp/perf-PID.map, where perf looks for symbols */
    uint64_t timeout_ns;           /* 0: no limit */
    uint64_t seed;                 /* for everything random, if has_seed */
    bool has_seed;
    /*
     * Confines the machine's own threads before guest code runs: no capabilities, no exec, no
     * sockets, no files opened but for reading on a reboot (sim/doc/robustness.md).  Tasks run on
     * such threads.  A forbidden system call ends the process, through a handler of SIGSYS that
     * stays.  false by default; the program manyhart sets it.
     */
    bool sandbox;
};

/* The defaults: riscv64, 128 MiB, as many harts as the host has processors up to 8. */
MH_API void mh_config_default(struct mh_vm_config *cfg);

/*
 * Checks each parameter by itself and against the others, opening no file.  0 or -EINVAL;
 * mh_last_error() then holds parameter, value and reason.
 */
MH_API int mh_config_validate(const struct mh_vm_config *cfg);

/*
 * Sets a parameter by its option name ("harts", "memory", ...) from text.  -ENOENT for an unknown
 * name (the error names the nearest), -EINVAL for a bad value; then nothing has changed.  "disk"
 * appends.
 */
MH_API int mh_config_set(struct mh_vm_config *cfg, const char *name, const char *value);

/* Writes a parameter's value as text.  Returns its length as snprintf does, or -ENOENT. */
MH_API int mh_config_get(const struct mh_vm_config *cfg, const char *name, char *buf, size_t size);

/* ---- components ----------------------------------------------------------- */

/*
 * Life cycle of a machine and of each of its parts:
 *
 *   Uninitialized --init--> Initialized --start--> Starting -> Running --stop--> Stopping -> Stopped
 *
 * A stopped component may be started again.  A step that fails leads to Error, from which only
 * destroying leads on.  Any other transition is -EINVAL and changes nothing.
 */
enum mh_state {
    MH_UNINITIALIZED,
    MH_INITIALIZED,
    MH_STARTING,
    MH_RUNNING,
    MH_STOPPING,
    MH_STOPPED,
    MH_STATE_ERROR,
};

enum mh_event_kind {
    MH_EVENT_STARTED,   /* the component runs */
    MH_EVENT_STOPPED,   /* it stopped */
    MH_EVENT_COMPLETED, /* execution ended by itself: u.completed */
    MH_EVENT_MEMORY,    /* an access through mh_memory_*: u.memory */
    MH_EVENT_INTERRUPT, /* a device raised its line, told soon after by the I/O thread: u.interrupt */
    MH_EVENT_ERROR,     /* u.error */
};

struct mh_event {
    enum mh_event_kind kind;
    const char *component; /* name */
    union {
        struct {
            uint64_t insns, time_ns;
            int exit_code;
        } completed;
        struct {
            mh_gpa addr;
            size_t size;
            bool is_write;
        } memory;
        struct {
            unsigned id;
        } interrupt;
        struct {
            const struct mh_error *error;
        } error;
    } u;
};

typedef void mh_event_fn(void *opaque, const struct mh_event *event);

struct mh_component;

MH_API const char *mh_component_name(const struct mh_component *c);
MH_API enum mh_state mh_component_status(struct mh_component *c);
MH_API int mh_component_init(struct mh_component *c);
MH_API int mh_component_start(struct mh_component *c);
MH_API int mh_component_stop(struct mh_component *c);
MH_API const char *mh_state_name(enum mh_state state);

/*
 * Calls fn for each event of the component, on the thread where it happens and with no lock held.
 * fn must not wait for the machine to end or stop.  Returns an id above 0, or -ENOMEM.
 */
MH_API int mh_subscribe(struct mh_component *c, mh_event_fn *fn, void *opaque);

/*
 * Ends a subscription, at any time and from any thread.  Once it returned, fn runs no more; called
 * from inside fn itself it does not wait for the call it is in.  -ENOENT: no such id.
 */
MH_API int mh_unsubscribe(struct mh_component *c, int id);

/* ---- machines ------------------------------------------------------------- */

struct mh_machine;

/* Why a machine ended. */
enum mh_end {
    MH_END_NONE,     /* it has not */
    MH_END_GUEST,    /* the guest powered off, failed or exited: exit_code is its own */
    MH_END_STOPPED,  /* mh_machine_stop */
    MH_END_TIMEOUT,  /* config.timeout_ns */
    MH_END_LIMIT,    /* config.max_insns */
    MH_END_CONSOLE,  /* ended from the console (Ctrl-A x) */
    MH_END_ERROR,    /* the host failed it, e.g. the console is a closed pipe */
    MH_END_CRITICAL, /* a hart entered the critical-error state (Smdbltrp) */
};

struct mh_result {
    enum mh_end end;
    int exit_code;    /* the guest's */
    uint64_t time_ns; /* from start to end */
    uint64_t insns;   /* of all harts */
};

/*
 * Validates and copies the configuration and makes an uninitialized machine.  0 or -errno.  The
 * caller owns it.
 */
MH_API int mh_machine_create(struct mh_machine **out, const struct mh_vm_config *cfg);
/* Replaces the configuration of a machine that is not initialized yet; a bad one changes nothing. */
MH_API int mh_machine_update(struct mh_machine *m, const struct mh_vm_config *cfg);
MH_API const struct mh_vm_config *mh_machine_config(const struct mh_machine *m);
/* Makes memory, devices and harts and loads the images; reports all that is wrong with files. */
MH_API int mh_machine_init(struct mh_machine *m);
/* Starts the harts; returns at once. */
MH_API int mh_machine_start(struct mh_machine *m);
/* Stops them and waits until they have; -EINVAL unless the machine runs. */
MH_API int mh_machine_stop(struct mh_machine *m);
/* Waits until it ended, at most timeout_ns (UINT64_MAX: for ever).  -ETIMEDOUT.  result may be NULL. */
MH_API int mh_machine_wait(struct mh_machine *m, uint64_t timeout_ns, struct mh_result *result);
/* An eventfd that is readable once the machine has ended; owned by the machine. */
MH_API int mh_machine_fd(const struct mh_machine *m);
/* Stops it if need be and frees everything.  NULL is allowed. */
MH_API void mh_machine_destroy(struct mh_machine *m);
/* The machine as a component, for mh_subscribe and mh_component_*. */
MH_API struct mh_component *mh_machine_component(struct mh_machine *m);

/* ---- guest memory ----------------------------------------------------------- */

/* Memory orders, as in C11. */
enum mh_order {
    MH_ORDER_RELAXED,
    MH_ORDER_ACQUIRE,
    MH_ORDER_RELEASE,
    MH_ORDER_ACQ_REL,
    MH_ORDER_SEQ_CST,
};

/*
 * Physical RAM of a machine that is built, from any thread, also while its harts run: writes kill
 * reservations and are seen by decoded code as a device's would be.  -EFAULT when a byte is outside
 * RAM (then nothing is written), -EINVAL for a machine that is not built, a size, alignment or
 * order that cannot be.
 */
MH_API int mh_memory_read(struct mh_machine *m, mh_gpa addr, void *buf, size_t len);
MH_API int mh_memory_write(struct mh_machine *m, mh_gpa addr, const void *buf, size_t len);
/* One access of 1, 2, 4 or 8 bytes, aligned. */
MH_API int mh_memory_load(struct mh_machine *m, mh_gpa addr, unsigned size, enum mh_order order,
                          uint64_t *value);
MH_API int mh_memory_store(struct mh_machine *m, mh_gpa addr, unsigned size, enum mh_order order,
                           uint64_t value);
/*
 * Stores desired if memory (4 or 8 bytes, aligned) holds expected.  *old receives what was there:
 * the exchange took place when it equals expected.
 */
MH_API int mh_memory_compare_exchange(struct mh_machine *m, mh_gpa addr, unsigned size,
                                      uint64_t expected, uint64_t desired, enum mh_order success,
                                      enum mh_order failure, uint64_t *old);
/*
 * Reservations, as LR and SC of a hart: a store-conditional stores only if nobody wrote the 64-byte
 * granule since the reserve, whatever the value.  One object is one party, used by one thread at a
 * time; it is destroyed before its machine.
 */
struct mh_reservation;
MH_API int mh_reservation_create(struct mh_reservation **out, struct mh_machine *m);
MH_API void mh_reservation_destroy(struct mh_reservation *r); /* NULL is allowed */
/* Reads 4 or 8 aligned bytes and reserves them, instead of what was reserved before. */
MH_API int mh_memory_reserve(struct mh_reservation *r, mh_gpa addr, unsigned size, uint64_t *value);
/* *stored says whether it did; nothing is reserved afterwards. */
MH_API int mh_memory_store_conditional(struct mh_reservation *r, mh_gpa addr, unsigned size,
                                       uint64_t value, bool *stored);
MH_API void mh_memory_invalidate(struct mh_reservation *r); /* gives the reservation up */

/*
 * All of RAM to a regular file, with holes for pages of zeros, and back; the file is as large as
 * RAM and has nothing else in it.  The machine is built and does not run (-EBUSY).  restore: -EINVAL
 * for a file of another size; after an error of reading, part of RAM is restored.
 */
MH_API int mh_memory_dump(struct mh_machine *m, int fd);
MH_API int mh_memory_restore(struct mh_machine *m, int fd);
MH_API uint64_t mh_memory_size(struct mh_machine *m); /* bytes; 0 when not built */
MH_API mh_gpa mh_memory_base(struct mh_machine *m);

/* ---- harts -------------------------------------------------------------------- */

struct mh_hart_state {
    uint64_t pc;
    uint64_t x[32]; /* x[0] reads as 0 and is ignored when set */
    uint64_t f[32]; /* raw bits; 0 and ignored without the F extension */
};

/* Of a machine that is built and does not run (-EBUSY).  -ENOENT: no such hart. */
MH_API int mh_hart_get_state(struct mh_machine *m, unsigned hart, struct mh_hart_state *out);
MH_API int mh_hart_set_state(struct mh_machine *m, unsigned hart, const struct mh_hart_state *in);

/*
 * Makes a non-maskable interrupt pending on the hart of a machine that is built; it may run, and any
 * thread may call.  The interrupt stays pending until it is taken; those that come meanwhile are one
 * with it.  -ENOTSUP: the ISA string has no smrnmi, or the built-in SBI has the hart's M-mode.
 */
MH_API int mh_hart_nmi(struct mh_machine *m, unsigned hart);

/* ---- engines -------------------------------------------------------------------- */

/* A number that nobody counts. */
#define MH_UNKNOWN UINT64_MAX

/*
 * What executes instructions.  A machine that runs drives its engines itself; these functions are
 * for one that is initialised or stopped, to execute its harts piece by piece: debuggers, tests,
 * comparing engines.  An engine object joins one hart to one kind of engine; a hart may have
 * several and changes between them at any instruction.
 *
 * Functions take the hart for as long as they last: -EBUSY when the machine runs, or when the hart
 * is taken by another call; -EINVAL when the machine is not initialised.
 */
struct mh_engine;

struct mh_engine_info {
    const char *name;    /* as for --engine */
    const char *summary; /* what it does */
    const char *missing; /* why this guest has no such engine; NULL: it has */
};

/* The i-th engine, for a guest architecture.  -ENOENT: no such guest, or beyond the last. */
MH_API int mh_engine_describe(const char *guest, unsigned i, struct mh_engine_info *out);

/* Why execution came back. */
enum mh_stop {
    MH_STOP_LIMIT,     /* all that was asked for is done */
    MH_STOP_WAITING,   /* the hart would sleep (WFI), or was not started yet (SBI HSM) */
    MH_STOP_CANCELLED, /* mh_engine_stop, or the task was cancelled */
    MH_STOP_END,       /* the machine was asked to end: end and exit_code */
    MH_STOP_REBOOT,    /* the guest asked for a reboot */
};

struct mh_engine_result {
    enum mh_stop why;
    enum mh_end end;  /* MH_STOP_END: how the machine would have ended */
    int exit_code;    /* the guest's */
    uint64_t insns;   /* retired in this call */
    uint64_t time_ns; /* of this call */
    mh_gva pc;        /* where the hart goes on */
};

/* Sums over the executions of one engine object; MH_UNKNOWN where nobody counts. */
struct mh_engine_stats {
    uint64_t insns;
    uint64_t memory_accesses;
    uint64_t time_ns;
    uint64_t tlb_hits, tlb_misses;
    uint64_t translations, translation_ns; /* blocks made into host code */
    uint64_t traps;                        /* exceptions and interrupts taken */
};

/*
 * An engine for a hart of a machine that is built.  name NULL: that of the configuration.
 * -ENOTSUP: this guest has no such engine (the error says why), -EINVAL: unknown name.  The caller
 * destroys it before the machine.
 */
MH_API int mh_engine_create(struct mh_engine **out, struct mh_machine *m, unsigned hart,
                            const char *name);
/* It must not be executing.  NULL is allowed. */
MH_API void mh_engine_destroy(struct mh_engine *e);
MH_API const char *mh_engine_name(const struct mh_engine *e);
/* Its state is Running while it executes; events: Started, Completed, Stopped of each execution. */
MH_API struct mh_component *mh_engine_component(struct mh_engine *e);

/*
 * Executes at most max instructions on the calling thread; a trap counts as one.  Moves the hart to
 * this engine first.  A hart that would sleep comes back instead and goes on with the next call.
 * The I/O thread serves devices meanwhile.  Not from a callback of the library.
 */
MH_API int mh_engine_execute(struct mh_engine *e, uint64_t max, struct mh_engine_result *out);
/* Ends an execution that is under way soon; does nothing if there is none.  Any thread. */
MH_API void mh_engine_stop(struct mh_engine *e);
/* Registers by the psABI's DWARF numbers: 0 to 31 x, 32 to 63 f.  -EINVAL: no such register. */
MH_API int mh_engine_get_register(struct mh_engine *e, unsigned reg, uint64_t *value);
MH_API int mh_engine_set_register(struct mh_engine *e, unsigned reg, uint64_t value);
MH_API int mh_engine_get_pc(struct mh_engine *e, mh_gva *pc);
MH_API int mh_engine_set_pc(struct mh_engine *e, mh_gva pc);
/* Any thread, at any time; of an execution under way nothing is in it yet. */
MH_API void mh_engine_stats(struct mh_engine *e, struct mh_engine_stats *out);
/* Sets the hart to its state at boot, with an empty TLB, and the statistics to 0. */
MH_API int mh_engine_reset(struct mh_engine *e);

/*
 * Moves the hart both belong to from one engine to the other, with all of its architectural state.
 * -EINVAL: they belong to different harts.  mh_engine_execute does so by itself.
 */
MH_API int mh_engine_sync_to(struct mh_engine *e, struct mh_engine *target);
MH_API int mh_engine_sync_from(struct mh_engine *e, struct mh_engine *source);
/* Sets *needed if the hart's state is not with this engine, so that executing moves it. */
MH_API int mh_engine_needs_sync(struct mh_engine *e, bool *needed);

/* ---- hot code --------------------------------------------------------------------- */

/*
 * When the engine hybrid translates, for all harts of the machine.  Code is interpreted and counted
 * until it was executed so often: min times in a page that has translations already, max times in
 * one that has none.  1 <= min <= max <= 255, else -EINVAL; -ENOTSUP: there is no translator for
 * this host.  Any thread, also while the machine runs; both are the parameter jit-threshold at first.
 */
MH_API int mh_hot_set_threshold(struct mh_machine *m, unsigned min, unsigned max);
MH_API int mh_hot_get_threshold(struct mh_machine *m, unsigned *min, unsigned *max);

/* Sums of all harts, that only grow; of running ones from a recent moment. */
struct mh_hot_stats {
    uint64_t total_executions; /* of blocks by the interpreter, and of translated code from outside:
                                  what it jumps to by itself is not counted */
    uint64_t hot_blocks;       /* that were executed often enough, each time that they were */
    uint64_t compiled_blocks;  /* in translations that were made */
};
MH_API int mh_hot_stats(struct mh_machine *m, struct mh_hot_stats *out);

/*
 * Forgets all translations and how often code was executed.  A running hart may go on in what is
 * forgotten until its next jump to a place not known to be translated.  Any thread.
 */
MH_API int mh_hot_clear(struct mh_machine *m);

/*
 * Translates the code at addr, as the hart would fetch it now, and where it jumps and branches to in
 * the same page (not what it calls), so that both engines find it there.  The machine does not run (-EBUSY).  -EFAULT: nothing can be
 * fetched at addr, -ENOSPC: there is no room for translations now, -ENOENT: no such hart.
 */
MH_API int mh_hot_precompile(struct mh_machine *m, unsigned hart, mh_gva addr);

/* ---- caches ----------------------------------------------------------------------- */

/* What a machine keeps to be fast, by virtual address; none of it changes what a guest sees. */
enum mh_cache {
    MH_CACHE_CODE,   /* translations, of the machine; value: address of the host code */
    MH_CACHE_DECODE, /* decoded instructions, of the machine; value: physical address */
    MH_CACHE_TLB,    /* of one hart, for loads; value: physical address */
};

/* MH_UNKNOWN where nobody counts, because it would cost each access. */
struct mh_cache_stats {
    uint64_t hits, misses, evictions;
};

/*
 * Whether the cache has something for key, as the hart would look for it now: 0 and, if value is not
 * NULL, its value; or -ENOENT.  These four take the hart: -EBUSY while it runs, -ENOENT also if there
 * is no such hart, -EINVAL: no such cache, or the machine is not initialised.
 */
MH_API int mh_cache_get(struct mh_machine *m, unsigned hart, enum mh_cache cache, mh_gva key,
                        uint64_t *value);
/*
 * Makes the entry for key now; what it holds follows from guest memory.  -EFAULT: nothing can be
 * fetched there, -ENOSPC, -EAGAIN: not now, -ENOTSUP: a TLB, or there is no translator.
 */
MH_API int mh_cache_set(struct mh_machine *m, unsigned hart, enum mh_cache cache, mh_gva key);
/*
 * Removes the entry, or -ENOENT.  With it may go others: of a page of code all that was decoded and
 * translated, of a TLB all that the page's entry stands for, in all three kinds.
 */
MH_API int mh_cache_remove(struct mh_machine *m, unsigned hart, enum mh_cache cache, mh_gva key);
/* Removes all entries; with decoded code its translations. */
MH_API int mh_cache_clear(struct mh_machine *m, unsigned hart, enum mh_cache cache);
/*
 * Any thread, also while harts run.  Of translations a hit is a look-up that found code, a miss one
 * that did not; jumps that need none are not counted.  evictions are pages that made room for others.
 */
MH_API int mh_cache_stats(struct mh_machine *m, unsigned hart, enum mh_cache cache,
                          struct mh_cache_stats *out);

/* ---- decoding --------------------------------------------------------------------- */

enum mh_insn_flag {
    MH_INSN_BRANCH = 1 << 0, /* conditional */
    MH_INSN_JUMP = 1 << 1,
    MH_INSN_LOAD = 1 << 2,
    MH_INSN_STORE = 1 << 3,
    MH_INSN_ATOMIC = 1 << 4,
    MH_INSN_FLOAT = 1 << 5,
    MH_INSN_FENCE = 1 << 6,
    MH_INSN_CSR = 1 << 7,
    MH_INSN_SYSTEM = 1 << 8,
    MH_INSN_ENDS_BLOCK = 1 << 9, /* what follows is not certain to be executed next */
};

struct mh_insn {
    mh_gva pc;
    uint32_t raw;
    uint8_t size;                /* bytes */
    bool legal;                  /* false: the fields from name to target are empty */
    uint32_t flags;              /* enum mh_insn_flag */
    char name[24];               /* of the operation: "addi", also for c.addi */
    int8_t rd, rs1, rs2, rs3;    /* registers as mh_engine_get_register numbers them, -1: none */
    int64_t imm;
    bool has_target;             /* of a jump or branch relative to pc */
    mh_gva target;
    char text[96];               /* as objdump -M no-aliases has it: "addi\ta0,a1,1" */
};

struct mh_decoder;

/*
 * A decoder for a guest architecture ("riscv64"; "arm64" and "x86_64" are -ENOTSUP, others
 * -EINVAL) and an ISA string or profile (NULL: all there is).  Any thread may use it.
 */
MH_API int mh_decoder_create(struct mh_decoder **out, const char *guest, const char *isa);
MH_API void mh_decoder_destroy(struct mh_decoder *d); /* NULL is allowed */
/* The instruction at bytes.  -ENODATA: it is longer than len. */
MH_API int mh_decoder_decode(const struct mh_decoder *d, const void *bytes, size_t len, mh_gva pc,
                             struct mh_insn *out);
/*
 * The instructions from there to the first that ends the block, at most max; *count says how many.
 * -ENODATA: not even one is whole.
 */
MH_API int mh_decoder_block(const struct mh_decoder *d, const void *bytes, size_t len, mh_gva pc,
                            struct mh_insn *out, size_t max, size_t *count);
/*
 * The same from guest memory, where the hart would fetch from now.  The machine does not run (as
 * for engines).  -EFAULT: nothing can be fetched there.
 */
MH_API int mh_decoder_decode_at(const struct mh_decoder *d, struct mh_machine *m, unsigned hart,
                                mh_gva pc, struct mh_insn *out);
MH_API int mh_decoder_block_at(const struct mh_decoder *d, struct mh_machine *m, unsigned hart,
                               mh_gva pc, struct mh_insn *out, size_t max, size_t *count);
/* Text of one instruction; returns its length in bytes, or -ENODATA. */
MH_API int mh_decoder_disassemble(const struct mh_decoder *d, const void *bytes, size_t len,
                                  mh_gva pc, char *text, size_t size);

/* ---- address translation ------------------------------------------------------------- */

enum mh_access {
    MH_ACCESS_FETCH,
    MH_ACCESS_READ,
    MH_ACCESS_WRITE,
};

enum mh_privilege {
    MH_PRIV_CURRENT, /* the hart's own, with MPRV for reads and writes */
    MH_PRIV_USER,
    MH_PRIV_SUPERVISOR,
    MH_PRIV_MACHINE,
};

enum mh_paging {
    MH_PAGING_BARE,
    MH_PAGING_SV39,
    MH_PAGING_SV48,
    MH_PAGING_SV57,
    MH_PAGING_ARM64,  /* -ENOTSUP: there is no such guest yet */
    MH_PAGING_X86_64, /* -ENOTSUP */
};

enum mh_fault_kind {
    MH_FAULT_PAGE,           /* no translation, or it forbids the access */
    MH_FAULT_BUS,            /* physical protection, or nothing is there */
    MH_FAULT_ALIGNMENT,
    MH_FAULT_INVALID_OPCODE, /* pc and opcode */
    MH_FAULT_PROTECTION,     /* general protection (x86-64) */
    MH_FAULT_SEGMENT,        /* segmentation (x86-64) */
};

struct mh_fault {
    enum mh_fault_kind kind;
    mh_gva addr;
    enum mh_access access;
    bool is_write, is_user;
    mh_gva pc;
    uint32_t opcode;
};

/*
 * A hart's MMU.  The functions take the hart as those of engines do, with the same errors; those
 * that write take effect for its next instruction.
 */

/*
 * The physical address of va.  -EFAULT: the access would fault, *fault (may be NULL) says how.
 * Changes nothing: no A and D bits, no TLB.
 */
MH_API int mh_mmu_translate(struct mh_machine *m, unsigned hart, mh_gva va, enum mh_access access,
                            enum mh_privilege priv, mh_gpa *pa, struct mh_fault *fault);
/* Mode, address space and root table: satp.  set: -ENOTSUP where the hart has no such mode. */
MH_API int mh_mmu_get_root(struct mh_machine *m, unsigned hart, enum mh_paging *mode,
                           uint16_t *asid, mh_gpa *root);
MH_API int mh_mmu_set_root(struct mh_machine *m, unsigned hart, enum mh_paging mode, uint16_t asid,
                           mh_gpa root);
/* Whether misaligned loads and stores trap: of the whole machine, which does not run. */
MH_API int mh_mmu_set_strict_align(struct mh_machine *m, bool strict);
MH_API int mh_mmu_get_strict_align(struct mh_machine *m, bool *strict);
MH_API int mh_mmu_flush_all(struct mh_machine *m, unsigned hart);
MH_API int mh_mmu_flush_asid(struct mh_machine *m, unsigned hart, uint16_t asid);
MH_API int mh_mmu_flush_page(struct mh_machine *m, unsigned hart, mh_gva va);

/* The TLBs of a hart, one for each kind of access. */
struct mh_tlb_stats {
    uint64_t misses[3];      /* by enum mh_access: page walks */
    uint64_t victim_hits[3]; /* found in the victim array */
    uint64_t flush_all, flush_asid, flush_page, resizes;
};

MH_API int mh_mmu_tlb_stats(struct mh_machine *m, unsigned hart, struct mh_tlb_stats *out);
/* Entries: a power of two, 256 to 16384 (-EINVAL).  The TLB goes on adapting itself from there. */
MH_API int mh_mmu_tlb_capacity(struct mh_machine *m, unsigned hart, enum mh_access kind,
                               unsigned *entries);
MH_API int mh_mmu_tlb_resize(struct mh_machine *m, unsigned hart, enum mh_access kind,
                             unsigned entries);

/* ---- page tables ------------------------------------------------------------------------ */

/* Bits of a RISC-V page-table entry; W needs R. */
enum mh_page_flag {
    MH_PAGE_READ = 1 << 1,
    MH_PAGE_WRITE = 1 << 2,
    MH_PAGE_EXEC = 1 << 3,
    MH_PAGE_USER = 1 << 4,
    MH_PAGE_GLOBAL = 1 << 5,
    MH_PAGE_ACCESSED = 1 << 6, /* without it, and dirty for writes, an access faults or sets it */
    MH_PAGE_DIRTY = 1 << 7,
};

struct mh_page_table;

struct mh_page_stats {
    uint64_t translations, faults, flushes; /* through this object */
};

/*
 * An empty page table in the RAM of a machine that is built; its pages are taken from the area, of
 * which nothing else may use any part.  Sv39, Sv48 or Sv57 (-ENOTSUP for other architectures').
 * -EINVAL, -ENOSPC.  Destroying it leaves the tables in the guest's memory.
 */
MH_API int mh_page_table_create(struct mh_page_table **out, struct mh_machine *m,
                                enum mh_paging mode, mh_gpa area, uint64_t size);
MH_API void mh_page_table_destroy(struct mh_page_table *t);
MH_API mh_gpa mh_page_table_root(const struct mh_page_table *t);
/* A zeroed page of the area, for whatever.  -ENOSPC. */
MH_API int mh_page_table_alloc(struct mh_page_table *t, mh_gpa *page);
/*
 * Maps the page of 1 << page_shift bytes (12, 21, 30, and 39 and 48 where the mode has them); flags
 * are enum mh_page_flag.  -EEXIST: something is there.  -EINVAL, -ENOSPC.
 */
MH_API int mh_page_table_map(struct mh_page_table *t, mh_gva va, mh_gpa pa, unsigned page_shift,
                             unsigned flags);
/* Changes the entry that maps va; flags 0 removes it.  -ENOENT, -EINVAL. */
MH_API int mh_page_table_update(struct mh_page_table *t, mh_gva va, mh_gpa pa, unsigned flags);
/* What an access would reach, as S- or U-mode with SUM and MXR clear.  -EFAULT. */
MH_API int mh_page_table_translate(struct mh_page_table *t, mh_gva va, enum mh_access access,
                                   bool user, mh_gpa *pa);
/* Makes it a hart's: mh_mmu_set_root. */
MH_API int mh_page_table_activate(struct mh_page_table *t, unsigned hart, uint16_t asid);
/* Flushes a hart's TLBs: the page of *va, or all if va is NULL.  Errors as for mh_mmu_*. */
MH_API int mh_page_table_flush(struct mh_page_table *t, unsigned hart, const mh_gva *va);
MH_API void mh_page_table_stats(const struct mh_page_table *t, struct mh_page_stats *out);

/* ---- tasks -------------------------------------------------------------------------------- */

/*
 * Work that goes on while its owner does something else.  A machine that is built runs tasks on its
 * I/O thread, where they must be short and not block, or on worker threads (at most 8).
 */
struct mh_task;

enum mh_task_status {
    MH_TASK_PENDING,
    MH_TASK_RUNNING,
    MH_TASK_COMPLETED,
    MH_TASK_FAILED,
    MH_TASK_CANCELLED,
};

enum mh_task_place {
    MH_TASK_IO,
    MH_TASK_WORKER,
};

struct mh_task_spec {
    const char *description; /* copied, at most 63 characters; may be NULL */
    enum mh_task_place place;
    /* 0 or -errno, which becomes the result; -ECANCELED because it was cancelled. */
    int (*run)(struct mh_task *t, void *opaque);
    /*
     * Makes run come back soon; called once or more while it runs, on another thread, and must
     * neither block nor use tasks.  May be NULL: then run looks at mh_task_cancelled.
     */
    void (*cancel)(void *opaque);
    void (*destroy)(void *opaque); /* the task is gone; may be NULL */
    void *opaque;
};

/*
 * Hands a task over.  The caller destroys *out; what it says stays valid until then, also when the
 * machine is gone (destroying a machine cancels its tasks).  -EINVAL: the machine is not
 * initialised.  On failure opaque is still the caller's.
 */
MH_API int mh_scheduler_submit(struct mh_machine *m, const struct mh_task_spec *spec,
                               struct mh_task **out);
MH_API enum mh_task_status mh_task_status(const struct mh_task *t);
MH_API const char *mh_task_description(const struct mh_task *t);
/* An eventfd that is readable once the task is over; the task's own. */
MH_API int mh_task_fd(const struct mh_task *t);
/* Waits until it is over, at most timeout_ns (UINT64_MAX: for ever).  -ETIMEDOUT. */
MH_API int mh_task_wait(struct mh_task *t, uint64_t timeout_ns);
/*
 * What run returned; -ECANCELED when it was cancelled before it began; -EINPROGRESS while it is not
 * over.  error (may be NULL): the details of a failure, valid as long as the task.
 */
MH_API int mh_task_result(const struct mh_task *t, const struct mh_error **error);
/* Takes back a task that waits, or asks one that runs to end.  -EALREADY: it is over. */
MH_API int mh_task_cancel(struct mh_task *t);
/* For run: whether somebody wants its end. */
MH_API bool mh_task_cancelled(const struct mh_task *t);
/* Lets go of the task, which goes on if it is not over.  NULL is allowed. */
MH_API void mh_task_destroy(struct mh_task *t);

/*
 * Calls of before as tasks.  Buffers, results and engines must live until the task is over, and no
 * longer: after that nothing touches them.
 */
MH_API int mh_memory_read_async(struct mh_machine *m, mh_gpa addr, void *buf, size_t len,
                                struct mh_task **out);
MH_API int mh_memory_write_async(struct mh_machine *m, mh_gpa addr, const void *buf, size_t len,
                                 struct mh_task **out);
/* result may be NULL.  A cancelled execution is one that comes back with MH_STOP_CANCELLED. */
MH_API int mh_engine_execute_async(struct mh_engine *e, uint64_t max,
                                   struct mh_engine_result *result, struct mh_task **out);

/* ---- devices -------------------------------------------------------------------- */

struct mh_device_info {
    char name[32];
    enum mh_device_type type;
    enum mh_device_status status;
    mh_gpa base;
    uint64_t size; /* bytes of its register window */
    unsigned irq;  /* interrupt source, 0: none */
};

/*
 * A device of the library's user.  read and write are called on hart threads, one at a time, must
 * not block and must not call mh_devices_*; sizes are 1, 2, 4 and 8, offsets inside the window;
 * anything but 0 gives the guest an access fault.  reset may be NULL.
 */
struct mh_device_ops {
    enum mh_device_type type;
    const char *compatible; /* of its device-tree node; NULL: no node */
    int (*read)(void *opaque, uint64_t offset, unsigned size, uint64_t *value);
    int (*write)(void *opaque, uint64_t offset, unsigned size, uint64_t value);
    void (*reset)(void *opaque);
};

/*
 * Adds a device to a machine that is initialised and was not started (-EBUSY; also while a hart
 * executes).  Loads the images anew, so harts are at their start afterwards.  name must be new
 * (-EEXIST), the window free (-EEXIST; the error names both devices), irq 0 or a free source of
 * 1..95 (-EINVAL, -EEXIST).  opaque must live until it is unregistered or the machine destroyed.
 */
MH_API int mh_devices_register(struct mh_machine *m, const char *name,
                               const struct mh_device_ops *ops, void *opaque, mh_gpa base,
                               uint64_t size, unsigned irq);
/* Removes a device that was registered so (-EPERM for the machine's own, -ENOENT). */
MH_API int mh_devices_unregister(struct mh_machine *m, const char *name);
/* Sets the level of its interrupt line.  Any thread, also from its own read and write. */
MH_API int mh_devices_interrupt(struct mh_machine *m, const char *name, bool level);
/* Fills up to max entries in order of address; returns how many devices there are. */
MH_API size_t mh_devices_list(struct mh_machine *m, struct mh_device_info *out, size_t max);
MH_API int mh_devices_find(struct mh_machine *m, const char *name, struct mh_device_info *out);
/* A register access as a hart would make it; -EFAULT when no device answers. */
MH_API int mh_devices_read(struct mh_machine *m, mh_gpa addr, unsigned size, uint64_t *value);
MH_API int mh_devices_write(struct mh_machine *m, mh_gpa addr, unsigned size, uint64_t value);

/* ---- the bus ----------------------------------------------------------------------------- */

/* Whom an address belongs to. */
struct mh_bus_place {
    char device[32]; /* its name */
    mh_gpa base;     /* of the window */
    uint64_t size;   /* bytes of the window */
    uint64_t offset; /* the device's register */
};

/*
 * Maps one more window, of at most all its registers, to a device.  -EEXIST: it overlaps another
 * (the error names both devices) or RAM; -ENOENT: no such device; -EINVAL.  One thread at a time
 * maps and unmaps, also while harts run, and not from a device's read and write.
 */
MH_API int mh_bus_map(struct mh_machine *m, const char *device, mh_gpa base, uint64_t size);
/* Takes such a window away: no access is in it any more then.  -ENOENT; -EPERM: the device's own. */
MH_API int mh_bus_unmap(struct mh_machine *m, mh_gpa base);
/* Which device answers at an address.  Any thread.  -ENOENT: none. */
MH_API int mh_bus_translate(struct mh_machine *m, mh_gpa addr, struct mh_bus_place *out);

#ifdef __cplusplus
}
#endif

#endif
