/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in SBI among its own files: one function per extension.  Each runs
 * on the calling hart's thread, between two instructions, with the arguments
 * a0-a5 in a[0] to a[5].
 */
#ifndef ISA_RISCV_SBI_H
#define ISA_RISCV_SBI_H

#include "isa/riscv/rv.h"

enum sbi_error {
    SBI_SUCCESS = 0,
    SBI_ERR_FAILED = -1,
    SBI_ERR_NOT_SUPPORTED = -2,
    SBI_ERR_INVALID_PARAM = -3,
    SBI_ERR_DENIED = -4,
    SBI_ERR_INVALID_ADDRESS = -5,
    SBI_ERR_ALREADY_AVAILABLE = -6,
    SBI_ERR_ALREADY_STARTED = -7,
    SBI_ERR_ALREADY_STOPPED = -8,
    SBI_ERR_NO_SHMEM = -9,
};

enum sbi_eid {
    SBI_LEGACY_SET_TIMER = 0,
    SBI_LEGACY_PUTCHAR,
    SBI_LEGACY_GETCHAR,
    SBI_LEGACY_CLEAR_IPI,
    SBI_LEGACY_SEND_IPI,
    SBI_LEGACY_FENCE_I,
    SBI_LEGACY_SFENCE,
    SBI_LEGACY_SFENCE_ASID,
    SBI_LEGACY_SHUTDOWN,
    SBI_LEGACY_LAST = SBI_LEGACY_SHUTDOWN,
    SBI_EID_BASE = 0x10,
    SBI_EID_IPI = 0x735049,
    SBI_EID_TIME = 0x54494d45,
    SBI_EID_RFENCE = 0x52464e43,
    SBI_EID_HSM = 0x48534d,
    SBI_EID_SRST = 0x53525354,
    SBI_EID_DBCN = 0x4442434e,
    SBI_EID_PMU = 0x504d55,
};

#define SBI_SPEC_VERSION (2u << 24) /* 2.0 */
#define SBI_IMPL_ID      0x6d68     /* "mh"; not in the specification's list */
#define SBI_IMPL_VERSION 1

/* How the hart goes on. */
enum sbi_then {
    SBI_RETURN,     /* error and value go to a0 and a1 */
    SBI_REDIRECTED, /* pc and registers are set, or the hart stops */
    SBI_AGAIN,      /* the ecall is repeated */
};

struct sbi_ret {
    int64_t error;
    uint64_t value;
    enum sbi_then then;
};

static inline struct sbi_ret sbi_error(enum sbi_error error)
{
    return (struct sbi_ret){.error = error};
}

static inline struct sbi_ret sbi_value(uint64_t value)
{
    return (struct sbi_ret){.value = value};
}

typedef struct sbi_ret sbi_call_fn(struct rv_hart *h, uint64_t fid, const uint64_t *a);

sbi_call_fn sbi_hsm_call;     /* sbi_hsm.c */
sbi_call_fn sbi_rfence_call;  /* sbi_rfence.c */
sbi_call_fn sbi_console_call; /* sbi_console.c */
sbi_call_fn sbi_pmu_call;     /* sbi_pmu.c */

/* Harts in mask, from hart base on; base -1: all.  False: one of them does not exist. */
bool sbi_hart_set(const struct rv_hart *h, uint64_t mask, uint64_t base, struct hart_set *out);

/* Raises SSIP on every hart of the set. */
void sbi_send_ipi(struct rv_hart *h, const struct hart_set *set);

/* Remote fences; back when they have taken effect on every hart of the set. */
void sbi_fence_i(struct rv_hart *h, const struct hart_set *set);
struct sbi_ret sbi_sfence(struct rv_hart *h, const struct hart_set *set, gva_t start,
                          uint64_t size);
struct sbi_ret sbi_sfence_asid(struct rv_hart *h, const struct hart_set *set, gva_t start,
                               uint64_t size, uint64_t asid);

/* One byte; SBI_AGAIN if the console is full. */
struct sbi_ret sbi_console_put(struct rv_hart *h, uint8_t byte);
/* The byte, or -1. */
int sbi_console_get(struct rv_hart *h);

static inline void sbi_count(struct rv_hart *h, enum rv_fw_event event)
{
    fetch_add_relaxed(&h->sbi.events[event], 1);
}

#endif
