/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PLIC: accesses to its registers, levels of its wires, resets, saved states
 * changed and loaded.  A hart's input is what the registers say.
 */
#include "tests/fuzz/fuzz.h"

#include "dev/plic.h"

#define WINDOW 0x600000

static struct fuzz_machine *m;
static struct dev *plic;
static struct irq_line lines[FUZZ_IRQS + 1];

static void make(void)
{
    m = fuzz_machine_create();
    plic = fuzz_device(m, &plic_type, "plic0", PLIC_BASE, 0, NULL);
    for (unsigned i = 1; i <= FUZZ_IRQS; i++)
        lines[i] = plic_line(plic, i);
}

static uint32_t get(uint64_t offset)
{
    uint64_t v = 0;
    FUZZ_CHECK(mmio_read(m->env.mmio, PLIC_BASE + offset, 4, &v));
    return (uint32_t)v;
}

/* Registers where they are dense. */
static uint64_t register_at(struct fuzz_in *in)
{
    uint8_t kind = fuzz_u8(in), at = fuzz_u8(in);
    switch (kind % 4) {
    case 0:
        return 4u * at;
    case 1:
        return 0x1000 + 4u * (at & 3);
    case 2:
        return 0x2000 + 0x80u * (at >> 2 & 7) + 4u * (at & 3);
    default:
        return 0x200000 + 0x1000u * (at >> 1 & 7) + 4u * (at & 1);
    }
}

/* Whether a context should interrupt, from the registers as the guest sees them. */
static bool wants(unsigned context)
{
    uint32_t threshold = get(0x200000 + 0x1000ull * context);
    for (unsigned n = 1; n <= FUZZ_IRQS; n++)
        if (get(0x1000 + 4ull * (n / 32)) >> n % 32 & 1 &&
            get(0x2000 + 0x80ull * context + 4ull * (n / 32)) >> n % 32 & 1 &&
            get(4ull * n) > threshold)
            return true;
    return false;
}

static void step(struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in);
    uint64_t v = 0, at;
    switch (op % 8) {
    case 0:
        fuzz_access(m, in, PLIC_BASE, WINDOW, fuzz_u64(in), true);
        break;
    case 1:
        fuzz_access(m, in, PLIC_BASE, WINDOW, 0, false);
        break;
    case 2:
    case 3:
    case 4:
        at = register_at(in);
        mmio_write(m->env.mmio, PLIC_BASE + at, 4, op & 8 ? fuzz_u32(in) : fuzz_u8(in));
        break;
    case 5:
        mmio_read(m->env.mmio, PLIC_BASE + register_at(in), 4, &v);
        break;
    case 6:
        irq_set(&lines[1 + fuzz_u8(in) % FUZZ_IRQS], op & 8);
        break;
    case 7:
        if (op & 8)
            fuzz_save_load(plic, in);
        else
            dev_reset(plic);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    if (!m)
        make();
    for (unsigned i = 1; i <= FUZZ_IRQS; i++)
        irq_set(&lines[i], false);
    dev_reset(plic);
    for (unsigned i = 0; i < 200 && in.left; i++)
        step(&in);
    for (unsigned c = 0; c < 2 * FUZZ_HARTS; c++)
        FUZZ_CHECK(m->level[c / 2][c & 1 ? HART_IRQ_SEIP : HART_IRQ_MEIP] == wants(c));
    return 0;
}
