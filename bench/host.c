/* SPDX-License-Identifier: Apache-2.0 */
/* See host.h. */
#include "bench/host.h"

#include <ctype.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench/child.h"
#include "sim/base/bits.h"
#include "sim/counters.h"

#define UNKNOWN "unknown here"

static void cut_line(char *text)
{
    text[strcspn(text, "\n")] = 0;
}

/* The first line of a file; false if it cannot be read. */
static bool first_line(const char *path, char *buf, size_t size)
{
    FILE *f = fopen(path, "r");
    bool ok = f && fgets(buf, (int)size, f);
    if (f)
        fclose(f);
    if (ok)
        cut_line(buf);
    return ok;
}

static void cpu_name(char *buf, size_t size)
{
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(buf, size, UNKNOWN);
    while (f && fgets(line, sizeof(line), f)) {
        const char *value = strchr(line, ':');
        if (value && !strncmp(line, "model name", 10)) {
            snprintf(buf, size, "%s", value + 2);
            cut_line(buf);
            break;
        }
    }
    if (f)
        fclose(f);
}

static void commit_of(const char *tree, char *buf, size_t size)
{
    const char *argv[] = {"git", "-C", tree, "describe", "--always", "--dirty", "--abbrev=7", NULL};
    struct child_spec spec = {.argv = argv, .timeout_ns = 10000000000};
    struct child_result r;
    snprintf(buf, size, UNKNOWN);
    if (!tree || child_run(&spec, &r))
        return;
    if (r.end == CHILD_EXITED && r.code == 0) {
        snprintf(buf, size, "%s", r.output);
        cut_line(buf);
    }
    free(r.output);
}

/* Who is tied to which processors. */
static void pinning(char *buf, size_t size)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set))
        snprintf(buf, size, UNKNOWN);
    else
        snprintf(
            buf, size,
            "native programs of one thread, other simulators and Linux in QEMU: none, they may "
            "run on %d processors; others, and several harts in QEMU: as manyhart --pin auto",
            CPU_COUNT(&set));
}

static int fact(struct sample_set *set, int rc, const char *name, const char *value)
{
    return rc ? rc : samples_fact(set, name, value);
}

int host_load(struct sample_set *set, const char *name)
{
    char text[64] = UNKNOWN;
    double load[3];
    if (getloadavg(load, 3) == 3)
        snprintf(text, sizeof(text), "%.2f %.2f %.2f (1, 5, 15 minutes)", load[0], load[1],
                 load[2]);
    return samples_fact(set, name, text);
}

int host_facts(struct sample_set *set, const char *tree)
{
    char text[512], why[128];
    struct utsname u;
    time_t now = time(NULL);
    struct tm tm;
    int rc;
    gmtime_r(&now, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%MZ", &tm);
    rc = samples_fact(set, "date", text);
    commit_of(tree, text, sizeof(text));
    rc = fact(set, rc, "commit", text);
    cpu_name(text, sizeof(text));
    rc = fact(set, rc, "cpu", text);
    snprintf(text, sizeof(text), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    rc = fact(set, rc, "processors", text);
    if (uname(&u))
        snprintf(text, sizeof(text), UNKNOWN);
    else
        snprintf(text, sizeof(text), "%s %s", u.sysname, u.release);
    rc = fact(set, rc, "kernel", text);
    if (!first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text, sizeof(text)))
        snprintf(text, sizeof(text), UNKNOWN);
    rc = fact(set, rc, "governor", text);
    rc = fact(set, rc, "compiler", __VERSION__);
    snprintf(text, sizeof(text), "available");
    if (!counters_hardware(why, sizeof(why)))
        snprintf(text, sizeof(text), "none: %s", why);
    rc = fact(set, rc, "hardware counters", text);
    pinning(text, sizeof(text));
    rc = fact(set, rc, "pinning", text);
    return rc ? rc : host_load(set, "load before");
}

/* The words of a processor's name that tell it: "Xeon", "EPYC", "Ryzen"; else its first. */
static void short_cpu(const char *name, char *buf, size_t size)
{
    static const char *const known[] = {"Xeon", "EPYC", "Ryzen", "Core", "Neoverse", "Apple"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strstr(name, known[i])) {
            snprintf(buf, size, "%s", known[i]);
            return;
        }
    }
    snprintf(buf, size, "%.*s", (int)strcspn(name, " "), name);
}

const char *host_folder(const struct sample_set *set, char *buf, size_t size)
{
    char cpu[64];
    const char *date = samples_fact_of(set, "date"), *commit = samples_fact_of(set, "commit");
    const char *name = samples_fact_of(set, "cpu");
    short_cpu(name ? name : "host", cpu, sizeof(cpu));
    snprintf(buf, size, "%.10s-%s-%s", date ? date : "undated", cpu, commit ? commit : "unknown");
    for (char *p = buf; *p; p++)
        *p = isalnum((unsigned char)*p) || *p == '-' ? (char)tolower((unsigned char)*p) : '-';
    return buf;
}
