/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2 oracle=no
 *
 * stimecmp moved from the near to the far future: STIP is 0 at once, and no timer
 * that was under way raises it later.  Not for QEMU, where one that expires during
 * the write raises STIP after it (sim/doc/qemu-differences.md).
 */
#include "guest.h"

/* By number: assemblers of 2022 do not know the names. */
#define SET_STIMECMP(v) __asm__ volatile("csrw 0x14d, %0" : : "r"((unsigned long)(v)) : "memory")
#define SET_MENVCFG(v)  __asm__ volatile("csrw 0x30a, %0" : : "r"(v))

static unsigned long stip(void)
{
    return !!(csr_read(mip) & MIP_STIP);
}

static void test_moved(void)
{
    SET_MENVCFG(1UL << 63); /* STCE */
    for (unsigned i = 0; i < 20000; i++) {
        SET_STIMECMP(csr_read(time) + i % 100);
        SET_STIMECMP(~0UL);
        CHECK_EQ(stip(), 0);
        for (unsigned j = 0; j < i % 64; j++)
            CHECK_EQ(stip(), 0);
    }
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"STIP follows stimecmp to the far future", test_moved},
    };
    return GUEST_RUN(cases);
}
