/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder, disassembler and assembler: a set of extensions, then words.  What is
 * decoded must encode to the same word, and text that the disassembler wrote must
 * assemble to an instruction that decodes to the same fields.
 */
#include "tests/fuzz/fuzz.h"

#include "isa/riscv/decode.h"
#include "isa/riscv/describe.h"
#include "isa/riscv/isa_string.h"

/* The op's extension, or the other one that has it. */
static bool op_is_there(const struct rv_ext_set *exts, unsigned op)
{
    static const struct {
        uint16_t op, ext;
    } also[] = {
#define ALSO(name, ext) {RV_OP_##name, RV_EXT_##ext},
#include "isa/riscv/insns.def"
    };
    if (rv_ext_has(exts, rv_op_info(op)->ext))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(also); i++)
        if (also[i].op == op && rv_ext_has(exts, also[i].ext))
            return true;
    return false;
}

static void check_text(const struct rv_insn *insn, uint64_t pc)
{
    char text[128], small[8];
    uint32_t raw;
    struct rv_insn again;
    struct rv_ext_set all;
    size_t n = rv_disasm(insn, pc, text, sizeof(text));
    FUZZ_CHECK(n < sizeof(text) && strlen(text) == n);
    FUZZ_CHECK(rv_disasm(insn, pc, small, sizeof(small)) == n && strlen(small) < sizeof(small));
    /* A fence with reserved fields set has the text of one without, and that may be a pause. */
    if (insn->op == RV_OP_illegal || insn->op == RV_OP_fence)
        return;
    isa_set_default(&all);
    if (rv_asm(text, pc, &raw) <= 0)
        return; /* hints and rounding modes that have no spelling */
    rv_decode(raw, &all, &again);
    FUZZ_CHECK(again.op == insn->op || insn->len == 2 || again.len == 2);
}

static void check_word(const struct rv_ext_set *exts, uint32_t word, uint64_t pc)
{
    struct rv_insn insn;
    uint32_t raw = 0;
    rv_decode(word, exts, &insn);
    FUZZ_CHECK(insn.op < RV_OP_COUNT && insn.form < RV_FORM_COUNT);
    FUZZ_CHECK(insn.len == ((word & 3) == 3 ? 4 : 2));
    FUZZ_CHECK(insn.rd < 32 && insn.rs1 < 32 && insn.rs2 < 32 && insn.rs3 < 32);
    if (insn.op != RV_OP_illegal) {
        FUZZ_CHECK(op_is_there(exts, insn.op));
        FUZZ_CHECK(rv_encode(insn.form, &insn, &raw) == insn.len);
        /* Reserved fields of fences are ignored, and lost. */
        if (insn.op != RV_OP_fence && insn.op != RV_OP_fence_i)
            FUZZ_CHECK(raw == insn.raw);
    }
    check_text(&insn, pc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    struct rv_ext_set exts;
    struct guest_decoder *d;
    struct mh_insn out;
    isa_set_default(&exts);
    uint8_t kind = fuzz_u8(&in);
    for (unsigned i = 0; i < ARRAY_LEN(exts.bits); i++)
        exts.bits[i] &= kind & 1 ? fuzz_u64(&in) : ~0ull;
    uint64_t pc = kind & 2 ? fuzz_u64(&in) : FUZZ_RAM;
    FUZZ_CHECK(rv_decoder_create(&d, kind & 4 ? "rv64i" : NULL) == 0);
    const uint8_t *rest = in.at;
    size_t left = in.left;
    for (size_t at = 0; at < left;) {
        size_t n = rv_decoder_decode(d, rest + at, left - at, pc + at, &out);
        FUZZ_CHECK(n <= left - at);
        if (!n)
            break;
        at += n;
    }
    rv_decoder_destroy(d);
    while (in.left) {
        check_word(&exts, fuzz_u32(&in), pc);
        pc += 4;
    }
    return 0;
}
