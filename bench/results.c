/* SPDX-License-Identifier: Apache-2.0 */
/* See results.h. */
#include "bench/results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/engines.h"
#include "bench/report.h"
#include "bench/summary.h"
#include "bench/table.h"
#include "sim/base/error.h"

enum { PATH_SIZE = 1024 };

void results_make_folder(const char *folder)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s", folder);
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        mkdir(path, 0777);
        *p = '/';
    }
    mkdir(path, 0777);
}

int results_begin(const struct sample_set *set, const char *file)
{
    char folder[PATH_SIZE];
    snprintf(folder, sizeof(folder), "%s", file);
    char *slash = strrchr(folder, '/');
    if (!access(file, F_OK)) {
        fprintf(stderr, "manyhart: bench: %s is there already; name another folder by --out\n",
                file);
        return -EEXIST;
    }
    if (slash) {
        *slash = 0;
        results_make_folder(folder);
    }
    if (!samples_write(set, file)) /* says at once what cannot be kept */
        return 0;
    fprintf(stderr, "manyhart: bench: %s\n", mh_last_error()->message);
    return -EIO;
}

/* Native first, then manyhart's engines, then the peers. */
static int engine_rank(const char *engine)
{
    return !strcmp(engine, "native") ? 0 : engine_is_ours(engine) ? 1 : 2;
}

static int engine_order(const char *x, const char *y)
{
    int rank = engine_rank(x) - engine_rank(y);
    return rank ? rank : strverscmp(x, y);
}

static int by_place(const void *x, const void *y)
{
    const struct sample *s = x, *t = y;
    size_t p = table_find(s->workload), q = table_find(t->workload);
    int order = p != q ? (p > q) - (p < q) : strcmp(s->workload, t->workload);
    if (!order)
        order = engine_order(s->engine, t->engine);
    if (!order)
        order = (s->harts > t->harts) - (s->harts < t->harts);
    return order ? order : (s->round > t->round) - (s->round < t->round);
}

enum kind { TABLES, PAGE, CHART };

static int write_report(const struct sample_set *set, const struct summary *s, const char *folder,
                        const char *name, enum kind kind)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    bool empty = false;
    if (f && kind == PAGE)
        report_html(f, set, s);
    else if (f && kind == TABLES)
        report_markdown(f, set, s);
    else if (f)
        empty = !report_overview(f, s);
    int bad = !f || ferror(f);
    if (f)
        bad |= fclose(f);
    if (empty)
        unlink(path);
    if (bad)
        fprintf(stderr, "manyhart: bench: %s: cannot be written\n", path);
    return bad ? -EIO : 0;
}

int results_write_samples(struct sample_set *set, const char *file)
{
    if (set->n)
        qsort(set->samples, set->n, sizeof(*set->samples), by_place);
    if (!samples_write(set, file))
        return 0;
    fprintf(stderr, "manyhart: bench: %s\n", mh_last_error()->message);
    return -EIO;
}

int results_write(struct sample_set *set, const char *folder)
{
    struct summary s;
    char file[PATH_SIZE];
    snprintf(file, sizeof(file), "%s/samples.json", folder);
    int rc = results_write_samples(set, file);
    if (rc)
        return rc;
    if (summary_make(&s, set, RESULTS_CONFIDENCE)) {
        fprintf(stderr, "manyhart: bench: not enough host memory\n");
        return -EIO;
    }
    rc = write_report(set, &s, folder, "README.md", TABLES);
    if (!rc)
        rc = write_report(set, &s, folder, "report.html", PAGE);
    if (!rc)
        rc = write_report(set, &s, folder, "overview.svg", CHART);
    summary_clear(&s);
    return rc;
}
