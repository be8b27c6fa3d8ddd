/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workloads that spend their time in the kernel: processes, memory, pipes.  One thread each, but
 * for mprotect.
 */
#include "bench/linux/bench_linux.h"
#include "bench/guest/workload.h"

#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { FORKS = 100, PROGRAMS = 100, FAULTS = 8192, EXCHANGES = 2000, CALLS = 4000, THREADS = 2 };

static uint64_t result; /* of the iteration */

static unsigned exit_code_of(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid)
        bench_fail("waitpid");
    bench_require(WIFEXITED(status), "a child was killed");
    return (unsigned)WEXITSTATUS(status);
}

/* ---- boot: the harness has the time; this says what was booted ---- */

void linux_boot_setup(void)
{
}

void linux_boot_run(void)
{
    struct utsname u;
    if (uname(&u))
        bench_fail("uname");
    result = 0;
    for (const char *p = u.release; *p; p++)
        result = checksum_add(result, (unsigned char)*p);
}

uint64_t linux_boot_check(void)
{
    return result;
}

/* ---- fork ---- */

void linux_fork_setup(void)
{
}

void linux_fork_run(void)
{
    result = 0;
    for (unsigned i = 0; i < FORKS; i++) {
        pid_t pid = fork();
        if (pid < 0)
            bench_fail("fork");
        if (!pid)
            _exit((int)(i * 7 & 127));
        result = checksum_add(result, exit_code_of(pid));
    }
}

uint64_t linux_fork_check(void)
{
    return result;
}

/* ---- exec: this program again ---- */

static char own_path[4096];

void linux_exec_setup(void)
{
    ssize_t n = readlink("/proc/self/exe", own_path, sizeof(own_path) - 1);
    if (n < 0)
        bench_fail("/proc/self/exe");
    own_path[n] = 0;
    linux_exec_run();
}

void linux_exec_run(void)
{
    result = 0;
    for (unsigned i = 0; i < PROGRAMS; i++) {
        char code[12];
        char *argv[] = {own_path, (char *)BENCH_NOTHING, code, NULL};
        pid_t pid;
        snprintf(code, sizeof(code), "%u", i * 7 & 127);
        if (posix_spawn(&pid, own_path, NULL, NULL, argv, environ))
            bench_fail("posix_spawn");
        result = checksum_add(result, exit_code_of(pid));
    }
}

uint64_t linux_exec_check(void)
{
    return result;
}

/* ---- page faults: pages of the smallest size, one fault each ---- */

void linux_page_faults_setup(void)
{
}

void linux_page_faults_run(void)
{
    size_t page = 4096, size = FAULTS * page;
    unsigned char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED)
        bench_fail("mmap");
    madvise(m, size, MADV_NOHUGEPAGE); /* a kernel without huge pages refuses */
    for (size_t i = 0; i < FAULTS; i++)
        m[i * page + i % page] = (unsigned char)(i * 5);
    result = 0;
    for (size_t i = 0; i < FAULTS; i++)
        result = checksum_add(result, m[i * page + i % page] + m[i * page + (i + 1) % page]);
    if (munmap(m, size))
        bench_fail("munmap");
}

uint64_t linux_page_faults_check(void)
{
    return result;
}

/* ---- pipe: the other end is a process on another hart ---- */

static int to_other, from_other;

static void move(bool out, int fd, uint64_t *v)
{
    ssize_t n = out ? write(fd, v, sizeof(*v)) : read(fd, v, sizeof(*v));
    if (n != (ssize_t)sizeof(*v))
        bench_fail(out ? "write" : "read");
}

/* Until this end of the pipe is closed. */
static void answer(int in, int out)
{
    uint64_t v;
    while (read(in, &v, sizeof(v)) == (ssize_t)sizeof(v)) {
        v = v * 5 + 1;
        if (write(out, &v, sizeof(v)) != (ssize_t)sizeof(v))
            break;
    }
}

void linux_pipe_setup(void)
{
    int there[2], back[2];
    if (pipe(there) || pipe(back))
        bench_fail("pipe");
    pid_t pid = fork();
    if (pid < 0)
        bench_fail("fork");
    if (!pid) {
        close(there[1]);
        close(back[0]);
        bench_pin(1);
        answer(there[0], back[1]);
        _exit(0);
    }
    close(there[0]);
    close(back[1]);
    bench_pin(0);
    to_other = there[1];
    from_other = back[0];
}

void linux_pipe_run(void)
{
    result = 1;
    for (unsigned i = 0; i < EXCHANGES; i++) {
        move(true, to_other, &result);
        move(false, from_other, &result);
    }
}

uint64_t linux_pipe_check(void)
{
    return result;
}

/* ---- mprotect: each change must reach the hart of the other thread, which shares the tables ----
 */

struct protecting {
    pthread_t thread;
    unsigned index;
    volatile uint64_t *page;
};

static struct protecting threads[THREADS];

static void *protect(void *arg)
{
    struct protecting *t = arg;
    bench_pin(t->index);
    for (unsigned i = 0; i < CALLS / THREADS / 2; i++) {
        if (mprotect((void *)t->page, 4096, PROT_READ))
            bench_fail("mprotect");
        uint64_t v = *t->page;
        if (mprotect((void *)t->page, 4096, PROT_READ | PROT_WRITE))
            bench_fail("mprotect");
        *t->page = v * 3 + t->index + i;
    }
    return NULL;
}

void linux_mprotect_setup(void)
{
    for (unsigned i = 0; i < THREADS; i++) {
        /* A page between them keeps the kernel from making one mapping of the two. */
        void *m = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m == MAP_FAILED || mprotect(m, 4096, PROT_NONE))
            bench_fail("mmap");
        threads[i] = (struct protecting){.index = i, .page = (uint64_t *)m + 512};
    }
}

void linux_mprotect_run(void)
{
    for (unsigned i = 0; i < THREADS; i++) {
        *threads[i].page = i;
        if (pthread_create(&threads[i].thread, NULL, protect, &threads[i]))
            bench_fail("pthread_create");
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i].thread, NULL);
}

uint64_t linux_mprotect_check(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < THREADS; i++)
        sum = checksum_add(sum, *threads[i].page);
    return sum;
}
