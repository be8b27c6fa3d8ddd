/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk images: opening and locking, io_uring, worker threads, and the overlay
 * of a snapshot.  hostfile.h says who calls what.
 *
 * Life of a request: submitted (counted in `busy`) -> in the ring or in the
 * workers' queue -> on the `done` list (no longer busy: the host is through
 * with guest memory) -> done() on the I/O thread.  Whoever finds a completion,
 * the I/O thread or a drain, moves it to the done list under the lock; only the
 * I/O thread calls done().
 *
 * io_uring's completion queue is watched through the ring's own descriptor,
 * which epoll can poll.  A transfer that came back short is finished by the
 * workers, whose loop over preadv and pwritev handles every partial case; so
 * the ring's side stays simple.
 *
 * The overlay of a snapshot is a sparse temporary file of the image's layout
 * and one bit per sector: set when the overlay holds the sector.  A sector is
 * the smallest write, so nothing is ever copied up.
 */
#include "dev/hostfile.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim/base/atomic.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/futex.h"
#include "sim/base/lock.h"
#include "sim/base/log.h"

enum {
    HOSTFILE_SECTOR = 512,
    HOSTFILE_RING = 256, /* entries; more requests than that go to the workers */
    HOSTFILE_WORKERS = 4,
    HOSTFILE_IOV = 64,        /* buffers per system call of a worker */
    HOSTFILE_LOCK_TRIES = 50, /* for an image that is locked, one each so many us */
    HOSTFILE_LOCK_US = 20000,
};

struct hostfile {
    char *path; /* constant, as up to ring_src */
    int fd;
    uint64_t size; /* bytes */
    bool read_only;
    bool use_ring;
    void (*thread_begin)(void);
    int overlay_fd;    /* -1: no snapshot */
    uint64_t *overlay; /* one bit per sector; atomic */
    struct loop_bell *bell;
    struct loop_fd *ring_src;

    struct lock lock; /* RANK_BACKEND; everything below */
    struct io_uring ring;
    unsigned in_ring;
    unsigned busy; /* requests that the host may still work on */
    struct hostfile_request *queue, **queue_tail;
    struct hostfile_request *done, **done_tail;
    bool stop, logged;
    uint32_t work_seq; /* atomic: changes when the workers should look */
    uint32_t done_seq; /* atomic: changes when busy reaches 0 */
    unsigned workers;
    pthread_t worker[HOSTFILE_WORKERS];
};

/* ---- completion ---------------------------------------------------------- */

static void hostfile_log_once_locked(struct hostfile *f, const struct hostfile_request *r,
                                     int result)
{
    static const char *const names[] = {"read",    "write",        "flush",
                                        "discard", "write zeroes", "write zeroes"};
    if (f->logged)
        return;
    f->logged = true;
    log_at(LOG_DEV, LOG_WARN, "disk %s: %s at byte %llu failed: %s; the guest sees an I/O error",
           f->path, names[r->op], (unsigned long long)r->offset, strerror(-result));
}

static void hostfile_finish_locked(struct hostfile *f, struct hostfile_request *r, int result)
{
    r->result = result;
    r->next = NULL;
    *f->done_tail = r;
    f->done_tail = &r->next;
    if (!--f->busy) {
        fetch_add_acq_rel(&f->done_seq, 1);
        futex_wake(&f->done_seq, INT32_MAX);
    }
}

/* The host is through with it. */
static void hostfile_complete_locked(struct hostfile *f, struct hostfile_request *r, int result)
{
    if (result)
        hostfile_log_once_locked(f, r, result);
    hostfile_finish_locked(f, r, result);
}

static void hostfile_run_done(struct hostfile *f)
{
    lock_take(&f->lock);
    struct hostfile_request *r = f->done;
    f->done = NULL;
    f->done_tail = &f->done;
    lock_drop(&f->lock);
    while (r) {
        struct hostfile_request *next = r->next;
        r->done(r, r->result);
        r = next;
    }
}

/* ---- transfers, on the workers ------------------------------------------- */

/* A place in a list of buffers. */
struct cursor {
    const struct iovec *iov;
    size_t skip; /* bytes of iov[0] that are behind us */
};

static void cursor_advance(struct cursor *c, uint64_t n)
{
    n += c->skip;
    while (n && n >= c->iov->iov_len)
        n -= c->iov++->iov_len;
    c->skip = n;
}

/* Buffers for at most len bytes from the cursor on; returns their number. */
static int cursor_iov(const struct cursor *c, uint64_t len, struct iovec out[HOSTFILE_IOV])
{
    const struct iovec *iov = c->iov;
    size_t skip = c->skip;
    int n = 0;
    for (; len && n < HOSTFILE_IOV; n++, iov++, skip = 0) {
        size_t part = (size_t)min_u64(iov->iov_len - skip, len);
        out[n] = (struct iovec){(uint8_t *)iov->iov_base + skip, part};
        len -= part;
    }
    return n;
}

static int hostfile_transfer(int fd, bool write, struct cursor *c, uint64_t offset, uint64_t len)
{
    struct iovec iov[HOSTFILE_IOV];
    while (len) {
        int n = cursor_iov(c, len, iov);
        ssize_t ret =
            write ? pwritev(fd, iov, n, (off_t)offset) : preadv(fd, iov, n, (off_t)offset);
        if (ret < 0 && errno == EINTR)
            continue;
        if (ret < 0)
            return -errno;
        if (!ret)
            return -EIO; /* somebody made the image shorter */
        cursor_advance(c, (uint64_t)ret);
        offset += (uint64_t)ret;
        len -= (uint64_t)ret;
    }
    return 0;
}

static int hostfile_write_zeroes(int fd, uint64_t offset, uint64_t len)
{
    static const uint8_t zeroes[65536];
    while (len) {
        ssize_t ret = pwrite(fd, zeroes, min_u64(len, sizeof(zeroes)), (off_t)offset);
        if (ret < 0 && errno == EINTR)
            continue;
        if (ret <= 0)
            return ret ? -errno : -EIO;
        offset += (uint64_t)ret;
        len -= (uint64_t)ret;
    }
    return 0;
}

/* how: FALLOC_FL_PUNCH_HOLE gives the space back, FALLOC_FL_ZERO_RANGE keeps it; both read as 0. */
static int hostfile_fallocate(int fd, int how, uint64_t offset, uint64_t len)
{
    return fallocate(fd, how | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len) ? -errno : 0;
}

static int hostfile_zero(int fd, int how, uint64_t offset, uint64_t len)
{
    int err = hostfile_fallocate(fd, how, offset, len);
    return err == -EOPNOTSUPP ? hostfile_write_zeroes(fd, offset, len) : err;
}

/* ---- snapshot ------------------------------------------------------------ */

static bool overlay_has(const struct hostfile *f, uint64_t sector)
{
    return load_acquire(&f->overlay[sector / 64]) >> (sector % 64) & 1;
}

static void overlay_mark(struct hostfile *f, uint64_t offset, uint64_t len)
{
    uint64_t end = (offset + len) / HOSTFILE_SECTOR;
    for (uint64_t s = offset / HOSTFILE_SECTOR; s < end; s++)
        fetch_or_acq_rel(&f->overlay[s / 64], 1ull << (s % 64));
}

/* Reads runs of sectors from where they are. */
static int overlay_read(struct hostfile *f, struct cursor *c, uint64_t offset, uint64_t len)
{
    while (len) {
        uint64_t sector = offset / HOSTFILE_SECTOR, run = HOSTFILE_SECTOR;
        bool ours = overlay_has(f, sector);
        while (run < len && overlay_has(f, ++sector) == ours)
            run += HOSTFILE_SECTOR;
        int err = hostfile_transfer(ours ? f->overlay_fd : f->fd, false, c, offset, run);
        if (err)
            return err;
        offset += run;
        len -= run;
    }
    return 0;
}

static int overlay_run(struct hostfile *f, const struct hostfile_request *r)
{
    struct cursor c = {r->iov, 0};
    int err = 0;
    switch (r->op) {
    case HOSTFILE_READ:
        return overlay_read(f, &c, r->offset, r->len);
    case HOSTFILE_WRITE:
        err = hostfile_transfer(f->overlay_fd, true, &c, r->offset, r->len);
        break;
    case HOSTFILE_ZERO:
    case HOSTFILE_ZERO_UNMAP:
        err = hostfile_write_zeroes(f->overlay_fd, r->offset, r->len);
        break;
    case HOSTFILE_FLUSH:
    case HOSTFILE_DISCARD:
        return 0;
    }
    if (!err)
        overlay_mark(f, r->offset, r->len);
    return err;
}

/* ---- workers ------------------------------------------------------------- */

static int hostfile_run(struct hostfile *f, const struct hostfile_request *r)
{
    struct cursor c = {r->iov, 0};
    int err;
    if (f->overlay)
        return overlay_run(f, r);
    switch (r->op) {
    case HOSTFILE_READ:
    case HOSTFILE_WRITE:
        cursor_advance(&c, r->progress);
        return hostfile_transfer(f->fd, r->op == HOSTFILE_WRITE, &c, r->offset + r->progress,
                                 r->len - r->progress);
    case HOSTFILE_FLUSH:
        return !f->read_only && fdatasync(f->fd) ? -errno : 0;
    case HOSTFILE_DISCARD:
        err = hostfile_fallocate(f->fd, FALLOC_FL_PUNCH_HOLE, r->offset, r->len);
        return err == -EOPNOTSUPP ? 0 : err;
    case HOSTFILE_ZERO:
        return hostfile_zero(f->fd, FALLOC_FL_ZERO_RANGE, r->offset, r->len);
    case HOSTFILE_ZERO_UNMAP:
        return hostfile_zero(f->fd, FALLOC_FL_PUNCH_HOLE, r->offset, r->len);
    }
    return -EINVAL;
}

static struct hostfile_request *hostfile_dequeue_locked(struct hostfile *f)
{
    struct hostfile_request *r = f->queue;
    if (r) {
        f->queue = r->next;
        if (!f->queue)
            f->queue_tail = &f->queue;
    }
    return r;
}

/* Runs one queued request; false when there is none. */
static bool hostfile_work_once(struct hostfile *f)
{
    lock_take(&f->lock);
    struct hostfile_request *r = hostfile_dequeue_locked(f);
    lock_drop(&f->lock);
    if (!r)
        return false;
    int result = hostfile_run(f, r);
    lock_take(&f->lock);
    hostfile_complete_locked(f, r, result);
    lock_drop(&f->lock);
    loop_bell_ring(f->bell);
    return true;
}

static void *hostfile_worker(void *opaque)
{
    struct hostfile *f = opaque;
    pthread_setname_np(pthread_self(), "mh-disk");
    if (f->thread_begin)
        f->thread_begin();
    for (;;) {
        uint32_t seq = load_acquire(&f->work_seq);
        if (hostfile_work_once(f))
            continue;
        lock_take(&f->lock);
        bool stop = f->stop;
        lock_drop(&f->lock);
        if (stop)
            return NULL;
        futex_wait(&f->work_seq, seq, FUTEX_NO_DEADLINE);
    }
}

/* Makes one more worker while there are few; signals are for other threads. */
static void hostfile_add_worker_locked(struct hostfile *f)
{
    sigset_t all, old;
    if (f->workers == HOSTFILE_WORKERS)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (!pthread_create(&f->worker[f->workers], NULL, hostfile_worker, f))
        f->workers++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void hostfile_enqueue_locked(struct hostfile *f, struct hostfile_request *r)
{
    r->next = NULL;
    *f->queue_tail = r;
    f->queue_tail = &r->next;
    if (f->busy > f->workers + f->in_ring)
        hostfile_add_worker_locked(f);
    fetch_add_acq_rel(&f->work_seq, 1);
    futex_wake(&f->work_seq, 1);
}

/* ---- io_uring ------------------------------------------------------------ */

static bool hostfile_fits_ring_locked(const struct hostfile *f, const struct hostfile_request *r)
{
    return f->use_ring && r->op <= HOSTFILE_FLUSH && f->in_ring < HOSTFILE_RING;
}

/* Puts r into the submission queue; false when it has no place. */
static bool hostfile_ring_add_locked(struct hostfile *f, struct hostfile_request *r)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&f->ring);
    if (!sqe)
        return false;
    if (r->op == HOSTFILE_READ)
        io_uring_prep_readv(sqe, f->fd, r->iov, r->n_iov, r->offset);
    else if (r->op == HOSTFILE_WRITE)
        io_uring_prep_writev(sqe, f->fd, r->iov, r->n_iov, r->offset);
    else
        io_uring_prep_fsync(sqe, f->fd, IORING_FSYNC_DATASYNC);
    io_uring_sqe_set_data(sqe, r);
    f->in_ring++;
    return true;
}

static void hostfile_ring_done_locked(struct hostfile *f, struct hostfile_request *r, int res)
{
    bool whole = r->op == HOSTFILE_FLUSH || (res > 0 && (uint64_t)res == r->len);
    f->in_ring--;
    if (res >= 0 && whole) {
        hostfile_complete_locked(f, r, 0);
    } else if (res > 0 || res == -EAGAIN || res == -EINTR) {
        r->progress = res > 0 ? (uint64_t)res : 0;
        hostfile_enqueue_locked(f, r);
    } else {
        hostfile_complete_locked(f, r, res ? res : -EIO);
    }
}

static void hostfile_ring_reap_locked(struct hostfile *f)
{
    struct io_uring_cqe *cqe;
    while (f->in_ring && !io_uring_peek_cqe(&f->ring, &cqe)) {
        struct hostfile_request *r = io_uring_cqe_get_data(cqe);
        int res = cqe->res;
        io_uring_cqe_seen(&f->ring, cqe);
        hostfile_ring_done_locked(f, r, res);
    }
}

void hostfile_poll(struct hostfile *f)
{
    lock_take(&f->lock);
    if (f->use_ring)
        hostfile_ring_reap_locked(f);
    lock_drop(&f->lock);
    hostfile_run_done(f);
}

static void hostfile_ring_event(void *opaque, uint32_t events)
{
    (void)events;
    hostfile_poll(opaque);
}

static void hostfile_bell(void *opaque)
{
    hostfile_run_done(opaque);
}

/* ---- requests ------------------------------------------------------------ */

static bool hostfile_range_ok(const struct hostfile *f, const struct hostfile_request *r)
{
    return r->op == HOSTFILE_FLUSH || (r->offset <= f->size && r->len <= f->size - r->offset);
}

static int hostfile_refuse(const struct hostfile *f, const struct hostfile_request *r)
{
    bool writes = r->op != HOSTFILE_READ && r->op != HOSTFILE_FLUSH;
    if (!hostfile_range_ok(f, r))
        return -EINVAL;
    return writes && f->read_only ? -EROFS : 0;
}

void hostfile_submit(struct hostfile *f, struct hostfile_request *r)
{
    int refused = hostfile_refuse(f, r);
    bool nothing = !r->len && r->op != HOSTFILE_FLUSH;
    r->progress = 0;
    lock_take(&f->lock);
    f->busy++;
    if (refused || nothing)
        hostfile_finish_locked(f, r, refused);
    else if (!hostfile_fits_ring_locked(f, r) || !hostfile_ring_add_locked(f, r))
        hostfile_enqueue_locked(f, r);
    lock_drop(&f->lock);
    if (refused || nothing)
        loop_bell_ring(f->bell);
}

void hostfile_kick(struct hostfile *f)
{
    lock_take(&f->lock);
    if (f->use_ring && io_uring_sq_ready(&f->ring))
        io_uring_submit(&f->ring);
    bool inline_work = f->queue && !f->workers;
    lock_drop(&f->lock);
    /* The host gave us not even one thread: do it here. */
    while (inline_work && hostfile_work_once(f))
        ;
}

static bool hostfile_idle(struct hostfile *f)
{
    lock_take(&f->lock);
    if (f->use_ring) {
        if (io_uring_sq_ready(&f->ring))
            io_uring_submit(&f->ring);
        hostfile_ring_reap_locked(f);
    }
    bool idle = !f->busy;
    lock_drop(&f->lock);
    return idle;
}

void hostfile_drain(struct hostfile *f)
{
    hostfile_kick(f);
    for (;;) {
        uint32_t seq = load_acquire(&f->done_seq);
        if (hostfile_idle(f))
            break;
        lock_take(&f->lock);
        bool in_ring = f->in_ring;
        lock_drop(&f->lock);
        if (in_ring) {
            struct pollfd p = {.fd = f->ring.ring_fd, .events = POLLIN};
            poll(&p, 1, 1);
        } else {
            futex_wait(&f->done_seq, seq, clock_now_ns() + 100 * 1000000ull);
        }
    }
    loop_bell_ring(f->bell);
}

/* ---- opening ------------------------------------------------------------- */

static int hostfile_error(const char *path, int err, const char *what)
{
    return error_set(MH_ERROR_DEVICE, err, "disk", path, "disk %s: %s", path, what);
}

static int hostfile_open_fd(struct hostfile *f, bool write)
{
    /* O_NONBLOCK: a pipe given by mistake must not hang us. */
    int flags = (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    f->fd = open(f->path, flags);
    if (f->fd >= 0)
        return 0;
    int err = -errno;
    if (write && (err == -EACCES || err == -EROFS || err == -EPERM))
        return error_set(MH_ERROR_DEVICE, err, "disk", f->path,
                         "disk %s: cannot be written (%s); add ,ro or ,snapshot", f->path,
                         strerror(-err));
    return hostfile_error(f->path, err, strerror(-err));
}

static int hostfile_find_size(struct hostfile *f)
{
    struct stat st;
    if (fstat(f->fd, &st))
        return hostfile_error(f->path, -errno, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return hostfile_error(f->path, -EISDIR, "is a directory, not a disk image");
    if (S_ISBLK(st.st_mode)) {
        if (ioctl(f->fd, BLKGETSIZE64, &f->size))
            return hostfile_error(f->path, -errno, strerror(errno));
    } else if (S_ISREG(st.st_mode)) {
        f->size = (uint64_t)st.st_size;
    } else {
        return hostfile_error(f->path, -EINVAL, "is neither a file nor a block device");
    }
    if (!f->size)
        return hostfile_error(f->path, -EINVAL, "is empty");
    if (f->size % HOSTFILE_SECTOR)
        return error_set(MH_ERROR_DEVICE, -EINVAL, "disk", f->path,
                         "disk %s: its size, %llu bytes, is not a multiple of 512", f->path,
                         (unsigned long long)f->size);
    fcntl(f->fd, F_SETFL, 0);
    return 0;
}

/*
 * Open-file-description locks: they conflict between two opens of one process too.  The requests
 * that a killed process had in io_uring hold its lock until the host is through with them, a moment
 * after the process is gone: so it is tried for a while before somebody else is said to have it.
 */
static int hostfile_lock_image(struct hostfile *f, bool exclusive)
{
    struct flock fl = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
    for (unsigned tries = HOSTFILE_LOCK_TRIES; tries--; usleep(HOSTFILE_LOCK_US)) {
        if (!fcntl(f->fd, F_OFD_SETLK, &fl))
            return 0;
        if (errno != EAGAIN && errno != EACCES)
            break;
    }
    if (errno == EAGAIN || errno == EACCES)
        return hostfile_error(f->path, -EBUSY,
                              exclusive ? "is in use by another process or given twice"
                                        : "is being written by another process");
    log_at(LOG_DEV, LOG_WARN, "disk %s: cannot be locked: %s", f->path, strerror(errno));
    return 0;
}

static int hostfile_temporary(void)
{
    const char *dir = getenv("TMPDIR");
    char path[4096];
    dir = dir && *dir ? dir : "/var/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    snprintf(path, sizeof(path), "%s/manyhart-XXXXXX", dir);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(path);
    return fd;
}

static int hostfile_open_overlay(struct hostfile *f)
{
    uint64_t words = (f->size / HOSTFILE_SECTOR + 63) / 64;
    f->overlay = calloc(words, sizeof(*f->overlay));
    if (!f->overlay)
        return hostfile_error(f->path, -ENOMEM, "too large for a snapshot");
    f->overlay_fd = hostfile_temporary();
    if (f->overlay_fd < 0 || ftruncate(f->overlay_fd, (off_t)f->size)) {
        int err = f->overlay_fd < 0 ? f->overlay_fd : -errno;
        return hostfile_error(f->path, err, "no temporary file for the snapshot (see TMPDIR)");
    }
    return 0;
}

static int hostfile_open_image(struct hostfile *f, const struct hostfile_config *cfg)
{
    bool write = !cfg->read_only && !cfg->snapshot;
    int err = hostfile_open_fd(f, write);
    if (!err)
        err = hostfile_find_size(f);
    if (!err)
        err = hostfile_lock_image(f, write);
    if (!err && cfg->snapshot && !cfg->read_only)
        err = hostfile_open_overlay(f);
    return err;
}

/*
 * A ring takes operations that no filter of system calls sees: opening files, sockets.  So it is
 * told which three there will be, for good, before it takes any.
 */
static int hostfile_make_ring(struct io_uring *ring)
{
    struct io_uring_restriction only[] = {
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READV},
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITEV},
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_FSYNC},
    };
    int err = io_uring_queue_init(HOSTFILE_RING, ring, IORING_SETUP_R_DISABLED);
    if (err == -EINVAL) /* Linux before 5.10 */
        return io_uring_queue_init(HOSTFILE_RING, ring, 0);
    if (err)
        return err;
    /* By hand: Debian's liburing 2.3 declares the functions for it and does not have them. */
    if (syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_RESTRICTIONS, only,
                ARRAY_LEN(only)) ||
        syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0))
        err = -errno;
    if (err)
        io_uring_queue_exit(ring);
    return err;
}

static int hostfile_open_ring(struct hostfile *f, enum hostfile_backend backend)
{
    if (backend == HOSTFILE_THREADS || f->overlay)
        return 0;
    int err = hostfile_make_ring(&f->ring);
    if (err && backend == HOSTFILE_URING)
        return hostfile_error(f->path, -ENOTSUP, "the kernel does not allow io_uring");
    f->use_ring = !err;
    return 0;
}

/* Undoes everything, also a part of it. */
static void hostfile_free(struct hostfile *f)
{
    if (f->ring_src)
        loop_fd_remove(f->ring_src);
    if (f->bell)
        loop_bell_remove(f->bell);
    if (f->use_ring)
        io_uring_queue_exit(&f->ring);
    if (f->fd >= 0)
        close(f->fd);
    if (f->overlay_fd >= 0)
        close(f->overlay_fd);
    free(f->overlay);
    free(f->path);
    free(f);
}

int hostfile_open(struct hostfile **out, struct loop *loop, const struct hostfile_config *cfg)
{
    *out = NULL;
    struct hostfile *f = calloc(1, sizeof(*f));
    if (!f)
        return hostfile_error(cfg->path, -ENOMEM, "out of memory");
    f->fd = f->overlay_fd = -1;
    f->read_only = cfg->read_only;
    f->thread_begin = cfg->thread_begin;
    f->queue_tail = &f->queue;
    f->done_tail = &f->done;
    lock_init(&f->lock, RANK_BACKEND);
    f->path = strdup(cfg->path);
    int err = f->path ? hostfile_open_image(f, cfg) : -ENOMEM;
    if (!err)
        err = hostfile_open_ring(f, cfg->backend);
    if (!err)
        err = loop_bell_add(loop, hostfile_bell, f, &f->bell);
    if (!err && f->use_ring)
        err = loop_fd_add(loop, f->ring.ring_fd, EPOLLIN, hostfile_ring_event, f, &f->ring_src);
    if (err) {
        hostfile_free(f);
        return err;
    }
    *out = f;
    return 0;
}

static void hostfile_stop_workers(struct hostfile *f)
{
    lock_take(&f->lock);
    f->stop = true;
    fetch_add_acq_rel(&f->work_seq, 1);
    lock_drop(&f->lock);
    futex_wake(&f->work_seq, INT32_MAX);
    for (unsigned i = 0; i < f->workers; i++)
        pthread_join(f->worker[i], NULL);
}

void hostfile_close(struct hostfile *f)
{
    if (!f)
        return;
    hostfile_drain(f);
    hostfile_stop_workers(f);
    if (f->ring_src)
        loop_fd_remove(f->ring_src);
    f->ring_src = NULL;
    loop_bell_remove(f->bell);
    f->bell = NULL;
    hostfile_run_done(f);
    hostfile_free(f);
}

uint64_t hostfile_size(const struct hostfile *f)
{
    return f->size;
}

bool hostfile_is_read_only(const struct hostfile *f)
{
    return f->read_only;
}

const char *hostfile_backend_name(const struct hostfile *f)
{
    return f->use_ring ? "io_uring" : "threads";
}
