/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI, RFENCE: fences on other harts, as letters to them (smp/).  The caller
 * waits until all have taken effect, serving its own mailbox meanwhile; a hart
 * that sleeps does not hold it up.
 *
 * A letter may be served in the middle of an instruction that itself waits
 * (mem/physmem.h, rule 2), so it recomputes the TLB contexts itself and does
 * not leave that to the run loop.
 */
#include "isa/riscv/ops.h"
#include "isa/riscv/sbi.h"

/* Above so many pages dropping the whole address space costs less than its refill. */
#define FENCE_MAX_PAGES 64

#define NO_ASID UINT64_MAX

static void contexts_changed(struct rv_hart *h)
{
    rv_mmu_update(h);
    h->attention |= RV_ATTEND_MMU;
}

/* --- on the hart that is fenced --- */

static void apply_whole(struct rv_hart *h, uint64_t asid)
{
    if (asid == NO_ASID)
        tlb_flush_all(&h->hart.tlb);
    else
        tlb_flush_asid(&h->hart.tlb, (uint16_t)asid);
}

/* The whole space if pages is 0.  A page flush may turn into one of everything; then that is it. */
static void apply_sfence(struct rv_hart *h, gva_t start, uint64_t pages, uint64_t asid)
{
    if (!pages)
        apply_whole(h, asid);
    for (uint64_t i = 0; i < pages; i++)
        if (tlb_flush_page(&h->hart.tlb, start + (i << PAGE_SHIFT)))
            break;
    contexts_changed(h);
}

static void letter_fence_i(struct hart *hart, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    struct rv_hart *h = rv_hart(hart);
    sbi_count(h, FW_FENCE_I_RECEIVED);
    rv_code_fence_i(h->guest->code, h);
}

static void letter_sfence(struct hart *hart, uint64_t start, uint64_t pages, uint64_t asid)
{
    struct rv_hart *h = rv_hart(hart);
    sbi_count(h, asid == NO_ASID ? FW_SFENCE_RECEIVED : FW_SFENCE_ASID_RECEIVED);
    apply_sfence(h, start, pages, asid);
}

/* --- on the caller --- */

static unsigned count_others(const struct rv_hart *h, const struct hart_set *set)
{
    unsigned n = 0;
    for (unsigned i = 0; i < h->guest->cfg.harts; i++)
        n += i != h->hart.index && hart_set_has(set, i);
    return n;
}

/* Sends to the others in the set; false: there are none. */
static bool post_others(struct rv_hart *h, const struct hart_set *set, enum rv_fw_event sent,
                        hart_fn *fn, uint64_t a, uint64_t b, uint64_t c, uint64_t *ticket)
{
    unsigned others = count_others(h, set);
    if (!others)
        return false;
    fetch_add_relaxed(&h->sbi.events[sent], others);
    *ticket = smp_post(h->guest->smp, &h->hart, set, fn, a, b, c);
    return true;
}

void sbi_fence_i(struct rv_hart *h, const struct hart_set *set)
{
    uint64_t ticket;
    bool posted = post_others(h, set, FW_FENCE_I_SENT, letter_fence_i, 0, 0, 0, &ticket);
    if (hart_set_has(set, h->hart.index))
        rv_code_fence_i(h->guest->code, h);
    if (posted)
        smp_wait(h->guest->smp, &h->hart, ticket);
}

static void sfence_pages(struct rv_hart *h, const struct hart_set *set, gva_t start, uint64_t pages,
                         uint64_t asid)
{
    enum rv_fw_event sent = asid == NO_ASID ? FW_SFENCE_SENT : FW_SFENCE_ASID_SENT;
    uint64_t ticket;
    bool posted = post_others(h, set, sent, letter_sfence, start, pages, asid, &ticket);
    if (hart_set_has(set, h->hart.index))
        apply_sfence(h, start, pages, asid);
    if (posted)
        smp_wait(h->guest->smp, &h->hart, ticket);
}

/*
 * RFENCE: the whole space if start and size are 0 or size is 2^64-1.  A range
 * may end at the top of the address space but not wrap around.
 */
static struct sbi_ret sfence(struct rv_hart *h, const struct hart_set *set, gva_t start,
                             uint64_t size, uint64_t asid)
{
    gva_t first = start & PAGE_MASK, last = start + size - 1;
    if (size == UINT64_MAX || (!start && !size)) {
        sfence_pages(h, set, 0, 0, asid);
        return sbi_error(SBI_SUCCESS);
    }
    if (!size)
        return sbi_error(SBI_SUCCESS);
    if (last < start)
        return sbi_error(SBI_ERR_INVALID_ADDRESS);
    uint64_t pages = ((last - first) >> PAGE_SHIFT) + 1;
    sfence_pages(h, set, first, pages > FENCE_MAX_PAGES ? 0 : pages, asid);
    return sbi_error(SBI_SUCCESS);
}

struct sbi_ret sbi_sfence(struct rv_hart *h, const struct hart_set *set, gva_t start, uint64_t size)
{
    return sfence(h, set, start, size, NO_ASID);
}

struct sbi_ret sbi_sfence_asid(struct rv_hart *h, const struct hart_set *set, gva_t start,
                               uint64_t size, uint64_t asid)
{
    return sfence(h, set, start, size, asid & 0xffff);
}

struct sbi_ret sbi_rfence_call(struct rv_hart *h, uint64_t fid, const uint64_t *a)
{
    struct hart_set set;
    if (fid > 2) /* HFENCE: there is no hypervisor extension */
        return sbi_error(SBI_ERR_NOT_SUPPORTED);
    if (!sbi_hart_set(h, a[0], a[1], &set))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    switch (fid) {
    case 0:
        sbi_fence_i(h, &set);
        return sbi_error(SBI_SUCCESS);
    case 1:
        return sbi_sfence(h, &set, a[2], a[3]);
    }
    return sbi_sfence_asid(h, &set, a[2], a[3], a[4]);
}
