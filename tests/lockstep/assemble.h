/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code of the guest written as text, an instruction at a time, with holes for
 * jumps forward.  Ends the process at a mistake.
 */
#ifndef TESTS_LOCKSTEP_ASSEMBLE_H
#define TESTS_LOCKSTEP_ASSEMBLE_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/decode.h"
#include "tests/lockstep/layout.h"

struct writer {
    uint8_t *ram;
    uint32_t at;
};

/* One instruction; branch targets are absolute addresses. */
__attribute__((format(printf, 2, 3))) static inline uint32_t put(struct writer *w, const char *fmt,
                                                                 ...)
{
    char text[96];
    uint32_t raw, at = w->at;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    int len = rv_asm(text, RAM + at, &raw);
    if (len < 0) {
        fprintf(stderr, "lockstep: cannot assemble '%s'\n", text);
        abort();
    }
    memcpy(w->ram + at, &raw, (size_t)len);
    w->at += (uint32_t)len;
    return at;
}

/* The branch or jump at a hole comes here: text without the target. */
static inline void land(struct writer *w, uint32_t hole, const char *text)
{
    struct writer at = {w->ram, hole};
    put(&at, "%s0x%llx", text, RAM + w->at);
}

static inline uint32_t hole(struct writer *w)
{
    return put(w, "nop");
}

#endif
