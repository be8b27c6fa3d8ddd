/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics on stderr, by level and subsystem, and BUG() for our own
 * mistakes.  The library logs only what --log asks for; the default level is
 * LOG_WARN.  Any thread; one line is one write.  The levels are process-wide
 * (the only such state, documented as such in the public header).
 */
#ifndef SIM_BASE_LOG_H
#define SIM_BASE_LOG_H

#include "sim/base/bits.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };
enum log_sys { LOG_BASE, LOG_MEM, LOG_SMP, LOG_JIT, LOG_ISA, LOG_DEV, LOG_SIM, LOG_SYS_COUNT };

extern uint8_t log_levels[LOG_SYS_COUNT];

/* "debug" for all, or "mem=debug,dev=trace".  -EINVAL names nothing: the caller says which option.
 */
int log_configure(const char *spec);

void log_write(enum log_sys sys, enum log_level level, const char *fmt, ...) MH_PRINTF(3, 4);

#define log_at(sys, level, ...)                                                                    \
    do {                                                                                           \
        if (unlikely(log_levels[sys] >= (level)))                                                  \
            log_write((sys), (level), __VA_ARGS__);                                                \
    } while (0)

/* An internal invariant is broken: print and abort.  Never for guest or user mistakes. */
_Noreturn void bug_at(const char *file, int line, const char *fmt, ...) MH_PRINTF(3, 4);
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
#define BUG_ON(cond)                                                                               \
    do {                                                                                           \
        if (unlikely(cond))                                                                        \
            BUG("%s", #cond);                                                                      \
    } while (0)

#endif
