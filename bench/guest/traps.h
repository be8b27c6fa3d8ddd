/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workloads share that leave M-mode or take traps by handlers of their own: they run with
 * another state of the hart than the driver, and leave behind the one they found.
 */
#ifndef BENCH_TRAPS_H
#define BENCH_TRAPS_H

#include "paging.h"

/* Before a handler in code without compressed instructions, where the assembler takes everything
 * to be aligned to four bytes as it is. */
#define HANDLER                                                                                    \
    ".option rvc\n"                                                                                \
    ".balign 4\n"                                                                                  \
    ".option norvc\n"

/* fn(arg) in S-mode under the value of satp, with the exceptions whose bits are in DELEGATED taken
 * there, by the handler that fn puts into stvec.  Others end the program. */
static inline uint64_t supervisor_run(unsigned long satp, unsigned long delegated,
                                      unsigned long (*fn)(unsigned long), unsigned long arg)
{
    unsigned long status = csr_read(mstatus), medeleg = csr_swap(medeleg, delegated);
    unsigned long stvec = csr_read(stvec), satp_before = csr_swap(satp, satp);

    sfence_all();
    unsigned long v = guest_run_in(PRIV_S, fn, arg);
    csr_write(satp, satp_before);
    sfence_all();
    csr_write(stvec, stvec);
    csr_write(medeleg, medeleg);
    csr_write(mstatus, status);
    return v;
}

/*
 * Raises by a store of RAISE to the 32-bit register at AT, takes the interrupt, lowers it by a
 * store of LOWER, and returns; TIMES times.  BIT is the interrupt's in mip and mie.  Returns the
 * sum of mcause over all that were taken.  How soon an interrupt follows the store is the
 * machine's choice (Privileged, Machine Interrupt Registers: eventually): so the hart waits for
 * it, and before MRET for its end.
 */
static inline uint64_t interrupts_take(unsigned long at, uint32_t raise, uint32_t lower,
                                       unsigned long bit, uint64_t times)
{
    unsigned long status = csr_read(mstatus), mie = csr_swap(mie, bit), mtvec = csr_read(mtvec);
    uint64_t sum = 0, before, t;

    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     "	la	%[t], 2f\n"
                     "	csrw	mtvec, %[t]\n"
                     "	csrsi	mstatus, %[enable]\n"
                     "1:	mv	%[before], %[left]\n"
                     "	sw	%[raise], 0(%[at])\n"
                     "4:	beq	%[left], %[before], 4b\n"
                     "	bnez	%[left], 1b\n"
                     "	csrci	mstatus, %[enable]\n"
                     "	j	3f\n" HANDLER "2:	sw	%[lower], 0(%[at])\n"
                     "	csrr	%[t], mcause\n"
                     "	add	%[sum], %[sum], %[t]\n"
                     "	addi	%[left], %[left], -1\n"
                     "5:	csrr	%[t], mip\n"
                     "	and	%[t], %[t], %[bit]\n"
                     "	bnez	%[t], 5b\n"
                     "	mret\n"
                     "3:\n"
                     ".option pop"
                     : [t] "=&r"(t), [before] "=&r"(before), [sum] "+&r"(sum), [left] "+&r"(times)
                     : [at] "r"(at), [raise] "r"(raise), [lower] "r"(lower), [bit] "r"(bit),
                       [enable] "i"(MSTATUS_MIE)
                     : "memory");
    csr_write(mtvec, mtvec);
    csr_write(mie, mie);
    csr_write(mstatus, status);
    return sum;
}

static inline uint64_t interrupts_expected(unsigned number, uint64_t times)
{
    return times * (CAUSE_INTERRUPT | number);
}

#endif
