/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engines of the RISC-V guest (isa/engine.h).  There is the interpreter;
 * hybrid is the interpreter until there is a translator, and says so by having
 * the same functions.  What the interpreter holds outside struct rv_hart while
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

#define INTERPRETER                                                                                \
    .overrun = RV_SLOTS + 1, .run = interp_run, .step = interp_step,                               \
    .needs_sync = interp_needs_sync, .sync_from = interp_sync_from, .sync_to = interp_sync_to

static const struct engine engines[ENGINE_COUNT] = {
    [ENGINE_HYBRID] = {.id = ENGINE_HYBRID, INTERPRETER},
    [ENGINE_INTERP] = {.id = ENGINE_INTERP, INTERPRETER},
    [ENGINE_JIT] = {.id = ENGINE_JIT,
                    .missing = "the translator does not exist yet; give interp or hybrid (which "
                               "then interprets)"},
};

const struct engine *rv_engine(enum guest_engine id)
{
    return (unsigned)id < ENGINE_COUNT ? &engines[id] : NULL;
}
