/* SPDX-License-Identifier: Apache-2.0 */
/* A software interrupt that the hart sends to itself by the CLINT, and takes. */
#include "traps.h"
#include "workload.h"

enum { INTERRUPTS = 16384, MSI = 3 };

void *self_interrupt_setup(struct arena *a)
{
    workload_require(self_interrupt_run(a) == interrupts_expected(MSI, INTERRUPTS),
                     "causes of the interrupts");
    return a;
}

uint64_t self_interrupt_run(void *state)
{
    (void)state;
    return interrupts_take(CLINT_MSIP(0), 1, 0, MIP_MSIP, INTERRUPTS);
}
