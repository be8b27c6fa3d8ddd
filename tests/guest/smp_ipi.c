/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=2,4 timeout=180
 *
 * No interrupt is lost: harts wake each other from WFI by software interrupts,
 * polled and taken.  A watchdog timer interrupt tells a lost one.
 */
#include "guest.h"

#ifdef SOAK_ROUNDS
#define ROUNDS SOAK_ROUNDS
#elif GUEST_HTIF
#define ROUNDS 100000
#else
#define ROUNDS 10000
#endif
#define LOST_TICKS (20 * VIRT_MTIME_HZ)

static unsigned n;

/* Sleeps until a software interrupt is pending, and takes it. */
static void await_polled(void)
{
    unsigned self = guest_hart_id();
    mmio_write64(CLINT_MTIMECMP(self), guest_mtime() + LOST_TICKS);
    csr_write(mie, MIP_MSIP | MIP_MTIP);
    while (!(csr_read(mip) & MIP_MSIP)) {
        guest_wfi();
        CHECK(!(csr_read(mip) & MIP_MTIP));
    }
    guest_ipi_clear(self);
    CHECK(!(csr_read(mip) & MIP_MSIP));
}

static void answer(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        await_polled();
        guest_ipi_send(0);
    }
}

static void test_ping_pong(void)
{
    guest_hart_start(1, answer, NULL);
    for (unsigned i = 0; i < ROUNDS; i++) {
        guest_ipi_send(1);
        await_polled();
    }
    guest_hart_join(1);
    csr_write(mie, 0);
}

/* A token goes round all harts. */
static void hand_on(void *arg)
{
    unsigned next = (guest_hart_id() + 1) % n;
    (void)arg;
    for (unsigned i = 0; i < ROUNDS / 10 / n; i++) {
        await_polled();
        guest_ipi_send(next);
    }
}

static void test_ring(void)
{
    for (unsigned h = 1; h < n; h++)
        guest_hart_start(h, hand_on, NULL);
    for (unsigned i = 0; i < ROUNDS / 10 / n; i++) {
        guest_ipi_send(1);
        await_polled();
    }
    for (unsigned h = 1; h < n; h++)
        guest_hart_join(h);
    csr_write(mie, 0);
}

/* ---- taken interrupts ---- */

static struct {
    uint64_t taken __attribute__((aligned(64)));
} count[GUEST_MAX_HARTS];

static void take(struct guest_trap *t)
{
    unsigned self = guest_hart_id();
    if (t->cause == (CAUSE_INTERRUPT | 7))
        guest_fail(__FILE__, __LINE__, "an interrupt was lost", self, 0);
    CHECK_EQ(t->cause, CAUSE_INTERRUPT | 3);
    guest_ipi_clear(self);
    __atomic_store_n(&count[self].taken, count[self].taken + 1, __ATOMIC_RELEASE);
}

/* Interrupts may come between the look and WFI: so they are off there, and WFI wakes anyhow. */
static void await_taken(uint64_t number)
{
    unsigned self = guest_hart_id();
    mmio_write64(CLINT_MTIMECMP(self), guest_mtime() + LOST_TICKS);
    while (*(volatile uint64_t *)&count[self].taken < number) {
        csr_clear(mstatus, MSTATUS_MIE);
        if (*(volatile uint64_t *)&count[self].taken < number)
            guest_wfi();
        csr_set(mstatus, MSTATUS_MIE);
    }
}

static void answer_taken(void *arg)
{
    (void)arg;
    csr_write(mie, MIP_MSIP | MIP_MTIP);
    csr_set(mstatus, MSTATUS_MIE);
    for (unsigned i = 1; i <= ROUNDS / 4; i++) {
        await_taken(i);
        guest_ipi_send(0);
    }
}

static void test_taken(void)
{
    guest_trap_hook(take);
    memset(count, 0, sizeof(count));
    guest_hart_start(1, answer_taken, NULL);
    csr_write(mie, MIP_MSIP | MIP_MTIP);
    csr_set(mstatus, MSTATUS_MIE);
    for (unsigned i = 1; i <= ROUNDS / 4; i++) {
        guest_ipi_send(1);
        await_taken(i);
    }
    guest_hart_join(1);
    csr_clear(mstatus, MSTATUS_MIE);
    csr_write(mie, 0);
    guest_trap_hook(NULL);
    CHECK_EQ(count[0].taken, ROUNDS / 4);
    CHECK_EQ(count[1].taken, ROUNDS / 4);
}

/* All the others interrupt a hart that computes. */
static volatile uint64_t stop;

static void pester(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < ROUNDS / 100; i++) {
        uint64_t before = __atomic_load_n(&count[0].taken, __ATOMIC_ACQUIRE);
        guest_ipi_send(0);
        while (__atomic_load_n(&count[0].taken, __ATOMIC_ACQUIRE) == before)
            guest_pause();
    }
    __atomic_fetch_add(&stop, 1, __ATOMIC_RELAXED);
}

static void test_busy(void)
{
    uint64_t x = 1, steps = 0;
    stop = 0;
    count[0].taken = 0;
    guest_trap_hook(take);
    mmio_write64(CLINT_MTIMECMP(0), ~0UL);
    csr_write(mie, MIP_MSIP);
    csr_set(mstatus, MSTATUS_MIE);
    for (unsigned h = 1; h < n; h++)
        guest_hart_start(h, pester, NULL);
    while (stop != n - 1) {
        x = x * 6364136223846793005UL + 1;
        steps++;
    }
    csr_clear(mstatus, MSTATUS_MIE);
    csr_write(mie, 0);
    guest_trap_hook(NULL);
    for (unsigned h = 1; h < n; h++)
        guest_hart_join(h);
    uint64_t y = 1;
    for (uint64_t i = 0; i < steps; i++)
        y = y * 6364136223846793005UL + 1;
    CHECK_EQ(x, y); /* interrupts left the computation alone */
    CHECK(count[0].taken >= ROUNDS / 100);
}

static const struct guest_case cases[] = {
    {"ping-pong", test_ping_pong},
    {"ring", test_ring},
    {"taken", test_taken},
    {"busy hart", test_busy},
};

int main(void)
{
    n = guest_hart_count();
    return GUEST_RUN(cases);
}
