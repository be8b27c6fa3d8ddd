/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2 timeout=60 oracle=no
 *
 * A reservation is broken by what a device writes, too: LR, the entropy device
 * fills bytes of the granule, SC must fail; where it fills the granule beside,
 * SC succeeds.  Not for the oracle: the SC of QEMU, 10.0 too, compares values,
 * and its first case fails (with an entropy device, which it has when asked).
 */
#include "virtio.h"

#define ROUNDS 2000

static struct virtio_device rng;
static uint64_t lines[3][8] __attribute__((aligned(4096)));

static uint64_t load_reserved(const uint64_t *p)
{
    uint64_t v;
    __asm__ volatile("lr.d %0, (%1)" : "=r"(v) : "r"(p) : "memory");
    return v;
}

/* 0: success. */
static uint64_t store_conditional(uint64_t *p, uint64_t v)
{
    uint64_t failed;
    __asm__ volatile("sc.d %0, %2, (%1)" : "=r"(failed) : "r"(p), "r"(v) : "memory");
    return failed;
}

static void fill(void *p, uint32_t len)
{
    struct virtio_buffer b = {p, len, true};
    unsigned slot;
    uint32_t got;
    virtio_submit(&rng, 0, &b, 1);
    while (!virtio_poll(&rng, &slot, &got))
        guest_pause();
    CHECK_EQ(got, len);
}

static void test_written(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t *reserved = &lines[1][i % 8], v = load_reserved(reserved);
        uint8_t *part = (uint8_t *)lines[1] + i * 5 % 64;
        fill(part, 1);
        CHECK_EQ(store_conditional(reserved, v), 1);
    }
}

static void test_across(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t v = load_reserved(&lines[1][0]);
        fill(i & 1 ? &lines[0][7] : &lines[1][7], 16); /* its end or its beginning in ours */
        CHECK_EQ(store_conditional(&lines[1][0], v), 1);
    }
}

static void test_beside(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t v = load_reserved(&lines[1][3]);
        fill(i & 1 ? lines[0] : lines[2], 64);
        CHECK_EQ(store_conditional(&lines[1][3], v + 1), 0);
        CHECK_EQ(lines[1][3], v + 1);
    }
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"the device writes into the granule", test_written},
        {"the device writes across its borders", test_across},
        {"the device writes beside it", test_beside},
    };
    unsigned long base = virtio_find(VIRTIO_RNG);
    CHECK(base);
    virtio_start(&rng, base, 0);
    return GUEST_RUN(cases);
}
