/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page walker over tables made of the input: entries that point at each
 * other, past RAM, at themselves.  A walk changes nothing but A and D bits of
 * entries, with ADUE alone; what it answers stays true when it is asked again.
 */
#include "tests/fuzz/fuzz.h"

#include "mem/walk.h"

enum { RAM = 32 << 10, PAGES = RAM / 4096 };

static bool allowed(void *opaque, gpa_t gpa, unsigned size, enum access_type access)
{
    const uint64_t *deny = opaque;
    (void)size;
    (void)access;
    return !(*deny >> (gpa >> PAGE_SHIFT & 63) & 1);
}

static uint64_t entry(struct fuzz_in *in)
{
    uint8_t kind = fuzz_u8(in);
    if (kind < 32)
        return fuzz_u64(in);
    /* A page of RAM, and flags. */
    uint64_t pte = (FUZZ_RAM >> PAGE_SHIFT) + kind % PAGES;
    return pte << 10 | fuzz_u8(in) | (uint64_t)(kind & 0x80 ? fuzz_u8(in) : 0) << 56;
}

static void fill(struct physmem *pm, struct fuzz_in *in)
{
    physmem_fill(pm, FUZZ_RAM, 0, RAM);
    for (unsigned n = fuzz_u8(in); n && in->left; n--) {
        uint64_t pte, slot = fuzz_u16(in) % (RAM / 8);
        pte = entry(in);
        memcpy(pm->host + 8 * slot, &pte, 8);
    }
}

static void check_result(const struct walk_env *env, gva_t va, enum access_type access,
                         const struct walk_result *r)
{
    struct walk_result again;
    FUZZ_CHECK(walk_canonical(env->mode, va));
    FUZZ_CHECK((r->gpa & (PAGE_SIZE - 1)) == (va & (PAGE_SIZE - 1)));
    FUZZ_CHECK(access != ACCESS_STORE || r->writable);
    FUZZ_CHECK(access != ACCESS_LOAD || r->readable);
    FUZZ_CHECK(access != ACCESS_FETCH || r->executable);
    FUZZ_CHECK(r->pbmt < 3);
    /* Unless the walk's own A bit lies in a table that it read. */
    if (!env->adue && env->mode != PAGING_BARE) {
        FUZZ_CHECK(walk_translate(env, va, access, &again) == WALK_OK);
        FUZZ_CHECK(again.gpa == r->gpa && again.page_shift == r->page_shift);
    }
}

/* Entries gained A and D at most. */
static void check_memory(const struct physmem *pm, const uint8_t *before, bool adue)
{
    if (!memcmp(before, pm->host, RAM))
        return;
    for (size_t w = 0; w < RAM; w += 8) {
        uint64_t was, is;
        memcpy(&was, before + w, 8);
        memcpy(&is, pm->host + w, 8);
        FUZZ_CHECK(!((was ^ is) & ~(adue ? PTE_A | PTE_D : 0)) && !(was & ~is));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum paging_mode modes[] = {PAGING_SV39, PAGING_SV48, PAGING_SV57, PAGING_BARE};
    static struct physmem *pm;
    static uint8_t before[RAM];
    struct fuzz_in in = {data, size};
    if (!pm)
        pm = fuzz_ram(RAM);
    uint16_t flags = fuzz_u16(&in);
    uint64_t deny = fuzz_u64(&in);
    struct walk_env env = {
        .pm = pm,
        .mode = modes[flags & 3],
        .root = flags & 4 ? fuzz_u64(&in) >> 8 & PAGE_MASK : FUZZ_RAM,
        .user = flags & 8,
        .sum = flags & 16,
        .mxr = flags & 32,
        .adue = flags & 64,
        .pbmte = flags & 128,
        .svnapot = flags & 256,
        .allowed = flags & 512 ? allowed : NULL,
        .opaque = &deny,
    };
    fill(pm, &in);
    for (unsigned i = 0; i < 16 && in.left; i++) {
        uint8_t kind = fuzz_u8(&in);
        uint64_t va = fuzz_u64(&in);
        struct walk_result r;
        if (kind & 4) /* canonical, and near the start of each table */
            va = (uint64_t)sext(va & 0x1ff007fc0ffull, 39);
        enum access_type access = (enum access_type)(kind % 3);
        memcpy(before, pm->host, RAM);
        if (walk_translate(&env, va, access, &r) == WALK_OK)
            check_result(&env, va, access, &r);
        check_memory(pm, before, env.adue);
    }
    return 0;
}
