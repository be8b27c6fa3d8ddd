/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output files by write and rename; see outfile.h.
 */
#include "sim/outfile.h"

#include "sim/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY_TRIES 100

struct outfile {
    const char *option;
    char *path;
    char *temporary; /* NULL: written in place */
    FILE *file;
    bool is_stdout;
};

static int fail(const struct outfile *o, int rc)
{
    return error_set(MH_ERROR_CORE, rc, o->option, o->path, "cannot be written: %s", strerror(-rc));
}

/* A name beside the final one that nobody uses; mkstemp would give the file mode 0600. */
static int create_temporary(struct outfile *o)
{
    for (unsigned n = 0; n < TEMPORARY_TRIES; n++) {
        if (asprintf(&o->temporary, "%s.tmp%d-%u", o->path, (int)getpid(), n) < 0) {
            o->temporary = NULL;
            return -ENOMEM;
        }
        int fd = open(o->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0)
            return fd;
        int rc = -errno;
        free(o->temporary);
        o->temporary = NULL;
        if (rc != -EEXIST)
            return rc;
    }
    return -EEXIST;
}

static int open_in_place(const struct outfile *o)
{
    int fd = open(o->path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_target(struct outfile *o)
{
    struct stat st;
    bool exists = stat(o->path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        return fail(o, -EISDIR);
    int fd = exists && !S_ISREG(st.st_mode) ? open_in_place(o) : create_temporary(o);
    if (fd < 0)
        return fail(o, fd);
    o->file = fdopen(fd, "w");
    return o->file ? 0 : fail(o, -ENOMEM);
}

int outfile_open(struct outfile **out, const char *option, const char *path)
{
    struct outfile *o = calloc(1, sizeof(*o));
    *out = NULL;
    if (o)
        o->path = strdup(path);
    if (!o || !o->path) {
        free(o);
        return error_set(MH_ERROR_CORE, -ENOMEM, option, path, "not enough host memory");
    }
    o->option = option;
    o->is_stdout = !strcmp(path, "-");
    o->file = o->is_stdout ? stdout : NULL;
    int rc = o->is_stdout ? 0 : open_target(o);
    if (rc)
        outfile_abandon(o);
    else
        *out = o;
    return rc;
}

FILE *outfile_stream(struct outfile *o)
{
    return o->file;
}

int outfile_commit(struct outfile *o)
{
    int rc = 0;
    if (fflush(o->file) || ferror(o->file))
        rc = errno ? -errno : -EIO;
    if (!o->is_stdout && fclose(o->file) && !rc)
        rc = -errno;
    o->file = NULL;
    if (!rc && o->temporary && rename(o->temporary, o->path))
        rc = -errno;
    if (rc)
        fail(o, rc);
    else if (o->temporary)
        o->temporary[0] = 0;
    outfile_abandon(o);
    return rc;
}

void outfile_abandon(struct outfile *o)
{
    if (!o)
        return;
    if (o->file && !o->is_stdout)
        fclose(o->file);
    if (o->temporary && o->temporary[0])
        unlink(o->temporary);
    free(o->temporary);
    free(o->path);
    free(o);
}
