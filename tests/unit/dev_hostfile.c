/* SPDX-License-Identifier: Apache-2.0 */
/* dev/hostfile.c: both back ends, snapshot, locking, images that cannot be used, host errors. */
#include "tests/unit/dev_double.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dev/hostfile.h"
#include "sim/base/error.h"

enum { IMAGE = 1 << 20 };

struct fixture {
    struct machine_double *m;
    char path[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->m = double_create();
    strcpy(f->path, "/tmp/mh-hostfile-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    static uint8_t data[IMAGE];
    for (size_t i = 0; i < IMAGE; i++)
        data[i] = (uint8_t)(i / 512 + i);
    assert_int_equal(write(fd, data, IMAGE), IMAGE);
    close(fd);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    double_destroy(f->m);
    free(f);
    return 0;
}

static struct hostfile *open_image(struct fixture *f, enum hostfile_backend backend, bool ro,
                                   bool snapshot)
{
    struct hostfile *h;
    struct hostfile_config cfg = {
        .path = f->path, .read_only = ro, .snapshot = snapshot, .backend = backend};
    int err = hostfile_open(&h, f->m->env.loop, &cfg);
    if (err == -ENOTSUP)
        skip(); /* the kernel refuses io_uring */
    assert_int_equal(err, 0);
    return h;
}

/* One request, waited for. */
struct wait_request {
    struct hostfile_request io;
    int err;
    uint32_t done; /* atomic */
};

static void request_done(struct hostfile_request *r, int err)
{
    struct wait_request *w = container_of(r, struct wait_request, io);
    w->err = err;
    store_release(&w->done, 1);
}

static int request(struct hostfile *h, enum hostfile_op op, uint64_t offset, void *buf,
                   uint64_t len)
{
    /* In three pieces, so that vectors are exercised. */
    uint64_t a = len / 3, b = len / 2;
    struct iovec iov[3] = {{buf, a}, {(char *)buf + a, b - a}, {(char *)buf + b, len - b}};
    struct wait_request w = {
        .io = {
            .op = op, .iov = iov, .n_iov = 3, .offset = offset, .len = len, .done = request_done}};
    hostfile_submit(h, &w.io);
    hostfile_kick(h);
    DOUBLE_WAIT_FOR(load_acquire(&w.done));
    return w.err;
}

static void read_write_erase(struct fixture *f, enum hostfile_backend backend, bool snapshot)
{
    static uint8_t out[64 * 512], in[64 * 512], zero[64 * 512];
    struct hostfile *h = open_image(f, backend, false, snapshot);
    assert_int_equal(hostfile_size(h), IMAGE);
    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 31 + 7);
    assert_int_equal(request(h, HOSTFILE_WRITE, 512 * 3, out, sizeof(out)), 0);
    assert_int_equal(request(h, HOSTFILE_FLUSH, 0, NULL, 0), 0);
    assert_int_equal(request(h, HOSTFILE_READ, 512 * 3, in, sizeof(in)), 0);
    assert_memory_equal(in, out, sizeof(in));
    /* Across the edge of what was written. */
    assert_int_equal(request(h, HOSTFILE_READ, 0, in, sizeof(in)), 0);
    for (size_t i = 0; i < 512 * 3; i++)
        assert_int_equal(in[i], (uint8_t)(i / 512 + i));
    assert_memory_equal(in + 512 * 3, out, sizeof(in) - 512 * 3);
    assert_int_equal(request(h, HOSTFILE_ZERO, 512 * 3, NULL, 512 * 10), 0);
    assert_int_equal(request(h, HOSTFILE_READ, 512 * 3, in, sizeof(in)), 0);
    assert_memory_equal(in, zero, 512 * 10);
    assert_memory_equal(in + 512 * 10, out + 512 * 10, sizeof(in) - 512 * 10);
    assert_int_equal(request(h, HOSTFILE_ZERO_UNMAP, 512 * 20, NULL, 512 * 16), 0);
    assert_int_equal(request(h, HOSTFILE_READ, 512 * 19, in, 512 * 18), 0);
    assert_memory_equal(in, out + 512 * 16, 512);
    assert_memory_equal(in + 512, zero, 512 * 16);
    assert_memory_equal(in + 512 * 17, out + 512 * 33, 512);
    assert_int_equal(request(h, HOSTFILE_DISCARD, 512 * 3, NULL, 512 * 10), 0);
    assert_int_equal(request(h, HOSTFILE_READ, IMAGE - 512, in, 512), 0);
    assert_int_equal(request(h, HOSTFILE_READ, IMAGE - 512, in, 1024), -EINVAL);
    assert_int_equal(request(h, HOSTFILE_READ, UINT64_MAX - 511, in, 1024), -EINVAL);
    assert_int_equal(request(h, HOSTFILE_READ, 0, in, 0), 0);
    hostfile_close(h);
}

static void read_write_uring(void **state)
{
    read_write_erase(*state, HOSTFILE_URING, false);
}

static void read_write_threads(void **state)
{
    read_write_erase(*state, HOSTFILE_THREADS, false);
}

/* The guest sees its writes, the image does not change. */
static void snapshot_leaves_the_image_alone(void **state)
{
    struct fixture *f = *state;
    static uint8_t before[IMAGE], after[IMAGE];
    int fd = open(f->path, O_RDONLY);
    assert_int_equal(pread(fd, before, IMAGE, 0), IMAGE);
    read_write_erase(f, HOSTFILE_AUTO, true);
    assert_int_equal(pread(fd, after, IMAGE, 0), IMAGE);
    assert_memory_equal(before, after, IMAGE);
    close(fd);
    assert_int_equal(chmod(f->path, 0400), 0);
    struct hostfile *h = open_image(f, HOSTFILE_AUTO, false, true);
    struct hostfile *other = open_image(f, HOSTFILE_AUTO, false, true); /* several at once */
    assert_int_equal(request(h, HOSTFILE_WRITE, 0, after, 512), 0);
    hostfile_close(other);
    hostfile_close(h);
}

static void read_only_refuses_writes(void **state)
{
    struct fixture *f = *state;
    uint8_t buf[512];
    struct hostfile *h = open_image(f, HOSTFILE_AUTO, true, false);
    assert_true(hostfile_is_read_only(h));
    assert_int_equal(request(h, HOSTFILE_READ, 0, buf, 512), 0);
    assert_int_equal(request(h, HOSTFILE_WRITE, 0, buf, 512), -EROFS);
    assert_int_equal(request(h, HOSTFILE_ZERO, 0, NULL, 512), -EROFS);
    assert_int_equal(request(h, HOSTFILE_DISCARD, 0, NULL, 512), -EROFS);
    assert_int_equal(request(h, HOSTFILE_FLUSH, 0, NULL, 0), 0);
    hostfile_close(h);
}

/* A child holds the image; fork happens before this test has any thread of its own business. */
static void image_held_by_another_process(void **state)
{
    struct fixture *f = *state;
    static const struct {
        bool child_writes, ro, snapshot;
        int err;
    } t[] = {{true, false, false, -EBUSY}, {true, true, false, -EBUSY},
             {true, false, true, -EBUSY},  {false, false, false, -EBUSY},
             {false, true, false, 0},      {false, false, true, 0}};
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        int ready[2], quit[2];
        char c;
        assert_int_equal(pipe(ready) | pipe(quit), 0);
        pid_t pid = fork();
        if (!pid) {
            int fd = open(f->path, t[i].child_writes ? O_RDWR : O_RDONLY);
            struct flock fl = {.l_type = t[i].child_writes ? F_WRLCK : F_RDLCK};
            int bad = fcntl(fd, F_OFD_SETLK, &fl);
            c = bad ? 'b' : 'k';
            close(quit[1]);
            if (write(ready[1], &c, 1) != 1 || read(quit[0], &c, 1) < 0)
                _exit(1);
            _exit(0);
        }
        assert_int_equal(read(ready[0], &c, 1), 1);
        assert_int_equal(c, 'k');
        struct hostfile *h;
        struct hostfile_config cfg = {
            .path = f->path, .read_only = t[i].ro, .snapshot = t[i].snapshot};
        assert_int_equal(hostfile_open(&h, f->m->env.loop, &cfg), t[i].err);
        if (t[i].err)
            assert_non_null(strstr(mh_last_error()->message, "another process"));
        hostfile_close(h);
        close(quit[0]), close(quit[1]), close(ready[0]), close(ready[1]);
        waitpid(pid, NULL, 0);
    }
}

static void one_process_twice(void **state)
{
    struct fixture *f = *state;
    struct hostfile *b, *a = open_image(f, HOSTFILE_AUTO, false, false);
    struct hostfile_config cfg = {.path = f->path};
    assert_int_equal(hostfile_open(&b, f->m->env.loop, &cfg), -EBUSY);
    assert_null(b);
    hostfile_close(a);
    assert_int_equal(hostfile_open(&b, f->m->env.loop, &cfg), 0);
    hostfile_close(b);
}

/* Lets go of the image a moment after somebody else began to open it. */
static void *close_later(void *h)
{
    usleep(100000);
    hostfile_close(h);
    return NULL;
}

/* A killed process's requests hold its lock for a moment longer than it lives. */
static void lock_that_is_about_to_go(void **state)
{
    struct fixture *f = *state;
    struct hostfile *b, *a = open_image(f, HOSTFILE_THREADS, false, false);
    struct hostfile_config cfg = {.path = f->path};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, close_later, a), 0);
    assert_int_equal(hostfile_open(&b, f->m->env.loop, &cfg), 0);
    pthread_join(thread, NULL);
    hostfile_close(b);
}

static void images_that_cannot_be_used(void **state)
{
    struct fixture *f = *state;
    char fifo[80], odd[80], empty[80];
    snprintf(fifo, sizeof(fifo), "%s.fifo", f->path);
    snprintf(odd, sizeof(odd), "%s.odd", f->path);
    snprintf(empty, sizeof(empty), "%s.empty", f->path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    close(open(empty, O_CREAT | O_WRONLY, 0600));
    int fd = open(odd, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    const struct {
        const char *path;
        int err;
        const char *words;
    } t[] = {{"/tmp", -EISDIR, "irectory"},
             {"/nonexistent.img", -ENOENT, "No such file"},
             {empty, -EINVAL, "is empty"},
             {odd, -EINVAL, "1 bytes, is not a multiple of 512"},
             {fifo, -EINVAL, "neither a file nor a block device"},
             {"/dev/null", -EINVAL, "neither a file nor a block device"}};
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        for (int ro = 0; ro < 2; ro++) {
            struct hostfile *h;
            struct hostfile_config cfg = {.path = t[i].path, .read_only = ro};
            assert_int_equal(hostfile_open(&h, f->m->env.loop, &cfg), t[i].err);
            assert_null(h);
            assert_non_null(strstr(mh_last_error()->message, t[i].path));
            assert_non_null(strstr(mh_last_error()->message, t[i].words));
        }
    }
    unlink(fifo), unlink(odd), unlink(empty);
}

/* The host refuses a write (here by the file size limit) and a read (the image was cut). */
static void host_errors_reach_the_caller(struct fixture *f, enum hostfile_backend backend)
{
    uint8_t buf[1024] = {0};
    struct rlimit old, low = {4096, RLIM_INFINITY};
    struct hostfile *h = open_image(f, backend, false, false);
    assert_int_equal(truncate(f->path, 8192), 0);
    assert_int_equal(request(h, HOSTFILE_READ, 65536, buf, sizeof(buf)), -EIO);
    assert_int_equal(request(h, HOSTFILE_READ, 8192 - 512, buf, sizeof(buf)), -EIO);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    low.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &low);
    int err = request(h, HOSTFILE_WRITE, 65536, buf, sizeof(buf));
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(err, -EFBIG);
    assert_int_equal(request(h, HOSTFILE_READ, 0, buf, sizeof(buf)), 0); /* and goes on */
    hostfile_close(h);
}

static void host_errors_uring(void **state)
{
    host_errors_reach_the_caller(*state, HOSTFILE_URING);
}

static void host_errors_threads(void **state)
{
    host_errors_reach_the_caller(*state, HOSTFILE_THREADS);
}

enum { MANY = 1000 };

static uint32_t many_done;

static void many_request_done(struct hostfile_request *r, int err)
{
    (void)r;
    if (!err)
        fetch_add_acq_rel(&many_done, 1);
}

/* More requests than the ring holds; drain returns when the host is through, close runs the rest.
 */
static void many_requests_and_drain(struct fixture *f, enum hostfile_backend backend)
{
    static struct hostfile_request r[MANY];
    static struct iovec iov[MANY];
    static uint8_t buf[MANY][512];
    struct hostfile *h = open_image(f, backend, false, false);
    many_done = 0;
    memset(buf, 0, sizeof(buf));
    for (unsigned i = 0; i < MANY; i++) {
        iov[i] = (struct iovec){buf[i], 512};
        r[i] = (struct hostfile_request){.op = HOSTFILE_READ,
                                         .iov = &iov[i],
                                         .n_iov = 1,
                                         .offset = 512ull * i,
                                         .len = 512,
                                         .done = many_request_done};
        hostfile_submit(h, &r[i]);
    }
    hostfile_drain(h);
    for (unsigned i = 0; i < MANY; i++)
        for (unsigned j = 0; j < 512; j += 73)
            assert_int_equal(buf[i][j], (uint8_t)(i + 512 * i + j));
    hostfile_close(h);
    assert_int_equal(load_acquire(&many_done), MANY);
}

static void many_uring(void **state)
{
    many_requests_and_drain(*state, HOSTFILE_URING);
}

static void many_threads(void **state)
{
    many_requests_and_drain(*state, HOSTFILE_THREADS);
}

/* Sectors of the guest's own chaos: only that nobody else's memory or request suffers. */
static void buffer_that_a_hart_uses(void **state)
{
    struct fixture *f = *state;
    struct storing_hart hart;
    static uint8_t buf[4096];
    struct hostfile *h = open_image(f, HOSTFILE_THREADS, false, false);
    storing_hart_start(&hart, buf, sizeof(buf));
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(request(h, HOSTFILE_WRITE, 0, buf, sizeof(buf)), 0);
        assert_int_equal(request(h, HOSTFILE_READ, 4096, buf, sizeof(buf)), 0);
    }
    storing_hart_stop(&hart);
    hostfile_close(h);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(read_write_uring),
        T(read_write_threads),
        T(snapshot_leaves_the_image_alone),
        T(read_only_refuses_writes),
        T(image_held_by_another_process),
        T(one_process_twice),
        T(lock_that_is_about_to_go),
        T(images_that_cannot_be_used),
        T(host_errors_uring),
        T(host_errors_threads),
        T(many_uring),
        T(many_threads),
        T(buffer_that_a_hart_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
