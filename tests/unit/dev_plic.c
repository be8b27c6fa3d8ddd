/* SPDX-License-Identifier: Apache-2.0 */
/* dev/plic.c: priorities, thresholds, contexts, the gateway, claims by several threads at once. */
#include "tests/unit/dev_double.h"

#include "dev/plic.h"

struct fixture {
    struct machine_double *m;
    struct dev *d;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->m = double_create();
    assert_int_equal(dev_create(&f->d, &plic_type, &f->m->env, "plic0", PLIC_BASE, NULL, 0, NULL),
                     0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dev_destroy(f->d);
    double_destroy(f->m);
    free(f);
    return 0;
}

static void set_priority(struct fixture *f, unsigned n, unsigned priority)
{
    double_write(f->m, PLIC_BASE + 4 * n, 4, priority);
}

static void enable(struct fixture *f, unsigned context, unsigned n)
{
    gpa_t gpa = PLIC_BASE + 0x2000 + 0x80 * context + n / 32 * 4;
    double_write(f->m, gpa, 4, double_read(f->m, gpa, 4) | 1ull << n % 32);
}

static unsigned claim(struct fixture *f, unsigned context)
{
    return (unsigned)double_read(f->m, PLIC_BASE + 0x200004 + 0x1000 * context, 4);
}

static void complete(struct fixture *f, unsigned context, unsigned n)
{
    double_write(f->m, PLIC_BASE + 0x200004 + 0x1000 * context, 4, n);
}

static void set_line(struct fixture *f, unsigned n, bool level)
{
    struct irq_line line = plic_line(f->d, n);
    irq_set(&line, level);
}

static unsigned context_level(struct fixture *f, unsigned context)
{
    return DOUBLE_HART(f->m, context / 2, context & 1 ? HART_IRQ_SEIP : HART_IRQ_MEIP);
}

static void contexts_are_m_and_s_of_each_hart(void **state)
{
    struct fixture *f = *state;
    set_priority(f, 10, 1);
    for (unsigned c = 0; c < 2 * DOUBLE_HARTS; c++) {
        enable(f, c, 10);
        set_line(f, 10, true);
        for (unsigned i = 0; i < 2 * DOUBLE_HARTS; i++)
            assert_int_equal(context_level(f, i), i == c);
        assert_int_equal(claim(f, c), 10);
        set_line(f, 10, false);
        complete(f, c, 10);
        assert_int_equal(context_level(f, c), 0);
        double_write(f->m, PLIC_BASE + 0x2000 + 0x80 * c, 4, 0);
    }
}

static void highest_priority_wins_ties_by_number(void **state)
{
    struct fixture *f = *state;
    static const struct {
        unsigned source, priority;
    } s[] = {{3, 2}, {7, 5}, {40, 5}, {95, 7}, {2, 0}};
    static const unsigned expected[] = {95, 7, 40, 3, 0};
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        set_priority(f, s[i].source, s[i].priority);
        enable(f, 1, s[i].source);
        set_line(f, s[i].source, true);
    }
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(claim(f, 1), expected[i]);
}

static void threshold_masks_the_line_but_not_the_claim(void **state)
{
    struct fixture *f = *state;
    set_priority(f, 5, 3);
    enable(f, 0, 5);
    double_write(f->m, PLIC_BASE + 0x200000, 4, 3);
    set_line(f, 5, true);
    assert_int_equal(context_level(f, 0), 0);
    double_write(f->m, PLIC_BASE + 0x200000, 4, 2);
    assert_int_equal(context_level(f, 0), 1);
    double_write(f->m, PLIC_BASE + 0x200000, 4, 7);
    assert_int_equal(context_level(f, 0), 0);
    assert_int_equal(claim(f, 0), 5);
}

static void level_that_stays_comes_again_after_completion(void **state)
{
    struct fixture *f = *state;
    set_priority(f, 5, 1);
    enable(f, 0, 5);
    set_line(f, 5, true);
    assert_int_equal(claim(f, 0), 5);
    assert_int_equal(context_level(f, 0), 0);
    set_line(f, 5, true); /* while handled: nothing new */
    assert_int_equal(claim(f, 0), 0);
    complete(f, 0, 5);
    assert_int_equal(context_level(f, 0), 1);
    assert_int_equal(claim(f, 0), 5);
    set_line(f, 5, false);
    complete(f, 0, 5);
    assert_int_equal(context_level(f, 0), 0);
}

static void request_outlives_its_level(void **state)
{
    struct fixture *f = *state;
    set_priority(f, 5, 1);
    enable(f, 0, 5);
    set_line(f, 5, true);
    set_line(f, 5, false);
    assert_int_equal(double_read(f->m, PLIC_BASE + 0x1000, 4), 1u << 5);
    assert_int_equal(claim(f, 0), 5);
    complete(f, 0, 5);
    assert_int_equal(claim(f, 0), 0);
}

/* A reset may reach the PLIC before the device that holds its line high. */
static void reset_before_the_device(void **state)
{
    struct fixture *f = *state;
    for (int stays = 0; stays < 2; stays++) {
        set_priority(f, 5, 1);
        enable(f, 0, 5);
        set_line(f, 5, true);
        assert_int_equal(context_level(f, 0), 1);
        dev_reset(f->d);
        assert_int_equal(context_level(f, 0), 0);
        set_line(f, 5, stays);
        set_priority(f, 5, 1);
        enable(f, 0, 5);
        assert_int_equal(context_level(f, 0), stays);
        assert_int_equal(claim(f, 0), stays ? 5 : 0);
        set_line(f, 5, false);
        complete(f, 0, 5);
    }
}

static void completion_by_a_stranger_is_ignored(void **state)
{
    struct fixture *f = *state;
    set_priority(f, 5, 1);
    enable(f, 0, 5);
    set_line(f, 5, true);
    assert_int_equal(claim(f, 0), 5);
    complete(f, 2, 5);
    complete(f, 0, 0);
    complete(f, 0, 4000);
    assert_int_equal(context_level(f, 0), 0);
    complete(f, 0, 5);
    assert_int_equal(context_level(f, 0), 1);
}

static void what_does_not_exist_reads_zero(void **state)
{
    struct fixture *f = *state;
    static const uint64_t offsets[] = {
        0, 4 * 96, 0x100c, 0x200c, 0x2000 + 0x80 * 8, 0x200008, 0x200000 + 0x1000 * 8, 0x5ffffc};
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        double_write(f->m, PLIC_BASE + offsets[i], 4, ~0u);
        assert_int_equal(double_read(f->m, PLIC_BASE + offsets[i], 4), 0);
    }
    double_write(f->m, PLIC_BASE + 0x2000, 4, ~0u);
    assert_int_equal(double_read(f->m, PLIC_BASE + 0x2000, 4), ~1u);
    set_priority(f, 1, 0xffffffff);
    assert_int_equal(double_read(f->m, PLIC_BASE + 4, 4), 7);
    uint64_t v;
    assert_false(mmio_read(f->m->env.mmio, PLIC_BASE, 8, &v));
    assert_false(mmio_read(f->m->env.mmio, PLIC_BASE, 1, &v));
    assert_null(plic_line(f->d, 96).set);
    assert_null(plic_line(f->d, 0).set);
}

enum { RACERS = 4, RACE_SOURCES = 64 };

struct racer {
    struct fixture *f;
    unsigned context;
    uint32_t *claims; /* per source, atomic */
};

static void *race_claims(void *opaque)
{
    struct racer *r = opaque;
    for (int i = 0; i < 400; i++) {
        unsigned n = claim(r->f, r->context);
        if (!n)
            continue;
        fetch_add_relaxed(&r->claims[n], 1);
        set_line(r->f, n, false);
        complete(r->f, r->context, n);
    }
    return NULL;
}

/* Every request is claimed by exactly one of the harts that want it. */
static void claims_race(void **state)
{
    struct fixture *f = *state;
    pthread_t t[RACERS];
    struct racer r[RACERS];
    uint32_t claims[DOUBLE_IRQS + 1] = {0};
    for (unsigned n = 1; n <= RACE_SOURCES; n++) {
        set_priority(f, n, 1 + n % 7);
        for (unsigned c = 0; c < RACERS; c++)
            enable(f, 2 * c + 1, n);
        set_line(f, n, true);
    }
    for (unsigned i = 0; i < RACERS; i++) {
        r[i] = (struct racer){f, 2 * i + 1, claims};
        pthread_create(&t[i], NULL, race_claims, &r[i]);
    }
    for (unsigned i = 0; i < RACERS; i++)
        pthread_join(t[i], NULL);
    for (unsigned n = 1; n <= RACE_SOURCES; n++)
        assert_int_equal(claims[n], 1);
    for (unsigned c = 0; c < 2 * RACERS; c++)
        assert_int_equal(context_level(f, c), 0);
}

static void save_and_load(void **state)
{
    struct fixture *f = *state;
    int need = f->d->type->save(f->d, NULL, 0);
    void *buf = malloc((size_t)need);
    set_priority(f, 9, 4);
    enable(f, 3, 9);
    set_line(f, 9, true);
    assert_int_equal(f->d->type->save(f->d, buf, (size_t)need), need);
    set_line(f, 9, false);
    dev_reset(f->d);
    assert_int_equal(context_level(f, 3), 0);
    assert_int_equal(f->d->type->load(f->d, buf, (size_t)need), 0);
    assert_int_equal(context_level(f, 3), 1);
    assert_int_equal(claim(f, 3), 9);
    free(buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(contexts_are_m_and_s_of_each_hart, setup, teardown),
        cmocka_unit_test_setup_teardown(highest_priority_wins_ties_by_number, setup, teardown),
        cmocka_unit_test_setup_teardown(threshold_masks_the_line_but_not_the_claim, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(level_that_stays_comes_again_after_completion, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(request_outlives_its_level, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_before_the_device, setup, teardown),
        cmocka_unit_test_setup_teardown(completion_by_a_stranger_is_ignored, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_exist_reads_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(claims_race, setup, teardown),
        cmocka_unit_test_setup_teardown(save_and_load, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
