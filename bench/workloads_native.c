/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workloads on the host: bench_workloads NAME [ITERATIONS], with the output that
 * bench/guest/workloads_main.c has, without instruction counts; errors go to stderr.
 */
#include "guest/driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned char memory[ARENA_SIZE] __attribute__((aligned(4096)));

static uint64_t ns_of(struct timespec t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t platform_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return ns_of(t);
}

uint64_t platform_clock_ns(void)
{
    struct timespec t;
    clock_getres(CLOCK_MONOTONIC, &t);
    return ns_of(t);
}

bool platform_instructions(uint64_t *n)
{
    *n = 0;
    return false;
}

void platform_print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
}

void platform_error(const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
}

void platform_exit(int code)
{
    exit(code);
}

/* 0, which no one may ask for, if the text is not a number. */
static uint64_t number_parse(const char *text)
{
    char *end;

    errno = 0;
    uint64_t n = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno ? n : 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        platform_error(
            "usage: bench_workloads NAME [ITERATIONS]; NAME is a workload, a group, all, "
            "or list\n");
        return DRIVER_USAGE;
    }
    int code = driver_run(workloads, workload_count, argv[1], argc > 2 ? number_parse(argv[2]) : 10,
                          memory, sizeof(memory));
    if (fflush(stdout) != 0 || ferror(stdout)) {
        platform_error("bench: cannot write the output\n");
        return DRIVER_FAILED;
    }
    return code;
}
