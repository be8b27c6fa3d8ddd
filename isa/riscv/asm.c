/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assembler of single instructions: reads what the disassembler writes,
 * guided by the same operand strings of insns.def.  For litmus tests, the asm
 * verb and round-trip tests; not a replacement for a real assembler (no labels,
 * no directives, few aliases).  Pure functions, any thread.
 */
#include "isa/riscv/decode.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/forms.h"
#include "sim/base/bits.h"

enum {
    LINE_SIZE = 128,
    WORD_SIZE = 32,
    MAX_ALIAS_OPERANDS = 2,
    RM_RNE = 0,
    RM_RTZ = 1,
    RM_DYN = 7
};

/* %0 and %1 stand for the alias's own operands. */
static const struct alias {
    const char *name, *expansion;
    unsigned operands;
} aliases[] = {
    {"nop", "addi zero,zero,0", 0}, {"c.nop", "c.addi zero,0", 0}, {"mv", "addi %0,%1,0", 2},
    {"li", "addi %0,zero,%1", 2},   {"ret", "jalr zero,0(ra)", 0}, {"j", "jal zero,%0", 1},
    {"beqz", "beq %0,zero,%1", 2},  {"bnez", "bne %0,zero,%1", 2},
};

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t\n");
}

/* Takes a word of letters, digits, dots and underscores; NULL if there is none
 * or it is too long. */
static const char *take_word(const char *p, char word[WORD_SIZE])
{
    size_t n = 0;

    p = skip_space(p);
    for (; isalnum((unsigned char)p[n]) || p[n] == '.' || p[n] == '_'; n++) {
        if (n == WORD_SIZE - 1)
            return NULL;
        word[n] = p[n];
    }
    word[n] = 0;
    return n ? p + n : NULL;
}

static const char *take_char(const char *p, char c)
{
    p = skip_space(p);
    return *p == c ? p + 1 : NULL;
}

/* Addresses reach up to 2^64 - 1, immediates may be negative. */
static const char *take_number(const char *p, uint64_t *value)
{
    bool negative;
    char *end;

    p = skip_space(p);
    negative = *p == '-';
    p += negative;
    if (!isdigit((unsigned char)*p))
        return NULL;
    errno = 0;
    *value = strtoull(p, &end, 0);
    if (errno || isalnum((unsigned char)*end))
        return NULL;
    if (negative)
        *value = 0 - *value;
    return end;
}

static const char *take_int32(const char *p, int32_t *value)
{
    uint64_t v;

    p = take_number(p, &v);
    if (!p || (int64_t)v < INT32_MIN || (int64_t)v > INT32_MAX)
        return NULL;
    *value = (int32_t)v;
    return p;
}

static int find_word(const char *word, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (names[i] && !strcmp(word, names[i]))
            return (int)i;
    return -1;
}

/* "x7" or "f7", or an ABI name. */
static const char *take_reg(const char *p, char file, uint8_t *reg)
{
    char word[WORD_SIZE];
    int n = -1;

    p = take_word(p, word);
    if (!p)
        return NULL;
    if (word[0] == file && isdigit((unsigned char)word[1]) && strlen(word) <= 3 &&
        strspn(word + 1, "0123456789") == strlen(word + 1))
        n = (int)strtol(word + 1, NULL, 10);
    else
        n = find_word(word, file == 'x' ? rv_xreg_names : rv_freg_names, 32);
    if (file == 'x' && !strcmp(word, "fp"))
        n = 8;
    if (n < 0 || n > 31)
        return NULL;
    *reg = (uint8_t)n;
    return p;
}

static const char *take_rm(const char *p, uint8_t *rm)
{
    char word[WORD_SIZE];
    int n;

    p = take_word(p, word);
    n = p ? find_word(word, rv_rm_names, 8) : -1;
    *rm = (uint8_t)n;
    return n < 0 ? NULL : p;
}

/* The one mode that the instruction has. */
static const char *take_rtz(const char *p)
{
    uint8_t rm;

    p = take_rm(p, &rm);
    return p && rm == RM_RTZ ? p : NULL;
}

/* A constant of FLI: by name, or a number in any notation of strtod. */
static const char *take_fp_const(const char *p, int32_t *index)
{
    char word[WORD_SIZE], *end;
    const char *rest = take_word(p, word);
    double v;

    *index = rest ? find_word(word, rv_fp_const_names, 32) : -1;
    if (*index >= 0 && isalpha((unsigned char)*word))
        return rest;
    p = skip_space(p);
    v = strtod(p, &end);
    if (end == p || isalpha((unsigned char)p[*p == '-']))
        return NULL;
    for (*index = 0; *index < 32; ++*index) {
        const char *name = rv_fp_const_names[*index];

        if (!isalpha((unsigned char)*name) && strtod(name, NULL) == v)
            return end;
    }
    return NULL;
}

static const char *take_csr(const char *p, int32_t *imm)
{
    char word[WORD_SIZE];
    const char *number = take_int32(p, imm);

    if (number)
        return number;
    p = take_word(p, word);
    *imm = p ? rv_csr_number(word) : -1;
    return *imm < 0 ? NULL : p;
}

/* One set of a fence: letters of "iorw" in that order, or "unknown". */
static const char *take_fence_set(const char *p, int32_t *set)
{
    char word[WORD_SIZE];
    const char *order = "iorw";

    *set = 0;
    p = take_word(p, word);
    if (!p || !strcmp(word, "unknown"))
        return p;
    for (const char *c = word; *c; c++) {
        const char *at = strchr(order, *c);

        if (!at || (*set & ((16 >> (at - order)) - 1)))
            return NULL;
        *set |= 8 >> (at - order);
    }
    return p;
}

static const char *take_fence(const char *p, int32_t *imm)
{
    int32_t pred, succ, fm = 0;

    p = take_fence_set(p, &pred);
    p = p ? take_char(p, ',') : NULL;
    p = p ? take_fence_set(p, &succ) : NULL;
    if (!p)
        return NULL;
    if (*skip_space(p) == ',')
        p = take_int32(skip_space(p) + 1, &fm);
    *imm = fm << 8 | pred << 4 | succ;
    return fm < 0 || fm > 15 ? NULL : p;
}

static const char *take_upper(const char *p, int32_t *imm)
{
    p = take_int32(p, imm);
    if (!p || *imm < 0 || *imm > 0xfffff)
        return NULL;
    *imm = (int32_t)((uint32_t)*imm << 12);
    return p;
}

static const char *take_target(const char *p, uint64_t pc, int32_t *imm)
{
    uint64_t target;

    p = take_number(p, &target);
    if (!p || (int64_t)(target - pc) != (int32_t)(target - pc))
        return NULL;
    *imm = (int32_t)(target - pc);
    return p;
}

static const char *take_small(const char *p, uint8_t *value)
{
    int32_t v;

    p = take_int32(p, &v);
    if (!p || v < 0 || v > 31)
        return NULL;
    *value = (uint8_t)v;
    return p;
}

/* Takes the operand that the letter stands for; NULL if the text has another. */
static const char *take_operand(const char *p, char letter, uint64_t pc, struct rv_insn *in)
{
    switch (letter) {
    case 'd':
        return take_reg(p, 'x', &in->rd);
    case 's':
        return take_reg(p, 'x', &in->rs1);
    case 't':
        return take_reg(p, 'x', &in->rs2);
    case 'D':
        return take_reg(p, 'f', &in->rd);
    case 'S':
        return take_reg(p, 'f', &in->rs1);
    case 'T':
        return take_reg(p, 'f', &in->rs2);
    case 'R':
        return take_reg(p, 'f', &in->rs3);
    case 'i':
    case 'h':
        return take_int32(p, &in->imm);
    case 'u':
        return take_upper(p, &in->imm);
    case 'p':
        return take_target(p, pc, &in->imm);
    case 'c':
        return take_csr(p, &in->imm);
    case 'z':
        return take_small(p, &in->rs1);
    case 'm':
    case 'n':
        return take_rm(p, &in->rm);
    case 'r':
        return take_rtz(p);
    case 'k':
        return take_fp_const(p, &in->imm);
    case 'f':
        return take_fence(p, &in->imm);
    default:
        return take_char(p, letter);
    }
}

static bool take_operands(const char *p, const char *operands, uint64_t pc, struct rv_insn *in)
{
    for (const char *o = operands; *o && p; o++) {
        bool at_end = !*skip_space(p);

        if (at_end && (!strcmp(o, ",m") || !strcmp(o, ",n"))) {
            in->rm = o[1] == 'm' ? RM_DYN : RM_RNE;
            return true;
        }
        p = take_operand(p, *o, pc, in);
    }
    return p && !*skip_space(p);
}

/* Whether registers that the form implies (sp in c.addi4spn) were given so. */
static bool implied_agree(const struct rv_form *f, const struct rv_insn *a, const struct rv_insn *b)
{
    return (!strchr(f->operands, 'd') || a->rd == b->rd) &&
           (!strchr(f->operands, 's') || a->rs1 == b->rs1) &&
           (!strchr(f->operands, 't') || a->rs2 == b->rs2);
}

static int assemble_form(unsigned form, const char *operands, uint64_t pc, struct rv_insn *in,
                         uint32_t *raw)
{
    const struct rv_form *f = &rv_forms()[form];
    struct rv_insn back;
    int len;

    if (!take_operands(operands, f->operands, pc, in))
        return -EINVAL;
    len = rv_encode(form, in, raw);
    if (len < 0)
        return len;
    rv_form_extract(f, *raw, &back);
    return implied_agree(f, in, &back) ? len : -EINVAL;
}

/* Whether word is f's mnemonic, perhaps with .aq, .rl or .aqrl, which go to *in. */
static bool match_mnemonic(const struct rv_form *f, const char *word, struct rv_insn *in)
{
    static const char *const suffixes[] = {"", ".aq", ".rl", ".aqrl"};
    size_t n = strlen(f->name);
    int suffix;

    if (strncmp(word, f->name, n))
        return false;
    suffix = find_word(word + n, suffixes, f->aq.width ? 4 : 1);
    *in = (struct rv_insn){.aq = suffix & 1, .rl = suffix >> 1};
    return suffix >= 0;
}

static int assemble(const char *text, uint64_t pc, uint32_t *raw)
{
    char mnemonic[WORD_SIZE];
    const char *operands = take_word(text, mnemonic);
    struct rv_insn in;

    if (!operands)
        return -EINVAL;
    for (unsigned form = RV_FORM_illegal + 1; form < RV_FORM_COUNT; form++)
        if (match_mnemonic(&rv_forms()[form], mnemonic, &in))
            return assemble_form(form, operands, pc, &in, raw);
    return -EINVAL;
}

/* Splits at commas; returns the number of operands, at most max + 1. */
static unsigned split_operands(char *p, char **operands, unsigned max)
{
    unsigned n = 0;

    if (!*skip_space(p))
        return 0;
    for (; p && n < max; n++) {
        operands[n] = p;
        p = strchr(p, ',');
        if (p)
            *p++ = 0;
    }
    return n + (p != NULL);
}

static int assemble_alias(const struct alias *a, const char *rest, uint64_t pc, uint32_t *raw)
{
    char given[LINE_SIZE], line[2 * LINE_SIZE], *operands[MAX_ALIAS_OPERANDS];
    size_t n = 0;

    if (strlen(rest) >= sizeof(given))
        return -EINVAL;
    strcpy(given, rest);
    if (split_operands(given, operands, MAX_ALIAS_OPERANDS) != a->operands)
        return -EINVAL;
    for (const char *p = a->expansion; *p; p++) {
        if (*p == '%')
            n += (size_t)sprintf(line + n, "%s", operands[*++p - '0']);
        else
            line[n++] = *p;
    }
    line[n] = 0;
    return assemble(line, pc, raw);
}

int rv_asm(const char *text, uint64_t pc, uint32_t *raw)
{
    char mnemonic[WORD_SIZE];
    const char *rest = take_word(text, mnemonic);

    if (!rest)
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (!strcmp(mnemonic, aliases[i].name))
            return assemble_alias(&aliases[i], rest, pc, raw);
    return assemble(text, pc, raw);
}
