/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All harts write code and run it, as several compilers at run time do: a function of 16
 * instructions with new constants, in a page of the hart's own, FENCE.I, one call.  Guests only.
 */
#include "guest.h"
#include "smp.h"

#define TOTAL    512u
#define ADDS     15u
#define PAGE     4096u
#define PER_PAGE (PAGE / (4 * (ADDS + 1)))

struct state {
    unsigned harts;
    uint32_t *code[WORKLOAD_HARTS_MAX];
};

void *parallel_codegen_setup(struct arena *a, unsigned harts)
{
    struct state *s = ARENA_NEW(a, struct state, 1);

    s->harts = harts;
    for (unsigned h = 0; h < harts; h++)
        s->code[h] = arena_alloc(a, PAGE, 1, PAGE);
    return s;
}

static uint32_t constant_of(uint64_t i, unsigned k)
{
    return (uint32_t)(piece_sum(i) >> k) & 0x7ff;
}

static void emit(uint32_t *code, uint64_t i)
{
    for (unsigned k = 0; k < ADDS; k++)
        code[k] = 0x00050513 | constant_of(i, k) << 20; /* addi a0, a0, constant */
    code[ADDS] = 0x00008067;                            /* ret */
}

static uint64_t call(const uint32_t *code, uint64_t argument)
{
    __asm__ volatile("fence.i" : : : "memory");
    return ((uint64_t(*)(uint64_t))(uintptr_t)code)(argument);
}

uint64_t parallel_codegen_run(void *state, unsigned hart)
{
    struct state *s = state;
    uint64_t end = part_begin(TOTAL, s->harts, hart + 1), sum = 0;

    for (uint64_t i = part_begin(TOTAL, s->harts, hart); i < end; i++) {
        uint32_t *code = s->code[hart] + i % PER_PAGE * (ADDS + 1);
        emit(code, i);
        sum += checksum_add(i, call(code, i));
    }
    return sum;
}
