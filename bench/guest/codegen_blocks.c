/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that has to be translated anew because it was written: blocks in a random order, each run
 * once after it changed.  In code_small and code_large one instruction of each block is replaced,
 * as a kernel patches itself; in code_once all of them, as a program is loaded.  An iteration
 * does it twice, with other numbers in the marks, so that each write changes something.
 */
#include "emit.h"

struct shape {
    size_t blocks, marks; /* per block; behind them a jump to the next */
};

static const struct shape small = {2048, 1}, large = {64, 127}, once = {2048, 4};

struct blocks {
    const struct shape *shape;
    uint32_t *code, *load[2]; /* the code that runs; its two forms, to be copied there */
    uint32_t *order;
};

/* The mark I of BLOCK in form WHICH.  Those that patching leaves alone are the same in both. */
static unsigned number_of(const struct shape *s, size_t block, size_t i, unsigned which)
{
    return mark_number(2 * (block * s->marks + i) + which);
}

static size_t insns_per_block(const struct shape *s)
{
    return 2 * s->marks + 1;
}

/* The mark that is patched: in the middle. */
static size_t patched_mark(const struct shape *s)
{
    return s->marks / 2;
}

static uint32_t *block_at(const struct blocks *b, uint32_t *code, size_t i)
{
    return code + i * insns_per_block(b->shape);
}

static size_t code_size(const struct shape *s)
{
    return s->blocks * insns_per_block(s) * INSN_SIZE;
}

/* All blocks in form WHICH. */
static void emit_blocks(const struct blocks *b, uint32_t *code, unsigned which)
{
    size_t n = b->shape->blocks;

    for (size_t k = 0; k < n; k++) {
        size_t block = b->order[k];
        uint32_t *at = block_at(b, code, block);
        for (size_t i = 0; i < b->shape->marks; i++)
            at = emit_mark(at, number_of(b->shape, block, i, which));
        if (k + 1 < n)
            emit_jal(at, ZERO, block_at(b, code, b->order[k + 1]));
        else
            emit(at, INSN_RET);
    }
}

static struct blocks *blocks_new(struct arena *a, const struct shape *s)
{
    struct blocks *b = ARENA_NEW(a, struct blocks, 1);
    uint64_t seed = 83;

    b->shape = s;
    b->order = ARENA_NEW(a, uint32_t, s->blocks);
    order_fill(b->order, s->blocks, &seed);
    b->code = arena_alloc(a, 1, code_size(s), 4096);
    emit_blocks(b, b->code, 0);
    code_fence();
    return b;
}

/* Form WHICH, where it differs from form 0 in all marks or in the patched ones only. */
static uint64_t expected(const struct blocks *b, uint64_t v, unsigned which, bool all)
{
    for (size_t k = 0; k < b->shape->blocks; k++)
        for (size_t i = 0; i < b->shape->marks; i++)
            v = mix(v, number_of(b->shape, b->order[k], i,
                                 all || i == patched_mark(b->shape) ? which : 0));
    return v;
}

static uint64_t run_code(const struct blocks *b, uint64_t v)
{
    code_fence();
    return code_call(block_at(b, b->code, b->order[0]), v, 0);
}

/* ---- one instruction of each block ---- */
static NOINLINE void patch(const struct blocks *b, unsigned which)
{
    size_t mark = patched_mark(b->shape);

    for (size_t i = 0; i < b->shape->blocks; i++)
        block_at(b, b->code, i)[2 * mark + 1] =
            insn_addi(A0, A0, (int)number_of(b->shape, i, mark, which));
}

static uint64_t patch_run(const struct blocks *b)
{
    uint64_t v = 0;

    for (unsigned which = 2; which-- > 0;) {
        patch(b, which);
        v = run_code(b, v);
    }
    return v;
}

static void *patch_new(struct arena *a, const struct shape *s)
{
    struct blocks *b = blocks_new(a, s);

    workload_require(patch_run(b) == expected(b, expected(b, 0, 1, false), 0, false),
                     "the patched blocks' marks");
    return b;
}

void *code_small_setup(struct arena *a)
{
    return patch_new(a, &small);
}

uint64_t code_small_run(void *state)
{
    return patch_run(state);
}

void *code_large_setup(struct arena *a)
{
    return patch_new(a, &large);
}

uint64_t code_large_run(void *state)
{
    return patch_run(state);
}

/* ---- all of them ---- */
static NOINLINE void load(const struct blocks *b, const uint32_t *from)
{
    for (size_t i = 0; i < b->shape->blocks * insns_per_block(b->shape); i++)
        b->code[i] = from[i];
}

void *code_once_setup(struct arena *a)
{
    struct blocks *b = blocks_new(a, &once);

    for (unsigned which = 0; which < 2; which++) {
        b->load[which] = arena_alloc(a, 1, code_size(&once), 4096);
        emit_blocks(b, b->load[which], which);
    }
    workload_require(code_once_run(b) == expected(b, expected(b, 0, 1, true), 0, true),
                     "the loaded blocks' marks");
    return b;
}

uint64_t code_once_run(void *state)
{
    const struct blocks *b = state;
    uint64_t v = 0;

    for (unsigned which = 2; which-- > 0;) {
        load(b, b->load[which]);
        v = run_code(b, v);
    }
    return v;
}
