/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of harts that wake each other from WFI by the CLINT's software interrupt, with a message in
 * memory each way.  A hart without a partner interrupts itself.  Guests only.
 */
#include "guest.h"
#include "smp.h"

#define TOTAL 2048u

struct pair {
    uint64_t there OWN_LINE; /* atomic: messages, as the checksum's pieces */
    uint64_t back OWN_LINE;
};

struct state {
    unsigned harts;
    struct pair pair[(WORKLOAD_HARTS_MAX + 1) / 2];
};

void *ipi_ping_setup(struct arena *a, unsigned harts)
{
    struct state *s = ARENA_NEW(a, struct state, 1);

    s->harts = harts;
    return s;
}

static void send(unsigned hart, uint64_t *message, uint64_t value)
{
    __atomic_store_n(message, value, __ATOMIC_RELAXED);
    __asm__ volatile("fence w, o" : : : "memory"); /* the message before the interrupt */
    guest_ipi_send(hart);
}

/* Interrupts are off: WFI ends and nothing is taken. */
static uint64_t await(unsigned self, const uint64_t *message)
{
    while (!(csr_read(mip) & MIP_MSIP))
        guest_wfi();
    guest_ipi_clear(self);
    __asm__ volatile("fence" : : : "memory");
    return __atomic_load_n(message, __ATOMIC_RELAXED);
}

static uint64_t lead(struct pair *p, unsigned self, unsigned other, uint64_t from, uint64_t to)
{
    uint64_t sum = 0;

    for (uint64_t i = from; i < to; i++) {
        send(other, &p->there, piece_sum(i));
        sum += await(self, other == self ? &p->there : &p->back);
    }
    return sum;
}

static void answer(struct pair *p, unsigned self, unsigned other, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        send(other, &p->back, await(self, &p->there));
}

uint64_t ipi_ping_run(void *state, unsigned hart)
{
    struct state *s = state;
    unsigned pairs = (s->harts + 1) / 2, mine = hart / 2;
    uint64_t from = part_begin(TOTAL, pairs, mine), to = part_begin(TOTAL, pairs, mine + 1);
    unsigned long enabled = csr_swap(mie, MIP_MSIP);
    uint64_t sum = 0;

    if (hart % 2)
        answer(&s->pair[mine], hart, hart - 1, to - from);
    else
        sum = lead(&s->pair[mine], hart, hart + 1 < s->harts ? hart + 1 : hart, from, to);
    csr_write(mie, enabled);
    return sum;
}
