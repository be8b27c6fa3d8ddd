/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calling thread's last error.  Kept per thread, so that a failure on one
 * hart never overwrites the words another thread is about to read; texts that
 * do not fit are cut, never refused.
 */
#include "sim/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct mh_error last_error;

int error_set(enum mh_error_domain domain, int code, const char *param, const char *value,
              const char *fmt, ...)
{
    struct mh_error next = {.domain = domain, .code = code};
    va_list ap;

    snprintf(next.param, sizeof(next.param), "%s", param ? param : "");
    snprintf(next.value, sizeof(next.value), "%s", value ? value : "");
    va_start(ap, fmt);
    vsnprintf(next.message, sizeof(next.message), fmt, ap);
    va_end(ap);
    /* Only now: the arguments may point into the previous error. */
    last_error = next;
    return code;
}

const struct mh_error *mh_last_error(void)
{
    return &last_error;
}

const char *error_text(int code)
{
    /* Not strerror, which is thread-safe only by glibc's grace and depends on the locale. */
    const char *text = strerrordesc_np(-code);

    return text ? text : "unknown error";
}
