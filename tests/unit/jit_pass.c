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
 * What no pass may change: random blocks with all operations (jit_blocks.h),
 * evaluated before and after, for each pass alone, all together and some.  A
 * failing block is made small before it is shown.
 */
#include "jit/pass.h"

#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/include/manyhart.h"
#include "tests/unit/jit_blocks.h"

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

/* --- before and after --- */

#define WORLDS 4

static struct world before, after;

static void run_in(struct world *w, uint64_t world, const struct ir_block *b,
                   struct ir_outcome *out)
{
    uint64_t values[BLOCK_MAX];
    world_init(w, world);
    ir_eval(b, 0x10002, &world_env, w, values, out);
    out->at = 0;
}

/* What a value is computed from: accesses by their number, slots as the block found them. */
struct sources {
    uint64_t accesses, slots;
};

/* Of the address of each access, and of what is in the slots in the end. */
struct dependencies {
    unsigned accesses, ways_out;
    struct sources address[BLOCK_MAX], slot[SLOT_COUNT];
};

static struct sources both(struct sources a, struct sources b)
{
    return (struct sources){a.accesses | b.accesses, a.slots | b.slots};
}

static void calls_write(struct dependencies *d, const struct ir_insn *call)
{
    for (unsigned s = G1; s < SLOT_COUNT; s++)
        if (call->sub & (slots[s].kind == IR_SLOT_REG ? IR_CALL_REGS : IR_CALL_STATE))
            d->slot[s] = (struct sources){.slots = 1ull << s};
}

static void find_dependencies(const struct ir_block *b, struct dependencies *d)
{
    struct sources of[BLOCK_MAX] = {{0, 0}};
    *d = (struct dependencies){.accesses = 0};
    for (unsigned s = G1; s < SLOT_COUNT; s++)
        d->slot[s] = (struct sources){.slots = 1ull << s};
    for (unsigned at = 1; at < b->count; at++) {
        const struct ir_insn *i = &b->insns[at];
        of[at] = both(of[i->a], both(of[i->b], of[i->c]));
        if (ir_ops[i->op].extra == IR_EXTRA_MEM || ir_ops[i->op].extra == IR_EXTRA_AMO) {
            d->address[d->accesses] = of[i->a];
            of[at] = (struct sources){.accesses = 1ull << d->accesses++ % 64};
        } else if (i->op == IR_slot_get) {
            of[at] = d->slot[i->index];
        } else if (i->op == IR_slot_set) {
            d->slot[i->index] = of[i->a];
        } else if (i->op == IR_call) {
            calls_write(d, i);
        }
        d->ways_out += ir_ops[i->op].extra == IR_EXTRA_EXIT || ir_ops[i->op].extra == IR_EXTRA_TRAP;
    }
}

static bool covers(struct sources a, struct sources b)
{
    return !(b.accesses & ~a.accesses) && !(b.slots & ~a.slots);
}

static unsigned remembered;

static bool loses_dependencies(const struct ir_block *was, const struct ir_block *is)
{
    static struct dependencies had, has;
    if (is->forgot)
        return false;
    remembered++;
    find_dependencies(was, &had);
    find_dependencies(is, &has);
    for (unsigned i = 0; i < has.accesses; i++)
        if (!covers(has.address[i], had.address[i]))
            return true;
    /* A block that ends earlier does not come to all that was written. */
    if (has.ways_out != had.ways_out)
        return false;
    for (unsigned s = G1; s < SLOT_COUNT; s++)
        if (!covers(has.slot[s], had.slot[s]))
            return true;
    return false;
}

/* What the passes of the mask break, or NULL. */
static const char *broken(const struct ir_block *b, uint32_t mask, uint64_t first_world)
{
    struct ir_insn insns[BLOCK_MAX];
    struct ir_block copy = {insns, b->count, BLOCK_MAX, b->guest, false};
    struct ir_fault fault;
    memcpy(insns, b->insns, b->count * sizeof(insns[0]));
    ir_optimize(&copy, mask, NULL, NULL);
    if (ir_check(&copy, &fault))
        return fault.what;
    if (loses_dependencies(b, &copy))
        return "a dependency is forgotten";
    for (unsigned i = 0; i < WORLDS; i++) {
        struct ir_outcome x, y;
        run_in(&before, first_world + i, b, &x);
        run_in(&after, first_world + i, &copy, &y);
        if (memcmp(&x, &y, sizeof(x)))
            return "another outcome";
        if (!same_events(&before, &after))
            return "other accesses and calls";
        if (memcmp(before.slot, after.slot, sizeof(before.slot)))
            return "other slots";
    }
    return NULL;
}

/* Takes away what the failure does not need. */
static void shrink(struct ir_block *b, uint32_t mask, uint64_t first_world)
{
    struct ir_insn insns[BLOCK_MAX];
    bool smaller = true;
    while (smaller) {
        smaller = false;
        for (unsigned i = 2 * b->count; i-- > 2;) {
            struct ir_block less = {insns, 0, BLOCK_MAX, b->guest, false};
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
        struct maker m = {.b = NULL};
        make_block(&m, &b, insns);
        uint64_t world = random_64();
        try_mask(&b, all, world);
        try_mask(&b, all & (uint32_t)random_64(), world);
        for (unsigned i = 0; ir_pass_at(i); i++)
            try_mask(&b, 1u << i, world);
    }
    print_message("%u blocks with all dependencies to be seen\n", remembered);
    assert_true(remembered > BLOCKS);
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
    ir_exit_to(&b, IR_EXIT_CHAIN, 0, ir_slot_get(&b, G1));
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
