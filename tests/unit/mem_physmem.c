/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests mem/physmem.c: creation and its errors, page flags and hooks, slow
 * stores and atomics, bulk access.  Reservations are tested in mem_reserve.c.
 */
#include "mem/physmem.h"

#include "mem/reserve.h"
#include "sim/include/manyhart.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE 0x80000000ull
#define PAGES    256
#define RAM_SIZE (PAGES * PAGE_SIZE)

static int setup(void **state)
{
    struct physmem_config cfg = {.base = RAM_BASE, .size = RAM_SIZE, .numa_node = -1};
    struct physmem *pm;

    assert_int_equal(physmem_create(&pm, &cfg), 0);
    *state = pm;
    return 0;
}

static int teardown(void **state)
{
    physmem_destroy(*state);
    return 0;
}

/* ---- creation ------------------------------------------------------------ */

static void expect_error(struct physmem_config cfg, int code, const char *param)
{
    struct physmem *pm = (void *)1;

    assert_int_equal(physmem_create(&pm, &cfg), code);
    assert_ptr_equal(pm, (void *)1);
    assert_int_equal(mh_last_error()->code, code);
    assert_string_equal(mh_last_error()->param, param);
    assert_true(strlen(mh_last_error()->message) > 10);
    assert_true(strlen(mh_last_error()->value) > 0);
}

/* Each RAM has its own place: at the guest's addresses or near them, while there is room. */
static void test_places(void **state)
{
    enum { MACHINES = 40 };
    static const struct physmem_config cfg = {
        .base = RAM_BASE, .size = 64ull << 20, .numa_node = -1};
    struct physmem *pm[MACHINES];
    unsigned near = 0;
    (void)state;
    for (unsigned i = 0; i < MACHINES; i++) {
        assert_int_equal(physmem_create(&pm[i], &cfg), 0);
        int64_t distance = (int64_t)((uintptr_t)pm[i]->host - RAM_BASE);
        near += distance >= -PHYSMEM_NEAR && distance <= PHYSMEM_NEAR;
        *physmem_host(pm[i], RAM_BASE) = (uint8_t)i;
        *physmem_host(pm[i], RAM_BASE + cfg.size - 1) = (uint8_t)i;
    }
    for (unsigned i = 0; i < MACHINES; i++) {
        assert_int_equal(*physmem_host(pm[i], RAM_BASE), i);
        assert_int_equal(*physmem_host(pm[i], RAM_BASE + cfg.size - 1), i);
        physmem_destroy(pm[i]);
    }
    /* Not where a null pointer leads to. */
    struct physmem_config low = cfg;
    low.base = 0;
    assert_int_equal(physmem_create(&pm[0], &low), 0);
    assert_true((uintptr_t)physmem_host(pm[0], 0) > PAGE_SIZE);
    physmem_destroy(pm[0]);
    print_message("%u of %u near the guest's addresses\n", near, MACHINES);
#if !defined(MH_SANITIZE) /* AddressSanitizer needs the room itself */
    assert_in_range(near, 8, MACHINES - 1);
#endif
}

static void test_bad_config(void **state)
{
    const struct physmem_config good = {.base = RAM_BASE, .size = RAM_SIZE, .numa_node = -1};
    struct physmem_config cfg = good;

    (void)state;
    cfg.size = 0;
    expect_error(cfg, -EINVAL, "memory");
    cfg.size = 4097;
    expect_error(cfg, -EINVAL, "memory");
    cfg = good;
    cfg.base = 1;
    expect_error(cfg, -EINVAL, "memory");
    cfg.base = 0ull - PAGE_SIZE;
    expect_error(cfg, -EINVAL, "memory");
    cfg = good;
    cfg.shards = 3;
    expect_error(cfg, -EINVAL, "shards");
    cfg.shards = 8192;
    expect_error(cfg, -EINVAL, "shards");
    cfg = good;
    cfg.numa_node = 100000;
    expect_error(cfg, -EINVAL, "numa node");
    cfg.numa_node = -2;
    expect_error(cfg, -EINVAL, "numa node");
}

/* A node that no machine has: what the kernel says differs, that it is refused does not. */
static void test_missing_node(void **state)
{
    struct physmem_config cfg = {.base = 0, .size = 4 << 20, .numa_node = 1023};
    struct physmem *pm;

    (void)state;
    assert_true(physmem_create(&pm, &cfg) < 0);
    assert_string_equal(mh_last_error()->param, "numa node");
    assert_string_equal(mh_last_error()->value, "1023");
}

static void test_too_large(void **state)
{
    struct physmem_config cfg = {.base = 0, .numa_node = -1};

    (void)state;
    for (unsigned shift = 56; shift < 64; shift++) {
        cfg.size = 1ull << shift;
        expect_error(cfg, -ENOMEM, "memory");
    }
    cfg.size = 9ull << 60;
    expect_error(cfg, -ENOMEM, "memory");
}

static void test_destroy_null(void **state)
{
    (void)state;
    physmem_destroy(NULL);
}

static void test_options(void **state)
{
    struct physmem_config cfg = {
        .base = 0, .size = 4 << 20, .shards = 1, .huge_pages = true, .numa_node = -1};
    struct physmem *pm;

    (void)state;
    assert_int_equal(physmem_create(&pm, &cfg), 0);
    assert_ptr_equal(physmem_shard(pm, 0), physmem_shard(pm, 0x3ff000));
    assert_int_equal(physmem_fill(pm, 0, 0x5a, 4 << 20), 0);
    physmem_destroy(pm);
    cfg.shards = 4096;
    assert_int_equal(physmem_create(&pm, &cfg), 0);
    assert_int_equal(physmem_fill(pm, 0, 0x5a, 4 << 20), 0);
    physmem_destroy(pm);
}

static void test_contains(void **state)
{
    struct physmem *pm = *state;

    assert_true(physmem_contains(pm, RAM_BASE, RAM_SIZE));
    assert_false(physmem_contains(pm, RAM_BASE, RAM_SIZE + 1));
    assert_true(physmem_contains(pm, RAM_BASE + RAM_SIZE - 1, 1));
    assert_false(physmem_contains(pm, RAM_BASE + RAM_SIZE - 1, 2));
    assert_false(physmem_contains(pm, RAM_BASE - 1, 1));
    assert_false(physmem_contains(pm, RAM_BASE + RAM_SIZE, 1));
    assert_false(physmem_contains(pm, RAM_BASE, UINT64_MAX));
    assert_false(physmem_contains(pm, UINT64_MAX, 2));
}

static void test_zero_and_resident(void **state)
{
    struct physmem *pm = *state;
    uint8_t b = 1;

    assert_int_equal(physmem_resident(pm), 0);
    assert_int_equal(physmem_read(pm, RAM_BASE + 5 * PAGE_SIZE, &b, 1), 0);
    assert_int_equal(b, 0);
    physmem_fill(pm, RAM_BASE + 16 * PAGE_SIZE, 1, 3 * PAGE_SIZE);
    assert_true(physmem_resident(pm) >= 3 * PAGE_SIZE);
    assert_true(physmem_resident(pm) <= RAM_SIZE);
}

/* Every shard gets its part of contiguous pages. */
static void test_shards_share(void **state)
{
    struct physmem *pm = *state;
    unsigned count[16] = {0};

    assert_int_equal(pm->shard_mask, 15);
    for (unsigned p = 0; p < PAGES; p++)
        count[physmem_shard(pm, RAM_BASE + p * PAGE_SIZE + 5) - pm->shards]++;
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(count[i], PAGES / 16);
}

/* ---- hooks --------------------------------------------------------------- */

struct report {
    struct physmem *pm;
    unsigned syncs, codes, watches;
    gpa_t page, gpa[8];
    uint64_t len[8];
    uint8_t flags_at_sync, byte_at_code;
};

static void on_sync(void *opaque, gpa_t page)
{
    struct report *r = opaque;

    r->syncs++;
    r->page = page;
    r->flags_at_sync = physmem_page_flags(r->pm, page);
}

static void on_code(void *opaque, gpa_t gpa, uint64_t len)
{
    struct report *r = opaque;

    r->gpa[r->codes % 8] = gpa;
    r->len[r->codes % 8] = len;
    r->codes++;
    /* The bytes are in memory, and the shard's lock is free. */
    r->byte_at_code = *physmem_host(r->pm, gpa);
    physmem_flag_clear(r->pm, gpa, PAGE_CODE);
    lock_take(&physmem_shard(r->pm, gpa)->lock);
    lock_drop(&physmem_shard(r->pm, gpa)->lock);
}

static void on_watch(void *opaque, gpa_t gpa, uint64_t len)
{
    struct report *r = opaque;

    (void)gpa;
    (void)len;
    r->watches++;
}

static void hook(struct physmem *pm, struct report *r)
{
    *r = (struct report){.pm = pm};
    pm->hooks = (struct physmem_hooks){
        .opaque = r,
        .sync_page = on_sync,
        .code_written = on_code,
        .watch_opaque = r,
        .watch_written = on_watch,
    };
}

static void test_flag_sync(void **state)
{
    struct report r;

    hook(*state, &r);
    physmem_flag_sync(*state, RAM_BASE + 0x5123, PAGE_CODE);
    assert_int_equal(r.syncs, 1);
    assert_int_equal(r.page, RAM_BASE + 0x5000);
    assert_int_equal(r.flags_at_sync, PAGE_CODE); /* set before the harts are asked */
    physmem_flag_sync(*state, RAM_BASE + 0x5123, PAGE_CODE);
    assert_int_equal(r.syncs, 2); /* the first caller may still be waiting */
    assert_int_equal(physmem_page_flags(*state, RAM_BASE + 0x4fff), 0);
    assert_int_equal(physmem_page_flags(*state, RAM_BASE + 0x6000), 0);
}

static void test_dirty(void **state)
{
    struct physmem *pm = *state;
    uint64_t v = 1;

    assert_int_equal(physmem_page_flags(pm, RAM_BASE), 0);
    physmem_read(pm, RAM_BASE, &v, 8);
    assert_int_equal(physmem_page_flags(pm, RAM_BASE), 0);
    physmem_cas_slow(pm, NULL, RAM_BASE, 8, 1, 2); /* fails, writes nothing */
    assert_int_equal(physmem_page_flags(pm, RAM_BASE), 0);
    physmem_store_slow(pm, NULL, RAM_BASE, 1, 1);
    assert_int_equal(physmem_page_flags(pm, RAM_BASE), PAGE_DIRTY);
    physmem_flag_clear(pm, RAM_BASE, PAGE_DIRTY);
    physmem_written(pm, RAM_BASE + 4095, 2);
    assert_int_equal(physmem_page_flags(pm, RAM_BASE), PAGE_DIRTY);
    assert_int_equal(physmem_page_flags(pm, RAM_BASE + PAGE_SIZE), PAGE_DIRTY);
    assert_int_equal(physmem_page_flags(pm, RAM_BASE + 2 * PAGE_SIZE), 0);
}

static void test_code_reported(void **state)
{
    struct physmem *pm = *state;
    struct report r;
    uint64_t e[2] = {0, 0}, d[2] = {0x77, 0};
    const gpa_t gpa = RAM_BASE + 0x5000;

    hook(pm, &r);
    physmem_flag_sync(pm, gpa, PAGE_CODE);
    physmem_store_slow(pm, NULL, gpa + 8, 4, 0x11);
    assert_int_equal(r.codes, 1);
    assert_int_equal(r.gpa[0], gpa + 8);
    assert_int_equal(r.len[0], 4);
    assert_int_equal(r.byte_at_code, 0x11);
    physmem_store_slow(pm, NULL, gpa + 8, 4, 0x12); /* on_code cleared the flag */
    assert_int_equal(r.codes, 1);

    physmem_flag_set(pm, gpa, PAGE_CODE);
    physmem_amo_slow(pm, NULL, gpa + 8, 4, AMO_ADD, 1);
    assert_int_equal(r.byte_at_code, 0x13);
    physmem_flag_set(pm, gpa, PAGE_CODE);
    physmem_cas_slow(pm, NULL, gpa + 8, 4, 99, 1); /* fails */
    assert_int_equal(r.codes, 2);
    physmem_cas_slow(pm, NULL, gpa + 8, 4, 0x13, 0x14);
    assert_int_equal(r.codes, 3);
    physmem_flag_set(pm, gpa, PAGE_CODE);
    physmem_cas16_slow(pm, NULL, gpa + 16, e, d);
    assert_int_equal(r.codes, 4);
    assert_int_equal(r.byte_at_code, 0x77);
}

/* A bulk write reports the part in each code page and nothing else. */
static void test_code_reported_in_bulk(void **state)
{
    static uint8_t bytes[4 * 4096];
    struct physmem *pm = *state;
    struct report r;

    hook(pm, &r);
    physmem_flag_set(pm, RAM_BASE + 0x1000, PAGE_CODE);
    physmem_flag_set(pm, RAM_BASE + 0x3000, PAGE_CODE);
    physmem_flag_set(pm, RAM_BASE + 0x4000, PAGE_CODE);
    assert_int_equal(physmem_write(pm, RAM_BASE + 0x800, bytes, 0x3000), 0);
    assert_int_equal(r.codes, 2);
    assert_int_equal(r.gpa[0], RAM_BASE + 0x1000);
    assert_int_equal(r.len[0], 0x1000);
    assert_int_equal(r.gpa[1], RAM_BASE + 0x3000);
    assert_int_equal(r.len[1], 0x800);
    physmem_written(pm, RAM_BASE + 0x4ffc, 4);
    assert_int_equal(r.codes, 3);
    assert_int_equal(r.gpa[2], RAM_BASE + 0x4ffc);
    assert_int_equal(r.len[2], 4);
}

static void test_watch_reported(void **state)
{
    struct physmem *pm = *state;
    struct report r;

    hook(pm, &r);
    physmem_flag_sync(pm, RAM_BASE, PAGE_WATCH);
    assert_int_equal(r.syncs, 1);
    physmem_store_slow(pm, NULL, RAM_BASE + 5, 1, 1);
    physmem_fill(pm, RAM_BASE, 0, 2 * PAGE_SIZE);
    physmem_written(pm, RAM_BASE, 1);
    physmem_store_slow(pm, NULL, RAM_BASE + PAGE_SIZE, 1, 1);
    assert_int_equal(r.watches, 3);
    assert_int_equal(r.codes, 0);
}

static void test_no_hooks(void **state)
{
    struct physmem *pm = *state;

    physmem_flag_sync(pm, RAM_BASE, PAGE_CODE);
    physmem_flag_sync(pm, RAM_BASE, PAGE_WATCH);
    physmem_store_slow(pm, NULL, RAM_BASE, 8, 0x42);
    assert_int_equal(*physmem_host(pm, RAM_BASE), 0x42);
}

/* ---- single accesses ----------------------------------------------------- */

/* Every size at every offset around a granule's end leaves its neighbours alone. */
static void test_store_sizes(void **state)
{
    struct physmem *pm = *state;
    uint8_t want[128];

    for (unsigned size = 1; size <= 8; size *= 2)
        for (unsigned off = 0; off + size <= sizeof(want); off++) {
            uint64_t value = 0x8877665544332211;
            memset(want, 0xee, sizeof(want));
            physmem_write(pm, RAM_BASE, want, sizeof(want));
            physmem_store_slow(pm, NULL, RAM_BASE + off, size, value);
            memcpy(want + off, &value, size);
            assert_memory_equal(physmem_host(pm, RAM_BASE), want, sizeof(want));
        }
}

static void test_amo(void **state)
{
    struct physmem *pm = *state;
    uint64_t v = 0xfffffffffffffff0;

    physmem_write(pm, RAM_BASE, &v, 8);
    assert_int_equal(physmem_amo_slow(pm, NULL, RAM_BASE, 4, AMO_ADD, 0x20), 0xfffffff0);
    physmem_read(pm, RAM_BASE, &v, 8);
    assert_int_equal(v, 0xffffffff00000010); /* no carry into the upper word */
    assert_int_equal(physmem_amo_slow(pm, NULL, RAM_BASE, 8, AMO_MIN, 0), 0xffffffff00000010);
    assert_int_equal(physmem_amo_slow(pm, NULL, RAM_BASE, 8, AMO_SWAP, 7), 0xffffffff00000010);
    assert_int_equal(physmem_cas_slow(pm, NULL, RAM_BASE, 4, 0x500000007, 9), 7);
    assert_int_equal(physmem_cas_slow(pm, NULL, RAM_BASE, 8, 9, 0x123456789abcdef0), 9);
    assert_int_equal(physmem_cas_slow(pm, NULL, RAM_BASE + 4, 4, 0x12345678, 0x55), 0x12345678);
    physmem_read(pm, RAM_BASE, &v, 8);
    assert_int_equal(v, 0x559abcdef0);
}

static void test_slow_stores_counted(void **state)
{
    struct physmem *pm = *state;

    for (unsigned i = 0; i < 10; i++)
        physmem_store_slow(pm, NULL, RAM_BASE, 8, i);
    assert_int_equal(physmem_shard(pm, RAM_BASE)->slow_stores, 10);
}

/* ---- bulk ---------------------------------------------------------------- */

static uint64_t rnd(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Random reads, writes and fills of all lengths against a plain array. */
static void test_bulk_random(void **state)
{
    static uint8_t model[RAM_SIZE], buf[RAM_SIZE];
    struct physmem *pm = *state;
    uint64_t seed = 0xb01c;

    print_message("seed 0x%llx\n", (unsigned long long)seed);
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t len = rnd(&seed) % (i % 8 ? 64 : 5 * PAGE_SIZE);
        uint64_t off = rnd(&seed) % (RAM_SIZE - len);
        if (i % 16 == 0)
            off = RAM_SIZE - len;
        uint8_t byte = (uint8_t)rnd(&seed);
        switch (rnd(&seed) % 3) {
        case 0:
            memset(model + off, byte, len);
            assert_int_equal(physmem_fill(pm, RAM_BASE + off, byte, len), 0);
            break;
        case 1:
            for (uint64_t j = 0; j < len; j++)
                model[off + j] = (uint8_t)(byte + j * 7);
            assert_int_equal(physmem_write(pm, RAM_BASE + off, model + off, len), 0);
            break;
        default:
            assert_int_equal(physmem_read(pm, RAM_BASE + off, buf, len), 0);
            assert_memory_equal(buf, model + off, len);
        }
    }
    assert_memory_equal(physmem_host(pm, RAM_BASE), model, RAM_SIZE);
}

static void test_bulk_outside(void **state)
{
    struct physmem *pm = *state;
    const struct {
        gpa_t gpa;
        uint64_t len;
    } bad[] = {
        {RAM_BASE - 1, 2},
        {RAM_BASE + RAM_SIZE - 1, 2},
        {RAM_BASE + RAM_SIZE, 1},
        {0, 1},
        {UINT64_MAX, 1},
        {UINT64_MAX - 3, 8},
        {RAM_BASE, RAM_SIZE + 1},
        {RAM_BASE, UINT64_MAX},
        {RAM_BASE + 5, UINT64_MAX - 2},
    };
    uint8_t buf[8] = {0};

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(physmem_read(pm, bad[i].gpa, buf, bad[i].len), -EFAULT);
        assert_int_equal(physmem_write(pm, bad[i].gpa, buf, bad[i].len), -EFAULT);
        assert_int_equal(physmem_fill(pm, bad[i].gpa, 1, bad[i].len), -EFAULT);
        assert_int_equal(mh_last_error()->code, -EFAULT);
    }
    /* Not one byte of the part that lies inside. */
    assert_int_equal(*physmem_host(pm, RAM_BASE + RAM_SIZE - 1), 0);
    assert_int_equal(physmem_page_flags(pm, RAM_BASE + RAM_SIZE - 1), 0);
    assert_int_equal(physmem_resident(pm) > PAGE_SIZE, 0);
    /* Nothing is nowhere wrong. */
    assert_int_equal(physmem_write(pm, 0, buf, 0), 0);
    assert_int_equal(physmem_read(pm, 0, buf, 0), 0);
}

/* A device's aligned 8-byte write is seen whole. */
#define TEAR_ROUNDS 100000

static void *tear_writer(void *opaque)
{
    struct physmem *pm = opaque;

    for (uint64_t i = 0; i < TEAR_ROUNDS; i++) {
        uint64_t v = i << 32 | i;
        physmem_write(pm, RAM_BASE + 8, &v, 8);
    }
    return NULL;
}

static void test_no_tearing(void **state)
{
    struct physmem *pm = *state;
    uint64_t v = 0, last = 0;
    pthread_t writer;

    pthread_create(&writer, NULL, tear_writer, pm);
    while (v >> 32 != TEAR_ROUNDS - 1) {
        physmem_read(pm, RAM_BASE + 8, &v, 8);
        assert_int_equal(v >> 32, (uint32_t)v);
        assert_true(v >= last);
        last = v;
    }
    pthread_join(writer, NULL);
}

/*
 * A decoder sets PAGE_CODE and reads the bytes while a device writes them: each
 * value is either seen by the decoder or reported to it.
 */
#define DECODE_ROUNDS 30000

struct decode {
    struct physmem *pm;
    uint64_t reported; /* atomic: the highest value reported */
    uint64_t turn;     /* atomic */
};

static void decode_report(void *opaque, gpa_t gpa, uint64_t len)
{
    struct decode *d = opaque;

    (void)len;
    store_release(&d->reported, load_relaxed((uint64_t *)(void *)physmem_host(d->pm, gpa)));
}

/* The other's turn may not come before it gets a processor. */
static void await_turn(const struct decode *d, uint64_t turn)
{
    for (unsigned i = 0; load_acquire(&d->turn) < turn; i++) {
        cpu_relax();
        if (i % 1000 == 999)
            sched_yield();
    }
}

static void *decode_device(void *opaque)
{
    struct decode *d = opaque;

    for (uint64_t i = 1; i <= DECODE_ROUNDS; i++) {
        await_turn(d, 2 * i - 1);
        physmem_write(d->pm, RAM_BASE, &i, 8);
        store_release(&d->turn, 2 * i);
    }
    return NULL;
}

static void test_code_flag_race(void **state)
{
    struct decode d = {.pm = *state};
    pthread_t device;
    unsigned lost = 0;

    d.pm->hooks = (struct physmem_hooks){.opaque = &d, .code_written = decode_report};
    pthread_create(&device, NULL, decode_device, &d);
    for (uint64_t i = 1; i <= DECODE_ROUNDS; i++) {
        physmem_flag_clear(d.pm, RAM_BASE, PAGE_CODE);
        store_release(&d.turn, 2 * i - 1);
        physmem_flag_sync(d.pm, RAM_BASE, PAGE_CODE);
        uint64_t seen = load_relaxed((uint64_t *)(void *)physmem_host(d.pm, RAM_BASE));
        await_turn(&d, 2 * i);
        lost += seen != i && load_acquire(&d.reported) != i;
    }
    pthread_join(device, NULL);
    assert_int_equal(lost, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_bad_config),
        cmocka_unit_test(test_missing_node),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_destroy_null),
        cmocka_unit_test(test_options),
        TEST(test_contains),
        TEST(test_zero_and_resident),
        TEST(test_shards_share),
        TEST(test_flag_sync),
        TEST(test_dirty),
        TEST(test_code_reported),
        TEST(test_code_reported_in_bulk),
        TEST(test_watch_reported),
        TEST(test_no_hooks),
        TEST(test_store_sizes),
        TEST(test_amo),
        TEST(test_slow_stores_counted),
        TEST(test_bulk_random),
        TEST(test_bulk_outside),
        TEST(test_no_tearing),
        TEST(test_code_flag_race),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
