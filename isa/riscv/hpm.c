/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Performance counters: mcycle, minstret, mhpmcounter3-31, with mcountinhibit,
 * filtering by privilege (Sscofpmf, Smcntrpmf) and overflow (Sscofpmf).  Called
 * by the CSR instructions, at changes of privilege and by the run loop, on the
 * hart's thread.
 *
 * Nothing is counted here.  Each event is a word of the hart that counts up all
 * the while (hpm_events.def); a counter that runs is the difference from that
 * word, one that does not is a value.  So counting costs nothing, and what stops
 * and starts counters (inhibit bits, a privilege that is filtered out) pays one
 * addition for each that changes.
 *
 * Overflow is noticed when somebody looks: a counter that is smaller than when
 * it was looked at last has wrapped.  The hart looks when such a register is
 * read, before a counter stops, and at an instruction count that the alarm word
 * brings it to (rv_set_limit): for counters of instructions the very one at which
 * they wrap, for others a fraction of how far they are from it, since no
 * instruction makes more than a few of any event.  The alarm is seen at taken
 * branches, so the interrupt may come up to a page of straight code late, like
 * any other.
 *
 * h->insns does not count the instruction being executed.  A write takes effect
 * after its instruction, and an xRET counts for the privilege that it leaves
 * (Smcntrpmf, "Counter Behavior"): both say so with pending = 1.
 */
#include "isa/riscv/rv.h"

#define COUNTERS 32
#define TIME     1 /* of the counters' numbers that one which is none */

#define EVENT_OF       (1ull << 63)
#define EVENT_MINH     (1ull << 62)
#define EVENT_SINH     (1ull << 61)
#define EVENT_UINH     (1ull << 60)
#define EVENT_INH      (EVENT_MINH | EVENT_SINH | EVENT_UINH)
#define EVENT_SELECTOR ((1ull << 58) - 1) /* where the filter bits begin */

#define MIP_LCOFIP (1ull << 13)

#define LOOK_INSNS      10000 /* at least so far apart; some 20 us */
#define EVENTS_PER_INSN 8     /* of one kind: more than any instruction makes */
#define INSNS_OFFSET    offsetof(struct rv_hart, insns)
#define NO_SOURCE       0 /* x0's place: no event */

static const struct event {
    uint64_t selector;
    uint32_t offset;
} events[] = {
#define EVENT(selector, member, text) {selector, offsetof(struct rv_hart, member)},
#include "isa/riscv/hpm_events.def"
};

static uint32_t source_of(uint64_t selector)
{
    for (unsigned i = 0; i < ARRAY_LEN(events); i++)
        if (events[i].selector == selector)
            return events[i].offset;
    return NO_SOURCE;
}

bool rv_hpm_has_event(uint64_t selector)
{
    return source_of(selector) != NO_SOURCE;
}

/* --- values --- */

static uint64_t source_count(const struct rv_hart *h, unsigned i, unsigned pending)
{
    uint32_t offset = h->hpm.source[i];
    const uint64_t *count = (const uint64_t *)(const void *)((const char *)h + offset);
    return *count + (offset == INSNS_OFFSET ? pending : 0);
}

static uint64_t value_at(const struct rv_hart *h, unsigned i, unsigned pending)
{
    const struct rv_hpm *p = &h->hpm;
    return bit_test(p->running, i) ? p->base[i] + source_count(h, i, pending) : p->base[i];
}

uint64_t rv_hpm_read(const struct rv_hart *h, unsigned i)
{
    return value_at(h, i, 0);
}

/* --- overflow --- */

/* What may overflow with consequences: Sscofpmf's counters that run and have OF clear. */
static bool is_armed(const struct rv_hart *h, unsigned i)
{
    return i >= RV_HPM_FIRST && rv_has(h, RV_EXT_Sscofpmf) && bit_test(h->hpm.running, i) &&
           !(h->hpm.event[i] & EVENT_OF);
}

static void note_value(struct rv_hart *h, unsigned i, uint64_t value)
{
    struct rv_hpm *p = &h->hpm;
    if (value < p->seen[i]) {
        p->event[i] |= EVENT_OF;
        h->csr.mip_soft |= MIP_LCOFIP;
        h->attention |= RV_ATTEND_IRQ;
    }
    p->seen[i] = value;
}

/* The instruction count at which counter i should be looked at. */
static uint64_t look_time(const struct rv_hart *h, unsigned i)
{
    uint64_t left = -value_at(h, i, 0); /* 0: all 2^64 */
    if (!left)
        return UINT64_MAX;
    if (h->hpm.source[i] != INSNS_OFFSET)
        left = max_u64(left / EVENTS_PER_INSN, LOOK_INSNS);
    return left < UINT64_MAX - h->insns ? h->insns + left : UINT64_MAX;
}

/* Finds the next time to look; an alarm that is set for later comes earlier. */
static void arm(struct rv_hart *h)
{
    uint64_t when = UINT64_MAX;
    for (unsigned i = RV_HPM_FIRST; i < COUNTERS; i++)
        if (is_armed(h, i))
            when = min_u64(when, look_time(h, i));
    h->hpm.look_at = when;
    if (when < h->hart.limit) {
        rv_set_limit(h);
        hart_kick(&h->hart, 0); /* the next poll arms the alarm word */
    }
}

void rv_hpm_look(struct rv_hart *h)
{
    for (unsigned i = RV_HPM_FIRST; i < COUNTERS; i++)
        if (is_armed(h, i))
            note_value(h, i, value_at(h, i, 0));
    arm(h);
}

uint32_t rv_hpm_overflowed(struct rv_hart *h)
{
    uint32_t set = 0;
    if (h->hpm.look_at != UINT64_MAX)
        rv_hpm_look(h);
    for (unsigned i = RV_HPM_FIRST; i < COUNTERS; i++)
        set |= (uint32_t)(h->hpm.event[i] >> 63) << i;
    return set;
}

/* --- running or not --- */

static uint64_t inhibit_bit(uint8_t priv)
{
    return priv == PRIV_M ? EVENT_MINH : priv == PRIV_S ? EVENT_SINH : EVENT_UINH;
}

static bool should_run(const struct rv_hart *h, unsigned i)
{
    const struct rv_hpm *p = &h->hpm;
    return i != TIME && !bit_test(h->csr.mcountinhibit, i) && p->source[i] != NO_SOURCE &&
           !(p->event[i] & inhibit_bit(h->priv));
}

static void set_running(struct rv_hart *h, unsigned i, bool run, unsigned pending)
{
    struct rv_hpm *p = &h->hpm;
    if (run == bit_test(p->running, i))
        return;
    uint64_t count = source_count(h, i, pending);
    if (run) {
        p->seen[i] = p->base[i];
        p->base[i] -= count;
    } else {
        p->base[i] += count;
        if (is_armed(h, i))
            note_value(h, i, p->base[i]);
    }
    p->running ^= 1u << i;
}

static void update_set(struct rv_hart *h, uint32_t set, unsigned pending)
{
    for (; set; set &= set - 1) {
        unsigned i = (unsigned)__builtin_ctz(set);
        set_running(h, i, should_run(h, i), pending);
    }
    arm(h);
}

void rv_hpm_update_privilege(struct rv_hart *h, unsigned pending)
{
    update_set(h, h->hpm.filtered, pending);
}

/* --- writes, which take effect after their instruction --- */

void rv_hpm_write(struct rv_hart *h, unsigned i, uint64_t value)
{
    struct rv_hpm *p = &h->hpm;
    if (p->look_at != UINT64_MAX)
        rv_hpm_look(h); /* what has overflowed before */
    p->base[i] = bit_test(p->running, i) ? value - source_count(h, i, 1) : value;
    p->seen[i] = value;
    arm(h);
}

void rv_hpm_write_inhibit(struct rv_hart *h, uint64_t value)
{
    uint32_t changed = (uint32_t)(value ^ h->csr.mcountinhibit);
    h->csr.mcountinhibit = value;
    update_set(h, changed, 1);
}

uint64_t rv_hpm_read_event(struct rv_hart *h, unsigned i)
{
    if (h->hpm.look_at != UINT64_MAX)
        rv_hpm_look(h);
    return h->hpm.event[i];
}

/* The bits that a configuration may have: mcyclecfg and minstretcfg have no OF and no event. */
static uint64_t event_legal(const struct rv_hart *h, unsigned i, uint64_t value)
{
    if (i < RV_HPM_FIRST)
        return value & EVENT_INH;
    uint64_t selector = value & EVENT_SELECTOR;
    uint64_t legal = source_of(selector) != NO_SOURCE ? selector : 0;
    return rv_has(h, RV_EXT_Sscofpmf) ? legal | (value & (EVENT_OF | EVENT_INH)) : legal;
}

void rv_hpm_write_event(struct rv_hart *h, unsigned i, uint64_t value)
{
    struct rv_hpm *p = &h->hpm;
    set_running(h, i, false, 1);
    p->event[i] = event_legal(h, i, value);
    p->filtered = (p->filtered & ~(1u << i)) | (uint32_t) !!(p->event[i] & EVENT_INH) << i;
    if (i >= RV_HPM_FIRST)
        p->source[i] = source_of(p->event[i] & EVENT_SELECTOR);
    update_set(h, 1u << i, 1);
}

/* mcycle and minstret count from 0 though h->insns goes on (it is a statistic and the limit). */
void rv_hpm_reset(struct rv_hart *h)
{
    struct rv_hpm *p = &h->hpm;
    *p = (struct rv_hpm){.look_at = UINT64_MAX, .running = 1u << 0 | 1u << 2};
    p->source[0] = p->source[2] = INSNS_OFFSET;
    p->base[0] = p->base[2] = -h->insns;
}
