/* SPDX-License-Identifier: Apache-2.0 */
/* From items to code, and to text. */
#include <inttypes.h>
#include <string.h>

#include "isa/riscv/forms.h"
#include "isa/riscv/isa_string.h"
#include "isa/riscv/rv.h"
#include "tests/lockstep/program.h"

static const char *const names[] = {
#define ITEM(id, weight, text) text,
#include "tests/lockstep/items.def"
};

const char *program_item_name(const struct program *p, unsigned item)
{
    return names[p->items[item].kind];
}

/* --- what is there --- */

bool program_has(const struct program *p, unsigned i)
{
    const struct item *it = &p->items[i];
    return !p->left_out[i] && (it->needs < 0 || !p->left_out[it->needs]) &&
           (it->function < 0 || !p->left_out[it->function]);
}

unsigned program_items(const struct program *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->count; i++)
        n += program_has(p, i);
    return n;
}

/* --- where it is --- */

static unsigned item_bytes(const struct item *it)
{
    unsigned bytes = 0;
    for (unsigned k = 0; k < it->count; k++)
        bytes += it->insns[k].len;
    return bytes;
}

static void lay_out(const struct program *p, struct code *c)
{
    unsigned at = p->start;
    for (unsigned i = 0; i < p->count; i++) {
        const struct item *it = &p->items[i];
        c->at[i] = at;
        if (!program_has(p, i))
            continue;
        at += item_bytes(it);
        if (it->skip) /* the rest of the page stays empty but for skip bytes */
            at = ((at + it->skip + PAGE - 1) & ~(PAGE - 1u)) - it->skip;
    }
    c->at[p->count] = c->size = at;
}

/* --- fields --- */

static bool set_imm(struct item_insn *n, int32_t imm)
{
    struct rv_insn in;
    uint32_t word;
    rv_form_extract(&rv_forms()[n->form], n->raw, &in);
    in.imm = imm;
    if (rv_encode(n->form, &in, &word) < 0)
        return false;
    n->raw = word;
    return true;
}

/* Out of reach: to the next item. */
static void link_insn(const struct program *p, const struct code *c, unsigned i, unsigned at,
                      struct item_insn *n, int64_t *rest)
{
    int64_t target = n->target >= 0 ? AT_CODE + (int64_t)c->at[n->target] : (int64_t)n->absolute;
    int64_t distance = target - AT_CODE - at + n->aliased * (int64_t)ALIAS;
    (void)p;
    switch (n->fix) {
    case FIX_REL:
        if (!set_imm(n, (int32_t)distance))
            set_imm(n, (int32_t)((int)c->at[i + 1] - (int)at));
        break;
    case FIX_HIGH:
        *rest = (int32_t)((uint32_t)distance << 20) >> 20;
        n->raw = (n->raw & 0xfff) | ((uint32_t)(distance - *rest) & 0xfffff000);
        break;
    case FIX_LOW:
        set_imm(n, (int32_t)*rest);
        break;
    }
}

void program_link(const struct program *p, struct code *c)
{
    memset(c->bytes, 0, sizeof(c->bytes));
    lay_out(p, c);
    for (unsigned i = 0; i < p->count; i++) {
        unsigned at = c->at[i];
        int64_t rest = 0;
        if (!program_has(p, i))
            continue;
        for (unsigned k = 0; k < p->items[i].count; k++) {
            struct item_insn n = p->items[i].insns[k];
            link_insn(p, c, i, at, &n, &rest);
            if (at + n.len <= sizeof(c->bytes))
                memcpy(c->bytes + at, &n.raw, n.len);
            at += n.len;
        }
    }
}

int program_item_at(const struct program *p, const struct code *c, unsigned offset)
{
    for (unsigned i = 0; i < p->count; i++)
        if (program_has(p, i) && offset >= c->at[i] && offset < c->at[i] + item_bytes(&p->items[i]))
            return (int)i;
    return -1;
}

/* --- text --- */

static void print_item(const struct program *p, const struct code *c, unsigned i,
                       const struct rv_ext_set *exts, FILE *out)
{
    uint64_t base = p->literals[LITERAL_MEPC] - p->start;
    unsigned at = c->at[i];
    fprintf(out, "%4u %s", i, program_item_name(p, i));
    if (p->items[i].kind == ITEM_PATCH)
        fprintf(out, " of item %d", p->items[i].needs);
    fputc('\n', out);
    for (unsigned k = 0; k < p->items[i].count; k++) {
        struct rv_insn in;
        char text[96];
        uint32_t raw = 0;
        memcpy(&raw, c->bytes + at, p->items[i].insns[k].len);
        rv_decode(raw, exts, &in);
        rv_disasm(&in, base + at, text, sizeof(text));
        fprintf(out, "  %8" PRIx64 ":  %0*x%*s  %s\n", base + at, 2 * in.len, in.raw,
                8 - 2 * in.len, "", text);
        at += p->items[i].insns[k].len;
    }
}

void program_print(const struct program *p, FILE *out)
{
    static const char *const modes[] = {"U", "S", "?", "M"};
    static struct code c;
    struct rv_ext_set exts;
    isa_set_default(&exts);
    program_link(p, &c);
    fprintf(out,
            "mode %s, %s, %s data, misaligned accesses %s, medeleg 0x%" PRIx64
            ", mideleg 0x%" PRIx64 ", menvcfg 0x%" PRIx64 ", mstatus 0x%" PRIx64 ", fcsr 0x%" PRIx64
            "\n",
            modes[p->mode & 3], p->paging ? "Sv39" : "bare", p->user_data ? "user" : "supervisor",
            p->strict_align ? "trap" : "do not trap", p->literals[LITERAL_MEDELEG],
            p->literals[LITERAL_MIDELEG], p->literals[LITERAL_MENVCFG],
            p->literals[LITERAL_MSTATUS], p->literals[LITERAL_FCSR]);
    if (p->literals[LITERAL_PMPADDR])
        fprintf(out, "pmpaddr0 0x%" PRIx64 ", pmpcfg0 0x%" PRIx64 "\n",
                p->literals[LITERAL_PMPADDR], p->literals[LITERAL_PMPCFG]);
    for (unsigned i = 1; i < 32; i++)
        fprintf(out, "x%-2u %016" PRIx64 "%s", i, i == 30 ? 0 : p->x[i], i % 4 == 3 ? "\n" : "  ");
    for (unsigned i = 0; i < 32; i++)
        fprintf(out, "f%-2u %016" PRIx64 "%s", i, p->f[i], i % 4 == 3 ? "\n" : "  ");
    for (unsigned i = 0; i < p->count; i++)
        if (program_has(p, i))
            print_item(p, &c, i, &exts, out);
}
