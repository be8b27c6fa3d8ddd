/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers: a CSR, and two of devices that do nothing but keep what is written to them, the
 * scratch register of the UART (8 bits) and the priority of the clock's interrupt in the PLIC
 * (32 bits), which is not enabled anywhere.
 */
#include "guest.h"
#include "workload.h"

enum { CSR_SWAPS = 262144, READS = 65536, WRITES = 65536, UNROLL = 8, PRIORITY = 5 };

#define PLIC_PRIORITY (VIRT_PLIC + 4 * VIRT_RTC_IRQ)

/* ---- sscratch: each swap reads what the last one wrote ---- */
void *csr_setup(struct arena *a)
{
    workload_require(csr_run(a) == (uint64_t)CSR_SWAPS * (CSR_SWAPS - 1) / 2,
                     "sum of what was read");
    return a;
}

uint64_t csr_run(void *state)
{
    unsigned long before = csr_swap(sscratch, 0);
    uint64_t sum = 0;

    (void)state;
    for (unsigned long i = 0; i < CSR_SWAPS; i += UNROLL) {
#pragma GCC unroll 8
        for (unsigned k = 0; k < UNROLL; k++) {
            unsigned long v = i + k + 1;
            sum += csr_swap(sscratch, v);
        }
    }
    csr_write(sscratch, before);
    return sum;
}

/* ---- loads from a device ---- */
void *device_read_setup(struct arena *a)
{
    workload_require(device_read_run(a) == (uint64_t)READS * PRIORITY, "sum of what was read");
    return a;
}

uint64_t device_read_run(void *state)
{
    uint32_t before = mmio_read32(PLIC_PRIORITY);
    uint64_t sum = 0;

    (void)state;
    mmio_write32(PLIC_PRIORITY, PRIORITY);
    for (unsigned i = 0; i < READS; i++)
        sum += *(const volatile uint32_t *)PLIC_PRIORITY;
    mmio_write32(PLIC_PRIORITY, before);
    return sum;
}

/* ---- stores to a device, every 16th read back ---- */

enum { WRITES_PER_READ = 16 };

void *device_write_setup(struct arena *a)
{
    uint64_t expected = 0;

    for (unsigned i = WRITES_PER_READ - 1; i < WRITES; i += WRITES_PER_READ)
        expected += (uint8_t)(i * 3);
    workload_require(device_write_run(a) == expected, "sum of what was read back");
    return a;
}

uint64_t device_write_run(void *state)
{
    volatile uint8_t *scratch = (volatile uint8_t *)UART_SCR;
    uint8_t before = mmio_read8(UART_SCR);
    uint64_t sum = 0;

    (void)state;
    for (unsigned i = 0; i < WRITES; i++) {
        *scratch = (uint8_t)(i * 3);
        if (i % WRITES_PER_READ == WRITES_PER_READ - 1)
            sum += *scratch;
    }
    mmio_write8(UART_SCR, before);
    return sum;
}
