/* SPDX-License-Identifier: Apache-2.0 */
/* dev/virtio/console.c: output, input, a host that takes nothing, emergency write, resizing. */
#include "tests/unit/dev_virtio_driver.h"

#include "dev/chardev.h"
#include "dev/virtio/console.h"

enum { NUM = 8, RX = 0, TX = 1, W = RING_DESC_WRITE, N = RING_DESC_NEXT };

struct fixture {
    struct drv v;
    struct chardev *c;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct machine_double *m = double_create();
    struct chardev_config cc = {.kind = CHARDEV_MEMORY};
    assert_int_equal(chardev_create(&f->c, m->env.loop, &cc), 0);
    struct virtio_console_config cfg = {f->c};
    struct irq_line line = double_line(m, DRV_IRQ);
    f->v.m = m;
    assert_int_equal(
        dev_create(&f->v.d, &virtio_console_type, &m->env, "hvc0", DRV_BASE, &line, DRV_IRQ, &cfg),
        0);
    drv_start(&f->v, DRV_F_VERSION_1 | DRV_F_INDIRECT | DRV_F_EVENT_IDX | 1, 2, NUM);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dev_destroy(f->v.d);
    chardev_destroy(f->c);
    double_destroy(f->v.m);
    free(f);
    return 0;
}

static void expect_output(struct fixture *f, const char *text)
{
    char buf[64] = "";
    size_t n = 0;
    DOUBLE_WAIT_FOR((n += chardev_memory_take(f->c, buf + n, sizeof(buf) - 1 - n)) >= strlen(text));
    assert_string_equal(buf, text);
}

static void output_in_pieces(void **state)
{
    struct fixture *f = *state;
    memcpy(drv_ptr(&f->v, DRV_BUFFERS), "hello world", 11);
    drv_desc(&f->v, TX, 0, DRV_BUFFERS, 6, N, 1);
    drv_desc(&f->v, TX, 1, DRV_BUFFERS + 6, 5, 0, 0);
    drv_offer(&f->v, TX, 0);
    drv_notify(&f->v, TX);
    assert_int_equal(drv_wait_used(&f->v, TX, NULL), 0);
    expect_output(f, "hello world");
}

static void input_waits_for_buffers(void **state)
{
    struct fixture *f = *state;
    chardev_memory_type(f->c, "abcdefgh", 8);
    usleep(5000);
    assert_int_equal(chardev_readable(f->c), 8);
    drv_desc(&f->v, RX, 0, DRV_BUFFERS, 3, W | N, 1);
    drv_desc(&f->v, RX, 1, DRV_BUFFERS + 16, 2, W, 0);
    drv_offer(&f->v, RX, 0);
    drv_notify(&f->v, RX);
    assert_int_equal(drv_wait_used(&f->v, RX, NULL), 5);
    assert_memory_equal(drv_ptr(&f->v, DRV_BUFFERS), "abc", 3);
    assert_memory_equal(drv_ptr(&f->v, DRV_BUFFERS + 16), "de", 2);
    drv_offer(&f->v, RX, 0);
    drv_notify(&f->v, RX);
    assert_int_equal(drv_wait_used(&f->v, RX, NULL), 3);
    assert_memory_equal(drv_ptr(&f->v, DRV_BUFFERS), "fgh", 3);
    drv_offer(&f->v, RX, 0); /* a buffer that waits for input */
    drv_notify(&f->v, RX);
    usleep(2000);
    assert_false(drv_has_used(&f->v, RX));
    chardev_memory_type(f->c, "!", 1);
    assert_int_equal(drv_wait_used(&f->v, RX, NULL), 1);
    assert_true(DOUBLE_LINE(f->v.m, DRV_IRQ));
}

/* The stream is full: the chain is held, the rest follows in order when there is room. */
static void output_back_pressure(void **state)
{
    struct fixture *f = *state;
    enum { CHUNK = 50000, CHUNKS = 4 };
    static uint8_t got[CHUNK * CHUNKS];
    uint8_t *p = drv_ptr(&f->v, DRV_BUFFERS);
    size_t n = 0;
    for (unsigned i = 0; i < CHUNK * CHUNKS; i++)
        p[i] = (uint8_t)(i % 253);
    for (unsigned i = 0; i < CHUNKS; i++) {
        drv_desc(&f->v, TX, i, DRV_BUFFERS + CHUNK * i, CHUNK, 0, 0);
        drv_offer(&f->v, TX, i);
    }
    drv_notify(&f->v, TX);
    drv_wait_used(&f->v, TX, NULL);
    usleep(5000);
    assert_false(drv_has_used(&f->v, TX));
    DOUBLE_WAIT_FOR((n += chardev_memory_take(f->c, got + n,
                                              30000 < sizeof(got) - n ? 30000 : sizeof(got) - n)) ==
                    sizeof(got));
    for (unsigned i = 1; i < CHUNKS; i++)
        drv_wait_used(&f->v, TX, NULL);
    assert_memory_equal(got, p, sizeof(got));
}

/* A chain that was held when the driver resets is forgotten. */
static void reset_while_output_is_held(void **state)
{
    struct fixture *f = *state;
    static uint8_t sink[1 << 17];
    for (int round = 0; round < 3; round++) {
        drv_desc(&f->v, TX, 0, DRV_BUFFERS, 200000, 0, 0);
        drv_offer(&f->v, TX, 0);
        drv_notify(&f->v, TX);
        usleep(5000);
        assert_false(drv_has_used(&f->v, TX)); /* held: the stream takes 64 KiB */
        drv_start(&f->v, DRV_F_VERSION_1, 2, NUM);
        while (chardev_memory_take(f->c, sink, sizeof(sink)))
            ;
        usleep(2000);
        assert_false(drv_has_used(&f->v, TX));
        while (chardev_memory_take(f->c, sink, sizeof(sink)))
            ;
    }
    memcpy(drv_ptr(&f->v, DRV_BUFFERS), "fresh", 5);
    drv_desc(&f->v, TX, 0, DRV_BUFFERS, 5, 0, 0);
    drv_offer(&f->v, TX, 0);
    drv_notify(&f->v, TX);
    expect_output(f, "fresh");
}

static void emergency_write_needs_no_driver(void **state)
{
    struct fixture *f = *state;
    drv_set(&f->v, 0x70, 0);
    double_write(f->v.m, DRV_BASE + 0x108, 4, 0xffffff00 | '!');
    double_write(f->v.m, DRV_BASE + 0x108, 1, '?');
    double_write(f->v.m, DRV_BASE + 0x10c, 4, 'x');
    expect_output(f, "!?");
}

static void size_and_resize(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(double_read(f->v.m, DRV_BASE + 0x100, 2), 80);
    assert_int_equal(double_read(f->v.m, DRV_BASE + 0x102, 2), 25);
    uint32_t generation = drv_get(&f->v, 0xfc);
    virtio_console_resize(f->v.d, 132, 50);
    assert_int_not_equal(drv_get(&f->v, 0xfc), generation);
    assert_int_equal(double_read(f->v.m, DRV_BASE + 0x100, 4), 50 << 16 | 132);
    assert_int_equal(drv_ack(&f->v), 2);
}

static void wrong_receive_buffer(void **state)
{
    struct fixture *f = *state;
    drv_desc(&f->v, RX, 0, DRV_BUFFERS, 16, 0, 0);
    drv_offer(&f->v, RX, 0);
    chardev_memory_type(f->c, "x", 1);
    drv_notify(&f->v, RX);
    DOUBLE_WAIT_FOR(drv_get(&f->v, 0x70) & VIRTIO_NEEDS_RESET);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(output_in_pieces),           T(input_waits_for_buffers),         T(output_back_pressure),
        T(reset_while_output_is_held), T(emergency_write_needs_no_driver), T(size_and_resize),
        T(wrong_receive_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
