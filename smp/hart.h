/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest-independent half of a hart: its thread, its alarm word, its
 * mailbox, its TLB and its reservation.  A guest embeds struct hart in its own
 * hart structure.
 *
 * The alarm word.  The running hart counts retired instructions and compares
 * the count with shared.until at every taken branch: one compare serves as
 * instruction limit, time slice and alarm, because raising the alarm stores 0
 * there.  The raiser sets a request bit first, then the word; the hart re-arms
 * the word first, then looks at the bits; so no alarm is lost.
 *
 * In and out.  A hart is IN while it may use its TLB.  Before it sleeps or
 * blocks it goes OUT; on the way back IN it drains its mailbox before it uses
 * the TLB again.  So whoever waits until a request has taken effect need not
 * wait for a hart that is OUT: it will see the request before it can act on
 * anything stale.
 */
#ifndef SMP_HART_H
#define SMP_HART_H

#include "mem/reserve.h"
#include "mem/tlb.h"
#include "sim/base/atomic.h"
#include "sim/base/bits.h"
#include "sim/base/lock.h"

#include <pthread.h>

struct hart;
struct smp;

/* Runs on the target hart's thread between two instructions; must be short, must not wait. */
typedef void hart_fn(struct hart *h, uint64_t a, uint64_t b, uint64_t c);

#define MAILBOX_SLOTS 64 /* more letters make a mailbox grow, and wake a hart that sleeps */

struct hart_letter {
    hart_fn *fn;
    uint64_t a, b, c;
    uint64_t ticket;
};

enum hart_request {
    REQUEST_MAIL = 1 << 0,  /* the mailbox has letters */
    REQUEST_IRQ = 1 << 1,   /* interrupt inputs changed */
    REQUEST_PARK = 1 << 2,  /* the world is to be stopped */
    REQUEST_STOP = 1 << 3,  /* the machine ends */
    REQUEST_GUEST = 1 << 4, /* for the guest's own use (hart start, wake) */
};

enum hart_place { HART_OUT, HART_IN };

/* Touched by other threads; everything atomic unless said. */
struct hart_shared {
    CACHE_ALIGNED uint64_t until; /* the alarm word */
    uint32_t requests;            /* enum hart_request bits */
    uint32_t place;               /* enum hart_place */
    uint32_t wake;                /* futex word of hart_wait: counts wake-ups */
    uint32_t asleep;              /* 1 while in hart_wait */
    uint64_t irq;                 /* interrupt inputs, guest's bit numbers */
    uint64_t due_ns;              /* when smp_hooks.due is wanted, or UINT64_MAX; atomic */

    CACHE_ALIGNED struct lock mail_lock; /* RANK_MAILBOX */
    unsigned mail_head, mail_count;      /* under mail_lock */
    uint64_t mail_oldest; /* ticket of the oldest letter whose effect is not complete, UINT64_MAX if
                             none */
    unsigned mail_slots;  /* under mail_lock, and the two below */
    struct hart_letter *mail; /* ring of mail_slots: mail_few, or allocated */
    struct hart_letter mail_few[MAILBOX_SLOTS];
};

/* Private to the hart's thread. */
struct hart {
    struct tlb tlb;
    struct reservation reservation;
    struct smp *smp;
    unsigned index;
    uint64_t limit;  /* instruction count at which the alarm is due without being raised */
    uint64_t served; /* letters executed: changes when a translation in hand may be stale */
    pthread_t thread;
    bool has_thread;
    uint64_t waits;   /* statistics: calls of hart_wait */
    uint64_t waiting; /* and their time, see hart_waited_ns; atomic, read by any thread */
    uint64_t look_ns; /* how long hart_wait looks around before it sleeps */
    struct hart_shared shared;
};

/* The guest's part, filled by isa/<guest>. */
struct hart_ops {
    /* Executes guest code until hart_poll says stop.  Called on the hart's thread, place OUT. */
    void (*run)(struct hart *h);
};

/* --- for the guest's run loop; owner thread only --- */

/* Goes IN (drains the mailbox first).  False: the machine ends, do not enter. */
bool hart_enter(struct hart *h);
void hart_leave(struct hart *h);

/*
 * Serves an alarm between two instructions: re-arms the word, drains the mailbox, parks while the
 * world is stopped.  Returns the request bits that the guest must look at (IRQ, GUEST, STOP).
 */
uint32_t hart_poll(struct hart *h);

/* Executes the letters that wait; safe while waiting for others. */
void hart_serve(struct hart *h);

/*
 * Sleeps until a request arrives, an interrupt input in wake_irqs is (already) high, or deadline_ns
 * or shared.due_ns passes.  The hart must be IN; it is OUT meanwhile and IN again after.  False:
 * the machine ends.
 */
bool hart_wait(struct hart *h, uint64_t wake_irqs, uint64_t deadline_ns);

/*
 * Lets another thread have the processor, OUT meanwhile.  For harts that outnumber the processors:
 * one that spins for another must not use up its whole slice of the host's scheduler (some 3 ms),
 * and whoever waits for an answer of this one need not wait until it runs again.
 * False: the machine ends.
 */
bool hart_yield(struct hart *h);

/* --- for everybody --- */

/* Sets request bits and raises the alarm; wakes a sleeper. */
void hart_kick(struct hart *h, uint32_t requests);

/* Time spent in hart_wait up to now, which may be in the middle of it. */
uint64_t hart_waited_ns(const struct hart *h);

/* Interrupt inputs. */
void hart_irq_raise(struct hart *h, uint64_t bits);
void hart_irq_lower(struct hart *h, uint64_t bits);

static inline uint64_t hart_irqs(const struct hart *h)
{
    return load_acquire(&h->shared.irq);
}

#endif
