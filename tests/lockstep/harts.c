/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Harts that write each other's code; see harts.h.
 *
 * Small functions lie in a few pages, in slots.  A program is a list of phases.
 * In a phase each slot is either called, by any harts, or written, by one hart
 * alone; a barrier follows, and each hart executes FENCE.I before it calls what
 * was written.  In some phases the writer has it executed by an interrupt: it
 * writes, makes all others' software interrupt pending and waits until their
 * handlers have executed FENCE.I.  Meanwhile the others call, and while they
 * wait they call functions of the same pages that nobody writes.
 *
 * With translation (then the harts run in S) the pages exist twice, and functions
 * are called through addresses that are mapped to the one or the other set: in
 * some phases a hart changes the mapping, and SFENCE.VMA goes with FENCE.I.
 *
 * Each hart has a register that the functions change.  What it holds after each
 * phase follows from the program.
 *
 * The guest's code reads commands from memory; a program is data.
 */
#include "tests/lockstep/harts.h"

#include <inttypes.h>
#include <string.h>

#include "isa/riscv/rv.h"
#include "sim/base/clock.h"
#include "tests/lockstep/assemble.h"
#include "tests/lockstep/trial.h"

enum {
    AT_VARIABLES = 0x2000,
    VAR_BARRIER = 0,
    VAR_ACKS = 64,
    VAR_DONE = 128,
    VAR_ERRORS = 192,
    AT_COMMANDS = 0x10000, /* COMMANDS_BYTES of each hart */
    COMMANDS_BYTES = 0x8000,
    AT_RESULTS = 0x30000, /* RESULTS_BYTES of each hart */
    RESULTS_BYTES = 0x400,
    AT_SLOTS = 0x40000, /* SLOT_PAGES, and BANK_BYTES behind them the second set */
    SLOT_PAGES = 3,
    BANKS = 2,
    BANK_BYTES = 4 * PAGE,
    AT_ROOT = 0x50000, /* page tables */
    IMAGE_BYTES = AT_ROOT + 3 * PAGE,
    AT_CALLED = 0x100000, /* with translation, where slots are called */

    HARTS_MAX = 4,
    PHASES_MAX = 24,
    ACTIONS_MAX = 14, /* of a hart in a phase */
    SLOTS = 36,
    SLOT_BYTES = 12, /* two instructions and a return */
    STABLE_AT = 24,  /* of each page: a function that nobody writes */
    WORDS = 7,
};
/* A run takes some milliseconds. */
#define WAIT_NS       20000000000ull
#define WAIT_AGAIN_NS 3000000000ull

enum command {
    DO_END,
    DO_CALL,
    DO_WORD,
    DO_HALVES,
    DO_SWAP,
    DO_FENCE,
    DO_BARRIER,
    DO_IPI,
    DO_STORE,
    DO_NOTE
};

struct action {
    uint8_t what;         /* DO_CALL, DO_WORD, DO_HALVES, DO_SWAP */
    uint8_t bank;         /* of what is written */
    uint8_t slot, second; /* second: which of the slot's two instructions is written */
    uint8_t word;         /* its new one */
    uint16_t times;
};

struct phase {
    bool left_out, ipi;
    bool map;       /* the mapping goes to the other set; nobody calls */
    uint8_t writer; /* of a phase with interrupts; who changes the mapping */
    uint8_t count[HARTS_MAX];
    struct action actions[HARTS_MAX][ACTIONS_MAX];
};

struct smp_program {
    uint64_t seed;
    unsigned index, harts, phases;
    bool paging;
    uint32_t at[SLOTS]; /* offset in RAM, in the first set */
    uint8_t words[BANKS][SLOTS][2];
    uint64_t start[HARTS_MAX];
    struct phase phase[PHASES_MAX];
};

/* --- what slots hold --- */

static uint64_t rotate(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

/* The instructions, each with what it does to x10; the last skips the next. */
static const char *const word_texts[WORDS] = {
    "addi x10,x10,1365",
    "xori x10,x10,-273",
    "rori x10,x10,13",
    "add x10,x10,x10",
    "sub x10,x0,x10",
    NULL,
    NULL,
};

static uint32_t word_raw(unsigned word)
{
    uint32_t a, b;
    if (word_texts[word]) {
        rv_asm(word_texts[word], 0, &a);
        return a;
    }
    if (word == 5) { /* two short ones */
        rv_asm("c.addi x10,7", 0, &a);
        rv_asm("c.slli x10,1", 0, &b);
        return a | b << 16;
    }
    rv_asm("jal x0,8", 0, &a);
    return a;
}

static uint64_t word_value(unsigned word, uint64_t v)
{
    switch (word) {
    case 0:
        return v + 1365;
    case 1:
        return v ^ (uint64_t)-273;
    case 2:
        return rotate(v, 64 - 13);
    case 3:
        return v + v;
    case 4:
        return 0 - v;
    case 5:
        return (v + 7) << 1;
    default:
        return v;
    }
}

static uint64_t slot_value(const uint8_t words[2], uint64_t v)
{
    v = word_value(words[0], v);
    return words[0] == 6 ? v : word_value(words[1], v);
}

/* --- making programs --- */

/* The second instruction never skips: behind the return there is another slot. */
static uint8_t pick_word(struct rng *r, bool second)
{
    return (uint8_t)rng_below(r, second ? WORDS - 1 : WORDS);
}

static void place_slots(struct smp_program *p, struct rng *r)
{
    uint32_t at = AT_SLOTS;
    for (unsigned i = 0; i < SLOTS; i++) {
        unsigned page = i * SLOT_PAGES / SLOTS;
        if (i % (SLOTS / SLOT_PAGES) == 0)
            at = AT_SLOTS + page * PAGE + STABLE_AT + 32;
        at += 2 * rng_below(r, 120);
        if (i % (SLOTS / SLOT_PAGES) == SLOTS / SLOT_PAGES - 1 && page + 1 < SLOT_PAGES)
            at = AT_SLOTS + (page + 1) * PAGE - 2 - 4 * rng_below(r, 3); /* over the page's end */
        p->at[i] = at;
        at += SLOT_BYTES;
        for (unsigned k = 0; k < 2; k++)
            for (unsigned b = 0; b < BANKS; b++)
                p->words[b][i][k] = pick_word(r, k);
    }
}

static void add_action(struct smp_program *p, struct phase *ph, struct rng *r, unsigned hart,
                       unsigned slot, bool writes)
{
    static const uint8_t kinds[] = {DO_WORD, DO_HALVES, DO_SWAP};
    struct action *a = &ph->actions[hart][ph->count[hart]];
    if (ph->count[hart] == ACTIONS_MAX)
        return;
    a->slot = (uint8_t)slot;
    if (writes) {
        a->second = rng_one_in(r, 2);
        a->bank = p->paging && rng_one_in(r, 2);
        a->what = RNG_PICK(r, kinds);
        if (a->what == DO_SWAP && (p->at[slot] + 4 * a->second) % 4)
            a->what = DO_WORD;
        a->word = pick_word(r, a->second);
    } else {
        a->what = DO_CALL;
        a->times = (uint16_t)(rng_one_in(r, 3) ? 1 + rng_below(r, 4) : 1 + rng_below(r, 500));
    }
    ph->count[hart]++;
}

/* Each slot is called in a phase or written, by one. */
static void make_phase(struct smp_program *p, struct phase *ph, struct rng *r)
{
    int writers[SLOTS];
    ph->ipi = rng_one_in(r, 3);
    ph->map = p->paging && rng_one_in(r, 3);
    ph->writer = (uint8_t)rng_below(r, p->harts);
    for (unsigned i = 0; i < SLOTS; i++) {
        writers[i] = ph->map || rng_one_in(r, 3) ? (int)rng_below(r, p->harts) : -1;
        if (writers[i] >= 0 && ph->ipi)
            writers[i] = ph->writer;
    }
    for (unsigned n = 0; n < ACTIONS_MAX * p->harts; n++) {
        unsigned slot = rng_below(r, SLOTS), hart = rng_below(r, p->harts);
        add_action(p, ph, r, writers[slot] >= 0 ? (unsigned)writers[slot] : hart, slot,
                   writers[slot] >= 0);
    }
}

static void make_program(struct smp_program *p, uint64_t seed, unsigned index)
{
    char tag[32];
    snprintf(tag, sizeof(tag), "harts %u", index);
    struct rng r = rng_make(seed, tag);
    memset(p, 0, sizeof(*p));
    p->seed = seed;
    p->index = index;
    p->paging = rng_one_in(&r, 2);
    p->harts = 2 + rng_below(&r, HARTS_MAX - 1);
    p->phases = 4 + rng_below(&r, PHASES_MAX - 3);
    place_slots(p, &r);
    for (unsigned i = 0; i < p->harts; i++)
        p->start[i] = rng_next(&r);
    for (unsigned i = 0; i < p->phases; i++)
        make_phase(p, &p->phase[i], &r);
}

/* --- the guest's code --- */

/*
 * x8 next command, x10 what functions change, x12 of stable functions, x18 number of the hart, x19
 * variables, x20 number of harts, x21 errors; x22 satp and x23 mstatus to begin with; x30 and x31
 * belong to the handler.
 */
static struct guest_code {
    bool made;
    uint8_t bytes[AT_VARIABLES];
} guest_code;

/* Calls the stable function at x7: it makes 77 of 0. */
static void put_stable_call(struct writer *w)
{
    put(w, "addi x12,x0,0");
    put(w, "jalr x1,0(x7)");
    put(w, "addi x12,x12,-77");
    put(w, "beq x12,x0,0x%llx", RAM + w->at + 8);
    put(w, "addi x21,x21,1");
}

/* Until the word at offset of the variables is at least x6. */
static void put_wait(struct writer *w, int offset)
{
    uint32_t again = w->at;
    put_stable_call(w);
    put(w, "lw x5,%d(x19)", offset);
    put(w, "blt x5,x6,0x%llx", RAM + again);
    put(w, "fence rw,rw");
}

static void put_jump(struct writer *w, uint32_t to)
{
    put(w, "j 0x%llx", RAM + to);
}

/* A command's code, and where it is left out if x5 is another number. */
static uint32_t begin_command(struct writer *w, enum command c)
{
    put(w, "addi x11,x0,%d", c);
    return hole(w);
}

static void end_command(struct writer *w, uint32_t other, uint32_t loop)
{
    put_jump(w, loop);
    land(w, other, "bne x5,x11,");
}

static void put_writes(struct writer *w, uint32_t loop)
{
    uint32_t other = begin_command(w, DO_WORD);
    put(w, "sw x7,0(x6)");
    end_command(w, other, loop);
    other = begin_command(w, DO_HALVES);
    put(w, "srli x11,x7,16");
    put(w, "sh x7,0(x6)");
    put(w, "sh x11,2(x6)");
    end_command(w, other, loop);
    other = begin_command(w, DO_SWAP);
    put(w, "amoswap.w x0,x7,(x6)");
    end_command(w, other, loop);
}

/* All others' interrupts; their handlers count up. */
static void put_ipi(struct writer *w, uint32_t loop)
{
    uint32_t other = begin_command(w, DO_IPI), again, self;
    put(w, "fence rw,rw");
    put(w, "lui x5,0x%llx", CLINT >> 12);
    put(w, "addi x11,x0,0");
    again = w->at;
    self = hole(w);
    put(w, "addi x13,x0,1");
    put(w, "sw x13,0(x5)");
    land(w, self, "beq x11,x18,");
    put(w, "addi x5,x5,4");
    put(w, "addi x11,x11,1");
    put(w, "blt x11,x20,0x%llx", RAM + again);
    put_wait(w, VAR_ACKS);
    end_command(w, other, loop);
}

static void put_end(struct writer *w)
{
    uint32_t others, again;
    put(w, "addi x11,x19,%d", VAR_ERRORS);
    put(w, "amoadd.d x0,x21,(x11)");
    put(w, "fence rw,rw");
    put(w, "addi x11,x19,%d", VAR_DONE);
    put(w, "addi x5,x0,1");
    put(w, "amoadd.w x0,x5,(x11)");
    others = hole(w);
    again = w->at;
    put(w, "lw x5,%d(x19)", VAR_DONE);
    put(w, "blt x5,x20,0x%llx", RAM + again);
    put(w, "fence rw,rw");
    put(w, "lui x5,0x5");
    put(w, "addi x5,x5,0x555");
    put(w, "lui x6,0x100");
    put(w, "sw x5,0(x6)");
    land(w, others, "bne x18,x0,");
    again = put(w, "wfi");
    put_jump(w, again);
}

static void put_commands(struct writer *w)
{
    uint32_t loop = w->at, end, other, again;
    put(w, "ld x5,0(x8)");
    put(w, "ld x6,8(x8)");
    put(w, "ld x7,16(x8)");
    put(w, "addi x8,x8,32");
    end = hole(w);
    other = begin_command(w, DO_CALL);
    again = put(w, "jalr x1,0(x6)");
    put(w, "addi x7,x7,-1");
    put(w, "bne x7,x0,0x%llx", RAM + again);
    end_command(w, other, loop);
    put_writes(w, loop);
    other = begin_command(w, DO_FENCE);
    put(w, "sfence.vma x0,x0");
    put(w, "fence.i");
    end_command(w, other, loop);
    other = begin_command(w, DO_STORE);
    put(w, "sd x7,0(x6)");
    end_command(w, other, loop);
    other = begin_command(w, DO_BARRIER);
    put(w, "fence rw,rw");
    put(w, "addi x5,x0,1");
    put(w, "addi x11,x19,%d", VAR_BARRIER);
    put(w, "amoadd.w x0,x5,(x11)");
    put_wait(w, VAR_BARRIER);
    end_command(w, other, loop);
    put_ipi(w, loop);
    put(w, "sd x10,0(x6)"); /* DO_NOTE */
    put_jump(w, loop);
    land(w, end, "beq x5,x0,");
    put_end(w);
}

static void make_guest_code(void)
{
    struct writer w = {guest_code.bytes, 0};
    if (guest_code.made)
        return;
    put(&w, "auipc x30,0");
    put(&w, "addi x31,x30,256");
    put(&w, "csrrw x0,mtvec,x31");
    put(&w, "addi x31,x0,-1");
    put(&w, "srli x31,x31,10");
    put(&w, "csrrw x0,pmpaddr0,x31");
    put(&w, "addi x31,x0,0x1f");
    put(&w, "csrrw x0,pmpcfg0,x31");
    put(&w, "csrrw x0,satp,x22");
    put(&w, "addi x31,x30,512");
    put(&w, "csrrw x0,mepc,x31");
    put(&w, "addi x31,x0,8");
    put(&w, "csrrw x0,mie,x31");
    put(&w, "csrrw x0,mstatus,x23"); /* MPP and MPIE */
    put(&w, "mret");
    w.at = 256;
    put(&w, "lui x31,0x%llx", CLINT >> 12);
    put(&w, "slli x30,x18,2");
    put(&w, "add x31,x31,x30");
    put(&w, "sw x0,0(x31)");
    put(&w, "fence rw,rw");
    put(&w, "sfence.vma x0,x0");
    put(&w, "fence.i");
    put(&w, "addi x31,x19,%d", VAR_ACKS);
    put(&w, "addi x30,x0,1");
    put(&w, "amoadd.w x0,x30,(x31)");
    put(&w, "mret");
    w.at = 512;
    put_commands(&w);
    guest_code.made = true;
}

/* --- the image --- */

static uint8_t memory[IMAGE_BYTES];

static void put_word(uint32_t at, unsigned word)
{
    uint32_t raw = word_raw(word);
    memcpy(memory + at, &raw, 4);
}

static void put_bank(const struct smp_program *p, unsigned bank)
{
    struct writer w = {memory, 0};
    uint32_t base = bank * (uint32_t)BANK_BYTES;
    for (unsigned i = 0; i < SLOT_PAGES; i++) {
        w.at = base + AT_SLOTS + i * PAGE + STABLE_AT;
        put(&w, "addi x12,x12,70");
        put(&w, "c.addi x12,7");
        put(&w, "c.jr x1");
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        put_word(base + p->at[i], p->words[bank][i][0]);
        put_word(base + p->at[i] + 4, p->words[bank][i][1]);
        w.at = base + p->at[i] + 8;
        put(&w, "jalr x0,0(x1)");
    }
}

static uint64_t slot_entry(unsigned page, unsigned bank)
{
    uint64_t gpa = RAM + AT_SLOTS + bank * (uint64_t)BANK_BYTES + page * (uint64_t)PAGE;
    return gpa >> 12 << 10 | PTE_V | PTE_R | PTE_X | PTE_A;
}

static uint32_t entry_at(unsigned page)
{
    return AT_ROOT + 2 * PAGE + 8 * ((AT_CALLED >> 12) + page);
}

static void put_entry(uint32_t at, uint64_t gpa, uint64_t flags)
{
    uint64_t value = gpa >> 12 << 10 | flags;
    memcpy(memory + at, &value, 8);
}

static void put_tables(void)
{
    const uint64_t all = PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D;
    put_entry(AT_ROOT, 0, all);
    put_entry(AT_ROOT + 8 * 2, RAM + AT_ROOT + PAGE, PTE_V);
    put_entry(AT_ROOT + PAGE, RAM + AT_ROOT + 2 * PAGE, PTE_V);
    for (unsigned i = 0; i < 512; i++)
        put_entry(AT_ROOT + 2 * PAGE + 8 * i, RAM + i * (uint64_t)PAGE, all);
    for (unsigned i = 0; i < SLOT_PAGES; i++) {
        uint64_t value = slot_entry(i, 0);
        memcpy(memory + entry_at(i), &value, 8);
    }
}

/* Where what lies at an offset is called. */
static uint64_t called_at(const struct smp_program *p, uint32_t at)
{
    return RAM + (p->paging ? AT_CALLED + at - AT_SLOTS : at);
}

struct commands {
    uint64_t *next;
};

static void command(struct commands *c, enum command what, uint64_t a, uint64_t b)
{
    *c->next++ = what;
    *c->next++ = a;
    *c->next++ = b;
    *c->next++ = 0;
}

static void put_actions(struct commands *c, const struct smp_program *p, const struct phase *ph,
                        unsigned hart)
{
    for (unsigned i = 0; i < ph->count[hart]; i++) {
        const struct action *a = &ph->actions[hart][i];
        uint64_t at = RAM + p->at[a->slot] + a->bank * (uint64_t)BANK_BYTES + 4u * a->second;
        if (a->what == DO_CALL)
            command(c, DO_CALL, called_at(p, p->at[a->slot]), a->times);
        else
            command(c, (enum command)a->what, at, word_raw(a->word));
    }
}

static void put_hart(const struct smp_program *p, unsigned hart)
{
    struct commands c = {
        (uint64_t *)(void *)(memory + AT_COMMANDS + hart * (uint32_t)COMMANDS_BYTES)};
    unsigned barriers = 0, acks = 0, bank = 0;
    bool fenced = false;
    for (unsigned i = 0; i < p->phases; i++) {
        const struct phase *ph = &p->phase[i];
        uint64_t stable = called_at(p, AT_SLOTS + i % SLOT_PAGES * PAGE + STABLE_AT);
        if (ph->left_out)
            continue;
        command(&c, DO_BARRIER, ++barriers * p->harts, stable);
        if (!fenced)
            command(&c, DO_FENCE, 0, 0);
        put_actions(&c, p, ph, hart);
        bank ^= ph->map;
        for (unsigned k = 0; k < SLOT_PAGES && ph->map && hart == ph->writer; k++)
            command(&c, DO_STORE, RAM + entry_at(k), slot_entry(k, bank));
        acks += ph->ipi ? p->harts - 1 : 0;
        if (ph->ipi && hart == ph->writer)
            command(&c, DO_IPI, acks, stable);
        fenced = ph->ipi && hart != ph->writer;
        command(&c, DO_NOTE, RAM + AT_RESULTS + hart * RESULTS_BYTES + 8 * i, 0);
    }
    command(&c, DO_BARRIER, ++barriers * p->harts, called_at(p, AT_SLOTS + STABLE_AT));
    command(&c, DO_END, 0, 0);
}

static void make_image(const struct smp_program *p)
{
    make_guest_code();
    memset(memory, 0, sizeof(memory));
    memcpy(memory, guest_code.bytes, sizeof(guest_code.bytes));
    for (unsigned i = 0; i < BANKS; i++)
        put_bank(p, i);
    put_tables();
    for (unsigned i = 0; i < p->harts; i++)
        put_hart(p, i);
}

/* --- what must come out --- */

static uint64_t expected[HARTS_MAX][PHASES_MAX];

/* Writers' changes hold from the next phase on, so the order of harts does not matter. */
static void expect(const struct smp_program *p, struct harts_counts *counts)
{
    uint8_t words[BANKS][SLOTS][2];
    uint64_t v[HARTS_MAX];
    unsigned bank = 0;
    memcpy(words, p->words, sizeof(words));
    memcpy(v, p->start, sizeof(v));
    for (unsigned i = 0; i < p->phases; i++) {
        const struct phase *ph = &p->phase[i];
        for (unsigned h = 0; h < p->harts && !ph->left_out; h++) {
            for (unsigned k = 0; k < ph->count[h]; k++) {
                const struct action *a = &ph->actions[h][k];
                if (a->what != DO_CALL)
                    words[a->bank][a->slot][a->second] = a->word;
                for (unsigned n = 0; a->what == DO_CALL && n < a->times; n++)
                    v[h] = slot_value(words[bank][a->slot], v[h]);
                counts->calls += a->what == DO_CALL ? a->times : 0;
                counts->patches += a->what != DO_CALL;
            }
            expected[h][i] = v[h];
        }
        bank ^= ph->map && !ph->left_out;
        counts->ipis += !ph->left_out && ph->ipi;
        counts->maps += !ph->left_out && ph->map;
    }
}

/* --- running --- */

static struct mh_machine *machine_start(const struct duel_setup *setup, const char *engine,
                                        const struct smp_program *p)
{
    struct mh_machine *m = duel_machine(setup, engine, p->harts);
    make_image(p);
    duel_must(mh_memory_write(m, (mh_gpa){RAM}, memory, sizeof(memory)), "write");
    for (unsigned i = 0; i < p->harts; i++) {
        struct mh_hart_state s = {.pc = RAM};
        s.x[8] = RAM + AT_COMMANDS + i * (uint64_t)COMMANDS_BYTES;
        s.x[10] = p->start[i];
        s.x[18] = i;
        s.x[19] = RAM + AT_VARIABLES;
        s.x[20] = p->harts;
        s.x[22] = p->paging ? 8ull << 60 | (RAM + AT_ROOT) >> 12 : 0;
        s.x[23] = (p->paging ? PRIV_S : PRIV_M) << 11 | MSTATUS_MPIE;
        duel_must(mh_hart_set_state(m, i, &s), "set state");
    }
    duel_must(mh_machine_start(m), "start");
    return m;
}

/* Compares; tells the first thing that is wrong, if tell is set. */
static bool results_right(struct mh_machine *m, const struct smp_program *p, bool tell)
{
    uint64_t errors = 0, v = 0;
    for (unsigned i = 0; i < p->phases; i++) {
        for (unsigned h = 0; h < p->harts && !p->phase[i].left_out; h++) {
            mh_memory_read(m, (mh_gpa){RAM + AT_RESULTS + h * RESULTS_BYTES + 8ull * i}, &v, 8);
            if (v == expected[h][i])
                continue;
            if (tell)
                printf("  hart %u after phase %u: x10 is 0x%016" PRIx64 ", should be 0x%016" PRIx64
                       "\n",
                       h, i, v, expected[h][i]);
            return false;
        }
    }
    mh_memory_read(m, (mh_gpa){RAM + AT_VARIABLES + VAR_ERRORS}, &errors, 8);
    if (errors && tell)
        printf("  %" PRIu64 " calls of functions that nobody writes went wrong\n", errors);
    return !errors;
}

static bool run_once(const struct duel_setup *setup, const char *engine,
                     const struct smp_program *p, bool tell)
{
    trial_alive();
    struct mh_machine *m = machine_start(setup, engine, p);
    struct mh_result result;
    int rc = mh_machine_wait(m, tell ? WAIT_NS : WAIT_AGAIN_NS, &result);
    bool right;
    if (rc) {
        mh_machine_stop(m);
        for (unsigned i = 0; tell && i < p->harts; i++) {
            struct mh_hart_state s;
            if (!mh_hart_get_state(m, i, &s))
                printf("  hart %u did not come to its end: pc 0x%" PRIx64 ", command at 0x%" PRIx64
                       ", x10 0x%" PRIx64 "\n",
                       i, s.pc, s.x[8], s.x[10]);
        }
        right = false;
    } else {
        right = results_right(m, p, tell);
    }
    mh_machine_destroy(m);
    return right;
}

/* --- small --- */

enum { RUNS_TO_JUDGE = 60, RUNS_MAX = 40, SMALL_SECONDS = 20 };

static bool still_wrong(const struct duel_setup *setup, const char *engine,
                        const struct smp_program *p, unsigned runs)
{
    struct harts_counts unused = {0};
    expect(p, &unused);
    while (runs--)
        if (!run_once(setup, engine, p, false))
            return true;
    return false;
}

/* In how many runs it would be seen again almost surely; 0: it was not seen again at all. */
static unsigned runs_needed(const struct duel_setup *setup, const char *engine,
                            const struct smp_program *p)
{
    unsigned wrong = 0, runs;
    for (runs = 0; runs < RUNS_TO_JUDGE && wrong < 10; runs++)
        wrong += !run_once(setup, engine, p, false);
    printf("  run again it goes wrong in %u of %u runs\n", wrong, runs);
    runs = wrong ? 4 * runs / wrong : 0;
    return runs > RUNS_MAX ? RUNS_MAX : runs;
}

static void make_small(const struct duel_setup *setup, const char *engine, struct smp_program *p,
                       unsigned runs)
{
    static struct smp_program candidate;
    uint64_t end_ns = clock_now_ns() + SMALL_SECONDS * 1000000000ull;
    for (unsigned i = p->phases; i-- && clock_now_ns() < end_ns;) {
        candidate = *p;
        candidate.phase[i].left_out = true;
        if (still_wrong(setup, engine, &candidate, runs))
            *p = candidate;
    }
    for (unsigned i = 0; i < p->phases; i++)
        for (unsigned h = 0; h < p->harts && !p->phase[i].left_out; h++)
            for (unsigned k = p->phase[i].count[h]; k-- && clock_now_ns() < end_ns;) {
                struct phase *ph = &candidate.phase[i];
                candidate = *p;
                memmove(&ph->actions[h][k], &ph->actions[h][k + 1],
                        (ph->count[h] - k - 1u) * sizeof(struct action));
                ph->count[h]--;
                if (still_wrong(setup, engine, &candidate, runs))
                    *p = candidate;
            }
}

static void print_program(const struct smp_program *p)
{
    static const char *const names[] = {"", "calls", "writes", "writes in halves", "swaps"};
    for (unsigned i = 0; i < p->phases; i++) {
        const struct phase *ph = &p->phase[i];
        if (ph->left_out)
            continue;
        printf("phase %u%s\n", i, ph->ipi ? ", ends with interrupts" : "");
        if (ph->map)
            printf("  hart %u maps the other pages\n", ph->writer);
        for (unsigned h = 0; h < p->harts; h++)
            for (unsigned k = 0; k < ph->count[h]; k++) {
                const struct action *a = &ph->actions[h][k];
                printf("  hart %u %s 0x%llx", h, names[a->what],
                       RAM + p->at[a->slot] + a->bank * (uint64_t)BANK_BYTES + 4ull * a->second);
                if (a->what == DO_CALL)
                    printf(" %u times\n", a->times);
                else
                    printf(": %s\n", a->word == 5   ? "c.addi, c.slli"
                                     : a->word == 6 ? "j over the next"
                                                    : word_texts[a->word]);
            }
    }
}

bool harts_run(const struct duel_setup *setup, const char *engine, uint64_t seed, unsigned index,
               unsigned runs, struct harts_counts *counts)
{
    static struct smp_program p;
    struct harts_counts unused = {0};
    make_program(&p, seed, index);
    expect(&p, counts);
    if (run_once(setup, engine, &p, true))
        return true;
    printf("program %u of seed %" PRIu64 " for %u harts in %s went wrong on %s\n", index, seed,
           p.harts, p.paging ? "S" : "M", engine);
    unsigned needed = runs_needed(setup, engine, &p);
    if (!needed)
        return false;
    make_small(setup, engine, &p, needed > runs ? needed : runs);
    print_program(&p);
    expect(&p, &unused);
    for (unsigned i = 0; i < RUNS_MAX && run_once(setup, engine, &p, true); i++)
        ;
    return false;
}
