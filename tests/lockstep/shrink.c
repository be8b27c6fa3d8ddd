/* SPDX-License-Identifier: Apache-2.0 */
/* Making a program that differs small; see shrink.h. */
#include "tests/lockstep/shrink.h"
#include "tests/lockstep/trial.h"

#include <string.h>

struct work {
    const struct duel_setup *setup;
    unsigned runs, tried;
    struct duel_result *found;
    struct program candidate;
};

/* Whether the candidate differs; then it becomes the program. */
static bool accept(struct work *w, struct program *p)
{
    static struct duel_result r;
    for (unsigned i = 0; i < w->runs; i++) {
        w->tried++;
        trial_run(w->setup, &w->candidate, &r);
        if (!r.differs)
            continue;
        w->candidate.piece_count = r.piece + 1;
        *p = w->candidate;
        *w->found = r;
        return true;
    }
    return false;
}

/* --- items --- */

static bool without(struct work *w, struct program *p, unsigned from, unsigned count)
{
    unsigned before = program_items(p);
    w->candidate = *p;
    for (unsigned i = from; i < from + count && i < p->count; i++)
        if (p->items[i].kind != ITEM_END)
            w->candidate.left_out[i] = true;
    return program_items(&w->candidate) < before && accept(w, p);
}

static bool fewer_items(struct work *w, struct program *p)
{
    bool any = false;
    for (unsigned size = p->count / 2; size; size /= 2)
        for (unsigned from = 0; from < p->count; from += size)
            any |= without(w, p, from, size);
    return any;
}

/* --- pieces --- */

/* All pieces but the last as one, or all of them. */
static bool fewer_pieces(struct work *w, struct program *p)
{
    uint64_t sum = 0;
    unsigned last = p->piece_count - 1;
    for (unsigned i = 0; i < last; i++)
        sum += p->pieces[i].insns;
    if (!last)
        return false;
    w->candidate = *p;
    w->candidate.piece_count = 1;
    w->candidate.pieces[0].insns = (uint32_t)sum + p->pieces[last].insns;
    if (accept(w, p))
        return true;
    if (last == 1)
        return false;
    w->candidate = *p;
    w->candidate.piece_count = 2;
    w->candidate.pieces[0].insns = (uint32_t)sum;
    w->candidate.pieces[1] = p->pieces[last];
    return accept(w, p);
}

/* Piece i together with the next. */
static bool joined_pieces(struct work *w, struct program *p)
{
    bool any = false;
    for (unsigned i = 0; i + 1 < p->piece_count;) {
        w->candidate = *p;
        w->candidate.pieces[i].insns += p->pieces[i + 1].insns;
        memmove(&w->candidate.pieces[i + 1], &p->pieces[i + 2],
                (p->piece_count - i - 2) * sizeof(p->pieces[0]));
        w->candidate.piece_count--;
        if (p->piece_count < 200 && accept(w, p))
            any = true;
        else
            i++;
    }
    return any;
}

static bool without_events(struct work *w, struct program *p, unsigned from, unsigned count)
{
    bool any = false;
    w->candidate = *p;
    for (unsigned i = from; i < from + count && i < p->piece_count; i++) {
        any |= p->pieces[i].irq || (p->pieces[i].change && w->setup->change);
        w->candidate.pieces[i].irq = w->candidate.pieces[i].change = false;
    }
    return any && accept(w, p);
}

static bool fewer_events(struct work *w, struct program *p)
{
    bool any = false;
    for (unsigned size = p->piece_count; size; size /= 2)
        for (unsigned from = 0; from < p->piece_count; from += size)
            any |= without_events(w, p, from, size);
    return any;
}

/* The last piece as short as it may be. */
static bool shorter_piece(struct work *w, struct program *p)
{
    bool any = false;
    for (uint32_t step = p->pieces[p->piece_count - 1].insns / 2; step; step /= 2) {
        struct piece *last = &w->candidate.pieces[p->piece_count - 1];
        w->candidate = *p;
        if (last->insns <= step)
            continue;
        last->insns -= step;
        any |= accept(w, p);
    }
    return any;
}

/* --- loops --- */

void shrink(const struct duel_setup *s, struct program *p, unsigned runs, struct duel_result *found)
{
    static struct work w;
    w = (struct work){.setup = s, .runs = runs, .found = found};
    p->piece_count = found->piece + 1;
    for (unsigned i = 0; i < 4; i++) {
        bool any = fewer_pieces(&w, p);
        any |= fewer_events(&w, p);
        any |= fewer_items(&w, p);
        any |= joined_pieces(&w, p);
        any |= shorter_piece(&w, p);
        if (!any)
            break;
    }
}
