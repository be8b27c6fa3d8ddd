/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests jit/pass.c and the passes, pass_*.c.
 *
 * What a pass makes of a block: data/passes/NAME.ir, cases of this form, where
 * the result is compared as text:
 *
 *   case what it shows
 *   passes fold,dead
 *   %1 ...
 *   gives
 *   %1 ...
 *
 * What no pass may change: random blocks with all operations, evaluated before
 * and after, for each pass alone, all together and some.  Loads, helpers and
 * faults answer from a hash of how often they were asked, so both runs see the
 * same world as long as they ask for the same things in the same order.
 *
 * MH_SEED repeats a run; the seed is printed.  A failing block is made small
 * before it is shown.
 */
#include "jit/pass.h"

#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "sim/include/manyhart.h"

/* --- a guest --- */

enum { R1 = 1, R6 = 6, HALF, STATE, FLAG, SLOT_COUNT };

static const struct ir_slot slots[SLOT_COUNT] = {
    {NULL, 0, 0, IR_SLOT_ABSENT},   {"r1", 8, 8, IR_SLOT_REG},    {"r2", 16, 8, IR_SLOT_REG},
    {"r3", 24, 8, IR_SLOT_REG},     {"r4", 32, 8, IR_SLOT_REG},   {"r5", 40, 8, IR_SLOT_REG},
    {"r6", 48, 8, IR_SLOT_REG},     {"half", 56, 4, IR_SLOT_REG}, {"state", 64, 8, IR_SLOT_STATE},
    {"flag", 72, 1, IR_SLOT_STATE},
};

static const struct ir_helper helpers[] = {
    {"plain", NULL, 2, 0},
    {"faulty", NULL, 1, IR_CALL_FAULTS},
    {"regs", NULL, 0, IR_CALL_REGS | IR_CALL_FAULTS},
    {"state", NULL, 1, IR_CALL_STATE},
    {"memory", NULL, 5, IR_CALL_MEMORY | IR_CALL_FAULTS},
    {"all", NULL, 0, IR_CALL_REGS | IR_CALL_STATE | IR_CALL_MEMORY},
};

static const struct ir_guest guest = {slots, helpers, SLOT_COUNT, ARRAY_LEN(helpers), 2};

/* --- the corpus --- */

static char *dump(const struct ir_block *b)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ir_dump(b, out);
    fclose(out);
    return text;
}

struct corpus_case {
    const char *file;
    char title[128], passes[64];
    char before[4096], after[4096];
};

static void parse_checked(const struct corpus_case *c, const char *text, struct ir_block *b)
{
    struct ir_fault fault;
    if (ir_parse(b, text, &fault))
        fail_msg("%s, %s: line %u: %s", c->file, c->title, fault.at, fault.what);
    if (ir_check(b, &fault))
        fail_msg("%s, %s: %%%u: %s", c->file, c->title, fault.at, fault.what);
}

static void try_case(const struct corpus_case *c)
{
    struct ir_insn insns[256], wanted[256];
    struct ir_block b, w;
    uint32_t mask;
    ir_begin(&b, &guest, insns, ARRAY_LEN(insns));
    ir_begin(&w, &guest, wanted, ARRAY_LEN(wanted));
    parse_checked(c, c->before, &b);
    parse_checked(c, c->after, &w);
    if (ir_passes_parse(c->passes, &mask))
        fail_msg("%s, %s: %s", c->file, c->title, mh_last_error()->message);
    ir_optimize(&b, mask, NULL, NULL);
    char *got = dump(&b), *want = dump(&w);
    if (strcmp(got, want))
        fail_msg("%s, %s: became\n%sinstead of\n%s", c->file, c->title, got, want);
    free(got);
    free(want);
}

/* Runs the case that was read, if any, and begins the next one. */
static unsigned finish_case(struct corpus_case *c)
{
    bool any = *c->title;
    if (any)
        try_case(c);
    *c->title = *c->passes = *c->before = *c->after = 0;
    return any;
}

/* The rest of the line if it begins with the word. */
static bool line_is(const char *line, const char *word, char *rest, size_t size)
{
    size_t len = strlen(word);
    if (strncmp(line, word, len) || (line[len] && line[len] != ' '))
        return false;
    snprintf(rest, size, "%s", line + len + (line[len] == ' '));
    return true;
}

static unsigned run_file(const char *path)
{
    struct corpus_case c = {.file = strrchr(path, '/') + 1};
    char line[256], nothing[8], *text = c.before;
    unsigned cases = 0;
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    while (fgets(line, sizeof(line), in)) {
        line[strcspn(line, "\n")] = 0;
        char title[sizeof(c.title)];
        if (line_is(line, "case", title, sizeof(title))) {
            cases += finish_case(&c);
            memcpy(c.title, title, sizeof(title));
            text = c.before;
        } else if (line_is(line, "gives", nothing, sizeof(nothing))) {
            text = c.after;
        } else if (!line_is(line, "passes", c.passes, sizeof(c.passes))) {
            size_t len = strlen(text);
            snprintf(text + len, sizeof(c.before) - len, "%s\n", line);
        }
    }
    fclose(in);
    return cases + finish_case(&c);
}

static void each_case_of_the_corpus(void **state)
{
    (void)state;
    glob_t files;
    assert_int_equal(glob(MH_UNIT_DATA "/passes/*.ir", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++)
        assert_true(run_file(files.gl_pathv[i]) > 0);
    globfree(&files);
}

static void every_pass_has_a_corpus(void **state)
{
    (void)state;
    for (unsigned i = 0; ir_pass_at(i); i++) {
        char path[512];
        snprintf(path, sizeof(path), MH_UNIT_DATA "/passes/%s.ir", ir_pass_at(i)->name);
        FILE *in = fopen(path, "re");
        if (!in)
            fail_msg("%s is missing", path);
        fclose(in);
    }
}

/* --- random numbers (splitmix64) --- */

static uint64_t seed, rng;

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static uint64_t random_64(void)
{
    return mix(rng += 0x9e3779b97f4a7c15ull);
}

static unsigned below(unsigned n)
{
    return (unsigned)(random_64() % n);
}

static bool one_in(unsigned n)
{
    return !below(n);
}

/* What passes have rules about, and anything. */
static uint64_t random_constant(void)
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

#define BLOCK_MAX 160

enum { DID_LOAD, DID_STORE, DID_AMO, DID_CAS, DID_FENCE, DID_CALL };

struct event {
    uint64_t kind, pc, retired, a, b, c, d, e;
    uint64_t state[2]; /* slots that any C code may look at */
    uint64_t regs;     /* a hash, for what looks at registers */
};

struct world {
    uint64_t seed;
    uint64_t slot[SLOT_COUNT];
    struct event events[BLOCK_MAX];
    unsigned count;
};

static uint64_t low_bytes(uint64_t v, unsigned size)
{
    return size == 8 ? v : v & ((1ull << 8 * size) - 1);
}

static uint64_t ask(const struct world *w, unsigned what)
{
    return mix(mix(w->seed + w->count) + what);
}

/* A number as programs have them: often small or with copies of a sign. */
static uint64_t plausible(uint64_t hash)
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

static uint64_t registers_hash(const struct world *w)
{
    uint64_t h = 0;
    for (unsigned s = R1; s <= HALF; s++)
        h = mix(h + w->slot[s] + s);
    return h;
}

/* Notes what was asked; whether it succeeds. */
static bool note(struct world *w, const struct ir_place *at, struct event e, bool may_fault)
{
    bool faults = may_fault && !(ask(w, 1) & 31);
    e.pc = at->pc;
    e.retired = at->retired;
    e.state[0] = w->slot[STATE];
    e.state[1] = w->slot[FLAG];
    w->events[w->count++] = e;
    return !faults;
}

static uint64_t world_get(void *opaque, unsigned slot)
{
    return ((struct world *)opaque)->slot[slot];
}

static void world_set(void *opaque, unsigned slot, uint64_t value)
{
    ((struct world *)opaque)->slot[slot] = low_bytes(value, slots[slot].size);
}

static bool world_load(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                       uint64_t *value)
{
    struct world *w = opaque;
    *value = low_bytes(plausible(ask(w, 2)), size);
    return note(w, at, (struct event){.kind = DID_LOAD, .a = size, .b = addr}, true);
}

static bool world_store(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                        uint64_t value)
{
    struct event e = {.kind = DID_STORE, .a = size, .b = addr, .c = low_bytes(value, size)};
    return note(opaque, at, e, true);
}

static bool world_amo(void *opaque, const struct ir_place *at, unsigned size, enum amo_op op,
                      uint64_t addr, uint64_t value, uint64_t *old)
{
    struct world *w = opaque;
    *old = low_bytes(plausible(ask(w, 2)), size);
    struct event e = {.kind = DID_AMO, .a = size, .b = addr, .c = low_bytes(value, size), .d = op};
    return note(w, at, e, true);
}

static bool world_cas(void *opaque, const struct ir_place *at, unsigned size, uint64_t addr,
                      uint64_t expected, uint64_t desired, uint64_t *old)
{
    struct world *w = opaque;
    *old = low_bytes(plausible(ask(w, 2)), size);
    struct event e = {.kind = DID_CAS,
                      .a = size,
                      .b = addr,
                      .c = low_bytes(expected, size),
                      .d = low_bytes(desired, size)};
    return note(w, at, e, true);
}

static void world_fence(void *opaque, unsigned order)
{
    static const struct ir_place nowhere;
    note(opaque, &nowhere, (struct event){.kind = DID_FENCE, .a = order}, false);
}

static void scramble(struct world *w, unsigned from, unsigned to)
{
    for (unsigned s = from; s <= to; s++)
        if (ask(w, s) & 1)
            w->slot[s] = low_bytes(plausible(ask(w, 100 + s)), slots[s].size);
}

static struct ir_result world_call(void *opaque, const struct ir_place *at,
                                   const struct ir_helper *fn, const uint64_t args[IR_ARGS_MAX])
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
        scramble(w, R1, HALF);
    if (fn->flags & IR_CALL_STATE)
        scramble(w, STATE, FLAG);
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

static void run_in(struct world *w, uint64_t world, const struct ir_block *b,
                   struct ir_outcome *out)
{
    uint64_t values[BLOCK_MAX];
    memset(w, 0, sizeof(*w));
    w->seed = world;
    for (unsigned s = R1; s < SLOT_COUNT; s++)
        w->slot[s] = low_bytes(plausible(mix(world + s)), slots[s].size);
    ir_eval(b, 0x10002, &world_env, w, values, out);
    out->at = 0;
}

/* --- random blocks --- */

struct maker {
    struct ir_block *b;
    ir_ref point;
    unsigned retired;
    bool written, left; /* by the current instruction: a register; the block, as retired */
};

static bool is_value(const struct ir_block *b, unsigned at)
{
    return ir_ops[b->insns[at].op].result == IR_TYPE_I64;
}

/* An earlier value, rather a late one, or a new constant. */
static ir_ref some_value(struct maker *m)
{
    for (int tries = 0; tries < 4 && !one_in(4); tries++) {
        unsigned n = m->b->count, reach = n < 8 || one_in(2) ? n : 8;
        unsigned at = n - 1 - below(reach);
        if (is_value(m->b, at))
            return (ir_ref)at;
    }
    return ir_const(m->b, random_constant());
}

static ir_ref make_op(struct maker *m, enum ir_op op)
{
    const struct ir_op_info *info = &ir_ops[op];
    ir_ref a = some_value(m);
    ir_ref b = info->operand[1] ? some_value(m) : IR_NONE;
    ir_ref c = info->operand[2] ? some_value(m) : IR_NONE;
    return ir_pure(m->b, op, a, b, c);
}

static enum ir_op random_op(void)
{
    static const uint8_t pure[] = {
#define PURE_OP(name, operands, expression) IR_##name,
#include "jit/ops.def"
    };
    return (enum ir_op)pure[below(ARRAY_LEN(pure))];
}

static ir_ref make_narrow(struct maker *m, ir_ref x)
{
    static const uint8_t ops[] = {IR_sx8, IR_sx16, IR_sx32, IR_zx8, IR_zx16, IR_zx32};
    return ir_pure(m->b, (enum ir_op)ops[below(ARRAY_LEN(ops))], x, IR_NONE, IR_NONE);
}

/* What rules speak of: some operations in a row, on constants, often the same one. */
static void make_chain(struct maker *m)
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

static unsigned random_size(void)
{
    return 1u << below(4);
}

static ir_ref some_address(struct maker *m)
{
    ir_ref a = some_value(m);
    if (one_in(2))
        a = ir_pure(m->b, IR_add, a, ir_const(m->b, random_constant()), IR_NONE);
    return a;
}

static void make_memory(struct maker *m)
{
    ir_ref addr = some_address(m), value = some_value(m);
    int32_t disp = one_in(2) ? 0 : (int32_t)random_constant();
    switch (below(5)) {
    case 0:
        ir_amo(m->b, m->point, random_size(), (enum amo_op)below(AMO_MAXU + 1), addr, value);
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

static void make_call(struct maker *m)
{
    unsigned helper = below(ARRAY_LEN(helpers));
    ir_ref args[IR_ARGS_MAX];
    if (helpers[helper].flags & IR_CALL_FAULTS && m->written)
        return;
    for (unsigned i = 0; i < helpers[helper].args; i++)
        args[i] = some_value(m);
    ir_call(m->b, m->point, helper, helpers[helper].args, args);
    m->written |= helpers[helper].flags & IR_CALL_REGS;
}

/* Seldom true. */
static ir_ref some_condition(struct maker *m)
{
    if (one_in(4))
        return some_value(m);
    ir_ref k = ir_const(m->b, random_constant());
    ir_ref c = ir_pure(m->b, IR_eq, some_value(m), k, IR_NONE);
    return one_in(4) ? ir_pure(m->b, IR_ne, c, ir_const(m->b, 0), IR_NONE) : c;
}

static void make_exit_if(struct maker *m)
{
    ir_ref cond = some_condition(m);
    bool done = m->point && one_in(2);
    ir_exit_if(m->b, (enum ir_exit_kind)below(2), m->retired + done, (int32_t)below(64) - 32, cond);
    m->left |= done;
}

static void make_point(struct maker *m)
{
    m->retired += !!m->point + one_in(8);
    m->point = ir_point(m->b, (int32_t)below(100), m->retired);
    m->written = m->left = false;
}

static void make_set(struct maker *m)
{
    unsigned slot = R1 + below(SLOT_COUNT - R1);
    ir_slot_set(m->b, slot, some_value(m));
    m->written |= slots[slot].kind == IR_SLOT_REG;
}

static void make_insn(struct maker *m)
{
    bool effects = m->point && !m->left, faults = effects && !m->written;
    switch (below(16)) {
    case 0:
    case 1:
        make_point(m);
        break;
    case 2:
    case 3:
        ir_slot_get(m->b, R1 + below(SLOT_COUNT - R1));
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
        make_op(m, random_op());
        break;
    default:
        make_chain(m);
        break;
    }
}

static void make_end(struct maker *m)
{
    ir_ref v = some_value(m);
    unsigned retired = m->retired + (m->point ? 1 : 0);
    if (one_in(4) && m->point && !m->written && !m->left)
        ir_trap(m->b, m->point, below(16), v);
    else if (one_in(2))
        ir_exit_to(m->b, (enum ir_exit_kind)below(2), retired, v);
    else
        ir_exit(m->b, (enum ir_exit_kind)below(2), retired, (int32_t)below(100));
}

static void make_block(struct ir_block *b, struct ir_insn *insns)
{
    struct maker m = {.b = b};
    struct ir_fault fault;
    unsigned wanted = 4 + below(BLOCK_MAX - 32);
    ir_begin(b, &guest, insns, BLOCK_MAX);
    while (b->count < wanted)
        make_insn(&m);
    make_end(&m);
    if (ir_check(b, &fault)) {
        ir_dump(b, stderr);
        fail_msg("MH_SEED=%#lx: %%%u: %s", (unsigned long)seed, fault.at, fault.what);
    }
}

/* --- before and after --- */

#define WORLDS 4

static struct world before, after;

/* What the passes of the mask break, or NULL. */
static const char *broken(const struct ir_block *b, uint32_t mask, uint64_t first_world)
{
    struct ir_insn insns[BLOCK_MAX];
    struct ir_block copy = {insns, b->count, BLOCK_MAX, b->guest};
    struct ir_fault fault;
    memcpy(insns, b->insns, b->count * sizeof(insns[0]));
    ir_optimize(&copy, mask, NULL, NULL);
    if (ir_check(&copy, &fault))
        return fault.what;
    for (unsigned i = 0; i < WORLDS; i++) {
        struct ir_outcome x, y;
        run_in(&before, first_world + i, b, &x);
        run_in(&after, first_world + i, &copy, &y);
        if (memcmp(&x, &y, sizeof(x)))
            return "another outcome";
        if (before.count != after.count ||
            memcmp(before.events, after.events, before.count * sizeof(before.events[0])))
            return "other accesses and calls";
        if (memcmp(before.slot, after.slot, sizeof(before.slot)))
            return "other slots";
    }
    return NULL;
}

/* The block without one instruction; false if it cannot be without. */
static bool without(const struct ir_block *b, unsigned at, bool by_operand, struct ir_block *out)
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

/* Takes away what the failure does not need. */
static void shrink(struct ir_block *b, uint32_t mask, uint64_t first_world)
{
    struct ir_insn insns[BLOCK_MAX];
    bool smaller = true;
    while (smaller) {
        smaller = false;
        for (unsigned i = 2 * b->count; i-- > 2;) {
            struct ir_block less = {insns, 0, BLOCK_MAX, b->guest};
            if (i / 2 >= b->count || !without(b, i / 2, i % 2, &less) ||
                !broken(&less, mask, first_world))
                continue;
            memcpy(b->insns, insns, less.count * sizeof(insns[0]));
            b->count = less.count;
            smaller = true;
        }
    }
}

static void show_failure(struct ir_block *b, uint32_t mask, uint64_t first_world)
{
    const char *what = broken(b, mask, first_world);
    ir_dump(b, stderr);
    print_error("passes");
    for (unsigned i = 0; ir_pass_at(i); i++)
        if (mask >> i & 1)
            print_error(" %s", ir_pass_at(i)->name);
    print_error(" make of it\n");
    ir_optimize(b, mask, NULL, NULL);
    ir_dump(b, stderr);
    fail_msg("MH_SEED=%#lx: %s", (unsigned long)seed, what);
}

static void try_mask(struct ir_block *b, uint32_t mask, uint64_t first_world)
{
    if (!broken(b, mask, first_world))
        return;
    shrink(b, mask, first_world);
    show_failure(b, mask, first_world);
}

#if defined(MH_SANITIZE)
#define BLOCKS 2000
#else
#define BLOCKS 20000
#endif

static void no_pass_changes_what_a_block_does(void **state)
{
    (void)state;
    uint32_t all = ir_passes_of_level(3);
    for (int n = 0; n < BLOCKS; n++) {
        struct ir_insn insns[BLOCK_MAX];
        struct ir_block b;
        make_block(&b, insns);
        uint64_t world = random_64();
        try_mask(&b, all, world);
        try_mask(&b, all & (uint32_t)random_64(), world);
        for (unsigned i = 0; ir_pass_at(i); i++)
            try_mask(&b, 1u << i, world);
    }
}

/* --- the driver --- */

static void lists_of_passes(void **state)
{
    (void)state;
    uint32_t all = ir_passes_of_level(3), mask = 0, slots_bit = 0, dead_bit = 0;
    for (unsigned i = 0; ir_pass_at(i); i++) {
        slots_bit |= (uint32_t)!strcmp(ir_pass_at(i)->name, "slots") << i;
        dead_bit |= (uint32_t)!strcmp(ir_pass_at(i)->name, "dead") << i;
    }
    assert_int_equal(ir_passes_of_level(0), 0);
    assert_int_equal(ir_passes_parse("all", &mask), 0);
    assert_int_equal(mask, all);
    assert_int_equal(ir_passes_parse("none", &mask), 0);
    assert_int_equal(mask, 0);
    assert_int_equal(ir_passes_parse("dead,slots", &mask), 0);
    assert_int_equal(mask, dead_bit | slots_bit);
    assert_int_equal(ir_passes_parse("-dead", &mask), 0);
    assert_int_equal(mask, slots_bit);
    assert_int_equal(ir_passes_parse("all,-slots,-dead", &mask), 0);
    assert_int_equal(mask, all & ~slots_bit & ~dead_bit);
    assert_int_equal(ir_passes_parse("-all,dead", &mask), 0);
    assert_int_equal(mask, dead_bit);
}

static void a_word_that_is_no_pass_is_named(void **state)
{
    (void)state;
    static const char *const wrong[] = {"dea", "deads", "dead,", "", "dead,,slots", "-", "all,-x"};
    static const char *const word[] = {"\"dea\"", "\"deads\"", "\"\"", "\"\"",
                                       "\"\"",    "\"\"",      "\"x\""};
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        uint32_t mask = 5;
        assert_int_equal(ir_passes_parse(wrong[i], &mask), -EINVAL);
        assert_int_equal(mask, 5);
        assert_string_equal(mh_last_error()->param, "jit-passes");
        if (!strstr(mh_last_error()->message, word[i]))
            fail_msg("%s: %s", wrong[i], mh_last_error()->message);
        assert_non_null(strstr(mh_last_error()->message, "all, none, slots"));
    }
}

static void note_pass(const struct ir_block *b, const char *pass, void *opaque)
{
    struct ir_fault fault;
    assert_int_equal(ir_check(b, &fault), 0);
    strcat(strcat(opaque, pass), " ");
}

static void the_hook_sees_every_pass_in_order(void **state)
{
    (void)state;
    struct ir_insn insns[8];
    struct ir_block b;
    char seen[64] = "";
    uint32_t mask;
    ir_begin(&b, &guest, insns, ARRAY_LEN(insns));
    ir_emit(&b, (struct ir_insn){.op = IR_nop});
    ir_exit_to(&b, IR_EXIT_CHAIN, 0, ir_slot_get(&b, R1));
    assert_int_equal(ir_passes_parse("dead,fold,slots", &mask), 0);
    ir_optimize(&b, mask, note_pass, seen);
    assert_string_equal(seen, "slots fold dead ");
    assert_int_equal(b.count, 3);
}

static void nops_go_without_a_pass(void **state)
{
    (void)state;
    struct ir_insn insns[8];
    struct ir_block b;
    ir_begin(&b, &guest, insns, ARRAY_LEN(insns));
    ir_emit(&b, (struct ir_insn){.op = IR_nop});
    ir_ref point = ir_point(&b, 0, 0);
    ir_emit(&b, (struct ir_insn){.op = IR_nop});
    ir_trap(&b, point, 3, ir_pc(&b, 0));
    ir_optimize(&b, 0, NULL, NULL);
    char *text = dump(&b);
    assert_string_equal(text, "%1 point disp=0 retired=0\n%2 pc disp=0\n%3 trap %2 cause=3 at=1\n");
    free(text);
}

/* What is too large for the scratch of the passes stays as it is. */
static void huge_blocks_are_left_alone(void **state)
{
    (void)state;
    static struct ir_insn insns[IR_PASS_MAX + 1];
    struct ir_block b;
    for (unsigned size = IR_PASS_MAX; size <= IR_PASS_MAX + 1; size++) {
        ir_begin(&b, &guest, insns, ARRAY_LEN(insns));
        while (b.count < size - 1)
            ir_const(&b, b.count);
        ir_exit(&b, IR_EXIT_CHAIN, 0, 0);
        ir_optimize(&b, ir_passes_of_level(3), NULL, NULL);
        assert_int_equal(b.count, size == IR_PASS_MAX ? 2 : size);
    }
}

static int open_seed(void **state)
{
    (void)state;
    const char *given = getenv("MH_SEED");
    seed = rng = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("MH_SEED=%#lx\n", (unsigned long)seed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_of_the_corpus),
        cmocka_unit_test(every_pass_has_a_corpus),
        cmocka_unit_test(no_pass_changes_what_a_block_does),
        cmocka_unit_test(lists_of_passes),
        cmocka_unit_test(a_word_that_is_no_pass_is_named),
        cmocka_unit_test(the_hook_sees_every_pass_in_order),
        cmocka_unit_test(nops_go_without_a_pass),
        cmocka_unit_test(huge_blocks_are_left_alone),
    };
    return cmocka_run_group_tests(tests, open_seed, NULL);
}
