/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/component.c: every transition, observers that come and go while
 * events are delivered, from inside and from other threads.
 */
#include "sim/component.h"

#include "sim/base/atomic.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct part {
    struct mh_component component;
    int fail;
    unsigned inits, starts, stops;
};

static struct part *part_of(struct mh_component *c)
{
    return container_of(c, struct part, component);
}

static int part_init(struct mh_component *c)
{
    part_of(c)->inits++;
    return part_of(c)->fail;
}

static int part_start(struct mh_component *c)
{
    part_of(c)->starts++;
    return part_of(c)->fail;
}

static int part_stop(struct mh_component *c)
{
    part_of(c)->stops++;
    return part_of(c)->fail;
}

static const struct mh_component_ops ops = {"part", part_init, part_start, part_stop};

static int (*const verbs[])(struct mh_component *) = {mh_component_init, mh_component_start,
                                                      mh_component_stop};

/* Brings a fresh part to a state by legal steps. */
static void bring(struct part *p, enum mh_state state)
{
    memset(p, 0, sizeof(*p));
    component_setup(&p->component, &ops);
    if (state == MH_STATE_ERROR) {
        p->fail = -EIO;
        assert_int_equal(mh_component_init(&p->component), -EIO);
        p->fail = 0;
        return;
    }
    if (state >= MH_INITIALIZED)
        assert_int_equal(mh_component_init(&p->component), 0);
    if (state >= MH_RUNNING)
        assert_int_equal(mh_component_start(&p->component), 0);
    if (state == MH_STOPPED)
        assert_int_equal(mh_component_stop(&p->component), 0);
    assert_int_equal(mh_component_status(&p->component), state);
}

static void test_transitions(void **state)
{
    /* next[verb] or -1 */
    static const struct {
        enum mh_state from;
        int next[3];
    } rows[] = {
        {MH_UNINITIALIZED, {MH_INITIALIZED, -1, -1}},
        {MH_INITIALIZED, {-1, MH_RUNNING, -1}},
        {MH_RUNNING, {-1, -1, MH_STOPPED}},
        {MH_STOPPED, {-1, MH_RUNNING, -1}},
        {MH_STATE_ERROR, {-1, -1, -1}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t v = 0; v < ARRAY_LEN(verbs); v++) {
            struct part p;
            bring(&p, rows[i].from);
            unsigned calls = p.inits + p.starts + p.stops;
            int rc = verbs[v](&p.component);
            bool legal = rows[i].next[v] >= 0;
            assert_int_equal(rc, legal ? 0 : -EINVAL);
            assert_int_equal(mh_component_status(&p.component),
                             legal ? (enum mh_state)rows[i].next[v] : rows[i].from);
            assert_int_equal(p.inits + p.starts + p.stops, calls + legal);
            component_teardown(&p.component);
        }
}

static void test_failures_lead_to_error(void **state)
{
    static const enum mh_state from[] = {MH_UNINITIALIZED, MH_INITIALIZED, MH_RUNNING};
    (void)state;
    for (size_t v = 0; v < ARRAY_LEN(verbs); v++) {
        struct part p;
        bring(&p, from[v]);
        p.fail = -ENOMEM;
        assert_int_equal(verbs[v](&p.component), -ENOMEM);
        assert_int_equal(mh_component_status(&p.component), MH_STATE_ERROR);
        component_teardown(&p.component);
    }
}

/* ---- observers -------------------------------------------------------------------------- */

struct observer {
    struct part *part;
    int id, other_id;
    unsigned calls; /* atomic */
    bool leave_inside, drop_other;
};

static void on_event(void *opaque, const struct mh_event *e)
{
    struct observer *o = opaque;
    assert_string_equal(e->component, "part");
    fetch_add_relaxed(&o->calls, 1);
    if (o->leave_inside)
        assert_int_equal(mh_unsubscribe(&o->part->component, o->id), 0);
    if (o->drop_other)
        mh_unsubscribe(&o->part->component, o->other_id);
}

static void emit(struct part *p)
{
    struct mh_event e = {.kind = MH_EVENT_STARTED};
    component_emit(&p->component, &e);
}

static void observe(struct observer *o, struct part *p)
{
    *o = (struct observer){.part = p};
    o->id = mh_subscribe(&p->component, on_event, o);
    assert_true(o->id > 0);
}

static void test_subscribe(void **state)
{
    struct observer a, b;
    struct part p;
    (void)state;
    bring(&p, MH_INITIALIZED);
    emit(&p);
    observe(&a, &p);
    observe(&b, &p);
    assert_int_not_equal(a.id, b.id);
    emit(&p);
    assert_int_equal(mh_unsubscribe(&p.component, a.id), 0);
    assert_int_equal(mh_unsubscribe(&p.component, a.id), -ENOENT);
    emit(&p);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 2);
    component_teardown(&p.component);
}

static void test_unsubscribe_inside(void **state)
{
    struct observer a, b, c;
    struct part p;
    (void)state;
    bring(&p, MH_INITIALIZED);
    observe(&a, &p);
    observe(&b, &p);
    observe(&c, &p);
    a.leave_inside = true;
    b.drop_other = true;
    b.other_id = c.id;
    emit(&p);
    emit(&p);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 2);
    assert_int_equal(c.calls, 0); /* gone before its turn */
    component_teardown(&p.component);
}

struct race {
    struct part part;
    bool stop; /* atomic */
};

static void *emitter(void *arg)
{
    struct race *r = arg;
    while (!load_acquire(&r->stop))
        emit(&r->part);
    return NULL;
}

/* After unsubscribing returned, no call comes any more, whatever two other threads emit. */
static void test_unsubscribe_races(void **state)
{
    pthread_t t[2];
    struct race r = {.stop = false};
    (void)state;
    bring(&r.part, MH_INITIALIZED);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, emitter, &r), 0);
    for (int round = 0; round < 300; round++) {
        struct observer o;
        observe(&o, &r.part);
        while (round % 3 && !load_acquire(&o.calls))
            sched_yield();
        assert_int_equal(mh_unsubscribe(&r.part.component, o.id), 0);
        unsigned calls = load_acquire(&o.calls);
        sched_yield();
        assert_int_equal(load_acquire(&o.calls), calls);
    }
    store_release(&r.stop, true);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        pthread_join(t[i], NULL);
    component_teardown(&r.part.component);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transitions),       cmocka_unit_test(test_failures_lead_to_error),
        cmocka_unit_test(test_subscribe),         cmocka_unit_test(test_unsubscribe_inside),
        cmocka_unit_test(test_unsubscribe_races),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
