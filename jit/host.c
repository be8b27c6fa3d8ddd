/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back ends there are (hosts.def), and which of them is for the machine that
 * this program runs on.  Any thread.
 */
#include "jit/jit.h"

#include <stddef.h>
#include <string.h>

#define HOST(name) extern const struct jit_host jit_host_##name;
#include "jit/hosts.def"
#undef HOST

static const struct jit_host *const hosts[] = {
#define HOST(name) &jit_host_##name,
#include "jit/hosts.def"
#undef HOST
};

#if defined(__x86_64__)
#define NATIVE "x64"
#else
#define NATIVE ""
#endif

const struct jit_host *jit_host(void)
{
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (!strcmp(hosts[i]->name, NATIVE))
            return hosts[i];
    return NULL;
}
