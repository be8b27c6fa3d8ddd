/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/api_engine.c and what is below it (isa/riscv/piece.c, engine.c,
 * sim/hart_hold.c): exact counts, why execution comes back, changing engines,
 * who may have a hart.
 */
#include "tests/unit/sim_program.h"

#include "jit/jit.h"
#include "sim/base/bits.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define TOHOST "lui t0,0x80001", "slli t0,t0,32", "srli t0,t0,32"

static const char *const endless[] = {"jal zero,0x80000000", NULL};
static const char *const sleeper[] = {"addi t0,zero,8", "csrrs zero,mie,t0",   "wfi",
                                      "addi a0,a0,1",   "jal zero,0x80000008", NULL};
static const char *const exit_3[] = {"lui t0,0x100", "lui t1,0x33",         "addi t1,t1,819",
                                     "sw t1,0(t0)",  "jal zero,0x80000010", NULL};
/* mtvec is 0, where nothing is. */
static const char *const trapping[] = {"ebreak", NULL};
/* A loop with a call, a page of code never left, floating point that is inexact, memory. */
static const char *const mixed[] = {TOHOST,
                                    "addi t1,t0,1024",
                                    "lui t2,0x6",
                                    "csrrs zero,mstatus,t2", /* FS */
                                    "addi a0,zero,3",
                                    "fcvt.d.l fa0,a0,rne",
                                    "addi a1,zero,300",
                                    "add a2,a2,a1", /* 0x80000024 */
                                    "mul a3,a2,a1",
                                    "sd a3,0(t1)",
                                    "ld a4,0(t1)",
                                    "xor a5,a5,a4",
                                    "fcvt.d.l fa1,a1,rne",
                                    "fdiv.d fa2,fa1,fa0,dyn",
                                    "fadd.d fa3,fa3,fa2,dyn",
                                    "csrrs a6,fflags,zero",
                                    "csrrs a7,minstret,zero",
                                    "addi a1,a1,-1",
                                    "bne a1,zero,0x80000024",
                                    "addi t3,zero,1",
                                    "sd t3,0(t0)",
                                    "jal zero,0x8000005c",
                                    NULL};

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

static struct mh_engine *engine(struct mh_machine *m, unsigned hart, const char *name)
{
    struct mh_engine *e;
    assert_int_equal(mh_engine_create(&e, m, hart, name), 0);
    return e;
}

static struct mh_engine_result execute(struct mh_engine *e, uint64_t max)
{
    struct mh_engine_result r;
    assert_int_equal(mh_engine_execute(e, max, &r), 0);
    return r;
}

static void test_list(void **state)
{
    struct mh_engine_info info;
    unsigned missing = 0, i = 0;
    (void)state;
    for (; mh_engine_describe("riscv64", i, &info) == 0; i++) {
        assert_non_null(info.summary);
        if (info.missing) {
            missing++;
            assert_string_equal(info.name, "jit");
        }
    }
    assert_int_equal(i, 3);
    assert_int_equal(missing, jit_host() ? 0 : 1);
    assert_int_equal(mh_engine_describe("z80", 0, &info), -ENOENT);
}

static void test_create(void **state)
{
    struct mh_machine *m = make(endless, 2);
    struct mh_engine *e;
    (void)state;
    if (jit_host()) {
        e = engine(m, 0, "jit");
        assert_string_equal(mh_engine_name(e), "jit");
        mh_engine_destroy(e);
    } else {
        assert_int_equal(mh_engine_create(&e, m, 0, "jit"), -ENOTSUP);
        assert_null(e);
        assert_non_null(strstr(mh_last_error()->message, "translator"));
    }
    assert_int_equal(mh_engine_create(&e, m, 0, "steam"), -EINVAL);
    assert_int_equal(mh_engine_create(&e, m, 2, NULL), -ENOENT);
    e = engine(m, 1, NULL);
    assert_string_equal(mh_engine_name(e), "hybrid");
    assert_int_equal(mh_component_status(mh_engine_component(e)), MH_INITIALIZED);
    mh_engine_destroy(e);
    mh_engine_destroy(NULL);
    mh_machine_destroy(m);
}

/* Whatever the piece, exactly so many instructions are retired, over branches and page borders. */
static void test_exact(void **state)
{
    static const uint64_t pieces[] = {0, 1, 2, 3, 17, 100, 2048, 2049, 2050, 5000};
    struct mh_machine *m = make(endless, 1);
    struct mh_engine *e = engine(m, 0, "interp");
    struct mh_engine_stats stats;
    uint64_t sum = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct mh_engine_result r = execute(e, pieces[i]);
        assert_int_equal(r.why, MH_STOP_LIMIT);
        assert_int_equal(r.insns, pieces[i]);
        assert_int_equal(r.pc.v, PROGRAM_BASE);
        sum += r.insns;
    }
    mh_engine_stats(e, &stats);
    assert_int_equal(stats.insns, sum);
    assert_true(stats.time_ns > 0 && stats.memory_accesses == MH_UNKNOWN);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

/* All the state that a program can see, when it has come to its end. */
static struct mh_hart_state run_mixed(const uint64_t *pieces, size_t count, const char *other)
{
    struct mh_machine *m = make(mixed, 1);
    struct mh_engine *e[2] = {engine(m, 0, "interp"), engine(m, 0, other)};
    struct mh_engine_result r = {.why = MH_STOP_LIMIT};
    struct mh_hart_state s;
    uint64_t left = 9 + 12 * 300; /* up to the loop's end */
    for (size_t i = 0; left; i++) {
        uint64_t n = min_u64(left, pieces[i % count]);
        r = execute(e[i % 2], n);
        assert_int_equal(r.insns, n);
        left -= n;
    }
    assert_int_equal(mh_hart_get_state(m, 0, &s), 0);
    mh_engine_destroy(e[0]);
    mh_engine_destroy(e[1]);
    mh_machine_destroy(m);
    return s;
}

static void test_switching(void **state)
{
    static const uint64_t whole[] = {100000}, ones[] = {1}, odd[] = {1, 7, 2060, 3, 500};
    struct mh_hart_state want = run_mixed(whole, 1, "interp"), got;
    (void)state;
    assert_int_equal(want.pc, 0x80000054);
    assert_int_equal(want.x[12], 300 * 301 / 2); /* a2 */
    assert_int_equal(want.x[16], 1);             /* a6: fflags NX */
    for (unsigned i = 0; i < (jit_host() ? 2 : 1); i++) {
        const char *other = i ? "jit" : "hybrid";
        got = run_mixed(ones, 1, other);
        assert_memory_equal(&want, &got, sizeof(want));
        got = run_mixed(odd, ARRAY_LEN(odd), other);
        assert_memory_equal(&want, &got, sizeof(want));
    }
}

static void test_sync(void **state)
{
    struct mh_machine *m = make(endless, 2);
    struct mh_engine *a = engine(m, 0, "interp"), *b = engine(m, 0, "hybrid"),
                     *other = engine(m, 1, "interp");
    bool needed;
    (void)state;
    assert_int_equal(mh_engine_needs_sync(a, &needed), 0);
    assert_true(needed);
    assert_int_equal(mh_engine_sync_to(b, a), 0);
    assert_int_equal(mh_engine_needs_sync(a, &needed), 0);
    assert_false(needed);
    assert_int_equal(mh_engine_needs_sync(b, &needed), 0);
    assert_true(needed);
    assert_int_equal(mh_engine_sync_from(b, a), 0);
    assert_int_equal(mh_engine_needs_sync(b, &needed), 0);
    assert_false(needed);
    assert_int_equal(mh_engine_sync_to(a, other), -EINVAL);
    mh_engine_destroy(a);
    mh_engine_destroy(b);
    mh_engine_destroy(other);
    mh_machine_destroy(m);
}

static void test_registers(void **state)
{
    struct mh_machine *m = make(endless, 1);
    struct mh_engine *e = engine(m, 0, NULL);
    uint64_t v;
    mh_gva pc;
    (void)state;
    assert_int_equal(mh_engine_set_register(e, 5, 77), 0);
    assert_int_equal(mh_engine_get_register(e, 5, &v), 0);
    assert_int_equal(v, 77);
    assert_int_equal(mh_engine_set_register(e, 0, 77), 0);
    assert_int_equal(mh_engine_get_register(e, 0, &v), 0);
    assert_int_equal(v, 0);
    assert_int_equal(mh_engine_get_register(e, 64, &v), -EINVAL);
    assert_int_equal(mh_engine_set_register(e, 99, 0), -EINVAL);
    assert_int_equal(mh_engine_set_pc(e, (mh_gva){0x80000100}), 0);
    assert_int_equal(mh_engine_get_pc(e, &pc), 0);
    assert_int_equal(pc.v, 0x80000100);
    execute(e, 0);
    assert_int_equal(mh_engine_reset(e), 0);
    assert_int_equal(mh_engine_get_pc(e, &pc), 0);
    assert_int_equal(pc.v, PROGRAM_BASE);
    assert_int_equal(mh_engine_get_register(e, 5, &v), 0);
    assert_int_equal(v, 0);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

/* WFI comes back, and goes on when its interrupt is there. */
static void test_waiting(void **state)
{
    struct mh_machine *m = make(sleeper, 1);
    struct mh_engine *e = engine(m, 0, NULL);
    (void)state;
    struct mh_engine_result r = execute(e, 1000);
    assert_int_equal(r.why, MH_STOP_WAITING);
    assert_int_equal(r.insns, 3);
    assert_int_equal(r.pc.v, 0x8000000c);
    r = execute(e, 1000); /* a spurious end of WFI */
    assert_int_equal(r.why, MH_STOP_WAITING);
    assert_int_equal(r.insns, 3);
    assert_int_equal(mh_devices_write(m, (mh_gpa){0x2000000}, 4, 1), 0); /* CLINT: msip of hart 0 */
    r = execute(e, 1000);
    assert_int_equal(r.why, MH_STOP_LIMIT);
    assert_int_equal(r.insns, 1000);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

static void test_traps(void **state)
{
    struct mh_machine *m = make(trapping, 1);
    struct mh_engine *e = engine(m, 0, NULL);
    struct mh_engine_stats stats;
    (void)state;
    struct mh_engine_result r = execute(e, 500);
    assert_int_equal(r.why, MH_STOP_LIMIT);
    assert_int_equal(r.insns, 0);
    assert_int_equal(r.pc.v, 0);
    mh_engine_stats(e, &stats);
    assert_int_equal(stats.traps, 500);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

/* --max-insns holds for pieces as it does for a machine that runs. */
static void test_limit(void **state)
{
    static const char *const *const programs[] = {endless, trapping};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        struct program p;
        struct mh_vm_config cfg;
        struct mh_machine *m;
        program_make(&p, programs[i]);
        program_config(&cfg, &p);
        cfg.max_insns = 5000;
        assert_int_equal(mh_machine_create(&m, &cfg), 0);
        assert_int_equal(mh_machine_init(m), 0);
        struct mh_engine *e = engine(m, 0, NULL);
        assert_int_equal(execute(e, 4000).why, MH_STOP_LIMIT);
        struct mh_engine_result r = execute(e, 4000);
        assert_int_equal(r.why, MH_STOP_END);
        assert_int_equal(r.end, MH_END_LIMIT);
        mh_engine_destroy(e);
        mh_machine_destroy(m);
    }
}

static void test_end(void **state)
{
    struct mh_machine *m = make(exit_3, 1);
    struct mh_engine *e = engine(m, 0, NULL);
    (void)state;
    struct mh_engine_result r = execute(e, UINT64_MAX);
    assert_int_equal(r.why, MH_STOP_END);
    assert_int_equal(r.end, MH_END_GUEST);
    assert_int_equal(r.exit_code, 3);
    /* That is over: the hart goes on where it is. */
    r = execute(e, 100);
    assert_int_equal(r.why, MH_STOP_LIMIT);
    assert_int_equal(r.exit_code, 0);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

/* Pieces first, then the machine by itself to the program's end. */
static void test_then_start(void **state)
{
    struct mh_machine *m = make(mixed, 1);
    struct mh_engine *e = engine(m, 0, NULL);
    struct mh_result r;
    struct mh_hart_state s;
    (void)state;
    execute(e, 1234);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, UINT64_MAX, &r), 0);
    assert_int_equal(r.end, MH_END_GUEST);
    assert_int_equal(mh_hart_get_state(m, 0, &s), 0);
    assert_int_equal(s.x[12], 300 * 301 / 2);
    assert_int_equal(execute(e, 10).insns, 10); /* and stopped again */
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

static const struct mh_device_ops nothing = {.type = MH_DEVICE_CUSTOM};

struct runner {
    struct mh_engine *e;
    struct mh_engine_result r;
    int rc;
};

static void *run_for_ever(void *arg)
{
    struct runner *r = arg;
    r->rc = mh_engine_execute(r->e, UINT64_MAX, &r->r);
    return NULL;
}

static void await_running(struct mh_engine *e)
{
    while (mh_component_status(mh_engine_component(e)) != MH_RUNNING)
        usleep(100);
}

/* Two harts on two threads; nobody else may touch them, and each is stopped by itself. */
static void test_parallel_and_stop(void **state)
{
    struct mh_machine *m = make(endless, 2);
    struct runner r[2] = {{.e = engine(m, 0, "interp")}, {.e = engine(m, 1, "hybrid")}};
    struct mh_engine *second = engine(m, 0, "hybrid");
    struct mh_hart_state s;
    pthread_t t[2];
    (void)state;
    mh_engine_stop(r[0].e); /* nothing to stop */
    for (int i = 0; i < 2; i++) {
        pthread_create(&t[i], NULL, run_for_ever, &r[i]);
        await_running(r[i].e);
    }
    assert_int_equal(mh_engine_execute(second, 1, NULL), -EBUSY);
    assert_int_equal(mh_hart_get_state(m, 0, &s), -EBUSY);
    assert_int_equal(mh_memory_dump(m, 1), -EBUSY);
    assert_int_equal(mh_mmu_set_strict_align(m, true), -EBUSY);
    assert_int_equal(mh_devices_register(m, "x", &nothing, NULL, (mh_gpa){0x40000000}, 16, 0),
                     -EBUSY);
    assert_int_equal(mh_machine_start(m), -EINVAL);
    assert_int_equal(mh_component_status(mh_machine_component(m)), MH_INITIALIZED);
    for (int i = 0; i < 2; i++) {
        usleep(1000);
        mh_engine_stop(r[i].e);
        pthread_join(t[i], NULL);
        assert_int_equal(r[i].rc, 0);
        assert_int_equal(r[i].r.why, MH_STOP_CANCELLED);
        mh_engine_destroy(r[i].e);
    }
    assert_int_equal(mh_engine_execute(second, 1, NULL), 0);
    mh_engine_destroy(second);
    mh_machine_destroy(m);
}

static void test_machine_runs(void **state)
{
    struct mh_machine *m = make(endless, 1);
    struct mh_engine *e = engine(m, 0, NULL);
    uint64_t v;
    (void)state;
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_engine_execute(e, 1, NULL), -EBUSY);
    assert_int_equal(mh_engine_get_register(e, 1, &v), -EBUSY);
    assert_int_equal(mh_engine_reset(e), -EBUSY);
    mh_engine_stop(e); /* does not touch the machine's own thread */
    assert_int_equal(mh_machine_wait(m, 20000000, NULL), -ETIMEDOUT);
    assert_int_equal(mh_machine_stop(m), 0);
    assert_int_equal(mh_engine_execute(e, 5, NULL), 0);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

struct heard {
    struct mh_engine *e;
    char kinds[8];
    uint64_t insns;
    int nested;
};

static void on_event(void *opaque, const struct mh_event *event)
{
    struct heard *h = opaque;
    h->kinds[strlen(h->kinds)] = "SXC"[event->kind];
    if (event->kind == MH_EVENT_COMPLETED)
        h->insns = event->u.completed.insns;
    h->nested = mh_engine_execute(h->e, 1, NULL);
}

static void test_events(void **state)
{
    struct mh_machine *m = make(endless, 1);
    struct heard h = {.e = engine(m, 0, NULL)};
    (void)state;
    int id = mh_subscribe(mh_engine_component(h.e), on_event, &h);
    execute(h.e, 5);
    assert_string_equal(h.kinds, "SCX");
    assert_int_equal(h.insns, 5);
    assert_int_equal(h.nested, -EBUSY);
    assert_int_equal(mh_unsubscribe(mh_engine_component(h.e), id), 0);
    mh_engine_destroy(h.e);
    mh_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),         cmocka_unit_test(test_create),
        cmocka_unit_test(test_exact),        cmocka_unit_test(test_switching),
        cmocka_unit_test(test_sync),         cmocka_unit_test(test_registers),
        cmocka_unit_test(test_waiting),      cmocka_unit_test(test_traps),
        cmocka_unit_test(test_limit),        cmocka_unit_test(test_end),
        cmocka_unit_test(test_then_start),   cmocka_unit_test(test_parallel_and_stop),
        cmocka_unit_test(test_machine_runs), cmocka_unit_test(test_events),
    };
    return cmocka_run_group_tests_name("sim_api_engine", tests, NULL, NULL);
}
