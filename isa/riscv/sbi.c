/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in supervisor binary interface: a kernel in S-mode runs without
 * firmware, and its remote fences and interrupts become direct requests to the
 * other harts.  The run loop calls rv_sbi_call for an ecall from S; this file
 * finds the extension and has the small ones (Base, TIME, sPI, SRST, legacy).
 *
 * Version 2.0 of the SBI specification; its sections are named at each call.
 */
#include "isa/riscv/sbi.h"

#define MIP_SSIP (1ull << 1)

/* Registers by psABI name. */
enum { REG_A0 = 10, REG_A1 = 11, REG_A6 = 16, REG_A7 = 17 };

/* --- Base --- */

static bool sbi_has(uint64_t eid);

static struct sbi_ret sbi_base_call(struct rv_hart *h, uint64_t fid, const uint64_t *a)
{
    (void)h;
    switch (fid) {
    case 0:
        return sbi_value(SBI_SPEC_VERSION);
    case 1:
        return sbi_value(SBI_IMPL_ID);
    case 2:
        return sbi_value(SBI_IMPL_VERSION);
    case 3:
        return sbi_value(sbi_has(a[0]));
    case 4: /* mvendorid, marchid, mimpid: as the CSRs */
    case 5:
    case 6:
        return sbi_value(0);
    }
    return sbi_error(SBI_ERR_NOT_SUPPORTED);
}

/* --- TIME --- */

static void set_timer(struct rv_hart *h, uint64_t when)
{
    sbi_count(h, FW_SET_TIMER);
    store_relaxed(&h->csr.stimecmp, when);
    rv_timer_update(h);
    h->attention |= RV_ATTEND_IRQ;
}

static struct sbi_ret sbi_time_call(struct rv_hart *h, uint64_t fid, const uint64_t *a)
{
    if (fid != 0)
        return sbi_error(SBI_ERR_NOT_SUPPORTED);
    set_timer(h, a[0]);
    return sbi_error(SBI_SUCCESS);
}

/* --- sPI --- */

static void hart_set_all(const struct rv_hart *h, struct hart_set *out)
{
    *out = (struct hart_set){0};
    for (unsigned i = 0; i < h->guest->cfg.harts; i++)
        hart_set_add(out, i);
}

/* "Hart list parameter": base -1 means all, and mask is ignored. */
bool sbi_hart_set(const struct rv_hart *h, uint64_t mask, uint64_t base, struct hart_set *out)
{
    unsigned count = h->guest->cfg.harts;
    if (base == UINT64_MAX) {
        hart_set_all(h, out);
        return true;
    }
    *out = (struct hart_set){0};
    if (base >= count || (mask && 63 - (unsigned)__builtin_clzll(mask) >= count - base))
        return false;
    for (; mask; mask &= mask - 1)
        hart_set_add(out, (unsigned)base + (unsigned)__builtin_ctzll(mask));
    return true;
}

/* A stopped hart takes none: it starts with SSIP clear. */
static void send_ipi_one(struct rv_hart *h, struct rv_hart *to)
{
    if (load_acquire(&to->hsm_state) == HSM_STOPPED)
        return;
    if (to != h) {
        sbi_count(h, FW_IPI_SENT);
        sbi_count(to, FW_IPI_RECEIVED);
    }
    hart_irq_raise(&to->hart, MIP_SSIP);
}

void sbi_send_ipi(struct rv_hart *h, const struct hart_set *set)
{
    for (unsigned i = 0; i < h->guest->cfg.harts; i++)
        if (hart_set_has(set, i))
            send_ipi_one(h, h->guest->harts[i]);
    h->attention |= RV_ATTEND_IRQ;
}

static struct sbi_ret sbi_ipi_call(struct rv_hart *h, uint64_t fid, const uint64_t *a)
{
    struct hart_set set;
    if (fid != 0)
        return sbi_error(SBI_ERR_NOT_SUPPORTED);
    if (!sbi_hart_set(h, a[0], a[1], &set))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    sbi_send_ipi(h, &set);
    return sbi_error(SBI_SUCCESS);
}

/* --- SRST --- */

/* Ends the run.  The call does not return, so the hart stops; a reboot starts it anew. */
static struct sbi_ret machine_exit(struct rv_hart *h, enum guest_exit kind, int code)
{
    store_release(&h->hsm_state, HSM_STOPPED);
    h->guest->env->exit(h->guest->env->opaque, kind, code);
    return (struct sbi_ret){.then = SBI_REDIRECTED};
}

enum { SRST_SHUTDOWN, SRST_COLD, SRST_WARM };
enum { SRST_NO_REASON, SRST_SYSTEM_FAILURE };

/* Both parameters are 32 bits wide. */
static struct sbi_ret sbi_srst_call(struct rv_hart *h, uint64_t fid, const uint64_t *a)
{
    uint32_t type = (uint32_t)a[0], reason = (uint32_t)a[1];
    if (fid != 0)
        return sbi_error(SBI_ERR_NOT_SUPPORTED);
    if (type > SRST_WARM || reason > SRST_SYSTEM_FAILURE)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (type != SRST_SHUTDOWN)
        return machine_exit(h, GUEST_REBOOT, 0);
    if (reason == SRST_SYSTEM_FAILURE)
        return machine_exit(h, GUEST_FAIL, 1);
    return machine_exit(h, GUEST_POWEROFF, 0);
}

/* --- legacy --- */

/*
 * The mask is a virtual address, read as S would read it; NULL means all, as in
 * older firmware.  False: an exception was recorded.
 */
static bool legacy_hart_set(struct rv_hart *h, gva_t va, struct hart_set *out)
{
    hart_set_all(h, out);
    for (unsigned i = 0; va && i * 64 < h->guest->cfg.harts; i++) {
        struct rv_load word = rv_load_slow(h, va + i * 8, 8);
        if (!word.ok)
            return false;
        out->bits[i] &= word.value; /* harts that do not exist are left out */
    }
    return true;
}

static struct sbi_ret legacy_masked(struct rv_hart *h, uint64_t eid, const uint64_t *a)
{
    struct hart_set set;
    if (!legacy_hart_set(h, a[0], &set)) {
        rv_trap_take(h);
        return (struct sbi_ret){.then = SBI_REDIRECTED};
    }
    switch (eid) {
    case SBI_LEGACY_SEND_IPI:
        sbi_send_ipi(h, &set);
        return sbi_error(SBI_SUCCESS);
    case SBI_LEGACY_FENCE_I:
        sbi_fence_i(h, &set);
        return sbi_error(SBI_SUCCESS);
    case SBI_LEGACY_SFENCE:
        return sbi_sfence(h, &set, a[1], a[2]);
    }
    return sbi_sfence_asid(h, &set, a[1], a[2], a[3]);
}

static struct sbi_ret legacy_clear_ipi(struct rv_hart *h)
{
    bool was = hart_irqs(&h->hart) & MIP_SSIP;
    hart_irq_lower(&h->hart, MIP_SSIP);
    return (struct sbi_ret){.error = was};
}

/* The result is in a0 alone: struct sbi_ret's error. */
static struct sbi_ret legacy_call(struct rv_hart *h, uint64_t eid, const uint64_t *a)
{
    switch (eid) {
    case SBI_LEGACY_SET_TIMER:
        set_timer(h, a[0]);
        return sbi_error(SBI_SUCCESS);
    case SBI_LEGACY_PUTCHAR:
        return sbi_console_put(h, (uint8_t)a[0]);
    case SBI_LEGACY_GETCHAR:
        return (struct sbi_ret){.error = sbi_console_get(h)};
    case SBI_LEGACY_CLEAR_IPI:
        return legacy_clear_ipi(h);
    case SBI_LEGACY_SHUTDOWN:
        return machine_exit(h, GUEST_POWEROFF, 0);
    }
    return legacy_masked(h, eid, a);
}

/* --- finding the extension --- */

static const struct {
    uint64_t eid;
    sbi_call_fn *call;
} sbi_extensions[] = {
    {SBI_EID_BASE, sbi_base_call}, {SBI_EID_TIME, sbi_time_call},
    {SBI_EID_IPI, sbi_ipi_call},   {SBI_EID_RFENCE, sbi_rfence_call},
    {SBI_EID_HSM, sbi_hsm_call},   {SBI_EID_SRST, sbi_srst_call},
    {SBI_EID_PMU, sbi_pmu_call},   {SBI_EID_DBCN, sbi_console_call},
};

static sbi_call_fn *sbi_find(uint64_t eid)
{
    for (unsigned i = 0; i < ARRAY_LEN(sbi_extensions); i++)
        if (sbi_extensions[i].eid == eid)
            return sbi_extensions[i].call;
    return NULL;
}

static bool sbi_has(uint64_t eid)
{
    return eid <= SBI_LEGACY_LAST || sbi_find(eid);
}

static struct sbi_ret sbi_dispatch(struct rv_hart *h, uint64_t eid)
{
    const uint64_t *a = &h->x[REG_A0];
    if (eid <= SBI_LEGACY_LAST)
        return legacy_call(h, eid, a);
    sbi_call_fn *call = sbi_find(eid);
    return call ? call(h, h->x[REG_A6], a) : sbi_error(SBI_ERR_NOT_SUPPORTED);
}

void rv_sbi_call(struct rv_hart *h)
{
    uint64_t eid = h->x[REG_A7];
    h->stats.sbi_calls++;
    struct sbi_ret ret = sbi_dispatch(h, eid);
    if (ret.then != SBI_RETURN)
        return;
    h->x[REG_A0] = (uint64_t)ret.error;
    if (eid > SBI_LEGACY_LAST)
        h->x[REG_A1] = ret.value;
    h->pc += 4;
}
