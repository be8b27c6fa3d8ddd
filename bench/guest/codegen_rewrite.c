/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small compiler at work: it writes a function, executes FENCE.I and calls it, and then writes
 * the next one.  The buffer has room for 64 functions in two pages, so each is written beside
 * others that ran, and after 64 over one that ran.
 */
#include "emit.h"

enum { FUNCTIONS = 64, STRIDE = 128, STEPS = 2047, MARKS = 4, TURNS = 7 };

static unsigned number_of(size_t step, size_t i)
{
    return mark_number(step * MARKS + i);
}

/* TURNS in a1: a loop over the marks. */
static NOINLINE void compile(uint32_t *at, size_t step)
{
    const uint32_t *loop = at;

    for (size_t i = 0; i < MARKS; i++)
        at = emit_mark(at, number_of(step, i));
    at = emit(at, insn_addi(A1, A1, -1));
    at = emit(at, insn_beqz(A1, 2 * INSN_SIZE));
    at = emit_jal(at, ZERO, loop);
    emit(at, INSN_RET);
}

static uint64_t expected(void)
{
    uint64_t v = 0;

    for (size_t step = 0; step < STEPS; step++)
        for (unsigned turn = 0; turn < TURNS; turn++)
            for (size_t i = 0; i < MARKS; i++)
                v = mix(v, number_of(step, i));
    return v;
}

void *code_rewrite_setup(struct arena *a)
{
    unsigned char *code = arena_alloc(a, FUNCTIONS, STRIDE, 4096);

    workload_require(code_rewrite_run(code) == expected(), "the functions' marks");
    return code;
}

uint64_t code_rewrite_run(void *state)
{
    unsigned char *code = state;
    uint64_t v = 0;

    for (size_t step = 0; step < STEPS; step++) {
        uint32_t *at = (uint32_t *)(code + step % FUNCTIONS * STRIDE);
        compile(at, step);
        code_fence();
        v = code_call(at, v, TURNS);
    }
    return v;
}
