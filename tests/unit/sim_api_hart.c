/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/api_hart.c: state in and out, and that the guest goes on from it. */
#include "tests/unit/sim_program.h"

#include "sim/base/bits.h"

#include <errno.h>

/* Ends with the code in a5, from wherever pc is put. */
static const char *const lines[] = {
    "jal zero,0x80000000",                                   /* 0: endless */
    "lui t0,0x80001",      "slli t0,t0,32", "srli t0,t0,32", /* 4 */
    "slli a5,a5,1",        "addi a5,a5,1",  "sd a5,0(t0)",   "jal zero,0x8000001c", NULL};

static struct program p;

static struct mh_machine *make(void)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    program_make(&p, lines);
    program_config(&cfg, &p);
    cfg.harts = 2;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    return m;
}

static void test_states(void **state)
{
    struct mh_machine *m = make();
    struct mh_hart_state s;
    (void)state;
    assert_int_equal(mh_hart_get_state(m, 0, &s), -EINVAL);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_hart_get_state(m, 0, &s), 0);
    assert_int_equal(s.pc, PROGRAM_BASE);
    assert_int_equal(s.x[10], 0); /* a0: hart id */
    assert_int_equal(mh_hart_get_state(m, 1, &s), 0);
    assert_int_equal(s.x[10], 1);
    assert_int_not_equal(s.x[11], 0); /* a1: device tree */
    assert_int_equal(mh_hart_get_state(m, 2, &s), -ENOENT);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_hart_get_state(m, 0, &s), -EBUSY);
    assert_int_equal(mh_hart_set_state(m, 0, &s), -EBUSY);
    assert_int_equal(mh_machine_stop(m), 0);
    assert_int_equal(mh_hart_get_state(m, 0, &s), 0);
    assert_int_equal(s.pc, PROGRAM_BASE);
    mh_machine_destroy(m);
}

static void test_round_trip(void **state)
{
    struct mh_machine *m = make();
    struct mh_hart_state in = {.pc = PROGRAM_BASE + 4}, out;
    (void)state;
    assert_int_equal(mh_machine_init(m), 0);
    for (unsigned i = 0; i < 32; i++) {
        in.x[i] = 0x0123456789abcdefull * (i + 1);
        in.f[i] = 0xfedcba9876543210ull * (i + 1);
    }
    assert_int_equal(mh_hart_set_state(m, 1, &in), 0);
    assert_int_equal(mh_hart_get_state(m, 1, &out), 0);
    in.x[0] = 0;
    assert_memory_equal(&in, &out, sizeof(in));
    mh_machine_destroy(m);
}

/* Stopped in its endless loop, a hart is set elsewhere and ends with the code it is given. */
static void test_goes_on(void **state)
{
    struct mh_machine *m = make();
    struct mh_hart_state s;
    struct mh_result r;
    (void)state;
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_stop(m), 0);
    assert_int_equal(mh_hart_get_state(m, 1, &s), 0);
    s.pc = PROGRAM_BASE + 4;
    s.x[15] = 42;
    assert_int_equal(mh_hart_set_state(m, 1, &s), 0);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, UINT64_MAX, &r), 0);
    assert_int_equal(r.end, MH_END_GUEST);
    assert_int_equal(r.exit_code, 42);
    mh_machine_destroy(m);
}

/* An endless loop ends by an interrupt that nothing masks: its handler is the program's entry. */
static const char *const nmi_lines[] = {
    "csrrs t1,mnstatus,zero", "csrrs t2,mncause,zero", "csrrwi zero,mnstatus,8", "lui t0,0x80001",
    "slli t0,t0,32",          "srli t0,t0,32",         "bne t2,zero,0x80000024", "addi a5,a5,1",
    "jal zero,0x80000020",    "srli t1,t1,10", /* MNPP = M: 6, and 1 to end */
    "addi t1,t1,1",           "sd t1,0(t0)",           "jal zero,0x80000030",    NULL};

static void test_nmi(void **state)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_result r;
    (void)state;
    program_make(&p, nmi_lines);
    program_config(&cfg, &p);
    cfg.isa = "rv64gc_smrnmi";
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_hart_nmi(m, 0), -EINVAL);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_hart_nmi(m, 1), -ENOENT);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, 20000000, &r), -ETIMEDOUT);
    assert_int_equal(mh_hart_nmi(m, 0), 0);
    assert_int_equal(mh_machine_wait(m, UINT64_MAX, &r), 0);
    assert_int_equal(r.end, MH_END_GUEST);
    assert_int_equal(r.exit_code, 3);
    mh_machine_destroy(m);
    cfg.isa = NULL;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_hart_nmi(m, 0), -ENOTSUP);
    assert_non_null(strstr(mh_last_error()->message, "smrnmi"));
    mh_machine_destroy(m);
}

/* Each NMI starts it anew; an icount trigger counts all the time, so that the hart steps. */
static const char *const counted_lines[] = {"csrrwi zero,mnstatus,8",
                                            "csrrsi zero,mstatus,8",
                                            "csrrwi zero,tselect,0",
                                            "lui t0,0x30000",
                                            "slli t0,t0,32",
                                            "lui t1,0x1000",
                                            "addi t1,t1,-512",
                                            "or t0,t0,t1",
                                            "csrrw zero,tdata1,t0",
                                            "jal zero,0x80000020",
                                            NULL};

/* What comes from other threads reaches a hart that steps, the end among it. */
static void test_nmi_while_stepping(void **state)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_result r;
    (void)state;
    program_make(&p, counted_lines);
    program_config(&cfg, &p);
    cfg.isa = "rv64gc_smrnmi";
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(mh_machine_create(&m, &cfg), 0);
        assert_int_equal(mh_machine_init(m), 0);
        assert_int_equal(mh_machine_start(m), 0);
        for (unsigned n = 0; n < 2000; n++)
            assert_int_equal(mh_hart_nmi(m, 0), 0);
        assert_int_equal(mh_machine_stop(m), 0);
        assert_int_equal(mh_machine_wait(m, 0, &r), 0);
        assert_int_equal(r.end, MH_END_STOPPED);
        mh_machine_destroy(m);
    }
}

/* Out of reset a trap is one too many. */
static void test_critical(void **state)
{
    static const char *const trap[] = {"ebreak", NULL};
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_result r;
    (void)state;
    program_make(&p, trap);
    program_config(&cfg, &p);
    cfg.isa = "rv64gc_smdbltrp";
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, UINT64_MAX, &r), 0);
    assert_int_equal(r.end, MH_END_CRITICAL);
    mh_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nmi),        cmocka_unit_test(test_nmi_while_stepping),
        cmocka_unit_test(test_critical),   cmocka_unit_test(test_states),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
