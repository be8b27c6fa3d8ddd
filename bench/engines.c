/* SPDX-License-Identifier: Apache-2.0 */
/* See engines.h. */
#include "bench/engines.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/child.h"
#include "sim/base/bits.h"
#include "sim/base/error.h"
#include "sim/parse.h"

static const char *const known[] = {"native", "interp", "jit", "hybrid", "qemu", NULL};

bool engine_is_ours(const char *name)
{
    return !strcmp(name, "interp") || !strcmp(name, "jit") || !strcmp(name, "hybrid");
}

int engines_folder(char *buf, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", buf, size - 1);
    if (n < 0)
        return -errno;
    buf[n] = 0;
    const char *dir = dirname(buf); /* in place */
    memmove(buf, dir, strlen(dir) + 1);
    return 0;
}

static struct engine *add(struct engine_list *list, enum engine_kind kind, const char *name,
                          unsigned harts)
{
    if (list->n == ENGINES_MAX) {
        error_set(MH_ERROR_CORE, -EINVAL, "engines", name, "more than %d engines", ENGINES_MAX);
        return NULL;
    }
    struct engine *e = &list->engine[list->n++];
    *e = (struct engine){.kind = kind, .harts = harts};
    snprintf(e->name, sizeof(e->name), "%s", name);
    return e;
}

/* "QEMU 7.2.22", or false if the program is not there or says something else. */
static bool qemu_name(const char *program, char *name, size_t size)
{
    static const char says[] = "QEMU emulator version ";
    const char *argv[] = {program, "--version", NULL};
    struct child_spec spec = {.argv = argv, .timeout_ns = 30000000000};
    struct child_result r;
    if (child_run(&spec, &r))
        return false;
    const char *at = r.end == CHILD_EXITED && !r.code ? strstr(r.output, says) : NULL;
    if (at) {
        at += strlen(says);
        snprintf(name, size, "QEMU %.*s", (int)strcspn(at, " \n("), at);
    }
    free(r.output);
    return at;
}

static int add_qemu(struct engine_list *list, const char *program, unsigned harts)
{
    char name[SAMPLE_NAME_MAX + 1];
    if (!qemu_name(program, name, sizeof(name)))
        return 0;
    for (unsigned i = 0; i < list->n; i++)
        if (!strcmp(list->engine[i].name, name))
            return 0;
    struct engine *e = add(list, ENGINE_QEMU, name, harts);
    if (!e)
        return -EINVAL;
    snprintf(e->program, sizeof(e->program), "%s", program);
    return 1;
}

static int add_qemus(struct engine_list *list, unsigned harts)
{
    char newest[512];
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    snprintf(newest, sizeof(newest), "%s%s/manyhart/qemu/current/qemu-system-riscv64",
             cache  ? cache
             : home ? home
                    : "",
             cache ? "" : "/.cache");
    int own = add_qemu(list, "qemu-system-riscv64", harts);
    int fetched = own < 0 ? own : add_qemu(list, newest, harts);
    return fetched < 0 ? fetched : own + fetched;
}

/* In a build the folder above; in an installation libexec/manyhart is ours, bin is the program's.
 */
static void find_manyhart(const char *folder, char *path, size_t size)
{
    struct stat st;
    snprintf(path, size, "%s/../../bin/manyhart", folder);
    bool installed = !stat(path, &st) && S_ISREG(st.st_mode);
    if (!installed)
        snprintf(path, size, "%s/../manyhart", folder);
}

int engines_add(struct engine_list *list, const char *folder, const char *name, unsigned harts)
{
    if (!strcmp(name, "qemu"))
        return add_qemus(list, harts);
    bool native = !strcmp(name, "native");
    if (!native && !engine_is_ours(name)) {
        const char *near = parse_nearest_in(name, known);
        return error_set(MH_ERROR_CORE, -EINVAL, "engines", name, "%s: unknown engine%s%s%s", name,
                         near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    struct engine *e =
        add(list, native ? ENGINE_NATIVE : ENGINE_MANYHART, name, native ? 1 : harts);
    if (!e)
        return -EINVAL;
    if (native)
        snprintf(e->program, sizeof(e->program), "%s/bench_workloads", folder);
    else
        find_manyhart(folder, e->program, sizeof(e->program));
    return 1;
}

static int no_command(const char *text, const char *why)
{
    return error_set(MH_ERROR_CORE, -EINVAL, "peer-cmd", text, "--peer-cmd %s: %s", text, why);
}

int engines_add_command(struct engine_list *list, const char *text, unsigned harts)
{
    char name[SAMPLE_NAME_MAX + 1];
    const char *is = strchr(text, '=');
    size_t n = is ? (size_t)(is - text) : 0, words = 0;
    if (!n || n > SAMPLE_NAME_MAX)
        return no_command(text, "NAME=COMMAND is needed");
    snprintf(name, sizeof(name), "%.*s", (int)n, text);
    if (!strcmp(name, "native") || engine_is_ours(name))
        return no_command(text, "the name is that of an engine");
    for (const char *p = is + 1; *p; words++) {
        p += strspn(p, " ");
        p += strcspn(p, " ");
    }
    if (words >= COMMAND_WORDS || strlen(is) > sizeof(list->engine[0].program))
        return no_command(text, "the command is too long");
    if (!strstr(is, "{image}") && !strstr(is, "{htif}"))
        return no_command(text, "neither {image} nor {htif} is in the command");
    for (unsigned i = 0; i < list->n; i++)
        if (!strcmp(list->engine[i].name, name))
            return no_command(text, "the name is taken");
    struct engine *e = add(list, ENGINE_COMMAND, name, harts);
    if (!e)
        return -EINVAL;
    snprintf(e->program, sizeof(e->program), "%s", is + 1);
    return 1;
}

/* One word of a command, with what its placeholders stand for; false: too long. */
static bool expand(const char *word, size_t n, const char *const (*values)[2], char *to,
                   size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        const char *value = NULL;
        size_t skip = 1;
        for (unsigned j = 0; !value && values[j][0]; j++) {
            size_t length = strlen(values[j][0]);
            if (length <= n - i && !strncmp(word + i, values[j][0], length)) {
                value = values[j][1];
                skip = length;
            }
        }
        size_t add_n = value ? strlen(value) : 1;
        if (used + add_n >= size)
            return false;
        memcpy(to + used, value ? value : word + i, add_n);
        used += add_n;
        i += skip;
    }
    to[used] = 0;
    return true;
}

static void put_command(struct command *c, const char *command, const char *const (*values)[2])
{
    unsigned n = 0;
    for (const char *p = command + strspn(command, " "); *p && n < COMMAND_WORDS - 1;) {
        size_t length = strcspn(p, " ");
        if (!expand(p, length, values, c->text[n], sizeof(c->text[n])))
            c->text[n][0] = 0;
        c->argv[n] = c->text[n];
        n++;
        p += length;
        p += strspn(p, " ");
    }
    c->argv[n] = NULL;
}

static void put(struct command *c, const char *const *words)
{
    unsigned n = 0;
    while (words[n]) {
        c->argv[n] = words[n];
        n++;
    }
    c->argv[n] = NULL;
}

void engine_command(const struct engine *e, const char *folder, const char *workload,
                    unsigned iterations, struct command *c)
{
    char *image = c->text[0], *words = c->text[1], *harts = c->text[2];
    size_t size = sizeof(c->text[0]);
    snprintf(image, size, "%s/bench_workloads%s.elf", folder,
             e->kind == ENGINE_QEMU ? ".virt" : "");
    snprintf(words, size, "workload=%s iterations=%u", workload, iterations);
    /* A machine of QEMU that can never have a second hart gets plain loads and stores for atomics,
     * and its time on one hart would be no measure for that on two. */
    snprintf(harts, size, "%u%s", e->harts,
             e->kind == ENGINE_QEMU && e->team && e->harts == 1 ? ",maxcpus=2" : "");
    switch (e->kind) {
    case ENGINE_NATIVE:
        snprintf(words, size, "%u", iterations);
        put(c, (const char *[]){e->program, workload, words, harts, NULL});
        break;
    case ENGINE_MANYHART:
        if (e->slow_percent)
            snprintf(words + strlen(words), size - strlen(words), " slow=%u", e->slow_percent);
        put(c, (const char *[]){e->program, "run", "--engine", e->name, "--harts", harts,
                                "--append", words, image, NULL});
        break;
    case ENGINE_QEMU:
        put(c, (const char *[]){e->program, "-machine", "virt", "-smp", harts, "-m", "256M",
                                "-nographic", "-bios", "none", "-kernel", image, "-append", words,
                                "-name", "debug-threads=on", NULL});
        break;
    case ENGINE_COMMAND: {
        char virt[1024], htif[1024], to_say[1024], n[16];
        snprintf(virt, sizeof(virt), "%s/bench_workloads.virt.elf", folder);
        snprintf(htif, sizeof(htif), "%s/bench_workloads.elf", folder);
        snprintf(to_say, sizeof(to_say), "%s", words);
        snprintf(n, sizeof(n), "%u", e->harts);
        const char *const values[][2] = {
            {"{image}", virt}, {"{htif}", htif}, {"{words}", to_say}, {"{harts}", n}, {0}};
        put_command(c, e->program, values);
        break;
    }
    }
}

void engine_command_count(const struct engine *e, const char *counters, const char *stats,
                          struct command *c)
{
    unsigned n = 0;
    while (c->argv[n])
        n++;
    if (e->kind == ENGINE_MANYHART) {
        c->argv[n++] = "--stats";
        c->argv[n++] = stats;
        if (counters) {
            c->argv[n++] = "--counters";
            c->argv[n++] = counters;
        }
    } else if (e->kind == ENGINE_NATIVE && counters) {
        char *word = c->text[COMMAND_WORDS - 1];
        snprintf(word, sizeof(c->text[0]), "--counters=%s", counters);
        c->argv[n++] = word;
    }
    c->argv[n] = NULL;
}
