/* SPDX-License-Identifier: Apache-2.0 */
/* dev/virtio/blk.c: every request, both back ends, wrong requests, reset with I/O in flight. */
#include "tests/unit/dev_virtio_driver.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "dev/virtio/blk.h"
#include "mem/reserve.h"

enum { SECTORS = 4096, NUM = 64, W = RING_DESC_WRITE, N = RING_DESC_NEXT, I = RING_DESC_INDIRECT };
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2, S_NONE = 0xee };

#define F_RO    (1ull << 5)
#define F_FLUSH (1ull << 9)
#define F_ALL   (DRV_F_VERSION_1 | DRV_F_INDIRECT | DRV_F_EVENT_IDX | F_FLUSH)
#define HEADER  DRV_BUFFERS
#define STATUS  (DRV_BUFFERS + 64)
#define RANGE   (DRV_BUFFERS + 128)
#define DATA    (DRV_BUFFERS + 0x1000)

struct fixture {
    struct drv v;
    char path[64];
};

static void start(struct fixture *f, enum hostfile_backend backend, bool ro, bool snapshot)
{
    struct virtio_blk_config cfg = {.file = {f->path, ro, snapshot, backend}, .serial = "serial-0"};
    drv_create(&f->v, &virtio_blk_type, &cfg);
    drv_start(&f->v, F_ALL, 1, NUM);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->path, "/tmp/mh-blk-XXXXXX");
    int fd = mkstemp(f->path);
    static uint8_t data[SECTORS * 512];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i / 512 * 3 + i);
    assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
    close(fd);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->v.d)
        drv_destroy(&f->v);
    unlink(f->path);
    free(f);
    return 0;
}

static bool uring_allowed(struct fixture *f)
{
    struct loop *loop;
    struct hostfile *h;
    struct hostfile_config cfg = {.path = f->path, .backend = HOSTFILE_URING};
    assert_int_equal(loop_create(&loop), 0);
    int err = hostfile_open(&h, loop, &cfg);
    hostfile_close(h);
    loop_destroy(loop);
    return !err;
}

static void header(struct fixture *f, uint32_t type, uint64_t sector)
{
    uint32_t h[4] = {type, 0, (uint32_t)sector, (uint32_t)(sector >> 32)};
    memcpy(drv_ptr(&f->v, HEADER), h, sizeof(h));
    *(uint8_t *)drv_ptr(&f->v, STATUS) = S_NONE;
}

/* Header, data (of len bytes, may be 0), status in three descriptors; returns the status. */
static unsigned request(struct fixture *f, uint32_t type, uint64_t sector, gpa_t data, uint32_t len,
                        uint32_t *written)
{
    struct drv *v = &f->v;
    bool in = type == T_IN || type == T_GET_ID;
    header(f, type, sector);
    drv_desc(v, 0, 0, HEADER, 16, N, len ? 1 : 2);
    drv_desc(v, 0, 1, data, len, N | (in ? W : 0), 2);
    drv_desc(v, 0, 2, STATUS, 1, W, 0);
    drv_offer(v, 0, 0);
    drv_notify(v, 0);
    uint32_t n = drv_wait_used(v, 0, NULL);
    if (written)
        *written = n;
    return *(uint8_t *)drv_ptr(v, STATUS);
}

static uint8_t pattern(uint64_t i)
{
    return (uint8_t)(i / 512 * 3 + i);
}

static void read_write_flush(struct fixture *f)
{
    struct drv *v = &f->v;
    uint8_t *data = drv_ptr(v, DATA);
    uint32_t n;
    assert_int_equal(request(f, T_IN, 5, DATA, 8192, &n), S_OK);
    assert_int_equal(n, 8193);
    for (unsigned i = 0; i < 8192; i++)
        assert_int_equal(data[i], pattern(5 * 512 + i));
    for (unsigned i = 0; i < 65536; i++)
        data[i] = (uint8_t)(i * 11 + 1);
    assert_int_equal(request(f, T_OUT, 100, DATA, 65536, &n), S_OK);
    assert_int_equal(n, 1);
    assert_int_equal(request(f, T_FLUSH, 0, 0, 0, &n), S_OK);
    assert_int_equal(request(f, T_IN, 99, DATA + 0x20000, 65536, NULL), S_OK);
    assert_memory_equal(drv_ptr(v, DATA + 0x20000 + 512), data, 65536 - 512);
    assert_int_equal(request(f, T_IN, 0, 0, 0, &n), S_OK); /* nothing, which is a multiple of 512 */
    assert_int_equal(n, 1);
}

static void read_write_flush_uring(void **state)
{
    struct fixture *f = *state;
    if (!uring_allowed(f))
        skip();
    start(f, HOSTFILE_URING, false, false);
    read_write_flush(f);
}

static void read_write_flush_threads(void **state)
{
    struct fixture *f = *state;
    start(f, HOSTFILE_THREADS, false, false);
    read_write_flush(f);
}

static void read_write_flush_snapshot(void **state)
{
    struct fixture *f = *state;
    uint8_t byte;
    start(f, HOSTFILE_AUTO, false, true);
    read_write_flush(f);
    int fd = open(f->path, O_RDONLY);
    assert_int_equal(pread(fd, &byte, 1, 100 * 512 + 7), 1);
    assert_int_equal(byte, pattern(100 * 512 + 7));
    close(fd);
}

static void configuration_space(void **state)
{
    struct fixture *f = *state;
    start(f, HOSTFILE_AUTO, false, false);
    gpa_t c = DRV_BASE + 0x100;
    struct machine_double *m = f->v.m;
    assert_int_equal(double_read(m, c, 8), SECTORS);
    assert_int_equal(double_read(m, c, 4), SECTORS);
    assert_int_equal(double_read(m, c + 12, 4), VIRTIO_QUEUE_SIZE - 2);
    assert_int_equal(double_read(m, c + 20, 4), 512);
    assert_int_equal(double_read(m, c + 34, 2), 1);
    assert_int_equal(double_read(m, c + 40, 4), 1); /* max_discard_seg */
    assert_int_equal(double_read(m, c + 52, 4), 1); /* max_write_zeroes_seg */
    assert_int_equal(double_read(m, c + 56, 1), 1); /* write_zeroes_may_unmap */
    assert_int_equal(double_read(m, c + 57, 1), 0);
    assert_int_equal(double_read(m, c + 60, 4), 0);
    assert_int_equal(double_read(m, c + 64, 4), 0);
    double_write(m, c, 8, 1);
    assert_int_equal(double_read(m, c, 8), SECTORS);
    assert_false(drv_offered(&f->v) & F_RO);
}

static void identification(void **state)
{
    struct fixture *f = *state;
    uint32_t n;
    start(f, HOSTFILE_AUTO, false, false);
    char *data = drv_ptr(&f->v, DATA);
    memset(data, 'x', 32);
    assert_int_equal(request(f, T_GET_ID, 0, DATA, 20, &n), S_OK);
    assert_int_equal(n, 21);
    assert_memory_equal(data, "serial-0\0\0\0\0\0\0\0\0\0\0\0\0x", 21);
    memset(data, 'x', 32);
    assert_int_equal(request(f, T_GET_ID, 0, DATA, 4, &n), S_OK);
    assert_memory_equal(data, "serix", 5);
}

/* The header in pieces, data in odd pieces, status at the end of a data descriptor, indirect. */
static void framing_is_the_drivers_choice(void **state)
{
    struct fixture *f = *state;
    struct drv *v = &f->v;
    start(f, HOSTFILE_AUTO, false, false);
    gpa_t table = DRV_BUFFERS + 0x40000;
    uint8_t *data = drv_ptr(v, DATA);
    header(f, T_IN, 7);
    drv_put_desc(v, table, 0, HEADER, 3, N, 1);
    drv_put_desc(v, table, 1, HEADER + 3, 13, N, 2);
    drv_put_desc(v, table, 2, DATA, 100, N | W, 3);
    drv_put_desc(v, table, 3, DATA + 100, 1, N | W, 4);
    drv_put_desc(v, table, 4, DATA + 101, 1024 - 101 + 1, W, 0);
    drv_desc(v, 0, 9, table, 5 * 16, I, 0);
    drv_offer(v, 0, 9);
    drv_notify(v, 0);
    assert_int_equal(drv_wait_used(v, 0, NULL), 1025);
    assert_int_equal(data[1024], S_OK);
    for (unsigned i = 0; i < 1024; i++)
        assert_int_equal(data[i], pattern(7 * 512 + i));
    /* Writing with the header and the data in one descriptor. */
    header(f, T_OUT, 8);
    memcpy(data, drv_ptr(v, HEADER), 16);
    memset(data + 16, 0x5c, 512);
    drv_desc(v, 0, 0, DATA, 16 + 512, N, 1);
    drv_desc(v, 0, 1, STATUS, 1, W, 0);
    drv_offer(v, 0, 0);
    drv_notify(v, 0);
    drv_wait_used(v, 0, NULL);
    assert_int_equal(*(uint8_t *)drv_ptr(v, STATUS), S_OK);
    assert_int_equal(request(f, T_IN, 8, DATA, 512, NULL), S_OK);
    for (unsigned i = 0; i < 512; i++)
        assert_int_equal(data[i], 0x5c);
}

static void put_range(struct fixture *f, uint64_t sector, uint32_t sectors, uint32_t flags)
{
    uint32_t r[4] = {(uint32_t)sector, (uint32_t)(sector >> 32), sectors, flags};
    memcpy(drv_ptr(&f->v, RANGE), r, sizeof(r));
}

static void discard_and_write_zeroes(void **state)
{
    struct fixture *f = *state;
    start(f, HOSTFILE_AUTO, false, false);
    uint8_t *data = drv_ptr(&f->v, DATA);
    put_range(f, 16, 64, 1);
    assert_int_equal(request(f, T_WRITE_ZEROES, 0, RANGE, 16, NULL), S_OK);
    assert_int_equal(request(f, T_IN, 15, DATA, 66 * 512, NULL), S_OK);
    assert_int_equal(data[0], pattern(15 * 512));
    for (unsigned i = 512; i < 65 * 512; i++)
        assert_int_equal(data[i], 0);
    assert_int_equal(data[65 * 512], pattern(80 * 512));
    put_range(f, 200, 8, 0);
    assert_int_equal(request(f, T_DISCARD, 0, RANGE, 16, NULL), S_OK);
    static const struct {
        uint64_t sector;
        uint32_t sectors, flags, type, len;
        unsigned status;
    } bad[] = {
        {0, 8, 1, T_DISCARD, 16, S_UNSUPP},
        {0, 8, 2, T_WRITE_ZEROES, 16, S_UNSUPP},
        {SECTORS, 1, 0, T_DISCARD, 16, S_IOERR},
        {SECTORS - 1, 2, 0, T_WRITE_ZEROES, 16, S_IOERR},
        {UINT64_MAX, 1, 0, T_DISCARD, 16, S_IOERR},
        {0, UINT32_MAX, 0, T_DISCARD, 16, S_IOERR},
        {0, 8, 0, T_DISCARD, 15, S_IOERR},
        {0, 8, 0, T_DISCARD, 32, S_IOERR},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put_range(f, bad[i].sector, bad[i].sectors, bad[i].flags);
        assert_int_equal(request(f, bad[i].type, 0, RANGE, bad[i].len, NULL), bad[i].status);
    }
}

static void wrong_requests_get_a_status(void **state)
{
    struct fixture *f = *state;
    start(f, HOSTFILE_AUTO, false, false);
    static const struct {
        uint32_t type;
        uint64_t sector;
        uint32_t len;
        unsigned status;
    } t[] = {
        {T_IN, SECTORS, 512, S_IOERR},
        {T_IN, SECTORS - 1, 1024, S_IOERR},
        {T_OUT, SECTORS - 1, 1024, S_IOERR},
        {T_IN, UINT64_MAX, 512, S_IOERR},
        {T_IN, UINT64_MAX / 512, 512, S_IOERR},
        {T_IN, 0, 511, S_IOERR},
        {T_OUT, 0, 513, S_IOERR},
        {2, 0, 512, S_UNSUPP},
        {5, 0, 512, S_UNSUPP},
        {14, 0, 512, S_UNSUPP},
        {16, 0, 512, S_UNSUPP},
        {0xffffffff, 0, 512, S_UNSUPP},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(request(f, t[i].type, t[i].sector, DATA, t[i].len, NULL), t[i].status);
    assert_int_equal(drv_get(&f->v, 0x70), DRV_LIVE);
    assert_int_equal(request(f, T_IN, 0, DATA, 512, NULL), S_OK);
}

static void requests_without_header_or_status(void **state)
{
    struct fixture *f = *state;
    struct drv *v = &f->v;
    static const struct {
        uint32_t header, status;
    } t[] = {{15, 1}, {16, 0}, {0, 1}};
    start(f, HOSTFILE_AUTO, false, false);
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        drv_start(v, F_ALL, 1, NUM);
        header(f, T_IN, 0);
        if (t[i].header)
            drv_desc(v, 0, 0, HEADER, t[i].header, t[i].status ? N : 0, 1);
        else
            drv_desc(v, 0, 0, STATUS, 1, W, 0);
        drv_desc(v, 0, 1, STATUS, 1, W, 0);
        drv_offer(v, 0, 0);
        drv_notify(v, 0);
        DOUBLE_WAIT_FOR(drv_get(v, 0x70) & VIRTIO_NEEDS_RESET);
        assert_int_equal(drv_get(v, 0x60), 2);
    }
    drv_start(v, F_ALL, 1, NUM);
    assert_int_equal(request(f, T_IN, 0, DATA, 512, NULL), S_OK);
}

static void read_only_disk(void **state)
{
    struct fixture *f = *state;
    start(f, HOSTFILE_AUTO, true, false);
    assert_true(drv_offered(&f->v) & F_RO);
    put_range(f, 0, 8, 0);
    assert_int_equal(request(f, T_OUT, 0, DATA, 512, NULL), S_IOERR);
    assert_int_equal(request(f, T_WRITE_ZEROES, 0, RANGE, 16, NULL), S_IOERR);
    assert_int_equal(request(f, T_DISCARD, 0, RANGE, 16, NULL), S_IOERR);
    assert_int_equal(request(f, T_FLUSH, 0, 0, 0, NULL), S_OK);
    assert_int_equal(request(f, T_IN, 1, DATA, 512, NULL), S_OK);
    assert_int_equal(*(uint8_t *)drv_ptr(&f->v, DATA), pattern(512));
}

/* A full host: the guest sees an I/O error and the device goes on. */
static void host_write_error(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, low = {4096, RLIM_INFINITY};
    start(f, HOSTFILE_AUTO, false, false);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    low.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &low);
    unsigned status = request(f, T_OUT, 1000, DATA, 512, NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, S_IOERR);
    assert_int_equal(request(f, T_OUT, 1000, DATA, 512, NULL), S_OK);
}

/* Without F_FLUSH a write is complete only when it is on the disk: a flush follows it. */
static void write_through_without_flush(void **state)
{
    struct fixture *f = *state;
    start(f, HOSTFILE_AUTO, false, false);
    drv_start(&f->v, F_ALL & ~F_FLUSH, 1, NUM);
    memset(drv_ptr(&f->v, DATA), 0x77, 4096);
    uint32_t n;
    assert_int_equal(request(f, T_OUT, 40, DATA, 4096, &n), S_OK);
    assert_int_equal(n, 1);
    assert_int_equal(request(f, T_IN, 40, DATA + 4096, 4096, &n), S_OK);
    assert_int_equal(n, 4097);
    assert_memory_equal(drv_ptr(&f->v, DATA), drv_ptr(&f->v, DATA + 4096), 4096);
}

/* A disk read into a line that a hart has reserved: its SC must fail. */
static void reading_kills_reservations(void **state)
{
    struct fixture *f = *state;
    struct reservation in_data, in_status, beside;
    start(f, HOSTFILE_AUTO, false, false);
    struct physmem *pm = f->v.m->env.pm;
    reservation_init(&in_data), reservation_init(&in_status), reservation_init(&beside);
    reservation_load(pm, &in_data, DATA + 256, 8);
    reservation_load(pm, &in_status, STATUS, 4);
    reservation_load(pm, &beside, DATA + 512, 8);
    assert_int_equal(request(f, T_IN, 5, DATA, 512, NULL), S_OK);
    assert_false(reservation_store(pm, &in_data, DATA + 256, 8, 1));
    assert_false(reservation_store(pm, &in_status, STATUS, 4, 1));
    assert_true(reservation_store(pm, &beside, DATA + 512, 8, 1));
    assert_true(physmem_page_flags(pm, DATA) & PAGE_DIRTY);
}

enum { SLOTS = NUM / 4 };

/* SLOTS reads of 64 KiB in flight at once, each into its own buffer. */
static void offer_reads(struct fixture *f)
{
    struct drv *v = &f->v;
    for (unsigned i = 0; i < SLOTS; i++) {
        gpa_t head = DRV_BUFFERS + 32 * i, status = DRV_BUFFERS + 0x800 + i;
        uint32_t h[4] = {T_IN, 0, 128 * i, 0};
        memcpy(drv_ptr(v, head), h, sizeof(h));
        drv_desc(v, 0, 3 * i, head, 16, N, 3 * i + 1);
        drv_desc(v, 0, 3 * i + 1, DATA + 65536ull * i, 65536, N | W, 3 * i + 2);
        drv_desc(v, 0, 3 * i + 2, status, 1, W, 0);
        drv_offer(v, 0, 3 * i);
    }
    drv_notify(v, 0);
}

/* After the reset's write has returned, memory is the driver's: nothing may change it any more. */
static void reset_with_io_in_flight(struct fixture *f, enum hostfile_backend backend)
{
    struct drv *v = &f->v;
    start(f, backend, false, false);
    for (unsigned round = 0; round < 60; round++) {
        offer_reads(f);
        usleep(round * 7); /* somewhere between nothing begun and all done */
        drv_set(v, 0x70, 0);
        assert_int_equal(drv_get(v, 0x70), 0);
        assert_int_equal(drv_get(v, 0x60), 0);
        memset(drv_ptr(v, DRV_BUFFERS), 0xa5, 0x1000 + SLOTS * 65536);
        memset(drv_ptr(v, drv_used_gpa(0)), 0xa5, 0x1000);
        usleep(1500);
        const uint8_t *p = drv_ptr(v, DRV_BUFFERS);
        for (unsigned i = 0; i < 0x1000 + SLOTS * 65536; i++)
            if (p[i] != 0xa5)
                fail_msg("byte %u written after reset %u", i, round);
        assert_int_equal(drv_get16(v, drv_used_gpa(0) + 2), 0xa5a5);
        drv_start(v, F_ALL, 1, NUM);
    }
    offer_reads(f);
    for (unsigned i = 0; i < SLOTS; i++)
        drv_wait_used(v, 0, NULL);
    for (unsigned i = 0; i < SLOTS * 65536; i += 511)
        assert_int_equal(((uint8_t *)drv_ptr(v, DATA))[i], pattern(i));
}

static void reset_uring(void **state)
{
    struct fixture *f = *state;
    if (!uring_allowed(f))
        skip();
    reset_with_io_in_flight(f, HOSTFILE_URING);
}

static void reset_threads(void **state)
{
    reset_with_io_in_flight(*state, HOSTFILE_THREADS);
}

/* The queue alone is stopped: same promise; the device stays up and takes the queue again. */
static void queue_stop_with_io_in_flight(void **state)
{
    struct fixture *f = *state;
    struct drv *v = &f->v;
    start(f, HOSTFILE_AUTO, false, false);
    for (unsigned round = 0; round < 20; round++) {
        offer_reads(f);
        usleep(round * 11);
        drv_set(v, 0x30, 0);
        drv_set(v, 0x44, 0);
        assert_int_equal(drv_get(v, 0x44), 0);
        memset(drv_ptr(v, DATA), 0x5a, SLOTS * 65536);
        usleep(1000);
        for (unsigned i = 0; i < SLOTS * 65536; i++)
            if (((uint8_t *)drv_ptr(v, DATA))[i] != 0x5a)
                fail_msg("byte %u written after the stop %u", i, round);
        drv_queue(v, 0, NUM);
    }
    assert_int_equal(request(f, T_IN, 3, DATA, 512, NULL), S_OK);
}

static void destroyed_with_io_in_flight(void **state)
{
    struct fixture *f = *state;
    start(f, HOSTFILE_AUTO, false, false);
    for (unsigned round = 0; round < 20; round++) {
        offer_reads(f);
        drv_destroy(&f->v);
        start(f, round & 1 ? HOSTFILE_AUTO : HOSTFILE_THREADS, false, false);
    }
    assert_int_equal(request(f, T_IN, 3, DATA, 512, NULL), S_OK);
}

static void several_queues(void **state)
{
    struct fixture *f = *state;
    struct drv *v = &f->v;
    struct virtio_blk_config cfg = {.file = {.path = f->path}, .queues = 3};
    drv_create(v, &virtio_blk_type, &cfg);
    assert_int_equal(double_read(v->m, DRV_BASE + 0x100 + 34, 2), 3);
    drv_start(v, F_ALL | 1ull << 12, 3, NUM);
    for (unsigned q = 0; q < 3; q++) {
        gpa_t h = DRV_BUFFERS + 0x100 * q, data = DATA + 0x1000 * q;
        uint32_t words[4] = {T_IN, 0, 10 + q, 0};
        memcpy(drv_ptr(v, h), words, 16);
        drv_desc(v, q, 0, h, 16, N, 1);
        drv_desc(v, q, 1, data, 512, N | W, 2);
        drv_desc(v, q, 2, h + 64, 1, W, 0);
        drv_offer(v, q, 0);
        drv_notify(v, q);
    }
    for (unsigned q = 0; q < 3; q++) {
        assert_int_equal(drv_wait_used(v, q, NULL), 513);
        assert_int_equal(*(uint8_t *)drv_ptr(v, DATA + 0x1000 * q), pattern((10 + q) * 512));
    }
}

static uint64_t fuzz_next(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed;
}

/* Chains of 1 to 6 buffers, about half of them good requests, from a pool of headers. */
static void fuzz_chain(struct fixture *f, uint64_t *seed, unsigned first)
{
    static const uint32_t types[] = {T_IN, T_OUT, T_FLUSH, T_GET_ID, T_DISCARD, T_WRITE_ZEROES, 99};
    struct drv *v = &f->v;
    uint64_t r = fuzz_next(seed);
    unsigned n = r >> 52 & 63 ? 2 + r % 5 : 1, slot = r >> 8 & 31;
    uint32_t h[8] = {types[r >> 16 & 7 ? r >> 16 & 1 : r >> 19 & 3],
                     0,
                     r >> 24 & 0x1fff,
                     0,
                     r >> 24 & 0xff,
                     0,
                     r >> 40 & 0xff,
                     r >> 50 & 1};
    memcpy(drv_ptr(v, DRV_BUFFERS + 64 * slot), h, sizeof(h));
    for (unsigned i = 0; i < n; i++) {
        uint64_t s = fuzz_next(seed);
        unsigned flags = i + 1 < n ? N : 0;
        uint32_t len = i == 0 ? 16 : i + 1 == n ? 1 : 512u * (1 + (s & 15));
        if (i && (i + 1 == n || h[0] != T_OUT))
            flags |= W;
        if (!(s >> 48 & 63))
            len = 1 + (s >> 20 & 0xfff); /* anything but nothing */
        if (!(s >> 12 & 1023))
            flags ^= s >> 40 & 7;
        drv_desc(v, 0, first + i, i ? DATA + (s >> 32 & 0x1ffff) : DRV_BUFFERS + 64 * slot, len,
                 flags, first + i + 1);
    }
}

static void random_requests(void **state)
{
    struct fixture *f = *state;
    struct drv *v = &f->v;
    const char *given = getenv("MH_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : clock_now_ns() | 1;
    uint64_t end_ns = clock_now_ns() + NS_PER_SEC;
    unsigned resets = 0, answered = 0;
    print_message("    MH_SEED=%#llx\n", (unsigned long long)seed);
    start(f, HOSTFILE_AUTO, false, false);
    while (clock_now_ns() < end_ns) {
        drv_start(v, F_ALL, 1, NUM);
        resets++;
        for (unsigned k = 0; k < 20; k++) {
            for (unsigned i = 0; i < 8; i++) {
                fuzz_chain(f, &seed, 8 * i);
                drv_offer(v, 0, 8 * i);
            }
            drv_notify(v, 0);
            uint64_t stop_ns = clock_now_ns() + 5 * NS_PER_SEC;
            while (drv_get16(v, drv_used_gpa(0) + 2) != v->avail[0] &&
                   !(drv_get(v, 0x70) & VIRTIO_NEEDS_RESET))
                assert_true(clock_now_ns() <
                            stop_ns); /* every request is answered or the device says no */
            answered += 8;
            if (drv_get(v, 0x70) & VIRTIO_NEEDS_RESET)
                break;
        }
    }
    print_message("    %u resets, %u requests\n", resets, answered);
    drv_start(v, F_ALL, 1, NUM);
    assert_int_equal(request(f, T_IN, 0, DATA, 512, NULL), S_OK);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(read_write_flush_uring),
        T(read_write_flush_threads),
        T(read_write_flush_snapshot),
        T(configuration_space),
        T(identification),
        T(framing_is_the_drivers_choice),
        T(discard_and_write_zeroes),
        T(wrong_requests_get_a_status),
        T(requests_without_header_or_status),
        T(read_only_disk),
        T(host_write_error),
        T(write_through_without_flush),
        T(reading_kills_reservations),
        T(reset_uring),
        T(reset_threads),
        T(queue_stop_with_io_in_flight),
        T(destroyed_with_io_in_flight),
        T(several_queues),
        T(random_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
