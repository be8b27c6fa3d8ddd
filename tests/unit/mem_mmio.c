/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests mem/mmio.c: the map's rules, and adding and removing regions while
 * readers are inside them.
 */
#include "mem/mmio.h"

#include "sim/base/atomic.h"
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

struct probe {
    uint64_t offset, value, answer; /* answer: of reads, if not 0 */
    unsigned size, reads, writes;
};

static bool probe_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct probe *p = opaque;

    p->offset = offset;
    p->size = size;
    p->reads++;
    *value = p->answer ? p->answer : 0xab;
    return offset != 0x80;
}

static bool probe_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct probe *p = opaque;

    p->offset = offset;
    p->size = size;
    p->value = value;
    p->writes++;
    return true;
}

static const struct mmio_ops probe_ops = {.read = probe_read, .write = probe_write};
static const struct mmio_ops read_only_ops = {.read = probe_read};

static int setup(void **state)
{
    struct mmio_map *m;

    assert_int_equal(mmio_map_create(&m), 0);
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    mmio_map_destroy(*state);
    return 0;
}

static int add(struct mmio_map *m, const char *name, gpa_t base, uint64_t size, void *opaque)
{
    struct mmio_region r = {
        .base = base, .size = size, .ops = &probe_ops, .opaque = opaque, .name = name};
    return mmio_map_add(m, &r);
}

static void test_empty(void **state)
{
    uint64_t v;
    struct mmio_region r;

    assert_false(mmio_read(*state, 0x1000, 4, &v));
    assert_false(mmio_write(*state, 0x1000, 4, 0));
    assert_false(mmio_find(*state, 0x1000, &r));
    assert_int_equal(mmio_map_remove(*state, 0x1000), -ENOENT);
}

static void test_dispatch(void **state)
{
    struct mmio_map *m = *state;
    struct probe p[8] = {{0}};
    uint64_t v = 0;

    /* Added in no order, with gaps and without. */
    static const unsigned order[] = {3, 7, 0, 5, 1, 6, 2, 4};
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(
            add(m, "probe", order[i] * 0x1000, order[i] % 2 ? 0x100 : 0x1000, &p[order[i]]), 0);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(mmio_read(m, i * 0x1000 + 0x10, 4, &v));
        assert_int_equal(v, 0xab);
        assert_true(p[i].reads == 1 && p[i].offset == 0x10 && p[i].size == 4);
        assert_true(mmio_write(m, i * 0x1000 + 0xf8, 8, i + 5));
        assert_true(p[i].writes == 1 && p[i].offset == 0xf8 && p[i].size == 8);
        assert_int_equal(p[i].value, i + 5);
        assert_int_equal(mmio_read(m, i * 0x1000 + 0x100, 1, &v), i % 2 == 0);
        assert_false(mmio_read(m, i * 0x1000 + 0x80, 4, &v)); /* the device refuses it */
    }
    assert_false(mmio_read(m, 8 * 0x1000, 1, &v));
}

static void test_crossing(void **state)
{
    struct probe p = {0}, q = {0};
    uint64_t v;

    add(*state, "p", 0x1000, 0x100, &p);
    add(*state, "q", 0x1100, 0x100, &q);
    assert_true(mmio_read(*state, 0x10fc, 4, &v));
    assert_false(mmio_read(*state, 0x10fd, 4, &v));
    assert_false(mmio_write(*state, 0x10ff, 2, 0));
    assert_false(mmio_read(*state, 0xfff, 2, &v));
    assert_int_equal(p.reads, 1);
    assert_int_equal(p.writes + q.reads + q.writes, 0);
}

static void test_end_of_space(void **state)
{
    struct probe p = {0};
    uint64_t v;

    assert_int_equal(add(*state, "top", 0xfffffffffffff000, 0x1000, &p), 0);
    assert_true(mmio_read(*state, 0xfffffffffffffff8, 8, &v));
    assert_false(mmio_read(*state, 0xfffffffffffffffc, 8, &v));
    assert_false(mmio_read(*state, 0, 1, &v));
    assert_int_equal(add(*state, "all", 0, UINT64_MAX, NULL), -EEXIST);
}

/* Neither side sees more of the other's value than the access is wide. */
static void test_width(void **state)
{
    struct mmio_map *m = *state;
    struct probe p = {0};
    assert_int_equal(add(m, "probe", 0x1000, 0x100, &p), 0);
    for (unsigned size = 1; size <= 8; size *= 2) {
        uint64_t want = size < 8 ? (1ull << 8 * size) - 1 : ~0ull, got = 0;
        assert_true(mmio_write(m, 0x1000, size, ~0ull));
        assert_int_equal(p.value, want);
        p.answer = ~0ull;
        assert_true(mmio_read(m, 0x1000, size, &got));
        assert_int_equal(got, want);
    }
}

static void test_missing_op(void **state)
{
    struct probe p = {0};
    struct mmio_region r = {
        .base = 0, .size = 8, .ops = &read_only_ops, .opaque = &p, .name = "ro"};
    uint64_t v;

    assert_int_equal(mmio_map_add(*state, &r), 0);
    assert_true(mmio_read(*state, 0, 8, &v));
    assert_false(mmio_write(*state, 0, 8, 1));
}

static void test_bad_regions(void **state)
{
    struct mmio_map *m = *state;

    assert_int_equal(add(m, "empty", 0x1000, 0, NULL), -EINVAL);
    assert_int_equal(add(m, "wraps", 0xfffffffffffff000, 0x1001, NULL), -EINVAL);
    assert_non_null(strstr(mh_last_error()->message, "wraps"));
    assert_int_equal(add(m, "first", 0x1000, 0x1000, NULL), 0);
    static const struct {
        gpa_t base;
        uint64_t size;
    } over[] = {{0x1000, 0x1000}, {0x1fff, 1}, {0xfff, 2}, {0, 0x10000}, {0x1800, 8}, {0, 0x1001}};
    for (unsigned i = 0; i < ARRAY_LEN(over); i++) {
        assert_int_equal(add(m, "second", over[i].base, over[i].size, NULL), -EEXIST);
        assert_non_null(strstr(mh_last_error()->message, "first"));
        assert_non_null(strstr(mh_last_error()->message, "second"));
    }
    assert_int_equal(add(m, "before", 0, 0x1000, NULL), 0);
    assert_int_equal(add(m, "after", 0x2000, 1, NULL), 0);
}

static void test_remove(void **state)
{
    struct mmio_map *m = *state;
    struct probe p = {0};
    uint64_t v;

    for (unsigned i = 0; i < 5; i++)
        add(m, "p", i * 0x1000, 0x1000, &p);
    assert_int_equal(mmio_map_remove(m, 0x2008), -ENOENT); /* the base names a region */
    assert_int_equal(mmio_map_remove(m, 0x2000), 0);
    assert_false(mmio_read(m, 0x2000, 4, &v));
    assert_true(mmio_read(m, 0x1000, 4, &v));
    assert_true(mmio_read(m, 0x3000, 4, &v));
    assert_int_equal(mmio_map_remove(m, 0x2000), -ENOENT);
    assert_int_equal(add(m, "again", 0x2000, 0x1000, &p), 0);
    assert_true(mmio_read(m, 0x2000, 4, &v));
}

static void test_find(void **state)
{
    struct mmio_region r;

    add(*state, "p", 0x1000, 0x1000, NULL);
    assert_true(mmio_find(*state, 0x1fff, &r));
    assert_int_equal(r.base, 0x1000);
    assert_int_equal(r.size, 0x1000);
    assert_string_equal(r.name, "p");
    assert_false(mmio_find(*state, 0x2000, &r));
}

static void each_rising(const struct mmio_region *r, void *opaque)
{
    gpa_t *last = opaque;

    assert_true(r->base > *last);
    *last = r->base;
}

static void test_each(void **state)
{
    gpa_t last = 0;

    for (unsigned i = 1; i < 20; i++)
        add(*state, "p", (i * 7 % 20) * 0x1000, 0x1000, NULL);
    mmio_each(*state, each_rising, &last);
    assert_int_equal(last, 19 * 0x1000);
}

/* ---- readers and writers at once ----------------------------------------- */

#define READERS 3
#define CYCLES  2000

/* Allocated for one stay in the map; freed when removal has returned. */
struct guarded {
    uint64_t magic;
    uint32_t inside; /* atomic */
};

#define MAGIC 0x600d600d600d600d

struct race {
    struct mmio_map *m;
    struct probe fixed;
    uint32_t stop;             /* atomic */
    uint64_t errors, answered; /* atomic */
};

static bool guarded_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct guarded *g = opaque;

    (void)size;
    fetch_add_relaxed(&g->inside, 1);
    if (offset & 64)
        sched_yield(); /* stay a while */
    *value = g->magic;
    fetch_sub_acq_rel(&g->inside, 1);
    return true;
}

static const struct mmio_ops guarded_ops = {.read = guarded_read};

static bool fixed_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)opaque;
    (void)size;
    *value = offset;
    return true;
}

static const struct mmio_ops fixed_ops = {.read = fixed_read};

static void *race_reader(void *opaque)
{
    struct race *r = opaque;
    uint64_t errors = 0;

    for (unsigned i = 0; !load_acquire(&r->stop); i++) {
        uint64_t v = 0;
        if (mmio_read(r->m, 0x5000 + i % 32 * 8, 8, &v)) {
            fetch_add_relaxed(&r->answered, 1);
            errors += v != MAGIC;
        }
        /* Its neighbours are always there. */
        errors += !mmio_read(r->m, 0x4008, 8, &v) || v != 8;
        errors += !mmio_read(r->m, 0x6010, 8, &v) || v != 16;
        if (i % 256 == 0)
            sched_yield();
    }
    fetch_add_relaxed(&r->errors, errors);
    return NULL;
}

static void race_cycle(struct race *r)
{
    struct guarded *g = malloc(sizeof(*g));
    struct mmio_region region = {
        .base = 0x5000, .size = 0x1000, .ops = &guarded_ops, .opaque = g, .name = "guarded"};

    *g = (struct guarded){.magic = MAGIC};
    assert_int_equal(mmio_map_add(r->m, &region), 0);
    sched_yield();
    assert_int_equal(mmio_map_remove(r->m, 0x5000), 0);
    assert_int_equal(load_acquire(&g->inside), 0);
    g->magic = 0;
    free(g);
}

static void test_remove_race(void **state)
{
    struct race r = {.m = *state};
    pthread_t thread[READERS];

    for (gpa_t base = 0x4000; base <= 0x6000; base += 0x2000) {
        struct mmio_region fixed = {
            .base = base, .size = 0x1000, .ops = &fixed_ops, .name = "fixed"};
        assert_int_equal(mmio_map_add(r.m, &fixed), 0);
    }
    for (int i = 0; i < READERS; i++)
        pthread_create(&thread[i], NULL, race_reader, &r);
    /* And on until the readers met the region, which they do early. */
    for (unsigned i = 0; i < CYCLES || !load_relaxed(&r.answered); i++)
        race_cycle(&r);
    store_release(&r.stop, 1);
    for (int i = 0; i < READERS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(r.errors, 0);
}

/* Removal waits for the reader inside. */
struct blocker {
    uint32_t entered, leave, removed; /* atomic */
    struct mmio_map *m;
};

static bool blocking_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct blocker *b = opaque;

    (void)offset;
    (void)size;
    store_release(&b->entered, 1);
    while (!load_acquire(&b->leave))
        sched_yield();
    *value = load_acquire(&b->removed);
    return true;
}

static const struct mmio_ops blocking_ops = {.read = blocking_read};

static void *blocked_reader(void *opaque)
{
    struct blocker *b = opaque;
    uint64_t v = 7;

    if (!mmio_read(b->m, 0, 8, &v))
        v = 9;
    return (void *)(uintptr_t)v;
}

static void *remover(void *opaque)
{
    struct blocker *b = opaque;
    int rc = mmio_map_remove(b->m, 0);

    store_release(&b->removed, 1);
    return (void *)(intptr_t)rc;
}

static void test_remove_waits(void **state)
{
    struct blocker b = {.m = *state};
    struct mmio_region region = {
        .base = 0, .size = 8, .ops = &blocking_ops, .opaque = &b, .name = "blocking"};
    pthread_t reader, writer;
    void *seen, *rc;
    struct mmio_region out;

    assert_int_equal(mmio_map_add(b.m, &region), 0);
    pthread_create(&reader, NULL, blocked_reader, &b);
    while (!load_acquire(&b.entered))
        sched_yield();
    pthread_create(&writer, NULL, remover, &b);
    while (mmio_find(b.m, 0, &out)) /* new readers do not find it, and come and go meanwhile */
        sched_yield();
    for (unsigned i = 0; i < 1000; i++)
        assert_false(mmio_find(b.m, 0, &out));
    assert_int_equal(load_acquire(&b.removed), 0);
    store_release(&b.leave, 1);
    pthread_join(reader, &seen);
    pthread_join(writer, &rc);
    assert_int_equal((uintptr_t)seen, 0); /* it was not removed while inside */
    assert_int_equal((intptr_t)rc, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_empty),      TEST(test_dispatch), TEST(test_crossing),    TEST(test_end_of_space),
        TEST(test_missing_op), TEST(test_width),    TEST(test_bad_regions), TEST(test_remove),
        TEST(test_find),       TEST(test_each),     TEST(test_remove_race), TEST(test_remove_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
