/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/api_memory.c: bulk and single accesses, orders, refusals, against running harts. */
#include "tests/unit/sim_program.h"

#include "sim/base/bits.h"

#include <errno.h>
#include <pthread.h>

static const char *const endless[] = {"jal zero,0x80000000", NULL};
/* Counts the word at tohost + 1024 up by LR/SC until a 1 appears beside it. */
static const char *const counting[] = {"lui t0,0x80001",      "slli t0,t0,32",
                                       "srli t0,t0,32",       "addi t0,t0,1024",
                                       "lr.d t1,(t0)",        "addi t1,t1,1",
                                       "sc.d t2,t1,(t0)",     "bne t2,zero,0x80000010",
                                       "ld t3,8(t0)",         "beq t3,zero,0x80000010",
                                       "addi t1,zero,1",      "sd t1,-1024(t0)",
                                       "jal zero,0x80000030", NULL};

#define COUNT ((mh_gpa){PROGRAM_TOHOST + 1024})
#define FLAG  ((mh_gpa){PROGRAM_TOHOST + 1032})
#define AT(x) ((mh_gpa){x})

static struct mh_machine *make(const char *const *lines, unsigned harts, bool build)
{
    static struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    program_make(&p, lines);
    program_config(&cfg, &p);
    cfg.harts = harts;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    if (build)
        assert_int_equal(mh_machine_init(m), 0);
    return m;
}

static void test_not_built(void **state)
{
    struct mh_machine *m = make(endless, 1, false);
    uint64_t v;
    (void)state;
    assert_int_equal(mh_memory_read(m, AT(PROGRAM_DATA), &v, 8), -EINVAL);
    assert_int_equal(mh_memory_size(m), 0);
    mh_machine_destroy(m);
}

static void test_bulk(void **state)
{
    struct mh_machine *m = make(endless, 1, true);
    uint8_t in[9000], out[9000];
    (void)state;
    assert_int_equal(mh_memory_size(m), 4 << 20);
    assert_int_equal(mh_memory_base(m).v, 0x80000000);
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 31);
    assert_int_equal(mh_memory_write(m, AT(0x80002345), in, sizeof(in)), 0);
    assert_int_equal(mh_memory_read(m, AT(0x80002345), out, sizeof(out)), 0);
    assert_memory_equal(in, out, sizeof(in));
    assert_int_equal(mh_memory_write(m, AT(0x80000000 + (4 << 20) - 10), in, 11), -EFAULT);
    assert_int_equal(mh_memory_read(m, AT(0x80000000 + (4 << 20) - 10), out, 10), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(out[i], 0); /* nothing was written */
    assert_int_equal(mh_memory_read(m, AT(0x10000000), out, 1), -EFAULT);
    assert_int_equal(mh_last_error()->domain, MH_ERROR_MEMORY);
    mh_machine_destroy(m);
}

static void test_words(void **state)
{
    struct mh_machine *m = make(endless, 1, true);
    uint64_t v;
    (void)state;
    for (unsigned size = 1; size <= 8; size *= 2) {
        uint64_t want = 0x8877665544332211ull & (~0ull >> (64 - 8 * size));
        assert_int_equal(mh_memory_store(m, AT(0x80003000), size, MH_ORDER_SEQ_CST, want), 0);
        assert_int_equal(mh_memory_load(m, AT(0x80003000), size, MH_ORDER_ACQUIRE, &v), 0);
        assert_int_equal(v, want);
    }
    assert_int_equal(mh_memory_load(m, AT(0x80003001), 2, MH_ORDER_RELAXED, &v), -EINVAL);
    assert_int_equal(mh_memory_load(m, AT(0x80003000), 3, MH_ORDER_RELAXED, &v), -EINVAL);
    assert_int_equal(mh_memory_load(m, AT(0x80003000), 16, MH_ORDER_RELAXED, &v), -EINVAL);
    assert_int_equal(mh_memory_load(m, AT(0x1000), 8, MH_ORDER_RELAXED, &v), -EFAULT);
    mh_machine_destroy(m);
}

static void test_orders(void **state)
{
    /* Allowed: load, store, exchange's success, exchange's failure (C11 7.17.7). */
    static const bool allowed[][4] = {
        [MH_ORDER_RELAXED] = {true, true, true, true},
        [MH_ORDER_ACQUIRE] = {true, false, true, true},
        [MH_ORDER_RELEASE] = {false, true, true, false},
        [MH_ORDER_ACQ_REL] = {false, false, true, false},
        [MH_ORDER_SEQ_CST] = {true, true, true, true},
    };
    struct mh_machine *m = make(endless, 1, true);
    mh_gpa a = AT(0x80003000);
    uint64_t v;
    (void)state;
    for (unsigned o = 0; o < ARRAY_LEN(allowed); o++) {
        enum mh_order order = (enum mh_order)o;
        assert_int_equal(mh_memory_load(m, a, 8, order, &v) == 0, allowed[o][0]);
        assert_int_equal(mh_memory_store(m, a, 8, order, 1) == 0, allowed[o][1]);
        assert_int_equal(mh_memory_compare_exchange(m, a, 8, 1, 2, order, MH_ORDER_RELAXED, &v) ==
                             0,
                         allowed[o][2]);
        assert_int_equal(mh_memory_compare_exchange(m, a, 8, 1, 2, MH_ORDER_SEQ_CST, order, &v) ==
                             0,
                         allowed[o][3]);
    }
    assert_int_equal(mh_memory_load(m, a, 8, (enum mh_order)9, &v), -EINVAL);
    mh_machine_destroy(m);
}

static void test_exchange(void **state)
{
    struct mh_machine *m = make(endless, 1, true);
    mh_gpa a = AT(0x80003000);
    uint64_t old;
    (void)state;
    for (unsigned size = 4; size <= 8; size += 4) {
        assert_int_equal(mh_memory_store(m, a, size, MH_ORDER_RELAXED, 5), 0);
        assert_int_equal(
            mh_memory_compare_exchange(m, a, size, 4, 9, MH_ORDER_ACQ_REL, MH_ORDER_ACQUIRE, &old),
            0);
        assert_int_equal(old, 5);
        assert_int_equal(
            mh_memory_compare_exchange(m, a, size, 5, 9, MH_ORDER_ACQ_REL, MH_ORDER_ACQUIRE, &old),
            0);
        assert_int_equal(old, 5);
        assert_int_equal(mh_memory_load(m, a, size, MH_ORDER_RELAXED, &old), 0);
        assert_int_equal(old, 9);
    }
    assert_int_equal(
        mh_memory_compare_exchange(m, a, 2, 5, 9, MH_ORDER_RELAXED, MH_ORDER_RELAXED, &old),
        -EINVAL);
    mh_machine_destroy(m);
}

enum { ROUNDS = 20000 };

static void *count_up(void *arg)
{
    struct mh_machine *m = arg;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t seen = 0, old;
        while (mh_memory_compare_exchange(m, COUNT, 8, seen, seen + 1, MH_ORDER_SEQ_CST,
                                          MH_ORDER_RELAXED, &old) == 0 &&
               old != seen)
            seen = old;
    }
    return NULL;
}

/* Two host threads and two harts (LR/SC) count one word up; the host's part must not be lost. */
static void test_against_harts(void **state)
{
    struct mh_machine *m = make(counting, 2, true);
    pthread_t t[2];
    uint64_t before, after;
    (void)state;
    assert_int_equal(mh_machine_start(m), 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, count_up, m);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(mh_memory_store(m, FLAG, 8, MH_ORDER_RELEASE, 1), 0);
    struct mh_result r;
    assert_int_equal(mh_machine_wait(m, UINT64_MAX, &r), 0);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(mh_memory_load(m, COUNT, 8, MH_ORDER_ACQUIRE, &before), 0);
    /* The hart that ended it has counted; on a busy host the other may not have come to run. */
    assert_true(before >= 2 * ROUNDS + 1);
    assert_int_equal(mh_memory_load(m, COUNT, 8, MH_ORDER_ACQUIRE, &after), 0);
    assert_int_equal(before, after);
    mh_machine_destroy(m);
}

static void on_event(void *opaque, const struct mh_event *e)
{
    struct mh_event *last = opaque;
    *last = *e;
}

static void test_events(void **state)
{
    struct mh_machine *m = make(endless, 1, true);
    struct mh_event last = {.kind = MH_EVENT_STARTED};
    uint32_t v = 1;
    (void)state;
    int id = mh_subscribe(mh_machine_component(m), on_event, &last);
    assert_int_equal(mh_memory_write(m, AT(0x80003004), &v, 4), 0);
    assert_int_equal(last.kind, MH_EVENT_MEMORY);
    assert_int_equal(last.u.memory.addr.v, 0x80003004);
    assert_int_equal(last.u.memory.size, 4);
    assert_true(last.u.memory.is_write);
    assert_int_equal(mh_memory_read(m, AT(0x80003004), &v, 2), 0);
    assert_false(last.u.memory.is_write);
    assert_int_equal(mh_unsubscribe(mh_machine_component(m), id), 0);
    mh_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_built), cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_words),     cmocka_unit_test(test_orders),
        cmocka_unit_test(test_exchange),  cmocka_unit_test(test_against_harts),
        cmocka_unit_test(test_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
