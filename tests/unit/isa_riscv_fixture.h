/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RISC-V guest without a machine around it, for the tests of isa/riscv: 1 MiB
 * of RAM, a clock, a console in a buffer, no event loop unless asked for.  The
 * harts do not run; a test acts as their thread.
 */
#ifndef TESTS_UNIT_ISA_RISCV_FIXTURE_H
#define TESTS_UNIT_ISA_RISCV_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "isa/riscv/rv.h"

#define RAM_BASE 0x80000000ull
#ifndef RAM_SIZE
#define RAM_SIZE (1ull << 20)
#endif

struct fixture {
    struct physmem *pm;
    struct mmio_map *mmio;
    struct gclock clock;
    struct guest_env env;
    struct guest *guest;
    struct rv_guest *g;
    int exits, exit_code;
    enum guest_exit exit_kind;
    char out[256];
    size_t out_len, out_room; /* out_room: bytes the console still takes */
    const char *in;
};

static void fixture_exit(void *opaque, enum guest_exit kind, int code)
{
    struct fixture *f = opaque;
    f->exits++;
    f->exit_kind = kind;
    f->exit_code = code;
}

static size_t fixture_write(void *opaque, const void *buf, size_t len)
{
    struct fixture *f = opaque;
    size_t n = len < f->out_room ? len : f->out_room;
    memcpy(f->out + f->out_len, buf, n);
    f->out_len += n;
    f->out_room -= n;
    return n;
}

static size_t fixture_read(void *opaque, void *buf, size_t len)
{
    struct fixture *f = opaque;
    size_t n = f->in ? strnlen(f->in, len) : 0;
    if (n)
        memcpy(buf, f->in, n);
    f->in = f->in ? f->in + n : NULL;
    return n;
}

static void fixture_open(struct fixture *f, const struct guest_config *cfg, struct loop *loop)
{
    const struct physmem_config ram = {.base = RAM_BASE, .size = RAM_SIZE, .numa_node = -1};
    memset(f, 0, sizeof(*f));
    assert_int_equal(physmem_create(&f->pm, &ram), 0);
    assert_int_equal(mmio_map_create(&f->mmio), 0);
    gclock_init(&f->clock, 10000000);
    f->out_room = sizeof(f->out);
    f->env = (struct guest_env){.pm = f->pm,
                                .mmio = f->mmio,
                                .loop = loop,
                                .clock = &f->clock,
                                .opaque = f,
                                .exit = fixture_exit,
                                .console_write = fixture_write,
                                .console_read = fixture_read};
    const struct guest_type *type = guest_find("riscv64");
    assert_non_null(type);
    assert_int_equal(type->create(&f->guest, cfg, &f->env), 0);
    f->g = (struct rv_guest *)f->guest;
}

static void fixture_close(struct fixture *f)
{
    guest_find("riscv64")->destroy(f->guest);
    mmio_map_destroy(f->mmio);
    physmem_destroy(f->pm);
}

/* One hart after reset, in M-mode. */
static inline struct rv_hart *fixture_hart(struct fixture *f, const char *isa)
{
    const struct guest_config cfg = {.harts = 1, .isa = isa, .engine = ENGINE_INTERP};
    fixture_open(f, &cfg, NULL);
    struct rv_hart *h = f->g->harts[0];
    rv_reset(h);
    h->attention = 0;
    return h;
}

#endif
