/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation: random page tables (Sv39, Sv48, Sv57; leaves at every level, well
 * and badly aligned, NAPOT, PBMT, reserved bits, A and D under both policies),
 * random SUM, MXR, privilege, ASID, random PMP entries over data and tables, and
 * three accesses to the same address without a fence between them: load, store,
 * AMO, LR, of every width and alignment, and fetch.  Noted are cause, tval, value,
 * the leaf afterwards and the memory written.
 */
#include "scenario.h"

#define TABLES 8
#define TARGET (VIRT_RAM + (64UL << 20)) /* data, in RAM beyond the program */
#define RET    0x80828082UL              /* c.jr ra, twice */

#define MENVCFG_PBMTE (1UL << 62)
#define MENVCFG_ADUE  (1UL << 61)

/* Where they are must not depend on the build: PMP entries are made from it. */
#define tables ((struct page *)(TARGET + (1UL << 20)))
static uint64_t *leaf;
static unsigned leaf_level, levels;
static unsigned long va, pa;

/* ---- tables ---- */

static uint64_t any_flags(void)
{
    static const uint8_t usual[] = {0xcf, 0xdf, 0xc7, 0xd7, 0xc3, 0xd3, 0xc9, 0xcb, 0x4f, 0x0f,
                                    0x5f, 0x1f, 0x47, 0x43, 0xc1, 0xd9, 0xc5, 0xcd, 0xce, 0xff};
    return percent(85) ? usual[any_of(sizeof(usual))] : any() & 0xff;
}

/* Bits 63:54: N, PBMT, reserved; and RSW. */
static uint64_t any_high(void)
{
    uint64_t v = percent(10) ? (any() & 3) << 8 : 0;
    if (percent(12))
        v |= (any() & 3) << 61;
    if (percent(12))
        v |= 1UL << 63;
    if (percent(4))
        v |= 1UL << (54 + any_of(7));
    return v;
}

static uint64_t any_pointer(unsigned table)
{
    uint64_t e = pte_make((unsigned long)&tables[table], PTE_V);
    if (percent(4))
        e |= any_high();
    if (percent(3))
        e |= any() & (PTE_A | PTE_D | PTE_U | PTE_G);
    if (percent(1))
        e &= ~PTE_V;
    return e;
}

/* A leaf for pa; the page number is cut to the level's size, mostly. */
static uint64_t any_leaf(void)
{
    uint64_t mask = (1UL << (12 + 9 * leaf_level)) - 1;
    uint64_t page = percent(90) ? pa & ~mask : pa & ~0xfffUL;
    uint64_t e = pte_make(page, any_flags()) | any_high();
    if (e >> 63 && percent(80)) /* a legal NAPOT page number */
        e = (e & ~(0xfUL << 10)) | 8UL << 10;
    return e;
}

static bool reserved_napot(uint64_t e)
{
    return e >> 63 && (leaf_level || (e >> 10 & 0xf) != 8);
}

static void make_tables(void)
{
    levels = 3 + any_of(3);
    leaf_level = percent(70) ? any_of(2) : any_of(levels);
    unsigned long low = (1UL << (leaf_level ? 12 + 9 * leaf_level : 16)) - 1; /* NAPOT: 64 KiB */
    pa = TARGET + (any() & 0x1fff8);
    if (percent(40))
        pa |= 0xff8 | any_of(8); /* at the end of its page */
    else if (percent(30))
        pa |= any_of(8);
    pg = (struct paging){levels, (levels + 5UL) << 60, &tables[0]};
    memset(tables, 0, TABLES * sizeof(tables[0]));
    /* The rest of the address is anything, but not where the program is mapped. */
    va = (any() & ~low & ((1UL << (12 + 9 * levels)) - 1)) | (pa & low);
    unsigned root_index = va >> (12 + 9 * (levels - 1)) & 511;
    if (levels == 3 ? root_index == 2 : root_index == 0)
        va ^= 5UL << (12 + 9 * (levels - 1));
    va = (unsigned long)((long)(va << (64 - 12 - 9 * levels)) >> (64 - 12 - 9 * levels));
    if (percent(2))
        va ^= 1UL << (63 - any_of(5));
    unsigned table = 0;
    for (unsigned l = levels - 1;; l--) {
        uint64_t *e = &tables[table].word[va >> (12 + 9 * l) & 511];
        if (l == leaf_level) {
            leaf = e;
            *e = any_leaf();
            /* The page after it, for what crosses the border: like it, or something else. */
            uint64_t step = pte_make(1UL << (12 + 9 * l), 0);
            if (e < &tables[table].word[511])
                e[1] = percent(60) ? *e + step : percent(70) ? any_leaf() : 0;
            return;
        }
        *e = any_pointer(++table);
    }
}

/* The program for the return from a fetch, from root's other entries. */
static void map_program(unsigned mode)
{
    uint64_t e = pte_make(VIRT_RAM, PTE_V | PTE_RWX | PTE_AD | (mode == PRIV_U ? PTE_U : 0));
    unsigned table = TABLES - 3;
    struct page *t = &tables[0];
    for (unsigned l = levels - 1; l > 2; l--) {
        struct page *next = &tables[++table];
        t->word[0] = pte_make((unsigned long)next, PTE_V);
        t = next;
    }
    t->word[2] = e;
}

/* ---- protection: entries 0 to 3 over data and tables, 15 open ---- */

#define pmp_set(i, addr) __asm__ volatile("csrw pmpaddr" #i ", %0" : : "r"(addr) : "memory")

static uint64_t any_pmp_address(void)
{
    unsigned long at = percent(70) ? pa & ~0xfffUL : (unsigned long)&tables[1 + any_of(4)];
    switch (any_of(4)) {
    case 0:
        return (at + (any() & 0xff8)) >> 2;
    case 1:
        return at >> 2 | 0x1ff; /* NAPOT of 4 KiB */
    case 2:
        return (at + 0x1000) >> 2;
    default:
        return (pa & ~7UL) >> 2 | (1UL << any_of(4)) >> 1;
    }
}

/* W without R is reserved, and legalised differently. */
static uint64_t any_pmp_cfg(void)
{
    uint64_t cfg = any() & 0x1f;
    return cfg & 1 ? cfg : cfg & ~2UL;
}

static void set_pmp(bool random)
{
    uint64_t cfg = 0;
    pmp_set(15, ~0UL);
    if (random) {
        for (unsigned i = 0; i < 4; i++)
            cfg |= any_pmp_cfg() << (8 * i);
        pmp_set(0, any_pmp_address());
        pmp_set(1, any_pmp_address());
        pmp_set(2, any_pmp_address());
        pmp_set(3, any_pmp_address());
    }
    csr_write(pmpcfg0, cfg);
    csr_write(pmpcfg2, 0x1fUL << 56);
    setting("pmpcfg", cfg);
    setting("pmpaddr0", csr_read(pmpaddr0) << 10 >> 10); /* QEMU keeps bits that RV64 has not */
    setting("pmpaddr1", csr_read(pmpaddr1) << 10 >> 10);
}

/* ---- accesses ---- */

#define ACCESS(insn, ...)                                                                          \
    do {                                                                                           \
        PROBE(insn, at, status, "+&r"(value));                                                     \
    } while (0)

/*
 * QEMU takes an AMO for a load and then a store: the first may set A, or be forbidden by PMP,
 * before the second faults.  So A is left open where an AMO faulted, and with PMP entries there are
 * none.
 */
static bool is_amo(unsigned kind)
{
    return kind == 11 || kind == 12;
}

static void note_leaf(unsigned kind)
{
    if (is_amo(kind) && probed.cause != ~0UL)
        *leaf |= PTE_A;
    note("pte", *leaf);
}

static void access_data(unsigned kind, unsigned mode, unsigned long more)
{
    unsigned long status = probe_status(mode, more), at = va;
    uint64_t value = 0x1122334455667788;
    static const uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 8, 1, 2, 4, 8, 4, 8, 4, 8};
    if (kind >= 11) /* atomics are for aligned places */
        at &= ~(unsigned long)(sizes[kind] - 1);
    switch (kind) {
    case 0:
        ACCESS("lb %0, 0(%2)");
        break;
    case 1:
        ACCESS("lbu %0, 0(%2)");
        break;
    case 2:
        ACCESS("lh %0, 0(%2)");
        break;
    case 3:
        ACCESS("lhu %0, 0(%2)");
        break;
    case 4:
        ACCESS("lw %0, 0(%2)");
        break;
    case 5:
        ACCESS("lwu %0, 0(%2)");
        break;
    case 6:
        ACCESS("ld %0, 0(%2)");
        break;
    case 7:
        ACCESS("sb %0, 0(%2)");
        break;
    case 8:
        ACCESS("sh %0, 0(%2)");
        break;
    case 9:
        ACCESS("sw %0, 0(%2)");
        break;
    case 10:
        ACCESS("sd %0, 0(%2)");
        break;
    case 11:
        ACCESS("amoadd.w %0, %0, (%2)");
        break;
    case 12:
        ACCESS("amoxor.d %0, %0, (%2)");
        break;
    case 13:
        ACCESS("lr.w %0, (%2)");
        break;
    default:
        ACCESS("lr.d %0, (%2)");
    }
    probe_end(0);
    note("cause", probed.cause);
    note("tval", probed.cause == ~0UL ? 0 : probed.tval);
    note("value", value);
}

/* The way back to M after any trap of a fetch, as guest_run_in() wants it. */
__asm__(".balign 4\nscenario_back: ecall\n");
extern char scenario_back[];

static bool fetching;

static void end_fetch(struct guest_trap *t)
{
    if (!fetching)
        guest_fail(__FILE__, __LINE__, "a trap beside the accesses", t->cause, t->epc);
    probed = (struct guest_caught){t->cause, t->epc, t->tval};
    t->status |= MSTATUS_MPP;
    t->x[17] = GUEST_ECALL_RETURN;
    t->epc = (unsigned long)scenario_back;
}

/* Code at va that returns, if it may be fetched; where it returns to may fault as well. */
static void access_code(unsigned mode)
{
    probed.cause = ~0UL;
    fetching = true;
    guest_run_in((int)mode, (unsigned long (*)(unsigned long))(va & ~1UL), 0);
    fetching = false;
    note("fetch", probed.cause);
    if (probed.cause == ~0UL)
        return;
    /* Where the program lies is the build's; the way back may be forbidden, too. */
    bool here = probed.epc >> 12 == va >> 12 || probed.epc >> 12 == (va + 2) >> 12;
    note("epc", here ? probed.epc : 1);
    note("tval", here ? probed.tval : 1);
}

static void fill_target(void)
{
    uint32_t *p = (uint32_t *)TARGET;
    for (unsigned i = 0; i < 0x22000 / 4; i++)
        p[i] = RET;
}

/* What was written is noted, and becomes code again. */
static void note_target(void)
{
    uint64_t sum = 0;
    for (unsigned long p = (pa & ~15UL) - 16; p < (pa & ~15UL) + 32; p += 8) {
        sum = sum * 31 + *(uint64_t *)p;
        *(uint64_t *)p = RET | RET << 32;
    }
    note("memory", sum);
    __asm__ volatile("fence.i" : : : "memory");
}

static void scenario(void)
{
    uint64_t env = 0;
    make_tables();
    /* Where N is reserved QEMU sets A and D before it finds out. */
    if (percent(50) && !reserved_napot(leaf[0]) && !reserved_napot(leaf[1]))
        env |= MENVCFG_ADUE;
    if (percent(70))
        env |= MENVCFG_PBMTE;
    csr_clear(0x30a, MENVCFG_ADUE | MENVCFG_PBMTE);
    csr_set(0x30a, env);
    unsigned mode = any_of(2);
    unsigned long more = (any() & 3) << 18; /* SUM, MXR */
    map_program(mode);
    setting("levels", levels);
    setting("leaf", *leaf);
    setting("level", leaf_level);
    setting("va", va);
    setting("pa", pa);
    setting("mode", mode);
    setting("status", more);
    setting("env", env);
    bool protect = percent(25);
    if (protect) { /* a misaligned access may be checked in one piece or in several */
        va &= ~7UL;
        pa &= ~7UL;
    }
    set_pmp(protect);
    __asm__ volatile("fence.i" : : : "memory");
    paging_set(pg.root, any_of(4));
    sfence_all();
    for (unsigned i = 0; i < 3; i++) {
        unsigned kind = any_of(18);
        if (protect && is_amo(kind))
            kind -= 2;
        setting("kind", kind);
        if (kind < 15)
            access_data(kind, mode, more);
        else
            access_code(mode);
        uint64_t cfg = csr_read(pmpcfg0);
        if (cfg) /* an access that matches an entry in part fails in M, too */
            csr_write(pmpcfg0, 0);
        note_leaf(kind);
        note_target();
        if (cfg)
            csr_write(pmpcfg0, cfg);
    }
    csr_write(satp, 0);
    sfence_all();
    set_pmp(false);
    note("next", leaf[leaf < &tables[levels - 1 - leaf_level].word[511]]);
}

int main(void)
{
    fill_target();
    guest_trap_hook(end_fetch);
    return scenario_run(scenario);
}
