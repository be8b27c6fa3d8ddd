/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of harts, letters to several of them, stop-the-world.
 *
 * A letter to a hart that is OUT does not wake it: it takes effect before the
 * hart is IN again, which is all that the sender needs; waking every idle hart
 * for each remote fence would cost some 50 us each.  Only many letters do.
 */
#include "smp/smp.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "sim/base/arena.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/futex.h"
#include "sim/base/log.h"
#include "smp/pin.h"

#define SPINS_BEFORE_YIELD 256
#define WAIT_REPORT_NS     (10 * NS_PER_SEC)

static _Thread_local struct hart *current_hart;

struct hart *smp_self(void)
{
    return current_hart;
}

int smp_create(struct smp **out, struct hart **harts, unsigned count, const struct hart_ops *ops)
{
    struct smp *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->harts = calloc(count, sizeof(*s->harts));
    s->pin = calloc(count, sizeof(*s->pin));
    if (!s->harts || !s->pin) {
        smp_destroy(s);
        return -ENOMEM;
    }
    memcpy(s->harts, harts, count * sizeof(*harts));
    s->count = count;
    s->crowded = count > pin_processors();
    s->ops = ops;
    lock_init(&s->world, RANK_WORLD);
    for (unsigned i = 0; i < count; i++)
        harts[i]->smp = s;
    *out = s;
    return 0;
}

void smp_destroy(struct smp *s)
{
    if (!s)
        return;
    free(s->harts);
    free(s->pin);
    free(s);
}

/* --- threads --- */

static void pin_self(const struct smp *s, unsigned index)
{
    cpu_set_t set;
    if (s->pin[index] < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((unsigned)s->pin[index], &set);
    int err = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    if (err)
        log_at(LOG_SMP, LOG_WARN, "hart %u: cannot pin to processor %d: %s", index, s->pin[index],
               strerror(err));
}

/* The kernel lets timed sleeps of a thread end up to 50 us late, which is more than some last. */
static void wake_in_time(void)
{
    if (prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul))
        log_at(LOG_SMP, LOG_INFO, "timers of harts may be late: %s", strerror(errno));
}

static void *hart_thread(void *arg)
{
    struct hart *h = arg;
    struct smp *s = h->smp;
    char name[16];
    snprintf(name, sizeof(name), "hart%u", h->index);
    pthread_setname_np(pthread_self(), name);
    current_hart = h;
    pin_self(s, h->index);
    wake_in_time();
    arena_bind_thread();
    if (s->hooks.thread_begin)
        s->hooks.thread_begin(s->hooks.opaque, h);
    s->ops->run(h);
    if (s->hooks.thread_end)
        s->hooks.thread_end(s->hooks.opaque, h);
    arena_unbind_thread();
    current_hart = NULL;
    return NULL;
}

void smp_attach(struct smp *s, struct hart *h)
{
    BUG_ON(current_hart || h->has_thread);
    store_release(&s->stopping, 0);
    fetch_and_seq_cst(&h->shared.requests, (uint32_t)~REQUEST_STOP);
    current_hart = h;
}

void smp_detach(void)
{
    current_hart = NULL;
}

int smp_start(struct smp *s, const int *pin)
{
    store_release(&s->stopping, 0);
    for (unsigned i = 0; i < s->count; i++) {
        s->pin[i] = pin ? pin[i] : -1;
        /* A hart that ended by another sign left the request of the last stop. */
        fetch_and_seq_cst(&s->harts[i]->shared.requests, ~(uint32_t)REQUEST_STOP);
    }
    for (unsigned i = 0; i < s->count; i++) {
        struct hart *h = s->harts[i];
        int err = pthread_create(&h->thread, NULL, hart_thread, h);
        if (err) {
            char value[16];
            snprintf(value, sizeof(value), "%u", s->count);
            smp_stop(s);
            smp_join(s);
            return error_set(MH_ERROR_PLATFORM, -err, "harts", value,
                             "the host gave no thread for hart %u: %s", i, strerror(err));
        }
        h->has_thread = true;
    }
    return 0;
}

void smp_stop(struct smp *s)
{
    store_seq_cst(&s->stopping, 1);
    for (unsigned i = 0; i < s->count; i++)
        hart_kick(s->harts[i], REQUEST_STOP);
}

void smp_join(struct smp *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (!s->harts[i]->has_thread)
            continue;
        pthread_join(s->harts[i]->thread, NULL);
        s->harts[i]->has_thread = false;
    }
}

/* --- waiting --- */

/* One step of a wait for other threads, which may need this processor to get on. */
static void wait_step(unsigned *spins)
{
    if (++*spins < SPINS_BEFORE_YIELD)
        cpu_relax();
    else
        sched_yield();
}

#ifdef MH_DEBUG
static void wait_check(uint64_t since, const char *what)
{
    if (clock_now_ns() - since > WAIT_REPORT_NS)
        BUG("waited 10 s for %s", what);
}
#else
static void wait_check(uint64_t since, const char *what)
{
    (void)since;
    (void)what;
}
#endif

/* --- letters --- */

/* Room for another letter; false: no memory. */
static bool mail_room_locked(struct hart_shared *s)
{
    if (s->mail_count < s->mail_slots)
        return true;
    struct hart_letter *bigger = malloc(2 * s->mail_slots * sizeof(*bigger));
    if (!bigger)
        return false;
    for (unsigned i = 0; i < s->mail_count; i++)
        bigger[i] = s->mail[(s->mail_head + i) % s->mail_slots];
    if (s->mail != s->mail_few)
        free(s->mail);
    s->mail = bigger;
    s->mail_slots *= 2;
    s->mail_head = 0;
    return true;
}

/* How many letters there are then; 0: no room. */
static unsigned put_letter(struct hart *h, const struct hart_letter *letter)
{
    struct hart_shared *s = &h->shared;
    unsigned count = 0;
    lock_take(&s->mail_lock);
    if (mail_room_locked(s)) {
        s->mail[(s->mail_head + s->mail_count) % s->mail_slots] = *letter;
        count = ++s->mail_count;
        store_seq_cst(&s->mail_oldest, min_u64(s->mail_oldest, letter->ticket));
    }
    lock_drop(&s->mail_lock);
    return count;
}

/*
 * Does not wait for room: the target may be parked until the sender is out, or not run any more.
 */
static void send_letter(struct hart *h, struct hart *self, const struct hart_letter *letter)
{
    unsigned spins = 0, count;
    uint64_t since = clock_now_ns();
    while (!(count = put_letter(h, letter))) {
        hart_kick(h, REQUEST_MAIL);
        if (self)
            hart_serve(self);
        wait_step(&spins);
        wait_check(since, "room in a mailbox");
    }
    /* Pairs with hart_enter, which is in first and looks at the mailbox then. */
    fence_seq_cst();
    if (count > MAILBOX_SLOTS || load_seq_cst(&h->shared.place) == HART_IN)
        hart_kick(h, REQUEST_MAIL);
}

uint64_t smp_post(struct smp *s, struct hart *self, const struct hart_set *set, hart_fn *fn,
                  uint64_t a, uint64_t b, uint64_t c)
{
    struct hart_letter letter = {fn, a, b, c, fetch_add_seq_cst(&s->ticket, 1) + 1};
    for (unsigned i = 0; i < s->count; i++)
        if (s->harts[i] != self && (!set || hart_set_has(set, i)))
            send_letter(s->harts[i], self, &letter);
    return letter.ticket;
}

bool smp_done(const struct smp *s, uint64_t ticket)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct hart_shared *h = &s->harts[i]->shared;
        if (load_seq_cst(&h->mail_oldest) <= ticket && load_seq_cst(&h->place) == HART_IN)
            return false;
    }
    return true;
}

void smp_wait(struct smp *s, struct hart *self, uint64_t ticket)
{
    unsigned spins = 0;
    uint64_t since = clock_now_ns();
    while (!smp_done(s, ticket)) {
        if (self)
            hart_serve(self);
        wait_step(&spins);
        wait_check(since, "other harts to take a letter");
    }
}

/* --- stop the world --- */

static bool all_out(const struct smp *s, const struct hart *self)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->harts[i] != self && load_seq_cst(&s->harts[i]->shared.place) == HART_IN)
            return false;
    return true;
}

/* Parks if it must; what the guest has to look at stays for its own poll. */
static void park_keeping_requests(struct hart *self)
{
    uint32_t requests = hart_poll(self);
    if (requests)
        hart_kick(self, requests);
}

/* Under s->world: asks every other hart to stop; one that waits goes on waiting. */
static void ask_to_park(struct smp *s, struct hart *self)
{
    store_seq_cst(&s->paused, 1);
    for (unsigned i = 0; i < s->count; i++)
        if (s->harts[i] != self && load_seq_cst(&s->harts[i]->shared.place) == HART_IN)
            hart_kick(s->harts[i], REQUEST_PARK);
}

void smp_pause(struct smp *s, struct hart *self)
{
    unsigned spins = 0;
    uint64_t since = clock_now_ns();
    /* While we wait for our turn, the one whose turn it is waits for us to be out. */
    while (!lock_try(&s->world)) {
        if (self)
            park_keeping_requests(self);
        wait_step(&spins);
    }
    ask_to_park(s, self);
    while (!all_out(s, self)) {
        if (self)
            hart_serve(self);
        wait_step(&spins);
        wait_check(since, "all harts to stop");
    }
}

bool smp_pause_within(struct smp *s, uint64_t ns)
{
    unsigned spins = 0;
    uint64_t since = clock_now_ns();
    if (!lock_try(&s->world))
        return false;
    ask_to_park(s, NULL);
    while (!all_out(s, NULL)) {
        if (clock_now_ns() - since > ns) {
            smp_resume(s);
            return false;
        }
        wait_step(&spins);
    }
    return true;
}

void smp_resume(struct smp *s)
{
    store_seq_cst(&s->paused, 0);
    futex_wake(&s->paused, INT32_MAX);
    lock_drop(&s->world);
}
