/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --counters: host events by libpfm4 name, counted per hart thread and for the
 * I/O thread.  Where the host has no hardware counters (virtual machines,
 * containers) the kernel's software events stand in, and where perf_event_open
 * is refused altogether, getrusage; the report says which.
 *
 * What an event showed is a reading: raw values, which can be subtracted and
 * added.  counter_scale() makes the figure of it: an event that shared the PMU
 * with others is scaled to the whole time, with the share that it was counted;
 * one that was never counted, or could not be opened, has no figure, which is
 * not 0.
 *
 * counters_thread_begin/end run on the counted thread; counters_read on any
 * thread; the rest on the thread that owns the machine.
 */
#ifndef SIM_COUNTERS_H
#define SIM_COUNTERS_H

#include "sim/base/bits.h"

#define COUNTERS_MAX 16

struct counters;

/* Raw: sums and differences of readings of one event are readings. */
struct counter_reading {
    uint64_t value;
    uint64_t wanted_ns;  /* that the event was to be counted */
    uint64_t counted_ns; /* of that, that it had a counter of the PMU */
    bool missing;        /* it could not be opened, or not be read from here */
};

struct counter_figure {
    bool known;
    uint64_t value; /* scaled to the whole time */
    double share;   /* of the time, that was counted: 1 without multiplexing */
};

struct counter_figure counter_scale(const struct counter_reading *r);
/* to - from, of two readings of one event. */
struct counter_reading counter_between(const struct counter_reading *from,
                                       const struct counter_reading *to);
void counter_add(struct counter_reading *sum, const struct counter_reading *r);

/*
 * list: names separated by commas.  An unknown one is -ENOENT and the error names the nearest.
 * slots: threads that may be counted.
 */
int counters_create(struct counters **out, const char *list, unsigned slots);
void counters_destroy(struct counters *c);

/* Threads that a counted thread starts from now on are counted with it. */
void counters_follow(struct counters *c);

/* Starts and ends counting the calling thread as slot; several periods of a slot add up. */
void counters_thread_begin(struct counters *c, unsigned slot);
void counters_thread_end(struct counters *c, unsigned slot);
/* On the counted thread, which goes on: a period has ended and the next one begins. */
void counters_thread_next(struct counters *c, unsigned slot);

/*
 * All events of a slot up to now, whether or not it is being counted.  A thread other than the
 * counted one gets of getrusage the task clock only; the rest is missing.
 */
void counters_read(struct counters *c, unsigned slot, struct counter_reading out[COUNTERS_MAX]);

/* What was asked for but is not there, and what stands in: one line, or "" */
const char *counters_note(const struct counters *c);
unsigned counters_count(const struct counters *c);
const char *counters_name(const struct counters *c, unsigned event);
/* "hardware", "software" or "getrusage" */
const char *counters_source(const struct counters *c, unsigned event);
/* Of the periods that have ended. */
struct counter_figure counters_value(const struct counters *c, unsigned slot, unsigned event);

/* Calls fn for each event of the PMUs that are present; for `info`. */
void counters_each_pmu(void (*fn)(void *opaque, const char *pmu, const char *text, unsigned events),
                       void *opaque);
/* Whether hardware events can be counted here, with the reason if not. */
bool counters_hardware(char *why, size_t size);

#endif
