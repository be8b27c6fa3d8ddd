/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine (sim/) knows of a guest architecture: one struct guest_type
 * per folder isa/<guest>/, listed in isa/guests.def.
 */
#ifndef ISA_GUEST_H
#define ISA_GUEST_H

#include <stdio.h>

#include "isa/engine.h"
#include "mem/mmio.h"
#include "mem/physmem.h"
#include "mem/walk.h"
#include "sim/base/gclock.h"
#include "sim/base/loop.h"
#include "sim/include/manyhart.h"
#include "smp/smp.h"

struct guest;

enum guest_exit {
    GUEST_POWEROFF,
    GUEST_REBOOT,
    GUEST_FAIL,
    GUEST_LIMIT,    /* max_insns reached */
    GUEST_CRITICAL, /* a hart can no longer go on by the architecture's own rules; it was logged */
};

enum { GUEST_REG_F0 = 32, GUEST_REG_PC = 64 }; /* numbers for reg_get and reg_set */

/* Why guest_type.execute came back. */
enum guest_pause {
    PAUSE_LIMIT,   /* as many instructions and traps as it was given */
    PAUSE_WAITING, /* WFI with nothing to wake it, or a hart that was not started */
    PAUSE_STOPPED, /* REQUEST_STOP: somebody wants it so, or the guest asked the machine for its end
                    */
};

/* What the machine gives its guest; constant while the guest lives. */
struct guest_env {
    struct physmem *pm;
    struct mmio_map *mmio;
    struct loop *loop;
    struct gclock *clock;
    void *opaque;
    /* The guest asked for the end (SBI SRST, limit); returns at once.  Any hart thread. */
    void (*exit)(void *opaque, enum guest_exit kind, int code);
    /* SBI debug console; bytes written or read (0: none there), never blocks. */
    size_t (*console_write)(void *opaque, const void *buf, size_t len);
    size_t (*console_read)(void *opaque, void *buf, size_t len);
};

#define GUEST_JIT_CACHE     (128ull << 20)
#define GUEST_JIT_THRESHOLD 24
#define GUEST_JIT_REGION    512 /* the most there is, too */
#define GUEST_JIT_LOOKS     8192

/* The translator; what the levels are says manyhart.h. */
struct guest_jit_config {
    unsigned level;        /* 0 to 3 */
    uint64_t cache_bytes;  /* 0: GUEST_JIT_CACHE */
    unsigned threshold;    /* executions until code is translated; 0: GUEST_JIT_THRESHOLD */
    const char *passes;    /* as ir_passes_parse reads it; NULL: those of the level */
    bool chain;            /* jumps are led straight to their target */
    unsigned region_insns; /* 0: GUEST_JIT_REGION */
    unsigned looks;        /* misses of streams per look at one; 0: GUEST_JIT_LOOKS */
    FILE *dump, *perf_map; /* the caller's; NULL: none */
    bool gdb;              /* is told of code */
};

struct guest_config {
    unsigned harts;
    const char *isa; /* ISA string or profile, NULL for all there is */
    enum guest_engine engine;
    struct guest_jit_config jit;
    bool strict_align;    /* misaligned loads and stores trap */
    bool builtin_sbi;     /* ecalls from S are answered by the simulator; harts start in S */
    unsigned tlb_entries; /* 0: default */
    uint64_t max_insns;   /* per hart; 0: none */
    uint64_t seed;        /* of everything random, if has_seed; else the host's random source */
    bool has_seed;
    /* RISC-V, Smrnmi: where an RNMI goes, 0: the program's entry; and an exception in its handler,
     * 0: as mtvec says. */
    uint64_t rnmi_vector, rnmi_exception_vector;
};

enum guest_start {
    START_ALL,  /* every hart at entry in M-mode (bare-metal ELF, firmware) */
    START_BOOT, /* hart 0 at entry in S-mode, the others wait for SBI HSM */
};

struct guest_boot {
    enum guest_start start;
    gpa_t entry;
    gpa_t dtb;   /* a1 */
    uint64_t a2; /* OpenSBI fw_dynamic information, or 0 */
};

/* One hart's architectural state, for the public interface, gdb and tests. */
struct guest_hart_info {
    uint64_t pc, insns;
    const char *mode; /* "M", "S", "U" */
    bool waiting, stopped;
};

/*
 * Summed over harts (hart -1) or of one hart.  Words of 64 bits that only grow, all of them: who
 * wants the difference of two takes it word by word.
 */
struct guest_stats {
    uint64_t insns, loads_slow, stores_slow, mmio, traps, interrupts, page_walks, decodes,
        code_pages, code_invalidations, sc_success, sc_fail, lr, wfi, sbi_calls, shootdowns;
    uint64_t wait_ns; /* in WFI, or not started */
    /* Ends of an engine's run by their reason. */
    uint64_t exit_trap, exit_wait, exit_mode, exit_alarm, exit_target;
    /* Translation. */
    uint64_t translations, translated_insns, translated_bytes, translate_ns, jit_enters, jit_chains,
        jit_finds, jit_cold, jit_accesses, jit_forgets, jit_hot, jit_blocks, jit_ahead,
        jit_evictions, code_evictions, jit_asks, jit_pauses, jit_scattered;
    struct tlb_stats tlb;
};

struct guest_decoder; /* the guest's own */

/* Where a hart's page tables are. */
struct guest_root {
    enum paging_mode mode;
    uint16_t asid;
    gpa_t table;
};

/* A hart's address translation; the caller has the hart, and it does not run. */
struct guest_mmu_ops {
    /* priv: as mcause's modes are numbered, or -1 for the hart's own.  Writes no A and D bits. */
    enum walk_status (*translate)(struct guest *g, unsigned hart, gva_t va, enum access_type access,
                                  int priv, struct walk_result *out);
    void (*root_get)(struct guest *g, unsigned hart, struct guest_root *out);
    int (*root_set)(struct guest *g, unsigned hart, const struct guest_root *in); /* -ENOTSUP */
    void (*flush_all)(struct guest *g, unsigned hart);
    void (*flush_asid)(struct guest *g, unsigned hart, uint16_t asid);
    void (*flush_page)(struct guest *g, unsigned hart, gva_t va);
    /* Whether misaligned accesses trap; of all harts. */
    bool (*strict_get)(struct guest *g);
    void (*strict_set)(struct guest *g, bool strict);
};

/* The translator's hot code (manyhart.h, mh_hot_*).  All return -ENOTSUP where there is none. */
struct guest_hot_ops {
    /* How often hybrid executes code in pages with and without translations first.  Any thread. */
    int (*threshold_get)(struct guest *g, unsigned *min, unsigned *max);
    int (*threshold_set)(struct guest *g, unsigned min, unsigned max);
    /* Forgets all translations and counts.  Any thread. */
    int (*clear)(struct guest *g);
    /*
     * Translates at va, as the hart is now; the calling thread is attached to it.  -EFAULT: nothing
     * can be fetched there, -ENOSPC.
     */
    int (*precompile)(struct guest *g, unsigned hart, gva_t va);
    /*
     * A thread that translates for hybrid's harts.  From announce on they ask, while fewer of them
     * than processors are awake; serve does what they ask for, on the calling thread, until retire
     * is called (any thread, before or after serve begins).  Each once.
     */
    void (*announce)(struct guest *g, unsigned processors);
    void (*serve)(struct guest *g);
    void (*retire)(struct guest *g);
};

enum guest_cache { GUEST_CACHE_CODE, GUEST_CACHE_DECODE, GUEST_CACHE_TLB, GUEST_CACHES };

/*
 * A cache by virtual address (manyhart.h, mh_cache_*).  The calling thread is attached to the hart,
 * which does not run.  -ENOENT: there is no such entry; set may fail with -EFAULT (the address),
 * -ENOSPC, -EAGAIN, -ENOTSUP.
 */
struct guest_cache_ops {
    int (*get)(struct guest *g, unsigned hart, gva_t va, uint64_t *value);
    int (*set)(struct guest *g, unsigned hart, gva_t va);
    int (*remove)(struct guest *g, unsigned hart, gva_t va);
    int (*clear)(struct guest *g, unsigned hart);
};

struct guest_type {
    const char *name; /* "riscv64" */
    uint16_t elf_machine;
    /* On failure error_set names the parameter. Makes the harts and their struct smp. */
    int (*create)(struct guest **out, const struct guest_config *cfg, const struct guest_env *env);
    void (*destroy)(struct guest *g);
    struct smp *(*smp)(struct guest *g);
    /* Sets all harts to power-on state and arranges the start; harts are not running. */
    void (*boot)(struct guest *g, const struct guest_boot *boot);
    /* Adds /cpus (with riscv,isa, mmu-type, interrupt controllers) to a device tree; intc phandles
     * come back in phandle[harts]. */
    int (*fdt_cpus)(struct guest *g, void *fdt, uint32_t *phandle);
    /* One hart to the state that boot gave it; it does not run. */
    void (*reset)(struct guest *g, unsigned hart);
    /* The guest's engine of that kind, constant; NULL: no such number. */
    const struct engine *(*engine)(enum guest_engine id);
    /* Engine that a hart is with, and moving it to another: -ENOTSUP, nothing changed.  It does not
     * run. */
    const struct engine *(*engine_get)(struct guest *g, unsigned hart);
    int (*engine_set)(struct guest *g, unsigned hart, enum guest_engine id);
    /*
     * Executes at most max instructions and traps on the calling thread, which is attached to the
     * hart (smp_attach).  The state is in its place afterwards, as if the hart's thread had ended.
     */
    enum guest_pause (*execute)(struct guest *g, unsigned hart, uint64_t max);
    /* Interrupt input of a hart by its mip bit number.  Any thread. */
    void (*irq)(struct guest *g, unsigned hart, unsigned bit, bool level);
    /* Makes a non-maskable interrupt pending.  -ENOTSUP: the guest has none.  Any thread. */
    int (*nmi)(struct guest *g, unsigned hart);
    /* Registers by number as the psABI's DWARF numbers them (0-31 x, 32-63 f), 64 is pc. Harts
     * stopped or own thread. */
    int (*reg_get)(struct guest *g, unsigned hart, unsigned reg, uint64_t *value);
    int (*reg_set)(struct guest *g, unsigned hart, unsigned reg, uint64_t value);
    void (*hart_info)(struct guest *g, unsigned hart, struct guest_hart_info *out);
    void (*stats)(struct guest *g, int hart, struct guest_stats *out);
    /* Decoding: isa NULL for all there is; length of the instruction, or 0: too few bytes. */
    int (*decoder_create)(struct guest_decoder **out, const char *isa);
    void (*decoder_destroy)(struct guest_decoder *d);
    size_t (*decode)(const struct guest_decoder *d, const void *bytes, size_t len, uint64_t pc,
                     struct mh_insn *out);
    const struct guest_mmu_ops *mmu;
    const struct guest_cache_ops *cache; /* by enum guest_cache */
    const struct guest_hot_ops *hot;     /* NULL: there is no translator for this guest */
    /* Translates a virtual address as the hart's current mode would; false if unmapped. Debugger.
     */
    bool (*translate)(struct guest *g, unsigned hart, gva_t va, gpa_t *gpa);
    /* Prints one line per supported extension. For `manyhart info`. */
    void (*list_extensions)(void (*line)(void *opaque, const char *name, const char *version),
                            void *opaque);
    /* The names that stand for sets of them; missing: what the simulator lacks of it, or "". */
    void (*list_profiles)(void (*line)(void *opaque, const char *name, const char *missing),
                          void *opaque);
};

const struct guest_type *guest_find(const char *name); /* isa/guests.c over isa/guests.def */
const struct guest_type *guest_at(size_t i);

#endif
