/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The futex system call.  Private to the process; the deadline is absolute
 * (FUTEX_WAIT_BITSET), so that a caller that loops after an early return does
 * not sleep longer than it asked for.
 */
#include "sim/base/futex.h"

#include "sim/base/clock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int futex_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    struct timespec ts = {
        .tv_sec = (time_t)(deadline_ns / NS_PER_SEC),
        .tv_nsec = (long)(deadline_ns % NS_PER_SEC),
    };
    const struct timespec *timeout = deadline_ns == FUTEX_NO_DEADLINE ? NULL : &ts;
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, timeout,
                      NULL, FUTEX_BITSET_MATCH_ANY);

    return rc < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

void futex_wake(uint32_t *word, int n)
{
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, n, NULL, NULL, 0);
}
