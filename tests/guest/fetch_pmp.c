/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 timeout=60 oracle=no
 *
 * PMP ranges without execution that begin and end inside a page: straight-line
 * code and branches run into them.  QEMU 7.2 checks where it begins to translate
 * only, and runs through.
 */
#include "guest.h"

#define PMP_R    1
#define PMP_W    2
#define PMP_TOR  (1 << 3)
#define PMP_L    0x80
#define C_ADDI_1 0x0505 /* c.addi a0, 1 */
#define C_RET    0x8082
#define HOLE     0x100
#define HOLE_END 0x110

static uint16_t area[4096] __attribute__((aligned(8192)));
static struct guest_caught caught;

static void fence_i(void)
{
    __asm__ volatile("fence.i" : : : "memory");
}

static char *area_at(unsigned offset)
{
    return (char *)area + offset;
}

/* Only c.addi a0, 1. */
static void area_fill(void)
{
    for (unsigned i = 0; i < 4096; i++)
        *(volatile uint16_t *)&area[i] = C_ADDI_1;
    fence_i();
}

static void area_put(unsigned offset, uint32_t insn)
{
    *(volatile uint16_t *)area_at(offset) = (uint16_t)insn;
    *(volatile uint16_t *)area_at(offset + 2) = (uint16_t)(insn >> 16);
    fence_i();
}

/* jal x0, offset */
static uint32_t insn_j(int offset)
{
    uint32_t o = (uint32_t)offset;
    return 0x6f | (o >> 20 & 1) << 31 | (o >> 1 & 0x3ff) << 21 | (o >> 11 & 1) << 20 |
           (o >> 12 & 0xff) << 12;
}

/* No execution in [HOLE, HOLE_END) of the area, all else open. */
static void hole_make(unsigned char lock)
{
    csr_write(pmpcfg0, 0);
    csr_write(pmpaddr0, (unsigned long)area_at(HOLE) >> 2);
    csr_write(pmpaddr1, (unsigned long)area_at(HOLE_END) >> 2);
    csr_write(pmpaddr7, ~0UL);
    csr_write(pmpcfg0, 0x1fUL << 56 | (unsigned long)(lock | PMP_TOR | PMP_R | PMP_W) << 8);
    __asm__ volatile("sfence.vma" : : : "memory");
}

static unsigned long jump(unsigned long to)
{
    register unsigned long a0 __asm__("a0") = 0;
    __asm__ volatile("jalr ra, 0(%1)" : "+r"(a0) : "r"(to) : "ra", "memory");
    return a0;
}

/* Runs into the hole from start: steps instructions are executed, that at epc is not. */
static void check_runs_into(int mode, unsigned start, unsigned epc, unsigned tval,
                            unsigned long steps)
{
    guest_catch(&caught);
    CHECK_EQ(guest_run_in(mode, jump, (unsigned long)area_at(start)), steps);
    guest_catch(NULL);
    CHECK_EQ(caught.cause, CAUSE_FETCH_ACCESS);
    CHECK_EQ(caught.epc, (unsigned long)area_at(epc));
    CHECK_EQ(caught.tval, (unsigned long)area_at(tval));
}

static void check_fine(int mode, unsigned start, unsigned long steps)
{
    guest_catch(&caught);
    CHECK_EQ(guest_run_in(mode, jump, (unsigned long)area_at(start)), steps);
    guest_catch(NULL);
    CHECK_EQ(caught.cause, ~0UL);
}

static void check_hole(int mode)
{
    area_fill();
    area_put(HOLE_END + 4, C_RET);
    check_runs_into(mode, HOLE - 8, HOLE, HOLE, 4);
    check_runs_into(mode, HOLE, HOLE, HOLE, 0);
    check_runs_into(mode, HOLE_END - 2, HOLE_END - 2, HOLE_END - 2, 0);
    check_fine(mode, HOLE_END, 2);
    /* Over the hole, and into it, by a branch in the page. */
    area_put(HOLE - 4, insn_j(HOLE_END - HOLE + 4));
    check_fine(mode, HOLE - 8, 4);
    area_put(HOLE - 4, insn_j(8));
    check_runs_into(mode, HOLE - 8, HOLE + 4, HOLE + 4, 2);
    area_put(HOLE_END + 4, insn_j(-8));
    check_runs_into(mode, HOLE_END, HOLE_END - 4, HOLE_END - 4, 2);
    /* Code before and behind, across the page's end. */
    area_fill();
    area_put(4094, 0x00150513); /* addi a0, a0, 1 */
    area_put(4098, C_RET);
    check_fine(mode, 4090, 3);
}

static void test_hole(void)
{
    hole_make(0);
    check_hole(PRIV_U);
    check_hole(PRIV_S);
    check_fine(PRIV_M, 4090, 3);
}

/* Last: locks stay until reset. */
static void test_locked_hole(void)
{
    hole_make(PMP_L);
    check_hole(PRIV_M);
    check_hole(PRIV_S);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"range without execution", test_hole},
        {"locked range without execution", test_locked_hole},
    };
    return GUEST_RUN(cases);
}
