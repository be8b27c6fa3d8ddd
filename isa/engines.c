/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engines there are, from engines.def.  Any thread.
 */
#include "isa/engine.h"

static const struct {
    const char *name, *summary;
} engines[] = {
#define ENGINE(id, name, summary) {#name, summary},
#include "isa/engines.def"
#undef ENGINE
};

const char *engine_name(unsigned id)
{
    return id < ENGINE_COUNT ? engines[id].name : NULL;
}

const char *engine_summary(unsigned id)
{
    return id < ENGINE_COUNT ? engines[id].summary : NULL;
}
