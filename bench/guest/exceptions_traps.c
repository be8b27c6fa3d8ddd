/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps that are taken and returned from, each with the shortest handler that goes on behind what
 * trapped and adds up what the trap reported.  Exceptions are delegated to S-mode, as an operating
 * system has them, and come from there or, ecall, from U-mode; the timer's interrupt is M-mode's.
 * Loop and handler are one piece of assembly, which keeps everything in registers.
 */
#include "traps.h"
#include "workload.h"

enum { TRAPS = 16384, TIMERS = 8192 };

#define UNMAPPED     GIGA              /* nothing is there */
#define PROGRAM_USER (VIRT_RAM + GIGA) /* the program, for U-mode */

#define INSN_UNDEFINED "0x0000000b" /* custom-0, which nobody has */

#define ADD_UP(csr)                                                                                \
    "	csrr	%[t], " #csr "\n"                                                                  \
    "	add	%[sum], %[sum], %[t]\n"

/* Go on behind the instruction, which has four bytes. */
#define STEP_OVER                                                                                  \
    "	csrr	%[t], sepc\n"                                                                           \
    "	addi	%[t], %[t], 4\n"                                                                        \
    "	csrw	sepc, %[t]\n"

struct traps {
    unsigned long satp;
};

static struct traps *traps_new(struct arena *a)
{
    struct traps *t = ARENA_NEW(a, struct traps, 1);

    workload_require(paging_begin(3), "Sv39");
    *paging_entry(PROGRAM_USER, 2) = pte_make(VIRT_RAM, PTE_V | PTE_RWX | PTE_AD | PTE_U);
    t->satp = csr_read(satp);
    paging_end();
    return t;
}

/* ---- a load from where nothing is mapped ---- */
static unsigned long load_faults(unsigned long va)
{
    uint64_t sum = 0, left = TRAPS, t;

    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     "	la	%[t], 2f\n"
                     "	csrw	stvec, %[t]\n"
                     "1:	ld	%[t], 0(%[va])\n"
                     "	addi	%[left], %[left], -1\n"
                     "	bnez	%[left], 1b\n"
                     "	j	3f\n" HANDLER "2:\n" ADD_UP(scause) ADD_UP(stval) STEP_OVER
                     "	sret\n"
                     "3:\n"
                     ".option pop"
                     : [t] "=&r"(t), [sum] "+&r"(sum), [left] "+&r"(left)
                     : [va] "r"(va)
                     : "memory");
    return sum;
}

void *load_fault_setup(struct arena *a)
{
    struct traps *t = traps_new(a);

    workload_require(load_fault_run(t) == TRAPS * (CAUSE_LOAD_PAGE + UNMAPPED),
                     "causes and addresses of the faults");
    return t;
}

uint64_t load_fault_run(void *state)
{
    const struct traps *t = state;
    return supervisor_run(t->satp, 1UL << CAUSE_LOAD_PAGE, load_faults, UNMAPPED);
}

/* ---- a jump to where nothing is mapped ---- */
static unsigned long fetch_faults(unsigned long va)
{
    uint64_t sum = 0, left = TRAPS, back, t;

    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     "	la	%[t], 2f\n"
                     "	csrw	stvec, %[t]\n"
                     "	la	%[back], 4f\n"
                     "1:	jr	%[va]\n"
                     "4:	addi	%[left], %[left], -1\n"
                     "	bnez	%[left], 1b\n"
                     "	j	3f\n" HANDLER "2:\n" ADD_UP(scause) ADD_UP(stval)
                         ADD_UP(sepc) "	csrw	sepc, %[back]\n"
                                      "	sret\n"
                                      "3:\n"
                                      ".option pop"
                     : [t] "=&r"(t), [back] "=&r"(back), [sum] "+&r"(sum), [left] "+&r"(left)
                     : [va] "r"(va)
                     : "memory");
    return sum;
}

void *fetch_fault_setup(struct arena *a)
{
    struct traps *t = traps_new(a);

    workload_require(fetch_fault_run(t) == TRAPS * (CAUSE_FETCH_PAGE + 2 * UNMAPPED),
                     "causes and addresses of the faults");
    return t;
}

uint64_t fetch_fault_run(void *state)
{
    const struct traps *t = state;
    return supervisor_run(t->satp, 1UL << CAUSE_FETCH_PAGE, fetch_faults, UNMAPPED);
}

/* ---- a call from U-mode ---- */

/* Enters U-mode itself and leaves it for good by the last trap.  The count of U-mode has one less:
 * the last call does not return. */
static unsigned long calls_from_user(unsigned long distance)
{
    uint64_t sum = 0, left = TRAPS, count = 0, t;

    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     "	la	%[t], 2f\n"
                     "	csrw	stvec, %[t]\n"
                     "	la	%[t], 1f\n"
                     "	add	%[t], %[t], %[distance]\n"
                     "	csrw	sepc, %[t]\n"
                     "	li	%[t], %[spp]\n"
                     "	csrc	sstatus, %[t]\n"
                     "	sret\n"
                     "1:	ecall\n"
                     "	addi	%[count], %[count], 1\n"
                     "	j	1b\n" HANDLER "2:\n" ADD_UP(scause) STEP_OVER
                     "	addi	%[left], %[left], -1\n"
                     "	beqz	%[left], 3f\n"
                     "	sret\n"
                     "3:\n"
                     ".option pop"
                     : [t] "=&r"(t), [count] "+&r"(count), [sum] "+&r"(sum), [left] "+&r"(left)
                     : [distance] "r"(distance), [spp] "i"(MSTATUS_SPP)
                     : "memory");
    return sum + count;
}

void *ecall_setup(struct arena *a)
{
    struct traps *t = traps_new(a);

    workload_require(ecall_run(t) == TRAPS * CAUSE_ECALL_U + TRAPS - 1, "causes of the calls");
    return t;
}

uint64_t ecall_run(void *state)
{
    const struct traps *t = state;
    return supervisor_run(t->satp, 1UL << CAUSE_ECALL_U, calls_from_user, PROGRAM_USER - VIRT_RAM);
}

/* ---- an instruction that is none ---- */
static unsigned long undefined_instructions(unsigned long unused)
{
    uint64_t sum = 0, left = TRAPS, t;

    (void)unused;
    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     "	la	%[t], 2f\n"
                     "	csrw	stvec, %[t]\n"
                     "1:	.word	" INSN_UNDEFINED "\n"
                     "	addi	%[left], %[left], -1\n"
                     "	bnez	%[left], 1b\n"
                     "	j	3f\n" HANDLER "2:\n" ADD_UP(scause) STEP_OVER "	sret\n"
                                                                              "3:\n"
                                                                              ".option pop"
                     : [t] "=&r"(t), [sum] "+&r"(sum), [left] "+&r"(left)
                     :
                     : "memory");
    return sum;
}

void *illegal_setup(struct arena *a)
{
    struct traps *t = traps_new(a);

    workload_require(illegal_run(t) == TRAPS * CAUSE_ILLEGAL, "causes of the traps");
    return t;
}

uint64_t illegal_run(void *state)
{
    const struct traps *t = state;
    return supervisor_run(t->satp, 1UL << CAUSE_ILLEGAL, undefined_instructions, 0);
}

/* ---- the timer ---- */

enum { MTI = 7 };

/* The low half of mtimecmp is 0, so the high half decides: the past, or in 58,000 years. */
void *timer_setup(struct arena *a)
{
    mmio_write64(CLINT_MTIMECMP(0), (uint64_t)UINT32_MAX << 32);
    workload_require(timer_run(a) == interrupts_expected(MTI, TIMERS), "causes of the interrupts");
    return a;
}

uint64_t timer_run(void *state)
{
    (void)state;
    return interrupts_take(CLINT_MTIMECMP(0) + 4, 0, UINT32_MAX, MIP_MTIP, TIMERS);
}
