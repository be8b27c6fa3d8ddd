/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character streams to the host: terminal or pipe, pseudo terminal, file,
 * memory.  See chardev.h for who calls what.
 *
 * Output always goes through the buffer and is written by the I/O thread, also
 * when the host would take it at once: a write to a terminal can block in ways
 * that poll does not announce, and a hart must never block.  The doorbell
 * coalesces, so a burst of characters costs one wake-up.
 *
 * Descriptors that may block are opened anew through /proc/self/fd, because
 * O_NONBLOCK on an inherited descriptor would change it for the shell and for
 * our own stderr too.  Where that is refused (sockets), poll comes before each
 * read and write, and writes are short.
 *
 * SIGPIPE belongs to the process, not to a library: it is blocked around each
 * write in the writing thread, and one that was caused there is consumed.
 *
 * Ring positions are absolute (64 bits, never wrap); index = position % size.
 * Only the I/O thread reads out[], so it may copy a chunk, drop the lock, write
 * and then advance; a pty without a reader may have moved out_rpos meanwhile.
 *
 * The one piece of file-scope state is the saved terminal mode: a process has
 * one controlling terminal, and a signal handler must find it.
 */
#include "dev/chardev.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "sim/base/atomic.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/lock.h"
#include "sim/base/log.h"

enum {
    CHARDEV_OUT_SIZE = 65536,
    CHARDEV_IN_SIZE = 4096,
    CHARDEV_CHUNK = 4096,
    CHARDEV_SHORT_WRITE = 256, /* where only poll guards against blocking */
    CHARDEV_FLUSH_MS = 5000,
    CHARDEV_ROUNDS = 16, /* chunks per call on the I/O thread */
    CHARDEV_ESCAPE = 1,  /* Ctrl-A */
};

#define CHARDEV_PTY_POLL_NS (100 * 1000000ull)

struct chardev {
    struct chardev_config cfg; /* constant, as all up to lock */
    struct loop *loop;
    int in_fd, out_fd;        /* -1: none */
    bool close_in, close_out; /* ours to close */
    bool guard_in, guard_out; /* descriptor may block: poll first */
    bool terminal;            /* in_fd is one and we changed its mode */
    bool escapes;             /* Ctrl-A keys */
    struct loop_bell *bell;
    struct loop_timer *pty_timer;

    struct lock lock;                   /* RANK_BACKEND */
    uint64_t out_rpos, out_wpos;        /* under lock */
    uint64_t in_rpos, in_wpos;          /* under lock */
    bool room_wanted;                   /* under lock: a write was cut short */
    bool failed;                        /* under lock: output goes nowhere */
    bool displace;                      /* under lock: pty without reader */
    bool in_wakeup;                     /* under lock: the reader stopped for lack of room */
    struct chardev_listener *listeners; /* under lock */

    struct chardev_listener *calling; /* loop thread writes, atomic */
    uint32_t closing;                 /* atomic: no callback does anything any more */
    /* From here on the loop's thread only; once closing is set and the loop has settled, who
     * destroys. */
    struct loop_fd *in_src, *out_src;
    bool in_eof, escape_seen;

    uint8_t out[CHARDEV_OUT_SIZE];
    uint8_t in[CHARDEV_IN_SIZE];
};

/* ---- the terminal -------------------------------------------------------- */

static struct {
    struct termios mode;
    int fd;
    uint32_t saved; /* atomic: 0 free, 1 being set, 2 mode and fd are valid */
} chardev_terminal;

void chardev_restore_terminal(void)
{
    int saved_errno = errno;
    uint32_t expected = 2;
    if (cas_acq_rel(&chardev_terminal.saved, &expected, 1)) {
        tcsetattr(chardev_terminal.fd, TCSANOW, &chardev_terminal.mode);
        store_release(&chardev_terminal.saved, 0);
    }
    errno = saved_errno;
}

/* Raw input; output keeps its newline translation, which bare-metal programs rely on. */
static int chardev_terminal_raw(int fd, bool keep_signals)
{
    struct termios raw;
    uint32_t expected = 0;
    if (!cas_acq_rel(&chardev_terminal.saved, &expected, 1))
        return error_set(MH_ERROR_DEVICE, -EBUSY, "console", "stdio",
                         "the terminal is already another machine's console");
    if (tcgetattr(fd, &chardev_terminal.mode)) {
        store_release(&chardev_terminal.saved, 0);
        return -errno;
    }
    raw = chardev_terminal.mode;
    raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
    if (!keep_signals)
        raw.c_lflag &= ~(tcflag_t)ISIG;
    raw.c_cflag = (raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    chardev_terminal.fd = fd;
    store_release(&chardev_terminal.saved, 2);
    tcsetattr(fd, TCSANOW, &raw);
    return 0;
}

/* ---- buffers ------------------------------------------------------------- */

/* The other side may be guest memory, which harts write meanwhile. */
static void ring_copy_in(uint8_t *ring, size_t size, uint64_t pos, const uint8_t *buf, size_t n)
{
    size_t at = pos % size, first = n < size - at ? n : size - at;
    copy_relaxed(ring + at, buf, first);
    copy_relaxed(ring, buf + first, n - first);
}

static void ring_copy_out(const uint8_t *ring, size_t size, uint64_t pos, uint8_t *buf, size_t n)
{
    size_t at = pos % size, first = n < size - at ? n : size - at;
    copy_relaxed(buf, ring + at, first);
    copy_relaxed(buf + first, ring, n - first);
}

/* Room for n bytes of output: what fits, or all of it at the expense of the oldest. */
static size_t chardev_make_room_locked(struct chardev *c, size_t n)
{
    size_t room = CHARDEV_OUT_SIZE - (size_t)(c->out_wpos - c->out_rpos);
    if (n <= room)
        return n;
    if (!c->displace) {
        c->room_wanted = true;
        return room;
    }
    if (n > CHARDEV_OUT_SIZE)
        n = CHARDEV_OUT_SIZE;
    c->out_rpos = c->out_wpos + n - CHARDEV_OUT_SIZE;
    return n;
}

size_t chardev_write(struct chardev *c, const void *buf, size_t n)
{
    if (c->cfg.kind == CHARDEV_NONE || !n)
        return n;
    lock_take(&c->lock);
    size_t done = n;
    bool failed = c->failed;
    if (!failed) {
        done = chardev_make_room_locked(c, n);
        ring_copy_in(c->out, CHARDEV_OUT_SIZE, c->out_wpos, buf, done);
        c->out_wpos += done;
    }
    lock_drop(&c->lock);
    if (!failed && c->cfg.kind != CHARDEV_MEMORY)
        loop_bell_ring(c->bell);
    return done;
}

uint64_t chardev_written(struct chardev *c)
{
    lock_take(&c->lock);
    uint64_t n = c->out_wpos;
    lock_drop(&c->lock);
    return n;
}

size_t chardev_pending(struct chardev *c)
{
    lock_take(&c->lock);
    bool goes_out = c->out_fd >= 0 && !c->displace && !c->failed;
    size_t n = goes_out ? (size_t)(c->out_wpos - c->out_rpos) : 0;
    lock_drop(&c->lock);
    return n;
}

size_t chardev_read(struct chardev *c, void *buf, size_t n)
{
    lock_take(&c->lock);
    size_t have = (size_t)(c->in_wpos - c->in_rpos);
    n = n < have ? n : have;
    ring_copy_out(c->in, CHARDEV_IN_SIZE, c->in_rpos, buf, n);
    c->in_rpos += n;
    bool wake = n && c->in_wakeup;
    if (wake)
        c->in_wakeup = false;
    lock_drop(&c->lock);
    if (wake)
        loop_bell_ring(c->bell);
    return n;
}

size_t chardev_readable(struct chardev *c)
{
    lock_take(&c->lock);
    size_t n = (size_t)(c->in_wpos - c->in_rpos);
    lock_drop(&c->lock);
    return n;
}

/* Room for input; when there is none, chardev_read will ring the bell. */
static size_t chardev_in_room(struct chardev *c)
{
    lock_take(&c->lock);
    size_t room = CHARDEV_IN_SIZE - (size_t)(c->in_wpos - c->in_rpos);
    if (!room)
        c->in_wakeup = true;
    lock_drop(&c->lock);
    return room;
}

/* Appends what fits to the input. */
static size_t chardev_in_push(struct chardev *c, const uint8_t *buf, size_t n)
{
    lock_take(&c->lock);
    size_t room = CHARDEV_IN_SIZE - (size_t)(c->in_wpos - c->in_rpos);
    n = n < room ? n : room;
    ring_copy_in(c->in, CHARDEV_IN_SIZE, c->in_wpos, buf, n);
    c->in_wpos += n;
    lock_drop(&c->lock);
    return n;
}

/* ---- listeners ----------------------------------------------------------- */

void chardev_listen(struct chardev *c, struct chardev_listener *l)
{
    lock_take(&c->lock);
    l->next = c->listeners;
    c->listeners = l;
    lock_drop(&c->lock);
}

void chardev_unlisten(struct chardev *c, struct chardev_listener *l)
{
    lock_take(&c->lock);
    for (struct chardev_listener **p = &c->listeners; *p; p = &(*p)->next) {
        if (*p == l) {
            *p = l->next;
            break;
        }
    }
    lock_drop(&c->lock);
    while (!loop_is_current(c->loop) && load_acquire(&c->calling) == l)
        sched_yield();
}

/* The i-th listener, marked as being called; NULL past the end. */
static struct chardev_listener *chardev_listener_begin(struct chardev *c, unsigned i)
{
    lock_take(&c->lock);
    struct chardev_listener *l = c->listeners;
    while (l && i--)
        l = l->next;
    store_release(&c->calling, l);
    lock_drop(&c->lock);
    return l;
}

/* Loop thread.  When a listener leaves meanwhile another may miss this turn, but none runs late. */
static void chardev_notify(struct chardev *c, bool writable)
{
    struct chardev_listener *l;
    for (unsigned i = 0; (l = chardev_listener_begin(c, i)); i++) {
        void (*fn)(void *) = writable ? l->writable : l->readable;
        if (fn)
            fn(l->opaque);
        store_release(&c->calling, NULL);
    }
}

/* ---- output, loop thread ------------------------------------------------- */

/* write() that returns -errno and never raises SIGPIPE. */
static ssize_t chardev_write_fd(int fd, const void *buf, size_t n)
{
    sigset_t pipe_set, old, pending;
    struct timespec now = {0};
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
    ssize_t ret = write(fd, buf, n);
    if (ret < 0)
        ret = -errno;
    if (ret == -EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe_set, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ret;
}

static bool chardev_fd_ready(int fd, short events, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, timeout_ms) > 0;
}

static void chardev_fail(struct chardev *c, int err)
{
    lock_take(&c->lock);
    bool first = !c->failed;
    c->failed = true;
    c->out_rpos = c->out_wpos;
    lock_drop(&c->lock);
    if (!first)
        return;
    log_at(LOG_DEV, LOG_INFO, "console: output failed: %s", strerror(-err));
    if (c->cfg.on_error)
        c->cfg.on_error(c->cfg.opaque, err);
}

/* Writes one chunk; bytes written, 0 when there is nothing to write, or -errno (-EAGAIN: not now).
 */
static ssize_t chardev_drain_chunk(struct chardev *c)
{
    uint8_t chunk[CHARDEV_CHUNK];
    size_t max = c->guard_out ? CHARDEV_SHORT_WRITE : CHARDEV_CHUNK;
    lock_take(&c->lock);
    uint64_t pos = c->out_rpos;
    size_t n = (size_t)(c->out_wpos - pos);
    n = n < max ? n : max;
    ring_copy_out(c->out, CHARDEV_OUT_SIZE, pos, chunk, n);
    lock_drop(&c->lock);
    if (!n)
        return 0;
    if (c->guard_out && !chardev_fd_ready(c->out_fd, POLLOUT, 0))
        return -EAGAIN;
    ssize_t ret = chardev_write_fd(c->out_fd, chunk, n);
    if (ret > 0) {
        lock_take(&c->lock);
        c->out_rpos = max_u64(c->out_rpos, pos + (uint64_t)ret);
        lock_drop(&c->lock);
    }
    return ret;
}

/* Asked first by each callback of the loop. */
static bool chardev_closing(struct chardev *c)
{
    return load_acquire(&c->closing);
}

static void chardev_out_event(void *opaque, uint32_t events);

static void chardev_watch_out(struct chardev *c, bool on)
{
    if (on && !c->out_src) {
        if (loop_fd_add(c->loop, c->out_fd, EPOLLOUT, chardev_out_event, c, &c->out_src))
            c->out_src = NULL;
    } else if (!on && c->out_src) {
        loop_fd_remove(c->out_src);
        c->out_src = NULL;
    }
}

/* Tells those whose write was cut short once half of the buffer is free. */
static void chardev_offer_room(struct chardev *c)
{
    lock_take(&c->lock);
    bool call = c->room_wanted && c->out_wpos - c->out_rpos <= CHARDEV_OUT_SIZE / 2;
    if (call)
        c->room_wanted = false;
    lock_drop(&c->lock);
    if (call)
        chardev_notify(c, true);
}

static void chardev_drain(struct chardev *c)
{
    ssize_t ret;
    if (c->out_fd < 0)
        return chardev_offer_room(c);
    lock_take(&c->lock);
    bool parked = c->displace;
    lock_drop(&c->lock);
    if (parked)
        return;
    /* Bounded, so that harts which write without end do not keep the loop from other work. */
    unsigned rounds = 0;
    do {
        ret = chardev_drain_chunk(c);
        if (ret > 0)
            chardev_offer_room(c);
    } while ((ret > 0 || ret == -EINTR) && ++rounds < CHARDEV_ROUNDS);
    if (rounds == CHARDEV_ROUNDS)
        loop_bell_ring(c->bell);
    /* A pty whose reader left: input will see it and park the stream. */
    bool retry = ret == -EAGAIN || (ret == -EIO && c->cfg.kind == CHARDEV_PTY);
    if (ret < 0 && !retry)
        chardev_fail(c, (int)ret);
    chardev_watch_out(c, ret == -EAGAIN);
    chardev_offer_room(c);
}

static void chardev_out_event(void *opaque, uint32_t events)
{
    (void)events;
    if (!chardev_closing(opaque))
        chardev_drain(opaque);
}

/* ---- input, loop thread -------------------------------------------------- */

static void chardev_help(struct chardev *c)
{
    static const char text[] = "\r\nCtrl-A h    this help\r\n"
                               "Ctrl-A x    end the simulator\r\n"
                               "Ctrl-A Ctrl-A  send Ctrl-A\r\n";
    chardev_write(c, text, sizeof(text) - 1);
}

/* The key after Ctrl-A; true when the guest gets it. */
static bool chardev_escape_key(struct chardev *c, uint8_t key)
{
    switch (key) {
    case CHARDEV_ESCAPE:
        return true;
    case 'x':
    case 'X':
        if (c->cfg.on_quit)
            c->cfg.on_quit(c->cfg.opaque);
        return false;
    case 'h':
    case '?':
        chardev_help(c);
        return false;
    default:
        return false;
    }
}

/* Takes the Ctrl-A keys out of buf, in place; returns what is left. */
static size_t chardev_filter_escapes(struct chardev *c, uint8_t *buf, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool keep = true;
        if (c->escape_seen) {
            c->escape_seen = false;
            keep = chardev_escape_key(c, buf[i]);
        } else if (buf[i] == CHARDEV_ESCAPE) {
            c->escape_seen = true;
            keep = false;
        }
        if (keep)
            buf[kept++] = buf[i];
    }
    return kept;
}

static void chardev_in_event(void *opaque, uint32_t events);

static void chardev_watch_in(struct chardev *c, bool on)
{
    if (on && !c->in_src && !c->in_eof) {
        int err = loop_fd_add(c->loop, c->in_fd, EPOLLIN, chardev_in_event, c, &c->in_src);
        if (err)
            c->in_src = NULL;
    } else if (!on && c->in_src) {
        loop_fd_remove(c->in_src);
        c->in_src = NULL;
    }
}

/* The pty has no reader: stop watching (it would report a hang-up for ever), look again later. */
static void chardev_pty_park(struct chardev *c)
{
    chardev_watch_in(c, false);
    chardev_watch_out(c, false);
    lock_take(&c->lock);
    c->displace = true;
    bool wanted = c->room_wanted;
    c->room_wanted = false;
    lock_drop(&c->lock);
    if (wanted)
        chardev_notify(c, true);
    loop_timer_set(c->pty_timer, clock_now_ns() + CHARDEV_PTY_POLL_NS);
}

static void chardev_pty_timer(void *opaque)
{
    struct chardev *c = opaque;
    struct pollfd p = {.fd = c->in_fd, .events = POLLIN};
    if (chardev_closing(c))
        return;
    if (poll(&p, 1, 0) > 0 && p.revents & POLLHUP)
        return loop_timer_set(c->pty_timer, clock_now_ns() + CHARDEV_PTY_POLL_NS);
    lock_take(&c->lock);
    c->displace = false;
    lock_drop(&c->lock);
    chardev_watch_in(c, true);
    chardev_drain(c);
}

static void chardev_in_end(struct chardev *c)
{
    if (c->cfg.kind == CHARDEV_PTY)
        return chardev_pty_park(c);
    c->in_eof = true;
    chardev_watch_in(c, false);
}

/* Reads once; bytes that the guest may have, 0 to stop reading for now. */
static size_t chardev_fill_once(struct chardev *c)
{
    uint8_t buf[512];
    size_t room = chardev_in_room(c);
    size_t want = c->terminal || room > sizeof(buf) ? sizeof(buf) : room;
    if (!want) {
        chardev_watch_in(c, false);
        return 0;
    }
    if (c->guard_in && !chardev_fd_ready(c->in_fd, POLLIN, 0)) {
        chardev_watch_in(c, true);
        return 0;
    }
    ssize_t n = read(c->in_fd, buf, want);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        chardev_watch_in(c, true);
        return 0;
    }
    if (n <= 0) {
        chardev_in_end(c);
        return 0;
    }
    size_t left = c->escapes ? chardev_filter_escapes(c, buf, (size_t)n) : (size_t)n;
    chardev_in_push(c, buf, left);
    chardev_notify(c, false);
    return (size_t)n;
}

static void chardev_fill(struct chardev *c)
{
    /* Bounded, so that an endless file does not keep the loop from other work. */
    for (int i = 0; i < CHARDEV_ROUNDS && !c->in_eof && c->in_fd >= 0; i++)
        if (!chardev_fill_once(c))
            return;
    if (!c->in_eof && c->in_fd >= 0)
        loop_bell_ring(c->bell);
}

static void chardev_in_event(void *opaque, uint32_t events)
{
    (void)events;
    if (!chardev_closing(opaque))
        chardev_fill(opaque);
}

static void chardev_bell(void *opaque)
{
    struct chardev *c = opaque;
    if (chardev_closing(c))
        return;
    lock_take(&c->lock);
    bool parked = c->displace, input = c->in_wpos != c->in_rpos;
    lock_drop(&c->lock);
    if (!parked && !c->in_src)
        chardev_fill(c);
    if (c->cfg.kind == CHARDEV_MEMORY && input)
        chardev_notify(c, false);
    chardev_drain(c);
}

/* ---- memory -------------------------------------------------------------- */

size_t chardev_memory_type(struct chardev *c, const void *buf, size_t n)
{
    n = chardev_in_push(c, buf, n);
    loop_bell_ring(c->bell);
    return n;
}

size_t chardev_memory_take(struct chardev *c, void *buf, size_t n)
{
    lock_take(&c->lock);
    size_t have = (size_t)(c->out_wpos - c->out_rpos);
    n = n < have ? n : have;
    ring_copy_out(c->out, CHARDEV_OUT_SIZE, c->out_rpos, buf, n);
    c->out_rpos += n;
    bool ring = n && c->room_wanted;
    lock_drop(&c->lock);
    if (ring)
        loop_bell_ring(c->bell);
    return n;
}

/* ---- life ---------------------------------------------------------------- */

/*
 * A descriptor like fd that never blocks, or fd itself with *guard set.  Regular files stay: their
 * offset matters and they do not block.
 */
static int chardev_own_fd(int fd, int flags, bool *own, bool *guard)
{
    struct stat st;
    char path[32];
    *own = *guard = false;
    if (fstat(fd, &st))
        return -errno;
    if (S_ISREG(st.st_mode))
        return fd;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int fresh = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    *own = fresh >= 0;
    *guard = fresh < 0;
    return fresh >= 0 ? fresh : fd;
}

/* A job in the background must not touch the terminal: it would be stopped. */
static bool chardev_in_background(int fd)
{
    pid_t fg = tcgetpgrp(fd);
    return fg >= 0 && fg != getpgrp();
}

static int chardev_open_stdio(struct chardev *c)
{
    bool given = c->cfg.in_fd > 0 || c->cfg.out_fd > 0;
    int in = given ? c->cfg.in_fd : 0, out = given ? c->cfg.out_fd : 1;
    c->escapes = true;
    c->in_fd = chardev_own_fd(in, O_RDONLY, &c->close_in, &c->guard_in);
    c->out_fd = chardev_own_fd(out, O_WRONLY, &c->close_out, &c->guard_out);
    if (c->out_fd >= 0 && c->out_fd == c->in_fd) {
        c->out_fd =
            fcntl(c->out_fd, F_DUPFD_CLOEXEC, 3); /* the loop watches each descriptor once */
        c->close_out = true;
    }
    if (c->out_fd < 0) {
        c->failed = true;
        log_at(LOG_DEV, LOG_WARN, "console: standard output is closed; output is dropped");
    }
    if (c->in_fd >= 0 && isatty(in)) {
        if (chardev_in_background(in)) {
            if (c->close_in)
                close(c->in_fd);
            c->in_fd = -1;
            return 0;
        }
        int err = chardev_terminal_raw(in, c->cfg.keep_signals);
        c->terminal = !err;
        return err;
    }
    return 0;
}

/* The slave is opened once and closed: then the master reports whether anybody has it open. */
static int chardev_pty_prepare(const char *name)
{
    struct termios t;
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (!tcgetattr(fd, &t)) {
        cfmakeraw(&t);
        tcsetattr(fd, TCSANOW, &t);
    }
    close(fd);
    return 0;
}

static int chardev_open_pty(struct chardev *c)
{
    char name[64];
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), err = fd < 0 ? -errno : 0;
    if (!err && (grantpt(fd) || unlockpt(fd)))
        err = -errno;
    if (!err)
        err = -ptsname_r(fd, name, sizeof(name));
    if (!err)
        err = chardev_pty_prepare(name);
    if (err) {
        if (fd >= 0)
            close(fd);
        return error_set(MH_ERROR_DEVICE, err, "console", "pty", "no pseudo terminal: %s",
                         strerror(-err));
    }
    c->in_fd = fd;
    c->out_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the loop watches each descriptor once */
    c->close_in = c->close_out = true;
    c->displace = true;
    if (c->cfg.on_pty)
        c->cfg.on_pty(c->cfg.opaque, name);
    return 0;
}

static int chardev_open_file(struct chardev *c)
{
    const char *path = c->cfg.path;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (fd < 0)
        return error_set(MH_ERROR_DEVICE, -errno, "console", path,
                         "cannot write console output to %s: %s", path, strerror(errno));
    c->out_fd = fd;
    c->close_out = true;
    return 0;
}

static int chardev_open(struct chardev *c)
{
    switch (c->cfg.kind) {
    case CHARDEV_STDIO:
        return chardev_open_stdio(c);
    case CHARDEV_PTY:
        return chardev_open_pty(c);
    case CHARDEV_FILE:
        return chardev_open_file(c);
    case CHARDEV_NONE:
    case CHARDEV_MEMORY:
        return 0;
    }
    return -EINVAL;
}

static void chardev_free(struct chardev *c)
{
    if (c->terminal)
        chardev_restore_terminal();
    if (c->close_in && c->in_fd >= 0)
        close(c->in_fd);
    if (c->close_out && c->out_fd >= 0)
        close(c->out_fd);
    free(c);
}

int chardev_create(struct chardev **out, struct loop *loop, const struct chardev_config *cfg)
{
    *out = NULL;
    struct chardev *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->cfg = *cfg;
    c->loop = loop;
    c->in_fd = c->out_fd = -1;
    lock_init(&c->lock, RANK_BACKEND);
    int err = chardev_open(c);
    if (err)
        goto fail;
    err = loop_bell_add(loop, chardev_bell, c, &c->bell);
    if (err)
        goto fail;
    if (cfg->kind == CHARDEV_PTY) {
        err = loop_timer_add(loop, chardev_pty_timer, c, &c->pty_timer);
        if (err)
            goto fail_timer;
        loop_timer_set(c->pty_timer, clock_now_ns());
    }
    /* The first reading happens on the loop's thread, once it runs. */
    loop_bell_ring(c->bell);
    *out = c;
    return 0;
fail_timer:
    loop_bell_remove(c->bell);
fail:
    chardev_free(c);
    return err;
}

/* Writes what is left, on the thread that destroys. */
static void chardev_flush(struct chardev *c)
{
    ssize_t ret = 1;
    if (c->out_fd < 0 || c->displace || c->failed)
        return;
    while (ret > 0 || ret == -EINTR || ret == -EAGAIN) {
        ret = chardev_drain_chunk(c);
        if (ret == -EAGAIN && !chardev_fd_ready(c->out_fd, POLLOUT, CHARDEV_FLUSH_MS))
            break;
    }
    if (ret < 0)
        log_at(LOG_DEV, LOG_WARN, "console: %llu bytes of output lost: %s",
               (unsigned long long)(c->out_wpos - c->out_rpos), strerror((int)-ret));
}

void chardev_destroy(struct chardev *c)
{
    if (!c)
        return;
    /* Callbacks of one source add and remove the others: after this none does. */
    store_release(&c->closing, 1);
    loop_settle(c->loop);
    if (c->pty_timer)
        loop_timer_remove(c->pty_timer);
    loop_bell_remove(c->bell);
    chardev_watch_in(c, false);
    chardev_watch_out(c, false);
    chardev_flush(c);
    chardev_free(c);
}

bool chardev_window_size(struct chardev *c, unsigned *cols, unsigned *rows)
{
    struct winsize w;
    if (c->out_fd < 0 || ioctl(c->out_fd, TIOCGWINSZ, &w) || !w.ws_col || !w.ws_row)
        return false;
    *cols = w.ws_col;
    *rows = w.ws_row;
    return true;
}
