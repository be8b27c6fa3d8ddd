/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block device under the driver of virtio.h, which also makes requests that are
 * nearly right.  The first byte chooses one of three disks of 256 KiB, all in
 * memory: io_uring (where the host has it), the worker threads, a snapshot.
 * Whatever was asked for, the image keeps its size, and afterwards the device
 * still writes and reads a sector.
 */
#include "dev/virtio/blk.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/virtio.h"

enum { DISKS = 3, IMAGE = 256 << 10 };

static struct drv disks[DISKS];
static int image[DISKS];

static void make(void)
{
    struct fuzz_machine *m = fuzz_machine_create();
    char path[32], name[8];
    for (unsigned i = 0; i < DISKS; i++) {
        image[i] = memfd_create("image", MFD_CLOEXEC);
        FUZZ_CHECK(image[i] >= 0 && ftruncate(image[i], IMAGE) == 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", image[i]);
        snprintf(name, sizeof(name), "disk%u", i);
        struct virtio_blk_config cfg = {
            .file = {.path = path,
                     .snapshot = i == 2,
                     .backend = i == 1 ? HOSTFILE_THREADS : HOSTFILE_AUTO},
            .queues = DRV_QUEUES,
        };
        disks[i].m = m;
        disks[i].base = VIRTIO_MMIO_BASE + i * VIRTIO_MMIO_STRIDE;
        disks[i].d = fuzz_device(m, &virtio_blk_type, name, disks[i].base, DRV_IRQ, &cfg);
    }
}

/* Header, data and status in three descriptors from slot on. */
static void put_request(struct drv *v, unsigned q, unsigned slot, uint32_t type, uint64_t sector,
                        uint32_t len)
{
    gpa_t at = DRV_BUFFERS + 0x1000 * slot, table = drv_area(q, DRV_DESC);
    uint32_t head[4] = {type, 0, (uint32_t)sector, (uint32_t)(sector >> 32)};
    bool reads = type == 0 || type == 8;
    memcpy(drv_ptr(v, at), head, sizeof(head));
    drv_put_desc(v, table + 16 * slot, at, 16, 1, (slot + 1) % DRV_NUM);
    drv_put_desc(v, table + 16 * ((slot + 1) % DRV_NUM), at + 0x200, len, reads ? 3 : 1,
                 (slot + 2) % DRV_NUM);
    drv_put_desc(v, table + 16 * ((slot + 2) % DRV_NUM), at + 0xfff, 1, 2, 0);
    drv_offer(v, q, (uint16_t)slot);
}

static void step_request(struct drv *v, struct fuzz_in *in)
{
    static const uint8_t types[] = {0, 1, 4, 8, 11, 13, 2, 255};
    uint8_t how = fuzz_u8(in);
    uint64_t sector = how & 0x40 ? fuzz_u64(in) : fuzz_u16(in) % 520;
    uint32_t len = how & 0x80 ? fuzz_u32(in) : 512u * (1 + fuzz_u8(in) % 6);
    unsigned slot = how >> 3 & 7;
    if (types[how & 7] == 11 || types[how & 7] == 13) { /* discard and write zeroes: a range */
        uint64_t range[2] = {fuzz_u16(in) % 520, fuzz_le(in, 5)};
        memcpy(drv_ptr(v, DRV_BUFFERS + 0x1000 * slot + 0x200), range, sizeof(range));
        len = 16;
    }
    put_request(v, how & 1, slot, types[how & 7], sector, len);
}

static uint8_t do_request(struct drv *v, uint32_t type, uint64_t sector, uint16_t n)
{
    put_request(v, 0, 0, type, sector, 512);
    drv_expect_used(v, 0, n);
    return *(uint8_t *)drv_ptr(v, DRV_BUFFERS + 0xfff);
}

static void check_works(struct drv *v, unsigned disk)
{
    struct stat st;
    drv_reset(v);
    drv_start(v, drv_offered(v), DRV_NUM);
    memset(drv_ptr(v, DRV_BUFFERS + 0x200), 0x5a, 512);
    FUZZ_CHECK(do_request(v, 1, 3, 1) == 0);
    memset(drv_ptr(v, DRV_BUFFERS + 0x200), 0, 512);
    FUZZ_CHECK(do_request(v, 0, 3, 2) == 0);
    for (unsigned i = 0; i < 512; i++)
        FUZZ_CHECK(((uint8_t *)drv_ptr(v, DRV_BUFFERS + 0x200))[i] == 0x5a);
    FUZZ_CHECK(fstat(image[disk], &st) == 0 && st.st_size == IMAGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    if (!disks[0].m)
        make();
    unsigned disk = fuzz_u8(&in) % DISKS;
    struct drv *v = &disks[disk];
    drv_reset(v);
    for (unsigned i = 0; i < 200 && in.left; i++) {
        uint8_t op = fuzz_u8(&in);
        if (op >= 0xc0)
            step_request(v, &in);
        else
            drv_step(v, &in, op);
    }
    check_works(v, disk);
    return 0;
}
