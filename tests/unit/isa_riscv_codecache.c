/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/codecache.c: decoding into slots, giving pages up, when their
 * arrays are used again, eviction, and FENCE.I with pages that not all harts
 * answered for.  The tests act as the harts' threads.
 */
#define RAM_SIZE (48ull << 20) /* more pages than the cache keeps */
#include "tests/unit/isa_riscv_fixture.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "isa/riscv/ops.h"

#define NOP   0x00000013u
#define C_NOP 0x0001u
#define RET   0x00008067u

static void open_harts(struct fixture *f, unsigned harts)
{
    const struct guest_config cfg = {.harts = harts, .engine = ENGINE_INTERP};
    fixture_open(f, &cfg, NULL);
    for (unsigned i = 0; i < harts; i++) {
        rv_reset(f->g->harts[i]);
        f->g->harts[i]->attention = 0;
    }
}

static gpa_t page_at(unsigned i)
{
    return RAM_BASE + i * PAGE_SIZE;
}

static void put(struct fixture *f, gpa_t gpa, uint32_t insn)
{
    assert_int_equal(physmem_write(f->pm, gpa, &insn, (insn & 3) == 3 ? 4 : 2), 0);
}

static uint32_t addi(unsigned imm) /* addi x1, x2, imm */
{
    return imm << 20 | 2 << 15 | 1 << 7 | 0x13;
}

static struct rv_code_stats stats_of(struct fixture *f)
{
    struct rv_code_stats s;
    rv_code_stats(f->g->code, &s);
    return s;
}

static bool is_decoded(const struct rv_op *d)
{
    return load_acquire(&d->fn) != rv_handlers.decode;
}

/* The slot of gpa, decoded. */
static const struct rv_op *decoded(struct fixture *f, struct rv_hart *h, gpa_t gpa)
{
    const struct rv_op *ops;
    do
        ops = rv_code_page(f->g->code, h, gpa);
    while (!ops);
    const struct rv_op *d = rv_slot(ops, gpa);
    if (!is_decoded(d))
        rv_code_decode(f->g->code, h, d);
    return d;
}

/* ---- decoding ---- */

static void test_decode(void **state)
{
    struct fixture f;
    (void)state;
    open_harts(&f, 1);
    struct rv_hart *h = f.g->harts[0];
    gpa_t at = page_at(3) + 0x100;
    put(&f, at, addi(5));
    put(&f, at + 4, C_NOP);
    put(&f, at + 6, addi(0x7ff));
    put(&f, at + 10, RET);
    put(&f, at + 14, NOP);
    const struct rv_op *d = decoded(&f, h, at);
    assert_true(physmem_page_flags(f.pm, at) & PAGE_CODE);
    assert_true(rv_slot_offset(d) == 0x100);
    assert_true(rv_code_gpa(f.g->code, d) == page_at(3));
    assert_int_equal(d->imm, 5);
    assert_int_equal(d->rd, 1);
    assert_int_equal(d->rs1, 2);
    /* On to the end of the block, and no further. */
    assert_true(is_decoded(d + 2) && is_decoded(d + 3) && is_decoded(d + 5));
    assert_int_equal((d + 3)->imm, 0x7ff);
    assert_false(is_decoded(d + 1)); /* the middle of an instruction */
    assert_false(is_decoded(d + 7));
    assert_true(stats_of(&f).decodes == 4);
    assert_true(stats_of(&f).pages_made == 1);
    /* Again: the same slots. */
    assert_ptr_equal(decoded(&f, h, at), d);
    assert_true(stats_of(&f).decodes == 4);
    fixture_close(&f);
}

/* Writes to x0 go to the register nobody reads. */
static void test_x0(void **state)
{
    struct fixture f;
    (void)state;
    open_harts(&f, 1);
    put(&f, page_at(0), NOP);
    assert_int_equal(decoded(&f, f.g->harts[0], page_at(0))->rd, 32);
    fixture_close(&f);
}

static void test_page_end(void **state)
{
    struct fixture f;
    (void)state;
    open_harts(&f, 1);
    struct rv_hart *h = f.g->harts[0];
    put(&f, page_at(1) - 2, 0x0513); /* only the low half is in the page */
    put(&f, page_at(1) - 4, C_NOP);
    uint16_t low = 0x0513;
    assert_int_equal(physmem_write(f.pm, page_at(1) - 2, &low, 2), 0);
    const struct rv_op *d = decoded(&f, h, page_at(1) - 4);
    assert_ptr_equal((d + 1)->fn, rv_handlers.straddle);
    assert_int_equal((uint16_t)(d + 1)->imm, 0x0513);
    assert_ptr_equal((d + 2)->fn, rv_handlers.page_end);
    fixture_close(&f);
}

/* ---- giving up ---- */

static void test_give_up(void **state)
{
    struct fixture f;
    (void)state;
    open_harts(&f, 1);
    struct rv_hart *h = f.g->harts[0];
    struct rv_code_cache *c = f.g->code;
    put(&f, page_at(2), addi(1));
    put(&f, page_at(2) + 4, RET);
    rv_code_enter(c, h);
    const struct rv_op *old = decoded(&f, h, page_at(2));
    rv_code_fence_i(c, h);
    assert_int_equal(h->attention, 0); /* nothing was written: FENCE.I costs nothing */
    put(&f, page_at(2), addi(2));      /* the hook tells */
    assert_true(stats_of(&f).invalidations == 1);
    assert_int_equal(physmem_page_flags(f.pm, page_at(2)) & PAGE_CODE, 0);
    assert_int_equal(old->imm, 1); /* the hart may still be in it */
    rv_code_fence_i(c, h);
    assert_int_equal(h->attention, RV_ATTEND_FETCH);
    h->attention = 0;
    rv_code_leave(c, h);
    rv_code_enter(c, h);
    rv_code_fence_i(c, h);
    assert_int_equal(h->attention, 0);
    assert_int_equal(decoded(&f, h, page_at(2))->imm, 2); /* perhaps in the same array */
    rv_code_leave(c, h);
    fixture_close(&f);
}

/* Data beside code: a write anywhere in the page gives it up; in another page it does not. */
static void test_which_page(void **state)
{
    struct fixture f;
    (void)state;
    open_harts(&f, 1);
    struct rv_hart *h = f.g->harts[0];
    put(&f, page_at(1), RET);
    put(&f, page_at(2), RET);
    decoded(&f, h, page_at(1));
    decoded(&f, h, page_at(2));
    put(&f, page_at(3), 0);
    assert_true(stats_of(&f).invalidations == 0);
    uint64_t zero = 0;
    assert_int_equal(physmem_write(f.pm, page_at(2) - 4, &zero, 8), 0); /* across both */
    assert_true(stats_of(&f).invalidations == 2);
    assert_true(stats_of(&f).live_pages == 0);
    rv_code_written(f.g->code, page_at(1), 0);
    assert_true(stats_of(&f).invalidations == 2);
    fixture_close(&f);
}

/* An array is used again only when no hart is inside that entered before it was given up. */
static void test_reclaim_waits(void **state)
{
    struct fixture f;
    (void)state;
    open_harts(&f, 2);
    struct rv_code_cache *c = f.g->code;
    struct rv_hart *stays = f.g->harts[0], *works = f.g->harts[1];
    put(&f, page_at(0), addi(77));
    rv_code_enter(c, stays);
    const struct rv_op *held = decoded(&f, stays, page_at(0));
    rv_code_written(c, page_at(0), 4);
    for (unsigned i = 1; i < 600; i++) {
        rv_code_enter(c, works);
        put(&f, page_at(i), addi(i));
        assert_ptr_not_equal(decoded(&f, works, page_at(i)), held);
        rv_code_leave(c, works);
        rv_code_written(c, page_at(i), 4);
        assert_int_equal(held->imm, 77);
        assert_ptr_not_equal(held->fn, rv_handlers.decode);
    }
    rv_code_leave(c, stays);
    bool reused = false;
    for (unsigned i = 0; i < 700 && !reused; i++) {
        rv_code_enter(c, works);
        reused = decoded(&f, works, page_at(i)) == held;
        rv_code_leave(c, works);
        rv_code_written(c, page_at(i), 4);
    }
    assert_true(reused);
    fixture_close(&f);
}

/* ---- eviction ---- */

static void test_eviction(void **state)
{
    struct fixture f;
    (void)state;
    open_harts(&f, 1);
    struct rv_code_cache *c = f.g->code;
    struct rv_hart *h = f.g->harts[0];
    unsigned limit = (unsigned)stats_of(&f).resident_limit,
             pages = (unsigned)(RAM_SIZE / PAGE_SIZE);
    assert_true(limit < pages);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < pages; i++) {
            rv_code_enter(c, h);
            if (!round)
                put(&f, page_at(i), addi(i & 0x7ff));
            const struct rv_op *d = decoded(&f, h, page_at(i));
            assert_int_equal(d->imm, i & 0x7ff);
            assert_true(rv_code_gpa(c, d) == page_at(i));
            rv_code_leave(c, h);
            assert_true(stats_of(&f).live_pages <= limit);
        }
    struct rv_code_stats s = stats_of(&f);
    assert_true(s.evictions >= 2 * (pages - limit));
    assert_true(s.live_pages == limit);
    unsigned flagged = 0;
    for (unsigned i = 0; i < pages; i++)
        flagged += (physmem_page_flags(f.pm, page_at(i)) & PAGE_CODE) != 0;
    assert_int_equal(flagged, limit);
    fixture_close(&f);
}

/* ---- suspects ---- */

/* A hart that is IN and does not answer may have written unseen: FENCE.I gives the page up. */
static void test_suspect(void **state)
{
    struct fixture f;
    (void)state;
    open_harts(&f, 2);
    struct rv_code_cache *c = f.g->code;
    struct rv_hart *h = f.g->harts[0];
    assert_true(hart_enter(&f.g->harts[1]->hart)); /* and never polls */
    put(&f, page_at(5), addi(1));
    rv_code_enter(c, h);
    assert_int_equal(decoded(&f, h, page_at(5))->imm, 1);
    uint32_t insn = addi(9);
    memcpy(physmem_host(f.pm, page_at(5)), &insn, 4); /* as the other's fast store would */
    rv_code_fence_i(c, h);
    assert_int_equal(h->attention, RV_ATTEND_FETCH);
    h->attention = 0;
    rv_code_leave(c, h);
    hart_leave(&f.g->harts[1]->hart); /* all others answer from now on */
    rv_code_enter(c, h);
    assert_int_equal(decoded(&f, h, page_at(5))->imm, 9);
    rv_code_fence_i(c, h);
    assert_int_equal(h->attention, 0);
    rv_code_leave(c, h);
    fixture_close(&f);
}

/* ---- pages written again and again ---- */

static bool is_flagged(struct fixture *f, gpa_t gpa)
{
    return physmem_page_flags(f->pm, gpa) & PAGE_CODE;
}

/* Such a page keeps its flag between two lives; a page of data gets rid of it. */
static void test_written_often(void **state)
{
    struct fixture f;
    (void)state;
    open_harts(&f, 2);
    struct rv_code_cache *c = f.g->code;
    struct rv_hart *h = f.g->harts[0];
    gpa_t page = page_at(7);
    for (unsigned i = 0; i < 10; i++) {
        put(&f, page, addi(i));
        assert_true(is_flagged(&f, page) == (i > 2));
        put(&f, page + 4, addi(i + 1)); /* there is no array to be given up */
        rv_code_enter(c, h);
        assert_int_equal(decoded(&f, h, page)->imm, i);
        assert_int_equal(decoded(&f, h, page + 4)->imm, i + 1);
        rv_code_leave(c, h);
        assert_true(is_flagged(&f, page));
    }
    assert_true(stats_of(&f).invalidations == 9);
    for (unsigned i = 0; i < 199; i++) {
        put(&f, page, addi(i));
        assert_true(is_flagged(&f, page));
    }
    put(&f, page, addi(77));
    put(&f, page, addi(78));
    assert_false(is_flagged(&f, page));
    rv_code_enter(c, h);
    assert_int_equal(decoded(&f, h, page)->imm, 78);
    rv_code_leave(c, h);
    fixture_close(&f);
}

/* ---- pages of one hart ---- */

static void store(struct fixture *f, struct rv_hart *h, gpa_t gpa, unsigned size, uint64_t value)
{
    physmem_store_slow(f->pm, &h->hart.reservation, gpa, size, value);
}

/* What a hart stores where only it has been becomes fresh, and nothing else happens. */
static void test_own_page(void **state)
{
    struct fixture f;
    (void)state;
    open_harts(&f, 2);
    struct rv_code_cache *c = f.g->code;
    struct rv_hart *h = f.g->harts[0];
    gpa_t page = page_at(4);
    for (unsigned i = 0; i < 4; i++)
        put(&f, page + 4 * i, addi(i));
    put(&f, page + 16, RET);
    smp_attach(f.g->smp, &h->hart);
    rv_code_enter(c, h);
    const struct rv_op *d = decoded(&f, h, page);
    uint64_t decodes = stats_of(&f).decodes;

    store(&f, h, page + 4, 4, addi(0x21));
    assert_true(is_decoded(d) && !is_decoded(d + 2) && is_decoded(d + 4));
    assert_ptr_equal(decoded(&f, h, page + 4), d + 2);
    assert_int_equal((d + 2)->imm, 0x21);
    store(&f, h, page + 6, 2, addi(0x22) >> 16); /* the second half */
    assert_true(is_decoded(d) && !is_decoded(d + 2) && is_decoded(d + 4));
    assert_int_equal(decoded(&f, h, page + 4)->imm, 0x22);
    store(&f, h, page + 3, 4, addi(0x22) << 8); /* of the first, all, and none of the third */
    assert_true(!is_decoded(d) && !is_decoded(d + 2) && is_decoded(d + 4));
    store(&f, h, page, 8, addi(1) | (uint64_t)addi(0x23) << 32);
    assert_int_equal(decoded(&f, h, page)->imm, 1);
    assert_int_equal(decoded(&f, h, page + 4)->imm, 0x23);
    store(&f, h, page + 2048, 8, 0); /* nothing is decoded there */
    assert_true(is_decoded(d) && is_decoded(d + 2));

    assert_true(stats_of(&f).decodes == decodes + 4);
    assert_true(stats_of(&f).invalidations == 0);
    rv_code_fence_i(c, h);
    assert_int_equal(h->attention, 0);
    rv_code_leave(c, h);
    smp_detach();
    fixture_close(&f);
}

/* After the n-th store that gave nothing up; when the page went. */
static unsigned stores_until_given_up(struct fixture *f, struct rv_hart *h, gpa_t gpa)
{
    uint64_t before = stats_of(f).invalidations;
    for (unsigned n = 0; n < 1000; n++) {
        store(f, h, gpa, 4, addi(n));
        if (stats_of(f).invalidations != before)
            return n;
    }
    return UINT_MAX;
}

static void test_own_page_no_more(void **state)
{
    struct fixture f;
    (void)state;
    open_harts(&f, 2);
    struct rv_code_cache *c = f.g->code;
    struct rv_hart *h = f.g->harts[0], *other = f.g->harts[1];
    put(&f, page_at(4), addi(1));
    smp_attach(f.g->smp, &h->hart);
    rv_code_enter(c, h);

    /* Data: told of each store it would be slow. */
    decoded(&f, h, page_at(4));
    unsigned many = stores_until_given_up(&f, h, page_at(4));
    assert_true(many > 30 && many < 200);
    /* What is decoded between makes it code again. */
    for (unsigned i = 0; i < 2 * many; i++) {
        decoded(&f, h, page_at(4));
        store(&f, h, page_at(4), 4, addi(i));
    }
    assert_true(stats_of(&f).invalidations == 1);
    /* Something is made from it. */
    rv_code_share(c, decoded(&f, h, page_at(4)));
    assert_int_equal(stores_until_given_up(&f, h, page_at(4)), 0);
    /* Another hart comes, and stays in what it found. */
    decoded(&f, h, page_at(4));
    rv_code_enter(c, other);
    const struct rv_op *held = decoded(&f, other, page_at(4));
    int32_t imm = held->imm;
    assert_int_equal(stores_until_given_up(&f, h, page_at(4)), 0);
    assert_true(is_decoded(held) && held->imm == imm);
    rv_code_leave(c, other);
    /* Another hart stores, or a device. */
    decoded(&f, h, page_at(4));
    smp_detach();
    smp_attach(f.g->smp, &other->hart);
    assert_int_equal(stores_until_given_up(&f, other, page_at(4)), 0);
    smp_detach();
    decoded(&f, h, page_at(4));
    put(&f, page_at(4), addi(3));
    assert_true(stats_of(&f).invalidations == 5);
    /* It stores itself, but from outside. */
    smp_attach(f.g->smp, &h->hart);
    decoded(&f, h, page_at(4));
    rv_code_leave(c, h);
    assert_int_equal(stores_until_given_up(&f, h, page_at(4)), 0);
    smp_detach();
    fixture_close(&f);
}

/* ---- threads ---- */

#define THREADS 4
#define PAGES   24

struct race {
    struct fixture f;
    /* Atomic: each page holds at least this one.  The last pages belong to the harts. */
    uint32_t version[PAGES + THREADS];
    uint32_t stop;
    uint64_t errors, looks; /* atomic */
};

struct racer {
    struct race *r;
    struct rv_hart *h;
    pthread_t thread;
};

/* As a hart does: FENCE.I, leave and enter if it says so, look, now and then linger. */
static void look(struct racer *t, uint64_t x)
{
    struct race *r = t->r;
    struct rv_code_cache *c = r->f.g->code;
    unsigned page = x % (PAGES + THREADS);
    uint32_t least = load_acquire(&r->version[page]);
    rv_code_enter(c, t->h);
    const struct rv_op *ops = rv_code_page(c, t->h, page_at(page));
    if (ops) {
        const struct rv_op *d = rv_slot(ops, page_at(page));
        if (!is_decoded(d))
            rv_code_decode(c, t->h, d);
        if (!is_decoded(d) || (uint32_t)d->imm < least || rv_code_gpa(c, d) != page_at(page))
            fetch_add_relaxed(&r->errors, 1);
        int32_t seen = d->imm;
        if (x & 1 << 20)
            sched_yield();
        if (d->imm != seen || !is_decoded(d)) /* it may not change while we are inside */
            fetch_add_relaxed(&r->errors, 1);
    }
    rv_code_leave(c, t->h);
    fetch_add_relaxed(&r->looks, 1);
}

/* Code for itself; the others look at it all the same. */
static void rewrite_own(struct racer *t)
{
    struct race *r = t->r;
    unsigned page = PAGES + t->h->hart.index;
    uint32_t version = r->version[page] + 1;
    if (version > 0x7ff)
        return; /* immediates go no further */
    rv_code_enter(r->f.g->code, t->h);
    store(&r->f, t->h, page_at(page), 4, addi(version));
    rv_code_fence_i(r->f.g->code, t->h);
    store_release(&r->version[page], version);
    rv_code_leave(r->f.g->code, t->h);
}

static void *look_around(void *arg)
{
    struct racer *t = arg;
    uint64_t x = 88172645463325252ull + t->h->hart.index;
    smp_attach(t->r->f.g->smp, &t->h->hart);
    if (!hart_enter(&t->h->hart))
        return NULL;
    while (!load_acquire(&t->r->stop)) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        look(t, x);
        if (!(x >> 32 & 0x3f))
            rewrite_own(t);
        if (load_relaxed(&t->h->hart.shared.until) == 0)
            hart_poll(&t->h->hart);
    }
    hart_leave(&t->h->hart);
    smp_detach();
    return NULL;
}

static void rewrite_all(struct race *r, uint32_t version)
{
    for (unsigned i = 0; i < PAGES; i++) {
        uint32_t insn = addi(version);
        physmem_store_slow(r->f.pm, NULL, page_at(i), 4, insn);
        store_release(&r->version[i], version);
    }
}

static void test_threads(void **state)
{
    struct race *r = calloc(1, sizeof(*r));
    struct racer t[THREADS];
    struct timespec pause = {.tv_nsec = 300000};
    (void)state;
    open_harts(&r->f, THREADS);
    rewrite_all(r, 1);
    for (unsigned i = 0; i < THREADS; i++) {
        t[i] = (struct racer){.r = r, .h = r->f.g->harts[i]};
        assert_int_equal(pthread_create(&t[i].thread, NULL, look_around, &t[i]), 0);
    }
    for (uint32_t v = 2; v < 1000; v++) {
        rewrite_all(r, v);
        nanosleep(&pause, NULL);
    }
    store_release(&r->stop, 1);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(t[i].thread, NULL);
    assert_true(r->errors == 0);
    assert_true(r->looks > 1000);
    assert_true(stats_of(&r->f).invalidations > 100);
    fixture_close(&r->f);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),           cmocka_unit_test(test_x0),
        cmocka_unit_test(test_page_end),         cmocka_unit_test(test_give_up),
        cmocka_unit_test(test_which_page),       cmocka_unit_test(test_reclaim_waits),
        cmocka_unit_test(test_eviction),         cmocka_unit_test(test_written_often),
        cmocka_unit_test(test_suspect),          cmocka_unit_test(test_own_page),
        cmocka_unit_test(test_own_page_no_more), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
