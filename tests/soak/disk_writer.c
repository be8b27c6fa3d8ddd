/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest that kill_disk.c kills: reads the whole disk, goes on with the batch
 * after the newest, and writes batches without end.  Prints "begin B", and
 * "flushed B" once the device has answered the flush behind batch B.
 */
#include "virtio.h"

#include "disk_records.h"

static struct virtio_device disk;
static struct {
    uint32_t type, reserved;
    uint64_t sector;
} headers[VQ_REQUESTS];
static volatile uint8_t status[VQ_REQUESTS];
static struct sector data[VQ_REQUESTS][RECORD_SECTORS] __attribute__((aligned(4096)));

static void submit(unsigned request, unsigned type, unsigned slot)
{
    headers[request].type = type;
    headers[request].sector = type == VIRTIO_BLK_FLUSH ? 0 : (uint64_t)slot * RECORD_SECTORS;
    status[request] = 0xff;
    struct virtio_buffer b[3] = {
        {&headers[request], 16, false},
        {data[request], RECORD, type == VIRTIO_BLK_IN},
        {(void *)&status[request], 1, true},
    };
    if (type == VIRTIO_BLK_FLUSH)
        b[1] = b[2];
    virtio_submit(&disk, request, b, type == VIRTIO_BLK_FLUSH ? 2 : 3);
}

static void await(unsigned count)
{
    unsigned request;
    uint32_t len;
    while (count) {
        if (!virtio_poll(&disk, &request, &len)) {
            guest_pause();
            continue;
        }
        CHECK_EQ(status[request], 0);
        count--;
    }
}

static uint64_t newest_batch(void)
{
    uint64_t newest = 0;
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        submit(0, VIRTIO_BLK_IN, slot);
        await(1);
        for (unsigned i = 0; i < RECORD_SECTORS; i++) {
            CHECK(sector_good(&data[0][i], slot, i));
            if (data[0][i].batch > newest)
                newest = data[0][i].batch;
        }
    }
    return newest;
}

static void write_batch(uint64_t batch)
{
    for (unsigned i = 0; i < BATCH; i++) {
        unsigned slot = record_slot(batch, i);
        for (unsigned k = 0; k < RECORD_SECTORS; k++)
            sector_make(&data[i][k], batch, slot, k);
        submit(i, VIRTIO_BLK_OUT, slot);
    }
    await(BATCH);
    submit(0, VIRTIO_BLK_FLUSH, 0);
    await(1);
}

int main(void)
{
    unsigned long base = virtio_find(VIRTIO_BLK);
    CHECK(base);
    virtio_start(&disk, base, VIRTIO_BLK_F_FLUSH);
    uint64_t batch = newest_batch();
    guest_printf("begin %lu\n", batch);
    for (;;) {
        write_batch(++batch);
        guest_printf("flushed %lu\n", batch);
    }
}
