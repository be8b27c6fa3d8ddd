/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workloads that are programs of the distribution: started one after the other with files as
 * input and output, in the working directory.  Setup runs them once, so that files are in memory
 * and what they keep for next time (Python's compiled modules) is there.
 */
#include "bench/linux/bench_linux.h"
#include "bench/guest/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 14 };

/* One program: argv begins with its path, @ stands for the folder that has bench/. */
struct command {
    const char *in, *out; /* NULL: none */
    const char *argv[WORDS_MAX];
};

/* The same for all, whatever was set outside.  OpenSSL chooses its routines by the extensions that
 * the machine has: those that all engines have, so that they run the same ones. */
static const char *const environment[] = {"PATH=/usr/bin:/bin",
                                          "LC_ALL=C",
                                          "HOME=.",
                                          "TMPDIR=.",
                                          "OPENSSL_riscvcap=rv64gc_zba_zbb_zbs",
                                          NULL};

static char *expand(const char *word, char *buf, size_t size)
{
    const char *at = strchr(word, '@');
    if (at)
        snprintf(buf, size, "%.*s%s%s", (int)(at - word), word, bench_top, at + 1);
    else
        snprintf(buf, size, "%s", word);
    return buf;
}

static void start(const struct command *c, pid_t *pid)
{
    char words[WORDS_MAX][512], in[512], *argv[WORDS_MAX + 1] = {0};
    posix_spawn_file_actions_t files;
    for (unsigned i = 0; i < WORDS_MAX && c->argv[i]; i++)
        argv[i] = expand(c->argv[i], words[i], sizeof(words[i]));
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, c->in ? expand(c->in, in, sizeof(in)) : "/dev/null",
                                     O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, c->out ? c->out : "/dev/null",
                                     O_WRONLY | O_CREAT | O_TRUNC, 0666);
    errno = posix_spawn(pid, argv[0], &files, NULL, argv, (char *const *)(uintptr_t)environment);
    if (errno)
        bench_fail(argv[0]);
    posix_spawn_file_actions_destroy(&files);
}

static void run(const struct command *c)
{
    int status;
    pid_t pid;
    start(c, &pid);
    if (waitpid(pid, &status, 0) != pid)
        bench_fail("waitpid");
    errno = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        bench_fail(c->argv[0]);
}

/* Of its bytes and their number, which is not 0. */
static uint64_t checksum_of_file(const char *name)
{
    uint64_t sum = 0, size = 0;
    int c;
    FILE *f = fopen(name, "r");
    if (!f)
        bench_fail(name);
    while ((c = getc(f)) != EOF) {
        sum = (sum ^ (unsigned)c) * 0x100000001b3u;
        size++;
    }
    if (ferror(f))
        bench_fail(name);
    fclose(f);
    bench_require(size, "an output is empty");
    return checksum_add(sum, size);
}

static long size_of_file(const char *name)
{
    FILE *f = fopen(name, "r");
    if (!f || fseek(f, 0, SEEK_END))
        bench_fail(name);
    long size = ftell(f);
    fclose(f);
    return size;
}

static void make_text(size_t size)
{
    unsigned char *text = malloc(size);
    FILE *f = fopen("text", "w");
    if (!text || !f)
        bench_fail("text");
    text_fill(text, size);
    if (fwrite(text, 1, size, f) != size || fclose(f))
        bench_fail("text");
    free(text);
}

/* ---- a shell's loop ---- */

static const struct command shell = {NULL, "out", {"/usr/bin/dash", "@/bench/linux/loop.sh", NULL}};

void linux_shell_setup(void)
{
    linux_shell_run();
}

void linux_shell_run(void)
{
    run(&shell);
}

uint64_t linux_shell_check(void)
{
    return checksum_of_file("out");
}

/* ---- xz ---- */

enum { XZ_BYTES = 262144 };
static const struct command pack = {"text", "text.xz", {"/usr/bin/xz", "-T1", "-3", "-c", NULL}};
static const struct command unpack = {"text.xz", "back", {"/usr/bin/xz", "-d", "-c", NULL}};

void linux_xz_setup(void)
{
    make_text(XZ_BYTES);
    linux_xz_run();
}

void linux_xz_run(void)
{
    run(&pack);
    run(&unpack);
}

uint64_t linux_xz_check(void)
{
    long packed = size_of_file("text.xz");
    bench_require(packed > XZ_BYTES / 100 && packed < XZ_BYTES / 2, "xz: packed to another size");
    bench_require(size_of_file("back") == XZ_BYTES, "xz: unpacked to another size");
    return checksum_of_file("back");
}

/* ---- openssl ---- */

enum { OPENSSL_BYTES = 2097152 };
static const struct command ciphers[] = {
    {"text", "sum", {"/usr/bin/openssl", "dgst", "-sha256", "-binary", NULL}},
    {"text",
     "secret",
     {"/usr/bin/openssl", "enc", "-aes-128-cbc", "-K", "000102030405060708090a0b0c0d0e0f", "-iv",
      "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", NULL}},
    {"secret", "sum2", {"/usr/bin/openssl", "dgst", "-sha256", "-binary", NULL}}};

void linux_openssl_setup(void)
{
    make_text(OPENSSL_BYTES);
    linux_openssl_run();
}

void linux_openssl_run(void)
{
    for (unsigned i = 0; i < 3; i++)
        run(&ciphers[i]);
}

uint64_t linux_openssl_check(void)
{
    return checksum_add(checksum_of_file("sum"), checksum_of_file("sum2"));
}

/* ---- sqlite3 ---- */

static const struct command query = {
    "@/bench/linux/query.sql", "out", {"/usr/bin/sqlite3", "-batch", "-bail", ":memory:", NULL}};

void linux_sqlite3_setup(void)
{
    linux_sqlite3_run();
}

void linux_sqlite3_run(void)
{
    run(&query);
}

uint64_t linux_sqlite3_check(void)
{
    return checksum_of_file("out");
}

/* ---- python3 ---- */

static const struct command python = {
    NULL, "out", {"/usr/bin/python3", "-I", "-S", "@/bench/linux/script.py", NULL}};

void linux_python3_setup(void)
{
    linux_python3_run();
}

void linux_python3_run(void)
{
    run(&python);
}

uint64_t linux_python3_check(void)
{
    return checksum_of_file("out");
}

/* ---- gcc: what it made computes the answer of the workload lz ---- */

static const struct command compile = {NULL,
                                       NULL,
                                       {"/usr/bin/gcc", "-O2", "-I@", "-o", "program",
                                        "@/bench/linux/compile.c", "@/bench/guest/text.c", NULL}};
static const struct command compiled = {NULL, "out", {"./program", NULL}};

void linux_gcc_setup(void)
{
    linux_gcc_run();
}

void linux_gcc_run(void)
{
    run(&compile);
}

uint64_t linux_gcc_check(void)
{
    run(&compiled);
    return checksum_of_file("out");
}
