/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target uses: the input as a stream of values, and the small
 * machine that devices live in.  libFuzzer calls LLVMFuzzerTestOneInput on its
 * main thread; the event loop of the machine runs on that thread too, when the
 * target says so (fuzz_pump), so an input means the same each time.
 *
 * A machine is made once and reset before each input: what a reset leaves behind
 * is part of what is looked for.  Guest RAM lies between pages that nobody may
 * touch, so an access beside it is seen.
 *
 * FUZZ_CHECK states what must hold whatever the input is.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dev/dev.h"
#include "mem/mmio.h"
#include "mem/physmem.h"
#include "sim/base/gclock.h"
#include "sim/base/log.h"
#include "sim/base/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- the input as a stream; past its end everything is 0 ---- */

struct fuzz_in {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t fuzz_le(struct fuzz_in *in, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes && in->left; i++, in->left--)
        v |= (uint64_t)*in->at++ << 8 * i;
    return v;
}

static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
    return (uint8_t)fuzz_le(in, 1);
}

static inline uint16_t fuzz_u16(struct fuzz_in *in)
{
    return (uint16_t)fuzz_le(in, 2);
}

static inline uint32_t fuzz_u32(struct fuzz_in *in)
{
    return (uint32_t)fuzz_le(in, 4);
}

static inline uint64_t fuzz_u64(struct fuzz_in *in)
{
    return fuzz_le(in, 8);
}

/* Up to n bytes in place; *got says how many there are. */
static inline const uint8_t *fuzz_bytes(struct fuzz_in *in, size_t n, size_t *got)
{
    const uint8_t *p = in->at;
    *got = n < in->left ? n : in->left;
    in->at += *got;
    in->left -= *got;
    return p;
}

/* ---- the machine ---- */

enum { FUZZ_HARTS = 2, FUZZ_IRQS = 95, FUZZ_RAM_SIZE = 128 << 10 };
#define FUZZ_RAM 0x80000000ull

struct fuzz_machine {
    struct dev_env env;
    struct gclock clock;
    struct loop_bell *pump;
    bool level[FUZZ_HARTS][16]; /* of hart inputs, by enum hart_irq */
    bool line[FUZZ_IRQS + 1];   /* of devices' wires */
    unsigned exits;
};

static inline void fuzz_hart_irq(void *opaque, unsigned hart, enum hart_irq irq, bool level)
{
    struct fuzz_machine *m = opaque;
    FUZZ_CHECK(hart < FUZZ_HARTS && (unsigned)irq < 16);
    m->level[hart][irq] = level;
}

static inline void fuzz_exit(void *opaque, enum machine_exit kind, int code)
{
    struct fuzz_machine *m = opaque;
    (void)kind;
    (void)code;
    m->exits++;
}

static inline void fuzz_line_set(void *opaque, unsigned n, bool level)
{
    struct fuzz_machine *m = opaque;
    FUZZ_CHECK(n <= FUZZ_IRQS);
    m->line[n] = level;
}

static inline void fuzz_pump_stop(void *opaque)
{
    loop_stop(opaque);
}

/* Serves the bells that were rung, the descriptors that are ready and the timers that are due. */
static inline void fuzz_pump(struct fuzz_machine *m)
{
    loop_bell_ring(m->pump);
    FUZZ_CHECK(loop_run(m->env.loop) == 0);
}

/* RAM of size bytes between pages that must not be touched. */
static inline struct physmem *fuzz_ram(uint64_t size)
{
    struct physmem_config cfg = {.base = FUZZ_RAM, .size = size, .numa_node = -1};
    struct physmem *pm = NULL;
    FUZZ_CHECK(physmem_create(&pm, &cfg) == 0);
    /* The kernel may have put something there already, which then does the same or less. */
    (void)mmap(pm->host + size, PAGE_SIZE, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    (void)mmap(pm->host - PAGE_SIZE, PAGE_SIZE, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return pm;
}

static inline struct fuzz_machine *fuzz_machine_create(void)
{
    struct fuzz_machine *m = calloc(1, sizeof(*m));
    FUZZ_CHECK(m != NULL);
    FUZZ_CHECK(log_configure("error") == 0); /* a guest's wrongs are no news here */
    gclock_init(&m->clock, 10000000);
    m->env = (struct dev_env){
        .pm = fuzz_ram(FUZZ_RAM_SIZE),
        .clock = &m->clock,
        .harts = FUZZ_HARTS,
        .irqs = FUZZ_IRQS,
        .opaque = m,
        .hart_irq = fuzz_hart_irq,
        .machine_exit = fuzz_exit,
    };
    FUZZ_CHECK(mmio_map_create(&m->env.mmio) == 0);
    FUZZ_CHECK(loop_create(&m->env.loop) == 0);
    FUZZ_CHECK(loop_bell_add(m->env.loop, fuzz_pump_stop, m->env.loop, &m->pump) == 0);
    return m;
}

static inline struct dev *fuzz_device(struct fuzz_machine *m, const struct dev_type *type,
                                      const char *name, gpa_t base, unsigned irq,
                                      const void *config)
{
    struct irq_line line = {fuzz_line_set, m, irq};
    struct dev *d = NULL;
    FUZZ_CHECK(dev_create(&d, type, &m->env, name, base, &line, irq, config) == 0);
    return d;
}

/* ---- register accesses, as harts make them ---- */

/* An access of any width at any offset of the window; naturally aligned three times of four. */
static inline void fuzz_access(struct fuzz_machine *m, struct fuzz_in *in, gpa_t base,
                               uint64_t window, uint64_t value, bool write)
{
    uint8_t how = fuzz_u8(in);
    unsigned size = 1u << (how & 3);
    uint64_t offset = fuzz_le(in, window > 0x10000 ? 4 : 2) % window, got = 0;
    if (how & 0xc)
        offset &= ~(uint64_t)(size - 1);
    if (write)
        mmio_write(m->env.mmio, base + offset, size, value);
    else
        mmio_read(m->env.mmio, base + offset, size, &got);
}

/* save gives what load takes back; load refuses or takes anything else. */
static inline void fuzz_save_load(struct dev *d, struct fuzz_in *in)
{
    static uint8_t buf[16384];
    int need = d->type->save(d, NULL, 0);
    FUZZ_CHECK(need > 0 && (size_t)need <= sizeof(buf));
    FUZZ_CHECK(d->type->save(d, buf, sizeof(buf)) == need);
    uint16_t changes = fuzz_u8(in) % 16;
    for (unsigned i = 0; i < changes; i++)
        buf[fuzz_u16(in) % (unsigned)need] = fuzz_u8(in);
    int rc = d->type->load(d, buf, (size_t)need);
    FUZZ_CHECK(changes || rc == 0);
}

#endif
