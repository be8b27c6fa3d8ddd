/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RISC-V program for Linux, without a C library, that prints the hashes of
 * crypto_vectors.h as the processor that runs it computes them: a line of an
 * array for each instruction.  tests/tools/gen_crypto_golden.sh runs it under
 * QEMU.
 */
#include "tests/guest/common/crypto_vectors.h"

enum { SYS_WRITE = 64, SYS_EXIT = 93 };

static long call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

static char out[1 << 16];
static unsigned long len;

static void put(const char *text)
{
    while (*text)
        out[len++] = *text++;
}

static void put_hash(uint32_t hash)
{
    put("0x");
    for (int shift = 28; shift >= 0; shift -= 4)
        out[len++] = "0123456789abcdef"[hash >> shift & 15];
}

void _start(void)
{
    for (unsigned op = 0; op < CRYPTO_OPS; op++) {
        put("    {");
        for (unsigned group = 0; group < CRYPTO_GROUPS; group++) {
            put_hash(crypto_hash_group(op, group));
            put(group + 1 < CRYPTO_GROUPS ? ", " : "}, /* ");
        }
        put(crypto_names[op]);
        put(" */\n");
    }
    call(SYS_WRITE, 1, (long)out, (long)len);
    call(SYS_EXIT, 0, 0, 0);
    __builtin_unreachable();
}
