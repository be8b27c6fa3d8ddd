/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executing a piece: so many instructions of one hart on a thread that is
 * attached to it, for debuggers and users of the library.  It never sleeps.
 *
 * An engine looks at the alarm at taken branches only, so the last
 * instructions, as many as it may overrun by, are stepped through one by one.
 * Traps count as instructions do, so that a hart which does nothing but trap
 * comes back as well.
 */
#include "isa/riscv/fp.h"
#include "isa/riscv/ops.h"

#define RV_GUEST(g) ((struct rv_guest *)(g))

/* Instructions and traps so far. */
static uint64_t progress(const struct rv_hart *h)
{
    return h->insns + h->stats.traps + h->stats.interrupts;
}

/* A hart that is waiting goes on if it may; else false. */
static bool may_go_on(struct rv_hart *h)
{
    if (load_acquire(&h->hsm_state) == HSM_START_PENDING)
        rv_sbi_begin(h);
    if (load_relaxed(&h->hsm_state) != HSM_STARTED)
        return false;
    if (!(h->attention & RV_ATTEND_WFI))
        return true;
    h->attention &= ~(uint32_t)RV_ATTEND_WFI; /* WFI may end at any time */
    h->stats.wfi++;
    rv_timer_update(h);
    return rv_interrupt_pending(h);
}

/* One round of at most left instructions. */
static void execute_some(struct rv_hart *h, uint64_t left)
{
    bool step = left <= h->engine->overrun;
    h->pause_at = h->insns + (step ? 1 : left - h->engine->overrun);
    rv_set_limit(h);
    store_seq_cst(&h->hart.shared.until, h->hart.limit);
    /* Pairs with hart_kick: whose alarm we have overwritten, whose request we see. */
    if (load_seq_cst(&h->hart.shared.requests))
        return;
    (step ? h->engine->step : h->engine->run)(&h->hart);
}

/*
 * The alarm is due afterwards, so that the next round polls: an alarm of before may have been
 * overwritten, and the word is to hold the limit of before again.
 */
static void step_one(struct rv_hart *h)
{
    uint64_t pause_at = h->pause_at;
    execute_some(h, 1);
    h->pause_at = pause_at;
    rv_set_limit(h);
    store_seq_cst(&h->hart.shared.until, 0);
}

/* left: what may be executed where nothing is counted, 0: as much as there is until the alarm. */
static void round_counted(struct rv_hart *h, uint64_t left)
{
    uint64_t insns = h->insns;
    if (rv_trigger_count_due(h)) {
        rv_take_exception(h);
        return;
    }
    unsigned counting = rv_trigger_counting(h);
    bool happened = rv_interrupt_take(h);
    if (!happened && counting)
        step_one(h);
    else if (!happened && left)
        execute_some(h, left);
    else if (!happened) /* until the mode or an enable changes */
        h->engine->run(&h->hart);
    happened |= h->trap.pending || h->insns != insns;
    if (h->trap.pending)
        rv_take_exception(h);
    if (happened && counting)
        rv_trigger_counted(h, counting);
}

void rv_round_counted(struct rv_hart *h)
{
    round_counted(h, 0);
}

/* False: somebody wants the hart to stop. */
static bool round_once(struct rv_hart *h, uint64_t left)
{
    if ((load_relaxed(&h->hart.shared.until) <= h->insns ||
         load_seq_cst(&h->hart.shared.requests)) &&
        !rv_heed_alarm(h))
        return false;
    if (h->attention)
        return rv_attend(h);
    if (unlikely(h->triggers & RV_TRIGGER_COUNT)) {
        round_counted(h, left);
        return true;
    }
    if (!rv_interrupt_take(h))
        execute_some(h, left);
    if (h->trap.pending)
        rv_take_exception(h);
    return true;
}

static enum guest_pause run_rounds(struct rv_hart *h, uint64_t max)
{
    uint64_t start = progress(h), done;
    while ((done = progress(h) - start) < max) {
        if (!may_go_on(h))
            return PAUSE_WAITING;
        if (!round_once(h, max - done))
            return PAUSE_STOPPED;
    }
    return PAUSE_LIMIT;
}

enum guest_pause rv_execute(struct guest *guest, unsigned hart, uint64_t max)
{
    struct rv_hart *h = RV_GUEST(guest)->harts[hart];
    enum guest_pause why = PAUSE_STOPPED;
    rv_fp_enter(h);
    if (hart_enter(&h->hart)) {
        h->engine->sync_to(&h->hart);
        why = run_rounds(h, max);
        h->pause_at = UINT64_MAX;
        hart_leave(&h->hart);
    }
    h->engine->sync_from(&h->hart);
    return why;
}
