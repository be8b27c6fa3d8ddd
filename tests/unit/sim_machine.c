/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/machine.c: how machines end, reboot, are stopped from outside,
 * and that several live in one process.
 */
#include "sim/machine.h"

#include "tests/unit/sim_program.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FOR_EVER UINT64_MAX

/* t0 = tohost */
#define TOHOST "lui t0,0x80001", "slli t0,t0,32", "srli t0,t0,32"

static const char *const endless[] = {"jal zero,0x80000000", NULL};
static const char *const htif_exit_7[] = {TOHOST, "addi t1,zero,15", "sd t1,0(t0)",
                                          "jal zero,0x80000014", NULL};
static const char *const finisher_pass[] = {
    "lui t0,0x100", "lui t1,0x5", "addi t1,t1,1365", "sw t1,0(t0)", "jal zero,0x80000010", NULL};
static const char *const finisher_fail_3[] = {
    "lui t0,0x100", "lui t1,0x33", "addi t1,t1,819", "sw t1,0(t0)", "jal zero,0x80000010", NULL};

static struct mh_machine *make(const struct program *p, unsigned harts)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    program_config(&cfg, p);
    cfg.harts = harts;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    return m;
}

static struct mh_result run(const char *const *lines, unsigned harts)
{
    struct program p;
    struct mh_result r = {0};
    program_make(&p, lines);
    struct mh_machine *m = make(&p, harts);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, FOR_EVER, &r), 0);
    struct pollfd fd = {.fd = mh_machine_fd(m), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 10000), 1);
    assert_int_equal(mh_component_status(mh_machine_component(m)), MH_STOPPED);
    mh_machine_destroy(m);
    return r;
}

static void test_ends_of_the_guest(void **state)
{
    static const struct {
        const char *const *lines;
        int code;
    } rows[] = {{htif_exit_7, 7}, {finisher_pass, 0}, {finisher_fail_3, 3}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (unsigned harts = 1; harts <= 3; harts++) {
            struct mh_result r = run(rows[i].lines, harts);
            assert_int_equal(r.end, MH_END_GUEST);
            assert_int_equal(r.exit_code, rows[i].code);
            assert_true(r.time_ns > 0);
            assert_true(r.insns > 0);
        }
}

static void test_limits(void **state)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_result r;
    struct program p;
    (void)state;
    program_make(&p, endless);
    program_config(&cfg, &p);
    cfg.timeout_ns = 50000000;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, FOR_EVER, &r), 0);
    assert_int_equal(r.end, MH_END_TIMEOUT);
    mh_machine_destroy(m);
    cfg.timeout_ns = 0;
    cfg.max_insns = 100000;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, FOR_EVER, &r), 0);
    assert_int_equal(r.end, MH_END_LIMIT);
    assert_true(r.insns >= 100000);
    mh_machine_destroy(m);
}

/* Stopped from outside, it keeps its state and may be started again. */
static void test_stop_and_go_on(void **state)
{
    struct program p;
    struct mh_result r;
    uint64_t insns = 0;
    (void)state;
    program_make(&p, endless);
    struct mh_machine *m = make(&p, 2);
    for (int round = 0; round < 5; round++) {
        assert_int_equal(mh_machine_start(m), 0);
        assert_int_equal(mh_machine_wait(m, 2000000, NULL), -ETIMEDOUT);
        assert_int_equal(mh_machine_stop(m), 0);
        assert_int_equal(mh_machine_wait(m, 0, &r), 0);
        assert_int_equal(r.end, MH_END_STOPPED);
        assert_true(r.insns >= insns);
        insns = r.insns;
    }
    assert_int_equal(mh_machine_stop(m), -EINVAL);
    mh_machine_destroy(m);
}

static void test_destroy_in_every_state(void **state)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct program p;
    (void)state;
    program_make(&p, endless);
    program_config(&cfg, &p);
    for (int steps = 0; steps < 3; steps++) {
        assert_int_equal(mh_machine_create(&m, &cfg), 0);
        if (steps >= 1)
            assert_int_equal(mh_machine_init(m), 0);
        if (steps >= 2)
            assert_int_equal(mh_machine_start(m), 0);
        mh_machine_destroy(m);
    }
    mh_machine_destroy(NULL);
}

/* What is wrong with an input is told by init, which leaves the machine in Error. */
static void test_bad_input(void **state)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    (void)state;
    mh_config_default(&cfg);
    cfg.console = "none";
    cfg.image = "/nonexistent/program";
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), -ENOENT);
    assert_string_equal(mh_last_error()->param, "image");
    assert_int_equal(mh_component_status(mh_machine_component(m)), MH_STATE_ERROR);
    assert_int_equal(mh_machine_start(m), -EINVAL);
    mh_machine_destroy(m);
    cfg.harts = 0;
    assert_int_equal(mh_machine_create(&m, &cfg), -EINVAL);
    assert_null(m);
}

static void test_update(void **state)
{
    struct mh_vm_config cfg, bad;
    struct mh_machine *m;
    struct program p;
    (void)state;
    program_make(&p, endless);
    program_config(&cfg, &p);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    bad = cfg;
    bad.memory_size = 1;
    assert_int_equal(mh_machine_update(m, &bad), -EINVAL);
    assert_string_equal(mh_last_error()->param, "memory");
    assert_int_equal(mh_machine_config(m)->memory_size, cfg.memory_size);
    cfg.harts = 2;
    assert_int_equal(mh_machine_update(m, &cfg), 0);
    assert_int_equal(mh_machine_config(m)->harts, 2);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_machine_update(m, &cfg), -EINVAL);
    mh_machine_destroy(m);
}

/*
 * The first boot finds 0 in a word outside the images, counts it up and reboots through the
 * finisher; the third ends with the count.  A word inside the image is as loaded each time.
 */
static void test_reboot(void **state)
{
    static const char *const lines[] = {
        TOHOST,
        "addi t2,t0,2040", /* the count, beyond the program */
        "ld t3,256(t0)",   /* inside the image: must be 0 at each boot */
        "bne t3,zero,0x80000050",
        "addi t3,zero,1",
        "sd t3,256(t0)",
        "ld t1,0(t2)",
        "addi t1,t1,1",
        "sd t1,0(t2)",
        "addi t4,zero,3",
        "beq t1,t4,0x80000048",
        "lui t5,0x100",
        "lui t6,0x7",
        "addi t6,t6,1911",
        "sw t6,0(t5)",
        "jal zero,0x80000044", /* wait for the reboot */
        "addi t1,zero,7",      /* 0x48: exit code 3 */
        "sd t1,0(t0)",
        "jal zero,0x80000050",
        NULL,
    };
    struct mh_result r;
    (void)state;
    r = run(lines, 1);
    assert_int_equal(r.end, MH_END_GUEST);
    assert_int_equal(r.exit_code, 3);
}

static void *run_thread(void *arg)
{
    const struct program *p = arg;
    struct mh_result r = {0};
    for (int i = 0; i < 5; i++) {
        struct mh_machine *m = make(p, 2);
        assert_int_equal(mh_machine_start(m), 0);
        assert_int_equal(mh_machine_wait(m, FOR_EVER, &r), 0);
        assert_int_equal(r.exit_code, 7);
        mh_machine_destroy(m);
    }
    return NULL;
}

static void test_several(void **state)
{
    pthread_t t[3];
    struct program p;
    (void)state;
    program_make(&p, htif_exit_7);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, run_thread, &p), 0);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        pthread_join(t[i], NULL);
}

struct seen {
    unsigned started, completed, stopped;
    int code;
};

static void on_event(void *opaque, const struct mh_event *e)
{
    struct seen *s = opaque;
    s->started += e->kind == MH_EVENT_STARTED;
    s->stopped += e->kind == MH_EVENT_STOPPED;
    if (e->kind == MH_EVENT_COMPLETED) {
        s->completed++;
        s->code = e->u.completed.exit_code;
    }
}

static void test_events(void **state)
{
    struct program p;
    struct seen seen = {0};
    (void)state;
    program_make(&p, htif_exit_7);
    struct mh_machine *m = make(&p, 1);
    assert_true(mh_subscribe(mh_machine_component(m), on_event, &seen) > 0);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, FOR_EVER, NULL), 0);
    mh_machine_destroy(m);
    assert_int_equal(seen.completed, 1);
    assert_int_equal(seen.stopped, 1);
    assert_int_equal(seen.code, 7);
}

static void test_signature(void **state)
{
    static const char *const lines[] = {
        TOHOST,
        "lui t1,0x12345",
        "addi t1,t1,1656",
        "sw t1,256(t0)",
        "addi t1,zero,-1",
        "sw t1,268(t0)",
        "addi t1,zero,1",
        "sd t1,0(t0)",
        "jal zero,0x80000028",
        NULL,
    };
    char path[] = "/tmp/mh-signature-XXXXXX", text[128];
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct program p;
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    program_make(&p, lines);
    program_config(&cfg, &p);
    cfg.signature = path;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_machine_start(m), 0);
    assert_int_equal(mh_machine_wait(m, FOR_EVER, NULL), 0);
    mh_machine_destroy(m);
    FILE *f = fopen(path, "r");
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    unlink(path);
    text[n] = 0;
    assert_string_equal(text, "12345678\n00000000\n00000000\nffffffff\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_of_the_guest),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_stop_and_go_on),
        cmocka_unit_test(test_destroy_in_every_state),
        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_reboot),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
