/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workloads on the host: bench_workloads NAME [ITERATIONS [HARTS]], with the output that
 * bench/guest/workloads_main.c has, without instruction counts; errors go to stderr.  A hart is a
 * thread, on the processor that a machine's hart of the same number would have.  A word
 * --counters=LIST anywhere has the host's events counted.
 */
#include "guest/driver.h"

#include "bench/native_counters.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/base/atomic.h"
#include "smp/pin.h"

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

void platform_measure(bool begin)
{
    native_counters_mark(begin);
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

/* ---- harts ---- */

/* A wait this long is for a thread that does not run. */
#define SPINS_AWAKE 256

void harts_relax(unsigned *spins)
{
    if (++*spins < SPINS_AWAKE)
        cpu_relax();
    else
        sched_yield();
}

struct member {
    void (*fn)(void *arg, unsigned hart);
    void *arg;
    unsigned hart;
    int processor; /* -1: any */
    pthread_t thread;
};

static void fail(const char *what, int err)
{
    platform_error("bench: %s: error %d\n", what, err);
    exit(DRIVER_FAILED);
}

/* The plan has only processors that this process may use; a host that changes meanwhile is
 * measured as it is. */
static void pin_self(int processor)
{
    cpu_set_t set;

    if (processor < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((unsigned)processor, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *member_main(void *arg)
{
    struct member *m = arg;

    pin_self(m->processor);
    m->fn(m->arg, m->hart);
    return NULL;
}

void platform_harts_run(unsigned harts, void (*fn)(void *arg, unsigned hart), void *arg)
{
    static struct member member[WORKLOAD_HARTS_MAX];
    int pin[WORKLOAD_HARTS_MAX], io, err;
    char why[256];
    cpu_set_t before;

    if ((err = pin_plan(harts, pin, &io, why, sizeof(why))) < 0)
        fail("processors", -err);
    if ((err = pthread_getaffinity_np(pthread_self(), sizeof(before), &before)))
        fail("affinity", err);
    for (unsigned h = 1; h < harts; h++) {
        member[h] = (struct member){fn, arg, h, pin[h], 0};
        if ((err = pthread_create(&member[h].thread, NULL, member_main, &member[h])))
            fail("thread", err);
    }
    pin_self(pin[0]);
    fn(arg, 0);
    for (unsigned h = 1; h < harts; h++)
        pthread_join(member[h].thread, NULL);
    pthread_setaffinity_np(pthread_self(), sizeof(before), &before);
}

/* 0, which no one may ask for, if the text is not a number. */
static uint64_t number_parse(const char *text)
{
    char *end;

    errno = 0;
    uint64_t n = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno ? n : 0;
}

/* 0 if the text is none, as above. */
static unsigned harts_parse(const char *text)
{
    uint64_t n = number_parse(text);
    return n <= WORKLOAD_HARTS_MAX ? (unsigned)n : 0;
}

/* Takes the word out of argv; false: it names what cannot be counted. */
static bool take_counters(int *argc, char **argv)
{
    static const char word[] = "--counters=";
    const char *list = NULL;
    int n = 0;

    for (int i = 0; i < *argc; i++) {
        if (!strncmp(argv[i], word, strlen(word)))
            list = argv[i] + strlen(word);
        else
            argv[n++] = argv[i];
    }
    argv[n] = NULL;
    *argc = n;
    return !list || native_counters_open(list);
}

int main(int argc, char **argv)
{
    if (!take_counters(&argc, argv))
        return DRIVER_USAGE;
    if (argc < 2 || argc > 4) {
        platform_error(
            "usage: bench_workloads NAME [ITERATIONS [HARTS]] [--counters=LIST]; NAME is a "
            "workload, a group, all, or list\n");
        return DRIVER_USAGE;
    }
    int code = driver_run(workloads, workload_count, argv[1], argc > 2 ? number_parse(argv[2]) : 10,
                          argc > 3 ? harts_parse(argv[3]) : 1, memory, sizeof(memory));
    native_counters_print();
    if (fflush(stdout) != 0 || ferror(stdout)) {
        platform_error("bench: cannot write the output\n");
        return DRIVER_FAILED;
    }
    return code;
}
