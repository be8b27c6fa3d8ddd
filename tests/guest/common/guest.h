/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime of bare-metal guest programs: start-up of all harts, console,
 * exit, traps, privilege switches, CSR and device access, a spinlock and a
 * test list.  mh_guest_program() builds every program twice: with GUEST_HTIF it
 * talks to the simulator through tohost, with GUEST_VIRT to the UART and the
 * test finisher of QEMU's virt machine.
 *
 * Hart 0 calls main(); what it returns is the exit code.  The others sleep until
 * guest_hart_start().  All run in M-mode with FP on, PMP open, interrupts off
 * and tp = hart id, which a program must not change.
 */
#ifndef GUEST_H
#define GUEST_H

#define GUEST_MAX_HARTS  64
#define GUEST_TRAP_STACK 4096
#ifndef GUEST_STACK_SIZE
#define GUEST_STACK_SIZE 16384
#endif

#ifdef __ASSEMBLER__
#define UL(x) x
#else
#define UL(x) x##UL
#endif

/* Offsets in struct guest_trap, for crt.S. */
#define TRAP_EPC    256
#define TRAP_CAUSE  264
#define TRAP_TVAL   272
#define TRAP_STATUS 280
#define TRAP_SIZE   288

/* The physical map, that of QEMU's virt machine. */
#define VIRT_TEST   UL(0x100000)
#define VIRT_RTC    UL(0x101000)
#define VIRT_CLINT  UL(0x2000000)
#define VIRT_PLIC   UL(0xc000000)
#define VIRT_UART   UL(0x10000000)
#define VIRT_VIRTIO UL(0x10001000) /* eight slots, 0x1000 apart, PLIC 1..8 */
#define VIRT_RAM    UL(0x80000000)

#define VIRT_UART_IRQ     10
#define VIRT_RTC_IRQ      11
#define VIRT_MTIME_HZ     UL(10000000)
#define CLINT_MSIP(h)     (VIRT_CLINT + UL(4) * (h))
#define CLINT_MTIMECMP(h) (VIRT_CLINT + 0x4000 + UL(8) * (h))
#define CLINT_MTIME       (VIRT_CLINT + 0xbff8)

/* 16550, one byte apart. */
#define UART_RBR      (VIRT_UART + 0)
#define UART_THR      (VIRT_UART + 0)
#define UART_IER      (VIRT_UART + 1)
#define UART_IIR      (VIRT_UART + 2)
#define UART_FCR      (VIRT_UART + 2)
#define UART_LCR      (VIRT_UART + 3)
#define UART_MCR      (VIRT_UART + 4)
#define UART_LSR      (VIRT_UART + 5)
#define UART_MSR      (VIRT_UART + 6)
#define UART_SCR      (VIRT_UART + 7)
#define UART_LSR_DR   0x01
#define UART_LSR_THRE 0x20

/* mstatus, mie, satp */
#define MSTATUS_SIE  (UL(1) << 1)
#define MSTATUS_MIE  (UL(1) << 3)
#define MSTATUS_SPIE (UL(1) << 5)
#define MSTATUS_MPIE (UL(1) << 7)
#define MSTATUS_SPP  (UL(1) << 8)
#define MSTATUS_MPP  (UL(3) << 11)
#define MSTATUS_FS   (UL(3) << 13)
#define MSTATUS_MPRV (UL(1) << 17)
#define MSTATUS_SUM  (UL(1) << 18)
#define MSTATUS_MXR  (UL(1) << 19)
#define MSTATUS_TVM  (UL(1) << 20)
#define MSTATUS_TW   (UL(1) << 21)
#define MSTATUS_TSR  (UL(1) << 22)
#define MIP_SSIP     (UL(1) << 1)
#define MIP_MSIP     (UL(1) << 3)
#define MIP_STIP     (UL(1) << 5)
#define MIP_MTIP     (UL(1) << 7)
#define MIP_SEIP     (UL(1) << 9)
#define MIP_MEIP     (UL(1) << 11)
#define SATP_SV39    (UL(8) << 60)
#define SATP_SV48    (UL(9) << 60)
#define SATP_SV57    (UL(10) << 60)
#define PTE_V        (UL(1) << 0)
#define PTE_R        (UL(1) << 1)
#define PTE_W        (UL(1) << 2)
#define PTE_X        (UL(1) << 3)
#define PTE_U        (UL(1) << 4)
#define PTE_G        (UL(1) << 5)
#define PTE_A        (UL(1) << 6)
#define PTE_D        (UL(1) << 7)

/* mcause */
#define CAUSE_INTERRUPT        (UL(1) << 63)
#define CAUSE_FETCH_MISALIGNED 0
#define CAUSE_FETCH_ACCESS     1
#define CAUSE_ILLEGAL          2
#define CAUSE_BREAKPOINT       3
#define CAUSE_LOAD_MISALIGNED  4
#define CAUSE_LOAD_ACCESS      5
#define CAUSE_STORE_MISALIGNED 6
#define CAUSE_STORE_ACCESS     7
#define CAUSE_ECALL_U          8
#define CAUSE_ECALL_S          9
#define CAUSE_ECALL_M          11
#define CAUSE_FETCH_PAGE       12
#define CAUSE_LOAD_PAGE        13
#define CAUSE_STORE_PAGE       15

#define PRIV_U 0
#define PRIV_S 1
#define PRIV_M 3

/* a7 of the ecall that ends guest_run_in(). */
#define GUEST_ECALL_RETURN 0x6d68

#ifndef __ASSEMBLER__

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- access ---- */
#define csr_read(name)                                                                             \
    ({                                                                                             \
        unsigned long v_;                                                                          \
        __asm__ volatile("csrr %0, " #name : "=r"(v_) : : "memory");                               \
        v_;                                                                                        \
    })
#define csr_write(name, value)                                                                     \
    __asm__ volatile("csrw " #name ", %0" : : "rK"((unsigned long)(value)) : "memory")
#define csr_swap(name, value)                                                                      \
    ({                                                                                             \
        unsigned long v_;                                                                          \
        __asm__ volatile("csrrw %0, " #name ", %1"                                                 \
                         : "=r"(v_)                                                                \
                         : "rK"((unsigned long)(value))                                            \
                         : "memory");                                                              \
        v_;                                                                                        \
    })
#define csr_set(name, bits)                                                                        \
    __asm__ volatile("csrs " #name ", %0" : : "rK"((unsigned long)(bits)) : "memory")
#define csr_clear(name, bits)                                                                      \
    __asm__ volatile("csrc " #name ", %0" : : "rK"((unsigned long)(bits)) : "memory")

#define MMIO_RW(bits)                                                                              \
    static inline uint##bits##_t mmio_read##bits(unsigned long addr)                               \
    {                                                                                              \
        uint##bits##_t v = *(volatile uint##bits##_t *)addr;                                       \
        __asm__ volatile("fence i, ir" : : : "memory");                                            \
        return v;                                                                                  \
    }                                                                                              \
    static inline void mmio_write##bits(unsigned long addr, uint##bits##_t value)                  \
    {                                                                                              \
        __asm__ volatile("fence ow, o" : : : "memory");                                            \
        *(volatile uint##bits##_t *)addr = value;                                                  \
    }
MMIO_RW(8)
MMIO_RW(16)
MMIO_RW(32)
MMIO_RW(64)
#undef MMIO_RW

static inline uint64_t guest_mtime(void)
{
    return mmio_read64(CLINT_MTIME);
}

static inline void guest_pause(void)
{
    __asm__ volatile(".word 0x0100000f" : : : "memory"); /* pause, a hint everywhere */
}

static inline void guest_wfi(void)
{
    __asm__ volatile("wfi" : : : "memory");
}

/* ---- harts ---- */
static inline unsigned guest_hart_id(void)
{
    unsigned long id;
    __asm__ volatile("mv %0, tp" : "=r"(id));
    return (unsigned)id;
}

/* From the device tree; 1 without one. */
unsigned guest_hart_count(void);

/* The decimal number behind NAME= in the words of --append; value if it is not there. */
uint64_t guest_argument(const char *name, uint64_t value);

/* What stands behind NAME= up to the next space, as far as it fits in buf (size > 0); false and ""
 * if it is not there. */
bool guest_argument_text(const char *name, char *buf, size_t size);

/* The device tree that hart 0 got, or NULL. */
const void *guest_fdt(void);

/* For programs with a start of their own: the tree for the four above. */
void guest_set_fdt(const void *fdt);

/* Run fn(arg) on a sleeping hart; it sleeps again when fn returns. */
void guest_hart_start(unsigned hart, void (*fn)(void *), void *arg);

/* Wait until the hart's fn has returned. */
void guest_hart_join(unsigned hart);

/* Software interrupt through the CLINT. */
void guest_ipi_send(unsigned hart);
void guest_ipi_clear(unsigned hart);

/* ---- lock, for any hart outside trap hooks.  Test and set: a fair lock hands
 * itself to a hart that may not be running: with 8 harts on 2 processors half of
 * the runs of rt_self under QEMU did not end in 10 s; this way all take 0.2 s. ---- */
struct guest_lock {
    unsigned held;
};
void guest_lock(struct guest_lock *l);
void guest_unlock(struct guest_lock *l);

/* All of n harts wait for each other; may be used again at once. */
struct guest_barrier {
    unsigned count, sense;
};
void guest_barrier_wait(struct guest_barrier *b, unsigned n);

/* ---- console and end ---- */
void guest_putchar(char c);
void guest_puts(const char *s); /* a whole line, harts do not mix; adds no newline */

/* %c %s %d %i %u %x %X %p %%, with l, ll, z, width, 0 and -; at most 255
 * characters, written as one piece. */
int guest_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int guest_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

__attribute__((noreturn)) void guest_exit(int code);

/* ---- traps ---- */
struct guest_trap {
    unsigned long x[32]; /* x[0] unused; written back on return */
    unsigned long epc, cause, tval, status;
};

/* Called for each trap into M-mode, with interrupts off, on the hart's trap
 * stack; changes to the frame take effect on return.  One hook for all harts;
 * without one a trap is reported and ends the program with code 100. */
typedef void guest_trap_fn(struct guest_trap *t);
void guest_trap_hook(guest_trap_fn *fn);

/* For hooks: step over the instruction at epc (read with its length through the
 * mode that trapped is not needed: programs are mapped one to one). */
void guest_trap_skip(struct guest_trap *t);

/* Run fn(arg) in mode PRIV_U, PRIV_S or PRIV_M on the present stack and return
 * its result.  fn comes back by an ecall with a7 = GUEST_ECALL_RETURN, which the
 * runtime handles itself; so it must not be delegated. */
unsigned long guest_run_in(int mode, unsigned long (*fn)(unsigned long), unsigned long arg);

/* Run one instruction sequence and catch its trap: cause in *t or false. */
struct guest_caught {
    unsigned long cause, epc, tval;
};
/* After guest_catch(&c), the next exception (not an interrupt, not the ecall
 * above) on this hart is recorded in c and stepped over; c->cause is ~0 until
 * then.  guest_catch(NULL) ends it.  A fetch fault returns to ra instead. */
void guest_catch(struct guest_caught *c);

/* ---- tests ---- */
struct guest_case {
    const char *name;
    void (*fn)(void);
};

/* Runs all and prints TAP; returns 0.  A failed CHECK ends the program with the
 * number of the case as exit code. */
int guest_run_cases(const struct guest_case *cases, unsigned n);
#define GUEST_RUN(cases) guest_run_cases(cases, sizeof(cases) / sizeof(cases[0]))

__attribute__((noreturn)) void guest_fail(const char *file, int line, const char *what,
                                          unsigned long got, unsigned long want);
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            guest_fail(__FILE__, __LINE__, #cond, 0, 1);                                           \
    } while (0)
#define CHECK_EQ(got, want)                                                                        \
    do {                                                                                           \
        unsigned long got_ = (unsigned long)(got), want_ = (unsigned long)(want);                  \
        if (got_ != want_)                                                                         \
            guest_fail(__FILE__, __LINE__, #got " == " #want, got_, want_);                        \
    } while (0)

/* Words that --signature writes, in order of definition within a file. */
#define GUEST_SIGNATURE __attribute__((section(".signature"), used))

/* Compiled by gcc as calls. */
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

#endif
#endif
