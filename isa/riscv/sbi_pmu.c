/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI, Performance Monitoring Unit: two fixed hardware counters (cycle, instret),
 * the programmable ones (hpmcounter3-31, hpm.c), and a set of firmware counters
 * that count what the built-in SBI does.  General and cache events have their
 * event_idx as selector, raw events are selectors; what hpm_events.def does not
 * have is answered "not supported", and so are firmware events that never
 * happen (no trap is handled in M).
 *
 * Cycles and instructions go to a programmable counter if there is one in the
 * set: the fixed ones cannot overflow with an interrupt.
 *
 * State is the hart's own and is touched on its thread only, except the events
 * themselves, which other harts add to.
 */
#include "isa/riscv/sbi.h"

enum {
    PMU_CYCLE,
    PMU_INSTRET,
    PMU_FIRST_HPM = RV_PMU_FIXED,
    PMU_FIRST_FIRMWARE = RV_PMU_FIXED + RV_PMU_HPM
};

/* Of the hardware counters the one with number n is at 0xb00 + n, and so on. */
enum { CSR_MCOUNTINHIBIT = 0x320, CSR_MCOUNTERS = 0xb00, CSR_COUNTERS = 0xc00 };
enum { CSR_MCYCLECFG = 0x321, CSR_MINSTRETCFG = 0x322, CSR_MHPMEVENTS = 0x320 };

#define EVENT_OF   (1ull << 63)
#define EVENT_MINH (1ull << 62)
#define EVENT_SINH (1ull << 61)
#define EVENT_UINH (1ull << 60)

#define INFO_FIRMWARE (1ull << 63)
#define INFO_WIDTH_64 (63ull << 12)

enum { CFG_SKIP_MATCH = 1, CFG_CLEAR_VALUE = 2, CFG_AUTO_START = 4, CFG_DEFINED = 0xff };
enum { CFG_SET_UINH = 1 << 5, CFG_SET_SINH = 1 << 6, CFG_SET_MINH = 1 << 7 };
enum { START_SET_VALUE = 1, START_SNAPSHOT = 2 };
enum { STOP_RESET = 1, STOP_SNAPSHOT = 2 };

enum {
    EVENT_TYPE_GENERAL = 0,
    EVENT_TYPE_CACHE = 1,
    EVENT_TYPE_RAW = 2,
    EVENT_TYPE_RAW_V2 = 3,
    EVENT_TYPE_FIRMWARE = 15
};
enum { EVENT_CPU_CYCLES = 1, EVENT_INSTRUCTIONS = 2 };

/* --- one counter --- */

static bool is_firmware(unsigned i)
{
    return i >= PMU_FIRST_FIRMWARE;
}

static bool is_hpm(unsigned i)
{
    return i >= PMU_FIRST_HPM && !is_firmware(i);
}

/* The hardware's number of a counter: 0, 2, 3 to 31 (1 is time). */
static unsigned number_of(unsigned i)
{
    return i ? i + 1 : 0;
}

static unsigned config_csr(unsigned i)
{
    return i == PMU_CYCLE     ? CSR_MCYCLECFG
           : i == PMU_INSTRET ? CSR_MINSTRETCFG
                              : CSR_MHPMEVENTS + number_of(i);
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
        rv_csr_poke(h, CSR_MCOUNTERS + number_of(i), value);
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
    uint64_t bit = 1ull << number_of(i), inhibit = h->csr.mcountinhibit, config;
    c->started = run;
    /* Its next overflow shall interrupt. */
    if (run && is_hpm(i) && !rv_csr_peek(h, config_csr(i), &config))
        rv_csr_poke(h, config_csr(i), config & ~EVENT_OF);
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
    return sbi_value((CSR_COUNTERS + number_of((unsigned)i)) | INFO_WIDTH_64);
}

struct pmu_event {
    bool supported, firmware;
    uint32_t code; /* enum rv_fw_event, or mhpmevent's selector */
};

static struct pmu_event hardware_event(uint64_t selector)
{
    return (struct pmu_event){rv_hpm_has_event(selector), false, (uint32_t)selector};
}

/* Event data is reserved but for raw events, whose selector it is. */
static struct pmu_event decode_event(uint64_t idx, uint64_t data)
{
    unsigned type = (unsigned)bits_get(idx, 19, 16), code = (unsigned)bits_get(idx, 15, 0);
    struct pmu_event none = {0};
    bool raw = type == EVENT_TYPE_RAW || type == EVENT_TYPE_RAW_V2;
    if (idx >> 20 || (raw ? code : data))
        return none;
    if (raw)
        return hardware_event(data);
    if (type == EVENT_TYPE_GENERAL || type == EVENT_TYPE_CACHE)
        return hardware_event(idx);
    if (type == EVENT_TYPE_FIRMWARE && code >= FW_SET_TIMER && code < FW_EVENTS)
        return (struct pmu_event){true, true, code};
    return none;
}

static bool can_count(unsigned i, struct pmu_event e)
{
    if (e.firmware || is_firmware(i))
        return e.firmware && is_firmware(i);
    return is_hpm(i) || e.code == (i == PMU_CYCLE ? EVENT_CPU_CYCLES : EVENT_INSTRUCTIONS);
}

/* A fixed counter runs without having been configured, so it is taken only when it is started. */
static bool is_free(const struct rv_hart *h, unsigned i)
{
    const struct rv_pmu_counter *c = &h->sbi.pmu[i];
    return !c->started && (i < RV_PMU_FIXED || !c->configured);
}

/* A free counter of the set that can count the event, the last choice being a fixed one. */
static int find_counter(const struct rv_hart *h, uint64_t base, uint64_t mask, struct pmu_event e)
{
    int fixed = -1;
    for (; mask; mask &= mask - 1) {
        unsigned i = (unsigned)base + (unsigned)__builtin_ctzll(mask);
        if (!can_count(i, e) || !is_free(h, i))
            continue;
        if (i >= RV_PMU_FIXED)
            return (int)i;
        fixed = (int)i;
    }
    return fixed;
}

/* With CFG_SKIP_MATCH: the set's first, taken or not. */
static int first_counter(uint64_t base, uint64_t mask, struct pmu_event e)
{
    unsigned i = mask ? (unsigned)base + (unsigned)__builtin_ctzll(mask) : 0;
    return mask && can_count(i, e) ? (int)i : -1;
}

/* A programmable counter's overflow interrupts from its start on. */
static void hardware_configure(struct rv_hart *h, unsigned i, uint64_t flags, uint32_t selector)
{
    uint64_t config = 0;
    config |= flags & CFG_SET_UINH ? EVENT_UINH : 0;
    config |= flags & CFG_SET_SINH ? EVENT_SINH : 0;
    config |= flags & CFG_SET_MINH ? EVENT_MINH : 0;
    if (is_hpm(i))
        config |= selector | (h->sbi.pmu[i].started ? 0 : EVENT_OF);
    rv_csr_poke(h, config_csr(i), config);
}

static struct sbi_ret counter_configure(struct rv_hart *h, uint64_t base, uint64_t mask,
                                        uint64_t flags, struct pmu_event e)
{
    if (!counter_set_valid(base, mask) || flags & ~(uint64_t)CFG_DEFINED)
        return sbi_error(SBI_ERR_INVALID_PARAM);
    int i = !e.supported             ? -1
            : flags & CFG_SKIP_MATCH ? first_counter(base, mask, e)
                                     : find_counter(h, base, mask, e);
    if (i < 0)
        return sbi_error(SBI_ERR_NOT_SUPPORTED);
    struct rv_pmu_counter *c = &h->sbi.pmu[i];
    if (c->started && c->event != e.code)
        counter_run(h, (unsigned)i, false);
    if (!e.firmware)
        hardware_configure(h, (unsigned)i, flags, e.code);
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
