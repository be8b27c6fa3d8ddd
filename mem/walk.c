/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table walk.  The steps are those of "Virtual Address Translation
 * Process" (Privileged, Supervisor-Level ISA, Sv32 section, which Sv39, Sv48
 * and Sv57 refer to) and are named by their numbers there, without the one for
 * shadow stacks.  Any thread; a walk holds no lock but a shard's for the
 * moment of an A/D update.
 */
#include "mem/walk.h"

#include "sim/base/log.h"

#define PTE_SIZE      8u
#define LEVEL_BITS    9u
#define NAPOT_BITS    4u /* Svnapot knows 64 KiB regions only */
#define NAPOT_SHIFT   (PAGE_SHIFT + NAPOT_BITS)
#define NAPOT_64K     8u /* ppn[0][3:0] of such a PTE */
#define BARE_SHIFT    63u
#define PTE_RESERVED  (0x7full << 54) /* bits 60:54 */
#define PTE_PBMT_ALL  (3ull << 61)
#define PBMT_RESERVED 3u

static unsigned mode_levels(enum paging_mode mode)
{
    switch (mode) {
    case PAGING_SV39:
        return 3;
    case PAGING_SV48:
        return 4;
    case PAGING_SV57:
        return 5;
    default:
        BUG("paging mode %d", (int)mode);
    }
}

bool walk_canonical(enum paging_mode mode, gva_t va)
{
    if (mode == PAGING_BARE)
        return true;
    unsigned bits = PAGE_SHIFT + LEVEL_BITS * mode_levels(mode);
    return (gva_t)sext(va, bits) == va;
}

static void translate_bare(gva_t va, struct walk_result *out)
{
    *out = (struct walk_result){
        .gpa = va,
        .page_shift = BARE_SHIFT,
        .writable = true,
        .readable = true,
        .executable = true,
    };
}

/* Whether an implicit access to the PTE passes PMA (it must be in RAM) and PMP. */
static bool pte_accessible(const struct walk_env *env, gpa_t gpa, enum access_type access)
{
    if (!physmem_contains(env->pm, gpa, PTE_SIZE))
        return false;
    return !env->allowed || env->allowed(env->opaque, gpa, PTE_SIZE, access);
}

static uint64_t pte_read(const struct walk_env *env, gpa_t gpa)
{
    return load_acquire((const uint64_t *)(const void *)physmem_host(env->pm, gpa));
}

static bool pte_is_leaf(uint64_t pte)
{
    return pte & (PTE_R | PTE_X);
}

/* Step 3, what holds for PTEs of both kinds. */
static bool pte_valid(uint64_t pte)
{
    bool w_without_r = (pte & (PTE_R | PTE_W)) == PTE_W;

    return (pte & PTE_V) && !w_without_r && !(pte & PTE_RESERVED);
}

/* Step 3 for pointers: D, A, U (Sv32), N (Svnapot) and PBMT (Svpbmt) are reserved in them. */
static bool pointer_valid(uint64_t pte)
{
    return !(pte & (PTE_D | PTE_A | PTE_U | PTE_N | PTE_PBMT_ALL));
}

/* Step 3 for leaves, and step 5: encodings of N and PBMT, alignment of superpages. */
static bool leaf_valid(const struct walk_env *env, uint64_t pte, unsigned level)
{
    if (PTE_PBMT(pte) && (!env->pbmte || PTE_PBMT(pte) == PBMT_RESERVED))
        return false;
    if (pte & PTE_N)
        return env->svnapot && level == 0 && bits_get(PTE_PPN(pte), NAPOT_BITS - 1, 0) == NAPOT_64K;
    return !(PTE_PPN(pte) & ((1ull << (LEVEL_BITS * level)) - 1));
}

/* Steps 6 and 8: what U, R, W, X allow at this privilege, SUM and MXR. */
static bool leaf_allows(const struct walk_env *env, uint64_t pte, enum access_type access)
{
    if (env->user && !(pte & PTE_U))
        return false;
    if (!env->user && (pte & PTE_U) && (access == ACCESS_FETCH || !env->sum))
        return false;
    switch (access) {
    case ACCESS_FETCH:
        return pte & PTE_X;
    case ACCESS_LOAD:
        return (pte & PTE_R) || (env->mxr && (pte & PTE_X));
    default:
        return pte & PTE_W;
    }
}

static uint64_t leaf_wants(enum access_type access)
{
    return access == ACCESS_STORE ? PTE_A | PTE_D : PTE_A;
}

/* Step 10: the address, and what a TLB may hold of it.  A is set; D may not be. */
static void leaf_result(const struct walk_env *env, gva_t va, uint64_t pte, unsigned level,
                        bool global, struct walk_result *out)
{
    unsigned shift = pte & PTE_N ? NAPOT_SHIFT : PAGE_SHIFT + LEVEL_BITS * level;
    uint64_t offset = va & ((1ull << shift) - 1);

    *out = (struct walk_result){
        .gpa = align_down(PTE_PPN(pte) << PAGE_SHIFT, 1ull << shift) | offset,
        .page_shift = shift,
        .writable = (pte & PTE_D) && leaf_allows(env, pte, ACCESS_STORE),
        .readable = leaf_allows(env, pte, ACCESS_LOAD),
        .executable = leaf_allows(env, pte, ACCESS_FETCH),
        .global = global || (pte & PTE_G),
        .user = pte & PTE_U,
        .pbmt = (unsigned)PTE_PBMT(pte),
    };
}

/*
 * Step 9.  True when *pte has the bits the access wants in memory; false with
 * *status: WALK_OK means that the PTE changed meanwhile and is to be read again.
 */
static bool update_ad(const struct walk_env *env, gpa_t gpa, uint64_t *pte, enum access_type access,
                      enum walk_status *status)
{
    uint64_t wanted = *pte | leaf_wants(access);

    *status = WALK_OK;
    if (wanted == *pte)
        return true;
    if (!env->adue) {
        *status = WALK_PAGE_FAULT;
        return false;
    }
    if (!pte_accessible(env, gpa, ACCESS_STORE)) {
        *status = WALK_ACCESS_FAULT;
        return false;
    }
    /* A store like any other: page tables may share a page with a reservation or with code. */
    if (physmem_cas_slow(env->pm, env->self, gpa, PTE_SIZE, *pte, wanted) != *pte)
        return false;
    *pte = wanted;
    return true;
}

/* One walk through the levels. */
static enum walk_status walk_levels(const struct walk_env *env, gva_t va, enum access_type access,
                                    struct walk_result *out)
{
    unsigned level = mode_levels(env->mode) - 1;
    gpa_t table = env->root;
    bool global = false;

    for (;;) {
        unsigned shift = PAGE_SHIFT + LEVEL_BITS * level;
        gpa_t gpa = table + bits_get(va, shift + LEVEL_BITS - 1, shift) * PTE_SIZE;
        if (!pte_accessible(env, gpa, ACCESS_LOAD))
            return WALK_ACCESS_FAULT;
        uint64_t pte = pte_read(env, gpa);
        if (!pte_valid(pte))
            return WALK_PAGE_FAULT;
        if (!pte_is_leaf(pte)) {
            if (!pointer_valid(pte) || level == 0)
                return WALK_PAGE_FAULT;
            global |= (pte & PTE_G) != 0;
            table = PTE_PPN(pte) << PAGE_SHIFT;
            level--;
            continue;
        }
        if (!leaf_valid(env, pte, level) || !leaf_allows(env, pte, access))
            return WALK_PAGE_FAULT;
        enum walk_status status;
        if (update_ad(env, gpa, &pte, access, &status)) {
            leaf_result(env, va, pte, level, global, out);
            return WALK_OK;
        }
        if (status != WALK_OK)
            return status;
        /* Step 2 again, at this level: every retry means that another thread wrote the PTE. */
    }
}

enum walk_status walk_translate(const struct walk_env *env, gva_t va, enum access_type access,
                                struct walk_result *out)
{
    if (env->mode == PAGING_BARE) {
        translate_bare(va, out);
        return WALK_OK;
    }
    if (!walk_canonical(env->mode, va))
        return WALK_PAGE_FAULT;
    return walk_levels(env, va, access, out);
}
