/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch: the RAM of a guest with its code and cases, as it is before the
 * start.  The parts of the oracle fill it; machines.c makes an ELF of it and
 * runs that; compare.c compares what came out.
 */
#ifndef TESTS_ORACLE_BATCH_H
#define TESTS_ORACLE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isa/riscv/decode.h"
#include "tests/oracle/layout.h"
#include "tests/oracle/random.h"

enum {
    BATCH_CASES = 60000,
    BATCH_IMAGES = 64,
    BATCH_MEM_IMAGES = 64,
    BATCH_CSR_BLOCKS = 16384,
    SITE_INSNS = 12,
};

/* A case as the guest sees it: layout.h. */
struct guest_case {
    uint64_t pc, mstatus, fcsr, image, mem, mem_image, csrs, end_pc;
    uint8_t patched[8];
    uint64_t values[CASE_PATCHES];
};
_Static_assert(sizeof(struct guest_case) == CASE_SIZE, "layout.h");

struct guest_result {
    uint64_t done, cause, epc, tval, mstatus, fcsr, traps, hash;
    uint64_t x[32], f[32], mem[MEM_DWORDS], csrs[CSR_DWORDS];
};
_Static_assert(sizeof(struct guest_result) == RESULT_SIZE, "layout.h");

/* The order of a CSR block. */
enum csr_slot {
    SLOT_MEDELEG,
    SLOT_MIDELEG,
    SLOT_MIE,
    SLOT_MENVCFG,
    SLOT_MIP,
    SLOT_MCOUNTEREN,
    SLOT_SCOUNTEREN,
    SLOT_SENVCFG,
    SLOT_STVEC,
    SLOT_SEPC,
    SLOT_SCAUSE,
    SLOT_STVAL,
    SLOT_SSCRATCH,
    SLOT_SATP,
    SLOT_MCOUNTINHIBIT,
    SLOT_STIMECMP,
};
struct csr_block {
    uint64_t v[CSR_DWORDS];
};

/* Registers that cases of part csrs read their CSR into: before, after, and when set back. */
enum { CSR_REG_OLD = 10, CSR_REG_NEW = 11, CSR_REG_RESTORED = 12 };

/* What the host remembers of a case. */
struct case_note {
    uint16_t form;    /* that it counts for: enum rv_form_id; 0: none */
    int16_t csr;      /* that it counts for, or -1 */
    uint8_t rm;       /* rounding mode of the encoding, 8: it has none */
    uint8_t mode;     /* 0, 1, 3 */
    uint8_t kind;     /* the part's own */
    uint64_t insn_pc; /* physical address of the instruction under test */
    uint32_t raw;
    uint64_t area; /* memory of the case alone that is compared, or 0 */
    uint32_t area_bytes;
    uint32_t tag; /* the part's own */
};

struct batch {
    uint8_t *ram;   /* ORACLE_RESULTS - ORACLE_RAM bytes */
    uint8_t *taken; /* of the arena's halfwords: what must stay as it is */
    struct rng rng;
    uint64_t site_next;
    unsigned case_count, csr_blocks;
    struct case_note *notes;
};

int batch_init(struct batch *b, const char *runtime_elf);
void batch_fini(struct batch *b);
/* Empties it; images and page tables follow from the seed. */
void batch_reset(struct batch *b, uint64_t seed);

/* Host address of a guest physical address before the results. */
void *batch_host(struct batch *b, uint64_t pa);

/* A piece of straight code for the arena. */
struct site {
    uint32_t raw[SITE_INSNS];
    uint8_t len[SITE_INSNS];
    unsigned count;
};
void site_add(struct site *s, uint32_t raw, unsigned len);
/* Appends an instruction by assembly text. */
void site_asm(struct site *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Bytes before the last instruction. */
unsigned site_prefix_bytes(const struct site *s);

/*
 * Puts a site into the arena, now and then so that its last instruction lies
 * across two pages; c.ebreak follows it.  Returns its address, 0: no room.
 */
uint64_t batch_place(struct batch *b, const struct site *s);
/* Likewise at a place where a jump by offset from the last instruction hits a c.ebreak. */
uint64_t batch_place_jump(struct batch *b, const struct site *s, int64_t offset);
/* The address of some c.ebreak that is in no site. */
uint64_t batch_landing(struct rng *r);

/* A new case with defaults: image, no window, default CSRs; NULL: full.  *note is its note. */
struct guest_case *batch_case(struct batch *b, struct case_note **note);
/* Sets a register (x 1 to 31, f 32 to 63) for the case; x0 and a second time are ignored. */
void case_patch(struct guest_case *c, unsigned reg, uint64_t value);
/* What a register holds when the case's code begins. */
uint64_t case_reg(struct batch *b, const struct guest_case *c, unsigned reg);
struct guest_case *batch_case_at(struct batch *b, unsigned i);

/* The CSR block that holds by default, and the address of a copy of *block. */
struct csr_block batch_default_csrs(void);
uint64_t batch_csrs(struct batch *b, const struct csr_block *block);

/* Where the case's mode finds a physical address. */
uint64_t batch_code_address(const struct guest_case *c, uint64_t pa);

/*
 * Virtual pages of every kind, in all pairs, for S (U bit clear) and U (set);
 * mapped to the two pages from PAIR_PA on.
 */
#define PAIR_PA (ORACLE_DATA + 0x10000)
enum page_kind {
    KIND_RW,
    KIND_R,
    KIND_X,
    KIND_NONE,
    KIND_OTHER, /* the other side's U bit */
    KIND_NOT_A,
    KIND_NOT_D,
    KIND_W,        /* reserved */
    KIND_NC,       /* PBMT */
    KIND_PBMT3,    /* reserved */
    KIND_NAPOT,    /* with a reserved size */
    KIND_RESERVED, /* bit 54 */
    KIND_NO_RAM,   /* access fault */
    KIND_POINTER,  /* a pointer at the last level */
    KIND_KINDS
};
uint64_t pair_address(bool user, enum page_kind first, enum page_kind second);

#endif
