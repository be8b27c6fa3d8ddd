/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run loop of a hart: what happens between two visits of an engine, and the
 * C functions that the semantics call for what the loop must react to.  On the
 * hart's thread.
 */
#include "isa/riscv/fp.h"
#include "isa/riscv/sem_calls.h"

#include <sched.h>

#include "sim/base/clock.h"
#include "sim/base/futex.h"

#define WRS_LONG_NS    100000ull /* wrs.nto ends then as well, as Zawrs permits */
#define WRS_SHORT_NS   10000ull
#define PAUSES_A_YIELD 32
#define RELAX_A_PAUSE  8     /* some 350 ns: a line goes from core to core and back */
#define CROWDED_SLICE  50000 /* instructions, some 100 us */

/* --- calls of the semantics --- */

static struct rv_load csr_access(struct rv_hart *h, int32_t csr, enum rv_csr_op op,
                                 uint64_t operand, bool read, bool write)
{
    struct rv_load r = {0};
    r.ok = rv_csr_access(h, (unsigned)csr & 0xfff, op, operand, read, write, 0, &r.value);
    return r;
}

struct rv_load rv_sem_csrrw(struct rv_hart *h, int32_t csr, uint64_t operand, bool read)
{
    return csr_access(h, csr, CSR_WRITE, operand, read, true);
}

struct rv_load rv_sem_csrrs(struct rv_hart *h, int32_t csr, uint64_t operand, bool write)
{
    return csr_access(h, csr, CSR_SET, operand, true, write);
}

struct rv_load rv_sem_csrrc(struct rv_hart *h, int32_t csr, uint64_t operand, bool write)
{
    return csr_access(h, csr, CSR_CLEAR, operand, true, write);
}

struct rv_load rv_sem_mret(struct rv_hart *h)
{
    struct rv_load r = {0};
    r.ok = rv_mret(h, &r.value);
    return r;
}

struct rv_load rv_sem_sret(struct rv_hart *h)
{
    struct rv_load r = {0};
    r.ok = rv_sret(h, &r.value);
    return r;
}

struct rv_load rv_sem_mnret(struct rv_hart *h)
{
    struct rv_load r = {0};
    r.ok = rv_mnret(h, &r.value);
    return r;
}

/* The value is where to go on: the built-in SBI may send the hart elsewhere. */
struct rv_load rv_sem_ecall(struct rv_hart *h, gva_t pc)
{
    if (h->priv == PRIV_S && h->guest->cfg.builtin_sbi) {
        h->pc = pc;
        rv_sbi_call(h);
        return (struct rv_load){h->pc, !h->trap.pending};
    }
    rv_raise(h, (enum rv_cause)(CAUSE_ECALL_U + h->priv), 0);
    return (struct rv_load){0};
}

bool rv_sem_fence_i(struct rv_hart *h)
{
    rv_code_fence_i(h->guest->code, h);
    return true;
}

bool rv_sem_wrs(struct rv_hart *h, bool short_timeout)
{
    /* Zawrs: WRS.NTO below M with TW set raises an exception when it would wait too long. */
    if (!short_timeout && h->priv != PRIV_M && h->csr.mstatus & MSTATUS_TW) {
        rv_raise(h, CAUSE_ILLEGAL, 0);
        return false;
    }
    h->wrs_deadline_ns = clock_now_ns() + (short_timeout ? WRS_SHORT_NS : WRS_LONG_NS);
    h->attention |= RV_ATTEND_WRS;
    return true;
}

/*
 * A hart that looks again before the line it looks at can have come takes it away from who is about
 * to write it.  And it may hold the processor of the one it waits for.
 */
void rv_sem_pause(struct rv_hart *h)
{
    for (int i = 0; i < RELAX_A_PAUSE; i++)
        cpu_relax();
    if (h->hart.smp->crowded && ++h->pauses % PAUSES_A_YIELD == 0)
        sched_yield();
}

/* --- waiting --- */

/* While a hart is out or parked, others may look at its state: all of it is in memory then. */
static bool sleep_until(struct rv_hart *h, uint64_t wake_irqs, uint64_t deadline_ns)
{
    rv_fp_leave(h);
    bool goes_on = hart_wait(&h->hart, wake_irqs, deadline_ns);
    rv_fp_enter(h);
    return goes_on;
}

static bool wait_for_interrupt(struct rv_hart *h)
{
    h->stats.wfi++;
    if (rv_interrupt_pending(h))
        return true;
    bool goes_on = sleep_until(h, h->csr.mie | RV_IRQ_RNMI, rv_timer_deadline_ns(h));
    rv_timer_update(h);
    return goes_on;
}

/* Spins: what it waits for is a store of another hart, which raises no alarm. */
static void wait_for_reservation(struct rv_hart *h)
{
    /* What the LR of a pair noted nobody kills: then it does not wait (a stall may end any time).
     */
    while (!h->run.lr_host && reservation_alive(&h->hart.reservation) && !rv_interrupt_pending(h) &&
           clock_now_ns() < h->wrs_deadline_ns && load_relaxed(&h->hart.shared.until)) {
        cpu_relax();
        if (h->hart.smp->crowded)
            sched_yield();
    }
}

/* Not started: sleeps until another hart asks for it (SBI HSM), or for anything else. */
static bool wait_for_start(struct rv_hart *h)
{
    if (load_acquire(&h->hsm_state) == HSM_START_PENDING) {
        rv_sbi_begin(h);
        return true;
    }
    return sleep_until(h, 0, FUTEX_NO_DEADLINE);
}

void rv_hart_wake(struct rv_hart *h)
{
    hart_kick(&h->hart, REQUEST_GUEST);
}

/* --- the loop --- */

/* What the last instruction left to do.  False: the machine ends. */
bool rv_attend(struct rv_hart *h)
{
    uint32_t attention = h->attention;
    h->attention = 0;
    if (attention & RV_ATTEND_MMU)
        rv_mmu_update(h);
    if (attention & RV_ATTEND_FETCH) {
        rv_code_fence_i(h->guest->code, h);
        h->attention &= ~(uint32_t)RV_ATTEND_FETCH; /* entering the interpreter does the rest */
    }
    if (attention & RV_ATTEND_WRS)
        wait_for_reservation(h);
    if (attention & RV_ATTEND_WFI)
        return wait_for_interrupt(h);
    return true;
}

/* The next instruction count at which the hart looks up of itself; the next poll arms it. */
void rv_set_limit(struct rv_hart *h)
{
    uint64_t slice_end = h->hart.smp->crowded ? h->insns + CROWDED_SLICE : UINT64_MAX;
    uint64_t own = min_u64(slice_end, h->hpm.look_at);
    h->hart.limit = min_u64(min_u64(h->stop_at, h->pause_at), own);
}

/* An instruction count was reached.  False: the machine ends. */
static bool limit_reached(struct rv_hart *h)
{
    if (h->insns >= h->stop_at) {
        h->guest->env->exit(h->guest->env->opaque, GUEST_LIMIT, 0);
        h->stop_at = UINT64_MAX;
    }
    if (h->insns >= h->hpm.look_at)
        rv_hpm_look(h);
    rv_set_limit(h);
    return !h->hart.smp->crowded || hart_yield(&h->hart);
}

/* The alarm word says look.  False: the machine ends. */
bool rv_heed_alarm(struct rv_hart *h)
{
    rv_fp_leave(h);
    bool goes_on =
        (h->insns < h->hart.limit || limit_reached(h)) && !(hart_poll(&h->hart) & REQUEST_STOP);
    rv_fp_enter(h);
    return goes_on;
}

/*
 * A guest whose trap handler traps retires nothing; its exceptions in a row count towards the
 * instruction limit, so that the limit ends such a run too.
 */
void rv_take_exception(struct rv_hart *h)
{
    rv_trap_take(h);
    if (h->insns != h->trap_insns) {
        h->trap_insns = h->insns;
        h->barren_traps = 0;
    } else if (++h->barren_traps == h->stop_at) {
        h->guest->env->exit(h->guest->env->opaque, GUEST_LIMIT, 0);
    }
}

/* Why the engine came back: each time counts once, for the first of these that holds. */
static void count_exit(struct rv_hart *h)
{
    struct rv_stats *s = &h->stats;
    if (h->trap.pending)
        s->exit_trap++;
    else if (h->attention & (RV_ATTEND_WFI | RV_ATTEND_WRS))
        s->exit_wait++;
    else if (h->attention)
        s->exit_mode++;
    else if (load_relaxed(&h->hart.shared.until) <= h->insns)
        s->exit_alarm++;
    else
        s->exit_target++;
}

/* What the engine need not be left for: another context, and a look at the interrupts. */
#define LIGHT (RV_ATTEND_MMU | RV_ATTEND_IRQ)

bool rv_go_on(struct rv_hart *h)
{
    if (h->pause_at != UINT64_MAX || h->triggers || h->attention & ~(uint32_t)LIGHT ||
        !(h->trap.pending || h->attention))
        return false;
    count_exit(h);
    if (h->trap.pending)
        rv_take_exception(h);
    if (h->attention & ~(uint32_t)LIGHT || load_relaxed(&h->hsm_state) != HSM_STARTED)
        return false;
    return rv_attend(h) && !rv_interrupt_pending(h);
}

/* One round; false: the machine ends. */
static bool round_once(struct rv_hart *h)
{
    if (load_relaxed(&h->hart.shared.until) <= h->insns && !rv_heed_alarm(h))
        return false;
    if (unlikely(load_relaxed(&h->hsm_state) != HSM_STARTED))
        return wait_for_start(h);
    if (h->attention)
        return rv_attend(h);
    if (unlikely(h->triggers & RV_TRIGGER_COUNT)) {
        rv_round_counted(h);
        return true;
    }
    if (!rv_interrupt_take(h)) {
        h->engine->run(&h->hart);
        count_exit(h);
    }
    if (h->trap.pending)
        rv_take_exception(h);
    return true;
}

void rv_run(struct hart *hart)
{
    struct rv_hart *h = rv_hart(hart);
    rv_fp_enter(h);
    if (hart_enter(hart)) {
        rv_mmu_update(h);
        rv_set_limit(h);
        hart_kick(hart, 0); /* the first poll arms the alarm word */
        while (round_once(h))
            ;
        hart_leave(hart);
    }
    rv_fp_leave(h);
}
