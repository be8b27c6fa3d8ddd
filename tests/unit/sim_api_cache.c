/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/api_cache.c and isa/riscv/caches.c: the three caches under one interface. */
#include "jit/jit.h"
#include "tests/unit/sim_program.h"

#include <errno.h>

#define LOAD_AT (PROGRAM_DATA + 0x100)

/* A loop with a load. */
static const char *const loop[] = {"lui t0,0x80001", "slli t0,t0,32",       "srli t0,t0,32",
                                   "ld t6,256(t0)", /* 0x8000000c */
                                   "addi a0,a0,1",   "jal zero,0x8000000c", NULL};
static const mh_gva head = {PROGRAM_BASE + 12};

static struct mh_machine *make(void)
{
    static struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    program_make(&p, loop);
    program_config(&cfg, &p);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    return m;
}

static void execute(struct mh_machine *m, const char *engine)
{
    struct mh_engine *e;
    assert_int_equal(mh_engine_create(&e, m, 0, engine), 0);
    assert_int_equal(mh_engine_execute(e, 9000, NULL), 0);
    mh_engine_destroy(e);
}

static struct mh_cache_stats stats(struct mh_machine *m, enum mh_cache cache)
{
    struct mh_cache_stats s;
    assert_int_equal(mh_cache_stats(m, 0, cache, &s), 0);
    return s;
}

/* There is an entry for the key; set makes one, remove and clear take it away. */
static void go_round(struct mh_machine *m, enum mh_cache cache, mh_gva key)
{
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(mh_cache_get(m, 0, cache, key, NULL), 0);
        assert_int_equal(i ? mh_cache_clear(m, 0, cache) : mh_cache_remove(m, 0, cache, key), 0);
        assert_int_equal(mh_cache_get(m, 0, cache, key, NULL), -ENOENT);
        assert_string_equal(mh_last_error()->param, "key");
        assert_int_equal(mh_cache_remove(m, 0, cache, key), -ENOENT);
        assert_int_equal(mh_cache_set(m, 0, cache, key), 0);
        assert_int_equal(mh_cache_set(m, 0, cache, key), 0);
    }
    assert_int_equal(mh_cache_get(m, 0, cache, key, NULL), 0);
    assert_int_equal(mh_cache_set(m, 0, cache, (mh_gva){PROGRAM_BASE + 1}), -EFAULT);
    assert_int_equal(mh_cache_set(m, 0, cache, (mh_gva){0}), -EFAULT);
}

static void test_decode(void **state)
{
    struct mh_machine *m = make();
    uint64_t value;
    (void)state;
    assert_int_equal(mh_cache_get(m, 0, MH_CACHE_DECODE, head, NULL), -ENOENT);
    execute(m, "interp");
    struct mh_cache_stats s = stats(m, MH_CACHE_DECODE);
    assert_true(s.misses >= 6 && s.hits == MH_UNKNOWN);
    assert_int_equal(mh_cache_get(m, 0, MH_CACHE_DECODE, head, &value), 0);
    assert_int_equal(value, head.v);
    go_round(m, MH_CACHE_DECODE, head);
    assert_true(stats(m, MH_CACHE_DECODE).misses > s.misses);
    assert_int_equal(stats(m, MH_CACHE_DECODE).evictions, 0);
    execute(m, "interp");
    mh_machine_destroy(m);
}

static void test_code(void **state)
{
    struct mh_machine *m = make();
    uint64_t value;
    (void)state;
    if (!jit_host()) {
        assert_int_equal(mh_cache_set(m, 0, MH_CACHE_CODE, head), -ENOTSUP);
        mh_machine_destroy(m);
        return;
    }
    execute(m, "interp");
    assert_int_equal(mh_cache_get(m, 0, MH_CACHE_CODE, head, NULL), -ENOENT);
    assert_int_equal(stats(m, MH_CACHE_CODE).misses, 0);
    execute(m, "hybrid");
    struct mh_cache_stats s = stats(m, MH_CACHE_CODE);
    assert_true(s.misses >= 7);
    assert_int_equal(mh_cache_get(m, 0, MH_CACHE_CODE, head, &value), 0);
    assert_true(value);
    go_round(m, MH_CACHE_CODE, head);
    execute(m, "hybrid");
    execute(m, "hybrid");
    assert_true(stats(m, MH_CACHE_CODE).hits > s.hits);
    assert_int_equal(stats(m, MH_CACHE_CODE).evictions, 0);
    mh_machine_destroy(m);
}

static void test_tlb(void **state)
{
    static const mh_gva key = {LOAD_AT};
    struct mh_machine *m = make();
    uint64_t value;
    (void)state;
    assert_int_equal(mh_cache_get(m, 0, MH_CACHE_TLB, key, NULL), -ENOENT);
    assert_int_equal(mh_cache_set(m, 0, MH_CACHE_TLB, key), -ENOTSUP);
    for (unsigned i = 0; i < 2; i++) {
        execute(m, "interp");
        assert_int_equal(mh_cache_get(m, 0, MH_CACHE_TLB, key, &value), 0);
        assert_int_equal(value, LOAD_AT);
        assert_int_equal(
            i ? mh_cache_clear(m, 0, MH_CACHE_TLB) : mh_cache_remove(m, 0, MH_CACHE_TLB, key), 0);
        assert_int_equal(mh_cache_get(m, 0, MH_CACHE_TLB, key, NULL), -ENOENT);
        assert_int_equal(mh_cache_remove(m, 0, MH_CACHE_TLB, key), -ENOENT);
    }
    assert_true(stats(m, MH_CACHE_TLB).misses >= 2);
    mh_machine_destroy(m);
}

static void test_refusals(void **state)
{
    struct mh_machine *m = make();
    struct mh_cache_stats s;
    enum mh_cache none = (enum mh_cache)3;
    (void)state;
    assert_int_equal(mh_cache_get(m, 0, none, head, NULL), -EINVAL);
    assert_int_equal(mh_cache_stats(m, 0, none, &s), -EINVAL);
    assert_int_equal(mh_cache_get(m, 1, MH_CACHE_TLB, head, NULL), -ENOENT);
    assert_string_equal(mh_last_error()->param, "hart");
    assert_int_equal(mh_cache_stats(m, 1, MH_CACHE_TLB, &s), -ENOENT);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_cache_clear(m, 0, MH_CACHE_DECODE), -EBUSY);
    assert_int_equal(mh_cache_stats(m, 0, MH_CACHE_DECODE, &s), 0);
    assert_int_equal(mh_machine_stop(m), 0);
    mh_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_tlb),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
