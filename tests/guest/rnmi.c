/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: args=--isa,rv64gc_smrnmi_smdbltrp,--rnmi-vector,0x80400000 oracle=no
 *
 * Smrnmi and Smdbltrp: the registers, MNRET, and a double trap in M-mode that
 * goes to the RNMI handler.  No oracle by itself:
 * QEMU 10 runs it with -cpu rv64,h=false,smrnmi=true,smdbltrp=true and
 * -global driver=riscv.hart_array,property=rnmi-interrupt-vector,value=2151677952,
 * and agrees but for what is left out below.
 */
#include "guest.h"

#define HANDLER 0x80400000UL
#define NMIE    (1UL << 3)
#define MNPP    (3UL << 11)
#define MDT     (1UL << 42)

/* The assembler does not know the names. */
#define MNSCRATCH 0x740
#define MNEPC     0x741
#define MNCAUSE   0x742
#define MNSTATUS  0x744
#define READ(n)                                                                                    \
    ({                                                                                             \
        unsigned long r_;                                                                          \
        __asm__ volatile("csrr %0, %1" : "=r"(r_) : "i"(n));                                       \
        r_;                                                                                        \
    })
#define WRITE(n, v) __asm__ volatile("csrw %0, %1" : : "i"(n), "r"((unsigned long)(v)) : "memory")
#define SET(n, v)   __asm__ volatile("csrs %0, %1" : : "i"(n), "r"((unsigned long)(v)) : "memory")
#define CLEAR(n, v) __asm__ volatile("csrc %0, %1" : : "i"(n), "r"((unsigned long)(v)) : "memory")

/* What the handler saw: mnepc, mncause, mnstatus, mstatus; it steps over four bytes.  The last
 * words are its own. */
unsigned long seen[10], count;
void rnmi_entry(void);
__asm__(".text\n.balign 4\n.globl rnmi_entry\nrnmi_entry:\n"
        "la t0, seen\n"
        "sd t1, 64(t0)\n"
        "csrr t1, 0x741\nsd t1, 0(t0)\naddi t1, t1, 4\ncsrw 0x741, t1\n"
        "csrr t1, 0x742\nsd t1, 8(t0)\n"
        "csrr t1, 0x744\nsd t1, 16(t0)\n"
        "csrr t1, mstatus\nsd t1, 24(t0)\n"
        "li t1, 1\nslli t1, t1, 42\ncsrc mstatus, t1\n" /* MDT */
        "la t1, count\nld t0, 0(t1)\naddi t0, t0, 1\nsd t0, 0(t1)\n"
        "la t0, seen\nld t1, 64(t0)\n"
        "csrr t0, 0x740\n"
        ".word 0x70200073\n"); /* mnret */

static void test_reset_state(void)
{
    CHECK_EQ(READ(MNSTATUS), 0);
    SET(MNSTATUS, NMIE);
    CHECK_EQ(READ(MNSTATUS), NMIE);
    CLEAR(MNSTATUS, NMIE); /* has no effect */
    WRITE(MNSTATUS, 0);
    CHECK_EQ(READ(MNSTATUS), NMIE);
}

static void test_registers(void)
{
    WRITE(MNSCRATCH, 0x123456789abcdef0);
    CHECK_EQ(READ(MNSCRATCH), 0x123456789abcdef0);
#if GUEST_HTIF /* QEMU 10 keeps bit 0, and the mode that does not exist */
    WRITE(MNEPC, 0x80000003);
    CHECK_EQ(READ(MNEPC), 0x80000002);
    WRITE(MNSTATUS, 2UL << 11); /* no such mode */
    CHECK_EQ(READ(MNSTATUS), NMIE);
#endif
    WRITE(MNSTATUS, ~0UL);
    CHECK_EQ(READ(MNSTATUS), NMIE | MNPP);
}

/* MNRET to each mode, seen by the ecall that comes back. */
static void test_mnret(void)
{
    for (unsigned long mode = 0; mode < 4; mode++) {
        unsigned long status;
        if (mode == 2)
            continue;
        csr_set(mstatus, MSTATUS_MPRV | MSTATUS_MPP);
        WRITE(MNSTATUS, mode << 11);
        __asm__ volatile("la t0, 1f\ncsrw 0x741, t0\n.word 0x70200073\n.balign 4\n1:\n" : : : "t0");
        if (mode == 3) {
            CHECK_EQ(csr_read(mstatus) & MSTATUS_MPRV, MSTATUS_MPRV);
            csr_clear(mstatus, MSTATUS_MPRV);
            continue;
        }
        __asm__ volatile("li a7, 0\necall\nmv %0, a0" : "=r"(status) : : "a0", "a7");
        CHECK_EQ((status & MSTATUS_MPP) >> 11, mode);
        CHECK_EQ(status & MSTATUS_MPRV, 0); /* gone with the mode */
        CHECK_EQ(status >> 42 & 1, 1);      /* this trap's own */
    }
    CHECK_EQ(READ(MNSTATUS), NMIE | MNPP);
}

/* Back to M with the frame's status in a0. */
static void hook(struct guest_trap *t)
{
    t->x[10] = t->status;
    t->epc += 4;
    t->status |= MSTATUS_MPP;
}

static void test_mdt(void)
{
    csr_set(mstatus, MSTATUS_MIE);
    csr_set(mstatus, MDT);
    CHECK_EQ(csr_read(mstatus) & (MDT | MSTATUS_MIE), MDT);
    csr_set(mstatus, MSTATUS_MIE);
    CHECK_EQ(csr_read(mstatus) & (MDT | MSTATUS_MIE), MDT);
    csr_clear(mstatus, MDT);
}

void trap_here(void);
__asm__(".text\n.balign 4\n.globl trap_here\n.option push\n.option norvc\ntrap_here: ebreak\nret\n"
        ".option pop\n");

static void test_double_trap(void)
{
    csr_write(mepc, 0x80000100);
    csr_write(mcause, 7);
    csr_set(mstatus, MDT);
    trap_here();
    CHECK_EQ(count, 1);
    CHECK_EQ(seen[0], (unsigned long)trap_here);
    CHECK_EQ(seen[1], CAUSE_BREAKPOINT);
    CHECK_EQ(seen[2], MNPP); /* from M, NMIE = 0 */
    CHECK_EQ(seen[3] & MDT, MDT);
    CHECK_EQ(csr_read(mepc), 0x80000100);
    CHECK_EQ(csr_read(mcause), 7);
    CHECK_EQ(READ(MNSTATUS), MNPP | NMIE);
    CHECK_EQ(csr_read(mstatus) & MDT, 0);
}

/* In a handler of the ordinary kind MDT is set by the hardware. */
static void nesting_hook(struct guest_trap *t)
{
    CHECK_EQ(csr_read(mstatus) & MDT, MDT);
    trap_here();
    t->epc += 4;
}

static void test_trap_in_handler(void)
{
    guest_trap_hook(nesting_hook);
    trap_here();
    guest_trap_hook(NULL);
    CHECK_EQ(count, 2);
    CHECK_EQ(seen[1], CAUSE_BREAKPOINT);
    CHECK_EQ(csr_read(mstatus) & MDT, 0); /* MRET */
}

static const struct guest_case cases[] = {
    {"out of reset", test_reset_state},
    {"registers", test_registers},
    {"MNRET", test_mnret},
    {"MDT and MIE", test_mdt},
    {"double trap", test_double_trap},
    {"trap in a handler", test_trap_in_handler},
};

int main(void)
{
    /* A jump to the entry: the vector is the implementation's. */
    unsigned *at = (unsigned *)HANDLER;
    unsigned off = (unsigned)((unsigned long)rnmi_entry - (HANDLER + 4));
    at[0] = 0x74029073;                           /* csrw mnscratch, t0 */
    at[1] = ((off + 0x800) & 0xfffff000) | 0x297; /* auipc t0 */
    at[2] = off << 20 | 0x28067;                  /* jr off(t0) */
    __asm__ volatile("fence.i" : : : "memory");
    guest_trap_hook(hook);
    return GUEST_RUN(cases);
}
