/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 16-byte compare-and-swap of Zacas.  __atomic_compare_exchange_n would
 * become a call into libatomic, which may take a lock; the older builtin is
 * cmpxchg16b on x86 and an exclusive pair on ARM64, in gcc and in clang.
 */
#include "mem/amo.h"

#if defined(__x86_64__)
__attribute__((target("cx16")))
#endif
bool
amo_cas128(void *p, uint64_t expected[2], const uint64_t desired[2])
{
    unsigned __int128 old = (unsigned __int128)expected[1] << 64 | expected[0];
    unsigned __int128 new = (unsigned __int128)desired[1] << 64 | desired[0];
    unsigned __int128 found = __sync_val_compare_and_swap((unsigned __int128 *)p, old, new);

    expected[0] = (uint64_t)found;
    expected[1] = (uint64_t)(found >> 64);
    return found == old;
}
