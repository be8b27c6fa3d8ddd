/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atomics whose size is known only when they run, and the 16-byte compare-and-swap
 * of Zacas.  For that __atomic_compare_exchange_n would become a call into
 * libatomic, which may take a lock; the older builtin is an exclusive pair on
 * ARM64, in gcc and in clang.
 */
#include "mem/amo.h"

#include "mem/mag16.h"

uint64_t amo_sized(void *p, unsigned size, enum amo_op op, uint64_t v)
{
    if (unlikely((uintptr_t)p & (size - 1)))
        return mag16_amo(p, size, op, v);
    switch (size) {
    case 1:
        return amo_8(p, op, (uint8_t)v);
    case 2:
        return amo_16(p, op, (uint16_t)v);
    case 4:
        return amo_32(p, op, (uint32_t)v);
    default:
        return amo_64(p, op, v);
    }
}

#define CAS(bits)                                                                                  \
    static uint64_t cas_##bits(uint##bits##_t *p, uint##bits##_t expected, uint##bits##_t desired) \
    {                                                                                              \
        (void)cas_seq_cst(p, &expected, desired);                                                  \
        return expected;                                                                           \
    }
CAS(8)
CAS(16)
CAS(32)
CAS(64)

uint64_t amo_cas_sized(void *p, unsigned size, uint64_t expected, uint64_t desired)
{
    if (unlikely((uintptr_t)p & (size - 1)))
        return mag16_cas(p, size, expected, desired);
    switch (size) {
    case 1:
        return cas_8(p, (uint8_t)expected, (uint8_t)desired);
    case 2:
        return cas_16(p, (uint16_t)expected, (uint16_t)desired);
    case 4:
        return cas_32(p, (uint32_t)expected, (uint32_t)desired);
    default:
        return cas_64(p, expected, desired);
    }
}

#if defined(__x86_64__)
/* In assembler: of the builtin ThreadSanitizer makes a lock of its own, which other accesses to the
 * 16 bytes do not take. */
bool amo_cas128(void *p, uint64_t expected[2], const uint64_t desired[2])
{
    bool swapped;

    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(swapped), "+m"(*(unsigned __int128 *)p), "+a"(expected[0]),
                       "+d"(expected[1])
                     : "b"(desired[0]), "c"(desired[1])
                     : "memory");
    return swapped;
}
#else
bool amo_cas128(void *p, uint64_t expected[2], const uint64_t desired[2])
{
    unsigned __int128 old = (unsigned __int128)expected[1] << 64 | expected[0];
    unsigned __int128 new = (unsigned __int128)desired[1] << 64 | desired[0];
    unsigned __int128 found = __sync_val_compare_and_swap((unsigned __int128 *)p, old, new);

    expected[0] = (uint64_t)found;
    expected[1] = (uint64_t)(found >> 64);
    return found == old;
}
#endif
