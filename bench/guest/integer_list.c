/* SPDX-License-Identifier: Apache-2.0 */
/* Singly linked lists whose nodes lie anywhere in 256 KiB: loads that wait for loads. */
#include "workload.h"

enum { COUNT = 8192, BINS = 14 };

struct node {
    struct node *next;
    uint64_t key, value, unused;
};

struct lists {
    struct node node[COUNT];
    uint32_t order[COUNT]; /* in which nodes are linked at first */
};

static struct node *link_nodes(struct lists *l)
{
    struct node *head = NULL;
    for (unsigned i = 0; i < COUNT; i++) {
        struct node *n = &l->node[l->order[i]];
        n->next = head;
        head = n;
    }
    return head;
}

static struct node *merge(struct node *a, struct node *b)
{
    struct node *head, **tail = &head;

    while (a && b) {
        struct node **from = a->key <= b->key ? &a : &b;
        *tail = *from;
        tail = &(*from)->next;
        *from = *tail;
    }
    *tail = a ? a : b;
    return head;
}

/* Bin i holds a sorted list of 2^i nodes or nothing. */
static NOINLINE struct node *sort(struct node *list)
{
    struct node *bin[BINS] = {NULL}, *sorted = NULL;

    while (list) {
        struct node *one = list;
        unsigned i = 0;
        list = list->next;
        one->next = NULL;
        for (; bin[i]; i++) {
            one = merge(bin[i], one);
            bin[i] = NULL;
        }
        bin[i] = one;
    }
    for (unsigned i = 0; i < BINS; i++)
        sorted = merge(bin[i], sorted);
    return sorted;
}

static NOINLINE struct node *reverse(struct node *list)
{
    struct node *done = NULL;
    while (list) {
        struct node *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static NOINLINE void remove_odd_values(struct node **link)
{
    while (*link) {
        if ((*link)->value & 1)
            *link = (*link)->next;
        else
            link = &(*link)->next;
    }
}

static uint64_t sum_of(const struct node *list)
{
    uint64_t sum = 0;
    for (; list; list = list->next)
        sum = checksum_add(sum, list->key ^ list->value);
    return sum;
}

void *linked_list_setup(struct arena *a)
{
    struct lists *l = ARENA_NEW(a, struct lists, 1);
    uint64_t seed = 5;
    unsigned count = 0;
    bool ordered = true;

    for (unsigned i = 0; i < COUNT; i++) {
        unsigned k = (unsigned)random_below(&seed, i + 1);
        l->node[i].key = random_next(&seed);
        l->node[i].value = i;
        l->order[i] = l->order[k];
        l->order[k] = i;
    }
    for (struct node *n = sort(link_nodes(l)); n; n = n->next) {
        count++;
        ordered = ordered && (!n->next || n->key <= n->next->key);
    }
    workload_require(ordered && count == COUNT, "order of the sorted list");
    return l;
}

uint64_t linked_list_run(void *state)
{
    struct node *list = sort(link_nodes(state));
    uint64_t sum = sum_of(list);

    list = reverse(list);
    sum = checksum_add(sum, sum_of(list));
    remove_odd_values(&list);
    return checksum_add(sum, sum_of(list));
}
