/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2 exit=3 timeout=60 args=--isa,rv64gc_smdbltrp oracle=no
 *
 * Smdbltrp without Smrnmi: a trap in the trap handler is a critical error, which
 * ends the machine (exit code 3) also while other harts sleep.  The extension is
 * newer than the oracle.
 */
#include "guest.h"

/* The first is expected, and so is the next one after MRET; the trap inside is the end. */
static void hook(struct guest_trap *t)
{
    static unsigned n;
    if (++n == 3)
        __asm__ volatile("ebreak");
    guest_trap_skip(t);
}

int main(void)
{
    guest_trap_hook(hook);
    for (unsigned i = 0; i < 3; i++)
        __asm__ volatile("ebreak");
    return 1;
}
