/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack machine whose program counts Collatz steps: an indirect jump for each of about 17 byte
 * codes a step.
 */
#include "workload.h"

enum op { PUSH, LOAD, STORE, ADD, MUL, AND, SHR, LESS, JZ, JMP, HALT };
enum variable { LIMIT, N, X, STEPS, TOTAL, BEST, BEST_N, VARIABLES };
enum label { NEXT_N = 4, NEXT_X = 12, EVEN = 38, STEPPED = 45, DONE = 54, NO_BEST = 76, END = 92 };

/* clang-format off */
static const uint8_t program[] = {
    PUSH, 1, STORE, N,
    /* NEXT_N */
    LOAD, N, STORE, X, PUSH, 0, STORE, STEPS,
    /* NEXT_X */
    PUSH, 1, LOAD, X, LESS, JZ, DONE,
    LOAD, X, PUSH, 1, AND, JZ, EVEN,
    LOAD, X, PUSH, 3, MUL, PUSH, 1, ADD, STORE, X, JMP, STEPPED,
    /* EVEN */
    LOAD, X, PUSH, 1, SHR, STORE, X,
    /* STEPPED */
    LOAD, STEPS, PUSH, 1, ADD, STORE, STEPS, JMP, NEXT_X,
    /* DONE */
    LOAD, TOTAL, LOAD, STEPS, ADD, STORE, TOTAL,
    LOAD, BEST, LOAD, STEPS, LESS, JZ, NO_BEST,
    LOAD, STEPS, STORE, BEST, LOAD, N, STORE, BEST_N,
    /* NO_BEST */
    LOAD, N, PUSH, 1, ADD, STORE, N,
    LOAD, N, LOAD, LIMIT, LESS, JZ, END, JMP, NEXT_N,
    /* END */
    HALT,
};
/* clang-format on */
_Static_assert(sizeof(program) == END + 1, "labels are offsets into the program");

static NOINLINE void interpret(const uint8_t *code, uint64_t *variable)
{
    uint64_t stack[8], *top = stack; /* top is the first free one */

    for (const uint8_t *pc = code;;) {
        switch ((enum op) * pc++) {
        case PUSH:
            *top++ = *pc++;
            break;
        case LOAD:
            *top++ = variable[*pc++];
            break;
        case STORE:
            variable[*pc++] = *--top;
            break;
        case ADD:
            top--;
            top[-1] += *top;
            break;
        case MUL:
            top--;
            top[-1] *= *top;
            break;
        case AND:
            top--;
            top[-1] &= *top;
            break;
        case SHR:
            top--;
            top[-1] >>= *top;
            break;
        case LESS:
            top--;
            top[-1] = top[-1] < *top;
            break;
        case JZ:
            pc = *--top ? pc + 1 : code + *pc;
            break;
        case JMP:
            pc = code + *pc;
            break;
        case HALT:
            return;
        }
    }
}

/* OEIS A006877: below 1000, 871 takes the most steps, 178. */
void *bytecode_setup(struct arena *a)
{
    uint64_t *variable = ARENA_NEW(a, uint64_t, VARIABLES);
    bytecode_run(variable);
    workload_require(variable[BEST_N] == 871 && variable[BEST] == 178,
                     "the longest Collatz sequence");
    workload_require(variable[TOTAL] == 59542, "number of Collatz steps");
    return variable;
}

uint64_t bytecode_run(void *state)
{
    uint64_t *variable = state;

    for (unsigned i = 0; i < VARIABLES; i++)
        variable[i] = 0;
    variable[LIMIT] = 1001;
    interpret(program, variable);
    return variable[TOTAL] << 32 | variable[BEST] << 16 | variable[BEST_N];
}
