/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host side of a character stream, shared by whoever speaks to the user:
 * the UART, a virtio console, the SBI debug console.
 *
 * Output: anyone writes from any thread; bytes go to a bounded buffer and the
 * I/O thread writes them out.  A full buffer accepts less; the listeners'
 * writable() is then called once there is room again.
 *
 * Input: the I/O thread reads into a bounded buffer and calls the listeners'
 * readable(); whoever wants bytes takes them with chardev_read().  A device
 * that the guest does not use takes none, so several can share one stream.
 * When the buffer is full the host side is not read any more (back pressure);
 * only a terminal is read on, for its Ctrl-A keys, and loses what it types.
 *
 * Locks: functions take RANK_BACKEND and RANK_LOOP; callbacks run on the loop's
 * thread with no lock held.
 */
#ifndef DEV_CHARDEV_H
#define DEV_CHARDEV_H

#include "sim/base/bits.h"
#include "sim/base/loop.h"

enum chardev_kind {
    CHARDEV_NONE,   /* swallows output, gives no input */
    CHARDEV_STDIO,  /* a terminal goes to raw mode; Ctrl-A x ends, Ctrl-A h helps */
    CHARDEV_PTY,    /* a new pseudo terminal; while nobody has it open old output is displaced */
    CHARDEV_FILE,   /* output only, the file is created or truncated */
    CHARDEV_MEMORY, /* chardev_memory_*: for tests and embedding */
};

struct chardev_config {
    enum chardev_kind kind;
    const char *path; /* CHARDEV_FILE */
    int in_fd;        /* CHARDEV_STDIO: used instead of 0 and 1 when either is above 0 */
    int out_fd;
    bool keep_signals; /* terminal: Ctrl-C and Ctrl-Z stay with the simulator */
    void *opaque;      /* of the callbacks below; each may be NULL */
    /* Ctrl-A x was typed. */
    void (*on_quit)(void *opaque);
    /* The pseudo terminal's name; called inside chardev_create. */
    void (*on_pty)(void *opaque, const char *name);
    /* Output failed with -errno (-EPIPE: the reader is gone); called once, later output is dropped.
     */
    void (*on_error)(void *opaque, int err);
};

/* Storage is the caller's, from chardev_listen to chardev_unlisten. */
struct chardev_listener {
    void (*readable)(void *opaque); /* may be NULL */
    void (*writable)(void *opaque); /* may be NULL */
    void *opaque;
    struct chardev_listener *next; /* chardev's */
};

struct chardev;

/* 0 or -errno with the error's words set; *out is NULL then. */
int chardev_create(struct chardev **out, struct loop *loop, const struct chardev_config *cfg);
/*
 * Writes out what is buffered (waits for a slow reader up to 5 s without progress), gives the
 * terminal back and frees.  No listener is left; nobody writes any more.
 */
void chardev_destroy(struct chardev *c);

void chardev_listen(struct chardev *c, struct chardev_listener *l);
/* After it returned no callback of l runs any more. */
void chardev_unlisten(struct chardev *c, struct chardev_listener *l);

/* Takes up to n bytes; returns how many.  Never blocks. */
size_t chardev_write(struct chardev *c, const void *buf, size_t n);
/* Gives up to n bytes of input; 0 when there are none.  Never blocks. */
size_t chardev_read(struct chardev *c, void *buf, size_t n);
/* Bytes of output taken so far; 0 for CHARDEV_NONE. */
uint64_t chardev_written(struct chardev *c);
/* Bytes of output not yet written out, while somebody can take them. */
size_t chardev_pending(struct chardev *c);
/* Bytes of input waiting. */
size_t chardev_readable(struct chardev *c);
/* The terminal's size in characters; false when it has none. */
bool chardev_window_size(struct chardev *c, unsigned *cols, unsigned *rows);

/* CHARDEV_MEMORY: what the user would type (returns bytes accepted), and what was put out. */
size_t chardev_memory_type(struct chardev *c, const void *buf, size_t n);
size_t chardev_memory_take(struct chardev *c, void *buf, size_t n);

/*
 * Gives the terminal its modes back, if a chardev changed them.  Async-signal-safe: for handlers of
 * fatal signals and atexit.
 */
void chardev_restore_terminal(void);

#endif
