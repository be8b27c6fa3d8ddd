/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous access to a disk image: a regular file or a block device of the
 * host, locked against other processes while it is open.
 *
 * Requests go to io_uring, or to a few threads where the kernel refuses it and
 * for what io_uring does not do here (discard, zeroes, snapshot).  Both read
 * and write guest memory in place through the request's iovecs.
 *
 * A flush covers every write whose done() was called before the flush was
 * submitted.  Requests in flight together are in no order.
 *
 * Threads: hostfile_submit and hostfile_kick on the I/O thread (or with no loop
 * running); hostfile_drain on any.  Takes RANK_BACKEND and RANK_LOOP.
 */
#ifndef DEV_HOSTFILE_H
#define DEV_HOSTFILE_H

#include <sys/uio.h>

#include "sim/base/bits.h"
#include "sim/base/loop.h"

enum hostfile_backend {
    HOSTFILE_AUTO,  /* io_uring if the kernel allows it, else threads */
    HOSTFILE_URING, /* -ENOTSUP if the kernel does not */
    HOSTFILE_THREADS,
};

struct hostfile_config {
    const char *path;
    bool read_only; /* locked shared; writes fail with -EROFS */
    bool snapshot;  /* opened read-only; writes go to a temporary file that nobody else sees */
    enum hostfile_backend backend;
    void (*thread_begin)(void); /* first on each worker thread, or NULL */
};

enum hostfile_op {
    HOSTFILE_READ,
    HOSTFILE_WRITE,
    HOSTFILE_FLUSH,      /* no range */
    HOSTFILE_DISCARD,    /* content becomes undefined */
    HOSTFILE_ZERO,       /* content becomes zero, the space stays allocated */
    HOSTFILE_ZERO_UNMAP, /* content becomes zero, the space may be given back */
};

struct hostfile;

/* The caller's, untouched by it until done(). */
struct hostfile_request {
    enum hostfile_op op;
    const struct iovec *iov; /* READ, WRITE: iov_bytes == len */
    unsigned n_iov;
    uint64_t offset, len; /* bytes, inside the file */
    /* I/O thread, no lock held; err is 0 or -errno.  The request is the caller's again. */
    void (*done)(struct hostfile_request *r, int err);
    /* hostfile's: */
    struct hostfile_request *next;
    uint64_t progress; /* bytes done by io_uring */
    int result;
};

/* 0, or -errno with words: -EBUSY when another process (or disk of ours) holds the file. */
int hostfile_open(struct hostfile **out, struct loop *loop, const struct hostfile_config *cfg);
/* Drains; done() of what is left runs here, on the calling thread. */
void hostfile_close(struct hostfile *f);

uint64_t hostfile_size(const struct hostfile *f); /* bytes, a multiple of 512 */
bool hostfile_is_read_only(const struct hostfile *f);
const char *hostfile_backend_name(const struct hostfile *f); /* "io_uring" or "threads" */

void hostfile_submit(struct hostfile *f, struct hostfile_request *r);
/* Takes completions that are there already and calls done() for them.  I/O thread, no lock held. */
void hostfile_poll(struct hostfile *f);
/* Starts what was submitted. */
void hostfile_kick(struct hostfile *f);
/*
 * Waits until the host is done with everything submitted and touches no iovec any more.  Needs no
 * other thread of ours but the workers; the done() calls come later, on the I/O thread.
 */
void hostfile_drain(struct hostfile *f);

#endif
