/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI calls with any arguments, from either hart in S-mode: each step of the input
 * is one ecall.  Hart 1 waits until it is started; a hart that stopped or sleeps is
 * given time.  Afterwards the base extension still answers.
 */
#include "isa/riscv/sbi.h"
#include "tests/fuzz/guest.h"

static uint64_t argument(struct fuzz_in *in)
{
    uint8_t kind = fuzz_u8(in);
    switch (kind % 8) {
    case 0:
        return fuzz_u64(in);
    case 1:
        return ~0ull - (kind >> 3);
    case 2:
        return FUZZ_RAM + fuzz_u16(in);
    case 3:
        return FUZZ_RAM + FUZZ_RAM_SIZE - (kind >> 3);
    case 4:
        return fuzz_u16(in);
    default:
        return kind >> 3;
    }
}

static void set(struct fuzz_guest *g, unsigned hart, unsigned reg, uint64_t value)
{
    FUZZ_CHECK(g->gt->reg_set(g->guest, hart, reg, value) == 0);
}

static void call(struct fuzz_guest *g, struct fuzz_in *in)
{
    static const uint32_t ids[] = {SBI_EID_BASE, SBI_EID_IPI,  SBI_EID_TIME, SBI_EID_RFENCE,
                                   SBI_EID_HSM,  SBI_EID_SRST, SBI_EID_DBCN, SBI_EID_PMU};
    uint8_t op = fuzz_u8(in);
    unsigned hart = op >> 7;
    struct guest_hart_info info;
    g->gt->hart_info(g->guest, hart, &info);
    for (unsigned r = 0; r < 6; r++)
        set(g, hart, 10 + r, argument(in));
    set(g, hart, 16, op & 0x40 ? fuzz_u64(in) : fuzz_u8(in) % 20);
    set(g, hart, 17, op & 0x20 ? (op & 0x10 ? fuzz_u64(in) : op & 0xf) : ids[op % 8]);
    if (!strcmp(info.mode, "S"))
        set(g, hart, GUEST_REG_PC, FUZZ_RAM);
    if (fuzz_guest_run(g, hart, 3) == PAUSE_WAITING) {
        g->gt->irq(g->guest, hart, 9, true);
        fuzz_pump(g->m);
        fuzz_guest_run(g, hart, 2);
        g->gt->irq(g->guest, hart, 9, false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_guest *g;
    const uint32_t code[] = {0x00000073 /* ecall */, 0xffdff06f /* j .-4 */};
    struct fuzz_in in = {data, size};
    uint64_t v;
    if (!g)
        g = fuzz_guest_create(NULL, false, true);
    fuzz_guest_boot(g, START_BOOT);
    for (unsigned i = 0; i < 100 && in.left; i++) {
        physmem_write(g->env.pm, FUZZ_RAM, code, sizeof(code));
        call(g, &in);
    }
    fuzz_guest_boot(g, START_BOOT);
    physmem_write(g->env.pm, FUZZ_RAM, code, sizeof(code));
    set(g, 0, 16, 0);
    set(g, 0, 17, SBI_EID_BASE);
    fuzz_guest_run(g, 0, 1);
    g->gt->reg_get(g->guest, 0, 11, &v);
    FUZZ_CHECK(v == SBI_SPEC_VERSION);
    return 0;
}
