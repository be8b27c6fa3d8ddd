/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remote fences as an M-mode firmware makes them: the hart that changed a page table writes a
 * request, interrupts all others, and waits for the answer of each, serving theirs meanwhile; who
 * is interrupted does SFENCE.VMA for the address and answers.  All harts do so at once, each with a
 * page of its own that changes place at every turn; everyone looks at the page in its new place
 * before the answer, so that its TLB has it when it changes next.  Guests only.
 */
#include "guest.h"
#include "smp.h"

#define TOTAL     2048u
#define ENTRIES   512
#define PAGE      4096u
#define FIRST_VA  0x40000000ul /* the pages of the harts follow each other; Sv39 */
#define PTE_FLAGS (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)

struct request {
    uint64_t va, expected;  /* the owner's; constant while the request is open */
    unsigned open OWN_LINE; /* atomic: harts that have not answered yet */
} OWN_LINE;

struct inbox {
    uint64_t from OWN_LINE; /* atomic: a bit for each hart with a request */
};

static struct state {
    unsigned harts;
    uint64_t satp, *leaf;
    uint64_t *page[WORKLOAD_HARTS_MAX][2]; /* the two places of each hart's page */
    struct request request[WORKLOAD_HARTS_MAX];
    struct inbox inbox[WORKLOAD_HARTS_MAX];
    struct barrier barrier;
} * state_of_all; /* set by setup; traps have no argument */

_Static_assert(WORKLOAD_HARTS_MAX <= 64, "one bit for each hart");

static uint64_t pte_of(const void *page, uint64_t flags)
{
    return (uint64_t)page >> 12 << 10 | flags;
}

static uint64_t *new_table(struct arena *a)
{
    uint64_t *t = arena_alloc(a, ENTRIES, sizeof(*t), PAGE);

    for (unsigned i = 0; i < ENTRIES; i++)
        t[i] = 0;
    return t;
}

static uint64_t address_of(unsigned hart)
{
    return FIRST_VA + (uint64_t)hart * PAGE;
}

/* What stands in place number k of the hart's page. */
static uint64_t content(unsigned hart, unsigned k)
{
    return piece_sum(hart * 2 + k);
}

/* ---- looking through the page table ---- */

/* A load that is translated as in S-mode; interrupts are off meanwhile, whose MRET would change
 * MPP. */
static uint64_t load_mapped(uint64_t va)
{
    uint64_t was = csr_read(mstatus), v;
    uint64_t there = (was & ~(MSTATUS_MPP | MSTATUS_MIE)) | MSTATUS_MPRV | (uint64_t)PRIV_S << 11;

    __asm__ volatile("csrw mstatus, %1\n"
                     "ld %0, 0(%3)\n"
                     "csrw mstatus, %2"
                     : "=&r"(v)
                     : "r"(there), "r"(was), "r"(va)
                     : "memory");
    return v;
}

static void flush(uint64_t va)
{
    __asm__ volatile("sfence.vma %0, zero" : : "r"(va) : "memory");
}

static void look(uint64_t va, uint64_t expected)
{
    if (load_mapped(va) != expected)
        workload_require(false, "a page is still seen in its old place");
}

/* ---- requests ---- */

static void serve(struct state *s, unsigned self)
{
    uint64_t from = __atomic_exchange_n(&s->inbox[self].from, 0, __ATOMIC_ACQUIRE);

    for (; from; from &= from - 1) {
        struct request *r = &s->request[__builtin_ctzl(from)];
        flush(r->va);
        look(r->va, r->expected);
        __atomic_fetch_sub(&r->open, 1, __ATOMIC_RELEASE);
    }
}

static void take(struct guest_trap *t)
{
    unsigned self = guest_hart_id();

    if (t->cause != (CAUSE_INTERRUPT | 3)) {
        guest_printf("shootdown: hart %u: trap: cause %lx epc %lx tval %lx\n", self, t->cause,
                     t->epc, t->tval);
        workload_require(false, "a trap that was not expected");
    }
    guest_ipi_clear(self);
    __asm__ volatile("fence o, rw" : : : "memory"); /* whoever comes later interrupts again */
    serve(state_of_all, self);
}

static void ask(struct state *s, unsigned self, unsigned other)
{
    __atomic_fetch_or(&s->inbox[other].from, 1ul << self, __ATOMIC_RELEASE);
    __asm__ volatile("fence w, o" : : : "memory");
    guest_ipi_send(other);
}

static void shoot(struct state *s, unsigned self, unsigned k)
{
    struct request *r = &s->request[self];

    __atomic_store_n(&s->leaf[self], pte_of(s->page[self][k], PTE_FLAGS), __ATOMIC_RELAXED);
    flush(r->va);
    r->expected = content(self, k);
    __atomic_store_n(&r->open, s->harts - 1, __ATOMIC_RELAXED);
    for (unsigned other = 0; other < s->harts; other++)
        if (other != self)
            ask(s, self, other);
    for (unsigned spins = 0; __atomic_load_n(&r->open, __ATOMIC_ACQUIRE);)
        harts_relax(&spins);
    look(r->va, r->expected);
}

/* ---- */

void *shootdown_setup(struct arena *a, unsigned harts)
{
    struct state *s = arena_alloc(a, 1, sizeof(*s), PAGE);
    uint64_t *root = new_table(a), *middle = new_table(a);

    *s = (struct state){.harts = harts, .leaf = new_table(a)};
    root[FIRST_VA >> 30 & 511] = pte_of(middle, PTE_V);
    middle[FIRST_VA >> 21 & 511] = pte_of(s->leaf, PTE_V);
    s->satp = SATP_SV39 | (uint64_t)root >> 12;
    for (unsigned h = 0; h < harts; h++) {
        for (unsigned k = 0; k < 2; k++) {
            s->page[h][k] = new_table(a);
            s->page[h][k][0] = content(h, k);
        }
        s->leaf[h] = pte_of(s->page[h][0], PTE_FLAGS);
        s->request[h].va = address_of(h);
    }
    state_of_all = s;
    guest_trap_hook(take);
    return s;
}

uint64_t shootdown_run(void *state, unsigned hart)
{
    struct state *s = state;
    uint64_t end = part_begin(TOTAL, s->harts, hart + 1), sum = 0;
    unsigned long enabled = csr_swap(mie, MIP_MSIP);

    csr_write(satp, s->satp);
    __asm__ volatile("sfence.vma" : : : "memory");
    csr_set(mstatus, MSTATUS_MIE);
    for (uint64_t i = part_begin(TOTAL, s->harts, hart); i < end; i++) {
        shoot(s, hart, (i + 1) % 2);
        sum += piece_sum(i);
    }
    barrier_await(&s->barrier, s->harts); /* until then others may ask */
    csr_clear(mstatus, MSTATUS_MIE);
    csr_write(mie, enabled);
    csr_write(satp, 0);
    __asm__ volatile("sfence.vma" : : : "memory");
    return sum;
}
