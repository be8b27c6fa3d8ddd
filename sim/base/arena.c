/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jemalloc arenas for threads.  An arena is never destroyed, because memory
 * that its thread allocated may live on after the thread; its number goes into
 * a set instead and the next thread takes it from there.  jemalloc allows 4094
 * arenas in a process, so without the set a process that makes machines one
 * after the other would run out.  The set is process-wide as jemalloc's arenas
 * are; it holds no state of a machine.
 */
#include "sim/base/arena.h"

#include "sim/base/atomic.h"
#include "sim/base/error.h"

#if defined(MH_JEMALLOC) && MH_JEMALLOC

#include <errno.h>
#include <jemalloc/jemalloc.h>

#define ARENA_LIMIT 4096

#define STRING_(x) #x
#define STRING(x)  STRING_(x)

/* Arena numbers that no thread uses; atomic. */
static uint64_t spare[ARENA_LIMIT / 64];

/* The arena bound by arena_bind_thread, and the one the thread had before. */
static _Thread_local unsigned own_arena, first_arena;
static _Thread_local bool bound;

/* Takes a number out of the set; false when it is empty. */
static bool spare_take(unsigned *arena)
{
    for (unsigned i = 0; i < ARRAY_LEN(spare); i++) {
        uint64_t word = load_relaxed(&spare[i]);
        while (word) {
            unsigned bit = (unsigned)__builtin_ctzll(word);
            /* Pairs with the release in spare_put: its thread is done with the arena. */
            if (cas_acq_rel(&spare[i], &word, word & ~(1ull << bit))) {
                *arena = i * 64 + bit;
                return true;
            }
        }
    }
    return false;
}

static void spare_put(unsigned arena)
{
    if (arena < ARENA_LIMIT)
        fetch_or_acq_rel(&spare[arena / 64], 1ull << (arena % 64));
}

int arena_bind_thread(void)
{
    unsigned arena, previous;
    size_t size = sizeof(arena);

    if (bound)
        return 0;
    if (!spare_take(&arena)) {
        int rc = mallctl("arenas.create", &arena, &size, NULL, 0);
        if (rc)
            return error_set(MH_ERROR_PLATFORM, -rc, NULL, NULL, "jemalloc makes no further arena");
    }
    size = sizeof(previous);
    int rc = mallctl("thread.arena", &previous, &size, &arena, sizeof(arena));
    if (rc) {
        spare_put(arena);
        return error_set(MH_ERROR_PLATFORM, -rc, NULL, NULL,
                         "jemalloc does not bind the thread to arena %u", arena);
    }
    own_arena = arena;
    first_arena = previous;
    bound = true;
    return 0;
}

void arena_unbind_thread(void)
{
    if (!bound)
        return;
    bound = false;
    mallctl("thread.arena", NULL, NULL, &first_arena, sizeof(first_arena));
    spare_put(own_arena);
}

const char *arena_name(void)
{
    return "jemalloc " STRING(JEMALLOC_VERSION_MAJOR) "." STRING(JEMALLOC_VERSION_MINOR) "." STRING(
        JEMALLOC_VERSION_BUGFIX);
}

#else

int arena_bind_thread(void)
{
    return 0;
}

void arena_unbind_thread(void)
{
}

const char *arena_name(void)
{
    return "libc";
}

#endif
