/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls 1024 deep, far beyond the return addresses that a processor or simulator predicts.  Each
 * function of the chain is another one, so every return goes to another place; a block's mark
 * before and after the call tells that all were there, in the right order.
 */
#include "emit.h"

enum { DEPTH = 1024, STRIDE = 64, ROUNDS = 127 };

struct calls {
    unsigned char *code;
    uint64_t *stack; /* of return addresses */
};

/* The mark on the way back. */
static unsigned number_up(size_t i)
{
    return mark_number(i + DEPTH);
}

static uint32_t *function_at(const struct calls *c, size_t i)
{
    return (uint32_t *)(c->code + i * STRIDE);
}

static void emit_function(const struct calls *c, size_t i)
{
    uint32_t *at = emit_mark(function_at(c, i), mark_number(i));

    if (i + 1 < DEPTH) {
        at = emit(at, insn_sd(RA, A1, 0));
        at = emit(at, insn_addi(A1, A1, 8));
        at = emit_jal(at, RA, function_at(c, i + 1));
        at = emit(at, insn_addi(A1, A1, -8));
        at = emit(at, insn_ld(RA, A1, 0));
    }
    at = emit_mark(at, number_up(i));
    emit(at, INSN_RET);
}

static uint64_t expected(void)
{
    uint64_t v = 0;

    for (unsigned r = 0; r < ROUNDS; r++) {
        for (size_t i = 0; i < DEPTH; i++)
            v = mix(v, mark_number(i));
        for (size_t i = DEPTH; i-- > 0;)
            v = mix(v, number_up(i));
    }
    return v;
}

void *calls_deep_setup(struct arena *a)
{
    struct calls *c = ARENA_NEW(a, struct calls, 1);

    c->code = arena_alloc(a, DEPTH, STRIDE, 4096);
    c->stack = ARENA_NEW(a, uint64_t, DEPTH);
    for (size_t i = 0; i < DEPTH; i++)
        emit_function(c, i);
    code_fence();
    workload_require(calls_deep_run(c) == expected(), "the functions' marks");
    return c;
}

uint64_t calls_deep_run(void *state)
{
    const struct calls *c = state;
    uint64_t v = 0;

    for (unsigned r = 0; r < ROUNDS; r++)
        v = code_call(c->code, v, (uint64_t)c->stack);
    return v;
}
