/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/task.c and sim/api_async.c: places, order, results, cancelling
 * at each moment, destroying the machine under its tasks.
 */
#include "tests/unit/sim_program.h"

#include "sim/base/atomic.h"
#include "sim/base/bits.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#define FOR_EVER UINT64_MAX
#define AT(x)    ((mh_gpa){x})

static const char *const endless[] = {"jal zero,0x80000000", NULL};

static struct mh_machine *make(unsigned harts)
{
    static struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    program_make(&p, endless);
    program_config(&cfg, &p);
    cfg.harts = harts;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    return m;
}

static struct mh_machine *built(unsigned harts)
{
    struct mh_machine *m = make(harts);
    assert_int_equal(mh_machine_init(m), 0);
    return m;
}

/* A task that counts, waits for its gate and returns what it is told. */
struct job {
    uint32_t begun, gate, gone, cancels; /* atomic */
    int result;
    char thread[16];
};

static int job_run(struct mh_task *t, void *opaque)
{
    struct job *j = opaque;
    pthread_getname_np(pthread_self(), j->thread, sizeof(j->thread));
    store_release(&j->begun, 1);
    while (!load_acquire(&j->gate))
        if (mh_task_cancelled(t))
            return -ECANCELED;
        else
            usleep(100);
    return j->result;
}

static void job_cancel(void *opaque)
{
    fetch_add_acq_rel(&((struct job *)opaque)->cancels, 1);
}

static void job_gone(void *opaque)
{
    fetch_add_acq_rel(&((struct job *)opaque)->gone, 1);
}

static struct mh_task *submit(struct mh_machine *m, struct job *j, enum mh_task_place place)
{
    struct mh_task_spec spec = {"job", place, job_run, job_cancel, job_gone, j};
    struct mh_task *t;
    assert_int_equal(mh_scheduler_submit(m, &spec, &t), 0);
    return t;
}

static void await(uint32_t *word)
{
    while (!load_acquire(word))
        usleep(100);
}

static void test_places_and_results(void **state)
{
    struct mh_machine *m = built(1);
    (void)state;
    for (unsigned place = MH_TASK_IO; place <= MH_TASK_WORKER; place++)
        for (int result = 0; result >= -EIO; result -= EIO) {
            struct job j = {.result = result};
            const struct mh_error *error;
            struct mh_task *t = submit(m, &j, (enum mh_task_place)place);
            struct pollfd fd = {.fd = mh_task_fd(t), .events = POLLIN};
            assert_string_equal(mh_task_description(t), "job");
            assert_int_equal(mh_task_wait(t, 1000000), -ETIMEDOUT);
            assert_int_equal(mh_task_result(t, NULL), -EINPROGRESS);
            assert_int_equal(poll(&fd, 1, 0), 0);
            store_release(&j.gate, 1);
            assert_int_equal(mh_task_wait(t, FOR_EVER), 0);
            assert_int_equal(mh_task_status(t), result ? MH_TASK_FAILED : MH_TASK_COMPLETED);
            assert_int_equal(mh_task_result(t, &error), result);
            assert_int_equal(error->code, result);
            assert_int_equal(poll(&fd, 1, 10000), 1);
            assert_string_equal(j.thread, place == MH_TASK_IO ? "io" : "worker");
            assert_int_equal(mh_task_cancel(t), -EALREADY);
            mh_task_destroy(t);
            await(&j.gone);
            assert_int_equal(load_acquire(&j.gone), 1);
        }
    mh_machine_destroy(m);
}

/* More than there are workers: they run eight at a time, the others after them. */
static void test_many(void **state)
{
    enum { JOBS = 40 };
    static struct job jobs[JOBS];
    struct mh_machine *m = built(1);
    struct mh_task *t[JOBS];
    unsigned begun = 0;
    (void)state;
    memset(jobs, 0, sizeof(jobs));
    for (unsigned i = 0; i < JOBS; i++)
        t[i] = submit(m, &jobs[i], MH_TASK_WORKER);
    for (unsigned i = 0; i < 8; i++)
        await(&jobs[i].begun);
    usleep(2000);
    for (unsigned i = 0; i < JOBS; i++)
        begun += load_acquire(&jobs[i].begun);
    assert_int_equal(begun, 8);
    for (unsigned i = 0; i < JOBS; i++)
        store_release(&jobs[i].gate, 1);
    for (unsigned i = 0; i < JOBS; i++) {
        assert_int_equal(mh_task_wait(t[i], FOR_EVER), 0);
        assert_int_equal(mh_task_result(t[i], NULL), 0);
        mh_task_destroy(t[i]);
    }
    mh_machine_destroy(m);
}

static void test_cancel(void **state)
{
    struct mh_machine *m = built(1);
    struct job running = {0}, waiting = {0};
    (void)state;
    struct mh_task *r = submit(m, &running, MH_TASK_IO), *w = submit(m, &waiting, MH_TASK_IO);
    await(&running.begun);
    assert_int_equal(mh_task_status(r), MH_TASK_RUNNING);
    assert_int_equal(mh_task_status(w), MH_TASK_PENDING);
    assert_int_equal(mh_task_cancel(w), 0);
    assert_int_equal(mh_task_status(w), MH_TASK_CANCELLED);
    assert_int_equal(mh_task_result(w, NULL), -ECANCELED);
    assert_int_equal(mh_task_cancel(w), -EALREADY);
    assert_int_equal(mh_task_cancel(r), 0);
    assert_int_equal(mh_task_wait(r, FOR_EVER), 0);
    assert_int_equal(mh_task_status(r), MH_TASK_CANCELLED);
    assert_int_equal(load_acquire(&running.cancels), 1);
    assert_int_equal(waiting.begun, 0);
    mh_task_destroy(r);
    mh_task_destroy(w);
    assert_int_equal(load_acquire(&waiting.gone), 1);
    mh_machine_destroy(m);
}

/* The machine goes first: what runs is asked to end, what waits is cancelled; tasks stay readable.
 */
static void test_machine_goes(void **state)
{
    struct mh_machine *m = built(1);
    struct job jobs[12] = {0};
    struct mh_task *t[12];
    (void)state;
    for (unsigned i = 0; i < 12; i++)
        t[i] = submit(m, &jobs[i], i % 4 ? MH_TASK_WORKER : MH_TASK_IO);
    await(&jobs[0].begun);
    mh_task_destroy(t[0]); /* nobody looks at it any more */
    mh_machine_destroy(m);
    assert_int_equal(load_acquire(&jobs[0].gone), 1);
    for (unsigned i = 1; i < 12; i++) {
        assert_int_equal(mh_task_status(t[i]), MH_TASK_CANCELLED);
        mh_task_destroy(t[i]);
        await(&jobs[i].gone);
        assert_int_equal(load_acquire(&jobs[i].gone), 1);
    }
}

static void test_refusals(void **state)
{
    struct mh_machine *m = make(1);
    struct mh_task_spec spec = {.run = job_run, .place = MH_TASK_WORKER};
    struct mh_task *t;
    (void)state;
    assert_int_equal(mh_scheduler_submit(m, &spec, &t), -EINVAL);
    assert_null(t);
    assert_int_equal(mh_machine_init(m), 0);
    spec.place = (enum mh_task_place)2;
    assert_int_equal(mh_scheduler_submit(m, &spec, &t), -EINVAL);
    spec = (struct mh_task_spec){.place = MH_TASK_IO};
    assert_int_equal(mh_scheduler_submit(m, &spec, &t), -EINVAL);
    mh_task_destroy(NULL);
    mh_machine_destroy(m);
}

static void test_memory(void **state)
{
    static const size_t lengths[] = {1, 100, 64 << 10, 1 << 20};
    static uint8_t in[1 << 20], out[1 << 20];
    struct mh_machine *m = built(1);
    const struct mh_error *error;
    struct mh_task *t;
    (void)state;
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 7 + (i >> 8));
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        memset(out, 0, sizeof(out));
        assert_int_equal(mh_memory_write_async(m, AT(0x80100001), in, lengths[i], &t), 0);
        assert_int_equal(mh_task_wait(t, FOR_EVER), 0);
        assert_int_equal(mh_task_result(t, NULL), 0);
        mh_task_destroy(t);
        assert_int_equal(mh_memory_read_async(m, AT(0x80100001), out, lengths[i], &t), 0);
        assert_int_equal(mh_task_wait(t, FOR_EVER), 0);
        mh_task_destroy(t);
        assert_memory_equal(in, out, lengths[i]);
    }
    assert_int_equal(mh_memory_read_async(m, AT(0), out, 1, &t), 0);
    assert_int_equal(mh_task_wait(t, FOR_EVER), 0);
    assert_int_equal(mh_task_result(t, &error), -EFAULT);
    assert_string_equal(error->param, "addr");
    mh_task_destroy(t);
    mh_machine_destroy(m);
}

static void test_execute(void **state)
{
    struct mh_machine *m = built(2);
    struct mh_engine_result r[2];
    struct mh_engine *e[2];
    struct mh_task *t[2];
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(mh_engine_create(&e[i], m, i, NULL), 0);
        assert_int_equal(mh_engine_execute_async(e[i], i ? FOR_EVER : 12345, &r[i], &t[i]), 0);
    }
    assert_int_equal(mh_task_wait(t[0], FOR_EVER), 0);
    assert_int_equal(mh_task_result(t[0], NULL), 0);
    assert_int_equal(r[0].insns, 12345);
    assert_int_equal(mh_task_wait(t[1], 2000000), -ETIMEDOUT);
    assert_int_equal(mh_task_cancel(t[1]), 0);
    assert_int_equal(mh_task_wait(t[1], FOR_EVER), 0);
    assert_int_equal(r[1].why, MH_STOP_CANCELLED);
    for (unsigned i = 0; i < 2; i++) {
        mh_task_destroy(t[i]);
        mh_engine_destroy(e[i]);
    }
    mh_machine_destroy(m);
}

/* At whatever moment it is cancelled, an execution for ever ends. */
static void test_cancel_execute(void **state)
{
    struct mh_machine *m = built(1);
    struct mh_engine *e;
    struct mh_task *t;
    (void)state;
    assert_int_equal(mh_engine_create(&e, m, 0, NULL), 0);
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(mh_engine_execute_async(e, FOR_EVER, NULL, &t), 0);
        if (i % 3)
            usleep(i % 50);
        assert_int_equal(mh_task_cancel(t), 0);
        assert_int_equal(mh_task_wait(t, 10000000000ull), 0);
        mh_task_destroy(t);
    }
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_and_results),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_machine_goes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_execute),
        cmocka_unit_test(test_cancel_execute),
    };
    return cmocka_run_group_tests_name("sim_task", tests, NULL, NULL);
}
