/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI, Performance Monitoring Unit: two fixed hardware counters (cycle, instret)
 * and a set of firmware counters that count what the built-in SBI does.  The
 * cache and raw events have no counters here and are answered "not supported",
 * and so are firmware events that never happen (no trap is handled in M).
 *
 * State is the hart's own and is touched on its thread only, except the events
 * themselves, which other harts add to.
 */
#include "isa/riscv/sbi.h"

enum { PMU_CYCLE, PMU_INSTRET, PMU_FIRST_FIRMWARE = RV_PMU_FIXED };

enum { CSR_MCOUNTINHIBIT = 0x320, CSR_MCYCLE = 0xb00, CSR_MINSTRET = 0xb02, CSR_CYCLE = 0xc00 };

#define INFO_FIRMWARE (1ull << 63)
#define INFO_WIDTH_64 (63ull << 12)

enum { CFG_SKIP_MATCH = 1, CFG_CLEAR_VALUE = 2, CFG_AUTO_START = 4, CFG_DEFINED = 0xff };
enum { START_SET_VALUE = 1, START_SNAPSHOT = 2 };
enum { STOP_RESET = 1, STOP_SNAPSHOT = 2 };

enum { EVENT_TYPE_GENERAL = 0, EVENT_TYPE_FIRMWARE = 15 };
enum { EVENT_CPU_CYCLES = 1, EVENT_INSTRUCTIONS = 2 };

/* --- one counter --- */

static bool is_firmware(unsigned i)
{
    return i >= PMU_FIRST_FIRMWARE;
}

/* CSR numbers step by two from cycle to instret: time is between them. */
static unsigned fixed_offset(unsigned i)
{
    return i * 2;
}

static uint64_t event_count(const struct rv_hart *h, unsigned event)
{
    return load_relaxed(&h->sbi.events[event]);
}

static uint64_t firmware_value(const struct rv_hart *h, const struct rv_pmu_counter *c)
{
    return c->started ? c->value + event_count(h, c->event) : c->value;
}

static void counter_set(struct rv_hart *h, unsigned i, uint64_t value)
{
    struct rv_pmu_counter *c = &h->sbi.pmu[i];
    if (!is_firmware(i))
        rv_csr_poke(h, CSR_MCYCLE + fixed_offset(i), value);
    else
        c->value = c->started ? value - event_count(h, c->event) : value;
}

static void counter_run(struct rv_hart *h, unsigned i, bool run)
{
    struct rv_pmu_counter *c = &h->sbi.pmu[i];
    if (is_firmware(i)) {
        uint64_t value = firmware_value(h, c);
        c->started = run;
        counter_set(h, i, value);
        return;
    }
    uint64_t bit = 1ull << fixed_offset(i), inhibit = h->csr.mcountinhibit;
    c->started = run;
    rv_csr_poke(h, CSR_MCOUNTINHIBIT, run ? inhibit & ~bit : inhibit | bit);
}

/* --- sets of counters --- */

/* counter_idx_base and counter_idx_mask; false: one of them does not exist. */
static bool counter_set_valid(uint64_t base, uint64_t mask)
{
    if (!mask)
        return base < RV_PMU_COUNTERS;
    unsigned highest = 63 - (unsigned)__builtin_clzll(mask);
    return base < RV_PMU_COUNTERS && highest < RV_PMU_COUNTERS - base;
}

/* --- calls --- */

static struct sbi_ret counter_info(uint64_t i)
{
    if (i >= RV_PMU_COUNTERS)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (is_firmware((unsigned)i))
        return sbi_value(INFO_FIRMWARE);
    return sbi_value((CSR_CYCLE + fixed_offset((unsigned)i)) | INFO_WIDTH_64);
}

struct pmu_event {
    bool supported, firmware;
    uint8_t code;
};

/* Event data is reserved for all events that are supported. */
static struct pmu_event decode_event(uint64_t idx, uint64_t data)
{
    unsigned type = (unsigned)bits_get(idx, 19, 16), code = (unsigned)bits_get(idx, 15, 0);
    struct pmu_event none = {0};
    if (idx >> 20 || data)
        return none;
    if (type == EVENT_TYPE_GENERAL && (code == EVENT_CPU_CYCLES || code == EVENT_INSTRUCTIONS))
        return (struct pmu_event){true, false, (uint8_t)code};
    if (type == EVENT_TYPE_FIRMWARE && code >= FW_SET_TIMER && code < FW_EVENTS)
        return (struct pmu_event){true, true, (uint8_t)code};
    return none;
}

static bool can_count(unsigned i, struct pmu_event e)
{
    if (e.firmware || is_firmware(i))
        return e.firmware && is_firmware(i);
    return i == (e.code == EVENT_CPU_CYCLES ? PMU_CYCLE : PMU_INSTRET);
}

/* A counter of the set that can count the event: free ones, or with skip the set's first. */
static int find_counter(const struct rv_hart *h, uint64_t base, uint64_t mask, bool skip,
                        struct pmu_event e)
{
    for (; mask; mask &= mask - 1) {
        unsigned i = (unsigned)base + (unsigned)__builtin_ctzll(mask);
        const struct rv_pmu_counter *c = &h->sbi.pmu[i];
        if (can_count(i, e) && (skip || (!c->started && !(c->configured && is_firmware(i)))))
            return (int)i;
        if (skip)
            return -1;
    }
    return -1;
}

static struct sbi_ret counter_configure(struct rv_hart *h, uint64_t base, uint64_t mask,
                                        uint64_t flags, struct pmu_event e)
{
    if (!counter_set_valid(base, mask) || flags & ~(uint64_t)CFG_DEFINED)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    int i = e.supported ? find_counter(h, base, mask, flags & CFG_SKIP_MATCH, e) : -1;
    if (i < 0)
        return sbi_error(SBI_ERR_NOT_SUPPORTED);
    struct rv_pmu_counter *c = &h->sbi.pmu[i];
    if (c->started && c->event != e.code)
        counter_run(h, (unsigned)i, false);
    c->configured = true;
    c->event = e.code;
    if (flags & CFG_CLEAR_VALUE)
        counter_set(h, (unsigned)i, 0);
    if (flags & CFG_AUTO_START && !c->started)
        counter_run(h, (unsigned)i, true);
    return sbi_value((uint64_t)i);
}

static enum sbi_error start_one(struct rv_hart *h, unsigned i, uint64_t flags, uint64_t value)
{
    struct rv_pmu_counter *c = &h->sbi.pmu[i];
    if (!c->configured)
        return SBI_ERR_INVALID_PARAM;
    if (c->started)
        return SBI_ERR_ALREADY_STARTED;
    if (flags & START_SET_VALUE)
        counter_set(h, i, value);
    counter_run(h, i, true);
    return SBI_SUCCESS;
}

/* The others of the set are started (stopped) even if one cannot be. */
static struct sbi_ret counters_start(struct rv_hart *h, uint64_t base, uint64_t mask,
                                     uint64_t flags, uint64_t value)
{
    enum sbi_error result = SBI_SUCCESS;
    if (flags & START_SNAPSHOT)
        return sbi_error(SBI_ERR_NO_SHMEM);
    if (!counter_set_valid(base, mask) || flags & ~(uint64_t)START_SET_VALUE)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    for (; mask; mask &= mask - 1) {
        unsigned i = (unsigned)base + (unsigned)__builtin_ctzll(mask);
        enum sbi_error e = start_one(h, i, flags, value);
        result = e != SBI_SUCCESS ? e : result;
    }
    return sbi_error(result);
}

static enum sbi_error stop_one(struct rv_hart *h, unsigned i, uint64_t flags)
{
    struct rv_pmu_counter *c = &h->sbi.pmu[i];
    bool was = c->started;
    if (was || !is_firmware(i)) /* the fixed counters also run without having been started */
        counter_run(h, i, false);
    if (flags & STOP_RESET)
        c->configured = false;
    return was ? SBI_SUCCESS : SBI_ERR_ALREADY_STOPPED;
}

static struct sbi_ret counters_stop(struct rv_hart *h, uint64_t base, uint64_t mask, uint64_t flags)
{
    enum sbi_error result = SBI_SUCCESS;
    if (flags & STOP_SNAPSHOT)
        return sbi_error(SBI_ERR_NO_SHMEM);
    if (!counter_set_valid(base, mask) || flags & ~(uint64_t)STOP_RESET)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    for (; mask; mask &= mask - 1) {
        enum sbi_error e = stop_one(h, (unsigned)base + (unsigned)__builtin_ctzll(mask), flags);
        result = e != SBI_SUCCESS ? e : result;
    }
    return sbi_error(result);
}

static struct sbi_ret firmware_read(const struct rv_hart *h, uint64_t i, bool high)
{
    if (i >= RV_PMU_COUNTERS || !is_firmware((unsigned)i))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    return sbi_value(high ? 0 : firmware_value(h, &h->sbi.pmu[i]));
}

struct sbi_ret sbi_pmu_call(struct rv_hart *h, uint64_t fid, const uint64_t *a)
{
    switch (fid) {
    case 0:
        return sbi_value(RV_PMU_COUNTERS);
    case 1:
        return counter_info(a[0]);
    case 2:
        return counter_configure(h, a[0], a[1], a[2], decode_event(a[3], a[4]));
    case 3:
        return counters_start(h, a[0], a[1], a[2], a[3]);
    case 4:
        return counters_stop(h, a[0], a[1], a[2]);
    case 5:
        return firmware_read(h, a[0], false);
    case 6:
        return firmware_read(h, a[0], true);
    }
    return sbi_error(SBI_ERR_NOT_SUPPORTED); /* snapshots are optional */
}
