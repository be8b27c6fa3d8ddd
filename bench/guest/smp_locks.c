/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks, taken by all harts at once around a short section: two counters that are equal whenever
 * nobody is in it.  A section that writes gets another number each; they sum up as in
 * smp_atomics.c.
 */
#include "smp.h"

#define TICKET_TOTAL 32768u
#define MCS_TOTAL    8192u
#define RW_TOTAL     65536u
#define RW_WRITE     8u /* one of so many */
#define RW_WRITES    (RW_TOTAL / RW_WRITE)

/* Guarded by the lock; no atomics. */
struct guarded {
    uint64_t first, second;
} OWN_LINE;

static inline void look(const struct guarded *g)
{
    if (g->first != g->second)
        workload_require(false, "two harts in one section");
}

static inline uint64_t count(struct guarded *g)
{
    look(g);
    g->second++;
    return g->first++;
}

/* ---- ticket lock: an atomic addition to enter, fair ---- */

struct ticket_state {
    unsigned harts;
    uint32_t next OWN_LINE;
    uint32_t serving OWN_LINE;
    struct guarded guarded;
};

void *ticket_lock_setup(struct arena *a, unsigned harts)
{
    struct ticket_state *s = ARENA_NEW(a, struct ticket_state, 1);

    *s = (struct ticket_state){.harts = harts};
    return s;
}

uint64_t ticket_lock_run(void *state, unsigned hart)
{
    struct ticket_state *s = state;
    uint64_t n = part_size(TICKET_TOTAL, s->harts, hart), sum = 0;

    for (uint64_t i = 0; i < n; i++) {
        uint32_t mine = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED);
        for (unsigned spins = 0; __atomic_load_n(&s->serving, __ATOMIC_ACQUIRE) != mine;)
            harts_relax(&spins);
        uint64_t number = count(&s->guarded);
        __atomic_store_n(&s->serving, mine + 1, __ATOMIC_RELEASE);
        sum += piece_sum(number % TICKET_TOTAL);
    }
    return sum;
}

/* ---- MCS lock: a queue of harts, each waiting at a word of its own; fair ---- */

struct mcs_node {
    struct mcs_node *next; /* atomic */
    uint32_t waits;        /* atomic */
} OWN_LINE;

struct mcs_state {
    unsigned harts;
    struct mcs_node *tail OWN_LINE; /* atomic; NULL: free */
    struct guarded guarded;
    struct mcs_node node[WORKLOAD_HARTS_MAX];
};

static inline void mcs_enter(struct mcs_node **tail, struct mcs_node *mine)
{
    unsigned spins = 0;

    __atomic_store_n(&mine->next, NULL, __ATOMIC_RELAXED);
    __atomic_store_n(&mine->waits, 1, __ATOMIC_RELAXED);
    struct mcs_node *before = __atomic_exchange_n(tail, mine, __ATOMIC_ACQ_REL);
    if (!before)
        return;
    __atomic_store_n(&before->next, mine, __ATOMIC_RELEASE);
    while (__atomic_load_n(&mine->waits, __ATOMIC_ACQUIRE))
        harts_relax(&spins);
}

static inline void mcs_leave(struct mcs_node **tail, struct mcs_node *mine)
{
    struct mcs_node *next = __atomic_load_n(&mine->next, __ATOMIC_ACQUIRE), *last = mine;
    unsigned spins = 0;

    if (!next &&
        __atomic_compare_exchange_n(tail, &last, NULL, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        return;
    while (!(next = __atomic_load_n(&mine->next, __ATOMIC_ACQUIRE)))
        harts_relax(&spins);
    __atomic_store_n(&next->waits, 0, __ATOMIC_RELEASE);
}

void *mcs_lock_setup(struct arena *a, unsigned harts)
{
    struct mcs_state *s = ARENA_NEW(a, struct mcs_state, 1);

    *s = (struct mcs_state){.harts = harts};
    return s;
}

uint64_t mcs_lock_run(void *state, unsigned hart)
{
    struct mcs_state *s = state;
    struct mcs_node *mine = &s->node[hart];
    uint64_t n = part_size(MCS_TOTAL, s->harts, hart), sum = 0;

    for (uint64_t i = 0; i < n; i++) {
        mcs_enter(&s->tail, mine);
        uint64_t number = count(&s->guarded);
        mcs_leave(&s->tail, mine);
        sum += piece_sum(number % MCS_TOTAL);
    }
    return sum;
}

/* ---- reader-writer lock: a count of readers and a bit of the writer in one word ---- */

#define WRITER 0x80000000u

struct rw_state {
    unsigned harts;
    uint32_t word OWN_LINE; /* atomic */
    struct guarded guarded;
};

void *rw_lock_setup(struct arena *a, unsigned harts)
{
    struct rw_state *s = ARENA_NEW(a, struct rw_state, 1);

    *s = (struct rw_state){.harts = harts};
    return s;
}

/* A reader that met a writer takes itself back, so that no count is left behind. */
static inline void read_enter(uint32_t *word)
{
    for (unsigned spins = 0; __atomic_fetch_add(word, 1, __ATOMIC_ACQUIRE) & WRITER;) {
        __atomic_fetch_sub(word, 1, __ATOMIC_RELAXED);
        while (__atomic_load_n(word, __ATOMIC_RELAXED) & WRITER)
            harts_relax(&spins);
    }
}

static inline void read_leave(uint32_t *word)
{
    __atomic_fetch_sub(word, 1, __ATOMIC_RELEASE);
}

static inline void write_enter(uint32_t *word)
{
    uint32_t free = 0;

    for (unsigned spins = 0; !__atomic_compare_exchange_n(word, &free, WRITER, false,
                                                          __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
         free = 0)
        harts_relax(&spins);
}

static inline void write_leave(uint32_t *word)
{
    __atomic_fetch_sub(word, WRITER, __ATOMIC_RELEASE);
}

uint64_t rw_lock_run(void *state, unsigned hart)
{
    struct rw_state *s = state;
    uint64_t end = part_begin(RW_TOTAL, s->harts, hart + 1), sum = 0;

    for (uint64_t i = part_begin(RW_TOTAL, s->harts, hart); i < end; i++) {
        if (i % RW_WRITE) {
            read_enter(&s->word);
            look(&s->guarded);
            read_leave(&s->word);
            sum++;
        } else {
            write_enter(&s->word);
            uint64_t number = count(&s->guarded);
            write_leave(&s->word);
            sum += piece_sum(number % RW_WRITES);
        }
    }
    return sum;
}
