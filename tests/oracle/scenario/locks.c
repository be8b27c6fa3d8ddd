/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locked PMP entries: entries 0 to 14 get random addresses and configurations,
 * now and then with L, and accesses by M, S and U follow.  A lock stays until
 * reset, so each scenario goes on from what those before it left, and ever more
 * of the machine is locked; the test starts many machines.  Noted are what the
 * registers hold after each write, and cause, tval and value of each access.
 *
 * All entries lie in an area beyond the program, because what is locked binds
 * M-mode, too; entry 15 gives S and U all the rest.
 */
#define SCENARIO_GOES_ON 1
#include "scenario.h"

/* Data that is loaded and stored, then as much code, which is fetched only. */
#define AREA       (VIRT_RAM + (64UL << 20))
#define AREA_BYTES 0x2000UL
#define CODE       (AREA + AREA_BYTES)
#define RET        0x80828082UL /* c.jr ra, twice */

#define PMP_R     1
#define PMP_W     2
#define PMP_A     0x18
#define PMP_TOR   0x08
#define PMP_L     0x80
#define OPEN_LAST (0x1fUL << 56)

/* ---- registers by number ---- */

#define ENTRIES(X)                                                                                 \
    X(0)                                                                                           \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)

static void write_address(unsigned entry, unsigned long v)
{
    switch (entry) {
#define ROW(n)                                                                                     \
    case n:                                                                                        \
        csr_write(pmpaddr##n, v);                                                                  \
        break;
        ENTRIES(ROW)
#undef ROW
    }
}

static unsigned long read_address(unsigned entry)
{
    switch (entry) {
#define ROW(n)                                                                                     \
    case n:                                                                                        \
        return csr_read(pmpaddr##n);
        ENTRIES(ROW)
#undef ROW
    }
    return 0;
}

static void write_config(unsigned group, unsigned long v)
{
    if (group)
        csr_write(pmpcfg2, v);
    else
        csr_write(pmpcfg0, v);
}

/* ---- what is written ---- */

static unsigned long any_place(unsigned long begin, unsigned long bytes)
{
    return begin + any_of((unsigned)bytes / 8) * 8UL;
}

static unsigned long any_address(void)
{
    static const uint16_t ones[] = {0, 1, 3, 0x1f, 0x1ff, 0x3ff};
    return any_place(AREA, 2 * AREA_BYTES) >> 2 | ones[any_of(6)];
}

/* W without R is reserved; TOR from 0 would lock the program. */
static unsigned any_config(unsigned entry)
{
    unsigned cfg = (unsigned)any() & (0x1f | (percent(12) ? PMP_L : 0));
    if (!(cfg & PMP_R))
        cfg &= ~(unsigned)PMP_W;
    if (!entry && (cfg & PMP_A) == PMP_TOR)
        cfg |= PMP_A;
    return cfg;
}

static void change_address(void)
{
    unsigned entry = any_of(15);
    setting("entry", entry);
    write_address(entry, any_address());
    note("pmpaddr", read_address(entry));
    if (entry)
        note("below", read_address(entry - 1));
}

/* One entry's byte, or all of a register's. */
static void change_config(void)
{
    unsigned entry = any_of(15), group = entry / 8, low = entry % 8;
    bool all = percent(15);
    unsigned long v = group ? csr_read(pmpcfg2) : csr_read(pmpcfg0);
    for (unsigned i = 0; i < (group ? 7 : 8); i++)
        if (all || i == low)
            v = (v & ~(0xffUL << (8 * i))) | (unsigned long)any_config(group * 8 + i) << (8 * i);
    write_config(group, v);
    note("pmpcfg0", csr_read(pmpcfg0));
    note("pmpcfg2", csr_read(pmpcfg2));
}

/* ---- accesses ---- */

static void load_or_store(unsigned mode, unsigned long at)
{
    unsigned long status = mode == PRIV_M ? 0 : probe_status(mode, 0);
    uint64_t value = any();
    switch (any_of(6)) {
    case 0:
        PROBE("ld %0, 0(%2)", at, status, "+&r"(value));
        break;
    case 1:
        PROBE("lw %0, 0(%2)", at, status, "+&r"(value));
        break;
    case 2:
        PROBE("lbu %0, 3(%2)", at, status, "+&r"(value));
        break;
    case 3:
        PROBE("sd %0, 0(%2)", at, status, "+&r"(value));
        break;
    case 4:
        PROBE("sw %0, 4(%2)", at, status, "+&r"(value));
        break;
    default:
        PROBE("sb %0, 1(%2)", at, status, "+&r"(value));
    }
    probe_end(0);
    note("cause", probed.cause);
    note("tval", probed.cause == ~0UL ? 0 : probed.tval);
    note("value", value);
}

/* Code that returns at once. */
static void fetch(unsigned mode, unsigned long at)
{
    probe_call(at, mode, 0, NULL);
    note("fetch", probed.cause);
    if (probed.cause != ~0UL)
        note("tval", probed.tval);
}

static void access_area(void)
{
    static const uint8_t modes[] = {PRIV_M, PRIV_S, PRIV_U};
    unsigned mode = modes[any_of(3)];
    bool data = percent(65);
    unsigned long at = any_place(data ? AREA : CODE, AREA_BYTES);
    setting("mode", mode);
    setting("at", at);
    if (data)
        load_or_store(mode, at);
    else
        fetch(mode, at);
}

static void scenario(void)
{
    for (unsigned i = 0; i < 2; i++) {
        if (percent(60))
            change_address();
        if (percent(70))
            change_config();
        for (unsigned k = 0; k < 6; k++)
            access_area();
    }
}

static void fill_area(void)
{
    uint32_t *p = (uint32_t *)AREA;
    for (unsigned i = 0; i < 2 * AREA_BYTES / 4; i++)
        p[i] = RET;
    __asm__ volatile("fence.i" : : : "memory");
}

int main(void)
{
    fill_area();
    for (unsigned i = 0; i < 15; i++) /* never below the area: it is the bottom of a TOR */
        write_address(i, AREA >> 2);
    csr_write(pmpaddr15, ~0UL >> 10);
    write_config(0, 0);
    write_config(1, OPEN_LAST);
    return scenario_run(scenario);
}
