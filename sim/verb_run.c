/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manyhart run: a machine from options, and its end as an exit code.  The main
 * thread waits for the machine and for signals, which all threads block, so
 * that none is interrupted at an odd place.
 */
#include "sim/cli.h"

#include "dev/chardev.h"
#include "sim/base/error.h"
#include "sim/base/log.h"
#include "sim/config.h"
#include "sim/machine.h"
#include "sim/outfile.h"
#include "sim/sandbox.h"
#include "sim/stats.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#ifdef MH_EMBEDDED_GUEST
extern const uint8_t mh_embedded_guest[], mh_embedded_guest_end[];
#endif

static const struct cli_option options[] = {
    {"append", "S", "kernel command line, or arguments of a program: bootargs in the device tree"},
    {"console", "WHERE", "stdio, pty, none or a file (stdio; Ctrl-A x ends, Ctrl-A h helps)"},
    {"counters", "LIST", "host events by libpfm4 name, per hart and I/O thread"},
    {"disk", "F[,ro][,snapshot]", "a virtio-blk disk; several allowed"},
    {"dtb", "F", "use this device tree instead of the generated one"},
    {"dump-dtb", "F", "write the device tree and do not run"},
    {"engine", "E", "interp, jit or hybrid (hybrid)"},
    {"firmware", "F", "builtin, none, or an M-mode firmware such as OpenSBI (builtin)"},
    {"guest", "ARCH", "guest architecture (riscv64)"},
    {"harts", "N", "guest harts, 1 to 512 (host processors, at most 8)"},
    {"help", NULL, "this text"},
    {"initrd", "F", "initial RAM disk for the kernel"},
    {"isa", "STRING", "RISC-V ISA string or profile (all there is)"},
    {"jit-cache", "SIZE", "memory for translated code, 256K to 1G (128M)"},
    {"jit-chain", "on|off", "translated code jumps to translated code directly (on)"},
    {"jit-dump", "F", "each translation: guest instructions, IR, host code"},
    {"jit-gdb", NULL, "tell an attached GDB the names of code, and how to unwind it"},
    {"jit-level", "N",
     "0: blocks as they are, 1: cheap passes, 2: regions with loops, 3: all passes (3)"},
    {"jit-looks", "N", "of accesses that leave their page every Nth is looked at closely (8192)"},
    {"jit-passes", "LIST", "all, none or names, such as fold,dead or -bits (those of the level)"},
    {"jit-region", "N", "guest instructions translated as one piece at most, 1 to 512 (512)"},
    {"jit-thread", "auto|on|off",
     "hybrid translates on a spare thread: while a processor is free (auto)"},
    {"jit-threshold", "N", "hybrid translates what was executed N times, 1 to 255 (24)"},
    {"kernel", "F[,raw[@ADDR]]",
     "an S-mode kernel: Image, gzip, zstd, EFI zboot, ELF, or raw bytes"},
    {"linux", NULL, "boot the Debian kernel and busybox that tests/linux/fetch.sh keeps"},
    {"log", "SPEC", "messages: LEVEL or SUBSYSTEM=LEVEL,... (warn)"},
    {"max-insns", "N", "end after N instructions of a hart with exit code 124 (no limit)"},
    {"memory", "SIZE", "guest memory, with K, M, G or T (128M)"},
    {"perf-map", NULL, "write /tmp/perf-PID.map, where perf looks for the names of code"},
    {"pin", "MAP", "auto, none, or processors such as 0,2,4-7 (auto)"},
    {"rnmi-exception-vector", "ADDR", "Smrnmi: of exceptions in an RNMI's handler (as mtvec)"},
    {"rnmi-vector", "ADDR", "Smrnmi: of non-maskable interrupts (the program's entry)"},
    {"sandbox", "on|off",
     "forbid the threads what they do not need: exec, sockets, opening files (on)"},
    {"seed", "N", "for everything random (from the host)"},
    {"signature", "F", "at the end, memory from begin_signature to end_signature as words"},
    {"stats", "F", "counters as JSON at the end; - is stdout, table is a table on stderr"},
    {"strict-align", NULL, "misaligned loads and stores trap (they succeed)"},
    {"timeout", "S", "end after S seconds with exit code 124 (no limit)"},
    {"virtio-console", "WHERE", "a virtio console (hvc0): stdio, pty, none or a file (no device)"},
    {NULL, NULL, NULL},
};

struct run {
    struct mh_vm_config cfg;
    const char *stats, *dump_dtb;
    bool linux_set, memory_given;
    struct cli_linux linux_files;
    struct outfile *stats_file;
    struct mh_machine *machine;
    int signal_fd;
    int signal; /* that ended the run, or 0 */
};

/* ---- options ----------------------------------------------------------------------------------
 */

static int take_word(struct run *r, const char *word)
{
    if (r->cfg.image) {
        cli_message("'%s': one IMAGE only; '%s' was given already", word, r->cfg.image);
        return CLI_USAGE;
    }
    return mh_config_set(&r->cfg, "image", word) ? cli_error() : 0;
}

static int take_log(const char *value)
{
    if (log_configure(value) == 0)
        return 0;
    cli_message("--log '%s': give error, warn, info, debug or trace, or mem=debug,dev=trace "
                "(base, mem, smp, jit, isa, dev, sim)",
                value);
    return CLI_USAGE;
}

static int take(void *opaque, const char *name, const char *value)
{
    struct run *r = opaque;
    if (!name)
        return take_word(r, value);
    if (!strcmp(name, "log"))
        return take_log(value);
    if (!strcmp(name, "linux"))
        r->linux_set = true;
    else if (!strcmp(name, "stats"))
        r->stats = value;
    else if (!strcmp(name, "dump-dtb"))
        r->dump_dtb = value;
    else if (mh_config_set(&r->cfg, name, value ? value : "on"))
        return cli_error();
    r->memory_given |= !strcmp(name, "memory");
    return 0;
}

static int apply_linux(struct run *r)
{
    struct mh_vm_config *cfg = &r->cfg;
    if (cfg->image || cfg->kernel || cfg->initrd) {
        cli_message("--linux: brings its own kernel and initrd; leave out %s",
                    cfg->image    ? cfg->image
                    : cfg->kernel ? "--kernel"
                                  : "--initrd");
        return CLI_USAGE;
    }
    int rc = cli_linux_find(&r->linux_files);
    if (rc)
        return rc;
    cfg->kernel = r->linux_files.kernel;
    cfg->initrd = r->linux_files.initrd;
    if (!cfg->append)
        cfg->append = "console=ttyS0";
    if (!r->memory_given)
        cfg->memory_size = 1ull << 30;
    return 0;
}

static int apply_embedded(struct run *r)
{
#ifdef MH_EMBEDDED_GUEST
    r->cfg.image_data = mh_embedded_guest;
    r->cfg.image_size = (size_t)(mh_embedded_guest_end - mh_embedded_guest);
    return 0;
#else
    (void)r;
    cli_message(
        "run: give a bare-metal program or --kernel FILE (this build has no embedded guest)");
    return CLI_USAGE;
#endif
}

static bool nothing_to_run(const struct mh_vm_config *cfg)
{
    bool firmware =
        cfg->firmware && strcmp(cfg->firmware, "builtin") && strcmp(cfg->firmware, "none");
    return !cfg->image && !cfg->kernel && !firmware;
}

static int complete(struct run *r)
{
    if (r->linux_set)
        return apply_linux(r);
    if (!nothing_to_run(&r->cfg))
        return 0;
    if (mh_config_validate(&r->cfg))
        return cli_error();
    return apply_embedded(r);
}

/* ---- signals ------------------------------------------------------------------------------------
 */

/* The terminal is in raw mode: give it back before a crash is reported. */
static void crash(int sig)
{
    chardev_restore_terminal();
    raise(sig); /* SA_RESETHAND: the default action follows */
}

static int signals_open(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT};
    struct sigaction sa = {.sa_handler = crash, .sa_flags = (int)SA_RESETHAND};
    sigset_t set;
    for (size_t i = 0; i < ARRAY_LEN(crashes); i++)
        sigaction(crashes[i], &sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Waits for the end; the first signal stops the machine. */
static void wait_for_end(struct run *r)
{
    struct pollfd fds[] = {{.fd = mh_machine_fd(r->machine), .events = POLLIN},
                           {.fd = r->signal_fd, .events = POLLIN}};
    struct signalfd_siginfo info;
    while (!(fds[0].revents & POLLIN)) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents & POLLIN && read(r->signal_fd, &info, sizeof(info)) == sizeof(info)) {
            r->signal = (int)info.ssi_signo;
            mh_machine_stop(r->machine);
        }
    }
}

/* ---- the end
 * -------------------------------------------------------------------------------------- */

static int guest_code(int code)
{
    if (code >= 0 && code <= 255)
        return code;
    cli_message("the guest's exit code is %d; 255 stands for it", code);
    return 255;
}

static int exit_code(const struct run *r, const struct mh_result *result)
{
    const struct mh_vm_config *cfg = &r->cfg;
    if (r->signal)
        return CLI_SIGNAL + r->signal;
    switch (result->end) {
    case MH_END_TIMEOUT:
        cli_message("ended after %g s (--timeout)", (double)cfg->timeout_ns / 1e9);
        return CLI_LIMIT;
    case MH_END_LIMIT:
        cli_message("ended after %llu instructions of a hart (--max-insns)",
                    (unsigned long long)cfg->max_insns);
        return CLI_LIMIT;
    case MH_END_CRITICAL:
        cli_message("ended: a hart entered the critical-error state (a double trap, Smdbltrp)");
        return CLI_CRITICAL;
    case MH_END_ERROR:
        return CLI_USAGE;
    case MH_END_GUEST:
        return guest_code(result->exit_code);
    default:
        return CLI_OK;
    }
}

static void say_interrupted(const struct run *r, const struct mh_result *result)
{
    double s = (double)result->time_ns / 1e9;
    if (r->signal)
        cli_message("ended by signal %s after %.1f s, %llu instructions, %.1f million/s",
                    sigabbrev_np(r->signal), s, (unsigned long long)result->insns,
                    s > 0 ? (double)result->insns / s / 1e6 : 0);
}

/* stats are taken into text now and printed when the console has been written out. */
static char *collect_stats(struct run *r)
{
    char *text = NULL;
    size_t size;
    FILE *f = r->stats ? open_memstream(&text, &size) : NULL;
    if (!f)
        return NULL;
    if (!strcmp(r->stats, "table"))
        stats_write_table(r->machine, f);
    else
        stats_write_json(r->machine, f);
    fclose(f);
    return text;
}

static int print_stats(struct run *r, const char *text, int code)
{
    struct outfile *o = r->stats_file;
    r->stats_file = NULL;
    if (!text)
        return code;
    if (!o) {
        fputs(text, stderr);
        return code;
    }
    fputs(text, outfile_stream(o));
    return outfile_commit(o) ? cli_error() : code;
}

/* ---- running
 * -------------------------------------------------------------------------------------- */

static int dump_dtb(struct run *r)
{
    struct outfile *o;
    if (outfile_open(&o, "dump-dtb", r->dump_dtb))
        return cli_error();
    fwrite(r->machine->dtb, 1, r->machine->dtb_size, outfile_stream(o));
    return outfile_commit(o) ? cli_error() : CLI_OK;
}

/* LeakSanitizer starts a tracer from this thread at exit, which no filter survives. */
static void confine_main(const struct run *r)
{
#ifdef MH_SANITIZE
    (void)r;
#else
    if (r->cfg.sandbox)
        sandbox_enter(SANDBOX_MAIN, r->cfg.counters != NULL);
#endif
}

static int run_machine(struct run *r)
{
    struct mh_result result;
    confine_main(r);
    if (mh_machine_start(r->machine))
        return cli_error();
    wait_for_end(r);
    mh_machine_wait(r->machine, UINT64_MAX, &result);
    char *text = collect_stats(r);
    mh_machine_destroy(r->machine);
    r->machine = NULL;
    say_interrupted(r, &result);
    int code = print_stats(r, text, exit_code(r, &result));
    free(text);
    return code;
}

static int open_stats(struct run *r)
{
    if (!r->stats || !strcmp(r->stats, "table"))
        return 0;
    return outfile_open(&r->stats_file, "stats", r->stats) ? cli_error() : 0;
}

static int build_and_run(struct run *r)
{
    int rc = open_stats(r);
    if (rc)
        return rc;
    if (mh_machine_create(&r->machine, &r->cfg) || mh_machine_init(r->machine))
        return cli_error();
    return r->dump_dtb ? dump_dtb(r) : run_machine(r);
}

static int verb_run_main(int argc, char **argv)
{
    struct run r = {.signal_fd = -1};
    mh_config_default(&r.cfg);
#ifndef MH_COVERAGE /* which writes its counts to files at the end */
    r.cfg.sandbox = true;
#endif
    int rc = cli_parse(&verb_run, argc, argv, take, &r);
    if (!rc)
        rc = complete(&r);
    if (rc)
        return rc < 0 ? CLI_OK : rc;
    r.signal_fd = signals_open();
    rc = build_and_run(&r);
    mh_machine_destroy(r.machine);
    outfile_abandon(r.stats_file);
    close(r.signal_fd);
    return rc;
}

const struct cli_verb verb_run = {
    .name = "run",
    .summary = "run a bare-metal program, a kernel, or the embedded guest",
    .usage = "[OPTION...] [IMAGE]",
    .details = "IMAGE is a bare-metal ELF, started at its entry in M-mode on every hart.  Without "
               "IMAGE,\n--kernel and --firmware the embedded guest runs.  The guest's exit code is "
               "the program's;\n2 is usage or input that cannot be used, 124 a limit, 128 + n "
               "signal n.\n",
    .example = "manyhart run --kernel vmlinuz --initrd initrd.gz --harts 4 --memory 1G --append "
               "console=ttyS0",
    .options = options,
    .run = verb_run_main,
};
