/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atomic read-modify-write on host memory, as the guests' AMOs need it.  All
 * are sequentially consistent on the host: on x86 a lock-prefixed operation is,
 * and a weaker one would not be cheaper.  Any thread.
 */
#ifndef MEM_AMO_H
#define MEM_AMO_H

#include "sim/base/atomic.h"
#include "sim/base/bits.h"

enum amo_op { AMO_SWAP, AMO_ADD, AMO_XOR, AMO_AND, AMO_OR, AMO_MIN, AMO_MAX, AMO_MINU, AMO_MAXU };

/* What memory holds after op with old value a and operand b, both of the type's width. */
#define AMO_DEFINE_MINMAX(bits)                                                                    \
    static inline uint##bits##_t amo_minmax_##bits(enum amo_op op, uint##bits##_t a,               \
                                                   uint##bits##_t b)                               \
    {                                                                                              \
        switch (op) {                                                                              \
        case AMO_MIN:                                                                              \
            return (int##bits##_t)a < (int##bits##_t)b ? a : b;                                    \
        case AMO_MAX:                                                                              \
            return (int##bits##_t)a > (int##bits##_t)b ? a : b;                                    \
        case AMO_MINU:                                                                             \
            return a < b ? a : b;                                                                  \
        default:                                                                                   \
            return a > b ? a : b;                                                                  \
        }                                                                                          \
    }
AMO_DEFINE_MINMAX(8)
AMO_DEFINE_MINMAX(16)
AMO_DEFINE_MINMAX(32)
AMO_DEFINE_MINMAX(64)

#define AMO_DEFINE(bits)                                                                           \
    static ALWAYS_INLINE uint##bits##_t amo_##bits(uint##bits##_t *p, enum amo_op op,              \
                                                   uint##bits##_t v)                               \
    {                                                                                              \
        switch (op) {                                                                              \
        case AMO_SWAP:                                                                             \
            return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                    \
        case AMO_ADD:                                                                              \
            return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                                     \
        case AMO_XOR:                                                                              \
            return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);                                     \
        case AMO_AND:                                                                              \
            return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);                                     \
        case AMO_OR:                                                                               \
            return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);                                      \
        default: {                                                                                 \
            uint##bits##_t old = load_relaxed(p);                                                  \
            while (!cas_seq_cst(p, &old, amo_minmax_##bits(op, old, v)))                           \
                ;                                                                                  \
            return old;                                                                            \
        }                                                                                          \
        }                                                                                          \
    }
AMO_DEFINE(8)
AMO_DEFINE(16)
AMO_DEFINE(32)
AMO_DEFINE(64)

/*
 * The same, and a compare-and-swap, of 1, 2, 4 or 8 bytes, aligned or inside an aligned 16
 * (mag16.h); what was found, zero-extended.  What is above the size in the operands does not count.
 */
uint64_t amo_sized(void *p, unsigned size, enum amo_op op, uint64_t v);
uint64_t amo_cas_sized(void *p, unsigned size, uint64_t expected, uint64_t desired);

/*
 * 16-byte compare-and-swap; p is aligned to 16.  expected receives what was found; true when
 * swapped.  A function, because on x86 it needs cmpxchg16b, which not every caller is built for.
 */
bool amo_cas128(void *p, uint64_t expected[2], const uint64_t desired[2]);

#endif
