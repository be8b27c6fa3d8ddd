/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/api_ram.c: reservations against harts and other users, dump and restore. */
#include "tests/unit/sim_program.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT(x)  ((mh_gpa){x})
#define WORD   AT(PROGRAM_TOHOST + 1024)
#define FLAG   AT(PROGRAM_TOHOST + 1032 + 64)
#define OTHER  AT(PROGRAM_TOHOST + 1024 + 128)
#define ROUNDS 20000

static const char *const endless[] = {"jal zero,0x80000000", NULL};
/* Counts WORD up by LR/SC until FLAG is there, then ends. */
static const char *const counting[] = {
    "lui t0,0x80001",  "slli t0,t0,32",          "srli t0,t0,32",
    "addi t0,t0,1024", "lr.d t1,(t0)",           "addi t1,t1,1",
    "sc.d t2,t1,(t0)", "bne t2,zero,0x80000010", "addi t4,t4,1",
    "ld t3,72(t0)",    "beq t3,zero,0x80000010", "addi t1,zero,1",
    "sd t1,-1024(t0)", "jal zero,0x80000034",    NULL};
/* Increments WORD by a plain load and store, for ever. */
static const char *const storing[] = {"lui t0,0x80001",  "slli t0,t0,32",       "srli t0,t0,32",
                                      "addi t0,t0,1024", "ld t1,0(t0)",         "addi t1,t1,1",
                                      "sd t1,0(t0)",     "jal zero,0x80000010", NULL};

static struct mh_machine *make(const char *const *lines, unsigned harts)
{
    static struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    program_make(&p, lines);
    program_config(&cfg, &p);
    cfg.harts = harts;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    return m;
}

static struct mh_reservation *party(struct mh_machine *m)
{
    struct mh_reservation *r;
    assert_int_equal(mh_reservation_create(&r, m), 0);
    return r;
}

static bool conditional(struct mh_reservation *r, mh_gpa addr, uint64_t value)
{
    bool stored = true;
    assert_int_equal(mh_memory_store_conditional(r, addr, 8, value, &stored), 0);
    return stored;
}

static void test_rules(void **state)
{
    struct mh_machine *m = make(endless, 1);
    struct mh_reservation *a = party(m), *b = party(m);
    uint64_t v;
    bool stored;
    (void)state;
    assert_false(conditional(a, WORD, 1)); /* nothing is reserved */
    assert_int_equal(mh_memory_store(m, WORD, 8, MH_ORDER_RELAXED, 5), 0);
    assert_int_equal(mh_memory_reserve(a, WORD, 8, &v), 0);
    assert_int_equal(v, 5);
    assert_true(conditional(a, WORD, 6));
    assert_false(conditional(a, WORD, 7)); /* used up */
    assert_int_equal(mh_memory_reserve(a, WORD, 8, &v), 0);
    assert_int_equal(mh_memory_store(m, WORD, 8, MH_ORDER_RELAXED, 6), 0); /* the same value */
    assert_false(conditional(a, WORD, 7));
    assert_int_equal(mh_memory_reserve(a, WORD, 8, &v), 0);
    assert_int_equal(mh_memory_reserve(b, WORD, 8, &v), 0);
    assert_true(conditional(b, WORD, 8));
    assert_false(conditional(a, WORD, 9));
    assert_int_equal(mh_memory_reserve(a, WORD, 8, &v), 0);
    assert_int_equal(mh_memory_store(m, OTHER, 8, MH_ORDER_RELAXED, 1), 0); /* another granule */
    assert_true(conditional(a, WORD, 10));
    assert_int_equal(mh_memory_reserve(a, WORD, 8, &v), 0);
    mh_memory_invalidate(a);
    assert_false(conditional(a, WORD, 11));
    assert_int_equal(mh_memory_load(m, WORD, 8, MH_ORDER_RELAXED, &v), 0);
    assert_int_equal(v, 10);
    assert_int_equal(mh_memory_reserve(a, WORD, 2, &v), -EINVAL);
    assert_int_equal(mh_memory_reserve(a, AT(WORD.v + 4), 8, &v), -EINVAL);
    assert_int_equal(mh_memory_reserve(a, AT(8), 8, &v), -EFAULT);
    assert_int_equal(mh_memory_store_conditional(a, AT(8), 8, 0, &stored), -EFAULT);
    assert_int_equal(mh_memory_reserve(a, WORD, 8, &v), 0); /* dropped with its party */
    mh_reservation_destroy(a);
    mh_reservation_destroy(b);
    mh_reservation_destroy(NULL);
    mh_machine_destroy(m);
}

/* Host and harts count one word up, each by its own LR/SC: no increment is lost.  One hart too. */
static void test_against_harts(void **state)
{
    (void)state;
    for (unsigned harts = 1; harts <= 2; harts++) {
        struct mh_machine *m = make(counting, harts);
        struct mh_reservation *r = party(m);
        struct mh_hart_state s;
        uint64_t v, sum = ROUNDS;
        assert_int_equal(mh_machine_start(m), 0);
        for (unsigned done = 0; done < ROUNDS;) {
            assert_int_equal(mh_memory_reserve(r, WORD, 8, &v), 0);
            done += conditional(r, WORD, v + 1);
        }
        assert_int_equal(mh_memory_store(m, FLAG, 8, MH_ORDER_RELEASE, 1), 0);
        assert_int_equal(mh_machine_wait(m, UINT64_MAX, NULL), 0);
        assert_int_equal(mh_memory_load(m, WORD, 8, MH_ORDER_ACQUIRE, &v), 0);
        for (unsigned i = 0; i < harts; i++) {
            assert_int_equal(mh_hart_get_state(m, i, &s), 0);
            sum += s.x[29]; /* t4: its own increments; the last may not have been counted yet */
        }
        assert_in_range(v, sum, sum + harts);
        mh_reservation_destroy(r);
        mh_machine_destroy(m);
    }
}

/* A hart's plain stores, which are fast ones, kill the reservation also where it is alone. */
static void test_plain_stores(void **state)
{
    struct mh_machine *m = make(storing, 1);
    struct mh_reservation *r = party(m);
    struct mh_engine *e;
    uint64_t v;
    (void)state;
    assert_int_equal(mh_engine_create(&e, m, 0, NULL), 0);
    assert_int_equal(mh_engine_execute(e, 400, NULL), 0);
    assert_int_equal(mh_memory_reserve(r, WORD, 8, &v), 0);
    assert_int_equal(v, 99);
    assert_int_equal(mh_engine_execute(e, 4, NULL), 0);
    assert_false(conditional(r, WORD, 0));
    assert_int_equal(mh_memory_load(m, WORD, 8, MH_ORDER_RELAXED, &v), 0);
    assert_int_equal(v, 100);
    mh_engine_destroy(e);
    mh_reservation_destroy(r);
    mh_machine_destroy(m);
}

static void test_dump(void **state)
{
    struct mh_machine *m = make(storing, 1);
    struct mh_hart_state before;
    struct mh_engine *e;
    struct stat st;
    FILE *f = tmpfile();
    uint64_t v;
    (void)state;
    assert_non_null(f);
    assert_int_equal(mh_engine_create(&e, m, 0, NULL), 0);
    assert_int_equal(mh_engine_execute(e, 404, NULL), 0);
    assert_int_equal(mh_hart_get_state(m, 0, &before), 0);
    assert_int_equal(mh_memory_dump(m, fileno(f)), 0);
    assert_int_equal(fstat(fileno(f), &st), 0);
    assert_int_equal(st.st_size, 4 << 20);
    assert_true(st.st_blocks * 512 < 1 << 20); /* it is mostly holes */
    assert_int_equal(mh_engine_execute(e, 4000, NULL), 0);
    assert_int_equal(mh_memory_load(m, WORD, 8, MH_ORDER_RELAXED, &v), 0);
    assert_int_equal(v, 1100);
    /* The program itself goes, and comes back: what was decoded of it must not stay. */
    uint32_t self = 0x0000006f;
    assert_int_equal(mh_memory_write(m, AT(PROGRAM_BASE + 0x10), &self, 4), 0);
    assert_int_equal(mh_engine_execute(e, 50, NULL), 0);
    assert_int_equal(mh_memory_restore(m, fileno(f)), 0);
    assert_int_equal(mh_hart_set_state(m, 0, &before), 0);
    assert_int_equal(mh_memory_load(m, WORD, 8, MH_ORDER_RELAXED, &v), 0);
    assert_int_equal(v, 100);
    assert_int_equal(mh_engine_execute(e, 40, NULL), 0);
    assert_int_equal(mh_memory_load(m, WORD, 8, MH_ORDER_RELAXED, &v), 0);
    assert_int_equal(v, 110);
    assert_int_equal(ftruncate(fileno(f), 4096), 0);
    assert_int_equal(mh_memory_restore(m, fileno(f)), -EINVAL);
    assert_int_equal(mh_memory_dump(m, -1), -EBADF);
    assert_int_equal(mh_memory_restore(m, -1), -EBADF);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_memory_dump(m, fileno(f)), -EBUSY);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_against_harts),
        cmocka_unit_test(test_plain_stores),
        cmocka_unit_test(test_dump),
    };
    return cmocka_run_group_tests_name("sim_api_ram", tests, NULL, NULL);
}
