/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests mem/reserve.c: that LR/SC is exact, alone and with threads.
 *
 * The threads stand in for harts: each has a "fast" flag per page, which is its
 * write entry, a mailbox of one request counter, and the obligations of
 * physmem.h rule 2: it looks at the page's flags before it makes an entry, and
 * drops its entries when it serves a request.  sync_page asks all other harts
 * and waits for their answers, serving its own mailbox meanwhile.
 */
#include "mem/reserve.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE 0x80000000ull
#define PAGES    64
#define HARTS    4

struct world;

struct mini {
    CACHE_ALIGNED struct world *w;
    unsigned id;
    bool fast[PAGES];     /* owner only */
    uint64_t fast_stores; /* owner only: to see that there were any */
    uint64_t asked;       /* atomic: requests so far */
    uint64_t answered;    /* atomic: written by the owner */
    uint32_t gone;        /* atomic: the thread makes no store any more */
    struct reservation r;
    pthread_t thread;
    void (*body)(struct mini *h);
};

struct world {
    struct mini hart[HARTS];
    struct physmem *pm;
    unsigned harts; /* constant while threads run */
    uint32_t turn;  /* atomic: handshakes of the tests */
    uint32_t barrier, generation;
    uint64_t errors; /* atomic */
};

static _Thread_local struct mini *current;

/* ---- the stand-in for smp/ and the TLB ------------------------------------ */

static void mini_serve(struct mini *h)
{
    uint64_t asked = load_acquire(&h->asked);

    if (asked == load_relaxed(&h->answered))
        return;
    memset(h->fast, 0, sizeof(h->fast));
    store_release(&h->answered, asked);
}

/* One step of waiting for another thread. */
static void mini_pause(struct mini *h, unsigned *spins)
{
    if (h)
        mini_serve(h);
    cpu_relax();
    if (++*spins % 64 == 0)
        sched_yield();
}

static void sync_page(void *opaque, gpa_t page)
{
    struct world *w = opaque;
    unsigned spins = 0;

    if (current)
        current->fast[(page - RAM_BASE) >> PAGE_SHIFT] = false;
    for (unsigned i = 0; i < w->harts; i++) {
        struct mini *h = &w->hart[i];
        if (h == current)
            continue;
        uint64_t ticket = fetch_add_acq_rel(&h->asked, 1) + 1;
        while (load_acquire(&h->answered) < ticket && !load_acquire(&h->gone))
            mini_pause(current, &spins);
    }
}

/* True when the page may be written directly now. */
static bool mini_fast(struct mini *h, gpa_t gpa)
{
    bool *fast = &h->fast[(gpa - RAM_BASE) >> PAGE_SHIFT];

    mini_serve(h);
    if (!*fast && !(physmem_page_flags(h->w->pm, gpa) & PAGE_SLOW_WRITE))
        *fast = true;
    h->fast_stores += *fast;
    return *fast;
}

static void mini_store(struct mini *h, gpa_t gpa, uint64_t value)
{
    if (mini_fast(h, gpa))
        store_relaxed((uint64_t *)(void *)physmem_host(h->w->pm, gpa), value);
    else
        physmem_store_slow(h->w->pm, &h->r, gpa, 8, value);
}

static void mini_add(struct mini *h, gpa_t gpa, uint64_t value)
{
    if (mini_fast(h, gpa))
        amo_64((uint64_t *)(void *)physmem_host(h->w->pm, gpa), AMO_ADD, value);
    else
        physmem_amo_slow(h->w->pm, &h->r, gpa, 8, AMO_ADD, value);
}

/* An LR/SC loop that adds 1. */
static void mini_increment(struct mini *h, gpa_t gpa)
{
    uint64_t v;

    do {
        mini_serve(h);
        v = reservation_load(h->w->pm, &h->r, gpa, 8);
    } while (!reservation_store(h->w->pm, &h->r, gpa, 8, v + 1));
}

/* Waits until w->turn has the value, as a hart that still answers. */
static void wait_turn(struct mini *h, uint32_t value)
{
    unsigned spins = 0;

    while (load_acquire(&h->w->turn) != value)
        mini_pause(h, &spins);
}

/* All harts meet. */
static void meet(struct mini *h)
{
    struct world *w = h->w;
    uint32_t generation = load_acquire(&w->generation);
    unsigned spins = 0;

    if (fetch_add_acq_rel(&w->barrier, 1) + 1 == w->harts) {
        store_relaxed(&w->barrier, 0);
        store_release(&w->generation, generation + 1);
    }
    while (load_acquire(&w->generation) == generation)
        mini_pause(h, &spins);
}

static void *mini_main(void *opaque)
{
    struct mini *h = opaque;

    current = h;
    h->body(h);
    store_release(&h->gone, 1);
    return NULL;
}

/* Runs each body on a thread of its own. */
static void run_harts(struct world *w, unsigned count, void (*const *body)(struct mini *h))
{
    w->harts = count;
    for (unsigned i = 0; i < count; i++) {
        struct mini *h = &w->hart[i];
        memset(h, 0, sizeof(*h));
        h->w = w;
        h->id = i;
        h->body = body[i];
        reservation_init(&h->r);
    }
    for (unsigned i = 0; i < count; i++)
        pthread_create(&w->hart[i].thread, NULL, mini_main, &w->hart[i]);
    for (unsigned i = 0; i < count; i++)
        pthread_join(w->hart[i].thread, NULL);
    for (unsigned i = 0; i < count; i++)
        reservation_drop(w->pm, &w->hart[i].r);
    w->harts = 0;
}

/* ---- fixture ------------------------------------------------------------- */

static int setup_with(void **state, bool single_writer)
{
    struct world *w = aligned_alloc(CACHE_LINE, sizeof(*w));
    struct physmem_config cfg = {.base = RAM_BASE,
                                 .size = PAGES * PAGE_SIZE,
                                 .numa_node = -1,
                                 .single_writer = single_writer};

    memset(w, 0, sizeof(*w));
    assert_int_equal(physmem_create(&w->pm, &cfg), 0);
    w->pm->hooks.opaque = w;
    w->pm->hooks.sync_page = sync_page;
    for (unsigned i = 0; i < HARTS; i++)
        reservation_init(&w->hart[i].r);
    *state = w;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, false);
}

static int setup_single(void **state)
{
    return setup_with(state, true);
}

static int teardown(void **state)
{
    struct world *w = *state;

    for (unsigned i = 0; i <= w->pm->shard_mask; i++)
        assert_null(w->pm->shards[i].reservations);
    physmem_destroy(w->pm);
    free(w);
    return 0;
}

static uint64_t *word(struct world *w, gpa_t gpa)
{
    return (uint64_t *)(void *)physmem_host(w->pm, gpa);
}

static uint8_t flags_of(struct world *w, gpa_t gpa)
{
    return physmem_page_flags(w->pm, gpa);
}

/* ---- one thread ---------------------------------------------------------- */

static void test_load_store(void **state)
{
    struct world *w = *state;
    struct reservation *r = &w->hart[0].r;

    *word(w, RAM_BASE) = 0x8877665544332211;
    assert_false(reservation_alive(r));
    assert_int_equal(reservation_load(w->pm, r, RAM_BASE, 8), 0x8877665544332211);
    assert_true(reservation_alive(r));
    assert_int_equal(flags_of(w, RAM_BASE), PAGE_RESERVED | PAGE_READY);
    assert_true(reservation_store(w->pm, r, RAM_BASE, 8, 1));
    assert_int_equal(*word(w, RAM_BASE), 1);
    assert_false(reservation_alive(r));
    assert_true(flags_of(w, RAM_BASE) & PAGE_DIRTY);
    /* A second SC has no LR. */
    assert_false(reservation_store(w->pm, r, RAM_BASE, 8, 2));
    assert_int_equal(*word(w, RAM_BASE), 1);
}

static void test_word_size(void **state)
{
    struct world *w = *state;
    struct reservation *r = &w->hart[0].r;

    *word(w, RAM_BASE) = 0xfffffffffffffffe;
    assert_int_equal(reservation_load(w->pm, r, RAM_BASE + 4, 4), 0xffffffff);
    assert_true(reservation_store(w->pm, r, RAM_BASE + 4, 4, 0x1122334455667788));
    assert_int_equal(*word(w, RAM_BASE), 0x55667788fffffffe);
}

static void test_store_elsewhere_fails(void **state)
{
    struct world *w = *state;
    struct reservation *r = &w->hart[0].r;
    const gpa_t elsewhere[] = {RAM_BASE + 64, RAM_BASE + PAGE_SIZE, RAM_BASE + 5 * PAGE_SIZE};

    for (unsigned i = 0; i < ARRAY_LEN(elsewhere); i++) {
        reservation_load(w->pm, r, RAM_BASE, 8);
        assert_false(reservation_store(w->pm, r, elsewhere[i], 8, 5));
        assert_int_equal(*word(w, elsewhere[i]), 0);
        /* It consumed the reservation. */
        assert_false(reservation_store(w->pm, r, RAM_BASE, 8, 5));
    }
    /* The same granule is enough. */
    reservation_load(w->pm, r, RAM_BASE, 8);
    assert_true(reservation_store(w->pm, r, RAM_BASE + 56, 8, 5));
}

static void test_second_load_moves(void **state)
{
    struct world *w = *state;
    struct reservation *r = &w->hart[0].r;

    reservation_load(w->pm, r, RAM_BASE, 8);
    reservation_load(w->pm, r, RAM_BASE + 3 * PAGE_SIZE, 8);
    physmem_store_slow(w->pm, NULL, RAM_BASE, 8, 1); /* the old granule does not matter */
    assert_true(reservation_alive(r));
    assert_false(reservation_store(w->pm, r, RAM_BASE, 8, 1));
    reservation_drop(w->pm, r);
    reservation_drop(w->pm, r);
    assert_false(reservation_alive(r));
}

/* Each kind of write by somebody else, to the byte furthest from the LR's. */
static void write_kind(struct world *w, unsigned kind)
{
    gpa_t gpa = RAM_BASE + 48;
    uint64_t pair[2] = {0, 0}, zero[2] = {0, 0};
    struct reservation *other = &w->hart[1].r;

    switch (kind) {
    case 0:
        physmem_store_slow(w->pm, NULL, gpa + 15, 1, 0);
        break;
    case 1:
        physmem_store_slow(w->pm, other, gpa, 8, 0);
        break;
    case 2:
        physmem_amo_slow(w->pm, other, gpa, 4, AMO_ADD, 0);
        break;
    case 3:
        physmem_amo_slow(w->pm, other, gpa, 8, AMO_MAXU, 0);
        break;
    case 4:
        physmem_cas_slow(w->pm, other, gpa, 8, 0, 0);
        break;
    case 5:
        physmem_cas16_slow(w->pm, other, gpa, pair, zero);
        break;
    case 6:
        physmem_write(w->pm, gpa, zero, 1);
        break;
    case 7:
        physmem_fill(w->pm, RAM_BASE, 0, 2 * PAGE_SIZE);
        break;
    case 8:
        physmem_written(w->pm, RAM_BASE + 63, 1);
        break;
    default:
        reservation_load(w->pm, other, gpa, 8);
        assert_true(reservation_store(w->pm, other, gpa, 8, 0));
    }
}

/* All of them write the value that is there already. */
static void test_any_write_kills(void **state)
{
    struct world *w = *state;
    struct reservation *r = &w->hart[0].r;

    for (unsigned kind = 0; kind < 10; kind++) {
        reservation_load(w->pm, r, RAM_BASE, 8);
        write_kind(w, kind);
        assert_false(reservation_alive(r));
        assert_false(reservation_store(w->pm, r, RAM_BASE, 8, 99));
        assert_int_equal(*word(w, RAM_BASE), 0);
    }
}

static void test_failed_cas_kills_nothing(void **state)
{
    struct world *w = *state;
    struct reservation *r = &w->hart[0].r;
    uint64_t pair[2] = {1, 1}, desired[2] = {2, 2};

    reservation_load(w->pm, r, RAM_BASE, 8);
    assert_int_equal(physmem_cas_slow(w->pm, NULL, RAM_BASE, 8, 1, 2), 0);
    assert_int_equal(physmem_cas_slow(w->pm, NULL, RAM_BASE, 4, 1, 2), 0);
    physmem_cas16_slow(w->pm, NULL, RAM_BASE, pair, desired);
    assert_int_equal(pair[0] | pair[1], 0);
    assert_true(reservation_store(w->pm, r, RAM_BASE, 8, 1));
}

static void test_own_writes_keep(void **state)
{
    struct world *w = *state;
    struct reservation *r = &w->hart[0].r;

    reservation_load(w->pm, r, RAM_BASE, 8);
    physmem_store_slow(w->pm, r, RAM_BASE, 8, 1);
    physmem_amo_slow(w->pm, r, RAM_BASE, 8, AMO_ADD, 1);
    assert_true(reservation_store(w->pm, r, RAM_BASE, 8, 7));
}

static void test_other_granule_keeps(void **state)
{
    struct world *w = *state;
    struct reservation *r = &w->hart[0].r;
    uint64_t zero = 0;

    reservation_load(w->pm, r, RAM_BASE + 128, 8);
    for (gpa_t gpa = RAM_BASE; gpa < RAM_BASE + PAGE_SIZE; gpa += 8)
        if ((gpa & ~63ull) != RAM_BASE + 128)
            physmem_store_slow(w->pm, NULL, gpa, 8, 1);
    physmem_write(w->pm, RAM_BASE + 120, &zero, 8);
    physmem_written(w->pm, RAM_BASE + 192, 2 * PAGE_SIZE);
    physmem_written(w->pm, RAM_BASE, 128);
    assert_true(reservation_store(w->pm, r, RAM_BASE + 128, 8, 1));
}

/* A misaligned store over two granules kills both. */
static void test_store_over_two_granules(void **state)
{
    struct world *w = *state;

    for (unsigned i = 0; i < 4; i++)
        reservation_load(w->pm, &w->hart[i].r, RAM_BASE + i * GRANULE_SIZE, 8);
    physmem_store_slow(w->pm, NULL, RAM_BASE + 2 * GRANULE_SIZE - 1, 2, 0);
    assert_true(reservation_alive(&w->hart[0].r));
    assert_false(reservation_alive(&w->hart[1].r));
    assert_false(reservation_alive(&w->hart[2].r));
    assert_true(reservation_alive(&w->hart[3].r));
    reservation_drop(w->pm, &w->hart[0].r);
    reservation_drop(w->pm, &w->hart[3].r);
}

static void test_bulk_write_over_shards(void **state)
{
    static uint8_t zero[PAGES * PAGE_SIZE];
    struct world *w = *state;

    for (unsigned i = 0; i < 4; i++)
        reservation_load(w->pm, &w->hart[i].r, RAM_BASE + i * 15 * PAGE_SIZE, 8);
    assert_int_equal(physmem_write(w->pm, RAM_BASE, zero, sizeof(zero)), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_false(reservation_alive(&w->hart[i].r));
}

static void test_decay(void **state)
{
    struct world *w = *state;
    struct reservation *r = &w->hart[0].r;

    reservation_load(w->pm, r, RAM_BASE, 8);
    /* While a reservation is live in the page it stays. */
    for (unsigned i = 0; i < 3 * HEAT_DECAY; i++)
        physmem_store_slow(w->pm, NULL, RAM_BASE + 64, 8, i);
    assert_true(flags_of(w, RAM_BASE) & PAGE_RESERVED);
    assert_true(reservation_store(w->pm, r, RAM_BASE, 8, 1));
    /* Each LR starts the count anew. */
    for (unsigned i = 0; i < 5; i++) {
        reservation_load(w->pm, r, RAM_BASE, 8);
        reservation_drop(w->pm, r);
        for (unsigned j = 0; j < HEAT_DECAY - 1; j++)
            physmem_amo_slow(w->pm, NULL, RAM_BASE, 8, AMO_ADD, 1);
        assert_true(flags_of(w, RAM_BASE) & PAGE_RESERVED);
    }
    physmem_store_slow(w->pm, NULL, RAM_BASE, 8, 1);
    assert_int_equal(flags_of(w, RAM_BASE) & (PAGE_RESERVED | PAGE_READY), 0);
    assert_int_equal(physmem_shard(w->pm, RAM_BASE)->decays, 1);
    /* And back again. */
    reservation_load(w->pm, r, RAM_BASE, 8);
    assert_int_equal(flags_of(w, RAM_BASE) & (PAGE_RESERVED | PAGE_READY),
                     PAGE_RESERVED | PAGE_READY);
    assert_true(reservation_store(w->pm, r, RAM_BASE, 8, 1));
}

/* A decay while an LR waits for the harts: the LR must not trust that wait. */
struct decay_inside {
    struct world *w;
    unsigned calls;
};

static void sync_and_decay(void *opaque, gpa_t page)
{
    struct decay_inside *d = opaque;

    if (d->calls++ == 0)
        for (unsigned i = 0; i < HEAT_DECAY; i++)
            physmem_store_slow(d->w->pm, NULL, page + 512, 8, i);
}

static void test_decay_during_load(void **state)
{
    struct world *w = *state;
    struct decay_inside d = {.w = w};

    w->pm->hooks = (struct physmem_hooks){.opaque = &d, .sync_page = sync_and_decay};
    reservation_load(w->pm, &w->hart[0].r, RAM_BASE, 8);
    assert_int_equal(d.calls, 2);
    assert_int_equal(flags_of(w, RAM_BASE) & (PAGE_RESERVED | PAGE_READY),
                     PAGE_RESERVED | PAGE_READY);
    assert_true(reservation_store(w->pm, &w->hart[0].r, RAM_BASE, 8, 1));
}

/* A second LR to the page while the first still waits for the harts: it must ask them as well. */
struct load_inside {
    struct world *w;
    unsigned calls;
};

static void sync_and_load(void *opaque, gpa_t page)
{
    struct load_inside *d = opaque;

    if (d->calls++ == 0)
        reservation_load(d->w->pm, &d->w->hart[1].r, page + 64, 8);
}

static void test_load_during_load(void **state)
{
    struct world *w = *state;
    struct load_inside d = {.w = w};

    w->pm->hooks = (struct physmem_hooks){.opaque = &d, .sync_page = sync_and_load};
    reservation_load(w->pm, &w->hart[0].r, RAM_BASE, 8);
    assert_int_equal(d.calls, 2);
    assert_true(reservation_store(w->pm, &w->hart[0].r, RAM_BASE, 8, 1));
    assert_true(reservation_store(w->pm, &w->hart[1].r, RAM_BASE + 64, 8, 1));
}

static unsigned sync_calls;

static void count_sync(void *opaque, gpa_t page)
{
    (void)opaque;
    (void)page;
    sync_calls++;
}

/* The harts are asked at the page's first LR, not at each. */
static void test_sync_once(void **state)
{
    struct world *w = *state;

    w->pm->hooks.sync_page = count_sync;
    sync_calls = 0;
    for (unsigned i = 0; i < 100; i++) {
        reservation_load(w->pm, &w->hart[0].r, RAM_BASE + 8 * i, 8);
        assert_true(reservation_store(w->pm, &w->hart[0].r, RAM_BASE + 8 * i, 8, i));
    }
    assert_int_equal(sync_calls, 1);
}

static void test_single_writer(void **state)
{
    struct world *w = *state;
    struct reservation *r = &w->hart[0].r;
    uint64_t zero = 0;

    w->pm->hooks.sync_page = count_sync;
    sync_calls = 0;
    reservation_load(w->pm, r, RAM_BASE, 8);
    assert_int_equal(flags_of(w, RAM_BASE) & PAGE_SLOW_WRITE, 0);
    *word(w, RAM_BASE) = 5; /* the hart's own fast store */
    assert_true(reservation_store(w->pm, r, RAM_BASE, 8, 1));
    reservation_load(w->pm, r, RAM_BASE, 8);
    physmem_write(w->pm, RAM_BASE + 8, &zero, 8);
    assert_false(reservation_store(w->pm, r, RAM_BASE, 8, 2));
    reservation_load(w->pm, r, RAM_BASE, 8);
    physmem_written(w->pm, RAM_BASE + 8, 8);
    assert_false(reservation_store(w->pm, r, RAM_BASE, 8, 2));
    reservation_load(w->pm, r, RAM_BASE, 8);
    assert_false(reservation_store(w->pm, r, RAM_BASE + PAGE_SIZE, 8, 2));
    assert_int_equal(*word(w, RAM_BASE), 1);
    assert_int_equal(sync_calls, 0);
}

/* An SC whose LR only noted where it read, and how often devices had written. */
static void test_noted(void **state)
{
    struct world *w = *state;
    struct reservation *r = &w->hart[0].r;
    uint64_t five = 5, was = w->pm->foreign_writes;

    assert_true(reservation_store_noted(w->pm, RAM_BASE + 8, was, RAM_BASE, 8, 1));
    assert_int_equal(*word(w, RAM_BASE), 1);
    assert_true(flags_of(w, RAM_BASE) & PAGE_DIRTY);
    assert_false(reservation_store_noted(w->pm, RAM_BASE + 64, was, RAM_BASE, 8, 2));
    /* What a hart writes is its own, also slowly. */
    physmem_store_slow(w->pm, r, RAM_BASE, 8, 3);
    physmem_amo_slow(w->pm, r, RAM_BASE, 8, AMO_ADD, 1);
    physmem_cas_slow(w->pm, r, RAM_BASE, 8, 4, 5);
    assert_true(reservation_store_noted(w->pm, RAM_BASE, was, RAM_BASE, 4, 6));
    assert_int_equal(*word(w, RAM_BASE), 6);
    /* What others write is not. */
    for (unsigned how = 0; how < 5; how++) {
        was = w->pm->foreign_writes;
        if (how == 0)
            physmem_write(w->pm, RAM_BASE, &five, 8);
        else if (how == 1)
            physmem_fill(w->pm, RAM_BASE, 5, 8);
        else if (how == 2)
            physmem_written(w->pm, RAM_BASE, 8);
        else if (how == 3)
            physmem_store_slow(w->pm, NULL, RAM_BASE, 8, 5);
        else
            physmem_cas_slow(w->pm, NULL, RAM_BASE, 8, 5, 5);
        assert_false(reservation_store_noted(w->pm, RAM_BASE, was, RAM_BASE, 8, 7));
        assert_int_not_equal(*word(w, RAM_BASE), 7);
    }
    /* With others about nobody knows. */
    w->pm->single_writer = false;
    was = w->pm->foreign_writes;
    assert_false(reservation_store_noted(w->pm, RAM_BASE, was, RAM_BASE, 8, 7));
    assert_int_equal(*word(w, RAM_BASE), 5);
}

/* ---- threads ------------------------------------------------------------- */

#define ABA_ROUNDS 100000

/* Hart 0: LR sees A; hart 1 writes B, then A; hart 0's SC must fail. */
static void aba_victim(struct mini *h)
{
    struct world *w = h->w;

    for (uint32_t i = 0; i < ABA_ROUNDS; i++) {
        gpa_t gpa = RAM_BASE + i % 512 * 8;
        uint64_t a = reservation_load(w->pm, &h->r, gpa, 8);
        store_release(&w->turn, 2 * i + 1);
        wait_turn(h, 2 * i + 2);
        if (load_relaxed(word(w, gpa)) != a)
            fetch_add_relaxed(&w->errors, 1); /* the test itself: A is back */
        if (reservation_store(w->pm, &h->r, gpa, 8, 12345))
            fetch_add_relaxed(&w->errors, 1);
    }
}

static void aba_writer(struct mini *h)
{
    struct world *w = h->w;

    for (uint32_t i = 0; i < ABA_ROUNDS; i++) {
        gpa_t gpa = RAM_BASE + i % 512 * 8;
        wait_turn(h, 2 * i + 1);
        uint64_t a = load_relaxed(word(w, gpa));
        mini_store(h, gpa, a + 1);
        mini_store(h, gpa, a);
        store_release(&w->turn, 2 * i + 2);
    }
}

static void test_aba(void **state)
{
    static void (*const body[])(struct mini * h) = {aba_victim, aba_writer};
    struct world *w = *state;

    run_harts(w, 2, body);
    assert_int_equal(w->errors, 0);
}

/* The same over many pages with decay in between, so that pages are fast again when LR comes. */
static void aba_page_victim(struct mini *h)
{
    struct world *w = h->w;

    for (uint32_t i = 0; i < 2000; i++) {
        gpa_t gpa = RAM_BASE + i % PAGES * PAGE_SIZE;
        reservation_load(w->pm, &h->r, gpa, 8);
        store_release(&w->turn, 2 * i + 1);
        wait_turn(h, 2 * i + 2);
        if (reservation_store(w->pm, &h->r, gpa, 8, 12345))
            fetch_add_relaxed(&w->errors, 1);
    }
}

static void aba_page_writer(struct mini *h)
{
    struct world *w = h->w;

    for (uint32_t i = 0; i < 2000; i++) {
        gpa_t gpa = RAM_BASE + i % PAGES * PAGE_SIZE;
        gpa_t next = RAM_BASE + (i + 1) % PAGES * PAGE_SIZE;
        wait_turn(h, 2 * i + 1);
        mini_store(h, gpa, 1);
        mini_store(h, gpa, 0);
        for (unsigned j = 0; j < 2 * HEAT_DECAY; j++) { /* the reservation is dead: this decays */
            mini_store(h, gpa + 1024, j);
            mini_store(h, next + 1024, j); /* and this makes a fast entry for the next page */
        }
        store_release(&w->turn, 2 * i + 2);
    }
}

static void test_aba_with_decay(void **state)
{
    static void (*const body[])(struct mini * h) = {aba_page_victim, aba_page_writer};
    struct world *w = *state;
    uint64_t decays = 0;

    run_harts(w, 2, body);
    assert_int_equal(w->errors, 0);
    for (unsigned i = 0; i <= w->pm->shard_mask; i++)
        decays += w->pm->shards[i].decays;
    assert_int_equal(decays, 2000);
    assert_true(w->hart[1].fast_stores > 2000);
}

#define COUNTS 20000

static void counter_body(struct mini *h)
{
    meet(h);
    for (unsigned i = 0; i < COUNTS; i++) {
        mini_increment(h, RAM_BASE);
        if (h->id % 2)
            mini_add(h, RAM_BASE, 1);
        mini_store(h, RAM_BASE + 2048 + 64 * h->id, i); /* same page, own granule */
    }
}

static void test_counters(void **state)
{
    static void (*const body[])(struct mini * h) = {counter_body, counter_body, counter_body,
                                                    counter_body};
    struct world *w = *state;

    run_harts(w, HARTS, body);
    assert_int_equal(*word(w, RAM_BASE), (HARTS + HARTS / 2) * COUNTS);
}

/*
 * Bursts of increments by LR/SC, and between them another hart stores to the
 * page until it is fast again and adds to the counter that way.  A store that
 * slipped past a reservation would lose an increment.
 */
#define BURSTS 1000

static void burst_lrsc(struct mini *h)
{
    for (uint32_t i = 0; i < BURSTS; i++) {
        for (unsigned j = 0; j < 20; j++)
            mini_increment(h, RAM_BASE);
        store_release(&h->w->turn, i + 1);
        /* Not in step: the other hart is somewhere in its stores when the next burst begins. */
        for (unsigned j = 0; j < 200; j++)
            mini_serve(h);
        if (i % 8 == 0)
            sched_yield();
    }
}

static void burst_adds(struct mini *h)
{
    unsigned adds = 0;

    while (load_acquire(&h->w->turn) != BURSTS) {
        mini_add(h, RAM_BASE, 1);
        mini_store(h, RAM_BASE + 512, adds);
        adds++;
    }
    /* Hart 0 has finished: these decay the page for certain. */
    for (unsigned i = 0; i < 2 * HEAT_DECAY; i++)
        mini_add(h, RAM_BASE, 1);
    store_relaxed(word(h->w, RAM_BASE + 1024), adds + 2ull * HEAT_DECAY);
}

static void test_decay_race(void **state)
{
    static void (*const body[])(struct mini * h) = {burst_lrsc, burst_adds};
    struct world *w = *state;

    run_harts(w, 2, body);
    assert_int_equal(*word(w, RAM_BASE), BURSTS * 20 + *word(w, RAM_BASE + 1024));
    assert_true(physmem_shard(w->pm, RAM_BASE)->decays >= 1);
    assert_int_equal(flags_of(w, RAM_BASE) & PAGE_RESERVED, 0);
}

/*
 * Two harts issue the first LR of a page at the same moment while two others
 * have fast entries for it: the second LR finds the flag set and must wait too.
 */
static void first_load_body(struct mini *h)
{
    for (unsigned round = 0; round < 20; round++)
        for (gpa_t gpa = RAM_BASE; gpa < RAM_BASE + PAGES * PAGE_SIZE; gpa += PAGE_SIZE) {
            mini_add(h, gpa, 1);
            meet(h);
            for (unsigned i = 0; i < 4; i++) {
                if (h->id < 2)
                    mini_increment(h, gpa);
                else
                    mini_add(h, gpa, 1);
            }
            meet(h);
            /* Cool the page for the next round. */
            if (h->id == 0)
                for (unsigned i = 0; i < HEAT_DECAY; i++)
                    mini_store(h, gpa + 256, i);
        }
}

static void test_first_loads_at_once(void **state)
{
    static void (*const body[])(struct mini * h) = {first_load_body, first_load_body,
                                                    first_load_body, first_load_body};
    struct world *w = *state;

    run_harts(w, HARTS, body);
    for (unsigned p = 0; p < PAGES; p++)
        assert_int_equal(*word(w, RAM_BASE + p * PAGE_SIZE), 20 * HARTS * 5);
}

/*
 * A lock-free stack of nodes that are taken and put back at once: the ABA trap
 * in the wild.  A wrong SC success makes a node appear twice, or a cycle.
 */
#define NODES 8

static gpa_t node(uint64_t n)
{
    return RAM_BASE + PAGE_SIZE + n * 64; /* word 0: next; word 1: owners */
}

static uint64_t stack_pop(struct mini *h)
{
    struct world *w = h->w;

    for (;;) {
        mini_serve(h);
        uint64_t top = reservation_load(w->pm, &h->r, RAM_BASE, 8);
        if (!top)
            continue;
        uint64_t next = load_acquire(word(w, node(top)));
        if (reservation_store(w->pm, &h->r, RAM_BASE, 8, next))
            return top;
    }
}

static void stack_push(struct mini *h, uint64_t n)
{
    struct world *w = h->w;
    uint64_t top;

    do {
        mini_serve(h);
        top = reservation_load(w->pm, &h->r, RAM_BASE, 8);
        /* A plain store between LR and SC, to another page. */
        mini_store(h, node(n), top);
    } while (!reservation_store(w->pm, &h->r, RAM_BASE, 8, n));
}

static void stack_body(struct mini *h)
{
    struct world *w = h->w;

    meet(h);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t a = stack_pop(h), b = stack_pop(h);
        if (fetch_add_relaxed(word(w, node(a) + 8), 1) ||
            fetch_add_relaxed(word(w, node(b) + 8), 1))
            fetch_add_relaxed(&w->errors, 1); /* somebody else has it too */
        fetch_add_relaxed(word(w, node(a) + 8), -1ull);
        fetch_add_relaxed(word(w, node(b) + 8), -1ull);
        stack_push(h, a); /* the other way round than popped */
        stack_push(h, b);
    }
}

static void test_stack(void **state)
{
    static void (*const body[])(struct mini * h) = {stack_body, stack_body, stack_body};
    struct world *w = *state;
    unsigned count = 0;

    for (uint64_t n = 1; n <= NODES; n++)
        *word(w, node(n)) = n - 1;
    *word(w, RAM_BASE) = NODES;
    run_harts(w, 3, body);
    assert_int_equal(w->errors, 0);
    for (uint64_t n = *word(w, RAM_BASE); n && count <= NODES; n = *word(w, node(n)))
        count++;
    assert_int_equal(count, NODES);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_load_store),
        TEST(test_word_size),
        TEST(test_store_elsewhere_fails),
        TEST(test_second_load_moves),
        TEST(test_any_write_kills),
        TEST(test_failed_cas_kills_nothing),
        TEST(test_own_writes_keep),
        TEST(test_other_granule_keeps),
        TEST(test_store_over_two_granules),
        TEST(test_bulk_write_over_shards),
        TEST(test_decay),
        TEST(test_decay_during_load),
        TEST(test_load_during_load),
        TEST(test_sync_once),
        cmocka_unit_test_setup_teardown(test_single_writer, setup_single, teardown),
        cmocka_unit_test_setup_teardown(test_noted, setup_single, teardown),
        TEST(test_aba),
        TEST(test_aba_with_decay),
        TEST(test_counters),
        TEST(test_decay_race),
        TEST(test_first_loads_at_once),
        TEST(test_stack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
