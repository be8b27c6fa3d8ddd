/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goldfish clock: accesses to its registers, alarms that fall due, time set,
 * resets, saved states changed and loaded.
 */
#include "tests/fuzz/fuzz.h"

#include "dev/rtc_goldfish.h"

static struct fuzz_machine *m;
static struct dev *rtc;

static void step(struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in);
    uint64_t v = 0;
    switch (op % 4) {
    case 0:
        fuzz_access(m, in, RTC_GOLDFISH_BASE, op & 8 ? 0x1000 : 0x20, fuzz_u64(in), true);
        break;
    case 1:
        mmio_write(m->env.mmio, RTC_GOLDFISH_BASE + (op >> 2 & 7) * 4, 4,
                   op & 0x20 ? fuzz_u32(in) : fuzz_u8(in));
        mmio_read(m->env.mmio, RTC_GOLDFISH_BASE + (op >> 5) * 4, 4, &v);
        break;
    case 2:
        fuzz_access(m, in, RTC_GOLDFISH_BASE, 0x40, 0, false);
        fuzz_pump(m);
        break;
    case 3:
        if (op & 4)
            fuzz_save_load(rtc, in);
        else
            dev_reset(rtc);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    if (!m) {
        m = fuzz_machine_create();
        rtc = fuzz_device(m, &rtc_goldfish_type, "rtc0", RTC_GOLDFISH_BASE, RTC_GOLDFISH_IRQ, NULL);
    }
    dev_reset(rtc);
    for (unsigned i = 0; i < 256 && in.left; i++)
        step(&in);
    dev_reset(rtc);
    fuzz_pump(m);
    FUZZ_CHECK(!m->line[RTC_GOLDFISH_IRQ]);
    return 0;
}
