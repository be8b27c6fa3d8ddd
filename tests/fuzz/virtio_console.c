/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console device under the driver of virtio.h, with bytes typed, output taken
 * or left until the stream is full, and changes of the terminal's size; afterwards
 * it still carries bytes both ways.
 */
#include "dev/virtio/console.h"

#include "dev/chardev.h"
#include "tests/fuzz/virtio.h"

static struct drv v;
static struct chardev *chardev;

static void make(void)
{
    struct chardev_config cfg = {.kind = CHARDEV_MEMORY};
    v.m = fuzz_machine_create();
    v.base = VIRTIO_MMIO_BASE;
    FUZZ_CHECK(chardev_create(&chardev, v.m->env.loop, &cfg) == 0);
    struct virtio_console_config cc = {chardev};
    v.d = fuzz_device(v.m, &virtio_console_type, "console", v.base, DRV_IRQ, &cc);
}

static void take_all(void)
{
    static uint8_t buf[65536];
    while (chardev_memory_take(chardev, buf, sizeof(buf)))
        ;
    while (chardev_read(chardev, buf, sizeof(buf)))
        ;
}

static void step_host(struct fuzz_in *in)
{
    static uint8_t buf[4096];
    uint8_t op = fuzz_u8(in);
    const uint8_t *p;
    size_t n;
    switch (op % 4) {
    case 0:
        p = fuzz_bytes(in, op / 4, &n);
        chardev_memory_type(chardev, p, n);
        break;
    case 1:
        chardev_memory_take(chardev, buf, op & 4 ? sizeof(buf) : 1 + op / 8);
        break;
    case 2: /* until the stream takes no more */
        while (chardev_write(chardev, buf, sizeof(buf)))
            ;
        break;
    case 3:
        virtio_console_resize(v.d, fuzz_u8(in), op / 4);
        break;
    }
}

static void check_works(void)
{
    uint8_t buf[2] = {0};
    take_all();
    drv_reset(&v);
    take_all();
    drv_start(&v, drv_offered(&v), DRV_NUM);
    memcpy(drv_ptr(&v, DRV_BUFFERS), "OK", 2);
    drv_put_desc(&v, drv_area(1, DRV_DESC), DRV_BUFFERS, 2, 0, 0);
    drv_offer(&v, 1, 0);
    drv_expect_used(&v, 1, 1);
    FUZZ_CHECK(chardev_memory_take(chardev, buf, 2) == 2 && !memcmp(buf, "OK", 2));
    drv_put_desc(&v, drv_area(0, DRV_DESC), DRV_BUFFERS + 16, 8, 2, 0);
    drv_offer(&v, 0, 0);
    FUZZ_CHECK(chardev_memory_type(chardev, "hi", 2) == 2);
    drv_expect_used(&v, 0, 1);
    FUZZ_CHECK(!memcmp(drv_ptr(&v, DRV_BUFFERS + 16), "hi", 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    if (!v.m)
        make();
    take_all();
    drv_reset(&v);
    for (unsigned i = 0; i < 200 && in.left; i++) {
        uint8_t op = fuzz_u8(&in);
        if (op >= 0xe0)
            step_host(&in);
        else
            drv_step(&v, &in, op);
    }
    check_works();
    return 0;
}
