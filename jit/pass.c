/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of passes and their driver; see pass.h.
 */
#include "jit/pass.h"

#include <errno.h>
#include <string.h>

#include "sim/base/error.h"
#include "sim/base/log.h"

static const struct ir_pass passes[] = {
#define PASS(name, level, summary) {#name, summary, level, ir_pass_##name},
#include "jit/passes.def"
};
_Static_assert(ARRAY_LEN(passes) < 32, "a mask has a bit for each");

#define ALL_PASSES ((1u << ARRAY_LEN(passes)) - 1)

const struct ir_pass *ir_pass_at(unsigned i)
{
    return i < ARRAY_LEN(passes) ? &passes[i] : NULL;
}

uint32_t ir_passes_of_level(unsigned level)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < ARRAY_LEN(passes); i++)
        mask |= (uint32_t)(passes[i].level <= level) << i;
    return mask;
}

/* --- lists --- */

/* The passes that a word of len bytes names. */
static bool parse_word(const char *word, size_t len, uint32_t *named)
{
    if (len == 4 && !memcmp(word, "none", len)) {
        *named = 0;
        return true;
    }
    if (len == 3 && !memcmp(word, "all", len)) {
        *named = ALL_PASSES;
        return true;
    }
    for (unsigned i = 0; i < ARRAY_LEN(passes); i++)
        if (len == strlen(passes[i].name) && !memcmp(word, passes[i].name, len)) {
            *named = 1u << i;
            return true;
        }
    return false;
}

static int no_such_pass(const char *list, const char *word, size_t len)
{
    char names[256] = "all, none";
    for (unsigned i = 0; i < ARRAY_LEN(passes); i++) {
        strncat(names, ", ", sizeof(names) - strlen(names) - 1);
        strncat(names, passes[i].name, sizeof(names) - strlen(names) - 1);
    }
    return error_set(MH_ERROR_EXECUTION, -EINVAL, "jit-passes", list, "no pass \"%.*s\"; one of %s",
                     (int)(len < 64 ? len : 64), word, names);
}

int ir_passes_parse(const char *list, uint32_t *mask)
{
    uint32_t result = *list == '-' ? *mask : 0;
    for (const char *word = list;; word++) {
        bool take_away = *word == '-';
        uint32_t named;
        word += take_away;
        size_t len = strcspn(word, ",");
        if (!parse_word(word, len, &named))
            return no_such_pass(list, word, len);
        result = take_away ? result & ~named : result | named;
        word += len;
        if (!*word)
            break;
    }
    *mask = result;
    return 0;
}

/* --- running --- */

/* Whether its instructions name a point. */
static bool has_point(enum ir_op op)
{
    uint8_t extra = ir_ops[op].extra;
    return extra == IR_EXTRA_MEM || extra == IR_EXTRA_AMO || extra == IR_EXTRA_CALL ||
           extra == IR_EXTRA_TRAP;
}

/*
 * Nops go; what used them uses what they stand for.  Once, behind the last pass, unless somebody
 * looks at the block between passes: it costs as much as a pass.
 */
static void compact(struct ir_block *b)
{
    ir_ref to[IR_PASS_MAX];
    unsigned n = 0;
    for (unsigned at = 0; at < b->count; at++) {
        struct ir_insn i = b->insns[at];
        if (i.op == IR_nop) {
            to[at] = to[i.a];
            continue;
        }
        to[at] = (ir_ref)n;
        i.a = to[i.a];
        i.b = to[i.b];
        i.c = to[i.c];
        if (has_point((enum ir_op)i.op))
            i.point = to[i.point];
        b->insns[n++] = i;
    }
    b->count = n;
}

#if defined(MH_DEBUG)
enum { CHECKED = true };
#else
enum { CHECKED = false };
#endif

static void check(const struct ir_block *b, const char *pass)
{
#if defined(MH_DEBUG)
    struct ir_fault fault;
    if (ir_check(b, &fault))
        BUG("after pass %s: %%%u (%s): %s", pass, fault.at, ir_ops[b->insns[fault.at].op].name,
            fault.what);
#else
    (void)b;
    (void)pass;
#endif
}

void ir_optimize(struct ir_block *b, uint32_t mask, ir_pass_hook *hook, void *opaque)
{
    if (b->count > IR_PASS_MAX)
        return;
    for (uint32_t rest = mask & ALL_PASSES; rest; rest &= rest - 1) {
        unsigned i = (unsigned)__builtin_ctz(rest);
        passes[i].run(b);
        if (!hook && !CHECKED)
            continue;
        compact(b);
        check(b, passes[i].name);
        if (hook)
            hook(b, passes[i].name, opaque);
    }
    compact(b);
}

/* --- slots, as several passes follow them --- */

static void forget(struct ir_held *h, const struct ir_guest *g, uint8_t kind)
{
    unsigned n = g->slot_count < IR_HELD_MAX ? g->slot_count : IR_HELD_MAX;
    for (unsigned slot = 0; slot < n; slot++)
        if (g->slots[slot].kind == kind)
            h->value[slot] = IR_NONE;
}

void ir_held_step_slow(struct ir_held *h, const struct ir_block *b, unsigned at)
{
    const struct ir_insn *i = &b->insns[at];
    switch (i->op) {
    case IR_slot_get:
        if (i->index < IR_HELD_MAX)
            h->value[i->index] = (ir_ref)at;
        break;
    case IR_slot_set: /* a narrow slot keeps some bytes only */
        if (i->index < IR_HELD_MAX)
            h->value[i->index] = b->guest->slots[i->index].size == 8 ? i->a : IR_NONE;
        break;
    case IR_call:
        if (i->sub & IR_CALL_REGS)
            forget(h, b->guest, IR_SLOT_REG);
        if (i->sub & IR_CALL_STATE)
            forget(h, b->guest, IR_SLOT_STATE);
        break;
    default:
        break;
    }
}
