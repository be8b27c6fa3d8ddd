/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI, Debug Console, and the legacy console calls.  The host's side never
 * blocks (isa/guest.h); a call that must block is repeated instead: the hart
 * takes its interrupts and letters between the tries.
 */
#include "isa/riscv/sbi.h"

#include <time.h>

/* Bytes copied at once into guest memory; a call may be answered in part. */
#define READ_CHUNK 4096

/* Between two tries to write to a full console. */
#define FULL_PAUSE_NS 20000

static bool buffer_valid(const struct rv_hart *h, uint64_t len, uint64_t lo, uint64_t hi)
{
    return !hi && physmem_contains(h->guest->env->pm, lo, len);
}

static struct sbi_ret console_write(struct rv_hart *h, uint64_t len, uint64_t lo, uint64_t hi)
{
    const struct guest_env *env = h->guest->env;
    if (!len)
        return sbi_value(0);
    if (!buffer_valid(h, len, lo, hi))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (!env->console_write)
        return sbi_value(len); /* no console: thrown away */
    return sbi_value(env->console_write(env->opaque, physmem_host(env->pm, lo), len));
}

static struct sbi_ret console_read(struct rv_hart *h, uint64_t len, uint64_t lo, uint64_t hi)
{
    const struct guest_env *env = h->guest->env;
    uint8_t buf[READ_CHUNK];
    if (!len)
        return sbi_value(0);
    if (!buffer_valid(h, len, lo, hi))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    if (!env->console_read)
        return sbi_value(0);
    size_t got = env->console_read(env->opaque, buf, min_u64(len, READ_CHUNK));
    if (got && physmem_write(env->pm, lo, buf, got))
        return sbi_error(SBI_ERR_FAILED);
    return sbi_value(got);
}

struct sbi_ret sbi_console_put(struct rv_hart *h, uint8_t byte)
{
    const struct guest_env *env = h->guest->env;
    const struct timespec pause = {0, FULL_PAUSE_NS};
    if (!env->console_write || env->console_write(env->opaque, &byte, 1))
        return sbi_error(SBI_SUCCESS);
    nanosleep(&pause, NULL);
    return (struct sbi_ret){.then = SBI_AGAIN};
}

int sbi_console_get(struct rv_hart *h)
{
    const struct guest_env *env = h->guest->env;
    uint8_t byte;
    if (!env->console_read || !env->console_read(env->opaque, &byte, 1))
        return -1;
    return byte;
}

struct sbi_ret sbi_console_call(struct rv_hart *h, uint64_t fid, const uint64_t *a)
{
    switch (fid) {
    case 0:
        return console_write(h, a[0], a[1], a[2]);
    case 1:
        return console_read(h, a[0], a[1], a[2]);
    case 2:
        return sbi_console_put(h, (uint8_t)a[0]);
    }
    return sbi_error(SBI_ERR_NOT_SUPPORTED);
}
