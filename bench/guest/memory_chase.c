/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointer chase: one random cycle through all lines of a buffer, each load's address the result of
 * the one before.  An iteration goes on where the last one stopped, so that a short one does not
 * keep to a small part of a large buffer; the values on the way repeat with the period of an
 * iteration, so that its checksum is always the same.
 */
#include "workload.h"

enum { LINE = 64 };

struct node {
    const struct node *next;
    uint64_t value;
    char rest[LINE - 16];
};

struct chase {
    const struct node *at;
    size_t steps;
};

static NOINLINE uint64_t chase(struct chase *c)
{
    const struct node *n = c->at;
    uint64_t sum = 0;

    for (size_t i = c->steps; i; i--) {
        sum = (sum << 1 | sum >> 63) ^ n->value;
        n = n->next;
    }
    c->at = n;
    return sum;
}

/* Where the walk from the first node comes back to it: after all nodes, if there is one cycle. */
static size_t cycle_length(const struct node *first)
{
    const struct node *n = first->next;
    size_t length = 1;

    for (; n != first; n = n->next)
        length++;
    return length;
}

/* The larger of number of nodes and of steps is a multiple of the other. */
static void *chase_new(struct arena *a, size_t size, size_t steps)
{
    size_t count = size / LINE, period = count < steps ? count : steps;
    struct chase *c = ARENA_NEW(a, struct chase, 1);
    struct node *node = arena_alloc(a, count, LINE, 4096);
    uint32_t *order = ARENA_NEW(a, uint32_t, count);
    uint64_t seed = 31;

    for (size_t i = 0; i < count; i++) {
        size_t k = random_below(&seed, i + 1);
        order[i] = order[k];
        order[k] = (uint32_t)i;
    }
    for (size_t i = 0; i < count; i++) {
        node[order[i]].next = &node[order[(i + 1) % count]];
        node[order[i]].value = (i % period + 1) * 0x9e3779b97f4a7c15u;
    }
    workload_require(cycle_length(node) == count, "length of the cycle");
    c->at = &node[order[0]];
    c->steps = steps;
    return c;
}

void *chase_64k_setup(struct arena *a)
{
    return chase_new(a, 64 * KIB, 262144);
}

uint64_t chase_64k_run(void *state)
{
    return chase(state);
}

void *chase_1m_setup(struct arena *a)
{
    return chase_new(a, 1 * MIB, 131072);
}

uint64_t chase_1m_run(void *state)
{
    return chase(state);
}

void *chase_32m_setup(struct arena *a)
{
    return chase_new(a, 32 * MIB, 32768);
}

uint64_t chase_32m_run(void *state)
{
    return chase(state);
}
