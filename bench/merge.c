/* SPDX-License-Identifier: Apache-2.0 */
/* See merge.h. */
#include "bench/merge.h"

#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/results.h"
#include "bench/samples.h"
#include "sim/base/bits.h"
#include "sim/base/error.h"

enum { OK = 0, FAILED = 1, USAGE = 2 };
enum { PARTS_MAX = 100000 };

const char *merge_part_name(char *buf, unsigned long size, const char *folder, unsigned k,
                            unsigned n)
{
    snprintf(buf, size, "%s/part-%u-of-%u.json", folder, k, n);
    return buf;
}

struct merge {
    struct sample_set set;
    unsigned n;    /* parts there should be; 0: no file said so */
    uint8_t *seen; /* of n: 0 or 1 */
    unsigned files;
    bool again; /* the first file is what was joined before */
    long repeated;
};

static __attribute__((format(printf, 1, 2))) int complain(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("manyhart: bench merge: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return USAGE;
}

/* Facts in which hosts of one sweep may differ: all that there are, each once. */
static int join_facts(struct sample_set *to, const struct sample_set *from)
{
    static const char *const hosts[] = {"cpu",      "processors", "kernel", "governor",
                                        "compiler", "commit",     "memory"};
    for (unsigned i = 0; i < ARRAY_LEN(hosts); i++) {
        char text[1024];
        const char *a = samples_fact_of(to, hosts[i]), *b = samples_fact_of(from, hosts[i]);
        if (!a || !b || strstr(a, b))
            continue;
        snprintf(text, sizeof(text), "%s; %s", a, b);
        if (samples_fact(to, hosts[i], text))
            return -1;
    }
    return 0;
}

/* Sets the bits of "0-4, 6 of 12"; false: the text is none. */
static bool mark_parts(uint8_t *seen, const char *text, unsigned n)
{
    do {
        unsigned first, last;
        int end = 0;
        if (sscanf(text, "%u%n", &first, &end) != 1)
            return false;
        text += end;
        last = first;
        if (*text == '-' && sscanf(text, "-%u%n", &last, &end) == 1)
            text += end;
        if (first > last || last >= n)
            return false;
        memset(seen + first, 1, last - first + 1);
        text += strspn(text, ", ");
    } while (strncmp(text, "of ", 3));
    return true;
}

/* Notes which parts a file is. */
static int note_parts(struct merge *m, const char *file, const char *text)
{
    unsigned n;
    const char *of = text ? strstr(text, " of ") : NULL;
    if (!text)
        return OK;
    if (!of || sscanf(of, " of %u", &n) != 1 || !n || n > PARTS_MAX)
        return complain("%s: parts \"%s\" are none", file, text);
    if (m->n && m->n != n)
        return complain("%s: of a sweep of %u parts, where others are of %u", file, n, m->n);
    if (!m->n) {
        m->n = n;
        m->seen = calloc(n, 1);
        if (!m->seen)
            return complain("not enough host memory");
    }
    return mark_parts(m->seen, text, n) ? OK : complain("%s: parts \"%s\" are none", file, text);
}

/* The parts that are there, or those that are not, as "0-4, 6 of 12"; "" for none. */
static void parts_text(const struct merge *m, bool there, char *buf, size_t size)
{
    size_t used = 0;
    buf[0] = 0;
    for (unsigned k = 0; k < m->n && used < size - 48; k++) {
        unsigned first = k;
        if (m->seen[k] != there)
            continue;
        while (k + 1 < m->n && m->seen[k + 1] == there)
            k++;
        used += (size_t)snprintf(buf + used, size - used, "%s%u", used ? ", " : "", first);
        if (k > first)
            used += (size_t)snprintf(buf + used, size - used, "-%u", k);
    }
    if (used)
        snprintf(buf + used, size - used, " of %u", m->n);
}

static int add_file(struct merge *m, const char *file)
{
    struct sample_set from = {0};
    if (samples_read(&from, file))
        return complain("%s", mh_last_error()->message);
    int rc = note_parts(m, file, samples_fact_of(&from, MERGE_PART_FACT));
    if (!rc && join_facts(&m->set, &from))
        rc = complain("not enough host memory");
    long repeated = rc ? 0 : samples_merge(&m->set, &from);
    samples_clear(&from);
    if (repeated < 0)
        return complain("not enough host memory");
    m->files++;
    m->repeated += repeated;
    return rc;
}

static int write_results(struct merge *m, const char *folder)
{
    static char there[65536], missing[65536];
    parts_text(m, true, there, sizeof(there));
    parts_text(m, false, missing, sizeof(missing));
    if (there[0] && samples_fact(&m->set, MERGE_PART_FACT, there))
        return complain("not enough host memory");
    if (results_write(&m->set, folder))
        return FAILED;
    fprintf(stderr, "%zu samples of %u files are in %s", m->set.n, m->files, folder);
    if (m->repeated && !m->again)
        fprintf(stderr, "; %ld were there more than once", m->repeated);
    if (missing[0])
        fprintf(stderr, "; missing parts: %s", missing);
    fputc('\n', stderr);
    return OK;
}

int merge_folder(const char *folder, char *const *files, unsigned n)
{
    struct merge m = {0};
    char pattern[1024];
    glob_t parts = {0};
    int rc = OK;

    /* What was joined before comes first: its facts stay. */
    snprintf(pattern, sizeof(pattern), "%s/samples.json", folder);
    m.again = !access(pattern, F_OK);
    if (m.again)
        rc = add_file(&m, pattern);
    snprintf(pattern, sizeof(pattern), "%s/part-*.json", folder);
    glob(pattern, 0, NULL, &parts);
    for (size_t i = 0; i < parts.gl_pathc && !rc; i++)
        rc = add_file(&m, parts.gl_pathv[i]);
    globfree(&parts);
    for (unsigned i = 0; i < n && !rc; i++)
        rc = add_file(&m, files[i]);
    if (!rc && !m.files)
        rc = complain("%s: no part-*.json there, and no file named", folder);
    if (!rc)
        rc = write_results(&m, folder);
    samples_clear(&m.set);
    free(m.seen);
    return rc;
}
