/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random blocks of the intermediate representation, and a world that answers
 * them: for tests that run a block in two ways and compare (jit_pass.c,
 * jit_x64_lower.c).
 *
 * Loads, helpers and faults answer from a hash of how often they were asked, so
 * both runs see the same world as long as they ask for the same things in the
 * same order.  A world may also have memory: a window of guest addresses where
 * loads and stores are what they say, and are not noted.
 *
 * MH_SEED repeats a run; the seed is printed.
 */
#ifndef TESTS_UNIT_JIT_BLOCKS_H
#define TESTS_UNIT_JIT_BLOCKS_H

#include <stdlib.h>
#include <string.h>

#include "jit/pass.h"
#include "tests/unit/random.h"

#define BLOCK_MAX  160
#define EVENTS_MAX 8192

/* --- a guest --- */

enum { G1 = 1, G6 = 6, HALF, STATE, FLAG, G7, G14 = G7 + 7, SLOT_COUNT };
#define LINK G1 /* where calls leave their way back */

enum event_kind { DID_LOAD, DID_STORE, DID_AMO, DID_CAS, DID_FENCE, DID_CALL };

struct event {
    uint64_t kind, pc, retired, a, b, c, d, e;
    uint64_t state[2]; /* slots that any C code may look at */
    uint64_t regs;     /* a hash, for what looks at registers */
};

#define WINDOW_PAGES 4

struct world {
    uint64_t seed;
    uint64_t slot[SLOT_COUNT];
    uint64_t base;   /* retired before the block */
    uint8_t *memory; /* or NULL: WINDOW_PAGES pages of the host */
    uint64_t window; /* guest address of the first */
    bool strict;     /* no misaligned access is one of the memory */
    bool straight;   /* the pages are in order */
    unsigned count;
    struct event events[EVENTS_MAX];
};

#define SLOT(n, name, size, kind)                                                                  \
    {                                                                                              \
        name, offsetof(struct world, slot[n]), size, IR_SLOT_##kind                                \
    }

static const struct ir_slot slots[SLOT_COUNT] = {
    {NULL, 0, 0, IR_SLOT_ABSENT}, SLOT(G1, "r1", 8, REG),      SLOT(G1 + 1, "r2", 8, REG),
    SLOT(G1 + 2, "r3", 8, REG),   SLOT(G1 + 3, "r4", 8, REG),  SLOT(G1 + 4, "r5", 8, REG),
    SLOT(G6, "r6", 8, REG),       SLOT(HALF, "half", 4, REG),  SLOT(STATE, "state", 8, STATE),
    SLOT(FLAG, "flag", 1, STATE), SLOT(G7, "r7", 8, REG),      SLOT(G7 + 1, "r8", 8, REG),
    SLOT(G7 + 2, "r9", 8, REG),   SLOT(G7 + 3, "r10", 8, REG), SLOT(G7 + 4, "r11", 8, REG),
    SLOT(G7 + 5, "r12", 8, REG),  SLOT(G7 + 6, "r13", 8, REG), SLOT(G14, "r14", 8, REG),
};

/* Who runs code gives them functions. */
static struct ir_helper helpers[] = {
    {"plain", NULL, 2, 0},
    {"faulty", NULL, 1, IR_CALL_FAULTS},
    {"regs", NULL, 0, IR_CALL_REGS | IR_CALL_FAULTS},
    {"state", NULL, 1, IR_CALL_STATE},
    {"memory", NULL, 5, IR_CALL_MEMORY | IR_CALL_FAULTS},
    {"all", NULL, 0, IR_CALL_REGS | IR_CALL_STATE | IR_CALL_MEMORY},
};

static const struct ir_guest guest = {slots, helpers, SLOT_COUNT, ARRAY_LEN(helpers), 2};

/* What passes have rules about, and anything. */
static inline uint64_t random_constant(void)
{
    static const uint64_t corners[] = {
        0,          1,          2,
        3,          4,          5,
        8,          16,         24,
        31,         32,         33,
        40,         48,         56,
        63,         64,         65,
        0x7f,       0x80,       0xff,
        0x100,      0x7fff,     0x8000,
        0xffff,     0x10000,    0x6000,
        0x7fffffff, 0x80000000, ~0ull,
        0xffffffff, 1ull << 32, 1ull << 63,
        ~0ull >> 1, ~1ull,      ~0xfull,
        ~7ull,      ~63ull,     -(1ull << 32),
    };
    switch (below(4)) {
    case 0:
        return random_64() >> below(64);
    case 1:
        return (uint64_t)((int64_t)random_64() >> below(64));
    default:
        return corners[below(ARRAY_LEN(corners))];
    }
}

/* --- a world that answers the same to the same questions --- */

static inline uint64_t low_bytes(uint64_t v, unsigned size)
{
    return size == 8 ? v : v & ((1ull << 8 * size) - 1);
}

static inline uint64_t ask(const struct world *w, unsigned what)
{
    return mix(mix(w->seed + w->count) + what);
}

/* A number as programs have them: often small or with copies of a sign. */
static inline uint64_t plausible(uint64_t hash)
{
    unsigned shift = hash & 63;
    switch (hash >> 6 & 3) {
    case 0:
        return mix(hash) >> shift;
    case 1:
        return (uint64_t)((int64_t)mix(hash) >> shift);
    case 2:
        return hash >> 8 & 1;
    default:
        return mix(hash);
    }
}

static inline uint64_t registers_hash(const struct world *w)
{
    uint64_t h = 0;
    for (unsigned s = G1; s < SLOT_COUNT; s++)
        if (slots[s].kind == IR_SLOT_REG)
            h = mix(h + w->slot[s] + s);
    return h;
}

/* Notes what was asked; whether it succeeds. */
static inline bool note(struct world *w, const struct ir_place *at, struct event e, bool may_fault)
{
    bool faults = may_fault && !(ask(w, 1) & 31);
    e.pc = at->pc;
    e.retired = w->base + at->retired;
    e.state[0] = w->slot[STATE];
    e.state[1] = w->slot[FLAG];
    if (w->count < EVENTS_MAX)
        w->events[w->count] = e;
    w->count++;
    return !faults;
}

static inline uint64_t world_get(void *opaque, unsigned slot)
{
    return ((struct world *)opaque)->slot[slot];
}

static inline void world_set(void *opaque, unsigned slot, uint64_t value)
{
    ((struct world *)opaque)->slot[slot] = low_bytes(value, slots[slot].size);
}

/*
 * The memory: guest pages lie in another order on the host, so that what runs over a page's end
 * shows, unless code is to know where they are.
 */
static inline uint8_t *window_at(const struct world *w, uint64_t addr)
{
    static const uint8_t place[WINDOW_PAGES] = {2, 0, 3, 1};
    uint64_t offset = addr - w->window;
    if (w->straight)
        return w->memory + offset;
    return w->memory + place[offset >> PAGE_SHIFT] * PAGE_SIZE + (offset & ~PAGE_MASK);
}

static inline bool in_window(const struct world *w, uint64_t addr, unsigned size, bool aligned_only)
{
    if (!w->memory || ((aligned_only || w->strict) && addr & (size - 1)))
        return false;
    return addr - w->window <= WINDOW_PAGES * PAGE_SIZE - size;
}

static inline uint64_t window_read(const struct world *w, uint64_t addr, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)*window_at(w, addr + i) << 8 * i;
    return v;
}

static inline void window_write(const struct world *w, uint64_t addr, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++)
        *window_at(w, addr + i) = (uint8_t)(v >> 8 * i);
}

static inline uint64_t amo_result(enum amo_op op, unsigned size, uint64_t a, uint64_t b)
{
    unsigned up = 64 - 8 * size;
    switch (op) {
    case AMO_SWAP:
        return b;
    case AMO_ADD:
        return a + b;
    case AMO_XOR:
        return a ^ b;
    case AMO_AND:
        return a & b;
    case AMO_OR:
        return a | b;
    case AMO_MIN:
        return (int64_t)(a << up) < (int64_t)(b << up) ? a : b;
    case AMO_MAX:
        return (int64_t)(a << up) > (int64_t)(b << up) ? a : b;
    case AMO_MINU:
        return a << up < b << up ? a : b;
    case AMO_MAXU:
        return a << up > b << up ? a : b;
    }
    return 0;
}

static inline bool world_load(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                              uint64_t *value)
{
    struct world *w = opaque;
    if (in_window(w, addr, size, false)) {
        *value = window_read(w, addr, size);
        return true;
    }
    *value = low_bytes(plausible(ask(w, 2)), size);
    return note(w, at, (struct event){.kind = DID_LOAD, .a = size, .b = addr}, true);
}

static inline bool world_store(void *opaque, const struct ir_place *at, unsigned size,
                               uint64_t addr, uint64_t value)
{
    if (in_window(opaque, addr, size, false)) {
        window_write(opaque, addr, size, value);
        return true;
    }
    struct event e = {.kind = DID_STORE, .a = size, .b = addr, .c = low_bytes(value, size)};
    return note(opaque, at, e, true);
}

static inline bool world_amo(void *opaque, const struct ir_place *at, unsigned size, enum amo_op op,
                             uint64_t addr, uint64_t value, uint64_t *old)
{
    struct world *w = opaque;
    if (in_window(w, addr, size, true)) {
        *old = window_read(w, addr, size);
        window_write(w, addr, size, amo_result(op, size, *old, value));
        return true;
    }
    *old = low_bytes(plausible(ask(w, 2)), size);
    struct event e = {.kind = DID_AMO, .a = size, .b = addr, .c = low_bytes(value, size), .d = op};
    return note(w, at, e, true);
}

static inline bool world_cas(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                             uint64_t expected, uint64_t desired, uint64_t *old)
{
    struct world *w = opaque;
    if (in_window(w, addr, size, true)) {
        *old = window_read(w, addr, size);
        if (*old == low_bytes(expected, size))
            window_write(w, addr, size, desired);
        return true;
    }
    *old = low_bytes(plausible(ask(w, 2)), size);
    struct event e = {.kind = DID_CAS,
                      .a = size,
                      .b = addr,
                      .c = low_bytes(expected, size),
                      .d = low_bytes(desired, size)};
    return note(w, at, e, true);
}

static inline void world_fence(void *opaque, unsigned order)
{
    static const struct ir_place nowhere;
    if (((struct world *)opaque)->memory)
        return; /* a host's fence is not to be seen */
    note(opaque, &nowhere, (struct event){.kind = DID_FENCE, .a = order}, false);
}

static inline void scramble(struct world *w, enum ir_slot_kind kind)
{
    for (unsigned s = G1; s < SLOT_COUNT; s++)
        if (slots[s].kind == kind && ask(w, s) & 1)
            w->slot[s] = low_bytes(plausible(ask(w, 100 + s)), slots[s].size);
}

static inline struct ir_result world_call(void *opaque, const struct ir_place *at,
                                          const struct ir_helper *fn,
                                          const uint64_t args[IR_ARGS_MAX])
{
    struct world *w = opaque;
    struct ir_result r = {.value = plausible(ask(w, 2))};
    struct event e = {.kind = DID_CALL + (uint64_t)(fn - helpers),
                      .a = args[0],
                      .b = args[1],
                      .c = args[2],
                      .d = args[3],
                      .e = args[4],
                      .regs = fn->flags & IR_CALL_REGS ? registers_hash(w) : 0};
    r.ok = note(w, at, e, fn->flags & IR_CALL_FAULTS);
    if (fn->flags & IR_CALL_REGS)
        scramble(w, IR_SLOT_REG);
    if (fn->flags & IR_CALL_STATE)
        scramble(w, IR_SLOT_STATE);
    return r;
}

static const struct ir_env world_env = {
    .slot_get = world_get,
    .slot_set = world_set,
    .load = world_load,
    .store = world_store,
    .amo = world_amo,
    .cas = world_cas,
    .fence = world_fence,
    .call = world_call,
};

static inline void world_init(struct world *w, uint64_t world)
{
    memset(w, 0, offsetof(struct world, events));
    w->seed = world;
    for (unsigned s = G1; s < SLOT_COUNT; s++)
        w->slot[s] = low_bytes(plausible(mix(world + s)), slots[s].size);
}

static inline bool same_events(const struct world *a, const struct world *b)
{
    unsigned n = a->count < EVENTS_MAX ? a->count : EVENTS_MAX;
    return a->count == b->count && !memcmp(a->events, b->events, n * sizeof(a->events[0]));
}

/* --- random blocks --- */

struct maker {
    struct ir_block *b;
    ir_ref point;
    unsigned retired;
    bool written, left; /* by the current instruction: a register; the block, as retired */
    bool all_regs;      /* not only r1 to r6 */
    bool orders;        /* many fences and atomics */
    /* of a region: where blocks begin, this one among them */
    const uint16_t *targets;
    unsigned target_count, disp;
    uint64_t window; /* 0: no memory to aim at */
    ir_ref lr;       /* the last access to memory, if it is one */
};

static inline bool is_value(const struct ir_block *b, unsigned at)
{
    return ir_ops[b->insns[at].op].result == IR_TYPE_I64;
}

/* An earlier value, rather a late one, or a new constant. */
static inline ir_ref some_value(struct maker *m)
{
    for (int tries = 0; tries < 4 && !one_in(4); tries++) {
        unsigned n = m->b->count, reach = n < 8 || one_in(2) ? n : 8;
        unsigned at = n - 1 - below(reach);
        if (is_value(m->b, at))
            return (ir_ref)at;
    }
    return ir_const(m->b, random_constant());
}

static inline ir_ref make_op(struct maker *m, enum ir_op op)
{
    const struct ir_op_info *info = &ir_ops[op];
    ir_ref a = some_value(m);
    ir_ref b = info->operand[1] ? some_value(m) : IR_NONE;
    ir_ref c = info->operand[2] ? some_value(m) : IR_NONE;
    return ir_pure(m->b, op, a, b, c);
}

static inline enum ir_op random_op(void)
{
    static const uint8_t pure[] = {
#define PURE_OP(name, operands, expression) IR_##name,
#include "jit/ops.def"
    };
    return (enum ir_op)pure[below(ARRAY_LEN(pure))];
}

static inline ir_ref make_narrow(struct maker *m, ir_ref x)
{
    static const uint8_t ops[] = {IR_sx8, IR_sx16, IR_sx32, IR_zx8, IR_zx16, IR_zx32};
    return ir_pure(m->b, (enum ir_op)ops[below(ARRAY_LEN(ops))], x, IR_NONE, IR_NONE);
}

/* What rules speak of: some operations in a row, on constants, often the same one. */
static inline void make_chain(struct maker *m)
{
    static const uint8_t ops[] = {IR_add,   IR_sub,   IR_and,    IR_or, IR_xor, IR_shl,
                                  IR_shr,   IR_sar,   IR_eq,     IR_ne, IR_mul, IR_shl32,
                                  IR_shr32, IR_sar32, IR_rotr32, IR_ltu};
    ir_ref x = some_value(m), k = ir_const(m->b, random_constant());
    for (unsigned n = 2 + below(3); n; n--) {
        enum ir_op op = (enum ir_op)ops[below(ARRAY_LEN(ops))];
        uint64_t value = one_in(2) ? m->b->insns[k].imm : random_constant();
        if (one_in(4)) {
            x = make_narrow(m, x);
            continue;
        }
        if (!one_in(8))
            k = ir_const(m->b, value);
        x = one_in(8) ? ir_pure(m->b, op, k, x, IR_NONE) : ir_pure(m->b, op, x, k, IR_NONE);
    }
}

static inline unsigned random_size(void)
{
    return 1u << below(4);
}

/* In the window, often where a page ends. */
static inline ir_ref window_address(struct maker *m)
{
    uint64_t edge = m->window + (1 + below(WINDOW_PAGES - 1)) * PAGE_SIZE;
    if (one_in(4))
        return ir_const(m->b, edge - below(16));
    uint64_t mask = one_in(2) ? WINDOW_PAGES * PAGE_SIZE - 1 : WINDOW_PAGES * PAGE_SIZE - 8;
    ir_ref a = ir_pure(m->b, IR_and, some_value(m), ir_const(m->b, mask), IR_NONE);
    return ir_pure(m->b, IR_add, a, ir_const(m->b, m->window), IR_NONE);
}

static inline ir_ref some_address(struct maker *m)
{
    if (m->window && !one_in(8))
        return window_address(m);
    ir_ref a = some_value(m);
    if (one_in(2))
        a = ir_pure(m->b, IR_add, a, ir_const(m->b, random_constant()), IR_NONE);
    return a;
}

/* A load-reserved, or the store-conditional for the last one. */
static inline void make_reserved(struct maker *m)
{
    if (!m->lr) {
        m->lr = ir_lr(m->b, m->point, random_size(), some_address(m));
        return;
    }
    struct ir_insn lr = m->b->insns[m->lr];
    ir_sc(m->b, m->point, lr.sub, lr.a, m->lr, some_value(m));
    m->b->insns[m->b->count - 1].disp = lr.disp;
    m->lr = IR_NONE;
}

static inline void make_memory(struct maker *m)
{
    if (m->lr ? one_in(2) : one_in(6)) {
        make_reserved(m);
        return;
    }
    m->lr = IR_NONE;
    ir_ref addr = some_address(m), value = some_value(m);
    int32_t disp = one_in(2)                 ? 0
                   : one_in(4) || !m->window ? (int32_t)random_constant()
                                             : (int32_t)below(64) - 32;
    switch (below(5)) {
    case 0:
        ir_amo(m->b, m->point, random_size(),
               one_in(3) ? AMO_SWAP : (enum amo_op)below(AMO_MAXU + 1), addr, value);
        break;
    case 1:
        ir_cas(m->b, m->point, random_size(), addr, value, some_value(m));
        break;
    case 2:
    case 3:
        ir_load(m->b, m->point, random_size(), addr);
        break;
    default:
        ir_store(m->b, m->point, random_size(), addr, value);
        break;
    }
    m->b->insns[m->b->count - 1].disp = disp;
}

static inline void make_call(struct maker *m)
{
    unsigned helper = below(ARRAY_LEN(helpers));
    ir_ref args[IR_ARGS_MAX];
    if (helpers[helper].flags & IR_CALL_FAULTS && m->written)
        return;
    for (unsigned i = 0; i < helpers[helper].args; i++)
        args[i] = some_value(m);
    ir_call(m->b, m->point, helper, helpers[helper].args, args);
    m->written |= helpers[helper].flags & IR_CALL_REGS;
    if (helpers[helper].flags & IR_CALL_MEMORY)
        m->lr = IR_NONE;
}

/* Seldom true. */
static inline ir_ref some_condition(struct maker *m)
{
    if (one_in(4))
        return some_value(m);
    ir_ref k = ir_const(m->b, random_constant());
    ir_ref c = ir_pure(m->b, IR_eq, some_value(m), k, IR_NONE);
    return one_in(4) ? ir_pure(m->b, IR_ne, c, ir_const(m->b, 0), IR_NONE) : c;
}

static inline bool is_target(const struct maker *m, int32_t disp)
{
    for (unsigned i = 0; i < m->target_count; i++)
        if (m->targets[i] == disp)
            return true;
    return false;
}

/*
 * Where an exit leads: another block of the region, which takes a step, or nowhere known: no block
 * begins there, nor, for an exit that takes no step, where an exit_to goes that leaves the lowest
 * bit out.
 */
static inline int32_t exit_disp(struct maker *m, unsigned retired)
{
    if (m->target_count && !one_in(4)) {
        unsigned to = m->targets[below(m->target_count)];
        if (retired || to > m->disp)
            return (int32_t)to;
    }
    int32_t odd;
    do
        odd = ((int32_t)below(0x1800) - 0x400) | 1;
    while (!retired && is_target(m, odd - 1));
    return odd;
}

static inline enum ir_exit_kind exit_kind(unsigned kinds)
{
    return one_in(2) ? IR_EXIT_CHAIN : (enum ir_exit_kind)below(kinds);
}

static inline void make_exit_if(struct maker *m)
{
    ir_ref cond = some_condition(m);
    bool done = m->point && one_in(2);
    ir_exit_if(m->b, exit_kind(4), m->retired + done, exit_disp(m, m->retired + done), cond);
    m->left |= done;
}

static inline void make_point(struct maker *m)
{
    m->retired += !!m->point + one_in(8);
    m->point = ir_point(m->b, (int32_t)below(0x800) * 2, m->retired);
    m->written = m->left = false;
}

static inline unsigned random_slot(const struct maker *m)
{
    return G1 + below(m->all_regs ? SLOT_COUNT - G1 : G7 - G1);
}

static inline void make_set_of(struct maker *m, ir_ref value)
{
    unsigned slot = random_slot(m);
    ir_slot_set(m->b, slot, value);
    m->written |= slots[slot].kind == IR_SLOT_REG;
}

static inline void make_set(struct maker *m)
{
    make_set_of(m, some_value(m));
}

static inline ir_ref make_extended(struct maker *m, ir_ref v)
{
    return one_in(2) ? v : ir_pure(m->b, IR_sx32, v, IR_NONE, IR_NONE);
}

/* Two shifts whose results are put together: most times a rotation. */
static inline void make_rotation(struct maker *m)
{
    static const uint8_t unions[] = {IR_or, IR_xor, IR_add};
    bool narrow = one_in(2);
    unsigned width = narrow ? 32 : 64, k = below(width + 1),
             j = one_in(8) ? below(width) : width - k;
    ir_ref x = some_value(m), y = one_in(8) ? some_value(m) : x;
    ir_ref up = ir_pure(m->b, narrow ? IR_shl32 : IR_shl, x, ir_const(m->b, k), IR_NONE);
    ir_ref down = ir_pure(m->b, narrow ? IR_shr32 : IR_shr, y, ir_const(m->b, j), IR_NONE);
    up = make_extended(m, up);
    down = make_extended(m, down);
    bool swap = one_in(2);
    ir_pure(m->b, (enum ir_op)unions[below(ARRAY_LEN(unions))], swap ? down : up, swap ? up : down,
            IR_NONE);
}

/* Both halves of a product, or what is nearly that, kept in slots. */
static inline void make_product(struct maker *m)
{
    static const uint8_t halves[] = {IR_mul, IR_mulhu, IR_mulhs, IR_mulhsu};
    ir_ref a = some_value(m), b = some_value(m);
    for (unsigned n = 2; n; n--) {
        unsigned slot = random_slot(m);
        ir_ref half = ir_pure(m->b, (enum ir_op)halves[below(4)], a, b, IR_NONE);
        if (one_in(2))
            make_chain(m);
        if (one_in(4)) {
            ir_ref swap = a;
            a = b;
            b = swap;
        }
        if (m->left)
            continue;
        ir_slot_set(m->b, slot, half);
        m->written |= slots[slot].kind == IR_SLOT_REG;
    }
}

/* Made of what is in a register, perhaps since a load in another block. */
static inline ir_ref held_address(struct maker *m)
{
    return ir_pure(m->b, IR_add, ir_const(m->b, m->window), ir_slot_get(m->b, random_slot(m)),
                   IR_NONE);
}

/* A store, a load, or a swap that nobody looks at; or a fence. */
static inline void make_ordered(struct maker *m)
{
    ir_ref addr = one_in(2) ? some_address(m) : held_address(m),
           point = ir_point(m->b, 0, m->retired += !!m->point);
    m->point = point;
    m->written = m->left = false;
    m->lr = IR_NONE;
    switch (below(7)) {
    case 0:
        ir_store(m->b, point, random_size(), addr, some_value(m));
        break;
    case 1:
    case 2:
        make_set_of(m, ir_load(m->b, point, random_size(), addr));
        break;
    case 3:
    case 4:
        ir_fence(m->b, below(16));
        break;
    default:
        ir_amo(m->b, point, random_size(), AMO_SWAP, addr, some_value(m));
        make_point(m); /* so that it is not the last value */
    }
}

static inline void make_insn(struct maker *m)
{
    bool effects = m->point && !m->left, faults = effects && !m->written;
    if (m->orders && one_in(6)) {
        make_ordered(m);
        return;
    }
    switch (below(16)) {
    case 0:
    case 1:
        make_point(m);
        break;
    case 2:
    case 3:
        ir_slot_get(m->b, random_slot(m));
        break;
    case 4:
    case 5:
        if (!m->left)
            make_set(m);
        break;
    case 6:
    case 7:
        if (faults)
            make_memory(m);
        break;
    case 8:
        if (effects)
            make_call(m);
        break;
    case 9:
        if (one_in(2))
            make_exit_if(m);
        else if (faults)
            ir_trap_if(m->b, m->point, below(16), some_value(m), some_condition(m));
        break;
    case 10:
        if (one_in(4) && effects)
            ir_fence(m->b, below(16));
        else
            ir_pc(m->b, (int32_t)random_constant());
        break;
    case 11:
    case 12:
        if (one_in(6))
            make_rotation(m);
        else if (one_in(6))
            make_product(m);
        else
            make_op(m, random_op());
        break;
    default:
        make_chain(m);
        break;
    }
}

static inline ir_ref some_target(struct maker *m, unsigned retired)
{
    if (!m->target_count || one_in(3))
        return some_value(m);
    return ir_pc(m->b, exit_disp(m, retired));
}

/* The way back of a call, in its slot; 0: it is to be no call. */
static inline uint16_t make_way_back(struct maker *m, unsigned retired)
{
    int32_t back = exit_disp(m, retired);
    if (m->left || back <= 0 || back >= IR_LINK_MAX || one_in(2))
        return IR_LINK_NONE;
    ir_slot_set(m->b, LINK, ir_pc(m->b, back));
    return (uint16_t)back;
}

static inline ir_ref return_target(struct maker *m, unsigned retired)
{
    ir_ref v = one_in(8) ? some_target(m, retired) : ir_slot_get(m->b, LINK);
    return one_in(2) ? v : ir_pure(m->b, IR_and, v, ir_const(m->b, ir_pc_mask(&guest)), IR_NONE);
}

/* Calls and returns among the ends of blocks. */
static inline void make_linked_end(struct maker *m, unsigned retired)
{
    uint16_t back = make_way_back(m, retired);
    if (!back && retired && one_in(2)) {
        ir_exit_to(m->b, IR_EXIT_CHAIN, retired, return_target(m, retired));
        ir_link(m->b, IR_LINK_RETURN);
        return;
    }
    if (one_in(3))
        ir_exit_to(m->b, exit_kind(3), retired, some_target(m, retired));
    else
        ir_exit(m->b, exit_kind(4), retired, exit_disp(m, retired));
    ir_link(m->b, back);
}

static inline void make_end(struct maker *m)
{
    unsigned retired = m->retired + (m->point ? 1 : 0);
    if (one_in(3)) {
        make_linked_end(m, retired);
        return;
    }
    if (one_in(4) && m->point && !m->written && !m->left)
        ir_trap(m->b, m->point, below(16), some_value(m));
    else if (one_in(2))
        ir_exit_to(m->b, exit_kind(3), retired, some_target(m, retired));
    else
        ir_exit(m->b, exit_kind(4), retired, exit_disp(m, retired));
}

/* m: what kind of block; the rest is filled in. */
static inline void make_block(struct maker *m, struct ir_block *b, struct ir_insn *insns)
{
    struct ir_fault fault;
    unsigned wanted = 4 + below(BLOCK_MAX - 36);
    m->b = b;
    m->all_regs = one_in(2);
    m->orders = one_in(4);
    m->lr = IR_NONE;
    ir_begin(b, &guest, insns, BLOCK_MAX);
    while (b->count < wanted)
        make_insn(m);
    make_end(m);
    if (ir_check(b, &fault)) {
        ir_dump(b, stderr);
        fail_msg("MH_SEED=%#lx: %%%u: %s", (unsigned long)seed, fault.at, fault.what);
    }
}

/* The block without one instruction; false if it cannot be without. */
static inline bool without(const struct ir_block *b, unsigned at, bool by_operand,
                           struct ir_block *out)
{
    struct ir_fault fault;
    ir_ref a = b->insns[at].a;
    bool value = is_value(b, at);
    memcpy(out->insns, b->insns, b->count * sizeof(out->insns[0]));
    out->count = b->count;
    if (value && by_operand)
        out->insns[at] = (struct ir_insn){.op = IR_nop, .a = is_value(b, a) ? a : IR_NONE};
    else if (value && b->insns[at].op != IR_const)
        out->insns[at] = (struct ir_insn){.op = IR_const};
    else
        out->insns[at] = (struct ir_insn){.op = IR_nop};
    ir_optimize(out, 0, NULL, NULL);
    return !ir_check(out, &fault);
}

#endif
