/* SPDX-License-Identifier: Apache-2.0 */
/* See child.h. */
#include "bench/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/base/atomic.h"
#include "sim/base/bits.h"
#include "sim/base/clock.h"

#define OUTPUT_MAX (16u << 20)
#define CHUNK      65536
#define LOOK_MS    50 /* how often the flag is looked at */
#define PIN_MS     1  /* how often new threads are looked for, and for how long */
#define PIN_NS     (5 * NS_PER_SEC)

extern char **environ;

/* A run under way. */
struct run {
    const struct child_spec *spec;
    struct child_result *out;
    pid_t pid;
    int pidfd, from; /* the process; its output */
    uint64_t begin_ns;
};

/* 0 or -errno; the child gets the pipe's end as output and error, and /dev/null as input. */
static int spawn(struct run *r, int to)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, to, 1);
    posix_spawn_file_actions_adddup2(&files, to, 2);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    int err = posix_spawnp(&r->pid, r->spec->argv[0], &files, &attr,
                           (char *const *)(uintptr_t)r->spec->argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return -err;
}

/* Whether the mark has come, of which the output's first OLD bytes have no whole one. */
static void look_for_mark(struct run *r, size_t old)
{
    const char *mark = r->spec->mark;
    struct child_result *out = r->out;
    if (!mark || out->mark_ns)
        return;
    size_t back = strlen(mark) - 1, from = old > back ? old - back : 0;
    if (memmem(out->output + from, out->output_size - from, mark, strlen(mark)))
        out->mark_ns = clock_now_ns() - r->begin_ns;
}

/* Takes what the pipe has now; false at its end. */
static bool take_output(struct run *r)
{
    size_t most = r->spec->output_max ? r->spec->output_max : OUTPUT_MAX;
    struct child_result *out = r->out;
    char chunk[CHUNK];
    for (;;) {
        ssize_t n = read(r->from, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        size_t keep = (size_t)min_u64((uint64_t)n, most - out->output_size);
        char *bigger = realloc(out->output, out->output_size + keep + 1);
        if (bigger) {
            out->output = bigger;
            memcpy(bigger + out->output_size, chunk, keep);
            out->output_size += keep;
            bigger[out->output_size] = 0;
            look_for_mark(r, out->output_size - keep);
        }
        out->output_cut |= !bigger || keep < (size_t)n;
    }
}

/* --- pins --- */

/* The number of a thread that is to be pinned, by its name; -1: it is not. */
static int number_of(const struct child_pins *pins, pid_t pid, pid_t tid)
{
    char file[64], name[32] = "";
    size_t prefix = strlen(pins->thread);
    snprintf(file, sizeof(file), "/proc/%d/task/%d/comm", (int)pid, (int)tid);
    FILE *f = fopen(file, "r");
    if (!f)
        return -1;
    bool got = fgets(name, sizeof(name), f);
    fclose(f);
    if (!got || strncmp(name, pins->thread, prefix) || name[prefix] < '0' || name[prefix] > '9')
        return -1;
    unsigned long number = strtoul(name + prefix, NULL, 10);
    return number < pins->n ? (int)number : -1;
}

/* Pins those that are there; it begins anew each time, until all were. */
static void pin_threads(struct run *r)
{
    const struct child_pins *pins = &r->spec->pins;
    char tasks[64];
    snprintf(tasks, sizeof(tasks), "/proc/%d/task", (int)r->pid);
    DIR *d = opendir(tasks);
    if (!d)
        return;
    unsigned found = 0;
    for (const struct dirent *e; (e = readdir(d));) {
        pid_t tid = (pid_t)atoi(e->d_name);
        int number = tid > 0 ? number_of(pins, r->pid, tid) : -1;
        if (number < 0)
            continue;
        cpu_set_t set;
        CPU_ZERO(&set);
        if (pins->to[number] >= 0)
            CPU_SET(pins->to[number], &set);
        found += pins->to[number] < 0 || !sched_setaffinity(tid, sizeof(set), &set);
    }
    closedir(d);
    r->out->pinned = found;
}

static bool is_pinning(const struct run *r, uint64_t now)
{
    return r->out->pinned < r->spec->pins.n && now - r->begin_ns < PIN_NS;
}

/* --- until the end --- */

/* Milliseconds until somebody must look again. */
static int patience_ms(const struct run *r, uint64_t now)
{
    uint64_t ms = r->spec->interrupted ? LOOK_MS : INT32_MAX;
    if (is_pinning(r, now))
        ms = PIN_MS;
    if (r->spec->timeout_ns) {
        uint64_t used = now - r->begin_ns;
        uint64_t left = used < r->spec->timeout_ns ? r->spec->timeout_ns - used : 0;
        ms = min_u64(ms, left / 1000000 + 1);
    }
    return (int)ms;
}

/* Until the process has ended by itself or has to be. */
static enum child_end await(struct run *r)
{
    bool open = true;
    for (;;) {
        uint64_t now = clock_now_ns();
        if (r->spec->interrupted && load_acquire(r->spec->interrupted))
            return CHILD_INTERRUPTED;
        if (r->spec->timeout_ns && now - r->begin_ns >= r->spec->timeout_ns)
            return CHILD_TIMEOUT;
        if (is_pinning(r, now))
            pin_threads(r);
        struct pollfd fds[2] = {{.fd = r->pidfd, .events = POLLIN},
                                {.fd = open ? r->from : -1, .events = POLLIN}};
        poll(fds, 2, patience_ms(r, now));
        if (fds[1].revents)
            open = take_output(r);
        if (fds[0].revents)
            return CHILD_EXITED;
    }
}

static uint64_t ns_of(struct timeval t)
{
    return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_usec * 1000;
}

/* What is left of the group is killed first, so that the pipe has an end. */
static void finish(struct run *r, enum child_end end)
{
    struct child_result *out = r->out;
    struct rusage use;
    int status;
    if (end == CHILD_EXITED)
        out->wall_ns = clock_now_ns() - r->begin_ns;
    kill(-r->pid, SIGKILL);
    while (wait4(r->pid, &status, 0, &use) < 0 && errno == EINTR)
        ;
    if (end != CHILD_EXITED)
        out->wall_ns = clock_now_ns() - r->begin_ns;
    take_output(r);
    out->end = end != CHILD_EXITED || WIFEXITED(status) ? end : CHILD_KILLED;
    out->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    out->user_ns = ns_of(use.ru_utime);
    out->system_ns = ns_of(use.ru_stime);
    out->resident_bytes = (uint64_t)use.ru_maxrss << 10;
    out->faults = (uint64_t)(use.ru_minflt + use.ru_majflt);
    out->switches = (uint64_t)(use.ru_nvcsw + use.ru_nivcsw);
}

int child_run(const struct child_spec *spec, struct child_result *out)
{
    struct run r = {.spec = spec, .out = out};
    int ends[2], err;
    *out = (struct child_result){.output = calloc(1, 1)};
    if (!out->output)
        return -ENOMEM;
    if (pipe2(ends, O_CLOEXEC))
        err = -errno;
    else {
        r.from = ends[0];
        fcntl(r.from, F_SETFL, O_NONBLOCK);
        r.begin_ns = clock_now_ns();
        err = spawn(&r, ends[1]);
        close(ends[1]);
        if (!err) {
            r.pidfd = pidfd_open(r.pid, 0);
            err = r.pidfd < 0 ? -errno : 0;
            finish(&r, err ? CHILD_INTERRUPTED : await(&r));
            if (!err)
                close(r.pidfd);
        }
        close(r.from);
    }
    if (err) {
        free(out->output);
        *out = (struct child_result){0};
    }
    return err;
}

const char *child_describe(const struct child_result *r, char *buf, size_t size)
{
    switch (r->end) {
    case CHILD_EXITED:
        snprintf(buf, size, "exit code %d", r->code);
        break;
    case CHILD_KILLED:
        snprintf(buf, size, "killed by signal %d (%s)", r->code, strsignal(r->code));
        break;
    case CHILD_TIMEOUT:
        snprintf(buf, size, "stopped after %.0f s", (double)r->wall_ns / 1e9);
        break;
    case CHILD_INTERRUPTED:
        snprintf(buf, size, "interrupted");
        break;
    }
    return buf;
}
