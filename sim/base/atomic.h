/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared words are touched through these names only, with the order spelled
 * at the call.  They act on plain (not _Atomic) objects so that guest memory
 * and generated code can share the words.  Any thread.
 */
#ifndef SIM_BASE_ATOMIC_H
#define SIM_BASE_ATOMIC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define load_relaxed(p)         __atomic_load_n((p), __ATOMIC_RELAXED)
#define load_acquire(p)         __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define load_seq_cst(p)         __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define store_relaxed(p, v)     __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define store_release(p, v)     __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define store_seq_cst(p, v)     __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#define exchange_acq_rel(p, v)  __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define exchange_seq_cst(p, v)  __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define fetch_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define fetch_add_acq_rel(p, v) __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
#define fetch_sub_acq_rel(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL)
#define fetch_add_seq_cst(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define fetch_or_relaxed(p, v)  __atomic_fetch_or((p), (v), __ATOMIC_RELAXED)
#define fetch_or_acq_rel(p, v)  __atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL)
#define fetch_or_seq_cst(p, v)  __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define fetch_and_relaxed(p, v) __atomic_fetch_and((p), (v), __ATOMIC_RELAXED)
#define fetch_and_acq_rel(p, v) __atomic_fetch_and((p), (v), __ATOMIC_ACQ_REL)
#define fetch_and_seq_cst(p, v) __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
/* Strong compare-and-swap; *expected receives what was found.  True when swapped. */
#define cas_acq_rel(p, expected, v)                                                                \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define cas_seq_cst(p, expected, v)                                                                \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define fence_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define fence_release() __atomic_thread_fence(__ATOMIC_RELEASE)
#define fence_seq_cst() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/*
 * Copy and fill bytes that other threads may access at the same time: in no promised order and in
 * pieces of no promised size, as the guest's misaligned accesses and a device's bulk access are.
 * ThreadSanitizer sees relaxed atomic bytes; without it they are memcpy and memset, which it would
 * call a race of ours where it is one of the guest's.
 */
static inline void copy_relaxed(void *to, const void *from, size_t size)
{
#if defined(__SANITIZE_THREAD__)
    for (size_t i = 0; i < size; i++)
        store_relaxed((uint8_t *)to + i, load_relaxed((const uint8_t *)from + i));
#else
    memcpy(to, from, size);
#endif
}

static inline void fill_relaxed(void *to, uint8_t byte, size_t size)
{
#if defined(__SANITIZE_THREAD__)
    for (size_t i = 0; i < size; i++)
        store_relaxed((uint8_t *)to + i, byte);
#else
    memset(to, byte, size);
#endif
}

/*
 * Tell ThreadSanitizer, which sees nothing of what translated code reads, that who calls
 * tsan_acquire has seen what was done before each tsan_release of the same address.  Only for
 * orders that translated code already gives; without ThreadSanitizer they are nothing.
 */
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define tsan_acquire(p) __tsan_acquire(p)
#define tsan_release(p) __tsan_release(p)
#else
#define tsan_acquire(p) ((void)(p))
#define tsan_release(p) ((void)(p))
#endif

/* A hint inside a spin loop. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
