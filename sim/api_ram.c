/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_memory_*, the rest: all of RAM to and from a file, and reservations of the
 * library's user beside those of harts.
 */
#include "sim/hart_hold.h"

#include "mem/reserve.h"
#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int bad(int rc, const char *param, const char *why)
{
    return error_set(MH_ERROR_MEMORY, rc, param, NULL, "%s", why);
}

static int fd_error(int code)
{
    return error_set(MH_ERROR_PLATFORM, code, "fd", NULL, "the file: %s", error_text(code));
}

/* ---- dump and restore: harts do not run ------------------------------------------------- */

static bool is_zero(const uint8_t *page)
{
    return !page[0] && !memcmp(page, page + 1, PAGE_SIZE - 1);
}

static int write_all(int fd, const uint8_t *at, uint64_t offset, uint64_t len)
{
    while (len) {
        ssize_t n = pwrite(fd, at, len, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return fd_error(-errno);
        if (n > 0) {
            at += n;
            offset += (uint64_t)n;
            len -= (uint64_t)n;
        }
    }
    return 0;
}

static int read_all(int fd, uint8_t *at, uint64_t offset, uint64_t len)
{
    while (len) {
        ssize_t n = pread(fd, at, len, (off_t)offset);
        if (n == 0)
            return fd_error(-EIO);
        if (n < 0 && errno != EINTR)
            return fd_error(-errno);
        if (n > 0) {
            at += n;
            offset += (uint64_t)n;
            len -= (uint64_t)n;
        }
    }
    return 0;
}

/* Pages of zeros become holes. */
static int dump_held(const struct physmem *pm, int fd)
{
    if (ftruncate(fd, 0) || ftruncate(fd, (off_t)pm->size))
        return fd_error(-errno);
    for (uint64_t at = 0; at < pm->size; at += PAGE_SIZE) {
        int rc = is_zero(pm->host + at) ? 0 : write_all(fd, pm->host + at, at, PAGE_SIZE);
        if (rc)
            return rc;
    }
    return 0;
}

/* Only pages that differ are written: untouched ones stay untouched, code stays decoded. */
static int restore_held(struct physmem *pm, int fd)
{
    uint8_t page[PAGE_SIZE];
    for (uint64_t at = 0; at < pm->size; at += PAGE_SIZE) {
        int rc = read_all(fd, page, at, PAGE_SIZE);
        if (rc)
            return rc;
        if (memcmp(page, pm->host + at, PAGE_SIZE))
            rc = physmem_write(pm, pm->base + at, page, PAGE_SIZE);
        if (rc)
            return rc;
    }
    return 0;
}

int mh_memory_dump(struct mh_machine *m, int fd)
{
    int rc = hart_hold_all(m);
    if (rc)
        return rc;
    rc = dump_held(m->pm, fd);
    hart_let_go_all(m);
    return rc;
}

int mh_memory_restore(struct mh_machine *m, int fd)
{
    struct stat st;
    int rc = hart_hold_all(m);
    if (rc)
        return rc;
    if (fstat(fd, &st))
        rc = fd_error(-errno);
    else if ((uint64_t)st.st_size != m->pm->size)
        rc = bad(-EINVAL, "fd", "the file is not as large as the machine's memory");
    else
        rc = restore_held(m->pm, fd);
    hart_let_go_all(m);
    return rc;
}

/* ---- reservations --------------------------------------------------------------------------- */

struct mh_reservation {
    struct mh_machine *m;
    struct reservation r;
};

int mh_reservation_create(struct mh_reservation **out, struct mh_machine *m)
{
    *out = NULL;
    if (!m->pm)
        return bad(-EINVAL, "machine", "is not initialised: it has no memory yet");
    struct mh_reservation *r = calloc(1, sizeof(*r));
    if (!r)
        return bad(-ENOMEM, "machine", "not enough host memory");
    r->m = m;
    reservation_init(&r->r);
    /* From now on the machine's only hart, if it has one, is not the only one who reserves. */
    store_seq_cst(&m->pm->single_writer, false);
    *out = r;
    return 0;
}

void mh_reservation_destroy(struct mh_reservation *r)
{
    if (!r)
        return;
    reservation_drop(r->m->pm, &r->r);
    free(r);
}

static int check_word(const struct mh_machine *m, mh_gpa addr, unsigned size)
{
    if (size != 4 && size != 8)
        return bad(-EINVAL, "size", "must be 4 or 8 bytes");
    if (addr.v % size)
        return bad(-EINVAL, "addr", "must be a multiple of the size");
    return physmem_contains(m->pm, addr.v, size) ? 0 : bad(-EFAULT, "addr", "is not RAM");
}

int mh_memory_reserve(struct mh_reservation *r, mh_gpa addr, unsigned size, uint64_t *value)
{
    int rc = check_word(r->m, addr, size);
    if (!rc)
        *value = reservation_load(r->m->pm, &r->r, addr.v, size);
    return rc;
}

int mh_memory_store_conditional(struct mh_reservation *r, mh_gpa addr, unsigned size,
                                uint64_t value, bool *stored)
{
    int rc = check_word(r->m, addr, size);
    if (!rc)
        *stored = reservation_store(r->m->pm, &r->r, addr.v, size, value);
    return rc;
}

void mh_memory_invalidate(struct mh_reservation *r)
{
    reservation_drop(r->m->pm, &r->r);
}
