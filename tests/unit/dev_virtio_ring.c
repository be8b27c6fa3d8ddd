/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dev/virtio/ring.c: right rings in all their forms, and a table of wrong ones.
 * Each wrong one must end in DEVICE_NEEDS_RESET, and leave the I/O thread and,
 * after a reset, the device working.  The entropy device is the one under test,
 * because any writable buffer is a request for it.
 */
#include "tests/unit/dev_virtio_driver.h"

#include "dev/virtio/rng.h"

enum { NUM = 8, W = RING_DESC_WRITE, N = RING_DESC_NEXT, I = RING_DESC_INDIRECT };
#define TABLE   (DRV_BUFFERS + 0x80000)
#define RAM_END (DOUBLE_RAM_BASE + DOUBLE_RAM_SIZE)

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

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

struct nonsense {
    const char *what;
    struct desc ring[4];
    struct desc table[4]; /* at TABLE */
    uint16_t head;
    uint16_t avail_jump; /* added to avail.idx beyond the one chain */
    uint64_t without;    /* feature not negotiated */
};

static const struct nonsense nonsenses[] = {
    {.what = "head outside the table", .head = NUM},
    {.what = "head far outside", .head = 0xffff},
    {.what = "next outside the table", .ring = {{DRV_BUFFERS, 16, W | N, NUM}}},
    {.what = "chain points at itself", .ring = {{DRV_BUFFERS, 16, W | N, 0}}},
    {.what = "loop of three",
     .ring = {{DRV_BUFFERS, 16, W | N, 1},
              {DRV_BUFFERS, 16, W | N, 2},
              {DRV_BUFFERS, 16, W | N, 0}}},
    {.what = "zero length", .ring = {{DRV_BUFFERS, 0, W, 0}}},
    {.what = "address 0", .ring = {{0, 16, W, 0}}},
    {.what = "below RAM", .ring = {{DOUBLE_RAM_BASE - 8, 16, W, 0}}},
    {.what = "over the end of RAM", .ring = {{RAM_END - 8, 16, W, 0}}},
    {.what = "behind RAM", .ring = {{RAM_END, 16, W, 0}}},
    {.what = "a device's registers", .ring = {{DRV_BASE, 16, W, 0}}},
    {.what = "wraps around", .ring = {{UINT64_MAX - 7, 16, W, 0}}},
    {.what = "length of 4 GiB - 1", .ring = {{DRV_BUFFERS, UINT32_MAX, W, 0}}},
    {.what = "readable after writable",
     .ring = {{DRV_BUFFERS, 16, W | N, 1}, {DRV_BUFFERS, 16, 0, 0}}},
    {.what = "avail index jumps", .ring = {{DRV_BUFFERS, 16, W, 0}}, .avail_jump = NUM},
    {.what = "avail index jumps far", .ring = {{DRV_BUFFERS, 16, W, 0}}, .avail_jump = 0x8000},
    {.what = "indirect, not negotiated",
     .ring = {{TABLE, 16, I, 0}},
     .table = {{DRV_BUFFERS, 16, W, 0}},
     .without = DRV_F_INDIRECT},
    {.what = "indirect with next",
     .ring = {{TABLE, 16, I | N, 1}, {DRV_BUFFERS, 16, W, 0}},
     .table = {{DRV_BUFFERS, 16, W, 0}}},
    {.what = "empty indirect table", .ring = {{TABLE, 0, I, 0}}},
    {.what = "crooked indirect table",
     .ring = {{TABLE, 24, I, 0}},
     .table = {{DRV_BUFFERS, 16, W, 0}}},
    {.what = "indirect table outside RAM", .ring = {{RAM_END - 16, 32, I, 0}}},
    {.what = "indirect inside indirect",
     .ring = {{TABLE, 32, I, 0}},
     .table = {{TABLE, 32, I, 0}, {DRV_BUFFERS, 16, W, 0}}},
    {.what = "next outside the indirect table",
     .ring = {{TABLE, 32, I, 0}},
     .table = {{DRV_BUFFERS, 16, W | N, 2}, {DRV_BUFFERS, 16, W, 0}}},
    {.what = "loop in the indirect table",
     .ring = {{TABLE, 32, I, 0}},
     .table = {{DRV_BUFFERS, 16, W | N, 1}, {DRV_BUFFERS, 16, W | N, 0}}},
    {.what = "bad buffer in the indirect table",
     .ring = {{TABLE, 16, I, 0}},
     .table = {{0x1000, 16, W, 0}}},
};

static void put(struct drv *v, gpa_t table, const struct desc *d, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        drv_put_desc(v, table, i, d[i].addr, d[i].len, d[i].flags, d[i].next);
}

static const uint64_t all_features = DRV_F_VERSION_1 | DRV_F_INDIRECT | DRV_F_EVENT_IDX;

/* One good request, which shows that device and I/O thread live. */
static void expect_service(struct drv *v)
{
    drv_start(v, all_features, 1, NUM);
    drv_desc(v, 0, 2, DRV_BUFFERS, 32, W, 0);
    drv_offer(v, 0, 2);
    drv_notify(v, 0);
    uint32_t head, n = drv_wait_used(v, 0, &head);
    assert_int_equal(head, 2);
    assert_int_equal(n, 32);
}

static void nonsense_needs_a_reset(void **state)
{
    struct drv *v = *state;
    for (size_t i = 0; i < ARRAY_LEN(nonsenses); i++) {
        const struct nonsense *t = &nonsenses[i];
        print_message("    %s\n", t->what);
        drv_start(v, all_features & ~t->without, 1, NUM);
        drv_ack(v);
        put(v, drv_desc_gpa(0), t->ring, 4);
        put(v, TABLE, t->table, 4);
        v->avail[0] = (uint16_t)(v->avail[0] + t->avail_jump);
        drv_put16(v, drv_avail_gpa(0) + 4, t->head);
        drv_offer(v, 0, t->head);
        drv_notify(v, 0);
        DOUBLE_WAIT_FOR(drv_get(v, 0x70) & VIRTIO_NEEDS_RESET);
        assert_int_equal(drv_get(v, 0x60), 2);
        assert_int_equal(DOUBLE_LINE(v->m, DRV_IRQ), 1);
        drv_notify(v, 0); /* a broken device stays silent */
        usleep(1000);
        assert_false(drv_has_used(v, 0));
        expect_service(v);
    }
}

static void long_table(struct drv *v, unsigned n, uint32_t len)
{
    drv_start(v, all_features, 1, NUM);
    drv_ack(v);
    for (unsigned i = 0; i < n; i++)
        drv_put_desc(v, TABLE, i, DOUBLE_RAM_BASE + (len < 4096 ? 0x40000 : 0), len,
                     i + 1 < n ? W | N : W, i + 1);
    drv_desc(v, 0, 0, TABLE, 16 * n, I, 0);
    drv_offer(v, 0, 0);
    drv_notify(v, 0);
}

/* What a chain may have: 1024 buffers, and less than 4 GiB in sum. */
static void limits_of_a_chain(void **state)
{
    struct drv *v = *state;
    long_table(v, RING_SEGS_MAX, 16);
    assert_int_equal(drv_wait_used(v, 0, NULL), 4096);
    long_table(v, RING_SEGS_MAX + 1, 16);
    DOUBLE_WAIT_FOR(drv_get(v, 0x70) & VIRTIO_NEEDS_RESET);
    long_table(v, (uint32_t)(0x100000000ull / DOUBLE_RAM_SIZE), DOUBLE_RAM_SIZE);
    DOUBLE_WAIT_FOR(drv_get(v, 0x70) & VIRTIO_NEEDS_RESET);
    assert_false(drv_has_used(v, 0));
    expect_service(v);
}

static void indirect_tables_work(void **state)
{
    struct drv *v = *state;
    drv_start(v, all_features, 1, NUM);
    /* A normal descriptor, then one that refers to a table (2.7.5.3.2); the WRITE flag there is
     * ignored. */
    drv_desc(v, 0, 0, DRV_BUFFERS, 10, W | N, 1);
    drv_desc(v, 0, 1, TABLE, 48, I | W, 7);
    drv_put_desc(v, TABLE, 0, DRV_BUFFERS + 100, 20, W | N, 2);
    drv_put_desc(v, TABLE, 2, DRV_BUFFERS + 200, 30, W, 9);
    drv_offer(v, 0, 0);
    drv_notify(v, 0);
    assert_int_equal(drv_wait_used(v, 0, NULL), 60);
    /* A table that is not aligned to 16 is allowed. */
    drv_desc(v, 0, 0, TABLE + 1001, 16, I, 0);
    struct desc d = {DRV_BUFFERS, 77, W, 0};
    memcpy(drv_ptr(v, TABLE + 1001), &d, 16);
    drv_offer(v, 0, 0);
    drv_notify(v, 0);
    assert_int_equal(drv_wait_used(v, 0, NULL), 77);
}

/* 70000 chains: both indexes wrap; batches of every size; order is kept. */
static void indexes_wrap(void **state)
{
    struct drv *v = *state;
    drv_start(v, DRV_F_VERSION_1, 1, NUM);
    drv_put16(v, drv_avail_gpa(0), 1);
    for (unsigned i = 0; i < NUM; i++)
        drv_desc(v, 0, i, DRV_BUFFERS + 64 * i, 1 + i, W, 0);
    for (unsigned done = 0, batch = 1; done < 70000; done += batch, batch = batch % NUM + 1) {
        for (unsigned i = 0; i < batch; i++)
            drv_offer(v, 0, (done + i) % NUM);
        drv_notify(v, 0);
        for (unsigned i = 0; i < batch; i++) {
            uint64_t end_ns = clock_now_ns() + 5 * NS_PER_SEC;
            while (!drv_has_used(v, 0) && clock_now_ns() < end_ns)
                sched_yield();
            uint32_t head, n = drv_wait_used(v, 0, &head);
            assert_int_equal(head, (done + i) % NUM);
            assert_int_equal(n, 1 + head);
        }
    }
}

/* With EVENT_IDX an interrupt comes exactly when used_event is passed. */
static void event_index_quietens(void **state)
{
    struct drv *v = *state;
    gpa_t used_event = drv_avail_gpa(0) + 4 + 2 * NUM, avail_event = drv_used_gpa(0) + 4 + 8 * NUM;
    drv_start(v, all_features, 1, NUM);
    drv_ack(v);
    drv_put16(v, drv_avail_gpa(0), 1); /* to be ignored now */
    drv_desc(v, 0, 0, DRV_BUFFERS, 16, W, 0);
    drv_put16(v, used_event, 2); /* the third */
    for (unsigned i = 0; i < 6; i++) {
        DOUBLE_WAIT_FOR(drv_get16(v, avail_event) == v->avail[0]); /* the device wants the bell */
        drv_offer(v, 0, 0);
        drv_notify(v, 0);
        drv_wait_used(v, 0, NULL);
        if (i == 2)
            DOUBLE_WAIT_FOR(DOUBLE_LINE(v->m, DRV_IRQ));
        usleep(2000);
        assert_int_equal(DOUBLE_LINE(v->m, DRV_IRQ), i == 2);
        drv_ack(v);
    }
}

struct refiller {
    struct drv *v;
    uint32_t stop; /* atomic */
};

static void *refill(void *opaque)
{
    struct refiller *r = opaque;
    struct drv *v = r->v;
    while (!load_acquire(&r->stop))
        drv_put16(v, drv_avail_gpa(0) + 2, (uint16_t)(drv_get16(v, drv_used_gpa(0) + 2) + NUM));
    return NULL;
}

static void count_fire(void *opaque)
{
    fetch_add_acq_rel((uint32_t *)opaque, 1);
}

/* A ring that is never empty does not keep the I/O thread from other work, nor a hart from Status.
 */
static void endless_ring(void **state)
{
    struct drv *v = *state;
    struct refiller r = {v, 0};
    struct loop_timer *timer;
    uint32_t fired = 0;
    pthread_t t;
    drv_start(v, DRV_F_VERSION_1, 1, NUM);
    drv_desc(v, 0, 0, DRV_BUFFERS, 4096, W, 0); /* takes longer than the refill */
    assert_int_equal(loop_timer_add(v->m->env.loop, count_fire, &fired, &timer), 0);
    pthread_create(&t, NULL, refill, &r);
    drv_notify(v, 0);
    for (uint32_t i = 1; i <= 50; i++) {
        loop_timer_set(timer, clock_now_ns() + 100000);
        uint64_t end_ns = clock_now_ns() + NS_PER_SEC;
        while (load_acquire(&fired) < i && clock_now_ns() < end_ns)
            drv_notify(v, 0);
        assert_int_equal(load_acquire(&fired), i);
    }
    drv_set(v, 0x70, 0);
    store_release(&r.stop, 1);
    pthread_join(t, NULL);
    loop_timer_remove(timer);
    expect_service(v);
}

/* A guest that changes rings under the device's hands: no crash, whatever the outcome. */
static void descriptors_change_meanwhile(void **state)
{
    struct drv *v = *state;
    uint64_t seed = 0x9e3779b97f4a7c15, end_ns = clock_now_ns() + NS_PER_SEC;
    unsigned rounds = 0;
    while (clock_now_ns() < end_ns) {
        drv_start(v, all_features, 1, NUM);
        for (unsigned k = 0; k < 200; k++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            unsigned i = seed >> 60 & 7;
            uint64_t addr = seed & 0x10000 ? DRV_BUFFERS + (seed >> 20 & 0xfff) : seed >> 8;
            drv_desc(v, 0, i, addr, seed >> 40 & 0xff, seed >> 33 & 7, seed >> 50 & 7);
            drv_offer(v, 0, seed >> 57 & 7);
            drv_notify(v, 0);
        }
        rounds++;
    }
    print_message("    seed %#llx, %u rounds\n", (unsigned long long)seed, rounds);
    assert_true(rounds > 0);
    expect_service(v);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nonsense_needs_a_reset),       T(limits_of_a_chain),
        T(indirect_tables_work),         T(indexes_wrap),
        T(event_index_quietens),         T(endless_ring),
        T(descriptors_change_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
