/* SPDX-License-Identifier: Apache-2.0 */
/* dev/chardev.c: pipes, a terminal (through a pty), a pty of our own, files, broken readers. */
#include "tests/unit/dev_double.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <termios.h>

#include "dev/chardev.h"
#include "sim/base/error.h"

struct record {
    uint32_t quits, errors, readable, writable; /* atomic */
    int err;
    char pty[64];
};

static void on_quit(void *opaque)
{
    fetch_add_acq_rel(&((struct record *)opaque)->quits, 1);
}

static void on_error(void *opaque, int err)
{
    struct record *r = opaque;
    store_release(&r->err, err);
    fetch_add_acq_rel(&r->errors, 1);
}

static void on_pty(void *opaque, const char *name)
{
    struct record *r = opaque;
    snprintf(r->pty, sizeof(r->pty), "%s", name);
}

static void on_readable(void *opaque)
{
    fetch_add_acq_rel(&((struct record *)opaque)->readable, 1);
}

static void on_writable(void *opaque)
{
    fetch_add_acq_rel(&((struct record *)opaque)->writable, 1);
}

static struct chardev *open_stdio(struct machine_double *m, struct record *r, int in, int out)
{
    struct chardev *c;
    struct chardev_config cfg = {.kind = CHARDEV_STDIO,
                                 .in_fd = in,
                                 .out_fd = out,
                                 .opaque = r,
                                 .on_quit = on_quit,
                                 .on_error = on_error};
    assert_int_equal(chardev_create(&c, m->env.loop, &cfg), 0);
    return c;
}

/* Reads exactly n bytes within 5 s. */
static void expect_bytes(int fd, const char *text)
{
    char buf[256] = "";
    size_t n = strlen(text), got = 0;
    uint64_t end_ns = clock_now_ns() + 5 * NS_PER_SEC;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (got < n && clock_now_ns() < end_ns) {
        ssize_t ret = read(fd, buf + got, n - got);
        if (ret > 0)
            got += (size_t)ret;
        else
            usleep(500);
    }
    buf[got] = 0;
    assert_string_equal(buf, text);
}

static void pipes_in_and_out_with_escapes(void **state)
{
    struct machine_double *m = double_create();
    struct record r = {0};
    struct chardev_listener l = {on_readable, on_writable, &r, NULL};
    int in[2], out[2];
    char buf[64] = "";
    (void)state;
    assert_int_equal(pipe(in) | pipe(out), 0);
    struct chardev *c = open_stdio(m, &r, in[0], out[1]);
    chardev_listen(c, &l);
    assert_int_equal(chardev_write(c, "out\n", 4), 4);
    expect_bytes(out[0], "out\n");
    assert_int_equal(write(in[1], "a\1\1b\1zc\1xd", 10), 10);
    DOUBLE_WAIT_FOR(load_acquire(&r.quits) == 1);
    DOUBLE_WAIT_FOR(chardev_readable(c) == 5);
    assert_true(load_acquire(&r.readable) > 0);
    assert_int_equal(chardev_read(c, buf, sizeof(buf)), 5);
    assert_memory_equal(buf, "a\1bcd", 5);
    assert_int_equal(write(in[1], "\1h", 2), 2);
    expect_bytes(out[0], "\r\nCtrl-A h");
    close(in[1]); /* end of input: only that */
    usleep(20000);
    assert_int_equal(chardev_write(c, "still", 5), 5);
    chardev_unlisten(c, &l);
    chardev_destroy(c);
    assert_int_equal(load_acquire(&r.errors), 0);
    close(in[0]), close(out[0]), close(out[1]);
    double_destroy(m);
}

/* A pipe that nobody reads for a while fills up; input waits in it; nothing is lost. */
static void input_back_pressure(void **state)
{
    struct machine_double *m = double_create();
    struct record r = {0};
    enum { N = 40000 };
    int in[2], out[2];
    static uint8_t data[N], got[N];
    (void)state;
    assert_int_equal(pipe(in) | pipe(out), 0);
    for (unsigned i = 0; i < N; i++)
        data[i] = (uint8_t)(2 + i % 250); /* no Ctrl-A */
    assert_int_equal(write(in[1], data, N), N);
    close(in[1]);
    struct chardev *c = open_stdio(m, &r, in[0], out[1]);
    DOUBLE_WAIT_FOR(chardev_readable(c) == 4096);
    for (size_t n = 0; n < N;) {
        DOUBLE_WAIT_FOR(chardev_readable(c));
        n += chardev_read(c, got + n, 1000);
    }
    assert_memory_equal(data, got, N);
    chardev_destroy(c);
    close(in[0]), close(out[0]), close(out[1]);
    double_destroy(m);
}

struct writer {
    struct chardev *c;
    char id;
};

enum { WRITERS = 4, LINES = 2000 };

static void *write_lines(void *opaque)
{
    struct writer *w = opaque;
    char line[16];
    for (int i = 0; i < LINES; i++) {
        memset(line, w->id, 9);
        line[9] = '\n';
        for (size_t done = 0; done < 10;)
            done += chardev_write(w->c, line + done, 10 - done);
    }
    return NULL;
}

/* Several threads write, the machine ends, everything is in the file. */
static void nothing_is_lost_at_the_end(void **state)
{
    struct machine_double *m = double_create();
    char path[] = "/tmp/mh-chardev-XXXXXX";
    struct chardev *c;
    pthread_t t[WRITERS];
    struct writer w[WRITERS];
    unsigned count[256] = {0};
    struct stat st;
    (void)state;
    close(mkstemp(path));
    struct chardev_config cfg = {.kind = CHARDEV_FILE, .path = path};
    assert_int_equal(chardev_create(&c, m->env.loop, &cfg), 0);
    for (int i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){c, (char)('a' + i)};
        pthread_create(&t[i], NULL, write_lines, &w[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(t[i], NULL);
    chardev_destroy(c);
    FILE *in = fopen(path, "r");
    assert_int_equal(fstat(fileno(in), &st), 0);
    assert_int_equal(st.st_size, WRITERS * LINES * 10);
    for (int ch; (ch = getc(in)) != EOF;)
        count[ch]++;
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(count['a' + i], LINES * 9);
    fclose(in);
    unlink(path);
    double_destroy(m);
}

/* A slow reader: the buffer is full, the writer is told when there is room, destroy flushes. */
static void output_room_is_announced(void **state)
{
    struct machine_double *m = double_create();
    struct record r = {0};
    struct chardev_listener l = {NULL, on_writable, &r, NULL};
    static char data[1 << 20];
    int out[2];
    (void)state;
    assert_int_equal(pipe(out), 0);
    int null = open("/dev/null", O_RDONLY);
    struct chardev *c = open_stdio(m, &r, null, out[1]);
    chardev_listen(c, &l);
    memset(data, 'x', sizeof(data));
    size_t sent = 0, got = 0;
    /* Until pipe and buffer are both full; on a busy machine the first write to the pipe waits. */
    for (int idle = 0; idle < (sent > 65536 ? 20 : 20000);) {
        size_t n = chardev_write(c, data, 5000);
        sent += n;
        idle = n ? 0 : idle + 1;
        usleep(n ? 0 : 1000);
    }
    assert_true(sent > 65536);
    uint32_t before = load_acquire(&r.writable);
    close(out[1]);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    DOUBLE_WAIT_FOR(({
        ssize_t k = read(out[0], data, sizeof(data));
        got += k > 0 ? (size_t)k : 0;
        load_acquire(&r.writable) > before;
    }));
    chardev_unlisten(c, &l);
    DOUBLE_WAIT_FOR(({
        ssize_t k = read(out[0], data, sizeof(data));
        got += k > 0 ? (size_t)k : 0;
        got == sent;
    }));
    chardev_destroy(c);
    close(out[0]), close(null);
    double_destroy(m);
}

/* The last bytes leave, and the stream goes while the loop stops watching its descriptor. */
static void destroyed_as_the_last_byte_leaves(void **state)
{
    enum { PIPE = 4096, N = PIPE + 512, ROUNDS = 2000 };
    struct machine_double *m = double_create();
    struct record r = {0};
    static char data[N], got[N];
    (void)state;
    memset(data, 'y', sizeof(data));
    int null = open("/dev/null", O_RDONLY);
    for (unsigned round = 0; round < ROUNDS; round++) {
        int out[2];
        assert_int_equal(pipe2(out, O_NONBLOCK), 0);
        fcntl(out[1], F_SETPIPE_SZ, PIPE);
        struct chardev *c = open_stdio(m, &r, null, out[1]);
        assert_int_equal(chardev_write(c, data, N), N);
        DOUBLE_WAIT_FOR(chardev_pending(c) == N - PIPE); /* the pipe is full: it is watched */
        for (size_t n = 0; n < N;) {
            ssize_t k = read(out[0], got + n, N - n);
            n += k > 0 ? (size_t)k : 0;
        }
        for (volatile unsigned spin = 0; spin < round % 500 * 20; spin++)
            ; /* another moment in each round */
        chardev_destroy(c);
        assert_memory_equal(data, got, N);
        close(out[0]), close(out[1]);
    }
    close(null);
    double_destroy(m);
}

static void closed_pipe_is_reported_once(void **state)
{
    struct machine_double *m = double_create();
    struct record r = {0};
    int out[2];
    (void)state;
    signal(SIGPIPE, SIG_DFL); /* it would end the test */
    assert_int_equal(pipe(out), 0);
    int null = open("/dev/null", O_RDONLY);
    struct chardev *c = open_stdio(m, &r, null, out[1]);
    close(out[0]);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(chardev_write(c, "abc", 3), 3);
        usleep(1000);
    }
    DOUBLE_WAIT_FOR(load_acquire(&r.errors) == 1);
    assert_int_equal(load_acquire(&r.err), -EPIPE);
    assert_int_equal(chardev_write(c, "abc", 3), 3); /* dropped, not stuck */
    chardev_destroy(c);
    assert_int_equal(load_acquire(&r.errors), 1);
    close(out[1]), close(null);
    double_destroy(m);
}

/* stdio on a terminal: raw while open, as before afterwards; Ctrl-C goes to the guest. */
static void terminal_is_raw_and_restored(void **state)
{
    struct machine_double *m = double_create();
    struct record r = {0};
    struct termios before, during, after;
    char buf[16] = "";
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_int_equal(grantpt(master) | unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    tcgetattr(slave, &before);
    struct chardev *c = open_stdio(m, &r, slave, slave);
    tcgetattr(slave, &during);
    assert_false(during.c_lflag & (ICANON | ECHO | ISIG));
    assert_true(during.c_oflag & OPOST);
    assert_int_equal(write(master, "k\003\r", 3), 3);
    DOUBLE_WAIT_FOR(chardev_readable(c) == 3);
    chardev_read(c, buf, sizeof(buf));
    assert_memory_equal(buf, "k\003\r", 3);
    chardev_write(c, "hi", 2);
    expect_bytes(master, "hi");
    /* A guest that takes no input cannot keep Ctrl-A x from working. */
    for (int i = 0; i < 8; i++) {
        char flood[1024];
        memset(flood, 'f', sizeof(flood));
        for (size_t done = 0; done < sizeof(flood);) {
            ssize_t n = write(master, flood + done, sizeof(flood) - done);
            done += n > 0 ? (size_t)n : 0;
        }
        usleep(2000);
    }
    assert_int_equal(write(master, "\1x", 2), 2);
    DOUBLE_WAIT_FOR(load_acquire(&r.quits) == 1);
    chardev_restore_terminal(); /* as a signal handler would */
    tcgetattr(slave, &after);
    assert_int_equal(after.c_lflag, before.c_lflag);
    chardev_destroy(c);
    c = open_stdio(m, &r, slave, slave);
    chardev_destroy(c);
    tcgetattr(slave, &after);
    assert_int_equal(after.c_lflag, before.c_lflag);
    assert_int_equal(after.c_iflag, before.c_iflag);
    close(master), close(slave);
    double_destroy(m);
}

static void pty_of_our_own(void **state)
{
    struct machine_double *m = double_create();
    struct record r = {0};
    struct chardev *c;
    static char flood[200000];
    (void)state;
    struct chardev_config cfg = {.kind = CHARDEV_PTY, .opaque = &r, .on_pty = on_pty};
    assert_int_equal(chardev_create(&c, m->env.loop, &cfg), 0);
    assert_non_null(strstr(r.pty, "/dev/pts/"));
    memset(flood, '.', sizeof(flood));
    for (size_t i = 0; i < sizeof(flood); i += 1000) /* nobody listens: never stuck */
        assert_int_equal(chardev_write(c, flood, 1000), 1000);
    for (int round = 0; round < 2; round++) { /* come, go, come again */
        int slave = open(r.pty, O_RDWR | O_NOCTTY);
        assert_true(slave >= 0);
        if (!round) {
            size_t got = 0;
            fcntl(slave, F_SETFL, O_NONBLOCK);
            DOUBLE_WAIT_FOR(({
                ssize_t n = read(slave, flood, sizeof(flood));
                got += n > 0 ? (size_t)n : 0;
                got >= 65536;
            }));
        }
        chardev_write(c, "prompt", 6);
        expect_bytes(slave, "prompt");
        assert_int_equal(write(slave, "cmd", 3), 3);
        char buf[8];
        DOUBLE_WAIT_FOR(chardev_readable(c) == 3);
        assert_int_equal(chardev_read(c, buf, 8), 3);
        close(slave);
        usleep(250000);
    }
    chardev_destroy(c);
    double_destroy(m);
}

static void file_that_cannot_be_written(void **state)
{
    struct machine_double *m = double_create();
    struct chardev *c;
    (void)state;
    struct chardev_config cfg = {.kind = CHARDEV_FILE, .path = "/nonexistent/console.txt"};
    assert_int_equal(chardev_create(&c, m->env.loop, &cfg), -ENOENT);
    assert_null(c);
    assert_non_null(strstr(mh_last_error()->message, "/nonexistent/console.txt"));
    cfg.path = "/tmp";
    assert_int_equal(chardev_create(&c, m->env.loop, &cfg), -EISDIR);
    double_destroy(m);
}

static void full_device_is_reported(void **state)
{
    struct machine_double *m = double_create();
    struct record r = {0};
    struct chardev *c;
    (void)state;
    struct chardev_config cfg = {
        .kind = CHARDEV_FILE, .path = "/dev/full", .opaque = &r, .on_error = on_error};
    assert_int_equal(chardev_create(&c, m->env.loop, &cfg), 0);
    chardev_write(c, "x", 1);
    DOUBLE_WAIT_FOR(load_acquire(&r.errors) == 1);
    assert_int_equal(load_acquire(&r.err), -ENOSPC);
    chardev_destroy(c);
    double_destroy(m);
}

static void closed_descriptors_do_no_harm(void **state)
{
    struct machine_double *m = double_create();
    struct record r = {0};
    (void)state;
    struct chardev *c = open_stdio(m, &r, 998, 999); /* not open */
    for (int i = 0; i < 100; i++)
        assert_int_equal(chardev_write(c, "0123456789", 10), 10);
    chardev_destroy(c);
    double_destroy(m);
}

/* The virtio console passes guest memory. */
static void buffer_that_a_hart_uses(void **state)
{
    struct machine_double *m = double_create();
    struct storing_hart hart;
    struct chardev *c;
    static uint8_t out[4096], in[4096];
    int fds[2];
    (void)state;
    assert_int_equal(pipe(fds), 0);
    int null = open("/dev/null", O_WRONLY);
    struct record r = {0};
    c = open_stdio(m, &r, fds[0], null);
    storing_hart_start(&hart, out, sizeof(out));
    for (unsigned i = 0; i < 100; i++) {
        size_t n = 0;
        DOUBLE_WAIT_FOR(n || (n = chardev_write(c, out, sizeof(out))));
    }
    storing_hart_stop(&hart);
    storing_hart_start(&hart, in, sizeof(in));
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(write(fds[1], "some text", 9), 9);
        size_t n = 0;
        DOUBLE_WAIT_FOR(n || (n = chardev_read(c, in, sizeof(in))));
    }
    storing_hart_stop(&hart);
    chardev_destroy(c);
    double_destroy(m);
    close(fds[0]);
    close(fds[1]);
    close(null);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipes_in_and_out_with_escapes),
        cmocka_unit_test(input_back_pressure),
        cmocka_unit_test(nothing_is_lost_at_the_end),
        cmocka_unit_test(output_room_is_announced),
        cmocka_unit_test(destroyed_as_the_last_byte_leaves),
        cmocka_unit_test(closed_pipe_is_reported_once),
        cmocka_unit_test(terminal_is_raw_and_restored),
        cmocka_unit_test(pty_of_our_own),
        cmocka_unit_test(file_that_cannot_be_written),
        cmocka_unit_test(full_device_is_reported),
        cmocka_unit_test(closed_descriptors_do_no_harm),
        cmocka_unit_test(buffer_that_a_hart_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
