/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors of the host or the user: a function returns -errno and leaves the
 * words for them in the calling thread's struct mh_error, once, at the place
 * that knows the file, the parameter and what would be right.  Any thread.
 */
#ifndef SIM_BASE_ERROR_H
#define SIM_BASE_ERROR_H

#include "sim/base/bits.h"
#include "sim/include/manyhart.h"

/*
 * Records an error and returns code (a negative errno), so that callers write
 * `return error_set(...)`.  param and value may be NULL.  fmt is one line that
 * says what is wrong and, where it helps, what would be right.
 */
int error_set(enum mh_error_domain domain, int code, const char *param, const char *value,
              const char *fmt, ...) MH_PRINTF(5, 6);

/* The host's words for a negative errno, constant text ("No such file or directory"). */
const char *error_text(int code);

#endif
