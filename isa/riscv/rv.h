/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RISC-V hart and its machine-wide guest object.  Private to isa/riscv.
 *
 * Everything in struct rv_hart belongs to the hart's thread, except what is
 * marked and what lies in hart.shared.
 */
#ifndef ISA_RISCV_RV_H
#define ISA_RISCV_RV_H

#include "isa/guest.h"
#include "isa/riscv/decode.h"
#include "isa/riscv/jit.h"
#include "mem/walk.h"
#include "smp/smp.h"

enum rv_priv { PRIV_U = 0, PRIV_S = 1, PRIV_M = 3 };

/* Exception causes (Privileged, mcause). */
enum rv_cause {
    CAUSE_FETCH_MISALIGNED = 0,
    CAUSE_FETCH_ACCESS = 1,
    CAUSE_ILLEGAL = 2,
    CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4,
    CAUSE_LOAD_ACCESS = 5,
    CAUSE_STORE_MISALIGNED = 6,
    CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8,
    CAUSE_ECALL_S = 9,
    CAUSE_ECALL_M = 11,
    CAUSE_FETCH_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15,
    CAUSE_DOUBLE_TRAP = 16,
    CAUSE_SOFTWARE_CHECK = 18,
};

/* mstatus fields. */
#define MSTATUS_SIE  (1ull << 1)
#define MSTATUS_MIE  (1ull << 3)
#define MSTATUS_SPIE (1ull << 5)
#define MSTATUS_MPIE (1ull << 7)
#define MSTATUS_SPP  (1ull << 8)
#define MSTATUS_MPP  (3ull << 11)
#define MSTATUS_FS   (3ull << 13)
#define MSTATUS_MPRV (1ull << 17)
#define MSTATUS_SUM  (1ull << 18)
#define MSTATUS_MXR  (1ull << 19)
#define MSTATUS_TVM  (1ull << 20)
#define MSTATUS_TW   (1ull << 21)
#define MSTATUS_TSR  (1ull << 22)
#define MSTATUS_SDT  (1ull << 24)
#define MSTATUS_UXL  (3ull << 32)
#define MSTATUS_SXL  (3ull << 34)
#define MSTATUS_MDT  (1ull << 42)
#define MSTATUS_SD   (1ull << 63)

#define MNSTATUS_NMIE (1ull << 3)
#define MNSTATUS_MNPP (3ull << 11)

#define ENVCFG_FIOM  (1ull << 0)
#define ENVCFG_CBIE  (3ull << 4)
#define ENVCFG_CBCFE (1ull << 6)
#define ENVCFG_CBZE  (1ull << 7)
#define ENVCFG_PMM   (3ull << 32) /* in mseccfg at the same place */
#define ENVCFG_DTE   (1ull << 59)
#define ENVCFG_ADUE  (1ull << 61)
#define ENVCFG_PBMTE (1ull << 62)
#define ENVCFG_STCE  (1ull << 63)

/* Bits of mseccfg. */
#define MSECCFG_MML   (1ull << 0)
#define MSECCFG_MMWP  (1ull << 1)
#define MSECCFG_RLB   (1ull << 2)
#define MSECCFG_USEED (1ull << 8)
#define MSECCFG_SSEED (1ull << 9)

/* Bits of mstateen0-3: access to the matching sstateen, and mstateen0's of senvcfg. */
#define STATEEN_SE       (1ull << 63)
#define STATEEN0_ENVCFG  (1ull << 62)
#define STATEEN0_CONTEXT (1ull << 57) /* scontext */

/* Interrupt input of a hart besides those that mip shows: an RNMI waits.  Cleared when it is taken.
 */
#define RV_IRQ_RNMI (1ull << 63)

#define RV_PMP_ENTRIES 16
#define RV_HPM_FIRST   3
#define RV_HPM_LAST    31

/* What an instruction changed that the run loop must look at before it goes on. */
enum rv_attention {
    RV_ATTEND_MMU = 1 << 0,   /* satp, mstatus, privilege, PMP, menvcfg: recompute TLB contexts */
    RV_ATTEND_IRQ = 1 << 1,   /* an enable or a pending bit may have changed */
    RV_ATTEND_FETCH = 1 << 2, /* fence.i: forget where code was found */
    RV_ATTEND_WFI = 1 << 3,   /* go to sleep */
    RV_ATTEND_WRS = 1 << 4,   /* sleep until the reservation goes */
};

/* SBI hart states (subset); HSM_CLAIMED: a starter is writing hsm_pc and hsm_opaque. */
enum rv_hsm { HSM_STARTED, HSM_STOPPED, HSM_START_PENDING, HSM_SUSPENDED, HSM_CLAIMED };

struct rv_pmp_range {
    gpa_t first, last; /* first > last: empty */
};

#define RV_TRIGGERS 4

struct rv_trigger {
    uint64_t tdata1, tdata2, tdata3;
};

/* What triggers are set for; kept in struct rv_hart so that one test says that there are none. */
enum rv_trigger_use {
    RV_TRIGGER_EXECUTE = 1 << 0, /* an address of code */
    RV_TRIGGER_DATA = 1 << 1,    /* an address of loads or stores */
    RV_TRIGGER_COUNT = 1 << 2,   /* instructions are counted, or the count is up */
    RV_TRIGGER_TRAP = 1 << 3,    /* interrupts or exceptions */
};

struct rv_csrs {
    uint64_t mstatus, mie, mideleg, medeleg, mtvec, stvec, mepc, sepc, mcause, scause, mtval, stval,
        mscratch, sscratch, mcounteren, scounteren, mcountinhibit, menvcfg, senvcfg, satp, mtval2,
        mtinst, mseccfg, mstateen[4];
    struct rv_trigger trigger[RV_TRIGGERS];
    uint64_t tselect, scontext, mcontext;
    uint64_t mnscratch, mnepc, mncause;
    uint64_t mnstatus; /* NMIE is set for ever where Smrnmi is not implemented */
    uint64_t mip_soft; /* bits of mip that software can write: STIP (without Sstc), SEIP, LCOFIP */
    uint64_t stimecmp; /* atomic: the timer callback reads it */
    uint8_t pmpcfg[RV_PMP_ENTRIES];
    uint64_t pmpaddr[RV_PMP_ENTRIES];
    struct rv_pmp_range pmp_range[RV_PMP_ENTRIES]; /* made of the two above: rv_pmp_update */
    uint8_t pmp_count;            /* entries up to the last that matches anything */
    bool pmp_m_open, pmp_su_open; /* ready answers, pmp.c */
    uint8_t frm;
    uint8_t fflags; /* besides what the host FPU has accumulated; see fp.h */
};

/* Counters 0 (mcycle), 2 (minstret), 3 to 31: hpm.c. */
struct rv_hpm {
    uint64_t base[32];   /* of one that runs: what to add to its source; else its value */
    uint64_t event[32];  /* mhpmevent3-31; 0 and 2: mcyclecfg, minstretcfg */
    uint64_t seen[32];   /* the value when overflow was looked for last */
    uint32_t source[32]; /* offset in struct rv_hart of what it counts; 0: nothing */
    uint32_t running;    /* bit per counter */
    uint32_t filtered;   /* those that some privilege inhibits */
    uint64_t look_at;    /* instruction count at which to look for overflow */
};

struct rv_trap {
    bool pending;
    uint64_t cause; /* enum rv_cause */
    uint64_t tval;
};

/* Events counted by the built-in SBI, as the PMU extension numbers them. */
enum rv_fw_event {
    FW_SET_TIMER = 5,
    FW_IPI_SENT,
    FW_IPI_RECEIVED,
    FW_FENCE_I_SENT,
    FW_FENCE_I_RECEIVED,
    FW_SFENCE_SENT,
    FW_SFENCE_RECEIVED,
    FW_SFENCE_ASID_SENT,
    FW_SFENCE_ASID_RECEIVED,
    FW_EVENTS,
};

#define RV_PMU_FIXED    2 /* cycle, instret */
#define RV_PMU_HPM      (RV_HPM_LAST - RV_HPM_FIRST + 1)
#define RV_PMU_FIRMWARE 16
#define RV_PMU_COUNTERS (RV_PMU_FIXED + RV_PMU_HPM + RV_PMU_FIRMWARE)

/* The built-in SBI's state of a hart. */
struct rv_sbi {
    uint64_t events[FW_EVENTS]; /* any thread, atomic */
    struct rv_pmu_counter {
        bool configured, started;
        uint32_t event; /* enum rv_fw_event of a firmware counter, else mhpmevent's selector */
        uint64_t value; /* of a firmware counter.  Stopped: its value; started: what to add to the
                           event's count */
    } pmu[RV_PMU_COUNTERS];
};

struct rv_op; /* one decoded operation: isa/riscv/ops.h */
struct rv_guest;

struct rv_stats {
    uint64_t loads_slow, stores_slow, mmio, traps, interrupts, page_walks, sc_success, sc_fail, lr,
        wfi, sbi_calls;
    /* Ends of an engine's run, by what it left to do: run.c */
    uint64_t exit_trap, exit_wait, exit_mode, exit_alarm, exit_target;
};

/* What the seed CSR (Zkr) shows next. */
struct rv_entropy {
    uint64_t polls; /* of a machine with a seed: how many samples were taken */
    uint16_t sample;
    bool ready; /* there is a sample */
};

struct rv_hart {
    uint64_t x[33];      /* x[32] takes what is written to x0 */
    gva_t page_va;       /* page of the instruction being executed */
    struct jit_hart run; /* what translated code uses most comes first: see rv_jit_guest.bias */
    uint64_t f[32];      /* NaN-boxed */
    uint64_t pc;         /* true outside the interpreter; inside, d and page_va give it */
    uint64_t insns;      /* retired; inside the interpreter brought up to date before each helper,
                            and before each access off the fast path */
    uint64_t fetch_mask; /* PAGE_MASK, and bit 1 where IALIGN is 32 */
    uint8_t priv;
    bool mmu_data_on, mmu_fetch_on; /* translation active for data (with MPRV) and fetch */
    bool data_flat;       /* data addresses are physical as they are, and PMP allows all of them */
    uint8_t masked_bits;  /* of data addresses, pointer masking's PMLEN */
    uint8_t fp_ready;     /* rm values that the host's rounding mode serves now: fp.h */
    uint8_t fp_ready_fma; /* the same for fused operations: 0 if the host has none */
    bool fp_entered;      /* the host's FP control register holds the guest's mode and flags */
    uint32_t fp_host_control; /* the host's own, while fp_entered */
    uint32_t attention;       /* enum rv_attention */
    struct rv_trap trap;
    uint8_t triggers;         /* enum rv_trigger_use, of all triggers */
    uint8_t triggers_written; /* trigger.c: by index, since counting was last asked */
    struct rv_csrs csr;
    struct rv_hpm hpm;
    struct rv_guest *guest;
    const struct engine *engine; /* changes between two rounds only */
    struct rv_stats stats;
    struct loop_timer *timer;        /* stimecmp */
    struct gclock_watch clock_watch; /* mtime was written */
    struct lock timer_lock;          /* RANK_LEAF: stimecmp against its callback */
    uint64_t timer_compare;          /* comparand in force; written by the owner under timer_lock */
    uint32_t timer_sets;             /* under timer_lock: counts writes of timer_compare */
    struct rv_sbi sbi;
    struct rv_entropy entropy;

    /* SBI HSM; hsm_state atomic, the rest written before it by the starter. */
    uint32_t hsm_state;
    uint64_t hsm_pc, hsm_opaque;
    uint64_t wrs_deadline_ns; /* when a WRS ends at the latest */
    uint64_t stop_at;         /* instruction count at which the guest ends (max_insns) */
    uint64_t pause_at;        /* instruction count at which rv_execute looks up, else UINT64_MAX */
    uint64_t trap_insns;      /* insns at the last exception */
    uint64_t barren_traps;    /* exceptions since something was retired */
    unsigned pauses;

    struct rv_straddle *straddle; /* interp.c: an instruction across two pages */
    uint64_t code_epoch; /* codecache.c: generation it entered with, UINT64_MAX outside; atomic */
    uint64_t
        code_seen;    /* codecache.c: generation whose given-up pages it has dropped; own thread */
    uint64_t decodes; /* of instructions; written by the owner, atomic */
    struct rv_jit_hart jit;
    struct hart hart;
};

static inline struct rv_hart *rv_hart(struct hart *h)
{
    return container_of(h, struct rv_hart, hart);
}

struct rv_guest {
    struct guest_config cfg;
    struct guest_env machine;    /* a copy of what the machine gave */
    const struct guest_env *env; /* of it */
    struct rv_ext_set exts;
    char isa[1024]; /* canonical string */
    struct smp *smp;
    struct rv_hart **harts;
    struct rv_code_cache *code;
    struct rv_jit *jit; /* NULL: this host has no translator */
    struct guest_boot boot;
};

static inline bool rv_has(const struct rv_hart *h, enum rv_ext ext)
{
    return rv_ext_has(&h->guest->exts, ext);
}

/*
 * The address that a load or store at va is for (Pointer Masking, "The Ignore Transformation"):
 * sign-extended where it is virtual, zero-extended where it is physical.
 */
static inline gva_t rv_data_address(const struct rv_hart *h, gva_t va)
{
    unsigned n = h->masked_bits;
    return h->mmu_data_on ? (gva_t)((int64_t)(va << n) >> n) : va << n >> n;
}

/* --- traps: trap.c --- */

/* Records a synchronous exception of the current instruction; the caller then returns "trapped". */
static inline void rv_raise(struct rv_hart *h, enum rv_cause cause, uint64_t tval)
{
    h->trap = (struct rv_trap){.pending = true, .cause = cause, .tval = tval};
}

/*
 * Takes the recorded exception: h->pc is the faulting instruction's, becomes the handler's; or the
 * hart has come to its end (Smdbltrp's critical-error state): it is HSM_STOPPED.
 */
void rv_trap_take(struct rv_hart *h);
/* Takes the highest-priority enabled pending interrupt, if any: true. */
bool rv_interrupt_take(struct rv_hart *h);
/* Whether any interrupt is pending and locally enabled in mie, whatever mstatus says (what ends
 * WFI). */
bool rv_interrupt_pending(const struct rv_hart *h);
/* mip as the CSR reads. */
uint64_t rv_mip(const struct rv_hart *h);
/* MRET, SRET, MNRET, WFI, SFENCE.VMA family: false: an exception was recorded.  pc is set by *ret
 * for the returns. */
bool rv_mret(struct rv_hart *h, uint64_t *pc);
bool rv_sret(struct rv_hart *h, uint64_t *pc);
bool rv_mnret(struct rv_hart *h, uint64_t *pc);
bool rv_wfi(struct rv_hart *h);
bool rv_sfence_vma(struct rv_hart *h, bool by_va, gva_t va, bool by_asid, uint64_t asid);
/* SFENCE.W.INVAL, SFENCE.INVAL.IR: only the privilege check. */
bool rv_sfence_order(struct rv_hart *h);
/*
 * The two above record an illegal instruction with tval 0: they do not know the encoding.  The
 * engine puts it there (any CAUSE_ILLEGAL with tval 0; the encoding 0 stays 0).
 */
void rv_reset(struct rv_hart *h); /* all CSRs and registers to power-on; hart not running */

/* --- CSRs: csr.c --- */

enum rv_csr_op { CSR_WRITE, CSR_SET, CSR_CLEAR };
/*
 * One CSR instruction.  read: rd is not x0 (or the op reads anyway); write: the op writes (csrrw
 * always; csrrs/c when rs1 is not x0).  Returns false with an illegal-instruction exception
 * recorded. raw is the instruction's encoding, for tval.
 */
bool rv_csr_access(struct rv_hart *h, unsigned csr, enum rv_csr_op op, uint64_t operand, bool read,
                   bool write, uint32_t raw, uint64_t *old);
/* Access without privilege checks, for the debugger, snapshots, tests.  -EINVAL: no such CSR. */
int rv_csr_peek(struct rv_hart *h, unsigned csr, uint64_t *value);
int rv_csr_poke(struct rv_hart *h, unsigned csr, uint64_t value);
const char *rv_csr_name(unsigned csr); /* NULL if unknown */

/* --- performance counters: hpm.c --- */

/* i: 0 for mcycle, 2 for minstret, 3 to 31.  Writes take effect after the instruction. */
uint64_t rv_hpm_read(const struct rv_hart *h, unsigned i);
void rv_hpm_write(struct rv_hart *h, unsigned i, uint64_t value);
uint64_t rv_hpm_read_event(struct rv_hart *h, unsigned i);
void rv_hpm_write_event(struct rv_hart *h, unsigned i, uint64_t value);
bool rv_hpm_has_event(uint64_t selector);
void rv_hpm_write_inhibit(struct rv_hart *h, uint64_t value); /* mcountinhibit */
/* Looks for overflow now: sets OF and LCOFIP. */
void rv_hpm_look(struct rv_hart *h);
uint32_t rv_hpm_overflowed(struct rv_hart *h); /* the OF bits, as scountovf has them */
void rv_hpm_reset(struct rv_hart *h);
void rv_hpm_update_privilege(struct rv_hart *h, unsigned pending);

/* h->priv has changed.  pending: 1 in an xRET, which still counts for the privilege before. */
static inline void rv_hpm_privilege(struct rv_hart *h, unsigned pending)
{
    if (unlikely(h->hpm.filtered))
        rv_hpm_update_privilege(h, pending);
}

/* --- PMP: pmp.c --- */

/* Whether an access of the privilege is allowed for all bytes. */
bool rv_pmp_allowed(const struct rv_hart *h, gpa_t gpa, uint64_t size, enum access_type access,
                    enum rv_priv priv);
/* For csr.c: eight entries from first packed as in a pmpcfg register; pmpaddr; the ranges anew. */
uint64_t rv_pmp_cfg_read(const struct rv_hart *h, unsigned first);
void rv_pmp_cfg_write(struct rv_hart *h, unsigned first, uint64_t value);
void rv_pmp_addr_write(struct rv_hart *h, unsigned i, uint64_t value);
void rv_pmp_update(struct rv_hart *h);
/* Smepmp: what a write of value makes of mseccfg's RLB, MMWP and MML; and after it was written. */
uint64_t rv_pmp_seccfg_legal(const struct rv_hart *h, uint64_t value);
void rv_pmp_seccfg_changed(struct rv_hart *h);
/* Whether every byte of the 4 KiB page has the same answer for each access type of priv (so that a
 * TLB entry may stand for it). */
bool rv_pmp_page_uniform(const struct rv_hart *h, gpa_t page, enum rv_priv priv);

/* --- triggers (Sdtrig): trigger.c --- */

uint64_t rv_trigger_get(const struct rv_hart *h, unsigned csr); /* for csr.c, by CSR number */
void rv_trigger_set(struct rv_hart *h, unsigned csr, uint64_t value);
void rv_trigger_reset(struct rv_hart *h);

bool rv_trigger_page_slow(const struct rv_hart *h, gva_t va, uint8_t use);
/* Whether a trigger of the use could match in va's page, which then stays out of the TLB. */
static inline bool rv_trigger_page(const struct rv_hart *h, gva_t va, enum rv_trigger_use use)
{
    return unlikely(h->triggers & use) && rv_trigger_page_slow(h, va, (uint8_t)use);
}

enum { RV_TRIGGER_LOAD = 1, RV_TRIGGER_STORE = 2 };
bool rv_trigger_access_slow(struct rv_hart *h, gva_t va, unsigned size, uint8_t kinds);
/* True: a trigger fired for the access, before it, and its exception was recorded. */
static inline bool rv_trigger_access(struct rv_hart *h, gva_t va, unsigned size, uint8_t kinds)
{
    return unlikely(h->triggers & RV_TRIGGER_DATA) && rv_trigger_access_slow(h, va, size, kinds);
}

bool rv_trigger_execute_slow(struct rv_hart *h);
/* The same for the instruction at h->pc. */
static inline bool rv_trigger_execute(struct rv_hart *h)
{
    return unlikely(h->triggers & RV_TRIGGER_EXECUTE) && rv_trigger_execute_slow(h);
}

/* icount: whether a count is up and fires now, its exception recorded. */
bool rv_trigger_count_due(struct rv_hart *h);
/* Which triggers the next instruction or trap counts for; and that it has happened. */
unsigned rv_trigger_counting(struct rv_hart *h);
void rv_trigger_counted(struct rv_hart *h, unsigned set);
/* A trap from the mode was taken: whether a trigger fires upon it, its exception recorded. */
bool rv_trigger_trap_slow(struct rv_hart *h, enum rv_priv from, bool interrupt, unsigned code);

/* --- timer: timer.c --- */

int rv_timer_init(struct rv_hart *h); /* adds the loop timer */
void rv_timer_fini(struct rv_hart *h);
/* stimecmp or menvcfg.STCE changed, or a sleep until the deadline below ended: sets STIP right. */
void rv_timer_update(struct rv_hart *h);
uint64_t rv_timer_deadline_ns(const struct rv_hart *h); /* for WFI; FUTEX_NO_DEADLINE if none */

/* --- SBI: sbi.c --- */

/*
 * Answers an ecall from S-mode (arguments in a0-a7, result in a0, a1).  h->pc is the ecall's and
 * becomes where to go on: the next instruction, the resume address of a suspend, a trap handler,
 * or the ecall again where the console is full.  May set h->attention (RV_ATTEND_WFI: suspended)
 * and make hsm_state HSM_STOPPED.
 */
void rv_sbi_call(struct rv_hart *h);
/* Sets up M-mode state as firmware would: delegation, menvcfg, counters, PMP; S-mode, MMU off. */
void rv_sbi_prepare(struct rv_hart *h);
/*
 * On the thread of a hart that is HSM_START_PENDING: its first state (hsm_pc, hsm_opaque), and
 * HSM_STARTED.
 */
void rv_sbi_begin(struct rv_hart *h);

/* --- device tree: fdt.c --- */

/* guest_type.fdt_cpus; on a tree opened for writing in place (libfdt). */
int rv_fdt_cpus(struct guest *g, void *fdt, uint32_t *phandle);

/* --- memory access: access.c --- */

/*
 * The slow ways of loads and stores: TLB miss, misaligned, across pages, MMIO, flagged pages.
 * False: an exception was recorded.  Values zero-extended; size 1, 2, 4, 8.
 */
struct rv_load {
    uint64_t value;
    bool ok;
};
struct rv_load rv_load_slow(struct rv_hart *h, gva_t va, unsigned size);
bool rv_store_slow(struct rv_hart *h, gva_t va, unsigned size, uint64_t value);
struct rv_load rv_amo_slow(struct rv_hart *h, gva_t va, unsigned size, enum amo_op op, uint64_t v);
struct rv_load rv_cas_slow(struct rv_hart *h, gva_t va, unsigned size, uint64_t expected,
                           uint64_t v);
bool rv_cas16(struct rv_hart *h, gva_t va, uint64_t expected[2], const uint64_t desired[2]);
struct rv_load rv_lr(struct rv_hart *h, gva_t va, unsigned size);
/* Gives up what an LR reserved or noted. */
void rv_reservation_drop(struct rv_hart *h);
/*
 * LR and SC of a pair (region.c), off the fast path.  Between the two the hart touches no memory;
 * expected is what the LR read, zero-extended.
 */
struct rv_load rv_pair_lr(struct rv_hart *h, gva_t va, unsigned size);
struct rv_load rv_pair_sc(struct rv_hart *h, gva_t va, unsigned size, uint64_t expected,
                          uint64_t value);
/* value 0 success, 1 failure */
struct rv_load rv_sc(struct rv_hart *h, gva_t va, unsigned size, uint64_t v);
bool rv_cbo_zero(struct rv_hart *h, gva_t va);
/* cbo.clean, flush, inval: checks and faults only; memory is coherent. */
bool rv_cbo_manage(struct rv_hart *h, gva_t va, bool inval);
/* A letter (smp/hart.h): drops the hart's fast write entries for the host page at host. */
void rv_letter_drop_write(struct hart *hart, uint64_t host, uint64_t unused_b, uint64_t unused_c);
/* Recomputes the TLB contexts after privilege, satp, mstatus, PMP or menvcfg changed. */
void rv_mmu_update(struct rv_hart *h);
/* Privilege of loads and stores, which MPRV may change. */
enum rv_priv rv_data_priv(const struct rv_hart *h);
/* The bank of streams (mem/tlb.h) that translated code uses now. */
static inline unsigned rv_stream_bank(const struct rv_hart *h)
{
    return h->priv != PRIV_U;
}
/* What a walk for an access of that privilege depends on; mode is satp's. */
struct walk_env rv_walk_env(struct rv_hart *h, enum rv_priv priv);
extern const struct guest_mmu_ops rv_mmu_ops;                   /* mmu.c */
extern const struct guest_cache_ops rv_cache_ops[GUEST_CACHES]; /* caches.c */
/* Translates for the debugger, with the hart's current data mode; no side effects. */
bool rv_translate_debug(struct rv_hart *h, gva_t va, gpa_t *gpa);

/* --- engines: engine.c --- */
const struct engine *rv_engine(enum guest_engine id); /* NULL: no such number */

/* --- guest and run loop: guest.c, run.c, piece.c, interp.c --- */
void rv_run(struct hart *hart);
enum guest_pause rv_execute(struct guest *guest, unsigned hart,
                            uint64_t max); /* guest_type.execute */
/* Parts of the run loop: the alarm is due, attention is set.  False: the machine ends. */
void rv_set_limit(struct rv_hart *h);
bool rv_heed_alarm(struct rv_hart *h);
bool rv_attend(struct rv_hart *h);
/* rv_trap_take, counting towards the instruction limit where nothing is retired. */
void rv_take_exception(struct rv_hart *h);
/*
 * For an engine that would return: does what the run loop would do next, if that is to take an
 * exception or to change the context and no more, and the hart runs freely (not in pieces).  True:
 * the engine may go on at the hart's pc, which another mode may be in.
 */
bool rv_go_on(struct rv_hart *h);
/* A round while an icount trigger counts: the interrupt or one instruction (piece.c). */
void rv_round_counted(struct rv_hart *h);
/* Executes from h->pc until something needs attention, an alarm or an exception. */
void rv_interp(struct rv_hart *h);
/* The same between rv_code_enter and rv_code_leave. */
void rv_interp_inside(struct rv_hart *h);
/* The same for one instruction; the alarm must be due right after it (hart.limit). */
void rv_interp_step(struct rv_hart *h);
int rv_interp_init(struct rv_hart *h); /* -ENOMEM */
void rv_interp_fini(struct rv_hart *h);
/*
 * Finds the decoded page for fetching two bytes at va, entering it into the fetch TLB if all of it
 * may be fetched.  NULL: an exception was recorded; or none, then the page was not to be had at
 * once, or requests of other harts were served meanwhile, and the caller begins anew.
 * rv_fetch also checks va's alignment (IALIGN); rv_fetch_rest is for the rest of an instruction.
 */
const struct rv_op *rv_fetch(struct rv_hart *h, gva_t va);
const struct rv_op *rv_fetch_rest(struct rv_hart *h, gva_t va);
/* Starts a hart that is HSM_STOPPED (start bits set by the caller). Any thread. */
void rv_hart_wake(struct rv_hart *h);

#endif
