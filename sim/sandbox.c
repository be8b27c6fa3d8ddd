/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp filters made of sandbox.def, and the end of a thread that breaks them;
 * see sandbox.h.
 *
 * The filter is a plain list, made here rather than by libseccomp: it is thirty
 * lines, its order is that of the table, and no library has to be there.  For
 * each line of the table it is
 *
 *         jeq  call, else next line
 *        (ld   argument; and mask; jeq value, else reload and next line)
 *         ret  allow
 *
 * and at its end every call is a trap (SIGSYS), whose handler says what it was.
 *
 * SECCOMP_FILTER_FLAG_SPEC_ALLOW: without it kernels before 5.16 turn off
 * speculation past stores in filtered threads, which an interpreter would feel.
 */
#include "sim/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "dev/chardev.h"
#include "sim/base/log.h"

#if defined(__x86_64__)
#define SANDBOX_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SANDBOX_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define SANDBOX_ARCH AUDIT_ARCH_RISCV64
#endif

enum {
    H = 1 << SANDBOX_HART,
    I = 1 << SANDBOX_IO,
    D = 1 << SANDBOX_DISK,
    W = 1 << SANDBOX_WORKER,
    S = 1 << SANDBOX_SUPERVISOR,
    M = 1 << SANDBOX_MAIN,
    ALL = H | I | D | W | S | M,
    C = 1 << SANDBOX_KINDS,
    Z = 1 << (SANDBOX_KINDS + 1),
};

/*
 * A thread may do what those may that it starts, for they inherit its filter: a hart that waits for
 * a disk in a reset may have to start a worker, a task executes harts, the supervisor starts harts
 * again after a reboot.
 */
static const struct {
    const char *name;
    unsigned who;
} kinds[SANDBOX_KINDS] = {
    [SANDBOX_HART] = {"hart", H | D},
    [SANDBOX_IO] = {"I/O", I | W | H | D},
    [SANDBOX_DISK] = {"disk worker", D},
    [SANDBOX_WORKER] = {"task worker", W | H | D},
    [SANDBOX_SUPERVISOR] = {"supervisor", S | H | D},
    [SANDBOX_MAIN] = {"main", M | S | H | D},
};

struct rule {
    long call;
    int arg; /* -1: any arguments */
    uint32_t mask, value;
    unsigned who;
};

enum {
    RULES_MAX = 128,
    RULE_INSNS = 6,
    HEAD_INSNS = 6,
    PROGRAM_MAX = RULES_MAX * RULE_INSNS + HEAD_INSNS + 2
};

struct program {
    struct sock_filter insn[PROGRAM_MAX];
    unsigned count;
};

static __thread enum sandbox_kind own_kind;
static __thread bool active;

/* ---- the table ---- */

static unsigned read_rules(enum sandbox_kind kind, bool counters, struct rule out[RULES_MAX])
{
    const struct rule all[] = {
#define CALL(name, who) {SYS_##name, -1, 0, 0, who},
#define CALL_IF(name, a, mask, value, who)                                                         \
    {SYS_##name, a, (uint32_t)(mask), (uint32_t)(value), who},
#include "sim/sandbox.def"
#undef CALL
#undef CALL_IF
    };
    unsigned who = kinds[kind].who | (counters ? C : 0), n = 0;
    _Static_assert(ARRAY_LEN(all) <= RULES_MAX, "the program has room for each rule");
#ifdef MH_SANITIZE
    who |= Z;
#endif
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i].who & who)
            out[n++] = all[i];
    return n;
}

bool sandbox_allows(enum sandbox_kind kind, bool counters, long call, const uint64_t args[6])
{
    struct rule rules[RULES_MAX];
    unsigned n = read_rules(kind, counters, rules);
    for (unsigned i = 0; i < n; i++) {
        const struct rule *r = &rules[i];
        if (r->call == call && (r->arg < 0 || ((uint32_t)args[r->arg] & r->mask) == r->value))
            return true;
    }
    return false;
}

/* ---- the filter ---- */

static void emit(struct program *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
    p->insn[p->count++] = (struct sock_filter){code, yes, no, k};
}

static void emit_load_call(struct program *p)
{
    emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
}

static void emit_rule(struct program *p, const struct rule *r)
{
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, r->arg < 0 ? 1 : 5, (uint32_t)r->call);
    if (r->arg >= 0) {
        uint32_t at = (uint32_t)offsetof(struct seccomp_data, args) + 8u * (unsigned)r->arg;
        emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0,
             at + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0));
        emit(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, r->mask);
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, r->value);
    }
    emit(p, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    if (r->arg >= 0)
        emit_load_call(p);
}

static void make_program(struct program *p, enum sandbox_kind kind, bool counters)
{
    struct rule rules[RULES_MAX];
    unsigned n = read_rules(kind, counters, rules);
    p->count = 0;
#ifdef SANDBOX_ARCH
    emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SANDBOX_ARCH);
    emit(p, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
#endif
    emit_load_call(p);
    for (unsigned i = 0; i < n; i++)
        emit_rule(p, &rules[i]);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_clone3);
    emit(p, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
    emit(p, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP);
}

/* ---- a violation ---- */

static const char *call_name(int call)
{
    static const char *const names[] = {
#include <sim/syscalls.inc> /* made by syscalls.sh, in the build folder */
    };
    return call >= 0 && (size_t)call < ARRAY_LEN(names) && names[call] ? names[call] : "?";
}

static char *append(char *at, const char *text)
{
    size_t n = strlen(text);
    memcpy(at, text, n);
    return at + n;
}

static char *append_number(char *at, unsigned n)
{
    if (n >= 10)
        at = append_number(at, n / 10);
    *at = (char)('0' + n % 10);
    return at + 1;
}

/* Async-signal-safe; on the thread that made the call, which has had no effect. */
static void violation(int sig, siginfo_t *info, void *context)
{
    char line[256], *at = line;
    (void)context;
    (void)sig;
    if (info->si_code != 1 /* SYS_SECCOMP */)
        return;
    at = append(at, "manyhart: sandbox: a thread of kind ");
    at = append(at, kinds[own_kind].name);
    at = append(at, " made the system call ");
    at = append(at, call_name(info->si_syscall));
    at = append(at, " (");
    at = append_number(at, (unsigned)info->si_syscall);
    at = append(at, "), which it may not; please report it; --sandbox off runs without\n");
    chardev_restore_terminal();
    (void)!write(STDERR_FILENO, line, (size_t)(at - line));
    /* Not _exit: a sanitizer's waits for the lock of the report that made the call. */
    syscall(SYS_exit_group, 128 + SIGSYS);
}

static void handle_violations(void)
{
    struct sigaction sa = {.sa_sigaction = violation, .sa_flags = SA_SIGINFO};
    sigset_t set;
    sigaction(SIGSYS, &sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGSYS);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- entering ---- */

static void keep_capability(struct __user_cap_data_struct kept[2],
                            const struct __user_cap_data_struct have[2], unsigned cap)
{
    kept[cap / 32].permitted |= have[cap / 32].permitted & 1u << cap % 32;
    kept[cap / 32].effective = kept[cap / 32].permitted;
}

/*
 * The supervisor reads images again when the guest reboots; the user may have given root's.  It and
 * the main thread start the hart threads, which open their events before they drop everything.
 */
static void drop_capabilities(enum sandbox_kind kind, bool counters)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct have[2] = {{0}}, kept[2] = {{0}};
    if (kinds[kind].who & (S | M) && !syscall(SYS_capget, &head, have)) {
        if (kinds[kind].who & S)
            keep_capability(kept, have, CAP_DAC_READ_SEARCH);
        if (counters)
            keep_capability(kept, have, CAP_PERFMON);
    }
    if (syscall(SYS_capset, &head, kept))
        log_at(LOG_SIM, LOG_INFO, "sandbox: capabilities are not dropped: %s", strerror(errno));
}

static int install(const struct program *p)
{
    struct sock_fprog prog = {.len = (unsigned short)p->count,
                              .filter = (struct sock_filter *)p->insn};
    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog);
    if (rc && errno == EINVAL) /* Linux before 4.17 */
        rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
    return rc ? -errno : 0;
}

void sandbox_enter(enum sandbox_kind kind, bool counters)
{
    struct program p;
    own_kind = kind;
    make_program(&p, kind, counters);
    handle_violations();
    drop_capabilities(kind, counters);
    int rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : install(&p);
    active = rc == 0;
    if (rc)
        log_at(LOG_SIM, LOG_INFO, "sandbox: this host allows no filter for the %s thread: %s",
               kinds[kind].name, strerror(-rc));
}

bool sandbox_active(void)
{
    return active;
}
