/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's memory around a program; see image.h. */
#include "tests/lockstep/image.h"

#include <string.h>

#include "isa/riscv/rv.h"
#include "tests/lockstep/assemble.h"

enum {
    TABLE_ROOT = AT_TABLES, /* and the second */
    TABLE_MIDDLE = AT_TABLES + 2 * PAGE,
    TABLE_LOW = AT_TABLES + 4 * PAGE,
    TABLE_WINDOWS = AT_TABLES + 5 * PAGE,
};

#define PTE_RWX (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)

/* --- handlers --- */

static void put_log(struct writer *w, char m)
{
    static const int offsets[] = {0, 8, 16, 24, 32, 40};
    put(w, "ld x6,%d(x2)", SAVE_TRAPS);
    put(w, "addi x7,x6,1");
    put(w, "sd x7,%d(x2)", SAVE_TRAPS);
    put(w, "andi x6,x6,%d", LOG_ENTRIES - 1);
    put(w, "slli x6,x6,6");
    put(w, "ld x7,%d(x2)", SAVE_LOG);
    put(w, "add x6,x6,x7");
    put(w, "csrrs x5,%ccause,x0", m);
    put(w, "sd x5,0(x6)");
    put(w, "csrrs x7,%cepc,x0", m);
    put(w, "sd x7,8(x6)");
    put(w, "csrrs x7,%ctval,x0", m);
    put(w, "sd x7,16(x6)");
    put(w, "csrrs x7,%cstatus,x0", m);
    put(w, "sd x7,24(x6)");
    put(w, m == 'm' ? "csrrs x7,minstret,x0" : "csrrs x7,instret,x0");
    put(w, "sd x7,32(x6)");
    put(w, "lui x10,0x6"); /* FS */
    put(w, "csrrs x7,%cstatus,x10", m);
    put(w, "csrrs x10,fcsr,x0");
    put(w, "csrrw x0,%cstatus,x7", m);
    put(w, "sd x10,40(x6)");
    put(w, "ld x10,%d(x2)", SAVE_HASH);
    put(w, "ld x11,%d(x2)", SAVE_FACTOR);
    for (unsigned i = 0; i < 6; i++) {
        put(w, "ld x7,%d(x6)", offsets[i]);
        put(w, "xor x10,x10,x7");
        put(w, "mul x10,x10,x11");
    }
    put(w, "sd x10,%d(x2)", SAVE_HASH);
}

static void put_save(struct writer *w, char m)
{
    put(w, "csrrw x2,%cscratch,x2", m);
    put(w, "sd x5,%d(x2)", SAVE_X5);
    put(w, "sd x6,%d(x2)", SAVE_X6);
    put(w, "sd x7,%d(x2)", SAVE_X7);
    put(w, "sd x10,%d(x2)", SAVE_X10);
    put(w, "sd x11,%d(x2)", SAVE_X11);
}

static void put_restore(struct writer *w, char m)
{
    put(w, "ld x5,%d(x2)", SAVE_X5);
    put(w, "ld x6,%d(x2)", SAVE_X6);
    put(w, "ld x7,%d(x2)", SAVE_X7);
    put(w, "ld x10,%d(x2)", SAVE_X10);
    put(w, "ld x11,%d(x2)", SAVE_X11);
    put(w, "csrrw x2,%cscratch,x2", m);
}

static void put_out(struct writer *w, uint32_t out)
{
    put(w, "j 0x%llx", RAM + out);
}

/* Behind the instruction; its bytes are read as the mode that trapped would. */
static void put_pass_over(struct writer *w, char m, uint32_t out)
{
    put(w, m == 'm' ? "lui x6,0xa0" : "lui x6,0xc0"); /* MPRV or SUM, and MXR */
    put(w, "csrrs x7,%cstatus,x6", m);
    put(w, "csrrs x10,%cepc,x0", m);
    put(w, "lhu x11,0(x10)");
    put(w, "csrrw x0,%cstatus,x7", m);
    put(w, "andi x11,x11,3");
    put(w, "addi x11,x11,-3");
    put(w, "sltiu x11,x11,1");
    put(w, "slli x11,x11,1");
    put(w, "addi x11,x11,2");
    put(w, "add x10,x10,x11");
    put(w, "csrrw x0,%cepc,x10", m);
    put_out(w, out);
}

/* Interrupts: a software interrupt of M makes others pending in turn; those are cleared. */
static void put_interrupt(struct writer *w, char m, uint32_t out)
{
    uint32_t other;
    if (m == 's') {
        put(w, "addi x7,x0,2");
        put(w, "csrrc x0,sip,x7");
        put_out(w, out);
        return;
    }
    put(w, "slli x5,x5,1");
    put(w, "addi x7,x0,6");
    other = hole(w);
    put(w, "lui x6,0x%llx", CLINT >> 12);
    put(w, "sw x0,0(x6)");
    put(w, "ld x6,%d(x2)", SAVE_IRQS);
    put(w, "addi x7,x6,1");
    put(w, "sd x7,%d(x2)", SAVE_IRQS);
    put(w, "andi x6,x6,3");
    put(w, "slli x6,x6,3");
    put(w, "add x6,x6,x2");
    put(w, "ld x7,%d(x6)", SAVE_PENDING);
    put(w, "csrrs x0,mip,x7");
    put_out(w, out);
    land(w, other, "bne x5,x7,");
    put(w, "addi x7,x0,0x222");
    put(w, "csrrc x0,mip,x7");
    put_out(w, out);
}

static void put_services(struct writer *w, uint32_t out, uint32_t end)
{
    uint32_t not_end, to_status, to_rest, rest;
    put(w, "ld x10,%d(x2)", SAVE_X10);
    put(w, "ld x11,%d(x2)", SAVE_X11);
    not_end = hole(w);
    put_restore(w, 'm');
    put(w, "j 0x%llx", RAM + end);
    land(w, not_end, "bne x17,x0,");
    put(w, "addi x7,x0,%d", SERVICE_ENTRY);
    to_status = hole(w);
    put(w, "addi x6,x0,1"); /* the program may run in the alias */
    put(w, "slli x6,x6,31");
    put(w, "slli x10,x10,34");
    put(w, "srli x10,x10,34");
    put(w, "or x10,x10,x6");
    put(w, "sd x11,0(x10)");
    put(w, "sfence.vma x0,x0");
    rest = put(w, "csrrs x7,mepc,x0");
    put(w, "addi x7,x7,4");
    put(w, "csrrw x0,mepc,x7");
    put_out(w, out);
    land(w, to_status, "bne x17,x7,");
    put(w, "addi x7,x0,%d", SERVICE_STATUS);
    to_rest = put(w, "bne x17,x7,0x%llx", RAM + rest);
    (void)to_rest;
    put(w, "csrrc x0,mstatus,x10");
    put(w, "csrrs x0,mstatus,x11");
    put(w, "j 0x%llx", RAM + rest);
}

/* Returns the offset of the handler's first instruction. */
static uint32_t put_handler(struct writer *w, char m, uint32_t end)
{
    uint32_t out = w->at, start, interrupt, resume[2], service = 0;
    put_restore(w, m);
    put(w, m == 'm' ? "mret" : "sret");
    start = w->at;
    put_save(w, m);
    put_log(w, m);
    interrupt = hole(w);
    put(w, "addi x7,x0,%d", CAUSE_FETCH_PAGE);
    resume[0] = hole(w);
    put(w, "addi x7,x0,%d", CAUSE_ILLEGAL);
    resume[1] = hole(w);
    if (m == 'm') {
        put(w, "addi x6,x5,%d", -CAUSE_ECALL_U);
        put(w, "addi x7,x0,4");
        service = hole(w);
    }
    put_pass_over(w, m, out);
    land(w, resume[0], "beq x5,x7,");
    land(w, resume[1], "bltu x5,x7,");
    put(w, "csrrw x0,%cepc,x30", m);
    put_out(w, out);
    if (service) {
        land(w, service, "bltu x6,x7,");
        put_services(w, out, end);
    }
    land(w, interrupt, "blt x5,x0,");
    put_interrupt(w, m, out);
    return start;
}

/* A table of jumps: to it all traps go, or interrupts by number. */
static uint32_t put_vector(struct writer *w, uint32_t handler)
{
    while (w->at % 256)
        put(w, "nop");
    uint32_t at = w->at;
    for (unsigned i = 0; i < 16; i++)
        put(w, "j 0x%llx", RAM + handler);
    return at;
}

/* --- the start --- */

static const struct start_csr {
    const char *name;
} start_csrs[] = {
    {"mstatus"},    {"mtvec"},   {"stvec"},   {"medeleg"},  {"mideleg"}, {"mcounteren"},
    {"scounteren"}, {"menvcfg"}, {"senvcfg"}, {"pmpaddr0"}, {"pmpcfg0"}, {"satp"},
    {"mepc"},       {"fcsr"},    {"mie"},     {"pmpaddr1"}, {"mstatus"},
};
enum { START_CSRS = sizeof(start_csrs) / sizeof(start_csrs[0]) };
_Static_assert((int)START_CSRS == (int)LITERAL_X30, "literals of CSRs come first");

static void put_start(struct writer *w)
{
    put(w, "auipc x30,0x%x", AT_LITERALS >> 12);
    for (int i = 0; i < START_CSRS; i++) {
        put(w, "ld x31,%d(x30)", 8 * i);
        put(w, "csrrw x0,%s,x31", start_csrs[i].name);
    }
    put(w, "auipc x31,0x2");
    put(w, "addi x31,x31,%d", (int)(AT_SAVE_M - (w->at - 4) - 0x2000));
    put(w, "csrrw x0,mscratch,x31");
    put(w, "addi x31,x31,%d", AT_SAVE_S - AT_SAVE_M);
    put(w, "csrrw x0,sscratch,x31");
    put(w, "ld x31,%d(x30)", 8 * LITERAL_X31);
    put(w, "ld x30,%d(x30)", 8 * LITERAL_X30);
    put(w, "mret");
}

/* The code that is the same for all programs. */
static struct runtime {
    bool made;
    uint8_t bytes[AT_LITERALS];
    uint32_t end, vector_m, vector_s;
} runtime;

static const struct runtime *runtime_get(void)
{
    struct writer w = {runtime.bytes, AT_RUNTIME};
    if (runtime.made)
        return &runtime;
    put_start(&w);
    runtime.end = put(&w, "wfi");
    put(&w, "j 0x%llx", RAM + runtime.end);
    uint32_t m = put_handler(&w, 'm', runtime.end);
    uint32_t s = put_handler(&w, 's', runtime.end);
    runtime.vector_m = put_vector(&w, m);
    runtime.vector_s = put_vector(&w, s);
    runtime.made = true;
    return &runtime;
}

/* --- literals --- */

static uint64_t satp_of(unsigned root, unsigned asid)
{
    return 8ull << 60 | (uint64_t)asid << 44 | (RAM + TABLE_ROOT + root * PAGE) >> 12;
}

static uint64_t pick_delegated(struct rng *r)
{
    static const uint64_t sets[] = {0, 0, 0xb0ff, 0xb000, 0x0f4, 0x00c};
    return rng_one_in(r, 3) ? rng_next(r) & 0xb0ff : RNG_PICK(r, sets);
}

static uint64_t pick_status(const struct program *p, struct rng *r)
{
    uint64_t fs = rng_one_in(r, 6) ? rng_below(r, 4) : 3;
    uint64_t status = (uint64_t)p->mode << 11 | fs << 13;
    if (rng_one_in(r, 2))
        status |= MSTATUS_SUM;
    if (rng_one_in(r, 2))
        status |= MSTATUS_MXR;
    if (!rng_one_in(r, 4))
        status |= MSTATUS_MPIE;
    if (!rng_one_in(r, 4))
        status |= MSTATUS_SIE;
    return status;
}

/* Mostly nothing; else a few bytes of data or code, which some or all modes may access in part. */
static void pick_pmp(const struct program *p, struct rng *r, uint64_t *addr, uint64_t *cfg)
{
    uint64_t gpa = RAM + AT_DATA + 0x8000 + 8 * rng_below(r, 512);
    *addr = *cfg = 0;
    if (!rng_one_in(r, 8))
        return;
    if (rng_one_in(r, 3))
        gpa = RAM + AT_CODE + p->start + 8 * rng_below(r, 128);
    *addr = (gpa >> 2) | ((1u << rng_below(r, 4)) - 1); /* 8 to 64 bytes */
    *cfg = 0x18 | rng_below(r, 8) | (rng_one_in(r, 2) ? 0x80 : 0);
    if ((*cfg & 3) == 2) /* W without R is reserved */
        *cfg &= ~2ull;
}

void image_literals(struct program *p, struct rng *r)
{
    const struct runtime *rt = runtime_get();
    uint64_t *v = p->literals, vectored = rng_one_in(r, 3);
    uint64_t pc = RAM + AT_CODE + p->start, pmp_addr, pmp_cfg;
    pick_pmp(p, r, &pmp_addr, &pmp_cfg);
    if (p->paging && p->mode != PRIV_M && rng_one_in(r, 4))
        pc -= ALIAS;
    const uint64_t values[] = {
        pick_status(p, r) | MSTATUS_FS,
        (RAM + rt->vector_m) | vectored,
        (RAM + rt->vector_s) | rng_one_in(r, 3),
        pick_delegated(r),
        rng_one_in(r, 2) ? 2 : 0,
        4,
        rng_one_in(r, 4) ? 0 : 4,
        rng_one_in(r, 2) ? ENVCFG_CBZE | ENVCFG_CBCFE | ENVCFG_CBIE | ENVCFG_ADUE : 0,
        rng_one_in(r, 2) ? ENVCFG_CBZE | ENVCFG_CBCFE | ENVCFG_CBIE : 0,
        pmp_addr,
        pmp_cfg | 0x1f00,
        p->paging ? satp_of(0, 1) : 0,
        pc,
        rng_below(r, 5) << 5,
        0x22a,
        UINT64_MAX >> 10,
        pick_status(p, r),
    };
    memcpy(v, values, sizeof(values));
    v[LITERAL_X31] = p->x[31];
}

/* --- page tables --- */

static void set_entry(uint8_t *low, uint32_t table, unsigned index, uint64_t value)
{
    memcpy(low + table + 8 * index, &value, 8);
}

static uint64_t entry(uint64_t gpa, uint64_t flags)
{
    return gpa >> 12 << 10 | flags;
}

uint32_t image_entry_offset(unsigned window, bool second)
{
    return TABLE_WINDOWS + (second ? PAGE : 0) + 8 * ((AT_WINDOWS >> 12) % 512 + window);
}

uint32_t image_code_entry(const struct program *p, struct rng *r)
{
    uint64_t flags = PTE_V | PTE_R | PTE_X | PTE_A | (p->mode == PRIV_U ? PTE_U : 0);
    if (rng_one_in(r, 12))
        flags ^= 1u << rng_below(r, 7);
    return (uint32_t)entry(RAM + AT_POOL + PAGE * rng_below(r, POOL_PAGES), flags);
}

uint32_t image_data_entry(const struct program *p, struct rng *r)
{
    uint64_t flags = PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | (p->user_data ? PTE_U : 0);
    if (rng_one_in(r, 3))
        flags ^= 1u << rng_below(r, 8);
    return (uint32_t)entry(RAM + AT_DATA + PAGE * rng_below(r, 16), flags);
}

static uint64_t low_flags(const struct program *p, uint32_t at)
{
    bool user = p->mode == PRIV_U;
    if (at < AT_CODE)
        return PTE_RWX;
    if (at == AT_HOLE)
        return 0;
    if (at < AT_SPECIAL)
        return PTE_RWX | (user || (p->user_data && at >= AT_STACK && at < AT_POOL) ? PTE_U : 0);
    return (PTE_RWX & ~(uint64_t)PTE_X) | (p->user_data ? PTE_U : 0);
}

static void put_special(const struct program *p, uint8_t *low, unsigned i)
{
    static const uint64_t flags[SPECIALS] = {
        PTE_V | PTE_R | PTE_A | PTE_D,
        PTE_V | PTE_X | PTE_A | PTE_D,
        PTE_RWX | PTE_U, /* turned round below */
        PTE_RWX & ~(uint64_t)(PTE_A | PTE_D),
        PTE_RWX & ~(uint64_t)PTE_D,
        PTE_V | PTE_W | PTE_A | PTE_D,
        PTE_RWX,
        PTE_RWX & ~(uint64_t)PTE_V,
        PTE_RWX | 1ull << 60,
        PTE_RWX & ~(uint64_t)PTE_X,
        0,
        PTE_RWX | PTE_G,
    };
    uint64_t gpa = i == 6 ? NOWHERE : RAM + AT_SPECIAL + i * PAGE;
    uint64_t user = p->user_data ? PTE_U : 0;
    set_entry(low, TABLE_LOW, (AT_SPECIAL >> 12) + i, entry(gpa, flags[i] ^ user));
}

static void put_tables(const struct program *p, uint8_t *low)
{
    uint64_t user = p->user_data ? PTE_U : 0, data = (PTE_RWX & ~(uint64_t)PTE_X) | user;
    uint64_t alike = data | (p->global ? PTE_G : 0);
    for (unsigned root = 0; root < 2; root++) {
        uint32_t table = TABLE_ROOT + root * PAGE, middle = TABLE_MIDDLE + root * PAGE,
                 windows = TABLE_WINDOWS + root * PAGE;
        set_entry(low, table, 0, entry(RAM + middle, PTE_V));
        set_entry(low, table, 1, entry(RAM + middle, PTE_V));
        set_entry(low, table, 2, entry(RAM + middle, PTE_V));
        set_entry(low, table, 3, entry(RAM, data | PTE_X)); /* of 1 GiB */
        set_entry(low, table, 6, entry(RAM, alike));
        set_entry(low, table, 511, entry(RAM + middle, PTE_V));
        set_entry(low, middle, 0, entry(RAM + TABLE_LOW, PTE_V));
        set_entry(low, middle, 1, entry(RAM + windows, PTE_V));
        for (unsigned i = 2; i < RAM_BYTES >> 21; i++)
            set_entry(low, middle, i, entry(RAM + ((uint64_t)i << 21), alike));
        for (unsigned i = 0; i < 512; i++)
            set_entry(low, windows, i, entry(RAM + (512 + i) * PAGE, alike));
        for (unsigned i = 0; i < WINDOWS; i++) {
            bool code = i >= CODE_WINDOW;
            uint64_t page =
                code ? AT_POOL + (i + root) % POOL_PAGES * PAGE : AT_DATA + (4 * root + i) * PAGE;
            uint64_t flags =
                code ? PTE_V | PTE_R | PTE_X | PTE_A | (p->mode == PRIV_U ? PTE_U : 0) : data;
            set_entry(low, windows, (AT_WINDOWS >> 12) % 512 + i, entry(RAM + page, flags));
        }
    }
    for (unsigned i = 0; i < 512; i++)
        set_entry(low, TABLE_LOW, i,
                  i < AT_LOW_END >> 12 ? entry(RAM + i * PAGE, low_flags(p, i * PAGE))
                                       : entry(RAM + i * PAGE, data));
    for (unsigned i = 0; i < SPECIALS; i++)
        put_special(p, low, i);
}

/* --- pages of functions --- */

static struct pages {
    bool made;
    uint8_t pool[POOL_PAGES * PAGE], templates[TEMPLATES * TEMPLATE_BYTES], cliff[PAGE];
    uint8_t special[PAGE], hole[PAGE];
} pages;

static void make_pages(void)
{
    struct writer w = {pages.pool, 0};
    if (pages.made)
        return;
    for (unsigned i = 0; i < POOL_PAGES; i++)
        for (unsigned k = 0; k < POOL_FUNCTIONS; k++) {
            w.at = i * PAGE + k * POOL_STEP;
            put(&w, "addi x10,x10,%u", 16 * i + k);
            put(&w, "c.addi x11,%u", 1 + i);
            if (k & 1)
                put(&w, "bne x10,x0,0x%llx", RAM + w.at + 8);
            put(&w, "xori x12,x10,%u", k + i);
            put(&w, "c.jr x1");
        }
    w = (struct writer){pages.templates, 0};
    for (unsigned i = 0; i < TEMPLATES; i++) {
        w.at = i * TEMPLATE_BYTES;
        put(&w, "addi x10,x10,%u", i);
        put(&w, i & 1 ? "xor x11,x11,x10" : "sub x11,x11,x10");
        put(&w, i & 2 ? "c.addi x12,3" : "c.li x13,5");
        put(&w, i & 4 ? "c.jr x1" : "c.nop");
        put(&w, "jalr x0,0(x1)");
    }
    w = (struct writer){pages.special, 0};
    while (w.at < PAGE)
        put(&w, "c.jr x30");
    memcpy(pages.hole, pages.special, PAGE);
    w = (struct writer){pages.cliff, 0};
    while (w.at < PAGE - 2)
        put(&w, "c.addi x14,1");
    uint32_t raw;
    rv_asm("addi x15,x15,77", 0, &raw);
    memcpy(pages.cliff + PAGE - 2, &raw, 2);
    memcpy(pages.hole, (uint8_t *)&raw + 2, 2);
    pages.made = true;
}

static void put_pages(uint8_t *low)
{
    memcpy(low + AT_POOL, pages.pool, sizeof(pages.pool));
    memcpy(low + AT_TEMPLATES, pages.templates, sizeof(pages.templates));
    memcpy(low + AT_CLIFF, pages.cliff, PAGE);
    memcpy(low + AT_HOLE, pages.hole, PAGE);
    for (unsigned i = 0; i < SPECIALS; i++)
        memcpy(low + AT_SPECIAL + i * PAGE, pages.special, PAGE);
}

/* --- all of it --- */

static void put_save_area(uint8_t *low, uint32_t at, uint32_t log)
{
    static const uint64_t pending[4] = {0, 0x2, 0x20, 0x200};
    const uint64_t log_address = RAM + log, factor = 0x9e3779b97f4a7c15ull;
    memcpy(low + at + SAVE_LOG, &log_address, 8);
    memcpy(low + at + SAVE_FACTOR, &factor, 8);
    memcpy(low + at + SAVE_PENDING, pending, sizeof(pending));
}

static void put_literals(const struct program *p, struct image *m)
{
    uint64_t v[LITERALS + IMAGE_ROOTS];
    memcpy(v, p->literals, sizeof(p->literals));
    v[LITERAL_X30] =
        v[LITERAL_MEPC] - p->start + m->code.at[p->count]; /* mepc: where the code is */
    for (unsigned i = 0; i < p->count; i++)
        if (p->items[i].kind == ITEM_END)
            v[LITERAL_X30] = v[LITERAL_MEPC] - p->start + m->code.at[i];
    v[LITERALS] = satp_of(0, 1);
    v[LITERALS + 1] = satp_of(1, 2);
    v[LITERALS + 2] = satp_of(0, 3);
    v[LITERALS + 3] = 0;
    memcpy(m->low + AT_LITERALS, v, sizeof(v));
}

void image_make(struct image *m, const struct program *p)
{
    const struct runtime *rt = runtime_get();
    struct rng r = {p->data_seed};
    make_pages();
    memset(m->low, 0, sizeof(m->low));
    memcpy(m->low, rt->bytes, sizeof(rt->bytes));
    m->end = RAM + rt->end;
    program_link(p, &m->code);
    put_literals(p, m);
    put_save_area(m->low, AT_SAVE_M, AT_LOG_M);
    put_save_area(m->low, AT_SAVE_S, AT_LOG_S);
    put_tables(p, m->low);
    put_pages(m->low);
    memcpy(m->low + AT_CODE, m->code.bytes, m->code.size);
    for (unsigned i = 0; i < AT_DATA_END - AT_DATA; i += 8) {
        uint64_t v = rng_next(&r);
        memcpy(m->low + AT_DATA + i, &v, 8);
    }
    memcpy(m->windows, m->low + AT_DATA, CODE_WINDOW * PAGE);
    memcpy(m->windows + CODE_WINDOW * PAGE, pages.pool, sizeof(pages.pool));
}
