/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2,4,8 timeout=120 oracle=no
 *
 * Locks and lists of several harts: ticket lock, MCS lock, a lock by LR/SC, and
 * a stack whose pop is safe only because SC sees an ABA.  Not for the oracle:
 * its SC compares values, and fair locks are slow there with more harts than
 * processors.
 */
#include "locks.h"

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

static struct ticket_lock ticket;

static void use_ticket(void *arg)
{
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ROUNDS; i++) {
        ticket_lock(&ticket);
        critical();
        ticket_unlock(&ticket);
    }
}

static void test_ticket(void)
{
    run_all(use_ticket);
    check_inside();
}

static struct mcs_node *mcs_tail __attribute__((aligned(64)));
static struct mcs_node mcs_nodes[GUEST_MAX_HARTS];

static void use_mcs(void *arg)
{
    struct mcs_node *m = &mcs_nodes[guest_hart_id()];
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ROUNDS; i++) {
        mcs_lock(&mcs_tail, m);
        critical();
        mcs_unlock(&mcs_tail, m);
    }
}

static void test_mcs(void)
{
    run_all(use_mcs);
    check_inside();
}

static uint32_t word __attribute__((aligned(64)));

static void use_word(void *arg)
{
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ROUNDS; i++) {
        word_lock(&word);
        critical();
        word_unlock(&word);
    }
}

static void test_word(void)
{
    run_all(use_word);
    check_inside();
}

#define NODES 8
static struct stack_node nodes[NODES] __attribute__((aligned(4096)));
static struct stack_node *top __attribute__((aligned(4096)));

static void use_stack(void *arg)
{
    (void)arg;
    guest_barrier_wait(&barrier, n);
    for (unsigned i = 0; i < ROUNDS; i++)
        stack_use(&top, guest_hart_id());
}

static void test_stack(void)
{
    top = NULL;
    for (unsigned i = 0; i < NODES; i++)
        stack_push(&top, &nodes[i]);
    run_all(use_stack);
    CHECK_EQ(stack_drain(&top), NODES);
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
