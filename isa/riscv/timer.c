/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor timer (Sstc): STIP is set while time >= stimecmp.
 *
 * The hart's thread sets the comparand; the event loop's thread raises STIP when
 * its timer fires.  Both decide under timer_lock from the same comparand, so
 * STIP is never stale: moving stimecmp to the future lowers it at once, and a
 * callback that comes late finds the new comparand and does nothing.
 *
 * The loop's timer is set outside timer_lock (a leaf; the loop has locks of its
 * own).  Whoever sets it looks again whether the comparand changed meanwhile and
 * then sets it once more; so the last set is of the last comparand.
 *
 * Without Sstc the built-in SBI's set_timer uses the same comparand.
 *
 * When mtime is written, the deadlines are made anew (clock_moved).  A hart that
 * sleeps in WFI until the old one may wake early, which WFI permits.
 */
#include "isa/riscv/rv.h"

#include "sim/base/futex.h"

#define TIMER_NEVER UINT64_MAX
#define MIP_STIP    (1ull << 5)

/* The comparand in force.  Hart's thread. */
static uint64_t timer_comparand(const struct rv_hart *h)
{
    bool sbi_only = h->guest->cfg.builtin_sbi && !rv_has(h, RV_EXT_Sstc);
    if (!sbi_only && !(h->csr.menvcfg & ENVCFG_STCE))
        return TIMER_NEVER;
    return h->csr.stimecmp;
}

/* STIP changes here only, so it need not be written when it is right. */
static void stip_set_locked(struct rv_hart *h, bool on)
{
    if (on == !!(hart_irqs(&h->hart) & MIP_STIP))
        return;
    if (on)
        hart_irq_raise(&h->hart, MIP_STIP);
    else
        hart_irq_lower(&h->hart, MIP_STIP);
}

/*
 * Makes STIP what the comparand says; returns when to look again (ns).  The
 * comparand UINT64_MAX means never: that tick is 58,000 years away at 10 MHz.
 */
static uint64_t timer_evaluate_locked(struct rv_hart *h)
{
    const struct gclock *clock = h->guest->env->clock;
    uint64_t when = h->timer_compare;
    bool due = when != TIMER_NEVER && gclock_now(clock) >= when;
    stip_set_locked(h, due);
    return due || when == TIMER_NEVER ? FUTEX_NO_DEADLINE : gclock_deadline_ns(clock, when);
}

/* Evaluates and arms until no comparand was set in between. */
static void timer_arm(struct rv_hart *h)
{
    uint64_t deadline_ns, seen, now;
    lock_take(&h->timer_lock);
    do {
        deadline_ns = timer_evaluate_locked(h);
        seen = h->timer_sets;
        lock_drop(&h->timer_lock);
        if (h->timer)
            loop_timer_set(h->timer, deadline_ns);
        lock_take(&h->timer_lock);
        now = h->timer_sets;
    } while (now != seen);
    lock_drop(&h->timer_lock);
}

/* On the thread that wrote mtime. */
static void clock_moved(void *opaque)
{
    timer_arm(opaque);
}

/* On the loop's thread. */
static void timer_fired(void *opaque)
{
    timer_arm(opaque);
}

void rv_timer_update(struct rv_hart *h)
{
    uint64_t when = timer_comparand(h);
    lock_take(&h->timer_lock);
    h->timer_compare = when;
    h->timer_sets++;
    lock_drop(&h->timer_lock);
    timer_arm(h);
}

/* The owner wrote timer_compare last, so it may read it without the lock. */
uint64_t rv_timer_deadline_ns(const struct rv_hart *h)
{
    if (h->timer_compare == TIMER_NEVER || !(h->csr.mie & MIP_STIP))
        return FUTEX_NO_DEADLINE;
    return gclock_deadline_ns(h->guest->env->clock, h->timer_compare);
}

int rv_timer_init(struct rv_hart *h)
{
    lock_init(&h->timer_lock, RANK_LEAF);
    h->timer_compare = TIMER_NEVER;
    h->timer = NULL;
    h->clock_watch = (struct gclock_watch){.moved = clock_moved, .opaque = h};
    gclock_watch(h->guest->env->clock, &h->clock_watch);
    if (!h->guest->env->loop)
        return 0;
    return loop_timer_add(h->guest->env->loop, timer_fired, h, &h->timer);
}

void rv_timer_fini(struct rv_hart *h)
{
    gclock_unwatch(h->guest->env->clock, &h->clock_watch);
    if (h->timer)
        loop_timer_remove(h->timer);
    h->timer = NULL;
}
