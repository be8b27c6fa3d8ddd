/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 timeout=60 oracle=no
 *
 * Code at the very end of RAM, of 128 MiB: running off it, instructions that do
 * not fit, and ones that are overwritten before they run.  QEMU 7.2 stops with a
 * failed assertion at the first.
 */
#include "guest.h"

#define RAM_END  0x88000000UL
#define C_ADDI_1 0x0505 /* c.addi a0, 1 */

static struct guest_caught caught;

static void fence_i(void)
{
    __asm__ volatile("fence.i" : : : "memory");
}

static unsigned long jump(unsigned long to)
{
    register unsigned long a0 __asm__("a0") = 0;
    __asm__ volatile("jalr ra, 0(%1)" : "+r"(a0) : "r"(to) : "ra", "memory");
    return a0;
}

static volatile uint16_t *ram_last(void)
{
    return (volatile uint16_t *)(RAM_END - 2);
}

static void check_last(unsigned long steps, unsigned long cause, unsigned long epc,
                       unsigned long tval)
{
    guest_catch(&caught);
    CHECK_EQ(jump(RAM_END - 2), steps);
    guest_catch(NULL);
    CHECK_EQ(caught.cause, cause);
    CHECK_EQ(caught.epc, epc);
    CHECK_EQ(caught.tval, tval);
}

static void test_ram_end(void)
{
    uint16_t saved = *ram_last();
    *ram_last() = C_ADDI_1;
    fence_i();
    check_last(1, CAUSE_FETCH_ACCESS, RAM_END, RAM_END);
    *ram_last() = 0x0513; /* half an addi */
    fence_i();
    check_last(0, CAUSE_FETCH_ACCESS, RAM_END - 2, RAM_END);
    *ram_last() = saved;
    fence_i();
}

static void return_hook(struct guest_trap *t)
{
    caught = (struct guest_caught){t->cause, t->epc, t->tval};
    t->epc = t->x[1];
}

/*
 * An illegal instruction of two bytes which becomes the first half of one of
 * four when the hart has decoded it.  Without FENCE.I either may run; what lies
 * behind the RAM is part of neither.
 */
static void test_illegal_overwritten(void)
{
    uint16_t saved = *ram_last();
    guest_trap_hook(return_hook);
    for (unsigned i = 0; i < 3; i++) {
        *ram_last() = 0;
        fence_i();
        jump(RAM_END - 2);
        CHECK_EQ(caught.cause, CAUSE_ILLEGAL);
        CHECK_EQ(caught.tval, 0);
        __asm__ volatile("jalr ra, 0(%0)\n" /* so that the page is where the hart looks first */
                         "sh %1, 0(%0)\n"
                         "jalr ra, 0(%0)"
                         :
                         : "r"(RAM_END - 2), "r"(3)
                         : "ra", "memory");
        CHECK_EQ(caught.epc, RAM_END - 2);
        if (caught.cause == CAUSE_FETCH_ACCESS) {
            CHECK_EQ(caught.tval, RAM_END);
        } else {
            CHECK_EQ(caught.cause, CAUSE_ILLEGAL);
            CHECK_EQ(caught.tval, 0);
        }
    }
    guest_trap_hook(NULL);
    *ram_last() = saved;
    fence_i();
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"end of RAM", test_ram_end},
        {"illegal instruction overwritten", test_illegal_overwritten},
    };
    return GUEST_RUN(cases);
}
