/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLINT and test finisher: accesses of every width, timers that fall due, the
 * clock set forwards and back, resets, saved states changed and loaded.
 */
#include "tests/fuzz/fuzz.h"

#include "dev/clint.h"
#include "dev/finisher.h"

#define WINDOW 0x10000

static struct fuzz_machine *m;
static struct dev *clint, *finisher;

static void make(void)
{
    m = fuzz_machine_create();
    clint = fuzz_device(m, &clint_type, "clint0", CLINT_BASE, 0, NULL);
    finisher = fuzz_device(m, &finisher_type, "finisher0", FINISHER_BASE, 0, NULL);
}

static uint64_t register_at(struct fuzz_in *in)
{
    uint8_t kind = fuzz_u8(in), at = fuzz_u8(in);
    switch (kind % 3) {
    case 0:
        return at % 32;
    case 1:
        return 0x4000 + at % 64;
    default:
        return 0xbff8 + at % 8;
    }
}

static void step(struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in);
    uint64_t v = 0, at;
    unsigned size = 1u << (op >> 6);
    switch (op % 8) {
    case 0:
        fuzz_access(m, in, CLINT_BASE, WINDOW, fuzz_u64(in), true);
        break;
    case 1:
        fuzz_access(m, in, CLINT_BASE, WINDOW, 0, false);
        break;
    case 2:
    case 3:
        at = register_at(in) & ~(uint64_t)(size - 1);
        v = op & 32 ? fuzz_u64(in) : gclock_now(&m->clock) + fuzz_u8(in);
        mmio_write(m->env.mmio, CLINT_BASE + at, size, v);
        break;
    case 4:
        mmio_read(m->env.mmio, CLINT_BASE + register_at(in), size, &v);
        break;
    case 5:
        fuzz_pump(m);
        break;
    case 6:
        fuzz_access(m, in, FINISHER_BASE, 0x1000, fuzz_u32(in), op & 8);
        break;
    case 7:
        if (op & 8)
            fuzz_save_load(op & 16 ? finisher : clint, in);
        else
            dev_reset(op & 16 ? finisher : clint);
        break;
    }
}

/* Whatever was loaded or written, a compare value in the past interrupts and one far off does not.
 */
static void check_works(void)
{
    mmio_write(m->env.mmio, CLINT_BASE + 0xbff8, 8, 1000000);
    for (unsigned h = 0; h < FUZZ_HARTS; h++) {
        mmio_write(m->env.mmio, CLINT_BASE + 4 * h, 4, 1);
        FUZZ_CHECK(m->level[h][HART_IRQ_MSIP]);
        mmio_write(m->env.mmio, CLINT_BASE + 0x4000 + 8 * h, 8, 1);
        FUZZ_CHECK(m->level[h][HART_IRQ_MTIP]);
        mmio_write(m->env.mmio, CLINT_BASE + 0x4000 + 8 * h, 8, ~0ull);
        FUZZ_CHECK(!m->level[h][HART_IRQ_MTIP]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    if (!m)
        make();
    dev_reset(clint);
    dev_reset(finisher);
    for (unsigned i = 0; i < 256 && in.left; i++)
        step(&in);
    check_works();
    return 0;
}
