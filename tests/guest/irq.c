/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2 timeout=60
 *
 * Interrupts of the CLINT, of software, of stimecmp and of the PLIC: taken in M
 * and delegated to S, priorities, vectored mode, global and local enables, WFI.
 */
#include "guest.h"

/* stimecmp is CSR 0x14d, menvcfg 0x30a: binutils 2.40 knows neither for this march. */
#define MENVCFG_STCE (1UL << 63)

#define TICKS_MS (VIRT_MTIME_HZ / 1000)

/* ---- a log of what was taken, in order ---- */

static volatile unsigned long taken[16];
static volatile unsigned taken_count;

static void note(unsigned long cause)
{
    if (taken_count < 16)
        taken[taken_count] = cause;
    taken_count = taken_count + 1;
}

static void clear_source(unsigned long cause)
{
    switch (cause & 63) {
    case 3:
        guest_ipi_clear(guest_hart_id());
        break;
    case 7:
        mmio_write64(CLINT_MTIMECMP(guest_hart_id()), ~0UL);
        break;
    default:
        csr_clear(mip, 1UL << (cause & 63));
    }
}

static void m_hook(struct guest_trap *t)
{
    CHECK(t->cause & CAUSE_INTERRUPT);
    note(t->cause & 63);
    clear_source(t->cause);
}

static void begin(void)
{
    taken_count = 0;
    csr_write(mie, 0);
    csr_write(mideleg, 0);
    mmio_write64(CLINT_MTIMECMP(guest_hart_id()), ~0UL);
    guest_ipi_clear(guest_hart_id());
    csr_clear(mip, MIP_SSIP | MIP_STIP | MIP_SEIP);
    guest_trap_hook(m_hook);
}

static void end(void)
{
    csr_clear(mstatus, MSTATUS_MIE);
    csr_write(mie, 0);
    csr_write(mideleg, 0);
    guest_trap_hook(NULL);
}

static void await_mip(unsigned long bits)
{
    uint64_t until = guest_mtime() + 5000 * TICKS_MS;
    while ((csr_read(mip) & bits) != bits)
        CHECK(guest_mtime() < until);
}

/* ---- M ---- */

/* All at once come in the order MSI, MTI, SEI, SSI, STI (Privileged, 3.1.9). */
static void test_priorities(void)
{
    static const unsigned long order[] = {3, 7, 9, 1, 5};
    unsigned long all = MIP_MSIP | MIP_MTIP | MIP_SSIP | MIP_STIP | MIP_SEIP;
    begin();
    guest_ipi_send(guest_hart_id());
    mmio_write64(CLINT_MTIMECMP(guest_hart_id()), 0);
    csr_set(mip, MIP_SSIP | MIP_STIP | MIP_SEIP);
    await_mip(all);
    csr_write(mie, all);
    csr_set(mstatus, MSTATUS_MIE);
    for (unsigned i = 0; i < 100 && taken_count < 5; i++)
        guest_pause();
    end();
    CHECK_EQ(taken_count, 5);
#if GUEST_HTIF /* without AIA, QEMU 7.2 takes the lowest number first */
    for (unsigned i = 0; i < 5; i++)
        CHECK_EQ(taken[i], order[i]);
#else
    (void)order;
#endif
}

/* Off by mstatus.MIE or by mie: none; and as soon as both are on: at the next instruction. */
static void test_enables(void)
{
    unsigned long epc_ok;
    begin();
    guest_ipi_send(guest_hart_id());
    await_mip(MIP_MSIP);
    csr_write(mie, MIP_MSIP);
    CHECK_EQ(taken_count, 0);
    csr_write(mie, MIP_MTIP | MIP_SSIP);
    csr_set(mstatus, MSTATUS_MIE);
    CHECK_EQ(taken_count, 0);
    /* The write of mie is the last instruction before the handler. */
    __asm__ volatile("lw %0, (%1); csrw mie, %2; lw %0, (%1)"
                     : "=&r"(epc_ok)
                     : "r"(&taken_count), "r"(MIP_MSIP)
                     : "memory");
    end();
    CHECK_EQ(epc_ok, 1);
    CHECK_EQ(taken_count, 1);
}

/* The bits that devices drive cannot be written, the S ones can. */
static void test_mip(void)
{
    begin();
    csr_write(mip, ~0UL);
    CHECK_EQ(csr_read(mip) & (MIP_MSIP | MIP_MTIP | MIP_MEIP), 0);
    CHECK_EQ(csr_read(mip) & (MIP_SSIP | MIP_STIP | MIP_SEIP), MIP_SSIP | MIP_STIP | MIP_SEIP);
    csr_write(mip, 0);
    CHECK_EQ(csr_read(mip) & (MIP_SSIP | MIP_STIP | MIP_SEIP), 0);
    end();
}

static void test_timer(void)
{
    begin();
    csr_write(mie, MIP_MTIP);
    for (unsigned i = 1; i <= 20; i++) {
        uint64_t due = guest_mtime() + TICKS_MS;
        mmio_write64(CLINT_MTIMECMP(guest_hart_id()), due);
        CHECK(!(csr_read(mip) & MIP_MTIP) || guest_mtime() >= due);
        csr_set(mstatus, MSTATUS_MIE);
        while (taken_count < i)
            CHECK(guest_mtime() < due + 5000 * TICKS_MS);
        csr_clear(mstatus, MSTATUS_MIE);
        CHECK(guest_mtime() >= due);
        CHECK(!(csr_read(mip) & MIP_MTIP));
    }
    end();
}

/* ---- WFI ---- */

static void test_wfi(void)
{
    begin();
    csr_write(mie, MIP_MTIP); /* local enable is enough, whatever mstatus and mideleg say */
    for (unsigned i = 0; i < 10; i++) {
        uint64_t due = guest_mtime() + TICKS_MS;
        mmio_write64(CLINT_MTIMECMP(guest_hart_id()), due);
        while (!(csr_read(mip) & MIP_MTIP))
            guest_wfi();
        CHECK(guest_mtime() >= due);
    }
    CHECK_EQ(taken_count, 0);
    /* Pending already: no sleep at all. */
    guest_wfi();
    mmio_write64(CLINT_MTIMECMP(guest_hart_id()), ~0UL);
    csr_write(mie, MIP_SSIP);
    csr_set(mip, MIP_SSIP);
    guest_wfi();
    csr_write(mideleg, MIP_SSIP);
    guest_wfi();
    end();
    csr_clear(mip, MIP_SSIP);
}

static unsigned long do_wfi(unsigned long x)
{
    guest_wfi();
    return x;
}

/* TW makes a WFI below M illegal that would have to wait. */
static void test_wfi_tw(void)
{
    struct guest_caught c;
    begin();
    csr_write(mideleg, MIP_SSIP);
    csr_write(mie, MIP_SSIP);
    csr_set(mip, MIP_SSIP); /* pending but not taken: sstatus.SIE is off */
    CHECK_EQ(guest_run_in(PRIV_S, do_wfi, 5), 5);
    csr_write(mie, 0);
    csr_set(mstatus, MSTATUS_TW);
    guest_catch(&c);
    guest_run_in(PRIV_S, do_wfi, 5);
    CHECK_EQ(c.cause, CAUSE_ILLEGAL);
    csr_clear(mstatus, MSTATUS_TW);
    csr_clear(mip, MIP_SSIP);
    end();
}

/* ---- S ---- */

static volatile unsigned long s_cause __attribute__((used)), s_epc __attribute__((used)), s_count;
void irq_s_entry(void);
__asm__(".text\n"
        ".balign 4\n"
        "irq_s_entry:\n"
        "  addi sp, sp, -32\n"
        "  sd t0, 0(sp)\n"
        "  sd t1, 8(sp)\n"
        "  csrr t0, scause\n"
        "  la t1, s_cause\n"
        "  sd t0, 0(t1)\n"
        "  csrr t0, sepc\n"
        "  la t1, s_epc\n"
        "  sd t0, 0(t1)\n"
        "  la t1, s_count\n"
        "  ld t0, 0(t1)\n"
        "  addi t0, t0, 1\n"
        "  sd t0, 0(t1)\n"
        "  csrw sie, zero\n"
        "  ld t0, 0(sp)\n"
        "  ld t1, 8(sp)\n"
        "  addi sp, sp, 32\n"
        "  sret\n");

/* In S: enables the bits in sie and interrupts, and looks how often the handler ran. */
static unsigned long s_take(unsigned long bits)
{
    unsigned long before = s_count;
    csr_write(sie, bits);
    csr_set(sstatus, MSTATUS_SIE);
    for (unsigned i = 0; i < 10; i++)
        guest_pause();
    csr_clear(sstatus, MSTATUS_SIE);
    csr_write(sie, 0);
    return s_count - before;
}

static void test_delegated(void)
{
    static const unsigned irqs[] = {1, 5, 9};
    begin();
    csr_write(stvec, irq_s_entry);
    csr_write(mideleg, MIP_SSIP | MIP_STIP | MIP_SEIP);
    for (unsigned i = 0; i < 3; i++) {
        unsigned long bit = 1UL << irqs[i];
        CHECK_EQ(guest_run_in(PRIV_S, s_take, bit), 0);
        csr_set(mip, bit);
        CHECK_EQ(guest_run_in(PRIV_S, s_take, bit), 1);
        CHECK_EQ(s_cause, CAUSE_INTERRUPT | irqs[i]);
        CHECK_EQ(guest_run_in(PRIV_S, s_take, bit ^ (MIP_SSIP | MIP_STIP | MIP_SEIP)), 0);
        csr_clear(mip, bit);
    }
    CHECK_EQ(taken_count, 0);
    /* Delegated interrupts are not taken in M, whatever MIE says. */
    csr_set(mip, MIP_SSIP);
    csr_write(mie, MIP_SSIP);
    csr_set(mstatus, MSTATUS_MIE);
    CHECK_EQ(taken_count, 0);
    csr_clear(mstatus, MSTATUS_MIE);
    /* One for M interrupts S even when MIE is off. */
    csr_write(mideleg, 0);
    CHECK_EQ(guest_run_in(PRIV_S, s_take, 0), 0);
    CHECK_EQ(taken_count, 1);
    CHECK_EQ(taken[0], 1);
    end();
}

static unsigned long s_software(unsigned long x)
{
    unsigned long before = s_count;
    csr_write(sie, MIP_SSIP);
    csr_set(sstatus, MSTATUS_SIE);
    csr_set(sip, MIP_SSIP); /* to itself */
    csr_clear(sstatus, MSTATUS_SIE);
    csr_clear(sip, MIP_SSIP);
    return s_count - before + x;
}

static void test_s_software(void)
{
    begin();
    csr_write(stvec, irq_s_entry);
    csr_write(mideleg, MIP_SSIP);
    CHECK_EQ(guest_run_in(PRIV_S, s_software, 0), 1);
    CHECK_EQ(s_cause, CAUSE_INTERRUPT | 1);
    end();
}

/* ---- stimecmp ---- */

static unsigned long s_timer(unsigned long ms)
{
    unsigned long before = s_count, due;
    __asm__ volatile("rdtime %0" : "=r"(due));
    due += ms * TICKS_MS;
    csr_write(0x14d, due);
    csr_write(sie, MIP_STIP);
    while (!(csr_read(sip) & MIP_STIP))
        guest_wfi();
    unsigned long now;
    __asm__ volatile("rdtime %0" : "=r"(now));
    if (now < due)
        return 1000;
    csr_set(sstatus, MSTATUS_SIE);
    csr_clear(sstatus, MSTATUS_SIE);
    csr_write(0x14d, -1UL);
    if (csr_read(sip) & MIP_STIP)
        return 2000;
    return s_count - before;
}

static void test_stimecmp(void)
{
    begin();
    csr_write(stvec, irq_s_entry);
    csr_write(mcounteren, ~0UL);
    csr_write(0x14d, -1UL);
    csr_set(0x30a, MENVCFG_STCE);
    if (csr_read(0x30a) & MENVCFG_STCE) {
        csr_write(mideleg, MIP_STIP);
        for (unsigned i = 0; i < 10; i++)
            CHECK_EQ(guest_run_in(PRIV_S, s_timer, i & 1), 1);
        CHECK_EQ(s_cause, CAUSE_INTERRUPT | 5);
        csr_clear(0x30a, MENVCFG_STCE);
    }
    end();
}

/* ---- PLIC: the UART's "transmitter empty" to the contexts of all harts ---- */

#define PLIC_PRIORITY(i)  (VIRT_PLIC + 4UL * (i))
#define PLIC_ENABLE(c)    (VIRT_PLIC + 0x2000 + 0x80UL * (c))
#define PLIC_THRESHOLD(c) (VIRT_PLIC + 0x200000 + 0x1000UL * (c))
#define PLIC_CLAIM(c)     (PLIC_THRESHOLD(c) + 4)

static volatile unsigned plic_claimed;

static void plic_hook(struct guest_trap *t)
{
    unsigned context = 2 * guest_hart_id();
    CHECK_EQ(t->cause, CAUSE_INTERRUPT | 11);
    uint32_t irq = mmio_read32(PLIC_CLAIM(context));
    CHECK_EQ(irq, VIRT_UART_IRQ);
    CHECK_EQ(mmio_read32(PLIC_CLAIM(context)), 0); /* claimed once only */
    mmio_write8(UART_IER, 0);
    mmio_write32(PLIC_CLAIM(context), irq);
    plic_claimed = plic_claimed + 1;
}

static void plic_off(void)
{
    mmio_write8(UART_IER, 0);
    for (unsigned c = 0; c < 2 * guest_hart_count(); c++) {
        mmio_write32(PLIC_ENABLE(c), 0);
        mmio_write32(PLIC_THRESHOLD(c), 0);
        uint32_t irq = mmio_read32(PLIC_CLAIM(c));
        if (irq)
            mmio_write32(PLIC_CLAIM(c), irq);
    }
}

/* On each hart in turn: M external. */
static void take_external(void *arg)
{
    unsigned context = 2 * guest_hart_id();
    (void)arg;
    csr_write(mie, MIP_MEIP);
    csr_set(mstatus, MSTATUS_MIE);
    for (unsigned i = 0; i < 10; i++) {
        unsigned before = plic_claimed;
        mmio_write32(PLIC_ENABLE(context), 1u << VIRT_UART_IRQ);
        mmio_write8(UART_IER, 2);
        while (plic_claimed == before)
            guest_pause();
        CHECK_EQ(csr_read(mip) & MIP_MEIP, 0);
    }
    csr_clear(mstatus, MSTATUS_MIE);
    csr_write(mie, 0);
    mmio_write32(PLIC_ENABLE(context), 0);
}

static void test_plic_m(void)
{
    plic_off();
    plic_claimed = 0;
    mmio_write32(PLIC_PRIORITY(VIRT_UART_IRQ), 1);
    guest_trap_hook(plic_hook);
    take_external(NULL);
    for (unsigned h = 1; h < guest_hart_count(); h++) {
        guest_hart_start(h, take_external, NULL);
        guest_hart_join(h);
    }
    guest_trap_hook(NULL);
    CHECK_EQ(plic_claimed, 10 * guest_hart_count());
    plic_off();
}

/* Delegated: the S context of this hart; also threshold and priority 0. */
static void test_plic_s(void)
{
    begin();
    plic_off();
    csr_write(stvec, irq_s_entry);
    csr_write(mideleg, MIP_SEIP);
    mmio_write32(PLIC_PRIORITY(VIRT_UART_IRQ), 2);
    mmio_write32(PLIC_ENABLE(1), 1u << VIRT_UART_IRQ);
    mmio_write8(UART_IER, 2);
    await_mip(MIP_SEIP);
    CHECK_EQ(csr_read(mip) & MIP_MEIP, 0);
    CHECK_EQ(guest_run_in(PRIV_S, s_take, MIP_SEIP), 1);
    CHECK_EQ(s_cause, CAUSE_INTERRUPT | 9);
    /* The wire keeps the bit though software clears its own part. */
    csr_clear(mip, MIP_SEIP);
    CHECK(csr_read(mip) & MIP_SEIP);
    CHECK_EQ(mmio_read32(PLIC_CLAIM(1)), VIRT_UART_IRQ);
    mmio_write8(UART_IER, 0);
    mmio_write32(PLIC_CLAIM(1), VIRT_UART_IRQ);
    CHECK_EQ(csr_read(mip) & MIP_SEIP, 0);
    mmio_write32(PLIC_THRESHOLD(1), 2);
    mmio_write8(UART_IER, 2);
    CHECK_EQ(csr_read(mip) & MIP_SEIP, 0);
    mmio_write32(PLIC_THRESHOLD(1), 1);
    CHECK(csr_read(mip) & MIP_SEIP);
    plic_off();
    end();
}

/* ---- vectored mode ---- */

static volatile unsigned vector_seen __attribute__((used));

/* Entry i lies at base + 4 i; all but 1, 3 and 7 are the wrong ones. */
void irq_vectors(void);
__asm__(".text\n"
        ".balign 256\n"
        ".option push\n"
        ".option norvc\n"
        "irq_vectors:\n"
        "  j irq_vector_bad\n"
        "  j irq_vector_1\n"
        "  j irq_vector_bad\n"
        "  j irq_vector_3\n"
        "  j irq_vector_bad\n"
        "  j irq_vector_bad\n"
        "  j irq_vector_bad\n"
        "  j irq_vector_7\n"
        "  .rept 8\n"
        "  j irq_vector_bad\n"
        "  .endr\n"
        "irq_vector_bad:\n"
        "  csrw mscratch, t0\n"
        "  li t0, 99\n"
        "  j irq_vector_common\n"
        "irq_vector_1:\n"
        "  csrw mscratch, t0\n"
        "  li t0, 1\n"
        "  j irq_vector_common\n"
        "irq_vector_3:\n"
        "  csrw mscratch, t0\n"
        "  li t0, 3\n"
        "  j irq_vector_common\n"
        "irq_vector_7:\n"
        "  csrw mscratch, t0\n"
        "  li t0, 7\n"
        "irq_vector_common:\n"
        "  csrw mie, zero\n"
        "  addi sp, sp, -16\n"
        "  sd t1, 0(sp)\n"
        "  la t1, vector_seen\n"
        "  sw t0, 0(t1)\n"
        "  ld t1, 0(sp)\n"
        "  addi sp, sp, 16\n"
        "  csrr t0, mscratch\n"
        "  mret\n"
        ".option pop\n");

static unsigned vector_of(unsigned long bit)
{
    unsigned long scratch = csr_read(mscratch), vec = csr_read(mtvec);
    vector_seen = 0;
    csr_write(mtvec, (unsigned long)irq_vectors | 1);
    CHECK_EQ(csr_read(mtvec), (unsigned long)irq_vectors | 1);
    csr_write(mie, bit);
    csr_set(mstatus, MSTATUS_MIE);
    csr_clear(mstatus, MSTATUS_MIE);
    csr_write(mtvec, vec);
    csr_write(mscratch, scratch);
    return vector_seen;
}

static void test_vectored(void)
{
    begin();
    csr_set(mip, MIP_SSIP);
    CHECK_EQ(vector_of(MIP_SSIP), 1);
    csr_clear(mip, MIP_SSIP);
    guest_ipi_send(guest_hart_id());
    await_mip(MIP_MSIP);
    CHECK_EQ(vector_of(MIP_MSIP), 3);
    guest_ipi_clear(guest_hart_id());
    mmio_write64(CLINT_MTIMECMP(guest_hart_id()), 0);
    await_mip(MIP_MTIP);
    CHECK_EQ(vector_of(MIP_MTIP), 7);
    end();
    mmio_write64(CLINT_MTIMECMP(guest_hart_id()), ~0UL);
}

static const struct guest_case cases[] = {
    {"priorities", test_priorities},
    {"enables", test_enables},
    {"mip", test_mip},
    {"timer", test_timer},
    {"wfi", test_wfi},
    {"wfi and TW", test_wfi_tw},
    {"vectored", test_vectored},
    {"delegated", test_delegated},
    {"S software", test_s_software},
    {"stimecmp", test_stimecmp},
    {"PLIC to M", test_plic_m},
    {"PLIC to S", test_plic_s},
};

int main(void)
{
    return GUEST_RUN(cases);
}
