/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things lie in the guest's memory, as offsets in RAM.  A program finds
 * all of it at the same addresses with and without translation; with it, there
 * are an alias of everything and windows whose pages change.
 */
#ifndef TESTS_LOCKSTEP_LAYOUT_H
#define TESTS_LOCKSTEP_LAYOUT_H

#define RAM       0x80000000ull
#define RAM_BYTES 0x2000000ull  /* 32 MiB */
#define ALIAS     0x40000000ull /* aliases: so much lower, and so much higher in one large page */
#define NOWHERE   0x70000000ull /* a physical address where nothing answers */
#define CLINT     0x02000000ull

enum {
    AT_RUNTIME = 0,       /* start, handlers, the loop at the end */
    AT_LITERALS = 0x1000, /* what the start puts into CSRs: LITERAL_* below */
    AT_SAVE_M = 0x2000,   /* SAVE_* below */
    AT_SAVE_S = 0x2200,
    AT_LOG_M = 0x3000, /* LOG_ENTRIES of LOG_BYTES */
    AT_LOG_S = 0x5000,
    AT_TABLES = 0x8000, /* page tables */
    AT_TABLES_END = 0x10000,
    AT_CODE = 0x10000,
    AT_CODE_END = 0x40000,
    AT_STACK = 0x40000,
    AT_STACK_END = 0x48000,
    AT_POOL = 0x50000,      /* POOL_PAGES of functions, for the windows of code */
    AT_TEMPLATES = 0x56000, /* functions of 16 bytes, to be copied */
    AT_BUFFER = 0x58000,    /* two pages they are copied to */
    AT_CLIFF = 0x5f000,     /* a page of code; an instruction hangs over its end */
    AT_HOLE = 0x60000,      /* a page that is not mapped */
    AT_SPECIAL = 0x70000,   /* pages that are mapped in odd ways */
    AT_DATA = 0x80000,
    AT_DATA_END = 0x90000,
    AT_LOW_END = 0x90000,
    AT_WINDOWS = 0x300000, /* with translation their pages change */
    AT_STREAM = 0x800000,  /* 1 MiB that streams run over */
    AT_STREAM_END = 0x900000,
};

enum {
    PAGE = 4096,
    POOL_PAGES = 4,
    POOL_FUNCTIONS = 8, /* of a page, POOL_STEP bytes each */
    POOL_STEP = 512,
    TEMPLATES = 8,
    TEMPLATE_BYTES = 16,
    WINDOWS = 8, /* the first four for data, the rest for code */
    CODE_WINDOW = 4,
    SPECIALS = 12,
    LOG_ENTRIES = 128,
    LOG_BYTES = 64,
};

/* The handlers' variables. */
enum {
    SAVE_X5 = 0,
    SAVE_X6 = 8,
    SAVE_X7 = 16,
    SAVE_X10 = 24,
    SAVE_X11 = 32,
    SAVE_TRAPS = 40,
    SAVE_LOG = 48, /* address of the log */
    SAVE_HASH = 56,
    SAVE_FACTOR = 64,
    SAVE_IRQS = 72,
    SAVE_PENDING = 80, /* four words: what an interrupt makes pending in mip */
};

/* Indexes of the literals. */
enum {
    LITERAL_MEDELEG = 3,
    LITERAL_MIDELEG,
    LITERAL_MENVCFG = 7,
    LITERAL_PMPADDR = 9,
    LITERAL_PMPCFG,
    LITERAL_MEPC = 12,
    LITERAL_FCSR,
    LITERAL_MSTATUS = 16,
    LITERAL_X30 = 17, /* after the CSRs */
    LITERAL_X31,
    LITERALS,
};

/* A trap in the log. */
struct trap_entry {
    uint64_t cause, epc, tval, status, instret, fcsr, unused[2];
};

#endif
