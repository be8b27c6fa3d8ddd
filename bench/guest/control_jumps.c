/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jumps, in blocks that do next to nothing else: direct ones round and round through all blocks in
 * a random order, indirect ones where a table of random targets says.  The blocks lie in one page,
 * or each in a page of its own, and there in another cache line.
 */
#include "emit.h"

enum {
    BLOCKS = 63,
    NEAR = 64,             /* from block to block: 64 with the end fill a page */
    FAR = 4096 + 64,       /* a page and a line */
    DIRECT_ROUNDS = 8191,  /* of all blocks */
    TARGETS = 1008,        /* of a pass through the table */
    INDIRECT_ROUNDS = 255, /* of the table */
};

struct jumps {
    unsigned char *code;
    size_t stride;
    uint32_t order[BLOCKS];
    const void *entry, *table[TARGETS + 1];
};

static uint32_t *block_at(const struct jumps *j, size_t i)
{
    return (uint32_t *)(j->code + i * j->stride);
}

static struct jumps *jumps_new(struct arena *a, size_t stride)
{
    struct jumps *j = ARENA_NEW(a, struct jumps, 1);
    uint64_t seed = 73;

    j->code = arena_alloc(a, BLOCKS + 1, stride, 4096);
    j->stride = stride;
    order_fill(j->order, BLOCKS, &seed);
    return j;
}

/* ---- direct ---- */

/* The end, in the last slot: a1 is how many rounds are left. */
static void emit_again(const struct jumps *j)
{
    uint32_t *at = block_at(j, BLOCKS);

    at = emit(at, insn_addi(A1, A1, -1));
    at = emit(at, insn_beqz(A1, 2 * INSN_SIZE));
    at = emit_jal(at, ZERO, j->entry);
    emit(at, INSN_RET);
}

static uint64_t direct_expected(const struct jumps *j, unsigned rounds)
{
    uint64_t v = 0;

    while (rounds--)
        for (size_t i = 0; i < BLOCKS; i++)
            v = mix(v, mark_number(j->order[i]));
    return v;
}

static void *direct_new(struct arena *a, size_t stride)
{
    struct jumps *j = jumps_new(a, stride);

    j->entry = block_at(j, j->order[0]);
    for (size_t i = 0; i < BLOCKS; i++) {
        uint32_t *at = emit_mark(block_at(j, j->order[i]), mark_number(j->order[i]));
        emit_jal(at, ZERO, block_at(j, i + 1 < BLOCKS ? j->order[i + 1] : BLOCKS));
    }
    emit_again(j);
    code_fence();
    workload_require(code_call(j->entry, 0, DIRECT_ROUNDS) == direct_expected(j, DIRECT_ROUNDS),
                     "the blocks' marks");
    return j;
}

static uint64_t direct_run(const struct jumps *j)
{
    return code_call(j->entry, 0, DIRECT_ROUNDS);
}

void *jump_near_setup(struct arena *a)
{
    return direct_new(a, NEAR);
}

uint64_t jump_near_run(void *state)
{
    return direct_run(state);
}

void *jump_far_setup(struct arena *a)
{
    return direct_new(a, FAR);
}

uint64_t jump_far_run(void *state)
{
    return direct_run(state);
}

/* ---- indirect ---- */

/* a1 is the place in the table. */
static uint32_t *emit_indirect(uint32_t *at)
{
    at = emit(at, insn_ld(T0, A1, 0));
    at = emit(at, insn_addi(A1, A1, 8));
    return emit(at, insn_jr(T0));
}

static uint64_t indirect_run(const struct jumps *j)
{
    uint64_t v = 0;

    for (unsigned r = 0; r < INDIRECT_ROUNDS; r++)
        v = code_call(j->table[0], v, (uint64_t)&j->table[1]);
    return v;
}

static void *indirect_new(struct arena *a, size_t stride)
{
    struct jumps *j = jumps_new(a, stride);
    uint16_t *target = ARENA_NEW(a, uint16_t, TARGETS);
    uint64_t seed = 79, expected = 0;

    for (size_t i = 0; i < BLOCKS; i++)
        emit_indirect(emit_mark(block_at(j, i), mark_number(i)));
    emit(block_at(j, BLOCKS), INSN_RET);
    for (size_t i = 0; i < TARGETS; i++) {
        target[i] = (uint16_t)random_below(&seed, BLOCKS);
        j->table[i] = block_at(j, target[i]);
    }
    j->table[TARGETS] = block_at(j, BLOCKS);
    code_fence();
    for (unsigned r = 0; r < INDIRECT_ROUNDS; r++)
        for (size_t i = 0; i < TARGETS; i++)
            expected = mix(expected, mark_number(target[i]));
    workload_require(indirect_run(j) == expected, "the blocks' marks");
    return j;
}

void *indirect_near_setup(struct arena *a)
{
    return indirect_new(a, NEAR);
}

uint64_t indirect_near_run(void *state)
{
    return indirect_run(state);
}

void *indirect_far_setup(struct arena *a)
{
    return indirect_new(a, FAR);
}

uint64_t indirect_far_run(void *state)
{
    return indirect_run(state);
}
