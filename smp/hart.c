/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alarm word, the mailbox, sleeping and interrupt inputs of a hart; see
 * hart.h for the protocol.  No function here knows the guest.
 */
#include "smp/hart.h"

#include <sched.h>
#include <stdlib.h>

#include "sim/base/clock.h"
#include "sim/base/futex.h"
#include "smp/smp.h"

#define LOOK_MIN_NS 5000
#define LOOK_MAX_NS 100000

int hart_init(struct hart *h, unsigned index, unsigned tlb_entries)
{
    h->index = index;
    h->limit = UINT64_MAX;
    h->shared.until = UINT64_MAX;
    h->shared.mail_oldest = UINT64_MAX;
    h->shared.due_ns = UINT64_MAX;
    h->shared.mail = h->shared.mail_few;
    h->shared.mail_slots = MAILBOX_SLOTS;
    lock_init(&h->shared.mail_lock, RANK_MAILBOX);
    reservation_init(&h->reservation);
    return tlb_init(&h->tlb, tlb_entries);
}

void hart_fini(struct hart *h)
{
    if (h->shared.mail != h->shared.mail_few)
        free(h->shared.mail);
    tlb_fini(&h->tlb);
}

static uint64_t oldest_letter_locked(const struct hart_shared *s)
{
    uint64_t oldest = UINT64_MAX;
    for (unsigned i = 0; i < s->mail_count; i++)
        oldest = min_u64(oldest, s->mail[(s->mail_head + i) % s->mail_slots].ticket);
    return oldest;
}

/* Takes the next letter; only now are those before it known to be complete. */
static bool take_letter(struct hart *h, struct hart_letter *out)
{
    struct hart_shared *s = &h->shared;
    bool got = false;
    lock_take(&s->mail_lock);
    store_seq_cst(&s->mail_oldest, oldest_letter_locked(s));
    if (s->mail_count) {
        *out = s->mail[s->mail_head];
        s->mail_head = (s->mail_head + 1) % s->mail_slots;
        s->mail_count--;
        got = true;
    }
    lock_drop(&s->mail_lock);
    return got;
}

void hart_serve(struct hart *h)
{
    struct hart_letter letter;
    if (load_seq_cst(&h->shared.mail_oldest) == UINT64_MAX)
        return;
    while (take_letter(h, &letter)) {
        letter.fn(h, letter.a, letter.b, letter.c);
        h->served++;
    }
}

/* Out, until the world runs again; then in. */
static void park(struct hart *h)
{
    while (load_seq_cst(&h->smp->paused)) {
        store_seq_cst(&h->shared.place, HART_OUT);
        futex_wait(&h->smp->paused, 1, FUTEX_NO_DEADLINE);
        /* Pairs with smp_pause: either it sees us in, or we see the world paused. */
        store_seq_cst(&h->shared.place, HART_IN);
    }
}

bool hart_enter(struct hart *h)
{
    /* Pairs with smp_done: whoever sees us out posted before this, and we serve it now. */
    store_seq_cst(&h->shared.place, HART_IN);
    park(h);
    hart_serve(h);
    if (load_acquire(&h->smp->stopping)) {
        hart_leave(h);
        return false;
    }
    return true;
}

void hart_leave(struct hart *h)
{
    store_seq_cst(&h->shared.place, HART_OUT);
}

uint32_t hart_poll(struct hart *h)
{
    /* Pairs with hart_kick: it sets the bit, then the word; we set the word, then look. */
    store_seq_cst(&h->shared.until, h->limit);
    uint32_t requests = exchange_seq_cst(&h->shared.requests, 0);
    park(h);
    hart_serve(h);
    if (load_acquire(&h->smp->stopping))
        requests |= REQUEST_STOP;
    return requests & (REQUEST_IRQ | REQUEST_GUEST | REQUEST_STOP);
}

/* Who stops the world has no need of a hart that waits. */
static bool wake_wanted(const struct hart *h, uint64_t wake_irqs)
{
    const struct hart_shared *s = &h->shared;
    return load_seq_cst(&s->requests) & ~(uint32_t)REQUEST_PARK ||
           load_seq_cst(&s->irq) & wake_irqs || load_acquire(&h->smp->stopping);
}

/*
 * Being woken by the host costs some 50 us.  A hart that is often woken soon therefore looks for
 * its reason itself for a while before it sleeps; one that sleeps long stops doing so.
 */
static void adapt_look(struct hart *h, uint64_t waited_ns)
{
    if (waited_ns < LOOK_MAX_NS)
        h->look_ns = min_u64(LOOK_MAX_NS, h->look_ns * 2 + LOOK_MIN_NS);
    else
        h->look_ns /= 2;
}

/* True: there is a reason to be awake. */
static bool look_around(const struct hart *h, uint64_t wake_irqs, uint64_t start_ns,
                        uint64_t deadline_ns)
{
    uint64_t end_ns = h->smp->crowded ? 0 : min_u64(deadline_ns, start_ns + h->look_ns);
    do {
        if (wake_wanted(h, wake_irqs))
            return true;
        cpu_relax();
    } while (clock_now_ns() < end_ns);
    return false;
}

static void sleep_until(struct hart *h, uint64_t wake_irqs, uint64_t deadline_ns)
{
    struct hart_shared *s = &h->shared;
    /* Pairs with hart_kick: it asks whether we sleep after it gave us a reason not to. */
    store_seq_cst(&s->asleep, 1);
    for (;;) {
        uint32_t seen = load_acquire(&s->wake);
        if (wake_wanted(h, wake_irqs) || futex_wait(&s->wake, seen, deadline_ns))
            break;
    }
    store_seq_cst(&s->asleep, 0);
}

/*
 * The time waited is one word, so that who looks from outside sees the same time whether a wait is
 * just ending or not: twice the time outside hart_wait; inside, twice (the time before - the clock
 * when it began), plus 1.
 */
static void wait_begins(struct hart *h, uint64_t now_ns)
{
    store_relaxed(&h->waiting, (h->waiting - 2 * now_ns) | 1);
}

static void wait_ends(struct hart *h, uint64_t now_ns)
{
    store_relaxed(&h->waiting, (h->waiting & ~1ull) + 2 * now_ns);
}

uint64_t hart_waited_ns(const struct hart *h)
{
    uint64_t word = load_relaxed(&h->waiting);
    return word & 1 ? (word - 1 + 2 * clock_now_ns()) / 2 : word / 2;
}

bool hart_wait(struct hart *h, uint64_t wake_irqs, uint64_t deadline_ns)
{
    const struct smp_hooks *hooks = &h->smp->hooks;
    uint64_t start_ns = clock_now_ns();
    uint64_t due_ns = hooks->due ? load_acquire(&h->shared.due_ns) : UINT64_MAX;
    deadline_ns = min_u64(deadline_ns, due_ns);
    wait_begins(h, start_ns);
    store_seq_cst(&h->shared.place, HART_OUT);
    if (!look_around(h, wake_irqs, start_ns, deadline_ns))
        sleep_until(h, wake_irqs, deadline_ns);
    uint64_t end_ns = clock_now_ns();
    adapt_look(h, end_ns - start_ns);
    h->waits++;
    wait_ends(h, end_ns);
    if (end_ns >= due_ns)
        hooks->due(hooks->opaque, h);
    return hart_enter(h);
}

bool hart_yield(struct hart *h)
{
    hart_leave(h);
    sched_yield();
    return hart_enter(h);
}

void hart_kick(struct hart *h, uint32_t requests)
{
    struct hart_shared *s = &h->shared;
    fetch_or_seq_cst(&s->requests, requests);
    store_seq_cst(&s->until, 0);
    if (load_seq_cst(&s->asleep)) {
        fetch_add_seq_cst(&s->wake, 1);
        futex_wake(&s->wake, 1);
    }
}

void hart_irq_raise(struct hart *h, uint64_t bits)
{
    if (bits & ~fetch_or_seq_cst(&h->shared.irq, bits))
        hart_kick(h, REQUEST_IRQ);
}

void hart_irq_lower(struct hart *h, uint64_t bits)
{
    fetch_and_seq_cst(&h->shared.irq, ~bits);
}
