/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1
 *
 * Loads and stores of every width at every offset around the borders of a cache
 * line and of a page, against a byte-wise copy.  misaligned_strict.c is the same
 * where they trap.
 */
#include "guest.h"

#ifndef STRICT
#define STRICT 0
#endif

static uint8_t area[3 * 4096] __attribute__((aligned(4096)));
static uint8_t copy[64];
static struct guest_caught caught;

static void fill(uint8_t *p)
{
    for (unsigned i = 0; i < 32; i++)
        copy[i] = p[i] = (uint8_t)(i * 37 + 129);
}

static uint64_t bytes_at(unsigned i, unsigned size)
{
    uint64_t v = 0;
    for (unsigned k = 0; k < size; k++)
        v |= (uint64_t)copy[i + k] << (8 * k);
    return v;
}

#define LOADER(insn)                                                                               \
    static uint64_t do_##insn(const uint8_t *p)                                                    \
    {                                                                                              \
        uint64_t v = 0xabababababababab;                                                           \
        __asm__ volatile(#insn " %0, 0(%1)" : "+&r"(v) : "r"(p) : "memory");                       \
        return v;                                                                                  \
    }
LOADER(lb)
LOADER(lbu)
LOADER(lh)
LOADER(lhu)
LOADER(lw)
LOADER(lwu)
LOADER(ld)

static uint64_t do_flw(const uint8_t *p)
{
    uint64_t v;
    __asm__ volatile("fmv.d.x ft0, %2; flw ft0, 0(%1); fmv.x.d %0, ft0"
                     : "=&r"(v)
                     : "r"(p), "r"(0xabababababababab)
                     : "ft0", "memory");
    return v;
}

static uint64_t do_fld(const uint8_t *p)
{
    uint64_t v;
    __asm__ volatile("fmv.d.x ft0, %2; fld ft0, 0(%1); fmv.x.d %0, ft0"
                     : "=&r"(v)
                     : "r"(p), "r"(0xabababababababab)
                     : "ft0", "memory");
    return v;
}

#define STORER(insn)                                                                               \
    static void do_##insn(uint8_t *p, uint64_t v)                                                  \
    {                                                                                              \
        __asm__ volatile(#insn " %1, 0(%0)" : : "r"(p), "r"(v) : "memory");                        \
    }
STORER(sb)
STORER(sh)
STORER(sw)
STORER(sd)

static void do_fsw(uint8_t *p, uint64_t v)
{
    __asm__ volatile("fmv.d.x ft0, %1; fsw ft0, 0(%0)" : : "r"(p), "r"(v) : "ft0", "memory");
}

static void do_fsd(uint8_t *p, uint64_t v)
{
    __asm__ volatile("fmv.d.x ft0, %1; fsd ft0, 0(%0)" : : "r"(p), "r"(v) : "ft0", "memory");
}

static const struct load {
    uint64_t (*fn)(const uint8_t *);
    unsigned size;
    bool is_signed, boxed;
} loads[] = {
    {do_lb, 1, true, false},   {do_lbu, 1, false, false}, {do_lh, 2, true, false},
    {do_lhu, 2, false, false}, {do_lw, 4, true, false},   {do_lwu, 4, false, false},
    {do_ld, 8, false, false},  {do_flw, 4, false, true},  {do_fld, 8, false, false},
};

static const struct store {
    void (*fn)(uint8_t *, uint64_t);
    unsigned size;
} stores[] = {{do_sb, 1}, {do_sh, 2}, {do_sw, 4}, {do_sd, 8}, {do_fsw, 4}, {do_fsd, 8}};

static uint64_t extend(const struct load *l, uint64_t v)
{
    unsigned shift = 64 - 8 * l->size;
    if (l->is_signed)
        return (uint64_t)((int64_t)(v << shift) >> shift);
    return l->boxed ? v | 0xffffffff00000000 : v;
}

/* Whether the access trapped, as it must where misaligned accesses do. */
static bool trapped(const uint8_t *p, unsigned size, unsigned long cause)
{
    struct guest_caught c = *(volatile struct guest_caught *)&caught;
    guest_catch(NULL);
    bool must = STRICT && ((unsigned long)p & (size - 1));
    if (must) {
        CHECK_EQ(c.cause, cause);
        CHECK_EQ(c.tval, (unsigned long)p);
    } else {
        CHECK_EQ(c.cause, ~0UL);
    }
    return must;
}

static void check_loads(uint8_t *base)
{
    fill(base);
    for (unsigned k = 0; k < sizeof(loads) / sizeof(loads[0]); k++)
        for (unsigned i = 0; i < 24; i++) {
            const struct load *l = &loads[k];
            guest_catch(&caught);
            uint64_t v = l->fn(base + i);
            if (trapped(base + i, l->size, CAUSE_LOAD_MISALIGNED))
                CHECK_EQ(v, 0xabababababababab);
            else
                CHECK_EQ(v, extend(l, bytes_at(i, l->size)));
        }
}

static void check_store(uint8_t *base, const struct store *s, unsigned i)
{
    uint64_t v = 0xf1e2d3c4b5a69788 + i;
    fill(base);
    guest_catch(&caught);
    s->fn(base + i, v);
    if (!trapped(base + i, s->size, CAUSE_STORE_MISALIGNED))
        for (unsigned k = 0; k < s->size; k++)
            copy[i + k] = (uint8_t)(v >> (8 * k));
    CHECK(memcmp(base, copy, 32) == 0);
}

static void check_stores(uint8_t *base)
{
    for (unsigned k = 0; k < sizeof(stores) / sizeof(stores[0]); k++)
        for (unsigned i = 0; i < 24; i++)
            check_store(base, &stores[k], i);
}

static void check_at(uint8_t *border)
{
    check_loads(border - 12);
    check_stores(border - 12);
}

static void test_line(void)
{
    check_at(area + 64);
    check_at(area + 4096 - 64);
}

static void test_page(void)
{
    check_at(area + 4096);
    check_at(area + 8192);
}

/* Pages that carry a reservation are written in another way. */
static void test_reserved_page(void)
{
    uint64_t v;
    __asm__ volatile("lr.d %0, (%1)" : "=r"(v) : "r"(area + 4096 + 512) : "memory");
    check_at(area + 4096);
    __asm__ volatile("lr.d %0, (%1)" : "=r"(v) : "r"(area + 8192) : "memory");
    check_at(area + 8192);
}

/* A page that holds code as well. */
static void test_code_page(void)
{
    uint32_t *code = (uint32_t *)(area + 4096 + 2048);
    for (unsigned i = 0; i < 5; i++) {
        *(volatile uint32_t *)code = 0x8082; /* ret */
        __asm__ volatile("fence.i" : : : "memory");
        ((void (*)(void))code)();
        check_at(area + 4096);
        ((void (*)(void))code)();
        check_at(area + 8192);
    }
}

static const struct guest_case cases[] = {
    {"cache line", test_line},
    {"page", test_page},
    {"reserved page", test_reserved_page},
    {"code page", test_code_page},
};

int main(void)
{
    return GUEST_RUN(cases);
}
