/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics.  A line is built on the stack and written with one write(2), so
 * that lines of different threads never mix and nothing is lost on abort.
 * stdio is avoided: BUG() must work with any lock held.
 */
#include "sim/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static const char *const sys_names[LOG_SYS_COUNT] = {
    [LOG_BASE] = "base", [LOG_MEM] = "mem", [LOG_SMP] = "smp", [LOG_JIT] = "jit",
    [LOG_ISA] = "isa",   [LOG_DEV] = "dev", [LOG_SIM] = "sim",
};

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn",   [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug", [LOG_TRACE] = "trace",
};

uint8_t log_levels[LOG_SYS_COUNT] = {LOG_WARN, LOG_WARN, LOG_WARN, LOG_WARN,
                                     LOG_WARN, LOG_WARN, LOG_WARN};
_Static_assert(LOG_SYS_COUNT == 7, "a new subsystem needs a default level");

/* Index of the len bytes at s in names, or -1. */
static int name_index(const char *const *names, size_t count, const char *s, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(names[i]) == len && !memcmp(names[i], s, len))
            return (int)i;
    return -1;
}

/* One "level" or "sys=level" of len bytes into levels. */
static int configure_item(uint8_t *levels, const char *s, size_t len)
{
    const char *eq = memchr(s, '=', len);
    const char *word = eq ? eq + 1 : s;
    int level = name_index(level_names, ARRAY_LEN(level_names), word, len - (size_t)(word - s));

    if (level < 0)
        return -EINVAL;
    if (!eq) {
        memset(levels, level, LOG_SYS_COUNT);
        return 0;
    }
    int sys = name_index(sys_names, LOG_SYS_COUNT, s, (size_t)(eq - s));
    if (sys < 0)
        return -EINVAL;
    levels[sys] = (uint8_t)level;
    return 0;
}

int log_configure(const char *spec)
{
    uint8_t levels[LOG_SYS_COUNT];

    /* All or nothing: an invalid word leaves the levels as they were. */
    memcpy(levels, log_levels, sizeof(levels));
    for (;;) {
        size_t len = strcspn(spec, ",");
        if (configure_item(levels, spec, len))
            return -EINVAL;
        if (!spec[len])
            break;
        spec += len + 1;
    }
    memcpy(log_levels, levels, sizeof(levels));
    return 0;
}

/* Ends the line that vsnprintf made of n bytes (or would have made) and writes it. */
static void write_line(char *line, size_t size, size_t n)
{
    if (n > size - 1)
        n = size - 1;
    line[n++] = '\n'; /* over the terminator */
    /* Nothing sensible can be done about a stderr that does not take it. */
    ssize_t ignored = write(STDERR_FILENO, line, n);
    (void)ignored;
}

static void write_message(const char *prefix, const char *fmt, va_list ap)
{
    char line[LINE_MAX_BYTES];
    int n = snprintf(line, sizeof(line), "%s", prefix);
    int m = vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);

    write_line(line, sizeof(line), (size_t)n + (m > 0 ? (size_t)m : 0));
}

void log_write(enum log_sys sys, enum log_level level, const char *fmt, ...)
{
    char prefix[64];
    va_list ap;

    snprintf(prefix, sizeof(prefix), "manyhart: %s: %s: ", sys_names[sys], level_names[level]);
    va_start(ap, fmt);
    write_message(prefix, fmt, ap);
    va_end(ap);
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
    char prefix[256];
    va_list ap;

    snprintf(prefix, sizeof(prefix), "manyhart: BUG at %s:%d: ", file, line);
    va_start(ap, fmt);
    write_message(prefix, fmt, ap);
    va_end(ap);
    abort();
}
