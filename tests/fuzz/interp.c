/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random code in the interpreter.  The input gives registers, PMP entries, page
 * tables and code; two harts execute it in turn in slices, each at most so many
 * instructions, with interrupts raised and lowered between them.
 *
 * A prologue in M-mode sets the CSRs that the input names and leaves by MRET, so
 * the code is met in every mode with translation on and off.  Words of the code
 * may be given whole or by kind, so that most of them mean something.
 */
#include "tests/fuzz/guest.h"

enum { SLICES = 24, SLICE_MAX = 64, PROLOGUE = 0x100, CODE = 0x1000, CODE_END = 0x3000 };

static void put32(struct fuzz_guest *g, gpa_t off, uint32_t word)
{
    physmem_write(g->env.pm, FUZZ_RAM + off, &word, 4);
}

static uint32_t code_word(struct fuzz_in *in)
{
    static const uint32_t fixed[] = {0x0000100f, 0x12000073, 0x10200073, 0x30200073, 0x10500073,
                                     0x0ff0000f, 0x00100073, 0x18000073, 0x00000073, 0x0100000f,
                                     0x00d00073, 0x0020a00f, 0x0040a00f, 0x0000a00f};
    static const uint8_t opcodes[] = {0x03, 0x23, 0x63, 0x6f, 0x67, 0x2f, 0x13, 0x33, 0x07, 0x27,
                                      0x53, 0x43, 0x47, 0x4b, 0x4f, 0x0f, 0x17, 0x37, 0x1b, 0x3b};
    static const uint16_t csrs[] = {0x300, 0x304, 0x305, 0x306, 0x341, 0x342, 0x344, 0x302,
                                    0x303, 0x180, 0x100, 0x104, 0x105, 0x141, 0x144, 0x14d,
                                    0x30a, 0x10a, 0x3a0, 0x3b0, 0x001, 0x002, 0x003, 0xc00,
                                    0xc01, 0xc02, 0xb00, 0x320, 0x747, 0x5a8, 0x321, 0x7a0};
    uint8_t kind = fuzz_u8(in);
    if (kind < 0x40)
        return fuzz_u32(in);
    if (kind < 0x50)
        return fixed[kind % ARRAY_LEN(fixed)];
    if (kind < 0x70) /* a CSR instruction on one that exists */
        return (fuzz_u32(in) & 0xfff80) | 0x73 | (uint32_t)csrs[kind % 32] << 20;
    if (kind < 0x80) /* load, store or AMO through a register that points into RAM */
        return (fuzz_u32(in) & 0xfff07f80) | 10u << 15 | opcodes[kind % 2 ? 5 : 0];
    return (fuzz_u32(in) & ~0x7fu) | opcodes[kind % ARRAY_LEN(opcodes)];
}

/* csrrw x0, csr, x5 with x5 loaded from the literal behind it: what the input wants set. */
static gpa_t put_csr(struct fuzz_guest *g, gpa_t at, unsigned csr, uint64_t value)
{
    put32(g, at, 0x00000297);                        /* auipc x5, 0 */
    put32(g, at + 4, 0x0102b283);                    /* ld x5, 16(x5) */
    put32(g, at + 8, csr << 20 | 5u << 15 | 0x1073); /* csrw csr, x5 */
    put32(g, at + 12, 0x00c0006f);                   /* j over the literal */
    physmem_write(g->env.pm, FUZZ_RAM + at + 16, &value, 8);
    return at + 24;
}

static uint64_t pointer(struct fuzz_in *in)
{
    uint8_t kind = fuzz_u8(in);
    uint16_t off = fuzz_u16(in);
    switch (kind % 8) {
    case 0:
        return fuzz_u64(in);
    case 1:
        return FUZZ_MMIO + (off & 0xfff);
    case 2:
        return FUZZ_RAM + FUZZ_RAM_SIZE - (off & 15);
    case 3:
        return FUZZ_RAM - (off & 15);
    case 4:
        return FUZZ_RAM + CODE + off % (CODE_END - CODE);
    default:
        return FUZZ_RAM + off;
    }
}

static void set_registers(struct fuzz_guest *g, struct fuzz_in *in)
{
    for (unsigned r = 8; r < 16; r++) {
        uint64_t p = pointer(in);
        for (unsigned h = 0; h < FUZZ_HARTS; h++)
            g->gt->reg_set(g->guest, h, r, p);
    }
    for (unsigned r = 1; r < 4; r++)
        g->gt->reg_set(g->guest, 0, 32 + r, fuzz_u64(in));
}

/* Sv39 tables at 0x4000 that map RAM one to one in 4 KiB pages, with some entries from the input.
 */
static void put_tables(struct fuzz_guest *g, struct fuzz_in *in)
{
    const gpa_t table = FUZZ_RAM + 0x4000;
    uint64_t pte = (table + 0x1000) >> 2 | 1;
    physmem_write(g->env.pm, table + 8 * (FUZZ_RAM >> 30 & 511), &pte, 8);
    pte = (table + 0x2000) >> 2 | 1;
    physmem_write(g->env.pm, table + 0x1000, &pte, 8);
    for (unsigned i = 0; i < FUZZ_RAM_SIZE / PAGE_SIZE; i++) {
        pte = (FUZZ_RAM + i * PAGE_SIZE) >> 2 | 0xcf;
        physmem_write(g->env.pm, table + 0x2000 + 8 * i, &pte, 8);
    }
    for (unsigned n = fuzz_u8(in) % 8; n; n--) {
        pte = fuzz_u64(in);
        if (pte >> 56 < 0x80)
            pte = (FUZZ_RAM + (pte & 0x1f000)) >> 2 | (pte & 0xff);
        physmem_write(g->env.pm, table + 0x2000 + 8 * (fuzz_u8(in) % 64), &pte, 8);
    }
}

static void put_prologue(struct fuzz_guest *g, struct fuzz_in *in)
{
    static const uint16_t settable[] = {0x300, 0x302, 0x303, 0x304, 0x306, 0x30a, 0x320, 0x747,
                                        0x3a0, 0x3b0, 0x3b1, 0x14d, 0x106, 0x10a, 0x003, 0x104};
    uint8_t how = fuzz_u8(in);
    gpa_t at = 0;
    at = put_csr(g, at, 0x305, FUZZ_RAM + CODE); /* mtvec, stvec: the code again */
    at = put_csr(g, at, 0x105, FUZZ_RAM + CODE + (how & 1));
    for (unsigned n = how >> 1 & 3; n; n--) {
        unsigned csr = settable[fuzz_u8(in) % ARRAY_LEN(settable)];
        at = put_csr(g, at, csr, fuzz_u64(in));
    }
    if (how & 8) { /* PMP that opens all, behind what the input set */
        at = put_csr(g, at, 0x3bf, ~0ull >> 10);
        at = put_csr(g, at, 0x3a2, 0x1full << 56);
    }
    if (how & 16)
        at = put_csr(g, at, 0x180, 8ull << 60 | (FUZZ_RAM + 0x4000) >> 12);
    at = put_csr(g, at, 0x341, FUZZ_RAM + CODE);
    at =
        put_csr(g, at, 0x300, (uint64_t)(how >> 5 & 3) << 11 | 3ull << 13 | (how & 128 ? 0x80 : 0));
    put32(g, at, 0x30200073); /* mret */
}

static void put_code(struct fuzz_guest *g, struct fuzz_in *in)
{
    gpa_t at = CODE;
    if (fuzz_u8(in) & 1) /* so that it straddles the page's end */
        at = CODE + PAGE_SIZE - 2 - 4 * (fuzz_u8(in) % 8);
    for (; in->left && at + 4 <= CODE_END; at += 4)
        put32(g, at, code_word(in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_guest *guests[3];
    struct fuzz_in in = {data, size};
    if (!guests[0]) {
        guests[0] = fuzz_guest_create(NULL, false, false);
        guests[1] = fuzz_guest_create("rv64ima_zicsr", true, false);
        guests[2] = fuzz_guest_create("rv64gc_zba_zbb", false, false);
    }
    uint8_t which = fuzz_u8(&in);
    struct fuzz_guest *g = guests[which % 3];
    fuzz_guest_boot(g, START_ALL);
    set_registers(g, &in);
    put_tables(g, &in);
    put_prologue(g, &in);
    uint64_t irqs = fuzz_u64(&in);
    put_code(g, &in);
    fuzz_guest_run(g, 0, 80);
    fuzz_guest_run(g, 1, 80);
    for (unsigned i = 0; i < SLICES; i++) {
        unsigned hart = i & 1;
        uint8_t bits = (uint8_t)(irqs >> i % 8 * 8);
        g->gt->irq(g->guest, hart, 1 + 2 * (bits % 6), bits & 8);
        if (fuzz_guest_run(g, hart, 1 + (bits >> 2)) == PAUSE_WAITING)
            fuzz_pump(g->m);
        if (bits & 16)
            fuzz_pump(g->m);
    }
    return 0;
}
