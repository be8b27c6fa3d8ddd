/* SPDX-License-Identifier: Apache-2.0 */
/* dev/virtio/rng.c: entropy arrives, in full, and differs; reservations on the buffer die. */
#include "tests/unit/dev_virtio_driver.h"

#include "dev/virtio/rng.h"

static int setup(void **state)
{
    struct drv *v = calloc(1, sizeof(*v));
    drv_create(v, &virtio_rng_type, NULL);
    drv_start(v, DRV_F_VERSION_1 | DRV_F_INDIRECT | DRV_F_EVENT_IDX, 1, 16);
    *state = v;
    return 0;
}

static int teardown(void **state)
{
    drv_destroy(*state);
    free(*state);
    return 0;
}

static void buffers_are_filled(void **state)
{
    struct drv *v = *state;
    unsigned bits = 0;
    drv_desc(v, 0, 0, DRV_BUFFERS, 1000, RING_DESC_WRITE | RING_DESC_NEXT, 1);
    drv_desc(v, 0, 1, DRV_BUFFERS + 4000, 3096, RING_DESC_WRITE, 0);
    memset(drv_ptr(v, DRV_BUFFERS), 0, 8192);
    drv_offer(v, 0, 0);
    drv_notify(v, 0);
    assert_int_equal(drv_wait_used(v, 0, NULL), 4096);
    const uint8_t *p = drv_ptr(v, DRV_BUFFERS);
    for (unsigned i = 0; i < 8192; i++) {
        bool inside = i < 1000 || (i >= 4000 && i < 7096);
        if (inside)
            bits += (unsigned)__builtin_popcount(p[i]);
        else
            assert_int_equal(p[i], 0);
    }
    /* 32768 fair bits: 16384 +- 8 sigma (sigma is 90). */
    assert_in_range(bits, 16384 - 724, 16384 + 724);
    assert_true(physmem_page_flags(v->m->env.pm, DRV_BUFFERS) & PAGE_DIRTY);
}

static void long_chains_get_a_part(void **state)
{
    struct drv *v = *state;
    drv_desc(v, 0, 3, DRV_BUFFERS, 1 << 20, RING_DESC_WRITE, 0);
    drv_offer(v, 0, 3);
    drv_notify(v, 0);
    uint32_t head, n = drv_wait_used(v, 0, &head);
    assert_int_equal(head, 3);
    assert_int_equal(n, 4096);
}

static void readable_buffer_breaks_the_device(void **state)
{
    struct drv *v = *state;
    drv_desc(v, 0, 0, DRV_BUFFERS, 16, 0, 0);
    drv_offer(v, 0, 0);
    drv_notify(v, 0);
    DOUBLE_WAIT_FOR(drv_get(v, 0x70) & VIRTIO_NEEDS_RESET);
    assert_int_equal(drv_get(v, 0x60), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(buffers_are_filled),
        T(long_chains_get_a_part),
        T(readable_buffer_breaks_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
