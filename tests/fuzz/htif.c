/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTIF: words stored to tohost whole, in halves and in bytes, whose payload points
 * at blocks in RAM, beside it, at tohost itself.
 */
#include "sim/htif.h"

#include "tests/fuzz/fuzz.h"

static size_t htif_write_cb(void *opaque, const void *buf, size_t len)
{
    (void)opaque;
    (void)buf;
    return len;
}

static size_t htif_read_cb(void *opaque, void *buf, size_t len)
{
    unsigned *turn = opaque;
    memset(buf, 'x', len);
    return ++*turn & 1 ? len : 0;
}

static void htif_exit_cb(void *opaque, uint64_t code)
{
    (void)opaque;
    (void)code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_machine *m;
    static struct htif *h;
    static unsigned turn;
    struct fuzz_in in = {data, size};
    if (!m) {
        m = fuzz_machine_create();
        struct htif_env env = {.pm = m->env.pm,
                               .loop = m->env.loop,
                               .opaque = &turn,
                               .exit = htif_exit_cb,
                               .console_write = htif_write_cb,
                               .console_read = htif_read_cb};
        FUZZ_CHECK(htif_create(&h, &env) == 0);
        m->env.pm->hooks.watch_opaque = h;
        m->env.pm->hooks.watch_written = htif_written;
    }
    turn = 0;
    physmem_fill(m->env.pm, FUZZ_RAM, 0, FUZZ_RAM_SIZE);
    gpa_t tohost = FUZZ_RAM + 0x1000;
    FUZZ_CHECK(htif_set(h, tohost, tohost + 8) == 0);
    for (unsigned i = 0; i < 100 && in.left; i++) {
        uint8_t op = fuzz_u8(&in), size_log = op & 3;
        uint64_t value = fuzz_le(&in, 1u << size_log);
        gpa_t at = tohost + (op >> 5) * (1u << size_log);
        if (op & 4) /* a device and a command in the right place, an address in RAM */
            value = (value & 0xffff) + FUZZ_RAM + ((uint64_t)(op >> 3 & 1) << 56);
        if (op & 8)
            at = FUZZ_RAM + fuzz_u16(&in);
        if (op & 16)
            physmem_store_slow(m->env.pm, NULL, at & ~7ull, 8, value);
        else
            physmem_write(m->env.pm, at, &value, 1u << size_log);
        if (op & 0x80)
            fuzz_pump(m);
    }
    return 0;
}
