/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --counters: host events by libpfm4 name, counted per hart thread and for the
 * I/O thread.  Where the host has no hardware counters (virtual machines,
 * containers) the kernel's software events stand in, and where perf_event_open
 * is refused altogether, getrusage; the report says which.
 *
 * counters_thread_begin/end run on the counted thread; the rest on the thread
 * that owns the machine.
 */
#ifndef SIM_COUNTERS_H
#define SIM_COUNTERS_H

#include "sim/base/bits.h"

#define COUNTERS_MAX 16

struct counters;

/*
 * list: names separated by commas.  An unknown one is -ENOENT and the error names the nearest.
 * slots: threads that may be counted.
 */
int counters_create(struct counters **out, const char *list, unsigned slots);
void counters_destroy(struct counters *c);

/* Starts and ends counting the calling thread as slot; several periods of a slot add up. */
void counters_thread_begin(struct counters *c, unsigned slot);
void counters_thread_end(struct counters *c, unsigned slot);

/* What was asked for but is not there, and what stands in: one line, or "" */
const char *counters_note(const struct counters *c);
unsigned counters_count(const struct counters *c);
const char *counters_name(const struct counters *c, unsigned event);
/* "hardware", "software" or "getrusage" */
const char *counters_source(const struct counters *c, unsigned event);
uint64_t counters_value(const struct counters *c, unsigned slot, unsigned event);

/* Calls fn for each event of the PMUs that are present; for `info`. */
void counters_each_pmu(void (*fn)(void *opaque, const char *pmu, const char *text, unsigned events),
                       void *opaque);
/* Whether hardware events can be counted here, with the reason if not. */
bool counters_hardware(char *why, size_t size);

#endif
