/* SPDX-License-Identifier: Apache-2.0 */
/* The entropy device under the driver of virtio.h; afterwards it still gives bytes. */
#include "dev/virtio/rng.h"

#include "tests/fuzz/virtio.h"

static struct drv v;

static void check_works(void)
{
    drv_reset(&v);
    drv_start(&v, drv_offered(&v), DRV_NUM);
    drv_put_desc(&v, drv_area(0, DRV_DESC), DRV_BUFFERS, 16, 2, 0);
    drv_offer(&v, 0, 0);
    drv_expect_used(&v, 0, 1);
    uint32_t len;
    memcpy(&len, (uint8_t *)drv_ptr(&v, drv_area(0, DRV_USED)) + 8, 4);
    FUZZ_CHECK(len == 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    if (!v.m) {
        v.m = fuzz_machine_create();
        v.base = VIRTIO_MMIO_BASE;
        v.d = fuzz_device(v.m, &virtio_rng_type, "rng", v.base, DRV_IRQ, NULL);
    }
    drv_reset(&v);
    for (unsigned i = 0; i < 200 && in.left; i++)
        drv_step(&v, &in, fuzz_u8(&in));
    check_works();
    return 0;
}
