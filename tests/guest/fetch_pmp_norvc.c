/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: march=rv64imafd_zicsr_zifencei args=--isa,rv64imafd_zifencei oracle=no
 *
 * Without compressed instructions, in a page that PMP opens in part: jumps and
 * branches to halves of words trap, those to words do not, wherever they stand.
 * QEMU 7.2 does not write the target to mtval.
 */
#include "guest.h"

#define PMP_NA4 (2 << 3)

static uint32_t area[1024] __attribute__((aligned(4096)));
static struct guest_caught caught;

static unsigned long jump(unsigned long to)
{
    register unsigned long a0 __asm__("a0") = 0;
    __asm__ volatile("jalr ra, 0(%1)" : "+r"(a0) : "r"(to) : "ra", "memory");
    return a0;
}

/* beq x0, x0, offset; offset from 0 to 30 */
static uint32_t insn_beq(unsigned offset)
{
    return 0x63 | (offset >> 1 & 15) << 8;
}

/* jal x0, offset */
static uint32_t insn_j(unsigned offset)
{
    return 0x6f | (offset >> 1 & 0x3ff) << 21;
}

static void return_hook(struct guest_trap *t)
{
    caught = (struct guest_caught){t->cause, t->epc, t->tval};
    t->epc = t->x[1];
}

/* At word index a branch forward by offset; behind it additions up to a return. */
static void check(unsigned index, uint32_t insn, unsigned offset)
{
    for (unsigned i = 0; i < 8; i++)
        *(volatile uint32_t *)&area[index + i] = 0x00150513; /* addi a0, a0, 1 */
    *(volatile uint32_t *)&area[index] = insn;
    *(volatile uint32_t *)&area[index + 8] = 0x00008067; /* ret */
    __asm__ volatile("fence.i" : : : "memory");
    caught.cause = ~0UL;
    unsigned long steps = guest_run_in(PRIV_S, jump, (unsigned long)&area[index]);
    if (offset & 2) {
        CHECK_EQ(caught.cause, CAUSE_FETCH_MISALIGNED);
        CHECK_EQ(caught.epc, (unsigned long)&area[index]);
        CHECK_EQ(caught.tval, (unsigned long)&area[index] + offset);
    } else {
        CHECK_EQ(caught.cause, ~0UL);
        CHECK_EQ(steps, 8 - offset / 4);
    }
}

static void check_all(void)
{
    for (unsigned offset = 4; offset <= 30; offset += 2) {
        for (unsigned index = 100; index < 104; index++) {
            check(index, insn_beq(offset), offset);
            check(index, insn_j(offset), offset);
        }
        check(1024 - 9, insn_beq(offset), offset);
        check(0, insn_j(offset), offset);
    }
}

static void test_whole_page(void)
{
    check_all();
}

/* One word of the page is closed, which none of the code touches. */
static void test_part_of_page(void)
{
    csr_write(pmpaddr0, (unsigned long)&area[500] >> 2);
    csr_write(pmpcfg0, csr_read(pmpcfg0) | PMP_NA4);
    check_all();
    caught.cause = ~0UL;
    guest_run_in(PRIV_S, jump, (unsigned long)&area[500]);
    CHECK_EQ(caught.cause, CAUSE_FETCH_ACCESS);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"whole page", test_whole_page},
        {"part of a page", test_part_of_page},
    };
    csr_write(pmpcfg0, 0);
    csr_write(pmpaddr7, ~0UL);
    csr_write(pmpcfg0, 0x1fUL << 56);
    guest_trap_hook(return_hook);
    return GUEST_RUN(cases);
}
