/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of isa/riscv/region.c: which LR and SC become a pair, and that a pair
 * stays in one block.  That regions are right is what tests/lockstep looks for.
 */
#include "isa/riscv/region.h"
#include "tests/unit/isa_riscv_fixture.h"

static struct fixture f;
static struct rv_region_builder builder;

struct found {
    unsigned lr, sc;             /* the operations */
    unsigned lr_calls, sc_calls; /* C functions */
    unsigned first_insns;        /* IR_points of the first block */
};

/* Builds the region that begins with the texts at offset, of so many instructions at most. */
static struct found build(const char *texts, unsigned offset, unsigned insns)
{
    static const struct rv_assume assume = {.fp_dirty = true, .fp_rne = true};
    static uint8_t page[PAGE_SIZE];
    const struct rv_region_limits limits = {.blocks = JIT_BLOCKS_MAX, .insns = insns};
    struct found n = {0};
    char copy[1024];
    unsigned at = offset;
    memset(page, 0, sizeof(page));
    snprintf(copy, sizeof(copy), "%s", texts);
    for (char *text = strtok(copy, ";"); text; text = strtok(NULL, ";")) {
        uint32_t raw;
        text += strspn(text, " ");
        int len = rv_asm(text, at, &raw);
        if (len < 0)
            fail_msg("'%s' is no instruction", text);
        memcpy(page + at, &raw, (size_t)len);
        at += (unsigned)len;
    }
    rv_region_build(&builder, f.g, &assume, NULL, page, offset, &limits);
    for (unsigned k = 0; k < builder.region.count; k++) {
        const struct ir_block *b = &builder.blocks[k].ir;
        struct ir_fault fault;
        if (ir_check(b, &fault))
            fail_msg("%s: %%%u: %s", texts, fault.at, fault.what);
        for (unsigned i = 0; i < b->count; i++) {
            const struct ir_insn *insn = &b->insns[i];
            n.lr += insn->op == IR_lr;
            n.sc += insn->op == IR_sc;
            n.lr_calls += insn->op == IR_call && insn->index == RV_HELPER_rv_lr;
            n.sc_calls += insn->op == IR_call && insn->index == RV_HELPER_rv_sc;
            n.first_insns += !k && insn->op == IR_point;
        }
    }
    return n;
}

static const char *const pairs[] = {
    "lr.w a0,(a1); sc.w a4,a3,(a1)",
    "lr.d a0,(a1); addi a3,a0,1; sc.d a1,a3,(a1)",
    "lr.w.aqrl a0,(a1); bne a0,a2,16; sc.w.rl a4,a3,(a1); bne a4,zero,0",
    /* the same LR again, and a place before it */
    "addi a5,a5,1; lr.d a0,(a1); beq a0,a2,4; bltu a0,a2,0; sc.d a4,a3,(a1)",
    "lr.d zero,(zero); addi zero,zero,0; sc.d zero,a3,(zero)",
    "lr.w a0,(a1); mul a3,a0,a0; clmul a3,a3,a0; sc.w a4,a3,(a1)",
    /* 16 in all */
    "lr.w a0,(a1); nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; "
    "sc.w a4,a3,(a1)",
};

static const char *const others[] = {
    "lr.w a0,(a1); sc.d a4,a3,(a1)",
    "lr.d a0,(a1); sc.d a4,a3,(a2)",
    "lr.d a1,(a1); sc.d a4,a3,(a1)",
    "lr.d a0,(a1); addi a1,a1,8; sc.d a4,a3,(a1)",
    "lr.d a0,(a1); ld a3,0(a2); sc.d a4,a3,(a1)",
    "lr.d a0,(a1); sd a3,0(a2); sc.d a4,a3,(a1)",
    "lr.d a0,(a1); amoadd.d a3,a3,(a2); sc.d a4,a3,(a1)",
    "lr.d a0,(a1); fence rw,rw; sc.d a4,a3,(a1)",
    "lr.d a0,(a1); csrrs a3,0x340,zero; sc.d a4,a3,(a1)",
    "lr.d a0,(a1); csrrs a3,0xc02,zero; sc.d a4,a3,(a1)",
    "lr.d a0,(a1); ecall; sc.d a4,a3,(a1)",
    "lr.d a0,(a1); pause; sc.d a4,a3,(a1)",
    "lr.d a0,(a1); fmv.x.d a3,fa0; sc.d a4,a3,(a1)",
    "lr.d a0,(a1); jal zero,8; sc.d a4,a3,(a1)",
    /* into it */
    "lr.d a0,(a1); beq a0,a2,12; addi a3,a3,1; sc.d a4,a3,(a1)",
    "lr.d a0,(a1); beq a0,a2,12; addi a3,a3,1; addi a3,a3,1; sc.d a4,a3,(a1)",
    "lr.d a0,(a1); addi a3,a3,1; beq a0,a2,4; sc.d a4,a3,(a1)",
    /* 17 */
    "lr.w a0,(a1); nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; "
    "sc.w a4,a3,(a1)",
};

static void pairs_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct found n = build(pairs[i], 0, RV_REGION_INSNS);
        if (n.lr != 1 || n.sc != 1 || n.lr_calls || n.sc_calls)
            fail_msg("%s: %u and %u, calls %u and %u", pairs[i], n.lr, n.sc, n.lr_calls,
                     n.sc_calls);
    }
}

static void others_are_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct found n = build(others[i], 0, RV_REGION_INSNS);
        if (n.lr || n.sc || n.lr_calls != 1)
            fail_msg("%s: %u and %u, %u calls", others[i], n.lr, n.sc, n.lr_calls);
    }
}

static void the_last_lr_counts(void **state)
{
    (void)state;
    struct found n =
        build("lr.d a0,(a1); lr.d a0,(a1); sc.d a2,a3,(a1); sc.d a2,a3,(a1)", 0, RV_REGION_INSNS);
    assert_int_equal(n.lr, 1);
    assert_int_equal(n.sc, 1);
    assert_int_equal(n.lr_calls, 1);
    assert_int_equal(n.sc_calls, 1);
}

/* Who comes to the SC by another way finds a block that begins there. */
static void a_way_into_a_pair_is_a_block(void **state)
{
    (void)state;
    struct found n =
        build("beq a5,zero,12; lr.w a0,(a1); addi a3,a0,1; sc.w a4,a3,(a1)", 0, RV_REGION_INSNS);
    assert_int_equal(n.lr, 1);
    assert_int_equal(n.sc, 1);
    assert_int_equal(n.lr_calls, 0);
    assert_int_equal(n.sc_calls, 1);
}

/* Where there is no room for both halves the block ends before the LR, if it can. */
static void a_pair_is_not_divided(void **state)
{
    (void)state;
    static const char text[] = "addi a5,a5,1; lr.w a0,(a1); addi a3,a0,1; sc.w a4,a3,(a1)";
    struct found n = build(text, 0, 4);
    assert_int_equal(n.sc, 1);
    assert_int_equal(n.first_insns, 4);
    n = build(text, 0, 3);
    assert_int_equal(n.lr + n.lr_calls + n.sc + n.sc_calls, 0);
    assert_int_equal(n.first_insns, 1);
    n = build("lr.w a0,(a1); addi a3,a0,1; sc.w a4,a3,(a1)", 0, 2);
    assert_int_equal(n.lr_calls, 1);
    assert_int_equal(n.lr + n.sc, 0);
}

/* A pair may end with its page, but not reach beyond. */
static void a_pair_is_in_one_page(void **state)
{
    (void)state;
    struct found n = build("lr.w a0,(a1); sc.w a4,a3,(a1)", PAGE_SIZE - 8, RV_REGION_INSNS);
    assert_int_equal(n.lr + n.sc, 2);
    n = build("lr.w a0,(a1)", PAGE_SIZE - 4, RV_REGION_INSNS);
    assert_int_equal(n.lr, 0);
    assert_int_equal(n.lr_calls, 1);
    /* The SC of another page's LR. */
    n = build("sc.w a4,a3,(a1)", 0, RV_REGION_INSNS);
    assert_int_equal(n.sc, 0);
    assert_int_equal(n.sc_calls, 1);
}

static int open_guest(void **state)
{
    (void)state;
    fixture_hart(&f, NULL);
    return 0;
}

static int close_guest(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_found),       cmocka_unit_test(others_are_not),
        cmocka_unit_test(the_last_lr_counts),    cmocka_unit_test(a_way_into_a_pair_is_a_block),
        cmocka_unit_test(a_pair_is_not_divided), cmocka_unit_test(a_pair_is_in_one_page),
    };
    return cmocka_run_group_tests(tests, open_guest, close_guest);
}
