/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --sandbox: what threads give up before guest code runs, so that a guest which
 * broke out of the simulation would find little: capabilities, new privileges by
 * exec, and every system call that is not in sandbox.def for their kind.
 *
 * Each thread enters for itself, once, as its first step; a thread that it starts
 * inherits its filter and then adds its own.  There is no way back.
 *
 * A call that is not allowed ends the process with exit code 128 + SIGSYS and a
 * line on stderr that names the kind of thread and the call.
 */
#ifndef SIM_SANDBOX_H
#define SIM_SANDBOX_H

#include "sim/base/bits.h"

enum sandbox_kind {
    SANDBOX_HART,
    SANDBOX_IO,
    SANDBOX_DISK,
    SANDBOX_WORKER,
    SANDBOX_SUPERVISOR,
    SANDBOX_MAIN,
    SANDBOX_KINDS
};

/*
 * For the calling thread.  counters: performance counters may be opened.  Where the host refuses
 * the filter or the rest, that is said at log level info and the thread goes on without.
 */
void sandbox_enter(enum sandbox_kind kind, bool counters);

/* Whether the calling thread has entered and its filter is in force. */
bool sandbox_active(void);

/* What the filter does with a call: for tests and for the table of --help.  Any thread. */
bool sandbox_allows(enum sandbox_kind kind, bool counters, long call, const uint64_t args[6]);

#endif
