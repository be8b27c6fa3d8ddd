/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU and manyhart as runners of a batch; see machines.h.  QEMU's guest RAM is
 * a memory file that is mapped here too, so results need no way out of it.
 */
#include "tests/oracle/machines.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "isa/riscv/isa_string.h"
#include "sim/base/clock.h"
#include "sim/include/manyhart.h"

#define GUEST_RAM_BYTES (256ull << 20)
#define KEPT_BYTES      (ORACLE_END - ORACLE_RAM)
#define GUEST_RAM_TEXT  "256M"

/* --- what QEMU's processor is to have --- */

/* Starts QEMU with its streams at the pipe ends; returns the process. */
static pid_t spawn(const char *const *argv, int in, int out)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(in >= 0 ? in : null, 0);
    dup2(out >= 0 ? out : null, 1);
    dup2(null, 2);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Everything that QEMU's monitor answers to the questions; the caller frees it. */
static char *ask_qemu(const char *qemu, const char *questions)
{
    const char *const argv[] = {qemu,   "-M",    "virt", "-S",    "-display", "none",
                                "-qmp", "stdio", "-cpu", "rv64i", NULL};
    enum { SIZE = 1 << 20 };
    char *text = calloc(1, SIZE);
    size_t n = 0;
    ssize_t got;
    int in[2], out[2], status;
    if (!text || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        return text;
    pid_t pid = spawn(argv, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    if (write(in[1], questions, strlen(questions)) < 0)
        n = 0;
    while (n < SIZE - 1 && (got = read(out[0], text + n, SIZE - 1 - n)) > 0)
        n += (size_t)got;
    close(in[1]);
    close(out[0]);
    waitpid(pid, &status, 0);
    return text;
}

static void cpu_add(struct machines *m, const char *name, const char *value)
{
    size_t n = strlen(m->qemu_cpu);
    snprintf(m->qemu_cpu + n, sizeof(m->qemu_cpu) - n, ",%s=%s", name, value);
}

/* A property appears in the answer as "name": "zba". */
static bool has_property(const char *answer, const char *name)
{
    char quoted[64];
    snprintf(quoted, sizeof(quoted), "\"name\": \"%s\"", name);
    return strstr(answer, quoted);
}

static bool has_extension(const struct machines *m, const char *name)
{
    for (unsigned i = 0; i < RV_EXT_COUNT; i++)
        if (!strcmp(isa_ext_name(i), name))
            return rv_ext_has(&m->exts, i);
    return false;
}

/* The base processor of QEMU has nothing; each extension of ours is switched on by name. */
static int choose_cpu(struct machines *m)
{
    char *answer = ask_qemu(m->qemu, "{\"execute\":\"qmp_capabilities\"}\n"
                                     "{\"execute\":\"device-list-properties\","
                                     "\"arguments\":{\"typename\":\"rv64i-riscv-cpu\"}}\n"
                                     "{\"execute\":\"quit\"}\n");
    bool bits = rv_ext_has(&m->exts, RV_EXT_Zba) && rv_ext_has(&m->exts, RV_EXT_Zbb) &&
                rv_ext_has(&m->exts, RV_EXT_Zbs);
    if (!answer || !has_property(answer, "mmu")) {
        fprintf(stderr, "oracle: %s does not list the properties of its processor rv64i\n",
                m->qemu);
        free(answer);
        return -1;
    }
    strcpy(m->qemu_cpu, "rv64i,s=true,u=true,mmu=true,pmp=true,pmu-mask=0xfffffff8");
    cpu_add(m, "debug", has_extension(m, "sdtrig") ? "true" : "false");
    for (unsigned i = 0; i < RV_EXT_COUNT; i++) {
        const char *name = isa_ext_name(i);
        m->in_qemu[i] = i == RV_EXT_I || has_property(answer, name);
        if (i != RV_EXT_I && m->in_qemu[i] && rv_ext_has(&m->exts, i))
            cpu_add(m, name, "true");
    }
    if (bits)
        cpu_add(m, "b", "true");
    free(answer);
    return 0;
}

/* --- life --- */

static uint8_t *map_ram(int fd)
{
    int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *p = mmap(NULL, GUEST_RAM_BYTES, PROT_READ | PROT_WRITE, flags, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

int machines_init(struct machines *m)
{
    int rc = 0;
    if (m->isa)
        rc = isa_string_parse(m->isa, &m->exts);
    else
        isa_set_default(&m->exts);
    if (rc) {
        fprintf(stderr, "oracle: %s: %s\n", m->isa, mh_last_error()->message);
        return -1;
    }
    if (choose_cpu(m))
        return -1;
    m->ram_fd = memfd_create("oracle", 0);
    if (m->ram_fd < 0 || ftruncate(m->ram_fd, GUEST_RAM_BYTES))
        return -1;
    m->ram[MACHINE_QEMU] = map_ram(m->ram_fd);
    m->ram[MACHINE_MANYHART] = map_ram(-1);
    return m->ram[MACHINE_QEMU] && m->ram[MACHINE_MANYHART] ? 0 : -1;
}

void machines_fini(struct machines *m)
{
    for (unsigned i = 0; i < MACHINES; i++)
        if (m->ram[i])
            munmap(m->ram[i], GUEST_RAM_BYTES);
    close(m->ram_fd);
}

/* --- the ELF --- */

struct segment {
    uint64_t begin, end;
};

enum { SEGMENTS = 3 };

/* What holds anything: up to the data, the arena's used part and the images, the cases. */
static void list_segments(const struct batch *b, struct segment s[SEGMENTS])
{
    s[0] = (struct segment){ORACLE_RAM, ORACLE_ARENA};
    s[1] = (struct segment){ORACLE_ARENA, ORACLE_CASES};
    s[2] = (struct segment){ORACLE_CASES, ORACLE_CASES + (uint64_t)b->case_count * CASE_SIZE};
}

#define HEADER_BYTES 4096

static void put_headers(uint8_t *header, const struct segment *s)
{
    Elf64_Ehdr *eh = (void *)header;
    Elf64_Phdr *ph = (void *)(header + sizeof(*eh));
    uint64_t offset = HEADER_BYTES;
    *eh = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_RISCV,
        .e_version = EV_CURRENT,
        .e_entry = ORACLE_RAM,
        .e_phoff = sizeof(*eh),
        .e_ehsize = sizeof(*eh),
        .e_phentsize = sizeof(*ph),
        .e_phnum = SEGMENTS,
    };
    for (unsigned i = 0; i < SEGMENTS; i++) {
        uint64_t size = s[i].end - s[i].begin;
        ph[i] = (Elf64_Phdr){.p_type = PT_LOAD,
                             .p_flags = PF_R | PF_W | PF_X,
                             .p_offset = offset,
                             .p_vaddr = s[i].begin,
                             .p_paddr = s[i].begin,
                             .p_filesz = size,
                             .p_memsz = size,
                             .p_align = 1};
        offset += size;
    }
}

/* The caller frees it. */
static uint8_t *make_elf(const struct batch *b, size_t *size)
{
    struct segment s[SEGMENTS];
    uint8_t *elf, *at;
    list_segments(b, s);
    *size = HEADER_BYTES;
    for (unsigned i = 0; i < SEGMENTS; i++)
        *size += s[i].end - s[i].begin;
    elf = calloc(1, *size);
    if (!elf)
        return NULL;
    put_headers(elf, s);
    at = elf + HEADER_BYTES;
    for (unsigned i = 0; i < SEGMENTS; at += s[i].end - s[i].begin, i++)
        memcpy(at, b->ram + (s[i].begin - ORACLE_RAM), s[i].end - s[i].begin);
    return elf;
}

int machines_save(const struct batch *b, const char *path)
{
    size_t size;
    uint8_t *elf = make_elf(b, &size);
    FILE *f = elf ? fopen(path, "wb") : NULL;
    bool ok = f && fwrite(elf, 1, size, f) == size;
    if (f && fclose(f))
        ok = false;
    free(elf);
    return ok ? 0 : -1;
}

/* --- QEMU --- */

static pid_t start_qemu(const struct machines *m, int elf_fd)
{
    char elf[64], backend[128];
    snprintf(elf, sizeof(elf), "/proc/%d/fd/%d", (int)getpid(), elf_fd);
    snprintf(backend, sizeof(backend),
             "memory-backend-file,id=ram,size=" GUEST_RAM_TEXT ",share=on,mem-path=/proc/%d/fd/%d",
             (int)getpid(), m->ram_fd);
    const char *const argv[] = {m->qemu,
                                "-M",
                                "virt,memory-backend=ram",
                                "-object",
                                backend,
                                "-m",
                                GUEST_RAM_TEXT,
                                "-cpu",
                                m->qemu_cpu,
                                "-display",
                                "none",
                                "-serial",
                                "none",
                                "-monitor",
                                "none",
                                "-bios",
                                "none",
                                "-kernel",
                                elf,
                                NULL};
    return spawn(argv, -1, -1);
}

/* 0, or -1: it did not power off in time. */
static int wait_qemu(const struct machines *m, pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), status, n;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    do
        n = poll(&p, 1, (int)m->timeout_s * 1000);
    while (n < 0 && errno == EINTR);
    close(fd);
    if (!n)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return n && WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -1;
}

/* --- manyhart --- */

static int run_machine(const struct machines *m, struct mh_machine *machine)
{
    struct mh_result result = {0};
    if (mh_machine_init(machine) || mh_machine_start(machine))
        return -1;
    int rc = mh_machine_wait(machine, m->timeout_s * 1000000000ull, &result);
    if (rc)
        mh_machine_stop(machine);
    if (mh_memory_read(machine, (mh_gpa){ORACLE_RAM}, m->ram[MACHINE_MANYHART], KEPT_BYTES))
        return -1;
    return !rc && result.end == MH_END_GUEST && !result.exit_code ? 0 : -1;
}

static int run_manyhart(const struct machines *m, const uint8_t *elf, size_t size)
{
    struct mh_vm_config cfg;
    struct mh_machine *machine;
    mh_config_default(&cfg);
    cfg.harts = 1;
    cfg.memory_size = GUEST_RAM_BYTES;
    cfg.isa = m->isa;
    cfg.console = "none";
    cfg.pin = "none";
    cfg.image_data = elf;
    cfg.image_size = size;
    int rc = m->engine ? mh_config_set(&cfg, "engine", m->engine) : 0;
    if (rc || mh_machine_create(&machine, &cfg)) {
        fprintf(stderr, "oracle: %s\n", mh_last_error()->message);
        return -1;
    }
    rc = run_machine(m, machine);
    mh_machine_destroy(machine);
    return rc;
}

/* --- both --- */

static int elf_file(const uint8_t *elf, size_t size)
{
    int fd = memfd_create("oracle-elf", 0);
    for (size_t done = 0; fd >= 0 && done < size;) {
        ssize_t n = write(fd, elf + done, size - done);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        done += (size_t)n;
    }
    return fd;
}

static void forget_ram(const struct machines *m)
{
    fallocate(m->ram_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, GUEST_RAM_BYTES);
    madvise(m->ram[MACHINE_MANYHART], GUEST_RAM_BYTES, MADV_DONTNEED);
}

unsigned machines_run(struct machines *m, const struct batch *b)
{
    size_t size;
    uint8_t *elf = make_elf(b, &size);
    int fd = elf ? elf_file(elf, size) : -1;
    unsigned failed = 0;
    uint64_t begin = clock_now_ns();
    forget_ram(m);
    pid_t pid = start_qemu(m, fd);
    if (run_manyhart(m, elf, size))
        failed |= 1u << MACHINE_MANYHART;
    m->seconds[MACHINE_MANYHART] += (double)(clock_now_ns() - begin) / 1e9;
    if (wait_qemu(m, pid))
        failed |= 1u << MACHINE_QEMU;
    m->seconds[MACHINE_QEMU] += (double)(clock_now_ns() - begin) / 1e9;
    close(fd);
    free(elf);
    return failed;
}
