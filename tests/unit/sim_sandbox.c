/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/sandbox.c.  A filter cannot be taken off again, so each test forks:
 * the child enters, makes one call and ends; the parent looks at its exit code and
 * at what it wrote to stderr.
 */
#include "sim/sandbox.h"

#include "sim/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/base/log.h"
#include "tests/unit/sim_program.h"

enum { VIOLATION = 128 + SIGSYS, REFUSED = 77 };

static char said[1024];

/* Runs fn in a child of that kind; its exit code, and its words in `said`. */
static int in_child(enum sandbox_kind kind, int (*fn)(void))
{
    int p[2], status;
    assert_int_equal(pipe(p), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        dup2(p[1], 2);
        sandbox_enter(kind, false);
        _exit(sandbox_active() ? fn() : REFUSED);
    }
    close(p[1]);
    size_t n = 0;
    ssize_t got;
    while (n < sizeof(said) - 1 && (got = read(p[0], said + n, sizeof(said) - 1 - n)) > 0)
        n += (size_t)got;
    said[n] = 0;
    close(p[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int nothing(void)
{
    return 0;
}

/* Some hosts forbid filters; what is tested here is then not to be had. */
static void need_filters(void)
{
    if (in_child(SANDBOX_HART, nothing) == REFUSED) {
        print_message("this host forbids seccomp filters\n");
        skip();
    }
}

static int call_execve(void)
{
    char *argv[] = {(char *)"true", NULL};
    return (int)syscall(SYS_execve, "/bin/true", argv, NULL); /* gcov wraps execv, and writes */
}

static int call_fork(void)
{
    return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int call_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int call_open(void)
{
    return open("/etc/passwd", O_RDONLY) < 0;
}

static int call_create(void)
{
    return open("/tmp/manyhart-sandbox-test", O_WRONLY | O_CREAT, 0600);
}

static int call_ptrace(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int call_exec_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
           MAP_FAILED;
}

static int call_kill_other(void)
{
    return (int)syscall(SYS_tgkill, 1, 1, 0);
}

static int call_uring(void)
{
    return (int)syscall(SYS_io_uring_setup, 4, NULL);
}

static void test_forbidden(void **state)
{
    static const struct {
        int (*fn)(void);
        enum sandbox_kind kind;
        const char *call, *name;
    } rows[] = {
        {call_execve, SANDBOX_MAIN, "execve", "main"},
        {call_execve, SANDBOX_HART, "execve", "hart"},
        {call_fork, SANDBOX_SUPERVISOR, "clone", "supervisor"},
        {call_socket, SANDBOX_IO, "socket", "I/O"},
        {call_socket, SANDBOX_WORKER, "socket", "task worker"},
        {call_create, SANDBOX_MAIN, "openat", "main"},
        {call_create, SANDBOX_DISK, "openat", "disk worker"},
        {call_ptrace, SANDBOX_HART, "ptrace", "hart"},
        {call_exec_memory, SANDBOX_HART, "mmap", "hart"},
        {call_kill_other, SANDBOX_HART, "tgkill", "hart"},
        {call_uring, SANDBOX_IO, "io_uring_setup", "I/O"},
#ifndef MH_SANITIZE /* their runtimes read files */
        {call_open, SANDBOX_HART, "openat", "hart"},
        {call_open, SANDBOX_IO, "openat", "I/O"},
#endif
    };
    (void)state;
    need_filters();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char words[64];
        snprintf(words, sizeof(words), "kind %s made the system call %s (", rows[i].name,
                 rows[i].call);
        int code = in_child(rows[i].kind, rows[i].fn);
        if (code != VIOLATION || !strstr(said, words))
            fail_msg("%s by %s: exit code %d, %s", rows[i].call, rows[i].name, code, said);
    }
}

static void *thread_main(void *opaque)
{
    sandbox_enter(SANDBOX_HART, false);
    *(bool *)opaque = sandbox_active();
    return NULL;
}

/* What threads of each kind do all day, a thread among it, which takes less than its maker. */
static int daily(void)
{
    uint32_t word = 1;
    struct timespec ts = {.tv_nsec = 1};
    pthread_t t;
    bool in = false;
    void *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    syscall(SYS_futex, &word, 129, 1, NULL, NULL, 0);
    nanosleep(&ts, NULL);
    sched_yield();
    madvise(p, 8192, MADV_DONTNEED);
    munmap(p, 8192);
    free(malloc(1 << 20));
    if (pthread_create(&t, NULL, thread_main, &in) || pthread_join(t, NULL))
        return 1;
    return in ? 0 : 2;
}

static int read_file(void)
{
    char buf[16];
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, buf, sizeof(buf)) > 0 && !close(fd) ? 0 : 1;
}

static int disk_work(void)
{
    char buf[16] = {0};
    struct iovec iov = {buf, sizeof(buf)};
    int fd = 2; /* a pipe: refused by the kernel, not by the filter */
    return preadv(fd, &iov, 1, 0) < 0 && errno == ESPIPE && pwritev(fd, &iov, 1, 0) < 0 &&
                   fdatasync(fd) < 0
               ? 0
               : 1;
}

static void test_allowed(void **state)
{
    static const enum sandbox_kind makers[] = {SANDBOX_HART, SANDBOX_IO, SANDBOX_WORKER,
                                               SANDBOX_SUPERVISOR, SANDBOX_MAIN};
    (void)state;
    need_filters();
    for (unsigned k = 0; k < SANDBOX_KINDS; k++) {
        assert_int_equal(in_child((enum sandbox_kind)k, nothing), 0);
        assert_int_equal(in_child((enum sandbox_kind)k, disk_work), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
        int code = in_child(makers[i], daily);
        if (code)
            fail_msg("kind %u: %d, %s", makers[i], code, said);
    }
    assert_int_equal(in_child(SANDBOX_SUPERVISOR, read_file), 0);
}

static int call_prctl(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

/* The program may not gain privileges by exec, nor keep those of root. */
static void test_privileges(void **state)
{
    uint64_t args[6] = {PR_GET_NO_NEW_PRIVS};
    char line[256];
    int status;
    (void)state;
    need_filters();
    assert_false(sandbox_allows(SANDBOX_MAIN, false, SYS_prctl, args));
    assert_int_equal(in_child(SANDBOX_MAIN, call_prctl), VIOLATION);
    int p[2];
    assert_int_equal(pipe(p), 0);
    pid_t pid = fork();
    if (!pid) {
        sandbox_enter(SANDBOX_HART, false);
        (void)!write(p[1], "x", 1);
        sleep(30);
        _exit(0);
    }
    assert_int_equal(read(p[0], line, 1), 1);
    snprintf(line, sizeof(line), "/proc/%d/status", (int)pid);
    FILE *f = fopen(line, "r");
    unsigned found = 0;
    while (fgets(line, sizeof(line), f)) {
        if (!strncmp(line, "CapEff:", 7) || !strncmp(line, "CapPrm:", 7)) {
            assert_int_equal(strtoull(line + 7, NULL, 16), 0);
            found++;
        }
        if (!strncmp(line, "NoNewPrivs:", 11)) {
            assert_int_equal(atoi(line + 11), 1);
            found++;
        }
    }
    fclose(f);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    close(p[0]);
    close(p[1]);
    assert_int_equal(found, 3);
}

/* A host (a container, an old kernel) that refuses filters: it is said, and all goes on. */
static int after_refusal(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {ARRAY_LEN(code), code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
        return REFUSED;
    log_configure("sim=info");
    sandbox_enter(SANDBOX_HART, false);
    return sandbox_active() ? 1 : call_open();
}

static void test_refused(void **state)
{
    int p[2], status;
    ssize_t n;
    (void)state;
    need_filters();
    assert_int_equal(pipe(p), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        dup2(p[1], 2);
        _exit(after_refusal());
    }
    close(p[1]);
    n = read(p[0], said, sizeof(said) - 1);
    said[n > 0 ? n : 0] = 0;
    close(p[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_non_null(strstr(said, "allows no filter for the hart thread"));
}

/* Whoever starts a thread may do what that thread may: or its filter would be in the way. */
static void test_makers(void **state)
{
    static const enum sandbox_kind pairs[][2] = {
        {SANDBOX_MAIN, SANDBOX_SUPERVISOR}, {SANDBOX_MAIN, SANDBOX_HART},
        {SANDBOX_SUPERVISOR, SANDBOX_HART}, {SANDBOX_IO, SANDBOX_DISK},
        {SANDBOX_IO, SANDBOX_WORKER},       {SANDBOX_HART, SANDBOX_DISK},
        {SANDBOX_WORKER, SANDBOX_WORKER},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        for (long call = 0; call < 1024; call++)
            for (unsigned a = 0; a < 64; a++) {
                uint64_t args[6] = {a, a, a, 0, 0, 0};
                if (sandbox_allows(pairs[i][1], false, call, args))
                    assert_true(sandbox_allows(pairs[i][0], false, call, args));
            }
}

static char image[] = "/tmp/manyhart-sandbox-XXXXXX";

/* Every thread's events: open before it entered its sandbox, and read in it. */
static bool all_counted(struct mh_machine *m)
{
    bool known = counters_count(m->counters) > 0;
    for (unsigned i = 0; i < counters_count(m->counters); i++)
        for (unsigned thread = 0; thread <= m->cfg.harts; thread++)
            known &= counters_value(m->counters, thread, i).known;
    return known && counters_value(m->counters, 0, 0).value > 0;
}

/* 0: a sandboxed machine ran to its end, having read its image again for each reboot. */
static int run_machine(void)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_result r;
    struct program unused;
    memset(&unused, 0, sizeof(unused));
    program_config(&cfg, &unused);
    cfg.image_data = NULL;
    cfg.image = image;
    cfg.sandbox = true;
    cfg.counters = "PERF_COUNT_SW_TASK_CLOCK";
    if (mh_machine_create(&m, &cfg) || mh_machine_init(m))
        return 3;
#ifndef MH_SANITIZE
    sandbox_enter(SANDBOX_MAIN, true);
#endif
    if (mh_machine_start(m) || mh_machine_wait(m, UINT64_MAX, &r))
        return 4;
    if (!all_counted(m))
        return 6;
    mh_machine_destroy(m);
    return r.end == MH_END_GUEST ? r.exit_code : 5;
}

/* Counts in RAM, reboots twice, then passes; its events are counted all the while. */
static void test_machine(void **state)
{
    static const char *const lines[] = {
        "lui t0,0x100",    "auipc t3,0x100", "lw t1,0(t3)",          "addi t1,t1,1",
        "sw t1,0(t3)",     "addi t2,zero,3", "bge t1,t2,0x8000002c", "lui t4,0x7",
        "addi t4,t4,1911", "sw t4,0(t0)",    "jal zero,0x80000028",  "lui t4,0x5",
        "addi t4,t4,1365", "sw t4,0(t0)",    "jal zero,0x80000038",  NULL};
    static struct program p;
    int fd = mkstemp(image), status;
    (void)state;
    need_filters();
    program_make(&p, lines);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, &p, sizeof(p)), sizeof(p));
    close(fd);
    fflush(NULL);
    pid_t pid = fork();
    if (!pid)
        _exit(run_machine());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    unlink(image);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forbidden),  cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_privileges), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_makers),     cmocka_unit_test(test_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
