/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2,4,8 timeout=120 oracle=no
 *
 * Locks and lists of several harts: ticket lock, MCS lock, a lock by LR/SC, and
 * a stack whose pop is safe only because SC sees an ABA.  Not for the oracle:
 * its SC compares values, and fair locks are slow there with more harts than
 * processors.
 */
#include "guest.h"

#define ROUNDS 4000

static unsigned n;
static struct guest_barrier barrier;

static struct {
    uint64_t a __attribute__((aligned(64)));
    uint64_t b __attribute__((aligned(64)));
} inside; /* under the lock that is tested */

static void critical(void)
{
    uint64_t v = *(volatile uint64_t *)&inside.a;
    *(volatile uint64_t *)&inside.a = v + 1;
    *(volatile uint64_t *)&inside.b = v + 1;
}

static void run_all(void (*fn)(void *))
{
    inside.a = inside.b = 0;
    for (unsigned h = 1; h < n; h++)
        guest_hart_start(h, fn, NULL);
    fn(NULL);
    for (unsigned h = 1; h < n; h++)
        guest_hart_join(h);
}

static void check_inside(void)
{
    CHECK_EQ(inside.a, (uint64_t)n * ROUNDS);
    CHECK_EQ(inside.b, (uint64_t)n * ROUNDS);
}

/* ---- ticket lock ---- */

static struct {
    uint32_t next, serving;
} ticket __attribute__((aligned(64)));

static void use_ticket(void *arg)
{
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t mine = __atomic_fetch_add(&ticket.next, 1, __ATOMIC_RELAXED);
        while (__atomic_load_n(&ticket.serving, __ATOMIC_ACQUIRE) != mine)
            guest_pause();
        critical();
        __atomic_store_n(&ticket.serving, mine + 1, __ATOMIC_RELEASE);
    }
}

static void test_ticket(void)
{
    run_all(use_ticket);
    check_inside();
}

/* ---- MCS lock ---- */

struct mcs_node {
    struct mcs_node *next;
    uint32_t locked;
} __attribute__((aligned(64)));

static struct mcs_node *mcs_tail __attribute__((aligned(64)));
static struct mcs_node mcs_nodes[GUEST_MAX_HARTS];

static void mcs_lock(struct mcs_node *m)
{
    m->next = NULL;
    m->locked = 1;
    struct mcs_node *before = __atomic_exchange_n(&mcs_tail, m, __ATOMIC_ACQ_REL);
    if (!before)
        return;
    __atomic_store_n(&before->next, m, __ATOMIC_RELEASE);
    while (__atomic_load_n(&m->locked, __ATOMIC_ACQUIRE))
        guest_pause();
}

static void mcs_unlock(struct mcs_node *m)
{
    struct mcs_node *self = m;
    if (!__atomic_load_n(&m->next, __ATOMIC_ACQUIRE)) {
        if (__atomic_compare_exchange_n(&mcs_tail, &self, NULL, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            return;
        while (!__atomic_load_n(&m->next, __ATOMIC_ACQUIRE))
            guest_pause();
    }
    __atomic_store_n(&m->next->locked, 0, __ATOMIC_RELEASE);
}

static void use_mcs(void *arg)
{
    struct mcs_node *m = &mcs_nodes[guest_hart_id()];
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ROUNDS; i++) {
        mcs_lock(m);
        critical();
        mcs_unlock(m);
    }
}

static void test_mcs(void)
{
    run_all(use_mcs);
    check_inside();
}

/* ---- a lock by LR/SC alone, as the manual shows it ---- */

static uint32_t word_lock __attribute__((aligned(64)));

static void use_word(void *arg)
{
    uint64_t old, failed;
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (;;) {
            __asm__ volatile("   lr.w.aq %0, (%2)\n"
                             "   li %1, 1\n"
                             "   bnez %0, 2f\n"
                             "   sc.w %1, %3, (%2)\n"
                             "2:"
                             : "=&r"(old), "=&r"(failed)
                             : "r"(&word_lock), "r"(1UL)
                             : "memory");
            if (!failed)
                break;
            guest_pause();
        }
        critical();
        __asm__ volatile("amoswap.w.rl zero, zero, (%0)" : : "r"(&word_lock) : "memory");
    }
}

static void test_word(void)
{
    run_all(use_word);
    check_inside();
}

/* ---- stack ---- */

struct node {
    struct node *next;
    uint64_t owner; /* 0 on the stack; else 1 + hart that has it */
};

#define NODES 8
static struct node nodes[NODES] __attribute__((aligned(4096)));
static struct node *top __attribute__((aligned(4096)));

/* The load of next lies between LR and SC: ABA would put a stale one on top. */
static struct node *pop(void)
{
    struct node *x, *next;
    uint64_t failed;
    __asm__ volatile("1: lr.d.aq %0, (%3)\n"
                     "   beqz %0, 2f\n"
                     "   ld %1, 0(%0)\n"
                     "   sc.d.rl %2, %1, (%3)\n"
                     "   bnez %2, 1b\n"
                     "2:"
                     : "=&r"(x), "=&r"(next), "=&r"(failed)
                     : "r"(&top)
                     : "memory");
    return x;
}

static void push(struct node *x)
{
    struct node *old;
    uint64_t failed;
    __asm__ volatile("1: lr.d.aq %0, (%2)\n"
                     "   sd %0, 0(%3)\n"
                     "   fence w, w\n"
                     "   sc.d.rl %1, %3, (%2)\n"
                     "   bnez %1, 1b\n"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(&top), "r"(x)
                     : "memory");
}

static void use_stack(void *arg)
{
    uint64_t me = guest_hart_id() + 1;
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct node *held[2] = {pop(), pop()};
        for (unsigned k = 0; k < 2; k++)
            if (held[k])
                CHECK_EQ(__atomic_exchange_n(&held[k]->owner, me, __ATOMIC_RELAXED), 0);
        for (unsigned k = 0; k < 2; k++)
            if (held[k]) {
                CHECK_EQ(__atomic_exchange_n(&held[k]->owner, 0, __ATOMIC_RELAXED), me);
                push(held[k]);
            }
    }
}

static void test_stack(void)
{
    unsigned count = 0;
    top = NULL;
    for (unsigned i = 0; i < NODES; i++)
        push(&nodes[i]);
    run_all(use_stack);
    for (struct node *x; (x = pop()); count++)
        CHECK(x->owner++ == 0);
    CHECK_EQ(count, NODES);
}

static const struct guest_case cases[] = {
    {"ticket lock", test_ticket},
    {"MCS lock", test_mcs},
    {"LR/SC lock", test_word},
    {"stack", test_stack},
};

int main(void)
{
    n = guest_hart_count();
    return GUEST_RUN(cases);
}
