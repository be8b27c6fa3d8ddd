/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest writes to the disk and the host expects to find, shared by both:
 * the disk is SLOTS records of eight sectors.  Batch b (from 1) writes BATCH
 * records at slots that follow from b, then flushes.  Each sector says which
 * slot and batch it is of, and a check value over both, so that a record torn
 * between sectors is told apart from one that was lost.
 */
#ifndef DISK_RECORDS_H
#define DISK_RECORDS_H

#include <stdint.h>

#define SECTOR         512
#define RECORD_SECTORS 8
#define RECORD         (RECORD_SECTORS * SECTOR)
#define SLOTS          256
#define BATCH          8

struct sector {
    uint64_t batch, slot, number, check;
    uint64_t fill[60];
};

static inline uint64_t record_mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 29;
    return x;
}

/* The slots of a batch are distinct: consecutive from a place that depends on it. */
static inline unsigned record_slot(uint64_t batch, unsigned i)
{
    return (unsigned)((record_mix(batch) + i * 37u) % SLOTS);
}

static inline uint64_t sector_check(const struct sector *s)
{
    return record_mix(s->batch * 1000003 + s->slot * 8 + s->number + 1);
}

static inline void sector_make(struct sector *s, uint64_t batch, unsigned slot, unsigned number)
{
    *s = (struct sector){.batch = batch, .slot = slot, .number = number};
    s->check = sector_check(s);
    for (unsigned i = 0; i < 60; i++)
        s->fill[i] = s->check + i;
}

/* 1: as sector_make made it (of any batch); a sector of zeros is batch 0. */
static inline int sector_good(const struct sector *s, unsigned slot, unsigned number)
{
    uint64_t bad = 0;
    if (!s->batch) {
        for (unsigned i = 0; i < 60; i++)
            bad |= s->fill[i];
        return !(bad | s->slot | s->number | s->check);
    }
    if (s->slot != slot || s->number != number || s->check != sector_check(s))
        return 0;
    for (unsigned i = 0; i < 60; i++)
        bad |= s->fill[i] ^ (s->check + i);
    return !bad;
}

#endif
