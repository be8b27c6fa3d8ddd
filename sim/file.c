/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads input files whole; see file.h.  The bytes are copied into an anonymous
 * mapping rather than mapped from the file: a file that is truncated while we
 * look at it would kill a mapping's reader with SIGBUS, and the mapping goes
 * back to the kernel at once when it is released.
 */
#include "sim/file.h"

#include "sim/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_FIRST_BYTES (1u << 20) /* first guess for what has no size */

int file_error(const struct file *f, int code, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return error_set(MH_ERROR_CORE, code, f->option, f->path, "%s", text);
}

static int file_too_large(const struct file *f, uint64_t limit, const char *limit_name)
{
    return file_error(f, -EFBIG, "too large: more than the %llu KiB of %s",
                      (unsigned long long)(limit >> 10), limit_name);
}

static int buffer_grow(struct file *f, uint64_t want)
{
    void *p;
    if (f->mapped)
        p = mremap((void *)f->data, f->mapped, want, MREMAP_MAYMOVE);
    else
        p = mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return file_error(f, -ENOMEM, "not enough host memory to read it");
    f->data = p;
    f->mapped = want;
    return 0;
}

/* Reads fd to its end into f; one byte more than limit is read to see that there are more. */
static int read_all(struct file *f, int fd, uint64_t first, uint64_t limit, const char *limit_name)
{
    int rc = buffer_grow(f, align_up(first + 1, PAGE_SIZE));
    while (!rc) {
        ssize_t n = read(fd, (uint8_t *)f->data + f->size, f->mapped - f->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_error(f, -errno, "cannot be read: %s", strerror(errno));
        if (n == 0)
            break;
        f->size += (uint64_t)n;
        if (f->size > limit)
            return file_too_large(f, limit, limit_name);
        if (f->size == f->mapped)
            rc = buffer_grow(f, f->mapped * 2);
    }
    return rc;
}

static int file_open(struct file *f, struct stat *st)
{
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_error(f, -errno, "cannot be opened: %s", strerror(errno));
    if (fstat(fd, st) == 0 && !S_ISDIR(st->st_mode))
        return fd;
    close(fd);
    return file_error(f, -EISDIR, "is a directory; give a file");
}

int file_read(struct file *out, const char *option, const char *path, uint64_t limit,
              const char *limit_name)
{
    struct file f = {.option = option, .path = path};
    struct stat st;
    int rc, fd = file_open(&f, &st);
    if (fd < 0)
        return fd;
    bool sized = S_ISREG(st.st_mode);
    if (sized && (uint64_t)st.st_size > limit)
        rc = file_too_large(&f, limit, limit_name);
    else
        rc = read_all(&f, fd, sized ? (uint64_t)st.st_size : FILE_FIRST_BYTES, limit, limit_name);
    close(fd);
    if (!rc && !f.size)
        rc = file_error(&f, -ENODATA, "is empty");
    if (rc)
        file_release(&f);
    else
        *out = f;
    return rc;
}

void file_borrow(struct file *out, const char *option, const char *path, const void *data,
                 uint64_t size)
{
    *out = (struct file){.option = option, .path = path, .data = data, .size = size};
}

void file_release(struct file *f)
{
    if (f->mapped)
        munmap((void *)f->data, f->mapped);
    f->data = NULL;
    f->size = f->mapped = 0;
}
