/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder.  Parses the pictures of insns.def into struct rv_form, sorts
 * the forms into buckets and looks words up in them.  Engines call rv_decode at
 * the first execution of an instruction, on any thread; the tables are built
 * once under pthread_once and are constant afterwards.
 *
 * A bucket is chosen by the major opcode and the field that divides it best:
 * funct3, or bits 31:27 for OP-FP and AMO; quadrant and funct3 for 16-bit
 * words.  A bucket lists its forms from the most specific mask down, so that a
 * named hint is tried before the instruction whose encoding space it is part of.
 */
#include "isa/riscv/decode.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/forms.h"
#include "sim/base/bits.h"
#include "sim/base/log.h"

enum {
    OPCODE_AMO = 0x0b,   /* bits 6:2 */
    OPCODE_OP_FP = 0x14, /* bits 6:2 */
    BUCKETS_32 = 32 * 32,
    BUCKETS_16 = 3 * 8,
    BUCKETS = BUCKETS_32 + BUCKETS_16,
    BUCKET_SLOTS = 8192,
};

/* A line of insns.def as it stands there. */
struct form_text {
    const char *name;
    const char *picture;
    uint16_t op, rules;
    uint8_t ext, second, format;
};

struct format_text {
    const char *operands, *immediate, *fill;
    uint32_t flags;
    uint16_t rules;
};

struct bucket {
    uint16_t first, count; /* in tables.slots */
};

static const struct format_text format_texts[RV_FORMAT_COUNT] = {
#define FORMAT(name, operands, immediate, fill, rule, flags)                                       \
    [RV_FORMAT_##name] = {operands, immediate, fill, flags, rule},
#include "isa/riscv/insns.def"
};

static const struct form_text form_texts[RV_FORM_COUNT] = {
#define FORM(name, base, ext, second, format, picture, rule)                                       \
    [RV_FORM_##name] = {#name,        picture,         RV_OP_##base,      rule,                    \
                        RV_EXT_##ext, RV_EXT_##second, RV_FORMAT_##format},
#define INSN(name, ext, format, picture)          FORM(name, name, ext, ext, format, picture, 0)
#define INSN2(name, ext, second, format, picture) FORM(name, name, ext, second, format, picture, 0)
#define HINT(name, base, ext, format, picture)    FORM(name, base, ext, ext, format, picture, 0)
#define CINSN(name, base, ext, format, picture, rule)                                              \
    FORM(name, base, ext, ext, format, picture, rule)
#include "isa/riscv/insns.def"
};

/* The alternative extension of each form that has one; 0 (I) for none. */
static const uint8_t also_exts[RV_FORM_COUNT] = {
#define ALSO(name, ext) [RV_FORM_##name] = RV_EXT_##ext,
#include "isa/riscv/insns.def"
};

/* The form that defines each op. */
static const uint16_t op_forms[RV_OP_COUNT] = {
#define INSN(name, ext, format, picture) [RV_OP_##name] = RV_FORM_##name,
#include "isa/riscv/insns.def"
};

/* Written by build() alone. */
static struct {
    pthread_once_t once;
    struct rv_form forms[RV_FORM_COUNT];
    struct rv_op_info ops[RV_OP_COUNT];
    struct bucket buckets[BUCKETS];
    uint16_t slots[BUCKET_SLOTS];
    uint16_t by_specificity[RV_FORM_COUNT];
} tables = {.once = PTHREAD_ONCE_INIT};

/* ---- parsing ---- */

static void set_name(struct rv_form *f, const char *name)
{
    size_t n = strlen(name);

    BUG_ON(n >= sizeof(f->name));
    for (size_t i = 0; i < n; i++)
        f->name[i] = name[i] == '_' ? '.' : name[i];
}

static struct rv_field *field_of_letter(struct rv_form *f, char letter)
{
    switch (letter) {
    case 'd':
        return &f->rd;
    case 's':
        return &f->rs1;
    case 't':
        return &f->rs2;
    case 'u':
        return &f->rs3;
    case 'm':
        return &f->rm;
    case 'a':
        return &f->aq;
    case 'q':
        return &f->rl;
    default:
        return NULL;
    }
}

/* One bit of a picture; pictures are read from the MSB down. */
static void set_picture_bit(struct rv_form *f, char letter, unsigned bit)
{
    struct rv_field *field = field_of_letter(f, letter);

    if (letter == '0' || letter == '1') {
        f->mask |= 1u << bit;
        f->match |= (uint32_t)(letter - '0') << bit;
    } else if (field) {
        BUG_ON(field->width && field->shift != bit + 1);
        field->shift = (uint8_t)bit;
        field->width++;
    } else {
        BUG_ON(letter != 'i' && letter != '-');
    }
}

/* Appends bit `imm` of the immediate, found at bit `word`, to the runs. */
static void add_imm_bit(struct rv_form *f, unsigned word, unsigned imm)
{
    struct rv_imm_run *last = &f->runs[f->run_count ? f->run_count - 1 : 0];

    if (f->run_count && last->word == word + 1 && last->imm == imm + 1) {
        last->word--;
        last->imm--;
        last->width++;
        return;
    }
    BUG_ON(f->run_count == RV_FORM_MAX_RUNS);
    f->runs[f->run_count++] = (struct rv_imm_run){(uint8_t)word, 1, (uint8_t)imm};
}

/* The next bit number of a list like "12|10:5|4:1|11"; *p moves on, *run counts down. */
static unsigned next_imm_bit(const char **p, int *run, int *stop)
{
    char *end;

    if (*run > *stop)
        return (unsigned)--*run;
    BUG_ON(!**p);
    *run = *stop = (int)strtol(*p, &end, 10);
    if (*end == ':')
        *stop = (int)strtol(end + 1, &end, 10);
    *p = *end == '|' ? end + 1 : end;
    return (unsigned)*run;
}

static void parse_picture(struct rv_form *f, const char *picture, const char *immediate)
{
    bool is_signed = *immediate == '-';
    const char *p = immediate + is_signed;
    int run = -1, stop = -1;
    unsigned bits = 0;

    for (const char *c = picture; *c; c++)
        bits += *c != ' ';
    BUG_ON(bits != 16 && bits != 32);
    f->len = (uint8_t)(bits / 8);
    if (is_signed)
        f->imm_sign = (uint8_t)(strtol(p, NULL, 10) + 1);
    for (const char *c = picture; *c; c++) {
        if (*c == ' ')
            continue;
        bits--;
        set_picture_bit(f, *c, bits);
        if (*c == 'i')
            add_imm_bit(f, bits, next_imm_bit(&p, &run, &stop));
    }
    BUG_ON(*p || run != stop);
}

/* A list like "s=d i=-1". */
static void parse_fill(struct rv_form *f, const char *fill)
{
    f->rd_fill = f->rs1_fill = f->rs2_fill = RV_FILL_NONE;
    for (const char *p = fill; *p; p += *p == ' ') {
        char target = p[0];
        char *end = (char *)p + 3;
        long value = p[2] == 'd' ? RV_FILL_RD : strtol(p + 2, &end, 0);

        if (target == 'i') {
            f->has_imm_fill = true;
            f->imm_fill = (int16_t)value;
        } else {
            *(target == 'd'   ? &f->rd_fill
              : target == 's' ? &f->rs1_fill
                              : &f->rs2_fill) = (int8_t)value;
        }
        p = end;
    }
}

static uint32_t flags_of_operands(const char *operands)
{
    static const struct {
        char letter;
        uint32_t flags;
    } map[] = {
        {'d', RV_WRITES_RD},
        {'s', RV_READS_RS1},
        {'t', RV_READS_RS2},
        {'D', RV_WRITES_FRD | RV_IS_FP},
        {'S', RV_READS_FRS1 | RV_IS_FP},
        {'T', RV_READS_FRS2 | RV_IS_FP},
        {'R', RV_READS_FRS3 | RV_IS_FP},
        {'m', RV_HAS_RM | RV_IS_FP},
        {'n', RV_HAS_RM | RV_IS_FP},
    };
    uint32_t flags = 0;

    for (size_t i = 0; i < ARRAY_LEN(map); i++)
        if (strchr(operands, map[i].letter))
            flags |= map[i].flags;
    return flags;
}

static uint8_t also_of(const struct form_text *text, uint8_t ext)
{
    uint8_t also = also_exts[text - form_texts];

    return also ? also : ext;
}

static void parse_form(struct rv_form *f, const struct form_text *text)
{
    const struct format_text *format = &format_texts[text->format];
    const struct form_text *base = &form_texts[op_forms[text->op]];

    set_name(f, text->name);
    f->operands = format->operands;
    f->op = text->op;
    f->ext = text->ext;
    f->also = also_of(text, text->ext);
    f->base_ext = base == text ? text->second : base->ext;
    f->base_also = text->second == text->ext ? also_of(base, f->base_ext) : text->second;
    f->format = text->format;
    f->rules = text->rules | format->rules;
    f->flags = format->flags | flags_of_operands(format->operands);
    parse_picture(f, text->picture, format->immediate);
    parse_fill(f, format->fill);
}

/* ---- buckets ---- */

static bool opcode_splits_by_funct5(unsigned opcode)
{
    return opcode == OPCODE_AMO || opcode == OPCODE_OP_FP;
}

static unsigned bucket_of_word(uint32_t raw)
{
    unsigned opcode = (raw >> 2) & 0x1f;

    if ((raw & 3) != 3)
        return BUCKETS_32 + (raw & 3) * 8 + ((raw >> 13) & 7);
    if (opcode_splits_by_funct5(opcode))
        return opcode * 32 + (raw >> 27);
    return opcode * 32 + ((raw >> 12) & 7);
}

/* The bits that are the same in all words of bucket b: *mask, and their values. */
static uint32_t bucket_bits(unsigned b, uint32_t *mask)
{
    unsigned opcode = b / 32, sub = b % 32;

    if (b >= BUCKETS_32) {
        *mask = 0xe003;
        return (b - BUCKETS_32) / 8 | ((b - BUCKETS_32) % 8) << 13;
    }
    if (opcode_splits_by_funct5(opcode)) {
        *mask = 0xf800007f;
        return 3 | opcode << 2 | (uint32_t)sub << 27;
    }
    *mask = 0x707f;
    return 3 | opcode << 2 | sub << 12;
}

static int compare_specificity(const void *a, const void *b)
{
    const struct rv_form *fa = &tables.forms[*(const uint16_t *)a];
    const struct rv_form *fb = &tables.forms[*(const uint16_t *)b];
    int d = __builtin_popcount(fb->mask) - __builtin_popcount(fa->mask);

    return d ? d : (int)(fa - fb);
}

static void build_bucket(unsigned b, uint16_t *next_slot)
{
    uint32_t mask, bits = bucket_bits(b, &mask);

    if (b < BUCKETS_32 && !opcode_splits_by_funct5(b / 32) && b % 32 >= 8)
        return;
    tables.buckets[b].first = *next_slot;
    for (unsigned i = 0; i < RV_FORM_COUNT; i++) {
        unsigned form = tables.by_specificity[i];
        const struct rv_form *f = &tables.forms[form];

        if (form == RV_FORM_illegal || ((bits ^ f->match) & f->mask & mask))
            continue;
        BUG_ON(*next_slot == BUCKET_SLOTS);
        tables.slots[(*next_slot)++] = (uint16_t)form;
    }
    tables.buckets[b].count = (uint16_t)(*next_slot - tables.buckets[b].first);
}

static void build_op(unsigned op)
{
    const struct rv_form *f = &tables.forms[op_forms[op]];

    tables.ops[op] = (struct rv_op_info){
        .name = f->name,
        .ext = f->ext,
        .format = f->format,
        .mask = f->mask,
        .match = f->match,
        .flags = f->flags,
    };
}

static void build(void)
{
    uint16_t next_slot = 0;

    strcpy(tables.forms[RV_FORM_illegal].name, "illegal");
    tables.forms[RV_FORM_illegal].operands = "";
    tables.forms[RV_FORM_illegal].flags = RV_ENDS_BLOCK;
    tables.forms[RV_FORM_illegal].len = 4;
    for (unsigned i = 0; i < RV_FORM_COUNT; i++) {
        tables.by_specificity[i] = (uint16_t)i;
        if (i != RV_FORM_illegal)
            parse_form(&tables.forms[i], &form_texts[i]);
    }
    for (unsigned op = 0; op < RV_OP_COUNT; op++)
        build_op(op);
    qsort(tables.by_specificity, RV_FORM_COUNT, sizeof(uint16_t), compare_specificity);
    for (unsigned b = 0; b < BUCKETS; b++)
        build_bucket(b, &next_slot);
}

const struct rv_form *rv_forms(void)
{
    pthread_once(&tables.once, build);
    return tables.forms;
}

const struct rv_op_info *rv_op_info(unsigned op)
{
    pthread_once(&tables.once, build);
    return &tables.ops[op];
}

/* ---- decoding ---- */

/* A register field of three bits names x8 to x15. */
static uint8_t extract_reg(struct rv_field field, uint32_t raw)
{
    uint8_t value = (raw >> field.shift) & ((1u << field.width) - 1);

    return field.width == 3 ? value + 8 : value;
}

static uint8_t extract_bits(struct rv_field field, uint32_t raw)
{
    return (raw >> field.shift) & ((1u << field.width) - 1);
}

static int32_t extract_imm(const struct rv_form *f, uint32_t raw)
{
    uint32_t imm = 0;

    if (f->has_imm_fill)
        return f->imm_fill;
    for (unsigned i = 0; i < f->run_count; i++) {
        const struct rv_imm_run *r = &f->runs[i];

        imm |= ((raw >> r->word) & ((1u << r->width) - 1)) << r->imm;
    }
    return f->imm_sign ? (int32_t)sext(imm, f->imm_sign) : (int32_t)imm;
}

static uint8_t fill_reg(int8_t fill, uint8_t own, uint8_t rd)
{
    if (fill == RV_FILL_NONE)
        return own;
    return fill == RV_FILL_RD ? rd : (uint8_t)fill;
}

static bool satisfies_rules(unsigned rules, const struct rv_insn *i)
{
    return !(((rules & RV_RULE_I_NZ) && !i->imm) || ((rules & RV_RULE_D_NZ) && !i->rd) ||
             ((rules & RV_RULE_D_NOT2) && i->rd == 2) || ((rules & RV_RULE_S_NZ) && !i->rs1) ||
             ((rules & RV_RULE_T_NZ) && !i->rs2) || ((rules & RV_RULE_D_EVEN) && (i->rd & 1)) ||
             ((rules & RV_RULE_T_EVEN) && (i->rs2 & 1)) ||
             ((rules & RV_RULE_RM) && (i->rm == 5 || i->rm == 6)) ||
             ((rules & RV_RULE_I_LE10) && i->imm > 10));
}

bool rv_form_extract(const struct rv_form *f, uint32_t raw, struct rv_insn *out)
{
    uint8_t rd = fill_reg(f->rd_fill, extract_reg(f->rd, raw), 0);

    out->rd = rd;
    out->rs1 = fill_reg(f->rs1_fill, extract_reg(f->rs1, raw), rd);
    out->rs2 = fill_reg(f->rs2_fill, extract_reg(f->rs2, raw), rd);
    out->rs3 = extract_bits(f->rs3, raw);
    out->rm = extract_bits(f->rm, raw);
    out->aq = extract_bits(f->aq, raw);
    out->rl = extract_bits(f->rl, raw);
    out->imm = extract_imm(f, raw);
    return !f->rules || satisfies_rules(f->rules, out);
}

static bool has_either(const struct rv_ext_set *exts, uint8_t a, uint8_t b)
{
    return rv_ext_has(exts, (enum rv_ext)a) || rv_ext_has(exts, (enum rv_ext)b);
}

void rv_decode(uint32_t raw, const struct rv_ext_set *exts, struct rv_insn *out)
{
    const struct rv_form *forms = rv_forms();
    const struct bucket *b;
    uint8_t len = (raw & 3) == 3 ? 4 : 2;

    if (len == 2)
        raw &= 0xffff;
    b = &tables.buckets[bucket_of_word(raw)];
    for (unsigned i = b->first; i < (unsigned)b->first + b->count; i++) {
        unsigned form = tables.slots[i];
        const struct rv_form *f = &forms[form];

        if ((raw & f->mask) != f->match || !has_either(exts, f->ext, f->also) ||
            !has_either(exts, f->base_ext, f->base_also) || !rv_form_extract(f, raw, out))
            continue;
        out->op = f->op;
        out->form = (uint16_t)form;
        out->len = len;
        out->raw = raw;
        return;
    }
    *out = (struct rv_insn){.op = RV_OP_illegal, .len = len, .raw = raw};
}

/* ---- encoding ---- */

static uint32_t insert_reg(struct rv_field field, uint8_t value)
{
    unsigned v = field.width == 3 ? value - 8u : value;

    return (v & ((1u << field.width) - 1)) << field.shift;
}

static uint32_t insert_bits(struct rv_field field, unsigned value)
{
    return (value & ((1u << field.width) - 1)) << field.shift;
}

static uint32_t insert_imm(const struct rv_form *f, int32_t imm)
{
    uint32_t raw = 0;

    for (unsigned i = 0; i < f->run_count; i++) {
        const struct rv_imm_run *r = &f->runs[i];

        raw |= (((uint32_t)imm >> r->imm) & ((1u << r->width) - 1)) << r->word;
    }
    return raw;
}

/* Whether the fields that f has came back as they were asked for. */
static bool same_fields(const struct rv_form *f, const struct rv_insn *a, const struct rv_insn *b)
{
    return (!f->rd.width || a->rd == b->rd) && (!f->rs1.width || a->rs1 == b->rs1) &&
           (!f->rs2.width || a->rs2 == b->rs2) && (!f->rs3.width || a->rs3 == b->rs3) &&
           (!f->rm.width || a->rm == b->rm) && (!f->aq.width || a->aq == b->aq) &&
           (!f->rl.width || a->rl == b->rl) && (!f->run_count || a->imm == b->imm);
}

int rv_encode(unsigned form, const struct rv_insn *in, uint32_t *raw)
{
    const struct rv_form *f = &rv_forms()[form];
    struct rv_insn back;
    uint32_t word;

    if (form == RV_FORM_illegal || form >= RV_FORM_COUNT)
        return -EINVAL;
    word = f->match | insert_reg(f->rd, in->rd) | insert_reg(f->rs1, in->rs1) |
           insert_reg(f->rs2, in->rs2) | insert_bits(f->rs3, in->rs3) | insert_bits(f->rm, in->rm) |
           insert_bits(f->aq, in->aq) | insert_bits(f->rl, in->rl) | insert_imm(f, in->imm);
    if (!rv_form_extract(f, word, &back) || !same_fields(f, in, &back))
        return -EINVAL;
    *raw = word;
    return f->len;
}
