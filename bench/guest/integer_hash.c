/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table with open addressing and linear probing, 512 KiB.  Key 0 marks a free slot; removal
 * shifts what follows back, so that no tombstones are left.
 */
#include "workload.h"

enum { SLOTS = 32 * 1024, KEYS = 20000, REMOVED = KEYS / 2 };

struct slot {
    uint64_t key, value;
};

struct table {
    struct slot slot[SLOTS];
    uint64_t key[KEYS], absent[KEYS];
};

static unsigned slot_of(uint64_t key)
{
    return (unsigned)(key * 0x9e3779b97f4a7c15u >> 49);
}

/* The slot that has the key, or the free one where it would be. */
static NOINLINE struct slot *find(struct table *t, uint64_t key)
{
    unsigned i = slot_of(key);
    while (t->slot[i].key != key && t->slot[i].key)
        i = (i + 1) % SLOTS;
    return &t->slot[i];
}

static NOINLINE void insert(struct table *t, uint64_t key, uint64_t value)
{
    struct slot *s = find(t, key);
    s->key = key;
    s->value = value;
}

static NOINLINE void remove_key(struct table *t, uint64_t key)
{
    unsigned hole = (unsigned)(find(t, key) - t->slot), i = hole;

    if (!t->slot[hole].key)
        return;
    for (;;) {
        i = (i + 1) % SLOTS;
        if (!t->slot[i].key)
            break;
        /* may move back unless its own place is behind the hole, in the circle */
        if ((i - slot_of(t->slot[i].key)) % SLOTS >= (i - hole) % SLOTS) {
            t->slot[hole].key = t->slot[i].key;
            t->slot[hole].value = t->slot[i].value;
            hole = i;
        }
    }
    t->slot[hole].key = 0;
}

static uint64_t sum_of(struct table *t, const uint64_t *key)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        const struct slot *s = find(t, key[i]);
        sum = checksum_add(sum, s->key ? s->value : 1);
    }
    return sum;
}

/* Odd keys are in, even ones are not. */
void *hash_table_setup(struct arena *a)
{
    struct table *t = ARENA_NEW(a, struct table, 1);
    uint64_t seed = 1;
    unsigned present = 0, wrong = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        t->key[i] = random_next(&seed) | 1;
        t->absent[i] = random_next(&seed) & ~(uint64_t)1;
    }
    hash_table_run(t);
    for (unsigned i = 0; i < SLOTS; i++)
        present += t->slot[i].key != 0;
    for (unsigned i = 0; i < KEYS; i++)
        wrong += (find(t, t->key[i])->key != 0) != (i >= REMOVED);
    workload_require(present == KEYS - REMOVED && !wrong, "keys left in the table");
    return t;
}

uint64_t hash_table_run(void *state)
{
    struct table *t = state;

    for (unsigned i = 0; i < SLOTS; i++)
        t->slot[i].key = 0;
    for (unsigned i = 0; i < KEYS; i++)
        insert(t, t->key[i], i);
    uint64_t sum = sum_of(t, t->key) + sum_of(t, t->absent);
    for (unsigned i = 0; i < REMOVED; i++)
        remove_key(t, t->key[i]);
    return checksum_add(sum, sum_of(t, t->key));
}
