/* SPDX-License-Identifier: Apache-2.0 */
/* dev/virtio/mmio.c: registers, handshake, queue setup, interrupts, the empty slot. */
#include "tests/unit/dev_virtio_driver.h"

#include "dev/virtio/rng.h"

static int setup(void **state)
{
    struct drv *v = calloc(1, sizeof(*v));
    drv_create(v, &virtio_rng_type, NULL);
    *state = v;
    return 0;
}

static int teardown(void **state)
{
    drv_destroy(*state);
    free(*state);
    return 0;
}

static void identity(void **state)
{
    struct drv *v = *state;
    uint64_t x;
    assert_int_equal(drv_get(v, 0x00), 0x74726976);
    assert_int_equal(drv_get(v, 0x04), 2);
    assert_int_equal(drv_get(v, 0x08), 4);
    assert_true(drv_offered(v) & DRV_F_VERSION_1);
    drv_set(v, 0x14, 2);
    assert_int_equal(drv_get(v, 0x10), 0);
    assert_int_equal(drv_get(v, 0xb0), UINT32_MAX);
    assert_int_equal(drv_get(v, 0xbc), UINT32_MAX);
    assert_false(mmio_read(v->m->env.mmio, DRV_BASE, 1, &x));
    assert_false(mmio_read(v->m->env.mmio, DRV_BASE, 8, &x));
    assert_int_equal(double_read(v->m, DRV_BASE + 0x100, 1), 0); /* no configuration space */
    assert_int_equal(double_read(v->m, DRV_BASE + 0xff8, 8), 0);
    double_write(v->m, DRV_BASE + 0x100, 8, ~0ull);
}

static void modern_driver_is_mandatory(void **state)
{
    struct drv *v = *state;
    drv_features(v, 0);
    assert_int_equal(drv_get(v, 0x70), DRV_ACK_DRIVER);
    drv_features(v, DRV_F_VERSION_1 | 1); /* not offered */
    assert_int_equal(drv_get(v, 0x70), DRV_ACK_DRIVER);
    drv_set(v, 0x70, DRV_LIVE & ~VIRTIO_FEATURES_OK); /* DRIVER_OK without FEATURES_OK */
    assert_int_equal(drv_get(v, 0x70), DRV_ACK_DRIVER);
    drv_features(v, DRV_F_VERSION_1);
    assert_int_equal(drv_get(v, 0x70), DRV_ACK_DRIVER | VIRTIO_FEATURES_OK);
    drv_set(v, 0x70, VIRTIO_FAILED);
    assert_int_equal(drv_get(v, 0x70), DRV_ACK_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_FAILED);
    drv_set(v, 0x70, 0);
    assert_int_equal(drv_get(v, 0x70), 0);
}

static void queue_registers(void **state)
{
    struct drv *v = *state;
    drv_features(v, DRV_F_VERSION_1);
    drv_set(v, 0x30, 0);
    assert_int_equal(drv_get(v, 0x34), VIRTIO_QUEUE_SIZE);
    drv_set(v, 0x30, 1);
    assert_int_equal(drv_get(v, 0x34), 0);
    drv_set(v, 0x44, 1);
    assert_int_equal(drv_get(v, 0x44), 0);
    drv_set(v, 0x30, 0xffffffff);
    assert_int_equal(drv_get(v, 0x34), 0);
    drv_queue(v, 0, 8);
    assert_int_equal(drv_get(v, 0x44), 1);
    drv_set(v, 0x38, 3); /* ignored while ready */
    drv_set(v, 0x44, 1);
    assert_int_equal(drv_get(v, 0x44), 1);
    drv_set(v, 0x44, 0);
    assert_int_equal(drv_get(v, 0x44), 0);
    drv_queue(v, 0, 16);
    drv_set(v, 0x70, 0);
    drv_set(v, 0x30, 0);
    assert_int_equal(drv_get(v, 0x44), 0);
    assert_int_equal(drv_get(v, 0x70), 0);
}

/* Sizes and addresses that cannot be used: the queue stays off, the device needs a reset. */
static void bad_queues(void **state)
{
    struct drv *v = *state;
    const uint64_t end = DOUBLE_RAM_BASE + DOUBLE_RAM_SIZE;
    const struct {
        uint32_t num;
        uint64_t desc, avail, used;
    } t[] = {
        {0, DOUBLE_RAM_BASE, DOUBLE_RAM_BASE + 0x4000, DOUBLE_RAM_BASE + 0x8000},
        {3, DOUBLE_RAM_BASE, DOUBLE_RAM_BASE + 0x4000, DOUBLE_RAM_BASE + 0x8000},
        {512, DOUBLE_RAM_BASE, DOUBLE_RAM_BASE + 0x4000, DOUBLE_RAM_BASE + 0x8000},
        {0x10008, DOUBLE_RAM_BASE, DOUBLE_RAM_BASE + 0x4000, DOUBLE_RAM_BASE + 0x8000},
        {8, DOUBLE_RAM_BASE + 8, DOUBLE_RAM_BASE + 0x4000, DOUBLE_RAM_BASE + 0x8000},
        {8, DOUBLE_RAM_BASE, DOUBLE_RAM_BASE + 0x4001, DOUBLE_RAM_BASE + 0x8000},
        {8, DOUBLE_RAM_BASE, DOUBLE_RAM_BASE + 0x4000, DOUBLE_RAM_BASE + 0x8002},
        {8, 0, DOUBLE_RAM_BASE + 0x4000, DOUBLE_RAM_BASE + 0x8000},
        {8, end - 64, DOUBLE_RAM_BASE + 0x4000, DOUBLE_RAM_BASE + 0x8000},
        {8, DOUBLE_RAM_BASE, end - 4, DOUBLE_RAM_BASE + 0x8000},
        {8, DOUBLE_RAM_BASE, DOUBLE_RAM_BASE + 0x4000, end - 4},
        {8, DOUBLE_RAM_BASE, DOUBLE_RAM_BASE + 0x4000, 0xfffffffffffffffc},
        {8, DOUBLE_RAM_BASE, DOUBLE_RAM_BASE + 0x4000, DRV_BASE},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        drv_features(v, DRV_F_VERSION_1);
        drv_set(v, 0x30, 0);
        drv_set(v, 0x38, t[i].num);
        drv_set(v, 0x80, (uint32_t)t[i].desc), drv_set(v, 0x84, (uint32_t)(t[i].desc >> 32));
        drv_set(v, 0x90, (uint32_t)t[i].avail), drv_set(v, 0x94, (uint32_t)(t[i].avail >> 32));
        drv_set(v, 0xa0, (uint32_t)t[i].used), drv_set(v, 0xa4, (uint32_t)(t[i].used >> 32));
        drv_set(v, 0x44, 1);
        assert_int_equal(drv_get(v, 0x44), 0);
        assert_true(drv_get(v, 0x70) & VIRTIO_NEEDS_RESET);
        assert_int_equal(drv_get(v, 0x60), 0); /* not before DRIVER_OK */
        drv_set(v, 0x70, drv_get(v, 0x70) | VIRTIO_DRIVER_OK);
        assert_int_equal(drv_get(v, 0x60), 2);
        assert_int_equal(DOUBLE_LINE(v->m, DRV_IRQ), 1);
        drv_notify(v, 0);
    }
    drv_set(v, 0x70, 0);
    assert_int_equal(DOUBLE_LINE(v->m, DRV_IRQ), 0);
}

static void interrupt_and_acknowledge(void **state)
{
    struct drv *v = *state;
    drv_start(v, DRV_F_VERSION_1, 1, 8);
    drv_desc(v, 0, 0, DRV_BUFFERS, 64, RING_DESC_WRITE, 0);
    drv_offer(v, 0, 0);
    drv_notify(v, 0);
    assert_int_equal(drv_wait_used(v, 0, NULL), 64);
    DOUBLE_WAIT_FOR(DOUBLE_LINE(v->m, DRV_IRQ));
    assert_int_equal(drv_get(v, 0x60), 1);
    drv_set(v, 0x64, 2); /* another cause: stays */
    assert_int_equal(DOUBLE_LINE(v->m, DRV_IRQ), 1);
    assert_int_equal(drv_ack(v), 1);
    assert_int_equal(DOUBLE_LINE(v->m, DRV_IRQ), 0);
    drv_put16(v, drv_avail_gpa(0), 1); /* no interrupt, please */
    drv_offer(v, 0, 0);
    drv_notify(v, 0);
    drv_wait_used(v, 0, NULL);
    usleep(5000);
    assert_int_equal(DOUBLE_LINE(v->m, DRV_IRQ), 0);
}

static void buffers_before_driver_ok_wait(void **state)
{
    struct drv *v = *state;
    drv_features(v, DRV_F_VERSION_1);
    drv_queue(v, 0, 8);
    drv_desc(v, 0, 0, DRV_BUFFERS, 64, RING_DESC_WRITE, 0);
    drv_offer(v, 0, 0);
    drv_notify(v, 0);
    usleep(5000);
    assert_false(drv_has_used(v, 0));
    drv_set(v, 0x70, DRV_LIVE);
    assert_int_equal(drv_wait_used(v, 0, NULL), 64);
}

static void notifying_what_is_not_there(void **state)
{
    struct drv *v = *state;
    drv_notify(v, 0); /* before anything */
    drv_start(v, DRV_F_VERSION_1, 1, 8);
    drv_notify(v, 1);
    drv_notify(v, 0xffffffff);
    drv_notify(v, 0); /* nothing offered */
    drv_set(v, 0x30, 0);
    drv_set(v, 0x44, 0);
    drv_notify(v, 0);
    usleep(5000);
    assert_int_equal(drv_get(v, 0x70), DRV_LIVE);
}

static void empty_slot(void **state)
{
    struct drv *v = *state;
    struct dev *d;
    assert_int_equal(dev_create(&d, &virtio_empty_type, &v->m->env, "slot1",
                                DRV_BASE + VIRTIO_MMIO_STRIDE, NULL, 2, NULL),
                     0);
    assert_int_equal(double_read(v->m, DRV_BASE + 0x1000, 4), 0x74726976);
    assert_int_equal(double_read(v->m, DRV_BASE + 0x1008, 4), 0);
    double_write(v->m, DRV_BASE + 0x1050, 4, 0);
    dev_destroy(d);
}

static void saving_is_refused_with_words(void **state)
{
    struct drv *v = *state;
    assert_int_equal(v->d->type->save(v->d, NULL, 0), -ENOTSUP);
    assert_int_equal(v->d->type->load(v->d, "", 0), -ENOTSUP);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(identity),
        T(modern_driver_is_mandatory),
        T(queue_registers),
        T(bad_queues),
        T(interrupt_and_acknowledge),
        T(buffers_before_driver_ok_wait),
        T(notifying_what_is_not_there),
        T(empty_slot),
        T(saving_is_refused_with_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
