/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spare thread: translates what has become hot while the harts go on in the
 * interpreter.  It is one more maker of code, with a chunk of its own, and enters
 * the code cache as a hart does; what it is asked for it looks up anew, since the
 * page may have gone meanwhile.
 *
 * A place that was asked for is marked so that nobody asks twice.  If too much
 * waits, or the harts keep all processors busy, they translate for themselves: a
 * host with no processor to spare loses nothing.
 */
#include <errno.h>

#include "isa/riscv/jit_inside.h"
#include "sim/base/clock.h"
#include "sim/base/futex.h"

/* Waking costs the hart a system call: for so long the thread looks before it sleeps. */
#define LOOK_NS 50000
/* How long it does not try after there was no room. */
#define STARVED_NS 1000000

enum state { NOBODY, AWAKE, ASLEEP, RETIRED };

/* Harts that want a processor now. */
static unsigned awake(const struct rv_guest *g)
{
    unsigned n = 0;
    for (unsigned i = 0; i < g->cfg.harts; i++)
        n += !load_relaxed(&g->harts[i]->hart.shared.asleep);
    return n;
}

bool rv_jit_ask(struct rv_jit *j, struct rv_hart *h, const struct rv_op *ops)
{
    struct rv_jit_queue *q = &j->queue;
    uint32_t state = load_acquire(&q->state);
    if (state == NOBODY || state == RETIRED || awake(j->g) >= q->processors)
        return false;
    struct rv_jit_ask ask = {rv_code_gpa(j->g->code, ops) | (h->pc & ~PAGE_MASK), h->pc,
                             h->jit.mode};
    lock_take(&q->lock);
    bool room = q->tail - q->head < RV_JIT_ASKS;
    if (room)
        q->ask[q->tail++ % RV_JIT_ASKS] = ask;
    lock_drop(&q->lock);
    if (!room)
        return false;
    h->jit.stats.hot++;
    h->jit.stats.asks++;
    /* Pairs with sleep_on: either it sees what was asked, or we see that it sleeps. */
    fence_seq_cst();
    state = ASLEEP;
    if (unlikely(load_relaxed(&q->state) == ASLEEP) && cas_seq_cst(&q->state, &state, AWAKE))
        futex_wake(&q->state, 1);
    return true;
}

static bool next(struct rv_jit_queue *q, struct rv_jit_ask *ask)
{
    lock_take(&q->lock);
    bool some = q->tail != q->head;
    if (some)
        *ask = q->ask[q->head++ % RV_JIT_ASKS];
    lock_drop(&q->lock);
    return some;
}

/* Inside the code cache.  0 if there is code now. */
static int translate(struct rv_jit *j, const struct rv_jit_job *job)
{
    struct rv_jit_queue *q = &j->queue;
    bool any;
    if (rv_jit_entry(job->page, job->mode, (unsigned)(job->va & ~PAGE_MASK) / 2, &any))
        return 0;
    if (q->starved_until && clock_now_ns() < q->starved_until)
        return -ENOSPC;
    int rc = rv_jit_translate(j, &q->maker, job);
    q->starved_until = rc == -ENOSPC ? clock_now_ns() + STARVED_NS : 0;
    return rc;
}

static void serve(struct rv_jit *j, const struct rv_jit_ask *ask)
{
    struct rv_code_cache *code = j->g->code;
    rv_code_visit(code);
    const struct rv_op *ops = rv_code_peek(code, ask->gpa);
    struct rv_jit_page *p = ops ? load_acquire(rv_code_jit(code, ops)) : NULL;
    if (p) {
        struct rv_jit_job job = {ops, p, ask->va, ask->mode, true};
        int rc = translate(j, &job);
        /* In another mode it is hot as well; without room it must become hot again. */
        store_relaxed(&p->count[(ask->gpa & ~PAGE_MASK) / 2], rc ? 0 : RV_JIT_HOT);
    }
    rv_code_visit_end(code);
}

static void sleep_on(struct rv_jit_queue *q)
{
    uint32_t awake = AWAKE;
    if (!cas_seq_cst(&q->state, &awake, ASLEEP))
        return;
    lock_take(&q->lock);
    bool some = q->tail != q->head;
    lock_drop(&q->lock);
    uint32_t asleep = ASLEEP;
    if (some)
        (void)cas_seq_cst(&q->state, &asleep, AWAKE);
    while (load_acquire(&q->state) == ASLEEP)
        (void)futex_wait(&q->state, ASLEEP, FUTEX_NO_DEADLINE);
}

void rv_jit_announce(struct rv_jit *j, unsigned processors)
{
    j->queue.processors = processors;
    store_release(&j->queue.state, AWAKE);
}

void rv_jit_serve(struct rv_jit *j)
{
    struct rv_jit_queue *q = &j->queue;
    struct rv_jit_ask ask;
    for (uint64_t busy = clock_now_ns(); load_acquire(&q->state) != RETIRED;) {
        if (next(q, &ask)) {
            serve(j, &ask);
            busy = clock_now_ns();
        } else if (clock_now_ns() - busy < LOOK_NS) {
            cpu_relax();
        } else {
            sleep_on(q);
            busy = clock_now_ns();
        }
    }
}

void rv_jit_retire(struct rv_jit *j)
{
    store_seq_cst(&j->queue.state, RETIRED);
    futex_wake(&j->queue.state, 1);
}

const struct rv_jit_maker *rv_jit_spare(const struct rv_jit *j)
{
    return &j->queue.maker;
}
