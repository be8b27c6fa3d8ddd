/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks as text, for people, tests and bug reports:
 *
 *   %3 slot_get slot=5 ; x5
 *   %4 const imm=0x10
 *   %5 add %3 %4
 *   %6 load %5 size=8 disp=0 at=1
 *
 * Operands in order (- for none), then the fields of the operation's
 * enum ir_extra, each by name; `link` is left out where it is none.  `start`, instruction 0, is not
 * written.
 */
#include "jit/ir.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum field { FIELD_END, FIELD_IMM, FIELD_SUB, FIELD_POINT, FIELD_INDEX, FIELD_DISP, FIELD_LINK };

#define FIELDS_MAX 4

static const struct {
    const char *name;
    enum field field;
} fields_of[][FIELDS_MAX + 1] = {
    [IR_EXTRA_NOTHING] = {{0}},
    [IR_EXTRA_IMM] = {{"imm", FIELD_IMM}},
    [IR_EXTRA_DISP] = {{"disp", FIELD_DISP}},
    [IR_EXTRA_SLOT] = {{"slot", FIELD_INDEX}},
    [IR_EXTRA_MEM] = {{"size", FIELD_SUB}, {"disp", FIELD_DISP}, {"at", FIELD_POINT}},
    [IR_EXTRA_AMO] = {{"amo", FIELD_SUB}, {"disp", FIELD_DISP}, {"at", FIELD_POINT}},
    [IR_EXTRA_ORDER] = {{"order", FIELD_SUB}},
    [IR_EXTRA_CALL] = {{"helper", FIELD_INDEX}, {"flags", FIELD_SUB}, {"at", FIELD_POINT}},
    [IR_EXTRA_POINT] = {{"disp", FIELD_DISP}, {"retired", FIELD_INDEX}},
    [IR_EXTRA_TRAP] = {{"cause", FIELD_INDEX}, {"at", FIELD_POINT}},
    [IR_EXTRA_EXIT] = {{"kind", FIELD_SUB},
                       {"disp", FIELD_DISP},
                       {"retired", FIELD_INDEX},
                       {"link", FIELD_LINK}},
};

static unsigned operand_count(const struct ir_op_info *info)
{
    unsigned n = 0;
    while (n < 3 && info->operand[n] != IR_TYPE_NONE)
        n++;
    return n;
}

/* --- writing --- */

static void dump_field(const struct ir_insn *i, const char *name, enum field field, FILE *out)
{
    switch (field) {
    case FIELD_IMM:
        fprintf(out, " %s=0x%" PRIx64, name, i->imm);
        break;
    case FIELD_SUB:
        fprintf(out, " %s=%u", name, i->sub);
        break;
    case FIELD_POINT:
        fprintf(out, " %s=%u", name, i->point);
        break;
    case FIELD_INDEX:
        fprintf(out, " %s=%u", name, i->index);
        break;
    case FIELD_DISP:
        fprintf(out, " %s=%" PRId32, name, i->disp);
        break;
    case FIELD_LINK:
        if (i->link)
            fprintf(out, " %s=%u", name, i->link);
        break;
    case FIELD_END:
        break;
    }
}

/* The guest's name for what the index means. */
static void dump_comment(const struct ir_block *b, const struct ir_insn *i, FILE *out)
{
    const struct ir_guest *g = b->guest;
    if (ir_ops[i->op].extra == IR_EXTRA_SLOT && i->index < g->slot_count)
        fprintf(out, " ; %s", g->slots[i->index].name ? g->slots[i->index].name : "?");
    if (i->op == IR_call && i->index < g->helper_count)
        fprintf(out, " ; %s", g->helpers[i->index].name);
}

static void dump_insn(const struct ir_block *b, unsigned at, FILE *out)
{
    const struct ir_insn *i = &b->insns[at];
    const ir_ref refs[3] = {i->a, i->b, i->c};
    if (i->op >= IR_OP_COUNT) {
        fprintf(out, "%%%u op %u?\n", at, i->op);
        return;
    }
    const struct ir_op_info *info = &ir_ops[i->op];
    fprintf(out, "%%%u %s", at, info->name);
    for (unsigned n = 0; n < operand_count(info); n++)
        refs[n] ? fprintf(out, " %%%u", refs[n]) : fprintf(out, " -");
    for (unsigned n = 0; fields_of[info->extra][n].field; n++)
        dump_field(i, fields_of[info->extra][n].name, fields_of[info->extra][n].field, out);
    dump_comment(b, i, out);
    fputc('\n', out);
}

void ir_dump(const struct ir_block *b, FILE *out)
{
    for (unsigned at = 1; at < b->count; at++)
        dump_insn(b, at, out);
}

/* --- reading --- */

/* The next word of the line, in buf; false at the line's end or where a comment begins. */
static bool next_word(const char **p, char *buf, size_t size)
{
    *p += strspn(*p, " \t\r");
    size_t len = strcspn(*p, " \t\r\n;");
    if (!len || len >= size)
        return false;
    memcpy(buf, *p, len);
    buf[len] = 0;
    *p += len;
    return true;
}

static bool parse_number(const char *text, int64_t min, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    if (*text == '-') {
        int64_t v = strtoll(text, &end, 0);
        *out = (uint64_t)v;
        return end != text && !*end && !errno && v >= min;
    }
    *out = strtoull(text, &end, 0);
    return end != text && !*end && !errno && *out <= max;
}

static bool parse_ref(const char *word, ir_ref *out)
{
    uint64_t v = 0;
    if (strcmp(word, "-") && (*word != '%' || !parse_number(word + 1, 0, UINT16_MAX, &v)))
        return false;
    *out = (ir_ref)v;
    return true;
}

static bool parse_op(const char *word, uint8_t *op)
{
    for (unsigned i = 0; i < IR_OP_COUNT; i++)
        if (!strcmp(word, ir_ops[i].name)) {
            *op = (uint8_t)i;
            return true;
        }
    return false;
}

static bool parse_field(const char *word, const char *name, enum field field, struct ir_insn *i)
{
    size_t len = strlen(name);
    uint64_t v;
    if (strncmp(word, name, len) || word[len] != '=')
        return false;
    word += len + 1;
    switch (field) {
    case FIELD_IMM:
        return parse_number(word, INT64_MIN, UINT64_MAX, &i->imm);
    case FIELD_SUB:
        if (!parse_number(word, 0, UINT8_MAX, &v))
            return false;
        i->sub = (uint8_t)v;
        return true;
    case FIELD_DISP:
        if (!parse_number(word, INT32_MIN, INT32_MAX, &v))
            return false;
        i->disp = (int32_t)(int64_t)v;
        return true;
    default:
        if (!parse_number(word, 0, UINT16_MAX, &v))
            return false;
        *(field == FIELD_INDEX ? &i->index : &i->point) = (uint16_t)v; /* link is where point is */
        return true;
    }
}

/* What is wrong with the line, or NULL.  p is behind its number. */
static const char *parse_insn(const char **p, struct ir_insn *i)
{
    char word[64];
    if (!next_word(p, word, sizeof(word)) || !parse_op(word, &i->op))
        return "no such operation";
    const struct ir_op_info *info = &ir_ops[i->op];
    ir_ref *const refs[3] = {&i->a, &i->b, &i->c};
    for (unsigned n = 0; n < operand_count(info); n++)
        if (!next_word(p, word, sizeof(word)) || !parse_ref(word, refs[n]))
            return "a bad operand";
    for (unsigned n = 0; fields_of[info->extra][n].field; n++) {
        enum field field = fields_of[info->extra][n].field;
        bool there = next_word(p, word, sizeof(word));
        if (!there && field == FIELD_LINK)
            break;
        if (!there || !parse_field(word, fields_of[info->extra][n].name, field, i))
            return "a bad field";
    }
    return NULL;
}

/* One line, *p at its start; leaves *p at its end. */
static const char *parse_line(struct ir_block *b, const char **p)
{
    struct ir_insn insn = {0};
    char word[64];
    ir_ref number;
    if (next_word(p, word, sizeof(word))) {
        if (*word != '%' || !parse_ref(word, &number) || number != b->count)
            return "not the next instruction's number";
        if (!ir_room(b))
            return "too many instructions";
        const char *wrong = parse_insn(p, &insn);
        if (wrong)
            return wrong;
        ir_emit(b, insn);
    }
    *p += strspn(*p, " \t\r");
    return **p && **p != '\n' && **p != ';' ? "more than the operation takes" : NULL;
}

int ir_parse(struct ir_block *b, const char *text, struct ir_fault *fault)
{
    for (unsigned line = 1; *text; line++) {
        const char *wrong = parse_line(b, &text);
        if (wrong) {
            *fault = (struct ir_fault){.at = line, .what = wrong};
            return -EINVAL;
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return 0;
}
