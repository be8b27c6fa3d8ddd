/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's RAM before the start; see batch.h. */
#include "tests/oracle/batch.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/log.h"
#include "tests/oracle/values.h"

#define ARENA_HALFWORDS ((ORACLE_ARENA_END - ORACLE_ARENA) / 2)
#define C_EBREAK        0x9002
#define RAM_BYTES       (ORACLE_RESULTS - ORACLE_RAM)
#define IMAGE_BYTES     512
#define MEM_IMAGES      (ORACLE_IMAGES + BATCH_IMAGES * IMAGE_BYTES)
#define CSR_BLOCKS      (ORACLE_IMAGES + 0x100000)
#define MAP_PAGE        4096ull

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_A = 64, PTE_D = 128 };

void *batch_host(struct batch *b, uint64_t pa)
{
    return b->ram + (pa - ORACLE_RAM);
}

/* --- the runtime --- */

static int load_segments(struct batch *b, const uint8_t *elf, size_t size)
{
    const Elf64_Ehdr *eh = (const void *)elf;
    if (size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG))
        return -1;
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        const Elf64_Phdr *ph = (const void *)(elf + eh->e_phoff + i * sizeof(*ph));
        if (ph->p_type != PT_LOAD)
            continue;
        if (ph->p_paddr < ORACLE_RAM || ph->p_paddr + ph->p_filesz > ORACLE_CTX ||
            ph->p_offset + ph->p_filesz > size)
            return -1;
        memcpy(batch_host(b, ph->p_paddr), elf + ph->p_offset, ph->p_filesz);
    }
    return 0;
}

static int load_runtime(struct batch *b, const char *path)
{
    static uint8_t elf[1 << 20];
    FILE *f = fopen(path, "rb");
    size_t size = f ? fread(elf, 1, sizeof(elf), f) : 0;
    if (f)
        fclose(f);
    if (!load_segments(b, elf, size))
        return 0;
    fprintf(stderr, "oracle: %s is not the guest's runtime\n", path);
    return -1;
}

int batch_init(struct batch *b, const char *runtime_elf)
{
    *b = (struct batch){.ram = calloc(1, RAM_BYTES),
                        .taken = calloc(1, ARENA_HALFWORDS),
                        .notes = calloc(BATCH_CASES, sizeof(struct case_note))};
    if (!b->ram || !b->taken || !b->notes)
        return -1;
    return load_runtime(b, runtime_elf);
}

void batch_fini(struct batch *b)
{
    free(b->ram);
    free(b->taken);
    free(b->notes);
}

/* --- page tables --- */

/* Root, then from it the table of 2 MiB pages, then one of 4 KiB pages for each of S and U. */
#define TABLE_ROOT ORACLE_TABLES
#define TABLE_MID  (ORACLE_TABLES + 1 * MAP_PAGE)
#define TABLE_LEAF (ORACLE_TABLES + 2 * MAP_PAGE)
#define PAIR_VA    0x40000000ull
#define PAIR_SPAN  0x200000ull

_Static_assert(KIND_KINDS *KIND_KINDS * 2 <= 512, "the pairs fit one table");

static uint64_t pte(uint64_t pa, unsigned flags)
{
    return pa >> 12 << 10 | flags;
}

static uint64_t kind_pte(enum page_kind kind, bool user, uint64_t pa)
{
    const unsigned rw = PTE_V | PTE_R | PTE_W | PTE_A | PTE_D;
    const unsigned u = user ? PTE_U : 0;
    switch (kind) {
    case KIND_RW:
        return pte(pa, rw | u);
    case KIND_R:
        return pte(pa, (rw & ~PTE_W) | u);
    case KIND_X:
        return pte(pa, PTE_V | PTE_X | PTE_A | PTE_D | u);
    case KIND_NONE:
        return pte(pa, (rw & ~PTE_V) | u);
    case KIND_OTHER:
        return pte(pa, rw | (u ^ PTE_U));
    case KIND_NOT_A:
        return pte(pa, (rw & ~PTE_A) | u);
    case KIND_NOT_D:
        return pte(pa, (rw & ~PTE_D) | u);
    case KIND_W:
        return pte(pa, (rw & ~PTE_R) | u);
    case KIND_NC:
        return pte(pa, rw | u) | 1ull << 61;
    case KIND_PBMT3:
        return pte(pa, rw | u) | 3ull << 61;
    case KIND_NAPOT:
        return pte(pa & ~0xffffull, rw | u) | 1ull << 63 | 1ull << 10;
    case KIND_RESERVED:
        return pte(pa, rw | u) | 1ull << 54;
    case KIND_NO_RAM:
        return pte(0xa0000000ull | (pa & 0x1000), rw | u);
    case KIND_POINTER:
    case KIND_KINDS:
        break;
    }
    return pte(pa, PTE_V);
}

uint64_t pair_address(bool user, enum page_kind first, enum page_kind second)
{
    return PAIR_VA + (user ? PAIR_SPAN : 0) + (first * KIND_KINDS + second) * 2 * MAP_PAGE;
}

static void map_pairs(struct batch *b, bool user)
{
    uint64_t table = TABLE_LEAF + (user ? MAP_PAGE : 0);
    uint64_t *leaf = batch_host(b, table), *mid = batch_host(b, TABLE_MID);
    mid[user] = pte(table, PTE_V);
    for (unsigned i = 0; i < KIND_KINDS * KIND_KINDS; i++) {
        leaf[2 * i] = kind_pte(i / KIND_KINDS, user, PAIR_PA);
        leaf[2 * i + 1] = kind_pte(i % KIND_KINDS, user, PAIR_PA + MAP_PAGE);
    }
}

/* S finds RAM where it is, U at USER_ALIAS above. */
static void make_tables(struct batch *b)
{
    const unsigned all = PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D;
    uint64_t *root = batch_host(b, TABLE_ROOT);
    root[ORACLE_RAM >> 30] = pte(ORACLE_RAM, all);
    root[(ORACLE_RAM + USER_ALIAS) >> 30] = pte(ORACLE_RAM, all | PTE_U);
    root[PAIR_VA >> 30] = pte(TABLE_MID, PTE_V);
    map_pairs(b, false);
    map_pairs(b, true);
}

struct csr_block batch_default_csrs(void)
{
    struct csr_block block = {{0}};
    block.v[SLOT_SATP] = 8ull << 60 | TABLE_ROOT >> 12;
    block.v[SLOT_STVEC] = ORACLE_ARENA;
    block.v[SLOT_MENVCFG] = 1ull << 62 | 0xf0; /* PBMTE, CBZE, CBCFE, CBIE = 3 */
    block.v[SLOT_SENVCFG] = 0xf0;
    block.v[SLOT_STIMECMP] = UINT64_MAX;
    return block;
}

static bool is_block(struct batch *b, unsigned i, const struct csr_block *block)
{
    return !memcmp(batch_host(b, CSR_BLOCKS + i * sizeof(*block)), block, sizeof(*block));
}

uint64_t batch_csrs(struct batch *b, const struct csr_block *block)
{
    unsigned n = b->csr_blocks;
    if (n && is_block(b, 0, block))
        return CSR_BLOCKS;
    if (n && is_block(b, n - 1, block))
        return CSR_BLOCKS + (n - 1) * sizeof(*block);
    if (n == BATCH_CSR_BLOCKS)
        BUG("more than %d CSR blocks", BATCH_CSR_BLOCKS);
    memcpy(batch_host(b, CSR_BLOCKS + n * sizeof(*block)), block, sizeof(*block));
    b->csr_blocks++;
    return CSR_BLOCKS + n * sizeof(*block);
}

/* --- a fresh batch --- */

static void make_images(struct batch *b)
{
    uint64_t *at = batch_host(b, ORACLE_IMAGES);
    for (unsigned i = 0; i < BATCH_IMAGES; i++)
        for (unsigned reg = 0; reg < 64; reg++)
            *at++ = reg < 32 ? value_int(&b->rng)
                             : value_fp(&b->rng, fp_format_of("hsd"[rng_below(&b->rng, 3)]));
    for (unsigned i = 0; i < BATCH_MEM_IMAGES * MEM_DWORDS; i++)
        *at++ = value_int(&b->rng);
}

static void make_arena(struct batch *b)
{
    uint16_t *at = batch_host(b, ORACLE_ARENA);
    for (size_t i = 0; i < ARENA_HALFWORDS; i++)
        at[i] = C_EBREAK;
}

void batch_reset(struct batch *b, uint64_t seed)
{
    struct csr_block csrs = batch_default_csrs();
    uint64_t *ctx = batch_host(b, ORACLE_CTX);
    memset(batch_host(b, ORACLE_CTX), 0, RAM_BYTES - (ORACLE_CTX - ORACLE_RAM));
    b->rng = rng_make(seed, "batch");
    b->site_next = ORACLE_SITES;
    b->case_count = b->csr_blocks = 0;
    make_tables(b);
    memset(b->taken, 0, ARENA_HALFWORDS);
    make_arena(b);
    make_images(b);
    ctx[CTX_CASE / 8] = ctx[CTX_CASE_END / 8] = ORACLE_CASES;
    ctx[CTX_RESULT / 8] = ORACLE_RESULTS;
    ctx[CTX_CSRS / 8] = batch_csrs(b, &csrs);
}

/* --- sites --- */

void site_add(struct site *s, uint32_t raw, unsigned len)
{
    if (s->count == SITE_INSNS)
        BUG("a site of more than %d instructions", SITE_INSNS);
    s->raw[s->count] = raw;
    s->len[s->count++] = (uint8_t)len;
}

void site_asm(struct site *s, const char *fmt, ...)
{
    char text[128];
    uint32_t raw;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    int len = rv_asm(text, 0, &raw);
    if (len < 0)
        BUG("cannot assemble '%s'", text);
    site_add(s, raw, (unsigned)len);
}

unsigned site_prefix_bytes(const struct site *s)
{
    unsigned bytes = 0;
    for (unsigned i = 0; i + 1 < s->count; i++)
        bytes += s->len[i];
    return bytes;
}

/* One byte for each halfword of the arena: code of a site, or what a jump goes to. */
static uint8_t *taken(struct batch *b, uint64_t pa)
{
    return &b->taken[(pa - ORACLE_ARENA) / 2];
}

static unsigned site_bytes(const struct site *s)
{
    return site_prefix_bytes(s) + s->len[s->count - 1];
}

static void put_site(struct batch *b, const struct site *s, uint64_t pa)
{
    memset(taken(b, pa), 1, site_bytes(s) / 2 + 1);
    for (unsigned i = 0; i < s->count; i++) {
        memcpy(batch_host(b, pa), &s->raw[i], s->len[i]);
        pa += s->len[i];
    }
    b->site_next = pa;
}

static bool is_free(struct batch *b, const struct site *s, uint64_t pa)
{
    return !memchr(taken(b, pa), 1, site_bytes(s) / 2 + 1);
}

/* The next place, with at least one c.ebreak before it. */
static uint64_t next_place(struct batch *b, const struct site *s)
{
    uint64_t pa = b->site_next + 2 + 2 * rng_below(&b->rng, 4);
    if (rng_one_in(&b->rng, 64)) { /* the last instruction across the next page's border */
        uint64_t border = (pa + site_bytes(s) + MAP_PAGE) & ~(MAP_PAGE - 1);
        pa = border - 2 - site_prefix_bytes(s);
    }
    while (pa + site_bytes(s) + 2 <= ORACLE_SITES_END && !is_free(b, s, pa))
        pa += 2;
    return pa + site_bytes(s) + 2 > ORACLE_SITES_END ? 0 : pa;
}

uint64_t batch_place(struct batch *b, const struct site *s)
{
    uint64_t pa = next_place(b, s);
    if (pa)
        put_site(b, s, pa);
    return pa;
}

static bool is_landing(struct batch *b, uint64_t pa)
{
    return pa >= ORACLE_ARENA && pa < ORACLE_ARENA_END && !*taken(b, pa);
}

static bool in_site(uint64_t pa, uint64_t site, const struct site *s)
{
    return pa >= site && pa < site + site_bytes(s);
}

uint64_t batch_place_jump(struct batch *b, const struct site *s, int64_t offset)
{
    for (unsigned i = 0; i < 64; i++) {
        uint64_t pa = next_place(b, s), target = pa + site_prefix_bytes(s) + (uint64_t)offset;
        if (!pa)
            return 0;
        if (is_landing(b, target) && !in_site(target, pa, s)) {
            put_site(b, s, pa);
            *taken(b, target) = 1;
            return pa;
        }
        b->site_next += 2;
    }
    return 0;
}

uint64_t batch_landing(struct rng *r)
{
    uint64_t pa;
    do
        pa = ORACLE_ARENA + 2 * rng_below(r, (ORACLE_ARENA_END - ORACLE_ARENA) / 2);
    while (pa >= ORACLE_SITES && pa < ORACLE_SITES_END);
    return pa;
}

/* --- cases --- */

struct guest_case *batch_case_at(struct batch *b, unsigned i)
{
    return (struct guest_case *)batch_host(b, ORACLE_CASES) + i;
}

struct guest_case *batch_case(struct batch *b, struct case_note **note)
{
    uint64_t *ctx = batch_host(b, ORACLE_CTX);
    struct guest_case *c;
    if (b->case_count == BATCH_CASES)
        return NULL;
    c = batch_case_at(b, b->case_count);
    *note = &b->notes[b->case_count++];
    **note = (struct case_note){.csr = -1, .rm = 8};
    *c = (struct guest_case){
        .image = ORACLE_IMAGES + IMAGE_BYTES * rng_below(&b->rng, BATCH_IMAGES),
        .mem_image = MEM_IMAGES + MEM_DWORDS * 8 * rng_below(&b->rng, BATCH_MEM_IMAGES)};
    ctx[CTX_CASE_END / 8] += CASE_SIZE;
    return c;
}

void case_patch(struct guest_case *c, unsigned reg, uint64_t value)
{
    if (!reg)
        return;
    for (unsigned i = 0; i < CASE_PATCHES; i++) {
        if (c->patched[i] == reg)
            return;
        if (!c->patched[i]) {
            c->patched[i] = (uint8_t)reg;
            c->values[i] = value;
            return;
        }
    }
    BUG("a case with more than %d patches", CASE_PATCHES);
}

uint64_t case_reg(struct batch *b, const struct guest_case *c, unsigned reg)
{
    const uint64_t *image = batch_host(b, c->image);
    if (!reg)
        return 0;
    for (unsigned i = 0; i < CASE_PATCHES && c->patched[i]; i++)
        if (c->patched[i] == reg)
            return c->values[i];
    return image[reg];
}

uint64_t batch_code_address(const struct guest_case *c, uint64_t pa)
{
    unsigned mode = c->mstatus >> 11 & 3;
    return mode ? pa : pa + USER_ALIAS;
}
