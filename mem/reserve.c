/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LR/SC.  A live reservation is linked into the shard of its page, and every
 * write to a page with PAGE_RESERVED takes that shard's lock and unlinks the
 * reservations it touches; so an SC only asks whether its own is still linked.
 * Comparing the value that LR saw with the one in memory, as other simulators
 * do, takes a granule that was written and written back (ABA) for one that was
 * not.
 *
 * The page's flag is what makes other harts come here.  Setting it needs an
 * answer of every hart (physmem_flag_sync), during which no lock is held, so
 * two things can happen meanwhile: another LR finds the flag set although not
 * every hart has answered (PAGE_READY tells), or the flag decays (the shard's
 * count of decays tells; the LR starts again).
 *
 * A slow store must not wait for anybody, so the flag is given up lazily: by
 * the store that finds the page hot and no reservation in it.
 */
#include "mem/reserve.h"

#include "sim/base/log.h"

_Static_assert(HEAT_DECAY <= UINT8_MAX, "heat is a byte");

void reservation_init(struct reservation *r)
{
    *r = (struct reservation){.granule = RESERVATION_NONE};
}

static gpa_t granule_of(gpa_t gpa)
{
    return gpa & ~(GRANULE_SIZE - 1);
}

static uint8_t *page_flags(struct physmem *pm, gpa_t gpa)
{
    return &pm->flags[(gpa - pm->base) >> PAGE_SHIFT];
}

static uint8_t *page_heat(struct physmem *pm, gpa_t gpa)
{
    return &pm->heat[(gpa - pm->base) >> PAGE_SHIFT];
}

static void link_locked(struct shard *s, struct reservation *r, gpa_t granule)
{
    r->next = s->reservations;
    r->link = &s->reservations;
    if (r->next)
        r->next->link = &r->next;
    s->reservations = r;
    store_release(&r->granule, granule);
}

static void unlink_locked(struct reservation *r)
{
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
    /* Last: an owner that sees NONE links r anew, perhaps in another shard.  Pairs with the acquire
     * in reservation_drop. */
    store_release(&r->granule, RESERVATION_NONE);
}

void reservation_kill_locked(struct shard *s, const struct reservation *self, gpa_t gpa,
                             uint64_t len)
{
    struct reservation *r, *next;

    for (r = s->reservations; r; r = next) {
        next = r->next;
        if (r != self && ranges_overlap(r->granule, GRANULE_SIZE, gpa, len))
            unlink_locked(r);
    }
}

static bool page_has_reservation_locked(const struct shard *s, gpa_t gpa)
{
    for (const struct reservation *r = s->reservations; r; r = r->next)
        if ((r->granule & PAGE_MASK) == (gpa & PAGE_MASK))
            return true;
    return false;
}

void reservation_cool_locked(struct physmem *pm, struct shard *s, gpa_t gpa)
{
    uint8_t *heat = page_heat(pm, gpa);

    s->slow_stores++;
    if (!(load_relaxed(page_flags(pm, gpa)) & PAGE_RESERVED))
        return;
    if (*heat < HEAT_DECAY)
        ++*heat;
    if (*heat < HEAT_DECAY || page_has_reservation_locked(s, gpa))
        return;
    *heat = 0;
    s->decays++; /* an LR that is waiting for the harts must start again */
    fetch_and_seq_cst(page_flags(pm, gpa), (uint8_t) ~(PAGE_RESERVED | PAGE_READY));
}

/*
 * Takes s->lock with gpa's page ready for a reservation: no hart writes to it
 * but through the shard.  With a single writer there is nobody else.
 */
static void lock_ready_page(struct physmem *pm, struct shard *s, gpa_t gpa)
{
    lock_take(&s->lock);
    while (!load_relaxed(&pm->single_writer) && !(load_relaxed(page_flags(pm, gpa)) & PAGE_READY)) {
        uint64_t decays = s->decays;
        lock_drop(&s->lock);
        physmem_flag_sync(pm, gpa, PAGE_RESERVED);
        lock_take(&s->lock);
        if (s->decays == decays)
            fetch_or_seq_cst(page_flags(pm, gpa), PAGE_READY);
    }
}

static uint64_t host_load(const void *p, unsigned size)
{
    return size == 4 ? load_acquire((const uint32_t *)p) : load_acquire((const uint64_t *)p);
}

static void host_store(void *p, unsigned size, uint64_t value)
{
    if (size == 4)
        store_release((uint32_t *)p, (uint32_t)value);
    else
        store_release((uint64_t *)p, value);
}

uint64_t reservation_load(struct physmem *pm, struct reservation *r, gpa_t gpa, unsigned size)
{
    struct shard *s = physmem_shard(pm, gpa);

    reservation_drop(pm, r);
    lock_ready_page(pm, s, gpa);
    link_locked(s, r, granule_of(gpa));
    *page_heat(pm, gpa) = 0;
    uint64_t value = host_load(physmem_host(pm, gpa), size);
    lock_drop(&s->lock);
    r->gpa = gpa;
    r->size = size;
    return value;
}

bool reservation_store(struct physmem *pm, struct reservation *r, gpa_t gpa, unsigned size,
                       uint64_t value)
{
    struct shard *s = physmem_shard(pm, gpa);

    /* An SC to elsewhere fails and consumes the reservation all the same (Zalrsc). */
    if (load_acquire(&r->granule) != granule_of(gpa)) {
        reservation_drop(pm, r);
        return false;
    }
    lock_take(&s->lock);
    bool alive = r->granule == granule_of(gpa);
    if (alive) {
        unlink_locked(r);
        reservation_kill_locked(s, NULL, gpa, size);
        host_store(physmem_host(pm, gpa), size, value);
    }
    lock_drop(&s->lock);
    if (alive)
        physmem_write_finish(pm, gpa, size);
    return alive;
}

bool reservation_store_noted(struct physmem *pm, gpa_t read_gpa, uint64_t foreign, gpa_t gpa,
                             unsigned size, uint64_t value)
{
    struct shard *s = physmem_shard(pm, gpa);

    if (!reservation_same_granule(read_gpa, gpa))
        return false;
    lock_take(&s->lock);
    /* Who writes to the granule does so under this lock, and counts. */
    bool alive = load_seq_cst(&pm->single_writer) && load_acquire(&pm->foreign_writes) == foreign;
    if (alive) {
        reservation_kill_locked(s, NULL, gpa, size);
        host_store(physmem_host(pm, gpa), size, value);
    }
    lock_drop(&s->lock);
    if (alive)
        physmem_write_finish(pm, gpa, size);
    return alive;
}

void reservation_drop(struct physmem *pm, struct reservation *r)
{
    /* Pairs with the release in unlink_locked.  Only the owner links, so NONE stays NONE. */
    gpa_t granule = load_acquire(&r->granule);

    if (granule == RESERVATION_NONE)
        return;
    struct shard *s = physmem_shard(pm, granule);
    lock_take(&s->lock);
    if (r->granule != RESERVATION_NONE)
        unlink_locked(r);
    lock_drop(&s->lock);
}
