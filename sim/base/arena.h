/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One jemalloc arena per hart thread and one for the I/O thread, so that
 * allocation on one never contends with another.  Without jemalloc (sanitizer
 * builds) these do nothing.
 */
#ifndef SIM_BASE_ARENA_H
#define SIM_BASE_ARENA_H

/* Makes a fresh arena and binds the calling thread to it; 0 or -errno. */
int arena_bind_thread(void);
/* Gives the thread's arena back; called by the same thread as it ends. */
void arena_unbind_thread(void);
/* "jemalloc 5.3.0" or "libc". */
const char *arena_name(void);

#endif
