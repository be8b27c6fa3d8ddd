/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workloads as a bare-metal program: words workload=NAME iterations=N of --append say what to
 * run (10 iterations), on all harts of the machine if it is for several.  The clock is the CLINT's
 * mtime, which needs no firmware; instructions are minstret, which some simulators count otherwise
 * (QEMU: host time).
 */
#include "driver.h"
#include "guest.h"

#define NS_PER_TICK (1000000000 / VIRT_MTIME_HZ)

/* Of manyhart's test finisher (sim/doc/devices.md); QEMU's ignores them. */
#define MEASURE_BEGIN 0x00014d48u
#define MEASURE_END   0x00024d48u

static unsigned char memory[ARENA_SIZE] __attribute__((aligned(4096)));

uint64_t platform_now_ns(void)
{
    return guest_mtime() * NS_PER_TICK;
}

uint64_t platform_clock_ns(void)
{
    return NS_PER_TICK;
}

void platform_measure(bool begin)
{
    *(volatile uint32_t *)VIRT_TEST = begin ? MEASURE_BEGIN : MEASURE_END;
}

bool platform_instructions(uint64_t *n)
{
    *n = csr_read(minstret);
    return true;
}

/* ---- harts ---- */

/* A wait this long is for a hart that does not run: it may need the processor that this one has. */
#define SPINS_AWAKE 256
#define NAP_TICKS   (20 * VIRT_MTIME_HZ / 1000000)

/* Sleeps until the timer or any enabled interrupt, of which none is taken in here but the software
 * interrupt, after it, where a workload has enabled it. */
static void nap(void)
{
    unsigned long enabled = csr_read(mstatus) & MSTATUS_MIE;

    csr_clear(mstatus, MSTATUS_MIE);
    mmio_write64(CLINT_MTIMECMP(guest_hart_id()), guest_mtime() + NAP_TICKS);
    csr_set(mie, MIP_MTIP);
    guest_wfi();
    csr_clear(mie, MIP_MTIP);
    csr_set(mstatus, enabled);
}

void harts_relax(unsigned *spins)
{
    if (++*spins % SPINS_AWAKE == 0)
        nap();
    else
        guest_pause();
}

static struct {
    void (*fn)(void *arg, unsigned hart);
    void *arg;
} harts_work; /* written while the other harts sleep */

static void hart_main(void *unused)
{
    (void)unused;
    harts_work.fn(harts_work.arg, guest_hart_id());
}

void platform_harts_run(unsigned harts, void (*fn)(void *arg, unsigned hart), void *arg)
{
    harts_work.fn = fn;
    harts_work.arg = arg;
    for (unsigned h = 1; h < harts; h++)
        guest_hart_start(h, hart_main, NULL);
    fn(arg, 0);
    for (unsigned h = 1; h < harts; h++)
        guest_hart_join(h);
}

/* ---- output ---- */

static void print_line(const char *fmt, va_list ap)
{
    char line[256];

    guest_vsnprintf(line, sizeof(line), fmt, ap);
    guest_puts(line);
}

void platform_print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_line(fmt, ap);
    va_end(ap);
}

void platform_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_line(fmt, ap);
    va_end(ap);
}

void platform_exit(int code)
{
    guest_exit(code);
}

int main(void)
{
    char selection[64];

    if (!guest_argument_text("workload", selection, sizeof(selection))) {
        platform_error("bench: say what to run: --append 'workload=NAME iterations=N'; NAME is a "
                       "workload, a group, all, or list\n");
        return DRIVER_USAGE;
    }
    driver_slow_percent = (unsigned)guest_argument("slow", 0);
    return driver_run(workloads, workload_count, selection, guest_argument("iterations", 10),
                      guest_hart_count(), memory, sizeof(memory));
}
