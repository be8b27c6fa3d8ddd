/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest without a machine around it, for the targets interp and sbi: 128 KiB of
 * RAM, a page of odd MMIO, two harts that the fuzzer's thread executes in turn, a
 * slice at a time.
 */
#ifndef TESTS_FUZZ_GUEST_H
#define TESTS_FUZZ_GUEST_H

#include "isa/guest.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_MMIO 0x10000000ull

struct fuzz_guest {
    struct fuzz_machine *m;
    struct guest_env env;
    const struct guest_type *gt;
    struct guest *guest;
    uint64_t noise; /* what MMIO reads give next */
    unsigned exits;
};

static inline void guest_exit_cb(void *opaque, enum guest_exit kind, int code)
{
    struct fuzz_guest *g = opaque;
    (void)kind;
    (void)code;
    g->exits++;
}

static inline size_t guest_write_cb(void *opaque, const void *buf, size_t len)
{
    volatile uint8_t sum = 0;
    struct fuzz_guest *g = opaque;
    size_t n = len < 300 ? len : 300; /* a console that is full now and then */
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)buf)[i]);
    return ++g->noise % 4 ? n : 0;
}

static inline size_t guest_read_cb(void *opaque, void *buf, size_t len)
{
    struct fuzz_guest *g = opaque;
    size_t n = ++g->noise % 4 ? len : 0;
    memset(buf, 'x', n);
    return n;
}

static inline bool guest_mmio_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct fuzz_guest *g = opaque;
    g->noise = g->noise * 6364136223846793005ull + offset;
    *value = size == 8 ? g->noise : g->noise & ((1ull << 8 * size) - 1);
    return !(offset & 0x800);
}

static inline bool guest_mmio_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct fuzz_guest *g = opaque;
    FUZZ_CHECK(size == 8 || value >> 8 * size == 0);
    g->noise ^= value;
    return !(offset & 0x800);
}

static inline struct fuzz_guest *fuzz_guest_create(const char *isa, bool strict, bool sbi)
{
    static const struct mmio_ops ops = {guest_mmio_read, guest_mmio_write};
    struct fuzz_guest *g = calloc(1, sizeof(*g));
    FUZZ_CHECK(g != NULL);
    g->m = fuzz_machine_create();
    g->env = (struct guest_env){
        .pm = g->m->env.pm,
        .mmio = g->m->env.mmio,
        .loop = g->m->env.loop,
        .clock = &g->m->clock,
        .opaque = g,
        .exit = guest_exit_cb,
        .console_write = guest_write_cb,
        .console_read = guest_read_cb,
    };
    struct mmio_region r = {FUZZ_MMIO, PAGE_SIZE, &ops, g, "noise"};
    FUZZ_CHECK(mmio_map_add(g->env.mmio, &r) == 0);
    struct guest_config cfg = {
        .harts = FUZZ_HARTS,
        .isa = isa,
        .engine = ENGINE_INTERP,
        .strict_align = strict,
        .builtin_sbi = sbi,
        .tlb_entries = TLB_MIN_ENTRIES,
        .seed = 1,
    };
    g->gt = guest_find("riscv64");
    FUZZ_CHECK(g->gt->create(&g->guest, &cfg, &g->env) == 0);
    return g;
}

static inline enum guest_pause fuzz_guest_run(struct fuzz_guest *g, unsigned hart, uint64_t max)
{
    struct smp *smp = g->gt->smp(g->guest);
    smp_attach(smp, smp->harts[hart]);
    enum guest_pause why = g->gt->execute(g->guest, hart, max);
    smp_detach();
    return why;
}

/* Both harts as after power-on, RAM and clock as well. */
static inline void fuzz_guest_boot(struct fuzz_guest *g, enum guest_start start)
{
    struct guest_boot boot = {.start = start, .entry = FUZZ_RAM};
    physmem_fill(g->env.pm, FUZZ_RAM, 0, FUZZ_RAM_SIZE);
    gclock_set(&g->m->clock, 0);
    g->gt->boot(g->guest, &boot);
    g->noise = 1;
}

#endif
