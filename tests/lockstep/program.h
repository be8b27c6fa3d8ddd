/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A random program: a list of items, each some instructions that belong
 * together, so that an item can be left out and what remains is still a
 * program.  Loops, functions and calls are pairs and groups of items; leaving
 * out a part leaves out what needs it.
 *
 * What keeps a program in bounds, whatever is left out: the registers of enum
 * program_reg are written by their own items alone, so every access goes where
 * it is meant to go; jumps go forward, backward only by counters that fall;
 * calls go to later functions, or down by a counter.
 */
#ifndef TESTS_LOCKSTEP_PROGRAM_H
#define TESTS_LOCKSTEP_PROGRAM_H

#include <stdio.h>

#include "isa/riscv/decode.h"
#include "tests/lockstep/layout.h"
#include "tests/oracle/random.h"

enum program_reg {
    REG_RA = 1,
    REG_SP = 2,
    REG_LINK = 5,   /* the other link register */
    REG_A = 8,      /* data, aligned */
    REG_B = 9,      /* data, odd, near the end of a page */
    REG_DEPTH = 24, /* calls left in a recursion */
    REG_COUNT = 25, /* counters of nested loops: 25, 26, 27 */
    REG_STREAM = 28,
    REG_LIMIT = 29,  /* end of the stream */
    REG_RESUME = 30, /* where a trap of a fetch goes on */
    REG_TMP = 31,    /* of items; any instruction may write it as well */
};

enum {
    ITEMS_MAX = 512,
    ITEM_INSNS = 20,
    FUNCTIONS_MAX = 6,
    PIECES_MAX = 4096,
    LOOPS_MAX = 3,
};

/* What becomes of an instruction when addresses are known. */
enum fix {
    FIX_NONE,
    FIX_REL,  /* branch or jump to an item */
    FIX_HIGH, /* auipc of an item's or an absolute address */
    FIX_LOW,  /* addi or jalr with the rest; the instruction before is the auipc */
};

struct item_insn {
    uint32_t raw;
    uint16_t form;
    uint8_t len, fix;
    int16_t target;    /* item, or -1: offset below */
    uint32_t absolute; /* offset in RAM */
    int8_t aliased;    /* FIX_HIGH, FIX_LOW: through the alias below (-1) or above */
};

enum item_kind {
#define ITEM(id, weight, text) ITEM_##id,
#include "tests/lockstep/items.def"
    ITEM_KINDS
};

struct item {
    struct item_insn insns[ITEM_INSNS];
    uint8_t kind, count;
    uint8_t skip;     /* then jumps close to the page's end: so many bytes before */
    int16_t function; /* item where the function begins that it is in, -1: the main part */
    int16_t needs;    /* item without which it makes no sense, or -1 */
};

struct program {
    uint64_t seed;
    unsigned index;
    struct item items[ITEMS_MAX];
    bool left_out[ITEMS_MAX];
    unsigned count;
    uint8_t mode; /* enum rv_priv */
    bool paging, strict_align, user_data;
    bool global; /* data that both address spaces have alike is mapped as global */
    unsigned start; /* offset of the first item in its page */
    uint64_t x[32], f[32];
    uint64_t literals[LITERALS];
    uint64_t data_seed;
    /* How it is executed. */
    struct piece {
        uint32_t insns;
        bool irq, change; /* before it: software interrupt, change of engine */
    } pieces[PIECES_MAX];
    unsigned piece_count;
    uint32_t insns_max;
};

/* Whether the item is part of the program as it is now. */
bool program_has(const struct program *p, unsigned i);
unsigned program_items(const struct program *p); /* how many are */

/* Makes program number index of the seed. */
void program_make(struct program *p, uint64_t seed, unsigned index);

/* The program as code at AT_CODE. */
struct code {
    uint8_t bytes[AT_CODE_END - AT_CODE];
    unsigned size;
    unsigned at[ITEMS_MAX + 1]; /* of each item and the end: offset from AT_CODE */
};
void program_link(const struct program *p, struct code *c);

/* Code and what it means, state at the start. */
void program_print(const struct program *p, FILE *out);

/* The item that code offset (from AT_CODE) is in, or -1. */
int program_item_at(const struct program *p, const struct code *c, unsigned offset);
const char *program_item_name(const struct program *p, unsigned item);

#endif
