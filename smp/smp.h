/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harts of a machine as threads: start, stop, pinning, cross-hart calls,
 * shootdown and stop-the-world.
 */
#ifndef SMP_SMP_H
#define SMP_SMP_H

#include "smp/hart.h"

#define SMP_MAX_HARTS 512

struct smp_hooks {
    void *opaque;
    void (*thread_begin)(void *opaque, struct hart *h); /* on the hart's thread, before it runs */
    void (*thread_end)(void *opaque, struct hart *h);
    /* On the hart's thread, OUT: it waited until shared.due_ns.  NULL: never. */
    void (*due)(void *opaque, struct hart *h);
};

struct smp {
    unsigned count;      /* constant */
    bool crowded;        /* more harts than processors to run them on; constant */
    struct hart **harts; /* constant */
    const struct hart_ops *ops;
    struct smp_hooks hooks;
    uint64_t ticket;   /* last one given out, atomic */
    uint32_t paused;   /* futex word: 1 while the world is stopped, atomic */
    uint32_t stopping; /* atomic */
    struct lock world; /* RANK_WORLD: one stopper at a time */
    int *pin;          /* processor per hart or -1 */
};

struct hart_set {
    uint64_t bits[SMP_MAX_HARTS / 64];
};

static inline void hart_set_add(struct hart_set *s, unsigned i)
{
    s->bits[i / 64] |= 1ull << (i % 64);
}

static inline bool hart_set_has(const struct hart_set *s, unsigned i)
{
    return s->bits[i / 64] >> (i % 64) & 1;
}

/* harts[i] are the guest's, not yet running; smp keeps the array (copied). */
int smp_create(struct smp **out, struct hart **harts, unsigned count, const struct hart_ops *ops);
void smp_destroy(struct smp *s);

/* Initialises the generic half of a hart (TLB, mailbox). tlb_entries 0 = default. */
int hart_init(struct hart *h, unsigned index, unsigned tlb_entries);
void hart_fini(struct hart *h);

/* Starts a thread per hart. pin[i] is an OS processor number or -1; NULL: none is pinned. */
int smp_start(struct smp *s, const int *pin);
/* Asks all harts to end; returns at once.  Any thread. */
void smp_stop(struct smp *s);
/* Waits for all threads. Not on a hart thread. */
void smp_join(struct smp *s);

/*
 * Sends fn to the harts in set (NULL: all) but not to self (may be NULL).  Returns the ticket.
 * The letters take effect before the target executes anything that starts after the send...
 * for a hart that is IN, at its next poll; for one that is OUT, before it is IN again.
 */
uint64_t smp_post(struct smp *s, struct hart *self, const struct hart_set *set, hart_fn *fn,
                  uint64_t a, uint64_t b, uint64_t c);
/* Whether all letters up to the ticket have taken effect. */
bool smp_done(const struct smp *s, uint64_t ticket);
/* Waits for that, serving self's own mailbox meanwhile.  self NULL: a thread that is no hart. */
void smp_wait(struct smp *s, struct hart *self, uint64_t ticket);

/*
 * Makes the calling thread, which is no hart's, that of h, whose own does not run; afterwards the
 * guest may go IN on it, until smp_detach.  A stop asked for earlier is forgotten.
 */
void smp_attach(struct smp *s, struct hart *h);
void smp_detach(void);

/* The hart the calling thread is, or NULL. */
struct hart *smp_self(void);

/*
 * Stops the world: returns when no hart but self is between smp_pause and smp_resume IN.  self is
 * NULL for other threads.  Nests not; a second caller waits for the first.
 */
void smp_pause(struct smp *s, struct hart *self);
/*
 * As smp_pause for a thread that is no hart's, for whom the harts may wait in turn: false, and the
 * world runs on, when it has not stopped after so many nanoseconds.
 */
bool smp_pause_within(struct smp *s, uint64_t ns);
void smp_resume(struct smp *s);

#endif
