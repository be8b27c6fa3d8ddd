/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_linux NAME ITERATIONS TOP: a workload of linux.def on the Linux it runs on, with the output
 * that all workloads have (sim/doc/bench.md).  TOP is the folder that has bench/.  It works in a
 * folder of its own in /tmp and leaves nothing there.  bench/linux/init starts it in the guest,
 * manyhart bench on the host.
 */
#include "bench/linux/bench_linux.h"

#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FAILED = 1, USAGE = 2 };

static const struct workload_entry {
    const char *name, *unit;
    unsigned long operations;
    void (*setup)(void);
    void (*run)(void);
    uint64_t (*check)(void);
} entries[] = {
#define LINUX_WORKLOAD(name, operations, unit, ...)                                                \
    {#name, #unit, operations, linux_##name##_setup, linux_##name##_run, linux_##name##_check},
#include "bench/linux.def"
};

const char *bench_top;
static const char *current = "bench_linux";
static char folder[] = "/tmp/bench_linux.XXXXXX";
static pid_t owner; /* of the folder */
static cpu_set_t allowed;

/* ---- what workloads call ---- */

void bench_fail(const char *what)
{
    const char *reason = errno ? strerror(errno) : "";
    fflush(stdout);
    fprintf(stderr, "bench: %s: %s%s%s\n", current, what, *reason ? ": " : "", reason);
    exit(FAILED);
}

void bench_require(bool holds, const char *what)
{
    if (holds)
        return;
    errno = 0;
    bench_fail(what);
}

unsigned bench_cpu(unsigned i)
{
    unsigned at = i % (unsigned)CPU_COUNT(&allowed);
    for (unsigned cpu = 0;; cpu++)
        if (CPU_ISSET(cpu, &allowed) && !at--)
            return cpu;
}

void bench_pin(unsigned i)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(bench_cpu(i), &one);
    if (sched_setaffinity(0, sizeof(one), &one))
        bench_fail("cannot be pinned");
}

void bench_unpin(void)
{
    if (sched_setaffinity(0, sizeof(allowed), &allowed))
        bench_fail("cannot be pinned");
}

/* ---- a run ---- */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void remove_folder(void)
{
    if (getpid() == owner)
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void run_iterations(const struct workload_entry *w, unsigned long iterations)
{
    uint64_t first = 0;
    for (unsigned long i = 0; i < iterations; i++) {
        uint64_t begin = now_ns();
        w->run();
        uint64_t ns = now_ns() - begin, sum = w->check();
        printf("iteration %lu ns %lu instructions - checksum %lx\n", i, (unsigned long)ns,
               (unsigned long)sum);
        fflush(stdout);
        bench_require(!i || sum == first, "an iteration has another checksum than the first");
        first = sum;
    }
}

static int run_workload(const struct workload_entry *w, unsigned long iterations)
{
    struct timespec step;
    current = w->name;
    clock_getres(CLOCK_MONOTONIC, &step);
    if (!mkdtemp(folder) || chdir(folder))
        bench_fail(folder);
    owner = getpid();
    atexit(remove_folder);
    printf("workload %s group linux unit %s operations %lu clock_ns %ld\n", w->name, w->unit,
           w->operations, step.tv_nsec);
    fflush(stdout);
    w->setup();
    run_iterations(w, iterations);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], BENCH_NOTHING))
        return atoi(argv[2]);
    unsigned long iterations = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    if (sched_getaffinity(0, sizeof(allowed), &allowed))
        bench_fail("cannot see its processors");
    for (size_t i = 0; iterations && i < sizeof(entries) / sizeof(*entries); i++) {
        bench_top = argv[3];
        if (!strcmp(entries[i].name, argv[1]))
            return run_workload(&entries[i], iterations);
    }
    fprintf(stderr, "usage: bench_linux NAME ITERATIONS TOP; NAME is one of bench/linux.def\n");
    return USAGE;
}
