/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2,4 timeout=120 cpu=rv64
 *
 * Random code, random page tables and random registers in S and U, on all harts
 * at once in the same 256 KiB, which PMP keeps them in: code that overwrites
 * itself and its tables, straddles pages, jumps anywhere.  Nothing is expected
 * of it but that the simulator goes on, that M-mode is entered when the timer
 * says so, and that memory outside stays as it was.  (The newest QEMU, since 7.2
 * aborts at a CLZ with UXL = 3: sim/doc/qemu-differences.md.)
 */
#include "guest.h"

#define BOX       (256UL << 10)
#define ROUNDS    500
#define TRAPS_MAX 40
#define SLICE     3000 /* ticks of mtime: 300 us */
#define MTIP      7

struct fence_page {
    uint64_t word[512];
} __attribute__((aligned(4096)));

static struct fence_page before;
static uint8_t box[BOX] __attribute__((aligned(BOX)));
static struct fence_page after;
static uint32_t stub[1024] __attribute__((aligned(4096)));

static struct {
    uint64_t random;
    unsigned traps;
    bool begun;
    unsigned long gp;
} per_hart[GUEST_MAX_HARTS];

static uint64_t next(unsigned hart)
{
    uint64_t x = per_hart[hart].random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return per_hart[hart].random = x;
}

static unsigned long box_address(unsigned hart)
{
    return (unsigned long)box + next(hart) % BOX;
}

/* ---- what is written into the box ---- */

static uint32_t random_insn(unsigned hart)
{
    static const uint16_t csrs[] = {0x100, 0x104, 0x105, 0x106, 0x140, 0x141, 0x142, 0x143, 0x144,
                                    0x14d, 0x180, 0xc00, 0xc01, 0xc02, 0x001, 0x002, 0x003, 0x300};
    static const uint32_t fixed[] = {0x0000100f, 0x12000073, 0x10200073, 0x00100073, 0x10500073,
                                     0x0ff0000f, 0x00000000, 0x18000073, 0x00000073, 0x0100000f};
    static const uint8_t opcodes[] = {0x03, 0x23, 0x63, 0x6f, 0x67, 0x2f, 0x13, 0x33, 0x07,
                                      0x27, 0x53, 0x43, 0x0f, 0x17, 0x37, 0x1b, 0x3b};
    uint64_t r = next(hart);
    uint32_t word = (uint32_t)(r >> 32);
    switch (r % 16) {
    case 0:
        return word; /* anything */
    case 1:
        return fixed[word % (sizeof(fixed) / sizeof(fixed[0]))];
    case 2: /* CSR instructions */
        return (word & 0xff080u) | 1 << 12 | 0x73 |
               (uint32_t)csrs[(word >> 20) % (sizeof(csrs) / sizeof(csrs[0]))] << 20;
    case 3: /* sfence.vma with registers */
        return 0x12000073 | (word & 0x1ff8000);
    case 4: /* lr, sc, swap, add of a word or double */
        return (word & 0x18ff0f80) | 0x2000202f | (word & 0x1000);
    case 5: /* two compressed ones */
        return word & ~0x00020002u;
    case 6: /* a short branch or jump */
        return word & 1 ? (word & 0x01fff000) | 0x463 : (word & 0x00f00f80) | 0x6f;
    default:
        return (word & ~0x7fu) | opcodes[word % sizeof(opcodes)];
    }
}

/* What looks like a PTE of the box. */
static uint64_t random_pte(unsigned hart)
{
    uint64_t r = next(hart), pte = box_address(hart) >> 12 << 10 | (r & 0xff);
    return r >> 60 ? pte | (r & 8 ? 1 : 0xcf) : next(hart);
}

static void scribble(unsigned hart)
{
    unsigned long at = box_address(hart) & ~7UL, count = next(hart) % 512;
    bool table = next(hart) % 4 == 0;
    for (unsigned long i = 0; i < count; i++, at += 8) {
        if (at >= (unsigned long)box + BOX)
            break;
        uint64_t code = random_insn(hart) | (uint64_t)random_insn(hart) << 32;
        *(volatile uint64_t *)at = table ? random_pte(hart) : code;
    }
}

/* ---- traps ---- */

static void registers(struct guest_trap *t, unsigned hart)
{
    for (unsigned i = 1; i < 32; i++)
        t->x[i] = next(hart) % 8 ? box_address(hart) & ~7UL : next(hart);
    t->epc = box_address(hart) & ~1UL;
}

static void leave_box(struct guest_trap *t, unsigned hart)
{
    csr_write(satp, 0);
    csr_write(medeleg, 0);
    csr_write(mideleg, 0); /* or a pending interrupt of S comes before the ecall */
    csr_write(mie, 1UL << MTIP);
    mmio_write64(CLINT_MTIMECMP(hart), ~0UL);
    t->x[3] = per_hart[hart].gp;
    t->x[4] = hart;
    t->x[17] = GUEST_ECALL_RETURN;
    t->epc = (unsigned long)&stub[1];
    t->status &= ~MSTATUS_MPP;
}

static void hook(struct guest_trap *t)
{
    unsigned hart = (unsigned)csr_read(mhartid);
    bool timer = t->cause == (CAUSE_INTERRUPT | MTIP);
    if (!per_hart[hart].begun) { /* the stub's ebreak */
        per_hart[hart].begun = true;
        registers(t, hart);
        mmio_write64(CLINT_MTIMECMP(hart), guest_mtime() + SLICE);
    } else if (timer || ++per_hart[hart].traps > TRAPS_MAX) {
        leave_box(t, hart);
    } else {
        if (next(hart) % 4 == 0)
            csr_write(satp, next(hart) % 2 ? 0 : SATP_SV39 | box_address(hart) >> 12);
        if (t->cause == CAUSE_FETCH_ACCESS || t->cause == CAUSE_FETCH_PAGE || next(hart) % 8 == 0)
            registers(t, hart);
        else
            t->epc += 2;
    }
}

/* ---- rounds ---- */

/* The stub for all, the box for all but a random hole, nothing else. */
static void protect(unsigned hart)
{
    unsigned long size = 8UL << next(hart) % 12, hole = box_address(hart) & ~(size - 1);
    unsigned long rights = next(hart) & 5;
    csr_write(pmpcfg0, 0);
    csr_write(pmpaddr0, hole >> 2 | (size / 8 - 1));
    csr_write(pmpaddr1, (unsigned long)box >> 2 | (BOX / 8 - 1));
    csr_write(pmpaddr2, (unsigned long)stub >> 2 | (4096 / 8 - 1));
    csr_write(pmpcfg0, 0x1cUL << 16 | 0x1fUL << 8 | 0x18 | rights);
}

static void attack(void *arg)
{
    unsigned hart = guest_hart_id();
    (void)arg;
    per_hart[hart].random = 0x9e3779b97f4a7c15 * (hart + 1);
    __asm__ volatile("mv %0, gp" : "=r"(per_hart[hart].gp));
    csr_write(mcounteren, 7);
    csr_write(menvcfg, next(hart) & (3UL << 62 | 0xf1));
    csr_write(mie, 1UL << MTIP);
    for (unsigned i = 0; i < ROUNDS; i++) {
        scribble(hart);
        protect(hart);
        csr_write(mideleg, next(hart));
        csr_write(medeleg, next(hart) % 3 ? 0 : next(hart) & ~0x108UL);
        per_hart[hart].traps = 0;
        per_hart[hart].begun = false;
        csr_set(mstatus, MSTATUS_TW);
        guest_run_in(next(hart) % 2 ? PRIV_S : PRIV_U,
                     (unsigned long (*)(unsigned long))(void *)stub, 0);
    }
    csr_write(mie, 0);
    csr_write(medeleg, 0);
    csr_write(pmpcfg0, 0x1fUL << 56);
}

static void check_outside(void)
{
    for (unsigned i = 0; i < 512; i++) {
        CHECK_EQ(before.word[i], i + 1);
        CHECK_EQ(after.word[i], ~(uint64_t)i);
    }
}

static void test_hostile(void)
{
    unsigned harts = guest_hart_count();
    for (unsigned i = 0; i < 512; i++) {
        before.word[i] = i + 1;
        after.word[i] = ~(uint64_t)i;
    }
    stub[0] = 0x00100073; /* ebreak */
    stub[1] = 0x00000073; /* ecall */
    __asm__ volatile("fence.i" : : : "memory");
    csr_write(pmpaddr7, ~0UL);
    guest_trap_hook(hook);
    for (unsigned i = 1; i < harts; i++)
        guest_hart_start(i, attack, NULL);
    attack(NULL);
    for (unsigned i = 1; i < harts; i++)
        guest_hart_join(i);
    guest_trap_hook(NULL);
    check_outside();
}

int main(void)
{
    static const struct guest_case cases[] = {{"random code in a box", test_hostile}};
    return GUEST_RUN(cases);
}
