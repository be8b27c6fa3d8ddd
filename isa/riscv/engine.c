/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engines of the RISC-V guest (isa/engine.h).  What they hold outside struct rv_hart while
 * it runs is the host's FP control register; what it derives are the TLB's
 * contexts.
 */
#include "isa/riscv/fp.h"
#include "isa/riscv/ops.h"

static void interp_run(struct hart *hart)
{
    rv_interp(rv_hart(hart));
}

static void interp_step(struct hart *hart)
{
    rv_interp_step(rv_hart(hart));
}

static bool interp_needs_sync(const struct hart *hart)
{
    return container_of(hart, const struct rv_hart, hart)->fp_entered;
}

static void interp_sync_from(struct hart *hart)
{
    rv_fp_leave(rv_hart(hart));
}

static void interp_sync_to(struct hart *hart)
{
    rv_mmu_update(rv_hart(hart));
}

static void jit_run(struct hart *hart)
{
    rv_jit_run(rv_hart(hart), true);
}

static void hybrid_run(struct hart *hart)
{
    rv_jit_run(rv_hart(hart), false);
}

/* All step by the interpreter, and all keep the state between rounds where it does. */
#define COMMON                                                                                     \
    .overrun = RV_SLOTS + 1, .step = interp_step, .needs_sync = interp_needs_sync,                 \
    .sync_from = interp_sync_from, .sync_to = interp_sync_to

static const struct engine engines[ENGINE_COUNT] = {
    [ENGINE_HYBRID] = {.id = ENGINE_HYBRID, .run = hybrid_run, COMMON},
    [ENGINE_INTERP] = {.id = ENGINE_INTERP, .run = interp_run, COMMON},
    [ENGINE_JIT] = {.id = ENGINE_JIT, .run = jit_run, COMMON},
};

/* Where there is no back end for the host. */
static const struct engine engines_without[ENGINE_COUNT] = {
    [ENGINE_HYBRID] = {.id = ENGINE_HYBRID, .run = interp_run, COMMON},
    [ENGINE_INTERP] = {.id = ENGINE_INTERP, .run = interp_run, COMMON},
    [ENGINE_JIT] = {.id = ENGINE_JIT,
                    .missing = "there is no translator for this processor; give interp or hybrid "
                               "(which then interprets)"},
};

const struct engine *rv_engine(enum guest_engine id)
{
    if ((unsigned)id >= ENGINE_COUNT)
        return NULL;
    return jit_host() ? &engines[id] : &engines_without[id];
}
