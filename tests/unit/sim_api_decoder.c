/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/api_decoder.c and isa/riscv/describe.c. */
#include "tests/unit/sim_program.h"

#include <errno.h>

static struct mh_decoder *decoder(const char *isa)
{
    struct mh_decoder *d;
    assert_int_equal(mh_decoder_create(&d, "riscv64", isa), 0);
    return d;
}

static void test_fields(void **state)
{
    static const struct {
        uint32_t raw;
        uint8_t size;
        const char *name, *text;
        uint32_t flags;
        int rd, rs1, rs2, rs3;
        int64_t imm;
        uint64_t target;
    } rows[] = {
        {0x00158513, 4, "addi", "addi\ta0,a1,1", 0, 10, 11, -1, -1, 1, 0},
        {0x00b50463, 4, "beq", NULL, MH_INSN_BRANCH | MH_INSN_ENDS_BLOCK, -1, 10, 11, -1, 8,
         0x1008},
        {0x0100006f, 4, "jal", NULL, MH_INSN_JUMP | MH_INSN_ENDS_BLOCK, 0, -1, -1, -1, 16, 0x1010},
        {0x00053583, 4, "ld", "ld\ta1,0(a0)", MH_INSN_LOAD, 11, 10, -1, -1, 0, 0},
        {0x00b53023, 4, "sd", "sd\ta1,0(a0)", MH_INSN_STORE, -1, 10, 11, -1, 0, 0},
        {0x18c5f543, 4, "fmadd.s", NULL, MH_INSN_FLOAT, 42, 43, 44, 35, 0, 0},
        {0x4505, 2, "addi", "c.li\ta0,1", 0, 10, 0, -1, -1, 1, 0},
    };
    struct mh_decoder *d = decoder(NULL);
    struct mh_insn i;
    (void)state;
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        assert_int_equal(mh_decoder_decode(d, &rows[n].raw, 4, (mh_gva){0x1000}, &i), 0);
        assert_true(i.legal);
        assert_int_equal(i.size, rows[n].size);
        assert_string_equal(i.name, rows[n].name);
        if (rows[n].text)
            assert_string_equal(i.text, rows[n].text);
        assert_int_equal(i.flags, rows[n].flags);
        assert_int_equal(i.rd, rows[n].rd);
        assert_int_equal(i.rs1, rows[n].rs1);
        assert_int_equal(i.rs2, rows[n].rs2);
        assert_int_equal(i.rs3, rows[n].rs3);
        assert_int_equal(i.imm, rows[n].imm);
        assert_int_equal(i.has_target, rows[n].target != 0);
        assert_int_equal(i.target.v, rows[n].target);
    }
    mh_decoder_destroy(d);
}

static void test_refusals(void **state)
{
    struct mh_decoder *d;
    struct mh_insn i;
    uint32_t zero = 0, addi = 0x00158513, mul = 0x02b50533;
    char text[32];
    (void)state;
    assert_int_equal(mh_decoder_create(&d, "arm64", NULL), -ENOTSUP);
    assert_int_equal(mh_decoder_create(&d, "x86_64", NULL), -ENOTSUP);
    assert_int_equal(mh_decoder_create(&d, "z80", NULL), -EINVAL);
    assert_int_equal(mh_decoder_create(&d, NULL, NULL), -EINVAL);
    assert_int_equal(mh_decoder_create(&d, "riscv64", "rv99q"), -EINVAL);
    assert_null(d);
    mh_decoder_destroy(NULL);
    d = decoder("rv64i");
    assert_int_equal(mh_decoder_decode(d, &addi, 2, (mh_gva){0}, &i), -ENODATA);
    assert_int_equal(mh_decoder_decode(d, &addi, 0, (mh_gva){0}, &i), -ENODATA);
    assert_int_equal(mh_decoder_decode(d, &zero, 4, (mh_gva){0}, &i), 0);
    assert_false(i.legal);
    assert_true(i.flags & MH_INSN_ENDS_BLOCK);
    assert_int_equal(mh_decoder_decode(d, &mul, 4, (mh_gva){0}, &i), 0);
    assert_false(i.legal); /* not without M */
    assert_int_equal(mh_decoder_disassemble(d, &addi, 4, (mh_gva){0}, text, sizeof(text)), 4);
    assert_string_equal(text, "addi\ta0,a1,1");
    mh_decoder_destroy(d);
}

static void test_block(void **state)
{
    static const uint32_t words[] = {0x00158513, 0x00b53023, 0x0000006f, 0x00158513};
    struct mh_decoder *d = decoder(NULL);
    struct mh_insn i[8];
    size_t n;
    (void)state;
    assert_int_equal(mh_decoder_block(d, words, sizeof(words), (mh_gva){0x100}, i, 8, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(i[2].pc.v, 0x108);
    assert_int_equal(mh_decoder_block(d, words, sizeof(words), (mh_gva){0x100}, i, 2, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(mh_decoder_block(d, words, 6, (mh_gva){0x100}, i, 8, &n), 0);
    assert_int_equal(n, 1); /* the second is not whole */
    assert_int_equal(mh_decoder_block(d, words, 3, (mh_gva){0x100}, i, 8, &n), -ENODATA);
    assert_int_equal(n, 0);
    mh_decoder_destroy(d);
}

static void test_memory(void **state)
{
    static const char *const lines[] = {"addi a0,a0,1", "jal zero,0x80000000", NULL};
    static struct program p;
    struct mh_decoder *d = decoder(NULL);
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_insn i[4];
    size_t n;
    (void)state;
    program_make(&p, lines);
    program_config(&cfg, &p);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_decoder_decode_at(d, m, 0, (mh_gva){PROGRAM_BASE}, i), -EINVAL);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_decoder_block_at(d, m, 0, (mh_gva){PROGRAM_BASE}, i, 4, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(i[1].target.v, PROGRAM_BASE);
    assert_int_equal(mh_decoder_decode_at(d, m, 0, (mh_gva){PROGRAM_BASE + 4}, i), 0);
    assert_string_equal(i[0].name, "jal");
    assert_int_equal(mh_decoder_decode_at(d, m, 0, (mh_gva){0x1}, i), -EFAULT);
    assert_int_equal(mh_decoder_decode_at(d, m, 0, (mh_gva){0x4000}, i), -EFAULT);
    /* The last halfword of RAM: a short instruction is whole, a long one is not. */
    uint64_t end = PROGRAM_BASE + (4 << 20);
    uint16_t half = 0x4505;
    assert_int_equal(mh_memory_write(m, (mh_gpa){end - 2}, &half, 2), 0);
    assert_int_equal(mh_decoder_decode_at(d, m, 0, (mh_gva){end - 2}, i), 0);
    half = 0x0513;
    assert_int_equal(mh_memory_write(m, (mh_gpa){end - 2}, &half, 2), 0);
    assert_int_equal(mh_decoder_decode_at(d, m, 0, (mh_gva){end - 2}, i), -EFAULT);
    mh_machine_destroy(m);
    mh_decoder_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("sim_api_decoder", tests, NULL, NULL);
}
