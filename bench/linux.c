/* SPDX-License-Identifier: Apache-2.0 */
/* See linux.h. */
#include "bench/linux.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/bits.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"

enum { FETCH_TIMEOUT_S = 1800 };

static const struct line {
    const char *name, *initrd, *program;
} lines[] = {
#define LINUX_WORKLOAD(name, operations, unit, initrd, program, description)                       \
    {#name, #initrd, program},
#include "bench/linux.def"
};

static const struct line *line_of(const char *workload)
{
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (!strcmp(lines[i].name, workload))
            return &lines[i];
    return &lines[0];
}

static bool is_boot(const char *workload)
{
    return !strcmp(workload, "boot");
}

/* ---- files --------------------------------------------------------------- */

static int fail(const char *what, const char *where)
{
    return error_set(MH_ERROR_CORE, -ENOENT, "linux", where, "%s", what);
}

static void cache_folder(char *buf, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool own = !cache || !*cache;
    snprintf(buf, size, "%.400s%s/manyhart", own ? home ? home : "" : cache, own ? "/.cache" : "");
}

/* TOP/build/PRESET/bench is the folder. */
static bool find_top(struct linux_files *f, const char *folder)
{
    char path[600];
    snprintf(f->top, sizeof(f->top), "%s", folder);
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(f->top, '/');
        if (!slash)
            return false;
        *slash = 0;
    }
    snprintf(path, sizeof(path), "%s/bench/linux/fetch.sh", f->top);
    return !access(path, R_OK);
}

/* The path of the set is the script's last line. */
static int take_path(char *output, char *to, size_t size)
{
    size_t n = strlen(output);
    if (n && output[n - 1] == '\n')
        output[n - 1] = 0;
    const char *last = strrchr(output, '\n');
    last = last ? last + 1 : output;
    return *last == '/' && (size_t)snprintf(to, size, "%s", last) < size ? 0 : -EINVAL;
}

/* The script does nothing but look if all is there and as the sources are. */
static int fetch(struct linux_files *f, const char *cache)
{
    char script[600], debs[600];
    const char *argv[] = {"sh", script, NULL};
    struct child_spec spec = {.argv = argv, .timeout_ns = FETCH_TIMEOUT_S * (uint64_t)NS_PER_SEC};
    struct child_result r;
    snprintf(script, sizeof(script), "%s/bench/linux/fetch.sh", f->top);
    snprintf(debs, sizeof(debs), "%s/bench/debs", cache);
    if (access(debs, R_OK))
        fprintf(stderr, "manyhart: bench: fetching Debian's packages for the guest, once\n");
    int rc = child_run(&spec, &r);
    if (rc)
        return rc;
    rc = r.end == CHILD_EXITED && !r.code ? take_path(r.output, f->bench, sizeof(f->bench))
                                          : -ENOENT;
    free(r.output);
    return rc;
}

int linux_find(struct linux_files *f, const char *folder, bool guest)
{
    char cache[450];
    if (!find_top(f, folder))
        return fail("the group linux needs the checkout that the program was built in", folder);
    f->bench[0] = 0;
    cache_folder(cache, sizeof(cache));
    snprintf(f->kernels, sizeof(f->kernels), "%s/linux/current", cache);
    if (guest && fetch(f, cache))
        return fail("the packages for the group linux cannot be fetched (no network?); "
                    "\"sh bench/linux/fetch.sh\" shows why",
                    cache);
    return 0;
}

/* ---- runs ---------------------------------------------------------------- */

const char *linux_lacks(const char *workload)
{
    char path[128];
    const char *program = line_of(workload)->program;
    snprintf(path, sizeof(path), "/usr/bin/%s", program);
    return *program && access(path, X_OK) ? program : NULL;
}

bool linux_runs_on(const char *workload, const struct engine *e)
{
    if (e->kind == ENGINE_NATIVE)
        return !is_boot(workload) && !linux_lacks(workload);
    return e->kind != ENGINE_COMMAND;
}

unsigned linux_iterations(const char *workload, unsigned iterations)
{
    return is_boot(workload) ? 1 : iterations;
}

static void put(struct command *c, const char *const *words)
{
    unsigned n = 0;
    for (; words[n]; n++)
        c->argv[n] = words[n];
    c->argv[n] = NULL;
}

void linux_command(const struct linux_files *f, const struct engine *e, const char *folder,
                   const char *workload, unsigned iterations, struct command *c)
{
    char *kernel = c->text[0], *words = c->text[1], *harts = c->text[2], *initrd = c->text[3];
    size_t size = sizeof(c->text[0]);
    iterations = linux_iterations(workload, iterations);
    snprintf(kernel, size, "%s/kernel", f->kernels);
    snprintf(initrd, size, "%s/initrd-%s", f->bench, line_of(workload)->initrd);
    snprintf(words, size, "console=ttyS0 quiet bench=%s iterations=%u", workload, iterations);
    snprintf(harts, size, "%u", e->harts);
    switch (e->kind) {
    case ENGINE_NATIVE:
        snprintf(kernel, size, "%s/bench_linux", folder);
        snprintf(words, size, "%u", iterations);
        put(c, (const char *[]){kernel, workload, words, f->top, NULL});
        break;
    case ENGINE_MANYHART:
        put(c, (const char *[]){e->program, "run", "--engine", e->name, "--harts", harts,
                                "--memory", "1G", "--kernel", kernel, "--initrd", initrd,
                                "--append", words, NULL});
        break;
    case ENGINE_QEMU:
        put(c, (const char *[]){e->program, "-machine", "virt", "-smp", harts, "-m", "1G",
                                "-nographic", "-kernel", kernel, "-initrd", initrd, "-append",
                                words, NULL});
        break;
    case ENGINE_COMMAND: /* linux_runs_on() says no */
        c->argv[0] = NULL;
        break;
    }
}

/* What the program in the guest has complained of. */
static int fail_in_guest(const char *output)
{
    char said[80] = "the guest has not ended well";
    const char *at = strstr(output, "bench: ");
    if (at)
        snprintf(said, sizeof(said), "%.*s", (int)strcspn(at, "\r\n"), at);
    return fail(said, NULL);
}

int linux_parse(struct sample *s, const struct engine *e, const struct child_result *r,
                unsigned iterations)
{
    if (e->kind != ENGINE_NATIVE && !strstr(r->output, "manyhart: exit 0"))
        return fail_in_guest(r->output);
    int rc = sample_parse(s, r->output);
    if (!rc && s->n != linux_iterations(s->workload, iterations)) {
        sample_clear(s);
        rc = fail("some iterations are missing", NULL);
    }
    if (!rc && is_boot(s->workload))
        s->ns[0] = (double)r->mark_ns;
    return rc;
}
